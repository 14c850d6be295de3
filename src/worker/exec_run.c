#include "worker/exec_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* At most RUN_LAST_READS pieces of what a dead run has left in its pipe: who holds the pipe open may go
 * on writing. */
enum { RUN_READ_BYTES = 65536, RUN_LAST_READS = 32 };

static void run_keep(struct exec_tail *tail, const char *bytes, size_t len) {
  if (len >= sizeof tail->bytes) {
    memcpy(tail->bytes, bytes + len - sizeof tail->bytes, sizeof tail->bytes);
    tail->len = sizeof tail->bytes;
    return;
  }
  size_t room = sizeof tail->bytes - len;
  if (tail->len > room) {
    memmove(tail->bytes, tail->bytes + tail->len - room, room);
    tail->len = room;
  }
  memcpy(tail->bytes + tail->len, bytes, len);
  tail->len += len;
}

/* One piece; false when there is nothing more to read now. */
static bool run_read(struct exec_run *run) {
  char bytes[RUN_READ_BYTES];
  ssize_t got = read(run->output_fd, bytes, sizeof bytes);
  if (got > 0) {
    run_keep(&run->tail, bytes, (size_t)got);
    return true;
  }
  if (got == 0) {
    bc_watch_set(run->watch, 0);
  }
  return false;
}

static void run_on_output(void *arg, int fd, int events) {
  (void)fd;
  (void)events;
  (void)run_read(arg);
}

static void run_send(struct exec_worker *worker, const struct bc_msg_result *result) {
  struct bc_msg message = {.type = BC_MSG_RESULT, .result = *result};
  enum bc_err err = bc_channel_send(worker->channel, &message);
  /* Closed: core is gone and we are about to go, too. */
  if (err != BC_ERR_OK && err != BC_ERR_CLOSED) {
    bc_log(BC_LOG_WARNING, "the result of check %u could not be sent: %s", result->id, bc_err_name(err));
  }
}

static void run_report(struct exec_run *run, enum bc_check_status status, int code) {
  if (run->is_discarded) {
    return;
  }
  struct bc_msg_result result = {.id = run->id,
                                 .generation = run->generation,
                                 .status = (uint8_t)status,
                                 .code = (uint8_t)code,
                                 .late_us = run->late_us,
                                 .output = {.at = run->tail.bytes, .len = run->tail.len}};
  result.duration_us = (uint64_t)(bc_mono_now().us - run->started.us);
  run_send(run->worker, &result);
}

/* The main process may have left its group; it is ours to kill until we reap it. */
static void run_kill(const struct exec_run *run, int number) {
  (void)kill(-run->pid, number);
  (void)kill(run->pid, number);
}

static bool run_has_ended(const struct exec_run *run) {
  siginfo_t info = {.si_pid = 0};
  return waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Time for a run whose deadline we noticed too late, at most as much as it had: whatever paused us (a stopped worker,
 * a machine that slept) paused it, too. 0: none. */
static int64_t run_extra_ms(const struct exec_run *run) {
  int64_t late_ms = bc_mono_ms_between(run->deadline, bc_mono_now());
  int64_t given_ms = bc_mono_ms_between(run->started, run->deadline);
  if (run->is_extended || late_ms <= EXEC_GRACE_MS) {
    return 0;
  }
  int64_t extra_ms = late_ms < given_ms ? late_ms : given_ms;
  return extra_ms < EXEC_GRACE_MS ? EXEC_GRACE_MS : extra_ms;
}

static void run_time_out(struct exec_run *run) {
  int64_t extra_ms = run_extra_ms(run);
  if (extra_ms > 0) {
    run->is_extended = true;
    bc_timer_start(run->timer, extra_ms);
    return;
  }
  run->is_timed_out = true;
  run_kill(run, SIGTERM);
  bc_timer_start(run->timer, EXEC_GRACE_MS);
}

/* First the deadline, then the end of the grace, then, for as long as the kernel does not let a killed
 * process go (a hung disk), one more timeout after each interval: core must not be left waiting. */
static void run_on_timer(void *arg) {
  struct exec_run *run = arg;
  if (!run->is_timed_out) {
    /* Timers are told before signals: its end may be waiting behind this. */
    if (run_has_ended(run)) {
      exec_run_end(run);
    } else {
      run_time_out(run);
    }
    return;
  }
  run_kill(run, SIGKILL);
  if (run->is_stuck) {
    run_report(run, BC_CHECK_TIMED_OUT, 0);
  }
  run->is_stuck = true;
  int64_t interval_ms = run->check == NULL ? 0 : run->check->when.interval_ms;
  bc_timer_start(run->timer, interval_ms < EXEC_GRACE_MS ? EXEC_GRACE_MS : interval_ms);
}

struct run_problem {
  enum bc_check_status status;
  int code;
  struct bc_fault fault;
};

/* What the program itself is to blame for is a result; our own trouble must not move a route. */
static void run_judge_spawn(const struct exec_check *check, int err, struct run_problem *problem) {
  bool is_missing = err == ENOENT || err == ENOTDIR || err == ELOOP;
  bool is_unfit = err == EACCES || err == ENOEXEC || err == EPERM || err == EISDIR || err == ELIBBAD;
  if (!exec_spawn_names_interpreter(check) || (!is_missing && !is_unfit) || !check->is_written) {
    problem->status = BC_CHECK_NOT_STARTED;
    problem->code = 0;
    bc_fault_set(&problem->fault, 0, "cannot start %s: %s", check->file_name, strerror(err));
    return;
  }
  size_t len = strcspn(check->script, "\n");
  bool has_return = check->script[len - 1] == '\r';
  problem->status = BC_CHECK_NOT_FOUND;
  problem->code = is_missing ? EXEC_SPAWN_CODE_NOT_FOUND : EXEC_SPAWN_CODE_NOT_EXECUTABLE;
  bc_fault_set(&problem->fault, 0, "%s: the program of the first line cannot be run: %.*s%s", strerror(err),
               (int)(has_return ? len - 1 : len), check->script,
               has_return ? " (and the line ends with a carriage return)" : "");
}

/* The pipe of its output, watched. */
static bool run_open_output(struct exec_run *run, int *write_end, struct bc_fault *fault) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    bc_fault_set(fault, 0, "cannot make a pipe: %s", strerror(errno));
    return false;
  }
  run->watch = bc_watch_new(run->worker->loop, ends[0], run_on_output, run);
  if (run->watch == NULL) {
    bc_fault_set(fault, 0, "cannot watch the output of a check (%s): fs.epoll.max_user_watches may be too low",
                 strerror(errno));
    (void)close(ends[0]);
    (void)close(ends[1]);
    return false;
  }
  (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
  run->output_fd = ends[0];
  *write_end = ends[1];
  return true;
}

