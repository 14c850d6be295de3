/* Who wins: guard > pin > adminState down > drain > hold > address > policy > health. Pure, a table of cases;
 * the layers that are not built yet have no case. */
#ifndef BC_MODEL_DECIDE_H
#define BC_MODEL_DECIDE_H

#include "base/enum_text.h"
#include "model/config.h"
#include "model/health.h"

#define BC_VERDICT_LIST(X)                                                                                             \
  X(BC_VERDICT_KEEP, "keep") X(BC_VERDICT_ANNOUNCE, "announce") X(BC_VERDICT_WITHDRAW, "withdraw")
enum bc_verdict { BC_VERDICT_LIST(BC_ENUM_MEMBER) };
const char *bc_verdict_text(enum bc_verdict value);

#define BC_LAYER_LIST(X)                                                                                               \
  X(BC_LAYER_SUBSCRIPTION, "subscription")                                                                             \
  X(BC_LAYER_ADMIN, "adminState")                                                                                      \
  X(BC_LAYER_CONFIG, "config")                                                                                         \
  X(BC_LAYER_IDENTITY, "identity")                                                                                     \
  X(BC_LAYER_SETTLING, "settling")                                                                                     \
  X(BC_LAYER_ADDRESS, "address")                                                                                       \
  X(BC_LAYER_HEALTH, "health")
enum bc_layer { BC_LAYER_LIST(BC_ENUM_MEMBER) };
const char *bc_layer_text(enum bc_layer value);

struct bc_decision {
  enum bc_verdict verdict; /* KEEP: as it stands, announced or not */
  enum bc_layer layer;
  const char *reason; /* static, one line: "health check failed", "not subscribed" … */
};

/* How it stands with the service addresses of a route that wants them on the host. */
enum bc_address_state {
  BC_ADDRESS_FINE,    /* there, or of no concern */
  BC_ADDRESS_MISSING, /* not there */
  BC_ADDRESS_COMING,  /* being set */
  BC_ADDRESS_UNKNOWN  /* what the host has is not known: never a reason to withdraw, nor to announce */
};

/* `route` NULL = it is gone from the store. `stands`: it is announced now. */
struct bc_decision bc_decide(const struct bc_config_route *route, enum bc_admin_state admin,
                             enum bc_health_state health, enum bc_address_state address, bool stands);

#endif
