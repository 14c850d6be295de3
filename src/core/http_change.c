/* From what is asked for to its answer: judged, written down, put or removed, waited for. */
#include "core/http_change.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- begin and end ---- */

static void change_free(struct http_change *change) {
  struct core_http *http = change->core->http;
  TAILQ_REMOVE(&http->changes, change, link);
  http->change_count--;
  http->announce_count -= change->ask.verb == BC_VERB_ANNOUNCE;
  core_admission_cancel(change->core, change);
  core_http_key_drop(change->core, change->key);
  core_http_ask_release(change->core, &change->ask);
  bc_route_release(change->core->intern, &change->granted);
  core_http_undo_release(change);
  bc_timer_free(change->deadline);
  free(change->policy_reason);
  free(change->audit_problem);
  free(change->refusal.detail);
  free(change);
}

/* When nobody waits for it, and it waits for nothing. */
static void change_end(struct http_change *change) {
  if (change->pending == 0 && change->wait == NULL && change->is_answered) {
    change_free(change);
  }
}

static void change_on_gone(void *arg) {
  struct http_change *change = arg;
  change->request = NULL;
}

/* It goes on all the same. */
static void change_on_deadline(void *arg) {
  struct http_change *change = arg;
  struct http_refusal late = {
      .status = 504, .code = "outcome-unknown", .detail = bc_mem_copy_string(CORE_HTTP_LATE_TEXT)};
  core_http_change_fail(change, &late);
  free(late.detail);
  change_end(change);
}

static unsigned change_left_ms(const struct http_change *change) {
  int64_t passed = bc_mono_ms_between(change->begun, bc_mono_now());
  int64_t left = (int64_t)change->ask.timeout_ms - passed;
  return left < 1 ? 1 : (unsigned)left;
}

/* ---- refusals ---- */

static void change_audit(struct http_change *change, const struct http_refusal *refusal, core_audit_fn *done) {
  struct bc_buf command;
  bc_buf_init(&command, BC_LIMIT_COMMAND_BYTES);
  const struct bc_route *route = change->has_granted ? &change->granted : &change->ask.route;
  if (change->has_granted || change->ask.has_route) {
    bc_route_print(route, change->ask.verb, &command);
  }
  char id[24];
  (void)snprintf(id, sizeof id, "%" PRIu64, change->id);
  const struct core_audit_line line = {
      .who = change->who,
      .source = change->source,
      .action = change->ask.verb == BC_VERB_ANNOUNCE ? "announce" : "withdraw",
      .name = change->name[0] != '\0' ? change->name : change->ask.name,
      .command = command.data,
      .ttl_ms = change->has_granted ? change->granted_ttl_ms : change->ask.ttl_ms,
      .reason = change->ask.reason,
      .outcome = refusal == NULL       ? "accepted"
                 : change->is_accepted ? "failed"
                                       : "refused",
      .code = refusal == NULL ? NULL : refusal->code,
      .detail = refusal == NULL ? NULL : refusal->detail,
      .request = id,
      .is_done = refusal != NULL || change->ask.verb != BC_VERB_ANNOUNCE,
  };
  change->is_accepted = change->is_accepted || refusal == NULL;
  (void)core_audit_write(change->core, &line, done, change);
  bc_buf_free(&command);
}

/* What was accepted did not come true: that is written down, and told without waiting for it. */
static void change_fail(struct http_change *change, const struct http_refusal *refusal) {
  change_audit(change, refusal, NULL);
  core_http_change_fail(change, refusal);
  change_end(change);
}

static void change_on_refusal_written(void *arg, enum bc_err err, const char *text) {
  struct http_change *change = arg;
  (void)err;
  (void)text;
  change->pending--;
  core_http_change_fail(change, &change->refusal);
  change_end(change);
}

/* The answer waits for the line of the audit log, whether that could be written or not. */
static void change_refuse(struct http_change *change, unsigned status, const char *code, size_t column,
                          unsigned retry_after_s, const char *detail) {
  free(change->refusal.detail);
  change->refusal = (struct http_refusal){.status = status,
                                          .code = code,
                                          .column = column,
                                          .retry_after_s = retry_after_s,
                                          .detail = bc_mem_copy_string(detail)};
  if (change->ask.is_dry_run) {
    core_http_change_fail(change, &change->refusal);
    change_end(change);
    return;
  }
  change->pending++;
  change_audit(change, &change->refusal, change_on_refusal_written);
}

