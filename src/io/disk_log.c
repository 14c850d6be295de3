/* An append-only file. One job per log is under way; what comes meanwhile gathers in the last segment,
 * so that a slow disk is written to in few, large steps. */
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/disk.h"
#include "io/disk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

struct log_request {
  bc_disk_fn *done;
  void *arg;
};

enum log_kind { LOG_APPEND, LOG_SPARING, LOG_REWRITE, LOG_TURN };

/* What is kept beyond the spare bytes, so that it is asked for seldom. */
enum { LOG_KEEP_STEP = 65536 };

/* One job: appends that go together, or something else alone. */
struct log_segment {
  TAILQ_ENTRY(log_segment) link;
  struct bc_disk_log *log;
  enum log_kind kind;
  unsigned keep; /* of a TURN */
  size_t spare;
  struct bc_buf bytes;
  struct log_request *requests;
  size_t count, room;
  int code; /* errno; set by the disk thread, as are these */
  enum bc_disk_log_change change;
  bool is_unsure;   /* it failed, and may stand in the file */
  size_t size_then; /* of the file */
};
TAILQ_HEAD(log_segments, log_segment);

struct bc_disk_log {
  struct bc_disk *disk;
  char *name;
  struct log_segments segments;
  bool is_busy; /* the first segment is at the disk */
  bool is_closed;
  bool is_durable;
  bool is_rotated;
  enum bc_disk_log_change change; /* that was not told yet */
  bool is_unsure;                 /* of the segment whose callbacks are called */
  size_t spare;
  unsigned calls; /* of callbacks, under way */
  size_t size;
  size_t waiting_bytes;
  unsigned keep; /* of the last turn */

  /* The disk thread's while a job is under way, untouched by the loop. */
  int fd;
  size_t good_size; /* up to here whole requests */
  bool is_torn;     /* something stands behind good_size */
  bool cannot_keep; /* the file system keeps nothing */
  size_t kept_to;   /* up to here the disk's room is the file's */
};

/* A request costs its callback too, so that empty ones are bounded. */
static size_t log_cost(size_t len) {
  return len + sizeof(struct log_request);
}

/* What was taken away must not come back either when the machine loses its power. */
static int log_mend(struct bc_disk_log *log) {
  if (!log->is_torn) {
    return 0;
  }
  log->kept_to = 0; /* cutting gives it back */
  if (ftruncate(log->fd, (off_t)log->good_size) != 0 || (log->is_durable && fdatasync(log->fd) != 0)) {
    return errno;
  }
  log->is_torn = false;
  return 0;
}

static int log_keep_spare(struct bc_disk_log *log, size_t len, size_t spare) {
  size_t end = log->good_size + len + spare;
  bool kept = false;
  if (spare == 0 || log->cannot_keep || end <= log->kept_to) {
    return 0;
  }
  size_t most = end + LOG_KEEP_STEP;
  int code = bc_disk_keep(log->fd, log->good_size, most - log->good_size, &kept);
  if (code != 0) {
    most = end;
    code = bc_disk_keep(log->fd, log->good_size, most - log->good_size, &kept);
  }
  log->kept_to = kept ? most : log->kept_to;
  log->cannot_keep = code == 0 && !kept;
  return code;
}

static void log_take_file(struct bc_disk_log *log, int fd, size_t size) {
  (void)close(log->fd);
  log->fd = fd;
  log->good_size = size;
  log->is_torn = false;
  log->kept_to = 0;
}

/* Somebody removed the file: what it held can still be read. */
static int log_bring_back(struct bc_disk_log *log) {
  char *bytes = bc_mem_new(log->good_size, 1);
  size_t got = 0;
  int code = 0;
  while (got < log->good_size && code == 0) {
    ssize_t step = pread(log->fd, bytes + got, log->good_size - got, (off_t)got);
    code = step > 0 || (step < 0 && errno == EINTR) ? 0 : step < 0 ? errno : EIO;
    got += step > 0 ? (size_t)step : 0;
  }
  int fd = -1;
  code = code != 0 ? code : bc_disk_replace(log->disk, log->name, (struct bc_str){.at = bytes, .len = got}, 0, &fd);
  free(bytes);
  if (code == 0) {
    log_take_file(log, fd, got);
  }
  return code;
}

/* What has the name now, or a new file. */
static int log_open_again(struct bc_disk_log *log) {
  struct stat status;
  int fd = openat(log->disk->fd, log->name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) {
    return errno;
  }
  int code = fstat(fd, &status) != 0 ? errno : !S_ISREG(status.st_mode) ? EINVAL : 0;
  if (code != 0) {
    (void)close(fd);
    return code;
  }
  if (log->is_durable) {
    (void)fsync(log->disk->fd);
  }
  log_take_file(log, fd, (size_t)status.st_size);
  return 0;
}

