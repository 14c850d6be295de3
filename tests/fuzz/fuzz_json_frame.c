/* The cut must not depend on where the pieces of the stream end. The first byte chooses the pieces. */
#include "proto/json_frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OBJECT_MAX = 2000 };

static enum bc_err fuzz_split(const uint8_t *data, size_t size, size_t step, struct bc_buf *out) {
  struct bc_json_frame frame;
  bc_json_frame_init(&frame, OBJECT_MAX);
  enum bc_err err = BC_ERR_AGAIN;
  for (size_t at = 0; at < size && err == BC_ERR_AGAIN; at += step) {
    struct bc_str input = {.at = (const char *)data + at, .len = size - at < step ? size - at : step};
    struct bc_str object;
    while ((err = bc_json_frame_next(&frame, &input, &object)) == BC_ERR_OK) {
      if (object.len < 2 || object.at[0] != '{' || object.at[object.len - 1] != '}' || object.len > OBJECT_MAX) {
        abort();
      }
      bc_buf_add_str(out, object);
      bc_buf_add_char(out, '\n');
    }
  }
  bc_json_frame_free(&frame);
  return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) {
    return 0;
  }
  struct bc_buf whole;
  struct bc_buf pieces;
  bc_buf_init(&whole, 4 * size);
  bc_buf_init(&pieces, 4 * size);
  enum bc_err a = fuzz_split(data + 1, size - 1, size, &whole);
  enum bc_err b = fuzz_split(data + 1, size - 1, 1U + data[0] % 16U, &pieces);
  if (a != b || !bc_str_equal(bc_buf_str(&whole), bc_buf_str(&pieces))) {
    abort();
  }
  bc_buf_free(&whole);
  bc_buf_free(&pieces);
  return 0;
}
