#include "base/buf.h"
#include "base/limits.h"
#include "io/exabgp_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char seal[] = BC_EXABGP_PIPE_SEAL "\n";

struct fixture {
  struct bc_loop *loop;
  struct bc_exabgp_pipe *pipe;
  struct bc_timer *deadline;
  int to_us, from_us; /* ExaBGP's ends */
  int our_in, our_out;
  struct bc_buf lines; /* each followed by '\n' */
  size_t line_count, longest;
  size_t stop_at_line;  /* stops the loop */
  struct bc_timer *due; /* is due from the first line on */
  unsigned closed, writable;
  bool frees_in_line, frees_in_closed, frees_in_writable;
};

static void free_pipe(struct fixture *f) {
  bc_exabgp_pipe_free(f->pipe);
  f->pipe = NULL;
}

static void on_line(void *arg, struct bc_str line) {
  struct fixture *f = arg;
  if (f->line_count == 0 && f->due != NULL) {
    bc_timer_start(f->due, 0);
  }
  f->line_count++;
  f->longest = line.len > f->longest ? line.len : f->longest;
  bc_buf_add(&f->lines, line.at, line.len < 100 ? line.len : 100);
  bc_buf_add_char(&f->lines, '\n');
  if (f->frees_in_line) {
    free_pipe(f);
  }
  if (f->line_count == f->stop_at_line || f->frees_in_line) {
    bc_loop_stop(f->loop);
  }
}

static void on_closed(void *arg) {
  struct fixture *f = arg;
  f->closed++;
  if (f->frees_in_closed) {
    free_pipe(f);
  }
  bc_loop_stop(f->loop);
}

static void on_writable(void *arg) {
  struct fixture *f = arg;
  f->writable++;
  if (f->frees_in_writable) {
    free_pipe(f);
  }
  bc_loop_stop(f->loop);
}

static void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 20 s");
}

static void open_pipe(struct fixture *f) {
  struct bc_exabgp_pipe_handler handler = {.arg = f, .line = on_line, .closed = on_closed, .writable = on_writable};
  assert_int_equal(bc_exabgp_pipe_open_on(f->loop, f->our_in, f->our_out, &handler, &f->pipe), BC_ERR_OK);
}

static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  int in[2], out[2];
  assert_int_equal(pipe2(in, O_CLOEXEC), 0);
  assert_int_equal(pipe2(out, O_CLOEXEC), 0);
  f->our_in = in[0];
  f->to_us = in[1];
  f->from_us = out[0];
  f->our_out = out[1];
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  bc_timer_start(f->deadline, 20000);
  bc_buf_init(&f->lines, 1 << 24);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  bc_exabgp_pipe_free(f->pipe);
  bc_timer_free(f->deadline);
  bc_loop_free(f->loop);
  bc_buf_free(&f->lines);
  (void)close(f->to_us);
  (void)close(f->from_us);
  (void)close(f->our_in);
  (void)close(f->our_out);
  free(f);
  return 0;
}

static void feed(struct fixture *f, const char *text) {
  assert_int_equal(write(f->to_us, text, strlen(text)), strlen(text));
}

/* Everything that waits at ExaBGP's end. */
static size_t drain(struct fixture *f, struct bc_buf *to) {
  (void)fcntl(f->from_us, F_SETFL, O_NONBLOCK);
  size_t all = 0;
  for (;;) {
    char *room = bc_buf_reserve(to, 65536);
    assert_non_null(room);
    ssize_t got = read(f->from_us, room, 65536);
    if (got <= 0) {
      return all;
    }
    bc_buf_commit(to, (size_t)got);
    all += (size_t)got;
  }
}

static void the_seal_is_written_first(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("system version")), BC_ERR_OK);
  struct bc_buf seen;
  bc_buf_init(&seen, 1 << 20);
  (void)drain(f, &seen);
  assert_string_equal(seen.data, BC_EXABGP_PIPE_SEAL "\nsystem version\n");
  bc_buf_free(&seen);
}

static void lines_come_whole_however_they_are_cut(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  f->stop_at_line = 2;
  feed(f, "done\nexa");
  feed(f, "bgp 4.2.21\nerr");
  bc_loop_run(f->loop);
  assert_string_equal(f->lines.data, "done\nexabgp 4.2.21\n");
  f->stop_at_line = 4;
  feed(f, "or\n\n");
  bc_loop_run(f->loop);
  assert_string_equal(f->lines.data, "done\nexabgp 4.2.21\nerror\n\n");
}

struct feeder {
  struct fixture *f;
  struct bc_watch *watch;
  const struct bc_buf *bytes;
  size_t sent;
};

static void on_feeder(void *arg, int fd, int events) {
  struct feeder *feeder = arg;
  (void)events;
  ssize_t put = write(fd, feeder->bytes->data + feeder->sent, feeder->bytes->len - feeder->sent);
  if (put > 0) {
    feeder->sent += (size_t)put;
  }
  if (feeder->sent == feeder->bytes->len) {
    bc_watch_set(feeder->watch, 0);
  }
}

