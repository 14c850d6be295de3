#include "disk_world.h"

static void a_new_directory_is_private_even_under_exabgps_umask(void **state) {
  struct fixture *f = *state;
  char path[128];
  (void)snprintf(path, sizeof path, "%s/new", f->directory);
  mode_t mask = umask(0137);
  struct bc_disk *disk = NULL;
  enum bc_err err = bc_disk_open(f->loop, path, &disk, NULL);
  (void)umask(mask);
  assert_int_equal(err, BC_ERR_OK);
  bc_disk_close(disk);
  assert_int_equal(mode_of(f, "new"), 0700);
  assert_int_equal(rmdir(path), 0);
}

static void a_directory_that_all_may_write_is_refused(void **state) {
  struct fixture *f = *state;
  struct bc_disk *disk = NULL;
  struct bc_fault fault;
  assert_int_equal(chmod(f->directory, 0777), 0);
  assert_int_equal(bc_disk_open(f->loop, f->directory, &disk, &fault), BC_ERR_REFUSED);
  assert_non_null(strstr(fault.text, "chmod o-w"));
  assert_int_equal(bc_disk_open(f->loop, "/dev/null", &disk, &fault), BC_ERR_REFUSED);
  assert_int_equal(bc_disk_open(f->loop, "/nowhere/at/all", &disk, &fault), BC_ERR_IO);
  assert_non_null(strstr(fault.text, "/nowhere/at/all: No such file"));
}

static void the_second_process_is_told_who_has_the_lock(void **state) {
  struct fixture *f = *state;
  struct bc_disk *second = NULL;
  struct bc_fault fault;
  pid_t holder = -1;
  assert_int_equal(bc_disk_lock(f->disk, &holder, &fault), BC_ERR_OK);
  assert_int_equal(bc_disk_lock(f->disk, &holder, &fault), BC_ERR_OK);
  assert_int_equal(bc_disk_open(f->loop, f->directory, &second, NULL), BC_ERR_OK);
  assert_int_equal(bc_disk_lock(second, &holder, &fault), BC_ERR_EXISTS);
  assert_int_equal(holder, getpid());
  char expected[128];
  (void)snprintf(expected, sizeof expected, "is in use by process %d", (int)getpid());
  assert_non_null(strstr(fault.text, expected));
  bc_disk_close(f->disk);
  assert_int_equal(bc_disk_lock(second, &holder, &fault), BC_ERR_OK);
  f->disk = second;
}

/* kill -9 gives the lock back. */
static void a_dead_process_holds_no_lock(void **state) {
  struct fixture *f = *state;
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  pid_t pid = fork();
  if (pid == 0) {
    bool is_locked = bc_disk_lock(f->disk, NULL, NULL) == BC_ERR_OK;
    (void)!write(ready[1], is_locked ? "y" : "n", 1);
    for (;;) {
      (void)pause();
    }
  }
  char answer = 0;
  assert_int_equal(read(ready[0], &answer, 1), 1);
  assert_int_equal(answer, 'y');
  pid_t holder = 0;
  assert_int_equal(bc_disk_lock(f->disk, &holder, NULL), BC_ERR_EXISTS);
  assert_int_equal(holder, pid);
  (void)kill(pid, SIGKILL);
  (void)waitpid(pid, NULL, 0);
  assert_int_equal(bc_disk_lock(f->disk, &holder, NULL), BC_ERR_OK);
  (void)close(ready[0]);
  (void)close(ready[1]);
}

static void a_save_replaces_the_file_as_a_whole(void **state) {
  struct fixture *f = *state;
  assert_absent(f, "state");
  assert_int_equal(bc_disk_save(f->disk, "state", bc_str_of("one"), on_done, f), BC_ERR_OK);
  assert_int_equal(bc_disk_save(f->disk, "state", bc_str_of("two"), on_done, f), BC_ERR_OK);
  assert_int_equal(f->done, 0);
  wait_for(f, 2);
  assert_file(f, "state", "two");
  assert_absent(f, "state.new");
  assert_int_equal(mode_of(f, "state"), 0600);
  assert_int_equal(f->failed, 0);
}

