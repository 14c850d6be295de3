/* What the attributes of a verdict make of a route. */
#include "policy_world.h"

#define EXTERNAL(address)                                                                                              \
  { .ip = (address), .local_ip = "10.0.0.1", .local_as = "65000", .peer_as = "65001", .router_id = "1.2.3.4" }
#define INTERNAL(address)                                                                                              \
  { .ip = (address), .local_ip = "10.0.0.1", .local_as = "65000", .peer_as = "65000", .router_id = "1.2.3.4" }

static const struct bc_neighbor_name external[] = {EXTERNAL("10.0.0.2"), EXTERNAL("10.0.0.3")};

/* The canonical text of what `attributes` make of the route, or the line of the refusal; owned by the caller. */
static char *applied(const char *base_text, const char *attributes, const struct bc_neighbor_name *neighbors,
                     size_t count) {
  struct bc_route base = route_of(base_text);
  json_t *value = json_of(attributes);
  struct bc_route made;
  struct bc_fault fault = {0};
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
  enum bc_err err = bc_policy_apply(intern, &base, value, neighbors, count, &made, &fault);
  if (err == BC_ERR_OK) {
    assert_string_equal(fault.text, "");
    bc_route_print(&made, BC_VERB_NONE, &text);
    bc_route_release(intern, &made);
  } else {
    assert_int_equal(fault.column, 0);
    bc_buf_add_text(&text, fault.text);
  }
  json_decref(value);
  bc_route_release(intern, &base);
  return bc_buf_take(&text);
}

struct apply_case {
  const char *base;
  const char *attributes;
  const char *expected;
};

static void assert_applied(const struct apply_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char *text = applied(cases[i].base, cases[i].attributes, external, 2);
    assert_string_equal(text, cases[i].expected);
    free(text);
  }
}
#define ASSERT_APPLIED(cases) assert_applied(cases, sizeof(cases) / sizeof(cases)[0])

