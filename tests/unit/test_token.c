/* Tokens of the node file. */
#include "model/token.h"

#include "base/limits.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { DAY_MS = 86400000 };

static struct bc_intern *intern;
static struct bc_tokens *tokens;

static int setup(void **state) {
  (void)state;
  intern = bc_intern_new();
  tokens = bc_tokens_new();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  size_t left = bc_intern_count(intern);
  bc_intern_free(intern);
  bc_tokens_free(tokens);
  return left == 0 ? 0 : -1;
}

static void add(const char *line) {
  struct bc_fault fault = {0};
  if (bc_tokens_add(tokens, bc_str_of(line), &fault) != BC_ERR_OK) {
    fail_msg("%s: column %zu: %s", line, fault.column, fault.text);
  }
}

/* Makes a token whose random bytes are all `byte`: its text, and its line with what follows the hash. */
static const char *add_made(uint8_t byte, const char *name, const char *rest) {
  static char text[BC_TOKEN_TEXT_BYTES];
  uint8_t random[BC_TOKEN_RANDOM_BYTES];
  char hash[65];
  char line[512];
  memset(random, byte, sizeof random);
  bc_token_print(random, text);
  bc_token_print_hash(bc_str_of(text), hash);
  (void)snprintf(line, sizeof line, "%s %s %s", name, hash, rest);
  add(line);
  return text;
}

static enum bc_token_answer find(const char *authorization, int64_t now_ms, const char **name) {
  const struct bc_token *token;
  enum bc_token_answer answer = bc_tokens_find(tokens, authorization, now_ms, &token);
  *name = token == NULL ? NULL : bc_token_name(token);
  return answer;
}

