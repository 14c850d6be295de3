#include "io/child.h"
#include "worker/exec_private.h"

#include <string.h>

enum { SPAWN_LINE_BYTES = 256 };

static const char spawn_shell[] = "/bin/sh";

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
  /* A session, not only a group: no terminal to wait for, no way into the group of another run, and
   * what stays in it is known by its number. */
  int err = bc_child_spawn(&(struct bc_child_program){.path = argv[0],
                                                      .argv = argv,
                                                      .variables = variables,
                                                      .directory = dir->path,
                                                      .output_fd = output_fd,
                                                      .channel_fd = -1,
                                                      .is_session = true},
                           pid);
  exec_env_free(variables);
  bc_buf_free(&path);
  return err;
}

bool exec_spawn_names_interpreter(const struct exec_check *check) {
  return check->script_len > 2 && memcmp(check->script, "#!", 2) == 0;
}
