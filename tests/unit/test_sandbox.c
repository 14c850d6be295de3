/* The contract of the sandbox: results, errors, limits, isolation, waiting. */
#include "sandbox_harness.h"

#include <stdio.h>

/* ---- results ---- */

struct form {
  const char *script;
  enum bc_sandbox_end end;
  enum bc_sandbox_word word;
  double score; /* -1: none */
  const char *reason;
  const char *data;     /* NULL: none */
  const char *returned; /* its start: the order of a table is not ours */
  const char *error;
};

static void check_form(const struct form *form) {
  struct world world = world_open(form->script);
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  const char *data = outcome->data == NULL ? "none" : outcome->data;
  const char *returned = outcome->returned == NULL ? "none" : outcome->returned;
  if (outcome->end != form->end || (form->end == BC_SANDBOX_DONE && outcome->word != form->word) ||
      outcome->has_score != (form->score >= 0) || (outcome->has_score && outcome->score != form->score) ||
      strcmp(outcome->reason, form->reason) != 0 || strcmp(data, form->data == NULL ? "none" : form->data) != 0 ||
      strncmp(returned, form->returned, strlen(form->returned)) != 0 || strstr(outcome->error, form->error) == NULL) {
    fail_msg("%s: end %d word %d score %d %g reason <%s> data <%s> returned <%s> error <%s>", form->script,
             outcome->end, outcome->word, outcome->has_score, outcome->score, outcome->reason, data, returned,
             outcome->error);
  }
  world_close(&world);
}

static void every_form_of_a_result_is_read_and_every_other_is_an_error(void **state) {
  (void)state;
  const enum bc_sandbox_word up = BC_SANDBOX_UP;
  const enum bc_sandbox_word down = BC_SANDBOX_DOWN;
  const enum bc_sandbox_word by_score = BC_SANDBOX_SCORE;
  const enum bc_sandbox_end done = BC_SANDBOX_DONE;
  const enum bc_sandbox_end error = BC_SANDBOX_ERROR;
  const struct form forms[] = {
      {"return true", done, up, -1, "", NULL, "true", ""},
      {"return true, {rtt = 5}", done, up, -1, "", "{\"rtt\":5}", "true", ""},
      {"return true, 'x'", done, up, -1, "", "\"x\"", "true", ""},
      {"return false", done, down, -1, "", NULL, "false", ""},
      {"return false, 'refused'", done, down, -1, "refused", NULL, "false", ""},
      {"return false, 'refused', {1, 2}", done, down, -1, "refused", "[1,2]", "false", ""},
      {"return false, {1, 2}", done, down, -1, "", "[1,2]", "false", ""},
      {"return nil, 'timed out', 'ETIMEDOUT'", done, down, -1, "timed out", "\"ETIMEDOUT\"", "null", ""},
      {"return 0", done, by_score, 0, "", NULL, "0", ""},
      {"return 100", done, by_score, 100, "", NULL, "100", ""},
      {"return 37.5, 'x'", done, by_score, 37.5, "", "\"x\"", "37.5", ""},
      {"return {ok = true}", done, up, -1, "", NULL, "{\"ok\":true}", ""},
      {"return {ok = false, score = 80, reason = 'r', data = 1}", done, down, 80, "r", "1", "{", ""},
      {"return {score = 80}, 'late'", done, by_score, 80, "", "\"late\"", "{\"score\":80}", ""},
      {"return setmetatable({ok = true}, {__index = function() error('code of the script') end})", done, up, -1, "",
       NULL, "{\"ok\":true}", ""},
      {"local a = 1", error, up, -1, "", NULL, "none", "returned nothing"},
      {"return nil", error, up, -1, "", NULL, "null", "nil without a reason"},
      {"return 'up'", error, up, -1, "", NULL, "\"up\"", "returned a string"},
      {"return 0/0", error, up, -1, "", NULL, "\"number\"", "as a score"},
      {"return 1/0", error, up, -1, "", NULL, "\"number\"", "as a score"},
      {"return 101", error, up, -1, "", NULL, "101", "the number 101 as a score"},
      {"return -1", error, up, -1, "", NULL, "-1", "as a score"},
      {"return print", error, up, -1, "", NULL, "null", "nil without a reason"},
      {"return type", error, up, -1, "", NULL, "\"function\"", "returned a function"},
      {"return {}", error, up, -1, "", NULL, "{}", "whose ok is a nil"},
      {"return {ok = 1}", error, up, -1, "", NULL, "{\"ok\":1}", "whose ok is a number"},
      {"return {score = '1'}", error, up, -1, "", NULL, "{\"score\":\"1\"}", "whose score is a string"},
      {"return {score = 0/0}", error, up, -1, "", NULL, "\"table\"", "as a score"},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    check_form(&forms[i]);
  }
}

