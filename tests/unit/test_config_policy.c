/* Which policy is in force for a route, and what a fault, a removal and a changed module do to it; the node's labels.
 */
#include "config_helper.h"

#include "base/limits.h"

#define GOOD(n) "route 192.0.2." #n "/32 next-hop self"
#define LUA(n) "return function() return keep(" #n ") end"
#define WINDOW "{\"use\": \"time_window\", \"from\": \"08:00\", \"to\": \"18:00\"}"

/* "KEY TEXT", "KEY builtin", "KEY unknown", "none". */
static const char *shown(struct bc_config_policy policy) {
  static char text[512];
  (void)snprintf(text, sizeof text, "%s %s", policy.key == NULL ? "none" : policy.key,
                 policy.is_unknown                  ? "unknown"
                 : policy.is_builtin                ? "builtin"
                 : policy.key == NULL               ? ""
                 : policy.script.text == NULL       ? "(nothing)"
                 : policy.script.ready_made != NULL ? policy.script.ready_made
                                                    : policy.script.text);
  assert_true(policy.script.text == NULL || policy.script.is_lua);
  assert_int_equal(policy.script.text == NULL, policy.script.hash == 0);
  return text;
}

static const char *in_force(const char *route) {
  return shown(view(route).policy);
}

static bool find_policy(const char *key, struct bc_config_policy *policy) {
  return bc_config_find_policy(helper->config, key, policy);
}

static void the_inner_one_is_in_force(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  assert_string_equal(in_force("web"), "none ");
  put("policy", LUA(1));
  assert_string_equal(in_force("web"), "policy " LUA(1));
  put("node/ME/policy", LUA(2));
  assert_string_equal(in_force("web"), "node/ME/policy " LUA(2));
  put("routes/web/policy", LUA(3));
  assert_string_equal(in_force("web"), "routes/web/policy " LUA(3));
  expect_no_fault("web");
  delete_key("routes/web/policy");
  assert_string_equal(in_force("web"), "node/ME/policy " LUA(2));
  delete_key("node/ME/policy");
  assert_string_equal(in_force("web"), "policy " LUA(1));
  delete_key("policy");
  assert_string_equal(in_force("web"), "none ");
}

static void another_nodes_policy_and_that_of_admission_are_no_routes(void **state) {
  (void)state;
  struct bc_config_policy policy;
  put_route("web", GOOD(1));
  put("node/OTHER/policy", LUA(1));
  put("node/OTHER/labels", "{\"a\": 1}");
  put("policy/x", LUA(1));
  put("admission", LUA(2));
  assert_string_equal(in_force("web"), "none ");
  assert_true(find_policy("admission", &policy));
  assert_string_equal(shown(policy), "admission " LUA(2));
  assert_false(find_policy("node/OTHER/policy", &policy));
  assert_false(find_policy("policy", &policy));
  assert_string_equal(policy_changes(), "+admission ");
  assert_string_equal(bc_config_labels(helper->config), "{}");
}

static void one_may_say_built_in_in_spite_of_one_further_out(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put_route("api", GOOD(2));
  put("policy", LUA(1));
  put("routes/web/policy", " {\"use\": \"builtin\"}\n");
  assert_string_equal(in_force("web"), "routes/web/policy builtin");
  assert_null(view("web").policy.script.text);
  assert_string_equal(in_force("api"), "policy " LUA(1));
  put("node/ME/policy", "{\"use\":\"builtin\"}");
  assert_string_equal(in_force("api"), "node/ME/policy builtin");
  put("routes/web/policy", "{\"use\": \"builtin\", \"x\": 1}");
  expect_fault("web", "routes/web/policy: builtin: it has no parameters");
  assert_string_equal(in_force("web"), "routes/web/policy builtin");
}

