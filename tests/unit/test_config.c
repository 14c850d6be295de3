/* Versions, faults, settling, lists and saving; the other subjects have files of their own. */
#include "config_helper.h"

#include "base/limits.h"

#define GOOD "route 192.0.2.0/24 next-hop self med 100"
#define OTHER "route 192.0.2.0/24 next-hop self med 200"
#define BAD "route 192.0.2.0/24 next-hop self med 4294967296"

static void a_good_route_has_a_version_and_no_fault(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  struct bc_config_route route = view("web");
  assert_true(route.has_config);
  assert_true(route.has_version);
  assert_false(route.is_subscribed);
  assert_non_null(route.route);
  assert_int_equal(route.options->interval_ms, 1000);
  assert_null(route.script.text);
  assert_int_equal(route.script.hash, 0);
  assert_null(route.fault);
  assert_string_equal(version("web"), GOOD);
}

static void blanks_around_a_value_are_dropped(void **state) {
  (void)state;
  put("routes/web/config", " \t" GOOD " \r\n\n");
  expect_no_fault("web");
  assert_string_equal(version("web"), GOOD);
}

static void a_faulty_new_value_leaves_the_last_good_one_in_force(void **state) {
  (void)state;
  put_route("web", GOOD);
  (void)changes();
  put("routes/web/config", BAD);
  assert_string_equal(version("web"), GOOD);
  expect_fault("web", "routes/web/config: column 38: ");
  assert_string_equal(changes(), "+web ");
  assert_int_equal(bc_config_counts(helper->config).faulty, 1);
  put("routes/web/config", OTHER);
  assert_string_equal(version("web"), OTHER);
  expect_no_fault("web");
  assert_int_equal(bc_config_counts(helper->config).faulty, 0);
}

static void the_fault_goes_when_the_good_value_comes_back(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/config", "");
  expect_fault("web", "routes/web/config: is empty");
  put("routes/web/config", GOOD);
  expect_no_fault("web");
}

static void a_route_that_was_never_good_has_no_version(void **state) {
  (void)state;
  put("routes/web/config", BAD);
  struct bc_config_route route = view("web");
  assert_true(route.has_config);
  assert_false(route.has_version);
  assert_null(route.route);
  assert_null(route.options);
  wait_ms(5000);
  assert_false(view("web").is_settled);
}

