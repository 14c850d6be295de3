#include "io/child.h"

#include "base/mem.h"
#include "base/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_CHANNEL_FD = 3, CHILD_PAGE_FD = 4, CHILD_STRAYS = 1024, CHILD_DEATH_MS = 1000, CHILD_STRAYS_MS = 250 };

struct bc_child {
  LIST_ENTRY(bc_child) link;
  bc_child_fn *ended;
  void *arg;
  struct bc_signal *signal;
  pid_t pid; /* 0: reaped */
};

/* Who is a stray is a question about the whole process, so this list is too. */
static LIST_HEAD(, bc_child) child_all = LIST_HEAD_INITIALIZER(child_all);

/* Pointers into our own environment, to be freed as one block. */
static char **child_environment(void) {
  size_t count = 0;
  while (environ != NULL && environ[count] != NULL) {
    count++;
  }
  char **kept = bc_mem_new(count + 1, sizeof *kept);
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    if (bc_procs_keeps_variable(environ[i])) {
      kept[used++] = environ[i];
    }
  }
  return kept;
}

static int child_prepare_files(const struct bc_child_program *program, posix_spawn_file_actions_t *files) {
  int err = 0;
  int first_closed = CHILD_CHANNEL_FD;
  if (program->channel_fd >= 0) {
    err = posix_spawn_file_actions_adddup2(files, program->channel_fd, CHILD_CHANNEL_FD);
    first_closed++;
  }
  if (program->page_fd > 0) {
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(files, program->page_fd, CHILD_PAGE_FD);
    first_closed = CHILD_PAGE_FD + 1;
  }
  if (program->output_fd >= 0) {
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(files, program->output_fd, STDOUT_FILENO);
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(files, program->output_fd, STDERR_FILENO);
  } else {
    err = err != 0 ? err : posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  }
  if (program->error_fd > 0) {
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(files, program->error_fd, STDERR_FILENO);
  }
  if (program->input_fd > 0) {
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(files, program->input_fd, STDIN_FILENO);
  } else {
    err = err != 0 ? err : posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  if (program->directory != NULL) {
    err = err != 0 ? err : posix_spawn_file_actions_addchdir_np(files, program->directory);
  }
  return err != 0 ? err : posix_spawn_file_actions_addclosefrom_np(files, first_closed);
}

static int child_prepare_attributes(const struct bc_child_program *program, posix_spawnattr_t *attributes) {
  sigset_t none;
  sigset_t all;
  (void)sigemptyset(&none);
  (void)sigfillset(&all);
  short family = program->is_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  int err = posix_spawnattr_setflags(attributes, (short)(family | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
  err = err != 0 ? err : posix_spawnattr_setpgroup(attributes, 0);
  err = err != 0 ? err : posix_spawnattr_setsigdefault(attributes, &all);
  return err != 0 ? err : posix_spawnattr_setsigmask(attributes, &none);
}

int bc_child_spawn(const struct bc_child_program *program, pid_t *pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  int err = posix_spawn_file_actions_init(&files);
  if (err != 0) {
    return err;
  }
  err = posix_spawnattr_init(&attributes);
  if (err == 0) {
    err = child_prepare_files(program, &files);
    err = err != 0 ? err : child_prepare_attributes(program, &attributes);
    err = err != 0 ? err : posix_spawn(pid, program->path, &files, &attributes, program->argv, program->variables);
    (void)posix_spawnattr_destroy(&attributes);
  }
  (void)posix_spawn_file_actions_destroy(&files);
  return err;
}

static void child_describe(int status, char *why, size_t room) {
  if (WIFSIGNALED(status)) {
    const char *name = sigdescr_np(WTERMSIG(status));
    (void)snprintf(why, room, "signal %d (%s)", WTERMSIG(status), name == NULL ? "unknown" : name);
  } else {
    (void)snprintf(why, room, "exit code %d", WEXITSTATUS(status));
  }
}

static void child_on_signal(void *arg, int number) {
  (void)number;
  struct bc_child *child = arg;
  int status;
  if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid) {
    return;
  }
  child->pid = 0;
  char why[64];
  child_describe(status, why, sizeof why);
  child->ended(child->arg, status, why);
}

static enum bc_err child_start(struct bc_loop *loop, struct bc_child_program *program, bc_child_fn *ended, void *arg,
                               struct bc_child **child, int *channel_fd, struct bc_fault *fault) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    bc_fault_set(fault, 0, "socketpair: %s", strerror(errno));
    return BC_ERR_IO;
  }
  struct bc_child *made = bc_mem_new(1, sizeof *made);
  made->ended = ended;
  made->arg = arg;
  /* Before the start: the child may be dead at once. */
  made->signal = bc_signal_new(loop, SIGCHLD, child_on_signal, made);
  program->output_fd = -1;
  program->channel_fd = ends[1];
  int err = bc_child_spawn(program, &made->pid);
  (void)close(ends[1]);
  if (err != 0) {
    bc_fault_set(fault, 0, "cannot start %s: %s", program->path, strerror(err));
    (void)close(ends[0]);
    bc_signal_free(made->signal);
    free(made);
    return BC_ERR_IO;
  }
  LIST_INSERT_HEAD(&child_all, made, link);
  *child = made;
  *channel_fd = ends[0];
  return BC_ERR_OK;
}

