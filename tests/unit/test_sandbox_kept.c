/* What a check keeps from run to run (`state`), what all scripts find (`data`), and what runs measure (`metric`). */
#include "sandbox_harness.h"

#include "worker/lua_data.h"

#include <stdio.h>

/* ---- state ---- */

static void expect_state(struct world *world, const char *before, const char *changed, const char *log) {
  bc_sandbox_check_set_state(world->check, bc_str_of(before));
  const struct bc_sandbox_outcome *outcome = world_begin(world);
  struct bc_str told = bc_sandbox_run_log(world->run);
  if (outcome->end != BC_SANDBOX_DONE || (outcome->state == NULL) != (changed == NULL) ||
      (changed != NULL && strcmp(outcome->state, changed) != 0) ||
      strstr(told.at == NULL ? "" : told.at, log) == NULL) {
    fail_msg("%s: %s <%s> state <%s> log <%s>, expected <%s> <%s>", before, bc_sandbox_end_text(outcome->end),
             outcome->error, outcome->state, told.at, changed, log);
  }
}

static void the_state_of_a_run_is_what_the_next_one_finds(void **state) {
  (void)state;
  static const struct {
    const char *script, *before, *changed, *log;
  } cases[] = {
      {"state.n = (state.n or 0) + 1 return true", "", "{\"n\":1}", ""},
      {"state.n = (state.n or 0) + 1 return true", "{\"n\":41}", "{\"n\":42}", ""},
      {"return state.n == nil", "", NULL, ""},
      {"return true", "{\"n\":1}", NULL, ""},
      /* The order of members is ours. */
      {"return state.b[1] == 1", "{ \"b\": [1, {\"d\":1,\"c\":2}], \"a\": 1.0 }", NULL, ""},
      {"state.z = 1 state.y = 2 state.a = {c = 1, b = 2} return true", "", "{\"a\":{\"b\":2,\"c\":1},\"y\":2,\"z\":1}",
       ""},
      {"state = {n = 1} return true", "", "{\"n\":1}", ""},
      {"state = {n = 1} return true", "{\"n\":1}", NULL, ""},
      {"state = {} return true", "{\"n\":1}", "{}", ""},
      {"state = nil return true", "{\"n\":1}", NULL, ""},
      {"state.n = nil return false", "{\"n\":1}", "{}", ""},
      {"state.t = {[1] = 'a', [3] = 'c'} return 5", "", "{\"t\":{\"1\":\"a\",\"3\":\"c\"}}", ""},
      {"state.t = {[1] = 'a', ['1'] = 'c', [3] = 1} return 5", "", "", "*"},
      {"state = setmetatable({n = 1}, {__index = error, __pairs = error, __len = error}) return true", "", "{\"n\":1}",
       ""},
      {"state.x = json.null return true", "", "{\"x\":null}", ""},
      {"state.x = '\\0\\xff\"' return true", "", "{\"x\":\"\\u0000\\ufffd\\\"\"}", ""},
      {"local s = state local r = parallel{function() state.n = 1 end} return s == state", "", "{\"n\":1}", ""},
      /* What cannot be kept leaves what was. */
      {"state.x = ('x'):rep(4096) return true", "{\"n\":1}", NULL, "warn: state is not kept: as JSON it may have 4096"},
      {"state.x = ('x'):rep(4088) return true", "", "", "*"},
      {"for i = 1, 2000 do state['k' .. i] = true end return true", "", NULL, "as JSON it may have 4096"},
      {"state.self = state return true", "", NULL, "8 tables in one another"},
      {"state.f = type return true", "", NULL, "what JSON cannot"},
      {"state.n = 0/0 return true", "", NULL, "what JSON cannot"},
      {"state.n = 1/0 return true", "", NULL, "what JSON cannot"},
      {"state[{}] = 1 return true", "", NULL, "what JSON cannot"},
      {"state[1.5] = 1 return true", "", NULL, "what JSON cannot"},
      {"state[true] = 1 state.a = 1 return true", "", NULL, "what JSON cannot"},
      {"state = 5 return true", "", NULL, "state is not kept: it is no table"},
      {"state = {1, 2} return true", "", NULL, "a list has no names"},
      {"state[('k'):rep(5000)] = 1 return true", "", NULL, "4096"},
  };
  const struct bc_sandbox_options hard = {.is_gc_hard = true, .burst_ms = 20000};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct world world = world_open(cases[i].script);
    if (strcmp(cases[i].log, "*") == 0) {
      bc_sandbox_check_set_state(world.check, bc_str_of(cases[i].before));
      assert_non_null(world_begin(&world)->state);
      assert_true(strlen(bc_sandbox_run_outcome(world.run)->state) <= BC_LIMIT_CHECK_STATE_BYTES);
    } else {
      expect_state(&world, cases[i].before, cases[i].changed, cases[i].log);
    }
    world_close(&world);
    /* Long texts are made by an allocation that Lua does not try again. */
    if (strstr(cases[i].script, "000") == NULL && strstr(cases[i].script, "rep(") == NULL &&
        strcmp(cases[i].log, "*") != 0) {
      world = world_open_with(&hard, cases[i].script);
      expect_state(&world, cases[i].before, cases[i].changed, cases[i].log);
      world_close(&world);
    }
  }
}

