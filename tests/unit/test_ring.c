/* io/ring: lines in a bounded row of files, whatever the disk does. */
#include "io/ring.h"

#include "base/limits.h"

#include <dirent.h>
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
#include <unistd.h>

#include <cmocka.h>

enum { SEGMENT = 1000, SEGMENTS = 4, LINE = 50 };

struct fixture {
  struct bc_loop *loop;
  struct bc_disk *disk;
  struct bc_ring *ring;
  struct bc_timer *deadline;
  struct bc_timer *poll;
  struct bc_buf tail;
  char directory[64];
  uint64_t lost;
  unsigned told;
  char problem[600]; /* the last that was told */
  bool closes_ring;
};

static void on_told(void *arg, uint64_t lost, const char *problem) {
  struct fixture *f = arg;
  f->told++;
  f->lost += lost;
  assert_int_equal(lost > 0, problem[0] != '\0');
  (void)snprintf(f->problem, sizeof f->problem, "%s", problem);
  if (f->closes_ring) {
    bc_ring_close(f->ring);
    f->ring = NULL;
  }
}

static void open_ring(struct fixture *f) {
  const struct bc_ring_options options = {
      .name = "test", .segment_bytes = SEGMENT, .segments = SEGMENTS, .told = on_told, .arg = f};
  bc_buf_clear(&f->tail);
  assert_int_equal(bc_ring_open(f->disk, &options, &f->tail, &f->ring, NULL), BC_ERR_OK);
}

static void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 20 s");
}

static void on_poll(void *arg) {
  struct fixture *f = arg;
  if (f->ring == NULL || bc_ring_finished(f->ring) == bc_ring_appended(f->ring)) {
    bc_loop_stop(f->loop);
  } else {
    bc_timer_start(f->poll, 1);
  }
}

static void wait_written(struct fixture *f) {
  bc_timer_start(f->poll, 0);
  bc_loop_run(f->loop);
}

static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  (void)snprintf(f->directory, sizeof f->directory, "/tmp/bc-test-ring-XXXXXX");
  assert_non_null(mkdtemp(f->directory));
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  f->poll = bc_timer_new(f->loop, on_poll, f);
  bc_timer_start(f->deadline, 20000);
  bc_buf_init(&f->tail, 300);
  assert_int_equal(bc_disk_open(f->loop, f->directory, &f->disk, NULL), BC_ERR_OK);
  open_ring(f);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  bc_ring_close(f->ring);
  bc_disk_close(f->disk);
  bc_timer_free(f->deadline);
  bc_timer_free(f->poll);
  bc_loop_free(f->loop);
  bc_buf_free(&f->tail);
  DIR *all = opendir(f->directory);
  const struct dirent *entry;
  while ((entry = readdir(all)) != NULL) {
    (void)unlinkat(dirfd(all), entry->d_name, 0);
  }
  (void)closedir(all);
  (void)rmdir(f->directory);
  free(f);
  return 0;
}

/* Closes it, with all that waits written, and opens it anew. */
static void reopen(struct fixture *f) {
  bc_ring_close(f->ring);
  bc_disk_close(f->disk);
  bc_timer_free(f->deadline);
  bc_timer_free(f->poll);
  bc_loop_free(f->loop);
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  f->poll = bc_timer_new(f->loop, on_poll, f);
  bc_timer_start(f->deadline, 20000);
  assert_int_equal(bc_disk_open(f->loop, f->directory, &f->disk, NULL), BC_ERR_OK);
  open_ring(f);
}

/* `number` as a line of LINE bytes. */
static void append(struct fixture *f, unsigned number) {
  char line[LINE + 1];
  (void)snprintf(line, sizeof line, "%-*u\n", LINE - 1, number);
  assert_int_equal(bc_ring_append(f->ring, bc_str_of(line)), BC_ERR_OK);
}

static void append_range(struct fixture *f, unsigned from, unsigned to) {
  for (unsigned i = from; i < to; i++) {
    append(f, i);
  }
}

/* ---- reading ---- */

struct seen {
  unsigned first, last, count, others;
  size_t longest;
};