static void one_may_be_ready_made_with_checked_parameters(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("routes/web/policy", WINDOW);
  struct bc_config_policy policy = view("web").policy;
  assert_string_equal(shown(policy), "routes/web/policy time_window");
  assert_non_null(strstr(policy.script.parameters, "\"to\":\"18:00\""));
  assert_non_null(strstr(policy.script.parameters, "\"offset\":\"+00:00\"")); /* a default */
  uint64_t hash = policy.script.hash;
  put("routes/web/policy", "{\"use\": \"time_window\", \"from\": \"08:00\", \"to\": \"18:01\"}");
  assert_true(view("web").policy.script.hash != hash);
  static const char *const bad[][2] = {
      {"{\"use\": \"time_window\", \"form\": \"08:00\"}",
       "routes/web/policy: time_window: there is no parameter \"form\": expected "},
      {"{\"use\": \"time_window\", \"from\": 8, \"to\": \"9\"}",
       "routes/web/policy: time_window: from: expected a text"},
      {"{\"use\": \"tcp\"}", "routes/web/policy: use: there is no ready-made policy \"tcp\": expected "},
      {"{\"use\": 1}", "routes/web/policy: expected Lua, or a JSON object {\"use\": NAME, ...}"},
      {"{}", "routes/web/policy: expected Lua, or a JSON object {\"use\": NAME, ...}"},
      {"{\"use\": \"builtin\", \"use\": \"builtin\"}", "routes/web/policy: not JSON: line 1: "},
      {"{", "routes/web/policy: not JSON: line 1: "},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    put("routes/web/policy", bad[i][0]);
    expect_fault("web", bad[i][1]);
    assert_string_equal(in_force("web"), "routes/web/policy time_window");
    assert_string_equal(view("web").policy.fault, view("web").fault);
  }
  put("routes/web/policy", WINDOW);
  expect_no_fault("web");
  assert_null(view("web").policy.fault);
  assert_true(view("web").policy.script.hash == hash);
  assert_int_equal(bc_config_counts(helper->config).scripts, 0);
}

