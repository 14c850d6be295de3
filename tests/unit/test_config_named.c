/* Named checks: checks/NAME/script and checks/NAME/options. */
#include "config_helper.h"

#include "base/limits.h"

static void a_check_has_a_script_and_options(void **state) {
  (void)state;
  put("checks/dns/script", "#!lua\nreturn true");
  put("checks/dns/options", "{\"interval\": 5, \"threshold\": 80}");
  struct bc_config_check check = check_view("dns");
  assert_true(check.has_version && !check.is_settled && check.script.is_lua && check.script.hash != 0);
  assert_string_equal(check.script.text, "#!lua\nreturn true");
  assert_int_equal(check.options->interval_ms, 5000);
  assert_int_equal(check.options->threshold, 80);
  assert_null(check.fault);
  assert_null(check.script.ready_made);
  assert_int_equal(bc_config_counts(helper->config).checks, 1);
  assert_int_equal(bc_config_counts(helper->config).scripts, 1);
  assert_int_equal(bc_config_route_keys(helper->config), 0);
}

static void a_shell_program_is_a_script_too(void **state) {
  (void)state;
  put("checks/disk/script", "#!/bin/sh\ntrue");
  assert_true(check_view("disk").has_version && !check_view("disk").script.is_lua);
  assert_int_equal(check_view("disk").options->interval_ms, 1000);
}

static void a_new_check_settles(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  wait_ms(900);
  put("checks/dns/options", "{}");
  assert_string_equal(check_changes(), "+dns ");
  wait_ms(900);
  assert_false(check_view("dns").is_settled);
  assert_true(bc_mono_is_set(bc_config_deadline(helper->config)));
  wait_ms(100);
  assert_true(check_view("dns").is_settled);
  assert_string_equal(check_changes(), "+dns ");
  assert_false(bc_mono_is_set(bc_config_deadline(helper->config)));
  put("checks/dns/script", "false");
  assert_true(check_view("dns").is_settled);
  delete_key("checks/dns/script");
  delete_key("checks/dns/options");
  put("checks/dns/script", "true");
  assert_false(check_view("dns").is_settled);
}

static void the_earlier_deadline_is_told(void **state) {
  (void)state;
  put("checks/a/script", "true");
  helper->now = bc_mono_add_ms(helper->now, 300);
  put("routes/web/config", "route 192.0.2.0/24 next-hop self");
  assert_true(bc_config_deadline(helper->config).us == bc_mono_add_ms(helper->now, 700).us);
  wait_ms(700);
  assert_true(check_view("a").is_settled && !view("web").is_settled);
  assert_true(bc_config_deadline(helper->config).us == bc_mono_add_ms(helper->now, 300).us);
}

static void those_of_a_first_list_are_settled(void **state) {
  (void)state;
  bc_config_list_begin(helper->config);
  put("checks/dns/script", "true");
  put("checks/bad/script", "");
  bc_config_list_end(helper->config, helper->now);
  assert_true(check_view("dns").is_settled);
  assert_false(check_view("bad").is_settled);
  bc_config_list_begin(helper->config);
  put("checks/dns/script", "true");
  put("checks/new/script", "true");
  bc_config_list_end(helper->config, helper->now);
  assert_false(check_view("new").is_settled);
  assert_false(check_exists("bad"));
}

static void routes_are_passed_with_settled_checks(void **state) {
  (void)state;
  struct bc_config_route passed;
  put("checks/old/script", "true");
  bc_config_list_begin(helper->config);
  put("checks/dns/script", "true");
  put("routes/a/config", "route 192.0.2.1/32 next-hop self");
  put("routes/a/options", "{\"checks\": [\"dns\"]}");
  assert_false(check_view("dns").is_settled);
  put("routes/b/config", "route 192.0.2.2/32 next-hop self");
  assert_true(bc_config_next_passed(helper->config, &passed));
  assert_null(passed.fault);
  assert_true(check_view("dns").is_settled && !check_view("old").is_settled);
  /* One that comes late all the same is of the first list too. */
  put("checks/late/script", "true");
  bc_config_list_end(helper->config, helper->now);
  assert_true(check_view("late").is_settled && !check_exists("old"));
}

