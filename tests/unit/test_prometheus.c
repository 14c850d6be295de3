#include "proto/prometheus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_BYTES = 65536 };

static struct bc_prometheus begin(struct bc_buf *to, enum bc_prometheus_format format) {
  bc_buf_init(to, MOST_BYTES);
  return (struct bc_prometheus){.to = to, .format = format};
}

static void a_family_is_told_once_before_its_samples(void **state) {
  (void)state;
  struct bc_buf to;
  struct bc_prometheus p = begin(&to, BC_PROMETHEUS_TEXT);
  bc_prometheus_family(&p, "x_runs_total", BC_PROMETHEUS_COUNTER, "Runs");
  bc_prometheus_add(&p, &(struct bc_prometheus_label){"check", "web"}, 1, 7);
  bc_prometheus_add(&p, (struct bc_prometheus_label[]){{"check", "dns"}, {"kind", NULL}}, 2, 0.25);
  bc_prometheus_family(&p, "x_info", BC_PROMETHEUS_INFO, "What");
  bc_prometheus_add(&p, NULL, 0, 1);
  bc_prometheus_end(&p);
  assert_string_equal(to.data, "# HELP x_runs_total Runs\n"
                               "# TYPE x_runs_total counter\n"
                               "x_runs_total{check=\"web\"} 7\n"
                               "x_runs_total{check=\"dns\",kind=\"\"} 0.25\n"
                               "# HELP x_info What\n"
                               "# TYPE x_info gauge\n"
                               "x_info 1\n"
                               "# EOF\n");
  bc_buf_free(&to);
}

static void openmetrics_has_endings_at_samples_only_and_an_end(void **state) {
  (void)state;
  struct bc_buf to;
  struct bc_prometheus p = begin(&to, BC_PROMETHEUS_OPENMETRICS);
  bc_prometheus_family(&p, "x_runs_total", BC_PROMETHEUS_COUNTER, "\"Runs\"");
  bc_prometheus_add(&p, NULL, 0, 7);
  bc_prometheus_family(&p, "x_info", BC_PROMETHEUS_INFO, "What");
  bc_prometheus_add(&p, NULL, 0, 1);
  bc_prometheus_end(&p);
  assert_string_equal(to.data, "# HELP x_runs \\\"Runs\\\"\n"
                               "# TYPE x_runs counter\n"
                               "x_runs_total 7\n"
                               "# HELP x What\n"
                               "# TYPE x info\n"
                               "x_info 1\n"
                               "# EOF\n");
  bc_buf_free(&to);
}

static void a_histogram_is_summed_up_and_ends_in_infinity(void **state) {
  (void)state;
  struct bc_buf to;
  struct bc_prometheus p = begin(&to, BC_PROMETHEUS_TEXT);
  struct bc_histogram histogram = {0};
  bc_histogram_add(&histogram, 100);
  bc_histogram_add(&histogram, 900);
  bc_histogram_add(&histogram, 31000000);
  bc_prometheus_family(&p, "x_seconds", BC_PROMETHEUS_HISTOGRAM, "Times");
  bc_prometheus_add_histogram(&p, &(struct bc_prometheus_label){"a", "b"}, 1, &histogram);
  assert_non_null(strstr(to.data, "x_seconds_bucket{a=\"b\",le=\"0.0001\"} 1\n"));
  assert_non_null(strstr(to.data, "x_seconds_bucket{a=\"b\",le=\"0.0005\"} 1\n"));
  assert_non_null(strstr(to.data, "x_seconds_bucket{a=\"b\",le=\"0.001\"} 2\n"));
  assert_non_null(strstr(to.data, "x_seconds_bucket{a=\"b\",le=\"30.0\"} 2\n"));
  assert_non_null(strstr(to.data, "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"
                                  "x_seconds_sum{a=\"b\"} 31.001\n"
                                  "x_seconds_count{a=\"b\"} 3\n"));
  bc_buf_clear(&to);
  bc_prometheus_add_histogram(&p, NULL, 0, &histogram);
  assert_non_null(strstr(to.data, "x_seconds_bucket{le=\"1.0\"} 2\n"));
  bc_buf_free(&to);
}

