/* Runs: the one door through which scripts are executed. */
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_LOG_LINE_BYTES = 1024 };

struct bc_sandbox_run *bc_sandbox_run_new(struct bc_sandbox_check *check) {
  struct bc_sandbox_run *run = bc_mem_new(1, sizeof *run);
  run->check = check;
  run->outcome.end = BC_SANDBOX_YIELDED;
  bc_buf_init(&run->log, BC_LIMIT_LUA_LOG_BYTES);
  LIST_INIT(&run->held);
  check->runs++;
  return run;
}

/* ---- beginning ---- */

/* A coroutine that has served, or a new one. Either stands in the registry under its own address. */
static lua_State *run_take_thread(lua_State *L, struct bc_sandbox *sandbox) {
  if (sandbox->idle_count > 0) {
    return sandbox->idle[--sandbox->idle_count];
  }
  lua_State *co = lua_newthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, co);
  return co;
}

static void run_push_environment(lua_State *L, struct bc_sandbox_check *check) {
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

/* Leaves script and environment on the coroutine. May raise for want of memory. */
static int run_begin(lua_State *L) {
  struct bc_sandbox_run *run = lua_touserdata(L, 1);
  run->co = run_take_thread(L, run->check->sandbox);
  *(struct bc_sandbox_run **)lua_getextraspace(run->co) = run;
  luaL_checkstack(run->co, 4, NULL);
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &sandbox_script_key);
  run_push_environment(L, run->check);
  lua_xmove(L, run->co, 2);
  return 0;
}

static bool run_is_begun(struct bc_sandbox_run *run) {
  lua_State *L = run->check->sandbox->L;
  if (run->co != NULL) {
    return true;
  }
  lua_settop(L, 0);
  lua_pushcfunction(L, run_begin);
  lua_pushlightuserdata(L, run);
  bool is_fine = lua_pcall(L, 1, 0, 0) == LUA_OK;
  lua_settop(L, 0);
  return is_fine;
}

/* ---- ending ---- */

static void run_cancel(struct bc_sandbox_run *run) {
  void (*cancel)(void *arg) = run->cancel;
  run->cancel = NULL;
  if (cancel != NULL) {
    cancel(run->cancel_arg);
  }
}

/* Also what a finalizer would be too late for: the collector may come to it any time later. */
static void run_release_held(struct bc_sandbox_run *run) {
  struct bc_lua_held *held;
  while ((held = LIST_FIRST(&run->held)) != NULL) {
    bc_lua_let_go(held);
  }
}

/* `is_clean`: it returned, or waits for something that was cancelled, so another run may have the coroutine; any other
 * is left to the collector. */
static void run_drop_thread(struct bc_sandbox_run *run, bool is_clean) {
  struct bc_sandbox *sandbox = run->check->sandbox;
  lua_State *co = run->co;
  if (co == NULL) {
    return;
  }
  run->co = NULL;
  *(struct bc_sandbox_run **)lua_getextraspace(co) = NULL;
  if (is_clean && sandbox->idle_count < SANDBOX_POOL && lua_resetthread(co) == LUA_OK) {
    /* What the run left on the stack would stay alive in registers that the next one has not used yet. The reset has
     * cut the stack to what is cleared here. */
    lua_settop(co, LUA_MINSTACK);
    lua_settop(co, 0);
    sandbox->idle[sandbox->idle_count++] = co;
    return;
  }
  /* The key is there: this allocates nothing, so it cannot raise. */
  lua_pushnil(sandbox->L);
  lua_rawsetp(sandbox->L, LUA_REGISTRYINDEX, co);
}

static void run_set_error(struct bc_sandbox_run *run, enum bc_sandbox_end end, const char *text) {
  run->outcome.end = end;
  (void)snprintf(run->outcome.error, sizeof run->outcome.error, "%s", text);
}

static void run_judge(struct bc_sandbox_run *run, int status, int count) {
  struct bc_sandbox_outcome *outcome = &run->outcome;
  if (status == LUA_OK) {
    sandbox_result_read(run->co, count, outcome);
    return;
  }
  sandbox_result_read_error(run->co, outcome);
  outcome->end = status == LUA_ERRMEM ? BC_SANDBOX_MEMORY : BC_SANDBOX_ERROR;
}

static void run_judge_killed(struct bc_sandbox_run *run) {
  char text[96];
  (void)snprintf(text, sizeof text, "used more than %u ms of CPU time", run->check->sandbox->options.burst_ms);
  run_set_error(run, BC_SANDBOX_KILLED, text);
  run_cancel(run);
}

/* ---- the door ---- */

