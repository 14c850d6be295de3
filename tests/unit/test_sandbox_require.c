/* `require`: what modules see, what they return, how their errors are told, and when they run. */
#include "sandbox_harness.h"

#include <stdio.h>

static const struct {
  const char *name, *text;
} modules[] = {
    {"plain", "return {add = function(a, b) return a + b end}"},
    {"none", "hidden = 1 other = (other or 0) + 1"},
    {"no", "return false"},
    {"globals", "assert(hidden == nil and data.x == 5) return {route = data, f = function() return hidden end}"},
    {"outer", "#!lua\nreturn 1 + require('plain').add(1, 2)"},
    {"counted", "return {}"},
    {"broken", "#!lua\nreturn {\n  a = ,\n}"},
    {"fails", "#!lua\n\nerror('no luck')"},
    {"over", "local a = 1\nreturn require 'fails'"},
    {"overbroken", "\n\nreturn require 'broken'"},
    {"raises", "return {f = function()\n  local x = nil + 1\nend}"},
    {"value", "error({1})"},
    {"self", "return require 'self'"},
    {"a", "return require 'b'"},
    {"b", "return require 'c'"},
    {"c", "return require 'a'"},
    {"absent", "return require 'nobody'"},
    {"waits", "time.sleep(1) return 1"},
    {"splits", "parallel{} return 1"},
    {"loops", "return {f = function()\n  while true do end\nend}"},
    {"loop", "\n\n\nwhile true do end"},
    {"bytes", "\x1bLua"},
    {"hungry", "local t = {} for i = 1, 1e9 do t[i] = {} end"},
    {"pcalls", "return {pcall(require, 'fails')}"},
};

static struct world open_with(const struct bc_sandbox_options *options, const char *script) {
  struct bc_fault fault = {0};
  struct world world = world_open_with(options, script);
  for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
    assert_int_equal(bc_sandbox_add_module(world.sandbox, modules[i].name, bc_str_of(modules[i].text), &fault),
                     BC_ERR_OK);
  }
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{\"x\":5}"), &fault), BC_ERR_OK);
  return world;
}

static void expect(const struct bc_sandbox_options *options, const char *script, enum bc_sandbox_end end,
                   const char *error, size_t line) {
  struct world world = open_with(options, script);
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  bool is_up = end != BC_SANDBOX_DONE || outcome->word == BC_SANDBOX_UP;
  if (outcome->end != end || !is_up || strcmp(outcome->error, error) != 0 || outcome->line != line) {
    fail_msg("%s\n  expected %s \"%s\" line %zu, found %s \"%s\" \"%s\" line %zu", script, bc_sandbox_end_text(end),
             error, line, bc_sandbox_end_text(outcome->end), outcome->error, outcome->reason, outcome->line);
  }
  world_close(&world);
}

static const char *const fine[] = {
    "return require('plain').add(1, 2) == 3 and require 'outer' == 4",
    "return require('plain') == require('plain')",
    "return require 'none' == true and require 'no' == false and hidden == nil",
    "hidden = 7 local m = require 'globals' return m.f() == nil and m.route == data",
    "require('counted').n = 1 return require('counted').n == 1",
    "local ok = pcall(require, 'fails') local again, text = pcall(require, 'fails')\n"
    "return not ok and not again and text == 'lua/fails:3: no luck', text",
    "local r = parallel{function() return require 'plain' end, function() time.sleep(0) return require 'plain' end}\n"
    "return r[1][1] == r[2][1] and r[1][1] ~= nil",
    "return ('x'):gsub('x', function() return tostring(require('plain').add(1, 2)) end) == '3'",
    "local ok, value = pcall(require, 'value') return not ok and value[1] == 1",
    "local p = require 'pcalls' return p[1] == false and p[2] == 'lua/fails:3: no luck', p[2]",
};

static void modules_run_once_in_a_run_with_globals_of_their_own(void **state) {
  (void)state;
  const struct bc_sandbox_options hard = {.is_gc_hard = true, .burst_ms = 20000};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
    if (strstr(fine[i], "sleep") == NULL) {
      expect(NULL, fine[i], BC_SANDBOX_DONE, "", 0);
      expect(&hard, fine[i], BC_SANDBOX_DONE, "", 0);
    }
  }
  struct world world = open_with(NULL, fine[6]);
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(world_go_on(&world)->word, BC_SANDBOX_UP);
  world_close(&world);
}

static void the_next_run_begins_with_none(void **state) {
  (void)state;
  struct world world = open_with(NULL, "local m = require 'counted' m.n = (m.n or 0) + 1 return m.n == 1");
  world_expect_no_growth(&world);
  world_close(&world);
}