static void run_close_output(struct exec_run *run) {
  bc_watch_free(run->watch);
  (void)close(run->output_fd);
}

static bool run_spawn(struct exec_check *check, struct exec_run *run, struct run_problem *problem) {
  struct exec_dir *dir = &check->worker->dir;
  *problem = (struct run_problem){.status = BC_CHECK_NOT_STARTED};
  check->is_written = exec_dir_provide(dir, check->file_name, check->script, check->script_len, check->is_written,
                                       &problem->fault) == BC_ERR_OK;
  if (!check->is_written) {
    return false;
  }
  int write_end;
  if (!run_open_output(run, &write_end, &problem->fault)) {
    return false;
  }
  char job[EXEC_JOB_BYTES];
  exec_env_job(run->number, job);
  int err = exec_spawn(check, write_end, job, &run->pid);
  if (err == EACCES && exec_dir_turned_noexec(dir)) {
    err = exec_spawn(check, write_end, job, &run->pid);
  }
  (void)close(write_end);
  if (err != 0) {
    run_close_output(run);
    check->is_written = exec_dir_is_fit(dir, check->file_name);
    run_judge_spawn(check, err, problem);
    return false;
  }
  return true;
}

void exec_run_start(struct exec_check *check) {
  struct exec_worker *worker = check->worker;
  struct exec_run *run = bc_mem_new(1, sizeof *run);
  run->worker = worker;
  run->check = check;
  run->number = ++worker->run_number;
  run->id = check->when.id;
  run->generation = check->generation;
  run->started = check->when.started;
  run->late_us = check->when.late_us;
  struct run_problem problem;
  if (!run_spawn(check, run, &problem)) {
    run_keep(&run->tail, problem.fault.text, strlen(problem.fault.text));
    run_report(run, problem.status, problem.code);
    free(run);
    exec_check_ended(check);
    return;
  }
  LIST_INSERT_HEAD(&worker->runs, run, link);
  worker->running++;
  check->run = run;
  bc_watch_set(run->watch, BC_WATCH_READ);
  run->deadline = bc_mono_add_ms(bc_mono_now(), check->timeout_ms);
  run->timer = bc_timer_new(worker->loop, run_on_timer, run);
  bc_timer_start_at(run->timer, run->deadline);
}

void exec_run_discard(struct exec_run *run) {
  run->is_discarded = true;
  run_kill(run, SIGKILL);
}

struct exec_run *exec_run_find(struct exec_worker *worker, pid_t pid) {
  struct exec_run *run;
  LIST_FOREACH(run, &worker->runs, link) {
    if (run->pid == pid) {
      return run;
    }
  }
  return NULL;
}

void exec_run_free(struct exec_run *run) {
  LIST_REMOVE(run, link);
  run->worker->running--;
  bc_timer_free(run->timer);
  run_close_output(run);
  free(run);
}

void exec_run_end(struct exec_run *run) {
  /* While the dead main process is not reaped, its number cannot name another group. */
  (void)kill(-run->pid, SIGKILL);
  int status = 0;
  (void)waitpid(run->pid, &status, 0);
  for (int i = 0; i < RUN_LAST_READS && run_read(run); i++) {
  }
  int code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  if (run->is_timed_out) {
    run_report(run, BC_CHECK_TIMED_OUT, code);
  } else if (WIFSIGNALED(status)) {
    run_report(run, BC_CHECK_SIGNALLED, code);
  } else if (code == EXEC_SPAWN_CODE_NOT_FOUND || code == EXEC_SPAWN_CODE_NOT_EXECUTABLE) {
    run_report(run, BC_CHECK_NOT_FOUND, code);
  } else {
    run_report(run, code == 0 ? BC_CHECK_PASSED : BC_CHECK_FAILED, code);
  }
  struct exec_worker *worker = run->worker;
  struct exec_check *check = run->check;
  exec_run_free(run);
  if (check != NULL) {
    check->run = NULL;
    exec_check_ended(check);
  }
  exec_sweep_request(worker);
  exec_check_pump(worker);
}
