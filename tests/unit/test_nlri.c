#include "model/nlri.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct text_case {
  enum bc_family family;
  const char *prefix;
  const char *path_id;
  const char *rd;
  enum bc_err err;
  const char *printed;
};

static void test_nlri_texts_of_exabgp_are_read_and_printed(void **state) {
  (void)state;
  static const struct text_case cases[] = {
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "", "", BC_ERR_OK, "10.0.0.0/24"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.1", "", "", BC_ERR_OK, "10.0.0.1/32"},
      {BC_FAMILY_IPV4_UNICAST, "0.0.0.0/0", "", "", BC_ERR_OK, "0.0.0.0/0"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "1.2.3.4", "", BC_ERR_OK, "10.0.0.0/24 path-information 1.2.3.4"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "7", "", BC_ERR_OK, "10.0.0.0/24 path-information 0.0.0.7"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "0.0.0.0", "", BC_ERR_OK, "10.0.0.0/24"},
      {BC_FAMILY_IPV4_MULTICAST, "10.0.0.0/24", "", "", BC_ERR_OK, "10.0.0.0/24"},
      {BC_FAMILY_IPV6_UNICAST, "2001:DB8:0::/48", "", "", BC_ERR_OK, "2001:db8::/48"},
      {BC_FAMILY_IPV6_UNICAST, "::/0", "", "", BC_ERR_OK, "::/0"},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "65000:1", BC_ERR_OK, "10.0.0.0/24 rd 65000:1"},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "65535:4294967295", BC_ERR_OK, "10.0.0.0/24 rd 65535:4294967295"},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "65536:65535", BC_ERR_OK, "10.0.0.0/24 rd 65536:65535"},
      {BC_FAMILY_IPV6_MPLS_VPN, "2001:db8::/32", "1", "10.0.0.1:5", BC_ERR_OK,
       "2001:db8::/32 rd 10.0.0.1:5 path-information 0.0.0.1"},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.1/24", "", "", BC_ERR_RANGE, NULL},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/33", "", "", BC_ERR_RANGE, NULL},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/", "", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0/24", "", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_UNICAST, "010.0.0.0/24", "", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_UNICAST, "", "", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_UNICAST, "2001:db8::/32", "", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV6_UNICAST, "10.0.0.0/24", "", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "x", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "4294967296", "", BC_ERR_RANGE, NULL},
      {BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "", "1:1", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "", BC_ERR_SYNTAX, NULL},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "65536:65536", BC_ERR_RANGE, NULL},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "65535:4294967296", BC_ERR_RANGE, NULL},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "10.0.0.1:65536", BC_ERR_RANGE, NULL},
      {BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "foo", BC_ERR_SYNTAX, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_nlri nlri;
    enum bc_err err = bc_nlri_from_text(cases[i].family, bc_str_of(cases[i].prefix), bc_str_of(cases[i].path_id),
                                        bc_str_of(cases[i].rd), &nlri);
    if (err != cases[i].err) {
      fail_msg("%s: %s", cases[i].prefix, bc_err_name(err));
    }
    if (err == BC_ERR_OK) {
      struct bc_buf text;
      bc_buf_init(&text, 256);
      bc_nlri_print(&nlri, &text);
      assert_string_equal(text.data, cases[i].printed);
      assert_int_equal(nlri.family, cases[i].family);
      bc_buf_free(&text);
    }
  }
}

static struct bc_nlri nlri_of(enum bc_family family, const char *prefix, const char *path_id, const char *rd) {
  struct bc_nlri nlri;
  assert_int_equal(bc_nlri_from_text(family, bc_str_of(prefix), bc_str_of(path_id), bc_str_of(rd), &nlri), BC_ERR_OK);
  return nlri;
}

static void test_nlri_order_tells_apart_all_that_is_identity(void **state) {
  (void)state;
  const struct bc_nlri in_order[] = {
      nlri_of(BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "", ""),
      nlri_of(BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "1", ""),
      nlri_of(BC_FAMILY_IPV4_UNICAST, "10.0.0.0/24", "2", ""),
      nlri_of(BC_FAMILY_IPV4_UNICAST, "10.0.0.0/25", "", ""),
      nlri_of(BC_FAMILY_IPV4_UNICAST, "10.0.1.0/24", "", ""),
      nlri_of(BC_FAMILY_IPV4_MULTICAST, "10.0.0.0/24", "", ""),
      nlri_of(BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "1:1"),
      nlri_of(BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "5", "1:1"),
      nlri_of(BC_FAMILY_IPV4_MPLS_VPN, "10.0.0.0/24", "", "1:2"),
      nlri_of(BC_FAMILY_IPV6_UNICAST, "2001:db8::/32", "", ""),
  };
  size_t count = sizeof in_order / sizeof in_order[0];
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < count; j++) {
      int order = bc_nlri_compare(&in_order[i], &in_order[j]);
      assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
    }
  }
}

static void test_nlri_family_texts_are_exabgps(void **state) {
  (void)state;
  for (unsigned i = 0; i < BC_FAMILY_COUNT; i++) {
    enum bc_family family;
    assert_int_equal(bc_family_parse(bc_str_of(bc_family_text((enum bc_family)i)), &family), BC_ERR_OK);
    assert_int_equal(family, i);
  }
  enum bc_family family;
  assert_int_equal(bc_family_parse(bc_str_of("ipv4 mup"), &family), BC_ERR_NOT_FOUND);
  assert_true(sizeof(struct bc_nlri) <= 32); /* held by the hundred thousand */
  assert_false(bc_family_is_ipv6(BC_FAMILY_IPV4_MPLS_VPN));
  assert_true(bc_family_is_ipv6(BC_FAMILY_IPV6_UNICAST));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nlri_texts_of_exabgp_are_read_and_printed),
      cmocka_unit_test(test_nlri_order_tells_apart_all_that_is_identity),
      cmocka_unit_test(test_nlri_family_texts_are_exabgps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
