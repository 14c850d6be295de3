/* What scripts find: what differs from the system's library, and that the rest is there. */
#include "sandbox_harness.h"

#include <lua.h>
#include <stdio.h>

static void only_what_is_listed_is_there(void **state) {
  (void)state;
  world_expect_up(
      "local known = {}\n"
      "for name in ([[assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen select\n"
      "  setmetatable tonumber tostring type _VERSION parallel require state\n"
      "  json log math metric net string table time utf8]]):gmatch('%S+') do\n"
      "  known[name] = true if _ENV[name] == nil then return false, 'missing: ' .. name end\n"
      "end\n"
      "for name in ([[_G collectgarbage coroutine debug dofile io load loadfile loadstring module os package\n"
      "  print rawset warn xpcall cjson]]):gmatch('%S+') do\n"
      "  if _ENV[name] ~= nil then return false, 'there is ' .. name end\n"
      "end\n"
      "for _, gone in ipairs({{string, 'dump'}, {math, 'randomseed'}, {json, 'new'},\n"
      "    {json, 'encode_max_depth'}}) do\n"
      "  if gone[1][gone[2]] ~= nil then return false, 'there is ' .. gone[2] end\n"
      "end\n"
      "local count = 0 for name in pairs(string) do count = count + 1 end\n"
      "return count == 16 and next(string) == nil and getmetatable(string) == false and '5' + 1 == 6 and ('x'):upper() "
      "== 'X'");
}

static void no_text_tells_an_address(void **state) {
  (void)state;
  world_expect_up("for _, value in ipairs({{}, type, setmetatable({}, {__name = 'Thing'}), json.null, string}) do\n"
                  "  for _, text in ipairs({tostring(value), string.format('%s', value), ('%10s'):format(value)}) do\n"
                  "    if text:find('%d') or text:find('x', 1, true) then return false, text end\n"
                  "  end\n"
                  "end\n"
                  "return string.format('%s %d %s %q %5.1f%%', nil, 3, true, 'a\"b', 2.25) == "
                  "'nil 3 true \"a\\\\\"b\"   2.2%'");
  world_expect("return string.format('%5p', {})", BC_SANDBOX_ERROR, "%p is not allowed");
  world_expect("return string.format('%d %p', 1, {})", BC_SANDBOX_ERROR, "%p is not allowed");
  world_expect("return tostring(setmetatable({}, {__tostring = function() return 1 end}))", BC_SANDBOX_ERROR,
               "must return a string");
}

static void metatables_make_classes_and_nothing_that_escapes(void **state) {
  (void)state;
  world_expect_up("local C = {} C.__index = C C.__len = function() return 7 end\n"
                  "C.__eq = function(a, b) return a.x == b.x end C.__lt = function(a, b) return a.x < b.x end\n"
                  "C.__call = function(self, n) return self.x + n end C.__add = function(a, b) return a.x + b.x end\n"
                  "function C.new(x) return setmetatable({x = x}, C) end\n"
                  "function C:later() return self.x * 2 end\n"
                  "local a, b = C.new(1), C.new(2)\n"
                  "if getmetatable(a) ~= C or not (a < b) or a == b or a ~= C.new(1) then return false, '1' end\n"
                  "setmetatable(a, nil) setmetatable(a, C)\n"
                  "C.__call = nil C.__gc = function() end\n"
                  "return #a == 7 and a(3) == 4 and a + b == 3 and b:later() == 4");
  static const char *const refused[] = {"__gc", "__mode", "__close"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    char script[128];
    (void)snprintf(script, sizeof script, "setmetatable({}, {%s = false})", refused[i]);
    world_expect(script, BC_SANDBOX_ERROR, "is not allowed here");
  }
#if LUA_VERSION_RELEASE_NUM < 50406
  world_expect("setmetatable({}, {__concat = function() end})", BC_SANDBOX_ERROR, "__concat is not allowed here");
#endif
  world_expect("local t = setmetatable({}, {__metatable = 'mine'}) setmetatable(t, {})", BC_SANDBOX_ERROR,
               "protected metatable");
  world_expect("local t = setmetatable({}, {__metatable = {}}) setmetatable(t, {})", BC_SANDBOX_ERROR,
               "protected metatable");
  world_expect("setmetatable(1, {})", BC_SANDBOX_ERROR, "table expected");
  world_expect("setmetatable({}, 1)", BC_SANDBOX_ERROR, "nil or table expected");
}