static void members_replace_add_and_remove(void **state) {
  (void)state;
  static const struct apply_case cases[] = {
      {"route 10.0.0.0/24 next-hop self med 5", "{}", "route 10.0.0.0/24 next-hop self med 5"},
      {"route 10.0.0.0/24 next-hop self med 5", "{\"med\":110}", "route 10.0.0.0/24 next-hop self med 110"},
      {"route 10.0.0.0/24 next-hop self", "{\"med\":110.0}", "route 10.0.0.0/24 next-hop self med 110"},
      {"route 10.0.0.0/24 next-hop self med 5", "{\"med\":false}", "route 10.0.0.0/24 next-hop self"},
      {"route 10.0.0.0/24 next-hop self", "{\"med\":false,\"community\":[],\"large_community\":{}}",
       "route 10.0.0.0/24 next-hop self"},
      {"route 10.0.0.0/24 next-hop self", "{\"next_hop\":\"192.0.2.1\",\"origin\":\"EGP\",\"local_preference\":7}",
       "route 10.0.0.0/24 next-hop 192.0.2.1 origin egp local-preference 7"},
      {"route 10.0.0.0/24 next-hop self as-path [ 1 2 ]", "{\"as_path\":[65000,\"65001\",[3,4]]}",
       "route 10.0.0.0/24 next-hop self as-path [ 65000 65001 ( 3 4 ) ]"},
      {"route 10.0.0.0/24 next-hop self as-path [ 1 2 ]", "{\"as_path\":{}}",
       "route 10.0.0.0/24 next-hop self as-path [ ]"},
      {"route 10.0.0.0/24 next-hop self community [ 1:1 2:2 ]", "{\"community\":[\"65000:100\",\"no-export\",65536]}",
       "route 10.0.0.0/24 next-hop self community [ 1:0 65000:100 no-export ]"},
      {"route 10.0.0.0/24 next-hop self community [ 1:1 2:2 ]", "{\"community\":\"65000:100\"}",
       "route 10.0.0.0/24 next-hop self community 65000:100"},
      {"route 10.0.0.0/24 next-hop self", "{\"atomic_aggregate\":true,\"aggregator\":\"65000:10.0.0.1\",\"aigp\":5}",
       "route 10.0.0.0/24 next-hop self atomic-aggregate aggregator ( 65000:10.0.0.1 ) aigp 0x0000000000000005"},
      {"route 10.0.0.0/24 next-hop self",
       "{\"bgp_prefix_sid\":[5,[100,200]],\"attribute\":[[\"0x99\",\"0xC0\",\"0x01\"]]}",
       "route 10.0.0.0/24 next-hop self bgp-prefix-sid [ 5, [ ( 100,200 ) ] ] attribute [ 0x99 0xC0 0x01 ]"},
      {"route 10.0.0.0/24 next-hop self attribute [ 0x99 0xC0 0x01 ] attribute [ 0x98 0xC0 0x01 ]",
       "{\"attribute\":false}", "route 10.0.0.0/24 next-hop self"},
      {"neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self rd 1:1 label 5 path-information 9 name x watchdog y",
       "{\"med\":5}",
       "neighbor 10.0.0.2 route 10.0.0.0/24 path-information 0.0.0.9 label 5 next-hop self rd 1:1 med 5 watchdog y "
       "name x"},
      {"attributes next-hop self med 5 nlri 10.0.1.0/24 10.0.0.0/24", "{\"med\":6}",
       "attributes next-hop self med 6 nlri 10.0.0.0/24 10.0.1.0/24"},
      {"route 10.0.0.0/24 next-hop self split /25", "{\"med\":6}", "route 10.0.0.0/24 next-hop self med 6 split /25"},
      {"route 2001:db8::/32 next-hop 2001:db8::1", "{\"next_hop\":\"2001:db8::2\"}",
       "route 2001:db8::/32 next-hop 2001:db8::2"},
      {"route 224.1.0.0/24 next-hop self", "{\"med\":1}", "route 224.1.0.0/24 next-hop self med 1"},
      {"vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", "{\"local_preference\":9}",
       "vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1 local-preference 9"},
  };
  ASSERT_APPLIED(cases);
}

static void communities_that_are_added_stand_once(void **state) {
  (void)state;
  static const struct apply_case cases[] = {
      {"route 10.0.0.0/24 next-hop self community [ 1:1 no-export ]",
       "{\"add_community\":[\"2:2\",\"65535:65281\",\"2:2\",\"0x00010001\"]}",
       "route 10.0.0.0/24 next-hop self community [ 1:1 2:2 no-export ]"},
      {"route 10.0.0.0/24 next-hop self", "{\"add_community\":\"65535:0\"}",
       "route 10.0.0.0/24 next-hop self community 65535:0"},
      {"route 10.0.0.0/24 next-hop self community 1:1", "{\"community\":[\"5:5\"],\"add_community\":[\"6:6\"]}",
       "route 10.0.0.0/24 next-hop self community [ 5:5 6:6 ]"},
      {"route 10.0.0.0/24 next-hop self large-community 1:2:3 extended-community target:1:1",
       "{\"add_large_community\":[\"4:5:6\"],\"add_extended_community\":[\"bandwidth:65000:125000000\",\"1:1\"]}",
       "route 10.0.0.0/24 next-hop self extended-community [ target:1:1 bandwidth:65000:125000000 ] large-community [ "
       "1:2:3 4:5:6 ]"},
      {"route 10.0.0.0/24 next-hop self community 1:1", "{\"add_community\":[]}",
       "route 10.0.0.0/24 next-hop self community 1:1"},
      {"route 10.0.0.0/24 next-hop self community 1:1", "{\"add_community\":false}",
       "route 10.0.0.0/24 next-hop self community 1:1"},
      {"route 10.0.0.0/24 next-hop self", "{\"add_community\":[]}", "route 10.0.0.0/24 next-hop self"},
      {"flow route { match { destination 10.0.0.0/24; } then { discard; } }", "{\"add_community\":[\"65000:666\"]}",
       "flow route { match { destination-ipv4 10.0.0.0/24; } then { discard; community 65000:666; } }"},
  };
  ASSERT_APPLIED(cases);
}

