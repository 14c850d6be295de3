/* The module udp of scripts. */
#include "hold_up.h"
#include "lua_world.h"
#include "own_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

static bool has_network;
static struct lua_world lua;
static char hosts[] = "/tmp/bc-udp-XXXXXX";
static char server_text[16], closed_text[16];

/* Answers what begins with "echo" by the same, "second" at the second time, "big" by 2000 bytes, others not. */
static struct server {
  int fd;
  struct bc_watch *watch;
  unsigned came;
} server;

static void server_on_read(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  static char bytes[65536];
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  ssize_t got = recvfrom(fd, bytes, sizeof bytes - 1, 0, (struct sockaddr *)&from, &len);
  assert_true(got >= 0);
  bytes[got] = '\0';
  server.came++;
  size_t answer = (size_t)got;
  if (strncmp(bytes, "big", 3) == 0) {
    answer = 2000;
  } else if (got > 0 && strncmp(bytes, "echo", 4) != 0 && (strcmp(bytes, "second") != 0 || server.came != 2)) {
    return;
  }
  assert_int_equal(sendto(fd, bytes, answer, 0, (struct sockaddr *)&from, len), (ssize_t)answer);
}

static int bind_server(char text[static 16]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  (void)snprintf(text, 16, "%u", ntohs(address.sin_port));
  return fd;
}

static int lua_start(void **state) {
  (void)state;
  lua_world_open(&lua);
  lua_world_ask_hosts_only(&lua);
  server = (struct server){.fd = bind_server(server_text)};
  server.watch = bc_watch_new(lua.loop, server.fd, server_on_read, NULL);
  bc_watch_set(server.watch, BC_WATCH_READ);
  (void)close(bind_server(closed_text));
  return 0;
}

static int lua_stop(void **state) {
  (void)state;
  lua_world_drop_script(&lua);
  bc_watch_free(server.watch);
  (void)close(server.fd);
  lua_world_close(&lua);
  return 0;
}

static const char *const *globals(void) {
  static const char *list[5] = {"port", server_text, "closed", closed_text, NULL};
  return list;
}

static void expect_up(const char *text) {
  lua_world_expect_up(&lua, text, globals());
}

static void expect_raised(const char *text, const char *error) {
  lua_world_expect_raised(&lua, text, globals(), error);
}

static void give_up(const char *text) {
  lua_world_give_up(&lua, text, globals());
}