/* err, status, code, seconds until it is worth another try */
#define CHANGE_ERR_LIST(X)                                                                                             \
  X(BC_ERR_SYNTAX, 400, "name", 0)                                                                                     \
  X(BC_ERR_EXISTS, 409, "identity", 0)                                                                                 \
  X(BC_ERR_CONFLICT, 409, "other-owner", 0)                                                                            \
  X(BC_ERR_NOT_FOUND, 404, "no-such-route", 0)                                                                         \
  X(BC_ERR_AGAIN, 503, "store-unknown", 5)                                                                             \
  X(BC_ERR_LIMIT, 503, "limit", 5)                                                                                     \
  X(BC_ERR_IO, 503, "disk", 5)

static void change_refuse_for(struct http_change *change, enum bc_err err, const char *detail) {
  switch (err) {
#define CHANGE_CASE(name, status, code, seconds)                                                                       \
  case name:                                                                                                           \
    change_refuse(change, status, code, 0, seconds, detail);                                                           \
    return;
    CHANGE_ERR_LIST(CHANGE_CASE)
#undef CHANGE_CASE
  default:
    change_refuse(change, 500, "internal", 0, 0, detail);
  }
}

/* ---- waiting ---- */

static void change_on_wait(void *arg, enum core_wait_outcome outcome, const char *text) {
  struct http_change *change = arg;
  char detail[512];
  change->wait = NULL;
  struct http_refusal late = {.detail = detail};
  switch (outcome) {
  case CORE_WAIT_DONE:
    core_http_change_answer(change, NULL);
    break;
  case CORE_WAIT_HELD:
    core_http_change_answer(change, text);
    break;
  case CORE_WAIT_REFUSED:
    free(change->refusal.detail);
    change->refusal =
        (struct http_refusal){.status = 422, .code = "exabgp-refused", .detail = bc_mem_copy_string(text)};
    if (change->ask.verb != BC_VERB_ANNOUNCE) {
      /* What has the name by now is another one. */
      change_fail(change, &change->refusal);
      return;
    }
    change_audit(change, &change->refusal, NULL);
    change->pending++;
    core_http_undo(change, text, change_on_refusal_written);
    return;
  case CORE_WAIT_LATE:
    late.status = 504;
    late.code = "outcome-unknown";
    (void)snprintf(detail, sizeof detail, "%s", CORE_HTTP_LATE_TEXT);
    core_http_change_fail(change, &late);
    break;
  case CORE_WAIT_GONE:
    late.status = change->core->is_exiting ? 503 : 409;
    late.code = change->core->is_exiting ? "ending" : "superseded";
    (void)snprintf(detail, sizeof detail, "%s",
                   change->core->is_exiting
                       ? "the daemon is ending: what was asked for is kept, ask again what became of it"
                       : "something else was asked for this route meanwhile");
    if (!change->core->is_exiting) {
      change_fail(change, &late);
      return;
    }
    core_http_change_fail(change, &late);
    break;
  }
  change_end(change);
}

static void change_wait(struct http_change *change) {
  if (change->ask.wait == HTTP_WAIT_NONE || change->is_answered) {
    core_http_change_answer(change, NULL);
    change_end(change);
    return;
  }
  bc_timer_stop(change->deadline);
  change->wait = core_wait_begin(change->core, change->name, change->ask.verb == BC_VERB_ANNOUNCE,
                                 change->ask.wait == HTTP_WAIT_WIRE ? CORE_WAIT_WIRE : CORE_WAIT_ACK,
                                 change_left_ms(change), change_on_wait, change);
  if (change->wait == NULL) {
    struct http_refusal busy = {.status = 504,
                                .code = "outcome-unknown",
                                .detail =
                                    bc_mem_copy_string("it is on its way; too many requests wait already, so that "
                                                       "this one does not learn what becomes of it")};
    core_http_change_fail(change, &busy);
    free(busy.detail);
    change_end(change);
  }
}

/* ---- announce ---- */

static bool change_may_take_over(const struct http_change *change) {
  return change->token == NULL || bc_token_has(change->token, BC_SCOPE_OPERATE);
}

static struct core_lease_ask change_lease_ask(const struct http_change *change) {
  return (struct core_lease_ask){.name = change->ask.name,
                                 .route = change->has_granted ? &change->granted : &change->ask.route,
                                 .owner = change->who,
                                 .reason = change->ask.reason,
                                 .source = change->source,
                                 .ttl_ms = change->has_granted ? change->granted_ttl_ms : change->ask.ttl_ms,
                                 .may_take_over = change_may_take_over(change)};
}

static void change_on_put(void *arg, enum bc_err err) {
  struct http_change *change = arg;
  core_admission_cancel(change->core, change);
  change->pending--;
  if (err == BC_ERR_AGAIN) {
    change_refuse(change, 504, "outcome-unknown", 0, 5,
                  "the disk failed when it was written, and when it was taken back: it is not announced now, "
                  "but the next start may find it: ask again");
    return;
  }
  if (err != BC_ERR_OK) {
    change_refuse(change, 503, "disk", 0, 5, "it could not be written to the state directory, so it was not announced");
    return;
  }
  change_wait(change);
}

