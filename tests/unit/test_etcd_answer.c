#include "proto/etcd_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char seen[1024];

static void note(void *arg, const struct bc_etcd_kv *kv) {
  (void)arg;
  size_t len = strlen(seen);
  (void)snprintf(seen + len, sizeof seen - len, "%s" BC_STR_FMT "=" BC_STR_FMT "@%d lease %d;", kv->deleted ? "-" : "",
                 BC_STR_ARG(kv->key), BC_STR_ARG(kv->value), (int)kv->mod_revision, (int)kv->lease);
}

static int setup(void **state) {
  (void)state;
  seen[0] = '\0';
  return 0;
}

#define HEADER                                                                                                         \
  "\"header\":{\"cluster_id\":\"15118495548433857066\",\"member_id\":\"13668033151171901709\",\"revision\":\"22\","    \
  "\"raft_term\":\"2\"}"

static void a_range_gives_its_keys_and_where_it_stands(void **state) {
  (void)state;
  struct bc_etcd_range_answer answer;
  assert_int_equal(
      bc_etcd_answer_range(bc_str_of("{" HEADER ",\"kvs\":[{\"key\":\"L2MvYQ==\",\"create_revision\":\"4\","
                                     "\"mod_revision\":\"5\",\"version\":\"2\",\"value\":\"djI=\",\"lease\":\"777\"},"
                                     "{\"key\":\"L2MvYg==\",\"mod_revision\":\"6\"}],\"more\":true,\"count\":\"3\"}"),
                           &answer, note, NULL, NULL),
      BC_ERR_OK);
  assert_string_equal(seen, "/c/a=v2@5 lease 777;/c/b=@6 lease 0;");
  assert_true(answer.header.cluster_id == 15118495548433857066U);
  assert_int_equal(answer.header.revision, 22);
  assert_int_equal(answer.count, 3);
  assert_true(answer.more);
}

static void a_negative_lease_is_somebody_elses_and_no_fault(void **state) {
  (void)state;
  struct bc_etcd_range_answer answer;
  assert_int_equal(bc_etcd_answer_range(
                       bc_str_of("{" HEADER ",\"kvs\":[{\"key\":\"L2MvYQ==\",\"mod_revision\":\"5\",\"lease\":\"-7\"},"
                                 "{\"key\":\"L2MvYg==\",\"mod_revision\":\"6\",\"lease\":-8}]}"),
                       &answer, note, NULL, NULL),
                   BC_ERR_OK);
  /* As int: UINT64_MAX, which no grant of ours gives. */
  assert_string_equal(seen, "/c/a=@5 lease -1;/c/b=@6 lease -1;");
}

static void an_empty_range_is_only_a_header(void **state) {
  (void)state;
  struct bc_etcd_range_answer answer;
  assert_int_equal(bc_etcd_answer_range(bc_str_of("{" HEADER "}"), &answer, note, NULL, NULL), BC_ERR_OK);
  assert_int_equal(answer.count, 0);
  assert_false(answer.more);
  assert_string_equal(seen, "");
}

static void a_broken_range_is_an_error(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "[]",
      "{",
      "{}",
      "{" HEADER ",\"count\":\"x\"}",
      "{" HEADER ",\"count\":-1}",
      "{" HEADER ",\"kvs\":{}}",
      "{" HEADER ",\"kvs\":[1]}",
      "{" HEADER ",\"kvs\":[{\"key\":\"L2MvYQ\",\"mod_revision\":\"5\"}]}",
      "{" HEADER ",\"kvs\":[{\"key\":\"L2MvYQ==\"}]}",
      "{" HEADER ",\"kvs\":[{\"mod_revision\":\"5\"}]}",
      "{" HEADER ",\"kvs\":[{\"key\":7,\"mod_revision\":\"5\"}]}",
      "{\"header\":{\"revision\":\"18446744073709551616\"}}",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct bc_etcd_range_answer answer;
    struct bc_fault fault = {.column = 0};
    assert_int_equal(bc_etcd_answer_range(bc_str_of(bad[i]), &answer, note, NULL, &fault), BC_ERR_PROTOCOL);
    assert_true(fault.text[0] != '\0');
  }
}

