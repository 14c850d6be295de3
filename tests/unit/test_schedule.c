#include "worker/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct bc_schedule schedule;
static int checks[4];
static struct bc_schedule_item items[4];

static void ignore(void *arg) {
  (void)arg;
}

static int setup(void **state) {
  (void)state;
  bc_schedule_init(&schedule, bc_loop_new(), ignore, NULL);
  for (uint32_t i = 0; i < 4; i++) {
    bc_schedule_add(&schedule, &items[i], &checks[i], 10 + i);
    bc_schedule_pace(&items[i], 1000, 0, 0);
  }
  return 0;
}

static int teardown(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    bc_schedule_remove(&schedule, &items[i]);
  }
  assert_null(bc_schedule_any(&schedule));
  assert_int_equal(schedule.known, 0);
  struct bc_loop *loop = schedule.loop;
  bc_schedule_fini(&schedule);
  bc_loop_free(loop);
  return 0;
}

static struct bc_mono at_us(int64_t us) {
  return (struct bc_mono){.us = us};
}

static void what_is_due_is_taken_in_the_order_of_time_and_once(void **state) {
  (void)state;
  bc_schedule_plan(&schedule, &items[0], at_us(300));
  bc_schedule_plan(&schedule, &items[1], at_us(100));
  bc_schedule_plan(&schedule, &items[2], at_us(100));
  bc_schedule_plan(&schedule, &items[3], at_us(900));
  bc_schedule_plan(&schedule, &items[3], at_us(200)); /* planned anew */
  assert_ptr_equal(bc_schedule_take(&schedule, at_us(250)), &checks[1]);
  assert_ptr_equal(bc_schedule_take(&schedule, at_us(250)), &checks[2]);
  assert_ptr_equal(bc_schedule_take(&schedule, at_us(250)), &checks[3]);
  assert_null(bc_schedule_take(&schedule, at_us(250)));
  bc_schedule_unplan(&schedule, &items[0]);
  assert_null(bc_schedule_take(&schedule, at_us(1000)));
}

static void of_those_that_were_postponed_the_oldest_comes_first_and_is_late_by_all_of_it(void **state) {
  (void)state;
  bc_schedule_plan(&schedule, &items[0], at_us(200));
  bc_schedule_plan(&schedule, &items[1], at_us(100));
  for (int turn = 0; turn < 2; turn++) {
    for (int each = 0; each < 2; each++) {
      int *check = bc_schedule_take(&schedule, at_us(300 + 200 * turn));
      bc_schedule_postpone(&schedule, &items[check - checks], at_us(500 + 200 * turn));
    }
  }
  bc_schedule_plan(&schedule, &items[2], at_us(600)); /* what was not postponed goes before */
  assert_ptr_equal(bc_schedule_take(&schedule, at_us(800)), &checks[2]);
  assert_ptr_equal(bc_schedule_take(&schedule, at_us(800)), &checks[1]);
  bc_schedule_begin(&items[1], at_us(800));
  assert_int_equal(items[1].late_us, 700);
  assert_ptr_equal(bc_schedule_take(&schedule, at_us(800)), &checks[0]);
  bc_schedule_plan(&schedule, &items[0], at_us(900)); /* planned anew: that is forgotten */
  bc_schedule_begin(&items[0], at_us(1000));
  assert_int_equal(items[0].late_us, 100);
}

static void a_check_is_found_by_its_id(void **state) {
  (void)state;
  assert_ptr_equal(bc_schedule_find(&schedule, 12), &checks[2]);
  assert_null(bc_schedule_find(&schedule, 9));
  assert_ptr_equal(bc_schedule_any(&schedule), &checks[0]);
}

/* Where the next start is planned, one interval after a start at `started`. */
static int64_t next_us(struct bc_mono started, int64_t least_us) {
  items[0].started = started;
  bc_schedule_plan_next(&schedule, &items[0], least_us);
  return items[0].due.us - started.us;
}

static void the_next_start_is_one_interval_after_the_last(void **state) {
  (void)state;
  struct bc_mono now = bc_mono_now();
  assert_int_equal(next_us(now, 0), 1000000);
  assert_int_equal(next_us(now, 3000000), 3000000);
  bc_schedule_pace(&items[0], 1000, 200, 0);
  items[0].is_fast = true;
  assert_int_equal(next_us(now, 0), 200000);
  /* Never without a pause, whatever was asked for. */
  bc_schedule_pace(&items[0], 1, 1, 0);
  struct bc_mono later = bc_mono_add_ms(now, 100000);
  assert_int_equal(next_us(later, 0), 10000);
}

static void a_start_that_was_missed_is_made_up_for_once(void **state) {
  (void)state;
  struct bc_mono now = bc_mono_now();
  assert_true(next_us(bc_mono_add_ms(now, -60000), 0) >= 60000000); /* now, not a minute ago */
}

static void the_jitter_is_to_both_sides_and_within_its_bound(void **state) {
  (void)state;
  bool is_less = false;
  bool is_more = false;
  bc_schedule_pace(&items[0], 1000, 0, 10);
  struct bc_mono later = bc_mono_add_ms(bc_mono_now(), 100000);
  for (int i = 0; i < 1000; i++) {
    int64_t us = next_us(later, 0);
    assert_true(us >= 900000 && us <= 1100000);
    is_less = is_less || us < 950000;
    is_more = is_more || us > 1050000;
  }
  assert_true(is_less && is_more);
}

static void a_late_start_says_how_late_it_is(void **state) {
  (void)state;
  bc_schedule_plan(&schedule, &items[0], at_us(1000));
  assert_ptr_equal(bc_schedule_take(&schedule, at_us(1500)), &checks[0]);
  bc_schedule_begin(&items[0], at_us(1500));
  assert_int_equal(items[0].late_us, 500);
  assert_int_equal(items[0].started.us, 1500);
  bc_schedule_begin(&items[0], at_us(900));
  assert_int_equal(items[0].late_us, 0);
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      RULE(what_is_due_is_taken_in_the_order_of_time_and_once),
      RULE(of_those_that_were_postponed_the_oldest_comes_first_and_is_late_by_all_of_it),
      RULE(a_check_is_found_by_its_id),
      RULE(the_next_start_is_one_interval_after_the_last),
      RULE(a_start_that_was_missed_is_made_up_for_once),
      RULE(the_jitter_is_to_both_sides_and_within_its_bound),
      RULE(a_late_start_says_how_late_it_is),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
