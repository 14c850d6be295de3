#include "io/etcd_common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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
    bc_etcd_names_init(&names, prefixes[i], "n1");
    assert_string_equal(names.ranges[BC_ETCD_RANGE_NODE], "/bgp/node/n1/");
    assert_string_equal(names.ranges[BC_ETCD_RANGE_ROUTES], "/bgp/routes/");
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
  bc_etcd_names_init(&names, "/bgp", "n1");
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    assert_true(bc_etcd_names_is_own(&names, bc_str_of(own[i])));
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(bc_etcd_names_is_own(&names, bc_str_of(others[i])));
  }
  bc_etcd_names_fini(&names);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_watch_lives_longer_than_etcd_takes_to_tell_progress),
                                     cmocka_unit_test(names_are_below_the_prefix_however_it_ends),
                                     cmocka_unit_test(own_keys_are_those_that_the_daemon_writes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