static void errors_of_all_versions_are_told_apart(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    int code;
    enum bc_etcd_trouble trouble;
    const char *text;
  } samples[] = {
      {400, "{\"error\":\"etcdserver: mvcc: required revision has been compacted\",\"code\":11}", 11,
       BC_ETCD_TROUBLE_COMPACTED, "etcdserver: mvcc: required revision has been compacted"},
      {401, "{\"error\":\"M\",\"message\":\"etcdserver: invalid auth token\",\"code\":16}", 16, BC_ETCD_TROUBLE_AUTH,
       "etcdserver: invalid auth token"},
      {400, "{\"code\":3,\"message\":\"etcdserver: user name is empty\"}", 3, BC_ETCD_TROUBLE_AUTH,
       "etcdserver: user name is empty"},
      {400, "{\"code\":3,\"message\":\"etcdserver: revision of auth store is old\"}", 3, BC_ETCD_TROUBLE_AUTH, NULL},
      {400, "{\"code\":3,\"message\":\"etcdserver: authentication failed, invalid user ID or password\"}", 3,
       BC_ETCD_TROUBLE_LOGIN, NULL},
      {412, "{\"error\":\"etcdserver: authentication is not enabled\",\"code\":9}", 9, BC_ETCD_TROUBLE_AUTH_OFF, NULL},
      {403, "{\"error\":\"etcdserver: permission denied\",\"code\":7}", 7, BC_ETCD_TROUBLE_DENIED, NULL},
      {429, "{\"error\":\"etcdserver: mvcc: database space exceeded\",\"code\":8}", 8, BC_ETCD_TROUBLE_NO_SPACE, NULL},
      {429, "{\"error\":\"grpc: received message larger than max (3145747 vs. 2097152)\",\"code\":8}", 8,
       BC_ETCD_TROUBLE_TOO_LARGE, NULL},
      {400, "{\"error\":\"etcdserver: too many operations in txn request\",\"code\":3}", 3, BC_ETCD_TROUBLE_TOO_LARGE,
       NULL},
      {404, "{\"error\":\"etcdserver: requested lease not found\",\"code\":5}", 5, BC_ETCD_TROUBLE_LEASE_GONE, NULL},
      {503, "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no leader\"}}", 14,
       BC_ETCD_TROUBLE_OTHER, "etcdserver: no leader"},
      {404, "404 page not found\n", -1, BC_ETCD_TROUBLE_NO_API, "404 page not found"},
      {421, "etcd received your request, but the Host header was unrecognized.", -1, BC_ETCD_TROUBLE_HOST, NULL},
      {400, "CommonName of client sending a request against gateway will be ignored and not used as expected", -1,
       BC_ETCD_TROUBLE_COMMON_NAME, NULL},
      {502, "", -1, BC_ETCD_TROUBLE_OTHER, "HTTP status 502"},
      {500, "{\"code\":", -1, BC_ETCD_TROUBLE_OTHER, "{\"code\":"},
      {500, "{\"code\":99999999999,\"message\":[]}", -1, BC_ETCD_TROUBLE_OTHER, "an error without a message"},
  };
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    struct bc_etcd_error error;
    bc_etcd_answer_error(samples[i].status, bc_str_of(samples[i].body), &error);
    assert_int_equal(error.code, samples[i].code);
    assert_int_equal(error.trouble, samples[i].trouble);
    if (samples[i].text != NULL) {
      assert_string_equal(error.fault.text, samples[i].text);
    }
  }
}

static struct bc_etcd_watch_answer watch(const char *object) {
  struct bc_etcd_watch_answer answer;
  assert_int_equal(bc_etcd_answer_watch(bc_str_of(object), &answer, note, NULL, NULL), BC_ERR_OK);
  return answer;
}

static void watch_events_come_in_order_with_absent_fields_as_zero(void **state) {
  (void)state;
  struct bc_etcd_watch_answer answer =
      watch("{\"result\":{" HEADER ",\"fragment\":true,\"events\":[{\"kv\":{\"key\":\"L3cvYQ==\","
            "\"create_revision\":\"22\",\"mod_revision\":\"22\",\"version\":\"1\",\"value\":\"MQ==\"}},"
            "{\"type\":\"DELETE\",\"kv\":{\"key\":\"L3cvYg==\",\"mod_revision\":\"24\"}},"
            "{\"type\":\"PUT\",\"kv\":{\"key\":\"L3cvYQ==\",\"mod_revision\":\"25\"}}]}}");
  assert_string_equal(seen, "/w/a=1@22 lease 0;-/w/b=@24 lease 0;/w/a=@25 lease 0;");
  assert_true(answer.fragment);
  assert_int_equal(answer.events, 3);
  assert_false(answer.created || answer.canceled || answer.has_error);
}

