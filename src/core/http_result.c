/* What a change is answered with, and what is undone when ExaBGP refuses it. */
#include "base/mem.h"
#include "core/http_change.h"
#include "io/boot.h"
#include "proto/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULT_BYTES = 4 * BC_LIMIT_COMMAND_BYTES };

/* ---- the answer goes to the client, and into the memory for its key ---- */

static void result_send(struct http_change *change, unsigned status, const char *type, const char *location,
                        struct bc_str body) {
  change->is_answered = true;
  bc_timer_stop(change->deadline);
  core_http_key_end(change->core, change->key, status, type, location, body);
  change->key = NULL;
  if (change->request == NULL) {
    return;
  }
  if (location != NULL) {
    bc_httpd_add_header(change->request, "Location", location);
  }
  bc_httpd_answer(change->request, status, type, body);
  change->request = NULL;
}

void core_http_change_fail(struct http_change *change, const struct http_refusal *refusal) {
  struct bc_buf text;
  char seconds[12];
  if (change->is_answered) {
    return;
  }
  bc_buf_init(&text, RESULT_BYTES);
  if (refusal->retry_after_s > 0 && change->request != NULL) {
    (void)snprintf(seconds, sizeof seconds, "%u", refusal->retry_after_s);
    bc_httpd_add_header(change->request, "Retry-After", seconds);
  }
  if (change->wants_json) {
    bc_problem_print(&text, refusal->status, refusal->code, refusal->detail, refusal->column, NULL);
  } else {
    bc_buf_add_format(&text, "%s\n", refusal->detail);
  }
  result_send(change, refusal->status, change->wants_json ? BC_PROBLEM_TYPE : CORE_HTTP_TEXT, NULL, bc_buf_str(&text));
  bc_buf_free(&text);
}

/* ---- what became of it ---- */

static void result_add_neighbors(json_t *to, const json_t *report) {
  json_t *list = json_array();
  const char *const members[] = {"onWire", "missing"};
  for (size_t i = 0; i < 2; i++) {
    json_t *addresses = json_object_get(report, members[i]);
    size_t n;
    json_t *address;
    json_array_foreach(addresses, n, address) {
      json_t *one = json_object();
      json_object_set(one, "neighbor", address);
      json_object_set_new(one, "onWire", json_boolean(i == 0));
      json_array_append_new(list, one);
    }
    json_object_set_new(to, members[i], addresses == NULL ? json_array() : json_incref(addresses));
  }
  json_object_set_new(to, "neighbors", list);
}

static json_t *result_expires(struct http_change *change) {
  const struct bc_lease *lease = change->ask.is_dry_run ? NULL : core_lease_find(change->core, change->name);
  int64_t end_ms = lease == NULL ? 0 : core_lease_end_ms(change->core, lease);
  if (end_ms == 0 && change->granted_ttl_ms != 0) {
    end_ms = bc_wall_now_ms() + (int64_t)change->granted_ttl_ms;
  }
  return change->ask.verb != BC_VERB_ANNOUNCE || end_ms == 0 ? json_null() : core_report_time(end_ms);
}

static void result_add_standing(struct http_change *change, json_t *made, bool is_done) {
  struct core_route *route = change->ask.is_dry_run ? NULL : core_route_find(change->core, change->name);
  json_t *report = route == NULL ? NULL : core_report_route(change->core, route);
  const json_t *state = json_object_get(report, "state");
  json_object_set_new(made, "state", state == NULL ? json_string("withdrawn") : json_deep_copy(state));
  json_object_set_new(made, "ack", json_boolean(is_done));
  result_add_neighbors(made, report);
  json_object_set_new(made, "decision",
                      route == NULL || route->record == 0 ? json_null() : json_integer((json_int_t)route->record));
  json_decref(report);
}

static json_t *result_text(const char *text) {
  return text == NULL ? json_null() : json_string(text);
}

static json_t *result_make(struct http_change *change, const char *command, const char *held) {
  json_t *made = json_object();
  bool is_announce = change->ask.verb == BC_VERB_ANNOUNCE;
  json_object_set_new(made, "id", json_string(change->name));
  json_object_set_new(made, "name", json_string(change->name));
  json_object_set_new(made, "verb", json_string(is_announce ? "announce" : "withdraw"));
  json_object_set_new(made, "command", json_string(command));
  if (change->ask.is_dry_run) {
    json_object_set_new(made, "dryRun", json_true());
  } else {
    result_add_standing(change, made, held == NULL && change->ask.wait != HTTP_WAIT_NONE);
  }
  if (is_announce) {
    json_object_set_new(made, "new", json_boolean(change->is_new));
    json_object_set_new(made, "changed", json_boolean(change->is_changed));
    json_object_set_new(made, "expires", result_expires(change));
  }
  json_object_set_new(made, "reason", result_text(change->policy_reason));
  json_object_set_new(made, "held", result_text(held));
  if (change->audit_problem != NULL) {
    json_object_set_new(made, "auditProblem", json_string(change->audit_problem));
  }
  return made;
}

static unsigned result_status(const struct http_change *change, const char *held) {
  if (change->ask.is_dry_run) {
    return 200;
  }
  if (held != NULL || change->ask.wait == HTTP_WAIT_NONE) {
    return 202;
  }
  return change->ask.is_put && change->is_new ? 201 : 200;
}

