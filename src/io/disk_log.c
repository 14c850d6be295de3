/* An append-only file. One job per log is under way; what comes meanwhile gathers in the last segment,
 * so that a slow disk is written to in few, large steps. */
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/disk.h"
#include "io/disk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

struct log_request {
  bc_disk_fn *done;
  void *arg;
};

/* One job: appends that go together, or one rewrite. */
struct log_segment {
  TAILQ_ENTRY(log_segment) link;
  struct bc_disk_log *log;
  bool is_rewrite;
  struct bc_buf bytes;
  struct log_request *requests;
  size_t count, room;
  int code;         /* errno; set by the disk thread */
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
  unsigned calls; /* of callbacks, under way */
  size_t size;
  size_t waiting_bytes;

  /* The disk thread's while a job is under way, untouched by the loop. */
  int fd;
  size_t good_size; /* up to here whole requests */
  bool is_torn;     /* something stands behind good_size */
};

/* A request costs its callback too, so that empty ones are bounded. */
static size_t log_cost(size_t len) {
  return len + sizeof(struct log_request);
}

static int log_mend(struct bc_disk_log *log) {
  if (log->is_torn && ftruncate(log->fd, (off_t)log->good_size) != 0) {
    return errno;
  }
  log->is_torn = false;
  return 0;
}

static void log_take_file(struct bc_disk_log *log, int fd, size_t size) {
  (void)close(log->fd);
  log->fd = fd;
  log->good_size = size;
  log->is_torn = false;
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
  code = code != 0 ? code : bc_disk_replace(log->disk, log->name, (struct bc_str){.at = bytes, .len = got}, &fd);
  free(bytes);
  if (code == 0) {
    log_take_file(log, fd, got);
  }
  return code;
}

static int log_append(struct bc_disk_log *log, const struct bc_buf *bytes) {
  struct stat status;
  if (fstat(log->fd, &status) != 0) {
    return errno;
  }
  int code = status.st_nlink == 0 ? log_bring_back(log) : log_mend(log);
  if (code != 0) {
    return code;
  }
  code = bc_file_write_all(log->fd, bytes->data, bytes->len);
  if (code == 0 && log->is_durable && fdatasync(log->fd) != 0) {
    code = errno;
  }
  if (code != 0) {
    log->is_torn = true;
    (void)log_mend(log); /* else before the next append */
    return code;
  }
  log->good_size += bytes->len;
  return 0;
}

static int log_rewrite(struct bc_disk_log *log, const struct bc_buf *bytes) {
  int fd = -1;
  int code = bc_disk_replace(log->disk, log->name, bc_buf_str(bytes), &fd);
  if (code == 0) {
    log_take_file(log, fd, bytes->len);
  }
  return code;
}

static void log_work(void *arg) {
  struct log_segment *segment = arg;
  struct bc_disk_log *log = segment->log;
  segment->code = segment->is_rewrite ? log_rewrite(log, &segment->bytes) : log_append(log, &segment->bytes);
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

static struct log_segment *log_add_segment(struct bc_disk_log *log, bool is_rewrite, size_t least) {
  struct log_segment *segment = bc_mem_new(1, sizeof *segment);
  segment->log = log;
  segment->is_rewrite = is_rewrite;
  bc_buf_init(&segment->bytes, least > BC_LIMIT_DISK_QUEUE_BYTES ? least : BC_LIMIT_DISK_QUEUE_BYTES);
  TAILQ_INSERT_TAIL(&log->segments, segment, link);
  return segment;
}

static enum bc_err log_request(struct bc_disk_log *log, bool is_rewrite, struct bc_str bytes, bc_disk_fn *done,
                               void *arg) {
  if (log->waiting_bytes > 0 && log->waiting_bytes + log_cost(bytes.len) > BC_LIMIT_DISK_QUEUE_BYTES) {
    return BC_ERR_LIMIT;
  }
  struct log_segment *last = TAILQ_LAST(&log->segments, log_segments);
  bool is_at_disk = log->is_busy && last == TAILQ_FIRST(&log->segments);
  if (last == NULL || is_at_disk || is_rewrite || last->is_rewrite) {
    last = log_add_segment(log, is_rewrite, bytes.len);
  }
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
  return log_request(log, false, bytes, done, arg);
}

enum bc_err bc_disk_log_rewrite(struct bc_disk_log *log, struct bc_str bytes, bc_disk_fn *done, void *arg) {
  return log_request(log, true, bytes, done, arg);
}

void bc_disk_log_set_durable(struct bc_disk_log *log) {
  log->is_durable = true;
}

size_t bc_disk_log_bytes(const struct bc_disk_log *log) {
  return log->size;
}

size_t bc_disk_log_waiting_bytes(const struct bc_disk_log *log) {
  return log->waiting_bytes;
}

enum bc_err bc_disk_log_open(struct bc_disk *disk, const char *name, struct bc_buf *content, struct bc_disk_log **out,
                             struct bc_fault *fault) {
  int fd = openat(disk->fd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    bc_fault_set(fault, 0, "cannot open %s/%s: %s", disk->directory, name, fd < 0 ? strerror(errno) : "not a file");
    if (fd >= 0) {
      (void)close(fd);
    }
    return BC_ERR_IO;
  }
  size_t before = content->len;
  enum bc_err err = bc_disk_read_all(disk, name, fd, content, fault);
  if (err != BC_ERR_OK) {
    (void)close(fd);
    return err;
  }
  struct bc_disk_log *log = bc_mem_new(1, sizeof *log);
  *log = (struct bc_disk_log){.disk = disk, .name = bc_mem_copy_string(name), .fd = fd};
  log->size = log->good_size = content->len - before;
  TAILQ_INIT(&log->segments);
  bc_disk_ref(disk);
  *out = log;
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
