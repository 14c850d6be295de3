/* Keys and values as one text that can be read back after a crash: the last known good configuration.
 * Damage is noticed: each record carries its lengths and a checksum, reading stops at the first bad
 * one. Values are any bytes. */
#ifndef BC_MODEL_KEYLOG_H
#define BC_MODEL_KEYLOG_H

#include "base/buf.h"

#include <stdbool.h>

/* The first line of every such text. */
void bc_keylog_begin(struct bc_buf *to);
/* Appends one record. */
void bc_keylog_add(struct bc_buf *to, struct bc_str key, struct bc_str value);

typedef void bc_keylog_fn(void *arg, struct bc_str key, struct bc_str value);

/* Calls `fn` for each good record. BC_ERR_OK; BC_ERR_PROTOCOL when the text is not of this kind or a
 * record is damaged (those before it have been told; `*good` counts them). */
BC_MUST_CHECK enum bc_err bc_keylog_read(struct bc_str text, bc_keylog_fn *fn, void *arg, size_t *good);

#endif
