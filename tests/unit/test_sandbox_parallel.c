/* `parallel`: threads of one run, their results, their errors, and what they may use. */
#include "hold_up.h"
#include "lua_world.h"

#include <stdio.h>

static void expect(struct lua_world *world, const struct bc_sandbox_options *options, const char *script,
                   enum bc_sandbox_end end, const char *text) {
  lua_world_load(world, *options, script, NULL);
  const struct bc_sandbox_outcome *outcome = lua_world_run(world);
  bool is_up = end != BC_SANDBOX_DONE || outcome->word == BC_SANDBOX_UP;
  if (outcome->end != end || !is_up || strstr(outcome->error, text) == NULL) {
    fail_msg("%s\n  expected %s \"%s\", found %s \"%s\" \"%s\"", script, bc_sandbox_end_text(end), text,
             bc_sandbox_end_text(outcome->end), outcome->error, outcome->reason);
  }
  assert_int_equal(world->run->task_count, 0);
}

/* Each ends well and says up. */
static const char *const fine[] = {
    "local r = parallel{function() return 1, nil, 3 end, web = function() return 'x' end, function() end}\n"
    "return r[1].n == 3 and r[1][1] == 1 and r[1][2] == nil and r[1][3] == 3 and r.web.n == 1 and r.web[1] == 'x' and\n"
    "  r[2].n == 0 and #r == 2",
    "return next(parallel{}) == nil and next(parallel({}, {limit = 1})) == nil",
    /* Those without a limit run side by side; at most `limit` at once otherwise. */
    "local now, most = 0, 0\n"
    "local function f() now = now + 1 most = math.max(most, now) time.sleep(0.001) now = now - 1 end\n"
    "parallel{f, f, f, f, f} local all = most most = 0\n"
    "parallel({f, f, f, f, f}, {limit = 2}) return all == 5 and most == 2 and now == 0, all .. ' ' .. most",
    /* The order of the table is the order of the first turns. */
    "local order = ''\n"
    "parallel{function() order = order .. 'a' time.sleep(0.02) order = order .. 'd' end,\n"
    "  function() order = order .. 'b' time.sleep(0.01) order = order .. 'c' end} return order == 'abcd', order",
    /* Within each other. */
    "local function sum(depth) if depth == 0 then time.sleep(0) return 1 end\n"
    "  local r = parallel{function() return sum(depth - 1) end, function() return sum(depth - 1) end}\n"
    "  return r[1][1] + r[2][1] end return sum(4) == 16",
    "local function down(n) if n == 0 then return 0 end\n"
    "  return 1 + parallel{function() return down(n - 1) end}[1][1] end return down(63) == 63",
    /* An error is raised where parallel was called, as it was raised, and can be caught; then all is as before. */
    "local value = {}\n"
    "local ok, got = pcall(parallel, {function() time.sleep(3600) end, function() error(value) end})\n"
    "local r = parallel{function() time.sleep(0) return 5 end} return not ok and got == value and r[1][1] == 5",
    "local ran = false local ok = pcall(parallel, {function() error('x') end, function() ran = true end})\n"
    "return not ok and not ran",
    "local ok, text = pcall(parallel, {function() parallel{function() error('deep', 0) end} end})\n"
    "return text == 'deep', text",
    /* Globals are those of the run. */
    "n = 0 local function f() for i = 1, 10 do n = n + 1 time.sleep(0) end end parallel{f, f, f} return n == 30",
    /* The table may be changed meanwhile. */
    "local t = {} t.a = function() t.a = nil t.b = nil t.c = 5 return 1 end t.b = function() return 2 end\n"
    "local r = parallel(t, {limit = 1}) return r.a[1] == 1 and r.b[1] == 2 and r.c == nil",
    /* Many more than threads. */
    "local t, n = {}, 0 for i = 1, 3000 do t[i] = function() n = n + 1 if i % 7 == 0 then time.sleep(0) end return i "
    "end end\n"
    "local r = parallel(t) for i = 1, 3000 do if r[i][1] ~= i then return false, i end end return n == 3000",
    /* One that never rests does not keep the others from their turns. */
    "local stop = false local r = parallel{function() local n = 0 while not stop do time.sleep(0) n = n + 1 end return "
    "n end,\n"
    "  function() for i = 1, 50 do time.sleep(0) end stop = true end} return r[1][1] >= 49",
    "local ok, text = pcall(string.gsub, 'a', 'a', function() parallel{function() end} end)\n"
    "return not ok and text:find('cannot be called inside', 1, true) ~= nil, text",
    "return not pcall(table.sort, {3, 2, 1}, function(a, b) parallel{} return a < b end)",
    "local ok, text = pcall(parallel, {function() end, web = 3})\n"
    "return not ok and text == \"parallel: expected functions, found a number at 'web'\", text",
    "local ok, text = pcall(parallel, {function() end}, {limit = 65}) return not ok and text:find('1 to 64') ~= nil, "
    "text",
    "return not pcall(parallel) and not pcall(parallel, 5) and not pcall(parallel, {}, {most = 1})",
};