static void a_faulty_value_keeps_the_good_one(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  put("checks/dns/options", "{\"rise\": 3}");
  wait_ms(1000);
  put("checks/dns/script", "#!luajit");
  assert_string_equal(check_view("dns").fault,
                      "checks/dns/script: the first line names a Lua interpreter: write #!lua");
  assert_string_equal(node_fault(0), check_view("dns").fault);
  assert_string_equal(check_view("dns").script.text, "true");
  put("checks/dns/options", "{\"checks\": []}");
  assert_string_equal(node_fault(1), "checks/dns/options: checks: is an option of a route, not of a check");
  assert_int_equal(check_view("dns").options->rise, 3);
  put("checks/dns/script", "true");
  assert_string_equal(check_view("dns").fault, node_fault(0));
  put("checks/dns/options", "{\"rise\": 3}");
  assert_null(check_view("dns").fault);
  assert_null(node_fault(0));
  (void)check_changes();
  put("checks/dns/script", "true");
  put("checks/dns/options", " {\"rise\": 3} ");
  assert_string_equal(check_changes(), "");
}

static void a_new_one_waits_for_good_values(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  put("checks/dns/options", "{\"rise\": 0}");
  wait_ms(5000);
  assert_false(check_view("dns").has_version || check_view("dns").is_settled);
  assert_null(check_view("dns").script.text);
  put("checks/dns/options", "{}");
  wait_ms(1000);
  assert_true(check_view("dns").is_settled);
  put("checks/web/options", "{}");
  assert_string_equal(check_view("web").fault,
                      "checks/web/script: is missing: put one, or \"check\": {\"use\": NAME, ...} into the options");
  assert_false(check_view("web").has_version);
  put("checks/web/script", "");
  assert_string_equal(check_view("web").fault, "checks/web/script: is empty");
  assert_false(check_view("web").has_version);
}

static void what_cannot_be_read_stays_in_force(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  put("checks/dns/options", "{\"rise\": 3}");
  wait_ms(1000);
  bc_config_put_unreadable(helper->config, bc_str_of("checks/dns/script"), "denied (/x)", helper->now);
  bc_config_put_unreadable(helper->config, bc_str_of("checks/dns/options"), "denied (/y)", helper->now);
  assert_string_equal(check_view("dns").fault, "checks/dns/script: denied (/x)");
  assert_true(has_node_fault("checks/dns/options: denied (/y)"));
  assert_string_equal(check_view("dns").script.text, "true");
  assert_int_equal(check_view("dns").options->rise, 3);
  bc_config_put_unreadable(helper->config, bc_str_of("checks/new/script"), "denied", helper->now);
  assert_false(check_view("new").has_version);
  bc_config_put_unreadable(helper->config, bc_str_of("checks/new/options"), "denied", helper->now);
  put("checks/new/script", "true");
  wait_ms(5000);
  assert_false(check_view("new").has_version);
}

static void one_without_a_script_says_nothing(void **state) {
  (void)state;
  put("checks/dns/script", "true");
  put("checks/dns/options", "{}");
  wait_ms(1000);
  (void)check_changes();
  delete_key("checks/dns/script");
  assert_string_equal(check_changes(), "+dns ");
  assert_false(check_view("dns").has_version);
  assert_non_null(strstr(check_view("dns").fault, "checks/dns/script: is missing"));
  assert_int_equal(bc_config_counts(helper->config).scripts, 0);
  delete_key("checks/dns/options");
  assert_string_equal(check_changes(), "-dns ");
  assert_false(check_exists("dns"));
  assert_null(node_fault(0));
}

static void one_may_be_ready_made(void **state) {
  (void)state;
  put("checks/web/options", "{\"check\": {\"use\": \"http\", \"url\": \"http://192.0.2.1/\"}}");
  struct bc_config_check check = check_view("web");
  assert_true(check.has_version && check.script.is_lua);
  assert_string_equal(check.script.ready_made, "http");
  assert_non_null(strstr(check.options->parameters, "\"url\":\"http://192.0.2.1/\""));
  assert_null(check.fault);
  assert_int_equal(bc_config_counts(helper->config).scripts, 0);
  put("checks/web/script", "true");
  assert_true(bc_str_starts(bc_str_of(check_view("web").script.text), "#!lua\n"));
  assert_string_equal(check_view("web").script.ready_made, "http");
  assert_string_equal(check_view("web").fault,
                      "checks/web/script: has no effect: the options choose the check \"http\": "
                      "remove it, or \"check\" from the options");
  put("checks/web/options", "{}");
  assert_string_equal(check_view("web").script.text, "true");
  assert_null(check_view("web").fault);
  put("checks/web/options", "{\"check\": \"none\"}");
  assert_string_equal(check_view("web").fault, "checks/web/options: check: \"none\" is an option of a route, not of a "
                                               "check");
}

