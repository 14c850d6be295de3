/* Traces: which calls they hold, how these ended, and what they do not tell. */
#include "sandbox_harness.h"

#include <stdio.h>

static void expect(const char *script, enum bc_sandbox_end end, const char *const *pieces, size_t calls) {
  const struct bc_sandbox_options options = {.is_traced = true};
  struct world world = world_open_with(&options, script);
  struct bc_buf text;
  bc_buf_init(&text, 1000000);
  enum bc_sandbox_end now = world_begin(&world)->end;
  while (now == BC_SANDBOX_YIELDED && bc_sandbox_run_outcome(world.run)->wait_ms < 1000) {
    now = bc_sandbox_run_resume(world.run);
  }
  bc_sandbox_run_print_trace(world.run, &text);
  assert_int_equal(bc_buf_status(&text), BC_ERR_OK);
  const char *at = text.data;
  for (size_t i = 0; pieces[i] != NULL && at != NULL; i++) {
    at = strstr(at, pieces[i]);
  }
  size_t count = 0;
  for (const char *call = text.data; (call = strstr(call, "{\"call\":")) != NULL; call++) {
    count++;
  }
  if (bc_sandbox_run_outcome(world.run)->end != end || at == NULL || count != calls) {
    fail_msg("%s: %s, %zu calls: %s", script, bc_sandbox_end_text(bc_sandbox_run_outcome(world.run)->end), count,
             text.data);
  }
  bc_buf_free(&text);
  world_close(&world);
}

static void calls_of_the_api_are_noted_with_arguments_and_results(void **state) {
  (void)state;
  expect(
      "time.sleep(0.001) local s = ('x'):upper() .. tostring(1) return #json.encode({}) > 0", BC_SANDBOX_DONE,
      (const char *const[]){"[{\"call\":\"time.sleep\",\"arguments\":\"0.001\",\"end\":\"returned\",\"result\":\"\",",
                            "\"at_ms\":", NULL},
      1);
  expect("local r = parallel{a = function() time.sleep(0) return 5 end} return true", BC_SANDBOX_DONE,
         (const char *const[]){"\"parallel\",\"arguments\":\"{a = function}\",\"end\":\"returned\",\"result\":\"{a = {",
                               "\"time.sleep\"", NULL},
         2);
  expect("metric.gauge('a', 1, {x = 'y'}) return true", BC_SANDBOX_DONE,
         (const char *const[]){"metric.gauge", "\"\\\"a\\\", 1, {x = \\\"y\\\"}\"", NULL}, 1);
  expect("return time.sleep(0) == nil", BC_SANDBOX_DONE, (const char *const[]){"time.sleep", NULL}, 1);
}

static void how_a_call_ended_is_told(void **state) {
  (void)state;
  expect("pcall(time.sleep, -1) pcall(metric.gauge) time.sleep(0) return true", BC_SANDBOX_DONE,
         (const char *const[]){"\"-1\",\"end\":\"raised\"", "metric.gauge\",\"arguments\":\"\",\"end\":\"raised\"",
                               "\"0\",\"end\":\"returned\"", NULL},
         3);
  expect("time.sleep(-1)", BC_SANDBOX_ERROR, (const char *const[]){"\"end\":\"raised\",\"result\":\"\"", NULL}, 1);
  expect("time.sleep(3600)", BC_SANDBOX_YIELDED, (const char *const[]){"\"end\":\"given up\"", NULL}, 1);
  expect("pcall(parallel, {function() time.sleep(3600) end, function() error('x') end}) return true", BC_SANDBOX_DONE,
         (const char *const[]){"\"parallel\"", "\"raised\"", "\"time.sleep\"", "\"given up\"", NULL}, 2);
  expect("return require('none')", BC_SANDBOX_ERROR, (const char *const[]){"require", "none", "raised", NULL}, 1);
}

static void secrets_and_long_texts_are_cut(void **state) {
  (void)state;
  expect("pcall(metric.gauge, {body = 'secret', headers = {Authorization = 'Bearer secret'}, KEY = 'secret',\n"
         "  ca = '-----BEGIN CERTIFICATE-----\\nsecret'}, 'https://user:secret@host/x', ('y'):rep(100000)) return true",
         BC_SANDBOX_DONE, (const char *const[]){"(6 bytes)", NULL}, 1);
  const struct bc_sandbox_options options = {.is_traced = true};
  struct world world = world_open_with(
      &options,
      "pcall(metric.gauge, {body = 'secret', headers = {Authorization = 'Bearer secret'}, KEY = 'secret',\n"
      "  ca = '-----BEGIN CERTIFICATE-----\\nsecret'}, 'https://user:secret@host/x', ('y'):rep(100000))\n"
      "pcall(metric.gauge, {{{{{{1}}}}}}, setmetatable({}, {__index = error, __pairs = error, __tostring = error}))\n"
      "return true");
  struct bc_buf text;
  bc_buf_init(&text, 4096);
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_DONE);
  bc_sandbox_run_print_trace(world.run, &text);
  assert_int_equal(bc_buf_status(&text), BC_ERR_OK);
  assert_null(strstr(text.data, "secret"));
  assert_non_null(strstr(text.data, "https://...@host/x"));
  assert_non_null(strstr(text.data, "{{{{...}}}}, {}"));
  bc_buf_free(&text);
  world_close(&world);
}

static void errors_and_limits_are_the_same_in_a_traced_run(void **state) {
  (void)state;
  const struct bc_sandbox_options options = {.is_traced = true, .burst_ms = 20};
  struct world world = world_open_with(&options, "\ntime.sleep('x')");
  assert_string_equal(world_begin(&world)->error, "t.lua:2: bad argument #1 to 'sleep' (number expected, got string)");
  world_close(&world);
  world = world_open_with(&options, "while true do pcall(time.sleep, -1) end");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_KILLED);
  assert_true(bc_sandbox_run_trace_dropped(world.run) > 0);
  world_close(&world);
  world = world_open_with(&options, "for i = 1, 300 do time.sleep(0) end return true");
  (void)world_begin(&world);
  while (bc_sandbox_run_resume(world.run) == BC_SANDBOX_YIELDED) {
  }
  assert_int_equal(bc_sandbox_run_trace_dropped(world.run), 44);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_of_the_api_are_noted_with_arguments_and_results),
      cmocka_unit_test(how_a_call_ended_is_told),
      cmocka_unit_test(secrets_and_long_texts_are_cut),
      cmocka_unit_test(errors_and_limits_are_the_same_in_a_traced_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