static void a_save_that_fails_leaves_the_old_file_and_says_why(void **state) {
  struct fixture *f = *state;
  assert_int_equal(bc_disk_save(f->disk, "state", bc_str_of("old"), on_done, f), BC_ERR_OK);
  wait_for(f, 1);
  set_file_limit(2);
  assert_int_equal(bc_disk_save(f->disk, "state", bc_str_of("a new one"), on_done, f), BC_ERR_OK);
  wait_for(f, 1);
  set_file_limit(RLIM_INFINITY);
  assert_int_equal(f->failed, 1);
  char expected[256];
  (void)snprintf(expected, sizeof expected, "cannot write %s/state: File too large", f->directory);
  assert_string_equal(f->text, expected);
  assert_file(f, "state", "old");
  assert_absent(f, "state.new");
  assert_int_equal(bc_disk_save(f->disk, "state", bc_str_of("a new one"), on_done, f), BC_ERR_OK);
  wait_for(f, 1);
  assert_file(f, "state", "a new one");
}

static void a_file_longer_than_the_buffer_is_refused_whole(void **state) {
  struct fixture *f = *state;
  assert_int_equal(bc_disk_save(f->disk, "state", bc_str_of("0123456789"), on_done, f), BC_ERR_OK);
  wait_for(f, 1);
  struct bc_buf content;
  struct bc_fault fault;
  bc_buf_init(&content, 12);
  bc_buf_add_text(&content, "abc");
  assert_int_equal(bc_disk_load(f->disk, "state", &content, &fault), BC_ERR_LIMIT);
  assert_int_equal(content.len, 3);
  content.max = 13;
  assert_int_equal(bc_disk_load(f->disk, "state", &content, &fault), BC_ERR_OK);
  assert_string_equal(content.data, "abc0123456789");
  bc_buf_free(&content);
}

static void appends_keep_their_order_and_survive_a_reopen(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "a\n");
  append(f, "b\n");
  assert_int_equal(f->done, 0);
  assert_true(bc_disk_log_waiting_bytes(f->log) > 0);
  wait_for(f, 2);
  append(f, "c\n");
  wait_for(f, 1);
  assert_int_equal(bc_disk_log_bytes(f->log), 6);
  assert_int_equal(bc_disk_log_waiting_bytes(f->log), 0);
  assert_int_equal(mode_of(f, "journal"), 0600);
  bc_disk_log_close(f->log);
  open_log(f, "a\nb\nc\n");
  assert_int_equal(bc_disk_log_bytes(f->log), 6);
}

static void a_rewrite_stands_between_the_appends_around_it(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "old\n");
  append(f, "older\n");
  assert_int_equal(bc_disk_log_rewrite(f->log, bc_str_of("all\n"), on_done, f), BC_ERR_OK);
  append(f, "new\n");
  append(f, "newer\n");
  wait_for(f, 5);
  assert_int_equal(f->failed, 0);
  assert_file(f, "journal", "all\nnew\nnewer\n");
  assert_int_equal(bc_disk_log_bytes(f->log), 14);
  append(f, "last\n");
  wait_for(f, 1);
  assert_file(f, "journal", "all\nnew\nnewer\nlast\n");
}

static void a_failed_append_leaves_no_torn_record_and_can_be_made_again(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "good\n");
  wait_for(f, 1);
  set_file_limit(8);
  append(f, "too long for it\n");
  wait_for(f, 1);
  assert_int_equal(f->failed, 1);
  assert_non_null(strstr(f->text, "journal: File too large"));
  assert_int_equal(bc_disk_log_bytes(f->log), 5);
  assert_file(f, "journal", "good\n");
  set_file_limit(RLIM_INFINITY);
  append(f, "again\n");
  wait_for(f, 1);
  assert_int_equal(f->failed, 1);
  assert_file(f, "journal", "good\nagain\n");
}

static void a_failed_rewrite_leaves_the_old_log_in_use(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "good\n");
  set_file_limit(8);
  assert_int_equal(bc_disk_log_rewrite(f->log, bc_str_of("longer than eight\n"), on_done, f), BC_ERR_OK);
  wait_for(f, 2);
  set_file_limit(RLIM_INFINITY);
  assert_int_equal(f->failed, 1);
  append(f, "on\n");
  wait_for(f, 1);
  assert_file(f, "journal", "good\non\n");
}

static void a_removed_log_is_made_again_with_what_it_held(void **state) {
  struct fixture *f = *state;
  char path[128];
  (void)snprintf(path, sizeof path, "%s/journal", f->directory);
  open_log(f, "");
  append(f, "old\n");
  wait_for(f, 1);
  for (int i = 0; i < 2; i++) { /* also the file that was made again */
    assert_int_equal(unlink(path), 0);
    append(f, "new\n");
    wait_for(f, 1);
  }
  assert_int_equal(f->failed, 0);
  assert_file(f, "journal", "old\nnew\nnew\n");
  assert_int_equal(bc_disk_log_bytes(f->log), 12);
  assert_int_equal(bc_disk_log_rewrite(f->log, bc_str_of("all\n"), on_done, f), BC_ERR_OK);
  wait_for(f, 1);
  assert_int_equal(unlink(path), 0);
  append(f, "more\n");
  wait_for(f, 1);
  assert_file(f, "journal", "all\nmore\n");
}

