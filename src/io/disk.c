#include "io/disk.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/disk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void bc_disk_ref(struct bc_disk *disk) {
  disk->users++;
}

void bc_disk_unref(struct bc_disk *disk) {
  if (--disk->users == 0) {
    (void)close(disk->fd);
    free(disk->directory);
    free(disk);
  }
}

/* Opens it, or makes its last part. */
static int disk_open_directory(const char *directory) {
  bool is_new = mkdir(directory, 0700) == 0;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0 && is_new) {
    (void)fchmod(fd, 0700); /* ExaBGP's umask takes the owner's x bit away */
  }
  return fd;
}

enum bc_err bc_disk_open(struct bc_loop *loop, const char *directory, struct bc_disk **out, struct bc_fault *fault) {
  int fd = disk_open_directory(directory);
  if (fd < 0) {
    enum bc_err err = errno == ENOTDIR ? BC_ERR_REFUSED : BC_ERR_IO;
    bc_fault_set(fault, 0, "cannot open the directory %s: %s", directory, strerror(errno));
    return err;
  }
  struct stat status;
  const char *problem = NULL;
  if (fstat(fd, &status) != 0) {
    problem = strerror(errno);
  } else if ((status.st_mode & S_IWOTH) != 0) {
    problem = "everybody may write to it (chmod o-w)";
  } else if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
    problem = errno == EACCES ? "this user may not write to it" : strerror(errno);
  }
  if (problem != NULL) {
    bc_fault_set(fault, 0, "cannot use the directory %s: %s", directory, problem);
    (void)close(fd);
    return BC_ERR_REFUSED;
  }
  /* A file size limit is an error of one write, not the end of the process. */
  (void)signal(SIGXFSZ, SIG_IGN);
  struct bc_disk *disk = bc_mem_new(1, sizeof *disk);
  *disk =
      (struct bc_disk){.loop = loop, .directory = bc_mem_copy_string(directory), .fd = fd, .lock_fd = -1, .users = 1};
  *out = disk;
  return BC_ERR_OK;
}

void bc_disk_close(struct bc_disk *disk) {
  if (disk == NULL) {
    return;
  }
  if (disk->lock_fd >= 0) {
    (void)close(disk->lock_fd);
  }
  disk->is_closed = true;
  bc_disk_unref(disk);
}

static pid_t disk_read_pid(int fd) {
  char text[16];
  ssize_t got = pread(fd, text, sizeof text, 0);
  uint64_t pid = 0;
  struct bc_str number = {.at = text, .len = got > 0 ? (size_t)got : 0};
  return bc_str_to_u64(bc_str_trim(number), INT32_MAX, &pid) == BC_ERR_OK ? (pid_t)pid : 0;
}

static enum bc_err disk_refuse_lock(const struct bc_disk *disk, int fd, pid_t *holder, struct bc_fault *fault) {
  pid_t pid = disk_read_pid(fd);
  if (holder != NULL) {
    *holder = pid;
  }
  if (pid > 0) {
    bc_fault_set(fault, 0, "%s is in use by process %d", disk->directory, (int)pid);
  } else {
    bc_fault_set(fault, 0, "%s is in use by another process", disk->directory);
  }
  return BC_ERR_EXISTS;
}

enum bc_err bc_disk_lock(struct bc_disk *disk, pid_t *holder, struct bc_fault *fault) {
  if (holder != NULL) {
    *holder = 0;
  }
  if (disk->lock_fd >= 0) {
    return BC_ERR_OK;
  }
  int fd = openat(disk->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
    enum bc_err err = BC_ERR_IO;
    if (fd >= 0 && errno == EWOULDBLOCK) {
      err = disk_refuse_lock(disk, fd, holder, fault);
    } else {
      bc_fault_set(fault, 0, "cannot lock %s/lock: %s", disk->directory, strerror(errno));
    }
    if (fd >= 0) {
      (void)close(fd);
    }
    return err;
  }
  /* The lock is what counts; that the pid cannot be written on a full disk harms nobody. */
  char text[16];
  int len = snprintf(text, sizeof text, "%d\n", (int)getpid());
  if (ftruncate(fd, 0) == 0) {
    (void)!pwrite(fd, text, (size_t)len, 0);
  }
  disk->lock_fd = fd;
  return BC_ERR_OK;
}

enum bc_err bc_disk_read_all(const struct bc_disk *disk, const char *name, int fd, struct bc_buf *content,
                             struct bc_fault *fault) {
  size_t before = content->len;
  for (;;) {
    enum { STEP = 65536 };
    char step[STEP];
    ssize_t got = read(fd, step, sizeof step);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      bc_fault_set(fault, 0, "cannot read %s/%s: %s", disk->directory, name, strerror(errno));
      content->len = before;
      return BC_ERR_IO;
    }
    if (got == 0) {
      return BC_ERR_OK;
    }
    if (content->len + (size_t)got > content->max) {
      bc_fault_set(fault, 0, "%s/%s is longer than %zu bytes", disk->directory, name, content->max);
      content->len = before;
      return BC_ERR_LIMIT;
    }
    bc_buf_add(content, step, (size_t)got);
  }
}

