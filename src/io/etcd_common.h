/* What etcd's two APIs share beside the store itself: jitter, back-off, the names of keys. */
#ifndef BC_IO_ETCD_COMMON_H
#define BC_IO_ETCD_COMMON_H

#include "base/str.h"
#include "io/etcd.h"
#include "io/etcd_list.h"

/* Full jitter: a random time below a bound that doubles with each failure. */
struct bc_etcd_backoff {
  unsigned failures; /* in a row */
  struct bc_mono healthy_since;
};
int64_t bc_etcd_backoff_next(struct bc_etcd_backoff *backoff, const struct bc_etcd_tuning *tuning,
                             struct bc_etcd_random *random, struct bc_mono now);
/* Connected: when it stays so for tuning->healthy_ms, failures before are forgotten. */
void bc_etcd_backoff_healthy(struct bc_etcd_backoff *backoff, struct bc_mono now);

/* A seed of 0 is one from the system. */
void bc_etcd_random_seed(struct bc_etcd_random *random, uint64_t seed);

/* Places in `ranges`. Listed in this order: who knows the subscription, and what routes rest on, can act on each route
 * that the list has told. */
enum {
  BC_ETCD_RANGE_NODE,
  BC_ETCD_RANGE_CHECKS,
  BC_ETCD_RANGE_DATA,
  BC_ETCD_RANGE_LUA,
  BC_ETCD_RANGE_ROUTES,
  BC_ETCD_OWN_DIRS = 2
};

struct bc_etcd_names {
  char *prefix;                     /* "/bgp/" */
  char *ranges[BC_ETCD_RANGES];     /* "/bgp/node/NODE/", … "/bgp/routes/" */
  char *own_dirs[BC_ETCD_OWN_DIRS]; /* "node/NODE/neighbors/", "node/NODE/routes/" */
  char *own_status;                 /* "node/NODE/status" */
};
/* `prefix` with or without a '/' at its end. */
void bc_etcd_names_init(struct bc_etcd_names *names, const char *prefix, const char *node);
void bc_etcd_names_fini(struct bc_etcd_names *names);
/* A key below the prefix, as the handlers of a store know it; `at` NULL for another. */
struct bc_str bc_etcd_names_relative(const struct bc_etcd_names *names, struct bc_str key);
/* A relative key that the daemon writes. */
bool bc_etcd_names_is_own(const struct bc_etcd_names *names, struct bc_str key);

#endif
