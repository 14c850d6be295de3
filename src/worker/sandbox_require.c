/* `require`: modules of a sandbox are compiled once; each run runs those that it requires, once. While a module is run
 * nothing waits, so no other thread of the run meets one that is half done. */
#include "base/limits.h"
#include "worker/lua_module.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <string.h>

/* In the registry: by name, the function of each module, or as a text why there is none. */
static const char require_modules_key;
/* In place of what a module returns, while it is run. */
static const char require_running_mark;

/* ---- what there is ---- */

struct require_module {
  const char *name;
  struct bc_str text;
};

static void require_push_modules(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &require_modules_key) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &require_modules_key);
  }
}

static int require_add(lua_State *L) {
  const struct require_module *module = lua_touserdata(L, 1);
  require_push_modules(L);
  const char *source = lua_pushfstring(L, "=lua/%s", module->name);
  if (module->text.len > BC_LIMIT_SCRIPT_BYTES) {
    (void)lua_pushfstring(L, "lua/%s: expected at most %d bytes", module->name, (int)BC_LIMIT_SCRIPT_BYTES);
  } else if (sandbox_load(L, source, module->text) == LUA_ERRMEM) {
    return lua_error(L);
  }
  lua_setfield(L, -3, module->name);
  return 0;
}

enum bc_err bc_sandbox_add_module(struct bc_sandbox *sandbox, const char *name, struct bc_str text,
                                  struct bc_fault *fault) {
  struct require_module module = {.name = name, .text = text};
  return sandbox_call(sandbox, require_add, &module, fault) ? BC_ERR_OK : BC_ERR_LIMIT;
}

/* ---- what a run has loaded ---- */

static void require_push_loaded(lua_State *L, struct bc_sandbox_run *run) {
  if (!run->has_loaded) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &run->has_loaded);
    run->has_loaded = true;
  }
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &run->has_loaded);
}

void sandbox_require_end(struct bc_sandbox_run *run) {
  if (run->has_loaded) {
    /* The key is there: this allocates nothing, so it cannot raise. */
    lua_pushnil(run->check->sandbox->L);
    lua_rawsetp(run->check->sandbox->L, LUA_REGISTRYINDEX, &run->has_loaded);
    run->has_loaded = false;
  }
}

/* ---- the function: 1 = name, 2 = loaded, 3 = module ---- */

enum { REQUIRE_NAME = 1, REQUIRE_LOADED, REQUIRE_MODULE };

/* loaded[name] = the value on top */
static void require_note(lua_State *L) {
  lua_pushvalue(L, REQUIRE_NAME);
  lua_insert(L, -2);
  lua_rawset(L, REQUIRE_LOADED);
}

/* Raises the value on top; a text tells who wanted the module. */
static int require_raise(lua_State *L) {
  if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "not enough memory") != 0) {
    luaL_where(L, 1);
    size_t len = (size_t)lua_rawlen(L, -1);
    if (len > 2) {
      /* Without its ": ". */
      (void)lua_pushlstring(L, lua_tostring(L, -1), len - 2);
      (void)lua_pushfstring(L, "%s; required at %s", lua_tostring(L, -3), lua_tostring(L, -1));
    } else {
      lua_pop(L, 1);
    }
  }
  return lua_error(L);
}

/* "a > b > a" */
static int require_raise_cycle(lua_State *L, const struct sandbox_requiring *at, const char *name) {
  lua_pushvalue(L, REQUIRE_NAME);
  for (bool is_first = false; at != NULL && !is_first; at = at->by) {
    is_first = strcmp(at->name, name) == 0;
    (void)lua_pushfstring(L, "%s > %s", at->name, lua_tostring(L, -1));
    lua_remove(L, -2);
  }
  return luaL_error(L, "module '%s' requires itself: %s", name, lua_tostring(L, -1));
}

static int require_load(lua_State *L, struct bc_sandbox_run *run, const char *name) {
  lua_pushlightuserdata(L, (void *)&require_running_mark);
  require_note(L);
  struct sandbox_requiring requiring = {.name = name, .by = run->requiring};
  lua_pushvalue(L, REQUIRE_MODULE);
  sandbox_push_environment(L, run->check);
  run->requiring = &requiring;
  int status = lua_pcall(L, 1, 1, 0);
  run->requiring = (struct sandbox_requiring *)requiring.by;
  if (status != LUA_OK) {
    lua_pushnil(L);
    require_note(L);
    return require_raise(L);
  }
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
  }
  lua_pushvalue(L, -1);
  require_note(L);
  return 1;
}

int sandbox_require(lua_State *L) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  const char *name = luaL_checkstring(L, REQUIRE_NAME);
  lua_settop(L, REQUIRE_NAME);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (run == NULL) {
    return luaL_error(L, "require cannot be called here");
  }
  require_push_loaded(L, run);
  lua_pushvalue(L, REQUIRE_NAME);
  if (lua_rawget(L, REQUIRE_LOADED) != LUA_TNIL) {
    bool is_running = lua_touserdata(L, -1) == &require_running_mark;
    return is_running ? require_raise_cycle(L, run->requiring, name) : 1;
  }
  lua_pop(L, 1);
  require_push_modules(L);
  lua_pushvalue(L, REQUIRE_NAME);
  int type = lua_rawget(L, -2);
  lua_remove(L, -2);
  if (type == LUA_TNIL) {
    return luaL_error(L,
                      "module '%s' is not known: there is no key lua/%s, or its name does not stand as a text behind "
                      "require",
                      name, name);
  }
  return type == LUA_TSTRING ? require_raise(L) : require_load(L, run, name);
}
