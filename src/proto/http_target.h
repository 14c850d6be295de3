/* What an HTTP request asks for (RFC 9112 section 3.2), taken apart; and the characters of its head. */
#ifndef BC_PROTO_HTTP_TARGET_H
#define BC_PROTO_HTTP_TARGET_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct bc_http_parameter {
  char *name;
  char *value; /* "": without a value */
};

struct bc_http_target {
  char *text; /* owns all of the others */
  char *path; /* percent-decoded but for "%2F", begins with '/' */
  struct bc_http_parameter query[BC_LIMIT_HTTP_QUERY_NAMES];
  size_t query_count;
};

/* Takes apart the target of a request line: "/path?name=value&name", or "http://HOST/path" with the HOST of the Host
 * header (NULL: none). Decoded texts are UTF-8 without control characters.
 * BC_ERR_SYNTAX what is no such target: `fault` says what, with the column
 * BC_ERR_EXISTS a name of the query comes twice
 * BC_ERR_LIMIT  more than BC_LIMIT_HTTP_QUERY_NAMES names
 * Release with bc_http_target_free, also after an error. */
BC_MUST_CHECK enum bc_err bc_http_target_parse(const char *raw, const char *host, struct bc_http_target *to,
                                               struct bc_fault *fault);
void bc_http_target_free(struct bc_http_target *target);
/* NULL: not there. */
const char *bc_http_target_query(const struct bc_http_target *target, const char *name);

/* A method or the name of a header (RFC 9110 section 5.6.2). */
bool bc_http_is_token(struct bc_str text);
/* The value of a header: no control characters but tabs. */
bool bc_http_is_value(struct bc_str text);
/* UTF-8 without control characters. */
bool bc_http_is_text(struct bc_str text);

#endif
