#include "holder/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SECOND = 1000 };

static void crashes_in_a_row_wait_longer_up_to_30_s(void **state) {
  (void)state;
  static const int64_t expected[] = {0, 1, 2, 4, 8, 16, 30, 30, 30};
  struct bc_backoff backoff = {0};
  int64_t now = 1000 * SECOND;
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 100, now), expected[i] * SECOND);
    now += expected[i] * SECOND + 100;
  }
}

static void a_minute_of_life_starts_the_delays_anew(void **state) {
  (void)state;
  struct bc_backoff backoff = {0};
  (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, 1 * SECOND);
  (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, 2 * SECOND);
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 59999, 200 * SECOND), 2 * SECOND);
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 60000, 300 * SECOND), 0);
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, 301 * SECOND), 1 * SECOND);
}

static void three_crashes_within_a_minute_mean_safe_mode(void **state) {
  (void)state;
  struct bc_backoff backoff = {0};
  (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, 10 * SECOND);
  (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, 40 * SECOND);
  assert_false(backoff.is_safe);
  (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, 70 * SECOND);
  assert_true(backoff.is_safe);
}

static void three_crashes_in_more_than_a_minute_do_not(void **state) {
  (void)state;
  struct bc_backoff backoff = {0};
  for (int64_t i = 1; i < 20; i++) {
    (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, i * 30001);
    assert_false(backoff.is_safe);
  }
}

static struct bc_backoff in_safe_mode(void) {
  struct bc_backoff backoff = {0};
  for (int64_t i = 1; i <= 3; i++) {
    (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, i * SECOND);
  }
  assert_true(backoff.is_safe);
  return backoff;
}

static void safe_mode_stays_until_a_core_lived_five_minutes(void **state) {
  (void)state;
  struct bc_backoff backoff = in_safe_mode();
  (void)bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 299999, 400 * SECOND);
  assert_true(backoff.is_safe);
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 300000, 800 * SECOND), 0);
  assert_false(backoff.is_safe);
}

static void an_upgrade_is_no_crash_and_ends_safe_mode(void **state) {
  (void)state;
  struct bc_backoff backoff = in_safe_mode();
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_UPGRADE, 5 * SECOND, 10 * SECOND), 0);
  assert_false(backoff.is_safe);
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 0, 11 * SECOND), 0);
  assert_false(backoff.is_safe);
}

static void upgrades_that_follow_at_once_do_not_spin(void **state) {
  (void)state;
  struct bc_backoff backoff = {0};
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_UPGRADE, 10, 1 * SECOND), 0);
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_UPGRADE, 10, 2 * SECOND), 1 * SECOND);
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_UPGRADE, 1 * SECOND, 3 * SECOND), 0);
}

static void refused_settings_are_tried_again_and_never_mean_safe_mode(void **state) {
  (void)state;
  struct bc_backoff backoff = {0};
  for (int64_t i = 1; i < 10; i++) {
    assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_REFUSED, 10, i * 5 * SECOND), 5 * SECOND);
    assert_false(backoff.is_safe);
  }
  assert_int_equal(bc_backoff_next(&backoff, BC_BACKOFF_CRASHED, 10, 60 * SECOND), 0);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(crashes_in_a_row_wait_longer_up_to_30_s),
      cmocka_unit_test(a_minute_of_life_starts_the_delays_anew),
      cmocka_unit_test(three_crashes_within_a_minute_mean_safe_mode),
      cmocka_unit_test(three_crashes_in_more_than_a_minute_do_not),
      cmocka_unit_test(safe_mode_stays_until_a_core_lived_five_minutes),
      cmocka_unit_test(an_upgrade_is_no_crash_and_ends_safe_mode),
      cmocka_unit_test(upgrades_that_follow_at_once_do_not_spin),
      cmocka_unit_test(refused_settings_are_tried_again_and_never_mean_safe_mode),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
