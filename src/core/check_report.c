/* What people are told of checks. */
#include "core/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *core_check_key(const struct core_check *check, char text[static CORE_CHECK_KEY_BYTES]) {
  (void)snprintf(text, CORE_CHECK_KEY_BYTES, check->route != NULL ? "routes/%s/healthcheck" : "checks/%s/script",
                 check->name);
  return text;
}

/* ---- the checks of a route ---- */

const struct core_check *core_route_member(const struct core_route *route, size_t i) {
  if (route->check != NULL && i-- == 0) {
    return route->check;
  }
  return route->uses != NULL && i < route->uses->count ? &route->uses->each[i].named->check : NULL;
}

struct bc_combined core_route_health(const struct core_route *route) {
  enum bc_health_state members[BC_LIMIT_ROUTE_CHECKS + 1];
  size_t count = 0;
  const struct core_check *check;
  for (; count < BC_LIMIT_ROUTE_CHECKS + 1 && (check = core_route_member(route, count)) != NULL; count++) {
    members[count] = check->health.state;
  }
  enum bc_combine combine = route->uses == NULL ? BC_COMBINE_ALL : route->uses->combine;
  return bc_combine_judge(combine, route->uses == NULL ? 0 : route->uses->at_least, members, count);
}

/* ---- reasons ---- */

/* "failed: exit code 3": how its last run ended. */
static void report_add_failure(const struct core_version *version, struct bc_buf *to) {
  enum bc_check_status status = version->last_status;
  bc_buf_add_text(to, "failed");
  if (version->script != NULL && version->script->is_lua) {
    bc_buf_add_format(to, "%s%s", status == BC_CHECK_FAILED ? "" : ": ",
                      status == BC_CHECK_FAILED ? "" : bc_check_status_text(status));
    bc_buf_add_format(to, "%s%s", version->reason == NULL ? "" : ": ", version->reason == NULL ? "" : version->reason);
  } else if (status == BC_CHECK_FAILED) {
    bc_buf_add_format(to, ": exit code %u", version->last_code);
  } else if (status == BC_CHECK_SIGNALLED) {
    bc_buf_add_format(to, ": ended by signal %u", version->last_code);
  } else {
    bc_buf_add_format(to, ": %s", bc_check_status_text(status));
  }
}

static void report_add_subject(const struct core_check *check, struct bc_buf *to) {
  if (check->route != NULL) {
    bc_buf_add_text(to, "health check");
  } else {
    bc_buf_add_format(to, "check %s", check->name);
  }
}

static bool report_is_neutral(const struct core_version *version) {
  return version->script != NULL && version->script->is_lua && version->has_result &&
         bc_check_status_meaning(version->last_status) == BC_CHECK_NEUTRAL;
}

/* It fails, and may not withdraw by that before its first pass. */
static bool report_is_unproven(const struct core_check *check) {
  return check->health.on_probation && check->running.has_result &&
         bc_check_status_meaning(check->running.last_status) == BC_CHECK_FAIL;
}

static void report_add_status(const struct core_version *version, struct bc_buf *to) {
  bc_buf_add_text(to, bc_check_status_text(version->last_status));
  bc_buf_add_text(to, version->reason == NULL ? "" : ": ");
  bc_buf_add_text(to, version->reason == NULL ? "" : version->reason);
}

static void report_add_unproven(const struct core_check *check, struct bc_buf *to) {
  report_add_subject(check, to);
  bc_buf_add_text(to, " has not passed yet, until then its failures do not count: ");
  report_add_failure(&check->running, to);
}

static void report_add_neutral(const struct core_check *check, enum bc_health_state state, struct bc_buf *to) {
  if (check->running.script == NULL) {
    bc_buf_add_text(to, "no good version of ");
    report_add_subject(check, to);
    bc_buf_add_text(to, " is in the store");
  } else if (report_is_unproven(check)) {
    report_add_unproven(check, to);
  } else if (report_is_neutral(&check->running)) {
    report_add_subject(check, to);
    bc_buf_add_text(to, ": ");
    report_add_status(&check->running, to);
  } else if (state == BC_HEALTH_UNCHECKED) {
    report_add_subject(check, to);
    bc_buf_add_text(to, " gives no result");
  } else {
    bc_buf_add_text(to, "no result of ");
    report_add_subject(check, to);
    bc_buf_add_text(to, " yet");
  }
}

