/* Texts that are no single prefix: vpls, lists of NLRI, split prefixes, ExaBGP 5.0's family words, and what ExaBGP
 * tells of flows and vpls. */
#include "route_bench.h"
#include "standing_case.h"

/* ---- vpls ---- */

static void test_vpls_is_canonical(void **state) {
  (void)state;
  static const struct kind_case cases[] = {
      {"announce vpls size 8 offset 1 base 10702 endpoint 5 next-hop 10.0.0.1 rd 10.0.0.1:123 med 5 origin igp",
       "announce vpls rd 10.0.0.1:123 endpoint 5 base 10702 offset 1 size 8 next-hop 10.0.0.1 origin igp med 5"},
      {"l2vpn vpls site5 { route-distinguisher 1:1; endpoint 0; base 65535; offset 0; size 0; next-hop 10.0.0.1; }",
       "vpls rd 1:1 endpoint 0 base 65535 offset 0 size 0 next-hop 10.0.0.1"},
      {"withdraw vpls rd 1:1 endpoint 5 base 1 offset 1 size 8", NULL},
      {"vpls rd 1:1 endpoint 5 base 1 offset 1 size 8 next-hop 10.0.0.1 extended-community [ target:1:1 "
       "l2info:19:0:1500:111 ] name x",
       NULL},
  };
  ASSERT_CANONICAL(cases);
}

static void test_vpls_faults_say_where_what_and_what_was_expected(void **state) {
  (void)state;
  static const struct bad_case cases[] = {
      {"vpls", BC_ERR_SYNTAX, 5, "rd is missing"},
      {"vpls rd 1:1 endpoint 5 base 1 offset 1 size 8", BC_ERR_SYNTAX, 46, "next-hop is missing"},
      {"vpls rd 1:1 endpoint 5 base 1 offset 1 next-hop 1.2.3.4", BC_ERR_SYNTAX, 56, "size is missing"},
      {"vpls endpoint 5 base 1 offset 1 size 8 next-hop 1.2.3.4", BC_ERR_SYNTAX, 56, "rd is missing"},
      {"vpls rd 1:1 endpoint 65536", BC_ERR_RANGE, 22, "endpoint: 65536 is out of range (0 to 65535)"},
      {"vpls rd 1:1 base -1", BC_ERR_SYNTAX, 18, "base: found '-1'"},
      {"vpls rd 1:1 size 8 size 9", BC_ERR_SYNTAX, 20, "given twice"},
      {"vpls rd 1:1 endpoint 5 base 1 offset 1 size 8 next-hop self", BC_ERR_RANGE, 56, "expected an IPv4 address"},
      {"vpls rd 1:1 endpoint 5 base 1 offset 1 size 8 next-hop ::1", BC_ERR_RANGE, 56, "expected an IPv4 address"},
      {"vpls rd 1:1 large-community 1:1:1", BC_ERR_SYNTAX, 13, "ExaBGP does not take it in 'vpls'"},
      {"vpls rd 1:1 label 5", BC_ERR_SYNTAX, 13, "ExaBGP does not take it in 'vpls'"},
      {"route 10.0.0.0/24 next-hop self endpoint 5", BC_ERR_SYNTAX, 33, "ExaBGP does not take it in 'route'"},
  };
  ASSERT_REFUSED(cases);
}

/* ---- several NLRI ---- */

