/* The health check of a route: what is taken, what stays in force, what happens when it is removed. */
#include "config_helper.h"

#include "base/limits.h"

#define GOOD "route 192.0.2.0/24 next-hop self"

static void a_script_is_kept_byte_for_byte(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/healthcheck", "\n #!/bin/sh\r\ntrue \n\n");
  struct bc_config_route route = view("web");
  assert_int_equal(route.script.len, 20);
  assert_memory_equal(route.script.text, "\n #!/bin/sh\r\ntrue \n\n", 20);
  assert_int_not_equal(route.script.hash, 0);
}

static void equal_scripts_are_one_and_have_one_hash(void **state) {
  (void)state;
  put("routes/a/config", GOOD);
  put("routes/b/config", "route 192.0.3.0/24 next-hop self");
  put("routes/a/healthcheck", "true");
  put("routes/b/healthcheck", "true");
  assert_ptr_equal(view("a").script.text, view("b").script.text);
  assert_int_equal(bc_config_counts(helper->config).scripts, 1);
  put("routes/b/healthcheck", "true\n");
  assert_int_not_equal(view("a").script.hash, view("b").script.hash);
  assert_int_equal(bc_config_counts(helper->config).scripts, 2);
  put("routes/a/healthcheck", "true\n");
  assert_int_equal(bc_config_counts(helper->config).scripts, 1);
}

static void scripts_that_cannot_run_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *script, *fault;
  } cases[] = {
      {"", "is empty"},
      {" \r\n\t\n", "is empty"},
      {"#!/usr/bin/lua\nreturn true", "the first line names a Lua interpreter: write #!lua"},
      {"#! /usr/local/bin/lua5.4 -W\n", "the first line names a Lua interpreter: write #!lua"},
      {"#!/usr/bin/env lua5.4\n", "the first line names a Lua interpreter: write #!lua"},
      {"#!/usr/bin/env -S A=b luajit-2.1 -O\n", "the first line names a Lua interpreter: write #!lua"},
      {"#!luajit\n", "the first line names a Lua interpreter: write #!lua"},
  };
  put_route("web", GOOD);
  put("routes/web/healthcheck", "true");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char fault[128];
    (void)snprintf(fault, sizeof fault, "routes/web/healthcheck: %s", cases[i].fault);
    put("routes/web/healthcheck", cases[i].script);
    expect_fault("web", fault);
    assert_string_equal(view("web").script.text, "true");
  }
  bc_config_put(helper->config, bc_str_of("routes/web/healthcheck"), (struct bc_str){"tr\0ue", 5}, helper->now);
  expect_fault("web", "routes/web/healthcheck: byte 3 is NUL");
  put("routes/web/healthcheck", "true");
  expect_no_fault("web");
}

static void other_interpreters_are_taken(void **state) {
  (void)state;
  static const char *const scripts[] = {"#!/bin/sh\n",
                                        "#!/usr/bin/env python3\n",
                                        "#!/usr/bin/luacheck\n",
                                        "#!/opt/lua/bin/x\n",
                                        "# lua\n",
                                        "echo '#!lua'",
                                        "#!/bin/sh\n#!lua\n",
                                        "#!",
                                        "#!/usr/bin/env"};
  put("routes/web/config", GOOD);
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    put("routes/web/healthcheck", scripts[i]);
    expect_no_fault("web");
    assert_string_equal(view("web").script.text, scripts[i]);
  }
}

static void only_the_word_lua_asks_for_the_sandbox(void **state) {
  (void)state;
  static const char *const sandboxed[] = {"#!lua\nreturn true", "#!lua", "#!lua \r\nreturn true", "#! lua\n"};
  static const char *const others[] = {"",         "lua",       "# lua",   " #!lua", "\n#!lua",
                                       "#!luac\n", "#!lua x\n", "#!\nlua", "#!"};
  put("routes/web/config", GOOD);
  for (size_t i = 0; i < sizeof sandboxed / sizeof sandboxed[0]; i++) {
    put("routes/web/healthcheck", sandboxed[i]);
    expect_no_fault("web");
    assert_true(bc_config_script_is_sandboxed(bc_str_of(sandboxed[i])));
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(bc_config_script_is_sandboxed(bc_str_of(others[i])));
  }
}

static void a_new_route_with_a_faulty_check_is_not_taken_as_healthy(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  wait_ms(500);
  put("routes/web/healthcheck", "#!luajit");
  wait_ms(5000);
  assert_false(view("web").has_version);
  assert_false(view("web").is_settled);
  put("routes/web/options", "{\"check\": \"none\"}");
  assert_true(view("web").has_version);
  delete_key("routes/web/options");
  assert_false(view("web").has_version);
  put("routes/web/healthcheck", "true");
  assert_true(view("web").has_version);
  put("routes/web/healthcheck", "#!luajit");
  assert_true(view("web").has_version);
  assert_string_equal(view("web").script.text, "true");
}

