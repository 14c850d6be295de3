#include "worker/exec_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_FILE_NAME_BYTES = 64, CHECK_JITTER_MOST = 100 };

static int check_compare_id(const struct exec_check *a, const struct exec_check *b) {
  return (a->id > b->id) - (a->id < b->id);
}

static int check_compare_due(const struct exec_check *a, const struct exec_check *b) {
  if (a->due.us != b->due.us) {
    return a->due.us < b->due.us ? -1 : 1;
  }
  return check_compare_id(a, b);
}

BC_TREE(exec_id_tree, exec_check, by_id, check_compare_id)
BC_TREE(exec_due_tree, exec_check, by_due, check_compare_due)

static struct exec_check *check_find(struct exec_worker *worker, uint32_t id) {
  struct exec_check wanted = {.id = id};
  return RB_FIND(exec_id_tree, &worker->checks, &wanted);
}

static void check_arm(struct exec_worker *worker) {
  const struct exec_check *first = RB_MIN(exec_due_tree, &worker->due);
  bc_timer_start_at(worker->start_timer, first == NULL ? (struct bc_mono){.us = 0} : first->due);
}

static void check_unplan(struct exec_check *check) {
  if (check->is_due) {
    RB_REMOVE(exec_due_tree, &check->worker->due, check);
    check->is_due = false;
  }
  if (check->is_queued) {
    TAILQ_REMOVE(&check->worker->queue, check, in_queue);
    check->is_queued = false;
  }
}

static void check_plan(struct exec_check *check, struct bc_mono due) {
  check_unplan(check);
  check->due = due;
  check->is_due = true;
  RB_INSERT(exec_due_tree, &check->worker->due, check);
  if (RB_MIN(exec_due_tree, &check->worker->due) == check) {
    check_arm(check->worker);
  }
}

/* Two checks that started together drift apart: each interval is a little off, to both sides. */
static int64_t check_interval_us(struct exec_check *check) {
  int64_t interval = (int64_t)(check->is_fast ? check->fast_interval_ms : check->interval_ms) * 1000;
  int64_t span = interval / 100 * check->jitter_percent;
  uint64_t *random = &check->worker->random;
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  int64_t offset = span == 0 ? 0 : (int64_t)(*random % (uint64_t)(2 * span + 1)) - span;
  int64_t least = (int64_t)EXEC_INTERVAL_LEAST_MS * 1000;
  return interval + offset < least ? least : interval + offset;
}

/* From start to start; at once when that time has passed. */
static void check_plan_next(struct exec_check *check) {
  struct bc_mono now = bc_loop_now(check->worker->loop);
  struct bc_mono due = {.us = check->started.us + check_interval_us(check)};
  check_plan(check, bc_mono_reached(due, now) ? now : due);
}

static char *check_file_name(struct bc_str name, uint32_t id) {
  char text[CHECK_FILE_NAME_BYTES + 16];
  size_t used = 0;
  for (; used < name.len && used < CHECK_FILE_NAME_BYTES; used++) {
    char c = name.at[used];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    text[used] = is_plain || (c == '.' && used > 0) ? c : '_';
  }
  (void)snprintf(text + used, sizeof text - used, ".%u", id);
  return bc_mem_copy_string(text);
}

static void check_free_texts(struct exec_check *check) {
  free(check->name);
  free(check->file_name);
  bc_intern_put(check->worker->scripts, check->script);
  free(check->environment);
}

static void check_free(struct exec_check *check) {
  struct exec_worker *worker = check->worker;
  check_unplan(check);
  if (check->run != NULL) {
    check->run->check = NULL;
    exec_run_discard(check->run);
  }
  exec_dir_remove_file(&worker->dir, check->file_name);
  RB_REMOVE(exec_id_tree, &worker->checks, check);
  worker->known--;
  check_free_texts(check);
  free(check);
}

static struct exec_check *check_new(struct exec_worker *worker, uint32_t id) {
  struct exec_check *check = bc_mem_new(1, sizeof *check);
  check->worker = worker;
  check->id = id;
  (void)snprintf(check->state, sizeof check->state, "unknown");
  RB_INSERT(exec_id_tree, &worker->checks, check);
  worker->known++;
  return check;
}