static void test_list_of_nlri_is_sorted_and_taken_apart(void **state) {
  (void)state;
  static const struct kind_case cases[] = {
      {"announce attributes med 5 next-hop self nlri 10.0.1.0/24 10.0.0.0/24;",
       "announce attributes next-hop self med 5 nlri 10.0.0.0/24 10.0.1.0/24"},
      {"attribute next-hop self name x nlri 10.0.1.0/24 10.0.0.1",
       "attributes next-hop self name x nlri 10.0.0.1/32 10.0.1.0/24"},
      {"attributes next-hop self name x nlri 10.0.1.0/24", "route 10.0.1.0/24 next-hop self name x"},
      {"attributes next-hop ::1 nlri 2001:db8:2::/48 2001:db8:1::/48",
       "attributes next-hop ::1 nlri 2001:db8:1::/48 2001:db8:2::/48"},
      {"attributes rd 1:1 label 5 next-hop 1.2.3.4 nlri 10.0.0.0/24 10.0.1.0/24",
       "attributes label 5 next-hop 1.2.3.4 rd 1:1 nlri 10.0.0.0/24 10.0.1.0/24"},
      {"withdraw attributes nlri 10.0.0.0/24 10.0.1.0/24", NULL},
      {"attributes next-hop self nlri 224.0.0.0/24 225.0.0.0/24", NULL},
  };
  ASSERT_CANONICAL(cases);
  enum bc_verb verb;
  struct bc_route list =
      route_of("neighbor 10.0.0.2 attributes next-hop self nlri 10.0.2.0/24 10.0.1.0/24 10.0.0.0/24", &verb);
  assert_int_equal(bc_route_nlri_count(&list), 3);
  assert_true(list.is_groupable);
  struct bc_route single = bc_route_single(&list, 2);
  assert_int_equal(bc_route_nlri_count(&single), 1);
  assert_prints(&single, BC_VERB_ANNOUNCE, "neighbor 10.0.0.2 announce route 10.0.2.0/24 next-hop self");
  struct bc_route copy = bc_route_copy(&list);
  assert_true(bc_route_equal(&copy, &list));
  assert_false(bc_route_equal(&copy, &single));
  struct bc_route first = bc_route_single(&list, 0);
  assert_false(bc_route_equal(&first, &list));
  bc_route_release(intern, &first);
  struct bc_route nudged = bc_route_nudged(intern, &list);
  assert_prints(&nudged, BC_VERB_NONE,
                "neighbor 10.0.0.2 attributes next-hop self med 1 nlri 10.0.0.0/24 10.0.1.0/24 10.0.2.0/24");
  bc_route_release(intern, &list);
  assert_int_equal(bc_route_nlri_count(&copy), 3);
  bc_route_release(intern, &copy);
  bc_route_release(intern, &single);
  bc_route_release(intern, &nudged);
}

static void test_list_faults_say_where_what_and_what_was_expected(void **state) {
  (void)state;
  static const struct bad_case cases[] = {
      {"attributes next-hop self", BC_ERR_SYNTAX, 25, "expected 'nlri'"},
      {"attributes next-hop self nlri", BC_ERR_SYNTAX, 30, "prefix: the text ends here"},
      {"attributes nlri 10.0.0.0/24", BC_ERR_SYNTAX, 28, "next-hop is missing"},
      {"attributes next-hop self nlri 10.0.0.0/24 2001:db8::/32", BC_ERR_SYNTAX, 43,
       "mixed families in one nlri list: '2001:db8::/32' is ipv6 unicast, the first is ipv4 unicast"},
      {"attributes next-hop self nlri 10.0.0.0/24 224.0.0.0/24", BC_ERR_SYNTAX, 43, "mixed families"},
      {"attributes next-hop self nlri 10.0.0.0/24 10.0.1.0/24 10.0.0.0/24", BC_ERR_SYNTAX, 55,
       "nlri: 10.0.0.0/24 is given twice"},
      {"attributes next-hop self nlri 10.0.0.0/24 , 10.0.1.0/24", BC_ERR_SYNTAX, 43, "found ','"},
      {"attributes next-hop self nlri [ 10.0.0.0/24 ]", BC_ERR_SYNTAX, 31, "found '['"},
      {"attributes next-hop self nlri 10.0.0.1/24", BC_ERR_RANGE, 31, "expected 10.0.0.0/24"},
      {"attributes next-hop self nlri 2001:db8::/32", BC_ERR_RANGE, 21, "write the IPv6 address"},
      {"attributes next-hop self path-information 5 nlri 10.0.0.0/24", BC_ERR_SYNTAX, 26, "4.2.21 ignores it"},
      {"attributes next-hop self split /25 nlri 10.0.0.0/24", BC_ERR_SYNTAX, 26, "ExaBGP ignores it"},
      {"attributes next-hop self med 5", BC_ERR_SYNTAX, 31, "expected 'nlri'"},
      {"attributes next-hop self nlri 10.0.0.0/24 med 5", BC_ERR_SYNTAX, 43, "found 'med'"},
      {"attributes { next-hop self; } nlri 10.0.0.0/24", BC_ERR_SYNTAX, 12, "found '{'"},
      {"attributes next-hop self rd 1:1 nlri 10.0.0.0/24", BC_ERR_SYNTAX, 29, "needs a label"},
  };
  ASSERT_REFUSED(cases);
}

