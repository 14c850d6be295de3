/* The ready-made checks and policies, and what their heads say of their parameters. */
#include "base/limits.h"
#include "model/ready_made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const enum bc_ready_kind kinds[] = {BC_READY_CHECKS, BC_READY_POLICIES};

static void every_script_of_the_source_is_there(void **state) {
  (void)state;
  for (size_t kind = 0; kind < 2; kind++) {
    const struct bc_ready_made *ready = NULL;
    for (size_t i = 0; (ready = bc_ready_made_at(kinds[kind], i)) != NULL; i++) {
      assert_ptr_equal(bc_ready_made_find(kinds[kind], bc_str_of(ready->name)), ready);
      assert_int_equal(ready->kind, kinds[kind]);
      assert_int_equal(strlen(ready->text), ready->len);
      assert_true(ready->len <= BC_LIMIT_SCRIPT_BYTES);
      assert_true(bc_str_starts(bc_str_of(ready->text), "#!lua\n"));
      assert_true(i == 0 || strcmp(bc_ready_made_at(kinds[kind], i - 1)->name, ready->name) < 0);
    }
  }
  assert_non_null(bc_ready_made_find(BC_READY_CHECKS, bc_str_of("http")));
  assert_non_null(bc_ready_made_find(BC_READY_CHECKS, bc_str_of("tcp")));
  assert_null(bc_ready_made_find(BC_READY_CHECKS, bc_str_of("")));
  assert_null(bc_ready_made_find(BC_READY_CHECKS, bc_str_of("htt")));
}

static void a_check_is_no_policy(void **state) {
  (void)state;
  json_t *given = json_loads("{\"use\": \"tcp\"}", 0, NULL);
  struct bc_fault fault = {0};
  assert_ptr_equal(bc_ready_made_use(BC_READY_CHECKS, given, &fault),
                   bc_ready_made_find(BC_READY_CHECKS, bc_str_of("tcp")));
  assert_string_equal(fault.text, "");
  assert_null(bc_ready_made_find(BC_READY_POLICIES, bc_str_of("tcp")));
  assert_null(bc_ready_made_find(BC_READY_CHECKS, bc_str_of("time_window")));
  assert_null(bc_ready_made_use(BC_READY_POLICIES, given, &fault));
  assert_non_null(strstr(fault.text, "use: there is no ready-made policy \"tcp\": expected "));
  assert_non_null(strstr(fault.text, "time_window"));
  assert_null(strstr(fault.text, "http"));
  json_decref(given);
}

static void descriptions_are_good(enum bc_ready_kind kind) {
  const struct bc_ready_made *ready = NULL;
  for (size_t i = 0; (ready = bc_ready_made_at(kind, i)) != NULL; i++) {
    struct bc_str rest = bc_str_of(ready->text);
    struct bc_ready_param param;
    struct bc_fault fault = {0};
    size_t count = 0;
    for (; bc_ready_param_next(&rest, &param, &fault); count++) {
      assert_true(bc_str_is_printable(param.meaning));
      assert_false(bc_str_is(param.name, "use"));
      if (param.fallback.at != NULL) {
        json_t *value = json_loadb(param.fallback.at, param.fallback.len, JSON_DECODE_ANY, NULL);
        json_t *taken = NULL;
        if (value == NULL || bc_ready_param_check(&param, value, &taken, &fault) != BC_ERR_OK) {
          fail_msg("%s: the default " BC_STR_FMT ": %s", ready->name, BC_STR_ARG(param.fallback), fault.text);
        }
        json_decref(value);
        json_decref(taken);
      }
    }
    assert_string_equal(fault.text, "");
    assert_true(count > 0);
  }
}

static void every_description_is_good(void **state) {
  (void)state;
  descriptions_are_good(BC_READY_CHECKS);
  descriptions_are_good(BC_READY_POLICIES);
}

static const char head[] = "#!lua\n"
                           "-- Says what it is for.\n"
                           "--\n"
                           "-- @param url string required  what is asked for\n"
                           "-- @param wait duration = \"1500ms\"  how long\n"
                           "-- @param method \"GET\"|\"HEAD\"|\"A  B\" = \"GET\"  request method\n"
                           "-- @param status number[]|number = [200]  statuses, or one\n"
                           "-- @param tags string[]  words\n"
                           "-- @param headers map  more\n"
                           "-- @param deep boolean = false  whether\n"
                           "-- @param ratio number  a part\n"
                           "return true\n"
                           "-- @param not string  part of the head\n";

static const struct bc_ready_made probe = {.name = "probe", .text = head, .len = sizeof head - 1};

static void descriptions_are_read(void **state) {
  (void)state;
  struct bc_str rest = bc_str_of(head);
  struct bc_ready_param param;
  struct bc_fault fault = {0};
  assert_true(bc_ready_param_next(&rest, &param, &fault));
  assert_true(bc_str_is(param.name, "url") && bc_str_is(param.type, "string") && param.is_required);
  assert_true(bc_str_is(param.meaning, "what is asked for"));
  assert_null(param.fallback.at);
  assert_true(bc_ready_param_next(&rest, &param, &fault));
  assert_true(bc_str_is(param.fallback, "\"1500ms\"") && !param.is_required);
  assert_true(bc_ready_param_next(&rest, &param, &fault));
  assert_true(bc_str_is(param.type, "\"GET\"|\"HEAD\"|\"A  B\"") && bc_str_is(param.fallback, "\"GET\""));
  size_t more = 0;
  for (; bc_ready_param_next(&rest, &param, &fault); more++) {
    assert_false(bc_str_is(param.name, "not"));
  }
  assert_int_equal(more, 5);
  assert_string_equal(fault.text, "");
}

