/* Runs: the one door through which scripts are executed. */
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  RUN_LOG_LINE_BYTES = 1024,
  RUN_TURN_SHARE = 8 /* of the CPU time of a resume: then no other thread has its turn in it, as it might be killed */
};

struct bc_sandbox_run *bc_sandbox_run_new(struct bc_sandbox_check *check) {
  struct bc_sandbox_run *run = bc_mem_new(1, sizeof *run);
  run->check = check;
  run->outcome.end = BC_SANDBOX_YIELDED;
  bc_buf_init(&run->log, BC_LIMIT_LUA_LOG_BYTES);
  LIST_INIT(&run->held);
  run->trace = check->sandbox->options.is_traced ? sandbox_trace_new() : NULL;
  bc_buf_init(&run->scratch, BC_LIMIT_LUA_JSON_BYTES);
  sandbox_policy_init(run);
  TAILQ_INIT(&run->tasks);
  TAILQ_INIT(&run->ready);
  check->runs++;
  return run;
}

/* ---- beginning ---- */

static bool run_is_policy(const struct bc_sandbox_run *run) {
  return run->check->sandbox->options.kind == BC_SANDBOX_FOR_POLICIES;
}

/* Leaves script and environment on the coroutine, of a policy above its context. May raise for want of memory, or as
 * the context cannot be read. */
static int run_begin(lua_State *L) {
  struct bc_sandbox_run *run = lua_touserdata(L, 1);
  bool is_policy = run_is_policy(run);
  if (is_policy) {
    sandbox_policy_push_context(L, run);
  }
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &sandbox_script_key);
  sandbox_push_environment(L, run->check);
  if (!is_policy) {
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, run);
    run->has_environment = true;
  }
  run->script = sandbox_task_new(L, run, NULL);
  lua_xmove(L, run->script->co, is_policy ? 3 : 2);
  run->script->count = 1;
  sandbox_task_ready(run->script, false);
  return 0;
}

static void run_set_error(struct bc_sandbox_run *run, enum bc_sandbox_end end, const char *text) {
  run->outcome.end = end;
  (void)snprintf(run->outcome.error, sizeof run->outcome.error, "%s", text);
}

/* False: the outcome says why not. */
static bool run_is_begun(struct bc_sandbox_run *run) {
  lua_State *L = run->check->sandbox->L;
  if (run->script != NULL) {
    return true;
  }
  lua_settop(L, 0);
  lua_pushcfunction(L, run_begin);
  lua_pushlightuserdata(L, run);
  bool is_fine = lua_pcall(L, 1, 0, 0) == LUA_OK;
  if (!is_fine && lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "not enough memory") != 0) {
    run_set_error(run, BC_SANDBOX_ERROR, lua_tostring(L, -1));
  } else if (!is_fine) {
    run_set_error(run, BC_SANDBOX_MEMORY, "not enough memory to begin");
  }
  lua_settop(L, 0);
  return is_fine;
}

/* ---- ending ---- */

/* Also what a finalizer would be too late for: the collector may come to it any time later. */
static void run_release_held(struct bc_sandbox_run *run) {
  struct bc_lua_held *held;
  while ((held = LIST_FIRST(&run->held)) != NULL) {
    bc_lua_let_go(held);
  }
}

static void run_drop_tasks(struct bc_sandbox_run *run) {
  if (run->script != NULL) {
    sandbox_task_drop(run->script);
    run->script = NULL;
  }
  sandbox_require_end(run);
  sandbox_globals_end(run);
  sandbox_policy_end(run);
}

static void run_judge_killed(struct bc_sandbox_run *run) {
  char text[BC_LIMIT_LUA_REASON_BYTES];
  (void)snprintf(text, sizeof text, "%sused more than %u ms of CPU time", sandbox_burst_place(),
                 run->check->sandbox->options.burst_ms);
  run_set_error(run, BC_SANDBOX_KILLED, text);
}

/* ---- the door ---- */

/* Its thread has returned or raised. */
static void run_end_task(struct bc_sandbox_task *task, int status, int count) {
  bool is_fine = status == LUA_OK;
  task->state = is_fine ? SANDBOX_TASK_RETURNED : SANDBOX_TASK_FAILED;
  task->count = count;
  sandbox_trace_ended(task);
  if (task->parent != NULL) {
    /* An error at once, so that the others do no more. */
    sandbox_task_ready(task->parent, !is_fine);
  } else if (is_fine && run_is_policy(task->run)) {
    sandbox_policy_returned(task);
  } else if (is_fine) {
    sandbox_result_read(task->co, count, &task->run->outcome);
    if (task->run->outcome.end == BC_SANDBOX_DONE) {
      sandbox_globals_take_state(task->run, task->co);
    }
  } else {
    sandbox_result_read_error(task->co, &task->run->outcome);
  }
}

