#include "model/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct bc_health_options standard = {.rise = 1, .fall = 2, .interval_ms = 1000};

static struct bc_mono at_ms(int64_t ms) {
  return (struct bc_mono){.us = (ms + 1) * 1000};
}

static void run(struct bc_health *health, const struct bc_health_options *options, const char *results) {
  for (const char *at = results; *at != '\0'; at++) {
    enum bc_check_status status = *at == '+' ? BC_CHECK_PASSED : *at == '-' ? BC_CHECK_FAILED : BC_CHECK_LOST;
    (void)bc_health_result(health, options, status, at_ms(0));
  }
}

static void every_status_has_one_meaning(void **state) {
  (void)state;
  assert_int_equal(bc_check_status_meaning(BC_CHECK_PASSED), BC_CHECK_PASS);
  assert_int_equal(bc_check_status_meaning(BC_CHECK_FAILED), BC_CHECK_FAIL);
  assert_int_equal(bc_check_status_meaning(BC_CHECK_NOT_FOUND), BC_CHECK_FAIL);
  assert_int_equal(bc_check_status_meaning(BC_CHECK_SIGNALLED), BC_CHECK_FAIL);
  assert_int_equal(bc_check_status_meaning(BC_CHECK_TIMED_OUT), BC_CHECK_FAIL);
  assert_int_equal(bc_check_status_meaning(BC_CHECK_NOT_STARTED), BC_CHECK_NEUTRAL);
  assert_int_equal(bc_check_status_meaning(BC_CHECK_LOST), BC_CHECK_NEUTRAL);
  assert_int_equal(bc_check_status_meaning(BC_CHECK_KILLED), BC_CHECK_NEUTRAL);
  assert_int_equal(bc_check_status_meaning((enum bc_check_status)200), BC_CHECK_NEUTRAL);
  assert_string_equal(bc_check_status_text(BC_CHECK_TIMED_OUT), "timed out");
  assert_string_equal(bc_health_state_text(BC_HEALTH_UNCHECKED), "unchecked");
}

/* results from a start state, with rise and fall, lead to a state */
static void counters_lead_from_state_to_state(void **state) {
  (void)state;
  static const struct {
    enum bc_health_state start;
    unsigned rise, fall;
    const char *results;
    enum bc_health_state end;
  } cases[] = {
      {BC_HEALTH_UNKNOWN, 1, 2, "", BC_HEALTH_UNKNOWN},
      {BC_HEALTH_UNKNOWN, 1, 2, "+", BC_HEALTH_UP},
      {BC_HEALTH_UNKNOWN, 3, 2, "+", BC_HEALTH_UP},
      {BC_HEALTH_UNKNOWN, 1, 2, "-", BC_HEALTH_UNKNOWN},
      {BC_HEALTH_UNKNOWN, 1, 2, "--", BC_HEALTH_DOWN},
      {BC_HEALTH_UNKNOWN, 1, 2, "-+", BC_HEALTH_UP},
      {BC_HEALTH_UNKNOWN, 1, 2, "-.-", BC_HEALTH_DOWN},
      {BC_HEALTH_UNKNOWN, 1, 2, "........", BC_HEALTH_UNKNOWN},
      {BC_HEALTH_UP, 1, 2, "-", BC_HEALTH_UP},
      {BC_HEALTH_UP, 1, 2, "--", BC_HEALTH_DOWN},
      {BC_HEALTH_UP, 1, 2, "-+-", BC_HEALTH_UP},
      {BC_HEALTH_UP, 1, 2, "-..-", BC_HEALTH_DOWN},
      {BC_HEALTH_UP, 1, 1, "-", BC_HEALTH_DOWN},
      {BC_HEALTH_UP, 1, 3, "--+--", BC_HEALTH_UP},
      {BC_HEALTH_UP, 1, 3, "--+---", BC_HEALTH_DOWN},
      {BC_HEALTH_DOWN, 1, 2, "+", BC_HEALTH_UP},
      {BC_HEALTH_DOWN, 3, 2, "++", BC_HEALTH_DOWN},
      {BC_HEALTH_DOWN, 3, 2, "++-++", BC_HEALTH_DOWN},
      {BC_HEALTH_DOWN, 3, 2, "++-+++", BC_HEALTH_UP},
      {BC_HEALTH_DOWN, 3, 2, "+.+.+", BC_HEALTH_UP},
      {BC_HEALTH_UP, 3, 2, "--++", BC_HEALTH_DOWN},
      {BC_HEALTH_UP, 3, 2, "--+++", BC_HEALTH_UP},
      {BC_HEALTH_UP, 1, 2, "................", BC_HEALTH_UP},
      {BC_HEALTH_NONE, 1, 1, "---+-", BC_HEALTH_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_health_options options = {.rise = cases[i].rise, .fall = cases[i].fall, .interval_ms = 1000};
    struct bc_health health;
    bc_health_start(&health, cases[i].start, at_ms(0));
    run(&health, &options, cases[i].results);
    if (health.state != cases[i].end) {
      fail_msg("case %zu: \"%s\": expected %s, found %s", i, cases[i].results, bc_health_state_text(cases[i].end),
               bc_health_state_text(health.state));
    }
  }
}

static void only_a_moved_state_is_told(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UNKNOWN, at_ms(0));
  assert_true(bc_health_result(&health, &standard, BC_CHECK_PASSED, at_ms(1)));
  assert_false(bc_health_result(&health, &standard, BC_CHECK_PASSED, at_ms(2)));
  assert_false(bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(3)));
  assert_int_equal(health.streak, 1);
  assert_true(bc_health_result(&health, &standard, BC_CHECK_TIMED_OUT, at_ms(4)));
  assert_int_equal(health.streak, 0);
  assert_int_equal(health.proven, BC_HEALTH_DOWN);
  assert_false(bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(5)));
}