static void report_explain(const struct core_route *route, const struct core_check *check, struct bc_combined health,
                           struct bc_buf *to) {
  bool is_telling = check->running.has_result && check->running.last_status != BC_CHECK_PASSED;
  if (health.state == BC_HEALTH_UP && report_is_unproven(check)) {
    report_add_unproven(check, to);
    bc_buf_add_text(to, ": stays announced");
  } else if (health.state == BC_HEALTH_UP) {
    report_add_subject(check, to);
    bc_buf_add_text(to, " passed");
  } else if (health.state == BC_HEALTH_DOWN) {
    report_add_subject(check, to);
    bc_buf_add_char(to, ' ');
    if (is_telling) {
      report_add_failure(&check->running, to);
    } else {
      bc_buf_add_text(to, "failed");
    }
  } else {
    report_add_neutral(check, health.state, to);
    bc_buf_add_text(to, route->is_wanted ? ": stays announced" : ": stays withdrawn");
  }
  if (health.deciders > 1) {
    bc_buf_add_format(to, " (and %zu more)", health.deciders - 1);
  }
}

void core_route_explain_health(const struct core_route *route, char *text, size_t room) {
  struct bc_combined health = core_route_health(route);
  const struct core_check *check = core_route_member(route, health.decider);
  struct bc_buf made;
  bc_buf_init(&made, CORE_REASON_BYTES);
  if (health.state != BC_HEALTH_NONE && check != NULL) {
    report_explain(route, check, health, &made);
  }
  (void)snprintf(text, room, "%s", made.data == NULL ? "" : made.data);
  bc_buf_free(&made);
}

void core_route_explain(const struct core_route *route, char *text, size_t room) {
  struct bc_combined health = core_route_health(route);
  const struct core_check *check = core_route_member(route, health.decider);
  (void)snprintf(text, room, "%s", core_route_reason(route));
  if (route->decision.layer != BC_LAYER_HEALTH || health.state == BC_HEALTH_NONE || check == NULL) {
    return;
  }
  bool is_plain = route->uses == NULL && (health.state != BC_HEALTH_DOWN || !check->running.has_result) &&
                  !report_is_unproven(check) && !report_is_neutral(&check->running);
  if (!is_plain) {
    core_route_explain_health(route, text, room);
  }
}

/* ---- trouble ---- */

bool core_check_is_troubled(const struct core_check *check) {
  return report_is_neutral(&check->running) || report_is_unproven(check) ||
         (check->candidate != NULL && check->candidate->has_result);
}

static void report_add_candidate(const struct core_check *check, struct bc_buf *to) {
  char key[CORE_CHECK_KEY_BYTES];
  const struct core_version *candidate = check->candidate;
  if (candidate->has_passed) {
    bc_buf_add_format(to, "the version of %s in the store is not run: ", core_check_key(check, key));
    report_add_status(candidate, to);
    bc_buf_add_text(to, "; the last one before it that passed runs instead");
    return;
  }
  bc_buf_add_format(to, "new version of %s has not passed yet: ", core_check_key(check, key));
  if (candidate->script->is_lua || candidate->reason != NULL) {
    report_add_status(candidate, to);
  } else {
    report_add_failure(candidate, to);
  }
  bc_buf_add_text(to, "; the old one decides");
}

void core_check_describe_trouble(const struct core_check *check, struct bc_buf *to) {
  if (check->candidate != NULL && check->candidate->has_result) {
    report_add_candidate(check, to);
  }
  if (report_is_neutral(&check->running)) {
    bc_buf_add_text(to, to->len > 0 ? "; " : "");
    report_add_subject(check, to);
    bc_buf_add_text(to, ": ");
    report_add_status(&check->running, to);
  } else if (report_is_unproven(check)) {
    bc_buf_add_text(to, to->len > 0 ? "; " : "");
    report_add_unproven(check, to);
  }
}

/* ---- JSON ---- */

