/* The audit log over a disk that hangs: who waits is told in time, once. */
#include "core/private.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static atomic_uint syncs;

/* In place of the C library's. */
int fdatasync(int fd) {
  syncs++;
  return fsync(fd);
}

struct fixture {
  struct bc_core *core;
  struct bc_settings settings;
  struct bc_timer *deadline;
  char directory[64];
  int hang[2]; /* the disk thread reads from it */
  unsigned told, wanted;
  unsigned errs[BC_ERR_UNSUPPORTED + 1];
  bool is_writing, writes_more;
};

static void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 30 s");
}

static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct bc_core *core = calloc(1, sizeof *core);
  (void)snprintf(f->directory, sizeof f->directory, "/tmp/bc-test-audit-XXXXXX");
  assert_non_null(mkdtemp(f->directory));
  assert_int_equal(pipe(f->hang), 0);
  f->settings = (struct bc_settings){.audit_size = 1, .audit_files = 2};
  f->core = core;
  core->settings = &f->settings;
  core->loop = bc_loop_new();
  f->deadline = bc_timer_new(core->loop, on_deadline, f);
  bc_timer_start(f->deadline, 30000);
  assert_int_equal(bc_disk_open(core->loop, f->directory, &core->disk, NULL), BC_ERR_OK);
  core_audit_open(core);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  core_audit_close(f->core);
  bc_disk_close(f->core->disk);
  bc_timer_free(f->deadline);
  bc_loop_free(f->core->loop);
  DIR *dir = opendir(f->directory);
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    (void)unlinkat(dirfd(dir), entry->d_name, 0);
  }
  (void)closedir(dir);
  (void)rmdir(f->directory);
  (void)close(f->hang[0]);
  (void)close(f->hang[1]);
  free(f->core);
  free(f);
  return 0;
}

static void hang_work(void *arg) {
  struct fixture *f = arg;
  char byte;
  (void)!read(f->hang[0], &byte, 1);
}

static void hang_done(void *arg) {
  (void)arg;
}

static void hang(struct fixture *f) {
  assert_int_equal(bc_loop_job(f->core->loop, hang_work, hang_done, f), BC_ERR_OK);
}

static void go_on(struct fixture *f) {
  assert_int_equal(write(f->hang[1], "", 1), 1);
}

static void on_told(void *arg, enum bc_err err, const char *text);

static uint64_t write_line(struct fixture *f, core_audit_fn *done) {
  const struct core_audit_line line = {.who = "token desk", .action = "announce", .outcome = "accepted"};
  f->is_writing = true;
  uint64_t seq = core_audit_write(f->core, &line, done, f);
  f->is_writing = false;
  return seq;
}

static void on_told(void *arg, enum bc_err err, const char *text) {
  struct fixture *f = arg;
  assert_false(f->is_writing);
  assert_int_equal(err == BC_ERR_OK, text[0] == '\0');
  f->told++;
  f->errs[err]++;
  if (f->writes_more) {
    f->writes_more = false;
    (void)write_line(f, on_told);
  }
  if (f->told == f->wanted) {
    bc_loop_stop(f->core->loop);
  }
}

static void wait_for(struct fixture *f, unsigned wanted) {
  f->wanted = wanted;
  while (f->told < wanted) {
    bc_loop_run(f->core->loop);
  }
}

static size_t lines_of(const struct fixture *f) {
  char path[128];
  size_t count = 0;
  int c;
  (void)snprintf(path, sizeof path, "%s/audit.log", f->directory);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while ((c = fgetc(file)) != EOF) {
    count += c == '\n' ? 1U : 0U;
  }
  (void)fclose(file);
  return count;
}

static void a_line_is_told_once_it_is_written(void **state) {
  struct fixture *f = *state;
  f->writes_more = true;
  assert_int_equal(write_line(f, on_told), 1);
  assert_int_equal(write_line(f, on_told), 2);
  assert_int_equal(write_line(f, NULL), 3);
  wait_for(f, 3);
  assert_int_equal(f->errs[BC_ERR_OK], 3);
  assert_int_equal(lines_of(f), 4);
}