static void actions_of_a_flow_take_the_place_of_their_like(void **state) {
  (void)state;
  static const char flow[] = "flow route { match { destination 10.0.0.0/24; } then { discard; mark 5; } }";
  static const char away[] = "flow route { next-hop 10.0.0.9; match { destination 10.0.0.0/24; } then { "
                             "redirect-to-nexthop; } }";
#define MATCH "match { destination-ipv4 10.0.0.0/24; }"
  static const struct apply_case cases[] = {
      {flow, "{\"rate_limit\":9600}", "flow route { " MATCH " then { rate-limit 9600; mark 5; } }"},
      {flow, "{\"accept\":true,\"mark\":false,\"add_community\":\"1:1\"}",
       "flow route { " MATCH " then { accept; community 1:1; } }"},
      {flow, "{\"redirect\":\"65000:7\"}", "flow route { " MATCH " then { discard; redirect 65000:7; mark 5; } }"},
      {away, "{\"redirect\":\"10.0.0.8\"}",
       "flow route { next-hop 10.0.0.8; " MATCH " then { redirect-to-nexthop; } }"},
      {away, "{\"redirect\":\"65000:7\"}", "flow route { " MATCH " then { redirect 65000:7; } }"},
      {away, "{\"copy\":\"10.0.0.8\"}", "flow route { " MATCH " then { copy 10.0.0.8; } }"},
      {away, "{\"next_hop\":\"10.0.0.7\"}",
       "flow route { next-hop 10.0.0.7; " MATCH " then { redirect-to-nexthop; } }"},
      {away, "{\"redirect_to_nexthop_ietf\":\"10.0.0.7\"}",
       "flow route { " MATCH " then { redirect-to-nexthop-ietf 10.0.0.7; } }"},
      {flow, "{\"interface_set\":[\"transitive:input:65000:1\",\"transitive:output:65000:1\"],\"action\":\"sample\"}",
       "flow route { " MATCH " scope { interface-set [ transitive:input:65000:1 transitive:output:65000:1 ]; } then { "
       "discard; mark 5; action sample; } }"},
      {flow, "{\"discard\":false,\"mark\":false}",
       "then: actions are missing, expected then { discard; }, { rate-limit 9600; }, { accept; } ..."},
      {flow, "{\"med\":5}", "med: a flow has no such attribute"},
      {flow, "{\"prepend\":1}", "prepend: a flow has no as-path"},
      {flow, "{\"match\":\"x\"}", "match: a policy cannot change it"},
      {flow, "{\"mark\":64}", "mark: expected a whole number from 0 to 63, found 64"},
      {flow, "{\"rate_limit\":-1}", "rate_limit: expected a whole number from 0 to 1000000000000, found -1"},
      {"route 10.0.0.0/24 next-hop self", "{\"discard\":true}", "discard: only a flow has it"},
  };
#undef MATCH
  ASSERT_APPLIED(cases);
}

