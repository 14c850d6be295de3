/* Modules: what scripts require, and that a changed module is a changed script for those alone. */
#include "config_helper.h"

#include "base/limits.h"

#define GOOD(n) "route 192.0.2." #n "/32 next-hop self"

static void a_module_is_kept_byte_for_byte(void **state) {
  (void)state;
  struct bc_config_module module;
  put("lua/util", " return 1 \n");
  assert_true(bc_config_find_module(helper->config, "util", &module));
  assert_true(bc_str_is(module.text, " return 1 \n"));
  assert_string_equal(module_changes(), "+util ");
  put("lua/util", " return 1 \n");
  assert_string_equal(module_changes(), "");
  put("lua/util", "return 2");
  assert_string_equal(module_changes(), "+util ");
  delete_key("lua/util");
  assert_false(bc_config_find_module(helper->config, "util", &module));
  assert_string_equal(module_changes(), "-util ");
  delete_key("lua/util");
  assert_string_equal(module_changes(), "");
  assert_int_equal(bc_config_counts(helper->config).modules, 0);
}

static void a_script_has_its_modules_by_name_also_those_of_modules(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("lua/b", "local c = require 'c' return require('d')");
  put("lua/c", "return require [[b]]");
  put("routes/web/healthcheck", "#!lua\nlocal z, b = require 'z', require 'b'\nreturn true");
  assert_string_equal(modules_of(view("web").script), "b c -d -z ");
  put("lua/d", "return 1");
  assert_string_equal(modules_of(view("web").script), "b c d -z ");
  put("lua/b", "return 1");
  assert_string_equal(modules_of(view("web").script), "b -z ");
  delete_key("lua/b");
  assert_string_equal(modules_of(view("web").script), "-b -z ");
}

static void only_lua_scripts_have_modules(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("lua/b", "return 1");
  put("routes/web/healthcheck", "#!/bin/sh\nrequire 'b'\n");
  assert_string_equal(modules_of(view("web").script), "");
  uint64_t hash = view("web").script.hash;
  put("lua/b", "return 2");
  assert_true(view("web").script.hash == hash);
}

static void a_changed_module_changes_those_that_use_it_and_no_others(void **state) {
  (void)state;
  put_route("direct", GOOD(1));
  put_route("through", GOOD(2));
  put_route("other", GOOD(3));
  put_route("shell", GOOD(4));
  put("lua/a", "return require 'b'");
  put("lua/b", "return 1");
  put("lua/c", "return 1");
  put("routes/direct/healthcheck", "#!lua\nreturn require 'b'");
  put("routes/through/healthcheck", "#!lua\nreturn require 'a'");
  put("routes/other/healthcheck", "#!lua\nreturn require 'c'");
  put("routes/shell/healthcheck", "true");
  put("checks/dns/script", "#!lua\nreturn require 'a'");
  (void)changes();
  (void)check_changes();
  uint64_t direct = view("direct").script.hash;
  uint64_t through = view("through").script.hash;
  uint64_t other = view("other").script.hash;
  put("lua/b", "return 2");
  const char *told = changes();
  assert_true(strlen(told) == strlen("+direct +through ") && strstr(told, "+direct ") && strstr(told, "+through "));
  assert_string_equal(check_changes(), "+dns ");
  assert_false(view("direct").script.hash == direct || view("through").script.hash == through);
  assert_true(view("other").script.hash == other);
  put("lua/b", "return 1");
  assert_true(view("direct").script.hash == direct && view("through").script.hash == through);
  (void)changes();
  put("lua/b", "return 1");
  put("lua/unused", "return 1");
  assert_string_equal(changes(), "");
}

static void one_that_comes_or_goes_is_a_change(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("routes/web/healthcheck", "#!lua\nreturn require 'b'");
  uint64_t without = view("web").script.hash;
  (void)changes();
  put("lua/b", "return 1");
  assert_string_equal(changes(), "+web ");
  assert_false(view("web").script.hash == without);
  delete_key("lua/b");
  assert_string_equal(changes(), "+web ");
  assert_true(view("web").script.hash == without);
}

