#include "worker/policy_private.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/policy_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_OPTIONS "options="

/* ---- policies ---- */

static int policy_compare(const struct policy *a, const struct policy *b) {
  return (a->number > b->number) - (a->number < b->number);
}

BC_TREE(policies, policy, link, policy_compare)

static struct policy *policy_find(struct policy_worker *worker, uint32_t number) {
  struct policy key = {.number = number};
  return RB_FIND(policies, &worker->policies, &key);
}

static void policy_put(struct policy_worker *worker, struct policy *policy) {
  if (policy != NULL && --policy->users == 0) {
    bc_shelf_leave(worker->process.shelf, &policy->place);
    free(policy->name);
    free(policy);
  }
}

void policy_remove(struct policy_worker *worker, uint32_t number) {
  struct policy *policy = policy_find(worker, number);
  if (policy != NULL) {
    (void)RB_REMOVE(policies, &worker->policies, policy);
    worker->known--;
    policy_put(worker, policy);
  }
}

void policy_set(struct policy_worker *worker, const struct bc_msg_policy_set *message) {
  policy_remove(worker, message->number);
  struct policy *policy = bc_mem_new(1, sizeof *policy);
  struct bc_str options = message->options.len == 0 ? bc_str_of("{}") : message->options;
  struct bc_buf globals;
  bc_buf_init(&globals, options.len + sizeof POLICY_OPTIONS + 1);
  bc_buf_add_text(&globals, POLICY_OPTIONS);
  bc_buf_add_str(&globals, options);
  bc_buf_add_char(&globals, '\0');
  policy->number = message->number;
  policy->name = bc_mem_copy_text(message->name.at, message->name.len);
  policy->users = 1;
  bc_shelf_take(worker->process.shelf, &policy->place, message->script, message->modules, bc_buf_str(&globals));
  (void)RB_INSERT(policies, &worker->policies, policy);
  worker->known++;
  bc_buf_free(&globals);
}

/* ---- results ---- */

static void policy_tell_error(struct policy_worker *worker, uint32_t id, enum bc_policy_status status,
                              const char *error) {
  struct bc_msg message = {.type = BC_MSG_POLICY_RESULT,
                           .policy_result = {.id = id, .status = (uint8_t)status, .error = bc_str_of(error)}};
  bc_batch_add(&worker->process.batch, &message);
}

static enum bc_policy_status policy_judge(enum bc_sandbox_end end) {
  switch (end) {
  case BC_SANDBOX_DONE:
    return BC_POLICY_STATUS_DONE;
  case BC_SANDBOX_MEMORY:
    return BC_POLICY_STATUS_MEMORY;
  case BC_SANDBOX_KILLED:
    return BC_POLICY_STATUS_KILLED;
  default:
    return BC_POLICY_STATUS_ERROR;
  }
}

/* Of a kill in a module both places are of use. */
static bool policy_tells_place(const struct bc_sandbox_outcome *outcome) {
  struct bc_str error = bc_str_of(outcome->error);
  return outcome->end != BC_SANDBOX_KILLED &&
         (bc_str_starts(error, POLICY_SCRIPT_NAME ":") || bc_str_starts(error, "lua/"));
}

static void policy_tell(struct policy_worker *worker, const struct policy_run *asked,
                        const struct bc_sandbox_run *run) {
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(run);
  char error[BC_LIMIT_LUA_REASON_BYTES * 2] = "";
  char named[BC_LIMIT_LUA_REASON_BYTES] = "";
  struct bc_msg message = {.type = BC_MSG_POLICY_RESULT,
                           .policy_result = {.id = asked->id,
                                             .status = (uint8_t)policy_judge(outcome->end),
                                             .log = bc_sandbox_run_log(run),
                                             .cpu_us = outcome->cpu_us,
                                             .reads = bc_sandbox_run_reads(run)}};
  if (outcome->end == BC_SANDBOX_DONE) {
    message.policy_result.verdict = bc_str_of(outcome->verdict);
  } else {
    bool lacks_line = outcome->line > 0 && !policy_tells_place(outcome);
    if (lacks_line) {
      (void)snprintf(error, sizeof error, POLICY_SCRIPT_NAME ":%zu: %s", outcome->line, outcome->error);
    }
    bc_shelf_name_error(worker->process.shelf, asked->policy->name, lacks_line ? error : outcome->error, named,
                        sizeof named);
    message.policy_result.error = bc_str_of(named);
  }
  bc_batch_add(&worker->process.batch, &message);
}

/* ---- runs ---- */

static void policy_execute(struct policy_worker *worker, const struct policy_run *asked) {
  struct policy *policy = asked->policy;
  struct bc_fault fault = {0};
  enum bc_sandbox_end end;
  if (policy == NULL) {
    policy_tell_error(worker, asked->id, BC_POLICY_STATUS_UNKNOWN, "the worker was not told this policy");
    return;
  }
  bc_page_enter(worker->process.page, asked->id, policy->number);
  if (!bc_shelf_provide(worker->process.shelf, &policy->place, &end, &fault)) {
    char named[BC_LIMIT_LUA_REASON_BYTES];
    bc_shelf_name_error(worker->process.shelf, policy->name, fault.text, named, sizeof named);
    policy_tell_error(worker, asked->id, policy_judge(end), named);
  } else {
    struct bc_sandbox_run *run = bc_sandbox_run_new(policy->place.check);
    bc_sandbox_run_set_context(run, (struct bc_str){asked->context, asked->context_len});
    (void)bc_sandbox_run_resume(run);
    policy_tell(worker, asked, run);
    bc_sandbox_run_free(run);
  }
  bc_page_leave(worker->process.page);
}

static void policy_drop_first(struct policy_worker *worker) {
  struct policy_run *run = STAILQ_FIRST(&worker->runs);
  STAILQ_REMOVE_HEAD(&worker->runs, link);
  worker->waiting--;
  policy_put(worker, run->policy);
  free(run);
}

void policy_on_turn(void *arg) {
  struct policy_worker *worker = arg;
  struct bc_mono begun = bc_mono_now();
  while (worker->waiting > 0 && bc_mono_ms_between(begun, bc_mono_now()) < POLICY_TURN_MS) {
    policy_execute(worker, STAILQ_FIRST(&worker->runs));
    policy_drop_first(worker);
  }
  if (worker->waiting > 0) {
    bc_timer_start(worker->turn, 0);
  } else {
    bc_batch_flush(&worker->process.batch);
  }
}

void policy_ask(struct policy_worker *worker, const struct bc_msg_policy_run *message) {
  if (worker->waiting >= BC_LIMIT_POLICY_RUNS) {
    policy_tell_error(worker, message->id, BC_POLICY_STATUS_ERROR, "too many runs of policies wait");
    return;
  }
  struct policy_run *run = bc_mem_new(1, sizeof *run + message->context.len);
  run->id = message->id;
  run->policy = policy_find(worker, message->number);
  run->context_len = message->context.len;
  if (run->context_len > 0) {
    memcpy(run->context, message->context.at, run->context_len);
  }
  if (run->policy != NULL) {
    run->policy->users++;
  }
  STAILQ_INSERT_TAIL(&worker->runs, run, link);
  worker->waiting++;
  if (!bc_timer_is_armed(worker->turn)) {
    bc_timer_start(worker->turn, 0);
  }
}

void policy_remove_all(struct policy_worker *worker) {
  struct policy *policy;
  while (worker->waiting > 0) {
    policy_drop_first(worker);
  }
  while ((policy = RB_ROOT(&worker->policies)) != NULL) {
    policy_remove(worker, policy->number);
  }
}
