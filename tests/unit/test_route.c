#include "model/route.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/parse.h"
#include "route_world.h"
#include "standing_case.h"

struct good_case {
  const char *text;
  const char *canonical;
};

static void test_route_canonical_text_is_typed_and_ordered_like_exabgps(void **state) {
  (void)state;
  static const struct good_case cases[] = {
      {"route 10.0.0.0/24 next-hop self", "route 10.0.0.0/24 next-hop self"},
      {"  route\t10.0.0.1   next-hop SELF ; ", "route 10.0.0.1/32 next-hop self"},
      {"route 10.0.0.0/24{next-hop 192.0.2.1;med 005;}", "route 10.0.0.0/24 next-hop 192.0.2.1 med 5"},
      {"route 2001:DB8::/32 next-hop 2001:DB8:0::1", "route 2001:db8::/32 next-hop 2001:db8::1"},
      {"route 10.0.0.0/24 med 1 local-preference 2 origin IGP next-hop self",
       "route 10.0.0.0/24 next-hop self origin igp med 1 local-preference 2"},
      {"route 10.0.0.0/24 next-hop self as-path [1,2 [3 4]]",
       "route 10.0.0.0/24 next-hop self as-path [ 1 2 ( 3 4 ) ]"},
      {"route 10.0.0.0/24 next-hop self as-path [ ]", "route 10.0.0.0/24 next-hop self as-path [ ]"},
      {"route 10.0.0.0/24 next-hop self as-path 7", "route 10.0.0.0/24 next-hop self as-path [ 7 ]"},
      {"route 10.0.0.0/24 next-hop self community [ BlackHole nopeer 2:1 0x10001 65538 1:1 ]",
       "route 10.0.0.0/24 next-hop self community [ 1:1 1:1 1:2 2:1 blackhole no-peer ]"},
      {"route 10.0.0.0/24 next-hop self community [ ] med 1", "route 10.0.0.0/24 next-hop self med 1"},
      {"route 10.0.0.0/24 next-hop self community [ 65535:65281 ]",
       "route 10.0.0.0/24 next-hop self community no-export"},
      {"route 10.0.0.0/24 next-hop self large-community [ 2:2:2 1:1:1 2:2:2 18446744073709551616 ]",
       "route 10.0.0.0/24 next-hop self large-community [ 1:0:0 1:1:1 2:2:2 ]"},
      {"route 10.0.0.0/24 next-hop self extended-community [ redirect-to-nexthop l2info:1:2:3:4 redirect:5:6 "
       "bandwidth:1:16777217 origin4:7:8 origin:9:10 72:0.0.0.1 target4:1:2 ]",
       "route 10.0.0.0/24 next-hop self extended-community [ target:72:1 origin:9:0.0.0.10 0x0202000000010002 "
       "0x0203000000070008 redirect-to-nexthop bandwidth:1:16777216 redirect:5:6 l2info:1:2:3:4 ]"},
      {"route 10.0.0.0/24 next-hop self extended-community bandwidth:1:4294967295",
       "route 10.0.0.0/24 next-hop self extended-community 0x400400014F800000"},
      {"route 10.0.0.0/24 next-hop self extended-community target:1.2.3.4:5",
       "route 10.0.0.0/24 next-hop self extended-community 0x0102010203040005"},
      {"route 10.0.0.0/24 next-hop self aggregator 1:1.1.1.1 atomic-aggregate",
       "route 10.0.0.0/24 next-hop self atomic-aggregate aggregator ( 1:1.1.1.1 )"},
      {"route 10.0.0.0/24 next-hop self cluster-list 1.1.1.1 originator-id 2.2.2.2",
       "route 10.0.0.0/24 next-hop self originator-id 2.2.2.2 cluster-list [ 1.1.1.1 ]"},
      {"route 10.0.0.0/24 next-hop self aigp 0x5F", "route 10.0.0.0/24 next-hop self aigp 0x000000000000005f"},
      {"route 10.0.0.0/24 med 5 rd 1:2 label [1 2] next-hop self path-information 3",
       "route 10.0.0.0/24 path-information 0.0.0.3 label [ 1 2 ] next-hop self rd 1:2 med 5"},
      {"route 10.0.0.0/24 next-hop self path-information 0.0.0.0", "route 10.0.0.0/24 next-hop self"},
      {"route 10.0.0.0/24 next-hop self bgp-prefix-sid [300,[(1,2),(3,4)]]",
       "route 10.0.0.0/24 next-hop self bgp-prefix-sid [ 300, [ ( 1,2 ), ( 3,4 ) ] ]"},
      {"route 10.0.0.0/24 next-hop self bgp-prefix-sid-srv6 ( vpn 2001:db8::1 )",
       "route 10.0.0.0/24 next-hop self attribute [ 0x28 0xC0 0x04001300000020010db8000000000000000000000001 ]"},
      {"route 10.0.0.0/24 next-hop self attribute [0x99 0xe0 0xAb] attribute [0x0b 0x80 0x]",
       "route 10.0.0.0/24 next-hop self attribute [ 0x0B 0x80 0x ] attribute [ 0x99 0xE0 0xab ]"},
      {"route 10.0.0.0/24 next-hop self attribute [0x04 0x80 0x00000064]", "route 10.0.0.0/24 next-hop self med 100"},
      {"route 10.0.0.0/24 next-hop self withdraw name a watchdog b split /25",
       "route 10.0.0.0/24 next-hop self watchdog b withdraw split /25 name a"},
      {"neighbor 10.0.0.3 peer-as 5 local-as 04, neighbor 10.0.0.2, neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self",
       "neighbor 10.0.0.2, neighbor 10.0.0.3 local-as 4 peer-as 5 route 10.0.0.0/24 next-hop self"},
      {"neighbor 2001:DB8::2 route 10.0.0.0/24 next-hop self", "neighbor 2001:DB8::2 route 10.0.0.0/24 next-hop self"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_route route = route_of(cases[i].text);
    struct bc_buf text;
    bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
    bc_route_print(&route, BC_VERB_NONE, &text);
    assert_string_equal(text.data, cases[i].canonical);
    struct bc_route again = route_of(text.data);
    assert_true(bc_route_equal(&route, &again));
    bc_route_release(intern, &again);
    bc_route_release(intern, &route);
    bc_buf_free(&text);
  }
}

struct bad_case {
  const char *text;
  enum bc_err err;
  size_t column;
  const char *part; /* of the message */
};

static void test_route_faults_say_where_what_and_what_was_expected(void **state) {
  (void)state;
  static const struct bad_case cases[] = {
      {"", BC_ERR_SYNTAX, 1, "the text ends here, expected 'route PREFIX"},
      {"route 10.0.0.0/24 next-hop self med 4294967296", BC_ERR_RANGE, 37,
       "med: 4294967296 is out of range (0 to 4294967295)"},
      {"route 10.0.0.0/24 next-hop self med -1", BC_ERR_SYNTAX, 37,
       "med: found '-1', expected a number from 0 to 4294967295"},
      {"route 10.0.0.0/24 next-hop self med", BC_ERR_SYNTAX, 36, "med: the text ends here"},
      {"route 10.0.0.0/24 next-hop self med 5 med 6", BC_ERR_SYNTAX, 39, "med: given twice"},
      {"route 10.0.0.0/24 med 5", BC_ERR_SYNTAX, 24, "next-hop is missing"},
      {"route 10.0.0.1/24 next-hop self", BC_ERR_RANGE, 7, "expected 10.0.0.0/24"},
      {"route 10.0.0.0/33 next-hop self", BC_ERR_RANGE, 7, "prefix length from 0 to 32"},
      {"route 10.0.0.0/24 next-hop self as-path [ -1 ]", BC_ERR_SYNTAX, 43, "as-path: found '-1'"},
      {"route 10.0.0.0/24 next-hop self as-path [ 4294967296 ]", BC_ERR_RANGE, 43, "out of range (0 to 4294967295)"},
      {"route 10.0.0.0/24 next-hop self as-path [ 1 ( 2 ) 3 ]", BC_ERR_SYNTAX, 51, "must be the last"},
      {"route 10.0.0.0/24 next-hop self as-path [ 0 ]", BC_ERR_RANGE, 43, "RFC 7607"},
      {"route 10.0.0.0/24 next-hop self community 1:65536", BC_ERR_RANGE, 43, "1:65536 would be sent as 2:0"},
      {"route 10.0.0.0/24 next-hop self community graceful-shutdown", BC_ERR_SYNTAX, 43, "write 65535:0"},
      {"route 10.0.0.0/24 next-hop self label 1048576", BC_ERR_RANGE, 39, "0 to 1048575"},
      {"route 10.0.0.0/24 next-hop self rd 1:1", BC_ERR_SYNTAX, 36, "needs a label"},
      {"route 10.0.0.0/24 next-hop self label [ 1 2 3 4 5 6 7 ] rd 1:1", BC_ERR_LIMIT, 39, "255 bits"},
      {"route 2001:db8::/32 next-hop self", BC_ERR_RANGE, 30, "write the IPv6 address"},
      {"route 2001:db8::/32 next-hop 192.0.2.1", BC_ERR_RANGE, 30, "expected an IPv6 address"},
      {"route 10.0.0.0/24 next-hop 2001:db8::1", BC_ERR_RANGE, 28, "expected an IPv4 address"},
      {"route 10.0.0.0/24 next-hop self extended-community 0x4002fde800000001", BC_ERR_RANGE, 52, "recognised"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x99 0x40 0x00 ]", BC_ERR_RANGE, 45, "close the session"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x16 0xc0 0x00000000 ]", BC_ERR_RANGE, 45, "read back this 0x16"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x16 0xc0 0x0006000000 ]", BC_ERR_RANGE, 45, "read back this 0x16"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x19 0xc0 0x000c ]", BC_ERR_RANGE, 45, "multiple of 20"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x1d 0x80 0x00000000 ]", BC_ERR_RANGE, 45, "BGP-LS"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x28 0xc0 0x ]", BC_ERR_RANGE, 45, "bgp-prefix-sid"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x28 0xc0 0x06000100 ]", BC_ERR_RANGE, 45, "bgp-prefix-sid"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x28 0xc0 0x01000700 ]", BC_ERR_RANGE, 45, "bgp-prefix-sid"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x28 0xc0 0x050015002a00000000000000000000000000000100ffff00 ]",
       BC_ERR_RANGE, 45, "bgp-prefix-sid"},
      {"route 10.0.0.0/24 next-hop self bgp-prefix-sid-srv6 ( l3vpn 2a00::1 )", BC_ERR_RANGE, 61, "ExaBGP 5.0"},
      {"route 10.0.0.0/24 next-hop self name shutdown", BC_ERR_SYNTAX, 38, "would obey as a command"},
      {"route 10.0.0.0/24 next-hop self name rd", BC_ERR_SYNTAX, 38, "another family"},
      {"route 10.0.0.0/8 next-hop self split /32", BC_ERR_LIMIT, 38,
       "split: /8 into /32 makes 2^24 routes, expected at most 1000"},
      {"route 10.0.0.0/24 next-hop self route 10.0.0.0/25 next-hop self", BC_ERR_SYNTAX, 33, "second command"},
      {"route 10.0.0.0/24 { next-hop self med 5; }", BC_ERR_SYNTAX, 35, "expected ';'"},
      {"route 10.0.0.0/24 next-hop self # why", BC_ERR_SYNTAX, 33, "comment"},
      {"route 10.0.0.0/24 next-hop self\nroute", BC_ERR_SYNTAX, 32, "line break"},
      {"route 10.0.0.0/24 next-hop self\r", BC_ERR_SYNTAX, 32, "carriage return"},
      {"route 10.0.0.0/24 next-hop self name caf\xc3\xa9", BC_ERR_SYNTAX, 41, "0xc3 is not ASCII"},
      {"announce route 10.0.0.0/24 next-hop self", BC_ERR_SYNTAX, 1, "decided here"},
      {"neighbor * route 10.0.0.0/24 next-hop self", BC_ERR_RANGE, 10, "4.2.21"},
      {"neighbor 10.0.0.2 neighbor 10.0.0.3 route 10.0.0.0/24 next-hop self", BC_ERR_SYNTAX, 19, "comma"},
      {"watchdog dog", BC_ERR_UNSUPPORTED, 1, "would steer ExaBGP"},
      {"ipv4 mup isd 10.0.0.0/24", BC_ERR_UNSUPPORTED, 6, "mup is not supported"},
      {"ipv6 mcast-vpn shared-join", BC_ERR_UNSUPPORTED, 6, "mcast-vpn is not supported"},
      {"ipv4 sr-policy distinguisher 1", BC_ERR_UNSUPPORTED, 6, "sr-policy is not supported"},
      {"l2vpn evpn mac 1", BC_ERR_UNSUPPORTED, 7, "evpn is not supported"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_route route = {.med = 77};
    struct bc_fault fault = {0};
    enum bc_err err = bc_route_parse(intern, bc_str_of(cases[i].text), &route, &fault);
    if (err != cases[i].err || fault.column != cases[i].column || strstr(fault.text, cases[i].part) == NULL) {
      fail_msg("%s: %s, column %zu: %s", cases[i].text, bc_err_name(err), fault.column, fault.text);
    }
    assert_int_equal(route.med, 77);
  }
}