static void test_list_has_a_limit(void **state) {
  (void)state;
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  for (unsigned count = BC_LIMIT_KEY_NLRI; count <= BC_LIMIT_KEY_NLRI + 1; count++) {
    bc_buf_clear(&text);
    bc_buf_add_text(&text, "attributes next-hop self nlri");
    for (unsigned i = 0; i < count; i++) {
      bc_buf_add_format(&text, " 10.%u.%u.0/24", i / 256, i % 256);
    }
    struct bc_route route;
    struct bc_fault fault;
    enum bc_err err = bc_route_parse(intern, bc_buf_str(&text), &route, &fault);
    assert_int_equal(err, count == BC_LIMIT_KEY_NLRI ? BC_ERR_OK : BC_ERR_LIMIT);
    if (err == BC_ERR_OK) {
      assert_int_equal(bc_route_nlri_count(&route), count);
      bc_route_release(intern, &route);
    }
  }
  bc_buf_free(&text);
}

static void test_split_cuts_into_all_parts(void **state) {
  (void)state;
  static const struct kind_case cases[] = {
      {"route 10.0.0.0/24 split /26 next-hop self", "route 10.0.0.0/24 next-hop self split /26"},
      {"route 10.0.0.0/24 next-hop self split /24", "route 10.0.0.0/24 next-hop self"},
      {"route 10.0.0.0/24 next-hop self split /16", "route 10.0.0.0/24 next-hop self"},
      {"route 0.0.0.0/0 next-hop self label 5 rd 1:1 split /9 name x",
       "route 0.0.0.0/0 label 5 next-hop self rd 1:1 split /9 name x"},
      {"route 2001:db8::/60 next-hop ::1 split /69", NULL},
  };
  ASSERT_CANONICAL(cases);
  enum bc_verb verb;
  struct bc_route route = route_of("route 10.0.252.0/22 next-hop self split /25", &verb);
  static const char *const parts[] = {"10.0.252.0/25", "10.0.252.128/25", "10.0.253.0/25", "10.0.253.128/25",
                                      "10.0.254.0/25", "10.0.254.128/25", "10.0.255.0/25", "10.0.255.128/25"};
  assert_int_equal(bc_route_nlri_count(&route), 8);
  for (size_t i = 0; i < 8; i++) {
    struct bc_route single = bc_route_single(&route, i);
    struct bc_buf text;
    bc_buf_init(&text, 256);
    bc_buf_add_format(&text, "route %s next-hop self", parts[i]);
    assert_prints(&single, BC_VERB_NONE, text.data);
    bc_buf_free(&text);
    bc_route_release(intern, &single);
  }
  bc_route_release(intern, &route);
  static const struct bad_case bad[] = {
      {"route 10.0.0.0/8 next-hop self split /18", BC_ERR_LIMIT, 38, "makes 2^10 routes, expected at most 1000"},
      {"route ::/0 next-hop ::1 split /128", BC_ERR_LIMIT, 31, "2^128"},
  };
  ASSERT_REFUSED(bad);
}