static void who_waits_for_a_hung_disk_is_told_once_and_in_time(void **state) {
  struct fixture *f = *state;
  struct bc_mono begun = bc_mono_now();
  hang(f);
  (void)write_line(f, on_told);
  (void)write_line(f, on_told);
  wait_for(f, 2);
  assert_int_equal(f->errs[BC_ERR_TIMEOUT], 2);
  assert_true(bc_mono_ms_between(begun, bc_mono_now()) >= CORE_AUDIT_LATE_MS);
  assert_int_equal(lines_of(f), 0);
  go_on(f);
  (void)write_line(f, on_told);
  wait_for(f, 3);
  assert_int_equal(f->errs[BC_ERR_OK], 1);
  assert_int_equal(lines_of(f), 3);
  assert_int_equal(f->core->audit.wait_count, 0);
}

/* A machine that loses its power loses no line that was told as written; many of them cost one wait for the disk. */
static void a_line_is_on_the_disk_before_it_is_told(void **state) {
  struct fixture *f = *state;
  syncs = 0;
  (void)write_line(f, on_told);
  wait_for(f, 1);
  assert_int_equal(syncs, 1);
  hang(f);
  for (int i = 0; i < 100; i++) {
    (void)write_line(f, on_told);
  }
  go_on(f);
  wait_for(f, 101);
  assert_int_equal(lines_of(f), 101);
  assert_true(syncs <= 3);
}

static void who_has_gone_is_not_told(void **state) {
  struct fixture *f = *state;
  struct fixture other = {.core = f->core};
  hang(f);
  (void)write_line(&other, on_told);
  (void)write_line(f, on_told);
  core_audit_cancel(f->core, &other);
  go_on(f);
  wait_for(f, 1);
  assert_int_equal(other.told, 0);
  assert_int_equal(lines_of(f), 2);
}

static void what_waits_is_bounded_and_the_rest_is_told_at_once(void **state) {
  struct fixture *f = *state;
  hang(f);
  for (int i = 0; i < BC_LIMIT_AUDIT_WAITS; i++) {
    (void)write_line(f, NULL);
  }
  (void)write_line(f, on_told);
  wait_for(f, 1);
  assert_int_equal(f->errs[BC_ERR_LIMIT], 1);
  assert_int_equal(f->core->audit.lost, 1);
  go_on(f);
}

/* The loop ends with lines at the disk: they are written, and nobody is told. */
static void what_waits_at_the_end_is_written(void **state) {
  struct fixture *f = *state;
  (void)write_line(f, on_told);
  (void)write_line(f, on_told);
  core_audit_close(f->core);
  bc_disk_close(f->core->disk);
  bc_timer_free(f->deadline);
  bc_loop_free(f->core->loop);
  assert_int_equal(lines_of(f), 2);
  assert_int_equal(f->told, 0);
  f->core->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->core->loop, on_deadline, f);
  assert_int_equal(bc_disk_open(f->core->loop, f->directory, &f->core->disk, NULL), BC_ERR_OK);
  core_audit_open(f->core);
  assert_int_equal(f->core->audit.seq, 2);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_line_is_told_once_it_is_written, setup, teardown),
      cmocka_unit_test_setup_teardown(who_waits_for_a_hung_disk_is_told_once_and_in_time, setup, teardown),
      cmocka_unit_test_setup_teardown(a_line_is_on_the_disk_before_it_is_told, setup, teardown),
      cmocka_unit_test_setup_teardown(who_has_gone_is_not_told, setup, teardown),
      cmocka_unit_test_setup_teardown(what_waits_is_bounded_and_the_rest_is_told_at_once, setup, teardown),
      cmocka_unit_test_setup_teardown(what_waits_at_the_end_is_written, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
