/* Keys that are there and cannot be read: what is in force stays so, what is not known is not taken as absent. */
#include "config_helper.h"

#define GOOD "route 192.0.2.0/24 next-hop self med 100"
#define OTHER "route 192.0.2.0/24 next-hop self med 200"

static void put_unreadable(const char *key, const char *why) {
  bc_config_put_unreadable(helper->config, bc_str_of(key), why, helper->now);
}

static void a_new_route_whose_check_cannot_be_read_is_not_taken_as_healthy(void **state) {
  (void)state;
  put_unreadable("routes/web/healthcheck", "permission denied (/srv/routes/web/healthcheck)");
  put("routes/web/config", GOOD);
  wait_ms(5000);
  assert_false(view("web").has_version);
  assert_false(view("web").is_settled);
  expect_fault("web", "routes/web/healthcheck: permission denied (/srv/routes/web/healthcheck)");
  put("routes/web/healthcheck", "true");
  wait_ms(1000);
  assert_true(view("web").is_settled);
  assert_string_equal(view("web").script.text, "true");
  expect_no_fault("web");
}

static void it_is_also_so_in_the_first_list(void **state) {
  (void)state;
  bc_config_list_begin(helper->config);
  put("routes/web/config", GOOD);
  put_unreadable("routes/web/healthcheck", "permission denied");
  bc_config_list_end(helper->config, helper->now);
  wait_ms(5000);
  assert_false(view("web").has_version);
}

static void any_key_may_hold_a_new_route_back(void **state) {
  (void)state;
  static const char *const keys[] = {"routes/web/config", "routes/web/prefix", "routes/web/options"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    put("routes/web/config", GOOD);
    wait_ms(500);
    if (i == 0) {
      delete_key("routes/web/config");
    }
    put_unreadable(keys[i], "input/output error");
    wait_ms(5000);
    assert_false(view("web").is_settled);
    delete_key(keys[i]);
    put("routes/web/config", GOOD);
    wait_ms(1000);
    assert_true(view("web").is_settled);
    expect_no_fault("web");
    delete_key("routes/web/config");
    (void)changes();
  }
}

static void what_is_in_force_stays_so(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/healthcheck", "true");
  put("routes/web/options", "{\"rise\": 3}");
  wait_ms(1000);
  put_unreadable("routes/web/config", "too many links");
  put_unreadable("routes/web/healthcheck", "permission denied");
  put_unreadable("routes/web/options", "permission denied");
  assert_string_equal(version("web"), GOOD);
  assert_string_equal(view("web").script.text, "true");
  assert_int_equal(view("web").options->rise, 3);
  assert_true(view("web").is_settled);
  assert_true(view("web").has_config);
  assert_false(view("web").has_lost_check);
  expect_fault("web", "routes/web/config: too many links");
  put("routes/web/config", GOOD);
  expect_fault("web", "routes/web/healthcheck: permission denied");
  put("routes/web/healthcheck", "true");
  put("routes/web/options", "{\"rise\": 3}");
  expect_no_fault("web");
  assert_string_equal(version("web"), GOOD);
}

static void a_list_does_not_delete_what_it_could_not_read(void **state) {
  (void)state;
  put("routes/web/prefix", "192.0.2.0/24");
  put("routes/web/config", "next-hop self med 100");
  put("routes/web/healthcheck", "true");
  put("node/ME/subscribedRoutes", "web");
  put("node/ME/adminState", "down");
  wait_ms(1000);
  size_t keys = bc_config_route_keys(helper->config);
  bc_config_list_begin(helper->config);
  put_unreadable("routes/web/prefix", "permission denied");
  put_unreadable("routes/web/config", "permission denied");
  put_unreadable("routes/web/healthcheck", "permission denied");
  put_unreadable("node/ME/subscribedRoutes", "permission denied (/srv/x)");
  put_unreadable("node/ME/adminState", "permission denied (/srv/y)");
  bc_config_list_end(helper->config, helper->now);
  assert_int_equal(bc_config_route_keys(helper->config), keys);
  assert_string_equal(version("web"), GOOD);
  assert_true(view("web").is_subscribed);
  assert_string_equal(view("web").script.text, "true");
  assert_int_equal(bc_config_admin_state(helper->config), BC_ADMIN_DOWN);
  assert_string_equal(node_fault(0), "node/ME/adminState: permission denied (/srv/y)");
  assert_string_equal(node_fault(1), "node/ME/subscribedRoutes: permission denied (/srv/x)");
  put("node/ME/subscribedRoutes", "web");
  put("node/ME/adminState", "down");
  assert_null(node_fault(0));
}

static void a_config_beside_a_prefix_that_cannot_be_read_is_not_judged_alone(void **state) {
  (void)state;
  put("routes/web/prefix", "192.0.2.0/24");
  put("routes/web/config", "next-hop self med 100");
  wait_ms(1000);
  put_unreadable("routes/web/prefix", "permission denied");
  put("routes/web/config", "next-hop self med 200");
  assert_string_equal(version("web"), GOOD);
  expect_fault("web", "routes/web/prefix: permission denied");
  put("routes/web/prefix", "192.0.2.0/24");
  assert_string_equal(version("web"), OTHER);
  expect_no_fault("web");
}

static void a_list_that_says_the_same_again_changes_nothing(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/options", "{\"rise\": 3}");
  put("routes/web/policy", "return 1");
  wait_ms(500);
  put_unreadable("routes/web/policy", "permission denied");
  put_unreadable("routes/web/options", "permission denied");
  (void)changes();
  wait_ms(900);
  put_unreadable("routes/web/policy", "permission denied");
  put_unreadable("routes/web/options", "permission denied");
  assert_string_equal(changes(), "");
  wait_ms(100);
  assert_true(view("web").is_settled);
}

static void keys_without_a_meaning_stay_so(void **state) {
  (void)state;
  put_unreadable("routes/two words/config", "permission denied");
  put_unreadable("node/OTHER/adminState", "permission denied");
  assert_non_null(strstr(node_fault(0), "not a route name"));
  assert_null(node_fault(1));
}

static void a_fault_is_one_printable_line(void **state) {
  (void)state;
  put_unreadable("routes/web/config", "denied (/srv/two\nlines\xff)");
  assert_string_equal(view("web").fault, "routes/web/config: denied (/srv/two?lines?)");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_new_route_whose_check_cannot_be_read_is_not_taken_as_healthy),
      TEST(it_is_also_so_in_the_first_list),
      TEST(any_key_may_hold_a_new_route_back),
      TEST(what_is_in_force_stays_so),
      TEST(a_list_does_not_delete_what_it_could_not_read),
      TEST(a_config_beside_a_prefix_that_cannot_be_read_is_not_judged_alone),
      TEST(a_list_that_says_the_same_again_changes_nothing),
      TEST(keys_without_a_meaning_stay_so),
      TEST(a_fault_is_one_printable_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