static void table_functions_take_plain_tables_and_short_ranges(void **state) {
  (void)state;
  world_expect_up(
      "local t = {3, 1, 2} table.sort(t) table.insert(t, 4) table.insert(t, 1, 0)\n"
      "local moved = table.move(t, 1, 2, 3, {9, 9})\n"
      "return table.concat(t, ',') == '0,1,2,3,4' and table.remove(t) == 4 and table.remove(t, 1) == 0 and\n"
      "  select('#', table.unpack(t)) == 3 and table.pack(1, nil, 3).n == 3 and #moved == 4 and\n"
      "  table.concat({}, ',', 1, 0) == '' and select('#', table.unpack({}, 5, 1)) == 0 and\n"
      "  select('#', table.unpack({}, math.maxinteger, math.mininteger)) == 0");
  static const char *const long_ranges[] = {
      "table.concat({}, '', 1, 100001)", "table.concat({}, '', math.mininteger, math.maxinteger)",
      "table.unpack({}, 1, 100001)",     "table.move({}, 1, 100001, 2)",
      "table.move({}, 1, 1 << 40, 2)",   "table.unpack({}, math.mininteger, math.maxinteger)",
      "table.insert({}, -(1 << 40), 1)", "table.remove({1}, -(1 << 40))",
  };
  for (size_t i = 0; i < sizeof long_ranges / sizeof long_ranges[0]; i++) {
    world_expect(long_ranges[i], BC_SANDBOX_ERROR, "too many elements");
  }
  static const char *const with_metatable[] = {
      "table.concat(T)",        "table.insert(T, 1)",         "table.remove(T)", "table.sort(T)", "table.unpack(T)",
      "table.move(T, 1, 1, 1)", "table.move({}, 1, 1, 1, T)",
  };
  for (size_t i = 0; i < sizeof with_metatable / sizeof with_metatable[0]; i++) {
    char script[160];
    (void)snprintf(script, sizeof script, "local T = setmetatable({}, {}) %s", with_metatable[i]);
    world_expect(script, BC_SANDBOX_ERROR, "without a metatable expected");
  }
}

static void find_without_magic_is_as_the_system_has_it(void **state) {
  (void)state;
  world_expect_up(
      "local function is(want_from, want_to, ...)\n"
      "  local from, to = string.find(...) return from == want_from and to == want_to end\n"
      "local z = 'a\\0b.c'\n"
      "return is(3, 4, 'xxab', 'ab') and is(nil, nil, 'xxab', 'abc') and is(1, 0, 'abc', '') and\n"
      "  is(4, 3, 'abc', '', 4) and is(nil, nil, 'abc', '', 5) and is(1, 1, 'aaa', 'a', -9) and\n"
      "  is(3, 3, 'aaa', 'a', -1) and is(2, 2, 'aaa', 'a', 2) and is(4, 4, z, '.', 1, true) and\n"
      "  is(1, 1, z, '.') and is(2, 2, z, '\\0') and is(nil, nil, '', 'a') and is(1, 0, '', '', 1, true) and\n"
      "  is(1, 1, 'aaa', 'a', 0) and ('k=v'):match('(%w)=(%w)') == 'k' and ('abc'):match('c', -1) == 'c' and\n"
      "  ('abc'):gsub('%w', '%0%0') == 'aabbcc' and ('a,b'):gsub(',', {[','] = ';'}) == 'a;b'");
}

