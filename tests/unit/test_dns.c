/* DNS answers as they are told: those in hexadecimal digits came from dnsmasq 2.90. */
#include "proto/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bc_dns_message message;
static struct bc_dns_record record;
static struct bc_fault fault;

/* Answers are laid out in exactly their bytes, so that the sanitizer sees a read behind them. */
static char *bytes;
static size_t used;

static int start(void **state) {
  (void)state;
  bytes = NULL;
  used = 0;
  fault = (struct bc_fault){0};
  return 0;
}

static int stop(void **state) {
  (void)state;
  free(bytes);
  return 0;
}

static void add(const void *from, size_t len) {
  char *more = malloc(used + len);
  assert_non_null(more);
  if (used > 0) {
    memcpy(more, bytes, used);
  }
  memcpy(more + used, from, len);
  free(bytes);
  bytes = more;
  used += len;
}

static void add_hex(const char *digits) {
  for (; *digits != '\0'; digits += 2) {
    char pair[3] = {digits[0], digits[1], '\0'};
    char byte = (char)strtoul(pair, NULL, 16);
    add(&byte, 1);
  }
}

static void add_u16(unsigned number) {
  char two[2] = {(char)(number >> 8), (char)number};
  add(two, 2);
}

static void add_head(unsigned flags, unsigned questions, unsigned answers, unsigned authority, unsigned additional) {
  add_u16(0x1234);
  add_u16(flags);
  add_u16(questions);
  add_u16(answers);
  add_u16(authority);
  add_u16(additional);
}

/* A record of class IN and TTL 300 at the root. */
static void add_record(unsigned type, const void *rdata, size_t len) {
  add("", 1);
  add_u16(type);
  add_u16(1);
  add("\0\0\1\54", 4);
  add_u16((unsigned)len);
  add(rdata, len);
}

static enum bc_err open_message(void) {
  return bc_dns_open(&message, (struct bc_str){.at = bytes, .len = used}, &fault);
}

static void assert_next(void) {
  assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_OK);
}

static void assert_rdata(const char *wanted) {
  struct bc_buf text;
  bc_buf_init(&text, 65536);
  bc_dns_print_rdata(&record, &text);
  assert_string_equal(text.data, wanted);
  bc_buf_free(&text);
}

static void assert_text(struct bc_str text, const char *wanted) {
  assert_int_equal(text.len, strlen(wanted));
  assert_memory_equal(text.at, wanted, text.len);
}

static void real_answers_of_the_usual_types_are_told(void **state) {
  (void)state;
  static const struct {
    const char *hex;
    const char *type;
    const char *rdata;
  } cases[] = {
      {"123485800001000100000000016104746573740000010001c00c00010001000000000004c0000201", "A", "192.0.2.1"},
      {"12348580000100010000000104626f7468047465737400001c0001c00c001c000100000000001020010db80000000000000000000000020"
       "0002904d0000000000000",
       "AAAA", "2001:db8::2"},
      {"123485800001000100000000046d61696c047465737400000f0001c00c000f0001000000000010000a026d78046d61696c047465737400",
       "MX", "10 mx.mail.test."},
      {"1234858000010001000000000374787404746573740000100001c00c0010000100000000001a0b763d73706631202d616c6c0d7365636f6"
       "e6420737472696e67",
       "TXT", "\"v=spf1 -all\" \"second string\""},
      {"123485800001000100000000045f736970045f75647004746573740000210001c00c002100010000000000100001000213c403736970047"
       "465737400",
       "SRV", "1 2 5060 sip.test."},
      {"1234858000010001000000000363616104746573740001010001c00c01010001000000000016000569737375656c657473656e637279707"
       "42e6f7267",
       "CAA", "0 issue \"letsencrypt.org\""},
      {"1234858000010001000000000135013201300331393207696e2d61646472046172706100000c0001c00c000c000100000000000b04686f7"
       "374047465737400",
       "PTR", "host.test."},
      {"123485800001000100000000036f646404746573740012670001c00c126700010000000000030a0b0c", "TYPE4711",
       "\\# 3 0a0b0c"},
      {"1234858000010001000000000776657273696f6e0462696e640000100003c00c0010000300000000000d0c646e736d6173712d322e3930",
       "TXT", "\"dnsmasq-2.90\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char type[BC_DNS_WORD_BYTES];
    (void)stop(NULL);
    (void)start(NULL);
    add_hex(cases[i].hex);
    assert_int_equal(open_message(), BC_ERR_OK);
    assert_true(message.is_answer && message.is_authoritative && message.is_recursion_available);
    assert_false(message.is_truncated);
    assert_int_equal(message.id, 0x1234);
    assert_int_equal(message.rcode, 0);
    assert_next();
    bc_dns_type_print(record.type, type);
    assert_string_equal(type, cases[i].type);
    assert_int_equal(record.type, message.type);
    assert_int_equal(record.dns_class, message.dns_class);
    assert_string_equal(record.name, message.name);
    assert_int_equal(record.section, BC_DNS_ANSWER);
    assert_rdata(cases[i].rdata);
    assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_NOT_FOUND);
  }
}