static void a_state_goes_from_run_to_run_and_only_good_ends_change_it(void **state) {
  (void)state;
  struct world world = world_open("state.n = (state.n or 0) + 1\n"
                                  "if state.n == 3 and not data.well then error('x') end\n"
                                  "if data.wait then time.sleep(3600) end\n"
                                  "return state.n");
  struct bc_sandbox_check *other = bc_sandbox_check_new(world.sandbox);
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{}"), NULL), BC_ERR_OK);
  assert_string_equal(world_begin(&world)->state, "{\"n\":1}");
  assert_string_equal(world_begin(&world)->state, "{\"n\":2}");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_ERROR);
  assert_null(bc_sandbox_run_outcome(world.run)->state);
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{\"well\":1,\"wait\":1}"), NULL),
                   BC_ERR_OK);
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{\"well\":1}"), NULL), BC_ERR_OK);
  assert_string_equal(world_begin(&world)->state, "{\"n\":3}");
  /* It is that of one check, not of the script. */
  struct bc_sandbox_run *run = bc_sandbox_run_new(other);
  assert_int_equal(bc_sandbox_check_set_global(other, "data", bc_str_of("{}"), NULL), BC_ERR_OK);
  assert_int_equal(bc_sandbox_run_resume(run), BC_SANDBOX_DONE);
  assert_string_equal(bc_sandbox_run_outcome(run)->state, "{\"n\":1}");
  bc_sandbox_run_free(run);
  bc_sandbox_check_free(other);
  world_close(&world);
}

static void a_state_that_is_none_is_an_error_only_for_who_asks_for_it(void **state) {
  (void)state;
  static const char *const bad[] = {"{", "[", "5", "\"x\"", "null"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct world world = world_open("if data then return true end return state ~= nil");
    bc_sandbox_check_set_state(world.check, bc_str_of(bad[i]));
    assert_int_equal(world_begin(&world)->end, BC_SANDBOX_ERROR);
    assert_non_null(
        strstr(bc_sandbox_run_outcome(world.run)->error, "t.lua:1: the state that was kept cannot be read"));
    assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("1"), NULL), BC_ERR_OK);
    assert_int_equal(world_begin(&world)->end, BC_SANDBOX_DONE);
    world_close(&world);
  }
}

/* ---- data ---- */

static struct bc_lua_data *make_data(void) {
  struct bc_lua_data *data = bc_lua_data_new();
  assert_true(bc_lua_data_is_empty(data));
  bc_lua_data_set(data, bc_str_of("sites"), bc_str_of("{\"a\":[1,2]}"));
  bc_lua_data_set(data, bc_str_of("text"), bc_str_of("\"plain\""));
  bc_lua_data_set(data, bc_str_of("a/b"), bc_str_of("5"));
  bc_lua_data_set(data, bc_str_of("zero"), bc_str_of("null"));
  bc_lua_data_set(data, bc_str_of("gone"), bc_str_of("1"));
  bc_lua_data_set(data, bc_str_of("gone"), (struct bc_str){0});
  bc_lua_data_set(data, bc_str_of("never"), (struct bc_str){0});
  assert_false(bc_lua_data_is_empty(data));
  return data;
}

