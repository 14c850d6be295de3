#include "cli/run_child.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mono.h"
#include "base/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  RUN_LOOK_MS = 20,
  RUN_CPU_MOST_MS = 2 * BC_LIMIT_LUA_BURST_MS,
  RUN_PATIENCE_MS = 30000, /* of wall time beyond the timeout: the machine may be busy */
  RUN_VARIABLES = 128,
  RUN_ROLE_BYTES = 16
};

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

int bc_run_child_start(const char *role, struct bc_run_process *child) {
  char role_word[RUN_ROLE_BYTES];
  char *argv[] = {(char[]){"bgpcommander"}, role_word, NULL};
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
  (void)snprintf(role_word, sizeof role_word, "%s", role);
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

int64_t bc_run_child_cpu_ms(const struct bc_run_process *child) {
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Takes what came. False: nothing more will. A dot says that another piece of work begins. */
static bool run_take(struct bc_run_process *child, struct bc_buf *answer, int64_t *work_began_ms) {
  char bytes[4096];
  ssize_t got = read(child->from_fd, bytes, sizeof bytes);
  if (got <= 0) {
    return got < 0 && errno == EINTR;
  }
  for (ssize_t i = 0; i < got; i++) {
    if (bytes[i] == '.' && answer->len == 0) {
      *work_began_ms = bc_run_child_cpu_ms(child);
    } else {
      bc_buf_add_char(answer, bytes[i]);
    }
  }
  return true;
}

/* Until it has answered, ended, or had to be killed: then why, else NULL. */
static const char *run_watch(struct bc_run_process *child, unsigned timeout_ms, struct bc_buf *answer) {
  struct pollfd poll_fd = {.fd = child->from_fd, .events = POLLIN};
  struct bc_mono deadline = bc_mono_add_ms(bc_mono_now(), (int64_t)timeout_ms + RUN_PATIENCE_MS);
  int64_t work_began_ms = 0;
  for (;;) {
    int ready = poll(&poll_fd, 1, RUN_LOOK_MS);
    if (ready > 0 && !run_take(child, answer, &work_began_ms)) {
      return NULL;
    }
    if (bc_run_child_cpu_ms(child) - work_began_ms > RUN_CPU_MOST_MS) {
      (void)kill(child->pid, SIGKILL);
      return "one call used too much CPU time and could not be interrupted";
    }
    if (bc_mono_reached(deadline, bc_mono_now())) {
      (void)kill(child->pid, SIGKILL);
      return "the sandbox did not answer";
    }
  }
}

int bc_run_child_end(const struct bc_run_process *child) {
  int status = 0;
  if (child->to_fd >= 0) {
    (void)close(child->to_fd);
  }
  (void)close(child->from_fd);
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

int bc_run_child_ask(const char *role, struct bc_str input, unsigned timeout_ms, struct bc_buf *answer,
                     struct bc_run_child *end) {
  struct bc_run_process child;
  int problem = bc_run_child_start(role, &child);
  if (problem != 0) {
    return problem;
  }
  (void)signal(SIGPIPE, SIG_IGN);
  (void)!bc_file_write_all(child.to_fd, input.at, input.len);
  (void)close(child.to_fd);
  child.to_fd = -1;
  end->killed = run_watch(&child, timeout_ms, answer);
  end->wait_status = bc_run_child_end(&child);
  return 0;
}
