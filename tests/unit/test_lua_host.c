/* Hosts that scripts name, into addresses that may be connected to. */
#include "resolver_world.h"
#include "worker/lua_host.h"

static struct bc_lua_io io;
static struct bc_lua_host host;
static unsigned told;

static void on_host(void *arg) {
  assert_ptr_equal(arg, &told);
  told++;
  if (!world.is_starting) {
    bc_loop_stop(world.loop);
  }
}

static void begin(const char *text, int family) {
  io = (struct bc_lua_io){.loop = world.loop, .resolver = world.resolver, .egress = io.egress};
  told = 0;
  world.is_starting = true;
  bc_lua_host_begin(&host, &io, bc_str_of(text), family, on_host, &told);
  world.is_starting = false;
}

/* A name, whose callback comes later. */
static void look_up(const char *text, int family) {
  begin(text, family);
  assert_int_equal(told, 0);
  bc_loop_run(world.loop);
  assert_int_equal(told, 1);
}

static void assert_next(const char *wanted) {
  struct bc_resolver_address address;
  char text[BC_LUA_HOST_TEXT_BYTES];
  assert_true(bc_lua_host_next(&host, 80, &address));
  bc_lua_host_print(&address, text);
  assert_string_equal(text, wanted);
}

static void assert_none(enum bc_lua_code code, const char *text) {
  struct bc_resolver_address address;
  assert_false(bc_lua_host_next(&host, 80, &address));
  assert_string_equal(host.fault.text, text);
  assert_int_equal(host.code, code);
}

static void addresses_are_taken_as_they_are_at_once(void **state) {
  (void)state;
  static const char *const texts[][2] = {
      {"10.0.0.1", "10.0.0.1"}, {"2001:DB8::1", "2001:db8::1"}, {"[2001:db8::1]", "2001:db8::1"}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    begin(texts[i][0], 0);
    assert_int_equal(told, 1);
    assert_next(texts[i][1]);
    assert_none(BC_LUA_OK, "");
  }
}

static void an_address_of_the_other_family_is_none(void **state) {
  (void)state;
  begin("10.0.0.1", 6);
  assert_none(BC_LUA_RESOLVE, "10.0.0.1: it is not an IPv6 address");
  begin("::1", 6);
  assert_next("::1");
}

static void names_have_all_their_addresses_or_those_of_a_family(void **state) {
  (void)state;
  look_up("loop.test", 0);
  assert_int_equal(host.count, 2);
  look_up("loop.test", 4);
  assert_next("127.0.0.1");
  assert_none(BC_LUA_OK, "");
  look_up("alias.test", 6);
  assert_next("::1");
  look_up("hosted.example", 4);
  assert_next("192.0.2.9");
}

static void what_has_no_address_is_told(void **state) {
  (void)state;
  look_up("nosuch.test", 0);
  assert_none(BC_LUA_RESOLVE, "nosuch.test: there is no such name");
  look_up("big..test", 0);
  assert_none(BC_LUA_RESOLVE, "big..test: this cannot be a name");
  begin("[10.0.0.1]", 0);
  assert_int_equal(told, 1);
  assert_none(BC_LUA_RESOLVE, "[10.0.0.1]: expected an IPv6 address in the brackets");
  begin("", 0);
  bc_loop_run(world.loop);
  assert_int_equal(host.code, BC_LUA_RESOLVE);
}

static void each_address_is_judged(void **state) {
  (void)state;
  look_up("far.test", 0);
  assert_int_equal(host.count, 2);
  assert_next("127.0.0.1");
  if (host.next < host.count) {
    assert_none(BC_LUA_EGRESS, "egress denied: fe80::1 port 80 is link-local");
  }
  begin("169.254.169.254", 0);
  assert_none(BC_LUA_EGRESS, "egress denied: 169.254.169.254 port 80 is link-local");
  /* By the rules of the moment. */
  begin("10.0.0.1", 0);
  assert_int_equal(bc_egress_add(io.egress, BC_EGRESS_DENY, bc_str_of("10.0.0.1:80"), NULL), BC_ERR_OK);
  assert_none(BC_LUA_EGRESS, "egress denied: 10.0.0.1 port 80 is denied by egress_deny 10.0.0.1:80");
}

static void without_rules_nothing_may_be_connected_to(void **state) {
  (void)state;
  struct bc_egress *egress = io.egress;
  io.egress = NULL;
  begin("10.0.0.1", 0);
  assert_none(BC_LUA_EGRESS, "egress denied: the rules of this node are not known yet");
  io.egress = egress;
}

static void an_end_brings_no_callback(void **state) {
  (void)state;
  begin("loop.test", 0);
  bc_lua_host_end(&host);
  bc_lua_host_end(&host);
  world_look_up("loop.test", WORLD_TIMEOUT_MS);
  assert_int_equal(told, 0);
  struct bc_lua_host zeroed = {0};
  bc_lua_host_end(&zeroed);
}

static int start(void **state) {
  io.egress = bc_egress_new();
  return world_start(state);
}

static int stop(void **state) {
  bc_egress_free(io.egress);
  return world_stop(state);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(addresses_are_taken_as_they_are_at_once),
      RULE(an_address_of_the_other_family_is_none),
      RULE(names_have_all_their_addresses_or_those_of_a_family),
      RULE(what_has_no_address_is_told),
      RULE(each_address_is_judged),
      RULE(without_rules_nothing_may_be_connected_to),
      RULE(an_end_brings_no_callback),
  };
  return cmocka_run_group_tests(tests, world_start_dnsmasq, world_stop_dnsmasq);
}
