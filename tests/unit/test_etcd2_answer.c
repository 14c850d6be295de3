#include "proto/etcd2_answer.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What was told, as "key=value@index;"; deleted: "-key@index;", with a '/' for a directory. */
static struct bc_buf told;

static void note(void *arg, const struct bc_etcd_kv *kv) {
  (void)arg;
  bc_buf_add_text(&told, kv->deleted ? "-" : "");
  bc_buf_add_str(&told, kv->key);
  bc_buf_add_text(&told, kv->is_directory ? "/" : "");
  if (!kv->deleted) {
    bc_buf_add_text(&told, "=");
    bc_buf_add_str(&told, kv->value);
  }
  bc_buf_add_format(&told, "@%d;", (int)kv->mod_revision);
}

static enum bc_err list(const char *body, struct bc_fault *fault) {
  bc_buf_clear(&told);
  return bc_etcd2_answer_list(bc_str_of(body), note, NULL, fault);
}

static enum bc_err event(const char *body, struct bc_fault *fault) {
  bc_buf_clear(&told);
  return bc_etcd2_answer_event(bc_str_of(body), note, NULL, fault);
}

static int setup(void **state) {
  (void)state;
  bc_buf_init(&told, 65536);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_buf_free(&told);
  return 0;
}

static void a_list_tells_each_key_of_the_tree_and_no_directory(void **state) {
  (void)state;
  struct bc_fault fault;
  assert_int_equal(
      list("{\"action\":\"get\",\"node\":{\"key\":\"/app\",\"dir\":true,\"nodes\":[{\"key\":\"/app/d\",\"dir\":true,"
           "\"nodes\":[{\"key\":\"/app/d/one\",\"value\":\"1 \\u0026\",\"modifiedIndex\":5,\"createdIndex\":5}],"
           "\"modifiedIndex\":5,\"createdIndex\":5},{\"key\":\"/app/empty\",\"value\":\"\",\"expiration\":"
           "\"2026-11-23T01:31:39Z\",\"ttl\":3,\"modifiedIndex\":7,\"createdIndex\":7},{\"key\":\"/app/none\",\"dir\":"
           "true,\"modifiedIndex\":8,\"createdIndex\":8}],\"modifiedIndex\":4,\"createdIndex\":4}}\n",
           &fault),
      BC_ERR_OK);
  assert_string_equal(told.data, "/app/d/one=1 &@5;/app/empty=@7;");
}

static void a_list_of_one_key_tells_it_and_the_root_has_no_name(void **state) {
  (void)state;
  struct bc_fault fault;
  assert_int_equal(list("{\"action\":\"get\",\"node\":{\"key\":\"/a\",\"value\":\"v\",\"modifiedIndex\":2}}", &fault),
                   BC_ERR_OK);
  assert_string_equal(told.data, "/a=v@2;");
  assert_int_equal(list("{\"action\":\"get\",\"node\":{\"dir\":true,\"nodes\":[{\"key\":\"/a\",\"value\":\"v\","
                        "\"modifiedIndex\":2}]}}",
                        &fault),
                   BC_ERR_OK);
  assert_string_equal(told.data, "/a=v@2;");
  assert_int_equal(list("{\"action\":\"get\",\"node\":{\"dir\":true}}", &fault), BC_ERR_OK);
  assert_int_equal(told.len, 0);
}

static void a_value_with_a_nul_byte_does_not_spoil_the_list(void **state) {
  (void)state;
  struct bc_fault fault;
  assert_int_equal(list("{\"node\":{\"key\":\"/a\",\"value\":\"x\\u0000y\",\"modifiedIndex\":2}}", &fault), BC_ERR_OK);
  assert_int_equal(told.len, strlen("/a=x.y@2;"));
}

