/* The way to an etcd cluster: its endpoints, which of them is used, the path of its API, the token (v3) or the
 * password (v2).
 *
 * A call waits for what it needs (probe, login) and then is one request to the endpoint that was in use
 * when it began. A token that the server no longer takes is replaced once per call, unseen by the
 * caller; one login runs at a time. */
#ifndef BC_IO_ETCD_LINK_H
#define BC_IO_ETCD_LINK_H

#include "base/buf.h"
#include "base/limits.h"
#include "io/etcd.h"
#include "proto/etcd_answer.h"

struct bc_etcd_link;
struct bc_etcd_call;

struct bc_etcd_reply {
  enum bc_err err; /* OK: `body` is the answer. REFUSED: the server says `error`. Else the way there: TIMEOUT, IO,
                      CLOSED, AUTH (TLS), LIMIT (too long), UNSUPPORTED, PROTOCOL */
  struct bc_etcd_error error; /* `fault` is set for every err but OK */
  struct bc_str body;
  struct bc_etcd_header header; /* v2: of the HTTP answer, whatever it says; revision 0: it had none */
};
typedef void bc_etcd_reply_fn(void *arg, const struct bc_etcd_reply *reply);
typedef void bc_etcd_bytes_fn(void *arg, struct bc_str bytes);
typedef void bc_etcd_head_fn(void *arg, const struct bc_etcd_header *header);

/* Reads options->endpoints, user_file and the names of TLS files. `type`: ETCD_V3 or ETCD_V2. */
BC_MUST_CHECK enum bc_err bc_etcd_link_open(struct bc_loop *loop, enum bc_store_type type,
                                            const struct bc_store_options *options, const struct bc_etcd_tuning *tuning,
                                            struct bc_etcd_random *random, struct bc_etcd_link **link,
                                            struct bc_fault *fault);
/* Cancels all calls. NULL is allowed. */
void bc_etcd_link_close(struct bc_etcd_link *link);

/* One request, one answer, at most tuning->unary_ms for it. `path` below the API's path
 * ("/kv/range"). The call is valid until fn. */
struct bc_etcd_call *bc_etcd_link_call(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                       bc_etcd_reply_fn *fn, void *arg);
/* One call of etcd's own gRPC API, which lies beside the gateway: `method` "/etcdserverpb.KV/Range"; `body` and the
 * answer are gRPC frames. OK: grpc-status 0. UNSUPPORTED: nobody on the way spoke gRPC. REFUSED: another status; ask
 * the gateway, whose words are understood. */
struct bc_etcd_call *bc_etcd_link_grpc(struct bc_etcd_link *link, const char *method, struct bc_str body,
                                       bc_etcd_reply_fn *fn, void *arg);
/* A watch on a connection of its own, without deadline; on_bytes gets what comes; fn tells the end (OK
 * with an empty body: the server closed it properly). */
struct bc_etcd_call *bc_etcd_link_stream(struct bc_etcd_link *link, const char *path, struct bc_str body,
                                         bc_etcd_bytes_fn *on_bytes, bc_etcd_reply_fn *fn, void *arg);
/* v2: `method` is "GET", "PUT" or "DELETE" (static), `path` all of it with its query, `form` for PUT. */
struct bc_etcd_call *bc_etcd_link_keys(struct bc_etcd_link *link, const char *method, const char *path,
                                       struct bc_str form, bc_etcd_reply_fn *fn, void *arg);
/* v2: a long poll, without deadline; on_head when the server has begun to wait. */
struct bc_etcd_call *bc_etcd_link_poll(struct bc_etcd_link *link, const char *path, bc_etcd_head_fn *on_head,
                                       bc_etcd_reply_fn *fn, void *arg);
/* Not sent yet: a probe or a login, which have their own deadlines, must end first. */
bool bc_etcd_link_is_waiting(const struct bc_etcd_call *call);
/* No callback afterwards. NULL is allowed. */
void bc_etcd_link_cancel(struct bc_etcd_call *call);

/* The next endpoint, for calls from now on. */
void bc_etcd_link_next(struct bc_etcd_link *link);
/* This one (below the count) for calls from now on. */
void bc_etcd_link_select(struct bc_etcd_link *link, size_t endpoint);
struct bc_loop *bc_etcd_link_loop(const struct bc_etcd_link *link);
size_t bc_etcd_link_count(const struct bc_etcd_link *link);
const char *bc_etcd_link_endpoint(const struct bc_etcd_link *link);
/* Forgets the token: one of another cluster or history makes requests hang. */
void bc_etcd_link_drop_token(struct bc_etcd_link *link);
/* Trying again will not help as long as nobody changes something. */
bool bc_etcd_reply_is_refusal(const struct bc_etcd_reply *reply);
/* One line for people. */
void bc_etcd_reply_explain(const struct bc_etcd_reply *reply, struct bc_fault *text);

/* ---- what options say (etcd_link_options.c); all results are the caller's to free ---- */
struct bc_etcd_link_options {
  char *urls[BC_LIMIT_ETCD_ENDPOINTS];
  size_t count;
  char *user; /* NULL: none */
  char *password;
};
BC_MUST_CHECK enum bc_err bc_etcd_link_read_options(const struct bc_store_options *options,
                                                    struct bc_etcd_link_options *result, struct bc_fault *fault);
void bc_etcd_link_free_options(struct bc_etcd_link_options *result);

#endif
