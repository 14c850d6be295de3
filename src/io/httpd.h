/* The HTTP server: complete, checked requests for a handler, its answers for the clients (docs/http-server.md).
 *
 * libmicrohttpd (RFC 9112) without a thread of its own: our loop watches its epoll descriptor. No client costs more
 * than bounded memory and time, however slow, silent, greedy or malformed. The server itself answers
 * 400 what is malformed or could be read in two ways, 408 what is not complete 10 s after its first byte, 413, 414 and
 * 431 above the limits, 417 and 501 what it does not do, 503 what comes over too many connections. A HEAD request comes
 * as GET; its answer goes without the body. */
#ifndef BC_IO_HTTPD_H
#define BC_IO_HTTPD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bc_httpd;

/* From the call of the handler to its answer (or until its client is gone); then it must not be used any more. */
struct bc_httpd_request;

struct bc_httpd_peer {
  char address[64]; /* "192.0.2.1", "2001:db8::1", "unix"; an IPv4 address in an IPv6 one as IPv4 */
  bool is_unix;
  bool is_loopback; /* 127.0.0.0/8 or ::1 */
  pid_t pid;        /* of a Unix socket, as the kernel says; 0: in a process namespace that we do not see */
  uid_t uid;
};

/* Called once per complete request. Answers it now or later; each must be answered or its client be gone
 * (bc_httpd_on_gone). May close the server. */
typedef void bc_httpd_fn(void *arg, struct bc_httpd_request *request);

/* `listen`: "127.0.0.1:5000", "[::1]:5000", "unix:/run/x.sock" (mode 0660), several with commas between. A Unix socket
 * that nobody answers is removed first.
 * BC_ERR_SYNTAX  not such a list
 * BC_ERR_RANGE   a path that is too long, more than BC_LIMIT_HTTP_LISTEN addresses
 * BC_ERR_EXISTS  another process listens there
 * BC_ERR_REFUSED there is something that is not a socket
 * BC_ERR_IO      anything else; `fault` names the address in each case. Nothing is open then. */
BC_MUST_CHECK enum bc_err bc_httpd_open(struct bc_loop *loop, const char *listen, bc_httpd_fn *fn, void *arg,
                                        struct bc_httpd **out, struct bc_fault *fault);
/* Reads such a list without opening it (BC_ERR_SYNTAX, BC_ERR_RANGE). `fn` (may be NULL) gets each of its addresses:
 * "127.0.0.1:5000", and whether only this host reaches it (loopback, a Unix socket). */
typedef void bc_httpd_listen_fn(void *arg, const char *address, bool is_local);
BC_MUST_CHECK enum bc_err bc_httpd_listen_each(const char *listen, bc_httpd_listen_fn *fn, void *arg,
                                               struct bc_fault *fault);
/* Other times than 10 s for a whole request and 30 s without one, for connections that come from now on: for tests. */
void bc_httpd_set_times(struct bc_httpd *httpd, int64_t request_ms, unsigned idle_s);
/* Ends all: requests without an answer are gone (their bc_httpd_on_gone is called), pieces end. Removes the sockets'
 * files that are still ours. NULL is allowed. */
void bc_httpd_close(struct bc_httpd *httpd);

/* ---- the request; all texts are valid until its answer ---- */

const char *bc_httpd_method(const struct bc_httpd_request *request); /* "GET" (also for HEAD), "POST", any token */
bool bc_httpd_is_head(const struct bc_httpd_request *request);
/* Percent-decoded, begins with '/', without the query. UTF-8, no control characters. An encoded '/' stays "%2F", so
 * that it cannot stand for a separator. */
const char *bc_httpd_path(const struct bc_httpd_request *request);
/* Of the query, decoded; NULL: not there, "": without a value. No name comes twice. UTF-8, no control characters. */
const char *bc_httpd_query(const struct bc_httpd_request *request, const char *name);
/* Each name of the query once; a handler that takes no others refuses them with it. */
typedef void bc_httpd_each_fn(void *arg, const char *name, const char *value);
void bc_httpd_query_each(const struct bc_httpd_request *request, bc_httpd_each_fn *fn, void *arg);
/* The name without regard to case; NULL: none. Of one that came several times the first, but Host, Authorization,
 * Origin, Content-Type, Idempotency-Key and what frames a body cannot come twice. */