static void string_functions_are_bounded(void **state) {
  (void)state;
  world_expect_up(
      "return (''):rep(math.maxinteger) == '' and ('x'):rep(-1) == '' and ('ab'):rep(3, '-') == 'ab-ab-ab' and\n"
      "  #('x'):rep(524288) == 524288 and string.pack('>I2 s1', 258, 'xy') == '\\1\\2\\2xy'");
  world_expect("return ('x'):rep(1 << 21)", BC_SANDBOX_ERROR, "too large");
  world_expect("return (''):rep(1 << 40, 'x')", BC_SANDBOX_ERROR, "too large");
  world_expect("return string.pack('c9999999', 'x')", BC_SANDBOX_ERROR, "size too large");
  world_expect("return string.packsize('!16c2147483647')", BC_SANDBOX_ERROR, "size too large");
  static const char *const uses[] = {"find", "match", "gmatch", "gsub"};
  for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
    char script[128];
    (void)snprintf(script, sizeof script, "local s = ('a'):rep(20000) s:%s('.-b'%s)", uses[i],
                   strcmp(uses[i], "gsub") == 0 ? ", ''" : "");
    world_expect(script, BC_SANDBOX_ERROR, "pattern too costly for a text of 20000 bytes");
  }
}

/* As much as fits under every bound at once; what lasts too long here would be one call that nothing interrupts. */
static void no_single_call_lasts_long(void **state) {
  (void)state;
  static const char *const scripts[] = {
      "local s = ('a'):rep(4400) s:find('.-b')",
      "local s = ('a'):rep(270) s:find('a*a*b')",
      "local s = ('a'):rep(500000) s:gsub('a', 'b')",
      "local s = ('a'):rep(500000) s:gsub('', '')",
      "local s = ('a'):rep(400000) .. 'b' s:find(('a'):rep(200000) .. 'c', 1, true)",
      "local t = {} for i = 1, 32000 do t[i] = i * 7919 % 32003 end table.sort(t)",
      "local t = {} for i = 1, 30000 do t[i] = 'abc' end table.concat(t, ',')",
      "local t = {} for i = 1, 20000 do t[i] = {} end pcall(json.encode, t)",
      "pcall(json.decode, ('[]'):rep(130000, ','))",
      "pcall(json.decode, '[' .. ('[],'):rep(80000) .. '1]')",
      "local t = {} for i = 1, 16000 do t[i] = i end select('#', table.unpack(t))",
  };
  static const struct bc_sandbox_options options = {.burst_ms = 20};
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    struct world world = world_open_with(&options, scripts[i]);
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    if (outcome->cpu_us > 500000) {
      fail_msg("%s: %llu us, %s", scripts[i], (unsigned long long)outcome->cpu_us, outcome->error);
    }
    if (outcome->end == BC_SANDBOX_ERROR && strstr(outcome->error, "returned nothing") == NULL) {
      fail_msg("%s: %s", scripts[i], outcome->error);
    }
    world_close(&world);
  }
}

static void a_log_line_takes_any_number_of_values(void **state) {
  (void)state;
  struct world world =
      world_open("local t = {} for i = 1, 3000 do t[i] = i % 10 end log.info(table.unpack(t)) log.warn() "
                 "return true");
  assert_int_equal(world_begin(&world)->word, BC_SANDBOX_UP);
  assert_true(bc_str_starts(bc_sandbox_run_log(world.run), "info: 1 2 3 4 5 6 7 8 9 0 1 "));
  assert_int_equal(bc_sandbox_run_log(world.run).len, sizeof "info: \nwarn: \n" - 1 + 1023);
  world_close(&world);
}