static void data_that_is_too_much_or_no_json_is_dropped_and_the_result_counts(void **state) {
  (void)state;
  static const char *const scripts[] = {
      "return true, ('x'):rep(4096)",
      "return true, {f = type}",
      "local t = {} t.t = t return true, t",
      "return true, 0/0",
      "return true, {[{}] = 1}",
      "local t = {} for i = 1, 9 do t = {t} end return true, t",
      "local t = {} for i = 1, 20000 do t[i] = i end return true, t",
  };
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    struct world world = world_open(scripts[i]);
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    assert_int_equal(outcome->end, BC_SANDBOX_DONE);
    assert_int_equal(outcome->word, BC_SANDBOX_UP);
    assert_true(outcome->is_data_bad);
    assert_null(outcome->data);
    world_close(&world);
  }
}

static void texts_come_out_as_one_line_of_utf8(void **state) {
  (void)state;
  struct world world = world_open("return false, 'a\\nb\\0c\\xff\\xc3\\xbc\\27', {'\\xff\\0\"\\\\\\xc3\\xbc'}");
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  assert_string_equal(outcome->reason, "a b c?\xc3\xbc ");
  assert_string_equal(outcome->data, "[\"\\ufffd\\u0000\\\"\\\\\xc3\xbc\"]");
  world_close(&world);
}