static void a_faulty_line_is_told_with_its_column_and_what_was_expected(void **state) {
  (void)state;
  static const struct {
    const char *line;
    enum bc_err err;
    size_t column;
    const char *text;
  } cases[] = {
      {"", BC_ERR_SYNTAX, 1,
       "expected a name of letters, digits, '.', '_', '-', a letter or digit first, at most 128, found the end of the "
       "line"},
      {"-desk " HASH " read", BC_ERR_SYNTAX, 1,
       "expected a name of letters, digits, '.', '_', '-', a letter or digit first, at most 128, found \"-desk\""},
      {"de/sk " HASH " read", BC_ERR_SYNTAX, 1,
       "expected a name of letters, digits, '.', '_', '-', a letter or digit first, at most 128, found \"de/sk\""},
      {"desk", BC_ERR_SYNTAX, 5, "expected the token's SHA-256, 64 hex digits, found the end of the line"},
      {"desk   ", BC_ERR_SYNTAX, 8, "expected the token's SHA-256, 64 hex digits, found the end of the line"},
      {"desk 0123 read", BC_ERR_SYNTAX, 6, "expected the token's SHA-256, 64 hex digits, found \"0123\""},
      {"desk " HASH "0 read", BC_ERR_SYNTAX, 6,
       "expected the token's SHA-256, 64 hex digits, found \"0123456789abcdef0123456789abcdef01234567\""},
      {"desk g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef read", BC_ERR_SYNTAX, 6,
       "expected the token's SHA-256, 64 hex digits, found \"g123456789abcdef0123456789abcdef01234567\""},
      {"desk " HASH, BC_ERR_SYNTAX, 70,
       "expected read, announce or operate, several with commas, each once, found the end of the line"},
      {"desk " HASH " write", BC_ERR_SYNTAX, 71,
       "expected read, announce or operate, several with commas, each once, found \"write\""},
      {"desk " HASH " read,write", BC_ERR_SYNTAX, 76,
       "expected read, announce or operate, several with commas, each once, found \"write\""},
      {"desk " HASH " read,read", BC_ERR_SYNTAX, 76,
       "expected read, announce or operate, several with commas, each once, found \"read\""},
      {"desk " HASH " read,", BC_ERR_SYNTAX, 71,
       "expected read, announce or operate, several with commas, each once, found \"read,\""},
      {"desk " HASH " ,read", BC_ERR_SYNTAX, 71,
       "expected read, announce or operate, several with commas, each once, found \",read\""},
      {"desk " HASH " READ", BC_ERR_SYNTAX, 71,
       "expected read, announce or operate, several with commas, each once, found \"READ\""},
      {"desk " HASH " read 10.0.0.0/33", BC_ERR_RANGE, 76,
       "prefix: expected a prefix length from 0 to 32, found \"10.0.0.0/33\""},
      {"desk " HASH " read 10.0.0.1/24", BC_ERR_CONFLICT, 76,
       "prefix: \"10.0.0.1/24\" has bits set behind its length, expected 10.0.0.0/24"},
      {"desk " HASH " read 10.0.0.0/24 le 20", BC_ERR_RANGE, 76,
       "prefix: le: expected a length from 24 to 32, found \"20\""},
      {"desk " HASH " read 10.0.0.0/24 le", BC_ERR_RANGE, 76,
       "prefix: le: expected a length from 24 to 32, found \"\""},
      {"desk " HASH " read 10.0.0.0/24 le 32 le 32", BC_ERR_SYNTAX, 76,
       "prefix: expected PREFIX, and ge LENGTH and le LENGTH once each, found \"le\""},
      {"desk " HASH " read until", BC_ERR_SYNTAX, 81, "expected a date such as 2027-12-31, found the end of the line"},
      {"desk " HASH " read until tomorrow", BC_ERR_SYNTAX, 82,
       "expected a date such as 2027-12-31, found \"tomorrow\""},
      {"desk " HASH " read until 2027-02-29", BC_ERR_SYNTAX, 82,
       "expected a date such as 2027-12-31, found \"2027-02-29\""},
      {"desk " HASH " read until 2100-02-29", BC_ERR_SYNTAX, 82,
       "expected a date such as 2027-12-31, found \"2100-02-29\""},
      {"desk " HASH " read until 2027-13-01", BC_ERR_SYNTAX, 82,
       "expected a date such as 2027-12-31, found \"2027-13-01\""},
      {"desk " HASH " read until 2027-00-01", BC_ERR_SYNTAX, 82,
       "expected a date such as 2027-12-31, found \"2027-00-01\""},
      {"desk " HASH " read until 2027-01-00", BC_ERR_SYNTAX, 82,
       "expected a date such as 2027-12-31, found \"2027-01-00\""},
      {"desk " HASH " read until 1969-12-31", BC_ERR_SYNTAX, 82,
       "expected a date such as 2027-12-31, found \"1969-12-31\""},
      {"desk " HASH " read until 27-1-1", BC_ERR_SYNTAX, 82, "expected a date such as 2027-12-31, found \"27-1-1\""},
      {"desk " HASH " read until 2027-12-31 10.0.0.0/8", BC_ERR_SYNTAX, 93,
       "expected nothing behind the date, found \"10.0.0.0/8\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault = {0};
    enum bc_err err = bc_tokens_add(tokens, bc_str_of(cases[i].line), &fault);
    if (err != cases[i].err || fault.column != cases[i].column || strcmp(fault.text, cases[i].text) != 0) {
      fail_msg("%s: %s at %zu: %s", cases[i].line, bc_err_name(err), fault.column, fault.text);
    }
    assert_int_equal(bc_tokens_add(tokens, bc_str_of(cases[i].line), NULL), cases[i].err);
    assert_int_equal(bc_tokens_count(tokens), 0);
  }
}

/* Whoever pastes the token itself in place of its hash must not find it in the log. */
static void a_token_in_the_place_of_anything_is_never_shown(void **state) {
  (void)state;
  static const char secret[] = "bgpc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  static const char *const frames[] = {"%s " HASH " read",
                                       "desk %s read",
                                       "desk " HASH " %s",
                                       "desk " HASH " read %s",
                                       "desk " HASH " read until %s",
                                       "desk " HASH " read until 2027-12-31 %s",
                                       "desk \"%s\" read",
                                       "x.%s " HASH " read",
                                       "desk " HASH " read,%s",
                                       "desk " HASH " read 10.0.0.0/8 le %s",
                                       "desk " HASH " read token=%s"};
  for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
    char line[256];
    const char *at = strstr(frames[i], "%s");
    (void)snprintf(line, sizeof line, "%.*s%s%s", (int)(at - frames[i]), frames[i], secret, at + 2);
    struct bc_fault fault = {0};
    assert_int_equal(bc_tokens_add(tokens, bc_str_of(line), &fault), BC_ERR_SYNTAX);
    assert_null(strstr(fault.text, "bgpc_"));
    assert_non_null(strstr(fault.text, "found a token itself"));
  }
}

