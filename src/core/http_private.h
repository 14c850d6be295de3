/* What the files of the HTTP API share. */
#ifndef BC_CORE_HTTP_PRIVATE_H
#define BC_CORE_HTTP_PRIVATE_H

#include "core/http.h"
#include "core/private.h"
#include "model/route.h"

#include <sys/queue.h>

struct http_listener {
  struct bc_core *core;
  char *text;             /* as the setting has it */
  struct bc_httpd *httpd; /* NULL: it does not listen */
  char *problem;          /* why; NULL = it does */
};

struct http_delayed;
TAILQ_HEAD(http_delayed_list, http_delayed);
struct http_caller;
TAILQ_HEAD(http_caller_list, http_caller);
struct http_change;
TAILQ_HEAD(http_change_list, http_change);
struct http_key;
TAILQ_HEAD(http_key_list, http_key);

struct core_http {
  struct http_listener listeners[BC_LIMIT_HTTP_LISTEN];
  size_t count;
  struct bc_timer *retry_timer;
  struct core_http_counts *counts;  /* core_http_path_count + 1 */
  uint64_t last_id;                 /* of a request; ids go on over restarts */
  struct http_delayed_list delayed; /* wrong tokens, the oldest first */
  size_t delayed_count;
  uint64_t wrong_tokens;     /* since the start, … */
  struct bc_mono wrong_told; /* … and when the log was told last */
  struct bc_timer *delay_timer;
  struct http_caller_list callers; /* who asked last is the first */
  size_t caller_count;
  struct http_change_list changes; /* under way */
  size_t change_count;
  size_t announce_count;     /* of them */
  struct http_key_list keys; /* the newest first */
  size_t key_count;
  size_t key_bytes;
};

/* Of a request, until it is answered. */
struct http_context {
  struct bc_core *core;
  size_t path; /* its place in core_http_paths; core_http_path_count: none */
  struct bc_mono begun;
};

/* Content types. */
#define CORE_HTTP_JSON "application/json"
#define CORE_HTTP_TEXT "text/plain; charset=utf-8"

/* ---- http_router.c ---- */
bc_httpd_fn core_http_on_request;
void core_http_on_end(void *arg, struct bc_httpd_request *request, unsigned status);

/* ---- http_gate.c: who asks, and whether that may be ---- */
void core_http_gate_open(struct bc_core *core);
/* After the listeners. */
void core_http_gate_close(struct bc_core *core);
/* Whether `listen` may be opened: without tokens only this host may reach it. Else a line. */
BC_MUST_CHECK bool core_http_gate_allows(const struct bc_core *core, const char *listen, struct bc_fault *fault);
/* Host and Origin, token, scope, rate. Fills in whose request it is; false: it is answered, or will be. */
BC_MUST_CHECK bool core_http_gate_judge(struct core_http_call *call);

/* ---- http_ask.c: what came with a request ---- */

enum http_wait { HTTP_WAIT_ACK, HTTP_WAIT_WIRE, HTTP_WAIT_NONE };

/* A change that is asked for. */
struct http_ask {
  enum bc_verb verb;
  struct bc_route route; /* a withdraw by name has none: it is all zero */
  bool has_route;
  char *name;    /* NULL: by the route's identity */
  char *command; /* as it came */
  char *reason;  /* NULL = none given */
  uint64_t ttl_ms;
  bool is_blackhole;
  bool is_dry_run;
  bool is_put; /* 201 for a new one */
  enum http_wait wait;
  unsigned timeout_ms;
};
void core_http_ask_release(struct bc_core *core, struct http_ask *ask);
/* The query: dry_run, wait, timeout and no other. False: it is answered. */
BC_MUST_CHECK bool core_http_ask_query(struct core_http_call *call, struct http_ask *ask);
/* The body, a JSON object without members twice and with no members but those of `names` (ends with NULL); the caller
 * drops it. NULL: it is answered. */
json_t *core_http_ask_json(struct core_http_call *call, const char *const *names);
/* Members `ttl` and `reason`; false: it is answered. */
BC_MUST_CHECK bool core_http_ask_terms(struct core_http_call *call, const json_t *body, struct http_ask *ask);
/* "90", "90s", "10m"; "1h30m" is none. NULL, or what is wrong. */
const char *core_http_read_ttl(struct bc_str text, uint64_t *ttl_ms);
const char *core_http_read_reason(struct bc_str text);
/* Reads a command, with or without a verb; blanks around it do not count, but the column does count them. False: it is
 * answered. */
BC_MUST_CHECK bool core_http_ask_command(struct core_http_call *call, struct bc_str text, struct http_ask *ask);

/* ---- http_change.c: from what is asked for to its answer ---- */

/* Takes over what `ask` holds; answers the request now or later. Whether the client stays to hear it changes nothing of
 * what becomes of the route. */
void core_http_change(struct core_http_call *call, struct http_ask *ask);
void core_http_change_close(struct bc_core *core);

/* ---- http_key.c: Idempotency-Key ---- */

/* True: go on; `*key` is NULL when there is none, else core_http_key_end or _drop must follow. False: it is answered:
 * with the answer of the first request that had the key, 409 (it is under way), 422 (that was another one). */
BC_MUST_CHECK bool core_http_key_begin(struct core_http_call *call, struct http_key **key);
/* Remembers the answer for who asks again. */
void core_http_key_end(struct bc_core *core, struct http_key *key, unsigned status, const char *type,
                       const char *location, struct bc_str body);
/* The key is as good as new. */
void core_http_key_drop(struct bc_core *core, struct http_key *key);
void core_http_key_close(struct bc_core *core);

#endif
