/* The node file's rules for what may come by HTTP. */
#include "admission_world.h"

#include "base/limits.h"

static void assert_prefix(const char *prefix, enum bc_admission_answer answer) {
  char text[128];
  bool is_ipv6 = strchr(prefix, ':') != NULL;
  (void)snprintf(text, sizeof text, "route %s next-hop %s", prefix, is_ipv6 ? "2001:db8::1" : "self");
  struct bc_route route = parse(text);
  uint64_t ttl_ms;
  struct bc_admission_ask ask = {.route = &route};
  enum bc_admission_answer found = bc_admission_judge(rules, &ask, &ttl_ms, NULL);
  if (found != answer) {
    fail_msg("%s: %s, expected %s", prefix, bc_admission_code(found), bc_admission_code(answer));
  }
  bc_route_release(intern, &route);
}

/* A flow by what stands in its match and what it does. */
static void assert_flow(const char *match, const char *then, enum bc_admission_answer answer) {
  char text[512];
  (void)snprintf(text, sizeof text, "flow route { match { %s } then { %s } }", match, then);
  struct bc_route route = parse(text);
  struct bc_fault fault = {0};
  uint64_t ttl_ms;
  struct bc_admission_ask ask = {.route = &route};
  enum bc_admission_answer found = bc_admission_judge(rules, &ask, &ttl_ms, &fault);
  if (found != answer) {
    fail_msg("%s: %s, expected %s: %s", text, bc_admission_code(found), bc_admission_code(answer), fault.text);
  }
  bc_route_release(intern, &route);
}

static void without_settings_what_is_usual_may_come(void **state) {
  (void)state;
  static const char *const fine[] = {"10.0.0.0/8",    "192.0.2.0/24",    "192.0.2.1/32",
                                     "2001:db8::/32", "2001:db8::1/128", "128.0.0.0/8"};
  static const char *const wide[] = {"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7",
                                     "::/0",      "2000::/3",  "2000::/15"};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
    assert_prefix(fine[i], BC_ADMISSION_OK);
  }
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
    assert_prefix(wide[i], BC_ADMISSION_LENGTH);
  }
  assert_judged("route 0.0.0.0/0 next-hop self", BC_ADMISSION_LENGTH,
                "admit_length: 0.0.0.0/0: expected a length from 8 to 32");
  assert_judged("route 10.0.0.0/24 next-hop self community [ 65000:1 ] med 5", BC_ADMISSION_OK, "");
  assert_judged("vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", BC_ADMISSION_OK, "");
}

static void what_no_router_forwards_never_comes(void **state) {
  (void)state;
  static const char *const martians[] = {"0.0.0.0/8",      "0.1.0.0/16",         "127.0.0.0/8",  "127.0.0.1/32",
                                         "169.254.0.0/16", "169.254.1.1/32",     "224.0.0.0/24", "239.1.2.3/32",
                                         "240.0.0.0/8",    "255.255.255.255/32", "::/128",       "::1/128",
                                         "fe80::/16",      "fe80::1/128",        "ff02::/16",    "::ffff:10.0.0.0/120"};
  static const char *const others[] = {"126.0.0.0/8", "128.0.0.0/8", "169.253.0.0/16", "223.0.0.0/8", "fd00::/16"};
  for (size_t i = 0; i < sizeof martians / sizeof martians[0]; i++) {
    assert_prefix(martians[i], BC_ADMISSION_NEVER);
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_prefix(others[i], BC_ADMISSION_OK);
  }
  assert_judged("route 127.0.0.1/32 next-hop self", BC_ADMISSION_NEVER,
                "127.0.0.1/32 lies in 127.0.0.0/8, which is never announced by HTTP");
  /* No list of the file opens them. */
  add(BC_ADMIT_ALLOW, "127.0.0.0/8 le 32");
  assert_prefix("127.0.0.1/32", BC_ADMISSION_NEVER);
}

