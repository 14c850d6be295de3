#include "proto/dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

enum {
  DNS_HEAD_BYTES = 12,
  DNS_QUESTION_BYTES = 4,
  DNS_RECORD_BYTES = 10,
  DNS_TYPE_OPT = 41,
  DNS_LABEL_MAX = 63,
  DNS_NAME_MAX = 255,
  DNS_POINTERS_MAX = 127
};

struct dns_type {
  const char *name;
  uint16_t number;
  const char *layout;
};

static const struct dns_type dns_types[] = {
#define DNS_TYPE(name, number, layout) {#name, number, layout},
    BC_DNS_TYPE_LIST(DNS_TYPE)
#undef DNS_TYPE
};

BC_ENUM_TEXT_FUNCTION(bc_dns_section_text, enum bc_dns_section, BC_DNS_SECTION_LIST, "no section")

/* ---- words ---- */

static const struct dns_type *dns_find_type(uint16_t number) {
  for (size_t i = 0; i < sizeof dns_types / sizeof dns_types[0]; i++) {
    if (dns_types[i].number == number) {
      return &dns_types[i];
    }
  }
  return NULL;
}

static char dns_lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool dns_equal_case(struct bc_str a, struct bc_str b) {
  if (a.len != b.len) {
    return false;
  }
  for (size_t i = 0; i < a.len; i++) {
    if (dns_lower(a.at[i]) != dns_lower(b.at[i])) {
      return false;
    }
  }
  return true;
}

/* RFC 3597 5: "TYPE65", "CLASS7". */
static enum bc_err dns_parse_number(struct bc_str text, const char *word, uint16_t *number) {
  struct bc_str prefix = bc_str_of(word);
  uint64_t value = 0;
  if (text.len < prefix.len || !dns_equal_case((struct bc_str){.at = text.at, .len = prefix.len}, prefix)) {
    return BC_ERR_NOT_FOUND;
  }
  enum bc_err err =
      bc_str_to_u64((struct bc_str){.at = text.at + prefix.len, .len = text.len - prefix.len}, UINT16_MAX, &value);
  *number = (uint16_t)value;
  return err == BC_ERR_SYNTAX ? BC_ERR_NOT_FOUND : err;
}

enum bc_err bc_dns_type_parse(struct bc_str text, uint16_t *type) {
  for (size_t i = 0; i < sizeof dns_types / sizeof dns_types[0]; i++) {
    if (dns_equal_case(text, bc_str_of(dns_types[i].name))) {
      *type = dns_types[i].number;
      return BC_ERR_OK;
    }
  }
  return dns_parse_number(text, "TYPE", type);
}

enum bc_err bc_dns_class_parse(struct bc_str text, uint16_t *dns_class) {
  static const struct {
    const char *name;
    uint16_t number;
  } classes[] = {{"IN", ns_c_in}, {"CH", ns_c_chaos}, {"HS", ns_c_hs}, {"ANY", ns_c_any}};
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
    if (dns_equal_case(text, bc_str_of(classes[i].name))) {
      *dns_class = classes[i].number;
      return BC_ERR_OK;
    }
  }
  return dns_parse_number(text, "CLASS", dns_class);
}

void bc_dns_type_print(uint16_t type, char text[static BC_DNS_WORD_BYTES]) {
  const struct dns_type *known = dns_find_type(type);
  if (known == NULL) {
    (void)snprintf(text, BC_DNS_WORD_BYTES, "TYPE%u", type);
  } else {
    (void)snprintf(text, BC_DNS_WORD_BYTES, "%s", known->name);
  }
}

void bc_dns_rcode_print(uint16_t rcode, char text[static BC_DNS_WORD_BYTES]) {
  static const struct {
    const char *name;
    uint16_t number;
  } rcodes[] = {
#define DNS_RCODE(name, number) {#name, number},
      BC_DNS_RCODE_LIST(DNS_RCODE)
#undef DNS_RCODE
  };
  for (size_t i = 0; i < sizeof rcodes / sizeof rcodes[0]; i++) {
    if (rcodes[i].number == rcode) {
      (void)snprintf(text, BC_DNS_WORD_BYTES, "%s", rcodes[i].name);
      return;
    }
  }
  (void)snprintf(text, BC_DNS_WORD_BYTES, "RCODE%u", rcode);
}

