#include "base/procs.h"

#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCS_ENVIRONMENT_BYTES = 262144, PROCS_CHILDREN_BYTES = 65536 };

/* The start of a file of /proc, terminated; -1 when it cannot be read. */
static ssize_t procs_read(const char *path, char *to, size_t room) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return -1;
  }
  size_t used = 0;
  ssize_t got;
  while (used < room - 1 && ((got = read(fd, to + used, room - 1 - used)) > 0 || (got < 0 && errno == EINTR))) {
    used += got > 0 ? (size_t)got : 0;
  }
  (void)close(fd);
  to[used] = '\0';
  return (ssize_t)used;
}

static pid_t procs_pid(const char *text) {
  char *end;
  long value = strtol(text, &end, 10);
  return *end == '\0' && value > 0 && value <= INT32_MAX ? (pid_t)value : 0;
}

bool bc_procs_stat(pid_t pid, struct bc_procs_child *process, pid_t *parent) {
  char path[64];
  char text[512];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (procs_read(path, text, sizeof text) <= 0) {
    return false;
  }
  /* The name in brackets may itself hold brackets and blanks. */
  const char *behind_name = strrchr(text, ')');
  if (behind_name == NULL) {
    return false;
  }
  struct bc_str rest = bc_str_of(behind_name + 1);
  struct bc_str state = bc_str_next_word(&rest);
  uint64_t numbers[3];
  for (size_t i = 0; i < 3; i++) {
    if (bc_str_to_u64(bc_str_next_word(&rest), INT32_MAX, &numbers[i]) != BC_ERR_OK) {
      return false;
    }
  }
  *parent = (pid_t)numbers[0];
  *process = (struct bc_procs_child){.pid = pid,
                                     .group = (pid_t)numbers[1],
                                     .session = (pid_t)numbers[2],
                                     .is_zombie = bc_str_is(state, "Z") || bc_str_is(state, "X")};
  return true;
}

static size_t procs_add(pid_t pid, struct bc_procs_child *children, size_t count, size_t max) {
  pid_t parent;
  if (pid == 0 || count == max || !bc_procs_stat(pid, &children[count], &parent) || parent != getpid()) {
    return count;
  }
  return count + 1;
}

static size_t procs_search_all(struct bc_procs_child *children, size_t max) {
  size_t count = 0;
  DIR *dir = opendir("/proc");
  if (dir == NULL) {
    return 0;
  }
  struct dirent *entry;
  while (count < max && (entry = readdir(dir)) != NULL) {
    count = procs_add(procs_pid(entry->d_name), children, count, max);
  }
  (void)closedir(dir);
  return count;
}

size_t bc_procs_children(struct bc_procs_child *children, size_t max) {
  DIR *tasks = access("/proc/thread-self/children", R_OK) == 0 ? opendir("/proc/self/task") : NULL;
  if (tasks == NULL) {
    return procs_search_all(children, max);
  }
  size_t count = 0;
  char *text = bc_mem_new(PROCS_CHILDREN_BYTES, 1);
  struct dirent *entry;
  while ((entry = readdir(tasks)) != NULL) {
    char path[320];
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/children", entry->d_name);
    if (entry->d_name[0] == '.' || procs_read(path, text, PROCS_CHILDREN_BYTES) <= 0) {
      continue;
    }
    char *rest = text;
    char *word;
    while ((word = strsep(&rest, " ")) != NULL) {
      count = procs_add(procs_pid(word), children, count, max);
    }
  }
  free(text);
  (void)closedir(tasks);
  return count;
}

bool bc_procs_environment(pid_t pid, const char *name, char *value, size_t room) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
  char *text = bc_mem_new(PROCS_ENVIRONMENT_BYTES, 1);
  ssize_t len = procs_read(path, text, PROCS_ENVIRONMENT_BYTES);
  size_t name_len = strlen(name);
  bool found = false;
  for (const char *at = text; !found && at < text + (len < 0 ? 0 : len); at += strlen(at) + 1) {
    if (strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
      size_t value_len = strlen(at + name_len + 1);
      found = value_len < room;
      if (found) {
        memcpy(value, at + name_len + 1, value_len + 1);
      }
      break;
    }
  }
  free(text);
  return found;
}

bool bc_procs_keeps_variable(const char *entry) {
  static const char *const kept[] = {"PATH=", "HOME=", "LANG=", "TZ=", "BGPCOMMANDER_"};
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
    if (strncmp(entry, kept[i], strlen(kept[i])) == 0) {
      return true;
    }
  }
  return false;
}
