/* The addresses that this host has, as the kernel tells them: rtnetlink(7), listed at the start and every minute,
 * followed by its notifications. At most BC_LIMIT_HOST_ADDRESSES are held. */
#ifndef BC_IO_ADDRESSES_H
#define BC_IO_ADDRESSES_H

#include "io/loop.h"
#include "proto/rtnetlink.h"

struct bc_addresses;

/* `changed`: on the loop, at most every 200 ms, when an answer of bc_addresses_find or bc_addresses_problem may be
 * another one than before. */
struct bc_addresses *bc_addresses_new(struct bc_loop *loop, bc_loop_fn *changed, void *arg);
/* NULL is allowed. */
void bc_addresses_free(struct bc_addresses *addresses);

/* Why nothing is known of addresses that bc_addresses_find does not find, one line; NULL = all are known. */
const char *bc_addresses_problem(const struct bc_addresses *addresses);

struct bc_addresses_found {
  bool is_usable;    /* one that is no duplicate and not under duplicate detection */
  bool is_tentative; /* one is under duplicate detection */
  bool is_there;     /* one, usable or not */
  bool is_foreign;   /* one, usable or not, without our mark */
  bool is_ours;      /* one with our mark */
};

/* What the host has of the prefix `address`/`length` (network order; IPv4 in the first four bytes). Fresher than
 * `changed`. Of a prefix that is shorter than an address only as much is looked at as is_usable needs. */
struct bc_addresses_found bc_addresses_find(const struct bc_addresses *addresses, bool is_ipv6, const uint8_t *address,
                                            unsigned length);

/* All addresses that are held, in their order; as bc_addresses_next_ours. */
const struct bc_rtnetlink_address *bc_addresses_next(const struct bc_addresses *addresses,
                                                     const struct bc_rtnetlink_address *after);

/* The addresses with our mark, in their order; `after` NULL at first. NULL after the last. Valid until the loop runs.
 */
const struct bc_rtnetlink_address *bc_addresses_next_ours(const struct bc_addresses *addresses,
                                                          const struct bc_rtnetlink_address *after);

#endif
