/* Calls of scripts to the outside: waiting, failing, being given up; and the options that they take. */
#include "base/mem.h"
#include "lua_world.h"
#include "worker/lua_args.h"

#include <lauxlib.h>
#include <stdio.h>

/* A call that a test ends. */
struct probe {
  struct bc_lua_call base;
};

static struct bc_lua_call *probe_last;
static unsigned probe_stops;
static unsigned probe_frees;

static void probe_stop(struct bc_lua_call *call) {
  (void)call;
  probe_stops++;
}

static void probe_free(struct bc_lua_call *call) {
  probe_last = probe_last == call ? NULL : probe_last;
  probe_frees++;
}

static int probe_finish(lua_State *L, struct bc_lua_call *call) {
  (void)call;
  lua_pushliteral(L, "answer");
  return 1;
}

static const struct bc_lua_call_kind probe_kind = {
    .size = sizeof(struct probe), .stop = probe_stop, .free = probe_free, .finish = probe_finish};

static const char *const probe_options[] = {"timeout", "now", "count", "word", "text", NULL};

/* probe({timeout=, now=}) */
static int probe_call(lua_State *L) {
  bc_lua_args_check(L, 1, probe_options);
  int64_t timeout_ms = bc_lua_args_ms(L, 1, "timeout", BC_LUA_NO_TIMEOUT);
  bool is_now = bc_lua_args_bool(L, 1, "now", false);
  struct probe *probe = bc_lua_call_new(L, &probe_kind);
  if (probe == NULL) {
    return bc_lua_call_refuse(L);
  }
  probe_last = &probe->base;
  bc_lua_call_set_place(&probe->base, "%s port %d", "10.0.0.1", 53);
  if (is_now) {
    bc_lua_call_fail(&probe->base, BC_LUA_REFUSED, "%s: connection refused", probe->base.place);
  }
  return bc_lua_call_wait(L, &probe->base, timeout_ms);
}

static void probe_release(struct bc_lua_held *held) {
  probe_frees++;
  free(held);
}

