#include "io/etcd_common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* etcd tells a quiet watch where it stands once in ten minutes. One that ends before it was told would begin anew at
 * its old revision, which may be compacted by then. */
static void a_watch_lives_longer_than_etcd_takes_to_tell_progress(void **state) {
  enum { PROGRESS_MS = 600000 };
  (void)state;
  assert_true(bc_etcd_tuning_default.life_least_ms > PROGRESS_MS);
  assert_true(bc_etcd_tuning_default.life_most_ms > bc_etcd_tuning_default.life_least_ms);
}

static void names_are_below_the_prefix_however_it_ends(void **state) {
  (void)state;
  static const char *const prefixes[] = {"/bgp", "/bgp/", "/bgp//"};
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
    struct bc_etcd_names names;
    bc_etcd_names_init(&names, BC_STORE_TYPE_ETCD_V3, prefixes[i], "n1");
    assert_string_equal(names.ranges[BC_ETCD_RANGE_NODE].from, "/bgp/node/n1/");
    assert_string_equal(names.ranges[BC_ETCD_RANGE_NODE].to, "/bgp/node/n10");
    assert_string_equal(names.routes, "/bgp/routes/");
    assert_true(bc_str_is(bc_etcd_names_relative(&names, bc_str_of("/bgp/routes/a/config")), "routes/a/config"));
    assert_null(bc_etcd_names_relative(&names, bc_str_of("/bgp2/routes/a/config")).at);
    bc_etcd_names_fini(&names);
  }
}

static void own_keys_are_those_that_the_daemon_writes(void **state) {
  (void)state;
  static const char *const own[] = {"node/n1/status", "node/n1/routes/a/state", "node/n1/neighbors/10.0.0.1/state"};
  static const char *const others[] = {"node/n1/adminState", "node/n1/status2", "node/n2/status", "routes/a/config"};
  struct bc_etcd_names names;
  bc_etcd_names_init(&names, BC_STORE_TYPE_ETCD_V2, "/bgp", "n1");
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    assert_true(bc_etcd_names_is_own(&names, bc_str_of(own[i])));
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(bc_etcd_names_is_own(&names, bc_str_of(others[i])));
  }
  bc_etcd_names_fini(&names);
}

static bool is_in_a_range(const struct bc_etcd_names *names, bool is_v2, const char *key) {
  size_t found = 0;
  for (size_t i = 0; i < names->range_count; i++) {
    struct bc_str text = bc_str_of(key);
    struct bc_str from = bc_str_of(names->ranges[i].from);
    bool is_below =
        bc_str_starts(text, names->ranges[i].from) && (from.at[from.len - 1] == '/' || text.len == from.len);
    bool is_between = bc_str_compare(text, from) >= 0 && bc_str_compare(text, bc_str_of(names->ranges[i].to)) < 0;
    found += (is_v2 ? is_below : is_between) ? 1 : 0;
  }
  assert_in_range(found, 0, 1);
  return found == 1;
}

/* What has a meaning is in just one of the ranges, what others keep there is not told. */
static void each_key_with_a_meaning_is_in_one_range(void **state) {
  (void)state;
  static const char *const told[] = {"admission", "policy", "routes/a/config", "routes/a/policy", "checks/c/script",
                                     "data/d",    "lua/m",  "node/n1/policy",  "node/n1/labels",  "node/n1/status"};
  static const char *const others[] = {"admissions", "policies/a", "policy/a", "q",
                                       "route",      "run/a",      "checks",   "zones/a"};
  static const enum bc_store_type types[] = {BC_STORE_TYPE_ETCD_V3, BC_STORE_TYPE_ETCD_V2};
  for (size_t type = 0; type < 2; type++) {
    struct bc_etcd_names names;
    bc_etcd_names_init(&names, types[type], "", "n1");
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
      char key[64];
      (void)snprintf(key, sizeof key, "/%s", told[i]);
      assert_true(is_in_a_range(&names, types[type] == BC_STORE_TYPE_ETCD_V2, key));
      assert_true(bc_etcd_names_is_told(bc_str_of(told[i])));
    }
    assert_false(is_in_a_range(&names, types[type] == BC_STORE_TYPE_ETCD_V2, "/node/n10/policy"));
    assert_false(is_in_a_range(&names, types[type] == BC_STORE_TYPE_ETCD_V2, "/run/a"));
    bc_etcd_names_fini(&names);
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(bc_etcd_names_is_told(bc_str_of(others[i])));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_watch_lives_longer_than_etcd_takes_to_tell_progress),
                                     cmocka_unit_test(names_are_below_the_prefix_however_it_ends),
                                     cmocka_unit_test(own_keys_are_those_that_the_daemon_writes),
                                     cmocka_unit_test(each_key_with_a_meaning_is_in_one_range)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
