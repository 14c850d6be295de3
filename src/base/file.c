#include "base/file.h"

#include <errno.h>
#include <unistd.h>

int bc_file_write_all(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t put = write(fd, bytes, len);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return put < 0 ? errno : EIO;
    }
    bytes += put;
    len -= (size_t)put;
  }
  return 0;
}