static void test_route_texts_that_are_too_long_are_refused(void **state) {
  (void)state;
  size_t len = BC_LIMIT_CONFIG_BYTES + 1;
  char *text = bc_mem_new(len, 1);
  memset(text, ' ', len);
  memcpy(text, "route 10.0.0.0/24 next-hop self", 31);
  struct bc_route route;
  struct bc_fault fault;
  assert_int_equal(bc_route_parse(intern, (struct bc_str){text, len}, &route, &fault), BC_ERR_LIMIT);
  assert_int_equal(bc_route_parse(intern, (struct bc_str){text, len - 1}, &route, &fault), BC_ERR_OK);
  bc_route_release(intern, &route);
  free(text);
}

/* ExaBGP drops what does not fit, or the session. */
static void test_route_attributes_must_fit_in_a_message(void **state) {
  (void)state;
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  for (unsigned count = 900; count <= 950; count += 50) {
    bc_buf_clear(&text);
    bc_buf_add_text(&text, "route 10.0.0.0/24 next-hop self community [");
    for (unsigned i = 0; i < count; i++) {
      bc_buf_add_format(&text, " 1:%u", i);
    }
    bc_buf_add_text(&text, " ]");
    struct bc_route route;
    struct bc_fault fault;
    enum bc_err err = bc_route_parse(intern, bc_buf_str(&text), &route, &fault);
    assert_int_equal(err, count == 900 ? BC_ERR_OK : BC_ERR_LIMIT);
    if (err == BC_ERR_OK) {
      bc_route_release(intern, &route);
    }
  }
  bc_buf_free(&text);
}

