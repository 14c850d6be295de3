#include "io/ring.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/disk_internal.h"
#include "io/ring_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
  RING_STEP_BYTES = 1024 * 1024,
  RING_SPARED_BYTES = 8 * 1024 * 1024, /* of the disk are left to others, … */
  RING_SPARED_PART = 10                /* … or this part of it, if that is less */
};

/* What goes to the disk thread at once. */
struct ring_step {
  TAILQ_ENTRY(ring_step) link; /* while it waits */
  struct bc_ring *ring;
  struct bc_buf lines;
  uint64_t lost; /* this and the code are the disk thread's */
  int code;
};
TAILQ_HEAD(ring_steps, ring_step);

struct bc_ring {
  struct bc_disk *disk;
  struct bc_ring_options options;
  char *name;
  struct ring_steps waiting;
  uint64_t appended;
  uint64_t finished;
  unsigned steps; /* at the disk thread: one, until it is closed */
  bool is_closed;

  /* The disk thread's, once it has a step. */
  int fd; /* of the newest file; -1 = to be opened */
  uint64_t number;
  size_t size;
  bool is_torn; /* what stands at its end is no whole line */
};

/* ---- on the disk thread ---- */

static void ring_leave_file(struct bc_ring *ring) {
  if (ring->fd >= 0) {
    (void)close(ring->fd);
  }
  ring->fd = -1;
}

/* Those that are too many. */
static void ring_remove_old(const struct bc_ring *ring) {
  uint64_t *numbers;
  size_t count;
  if (!bc_ring_files_list(ring->disk->fd, ring->name, &numbers, &count)) {
    return;
  }
  for (size_t i = 0; i + ring->options.segments < count; i++) {
    char name[NAME_MAX + 1];
    bc_ring_files_name(ring->name, numbers[i], name);
    (void)unlinkat(ring->disk->fd, name, 0);
  }
  free(numbers);
}