static enum bc_err disk_load(struct bc_disk *disk, const char *name, bool is_end, struct bc_buf *content,
                             struct bc_fault *fault) {
  int fd = openat(disk->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    enum bc_err err = errno == ENOENT ? BC_ERR_NOT_FOUND : BC_ERR_IO;
    bc_fault_set(fault, 0, "cannot open %s/%s: %s", disk->directory, name, strerror(errno));
    return err;
  }
  struct stat status;
  size_t room = content->max - content->len;
  if (is_end && fstat(fd, &status) == 0 && status.st_size > (off_t)room) {
    (void)lseek(fd, status.st_size - (off_t)room, SEEK_SET);
  }
  enum bc_err err = bc_disk_read_all(disk, name, fd, content, fault);
  (void)close(fd);
  return err;
}

enum bc_err bc_disk_load(struct bc_disk *disk, const char *name, struct bc_buf *content, struct bc_fault *fault) {
  return disk_load(disk, name, false, content, fault);
}

enum bc_err bc_disk_load_end(struct bc_disk *disk, const char *name, struct bc_buf *content, struct bc_fault *fault) {
  return disk_load(disk, name, true, content, fault);
}

enum bc_err bc_disk_set_aside(struct bc_disk *disk, const char *name, struct bc_fault *fault) {
  char bad[NAME_MAX + 1];
  int len = snprintf(bad, sizeof bad, "%s.bad", name);
  if (len < 0 || (size_t)len >= sizeof bad || renameat(disk->fd, name, disk->fd, bad) != 0) {
    bc_fault_set(fault, 0, "cannot rename %s/%s: %s", disk->directory, name, strerror(errno));
    return BC_ERR_IO;
  }
  return BC_ERR_OK;
}

int bc_disk_keep(int fd, size_t from, size_t len, bool *kept) {
  int code;
  do {
    code = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)len) == 0 ? 0 : errno;
  } while (code == EINTR);
  *kept = code == 0;
  return code == EOPNOTSUPP || code == ENOSYS || code == ENODEV ? 0 : code;
}

int bc_disk_replace(const struct bc_disk *disk, const char *name, struct bc_str bytes, size_t spare, int *fd) {
  char temporary[NAME_MAX + 1];
  int len = snprintf(temporary, sizeof temporary, "%s.new", name);
  if (len < 0 || (size_t)len >= sizeof temporary) {
    return ENAMETOOLONG;
  }
  int to = openat(disk->fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (to < 0) {
    return errno;
  }
  bool kept;
  int code = bc_file_write_all(to, bytes.at, bytes.len);
  code = code == 0 && spare > 0 ? bc_disk_keep(to, bytes.len, spare, &kept) : code;
  if (code == 0 && (fsync(to) != 0 || renameat(disk->fd, temporary, disk->fd, name) != 0)) {
    code = errno;
  }
  if (code != 0) {
    (void)unlinkat(disk->fd, temporary, 0);
    (void)close(to);
    return code;
  }
  (void)fsync(disk->fd); /* the new content stands already: its loss in a power cut leaves the old */
  if (fd != NULL) {
    *fd = to;
  } else {
    (void)close(to);
  }
  return 0;
}

void bc_disk_tell(const struct bc_disk *disk, const char *name, int code, char text[static BC_DISK_TEXT_BYTES]) {
  text[0] = '\0';
  if (code != 0) {
    (void)snprintf(text, BC_DISK_TEXT_BYTES, "cannot write %s/%s: %s", disk->directory, name, strerror(code));
  }
}

/* A file to be replaced or removed. */
struct disk_save {
  struct bc_disk *disk;
  char *name;
  char *bytes;
  size_t len;
  int code; /* errno; written by the disk thread, read after the job */
  bc_disk_fn *done;
  void *arg;
};

static void disk_save_work(void *arg) {
  struct disk_save *save = arg;
  save->code = bc_disk_replace(save->disk, save->name, (struct bc_str){.at = save->bytes, .len = save->len}, 0, NULL);
}

static void disk_save_release(struct disk_save *save) {
  bc_disk_unref(save->disk);
  free(save->name);
  free(save->bytes);
  free(save);
}

static void disk_save_done(void *arg) {
  struct disk_save *save = arg;
  save->disk->waiting_bytes -= save->len;
  if (save->done != NULL && !save->disk->is_closed) {
    char text[BC_DISK_TEXT_BYTES];
    bc_disk_tell(save->disk, save->name, save->code, text);
    save->done(save->arg, save->code == 0 ? BC_ERR_OK : BC_ERR_IO, text);
  }
  disk_save_release(save);
}

enum bc_err bc_disk_save(struct bc_disk *disk, const char *name, struct bc_str bytes, bc_disk_fn *done, void *arg) {
  if (disk->waiting_bytes > 0 && disk->waiting_bytes + bytes.len > BC_LIMIT_DISK_QUEUE_BYTES) {
    return BC_ERR_LIMIT;
  }
  struct disk_save *save = bc_mem_new(1, sizeof *save);
  *save = (struct disk_save){.disk = disk,
                             .name = bc_mem_copy_string(name),
                             .bytes = bc_mem_copy_text(bytes.at, bytes.len),
                             .len = bytes.len,
                             .done = done,
                             .arg = arg};
  bc_disk_ref(disk);
  if (bc_loop_job(disk->loop, disk_save_work, disk_save_done, save) != BC_ERR_OK) {
    disk_save_release(save);
    return BC_ERR_LIMIT;
  }
  disk->waiting_bytes += bytes.len;
  return BC_ERR_OK;
}
