/* `bgpcommander run`: a Lua check once, in the daemon's sandbox. */
#include "base/duration.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/run_child.h"
#include "cli/run_report.h"
#include "cli/run_request.h"

#include <stdio.h>
#include <string.h>

enum { RUN_ANSWER_BYTES = 1048576, RUN_INPUT_BYTES = 64 * 1024 * 1024, RUN_TIMEOUT_MOST_MS = 3600000 };

/* ---- what is to be run ---- */

/* What it takes from the daemon. BC_CLI_RUN_UP: it goes on. */
static int run_ask_daemon(const struct bc_settings *settings, struct bc_run_request *request) {
  bool has_script = settings->word_count > 0;
  json_t *question = bc_client_request("script");
  json_t *answer;
  (void)json_object_set_new(question, settings->route != NULL ? "route" : "check",
                            json_string(settings->route != NULL ? settings->route : settings->check));
  if (has_script) {
    (void)json_object_set_new(question, "requires", bc_run_request_required(request));
  }
  if (bc_client_ask_for_part(settings, question, &answer) != BC_CLI_OK) {
    return BC_CLI_RUN_NO_DAEMON;
  }
  bool is_fine = bc_run_request_take_answer(request, answer, !has_script);
  json_decref(answer);
  return is_fine ? BC_CLI_RUN_UP : BC_CLI_RUN_USAGE;
}

static bool run_read_timeout(const struct bc_settings *settings, struct bc_run_request *request) {
  unsigned ms = 0;
  if (settings->timeout == NULL) {
    return true;
  }
  if (bc_duration_parse(bc_str_of(settings->timeout), &ms) != BC_ERR_OK || ms == 0 || ms > RUN_TIMEOUT_MOST_MS) {
    (void)fprintf(stderr, "--timeout: expected seconds, or a number with a unit (500ms, 2s, 1m), at most 1h\n");
    return false;
  }
  request->timeout_ms = ms;
  return true;
}

static int run_prepare(const struct bc_settings *settings, struct bc_run_request *request) {
  bool is_asking = settings->route != NULL || settings->check != NULL;
  if (settings->word_count == 0 && !is_asking) {
    (void)fprintf(stderr, "usage: bgpcommander run SCRIPT|- (or --route NAME, or --check NAME)\n");
    return BC_CLI_RUN_USAGE;
  }
  if (settings->route != NULL && settings->check != NULL) {
    (void)fprintf(stderr, "--route and --check exclude each other\n");
    return BC_CLI_RUN_USAGE;
  }
  if ((settings->word_count > 0 && !bc_run_request_read_script(request, settings->words[0])) ||
      !bc_run_request_begin(request, settings)) {
    return BC_CLI_RUN_USAGE;
  }
  int code = is_asking ? run_ask_daemon(settings, request) : (int)BC_CLI_RUN_UP;
  if (code != BC_CLI_RUN_UP) {
    return code;
  }
  bool is_fine = (settings->data == NULL || bc_run_request_read_data(request, settings->data)) &&
                 (settings->modules == NULL || bc_run_request_read_modules(request, settings->modules)) &&
                 run_read_timeout(settings, request);
  return is_fine ? BC_CLI_RUN_UP : BC_CLI_RUN_USAGE;
}

/* ---- the run ---- */

static int run_execute(const struct bc_settings *settings, const struct bc_run_request *request) {
  struct bc_buf input;
  struct bc_buf answer;
  struct bc_run_child end = {0};
  bc_buf_init(&input, RUN_INPUT_BYTES);
  bc_buf_init(&answer, RUN_ANSWER_BYTES);
  int code = BC_CLI_RUN_USAGE;
  if (bc_run_request_print(request, &input)) {
    int problem = bc_run_child_ask("@run", bc_buf_str(&input), request->timeout_ms, &answer, &end);
    struct bc_run_report report = {.name = request->name,
                                   .script = bc_buf_str(&request->script),
                                   .modules = request->modules,
                                   .killed = end.killed,
                                   .wait_status = end.wait_status,
                                   .is_json = settings->is_json};
    if (problem != 0) {
      (void)fprintf(stderr, "cannot start the sandbox: %s\n", strerror(problem));
    }
    code = problem != 0 ? (int)BC_CLI_RUN_STOPPED : bc_run_report_print(&report, bc_buf_str(&answer));
  }
  bc_buf_free(&input);
  bc_buf_free(&answer);
  return code;
}

int bc_command_run(const struct bc_settings *settings) {
  struct bc_run_request request;
  bc_run_request_init(&request);
  request.is_traced = settings->is_traced;
  int code = run_prepare(settings, &request);
  if (code == BC_CLI_RUN_UP) {
    code = run_execute(settings, &request);
  }
  bc_run_request_fini(&request);
  return code;
}