/* ---- ExaBGP 5.0's words ---- */

static void test_family_words_are_another_spelling_of_the_same(void **state) {
  (void)state;
  static const struct kind_case cases[] = {
      {"ipv4 unicast 10.0.0.0/24 next-hop self", "route 10.0.0.0/24 next-hop self"},
      {"announce ipv6 unicast 2001:db8::/32 next-hop ::1", "announce route 2001:db8::/32 next-hop ::1"},
      {"ipv4 multicast 224.0.0.0/24 next-hop self", "route 224.0.0.0/24 next-hop self"},
      {"ipv4 nlri-mpls 10.0.0.0/24 label 5 next-hop self", "route 10.0.0.0/24 label 5 next-hop self"},
      {"ipv6 mpls-vpn ::/0 label 5 rd 1:1 next-hop ::1", "route ::/0 label 5 next-hop ::1 rd 1:1"},
      {"withdraw ipv4 unicast 10.0.0.0/24", "withdraw route 10.0.0.0/24"},
      {"ipv4 unicast 10.0.0.0/24 next-hop self split /25", "route 10.0.0.0/24 next-hop self split /25"},
      {"ipv4 flow port =1 discard", "flow route { match { port =1; } then { discard; } }"},
      {"ipv4 flow { match { port =1; } then { discard; } }", "flow route { match { port =1; } then { discard; } }"},
      {"ipv6 flow-vpn rd 1:1 source ::/0 discard",
       "flow route { rd 1:1; match { source-ipv6 ::/0/0; } then { discard; } }"},
  };
  ASSERT_CANONICAL(cases);
  static const struct bad_case bad[] = {
      {"ipv4 unicast 2001:db8::/32 next-hop ::1", BC_ERR_SYNTAX, 6,
       "'ipv4 unicast' is written, but the prefix makes it"},
      {"ipv4 unicast 224.0.0.0/24 next-hop self", BC_ERR_SYNTAX, 6, "ipv4 multicast"},
      {"ipv4 multicast 10.0.0.0/24 next-hop self", BC_ERR_SYNTAX, 6, "ipv4 unicast"},
      {"ipv6 multicast ff00::/8 next-hop ::1", BC_ERR_SYNTAX, 6, "ipv6 unicast"},
      {"ipv4 nlri-mpls 10.0.0.0/24 next-hop self", BC_ERR_SYNTAX, 6, "a label or rd"},
      {"ipv4 vpls rd 1:1", BC_ERR_SYNTAX, 6, "expected unicast, multicast"},
      {"ipv4 flow source ::/0 discard", BC_ERR_SYNTAX, 11, "an IPv4 flow with an IPv6 prefix"},
      {"ipv6 flow next-header tcp discard", BC_ERR_SYNTAX, 11, "such as source ::/0"},
      {"ipv4 flow-vpn port =1 discard", BC_ERR_SYNTAX, 15, "rd is missing"},
      {"ipv4 flow rd 1:1 port =1 discard", BC_ERR_SYNTAX, 11, "expected flow-vpn"},
  };
  ASSERT_REFUSED(bad);
}

/* ---- what ExaBGP tells ---- */

