/* What the two files of the disk side share. */
#ifndef BC_IO_DISK_INTERNAL_H
#define BC_IO_DISK_INTERNAL_H

#include "io/disk.h"

#include <stdbool.h>

struct bc_disk {
  struct bc_loop *loop;
  char *directory;
  int fd;
  int lock_fd;          /* -1: not locked */
  size_t waiting_bytes; /* of saves; logs count their own */
  unsigned users;       /* the owner, logs, jobs under way */
  bool is_closed;
};

void bc_disk_ref(struct bc_disk *disk);
void bc_disk_unref(struct bc_disk *disk);

/* ---- on the disk thread; 0 or an errno ---- */
/* Temporary file, `spare` bytes of the disk kept behind its end, fsync, rename; `fd` (may be NULL) gets the new file,
 * open for reading and appending. */
int bc_disk_replace(const struct bc_disk *disk, const char *name, struct bc_str bytes, size_t spare, int *fd);
/* The disk's room for these bytes of the file belongs to it from now on, without growing it; 0 also where the file
 * system cannot do that (fallocate(2)), with `*kept` = false. */
int bc_disk_keep(int fd, size_t from, size_t len, bool *kept);

/* ---- on the loop ---- */
enum { BC_DISK_TEXT_BYTES = 512 };
/* "cannot write DIRECTORY/NAME: No space left on device"; "" for 0. */
void bc_disk_tell(const struct bc_disk *disk, const char *name, int code, char text[static BC_DISK_TEXT_BYTES]);

/* An open regular file's content, at once. */
BC_MUST_CHECK enum bc_err bc_disk_read_all(const struct bc_disk *disk, const char *name, int fd, struct bc_buf *content,
                                           struct bc_fault *fault);

#endif
