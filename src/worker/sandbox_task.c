/* The threads of a run: that of its script and those of `parallel`. Each is a coroutine and waits by itself. All of
 * them are resumed from one loop (sandbox_run.c), so threads that begin threads do not nest on the stack of C. */
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdlib.h>

/* ---- coroutines ---- */

/* One that has served, or a new one. Either stands in the registry under its own address. */
static lua_State *task_take_thread(lua_State *L, struct bc_sandbox *sandbox) {
  if (sandbox->idle_count > 0) {
    return sandbox->idle[--sandbox->idle_count];
  }
  lua_State *co = lua_newthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, co);
  return co;
}

/* `is_clean`: it returned, or waits for something that was cancelled, so another may have it; any other is left to the
 * collector. */
static void task_drop_thread(struct bc_sandbox *sandbox, lua_State *co, bool is_clean) {
  *(struct bc_sandbox_task **)lua_getextraspace(co) = NULL;
  if (is_clean && sandbox->idle_count < SANDBOX_POOL && lua_resetthread(co) == LUA_OK) {
    /* What it left on the stack would stay alive in registers that the next one has not used yet. The reset has cut
     * the stack to what is cleared here. */
    lua_settop(co, LUA_MINSTACK);
    lua_settop(co, 0);
    sandbox->idle[sandbox->idle_count++] = co;
    return;
  }
  /* The key is there: this allocates nothing, so it cannot raise. */
  lua_pushnil(sandbox->L);
  lua_rawsetp(sandbox->L, LUA_REGISTRYINDEX, co);
}

/* ---- tasks ---- */

struct bc_sandbox_task *sandbox_task_new(lua_State *L, struct bc_sandbox_run *run, struct bc_sandbox_task *parent) {
  lua_State *co = task_take_thread(L, run->check->sandbox);
  struct bc_sandbox_task *task = bc_mem_new(1, sizeof *task);
  task->run = run;
  task->parent = parent;
  task->co = co;
  task->state = SANDBOX_TASK_WAITING;
  *(struct bc_sandbox_task **)lua_getextraspace(co) = task;
  TAILQ_INSERT_TAIL(&run->tasks, task, link);
  run->task_count++;
  return task;
}

void sandbox_task_ready(struct bc_sandbox_task *task, bool is_first) {
  if (task->state != SANDBOX_TASK_WAITING) {
    return;
  }
  task->state = SANDBOX_TASK_READY;
  if (is_first) {
    TAILQ_INSERT_HEAD(&task->run->ready, task, ready_link);
  } else {
    TAILQ_INSERT_TAIL(&task->run->ready, task, ready_link);
  }
}

static void task_drop_one(struct bc_sandbox_task *task) {
  struct bc_sandbox_run *run = task->run;
  void (*cancel)(void *arg) = task->cancel;
  task->cancel = NULL;
  if (cancel != NULL) {
    cancel(task->cancel_arg);
  }
  if (task->state == SANDBOX_TASK_READY) {
    TAILQ_REMOVE(&run->ready, task, ready_link);
  }
  sandbox_trace_ended(task);
  TAILQ_REMOVE(&run->tasks, task, link);
  run->task_count--;
  bool is_clean = task->state != SANDBOX_TASK_RUNNING && task->state != SANDBOX_TASK_FAILED;
  task_drop_thread(run->check->sandbox, task->co, is_clean);
  free(task);
}

static bool task_is_in(const struct bc_sandbox_task *task, const struct bc_sandbox_task *whole) {
  while (task != NULL && task != whole) {
    task = task->parent;
  }
  return task != NULL;
}

void sandbox_task_drop(struct bc_sandbox_task *task) {
  struct bc_sandbox_task *at = TAILQ_LAST(&task->run->tasks, sandbox_tasks);
  /* Backwards: who was begun stands behind who began it. */
  while (at != task) {
    struct bc_sandbox_task *before = TAILQ_PREV(at, sandbox_tasks, link);
    if (task_is_in(at, task)) {
      task_drop_one(at);
    }
    at = before;
  }
  task_drop_one(task);
}

/* ---- waiting ---- */

/* Of those that wait for a time; the one begun first where times are equal. NULL: none does. */
static struct bc_sandbox_task *task_soonest(const struct bc_sandbox_run *run) {
  struct bc_sandbox_task *soonest = NULL;
  struct bc_sandbox_task *task;
  TAILQ_FOREACH(task, &run->tasks, link) {
    bool waits = task->state == SANDBOX_TASK_WAITING && bc_mono_is_set(task->due);
    if (waits && (soonest == NULL || task->due.us < soonest->due.us)) {
      soonest = task;
    }
  }
  return soonest;
}

void sandbox_task_wake_due(struct bc_sandbox_run *run) {
  struct bc_mono now = bc_mono_now();
  struct bc_sandbox_task *task = task_soonest(run);
  /* Who resumes the run says that this time has come, whatever the fractions of our clocks. */
  if (TAILQ_EMPTY(&run->ready) && task != NULL && !bc_mono_reached(task->due, now)) {
    now = task->due;
  }
  /* One after another, as they would have come on a machine with nothing else to do. */
  while ((task = task_soonest(run)) != NULL && bc_mono_reached(task->due, now)) {
    sandbox_task_ready(task, false);
  }
}

int64_t sandbox_task_plan(struct bc_sandbox_run *run) {
  struct bc_mono now = bc_mono_now();
  struct bc_mono soonest = {0};
  struct bc_sandbox_task *task;
  TAILQ_FOREACH(task, &run->tasks, link) {
    if (task->is_new_wait && task->wait_ms != BC_SANDBOX_WAIT_EVENT) {
      task->due = bc_mono_add_ms(now, task->wait_ms);
    }
    task->is_new_wait = false;
    if (task->state == SANDBOX_TASK_WAITING) {
      soonest = bc_mono_earlier(soonest, task->due);
    }
  }
  if (!TAILQ_EMPTY(&run->ready)) {
    return 0;
  }
  if (!bc_mono_is_set(soonest)) {
    return BC_SANDBOX_WAIT_EVENT;
  }
  return bc_mono_reached(soonest, now) ? 0 : (soonest.us - now.us + 999) / 1000;
}

/* ---- what modules call ---- */

struct bc_sandbox_task *bc_sandbox_task_of(lua_State *L) {
  return *(struct bc_sandbox_task **)lua_getextraspace(L);
}

void bc_sandbox_wake(struct bc_sandbox_task *task) {
  struct bc_sandbox_run *run = task->run;
  bool was_ready = !TAILQ_EMPTY(&run->ready);
  sandbox_task_ready(task, false);
  if (!was_ready && !run->is_inside && run->on_ready != NULL) {
    run->on_ready(run->on_ready_arg);
  }
}

int bc_sandbox_wait(lua_State *L, int64_t wait_ms, void (*cancel)(void *arg), void *arg, lua_KFunction continuation) {
  struct bc_sandbox_task *task = bc_sandbox_task_of(L);
  if (task == NULL || !lua_isyieldable(L)) {
    if (cancel != NULL) {
      cancel(arg);
    }
    return luaL_error(
        L, "a function that waits cannot be called inside string.gsub, table.sort or __tostring, nor while a "
           "module is loaded");
  }
  task->cancel = cancel;
  task->cancel_arg = arg;
  task->wait_ms = wait_ms;
  task->is_new_wait = true;
  return lua_yieldk(L, 0, (lua_KContext)(intptr_t)arg, continuation);
}