static void on_line(void *arg, struct bc_str line) {
  struct seen *seen = arg;
  char text[16] = "";
  memcpy(text, line.at, line.len < 15 ? line.len : 15);
  char *end;
  unsigned number = (unsigned)strtoul(text, &end, 10);
  seen->longest = line.len > seen->longest ? line.len : seen->longest;
  if (line.len != LINE - 1 || end == text) {
    seen->others++;
    return;
  }
  assert_true(seen->count == 0 || number > seen->last);
  seen->first = seen->count == 0 ? number : seen->first;
  seen->last = number;
  seen->count++;
}

static struct seen read_all(struct fixture *f) {
  struct seen seen = {0};
  struct bc_fault fault;
  assert_int_equal(bc_ring_read_all(f->directory, "test", on_line, &seen, &fault), BC_ERR_OK);
  return seen;
}

static void files_that_none_can_be_opened_of_are_no_empty_ring(void **state) {
  struct fixture *f = *state;
  struct seen seen = {0};
  struct bc_fault fault;
  char path[512];
  (void)snprintf(path, sizeof path, "%s/test.1", f->directory);
  assert_int_equal(symlink("/dev/null", path), 0); /* links are not followed, by root either */
  assert_int_equal(bc_ring_read_all(f->directory, "test", on_line, &seen, &fault), BC_ERR_IO);
  assert_non_null(strstr(fault.text, "test.N"));
  assert_int_equal(unlink(path), 0);
}

static size_t count_files(struct fixture *f, size_t *most) {
  DIR *all = opendir(f->directory);
  const struct dirent *entry;
  size_t count = 0;
  *most = 0;
  while ((entry = readdir(all)) != NULL) {
    char path[512];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/%s", f->directory, entry->d_name);
    if (strncmp(entry->d_name, "test.", 5) == 0) {
      count++;
      assert_int_equal(stat(path, &status), 0);
      assert_int_equal(status.st_mode & 0777, 0600);
      *most = (size_t)status.st_size > *most ? (size_t)status.st_size : *most;
    }
  }
  (void)closedir(all);
  return count;
}

static void write_file(struct fixture *f, const char *name, const char *bytes, size_t len) {
  char path[512];
  (void)snprintf(path, sizeof path, "%s/%s", f->directory, name);
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  (void)fclose(file);
}

/* ---- rules ---- */

static void what_was_appended_is_read_in_order(void **state) {
  struct fixture *f = *state;
  append_range(f, 0, 10);
  wait_written(f);
  struct seen seen = read_all(f);
  assert_true(seen.first == 0 && seen.last == 9 && seen.count == 10 && seen.others == 0);
  assert_int_equal(f->lost, 0);
}

static void old_files_go_and_none_is_longer_than_it_may_be(void **state) {
  struct fixture *f = *state;
  for (unsigned i = 0; i < 500; i += 7) {
    append_range(f, i, i + 7);
    if (i % 3 == 0) {
      wait_written(f);
    }
  }
  wait_written(f);
  size_t most;
  assert_int_equal(count_files(f, &most), SEGMENTS);
  assert_true(most <= SEGMENT);
  struct seen seen = read_all(f);
  assert_int_equal(seen.last, 503);
  assert_int_equal(seen.count, seen.last - seen.first + 1); /* without a gap */
  assert_true(seen.count > (SEGMENTS - 1) * (SEGMENT / LINE - 1) && seen.others == 0);
}

static void a_line_that_is_longer_than_a_file_may_be_is_kept_whole(void **state) {
  struct fixture *f = *state;
  char line[3 * SEGMENT + 2];
  memset(line, 'x', 3 * SEGMENT);
  (void)snprintf(line + 3 * SEGMENT, 2, "\n");
  append(f, 1);
  assert_int_equal(bc_ring_append(f->ring, bc_str_of(line)), BC_ERR_OK);
  append(f, 2);
  wait_written(f);
  struct seen seen = read_all(f);
  assert_true(seen.count == 2 && seen.others == 1 && seen.longest == 3 * SEGMENT);
}

static void another_process_goes_on_where_the_last_one_ended(void **state) {
  struct fixture *f = *state;
  append_range(f, 0, 5);
  reopen(f); /* also writes what waits */
  assert_int_equal(f->tail.len, 5 * LINE);
  append_range(f, 5, 50);
  wait_written(f);
  reopen(f);
  assert_int_equal(f->tail.len, 300); /* as much as it takes, of the end */
  assert_memory_equal(f->tail.data + 300 - LINE, "49 ", 3);
  struct seen seen = read_all(f);
  assert_true(seen.first == 0 && seen.count == 50);
}

