/* `json`: lua-cjson behind bounds. It holds texts outside Lua's allocator, leaks them when an allocation of Lua fails
 * inside, and its settings would be shared, so: what goes in and would come out is measured before, the cap is lifted
 * for the call, and settings are not to be had. */
#include "base/limits.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"

#include <lauxlib.h>
#include <math.h>

enum {
  JSON_LIFT_PER_BYTE = 48, /* "[]," becomes a table */
  JSON_LIFT_LEAST = 65536,
  JSON_NUMBER_BYTES = 32,
  JSON_STACK = 8
};

int luaopen_cjson(lua_State *L);

/* In the registry: its functions. */
static const char json_encode_key;
static const char json_decode_key;

/* ---- encode ---- */

/* Adds the most bytes that the value at the top can become to *bytes; raises where that is too much. */
static void json_measure(lua_State *L, int depth, size_t *bytes) {
  size_t len = JSON_NUMBER_BYTES;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    len = 6 * (size_t)lua_rawlen(L, -1) + 3;
    break;
  case LUA_TTABLE:
    len = 3;
    break;
  case LUA_TFUNCTION:
  case LUA_TTHREAD:
  case LUA_TUSERDATA:
    (void)luaL_error(L, "json.encode: a %s has no JSON form", luaL_typename(L, -1));
    break;
  default:
    break;
  }
  *bytes += len;
  if (*bytes > BC_LIMIT_LUA_JSON_BYTES) {
    (void)luaL_error(L, "json.encode: too long, expected at most %d bytes", (int)BC_LIMIT_LUA_JSON_BYTES);
  }
  if (!lua_istable(L, -1)) {
    return;
  }
  if (depth <= 0) {
    (void)luaL_error(L, "json.encode: nested too deep, or a table that holds itself; expected at most %d tables",
                     (int)BC_LIMIT_LUA_JSON_DEPTH);
  }
  luaL_checkstack(L, JSON_STACK, "json.encode");
  if (bc_lua_push_thawed(L, -1)) {
    (void)luaL_error(L, "json.encode: a read-only table; copy what is wanted of it");
  }
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    json_measure(L, depth - 1, bytes);
    lua_pushvalue(L, -2);
    json_measure(L, 1, bytes);
    lua_pop(L, 1);
  }
}

static int json_call(lua_State *L, const char *key, size_t bytes) {
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, key);
  lua_insert(L, -2);
  bc_sandbox_lift_memory(L, bytes * JSON_LIFT_PER_BYTE + JSON_LIFT_LEAST);
  /* Not lua_call: an error in it must not leave the cap lifted. */
  int status = lua_pcall(L, 1, 1, 0);
  bc_sandbox_lift_memory(L, 0);
  return status;
}

/* The members in their order, read-only tables too. */
static int json_encode_in_order(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  struct bc_buf *text = bc_sandbox_scratch(L);
  switch (bc_lua_value_print_in_order(L, 1, BC_LIMIT_LUA_JSON_DEPTH, text)) {
  case BC_ERR_OK:
    (void)lua_pushlstring(L, text->data, text->len);
    return 1;
  case BC_ERR_UNSUPPORTED:
    return luaL_error(L, "json.encode: functions, NaN, infinity and keys that are neither texts nor whole numbers have "
                         "no JSON form");
  default:
    return luaL_error(L,
                      "json.encode: too long (at most %d bytes), nested too deep (at most %d tables), or a table that "
                      "holds itself",
                      (int)BC_LIMIT_LUA_JSON_BYTES, (int)BC_LIMIT_LUA_JSON_DEPTH);
  }
}

static int json_encode(lua_State *L) {
  size_t bytes = 0;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  json_measure(L, BC_LIMIT_LUA_JSON_DEPTH, &bytes);
  if (json_call(L, &json_encode_key, bytes) != LUA_OK) {
    return luaL_error(L, "json.encode: %s", lua_tostring(L, -1));
  }
  return 1;
}

