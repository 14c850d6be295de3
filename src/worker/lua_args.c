#include "worker/lua_args.h"

#include "base/duration.h"
#include "worker/lua_module.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

/* Pushes "a, b, c". */
static const char *args_push_list(lua_State *L, const char *const *words) {
  luaL_Buffer list;
  luaL_buffinit(L, &list);
  for (size_t i = 0; words[i] != NULL; i++) {
    luaL_addstring(&list, i == 0 ? "" : ", ");
    luaL_addstring(&list, words[i]);
  }
  luaL_pushresult(&list);
  return lua_tostring(L, -1);
}

/* Its place; that of the NULL at the end when it is not there. */
static int args_find(const char *text, const char *const *words) {
  int at = 0;
  while (words[at] != NULL && strcmp(words[at], text) != 0) {
    at++;
  }
  return at;
}

void bc_lua_args_check(lua_State *L, int index, const char *const *known) {
  lua_settop(L, index);
  if (lua_isnil(L, index)) {
    return;
  }
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_checkstack(L, 6, NULL);
  if (!bc_lua_push_thawed(L, index)) {
    lua_pushvalue(L, index);
  }
  for (lua_pushnil(L); lua_next(L, index + 1) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      (void)luaL_error(L, "options are named: {timeout = 1}, found a %s as a name", luaL_typename(L, -2));
    }
    const char *name = lua_tostring(L, -2);
    if (known[args_find(name, known)] == NULL) {
      (void)luaL_error(L, "unknown option '%s': expected %s", name, args_push_list(L, known));
    }
  }
  lua_settop(L, index);
}

void bc_lua_args_push(lua_State *L, int index, const char *name) {
  luaL_checkstack(L, 6, NULL);
  if (lua_isnoneornil(L, index)) {
    lua_pushnil(L);
    return;
  }
  if (!bc_lua_push_thawed(L, index)) {
    lua_pushvalue(L, index);
  }
  lua_pushstring(L, name);
  (void)lua_rawget(L, -2);
  lua_remove(L, -2);
}

static int args_refuse(lua_State *L, const char *name, const char *expected) {
  const char *found =
      lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER ? lua_tostring(L, -1) : luaL_typename(L, -1);
  return luaL_error(L, "option '%s': expected %s, found %s", name, expected, found);
}

int64_t bc_lua_args_ms(lua_State *L, int index, const char *name, int64_t none) {
  static const char expected[] = "a number of seconds or a text with a unit (\"500ms\"), above 0, at most 1h";
  double ms = -1;
  bc_lua_args_push(L, index, name);
  int type = lua_type(L, -1);
  if (type == LUA_TNUMBER) {
    ms = ceil(lua_tonumber(L, -1) * 1000);
  } else if (type == LUA_TSTRING) {
    size_t len;
    unsigned parsed;
    const char *text = lua_tolstring(L, -1, &len);
    if (bc_duration_parse((struct bc_str){text, len}, &parsed) == BC_ERR_OK) {
      ms = parsed;
    }
  }
  if (type != LUA_TNIL && !(ms >= 1 && ms <= BC_LUA_ARGS_MOST_MS)) {
    (void)args_refuse(L, name, expected);
  }
  lua_pop(L, 1);
  return type == LUA_TNIL ? none : (int64_t)ms;
}

bool bc_lua_args_bool(lua_State *L, int index, const char *name, bool none) {
  bc_lua_args_push(L, index, name);
  int type = lua_type(L, -1);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
    (void)args_refuse(L, name, "true or false");
  }
  bool value = type == LUA_TNIL ? none : lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return value;
}

int64_t bc_lua_args_integer(lua_State *L, int index, const char *name, int64_t least, int64_t most, int64_t none) {
  int is_integer = 0;
  bc_lua_args_push(L, index, name);
  bool is_given = !lua_isnil(L, -1);
  int64_t value = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &is_integer) : 0;
  if (is_given && (is_integer == 0 || value < least || value > most)) {
    const char *expected = lua_pushfstring(L, "a whole number from %I to %I", (LUAI_UACINT)least, (LUAI_UACINT)most);
    lua_insert(L, -2);
    (void)args_refuse(L, name, expected);
  }
  lua_pop(L, 1);
  return is_given ? value : none;
}

struct bc_str bc_lua_args_text(lua_State *L, int index, const char *name, size_t most_bytes) {
  struct bc_str text = {0};
  bc_lua_args_push(L, index, name);
  if (lua_type(L, -1) == LUA_TSTRING) {
    text.at = lua_tolstring(L, -1, &text.len);
  } else if (!lua_isnil(L, -1)) {
    (void)args_refuse(L, name, "a text");
  }
  if (text.len > most_bytes) {
    (void)luaL_error(L, "option '%s': expected at most %I bytes, found %I", name, (LUAI_UACINT)most_bytes,
                     (LUAI_UACINT)text.len);
  }
  lua_pop(L, 1);
  return text;
}

int bc_lua_args_choice(lua_State *L, int index, const char *name, const char *const *words, int none) {
  int found = none;
  bc_lua_args_push(L, index, name);
  if (!lua_isnil(L, -1)) {
    found = args_find(lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "", words);
    if (words[found] == NULL) {
      const char *expected = args_push_list(L, words);
      lua_insert(L, -2);
      (void)args_refuse(L, name, expected);
    }
  }
  lua_pop(L, 1);
  return found;
}
