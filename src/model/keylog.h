/* Keys and values as one text that can be read back after a crash: the last known good configuration.
 * Damage is noticed: each record carries its lengths and a checksum, reading stops at the first bad
 * one. Values are any bytes. A value that many keys share (one script for thousands of routes) is written once. */
#ifndef BC_MODEL_KEYLOG_H
#define BC_MODEL_KEYLOG_H

#include "base/buf.h"

#include <stdbool.h>

struct keylog_value;

/* A text being written. */
struct bc_keylog {
  struct bc_buf text;
  struct keylog_value *values; /* that other records may share: a table with `values_room` places */
  size_t values_count;
  size_t records;
  size_t values_room;
};

/* An empty text of at most `max_bytes`; more makes bc_buf_status of `text` BC_ERR_LIMIT. Release with bc_keylog_free.
 */
void bc_keylog_init(struct bc_keylog *log, size_t max_bytes);
void bc_keylog_free(struct bc_keylog *log);
/* Appends one record. The value's bytes stay where they are until bc_keylog_free: a long value at the place of one
 * before is that one, and only named again. */
void bc_keylog_add(struct bc_keylog *log, struct bc_str key, struct bc_str value);
/* The last line: without it a text is damaged. */
void bc_keylog_end(struct bc_keylog *log);

typedef void bc_keylog_fn(void *arg, struct bc_str key, struct bc_str value);

/* Calls `fn` for each good record. BC_ERR_OK; BC_ERR_PROTOCOL when the text is not of this kind or a
 * record is damaged, or its end is missing (the records before have been told; `*good` counts them).
 * Texts of version 1, which share no values and have no last line, are read too. */
BC_MUST_CHECK enum bc_err bc_keylog_read(struct bc_str text, bc_keylog_fn *fn, void *arg, size_t *good);

#endif
