#include "route_bench.h"

static void test_flow_match_is_ordered_and_spelled_as_exabgp_lists_it(void **state) {
  (void)state;
  static const struct kind_case cases[] = {
      {"flow route { match { source 10.0.0.0/24; } then { discard; } }",
       "flow route { match { source-ipv4 10.0.0.0/24; } then { discard; } }"},
      {"announce flow route NAME{match{port [ 25 =80 http ];protocol TCP;destination 10.0.1.0/24;}then{accept;}}",
       "announce flow route { match { destination-ipv4 10.0.1.0/24; protocol =tcp; port [ =25 =80 =80 ]; } then { "
       "accept; } }"},
      {"flow route { match { port 25; port >1024&<=2000; port !=99; } then { discard; } }",
       "flow route { match { port [ =25 >1024&<=2000 !=99 ]; } then { discard; } }"},
      {"flow route { match { source-port >=1&<2; destination-port 0x50; packet-length <64; } then { discard; } }",
       "flow route { match { destination-port =80; source-port [ >=1&<2 ]; packet-length <64; } then { discard; } }"},
      {"flow route { match { tcp-flags [ SYN+ack&!fin =urgent !=0x3 18 ]; } then { discard; } }",
       "flow route { match { tcp-flags [ syn+ack&!fin =urg !=fin+syn syn+ack ]; } then { discard; } }"},
      {"flow route { match { fragment [ last-fragment+is-fragment !is_fragment ]; dscp 63; } then { discard; } }",
       "flow route { match { dscp =63; fragment [ is-fragment+last-fragment !is-fragment ]; } then { discard; } }"},
      {"flow route { match { icmp-type [ echo-request 77 ]; icmp-code port-unreachable; protocol 200; } then { "
       "discard; } }",
       "flow route { match { protocol =200; icmp-type [ =8 =77 ]; icmp-code =3; } then { discard; } }"},
      {"flow route { match { source 2001:DB8::/32; protocol 58; dscp 5; flow-label 1048575; } then { discard; } }",
       "flow route { match { source-ipv6 2001:db8::/32/0; next-header =58; traffic-class =5; flow-label =1048575; } "
       "then { discard; } }"},
      {"flow route { match { destination ::1/128/0; next-header tcp; traffic-class 255; } then { discard; } }",
       "flow route { match { destination-ipv6 ::1/128/0; next-header =tcp; traffic-class =255; } then { discard; } }"},
      {"flow route { then { discard; } match { port 1; } rd 65000:1; }",
       "flow route { rd 65000:1; match { port =1; } then { discard; } }"},
      {"withdraw flow route { match { port 1; } }", "withdraw flow route { match { port =1; } }"},
      {"neighbor 10.0.0.2 withdraw flow route port =1 discard;",
       "neighbor 10.0.0.2 withdraw flow route { match { port =1; } then { discard; } }"},
  };
  ASSERT_CANONICAL(cases);
}

static void test_flow_actions_are_communities_and_print_as_actions(void **state) {
  (void)state;
  static const struct kind_case cases[] = {
      {"flow route { match { port =1; } then { community [ 2:2 1:1 ]; mark 5; rate-limit 9600; } }",
       "flow route { match { port =1; } then { rate-limit 9600; mark 5; community [ 1:1 2:2 ]; } }"},
      {"flow route { match { port =1; } then { rate-limit 0; } }",
       "flow route { match { port =1; } then { discard; } }"},
      {"flow route { match { port =1; } then { rate-limit 1000000000000; } }",
       "flow route { match { port =1; } then { rate-limit 999999995904; } }"},
      {"flow route { match { port =1; } then { redirect 65535:4294967295; action sample-terminal; } }", NULL},
      {"flow route { match { port =1; } then { redirect 0:0; action terminal; } }", NULL},
      {"flow route { match { port =1; } then { redirect 10.0.0.1; } }",
       "flow route { next-hop 10.0.0.1; match { port =1; } then { redirect-to-nexthop; } }"},
      {"flow route { match { port =1; } then { copy 10.0.0.1; } }", NULL},
      {"flow route { match { port =1; } then { redirect-to-nexthop-ietf 10.0.0.1; } }", NULL},
      {"flow route { match { port =1; } then { redirect-to-nexthop-ietf 2001:db8::1; } }", NULL},
      {"flow route { match { source-ipv6 ::/0/0; } then { redirect 2001:db8::1; } }",
       "flow route { next-hop 2001:db8::1; match { source-ipv6 ::/0/0; } then { redirect-to-nexthop; } }"},
      {"flow route { match { port =1; } then { extended-community [ redirect:1:2 target:3:4 ]; discard; } }",
       "flow route { match { port =1; } then { discard; redirect 1:2; extended-community target:3:4; } }"},
      {"flow route { match { port =1; } then { accept; large-community 1:2:3; community 1:1; } }",
       "flow route { match { port =1; } then { accept; community 1:1; large-community 1:2:3; } }"},
      {"flow route { match { port =1; } then { community 1:1; } }",
       "flow route { match { port =1; } then { accept; community 1:1; } }"},
      {"flow route { match { port =1; } then { accept; mark 5; } }",
       "flow route { match { port =1; } then { mark 5; } }"},
      {"flow route { match { port =1; } scope { interface-set [ non-transitive:output:2:2 transitive:input:70000:16383 "
       "]; } then { discard; } }",
       "flow route { match { port =1; } scope { interface-set [ transitive:input:70000:16383 "
       "non-transitive:output:2:2 ]; } then { discard; } }"},
      {"flow route port =1 interface-set transitive:input-output:1:1 mark 63",
       "flow route { match { port =1; } scope { interface-set transitive:input-output:1:1; } then { mark 63; } }"},
  };
  ASSERT_CANONICAL(cases);
}