static void change_on_announce_written(void *arg, enum bc_err err, const char *text) {
  struct http_change *change = arg;
  struct bc_fault fault = {0};
  change->pending--;
  if (err != BC_ERR_OK) {
    struct http_refusal refusal = {.status = 503, .code = "audit", .retry_after_s = 5};
    bc_fault_set(&fault, 0, "the audit log cannot be written: %s", text);
    refusal.detail = fault.text;
    change_fail(change, &refusal);
    return;
  }
  struct core_lease_ask ask = change_lease_ask(change);
  core_http_undo_remember(change);
  change->pending++;
  err = core_lease_put(change->core, &ask, change_on_put, change, change->name, &change->is_new, &fault);
  if (err != BC_ERR_OK) {
    change->pending--;
    change_refuse_for(change, err, fault.text);
  }
}

static void change_on_admission(void *arg, const struct core_admission_answer *answer) {
  struct http_change *change = arg;
  change->pending--;
  if (!answer->is_admitted) {
    change_refuse(change, answer->status, answer->code, answer->column, answer->retry_after_s, answer->detail);
    return;
  }
  change->granted = bc_route_copy(answer->route);
  change->has_granted = true;
  change->granted_ttl_ms = answer->ttl_ms;
  change->is_changed = answer->is_changed;
  change->policy_reason = bc_mem_copy_string(answer->reason);
  if (change->ask.is_dry_run) {
    core_http_change_answer(change, NULL);
    change_end(change);
    return;
  }
  change->pending++;
  change_audit(change, NULL, change_on_announce_written);
}

static void change_announce(struct http_change *change) {
  struct bc_fault fault = {0};
  struct core_lease_ask ask = change_lease_ask(change);
  enum bc_err err = core_lease_try(change->core, &ask, change->name, &change->is_new, &fault);
  if (err != BC_ERR_OK) {
    change_refuse_for(change, err, fault.text);
    return;
  }
  const struct core_admission_ask admission = {.name = change->name,
                                               .command = change->ask.command,
                                               .route = &change->ask.route,
                                               .token = change->token,
                                               .owner = change->who,
                                               .reason = change->ask.reason,
                                               .source = change->source,
                                               .ttl_ms = change->ask.ttl_ms,
                                               .is_blackhole = change->ask.is_blackhole,
                                               .is_replacing = !change->is_new,
                                               .is_dry_run = change->ask.is_dry_run};
  change->pending++;
  core_admission_ask(change->core, &admission, change_on_admission, change);
}

/* ---- withdraw ---- */

static void change_withdraw_moved(struct http_change *change) {
  if (--change->pending > 0) {
    return;
  }
  if (change->is_remove_lost) {
    char detail[] = "it is withdrawn, but that could not be written to the state directory: it may come back with the "
                    "next start";
    struct http_refusal lost = {.status = 503, .code = "not-kept", .detail = detail};
    change_fail(change, &lost);
    return;
  }
  change_wait(change);
}

static void change_on_withdraw_written(void *arg, enum bc_err err, const char *text) {
  struct http_change *change = arg;
  if (err != BC_ERR_OK) {
    change->audit_problem = bc_mem_copy_string(text);
  }
  change_withdraw_moved(change);
}

static void change_on_removed(void *arg, enum bc_err err) {
  struct http_change *change = arg;
  change->is_remove_lost = err != BC_ERR_OK;
  change_withdraw_moved(change);
}

/* A name without `api:` may be that of a route of the store, which is not ours to withdraw. */
static const struct bc_lease *change_find_named(struct http_change *change) {
  struct bc_core *core = change->core;
  const char *name = change->ask.name;
  struct bc_config_route config;
  bool is_full = strncmp(name, BC_LEASE_PREFIX, strlen(BC_LEASE_PREFIX)) == 0;
  if (!is_full && bc_config_find(core->config, name, &config)) {
    char detail[BC_FAULT_TEXT_BYTES];
    (void)snprintf(detail, sizeof detail,
                   "%s is a route of the store: change its keys; a route of the API is named api:NAME", name);
    change_refuse(change, 409, "store-route", 0, 0, detail);
    return NULL;
  }
  const struct bc_lease *lease = core_lease_find(core, name);
  lease = lease != NULL ? lease : core_lease_find_coming(core, name, NULL);
  if (lease == NULL) {
    change_refuse(change, 404, "no-such-route", 0, 0, "there is no such route of the API");
  }
  return lease;
}