static void watch_messages_without_events_are_told_apart(void **state) {
  (void)state;
  struct bc_etcd_watch_answer answer = watch("{\"result\":{" HEADER ",\"created\":true}}");
  assert_true(answer.created && !answer.canceled);
  assert_int_equal(answer.header.revision, 22);
  answer = watch("{\"result\":{" HEADER "}}");
  assert_true(!answer.created && !answer.canceled && !answer.has_error && answer.events == 0);
  answer = watch("{\"result\":{\"header\":{\"raft_term\":\"2\"},\"canceled\":true,\"compact_revision\":\"35\"}}");
  assert_true(answer.canceled);
  assert_int_equal(answer.compact_revision, 35);
  assert_int_equal(answer.header.revision, 0);
  answer = watch("{\"result\":{\"header\":{\"raft_term\":\"2\"},\"compact_revision\":\"3\"}}");
  assert_true(answer.canceled);
}

static void the_reason_of_a_cancelled_watch_is_understood(void **state) {
  (void)state;
  struct bc_etcd_watch_answer answer =
      watch("{\"result\":{" HEADER ",\"watch_id\":\"-1\",\"created\":true,\"canceled\":true,\"cancel_reason\":"
            "\"rpc error: code = PermissionDenied desc = etcdserver: permission denied\"}}");
  assert_true(answer.canceled && answer.has_error);
  assert_int_equal(answer.error.code, 7);
  assert_int_equal(answer.error.trouble, BC_ETCD_TROUBLE_DENIED);
  answer = watch("{\"result\":{\"canceled\":true,\"cancel_reason\":"
                 "\"rpc error: code = Unauthenticated desc = etcdserver: invalid auth token\"}}");
  assert_int_equal(answer.error.trouble, BC_ETCD_TROUBLE_AUTH);
  answer = watch("{\"result\":{\"canceled\":true,\"cancel_reason\":\"mvcc: watcher range is empty\"}}");
  assert_int_equal(answer.error.trouble, BC_ETCD_TROUBLE_OTHER);
}

static void an_error_inside_the_stream_is_an_error(void **state) {
  (void)state;
  struct bc_etcd_watch_answer answer = watch("{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":"
                                             "\"transport is closing\",\"http_status\":\"Service Unavailable\"}}");
  assert_true(answer.has_error);
  assert_int_equal(answer.error.code, 14);
  assert_string_equal(answer.error.fault.text, "transport is closing");
  answer = watch("{\"code\":3,\"message\":\"etcdserver: user name is empty\"}");
  assert_true(answer.has_error);
  assert_int_equal(answer.error.trouble, BC_ETCD_TROUBLE_AUTH);
}

static void a_broken_watch_message_is_an_error(void **state) {
  (void)state;
  static const char *const bad[] = {
      "{\"result\":1}", "{\"result\":{\"events\":{}}}", "{\"result\":{\"events\":[{}]}}",
      "{\"result\":{\"events\":[{\"type\":\"MOVE\",\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"1\"}}]}}", "not json"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct bc_etcd_watch_answer answer;
    assert_int_equal(bc_etcd_answer_watch(bc_str_of(bad[i]), &answer, note, NULL, NULL), BC_ERR_PROTOCOL);
  }
}

static void a_lease_without_ttl_is_gone(void **state) {
  (void)state;
  struct bc_etcd_lease_answer answer;
  assert_int_equal(bc_etcd_answer_lease(bc_str_of("{" HEADER ",\"ID\":\"777\",\"TTL\":\"5\"}"), &answer, NULL),
                   BC_ERR_OK);
  assert_true(answer.lease == 777 && answer.ttl_s == 5);
  assert_int_equal(
      bc_etcd_answer_lease(bc_str_of("{\"result\":{" HEADER ",\"ID\":\"777\",\"TTL\":\"5\"}}\n"), &answer, NULL),
      BC_ERR_OK);
  assert_true(answer.lease == 777 && answer.ttl_s == 5 && answer.header.revision == 22);
  assert_int_equal(bc_etcd_answer_lease(bc_str_of("{\"result\":{" HEADER ",\"ID\":\"778\"}}\n"), &answer, NULL),
                   BC_ERR_OK);
  assert_int_equal(answer.ttl_s, 0);
  assert_int_equal(bc_etcd_answer_lease(bc_str_of("{" HEADER "}"), &answer, NULL), BC_ERR_PROTOCOL);
}

