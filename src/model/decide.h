/* Who wins: guard > subscription > adminState > config, identity > settling > address > policy > health. Pure: a table
 * of layers, each of which has something to say or not; the first that has decides. */
#ifndef BC_MODEL_DECIDE_H
#define BC_MODEL_DECIDE_H

#include "base/enum_text.h"
#include "model/config.h"
#include "model/health.h"

#define BC_VERDICT_LIST(X)                                                                                             \
  X(BC_VERDICT_KEEP, "keep") X(BC_VERDICT_ANNOUNCE, "announce") X(BC_VERDICT_WITHDRAW, "withdraw")
enum bc_verdict { BC_VERDICT_LIST(BC_ENUM_MEMBER) };
const char *bc_verdict_text(enum bc_verdict value);

/* How people are told of them. */
#define BC_LAYER_LIST(X)                                                                                               \
  X(BC_LAYER_GUARD, "guard")                                                                                           \
  X(BC_LAYER_SUBSCRIPTION, "subscription")                                                                             \
  X(BC_LAYER_ADMIN, "adminState")                                                                                      \
  X(BC_LAYER_CONFIG, "config")                                                                                         \
  X(BC_LAYER_IDENTITY, "identity")                                                                                     \
  X(BC_LAYER_SETTLING, "settling")                                                                                     \
  X(BC_LAYER_ADDRESS, "address")                                                                                       \
  X(BC_LAYER_POLICY, "policy")                                                                                         \
  X(BC_LAYER_HEALTH, "health")
enum bc_layer { BC_LAYER_LIST(BC_ENUM_MEMBER) };
const char *bc_layer_text(enum bc_layer value);

struct bc_decision {
  enum bc_verdict verdict; /* KEEP: as it stands, announced or not */
  enum bc_layer layer;
  /* One line: "health check failed", "not subscribed" … Static, but what a policy or the guard says of its own is the
   * text that came in (bc_policy_word.reason, bc_decide_input.guard_reason): valid as long as that is. */
  const char *reason;
};

/* How it stands with the service addresses of a route that wants them on the host. */
enum bc_address_state {
  BC_ADDRESS_FINE,    /* there, or of no concern */
  BC_ADDRESS_MISSING, /* not there */
  BC_ADDRESS_COMING,  /* being set */
  BC_ADDRESS_UNKNOWN  /* what the host has is not known: never a reason to withdraw, nor to announce */
};

/* How it stands with the answer of the route's policy. */
enum bc_policy_word_state {
  BC_POLICY_NONE,    /* it has none: the health decides */
  BC_POLICY_AWAITED, /* asked, and no answer yet: all stays as it is */
  BC_POLICY_SAYS,    /* what `verdict` says, also against the health */
  /* An error, nonsense, over its budget, its worker away. With a failed check (and one that gives no result) the
   * health decides; else `verdict`, which is its last one, KEEP if there was none. */
  BC_POLICY_FAILED
};

struct bc_policy_word {
  enum bc_policy_word_state state;
  enum bc_verdict verdict; /* of SAYS and FAILED */
  const char *reason;      /* of SAYS: the policy's own words, one line; NULL or "" = it gave none */
};

struct bc_decide_input {
  const struct bc_config_route *route; /* NULL = it is gone from the store */
  enum bc_admin_state admin;
  enum bc_health_state health; /* UNKNOWN: the policy is not asked, all stays as it is */
  enum bc_address_state address;
  struct bc_policy_word policy;
  /* Why the node's guard refuses what would be announced now; NULL = it does not. Nothing new is announced then, and
   * what stands stays as it was: core keeps the old attributes. A withdraw is never refused. */
  const char *guard_reason;
  bool guard_forbids; /* … and what stands may not stand: whatever those below would announce or keep is withdrawn */
  bool stands;        /* it is announced now */
};

struct bc_decision bc_decide(const struct bc_decide_input *input);

#endif
