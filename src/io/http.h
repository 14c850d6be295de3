/* HTTP requests on the loop, by libcurl: for etcd. Plain HTTP/1.1 (so that every stream has a
 * connection of its own) or, for gRPC, HTTP/2; http and https only, no proxy from the environment, no redirects, no
 * cookies, connect within 3 s, TCP keepalive 30/10/3.
 *
 * Names in URLs are resolved by libcurl's resolver thread, which is not waited for. No callback comes
 * from inside libcurl: each may start and cancel calls and free the client. */
#ifndef BC_IO_HTTP_H
#define BC_IO_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct bc_http;
struct bc_http_call;

/* Files in PEM; each may be NULL. */
struct bc_http_tls {
  const char *cacert;
  const char *cert;
  const char *key;
};

struct bc_http_result {
  enum bc_err err;       /* OK: an answer came to its proper end, whatever its status. TIMEOUT, AUTH (TLS: a
                            certificate is refused or unusable), CLOSED (cut off), IO */
  int status;            /* HTTP status; 0: no answer */
  struct bc_fault fault; /* why, when not OK */
};

/* The answer's head is there; comes before its body, once. bc_http_header may be asked until it returns. */
typedef void bc_http_head_fn(void *arg, int status, const struct bc_http_call *call);
/* A piece of the answer's body. */
typedef void bc_http_body_fn(void *arg, int status, struct bc_str bytes);
/* The end; the call is gone afterwards. */
typedef void bc_http_done_fn(void *arg, const struct bc_http_result *result);

struct bc_http_request {
  const char *url;
  const char *const *headers; /* "Name: value", NULL at the end; may be NULL */
  const char *method;         /* "PUT", "DELETE"; NULL: POST with a body, else GET */
  struct bc_str body;         /* `at` NULL: none. A form unless a header says otherwise */
  int64_t timeout_ms;         /* for all of it; 0: none */
  bool own_connection;        /* neither takes nor leaves a connection that others use */
  bool is_http2;              /* to http:// without asking whether it is spoken there */
  bc_http_head_fn *on_head;   /* may be NULL */
  bc_http_body_fn *on_body;
  bc_http_done_fn *on_done;
  void *arg;
};

/* `tls` is copied. */
struct bc_http *bc_http_new(struct bc_loop *loop, const struct bc_http_tls *tls);
/* Cancels all calls. NULL is allowed. */
void bc_http_free(struct bc_http *http);

/* Everything in the request is copied. The call is valid until on_done or bc_http_cancel. Never fails:
 * what cannot be started ends in on_done, later. */
struct bc_http_call *bc_http_start(struct bc_http *http, const struct bc_http_request *request);
/* A header of the answer, NULL when there is none; valid during bc_http_head_fn. */
const char *bc_http_header(const struct bc_http_call *call, const char *name);
/* The same of its trailers or its head; valid during bc_http_done_fn. */
const char *bc_http_trailer(const struct bc_http_call *call, const char *name);
/* No callback afterwards. NULL is allowed. */
void bc_http_cancel(struct bc_http_call *call);

/* Checks "http://host:port" or "https://…": adds the canonical form (port 2379 when there is none) to
 * `to`. BC_ERR_SYNTAX with a fault for other schemes, a path, a query, a user. */
BC_MUST_CHECK enum bc_err bc_http_check_endpoint(struct bc_str text, struct bc_buf *to, struct bc_fault *fault);

#endif