/* Goes on where the name is, in front of each append and turn. */
static int log_follow(struct bc_disk_log *log, enum bc_disk_log_change *change) {
  struct stat status;
  struct stat named;
  if (fstat(log->fd, &status) != 0) {
    return errno;
  }
  bool has_name = fstatat(log->disk->fd, log->name, &named, AT_SYMLINK_NOFOLLOW) == 0;
  bool is_it = has_name && named.st_ino == status.st_ino && named.st_dev == status.st_dev;
  if (log->is_rotated && !is_it && (has_name || status.st_nlink > 0)) {
    *change = BC_DISK_LOG_RENAMED;
    return log_open_again(log);
  }
  if (log->is_rotated && (size_t)status.st_size < log->good_size) {
    *change = BC_DISK_LOG_SHORTENED;
    log->good_size = (size_t)status.st_size;
    log->is_torn = false;
  }
  if (status.st_nlink == 0) {
    *change = BC_DISK_LOG_REMOVED;
    return log_bring_back(log);
  }
  return log_mend(log);
}

static int log_append(struct bc_disk_log *log, struct log_segment *segment) {
  const struct bc_buf *bytes = &segment->bytes;
  int code = log_follow(log, &segment->change);
  code = code == 0 && segment->kind == LOG_SPARING ? log_keep_spare(log, bytes->len, segment->spare) : code;
  if (code != 0) {
    return code;
  }
  code = bc_file_write_all(log->fd, bytes->data, bytes->len);
  if (code == 0 && log->is_durable && fdatasync(log->fd) != 0) {
    code = errno;
  }
  if (code != 0) {
    log->is_torn = true;
    segment->is_unsure = log_mend(log) != 0; /* then it is tried before the next append */
    (void)!log_keep_spare(log, 0, segment->spare);
    return code;
  }
  log->good_size += bytes->len;
  return 0;
}

static int log_rewrite(struct bc_disk_log *log, const struct log_segment *segment) {
  int fd = -1;
  int code = bc_disk_replace(log->disk, log->name, bc_buf_str(&segment->bytes), segment->spare, &fd);
  if (code == 0) {
    log_take_file(log, fd, segment->bytes.len);
  }
  return code;
}

/* "NAME.3"; number 0: NAME itself. */
static int log_rename(const struct bc_disk_log *log, unsigned from, unsigned to) {
  char names[2][NAME_MAX + 1];
  const unsigned numbers[2] = {from, to};
  for (unsigned i = 0; i < 2; i++) {
    int len = numbers[i] == 0 ? snprintf(names[i], sizeof names[i], "%s", log->name)
                              : snprintf(names[i], sizeof names[i], "%s.%u", log->name, numbers[i]);
    if (len < 0 || (size_t)len >= sizeof names[i]) {
      return ENAMETOOLONG;
    }
  }
  return renameat(log->disk->fd, names[0], log->disk->fd, names[1]) == 0 ? 0 : errno;
}

/* The new file is there before the old one loses its name: a disk that takes none leaves all as it was. */
static int log_turn(struct bc_disk_log *log, unsigned keep, enum bc_disk_log_change *change) {
  char fresh[NAME_MAX + 1];
  int code = log_follow(log, change);
  int len = snprintf(fresh, sizeof fresh, "%s.new", log->name);
  code = code != 0 ? code : len < 0 || (size_t)len >= sizeof fresh ? ENAMETOOLONG : 0;
  if (code != 0) {
    return code;
  }
  int fd = openat(log->disk->fd, fresh, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return errno;
  }
  for (unsigned i = keep - 1; i > 0 && code == 0; i--) {
    code = log_rename(log, i, i + 1);
    code = code == ENOENT ? 0 : code;
  }
  code = code != 0 ? code : log_rename(log, 0, 1);
  if (code == 0 && renameat(log->disk->fd, fresh, log->disk->fd, log->name) != 0) {
    code = errno;
    (void)log_rename(log, 1, 0);
  }
  if (code != 0) {
    (void)unlinkat(log->disk->fd, fresh, 0);
    (void)close(fd);
    return code;
  }
  if (log->is_durable) {
    (void)fsync(log->disk->fd);
  }
  log_take_file(log, fd, 0);
  return 0;
}

static void log_work(void *arg) {
  struct log_segment *segment = arg;
  struct bc_disk_log *log = segment->log;
  segment->code = segment->kind == LOG_REWRITE ? log_rewrite(log, segment)
                  : segment->kind == LOG_TURN  ? log_turn(log, segment->keep, &segment->change)
                                               : log_append(log, segment);
  segment->size_then = log->good_size;
}

