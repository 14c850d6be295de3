/* The members of options that say what the checks are. */
#include "base/limits.h"
#include "model/options.h"
#include "model/ready_made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bc_options parse_good(const char *text) {
  struct bc_options options;
  struct bc_fault fault = {0};
  if (bc_options_parse(bc_str_of(text), BC_OPTIONS_OF_ROUTE, &options, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", text, fault.text);
  }
  return options;
}

static void refused_of(enum bc_options_of of, const char *text, const char *reason) {
  struct bc_options options;
  struct bc_fault fault = {0};
  if (bc_options_parse(bc_str_of(text), of, &options, &fault) == BC_ERR_OK) {
    fail_msg("%s was accepted", text);
  }
  if (strcmp(fault.text, reason) != 0) {
    fail_msg("%s: expected \"%s\" instead of: %s", text, reason, fault.text);
  }
}

static void refused(const char *text, const char *reason) {
  refused_of(BC_OPTIONS_OF_ROUTE, text, reason);
}

static void named_checks_are_kept_in_their_order(void **state) {
  (void)state;
  struct bc_options options = parse_good("{\"checks\": [\"dns\", \"a.b-c\", \"0\"]}");
  assert_int_equal(options.check_count, 3);
  assert_string_equal(options.checks[0], "dns");
  assert_string_equal(options.checks[1], "a.b-c");
  assert_string_equal(options.checks[2], "0");
  assert_int_equal(bc_options_count_checks(&options, false), 3);
  assert_int_equal(bc_options_count_checks(&options, true), 4);
  bc_options_release(&options);
  options = parse_good("{\"checks\": [\"dns\"], \"check\": \"none\"}");
  assert_int_equal(bc_options_count_checks(&options, true), 1);
  bc_options_release(&options);
}

static void wrong_names_of_checks_are_refused(void **state) {
  (void)state;
  refused("{\"checks\": \"dns\"}", "checks: expected an array of names of checks, found \"dns\"");
  refused("{\"checks\": [\"a/b\"]}",
          "checks: expected names of checks (letters, digits, '.', '_', '-'), found \"a/b\"");
  refused("{\"checks\": [\"a\", 1]}", "checks: expected names of checks (letters, digits, '.', '_', '-'), found 1");
  refused("{\"checks\": [\"a\", \"b\", \"a\"]}", "checks: a is there twice");
  refused("{\"checks\": [\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\","
          "\"f\",\"g\"]}",
          "checks: expected at most 16 names, found 17");
}

static void checks_are_combined_in_three_ways(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum bc_combine combine;
    unsigned at_least;
  } cases[] = {{"{\"combine\": \"all\"}", BC_COMBINE_ALL, 0},
               {"{\"combine\": \"any\"}", BC_COMBINE_ANY, 0},
               {"{\"combine\": {\"at_least\": 1}}", BC_COMBINE_AT_LEAST, 1},
               {"{\"combine\": {\"at_least\": 2}, \"checks\": [\"a\"]}", BC_COMBINE_AT_LEAST, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_options options = parse_good(cases[i].text);
    assert_int_equal(options.combine, cases[i].combine);
    assert_int_equal(options.at_least, cases[i].at_least);
    bc_options_release(&options);
  }
}

static void at_least_is_not_more_than_there_can_be(void **state) {
  (void)state;
  refused("{\"combine\": {\"at_least\": 2}}", "combine: at_least: expected at most 1, the number of checks, found 2");
  refused("{\"combine\": {\"at_least\": 2}, \"checks\": [\"a\"], \"check\": \"none\"}",
          "combine: at_least: expected at most 1, the number of checks, found 2");
  refused("{\"combine\": {\"at_least\": 0}}",
          "combine: expected \"all\", \"any\" or {\"at_least\": N}, N from 1 to the number of checks, found "
          "{\"at_least\":0}");
  refused("{\"combine\": {\"at_least\": 1, \"of\": 2}}",
          "combine: expected \"all\", \"any\" or {\"at_least\": N}, N from 1 to the number of checks, found "
          "{\"at_least\":1,\"of\":2}");
}

static void a_threshold_is_a_score(void **state) {
  (void)state;
  refused("{\"threshold\": 101}", "threshold: expected a whole number from 0 to 100, found 101");
  refused("{\"threshold\": 50.5}", "threshold: expected a whole number from 0 to 100, found 50.5");
}

