/* What a route's options ask for beside the route: ready-made checks and named ones. */
#include "config_helper.h"

#define GOOD "route 192.0.2.0/24 next-hop self"
#define USE "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\", \"port\": 53}}"
#define IDLE                                                                                                           \
  "routes/web/healthcheck: has no effect: the options choose the check \"tcp\": remove it, or \"check\" from the "     \
  "options"

static void a_ready_made_check_is_a_script(void **state) {
  (void)state;
  put("routes/web/options", USE);
  put_route("web", GOOD);
  struct bc_config_route route = view("web");
  assert_true(route.script.is_lua && route.script.hash != 0);
  assert_string_equal(route.script.ready_made, "tcp");
  assert_non_null(strstr(route.script.text, "#!lua\n"));
  assert_non_null(strstr(route.options->parameters, "\"port\":53"));
  assert_null(route.fault);
  assert_int_equal(bc_config_counts(helper->config).scripts, 0);
  put_route("other", "route 192.0.3.0/24 next-hop self");
  put("routes/other/options", USE);
  assert_ptr_equal(view("other").script.text, view("web").script.text);
}

static void other_parameters_are_a_change(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/options", USE);
  (void)changes();
  put("routes/web/options", "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\", \"port\": 54}}");
  assert_string_equal(changes(), "+web ");
  put("routes/web/options", "{\"check\": {\"use\": \"tcp\", \"port\": 54, \"host\": \"::1\"}}");
  assert_string_equal(changes(), "");
  put("routes/web/options", "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\"}}");
  expect_fault("web", "routes/web/options: check: tcp: port: is required");
  assert_non_null(strstr(view("web").options->parameters, "\"port\":54"));
}

static void it_wins_over_a_healthcheck_in_any_order(void **state) {
  (void)state;
  for (int round = 0; round < 2; round++) {
    put("routes/web/config", GOOD);
    put(round == 0 ? "routes/web/options" : "routes/web/healthcheck", round == 0 ? USE : "true");
    put(round == 0 ? "routes/web/healthcheck" : "routes/web/options", round == 0 ? "true" : USE);
    wait_ms(1000);
    assert_string_equal(view("web").script.ready_made, "tcp");
    assert_true(bc_str_starts(bc_str_of(view("web").script.text), "#!lua\n"));
    assert_string_equal(view("web").fault, IDLE);
    (void)changes();
    put("routes/web/healthcheck", "true");
    assert_string_equal(changes(), "");
    if (round == 0) {
      delete_key("routes/web/healthcheck");
      assert_string_equal(view("web").script.ready_made, "tcp");
      assert_false(view("web").has_lost_check);
    } else {
      put("routes/web/options", "{}");
      assert_string_equal(view("web").script.text, "true");
      assert_null(view("web").script.ready_made);
    }
    expect_no_fault("web");
    delete_key("routes/web/options");
    delete_key("routes/web/healthcheck");
    delete_key("routes/web/config");
  }
}

static void a_faulty_healthcheck_beside_it_is_told_as_such(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/healthcheck", "");
  put("routes/web/options", USE);
  wait_ms(1000);
  assert_true(view("web").is_settled);
  expect_fault("web", "routes/web/healthcheck: is empty");
  put("routes/web/healthcheck", "true");
  assert_string_equal(view("web").fault, IDLE);
  bc_config_put_unreadable(helper->config, bc_str_of("routes/web/healthcheck"), "denied", helper->now);
  expect_fault("web", "routes/web/healthcheck: denied");
  put("routes/web/healthcheck", "true");
  assert_string_equal(view("web").fault, IDLE);
  put("routes/web/healthcheck", "#!luajit");
  expect_fault("web", "routes/web/healthcheck: the first line names");
  bc_config_put_unreadable(helper->config, bc_str_of("routes/web/healthcheck"), "denied", helper->now);
  expect_fault("web", "routes/web/healthcheck: denied");
  put("routes/web/healthcheck", "true");
  assert_string_equal(view("web").fault, IDLE);
}

static void a_removed_healthcheck_may_be_replaced_by_it(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/healthcheck", "true");
  delete_key("routes/web/healthcheck");
  assert_true(view("web").has_lost_check);
  put("routes/web/options", USE);
  assert_false(view("web").has_lost_check);
  expect_no_fault("web");
  assert_int_equal(bc_config_counts(helper->config).scripts, 0);
}