static void what_is_no_utf8_is_replaced_byte_by_byte(void **state) {
  (void)state;
  static const struct {
    const char *bytes, *json;
  } cases[] = {
      {"\\x7f", "\\u007f"},
      {"\\xc2\\x80", "\xc2\x80"},
      {"\\xc1\\xbf", "\\ufffd\\ufffd"},
      {"\\xe0\\x9f\\xbf", "\\ufffd\\ufffd\\ufffd"},
      {"\\xe0\\xa0\\x80", "\xe0\xa0\x80"},
      {"\\xed\\x9f\\xbf", "\xed\x9f\xbf"},
      {"\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"},
      {"\\xef\\xbf\\xbd", "\xef\xbf\xbd"},
      {"\\xf0\\x8f\\xbf\\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd"},
      {"\\xf0\\x90\\x80\\x80", "\xf0\x90\x80\x80"},
      {"\\xf4\\x8f\\xbf\\xbf", "\xf4\x8f\xbf\xbf"},
      {"\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
      {"\\xe2\\x82", "\\ufffd\\ufffd"},
      {"\\xe2\\x82a", "\\ufffd\\ufffda"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char script[64];
    char json[64];
    (void)snprintf(script, sizeof script, "return true, '%s'", cases[i].bytes);
    (void)snprintf(json, sizeof json, "\"%s\"", cases[i].json);
    struct world world = world_open(script);
    assert_string_equal(world_begin(&world)->data, json);
    world_close(&world);
  }
}

/* ---- errors ---- */

static void an_error_names_script_and_line_as_the_author_counts(void **state) {
  (void)state;
  static const struct {
    const char *script, *text;
    size_t line;
  } cases[] = {
      {"error('x')", "t.lua:1: x", 1},
      {"#!lua\nlocal a = 1\nlocal b = a.x.y\nreturn true", "t.lua:3: attempt to index", 3},
      {"#!lua\n\nreturn print('x')", "global 'print'", 3},
      {"#!lua\nerror({})", "raised a value that is a table", 2},
      {"#!lua\nerror(nil)", "raised a value that is a nil", 2},
      {"#!lua\nerror('plain', 0)", "plain", 2},
      {"#!lua\nlocal function f() error('told', 2) end\n\nf()", "t.lua:4: told", 4},
      {"#!lua\nerror(setmetatable({}, {__tostring = function() while true do end end}))", "is a table", 2},
      {"#!lua\nerror(12)", "12", 2},
      {"return assert(nil, 'no answer')", "no answer", 1},
      {"#!lua\n\nreturn true and (function()\n  return nil + 1\nend)()", "t.lua:4: attempt to perform arithmetic", 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct world world = world_open(cases[i].script);
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    if (outcome->end != BC_SANDBOX_ERROR || strstr(outcome->error, cases[i].text) == NULL ||
        outcome->line != cases[i].line) {
      fail_msg("%s: %d <%s> line %zu", cases[i].script, outcome->end, outcome->error, outcome->line);
    }
    world_close(&world);
  }
}

static void what_does_not_compile_is_refused_with_its_line(void **state) {
  (void)state;
  static const struct {
    const char *script, *text;
  } cases[] = {
      {"#!lua\n\nreturn (", "t.lua:3: "},
      {"\x1bLua", "t.lua:1: "},
      {"#!lua\n\x1bLuaS", "t.lua:2: "},
      {"goto nowhere", "t.lua:1: "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault = {0};
    assert_null(bc_sandbox_new(NULL, "t.lua", bc_str_of(cases[i].script), &fault));
    if (strstr(fault.text, cases[i].text) == NULL) {
      fail_msg("%s: %s", cases[i].script, fault.text);
    }
  }
}

/* ---- memory ---- */

static void memory_is_capped_and_a_script_may_catch_that(void **state) {
  (void)state;
  world_expect("local t = {} for i = 1, 1e9 do t[i] = {} end", BC_SANDBOX_MEMORY, "not enough memory");
  world_expect("local s = 'x' while true do s = s .. s end", BC_SANDBOX_MEMORY, "not enough memory");
  world_expect_up("local ok, text = pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end)\n"
                  "return not ok and text == 'not enough memory' and #('x'):rep(100000) == 100000");
  struct world world = world_open("hold = {} pcall(function() for i = 1, 1e9 do hold[i] = {} end end) hold[1] = nil\n"
                                  "return {ok = true}");
  for (int i = 0; i < 5; i++) {
    (void)world_begin(&world);
    assert_true(bc_sandbox_peak_bytes(world.sandbox) <= BC_LIMIT_LUA_STATE_BYTES + BC_LIMIT_LUA_CHECK_BYTES);
  }
  bc_sandbox_run_free(world.run);
  world.run = NULL;
  bc_sandbox_collect(world.sandbox);
  assert_true(bc_sandbox_used_bytes(world.sandbox) < 100000);
  world_close(&world);
}

static void each_check_adds_to_the_memory(void **state) {
  (void)state;
  static const struct bc_sandbox_options options = {.state_bytes = 100000, .check_bytes = 200000};
  struct world world = world_open_with(&options, "return #('x'):rep(350000) > 0");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_MEMORY);
  struct bc_sandbox_check *second = bc_sandbox_check_new(world.sandbox);
  struct bc_sandbox_check *third = bc_sandbox_check_new(world.sandbox);
  struct bc_sandbox_check *fourth = bc_sandbox_check_new(world.sandbox);
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_DONE);
  bc_sandbox_check_free(second);
  bc_sandbox_check_free(third);
  bc_sandbox_check_free(fourth);
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_MEMORY);
  world_close(&world);
}

static void a_sandbox_takes_so_many_checks_and_no_more(void **state) {
  (void)state;
  struct world world = world_open("return true");
  struct bc_sandbox_check *checks[BC_LIMIT_LUA_CHECKS];
  for (size_t i = 1; i < BC_LIMIT_LUA_CHECKS; i++) {
    checks[i] = bc_sandbox_check_new(world.sandbox);
    assert_non_null(checks[i]);
  }
  assert_null(bc_sandbox_check_new(world.sandbox));
  for (size_t i = 1; i < BC_LIMIT_LUA_CHECKS; i++) {
    bc_sandbox_check_free(checks[i]);
  }
  assert_non_null(checks[0] = bc_sandbox_check_new(world.sandbox));
  bc_sandbox_check_free(checks[0]);
  world_close(&world);
}

/* ---- CPU ---- */

static void nothing_saves_a_script_from_the_kill(void **state) {
  (void)state;
  static const struct bc_sandbox_options options = {.burst_ms = 20};
  static const char *const scripts[] = {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "local function f() return pcall(f) end while true do f() end",
      "table.sort({3, 2, 1, 5, 4}, function() while true do pcall(function() while true do end end) end end)",
      "('x'):rep(9):gsub('x', function() while true do pcall(error) end end)",
      "while true do local ok = pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
      "setmetatable({}, {__index = function(t, k) return t[k + 1] end}) for x in function() return 1 end do end",
      "local t = setmetatable({}, {__lt = function() while true do end end}) return t < t",
      "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
      "while true do pcall(string.rep, 'x', 1 << 33) end",
      "while true do pcall(string.find, ('a'):rep(20000), '.-b') end",
      "for i = 1, 1e12 do table.sort({3, 2, 1}, rawequal) end",
      "local t = {} for i = 1, 30000 do t[i] = i end while true do table.sort(t, function(a, b) return a > b end) end",
  };
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    struct world world = world_open_with(&options, scripts[i]);
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    if (outcome->end != BC_SANDBOX_KILLED || strstr(outcome->error, "20 ms") == NULL || outcome->cpu_us < 20000) {
      fail_msg("%s: %s %s, %llu us", scripts[i], bc_sandbox_end_text(outcome->end), outcome->error,
               (unsigned long long)outcome->cpu_us);
    }
    assert_true(outcome->cpu_us < 1000000);
    assert_int_equal(outcome->line, 1);
    world_close(&world);
  }
  struct world world = world_open_with(&options, "#!lua\nlocal a = 1\nwhile true do end");
  assert_int_equal(world_begin(&world)->line, 3);
  world_close(&world);
}

