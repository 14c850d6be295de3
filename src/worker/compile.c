#include "worker/compile.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/limits.h"
#include "worker/confine.h"
#include "worker/request.h"
#include "worker/sandbox.h"

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

static bool compile_one(void *arg, const struct bc_msg *message) {
  struct bc_buf *answer = arg;
  struct bc_fault fault = {0};
  uint64_t line;
  if (message->type != BC_MSG_LUA_MODULE) {
    return false;
  }
  const struct bc_msg_lua_module *script = &message->lua_module;
  (void)!bc_file_write_all(STDOUT_FILENO, ".", 1);
  struct bc_sandbox *sandbox = bc_sandbox_new(NULL, COMPILE_NAME, script->text, &fault);
  if (sandbox == NULL) {
    struct bc_str reason = compile_take_line(bc_str_of(fault.text), &line);
    bc_buf_add_format(answer, "%" PRIu32 "\t%" PRIu64 "\t" BC_STR_FMT "\n", script->number, line, BC_STR_ARG(reason));
  }
  bc_sandbox_free(sandbox);
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
  bool is_fine = bc_request_read(&input) && bc_request_each(bc_buf_str(&input), compile_one, &answer) &&
                 bc_file_write_all(STDOUT_FILENO, answer.data, answer.len) == 0;
  bc_buf_free(&input);
  bc_buf_free(&answer);
  return is_fine ? COMPILE_EXIT_FINE : COMPILE_EXIT_BAD_REQUEST;
}
