#include "io/etcd2_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct bc_etcd2_keys *keys;

static int setup(void **state) {
  (void)state;
  keys = bc_etcd2_keys_new();
  static const char *const names[] = {"/bgp/routes/a/config", "/bgp/routes/a/options", "/bgp/routes/a-b/config",
                                      "/bgp/routes/b/config", "/bgp/routesx/a",        "/bgp/routes"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    bc_etcd2_keys_put(keys, bc_str_of(names[i]), 5 + i);
  }
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_etcd2_keys_free(keys);
  return 0;
}

static void take(const char *directory, uint64_t revision, const char *wanted) {
  char *key = bc_etcd2_keys_take_below(keys, bc_str_of(directory), revision);
  if (wanted == NULL) {
    assert_null(key);
  } else {
    assert_non_null(key);
    assert_string_equal(key, wanted);
  }
  free(key);
}

static void what_is_below_goes_once_and_in_order(void **state) {
  (void)state;
  take("/bgp/routes/a", 100, "/bgp/routes/a/config");
  take("/bgp/routes/a", 100, "/bgp/routes/a/options");
  take("/bgp/routes/a", 100, NULL);
  take("/bgp/routes", 100, "/bgp/routes/a-b/config");
  take("/bgp/routes", 100, "/bgp/routes/b/config");
  take("/bgp/routes", 100, NULL);
  take("/bgp/none", 100, NULL);
  take("", 100, "/bgp/routes");
  take("", 100, "/bgp/routesx/a");
  take("", 100, NULL);
}

/* The two ranges are watched apart: one may tell of a parent's deletion later than the other tells of what came after.
 */
static void what_came_after_the_deletion_stays(void **state) {
  (void)state;
  bc_etcd2_keys_put(keys, bc_str_of("/bgp/routes/a/config"), 20);
  take("/bgp/routes/a", 15, "/bgp/routes/a/options");
  take("/bgp/routes/a", 15, NULL);
  take("/bgp/routes/a", 21, "/bgp/routes/a/config");
}

static void a_key_is_removed_once(void **state) {
  (void)state;
  assert_true(bc_etcd2_keys_remove(keys, bc_str_of("/bgp/routes/b/config")));
  assert_false(bc_etcd2_keys_remove(keys, bc_str_of("/bgp/routes/b/config")));
  assert_false(bc_etcd2_keys_remove(keys, bc_str_of("/bgp/routes/b")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_below_goes_once_and_in_order, setup, teardown),
      cmocka_unit_test_setup_teardown(what_came_after_the_deletion_stays, setup, teardown),
      cmocka_unit_test_setup_teardown(a_key_is_removed_once, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
