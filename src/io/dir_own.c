#include "io/dir_own.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "io/dir_file.h"
#include "proto/dir_key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* node/NODE/routes/NAME: the directories of a key, and its file. */
enum { OWN_PARTS_MOST = 5, OWN_KEYS_MOST = BC_LIMIT_ROUTES + 16 * BC_LIMIT_NEIGHBORS };

struct own_path {
  char parts[OWN_PARTS_MOST][BC_LIMIT_NAME_BYTES + 1];
  size_t count;
};

static bool own_split(const char *node, const char *below, struct own_path *path) {
  char text[4 * BC_LIMIT_NAME_BYTES];
  int len = snprintf(text, sizeof text, "node/%s/%s", node, below);
  if (len < 0 || (size_t)len >= sizeof text || !bc_dir_own_is_valid(bc_str_of(below))) {
    return false;
  }
  struct bc_str rest = bc_str_of(text);
  struct bc_str part;
  path->count = 0;
  while (bc_str_next_field(&rest, '/', &part)) {
    if (path->count == OWN_PARTS_MOST || part.len == 0 || part.len > BC_LIMIT_NAME_BYTES) {
      return false;
    }
    memcpy(path->parts[path->count], part.at, part.len);
    path->parts[path->count++][part.len] = '\0';
  }
  return true;
}

/* One directory further, made when `make`; closes `at_fd`. -1 and errno. */
static int own_enter(int at_fd, const char *name, bool make) {
  if (make) {
    (void)mkdirat(at_fd, name, 0755);
  }
  int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int code = errno;
  (void)close(at_fd);
  errno = code;
  return fd;
}

/* The directory that holds the last part, or the `depth`th. -1 and errno; *failed is then the part's number. */
static int own_open(const char *directory, const struct own_path *path, size_t depth, bool make, size_t *failed) {
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  *failed = 0;
  for (size_t i = 0; fd >= 0 && i < depth; i++) {
    *failed = i + 1;
    fd = own_enter(fd, path->parts[i], make);
  }
  return fd;
}

static bool own_fail(const char *directory, const struct own_path *path, size_t parts, const char *what, int code,
                     struct bc_fault *fault) {
  char place[OWN_PARTS_MOST * (BC_LIMIT_NAME_BYTES + 2)] = "";
  char text[96];
  size_t len = 0;
  for (size_t i = 0; i < parts; i++) {
    len += (size_t)snprintf(place + len, sizeof place - len, "/%s", path->parts[i]);
  }
  const char *why =
      code == ENOTDIR ? "not a directory (a link is not followed)" : bc_dir_error_text(code, text, sizeof text);
  bc_fault_set(fault, 0, "cannot %s %s%s: %s", what, directory, place, why);
  return false;
}