void bc_dns_class_print(uint16_t dns_class, char text[static BC_DNS_WORD_BYTES]) {
  switch (dns_class) {
  case ns_c_in:
    (void)snprintf(text, BC_DNS_WORD_BYTES, "IN");
    break;
  case ns_c_chaos:
    (void)snprintf(text, BC_DNS_WORD_BYTES, "CH");
    break;
  case ns_c_hs:
    (void)snprintf(text, BC_DNS_WORD_BYTES, "HS");
    break;
  default:
    (void)snprintf(text, BC_DNS_WORD_BYTES, "CLASS%u", dns_class);
    break;
  }
}

/* ---- bytes ---- */

static uint8_t dns_byte(struct bc_str bytes, size_t at) {
  return (uint8_t)bytes.at[at];
}

static uint16_t dns_u16(struct bc_str bytes, size_t at) {
  return (uint16_t)(dns_byte(bytes, at) << 8 | dns_byte(bytes, at + 1));
}

static uint32_t dns_u32(struct bc_str bytes, size_t at) {
  return (uint32_t)dns_u16(bytes, at) << 16 | dns_u16(bytes, at + 2);
}

/* Moves *at behind a name without following its pointers. */
static bool dns_skip_name(struct bc_str bytes, size_t *at) {
  while (*at < bytes.len) {
    uint8_t len = dns_byte(bytes, *at);
    if (len > DNS_LABEL_MAX) {
      *at += 2;
      return len >= 0xc0 && *at <= bytes.len;
    }
    *at += (size_t)len + 1;
    if (len == 0) {
      return true;
    }
  }
  return false;
}

/* The C library follows as many pointers as there are bytes in the message: for thousands of names this takes long. No
 * name has more pointers than labels, nor more than 255 bytes. */
static bool dns_is_name_short(struct bc_str bytes, size_t at) {
  size_t len = 0;
  size_t pointers = 0;
  while (at < bytes.len && len <= DNS_NAME_MAX && pointers <= DNS_POINTERS_MAX) {
    uint8_t byte = dns_byte(bytes, at);
    if (byte == 0) {
      return true;
    }
    if (byte > DNS_LABEL_MAX && at + 1 < bytes.len) {
      at = dns_u16(bytes, at) & 0x3fff;
      pointers++;
    } else {
      at += (size_t)byte + 1;
      len += (size_t)byte + 1;
    }
  }
  return false;
}

/* The name at *at as text, and *at behind it; it may end inside `bytes` before `end` only. */
static bool dns_read_name(struct bc_str bytes, size_t *at, size_t end, char name[static BC_DNS_NAME_BYTES]) {
  const unsigned char *start = (const unsigned char *)bytes.at;
  if (*at >= end || !dns_is_name_short(bytes, *at)) {
    return false;
  }
  int used = ns_name_uncompress(start, start + bytes.len, start + *at, name, BC_DNS_NAME_BYTES);
  if (used < 0 || (size_t)used > end - *at) {
    return false;
  }
  *at += (size_t)used;
  return true;
}

/* ---- head and question ---- */

static void dns_read_head(struct bc_dns_message *message) {
  uint16_t flags = dns_u16(message->bytes, 2);
  message->id = dns_u16(message->bytes, 0);
  message->is_answer = (flags & 0x8000) != 0;
  message->opcode = (uint8_t)(flags >> 11 & 0xf);
  message->is_authoritative = (flags & 0x0400) != 0;
  message->is_truncated = (flags & 0x0200) != 0;
  message->is_recursion_desired = (flags & 0x0100) != 0;
  message->is_recursion_available = (flags & 0x0080) != 0;
  message->is_authentic = (flags & 0x0020) != 0;
  message->is_checking_disabled = (flags & 0x0010) != 0;
  message->rcode = flags & 0xf;
  for (size_t i = 0; i < BC_DNS_SECTION_COUNT; i++) {
    message->counts[i] = dns_u16(message->bytes, 6 + 2 * i);
  }
}

static bool dns_read_questions(struct bc_dns_message *message) {
  struct bc_str bytes = message->bytes;
  unsigned count = dns_u16(bytes, 4);
  for (unsigned i = 0; i < count; i++) {
    bool is_read =
        i == 0 ? dns_read_name(bytes, &message->at, bytes.len, message->name) : dns_skip_name(bytes, &message->at);
    if (!is_read || bytes.len - message->at < DNS_QUESTION_BYTES) {
      return false;
    }
    if (i == 0) {
      message->has_question = true;
      message->type = dns_u16(bytes, message->at);
      message->dns_class = dns_u16(bytes, message->at + 2);
    }
    message->at += DNS_QUESTION_BYTES;
  }
  return true;
}

