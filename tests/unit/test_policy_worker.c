#include "policy_worker_harness.h"

/* What the policy worker answers, and that nothing keeps it from it. */

static void each_end_has_its_status_and_its_error_the_name_of_the_policy(void **state) {
  (void)state;
  static const struct {
    const char *script;
    enum bc_policy_status status;
    const char *error;
  } cases[] = {
      {"#!lua\nreturn function(ctx) return keep() end", BC_POLICY_STATUS_DONE, ""},
      {"#!lua\n\nreturn function(ctx)\n error('oh') end", BC_POLICY_STATUS_ERROR, "routes/web/policy:4: oh"},
      {"#!lua\nreturn functio n", BC_POLICY_STATUS_ERROR, "routes/web/policy:2: "},
      {"return function() return 1 end", BC_POLICY_STATUS_ERROR,
       "routes/web/policy:1: a policy must return announce{}, withdraw() or keep(): it returned number"},
      {"return function() local t = {} for i = 1, 1e9 do t[i] = {} end end", BC_POLICY_STATUS_MEMORY,
       "routes/web/policy:1: not enough memory"},
      {"\nreturn function() error({}) end", BC_POLICY_STATUS_ERROR,
       "routes/web/policy:2: raised a value that is a table"},
      {"\nreturn function() error('oh', 0) end", BC_POLICY_STATUS_ERROR, "routes/web/policy:2: oh"},
      {"return 7", BC_POLICY_STATUS_ERROR, "routes/web/policy: a policy must return a function"},
      {"#!lua\nreturn function()\n while true do end end", BC_POLICY_STATUS_KILLED,
       "routes/web/policy:3: used more than 10 ms"},
      {"#!lua\nrequire('none')", BC_POLICY_STATUS_ERROR, "routes/web/policy:2: module 'none' is not known"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int again = 0; again < 2; again++) {
      const struct result *got = again == 0 ? run(cases[i].script) : answer(1, "{}");
      assert_int_equal(got->status, cases[i].status);
      assert_int_equal(strncmp(got->error, cases[i].error, strlen(cases[i].error)), 0);
      assert_string_equal(got->verdict, i == 0 ? "{\"verdict\":\"keep\"}" : "");
    }
  }
  assert_int_equal(answer(99, "{}")->status, BC_POLICY_STATUS_UNKNOWN);
}

static void a_result_tells_log_and_reads_and_time(void **state) {
  (void)state;
  tell(at, &(struct bc_msg){.type = BC_MSG_LUA_DATA,
                            .lua_data = {.name = bc_str_of("sites"), .json = bc_str_of("{\"fra\":3}")}});
  const struct result *got =
      run("return function(ctx) log.info('here', ctx.healthy) for i = 1, 1000 do local x = i end "
          "return announce{ med = data.sites.fra } end");
  assert_string_equal(got->verdict, "{\"attributes\":{\"med\":3},\"verdict\":\"announce\"}");
  assert_string_equal(got->log, "info: here true\n");
  assert_int_equal(got->reads_len, 6);
  assert_memory_equal(got->reads, "sites", 6);
  assert_true(got->cpu_us > 0);
  tell(at, &(struct bc_msg){.type = BC_MSG_LUA_DATA, .lua_data = {.name = bc_str_of("sites")}});
  assert_int_equal(answer(1, "{}")->status, BC_POLICY_STATUS_ERROR);
}

