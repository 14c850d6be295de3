#include "worker/host_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "worker/lua_call.h"
#include "worker/lua_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- results ---- */

static void run_name_error(const struct host_check *check, enum bc_check_status status, const char *error, char *to,
                           size_t room) {
  bool is_error = status != BC_CHECK_PASSED && status != BC_CHECK_FAILED && status != BC_CHECK_TIMED_OUT &&
                  status != BC_CHECK_HELD_UP;
  if (is_error) {
    bc_shelf_name_error(check->worker->process.shelf, check->name, error, to, room);
  } else {
    bc_lua_value_clean(bc_str_of(error), to, room);
  }
}

static void run_report(struct host_check *check, enum bc_check_status status, const char *reason) {
  struct bc_mono now = bc_mono_now();
  char named[BC_LIMIT_LUA_REASON_BYTES];
  run_name_error(check, status, reason, named, sizeof named);
  struct bc_msg message = {.type = BC_MSG_LUA_RESULT,
                           .lua_result = {.id = check->when.id,
                                          .generation = check->generation,
                                          .status = (uint8_t)status,
                                          .duration_us = (uint64_t)(now.us - check->when.started.us),
                                          .late_us = check->when.late_us,
                                          .reason = bc_str_of(named)}};
  struct bc_buf metrics;
  bc_buf_init(&metrics, BC_BATCH_BYTES);
  if (check->run != NULL) {
    const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(check->run);
    host_check_note_cost(check, outcome->cpu_us);
    bc_sandbox_run_print_metrics(check->run, &metrics);
    message.lua_result.cpu_us = outcome->cpu_us;
    message.lua_result.data = bc_str_of(outcome->data);
    message.lua_result.output = bc_sandbox_run_log(check->run);
    message.lua_result.state = bc_str_of(outcome->state);
    message.lua_result.metrics = bc_buf_str(&metrics);
    message.lua_result.score = outcome->has_score ? 1 + (uint32_t)lround(outcome->score * 100) : 0;
  }
  bc_batch_add(&check->worker->process.batch, &message);
  bc_buf_free(&metrics);
}

/* ---- the run ---- */

void host_run_on_beat(void *arg) {
  struct host_worker *worker = arg;
  struct bc_mono now = bc_mono_now();
  int64_t late_ms = bc_mono_is_set(worker->beat) ? bc_mono_ms_between(worker->beat, now) : 0;
  worker->held_ms += late_ms > HOST_BEAT_MS ? late_ms : 0;
  worker->beat = worker->running > 0 ? bc_mono_add_ms(now, HOST_BEAT_MS) : (struct bc_mono){0};
  bc_timer_start_at(worker->beat_timer, worker->beat);
}

/* Timeouts passed while we stood still, ours and those of whom it talked to: what failed may have failed by that. */
static int64_t run_held_ms(const struct host_check *check) {
  int64_t held_ms = check->run == NULL ? 0 : check->worker->held_ms - check->held_ms_before;
  return held_ms > HOST_LATE_MS || held_ms > check->timeout_ms / 2 ? held_ms : 0;
}

static void run_end(struct host_check *check, enum bc_check_status status, const char *reason) {
  static const enum bc_check_meaning meanings[] = {
#define RUN_MEANING(name, text, meaning) [name] = meaning,
      BC_CHECK_STATUS_LIST(RUN_MEANING)
#undef RUN_MEANING
  };
  char text[BC_LIMIT_LUA_REASON_BYTES * 2];
  int64_t held_ms = run_held_ms(check);
  if (held_ms > 0 && meanings[status] == BC_CHECK_FAIL) {
    (void)snprintf(text, sizeof text, "for %" PRId64 " ms while it ran: %s", held_ms, reason);
    status = BC_CHECK_HELD_UP;
    reason = text;
  }
  run_report(check, status, reason);
  host_run_discard(check);
  host_check_ended(check);
}

