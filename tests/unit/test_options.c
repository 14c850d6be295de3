#include "model/options.h"

#include "base/limits.h"

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

static void refused(const char *text, const char *reason) {
  struct bc_options options;
  struct bc_fault fault = {0};
  if (bc_options_parse(bc_str_of(text), BC_OPTIONS_OF_ROUTE, &options, &fault) == BC_ERR_OK) {
    fail_msg("%s was accepted", text);
  }
  if (strstr(fault.text, reason) == NULL) {
    fail_msg("%s: expected \"%s\" in: %s", text, reason, fault.text);
  }
}

static void empty_means_the_defaults(void **state) {
  (void)state;
  static const char *const texts[] = {"", " \r\n", "{}", " { }\n"};
  for (size_t i = 0; i < 4; i++) {
    struct bc_options options = parse_good(texts[i]);
    assert_int_equal(options.interval_ms, 1000);
    assert_int_equal(options.fast_interval_ms, 1000);
    assert_int_equal(options.timeout_ms, 5000);
    assert_int_equal(options.rise, 1);
    assert_int_equal(options.fall, 2);
    assert_int_equal(options.jitter_percent, 10);
    assert_int_equal(options.threshold, 50);
    assert_int_equal(options.check_count, 0);
    assert_int_equal(options.combine, BC_COMBINE_ALL);
    assert_null(options.use);
    assert_false(options.unchecked_is_fail);
    assert_int_equal(options.on_exit, BC_ON_EXIT_KEEP);
    assert_false(options.check_is_none);
    assert_int_equal(options.address, BC_ADDRESS_IGNORE);
    assert_null(options.environment);
    bc_options_release(&options);
  }
}

static void every_member_is_read(void **state) {
  (void)state;
  struct bc_options options =
      parse_good("{\"interval\": \"2s\", \"fast_interval\": 0.5, \"timeout\": \"1.5s\","
                 " \"rise\": 3, \"fall\": 4.0, \"jitter\": 0, \"threshold\": 80, \"on_unchecked\": \"fail\","
                 " \"on_exit\": \"withdraw\", \"check\": \"none\","
                 " \"env\": {\"ZONE\": \"b\", \"PORT\": \"53\", \"a\": \"\"}}");
  assert_int_equal(options.interval_ms, 2000);
  assert_int_equal(options.fast_interval_ms, 500);
  assert_int_equal(options.timeout_ms, 1500);
  assert_int_equal(options.rise, 3);
  assert_int_equal(options.fall, 4);
  assert_int_equal(options.jitter_percent, 0);
  assert_int_equal(options.threshold, 80);
  assert_true(options.unchecked_is_fail);
  assert_int_equal(options.on_exit, BC_ON_EXIT_WITHDRAW);
  assert_true(options.check_is_none);
  assert_int_equal(options.environment_len, 18);
  assert_memory_equal(options.environment, "PORT=53\0ZONE=b\0a=\0", 18);
  bc_options_release(&options);
  assert_null(options.environment);
}

static void an_address_is_ignored_required_or_managed(void **state) {
  (void)state;
  assert_int_equal(parse_good("{\"address\": \"ignore\"}").address, BC_ADDRESS_IGNORE);
  assert_int_equal(parse_good("{\"address\": \"require\"}").address, BC_ADDRESS_REQUIRE);
  assert_int_equal(parse_good("{\"address\": \"manage\"}").address, BC_ADDRESS_MANAGE);
  refused("{\"address\": \"Manage\"}", "address: expected \"ignore\" or \"require\" or \"manage\"");
  refused("{\"address\": true}", "found true");
}

static void the_fast_interval_follows_the_interval(void **state) {
  (void)state;
  struct bc_options options = parse_good("{\"interval\": 30}");
  assert_int_equal(options.fast_interval_ms, 30000);
}