static void each_name_and_each_hash_stands_once(void **state) {
  (void)state;
  struct bc_fault fault;
  add("desk " HASH " read");
  assert_int_equal(bc_tokens_add(tokens, bc_str_of("desk " OTHER " read"), &fault), BC_ERR_EXISTS);
  assert_string_equal(fault.text, "there is another token desk, expected each name once");
  assert_int_equal(bc_tokens_add(tokens, bc_str_of("other " HASH " announce"), &fault), BC_ERR_EXISTS);
  assert_string_equal(fault.text, "desk and other have the same SHA-256: expected a token for each");
  add("other " OTHER " announce");
  assert_int_equal(bc_tokens_count(tokens), 2);
  assert_string_equal(bc_token_name(bc_tokens_get(tokens, 1)), "other");
}

static void tokens_and_their_prefixes_are_bounded(void **state) {
  (void)state;
  char line[BC_TOKEN_LINE_BYTES + 16];
  struct bc_fault fault;
  size_t len = (size_t)snprintf(line, sizeof line, "many %064d read", 7);
  for (unsigned i = 0; i < BC_LIMIT_TOKEN_PREFIXES; i++) {
    len += (size_t)snprintf(line + len, sizeof line - len, " 10.%u.0.0/16", i);
  }
  add(line);
  (void)snprintf(line, sizeof line, "more %064d read", 8);
  len = strlen(line);
  for (unsigned i = 0; i <= BC_LIMIT_TOKEN_PREFIXES; i++) {
    len += (size_t)snprintf(line + len, sizeof line - len, " 10.%u.0.0/16", i);
  }
  assert_int_equal(bc_tokens_add(tokens, bc_str_of(line), &fault), BC_ERR_LIMIT);
  memset(line, 'a', sizeof line);
  assert_int_equal(bc_tokens_add(tokens, (struct bc_str){line, BC_TOKEN_LINE_BYTES + 1}, &fault), BC_ERR_LIMIT);
  for (unsigned i = 1; i < BC_LIMIT_TOKENS; i++) {
    (void)snprintf(line, sizeof line, "t%u %064u read", i, 1000 + i);
    add(line);
  }
  (void)snprintf(line, sizeof line, "last %064u read", 999);
  assert_int_equal(bc_tokens_add(tokens, bc_str_of(line), &fault), BC_ERR_LIMIT);
  assert_string_equal(fault.text, "more than 256 tokens");
}

static void lines_of_the_settings_are_read_one_by_one(void **state) {
  (void)state;
  assert_int_equal(bc_tokens_add_lines(tokens, bc_str_of(""), NULL), BC_ERR_OK);
  assert_int_equal(bc_tokens_count(tokens), 0);
  assert_int_equal(
      bc_tokens_add_lines(tokens, bc_str_of("a " HASH " read,announce\nb " OTHER " operate 10.0.0.0/8"), NULL),
      BC_ERR_OK);
  assert_int_equal(bc_tokens_count(tokens), 2);
}

static void scopes_do_not_include_one_another(void **state) {
  (void)state;
  static const char *const scopes[] = {"read", "announce", "operate", "operate,read", "announce,read,operate"};
  static const char *const printed[] = {"read", "announce", "operate", "read,operate", "read,announce,operate"};
  static const unsigned bits[] = {1, 2, 4, 5, 7};
  for (unsigned i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "t%u", i);
    (void)add_made((uint8_t)i, name, scopes[i]);
    const struct bc_token *token = bc_tokens_get(tokens, i);
    for (unsigned scope = 0; scope < BC_SCOPES; scope++) {
      assert_int_equal(bc_token_has(token, (enum bc_scope)scope), bits[i] >> scope & 1U);
    }
    struct bc_buf text;
    bc_buf_init(&text, 100);
    bc_token_print_scopes(token, &text);
    assert_string_equal(text.data, printed[i]);
    bc_buf_free(&text);
  }
}