static void results_order_limits_and_errors_are_as_described(void **state) {
  const struct bc_sandbox_options options = {0};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
    expect(*state, &options, fine[i], BC_SANDBOX_DONE, "");
  }
}

static void nothing_is_lost_when_the_collector_comes_at_any_time(void **state) {
  const struct bc_sandbox_options options = {.is_gc_hard = true, .burst_ms = 20000};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
    if (strstr(fine[i], "3000") == NULL) {
      expect(*state, &options, fine[i], BC_SANDBOX_DONE, "");
    }
  }
}

static void a_run_waits_for_the_soonest_of_its_threads(void **state) {
  struct lua_world *world = *state;
  lua_world_load(world, (struct bc_sandbox_options){0},
                 "parallel{function() time.sleep(30) end, function() time.sleep(10) time.sleep(5) end,\n"
                 "  function() time.sleep(3600) end} return true",
                 NULL);
  world->run = bc_sandbox_run_new(world->check);
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(world->run);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  assert_int_equal(outcome->wait_ms, 10000);
  /* That its time has come is for its host to say. */
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  assert_int_equal(outcome->wait_ms, 5000);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  assert_true(outcome->wait_ms > 20000 && outcome->wait_ms <= 30000);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  assert_true(outcome->wait_ms > 3500000);
  assert_int_equal(world->run->task_count, 2);
}

/* A worker that comes late wakes them in the order of their times, not in that of their beginning. */
static void threads_whose_times_have_passed_go_on_in_the_order_of_these(void **state) {
  struct lua_world *world = *state;
  lua_world_load(world, (struct bc_sandbox_options){0},
                 "local order = '' local function at(s, c) return function() time.sleep(s) order = order .. c end end\n"
                 "parallel{at(0.03, 'd'), at(0.01, 'a'), at(0.02, 'b'), at(0.02, 'c')} return order == 'abcd'",
                 NULL);
  world->run = bc_sandbox_run_new(world->check);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  hold_up_past(bc_mono_add_ms(bc_mono_now(), 30));
  assert_int_equal(lua_world_go_on(world)->end, BC_SANDBOX_DONE);
  assert_int_equal(bc_sandbox_run_outcome(world->run)->word, BC_SANDBOX_UP);
}

static void an_error_of_a_thread_names_its_line(void **state) {
  struct lua_world *world = *state;
  const struct bc_sandbox_options options = {0};
  expect(world, &options, "local function f()\n  local x = nil + 1\nend\nparallel{f}\nreturn true", BC_SANDBOX_ERROR,
         "t.lua:2: attempt to perform arithmetic");
  assert_int_equal(bc_sandbox_run_outcome(world->run)->line, 2);
  expect(world, &options, "\nparallel{function() error({}) end}", BC_SANDBOX_ERROR, "a table");
  assert_int_equal(bc_sandbox_run_outcome(world->run)->line, 2);
}

static void more_threads_than_there_may_be_are_an_error(void **state) {
  const struct bc_sandbox_options options = {0};
  expect(*state, &options, "local function down() return parallel{down} end down() return true", BC_SANDBOX_ERROR,
         "64 threads already");
  expect(*state, &options,
         "local t = {} for i = 1, 64 do t[i] = function() parallel{function() time.sleep(0) end} end end\n"
         "parallel(t) return true",
         BC_SANDBOX_ERROR, "give the outer parallel a limit");
  expect(*state, &options,
         "local t = {} for i = 1, 64 do t[i] = function() parallel{function() time.sleep(0) end} end end\n"
         "parallel(t, {limit = 31}) return true",
         BC_SANDBOX_DONE, "");
}

static void threads_that_together_use_much_are_not_punished_for_it(void **state) {
  const struct bc_sandbox_options options = {.burst_ms = 40};
  expect(*state, &options,
         "local function f() local n = 0 for i = 1, 150000 do n = n + i % 3 end time.sleep(0) return n end\n"
         "local t = {} for i = 1, 60 do t[i] = f end parallel(t) return true",
         BC_SANDBOX_DONE, "");
  struct lua_world *world = *state;
  assert_true(bc_sandbox_run_outcome(world->run)->cpu_us > 40000);
}

static void a_thread_that_does_not_end_is_the_end_of_its_run(void **state) {
  struct lua_world *world = *state;
  const struct bc_sandbox_options options = {.burst_ms = 20};
  static const char *const scripts[] = {
      "#!lua\nparallel{function() time.sleep(3600) end, function() while true do end end}",
      "#!lua\npcall(parallel, {function() while true do pcall(error) end end})",
      "#!lua\nlocal function f() while true do pcall(parallel, {f}) end end f()",
      ("#!lua\nparallel{function() parallel{function() ('x'):rep(9):gsub('x', function() while true do end end) end} "
       "end}"),
  };
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    expect(world, &options, scripts[i], BC_SANDBOX_KILLED, "20 ms");
    assert_int_equal(bc_sandbox_run_outcome(world->run)->line, 2);
  }
}