static void an_allow_list_admits_only_what_it_names(void **state) {
  (void)state;
  add(BC_ADMIT_ALLOW, "192.0.2.0/24, 198.51.100.0/24 le 32,203.0.113.0/24 ge 32");
  assert_prefix("192.0.2.0/24", BC_ADMISSION_OK);
  assert_prefix("192.0.2.1/32", BC_ADMISSION_PREFIX);
  assert_prefix("198.51.100.0/24", BC_ADMISSION_OK);
  assert_prefix("198.51.100.9/32", BC_ADMISSION_OK);
  assert_prefix("198.51.0.0/16", BC_ADMISSION_PREFIX);
  assert_prefix("203.0.113.0/24", BC_ADMISSION_PREFIX);
  assert_prefix("203.0.113.1/32", BC_ADMISSION_OK);
  assert_prefix("2001:db8::/48", BC_ADMISSION_PREFIX);
  assert_judged("attributes next-hop self nlri 192.0.2.0/24 10.0.0.0/24", BC_ADMISSION_PREFIX,
                "admit_allow: 10.0.0.0/24 is not among the prefixes that may be announced by HTTP on this node");
  assert_judged("vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", BC_ADMISSION_PREFIX,
                "admit_allow: expected a prefix among the prefixes that may be announced by HTTP on this node");
  assert_flow("destination 192.0.2.1/32;", "discard;", BC_ADMISSION_OK);
  assert_flow("destination 192.0.3.1/32;", "discard;", BC_ADMISSION_PREFIX);
}

static void the_never_list_wins_over_the_allow_list(void **state) {
  (void)state;
  add(BC_ADMIT_ALLOW, "192.0.2.0/24 le 32");
  add(BC_ADMIT_NEVER, "192.0.2.53/32");
  assert_prefix("192.0.2.54/32", BC_ADMISSION_OK);
  assert_judged("route 192.0.2.53/32 next-hop self", BC_ADMISSION_NEVER,
                "admit_never 192.0.2.53/32: 192.0.2.53/32 may not be announced by HTTP on this node");
  /* A route is only where others are not more specific … */
  assert_prefix("192.0.2.0/24", BC_ADMISSION_OK);
}

/* … but what drops a /24 drops the name server in it. */
static void what_drops_may_not_hold_anything_of_the_never_list(void **state) {
  (void)state;
  add(BC_ADMIT_NEVER, "192.0.2.53/32");
  add(BC_ADMIT_FLOW, "whole ipv4 24");
  add(BC_BLACKHOLE_LENGTH, "ipv4 24-32");
  assert_flow("destination 192.0.2.0/24;", "discard;", BC_ADMISSION_NEVER);
  assert_flow("destination 192.0.2.0/24; destination-port =80;", "rate-limit 1000;", BC_ADMISSION_NEVER);
  assert_flow("destination 192.0.2.53/32; destination-port =80;", "discard;", BC_ADMISSION_NEVER);
  assert_flow("destination 192.0.3.0/24;", "discard;", BC_ADMISSION_OK);
  assert_flow("destination 192.0.2.0/24;", "accept;", BC_ADMISSION_OK);
  assert_flow("destination 192.0.3.1/32; source 192.0.2.53/32;", "discard;", BC_ADMISSION_NEVER);
  assert_flow("destination 192.0.3.1/32; source 192.0.2.0/24;", "discard;", BC_ADMISSION_OK);
  assert_judged("route 192.0.2.0/24 next-hop self community [ blackhole ]", BC_ADMISSION_NEVER,
                "admit_never 192.0.2.53/32: 192.0.2.0/24 may not be announced by HTTP on this node");
  assert_judged("route 192.0.3.0/24 next-hop self community [ blackhole ]", BC_ADMISSION_OK, "");
}

static void families_and_lengths_are_those_of_the_file(void **state) {
  (void)state;
  add(BC_ADMIT_FAMILY, "ipv4 unicast,ipv4 flow");
  add(BC_ADMIT_LENGTH, "ipv4 24-28");
  assert_prefix("10.0.0.0/24", BC_ADMISSION_OK);
  assert_prefix("10.0.0.0/28", BC_ADMISSION_OK);
  assert_prefix("10.0.0.0/23", BC_ADMISSION_LENGTH);
  assert_prefix("10.0.0.0/29", BC_ADMISSION_LENGTH);
  assert_judged("route 2001:db8::/48 next-hop 2001:db8::1", BC_ADMISSION_FAMILY,
                "admit_family: ipv6 unicast is not among the families that may be announced by HTTP on this node");
  assert_flow("destination 10.0.0.1/32;", "discard;", BC_ADMISSION_OK);
  assert_flow("destination 2001:db8::1/128;", "discard;", BC_ADMISSION_FAMILY);
  assert_judged("vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", BC_ADMISSION_FAMILY,
                "admit_family: l2vpn vpls is not among the families that may be announced by HTTP on this node");
  /* All prefixes that a split makes count, as that is what is announced. */
  assert_judged("route 10.0.0.0/24 next-hop self split /26", BC_ADMISSION_OK, "");
  assert_judged("route 10.0.0.0/24 next-hop self split /29", BC_ADMISSION_LENGTH,
                "admit_length: 10.0.0.0/29: expected a length from 24 to 28");
}