const char *bc_httpd_header(const struct bc_httpd_request *request, const char *name);
/* As it came, without its chunks; at most BC_LIMIT_HTTP_BODY_BYTES. */
struct bc_str bc_httpd_body(const struct bc_httpd_request *request);
/* A field of a form: application/x-www-form-urlencoded or multipart/form-data, by Content-Type. False: not there (or
 * no form). A field that comes twice, or a body that is no such form, is answered with 400 before the handler. */
bool bc_httpd_form(const struct bc_httpd_request *request, const char *name, struct bc_str *value);
void bc_httpd_peer(const struct bc_httpd_request *request, struct bc_httpd_peer *to);

/* A pointer of the handler's; NULL at first. Not looked at. */
void bc_httpd_set_user(struct bc_httpd_request *request, void *user);
void *bc_httpd_user(const struct bc_httpd_request *request);

/* fn once for each request that the handler got: when its answer is given (with its status; of pieces at their begin)
 * or it is gone (status 0). The request can still be read in it, no more; it must not close the server. NULL: none. */
typedef void bc_httpd_end_fn(void *arg, struct bc_httpd_request *request, unsigned status);
void bc_httpd_on_end(struct bc_httpd *httpd, bc_httpd_end_fn *fn, void *arg);

/* ---- its answer ---- */

/* Of the answer that is to come; both are copied. */
void bc_httpd_add_header(struct bc_httpd_request *request, const char *name, const char *value);
/* Copies `body` and ends the request. `type` NULL: no Content-Type. */
void bc_httpd_answer(struct bc_httpd_request *request, unsigned status, const char *type, struct bc_str body);

/* A body in pieces, one in a turn of the loop whoever asks, and the next only when the client took the one before. */
struct bc_httpd_pieces {
  /* Adds the next one to the empty `text` (at most BC_LIMIT_HTTP_PIECE_BYTES) and returns false when it was the last.
   * One that adds nothing and returns true is called again: a moment later (at most for 5 s without any), of a stream
   * after bc_httpd_wake. Must not close the server. */
  bool (*more)(void *arg, struct bc_buf *text);
  /* Once, when all is written or the client is gone; NULL: none. Must not close the server. */
  void (*end)(void *arg);
  /* Whether `more` can be called now; looked at every few milliseconds. NULL: always. */
  bool (*is_ready)(void *arg);
  void *arg;
};
/* Ends the request as far as its texts and bc_httpd_on_gone go. A stream lives on while it is quiet: the pointer then
 * stays valid for bc_httpd_wake until `end` (of others it must not be used any more). A client that takes nothing for
 * 30 s is gone. */
void bc_httpd_answer_pieces(struct bc_httpd_request *request, unsigned status, const char *type,
                            const struct bc_httpd_pieces *pieces, bool is_stream);
/* A stream has something new: `more` is called, not before this returns. */
void bc_httpd_wake(struct bc_httpd_request *request);
/* fn(arg), once, if the client leaves (or the server closes) before there is an answer: the request is gone with the
 * call. Not from inside the handler. Replaces what was set before; fn NULL: none. A client that ends its direction of
 * the connection has left. */
void bc_httpd_on_gone(struct bc_httpd_request *request, void (*fn)(void *arg), void *arg);

/* ---- how clients fared ---- */

/* name, label, text: one list for the struct and for what shows it. All count up. */
#define BC_HTTPD_COUNT_LIST(X)                                                                                         \
  X(connections, "connections", "connections that were taken")                                                         \
  X(requests, "requests", "complete requests, handed over")                                                            \
  X(answered, "answered", "of these: answered whole")                                                                  \
  X(gone, "gone", "of these: the client left before the end of the answer")                                            \
  X(malformed, "malformed", "requests answered with 400, 417, 501 or 505 by the server itself")                        \
  X(too_large, "too_large", "requests answered with 413, 414 or 431")                                                  \
  X(too_slow, "too_slow", "requests answered with 408")                                                                \
  X(unread, "unread", "connections that ended because an answer was not read")                                         \
  X(refused, "refused", "connections refused with 503: too many")
struct bc_httpd_counts {
#define BC_HTTPD_COUNT_FIELD(name, label, text) uint64_t name;
  BC_HTTPD_COUNT_LIST(BC_HTTPD_COUNT_FIELD)
#undef BC_HTTPD_COUNT_FIELD
};
struct bc_httpd_counts bc_httpd_counts(const struct bc_httpd *httpd);
/* Connections now, and those of them whose request waits for its answer. */
unsigned bc_httpd_connections(const struct bc_httpd *httpd);
unsigned bc_httpd_pending(const struct bc_httpd *httpd);

#endif
