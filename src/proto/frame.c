#include "proto/frame.h"

#include "base/limits.h"

#include <stdint.h>

enum { FRAME_PAYLOAD_MAX = BC_LIMIT_FRAME_BYTES - BC_FRAME_HEADER_BYTES };

static void frame_put_length(char *at, size_t length) {
  at[0] = (char)(length >> 24);
  at[1] = (char)(length >> 16);
  at[2] = (char)(length >> 8);
  at[3] = (char)length;
}

size_t bc_frame_start(struct bc_buf *out, unsigned type) {
  size_t start = out->len;
  const char header[BC_FRAME_HEADER_BYTES] = {0, 0, 0, 0, (char)(type >> 8), (char)type, BC_FRAME_VERSION, 0};
  bc_buf_add(out, header, sizeof header);
  return start;
}

enum bc_err bc_frame_finish(struct bc_buf *out, size_t start) {
  if (out->failed || out->len - start > BC_LIMIT_FRAME_BYTES) {
    out->failed = false;
    if (out->cap > 0) {
      out->len = start;
      out->data[start] = '\0';
    }
    return BC_ERR_LIMIT;
  }
  frame_put_length(out->data + start, out->len - start - BC_FRAME_HEADER_BYTES);
  return BC_ERR_OK;
}

void bc_frame_reader_init(struct bc_frame_reader *reader) {
  *reader = (struct bc_frame_reader){.broken = BC_ERR_OK};
  bc_buf_init(&reader->bytes, BC_LIMIT_FRAME_BYTES + BC_FRAME_READ_BYTES);
}

void bc_frame_reader_free(struct bc_frame_reader *reader) {
  bc_buf_free(&reader->bytes);
  reader->taken = 0;
}

enum bc_err bc_frame_reader_add(struct bc_frame_reader *reader, const void *bytes, size_t len) {
  if (reader->broken != BC_ERR_OK) {
    return reader->broken;
  }
  bc_buf_consume(&reader->bytes, reader->taken);
  reader->taken = 0;
  if (len > BC_FRAME_READ_BYTES || reader->bytes.len > BC_LIMIT_FRAME_BYTES) {
    return BC_ERR_LIMIT;
  }
  bc_buf_add(&reader->bytes, bytes, len);
  return bc_buf_status(&reader->bytes);
}

enum bc_err bc_frame_reader_next(struct bc_frame_reader *reader, struct bc_frame *frame) {
  if (reader->broken != BC_ERR_OK) {
    return reader->broken;
  }
  size_t waiting = reader->bytes.len - reader->taken;
  if (waiting < BC_FRAME_HEADER_BYTES) {
    return BC_ERR_AGAIN;
  }
  const unsigned char *at = (const unsigned char *)reader->bytes.data + reader->taken;
  size_t length = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
  if (at[6] != BC_FRAME_VERSION || at[7] != 0) {
    reader->broken = BC_ERR_PROTOCOL;
    return reader->broken;
  }
  if (length > FRAME_PAYLOAD_MAX) {
    reader->broken = BC_ERR_LIMIT;
    return reader->broken;
  }
  if (waiting - BC_FRAME_HEADER_BYTES < length) {
    return BC_ERR_AGAIN;
  }
  frame->type = (unsigned)at[4] << 8 | at[5];
  frame->payload = (struct bc_str){.at = (const char *)at + BC_FRAME_HEADER_BYTES, .len = length};
  reader->taken += BC_FRAME_HEADER_BYTES + length;
  return BC_ERR_OK;
}

bool bc_frame_reader_is_empty(const struct bc_frame_reader *reader) {
  return reader->bytes.len == reader->taken;
}
