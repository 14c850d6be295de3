#include "worker/exec_private.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

enum { SPAWN_LINE_BYTES = 256, SPAWN_FIRST_CLOSED = 3 };

static const char spawn_shell[] = "/bin/sh";

static int spawn_prepare_files(posix_spawn_file_actions_t *files, const char *folder, int output_fd) {
  int err = posix_spawn_file_actions_adddup2(files, output_fd, STDOUT_FILENO);
  err = err != 0 ? err : posix_spawn_file_actions_adddup2(files, output_fd, STDERR_FILENO);
  err = err != 0 ? err : posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  err = err != 0 ? err : posix_spawn_file_actions_addchdir_np(files, folder);
  return err != 0 ? err : posix_spawn_file_actions_addclosefrom_np(files, SPAWN_FIRST_CLOSED);
}

/* A session, not only a group: no terminal to wait for, no way into the group of another run, and
 * what stays in it is known by its number. */
static int spawn_prepare_attributes(posix_spawnattr_t *attributes) {
  sigset_t none;
  sigset_t all;
  (void)sigemptyset(&none);
  (void)sigfillset(&all);
  int err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  err = err != 0 ? err : posix_spawnattr_setsigdefault(attributes, &all);
  return err != 0 ? err : posix_spawnattr_setsigmask(attributes, &none);
}

static int spawn_argv(const char *folder, int output_fd, char *const argv[], char *const variables[], pid_t *pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  int err = posix_spawn_file_actions_init(&files);
  if (err != 0) {
    return err;
  }
  err = posix_spawnattr_init(&attributes);
  if (err == 0) {
    err = spawn_prepare_files(&files, folder, output_fd);
    err = err != 0 ? err : spawn_prepare_attributes(&attributes);
    err = err != 0 ? err : posix_spawn(pid, argv[0], &files, &attributes, argv, variables);
    (void)posix_spawnattr_destroy(&attributes);
  }
  (void)posix_spawn_file_actions_destroy(&files);
  return err;
}

/* The kernel's reading of a `#!` line: the interpreter, then at most one argument up to the line's end. */
static size_t spawn_read_interpreter(const struct exec_check *check, char line[static SPAWN_LINE_BYTES], char **argv) {
  size_t len = 0;
  while (2 + len < check->script_len && len < SPAWN_LINE_BYTES - 1 && check->script[2 + len] != '\n') {
    line[len] = check->script[2 + len];
    len++;
  }
  line[len] = '\0';
  while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t')) {
    line[--len] = '\0';
  }
  char *at = line + strspn(line, " \t");
  argv[0] = at;
  at += strcspn(at, " \t");
  if (*at == '\0') {
    return 1;
  }
  *at++ = '\0';
  argv[1] = at + strspn(at, " \t");
  return 2;
}

int exec_spawn(const struct exec_check *check, int output_fd, const char *job, pid_t *pid) {
  const struct exec_dir *dir = &check->worker->dir;
  struct bc_buf path;
  bc_buf_init(&path, BC_LIMIT_FRAME_BYTES);
  bc_buf_add_format(&path, "%s/%s", dir->path, check->file_name);
  char line[SPAWN_LINE_BYTES];
  char shell[sizeof spawn_shell];
  memcpy(shell, spawn_shell, sizeof spawn_shell);
  char *argv[4] = {shell};
  size_t count = 1;
  if (exec_spawn_names_interpreter(check)) {
    count = dir->is_noexec ? spawn_read_interpreter(check, line, argv) : 0;
  }
  argv[count] = path.data;
  char **variables = exec_env_new(check, job);
  int err = spawn_argv(dir->path, output_fd, argv, variables, pid);
  exec_env_free(variables);
  bc_buf_free(&path);
  return err;
}

bool exec_spawn_names_interpreter(const struct exec_check *check) {
  return check->script_len > 2 && memcmp(check->script, "#!", 2) == 0;
}