static void test_route_facts_follow_from_the_text(void **state) {
  (void)state;
  struct bc_route plain = route_of("route 10.0.0.0/24 next-hop self med 7");
  assert_true(plain.has_med && plain.has_next_hop && plain.is_groupable);
  assert_int_equal(plain.med, 7);
  assert_int_equal(plain.nlri.family, BC_FAMILY_IPV4_UNICAST);
  assert_null(plain.name);
  assert_null(plain.selector);
  assert_string_equal(plain.attributes, "next-hop self med 7");
  bc_route_release(intern, &plain);

  static const struct {
    const char *text;
    enum bc_family family;
    bool is_groupable;
    uint8_t internal;
  } cases[] = {
      {"route 10.0.0.0/24 next-hop self name x", BC_FAMILY_IPV4_UNICAST, true, 0},
      {"route 2001:db8::/32 next-hop 2001:db8::1", BC_FAMILY_IPV6_UNICAST, true, 0},
      {"route 224.0.0.0/4 next-hop self", BC_FAMILY_IPV4_MULTICAST, false, 0},
      {"route 10.0.0.0/24 next-hop self path-information 1", BC_FAMILY_IPV4_UNICAST, false, 0},
      {"route 10.0.0.0/24 next-hop self label 1", BC_FAMILY_IPV4_NLRI_MPLS, false, 0},
      {"route 10.0.0.0/24 next-hop self label 1 rd 1:1", BC_FAMILY_IPV4_MPLS_VPN, false, 0},
      {"route 2001:db8::/32 next-hop ::1 label 1", BC_FAMILY_IPV6_NLRI_MPLS, false, 0},
      {"route 2001:db8::/32 next-hop ::1 label 1 rd 1:1", BC_FAMILY_IPV6_MPLS_VPN, false, 0},
      {"route 10.0.0.0/24 next-hop self split /25", BC_FAMILY_IPV4_UNICAST, true, 0},
      {"route 10.0.0.0/24 next-hop self watchdog a withdraw", BC_FAMILY_IPV4_UNICAST, false,
       BC_ROUTE_WATCHDOG | BC_ROUTE_WITHDRAW},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_route route = route_of(cases[i].text);
    assert_int_equal(route.nlri.family, cases[i].family);
    assert_int_equal(route.is_groupable, cases[i].is_groupable);
    assert_int_equal(route.internal, cases[i].internal);
    bc_route_release(intern, &route);
  }
}