/* 0 or an errno. */
static int own_replace(int fd, const char *name, const char *value) {
  (void)unlinkat(fd, BC_DIR_OWN_TEMPORARY, 0);
  int to = openat(fd, BC_DIR_OWN_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (to < 0) {
    return errno;
  }
  int code = bc_file_write_all(to, value, strlen(value));
  if (code == 0) {
    code = bc_file_write_all(to, "\n", 1);
  }
  if (code == 0 && (fchmod(to, 0644) != 0 || renameat(fd, BC_DIR_OWN_TEMPORARY, fd, name) != 0)) {
    code = errno;
  }
  (void)close(to);
  if (code != 0) {
    (void)unlinkat(fd, BC_DIR_OWN_TEMPORARY, 0);
  }
  return code;
}

/* Directories that only we fill: routes/NAME, then routes. */
static void own_prune(const char *directory, const struct own_path *path) {
  size_t failed = 0;
  for (size_t depth = path->count - 1; depth > 2; depth--) {
    int fd = own_open(directory, path, depth - 1, false, &failed);
    int code = fd < 0 ? errno : 0;
    if (fd >= 0) {
      code = unlinkat(fd, path->parts[depth - 1], AT_REMOVEDIR) == 0 ? 0 : errno;
      (void)close(fd);
    }
    if (code != 0) {
      return;
    }
  }
}

static bool own_remove(const char *directory, const struct own_path *path, struct bc_fault *fault) {
  size_t failed = 0;
  int fd = own_open(directory, path, path->count - 1, false, &failed);
  if (fd < 0) {
    return errno == ENOENT || errno == ENOTDIR || own_fail(directory, path, failed, "open", errno, fault);
  }
  int code = unlinkat(fd, path->parts[path->count - 1], 0) == 0 || errno == ENOENT ? 0 : errno;
  (void)close(fd);
  if (code != 0) {
    return own_fail(directory, path, path->count, "remove", code, fault);
  }
  own_prune(directory, path);
  return true;
}

bool bc_dir_own_write(const char *directory, const char *node, const char *below, const char *value,
                      struct bc_fault *fault) {
  struct own_path path;
  size_t failed = 0;
  if (!own_split(node, below, &path)) {
    bc_fault_set(fault, 0, "no file can be called %s", below);
    return false;
  }
  if (value == NULL) {
    return own_remove(directory, &path, fault);
  }
  int fd = own_open(directory, &path, path.count - 1, true, &failed);
  if (fd < 0) {
    return own_fail(directory, &path, failed, "make the directory", errno, fault);
  }
  int code = own_replace(fd, path.parts[path.count - 1], value);
  (void)close(fd);
  return code == 0 || own_fail(directory, &path, path.count, "write", code, fault);
}

/* ---- what is there ---- */

struct own_finder {
  bc_dir_own_fn *fn;
  void *arg;
  size_t count;
};

static void own_tell(struct own_finder *finder, int fd, const char *folder, const char *name, const char *file) {
  char below[3 * BC_LIMIT_NAME_BYTES];
  struct stat status;
  int len = name[0] == '\0' ? snprintf(below, sizeof below, "%s", file)
                            : snprintf(below, sizeof below, "%s/%s/%s", folder, name, file);
  if (len < 0 || (size_t)len >= sizeof below || !bc_dir_own_is_valid(bc_str_of(below)) ||
      finder->count >= OWN_KEYS_MOST || fstatat(fd, file, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      S_ISDIR(status.st_mode)) {
    return;
  }
  finder->count++;
  finder->fn(finder->arg, below, S_ISREG(status.st_mode) ? status.st_size : -1);
}

static void own_find_named(struct own_finder *finder, int folder_fd, const char *folder, const char *name) {
  int fd = openat(folder_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  if (strcmp(folder, "routes") == 0) {
    own_tell(finder, fd, folder, name, "state");
  } else {
    const char *file;
    for (size_t i = 0; (file = bc_dir_own_neighbor(i)) != NULL; i++) {
      own_tell(finder, fd, folder, name, file);
    }
  }
  (void)close(fd);
}

static void own_find_folder(struct own_finder *finder, int node_fd, const char *folder) {
  int fd = openat(node_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *names = fd < 0 ? NULL : fdopendir(fd);
  if (names == NULL) {
    if (fd >= 0) {
      (void)close(fd);
    }
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(names)) != NULL && finder->count < OWN_KEYS_MOST) {
    if (entry->d_name[0] != '.') {
      own_find_named(finder, fd, folder, entry->d_name);
    }
  }
  (void)closedir(names);
}

void bc_dir_own_find(const char *directory, const char *node, bc_dir_own_fn *fn, void *arg) {
  struct own_finder finder = {.fn = fn, .arg = arg};
  struct own_path path;
  size_t failed = 0;
  if (!own_split(node, "status", &path)) {
    return;
  }
  int fd = own_open(directory, &path, path.count - 1, false, &failed);
  if (fd >= 0) {
    own_tell(&finder, fd, "", "", "status");
    own_find_folder(&finder, fd, "routes");
    own_find_folder(&finder, fd, "neighbors");
    (void)close(fd);
  }
}