static void each_refusal_is_a_line_that_begins_with_the_member(void **state) {
  (void)state;
  static const char base[] = "route 10.0.0.0/24 next-hop self";
  static const struct apply_case cases[] = {
      {base, "{\"med\":\"x\"}", "med: expected a whole number from 0 to 4294967295, found \"x\""},
      {base, "{\"med\":1.5}", "med: expected a whole number from 0 to 4294967295, found 1.5"},
      {base, "{\"med\":4294967296}", "med: expected a whole number from 0 to 4294967295, found 4294967296"},
      {base, "{\"med\":-1}", "med: expected a whole number from 0 to 4294967295, found -1"},
      {base, "{\"med\":true}", "med: expected a whole number from 0 to 4294967295, found true"},
      {base, "{\"med\":null}", "med: expected a whole number from 0 to 4294967295, found null"},
      {base, "{\"local_preference\":[]}", "local_preference: expected a whole number from 0 to 4294967295, found []"},
      {base, "{\"local-preference\":5}", "\"local-preference\": write local_preference"},
      {base, "{\"colour\":5}",
       "\"colour\": there is no such attribute; med, community, add_community, as_path, prepend ..."},
      {base, "{\"rd\":\"1:1\"}", "rd: a policy cannot change it"},
      {base, "{\"label\":5}", "label: a policy cannot change it"},
      {base, "{\"path_information\":5}", "path_information: a policy cannot change it"},
      {base, "{\"watchdog\":\"x\"}", "watchdog: a policy cannot change it"},
      {base, "{\"withdraw\":true}", "withdraw: a policy cannot change it"},
      {base, "{\"next_hop\":false}",
       "next_hop: expected \"self\" or an IP address: no route goes without, found false"},
      {base, "{\"next_hop\":\"2001:db8::1\"}",
       "next_hop: an IPv6 address for an IPv4 prefix: without extended next hops (RFC 8950) routers take the route for "
       "withdrawn; expected an IPv4 address"},
      {base, "{\"next_hop\":\"nowhere\"}", "next_hop: found 'nowhere', expected self or an IP address"},
      {base, "{\"next_hop\":[\"self\"]}", "next_hop: expected a text of one word, found [\"self\"]"},
      {base, "{\"origin\":\"\"}", "origin: expected a text of one word, found \"\""},
      {base, "{\"community\":[\"70000:1\"]}", "community: 70000 is out of range (0 to 65535)"},
      {base, "{\"community\":[[\"1:1\"]]}", "community: expected an array of texts, found [[\"1:1\"]]"},
      {base, "{\"community\":{\"a\":1}}", "community: expected an array of texts, found {\"a\":1}"},
      {base, "{\"add_community\":[\"x\"]}",
       "add_community: found 'x', expected 65000:100, a number, 0x hexadecimal, no-export, no-advertise, "
       "no-export-subconfed, no-peer or blackhole"},
      {base, "{\"add_community\":[\"graceful-shutdown\"]}",
       "add_community: ExaBGP does not know graceful-shutdown by name, write 65535:0"},
      {base, "{\"as_path\":\"65000\"}",
       "as_path: expected an array of AS numbers, of which the last may be an array (a set), found \"65000\""},
      {base, "{\"as_path\":[[1],2]}",
       "as_path: expected an array of AS numbers, of which the last may be an array (a set), found [[1],2]"},
      {base, "{\"as_path\":[0]}",
       "as_path: AS number 0 is reserved and makes the path malformed (RFC 7607); routers treat the route as "
       "withdrawn"},
      {base, "{\"as_path\":[4294967296]}", "as_path: 4294967296 is out of range (0 to 4294967295)"},
      {base, "{\"aggregator\":\"x\"}", "aggregator: found 'x', expected ( AS:ADDRESS ), such as ( 65000:10.0.0.1 )"},
      {base, "{\"atomic_aggregate\":1}", "atomic_aggregate: expected true or false, found 1"},
      {base, "{\"bgp_prefix_sid\":[5,[1]]}",
       "bgp_prefix_sid: expected an array of a label index and arrays of base and range, found [5,[1]]"},
      {base, "{\"attribute\":[[\"0x04\",\"0x80\",\"0x01\"]]}", "attribute: the data is no med, expected 4 bytes"},
      {base, "{\"prepend\":65}",
       "prepend: expected a whole number from 0 to 64, or {as = AS, times = NUMBER}, found 65"},
      {base, "{\"prepend\":{\"as\":0,\"times\":1}}",
       "prepend: expected a whole number from 0 to 64, or {as = AS, times = NUMBER}, found {\"as\":0,\"times\":1}"},
      {"vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", "{\"add_large_community\":[\"1:1:1\"]}",
       "add_large_community: ExaBGP does not take it in 'vpls'"},
      {"vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1", "{\"aigp\":1}",
       "aigp: ExaBGP does not take it in 'vpls'"},
  };
  ASSERT_APPLIED(cases);
}

