/* `parallel`: functions of a script as threads of its run. What it has begun stands in the run's list (C), which no
 * error of Lua may jump over: all that can raise is done in one protected step. */
#include "worker/lua_args.h"
#include "worker/lua_module.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>

/* Where things stand in the frame of `parallel`, and of parallel_step. */
enum { PARALLEL_KEYS = 3, PARALLEL_FUNCTIONS, PARALLEL_RESULTS };

static struct bc_sandbox_task *parallel_next_child(struct bc_sandbox_task *parent, struct bc_sandbox_task *child) {
  do {
    child = child == NULL ? TAILQ_NEXT(parent, link) : TAILQ_NEXT(child, link);
  } while (child != NULL && child->parent != parent);
  return child;
}

static void parallel_drop_children(struct bc_sandbox_task *parent) {
  struct bc_sandbox_task *child;
  while ((child = parallel_next_child(parent, NULL)) != NULL) {
    sandbox_task_drop(child);
  }
  parent->parallel = (struct sandbox_parallel){0};
}

/* ---- the protected step: 1 = keys, 2 = functions, 3 = results ---- */

/* results[key] = {n = …, values…} */
static void parallel_collect(lua_State *L, struct bc_sandbox_task *child) {
  int count = child->count;
  (void)lua_rawgeti(L, PARALLEL_KEYS - 2, child->index);
  lua_createtable(L, count, 1);
  lua_pushinteger(L, count);
  lua_setfield(L, -2, "n");
  for (int i = count; i >= 1; i--) {
    lua_xmove(child->co, L, 1);
    lua_rawseti(L, -2, i);
  }
  lua_rawset(L, PARALLEL_RESULTS - 2);
}

static void parallel_collect_all(lua_State *L, struct bc_sandbox_task *parent) {
  struct bc_sandbox_task *child = parallel_next_child(parent, NULL);
  while (child != NULL) {
    struct bc_sandbox_task *next = parallel_next_child(parent, child);
    if (child->state == SANDBOX_TASK_FAILED) {
      lua_xmove(child->co, L, 1);
      (void)lua_error(L);
    }
    if (child->state == SANDBOX_TASK_RETURNED) {
      parallel_collect(L, child);
      sandbox_task_drop(child);
      parent->parallel.running--;
    }
    child = next;
  }
}

static void parallel_begin(lua_State *L, struct bc_sandbox_task *parent) {
  struct bc_sandbox_task *child = sandbox_task_new(L, parent->run, parent);
  child->index = parent->parallel.next++;
  parent->parallel.running++;
  (void)lua_rawgeti(L, PARALLEL_FUNCTIONS - 2, child->index);
  lua_xmove(L, child->co, 1);
  sandbox_task_ready(child, false);
}

static int parallel_step(lua_State *L) {
  struct bc_sandbox_task *parent = bc_sandbox_task_of(L);
  struct sandbox_parallel *parallel = &parent->parallel;
  parallel_collect_all(L, parent);
  while (parallel->next <= parallel->count && parallel->running < parallel->limit &&
         parent->run->task_count < BC_LIMIT_LUA_TASKS) {
    parallel_begin(L, parent);
  }
  if (parallel->next <= parallel->count && parallel->running == 0) {
    return luaL_error(L, "parallel: this run has %d threads already; give the outer parallel a limit",
                      (int)BC_LIMIT_LUA_TASKS);
  }
  return 0;
}

/* ---- the function ---- */

static int parallel_go_on(lua_State *L, int status, lua_KContext context) {
  struct bc_sandbox_task *task = bc_sandbox_task_of(L);
  (void)status;
  (void)context;
  lua_pushcfunction(L, parallel_step);
  for (int i = PARALLEL_KEYS; i <= PARALLEL_RESULTS; i++) {
    lua_pushvalue(L, i);
  }
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
    parallel_drop_children(task);
    return lua_error(L);
  }
  if (task->parallel.running > 0) {
    return bc_sandbox_wait(L, BC_SANDBOX_WAIT_EVENT, NULL, NULL, parallel_go_on);
  }
  task->parallel = (struct sandbox_parallel){0};
  lua_settop(L, PARALLEL_RESULTS);
  return 1;
}

/* Key and function on top go into the lists. */
static void parallel_add(lua_State *L, lua_Integer at) {
  if (!lua_isfunction(L, -1)) {
    int key = lua_type(L, -2);
    const char *name = key == LUA_TSTRING || key == LUA_TNUMBER ? lua_tostring(L, -2) : lua_typename(L, key);
    (void)luaL_error(L, "parallel: expected functions, found a %s at '%s'", luaL_typename(L, -1), name);
  }
  lua_rawseti(L, PARALLEL_FUNCTIONS, at);
  lua_rawseti(L, PARALLEL_KEYS, at);
}

/* A copy, as the functions may change the table: first 1 … n in this order, then the others. */
static lua_Integer parallel_copy(lua_State *L) {
  lua_Integer length = (lua_Integer)lua_rawlen(L, 1);
  lua_Integer count = 0;
  for (lua_Integer i = 1; i <= length; i++) {
    lua_pushinteger(L, i);
    if (lua_rawgeti(L, 1, i) == LUA_TNIL) {
      lua_pop(L, 2);
    } else {
      parallel_add(L, ++count);
    }
  }
  for (lua_pushnil(L); lua_next(L, 1) != 0;) {
    if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= length) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    parallel_add(L, ++count);
  }
  return count;
}

int sandbox_parallel(lua_State *L) {
  static const char *const known[] = {"limit", NULL};
  struct bc_sandbox_task *task = bc_sandbox_task_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  bc_lua_args_check(L, 2, known);
  lua_Integer limit = bc_lua_args_integer(L, 2, "limit", 1, BC_LIMIT_LUA_TASKS, BC_LIMIT_LUA_TASKS);
  if (task == NULL || !lua_isyieldable(L)) {
    return luaL_error(L,
                      "parallel cannot be called inside string.gsub, table.sort or __tostring, nor while a module is "
                      "loaded");
  }
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);
  lua_Integer count = parallel_copy(L);
  task->parallel = (struct sandbox_parallel){.next = 1, .count = count, .limit = limit};
  return parallel_go_on(L, LUA_OK, 0);
}