static void a_killed_run_leaves_its_sandbox_as_it_was(void **state) {
  (void)state;
  static const struct bc_sandbox_options options = {.burst_ms = 10};
  struct world world = world_open_with(&options, "if data.kill then while true do end end return 80");
  size_t used = 0;
  for (int i = 0; i < 20; i++) {
    assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{\"kill\":true}"), NULL), BC_ERR_OK);
    assert_int_equal(world_begin(&world)->end, BC_SANDBOX_KILLED);
    assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{}"), NULL), BC_ERR_OK);
    assert_int_equal(world_begin(&world)->end, BC_SANDBOX_DONE);
    bc_sandbox_collect(world.sandbox);
    if (i == 2) {
      used = bc_sandbox_used_bytes(world.sandbox);
    }
  }
  assert_true(bc_sandbox_used_bytes(world.sandbox) <= used + 256);
  world_close(&world);
}

static void waiting_is_no_cpu_time_and_each_resume_has_its_own(void **state) {
  (void)state;
  static const struct bc_sandbox_options options = {.burst_ms = 60};
  struct world world = world_open_with(&options, "for i = 1, 8 do\n"
                                                 "  local n = 0 local start = time.monotonic()\n"
                                                 "  for j = 1, 200000 do n = n + j end\n"
                                                 "  time.sleep(0.05)\n"
                                                 "end\n"
                                                 "return true");
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  for (int i = 0; i < 8; i++) {
    assert_int_equal(outcome->end, BC_SANDBOX_YIELDED);
    assert_int_equal(outcome->wait_ms, 50);
    outcome = world_go_on(&world);
  }
  assert_int_equal(outcome->end, BC_SANDBOX_DONE);
  world_close(&world);
}

