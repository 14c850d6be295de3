/* Policies: the keys that hold one, and which route is under which. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

enum { POLICY_ATTACH_A_TURN = 256 };

static int policy_compare(const struct core_policy *a, const struct core_policy *b) {
  return strcmp(a->key, b->key);
}

BC_TREE(core_policy_tree, core_policy, by_key, policy_compare)

BC_ENUM_TEXT_FUNCTION(core_policy_trial_text, enum core_policy_trial, CORE_TRIAL_LIST, "none")

struct core_policy *core_policy_find(struct bc_core *core, const char *key) {
  struct core_policy wanted = {.key = key};
  return RB_FIND(core_policy_tree, &core->policies.places, &wanted);
}

struct core_policy *core_policy_next(struct bc_core *core, struct core_policy *policy) {
  return policy == NULL ? RB_MIN(core_policy_tree, &core->policies.places)
                        : RB_NEXT(core_policy_tree, &core->policies.places, policy);
}

/* ---- versions ---- */

struct core_policy_version *core_policy_version_new(struct bc_core *core, const char *key,
                                                    const struct bc_config_script_view *script) {
  return core_policy_version_of(core, key, core_script_get(core, script));
}

struct core_policy_version *core_policy_version_of(struct bc_core *core, const char *key, struct core_script *script) {
  struct core_policy_version *version = bc_mem_new(1, sizeof *version);
  version->key = bc_intern_ref(key);
  version->script = script;
  version->refs = 1;
  version->number = ++core->policies.last_number;
  TAILQ_INSERT_TAIL(&core->policies.versions, version, link);
  return version;
}

struct core_policy_version *core_policy_version_ref(struct core_policy_version *version) {
  version->refs += version != NULL;
  return version;
}

void core_policy_version_put(struct bc_core *core, struct core_policy_version *version) {
  if (version == NULL || --version->refs > 0) {
    return;
  }
  struct bc_msg message = {.type = BC_MSG_POLICY_REMOVE, .policy_remove = {.number = version->number}};
  if (version->is_set) {
    (void)core_pool_send(core, CORE_WORKER_POLICY, &message);
  }
  TAILQ_REMOVE(&core->policies.versions, version, link);
  for (unsigned i = 0; i < version->read_count; i++) {
    bc_intern_put(core->intern, version->reads[i]);
  }
  core_script_put(core, version->script);
  bc_intern_put(core->intern, version->key);
  free(version);
}

/* ---- places ---- */

static bool policy_is_own(const struct core_policy *policy) {
  return bc_str_starts(bc_str_of(policy->key), "routes/");
}

static struct core_policy *policy_provide(struct bc_core *core, const char *key) {
  struct core_policy *policy = core_policy_find(core, key);
  if (policy == NULL) {
    policy = bc_mem_new(1, sizeof *policy);
    policy->key = bc_intern_get(core->intern, bc_str_of(key));
    /* A route's own comes with the route, or over what decided the route before. */
    policy->is_over_builtin =
        !policy_is_own(policy) &&
        ((core->apply.is_authoritative && bc_rib_is_started(core->rib)) || core_lastgood_trusts_policy(core, key, 0));
    TAILQ_INIT(&policy->users);
    (void)RB_INSERT(core_policy_tree, &core->policies.places, policy);
  }
  return policy;
}

static void policy_forget_versions(struct bc_core *core, struct core_policy *policy) {
  core_policy_trial_end(core, policy);
  core_policy_version_put(core, policy->running);
  core_policy_version_put(core, policy->previous);
  policy->running = policy->previous = NULL;
  policy->is_brought_back = false;
}

static void policy_release(struct bc_core *core, struct core_policy *policy) {
  if (policy->is_named || policy->user_count > 0) {
    return;
  }
  policy_forget_versions(core, policy);
  RB_REMOVE(core_policy_tree, &core->policies.places, policy);
  bc_intern_put(core->intern, policy->key);
  free(policy);
}

static bool policy_is_running(const struct core_policy *policy, uint64_t hash) {
  return policy->running != NULL && policy->running->script->hash == hash;
}

static void policy_begin_trial(struct bc_core *core, struct core_policy *policy, bool is_first) {
  if (is_first) {
    core_policy_last_bring_back(core, policy);
  }
  core_policy_trial_begin(core, policy);
  if (is_first) {
    core_policy_last_hold(core, policy);
  }
}

