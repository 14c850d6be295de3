/* Base64 as etcd's JSON gateway speaks it: the standard alphabet, padded (RFC 4648 section 4). */
#ifndef BC_PROTO_BASE64_H
#define BC_PROTO_BASE64_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Adds the encoded bytes to `to`. */
void bc_base64_encode(struct bc_buf *to, struct bc_str bytes);

/* Adds the decoded bytes to `to`. BC_ERR_SYNTAX for a foreign character, wrong padding or bits that
 * encode nothing (then nothing was added); BC_ERR_LIMIT when `to` is full. */
BC_MUST_CHECK enum bc_err bc_base64_decode(struct bc_buf *to, struct bc_str text);

#endif