/* ---- isolation ---- */

static void runs_and_checks_of_one_script_do_not_see_each_other(void **state) {
  (void)state;
  struct world world = world_open("if seen then return false, 'saw ' .. seen end\n"
                                  "seen = 'it' t = string\n"
                                  "time.sleep(1)\n"
                                  "return seen == 'it'");
  struct bc_sandbox_check *other = bc_sandbox_check_new(world.sandbox);
  struct bc_sandbox_run *second = bc_sandbox_run_new(other);
  struct bc_sandbox_run *third = bc_sandbox_run_new(world.check);
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(bc_sandbox_run_resume(second), BC_SANDBOX_YIELDED);
  assert_int_equal(bc_sandbox_run_resume(third), BC_SANDBOX_YIELDED);
  assert_int_equal(bc_sandbox_run_resume(second), BC_SANDBOX_DONE);
  assert_int_equal(bc_sandbox_run_outcome(second)->word, BC_SANDBOX_UP);
  assert_int_equal(world_go_on(&world)->end, BC_SANDBOX_DONE);
  assert_int_equal(bc_sandbox_run_outcome(world.run)->word, BC_SANDBOX_UP);
  bc_sandbox_run_free(second);
  bc_sandbox_run_free(third);
  /* On the coroutine of the run before. */
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  bc_sandbox_check_free(other);
  world_close(&world);
}

static void what_checks_share_cannot_be_changed(void **state) {
  (void)state;
  static const char *const scripts[] = {
      "string.upper = nil",
      "math.pi = 3",
      "table.insert(string, 'x')",
      "table.move({1}, 1, 1, 1, string)",
      "setmetatable(string, {})",
      "setmetatable(_ENV, {})",
      "setmetatable('', {})",
      "json.decode = nil",
      "data.x = 1",
      "data.list[1] = 1",
      "table.insert(data.list, 1)",
      "for k, v in pairs(data) do v[1] = 5 end",
  };
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    struct world world = world_open(scripts[i]);
    assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{\"list\":[1]}"), NULL), BC_ERR_OK);
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    /* "returned nothing" would be an error too. */
    if (outcome->end != BC_SANDBOX_ERROR || strstr(outcome->error, "t.lua:1:") == NULL) {
      fail_msg("%s: %s", scripts[i], outcome->error);
    }
    world_close(&world);
  }
}

static void two_scripts_share_nothing(void **state) {
  (void)state;
  struct world first = world_open("leaked = 1 hold = {} pcall(function() for i = 1, 1e9 do hold[i] = {} end end)\n"
                                  "time.sleep(1) return true");
  struct world second = world_open("return leaked == nil and #('x'):rep(500000) == 500000");
  assert_int_equal(world_begin(&first)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(world_begin(&second)->end, BC_SANDBOX_DONE);
  assert_int_equal(bc_sandbox_run_outcome(second.run)->word, BC_SANDBOX_UP);
  assert_int_equal(world_go_on(&first)->end, BC_SANDBOX_DONE);
  world_close(&first);
  world_close(&second);
}

static void data_is_there_to_be_read(void **state) {
  (void)state;
  struct world world =
      world_open("local n = 0 for i, v in ipairs(data.list) do n = n + i * v end\n"
                 "for k, v in pairs(data.map) do n = n + v end\n"
                 "return n == 14 + 30 and #data.list == 3 and data.none == nil and data.list[9] == nil, data");
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data",
                                               bc_str_of("{\"list\":[1,2,3],\"map\":{\"a\":10,\"b\":20}}"), NULL),
                   BC_ERR_OK);
  const struct bc_sandbox_outcome *outcome = world_begin(&world);
  assert_int_equal(outcome->end, BC_SANDBOX_DONE);
  assert_int_equal(outcome->word, BC_SANDBOX_UP);
  assert_non_null(strstr(outcome->data, "\"list\":[1,2,3]"));
  struct bc_fault fault = {0};
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{"), &fault), BC_ERR_SYNTAX);
  assert_non_null(strstr(fault.text, "json.decode"));
  world_close(&world);
}