/* What the configuration has under this key now. */
static void policy_take(struct bc_core *core, struct core_policy *policy, const struct bc_config_policy *view) {
  policy->is_named = view->script.text != NULL;
  if (!policy->is_named) {
    policy_forget_versions(core, policy);
    return;
  }
  uint64_t hash = view->script.hash;
  bool is_first = policy->running == NULL && policy->candidate == NULL;
  if (policy_is_running(policy, hash)) {
    core_policy_trial_end(core, policy);
  } else if (policy->candidate == NULL || policy->candidate->script->hash != hash) {
    core_policy_trial_end(core, policy);
    policy->candidate = core_policy_version_new(core, policy->key, &view->script);
    bool is_trusted = is_first && core_lastgood_trusts_policy(core, policy->key, hash);
    if (is_trusted && !core_lua_is_quarantined(core, hash)) {
      core_policy_take_over(core, policy);
    } else {
      policy_begin_trial(core, policy, is_first);
    }
    if (is_first) {
      core_policy_last_forget(core, policy->key);
    }
    core_lastgood_dirty(core);
    core_publish_dirty(core);
  }
}

/* ---- the part of a route ---- */

static bool policy_was_decided(const struct core_route *route) {
  return route->decision.reason != NULL && route->decision.layer != BC_LAYER_SETTLING &&
         route->decision.layer != BC_LAYER_CONFIG;
}

static struct core_route_policy *policy_new_part(struct bc_core *core, struct core_route *route) {
  struct core_route_policy *part = bc_mem_new(1, sizeof *part);
  part->route = route;
  part->said.verdict = BC_VERDICT_KEEP;
  route->policy = part;
  core->policies.routes++;
  return part;
}

static void policy_leave(struct bc_core *core, struct core_route_policy *part) {
  struct core_policy *policy = part->policy;
  if (policy == NULL) {
    return;
  }
  if (policy->pass_next == part) {
    policy->pass_next = TAILQ_NEXT(part, user);
  }
  core_policy_trial_leave(core, part);
  TAILQ_REMOVE(&policy->users, part, user);
  policy->user_count--;
  policy->failing -= part->has_failed;
  if (policy->pass_left > policy->user_count) {
    policy->pass_left = policy->user_count;
    if (policy->pass_left == 0) {
      TAILQ_REMOVE(&core->policies.passing, policy, passing);
    }
  }
  part->policy = NULL;
  /* A route's own key is known by the route alone. */
  policy->is_named = policy->is_named && !(policy->user_count == 0 && policy_is_own(policy));
  policy_release(core, policy);
}

static void policy_join(struct bc_core *core, struct core_route_policy *part, struct core_policy *policy) {
  part->policy = policy;
  TAILQ_INSERT_TAIL(&policy->users, part, user);
  policy->user_count++;
  policy->failing += part->has_failed;
  /* It may stand in front of one that the pass has yet to come to. */
  policy->pass_left += policy->pass_left > 0;
  core_policy_trial_join(core, part);
}

static void policy_detach(struct bc_core *core, struct core_route *route) {
  struct core_route_policy *part = route->policy;
  if (part == NULL) {
    return;
  }
  core_history_forget(route);
  core_policy_stop_asking(core, part);
  policy_leave(core, part);
  if (route->decision.layer == BC_LAYER_POLICY) {
    route->decision.reason = "there was a policy"; /* the text was the part's */
  }
  core_policy_version_put(core, part->force);
  core_policy_said_clear(core, &part->said);
  core_policy_drop_delayed(core, part);
  bc_intern_put(core->intern, part->standing_attributes);
  bc_intern_put(core->intern, part->standing_reason);
  bc_intern_put(core->intern, part->reason_before);
  free(part->error);
  free(part);
  route->policy = NULL;
  core->policies.routes--;
}

void core_policy_follow(struct bc_core *core, struct core_route_policy *part) {
  struct core_policy_version *running = part->policy->running;
  if (running != NULL && part->force != running) {
    core_policy_version_put(core, part->force);
    part->force = core_policy_version_ref(running);
    part->is_changed = true;
  }
}

static void policy_attach(struct bc_core *core, struct core_route *route, const struct bc_config_policy *view) {
  struct core_policy *policy = policy_provide(core, view->key);
  bool is_new = route->policy == NULL;
  struct core_route_policy *part = is_new ? policy_new_part(core, route) : route->policy;
  if (part->policy != policy) {
    policy_leave(core, part);
    bool is_over_builtin = policy_is_own(policy) ? policy_was_decided(route) : policy->is_over_builtin;
    part->is_over_builtin = is_new ? is_over_builtin : part->is_over_builtin;
    policy_join(core, part, policy);
  }
  policy_take(core, policy, view);
  core_policy_follow(core, part);
  part->is_changed = true;
  core_history_provide(route);
  core_policy_touch(core, route, false);
}

void core_policy_use(struct bc_core *core, struct core_route *route, const struct bc_config_route *view) {
  bool is_under = view != NULL && view->is_subscribed && view->has_version && view->policy.key != NULL &&
                  view->policy.script.text != NULL;
  core_policy_last_forget_own(core, route, view);
  if (is_under) {
    policy_attach(core, route, &view->policy);
  } else {
    policy_detach(core, route);
  }
}

