/* The globals of a run: those of its check, and two that are made when a script first asks for them, `data` and
 * `state`.
 *
 * The state is a plain table, decoded from what the check kept. When the run ends well it is printed, in an order of
 * its own, and compared with what it was. */
#include "base/mem.h"
#include "worker/lua_data.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The registry holds the text "state": pushing it at the end of a run must not allocate. */
static const char globals_state_key;

/* ---- environments ---- */

void sandbox_push_environment(lua_State *L, struct bc_sandbox_check *check) {
  lua_newtable(L);
  if (check->has_globals) {
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, check);
    for (lua_pushnil(L); lua_next(L, -2) != 0;) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -5);
    }
    lua_pop(L, 1);
  }
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, check->sandbox);
  lua_setmetatable(L, -2);
}

/* ---- state: in ---- */

/* Arguments: the run. Gives the table that it begins with. */
static int globals_decode_state(lua_State *L) {
  const struct bc_sandbox_run *run = lua_touserdata(L, 1);
  bc_lua_json_push(L, bc_str_of(run->check->state));
  luaL_checktype(L, -1, LUA_TTABLE);
  return 1;
}

static char *globals_print_state(lua_State *L, int index, enum bc_err *err) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_CHECK_STATE_BYTES);
  *err = bc_lua_value_print_in_order(L, index, BC_LIMIT_LUA_DATA_DEPTH, &text);
  char *printed = *err == BC_ERR_OK ? bc_buf_take(&text) : NULL;
  bc_buf_free(&text);
  return printed;
}

static void globals_push_state(lua_State *L, struct bc_sandbox_run *run) {
  enum bc_err err;
  if (run->has_state) {
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &run->has_state);
    return;
  }
  if (run->check->state == NULL) {
    lua_newtable(L);
  } else {
    lua_pushcfunction(L, globals_decode_state);
    lua_pushlightuserdata(L, run);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
      (void)luaL_error(L, "the state that was kept cannot be read: %s", luaL_tolstring(L, -1, NULL));
    }
  }
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &run->has_state);
  run->has_state = true;
  run->state_before = globals_print_state(L, -1, &err);
}

/* ---- state: out ---- */

static void globals_refuse_state(struct bc_sandbox_run *run, const char *why) {
  char text[160];
  (void)snprintf(text, sizeof text, "state is not kept: %s", why);
  sandbox_log(run, "warn", bc_str_of(text));
}

static const char *globals_judge_state(lua_State *co, enum bc_err err) {
  if (lua_type(co, -1) != LUA_TTABLE) {
    return "it is no table";
  }
  if (err == BC_ERR_LIMIT) {
    return "as JSON it may have 4096 bytes, and 8 tables in one another";
  }
  return "it holds what JSON cannot: a function, NaN, infinity, or a key that is neither a text nor a whole number";
}

void sandbox_globals_take_state(struct bc_sandbox_run *run, lua_State *co) {
  int top = lua_gettop(co);
  enum bc_err err = BC_ERR_OK;
  if (lua_checkstack(co, LUA_MINSTACK) == 0) {
    return;
  }
  (void)lua_rawgetp(co, LUA_REGISTRYINDEX, run);
  (void)lua_rawgetp(co, LUA_REGISTRYINDEX, &globals_state_key);
  /* The script may have set another table. */
  if (lua_rawget(co, -2) == LUA_TNIL && run->has_state) {
    (void)lua_rawgetp(co, LUA_REGISTRYINDEX, &run->has_state);
  }
  if (lua_isnil(co, -1)) {
    lua_settop(co, top);
    return;
  }
  char *now = lua_istable(co, -1) ? globals_print_state(co, -1, &err) : NULL;
  const char *before = run->state_before != NULL ? run->state_before : run->check->state;
  if (now == NULL) {
    globals_refuse_state(run, globals_judge_state(co, err));
  } else if (now[0] != '{') {
    globals_refuse_state(run, "a list has no names; expected state.list = {...}");
  } else if (strcmp(now, before == NULL ? "{}" : before) != 0) {
    free(run->check->state);
    run->check->state = now;
    run->outcome.state = run->check->state;
    now = NULL;
  }
  free(now);
  lua_settop(co, top);
}

/* ---- what is not there yet ---- */

/* As __index of what all environments share. */
static int globals_find(lua_State *L) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  bool is_check = run != NULL && run->check->sandbox->options.kind == BC_SANDBOX_FOR_CHECKS;
  if (is_check && strcmp(name, "state") == 0) {
    globals_push_state(L, run);
  } else if (run != NULL && strcmp(name, "data") == 0 && run->policy.has_own_data) {
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &run->has_data);
  } else if (run != NULL && strcmp(name, "data") == 0 && run->check->sandbox->options.data != NULL) {
    bc_lua_data_push(L);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

void sandbox_globals_open(lua_State *L) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, globals_find);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_pushliteral(L, "state");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &globals_state_key);
}

/* The keys are there: this allocates nothing, so it cannot raise. */
static void globals_forget(struct bc_sandbox_run *run, const void *key, bool *has) {
  lua_State *L = run->check->sandbox->L;
  if (*has) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
    *has = false;
  }
}

void sandbox_globals_end(struct bc_sandbox_run *run) {
  globals_forget(run, run, &run->has_environment);
  globals_forget(run, &run->has_state, &run->has_state);
  globals_forget(run, &run->has_data, &run->has_data);
  free(run->state_before);
  run->state_before = NULL;
}
