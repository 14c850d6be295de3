/* Going through the lines of a ring. */
#include "base/limits.h"
#include "base/mem.h"
#include "io/ring.h"
#include "io/ring_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_STEP_BYTES = 512 * 1024, READ_LINE_BYTES = 2 * BC_LIMIT_RECORD_BYTES };

struct ring_pass {
  char *name;
  int directory;
  uint64_t *numbers;
  size_t count;
  size_t at;          /* the file that is read next, or now */
  int fd;             /* of that; -1 = not open */
  int refused;        /* the errno of a file that was there and could not be opened; 0: all could */
  size_t opened;      /* files */
  struct bc_buf line; /* the beginning of one whose end is not read yet */
  bool is_skipping;   /* … which is too long */
  bc_ring_line_fn *fn;
  void *arg;
};

static void pass_fini(struct ring_pass *pass) {
  if (pass->fd >= 0) {
    (void)close(pass->fd);
  }
  if (pass->directory >= 0) {
    (void)close(pass->directory);
  }
  bc_buf_free(&pass->line);
  free(pass->numbers);
  free(pass->name);
}

/* False with errno. */
static bool pass_init(struct ring_pass *pass, const char *directory, const char *name, bc_ring_line_fn *fn, void *arg) {
  *pass = (struct ring_pass){.name = bc_mem_copy_string(name), .fd = -1, .fn = fn, .arg = arg};
  bc_buf_init(&pass->line, READ_LINE_BYTES);
  pass->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return pass->directory >= 0 && bc_ring_files_list(pass->directory, name, &pass->numbers, &pass->count);
}

static void pass_end_line(struct ring_pass *pass, struct bc_str part) {
  if (pass->line.len > 0 || pass->is_skipping) {
    bc_buf_add_str(&pass->line, part);
    if (!pass->is_skipping && bc_buf_status(&pass->line) == BC_ERR_OK) {
      pass->fn(pass->arg, bc_buf_str(&pass->line));
    }
    bc_buf_clear(&pass->line);
    pass->is_skipping = false;
  } else {
    pass->fn(pass->arg, part);
  }
}

static void pass_take(struct ring_pass *pass, struct bc_str bytes) {
  const char *end;
  while ((end = memchr(bytes.at, '\n', bytes.len)) != NULL) {
    size_t len = (size_t)(end - bytes.at);
    pass_end_line(pass, (struct bc_str){.at = bytes.at, .len = len});
    bytes.at += len + 1;
    bytes.len -= len + 1;
    if (bytes.len == 0) {
      return;
    }
  }
  pass->is_skipping = pass->is_skipping || pass->line.len + bytes.len > READ_LINE_BYTES;
  if (pass->is_skipping) {
    bc_buf_clear(&pass->line);
  } else {
    bc_buf_add_str(&pass->line, bytes);
  }
}

/* A line that has no end yet is not read. */
static void pass_leave_file(struct ring_pass *pass) {
  if (pass->fd >= 0) {
    (void)close(pass->fd);
  }
  pass->fd = -1;
  pass->at++;
  pass->is_skipping = false;
  bc_buf_clear(&pass->line);
}

/* About so many bytes; false when all are read. */
static bool pass_step(struct ring_pass *pass, size_t most) {
  size_t done = 0;
  while (done < most && pass->at < pass->count) {
    char bytes[65536];
    char file[NAME_MAX + 1];
    bc_ring_files_name(pass->name, pass->numbers[pass->at], file);
    if (pass->fd < 0) {
      /* It may be gone meanwhile. */
      pass->fd = openat(pass->directory, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
      pass->refused = pass->fd < 0 && errno != ENOENT ? errno : pass->refused;
      pass->opened += pass->fd >= 0 ? 1 : 0;
    }
    ssize_t got = pass->fd < 0 ? 0 : read(pass->fd, bytes, sizeof bytes);
    if (got > 0) {
      pass_take(pass, (struct bc_str){.at = bytes, .len = (size_t)got});
      done += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
      pass_leave_file(pass);
    }
  }
  return pass->at < pass->count;
}

enum bc_err bc_ring_read_all(const char *directory, const char *name, bc_ring_line_fn *fn, void *arg,
                             struct bc_fault *fault) {
  struct ring_pass pass;
  enum bc_err err = BC_ERR_OK;
  if (!pass_init(&pass, directory, name, fn, arg)) {
    bc_fault_set(fault, 0, "cannot read the directory %s: %s", directory, strerror(errno));
    err = BC_ERR_IO;
  } else if (pass.count == 0) {
    bc_fault_set(fault, 0, "there is no file %s.1 or later in %s", name, directory);
    err = BC_ERR_NOT_FOUND;
  }
  while (err == BC_ERR_OK && pass_step(&pass, READ_STEP_BYTES)) {
  }
  if (err == BC_ERR_OK && pass.opened == 0 && pass.refused != 0) {
    bc_fault_set(fault, 0, "cannot read the files %s.N in %s: %s", name, directory, strerror(pass.refused));
    err = BC_ERR_IO;
  }
  pass_fini(&pass);
  return err;
}

/* ---- on the disk thread ---- */

struct bc_ring_read {
  struct bc_loop *loop;
  char *directory;
  char *name;
  struct ring_pass pass; /* the disk thread's, as is this: */
  bool is_begun;
  bool has_more;
  bool is_busy; /* a step is at the disk thread */
  bool is_ended;
  void (*release)(void *arg);
};

static void read_free(struct bc_ring_read *reading) {
  if (reading->is_begun) {
    pass_fini(&reading->pass);
  }
  reading->release(reading->pass.arg);
  free(reading->directory);
  free(reading->name);
  free(reading);
}

static void read_work(void *arg) {
  struct bc_ring_read *reading = arg;
  if (!reading->is_begun) {
    bc_ring_line_fn *fn = reading->pass.fn;
    void *fn_arg = reading->pass.arg;
    reading->is_begun = true;
    if (!pass_init(&reading->pass, reading->directory, reading->name, fn, fn_arg)) {
      reading->has_more = false;
      return;
    }
  }
  reading->has_more = pass_step(&reading->pass, READ_STEP_BYTES);
}

static void read_done(void *arg) {
  struct bc_ring_read *reading = arg;
  reading->is_busy = false;
  if (reading->is_ended) {
    read_free(reading);
  } else if (reading->has_more) {
    reading->is_busy = bc_loop_job(reading->loop, read_work, read_done, reading) == BC_ERR_OK;
  }
}

enum bc_err bc_ring_read_start(struct bc_loop *loop, const char *directory, const char *name, bc_ring_line_fn *fn,
                               void *arg, struct bc_ring_read **out) {
  struct bc_ring_read *reading = bc_mem_new(1, sizeof *reading);
  *reading = (struct bc_ring_read){.loop = loop,
                                   .directory = bc_mem_copy_string(directory),
                                   .name = bc_mem_copy_string(name),
                                   .pass = {.fn = fn, .arg = arg},
                                   .is_busy = true};
  enum bc_err err = bc_loop_job(loop, read_work, read_done, reading);
  if (err != BC_ERR_OK) {
    free(reading->directory);
    free(reading->name);
    free(reading);
    return err;
  }
  *out = reading;
  return BC_ERR_OK;
}

bool bc_ring_read_is_done(const struct bc_ring_read *reading) {
  return !reading->is_busy;
}

void bc_ring_read_end(struct bc_ring_read *reading, void (*release)(void *arg)) {
  reading->release = release;
  reading->is_ended = true;
  if (!reading->is_busy) {
    read_free(reading);
  }
}