static void ranges_hold_to_the_millisecond(void **state) {
  (void)state;
  assert_int_equal(parse_good("{\"interval\": 0.05}").interval_ms, 50);
  assert_int_equal(parse_good("{\"interval\": \"50ms\"}").interval_ms, 50);
  assert_true(parse_good("{\"timeout\": 5}").has_timeout);
  assert_false(parse_good("{\"interval\": 5}").has_timeout);
  assert_int_equal(parse_good("{\"interval\": \"24h\"}").interval_ms, 86400000);
  assert_int_equal(parse_good("{\"interval\": 86400}").interval_ms, 86400000);
  assert_int_equal(parse_good("{\"timeout\": 0.05}").timeout_ms, 50);
  assert_int_equal(parse_good("{\"timeout\": \"60m\"}").timeout_ms, 3600000);
  refused("{\"interval\": 0.0499}", "interval: expected a number of seconds or a text with a unit (\"500ms\"), "
                                    "at least 50ms, at most 24h, found 0.0499");
  refused("{\"interval\": \"49.9ms\"}", "at least 50ms");
  refused("{\"interval\": 86400.001}", "at most 24h");
  refused("{\"interval\": 1e300}", "at most 24h");
  refused("{\"interval\": -1}", "at least");
  refused("{\"timeout\": \"49ms\"}", "at least 50ms");
  refused("{\"timeout\": \"1.1h\"}", "at most 1h");
  refused("{\"rise\": 0}", "rise: expected a whole number from 1 to 100, found 0");
  refused("{\"fall\": 101}", "from 1 to 100");
  refused("{\"fall\": 1.5}", "whole number");
  refused("{\"jitter\": 100.5}", "percent from 0 to 100");
  refused("{\"jitter\": -1}", "percent from 0 to 100");
}

static void wrong_types_are_named(void **state) {
  (void)state;
  refused("{\"interval\": \"2\"}", "found \"2\"");
  refused("{\"interval\": \"2 s\"}", "interval");
  refused("{\"interval\": true}", "found true");
  refused("{\"interval\": null}", "found null");
  refused("{\"rise\": \"1\"}", "rise");
  refused("{\"on_unchecked\": \"keep\"}", "on_unchecked: expected \"hold\" or \"fail\", found \"keep\"");
  refused("{\"on_exit\": 1}", "on_exit: expected \"keep\" or \"withdraw\", found 1");
  refused("{\"check\": \"other\"}", "check: expected \"none\"");
  refused("{\"env\": []}", "env: expected an object of texts");
  refused("{\"interval\": {\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27]}}", " ...");
}

static void not_json_is_refused(void **state) {
  (void)state;
  refused("interval: 2", "not JSON: line 1");
  refused("{\"rise\": 1} x", "not JSON");
  refused("{\"rise\": 1, \"rise\": 1}", "duplicate");
  refused("{\"rise\": 1,}", "not JSON");
  refused("{\n\"rise\" 1}", "line 2");
  refused("[]", "expected a JSON object");
  refused("5", "not JSON");
  refused("{\"rise\": \xff}", "not JSON");
  refused("{\"Interval\": 2}", "Interval: there is no option of this name");
}

static void deep_and_long_documents_are_refused(void **state) {
  (void)state;
  static char text[BC_LIMIT_OPTIONS_BYTES + 64];
  memset(text, '[', 10000);
  refused(text, "not JSON");
  memset(text, ' ', sizeof text - 1);
  text[0] = '{';
  text[sizeof text - 2] = '}';
  refused(text, "expected at most 16384 bytes");
}

static void env_takes_no_name_that_steers_the_program(void **state) {
  (void)state;
  static const char *const names[] = {"LD_PRELOAD", "ENV",  "BASH_ENV", "PATH",  "IFS",     "ROUTE",
                                      "PREFIX",     "NODE", "CHECK",    "STATE", "ATTEMPT", "BGPCOMMANDER_X"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char text[64];
    (void)snprintf(text, sizeof text, "{\"env\": {\"%s\": \"x\"}}", names[i]);
    refused(text, "is reserved");
  }
  refused("{\"env\": {\"1A\": \"x\"}}", "expected names like");
  refused("{\"env\": {\"A=B\": \"x\"}}", "expected names like");
  refused("{\"env\": {\"\": \"x\"}}", "expected names like");
  refused("{\"env\": {\"A\": 1}}", "env: A: expected a text");
  refused("{\"env\": {\"A\": \"x\\ny\"}}", "line breaks");
  refused("{\"env\": {\"A\": \"x\\u0000y\"}}", "");
  struct bc_options options = parse_good("{\"env\": {\"LD\": \"1\", \"PATHS\": \"2\", \"Node\": \"3\"}}");
  bc_options_release(&options);
}