static const char child_own_program[] = "/proc/self/exe";

enum bc_err bc_child_start(struct bc_loop *loop, const char *path, char *const argv[], bc_child_fn *ended, void *arg,
                           struct bc_child **child, int *channel_fd, struct bc_fault *fault) {
  char **variables = child_environment();
  struct bc_child_program program = {
      .path = path == NULL ? child_own_program : path, .argv = argv, .variables = variables};
  enum bc_err err = child_start(loop, &program, ended, arg, child, channel_fd, fault);
  free(variables);
  return err;
}

enum bc_err bc_child_start_bare(struct bc_loop *loop, char *const argv[], int page_fd, bc_child_fn *ended, void *arg,
                                struct bc_child **child, int *channel_fd, struct bc_fault *fault) {
  char *none[] = {NULL};
  struct bc_child_program program = {.path = child_own_program, .argv = argv, .variables = none, .page_fd = page_fd};
  return child_start(loop, &program, ended, arg, child, channel_fd, fault);
}

pid_t bc_child_pid(const struct bc_child *child) {
  return child->pid;
}

void bc_child_kill(struct bc_child *child) {
  if (child->pid != 0) {
    (void)kill(child->pid, SIGKILL);
  }
}

/* Waits for the end of a killed child, but not for ever: one that hangs in the kernel is left to
 * bc_child_kill_strays. */
static bool child_reap(pid_t pid, struct bc_mono deadline) {
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  bool reaped = waitpid(pid, NULL, WNOHANG) != 0;
  while (!reaped && fd >= 0) {
    int64_t left_ms = bc_mono_ms_between(bc_mono_now(), deadline);
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int ready = left_ms <= 0 ? 0 : poll(&entry, 1, (int)left_ms);
    reaped = waitpid(pid, NULL, WNOHANG) != 0;
    if (ready == 0) {
      break;
    }
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  return reaped;
}

void bc_child_free(struct bc_child *child) {
  if (child == NULL) {
    return;
  }
  if (child->pid != 0) {
    bc_child_kill(child);
    (void)child_reap(child->pid, bc_mono_add_ms(bc_mono_now(), CHILD_DEATH_MS));
  }
  LIST_REMOVE(child, link);
  bc_signal_free(child->signal);
  free(child);
}

static bool child_is_ours(pid_t pid) {
  const struct bc_child *child;
  LIST_FOREACH(child, &child_all, link) {
    if (child->pid == pid) {
      return true;
    }
  }
  return false;
}

/* A whole group at once cannot outrun us by forking. */
static void child_kill_stray(const struct bc_procs_child *stray) {
  (void)kill(stray->pid, SIGKILL);
  if (stray->group > 1 && stray->group != getpgrp() && !child_is_ours(stray->group)) {
    (void)kill(-stray->group, SIGKILL);
  }
}

/* A killed process hands its own children to us: again until nobody comes, or until the deadline. */
static unsigned child_sweep(struct bc_mono deadline) {
  struct bc_procs_child *list = bc_mem_new(CHILD_STRAYS, sizeof *list);
  unsigned killed = 0;
  unsigned reaped;
  do {
    size_t count = bc_procs_children(list, CHILD_STRAYS);
    reaped = 0;
    for (size_t i = 0; i < count; i++) {
      if (!child_is_ours(list[i].pid)) {
        child_kill_stray(&list[i]);
      }
    }
    for (size_t i = 0; i < count; i++) {
      if (!child_is_ours(list[i].pid) && child_reap(list[i].pid, deadline)) {
        reaped++;
      }
    }
    killed += reaped;
  } while (reaped > 0 && !bc_mono_reached(deadline, bc_mono_now()));
  free(list);
  return killed;
}

unsigned bc_child_kill_strays(void) {
  return child_sweep(bc_mono_add_ms(bc_mono_now(), CHILD_STRAYS_MS));
}

struct bc_child_strays {
  struct bc_signal *signal;
};

static void child_on_stray(void *arg, int number) {
  (void)arg;
  (void)number;
  /* Those that do not end at once end with the next signal. */
  (void)child_sweep(bc_mono_now());
}

struct bc_child_strays *bc_child_strays_new(struct bc_loop *loop) {
  struct bc_child_strays *strays = bc_mem_new(1, sizeof *strays);
  strays->signal = bc_signal_new(loop, SIGCHLD, child_on_stray, strays);
  return strays;
}

void bc_child_strays_free(struct bc_child_strays *strays) {
  if (strays != NULL) {
    bc_signal_free(strays->signal);
    free(strays);
  }
}
