/* Which flows may come by HTTP. */
#include "admission_world.h"

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

/* What a DDoS desk must never do, whatever is asked. */
static void flows_that_are_too_broad_are_refused(void **state) {
  (void)state;
  static const char *const broad[] = {
      "source 10.0.0.0/24;", /* no destination: all customers */
      "source 10.0.0.1/32;",
      "protocol udp;",
      "destination-port =53;",
      "destination 10.0.0.0/8; destination-port =53;", /* too many customers */
      "destination 10.0.0.0/23; destination-port =53;",
      "destination 0.0.0.0/0; destination-port =53;",
      "destination 10.0.0.0/16; protocol tcp;",
      "destination 10.0.0.0/24;", /* all of a customer's network */
      "destination 10.0.0.0/31;",
      "destination 10.0.0.0/24; protocol tcp;",
      "destination 10.0.0.0/24; protocol [ tcp udp ];",
      "destination 10.0.0.0/24; protocol >0;",
      "destination 10.0.0.0/24; tcp-flags [ syn ];",
      "destination 10.0.0.0/24; tcp-flags [ !rst ];",
      "destination 10.0.0.0/24; dscp =0;",
      "destination 10.0.0.0/24; icmp-code =0;",
      "destination 10.0.0.0/24; source 0.0.0.0/0;",
      "destination 10.0.0.0/24; source 10.0.0.0/15;",
      "destination 10.0.0.0/24; port >=0;", /* all of it in other words */
      "destination 10.0.0.0/24; destination-port >=1&<=65535;",
      "destination 10.0.0.0/24; destination-port [ <32768 >32767 ];",
      "destination 10.0.0.0/24; destination-port !=53;",
      "destination 10.0.0.0/24; source-port >1024;",
      "destination 10.0.0.0/24; source-port >=1024&<=1280;", /* 257 ports */
      "destination 10.0.0.0/24; packet-length >=40;",
      "destination 10.0.0.0/24; packet-length [ =40 >60 ];",
      "destination 10.0.0.0/24; icmp-type >=0;",
      "destination 10.0.0.0/24; fragment [ !is-fragment ];",
      "destination 10.0.0.0/24; fragment [ is-fragment !is-fragment ];",
      "destination 10.0.0.0/24; fragment [ dont-fragment ];",
      "destination 2001:db8::/47; destination-port =53;",
      "destination 2001:db8::/64;",
      "destination 2001:db8::/48; next-header udp;",
  };
  for (size_t i = 0; i < sizeof broad / sizeof broad[0]; i++) {
    assert_flow(broad[i], "discard;", BC_ADMISSION_FLOW);
    assert_flow(broad[i], "rate-limit 9600;", BC_ADMISSION_FLOW);
  }
}

static void flows_that_a_ddos_desk_lives_on_are_admitted(void **state) {
  (void)state;
  static const char *const narrow[] = {
      "destination 10.0.0.1/32;",
      "destination 10.0.0.1/32; protocol udp;",
      "destination 10.0.0.1/32; source 0.0.0.0/0;",
      "destination 10.0.0.0/24; source 192.0.2.0/24;",
      "destination 10.0.0.0/24; source 192.0.0.0/16;",
      "destination 10.0.0.0/24; protocol udp; source-port =123;",
      "destination 10.0.0.0/24; protocol udp; source-port [ =19 =53 =123 =389 =1900 =11211 ];",
      "destination 10.0.0.0/24; destination-port >=27000&<=27100;",
      "destination 10.0.0.0/24; source-port >=1024&<=1279;", /* 256 ports */
      "destination 10.0.0.0/24; port =80;",
      "destination 10.0.0.0/24; packet-length >=1400&<=1500;",
      "destination 10.0.0.0/24; packet-length >1500;",
      "destination 10.0.0.0/24; fragment [ is-fragment ];",
      "destination 10.0.0.0/24; fragment [ first-fragment last-fragment ];",
      "destination 10.0.0.0/24; protocol icmp; icmp-type [ =8 ];",
      "destination 2001:db8::1/128;",
      "destination 2001:db8::/48; next-header udp; source-port =53;",
      "destination 2001:db8::/48; source 2001:db8:1::/48;",
  };
  for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++) {
    assert_flow(narrow[i], "discard;", BC_ADMISSION_OK);
    assert_flow(narrow[i], "rate-limit 9600;", BC_ADMISSION_OK);
  }
  /* What drops nothing may be for a whole network, not for all of them. */
  assert_flow("destination 10.0.0.0/24;", "accept;", BC_ADMISSION_OK);
  assert_flow("destination 10.0.0.0/23;", "accept;", BC_ADMISSION_FLOW);
}