static void directories_deeper_than_any_key_of_ours_are_left_out(void **state) {
  (void)state;
  struct bc_fault fault;
  struct bc_buf body;
  bc_buf_init(&body, 65536);
  bc_buf_add_text(&body, "{\"node\":");
  for (int i = 0; i < 100; i++) {
    bc_buf_add_text(&body,
                    "{\"key\":\"/d\",\"dir\":true,\"nodes\":[{\"key\":\"/v\",\"value\":\"\",\"modifiedIndex\":1},");
  }
  bc_buf_add_text(&body, "{\"key\":\"/last\",\"value\":\"\",\"modifiedIndex\":9}");
  for (int i = 0; i < 100; i++) {
    bc_buf_add_text(&body, "]}");
  }
  bc_buf_add_text(&body, "}");
  assert_int_equal(list(body.data, &fault), BC_ERR_OK);
  assert_null(strstr(told.data, "/last"));
  assert_int_equal(told.len, 64 * strlen("/v=@1;"));
  bc_buf_free(&body);
}

static void an_event_is_a_value_or_a_deletion(void **state) {
  (void)state;
  static const struct {
    const char *action, *node, *told;
  } cases[] = {
      {"set", "\"key\":\"/a\",\"value\":\"v\"", "/a=v@7;"},
      {"create", "\"key\":\"/a\",\"value\":\"\"", "/a=@7;"},
      {"update", "\"key\":\"/a\",\"value\":\"v\"", "/a=v@7;"},
      {"compareAndSwap", "\"key\":\"/a\",\"value\":\"v\"", "/a=v@7;"},
      {"delete", "\"key\":\"/a\"", "-/a@7;"},
      {"expire", "\"key\":\"/a\"", "-/a@7;"},
      {"compareAndDelete", "\"key\":\"/a\"", "-/a@7;"},
      {"delete", "\"key\":\"/a\",\"dir\":true", "-/a/@7;"},
      {"expire", "\"key\":\"/a\",\"dir\":true", "-/a/@7;"},
      /* A key of that name is gone; what is below came by events of its own. */
      {"set", "\"key\":\"/a\",\"dir\":true", "-/a@7;"},
      {"update", "\"key\":\"/a\",\"dir\":true", "-/a@7;"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault;
    struct bc_buf body;
    bc_buf_init(&body, 4096);
    bc_buf_add_format(&body,
                      "{\"action\":\"%s\",\"node\":{%s,\"modifiedIndex\":7,\"createdIndex\":6},\"prevNode\":{\"key\":"
                      "\"/a\",\"value\":\"before\",\"modifiedIndex\":6,\"createdIndex\":6}}",
                      cases[i].action, cases[i].node);
    assert_int_equal(event(body.data, &fault), BC_ERR_OK);
    assert_string_equal(told.data, cases[i].told);
    bc_buf_free(&body);
  }
}

static void what_is_no_answer_is_refused_and_told(void **state) {
  (void)state;
  static const char *const events[] = {
      "",
      "[]",
      "{}",
      "{\"action\":\"get\",\"node\":{\"key\":\"/a\",\"value\":\"\",\"modifiedIndex\":7}}",
      "{\"action\":\"set\"}",
      "{\"action\":\"set\",\"node\":[]}",
      "{\"action\":\"set\",\"node\":{\"key\":\"/a\",\"value\":\"\"}}",
      "{\"action\":\"delete\",\"node\":{\"key\":\"/a\",\"dir\":true}}",
      "{\"action\":\"set\",\"node\":{\"value\":\"\",\"modifiedIndex\":7}}",
      "{\"action\":\"set\",\"node\":{\"key\":\"/a\",\"value\":1,\"modifiedIndex\":7}}",
      "{\"action\":\"set\",\"node\":{\"key\":\"/a\",\"value\":\"\",\"modifiedIndex\":-7}}",
      "{\"action\":\"set\",\"node\":{\"key\":\"/a\",\"value\":\"\",\"modifiedIndex\":\"7\"}}",
  };
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
    struct bc_fault fault = {.text = ""};
    assert_int_equal(event(events[i], &fault), BC_ERR_PROTOCOL);
    assert_true(fault.text[0] != '\0');
    assert_int_equal(told.len, 0);
  }
  struct bc_fault fault = {.text = ""};
  assert_int_equal(list("{\"node\":{\"key\":\"/a\",\"dir\":true,\"nodes\":{}}}", &fault), BC_ERR_PROTOCOL);
  assert_int_equal(list("{\"errorCode\":100}", &fault), BC_ERR_PROTOCOL);
}