static void neutral_for_too_long_is_unchecked_and_proves_nothing(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UP, at_ms(0));
  run(&health, &standard, "+");
  assert_int_equal(bc_health_deadline(&health, &standard).us, at_ms(30000).us);
  assert_false(bc_health_tick(&health, &standard, at_ms(29999)));
  assert_false(bc_health_result(&health, &standard, BC_CHECK_KILLED, at_ms(29999)));
  assert_true(bc_health_tick(&health, &standard, at_ms(30000)));
  assert_int_equal(health.state, BC_HEALTH_UNCHECKED);
  assert_int_equal(health.proven, BC_HEALTH_UP);
  assert_false(bc_mono_is_set(bc_health_deadline(&health, &standard)));
  assert_false(bc_health_tick(&health, &standard, at_ms(99999)));
  /* One fail is not a proof, least of all that it is up: what is withdrawn would be announced. */
  assert_false(bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(100000)));
  assert_int_equal(health.state, BC_HEALTH_UNCHECKED);
  assert_true(bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(100001)));
  assert_int_equal(health.state, BC_HEALTH_DOWN);
}

static void a_neutral_result_after_the_deadline_tells_unchecked_too(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UNKNOWN, at_ms(0));
  assert_true(bc_health_result(&health, &standard, BC_CHECK_LOST, at_ms(30000)));
  assert_int_equal(health.state, BC_HEALTH_UNCHECKED);
  assert_true(bc_health_result(&health, &standard, BC_CHECK_PASSED, at_ms(30001)));
  assert_int_equal(health.state, BC_HEALTH_UP);
}

static void unchecked_comes_after_ten_intervals_when_those_are_longer(void **state) {
  (void)state;
  struct bc_health_options slow = {.rise = 1, .fall = 1, .interval_ms = 60000};
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UP, at_ms(0));
  assert_int_equal(bc_health_deadline(&health, &slow).us, at_ms(600000).us);
  assert_false(bc_health_tick(&health, &slow, at_ms(599999)));
  assert_true(bc_health_tick(&health, &slow, at_ms(600000)));
}

static void a_down_route_that_is_unchecked_needs_its_passes(void **state) {
  (void)state;
  struct bc_health_options options = {.rise = 2, .fall = 1, .interval_ms = 1000};
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UNKNOWN, at_ms(0));
  run(&health, &options, "-");
  assert_true(bc_health_tick(&health, &options, at_ms(30000)));
  assert_int_equal(health.state, BC_HEALTH_UNCHECKED);
  assert_true(bc_health_result(&health, &options, BC_CHECK_PASSED, at_ms(30001)));
  assert_int_equal(health.state, BC_HEALTH_DOWN);
  assert_true(bc_health_result(&health, &options, BC_CHECK_PASSED, at_ms(30002)));
  assert_int_equal(health.state, BC_HEALTH_UP);
}

