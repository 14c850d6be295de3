#include "model/decide.h"

#include <stddef.h>

BC_ENUM_TEXT_FUNCTION(bc_verdict_text, enum bc_verdict, BC_VERDICT_LIST, "keep")

BC_ENUM_TEXT_FUNCTION(bc_layer_text, enum bc_layer, BC_LAYER_LIST, "health")

/* True when the layer has something to say. */
typedef bool decide_layer_fn(const struct bc_decide_input *input, struct bc_decision *out);

static bool decide_announce(struct bc_decision *out, enum bc_layer layer, const char *reason) {
  *out = (struct bc_decision){.verdict = BC_VERDICT_ANNOUNCE, .layer = layer, .reason = reason};
  return true;
}

static bool decide_withdraw(struct bc_decision *out, enum bc_layer layer, const char *reason) {
  *out = (struct bc_decision){.verdict = BC_VERDICT_WITHDRAW, .layer = layer, .reason = reason};
  return true;
}

static bool decide_keep(struct bc_decision *out, enum bc_layer layer, const char *reason) {
  *out = (struct bc_decision){.verdict = BC_VERDICT_KEEP, .layer = layer, .reason = reason};
  return true;
}

/* ---- the route is not to be there ---- */

static bool decide_gone(const struct bc_decide_input *input, struct bc_decision *out) {
  return input->route == NULL && decide_withdraw(out, BC_LAYER_CONFIG, "not in the store any more");
}

static bool decide_subscription(const struct bc_decide_input *input, struct bc_decision *out) {
  return !input->route->is_subscribed && decide_withdraw(out, BC_LAYER_SUBSCRIPTION, "not subscribed");
}

static bool decide_admin(const struct bc_decide_input *input, struct bc_decision *out) {
  switch (input->admin) {
  case BC_ADMIN_DOWN:
    return decide_withdraw(out, BC_LAYER_ADMIN, "adminState is down");
  case BC_ADMIN_DRAIN:
    return decide_withdraw(out, BC_LAYER_ADMIN, "adminState is drain");
  case BC_ADMIN_UP:
    break;
  }
  return false;
}

static bool decide_config(const struct bc_decide_input *input, struct bc_decision *out) {
  if (!input->route->has_config) {
    return decide_withdraw(out, BC_LAYER_CONFIG, "it has no config");
  }
  return !input->route->has_version &&
         decide_keep(out, BC_LAYER_CONFIG,
                     input->stands ? "faulty, and no good version is known: stays announced"
                                   : "faulty: has never had a good version");
}

static bool decide_identity(const struct bc_decide_input *input, struct bc_decision *out) {
  return input->route->lost_identity &&
         decide_withdraw(out, BC_LAYER_IDENTITY, "another route with the same prefix wins");
}

/* ---- hold, and the service address ---- */

static bool decide_settling(const struct bc_decide_input *input, struct bc_decision *out) {
  return !input->route->is_settled &&
         decide_keep(out, BC_LAYER_SETTLING,
                     input->stands ? "new: waits for the last change of its keys, stays announced"
                                   : "new: waits for the last change of its keys");
}

static bool decide_address(const struct bc_decide_input *input, struct bc_decision *out) {
  return input->address == BC_ADDRESS_MISSING &&
         decide_withdraw(out, BC_LAYER_ADDRESS, "the service address is not on this host");
}

static bool decide_lost_check(const struct bc_decide_input *input, struct bc_decision *out) {
  return input->route->has_lost_check && decide_keep(out, BC_LAYER_CONFIG,
                                                     input->stands ? "its health check was removed: stays announced"
                                                                   : "its health check was removed: stays withdrawn");
}

static bool decide_unknown(const struct bc_decide_input *input, struct bc_decision *out) {
  return input->health == BC_HEALTH_UNKNOWN &&
         decide_keep(out, BC_LAYER_HEALTH,
                     input->stands ? "no result of the health check yet: stays announced"
                                   : "no result of the health check yet");
}

/* ---- policy and health ---- */

static const char *decide_own_words(const struct bc_policy_word *word, const char *otherwise) {
  return word->reason == NULL || word->reason[0] == '\0' ? otherwise : word->reason;
}

static bool decide_policy_says(const struct bc_policy_word *word, bool stands, struct bc_decision *out) {
  switch (word->verdict) {
  case BC_VERDICT_ANNOUNCE:
    return decide_announce(out, BC_LAYER_POLICY, decide_own_words(word, "the policy says so"));
  case BC_VERDICT_WITHDRAW:
    return decide_withdraw(out, BC_LAYER_POLICY, decide_own_words(word, "the policy says so"));
  case BC_VERDICT_KEEP:
    break;
  }
  const char *otherwise = stands ? "the policy keeps it: stays announced" : "the policy keeps it: stays withdrawn";
  return decide_keep(out, BC_LAYER_POLICY, decide_own_words(word, otherwise));
}