/* The text is what is put into scripts and headers: one word without anything that needs quotes. */
static void a_token_is_256_random_bits_in_base64url(void **state) {
  (void)state;
  uint8_t random[BC_TOKEN_RANDOM_BYTES];
  char text[BC_TOKEN_TEXT_BYTES];
  char hash[65];
  for (unsigned i = 0; i < sizeof random; i++) {
    random[i] = (uint8_t)(i * 8);
  }
  bc_token_print(random, text);
  assert_string_equal(text, "bgpc_AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg");
  assert_int_equal(strlen(text), BC_TOKEN_TEXT_BYTES - 1);
  bc_token_print_hash(bc_str_of(text), hash);
  assert_int_equal(strlen(hash), 64);
  memset(random, 0xff, sizeof random);
  bc_token_print(random, text);
  assert_string_equal(text, "bgpc_"
                            "__________________________________________8");
}

static void each_token_is_found_among_all_and_nothing_else_is(void **state) {
  (void)state;
  const char *name;
  char header[128];
  for (unsigned i = 0; i < 40; i++) {
    char named[16];
    (void)snprintf(named, sizeof named, "t%u", i);
    (void)snprintf(header, sizeof header, "Bearer %s", add_made((uint8_t)i, named, "read"));
    assert_int_equal(find(header, 0, &name), BC_TOKEN_VALID);
    assert_string_equal(name, named);
  }
  for (unsigned i = 0; i < 40; i++) {
    struct bc_tokens *all = tokens;
    tokens = bc_tokens_new();
    (void)snprintf(header, sizeof header, "Bearer %s", add_made((uint8_t)i, "x", "read"));
    bc_tokens_free(tokens);
    tokens = all;
    char named[16];
    (void)snprintf(named, sizeof named, "t%u", i);
    assert_int_equal(find(header, 0, &name), BC_TOKEN_VALID);
    assert_string_equal(name, named);
    /* One bit of any letter is another token. */
    for (size_t at = strlen("Bearer "); header[at] != '\0'; at++) {
      header[at] ^= 1;
      assert_int_equal(find(header, 0, &name), BC_TOKEN_UNKNOWN);
      assert_null(name);
      header[at] ^= 1;
    }
  }
}

