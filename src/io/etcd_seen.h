/* The newest revision seen of each key, to drop what some etcd versions send twice or from the past. */
#ifndef BC_IO_ETCD_SEEN_H
#define BC_IO_ETCD_SEEN_H

#include "base/str.h"
#include "base/tree.h"

#include <stdbool.h>
#include <stdint.h>

struct etcd_seen_key;
RB_HEAD(bc_etcd_seen, etcd_seen_key);

void bc_etcd_seen_init(struct bc_etcd_seen *seen);
/* Forgets all. */
void bc_etcd_seen_clear(struct bc_etcd_seen *seen);
/* True when `revision` is newer than what was noted for `key`; it is then noted. */
bool bc_etcd_seen_note(struct bc_etcd_seen *seen, struct bc_str key, uint64_t revision);

#endif
