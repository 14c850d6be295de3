/* `address` in the options must fit the route: whichever key comes first. */
#include "config_helper.h"

#define HOST "route 192.0.2.1/32 next-hop self"
#define HOST6 "route 2001:db8::1/128 next-hop 2001:db8::2"
#define NET "route 192.0.2.0/24 next-hop self"
#define MANAGE "{\"address\": \"manage\"}"
#define REQUIRE "{\"address\": \"require\"}"

static enum bc_address_mode mode(void) {
  struct bc_config_route route = view("web");
  assert_non_null(route.options);
  return route.options->address;
}

static void a_host_route_can_be_managed_and_any_prefix_required(void **state) {
  (void)state;
  put("routes/web/config", HOST);
  put("routes/web/options", MANAGE);
  expect_no_fault("web");
  assert_int_equal(mode(), BC_ADDRESS_MANAGE);
  put("routes/web/config", HOST6);
  expect_no_fault("web");
  assert_string_equal(version("web"), HOST6);
  put("routes/web/options", REQUIRE);
  put("routes/web/config", NET);
  expect_no_fault("web");
  assert_int_equal(mode(), BC_ADDRESS_REQUIRE);
}

static void options_that_do_not_fit_leave_the_last_good_ones_in_force(void **state) {
  (void)state;
  put_route("web", NET);
  put("routes/web/options", REQUIRE);
  wait_ms(2000);
  put("routes/web/options", MANAGE);
  expect_fault("web", "routes/web/options: address: \"manage\" needs a host route (/32, or /128 of IPv6), found "
                      "192.0.2.0/24");
  assert_int_equal(mode(), BC_ADDRESS_REQUIRE);
  assert_string_equal(version("web"), NET);
}

static void they_come_into_force_when_a_route_comes_that_they_fit(void **state) {
  (void)state;
  put_route("web", NET);
  wait_ms(2000);
  put("routes/web/options", MANAGE);
  put("routes/web/config", HOST);
  expect_no_fault("web");
  assert_string_equal(version("web"), HOST);
  assert_int_equal(mode(), BC_ADDRESS_MANAGE);
}

static void a_route_that_does_not_fit_waits_for_its_options(void **state) {
  (void)state;
  put_route("web", HOST);
  put("routes/web/options", MANAGE);
  wait_ms(2000);
  put("routes/web/config", NET);
  expect_fault("web", "routes/web/config: does not fit the options: address: \"manage\" needs a host route");
  assert_string_equal(version("web"), HOST);
  put("routes/web/options", "{\"interval\": 2}");
  expect_no_fault("web");
  assert_string_equal(version("web"), NET);
  assert_int_equal(mode(), BC_ADDRESS_IGNORE);
}

static void options_that_go_let_such_a_route_in(void **state) {
  (void)state;
  put_route("web", HOST);
  put("routes/web/options", MANAGE);
  wait_ms(2000);
  put("routes/web/config", NET);
  delete_key("routes/web/options");
  expect_no_fault("web");
  assert_string_equal(version("web"), NET);
}

static void a_new_route_with_both_is_not_announced_in_either_order(void **state) {
  (void)state;
  put("routes/web/config", NET);
  put("routes/web/options", MANAGE);
  assert_false(view("web").has_version);
  put("routes/other/options", MANAGE);
  put("routes/other/config", NET);
  assert_false(view("other").has_version);
  wait_ms(5000);
  assert_false(view("web").has_version);
  put("routes/web/config", HOST);
  assert_true(view("web").has_version);
  assert_int_equal(mode(), BC_ADDRESS_MANAGE);
}

static void what_was_refused_is_forgotten_with_its_key(void **state) {
  (void)state;
  put_route("web", NET);
  wait_ms(2000);
  put("routes/web/options", MANAGE);
  put("routes/web/options", "{");
  put("routes/web/config", HOST);
  expect_fault("web", "routes/web/options: not JSON");
  assert_int_equal(mode(), BC_ADDRESS_IGNORE);
  put("routes/web/options", MANAGE);
  put("routes/web/config", NET);
  delete_key("routes/web/options");
  delete_key("routes/web/config");
}

static void only_addresses_that_a_service_can_have_are_managed(void **state) {
  (void)state;
  static const char *const texts[] = {
      "route 127.0.0.1/32 next-hop self",       "route 224.0.0.5/32 next-hop self",
      "route 0.0.0.0/32 next-hop self",         "route 255.255.255.255/32 next-hop self",
      "route 169.254.0.1/32 next-hop self",     "route ::1/128 next-hop 2001:db8::2",
      "route fe80::1/128 next-hop 2001:db8::2", "route ff02::1/128 next-hop 2001:db8::2",
      "route ::/128 next-hop 2001:db8::2",
  };
  put("routes/web/options", MANAGE);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    put("routes/web/config", texts[i]);
    if (view("web").fault == NULL || strstr(view("web").fault, "an address that a service can have") == NULL) {
      fail_msg("%s: %s", texts[i], view("web").fault);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)
      TEST(a_host_route_can_be_managed_and_any_prefix_required),
      TEST(options_that_do_not_fit_leave_the_last_good_ones_in_force),
      TEST(they_come_into_force_when_a_route_comes_that_they_fit),
      TEST(a_route_that_does_not_fit_waits_for_its_options),
      TEST(options_that_go_let_such_a_route_in),
      TEST(a_new_route_with_both_is_not_announced_in_either_order),
      TEST(what_was_refused_is_forgotten_with_its_key),
      TEST(only_addresses_that_a_service_can_have_are_managed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
