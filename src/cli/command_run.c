/* `bgpcommander run`: a Lua check once, in the daemon's sandbox. The sandbox is a process of its own (the role @run),
 * as one call of C in it may last for ever: it is watched here by its CPU clock. */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mono.h"
#include "base/procs.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/run_report.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  RUN_TIMEOUT_MS = 2000, /* the default of a Lua check's options */
  RUN_LOOK_MS = 20,
  RUN_CPU_MOST_MS = 2 * BC_LIMIT_LUA_BURST_MS,
  RUN_PATIENCE_MS = 30000, /* of wall time beyond the timeout: the machine may be busy */
  RUN_ANSWER_BYTES = 65536,
  RUN_NAME_BYTES = 50, /* Lua cuts names in its messages a little later */
  RUN_VARIABLES = 128
};

struct run_child {
  pid_t pid;
  int to_fd;
  int from_fd;
};

/* ---- files ---- */

static bool run_read_file(const char *path, size_t most, struct bc_buf *to) {
  char bytes[16384];
  bool is_input = strcmp(path, "-") == 0;
  int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  bc_buf_init(to, most);
  ssize_t got = fd < 0 ? -1 : 1;
  while (got > 0 && !to->failed) {
    got = read(fd, bytes, sizeof bytes);
    bc_buf_add(to, bytes, got > 0 ? (size_t)got : 0);
  }
  const char *problem = got < 0 ? strerror(errno) : NULL;
  if (fd >= 0 && !is_input) {
    (void)close(fd);
  }
  if (problem != NULL || to->failed) {
    (void)fprintf(stderr, "%s: ", path);
    (void)(problem != NULL ? fprintf(stderr, "%s\n", problem) : fprintf(stderr, "longer than %zu bytes\n", most));
    return false;
  }
  return true;
}

/* What the store would make of it. */
static bool run_is_lua(const char *name, struct bc_str script) {
  struct bc_str rest = script;
  struct bc_str line;
  (void)bc_str_next_field(&rest, '\n', &line);
  line = bc_str_trim(line);
  if (!bc_str_starts(line, "#!")) {
    (void)fprintf(stderr, "%s: in the store the first line must be #!lua, else it is a shell check\n", name);
    return true;
  }
  if (!bc_str_is(line, "#!lua")) {
    (void)fprintf(stderr, "%s: a Lua check begins with the line #!lua, found \"%.*s\"\n", name,
                  (int)(line.len < 80 ? line.len : 80), line.at);
    return false;
  }
  return true;
}

static bool run_is_json(const char *path, struct bc_str text) {
  json_error_t error;
  json_t *value = json_loadb(text.at, text.len, JSON_DECODE_ANY, &error);
  json_decref(value);
  if (value == NULL) {
    (void)fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
  }
  return value != NULL;
}

/* How messages call it. */
static void run_shorten_name(const char *path, char name[static RUN_NAME_BYTES + 1]) {
  const char *slash = strrchr(path, '/');
  if (strcmp(path, "-") == 0) {
    path = "stdin";
  } else if (strlen(path) > RUN_NAME_BYTES && slash != NULL) {
    path = slash + 1;
  }
  (void)snprintf(name, RUN_NAME_BYTES + 1, "%s", path);
}

/* ---- the child ---- */

static int run_spawn(char *const *argv, char *const *variables, int input_fd, int output_fd, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  int problem = posix_spawn_file_actions_init(&actions);
  if (problem != 0) {
    return problem;
  }
  problem = posix_spawn_file_actions_adddup2(&actions, input_fd, STDIN_FILENO);
  if (problem == 0) {
    problem = posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
  }
  if (problem == 0) {
    problem = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  }
  if (problem == 0) {
    problem = posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, variables);
  }
  (void)posix_spawn_file_actions_destroy(&actions);
  return problem;
}

static int run_start(char *const *argv, struct run_child *child) {
  char *variables[RUN_VARIABLES + 1];
  size_t count = 0;
  int input[2];
  int output[2];
  for (char **at = environ; *at != NULL && count < RUN_VARIABLES; at++) {
    if (bc_procs_keeps_variable(*at)) {
      variables[count++] = *at;
    }
  }
  variables[count] = NULL;
  if (pipe2(input, O_CLOEXEC) != 0) {
    return errno;
  }
  int problem = pipe2(output, O_CLOEXEC) != 0 ? errno : 0;
  if (problem == 0) {
    problem = run_spawn(argv, variables, input[0], output[1], &child->pid);
    (void)close(output[1]);
    child->from_fd = output[0];
    if (problem != 0) {
      (void)close(output[0]);
    }
  }
  (void)close(input[0]);
  child->to_fd = input[1];
  if (problem != 0) {
    (void)close(input[1]);
  }
  return problem;
}