static const struct bc_lease *change_find_routed(struct http_change *change) {
  struct bc_core *core = change->core;
  const struct bc_lease *lease = core_lease_find_route(core, &change->ask.route);
  lease = lease != NULL ? lease : core_lease_find_coming(core, NULL, &change->ask.route);
  struct bc_fault fault = {0};
  char name[BC_LIMIT_NAME_BYTES + 1];
  bool is_new;
  struct core_lease_ask ask = change_lease_ask(change);
  if (lease != NULL) {
    return lease;
  }
  if (core_lease_try(core, &ask, name, &is_new, &fault) == BC_ERR_EXISTS) {
    change_refuse(change, 409, "identity", 0, 0, fault.text);
  } else {
    change_refuse(change, 404, "no-such-route", 0, 0,
                  "no route of the API announces this to these neighbors, so there is nothing to withdraw");
  }
  return NULL;
}

static void change_withdraw(struct http_change *change) {
  struct bc_core *core = change->core;
  struct bc_fault fault = {0};
  const struct bc_lease *lease = change->ask.name != NULL ? change_find_named(change) : change_find_routed(change);
  if (lease == NULL) {
    return;
  }
  (void)snprintf(change->name, sizeof change->name, "%s", lease->name);
  change->has_granted = bc_route_parse(core->intern, bc_str_of(lease->text), &change->granted, &fault) == BC_ERR_OK;
  if (!change_may_take_over(change) && strcmp(lease->owner, change->who) != 0) {
    core_lease_tell_owner(lease->name, lease->owner, &fault);
    change_refuse(change, 409, "other-owner", 0, 0, fault.text);
    return;
  }
  if (change->ask.is_dry_run) {
    core_http_change_answer(change, NULL);
    change_end(change);
    return;
  }
  change->pending += 2;
  change_audit(change, NULL, change_on_withdraw_written);
  enum bc_err err = core_lease_remove(core, change->name, NULL, change_on_removed, change, &fault);
  if (err != BC_ERR_OK) {
    change->is_remove_lost = true;
    change_withdraw_moved(change);
  }
}

/* ---- all ---- */

/* The daemon is ending, or has more to do than it keeps. */
static bool change_is_refused(struct core_http_call *call, const struct http_ask *ask) {
  struct bc_core *core = call->core;
  const struct core_http *http = core->http;
  bool is_announce = ask->verb == BC_VERB_ANNOUNCE;
  if (core->is_exiting) {
    bc_httpd_add_header(call->request, "Retry-After", "2");
    core_http_fail(call->request, 503, "ending", "the daemon is ending");
    return true;
  }
  if (http->change_count >= BC_LIMIT_HTTP_CHANGES || (is_announce && http->announce_count >= BC_LIMIT_HTTP_ANNOUNCES)) {
    bc_httpd_add_header(call->request, "Retry-After", "1");
    core_http_fail(call->request, 503, "busy", "%zu changes are under way", http->change_count);
    return true;
  }
  return false;
}

void core_http_change(struct core_http_call *call, struct http_ask *ask) {
  struct bc_core *core = call->core;
  struct http_key *key;
  if (change_is_refused(call, ask) || !core_http_key_begin(call, &key)) {
    core_http_ask_release(core, ask);
    return;
  }
  struct http_change *change = bc_mem_new(1, sizeof *change);
  change->core = core;
  change->request = call->request;
  change->key = key;
  change->id = call->id;
  change->wants_json = core_http_wants_json(call->request);
  change->token = call->token;
  (void)snprintf(change->who, sizeof change->who, "%s", call->who);
  (void)snprintf(change->source, sizeof change->source, "%s", call->source);
  change->ask = *ask;
  *ask = (struct http_ask){0};
  change->begun = bc_mono_now();
  change->deadline = bc_timer_new(core->loop, change_on_deadline, change);
  bc_timer_start(change->deadline, change->ask.timeout_ms);
  TAILQ_INSERT_TAIL(&core->http->changes, change, link);
  core->http->change_count++;
  core->http->announce_count += change->ask.verb == BC_VERB_ANNOUNCE;
  bc_httpd_on_gone(call->request, change_on_gone, change);
  if (change->ask.verb == BC_VERB_ANNOUNCE) {
    change_announce(change);
  } else {
    change_withdraw(change);
  }
}

void core_http_change_close(struct bc_core *core) {
  struct http_change *change;
  while ((change = TAILQ_FIRST(&core->http->changes)) != NULL) {
    if (change->wait != NULL) {
      core_wait_cancel(change->wait);
    }
    core_admission_cancel(core, change);
    core_audit_cancel(core, change);
    change_free(change);
  }
}
