#include "worker/run.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "proto/msg.h"
#include "worker/confine.h"
#include "worker/lua_call.h"
#include "worker/lua_data.h"
#include "worker/lua_io.h"
#include "worker/lua_value.h"
#include "worker/request.h"
#include "worker/sandbox.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

enum {
  RUN_EXIT_FINE = 0,
  RUN_EXIT_BAD_REQUEST = 2,
  RUN_INPUT_BYTES = 64 * 1024 * 1024, /* modules and data, as much as there may be */
  RUN_ANSWER_BYTES = 1048576
};

struct run_module {
  SLIST_ENTRY(run_module) link;
  uint32_t number;
  struct bc_str text;
};

struct run_request {
  struct bc_buf input; /* holds all texts below, but the name */
  char *name;
  struct bc_msg_lua_set set;
  struct bc_egress *egress;
  bool is_traced;
  bool is_whole;
  SLIST_HEAD(, run_module) modules;
  struct bc_lua_data *data;
};

/* ---- the request ---- */

static bool run_take_message(void *arg, const struct bc_msg *message) {
  struct run_request *request = arg;
  struct bc_fault fault;
  switch ((int)message->type) {
  case BC_MSG_LUA_MODULE: {
    struct run_module *module = bc_mem_new(1, sizeof *module);
    module->number = message->lua_module.number;
    module->text = message->lua_module.text;
    SLIST_INSERT_HEAD(&request->modules, module, link);
    return true;
  }
  case BC_MSG_LUA_DATA:
    bc_lua_data_set(request->data, message->lua_data.name, message->lua_data.json);
    return true;
  case BC_MSG_LUA_SET:
    request->set = message->lua_set;
    free(request->name);
    request->name = bc_mem_copy_text(message->lua_set.name.at, message->lua_set.name.len);
    return true;
  case BC_MSG_LUA_RUN:
    request->is_traced = message->lua_run.is_traced != 0;
    request->is_whole = request->name != NULL;
    return bc_egress_read(request->egress, message->lua_run.egress, &fault) == BC_ERR_OK;
  default:
    return false;
  }
}

static void run_request_open(struct run_request *request) {
  *request = (struct run_request){.egress = bc_egress_new(), .data = bc_lua_data_new()};
  SLIST_INIT(&request->modules);
  bc_buf_init(&request->input, RUN_INPUT_BYTES);
}

static void run_request_close(struct run_request *request) {
  struct run_module *module;
  while ((module = SLIST_FIRST(&request->modules)) != NULL) {
    SLIST_REMOVE_HEAD(&request->modules, link);
    free(module);
  }
  bc_lua_data_free(request->data);
  bc_egress_free(request->egress);
  bc_buf_free(&request->input);
  free(request->name);
}

/* ---- the run ---- */

static void run_tell_work(void) {
  (void)!bc_file_write_all(STDOUT_FILENO, ".", 1);
}

struct run_wait {
  struct bc_loop *loop;
  struct bc_timer *wake;
  struct bc_timer *deadline;
  bool is_ready;
  bool is_late;
};

static void run_on_wake(void *arg) {
  struct run_wait *wait = arg;
  wait->is_ready = true;
  bc_loop_stop(wait->loop);
}

static void run_on_deadline(void *arg) {
  struct run_wait *wait = arg;
  wait->is_late = true;
  bc_loop_stop(wait->loop);
}

/* To its end, or to its deadline. */
static void run_execute(struct bc_loop *loop, struct bc_sandbox_run *run, int64_t timeout_ms) {
  struct run_wait wait = {.loop = loop};
  wait.wake = bc_timer_new(loop, run_on_wake, &wait);
  wait.deadline = bc_timer_new(loop, run_on_deadline, &wait);
  bc_timer_start(wait.deadline, timeout_ms);
  bc_sandbox_run_on_ready(run, run_on_wake, &wait);
  run_tell_work();
  while (!wait.is_late && bc_sandbox_run_resume(run) == BC_SANDBOX_YIELDED) {
    int64_t wait_ms = bc_sandbox_run_outcome(run)->wait_ms;
    if (wait_ms != BC_SANDBOX_WAIT_EVENT) {
      bc_timer_start(wait.wake, wait_ms);
    }
    for (wait.is_ready = false; !wait.is_ready && !wait.is_late;) {
      bc_loop_run(loop);
    }
    bc_timer_stop(wait.wake);
    run_tell_work();
  }
  bc_timer_free(wait.wake);
  bc_timer_free(wait.deadline);
}

/* ---- the answer ---- */

struct run_times {
  int64_t took_us;
  size_t memory_bytes;
  bool is_traced;
};

struct run_report {
  const char *status;
  const char *verdict;
  char error[BC_LIMIT_LUA_REASON_BYTES];
};

