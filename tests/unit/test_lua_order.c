#include "policy_harness.h"

#include <stdio.h>

/* The order in which policies see tables, and their sort. */

static void keys_come_as_numbers_then_texts_then_the_rest(void **state) {
  (void)state;
  policy_holds(
      "local t = { [2] = 1, [10] = 1, [-1] = 1, [1.5] = 1, ['10'] = 1, ['2'] = 1, [''] = 1, ['a\\0b'] = 1, a = 1,"
      " ab = 1, [true] = 1, [false] = 1, [json.null] = 1, [2^53] = 1, [math.maxinteger] = 1, [2^63] = 1,"
      " [-2^63] = 1, [-1e300] = 1, [1/0] = 1, [print or type] = 1 }"
      "local expected = { -1e300, math.mininteger, -1, 1.5, 2, 10, 2^53, math.maxinteger, 2^63, 1/0, '', '10', '2',"
      " 'a', 'a\\0b', 'ab', false, true, json.null, type }"
      "local n = 0 for k in pairs(t) do n = n + 1 assert(k == expected[n], n) end assert(n == #expected)"
      "n = 0 for k in next, t do n = n + 1 assert(k == expected[n], n) end assert(n == #expected)",
      "{}");
}

static void lists_and_tables_of_all_sizes_are_gone_through_whole(void **state) {
  (void)state;
  policy_holds(
      "for n = 0, 70 do local list, map, mixed = {}, {}, {} "
      "for i = 1, n do list[i] = i map['k' .. (1000 + i)] = i mixed[i] = i mixed['k' .. (1000 + i)] = i end "
      "local seen = 0 for k, v in pairs(list) do seen = seen + 1 assert(k == seen and v == seen) end "
      "assert(seen == n) seen = 0 for k, v in pairs(map) do seen = seen + 1 assert(v == seen) end "
      "assert(seen == n) seen = 0 for k, v in pairs(mixed) do seen = seen + 1 assert(v == (seen - 1) % n + 1) end "
      "assert(seen == 2 * n) end",
      "{}");
}

static void a_loop_sees_what_was_there_and_is_there(void **state) {
  (void)state;
  policy_holds(
      "local t = { a = 1, b = 2, c = 3 } local s = '' for k, v in pairs(t) do s = s .. k .. v t[k] = nil t.c = 9 "
      "t.new = 1 end assert(s == 'a1b2c9')"
      "t = { 1, 2, 3, 4 } s = '' for k, v in pairs(t) do s = s .. v t[k] = nil t[3] = nil end assert(s == '124')"
      "t = { a = 1, b = 2 } s = '' local k = nil repeat k = next(t, k) if k then s = s .. k t[k] = nil end until not k "
      "assert(s == 'ab' and next(t) == nil and next({}) == nil)"
      "local f, x, c = pairs({ 5, 6 }) assert(c == nil and f(x, nil) == 1 and f(x, 1) == 2 and f(x, 2) == nil)"
      "assert(f(x, nil) == 1 and next({ 5, 6 }, 1) == 2 and next({ a = 1 }, 'Z') == 'a')",
      "{}");
}

static void pairs_asks_the_metatable(void **state) {
  (void)state;
  policy_holds("local t = setmetatable({ 1 }, { __pairs = function(t) return next, { x = 7 }, nil end })"
               "for k, v in pairs(t) do assert(k == 'x' and v == 7) end "
               "assert(select(2, pcall(pairs)):find('value expected') and not pcall(pairs, 7) and not pcall(next, 7))",
               "{}");
}

static void keys_without_an_order_are_an_error(void **state) {
  (void)state;
  policy_fails("return function() for k in pairs({ [{}] = 1, [{}] = 2 }) do end end", "{}", BC_SANDBOX_ERROR,
               "policy:1: a table with two keys that are neither numbers nor texts has no order");
  policy_fails("return function() return next({ [{}] = 1, [print or next] = 2 }) end", "{}", BC_SANDBOX_ERROR,
               "has no order");
}

