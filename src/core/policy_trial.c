/* A changed policy is tried before it decides: all its routes are asked with the new version while the old one stays in
 * force. What would fail, or withdraw too much, is held until somebody approves it. */
#include "base/mem.h"
#include "core/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  TRIAL_WALK = 1024,        /* routes looked at in a turn of the loop */
  TRIAL_WITHDRAWN = 5,      /* more healthy routes than this, … */
  TRIAL_WITHDRAWN_PART = 4, /* … and more than this part of what stands, are not withdrawn without a person's word */
  TRIAL_LEFT_MS = 600000,   /* … nor by several of them within this time */
  TRIAL_ERROR_SHOWN = 200
};

/* What a trial found. */
struct trial_sum {
  size_t asked;
  size_t failed;
  size_t failed_before; /* of the same routes, under what is in force */
  size_t withdrawn;     /* healthy ones that stand */
  size_t left;          /* by other new versions, a short while ago */
  size_t standing;      /* of the node, with these */
};

/* ---- begin and end ---- */

static void trial_make_id(struct core_policy *policy) {
  uint64_t hash = policy->candidate->script->hash;
  for (const char *at = policy->key; *at != '\0'; at++) {
    hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;
  }
  (void)snprintf(policy->id, sizeof policy->id, "%08" PRIx32, (uint32_t)(hash ^ hash >> 32));
}

static void trial_stop(struct bc_core *core, struct core_policy *policy, enum core_policy_trial then) {
  if (policy->trial == TRIAL_RUNNING) {
    TAILQ_REMOVE(&core->policies.trying, policy, trying);
  }
  policy->trial = then;
  policy->is_waiting = false;
  policy->trial_left = policy->trial_open = 0;
  policy->trial_next = NULL;
  policy->id[0] = '\0';
  policy->why[0] = '\0';
  core_publish_dirty(core);
}

static void trial_forget_error(struct core_policy *policy) {
  free(policy->trial_error);
  policy->trial_error = NULL;
}

void core_policy_trial_end(struct bc_core *core, struct core_policy *policy) {
  trial_stop(core, policy, TRIAL_NONE);
  trial_forget_error(policy);
  core_policy_version_put(core, policy->candidate);
  policy->candidate = NULL;
}

static void trial_tell(struct bc_core *core, const struct core_policy *policy, const char *what, const char *text) {
  (void)core_event_tell(core, BC_EVENT_POLICY, policy->key, 0, core_event_detail(what, text));
}

static void trial_set_quarantined(struct bc_core *core, struct core_policy *policy) {
  trial_stop(core, policy, TRIAL_QUARANTINED);
  (void)core_policy_last_give_up(core, policy);
  (void)snprintf(policy->why, sizeof policy->why, "killed three times within ten minutes");
}

void core_policy_trial_begin(struct bc_core *core, struct core_policy *policy) {
  trial_forget_error(policy);
  if (core_lua_is_quarantined(core, policy->candidate->script->hash)) {
    trial_set_quarantined(core, policy);
    return;
  }
  trial_stop(core, policy, TRIAL_RUNNING);
  trial_tell(core, policy, "trial", NULL);
  policy->trial_left = policy->user_count;
  TAILQ_INSERT_TAIL(&core->policies.trying, policy, trying);
  core_policy_last_wait(core, policy);
  core_policy_work_soon(core);
}

/* ---- routes come and go ---- */

void core_policy_trial_join(struct bc_core *core, struct core_route_policy *part) {
  part->walked = part->tried = 0;
  if (part->policy->trial == TRIAL_RUNNING) {
    part->policy->trial_left++;
    core_policy_work_soon(core);
  }
}

void core_policy_trial_leave(struct bc_core *core, struct core_route_policy *part) {
  struct core_policy *policy = part->policy;
  if (policy->trial != TRIAL_RUNNING) {
    return;
  }
  core_policy_forget_trials(core, part);
  bool is_walked = part->walked == policy->candidate->number;
  bool is_open = is_walked && part->tried != part->walked;
  policy->trial_left -= !is_walked;
  policy->trial_open -= is_open;
  if (policy->trial_next == part) {
    policy->trial_next = TAILQ_NEXT(part, user);
  }
  core_policy_work_soon(core);
}

/* ---- asking ---- */

static struct core_route_policy *trial_next_of(struct core_policy *policy, unsigned *budget) {
  uint32_t number = policy->candidate->number;
  for (; policy->trial_left > 0 && *budget > 0; --*budget) {
    struct core_route_policy *part = policy->trial_next == NULL ? TAILQ_FIRST(&policy->users) : policy->trial_next;
    policy->trial_next = TAILQ_NEXT(part, user);
    if (part->walked == number) {
      continue;
    }
    policy->trial_left--;
    part->walked = number;
    part->try_failed = part->try_withdraws = false;
    if (core_policy_may_ask(part)) {
      policy->trial_open++;
      return part;
    }
    part->tried = number;
  }
  return NULL;
}