static void a_ready_made_check_is_chosen_with_its_parameters(void **state) {
  (void)state;
  struct bc_options options = parse_good("{\"check\": {\"use\": \"tcp\", \"port\": 53, \"host\": \"::1\"}}");
  assert_ptr_equal(options.use, bc_ready_made_find(BC_READY_CHECKS, bc_str_of("tcp")));
  assert_non_null(strstr(options.parameters, "{\"host\":\"::1\",\"port\":53,"));
  assert_int_equal(bc_options_count_checks(&options, false), 1);
  struct bc_options other = parse_good("{\"check\": {\"use\": \"tcp\", \"port\": 54, \"host\": \"::1\"}}");
  struct bc_options same = parse_good("{\"check\": {\"host\": \"::1\", \"use\": \"tcp\", \"port\": 53}}");
  assert_false(bc_options_equal(&options, &other));
  assert_true(bc_options_equal(&options, &same));
  bc_options_release(&options);
  bc_options_release(&other);
  bc_options_release(&same);
}

static void a_wrong_ready_made_check_is_refused(void **state) {
  (void)state;
  refused("{\"check\": {}}", "check: expected \"none\" or {\"use\": NAME, ...}, found {}");
  refused("{\"check\": \"http\"}", "check: expected \"none\" or {\"use\": NAME, ...}, found \"http\"");
  refused("{\"check\": {\"use\": \"tcp\", \"host\": \"a\", \"port\": \"53\"}}",
          "check: tcp: port: expected a number, found \"53\"");
  struct bc_options options;
  struct bc_fault fault = {0};
  assert_int_equal(
      bc_options_parse(bc_str_of("{\"check\": {\"use\": \"htp\"}}"), BC_OPTIONS_OF_ROUTE, &options, &fault),
      BC_ERR_NOT_FOUND);
  assert_non_null(strstr(fault.text, "check: use: there is no ready-made check \"htp\": expected "));
  assert_non_null(strstr(fault.text, "http"));
}

static void a_later_fault_takes_back_what_was_read(void **state) {
  (void)state;
  refused("{\"checks\": [\"a\"], \"check\": {\"use\": \"tcp\", \"host\": \"a\", \"port\": 1}, \"rise\": 0}",
          "rise: expected a whole number from 1 to 100, found 0");
}

static void a_named_check_has_no_options_of_a_route(void **state) {
  (void)state;
  static const char *const members[] = {
      "\"checks\": []",         "\"combine\": \"all\"",        "\"on_exit\": \"keep\"",   "\"address\": \"ignore\"",
      "\"down\": \"withdraw\"", "\"on_store_loss\": \"keep\"", "\"min_announcing\": null"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    char text[64];
    char reason[128];
    (void)snprintf(text, sizeof text, "{%s}", members[i]);
    (void)snprintf(reason, sizeof reason, "%.*s: is an option of a route, not of a check",
                   (int)strcspn(members[i] + 1, "\""), members[i] + 1);
    refused_of(BC_OPTIONS_OF_CHECK, text, reason);
  }
  refused_of(BC_OPTIONS_OF_CHECK, "{\"check\": \"none\"}", "check: \"none\" is an option of a route, not of a check");
  struct bc_options options;
  struct bc_fault fault = {0};
  const char *text = "{\"check\": {\"use\": \"tcp\", \"host\": \"a\", \"port\": 1}, \"rise\": 2, \"threshold\": 3}";
  assert_int_equal(bc_options_parse(bc_str_of(text), BC_OPTIONS_OF_CHECK, &options, &fault), BC_ERR_OK);
  bc_options_release(&options);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(named_checks_are_kept_in_their_order),
      cmocka_unit_test(wrong_names_of_checks_are_refused),
      cmocka_unit_test(checks_are_combined_in_three_ways),
      cmocka_unit_test(at_least_is_not_more_than_there_can_be),
      cmocka_unit_test(a_threshold_is_a_score),
      cmocka_unit_test(a_ready_made_check_is_chosen_with_its_parameters),
      cmocka_unit_test(a_wrong_ready_made_check_is_refused),
      cmocka_unit_test(a_later_fault_takes_back_what_was_read),
      cmocka_unit_test(a_named_check_has_no_options_of_a_route),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
