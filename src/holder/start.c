#include "holder/start.h"

#include "base/harden.h"
#include "base/log.h"
#include "base/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 64, ARGUMENTS_MAX = 256, CHILDREN_MAX = 256 };

int bc_start_prepare(void) {
  struct bc_fault fault;
  /* ExaBGP's umask is 0137: a directory that we make would come out without its x bit. */
  if (bc_harden_process_with(022, BC_HARDEN_NET_ADMIN_PASS, NULL, &fault) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "checks could look into this process: %s", fault.text);
  }
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  (void)close_range(3, ~0U, 0);
  return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

static void start_clean_environment(char *kept[static ENVIRONMENT_MAX]) {
  static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  size_t count = 0;
  if (getenv("PATH") == NULL) {
    kept[count++] = path;
  }
  for (char **at = environ; *at != NULL && count + 1 < ENVIRONMENT_MAX; at++) {
    if (bc_procs_keeps_variable(*at)) {
      kept[count++] = *at;
    }
  }
  kept[count] = NULL;
}

/* In the child, so that a hung disk stops this core and not the holder. */
static void start_write_pid(const char *state_dir, pid_t holder) {
  char path[4096];
  char text[16];
  int len = snprintf(path, sizeof path, "%s/holder.pid", state_dir);
  if (len < 0 || (size_t)len >= sizeof path) {
    return;
  }
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd >= 0) {
    len = snprintf(text, sizeof text, "%d\n", (int)holder);
    ssize_t ignored = write(fd, text, (size_t)len);
    (void)ignored;
    (void)close(fd);
  }
}

static void start_reset_signals(void) {
  struct sigaction usual = {.sa_handler = SIG_DFL};
  sigset_t none;
  (void)sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) {
    (void)sigaction(number, &usual, NULL);
  }
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void start_exec(const struct bc_holder_options *options, int exe_fd, char *const *arguments) {
  char *environment[ENVIRONMENT_MAX];
  start_clean_environment(environment);
  start_reset_signals();
  (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  (void)execve(options->program, arguments, environment);
  (void)syscall(SYS_execveat, exe_fd, "", arguments, environment, AT_EMPTY_PATH);
  _exit(127);
}

pid_t bc_start_core(const struct bc_holder_options *options, int exe_fd, unsigned number, bool is_safe) {
  char starts[32];
  char safe[] = "safe=0";
  static char role[] = "@core";
  char *arguments[ARGUMENTS_MAX] = {options->argv[0], role, starts, safe};
  (void)snprintf(starts, sizeof starts, "starts=%u", number);
  safe[sizeof safe - 2] = is_safe ? '1' : '0';
  for (size_t i = 1; options->argv[i] != NULL; i++) {
    if (i + 4 >= ARGUMENTS_MAX) {
      errno = E2BIG;
      return -1;
    }
    arguments[i + 3] = options->argv[i];
  }
  pid_t holder = getpid();
  pid_t core = fork();
  if (core == 0) {
    if (options->state_dir != NULL && number == 1) {
      start_write_pid(options->state_dir, holder);
    }
    start_exec(options, exe_fd, arguments);
  }
  return core;
}

unsigned bc_start_kill_strays(pid_t spared) {
  static struct bc_procs_child children[CHILDREN_MAX];
  unsigned killed = 0;
  size_t count = bc_procs_children(children, CHILDREN_MAX);
  for (size_t i = 0; i < count; i++) {
    if (children[i].pid != spared && !children[i].is_zombie) {
      (void)kill(children[i].pid, SIGKILL);
      killed++;
    }
  }
  return killed;
}
