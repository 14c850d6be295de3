/* A state directory of a test's own, with one log in it. */
#ifndef BC_TESTS_DISK_WORLD_H
#define BC_TESTS_DISK_WORLD_H

#include "base/limits.h"
#include "io/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
  struct bc_loop *loop;
  struct bc_disk *disk;
  struct bc_disk_log *log;
  struct bc_timer *deadline;
  char directory[64];
  unsigned done, failed, wanted; /* the loop stops when `wanted` callbacks came */
  char order[64];
  char text[600]; /* of the last failure */
  bool closes_log;
};

static inline void on_done(void *arg, enum bc_err err, const char *text) {
  struct fixture *f = arg;
  f->done++;
  if (err != BC_ERR_OK) {
    f->failed++;
    (void)snprintf(f->text, sizeof f->text, "%s", text);
  } else {
    assert_string_equal(text, "");
  }
  if (f->closes_log) {
    bc_disk_log_close(f->log);
    f->log = NULL;
  }
  if (f->done == f->wanted) {
    bc_loop_stop(f->loop);
  }
}

static inline void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 20 s");
}

static inline void wait_for(struct fixture *f, unsigned callbacks) {
  f->wanted = f->done + callbacks;
  bc_loop_run(f->loop);
}

static inline int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  (void)snprintf(f->directory, sizeof f->directory, "/tmp/bc-test-disk-XXXXXX");
  assert_non_null(mkdtemp(f->directory));
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  bc_timer_start(f->deadline, 20000);
  assert_int_equal(bc_disk_open(f->loop, f->directory, &f->disk, NULL), BC_ERR_OK);
  *state = f;
  return 0;
}

static inline int teardown(void **state) {
  struct fixture *f = *state;
  bc_disk_log_close(f->log);
  bc_disk_close(f->disk);
  bc_timer_free(f->deadline);
  bc_loop_free(f->loop);
  DIR *dir = opendir(f->directory);
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    (void)unlinkat(dirfd(dir), entry->d_name, 0);
  }
  (void)closedir(dir);
  (void)rmdir(f->directory);
  free(f);
  return 0;
}

static inline void assert_file(struct fixture *f, const char *name, const char *expected) {
  struct bc_buf content;
  bc_buf_init(&content, 1 << 20);
  assert_int_equal(bc_disk_load(f->disk, name, &content, NULL), BC_ERR_OK);
  assert_string_equal(content.data, expected);
  bc_buf_free(&content);
}

static inline void assert_absent(struct fixture *f, const char *name) {
  struct bc_buf content;
  bc_buf_init(&content, 1 << 20);
  assert_int_equal(bc_disk_load(f->disk, name, &content, NULL), BC_ERR_NOT_FOUND);
}

static inline mode_t mode_of(struct fixture *f, const char *name) {
  char path[128];
  struct stat status;
  (void)snprintf(path, sizeof path, "%s/%s", f->directory, name);
  assert_int_equal(stat(path, &status), 0);
  return status.st_mode & 07777;
}

static inline void open_log(struct fixture *f, const char *expected) {
  struct bc_buf content;
  struct bc_fault fault;
  bc_buf_init(&content, 1 << 20);
  assert_int_equal(bc_disk_log_open(f->disk, "journal", &content, &f->log, &fault), BC_ERR_OK);
  assert_string_equal(content.data, expected);
  bc_buf_free(&content);
}

static inline void append(struct fixture *f, const char *text) {
  assert_int_equal(bc_disk_log_append(f->log, bc_str_of(text), on_done, f), BC_ERR_OK);
}

/* What fits into a file; the test's own files are small. */
static inline void set_file_limit(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static inline void turn(struct fixture *f, unsigned keep) {
  assert_int_equal(bc_disk_log_turn(f->log, keep, on_done, f), BC_ERR_OK);
}

#endif
