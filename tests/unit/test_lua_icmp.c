/* The module icmp of scripts, in a network namespace of its own. */
#include "lua_world.h"
#include "own_network.h"
#include "ping_peer.h"

#include <stdio.h>

static bool has_network;
static struct lua_world lua;
static char hosts[] = "/tmp/bc-icmp-XXXXXX";

static int lua_start(void **state) {
  (void)state;
  lua_world_open(&lua);
  lua_world_ask_hosts_only(&lua);
  return has_network && !own_network_allow_ping("0 0") ? -1 : 0;
}

static int lua_stop(void **state) {
  (void)state;
  lua_world_drop_script(&lua);
  peer_stop();
  lua_world_close(&lua);
  return 0;
}

static void expect_up(const char *text) {
  lua_world_expect_up(&lua, text, NULL);
}

static void expect_raised(const char *text, const char *error) {
  lua_world_expect_raised(&lua, text, NULL, error);
}

static void give_up(const char *text) {
  lua_world_give_up(&lua, text, NULL);
}

static void who_answers_is_measured(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  expect_up("for _, host in ipairs{'127.0.0.1', '::1', '[::1]', 'both.example'} do "
            "local r = assert(icmp.ping(host, {interval = '10ms'}))"
            "assert(r.sent == 3 and r.received == 3 and r.loss == 0)"
            "assert(r.min > 0 and r.min <= r.avg and r.avg <= r.max and r.max < 1)"
            "assert(r.address == (host == '127.0.0.1' and host or '::1')) end "
            "local r = assert(icmp.ping('127.0.0.1', {count = 1, size = 9000})) "
            "return r.sent == 1 and r.received == 1");
  assert_false(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static void without_options_three_are_sent(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  expect_up("local r = assert(icmp.ping('127.0.0.1')) return r.sent == 3 and r.loss == 0");
}

static void answer_the_first(unsigned index, const uint8_t *icmp, size_t len) {
  assert_int_equal(len, 8 + 100);
  if (index == 0) {
    peer_answer(icmp, len);
  }
}

static void what_is_lost_is_told_in_percent(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  peer_start(lua.loop, false, answer_the_first);
  expect_up("local r = assert(icmp.ping('127.0.0.2', {count = 4, interval = '10ms', timeout = 0.5, size = 100}))"
            "return r.sent == 4 and r.received == 1 and r.loss == 75 and r.min == r.max and r.min > 0");
  assert_false(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static void answer_nothing(unsigned index, const uint8_t *icmp, size_t len) {
  (void)index;
  (void)icmp;
  (void)len;
}

static void all_lost_is_a_result_but_counts_as_a_failed_call(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  peer_start(lua.loop, false, answer_nothing);
  expect_up("local r = assert(icmp.ping('127.0.0.2', {count = 2, interval = '10ms', timeout = '50ms'}))"
            "return r.sent == 2 and r.received == 0 and r.loss == 100 and not r.min and not r.avg and not r.max");
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static void refuse(unsigned index, const uint8_t *icmp, size_t len) {
  (void)index;
  (void)icmp;
  peer_refuse(len);
}

static void what_stands_in_the_way_is_told_by_the_code(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  expect_up("local r, text, code = icmp.ping('192.0.2.1')"
            "return r == nil and code == 'unreachable' and text == '192.0.2.1: network is unreachable', text");
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
  expect_up("local r, text, code = icmp.ping('a..b')"
            "return r == nil and code == 'resolve' and text:find('a..b: ', 1, true) == 1, text");
  peer_start(lua.loop, false, refuse);
  expect_up(
      "local r, text, code = icmp.ping('127.0.0.2', {interval = '10ms'})"
      "return r == nil and code == 'unreachable' and text == '127.0.0.2: no route to host, says 127.0.0.9', text");
}

static void a_kernel_that_allows_no_ping_is_told_with_what_to_set(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  if (!own_network_allow_ping("1 0")) {
    skip(); /* group 1 does not exist in a user namespace */
  }
  expect_up("local r, text, code = icmp.ping('127.0.0.1') assert(r == nil and code == 'permission')"
            "return text:find('sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"', 1, true) ~= nil, text");
}

static void of_a_name_the_next_address_is_pinged_when_there_is_no_way_to_one(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  expect_up("local r = assert(icmp.ping('far.example', {interval = '10ms'}))"
            "return r.address == '127.0.0.1' and r.received == 3");
}

static void where_this_node_does_not_allow_it_nothing_is_sent(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  struct bc_fault fault;
  static const char denied[] =
      "for _, host in ipairs{'169.254.9.9', '::ffff:169.254.9.9', 'fe80::1', 'denied.example', '127.0.0.2'} do "
      "local r, text, code = icmp.ping(host) "
      "assert(r == nil and code == 'egress' and text:find('egress denied: ', 1, true) == 1, text) end return true";
  peer_start(lua.loop, false, answer_nothing);
  assert_int_equal(bc_egress_add(lua.io->egress, BC_EGRESS_DENY, bc_str_of("127.0.0.2"), &fault), BC_ERR_OK);
  expect_up(denied);
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
  bc_lua_io_set_egress(lua.io, NULL);
  expect_up(denied);
  assert_int_equal(peer.requests, 0);
}

static void wrong_arguments_raise(void **state) {
  (void)state;
  expect_raised("icmp.ping()", "t.lua:1: bad argument #1 to 'ping' (string expected");
  expect_raised("icmp.ping('')", "bad argument #1 to 'ping' (expected a name or an address)");
  expect_raised("icmp.ping(('a'):rep(256))", "bad argument #1 to 'ping' (expected a name or an address)");
  expect_raised("icmp.ping('a', 3)", "bad argument #2 to 'ping' (table expected, got number)");
  expect_raised("icmp.ping('a', {cuont = 3})", "unknown option 'cuont': expected count, interval, timeout, size");
  expect_raised("icmp.ping('a', {count = 0})", "option 'count': expected a whole number from 1 to 100");
  expect_raised("icmp.ping('a', {count = 101})", "option 'count': expected a whole number from 1 to 100");
  expect_raised("icmp.ping('a', {size = 7})", "option 'size': expected a whole number from 8 to 9000");
  expect_raised("icmp.ping('a', {interval = '9ms'})", "option 'interval': expected at least 10 ms, found 9 ms");
  expect_raised("icmp.ping('a', {timeout = -1})", "option 'timeout': expected");
}

static void a_ping_that_is_given_up_leaves_nothing(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  give_up("icmp.ping('127.0.0.1')");
  give_up("icmp.ping('both.example')");
  give_up("icmp.ping('192.0.2.1')");
  expect_up("return icmp.ping('127.0.0.1', {count = 1}).received == 1");
}

static void too_many_at_once_are_refused(void **state) {
  (void)state;
  lua_world_expect_up_crowded(&lua, "local r, text, code = icmp.ping('127.0.0.1') return code == 'limit', text", NULL);
}

static void hard_collections_harm_nothing(void **state) {
  (void)state;
  NEEDS_NETWORK(has_network);
  lua_world_expect_up_hard(
      &lua,
      "local r = assert(icmp.ping('both.example', {count = 2, interval = '10ms', timeout = '20s'}))"
      "assert(r.address == '::1' and r.received == 2 and r.avg > 0)"
      "local n, text, code = icmp.ping('192.0.2.1') return code == 'unreachable', text",
      NULL);
}

static int write_hosts(void **state) {
  (void)state;
  static const char text[] = "127.0.0.1 both.example\n::1 both.example\n192.0.2.1 far.example\n127.0.0.1 far.example\n"
                             "169.254.9.9 denied.example\n";
  return lua_world_write_hosts(hosts, text);
}

static int remove_hosts(void **state) {
  (void)state;
  return unlink(hosts);
}

int main(void) {
  has_network = own_network_make() && own_network_allow_ping("0 0");
#define ICMP_TEST(name) cmocka_unit_test_setup_teardown(name, lua_start, lua_stop)
  const struct CMUnitTest tests[] = {
      ICMP_TEST(who_answers_is_measured),
      ICMP_TEST(without_options_three_are_sent),
      ICMP_TEST(what_is_lost_is_told_in_percent),
      ICMP_TEST(all_lost_is_a_result_but_counts_as_a_failed_call),
      ICMP_TEST(what_stands_in_the_way_is_told_by_the_code),
      ICMP_TEST(a_kernel_that_allows_no_ping_is_told_with_what_to_set),
      ICMP_TEST(of_a_name_the_next_address_is_pinged_when_there_is_no_way_to_one),
      ICMP_TEST(where_this_node_does_not_allow_it_nothing_is_sent),
      ICMP_TEST(wrong_arguments_raise),
      ICMP_TEST(a_ping_that_is_given_up_leaves_nothing),
      ICMP_TEST(too_many_at_once_are_refused),
      ICMP_TEST(hard_collections_harm_nothing),
  };
  return cmocka_run_group_tests(tests, write_hosts, remove_hosts);
}
