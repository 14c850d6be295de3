/* A growable byte buffer with a maximum given at birth.
 *
 * Adding never returns an error: what would pass the maximum is dropped whole and the buffer is
 * marked failed (sticky), so a caller builds a text in many steps and asks once at the end. `data` is
 * always terminated with a NUL that `len` does not count; it is never NULL. */
#ifndef BC_BASE_BUF_H
#define BC_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct bc_buf {
  char *data;
  size_t len;
  size_t cap;
  size_t max;
  bool failed;
};

/* An empty buffer that holds at most `max_bytes`; allocates nothing. Release with bc_buf_free. */
void bc_buf_init(struct bc_buf *buf, size_t max_bytes);
/* Frees the bytes; the buffer is empty and usable again with the same maximum. NULL is allowed. */
void bc_buf_free(struct bc_buf *buf);
/* Empties it and clears the failure; keeps the memory for re-use. */
void bc_buf_clear(struct bc_buf *buf);

void bc_buf_add(struct bc_buf *buf, const void *bytes, size_t len);
void bc_buf_add_str(struct bc_buf *buf, struct bc_str text);
void bc_buf_add_text(struct bc_buf *buf, const char *text);
void bc_buf_add_char(struct bc_buf *buf, char c);
void bc_buf_add_format(struct bc_buf *buf, const char *format, ...) BC_PRINTF(2, 3);

/* Room for `len` more bytes at the end, to be written by the caller and then counted by
 * bc_buf_commit; NULL (and failed) when that would pass the maximum. */
char *bc_buf_reserve(struct bc_buf *buf, size_t len);
void bc_buf_commit(struct bc_buf *buf, size_t len);

/* Drops the first `len` bytes (at most all). */
void bc_buf_consume(struct bc_buf *buf, size_t len);

/* BC_ERR_LIMIT when anything was dropped since the last clear. */
BC_MUST_CHECK enum bc_err bc_buf_status(const struct bc_buf *buf);

/* The content; valid until the next change. */
struct bc_str bc_buf_str(const struct bc_buf *buf);

/* Hands the terminated content over to the caller, who frees it; the buffer is empty afterwards. */
char *bc_buf_take(struct bc_buf *buf);

#endif
