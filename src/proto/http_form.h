/* Forms as application/x-www-form-urlencoded. */
#ifndef BC_PROTO_HTTP_FORM_H
#define BC_PROTO_HTTP_FORM_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* False: no more of it is wanted, which is BC_ERR_REFUSED. The texts are valid during the call. */
typedef bool bc_http_form_fn(void *arg, struct bc_str name, struct bc_str value);

/* Calls fn for each field, decoded ('+' is a blank, a value may hold '='). Texts are any bytes.
 * BC_ERR_SYNTAX with `fault` for a '%' that is not followed by two hexadecimal digits. */
BC_MUST_CHECK enum bc_err bc_http_form_each(struct bc_str body, bc_http_form_fn *fn, void *arg, struct bc_fault *fault);

/* The value of a hexadecimal digit, or -1. */
int bc_http_hex(char c);

#endif