enum bc_sandbox_end bc_sandbox_run_resume(struct bc_sandbox_run *run) {
  struct bc_sandbox *sandbox = run->check->sandbox;
  bool is_first = run->co == NULL;
  if (run->outcome.end != BC_SANDBOX_YIELDED) {
    return run->outcome.end;
  }
  if (!run_is_begun(run)) {
    run_set_error(run, BC_SANDBOX_MEMORY, "not enough memory to begin");
    run_drop_thread(run, false);
    return run->outcome.end;
  }
  run->cancel = NULL;
  run->outcome.wait_ms = BC_SANDBOX_WAIT_EVENT;
  int count = 0;
  sandbox_burst_enter(run->co, sandbox->options.burst_ms);
  int status = lua_resume(run->co, sandbox->L, is_first ? 1 : 0, &count);
  bool is_killed = sandbox_burst_leave(&run->outcome.cpu_us, &run->outcome.line);
  sandbox->memory.lift = 0;
  if (is_killed) {
    run_judge_killed(run);
  } else if (status == LUA_YIELD) {
    lua_pop(run->co, count);
    return BC_SANDBOX_YIELDED;
  } else {
    run_judge(run, status, count);
  }
  run_drop_thread(run, status == LUA_OK && !is_killed);
  if (is_killed || run->outcome.end == BC_SANDBOX_MEMORY) {
    bc_sandbox_collect(sandbox);
  }
  return run->outcome.end;
}

void bc_sandbox_run_on_ready(struct bc_sandbox_run *run, void (*fn)(void *arg), void *arg) {
  run->ready = fn;
  run->ready_arg = arg;
}

const struct bc_sandbox_outcome *bc_sandbox_run_outcome(const struct bc_sandbox_run *run) {
  return &run->outcome;
}

struct bc_str bc_sandbox_run_log(const struct bc_sandbox_run *run) {
  return bc_buf_str(&run->log);
}

size_t bc_sandbox_run_log_dropped(const struct bc_sandbox_run *run) {
  return run->log_dropped;
}

void bc_sandbox_run_free(struct bc_sandbox_run *run) {
  if (run == NULL) {
    return;
  }
  run_cancel(run);
  run_release_held(run);
  if (run->co != NULL) {
    run_drop_thread(run, true);
  }
  run->check->runs--;
  bc_buf_free(&run->log);
  free(run->outcome.data);
  free(run->outcome.returned);
  free(run);
}

/* ---- what modules call ---- */

struct bc_sandbox_run *bc_sandbox_run_of(lua_State *L) {
  return *(struct bc_sandbox_run **)lua_getextraspace(L);
}

struct bc_sandbox_task *bc_sandbox_task_of(lua_State *L) {
  return (struct bc_sandbox_task *)bc_sandbox_run_of(L);
}

struct bc_lua_io *bc_sandbox_io_of(lua_State *L) {
  const struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  return run == NULL ? NULL : run->check->sandbox->options.io;
}

void bc_sandbox_wake(struct bc_sandbox_task *task) {
  struct bc_sandbox_run *run = (struct bc_sandbox_run *)task;
  if (run->ready != NULL) {
    run->ready(run->ready_arg);
  }
}

int bc_sandbox_wait(lua_State *L, int64_t wait_ms, void (*cancel)(void *arg), void *arg, lua_KFunction continuation) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  if (run == NULL || !lua_isyieldable(L)) {
    if (cancel != NULL) {
      cancel(arg);
    }
    return luaL_error(L, "a function that waits cannot be called inside string.gsub, table.sort or __tostring");
  }
  run->cancel = cancel;
  run->cancel_arg = arg;
  run->outcome.wait_ms = wait_ms;
  return lua_yieldk(L, 0, (lua_KContext)(intptr_t)arg, continuation);
}

void bc_sandbox_note_io_failure(lua_State *L) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  if (run != NULL) {
    run->outcome.had_io_failure = true;
  }
}

void bc_sandbox_log(lua_State *L, const char *level, struct bc_str text) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  char line[RUN_LOG_LINE_BYTES];
  if (run == NULL) {
    return;
  }
  bc_lua_value_clean(text, line, sizeof line);
  if (run->log.len + strlen(level) + strlen(line) + sizeof ": \n" > run->log.max) {
    run->log_dropped++;
    return;
  }
  bc_buf_add_format(&run->log, "%s: %s\n", level, line);
}

void bc_sandbox_lift_memory(lua_State *L, size_t bytes) {
  void *memory;
  (void)lua_getallocf(L, &memory);
  struct sandbox_memory *meter = memory;
  meter->lift = bytes;
  if (bytes == 0 && meter->used > meter->cap) {
    (void)lua_gc(L, LUA_GCCOLLECT);
    if (meter->used > meter->cap) {
      (void)luaL_error(L, "not enough memory");
    }
  }
}
