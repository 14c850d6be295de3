#include "proto/http_form.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int bc_http_hex(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Into `to`, which has as much room as `from` is long; false for a '%' without its digits, *at then. */
static bool http_form_decode(struct bc_str from, char *to, struct bc_str *decoded, size_t *at) {
  size_t len = 0;
  for (*at = 0; *at < from.len; (*at)++) {
    char c = from.at[*at];
    if (c == '%') {
      int high = from.len - *at > 2 ? bc_http_hex(from.at[*at + 1]) : -1;
      int low = high < 0 ? -1 : bc_http_hex(from.at[*at + 2]);
      if (low < 0) {
        return false;
      }
      to[len++] = (char)(high * 16 + low);
      *at += 2;
    } else {
      to[len++] = (char)(c == '+' ? ' ' : c);
    }
  }
  *decoded = (struct bc_str){.at = to, .len = len};
  return true;
}

enum bc_err bc_http_form_each(struct bc_str body, bc_http_form_fn *fn, void *arg, struct bc_fault *fault) {
  char *room = bc_mem_new(body.len + 1, 1);
  enum bc_err err = BC_ERR_OK;
  struct bc_str rest = body, field;
  while (err == BC_ERR_OK && bc_str_next_field(&rest, '&', &field)) {
    const char *equals = field.len == 0 ? NULL : memchr(field.at, '=', field.len);
    size_t name_len = equals == NULL ? field.len : (size_t)(equals - field.at);
    struct bc_str name = {.at = field.at, .len = name_len};
    struct bc_str value = {.at = field.at + name_len, .len = 0};
    if (equals != NULL) {
      value = (struct bc_str){.at = equals + 1, .len = field.len - name_len - 1};
    }
    struct bc_str decoded_name, decoded_value;
    size_t at = 0;
    if (field.len == 0) {
      continue; /* "a=1&": nothing is meant */
    }
    if (!http_form_decode(name, room, &decoded_name, &at) ||
        !http_form_decode(value, room + name_len, &decoded_value, &at)) {
      bc_fault_set(fault, 0, "%% is not followed by two hexadecimal digits in a field of the form");
      err = BC_ERR_SYNTAX;
    } else if (!fn(arg, decoded_name, decoded_value)) {
      err = BC_ERR_REFUSED;
    }
  }
  free(room);
  return err;
}