static void test_flow_faults_say_where_what_and_what_was_expected(void **state) {
  (void)state;
  static const struct bad_case cases[] = {
      {"flow { match { } }", BC_ERR_SYNTAX, 6, "expected 'route'"},
      {"flow route { match { } then { discard; } }", BC_ERR_SYNTAX, 12, "would match all traffic"},
      {"flow route { match { port =1; } }", BC_ERR_SYNTAX, 34, "then: actions are missing"},
      {"flow route { match { port =1; } then { } }", BC_ERR_SYNTAX, 43, "then: actions are missing"},
      {"flow route { match { port =1; } scope { interface-set transitive:input:1:1; } }", BC_ERR_SYNTAX, 80,
       "actions are missing"},
      {"flow route { match { port =1; } then { discard; }", BC_ERR_SYNTAX, 50, "the text ends here"},
      {"flow route { match { port =1 } then { discard; } }", BC_ERR_SYNTAX, 30, "expected ';'"},
      {"flow route { match { port =1; } then { discard } }", BC_ERR_SYNTAX, 48, "expected ';'"},
      {"flow route { match { port =1; } then { discard; } } x", BC_ERR_SYNTAX, 53, "nothing behind '}'"},
      {"flow route { match { port =1; } then { discard; med 5; } }", BC_ERR_SYNTAX, 49, "then: found 'med'"},
      {"flow route { match { port =1; } scope { discard; } }", BC_ERR_SYNTAX, 41, "expected interface-set"},
      {"flow route { match { source 10.0.0.0/24; source 10.0.1.0/24; } then { discard; } }", BC_ERR_SYNTAX, 49,
       "a second one"},
      {"flow route { match { source 10.0.0.1/24; } then { discard; } }", BC_ERR_RANGE, 29, "expected 10.0.0.0/24"},
      {"flow route { match { source 10.0.0.0/33; } then { discard; } }", BC_ERR_RANGE, 29, "0 to 32"},
      {"flow route { match { source 10.0.0.0; } then { discard; } }", BC_ERR_SYNTAX, 29, "with its length"},
      {"flow route { match { source-ipv6 10.0.0.0/24; } then { discard; } }", BC_ERR_SYNTAX, 34, "an IPv6 prefix"},
      {"flow route { match { source 2001:db8::/32/8; } then { discard; } }", BC_ERR_RANGE, 29, "offset 8"},
      {"flow route { match { source 10.0.0.0/24/0; } then { discard; } }", BC_ERR_SYNTAX, 29, "without offset"},
      {"flow route { match { source 10.0.0.0/24; destination ::/0; } then { discard; } }", BC_ERR_SYNTAX, 54,
       "different families"},
      {"flow route { match { port 65536; } then { discard; } }", BC_ERR_RANGE, 27, "0 to 65535"},
      {"flow route { match { protocol 256; } then { discard; } }", BC_ERR_RANGE, 31, "0 to 255"},
      {"flow route { match { dscp 64; } then { discard; } }", BC_ERR_RANGE, 27, "0 to 63"},
      {"flow route { match { port gopher; } then { discard; } }", BC_ERR_SYNTAX, 27, "usual ports only"},
      {"flow route { match { port [ ]; } then { discard; } }", BC_ERR_SYNTAX, 29, "an expression"},
      {"flow route { match { port >1&; } then { discard; } }", BC_ERR_SYNTAX, 27, "behind '&'"},
      {"flow route { match { packet-length =true; } then { discard; } }", BC_ERR_SYNTAX, 36, "found '=true'"},
      {"flow route { match { tcp-flags 0; } then { discard; } }", BC_ERR_RANGE, 32, "has no bit"},
      {"flow route { match { tcp-flags syn+syn; } then { discard; } }", BC_ERR_RANGE, 32, "is there twice"},
      {"flow route { match { tcp-flags 512; } then { discard; } }", BC_ERR_RANGE, 32, "unknown bits"},
      {"flow route { match { tcp-flags foo; } then { discard; } }", BC_ERR_SYNTAX, 32, "such as syn"},
      {"flow route { match { fragment not-a-fragment; } then { discard; } }", BC_ERR_RANGE, 31, "!is-fragment"},
      {"flow route { match { next-header tcp; } then { discard; } }", BC_ERR_SYNTAX, 34, "only IPv6 flows"},
      {"flow route { match { flow-label 5; } then { discard; } }", BC_ERR_SYNTAX, 33, "only IPv6 flows"},
      {"flow route { match { source ::/0; icmp-type echo-request; } then { discard; } }", BC_ERR_RANGE, 45, "ICMPv4"},
      {"flow route { match { source ::/0; fragment dont-fragment; } then { discard; } }", BC_ERR_RANGE, 44,
       "no dont-fragment"},
      {"flow route { match { port =1; } then { discard; rate-limit 5; } }", BC_ERR_SYNTAX, 49, "expected one of them"},
      {"flow route { match { port =1; } then { rate-limit 1000000000001; } }", BC_ERR_RANGE, 51, "1000000000000"},
      {"flow route { match { port =1; } then { rate-limit -1; } }", BC_ERR_SYNTAX, 51, "found '-1'"},
      {"flow route { match { port =1; } then { redirect 1.2.3.4:5; } }", BC_ERR_SYNTAX, 49, "no longer"},
      {"flow route { match { port =1; } then { redirect 65536:1; } }", BC_ERR_RANGE, 49, "expected 0 to 65535"},
      {"flow route { match { port =1; } then { redirect 1:2; extended-community redirect:3:4; } }", BC_ERR_SYNTAX, 12,
       "another action of its kind"},
      {"flow route { match { port =1; } then { redirect-to-nexthop; } }", BC_ERR_SYNTAX, 12, "next-hop is missing"},
      {"flow route { next-hop 1.2.3.4; match { port =1; } then { redirect 1:2; } }", BC_ERR_SYNTAX, 23, "drops it"},
      {"flow route { next-hop 1.2.3.4; match { port =1; } then { redirect 1.2.3.5; } }", BC_ERR_SYNTAX, 67,
       "given twice"},
      {"flow route { next-hop ::1; match { port =1; } then { discard; } }", BC_ERR_RANGE, 23, "an IPv4 address"},
      {"flow route { next-hop self; match { source ::/0; } then { discard; } }", BC_ERR_RANGE, 23, "self is refused"},
      {"flow route { next-hop self; match { port 1; } then { redirect-to-nexthop; } }", BC_ERR_RANGE, 23,
       "never replaces"},
      {"flow route { match { port =1; } then { mark 64; } }", BC_ERR_RANGE, 45, "0 to 63"},
      {"flow route { match { port =1; } then { action foo; } }", BC_ERR_SYNTAX, 47, "sample-terminal"},
      {"flow route { match { port =1; } scope { interface-set transitive:up:1:1; } then { discard; } }", BC_ERR_SYNTAX,
       55, "transitive:input:AS:GROUP"},
      {"flow route { match { port =1; } scope { interface-set transitive:input:1:16384; } then { discard; } }",
       BC_ERR_RANGE, 55, "0 to 16383"},
  };
  ASSERT_REFUSED(cases);
}