/* ---- decode ---- */

static bool json_is_whole(lua_State *L, lua_Integer *whole) {
  lua_Number number = lua_tonumber(L, -1);
  return lua_numbertointeger(number, whole) && (lua_Number)*whole == number;
}

/* It reads every number as a float: whole ones become integers, as a person would write them. */
static void json_mend(lua_State *L, bool keeps_null) {
  lua_Integer whole;
  if (lua_type(L, -1) == LUA_TNUMBER && json_is_whole(L, &whole)) {
    lua_pop(L, 1);
    lua_pushinteger(L, whole);
  }
  if (!lua_istable(L, -1)) {
    return;
  }
  luaL_checkstack(L, JSON_STACK, "json.decode");
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table) != 0;) {
    int type = lua_type(L, -1);
    if (type == LUA_TNUMBER && json_is_whole(L, &whole)) {
      /* Of a member that is there, which a traversal allows. */
      lua_pushvalue(L, -2);
      lua_pushinteger(L, whole);
      lua_rawset(L, table);
    } else if (type == LUA_TLIGHTUSERDATA && !keeps_null) {
      lua_pushvalue(L, -2);
      lua_pushnil(L);
      lua_rawset(L, table);
    } else if (type == LUA_TTABLE) {
      json_mend(L, keeps_null);
    }
    lua_pop(L, 1);
  }
}

static void json_decode_text(lua_State *L, struct bc_str text, bool keeps_null) {
  if (text.len > BC_LIMIT_LUA_JSON_BYTES) {
    (void)luaL_error(L, "json.decode: too long, expected at most %d bytes, found %d", (int)BC_LIMIT_LUA_JSON_BYTES,
                     (int)text.len);
  }
  luaL_checkstack(L, JSON_STACK, NULL);
  (void)lua_pushlstring(L, text.at, text.len);
  if (json_call(L, &json_decode_key, text.len) != LUA_OK) {
    (void)luaL_error(L, "json.decode: %s", lua_tostring(L, -1));
  }
  json_mend(L, keeps_null);
}

void bc_lua_json_push(lua_State *L, struct bc_str text) {
  json_decode_text(L, text, true);
}

void bc_lua_json_push_plain(lua_State *L, struct bc_str text) {
  json_decode_text(L, text, false);
}

static int json_decode(lua_State *L) {
  struct bc_str text;
  text.at = luaL_checklstring(L, 1, &text.len);
  bc_lua_json_push(L, text);
  return 1;
}

/* ---- */

static void json_set(lua_State *L, int library, const char *name, int number) {
  (void)lua_getfield(L, library, name);
  if (number < 0) {
    lua_pushboolean(L, 0);
  } else {
    lua_pushinteger(L, number);
  }
  lua_call(L, 1, 0);
}

int bc_lua_json_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"encode", json_encode}, {"decode", json_decode}, {NULL, NULL}};
  lua_pushcfunction(L, luaopen_cjson);
  lua_call(L, 0, 1);
  int library = lua_gettop(L);
  json_set(L, library, "encode_max_depth", BC_LIMIT_LUA_JSON_DEPTH + 1);
  json_set(L, library, "decode_max_depth", BC_LIMIT_LUA_JSON_DEPTH);
  json_set(L, library, "encode_keep_buffer", -1);
  json_set(L, library, "decode_invalid_numbers", -1);
  (void)lua_getfield(L, library, "encode");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &json_encode_key);
  (void)lua_getfield(L, library, "decode");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &json_decode_key);
  luaL_newlib(L, functions);
  if (bc_sandbox_is_pure(L)) {
    lua_pushcfunction(L, json_encode_in_order);
    lua_setfield(L, -2, "encode");
  }
  (void)lua_getfield(L, library, "null");
  lua_setfield(L, -2, "null");
  lua_remove(L, library);
  return 1;
}