static void labels_and_help_are_escaped_and_utf8(void **state) {
  (void)state;
  static const struct {
    const char *text, *label;
  } cases[] = {
      {"a\"b", "a\\\"b"},
      {"a\\b\nc", "a\\\\b\\nc"},
      {"K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x98\x80", "K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xff\xc3", "??"},
      {"\xc0\xaf", "??"},
      {"\xed\xa0\x80", "???"},
      {"\xe0\x80\x80", "???"},
      {"\xf4\x90\x80\x80", "????"},
      {"\xf0\x80\x80\x80", "????"},
      {"\xe2\x82", "??"},
      {"tab\there", "tab\there"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_buf to;
    struct bc_buf wanted;
    struct bc_prometheus p = begin(&to, BC_PROMETHEUS_TEXT);
    bc_buf_init(&wanted, MOST_BYTES);
    p.name = "x";
    bc_prometheus_add(&p, &(struct bc_prometheus_label){"l", cases[i].text}, 1, 1);
    bc_buf_add_format(&wanted, "x{l=\"%s\"} 1\n", cases[i].label);
    assert_string_equal(to.data, wanted.data);
    bc_buf_free(&to);
    bc_buf_free(&wanted);
  }
  struct bc_buf to;
  struct bc_prometheus p = begin(&to, BC_PROMETHEUS_TEXT);
  bc_prometheus_family(&p, "x", BC_PROMETHEUS_GAUGE, "a \"b\"\\\nc");
  assert_string_equal(to.data, "# HELP x a \"b\"\\\\\\nc\n# TYPE x gauge\n");
  bc_buf_free(&to);
}

static void names_hold_what_names_may_hold(void **state) {
  (void)state;
  static const struct {
    const char *text, *name;
  } cases[] = {{"fine_1", "fine_1"},   {"", "_"},          {"1st", "_1st"},
               {"a-b.c:d", "a_b_c_d"}, {"\xc3\xb6", "__"}, {"-", "_"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_buf to;
    bc_buf_init(&to, MOST_BYTES);
    bc_prometheus_add_name(&to, bc_str_of(cases[i].text));
    assert_string_equal(to.data, cases[i].name);
    bc_buf_free(&to);
  }
}

static void numbers_are_short_and_exact(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0, "0"},
               {-0.5, "-0.5"},
               {0.1, "0.1"},
               {1234567890.123, "1234567890.123"},
               {9007199254740993.0, "9007199254740992"},
               {1e300, "1e+300"},
               {1.0 / 3, "0.3333333333333333"},
               {(double)NAN, "NaN"},
               {(double)INFINITY, "+Inf"},
               {-(double)INFINITY, "-Inf"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_buf to;
    bc_buf_init(&to, MOST_BYTES);
    bc_prometheus_add_number(&to, cases[i].value);
    assert_string_equal(to.data, cases[i].text);
    bc_buf_free(&to);
  }
}

static void openmetrics_is_given_to_who_likes_it_as_much(void **state) {
  (void)state;
  static const struct {
    const char *accept;
    enum bc_prometheus_format format;
  } cases[] = {
      {NULL, BC_PROMETHEUS_TEXT},
      {"", BC_PROMETHEUS_TEXT},
      {"*/*", BC_PROMETHEUS_TEXT},
      {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", BC_PROMETHEUS_TEXT},
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       BC_PROMETHEUS_OPENMETRICS},
      {"application/openmetrics-text;version=1.0.0;q=0.2, text/plain;version=0.0.4;q=0.5", BC_PROMETHEUS_TEXT},
      {"application/openmetrics-text", BC_PROMETHEUS_OPENMETRICS},
      {"text/plain, application/openmetrics-text", BC_PROMETHEUS_OPENMETRICS},
      {"application/openmetrics-text; q=0", BC_PROMETHEUS_TEXT},
      {"application/openmetrics-text;version=2.0.0", BC_PROMETHEUS_TEXT},
      {"application/openmetrics-text;q=7", BC_PROMETHEUS_TEXT},
      {",,;;, application/openmetrics-text ;q=0.5 ", BC_PROMETHEUS_OPENMETRICS},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(bc_prometheus_choose(cases[i].accept), cases[i].format);
  }
  assert_string_equal(bc_prometheus_content_type(BC_PROMETHEUS_TEXT), "text/plain; version=0.0.4; charset=utf-8");
  assert_string_equal(bc_prometheus_content_type(BC_PROMETHEUS_OPENMETRICS),
                      "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_family_is_told_once_before_its_samples),
      cmocka_unit_test(openmetrics_has_endings_at_samples_only_and_an_end),
      cmocka_unit_test(a_histogram_is_summed_up_and_ends_in_infinity),
      cmocka_unit_test(labels_and_help_are_escaped_and_utf8),
      cmocka_unit_test(names_hold_what_names_may_hold),
      cmocka_unit_test(numbers_are_short_and_exact),
      cmocka_unit_test(openmetrics_is_given_to_who_likes_it_as_much),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