static void run_with_bytes(struct fixture *f, const struct bc_buf *bytes) {
  struct feeder feeder = {.f = f, .bytes = bytes};
  (void)fcntl(f->to_us, F_SETFL, O_NONBLOCK);
  feeder.watch = bc_watch_new(f->loop, f->to_us, on_feeder, &feeder);
  bc_watch_set(feeder.watch, BC_WATCH_WRITE);
  bc_loop_run(f->loop);
  bc_watch_free(feeder.watch);
}

static void a_line_of_the_limit_passes_and_a_longer_one_is_skipped_and_counted(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  struct bc_buf bytes;
  bc_buf_init(&bytes, 1 << 24);
  static const size_t lengths[] = {BC_LIMIT_EXABGP_LINE_BYTES, BC_LIMIT_EXABGP_LINE_BYTES + 1,
                                   BC_LIMIT_EXABGP_LINE_BYTES * 3};
  for (size_t i = 0; i < 3; i++) {
    memset(bc_buf_reserve(&bytes, lengths[i]), 'x', lengths[i]);
    bc_buf_commit(&bytes, lengths[i]);
    bc_buf_add_text(&bytes, "\ndone\n");
  }
  f->stop_at_line = 4;
  run_with_bytes(f, &bytes);
  assert_int_equal(f->longest, BC_LIMIT_EXABGP_LINE_BYTES);
  assert_int_equal(f->line_count, 4);
  assert_string_equal(f->lines.data + f->lines.len - 15, "done\ndone\ndone\n");
  assert_int_equal(bc_exabgp_pipe_skipped(f->pipe), 2);
  bc_buf_free(&bytes);
}

struct tick {
  struct fixture *f;
  size_t lines_then;
};

static void on_tick(void *arg) {
  struct tick *tick = arg;
  tick->lines_then = tick->f->line_count;
}

/* 200,000 lines wait: a timer that is due must not wait for the last of them. */
static void a_flood_of_lines_leaves_timers_their_turn(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  struct bc_buf bytes;
  bc_buf_init(&bytes, 1 << 24);
  enum { LINES = 200000 };
  for (int i = 0; i < LINES; i++) {
    bc_buf_add_text(&bytes, "done\n");
  }
  struct tick tick = {.f = f};
  struct bc_timer *timer = bc_timer_new(f->loop, on_tick, &tick);
  f->due = timer;
  f->stop_at_line = LINES;
  run_with_bytes(f, &bytes);
  assert_true(tick.lines_then > 0 && tick.lines_then < LINES / 2);
  bc_timer_free(timer);
  bc_buf_free(&bytes);
}

static void a_full_pipe_takes_nothing_and_tells_when_there_is_room(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  char line[1000];
  memset(line, 'a', sizeof line);
  struct bc_str text = {.at = line, .len = sizeof line};
  size_t taken = 0;
  enum bc_err err;
  while ((err = bc_exabgp_pipe_write(f->pipe, text)) == BC_ERR_OK) {
    taken++;
    assert_true(taken < 10000);
  }
  assert_int_equal(err, BC_ERR_AGAIN);
  assert_int_equal(bc_exabgp_pipe_pending_bytes(f->pipe), 0);
  assert_int_equal(f->writable, 0);
  struct bc_buf seen;
  bc_buf_init(&seen, 1 << 24);
  assert_int_equal(drain(f, &seen), strlen(seal) + taken * (sizeof line + 1));
  bc_loop_run(f->loop);
  assert_int_equal(f->writable, 1);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("last")), BC_ERR_OK);
  bc_buf_clear(&seen);
  (void)drain(f, &seen);
  assert_string_equal(seen.data, "last\n");
  bc_buf_free(&seen);
}

/* With any fill of the pipe a line of the atomic length is there whole or not at all. */
static void a_line_of_atomic_length_is_never_torn(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  char line[BC_EXABGP_PIPE_ATOMIC_BYTES];
  memset(line, 'a', sizeof line);
  for (size_t i = 0; i < 1000; i++) {
    size_t len = i % 3 == 0 ? sizeof line : 1 + i * 37 % sizeof line;
    if (bc_exabgp_pipe_write(f->pipe, (struct bc_str){.at = line, .len = len}) != BC_ERR_OK) {
      assert_int_equal(bc_exabgp_pipe_pending_bytes(f->pipe), 0);
      struct bc_buf seen;
      bc_buf_init(&seen, 1 << 24);
      (void)drain(f, &seen);
      assert_int_equal(seen.data[seen.len - 1], '\n');
      bc_buf_free(&seen);
    }
  }
}

static void on_poll(void *arg) {
  bc_loop_stop(arg);
}

