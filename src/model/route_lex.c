#include "model/route_lex.h"

#include "base/limits.h"
#include "model/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How much of a token a message shows. */
enum { SHOWN_BYTES = 48 };

static bool lex_is_blank(char c) {
  return c == ' ' || c == '\t';
}

static bool lex_stands_alone(char c) {
  return c == ',' || c == '[' || c == ']' || c == ';' || c == '{' || c == '}';
}

static enum bc_err lex_refuse_byte(struct bc_fault *fault, size_t column, char c) {
  unsigned byte = (unsigned char)c;
  if (c == '\n') {
    bc_fault_set(fault, column, "line break: a route is one line");
  } else if (c == '\r') {
    bc_fault_set(fault, column, "carriage return: a route is one line");
  } else if (c == '#') {
    bc_fault_set(fault, column, "'#' would start a comment, and ExaBGP refuses commands with comments");
  } else if (c == '"' || c == '\'') {
    bc_fault_set(fault, column, "quotes are not allowed: no value of a route needs them");
  } else if (c == '\\') {
    bc_fault_set(fault, column, "backslashes are not allowed: ExaBGP would take them as escapes");
  } else if (byte >= 0x80) {
    bc_fault_set(fault, column, "byte 0x%02x is not ASCII: ExaBGP restarts the process that writes it", byte);
  } else {
    bc_fault_set(fault, column, "byte 0x%02x is not a printable character", byte);
  }
  return BC_ERR_SYNTAX;
}

static bool lex_is_allowed(char c) {
  return (c >= ' ' && c <= '~' && c != '#' && c != '"' && c != '\'' && c != '\\') || c == '\t';
}

enum bc_err bc_route_lex_init(struct bc_route_lex *lex, struct bc_str text, struct bc_fault *fault) {
  if (text.len > BC_LIMIT_CONFIG_BYTES) {
    bc_fault_set(fault, BC_LIMIT_CONFIG_BYTES + 1, "the text is longer than %d bytes", BC_LIMIT_CONFIG_BYTES);
    return BC_ERR_LIMIT;
  }
  const char *start = text.len == 0 ? "" : text.at;
  for (size_t i = 0; i < text.len; i++) {
    if (!lex_is_allowed(start[i])) {
      return lex_refuse_byte(fault, i + 1, start[i]);
    }
  }
  *lex = (struct bc_route_lex){.start = start, .next = start, .end = start + text.len, .fault = fault};
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}

void bc_route_lex_advance(struct bc_route_lex *lex) {
  const char *at = lex->next;
  while (at < lex->end && lex_is_blank(*at)) {
    at++;
  }
  const char *first = at;
  if (at < lex->end) {
    at++;
    bool is_whole = lex_stands_alone(*first) || *first == '(';
    while (!is_whole && at < lex->end && !lex_is_blank(*at) && !lex_stands_alone(*at) && *at != ')') {
      is_whole = *at++ == '(';
    }
  }
  lex->token = (struct bc_str){.at = first, .len = (size_t)(at - first)};
  lex->column = (size_t)(first - lex->start) + 1;
  lex->next = at;
}

bool bc_route_lex_is(const struct bc_route_lex *lex, const char *text) {
  return bc_str_is(lex->token, text);
}

bool bc_route_lex_take(struct bc_route_lex *lex, const char *text) {
  if (!bc_str_is(lex->token, text)) {
    return false;
  }
  bc_route_lex_advance(lex);
  return true;
}

bool bc_route_lex_at_word(const struct bc_route_lex *lex) {
  return lex->token.len > 0 && !lex_stands_alone(lex->token.at[0]) && lex->token.at[0] != '(' &&
         lex->token.at[0] != ')';
}

void bc_route_lex_skip_name(struct bc_route_lex *lex) {
  struct bc_route_lex behind = *lex;
  bc_route_lex_advance(&behind);
  if (bc_route_lex_at_word(lex) && bc_route_lex_is(&behind, "{")) {
    *lex = behind;
  }
}

enum bc_err bc_route_lex_fail(const struct bc_route_lex *lex, enum bc_err err, const char *format, ...) {
  char text[BC_FAULT_TEXT_BYTES];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  bc_fault_set(lex->fault, lex->column, "%s", text);
  return err;
}

enum bc_err bc_route_lex_expected(const struct bc_route_lex *lex, const char *subject, const char *expected) {
  if (bc_route_lex_at_end(lex)) {
    return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: the text ends here, expected %s", subject, expected);
  }
  int shown = lex->token.len > SHOWN_BYTES ? SHOWN_BYTES : (int)lex->token.len;
  return bc_route_lex_fail(lex, BC_ERR_SYNTAX, "%s: found '%.*s%s', expected %s", subject, shown, lex->token.at,
                           lex->token.len > SHOWN_BYTES ? "..." : "", expected);
}

enum bc_err bc_route_lex_require(struct bc_route_lex *lex, const char *subject, const char *text) {
  if (!bc_route_lex_take(lex, text)) {
    char expected[16];
    (void)snprintf(expected, sizeof expected, "'%s'", text);
    return bc_route_lex_expected(lex, subject, expected);
  }
  return BC_ERR_OK;
}

enum bc_err bc_route_lex_number(const struct bc_route_lex *lex, const char *subject, struct bc_str digits, uint64_t max,
                                uint64_t *number) {
  enum bc_err err = bc_str_to_u64(digits, max, number);
  if (err == BC_ERR_OK) {
    return BC_ERR_OK;
  }
  if (err == BC_ERR_RANGE) {
    int shown = digits.len > SHOWN_BYTES ? SHOWN_BYTES : (int)digits.len;
    return bc_route_lex_fail(lex, BC_ERR_RANGE, "%s: %.*s%s is out of range (0 to %llu)", subject, shown, digits.at,
                             digits.len > SHOWN_BYTES ? "..." : "", (unsigned long long)max);
  }
  char expected[48];
  (void)snprintf(expected, sizeof expected, "a number from 0 to %llu", (unsigned long long)max);
  return bc_route_lex_expected(lex, subject, expected);
}

enum bc_err bc_route_lex_take_number(struct bc_route_lex *lex, const char *subject, uint64_t max, uint64_t *number) {
  enum bc_err err = bc_route_lex_number(lex, subject, lex->token, max, number);
  if (err == BC_ERR_OK) {
    bc_route_lex_advance(lex);
  }
  return err;
}

enum bc_err bc_route_lex_take_ipv4(struct bc_route_lex *lex, const char *subject, uint8_t address[static 4]) {
  if (!bc_address_parse_ipv4(lex->token, address)) {
    return bc_route_lex_expected(lex, subject, "an IPv4 address");
  }
  bc_route_lex_advance(lex);
  return BC_ERR_OK;
}