static void test_listed_flow_and_vpls_equal_the_config(void **state) {
  (void)state;
  static const struct standing_case cases[] = {
      {BC_FAMILY_IPV4_FLOW, "flow source-ipv4 10.0.0.0/24 extended-community rate-limit:0",
       "flow route source 10.0.0.0/24 discard"},
      {BC_FAMILY_IPV4_FLOW, "flow source-ipv4 10.0.0.0/24", "flow route source 10.0.0.0/24 accept"},
      {BC_FAMILY_IPV4_FLOW_VPN,
       "flow protocol =unknown protocol type 200 icmp-type [ =echo-request =unknown icmp type type 77 ] rd 65000:1 "
       "extended-community redirect:1:2",
       "flow route { rd 65000:1; match { protocol 200; icmp-type [ 8 77 ]; } then { redirect 1:2; } }"},
      {BC_FAMILY_IPV4_FLOW,
       "flow port =1 next-hop 1.2.3.4 community 1:1 extended-community [ interface-set:input:1234:1234 "
       "redirect-to-nexthop ]",
       "flow route { next-hop 1.2.3.4; match { port 1; } scope { interface-set transitive:input:1234:1234; } then { "
       "redirect-to-nexthop; community 1:1; } }"},
      {BC_FAMILY_IPV4_FLOW,
       "flow port =1 next-hop 1.2.3.4 extended-community [ copy-to-nexthop action sample-terminal mark 5 ]",
       "flow route port 1 copy 1.2.3.4 mark 5 action sample-terminal"},
      {BC_FAMILY_IPV4_FLOW, "flow port =1 extended-community [ redirect-to-nexthop-ietf 1.2.3.4 rate-limit:9600 ]",
       "flow route port 1 redirect-to-nexthop-ietf 1.2.3.4 rate-limit 9600"},
      {BC_FAMILY_IPV6_FLOW,
       "flow source-ipv6 ::/0/0 next-header =tcp attribute [ 0x19 0xC0 redirect-to-nexthop-ietf 2001:db8::1 ]",
       "flow route source ::/0 protocol tcp redirect-to-nexthop-ietf 2001:db8::1"},
      {BC_FAMILY_IPV4_FLOW,
       "flow port =1 icmp-type =photuris extended-community-ipv6 redirect-to-nexthop-ietf 2001:db8::1",
       "flow route port 1 icmp-type 40 redirect-to-nexthop-ietf 2001:db8::1"},
      {BC_FAMILY_L2VPN_VPLS, "vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1 med 5",
       "vpls next-hop 10.0.0.1 med 5 rd 1:1 base 10 size 8 offset 1 endpoint 5"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    standing_case_expect_equal(intern, &cases[i]);
  }
}

static void test_rules_of_exabgp_lead_to_the_same_nlri(void **state) {
  (void)state;
  static const struct standing_case cases[] = {
      {BC_FAMILY_IPV4_FLOW_VPN,
       "flow source-ipv4 10.0.0.0/24 protocol [ =tcp =unknown protocol type 200 ] rd 1:1 next-hop 1.2.3.4",
       "flow route { rd 1:1; match { source 10.0.0.0/24; protocol [ tcp 200 ]; } then { discard; } }"},
      {BC_FAMILY_IPV4_FLOW,
       "flow protocol [ >=unknown protocol type 3&<=unknown protocol type 9 >unknown protocol type 30&<esp ]",
       "flow route protocol [ >=3&<=9 >30&<50 ] discard"},
      {BC_FAMILY_IPV6_FLOW, "source-ipv6 2001:db8::/32/0 next-header =tcp",
       "flow route source 2001:db8::/32 protocol tcp discard"},
      {BC_FAMILY_L2VPN_VPLS, "size 8 rd 1:1 base 10 offset 1 endpoint 5",
       "vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    enum bc_verb verb;
    struct bc_route config = route_of(cases[i].config, &verb);
    struct bc_nlri nlri;
    assert_int_equal(bc_nlri_from_rule(intern, cases[i].family, bc_str_of(cases[i].listed), &nlri), BC_ERR_OK);
    assert_int_equal(bc_nlri_compare(&nlri, &config.nlri), 0);
    assert_ptr_equal(nlri.rule, config.nlri.rule);
    bc_nlri_put(intern, &nlri);
    bc_route_release(intern, &config);
  }
  struct bc_nlri nlri;
  assert_int_equal(bc_nlri_from_rule(intern, BC_FAMILY_IPV4_UNICAST, bc_str_of("10.0.0.0/24"), &nlri), BC_ERR_SYNTAX);
  assert_int_equal(bc_nlri_from_rule(intern, BC_FAMILY_IPV4_FLOW, bc_str_of("flow"), &nlri), BC_ERR_SYNTAX);
  assert_int_equal(bc_nlri_from_rule(intern, BC_FAMILY_IPV4_FLOW, bc_str_of("flow port =1 rd 1:1"), &nlri),
                   BC_ERR_SYNTAX);
  assert_int_equal(bc_nlri_from_rule(intern, BC_FAMILY_L2VPN_VPLS, bc_str_of("vpls rd 1:1"), &nlri), BC_ERR_SYNTAX);
  assert_int_equal(
      bc_nlri_from_text(BC_FAMILY_IPV4_FLOW, bc_str_of("10.0.0.0/24"), bc_str_of(""), bc_str_of(""), &nlri),
      BC_ERR_SYNTAX);
}

/* The order of two runs must be the same, wherever their texts lie. */
static void test_rules_are_ordered_by_their_text(void **state) {
  (void)state;
  struct bc_nlri nlri[8];
  for (size_t i = 0; i < 8; i++) {
    char text[] = "port =0";
    text[6] = (char)('0' + i * 5 % 8);
    assert_int_equal(bc_nlri_from_rule(intern, BC_FAMILY_IPV4_FLOW, bc_str_of(text), &nlri[i]), BC_ERR_OK);
  }
  for (size_t i = 0; i < 64; i++) {
    int order = strcmp(nlri[i / 8].rule, nlri[i % 8].rule);
    int found = bc_nlri_compare(&nlri[i / 8], &nlri[i % 8]);
    assert_int_equal((order > 0) - (order < 0), (found > 0) - (found < 0));
  }
  for (size_t i = 0; i < 8; i++) {
    bc_nlri_put(intern, &nlri[i]);
  }
}

static void test_rules_are_identity_with_rd_and_print_as_exabgps(void **state) {
  (void)state;
  static const char *const texts[] = {
      "flow route port 1 discard",
      "flow route port 2 discard",
      "flow route { rd 1:1; match { port 1; } then { discard; } }",
      "flow route { rd 1:2; match { port 1; } then { discard; } }",
      "flow route { match { port 1; source ::/0; } then { discard; } }",
      "vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 1.2.3.4",
      "vpls rd 1:1 endpoint 5 base 10 offset 1 size 9 next-hop 1.2.3.4",
  };
  enum { COUNT = sizeof texts / sizeof texts[0] };
  struct bc_route route[COUNT];
  enum bc_verb verb;
  for (size_t i = 0; i < COUNT; i++) {
    route[i] = route_of(texts[i], &verb);
    assert_false(bc_family_has_prefix((enum bc_family)route[i].nlri.family));
    assert_false(route[i].is_groupable);
  }
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = 0; j < COUNT; j++) {
      int order = bc_nlri_compare(&route[i].nlri, &route[j].nlri);
      assert_int_equal(order == 0, i == j);
      assert_int_equal(order<0, bc_nlri_compare(&route[j].nlri, &route[i].nlri)> 0);
    }
  }
  struct bc_buf text;
  bc_buf_init(&text, 256);
  bc_nlri_print(&route[3].nlri, &text);
  assert_string_equal(text.data, "flow port =1 rd 1:2");
  bc_buf_clear(&text);
  bc_nlri_print(&route[5].nlri, &text);
  assert_string_equal(text.data, "vpls endpoint 5 base 10 offset 1 size 8 rd 1:1");
  bc_buf_free(&text);
  struct bc_nlri held = bc_nlri_ref(&route[0].nlri);
  for (size_t i = 0; i < COUNT; i++) {
    bc_route_release(intern, &route[i]);
  }
  assert_string_equal(held.rule, "port =1");
  bc_nlri_put(intern, &held);
}