static void sort_is_stable_and_complete(void **state) {
  (void)state;
  policy_holds(
      "local seed = 1 local function random(n) seed = seed * 1103515245 % 2147483648 return seed % n end "
      "for n = 0, 150 do local t = {} for i = 1, n do t[i] = { random(7), i } end "
      "table.sort(t, function(a, b) return a[1] < b[1] end) assert(#t == n) "
      "for i = 2, n do assert(t[i - 1][1] < t[i][1] or t[i - 1][1] == t[i][1] and t[i - 1][2] < t[i][2]) end end",
      "{}");
  policy_holds(
      "local t = { 'b', 'a', 'C' } table.sort(t) assert(table.concat(t) == 'Cab')"
      "t = { 3, 1.5, -2 } table.sort(t) assert(t[1] == -2 and t[2] == 1.5 and t[3] == 3)"
      "table.sort(t, function(a, b) return a > b end) assert(t[1] == 3)"
      "t = { setmetatable({ 2 }, { __lt = function(a, b) return a[1] < b[1] end }) } t[2] = setmetatable({ 1 },"
      "getmetatable(t[1])) table.sort(t) assert(t[1][1] == 1)",
      "{}");
}

static void a_sort_that_fails_changes_nothing(void **state) {
  (void)state;
  policy_holds(
      "local t = { 3, 'x', 1 } local ok, err = pcall(table.sort, t) assert(not ok and err:find('attempt to compare'))"
      "assert(t[1] == 3 and t[2] == 'x' and t[3] == 1)"
      "t = { 3, 2, 1 } assert(not pcall(table.sort, t, function(a, b) t[1] = 9 error('x') end))"
      "assert(not pcall(table.sort, t, 5) and not pcall(table.sort, setmetatable({}, {})))"
      "t = { 3, 2, 1 } table.sort(t, function() return true end) assert(#t == 3 and t[1] + t[2] + t[3] == 6)",
      "{}");
}

static void json_comes_in_the_order_of_names(void **state) {
  (void)state;
  policy_holds("local t = { zeta = 1, alpha = { 2, 3 }, [10] = 1, [9] = 2, ['1'] = 'text', [1] = 'number', empty = {} }"
               "for i = 1, 30 do t['k' .. i] = i end local text = json.encode(t)"
               "assert(text:find('^{\"1\":\"number\",\"10\":1,\"9\":2,\"alpha\":%[2,3%],\"empty\":{},\"k1\":1,\"k10\":"
               "10'), text)"
               "assert(json.encode(json.decode(text)) == text)"
               "assert(json.encode(0.1) == '0.1' and json.encode(json.null) == 'null' and json.encode('\\1\"') == "
               "'\"\\\\u0001\\\\\"\"')"
               "assert(not pcall(json.encode, { f = next }) and not pcall(json.encode, 0/0) and not pcall(json.encode))"
               "local both = {} for i = 1, 200 do both[i * 1000] = 'number' both[i * 1000 .. ''] = 'text' end"
               " for name, value in pairs(json.decode(json.encode(both))) do assert(value == 'number', name) end "
               "local own = {} own[1] = own assert(not pcall(json.encode, own))"
               "assert(select(2, pcall(json.encode, ('x'):rep(270000))):find('too long'))",
               "{}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_come_as_numbers_then_texts_then_the_rest),
      cmocka_unit_test(lists_and_tables_of_all_sizes_are_gone_through_whole),
      cmocka_unit_test(a_loop_sees_what_was_there_and_is_there),
      cmocka_unit_test(pairs_asks_the_metatable),
      cmocka_unit_test(keys_without_an_order_are_an_error),
      cmocka_unit_test(sort_is_stable_and_complete),
      cmocka_unit_test(a_sort_that_fails_changes_nothing),
      cmocka_unit_test(json_comes_in_the_order_of_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