static void options_do_not_take_the_only_check_along(void **state) {
  (void)state;
  static const char *const values[] = {USE, "{\"checks\": [\"dns\"]}"};
  put("checks/dns/script", "true");
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    put("routes/web/options", values[i]);
    put_route("web", GOOD);
    uint64_t hash = view("web").script.hash;
    put("routes/web/options", "{\"rise\": 7}");
    expect_fault("web", "routes/web/options: the route would be left without a check: put another one, or \"check\": "
                        "\"none\"");
    delete_key("routes/web/options");
    expect_fault("web", "routes/web/options: was removed, and the check with it: put another one, or \"check\": "
                        "\"none\" into options");
    assert_true(view("web").script.hash == hash && view("web").options->rise == 1);
    assert_int_equal(bc_options_count_checks(view("web").options, false), 1);
    restart();
    assert_int_equal(bc_options_count_checks(view("web").options, false), 1);
    bc_config_list_begin(helper->config);
    put("checks/dns/script", "true");
    put("routes/web/config", GOOD);
    bc_config_list_end(helper->config, helper->now);
    assert_int_equal(bc_options_count_checks(view("web").options, false), 1);
    expect_fault("web", "routes/web/options: was removed, and the check with it");
    /* What was asked for happens as soon as there is another one. */
    put("routes/web/healthcheck", "true");
    expect_no_fault("web");
    assert_int_equal(bc_options_count_checks(view("web").options, false), 0);
    assert_string_equal(view("web").script.text, "true");
    put("routes/web/options", values[i]);
    put("routes/web/options", "{\"rise\": 7}");
    assert_int_equal(view("web").options->rise, 7);
    delete_key("routes/web/healthcheck");
    put("routes/web/options", "{\"check\": \"none\"}");
    expect_no_fault("web");
    put("routes/web/options", "{}");
    expect_no_fault("web");
    put("routes/web/options", values[i]);
    put("routes/web/options", "{\"check\": \"none\"}");
    expect_no_fault("web");
    assert_int_equal(bc_options_count_checks(view("web").options, false), 0);
    delete_key("routes/web/config");
    delete_key("routes/web/options");
  }
}

static void a_healthcheck_that_was_never_good_is_no_other_check(void **state) {
  (void)state;
  put("routes/web/options", USE);
  put_route("web", GOOD);
  put("routes/web/healthcheck", "");
  put("routes/web/options", "{}");
  assert_string_equal(view("web").script.ready_made, "tcp");
  put("routes/web/healthcheck", "true");
  assert_string_equal(view("web").script.text, "true");
  expect_no_fault("web");
}

static void a_check_that_is_not_there_is_a_fault_until_it_comes(void **state) {
  (void)state;
  put("routes/web/options", "{\"checks\": [\"dns\", \"disk\"]}");
  put_route("web", GOOD);
  assert_true(view("web").has_version && view("web").is_settled);
  expect_fault("web", "routes/web/options: checks: there is no check dns");
  assert_int_equal(view("web").options->check_count, 2);
  (void)changes();
  put("checks/dns/options", "{}");
  expect_fault("web", "routes/web/options: checks: the check dns is faulty and never had a good version");
  put("checks/dns/script", "true");
  expect_fault("web", "routes/web/options: checks: there is no check disk");
  assert_string_equal(changes(), "+web ");
  put("checks/disk/script", "true");
  expect_no_fault("web");
  assert_int_equal(check_view("disk").users, 1);
  delete_key("checks/dns/script");
  delete_key("checks/dns/options");
  expect_fault("web", "routes/web/options: checks: there is no check dns");
  put("routes/web/options", "{\"checks\": [\"disk\"]}");
  expect_no_fault("web");
  put("routes/web/options", "x");
  expect_fault("web", "routes/web/options: not JSON");
  delete_key("checks/disk/script");
  expect_fault("web", "routes/web/options: not JSON");
  assert_string_equal(check_changes(), "-dns -disk ");
}

static void the_users_of_a_check_are_known(void **state) {
  (void)state;
  const void *cursor = NULL;
  const char *route = NULL;
  put("checks/dns/script", "true");
  assert_false(bc_config_next_check_user(helper->config, "dns", &cursor, &route));
  assert_false(bc_config_next_check_user(helper->config, "none", &cursor, &route));
  put("routes/a/options", "{\"checks\": [\"dns\", \"none\"]}");
  put("routes/b/options", "{\"checks\": [\"dns\"]}");
  put("routes/c/options", "{}");
  unsigned seen = 0;
  while (bc_config_next_check_user(helper->config, "dns", &cursor, &route)) {
    seen += (unsigned)(1 << (4 * (route[0] - 'a')));
  }
  assert_int_equal(seen, 0x011);
  assert_int_equal(check_view("dns").users, 2);
  delete_key("routes/a/options");
  delete_key("routes/b/options");
  assert_int_equal(check_view("dns").users, 0);
}

