/* The module `net`, in a Lua state without anything else of ours: each case is a chunk that must return true. */
#include "worker/lua_net.h"

#include "base/limits.h"

#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static lua_State *L;

static int start(void **state) {
  (void)state;
  L = luaL_newstate();
  assert_non_null(L);
  luaL_openlibs(L);
  assert_int_equal(bc_lua_net_open(L), 1);
  assert_int_equal(lua_gettop(L), 1);
  lua_setglobal(L, "net");
  return 0;
}

static int stop(void **state) {
  (void)state;
  lua_close(L);
  return 0;
}

static void assert_all(const char *const *chunks, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (luaL_dostring(L, chunks[i]) != LUA_OK || lua_toboolean(L, -1) == 0) {
      fail_msg("%s: %s", chunks[i], lua_isstring(L, -1) ? lua_tostring(L, -1) : "not true");
    }
    lua_settop(L, 0);
  }
}
#define ASSERT_ALL(chunks) assert_all(chunks, sizeof chunks / sizeof chunks[0])

static void parse_tells_family_address_length_and_prefix(void **state) {
  (void)state;
  static const char *const chunks[] = {
      "local p = net.parse('10.1.2.3/24') return p.family == 4 and p.address == '10.1.2.3' and p.length == 24 "
      "and p.prefix == '10.1.2.0/24'",
      "local p = net.parse('2001:DB8:0:0::1/33') return p.family == 6 and p.address == '2001:db8::1' "
      "and p.length == 33 and p.prefix == '2001:db8::/33'",
      "local p = net.parse('192.0.2.1') return p.length == 32 and p.prefix == '192.0.2.1/32'",
      "local p = net.parse('::') return p.length == 128 and p.address == '::' and p.prefix == '::/128'",
      "return math.type(net.parse('::').length) == 'integer'"};
  ASSERT_ALL(chunks);
}

static void the_parts_of_a_prefix_have_functions(void **state) {
  (void)state;
  static const char *const chunks[] = {"return net.family('10.0.0.0/8') == 4 and net.family('::1') == 6",
                                       "return net.length('10.0.0.0/8') == 8 and net.length('::1') == 128",
                                       "return net.length('0.0.0.0/0') == 0 and net.length('10.0.0.1') == 32",
                                       "return net.network('10.1.2.3/20') == '10.1.0.0'",
                                       "return net.network('2001:db8:ffff::1/36') == '2001:db8:f000::'",
                                       "return net.broadcast('10.1.2.3/20') == '10.1.15.255'",
                                       "return net.broadcast('10.1.2.3') == '10.1.2.3'",
                                       "return net.broadcast('0.0.0.0/0') == '255.255.255.255'",
                                       "return select(2, net.broadcast('::/64')) == 'IPv6 has no broadcast address'",
                                       "return net.broadcast('::/64') == nil"};
  ASSERT_ALL(chunks);
}

static void contains_never_reaches_across_families(void **state) {
  (void)state;
  static const char *const chunks[] = {"return net.contains('10.0.0.0/8', '10.255.255.255') == true",
                                       "return net.contains('10.0.0.0/8', '11.0.0.0') == false",
                                       "return net.contains('10.0.0.0/8', '10.0.0.0/7') == false",
                                       "return net.contains('10.0.0.0/8', '10.0.0.0/8') == true",
                                       "return net.contains('10.0.0.0/9', '10.128.0.0/9') == false",
                                       "return net.contains('::/0', '10.0.0.1') == false",
                                       "return net.contains('0.0.0.0/0', '::') == false",
                                       "return net.contains('2001:db8::/47', '2001:db8:1::/48') == true"};
  ASSERT_ALL(chunks);
}

static void compare_orders_for_sort(void **state) {
  (void)state;
  static const char *const chunks[] = {
      "local t = {'::/0', '10.0.0.0/16', '9.0.0.1', '10.0.0.0/8', '10.0.0.2', '2001:db8::', '100.0.0.0/8'} "
      "table.sort(t, function(a, b) return net.compare(a, b) < 0 end) "
      "return table.concat(t, ' ') == '9.0.0.1 10.0.0.0/8 10.0.0.0/16 10.0.0.2 100.0.0.0/8 ::/0 2001:db8::'",
      "return net.compare('10.0.0.1/24', '10.0.0.2/24') == 0",
      "return net.compare('10.0.0.1', '10.0.0.2') == -1 and net.compare('::1', '255.0.0.0') == 1"};
  ASSERT_ALL(chunks);
}

