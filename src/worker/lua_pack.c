#include "worker/lua_pack.h"

#include "base/limits.h"
#include "worker/lua_module.h"

#include <lauxlib.h>
#include <string.h>

enum { PACK_STACK = 6 };

/* The first byte of each value. */
enum {
  PACK_NIL = 'N',
  PACK_TRUE = 'T',
  PACK_FALSE = 'F',
  PACK_NULL = '0', /* json.null */
  PACK_INTEGER = 'I',
  PACK_NUMBER = 'D',
  PACK_TEXT = 'S',
  PACK_TABLE = '{',
  PACK_END = '}'
};

static void pack_value(lua_State *L, int index, int depth, struct bc_buf *to);

static void pack_text(const char *at, size_t len, struct bc_buf *to) {
  bc_buf_add_char(to, PACK_TEXT);
  bc_buf_add(to, &len, sizeof len);
  bc_buf_add(to, at, len);
}

static void pack_number(lua_State *L, int index, struct bc_buf *to) {
  if (lua_isinteger(L, index)) {
    lua_Integer value = lua_tointeger(L, index);
    bc_buf_add_char(to, PACK_INTEGER);
    bc_buf_add(to, &value, sizeof value);
  } else {
    lua_Number value = lua_tonumber(L, index);
    bc_buf_add_char(to, PACK_NUMBER);
    bc_buf_add(to, &value, sizeof value);
  }
}

static void pack_table(lua_State *L, int index, int depth, struct bc_buf *to) {
  int top = lua_gettop(L);
  if (depth <= 0 || lua_checkstack(L, PACK_STACK) == 0) {
    bc_buf_add_char(to, PACK_NIL);
    return;
  }
  int table = bc_lua_push_thawed(L, index) ? top + 1 : lua_absindex(L, index);
  bc_buf_add_char(to, PACK_TABLE);
  for (lua_pushnil(L); !to->failed && lua_next(L, table) != 0; lua_pop(L, 1)) {
    pack_value(L, -2, depth - 1, to);
    pack_value(L, -1, depth - 1, to);
  }
  bc_buf_add_char(to, PACK_END);
  lua_settop(L, top);
}

static void pack_value(lua_State *L, int index, int depth, struct bc_buf *to) {
  size_t len;
  const char *text;
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    bc_buf_add_char(to, PACK_NIL);
    break;
  case LUA_TBOOLEAN:
    bc_buf_add_char(to, lua_toboolean(L, index) != 0 ? PACK_TRUE : PACK_FALSE);
    break;
  case LUA_TLIGHTUSERDATA:
    bc_buf_add_char(to, PACK_NULL);
    break;
  case LUA_TNUMBER:
    pack_number(L, index, to);
    break;
  case LUA_TSTRING:
    text = lua_tolstring(L, index, &len);
    pack_text(text, len, to);
    break;
  case LUA_TTABLE:
    pack_table(L, index, depth, to);
    break;
  default:
    text = luaL_typename(L, index);
    pack_text(text, strlen(text), to);
    break;
  }
}

void bc_lua_pack(lua_State *L, int index, struct bc_buf *to) {
  pack_value(L, index, BC_LIMIT_LUA_JSON_DEPTH, to);
}

void bc_lua_pack_list(lua_State *L, int first, int last, struct bc_buf *to) {
  lua_Integer count = last - first + 1;
  bc_buf_add_char(to, PACK_TABLE);
  for (lua_Integer i = 1; i <= count; i++) {
    bc_buf_add_char(to, PACK_INTEGER);
    bc_buf_add(to, &i, sizeof i);
    bc_lua_pack(L, first + (int)i - 1, to);
  }
  pack_text("n", 1, to);
  bc_buf_add_char(to, PACK_INTEGER);
  bc_buf_add(to, &count, sizeof count);
  bc_buf_add_char(to, PACK_END);
}

static void unpack_take(struct bc_str *rest, void *to, size_t len) {
  memcpy(to, rest->at, len);
  rest->at += len;
  rest->len -= len;
}

static void unpack_value(lua_State *L, struct bc_str *rest);

static void unpack_text(lua_State *L, struct bc_str *rest) {
  size_t len;
  unpack_take(rest, &len, sizeof len);
  lua_pushlstring(L, rest->at, len);
  rest->at += len;
  rest->len -= len;
}

/* A nil as a value leaves nothing, as in Lua. */
static void unpack_table(lua_State *L, struct bc_str *rest) {
  lua_newtable(L);
  while (rest->at[0] != PACK_END) {
    unpack_value(L, rest);
    unpack_value(L, rest);
    lua_rawset(L, -3);
  }
  rest->at++;
  rest->len--;
}

static void unpack_number(lua_State *L, char type, struct bc_str *rest) {
  lua_Integer integer;
  lua_Number number;
  if (type == PACK_INTEGER) {
    unpack_take(rest, &integer, sizeof integer);
    lua_pushinteger(L, integer);
  } else {
    unpack_take(rest, &number, sizeof number);
    lua_pushnumber(L, number);
  }
}

static void unpack_value(lua_State *L, struct bc_str *rest) {
  char type = rest->at[0];
  luaL_checkstack(L, PACK_STACK, NULL);
  rest->at++;
  rest->len--;
  switch (type) {
  case PACK_TRUE:
  case PACK_FALSE:
    lua_pushboolean(L, type == PACK_TRUE);
    break;
  case PACK_NULL:
    lua_pushlightuserdata(L, NULL);
    break;
  case PACK_INTEGER:
  case PACK_NUMBER:
    unpack_number(L, type, rest);
    break;
  case PACK_TEXT:
    unpack_text(L, rest);
    break;
  case PACK_TABLE:
    unpack_table(L, rest);
    break;
  default:
    lua_pushnil(L);
    break;
  }
}

void bc_lua_unpack(lua_State *L, struct bc_str packed) {
  if (packed.len == 0) {
    lua_pushnil(L);
    return;
  }
  unpack_value(L, &packed);
}
