#include "worker/host_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_JITTER_MOST = 100 };

static int check_compare_id(const struct host_check *a, const struct host_check *b) {
  return (a->id > b->id) - (a->id < b->id);
}

static int check_compare_due(const struct host_check *a, const struct host_check *b) {
  if (a->due.us != b->due.us) {
    return a->due.us < b->due.us ? -1 : 1;
  }
  return check_compare_id(a, b);
}

BC_TREE(host_id_tree, host_check, by_id, check_compare_id)
BC_TREE(host_due_tree, host_check, by_due, check_compare_due)

static struct host_check *check_find(struct host_worker *worker, uint32_t id) {
  struct host_check wanted = {.id = id};
  return RB_FIND(host_id_tree, &worker->checks, &wanted);
}

static void check_arm(struct host_worker *worker) {
  const struct host_check *first = RB_MIN(host_due_tree, &worker->due);
  bc_timer_start_at(worker->due_timer, first == NULL ? (struct bc_mono){.us = 0} : first->due);
}

static void check_unplan(struct host_check *check) {
  if (check->is_due) {
    RB_REMOVE(host_due_tree, &check->worker->due, check);
    check->is_due = false;
  }
}

static void check_plan(struct host_check *check, struct bc_mono due) {
  check_unplan(check);
  check->due = due;
  check->is_due = true;
  RB_INSERT(host_due_tree, &check->worker->due, check);
  if (RB_MIN(host_due_tree, &check->worker->due) == check) {
    check_arm(check->worker);
  }
}

/* Two checks that started together drift apart: each interval is a little off, to both sides. */
static int64_t check_interval_us(struct host_check *check) {
  int64_t interval = (int64_t)(check->is_fast ? check->fast_interval_ms : check->interval_ms) * 1000;
  int64_t span = interval / 100 * check->jitter_percent;
  uint64_t *random = &check->worker->random;
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  int64_t offset = span == 0 ? 0 : (int64_t)(*random % (uint64_t)(2 * span + 1)) - span;
  int64_t least = (int64_t)HOST_INTERVAL_LEAST_MS * 1000;
  return interval + offset < least ? least : interval + offset;
}

/* From start to start; at once when that time has passed. */
static void check_plan_next(struct host_check *check) {
  struct bc_mono now = bc_loop_now(check->worker->loop);
  int64_t interval_us = check_interval_us(check);
  int64_t fair_us = (int64_t)check->cpu_us * HOST_CPU_SHARE;
  struct bc_mono due = {.us = check->started.us + (interval_us > fair_us ? interval_us : fair_us)};
  check_plan(check, bc_mono_reached(due, now) ? now : due);
}

static void check_clear(struct host_check *check) {
  struct host_worker *worker = check->worker;
  check_unplan(check);
  host_run_discard(check);
  host_script_leave(check);
  bc_intern_put(worker->texts, check->text);
  free(check->name);
  free(check->globals);
}

static struct host_check *check_new(struct host_worker *worker, uint32_t id) {
  struct host_check *check = bc_mem_new(1, sizeof *check);
  check->worker = worker;
  check->id = id;
  RB_INSERT(host_id_tree, &worker->checks, check);
  worker->known++;
  return check;
}

void host_check_set(struct host_worker *worker, const struct bc_msg_lua_set *message) {
  struct host_check *check = check_find(worker, message->id);
  if (check == NULL) {
    if (worker->known >= BC_LIMIT_ROUTES) {
      bc_log(BC_LOG_ERROR, "check %u is not run: there are %u already", message->id, worker->known);
      return;
    }
    check = check_new(worker, message->id);
  } else {
    check_clear(check);
  }
  check->generation = message->generation;
  check->name = bc_mem_copy_text(message->name.at, message->name.len);
  check->text = bc_intern_get(worker->texts, message->script);
  check->text_len = message->script.len;
  check->globals = bc_mem_copy_text(message->globals.at, message->globals.len);
  check->globals_len = message->globals.len;
  check->interval_ms = message->interval_ms;
  check->fast_interval_ms = message->fast_interval_ms == 0 ? message->interval_ms : message->fast_interval_ms;
  check->timeout_ms = message->timeout_ms == 0 ? 1 : message->timeout_ms;
  check->jitter_percent = message->jitter_percent > CHECK_JITTER_MOST ? CHECK_JITTER_MOST : message->jitter_percent;
  check->threshold = message->threshold;
  check->started = (struct bc_mono){.us = 0};
  check->cpu_us = 0;
  check_plan(check, bc_mono_add_ms(bc_loop_now(worker->loop), message->first_delay_ms));
}

void host_check_set_state(struct host_worker *worker, const struct bc_msg_check_state *message) {
  struct host_check *check = check_find(worker, message->id);
  bool is_fast = message->is_fast != 0;
  if (check == NULL || check->is_fast == is_fast) {
    return;
  }
  check->is_fast = is_fast;
  if (check->run == NULL && check->is_due && bc_mono_is_set(check->started)) {
    check_plan_next(check);
  }
}

static void check_free(struct host_check *check) {
  check_clear(check);
  RB_REMOVE(host_id_tree, &check->worker->checks, check);
  check->worker->known--;
  free(check);
}

void host_check_remove(struct host_worker *worker, uint32_t id) {
  struct host_check *check = check_find(worker, id);
  if (check != NULL) {
    check_free(check);
  }
}

void host_check_remove_all(struct host_worker *worker) {
  struct host_check *check;
  while ((check = RB_MIN(host_id_tree, &worker->checks)) != NULL) {
    check_free(check);
  }
}

static void check_begin(struct host_check *check, struct bc_mono now) {
  int64_t late_us = now.us - check->due.us;
  check->late_us = late_us < 0 ? 0 : late_us > UINT32_MAX ? UINT32_MAX : (uint32_t)late_us;
  check->started = now;
  host_run_start(check);
}

void host_check_on_due(void *arg) {
  struct host_worker *worker = arg;
  struct bc_mono begun = bc_loop_now(worker->loop);
  struct bc_mono now = begun;
  struct host_check *check;
  while ((check = RB_MIN(host_due_tree, &worker->due)) != NULL && bc_mono_reached(check->due, now) &&
         bc_mono_ms_between(begun, now) < HOST_TURN_MS) {
    check_unplan(check);
    if (check->run == NULL) {
      check_begin(check, now);
    } else {
      host_run_wake(check);
    }
    now = bc_loop_now(worker->loop);
  }
  check_arm(worker);
}

void host_check_wait(struct host_check *check, struct bc_mono at) {
  check_plan(check, at);
}

void host_check_ended(struct host_check *check) {
  check_plan_next(check);
}
