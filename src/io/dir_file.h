/* One file of a directory store, read so that a value is never half of one. */
#ifndef BC_IO_DIR_FILE_H
#define BC_IO_DIR_FILE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum bc_dir_file {
  BC_DIR_FILE_READ,
  BC_DIR_FILE_SAME,       /* as it was when `id` was taken: nothing was read */
  BC_DIR_FILE_ABSENT,     /* no such name */
  BC_DIR_FILE_CHANGING,   /* written while it was read */
  BC_DIR_FILE_UNREADABLE, /* it is there and cannot be had */
  BC_DIR_FILE_BROKEN      /* nothing can be said about any file now: the scan is to end */
};

struct bc_dir_file_request {
  int dir_fd;
  const char *name;
  size_t bytes_most;
  uint64_t id; /* of what is known; 0 = none */
};

struct bc_dir_file_answer {
  uint64_t id;
  bool is_link;
  /* Changed so lately that a second change might not show in its times: to be read again. */
  bool is_racy;
  const char *why; /* UNREADABLE, BROKEN: "permission denied"; static, or in `text` */
  char text[96];
};

/* Links are followed. `content` is emptied and filled when it was read. */
enum bc_dir_file bc_dir_file_read(const struct bc_dir_file_request *request, struct bc_buf *content,
                                  struct bc_dir_file_answer *answer);

/* Whether an error says something about the one file (or directory) that was asked for, and not about the process or
 * the file system. */
bool bc_dir_error_is_local(int code);
/* "permission denied"; `text` (of `size` bytes) is used for what has no own words. */
const char *bc_dir_error_text(int code, char *text, size_t size);

#endif