static void a_chain_of_names_is_told_in_its_order(void **state) {
  (void)state;
  add_hex("12348580000100020000000005616c69617304746573740000010001c00c0005000100000000000b04626f7468047465737400c02800"
          "010001000000000004c0000202");
  assert_int_equal(open_message(), BC_ERR_OK);
  assert_string_equal(message.name, "alias.test");
  assert_next();
  assert_string_equal(record.name, "alias.test");
  assert_rdata("both.test.");
  assert_next();
  assert_string_equal(record.name, "both.test");
  assert_int_equal(record.type, 1);
  assert_text(record.fields[0].name, "address");
  assert_text(record.fields[0].text, "192.0.2.2");
}

static void a_negative_answer_has_its_rcode_and_edns_without_a_record(void **state) {
  (void)state;
  char rcode[BC_DNS_WORD_BYTES];
  add_hex("123481830001000000000001046e6f6e650474657374000001000100002904d0000000000000");
  assert_int_equal(open_message(), BC_ERR_OK);
  bc_dns_rcode_print(message.rcode, rcode);
  assert_string_equal(rcode, "NXDOMAIN");
  assert_true(message.has_question && message.has_edns && !message.is_authoritative);
  assert_int_equal(message.edns_bytes, 1232);
  assert_int_equal(message.counts[BC_DNS_ADDITIONAL], 1);
  assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_NOT_FOUND);
}

static void flags_and_the_upper_bits_of_the_rcode_are_read(void **state) {
  (void)state;
  char rcode[BC_DNS_WORD_BYTES];
  add_head(0xab37, 0, 0, 0, 1);
  add("\0\0\51\20\0\2\0\200\0\0\0", 11); /* OPT: 4096 bytes, upper bits 2, DO */
  assert_int_equal(open_message(), BC_ERR_OK);
  assert_int_equal(message.opcode, 5);
  assert_true(message.is_answer && !message.is_authoritative && message.is_truncated && message.is_recursion_desired);
  assert_true(!message.is_recursion_available && message.is_authentic && message.is_checking_disabled);
  assert_false(message.has_question);
  assert_int_equal(message.rcode, 2 << 4 | 7);
  assert_true(message.is_dnssec_ok);
  assert_int_equal(message.edns_bytes, 4096);
  bc_dns_rcode_print(message.rcode, rcode);
  assert_string_equal(rcode, "RCODE39");
}

static void sections_are_told_in_their_order(void **state) {
  (void)state;
  add_head(0x8000, 0, 1, 2, 1);
  for (int i = 0; i < 4; i++) {
    add_record(1, "\12\0\0\1", 4);
  }
  static const enum bc_dns_section wanted[] = {BC_DNS_ANSWER, BC_DNS_AUTHORITY, BC_DNS_AUTHORITY, BC_DNS_ADDITIONAL};
  assert_int_equal(open_message(), BC_ERR_OK);
  for (size_t i = 0; i < 4; i++) {
    assert_next();
    assert_int_equal(record.section, wanted[i]);
    assert_string_equal(record.name, ".");
    assert_int_equal(record.ttl, 300);
  }
  assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_NOT_FOUND);
}