static void the_header_is_bearer_and_one_word(void **state) {
  (void)state;
  const char *name;
  const char *text = add_made(5, "desk", "read");
  static const struct {
    const char *before, *behind;
    enum bc_token_answer answer;
  } cases[] = {
      {"Bearer ", "", BC_TOKEN_VALID},       {"bearer ", "", BC_TOKEN_VALID},     {"BEARER   ", "  ", BC_TOKEN_VALID},
      {"Bearer\t", "", BC_TOKEN_VALID},      {"", "", BC_TOKEN_MISSING},          {"Basic ", "", BC_TOKEN_MISSING},
      {"Bearer", "", BC_TOKEN_MISSING},      {"Bearer: ", "", BC_TOKEN_MISSING},  {"Token ", "", BC_TOKEN_MISSING},
      {"Bearer ", " x", BC_TOKEN_UNKNOWN},   {"Bearer x ", "", BC_TOKEN_UNKNOWN}, {"Bearer ", "=", BC_TOKEN_UNKNOWN},
      {"Bearer \"", "\"", BC_TOKEN_UNKNOWN}, {"Bearer ", ",x", BC_TOKEN_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char header[256];
    (void)snprintf(header, sizeof header, "%s%s%s", cases[i].before, text, cases[i].behind);
    enum bc_token_answer answer = find(header, 0, &name);
    if (answer != cases[i].answer) {
      fail_msg("%s: %s", header, bc_token_answer_text(answer));
    }
  }
  assert_int_equal(find(NULL, 0, &name), BC_TOKEN_MISSING);
  assert_int_equal(find("", 0, &name), BC_TOKEN_MISSING);
  assert_int_equal(find("Bearer ", 0, &name), BC_TOKEN_MISSING);
  assert_int_equal(find("Bearer bgpc_", 0, &name), BC_TOKEN_UNKNOWN);
}

/* The hash is no way in: who reads the node file cannot use what stands there. */
static void the_hash_itself_opens_nothing(void **state) {
  (void)state;
  const char *name;
  (void)add_made(5, "desk", "read");
  char hash[65];
  char header[128];
  uint8_t random[BC_TOKEN_RANDOM_BYTES];
  char text[BC_TOKEN_TEXT_BYTES];
  memset(random, 5, sizeof random);
  bc_token_print(random, text);
  bc_token_print_hash(bc_str_of(text), hash);
  (void)snprintf(header, sizeof header, "Bearer %s", hash);
  assert_int_equal(find(header, 0, &name), BC_TOKEN_UNKNOWN);
  (void)snprintf(header, sizeof header, "Bearer %.48s", hash);
  assert_int_equal(find(header, 0, &name), BC_TOKEN_UNKNOWN);
}

static void each_digit_of_the_hash_counts(void **state) {
  (void)state;
  uint8_t random[BC_TOKEN_RANDOM_BYTES] = {7};
  char text[BC_TOKEN_TEXT_BYTES];
  char hash[65];
  char line[128];
  char header[128];
  const char *name;
  bc_token_print(random, text);
  (void)snprintf(header, sizeof header, "Bearer %s", text);
  for (unsigned i = 0; i < 64; i++) {
    bc_token_print_hash(bc_str_of(text), hash);
    hash[i] = hash[i] == '0' ? '1' : '0';
    (void)snprintf(line, sizeof line, "t%u %s read", i, hash);
    add(line);
    assert_int_equal(find(header, 0, &name), BC_TOKEN_UNKNOWN);
  }
}

static void the_last_day_counts_and_the_next_does_not(void **state) {
  (void)state;
  static const struct {
    const char *date;
    int64_t day; /* since 1970 */
  } cases[] = {{"1970-01-01", 0},     {"1972-02-29", 789},   {"2000-02-29", 11016},  {"2026-11-23", 20780},
               {"2027-12-31", 21183}, {"2028-02-29", 21243}, {"9999-12-31", 2932896}};
  for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char named[16];
    char rest[64];
    char header[128];
    const char *name;
    (void)snprintf(named, sizeof named, "t%u", i);
    (void)snprintf(rest, sizeof rest, "read 10.0.0.0/8 until %s", cases[i].date);
    (void)snprintf(header, sizeof header, "Bearer %s", add_made((uint8_t)i, named, rest));
    int64_t end_ms = (cases[i].day + 1) * DAY_MS;
    assert_int_equal(bc_token_until_ms(bc_tokens_get(tokens, i)), end_ms);
    assert_int_equal(find(header, end_ms - 1, &name), BC_TOKEN_VALID);
    assert_string_equal(name, named);
    assert_int_equal(find(header, end_ms, &name), BC_TOKEN_EXPIRED);
    assert_string_equal(name, named);
  }
  const char *name;
  char header[128];
  (void)snprintf(header, sizeof header, "Bearer %s", add_made(99, "forever", "read"));
  assert_int_equal(find(header, INT64_MAX - 1, &name), BC_TOKEN_VALID);
}