static void json_is_read_and_written(void **state) {
  (void)state;
  world_expect_up(
      "local v = json.decode('{\"a\": [1, 2.5, -3, true, null, \"\\\\u00fc\"], \"b\": {}, \"big\": 1e300}')\n"
      "return math.type(v.a[1]) == 'integer' and tostring(v.a[1]) == '1' and v.a[2] == 2.5 and v.a[3] == -3 and\n"
      "  v.a[4] == true and v.a[5] == json.null and v.a[6] == '\\xc3\\xbc' and v.big == 1e300 and\n"
      "  json.encode({1, 'x', true, json.null}) == '[1,\"x\",true,null]' and json.encode({a = 1.5}) == '{\"a\":1.5}' "
      "and\n"
      "  json.encode('a\"') == '\"a\\\\\"\"' and json.decode('5') == 5 and json.encode(json.decode('[[1]]')) == "
      "'[[1]]'");
  world_expect("return json.decode('[1,')", BC_SANDBOX_ERROR, "t.lua:1: json.decode: Expected value");
  world_expect("return json.decode('[nan]')", BC_SANDBOX_ERROR, "json.decode: ");
  world_expect("return json.decode(('['):rep(65) .. (']'):rep(65))", BC_SANDBOX_ERROR, "json.decode: ");
  world_expect_up("return json.decode(('['):rep(64) .. (']'):rep(64)) ~= nil");
  world_expect("return json.decode((' '):rep(262145))", BC_SANDBOX_ERROR,
               "expected at most 262144 bytes, found 262145");
  world_expect("return json.encode(0/0)", BC_SANDBOX_ERROR, "json.encode: ");
  world_expect("return json.encode({type})", BC_SANDBOX_ERROR, "a function has no JSON form");
  world_expect("return json.encode({[1 << 28] = 1})", BC_SANDBOX_ERROR, "json.encode: ");
  world_expect("local t = {} t.t = t return json.encode(t)", BC_SANDBOX_ERROR, "nested too deep");
  world_expect("return json.encode(string)", BC_SANDBOX_ERROR, "read-only");
  world_expect("local s, t = ('x'):rep(100000), {} for i = 1, 20000 do t[i] = s end return json.encode(t)",
               BC_SANDBOX_ERROR, "too long");
}

/* The library takes memory that Lua does not count and loses it when an allocation of Lua fails inside; LeakSanitizer
 * watches. */
static void json_at_the_end_of_memory_loses_nothing(void **state) {
  (void)state;
  static const struct bc_sandbox_options options = {.burst_ms = 20000};
  struct world world = world_open_with(&options, "local text, hold, bad = '[' .. ('[],'):rep(3000) .. '1]', {}, 0\n"
                                                 "pcall(function() for i = 1, 1e9 do hold[i] = {i} end end)\n"
                                                 "for i = 1, 200 do\n"
                                                 "  local ok, why = pcall(json.decode, text)\n"
                                                 "  if not ok then bad = bad + 1 end\n"
                                                 "  if not pcall(json.encode, hold[1]) then bad = bad + 1 end\n"
                                                 "end\n"
                                                 "hold = nil\n"
                                                 "return bad > 100 and #json.decode(text) == 3001");
  for (int i = 0; i < 3; i++) {
    const struct bc_sandbox_outcome *outcome = world_begin(&world);
    assert_string_equal(outcome->error, "");
    assert_int_equal(outcome->word, BC_SANDBOX_UP);
  }
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_what_is_listed_is_there),
      cmocka_unit_test(no_text_tells_an_address),
      cmocka_unit_test(metatables_make_classes_and_nothing_that_escapes),
      cmocka_unit_test(table_functions_take_plain_tables_and_short_ranges),
      cmocka_unit_test(find_without_magic_is_as_the_system_has_it),
      cmocka_unit_test(string_functions_are_bounded),
      cmocka_unit_test(no_single_call_lasts_long),
      cmocka_unit_test(a_log_line_takes_any_number_of_values),
      cmocka_unit_test(json_is_read_and_written),
      cmocka_unit_test(json_at_the_end_of_memory_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