static int probe_hold(lua_State *L) {
  struct bc_lua_held *held = bc_mem_new(1, sizeof *held);
  if (!bc_lua_hold(L, held, probe_release)) {
    free(held);
    return bc_lua_call_refuse(L);
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int probe_egress(lua_State *L) {
  return bc_lua_call_push_failure(L, BC_LUA_EGRESS, "egress denied: 10.0.0.1");
}

static int probe_refused(lua_State *L) {
  return bc_lua_call_push_failure(L, BC_LUA_REFUSED, "10.0.0.1 port 80: connection refused");
}

static int probe_read(lua_State *L) {
  static const char *const words[] = {"one", "two", NULL};
  bc_lua_args_check(L, 1, probe_options);
  lua_pushinteger(L, bc_lua_args_ms(L, 1, "timeout", -1));
  lua_pushinteger(L, bc_lua_args_integer(L, 1, "count", 1, 9, 5));
  lua_pushinteger(L, bc_lua_args_choice(L, 1, "word", words, 7));
  struct bc_str text = bc_lua_args_text(L, 1, "text", 4);
  lua_pushlstring(L, text.at == NULL ? "none" : text.at, text.at == NULL ? 4 : text.len);
  return 4;
}

static void add_function(struct lua_world *world, const char *name, lua_CFunction function) {
  lua_State *L = world->sandbox->L;
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, world->check);
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
  lua_settop(L, 0);
}

static void load(struct lua_world *world, const char *script) {
  static const char *const globals[] = {"given", "{\"count\":3}", NULL};
  probe_stops = 0;
  probe_frees = 0;
  lua_world_load(world, (struct bc_sandbox_options){0}, script, globals);
  add_function(world, "probe", probe_call);
  add_function(world, "hold", probe_hold);
  add_function(world, "read", probe_read);
  add_function(world, "egress", probe_egress);
  add_function(world, "refused", probe_refused);
}

static void expect_up(struct lua_world *world, const char *script) {
  load(world, script);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  if (outcome->end != BC_SANDBOX_DONE || outcome->word != BC_SANDBOX_UP) {
    fail_msg("%s: %s %s", script, outcome->reason, outcome->error);
  }
}

static void end_last(void *arg) {
  (void)arg;
  bc_lua_call_done(probe_last);
  bc_lua_call_done(probe_last);
}

static void a_call_that_is_done_later_gives_what_it_finishes_with(void **state) {
  struct lua_world *world = *state;
  load(world, "return probe() == 'answer'");
  struct bc_timer *timer = bc_timer_new(world->loop, end_last, NULL);
  bc_timer_start(timer, 0);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  assert_int_equal(outcome->word, BC_SANDBOX_UP);
  assert_false(outcome->had_io_failure);
  assert_int_equal(probe_stops, 1);
  assert_int_equal(probe_frees, 1);
  bc_timer_free(timer);
}

static void a_failure_is_nil_text_and_code_and_is_noted(void **state) {
  struct lua_world *world = *state;
  expect_up(world, "local r, text, code = probe{now = true}\n"
                   "return r == nil and text == '10.0.0.1 port 53: connection refused' and code == 'refused', text");
  assert_true(bc_sandbox_run_outcome(world->run)->had_io_failure);
}

static void a_timeout_ends_the_call_and_names_its_place(void **state) {
  expect_up(*state, "local r, text, code = probe{timeout = '20ms'}\n"
                    "return r == nil and text == '10.0.0.1 port 53: timeout after 20 ms' and code == 'timeout', text");
  assert_int_equal(probe_stops, 2);
}

static void a_run_that_is_freed_while_it_waits_stops_its_call(void **state) {
  struct lua_world *world = *state;
  load(world, "return probe()");
  world->run = bc_sandbox_run_new(world->check);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  assert_int_equal(world->io->calls, 1);
  bc_sandbox_run_free(world->run);
  world->run = NULL;
  assert_int_equal(world->io->calls, 0);
  assert_int_equal(probe_stops, 1);
  assert_int_equal(probe_frees, 1);
}

static void a_call_where_nothing_can_wait_raises_and_leaves_nothing(void **state) {
  struct lua_world *world = *state;
  expect_up(world, "local ok, text = pcall(string.gsub, 'a', 'a', function() probe() end)\n"
                   "return not ok and text:find('cannot be called inside', 1, true) ~= nil, text");
  assert_int_equal(world->io->calls, 0);
}

static void a_thread_that_fails_stops_the_calls_of_the_others(void **state) {
  struct lua_world *world = *state;
  load(world, "local ok, text = pcall(parallel, {function() return probe() end, function() error('no', 0) end,\n"
              "  function() parallel{probe, probe} end})\n"
              "time.sleep(0) time.sleep(3600) return text == 'no', text");
  world->run = bc_sandbox_run_new(world->check);
  while (bc_sandbox_run_resume(world->run) == BC_SANDBOX_YIELDED &&
         bc_sandbox_run_outcome(world->run)->wait_ms < 1000) {
  }
  assert_int_equal(world->io->calls, 0);
  assert_true(probe_frees >= 1);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_DONE);
  assert_int_equal(bc_sandbox_run_outcome(world->run)->word, BC_SANDBOX_UP);
}

static void each_thread_waits_for_its_own_call_and_failures_are_those_of_the_run(void **state) {
  struct lua_world *world = *state;
  expect_up(world, "local r = parallel{function() return probe{timeout = 0.03} end,\n"
                   "  function() return probe{timeout = 0.001} end, function() return probe{now = true} end}\n"
                   "return r[1][3] == 'timeout' and r[2][3] == 'timeout' and r[3][3] == 'refused'");
  assert_true(bc_sandbox_run_outcome(world->run)->had_io_failure);
  assert_int_equal(world->io->calls, 0);
  assert_int_equal(probe_frees, 3);
}

static void what_a_run_holds_is_bounded_and_released_at_its_end(void **state) {
  struct lua_world *world = *state;
  expect_up(world, "for i = 1, 64 do assert(hold()) end\n"
                   "local r, text, code = hold()\n"
                   "return r == nil and code == 'limit', text");
  assert_int_equal(world->io->calls, BC_LIMIT_LUA_CALLS);
  lua_world_drop_script(world);
  assert_int_equal(probe_frees, BC_LIMIT_LUA_CALLS);
}

static void all_runs_together_are_bounded(void **state) {
  struct lua_world *world = *state;
  load(world, "local r, text, code = hold() return r == nil and code == 'limit' and text:find('worker') ~= nil, text");
  world->io->calls = BC_LIMIT_LUA_CALLS_ALL;
  assert_int_equal(lua_world_run(world)->word, BC_SANDBOX_UP);
  world->io->calls = 0;
}

