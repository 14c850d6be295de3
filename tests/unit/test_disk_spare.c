/* io/disk_log: what may be written when the disk is full, and what a disk that fails twice leaves. */
#include "base/limits.h"
#include "io/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096, RECORD = 1500, SPARE = 4 * RECORD, DISK = 512 * 1024 };

static bool fails_to_sync;
static bool fails_to_cut;

/* In place of those of the C library: a disk that fails cannot be had otherwise. */
int fdatasync(int fd) {
  errno = EIO;
  return fails_to_sync ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t length) {
  errno = EIO;
  return fails_to_cut ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

struct fixture {
  struct bc_loop *loop;
  struct bc_disk *disk;
  struct bc_disk_log *log;
  struct bc_timer *deadline;
  char directory[64];
  enum bc_err err;
  bool is_unsure;
  bool is_mounted;
};

static void on_done(void *arg, enum bc_err err, const char *text) {
  struct fixture *f = arg;
  (void)text;
  f->err = err;
  f->is_unsure = bc_disk_log_is_unsure(f->log);
  bc_loop_stop(f->loop);
}

static void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 20 s");
}

/* A disk of its own, which can be filled. */
static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  (void)snprintf(f->directory, sizeof f->directory, "/tmp/bc-test-spare-XXXXXX");
  assert_non_null(mkdtemp(f->directory));
  f->is_mounted = mount("none", f->directory, "tmpfs", 0, "mode=0700,size=512k") == 0;
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  bc_timer_start(f->deadline, 20000);
  assert_int_equal(bc_disk_open(f->loop, f->directory, &f->disk, NULL), BC_ERR_OK);
  fails_to_sync = fails_to_cut = false;
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  bc_disk_log_close(f->log);
  bc_disk_close(f->disk);
  bc_timer_free(f->deadline);
  bc_loop_free(f->loop);
  (void)umount2(f->directory, MNT_DETACH);
  (void)rmdir(f->directory);
  free(f);
  return 0;
}

static void open_log(struct fixture *f, size_t expected_bytes) {
  struct bc_buf content;
  bc_disk_log_close(f->log);
  f->log = NULL;
  bc_buf_init(&content, 1 << 20);
  assert_int_equal(bc_disk_log_open(f->disk, "leases", &content, &f->log, NULL), BC_ERR_OK);
  assert_int_equal(content.len, expected_bytes);
  bc_buf_free(&content);
  bc_disk_log_set_durable(f->log);
  bc_disk_log_set_spare(f->log, SPARE);
}

static enum bc_err ask(struct fixture *f, char kind, size_t len) {
  char *text = malloc(len);
  (void)memset(text, kind, len);
  struct bc_str bytes = {.at = text, .len = len};
  enum bc_err err = kind == 'p'   ? bc_disk_log_append_sparing(f->log, bytes, on_done, f)
                    : kind == 'r' ? bc_disk_log_append(f->log, bytes, on_done, f)
                                  : bc_disk_log_rewrite(f->log, bytes, on_done, f);
  free(text);
  assert_int_equal(err, BC_ERR_OK);
  bc_loop_run(f->loop);
  return f->err;
}

static void fill(struct fixture *f) {
  static char block[PAGE];
  char path[128];
  (void)snprintf(path, sizeof path, "%s/ballast", f->directory);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  size_t filled = 0;
  while (write(fd, block, sizeof block) > 0) {
    filled += sizeof block;
    assert_true(filled <= DISK);
  }
  assert_int_equal(errno, ENOSPC);
  (void)close(fd);
}

static void need_own_disk(struct fixture *f) {
  if (!f->is_mounted) {
    skip();
  }
}

static void a_full_disk_still_takes_what_its_spare_bytes_are_for(void **state) {
  struct fixture *f = *state;
  need_own_disk(f);
  open_log(f, 0);
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_OK);
  fill(f);
  /* What was kept beyond the spare bytes is used up by others of its kind. */
  size_t taken = RECORD;
  while (ask(f, 'p', RECORD) == BC_ERR_OK) {
    taken += RECORD;
    assert_true(taken < DISK);
  }
  assert_false(f->is_unsure);
  for (size_t i = 0; i < SPARE / RECORD; i++) {
    assert_int_equal(ask(f, 'r', RECORD), BC_ERR_OK);
    taken += RECORD;
    assert_int_equal(ask(f, 'p', RECORD), BC_ERR_IO);
  }
  open_log(f, taken);
}