const struct bc_run_words *bc_run_words_of(enum bc_check_status status) {
  static const struct bc_run_words words[BC_CHECK_STATUS_COUNT] = {
      [BC_CHECK_PASSED] = {"passed", "up"},       [BC_CHECK_FAILED] = {"failed", "down"},
      [BC_CHECK_TIMED_OUT] = {"timeout", "down"}, [BC_CHECK_BROKEN] = {"error", "down"},
      [BC_CHECK_ERROR] = {"error", "neutral"},    [BC_CHECK_REFUSED] = {"refused", "neutral"},
      [BC_CHECK_MEMORY] = {"memory", "neutral"},  [BC_CHECK_KILLED] = {"killed", "neutral"},
  };
  return &words[status];
}

static void run_judge(const struct run_request *request, const struct bc_sandbox_outcome *outcome,
                      struct run_report *report) {
  enum bc_check_status status = bc_sandbox_outcome_judge(outcome, request->set.threshold);
  report->status = bc_run_words_of(status)->status;
  report->verdict = bc_run_words_of(status)->verdict;
  (void)snprintf(report->error, sizeof report->error, "%s", outcome->error);
  if (status == BC_CHECK_REFUSED) {
    (void)snprintf(report->error, sizeof report->error, "%s", outcome->refusal);
  } else if (status == BC_CHECK_TIMED_OUT) {
    (void)snprintf(report->error, sizeof report->error, "still waiting after %" PRIu32 " ms", request->set.timeout_ms);
  }
}

static void run_print_text(struct bc_buf *to, const char *name, const char *text) {
  bc_buf_add_format(to, ",\"%s\":", name);
  if (text[0] == '\0') {
    bc_buf_add_text(to, "null");
  } else {
    bc_lua_value_print_text(bc_str_of(text), to);
  }
}

static void run_print_json(struct bc_buf *to, const char *name, const char *json) {
  bc_buf_add_format(to, ",\"%s\":%s", name, json == NULL ? "null" : json);
}

/* What the run itself has to tell; NULL: there was none. */
static void run_print_run(const struct bc_sandbox_run *run, bool is_traced, struct bc_buf *to) {
  struct bc_buf metrics;
  struct bc_str log = bc_str_of("");
  size_t dropped = 0;
  bc_buf_init(&metrics, RUN_ANSWER_BYTES);
  if (run != NULL) {
    bc_sandbox_run_print_metrics(run, &metrics);
    log = bc_sandbox_run_log(run);
    dropped = bc_sandbox_run_log_dropped(run);
  }
  bc_buf_add_format(to, ",\"metrics\":%s,\"log\":", metrics.len == 0 ? "[]" : metrics.data);
  bc_lua_value_print_text(log, to);
  bc_buf_add_format(to, ",\"log_dropped\":%zu", dropped);
  if (run != NULL && is_traced) {
    bc_buf_add_text(to, ",\"trace\":");
    bc_sandbox_run_print_trace(run, to);
    bc_buf_add_format(to, ",\"trace_dropped\":%zu,\"instructions\":%" PRIu64, bc_sandbox_run_trace_dropped(run),
                      bc_sandbox_run_instructions(run));
  }
  bc_buf_free(&metrics);
}

static void run_answer(const struct run_report *report, const struct bc_sandbox_outcome *outcome,
                       const struct bc_sandbox_run *run, const struct run_times *times) {
  struct bc_buf text;
  char score[32] = "null";
  bc_buf_init(&text, RUN_ANSWER_BYTES);
  if (outcome->has_score) {
    (void)snprintf(score, sizeof score, "%.14g", outcome->score);
  }
  bc_buf_add_format(&text, "{\"verdict\":\"%s\",\"status\":\"%s\"", report->verdict, report->status);
  run_print_json(&text, "returned", outcome->returned);
  run_print_json(&text, "score", score);
  run_print_text(&text, "reason", outcome->reason);
  run_print_json(&text, "data", outcome->data);
  bc_buf_add_format(&text, ",\"data_dropped\":%s", outcome->is_data_bad ? "true" : "false");
  run_print_json(&text, "state", outcome->state);
  run_print_text(&text, "error", report->error);
  bc_buf_add_format(&text, ",\"line\":%zu", outcome->line);
  run_print_run(run, times->is_traced, &text);
  bc_buf_add_format(&text, ",\"took_ms\":%.3f,\"cpu_ms\":%.3f,\"memory_bytes\":%zu}\n", (double)times->took_us / 1000,
                    (double)outcome->cpu_us / 1000, times->memory_bytes);
  (void)!bc_file_write_all(STDOUT_FILENO, text.data, text.len);
  bc_buf_free(&text);
}

/* "name:12: …" */
static size_t run_line_of(const char *error, const char *name) {
  struct bc_str rest = bc_str_of(error);
  struct bc_str number;
  uint64_t line = 0;
  size_t len = strlen(name);
  if (!bc_str_starts(rest, name) || rest.len <= len || rest.at[len] != ':') {
    return 0;
  }
  rest.at += len + 1;
  rest.len -= len + 1;
  if (bc_str_next_field(&rest, ':', &number)) {
    (void)!bc_str_to_u64(number, BC_LIMIT_SCRIPT_BYTES, &line);
  }
  return (size_t)line;
}