static void the_end_that_is_looked_at_may_be_that_of_several_files(void **state) {
  struct fixture *f = *state;
  append_range(f, 0, SEGMENT / LINE + 2);
  wait_written(f);
  size_t most;
  assert_int_equal(count_files(f, &most), 2);
  reopen(f);
  assert_int_equal(f->tail.len, 300);
  for (size_t i = 0; i < 6; i++) {
    assert_int_equal(strtoul(f->tail.data + i * LINE, NULL, 10), SEGMENT / LINE - 4 + i);
  }
}

static void a_torn_end_stays_alone(void **state) {
  struct fixture *f = *state;
  append_range(f, 0, 3);
  wait_written(f);
  write_file(f, "test.1", "7 and no e", 10);
  struct seen seen = read_all(f);
  assert_true(seen.count == 3 && seen.others == 0); /* it has no end: not read */
  reopen(f);
  append_range(f, 8, 10);
  wait_written(f);
  seen = read_all(f);
  assert_true(seen.count == 5 && seen.last == 9 && seen.others == 1);
}

static void what_a_power_cut_left_is_read_past(void **state) {
  struct fixture *f = *state;
  static const char zeros[512];
  append_range(f, 0, 3);
  wait_written(f);
  write_file(f, "test.1", zeros, sizeof zeros);
  reopen(f);
  append_range(f, 3, 5);
  wait_written(f);
  struct seen seen = read_all(f);
  assert_true(seen.count == 5 && seen.others == 1);
}

static void a_file_that_somebody_removed_is_made_again(void **state) {
  struct fixture *f = *state;
  char path[512];
  append_range(f, 0, 3);
  wait_written(f);
  (void)snprintf(path, sizeof path, "%s/test.1", f->directory);
  assert_int_equal(unlink(path), 0);
  append_range(f, 3, 5);
  wait_written(f);
  struct seen seen = read_all(f);
  assert_true(seen.first == 3 && seen.count == 2);
  assert_int_equal(f->lost, 0);
}

static void what_cannot_be_written_is_counted_and_later_lines_are_kept(void **state) {
  struct fixture *f = *state;
  struct rlimit old, small = {.rlim_cur = 120};
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small.rlim_max = old.rlim_max;
  append(f, 1);
  wait_written(f);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  append_range(f, 2, 7);
  wait_written(f);
  assert_int_equal(f->lost, 4); /* one fitted */
  assert_non_null(strstr(f->problem, "cannot write"));
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  append_range(f, 7, 9);
  wait_written(f);
  assert_string_equal(f->problem, "");
  struct seen seen = read_all(f);
  assert_true(seen.count == 4 && seen.last == 8 && seen.others == 0); /* nothing torn */
}

static void a_directory_in_the_way_loses_lines_and_nothing_else(void **state) {
  struct fixture *f = *state;
  char path[512];
  (void)snprintf(path, sizeof path, "%s/test.1", f->directory);
  assert_int_equal(mkdir(path, 0700), 0);
  append_range(f, 0, 4);
  wait_written(f);
  assert_int_equal(f->lost, 4);
  assert_int_equal(rmdir(path), 0);
  append_range(f, 4, 6);
  wait_written(f);
  assert_int_equal(read_all(f).count, 2);
}

static void too_much_that_waits_is_refused_whole(void **state) {
  struct fixture *f = *state;
  size_t len = 1U << 20;
  char *line = malloc(len);
  memset(line, 'x', len);
  line[len - 1] = '\n';
  unsigned taken = 0;
  while (bc_ring_append(f->ring, (struct bc_str){.at = line, .len = len}) == BC_ERR_OK) {
    taken++;
  }
  assert_int_equal(taken, BC_LIMIT_RECORDS_QUEUE_BYTES / len);
  wait_written(f);
  assert_int_equal(bc_ring_append(f->ring, (struct bc_str){.at = line, .len = len}), BC_ERR_OK);
  free(line);
}