static void test_route_parts_mean_the_same_as_one_text(void **state) {
  (void)state;
  struct bc_route whole = route_of("route 10.0.0.0/24 next-hop self med 100");
  struct bc_route parts;
  struct bc_fault fault;
  bool in_prefix;
  assert_int_equal(bc_route_parse_parts(intern, bc_str_of(" 10.0.0.0/24 "), bc_str_of("med 100 next-hop self;"), &parts,
                                        &fault, &in_prefix),
                   BC_ERR_OK);
  assert_true(bc_route_equal(&whole, &parts));
  bc_route_release(intern, &parts);
  bc_route_release(intern, &whole);
  assert_int_equal(
      bc_route_parse_parts(intern, bc_str_of("10.0.0.0/24 x"), bc_str_of("next-hop self"), &parts, &fault, &in_prefix),
      BC_ERR_SYNTAX);
  assert_true(in_prefix);
  assert_int_equal(fault.column, 13);
  assert_int_equal(
      bc_route_parse_parts(intern, bc_str_of("10.0.0.0/24"), bc_str_of("next-hop foo"), &parts, &fault, &in_prefix),
      BC_ERR_SYNTAX);
  assert_false(in_prefix);
  assert_int_equal(fault.column, 10);
  assert_int_equal(
      bc_route_parse_parts(intern, bc_str_of("10.0.0.0/24"), (struct bc_str){NULL, 0}, &parts, &fault, &in_prefix),
      BC_ERR_SYNTAX);
}