static void the_next_process_finds_the_spare_bytes(void **state) {
  struct fixture *f = *state;
  need_own_disk(f);
  open_log(f, 0);
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_OK);
  fill(f);
  open_log(f, RECORD);
  for (size_t i = 0; i < SPARE / RECORD; i++) {
    assert_int_equal(ask(f, 'r', RECORD), BC_ERR_OK);
  }
  open_log(f, RECORD + SPARE);
}

static void a_file_that_was_written_anew_has_spare_bytes_too(void **state) {
  struct fixture *f = *state;
  need_own_disk(f);
  open_log(f, 0);
  assert_int_equal(ask(f, 'w', RECORD), BC_ERR_OK);
  fill(f);
  for (size_t i = 0; i < SPARE / RECORD; i++) {
    assert_int_equal(ask(f, 'r', RECORD), BC_ERR_OK);
  }
}

/* Else the removals that were promised room would have none. */
static void a_file_is_not_written_anew_where_its_spare_bytes_have_no_room(void **state) {
  struct fixture *f = *state;
  need_own_disk(f);
  open_log(f, 0);
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_OK);
  bc_disk_log_set_spare(f->log, 2 * DISK);
  assert_int_equal(ask(f, 'w', PAGE), BC_ERR_IO);
  fill(f);
  assert_int_equal(ask(f, 'r', RECORD), BC_ERR_OK);
  open_log(f, 2 * RECORD);
}

static void what_could_not_be_synced_is_taken_away_again(void **state) {
  struct fixture *f = *state;
  open_log(f, 0);
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_OK);
  fails_to_sync = true;
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_IO);
  /* Nor can it be known whether the disk knows that it was cut. */
  assert_true(f->is_unsure);
  fails_to_sync = false;
  assert_int_equal(ask(f, 'r', 7), BC_ERR_OK);
  open_log(f, RECORD + 7);
}

static void what_could_neither_be_synced_nor_taken_away_is_told(void **state) {
  struct fixture *f = *state;
  open_log(f, 0);
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_OK);
  fails_to_sync = fails_to_cut = true;
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_IO);
  assert_true(f->is_unsure);
  /* This one never reached the file. */
  assert_int_equal(ask(f, 'p', RECORD), BC_ERR_IO);
  assert_false(f->is_unsure);
  fails_to_sync = fails_to_cut = false;
  assert_int_equal(ask(f, 'p', 7), BC_ERR_OK);
  assert_false(f->is_unsure);
  open_log(f, RECORD + 7);
}

static void a_torn_end_that_was_cut_is_not_written_behind(void **state) {
  struct fixture *f = *state;
  open_log(f, 0);
  assert_int_equal(ask(f, 'r', 100), BC_ERR_OK);
  open_log(f, 100);
  bc_disk_log_cut(f->log, 60);
  assert_int_equal(bc_disk_log_bytes(f->log), 60);
  assert_int_equal(ask(f, 'r', 7), BC_ERR_OK);
  open_log(f, 67);
}

#define SPARE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  /* The disks that are mounted here are seen by nobody else. */
  if (unshare(CLONE_NEWNS) == 0) {
    (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
  }
  const struct CMUnitTest tests[] = {
      SPARE_TEST(a_full_disk_still_takes_what_its_spare_bytes_are_for),
      SPARE_TEST(the_next_process_finds_the_spare_bytes),
      SPARE_TEST(a_file_that_was_written_anew_has_spare_bytes_too),
      SPARE_TEST(a_file_is_not_written_anew_where_its_spare_bytes_have_no_room),
      SPARE_TEST(what_could_not_be_synced_is_taken_away_again),
      SPARE_TEST(what_could_neither_be_synced_nor_taken_away_is_told),
      SPARE_TEST(a_torn_end_that_was_cut_is_not_written_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