static void data_is_decoded_for_who_asks_and_cannot_be_changed(void **state) {
  (void)state;
  static const char *const scripts[] = {
      "return data.sites.a[2] == 2 and data.text == 'plain' and data['a/b'] == 5",
      "return data.none == nil and data.gone == nil and data.zero == nil and data[1] == nil and data[{}] == nil",
      "return data.sites == data.sites and data == data and type(data) == 'table'",
      "local names = {} for name, value in pairs(data) do names[#names + 1] = name end\n"
      "return table.concat(names, ' ') == 'a/b sites text zero', table.concat(names, ' ')",
      "return not pcall(function() data.x = 1 end) and not pcall(function() data.sites.a = 1 end) and\n"
      "  not pcall(setmetatable, data, {}) and getmetatable(data) == false and next(data) == nil",
      "local r = parallel{function() return data.sites end, function() return data.sites end}\n"
      "return r[1][1] == r[2][1] and r[1][1] ~= nil",
      "data = 5 return data == 5",
  };
  struct bc_lua_data *data = make_data();
  const struct bc_sandbox_options options[] = {{.data = data}, {.data = data, .is_gc_hard = true, .burst_ms = 20000}};
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0] * 2; i++) {
    struct world world = world_open_with(&options[i % 2], scripts[i / 2]);
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    if (outcome->end != BC_SANDBOX_DONE || outcome->word != BC_SANDBOX_UP) {
      fail_msg("%s: %s <%s> <%s>", scripts[i / 2], bc_sandbox_end_text(outcome->end), outcome->reason, outcome->error);
    }
    world_close(&world);
  }
  bc_lua_data_free(data);
}

static void a_run_keeps_what_it_has_seen_and_the_next_finds_what_is_new(void **state) {
  (void)state;
  struct bc_lua_data *data = make_data();
  const struct bc_sandbox_options options = {.data = data};
  struct world world = world_open_with(&options, "local a = data.text time.sleep(1) return false, a .. data.text");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  bc_lua_data_set(data, bc_str_of("text"), bc_str_of("\"new\""));
  assert_string_equal(world_go_on(&world)->reason, "plainplain");
  (void)world_begin(&world);
  assert_string_equal(world_go_on(&world)->reason, "newnew");
  world_close(&world);
  bc_lua_data_free(data);
}

static void runs_leave_nothing_behind(void **state) {
  (void)state;
  struct bc_lua_data *data = make_data();
  const struct bc_sandbox_options options = {.data = data};
  struct world world = world_open_with(&options, "state.n = #data.sites.a metric.gauge('a', 1) return true");
  world_expect_no_growth(&world);
  world_close(&world);
  bc_lua_data_free(data);
}

static void data_that_is_no_json_or_does_not_fit_is_an_error_where_it_is_asked_for(void **state) {
  (void)state;
  struct bc_lua_data *data = make_data();
  const struct bc_sandbox_options options = {.data = data, .state_bytes = 200000};
  struct bc_buf big;
  bc_buf_init(&big, BC_LIMIT_LUA_JSON_BYTES);
  bc_buf_add_text(&big, "[");
  for (int i = 0; i < 20000; i++) {
    bc_buf_add_text(&big, "[],");
  }
  bc_buf_add_text(&big, "1]");
  bc_lua_data_set(data, bc_str_of("big"), bc_buf_str(&big));
  bc_lua_data_set(data, bc_str_of("bad"), bc_str_of("{"));
  bc_buf_free(&big);
  struct world world = world_open_with(&options, "#!lua\nlocal ok = pcall(function() return data.big end)\n"
                                                 "return not ok and data.bad");
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  assert_int_equal(outcome->end, BC_SANDBOX_ERROR);
  assert_non_null(strstr(outcome->error, "json.decode"));
  assert_int_equal(outcome->line, 3);
  world_close(&world);
  bc_lua_data_free(data);
}

/* ---- metrics ---- */

static void expect_metrics(const char *script, enum bc_sandbox_end end, const char *wanted) {
  struct world world = world_open(script);
  struct bc_buf text;
  bc_buf_init(&text, 65536);
  enum bc_sandbox_end found = world_begin(&world)->end;
  bc_sandbox_run_print_metrics(world.run, &text);
  if (found != end || strcmp(text.data, wanted) != 0) {
    fail_msg("%s: %s <%s>, found <%s>", script, bc_sandbox_end_text(found), bc_sandbox_run_outcome(world.run)->error,
             text.data);
  }
  bc_buf_free(&text);
  world_close(&world);
}

