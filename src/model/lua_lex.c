#include "model/lua_lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LEX_TOKEN_LIST(X) BC_LUA_WORD_LIST(X) BC_LUA_SIGN_LIST(X) BC_LUA_OTHER_LIST(X)

BC_ENUM_TEXT_FUNCTION(bc_lua_token_text, enum bc_lua_token, LEX_TOKEN_LIST, "nothing")

enum { LEX_CODEPOINT_MOST = 0x7FFFFFFF, LEX_BYTE_MOST = 255, LEX_SHOWN_BYTES = 40 };

void bc_lua_lex_init(struct bc_lua_lex *lex, struct bc_str text) {
  *lex = (struct bc_lua_lex){.at = text.at, .end = text.at + text.len, .line_start = text.at, .line = 1};
  lex->token = BC_LUA_END;
  if (bc_str_starts(text, "#")) {
    const char *end = memchr(text.at, '\n', text.len);
    lex->at = end == NULL ? lex->end : end;
  }
}

void bc_lua_lex_fail(struct bc_lua_lex *lex, struct bc_lua_place place, const char *format, ...) {
  char text[BC_FAULT_TEXT_BYTES];
  if (lex->fault.text[0] == '\0') {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bc_fault_set(&lex->fault, place.column, "%s", text);
    lex->fault_place = place;
  }
  lex->at = lex->end;
  lex->token = BC_LUA_END;
}

const char *bc_lua_lex_near(const struct bc_lua_lex *lex, char to[static 48]) {
  if (lex->token == BC_LUA_NAME || lex->token == BC_LUA_NUMBER || lex->token == BC_LUA_STRING) {
    size_t len = lex->text.len < LEX_SHOWN_BYTES ? lex->text.len : LEX_SHOWN_BYTES;
    (void)snprintf(to, 48, "near '%.*s'", (int)len, lex->text.at);
  } else {
    (void)snprintf(to, 48, lex->token == BC_LUA_END ? "near %s" : "near '%s'", bc_lua_token_text(lex->token));
  }
  return to;
}

/* ---- bytes ---- */

/* As Lua has them, whatever the locale. */
static bool lex_is_digit(int c) {
  return c >= '0' && c <= '9';
}

