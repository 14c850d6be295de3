#include "model/metric.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void take(struct bc_metrics **metrics, const char *json) {
  bc_metrics_take(metrics, bc_str_of(json), SIZE_MAX);
}

static void expect(const struct bc_metrics *metrics, size_t index, const char *name, const char *labels,
                   bool is_counter, double value) {
  struct bc_metric found = bc_metrics_get(metrics, index);
  assert_string_equal(found.name, name);
  assert_string_equal(found.labels, labels);
  assert_int_equal(found.is_counter, is_counter);
  assert_true(found.value > value - 1e-9 && found.value < value + 1e-9);
}

static void a_gauge_is_replaced_and_a_counter_adds_up(void **state) {
  (void)state;
  struct bc_metrics *metrics = NULL;
  static const char run[] =
      "[{\"name\":\"load\",\"type\":\"gauge\",\"value\":0.5},"
      "{\"name\":\"asked\",\"type\":\"counter\",\"value\":2,\"labels\":{\"b\":\"1\",\"a\":\"x\"}}]";
  take(&metrics, run);
  take(&metrics, "");
  take(&metrics, "[{\"name\":\"asked\",\"type\":\"counter\",\"value\":3,\"labels\":{\"a\":\"x\",\"b\":\"1\"}},"
                 "{\"name\":\"load\",\"type\":\"gauge\",\"value\":-1}]");
  assert_int_equal(bc_metrics_count(metrics), 2);
  expect(metrics, 0, "load", "{}", false, -1);
  expect(metrics, 1, "asked", "{\"a\":\"x\",\"b\":\"1\"}", true, 5);
  take(&metrics, "[{\"name\":\"load\",\"type\":\"counter\",\"value\":4}]");
  expect(metrics, 0, "load", "{}", true, 4);
  assert_int_equal(bc_metrics_left_out(metrics), 0);
  bc_metrics_free(metrics);
}

static void nothing_told_holds_nothing(void **state) {
  (void)state;
  struct bc_metrics *metrics = NULL;
  take(&metrics, "");
  assert_null(metrics);
  assert_int_equal(bc_metrics_count(metrics), 0);
  assert_int_equal(bc_metrics_left_out(metrics), 0);
  bc_metrics_free(metrics);
}

static void what_is_malformed_is_left_out_and_counted(void **state) {
  (void)state;
  static const char *const cases[] = {
      "{",
      "{}",
      "[1]",
      "[{}]",
      "[{\"name\":\"a\",\"type\":\"gauge\"}]",
      "[{\"name\":\"a\",\"type\":\"sum\",\"value\":1}]",
      "[{\"name\":\"a b\",\"type\":\"gauge\",\"value\":1}]",
      "[{\"name\":\"1a\",\"type\":\"gauge\",\"value\":1}]",
      "[{\"name\":\"\",\"type\":\"gauge\",\"value\":1}]",
      "[{\"name\":\"a\",\"type\":\"counter\",\"value\":-1}]",
      "[{\"name\":\"a\",\"type\":\"gauge\",\"value\":\"1\"}]",
      "[{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"labels\":[]}]",
      "[{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"labels\":{\"x\":1}}]",
      "[{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"labels\":{\"x y\":\"1\"}}]",
      ("[{\"name\":\"a\",\"type\":\"gauge\",\"value\":1,\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":"
       "\"\"}}]"),
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_metrics *metrics = NULL;
    take(&metrics, cases[i]);
    if (bc_metrics_count(metrics) != 0 || bc_metrics_left_out(metrics) != 1) {
      fail_msg("taken: %s", cases[i]);
    }
    bc_metrics_free(metrics);
  }
}

static void series_are_bounded_whatever_runs_tell(void **state) {
  (void)state;
  struct bc_metrics *metrics = NULL;
  for (unsigned i = 0; i < BC_LIMIT_CHECK_SERIES + 7; i++) {
    char text[96];
    (void)snprintf(text, sizeof text, "[{\"name\":\"n%u\",\"type\":\"gauge\",\"value\":%u}]", i, i);
    take(&metrics, text);
  }
  assert_int_equal(bc_metrics_count(metrics), BC_LIMIT_CHECK_SERIES);
  assert_int_equal(bc_metrics_left_out(metrics), 7);
  take(&metrics, "[{\"name\":\"n3\",\"type\":\"gauge\",\"value\":33}]");
  expect(metrics, 3, "n3", "{}", false, 33);
  bc_metrics_free(metrics);
}

static void no_more_new_series_come_than_there_is_room_for(void **state) {
  (void)state;
  static const char run[] = "[{\"name\":\"a\",\"type\":\"counter\",\"value\":1},"
                            "{\"name\":\"b\",\"type\":\"counter\",\"value\":1}]";
  struct bc_metrics *metrics = NULL;
  bc_metrics_take(&metrics, bc_str_of(run), 1);
  bc_metrics_take(&metrics, bc_str_of(run), 0);
  assert_int_equal(bc_metrics_count(metrics), 1);
  assert_int_equal(bc_metrics_left_out(metrics), 2);
  expect(metrics, 0, "a", "{}", true, 2);
  bc_metrics_free(metrics);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_gauge_is_replaced_and_a_counter_adds_up),
      cmocka_unit_test(nothing_told_holds_nothing),
      cmocka_unit_test(what_is_malformed_is_left_out_and_counted),
      cmocka_unit_test(series_are_bounded_whatever_runs_tell),
      cmocka_unit_test(no_more_new_series_come_than_there_is_room_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
