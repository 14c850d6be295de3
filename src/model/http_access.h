/* Which requests the HTTP server takes at all, by what a browser says of them (docs/http-access.md): a web page that
 * somebody on this host looks at must not announce routes, and a name that an attacker's DNS points here must not make
 * it one of ours. Pure. */
#ifndef BC_MODEL_HTTP_ACCESS_H
#define BC_MODEL_HTTP_ACCESS_H

#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct bc_http_access;

/* Literal addresses and `localhost` only. */
struct bc_http_access *bc_http_access_new(void);
/* NULL is allowed. */
void bc_http_access_free(struct bc_http_access *access);
/* A value of `http_host`: a name without port, in any case. BC_ERR_SYNTAX, BC_ERR_LIMIT above BC_LIMIT_HTTP_HOSTS. */
BC_MUST_CHECK enum bc_err bc_http_access_add(struct bc_http_access *access, struct bc_str name, struct bc_fault *fault);
/* The same for values with commas between them, as the settings hold them; an empty text holds none. */
BC_MUST_CHECK enum bc_err bc_http_access_add_list(struct bc_http_access *access, struct bc_str list,
                                                  struct bc_fault *fault);

/* `host` of a request or an origin, taken apart. */
struct bc_http_host {
  char name[256]; /* lower case, without a trailing dot; an address as it is printed (RFC 5952) */
  bool is_address;
  bool is_ipv6;
  bool has_port;
  uint16_t port;
};
/* RFC 9110 7.2: a name, an IPv4 address, or an IPv6 address in brackets, with a port or without. No user, no zone, no
 * blanks, no list. */
BC_MUST_CHECK bool bc_http_host_parse(struct bc_str text, struct bc_http_host *out);
/* RFC 6454 7: "https://name[:port]"; false for `null`, lists, and all that is no http or https origin. Without a port
 * `out` has that of the scheme. */
BC_MUST_CHECK bool bc_http_origin_parse(struct bc_str text, struct bc_http_host *out);

/* answer, status, code of the problem */
#define BC_HTTP_ACCESS_LIST(X)                                                                                         \
  X(BC_HTTP_ACCESS_ALLOWED, 200, "")                                                                                   \
  X(BC_HTTP_ACCESS_BAD_HOST, 400, "bad-host")                                                                          \
  X(BC_HTTP_ACCESS_OTHER_HOST, 421, "unknown-host")                                                                    \
  X(BC_HTTP_ACCESS_FOREIGN, 403, "foreign-origin")
#define BC_HTTP_ACCESS_ENUM(name, status, code) name,
enum bc_http_access_answer { BC_HTTP_ACCESS_LIST(BC_HTTP_ACCESS_ENUM) };
unsigned bc_http_access_status(enum bc_http_access_answer answer);
const char *bc_http_access_code(enum bc_http_access_answer answer);

/* Headers as they came; NULL = none. */
struct bc_http_access_ask {
  const char *host;
  const char *origin;
  const char *fetch_site; /* Sec-Fetch-Site */
  bool is_open;           /* GET or HEAD of a public path: may be asked for from elsewhere, a link for example */
};
/* Unless it allows, `fault` gets the line. */
enum bc_http_access_answer bc_http_access_judge(const struct bc_http_access *access,
                                                const struct bc_http_access_ask *ask, struct bc_fault *fault);

#endif