json_t *core_report_data(const struct core_check *check) {
  const char *data = check == NULL ? NULL : check->running.data;
  json_t *made = data == NULL ? NULL : json_loads(data, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  return made == NULL ? json_null() : made;
}

json_t *core_report_reason(const struct core_version *version) {
  if (!version->has_result) {
    return json_null();
  }
  if (version->reason != NULL) {
    return core_report_bytes(version->reason, BC_LIMIT_LUA_REASON_BYTES);
  }
  if (version->last_status == BC_CHECK_FAILED && version->script != NULL && !version->script->is_lua) {
    return json_sprintf("exit code %u", version->last_code);
  }
  return version->last_status == BC_CHECK_SIGNALLED ? json_sprintf("signal %u", version->last_code) : json_null();
}

static void report_set_result(json_t *made, const struct core_version *version) {
  json_object_set_new(made, "status",
                      version->has_result ? json_string(bc_check_status_text(version->last_status)) : json_null());
  json_object_set_new(made, "reason", core_report_reason(version));
}

static json_t *report_version(const struct core_version *version) {
  if (version == NULL || version->script == NULL) {
    return json_null();
  }
  json_t *made = json_object();
  json_object_set_new(made, "hash", json_sprintf("%016" PRIx64, version->script->hash));
  json_object_set_new(made, "language", json_string(version->script->is_lua ? "lua" : "shell"));
  report_set_result(made, version);
  json_object_set_new(made, "output", core_report_bytes(version->output, BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES));
  return made;
}

static json_t *report_score(const struct core_version *version) {
  return version->score == 0 ? json_null() : json_real((version->score - 1) / 100.0);
}

static json_t *report_metrics(const struct core_check *check) {
  json_t *list = json_array();
  for (size_t i = 0; i < bc_metrics_count(check->metrics); i++) {
    struct bc_metric metric = bc_metrics_get(check->metrics, i);
    json_t *one = json_object();
    json_object_set_new(one, "name", json_string(metric.name));
    json_object_set_new(one, "type", json_string(metric.is_counter ? "counter" : "gauge"));
    json_object_set_new(one, "value", json_real(metric.value));
    json_object_set_new(one, "labels", json_loads(metric.labels, 0, NULL));
    json_array_append_new(list, one);
  }
  return list;
}

static json_t *report_one_of_route(const struct core_check *check) {
  json_t *made = json_object();
  json_object_set_new(made, "name", json_string(check->name));
  json_object_set_new(made, "kind", json_string(check->route != NULL ? "route" : "named"));
  json_object_set_new(made, "state", json_string(bc_health_state_text(check->health.state)));
  report_set_result(made, &check->running);
  json_object_set_new(made, "score", report_score(&check->running));
  json_object_set_new(made, "data", core_report_data(check));
  return made;
}

json_t *core_report_route_checks(const struct core_route *route) {
  json_t *list = json_array();
  const struct core_check *check;
  for (size_t i = 0; (check = core_route_member(route, i)) != NULL; i++) {
    json_array_append_new(list, report_one_of_route(check));
  }
  return list;
}

json_t *core_report_check(const struct core_check *check) {
  const struct core_named *named =
      (const struct core_named *)((const char *)check - offsetof(struct core_named, check));
  json_t *made = report_one_of_route(check);
  json_object_set_new(made, "users", json_integer(check->route != NULL ? 1 : (json_int_t)named->user_count));
  json_object_set_new(made, "interval", json_real(check->options.interval_ms / 1000.0));
  json_object_set_new(made, "took", json_real(check->running.took_us / 1e6));
  json_object_set_new(made, "late", json_real(check->running.late_us / 1e6));
  json_object_set_new(made, "ran", check->running.has_result ? core_report_time(check->running.ran_ms) : json_null());
  json_object_set_new(made, "probation", json_boolean(check->health.on_probation));
  json_object_set_new(made, "running", report_version(&check->running));
  json_object_set_new(made, "candidate", report_version(check->candidate));
  json_object_set_new(made, "keeps", json_integer(check->kept == NULL ? 0 : (json_int_t)strlen(check->kept)));
  json_object_set_new(made, "metrics", report_metrics(check));
  json_object_set_new(made, "history", core_history_report(check));
  struct bc_buf trouble;
  bc_buf_init(&trouble, CORE_REASON_BYTES * 2);
  core_check_describe_trouble(check, &trouble);
  json_object_set_new(made, "trouble", trouble.len == 0 ? json_null() : json_string(trouble.data));
  bc_buf_free(&trouble);
  return made;
}
