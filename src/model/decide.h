/* Who wins: guard > pin > adminState down > drain > hold > policy > health. Pure, a table of cases;
 * the layers that are not built yet have no case. */
#ifndef BC_MODEL_DECIDE_H
#define BC_MODEL_DECIDE_H

#include "model/config.h"
#include "model/health.h"

#define BC_VERDICT_LIST(X) X(KEEP, "keep") X(ANNOUNCE, "announce") X(WITHDRAW, "withdraw")
enum bc_verdict {
#define BC_VERDICT_ENUM(name, text) BC_VERDICT_##name,
  BC_VERDICT_LIST(BC_VERDICT_ENUM)
#undef BC_VERDICT_ENUM
};
const char *bc_verdict_text(enum bc_verdict verdict);

#define BC_LAYER_LIST(X)                                                                                               \
  X(SUBSCRIPTION, "subscription")                                                                                      \
  X(ADMIN, "adminState")                                                                                               \
  X(CONFIG, "config")                                                                                                  \
  X(IDENTITY, "identity")                                                                                              \
  X(SETTLING, "settling")                                                                                              \
  X(HEALTH, "health")
enum bc_layer {
#define BC_LAYER_ENUM(name, text) BC_LAYER_##name,
  BC_LAYER_LIST(BC_LAYER_ENUM)
#undef BC_LAYER_ENUM
};
const char *bc_layer_text(enum bc_layer layer);

struct bc_decision {
  enum bc_verdict verdict; /* KEEP: as it stands, announced or not */
  enum bc_layer layer;
  const char *reason; /* static, one line: "health check failed", "not subscribed" … */
};

/* `route` NULL = it is gone from the store. `stands`: it is announced now. */
struct bc_decision bc_decide(const struct bc_config_route *route, enum bc_admin_state admin,
                             enum bc_health_state health, bool stands);

#endif
