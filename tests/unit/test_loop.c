#include "io/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
  struct bc_loop *loop;
  struct bc_timer *timer;
  struct bc_timer *other;
  struct bc_watch *watch;
  int ends[2];
  unsigned calls;
  unsigned others;
};

static int setup(void **state) {
  static struct fixture fixture;
  fixture = (struct fixture){.loop = bc_loop_new()};
  assert_int_equal(pipe(fixture.ends), 0);
  *state = &fixture;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  bc_watch_free(f->watch);
  bc_timer_free(f->timer);
  bc_timer_free(f->other);
  bc_loop_free(f->loop);
  (void)close(f->ends[0]);
  (void)close(f->ends[1]);
  return 0;
}

enum { ENDLESS = 100000 };

static void arm_again(void *arg) {
  struct fixture *f = arg;
  if (++f->calls == ENDLESS) {
    fail_msg("the descriptor had no turn");
  }
  bc_timer_start(f->timer, 0);
}

static void on_readable(void *arg, int fd, int events) {
  struct fixture *f = arg;
  char byte;
  (void)events;
  assert_int_equal(read(fd, &byte, 1), 1);
  bc_loop_stop(f->loop);
}

static void a_timer_that_arms_itself_again_lets_descriptors_have_their_turn(void **state) {
  struct fixture *f = *state;
  f->watch = bc_watch_new(f->loop, f->ends[0], on_readable, f);
  bc_watch_set(f->watch, BC_WATCH_READ);
  f->timer = bc_timer_new(f->loop, arm_again, f);
  bc_timer_start(f->timer, 0);
  assert_int_equal(write(f->ends[1], "x", 1), 1);
  bc_loop_run(f->loop);
  assert_true(f->calls < 10);
}

static void count_other(void *arg) {
  struct fixture *f = arg;
  f->others++;
}

static void stop_other(void *arg) {
  struct fixture *f = arg;
  f->calls++;
  bc_timer_stop(f->other);
  bc_timer_free(f->timer);
  f->timer = NULL;
  bc_loop_stop(f->loop);
}

static void a_timer_that_another_stops_in_the_same_round_is_not_called(void **state) {
  struct fixture *f = *state;
  f->timer = bc_timer_new(f->loop, stop_other, f);
  f->other = bc_timer_new(f->loop, count_other, f);
  bc_timer_start(f->timer, 0);
  bc_timer_start(f->other, 0);
  assert_true(bc_timer_is_armed(f->other));
  bc_loop_run(f->loop);
  assert_int_equal(f->calls, 1);
  assert_int_equal(f->others, 0);
  assert_false(bc_timer_is_armed(f->other));
}

static void stop_loop(void *arg) {
  struct fixture *f = arg;
  bc_loop_stop(f->loop);
}

static void a_timer_is_called_once_however_often_it_is_armed(void **state) {
  struct fixture *f = *state;
  f->timer = bc_timer_new(f->loop, stop_loop, f);
  f->other = bc_timer_new(f->loop, count_other, f);
  bc_timer_start(f->other, 0);
  bc_timer_start(f->other, 5);
  bc_timer_start(f->other, 0);
  bc_timer_start(f->timer, 20);
  bc_loop_run(f->loop);
  assert_int_equal(f->others, 1);
}

static void free_itself(void *arg) {
  struct fixture *f = arg;
  f->calls++;
  bc_timer_free(f->timer);
  f->timer = NULL;
}

/* As objects do that may not go while their own callback runs. */
static void what_frees_itself_in_the_next_round_does_so_at_the_end_of_the_loop(void **state) {
  struct fixture *f = *state;
  f->timer = bc_timer_new(f->loop, free_itself, f);
  bc_timer_start(f->timer, 0);
  bc_loop_free(f->loop);
  assert_int_equal(f->calls, 1);
  f->loop = bc_loop_new();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_timer_that_arms_itself_again_lets_descriptors_have_their_turn),
      TEST(a_timer_that_another_stops_in_the_same_round_is_not_called),
      TEST(a_timer_is_called_once_however_often_it_is_armed),
      TEST(what_frees_itself_in_the_next_round_does_so_at_the_end_of_the_loop),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
