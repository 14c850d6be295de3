/* The names of all keys that a v2 store was told: a deleted directory is one event, and what was below it is not named.
 */
#ifndef BC_IO_ETCD2_KEYS_H
#define BC_IO_ETCD2_KEYS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct bc_etcd2_keys;

struct bc_etcd2_keys *bc_etcd2_keys_new(void);
/* NULL is allowed. */
void bc_etcd2_keys_free(struct bc_etcd2_keys *keys);

/* The key is there since `revision`. */
void bc_etcd2_keys_put(struct bc_etcd2_keys *keys, struct bc_str key, uint64_t revision);
/* False when it was not known. */
bool bc_etcd2_keys_remove(struct bc_etcd2_keys *keys, struct bc_str key);
/* Takes out one key that is below `directory` ("/bgp/routes") and older than `revision`; NULL when there is none. The
 * caller frees it. */
char *bc_etcd2_keys_take_below(struct bc_etcd2_keys *keys, struct bc_str directory, uint64_t revision);

#endif