static void the_file_may_open_what_is_closed_without_it(void **state) {
  (void)state;
  add(BC_ADMIT_LENGTH, "ipv4 0-32,ipv6 0-128");
  assert_prefix("0.0.0.0/0", BC_ADMISSION_OK);
  assert_prefix("::/0", BC_ADMISSION_OK);
  assert_flow("destination 10.0.0.0/16; destination-port =80;", "discard;", BC_ADMISSION_FLOW);
  add(BC_ADMIT_FLOW, "destination ipv4 16,whole ipv4 16,action redirect,action discard,source ipv4 24");
  assert_flow("destination 10.0.0.0/16;", "discard;", BC_ADMISSION_OK);
  assert_flow("destination 10.0.0.0/16;", "redirect 65000:1;", BC_ADMISSION_OK);
  assert_flow("destination 10.0.0.0/16;", "rate-limit 5;", BC_ADMISSION_FLOW_ACTION);
  assert_flow("source 10.0.0.0/24;", "discard;", BC_ADMISSION_OK);
  assert_flow("source 10.0.0.0/23;", "discard;", BC_ADMISSION_FLOW);
}

static void blackholes_have_lengths_of_their_own(void **state) {
  (void)state;
  struct bc_admission_ask ask = {.is_blackhole = true};
  assert_asked("route 192.0.2.1/32 next-hop self", ask, BC_ADMISSION_OK, "");
  assert_asked("route 192.0.2.0/31 next-hop self", ask, BC_ADMISSION_LENGTH,
               "blackhole_length: 192.0.2.0/31: expected a length from 32 to 32");
  assert_asked("route 2001:db8::1/128 next-hop 2001:db8::1", ask, BC_ADMISSION_OK, "");
  assert_asked("route 2001:db8::/64 next-hop 2001:db8::1", ask, BC_ADMISSION_LENGTH,
               "blackhole_length: 2001:db8::/64: expected a length from 128 to 128");
  /* Also when somebody writes it himself. */
  assert_judged("route 192.0.2.0/24 next-hop self community [ 65535:666 ]", BC_ADMISSION_LENGTH,
                "blackhole_length: 192.0.2.0/24: expected a length from 32 to 32");
  assert_judged("route 192.0.2.0/24 next-hop self community [ 65000:666 ]", BC_ADMISSION_OK, "");
  add(BC_BLACKHOLE_COMMUNITY, "65000:666,no-export,65000:0:666");
  assert_judged("route 192.0.2.0/24 next-hop self community [ 65000:666 ]", BC_ADMISSION_LENGTH,
                "blackhole_length: 192.0.2.0/24: expected a length from 32 to 32");
  assert_judged("route 192.0.2.0/24 next-hop self large-community [ 65000:0:666 ]", BC_ADMISSION_LENGTH,
                "blackhole_length: 192.0.2.0/24: expected a length from 32 to 32");
  assert_judged("route 192.0.2.0/24 next-hop self community [ no-export ]", BC_ADMISSION_OK, "");
  /* The next hop is enough for a network to drop it. */
  add(BC_BLACKHOLE_NEXT_HOP, "198.51.100.254,100::1");
  assert_judged("route 192.0.2.0/24 next-hop 198.51.100.254", BC_ADMISSION_LENGTH,
                "blackhole_length: 192.0.2.0/24: expected a length from 32 to 32");
  assert_judged("attributes next-hop 198.51.100.254 nlri 192.0.2.1/32 192.0.2.2/31", BC_ADMISSION_LENGTH,
                "blackhole_length: 192.0.2.2/31: expected a length from 32 to 32");
  assert_judged("route 2001:db8::/48 next-hop 100:0:0::1", BC_ADMISSION_LENGTH,
                "blackhole_length: 2001:db8::/48: expected a length from 128 to 128");
  assert_judged("route 192.0.2.1/32 next-hop 198.51.100.254", BC_ADMISSION_OK, "");
  assert_judged("route 192.0.2.0/24 next-hop 198.51.100.253", BC_ADMISSION_OK, "");
  assert_judged("route 2001:db8::/48 next-hop 100::2", BC_ADMISSION_OK, "");
  add(BC_BLACKHOLE_LENGTH, "ipv4 24-32");
  assert_asked("route 192.0.2.0/24 next-hop self", ask, BC_ADMISSION_OK, "");
}