/* RFC 6891 6.1.3: class and TTL of this record hold what the head has no room for. */
static void dns_read_opt(struct bc_dns_message *message, size_t at) {
  uint32_t ttl = dns_u32(message->bytes, at + 4);
  message->has_edns = true;
  message->edns_bytes = dns_u16(message->bytes, at + 2);
  message->rcode = (uint16_t)((message->rcode & 0xf) | ttl >> 24 << 4);
  message->is_dnssec_ok = (ttl & 0x8000) != 0;
}

static size_t dns_count_records(const struct bc_dns_message *message) {
  return (size_t)message->counts[BC_DNS_ANSWER] + message->counts[BC_DNS_AUTHORITY] +
         message->counts[BC_DNS_ADDITIONAL];
}

/* Counts the records that are whole. */
static void dns_walk(struct bc_dns_message *message) {
  struct bc_str bytes = message->bytes;
  size_t at = message->at;
  size_t count = dns_count_records(message);
  while (message->whole < count) {
    if (!dns_skip_name(bytes, &at) || bytes.len - at < DNS_RECORD_BYTES) {
      return;
    }
    size_t len = dns_u16(bytes, at + 8);
    if (bytes.len - at - DNS_RECORD_BYTES < len) {
      return;
    }
    if (dns_u16(bytes, at) == DNS_TYPE_OPT) {
      dns_read_opt(message, at);
    }
    at += DNS_RECORD_BYTES + len;
    message->whole++;
  }
}

enum bc_err bc_dns_open(struct bc_dns_message *message, struct bc_str bytes, struct bc_fault *fault) {
  *message = (struct bc_dns_message){.bytes = bytes, .at = DNS_HEAD_BYTES};
  if (bytes.len < DNS_HEAD_BYTES || bytes.len > BC_DNS_MESSAGE_BYTES) {
    bc_fault_set(fault, 0, "expected a DNS message of 12 to 65535 bytes, found %zu", bytes.len);
    return BC_ERR_PROTOCOL;
  }
  dns_read_head(message);
  if (!dns_read_questions(message)) {
    bc_fault_set(fault, 0, "the question of the DNS message is damaged");
    return BC_ERR_PROTOCOL;
  }
  dns_walk(message);
  if (message->whole < dns_count_records(message) && !message->is_truncated) {
    bc_fault_set(fault, 0, "record %zu of the DNS message is cut short", message->whole + 1);
    return BC_ERR_PROTOCOL;
  }
  return BC_ERR_OK;
}

/* ---- records ---- */

/* What is read of one rdata. */
struct dns_rdata {
  struct bc_str bytes; /* the message up to its end */
  size_t at;
  size_t end;
  struct bc_dns_record *record;
  size_t names;
};

static bool dns_take_number(struct dns_rdata *rdata, size_t bytes, struct bc_dns_field *field) {
  if (rdata->end - rdata->at < bytes) {
    return false;
  }
  field->is_number = true;
  for (size_t i = 0; i < bytes; i++) {
    field->number = field->number << 8 | dns_byte(rdata->bytes, rdata->at++);
  }
  return true;
}

static bool dns_take_address(struct dns_rdata *rdata, bool is_ipv6, struct bc_dns_field *field) {
  size_t len = is_ipv6 ? 16 : 4;
  char *text = rdata->record->texts[rdata->names++];
  if (rdata->end - rdata->at != len ||
      inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, rdata->bytes.at + rdata->at, text, INET6_ADDRSTRLEN) == NULL) {
    return false;
  }
  rdata->at += len;
  field->text = bc_str_of(text);
  return true;
}

static bool dns_take_name(struct dns_rdata *rdata, struct bc_dns_field *field) {
  char *text = rdata->record->texts[rdata->names++];
  bool is_read = dns_read_name(rdata->bytes, &rdata->at, rdata->end, text);
  field->text = bc_str_of(is_read ? text : "");
  return is_read;
}

static bool dns_take_rest(struct dns_rdata *rdata, struct bc_dns_field *field) {
  field->text = (struct bc_str){.at = rdata->bytes.at + rdata->at, .len = rdata->end - rdata->at};
  rdata->at = rdata->end;
  return true;
}

