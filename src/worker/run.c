#include "worker/run.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/log.h"
#include "base/mono.h"
#include "worker/confine.h"
#include "worker/lua_io.h"
#include "worker/lua_value.h"
#include "worker/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  RUN_EXIT_FINE = 0,
  RUN_EXIT_BAD_REQUEST = 2,
  RUN_THRESHOLD = 50, /* the default of a check's options */
  RUN_TIMEOUT_MOST_MS = 3600000,
  RUN_ANSWER_BYTES = 65536
};

struct run_request {
  const char *name;
  struct bc_str script;
  struct bc_str data; /* empty: none */
  int64_t timeout_ms;
};

/* ---- the request ---- */

static bool run_read_all(int fd, struct bc_buf *to) {
  char bytes[16384];
  ssize_t got;
  do {
    got = read(fd, bytes, sizeof bytes);
    bc_buf_add(to, bytes, got > 0 ? (size_t)got : 0);
  } while (got > 0 || (got < 0 && errno == EINTR));
  return got == 0 && bc_buf_status(to) == BC_ERR_OK;
}

static bool run_understand(char *const *words, struct bc_str input, struct run_request *out) {
  uint64_t timeout_ms;
  uint64_t len;
  if (words[0] == NULL || words[1] == NULL || words[2] == NULL ||
      bc_str_to_u64(bc_str_of(words[1]), RUN_TIMEOUT_MOST_MS, &timeout_ms) != BC_ERR_OK ||
      bc_str_to_u64(bc_str_of(words[2]), input.len, &len) != BC_ERR_OK) {
    return false;
  }
  out->name = words[0];
  out->timeout_ms = (int64_t)timeout_ms;
  out->script = (struct bc_str){.at = input.at, .len = (size_t)len};
  out->data = (struct bc_str){.at = input.at + len, .len = input.len - (size_t)len};
  return true;
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

/* False: it was timed out. */
static bool run_execute(struct bc_loop *loop, struct bc_sandbox_run *run, int64_t timeout_ms) {
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
  return !wait.is_late;
}

/* ---- the answer ---- */

struct run_report {
  const char *status;
  const char *verdict;
  char error[BC_LIMIT_LUA_REASON_BYTES];
};

static void run_judge_done(const struct bc_sandbox_outcome *outcome, struct run_report *report) {
  bool is_up = outcome->word == BC_SANDBOX_UP || (outcome->word == BC_SANDBOX_SCORE && outcome->score >= RUN_THRESHOLD);
  report->status = is_up ? "passed" : "failed";
  report->verdict = is_up ? "up" : "down";
}

static void run_judge(const struct bc_sandbox_outcome *outcome, struct run_report *report) {
  report->verdict = "neutral";
  (void)snprintf(report->error, sizeof report->error, "%s", outcome->error);
  switch (outcome->end) {
  case BC_SANDBOX_DONE:
    run_judge_done(outcome, report);
    break;
  case BC_SANDBOX_YIELDED:
    report->status = "timeout";
    report->verdict = "down";
    break;
  case BC_SANDBOX_ERROR:
    report->status = "error";
    report->verdict = outcome->had_io_failure ? "down" : "neutral";
    break;
  case BC_SANDBOX_MEMORY:
    report->status = "memory";
    break;
  case BC_SANDBOX_KILLED:
    report->status = "killed";
    break;
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

static void run_answer(const struct run_report *report, const struct bc_sandbox_outcome *outcome, struct bc_str log,
                       size_t dropped, size_t memory_bytes, int64_t took_us) {
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
  run_print_text(&text, "error", report->error);
  bc_buf_add_format(&text, ",\"line\":%zu,\"log\":", outcome->line);
  bc_lua_value_print_text(log, &text);
  bc_buf_add_format(&text, ",\"log_dropped\":%zu,\"took_ms\":%.3f,\"cpu_ms\":%.3f,\"memory_bytes\":%zu}\n", dropped,
                    (double)took_us / 1000, (double)outcome->cpu_us / 1000, memory_bytes);
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
  run_answer(&report, &outcome, bc_str_of(""), 0, 0, 0);
}

static void run_once(const struct run_request *request, struct bc_loop *loop, struct bc_sandbox *sandbox,
                     struct bc_sandbox_check *check) {
  struct bc_sandbox_run *run = bc_sandbox_run_new(check);
  struct bc_mono started = bc_mono_now();
  struct run_report report = {0};
  bool is_in_time = run_execute(loop, run, request->timeout_ms);
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(run);
  run_judge(outcome, &report);
  if (!is_in_time) {
    (void)snprintf(report.error, sizeof report.error, "still waiting after %" PRId64 " ms", request->timeout_ms);
  }
  run_answer(&report, outcome, bc_sandbox_run_log(run), bc_sandbox_run_log_dropped(run), bc_sandbox_peak_bytes(sandbox),
             bc_mono_now().us - started.us);
  bc_sandbox_run_free(run);
}

static void run_in_sandbox(const struct run_request *request, struct bc_loop *loop, struct bc_lua_io *io) {
  struct bc_fault fault;
  const struct bc_sandbox_options options = {.io = io};
  struct bc_sandbox *sandbox = bc_sandbox_new(&options, request->name, request->script, &fault);
  struct bc_sandbox_check *check = sandbox == NULL ? NULL : bc_sandbox_check_new(sandbox);
  if (check == NULL ||
      (request->data.len > 0 && bc_sandbox_check_set_global(check, "data", request->data, &fault) != BC_ERR_OK)) {
    run_answer_fault(request, &fault);
  } else {
    run_once(request, loop, sandbox, check);
  }
  bc_sandbox_check_free(check);
  bc_sandbox_free(sandbox);
}

int bc_run_worker_run(char *const *words) {
  char confinement[BC_CONFINE_TEXT_BYTES];
  struct bc_fault fault;
  struct bc_buf input;
  struct run_request request;
  if (bc_harden_tie_to_parent(getppid(), SIGKILL, &fault) != BC_ERR_OK ||
      bc_confine_process(confinement, &fault) != BC_ERR_OK) {
    return RUN_EXIT_BAD_REQUEST;
  }
  bc_buf_init(&input, BC_LIMIT_SCRIPT_BYTES + BC_LIMIT_LUA_JSON_BYTES + 2);
  if (!run_read_all(STDIN_FILENO, &input) || !run_understand(words, bc_buf_str(&input), &request)) {
    bc_buf_free(&input);
    return RUN_EXIT_BAD_REQUEST;
  }
  run_tell_work();
  struct bc_loop *loop = bc_loop_new();
  struct bc_lua_io *io = bc_lua_io_new(loop, &fault);
  if (io != NULL) {
    bc_lua_io_set_egress(io, bc_egress_new());
  }
  run_in_sandbox(&request, loop, io);
  bc_lua_io_free(io);
  bc_loop_free(loop);
  bc_buf_free(&input);
  return RUN_EXIT_FINE;
}