static void options_modules_and_world_are_told_before(void **state) {
  (void)state;
  static const char script[] = "local m = require('m') return function(ctx) "
                               "assert(not pcall(function() options.x = 1 end)) "
                               "return keep((options.med or 'none') .. m .. (ctx.node and ctx.node.name or '')) end";
  tell(at, &(struct bc_msg){.type = BC_MSG_LUA_MODULE,
                            .lua_module = {.number = 4, .name = bc_str_of("m"), .text = bc_str_of("return 'one'")}});
  struct bc_msg_policy_set first = policy(1, script);
  first.modules = (struct bc_str){"m=4\0", 4};
  first.options = bc_str_of("{\"med\":7}");
  set(at, first);
  assert_string_equal(answer(1, "{}")->verdict, "{\"reason\":\"7one\",\"verdict\":\"keep\"}");
  tell(at, &(struct bc_msg){.type = BC_MSG_POLICY_WORLD,
                            .policy_world = {.json = bc_str_of("{\"node\":{\"name\":\"n1\"}}")}});
  assert_string_equal(answer(1, "{}")->verdict, "{\"reason\":\"7onen1\",\"verdict\":\"keep\"}");
  /* The same script with other options is another use of it, with another module another script. */
  struct bc_msg_policy_set second = policy(2, script);
  second.modules = (struct bc_str){"m=4\0", 4};
  set(at, second);
  tell(at, &(struct bc_msg){.type = BC_MSG_LUA_MODULE,
                            .lua_module = {.number = 5, .name = bc_str_of("m"), .text = bc_str_of("return 'two'")}});
  struct bc_msg_policy_set third = policy(3, script);
  third.modules = (struct bc_str){"m=5\0", 4};
  set(at, third);
  assert_string_equal(answer(2, "{}")->verdict, "{\"reason\":\"noneonen1\",\"verdict\":\"keep\"}");
  assert_string_equal(answer(3, "{}")->verdict, "{\"reason\":\"nonetwon1\",\"verdict\":\"keep\"}");
  assert_string_equal(answer(1, "{}")->verdict, "{\"reason\":\"7onen1\",\"verdict\":\"keep\"}");
  tell(at, &(struct bc_msg){.type = BC_MSG_POLICY_WORLD,
                            .policy_world = {.json = bc_str_of("{\"node\":{\"name\":\"n2\"}}")}});
  assert_string_equal(answer(1, "{}")->verdict, "{\"reason\":\"7onen2\",\"verdict\":\"keep\"}");
  assert_string_equal(answer(3, "{}")->verdict, "{\"reason\":\"nonetwon2\",\"verdict\":\"keep\"}");
  barrier(at);
  assert_int_equal(at->known, 3);
  tell(at, &(struct bc_msg){.type = BC_MSG_POLICY_REMOVE, .policy_remove = {.number = 2}});
  assert_int_equal(answer(2, "{}")->status, BC_POLICY_STATUS_UNKNOWN);
  assert_int_equal(at->known, 3);
  barrier(at);
  assert_int_equal(at->known, 2);
}

static void runs_that_wait_have_the_policy_of_when_they_came(void **state) {
  (void)state;
  /* Long enough that what is told behind them is read before they end. */
  set(at, policy(1, "return function() for i = 1, 20000 do local x = i end return keep('old') end"));
  for (uint32_t i = 0; i < 200; i++) {
    ask(at, i, 1, "{}");
  }
  set(at, policy(1, "return function() return keep('new') end"));
  ask(at, 200, 1, "{}");
  tell(at, &(struct bc_msg){.type = BC_MSG_POLICY_REMOVE, .policy_remove = {.number = 1}});
  ask(at, 201, 1, "{}");
  wait_results(at, 202);
  for (uint32_t i = 0; i < 202; i++) {
    assert_int_equal(at->results[i].id, i);
    const char *expected = i < 200    ? "{\"reason\":\"old\",\"verdict\":\"keep\"}"
                           : i == 200 ? "{\"reason\":\"new\",\"verdict\":\"keep\"}"
                                      : "";
    assert_string_equal(at->results[i].verdict, expected);
  }
  assert_int_equal(at->results[201].status, BC_POLICY_STATUS_UNKNOWN);
  assert_true(at->batches < 202);
}

static void pings_are_answered_while_runs_wait(void **state) {
  (void)state;
  enum { ASKED = 1000 };
  /* Half a second and more in all. */
  set(at, policy(1, "return function() for i = 1, 20000 do local x = i end return keep() end"));
  for (uint32_t i = 0; i < ASKED; i++) {
    ask(at, i, 1, "{}");
  }
  barrier(at);
  assert_true(at->count_at_pong < ASKED);
  assert_true(at->running > 0);
  wait_for(at, ASKED);
}

static void what_is_over_the_limit_of_waiting_runs_fails_at_once(void **state) {
  (void)state;
  enum { MORE = 200, HELD = 50 };
  size_t refused = 0;
  set(at, policy(1, "return function() while true do end end"));
  set(at, policy(2, "return function() return keep() end"));
  /* While these run all of the others are read. */
  for (uint32_t i = 0; i < HELD; i++) {
    ask(at, i, 1, "{}");
  }
  for (uint32_t i = 0; i < BC_LIMIT_POLICY_RUNS + MORE; i++) {
    ask(at, 100 + i, 2, "{}");
  }
  wait_results(at, HELD + BC_LIMIT_POLICY_RUNS + MORE);
  for (size_t i = 0; i < at->count; i++) {
    bool is_refused = strcmp(at->results[i].error, "too many runs of policies wait") == 0;
    refused += is_refused ? 1 : 0;
    assert_int_equal(is_refused, at->results[i].status == BC_POLICY_STATUS_ERROR);
  }
  assert_in_range(refused, 1, HELD + MORE);
}

static void the_page_names_the_run_while_it_uses_the_cpu(void **state) {
  (void)state;
  enum { ASKED = 200 };
  set(at, policy(3, "return function() while true do end end"));
  for (uint32_t i = 0; i < ASKED; i++) {
    ask(at, 1000 + i, 3, "{}");
  }
  job_seen = 0;
  generation_seen = 0;
  wait_for(at, ASKED);
  assert_in_range(job_seen, 1001, 1000 + ASKED);
  assert_int_equal(generation_seen, 3);
  assert_int_equal(at->results[0].status, BC_POLICY_STATUS_KILLED);
  barrier(at);
  assert_int_equal(atomic_load(&at->page->job), 0);
}