struct core_route_policy *core_policy_trial_next(struct bc_core *core) {
  struct core_policy *policy;
  struct core_route_policy *part = NULL;
  unsigned budget = core->policies.unheard > 0 ? 0 : TRIAL_WALK;
  TAILQ_FOREACH(policy, &core->policies.trying, trying) {
    part = part == NULL && !policy->is_waiting ? trial_next_of(policy, &budget) : part;
  }
  return part;
}

bool core_policy_trial_is_due(const struct bc_core *core) {
  const struct core_policy *policy;
  bool is_due = false;
  if (core->policies.unheard > 0) {
    return false;
  }
  TAILQ_FOREACH(policy, &core->policies.trying, trying) {
    is_due = is_due || (!policy->is_waiting && (policy->trial_left > 0 || policy->trial_open == 0));
  }
  return is_due;
}

void core_policy_trial_lost(struct bc_core *core, struct core_route_policy *part) {
  struct core_policy *policy = part->policy;
  if (policy->trial == TRIAL_RUNNING && part->walked == policy->candidate->number && part->tried != part->walked) {
    part->walked = 0;
    policy->trial_open--;
    policy->trial_left++;
    core_policy_work_soon(core);
  }
}

void core_policy_trial_answer(struct bc_core *core, struct core_route_policy *part,
                              const struct core_policy_version *version, const struct core_policy_said *said,
                              const char *error) {
  struct core_policy *policy = part->policy;
  if (policy->trial != TRIAL_RUNNING || policy->candidate != version || part->tried == version->number) {
    return;
  }
  part->tried = version->number;
  part->try_failed = error != NULL;
  part->try_withdraws =
      error == NULL && said->verdict == BC_VERDICT_WITHDRAW && said->is_healthy && part->route->is_wanted;
  policy->trial_open--;
  if (error != NULL && policy->trial_error == NULL) {
    policy->trial_error = bc_mem_copy_string(error);
  }
  core_policy_work_soon(core);
}

/* ---- the judgement ---- */

static bool trial_fails_now(const struct core_route_policy *part) {
  if (part->force == NULL) {
    return !part->is_over_builtin && !part->route->is_wanted;
  }
  return part->has_failed;
}

static size_t trial_left_lately(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  if (policies->left > 0 && bc_mono_reached(bc_mono_add_ms(policies->left_at, TRIAL_LEFT_MS), bc_mono_now())) {
    policies->left = 0;
  }
  return policies->left;
}

static void trial_count_left(struct bc_core *core, size_t count) {
  struct core_policies *policies = &core->policies;
  policies->left_at = policies->left == 0 ? bc_mono_now() : policies->left_at;
  policies->left += count;
}

static struct trial_sum trial_sum_up(struct bc_core *core, const struct core_policy *policy) {
  struct trial_sum sum = {.left = trial_left_lately(core)};
  const struct core_route_policy *part;
  TAILQ_FOREACH(part, &policy->users, user) {
    bool is_asked = part->tried == policy->candidate->number && core_policy_may_ask(part);
    sum.asked += is_asked;
    sum.failed += is_asked && part->try_failed;
    sum.withdrawn += is_asked && part->try_withdraws;
    sum.failed_before += is_asked && trial_fails_now(part);
  }
  for (struct core_route *route = core_route_next(core, NULL); route != NULL; route = core_route_next(core, route)) {
    sum.standing += route->is_wanted;
  }
  sum.standing += sum.left;
  return sum;
}

static bool trial_fails(const struct trial_sum *sum) {
  return sum->failed > sum->failed_before;
}

static bool trial_withdraws_too_much(const struct trial_sum *sum) {
  size_t all = sum->withdrawn + sum->left;
  bool is_many = all > TRIAL_WITHDRAWN && all * TRIAL_WITHDRAWN_PART > sum->standing;
  return sum->withdrawn > 0 && (is_many || (all > 1 && all >= sum->standing));
}

void core_policy_hold(struct bc_core *core, struct core_policy *policy, const char *why) {
  trial_stop(core, policy, TRIAL_HELD);
  trial_make_id(policy);
  (void)snprintf(policy->why, sizeof policy->why, "%s", why);
  trial_tell(core, policy, "held", policy->why);
  bc_log(BC_LOG_ERROR,
         "%s: its new version is held: %s; what decided before goes on; change it, or run `bgpcommander "
         "approve %s`",
         policy->key, policy->why, policy->id);
  core_lastgood_dirty(core);
}

