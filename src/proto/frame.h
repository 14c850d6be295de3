/* Frames: what goes over the socketpair between two of our processes. A header of eight bytes, then
 * the payload:
 *
 *   u32 length of the payload (big endian), u16 type, u8 version of the framing, u8 zero
 *
 * Header and payload together are at most BC_LIMIT_FRAME_BYTES. The types are those of proto/msg.h. */
#ifndef BC_PROTO_FRAME_H
#define BC_PROTO_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum {
  BC_FRAME_VERSION = 1,
  BC_FRAME_HEADER_BYTES = 8,
  /* The most that one bc_frame_reader_add takes. */
  BC_FRAME_READ_BYTES = 65536
};

/* Appends a header whose length is not known yet; returns what bc_frame_finish wants. */
size_t bc_frame_start(struct bc_buf *out, unsigned type);
/* Everything added since then is the payload. BC_ERR_LIMIT when the frame is too large or the buffer
 * was too small: the unfinished frame is gone and the buffer is good again. */
BC_MUST_CHECK enum bc_err bc_frame_finish(struct bc_buf *out, size_t start);

struct bc_frame {
  unsigned type;
  struct bc_str payload; /* points into the reader; valid until its next call */
};

/* Cuts a stream of bytes, in pieces of any size, into whole frames. */
struct bc_frame_reader {
  struct bc_buf bytes;
  size_t taken; /* bytes at the front that were delivered */
  enum bc_err broken;
};

void bc_frame_reader_init(struct bc_frame_reader *reader);
void bc_frame_reader_free(struct bc_frame_reader *reader);

/* Takes in at most BC_FRAME_READ_BYTES. BC_ERR_LIMIT when that is passed, or when it is called again
 * and again without bc_frame_reader_next. */
BC_MUST_CHECK enum bc_err bc_frame_reader_add(struct bc_frame_reader *reader, const void *bytes, size_t len);

/* The next whole frame; BC_ERR_AGAIN when more bytes are needed. BC_ERR_PROTOCOL (wrong version) and
 * BC_ERR_LIMIT (too long) are final: the stream cannot be used any more. */
BC_MUST_CHECK enum bc_err bc_frame_reader_next(struct bc_frame_reader *reader, struct bc_frame *frame);

/* Whether the stream may end here: no part of a frame waits. */
bool bc_frame_reader_is_empty(const struct bc_frame_reader *reader);

#endif