static void env_holds_32_names(void **state) {
  (void)state;
  for (int count = 32; count < 34; count++) {
    char text[1024] = "{\"env\": {";
    for (int i = 0; i < count; i++) {
      size_t used = strlen(text);
      (void)snprintf(text + used, sizeof text - used, "%s\"N%d\": \"v\"", i == 0 ? "" : ", ", i);
    }
    (void)snprintf(text + strlen(text), sizeof text - strlen(text), "}}");
    if (count == 32) {
      struct bc_options options = parse_good(text);
      bc_options_release(&options);
    } else {
      refused(text, "env: expected at most 32 names, found 33");
    }
  }
}

static void a_refused_document_leaves_nothing_behind(void **state) {
  (void)state;
  struct bc_options options = {.rise = 77};
  struct bc_fault fault;
  assert_int_equal(
      bc_options_parse(bc_str_of("{\"env\": {\"A\": \"1\"}, \"rise\": 0}"), BC_OPTIONS_OF_ROUTE, &options, &fault),
      BC_ERR_RANGE);
  assert_int_equal(options.rise, 77);
  assert_null(options.environment);
}

static void what_is_not_built_is_accepted_only_with_its_default(void **state) {
  (void)state;
  (void)parse_good("{\"down\": \"withdraw\", \"on_store_loss\": \"keep\", \"min_announcing\": null}");
  refused("{\"down\": {\"med\": 200}}",
          "down: expected \"withdraw\" (nothing else is supported yet), found {\"med\":200}");
  refused("{\"on_store_loss\": \"withdraw\"}", "supported yet");
  refused("{\"min_announcing\": 2}", "supported yet");
}

static void durations_have_one_grammar(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum bc_err err;
    unsigned ms;
  } cases[] = {
      {"500ms", BC_ERR_OK, 500},
      {"2s", BC_ERR_OK, 2000},
      {"1.5s", BC_ERR_OK, 1500},
      {"1m", BC_ERR_OK, 60000},
      {"0.5h", BC_ERR_OK, 1800000},
      {"0.0509s", BC_ERR_OK, 50},
      {"0s", BC_ERR_RANGE, 0},
      {"4294968s", BC_ERR_RANGE, 0}, /* 704 ms in 32 bits */
      {"999999999.999999999h", BC_ERR_RANGE, 0},
      {"1234567890ms", BC_ERR_SYNTAX, 0},
      {"1.0123456789s", BC_ERR_SYNTAX, 0},
      {"", BC_ERR_SYNTAX, 0},
      {"2", BC_ERR_SYNTAX, 0},
      {"s", BC_ERR_SYNTAX, 0},
      {".5s", BC_ERR_SYNTAX, 0},
      {"1.", BC_ERR_SYNTAX, 0},
      {"1.s", BC_ERR_SYNTAX, 0},
      {"-1s", BC_ERR_SYNTAX, 0},
      {"+1s", BC_ERR_SYNTAX, 0},
      {"1 s", BC_ERR_SYNTAX, 0},
      {"1S", BC_ERR_SYNTAX, 0},
      {"1d", BC_ERR_SYNTAX, 0},
      {"1e3s", BC_ERR_SYNTAX, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[64];
    struct bc_options options = {.timeout_ms = 0};
    struct bc_fault fault;
    (void)snprintf(text, sizeof text, "{\"timeout\": \"%s\"}", cases[i].text);
    enum bc_err err = bc_options_parse(bc_str_of(text), BC_OPTIONS_OF_ROUTE, &options, &fault);
    if (err != cases[i].err || (err == BC_ERR_OK && options.timeout_ms != cases[i].ms)) {
      fail_msg("%s: %s, %u", cases[i].text, bc_err_name(err), options.timeout_ms);
    }
    if (err == BC_ERR_OK) {
      bc_options_release(&options);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(empty_means_the_defaults),
      cmocka_unit_test(every_member_is_read),
      cmocka_unit_test(an_address_is_ignored_required_or_managed),
      cmocka_unit_test(the_fast_interval_follows_the_interval),
      cmocka_unit_test(ranges_hold_to_the_millisecond),
      cmocka_unit_test(wrong_types_are_named),
      cmocka_unit_test(not_json_is_refused),
      cmocka_unit_test(deep_and_long_documents_are_refused),
      cmocka_unit_test(env_takes_no_name_that_steers_the_program),
      cmocka_unit_test(env_holds_32_names),
      cmocka_unit_test(a_refused_document_leaves_nothing_behind),
      cmocka_unit_test(what_is_not_built_is_accepted_only_with_its_default),
      cmocka_unit_test(durations_have_one_grammar),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