static void assert_covers(const char *text, bool covers, const char *line) {
  struct bc_route route;
  struct bc_fault fault = {0};
  if (bc_route_parse(intern, bc_str_of(text), &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", text, fault.text);
  }
  bool found = bc_token_covers(bc_tokens_get(tokens, bc_tokens_count(tokens) - 1), &route, &fault);
  if (found != covers || strcmp(fault.text, line) != 0) {
    fail_msg("%s: %d %s", text, found, fault.text);
  }
  bc_route_release(intern, &route);
}

static void a_token_announces_within_its_prefixes_only(void **state) {
  (void)state;
  add("all " HASH " announce");
  assert_covers("route 0.0.0.0/0 next-hop self", true, "");
  assert_covers("flow route { match { source 10.0.0.0/24; } then { discard; } }", true, "");
  assert_covers("vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", true, "");
  add("desk " OTHER " announce 192.0.2.0/24 10.0.0.0/8 ge 24 le 28 2001:db8::/32 le 48");
  assert_covers("route 192.0.2.0/24 next-hop self", true, "");
  assert_covers("route 192.0.2.7/32 next-hop self", true, "");
  assert_covers("route 192.0.2.0/23 next-hop self", false, "192.0.2.0/23 is not among the prefixes of the token desk");
  assert_covers("route 0.0.0.0/0 next-hop self", false, "0.0.0.0/0 is not among the prefixes of the token desk");
  assert_covers("route 10.1.0.0/24 next-hop self", true, "");
  assert_covers("route 10.1.0.0/28 next-hop self", true, "");
  assert_covers("route 10.1.0.0/29 next-hop self", false, "10.1.0.0/29 is not among the prefixes of the token desk");
  assert_covers("route 10.1.0.0/23 next-hop self", false, "10.1.0.0/23 is not among the prefixes of the token desk");
  assert_covers("route 2001:db8:1::/48 next-hop 2001:db8::1", true, "");
  assert_covers("route 2001:db8:1::/49 next-hop 2001:db8::1", false,
                "2001:db8:1::/49 is not among the prefixes of the token desk");
  assert_covers("attributes next-hop self nlri 192.0.2.1/32 192.0.3.1/32", false,
                "192.0.3.1/32 is not among the prefixes of the token desk");
  assert_covers("flow route { match { destination 10.0.0.5/32; } then { discard; } }", true, "");
  assert_covers("flow route { match { destination 10.0.0.0/16; } then { discard; } }", false,
                "10.0.0.0/16 is not among the prefixes of the token desk");
  assert_covers("flow route { match { source 192.0.2.0/24; } then { discard; } }", false,
                "the token desk may announce within its prefixes only, and this has no destination");
  assert_covers("vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", false,
                "the token desk may announce within its prefixes only, and this has no prefix");
}

/* 0.0.0.0/0 of a never-list is the default route alone; of a token it is all addresses. */
static void a_token_for_all_of_ipv4_has_all_of_it(void **state) {
  (void)state;
  add("v4 " HASH " announce 0.0.0.0/0");
  assert_covers("route 10.0.0.0/24 next-hop self", true, "");
  assert_covers("route 2001:db8::/48 next-hop 2001:db8::1", false,
                "2001:db8::/48 is not among the prefixes of the token v4");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_faulty_line_is_told_with_its_column_and_what_was_expected, setup, teardown),
      cmocka_unit_test_setup_teardown(a_token_in_the_place_of_anything_is_never_shown, setup, teardown),
      cmocka_unit_test_setup_teardown(each_name_and_each_hash_stands_once, setup, teardown),
      cmocka_unit_test_setup_teardown(tokens_and_their_prefixes_are_bounded, setup, teardown),
      cmocka_unit_test_setup_teardown(lines_of_the_settings_are_read_one_by_one, setup, teardown),
      cmocka_unit_test_setup_teardown(scopes_do_not_include_one_another, setup, teardown),
      cmocka_unit_test_setup_teardown(a_token_is_256_random_bits_in_base64url, setup, teardown),
      cmocka_unit_test_setup_teardown(each_token_is_found_among_all_and_nothing_else_is, setup, teardown),
      cmocka_unit_test_setup_teardown(the_header_is_bearer_and_one_word, setup, teardown),
      cmocka_unit_test_setup_teardown(the_hash_itself_opens_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(each_digit_of_the_hash_counts, setup, teardown),
      cmocka_unit_test_setup_teardown(the_last_day_counts_and_the_next_does_not, setup, teardown),
      cmocka_unit_test_setup_teardown(a_token_announces_within_its_prefixes_only, setup, teardown),
      cmocka_unit_test_setup_teardown(a_token_for_all_of_ipv4_has_all_of_it, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