static void bytes_that_no_route_may_hold_are_refused_with_their_column(void **state) {
  (void)state;
  static const struct {
    const char *value, *fault;
  } cases[] = {
      {"", "routes/web/config: is empty"},
      {" \n", "routes/web/config: is empty"},
      {"route 1.2.3.4/32\nnext-hop self", "routes/web/config: column 17: line break"},
      {"route 1.2.3.4/32\rnext-hop self", "routes/web/config: column 17: line break"},
      {"route 1.2.3.4/32 next\xe2\x80\x91hop self", "routes/web/config: column 22: expected printable ASCII, found "
                                                    "byte 0xe2"},
      {"route 1.2.3.4/32\x01", "routes/web/config: column 17: expected printable ASCII"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    put("routes/web/config", cases[i].value);
    expect_fault("web", cases[i].fault);
  }
  bc_config_put(helper->config, bc_str_of("routes/web/config"), (struct bc_str){GOOD "\0x", sizeof GOOD + 1},
                helper->now);
  expect_fault("web", "routes/web/config: column 41: expected printable ASCII, found byte 0x00");
}

static void values_above_their_limit_are_a_fault_of_that_key(void **state) {
  (void)state;
  put_route("web", GOOD);
  char *big = malloc(BC_LIMIT_SCRIPT_BYTES + 2);
  memset(big, 'x', BC_LIMIT_SCRIPT_BYTES + 1);
  big[BC_LIMIT_SCRIPT_BYTES + 1] = '\0';
  put("routes/web/healthcheck", big);
  expect_fault("web", "routes/web/healthcheck: expected at most 262144 bytes, found 262145");
  delete_key("routes/web/healthcheck");
  big[BC_LIMIT_CONFIG_BYTES + 1] = '\0';
  put("routes/web/config", big);
  expect_fault("web", "routes/web/config: expected at most 65536 bytes, found 65537");
  put("routes/web/config", GOOD);
  big[BC_LIMIT_OPTIONS_BYTES + 1] = '\0';
  put("routes/web/options", big);
  expect_fault("web", "routes/web/options: expected at most 16384 bytes, found 16385");
  assert_string_equal(version("web"), GOOD);
  free(big);
}

static void words_that_steer_exabgp_are_refused(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/config", "route 192.0.2.0/24 next-hop self watchdog dog");
  expect_fault("web", "routes/web/config: watchdog");
  put("routes/web/config", "route 192.0.2.0/24 next-hop self withdraw");
  expect_fault("web", "routes/web/config: withdraw");
  assert_string_equal(version("web"), GOOD);
}

static void prefix_and_attributes_make_one_route_in_any_order(void **state) {
  (void)state;
  put("routes/a/prefix", "192.0.2.0/24");
  expect_fault("a", "routes/a/config: is missing");
  assert_false(view("a").has_config);
  put("routes/a/config", "next-hop self med 100");
  expect_no_fault("a");
  assert_string_equal(version("a"), GOOD);
  put("routes/b/config", "next-hop self med 100");
  expect_fault("b", "routes/b/config: attributes only: expected \"route PREFIX");
  put("routes/b/prefix", "192.0.2.0/24");
  expect_no_fault("b");
  assert_string_equal(version("b"), GOOD);
}

static void the_fault_of_a_pair_stands_at_the_guilty_key(void **state) {
  (void)state;
  put("routes/a/prefix", "192.0.2.0/33");
  put("routes/a/config", "next-hop self med 100");
  expect_fault("a", "routes/a/prefix: ");
  put("routes/a/prefix", "192.0.2.0/24");
  expect_no_fault("a");
  put("routes/a/config", "next-hop self med x");
  expect_fault("a", "routes/a/config: column 19: ");
  put("routes/a/config", GOOD);
  expect_fault("a", "routes/a/config: a whole line: expected attributes only");
  assert_string_equal(version("a"), GOOD);
  delete_key("routes/a/prefix");
  expect_no_fault("a");
  put("routes/a/config", "next-hop self");
  expect_fault("a", "routes/a/config: attributes only");
  put("routes/a/prefix", "");
  expect_fault("a", "routes/a/prefix: is empty");
  assert_string_equal(version("a"), GOOD);
}

static void faulty_options_leave_the_old_ones(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/options", "{\"interval\": 5}");
  put("routes/web/options", "{\"interval\": 0}");
  expect_fault("web", "routes/web/options: interval: expected");
  assert_int_equal(view("web").options->interval_ms, 5000);
  delete_key("routes/web/options");
  expect_no_fault("web");
  assert_int_equal(view("web").options->interval_ms, 1000);
}

static void a_new_route_with_faulty_options_waits_for_good_ones(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/options", "{");
  assert_false(view("web").has_version);
  wait_ms(5000);
  assert_false(view("web").is_settled);
  put("routes/web/options", "{}");
  assert_true(view("web").has_version);
  put("routes/web/options", "{\"rise\": 2}");
  put("routes/web/options", "{");
  assert_true(view("web").has_version);
  assert_int_equal(view("web").options->rise, 2);
  /* One that is acted on goes on. */
  put_route("old", "route 192.0.3.0/24 next-hop self");
  put("routes/old/options", "{");
  assert_true(view("old").has_version);
}

static void without_config_a_route_counts_as_gone(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/options", "{}");
  delete_key("routes/web/config");
  assert_false(view("web").has_config);
  assert_false(view("web").has_version);
  assert_false(view("web").is_settled);
  expect_fault("web", "routes/web/config: is missing");
  put("routes/web/config", GOOD);
  assert_true(view("web").has_version);
  assert_false(view("web").is_settled);
}

static void a_route_without_keys_is_removed(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/options", "{}");
  assert_int_equal(bc_config_route_keys(helper->config), 2);
  (void)changes();
  delete_key("routes/web/config");
  delete_key("routes/web/options");
  delete_key("routes/web/options");
  assert_int_equal(bc_config_route_keys(helper->config), 0);
  assert_false(exists("web"));
  assert_string_equal(changes(), "-web ");
  assert_int_equal(bc_config_counts(helper->config).routes, 0);
  assert_int_equal(bc_config_counts(helper->config).faulty, 0);
}

static void a_route_that_went_and_came_back_unseen_never_went(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  (void)changes();
  delete_key("routes/web/config");
  put("routes/web/config", GOOD);
  assert_string_equal(changes(), "+web ");
  assert_string_equal(changes(), "");
}

static void an_equal_value_changes_nothing(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/options", "{\"rise\": 2}");
  put("routes/web/healthcheck", "true");
  put("node/ME/subscribedRoutes", "web");
  (void)changes();
  put("routes/web/config", GOOD "\n");
  put("routes/web/options", "{\"rise\": 2}");
  put("routes/web/healthcheck", "true");
  put("node/ME/subscribedRoutes", " web ");
  assert_string_equal(changes(), "");
}

static void a_new_route_waits_a_second_without_changes(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  assert_int_equal(bc_config_deadline(helper->config).us, bc_mono_add_ms(helper->now, 1000).us);
  wait_ms(900);
  put("routes/web/options", "{\"rise\": 2}");
  wait_ms(999);
  assert_false(view("web").is_settled);
  (void)changes();
  wait_ms(1);
  assert_true(view("web").is_settled);
  assert_string_equal(changes(), "+web ");
  assert_false(bc_mono_is_set(bc_config_deadline(helper->config)));
  put("routes/web/config", OTHER);
  assert_true(view("web").is_settled);
  assert_false(bc_mono_is_set(bc_config_deadline(helper->config)));
}

static void new_routes_settle_in_the_order_of_time(void **state) {
  (void)state;
  put("routes/b/config", GOOD);
  wait_ms(100);
  put("routes/a/config", "route 192.0.3.0/24 next-hop self");
  (void)changes();
  wait_ms(900);
  assert_string_equal(changes(), "+b ");
  delete_key("routes/a/config");
  assert_false(bc_mono_is_set(bc_config_deadline(helper->config)));
}

static void what_is_read_back_settles_at_once(void **state) {
  (void)state;
  bc_config_set_settle_ms(helper->config, 0);
  put("routes/web/config", GOOD);
  assert_true(view("web").is_settled);
}

static void the_first_list_settles_at_its_end_later_ones_do_not(void **state) {
  (void)state;
  bc_config_list_begin(helper->config);
  put("routes/bad/healthcheck", "#!luajit\nreturn true");
  put("routes/bad/config", "route 192.0.3.0/24 next-hop self");
  put("routes/web/config", GOOD);
  assert_false(view("web").is_settled);
  bc_config_list_end(helper->config, helper->now);
  assert_true(view("web").is_settled);
  assert_false(view("bad").is_settled);
  bc_config_list_begin(helper->config);
  put("routes/web/config", GOOD);
  put("routes/new/config", "route 192.0.4.0/24 next-hop self");
  bc_config_list_end(helper->config, helper->now);
  assert_true(view("web").is_settled);
  assert_false(view("new").is_settled);
}

static void a_list_deletes_what_it_does_not_hold(void **state) {
  (void)state;
  put_route("a", GOOD);
  put_route("b", "route 192.0.3.0/24 next-hop self");
  put("routes/b/options", "{\"rise\": 2}");
  put("node/ME/subscribedRoutes", "a b");
  put("node/ME/adminState", "down");
  put("routes/stray/other", "x");
  (void)changes();
  bc_config_list_begin(helper->config);
  put("routes/b/config", "route 192.0.3.0/24 next-hop self");
  assert_true(exists("a"));
  bc_config_list_end(helper->config, helper->now);
  assert_false(exists("a"));
  assert_int_equal(view("b").options->rise, 1);
  assert_false(view("b").is_subscribed);
  assert_int_equal(bc_config_admin_state(helper->config), BC_ADMIN_UP);
  assert_null(node_fault(0));
  assert_string_equal(changes(), "-a +b ");
  assert_int_equal(bc_config_route_keys(helper->config), 1);
}

static void an_aborted_list_deletes_nothing(void **state) {
  (void)state;
  put_route("a", GOOD);
  bc_config_list_begin(helper->config);
  put("routes/b/config", "route 192.0.3.0/24 next-hop self");
  bc_config_list_abort(helper->config);
  bc_config_list_end(helper->config, helper->now);
  assert_true(exists("a"));
  assert_true(exists("b"));
}

static void routes_are_walked_in_the_order_of_names(void **state) {
  (void)state;
  put("routes/b/config", GOOD);
  put("routes/a.1/config", GOOD);
  put("routes/a-1/config", GOOD);
  struct bc_config_route route;
  assert_true(bc_config_each(helper->config, NULL, &route));
  assert_string_equal(route.name, "a-1");
  assert_true(bc_config_each(helper->config, route.name, &route));
  assert_string_equal(route.name, "a.1");
  assert_true(bc_config_each(helper->config, "a5", &route));
  assert_string_equal(route.name, "b");
  assert_false(bc_config_each(helper->config, "b", &route));
}

static void save_key(void *arg, struct bc_str key, struct bc_str value) {
  bc_config_put(arg, key, value, helper->now);
}

static void what_is_saved_gives_the_running_versions_again(void **state) {
  (void)state;
  put_route("a", GOOD);
  put("routes/a/config", BAD);
  put("routes/a/healthcheck", "#!/bin/sh\ntrue\n");
  put("routes/a/healthcheck", "#!luajit");
  put("routes/a/options", "{\"rise\": 7}");
  put("routes/b/prefix", "192.0.3.0/24");
  put("routes/b/config", "next-hop self");
  wait_ms(1000);
  put("routes/lost/healthcheck", "false");
  put_route("lost", "route 192.0.6.0/24 next-hop self");
  delete_key("routes/lost/healthcheck");
  put("node/ME/subscribedRoutes", "a b");
  put("node/ME/adminState", "drain");
  put("node/ME/adminState", "what?");
  /* Neither of these was acted on. */
  put("routes/new/config", "route 192.0.4.0/24 next-hop self");
  put("routes/faulty/config", "route");
  struct bc_config *again = bc_config_new(helper->intern, "ME");
  bc_config_set_settle_ms(again, 0);
  bc_config_save(helper->config, save_key, again);
  struct bc_config_route route;
  assert_true(bc_config_find(again, "a", &route));
  assert_true(bc_route_equal(route.route, view("a").route));
  assert_int_equal(route.script.hash, view("a").script.hash);
  assert_string_equal(route.script.text, "#!/bin/sh\ntrue\n");
  assert_int_equal(route.options->rise, 7);
  assert_true(route.is_subscribed);
  assert_true(route.is_settled);
  assert_null(route.fault);
  assert_true(bc_config_find(again, "b", &route));
  assert_true(bc_route_equal(route.route, view("b").route));
  assert_true(bc_config_find(again, "lost", &route));
  assert_non_null(route.script.text);
  assert_false(bc_config_find(again, "new", &route));
  assert_false(bc_config_find(again, "faulty", &route));
  assert_int_equal(bc_config_admin_state(again), BC_ADMIN_DRAIN);
  bc_config_free(again);
}

static void names_and_keys_without_a_meaning_are_node_faults(void **state) {
  (void)state;
  put("routes/web/healthchek", "x");
  put("routes/we b/config", GOOD);
  put("routes/-web/config", GOOD);
  put("routes/web/config/deep", GOOD);
  put("routes/web", GOOD);
  assert_string_equal(node_fault(0), "routes/-web/config: not a route name (letters, digits, '.', '_', '-'; at most "
                                     "128): it is ignored");
  assert_string_equal(node_fault(1), "routes/we b/config: not a route name (letters, digits, '.', '_', '-'; at most "
                                     "128): it is ignored");
  assert_string_equal(node_fault(2), "routes/web: not a key of a route (config, prefix, healthcheck, options): it is "
                                     "ignored");
  assert_non_null(node_fault(4));
  assert_null(node_fault(5));
  assert_int_equal(bc_config_route_keys(helper->config), 5);
  assert_int_equal(bc_config_counts(helper->config).routes, 0);
  delete_key("routes/-web/config");
  assert_non_null(node_fault(3));
  assert_null(node_fault(4));
}

static void keys_of_others_are_ignored(void **state) {
  (void)state;
  static const char *const keys[] = {"node/OTHER/adminState",
                                     "node/ME/neighbors/10.0.0.1/state",
                                     "node/ME/routes/web/state",
                                     "node/ME/status",
                                     "node/ME/labels",
                                     "run/x",
                                     "policy",
                                     "lua/m",
                                     "checks/dns/script",
                                     "",
                                     "routes",
                                     "node",
                                     "node/ME"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    put(keys[i], "down");
    delete_key(keys[i]);
  }
  assert_null(node_fault(0));
  assert_int_equal(bc_config_admin_state(helper->config), BC_ADMIN_UP);
  assert_int_equal(bc_config_route_keys(helper->config), 0);
}

static void a_name_has_128_bytes_at_most(void **state) {
  (void)state;
  char key[256] = "routes/";
  memset(key + 7, 'n', 128);
  strncat(key, "/config", sizeof key - strlen(key) - 1);
  put(key, GOOD);
  assert_int_equal(bc_config_counts(helper->config).routes, 1);
  memset(key + 7, 'n', 129);
  (void)snprintf(key + 7 + 129, sizeof key - 7 - 129, "/config");
  put(key, GOOD);
  assert_int_equal(bc_config_counts(helper->config).routes, 1);
  assert_non_null(node_fault(0));
}

static void the_admin_state_keeps_its_last_good_value(void **state) {
  (void)state;
  assert_int_equal(bc_config_admin_state(helper->config), BC_ADMIN_UP);
  put("node/ME/adminState", "drain\n");
  assert_int_equal(bc_config_admin_state(helper->config), BC_ADMIN_DRAIN);
  assert_true(bc_config_take_admin_changed(helper->config));
  assert_false(bc_config_take_admin_changed(helper->config));
  put("node/ME/adminState", "Up");
  assert_int_equal(bc_config_admin_state(helper->config), BC_ADMIN_DRAIN);
  assert_false(bc_config_take_admin_changed(helper->config));
  assert_string_equal(node_fault(0), "node/ME/adminState: expected up, down or drain, found \"Up\"");
  delete_key("node/ME/adminState");
  assert_int_equal(bc_config_admin_state(helper->config), BC_ADMIN_UP);
  assert_true(bc_config_take_admin_changed(helper->config));
  assert_null(node_fault(0));
}

static void routes_beyond_the_limit_are_ignored_and_told(void **state) {
  (void)state;
  char key[64];
  for (int i = 0; i < BC_LIMIT_ROUTES + 2; i++) {
    (void)snprintf(key, sizeof key, "routes/r%06d/options", i);
    put(key, "{}");
  }
  assert_int_equal(bc_config_counts(helper->config).routes, BC_LIMIT_ROUTES);
  assert_false(exists("r100000"));
  assert_string_equal(node_fault(0), "routes: more than 100000 routes: routes/r100000 (and others) is ignored");
  /* A list may replace them all. */
  bc_config_list_begin(helper->config);
  for (int i = 0; i < BC_LIMIT_ROUTES + 1; i++) {
    (void)snprintf(key, sizeof key, "routes/s%06d/options", i);
    put(key, "{}");
  }
  bc_config_list_end(helper->config, helper->now);
  assert_int_equal(bc_config_counts(helper->config).routes, BC_LIMIT_ROUTES);
  assert_true(exists("s099999"));
  assert_string_equal(node_fault(0), "routes: more than 100000 routes: routes/s100000 is ignored");
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(a_good_route_has_a_version_and_no_fault),
      CONFIG_TEST(blanks_around_a_value_are_dropped),
      CONFIG_TEST(a_faulty_new_value_leaves_the_last_good_one_in_force),
      CONFIG_TEST(the_fault_goes_when_the_good_value_comes_back),
      CONFIG_TEST(a_route_that_was_never_good_has_no_version),
      CONFIG_TEST(bytes_that_no_route_may_hold_are_refused_with_their_column),
      CONFIG_TEST(values_above_their_limit_are_a_fault_of_that_key),
      CONFIG_TEST(words_that_steer_exabgp_are_refused),
      CONFIG_TEST(prefix_and_attributes_make_one_route_in_any_order),
      CONFIG_TEST(the_fault_of_a_pair_stands_at_the_guilty_key),
      CONFIG_TEST(faulty_options_leave_the_old_ones),
      CONFIG_TEST(a_new_route_with_faulty_options_waits_for_good_ones),
      CONFIG_TEST(without_config_a_route_counts_as_gone),
      CONFIG_TEST(a_route_without_keys_is_removed),
      CONFIG_TEST(a_route_that_went_and_came_back_unseen_never_went),
      CONFIG_TEST(an_equal_value_changes_nothing),
      CONFIG_TEST(a_new_route_waits_a_second_without_changes),
      CONFIG_TEST(new_routes_settle_in_the_order_of_time),
      CONFIG_TEST(what_is_read_back_settles_at_once),
      CONFIG_TEST(the_first_list_settles_at_its_end_later_ones_do_not),
      CONFIG_TEST(a_list_deletes_what_it_does_not_hold),
      CONFIG_TEST(an_aborted_list_deletes_nothing),
      CONFIG_TEST(routes_are_walked_in_the_order_of_names),
      CONFIG_TEST(what_is_saved_gives_the_running_versions_again),
      CONFIG_TEST(names_and_keys_without_a_meaning_are_node_faults),
      CONFIG_TEST(keys_of_others_are_ignored),
      CONFIG_TEST(a_name_has_128_bytes_at_most),
      CONFIG_TEST(the_admin_state_keeps_its_last_good_value),
      CONFIG_TEST(routes_beyond_the_limit_are_ignored_and_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
