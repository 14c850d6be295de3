/* A DNS message: whatever it holds, records come in bounded number and in bounds, names are printable, and the same
 * bytes give the same again. */
#include "proto/dns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) {
    abort();
  }
}

static void check_text(struct bc_str text) {
  check(text.len > 0 && text.len < BC_DNS_NAME_BYTES && bc_str_is_printable(text));
}

static void check_record(const struct bc_dns_message *message, const struct bc_dns_record *record) {
  check_text(bc_str_of(record->name));
  check(record->section < BC_DNS_SECTION_COUNT && record->field_count <= BC_DNS_FIELDS);
  check(record->rdata.at >= message->bytes.at &&
        record->rdata.at + record->rdata.len <= message->bytes.at + message->bytes.len);
  for (size_t i = 0; i < record->field_count; i++) {
    const struct bc_dns_field *field = &record->fields[i];
    struct bc_str rest = field->text;
    struct bc_str string;
    check(field->name.len > 0);
    /* Touches each byte. */
    check(field->is_number || rest.len == 0 || memchr(rest.at, 256 - 1, rest.len) != rest.at + rest.len);
    while (field->is_strings && bc_dns_next_string(&rest, &string)) {
      check(string.at + string.len <= field->text.at + field->text.len);
    }
    check(!field->is_strings || rest.len == 0);
  }
  struct bc_buf text;
  bc_buf_init(&text, 6 * BC_DNS_MESSAGE_BYTES);
  bc_dns_print_rdata(record, &text);
  check(text.len > 0 && !text.failed && bc_str_is_printable(bc_buf_str(&text)));
  bc_buf_free(&text);
}

static void check_word(enum bc_err err) {
  check(err == BC_ERR_OK || err == BC_ERR_NOT_FOUND || err == BC_ERR_RANGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* An exact copy, so that the sanitizer sees a read behind the end. */
  char *copy = malloc(size == 0 ? 1 : size);
  check(copy != NULL);
  if (size > 0) {
    memcpy(copy, data, size);
  }
  static struct bc_dns_message message;
  static struct bc_dns_record record;
  struct bc_fault fault = {0};
  struct bc_str bytes = {.at = copy, .len = size};
  uint16_t number;
  (void)bc_dns_answers(bytes, bytes);
  check_word(bc_dns_type_parse(bytes, &number));
  check_word(bc_dns_class_parse(bytes, &number));
  enum bc_err err = bc_dns_open(&message, bytes, &fault);
  size_t count = 0;
  while (err == BC_ERR_OK && (err = bc_dns_next(&message, &record, &fault)) == BC_ERR_OK) {
    check_record(&message, &record);
    check(++count * 11 <= size);
  }
  check(err == BC_ERR_NOT_FOUND || (err == BC_ERR_PROTOCOL && fault.text[0] != '\0'));
  check(bc_str_is_printable(bc_str_of(fault.text)));
  free(copy);
  return 0;
}
