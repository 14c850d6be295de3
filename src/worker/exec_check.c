#include "worker/exec_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_FILE_NAME_BYTES = 64 };

static struct exec_check *check_find(const struct exec_worker *worker, uint32_t id) {
  return bc_schedule_find(&worker->schedule, id);
}

static void check_unplan(struct exec_check *check) {
  bc_schedule_unplan(&check->worker->schedule, &check->when);
  if (check->is_queued) {
    TAILQ_REMOVE(&check->worker->queue, check, in_queue);
    check->is_queued = false;
  }
}

static void check_plan_next(struct exec_check *check) {
  check_unplan(check);
  bc_schedule_plan_next(&check->worker->schedule, &check->when, 0);
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
  bc_schedule_remove(&worker->schedule, &check->when);
  check_free_texts(check);
  free(check);
}

static struct exec_check *check_new(struct exec_worker *worker, uint32_t id) {
  struct exec_check *check = bc_mem_new(1, sizeof *check);
  check->worker = worker;
  (void)snprintf(check->state, sizeof check->state, "unknown");
  bc_schedule_add(&worker->schedule, &check->when, check, id);
  return check;
}

void exec_check_set(struct exec_worker *worker, const struct bc_msg_check_set *message) {
  struct exec_check *check = check_find(worker, message->id);
  if (check == NULL) {
    if (!bc_schedule_has_room(&worker->schedule, message->id)) {
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
  bc_schedule_pace(&check->when, message->interval_ms, message->fast_interval_ms, message->jitter_percent);
  check->timeout_ms = message->timeout_ms == 0 ? 1 : message->timeout_ms;
  check->when.due = bc_mono_add_ms(bc_mono_now(), message->first_delay_ms);
  struct bc_fault fault;
  check->is_written =
      exec_dir_provide(&worker->dir, check->file_name, check->script, check->script_len, false, &fault) == BC_ERR_OK;
  /* The next run tries again and tells. One that is being killed plans the next when it is gone. */
  if (check->run == NULL) {
    bc_schedule_plan(&worker->schedule, &check->when, check->when.due);
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
  bool changed = is_fast != check->when.is_fast;
  check->when.is_fast = is_fast;
  if (changed && check->when.is_due && bc_mono_is_set(check->when.started)) {
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
  while ((check = bc_schedule_any(&worker->schedule)) != NULL) {
    check_free(check);
  }
}

void exec_check_on_due(void *arg) {
  struct exec_worker *worker = arg;
  struct bc_mono now = bc_mono_now();
  struct exec_check *check;
  while ((check = bc_schedule_take(&worker->schedule, now)) != NULL) {
    check->is_queued = true;
    TAILQ_INSERT_TAIL(&worker->queue, check, in_queue);
  }
  bc_schedule_arm(&worker->schedule);
  exec_check_pump(worker);
}

void exec_check_pump(struct exec_worker *worker) {
  struct exec_check *check;
  while (worker->running < BC_LIMIT_CHECKS_AT_ONCE && (check = TAILQ_FIRST(&worker->queue)) != NULL) {
    TAILQ_REMOVE(&worker->queue, check, in_queue);
    check->is_queued = false;
    bc_schedule_begin(&check->when, bc_mono_now());
    exec_run_start(check);
  }
}

void exec_check_ended(struct exec_check *check) {
  if (bc_mono_is_set(check->when.started)) {
    check_plan_next(check);
  } else {
    check_unplan(check);
    bc_schedule_plan(&check->worker->schedule, &check->when, check->when.due);
  }
}
