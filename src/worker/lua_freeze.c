/* Read-only tables: an empty table whose metatable leads to the real one. */
#include "base/limits.h"
#include "worker/lua_module.h"
#include "worker/lua_order.h"

#include <lauxlib.h>

/* Under its address the metatable holds the real table. */
static const char freeze_key;

bool bc_lua_push_thawed(lua_State *L, int index) {
  if (!lua_istable(L, index) || lua_checkstack(L, 3) == 0 || lua_getmetatable(L, index) == 0) {
    return false;
  }
  bool is_frozen = lua_rawgetp(L, -1, &freeze_key) == LUA_TTABLE;
  lua_remove(L, -2);
  if (!is_frozen) {
    lua_pop(L, 1);
  }
  return is_frozen;
}

static void freeze_check(lua_State *L) {
  if (!bc_lua_push_thawed(L, 1)) {
    (void)luaL_argerror(L, 1, "expected a read-only table");
  }
}

static int freeze_refuse(lua_State *L) {
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
  return luaL_error(L, "attempt to set '%s' in a read-only table", name);
}

static int freeze_len(lua_State *L) {
  freeze_check(L);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}

/* As `next`, but it takes the face of the table, so that the real one stays out of reach. */
static int freeze_next(lua_State *L) {
  lua_settop(L, 2);
  freeze_check(L);
  lua_insert(L, 2);
  return lua_next(L, 2) != 0 ? 2 : 0;
}

static int freeze_pairs(lua_State *L) {
  freeze_check(L);
  if (bc_sandbox_is_pure(L)) {
    return bc_lua_order_push_loop(L, -1, 1);
  }
  lua_pushcfunction(L, freeze_next);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

void bc_lua_freeze(lua_State *L) {
  static const luaL_Reg events[] = {
      {"__newindex", freeze_refuse}, {"__len", freeze_len}, {"__pairs", freeze_pairs}, {NULL, NULL}};
  luaL_checkstack(L, 6, NULL);
  lua_newtable(L);
  lua_createtable(L, 0, 6);
  luaL_setfuncs(L, events, 0);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -3);
  lua_rawsetp(L, -2, &freeze_key);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

static void freeze_deep(lua_State *L, int depth) {
  luaL_checkstack(L, 8, NULL);
  if (depth <= 0) {
    (void)luaL_error(L, "a table that is nested too deep");
  }
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table) != 0;) {
    if (lua_istable(L, -1)) {
      freeze_deep(L, depth - 1);
      /* Of a member that is there, which a traversal allows. */
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, table);
    } else {
      lua_pop(L, 1);
    }
  }
  bc_lua_freeze(L);
}

void bc_lua_freeze_deep(lua_State *L) {
  freeze_deep(L, BC_LIMIT_LUA_JSON_DEPTH + 1);
}