/* Whatever is in a text is one word of this attribute or nothing. */
static void no_value_smuggles_in_another_attribute(void **state) {
  (void)state;
  static const char *const texts[] = {
      "self med 5",    "self\\tmed 5", "self; med 5", "self ]",  "self\\n",           "self,",
      "self\\u00e4",   "self{",        "(self)",      "self#",   "\\\"self\\\"",      "self\\\\",
      "1:1 ] med 5 [", "1:1;",         "[1:1",        "1:1]]]]", "1:1 split /25 1:1", " 1:1",
  };
  static const char *const members[] = {"next_hop", "origin", "aigp", "originator_id", "aggregator"};
  static const char *const lists[] = {"community",    "large_community", "extended_community",
                                      "cluster_list", "as_path",         "add_community"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    char json[256];
    for (size_t j = 0; j < sizeof members / sizeof members[0]; j++) {
      (void)snprintf(json, sizeof json, "{\"%s\":\"%s\"}", members[j], texts[i]);
      char *text = applied("route 10.0.0.0/24 next-hop self", json, NULL, 0);
      assert_non_null(strstr(text, ": expected "));
      free(text);
    }
    for (size_t j = 0; j < sizeof lists / sizeof lists[0]; j++) {
      (void)snprintf(json, sizeof json, "{\"%s\":[\"%s\"]}", lists[j], texts[i]);
      char *text = applied("route 10.0.0.0/24 next-hop self", json, NULL, 0);
      assert_non_null(strstr(text, ": expected "));
      free(text);
    }
  }
}

static void what_does_not_fit_in_a_message_is_refused(void **state) {
  (void)state;
  struct bc_buf json;
  bc_buf_init(&json, 1 << 20);
  bc_buf_add_text(&json, "{\"community\":[");
  for (unsigned i = 0; i < 1000; i++) {
    bc_buf_add_format(&json, "%s\"%u:%u\"", i > 0 ? "," : "", i, i);
  }
  bc_buf_add_text(&json, "]}");
  char *text = applied("route 10.0.0.0/24 next-hop self", json.data, NULL, 0);
  assert_string_equal(text, "the attributes take 4158 bytes, a BGP message has room for 3900");
  free(text);
  bc_buf_clear(&json);
  bc_buf_add_text(&json, "{\"as_path\":[");
  for (unsigned i = 0; i < 20000; i++) {
    bc_buf_add_text(&json, i > 0 ? ",4200000000" : "4200000000");
  }
  bc_buf_add_text(&json, "],\"prepend\":{\"as\":1,\"times\":64}}");
  text = applied("route 10.0.0.0/24 next-hop self", json.data, NULL, 0);
  assert_string_equal(text, "as_path: too many values: they do not fit in a BGP message");
  free(text);
  bc_buf_free(&json);
}

/* ---- prepend ---- */

static void assert_prepended(const char *base, const char *attributes, const struct bc_neighbor_name *neighbors,
                             size_t count, const char *expected) {
  char *text = applied(base, attributes, neighbors, count);
  assert_string_equal(text, expected);
  free(text);
}

