/* The HTTP API: which path is served by what, who may ask, and how answers are made.
 *
 * The listener is io/httpd, the paths are http_path.def. The router judges each request in this order: path (404),
 * method (405 with Allow), Host and Origin (421, 403), token (401), scope (403), rate (429); then the path's
 * handler answers, now or later. Every answer has the headers that keep it out of caches and frames. */
#ifndef BC_CORE_HTTP_H
#define BC_CORE_HTTP_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/err.h"
#include "base/histogram.h"
#include "base/limits.h"
#include "io/httpd.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_core;
struct bc_sock_answer;
struct bc_token;

/* What a caller has to be allowed to; name, text */
#define CORE_HTTP_SCOPE_LIST(X)                                                                                        \
  X(CORE_HTTP_PUBLIC, "public")                                                                                        \
  X(CORE_HTTP_READ, "read")                                                                                            \
  X(CORE_HTTP_ANNOUNCE, "announce")                                                                                    \
  X(CORE_HTTP_OPERATE, "operate")
enum core_http_scope { CORE_HTTP_SCOPE_LIST(BC_ENUM_MEMBER) };
const char *core_http_scope_text(enum core_http_scope value);

/* Room for a name in a path, "api:NAME", with its end; for who asks; classes of status codes. */
enum { CORE_HTTP_NAME_BYTES = 160, CORE_HTTP_WHO_BYTES = 160, CORE_HTTP_CLASSES = 6 };

struct core_http_path;

/* One request that passed the router. */
struct core_http_call {
  struct bc_core *core;
  struct bc_httpd_request *request;
  const struct core_http_path *path;
  char name[CORE_HTTP_NAME_BYTES];  /* what stands for {name}, decoded; "" = the path has none */
  const struct bc_token *token;     /* NULL: none was needed, and none was shown that is known */
  char who[CORE_HTTP_WHO_BYTES];    /* whose it is, for limits and records: "token NAME", "unix uid 0", "127.0.0.1" */
  char source[CORE_HTTP_WHO_BYTES]; /* where it came from: "127.0.0.1", "unix uid 0 pid 77" */
  uint64_t id;                      /* of the request; the answer has it as X-Request-Id */
};

/* Answers now, or keeps call->request and answers later; `call` itself is valid during the call only. What answers
 * later registers with bc_httpd_on_gone. The request is gone with the answer. */
typedef void core_http_fn(struct core_http_call *call);

struct core_http_path {
  const char *method, *path;
  core_http_fn *fn;
  enum core_http_scope scope;
  const char *summary;
};
extern const struct core_http_path core_http_paths[];
extern const size_t core_http_path_count;

#define CORE_HTTP_PATH(method, path, handler, scope, summary) core_http_fn handler;
#include "core/http_path.def"
#undef CORE_HTTP_PATH

/* ---- answers; each ends the request ---- */

/* A problem (RFC 9457) with a machine's word for it, [a-z-]+, or, for clients of POST / that did not ask for JSON, one
 * line of text. */
void core_http_fail(struct bc_httpd_request *request, unsigned status, const char *code, const char *format, ...)
    BC_PRINTF(4, 5);
/* The same with the column (0 = none) in what was sent, and what was expected (NULL = nothing). */
void core_http_fail_at(struct bc_httpd_request *request, unsigned status, const char *code, size_t column,
                       const char *expected, const char *detail);
/* Consumes `made`. */
void core_http_json(struct bc_httpd_request *request, unsigned status, json_t *made);
/* An answer of the local socket, as JSON in one line; consumes `answer`, which may be in pieces. {"error": …} that it
 * begins with becomes a problem with status 400. */
void core_http_pieces(struct bc_httpd_request *request, const char *type, struct bc_sock_answer *answer);
/* An answer of the local socket to be filled in. */
struct bc_sock_answer core_http_new_answer(void);
/* Whether the client would rather have JSON than text: always, but for POST / without `Accept: application/json`. */
bool core_http_wants_json(const struct bc_httpd_request *request);

/* ---- the listener ---- */

/* Listens where the setting `http` says; what cannot be listened on is told in the warnings and tried again. */
void core_http_open(struct bc_core *core);
void core_http_close(struct bc_core *core);
/* Appends why there is no HTTP although it is set. */
void core_http_warn(const struct bc_core *core, json_t *list);

/* What became of the requests of the path with this number in core_http_paths; core_http_path_count is for all that the
 * router refused for its path or method. */
struct core_http_counts {
  uint64_t by_class[CORE_HTTP_CLASSES]; /* by the first digit of the status; 0: the client left before the answer */
  struct bc_histogram times;            /* from the complete request to the begin of its answer */
};
const struct core_http_counts *core_http_counts(const struct bc_core *core, size_t path);
/* What is there now, and wrong tokens since the start. */
struct core_http_numbers {
  size_t listeners; /* that listen, … */
  size_t silent;    /* … and that cannot */
  size_t changes;   /* under way */
  size_t keys;      /* Idempotency-Keys that are remembered */
  uint64_t wrong_tokens;
};
struct core_http_numbers core_http_numbers(const struct bc_core *core);
/* The sum over all listeners. */
struct bc_httpd_counts core_http_listener_counts(const struct bc_core *core);

#endif