static void on_unchecked_fail_takes_it_down(void **state) {
  (void)state;
  struct bc_health_options options = standard;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UP, at_ms(0));
  assert_true(bc_health_tick(&health, &options, at_ms(30000)));
  options.unchecked_is_fail = true;
  assert_true(bc_mono_is_set(bc_health_deadline(&health, &options)));
  assert_true(bc_health_tick(&health, &options, at_ms(30000)));
  assert_int_equal(health.state, BC_HEALTH_DOWN);
  assert_int_equal(health.proven, BC_HEALTH_UNKNOWN);
  assert_false(bc_mono_is_set(bc_health_deadline(&health, &options)));
}

static void a_changed_script_may_not_withdraw_before_it_passed(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UP, at_ms(0));
  run(&health, &standard, "-");
  bc_health_script_changed(&health, at_ms(5000));
  assert_true(health.on_probation);
  assert_int_equal(health.streak, 0);
  run(&health, &standard, "-----");
  assert_int_equal(health.state, BC_HEALTH_UP);
  assert_int_equal(health.streak, 0);
  run(&health, &standard, "+");
  assert_false(health.on_probation);
  run(&health, &standard, "--");
  assert_int_equal(health.state, BC_HEALTH_DOWN);
}

static void a_script_that_never_passes_becomes_unchecked_not_down(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UP, at_ms(0));
  bc_health_script_changed(&health, at_ms(1000));
  assert_false(bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(30000)));
  assert_true(bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(31000)));
  assert_int_equal(health.state, BC_HEALTH_UNCHECKED);
  /* Nor does the next version of it, put in to repair it. */
  bc_health_script_changed(&health, at_ms(32000));
  (void)bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(32001));
  (void)bc_health_result(&health, &standard, BC_CHECK_FAILED, at_ms(32002));
  assert_int_equal(health.state, BC_HEALTH_UNCHECKED);
}

static void probation_is_only_for_what_could_be_withdrawn(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UNKNOWN, at_ms(0));
  bc_health_script_changed(&health, at_ms(0));
  assert_false(health.on_probation);
  run(&health, &standard, "--");
  assert_int_equal(health.state, BC_HEALTH_DOWN);
  bc_health_script_changed(&health, at_ms(0));
  assert_false(health.on_probation);
  assert_int_equal(health.state, BC_HEALTH_DOWN);
}

static void a_first_script_for_a_route_without_one_is_on_probation(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_NONE, at_ms(0));
  assert_false(bc_mono_is_set(bc_health_deadline(&health, &standard)));
  bc_health_script_changed(&health, at_ms(0));
  assert_int_equal(health.state, BC_HEALTH_UP);
  run(&health, &standard, "---");
  assert_int_equal(health.state, BC_HEALTH_UP);
}

static void unsettled_is_a_begun_streak_or_an_unknown_state(void **state) {
  (void)state;
  struct bc_health health;
  bc_health_start(&health, BC_HEALTH_UNKNOWN, at_ms(0));
  assert_true(bc_health_is_unsettled(&health));
  run(&health, &standard, "+");
  assert_false(bc_health_is_unsettled(&health));
  run(&health, &standard, "-");
  assert_true(bc_health_is_unsettled(&health));
  run(&health, &standard, "-");
  assert_false(bc_health_is_unsettled(&health));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status_has_one_meaning),
      cmocka_unit_test(counters_lead_from_state_to_state),
      cmocka_unit_test(only_a_moved_state_is_told),
      cmocka_unit_test(neutral_for_too_long_is_unchecked_and_proves_nothing),
      cmocka_unit_test(a_neutral_result_after_the_deadline_tells_unchecked_too),
      cmocka_unit_test(unchecked_comes_after_ten_intervals_when_those_are_longer),
      cmocka_unit_test(a_down_route_that_is_unchecked_needs_its_passes),
      cmocka_unit_test(on_unchecked_fail_takes_it_down),
      cmocka_unit_test(a_changed_script_may_not_withdraw_before_it_passed),
      cmocka_unit_test(a_script_that_never_passes_becomes_unchecked_not_down),
      cmocka_unit_test(probation_is_only_for_what_could_be_withdrawn),
      cmocka_unit_test(a_first_script_for_a_route_without_one_is_on_probation),
      cmocka_unit_test(unsettled_is_a_begun_streak_or_an_unknown_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
