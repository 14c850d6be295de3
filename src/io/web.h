/* HTTP requests of health checks, on the loop, by libcurl.
 *
 * Each request goes to one address, which the caller has resolved and judged (model/egress.h): nothing is resolved
 * here, and a socket to any other address is refused. One request is one exchange: no redirects (the caller makes a new
 * request of bc_web_url_follow), no proxy, no cookies, no netrc, no HSTS, no Alt-Svc, no TLS session of an earlier one.
 * http and https only.
 *
 * A client has a pool of connections, which only `keep` takes from and leaves to; a connection is used again only for
 * the same scheme, host, port, address and TLS options. So who must not share connections has clients of their own.
 *
 * Bounds: BC_LIMIT_WEB_HEAD_BYTES and BC_LIMIT_WEB_HEADERS of an answer's head, `max_body` of its body (what is over is
 * not read).
 *
 * No callback comes from inside a call of this module: each may start and cancel calls and free the client. */
#ifndef BC_IO_WEB_H
#define BC_IO_WEB_H

#include "base/buf.h"
#include "base/err.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "io/stream.h"
#include "io/tls.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- URLs ---- */

struct bc_web_url {
  char *text; /* in canonical form, without a fragment */
  char *host; /* a name or an address literal, the latter in canonical form, without brackets */
  uint16_t port;
  bool is_tls;
};

/* http:// or https://, at most BC_LIMIT_WEB_URL_BYTES, printable ASCII. BC_ERR_SYNTAX, BC_ERR_UNSUPPORTED (another
 * scheme) or BC_ERR_LIMIT with a fault that does not show the URL (it may hold a password); `url` is empty then. Must
 * be released with bc_web_url_free. */
BC_MUST_CHECK enum bc_err bc_web_url_parse(struct bc_str text, struct bc_web_url *url, struct bc_fault *fault);
/* The same with a Location header's value, relative to `from`; blanks and bytes that are not ASCII are escaped. */
BC_MUST_CHECK enum bc_err bc_web_url_follow(const struct bc_web_url *from, struct bc_str location,
                                            struct bc_web_url *url, struct bc_fault *fault);
void bc_web_url_free(struct bc_web_url *url);
/* Scheme, host and port are the same. */
bool bc_web_url_has_same_origin(const struct bc_web_url *a, const struct bc_web_url *b);

/* ---- requests ---- */

struct bc_web;
struct bc_web_call;

struct bc_web_answer {
  /* FINE: an answer came to its end or to `max_body`, whatever its status. TIMEOUT (connect_ms, or the kernel's), TLS,
   * PROTOCOL (what came is not HTTP), LIMIT (its head is too large; descriptors), CLOSED (ended early), IO … */
  enum bc_stream_error error;
  struct bc_fault fault; /* "10.0.0.1 port 80: connection refused"; when not FINE */
  bool is_unconnected;   /* there was no connection: at another address there may be one */
  int status;
  const char *version; /* "1.0", "1.1", "2" */
  /* Name, value, name, value …, each ended by a NUL; in the order in which they first came, names in lower case and
   * once: several values are joined by ", ". */
  struct bc_buf headers;
  char *location; /* of a redirect: 301, 302, 303, 307, 308; NULL: none */
  struct bc_buf body;
  bool is_cut; /* there was more than `max_body` */
  /* How long each step lasted, 0 when there was none; `first_byte_us` from the start. */
  int64_t connect_us;
  int64_t tls_us;
  int64_t first_byte_us;
  struct bc_tls_cert *cert; /* of the server; NULL: none */
};
/* The end; the call is gone afterwards. `answer` is the callee's now: bc_web_answer_free. */
typedef void bc_web_done_fn(void *arg, struct bc_web_answer *answer);
/* NULL is allowed. */
void bc_web_answer_free(struct bc_web_answer *answer);

/* Everything is copied. */
struct bc_web_request {
  const struct bc_web_url *url;
  struct bc_resolver_address address; /* to connect to */
  uint16_t port;
  const char *method;
  const char *const *headers; /* "Name: value", or "Name;" for an empty value; NULL at the end; may be NULL */
  struct bc_str body;         /* `at` NULL: none */
  size_t max_body;            /* of the answer */
  int64_t connect_ms;         /* for the connect with the handshake; 0: none */
  bool is_http2;              /* offered by ALPN; to http:// without asking whether it is spoken there */
  bool keep;                  /* the connection may be one that was used, and be used again */
  /* NULL: none are wanted. `name` empty: the URL's host; `alpn` is not looked at. */
  const struct bc_tls_options *tls;
  bc_web_done_fn *fn;
  void *arg;
};

/* `tls` must outlive the client. */
struct bc_web *bc_web_new(struct bc_loop *loop, struct bc_tls *tls);
/* Cancels all calls. NULL is allowed. */
void bc_web_free(struct bc_web *web);

/* The call is valid until `fn` or bc_web_cancel. Never fails: what cannot be started ends in `fn`, later. There is no
 * timeout for the whole: who has one cancels. */
struct bc_web_call *bc_web_start(struct bc_web *web, const struct bc_web_request *request);
/* No callback afterwards. NULL is allowed. */
void bc_web_cancel(struct bc_web_call *call);

#endif
