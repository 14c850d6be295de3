/* What scripts find without a module: built from nothing, by name, out of the system's library. Not there: coroutine
 * and xpcall (their code escapes the kill), load, dofile, require, collectgarbage, rawset, print, _G. */
#include "worker/lua_module.h"
#include "worker/lua_order.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

/* 5.4.4 reads freed memory after a __concat; fixed in 5.4.6 at the latest. */
#if LUA_VERSION_RELEASE_NUM < 50406
#define BASE_HAS_CONCAT 0
#else
#define BASE_HAS_CONCAT 1
#endif

/* ---- tools for modules ---- */

void bc_lua_pick(lua_State *L, lua_CFunction open, const char *const *names) {
  lua_newtable(L);
  luaL_requiref(L, "", open, 0);
  for (size_t i = 0; names[i] != NULL; i++) {
    if (lua_getfield(L, -1, names[i]) != LUA_TNIL) {
      lua_setfield(L, -3, names[i]);
    } else {
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  /* The next one comes under the same name. */
  (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  lua_setfield(L, -2, "");
  lua_pop(L, 1);
}

void bc_lua_wrap(lua_State *L, const char *name, lua_CFunction wrapper) {
  (void)lua_getfield(L, -1, name);
  lua_pushcclosure(L, wrapper, 1);
  lua_setfield(L, -2, name);
}

int bc_lua_call_wrapped(lua_State *L) {
  lua_CFunction function = lua_tocfunction(L, lua_upvalueindex(1));
  return function(L);
}

/* ---- tostring: the system's prints addresses, which help an attacker ---- */

void bc_lua_push_text(lua_State *L, int index) {
  index = lua_absindex(L, index);
  if (luaL_callmeta(L, index, "__tostring") != 0) {
    if (lua_type(L, -1) != LUA_TSTRING) {
      (void)luaL_error(L, "'__tostring' must return a string");
    }
    return;
  }
  switch (lua_type(L, index)) {
  case LUA_TNIL:
  case LUA_TBOOLEAN:
  case LUA_TNUMBER:
  case LUA_TSTRING:
    (void)luaL_tolstring(L, index, NULL);
    break;
  default:
    lua_pushstring(L, luaL_typename(L, index));
    break;
  }
}

static int base_tostring(lua_State *L) {
  luaL_checkany(L, 1);
  bc_lua_push_text(L, 1);
  return 1;
}

/* ---- setmetatable ---- */

/* What a script may give a meaning to. __gc and __close run where the kill does not reach; __mode and (below 5.4.6)
 * __concat reach memory errors of Lua. */
static const char *const base_events[] = {
    "__index",  "__newindex", "__call", "__tostring", "__name", "__len", "__eq",   "__lt",
    "__le",     "__unm",      "__add",  "__sub",      "__mul",  "__div", "__mod",  "__pow",
    "__idiv",   "__band",     "__bor",  "__bxor",     "__shl",  "__shr", "__bnot", "__pairs",
#if BASE_HAS_CONCAT
    "__concat",
#endif
};

static const char *const base_refused[] = {"__gc", "__mode", "__close",
#if !BASE_HAS_CONCAT
                                           "__concat",
#endif
                                           NULL};

/* Under its address a metatable that its script has protected says so. */
static const char base_protected_key;

static void base_check_metatable(lua_State *L) {
  for (size_t i = 0; base_refused[i] != NULL; i++) {
    lua_pushstring(L, base_refused[i]);
    if (lua_rawget(L, 2) != LUA_TNIL) {
      (void)luaL_error(L, "setmetatable: %s is not allowed here", base_refused[i]);
    }
    lua_pop(L, 1);
  }
}

/* A copy, so that what was checked cannot be changed later. getmetatable gives the script the table that it set. */
static void base_push_copy(lua_State *L) {
  lua_newtable(L);
  for (size_t i = 0; i < sizeof base_events / sizeof base_events[0]; i++) {
    lua_pushstring(L, base_events[i]);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, 2) != LUA_TNIL) {
      lua_rawset(L, -3);
    } else {
      lua_pop(L, 2);
    }
  }
  lua_pushliteral(L, "__metatable");
  bool is_protected = lua_rawget(L, 2) != LUA_TNIL;
  if (is_protected) {
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -3, &base_protected_key);
  } else {
    lua_pop(L, 1);
    lua_pushvalue(L, 2);
  }
  lua_setfield(L, -2, "__metatable");
}

static int base_setmetatable(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
  lua_settop(L, 2);
  if (lua_getmetatable(L, 1) != 0) {
    /* Ours hold the table that was set; any other belongs to the sandbox. */
    bool is_ours = luaL_getmetafield(L, 1, "__metatable") == LUA_TTABLE;
    if (!is_ours || lua_rawgetp(L, 3, &base_protected_key) != LUA_TNIL) {
      return luaL_error(L, "cannot change a protected metatable");
    }
    lua_settop(L, 2);
  }
  if (lua_istable(L, 2)) {
    base_check_metatable(L);
    base_push_copy(L);
  }
  lua_setmetatable(L, 1);
  lua_settop(L, 1);
  return 1;
}

/* ---- */

int bc_lua_base_open(lua_State *L) {
  static const char *const names[] = {"assert", "error",    "getmetatable", "ipairs",   "next",
                                      "pairs",  "pcall",    "rawequal",     "rawget",   "rawlen",
                                      "select", "tonumber", "type",         "_VERSION", NULL};
  bc_lua_pick(L, luaopen_base, names);
  lua_pushcfunction(L, base_tostring);
  lua_setfield(L, -2, "tostring");
  lua_pushcfunction(L, base_setmetatable);
  lua_setfield(L, -2, "setmetatable");
  if (bc_sandbox_is_pure(L)) {
    lua_pushcfunction(L, bc_lua_order_pairs);
    lua_setfield(L, -2, "pairs");
    lua_pushcfunction(L, bc_lua_order_next);
    lua_setfield(L, -2, "next");
  }
  return 1;
}

/* Without randomseed: checks of one script share the state. */
int bc_lua_math_open(lua_State *L) {
  static const char *const names[] = {"abs",  "acos",       "asin",      "atan", "ceil", "cos",    "deg",
                                      "exp",  "floor",      "fmod",      "huge", "log",  "max",    "maxinteger",
                                      "min",  "mininteger", "modf",      "pi",   "rad",  "random", "sin",
                                      "sqrt", "tan",        "tointeger", "type", "ult",  NULL};
  bc_lua_pick(L, luaopen_math, names);
  if (bc_sandbox_is_pure(L)) {
    lua_pushnil(L);
    lua_setfield(L, -2, "random");
  }
  return 1;
}

int bc_lua_utf8_open(lua_State *L) {
  static const char *const names[] = {"char", "charpattern", "codepoint", "codes", "len", "offset", NULL};
  bc_lua_pick(L, luaopen_utf8, names);
  return 1;
}