static void log_release_if_unused(struct bc_disk_log *log) {
  if (log->is_closed && log->calls == 0 && TAILQ_EMPTY(&log->segments)) {
    (void)close(log->fd);
    bc_disk_unref(log->disk);
    free(log->name);
    free(log);
  }
}

static void log_free_segment(struct log_segment *segment) {
  bc_buf_free(&segment->bytes);
  free(segment->requests);
  free(segment);
}

static void log_done(void *arg);

static enum bc_err log_submit_first(struct bc_disk_log *log) {
  enum bc_err err = bc_loop_job(log->disk->loop, log_work, log_done, TAILQ_FIRST(&log->segments));
  log->is_busy = err == BC_ERR_OK;
  return err;
}

static void log_done(void *arg) {
  struct log_segment *segment = arg;
  struct bc_disk_log *log = segment->log;
  TAILQ_REMOVE(&log->segments, segment, link);
  log->is_busy = false;
  log->size = segment->size_then;
  log->change = segment->change != BC_DISK_LOG_UNCHANGED ? segment->change : log->change;
  log->is_unsure = segment->is_unsure;
  log->waiting_bytes -= log_cost(segment->bytes.len) + (segment->count - 1) * sizeof(struct log_request);
  if (!log->is_closed && !TAILQ_EMPTY(&log->segments)) {
    (void)!log_submit_first(log); /* the place of the job that has just ended is free */
  }
  char text[BC_DISK_TEXT_BYTES];
  bc_disk_tell(log->disk, log->name, segment->code, text);
  log->calls++;
  for (size_t i = 0; i < segment->count && !log->is_closed; i++) {
    if (segment->requests[i].done != NULL) {
      segment->requests[i].done(segment->requests[i].arg, segment->code == 0 ? BC_ERR_OK : BC_ERR_IO, text);
    }
  }
  log->calls--;
  log_free_segment(segment);
  log_release_if_unused(log);
}

static struct log_segment *log_add_segment(struct bc_disk_log *log, enum log_kind kind, size_t least) {
  struct log_segment *segment = bc_mem_new(1, sizeof *segment);
  segment->log = log;
  segment->kind = kind;
  segment->keep = log->keep;
  segment->spare = log->spare;
  bc_buf_init(&segment->bytes, least > BC_LIMIT_DISK_QUEUE_BYTES ? least : BC_LIMIT_DISK_QUEUE_BYTES);
  TAILQ_INSERT_TAIL(&log->segments, segment, link);
  return segment;
}

static enum bc_err log_request(struct bc_disk_log *log, enum log_kind kind, struct bc_str bytes, bc_disk_fn *done,
                               void *arg) {
  if (log->waiting_bytes > 0 && log->waiting_bytes + log_cost(bytes.len) > BC_LIMIT_DISK_QUEUE_BYTES) {
    return BC_ERR_LIMIT;
  }
  struct log_segment *last = TAILQ_LAST(&log->segments, log_segments);
  bool is_at_disk = log->is_busy && last == TAILQ_FIRST(&log->segments);
  bool is_append = kind == LOG_APPEND || kind == LOG_SPARING;
  if (last == NULL || is_at_disk || !is_append || last->kind != kind) {
    last = log_add_segment(log, kind, bytes.len);
  }
  last->spare = log->spare;
  bc_buf_add_str(&last->bytes, bytes);
  if (last->count == last->room) {
    last->room = last->room == 0 ? 4 : last->room * 2;
    last->requests = bc_mem_resize(last->requests, last->room, sizeof *last->requests);
  }
  last->requests[last->count++] = (struct log_request){.done = done, .arg = arg};
  log->waiting_bytes += log_cost(bytes.len);
  if (!log->is_busy && log_submit_first(log) != BC_ERR_OK) {
    TAILQ_REMOVE(&log->segments, last, link);
    log->waiting_bytes -= log_cost(bytes.len);
    log_free_segment(last);
    return BC_ERR_LIMIT;
  }
  return BC_ERR_OK;
}

enum bc_err bc_disk_log_append(struct bc_disk_log *log, struct bc_str bytes, bc_disk_fn *done, void *arg) {
  return log_request(log, LOG_APPEND, bytes, done, arg);
}

enum bc_err bc_disk_log_append_sparing(struct bc_disk_log *log, struct bc_str bytes, bc_disk_fn *done, void *arg) {
  return log_request(log, LOG_SPARING, bytes, done, arg);
}

enum bc_err bc_disk_log_rewrite(struct bc_disk_log *log, struct bc_str bytes, bc_disk_fn *done, void *arg) {
  return log_request(log, LOG_REWRITE, bytes, done, arg);
}

