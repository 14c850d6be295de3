#include "model/lua_require.h"

#include "model/name.h"

#include <string.h>

enum lua_token { LUA_END, LUA_WORD, LUA_TEXT, LUA_DOT, LUA_OTHER };

static bool lua_is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void lua_skip(struct bc_str *rest, size_t count) {
  rest->at += count;
  rest->len -= count;
}

/* "[", some "=", "[": its level, else -1. */
static long lua_bracket_level(struct bc_str rest) {
  size_t at = 1;
  if (rest.len == 0 || rest.at[0] != '[') {
    return -1;
  }
  while (at < rest.len && rest.at[at] == '=') {
    at++;
  }
  return at < rest.len && rest.at[at] == '[' ? (long)at - 1 : -1;
}

static bool lua_is_bracket_end(struct bc_str rest, size_t level) {
  if (rest.len < level + 2 || rest.at[0] != ']' || rest.at[level + 1] != ']') {
    return false;
  }
  size_t at = 1;
  while (at <= level && rest.at[at] == '=') {
    at++;
  }
  return at == level + 1;
}

/* A long bracket, which *rest begins with; one without an end takes all. */
static struct bc_str lua_take_bracket(struct bc_str *rest, size_t level) {
  lua_skip(rest, level + 2);
  struct bc_str inside = {rest->at, 0};
  while (rest->len > 0 && !lua_is_bracket_end(*rest, level)) {
    /* A "]===" that is no end is looked at once: what ends it cannot begin inside of it. */
    size_t run = 1;
    while (rest->at[0] == ']' && run < rest->len && rest->at[run] == '=') {
      run++;
    }
    lua_skip(rest, run);
  }
  inside.len = (size_t)(rest->at - inside.at);
  lua_skip(rest, rest->len > 0 ? level + 2 : 0);
  return inside;
}

/* A string in quotation marks, which *rest begins with. A line break ends what is no good Lua. */
static struct bc_str lua_take_string(struct bc_str *rest) {
  char mark = rest->at[0];
  lua_skip(rest, 1);
  struct bc_str inside = {rest->at, 0};
  while (rest->len > 0 && rest->at[0] != mark && rest->at[0] != '\n') {
    bool is_escape = rest->at[0] == '\\' && rest->len > 1;
    bool skips_blanks = is_escape && rest->at[1] == 'z';
    lua_skip(rest, is_escape ? 2 : 1);
    while (skips_blanks && rest->len > 0 && strchr(" \t\r\n\v\f", rest->at[0]) != NULL && rest->at[0] != '\0') {
      lua_skip(rest, 1);
    }
  }
  inside.len = (size_t)(rest->at - inside.at);
  lua_skip(rest, rest->len > 0 ? 1 : 0);
  return inside;
}

static void lua_skip_comment(struct bc_str *rest) {
  lua_skip(rest, 2);
  long level = lua_bracket_level(*rest);
  if (level >= 0) {
    (void)lua_take_bracket(rest, (size_t)level);
    return;
  }
  const char *end = rest->len == 0 ? NULL : memchr(rest->at, '\n', rest->len);
  lua_skip(rest, end == NULL ? rest->len : (size_t)(end - rest->at));
}

static void lua_skip_blanks(struct bc_str *rest) {
  while (rest->len > 0) {
    if ((unsigned char)rest->at[0] <= ' ') {
      lua_skip(rest, 1);
    } else if (bc_str_starts(*rest, "--")) {
      lua_skip_comment(rest);
    } else {
      return;
    }
  }
}

static struct bc_str lua_take_run(struct bc_str *rest, bool (*belongs)(char c)) {
  struct bc_str run = {rest->at, 0};
  while (run.len < rest->len && belongs(rest->at[run.len])) {
    run.len++;
  }
  lua_skip(rest, run.len);
  return run;
}

static bool lua_is_number_byte(char c) {
  return lua_is_word_byte(c) || c == '.';
}

static bool lua_is_dot(char c) {
  return c == '.';
}

static bool lua_is_colon(char c) {
  return c == ':';
}

/* A long bracket, or another one. */
static enum lua_token lua_next_bracket(struct bc_str *rest, struct bc_str *text) {
  long level = lua_bracket_level(*rest);
  if (level >= 0) {
    *text = lua_take_bracket(rest, (size_t)level);
    return LUA_TEXT;
  }
  *text = (struct bc_str){rest->at, 1};
  lua_skip(rest, 1);
  return LUA_OTHER;
}

static enum lua_token lua_next(struct bc_str *rest, struct bc_str *text) {
  lua_skip_blanks(rest);
  *text = (struct bc_str){rest->at, 0};
  if (rest->len == 0) {
    return LUA_END;
  }
  char c = rest->at[0];
  if (c >= '0' && c <= '9') {
    *text = lua_take_run(rest, lua_is_number_byte);
    return LUA_OTHER;
  }
  if (lua_is_word_byte(c)) {
    *text = lua_take_run(rest, lua_is_word_byte);
    return LUA_WORD;
  }
  if (c == '"' || c == '\'') {
    *text = lua_take_string(rest);
    return LUA_TEXT;
  }
  if (c == '[') {
    return lua_next_bracket(rest, text);
  }
  if (c == '.' || c == ':') {
    /* One is a field or a method; two join texts, or are a label's. */
    *text = lua_take_run(rest, c == '.' ? lua_is_dot : lua_is_colon);
    return text->len == 1 ? LUA_DOT : LUA_OTHER;
  }
  *text = (struct bc_str){rest->at, 1};
  lua_skip(rest, 1);
  return LUA_OTHER;
}

/* Behind the word require: its argument. What was only looked at stays. */
static bool lua_take_name(struct bc_str *rest, struct bc_str *name) {
  struct bc_str ahead = *rest;
  struct bc_str text;
  enum lua_token token = lua_next(&ahead, &text);
  bool is_call = token == LUA_OTHER && bc_str_is(text, "(");
  bool is_argument = token == LUA_OTHER && bc_str_is(text, ",");
  if (is_call || is_argument) {
    token = lua_next(&ahead, &text);
  }
  if (token != LUA_TEXT || !bc_name_is_valid(text, false)) {
    return false;
  }
  *name = text;
  if (is_call || is_argument) {
    struct bc_str behind = ahead;
    token = lua_next(&behind, &text);
    if (token != LUA_OTHER || !bc_str_is(text, ")")) {
      return false;
    }
  }
  *rest = ahead;
  return true;
}

struct bc_str bc_lua_require_begin(struct bc_str text) {
  if (bc_str_starts(text, "#")) {
    const char *end = memchr(text.at, '\n', text.len);
    lua_skip(&text, end == NULL ? text.len : (size_t)(end - text.at));
  }
  return text;
}

bool bc_lua_require_next(struct bc_str *rest, struct bc_str *name) {
  struct bc_str text;
  enum lua_token before = LUA_OTHER;
  enum lua_token token;
  while ((token = lua_next(rest, &text)) != LUA_END) {
    if (token == LUA_WORD && before != LUA_DOT && bc_str_is(text, "require") && lua_take_name(rest, name)) {
      return true;
    }
    before = token;
  }
  return false;
}
