/* What the files share that serve the reading paths of the HTTP API (docs/http-reading.md). */
#ifndef BC_CORE_HTTP_READ_H
#define BC_CORE_HTTP_READ_H

#include "core/http.h"
#include "core/private.h"
#include "io/httpd.h"

#define CORE_HTTP_READ_JSON "application/json"

/* How a member of the query becomes one of the local socket's request. */
enum core_http_member_kind {
  CORE_HTTP_MEMBER_TEXT,
  CORE_HTTP_MEMBER_LIST,   /* texts with commas between */
  CORE_HTTP_MEMBER_NUMBER, /* a whole number */
  CORE_HTTP_MEMBER_FLAG    /* "1" or "0" */
};

struct core_http_member {
  const char *name; /* NULL behind the last */
  enum core_http_member_kind kind;
};

/* {name: value …} of what the query has; the caller's. NULL: something else is in it, or something is wrong with it:
 * the request is answered. */
json_t *core_http_read_query(struct core_http_call *call, const struct core_http_member *members);

/* The route of the path: its name, or without "api:"; NULL: there is none, and the request is answered. */
struct core_route *core_http_read_route(struct core_http_call *call);

#endif
