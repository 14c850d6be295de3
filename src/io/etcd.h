/* etcd as a store, by its v3 or its v2 API: what the parts (etcd_*.c, etcd3_*.c, etcd2_*.c) share. Facts behind the
 * numbers: each was measured against etcd 3.2 to 3.6; docs/decisions and the comments name the behaviour they answer.
 */
#ifndef BC_IO_ETCD_H
#define BC_IO_ETCD_H

#include "io/loop.h"
#include "io/store.h"

#include <stdint.h>

/* Times and sizes that tests shorten. */
struct bc_etcd_tuning {
  uint64_t page_keys;      /* keys asked for at once, at most: fewer cost the server more, more cost it latency */
  int64_t backoff_ms;      /* first upper bound of the random wait after a failure; doubles */
  int64_t backoff_most_ms; /* and ends here */
  int64_t healthy_ms;      /* connected for so long: failures before are forgotten */
  int64_t created_ms;      /* a new watch must be confirmed within this */
  int64_t life_least_ms;   /* a watch is opened anew after a random time: an open stream proves nothing */
  int64_t life_most_ms;
  int64_t unary_ms;  /* above the 7 s after which the server itself gives up a write */
  int64_t quiet_ms;  /* no sign of life for so long: ask */
  int64_t relist_ms; /* full list now and then: some versions lose a deletion */
  int64_t list_spread_ms;
  int64_t reauth_spread_ms; /* a login costs the server 0.13 s of CPU */
  int64_t lease_ttl_s;
  int64_t lease_spread_ms; /* after a lost lease */
  uint64_t txn_ops;
  int64_t txn_gap_ms;
  int64_t pause_ms; /* no writing after "database full" and "not allowed" */
  int64_t stale_ms; /* own keys that nobody wants are deleted so long after publishing began */
  int64_t reput_ms; /* an own key that somebody else changes is put again at most this often */
  uint64_t
      history;     /* v2: a poll that is so many indexes old is opened anew: the server remembers 1,000 events of all */
  int64_t look_ms; /* `auto` looks again so long after it could not choose */
};
extern const struct bc_etcd_tuning bc_etcd_tuning_default;

/* bc_store_open for one of etcd's APIs (`type`: ETCD_V3 or ETCD_V2); `tuning` is copied. */
BC_MUST_CHECK enum bc_err bc_etcd_open(struct bc_loop *loop, enum bc_store_type type,
                                       const struct bc_store_options *options, const struct bc_etcd_tuning *tuning,
                                       const struct bc_store_handler *handler, struct bc_store **store,
                                       struct bc_fault *fault);

struct bc_etcd_random {
  uint64_t state;
};
/* A number from 0 to `most`, for jitter (splitmix64). */
int64_t bc_etcd_random(struct bc_etcd_random *random, int64_t most);

#endif