/* Dropping what goes to a BGP speaker ends the session that would carry the withdraw. */
static void addresses_of_bgp_sessions_are_not_dropped(void **state) {
  (void)state;
  struct bc_prefix own[2];
  const char *expected;
  assert_int_equal(bc_prefix_parse(bc_str_of("192.0.2.254"), &own[0], &expected), BC_ERR_OK);
  assert_int_equal(bc_prefix_parse(bc_str_of("2001:db8::fe"), &own[1], &expected), BC_ERR_OK);
  struct bc_admission_ask ask = {.own = own, .own_count = 2};
  add(BC_BLACKHOLE_LENGTH, "ipv4 24-32");
  assert_asked("route 192.0.2.254/32 next-hop self", ask, BC_ADMISSION_OWN_ADDRESS,
               "192.0.2.254/32 is an address of a BGP session of this node");
  assert_asked("route 192.0.2.0/24 next-hop self", ask, BC_ADMISSION_OK, "");
  assert_asked("route 192.0.2.0/24 next-hop self community [ blackhole ]", ask, BC_ADMISSION_OWN_ADDRESS,
               "192.0.2.0/24 holds an address of a BGP session of this node");
  assert_asked("flow route { match { destination 192.0.2.0/24; source-port =53; } then { discard; } }", ask,
               BC_ADMISSION_OWN_ADDRESS, "192.0.2.0/24 holds an address of a BGP session of this node");
  assert_asked("flow route { match { destination 192.0.2.0/24; } then { accept; } }", ask, BC_ADMISSION_OK, "");
  assert_asked("flow route { match { destination 10.0.0.1/32; source 192.0.2.254/32; } then { discard; } }", ask,
               BC_ADMISSION_OWN_ADDRESS, "192.0.2.254/32 is an address of a BGP session of this node");
  assert_asked("flow route { match { destination 10.0.0.1/32; source 192.0.2.0/24; } then { discard; } }", ask,
               BC_ADMISSION_OK, "");
  assert_asked("route 2001:db8::fe/128 next-hop 2001:db8::1", ask, BC_ADMISSION_OWN_ADDRESS,
               "2001:db8::fe/128 is an address of a BGP session of this node");
  assert_asked("route 192.0.2.253/32 next-hop self", ask, BC_ADMISSION_OK, "");
}

static struct bc_admission *of(struct bc_settings *settings) {
  struct bc_fault fault;
  assert_int_equal(bc_admission_check(settings, &fault), BC_ERR_OK);
  bc_admission_free(rules);
  rules = bc_admission_of(settings);
  return rules;
}

static void counts_have_their_limits(void **state) {
  (void)state;
  static const char text[] = "route 10.0.0.0/24 next-hop self";
  struct bc_settings settings = {.admit_max_routes = 10, .admit_max_routes_per_token = 3, .admit_max_per_hour = 5};
  (void)of(&settings);
  assert_asked(text, (struct bc_admission_ask){.nlri = 9, .token_nlri = 2, .token_hour = 4}, BC_ADMISSION_OK, "");
  assert_asked(text, (struct bc_admission_ask){.nlri = 10}, BC_ADMISSION_ROOM,
               "admit_max_routes 10: 10 stand by HTTP, and these are 1 more");
  assert_asked(text, (struct bc_admission_ask){.nlri = 11}, BC_ADMISSION_ROOM,
               "admit_max_routes 10: 11 stand by HTTP, and these are 1 more");
  assert_asked(text, (struct bc_admission_ask){.nlri = 9, .token_nlri = 3}, BC_ADMISSION_TOKEN_ROOM,
               "admit_max_routes_per_token 3: 3 of yours stand, and these are 1 more");
  assert_asked(text, (struct bc_admission_ask){.token_hour = 5}, BC_ADMISSION_RATE,
               "admit_max_per_hour 5: 5 of yours came within the last hour, and these are 1");
  /* One that takes the place of another is none more, but an announcement. */
  struct bc_admission_ask again = {.nlri = 10, .token_nlri = 3, .replaced = 1};
  assert_asked(text, again, BC_ADMISSION_OK, "");
  again.token_hour = 5;
  assert_asked(text, again, BC_ADMISSION_RATE,
               "admit_max_per_hour 5: 5 of yours came within the last hour, and these are 1");
}

