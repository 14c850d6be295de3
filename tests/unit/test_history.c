#include "model/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_newest_results_are_kept_in_their_order(void **state) {
  (void)state;
  struct bc_history history = {0};
  for (uint32_t i = 0; i < 3; i++) {
    bc_history_add(&history, BC_CHECK_PASSED, i);
  }
  assert_int_equal(history.count, 3);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(bc_history_get(&history, i).took_us, i);
  }
  for (uint32_t i = 3; i < 100; i++) {
    bc_history_add(&history, i % 2 == 0 ? BC_CHECK_FAILED : BC_CHECK_PASSED, i);
  }
  assert_int_equal(history.count, BC_LIMIT_HISTORY_RESULTS);
  for (uint32_t i = 0; i < BC_LIMIT_HISTORY_RESULTS; i++) {
    struct bc_history_result got = bc_history_get(&history, i);
    uint32_t wanted = 100 - BC_LIMIT_HISTORY_RESULTS + i;
    assert_int_equal(got.took_us, wanted);
    assert_int_equal(got.status, wanted % 2 == 0 ? BC_CHECK_FAILED : BC_CHECK_PASSED);
  }
}

static void every_status_and_duration_comes_back_within_one_percent(void **state) {
  (void)state;
  for (unsigned status = 0; status < BC_CHECK_STATUS_COUNT; status++) {
    for (uint64_t took = 0; took <= UINT32_MAX; took += took / 7 + 1) {
      struct bc_history history = {0};
      bc_history_add(&history, (enum bc_check_status)status, (uint32_t)took);
      struct bc_history_result got = bc_history_get(&history, 0);
      assert_int_equal(got.status, status);
      assert_true(got.took_us <= took && took - got.took_us <= took / 63);
    }
  }
  struct bc_history history = {0};
  bc_history_add(&history, BC_CHECK_PASSED, UINT32_MAX);
  assert_true(bc_history_get(&history, 0).took_us > UINT32_MAX / 64 * 63);
}

static void a_mark_says_what_a_result_means(void **state) {
  (void)state;
  assert_int_equal(bc_history_mark(BC_CHECK_PASSED), 'p');
  assert_int_equal(bc_history_mark(BC_CHECK_TIMED_OUT), 'f');
  assert_int_equal(bc_history_mark(BC_CHECK_LOST), '-');
  assert_int_equal(bc_history_mark(BC_CHECK_QUARANTINED), '-');
  assert_int_equal(bc_history_mark(BC_CHECK_STATUS_COUNT), '-');
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_newest_results_are_kept_in_their_order),
      cmocka_unit_test(every_status_and_duration_comes_back_within_one_percent),
      cmocka_unit_test(a_mark_says_what_a_result_means),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