static void each_broad_flow_is_told_why(void **state) {
  (void)state;
  assert_judged("flow route { match { protocol udp; } then { discard; } }", BC_ADMISSION_FLOW,
                "admit_flow: a flow without destination is for the traffic of all, expected a destination");
  assert_judged("flow route { match { destination 10.0.0.0/16; } then { discard; } }", BC_ADMISSION_FLOW,
                "admit_flow destination ipv4 24: expected a destination of that length or longer, found /16");
  assert_judged("flow route { match { destination 10.0.0.0/24; protocol tcp; } then { discard; } }", BC_ADMISSION_FLOW,
                "admit_flow whole ipv4 32: it would drop or limit all traffic of a protocol to a /24; expected a "
                "destination of that length, or few ports, packet lengths or ICMP types, fragments, or a source");
  add(BC_ADMIT_FLOW, "source ipv4 32");
  assert_judged("flow route { match { source 10.0.0.0/24; } then { discard; } }", BC_ADMISSION_FLOW,
                "admit_flow source ipv4 32: a flow without destination needs a source of that length or longer, found "
                "/24");
  assert_flow("source 10.0.0.1/32;", "discard;", BC_ADMISSION_OK);
  assert_flow("source 2001:db8::1/128;", "discard;", BC_ADMISSION_FLOW);
  add(BC_ADMIT_FLOW, "off");
  assert_judged("flow route { match { destination 10.0.0.1/32; } then { discard; } }", BC_ADMISSION_FLOW,
                "admit_flow off: no flow may come by HTTP on this node");
}

/* Of a flow for any destination it still counts what part of the traffic it means. */
static void any_destination_is_a_length_of_zero(void **state) {
  (void)state;
  add(BC_ADMIT_FLOW, "destination ipv4 any");
  assert_flow("protocol udp; source-port =11211;", "discard;", BC_ADMISSION_OK);
  assert_flow("protocol udp;", "discard;", BC_ADMISSION_FLOW);
  assert_flow("destination 0.0.0.0/0; source-port =11211;", "discard;", BC_ADMISSION_OK);
}

static void only_actions_of_the_file_may_come(void **state) {
  (void)state;
  static const char *const closed[] = {"redirect 65000:1;",
                                       "redirect 10.9.9.9;",
                                       "copy 10.9.9.9;",
                                       "redirect-to-nexthop-ietf 10.9.9.9;",
                                       "mark 5;",
                                       "action sample;",
                                       "discard; mark 5;",
                                       "accept; extended-community [ 0x030b000000000001 ];",
                                       "discard; extended-community [ l2info:19:0:1500:111 ];",
                                       "accept; extended-community [ 0x8107000000000001 ];"};
  for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
    assert_flow("destination 10.0.0.1/32;", closed[i], BC_ADMISSION_FLOW_ACTION);
  }
  static const char *const open[] = {"discard;", "rate-limit 5;", "accept;",
                                     "discard; community [ 65000:1 no-export ];",
                                     "discard; extended-community [ target:65000:1 ];"};
  for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
    assert_flow("destination 10.0.0.1/32;", open[i], BC_ADMISSION_OK);
  }
  /* As a community it is the action that it is. */
  assert_flow("destination 10.0.0.1/32;", "extended-community [ 0x8008fde800000001 ];", BC_ADMISSION_FLOW_ACTION);
  add(BC_ADMIT_FLOW, "action redirect");
  assert_flow("destination 10.0.0.1/32;", "redirect 65000:1;", BC_ADMISSION_OK);
  assert_flow("destination 10.0.0.1/32;", "discard;", BC_ADMISSION_FLOW_ACTION);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(flows_that_are_too_broad_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(flows_that_a_ddos_desk_lives_on_are_admitted, setup, teardown),
      cmocka_unit_test_setup_teardown(each_broad_flow_is_told_why, setup, teardown),
      cmocka_unit_test_setup_teardown(any_destination_is_a_length_of_zero, setup, teardown),
      cmocka_unit_test_setup_teardown(only_actions_of_the_file_may_come, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