/* What was sent comes back, as it always did; unless something else is announced. */
static void result_print_text(const struct http_change *change, const char *command, const char *held,
                              struct bc_buf *to) {
  bool is_as_sent = change->ask.command != NULL && !change->is_changed;
  bc_buf_add_format(to, "%s\n", is_as_sent ? change->ask.command : command);
  if (held != NULL) {
    bc_buf_add_format(to, "not announced now: %s\n", held);
  }
  if (change->audit_problem != NULL) {
    bc_buf_add_format(to, "the audit log cannot be written: %s\n", change->audit_problem);
  }
}

void core_http_change_answer(struct http_change *change, const char *held) {
  struct bc_buf command;
  struct bc_buf text;
  char location[CORE_HTTP_NAME_BYTES + 16];
  if (change->is_answered) {
    return;
  }
  bc_buf_init(&command, BC_LIMIT_COMMAND_BYTES);
  bc_buf_init(&text, RESULT_BYTES);
  if (change->has_granted) {
    bc_route_print(&change->granted, change->ask.verb, &command);
  }
  if (change->wants_json) {
    json_t *made = result_make(change, command.data == NULL ? "" : command.data, held);
    core_report_print(made, &text);
    bc_buf_add_char(&text, '\n');
    json_decref(made);
  } else {
    result_print_text(change, command.data == NULL ? "" : command.data, held, &text);
  }
  bool has_location = change->ask.is_put && change->ask.verb == BC_VERB_ANNOUNCE && !change->ask.is_dry_run;
  (void)snprintf(location, sizeof location, "/v1/routes/%s", change->name);
  result_send(change, result_status(change, held), change->wants_json ? CORE_HTTP_JSON : CORE_HTTP_TEXT,
              has_location ? location : NULL, bc_buf_str(&text));
  bc_buf_free(&command);
  bc_buf_free(&text);
}

/* ---- undoing ---- */

void core_http_undo_remember(struct http_change *change) {
  const struct bc_lease *lease = core_lease_find(change->core, change->name);
  struct http_undo *undo = &change->undo;
  if (lease == NULL) {
    return;
  }
  undo->has_lease = true;
  undo->text = bc_mem_copy_string(lease->text);
  undo->owner = bc_mem_copy_string(lease->owner);
  undo->reason = bc_mem_copy_string(lease->reason);
  undo->source = bc_mem_copy_string(lease->source);
  undo->left_ms = core_lease_left_ms(change->core, lease);
  undo->at_ms = bc_boot_now_ms();
}

void core_http_undo_release(struct http_change *change) {
  struct http_undo *undo = &change->undo;
  free(undo->text);
  free(undo->owner);
  free(undo->reason);
  free(undo->source);
  *undo = (struct http_undo){0};
}

static void undo_on_done(void *arg, enum bc_err err) {
  (void)arg;
  (void)err;
}

/* Its time went on while ExaBGP was asked for the other one. */
static uint64_t undo_left_ms(const struct http_undo *undo) {
  int64_t passed = bc_boot_now_ms() - undo->at_ms;
  uint64_t gone = passed > 0 ? (uint64_t)passed : 0;
  return undo->left_ms == UINT64_MAX ? UINT64_MAX : undo->left_ms > gone ? undo->left_ms - gone : 0;
}

/* False when it cannot stand again. */
static bool undo_put_back(struct http_change *change) {
  struct bc_core *core = change->core;
  struct http_undo *undo = &change->undo;
  struct bc_route route;
  char name[BC_LIMIT_NAME_BYTES + 1];
  bool is_new;
  uint64_t left_ms = undo_left_ms(undo);
  if (!undo->has_lease || left_ms == 0 ||
      bc_route_parse(core->intern, bc_str_of(undo->text), &route, NULL) != BC_ERR_OK) {
    return false;
  }
  const struct core_lease_ask ask = {.name = change->name,
                                     .route = &route,
                                     .owner = undo->owner,
                                     .reason = undo->reason,
                                     .source = undo->source,
                                     .ttl_ms = left_ms == UINT64_MAX ? 0 : left_ms,
                                     .may_take_over = true};
  enum bc_err err = core_lease_put(core, &ask, undo_on_done, NULL, name, &is_new, NULL);
  bc_route_release(core->intern, &route);
  return err == BC_ERR_OK;
}

void core_http_undo(struct http_change *change, const char *why, core_audit_fn *done) {
  struct bc_core *core = change->core;
  char id[24];
  (void)snprintf(id, sizeof id, "%" PRIu64, change->id);
  bool is_back = undo_put_back(change);
  if (!is_back && core_lease_remove(core, change->name, NULL, NULL, NULL, NULL) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "%s: ExaBGP refused it, and it is gone already", change->name);
  }
  const struct core_audit_line line = {.who = "bgpcommander",
                                       .source = change->source,
                                       .action = is_back ? "restore" : "withdraw",
                                       .name = change->name,
                                       .outcome = "accepted",
                                       .code = "exabgp-refused",
                                       .detail = why,
                                       .request = id,
                                       .is_done = true};
  (void)core_audit_write(core, &line, done, change);
}