static void gauges_hold_the_last_value_and_counters_the_sum(void **state) {
  (void)state;
  expect_metrics("return true", BC_SANDBOX_DONE, "");
  expect_metrics(
      "metric.gauge('rtt', 0.5) metric.gauge('rtt', 1e20) metric.counter('n') metric.counter('n', 2) return true",
      BC_SANDBOX_DONE,
      "[{\"name\":\"rtt\",\"type\":\"gauge\",\"value\":1e+20},{\"name\":\"n\",\"type\":\"counter\",\"value\":3}]");
  expect_metrics("metric.gauge('a', 1, {z = 'q', b = '\"\\n\\xff'}) metric.gauge('a', 2, {b = '\"\\n\\xff', z = 'q'})\n"
                 "metric.gauge('a', 3, {}) metric.gauge('a', -4) return true",
                 BC_SANDBOX_DONE,
                 "[{\"name\":\"a\",\"type\":\"gauge\",\"value\":2,\"labels\":{\"b\":\"\\\" ?\",\"z\":\"q\"}},"
                 "{\"name\":\"a\",\"type\":\"gauge\",\"value\":-4}]");
  expect_metrics("metric.gauge('a', 1) error('x')", BC_SANDBOX_ERROR,
                 "[{\"name\":\"a\",\"type\":\"gauge\",\"value\":1}]");
  expect_metrics("metric.counter('a', 1e308) metric.counter('a', 1e308) return true", BC_SANDBOX_DONE,
                 "[{\"name\":\"a\",\"type\":\"counter\",\"value\":1e+308}]");
}

static void bad_names_values_and_labels_raise(void **state) {
  (void)state;
  static const char *const calls[] = {
      "gauge()",
      "gauge('')",
      "gauge('a')",
      "gauge(1, 1)",
      "gauge('1a', 1)",
      "gauge('a-b', 1)",
      "gauge('a\\n', 1)",
      "gauge('a\\0', 1)",
      "gauge(('a'):rep(65), 1)",
      "gauge('a', 0/0)",
      "gauge('a', 1/0)",
      "gauge('a', {})",
      "gauge('a', 1, 'x')",
      "gauge('a', 1, {x = 1})",
      "gauge('a', 1, {'x'})",
      "gauge('a', 1, {['x y'] = 'z'})",
      "gauge('a', 1, {x = ('z'):rep(65)})",
      "gauge('a', 1, {a = '', b = '', c = '', d = '', e = ''})",
      "counter('a', -1)",
      "counter('a', 0/0)",
  };
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    char script[128];
    (void)snprintf(script, sizeof script, "metric.%s return true", calls[i]);
    world_expect(script, BC_SANDBOX_ERROR, "t.lua:1: ");
  }
  world_expect("metric.gauge('a', 1) metric.counter('a') return true", BC_SANDBOX_ERROR,
               "metric 'a' is a gauge already");
  world_expect_up("metric.gauge(('a'):rep(64), 1, {a = ('z'):rep(64), b = '', c = '', d = ''}) return true");
}

static void a_flood_of_series_is_cut_and_told_once(void **state) {
  (void)state;
  struct world world =
      world_open("for i = 1, 300 do metric.gauge('g' .. i, i, {a = ('\"'):rep(64), b = ('\"'):rep(64),\n"
                 "  c = ('\"'):rep(64), d = ('\"'):rep(64)}) end\n"
                 "metric.gauge('g1', 7, {a = ('\"'):rep(64), b = ('\"'):rep(64), c = ('\"'):rep(64),\n"
                 "  d = ('\"'):rep(64)}) return true");
  struct bc_buf text;
  bc_buf_init(&text, 40000);
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_DONE);
  bc_sandbox_run_print_metrics(world.run, &text);
  assert_int_equal(bc_buf_status(&text), BC_ERR_OK);
  assert_non_null(strstr(text.data, "\"name\":\"g1\",\"type\":\"gauge\",\"value\":7,"));
  assert_non_null(strstr(text.data, "\"name\":\"g32\""));
  assert_null(strstr(text.data, "\"name\":\"g33\""));
  struct bc_str log = bc_sandbox_run_log(world.run);
  assert_string_equal(log.at, "warn: metrics are dropped: a run may have 32 series of them\n");
  bc_buf_free(&text);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_state_of_a_run_is_what_the_next_one_finds),
      cmocka_unit_test(a_state_goes_from_run_to_run_and_only_good_ends_change_it),
      cmocka_unit_test(a_state_that_is_none_is_an_error_only_for_who_asks_for_it),
      cmocka_unit_test(data_is_decoded_for_who_asks_and_cannot_be_changed),
      cmocka_unit_test(a_run_keeps_what_it_has_seen_and_the_next_finds_what_is_new),
      cmocka_unit_test(runs_leave_nothing_behind),
      cmocka_unit_test(data_that_is_no_json_or_does_not_fit_is_an_error_where_it_is_asked_for),
      cmocka_unit_test(gauges_hold_the_last_value_and_counters_the_sum),
      cmocka_unit_test(bad_names_values_and_labels_raise),
      cmocka_unit_test(a_flood_of_series_is_cut_and_told_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