/* One string and more; each has its length in front. */
static bool dns_take_strings(struct dns_rdata *rdata, struct bc_dns_field *field) {
  (void)dns_take_rest(rdata, field);
  field->is_strings = true;
  struct bc_str rest = field->text;
  struct bc_str string;
  while (bc_dns_next_string(&rest, &string)) {
  }
  return field->text.len > 0 && rest.len == 0;
}

static bool dns_take_string(struct dns_rdata *rdata, struct bc_dns_field *field) {
  struct bc_str rest = {.at = rdata->bytes.at + rdata->at, .len = rdata->end - rdata->at};
  bool is_read = bc_dns_next_string(&rest, &field->text);
  rdata->at = rdata->end - rest.len;
  return is_read;
}

static bool dns_take_field(struct dns_rdata *rdata, char letter, struct bc_dns_field *field) {
  switch (letter) {
  case 'a':
  case '6':
    return dns_take_address(rdata, letter == '6', field);
  case 'n':
    return dns_take_name(rdata, field);
  case 't':
    return dns_take_strings(rdata, field);
  case 's':
    return dns_take_string(rdata, field);
  case 'r':
    return dns_take_rest(rdata, field);
  default:
    return dns_take_number(rdata, (size_t)(letter - '0'), field);
  }
}

bool bc_dns_next_string(struct bc_str *strings, struct bc_str *string) {
  if (strings->len == 0 || dns_byte(*strings, 0) >= strings->len) {
    return false;
  }
  *string = (struct bc_str){.at = strings->at + 1, .len = dns_byte(*strings, 0)};
  strings->at += string->len + 1;
  strings->len -= string->len + 1;
  return true;
}

static const char *dns_layout(uint16_t type) {
  const struct dns_type *known = dns_find_type(type);
  return known == NULL ? "" : known->layout;
}

static bool dns_read_fields(struct bc_str bytes, size_t at, struct bc_dns_record *record) {
  struct dns_rdata rdata = {.bytes = bytes, .at = at, .end = at + record->rdata.len, .record = record};
  struct bc_str layout = bc_str_of(dns_layout(record->type));
  struct bc_str word;
  record->field_count = 0;
  while ((word = bc_str_next_word(&layout)).len > 0) {
    struct bc_dns_field *field = &record->fields[record->field_count++];
    *field = (struct bc_dns_field){.name = {.at = word.at + 2, .len = word.len - 2}};
    if (!dns_take_field(&rdata, word.at[0], field)) {
      return false;
    }
  }
  return record->field_count == 0 || rdata.at == rdata.end;
}

static enum bc_dns_section dns_section(const struct bc_dns_message *message) {
  if (message->passed < message->counts[BC_DNS_ANSWER]) {
    return BC_DNS_ANSWER;
  }
  return message->passed < (size_t)message->counts[BC_DNS_ANSWER] + message->counts[BC_DNS_AUTHORITY]
             ? BC_DNS_AUTHORITY
             : BC_DNS_ADDITIONAL;
}

/* The record at message->at, of which dns_walk has seen that it is whole. */
static const char *dns_read_record(struct bc_dns_message *message, struct bc_dns_record *record) {
  struct bc_str bytes = message->bytes;
  record->section = dns_section(message);
  record->field_count = 0;
  if (!dns_read_name(bytes, &message->at, bytes.len, record->name)) {
    return "has a damaged name";
  }
  size_t head = message->at;
  record->type = dns_u16(bytes, head);
  record->dns_class = dns_u16(bytes, head + 2);
  record->ttl = dns_u32(bytes, head + 4);
  record->rdata = (struct bc_str){.at = bytes.at + head + DNS_RECORD_BYTES, .len = dns_u16(bytes, head + 8)};
  message->at += DNS_RECORD_BYTES + record->rdata.len;
  return dns_read_fields(bytes, head + DNS_RECORD_BYTES, record) ? NULL : "holds what is not of its type";
}

enum bc_err bc_dns_next(struct bc_dns_message *message, struct bc_dns_record *record, struct bc_fault *fault) {
  while (message->passed < message->whole) {
    const char *trouble = dns_read_record(message, record);
    message->passed++;
    if (trouble != NULL) {
      bc_fault_set(fault, 0, "record %zu of the DNS message %s", message->passed, trouble);
      message->passed = message->whole;
      return BC_ERR_PROTOCOL;
    }
    if (record->type != DNS_TYPE_OPT) {
      return BC_ERR_OK;
    }
  }
  return BC_ERR_NOT_FOUND;
}

/* ---- as text ---- */

