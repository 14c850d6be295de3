/* A stream from the other end: first byte = size of the pieces, rest = bytes. What decodes must encode
 * to the same bytes again. */
#include "base/limits.h"
#include "proto/frame.h"
#include "proto/msg.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const struct bc_frame *frame) {
  struct bc_msg message;
  if (bc_msg_decode(frame->type, frame->payload, &message) != BC_ERR_OK) {
    return;
  }
  struct bc_buf again;
  struct bc_buf line;
  bc_buf_init(&again, BC_LIMIT_FRAME_BYTES);
  bc_buf_init(&line, BC_LIMIT_FRAME_BYTES);
  if (bc_msg_encode(&message, &again) != BC_ERR_OK || !bc_str_equal(bc_buf_str(&again), frame->payload)) {
    abort();
  }
  bc_msg_print(&message, &line);
  if (line.len == 0 || !bc_str_is_printable(bc_buf_str(&line))) {
    abort();
  }
  bc_buf_free(&again);
  bc_buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) {
    return 0;
  }
  size_t piece = (size_t)data[0] + 1;
  struct bc_frame_reader reader;
  bc_frame_reader_init(&reader);
  enum bc_err err = BC_ERR_AGAIN;
  for (size_t at = 1; at < size && err == BC_ERR_AGAIN; at += piece) {
    size_t len = size - at < piece ? size - at : piece;
    if (bc_frame_reader_add(&reader, data + at, len) != BC_ERR_OK) {
      abort();
    }
    struct bc_frame frame;
    while ((err = bc_frame_reader_next(&reader, &frame)) == BC_ERR_OK) {
      check_frame(&frame);
    }
  }
  bc_frame_reader_free(&reader);
  return 0;
}