static void a_log_that_cannot_be_read_is_set_aside(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "0123456789");
  wait_for(f, 1);
  bc_disk_log_close(f->log);
  f->log = NULL;
  struct bc_buf content;
  bc_buf_init(&content, 4);
  assert_int_equal(bc_disk_log_open(f->disk, "journal", &content, &f->log, NULL), BC_ERR_LIMIT);
  assert_int_equal(bc_disk_set_aside(f->disk, "journal", NULL), BC_ERR_OK);
  assert_file(f, "journal.bad", "0123456789");
  open_log(f, "");
}

static void many_appends_at_once_are_few_jobs(void **state) {
  struct fixture *f = *state;
  enum { APPENDS = 20 * BC_LOOP_JOBS };
  open_log(f, "");
  for (int i = 0; i < APPENDS; i++) {
    append(f, "0123456789\n");
  }
  wait_for(f, APPENDS);
  assert_int_equal(f->failed, 0);
  assert_int_equal(bc_disk_log_bytes(f->log), 11 * APPENDS);
}

static void what_waits_for_a_hung_disk_is_bounded(void **state) {
  struct fixture *f = *state;
  enum { PIECE = 4 * 1024 * 1024 };
  char *piece = calloc(1, PIECE);
  struct bc_str bytes = {.at = piece, .len = PIECE};
  unsigned taken = 0;
  open_log(f, "");
  while (bc_disk_log_append(f->log, bytes, on_done, f) == BC_ERR_OK) {
    taken++;
    assert_true(taken * (size_t)PIECE <= BC_LIMIT_DISK_QUEUE_BYTES);
  }
  assert_true(taken >= 10);
  wait_for(f, taken);
  append(f, "x");
  wait_for(f, 1);
  assert_int_equal(bc_disk_log_bytes(f->log), taken * (size_t)PIECE + 1);
  free(piece);
}

/* Else a configuration or a journal beyond the queue's size could never be saved. */
static void alone_a_request_may_be_longer_than_what_may_wait(void **state) {
  struct fixture *f = *state;
  size_t len = (size_t)BC_LIMIT_DISK_QUEUE_BYTES + 1;
  char *large = calloc(1, len);
  struct bc_str bytes = {.at = large, .len = len};
  struct bc_str one = {.at = large, .len = 1};
  open_log(f, "");
  assert_int_equal(bc_disk_save(f->disk, "state", bytes, on_done, f), BC_ERR_OK);
  assert_int_equal(bc_disk_save(f->disk, "state", one, on_done, f), BC_ERR_LIMIT);
  assert_int_equal(bc_disk_log_rewrite(f->log, bytes, on_done, f), BC_ERR_OK);
  assert_int_equal(bc_disk_log_append(f->log, one, on_done, f), BC_ERR_LIMIT);
  wait_for(f, 2);
  assert_int_equal(bc_disk_log_append(f->log, bytes, on_done, f), BC_ERR_OK);
  wait_for(f, 1);
  assert_int_equal(f->failed, 0);
  assert_int_equal(bc_disk_log_bytes(f->log), 2 * len);
  free(large);
}

/* The end of the process: what was asked for is on the disk, no callback comes. */
static void what_waits_at_the_end_is_still_written(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "a\n");
  append(f, "b\n");
  assert_int_equal(bc_disk_log_rewrite(f->log, bc_str_of("all\n"), on_done, f), BC_ERR_OK);
  append(f, "c\n");
  assert_int_equal(bc_disk_save(f->disk, "state", bc_str_of("saved"), on_done, f), BC_ERR_OK);
  bc_disk_log_close(f->log);
  f->log = NULL;
  bc_disk_close(f->disk);
  bc_timer_free(f->deadline);
  bc_loop_free(f->loop);
  assert_int_equal(f->done, 0);
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  assert_int_equal(bc_disk_open(f->loop, f->directory, &f->disk, NULL), BC_ERR_OK);
  assert_file(f, "journal", "all\nc\n");
  assert_file(f, "state", "saved");
}