static bool lex_is_letter(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int lex_hex(int c) {
  return lex_is_digit(c) ? c - '0' : (c >= 'a' && c <= 'f') ? c - 'a' + 10 : (c >= 'A' && c <= 'F') ? c - 'A' + 10 : -1;
}

/* -1 at the end. */
static int lex_byte(const struct bc_lua_lex *lex, size_t ahead) {
  return (size_t)(lex->end - lex->at) > ahead ? (unsigned char)lex->at[ahead] : -1;
}

static bool lex_is_line_break(int c) {
  return c == '\n' || c == '\r';
}

/* CR LF and LF CR are one. */
static void lex_skip_line_break(struct bc_lua_lex *lex) {
  int first = lex_byte(lex, 0);
  lex->at++;
  if (lex_is_line_break(lex_byte(lex, 0)) && lex_byte(lex, 0) != first) {
    lex->at++;
  }
  lex->line++;
  lex->line_start = lex->at;
}

static struct bc_lua_place lex_here(const struct bc_lua_lex *lex) {
  return (struct bc_lua_place){lex->line, (unsigned)(lex->at - lex->line_start) + 1};
}

/* ---- long brackets ---- */

/* "[", some "=", "[": how many, else -1. */
static long lex_bracket_level(const struct bc_lua_lex *lex) {
  size_t count = 0;
  if (lex_byte(lex, 0) != '[') {
    return -1;
  }
  while (lex_byte(lex, count + 1) == '=') {
    count++;
  }
  return lex_byte(lex, count + 1) == '[' ? (long)count : -1;
}

static bool lex_is_bracket_end(const struct bc_lua_lex *lex, size_t level) {
  size_t count = 0;
  while (count < level && lex_byte(lex, count + 1) == '=') {
    count++;
  }
  return count == level && lex_byte(lex, level + 1) == ']';
}

static bool lex_take_bracket(struct bc_lua_lex *lex, size_t level, struct bc_str *inside) {
  lex->at += level + 2;
  if (lex_is_line_break(lex_byte(lex, 0))) {
    lex_skip_line_break(lex);
  }
  *inside = (struct bc_str){lex->at, 0};
  while (lex->at < lex->end) {
    int c = lex_byte(lex, 0);
    if (c == ']' && lex_is_bracket_end(lex, level)) {
      inside->len = (size_t)(lex->at - inside->at);
      lex->at += level + 2;
      return true;
    }
    if (lex_is_line_break(c)) {
      lex_skip_line_break(lex);
      continue;
    }
    lex->at++;
    /* A "]===" that is no end is looked at once. */
    while (c == ']' && lex_byte(lex, 0) == '=') {
      lex->at++;
    }
  }
  return false;
}

/* ---- blanks and comments ---- */

static void lex_skip_comment(struct bc_lua_lex *lex, bool is_alone) {
  struct bc_lua_place place = lex_here(lex);
  struct bc_str inside;
  lex->at += 2;
  long level = lex_bracket_level(lex);
  if (level >= 0) {
    if (!lex_take_bracket(lex, (size_t)level, &inside)) {
      bc_lua_lex_fail(lex, place, "unfinished long comment");
      return;
    }
  } else {
    inside = (struct bc_str){lex->at, 0};
    while (lex->at < lex->end && !lex_is_line_break(lex_byte(lex, 0))) {
      lex->at++;
    }
    inside.len = (size_t)(lex->at - inside.at);
  }
  if (lex->on_comment != NULL) {
    lex->on_comment(lex->arg, place, inside, is_alone);
  }
}

static void lex_skip_blanks(struct bc_lua_lex *lex) {
  bool is_alone = lex->at == lex->line_start;
  while (lex->at < lex->end) {
    int c = lex_byte(lex, 0);
    if (lex_is_line_break(c)) {
      lex_skip_line_break(lex);
      is_alone = true;
    } else if (c == ' ' || c == '\t' || c == '\v' || c == '\f') {
      lex->at++;
    } else if (c == '-' && lex_byte(lex, 1) == '-') {
      lex_skip_comment(lex, is_alone);
    } else {
      return;
    }
  }
}

/* ---- strings ---- */

/* Behind "\u". */
static const char *lex_skip_codepoint(struct bc_lua_lex *lex) {
  unsigned long value = 0;
  if (lex_byte(lex, 0) != '{') {
    return "missing '{' in \\u{xxxx}";
  }
  lex->at++;
  if (lex_hex(lex_byte(lex, 0)) < 0) {
    return "hexadecimal digit expected";
  }
  while (lex_hex(lex_byte(lex, 0)) >= 0) {
    value = value * 16 + (unsigned long)lex_hex(lex_byte(lex, 0));
    if (value > LEX_CODEPOINT_MOST) {
      return "UTF-8 value too large";
    }
    lex->at++;
  }
  if (lex_byte(lex, 0) != '}') {
    return "missing '}' in \\u{xxxx}";
  }
  lex->at++;
  return NULL;
}

static const char *lex_skip_decimal(struct bc_lua_lex *lex) {
  int value = 0;
  for (int i = 0; i < 3 && lex_is_digit(lex_byte(lex, 0)); i++) {
    value = value * 10 + lex_byte(lex, 0) - '0';
    lex->at++;
  }
  return value > LEX_BYTE_MOST ? "decimal escape too large" : NULL;
}

static void lex_skip_gap(struct bc_lua_lex *lex) {
  for (;;) {
    int c = lex_byte(lex, 0);
    if (lex_is_line_break(c)) {
      lex_skip_line_break(lex);
    } else if (c == ' ' || c == '\t' || c == '\v' || c == '\f') {
      lex->at++;
    } else {
      return;
    }
  }
}

/* At a backslash: why it is none that Lua knows, or NULL. */
static const char *lex_skip_escape(struct bc_lua_lex *lex) {
  lex->at++;
  int c = lex_byte(lex, 0);
  if (lex_is_line_break(c)) {
    lex_skip_line_break(lex);
    return NULL;
  }
  if (lex_is_digit(c)) {
    return lex_skip_decimal(lex);
  }
  if (c < 0) {
    return "unfinished string";
  }
  lex->at++;
  switch (c) {
  case 'a':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't':
  case 'v':
  case '\\':
  case '"':
  case '\'':
    return NULL;
  case 'z':
    lex_skip_gap(lex);
    return NULL;
  case 'x':
    if (lex_hex(lex_byte(lex, 0)) < 0 || lex_hex(lex_byte(lex, 1)) < 0) {
      return "hexadecimal digit expected";
    }
    lex->at += 2;
    return NULL;
  case 'u':
    return lex_skip_codepoint(lex);
  default:
    return "invalid escape sequence";
  }
}

static void lex_take_string(struct bc_lua_lex *lex) {
  int mark = lex_byte(lex, 0);
  lex->at++;
  lex->text = (struct bc_str){lex->at, 0};
  lex->has_escape = false;
  while (lex_byte(lex, 0) != mark) {
    struct bc_lua_place place = lex_here(lex);
    const char *problem = NULL;
    if (lex_byte(lex, 0) < 0 || lex_is_line_break(lex_byte(lex, 0))) {
      bc_lua_lex_fail(lex, lex->place, "unfinished string");
      return;
    }
    if (lex_byte(lex, 0) == '\\') {
      lex->has_escape = true;
      problem = lex_skip_escape(lex);
    } else {
      lex->at++;
    }
    if (problem != NULL) {
      bc_lua_lex_fail(lex, place, "%s", problem);
      return;
    }
  }
  lex->text.len = (size_t)(lex->at - lex->text.at);
  lex->at++;
  lex->token = BC_LUA_STRING;
}

/* ---- numbers ---- */

static size_t lex_run(struct bc_str text, size_t at, bool is_hex) {
  size_t from = at;
  while (at < text.len &&
         (is_hex ? lex_hex((unsigned char)text.at[at]) >= 0 : lex_is_digit((unsigned char)text.at[at]))) {
    at++;
  }
  return at - from;
}

/* Whether all of it is one number, as strtod and Lua's own reader of integers would take it. */
static bool lex_is_number(struct bc_str text) {
  bool is_hex = text.len >= 2 && text.at[0] == '0' && (text.at[1] == 'x' || text.at[1] == 'X');
  size_t at = is_hex ? 2 : 0;
  size_t digits = lex_run(text, at, is_hex);
  at += digits;
  if (at < text.len && text.at[at] == '.') {
    size_t behind = lex_run(text, at + 1, is_hex);
    digits += behind;
    at += behind + 1;
  }
  if (digits > 0 && at < text.len && strchr(is_hex ? "pP" : "eE", text.at[at]) != NULL && text.at[at] != '\0') {
    at++;
    at += at < text.len && (text.at[at] == '+' || text.at[at] == '-') ? 1 : 0;
    size_t exponent = lex_run(text, at, false);
    at += exponent;
    digits = exponent;
  }
  return digits > 0 && at == text.len;
}

static void lex_take_number(struct bc_lua_lex *lex) {
  const char *marks = "eE";
  lex->text = (struct bc_str){lex->at, 0};
  if (lex_byte(lex, 0) == '0' && (lex_byte(lex, 1) == 'x' || lex_byte(lex, 1) == 'X')) {
    marks = "pP";
    lex->at += 2;
  }
  for (;;) {
    int c = lex_byte(lex, 0);
    if (c > 0 && strchr(marks, c) != NULL) {
      lex->at++;
      lex->at += lex_byte(lex, 0) == '+' || lex_byte(lex, 0) == '-' ? 1 : 0;
    } else if (lex_hex(c) >= 0 || c == '.') {
      lex->at++;
    } else {
      break;
    }
  }
  /* What sticks to it belongs to it: "3x" is no number, not two words. */
  lex->at += lex_is_letter(lex_byte(lex, 0)) ? 1 : 0;
  lex->text.len = (size_t)(lex->at - lex->text.at);
  lex->token = BC_LUA_NUMBER;
  if (!lex_is_number(lex->text)) {
    int shown = lex->text.len < LEX_SHOWN_BYTES ? (int)lex->text.len : LEX_SHOWN_BYTES;
    bc_lua_lex_fail(lex, lex->place, "malformed number near '%.*s'", shown, lex->text.at);
  }
}

/* ---- words and signs ---- */

static void lex_take_word(struct bc_lua_lex *lex) {
  lex->text = (struct bc_str){lex->at, 0};
  while (lex_is_letter(lex_byte(lex, 0)) || lex_is_digit(lex_byte(lex, 0))) {
    lex->at++;
  }
  lex->text.len = (size_t)(lex->at - lex->text.at);
  for (int i = 0; i <= BC_LUA_WHILE; i++) {
    if (bc_str_is(lex->text, bc_lua_token_text((enum bc_lua_token)i))) {
      lex->token = (enum bc_lua_token)i;
      return;
    }
  }
  lex->token = BC_LUA_NAME;
}

static void lex_take_sign(struct bc_lua_lex *lex) {
  struct bc_str rest = {lex->at, (size_t)(lex->end - lex->at)};
  for (int i = BC_LUA_DOTS; i <= BC_LUA_COMMA; i++) {
    const char *text = bc_lua_token_text((enum bc_lua_token)i);
    if (bc_str_starts(rest, text)) {
      lex->at += strlen(text);
      lex->token = (enum bc_lua_token)i;
      return;
    }
  }
  bc_lua_lex_fail(lex, lex->place, "unexpected symbol near '%c'", lex_byte(lex, 0));
}

static void lex_take_bracket_word(struct bc_lua_lex *lex) {
  long level = lex_bracket_level(lex);
  if (level >= 0) {
    lex->has_escape = false;
    if (!lex_take_bracket(lex, (size_t)level, &lex->text)) {
      bc_lua_lex_fail(lex, lex->place, "unfinished long string");
      return;
    }
    lex->token = BC_LUA_STRING;
  } else if (lex_byte(lex, 1) == '=') {
    bc_lua_lex_fail(lex, lex->place, "invalid long string delimiter");
  } else {
    lex_take_sign(lex);
  }
}

void bc_lua_lex_next(struct bc_lua_lex *lex) {
  lex->line_before = lex->line;
  lex_skip_blanks(lex);
  int c = lex_byte(lex, 0);
  lex->place = lex_here(lex);
  lex->text = (struct bc_str){lex->at, 0};
  if (c < 0) {
    lex->token = BC_LUA_END;
  } else if (lex_is_letter(c)) {
    lex_take_word(lex);
  } else if (lex_is_digit(c) || (c == '.' && lex_is_digit(lex_byte(lex, 1)))) {
    lex_take_number(lex);
  } else if (c == '"' || c == '\'') {
    lex_take_string(lex);
  } else if (c == '[') {
    lex_take_bracket_word(lex);
  } else {
    lex_take_sign(lex);
  }
}

enum bc_lua_token bc_lua_lex_peek(const struct bc_lua_lex *lex) {
  struct bc_lua_lex ahead = *lex;
  ahead.on_comment = NULL;
  bc_lua_lex_next(&ahead);
  return ahead.fault.text[0] == '\0' ? ahead.token : BC_LUA_END;
}
