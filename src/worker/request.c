#include "worker/request.h"

#include "proto/frame.h"

#include <errno.h>
#include <unistd.h>

bool bc_request_read(struct bc_buf *to) {
  char bytes[16384];
  ssize_t got;
  do {
    got = read(STDIN_FILENO, bytes, sizeof bytes);
    bc_buf_add(to, bytes, got > 0 ? (size_t)got : 0);
  } while (got > 0 || (got < 0 && errno == EINTR));
  return got == 0 && bc_buf_status(to) == BC_ERR_OK;
}

/* A reader of streams would hold one message at a time only. */
bool bc_request_each(struct bc_str frames, bool (*take)(void *arg, const struct bc_msg *message), void *arg) {
  struct bc_str rest = frames;
  while (rest.len > 0) {
    const unsigned char *at = (const unsigned char *)rest.at;
    struct bc_msg message;
    if (rest.len < BC_FRAME_HEADER_BYTES) {
      return false;
    }
    size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    unsigned type = (unsigned)at[4] << 8 | at[5];
    rest.at += BC_FRAME_HEADER_BYTES;
    rest.len -= BC_FRAME_HEADER_BYTES;
    struct bc_str payload = {rest.at, len};
    if (len > rest.len || bc_msg_decode(type, payload, &message) != BC_ERR_OK || !take(arg, &message)) {
      return false;
    }
    rest.at += len;
    rest.len -= len;
  }
  return true;
}