static void a_faulty_one_keeps_the_last_good_one_in_force(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("routes/web/policy", LUA(1));
  static const char *const bad[][2] = {
      {" \n", "is empty"},
      {"#!/usr/bin/lua5.4\n" LUA(2), "the first line names a Lua interpreter: write #!lua"},
      {"#!/bin/sh\nexit 0", "the first line names a program: a policy is Lua, with or without #!lua"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[256];
    (void)snprintf(text, sizeof text, "routes/web/policy: %s", bad[i][1]);
    put("routes/web/policy", bad[i][0]);
    expect_fault("web", text);
    assert_string_equal(in_force("web"), "routes/web/policy " LUA(1));
    (void)snprintf(text, sizeof text, "policy: %s", bad[i][1]);
    put("policy", bad[i][0]);
    assert_true(has_node_fault(text));
  }
  bc_config_put(helper->config, bc_str_of("routes/web/policy"), (struct bc_str){"x\0y", 3}, helper->now);
  expect_fault("web", "routes/web/policy: byte 2 is NUL");
  put("routes/web/policy", LUA(1));
  expect_no_fault("web");
  assert_string_equal(in_force("web"), "routes/web/policy " LUA(1));
}

static void its_size_has_a_limit(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  char *text = malloc(BC_LIMIT_SCRIPT_BYTES + 2);
  memset(text, 'x', BC_LIMIT_SCRIPT_BYTES + 1);
  text[BC_LIMIT_SCRIPT_BYTES + 1] = '\0';
  put("routes/web/policy", text);
  expect_fault("web", "routes/web/policy: expected at most 262144 bytes, found 262145");
  text[BC_LIMIT_SCRIPT_BYTES] = '\0';
  put("routes/web/policy", text);
  expect_no_fault("web");
  text[BC_LIMIT_OPTIONS_BYTES + 1] = '\0';
  memcpy(text, "{\"use\":\"builtin\"", 16);
  put("routes/web/policy", text);
  expect_fault("web", "routes/web/policy: expected at most 16384 bytes of JSON, found 16385");
  free(text);
}

static void they_count_among_the_scripts(void **state) {
  (void)state;
  char key[64];
  char text[64];
  for (int i = 0; i < BC_LIMIT_SCRIPTS; i++) {
    (void)snprintf(key, sizeof key, "routes/r%d/policy", i);
    (void)snprintf(text, sizeof text, "return %d", i);
    put(key, text);
  }
  assert_int_equal(bc_config_counts(helper->config).scripts, BC_LIMIT_SCRIPTS);
  put("policy", "return 'one more'");
  assert_true(has_node_fault("policy: more than 1000 different scripts"));
  put("policy", "return 1");
  assert_null(node_fault(0));
  put("policy", "return 'one more'");
  assert_true(has_node_fault("policy: more than 1000 different scripts"));
  delete_key("routes/r0/policy");
  put("policy", "return 'one more'");
  assert_null(node_fault(0));
  assert_int_equal(bc_config_counts(helper->config).scripts, BC_LIMIT_SCRIPTS);
}

static void it_is_lua_whatever_a_check_makes_of_the_same_bytes(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("lua/m", "return 1");
  put("routes/web/healthcheck", "require 'm'");
  put("routes/web/policy", "require 'm'");
  assert_false(view("web").script.is_lua);
  assert_true(view("web").policy.script.is_lua);
  assert_string_equal(modules_of(view("web").script), "");
  assert_string_equal(modules_of(view("web").policy.script), "m ");
  put("routes/web/healthcheck", "#!lua\nreturn 1");
  put("routes/web/policy", "#!lua\nreturn 1");
  assert_ptr_equal(view("web").script.script, view("web").policy.script.script);
}

static void a_changed_module_changes_the_policies_that_use_it(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put_route("api", GOOD(2));
  put("lua/m", "return 1");
  put("routes/web/policy", "return require 'm'");
  put("policy", "return require 'n'");
  put("node/ME/policy", "return require 'n', require 'm'");
  (void)changes();
  (void)policy_changes();
  uint64_t web = view("web").policy.script.hash;
  uint64_t api = view("api").policy.script.hash;
  put("lua/m", "return 2");
  assert_string_equal(changes(), "+web ");
  assert_string_equal(policy_changes(), "+node/ME/policy ");
  assert_true(view("web").policy.script.hash != web);
  assert_true(view("api").policy.script.hash != api);
  put("lua/n", "return 2");
  assert_string_equal(changes(), "");
  assert_string_equal(policy_changes(), "+node/ME/policy +policy ");
}

static void a_change_of_the_nodes_or_the_default_one_changes_no_route(void **state) {
  (void)state;
  struct bc_config_policy policy;
  put_route("web", GOOD(1));
  (void)changes();
  put("policy", LUA(1));
  put("node/ME/policy", LUA(2));
  put("policy", "");
  assert_string_equal(changes(), "");
  assert_string_equal(policy_changes(), "+node/ME/policy +policy ");
  put("policy", "");
  put("node/ME/policy", LUA(2));
  assert_string_equal(policy_changes(), "");
  delete_key("node/ME/policy");
  assert_true(bc_config_next_changed_policy(helper->config, &policy));
  assert_string_equal(shown(policy), "node/ME/policy (nothing)");
  assert_false(bc_config_next_changed_policy(helper->config, &policy));
  delete_key("node/ME/policy");
  assert_string_equal(policy_changes(), "");
  assert_string_equal(changes(), "");
}

static void a_routes_own_makes_it_changed(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  (void)changes();
  put("routes/web/policy", LUA(1));
  assert_string_equal(changes(), "+web ");
  put("routes/web/policy", LUA(1));
  assert_string_equal(changes(), "");
  put("routes/web/policy", LUA(2));
  assert_string_equal(changes(), "+web ");
  delete_key("routes/web/policy");
  assert_string_equal(changes(), "+web ");
  assert_string_equal(policy_changes(), "");
}

static void a_new_route_waits_for_a_good_one(void **state) {
  (void)state;
  put("policy", LUA(1));
  put("routes/web/config", GOOD(1));
  put("routes/web/policy", "");
  assert_false(view("web").has_version);
  wait_ms(5000);
  assert_false(view("web").is_settled);
  put("routes/web/policy", LUA(2));
  assert_true(view("web").has_version);
  wait_ms(999);
  assert_false(view("web").is_settled);
  wait_ms(1);
  assert_true(view("web").is_settled);
  /* One that is acted on goes on with what decided before. */
  put_route("old", GOOD(2));
  put("routes/old/policy", "");
  expect_fault("old", "routes/old/policy: is empty");
  assert_true(view("old").has_version);
  assert_string_equal(in_force("old"), "policy " LUA(1));
  struct bc_config_policy policy;
  assert_true(find_policy("routes/old/policy", &policy));
  assert_string_equal(shown(policy), "none ");
  assert_string_equal(policy.fault, "routes/old/policy: is empty");
  /* … and waits again when it begins anew. */
  delete_key("routes/old/config");
  put("routes/old/config", GOOD(2));
  assert_false(view("old").has_version);
}

static void an_unreadable_one_is_not_an_absent_one(void **state) {
  (void)state;
  bc_config_put_unreadable(helper->config, bc_str_of("policy"), "permission denied", helper->now);
  put("routes/web/config", GOOD(1));
  bc_config_put_unreadable(helper->config, bc_str_of("routes/api/policy"), "permission denied", helper->now);
  put("routes/api/config", GOOD(2));
  wait_ms(1000);
  assert_true(view("web").is_settled);
  assert_string_equal(in_force("web"), "policy unknown");
  assert_false(view("api").has_version);
  assert_true(has_node_fault("policy: permission denied"));
  /* It stays unknown also after a restart, until it is had or gone. */
  restart();
  assert_string_equal(in_force("web"), "policy unknown");
  bc_config_put_unreadable(helper->config, bc_str_of("policy"), "permission denied", helper->now);
  assert_string_equal(in_force("web"), "policy unknown");
  /* One nearer decides. */
  put("node/ME/policy", LUA(1));
  assert_string_equal(in_force("web"), "node/ME/policy " LUA(1));
  delete_key("node/ME/policy");
  (void)policy_changes();
  delete_key("policy");
  assert_string_equal(policy_changes(), "-policy ");
  assert_string_equal(in_force("web"), "none ");
  /* What is acted on goes on. */
  bc_config_put_unreadable(helper->config, bc_str_of("policy"), "permission denied", helper->now);
  assert_string_equal(in_force("web"), "none ");
  restart();
  bc_config_put_unreadable(helper->config, bc_str_of("policy"), "permission denied", helper->now);
  assert_string_equal(in_force("web"), "none ");
}

static void an_unknown_one_ends_with_a_good_value(void **state) {
  (void)state;
  put("node/ME/policy", "");
  put("policy", LUA(1));
  put("routes/web/config", GOOD(1));
  assert_string_equal(in_force("web"), "node/ME/policy unknown");
  put("node/ME/policy", LUA(2));
  assert_string_equal(in_force("web"), "node/ME/policy " LUA(2));
  put("node/ME/policy", "");
  assert_string_equal(in_force("web"), "node/ME/policy " LUA(2));
}

static void a_list_takes_away_what_it_does_not_tell(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("policy", LUA(1));
  put("admission", LUA(2));
  put("node/ME/policy", LUA(3));
  put("node/ME/labels", "{\"site\": \"ams\"}");
  put("routes/web/policy", LUA(4));
  (void)policy_changes();
  (void)bc_config_take_labels_changed(helper->config);
  bc_config_list_begin(helper->config);
  put("routes/web/config", GOOD(1));
  put("node/ME/policy", LUA(3));
  bc_config_list_end(helper->config, helper->now);
  assert_string_equal(policy_changes(), "-policy -admission ");
  assert_string_equal(in_force("web"), "node/ME/policy " LUA(3));
  assert_true(bc_config_take_labels_changed(helper->config));
  assert_string_equal(bc_config_labels(helper->config), "{}");
  bc_config_list_begin(helper->config);
  bc_config_list_abort(helper->config);
  assert_string_equal(policy_changes(), "");
}

/* In the order of their keys the default one comes just before the routes. */
static void a_route_that_a_list_has_passed_knows_its_policy(void **state) {
  (void)state;
  struct bc_config_route route;
  static const char *const texts[] = {LUA(1), ""};
  static const char *const found[] = {"policy " LUA(1), "policy unknown"};
  for (size_t i = 0; i < 2; i++) {
    bc_config_free(helper->config);
    helper->config = bc_config_new(helper->intern, "ME");
    bc_config_list_begin(helper->config);
    put("policy", texts[i]);
    put("routes/a/config", GOOD(1));
    put("routes/b/config", GOOD(2));
    assert_true(bc_config_next_passed(helper->config, &route));
    assert_true(route.is_settled);
    assert_string_equal(shown(route.policy), found[i]);
    bc_config_list_end(helper->config, helper->now);
    assert_string_equal(in_force("b"), found[i]);
  }
}

static void they_are_saved_as_they_are_in_force(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put_route("api", GOOD(2));
  put_route("dns", GOOD(3));
  put("policy", "#!lua\n" LUA(1) "\n");
  put("admission", LUA(2));
  put("node/ME/policy", WINDOW);
  put("node/ME/labels", "{ \"site\": \"ams\", \"role\": \"edge\" }");
  put("routes/web/policy", LUA(4));
  put("routes/api/policy", "{\"use\": \"builtin\"}");
  /* Faults do not matter. */
  put("policy", "");
  put("node/ME/labels", "[]");
  put("routes/web/policy", "{");
  restart();
  struct bc_config_policy policy;
  assert_string_equal(in_force("web"), "routes/web/policy " LUA(4));
  assert_string_equal(in_force("api"), "routes/api/policy builtin");
  assert_string_equal(in_force("dns"), "node/ME/policy time_window");
  assert_true(find_policy("policy", &policy));
  assert_string_equal(shown(policy), "policy #!lua\n" LUA(1) "\n");
  assert_true(find_policy("admission", &policy));
  assert_string_equal(shown(policy), "admission " LUA(2));
  assert_string_equal(bc_config_labels(helper->config), "{\"role\":\"edge\",\"site\":\"ams\"}");
  assert_null(node_fault(0));
}

/* ---- labels ---- */

static void labels_are_an_object(void **state) {
  (void)state;
  assert_string_equal(bc_config_labels(helper->config), "{}");
  assert_false(bc_config_take_labels_changed(helper->config));
  put("node/ME/labels", " {\"site\": \"ams\", \"capacity\": 10, \"a\": [1.5, null]}\n");
  assert_string_equal(bc_config_labels(helper->config), "{\"a\":[1.5,null],\"capacity\":10,\"site\":\"ams\"}");
  assert_true(bc_config_take_labels_changed(helper->config));
  assert_false(bc_config_take_labels_changed(helper->config));
  put("node/ME/labels", "{\"capacity\":10,\"site\":\"ams\",\"a\":[1.5,null]}");
  assert_false(bc_config_take_labels_changed(helper->config));
  delete_key("node/ME/labels");
  assert_true(bc_config_take_labels_changed(helper->config));
  assert_string_equal(bc_config_labels(helper->config), "{}");
}

static void bad_labels_leave_the_good_ones_in_force(void **state) {
  (void)state;
  char deep[256] = "{\"a\":";
  put("node/ME/labels", "{\"site\":\"ams\"}");
  (void)bc_config_take_labels_changed(helper->config);
  memset(deep + 5, '[', 62);
  memset(deep + 67, ']', 62);
  memcpy(deep + 129, "}", 2);
  const char *const bad[][2] = {
      {"", "node/ME/labels: not JSON: line 1: "},
      {"{\"a\": 1, \"a\": 2}", "node/ME/labels: not JSON: line 1: "},
      {"[\"ams\"]", "node/ME/labels: expected a JSON object like {\"site\": \"ams\"}, found an array"},
      {deep, "node/ME/labels: expected at most 60 tables within tables"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    put("node/ME/labels", bad[i][0]);
    assert_true(has_node_fault(bad[i][1]));
    assert_string_equal(bc_config_labels(helper->config), "{\"site\":\"ams\"}");
  }
  char *text = malloc(BC_LIMIT_LABELS_BYTES + 2);
  memset(text, ' ', BC_LIMIT_LABELS_BYTES + 1);
  memcpy(text, "{\"b\":1", 6);
  text[BC_LIMIT_LABELS_BYTES] = '}';
  text[BC_LIMIT_LABELS_BYTES + 1] = '\0';
  put("node/ME/labels", text);
  assert_true(has_node_fault("node/ME/labels: expected at most 16384 bytes, found 16385"));
  free(text);
  bc_config_put_unreadable(helper->config, bc_str_of("node/ME/labels"), "permission denied", helper->now);
  assert_true(has_node_fault("node/ME/labels: permission denied"));
  assert_string_equal(bc_config_labels(helper->config), "{\"site\":\"ams\"}");
  assert_false(bc_config_take_labels_changed(helper->config));
  put("node/ME/labels", "{\"site\":\"ams\"}");
  assert_null(node_fault(0));
  assert_false(bc_config_take_labels_changed(helper->config));
}

#define POLICY_TEST(f) cmocka_unit_test_setup_teardown(f, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      POLICY_TEST(the_inner_one_is_in_force),
      POLICY_TEST(another_nodes_policy_and_that_of_admission_are_no_routes),
      POLICY_TEST(one_may_say_built_in_in_spite_of_one_further_out),
      POLICY_TEST(one_may_be_ready_made_with_checked_parameters),
      POLICY_TEST(a_faulty_one_keeps_the_last_good_one_in_force),
      POLICY_TEST(its_size_has_a_limit),
      POLICY_TEST(they_count_among_the_scripts),
      POLICY_TEST(it_is_lua_whatever_a_check_makes_of_the_same_bytes),
      POLICY_TEST(a_changed_module_changes_the_policies_that_use_it),
      POLICY_TEST(a_change_of_the_nodes_or_the_default_one_changes_no_route),
      POLICY_TEST(a_routes_own_makes_it_changed),
      POLICY_TEST(a_new_route_waits_for_a_good_one),
      POLICY_TEST(an_unreadable_one_is_not_an_absent_one),
      POLICY_TEST(an_unknown_one_ends_with_a_good_value),
      POLICY_TEST(a_list_takes_away_what_it_does_not_tell),
      POLICY_TEST(a_route_that_a_list_has_passed_knows_its_policy),
      POLICY_TEST(they_are_saved_as_they_are_in_force),
      POLICY_TEST(labels_are_an_object),
      POLICY_TEST(bad_labels_leave_the_good_ones_in_force),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