static void changes_are_told_once_and_in_time(void **state) {
  (void)state;
  put("checks/a/script", "true");
  put("checks/b/script", "true");
  assert_string_equal(check_changes(), "+a +b ");
  assert_string_equal(check_changes(), "");
  delete_key("checks/a/script");
  put("checks/a/script", "true");
  delete_key("checks/b/script");
  assert_string_equal(check_changes(), "+a -b ");
  delete_key("checks/b/script");
  delete_key("checks/none/script");
  assert_string_equal(check_changes(), "");
}

static void they_are_told_in_the_order_of_their_names(void **state) {
  (void)state;
  put("checks/b/script", "true");
  put("checks/a/script", "true");
  put("checks/c/options", "{}");
  put("routes/r/options", "{\"checks\": [\"aa\"]}");
  char names[16] = "";
  struct bc_config_check at = {0};
  while (bc_config_each_check(helper->config, at.name, &at)) {
    (void)snprintf(names + strlen(names), sizeof names - strlen(names), "%s ", at.name);
  }
  assert_string_equal(names, "a b c ");
}

static void keys_without_a_meaning_are_told(void **state) {
  (void)state;
  put("checks/-a/script", "true");
  put("checks/a/healthcheck", "true");
  put("checks/b", "true");
  assert_true(has_node_fault("checks/-a/script: not a check name (letters, digits, '.', '_', '-'; at most 128)"));
  assert_true(has_node_fault("checks/a/healthcheck: not a key of a check (script, options): it is ignored"));
  assert_true(has_node_fault("checks/b: not a key of a check"));
  assert_int_equal(bc_config_route_keys(helper->config), 0);
  assert_int_equal(bc_config_counts(helper->config).checks, 0);
}

static void there_are_at_most_10000(void **state) {
  (void)state;
  char key[64];
  for (int i = 0; i <= BC_LIMIT_NAMED_CHECKS; i++) {
    (void)snprintf(key, sizeof key, "checks/c%d/script", i);
    put(key, "true");
  }
  assert_string_equal(node_fault(0), "checks: more than 10000 checks: checks/c10000 is ignored");
  assert_int_equal(bc_config_counts(helper->config).checks, BC_LIMIT_NAMED_CHECKS);
  delete_key("checks/c0/script");
  put("checks/c10000/script", "true");
  assert_true(check_exists("c10000"));
}

static void what_is_in_force_is_saved(void **state) {
  (void)state;
  put("checks/dns/script", "#!lua\nreturn require 'a'");
  put("checks/dns/options", "{\"rise\": 3}");
  put("checks/web/options", "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\", \"port\": 1}}");
  wait_ms(1000);
  put("checks/dns/script", "");
  put("checks/dns/options", "x");
  put("checks/new/script", "true");
  restart();
  assert_string_equal(check_view("dns").script.text, "#!lua\nreturn require 'a'");
  assert_int_equal(check_view("dns").options->rise, 3);
  assert_true(check_view("dns").is_settled && check_view("web").is_settled);
  assert_string_equal(check_view("web").script.ready_made, "tcp");
  assert_false(check_exists("new"));
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(a_check_has_a_script_and_options),
      CONFIG_TEST(a_shell_program_is_a_script_too),
      CONFIG_TEST(a_new_check_settles),
      CONFIG_TEST(the_earlier_deadline_is_told),
      CONFIG_TEST(those_of_a_first_list_are_settled),
      CONFIG_TEST(routes_are_passed_with_settled_checks),
      CONFIG_TEST(a_faulty_value_keeps_the_good_one),
      CONFIG_TEST(a_new_one_waits_for_good_values),
      CONFIG_TEST(what_cannot_be_read_stays_in_force),
      CONFIG_TEST(one_without_a_script_says_nothing),
      CONFIG_TEST(one_may_be_ready_made),
      CONFIG_TEST(changes_are_told_once_and_in_time),
      CONFIG_TEST(they_are_told_in_the_order_of_their_names),
      CONFIG_TEST(keys_without_a_meaning_are_told),
      CONFIG_TEST(there_are_at_most_10000),
      CONFIG_TEST(what_is_in_force_is_saved),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