enum bc_err bc_disk_log_turn(struct bc_disk_log *log, unsigned keep, bc_disk_fn *done, void *arg) {
  log->keep = keep > 0 ? keep : 1;
  return log_request(log, LOG_TURN, (struct bc_str){.at = "", .len = 0}, done, arg);
}

void bc_disk_log_set_durable(struct bc_disk_log *log) {
  log->is_durable = true;
}

void bc_disk_log_set_rotated(struct bc_disk_log *log) {
  log->is_rotated = true;
}

enum bc_disk_log_change bc_disk_log_take_change(struct bc_disk_log *log) {
  enum bc_disk_log_change change = log->change;
  log->change = BC_DISK_LOG_UNCHANGED;
  return change;
}

void bc_disk_log_cut(struct bc_disk_log *log, size_t good_bytes) {
  if (good_bytes < log->good_size) {
    log->size = log->good_size = good_bytes;
    log->is_torn = true;
  }
}

void bc_disk_log_set_spare(struct bc_disk_log *log, size_t bytes) {
  log->spare = bytes;
}

bool bc_disk_log_is_unsure(const struct bc_disk_log *log) {
  return log->is_unsure;
}

size_t bc_disk_log_bytes(const struct bc_disk_log *log) {
  return log->size;
}

size_t bc_disk_log_waiting_bytes(const struct bc_disk_log *log) {
  return log->waiting_bytes;
}

static enum bc_err log_open_file(const struct bc_disk *disk, const char *name, int *fd, size_t *size,
                                 struct bc_fault *fault) {
  struct stat status;
  *fd = openat(disk->fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (*fd >= 0 && fstat(*fd, &status) == 0 && S_ISREG(status.st_mode)) {
    *size = (size_t)status.st_size;
    return BC_ERR_OK;
  }
  bc_fault_set(fault, 0, "cannot open %s/%s: %s", disk->directory, name, *fd < 0 ? strerror(errno) : "not a file");
  if (*fd >= 0) {
    (void)close(*fd);
  }
  return BC_ERR_IO;
}

static struct bc_disk_log *log_new(struct bc_disk *disk, const char *name, int fd, size_t size) {
  struct bc_disk_log *log = bc_mem_new(1, sizeof *log);
  *log = (struct bc_disk_log){.disk = disk, .name = bc_mem_copy_string(name), .fd = fd};
  log->size = log->good_size = size;
  TAILQ_INIT(&log->segments);
  bc_disk_ref(disk);
  return log;
}

enum bc_err bc_disk_log_open(struct bc_disk *disk, const char *name, struct bc_buf *content, struct bc_disk_log **out,
                             struct bc_fault *fault) {
  int fd = -1;
  size_t size = 0;
  size_t before = content->len;
  enum bc_err err = log_open_file(disk, name, &fd, &size, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  err = bc_disk_read_all(disk, name, fd, content, fault);
  if (err != BC_ERR_OK) {
    (void)close(fd);
    return err;
  }
  *out = log_new(disk, name, fd, content->len - before);
  return BC_ERR_OK;
}

enum bc_err bc_disk_log_open_end(struct bc_disk *disk, const char *name, struct bc_buf *content,
                                 struct bc_disk_log **out, struct bc_fault *fault) {
  int fd = -1;
  size_t size = 0;
  enum bc_err err = log_open_file(disk, name, &fd, &size, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  size_t room = content->max - content->len;
  size_t wanted = size < room ? size : room;
  err = lseek(fd, (off_t)(size - wanted), SEEK_SET) < 0 ? BC_ERR_IO : bc_disk_read_all(disk, name, fd, content, fault);
  if (err != BC_ERR_OK) {
    (void)close(fd);
    return err;
  }
  *out = log_new(disk, name, fd, size);
  return BC_ERR_OK;
}

void bc_disk_log_close(struct bc_disk_log *log) {
  if (log == NULL) {
    return;
  }
  log->is_closed = true;
  /* All that waits goes to the disk now, behind what is there: nothing more is submitted from a callback,
   * which may come when the disk thread has ended. */
  struct log_segment *segment = TAILQ_FIRST(&log->segments), *next;
  segment = log->is_busy && segment != NULL ? TAILQ_NEXT(segment, link) : segment;
  for (; segment != NULL; segment = next) {
    next = TAILQ_NEXT(segment, link);
    if (bc_loop_job(log->disk->loop, log_work, log_done, segment) != BC_ERR_OK) {
      TAILQ_REMOVE(&log->segments, segment, link);
      log_free_segment(segment);
    }
  }
  log_release_if_unused(log);
}