static void enumerate_gives_every_address_up_to_its_bound(void **state) {
  (void)state;
  static const char *const chunks[] = {
      "return table.concat(net.enumerate('10.0.0.254/31'), ' ') == '10.0.0.254 10.0.0.255'",
      "return table.concat(net.enumerate('10.0.0.253/30'), ' ') == '10.0.0.252 10.0.0.253 10.0.0.254 10.0.0.255'",
      "return table.concat(net.enumerate('::ffff/127'), ' ') == '::fffe ::ffff'",
      "return table.concat(net.enumerate('255.255.255.255'), ' ') == '255.255.255.255'",
      "local t = net.enumerate('10.0.0.0/24') return #t == 256 and t[1] == '10.0.0.0' and t[256] == '10.0.0.255'",
      "local t, e = net.enumerate('10.0.0.0/23') return t == nil and e == '10.0.0.0/23 holds more than 256 addresses'",
      "local t = net.enumerate('10.0.254.0/23', 512) return #t == 512 and t[257] == '10.0.255.0'",
      "local t, e = net.enumerate('::/0', 65536) return t == nil and e == '::/0 holds more than 65536 addresses'",
      "local t = net.enumerate('2001:db8::/112', 65536) return #t == 65536 and t[65536] == '2001:db8::ffff'",
      "local t, e = net.enumerate('2001:db8::/63', 65536) return t == nil",
      "return not pcall(net.enumerate, '10.0.0.0/8', 65537) and not pcall(net.enumerate, '10.0.0.0/8', 0)",
      "local _, e = pcall(net.enumerate, '::', -1) return e:match('expected 1 to 65536') ~= nil",
      "return not pcall(net.enumerate, '10.0.0.0/8', 1.5) and not pcall(net.enumerate, '10.0.0.0/8', 'x')"};
  ASSERT_ALL(chunks);
}

static void what_is_no_prefix_gives_nil_and_a_text(void **state) {
  (void)state;
  static const char *const chunks[] = {
      "for name, f in pairs(net) do "
      "  for _, bad in ipairs{'', 'x', '10.0.0', '10.0.0.1/', '/8', '10.0.0.256', '010.0.0.1', '10.0.0.1/33', "
      "'::/129', "
      "    '10.0.0.1 ', 'fe80::1%lo', '10.0.0.1/8/8', '10.0.0.1/+8', '\\0', '\\n', '\\200', '10.0.0.1\\0', "
      "('1'):rep(10000)} do "
      "    local r, e = f(bad, name ~= 'enumerate' and '10.0.0.1' or nil) "
      "    assert(r == nil and e:match('^expected .*, found \"'), name) "
      "    assert(not e:match('[^ -~]') and #e < 200, name) "
      "  end "
      "end return true",
      "local r, e = net.contains('10.0.0.0/8', 'y') return r == nil and "
      "e == 'expected a prefix such as 10.0.0.0/24 or 2001:db8::/32, found \"y\"'",
      "local r, e = net.parse('10.0.0.0/99') return e == 'expected a prefix length from 0 to 32, found "
      "\"10.0.0.0/99\"'"};
  ASSERT_ALL(chunks);
}

static void an_argument_of_another_type_raises(void **state) {
  (void)state;
  static const char *const chunks[] = {
      "for name, f in pairs(net) do "
      "  for _, bad in ipairs{1, 10.5, true, {}, print} do assert(not pcall(f, bad, '::'), name) end "
      "  assert(not pcall(f), name) "
      "end return true",
      "return not pcall(net.contains, '10.0.0.0/8') and not pcall(net.compare, 'x', 1)",
      "local _, e = pcall(net.parse, 10) return e:match('string expected, got number') ~= nil"};
  ASSERT_ALL(chunks);
}

/* Lua's own memory alone is used, so that a cap on it is a cap on all. */
static size_t held;
static size_t cap;

static void *capped(void *arg, void *old, size_t old_bytes, size_t bytes) {
  (void)arg;
  size_t before = old == NULL ? 0 : old_bytes;
  if (held - before + bytes > cap) {
    return NULL;
  }
  held = held - before + bytes;
  if (bytes == 0) {
    free(old);
    return NULL;
  }
  return realloc(old, bytes);
}

static void want_of_memory_raises_and_leaks_nothing(void **state) {
  (void)state;
  held = 0;
  cap = 1U << 30;
  lua_State *M = lua_newstate(capped, NULL);
  assert_non_null(M);
  luaL_openlibs(M);
  (void)bc_lua_net_open(M);
  lua_setglobal(M, "net");
  unsigned raised = 0;
  for (size_t more = 0; more < 40000; more += 997) {
    (void)lua_gc(M, LUA_GCCOLLECT);
    cap = held + more;
    if (luaL_dostring(M, "local t = net.enumerate('10.0.0.0/24') local p = net.parse('::1/64') return #t") != LUA_OK) {
      raised++;
    } else {
      assert_int_equal(lua_tointeger(M, -1), 256);
    }
    cap = 1U << 30;
    lua_settop(M, 0);
  }
  assert_true(raised > 5 && raised < 41);
  lua_close(M);
  assert_int_equal(held, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
  static const struct CMUnitTest tests[] = {
      TEST(parse_tells_family_address_length_and_prefix),
      TEST(the_parts_of_a_prefix_have_functions),
      TEST(contains_never_reaches_across_families),
      TEST(compare_orders_for_sort),
      TEST(enumerate_gives_every_address_up_to_its_bound),
      TEST(what_is_no_prefix_gives_nil_and_a_text),
      TEST(an_argument_of_another_type_raises),
      TEST(want_of_memory_raises_and_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
