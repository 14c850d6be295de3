/* Bodies of HTTP answers that tell of an error: application/problem+json (RFC 9457). */
#ifndef BC_PROTO_PROBLEM_H
#define BC_PROTO_PROBLEM_H

#include "base/buf.h"

#include <stddef.h>

#define BC_PROBLEM_TYPE "application/problem+json"

/* Adds {"title","status","detail","code"} to `buf`, and "column" and "expected" where there are such (column 0,
 * expected NULL: none). The title is the status in words. `code` is a short word for programs ("syntax", "too-large"),
 * `detail` a line for people; text that is not UTF-8 gets '?' for what is not. */
void bc_problem_print(struct bc_buf *buf, unsigned status, const char *code, const char *detail, size_t column,
                      const char *expected);

/* "Not Found" for 404; "Error" for one without a name. */
const char *bc_problem_title(unsigned status);

#endif