static void dns_print_escaped(struct bc_str text, struct bc_buf *to) {
  for (size_t i = 0; i < text.len; i++) {
    uint8_t byte = dns_byte(text, i);
    if (byte < ' ' || byte > '~') {
      bc_buf_add_format(to, "\\%03u", byte);
    } else {
      bc_buf_add_text(to, byte == '"' || byte == '\\' ? "\\" : "");
      bc_buf_add_char(to, (char)byte);
    }
  }
}

static void dns_print_quoted(struct bc_str text, struct bc_buf *to) {
  bc_buf_add_char(to, '"');
  dns_print_escaped(text, to);
  bc_buf_add_char(to, '"');
}

static void dns_print_strings(struct bc_str strings, struct bc_buf *to) {
  struct bc_str string;
  for (const char *between = ""; bc_dns_next_string(&strings, &string); between = " ") {
    bc_buf_add_text(to, between);
    dns_print_quoted(string, to);
  }
}

static void dns_print_generic(struct bc_str rdata, struct bc_buf *to) {
  bc_buf_add_format(to, "\\# %zu", rdata.len);
  for (size_t i = 0; i < rdata.len; i++) {
    bc_buf_add_format(to, i == 0 ? " %02x" : "%02x", dns_byte(rdata, i));
  }
}

static void dns_print_field(const struct bc_dns_field *field, char letter, struct bc_buf *to) {
  switch (letter) {
  case 'a':
  case '6':
    bc_buf_add_str(to, field->text);
    break;
  case 'n':
    bc_buf_add_str(to, field->text);
    bc_buf_add_text(to, bc_str_is(field->text, ".") ? "" : ".");
    break;
  case 't':
    dns_print_strings(field->text, to);
    break;
  case 's':
    dns_print_escaped(field->text, to);
    break;
  case 'r':
    dns_print_quoted(field->text, to);
    break;
  default:
    bc_buf_add_format(to, "%u", field->number);
    break;
  }
}

void bc_dns_print_rdata(const struct bc_dns_record *record, struct bc_buf *to) {
  if (record->field_count == 0) {
    dns_print_generic(record->rdata, to);
    return;
  }
  struct bc_str layout = bc_str_of(dns_layout(record->type));
  for (size_t i = 0; i < record->field_count; i++) {
    struct bc_str word = bc_str_next_word(&layout);
    bc_buf_add_text(to, i == 0 ? "" : " ");
    dns_print_field(&record->fields[i], word.at[0], to);
  }
}

void bc_dns_print_reverse(const uint8_t *address, bool is_ipv6, char text[static BC_DNS_REVERSE_BYTES]) {
  if (!is_ipv6) {
    (void)snprintf(text, BC_DNS_REVERSE_BYTES, "%u.%u.%u.%u.in-addr.arpa", address[3], address[2], address[1],
                   address[0]);
    return;
  }
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < 16; i++) {
    text[4 * i] = digits[address[15 - i] & 0xf];
    text[4 * i + 1] = '.';
    text[4 * i + 2] = digits[address[15 - i] >> 4];
    text[4 * i + 3] = '.';
  }
  memcpy(text + 64, "ip6.arpa", sizeof "ip6.arpa");
}

/* ---- which query it answers ---- */

bool bc_dns_answers(struct bc_str answer, struct bc_str query) {
  size_t end = DNS_HEAD_BYTES;
  if (answer.len < DNS_HEAD_BYTES || query.len < DNS_HEAD_BYTES || !dns_skip_name(query, &end)) {
    return false;
  }
  end += DNS_QUESTION_BYTES;
  uint16_t flags = dns_u16(answer, 2);
  if (dns_u16(answer, 0) != dns_u16(query, 0) || (flags & 0x8000) == 0) {
    return false;
  }
  if (dns_u16(answer, 4) == 0) {
    return (flags & 0xf) != 0;
  }
  /* Lengths of labels are below the letters, so that they are compared as they are; type and class are not. */
  size_t len = end - DNS_HEAD_BYTES - DNS_QUESTION_BYTES;
  if (query.len < end || answer.len < end) {
    return false;
  }
  return dns_equal_case((struct bc_str){.at = answer.at + DNS_HEAD_BYTES, .len = len},
                        (struct bc_str){.at = query.at + DNS_HEAD_BYTES, .len = len}) &&
         memcmp(answer.at + end - DNS_QUESTION_BYTES, query.at + end - DNS_QUESTION_BYTES, DNS_QUESTION_BYTES) == 0;
}
