/* The node's own limits on what it announces. */
#include "model/guard.h"

#include "base/limits.h"
#include "model/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bc_intern *intern;
static struct bc_guard *guard;

static int setup(void **state) {
  (void)state;
  intern = bc_intern_new();
  guard = bc_guard_new();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  size_t left = bc_intern_count(intern);
  bc_intern_free(intern);
  bc_guard_free(guard);
  return left == 0 ? 0 : -1;
}

static void add(enum bc_guard_setting setting, const char *list) {
  struct bc_fault fault = {0};
  if (bc_guard_add_list(guard, setting, bc_str_of(list), &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", list, fault.text);
  }
}

static void again(void) {
  bc_guard_free(guard);
  guard = bc_guard_new();
}

/* `text`: "" when it allows. */
static void assert_judged(const char *route_text, enum bc_guard_answer answer, const char *text) {
  struct bc_route route;
  struct bc_fault fault = {0};
  if (bc_route_parse(intern, bc_str_of(route_text), &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", route_text, fault.text);
  }
  enum bc_guard_answer found = bc_guard_judge(guard, &route, &fault);
  assert_string_equal(fault.text, text);
  assert_int_equal(found, answer);
  assert_int_equal(bc_guard_judge(guard, &route, NULL), answer);
  bc_route_release(intern, &route);
}

static void assert_prefix(const char *prefix, enum bc_guard_answer answer) {
  char text[128];
  bool is_ipv6 = strchr(prefix, ':') != NULL;
  (void)snprintf(text, sizeof text, "route %s next-hop %s", prefix, is_ipv6 ? "2001:db8::1" : "self");
  struct bc_route route;
  assert_int_equal(bc_route_parse(intern, bc_str_of(text), &route, NULL), BC_ERR_OK);
  enum bc_guard_answer found = bc_guard_judge(guard, &route, NULL);
  if (found != answer) {
    fail_msg("%s: %d, expected %d", prefix, (int)found, (int)answer);
  }
  bc_route_release(intern, &route);
}

static void without_settings_everything_is_allowed(void **state) {
  (void)state;
  assert_prefix("0.0.0.0/0", BC_GUARD_ALLOWS);
  assert_prefix("2001:db8::/128", BC_GUARD_ALLOWS);
  assert_judged("flow route { match { source 10.0.0.0/24; } then { discard; } }", BC_GUARD_ALLOWS, "");
  assert_judged("vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", BC_GUARD_ALLOWS, "");
  assert_judged("route 10.0.0.0/8 next-hop self community [ 1:1 no-export ]", BC_GUARD_ALLOWS, "");
  assert_int_equal(bc_guard_judge_count(guard, 1000000, 1000000, NULL), BC_GUARD_ALLOWS);
}

static void allow_means_the_prefix_itself_or_the_lengths_that_it_says(void **state) {
  (void)state;
  add(BC_GUARD_ALLOW, "192.0.2.0/24");
  assert_prefix("192.0.2.0/24", BC_GUARD_ALLOWS);
  assert_prefix("192.0.2.0/25", BC_GUARD_REFUSES);
  assert_prefix("192.0.2.1/32", BC_GUARD_REFUSES);
  assert_prefix("192.0.0.0/16", BC_GUARD_REFUSES);
  assert_prefix("192.0.3.0/24", BC_GUARD_REFUSES);
  add(BC_GUARD_ALLOW, "198.51.100.0/24 le 32, 203.0.112.0/22 ge 24 le 25");
  assert_prefix("198.51.100.0/24", BC_GUARD_ALLOWS);
  assert_prefix("198.51.100.7/32", BC_GUARD_ALLOWS);
  assert_prefix("198.51.101.0/32", BC_GUARD_REFUSES);
  assert_prefix("198.51.0.0/16", BC_GUARD_REFUSES);
  assert_prefix("203.0.112.0/22", BC_GUARD_REFUSES);
  assert_prefix("203.0.112.0/23", BC_GUARD_REFUSES);
  assert_prefix("203.0.115.0/24", BC_GUARD_ALLOWS);
  assert_prefix("203.0.115.128/25", BC_GUARD_ALLOWS);
  assert_prefix("203.0.115.128/26", BC_GUARD_REFUSES);
  add(BC_GUARD_ALLOW, "2001:db8::/32 ge 48");
  assert_prefix("2001:db8::/32", BC_GUARD_REFUSES);
  assert_prefix("2001:db8::/48", BC_GUARD_ALLOWS);
  assert_prefix("2001:db8::1/128", BC_GUARD_ALLOWS);
  assert_prefix("2001:db9::/48", BC_GUARD_REFUSES);
  again();
  /* Of IPv6 nothing is said, so nothing is allowed. */
  add(BC_GUARD_ALLOW, "0.0.0.0/0 le 32");
  assert_prefix("10.0.0.1/32", BC_GUARD_ALLOWS);
  assert_prefix("0.0.0.0/0", BC_GUARD_ALLOWS);
  assert_prefix("2001:db8::/32", BC_GUARD_REFUSES);
}

static void deny_means_all_within_and_wins(void **state) {
  (void)state;
  add(BC_GUARD_DENY, "10.0.0.0/8");
  assert_prefix("10.0.0.0/8", BC_GUARD_FORBIDS);
  assert_prefix("10.1.2.3/32", BC_GUARD_FORBIDS);
  assert_prefix("0.0.0.0/0", BC_GUARD_ALLOWS);
  assert_prefix("8.0.0.0/6", BC_GUARD_ALLOWS);
  assert_prefix("11.0.0.0/8", BC_GUARD_ALLOWS);
  assert_prefix("2001:db8::/32", BC_GUARD_ALLOWS);
  add(BC_GUARD_ALLOW, "10.0.0.0/8 le 32");
  assert_prefix("10.1.2.3/32", BC_GUARD_FORBIDS);
  assert_prefix("11.0.0.0/8", BC_GUARD_REFUSES);
  again();
  /* Who names the default route does not mean the whole table. */
  add(BC_GUARD_DENY, "0.0.0.0/0, ::/0");
  assert_prefix("0.0.0.0/0", BC_GUARD_FORBIDS);
  assert_prefix("::/0", BC_GUARD_FORBIDS);
  assert_prefix("10.0.0.0/8", BC_GUARD_ALLOWS);
  assert_prefix("2001:db8::/32", BC_GUARD_ALLOWS);
  again();
  add(BC_GUARD_DENY, "0.0.0.0/0 ge 25, 2001:db8::/32 le 47");
  assert_prefix("10.0.0.0/24", BC_GUARD_ALLOWS);
  assert_prefix("10.0.0.0/25", BC_GUARD_FORBIDS);
  assert_prefix("2001:db8::/47", BC_GUARD_FORBIDS);
  assert_prefix("2001:db8::/48", BC_GUARD_ALLOWS);
}

static void each_refusal_names_the_setting_and_what_it_refused(void **state) {
  (void)state;
  add(BC_GUARD_DENY, "10.0.0.0/8");
  add(BC_GUARD_ALLOW, "192.0.2.0/24 le 32");
  add(BC_GUARD_FAMILY, "ipv4 unicast");
  add(BC_GUARD_COMMUNITY, "65000:*");
  assert_judged("route 10.1.0.0/16 next-hop self", BC_GUARD_FORBIDS,
                "announce_deny 10.0.0.0/8: 10.1.0.0/16 may not be announced on this node");
  assert_judged("route 198.51.100.0/24 next-hop self", BC_GUARD_REFUSES,
                "announce_allow: 198.51.100.0/24 is not among the prefixes that may be announced on this node");
  assert_judged("route 192.0.2.0/24 next-hop self label 5", BC_GUARD_REFUSES,
                "announce_family: ipv4 nlri-mpls is not among the families that may be announced on this node");
  assert_judged("route 192.0.2.0/24 next-hop self community [ 65000:1 65001:1 ]", BC_GUARD_REFUSES,
                "announce_community: 65001:1 is not among the communities that may be sent from this node");
  assert_judged("route 192.0.2.0/24 next-hop self community [ 65000:1 65000:2 ] med 5", BC_GUARD_ALLOWS, "");
  bc_guard_set_most(guard, 100);
  struct bc_fault fault = {0};
  assert_int_equal(bc_guard_judge_count(guard, 98, 3, &fault), BC_GUARD_REFUSES);
  assert_string_equal(fault.text, "max_routes 100: 98 are announced on this node, 3 more would be too many");
}

static void one_nlri_of_a_route_is_enough_and_the_worst_counts(void **state) {
  (void)state;
  add(BC_GUARD_ALLOW, "192.0.2.0/24 le 32");
  assert_judged("attributes next-hop self nlri 192.0.2.1 192.0.2.2", BC_GUARD_ALLOWS, "");
  assert_judged("attributes next-hop self nlri 192.0.2.1 192.0.3.2", BC_GUARD_REFUSES,
                "announce_allow: 192.0.3.2/32 is not among the prefixes that may be announced on this node");
  assert_judged("route 192.0.2.0/23 next-hop self split /24", BC_GUARD_REFUSES,
                "announce_allow: 192.0.3.0/24 is not among the prefixes that may be announced on this node");
  add(BC_GUARD_DENY, "192.0.4.0/24");
  assert_judged("attributes next-hop self nlri 192.0.3.2 192.0.4.9", BC_GUARD_FORBIDS,
                "announce_deny 192.0.4.0/24: 192.0.4.9/32 may not be announced on this node");
}

static void a_flow_is_judged_by_its_destination(void **state) {
  (void)state;
  static const char within[] =
      "flow route { match { destination 192.0.2.7/32; source 10.0.0.0/8; } then { discard; } }";
  static const char beyond[] = "flow route { match { destination 192.0.0.0/16; } then { discard; } }";
  static const char nowhere[] = "flow route { match { source 192.0.2.0/24; } then { discard; } }";
  static const char ipv6[] = "flow route { match { destination 2001:db8::/64; } then { discard; } }";
  /* A flow is narrower than what is routed: lengths do not count. */
  add(BC_GUARD_ALLOW, "192.0.2.0/24,2001:db8::/32");
  assert_judged(within, BC_GUARD_ALLOWS, "");
  assert_judged(ipv6, BC_GUARD_ALLOWS, "");
  assert_judged(beyond, BC_GUARD_REFUSES,
                "announce_allow: 192.0.0.0/16 is not among the prefixes that may be announced on this node");
  assert_judged(
      nowhere, BC_GUARD_REFUSES,
      "announce_allow: a flow without destination is for all prefixes, also those that may not be announced on "
      "this node");
  assert_judged("vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", BC_GUARD_ALLOWS, "");
  again();
  add(BC_GUARD_DENY, "192.0.2.0/24,2001:db8::/32");
  assert_judged(within, BC_GUARD_FORBIDS, "announce_deny 192.0.2.0/24: 192.0.2.7/32 may not be announced on this node");
  assert_judged(ipv6, BC_GUARD_FORBIDS, "announce_deny 2001:db8::/32: 2001:db8::/64 may not be announced on this node");
  assert_judged(beyond, BC_GUARD_ALLOWS, "");
  assert_judged(nowhere, BC_GUARD_ALLOWS, "");
  again();
  add(BC_GUARD_FAMILY, "ipv4 unicast,ipv4 flow");
  assert_judged(within, BC_GUARD_ALLOWS, "");
  assert_judged(ipv6, BC_GUARD_REFUSES,
                "announce_family: ipv6 flow is not among the families that may be announced on this node");
}

static void communities_are_matched_part_by_part(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *community;
    bool is_allowed;
  } cases[] = {
      {"65000:100", "community 65000:100", true},
      {"65000:100", "community 65000:1000", false},
      {"65000:*", "community 65000:1", true},
      {"65000:*", "community 6500:1", false},
      {"65000:*", "large-community 65000:1:2", false},
      {"65000:*", "extended-community target:65000:1", false},
      {"65000:*:*", "large-community 65000:1:2", true},
      {"65000:*:*", "large-community 65001:1:2", false},
      {"*:666", "community 1:666", true},
      {"*:666", "community 1:667", false},
      {"target:65000:*", "extended-community target:65000:7", true},
      {"target:65000:*", "extended-community origin:65000:7", false},
      {"no-export", "community 0xffffff01", true},
      {"65535:65281", "community no-export", true},
      {"nopeer", "community no-peer", true},
      {"65535:*", "community no-export", false},
      {"0x00010002", "community 1:2", true},
      {"*", "community no-export", true},
      {"*", "extended-community target:65000:7", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[128];
    struct bc_route route;
    again();
    add(BC_GUARD_COMMUNITY, cases[i].pattern);
    (void)snprintf(text, sizeof text, "route 10.0.0.0/8 next-hop self %s", cases[i].community);
    assert_int_equal(bc_route_parse(intern, bc_str_of(text), &route, NULL), BC_ERR_OK);
    if ((bc_guard_judge(guard, &route, NULL) == BC_GUARD_ALLOWS) != cases[i].is_allowed) {
      fail_msg("%s, %s", cases[i].pattern, cases[i].community);
    }
    bc_route_release(intern, &route);
  }
  again();
  add(BC_GUARD_COMMUNITY, "65000:*,no-export");
  assert_judged("flow route { match { destination 10.0.0.0/8; } then { redirect 1:1; community 65000:1; } }",
                BC_GUARD_ALLOWS, "");
  assert_judged("flow route { match { destination 10.0.0.0/8; } then { discard; large-community 1:2:3; } }",
                BC_GUARD_REFUSES,
                "announce_community: 1:2:3 is not among the communities that may be sent from this node");
}

static void max_routes_counts_what_comes(void **state) {
  (void)state;
  bc_guard_set_most(guard, 10);
  assert_int_equal(bc_guard_judge_count(guard, 9, 1, NULL), BC_GUARD_ALLOWS);
  assert_int_equal(bc_guard_judge_count(guard, 10, 1, NULL), BC_GUARD_REFUSES);
  assert_int_equal(bc_guard_judge_count(guard, 0, 11, NULL), BC_GUARD_REFUSES);
  assert_int_equal(bc_guard_judge_count(guard, 50, 1, NULL), BC_GUARD_REFUSES);
  assert_int_equal(bc_guard_judge_count(guard, 50, 0, NULL), BC_GUARD_ALLOWS);
  assert_int_equal(bc_guard_judge_count(guard, 9, SIZE_MAX, NULL), BC_GUARD_REFUSES);
}

static void what_is_no_rule_is_told(void **state) {
  (void)state;
  static const struct {
    enum bc_guard_setting setting;
    enum bc_err err;
    const char *text, *fault;
  } cases[] = {
      {BC_GUARD_ALLOW, BC_ERR_CONFLICT, "10.0.0.1/8",
       "announce_allow: \"10.0.0.1/8\" has bits set behind its length, expected 10.0.0.0/8"},
      {BC_GUARD_DENY, BC_ERR_RANGE, "10.0.0.0/8 le 33",
       "announce_deny: le: expected a length from 8 to 32, found \"33\""},
      {BC_GUARD_DENY, BC_ERR_RANGE, "10.0.0.0/8 ge 7",
       "announce_deny: ge: expected a length from 8 to 32, found \"7\""},
      {BC_GUARD_DENY, BC_ERR_RANGE, "10.0.0.0/8 le", "announce_deny: le: expected a length from 8 to 32, found \"\""},
      {BC_GUARD_ALLOW, BC_ERR_RANGE, "10.0.0.0/8 ge 25 le 24",
       "announce_allow: ge 25 is more than le 24: nothing lies between"},
      {BC_GUARD_ALLOW, BC_ERR_SYNTAX, "10.0.0.0/8 le 24 le 25",
       "announce_allow: expected PREFIX, and ge LENGTH and le LENGTH once each, found \"le\""},
      {BC_GUARD_ALLOW, BC_ERR_SYNTAX, "10.0.0.0/8 24",
       "announce_allow: expected PREFIX, and ge LENGTH and le LENGTH once each, found \"24\""},
      {BC_GUARD_FAMILY, BC_ERR_SYNTAX, "ipv4",
       "announce_family: expected a family such as ipv4 unicast or ipv6 flow, found \"ipv4\""},
      {BC_GUARD_COMMUNITY, BC_ERR_SYNTAX, "65000", ""},
      {BC_GUARD_COMMUNITY, BC_ERR_SYNTAX, "65000:*:*:*",
       "announce_community: expected a community such as 65000:100, 65000:*, 65000:*:*, target:65000:*, no-export or "
       "*, "
       "found \"65000:*:*:*\""},
      {BC_GUARD_COMMUNITY, BC_ERR_SYNTAX, "1:1 med 5",
       "announce_community: expected a community such as 65000:100, 65000:*, 65000:*:*, target:65000:*, no-export or "
       "*, "
       "found \"1:1 med 5\""},
      {BC_GUARD_COMMUNITY, BC_ERR_SYNTAX, "65000:?",
       "announce_community: expected a community such as 65000:100, 65000:*, 65000:*:*, target:65000:*, no-export or "
       "*, "
       "found \"65000:?\""},
      {BC_GUARD_COMMUNITY, BC_ERR_SYNTAX, "",
       "announce_community: expected a community such as 65000:100, 65000:*, 65000:*:*, target:65000:*, no-export or "
       "*, "
       "found \"\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault = {0};
    enum bc_err err = bc_guard_add(guard, cases[i].setting, bc_str_of(cases[i].text), &fault);
    if (cases[i].fault[0] == '\0') {
      assert_int_equal(err, BC_ERR_OK); /* a number is a community */
      continue;
    }
    assert_string_equal(fault.text, cases[i].fault);
    assert_int_equal(err, cases[i].err);
  }
  for (size_t i = 0; i < BC_LIMIT_GUARD_RULES; i++) {
    add(BC_GUARD_DENY, "10.0.0.0/8");
  }
  struct bc_fault fault = {0};
  assert_int_equal(bc_guard_add(guard, BC_GUARD_DENY, bc_str_of("10.0.0.0/8"), &fault), BC_ERR_LIMIT);
  assert_string_equal(fault.text, "announce_deny: more than 1000 of them");
}

/* ---- settings ---- */

static enum bc_err parse_file(const char *file, struct bc_settings *settings, struct bc_fault *fault) {
  char name[] = "bgpcommander";
  char *argv[] = {name, NULL};
  return bc_settings_parse(1, argv, NULL, bc_str_of(file), "n1", settings, fault);
}

static void the_node_file_makes_the_guard(void **state) {
  (void)state;
  struct bc_settings settings;
  struct bc_fault fault = {0};
  assert_int_equal(parse_file("announce_allow 192.0.2.0/24 le 32 # ours\nannounce_allow 2001:db8::/32\n"
                              "announce_deny 192.0.2.128/25\nannounce_family ipv4 unicast\n"
                              "announce_family ipv6 unicast\nannounce_community 65000:*\nmax_routes 2\n",
                              &settings, &fault),
                   BC_ERR_OK);
  bc_guard_free(guard);
  guard = bc_guard_of(&settings);
  bc_settings_release(&settings);
  assert_prefix("192.0.2.1/32", BC_GUARD_ALLOWS);
  assert_prefix("192.0.2.129/32", BC_GUARD_FORBIDS);
  assert_prefix("2001:db8::/32", BC_GUARD_ALLOWS);
  assert_prefix("198.51.100.0/24", BC_GUARD_REFUSES);
  assert_judged("route 192.0.2.1/32 next-hop self community 1:1", BC_GUARD_REFUSES,
                "announce_community: 1:1 is not among the communities that may be sent from this node");
  assert_int_equal(bc_guard_judge_count(guard, 2, 1, NULL), BC_GUARD_REFUSES);
  assert_int_equal(parse_file("", &settings, &fault), BC_ERR_OK);
  bc_guard_free(guard);
  guard = bc_guard_of(&settings);
  bc_settings_release(&settings);
  assert_prefix("192.0.2.129/32", BC_GUARD_ALLOWS);
  assert_int_equal(bc_guard_judge_count(guard, 2000000, 1, NULL), BC_GUARD_ALLOWS);
}

static void a_wrong_value_in_the_node_file_is_refused_with_its_line(void **state) {
  (void)state;
  static const struct {
    const char *file, *fault;
  } cases[] = {
      {"announce_deny 10.0.0.1/8\n", "/etc/bgpcommander/bgpcommander.conf:1: announce_deny: expected PREFIX, PREFIX le "
                                     "N, PREFIX ge N or PREFIX ge N le "
                                     "N such as 192.0.2.0/24 le 32, without host bits, found \"10.0.0.1/8\""},
      {"\nannounce_family ipv4\n",
       "/etc/bgpcommander/bgpcommander.conf:2: announce_family: expected a family as ExaBGP writes it, such as ipv4 "
       "unicast or ipv6 flow, found \"ipv4\""},
      {"announce_community x\n",
       "/etc/bgpcommander/bgpcommander.conf:1: announce_community: expected a community such as 65000:100, 65000:*, "
       "65000:*:*, target:65000:*, no-export or *, found \"x\""},
      {"max_routes 0\n",
       "/etc/bgpcommander/bgpcommander.conf:1: max_routes: expected a number from 1 to 2000000, found \"0\""},
      {"announce_allow\n", "/etc/bgpcommander/bgpcommander.conf:1: announce_allow: expected PREFIX, PREFIX le N, "
                           "PREFIX ge N or PREFIX ge N "
                           "le N such as 192.0.2.0/24 le 32, without host bits, found \"\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_settings settings;
    struct bc_fault fault = {0};
    assert_int_not_equal(parse_file(cases[i].file, &settings, &fault), BC_ERR_OK);
    assert_string_equal(fault.text, cases[i].fault);
  }
}

/* ---- the decision ---- */

static struct bc_decision decide(bool forbids, enum bc_health_state health, bool is_settled, bool stands) {
  struct bc_config_route route = {
      .is_subscribed = true, .has_config = true, .has_version = true, .is_settled = is_settled};
  return bc_decide(&(struct bc_decide_input){
      .route = &route, .health = health, .guard_reason = "refused", .guard_forbids = forbids, .stands = stands});
}

static void what_is_refused_is_kept_and_what_is_forbidden_leaves(void **state) {
  (void)state;
  for (int stands = 0; stands < 2; stands++) {
    struct bc_decision found = decide(false, BC_HEALTH_UP, true, stands != 0);
    assert_true(found.verdict == BC_VERDICT_KEEP && found.layer == BC_LAYER_GUARD);
    found = decide(false, BC_HEALTH_DOWN, true, stands != 0);
    assert_true(found.verdict == BC_VERDICT_WITHDRAW && found.layer == BC_LAYER_HEALTH);
    found = decide(false, BC_HEALTH_UNKNOWN, true, stands != 0);
    assert_true(found.verdict == BC_VERDICT_KEEP && found.layer != BC_LAYER_GUARD);
    found = decide(true, BC_HEALTH_UP, true, stands != 0);
    assert_true(found.verdict == BC_VERDICT_WITHDRAW && found.layer == BC_LAYER_GUARD);
    assert_string_equal(found.reason, "refused");
    /* Neither a hold nor a check without a result keeps it. */
    found = decide(true, BC_HEALTH_UNKNOWN, true, stands != 0);
    assert_true(found.verdict == BC_VERDICT_WITHDRAW && found.layer == BC_LAYER_GUARD);
    found = decide(true, BC_HEALTH_UNCHECKED, true, stands != 0);
    assert_true(found.verdict == BC_VERDICT_WITHDRAW && found.layer == BC_LAYER_GUARD);
    found = decide(true, BC_HEALTH_UP, false, stands != 0);
    assert_true(found.verdict == BC_VERDICT_WITHDRAW && found.layer == BC_LAYER_GUARD);
    found = decide(true, BC_HEALTH_DOWN, true, stands != 0);
    assert_true(found.verdict == BC_VERDICT_WITHDRAW && found.layer == BC_LAYER_HEALTH);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(without_settings_everything_is_allowed, setup, teardown),
      cmocka_unit_test_setup_teardown(allow_means_the_prefix_itself_or_the_lengths_that_it_says, setup, teardown),
      cmocka_unit_test_setup_teardown(deny_means_all_within_and_wins, setup, teardown),
      cmocka_unit_test_setup_teardown(each_refusal_names_the_setting_and_what_it_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(one_nlri_of_a_route_is_enough_and_the_worst_counts, setup, teardown),
      cmocka_unit_test_setup_teardown(a_flow_is_judged_by_its_destination, setup, teardown),
      cmocka_unit_test_setup_teardown(communities_are_matched_part_by_part, setup, teardown),
      cmocka_unit_test_setup_teardown(max_routes_counts_what_comes, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_rule_is_told, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_refused_is_kept_and_what_is_forbidden_leaves, setup, teardown),
      cmocka_unit_test_setup_teardown(the_node_file_makes_the_guard, setup, teardown),
      cmocka_unit_test_setup_teardown(a_wrong_value_in_the_node_file_is_refused_with_its_line, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
