#include "base/command_outcome.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/child.h"
#include "worker/exec_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* At most COMMAND_LAST_READS pieces of what a dead one has left in a pipe: who holds it open may go on writing. */
enum { COMMAND_READ_BYTES = 65536, COMMAND_LAST_READS = 32, COMMAND_VARIABLES = 3, COMMAND_TRIES_MS = 1000 };

/* One of its outputs. */
struct command_output {
  struct exec_command *command;
  struct bc_watch *watch;
  int fd;
  struct bc_buf bytes; /* the first ones, as many as are wanted */
  bool is_truncated;
};

struct exec_command {
  LIST_ENTRY(exec_command) link;
  struct exec_worker *worker;
  uint32_t id;
  uint64_t number;
  pid_t pid; /* also of its group and session */
  struct bc_timer *timer;
  struct bc_mono started;
  bool is_timed_out;
  bool is_cancelled;
  struct command_output output;
  struct command_output error_output;
  struct bc_watch *input_watch; /* NULL: all was written */
  int input_fd;
  char *input;
  size_t input_len;
  size_t input_written;
};

/* ---- the result ---- */

static void command_send(struct exec_worker *worker, const struct bc_msg_command_result *result) {
  struct bc_msg message = {.type = BC_MSG_COMMAND_RESULT, .command_result = *result};
  enum bc_err err = bc_channel_send(worker->channel, &message);
  if (err != BC_ERR_OK && err != BC_ERR_CLOSED) {
    bc_log(BC_LOG_WARNING, "the result of command %u could not be sent: %s", result->id, bc_err_name(err));
  }
}

static void command_report(const struct exec_command *command, int status) {
  bool is_signalled = WIFSIGNALED(status);
  enum bc_command_outcome outcome = command->is_timed_out ? BC_COMMAND_TIMED_OUT
                                    : is_signalled        ? BC_COMMAND_SIGNALLED
                                                          : BC_COMMAND_EXITED;
  bool is_truncated = command->output.is_truncated || command->error_output.is_truncated;
  if (command->is_cancelled) {
    return;
  }
  struct bc_msg_command_result result = {.id = command->id,
                                         .outcome = (uint8_t)outcome,
                                         .code = (uint8_t)(is_signalled ? WTERMSIG(status) : WEXITSTATUS(status)),
                                         .is_truncated = is_truncated ? 1 : 0,
                                         .output = bc_buf_str(&command->output.bytes),
                                         .error_output = bc_buf_str(&command->error_output.bytes)};
  result.duration_us = (uint64_t)(bc_mono_now().us - command->started.us);
  command_send(command->worker, &result);
}

static void command_report_unstarted(struct exec_worker *worker, uint32_t id, int err) {
  bool is_missing = err == ENOENT || err == ENOTDIR || err == ELOOP;
  bool is_unfit = err == EACCES || err == ENOEXEC || err == EPERM || err == EISDIR || err == ELIBBAD;
  enum bc_command_outcome outcome = is_missing ? BC_COMMAND_NOT_FOUND
                                    : is_unfit ? BC_COMMAND_PERMISSION
                                               : BC_COMMAND_FAILED;
  const struct bc_msg_command_result result = {
      .id = id, .outcome = (uint8_t)outcome, .why = bc_str_of(is_missing ? "there is no such program" : strerror(err))};
  command_send(worker, &result);
}

/* ---- its descriptors ---- */

/* One piece; false when there is nothing more to read now. */
static bool command_read(struct command_output *output) {
  char bytes[COMMAND_READ_BYTES];
  ssize_t got = read(output->fd, bytes, sizeof bytes);
  if (got > 0) {
    size_t room = output->bytes.max - output->bytes.len;
    output->is_truncated = output->is_truncated || (size_t)got > room;
    bc_buf_add(&output->bytes, bytes, (size_t)got < room ? (size_t)got : room);
    return true;
  }
  if (got == 0) {
    bc_watch_set(output->watch, 0);
  }
  return false;
}

static void command_on_output(void *arg, int fd, int events) {
  (void)fd;
  (void)events;
  (void)command_read(arg);
}