static void test_route_commands_keep_their_verb(void **state) {
  (void)state;
  static const struct {
    const char *line;
    enum bc_verb verb;
  } cases[] = {
      {"announce route 10.0.0.0/24 next-hop self", BC_VERB_ANNOUNCE},
      {"route 10.0.0.0/24 next-hop self", BC_VERB_NONE},
      {"withdraw route 10.0.0.0/24", BC_VERB_WITHDRAW},
      {"neighbor 10.0.0.2 withdraw route 10.0.0.0/24 next-hop self med 5", BC_VERB_WITHDRAW},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_route route;
    struct bc_fault fault;
    enum bc_verb verb;
    assert_int_equal(bc_route_parse_command(intern, bc_str_of(cases[i].line), &verb, &route, &fault), BC_ERR_OK);
    assert_int_equal(verb, cases[i].verb);
    struct bc_buf text;
    bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
    bc_route_print(&route, verb, &text);
    assert_string_equal(text.data, cases[i].line);
    bc_buf_free(&text);
    bc_route_release(intern, &route);
  }
}

static void test_route_listed_by_exabgp_equals_the_config(void **state) {
  (void)state;
  static const struct standing_case cases[] = {
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self med 5", "route 10.0.0.0/24 med 5 next-hop self"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self as-path [ 1 ( 2 ) ] aigp 0x0000000000000005",
       "route 10.0.0.0/24 aigp 5 as-path [ 1 ( 2 ) ] next-hop self"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self as-path [ ( 2 )]",
       "route 10.0.0.0/24 as-path [ ( 2 ) ] next-hop self"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self as-path ( 1 2 ) [ 3 4 ] med 5",
       "route 10.0.0.0/24 as-path [ 1 2 ( 3 4 ) ] next-hop self med 5"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self as-path (  )", "route 10.0.0.0/24 as-path [ ] next-hop self"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 path-information 0.0.0.1 next-hop 10.0.0.1",
       "route 10.0.0.0/24 path-information 1 next-hop 10.0.0.1"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self extended-community target:1.2.3.4:5",
       "route 10.0.0.0/24 next-hop self extended-community target:1.2.3.4:5"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self extended-community copy-to-nexthop",
       "route 10.0.0.0/24 next-hop self extended-community 0x0800000000000001"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self extended-community bandwith:1:5",
       "route 10.0.0.0/24 next-hop self extended-community bandwidth:1:5"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24 next-hop self extended-community 0x4004000140A00000",
       "route 10.0.0.0/24 next-hop self extended-community bandwidth:1:5"},
      {BC_FAMILY_IPV4_UNICAST,
       "10.0.0.0/24 next-hop self attribute [ 0x28 0xC0 0x02001300000020010db8000000000000000000000001 ]",
       "route 10.0.0.0/24 next-hop self bgp-prefix-sid-srv6 ( ipv6 2001:db8::1 )"},
      {BC_FAMILY_IPV4_NLRI_MPLS, "10.0.0.0/24 label [ 5 6 ] next-hop self",
       "route 10.0.0.0/24 label [ 5 6 ] next-hop self"},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24 label 5 next-hop 10.0.0.1 rd 65000:1 origin igp",
       "route 10.0.0.0/24 rd 65000:1 label 5 origin igp next-hop 10.0.0.1"},
      {BC_FAMILY_IPV6_UNICAST, "2001:db8::/32 next-hop 2001:DB8::1", "route 2001:db8::/32 next-hop 2001:db8::1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    standing_case_expect_equal(intern, &cases[i]);
  }
}

