/* A log whose file others rename, replace and shorten. */
#include "disk_world.h"

static void open_rotated(struct fixture *f, char path[static 128]) {
  (void)snprintf(path, 128, "%s/journal", f->directory);
  open_log(f, "");
  bc_disk_log_set_rotated(f->log);
  bc_disk_log_set_durable(f->log);
  append(f, "old\n");
  wait_for(f, 1);
  assert_int_equal(bc_disk_log_take_change(f->log), BC_DISK_LOG_UNCHANGED);
}

static void a_rotated_log_goes_on_where_its_name_is(void **state) {
  struct fixture *f = *state;
  char path[128];
  char moved[140];
  open_rotated(f, path);
  (void)snprintf(moved, sizeof moved, "%s.gz", path);
  assert_int_equal(rename(path, moved), 0);
  append(f, "a\n");
  wait_for(f, 1);
  assert_int_equal(bc_disk_log_take_change(f->log), BC_DISK_LOG_RENAMED);
  assert_int_equal(bc_disk_log_take_change(f->log), BC_DISK_LOG_UNCHANGED);
  assert_file(f, "journal", "a\n");
  assert_file(f, "journal.gz", "old\n");
  /* Another file has the name, and what was there before is gone: that is not brought back over it. */
  assert_int_equal(unlink(path), 0);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_int_equal(write(fd, "theirs\n", 7), 7);
  (void)close(fd);
  append(f, "b\n");
  append(f, "c\n");
  wait_for(f, 2);
  assert_int_equal(bc_disk_log_take_change(f->log), BC_DISK_LOG_RENAMED);
  assert_file(f, "journal", "theirs\nb\nc\n");
  assert_int_equal(bc_disk_log_bytes(f->log), 11);
  assert_int_equal(unlink(path), 0);
  turn(f, 1);
  append(f, "d\n");
  wait_for(f, 2);
  assert_int_equal(bc_disk_log_take_change(f->log), BC_DISK_LOG_REMOVED);
  assert_file(f, "journal.1", "theirs\nb\nc\n");
  assert_file(f, "journal", "d\n");
  assert_int_equal(f->failed, 0);
}

static void a_rotated_log_that_was_shortened_has_no_hole(void **state) {
  struct fixture *f = *state;
  char path[128];
  open_rotated(f, path);
  assert_int_equal(truncate(path, 0), 0);
  set_file_limit(1);
  append(f, "lost\n");
  wait_for(f, 1);
  set_file_limit(RLIM_INFINITY);
  assert_int_equal(f->failed, 1);
  assert_int_equal(bc_disk_log_take_change(f->log), BC_DISK_LOG_SHORTENED);
  append(f, "a\n");
  wait_for(f, 1);
  assert_int_equal(bc_disk_log_take_change(f->log), BC_DISK_LOG_UNCHANGED);
  assert_file(f, "journal", "a\n");
  assert_int_equal(bc_disk_log_bytes(f->log), 2);
}

static void a_rotated_log_whose_name_leads_elsewhere_is_an_error(void **state) {
  struct fixture *f = *state;
  char path[128];
  char other[140];
  open_rotated(f, path);
  (void)snprintf(other, sizeof other, "%s/other", f->directory);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(symlink("other", path), 0);
  int fd = open(other, O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_true(fd >= 0);
  (void)close(fd);
  append(f, "a\n");
  wait_for(f, 1);
  assert_int_equal(f->failed, 1);
  assert_file(f, "other", "");
  assert_int_equal(unlink(path), 0);
  append(f, "b\n");
  wait_for(f, 1);
  assert_file(f, "journal", "old\nb\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(a_rotated_log_goes_on_where_its_name_is),
      TEST(a_rotated_log_that_was_shortened_has_no_hole),
      TEST(a_rotated_log_whose_name_leads_elsewhere_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
