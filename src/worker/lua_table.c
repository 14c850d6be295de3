/* `table`: the system's functions on plain tables. With a metatable each step could be a call, and a length any number;
 * and the loops of C over a range cannot be interrupted. */
#include "base/limits.h"
#include "worker/lua_module.h"
#include "worker/lua_order.h"

#include <lauxlib.h>
#include <lualib.h>

static void table_check_plain(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  if (lua_getmetatable(L, index) != 0) {
    (void)luaL_argerror(L, index, "table without a metatable expected");
  }
}

/* A table that is only read may be a read-only one. */
static void table_check_readable(lua_State *L, int index) {
  if (bc_lua_push_thawed(L, index)) {
    lua_replace(L, index);
  }
  table_check_plain(L, index);
}

/* first … last, in numbers of any size */
static void table_check_range(lua_State *L, lua_Integer first, lua_Integer last) {
  if (first <= last && (lua_Unsigned)last - (lua_Unsigned)first >= BC_LIMIT_LUA_RANGE) {
    (void)luaL_error(L, "too many elements: expected at most %d", (int)BC_LIMIT_LUA_RANGE);
  }
}

static lua_Integer table_length(lua_State *L) {
  return (lua_Integer)lua_rawlen(L, 1);
}

static int table_concat(lua_State *L) {
  table_check_readable(L, 1);
  table_check_range(L, luaL_optinteger(L, 3, 1), luaL_optinteger(L, 4, table_length(L)));
  return bc_lua_call_wrapped(L);
}

static int table_insert(lua_State *L) {
  table_check_plain(L, 1);
  if (lua_gettop(L) > 2) {
    table_check_range(L, luaL_checkinteger(L, 2), table_length(L));
  }
  return bc_lua_call_wrapped(L);
}

static int table_remove(lua_State *L) {
  table_check_plain(L, 1);
  if (lua_gettop(L) > 1) {
    table_check_range(L, luaL_checkinteger(L, 2), table_length(L));
  }
  return bc_lua_call_wrapped(L);
}

static int table_move(lua_State *L) {
  if (lua_isnoneornil(L, 5)) {
    table_check_plain(L, 1);
  } else {
    table_check_readable(L, 1);
    table_check_plain(L, 5);
  }
  table_check_range(L, luaL_checkinteger(L, 2), luaL_checkinteger(L, 3));
  return bc_lua_call_wrapped(L);
}

static int table_sort(lua_State *L) {
  table_check_plain(L, 1);
  table_check_range(L, 1, table_length(L));
  return bc_sandbox_is_pure(L) ? bc_lua_order_sort(L) : bc_lua_call_wrapped(L);
}

static int table_unpack(lua_State *L) {
  table_check_readable(L, 1);
  table_check_range(L, luaL_optinteger(L, 2, 1), luaL_optinteger(L, 3, table_length(L)));
  return bc_lua_call_wrapped(L);
}

int bc_lua_table_open(lua_State *L) {
  static const char *const names[] = {"concat", "insert", "move", "pack", "remove", "sort", "unpack", NULL};
  bc_lua_pick(L, luaopen_table, names);
  bc_lua_wrap(L, "concat", table_concat);
  bc_lua_wrap(L, "insert", table_insert);
  bc_lua_wrap(L, "move", table_move);
  bc_lua_wrap(L, "remove", table_remove);
  bc_lua_wrap(L, "sort", table_sort);
  bc_lua_wrap(L, "unpack", table_unpack);
  return 1;
}
