/* Two routes with one prefix: who wins, and that it never depends on who came first. */
#include "config_helper.h"

#include "base/limits.h"

#define SAME "route 192.0.2.0/24 next-hop self"

static void subscribe_all(void) {
  put("node/ME/subscribedRoutes", "*");
}

static void the_smaller_name_wins_in_any_order_of_arrival(void **state) {
  (void)state;
  subscribe_all();
  for (int round = 0; round < 2; round++) {
    put_route(round == 0 ? "a" : "b", SAME);
    put_route(round == 0 ? "b" : "a", SAME " med 7");
    assert_false(view("a").lost_identity);
    expect_no_fault("a");
    assert_true(view("b").lost_identity);
    expect_fault("b", "routes/b: has the same prefix as routes/a, which comes first by name");
    assert_int_equal(bc_config_counts(helper->config).faulty, 1);
    delete_key("routes/a/config");
    assert_false(view("b").lost_identity);
    expect_no_fault("b");
    delete_key("routes/b/config");
  }
}

static void the_one_that_stands_wins(void **state) {
  (void)state;
  subscribe_all();
  put_route("b", SAME);
  bc_config_set_standing(helper->config, "b", true);
  put_route("a", SAME);
  (void)changes();
  assert_true(view("a").lost_identity);
  expect_fault("a", "routes/a: has the same prefix as routes/b, which is announced");
  bc_config_set_standing(helper->config, "b", false);
  assert_string_equal(changes(), "+a +b ");
  assert_true(view("b").lost_identity);
  assert_false(view("a").lost_identity);
  bc_config_set_standing(helper->config, "unknown", true);
}

static void a_route_replaced_in_one_go_still_stands(void **state) {
  (void)state;
  subscribe_all();
  put_route("b", SAME);
  put_route("a", SAME);
  bc_config_set_standing(helper->config, "b", true);
  (void)changes();
  delete_key("routes/b/config");
  put("routes/b/config", SAME);
  assert_false(view("b").lost_identity);
  assert_true(view("a").lost_identity);
}

static void a_route_that_stands_brings_no_right_to_another_prefix(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", "route 192.0.2.1/32 next-hop self");
  put_route("b", SAME);
  bc_config_set_standing(helper->config, "a", true);
  bc_config_set_standing(helper->config, "b", true);
  (void)changes();
  put("routes/a/config", SAME);
  assert_true(view("a").lost_identity);
  expect_fault("a", "routes/a: has the same prefix as routes/b, which is announced");
  assert_false(view("b").lost_identity);
}

static void routes_are_passed_in_the_order_of_their_keys(void **state) {
  (void)state;
  struct bc_config_route passed;
  bc_config_list_begin(helper->config);
  subscribe_all();
  put("routes/a-b/config", SAME);
  assert_false(bc_config_next_passed(helper->config, &passed));
  put("routes/a.c/config", "route 192.0.2.1/32 next-hop self");
  put("routes/a.c/options", "{}");
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_string_equal(passed.name, "a-b");
  assert_true(passed.is_settled);
  assert_false(bc_config_next_passed(helper->config, &passed));
  put("routes/a/config", SAME);
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_string_equal(passed.name, "a.c");
  assert_false(bc_config_next_passed(helper->config, &passed));
  bc_config_list_end(helper->config, helper->now);
  /* It was told first, and so it would be without a list. */
  assert_false(view("a-b").lost_identity);
  assert_true(view("a").lost_identity);
  assert_string_equal(changes(), "+a ");
  assert_false(bc_config_next_passed(helper->config, &passed));
}

static void what_a_list_has_not_named_yet_is_not_passed(void **state) {
  (void)state;
  struct bc_config_route passed;
  subscribe_all();
  put_route("a", "route 192.0.2.1/32 next-hop self");
  put_route("b", SAME);
  bc_config_list_begin(helper->config);
  put("routes/b/config", SAME);
  put("routes/c/config", "route 192.0.2.3/32 next-hop self");
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_string_equal(passed.name, "b");
  assert_false(bc_config_next_passed(helper->config, &passed));
  bc_config_list_abort(helper->config);
  assert_false(bc_config_next_passed(helper->config, &passed));
}

