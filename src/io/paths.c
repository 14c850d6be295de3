#include "io/paths.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATHS_LIB "/var/lib/bgpcommander"
#define PATHS_RUN "/run/bgpcommander"

static char *paths_join(const char *format, const char *a, const char *b) __attribute__((format(printf, 1, 0)));
static char *paths_join(const char *format, const char *a, const char *b) {
  int len = snprintf(NULL, 0, format, a, b);
  char *made = bc_mem_new((size_t)len + 1, 1);
  (void)snprintf(made, (size_t)len + 1, format, a, b);
  return made;
}

static bool paths_fits_socket(const char *path) {
  return strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
}

static bool paths_is_usable(const char *directory) {
  struct stat info;
  return stat(directory, &info) == 0 && S_ISDIR(info.st_mode) &&
         faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0;
}

static bool paths_make(const char *directory, mode_t mode) {
  return mkdir(directory, mode) == 0 || errno == EEXIST;
}

/* Anybody may have made this name in /tmp before us, so it counts only when nobody else can enter it. */
static enum bc_err paths_make_private(const char *directory, struct bc_fault *fault) {
  if (!paths_make(directory, 0700)) {
    bc_fault_set(fault, 0, "%s cannot be made: %s", directory, strerror(errno));
    return BC_ERR_IO;
  }
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat info;
  bool is_ours = fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 07777) == 0700;
  if (fd >= 0) {
    (void)close(fd);
  }
  if (!is_ours) {
    bc_fault_set(fault, 0, "%s is not a directory with mode 0700 of user %u: remove it, or give --state-dir", directory,
                 (unsigned)geteuid());
    return BC_ERR_REFUSED;
  }
  return BC_ERR_OK;
}

static enum bc_err paths_resolve_fallback(const struct bc_paths_wish *wish, struct bc_paths *out,
                                          struct bc_fault *fault) {
  char uid[16];
  (void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
  char *parent = paths_join("%s/bgpcommander-%s", wish->script_dir, uid);
  out->state_dir = paths_join("%s/%s", parent, wish->node);
  out->is_fallback = true;
  enum bc_err err = paths_make_private(parent, fault);
  free(parent);
  return err == BC_ERR_OK ? paths_make_private(out->state_dir, fault) : err;
}

static enum bc_err paths_resolve_state(const struct bc_paths_wish *wish, struct bc_paths *out, struct bc_fault *fault) {
  if (wish->state_dir != NULL) {
    out->state_dir = bc_mem_copy_string(wish->state_dir);
    return BC_ERR_OK;
  }
  char *usual = paths_join("%s/%s", PATHS_LIB, wish->node);
  if (paths_make(PATHS_LIB, 0755) && paths_make(usual, 0700) && paths_is_usable(usual)) {
    out->state_dir = usual;
    return BC_ERR_OK;
  }
  free(usual);
  return paths_resolve_fallback(wish, out, fault);
}

static char *paths_socket_in(const char *state_dir, const char *node) {
  char *path = paths_join("%s/%s.sock", state_dir, node);
  if (!paths_fits_socket(path)) {
    free(path);
    path = paths_join("%s/%s", state_dir, "sock");
  }
  return path;
}

static enum bc_err paths_resolve_socket(const struct bc_paths_wish *wish, struct bc_paths *out,
                                        struct bc_fault *fault) {
  char *usual = paths_join("%s/%s.sock", PATHS_RUN, wish->node);
  if (wish->socket == NULL && paths_is_usable(PATHS_RUN) && paths_fits_socket(usual)) {
    out->socket = usual;
    return BC_ERR_OK;
  }
  free(usual);
  out->socket = wish->socket != NULL ? bc_mem_copy_string(wish->socket) : paths_socket_in(out->state_dir, wish->node);
  if (!paths_fits_socket(out->socket)) {
    bc_fault_set(fault, 0, "the path of the local socket has %zu bytes, at most %zu work: give a shorter --socket",
                 strlen(out->socket), sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    return BC_ERR_RANGE;
  }
  return BC_ERR_OK;
}

enum bc_err bc_paths_resolve(const struct bc_paths_wish *wish, struct bc_paths *out, struct bc_fault *fault) {
  *out = (struct bc_paths){0};
  enum bc_err err = paths_resolve_state(wish, out, fault);
  if (err == BC_ERR_OK) {
    err = paths_resolve_socket(wish, out, fault);
  }
  if (err != BC_ERR_OK) {
    bc_paths_release(out);
  }
  return err;
}

void bc_paths_release(struct bc_paths *paths) {
  free(paths->state_dir);
  free(paths->socket);
  *paths = (struct bc_paths){0};
}

static size_t paths_add_found(char *sockets[static BC_PATHS_SOCKETS], size_t count, char *path) {
  struct stat info;
  if (count < BC_PATHS_SOCKETS && paths_fits_socket(path) && stat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
    sockets[count++] = path;
  } else {
    free(path);
  }
  return count;
}

static size_t paths_add_directory(char *directories[static BC_PATHS_SOCKETS], size_t count, const char *path) {
  struct stat info;
  if (count < BC_PATHS_SOCKETS && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
    directories[count++] = bc_mem_copy_string(path);
  }
  return count;
}

/* The daemon runs as another user than the person who asks: any UID's private directory counts, if it
 * belongs to the user in its name. */
static size_t paths_add_private(const struct bc_paths_wish *wish, char *directories[static BC_PATHS_SOCKETS],
                                size_t count) {
  char *pattern = paths_join("%s/bgpcommander-*/%s", wish->script_dir, wish->node);
  glob_t found = {0};
  if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++) {
      struct stat info;
      const char *uid = found.gl_pathv[i] + strlen(wish->script_dir) + strlen("/bgpcommander-");
      if (lstat(found.gl_pathv[i], &info) == 0 && S_ISDIR(info.st_mode) &&
          strtoull(uid, NULL, 10) == (unsigned long long)info.st_uid) {
        count = paths_add_directory(directories, count, found.gl_pathv[i]);
      }
    }
  }
  globfree(&found);
  free(pattern);
  return count;
}

size_t bc_paths_find_state_dirs(const struct bc_paths_wish *wish, char *directories[static BC_PATHS_SOCKETS]) {
  if (wish->state_dir != NULL) {
    return paths_add_directory(directories, 0, wish->state_dir);
  }
  char *usual = paths_join("%s/%s", PATHS_LIB, wish->node);
  size_t count = paths_add_directory(directories, 0, usual);
  free(usual);
  return paths_add_private(wish, directories, count);
}

size_t bc_paths_find_sockets(const struct bc_paths_wish *wish, char *sockets[static BC_PATHS_SOCKETS]) {
  if (wish->socket != NULL) {
    sockets[0] = bc_mem_copy_string(wish->socket);
    return 1;
  }
  size_t count = paths_add_found(sockets, 0, paths_join("%s/%s.sock", PATHS_RUN, wish->node));
  char *directories[BC_PATHS_SOCKETS];
  size_t found = bc_paths_find_state_dirs(wish, directories);
  for (size_t i = 0; i < found; i++) {
    count = paths_add_found(sockets, count, paths_socket_in(directories[i], wish->node));
    free(directories[i]);
  }
  return count;
}