static void every_field_of_a_soa_has_its_name(void **state) {
  (void)state;
  static const char *const names[] = {"mname", "rname", "serial", "refresh", "retry", "expire", "minimum"};
  static const uint32_t numbers[] = {0, 0, 0x80000001, 2, 3, 4, 5};
  static const char rdata[] = "\1m\0\1r\1x\0\200\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
  add_head(0x8000, 0, 0, 1, 0);
  add_record(6, rdata, sizeof rdata - 1);
  assert_int_equal(open_message(), BC_ERR_OK);
  assert_next();
  assert_int_equal(record.field_count, 7);
  for (size_t i = 0; i < 7; i++) {
    assert_text(record.fields[i].name, names[i]);
    assert_int_equal(record.fields[i].is_number, i >= 2);
    assert_int_equal(record.fields[i].number, numbers[i]);
  }
  assert_text(record.fields[0].text, "m");
  assert_text(record.fields[1].text, "r.x");
  assert_rdata("m. r.x. 2147483649 2 3 4 5");
}

static void strings_hold_any_bytes_and_are_printed_escaped(void **state) {
  (void)state;
  add_head(0x8000, 0, 1, 0, 0);
  add_record(16, "\4a\0\"\\\0\1\377", 8);
  assert_int_equal(open_message(), BC_ERR_OK);
  assert_next();
  struct bc_str rest = record.fields[0].text;
  struct bc_str string;
  assert_true(record.fields[0].is_strings);
  assert_true(bc_dns_next_string(&rest, &string));
  assert_int_equal(string.len, 4);
  assert_memory_equal(string.at, "a\0\"\\", 4);
  assert_true(bc_dns_next_string(&rest, &string));
  assert_int_equal(string.len, 0);
  assert_true(bc_dns_next_string(&rest, &string));
  assert_memory_equal(string.at, "\377", 1);
  assert_false(bc_dns_next_string(&rest, &string));
  assert_rdata("\"a\\000\\\"\\\\\" \"\" \"\\255\"");
}

static void names_are_printable_whatever_their_bytes(void **state) {
  (void)state;
  add_head(0x8000, 1, 0, 0, 0);
  add("\5a.\n\377 \0\0\1\0\1", 11);
  assert_int_equal(open_message(), BC_ERR_OK);
  assert_string_equal(message.name, "a\\.\\010\\255\\032");
}

static void rdata_that_is_not_of_its_type_is_damage(void **state) {
  (void)state;
  static const struct {
    unsigned type;
    const char *rdata;
    size_t len;
  } cases[] = {
      {1, "\1\2\3", 3}, {1, "\1\2\3\4\5", 5},    {28, "\1\2\3\4", 4},    {2, "", 0},          {2, "\1a\0\0", 4},
      {2, "\3a\0", 3},  {15, "\0", 1},           {15, "\0\12", 2},       {16, "", 0},         {16, "\2a", 2},
      {16, "\1ab", 3},  {33, "\0\1\0\2\0\3", 6}, {6, "\1m\0\1r\0\1", 7}, {257, "\0\5issu", 6}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    (void)stop(NULL);
    (void)start(NULL);
    add_head(0x8000, 0, 3, 0, 0);
    add_record(1, "\12\0\0\1", 4);
    add_record(cases[i].type, cases[i].rdata, cases[i].len);
    add_record(1, "\12\0\0\1", 4);
    assert_int_equal(open_message(), BC_ERR_OK);
    assert_next();
    assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_PROTOCOL);
    assert_string_equal(fault.text, "record 2 of the DNS message holds what is not of its type");
    assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_NOT_FOUND);
  }
}

static void a_name_that_reaches_over_the_end_of_its_rdata_is_damage(void **state) {
  (void)state;
  add_head(0x8000, 0, 1, 0, 0);
  add_record(6, "\0\2x", 3);
  add("a", 2); /* ends the second name, behind the rdata */
  assert_int_equal(open_message(), BC_ERR_OK);
  assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_PROTOCOL);
}

