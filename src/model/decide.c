#include "model/decide.h"

BC_ENUM_TEXT_FUNCTION(bc_verdict_text, enum bc_verdict, BC_VERDICT_LIST, "keep")

BC_ENUM_TEXT_FUNCTION(bc_layer_text, enum bc_layer, BC_LAYER_LIST, "health")

static struct bc_decision decide_announce(enum bc_layer layer, const char *reason) {
  return (struct bc_decision){.verdict = BC_VERDICT_ANNOUNCE, .layer = layer, .reason = reason};
}

static struct bc_decision decide_withdraw(enum bc_layer layer, const char *reason) {
  return (struct bc_decision){.verdict = BC_VERDICT_WITHDRAW, .layer = layer, .reason = reason};
}

static struct bc_decision decide_keep(enum bc_layer layer, bool stands, const char *announced, const char *absent) {
  return (struct bc_decision){.verdict = BC_VERDICT_KEEP, .layer = layer, .reason = stands ? announced : absent};
}

static struct bc_decision decide_by_health(enum bc_health_state health, bool stands) {
  switch (health) {
  case BC_HEALTH_UP:
    return decide_announce(BC_LAYER_HEALTH, "health check passed");
  case BC_HEALTH_NONE:
    return decide_announce(BC_LAYER_HEALTH, "no health check: counts as healthy");
  case BC_HEALTH_DOWN:
    return decide_withdraw(BC_LAYER_HEALTH, "health check failed");
  case BC_HEALTH_UNCHECKED:
    return decide_keep(BC_LAYER_HEALTH, stands, "the health check gives no result: stays announced",
                       "the health check gives no result: stays withdrawn");
  case BC_HEALTH_UNKNOWN:
    break;
  }
  return decide_keep(BC_LAYER_HEALTH, stands, "no result of the health check yet: stays announced",
                     "no result of the health check yet");
}

/* A service that is not healthy leaves, wherever its address is. */
static struct bc_decision decide_by_address(enum bc_address_state address, struct bc_decision below, bool stands) {
  if (below.verdict != BC_VERDICT_ANNOUNCE || address == BC_ADDRESS_FINE) {
    return below;
  }
  if (address == BC_ADDRESS_COMING) {
    return decide_keep(BC_LAYER_ADDRESS, stands, "the service address is being set: stays announced",
                       "the service address is being set");
  }
  return decide_keep(BC_LAYER_ADDRESS, stands, "the addresses of this host are not known: stays announced",
                     "the addresses of this host are not known: stays withdrawn");
}

struct bc_decision bc_decide(const struct bc_config_route *route, enum bc_admin_state admin,
                             enum bc_health_state health, enum bc_address_state address, bool stands) {
  if (route == NULL) {
    return decide_withdraw(BC_LAYER_CONFIG, "not in the store any more");
  }
  if (!route->is_subscribed) {
    return decide_withdraw(BC_LAYER_SUBSCRIPTION, "not subscribed");
  }
  if (admin == BC_ADMIN_DOWN) {
    return decide_withdraw(BC_LAYER_ADMIN, "adminState is down");
  }
  if (admin == BC_ADMIN_DRAIN) {
    return decide_withdraw(BC_LAYER_ADMIN, "adminState is drain");
  }
  if (!route->has_config) {
    return decide_withdraw(BC_LAYER_CONFIG, "it has no config");
  }
  if (!route->has_version) {
    return decide_keep(BC_LAYER_CONFIG, stands, "faulty, and no good version is known: stays announced",
                       "faulty: has never had a good version");
  }
  if (route->lost_identity) {
    return decide_withdraw(BC_LAYER_IDENTITY, "another route with the same prefix wins");
  }
  if (!route->is_settled) {
    return decide_keep(BC_LAYER_SETTLING, stands, "new: waits for the last change of its keys, stays announced",
                       "new: waits for the last change of its keys");
  }
  if (address == BC_ADDRESS_MISSING) {
    return decide_withdraw(BC_LAYER_ADDRESS, "the service address is not on this host");
  }
  if (route->has_lost_check) {
    return decide_keep(BC_LAYER_CONFIG, stands, "its health check was removed: stays announced",
                       "its health check was removed: stays withdrawn");
  }
  return decide_by_address(address, decide_by_health(health, stands), stands);
}