/* ---- waiting ---- */

static void a_run_waits_goes_on_and_can_be_cancelled(void **state) {
  (void)state;
  struct world world = world_open("local n = 0 for i = 1, 3 do time.sleep(0.0015) n = n + i end return n == 6");
  assert_int_equal(world_begin(&world)->wait_ms, 2);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(bc_sandbox_run_outcome(world.run)->end, BC_SANDBOX_YIELDED);
    (void)world_go_on(&world);
  }
  assert_int_equal(bc_sandbox_run_outcome(world.run)->word, BC_SANDBOX_UP);
  for (int i = 0; i < 50; i++) {
    assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  }
  bc_sandbox_collect(world.sandbox);
  assert_true(bc_sandbox_used_bytes(world.sandbox) < 100000);
  world_close(&world);
}

static void waiting_inside_a_callback_of_c_is_an_error(void **state) {
  (void)state;
  world_expect("('x'):gsub('x', function() time.sleep(1) end)", BC_SANDBOX_ERROR, "cannot be called inside");
  world_expect("table.sort({2, 1}, function() time.sleep(1) end)", BC_SANDBOX_ERROR, "cannot be called inside");
  struct world world = world_open("local ok = pcall(time.sleep, 1) return ok");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_YIELDED);
  assert_int_equal(world_go_on(&world)->word, BC_SANDBOX_UP);
  world_close(&world);
}

static void the_log_is_bounded_and_counts_what_it_drops(void **state) {
  (void)state;
  struct world world =
      world_open("log.info('a', 1, {}, nil) log.warn('b\\nc') for i = 1, 1000 do log.debug(('x'):rep(50)) end "
                 "return true");
  assert_int_equal(world_begin(&world)->end, BC_SANDBOX_DONE);
  struct bc_str log = bc_sandbox_run_log(world.run);
  assert_true(bc_str_starts(log, "info: a 1 table nil\nwarn: b c\ndebug: xxx"));
  assert_true(log.len <= BC_LIMIT_LUA_LOG_BYTES && log.len > BC_LIMIT_LUA_LOG_BYTES - 70);
  size_t lines = 0;
  for (size_t i = 0; i < log.len; i++) {
    lines += log.at[i] == '\n' ? 1 : 0;
  }
  assert_int_equal(lines - 2 + bc_sandbox_run_log_dropped(world.run), 1000);
  world_close(&world);
}

/* ---- all of it while every allocation collects ---- */