static void test_route_of_others_is_read_but_not_judged(void **state) {
  (void)state;
  struct bc_route route;
  struct bc_fault fault;
  assert_int_equal(
      bc_route_parse_standing(intern, BC_FAMILY_IPV6_UNICAST, bc_str_of("2001:db8::/32 next-hop self"), &route, &fault),
      BC_ERR_OK);
  bc_route_release(intern, &route);
  assert_int_equal(
      bc_route_parse_standing(intern, BC_FAMILY_IPV4_MULTICAST, bc_str_of("10.0.0.0/24 med 5"), &route, &fault),
      BC_ERR_OK);
  assert_int_equal(route.nlri.family, BC_FAMILY_IPV4_MULTICAST);
  bc_route_release(intern, &route);
  assert_int_equal(
      bc_route_parse_standing(intern, BC_FAMILY_IPV4_MPLS_VPN, bc_str_of("10.0.0.0/24 next-hop self"), &route, &fault),
      BC_ERR_SYNTAX);
  assert_int_equal(
      bc_route_parse_standing(intern, BC_FAMILY_IPV6_UNICAST, bc_str_of("10.0.0.0/24 next-hop self"), &route, &fault),
      BC_ERR_SYNTAX);
}

static void test_route_with_another_med_differs_in_nothing_else(void **state) {
  (void)state;
  static const struct good_case cases[] = {
      {"route 10.0.0.0/24 next-hop self", "route 10.0.0.0/24 next-hop self med 9"},
      {"neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self med 5 community [ 1:1 2:2 ] name x",
       "neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self med 9 community [ 1:1 2:2 ] name x"},
      {"route 10.0.0.0/24 next-hop self rd 1:1 label 5 path-information 7 as-path [ 1 ] local-preference 3",
       "route 10.0.0.0/24 path-information 0.0.0.7 label 5 next-hop self rd 1:1 as-path [ 1 ] med 9 "
       "local-preference 3"},
      {"route 224.0.0.0/8 next-hop self", "route 224.0.0.0/8 next-hop self med 9"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_route route = route_of(cases[i].text);
    struct bc_route other = bc_route_with_med(intern, &route, 9);
    struct bc_route expected = route_of(cases[i].canonical);
    assert_true(bc_route_equal(&other, &expected));
    assert_true(other.has_med);
    assert_int_equal(other.med, 9);
    assert_ptr_equal(other.name, route.name);
    bc_route_release(intern, &expected);
    bc_route_release(intern, &other);
    bc_route_release(intern, &route);
  }
}

static void test_route_equality_ignores_only_the_name(void **state) {
  (void)state;
  static const char *const texts[] = {
      "route 10.0.0.0/24 next-hop self",        "route 10.0.0.0/24 next-hop self med 1",
      "route 10.0.1.0/24 next-hop self",        "neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self",
      "route 10.0.0.0/24 next-hop self name x",
  };
  struct bc_route first = route_of(texts[0]);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct bc_route other = route_of(texts[i]);
    struct bc_route copy = bc_route_copy(&other);
    assert_int_equal(bc_route_equal(&first, &copy), i == 0 || i == 4);
    bc_route_release(intern, &other);
    bc_route_release(intern, &copy);
  }
  bc_route_release(intern, &first);
  struct bc_route nothing = {0};
  bc_route_release(intern, &nothing);
}

