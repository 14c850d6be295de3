/* What policies say of routes: attributes in JSON, verdicts. */
#include "policy_world.h"

static void attributes_are_printed_as_numbers_texts_and_arrays(void **state) {
  (void)state;
  static const struct {
    const char *route, *json;
  } cases[] = {
      {"route 10.0.0.0/24 next-hop self", "{\"next_hop\":\"self\"}"},
      {"route 10.0.0.0/24 next-hop 192.0.2.1 origin egp as-path [ 65000 65001 (7 8) ] med 4294967295 "
       "local-preference 0 atomic-aggregate aggregator ( 65000:10.0.0.1 ) community [ 65535:0 no-export 1:1 ] "
       "originator-id 10.0.0.9 cluster-list [ 10.0.0.8 10.0.0.7 ] extended-community target:65000:1 aigp 7 "
       "large-community 1:2:3 bgp-prefix-sid [ 5, [ (100,200), (300,400) ] ] attribute [ 0x99 0xc0 0x0aff ] "
       "attribute [ 0x98 0x80 0x ]",
       "{\"aggregator\":\"65000:10.0.0.1\",\"aigp\":7,\"as_path\":[65000,65001,[7,8]],\"atomic_aggregate\":true,"
       "\"attribute\":[[\"0x98\",\"0x80\",\"0x\"],[\"0x99\",\"0xC0\",\"0x0aff\"]],"
       "\"bgp_prefix_sid\":[5,[100,200],[300,400]],\"cluster_list\":[\"10.0.0.8\",\"10.0.0.7\"],"
       "\"community\":[\"1:1\",\"65535:0\",\"no-export\"],\"extended_community\":[\"target:65000:1\"],"
       "\"large_community\":[\"1:2:3\"],\"local_preference\":0,\"med\":4294967295,\"next_hop\":\"192.0.2.1\","
       "\"origin\":\"egp\",\"originator_id\":\"10.0.0.9\"}"},
      {"route 10.0.0.0/24 next-hop self as-path [ ] aigp 9007199254740993",
       "{\"aigp\":\"0x0020000000000001\",\"as_path\":[],\"next_hop\":\"self\"}"},
      {"neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self label [ 5 6 ] rd 1:1 path-information 9 name x watchdog y "
       "withdraw med 5",
       "{\"med\":5,\"next_hop\":\"self\"}"},
      {"attributes next-hop self med 5 nlri 10.0.0.0/24 10.0.1.0/24", "{\"med\":5,\"next_hop\":\"self\"}"},
      {"vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1 med 3",
       "{\"med\":3,\"next_hop\":\"10.0.0.1\"}"},
      {"flow route { next-hop 10.0.0.9; match { destination 10.0.0.0/24; } scope { interface-set "
       "transitive:input:65000:1; } then { rate-limit 9600; mark 5; action sample; redirect-to-nexthop; community "
       "[ 1:1 2:2 ]; large-community 1:2:3; extended-community target:1:1; } }",
       "{\"action\":\"sample\",\"community\":[\"1:1\",\"2:2\"],\"extended_community\":[\"target:1:1\"],"
       "\"interface_set\":[\"transitive:input:65000:1\"],\"large_community\":[\"1:2:3\"],\"mark\":5,"
       "\"next_hop\":\"10.0.0.9\",\"rate_limit\":9600,\"redirect_to_nexthop\":true}"},
      {"flow route { match { destination 10.0.0.0/24; } then { discard; } }", "{\"discard\":true}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_route route = route_of(cases[i].route);
    struct bc_buf text;
    bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
    bc_policy_print_attributes(&route, &text);
    assert_string_equal(text.data, cases[i].json);
    bc_buf_free(&text);
    bc_route_release(intern, &route);
  }
}

/* ---- round trip ---- */

static uint32_t random_state;

static uint32_t next_random(uint32_t below) {
  random_state = random_state * 1664525U + 1013904223U;
  return (random_state >> 8) % below;
}

static const char *const random_heads[] = {
    "route 10.1.0.0/16 next-hop self",
    "route 10.1.0.0/16 next-hop 192.0.2.1 path-information 7",
    "neighbor 10.0.0.2 route 10.1.2.3/32 next-hop self",
    "route 10.1.0.0/16 next-hop self split /18",
    "route 10.1.0.0/16 next-hop self label 5 rd 65000:1",
    "route 10.1.0.0/16 next-hop self name x watchdog y",
    "route 2001:db8::/32 next-hop 2001:db8::1",
    "route 2001:db8::/32 next-hop 2001:db8::1 label [ 1 2 ]",
};

static const char *const random_attributes[] = {
    "origin egp",
    "as-path [ ]",
    "med 4294967295",
    "local-preference 7",
    "atomic-aggregate",
    "aggregator ( 70000:10.0.0.1 )",
    "community [ no-export 1:1 1:1 65535:65535 ]",
    "originator-id 1.2.3.4",
    "cluster-list [ 1.2.3.4 5.6.7.8 1.2.3.4 ]",
    "extended-community [ target:1:1 origin:2:2 0x0102010203040005 bandwidth:1:5 l2info:1:2:3:4 redirect:1:2 ]",
    "aigp 18446744073709551615",
    "large-community [ 1:2:3 4294967295:0:1 ]",
    "bgp-prefix-sid [ 5, [ ( 1,2 ) ] ]",
    "attribute [ 0x99 0xC0 0xabcdef ]",
    "attribute [ 0x1D 0x80 0x ]",
};

static const char *const random_actions[] = {
    "rate-limit 9600; ",
    "redirect 65000:1; ",
    "mark 5; ",
    "action sample-terminal; ",
    "community [ 1:1 no-export ]; ",
    "large-community 1:2:3; ",
    "extended-community [ target:1:1 origin:2:2 ]; ",
};

static void random_route(struct bc_buf *to) {
  if (next_random(4) > 0) {
    bc_buf_add_text(to, random_heads[next_random(sizeof random_heads / sizeof random_heads[0])]);
    for (size_t i = 0; i < sizeof random_attributes / sizeof random_attributes[0]; i++) {
      if (i != 14 && next_random(3) == 0) {
        bc_buf_add_format(to, " %s", random_attributes[i]);
      }
    }
    return;
  }
  bc_buf_add_text(to, next_random(2) == 0 ? "flow route { match { destination 10.0.0.0/24; } "
                                          : "flow route { rd 1:1; match { source 10.0.0.0/24; port =80; } ");
  bc_buf_add_text(
      to, next_random(2) == 0 ? "scope { interface-set [ transitive:input:1:1 non-transitive:output:2:2 ]; } " : "");
  bc_buf_add_text(to, "then { ");
  size_t start = to->len;
  for (size_t i = 0; i < sizeof random_actions / sizeof random_actions[0]; i++) {
    bc_buf_add_text(to, next_random(3) == 0 ? random_actions[i] : "");
  }
  bc_buf_add_text(to, to->len == start ? "discard; } }" : "} }");
}

static void printed_attributes_make_the_same_route(void **state) {
  (void)state;
  for (unsigned seed = 1; seed <= 2000; seed++) {
    random_state = seed;
    struct bc_buf text;
    struct bc_buf json;
    bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
    bc_buf_init(&json, BC_LIMIT_CONFIG_BYTES);
    random_route(&text);
    struct bc_route route = route_of(text.data);
    bc_policy_print_attributes(&route, &json);
    json_t *attributes = json_of(json.data);
    struct bc_route made;
    struct bc_fault fault = {0};
    if (bc_policy_apply(intern, &route, attributes, NULL, 0, &made, &fault) != BC_ERR_OK) {
      fail_msg("%s: %s: %s", text.data, json.data, fault.text);
    }
    assert_true(bc_route_equal(&made, &route));
    assert_true(made.name == route.name && made.med == route.med && made.has_med == route.has_med &&
                made.internal == route.internal && made.is_groupable == route.is_groupable &&
                made.is_split == route.is_split && made.has_next_hop == route.has_next_hop);
    bc_route_release(intern, &made);
    bc_route_release(intern, &route);
    json_decref(attributes);
    bc_buf_free(&text);
    bc_buf_free(&json);
  }
}

/* On a route without any attribute but the next hop, they make the route that they were printed of. */
static void printed_attributes_say_all_of_a_route(void **state) {
  (void)state;
  for (unsigned seed = 1; seed <= 500; seed++) {
    random_state = seed;
    struct bc_buf text;
    bc_buf_init(&text, BC_LIMIT_CONFIG_BYTES);
    bc_buf_add_text(&text, "route 10.1.0.0/16 next-hop 192.0.2.1");
    for (size_t i = 0; i < 14; i++) {
      if (next_random(2) == 0) {
        bc_buf_add_format(&text, " %s", random_attributes[i]);
      }
    }
    struct bc_route route = route_of(text.data);
    struct bc_route bare = route_of("route 10.1.0.0/16 next-hop self med 9");
    json_t *attributes = bc_policy_list_attributes(&route);
    if (json_object_get(attributes, "med") == NULL) {
      json_object_set_new(attributes, "med", json_false());
    }
    struct bc_route made;
    assert_int_equal(bc_policy_apply(intern, &bare, attributes, NULL, 0, &made, NULL), BC_ERR_OK);
    assert_true(bc_route_equal(&made, &route));
    assert_true(made.has_med == route.has_med && made.med == route.med);
    bc_route_release(intern, &made);
    bc_route_release(intern, &bare);
    bc_route_release(intern, &route);
    json_decref(attributes);
    bc_buf_free(&text);
  }
}

/* ---- verdicts ---- */

static struct bc_policy_verdict verdict_of(const char *text, enum bc_policy_kind kind) {
  struct bc_policy_verdict verdict;
  struct bc_fault fault = {0};
  if (bc_policy_verdict_parse(bc_str_of(text), kind, &verdict, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", text, fault.text);
  }
  return verdict;
}

static void verdicts_are_read(void **state) {
  (void)state;
  struct bc_policy_verdict verdict = verdict_of(
      "{\"again_in\":30,\"attributes\":{\"med\":5},\"reason\":\"load\",\"verdict\":\"announce\"}", BC_POLICY_ROUTE);
  assert_int_equal(verdict.verdict, BC_VERDICT_ANNOUNCE);
  assert_int_equal(verdict.again_ms, 30000);
  assert_string_equal(verdict.reason, "load");
  assert_int_equal(json_integer_value(json_object_get(verdict.attributes, "med")), 5);
  bc_policy_verdict_free(&verdict);
  assert_null(verdict.reason);
  bc_policy_verdict_free(&verdict);

  verdict = verdict_of("{\"verdict\":\"announce\",\"attributes\":{}}", BC_POLICY_ROUTE);
  assert_true(verdict.attributes == NULL && verdict.reason == NULL && verdict.again_ms == 0);
  verdict = verdict_of("{\"verdict\":\"withdraw\",\"again_in\":\"5m\"}", BC_POLICY_ROUTE);
  assert_int_equal(verdict.verdict, BC_VERDICT_WITHDRAW);
  assert_int_equal(verdict.again_ms, 300000);
  verdict = verdict_of("{\"verdict\":\"keep\",\"again_in\":0.1}", BC_POLICY_ROUTE);
  assert_int_equal(verdict.verdict, BC_VERDICT_KEEP);
  assert_int_equal(verdict.again_ms, 100);
  verdict = verdict_of("{\"verdict\":\"keep\",\"again_in\":86400}", BC_POLICY_ROUTE);
  assert_int_equal(verdict.again_ms, 86400000);
  verdict = verdict_of("{\"verdict\":\"admit\"}", BC_POLICY_ADMISSION);
  assert_int_equal(verdict.verdict, BC_VERDICT_ANNOUNCE);
  verdict = verdict_of("{\"verdict\":\"refuse\"}", BC_POLICY_ADMISSION);
  assert_int_equal(verdict.verdict, BC_VERDICT_WITHDRAW);
}

static void a_reason_is_one_bounded_line(void **state) {
  (void)state;
  struct bc_policy_verdict verdict =
      verdict_of("{\"verdict\":\"keep\",\"reason\":\"a\\nb\\u0001\\tc \\u00e4\"}", BC_POLICY_ROUTE);
  assert_string_equal(verdict.reason, "a b  c \xc3\xa4");
  bc_policy_verdict_free(&verdict);
  char text[4096] = "{\"verdict\":\"keep\",\"reason\":\"x";
  for (size_t i = strlen(text); i < 3000; i += 2) {
    memcpy(text + i, "\xc3\xa4", 3);
  }
  (void)snprintf(text + strlen(text), 8, "\"}");
  verdict = verdict_of(text, BC_POLICY_ROUTE);
  assert_int_equal(strlen(verdict.reason), BC_LIMIT_LUA_REASON_BYTES - 1);
  assert_int_equal((unsigned char)verdict.reason[BC_LIMIT_LUA_REASON_BYTES - 2], 0xa4);
  bc_policy_verdict_free(&verdict);
}

static void what_is_no_verdict_is_told(void **state) {
  (void)state;
  static const struct {
    enum bc_policy_kind kind;
    const char *text, *fault;
  } cases[] = {
      {BC_POLICY_ROUTE, "{}", "verdict: expected announce, withdraw or keep, found nothing"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"admit\"}", "verdict: expected announce, withdraw or keep, found \"admit\""},
      {BC_POLICY_ADMISSION, "{\"verdict\":\"keep\"}", "verdict: expected admit or refuse, found \"keep\""},
      {BC_POLICY_ROUTE, "{\"verdict\":5}", "verdict: expected announce, withdraw or keep, found 5"},
      {BC_POLICY_ROUTE, "[]", "the verdict is no JSON object"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\"} x", "the verdict is no JSON: end of file expected near 'x'"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"verdict\":\"keep\"}",
       "the verdict is no JSON: duplicate object key near '\"verdict\"'"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"again_in\":0}", "again_in: expected 0.1 to 86400 seconds, found 0"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"again_in\":-5}", "again_in: expected 0.1 to 86400 seconds, found -5"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"again_in\":86401}",
       "again_in: expected 0.1 to 86400 seconds, found 86401"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"again_in\":\"25h\"}",
       "again_in: expected 0.1 to 86400 seconds, found \"25h\""},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"again_in\":\"soon\"}",
       "again_in: expected seconds, or a text with a unit such as \"5m\", found \"soon\""},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"again_in\":true}",
       "again_in: expected seconds, or a text with a unit such as \"5m\", found true"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"reason\":5}", "reason: expected a text, found 5"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"announce\",\"reason\":\"x\",\"attributes\":[1]}",
       "attributes: expected a table of attributes, found [1]"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"withdraw\",\"attributes\":{}}", "attributes: withdraw takes none"},
      {BC_POLICY_ADMISSION, "{\"verdict\":\"refuse\",\"attributes\":{}}", "attributes: refuse takes none"},
      {BC_POLICY_ROUTE, "{\"verdict\":\"keep\",\"med\":5}",
       "\"med\": expected verdict, reason, again_in or attributes"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_policy_verdict verdict = {.again_ms = 7};
    struct bc_fault fault = {0};
    assert_int_not_equal(bc_policy_verdict_parse(bc_str_of(cases[i].text), cases[i].kind, &verdict, &fault), BC_ERR_OK);
    assert_string_equal(fault.text, cases[i].fault);
    assert_int_equal(verdict.again_ms, 7);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(attributes_are_printed_as_numbers_texts_and_arrays, setup, teardown),
      cmocka_unit_test_setup_teardown(printed_attributes_make_the_same_route, setup, teardown),
      cmocka_unit_test_setup_teardown(printed_attributes_say_all_of_a_route, setup, teardown),
      cmocka_unit_test_setup_teardown(verdicts_are_read, setup, teardown),
      cmocka_unit_test_setup_teardown(a_reason_is_one_bounded_line, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_verdict_is_told, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
