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

enum { BC_ETCD_RANGES_MOST = 7, BC_ETCD_RANGE_NODE = 0, BC_ETCD_OWN_DIRS = 2 };

struct bc_etcd_names {
  char *prefix; /* "/bgp/" */
  char *routes; /* "/bgp/routes/" */
  /* What is listed and watched. In this order: who knows the subscription, and what routes rest on, can act on each
   * route that the list has told. */
  struct bc_etcd_key_range ranges[BC_ETCD_RANGES_MOST];
  size_t range_count;
  char *own_dirs[BC_ETCD_OWN_DIRS]; /* "node/NODE/neighbors/", "node/NODE/routes/" */
  char *own_status;                 /* "node/NODE/status" */
};
/* `prefix` with or without a '/' at its end. */
void bc_etcd_names_init(struct bc_etcd_names *names, enum bc_store_type type, const char *prefix, const char *node);
struct bc_etcd_key_ranges bc_etcd_names_ranges(const struct bc_etcd_names *names);
void bc_etcd_names_fini(struct bc_etcd_names *names);
/* A key below the prefix, as the handlers of a store know it; `at` NULL for another. */
struct bc_str bc_etcd_names_relative(const struct bc_etcd_names *names, struct bc_str key);
/* A relative key that has a meaning, or that the daemon writes: the ranges of v3 hold others too. */
bool bc_etcd_names_is_told(struct bc_str key);
/* A relative key that the daemon writes. */
bool bc_etcd_names_is_own(const struct bc_etcd_names *names, struct bc_str key);

#endif