/* ---- changes ---- */

/* Which key each route is under is looked up again, some at a time. */
static void policy_begin_attaching(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  bc_intern_put(core->intern, policies->attach_next);
  policies->attach_next = NULL;
  policies->is_attaching = true;
  core_policy_work_soon(core);
}

bool core_policy_attach_some(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  for (unsigned turn = 0; policies->is_attaching && turn < POLICY_ATTACH_A_TURN; turn++) {
    struct core_route *route = core_route_after(core, policies->attach_next);
    bc_intern_put(core->intern, policies->attach_next);
    policies->attach_next = route == NULL ? NULL : bc_intern_ref(route->name);
    policies->is_attaching = route != NULL;
    struct bc_config_route view;
    if (route == NULL || !bc_config_find(core->config, route->name, &view)) {
      continue;
    }
    const char *before = route->policy == NULL ? NULL : route->policy->policy->key;
    const char *now = view.policy.script.text == NULL ? NULL : view.policy.key;
    bool is_other = (before == NULL) != (now == NULL) || (before != NULL && strcmp(before, now) != 0);
    if (is_other) {
      core_policy_use(core, route, &view);
      core_dispatch_decided(core, route);
    }
  }
  return policies->is_attaching;
}

/* Of which no route was asked: what it does to those that it gets now is not known. */
static void policy_try_again(struct bc_core *core) {
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    bool is_untried = policy->user_count == 0 && policy->running != NULL && policy->candidate == NULL;
    if (is_untried && !policy_is_own(policy) && strcmp(policy->key, "admission") != 0) {
      policy->candidate = policy->running;
      policy->running = NULL;
      policy->is_over_builtin = true;
      core_policy_trial_begin(core, policy);
    }
  }
}

static void policy_apply_change(struct bc_core *core, const struct bc_config_policy *view) {
  struct core_policy *policy = core_policy_find(core, view->key);
  bool was_named = policy != NULL && policy->is_named;
  bool is_named = view->script.text != NULL;
  bool is_admission = strcmp(view->key, "admission") == 0;
  if (policy != NULL || is_named) {
    policy = policy_provide(core, view->key);
    policy_take(core, policy, view);
    policy_release(core, policy);
  }
  if (!is_named) {
    core_policy_last_forget(core, view->key);
  }
  /* Also the built-in decision, chosen by name, comes and goes without a text. */
  if ((is_named != was_named || !is_named) && !is_admission) {
    if (!is_named) {
      policy_try_again(core);
    }
    policy_begin_attaching(core);
  }
  core_lastgood_dirty(core);
  core_publish_dirty(core);
}

void core_policy_apply_changes(struct bc_core *core) {
  struct bc_config_policy view;
  while (bc_config_next_changed_policy(core->config, &view)) {
    policy_apply_change(core, &view);
  }
  if (bc_config_take_labels_changed(core->config)) {
    core_lastgood_dirty(core);
    core_policy_on_world(core);
  }
}

/* ---- begin and end ---- */

void core_policy_open(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  RB_INIT(&policies->places);
  TAILQ_INIT(&policies->versions);
  for (unsigned i = 0; i < POLICY_QUEUES; i++) {
    TAILQ_INIT(&policies->queues[i]);
  }
  TAILQ_INIT(&policies->waiting);
  RB_INIT(&policies->due);
  TAILQ_INIT(&policies->passing);
  TAILQ_INIT(&policies->trying);
  TAILQ_INIT(&policies->news);
  TAILQ_INIT(&policies->admits);
  bc_buf_init(&policies->told, 2 * (size_t)BC_LIMIT_POLICY_CONTEXT_BYTES);
  bc_buf_init(&policies->context, BC_LIMIT_POLICY_CONTEXT_BYTES);
  bc_buf_init(&policies->world, BC_LIMIT_POLICY_CONTEXT_BYTES);
  core_policy_cache_open(core);
  core_policy_ask_open(core);
  core_policy_last_open(core);
}

void core_policy_close(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  struct core_policy *policy;
  if (policies->work_timer == NULL) {
    return;
  }
  core_policy_job_close(core);
  core_admit_close(core);
  core_policy_ask_close(core);
  core_policy_last_close(core);
  while ((policy = RB_MIN(core_policy_tree, &policies->places)) != NULL) {
    policy->is_named = false;
    policy_release(core, policy);
  }
  bc_intern_put(core->intern, policies->attach_next);
  bc_buf_free(&policies->told);
  bc_buf_free(&policies->context);
  bc_buf_free(&policies->world);
  core_policy_cache_close(core);
}