static void at_least_counts_the_routes_own_check(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  put("routes/web/config", GOOD);
  put("routes/web/options", "{\"checks\": [\"dns\"], \"combine\": {\"at_least\": 2}}");
  expect_fault("web", "routes/web/options: combine: at_least: expected at most 1, the number of checks, found 2");
  wait_ms(5000);
  assert_false(view("web").is_settled);
  put("routes/web/healthcheck", "true");
  expect_no_fault("web");
  wait_ms(1000);
  assert_int_equal(view("web").options->at_least, 2);
  /* Without it the others could never be enough: it is not just gone. */
  delete_key("routes/web/healthcheck");
  assert_true(view("web").has_lost_check);
  assert_string_equal(view("web").fault,
                      "routes/web/healthcheck: was removed, and the options want at least 2 checks: put "
                      "another one");
  put("routes/web/options", "{\"checks\": [\"dns\"]}");
  assert_false(view("web").has_lost_check);
  expect_no_fault("web");
}

static void a_healthcheck_beside_others_may_go(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  put_route("web", GOOD);
  put("routes/web/healthcheck", "exit 1");
  put("routes/web/options", "{\"checks\": [\"dns\"]}");
  assert_string_equal(view("web").script.text, "exit 1");
  delete_key("routes/web/healthcheck");
  assert_false(view("web").has_lost_check);
  assert_null(view("web").script.text);
  expect_no_fault("web");
  assert_int_equal(bc_config_counts(helper->config).scripts, 1);
}

static void none_is_about_its_own_check_only(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  put_route("web", GOOD);
  put("routes/web/healthcheck", "exit 1");
  put("routes/web/options", "{\"check\": \"none\", \"checks\": [\"dns\"]}");
  assert_null(view("web").script.text);
  assert_int_equal(view("web").options->check_count, 1);
  expect_no_fault("web");
}

static void it_is_saved_and_read_in_any_order(void **state) {
  (void)state;
  static const char *const keys[][2] = {
      {"routes/web/config", GOOD},
      {"routes/web/healthcheck", "exit 1"},
      {"routes/web/options", "{\"checks\": [\"dns\"], \"combine\": {\"at_least\": 2}}"},
      {"checks/dns/script", "#!lua\nreturn require 'a'"},
      {"checks/dns/options", "{\"rise\": 2}"},
      {"lua/a", "return 1"},
      {"data/x", "1"}};
  enum { KEYS = sizeof keys / sizeof keys[0] };
  uint64_t hash = 0;
  uint64_t random = 88172645463325252U;
  for (int round = 0; round < 500; round++) {
    int order[KEYS];
    for (int i = 0; i < KEYS; i++) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      int at = (int)(random % (unsigned)(i + 1));
      order[i] = order[at];
      order[at] = i;
    }
    bc_config_set_settle_ms(helper->config, 0);
    for (int i = 0; i < KEYS; i++) {
      put(keys[order[i]][0], keys[order[i]][1]);
    }
    expect_no_fault("web");
    assert_null(node_fault(0));
    assert_true(view("web").is_settled && check_view("dns").is_settled);
    assert_string_equal(view("web").script.text, "exit 1");
    assert_int_equal(view("web").options->at_least, 2);
    assert_int_equal(check_view("dns").options->rise, 2);
    assert_true(round == 0 || check_view("dns").script.hash == hash);
    hash = check_view("dns").script.hash;
    restart();
    assert_true(view("web").is_settled && check_view("dns").script.hash == hash);
    expect_no_fault("web");
    for (int i = 0; i < KEYS; i++) {
      delete_key(keys[order[i]][0]);
    }
    assert_int_equal(bc_config_counts(helper->config).routes, 0);
    assert_int_equal(bc_config_counts(helper->config).checks, 0);
  }
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(a_ready_made_check_is_a_script),
      CONFIG_TEST(other_parameters_are_a_change),
      CONFIG_TEST(it_wins_over_a_healthcheck_in_any_order),
      CONFIG_TEST(a_faulty_healthcheck_beside_it_is_told_as_such),
      CONFIG_TEST(a_removed_healthcheck_may_be_replaced_by_it),
      CONFIG_TEST(options_do_not_take_the_only_check_along),
      CONFIG_TEST(a_healthcheck_that_was_never_good_is_no_other_check),
      CONFIG_TEST(a_check_that_is_not_there_is_a_fault_until_it_comes),
      CONFIG_TEST(the_users_of_a_check_are_known),
      CONFIG_TEST(at_least_counts_the_routes_own_check),
      CONFIG_TEST(a_healthcheck_beside_others_may_go),
      CONFIG_TEST(none_is_about_its_own_check_only),
      CONFIG_TEST(it_is_saved_and_read_in_any_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
