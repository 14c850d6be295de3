/* Which routes can have which mode of `address`. */
#include "model/service_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* NULL: it is fine. */
static const char *why_not(const char *text, enum bc_address_mode mode) {
  static struct bc_fault fault;
  struct bc_intern *intern = bc_intern_new();
  struct bc_route route = {0};
  if (bc_route_parse(intern, bc_str_of(text), &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", text, fault.text);
  }
  enum bc_err err = bc_service_address_check(&route, mode, &fault);
  bc_route_release(intern, &route);
  bc_intern_free(intern);
  return err == BC_ERR_OK ? NULL : fault.text;
}

static void what_has_no_prefix_can_only_ignore(void **state) {
  (void)state;
  static const char *const texts[] = {
      "flow route { match { destination 10.0.0.1/32; } then { discard; } }",
      "vpls rd 1:1 endpoint 5 base 1 offset 1 size 8 next-hop 192.0.2.1",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_null(why_not(texts[i], BC_ADDRESS_IGNORE));
    assert_non_null(strstr(why_not(texts[i], BC_ADDRESS_REQUIRE), "address: expected \"ignore\""));
    assert_non_null(strstr(why_not(texts[i], BC_ADDRESS_MANAGE), "address: expected \"ignore\""));
  }
}

static void each_prefix_of_a_list_must_be_a_host_route_to_be_managed(void **state) {
  (void)state;
  static const char hosts[] = "attributes next-hop self nlri 192.0.2.1/32 192.0.2.2/32";
  static const char mixed[] = "attributes next-hop self nlri 192.0.2.1/32 192.0.2.4/31";
  assert_null(why_not(hosts, BC_ADDRESS_MANAGE));
  assert_null(why_not(mixed, BC_ADDRESS_REQUIRE));
  assert_non_null(strstr(why_not(mixed, BC_ADDRESS_MANAGE), "found 192.0.2.4/31"));
}

static void every_prefix_can_be_required(void **state) {
  (void)state;
  assert_null(why_not("route 0.0.0.0/0 next-hop self", BC_ADDRESS_REQUIRE));
  assert_null(why_not("route 127.0.0.1/32 next-hop self", BC_ADDRESS_REQUIRE));
  assert_null(why_not("route 2001:db8::/32 next-hop 2001:db8::1", BC_ADDRESS_REQUIRE));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_has_no_prefix_can_only_ignore),
      cmocka_unit_test(each_prefix_of_a_list_must_be_a_host_route_to_be_managed),
      cmocka_unit_test(every_prefix_can_be_required),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
