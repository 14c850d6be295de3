/* Request bodies of etcd's v3 JSON gateway (3.2 to 3.6). Each function adds to `to`; ask
 * bc_buf_status once at the end. Keys and values are any bytes; they travel as base64. */
#ifndef BC_PROTO_ETCD_REQUEST_H
#define BC_PROTO_ETCD_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Adds the end of the range of all keys that start with `prefix` (not encoded): its last byte below
 * 0xff plus one. "\0" (= to the end of all keys) for a prefix that has none. */
void bc_etcd_request_prefix_end(struct bc_buf *to, struct bc_str prefix);

struct bc_etcd_range {
  struct bc_str key;
  struct bc_str range_end; /* empty: just this key */
  uint64_t revision;       /* 0: the newest */
  uint64_t limit;          /* 0: none */
  bool count_only;
};

/* For kv/range. Linearizable always: a stale base under a watch would lose changes. */
void bc_etcd_request_range(struct bc_buf *to, const struct bc_etcd_range *range);
/* For watch: one create request; fragments and progress asked for, previous values not. */
void bc_etcd_request_watch(struct bc_buf *to, struct bc_str key, struct bc_str range_end, uint64_t start_revision);

/* For kv/txn: begin, any number of operations without comparison, end. The server takes 128 by
 * default, each key once. */
void bc_etcd_request_txn_begin(struct bc_buf *to);
/* The same on a condition, instead of begin: if, any number of unchanged, then. */
void bc_etcd_request_txn_if(struct bc_buf *to);
/* `mod_revision` 0: the key is not there. */
void bc_etcd_request_txn_unchanged(struct bc_buf *to, struct bc_str key, uint64_t mod_revision);
void bc_etcd_request_txn_then(struct bc_buf *to);
void bc_etcd_request_txn_put(struct bc_buf *to, struct bc_str key, struct bc_str value, uint64_t lease);
void bc_etcd_request_txn_delete(struct bc_buf *to, struct bc_str key);
void bc_etcd_request_txn_end(struct bc_buf *to);

/* For lease/grant (the server chooses the id), lease/keepalive, lease/revoke. */
void bc_etcd_request_lease_grant(struct bc_buf *to, unsigned ttl_s);
void bc_etcd_request_lease(struct bc_buf *to, uint64_t lease);

/* For auth/authenticate. BC_ERR_SYNTAX when a text is not UTF-8. */
BC_MUST_CHECK enum bc_err bc_etcd_request_authenticate(struct bc_buf *to, struct bc_str user, struct bc_str password);

#endif
