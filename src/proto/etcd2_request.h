/* Requests of etcd's v2 keys API: paths with their queries, and forms. Each function adds to `to`; ask
 * bc_buf_status once at the end. Keys are absolute ("/bgp/routes") and any bytes. */
#ifndef BC_PROTO_ETCD2_REQUEST_H
#define BC_PROTO_ETCD2_REQUEST_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* "/v2/keys/…": for PUT and DELETE. */
void bc_etcd2_request_key(struct bc_buf *to, struct bc_str key);
/* The same for a PUT or a DELETE of a key that is still as it was at `index`; 0: that is not there. */
void bc_etcd2_request_key_if(struct bc_buf *to, struct bc_str key, uint64_t index);
/* For a DELETE of a directory that is empty. */
void bc_etcd2_request_empty_dir(struct bc_buf *to, struct bc_str key);
/* The same to be read: agreed to by the whole cluster, as a stale base under a watch would lose changes. */
void bc_etcd2_request_get(struct bc_buf *to, struct bc_str key, bool recursive);
/* The first event at `index` or later in or below the key. Never a stream: with an index in the past, that tells one
 * event and then nothing (etcd 3.4.23). */
void bc_etcd2_request_wait(struct bc_buf *to, struct bc_str key, uint64_t index);

struct bc_etcd2_put {
  struct bc_str value; /* `at` NULL: none */
  uint64_t ttl_s;      /* 0: for ever */
  bool is_directory;
  bool only_refresh; /* of what is there: a new TTL, the same value, no event */
};
/* Whether v2 can hold such a value: UTF-8 without NUL bytes. */
bool bc_etcd2_request_can_hold(struct bc_str value);
/* The form of a PUT, into an empty `to`. */
void bc_etcd2_request_put(struct bc_buf *to, const struct bc_etcd2_put *put);

/* "Authorization: Basic …" */
void bc_etcd2_request_authorization(struct bc_buf *to, struct bc_str user, struct bc_str password);

#endif