static void a_faulty_check_must_also_wait_after_the_config_came_back(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/healthcheck", "#!luajit");
  assert_true(view("web").has_version);
  delete_key("routes/web/config");
  put("routes/web/config", GOOD);
  wait_ms(5000);
  assert_false(view("web").has_version);
  delete_key("routes/web/healthcheck");
  assert_true(view("web").has_version);
}

static void a_route_that_runs_without_a_check_goes_on(void **state) {
  (void)state;
  put("routes/web/config", GOOD);
  put("routes/web/healthcheck", "#!luajit");
  put("routes/web/options", "{\"check\": \"none\"}");
  wait_ms(1000);
  assert_true(view("web").is_settled);
  delete_key("routes/web/options");
  assert_true(view("web").has_version);
  expect_fault("web", "routes/web/healthcheck: the first line names a Lua interpreter");
}

static void a_removed_check_is_lost_until_something_is_said(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/healthcheck", "true");
  (void)changes();
  delete_key("routes/web/healthcheck");
  assert_true(view("web").has_lost_check);
  assert_null(view("web").script.text);
  assert_true(view("web").has_version);
  expect_fault("web", "routes/web/healthcheck: was removed");
  assert_string_equal(changes(), "+web ");
  put("routes/web/healthcheck", "");
  assert_true(view("web").has_lost_check);
  put("routes/web/healthcheck", "true");
  assert_false(view("web").has_lost_check);
  assert_string_equal(view("web").script.text, "true");
  expect_no_fault("web");
  delete_key("routes/web/healthcheck");
  put("routes/web/options", "{\"check\": \"none\"}");
  assert_false(view("web").has_lost_check);
  expect_no_fault("web");
  assert_int_equal(bc_config_counts(helper->config).scripts, 0);
  delete_key("routes/web/options");
  assert_false(view("web").has_lost_check);
}

static void check_none_wins_over_a_script_and_gives_it_back(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/healthcheck", "true");
  put("routes/web/options", "{\"check\": \"none\"}");
  assert_null(view("web").script.text);
  assert_int_equal(view("web").script.hash, 0);
  delete_key("routes/web/options");
  assert_string_equal(view("web").script.text, "true");
  put("routes/web/options", "{\"check\": \"none\"}");
  delete_key("routes/web/healthcheck");
  assert_false(view("web").has_lost_check);
  expect_no_fault("web");
}

static void a_check_that_was_never_good_is_not_lost(void **state) {
  (void)state;
  put_route("web", GOOD);
  put("routes/web/healthcheck", "");
  delete_key("routes/web/healthcheck");
  assert_false(view("web").has_lost_check);
  expect_no_fault("web");
}

static void a_list_without_the_check_is_a_removal_too(void **state) {
  (void)state;
  bc_config_set_settle_ms(helper->config, 0);
  put("routes/web/config", GOOD);
  put("routes/web/healthcheck", "true");
  bc_config_list_begin(helper->config);
  put("routes/web/config", GOOD);
  bc_config_list_end(helper->config, helper->now);
  assert_true(view("web").has_lost_check);
}

static void there_are_at_most_1000_different_scripts(void **state) {
  (void)state;
  char key[64];
  char script[32];
  for (int i = 0; i <= BC_LIMIT_SCRIPTS; i++) {
    (void)snprintf(key, sizeof key, "routes/r%d/healthcheck", i);
    (void)snprintf(script, sizeof script, "exit %d", i);
    put(key, script);
  }
  assert_int_equal(bc_config_counts(helper->config).scripts, BC_LIMIT_SCRIPTS);
  put("routes/r1000/config", GOOD);
  assert_false(view("r1000").has_version);
  delete_key("routes/r1000/config");
  put("routes/r1000/config", GOOD);
  struct bc_config_route route = view("r1000");
  assert_string_equal(route.fault, "routes/r1000/healthcheck: more than 1000 different scripts");
  /* One that replaces another, and one that is known, need no room. */
  put("routes/r999/healthcheck", "exit 5000");
  put("routes/r1000/healthcheck", "exit 0");
  expect_no_fault("r1000");
  assert_int_equal(bc_config_counts(helper->config).scripts, BC_LIMIT_SCRIPTS);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(a_script_is_kept_byte_for_byte),
      CONFIG_TEST(equal_scripts_are_one_and_have_one_hash),
      CONFIG_TEST(scripts_that_cannot_run_are_refused),
      CONFIG_TEST(other_interpreters_are_taken),
      CONFIG_TEST(only_the_word_lua_asks_for_the_sandbox),
      CONFIG_TEST(a_new_route_with_a_faulty_check_is_not_taken_as_healthy),
      CONFIG_TEST(a_faulty_check_must_also_wait_after_the_config_came_back),
      CONFIG_TEST(a_route_that_runs_without_a_check_goes_on),
      CONFIG_TEST(a_removed_check_is_lost_until_something_is_said),
      CONFIG_TEST(check_none_wins_over_a_script_and_gives_it_back),
      CONFIG_TEST(a_check_that_was_never_good_is_not_lost),
      CONFIG_TEST(a_list_without_the_check_is_a_removal_too),
      CONFIG_TEST(there_are_at_most_1000_different_scripts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