/* ---- the nudge, and lines that are no routes ---- */

static void test_nudge_changes_what_does_no_harm(void **state) {
  (void)state;
  static const struct kind_case cases[] = {
      {"route 10.0.0.0/24 next-hop self", "route 10.0.0.0/24 next-hop self med 1"},
      {"route 10.0.0.0/24 next-hop self med 4294967295", "route 10.0.0.0/24 next-hop self med 4294967294"},
      {"vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 1.2.3.4 med 7",
       "vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 1.2.3.4 med 8"},
      {"flow route port 1 discard", "flow route { match { port =1; } then { discard; community 65535:65535; } }"},
      {"flow route { rd 1:1; next-hop 1.2.3.4; match { port 1; } scope { interface-set transitive:input:1:1; } then { "
       "redirect-to-nexthop; community 1:1; } }",
       "flow route { rd 1:1; next-hop 1.2.3.4; match { port =1; } scope { interface-set transitive:input:1:1; } then { "
       "redirect-to-nexthop; community [ 1:1 65535:65535 ]; } }"},
      {"flow route { match { port 1; } then { copy 1.2.3.4; community [ 65535:65535 1:1 ]; } }",
       "flow route { match { port =1; } then { copy 1.2.3.4; community 1:1; } }"},
      {"flow route { match { port 1; } then { accept; } }",
       "flow route { match { port =1; } then { accept; community 65535:65535; } }"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    enum bc_verb verb;
    struct bc_route route = route_of(cases[i].text, &verb);
    struct bc_route nudged = bc_route_nudged(intern, &route);
    assert_prints(&nudged, BC_VERB_NONE, cases[i].canonical);
    assert_int_equal(bc_nlri_compare(&nudged.nlri, &route.nlri), 0);
    bc_route_release(intern, &nudged);
    bc_route_release(intern, &route);
  }
}

static void test_watchdog_lines_are_rewritten_and_are_no_routes(void **state) {
  (void)state;
  static const struct {
    const char *line;
    const char *answer; /* NULL: refused */
  } cases[] = {
      {"announce watchdog dog", "announce watchdog dog"},
      {"  withdraw   watchdog dog ", "withdraw watchdog dog"},
      {"announce watchdog", NULL},
      {"announce watchdog dog cat", NULL},
      {"announce watchdog reset", NULL},
      {"neighbor 10.0.0.2 announce watchdog dog", NULL},
      {"watchdog dog", NULL},
      {"withdraw route 10.0.0.0/24 ;", "withdraw route 10.0.0.0/24"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_buf text;
    struct bc_fault fault = {0};
    bc_buf_init(&text, 256);
    enum bc_err err = bc_route_rewrite(intern, bc_str_of(cases[i].line), &text, &fault);
    assert_int_equal(err == BC_ERR_OK, cases[i].answer != NULL);
    if (err == BC_ERR_OK) {
      assert_string_equal(text.data, cases[i].answer);
    } else {
      assert_true(fault.column > 0);
    }
    bc_buf_free(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ROUTE_TEST(test_vpls_is_canonical),
      ROUTE_TEST(test_vpls_faults_say_where_what_and_what_was_expected),
      ROUTE_TEST(test_list_of_nlri_is_sorted_and_taken_apart),
      ROUTE_TEST(test_list_faults_say_where_what_and_what_was_expected),
      ROUTE_TEST(test_list_has_a_limit),
      ROUTE_TEST(test_split_cuts_into_all_parts),
      ROUTE_TEST(test_family_words_are_another_spelling_of_the_same),
      ROUTE_TEST(test_listed_flow_and_vpls_equal_the_config),
      ROUTE_TEST(test_rules_of_exabgp_lead_to_the_same_nlri),
      ROUTE_TEST(test_rules_are_ordered_by_their_text),
      ROUTE_TEST(test_rules_are_identity_with_rd_and_print_as_exabgps),
      ROUTE_TEST(test_nudge_changes_what_does_no_harm),
      ROUTE_TEST(test_watchdog_lines_are_rewritten_and_are_no_routes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
