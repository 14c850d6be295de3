#include "proto/etcd2_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct bc_buf to;

static int setup(void **state) {
  (void)state;
  bc_buf_init(&to, 65536);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_buf_free(&to);
  return 0;
}

static void paths_keep_slashes_and_encode_the_rest(void **state) {
  (void)state;
  bc_etcd2_request_key(&to, bc_str_of("/bgp/node/n1/neighbors/2001:db8::1%eth0/a b?c#d&\xc3\xa9"));
  assert_string_equal(to.data, "/v2/keys/bgp/node/n1/neighbors/2001%3Adb8%3A%3A1%25eth0/a%20b%3Fc%23d%26%C3%A9");
  bc_buf_clear(&to);
  bc_etcd2_request_key(&to, bc_str_of("/bgp/routes/"));
  assert_string_equal(to.data, "/v2/keys/bgp/routes");
  bc_buf_clear(&to);
  bc_etcd2_request_key(&to, bc_str_of("/"));
  assert_string_equal(to.data, "/v2/keys");
  bc_buf_clear(&to);
  bc_etcd2_request_key(&to, (struct bc_str){.at = "/a\0b", .len = 4});
  assert_string_equal(to.data, "/v2/keys/a%00b");
}

static void reads_are_agreed_to_by_the_cluster(void **state) {
  (void)state;
  bc_etcd2_request_get(&to, bc_str_of("/bgp/routes/"), true);
  assert_string_equal(to.data, "/v2/keys/bgp/routes?quorum=true&recursive=true");
  bc_buf_clear(&to);
  bc_etcd2_request_get(&to, bc_str_of("/bgp/routes"), false);
  assert_string_equal(to.data, "/v2/keys/bgp/routes?quorum=true");
}

static void a_wait_names_its_index_and_is_no_stream(void **state) {
  (void)state;
  bc_etcd2_request_wait(&to, bc_str_of("/bgp/routes/"), 18446744073709551615U);
  assert_string_equal(to.data, "/v2/keys/bgp/routes?wait=true&recursive=true&waitIndex=18446744073709551615");
}

static void forms_hold_what_is_set_and_no_more(void **state) {
  (void)state;
  static const struct {
    struct bc_etcd2_put put;
    const char *form;
  } cases[] = {
      {{.value = {.at = "a&b=c+d% \n\xff", .len = 11}}, "value=a%26b%3Dc%2Bd%25%20%0A%FF"},
      {{.value = {.at = "", .len = 0}}, "value="},
      {{.value = {.at = "up", .len = 2}, .ttl_s = 60}, "ttl=60&value=up"},
      {{.is_directory = true, .ttl_s = 60}, "dir=true&ttl=60"},
      {{.is_directory = true, .ttl_s = 60, .only_refresh = true}, "refresh=true&prevExist=true&dir=true&ttl=60"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bc_buf_clear(&to);
    bc_etcd2_request_put(&to, &cases[i].put);
    assert_string_equal(to.data, cases[i].form);
  }
}

static void a_write_may_have_a_condition(void **state) {
  (void)state;
  bc_etcd2_request_key_if(&to, bc_str_of("/bgp/a b"), 12);
  assert_string_equal(to.data, "/v2/keys/bgp/a%20b?prevIndex=12");
  bc_buf_clear(&to);
  bc_etcd2_request_key_if(&to, bc_str_of("/bgp/a"), 0);
  assert_string_equal(to.data, "/v2/keys/bgp/a?prevExist=false");
  bc_buf_clear(&to);
  bc_etcd2_request_empty_dir(&to, bc_str_of("/bgp/routes/a/"));
  assert_string_equal(to.data, "/v2/keys/bgp/routes/a?dir=true");
}

static void values_of_v2_are_texts(void **state) {
  (void)state;
  assert_true(bc_etcd2_request_can_hold(bc_str_of("\xc3\xa9\n")));
  assert_true(bc_etcd2_request_can_hold((struct bc_str){0}));
  assert_false(bc_etcd2_request_can_hold(bc_str_of("\xff")));
  assert_false(bc_etcd2_request_can_hold((struct bc_str){"a\0b", 3}));
}

static void a_password_may_hold_colons(void **state) {
  (void)state;
  bc_etcd2_request_authorization(&to, bc_str_of("root"), bc_str_of("a:b"));
  assert_string_equal(to.data, "Authorization: Basic cm9vdDphOmI=");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(paths_keep_slashes_and_encode_the_rest, setup, teardown),
      cmocka_unit_test_setup_teardown(reads_are_agreed_to_by_the_cluster, setup, teardown),
      cmocka_unit_test_setup_teardown(a_wait_names_its_index_and_is_no_stream, setup, teardown),
      cmocka_unit_test_setup_teardown(forms_hold_what_is_set_and_no_more, setup, teardown),
      cmocka_unit_test_setup_teardown(a_write_may_have_a_condition, setup, teardown),
      cmocka_unit_test_setup_teardown(values_of_v2_are_texts, setup, teardown),
      cmocka_unit_test_setup_teardown(a_password_may_hold_colons, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