static void the_hash_knows_which_module_has_which_text(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("routes/web/healthcheck", "#!lua\nreturn require 'a' + require 'b'");
  put("lua/a", "return 1");
  put("lua/b", "return 2");
  uint64_t hash = view("web").script.hash;
  put("lua/a", "return 2");
  put("lua/b", "return 1");
  assert_false(view("web").script.hash == hash);
}

static void modules_in_a_circle_are_all_found(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("lua/a", "return require 'b'");
  put("lua/b", "return require 'c'");
  put("lua/c", "return require 'a', require 'c'");
  put("routes/web/healthcheck", "#!lua\nreturn require 'a'");
  assert_string_equal(modules_of(view("web").script), "a b c ");
  delete_key("routes/web/healthcheck");
  put("routes/web/options", "{\"check\": \"none\"}");
  delete_key("lua/a");
  delete_key("lua/b");
  delete_key("lua/c");
  assert_string_equal(module_changes(), "-a -b -c ");
}

static void a_script_that_goes_takes_what_only_it_wanted(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("lua/a", "return require 'x'");
  put("routes/web/healthcheck", "#!lua\nreturn require 'a'");
  put("routes/web/healthcheck", "true");
  (void)changes();
  put("lua/a", "return 1");
  put("lua/x", "return 1");
  assert_string_equal(changes(), "");
}

static void a_faulty_module_keeps_the_good_one(void **state) {
  (void)state;
  static char big[BC_LIMIT_SCRIPT_BYTES + 2];
  struct bc_config_module module;
  memset(big, '-', sizeof big - 1);
  put("lua/a", "return 1");
  put("lua/a", " \n");
  assert_true(has_node_fault("lua/a: is empty"));
  put("lua/a", big);
  assert_true(has_node_fault("lua/a: expected at most 262144 bytes, found 262145"));
  bc_config_put(helper->config, bc_str_of("lua/a"), (struct bc_str){"a\0b", 3}, helper->now);
  assert_true(has_node_fault("lua/a: byte 2 is NUL: expected plain text"));
  bc_config_put_unreadable(helper->config, bc_str_of("lua/a"), "permission denied (/x)", helper->now);
  assert_true(has_node_fault("lua/a: permission denied (/x)"));
  assert_true(bc_config_find_module(helper->config, "a", &module) && bc_str_is(module.text, "return 1"));
  put("lua/a", "return 1");
  assert_null(node_fault(0));
  put("lua/new", "");
  assert_false(bc_config_find_module(helper->config, "new", &module));
  assert_int_equal(bc_config_counts(helper->config).modules, 2);
  delete_key("lua/new");
  assert_null(node_fault(0));
}

/* "require 'm0' require 'm1' …" */
static void requires(char *text, size_t room, const char *before, int from, int count) {
  size_t used = (size_t)snprintf(text, room, "%s", before);
  for (int i = from; i < from + count; i++) {
    used += (size_t)snprintf(text + used, room - used, "require 'm%d' ", i);
  }
}

static void a_script_has_at_most_64_modules(void **state) {
  (void)state;
  static char text[8192];
  put_route("web", GOOD(1));
  requires(text, sizeof text, "#!lua\n", 0, 65);
  put("routes/web/healthcheck", text);
  expect_fault("web", "routes/web/healthcheck: requires more than 64 modules");
  assert_null(view("web").script.text);
  requires(text, sizeof text, "", 0, 65);
  put("lua/many", text);
  assert_true(has_node_fault("lua/many: requires more than 64 modules"));
  requires(text, sizeof text, "#!lua\n", 0, 64);
  put("routes/web/healthcheck", text);
  expect_no_fault("web");
  const size_t all = 10 * strlen("-m0 ") + 54 * strlen("-m10 ");
  assert_int_equal(strlen(modules_of(view("web").script)), all);
  assert_false(has_node_fault("lua: "));
  /* Modules of modules beyond that are left out, and that is told. */
  put("lua/m0", "return require 'm64', require 'm1'");
  assert_true(has_node_fault("lua: 1 script requires more than 64 modules, with those that these require"));
  assert_int_equal(strlen(modules_of(view("web").script)), all - strlen("-"));
  delete_key("lua/m0");
  assert_false(has_node_fault("lua: "));
}

