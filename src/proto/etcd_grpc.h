/* gRPC's frames around the one call of etcd's v3 API that is worth them: KV.Range, which costs the server a fifth of
 * what its JSON gateway takes for it (docs/decisions/0012). The messages are etcd's rpc.proto and kv.proto, whose field
 * numbers are the same since 3.0; Protocol Buffers are read and written by nanopb. */
#ifndef BC_PROTO_ETCD_GRPC_H
#define BC_PROTO_ETCD_GRPC_H

#include "proto/etcd_answer.h"
#include "proto/etcd_request.h"

#define BC_ETCD_GRPC_RANGE "/etcdserverpb.KV/Range"

/* Adds a frame with a RangeRequest; ask bc_buf_status at the end. As bc_etcd_request_range. */
void bc_etcd_grpc_range(struct bc_buf *to, const struct bc_etcd_range *range);

/* The one frame of an answer, key by key; it and the keys' slices point into `body`. */
struct bc_etcd_grpc_reader {
  struct bc_str rest;
};
/* Checks all of it: BC_ERR_PROTOCOL with a fault when it is not one whole RangeResponse with a revision. */
BC_MUST_CHECK enum bc_err bc_etcd_grpc_open(struct bc_str body, struct bc_etcd_range_answer *answer,
                                            struct bc_etcd_grpc_reader *reader, struct bc_fault *fault);
/* An empty key is the end. */
void bc_etcd_grpc_next(struct bc_etcd_grpc_reader *reader, struct bc_etcd_kv *kv);

#endif