static void it_reaches_nothing_outside(void **state) {
  (void)state;
  assert_non_null(strstr(at->confinement, "seccomp, no network"));
  assert_string_equal(
      run("return function() local names = {} for name in pairs({ dns = dns, http = http, tcp = tcp, udp = "
          "udp, tls = tls, icmp = icmp, exec = exec, metric = metric, state = state, parallel = parallel, "
          "clock = time.now, mono = time.monotonic, sleep = time.sleep, random = math.random }) do "
          "names[#names + 1] = name end return keep(table.concat(names, ' ')) end")
          ->verdict,
      "{\"verdict\":\"keep\"}");
}

static void it_ends_with_core(void **state) {
  (void)state;
  struct worker *worker = worker_start();
  set(worker, policy(1, "return function() while true do end end"));
  for (uint32_t i = 0; i < 100; i++) {
    ask(worker, i, 1, "{}");
  }
  bc_channel_free(worker->channel);
  worker->channel = NULL;
  wait_for(worker, SIZE_MAX);
  worker_free(worker);
}

static void a_killed_run_harms_no_other(void **state) {
  (void)state;
  static const struct {
    const char *script;
    bool is_fine;
  } hostile[] = {
      {"return function() while true do end end", false},
      {"while true do end", false},
      {"return function() return ('a'):rep(100000):find('.-.-.-b') and keep() end", false},
      {"return function() local t = {} while true do t[#t + 1] = ('x'):rep(100000) end end", false},
      {"return function() local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end end",
       false},
      {"return function() error(setmetatable({}, { __tostring = function() error('again') end })) end", false},
      {"local function deep(n) return n + deep(n + 1) end return function() return deep(1) end", false},
      {"local function deep(n) return pcall(deep, n + 1) end return function() return deep(1) end", false},
      {"return function() return announce{ community = setmetatable({}, { __index = function() while true do end end "
       "}) "
       "} end",
       true},
      {"return function() local t = {} for i = 1, 3000 do t[i] = ('x'):rep(100) end return announce{ community = t } "
       "end",
       false},
      {"return function() local t = {} t[1] = t return announce{ med = t } end", false},
      {"return function() return setmetatable({}, { __gc = function() end }) end", false},
      {"return function() local s = 'x' while true do s = s .. s end end", false},
      {"return function() return (function(...) return select('#', ...) end)(table.unpack({}, 1, 99999)) end", false},
      {"return function() return json.encode(json.decode(('['):rep(60) .. (']'):rep(60))) end", false},
      {"return function() for i = 1, 20 do log.info(('x'):rep(1000)) end return keep() end", true},
  };
  set(at, policy(100, "return function(ctx) local t = {} for i = 1, 50 do t[i] = (i * 37) % 50 end table.sort(t) "
                      "return announce{ med = t[1] + t[50], reason = table.concat(t, '', 1, 3) } end"));
  for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
    set(at, policy(1, hostile[i].script));
    for (int again = 0; again < 2; again++) {
      const struct result *got = answer(1, "{}");
      if ((got->status == BC_POLICY_STATUS_DONE) != hostile[i].is_fine ||
          (got->error[0] == '\0') != hostile[i].is_fine) {
        fail_msg("%s: status %u, %s", hostile[i].script, (unsigned)got->status, got->error);
      }
      got = answer(100, "{}");
      assert_string_equal(got->verdict, "{\"attributes\":{\"med\":49},\"reason\":\"012\",\"verdict\":\"announce\"}");
    }
  }
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--policy-worker") == 0) {
    return bc_policy_worker_run();
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_end_has_its_status_and_its_error_the_name_of_the_policy, start, stop),
      cmocka_unit_test_setup_teardown(a_result_tells_log_and_reads_and_time, start, stop),
      cmocka_unit_test_setup_teardown(options_modules_and_world_are_told_before, start, stop),
      cmocka_unit_test_setup_teardown(runs_that_wait_have_the_policy_of_when_they_came, start, stop),
      cmocka_unit_test_setup_teardown(pings_are_answered_while_runs_wait, start, stop),
      cmocka_unit_test_setup_teardown(what_is_over_the_limit_of_waiting_runs_fails_at_once, start, stop),
      cmocka_unit_test_setup_teardown(the_page_names_the_run_while_it_uses_the_cpu, start, stop),
      cmocka_unit_test_setup_teardown(it_reaches_nothing_outside, start, stop),
      cmocka_unit_test_setup_teardown(it_ends_with_core, start, stop),
      cmocka_unit_test_setup_teardown(a_killed_run_harms_no_other, start, stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