void exec_check_set(struct exec_worker *worker, const struct bc_msg_check_set *message) {
  struct exec_check *check = check_find(worker, message->id);
  if (check == NULL) {
    if (worker->known >= BC_LIMIT_ROUTES) {
      bc_log(BC_LOG_ERROR, "check %u is not run: there are %u already", message->id, worker->known);
      return;
    }
    check = check_new(worker, message->id);
  } else {
    check_unplan(check);
    if (check->run != NULL) {
      exec_run_discard(check->run);
    }
    exec_dir_remove_file(&worker->dir, check->file_name);
    check_free_texts(check);
  }
  check->generation = message->generation;
  check->name = bc_mem_copy_text(message->name.at, message->name.len);
  check->file_name = check_file_name(message->name, message->id);
  check->script = bc_intern_get(worker->scripts, message->script);
  check->script_len = message->script.len;
  check->environment = bc_mem_copy_text(message->environment.at, message->environment.len);
  check->environment_len = message->environment.len;
  check->interval_ms = message->interval_ms;
  check->fast_interval_ms = message->fast_interval_ms == 0 ? message->interval_ms : message->fast_interval_ms;
  check->timeout_ms = message->timeout_ms == 0 ? 1 : message->timeout_ms;
  check->jitter_percent = message->jitter_percent > CHECK_JITTER_MOST ? CHECK_JITTER_MOST : message->jitter_percent;
  check->started = (struct bc_mono){.us = 0};
  check->due = bc_mono_add_ms(bc_loop_now(worker->loop), message->first_delay_ms);
  struct bc_fault fault;
  check->is_written =
      exec_dir_provide(&worker->dir, check->file_name, check->script, check->script_len, false, &fault) == BC_ERR_OK;
  /* The next run tries again and tells. One that is being killed plans the next when it is gone. */
  if (check->run == NULL) {
    check_plan(check, check->due);
  }
}

void exec_check_set_state(struct exec_worker *worker, const struct bc_msg_check_state *message) {
  struct exec_check *check = check_find(worker, message->id);
  if (check == NULL) {
    return;
  }
  int len = message->state.len < EXEC_STATE_BYTES ? (int)message->state.len : EXEC_STATE_BYTES - 1;
  (void)snprintf(check->state, sizeof check->state, "%.*s", len, message->state.at);
  check->attempt = message->attempt;
  bool is_fast = message->is_fast != 0;
  bool changed = is_fast != check->is_fast;
  check->is_fast = is_fast;
  if (changed && check->is_due && bc_mono_is_set(check->started)) {
    check_plan_next(check);
  }
}

void exec_check_remove(struct exec_worker *worker, uint32_t id) {
  struct exec_check *check = check_find(worker, id);
  if (check != NULL) {
    check_free(check);
  }
}

void exec_check_remove_all(struct exec_worker *worker) {
  struct exec_check *check;
  while ((check = RB_MIN(exec_id_tree, &worker->checks)) != NULL) {
    check_free(check);
  }
}

void exec_check_on_due(void *arg) {
  struct exec_worker *worker = arg;
  struct bc_mono now = bc_loop_now(worker->loop);
  struct exec_check *check;
  while ((check = RB_MIN(exec_due_tree, &worker->due)) != NULL && bc_mono_reached(check->due, now)) {
    RB_REMOVE(exec_due_tree, &worker->due, check);
    check->is_due = false;
    check->is_queued = true;
    TAILQ_INSERT_TAIL(&worker->queue, check, in_queue);
  }
  check_arm(worker);
  exec_check_pump(worker);
}

void exec_check_pump(struct exec_worker *worker) {
  struct exec_check *check;
  while (worker->running < BC_LIMIT_CHECKS_AT_ONCE && (check = TAILQ_FIRST(&worker->queue)) != NULL) {
    TAILQ_REMOVE(&worker->queue, check, in_queue);
    check->is_queued = false;
    check->started = bc_loop_now(worker->loop);
    int64_t late_us = check->started.us - check->due.us;
    exec_run_start(check, late_us < 0 ? 0 : late_us > UINT32_MAX ? UINT32_MAX : (uint32_t)late_us);
  }
}

void exec_check_ended(struct exec_check *check) {
  if (bc_mono_is_set(check->started)) {
    check_plan_next(check);
  } else {
    check_plan(check, check->due);
  }
}