static void a_long_line_is_finished_before_anything_else(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  struct bc_buf line, seen;
  bc_buf_init(&line, BC_LIMIT_COMMAND_BYTES);
  bc_buf_init(&seen, 1 << 24);
  memset(bc_buf_reserve(&line, BC_LIMIT_COMMAND_BYTES), 'b', BC_LIMIT_COMMAND_BYTES);
  bc_buf_commit(&line, BC_LIMIT_COMMAND_BYTES);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_buf_str(&line)), BC_ERR_OK);
  assert_true(bc_exabgp_pipe_pending_bytes(f->pipe) > 0);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("next")), BC_ERR_AGAIN);
  while (f->writable == 0) {
    (void)drain(f, &seen);
    struct bc_timer *poll = bc_timer_new(f->loop, on_poll, f->loop);
    bc_timer_start(poll, 1);
    bc_loop_run(f->loop);
    bc_timer_free(poll);
  }
  assert_int_equal(bc_exabgp_pipe_pending_bytes(f->pipe), 0);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("next")), BC_ERR_OK);
  (void)drain(f, &seen);
  assert_int_equal(seen.len, strlen(seal) + BC_LIMIT_COMMAND_BYTES + 1 + strlen("next\n"));
  assert_string_equal(seen.data + seen.len - 7, "b\nnext\n");
  bc_buf_free(&line);
  bc_buf_free(&seen);
}

static void what_exabgp_must_not_see_is_refused(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("announce route\nshutdown")), BC_ERR_REFUSED);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("caf\xc3\xa9")), BC_ERR_REFUSED);
  struct bc_str huge = {.at = "", .len = BC_LIMIT_COMMAND_BYTES + 1};
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, huge), BC_ERR_LIMIT);
  struct bc_buf seen;
  bc_buf_init(&seen, 1 << 20);
  (void)drain(f, &seen);
  assert_string_equal(seen.data, seal);
  bc_buf_free(&seen);
}

static void the_end_of_input_is_told_once_after_the_last_line(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  feed(f, "done\nhalf");
  (void)close(f->to_us);
  bc_loop_run(f->loop);
  assert_int_equal(f->closed, 1);
  assert_string_equal(f->lines.data, "done\n");
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("x")), BC_ERR_CLOSED);
}

static void a_pipe_without_reader_is_told_as_closed_and_kills_nobody(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  (void)close(f->from_us);
  assert_int_equal(bc_exabgp_pipe_write(f->pipe, bc_str_of("x")), BC_ERR_CLOSED);
  assert_int_equal(f->closed, 0);
  bc_loop_run(f->loop);
  assert_int_equal(f->closed, 1);
  f->from_us = -1;
}

static void the_handler_may_free_the_pipe(void **state) {
  struct fixture *f = *state;
  open_pipe(f);
  f->frees_in_line = true;
  feed(f, "a\nb\nc\n");
  bc_loop_run(f->loop);
  assert_string_equal(f->lines.data, "a\n");
  f->frees_in_line = false;
  open_pipe(f);
  f->frees_in_writable = true;
  char line[4000];
  memset(line, 'a', sizeof line);
  while (bc_exabgp_pipe_write(f->pipe, (struct bc_str){.at = line, .len = sizeof line}) == BC_ERR_OK) {
  }
  struct bc_buf seen;
  bc_buf_init(&seen, 1 << 24);
  (void)drain(f, &seen);
  bc_buf_free(&seen);
  bc_loop_run(f->loop);
  assert_null(f->pipe);
  open_pipe(f);
  f->frees_in_closed = true;
  (void)close(f->to_us);
  bc_loop_run(f->loop);
  assert_null(f->pipe);
}

static void a_plain_file_is_not_taken(void **state) {
  struct fixture *f = *state;
  char name[] = "/tmp/bc-test-pipe-XXXXXX";
  int fd = mkstemp(name);
  assert_true(fd >= 0);
  struct bc_exabgp_pipe_handler handler = {.arg = f, .line = on_line, .closed = on_closed, .writable = on_writable};
  struct bc_exabgp_pipe *pipe = NULL;
  assert_int_equal(bc_exabgp_pipe_open_on(f->loop, f->our_in, fd, &handler, &pipe), BC_ERR_UNSUPPORTED);
  (void)unlink(name);
  (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(the_seal_is_written_first),
                                     TEST(lines_come_whole_however_they_are_cut),
                                     TEST(a_line_of_the_limit_passes_and_a_longer_one_is_skipped_and_counted),
                                     TEST(a_flood_of_lines_leaves_timers_their_turn),
                                     TEST(a_full_pipe_takes_nothing_and_tells_when_there_is_room),
                                     TEST(a_line_of_atomic_length_is_never_torn),
                                     TEST(a_long_line_is_finished_before_anything_else),
                                     TEST(what_exabgp_must_not_see_is_refused),
                                     TEST(the_end_of_input_is_told_once_after_the_last_line),
                                     TEST(a_pipe_without_reader_is_told_as_closed_and_kills_nobody),
                                     TEST(the_handler_may_free_the_pipe),
                                     TEST(a_plain_file_is_not_taken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