static void names_that_lead_nowhere_or_in_circles_are_damage(void **state) {
  (void)state;
  /* Of the second, the other pointer stands where the type is. */
  static const char *const names[] = {"\300\14", "\300\16\300\14", "\1a\300\14", "\377\377", "\100", "\201x"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    (void)stop(NULL);
    (void)start(NULL);
    add_head(0x8000, 0, 1, 0, 0);
    add(names[i], strlen(names[i]));
    add("\0\1\0\1\0\0\0\0\0\4\12\0\0\1", 14);
    enum bc_err err = open_message();
    if (err == BC_ERR_OK) {
      err = bc_dns_next(&message, &record, &fault);
    }
    assert_int_equal(err, BC_ERR_PROTOCOL);
  }
}

/* A name of `count` pointers, each to the next, and then the root. */
static enum bc_err open_pointers(unsigned count) {
  (void)stop(NULL);
  (void)start(NULL);
  add_head(0x8000, 0, 2, 0, 0);
  unsigned at = 12 + 11;
  add("\0\0\12\0\1\0\0\0\0", 9); /* NULL record with the chain as rdata */
  add_u16(2 * count + 1);
  for (unsigned i = 1; i < count; i++) {
    add_u16(0xc000 | (at + 2 * i));
  }
  add_u16(0xc000 | (at + 2 * count));
  add("", 1);
  add_u16(0xc000 | at);
  add("\0\1\0\1\0\0\0\0\0\4\12\0\0\1", 14);
  enum bc_err err = open_message();
  assert_int_equal(err, BC_ERR_OK);
  assert_next();
  return bc_dns_next(&message, &record, &fault);
}

static void a_name_has_at_most_as_many_pointers_as_labels(void **state) {
  (void)state;
  assert_int_equal(open_pointers(126), BC_ERR_OK);
  assert_int_equal(open_pointers(127), BC_ERR_PROTOCOL);
}

static void a_message_that_is_cut_is_damage_at_every_byte(void **state) {
  (void)state;
  add_hex("123485800001000100000000045f736970045f75647004746573740000210001c00c002100010000000000100001000213c403736970"
          "047465737400");
  size_t whole = used;
  for (size_t len = 0; len < whole; len++) {
    char *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    assert_int_equal(bc_dns_open(&message, (struct bc_str){.at = copy, .len = len}, &fault), BC_ERR_PROTOCOL);
    assert_int_not_equal(fault.text[0], '\0');
    free(copy);
  }
}

static void of_an_answer_that_says_it_is_truncated_the_whole_records_are_told(void **state) {
  (void)state;
  add_head(0x8200, 0, 2, 1, 0);
  add_record(1, "\12\0\0\1", 4);
  add("\0\0\1\0", 4);
  assert_int_equal(open_message(), BC_ERR_OK);
  assert_true(message.is_truncated);
  assert_next();
  assert_int_equal(bc_dns_next(&message, &record, &fault), BC_ERR_NOT_FOUND);
}

static void types_are_words_or_numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint16_t type;
    enum bc_err err;
  } cases[] = {{"A", 1, BC_ERR_OK},
               {"aAaA", 28, BC_ERR_OK},
               {"TYPE65", 65, BC_ERR_OK},
               {"type65535", 65535, BC_ERR_OK},
               {"TYPE65536", 0, BC_ERR_RANGE},
               {"TYPE", 0, BC_ERR_NOT_FOUND},
               {"", 0, BC_ERR_NOT_FOUND},
               {"AA", 0, BC_ERR_NOT_FOUND},
               {"TYPE-1", 0, BC_ERR_NOT_FOUND}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint16_t type = 0;
    assert_int_equal(bc_dns_type_parse(bc_str_of(cases[i].text), &type), cases[i].err);
    if (cases[i].err == BC_ERR_OK) {
      assert_int_equal(type, cases[i].type);
    }
  }
  static const struct {
    const char *text;
    uint16_t number;
    enum bc_err err;
  } classes[] = {{"IN", 1, BC_ERR_OK},
                 {"in", 1, BC_ERR_OK},
                 {"Ch", 3, BC_ERR_OK},
                 {"HS", 4, BC_ERR_OK},
                 {"any", 255, BC_ERR_OK},
                 {"class65535", 65535, BC_ERR_OK},
                 {"CLASS65536", 0, BC_ERR_RANGE},
                 {"CLASS", 0, BC_ERR_NOT_FOUND},
                 {"", 0, BC_ERR_NOT_FOUND},
                 {"INN", 0, BC_ERR_NOT_FOUND},
                 {"TYPE1", 0, BC_ERR_NOT_FOUND}};
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
    uint16_t number = 0;
    assert_int_equal(bc_dns_class_parse(bc_str_of(classes[i].text), &number), classes[i].err);
    if (classes[i].err == BC_ERR_OK) {
      assert_int_equal(number, classes[i].number);
    }
  }
  char text[BC_DNS_WORD_BYTES];
  bc_dns_type_print(65535, text);
  assert_string_equal(text, "TYPE65535");
  bc_dns_class_print(3, text);
  assert_string_equal(text, "CH");
  bc_dns_class_print(65535, text);
  assert_string_equal(text, "CLASS65535");
}