/* Opens the file with ring->number, or makes it; 0 or an errno. */
static int ring_enter_file(struct bc_ring *ring) {
  char name[NAME_MAX + 1];
  struct stat status;
  char last = '\n';
  bc_ring_files_name(ring->name, ring->number, name);
  ring->fd = openat(ring->disk->fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (ring->fd < 0) {
    return errno;
  }
  if (fstat(ring->fd, &status) != 0 || !S_ISREG(status.st_mode) ||
      (status.st_size > 0 && pread(ring->fd, &last, 1, status.st_size - 1) != 1)) {
    ring_leave_file(ring);
    return EIO;
  }
  ring->size = (size_t)status.st_size;
  ring->is_torn = last != '\n';
  ring_remove_old(ring);
  return 0;
}

/* Else somebody removed it, or moved it away. */
static bool ring_has_its_name(const struct bc_ring *ring) {
  char name[NAME_MAX + 1];
  struct stat own, there;
  bc_ring_files_name(ring->name, ring->number, name);
  return fstat(ring->fd, &own) == 0 && fstatat(ring->disk->fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

/* The file that `len` more bytes go to; 0 or an errno. */
static int ring_choose_file(struct bc_ring *ring, size_t len) {
  if (ring->fd >= 0 && !ring_has_its_name(ring)) {
    ring_leave_file(ring);
  }
  int code = ring->fd >= 0 ? 0 : ring_enter_file(ring);
  if (code == 0 && ring->size > 0 && ring->size + len > ring->options.segment_bytes) {
    ring_leave_file(ring);
    ring->number++;
    code = ring_enter_file(ring);
  }
  return code;
}

static int ring_spare_disk(const struct bc_ring *ring, size_t len) {
  struct statvfs disk;
  if (fstatvfs(ring->disk->fd, &disk) != 0) {
    return 0;
  }
  uint64_t unit = disk.f_frsize;
  uint64_t spared = disk.f_blocks * unit / RING_SPARED_PART;
  spared = spared < RING_SPARED_BYTES ? spared : RING_SPARED_BYTES;
  return disk.f_bavail * unit < spared + len ? ENOSPC : 0;
}

/* Whole lines that fit into the newest file, at least one. */
static size_t ring_fitting(const struct bc_ring *ring, struct bc_str lines) {
  size_t used = ring->fd >= 0 ? ring->size : 0;
  size_t room = ring->options.segment_bytes > used ? ring->options.segment_bytes - used : 0;
  if (lines.len <= room) {
    return lines.len;
  }
  const char *last = room == 0 ? NULL : memrchr(lines.at, '\n', room);
  const char *end = last != NULL ? last : memchr(lines.at, '\n', lines.len);
  return end == NULL ? lines.len : (size_t)(end - lines.at) + 1;
}

static int ring_write_part(struct bc_ring *ring, struct bc_str part) {
  int code = ring_choose_file(ring, part.len);
  if (code == 0 && ring->is_torn) {
    code = bc_file_write_all(ring->fd, "\n", 1);
    ring->is_torn = code != 0;
    ring->size += code == 0;
  }
  if (code != 0) {
    return code;
  }
  code = bc_file_write_all(ring->fd, part.at, part.len);
  if (code == 0) {
    ring->size += part.len;
  } else if (ftruncate(ring->fd, (off_t)ring->size) != 0) {
    ring_leave_file(ring); /* it is looked at again before the next step */
  }
  return code;
}

static uint64_t ring_count_lines(struct bc_str lines) {
  uint64_t count = 0;
  for (size_t i = 0; i < lines.len; i++) {
    count += lines.at[i] == '\n';
  }
  return count;
}

static void ring_work(void *arg) {
  struct ring_step *step = arg;
  struct bc_ring *ring = step->ring;
  struct bc_str rest = bc_buf_str(&step->lines);
  step->code = ring_spare_disk(ring, rest.len);
  while (step->code == 0 && rest.len > 0) {
    struct bc_str part = {.at = rest.at, .len = ring_fitting(ring, rest)};
    step->code = ring_write_part(ring, part);
    if (step->code == 0) {
      rest.at += part.len;
      rest.len -= part.len;
    }
  }
  step->lost = ring_count_lines(rest);
}

/* ---- on the loop ---- */

static void ring_release_if_unused(struct bc_ring *ring) {
  if (ring->is_closed && ring->steps == 0) {
    ring_leave_file(ring);
    bc_disk_unref(ring->disk);
    free(ring->name);
    free(ring);
  }
}

static void ring_free_step(struct ring_step *step) {
  bc_buf_free(&step->lines);
  free(step);
}

static void ring_done(void *arg);

static void ring_submit_first(struct bc_ring *ring) {
  struct ring_step *step = TAILQ_FIRST(&ring->waiting);
  if (step != NULL && bc_loop_job(ring->disk->loop, ring_work, ring_done, step) == BC_ERR_OK) {
    TAILQ_REMOVE(&ring->waiting, step, link);
    ring->steps++;
  }
}

static void ring_done(void *arg) {
  struct ring_step *step = arg;
  struct bc_ring *ring = step->ring;
  char text[BC_DISK_TEXT_BYTES];
  uint64_t lost = step->lost;
  bc_disk_tell(ring->disk, ring->name, step->code, text);
  ring->finished += step->lines.len;
  ring->steps--;
  ring_free_step(step);
  if (ring->is_closed) {
    ring_release_if_unused(ring);
    return;
  }
  ring_submit_first(ring);
  if (ring->options.told != NULL) {
    ring->options.told(ring->options.arg, lost, text);
  }
}

/* To gather more lines in. */
static struct ring_step *ring_last_step(struct bc_ring *ring) {
  struct ring_step *last = TAILQ_LAST(&ring->waiting, ring_steps);
  if (last == NULL || last->lines.len >= RING_STEP_BYTES) {
    last = bc_mem_new(1, sizeof *last);
    last->ring = ring;
    bc_buf_init(&last->lines, BC_LIMIT_RECORDS_QUEUE_BYTES + RING_STEP_BYTES);
    TAILQ_INSERT_TAIL(&ring->waiting, last, link);
  }
  return last;
}

enum bc_err bc_ring_append(struct bc_ring *ring, struct bc_str lines) {
  if (ring->appended - ring->finished + lines.len > BC_LIMIT_RECORDS_QUEUE_BYTES) {
    return BC_ERR_LIMIT;
  }
  bc_buf_add_str(&ring_last_step(ring)->lines, lines);
  ring->appended += lines.len;
  if (ring->steps == 0) {
    ring_submit_first(ring);
  }
  return BC_ERR_OK;
}

uint64_t bc_ring_appended(const struct bc_ring *ring) {
  return ring->appended;
}

uint64_t bc_ring_finished(const struct bc_ring *ring) {
  return ring->finished;
}

/* The last `most` bytes of a file go to `to`; less when it cannot be read. */
static void ring_read_end(const struct bc_disk *disk, const char *file, size_t most, struct bc_buf *to) {
  int fd = openat(disk->fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  struct stat status;
  char *room = bc_buf_reserve(to, most);
  if (fd >= 0 && room != NULL && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    off_t from = status.st_size > (off_t)most ? status.st_size - (off_t)most : 0;
    ssize_t got = pread(fd, room, most, from);
    bc_buf_commit(to, got > 0 ? (size_t)got : 0);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
}

static size_t ring_file_bytes(const struct bc_disk *disk, const char *file) {
  struct stat status;
  return fstatat(disk->fd, file, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) ? (size_t)status.st_size
                                                                                               : 0;
}

/* The end of all that is there, which may be that of several files. */
static void ring_read_tail(const struct bc_ring *ring, const uint64_t *numbers, size_t count, struct bc_buf *tail) {
  char file[NAME_MAX + 1];
  size_t first = count;
  size_t bytes = 0;
  size_t room = tail->max - tail->len;
  while (first > 0 && bytes < room) {
    bc_ring_files_name(ring->name, numbers[--first], file);
    bytes += ring_file_bytes(ring->disk, file);
  }
  for (size_t i = first; i < count; i++) {
    bc_ring_files_name(ring->name, numbers[i], file);
    size_t size = ring_file_bytes(ring->disk, file);
    size_t skipped = i == first && bytes > room ? bytes - room : 0;
    size_t left = tail->max - tail->len;
    size_t most = size > skipped ? size - skipped : 0;
    ring_read_end(ring->disk, file, most < left ? most : left, tail);
  }
}

enum bc_err bc_ring_open(struct bc_disk *disk, const struct bc_ring_options *options, struct bc_buf *tail,
                         struct bc_ring **out, struct bc_fault *fault) {
  uint64_t *numbers;
  size_t count;
  if (!bc_ring_files_list(disk->fd, options->name, &numbers, &count)) {
    bc_fault_set(fault, 0, "cannot read the directory %s: %s", disk->directory, strerror(errno));
    return BC_ERR_IO;
  }
  struct bc_ring *ring = bc_mem_new(1, sizeof *ring);
  ring->disk = disk;
  ring->options = *options;
  ring->name = bc_mem_copy_string(options->name);
  ring->options.name = ring->name;
  ring->fd = -1;
  ring->number = count == 0 ? 1 : numbers[count - 1];
  TAILQ_INIT(&ring->waiting);
  bc_disk_ref(disk);
  ring_read_tail(ring, numbers, count, tail);
  free(numbers);
  *out = ring;
  return BC_ERR_OK;
}

void bc_ring_close(struct bc_ring *ring) {
  if (ring == NULL) {
    return;
  }
  ring->is_closed = true;
  /* All that waits goes to the disk now: nothing more is submitted from a callback, which may come when the disk thread
   * has ended. */
  unsigned before;
  do {
    before = ring->steps;
    ring_submit_first(ring);
  } while (ring->steps > before);
  struct ring_step *step;
  while ((step = TAILQ_FIRST(&ring->waiting)) != NULL) {
    TAILQ_REMOVE(&ring->waiting, step, link);
    ring_free_step(step);
  }
  ring_release_if_unused(ring);
}
