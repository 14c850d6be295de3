/* Pieces between the role @test and its parent. */
#include "base/file.h"
#include "worker/testkit_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WIRE_HEAD_BYTES = 40, WIRE_WORK_MS = 20, WIRE_ONE_WRITE = 4096 };

static char wire_bytes[65536];
static size_t wire_at;
static size_t wire_len;

void testkit_tell(const char *word, struct bc_str bytes) {
  char whole[WIRE_ONE_WRITE];
  int len = snprintf(whole, WIRE_HEAD_BYTES, "%s %zu\n", word, bytes.len);
  size_t head = len < 0 ? 0 : (size_t)len;
  if (head + bytes.len <= sizeof whole) {
    if (bytes.len > 0) {
      memcpy(whole + head, bytes.at, bytes.len);
    }
    (void)!bc_file_write_all(STDOUT_FILENO, whole, head + bytes.len);
    return;
  }
  (void)!bc_file_write_all(STDOUT_FILENO, whole, head);
  (void)!bc_file_write_all(STDOUT_FILENO, bytes.at, bytes.len);
}

static bool wire_fill(void) {
  ssize_t got;
  do {
    got = read(STDIN_FILENO, wire_bytes, sizeof wire_bytes);
  } while (got < 0 && errno == EINTR);
  wire_at = 0;
  wire_len = got > 0 ? (size_t)got : 0;
  return got > 0;
}

static bool wire_take_head(char head[static WIRE_HEAD_BYTES]) {
  for (size_t len = 0; len < WIRE_HEAD_BYTES; len++) {
    if (wire_at == wire_len && !wire_fill()) {
      return false;
    }
    head[len] = wire_bytes[wire_at++];
    if (head[len] == '\n') {
      head[len] = '\0';
      return true;
    }
  }
  return false;
}

static bool wire_take(struct bc_buf *to, size_t len) {
  while (len > 0) {
    if (wire_at == wire_len && !wire_fill()) {
      return false;
    }
    size_t part = wire_len - wire_at < len ? wire_len - wire_at : len;
    bc_buf_add(to, wire_bytes + wire_at, part);
    wire_at += part;
    len -= part;
  }
  return !to->failed;
}

bool testkit_hear(struct testkit_piece *piece) {
  char head[WIRE_HEAD_BYTES];
  uint64_t len;
  struct bc_str word;
  bc_buf_clear(&piece->bytes);
  if (!wire_take_head(head)) {
    return false;
  }
  struct bc_str rest = bc_str_of(head);
  if (!bc_str_next_field(&rest, ' ', &word) || word.len >= sizeof piece->word ||
      bc_str_to_u64(rest, TESTKIT_PIECE_BYTES, &len) != BC_ERR_OK) {
    return false;
  }
  memcpy(piece->word, word.at, word.len);
  piece->word[word.len] = '\0';
  return wire_take(&piece->bytes, (size_t)len);
}

void testkit_tell_work(void) {
  static int64_t told_ms = -WIRE_WORK_MS;
  struct timespec used;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  int64_t now_ms = (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
  if (now_ms - told_ms >= WIRE_WORK_MS) {
    told_ms = now_ms;
    testkit_tell("work", (struct bc_str){0});
  }
}