static void prepend_puts_the_local_as_in_front_of_what_would_be_sent(void **state) {
  (void)state;
  assert_prepended("route 10.0.0.0/24 next-hop self", "{\"prepend\":2}", external, 2,
                   "route 10.0.0.0/24 next-hop self as-path [ 65000 65000 65000 ]");
  assert_prepended("route 10.0.0.0/24 next-hop self as-path [ 65000 1 ( 2 ) ]", "{\"prepend\":2}", external, 2,
                   "route 10.0.0.0/24 next-hop self as-path [ 65000 65000 65000 1 ( 2 ) ]");
  assert_prepended("route 10.0.0.0/24 next-hop self as-path [ ]", "{\"prepend\":1}", external, 2,
                   "route 10.0.0.0/24 next-hop self as-path [ 65000 ]");
  assert_prepended("route 10.0.0.0/24 next-hop self", "{\"prepend\":1,\"as_path\":[7]}", external, 2,
                   "route 10.0.0.0/24 next-hop self as-path [ 65000 7 ]");
  assert_prepended("route 10.0.0.0/24 next-hop self as-path [ 7 ]", "{\"prepend\":1,\"as_path\":false}", external, 2,
                   "route 10.0.0.0/24 next-hop self as-path [ 65000 65000 ]");
  assert_prepended("route 10.0.0.0/24 next-hop self", "{\"prepend\":0}", NULL, 0, "route 10.0.0.0/24 next-hop self");
  assert_prepended("route 10.0.0.0/24 next-hop self", "{\"prepend\":false}", NULL, 0,
                   "route 10.0.0.0/24 next-hop self");
  assert_prepended("route 10.0.0.0/24 next-hop self", "{\"prepend\":{\"as\":65009,\"times\":1}}", NULL, 0,
                   "route 10.0.0.0/24 next-hop self as-path [ 65009 65009 ]");
}

static void prepend_is_refused_where_the_path_would_be_wrong(void **state) {
  (void)state;
  static const char base[] = "route 10.0.0.0/24 next-hop self";
  struct bc_neighbor_name mixed[] = {EXTERNAL("10.0.0.2"), INTERNAL("10.0.0.3")};
  static const char loop[] =
      "prepend: the neighbor 10.0.0.3 is in AS 65000 itself and would drop the route, as its own "
      "AS would be in the path";
  assert_prepended(base, "{\"prepend\":1}", mixed, 2, loop);
  assert_prepended(base, "{\"prepend\":{\"as\":65000,\"times\":1}}", mixed, 2, loop);
  assert_prepended(base, "{\"prepend\":{\"as\":65001,\"times\":1}}", mixed, 1,
                   "prepend: the neighbor 10.0.0.2 is in AS 65001 itself and would drop the route, as its own AS would "
                   "be in the path");
  /* It does not go to the internal one. */
  assert_prepended("neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self", "{\"prepend\":1}", mixed, 2,
                   "neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self as-path [ 65000 65000 ]");
  struct bc_neighbor_name two[] = {EXTERNAL("10.0.0.2"), EXTERNAL("10.0.0.3")};
  (void)snprintf(two[1].local_as, sizeof two[1].local_as, "65009");
  assert_prepended(base, "{\"prepend\":1}", two, 2,
                   "prepend: the neighbors have several local AS, 65000 and 65009: say which, {as = AS, times = N}");
  assert_prepended("neighbor 10.0.0.3 route 10.0.0.0/24 next-hop self", "{\"prepend\":1}", two, 2,
                   "neighbor 10.0.0.3 route 10.0.0.0/24 next-hop self as-path [ 65009 65009 ]");
  assert_prepended(
      base, "{\"prepend\":1}", NULL, 0,
      "prepend: no neighbor that the route goes to is known, and so no local AS: say it, {as = AS, times = "
      "N}");
  two[0].local_as[0] = '\0';
  assert_prepended(base, "{\"prepend\":1}", two, 2,
                   "prepend: the local AS towards the neighbor 10.0.0.2 is not known: say it, {as = AS, times = N}");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(members_replace_add_and_remove, setup, teardown),
      cmocka_unit_test_setup_teardown(communities_that_are_added_stand_once, setup, teardown),
      cmocka_unit_test_setup_teardown(actions_of_a_flow_take_the_place_of_their_like, setup, teardown),
      cmocka_unit_test_setup_teardown(each_refusal_is_a_line_that_begins_with_the_member, setup, teardown),
      cmocka_unit_test_setup_teardown(no_value_smuggles_in_another_attribute, setup, teardown),
      cmocka_unit_test_setup_teardown(what_does_not_fit_in_a_message_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(prepend_puts_the_local_as_in_front_of_what_would_be_sent, setup, teardown),
      cmocka_unit_test_setup_teardown(prepend_is_refused_where_the_path_would_be_wrong, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