static void each_prefix_of_a_route_counts(void **state) {
  (void)state;
  static const char split[] = "route 10.0.0.0/24 next-hop self split /26";
  static const char list[] = "attributes next-hop self nlri 10.0.0.0/24 10.0.1.0/24 10.0.2.0/24 10.0.3.0/24";
  struct bc_settings settings = {.admit_max_routes = 10, .admit_max_routes_per_token = 6, .admit_max_per_hour = 8};
  const char *const texts[] = {split, list};
  (void)of(&settings);
  for (size_t i = 0; i < 2; i++) {
    assert_asked(texts[i], (struct bc_admission_ask){.nlri = 6, .token_nlri = 2, .token_hour = 4}, BC_ADMISSION_OK, "");
    assert_asked(texts[i], (struct bc_admission_ask){.nlri = 7}, BC_ADMISSION_ROOM,
                 "admit_max_routes 10: 7 stand by HTTP, and these are 4 more");
    assert_asked(texts[i], (struct bc_admission_ask){.token_nlri = 3}, BC_ADMISSION_TOKEN_ROOM,
                 "admit_max_routes_per_token 6: 3 of yours stand, and these are 4 more");
    assert_asked(texts[i], (struct bc_admission_ask){.token_hour = 5}, BC_ADMISSION_RATE,
                 "admit_max_per_hour 8: 5 of yours came within the last hour, and these are 4");
    /* In the place of one with fewer, it is as many more as it has more. */
    assert_asked(texts[i], (struct bc_admission_ask){.nlri = 9, .replaced = 3}, BC_ADMISSION_OK, "");
    assert_asked(texts[i], (struct bc_admission_ask){.nlri = 9, .replaced = 2}, BC_ADMISSION_ROOM,
                 "admit_max_routes 10: 9 stand by HTTP, and these are 2 more");
    assert_asked(texts[i], (struct bc_admission_ask){.nlri = 20, .replaced = 5}, BC_ADMISSION_OK, "");
  }
}

static uint64_t ttl_of(uint64_t asked_ms, enum bc_admission_answer answer) {
  struct bc_route route = parse("route 10.0.0.0/24 next-hop self");
  uint64_t ttl_ms;
  struct bc_admission_ask ask = {.route = &route, .ttl_ms = asked_ms};
  assert_int_equal(bc_admission_judge(rules, &ask, &ttl_ms, NULL), answer);
  bc_route_release(intern, &route);
  return ttl_ms;
}

static void a_route_gets_the_time_that_the_file_allows(void **state) {
  (void)state;
  assert_int_equal(ttl_of(0, BC_ADMISSION_OK), 0);
  assert_int_equal(ttl_of(5000, BC_ADMISSION_OK), 5000);
  struct bc_settings settings = {.admit_max_ttl = 3600000};
  (void)of(&settings);
  assert_int_equal(ttl_of(0, BC_ADMISSION_OK), 3600000);
  assert_int_equal(ttl_of(3600000, BC_ADMISSION_OK), 3600000);
  (void)ttl_of(3600001, BC_ADMISSION_TTL);
  assert_asked("route 10.0.0.0/24 next-hop self", (struct bc_admission_ask){.ttl_ms = 3600001}, BC_ADMISSION_TTL,
               "admit_max_ttl: expected at most 3600 s, found 3601 s");
  settings.admit_default_ttl = 600000;
  (void)of(&settings);
  assert_int_equal(ttl_of(0, BC_ADMISSION_OK), 600000);
  assert_int_equal(ttl_of(1200000, BC_ADMISSION_OK), 1200000);
  settings.admit_max_ttl = 0;
  (void)of(&settings);
  assert_int_equal(ttl_of(0, BC_ADMISSION_OK), 600000);
  assert_int_equal(ttl_of(999999999, BC_ADMISSION_OK), 999999999);
  settings.admit_max_ttl = 599999;
  struct bc_fault fault;
  assert_int_equal(bc_admission_check(&settings, &fault), BC_ERR_RANGE);
  assert_string_equal(fault.text, "admit_default_ttl: expected at most admit_max_ttl");
}