static void command_close_input(struct exec_command *command) {
  if (command->input_watch != NULL) {
    bc_watch_free(command->input_watch);
    command->input_watch = NULL;
    (void)close(command->input_fd);
  }
}

static void command_on_input(void *arg, int fd, int events) {
  struct exec_command *command = arg;
  (void)events;
  ssize_t sent = write(fd, command->input + command->input_written, command->input_len - command->input_written);
  command->input_written += sent > 0 ? (size_t)sent : 0;
  /* One that does not read its input says so by EPIPE: its own affair. */
  if (command->input_written == command->input_len || (sent < 0 && errno != EAGAIN && errno != EINTR)) {
    command_close_input(command);
  }
}

/* A pipe whose end `ours` (0: we read, 1: we write) is watched and does not block. The other end, or -1. */
static int command_open_pipe(struct exec_command *command, int ours, bc_watch_fn *fn, void *arg, int *fd,
                             struct bc_watch **watch) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return -1;
  }
  *watch = bc_watch_new(command->worker->loop, ends[ours], fn, arg);
  if (*watch == NULL) {
    (void)close(ends[0]);
    (void)close(ends[1]);
    return -1;
  }
  (void)fcntl(ends[ours], F_SETFL, O_NONBLOCK);
  *fd = ends[ours];
  return ends[1 - ours];
}

static int command_open_output(struct exec_command *command, struct command_output *output, uint32_t most) {
  output->command = command;
  bc_buf_init(&output->bytes, most);
  return command_open_pipe(command, 0, command_on_output, output, &output->fd, &output->watch);
}

static void command_close_output(struct command_output *output) {
  if (output->watch != NULL) {
    bc_watch_free(output->watch);
    (void)close(output->fd);
  }
  bc_buf_free(&output->bytes);
}

static void command_free(struct exec_command *command) {
  command_close_input(command);
  command_close_output(&command->output);
  command_close_output(&command->error_output);
  bc_timer_free(command->timer);
  free(command->input);
  free(command);
}

/* ---- its process ---- */

/* While its main process is not reaped, these numbers cannot name others. */
static void command_kill(const struct exec_command *command) {
  (void)kill(-command->pid, SIGKILL);
  (void)kill(command->pid, SIGKILL);
}

static void command_on_timer(void *arg) {
  struct exec_command *command = arg;
  command->is_timed_out = true;
  command_kill(command);
  /* Its group may have had a new member meanwhile; and the kernel may keep it for a while. */
  bc_timer_start(command->timer, COMMAND_TRIES_MS);
}

static int command_spawn(struct exec_command *command, struct bc_str argv, const int ends[static 3]) {
  char *words[BC_LIMIT_EXEC_WORDS + 1] = {NULL};
  char job[EXEC_JOB_BYTES];
  char marker[sizeof EXEC_JOB_VARIABLE + EXEC_JOB_BYTES];
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char language[] = "LANG=C.UTF-8";
  char *variables[COMMAND_VARIABLES + 1] = {path, language, marker, NULL};
  char *text = bc_mem_copy_text(argv.at, argv.len);
  size_t count = 0;
  for (size_t at = 0; at < argv.len && count < BC_LIMIT_EXEC_WORDS; at += strlen(text + at) + 1) {
    words[count++] = text + at;
  }
  exec_env_job(command->number, job);
  (void)snprintf(marker, sizeof marker, "%s=%s", EXEC_JOB_VARIABLE, job);
  int err = count == 0 ? EINVAL
                       : bc_child_spawn(&(struct bc_child_program){.path = words[0],
                                                                   .argv = words,
                                                                   .variables = variables,
                                                                   .directory = "/",
                                                                   .input_fd = ends[0],
                                                                   .output_fd = ends[1],
                                                                   .error_fd = ends[2],
                                                                   .channel_fd = -1,
                                                                   .is_session = true},
                                        &command->pid);
  free(text);
  return err;
}