static void the_reverse_name_of_an_address_is_made(void **state) {
  (void)state;
  static const uint8_t ipv4[] = {192, 0, 2, 253};
  static const uint8_t ipv6[] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe};
  char text[BC_DNS_REVERSE_BYTES];
  bc_dns_print_reverse(ipv4, false, text);
  assert_string_equal(text, "253.2.0.192.in-addr.arpa");
  bc_dns_print_reverse(ipv6, true, text);
  assert_string_equal(text, "e.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

static bool answers(const char *answer, size_t answer_len, const char *query, size_t query_len) {
  return bc_dns_answers((struct bc_str){.at = answer, .len = answer_len},
                        (struct bc_str){.at = query, .len = query_len});
}

static void an_answer_is_taken_only_for_its_own_query(void **state) {
  (void)state;
  static const char query[] = "\22\64\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1";
  size_t len = sizeof query - 1;
  char answer[sizeof query - 1];
  memcpy(answer, query, len);
  assert_false(answers(answer, len, query, len)); /* no QR */
  answer[2] = (char)0x81;
  assert_true(answers(answer, len, query, len));
  answer[13] = 'A';
  assert_true(answers(answer, len, query, len));
  answer[13] = 'b';
  assert_false(answers(answer, len, query, len));
  answer[13] = 'a';
  for (size_t i = len - 4; i < len; i++) {
    answer[i] ^= 1;
    assert_false(answers(answer, len, query, len)); /* another type or class */
    answer[i] ^= 1;
  }
  answer[0] ^= 1;
  assert_false(answers(answer, len, query, len)); /* another id */
  answer[0] ^= 1;
  for (size_t cut = 0; cut < len; cut++) {
    assert_false(answers(answer, cut, query, len));
  }
  answer[5] = 0;
  assert_false(answers(answer, len, query, len)); /* no question, no error */
  answer[3] = 1;
  assert_true(answers(answer, 12, query, len)); /* FORMERR: has not read the question */
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
  static const struct CMUnitTest tests[] = {
      TEST(real_answers_of_the_usual_types_are_told),
      TEST(a_chain_of_names_is_told_in_its_order),
      TEST(a_negative_answer_has_its_rcode_and_edns_without_a_record),
      TEST(flags_and_the_upper_bits_of_the_rcode_are_read),
      TEST(sections_are_told_in_their_order),
      TEST(every_field_of_a_soa_has_its_name),
      TEST(strings_hold_any_bytes_and_are_printed_escaped),
      TEST(names_are_printable_whatever_their_bytes),
      TEST(rdata_that_is_not_of_its_type_is_damage),
      TEST(a_name_that_reaches_over_the_end_of_its_rdata_is_damage),
      TEST(names_that_lead_nowhere_or_in_circles_are_damage),
      TEST(a_name_has_at_most_as_many_pointers_as_labels),
      TEST(a_message_that_is_cut_is_damage_at_every_byte),
      TEST(of_an_answer_that_says_it_is_truncated_the_whole_records_are_told),
      TEST(types_are_words_or_numbers),
      TEST(an_answer_is_taken_only_for_its_own_query),
      TEST(the_reverse_name_of_an_address_is_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