static void run_step(struct bc_sandbox_task *task) {
  struct bc_sandbox_run *run = task->run;
  int count = 0;
  TAILQ_REMOVE(&run->ready, task, ready_link);
  task->state = SANDBOX_TASK_RUNNING;
  sandbox_trace_waited(task);
  task->yielded = (struct bc_mono){0};
  task->cancel = NULL;
  task->due = (struct bc_mono){0};
  int arguments = task->count;
  task->count = 0;
  sandbox_burst_switch(task->co);
  int status = lua_resume(task->co, run->check->sandbox->L, arguments, &count);
  sandbox_burst_switch(NULL);
  run->check->sandbox->memory.lift = 0;
  if (sandbox_burst_is_killed()) {
    run_judge_killed(run);
  } else if (status == LUA_YIELD) {
    lua_pop(task->co, count);
    task->state = SANDBOX_TASK_WAITING;
    task->yielded = run->trace == NULL ? (struct bc_mono){0} : bc_mono_now();
  } else {
    run_end_task(task, status, count);
  }
}

/* Each that is ready has its turn; those that become ready meanwhile, too, as long as this does not take too long. */
static void run_turn(struct bc_sandbox_run *run) {
  struct bc_sandbox_task *task;
  unsigned burst_ms = run->check->sandbox->options.burst_ms;
  size_t line;
  sandbox_burst_enter(burst_ms, run->trace == NULL ? run->check->sandbox->options.on_line : sandbox_trace_on_hook);
  while (run->outcome.end == BC_SANDBOX_YIELDED && (task = TAILQ_FIRST(&run->ready)) != NULL) {
    run_step(task);
    if (!run_is_policy(run) && sandbox_burst_used_us() >= (uint64_t)burst_ms * 1000 / RUN_TURN_SHARE) {
      break;
    }
  }
  sandbox_burst_leave(&run->outcome.cpu_us, &line);
  if (run->outcome.end == BC_SANDBOX_KILLED) {
    run->outcome.line = line;
  }
}

enum bc_sandbox_end bc_sandbox_run_resume(struct bc_sandbox_run *run) {
  struct bc_sandbox *sandbox = run->check->sandbox;
  if (run->outcome.end != BC_SANDBOX_YIELDED) {
    return run->outcome.end;
  }
  if (!run_is_begun(run)) {
    run_drop_tasks(run);
    return run->outcome.end;
  }
  run->is_inside = true;
  sandbox_task_wake_due(run);
  run_turn(run);
  run->is_inside = false;
  if (run->outcome.end == BC_SANDBOX_YIELDED) {
    run->outcome.wait_ms = sandbox_task_plan(run);
    return BC_SANDBOX_YIELDED;
  }
  run_drop_tasks(run);
  if (run->outcome.end == BC_SANDBOX_KILLED || run->outcome.end == BC_SANDBOX_MEMORY) {
    bc_sandbox_collect(sandbox);
  }
  return run->outcome.end;
}

void bc_sandbox_run_on_ready(struct bc_sandbox_run *run, void (*fn)(void *arg), void *arg) {
  run->on_ready = fn;
  run->on_ready_arg = arg;
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

void bc_sandbox_run_print_metrics(const struct bc_sandbox_run *run, struct bc_buf *to) {
  bc_lua_metrics_print(run->metrics, to);
}

void bc_sandbox_run_free(struct bc_sandbox_run *run) {
  if (run == NULL) {
    return;
  }
  run_drop_tasks(run);
  run_release_held(run);
  run->check->runs--;
  bc_buf_free(&run->log);
  bc_buf_free(&run->scratch);
  sandbox_policy_fini(run);
  bc_lua_metrics_free(run->metrics);
  free(run->trace);
  free(run->outcome.data);
  free(run->outcome.returned);
  free(run);
}

/* ---- what modules call ---- */

struct bc_sandbox_run *bc_sandbox_run_of(lua_State *L) {
  struct bc_sandbox_task *task = bc_sandbox_task_of(L);
  return task == NULL ? NULL : task->run;
}

struct bc_buf *bc_sandbox_scratch(lua_State *L) {
  struct bc_buf *scratch = &bc_sandbox_run_of(L)->scratch;
  bc_buf_clear(scratch);
  return scratch;
}

struct bc_lua_io *bc_sandbox_io_of(lua_State *L) {
  const struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  return run == NULL ? NULL : run->check->sandbox->options.io;
}

void bc_sandbox_note_io_failure(lua_State *L) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  if (run != NULL) {
    run->outcome.had_io_failure = true;
  }
}

void bc_sandbox_note_refusal(lua_State *L, const char *text) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  if (run != NULL && run->outcome.refusal[0] == '\0') {
    (void)snprintf(run->outcome.refusal, sizeof run->outcome.refusal, "%s", text);
  }
}

void sandbox_log(struct bc_sandbox_run *run, const char *level, struct bc_str text) {
  char line[RUN_LOG_LINE_BYTES];
  bc_lua_value_clean(text, line, sizeof line);
  if (run->log.len + strlen(level) + strlen(line) + sizeof ": \n" > run->log.max) {
    run->log_dropped++;
    return;
  }
  bc_buf_add_format(&run->log, "%s: %s\n", level, line);
}

void bc_sandbox_log(lua_State *L, const char *level, struct bc_str text) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  if (run != NULL) {
    sandbox_log(run, level, text);
  }
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
