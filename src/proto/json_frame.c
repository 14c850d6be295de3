#include "proto/json_frame.h"

/* A buffer that one huge object has blown up is given back; smaller ones are kept for the next. */
enum { KEEP_BYTES = 1048576 };

void bc_json_frame_init(struct bc_json_frame *frame, size_t max_bytes) {
  *frame = (struct bc_json_frame){.depth = 0};
  bc_buf_init(&frame->object, max_bytes);
}

void bc_json_frame_free(struct bc_json_frame *frame) {
  bc_buf_free(&frame->object);
}

void bc_json_frame_clear(struct bc_json_frame *frame) {
  if (frame->object.cap > KEEP_BYTES) {
    bc_buf_free(&frame->object);
  }
  bc_buf_clear(&frame->object);
  frame->depth = 0;
  frame->in_string = false;
  frame->escaped = false;
  frame->complete = false;
}

static bool json_frame_is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* True when `c` ends the object. */
static bool json_frame_take(struct bc_json_frame *frame, char c) {
  if (frame->in_string) {
    if (frame->escaped) {
      frame->escaped = false;
    } else if (c == '\\') {
      frame->escaped = true;
    } else if (c == '"') {
      frame->in_string = false;
    }
    return false;
  }
  if (c == '"') {
    frame->in_string = true;
  } else if (c == '{') {
    frame->depth++;
  } else if (c == '}') {
    frame->depth--;
    return frame->depth == 0;
  }
  return false;
}

enum bc_err bc_json_frame_next(struct bc_json_frame *frame, struct bc_str *input, struct bc_str *object) {
  if (frame->complete) {
    bc_json_frame_clear(frame);
  }
  while (frame->depth == 0 && input->len > 0 && json_frame_is_space(input->at[0])) {
    input->at++;
    input->len--;
  }
  if (input->len == 0) {
    return BC_ERR_AGAIN;
  }
  if (frame->depth == 0 && input->at[0] != '{') {
    return BC_ERR_SYNTAX;
  }
  size_t used = 0;
  while (used < input->len && !frame->complete) {
    frame->complete = json_frame_take(frame, input->at[used]);
    used++;
  }
  bc_buf_add(&frame->object, input->at, used);
  input->at += used;
  input->len -= used;
  if (bc_buf_status(&frame->object) != BC_ERR_OK) {
    return BC_ERR_LIMIT;
  }
  if (!frame->complete) {
    return BC_ERR_AGAIN;
  }
  *object = bc_buf_str(&frame->object);
  return BC_ERR_OK;
}
