#include "worker/host_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct host_check *check_find(const struct host_worker *worker, uint32_t id) {
  return bc_schedule_find(&worker->schedule, id);
}

static void check_plan_next(struct host_check *check) {
  bc_schedule_plan_next(&check->worker->schedule, &check->when, (int64_t)check->cpu_us * HOST_CPU_SHARE);
}

static void check_clear(struct host_check *check) {
  struct host_worker *worker = check->worker;
  bc_schedule_unplan(&worker->schedule, &check->when);
  host_run_discard(check);
  bc_shelf_leave(worker->process.shelf, &check->place);
  free(check->name);
  free(check->state);
}

static struct host_check *check_new(struct host_worker *worker, uint32_t id) {
  struct host_check *check = bc_mem_new(1, sizeof *check);
  check->worker = worker;
  bc_schedule_add(&worker->schedule, &check->when, check, id);
  return check;
}

void host_check_set(struct host_worker *worker, const struct bc_msg_lua_set *message) {
  struct host_check *check = check_find(worker, message->id);
  if (check == NULL) {
    if (!bc_schedule_has_room(&worker->schedule, message->id)) {
      return;
    }
    check = check_new(worker, message->id);
  } else {
    check_clear(check);
  }
  check->generation = message->generation;
  check->name = bc_mem_copy_text(message->name.at, message->name.len);
  bc_shelf_take(worker->process.shelf, &check->place, message->script, message->modules, message->globals);
  check->state = bc_mem_copy_text(message->state.at, message->state.len);
  check->state_len = message->state.len;
  bc_schedule_pace(&check->when, message->interval_ms, message->fast_interval_ms, message->jitter_percent);
  check->timeout_ms = message->timeout_ms == 0 ? 1 : message->timeout_ms;
  check->threshold = message->threshold;
  check->cpu_us = 0;
  check->has_run = false;
  host_check_wait(check, bc_mono_add_ms(bc_mono_now(), message->first_delay_ms));
}

void host_check_set_state(struct host_worker *worker, const struct bc_msg_check_state *message) {
  struct host_check *check = check_find(worker, message->id);
  bool is_fast = message->is_fast != 0;
  if (check == NULL || check->when.is_fast == is_fast) {
    return;
  }
  check->when.is_fast = is_fast;
  if (check->run == NULL && check->when.is_due && bc_mono_is_set(check->when.started)) {
    check_plan_next(check);
  }
}

static void check_free(struct host_check *check) {
  check_clear(check);
  bc_schedule_remove(&check->worker->schedule, &check->when);
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
  while ((check = bc_schedule_any(&worker->schedule)) != NULL) {
    check_free(check);
  }
}

void host_check_note_cost(struct host_check *check, uint64_t cpu_us) {
  check->cpu_us = cpu_us;
  check->has_run = true;
  if (cpu_us > HOST_COSTLY_MS * 1000) {
    check->worker->costly_at = bc_mono_now();
    check->worker->costly_ms = (int64_t)cpu_us / 1000;
  }
}

/* Together the costly ones have half of our time: the others run in between. */
static struct bc_mono check_may_begin(const struct host_check *check) {
  const struct host_worker *worker = check->worker;
  bool is_quick = check->has_run && check->cpu_us <= HOST_COSTLY_MS * 1000;
  if (check->run != NULL || is_quick || !bc_mono_is_set(worker->costly_at)) {
    return (struct bc_mono){.us = 0};
  }
  return bc_mono_add_ms(worker->costly_at, check->has_run ? worker->costly_ms : HOST_STRANGER_MS);
}

void host_check_on_due(void *arg) {
  struct host_worker *worker = arg;
  struct bc_mono begun = bc_mono_now();
  struct bc_mono now = begun;
  struct host_check *check;
  worker->turn++;
  host_run_on_beat(worker);
  while (bc_mono_ms_between(begun, now) < HOST_TURN_MS && (check = bc_schedule_take(&worker->schedule, now)) != NULL) {
    struct bc_mono least = check_may_begin(check);
    if (!bc_mono_reached(least, now)) {
      bc_schedule_postpone(&worker->schedule, &check->when, least);
    } else if (check->run == NULL) {
      bc_schedule_begin(&check->when, now);
      host_run_start(check);
    } else {
      host_run_wake(check);
    }
    now = bc_mono_now();
  }
  bc_schedule_arm(&worker->schedule);
}

void host_check_wait(struct host_check *check, struct bc_mono at) {
  bc_schedule_plan(&check->worker->schedule, &check->when, at);
}

void host_check_ended(struct host_check *check) {
  check_plan_next(check);
}
