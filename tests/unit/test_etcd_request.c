#include "proto/etcd_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct bc_buf buf;

static int setup(void **state) {
  (void)state;
  bc_buf_init(&buf, 4096);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_buf_free(&buf);
  return 0;
}

static void a_prefix_ends_where_its_last_byte_is_one_higher(void **state) {
  (void)state;
  bc_etcd_request_prefix_end(&buf, bc_str_of("/c/"));
  assert_string_equal(buf.data, "/c0");
  bc_buf_clear(&buf);
  bc_etcd_request_prefix_end(&buf, bc_str_of("a\xff\xff"));
  assert_string_equal(buf.data, "b");
  bc_buf_clear(&buf);
  bc_etcd_request_prefix_end(&buf, bc_str_of("\xff"));
  assert_int_equal(buf.len, 1);
  assert_int_equal(buf.data[0], 0);
}

static void a_range_names_only_what_is_set_and_never_serializable(void **state) {
  (void)state;
  bc_etcd_request_range(&buf, &(struct bc_etcd_range){.key = bc_str_of("/c/"), .range_end = bc_str_of("/c0")});
  assert_string_equal(buf.data, "{\"key\":\"L2Mv\",\"range_end\":\"L2Mw\"}");
  bc_buf_clear(&buf);
  bc_etcd_request_range(
      &buf, &(struct bc_etcd_range){
                .key = bc_str_of("/c/"), .range_end = bc_str_of("/c0"), .revision = UINT64_MAX, .limit = 10000});
  assert_string_equal(
      buf.data, "{\"key\":\"L2Mv\",\"range_end\":\"L2Mw\",\"revision\":\"18446744073709551615\",\"limit\":\"10000\"}");
  bc_buf_clear(&buf);
  bc_etcd_request_range(&buf, &(struct bc_etcd_range){.key = bc_str_of("/c/a"), .count_only = true});
  assert_string_equal(buf.data, "{\"key\":\"L2MvYQ==\",\"count_only\":true}");
}

static void a_watch_asks_for_fragments_and_progress(void **state) {
  (void)state;
  bc_etcd_request_watch(&buf, bc_str_of("/w/"), bc_str_of("/w0"), 29);
  assert_string_equal(buf.data,
                      "{\"create_request\":{\"key\":\"L3cv\",\"range_end\":\"L3cw\",\"start_revision\":\"29\","
                      "\"progress_notify\":true,\"fragment\":true}}");
}

static void a_txn_separates_its_operations(void **state) {
  (void)state;
  bc_etcd_request_txn_begin(&buf);
  bc_etcd_request_txn_put(&buf, bc_str_of("a"), bc_str_of("1"), 777);
  bc_etcd_request_txn_delete(&buf, bc_str_of("b"));
  bc_etcd_request_txn_put(&buf, bc_str_of("c"), bc_str_of(""), 0);
  bc_etcd_request_txn_end(&buf);
  assert_string_equal(buf.data,
                      "{\"success\":[{\"request_put\":{\"key\":\"YQ==\",\"value\":\"MQ==\",\"lease\":\"777\"}},"
                      "{\"request_delete_range\":{\"key\":\"Yg==\"}},"
                      "{\"request_put\":{\"key\":\"Yw==\",\"value\":\"\"}}]}");
}

static void a_txn_may_have_conditions(void **state) {
  (void)state;
  bc_etcd_request_txn_if(&buf);
  bc_etcd_request_txn_unchanged(&buf, bc_str_of("a"), 12);
  bc_etcd_request_txn_unchanged(&buf, bc_str_of("b"), 0);
  bc_etcd_request_txn_then(&buf);
  bc_etcd_request_txn_put(&buf, bc_str_of("a"), bc_str_of("1"), 0);
  bc_etcd_request_txn_end(&buf);
  assert_string_equal(
      buf.data, "{\"compare\":[{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"YQ==\",\"mod_revision\":\"12\"},"
                "{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"Yg==\",\"mod_revision\":\"0\"}],"
                "\"success\":[{\"request_put\":{\"key\":\"YQ==\",\"value\":\"MQ==\"}}]}");
}

static void leases_have_their_bodies(void **state) {
  (void)state;
  bc_etcd_request_lease_grant(&buf, 60);
  bc_etcd_request_lease(&buf, 7587862094972945410U);
  assert_string_equal(buf.data, "{\"TTL\":\"60\"}{\"ID\":\"7587862094972945410\"}");
}

static void a_password_is_escaped_and_must_be_utf8(void **state) {
  (void)state;
  assert_int_equal(bc_etcd_request_authenticate(&buf, bc_str_of("u"), bc_str_of("a\"b\\c")), BC_ERR_OK);
  assert_string_equal(buf.data, "{\"name\":\"u\",\"password\":\"a\\\"b\\\\c\"}");
  assert_int_equal(bc_etcd_request_authenticate(&buf, bc_str_of("u"), bc_str_of("\xff")), BC_ERR_SYNTAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_prefix_ends_where_its_last_byte_is_one_higher, setup, teardown),
      cmocka_unit_test_setup_teardown(a_range_names_only_what_is_set_and_never_serializable, setup, teardown),
      cmocka_unit_test_setup_teardown(a_watch_asks_for_fragments_and_progress, setup, teardown),
      cmocka_unit_test_setup_teardown(a_txn_separates_its_operations, setup, teardown),
      cmocka_unit_test_setup_teardown(a_txn_may_have_conditions, setup, teardown),
      cmocka_unit_test_setup_teardown(leases_have_their_bodies, setup, teardown),
      cmocka_unit_test_setup_teardown(a_password_is_escaped_and_must_be_utf8, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
