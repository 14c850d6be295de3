/* Names in a directory store, and its endpoint. */
#include "proto/dir_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_are_routes_ignored_or_bad(void **state) {
  (void)state;
  static const struct {
    const char *name;
    enum bc_dir_name is;
  } cases[] = {
      {"web", BC_DIR_NAME_ROUTE},       {"9", BC_DIR_NAME_ROUTE},      {"A.b_c-d", BC_DIR_NAME_ROUTE},
      {"4913", BC_DIR_NAME_ROUTE},      {".", BC_DIR_NAME_IGNORED},    {"..", BC_DIR_NAME_IGNORED},
      {"..data", BC_DIR_NAME_IGNORED},  {".git", BC_DIR_NAME_IGNORED}, {".web.swp", BC_DIR_NAME_IGNORED},
      {"", BC_DIR_NAME_IGNORED},        {"web~", BC_DIR_NAME_BAD},     {"#web#", BC_DIR_NAME_BAD},
      {"-web", BC_DIR_NAME_BAD},        {"_web", BC_DIR_NAME_BAD},     {"two words", BC_DIR_NAME_BAD},
      {"line\nbreak", BC_DIR_NAME_BAD}, {"a/b", BC_DIR_NAME_BAD},      {"\xc3\xa4", BC_DIR_NAME_BAD},
      {"lost+found", BC_DIR_NAME_BAD},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(bc_dir_name_judge(bc_str_of(cases[i].name)), cases[i].is);
  }
  char longest[BC_LIMIT_NAME_BYTES + 1];
  memset(longest, 'a', sizeof longest);
  assert_int_equal(bc_dir_name_judge((struct bc_str){longest, sizeof longest - 1}), BC_DIR_NAME_ROUTE);
  assert_int_equal(bc_dir_name_judge((struct bc_str){longest, sizeof longest}), BC_DIR_NAME_BAD);
  assert_int_equal(bc_dir_name_judge((struct bc_str){"we\0b", 4}), BC_DIR_NAME_BAD);
}

static void leaves_have_the_limits_of_their_keys(void **state) {
  (void)state;
  assert_int_equal(BC_DIR_ROUTE_LEAVES, 5);
  assert_int_equal(BC_DIR_NODE_LEAVES, 4);
  assert_int_equal(BC_DIR_ROOT_LEAVES, 2);
  assert_string_equal(bc_dir_leaf_name(BC_DIR_LEAF_CONFIG), "config");
  assert_string_equal(bc_dir_leaf_name(BC_DIR_LEAF_ADMIN), "adminState");
  assert_int_equal(bc_dir_leaf_bytes(BC_DIR_LEAF_HEALTHCHECK), BC_LIMIT_SCRIPT_BYTES);
  assert_int_equal(bc_dir_leaf_bytes(BC_DIR_LEAF_SUBSCRIPTION), BC_LIMIT_SUBSCRIPTION_BYTES);
}

static void only_our_own_files_are_ever_written(void **state) {
  (void)state;
  static const char *const good[] = {"status", "routes/web/state", "neighbors/10.0.0.1/peerAs",
                                     "neighbors/2001:db8::1/reason", "neighbors/fe80::1%eth0/state"};
  static const char *const bad[] = {
      "",
      "adminState",
      "subscribedRoutes",
      "status/",
      "status/x",
      "routes/web/config",
      "routes/web",
      "routes/web/state/",
      "routes/web/state/x",
      "routes/../state",
      "routes/.web/state",
      "routes//state",
      "neighbors/../state",
      "neighbors/./state",
      "neighbors//state",
      "neighbors/10.0.0.1/../state",
      "neighbors/10.0.0.1/other",
      "neighbors/a\nb/state",
      "/status",
      "other/web/state",
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(bc_dir_own_is_valid(bc_str_of(good[i])));
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (bc_dir_own_is_valid(bc_str_of(bad[i]))) {
      fail_msg("%s would be written", bad[i]);
    }
  }
}

static const char *parsed(const char *endpoints) {
  static char text[8192];
  struct bc_buf path;
  struct bc_fault fault = {0};
  bc_buf_init(&path, 4096);
  enum bc_err err = bc_dir_endpoint_parse(bc_str_of(endpoints), &path, &fault);
  (void)snprintf(text, sizeof text, "%s", err == BC_ERR_OK ? path.data : fault.text);
  assert_true(err == BC_ERR_OK || fault.text[0] != '\0');
  bc_buf_free(&path);
  return text;
}

static void an_endpoint_is_one_absolute_path(void **state) {
  (void)state;
  assert_string_equal(parsed("file:///srv/bgp"), "/srv/bgp");
  assert_string_equal(parsed(" file:///srv/bgp// "), "/srv/bgp");
  assert_string_equal(parsed("file:///a b/#?"), "/a b/#?");
  static const char *const bad[] = {"file:///a,file:///b",
                                    "file:///a,http://h:1",
                                    "file://host/a",
                                    "file:/a",
                                    "file:a",
                                    "file://",
                                    "file:///",
                                    "file:////",
                                    "file:///a%20b",
                                    "file:///a\nb",
                                    "file:///\xc3\xa4"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_not_equal(parsed(bad[i])[0], '/');
  }
}

static void an_endpoint_is_told_from_those_of_etcd(void **state) {
  (void)state;
  assert_true(bc_dir_endpoint_is(bc_str_of("file:///a")));
  assert_true(bc_dir_endpoint_is(bc_str_of("http://h:1, file:///a")));
  assert_true(bc_dir_endpoint_is(bc_str_of("file:a")));
  assert_false(bc_dir_endpoint_is(bc_str_of("http://h:1,https://file:2379")));
  assert_false(bc_dir_endpoint_is(bc_str_of("")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_routes_ignored_or_bad),        cmocka_unit_test(leaves_have_the_limits_of_their_keys),
      cmocka_unit_test(only_our_own_files_are_ever_written),    cmocka_unit_test(an_endpoint_is_one_absolute_path),
      cmocka_unit_test(an_endpoint_is_told_from_those_of_etcd),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