static void run_step(struct host_check *check) {
  host_page_enter(check);
  enum bc_sandbox_end end = bc_sandbox_run_resume(check->run);
  host_page_leave(check);
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(check->run);
  if (end != BC_SANDBOX_YIELDED) {
    char reason[BC_LIMIT_LUA_REASON_BYTES * 2];
    enum bc_check_status status = bc_sandbox_outcome_judge(outcome, check->threshold);
    const char *text = end == BC_SANDBOX_DONE ? outcome->reason : outcome->error;
    text = status == BC_CHECK_REFUSED ? outcome->refusal : text;
    if (end == BC_SANDBOX_KILLED && outcome->line > 0) {
      (void)snprintf(reason, sizeof reason, HOST_SCRIPT_NAME ":%zu: %s", outcome->line, text);
      text = reason;
    }
    run_end(check, status, text);
    return;
  }
  check->wake = (struct bc_mono){0};
  if (outcome->wait_ms != BC_SANDBOX_WAIT_EVENT) {
    check->wake = bc_mono_add_ms(bc_mono_now(), outcome->wait_ms);
  }
  host_check_wait(check, bc_mono_earlier(check->wake, check->deadline));
}

static void run_on_ready(void *arg) {
  struct host_check *check = arg;
  check->wake = bc_mono_now();
  host_check_wait(check, check->wake);
  bc_schedule_arm(&check->worker->schedule);
}

static bool run_provide(struct host_check *check, enum bc_check_status *status, struct bc_fault *fault) {
  enum bc_sandbox_end end;
  host_page_enter(check);
  bool is_there = bc_shelf_provide(check->worker->process.shelf, &check->place, &end, fault);
  host_page_leave(check);
  if (!is_there) {
    *status = end == BC_SANDBOX_MEMORY ? BC_CHECK_MEMORY : BC_CHECK_ERROR;
  } else if (check->state != NULL) {
    bc_sandbox_check_set_state(check->place.check, (struct bc_str){check->state, check->state_len});
    free(check->state);
    check->state = NULL;
  }
  return is_there;
}

void host_run_start(struct host_check *check) {
  enum bc_check_status status;
  struct bc_fault fault = {0};
  if (!run_provide(check, &status, &fault)) {
    run_end(check, status, fault.text);
    return;
  }
  check->run = bc_sandbox_run_new(check->place.check);
  bc_sandbox_run_on_ready(check->run, run_on_ready, check);
  if (check->worker->running++ == 0) {
    host_run_on_beat(check->worker);
  }
  check->is_extended = false;
  check->grace = HOST_GRACE_TURNS;
  check->held_ms_before = check->worker->held_ms;
  check->deadline = bc_mono_add_ms(check->when.started, check->timeout_ms);
  run_step(check);
}

/* What held us up held up the run, too. From now on: a deadline that passed meanwhile would else be over again. */
static void run_extend(struct host_check *check) {
  struct bc_mono now = bc_mono_now();
  int64_t late_ms = bc_mono_ms_between(check->when.due, now);
  if (!check->is_extended && late_ms > HOST_LATE_MS) {
    int64_t most_ms = check->timeout_ms < HOST_LATE_MS ? HOST_LATE_MS : check->timeout_ms;
    bool is_over = bc_mono_reached(check->deadline, now);
    check->is_extended = true;
    check->deadline = bc_mono_add_ms(is_over ? now : check->deadline, late_ms < most_ms ? late_ms : most_ms);
  }
}

/* A loop that is late finds the deadline before what waits in the sockets: that is read first, and told in the turns
 * after. */
static bool run_has_grace(struct host_check *check) {
  if (check->grace == 0) {
    return false;
  }
  if (check->grace_turn != check->worker->turn) {
    check->grace_turn = check->worker->turn;
    check->grace--;
  }
  host_check_wait(check, bc_mono_add_ms(bc_mono_now(), 1));
  return true;
}

void host_run_wake(struct host_check *check) {
  struct bc_mono planned = check->when.due;
  run_extend(check);
  if (bc_mono_is_set(check->wake) && bc_mono_reached(check->wake, planned)) {
    run_step(check);
    return;
  }
  struct bc_mono at = bc_mono_earlier(check->wake, check->deadline);
  if (!bc_mono_reached(at, bc_mono_now())) {
    host_check_wait(check, at);
    return;
  }
  if (run_has_grace(check)) {
    return;
  }
  char reason[64];
  (void)snprintf(reason, sizeof reason, "still waiting after %" PRIu32 " ms", check->timeout_ms);
  bc_lua_call_note_waits(check->run);
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(check->run);
  enum bc_check_status status = bc_sandbox_outcome_judge(outcome, check->threshold);
  run_end(check, status, status == BC_CHECK_REFUSED ? outcome->refusal : reason);
}

void host_run_discard(struct host_check *check) {
  if (check->run != NULL) {
    host_page_enter(check);
    bc_sandbox_run_free(check->run);
    host_page_leave(check);
    check->run = NULL;
    check->worker->running--;
  }
}