static void a_directory_has_nodes_or_has_none(void **state) {
  (void)state;
  struct bc_fault fault;
  bool has = true;
  assert_int_equal(bc_etcd2_answer_has_nodes(bc_str_of("{\"node\":{\"key\":\"/r\",\"dir\":true}}"), &has, &fault),
                   BC_ERR_OK);
  assert_false(has);
  assert_int_equal(
      bc_etcd2_answer_has_nodes(
          bc_str_of("{\"node\":{\"key\":\"/r\",\"dir\":true,\"nodes\":[{\"key\":\"/r/a\",\"dir\":true}]}}"), &has,
          &fault),
      BC_ERR_OK);
  assert_true(has);
  assert_int_equal(bc_etcd2_answer_has_nodes(bc_str_of("{}"), &has, &fault), BC_ERR_PROTOCOL);
  assert_false(has);
}

static void a_write_is_known_by_its_index(void **state) {
  (void)state;
  struct bc_fault fault;
  uint64_t index = 0;
  assert_int_equal(bc_etcd2_answer_write(bc_str_of("{\"action\":\"set\",\"node\":{\"key\":\"/a\",\"dir\":true,"
                                                   "\"ttl\":60,\"modifiedIndex\":12,\"createdIndex\":12}}"),
                                         &index, &fault),
                   BC_ERR_OK);
  assert_int_equal(index, 12);
}

static void errors_are_told_apart(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    enum bc_etcd_trouble trouble;
    int code;
    const char *text;
  } cases[] = {
      {404, "{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"/app/nope\",\"index\":4}",
       BC_ETCD_TROUBLE_NOT_FOUND, 100, "Key not found: /app/nope"},
      {404, "404 page not found\n", BC_ETCD_TROUBLE_NO_API, -1, "404 page not found"},
      {404, "", BC_ETCD_TROUBLE_NO_API, -1, "HTTP status 404"},
      {400, "{\"errorCode\":401,\"message\":\"The event is outdated\",\"cause\":\"[132/19]\",\"index\":1131}",
       BC_ETCD_TROUBLE_COMPACTED, 401, "The event is outdated: [132/19]"},
      {403, "{\"errorCode\":102,\"message\":\"Not a file\",\"cause\":\"/d\",\"index\":5}", BC_ETCD_TROUBLE_SHAPE, 102,
       "Not a file: /d"},
      {400, "{\"errorCode\":104,\"message\":\"Not a directory\",\"cause\":\"/a\",\"index\":5}", BC_ETCD_TROUBLE_SHAPE,
       104, "Not a directory: /a"},
      {403, "{\"errorCode\":108,\"message\":\"Directory not empty\",\"cause\":\"/d\",\"index\":5}",
       BC_ETCD_TROUBLE_OTHER, 108, "Directory not empty: /d"},
      {401, "{\"errorCode\":110,\"message\":\"The request requires user authentication\",\"cause\":\"x\",\"index\":0}",
       BC_ETCD_TROUBLE_DENIED, 110, "The request requires user authentication: x"},
      {401, "{\"message\":\"Insufficient credentials\"}", BC_ETCD_TROUBLE_LOGIN, -1, "Insufficient credentials"},
      {421, "Host header was unrecognized", BC_ETCD_TROUBLE_HOST, -1, "Host header was unrecognized"},
      {500, "{\"errorCode\":300,\"message\":\"Raft Internal Error\",\"cause\":\"etcdserver: request timed out\"}",
       BC_ETCD_TROUBLE_OTHER, 300, "Raft Internal Error: etcdserver: request timed out"},
      {502, "{\"errorCode\":-3,\"message\":7}", BC_ETCD_TROUBLE_OTHER, -1, "HTTP status 502"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_etcd_error error;
    bc_etcd2_answer_error(cases[i].status, bc_str_of(cases[i].body), &error);
    assert_int_equal(error.trouble, cases[i].trouble);
    assert_int_equal(error.code, cases[i].code);
    assert_string_equal(error.fault.text, cases[i].text);
  }
}