static void memory_is_that_of_the_run_and_its_lack_is_told_as_such(void **state) {
  const struct bc_sandbox_options options = {0};
  expect(*state, &options,
         "parallel{function() time.sleep(3600) end, function() local t = {} for i = 1, 1e9 do t[i] = {} end end}",
         BC_SANDBOX_MEMORY, "not enough memory");
  expect(*state, &options,
         "local ok, text = pcall(parallel, {function() local t = {} for i = 1, 1e9 do t[i] = {} end end})\n"
         "return not ok and text == 'not enough memory'",
         BC_SANDBOX_DONE, "");
  /* Wherever it fails, nothing is left behind. */
  for (size_t bytes = 30000; bytes < 60000; bytes += 250) {
    struct lua_world *world = *state;
    struct bc_fault fault;
    const struct bc_sandbox_options small = {.state_bytes = bytes, .check_bytes = 1};
    lua_world_drop_script(world);
    world->sandbox = bc_sandbox_new(&small, "t.lua",
                                    bc_str_of("local t = {} for i = 1, 20 do t[i] = function() time.sleep(0) end end\n"
                                              "for i = 1, 9 do pcall(parallel, t) end return true"),
                                    &fault);
    if (world->sandbox != NULL) {
      world->check = bc_sandbox_check_new(world->sandbox);
      enum bc_sandbox_end end = lua_world_run(world)->end;
      assert_true(end == BC_SANDBOX_DONE || end == BC_SANDBOX_MEMORY || end == BC_SANDBOX_ERROR);
      assert_int_equal(world->run->task_count, 0);
    }
  }
}

static void what_threads_took_comes_back(void **state) {
  struct lua_world *world = *state;
  const struct bc_sandbox_options options = {.burst_ms = 60};
  static const char *const scripts[] = {
      "local t = {} for i = 1, 60 do t[i] = function() time.sleep(0) return ('x'):rep(1000) end end parallel(t)\n"
      "return true",
      "local t = {} for i = 1, 60 do t[i] = function() time.sleep(0) error(('x'):rep(1000)) end end\n"
      "pcall(parallel, t) return true",
      "parallel{function() time.sleep(3600) end, function() while true do end end}",
  };
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    size_t used = 0;
    lua_world_load(world, options, scripts[i], NULL);
    for (int round = 0; round < 12; round++) {
      (void)lua_world_run(world);
      bc_sandbox_run_free(world->run);
      world->run = NULL;
      bc_sandbox_collect(world->sandbox);
      used = round == 3 ? bc_sandbox_used_bytes(world->sandbox) : used;
    }
    assert_true(bc_sandbox_used_bytes(world->sandbox) <= used + 256);
  }
}

/* Also of those that have not had their turn, and of those that others have begun. */
static void a_run_that_is_freed_gives_up_all_of_its_threads(void **state) {
  struct lua_world *world = *state;
  static const char *const scripts[] = {
      "local t = {} for i = 1, 200 do t[i] = function() time.sleep(3600) end end parallel(t)",
      "local function f(n) parallel{function() f(n + 1) end, function() time.sleep(3600) end} end f(1)",
      ("local n = 0 local function f() for i = 1, 40000 do n = n + i end time.sleep(0) end\n"
       "local t = {} for i = 1, 63 do t[i] = f end parallel(t)"),
  };
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    lua_world_load(world, (struct bc_sandbox_options){.burst_ms = 40}, scripts[i], NULL);
    for (int round = 0; round < 5; round++) {
      world->run = bc_sandbox_run_new(world->check);
      enum bc_sandbox_end end = bc_sandbox_run_resume(world->run);
      assert_true(end == BC_SANDBOX_YIELDED || i == 1);
      bc_sandbox_run_free(world->run);
      world->run = NULL;
    }
  }
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, lua_world_setup, lua_world_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(results_order_limits_and_errors_are_as_described),
      RULE(nothing_is_lost_when_the_collector_comes_at_any_time),
      RULE(a_run_waits_for_the_soonest_of_its_threads),
      RULE(threads_whose_times_have_passed_go_on_in_the_order_of_these),
      RULE(an_error_of_a_thread_names_its_line),
      RULE(more_threads_than_there_may_be_are_an_error),
      RULE(threads_that_together_use_much_are_not_punished_for_it),
      RULE(a_thread_that_does_not_end_is_the_end_of_its_run),
      RULE(memory_is_that_of_the_run_and_its_lack_is_told_as_such),
      RULE(what_threads_took_comes_back),
      RULE(a_run_that_is_freed_gives_up_all_of_its_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
