/* What the files of the HTTP API share. */
#ifndef BC_CORE_HTTP_PRIVATE_H
#define BC_CORE_HTTP_PRIVATE_H

#include "core/http.h"
#include "core/private.h"

struct http_listener {
  struct bc_core *core;
  char *text;             /* as the setting has it */
  struct bc_httpd *httpd; /* NULL: it does not listen */
  char *problem;          /* why; NULL = it does */
};

struct core_http {
  struct http_listener listeners[BC_LIMIT_HTTP_LISTEN];
  size_t count;
  struct bc_timer *retry_timer;
  struct core_http_counts *counts; /* core_http_path_count + 1 */
  uint64_t last_id;                /* of a request; ids go on over restarts */
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

#endif