static void lines_that_describe_nothing_are_told(void **state) {
  (void)state;
  static const char *const lines[] = {"url",
                                      "url string",
                                      "url text  meaning",
                                      "url string wanted  meaning",
                                      "url string =  meaning",
                                      "url string| meaning",
                                      "url \"a\"|  meaning",
                                      "url \"a  meaning"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    char text[64];
    (void)snprintf(text, sizeof text, "-- @param %s\n", lines[i]);
    struct bc_str rest = bc_str_of(text);
    struct bc_ready_param param;
    struct bc_fault fault = {0};
    assert_false(bc_ready_param_next(&rest, &param, &fault));
    assert_non_null(strstr(fault.text, "expected NAME TYPE [required] [= DEFAULT]"));
  }
}

static void checked(const char *given, const char *expected) {
  json_t *members = json_loads(given, 0, NULL);
  char *made = NULL;
  struct bc_fault fault = {0};
  if (bc_ready_made_check(&probe, members, &made, &fault) == BC_ERR_OK) {
    assert_string_equal(made, expected);
  } else if (strcmp(fault.text, expected) != 0) {
    fail_msg("%s: expected \"%s\" instead of: %s", given, expected, fault.text);
  }
  free(made);
  json_decref(members);
}

static void defaults_are_filled_in_the_order_of_the_description(void **state) {
  (void)state;
  checked("{\"use\": \"probe\", \"url\": \"x\"}",
          "{\"url\":\"x\",\"wait\":1.5,\"method\":\"GET\",\"status\":[200],\"deep\":false}");
  checked("{\"tags\": [\"a\"], \"headers\": {\"A\": \"b\"}, \"url\": \"x\", \"status\": 204, \"wait\": \"2s\","
          " \"method\": \"A  B\", \"deep\": true, \"ratio\": 0.1}",
          "{\"url\":\"x\",\"wait\":2,\"method\":\"A  B\",\"status\":204,\"tags\":[\"a\"],\"headers\":{\"A\":\"b\"},"
          "\"deep\":true,\"ratio\":0.1}");
  checked("{\"url\": \"\", \"wait\": 0.25, \"tags\": [], \"headers\": {}}",
          "{\"url\":\"\",\"wait\":0.25,\"method\":\"GET\",\"status\":[200],\"tags\":[],\"headers\":{},"
          "\"deep\":false}");
}

static void wrong_parameters_are_told_by_name(void **state) {
  (void)state;
  checked("{}", "url: is required: what is asked for");
  checked("{\"url\": null}", "url: expected a text, found null");
  checked("{\"url\": \"x\", \"Wait\": 1}",
          "there is no parameter \"Wait\": expected url, wait, method, status, tags, headers, deep, ratio");
  checked("{\"url\": \"x\", \"not\": \"1\"}",
          "there is no parameter \"not\": expected url, wait, method, status, tags, headers, deep, ratio");
  checked("{\"url\": \"x\", \"wait\": 0}", "wait: expected a duration (2, \"500ms\"), at most 1h, found 0");
  checked("{\"url\": \"x\", \"wait\": \"61m\"}", "wait: expected a duration (2, \"500ms\"), at most 1h, found \"61m\"");
  checked("{\"url\": \"x\", \"wait\": \"0s\"}", "wait: expected a duration (2, \"500ms\"), at most 1h, found \"0s\"");
  checked("{\"url\": \"x\", \"wait\": 3600.5}", "wait: expected a duration (2, \"500ms\"), at most 1h, found 3600.5");
  checked("{\"url\": \"x\", \"method\": \"get\"}", "method: expected \"GET\" or \"HEAD\" or \"A  B\", found \"get\"");
  checked("{\"url\": \"x\", \"status\": [\"200\"]}",
          "status: expected an array of numbers or a number, found [\"200\"]");
  checked("{\"url\": \"x\", \"tags\": [1]}", "tags: expected an array of texts, found [1]");
  checked("{\"url\": \"x\", \"headers\": {\"A\": 1}}", "headers: expected an object of texts, found {\"A\":1}");
  checked("{\"url\": \"x\", \"headers\": [\"A\"]}", "headers: expected an object of texts, found [\"A\"]");
  checked("{\"url\": \"x\", \"deep\": 0}", "deep: expected true or false, found 0");
  checked("{\"url\": \"x\", \"ratio\": \"1\"}", "ratio: expected a number, found \"1\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_script_of_the_source_is_there),
      cmocka_unit_test(a_check_is_no_policy),
      cmocka_unit_test(every_description_is_good),
      cmocka_unit_test(descriptions_are_read),
      cmocka_unit_test(lines_that_describe_nothing_are_told),
      cmocka_unit_test(defaults_are_filled_in_the_order_of_the_description),
      cmocka_unit_test(wrong_parameters_are_told_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
