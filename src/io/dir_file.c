#include "io/dir_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How far the times of a file system may be apart from each other, or from ours, to count as the same. */
enum { FILE_RACY_S = 1, FILE_TRIES = 3 };

bool bc_dir_error_is_local(int code) {
  switch (code) {
  case EMFILE:
  case ENFILE:
  case ENOMEM:
  case ESTALE:
  case ETIMEDOUT:
  case ENOTCONN:
  case EHOSTDOWN:
  case ENODEV:
  case EINTR:
    return false;
  default:
    return true;
  }
}

const char *bc_dir_error_text(int code, char *text, size_t size) {
  switch (code) {
  case EACCES:
    return "permission denied";
  case ELOOP:
    return "links in a circle";
  case EIO:
    return "input/output error";
  case ENOENT:
    return "no such file or directory";
  case ENOTDIR:
    return "not a directory";
  case EROFS:
    return "read-only file system";
  default:
    (void)snprintf(text, size, "%s", strerror(code));
    return text;
  }
}

static uint64_t file_id(const struct stat *status) {
  const uint64_t parts[] = {(uint64_t)status->st_dev,          (uint64_t)status->st_ino,
                            (uint64_t)status->st_size,         (uint64_t)status->st_mtim.tv_sec,
                            (uint64_t)status->st_mtim.tv_nsec, (uint64_t)status->st_ctim.tv_sec,
                            (uint64_t)status->st_ctim.tv_nsec};
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    for (unsigned byte = 0; byte < 8; byte++) {
      hash = (hash ^ ((parts[i] >> (8 * byte)) & 0xff)) * 0x100000001b3U;
    }
  }
  return hash | 1;
}

static const char *file_kind(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFDIR:
    return "a directory: expected a file";
  case S_IFIFO:
    return "a FIFO: expected a file";
  case S_IFSOCK:
    return "a socket: expected a file";
  default:
    return "a device: expected a file";
  }
}

static enum bc_dir_file file_fail(struct bc_dir_file_answer *answer, int code) {
  answer->why = bc_dir_error_text(code, answer->text, sizeof answer->text);
  return bc_dir_error_is_local(code) ? BC_DIR_FILE_UNREADABLE : BC_DIR_FILE_BROKEN;
}

/* The kind and the size. */
static bool file_is_fit(const struct bc_dir_file_request *request, const struct stat *status,
                        struct bc_dir_file_answer *answer) {
  if (!S_ISREG(status->st_mode)) {
    answer->why = file_kind(status->st_mode);
    return false;
  }
  if ((uint64_t)status->st_size > request->bytes_most) {
    (void)snprintf(answer->text, sizeof answer->text, "longer than %zu bytes", request->bytes_most);
    answer->why = answer->text;
    return false;
  }
  return true;
}

static enum bc_dir_file file_look(const struct bc_dir_file_request *request, struct stat *status,
                                  struct bc_dir_file_answer *answer) {
  struct stat link;
  bool is_there = fstatat(request->dir_fd, request->name, &link, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_there && (errno == ENOENT || errno == ENOTDIR)) {
    return BC_DIR_FILE_ABSENT;
  }
  if (!is_there) {
    return file_fail(answer, errno);
  }
  answer->is_link = S_ISLNK(link.st_mode);
  *status = link;
  if (answer->is_link && fstatat(request->dir_fd, request->name, status, 0) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      answer->why = "the link leads nowhere";
      return BC_DIR_FILE_UNREADABLE;
    }
    return file_fail(answer, errno);
  }
  return file_is_fit(request, status, answer) ? BC_DIR_FILE_READ : BC_DIR_FILE_UNREADABLE;
}

/* 0 or an errno. */
static int file_read_all(int fd, size_t most, struct bc_buf *content) {
  bc_buf_clear(content);
  for (;;) {
    char step[16384];
    ssize_t got = read(fd, step, sizeof step);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return got == 0 ? 0 : errno;
    }
    if (content->len + (size_t)got > most) {
      return EFBIG;
    }
    bc_buf_add(content, step, (size_t)got);
  }
}

static bool file_is_recent(const struct timespec *when, const struct timespec *now) {
  return llabs((long long)now->tv_sec - (long long)when->tv_sec) <= FILE_RACY_S;
}

static enum bc_dir_file file_read_open(const struct bc_dir_file_request *request, int fd, struct bc_buf *content,
                                       struct bc_dir_file_answer *answer) {
  struct stat before;
  struct stat after;
  if (fstat(fd, &before) != 0) {
    return file_fail(answer, errno);
  }
  if (!file_is_fit(request, &before, answer)) {
    return BC_DIR_FILE_UNREADABLE;
  }
  int code = file_read_all(fd, request->bytes_most, content);
  if (code != 0 && code != EFBIG) {
    return file_fail(answer, code);
  }
  if (fstat(fd, &after) != 0) {
    return file_fail(answer, errno);
  }
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  answer->id = file_id(&after);
  answer->is_racy = file_is_recent(&after.st_mtim, &now) || file_is_recent(&after.st_ctim, &now);
  bool is_whole = code == 0 && answer->id == file_id(&before) && content->len == (size_t)after.st_size;
  return is_whole ? BC_DIR_FILE_READ : BC_DIR_FILE_CHANGING;
}

enum bc_dir_file bc_dir_file_read(const struct bc_dir_file_request *request, struct bc_buf *content,
                                  struct bc_dir_file_answer *answer) {
  struct stat status;
  *answer = (struct bc_dir_file_answer){0};
  enum bc_dir_file found = file_look(request, &status, answer);
  if (found != BC_DIR_FILE_READ) {
    return found;
  }
  if (request->id != 0 && file_id(&status) == request->id) {
    answer->id = request->id;
    return BC_DIR_FILE_SAME;
  }
  for (unsigned tries = 0; tries < FILE_TRIES; tries++) {
    int fd = openat(request->dir_fd, request->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
      /* It went between two looks: what came in its place is seen at the next. */
      return errno == ENOENT ? BC_DIR_FILE_CHANGING : file_fail(answer, errno);
    }
    found = file_read_open(request, fd, content, answer);
    (void)close(fd);
    if (found != BC_DIR_FILE_CHANGING) {
      break;
    }
  }
  return found;
}
