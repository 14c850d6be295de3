#include "io/unix_listen.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { UNIX_LISTEN_BACKLOG = 64 };

/* Removes a socket that nobody answers. */
static enum bc_err unix_listen_clear_path(const char *path, const struct sockaddr_un *address, struct bc_fault *fault) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    return BC_ERR_OK; /* bind tells what else may be wrong */
  }
  if (!S_ISSOCK(status.st_mode)) {
    bc_fault_set(fault, 0, "%s is there and is not a socket", path);
    return BC_ERR_REFUSED;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool is_answered =
      fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
  int code = errno;
  if (fd >= 0) {
    (void)close(fd);
  }
  if (is_answered) {
    bc_fault_set(fault, 0, "another process listens at %s", path);
    return BC_ERR_EXISTS;
  }
  if (code != ECONNREFUSED || (unlink(path) != 0 && errno != ENOENT)) {
    bc_fault_set(fault, 0, "cannot replace the socket %s: %s", path, strerror(code != ECONNREFUSED ? code : errno));
    return BC_ERR_IO;
  }
  return BC_ERR_OK;
}

enum bc_err bc_unix_listen_open(const char *path, int *out, struct stat *status, struct bc_fault *fault) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    bc_fault_set(fault, 0, "the path of the socket is longer than %zu bytes: %s", sizeof address.sun_path - 1, path);
    return BC_ERR_RANGE;
  }
  memcpy(address.sun_path, path, strlen(path));
  enum bc_err err = unix_listen_clear_path(path, &address, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* Nobody else may connect before the mode is set. */
  mode_t mask = umask(0177);
  bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
  (void)umask(mask);
  if (!is_bound || chmod(path, 0660) != 0 || lstat(path, status) != 0 || listen(fd, UNIX_LISTEN_BACKLOG) != 0) {
    bc_fault_set(fault, 0, "cannot listen at %s: %s", path, strerror(errno));
    if (is_bound) {
      (void)unlink(path);
    }
    if (fd >= 0) {
      (void)close(fd);
    }
    return BC_ERR_IO;
  }
  *out = fd;
  return BC_ERR_OK;
}

void bc_unix_listen_remove(const char *path, const struct stat *ours) {
  struct stat status;
  if (lstat(path, &status) == 0 && status.st_dev == ours->st_dev && status.st_ino == ours->st_ino) {
    (void)unlink(path);
  }
}
