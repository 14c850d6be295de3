/* Answers of etcd's v2 keys API (2.1 to 3.5). Keys come as the server names them: "/bgp/routes/web/config".
 *
 * Each function reads one complete JSON object; BC_ERR_PROTOCOL with a fault when it is none or a field
 * has the wrong type. */
#ifndef BC_PROTO_ETCD2_ANSWER_H
#define BC_PROTO_ETCD2_ANSWER_H

#include "proto/etcd_answer.h"

/* A GET: calls fn for each key below the directory, or for the key itself when it is none. Directories are not told,
 * nor what lies more than 64 levels deep. */
BC_MUST_CHECK enum bc_err bc_etcd2_answer_list(struct bc_str body, bc_etcd_kv_fn *fn, void *arg,
                                               struct bc_fault *fault);
/* A GET that is not recursive: whether it is a directory with anything in it. */
BC_MUST_CHECK enum bc_err bc_etcd2_answer_has_nodes(struct bc_str body, bool *has_nodes, struct bc_fault *fault);

/* An event, as a wait gets it: calls fn once. A deleted directory is told by kv.is_directory: all below it
 * is gone. A directory that came is told as the deletion of a key of that name. */
BC_MUST_CHECK enum bc_err bc_etcd2_answer_event(struct bc_str body, bc_etcd_kv_fn *fn, void *arg,
                                                struct bc_fault *fault);

/* Of a PUT or a DELETE: the index that it got. */
BC_MUST_CHECK enum bc_err bc_etcd2_answer_write(struct bc_str body, uint64_t *index, struct bc_fault *fault);

/* The body of an answer whose HTTP status is neither 200 nor 201; any bytes are allowed. */
void bc_etcd2_answer_error(int http_status, struct bc_str body, struct bc_etcd_error *error);

/* The headers X-Etcd-Cluster-Id (hexadecimal) and X-Etcd-Index; NULL = not sent, which reads as 0. */
BC_MUST_CHECK enum bc_err bc_etcd2_answer_header(const char *cluster_id, const char *index,
                                                 struct bc_etcd_header *header, struct bc_fault *fault);

#endif