static bool decide_policy_failed(enum bc_verdict last, const struct bc_decide_input *input, struct bc_decision *out) {
  if (input->health == BC_HEALTH_DOWN || input->health == BC_HEALTH_UNCHECKED) {
    return false;
  }
  switch (last) {
  case BC_VERDICT_ANNOUNCE:
    return decide_announce(out, BC_LAYER_POLICY, "the policy fails: its last verdict holds");
  case BC_VERDICT_WITHDRAW:
    return decide_withdraw(out, BC_LAYER_POLICY, "the policy fails: its last verdict holds");
  case BC_VERDICT_KEEP:
    break;
  }
  return decide_keep(out, BC_LAYER_POLICY,
                     input->stands ? "the policy fails: stays announced" : "the policy fails: stays withdrawn");
}

static bool decide_policy(const struct bc_decide_input *input, struct bc_decision *out) {
  switch (input->policy.state) {
  case BC_POLICY_AWAITED:
    return decide_keep(out, BC_LAYER_POLICY,
                       input->stands ? "the policy has not answered yet: stays announced"
                                     : "the policy has not answered yet");
  case BC_POLICY_SAYS:
    return decide_policy_says(&input->policy, input->stands, out);
  case BC_POLICY_FAILED:
    return decide_policy_failed(input->policy.verdict, input, out);
  case BC_POLICY_NONE:
    break;
  }
  return input->route->policy.is_unknown && decide_policy_failed(BC_VERDICT_KEEP, input, out);
}

static bool decide_health(const struct bc_decide_input *input, struct bc_decision *out) {
  switch (input->health) {
  case BC_HEALTH_UP:
    return decide_announce(out, BC_LAYER_HEALTH, "health check passed");
  case BC_HEALTH_NONE:
    return decide_announce(out, BC_LAYER_HEALTH, "no health check: counts as healthy");
  case BC_HEALTH_DOWN:
    return decide_withdraw(out, BC_LAYER_HEALTH, "health check failed");
  case BC_HEALTH_UNCHECKED:
  case BC_HEALTH_UNKNOWN:
    break;
  }
  return decide_keep(out, BC_LAYER_HEALTH,
                     input->stands ? "the health check gives no result: stays announced"
                                   : "the health check gives no result: stays withdrawn");
}

/* ---- layers that refuse what those below them would announce ---- */

static bool decide_refuse_unsure(const struct bc_decide_input *input, struct bc_decision *out) {
  if (input->address == BC_ADDRESS_COMING) {
    return decide_keep(out, BC_LAYER_ADDRESS,
                       input->stands ? "the service address is being set: stays announced"
                                     : "the service address is being set");
  }
  return input->address == BC_ADDRESS_UNKNOWN &&
         decide_keep(out, BC_LAYER_ADDRESS,
                     input->stands ? "the addresses of this host are not known: stays announced"
                                   : "the addresses of this host are not known: stays withdrawn");
}

static bool decide_guard(const struct bc_decide_input *input, struct bc_decision *out) {
  return input->guard_reason != NULL && decide_keep(out, BC_LAYER_GUARD, input->guard_reason);
}

/* The upper one first. */
static const struct {
  decide_layer_fn *fn;
  bool refuses; /* it speaks only of what those below would announce */
} decide_layers[] = {
    {decide_guard, true},       {decide_gone, false},     {decide_subscription, false}, {decide_admin, false},
    {decide_config, false},     {decide_identity, false}, {decide_settling, false},     {decide_address, false},
    {decide_lost_check, false}, {decide_unknown, false},  {decide_refuse_unsure, true}, {decide_policy, false},
    {decide_health, false},
};

/* Not when it leaves anyway: why it does is of more use. */
static void decide_forbid(const struct bc_decide_input *input, struct bc_decision *out) {
  if (input->guard_reason != NULL && input->guard_forbids && out->verdict != BC_VERDICT_WITHDRAW) {
    *out = (struct bc_decision){.verdict = BC_VERDICT_WITHDRAW, .layer = BC_LAYER_GUARD, .reason = input->guard_reason};
  }
}

struct bc_decision bc_decide(const struct bc_decide_input *input) {
  struct bc_decision found = {.verdict = BC_VERDICT_KEEP, .layer = BC_LAYER_HEALTH, .reason = ""};
  size_t count = sizeof decide_layers / sizeof decide_layers[0];
  size_t at = 0;
  while (at < count && (decide_layers[at].refuses || !decide_layers[at].fn(input, &found))) {
    at++;
  }
  for (size_t above = at; found.verdict == BC_VERDICT_ANNOUNCE && above > 0; above--) {
    if (decide_layers[above - 1].refuses) {
      (void)decide_layers[above - 1].fn(input, &found);
    }
  }
  decide_forbid(input, &found);
  return found;
}
