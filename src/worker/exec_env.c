#include "worker/exec_private.h"

#include "base/mem.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct env_list {
  char **variables;
  size_t count;
};

/* PATH HOME LANG, CHECK STATE ATTEMPT and the job, each at most once on top of the check's own. */
enum { ENV_OWN = 7, ENV_MAX = BC_LIMIT_CHECK_VARIABLES + ENV_OWN };

/* `entry` is NAME=value; a later one of the same name takes the place of the former. */
static void env_put(struct env_list *list, const char *entry, size_t len) {
  const char *equals = memchr(entry, '=', len);
  if (equals == NULL || equals == entry) {
    return;
  }
  size_t name_len = (size_t)(equals - entry) + 1;
  for (size_t i = 0; i < list->count; i++) {
    if (strncmp(list->variables[i], entry, name_len) == 0) {
      free(list->variables[i]);
      list->variables[i] = bc_mem_copy_text(entry, len);
      return;
    }
  }
  if (list->count < ENV_MAX) {
    list->variables[list->count++] = bc_mem_copy_text(entry, len);
  }
}

static void env_put_pair(struct env_list *list, const char *name, const char *value) {
  struct bc_buf entry;
  bc_buf_init(&entry, BC_LIMIT_FRAME_BYTES);
  bc_buf_add_text(&entry, name);
  bc_buf_add_char(&entry, '=');
  bc_buf_add_text(&entry, value);
  env_put(list, entry.data, entry.len);
  bc_buf_free(&entry);
}

static void env_put_given(struct env_list *list, const struct exec_check *check) {
  size_t at = 0;
  for (int given = 0; at < check->environment_len && given < BC_LIMIT_CHECK_VARIABLES; given++) {
    size_t len = strnlen(check->environment + at, check->environment_len - at);
    env_put(list, check->environment + at, len);
    at += len + 1;
  }
}

void exec_env_job(uint64_t run_number, char job[static EXEC_JOB_BYTES]) {
  (void)snprintf(job, EXEC_JOB_BYTES, "%d.%llu", (int)getpid(), (unsigned long long)run_number);
}

static void env_find_home(char home[static PATH_MAX]) {
  (void)snprintf(home, PATH_MAX, "/");
  FILE *file = fopen("/etc/passwd", "re");
  const struct passwd *user = NULL;
  while (file != NULL && (user = fgetpwent(file)) != NULL && user->pw_uid != getuid()) {
  }
  if (user != NULL && user->pw_dir[0] == '/') {
    (void)snprintf(home, PATH_MAX, "%s", user->pw_dir);
  }
  if (file != NULL) {
    (void)fclose(file);
  }
}

/* The user's own by the local file, read once: what ExaBGP's environment says is that of whoever started it, and
 * getpwuid may wait for a directory server, with every check behind it. */
static const char *env_home(void) {
  static char home[PATH_MAX];
  if (home[0] == '\0') {
    env_find_home(home);
  }
  return home;
}

char **exec_env_new(const struct exec_check *check, const char *job) {
  struct env_list list = {.variables = bc_mem_new(ENV_MAX + 1, sizeof *list.variables)};
  char attempt[16];
  (void)snprintf(attempt, sizeof attempt, "%u", check->attempt);
  env_put_pair(&list, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  env_put_pair(&list, "HOME", env_home());
  env_put_pair(&list, "LANG", "C.UTF-8");
  env_put_given(&list, check);
  env_put_pair(&list, "CHECK", check->name);
  env_put_pair(&list, "STATE", check->state);
  env_put_pair(&list, "ATTEMPT", attempt);
  env_put_pair(&list, EXEC_JOB_VARIABLE, job);
  return list.variables;
}

void exec_env_free(char **variables) {
  for (size_t i = 0; variables[i] != NULL; i++) {
    free(variables[i]);
  }
  free(variables);
}