static void the_reply_and_its_time_are_given(void **state) {
  (void)state;
  expect_up("local r, rtt = udp.exchange('127.0.0.1', port, 'echo\\0\\255')"
            "assert(r == 'echo\\0\\255' and rtt > 0 and rtt < 20)"
            "assert(udp.exchange('127.0.0.1', port, '') == '')"
            "assert(#udp.exchange('127.0.0.1', port, 'echo' .. ('x'):rep(60000), {timeout = '19s'}) == 60004)"
            "return true");
  assert_false(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

/* The reply waits in the socket while this process sleeps over the timeout. */
static void a_loop_that_is_late_makes_no_reply_late(void **state) {
  (void)state;
  lua_world_load(&lua, (struct bc_sandbox_options){0},
                 "return udp.exchange('127.0.0.1', port, 'echo', {timeout = '200ms'})", globals());
  lua.run = bc_sandbox_run_new(lua.check);
  bc_sandbox_run_on_ready(lua.run, lua_world_on_ready, &lua);
  assert_int_equal(bc_sandbox_run_resume(lua.run), BC_SANDBOX_YIELDED);
  server_on_read(NULL, server.fd, BC_WATCH_READ);
  hold_up_past(bc_mono_add_ms(bc_mono_now(), 300));
  bc_timer_start(lua.hang, LUA_WORLD_HANG_MS);
  bc_loop_run(lua.loop);
  bc_timer_stop(lua.hang);
  (void)bc_sandbox_run_resume(lua.run);
  assert_false(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static void what_is_not_answered_is_sent_again(void **state) {
  (void)state;
  expect_up("local r, rtt = udp.exchange('127.0.0.1', port, 'second', {tries = 2, timeout = 10}) return r == 'second' "
            "and rtt < 5");
  server.came = 0;
  expect_up("return udp.exchange('127.0.0.1', port, 'second', {tries = 2}) == 'second'");
  server.came = 0;
  expect_up("local r, text, code = udp.exchange('127.0.0.1', port, 'silent', {tries = 3, timeout = '300ms'})"
            "return r == nil and code == 'timeout' and text == '127.0.0.1 port ' .. port .. ': timeout after 300 ms'");
  assert_int_equal(server.came, 3);
}

static void a_reply_longer_than_allowed_is_told(void **state) {
  (void)state;
  expect_up("assert(#udp.exchange('127.0.0.1', port, 'big', {max = 2000}) == 2000)"
            "local r, text, code = udp.exchange('127.0.0.1', port, 'big', {max = 1999})"
            "return r == nil and code == 'toolong' and text == '127.0.0.1 port ' .. port .. "
            "': the reply is longer than allowed', text");
}

static void who_is_not_there_is_told_by_the_code(void **state) {
  (void)state;
  expect_up("local r, text, code = udp.exchange('127.0.0.1', closed, 'echo')"
            "return r == nil and code == 'refused' and text == '127.0.0.1 port ' .. closed .. ': connection refused'");
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
  expect_up("local r, text, code = udp.exchange('a..b', 7, 'echo')"
            "return r == nil and code == 'resolve' and text:find('a..b: ', 1, true) == 1, text");
  if (has_network) {
    expect_up("local r, text, code = udp.exchange('192.0.2.1', 7, 'echo')"
              "return r == nil and code == 'unreachable' and text == '192.0.2.1 port 7: network is unreachable', text");
  }
}

static void of_a_name_the_next_address_is_tried(void **state) {
  (void)state;
  expect_up("assert(udp.exchange('both.example', port, 'echo') == 'echo')"
            "local r, text, code = udp.exchange('both.example', closed, 'echo')"
            "return code == 'refused' and text:find(' port ' .. closed .. ': connection refused', 1, true) ~= nil");
}

static void where_this_node_does_not_allow_it_nothing_is_sent(void **state) {
  (void)state;
  struct bc_fault fault;
  char rule[32];
  static const char denied[] =
      "for _, host in ipairs{'169.254.9.9', '::ffff:169.254.9.9', '[fe80::1]', 'denied.example', '224.0.0.1'} do "
      "local r, text, code = udp.exchange(host, port, 'echo') "
      "assert(r == nil and code == 'egress' and text:find('egress denied: ', 1, true) == 1, text) end return true";
  expect_up(denied);
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
  expect_up("return udp.exchange('half.example', port, 'echo') == 'echo'");
  (void)snprintf(rule, sizeof rule, "127.0.0.1:%s", server_text);
  assert_int_equal(bc_egress_add(lua.io->egress, BC_EGRESS_DENY, bc_str_of(rule), &fault), BC_ERR_OK);
  server.came = 0;
  expect_up("local r, text, code = udp.exchange('127.0.0.1', port, 'echo') return code == 'egress'");
  bc_lua_io_set_egress(lua.io, NULL);
  expect_up(denied);
  assert_int_equal(server.came, 0);
}

static void wrong_arguments_raise(void **state) {
  (void)state;
  expect_raised("udp.exchange()", "t.lua:1: bad argument #1 to 'exchange' (string expected");
  expect_raised("udp.exchange('', 1, '')", "bad argument #1 to 'exchange' (expected a name or an address)");
  expect_raised("udp.exchange(('a'):rep(256), 1, '')", "bad argument #1 to 'exchange' (expected a name");
  expect_raised("udp.exchange('a', 0, '')", "bad argument #2 to 'exchange' (expected a port, 1 to 65535)");
  expect_raised("udp.exchange('a', 65536, '')", "bad argument #2 to 'exchange' (expected a port, 1 to 65535)");
  expect_raised("udp.exchange('a', 'x', '')", "bad argument #2 to 'exchange' (number expected, got string)");
  expect_raised("udp.exchange('a', 1)", "bad argument #3 to 'exchange' (string expected");
  expect_raised("udp.exchange('a', 1, ('a'):rep(65536))", "bad argument #3 to 'exchange' (too long for a datagram)");
  expect_raised("udp.exchange('a', 1, '', {trys = 1})", "unknown option 'trys': expected timeout, max, tries");
  expect_raised("udp.exchange('a', 1, '', {tries = 11})", "option 'tries': expected a whole number from 1 to 10");
  expect_raised("udp.exchange('a', 1, '', {max = 0})", "option 'max': expected a whole number from 1 to 65535");
  expect_raised("udp.exchange('a', 1, '', {timeout = '2h'})", "option 'timeout': expected");
}

static void an_exchange_that_is_given_up_leaves_nothing(void **state) {
  (void)state;
  give_up("udp.exchange('127.0.0.1', port, 'echo')");
  give_up("udp.exchange('both.example', port, 'silent')");
  expect_up("return udp.exchange('127.0.0.1', port, 'echo') == 'echo'");
}

static void too_many_at_once_are_refused(void **state) {
  (void)state;
  lua_world_expect_up_crowded(
      &lua, "local r, text, code = udp.exchange('127.0.0.1', port, 'echo') return code == 'limit', text", globals());
}

static void hard_collections_harm_nothing(void **state) {
  (void)state;
  lua_world_expect_up_hard(
      &lua,
      "local r, rtt = udp.exchange('both.example', port, 'echo' .. ('x'):rep(1000), {tries = 2, timeout = 9})"
      "assert(#r == 1004 and rtt > 0)"
      "local n, text, code = udp.exchange('127.0.0.1', closed, 'echo') return code == 'refused', text",
      globals());
}

static int write_hosts(void **state) {
  (void)state;
  static const char text[] = "127.0.0.1 both.example half.example\n::1 both.example\nfe80::1 half.example\n"
                             "169.254.9.9 denied.example\n";
  return lua_world_write_hosts(hosts, text);
}

static int remove_hosts(void **state) {
  (void)state;
  return unlink(hosts);
}

int main(void) {
  has_network = own_network_make();
#define UDP_TEST(name) cmocka_unit_test_setup_teardown(name, lua_start, lua_stop)
  const struct CMUnitTest tests[] = {
      UDP_TEST(the_reply_and_its_time_are_given),
      UDP_TEST(a_loop_that_is_late_makes_no_reply_late),
      UDP_TEST(what_is_not_answered_is_sent_again),
      UDP_TEST(a_reply_longer_than_allowed_is_told),
      UDP_TEST(who_is_not_there_is_told_by_the_code),
      UDP_TEST(of_a_name_the_next_address_is_tried),
      UDP_TEST(where_this_node_does_not_allow_it_nothing_is_sent),
      UDP_TEST(wrong_arguments_raise),
      UDP_TEST(an_exchange_that_is_given_up_leaves_nothing),
      UDP_TEST(too_many_at_once_are_refused),
      UDP_TEST(hard_collections_harm_nothing),
  };
  return cmocka_run_group_tests(tests, write_hosts, remove_hosts);
}
