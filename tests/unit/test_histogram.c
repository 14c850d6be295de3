#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_time_counts_in_the_first_bucket_that_holds_it(void **state) {
  (void)state;
  static const struct {
    uint64_t us;
    size_t bucket;
  } cases[] = {
      {0, 0}, {100, 0}, {101, 1}, {250, 1}, {1000, 3}, {1001, 4}, {30000000, 16}, {30000001, 17}, {UINT64_MAX / 2, 17}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_histogram histogram = {0};
    bc_histogram_add(&histogram, cases[i].us);
    assert_int_equal(histogram.buckets[cases[i].bucket], 1);
    assert_int_equal(bc_histogram_count(&histogram), 1);
    assert_true(histogram.sum_us == cases[i].us);
  }
}

static void sums_and_counts_add_up(void **state) {
  (void)state;
  struct bc_histogram histogram = {0};
  uint64_t sum = 0;
  for (uint64_t us = 0; us < 1000; us++) {
    bc_histogram_add(&histogram, us * 977);
    sum += us * 977;
  }
  assert_int_equal(bc_histogram_count(&histogram), 1000);
  assert_true(histogram.sum_us == sum);
}

static void bounds_grow_and_are_told_in_seconds(void **state) {
  (void)state;
#define BOUND_US(us, text) us,
  static const uint64_t bounds[] = {BC_HISTOGRAM_BOUND_LIST(BOUND_US)};
#undef BOUND_US
  for (size_t i = 0; i < BC_HISTOGRAM_BOUNDS; i++) {
    assert_true(i == 0 || bounds[i] > bounds[i - 1]);
    double told_us = strtod(bc_histogram_bound_text(i), NULL) * 1e6;
    assert_true(told_us > (double)bounds[i] - 0.5 && told_us < (double)bounds[i] + 0.5);
  }
  assert_string_equal(bc_histogram_bound_text(BC_HISTOGRAM_BOUNDS), "+Inf");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_time_counts_in_the_first_bucket_that_holds_it),
      cmocka_unit_test(sums_and_counts_add_up),
      cmocka_unit_test(bounds_grow_and_are_told_in_seconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