static int64_t run_cpu_ms(pid_t pid) {
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Takes what came. False: nothing more will. A dot says that another piece of work begins. */
static bool run_take(struct run_child *child, struct bc_buf *answer, int64_t *work_began_ms) {
  char bytes[4096];
  ssize_t got = read(child->from_fd, bytes, sizeof bytes);
  if (got <= 0) {
    return got < 0 && errno == EINTR;
  }
  for (ssize_t i = 0; i < got; i++) {
    if (bytes[i] == '.' && answer->len == 0) {
      *work_began_ms = run_cpu_ms(child->pid);
    } else {
      bc_buf_add_char(answer, bytes[i]);
    }
  }
  return true;
}

/* Until it has answered, ended, or had to be killed: then why, else NULL. */
static const char *run_watch(struct run_child *child, struct bc_buf *answer) {
  struct pollfd poll_fd = {.fd = child->from_fd, .events = POLLIN};
  struct bc_mono deadline = bc_mono_add_ms(bc_mono_now(), RUN_TIMEOUT_MS + RUN_PATIENCE_MS);
  int64_t work_began_ms = 0;
  for (;;) {
    int ready = poll(&poll_fd, 1, RUN_LOOK_MS);
    if (ready > 0 && !run_take(child, answer, &work_began_ms)) {
      return NULL;
    }
    if (run_cpu_ms(child->pid) - work_began_ms > RUN_CPU_MOST_MS) {
      (void)kill(child->pid, SIGKILL);
      return "one call used too much CPU time and could not be interrupted";
    }
    if (bc_mono_reached(deadline, bc_mono_now())) {
      (void)kill(child->pid, SIGKILL);
      return "the sandbox did not answer";
    }
  }
}

static int run_reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/* ---- all ---- */

static int run_execute(const struct bc_settings *settings, const char *name, struct bc_str script, struct bc_str data) {
  char timeout[16];
  char length[16];
  (void)snprintf(timeout, sizeof timeout, "%d", (int)RUN_TIMEOUT_MS);
  (void)snprintf(length, sizeof length, "%zu", script.len);
  char *argv[] = {(char[]){"bgpcommander"}, (char[]){"@run"}, (char *)name, timeout, length, NULL};
  struct run_child child;
  struct bc_buf answer;
  int problem = run_start(argv, &child);
  if (problem != 0) {
    (void)fprintf(stderr, "cannot start the sandbox: %s\n", strerror(problem));
    return BC_CLI_RUN_STOPPED;
  }
  bc_buf_init(&answer, RUN_ANSWER_BYTES);
  (void)signal(SIGPIPE, SIG_IGN);
  (void)!bc_file_write_all(child.to_fd, script.at, script.len);
  (void)!bc_file_write_all(child.to_fd, data.at, data.len);
  (void)close(child.to_fd);
  const char *killed = run_watch(&child, &answer);
  int status = run_reap(child.pid);
  (void)close(child.from_fd);
  struct bc_run_report report = {
      .name = name, .script = script, .killed = killed, .wait_status = status, .is_json = settings->is_json};
  int code = bc_run_report_print(&report, bc_buf_str(&answer));
  bc_buf_free(&answer);
  return code;
}

int bc_command_run(const struct bc_settings *settings) {
  struct bc_buf script;
  struct bc_buf data;
  char name[RUN_NAME_BYTES + 1];
  bc_buf_init(&data, BC_LIMIT_LUA_JSON_BYTES);
  run_shorten_name(settings->words[0], name);
  bool is_fine = run_read_file(settings->words[0], BC_LIMIT_SCRIPT_BYTES, &script) &&
                 run_is_lua(name, bc_buf_str(&script)) &&
                 (settings->data == NULL || (run_read_file(settings->data, BC_LIMIT_LUA_JSON_BYTES, &data) &&
                                             run_is_json(settings->data, bc_buf_str(&data))));
  int code = is_fine ? run_execute(settings, name, bc_buf_str(&script), bc_buf_str(&data)) : BC_CLI_RUN_USAGE;
  bc_buf_free(&script);
  bc_buf_free(&data);
  return code;
}
