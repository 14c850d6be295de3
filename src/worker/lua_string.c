/* `string`: the system's functions, those that could last for ever or tell addresses behind a bound. Without dump. */
#include "base/limits.h"
#include "worker/lua_module.h"
#include "worker/lua_pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

enum { STRING_PACK_DIGITS = 6 };

static struct bc_str string_check(lua_State *L, int index) {
  struct bc_str text;
  text.at = luaL_checklstring(L, index, &text.len);
  return text;
}

/* The part from the 1-based position in argument `index` on (default 1; from the end when negative). False: behind the
 * end. */
static bool string_cut(lua_State *L, int index, struct bc_str *text) {
  lua_Integer from = luaL_optinteger(L, index, 1);
  lua_Integer len = (lua_Integer)text->len;
  if (from < 0) {
    from = from < -len ? 1 : len + from + 1;
  }
  from = from < 1 ? 1 : from;
  if (from > len + 1) {
    return false;
  }
  text->at += from - 1;
  text->len -= (size_t)(from - 1);
  return true;
}

/* ---- patterns ---- */

/* Raises when the matcher, which cannot be interrupted, could be at it too long. */
static void string_check_pattern(lua_State *L, struct bc_str subject, struct bc_str pattern, bool is_anchor) {
  if (subject.len > BC_LIMIT_LUA_TEXT_BYTES) {
    (void)luaL_error(L, "text too long for a pattern: expected at most %d bytes, found %d",
                     (int)BC_LIMIT_LUA_TEXT_BYTES, (int)subject.len);
  }
  if (bc_lua_pattern_steps(subject, pattern, is_anchor) > BC_LIMIT_LUA_PATTERN_STEPS) {
    (void)luaL_error(
        L,
        "pattern too costly for a text of %d bytes: anchor it with ^, put a narrower class in place of '.', "
        "or use fewer of * + -",
        (int)subject.len);
  }
}

/* find for a text that stands for itself: in linear time, which the system's is not. */
static int string_find_plain(lua_State *L, struct bc_str subject, struct bc_str part, const char *start) {
  const char *found = part.len == 0 ? subject.at : memmem(subject.at, subject.len, part.at, part.len);
  if (found == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)(found - start) + 1);
  lua_pushinteger(L, (lua_Integer)(found - start) + (lua_Integer)part.len);
  return 2;
}

static int string_find(lua_State *L) {
  struct bc_str subject = string_check(L, 1);
  struct bc_str pattern = string_check(L, 2);
  const char *start = subject.at;
  if (!string_cut(L, 3, &subject)) {
    lua_pushnil(L);
    return 1;
  }
  if (lua_toboolean(L, 4) != 0 || bc_lua_pattern_is_plain(pattern)) {
    return string_find_plain(L, subject, pattern, start);
  }
  string_check_pattern(L, subject, pattern, true);
  return bc_lua_call_wrapped(L);
}

static int string_match(lua_State *L) {
  struct bc_str subject = string_check(L, 1);
  struct bc_str pattern = string_check(L, 2);
  if (string_cut(L, 3, &subject)) {
    string_check_pattern(L, subject, pattern, true);
  }
  return bc_lua_call_wrapped(L);
}

static int string_gmatch(lua_State *L) {
  struct bc_str subject = string_check(L, 1);
  struct bc_str pattern = string_check(L, 2);
  if (string_cut(L, 3, &subject)) {
    string_check_pattern(L, subject, pattern, false);
  }
  return bc_lua_call_wrapped(L);
}

static int string_gsub(lua_State *L) {
  string_check_pattern(L, string_check(L, 1), string_check(L, 2), true);
  return bc_lua_call_wrapped(L);
}

/* ---- the others ---- */

static int string_rep(lua_State *L) {
  struct bc_str text = string_check(L, 1);
  lua_Integer count = luaL_checkinteger(L, 2);
  size_t separator;
  (void)luaL_optlstring(L, 3, "", &separator);
  size_t each = text.len + separator;
  if (count <= 0 || each == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if ((lua_Unsigned)count > BC_LIMIT_LUA_TEXT_BYTES / each + 1) {
    return luaL_error(L, "resulting string too large: expected at most %d bytes", (int)BC_LIMIT_LUA_TEXT_BYTES);
  }
  return bc_lua_call_wrapped(L);
}

/* The system's turns what %s gets into a text with an address, and %p into nothing else. */
static int string_format(lua_State *L) {
  struct bc_str format = string_check(L, 1);
  int arguments = lua_gettop(L);
  int argument = 1;
  for (size_t i = 0; i < format.len; i++) {
    if (format.at[i] != '%') {
      continue;
    }
    if (++i < format.len && format.at[i] == '%') {
      continue;
    }
    while (i < format.len && (strchr("-+ #0.", format.at[i]) != NULL || isdigit((unsigned char)format.at[i]) != 0) &&
           format.at[i] != '\0') {
      i++;
    }
    argument++;
    char conversion = '\0';
    if (i < format.len) {
      conversion = format.at[i];
    }
    if (conversion == 'p') {
      return luaL_error(L, "string.format: %%p is not allowed here");
    }
    if (conversion == 's' && argument <= arguments && lua_type(L, argument) != LUA_TSTRING) {
      bc_lua_push_text(L, argument);
      lua_replace(L, argument);
    }
  }
  return bc_lua_call_wrapped(L);
}

/* A number in the format is a size: c2147483647 would be padded for that long. */
static void string_check_sizes(lua_State *L) {
  struct bc_str format = string_check(L, 1);
  size_t digits = 0;
  for (size_t i = 0; i < format.len; i++) {
    digits = isdigit((unsigned char)format.at[i]) != 0 ? digits + 1 : 0;
    luaL_argcheck(L, digits <= STRING_PACK_DIGITS, 1, "size too large");
  }
}

static int string_pack(lua_State *L) {
  string_check_sizes(L);
  return bc_lua_call_wrapped(L);
}

int bc_lua_string_open(lua_State *L) {
  static const char *const names[] = {"byte",    "char",  "find",   "format", "gmatch",   "gsub",
                                      "len",     "lower", "match",  "pack",   "packsize", "rep",
                                      "reverse", "sub",   "unpack", "upper",  NULL};
  bc_lua_pick(L, luaopen_string, names);
  bc_lua_wrap(L, "find", string_find);
  bc_lua_wrap(L, "match", string_match);
  bc_lua_wrap(L, "gmatch", string_gmatch);
  bc_lua_wrap(L, "gsub", string_gsub);
  bc_lua_wrap(L, "rep", string_rep);
  bc_lua_wrap(L, "format", string_format);
  bc_lua_wrap(L, "pack", string_pack);
  bc_lua_wrap(L, "packsize", string_pack);
  bc_lua_wrap(L, "unpack", string_pack);
  return 1;
}