static void run_answer_fault(const struct run_request *request, const struct bc_fault *fault) {
  struct run_report report = {.status = "error", .verdict = "neutral"};
  struct bc_sandbox_outcome outcome = {.line = run_line_of(fault->text, request->name)};
  (void)snprintf(report.error, sizeof report.error, "%s", fault->text);
  if (strcmp(fault->text, "not enough memory") == 0) {
    report.status = "memory";
  }
  run_answer(&report, &outcome, NULL, &(struct run_times){0});
}

static void run_once(const struct run_request *request, struct bc_loop *loop, struct bc_sandbox *sandbox,
                     struct bc_sandbox_check *check) {
  struct bc_sandbox_run *run = bc_sandbox_run_new(check);
  struct bc_mono started = bc_mono_now();
  struct run_report report = {0};
  run_execute(loop, run, request->set.timeout_ms);
  bc_lua_call_note_waits(run);
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(run);
  run_judge(request, outcome, &report);
  const struct run_times times = {.took_us = bc_mono_now().us - started.us,
                                  .memory_bytes = bc_sandbox_peak_bytes(sandbox),
                                  .is_traced = request->is_traced};
  run_answer(&report, outcome, run, &times);
  bc_sandbox_run_free(run);
}

static struct run_module *run_find_module(const struct run_request *request, struct bc_str number) {
  uint64_t wanted;
  struct run_module *module = NULL;
  if (bc_str_to_u64(number, UINT32_MAX, &wanted) == BC_ERR_OK) {
    SLIST_FOREACH(module, &request->modules, link) {
      if (module->number == wanted) {
        break;
      }
    }
  }
  return module;
}

/* "NAME=VALUE", each ended by a NUL: modules by their numbers, globals as JSON. */
static enum bc_err run_provide(const struct run_request *request, struct bc_sandbox *sandbox,
                               struct bc_sandbox_check *check, struct bc_fault *fault) {
  struct bc_str rest = sandbox != NULL ? request->set.modules : request->set.globals;
  struct bc_str one;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && bc_str_next_field(&rest, '\0', &one)) {
    struct bc_str name;
    if (one.len == 0 || !bc_str_next_field(&one, '=', &name)) {
      continue;
    }
    char *text = bc_mem_copy_text(name.at, name.len);
    const struct run_module *module = sandbox != NULL ? run_find_module(request, one) : NULL;
    if (module != NULL) {
      err = bc_sandbox_add_module(sandbox, text, module->text, fault);
    } else if (check != NULL) {
      err = bc_sandbox_check_set_global(check, text, one, fault);
    }
    free(text);
  }
  return err;
}

static void run_in_sandbox(const struct run_request *request, struct bc_loop *loop, struct bc_lua_io *io) {
  struct bc_fault fault = {0};
  const struct bc_sandbox_options options = {.io = io, .data = request->data, .is_traced = request->is_traced};
  struct bc_sandbox *sandbox = bc_sandbox_new(&options, request->name, request->set.script, &fault);
  bool is_fine = sandbox != NULL && run_provide(request, sandbox, NULL, &fault) == BC_ERR_OK;
  struct bc_sandbox_check *check = is_fine ? bc_sandbox_check_new(sandbox) : NULL;
  if (check == NULL || run_provide(request, NULL, check, &fault) != BC_ERR_OK) {
    run_answer_fault(request, &fault);
  } else {
    bc_sandbox_check_set_state(check, request->set.state);
    run_once(request, loop, sandbox, check);
  }
  bc_sandbox_check_free(check);
  bc_sandbox_free(sandbox);
}

static void run_answer_request(struct run_request *request) {
  struct bc_fault fault;
  run_tell_work();
  struct bc_loop *loop = bc_loop_new();
  struct bc_lua_io *io = bc_lua_io_new(loop, &fault);
  if (io != NULL) {
    bc_lua_io_set_egress(io, request->egress);
    request->egress = NULL;
  }
  run_in_sandbox(request, loop, io);
  bc_lua_io_free(io);
  bc_loop_free(loop);
}

int bc_run_worker_run(void) {
  char confinement[BC_CONFINE_TEXT_BYTES];
  struct bc_fault fault;
  struct run_request request;
  if (bc_harden_tie_to_parent(getppid(), SIGKILL, &fault) != BC_ERR_OK ||
      bc_confine_process(BC_CONFINE_NETWORK, confinement, &fault) != BC_ERR_OK) {
    return RUN_EXIT_BAD_REQUEST;
  }
  run_request_open(&request);
  bool is_understood = bc_request_read(&request.input) &&
                       bc_request_each(bc_buf_str(&request.input), run_take_message, &request) && request.is_whole;
  if (is_understood) {
    run_answer_request(&request);
  }
  run_request_close(&request);
  return is_understood ? RUN_EXIT_FINE : RUN_EXIT_BAD_REQUEST;
}
