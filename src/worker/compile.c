#include "worker/compile.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/limits.h"
#include "proto/frame.h"
#include "proto/msg.h"
#include "worker/confine.h"
#include "worker/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
  COMPILE_EXIT_FINE = 0,
  COMPILE_EXIT_BAD_REQUEST = 2,
  COMPILE_INPUT_BYTES = 64 * 1024 * 1024,
  COMPILE_ANSWER_BYTES = 4 * 1024 * 1024
};

#define COMPILE_NAME "script"

static bool compile_read_all(struct bc_buf *to) {
  char bytes[16384];
  ssize_t got;
  do {
    got = read(STDIN_FILENO, bytes, sizeof bytes);
    bc_buf_add(to, bytes, got > 0 ? (size_t)got : 0);
  } while (got > 0 || (got < 0 && errno == EINTR));
  return got == 0 && bc_buf_status(to) == BC_ERR_OK;
}

/* "script:12: …" */
static struct bc_str compile_take_line(struct bc_str reason, uint64_t *line) {
  static const char begin[] = COMPILE_NAME ":";
  struct bc_str rest = reason;
  struct bc_str number;
  *line = 0;
  if (bc_str_starts(rest, begin)) {
    rest.at += sizeof begin - 1;
    rest.len -= sizeof begin - 1;
    if (bc_str_next_field(&rest, ':', &number) && bc_str_to_u64(number, BC_LIMIT_SCRIPT_BYTES, line) == BC_ERR_OK) {
      return bc_str_trim(rest);
    }
  }
  return reason;
}

static void compile_one(const struct bc_msg_lua_module *script, struct bc_buf *answer) {
  struct bc_fault fault = {0};
  uint64_t line;
  (void)!bc_file_write_all(STDOUT_FILENO, ".", 1);
  struct bc_sandbox *sandbox = bc_sandbox_new(NULL, COMPILE_NAME, script->text, &fault);
  if (sandbox == NULL) {
    struct bc_str reason = compile_take_line(bc_str_of(fault.text), &line);
    bc_buf_add_format(answer, "%" PRIu32 "\t%" PRIu64 "\t" BC_STR_FMT "\n", script->number, line, BC_STR_ARG(reason));
  }
  bc_sandbox_free(sandbox);
}

/* Frames one behind the other. */
static bool compile_all(struct bc_str rest, struct bc_buf *answer) {
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
    if (len > rest.len || bc_msg_decode(type, payload, &message) != BC_ERR_OK || message.type != BC_MSG_LUA_MODULE) {
      return false;
    }
    compile_one(&message.lua_module, answer);
    rest.at += len;
    rest.len -= len;
  }
  return true;
}

int bc_compile_worker_run(void) {
  char confinement[BC_CONFINE_TEXT_BYTES];
  struct bc_fault fault;
  struct bc_buf input;
  struct bc_buf answer;
  if (bc_harden_tie_to_parent(getppid(), SIGKILL, &fault) != BC_ERR_OK ||
      bc_confine_process(BC_CONFINE_ALONE, confinement, &fault) != BC_ERR_OK) {
    return COMPILE_EXIT_BAD_REQUEST;
  }
  bc_buf_init(&input, COMPILE_INPUT_BYTES);
  bc_buf_init(&answer, COMPILE_ANSWER_BYTES);
  bool is_fine = compile_read_all(&input) && compile_all(bc_buf_str(&input), &answer) &&
                 bc_file_write_all(STDOUT_FILENO, answer.data, answer.len) == 0;
  bc_buf_free(&input);
  bc_buf_free(&answer);
  return is_fine ? COMPILE_EXIT_FINE : COMPILE_EXIT_BAD_REQUEST;
}
