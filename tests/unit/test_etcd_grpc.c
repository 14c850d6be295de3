#include "proto/etcd_grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the wire, by hand, as etcd 3.4.23 sends it (field 1: 0a, field 2: 12, …) ---- */

#define HEADER "\x0a\x06\x08\x2a\x10\x01\x18\x16" /* cluster 42, member 1, revision 22 */
#define KV_A "\x12\x12\x0a\x04/c/a\x10\x04\x18\x05\x20\x02\x2a\x02v2\x30\x07"
#define KV_B "\x12\x0a\x0a\x04/c/b\x10\x06\x18\x06"
#define MORE "\x18\x01"
#define COUNT "\x20\x03"

struct frame {
  char bytes[256];
  size_t len;
};

static struct frame frame_of(const char *message, size_t len) {
  struct frame frame = {.len = len + 5};
  frame.bytes[4] = (char)len;
  memcpy(frame.bytes + 5, message, len);
  return frame;
}
#define FRAME(text) frame_of(text, sizeof(text) - 1)

static struct bc_str frame_str(const struct frame *frame) {
  return (struct bc_str){.at = frame->bytes, .len = frame->len};
}

static enum bc_err open_frame(const struct frame *frame, struct bc_etcd_range_answer *answer,
                              struct bc_etcd_grpc_reader *reader) {
  struct bc_fault fault = {.column = 0};
  enum bc_err err = bc_etcd_grpc_open(frame_str(frame), answer, reader, &fault);
  assert_int_equal(err == BC_ERR_OK, fault.text[0] == '\0');
  return err;
}

static void a_range_gives_its_keys_and_where_it_stands(void **state) {
  (void)state;
  struct frame frame = FRAME(HEADER KV_A KV_B MORE COUNT);
  struct bc_etcd_range_answer answer;
  struct bc_etcd_grpc_reader reader;
  struct bc_etcd_kv kv;
  assert_int_equal(open_frame(&frame, &answer, &reader), BC_ERR_OK);
  assert_int_equal(answer.header.cluster_id, 42);
  assert_int_equal(answer.header.revision, 22);
  assert_int_equal(answer.count, 3);
  assert_true(answer.more);
  bc_etcd_grpc_next(&reader, &kv);
  assert_true(bc_str_is(kv.key, "/c/a") && bc_str_is(kv.value, "v2"));
  assert_int_equal(kv.mod_revision, 5);
  assert_int_equal(kv.lease, 7);
  bc_etcd_grpc_next(&reader, &kv);
  assert_true(bc_str_is(kv.key, "/c/b") && kv.value.len == 0 && kv.value.at != NULL);
  assert_int_equal(kv.lease, 0);
  bc_etcd_grpc_next(&reader, &kv);
  assert_int_equal(kv.key.len, 0);
  bc_etcd_grpc_next(&reader, &kv);
  assert_int_equal(kv.key.len, 0);
}

static void the_header_may_come_last_and_what_is_unknown_is_passed_over(void **state) {
  (void)state;
  struct frame frame = FRAME(KV_B "\x48\x07"
                                  "\x62\x05later"
                                  "\x69"
                                  "12345678"
                                  "\x75"
                                  "1234" HEADER);
  struct bc_etcd_range_answer answer;
  struct bc_etcd_grpc_reader reader;
  struct bc_etcd_kv kv;
  assert_int_equal(open_frame(&frame, &answer, &reader), BC_ERR_OK);
  assert_int_equal(answer.header.revision, 22);
  assert_false(answer.more);
  bc_etcd_grpc_next(&reader, &kv);
  assert_true(bc_str_is(kv.key, "/c/b"));
  bc_etcd_grpc_next(&reader, &kv);
  assert_int_equal(kv.key.len, 0);
}

static void a_frame_that_is_cut_anywhere_is_an_error(void **state) {
  (void)state;
  struct frame whole = FRAME(HEADER KV_A KV_B MORE COUNT);
  struct bc_etcd_range_answer answer;
  struct bc_etcd_grpc_reader reader;
  for (size_t len = 0; len < whole.len; len++) {
    char *copy = malloc(len + 1); /* of its own: a read beyond it is seen */
    struct bc_fault fault;
    memcpy(copy, whole.bytes, len);
    assert_int_equal(bc_etcd_grpc_open((struct bc_str){.at = copy, .len = len}, &answer, &reader, &fault),
                     BC_ERR_PROTOCOL);
    free(copy);
  }
}

static void what_is_no_answer_to_a_range_is_an_error(void **state) {
  (void)state;
  const struct frame bad[] = {
      FRAME(""),                                                        /* no revision */
      FRAME("\x0a\x02\x08\x2a"),                                        /* a header without one */
      FRAME("\x08\x2a"),                                                /* a number in the place of the header */
      FRAME(HEADER "\x12\x02\x18\x05"),                                 /* a key without a name */
      FRAME(HEADER "\x12\x06\x0a\x04/c/a"),                             /* without a revision */
      FRAME(HEADER "\x12\x7f\x0a\x04/c/a"),                             /* longer than the message */
      FRAME(HEADER "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* no number */
      FRAME(HEADER "\x1b"),                                             /* a group */
  };
  struct bc_etcd_range_answer answer;
  struct bc_etcd_grpc_reader reader;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(open_frame(&bad[i], &answer, &reader), BC_ERR_PROTOCOL);
  }
  struct frame compressed = FRAME(HEADER);
  compressed.bytes[0] = 1;
  assert_int_equal(open_frame(&compressed, &answer, &reader), BC_ERR_PROTOCOL);
  struct frame two = FRAME(HEADER);
  two.bytes[4]--;
  assert_int_equal(open_frame(&two, &answer, &reader), BC_ERR_PROTOCOL);
}

static void a_request_says_what_is_wanted(void **state) {
  (void)state;
  struct bc_buf to;
  bc_buf_init(&to, 1024);
  bc_etcd_grpc_range(&to, &(struct bc_etcd_range){
                              .key = bc_str_of("/c/a"), .range_end = bc_str_of("/d"), .revision = 300, .limit = 1000});
  static const char wanted[] = "\0\0\0\0\x10\x0a\x04/c/a\x12\x02/d\x18\xe8\x07\x20\xac\x02";
  assert_int_equal(to.len, sizeof wanted - 1);
  assert_memory_equal(to.data, wanted, to.len);
  bc_buf_clear(&to);
  bc_etcd_grpc_range(&to, &(struct bc_etcd_range){.key = bc_str_of("k"), .count_only = true});
  assert_int_equal(to.len, 10);
  assert_memory_equal(to.data, "\0\0\0\0\x05\x0a\x01k\x48\x01", to.len);
  bc_buf_free(&to);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_range_gives_its_keys_and_where_it_stands),
      cmocka_unit_test(the_header_may_come_last_and_what_is_unknown_is_passed_over),
      cmocka_unit_test(a_frame_that_is_cut_anywhere_is_an_error),
      cmocka_unit_test(what_is_no_answer_to_a_range_is_an_error),
      cmocka_unit_test(a_request_says_what_is_wanted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