static void a_callback_may_close_the_log(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "a\n");
  append(f, "b\n");
  append(f, "c\n");
  f->closes_log = true;
  wait_for(f, 1);
  assert_int_equal(f->done, 1);
  f->closes_log = false;
  /* The other appends are told nobody; a later request of the same thread tells that they are done. */
  assert_int_equal(bc_disk_save(f->disk, "after", bc_str_of("x"), on_done, f), BC_ERR_OK);
  wait_for(f, 1);
  open_log(f, "a\nb\nc\n");
}

static void a_full_log_is_renamed_and_the_oldest_goes(void **state) {
  struct fixture *f = *state;
  open_log(f, "");
  append(f, "a");
  turn(f, 2);
  append(f, "b");
  turn(f, 2);
  append(f, "c");
  turn(f, 2);
  append(f, "d");
  append(f, "e");
  wait_for(f, 8);
  assert_int_equal(f->failed, 0);
  assert_file(f, "journal", "de");
  assert_file(f, "journal.1", "c");
  assert_file(f, "journal.2", "b");
  assert_absent(f, "journal.3");
  assert_absent(f, "journal.new");
  assert_int_equal(bc_disk_log_bytes(f->log), 2);
}

static void a_log_that_cannot_be_renamed_is_gone_on_with(void **state) {
  struct fixture *f = *state;
  char path[128];
  open_log(f, "");
  append(f, "a");
  wait_for(f, 1);
  (void)snprintf(path, sizeof path, "%s/journal.1", f->directory);
  assert_int_equal(mkdir(path, 0700), 0); /* nothing takes the place of a directory */
  turn(f, 1);
  append(f, "b");
  wait_for(f, 2);
  assert_int_equal(f->failed, 1);
  assert_non_null(strstr(f->text, "cannot write "));
  assert_file(f, "journal", "ab");
  assert_absent(f, "journal.new");
  assert_int_equal(rmdir(path), 0);
}

static void of_a_long_log_only_the_end_is_read(void **state) {
  struct fixture *f = *state;
  struct bc_buf end;
  open_log(f, "");
  append(f, "0123456789");
  wait_for(f, 1);
  bc_disk_log_close(f->log);
  f->log = NULL;
  bc_buf_init(&end, 4);
  assert_int_equal(bc_disk_log_open_end(f->disk, "journal", &end, &f->log, NULL), BC_ERR_OK);
  assert_string_equal(end.data, "6789");
  assert_int_equal(bc_disk_log_bytes(f->log), 10);
  bc_buf_clear(&end);
  assert_int_equal(bc_disk_load_end(f->disk, "journal", &end, NULL), BC_ERR_OK);
  assert_string_equal(end.data, "6789");
  assert_int_equal(bc_disk_load_end(f->disk, "other", &end, NULL), BC_ERR_NOT_FOUND);
  assert_absent(f, "other");
  bc_buf_free(&end);
  append(f, "a");
  wait_for(f, 1);
  assert_file(f, "journal", "0123456789a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(a_new_directory_is_private_even_under_exabgps_umask),
                                     TEST(a_directory_that_all_may_write_is_refused),
                                     TEST(the_second_process_is_told_who_has_the_lock),
                                     TEST(a_dead_process_holds_no_lock),
                                     TEST(a_save_replaces_the_file_as_a_whole),
                                     TEST(a_save_that_fails_leaves_the_old_file_and_says_why),
                                     TEST(a_file_longer_than_the_buffer_is_refused_whole),
                                     TEST(appends_keep_their_order_and_survive_a_reopen),
                                     TEST(a_rewrite_stands_between_the_appends_around_it),
                                     TEST(a_failed_append_leaves_no_torn_record_and_can_be_made_again),
                                     TEST(a_failed_rewrite_leaves_the_old_log_in_use),
                                     TEST(a_removed_log_is_made_again_with_what_it_held),
                                     TEST(a_log_that_cannot_be_read_is_set_aside),
                                     TEST(many_appends_at_once_are_few_jobs),
                                     TEST(what_waits_for_a_hung_disk_is_bounded),
                                     TEST(alone_a_request_may_be_longer_than_what_may_wait),
                                     TEST(what_waits_at_the_end_is_still_written),
                                     TEST(a_callback_may_close_the_log),
                                     TEST(a_full_log_is_renamed_and_the_oldest_goes),
                                     TEST(a_log_that_cannot_be_renamed_is_gone_on_with),
                                     TEST(of_a_long_log_only_the_end_is_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
