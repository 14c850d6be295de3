/* What people are told of policies. */
#include "core/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REPORT_WARNINGS = 16, REPORT_HASH_BYTES = 17 };

static json_t *report_hash(uint64_t hash) {
  return hash == 0 ? json_null() : json_sprintf("%016" PRIx64, hash);
}

static json_t *report_text_or_null(const char *text) {
  return text == NULL ? json_null() : core_report_bytes(text, CORE_POLICY_REASON_BYTES);
}

/* ---- of a route ---- */

static const char *report_word_state(const struct core_route *route) {
  switch (core_policy_word(route).state) {
  case BC_POLICY_NONE:
    return "tried";
  case BC_POLICY_AWAITED:
    return "asked";
  case BC_POLICY_SAYS:
    return "answered";
  case BC_POLICY_FAILED:
    break;
  }
  return route->policy->force == NULL ? "held" : "failing";
}

static json_t *report_seconds_until(struct bc_mono at) {
  if (!bc_mono_is_set(at)) {
    return json_null();
  }
  int64_t left_ms = bc_mono_ms_between(bc_mono_now(), at);
  return json_real((double)(left_ms < 0 ? 0 : left_ms) / 1000.0);
}

json_t *core_report_policy(const struct core_route *route) {
  const struct core_route_policy *part = route->policy;
  if (part == NULL) {
    return json_null();
  }
  const struct core_policy *policy = part->policy;
  bool is_said = part->said.text != NULL;
  json_t *made = json_object();
  json_object_set_new(made, "key", json_string(policy->key));
  json_object_set_new(made, "state", json_string(report_word_state(route)));
  json_object_set_new(made, "decides", part->force == NULL ? json_null() : json_string(part->force->key));
  json_object_set_new(made, "hash", part->force == NULL ? json_null() : report_hash(part->force->script->hash));
  json_object_set_new(made, "trial", json_string(core_policy_trial_text(policy->trial)));
  json_object_set_new(made, "id", policy->id[0] == '\0' ? json_null() : json_string(policy->id));
  json_object_set_new(made, "verdict", is_said ? json_string(bc_verdict_text(part->said.verdict)) : json_null());
  json_object_set_new(made, "reason", report_text_or_null(part->said.reason));
  json_object_set_new(made, "attributes",
                      part->said.attributes == NULL ? json_null() : json_deep_copy(part->said.attributes));
  json_object_set_new(made, "againIn", report_seconds_until(part->again_at));
  json_object_set_new(made, "delayed", report_seconds_until(part->delayed_at));
  json_object_set_new(made, "cpuUs", is_said ? json_integer(part->said.cpu_us) : json_null());
  json_object_set_new(made, "error", report_text_or_null(part->error));
  return made;
}

bool core_policy_is_troubled(const struct core_route *route) {
  const struct core_route_policy *part = route->policy;
  return part != NULL &&
         (part->has_failed || part->policy->trial == TRIAL_HELD || part->policy->trial == TRIAL_QUARANTINED);
}

static void report_add_trial(const struct core_policy *policy, struct bc_buf *to) {
  if (policy->trial == TRIAL_HELD) {
    bc_buf_add_format(
        to,
        "the new version of %s is held (change it, or run `bgpcommander approve %s`), what decided before "
        "goes on: %s",
        policy->key, policy->id, policy->why);
  } else if (policy->trial == TRIAL_QUARANTINED) {
    bc_buf_add_format(to, "the version of %s in the store is not run (change it), what decided before goes on: %s",
                      policy->key, policy->why);
  }
}

void core_policy_describe_trouble(const struct core_route *route, struct bc_buf *to) {
  const struct core_route_policy *part = route->policy;
  if (part == NULL) {
    return;
  }
  if (part->has_failed) {
    bc_buf_add_format(to, "policy: %s; its last verdict holds", part->error);
  }
  bc_buf_add_text(to, part->has_failed && part->policy->why[0] != '\0' ? "; " : "");
  report_add_trial(part->policy, to);
}

/* ---- of all ---- */

static const struct core_route_policy *report_failing_user(const struct core_policy *policy) {
  const struct core_route_policy *part;
  TAILQ_FOREACH(part, &policy->users, user) {
    if (part->has_failed) {
      return part;
    }
  }
  return NULL;
}

static void report_warn(json_t *list, const struct bc_buf *line) {
  if (line->len > 0) {
    json_array_append_new(list, core_report_bytes(line->data, CORE_POLICY_REASON_BYTES));
  }
}

static void report_warn_of(const struct core_policy *policy, json_t *list) {
  struct bc_buf line;
  bc_buf_init(&line, 4 * CORE_POLICY_REASON_BYTES);
  report_add_trial(policy, &line);
  report_warn(list, &line);
  bc_buf_clear(&line);
  const struct core_route_policy *failing = policy->failing == 0 ? NULL : report_failing_user(policy);
  if (failing != NULL) {
    bc_buf_add_format(&line, "%s fails for %zu of its %zu routes, whose last verdicts hold: %s: %s", policy->key,
                      policy->failing, policy->user_count, failing->route->name, failing->error);
    report_warn(list, &line);
  }
  bc_buf_free(&line);
}

void core_policy_warn(struct bc_core *core, json_t *list) {
  size_t most = json_array_size(list) + REPORT_WARNINGS;
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL && json_array_size(list) < most;
       policy = core_policy_next(core, policy)) {
    report_warn_of(policy, list);
  }
}

json_t *core_report_policies(struct bc_core *core) {
  const struct core_policies *policies = &core->policies;
  size_t trials[TRIAL_QUARANTINED + 1] = {0};
  size_t failing = 0;
  size_t places = 0;
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    places += policy->is_named;
    trials[policy->trial]++;
    failing += policy->failing;
  }
  json_t *made = json_object();
  json_object_set_new(made, "keys", json_integer((json_int_t)places));
  json_object_set_new(made, "routes", json_integer((json_int_t)policies->routes));
  json_object_set_new(made, "waiting", json_integer((json_int_t)policies->queued + (json_int_t)policies->job_count));
  json_object_set_new(made, "failing", json_integer((json_int_t)failing));
  json_object_set_new(made, "tried", json_integer((json_int_t)trials[TRIAL_RUNNING]));
  json_object_set_new(made, "held", json_integer((json_int_t)trials[TRIAL_HELD]));
  json_object_set_new(made, "quarantined", json_integer((json_int_t)trials[TRIAL_QUARANTINED]));
  json_object_set_new(made, "answers", json_integer((json_int_t)policies->answered));
  json_object_set_new(made, "failures", json_integer((json_int_t)policies->failed));
  json_object_set_new(made, "kills", json_integer((json_int_t)policies->killed));
  json_object_set_new(made, "late", json_integer((json_int_t)policies->late));
  return made;
}