static void a_faulty_value_is_told_with_its_setting(void **state) {
  (void)state;
  static const struct {
    enum bc_admission_setting setting;
    const char *value, *text;
  } cases[] = {
      {BC_ADMIT_ALLOW, "10.0.0.1/24",
       "admit_allow: \"10.0.0.1/24\" has bits set behind its length, expected 10.0.0.0/24"},
      {BC_ADMIT_NEVER, "10.0.0.0/24 le 20", "admit_never: le: expected a length from 24 to 32, found \"20\""},
      {BC_ADMIT_FAMILY, "ipv5 unicast",
       "admit_family: expected a family such as ipv4 unicast or ipv6 flow, found \"ipv5 unicast\""},
      {BC_ADMIT_LENGTH, "24-32",
       "admit_length: expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"24-32\""},
      {BC_ADMIT_LENGTH, "ipv4", "admit_length: expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"ipv4\""},
      {BC_ADMIT_LENGTH, "ipv4 32-24",
       "admit_length: expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"ipv4 32-24\""},
      {BC_ADMIT_LENGTH, "ipv4 24-33",
       "admit_length: expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"ipv4 24-33\""},
      {BC_ADMIT_LENGTH, "ipv4 24-",
       "admit_length: expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"ipv4 24-\""},
      {BC_ADMIT_LENGTH, "ipv6 24-32-48",
       "admit_length: expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"ipv6 24-32-48\""},
      {BC_BLACKHOLE_LENGTH, "ipv6 129",
       "blackhole_length: expected ipv4 or ipv6 and lengths such as 24-32 or 32, found \"ipv6 129\""},
      {BC_ADMIT_FLOW, "on", "admit_flow: expected off, destination, whole, source or action, found \"on\""},
      {BC_ADMIT_FLOW, "off now", "admit_flow: expected no more words, found \"now\""},
      {BC_ADMIT_FLOW, "destination 24", "admit_flow: expected ipv4 or ipv6, found \"24\""},
      {BC_ADMIT_FLOW, "destination ipv4 33", "admit_flow: expected a length up to 32 (128), or any, found \"33\""},
      {BC_ADMIT_FLOW, "destination ipv4 off", "admit_flow: expected a length up to 32 (128), or any, found \"off\""},
      {BC_ADMIT_FLOW, "whole ipv4 any", "admit_flow: expected a length up to 32 (128), found \"any\""},
      {BC_ADMIT_FLOW, "source ipv4 any", "admit_flow: expected a length up to 32 (128), or off, found \"any\""},
      {BC_ADMIT_FLOW, "source ipv4", "admit_flow: expected a length up to 32 (128), or off, found \"\""},
      {BC_ADMIT_FLOW, "action drop",
       "admit_flow: expected accept, discard, rate-limit, redirect, redirect-to-nexthop, redirect-to-nexthop-ietf, "
       "copy, mark, action, interface-set or extended-community, found \"drop\""},
      {BC_BLACKHOLE_COMMUNITY, "x",
       "blackhole_community: expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export, found \"x\""},
      {BC_BLACKHOLE_COMMUNITY, "65000:*",
       "blackhole_community: expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export, found "
       "\"65000:*\""},
      {BC_BLACKHOLE_COMMUNITY, "[ 1:1 ]",
       "blackhole_community: expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export, found "
       "\"[ 1:1 ]\""},
      {BC_BLACKHOLE_NEXT_HOP, "self",
       "blackhole_next_hop: expected an address such as 192.0.2.1 or 100::1, found \"self\""},
      {BC_BLACKHOLE_NEXT_HOP, "192.0.2.1/32",
       "blackhole_next_hop: expected an address such as 192.0.2.1 or 100::1, found \"192.0.2.1/32\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault = {0};
    enum bc_err err = bc_admission_add(rules, cases[i].setting, bc_str_of(cases[i].value), &fault);
    if (err == BC_ERR_OK || strcmp(fault.text, cases[i].text) != 0) {
      fail_msg("%s: %s", cases[i].value, fault.text);
    }
  }
}

static void what_may_stand_once_is_refused_twice(void **state) {
  (void)state;
  static const struct {
    enum bc_admission_setting setting;
    const char *once, *twice, *text;
  } cases[] = {
      {BC_ADMIT_LENGTH, "ipv4 24", "ipv4 25", "admit_length: ipv4 is given twice"},
      {BC_BLACKHOLE_LENGTH, "ipv6 64", "ipv6 64", "blackhole_length: ipv6 is given twice"},
      {BC_ADMIT_FLOW, "whole ipv6 64", "whole ipv6 65", "admit_flow: whole ipv6 is given twice"},
      {BC_BLACKHOLE_NEXT_HOP, "192.0.2.1", "192.0.2.2", "blackhole_next_hop: an IPv4 address is given twice"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault = {0};
    add(cases[i].setting, cases[i].once);
    assert_int_equal(bc_admission_add(rules, cases[i].setting, bc_str_of(cases[i].twice), &fault), BC_ERR_EXISTS);
    assert_string_equal(fault.text, cases[i].text);
  }
}

static void lists_are_bounded(void **state) {
  (void)state;
  struct bc_fault fault = {0};
  for (int i = 0; i < BC_LIMIT_GUARD_RULES; i++) {
    assert_int_equal(bc_admission_add(rules, BC_ADMIT_ALLOW, bc_str_of("10.0.0.0/8"), &fault), BC_ERR_OK);
  }
  assert_int_equal(bc_admission_add(rules, BC_ADMIT_ALLOW, bc_str_of("10.0.0.0/8"), &fault), BC_ERR_LIMIT);
  assert_string_equal(fault.text, "admit_allow: more than 1000 of them");
}

static void assert_blackhole_with(const char *prefix, const char *const *more, const char *command) {
  struct bc_str communities[8];
  size_t count = 0;
  while (more != NULL && more[count] != NULL) {
    communities[count] = bc_str_of(more[count]);
    count++;
  }
  struct bc_buf text;
  struct bc_fault fault = {0};
  bc_buf_init(&text, 4096);
  enum bc_err err = bc_admission_print_blackhole(rules, bc_str_of(prefix), communities, count, &text, &fault);
  if ((err == BC_ERR_OK) != (strncmp(command, "announce", 8) == 0) ||
      strcmp(err == BC_ERR_OK ? text.data : fault.text, command) != 0) {
    fail_msg("%s: %s%s", prefix, text.data, fault.text);
  }
  if (err == BC_ERR_OK) {
    struct bc_route route;
    enum bc_verb verb;
    assert_int_equal(bc_route_parse_command(intern, bc_buf_str(&text), &verb, &route, &fault), BC_ERR_OK);
    bc_route_release(intern, &route);
  }
  bc_buf_free(&text);
}

static void assert_blackhole(const char *prefix, const char *command) {
  assert_blackhole_with(prefix, NULL, command);
}

static void communities_of_a_request_join_those_of_their_kind(void **state) {
  (void)state;
  static const char *const all[] = {"65000:1", "65000:1:2", "target:65000:3", "no-peer", NULL};
  static const char *const plain[] = {"65000:1", "65000:2", NULL};
  assert_blackhole_with("192.0.2.1", plain,
                        "announce route 192.0.2.1/32 next-hop self community [ blackhole no-export 65000:1 65000:2 ]");
  assert_blackhole_with("192.0.2.1", all,
                        "announce route 192.0.2.1/32 next-hop self community [ blackhole no-export 65000:1 no-peer ] "
                        "large-community [ 65000:1:2 ] extended-community [ target:65000:3 ]");
  add(BC_BLACKHOLE_COMMUNITY, "65000:0:666");
  assert_blackhole_with("192.0.2.1", plain,
                        "announce route 192.0.2.1/32 next-hop self community [ 65000:1 65000:2 ] "
                        "large-community [ 65000:0:666 ]");
  add(BC_BLACKHOLE_COMMUNITY, "target:65000:666,65000:666");
  assert_blackhole_with("192.0.2.1", plain,
                        "announce route 192.0.2.1/32 next-hop self community [ 65000:666 65000:1 65000:2 ] "
                        "large-community [ 65000:0:666 ] extended-community [ target:65000:666 ]");
  assert_blackhole("192.0.2.1", "announce route 192.0.2.1/32 next-hop self community [ 65000:666 ] large-community [ "
                                "65000:0:666 ] extended-community [ target:65000:666 ]");
}

static void what_is_no_community_is_named(void **state) {
  (void)state;
  static const char *const bad[][3] = {{"65000:1", "nonsense", NULL}, {"", NULL}, {"65000:1 ] med 5 community [ 1:1"}};
  assert_blackhole_with("192.0.2.1", bad[0],
                        "communities: expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export, "
                        "found \"nonsense\"");
  assert_blackhole_with("192.0.2.1", bad[1],
                        "communities: expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export, "
                        "found \"\"");
  assert_blackhole_with("192.0.2.1", bad[2],
                        "communities: expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export, "
                        "found \"65000:1 ] med 5 community [ 1:1\"");
}

static void a_blackhole_is_a_route_of_the_template(void **state) {
  (void)state;
  assert_blackhole("192.0.2.1", "announce route 192.0.2.1/32 next-hop self community [ blackhole no-export ]");
  assert_blackhole("2001:DB8::1/128",
                   "blackhole_next_hop: the node file has none of IPv6, and `self` is for IPv4 only");
  add(BC_BLACKHOLE_COMMUNITY, "65000:666,65000:0:666,no-advertise");
  add(BC_BLACKHOLE_NEXT_HOP, "192.0.2.254,100::1");
  assert_blackhole("192.0.2.0/24",
                   "announce route 192.0.2.0/24 next-hop 192.0.2.254 community [ 65000:666 no-advertise "
                   "] large-community [ 65000:0:666 ]");
  assert_blackhole("2001:db8::1", "announce route 2001:db8::1/128 next-hop 100::1 community [ 65000:666 no-advertise ] "
                                  "large-community [ 65000:0:666 ]");
  assert_blackhole("192.0.2.1/24", "prefix: \"192.0.2.1/24\" has bits set behind its length, expected 192.0.2.0/24");
  assert_blackhole("", "prefix: expected a prefix such as 10.0.0.0/24 or 2001:db8::/32, found \"\"");
  assert_blackhole("192.0.2.1 community [ 1:1 ]",
                   "prefix: expected a prefix such as 10.0.0.0/24 or 2001:db8::/32, found \"192.0.2.1 "
                   "community [ 1:1 ]\"");
}

static void each_refusal_has_a_status_and_a_word_of_its_own(void **state) {
  (void)state;
  for (unsigned i = 1; i < BC_ADMISSION_ANSWERS; i++) {
    unsigned status = bc_admission_status((enum bc_admission_answer)i);
    assert_true(status == 403 || status == 409 || status == 422 || status == 429 || status == 503);
    for (unsigned j = 0; j < i; j++) {
      assert_string_not_equal(bc_admission_code((enum bc_admission_answer)i),
                              bc_admission_code((enum bc_admission_answer)j));
    }
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(without_settings_what_is_usual_may_come, setup, teardown),
      cmocka_unit_test_setup_teardown(what_no_router_forwards_never_comes, setup, teardown),
      cmocka_unit_test_setup_teardown(an_allow_list_admits_only_what_it_names, setup, teardown),
      cmocka_unit_test_setup_teardown(the_never_list_wins_over_the_allow_list, setup, teardown),
      cmocka_unit_test_setup_teardown(what_drops_may_not_hold_anything_of_the_never_list, setup, teardown),
      cmocka_unit_test_setup_teardown(families_and_lengths_are_those_of_the_file, setup, teardown),
      cmocka_unit_test_setup_teardown(the_file_may_open_what_is_closed_without_it, setup, teardown),
      cmocka_unit_test_setup_teardown(blackholes_have_lengths_of_their_own, setup, teardown),
      cmocka_unit_test_setup_teardown(addresses_of_bgp_sessions_are_not_dropped, setup, teardown),
      cmocka_unit_test_setup_teardown(counts_have_their_limits, setup, teardown),
      cmocka_unit_test_setup_teardown(each_prefix_of_a_route_counts, setup, teardown),
      cmocka_unit_test_setup_teardown(a_route_gets_the_time_that_the_file_allows, setup, teardown),
      cmocka_unit_test_setup_teardown(a_faulty_value_is_told_with_its_setting, setup, teardown),
      cmocka_unit_test_setup_teardown(what_may_stand_once_is_refused_twice, setup, teardown),
      cmocka_unit_test_setup_teardown(lists_are_bounded, setup, teardown),
      cmocka_unit_test_setup_teardown(a_blackhole_is_a_route_of_the_template, setup, teardown),
      cmocka_unit_test_setup_teardown(communities_of_a_request_join_those_of_their_kind, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_community_is_named, setup, teardown),
      cmocka_unit_test_setup_teardown(each_refusal_has_a_status_and_a_word_of_its_own, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
