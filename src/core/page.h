/* The live page: one page of one node, whose parts (src/page) are in the binary. Served at / and /page/NAME to
 * everybody; what it shows it asks the HTTP API for, with the token of the person who looks at it (docs/page.md).
 *
 * src/page/page.cmake writes the table. */
#ifndef BC_CORE_PAGE_H
#define BC_CORE_PAGE_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* What a browser may do with the page: run its own script, use its own style, ask its own daemon. No text becomes
 * markup or script, whatever it holds. */
#define CORE_PAGE_POLICY                                                                                               \
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "     \
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

struct core_page_part {
  const char *name; /* "index.html"; NULL ends the table */
  const char *type; /* Content-Type */
  const char *hash; /* of the text, 16 hex digits */
  const char *text;
  size_t length;
  const char *packed; /* the same by gzip */
  size_t packed_length;
};
extern const struct core_page_part core_page_parts[];

/* NULL: there is none. */
const struct core_page_part *core_page_find(const char *name);
/* Whether Accept-Encoding (NULL: none was sent) takes gzip. */
bool core_page_takes_gzip(const char *accept);
/* Whether If-None-Match (NULL: none was sent) names `tag`, a text with its quotation marks; weak ones count, too. */
bool core_page_has_tag(const char *if_none_match, const char *tag);

#endif