static void only_subscribed_routes_with_a_version_claim(void **state) {
  (void)state;
  put("routes/a/config", SAME);
  put("routes/b/config", SAME);
  assert_false(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "b");
  assert_false(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "a b");
  assert_true(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "b");
  assert_false(view("b").lost_identity);
  put("node/ME/subscribedRoutes", "a b");
  put("routes/a/healthcheck", "#!lua");
  assert_false(view("a").has_version);
  assert_false(view("b").lost_identity);
  put("routes/a/healthcheck", "true");
  assert_true(view("b").lost_identity);
}

static void a_new_config_moves_the_claim(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", SAME);
  put_route("b", SAME);
  put_route("c", "route 192.0.3.0/24 next-hop self");
  (void)changes();
  put("routes/a/config", "route 192.0.3.0/24 next-hop self");
  assert_string_equal(changes(), "+a +b +c ");
  assert_false(view("b").lost_identity);
  assert_true(view("c").lost_identity);
  put("routes/a/config", "route 192.0.3.0/24 next-hop self med 9");
  assert_string_equal(changes(), "+a ");
}

static void routes_for_other_neighbors_are_other_routes(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", "neighbor 10.0.0.1 " SAME);
  put_route("b", "neighbor 10.0.0.2 " SAME);
  assert_false(view("b").lost_identity);
  put_route("c", SAME);
  assert_false(view("a").lost_identity);
  assert_false(view("b").lost_identity);
  expect_fault("c", "routes/c: has the same prefix as routes/a");
  delete_key("routes/a/config");
  expect_fault("c", "routes/c: has the same prefix as routes/b");
  delete_key("routes/b/config");
  expect_no_fault("c");
}

static void a_fault_of_a_key_is_told_before_that_of_the_identity(void **state) {
  (void)state;
  subscribe_all();
  put_route("a", SAME);
  put_route("b", SAME);
  put("routes/b/options", "x");
  expect_fault("b", "routes/b/options: ");
  assert_true(view("b").lost_identity);
  delete_key("routes/b/options");
  expect_fault("b", "routes/b: has the same prefix");
}

static void a_few_winners_of_one_prefix_are_enough(void **state) {
  (void)state;
  subscribe_all();
  char key[64];
  char config[96];
  for (int i = 0; i < BC_LIMIT_SAME_PREFIX + 1; i++) {
    (void)snprintf(key, sizeof key, "routes/r%03d/config", i);
    (void)snprintf(config, sizeof config, "neighbor 10.0.0.%d route 192.0.2.0/24 next-hop self", i + 1);
    put(key, config);
  }
  assert_false(view("r063").lost_identity);
  expect_fault("r064", "routes/r064: more than 64 routes have its prefix");
}

static void many_routes_of_one_prefix_are_decided_once(void **state) {
  (void)state;
  subscribe_all();
  char key[64];
  for (int i = 20000; i > 0; i--) {
    (void)snprintf(key, sizeof key, "routes/r%05d/config", i);
    put(key, SAME);
  }
  struct bc_config_counts counts = bc_config_counts(helper->config);
  assert_int_equal(counts.faulty, 19999);
  assert_false(view("r00001").lost_identity);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(the_smaller_name_wins_in_any_order_of_arrival),
      CONFIG_TEST(the_one_that_stands_wins),
      CONFIG_TEST(a_route_replaced_in_one_go_still_stands),
      CONFIG_TEST(a_route_that_stands_brings_no_right_to_another_prefix),
      CONFIG_TEST(routes_are_passed_in_the_order_of_their_keys),
      CONFIG_TEST(what_a_list_has_not_named_yet_is_not_passed),
      CONFIG_TEST(only_subscribed_routes_with_a_version_claim),
      CONFIG_TEST(a_new_config_moves_the_claim),
      CONFIG_TEST(routes_for_other_neighbors_are_other_routes),
      CONFIG_TEST(a_fault_of_a_key_is_told_before_that_of_the_identity),
      CONFIG_TEST(a_few_winners_of_one_prefix_are_enough),
      CONFIG_TEST(many_routes_of_one_prefix_are_decided_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