static void everything_works_while_every_allocation_collects_garbage(void **state) {
  (void)state;
  static const struct bc_sandbox_options options = {.is_gc_hard = true, .burst_ms = 20000};
  struct world world = world_open_with(
      &options, "local t = {} for i = 1, 30 do t[i] = {n = tostring(i)} end\n"
                "table.sort(t, function(a, b) return tonumber(a.n) > tonumber(b.n) end)\n"
                "local text = json.encode({list = {1, 2.5, 'x'}, o = {a = true}})\n"
                "local back = json.decode(text)\n"
                "local C = {} C.__index = C C.__eq = function() return true end\n"
                "function C.new() return setmetatable({}, C) end\n"
                "local words = {} for w in ('a bc def'):gmatch('%a+') do words[#words + 1] = w:upper() end\n"
                "time.sleep(0.001)\n"
                "log.info(C.new() == C.new(), string.format('%s %5.2f', {}, 1.5))\n"
                "local ok, text = pcall(error, {code = 5})\n"
                "return {ok = t[1].n == '30' and back.list[2] == 2.5 and table.concat(words) == 'ABCDEF' and\n"
                "        text.code == 5 and data.a[2].b == 'c' and ('x'):rep(3):gsub('x', '%0%0') == 'xxxxxx',\n"
                "        reason = 'r', data = {back, data}}");
  assert_int_equal(bc_sandbox_check_set_global(world.check, "data", bc_str_of("{\"a\":[1,{\"b\":\"c\"}]}"), NULL),
                   BC_ERR_OK);
  for (int i = 0; i < 3; i++) {
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    assert_string_equal(outcome->error, "");
    assert_int_equal(outcome->end, BC_SANDBOX_YIELDED);
    outcome = world_go_on(&world);
    assert_string_equal(outcome->error, "");
    assert_int_equal(outcome->word, BC_SANDBOX_UP);
    assert_false(outcome->is_data_bad);
    assert_true(bc_str_is(bc_sandbox_run_log(world.run), "info: true table  1.50\n"));
  }
  world_close(&world);
}

static void a_sandbox_that_gets_too_little_memory_says_so(void **state) {
  (void)state;
  size_t least = 0;
  for (size_t bytes = 1000; least == 0; bytes += 500) {
    struct bc_sandbox_options options = {.state_bytes = bytes, .check_bytes = 1};
    struct bc_fault fault = {0};
    struct bc_sandbox *sandbox = bc_sandbox_new(&options, "t.lua", bc_str_of("return true"), &fault);
    if (sandbox == NULL) {
      assert_non_null(strstr(fault.text, "not enough memory"));
      continue;
    }
    struct bc_sandbox_check *check = bc_sandbox_check_new(sandbox);
    struct bc_sandbox_run *run = bc_sandbox_run_new(check);
    enum bc_sandbox_end end = bc_sandbox_run_resume(run);
    assert_true(end == BC_SANDBOX_MEMORY || end == BC_SANDBOX_DONE);
    least = end == BC_SANDBOX_DONE ? bytes : 0;
    bc_sandbox_run_free(run);
    bc_sandbox_check_free(check);
    bc_sandbox_free(sandbox);
  }
  assert_true(least < 60000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form_of_a_result_is_read_and_every_other_is_an_error),
      cmocka_unit_test(data_that_is_too_much_or_no_json_is_dropped_and_the_result_counts),
      cmocka_unit_test(texts_come_out_as_one_line_of_utf8),
      cmocka_unit_test(what_is_no_utf8_is_replaced_byte_by_byte),
      cmocka_unit_test(an_error_names_script_and_line_as_the_author_counts),
      cmocka_unit_test(what_does_not_compile_is_refused_with_its_line),
      cmocka_unit_test(memory_is_capped_and_a_script_may_catch_that),
      cmocka_unit_test(each_check_adds_to_the_memory),
      cmocka_unit_test(a_sandbox_takes_so_many_checks_and_no_more),
      cmocka_unit_test(nothing_saves_a_script_from_the_kill),
      cmocka_unit_test(a_killed_run_leaves_its_sandbox_as_it_was),
      cmocka_unit_test(waiting_is_no_cpu_time_and_each_resume_has_its_own),
      cmocka_unit_test(runs_and_checks_of_one_script_do_not_see_each_other),
      cmocka_unit_test(what_checks_share_cannot_be_changed),
      cmocka_unit_test(two_scripts_share_nothing),
      cmocka_unit_test(data_is_there_to_be_read),
      cmocka_unit_test(a_run_waits_goes_on_and_can_be_cancelled),
      cmocka_unit_test(waiting_inside_a_callback_of_c_is_an_error),
      cmocka_unit_test(the_log_is_bounded_and_counts_what_it_drops),
      cmocka_unit_test(everything_works_while_every_allocation_collects_garbage),
      cmocka_unit_test(a_sandbox_that_gets_too_little_memory_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