static void without_io_a_call_says_that_there_is_none(void **state) {
  struct lua_world *world = *state;
  load(world, "local r, text, code = hold() return r == nil and code == 'unsupported', text");
  world->sandbox->options.io = NULL;
  assert_int_equal(lua_world_run(world)->word, BC_SANDBOX_UP);
}

static void a_run_that_this_node_refused_a_call_counts_only_if_it_passes(void **state) {
  struct lua_world *world = *state;
  static const struct {
    const char *script;
    enum bc_check_status status;
  } cases[] = {
      {"egress() return true", BC_CHECK_PASSED},
      {"local r, text = egress() return r, text", BC_CHECK_REFUSED},
      {"return egress() ~= nil", BC_CHECK_REFUSED},
      {"egress() return 49", BC_CHECK_REFUSED},
      {"egress() return 50", BC_CHECK_PASSED},
      {"assert(egress())", BC_CHECK_REFUSED},
      {"refused() egress() return false", BC_CHECK_REFUSED},
      {"local r, text = refused() return r, text", BC_CHECK_FAILED},
      {"assert(refused())", BC_CHECK_BROKEN},
      {"local x = nil return x.y", BC_CHECK_ERROR},
      {"egress() return 'what'", BC_CHECK_REFUSED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    load(world, cases[i].script);
    const struct bc_sandbox_outcome *outcome = lua_world_run(world);
    enum bc_check_status status = bc_sandbox_outcome_judge(outcome, 50);
    if (status != cases[i].status) {
      fail_msg("%s: status %d, expected %d", cases[i].script, (int)status, (int)cases[i].status);
    }
    bool is_refused = status == BC_CHECK_REFUSED;
    assert_true(!is_refused || strcmp(outcome->refusal, "egress denied: 10.0.0.1") == 0);
  }
}

static void options_are_read_or_refused_with_their_name(void **state) {
  struct lua_world *world = *state;
  expect_up(world, "local a, b, c, d = read{timeout = 0.0101, count = 9, word = 'two', text = 'abc'}\n"
                   "return a == 11 and b == 9 and c == 1 and d == 'abc', a .. ' ' .. b .. ' ' .. c .. d");
  expect_up(world, "local a, b, c, d = read()\n return a == -1 and b == 5 and c == 7 and d == 'none'");
  expect_up(world, "local a, b = read(given)\n return b == 3, 'read-only tables are read too'");
  static const char *const bad[][2] = {
      {"{tiemout = 1}", "unknown option 'tiemout': expected timeout, now, count, word, text"},
      {"{1}", "options are named"},
      {"{timeout = 0}", "option 'timeout': expected a number of seconds"},
      {"{timeout = 'soon'}", "found soon"},
      {"{timeout = 3601}", "at most 1h"},
      {"{timeout = 0/0}", "option 'timeout'"},
      {"{count = 10}", "option 'count': expected a whole number from 1 to 9, found 10"},
      {"{count = 1.5}", "option 'count'"},
      {"{count = '3'}", "option 'count'"},
      {"{word = 'three'}", "option 'word': expected one, two, found three"},
      {"{text = 5}", "option 'text': expected a text"},
      {"{text = 'abcde'}", "option 'text': expected at most 4 bytes, found 5"},
      {"'x'", "table expected"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char script[256];
    (void)snprintf(script, sizeof script, "return read(%s)", bad[i][0]);
    load(world, script);
    const struct bc_sandbox_outcome *outcome = lua_world_run(world);
    if (outcome->end != BC_SANDBOX_ERROR || strstr(outcome->error, bad[i][1]) == NULL) {
      fail_msg("%s: expected \"%s\", found %s", bad[i][0], bad[i][1], outcome->error);
    }
  }
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, lua_world_setup, lua_world_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(a_call_that_is_done_later_gives_what_it_finishes_with),
      RULE(a_failure_is_nil_text_and_code_and_is_noted),
      RULE(a_timeout_ends_the_call_and_names_its_place),
      RULE(a_run_that_is_freed_while_it_waits_stops_its_call),
      RULE(a_call_where_nothing_can_wait_raises_and_leaves_nothing),
      RULE(a_thread_that_fails_stops_the_calls_of_the_others),
      RULE(each_thread_waits_for_its_own_call_and_failures_are_those_of_the_run),
      RULE(what_a_run_holds_is_bounded_and_released_at_its_end),
      RULE(all_runs_together_are_bounded),
      RULE(without_io_a_call_says_that_there_is_none),
      RULE(a_run_that_this_node_refused_a_call_counts_only_if_it_passes),
      RULE(options_are_read_or_refused_with_their_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