static void it_may_be_closed_by_whom_it_tells(void **state) {
  struct fixture *f = *state;
  f->closes_ring = true;
  append_range(f, 0, 100);
  wait_written(f);
  assert_int_equal(f->told, 1);
}

static void closing_writes_all_that_waits(void **state) {
  struct fixture *f = *state;
  for (unsigned i = 0; i < 60000; i++) { /* several steps */
    append(f, i);
  }
  reopen(f);
  assert_int_equal(read_all(f).last, 59999);
}

/* ---- reading on the disk thread ---- */

struct reader {
  struct fixture *f;
  struct seen seen;
  struct bc_ring_read *reading;
};

static void on_release(void *arg) {
  struct seen *seen = arg;
  seen->others = 1000;
}

static void on_read_poll(void *arg) {
  struct reader *reader = arg;
  bc_loop_stop(reader->f->loop);
}

static void the_disk_thread_reads_while_the_loop_goes_on(void **state) {
  struct fixture *f = *state;
  struct reader reader = {.f = f};
  append_range(f, 0, 60);
  wait_written(f);
  assert_int_equal(bc_ring_read_start(f->loop, f->directory, "test", on_line, &reader.seen, &reader.reading),
                   BC_ERR_OK);
  struct bc_timer *timer = bc_timer_new(f->loop, on_read_poll, &reader);
  for (unsigned i = 60; !bc_ring_read_is_done(reader.reading); i++) {
    bc_timer_start(timer, 1);
    append(f, i); /* written meanwhile */
    bc_loop_run(f->loop);
  }
  assert_true(reader.seen.first == 0 && reader.seen.count >= 60);
  bc_ring_read_end(reader.reading, on_release);
  assert_int_equal(reader.seen.others, 1000);
  bc_timer_free(timer);
}

static void a_reading_may_be_ended_at_once(void **state) {
  struct fixture *f = *state;
  static struct seen seen;
  struct bc_ring_read *reading;
  append_range(f, 0, 60);
  assert_int_equal(bc_ring_read_start(f->loop, f->directory, "test", on_line, &seen, &reading), BC_ERR_OK);
  bc_ring_read_end(reading, on_release);
  reopen(f);
  assert_int_equal(seen.others, 1000);
}

static void where_nothing_is_there_that_is_told(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  struct seen seen = {0};
  assert_int_equal(bc_ring_read_all(f->directory, "test", on_line, &seen, &fault), BC_ERR_NOT_FOUND);
  assert_int_equal(bc_ring_read_all("/nonexistent", "test", on_line, &seen, &fault), BC_ERR_IO);
  write_file(f, "test", "x\n", 2);
  write_file(f, "test.", "x\n", 2);
  write_file(f, "test.01", "x\n", 2);
  write_file(f, "test.1x", "x\n", 2);
  write_file(f, "test.0", "x\n", 2);
  assert_int_equal(bc_ring_read_all(f->directory, "test", on_line, &seen, &fault), BC_ERR_NOT_FOUND);
  assert_non_null(strstr(fault.text, f->directory));
}

int main(void) {
  (void)signal(SIGXFSZ, SIG_IGN);
#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      RULE(what_was_appended_is_read_in_order),
      RULE(old_files_go_and_none_is_longer_than_it_may_be),
      RULE(a_line_that_is_longer_than_a_file_may_be_is_kept_whole),
      RULE(another_process_goes_on_where_the_last_one_ended),
      RULE(the_end_that_is_looked_at_may_be_that_of_several_files),
      RULE(a_torn_end_stays_alone),
      RULE(what_a_power_cut_left_is_read_past),
      RULE(a_file_that_somebody_removed_is_made_again),
      RULE(what_cannot_be_written_is_counted_and_later_lines_are_kept),
      RULE(a_directory_in_the_way_loses_lines_and_nothing_else),
      RULE(too_much_that_waits_is_refused_whole),
      RULE(it_may_be_closed_by_whom_it_tells),
      RULE(closing_writes_all_that_waits),
      RULE(the_disk_thread_reads_while_the_loop_goes_on),
      RULE(a_reading_may_be_ended_at_once),
      RULE(where_nothing_is_there_that_is_told),
      RULE(files_that_none_can_be_opened_of_are_no_empty_ring),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