static void trial_hold(struct bc_core *core, struct core_policy *policy, const struct trial_sum *sum) {
  char why[CORE_POLICY_REASON_BYTES];
  if (trial_fails(sum)) {
    (void)snprintf(why, sizeof why, "it fails for %zu routes (%zu before): %.*s", sum->failed, sum->failed_before,
                   TRIAL_ERROR_SHOWN, policy->trial_error == NULL ? "?" : policy->trial_error);
  } else {
    int len = snprintf(why, sizeof why, "it would withdraw %zu healthy routes of the %zu that stand", sum->withdrawn,
                       sum->standing - sum->left);
    if (sum->left > 0) {
      (void)snprintf(why + len, sizeof why - (size_t)len,
                     ", and other changes of policies withdrew %zu within ten minutes", sum->left);
    }
  }
  core_policy_hold(core, policy, why);
}

void core_policy_take_over(struct bc_core *core, struct core_policy *policy) {
  struct core_policy_version *newest = policy->candidate;
  policy->candidate = NULL;
  if (policy->running != NULL && policy->running->has_answered) {
    core_policy_version_put(core, policy->previous);
    policy->previous = policy->running;
  } else {
    core_policy_version_put(core, policy->running);
  }
  policy->running = newest;
  policy->is_brought_back = false;
  core_policy_trial_end(core, policy);
  core_policy_pass(core, policy);
  core_lastgood_dirty(core);
}

static void trial_judge(struct bc_core *core, struct core_policy *policy) {
  struct trial_sum sum = trial_sum_up(core, policy);
  if (sum.failed > 0 && sum.failed == sum.asked && core_policy_last_give_up(core, policy)) {
    sum = trial_sum_up(core, policy);
    sum.failed_before = 0;
  }
  if (trial_fails(&sum) || trial_withdraws_too_much(&sum)) {
    trial_hold(core, policy, &sum);
    return;
  }
  bc_log(BC_LOG_NOTICE, "%s: its new version decides from now on", policy->key);
  trial_tell(core, policy, "decides", NULL);
  trial_count_left(core, sum.withdrawn);
  core_policy_take_over(core, policy);
}

void core_policy_trial_some(struct bc_core *core) {
  struct core_policy *next;
  struct core_policy *first = core->policies.unheard > 0 ? NULL : TAILQ_FIRST(&core->policies.trying);
  for (struct core_policy *policy = first; policy != NULL; policy = next) {
    next = TAILQ_NEXT(policy, trying);
    if (!policy->is_waiting && policy->trial_left == 0 && policy->trial_open == 0) {
      trial_judge(core, policy);
    }
  }
}

/* ---- people ---- */

static bool trial_is_held(const struct core_policy *policy) {
  return policy->trial == TRIAL_HELD;
}

enum bc_err core_policy_approve(struct bc_core *core, const char *id) {
  struct core_policy *policy = core_policy_next(core, NULL);
  while (policy != NULL && !(trial_is_held(policy) && strcmp(policy->id, id) == 0)) {
    policy = core_policy_next(core, policy);
  }
  if (policy == NULL) {
    return BC_ERR_NOT_FOUND;
  }
  bc_log(BC_LOG_NOTICE, "%s: %s approved: its new version decides from now on", policy->key, id);
  trial_tell(core, policy, "approved", id);
  core_policy_take_over(core, policy);
  return BC_ERR_OK;
}

const char *core_policy_held_id(struct bc_core *core) {
  const char *id = "";
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    if (trial_is_held(policy)) {
      id = id[0] == '\0' ? policy->id : NULL;
    }
    if (id == NULL) {
      break;
    }
  }
  return id;
}

/* ---- versions that are not run any more ---- */

static void trial_fall_back(struct bc_core *core, struct core_policy *policy) {
  struct core_policy_version *bad = policy->running;
  if (policy->previous == NULL || core_lua_is_quarantined(core, policy->previous->script->hash)) {
    core_policy_pass(core, policy); /* each of its routes is told that it does not run */
    return;
  }
  policy->running = policy->previous;
  policy->previous = NULL;
  bc_log(BC_LOG_WARNING, "%s: the version before it decides again", policy->key);
  trial_tell(core, policy, "quarantined", "the version before it decides again");
  if (policy->candidate == NULL) {
    policy->candidate = bad;
    trial_set_quarantined(core, policy);
  } else {
    core_policy_version_put(core, bad);
  }
  core_policy_pass(core, policy);
}

void core_policy_quarantine(struct bc_core *core, uint64_t script_hash) {
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    if (policy->candidate != NULL && policy->candidate->script->hash == script_hash) {
      trial_set_quarantined(core, policy);
    } else if (policy->running != NULL && policy->running->script->hash == script_hash) {
      trial_fall_back(core, policy);
    }
  }
}