static void test_route_group_is_one_line(void **state) {
  (void)state;
  struct bc_route a = route_of("neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self med 5 name a");
  struct bc_route b = route_of("neighbor 10.0.0.2 route 10.0.1.0/24 next-hop self med 5 name b");
  const struct bc_route *const both[] = {&a, &b};
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_route_print_group(both, 2, BC_VERB_ANNOUNCE, &text);
  assert_string_equal(text.data,
                      "neighbor 10.0.0.2 announce attributes next-hop self med 5 nlri 10.0.0.0/24 10.0.1.0/24");
  bc_buf_clear(&text);
  bc_route_print_group(both, 1, BC_VERB_WITHDRAW, &text);
  assert_string_equal(text.data, "neighbor 10.0.0.2 withdraw route 10.0.0.0/24 next-hop self med 5 name a");
  bc_buf_free(&text);
  bc_route_release(intern, &a);
  bc_route_release(intern, &b);
}

static void test_selector_selects_as_exabgp_matches(void **state) {
  (void)state;
  const struct bc_neighbor_name full = {"10.0.0.2", "10.0.0.1", "65000", "65001", "1.2.3.4"};
  const struct bc_neighbor_name only_ip = {.ip = "10.0.0.2"};
  static const struct {
    const char *selector;
    bool full;
    bool only_ip;
  } cases[] = {
      {NULL, true, true},
      {"neighbor 10.0.0.2", true, true},
      {"neighbor 10.0.0.20", false, false},
      {"neighbor 10.0.0.3, neighbor 10.0.0.2 local-as 65000", true, true},
      {"neighbor 10.0.0.2 local-as 6500", false, true},
      {"neighbor 10.0.0.2 local-ip 10.0.0.1 peer-as 65001 router-id 1.2.3.4 family-allowed in-open", true, true},
      {"neighbor 10.0.0.3, neighbor 10.0.0.4", false, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(bc_selector_selects(cases[i].selector, &full), cases[i].full);
    assert_int_equal(bc_selector_selects(cases[i].selector, &only_ip), cases[i].only_ip);
  }
}

static void test_selectors_overlap_when_one_neighbor_fits_both(void **state) {
  (void)state;
  static const struct {
    const char *a;
    const char *b;
    bool overlap;
  } cases[] = {
      {NULL, NULL, true},
      {NULL, "neighbor 10.0.0.2", true},
      {"neighbor 10.0.0.2", "neighbor 10.0.0.2", true},
      {"neighbor 10.0.0.2", "neighbor 10.0.0.3", false},
      {"neighbor 10.0.0.2, neighbor 10.0.0.3", "neighbor 10.0.0.3 local-as 5", true},
      {"neighbor 10.0.0.2 local-as 4", "neighbor 10.0.0.2 local-as 5", false},
      {"neighbor 10.0.0.2 local-as 4", "neighbor 10.0.0.2 peer-as 5", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(bc_selectors_overlap(cases[i].a, cases[i].b), cases[i].overlap);
    assert_int_equal(bc_selectors_overlap(cases[i].b, cases[i].a), cases[i].overlap);
  }
}

/* Runs the command over `len` bytes; the caller frees the answer. */
static char *cli_parse(const char *input, size_t len, int *status) {
  FILE *in = tmpfile();
  assert_non_null(in);
  assert_int_equal(fwrite(input, 1, len, in), len);
  rewind(in);
  char *answer = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&answer, &size);
  *status = bc_cli_parse(in, out);
  (void)fclose(out);
  (void)fclose(in);
  return answer;
}

static void test_cli_parse_answers_every_line(void **state) {
  (void)state;
  static const char input[] = "# comment\n\nannounce route 10.0.0.0/24 next-hop self\r\nroute\0 x\n"
                              "withdraw route 10.0.0.0/24";
  int status;
  char *answer = cli_parse(input, sizeof input - 1, &status);
  assert_string_equal(answer, "ok\t\nok\t\nok\tannounce route 10.0.0.0/24 next-hop self\n"
                              "error\t6\tbyte 0x00 is not a printable character\nok\twithdraw route 10.0.0.0/24\n");
  assert_int_equal(status, 1);
  free(answer);
  answer = cli_parse("route 10.0.0.0/24 next-hop self\n", 32, &status);
  assert_int_equal(status, 0);
  free(answer);
}

static void test_cli_parse_refuses_long_lines_and_goes_on(void **state) {
  (void)state;
  size_t len = BC_LIMIT_CONFIG_BYTES * 3;
  char *input = bc_mem_new(len, 1);
  memset(input, 'x', len);
  memcpy(input + len - 33, "\nroute 10.0.0.0/24 next-hop self\n", 33);
  int status;
  char *answer = cli_parse(input, len, &status);
  assert_string_equal(answer, "error\t65537\tthe line is longer than 65536 bytes\n"
                              "ok\troute 10.0.0.0/24 next-hop self\n");
  assert_int_equal(status, 1);
  free(answer);
  free(input);
}

#define ROUTE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      ROUTE_TEST(test_route_canonical_text_is_typed_and_ordered_like_exabgps),
      ROUTE_TEST(test_route_faults_say_where_what_and_what_was_expected),
      ROUTE_TEST(test_route_texts_that_are_too_long_are_refused),
      ROUTE_TEST(test_route_attributes_must_fit_in_a_message),
      ROUTE_TEST(test_route_facts_follow_from_the_text),
      ROUTE_TEST(test_route_parts_mean_the_same_as_one_text),
      ROUTE_TEST(test_route_commands_keep_their_verb),
      ROUTE_TEST(test_route_listed_by_exabgp_equals_the_config),
      ROUTE_TEST(test_route_of_others_is_read_but_not_judged),
      ROUTE_TEST(test_route_with_another_med_differs_in_nothing_else),
      ROUTE_TEST(test_route_equality_ignores_only_the_name),
      ROUTE_TEST(test_route_group_is_one_line),
      ROUTE_TEST(test_selector_selects_as_exabgp_matches),
      ROUTE_TEST(test_selectors_overlap_when_one_neighbor_fits_both),
      ROUTE_TEST(test_cli_parse_answers_every_line),
      ROUTE_TEST(test_cli_parse_refuses_long_lines_and_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