static void the_version_names_the_path_of_the_api(void **state) {
  (void)state;
  static const struct {
    const char *version;
    const char *prefix;
  } samples[] = {{"3.2.32", "/v3alpha"}, {"3.3.27", "/v3beta"}, {"3.4.23", "/v3"}, {"3.6.5", "/v3"}, {"4.0.0", "/v3"}};
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    char body[100];
    const char *prefix = NULL;
    (void)snprintf(body, sizeof body, "{\"etcdserver\":\"%s\",\"etcdcluster\":\"3.4.0\"}", samples[i].version);
    assert_int_equal(bc_etcd_answer_version(bc_str_of(body), &prefix, NULL), BC_ERR_OK);
    assert_string_equal(prefix, samples[i].prefix);
  }
  const char *prefix = NULL;
  assert_int_equal(bc_etcd_answer_version(bc_str_of("{\"etcdserver\":\"2.3.8\"}"), &prefix, NULL), BC_ERR_UNSUPPORTED);
  assert_int_equal(bc_etcd_answer_version(bc_str_of("{\"etcdserver\":\"x\"}"), &prefix, NULL), BC_ERR_PROTOCOL);
  assert_int_equal(bc_etcd_answer_version(bc_str_of("{}"), &prefix, NULL), BC_ERR_PROTOCOL);
}

static void a_token_must_be_fit_for_a_header(void **state) {
  (void)state;
  struct bc_buf token;
  bc_buf_init(&token, 100);
  assert_int_equal(bc_etcd_answer_token(bc_str_of("{" HEADER ",\"token\":\"Pcxl.14\"}"), &token, NULL), BC_ERR_OK);
  assert_string_equal(token.data, "Pcxl.14");
  assert_int_equal(bc_etcd_answer_token(bc_str_of("{\"token\":\"a\\r\\nX: y\"}"), &token, NULL), BC_ERR_PROTOCOL);
  assert_int_equal(bc_etcd_answer_token(bc_str_of("{\"token\":\"\"}"), &token, NULL), BC_ERR_PROTOCOL);
  assert_int_equal(bc_etcd_answer_token(bc_str_of("{}"), &token, NULL), BC_ERR_PROTOCOL);
  bc_buf_free(&token);
}

static void a_write_tells_its_revision(void **state) {
  (void)state;
  struct bc_etcd_header header;
  assert_int_equal(bc_etcd_answer_write(bc_str_of("{" HEADER ",\"succeeded\":true,\"responses\":[]}"), &header, NULL),
                   BC_ERR_OK);
  assert_int_equal(header.revision, 22);
  assert_int_equal(bc_etcd_answer_write(bc_str_of("{\"header\":{\"revision\":\"-1\"}}"), &header, NULL),
                   BC_ERR_PROTOCOL);
}

static void a_transaction_says_whether_its_condition_was_met(void **state) {
  struct bc_etcd_header header;
  bool has_succeeded = false;
  (void)state;
  assert_int_equal(bc_etcd_answer_txn(bc_str_of("{" HEADER ",\"succeeded\":true}"), &header, &has_succeeded, NULL),
                   BC_ERR_OK);
  assert_true(has_succeeded);
  assert_int_equal(bc_etcd_answer_txn(bc_str_of("{" HEADER "}"), &header, &has_succeeded, NULL), BC_ERR_OK);
  assert_false(has_succeeded);
  assert_int_equal(bc_etcd_answer_txn(bc_str_of("{" HEADER ",\"succeeded\":\"no\"}"), &header, &has_succeeded, NULL),
                   BC_ERR_PROTOCOL);
  assert_false(has_succeeded);
  assert_int_equal(bc_etcd_answer_txn(bc_str_of("[]"), &header, &has_succeeded, NULL), BC_ERR_PROTOCOL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_range_gives_its_keys_and_where_it_stands, setup),
      cmocka_unit_test_setup(a_negative_lease_is_somebody_elses_and_no_fault, setup),
      cmocka_unit_test_setup(an_empty_range_is_only_a_header, setup),
      cmocka_unit_test_setup(a_broken_range_is_an_error, setup),
      cmocka_unit_test_setup(errors_of_all_versions_are_told_apart, setup),
      cmocka_unit_test_setup(watch_events_come_in_order_with_absent_fields_as_zero, setup),
      cmocka_unit_test_setup(watch_messages_without_events_are_told_apart, setup),
      cmocka_unit_test_setup(the_reason_of_a_cancelled_watch_is_understood, setup),
      cmocka_unit_test_setup(an_error_inside_the_stream_is_an_error, setup),
      cmocka_unit_test_setup(a_broken_watch_message_is_an_error, setup),
      cmocka_unit_test_setup(a_lease_without_ttl_is_gone, setup),
      cmocka_unit_test_setup(the_version_names_the_path_of_the_api, setup),
      cmocka_unit_test_setup(a_token_must_be_fit_for_a_header, setup),
      cmocka_unit_test_setup(a_write_tells_its_revision, setup),
      cmocka_unit_test(a_transaction_says_whether_its_condition_was_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