/* ExaBGP 4.2 reads back what it sent, and closes the session when a flow is longer than 255 bytes. */
static void test_flow_that_exabgp_cannot_read_back_is_refused(void **state) {
  (void)state;
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  for (unsigned count = 127; count <= 128; count++) {
    bc_buf_clear(&text);
    bc_buf_add_text(&text, "flow route { match { protocol [");
    for (unsigned i = 0; i < count; i++) {
      bc_buf_add_format(&text, " %u", i);
    }
    bc_buf_add_text(&text, " ]; } then { discard; } }");
    struct bc_route route;
    struct bc_fault fault = {0};
    enum bc_err err = bc_route_parse(intern, bc_buf_str(&text), &route, &fault);
    assert_int_equal(err, count == 127 ? BC_ERR_OK : BC_ERR_LIMIT);
    if (err == BC_ERR_OK) {
      bc_route_release(intern, &route);
    } else {
      assert_non_null(strstr(fault.text, "257 bytes"));
    }
  }
  bc_buf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ROUTE_TEST(test_flow_match_is_ordered_and_spelled_as_exabgp_lists_it),
      ROUTE_TEST(test_flow_actions_are_communities_and_print_as_actions),
      ROUTE_TEST(test_flow_faults_say_where_what_and_what_was_expected),
      ROUTE_TEST(test_flow_that_exabgp_cannot_read_back_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