static void a_list_sweeps_what_it_did_not_tell(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("routes/web/healthcheck", "#!lua\nreturn require 'a'");
  put("lua/a", "return require 'b'");
  put("lua/b", "return 1");
  (void)module_changes();
  bc_config_list_begin(helper->config);
  put("routes/web/config", GOOD(1));
  put("routes/web/healthcheck", "#!lua\nreturn require 'a'");
  put("lua/a", "return require 'b'");
  put("lua/c", "return 1");
  bc_config_list_abort(helper->config);
  assert_string_equal(module_changes(), "+c ");
  bc_config_list_begin(helper->config);
  put("routes/web/config", GOOD(1));
  put("routes/web/healthcheck", "#!lua\nreturn require 'a'");
  put("lua/a", "return require 'b'");
  bc_config_put_unreadable(helper->config, bc_str_of("lua/c"), "permission denied", helper->now);
  bc_config_list_end(helper->config, helper->now);
  assert_string_equal(module_changes(), "-b ");
  assert_string_equal(modules_of(view("web").script), "a -b ");
}

static void there_are_at_most_1000_modules(void **state) {
  (void)state;
  char key[32];
  for (int i = 0; i <= BC_LIMIT_LUA_MODULES_ALL; i++) {
    (void)snprintf(key, sizeof key, "lua/m%d", i);
    put(key, "return 1");
  }
  assert_int_equal(bc_config_counts(helper->config).modules, BC_LIMIT_LUA_MODULES_ALL);
  assert_string_equal(node_fault(0), "lua: more than 1000 modules: lua/m1000 is ignored");
  /* A list may replace all of them. */
  bc_config_list_begin(helper->config);
  for (int i = 0; i < BC_LIMIT_LUA_MODULES_ALL; i++) {
    (void)snprintf(key, sizeof key, "lua/n%d", i);
    put(key, "return 1");
  }
  bc_config_list_end(helper->config, helper->now);
  assert_null(node_fault(0));
  assert_int_equal(bc_config_counts(helper->config).modules, BC_LIMIT_LUA_MODULES_ALL);
}

static void names_that_are_none_are_told(void **state) {
  (void)state;
  put("lua/-a", "return 1");
  put("lua/a/b", "return 1");
  assert_string_equal(node_fault(0), "lua/-a: not a module name (letters, digits, '.', '_', '-'; at most 128): it is "
                                     "ignored");
  assert_non_null(node_fault(1));
  assert_int_equal(bc_config_route_keys(helper->config), 0);
}

static void modules_are_saved(void **state) {
  (void)state;
  put_route("web", GOOD(1));
  put("routes/web/healthcheck", "#!lua\nreturn require 'a'");
  put("lua/a", "return 1");
  put("lua/a", "");
  uint64_t hash = view("web").script.hash;
  restart();
  struct bc_config_module module;
  assert_true(bc_config_find_module(helper->config, "a", &module) && bc_str_is(module.text, "return 1"));
  assert_true(view("web").script.hash == hash);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CONFIG_TEST(a_module_is_kept_byte_for_byte),
      CONFIG_TEST(a_script_has_its_modules_by_name_also_those_of_modules),
      CONFIG_TEST(only_lua_scripts_have_modules),
      CONFIG_TEST(a_changed_module_changes_those_that_use_it_and_no_others),
      CONFIG_TEST(one_that_comes_or_goes_is_a_change),
      CONFIG_TEST(the_hash_knows_which_module_has_which_text),
      CONFIG_TEST(modules_in_a_circle_are_all_found),
      CONFIG_TEST(a_script_that_goes_takes_what_only_it_wanted),
      CONFIG_TEST(a_faulty_module_keeps_the_good_one),
      CONFIG_TEST(a_script_has_at_most_64_modules),
      CONFIG_TEST(a_list_sweeps_what_it_did_not_tell),
      CONFIG_TEST(there_are_at_most_1000_modules),
      CONFIG_TEST(names_that_are_none_are_told),
      CONFIG_TEST(modules_are_saved),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