static int command_start(struct exec_command *command, const struct bc_msg_command_run *message) {
  uint32_t most = message->most_output < BC_LIMIT_EXEC_OUTPUT_BYTES ? message->most_output : BC_LIMIT_EXEC_OUTPUT_BYTES;
  int ends[3] = {0};
  ends[1] = command_open_output(command, &command->output, most);
  ends[2] = command_open_output(command, &command->error_output, most);
  if (message->input.len > 0) {
    command->input = bc_mem_copy_text(message->input.at, message->input.len);
    command->input_len = message->input.len;
    ends[0] = command_open_pipe(command, 1, command_on_input, command, &command->input_fd, &command->input_watch);
  }
  int err = ends[0] < 0 || ends[1] < 0 || ends[2] < 0 ? EMFILE : command_spawn(command, message->argv, ends);
  for (size_t i = 0; i < 3; i++) {
    if (ends[i] > 0) {
      (void)close(ends[i]);
    }
  }
  return err;
}

void exec_command_run(struct exec_worker *worker, const struct bc_msg_command_run *message) {
  struct exec_command *command = bc_mem_new(1, sizeof *command);
  command->worker = worker;
  command->id = message->id;
  command->number = ++worker->run_number;
  command->started = bc_mono_now();
  int err = command_start(command, message);
  if (err != 0) {
    command_report_unstarted(worker, message->id, err);
    command_free(command);
    return;
  }
  LIST_INSERT_HEAD(&worker->commands, command, link);
  bc_watch_set(command->output.watch, BC_WATCH_READ);
  bc_watch_set(command->error_output.watch, BC_WATCH_READ);
  if (command->input_watch != NULL) {
    bc_watch_set(command->input_watch, BC_WATCH_WRITE);
  }
  command->timer = bc_timer_new(worker->loop, command_on_timer, command);
  bc_timer_start(command->timer, message->timeout_ms);
}

static void command_cancel(struct exec_command *command) {
  command->is_cancelled = true;
  command_kill(command);
}

void exec_command_cancel(struct exec_worker *worker, uint32_t id) {
  struct exec_command *command;
  LIST_FOREACH(command, &worker->commands, link) {
    if (command->id == id) {
      command_cancel(command);
    }
  }
}

void exec_command_cancel_all(struct exec_worker *worker) {
  struct exec_command *command;
  LIST_FOREACH(command, &worker->commands, link) {
    command_cancel(command);
  }
}

bool exec_command_end(struct exec_worker *worker, pid_t pid) {
  struct exec_command *command;
  LIST_FOREACH(command, &worker->commands, link) {
    if (command->pid == pid) {
      break;
    }
  }
  if (command == NULL) {
    return false;
  }
  int status = 0;
  (void)kill(-pid, SIGKILL);
  (void)waitpid(pid, &status, 0);
  for (int i = 0; i < COMMAND_LAST_READS && command_read(&command->output); i++) {
  }
  for (int i = 0; i < COMMAND_LAST_READS && command_read(&command->error_output); i++) {
  }
  command_report(command, status);
  LIST_REMOVE(command, link);
  command_free(command);
  exec_sweep_request(worker);
  return true;
}

void exec_command_free_all(struct exec_worker *worker) {
  struct exec_command *command;
  while ((command = LIST_FIRST(&worker->commands)) != NULL) {
    LIST_REMOVE(command, link);
    command_free(command);
  }
}

/* ---- for sweeps ---- */

bool exec_command_is_any(const struct exec_worker *worker) {
  const struct exec_command *command;
  LIST_FOREACH(command, &worker->commands, link) {
    if (!command->is_cancelled) {
      return true;
    }
  }
  return false;
}

bool exec_command_has_process(const struct exec_worker *worker, pid_t pid, pid_t session) {
  const struct exec_command *command;
  LIST_FOREACH(command, &worker->commands, link) {
    if (command->pid == pid || (!command->is_cancelled && command->pid == session)) {
      return true;
    }
  }
  return false;
}

bool exec_command_has_job(const struct exec_worker *worker, const char *job) {
  const struct exec_command *command;
  LIST_FOREACH(command, &worker->commands, link) {
    char own[EXEC_JOB_BYTES];
    exec_env_job(command->number, own);
    if (!command->is_cancelled && strcmp(own, job) == 0) {
      return true;
    }
  }
  return false;
}