static void errors_name_the_module_the_line_and_who_required_it(void **state) {
  (void)state;
  static const struct {
    const char *script, *error;
    size_t line;
  } cases[] = {
      {"\nrequire 'fails'", "lua/fails:3: no luck; required at t.lua:2", 2},
      {"\n\nrequire 'over'", "lua/fails:3: no luck; required at lua/over:2; required at t.lua:3", 3},
      {"require 'broken'", "lua/broken:3: unexpected symbol near ','; required at t.lua:1", 1},
      {"require 'overbroken'",
       "lua/broken:3: unexpected symbol near ','; required at lua/overbroken:3; required at t.lua:1", 1},
      {"require 'bytes'", "lua/bytes:1: unexpected symbol near '<\\27>'; required at t.lua:1", 1},
      {"local m = require 'raises'\n\nm.f()", "lua/raises:2: attempt to perform arithmetic on a nil value", 3},
      {"require 'self'", "lua/self:1: module 'self' requires itself: self > self; required at t.lua:1", 1},
      {"require 'a'",
       "lua/c:1: module 'a' requires itself: a > b > c > a; required at lua/b:1; required at lua/a:1; required at "
       "t.lua:1",
       1},
      {"\nrequire 'nobody'",
       "t.lua:2: module 'nobody' is not known: there is no key lua/nobody, or its name does not stand as a text behind "
       "require",
       2},
      {"require 'absent'",
       "lua/absent:1: module 'nobody' is not known: there is no key lua/nobody, or its name does not stand as a text "
       "behind require; required at t.lua:1",
       1},
      {"require 'waits'",
       "lua/waits:1: a function that waits cannot be called inside string.gsub, table.sort or __tostring, nor while a "
       "module is loaded; required at t.lua:1",
       1},
      {"require 'splits'",
       "lua/splits:1: parallel cannot be called inside string.gsub, table.sort or __tostring, nor while a module is "
       "loaded; required at t.lua:1",
       1},
      {"require()", "t.lua:1: bad argument #1 to 'require' (string expected, got no value)", 1},
      {"require({})", "t.lua:1: bad argument #1 to 'require' (string expected, got table)", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    expect(NULL, cases[i].script, BC_SANDBOX_ERROR, cases[i].error, cases[i].line);
  }
}

static void modules_are_within_the_limits_of_their_run(void **state) {
  (void)state;
  const struct bc_sandbox_options options = {.burst_ms = 20};
  expect(NULL, "require 'hungry'", BC_SANDBOX_MEMORY, "not enough memory", 1);
  expect(&options, "\nrequire('loops').f()", BC_SANDBOX_KILLED, "lua/loops:2: used more than 20 ms of CPU time", 2);
  expect(&options, "\n\nrequire 'loop'", BC_SANDBOX_KILLED, "lua/loop:4: used more than 20 ms of CPU time", 3);
  expect(&options, "\nwhile true do pcall(require, 'loop') end", BC_SANDBOX_KILLED,
         "lua/loop:4: used more than 20 ms of CPU time", 2);
  /* Wherever it is then. */
  struct world world = open_with(&options, "while true do pcall(require, 'self') end");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_KILLED);
  world_close(&world);
}

static void a_module_that_is_too_long_is_an_error_when_it_is_required(void **state) {
  (void)state;
  struct bc_fault fault = {0};
  char *text = malloc(BC_LIMIT_SCRIPT_BYTES + 1);
  assert_non_null(text);
  memset(text, ' ', BC_LIMIT_SCRIPT_BYTES + 1);
  struct world world = world_open("local ok, text = pcall(require, 'long') return not ok and require 'most' and\n"
                                  "text == 'lua/long: expected at most 262144 bytes', text");
  assert_int_equal(
      bc_sandbox_add_module(world.sandbox, "long", (struct bc_str){text, BC_LIMIT_SCRIPT_BYTES + 1}, &fault),
      BC_ERR_OK);
  assert_int_equal(bc_sandbox_add_module(world.sandbox, "most", (struct bc_str){text, BC_LIMIT_SCRIPT_BYTES}, &fault),
                   BC_ERR_OK);
  free(text);
  assert_int_equal(world_begin(&world)->word, BC_SANDBOX_UP);
  world_close(&world);
}

static void a_module_without_memory_for_it_is_a_fault(void **state) {
  (void)state;
  struct bc_fault fault = {0};
  const struct bc_sandbox_options options = {.state_bytes = 60000, .check_bytes = 1};
  struct world world = world_open_with(&options, "return true");
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_SCRIPT_BYTES);
  for (int i = 0; i < 3000; i++) {
    bc_buf_add_format(&text, "x%d = %d\n", i, i);
  }
  assert_int_equal(bc_sandbox_add_module(world.sandbox, "big", bc_buf_str(&text), &fault), BC_ERR_LIMIT);
  assert_string_equal(fault.text, "not enough memory");
  bc_buf_free(&text);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(modules_run_once_in_a_run_with_globals_of_their_own),
      cmocka_unit_test(the_next_run_begins_with_none),
      cmocka_unit_test(errors_name_the_module_the_line_and_who_required_it),
      cmocka_unit_test(modules_are_within_the_limits_of_their_run),
      cmocka_unit_test(a_module_that_is_too_long_is_an_error_when_it_is_required),
      cmocka_unit_test(a_module_without_memory_for_it_is_a_fault),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