static void headers_say_cluster_and_index(void **state) {
  (void)state;
  struct bc_fault fault;
  struct bc_etcd_header header;
  assert_int_equal(bc_etcd2_answer_header("8cc9da78b36d1115", "1131", &header, &fault), BC_ERR_OK);
  assert_true(header.cluster_id == 0x8cc9da78b36d1115U && header.revision == 1131);
  assert_int_equal(bc_etcd2_answer_header(NULL, NULL, &header, &fault), BC_ERR_OK);
  assert_true(header.cluster_id == 0 && header.revision == 0);
  static const char *const bad[][2] = {{"", "1"}, {"xyz", "1"}, {"18cc9da78b36d1115", "1"}, {"1", "-1"}, {"1", ""}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(bc_etcd2_answer_header(bad[i][0], bad[i][1], &header, &fault), BC_ERR_PROTOCOL);
  }
}

static void a_missing_api_is_told_with_what_to_do(void **state) {
  (void)state;
  static const struct {
    const char *version;
    bool wants_v2;
    const char *text;
  } cases[] = {
      {"3.4.23", true, "etcd 3.4.23 serves no v2 API: start it with --enable-v2=true, or use --etcd-api v3"},
      {"3.6.5", true, "etcd 3.6.5 serves no v2 API: use --etcd-api v3"},
      {"?", true, "etcd ? serves no v2 API: start it with --enable-v2=true, or use --etcd-api v3"},
      {"2.3.8", false, "etcd 2.3.8 serves no v3 API over HTTP: use --etcd-api v2"},
      {"3.4.23", false,
       "etcd 3.4.23 serves no v3 API over HTTP: start it with --enable-grpc-gateway=true, or use --etcd-api v2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault;
    bc_etcd_answer_no_api(cases[i].version, cases[i].wants_v2, &fault);
    assert_string_equal(fault.text, cases[i].text);
  }
  char text[BC_ETCD_VERSION_BYTES];
  bc_etcd_answer_version_text(bc_str_of("{\"etcdserver\":\"3.4.23\",\"etcdcluster\":\"3.4.0\"}"), text);
  assert_string_equal(text, "3.4.23");
  bc_etcd_answer_version_text(bc_str_of("etcd 0.4.9"), text);
  assert_string_equal(text, "?");
  bc_etcd_answer_version_text(bc_str_of("{\"etcdserver\":\"a\\nb\"}"), text);
  assert_string_equal(text, "?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_list_tells_each_key_of_the_tree_and_no_directory, setup, teardown),
      cmocka_unit_test_setup_teardown(a_list_of_one_key_tells_it_and_the_root_has_no_name, setup, teardown),
      cmocka_unit_test_setup_teardown(a_value_with_a_nul_byte_does_not_spoil_the_list, setup, teardown),
      cmocka_unit_test_setup_teardown(directories_deeper_than_any_key_of_ours_are_left_out, setup, teardown),
      cmocka_unit_test_setup_teardown(an_event_is_a_value_or_a_deletion, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_answer_is_refused_and_told, setup, teardown),
      cmocka_unit_test(a_directory_has_nodes_or_has_none),
      cmocka_unit_test(a_write_is_known_by_its_index),
      cmocka_unit_test(errors_are_told_apart),
      cmocka_unit_test(headers_say_cluster_and_index),
      cmocka_unit_test(a_missing_api_is_told_with_what_to_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
