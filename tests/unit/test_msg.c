#include "base/limits.h"
#include "proto/frame.h"
#include "proto/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned all_types[] = {
#define BC_MSG(NAME, name, number, direction, meaning) BC_MSG_##NAME,
#include "proto/msg.def"
};
enum { TYPES = sizeof all_types / sizeof all_types[0] };

static const struct bc_msg samples[] = {
    {.type = BC_MSG_HELLO, .hello = {.version = BC_MSG_VERSION, .confinement = {.at = "none", .len = 4}}},
    {.type = BC_MSG_PING, .ping = {.number = 0x0102030405060708}},
    {.type = BC_MSG_PONG, .pong = {.number = UINT64_MAX, .running = 64, .known = 100000}},
    {.type = BC_MSG_CHECK_SET,
     .check_set = {.id = 7,
                   .generation = 8,
                   .name = {.at = "dns", .len = 3},
                   .script = {.at = "#!/bin/sh\nexit 0\n", .len = 17},
                   .environment = {.at = "A=1\0B=2\0", .len = 8},
                   .interval_ms = 1000,
                   .fast_interval_ms = 200,
                   .timeout_ms = 5000,
                   .first_delay_ms = 1,
                   .jitter_percent = 10}},
    {.type = BC_MSG_CHECK_STATE,
     .check_state = {.id = 7, .state = {.at = "down", .len = 4}, .attempt = 2, .is_fast = 1}},
    {.type = BC_MSG_CHECK_REMOVE, .check_remove = {.id = UINT32_MAX}},
    {.type = BC_MSG_RESULT,
     .result = {.id = 7,
                .generation = 8,
                .status = 5,
                .code = 255,
                .duration_us = 123456789012,
                .late_us = 17,
                .output = {.at = "a\0b\n\"", .len = 5}}},
    {.type = BC_MSG_STOP},
    {.type = BC_MSG_ADDRESS_ABLE, .address_able = {.is_able = 0, .why = {.at = "no", .len = 2}}},
    {.type = BC_MSG_ADDRESS_SET, .address_set = {.id = 9, .address = {.at = "\300\0\2\1", .len = 4}}},
    {.type = BC_MSG_ADDRESS_REMOVE, .address_remove = {.id = 10, .address = {.at = "0123456789abcdef", .len = 16}}},
    {.type = BC_MSG_ADDRESS_RESULT, .address_result = {.id = 10, .error = 99}},
    {.type = BC_MSG_LUA_SET,
     .lua_set = {.id = 7,
                 .generation = 9,
                 .name = {.at = "web", .len = 3},
                 .script = {.at = "#!lua\nreturn true\n", .len = 18},
                 .globals = {.at = "node={}\0", .len = 8},
                 .interval_ms = 50,
                 .fast_interval_ms = 50,
                 .timeout_ms = 2000,
                 .first_delay_ms = 1,
                 .jitter_percent = 10,
                 .threshold = 50,
                 .state = {.at = "{\"n\":1}", .len = 7},
                 .modules = {.at = "web=1\0", .len = 6}}},
    {.type = BC_MSG_LUA_RESULT,
     .lua_result = {.id = 7,
                    .generation = 9,
                    .status = 8,
                    .duration_us = 1,
                    .cpu_us = 2,
                    .late_us = 3,
                    .reason = {.at = "web:1: no", .len = 9},
                    .data = {.at = "{}", .len = 2},
                    .output = {.at = "info: x\n", .len = 8},
                    .state = {.at = "{\"n\":2}", .len = 7},
                    .metrics = {.at = "[]", .len = 2},
                    .score = 5001}},
    {.type = BC_MSG_LUA_RESULTS, .lua_results = {.results = {.at = "\0\0\0\0", .len = 4}}},
    {.type = BC_MSG_LUA_MODULE,
     .lua_module = {.number = 1, .name = {.at = "web", .len = 3}, .text = {.at = "return {}", .len = 9}}},
    {.type = BC_MSG_LUA_MODULE_REMOVE, .lua_module_remove = {.number = 1}},
    {.type = BC_MSG_LUA_DATA, .lua_data = {.name = {.at = "sites", .len = 5}, .json = {.at = "[1]", .len = 3}}},
    {.type = BC_MSG_LUA_RUN, .lua_run = {.egress = {.at = "", .len = 0}, .is_traced = 1}},
    {.type = BC_MSG_LUA_EGRESS, .lua_egress = {.rules = {.at = "etcd 10.0.0.1:2379\n", .len = 19}}},
    {.type = BC_MSG_LUA_EXEC,
     .lua_exec = {.number = 3,
                  .timeout_ms = 1000,
                  .most_output = 16384,
                  .argv = {.at = "/bin/cat\0-n\0", .len = 12},
                  .input = {.at = "x\n", .len = 2}}},
    {.type = BC_MSG_LUA_EXEC_CANCEL, .lua_exec_cancel = {.number = 3}},
    {.type = BC_MSG_LUA_EXEC_RESULT,
     .lua_exec_result = {.number = 3,
                         .outcome = 1,
                         .code = 9,
                         .is_truncated = 1,
                         .duration_us = 77,
                         .output = {.at = "out", .len = 3},
                         .error_output = {.at = "err", .len = 3},
                         .why = {.at = "why", .len = 3}}},
    {.type = BC_MSG_COMMAND_RUN,
     .command_run = {.id = 4,
                     .timeout_ms = 1000,
                     .most_output = 16384,
                     .argv = {.at = "/bin/cat\0", .len = 9},
                     .input = {.at = "x\n", .len = 2}}},
    {.type = BC_MSG_COMMAND_CANCEL, .command_cancel = {.id = 4}},
    {.type = BC_MSG_COMMAND_RESULT,
     .command_result = {.id = 4,
                        .code = 3,
                        .duration_us = 77,
                        .output = {.at = "out", .len = 3},
                        .error_output = {.at = "err", .len = 3},
                        .why = {.at = "why", .len = 3}}},
    {.type = BC_MSG_POLICY_SET,
     .policy_set = {.number = 5,
                    .name = {.at = "routes/web/policy", .len = 17},
                    .script = {.at = "return f\n", .len = 9},
                    .modules = {.at = "web=1\0", .len = 6},
                    .options = {.at = "{}", .len = 2}}},
    {.type = BC_MSG_POLICY_REMOVE, .policy_remove = {.number = 5}},
    {.type = BC_MSG_POLICY_WORLD, .policy_world = {.json = {.at = "{\"node\":{}}", .len = 11}}},
    {.type = BC_MSG_POLICY_RUN, .policy_run = {.id = 6, .number = 5, .context = {.at = "{}", .len = 2}}},
    {.type = BC_MSG_POLICY_RESULT,
     .policy_result = {.id = 6,
                       .status = 4,
                       .verdict = {.at = "{}", .len = 2},
                       .error = {.at = "policy:1: no", .len = 12},
                       .log = {.at = "info: x\n", .len = 8},
                       .cpu_us = 77,
                       .reads = {.at = "sites\0", .len = 6}}},
    {.type = BC_MSG_POLICY_RESULTS, .policy_results = {.results = {.at = "\0\0\0\0", .len = 4}}},
};

static void there_is_a_sample_of_every_message(void **state) {
  (void)state;
  assert_int_equal(sizeof samples / sizeof samples[0], TYPES);
  for (size_t i = 0; i < TYPES; i++) {
    assert_int_equal(samples[i].type, all_types[i]);
  }
}

static void numbers_are_given_once(void **state) {
  (void)state;
  for (size_t i = 0; i < TYPES; i++) {
    for (size_t j = 0; j < i; j++) {
      assert_int_not_equal(all_types[i], all_types[j]);
    }
  }
}

/* Fields are equal when both give the same bytes again; that the bytes hold the values is shown below. */
static void what_was_encoded_decodes_and_encodes_to_the_same(void **state) {
  (void)state;
  for (size_t i = 0; i < TYPES; i++) {
    struct bc_buf first;
    struct bc_buf second;
    bc_buf_init(&first, 10000);
    bc_buf_init(&second, 10000);
    assert_int_equal(bc_msg_encode(&samples[i], &first), BC_ERR_OK);
    struct bc_msg back;
    memset(&back, 0xa5, sizeof back);
    assert_int_equal(bc_msg_decode(samples[i].type, bc_buf_str(&first), &back), BC_ERR_OK);
    assert_int_equal(back.type, samples[i].type);
    assert_int_equal(bc_msg_encode(&back, &second), BC_ERR_OK);
    assert_true(bc_str_equal(bc_buf_str(&first), bc_buf_str(&second)));
    bc_buf_free(&first);
    bc_buf_free(&second);
  }
}

static void fields_arrive_with_their_values(void **state) {
  (void)state;
  struct bc_buf bytes;
  bc_buf_init(&bytes, 10000);
  assert_int_equal(bc_msg_encode(&samples[6], &bytes), BC_ERR_OK);
  struct bc_msg back;
  assert_int_equal(bc_msg_decode(BC_MSG_RESULT, bc_buf_str(&bytes), &back), BC_ERR_OK);
  assert_int_equal(back.result.id, 7);
  assert_int_equal(back.result.generation, 8);
  assert_int_equal(back.result.status, 5);
  assert_int_equal(back.result.code, 255);
  assert_true(back.result.duration_us == 123456789012);
  assert_int_equal(back.result.late_us, 17);
  assert_int_equal(back.result.output.len, 5);
  assert_memory_equal(back.result.output.at, "a\0b\n\"", 5);
  bc_buf_free(&bytes);
}

static void numbers_are_big_endian_and_texts_behind_their_length(void **state) {
  (void)state;
  struct bc_buf bytes;
  bc_buf_init(&bytes, 100);
  assert_int_equal(bc_msg_encode(&samples[1], &bytes), BC_ERR_OK);
  assert_int_equal(bytes.len, 8);
  assert_memory_equal(bytes.data, "\1\2\3\4\5\6\7\10", 8);
  bc_buf_clear(&bytes);
  assert_int_equal(bc_msg_encode(&samples[0], &bytes), BC_ERR_OK);
  assert_int_equal(bytes.len, 12);
  assert_memory_equal(bytes.data, "\0\0\0\3\0\0\0\4none", 12);
  bc_buf_free(&bytes);
}

static void every_other_length_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < TYPES; i++) {
    struct bc_buf bytes;
    bc_buf_init(&bytes, 10000);
    assert_int_equal(bc_msg_encode(&samples[i], &bytes), BC_ERR_OK);
    struct bc_msg back;
    for (size_t len = 0; len < bytes.len; len++) {
      /* An exact copy, so that the sanitizer sees a read behind the end. */
      char *exact = malloc(len == 0 ? 1 : len);
      assert_non_null(exact);
      memcpy(exact, bytes.data, len);
      struct bc_str cut = {.at = exact, .len = len};
      assert_int_equal(bc_msg_decode(samples[i].type, cut, &back), BC_ERR_PROTOCOL);
      free(exact);
    }
    bc_buf_add_char(&bytes, 'x');
    assert_int_equal(bc_msg_decode(samples[i].type, bc_buf_str(&bytes), &back), BC_ERR_PROTOCOL);
    bc_buf_free(&bytes);
  }
}

static void unknown_types_are_refused_both_ways(void **state) {
  (void)state;
  struct bc_buf bytes;
  bc_buf_init(&bytes, 100);
  struct bc_msg message = {.type = (enum bc_msg_type)99};
  assert_int_equal(bc_msg_encode(&message, &bytes), BC_ERR_UNSUPPORTED);
  assert_int_equal(bc_msg_decode(99, bc_buf_str(&bytes), &message), BC_ERR_UNSUPPORTED);
  assert_string_equal(bc_msg_name(99), "unknown");
  assert_false(bc_msg_goes(99, BC_MSG_TO_CORE));
  assert_false(bc_msg_goes(99, BC_MSG_TO_WORKER));
}

static void a_message_above_a_frame_is_refused_and_leaves_nothing(void **state) {
  (void)state;
  size_t len = BC_LIMIT_FRAME_BYTES;
  char *script = calloc(1, len);
  assert_non_null(script);
  struct bc_buf bytes;
  bc_buf_init(&bytes, (size_t)BC_LIMIT_FRAME_BYTES * 4);
  bc_buf_add_text(&bytes, "before");
  struct bc_msg message = {.type = BC_MSG_CHECK_SET, .check_set = {.script = {.at = script, .len = len}}};
  assert_int_equal(bc_msg_encode(&message, &bytes), BC_ERR_LIMIT);
  message.check_set.script.len = SIZE_MAX;
  assert_int_equal(bc_msg_encode(&message, &bytes), BC_ERR_LIMIT);
  assert_true(bc_str_is(bc_buf_str(&bytes), "before"));
  assert_int_equal(bc_buf_status(&bytes), BC_ERR_OK);
  /* The largest script and its environment fit. */
  message.check_set.script.len = BC_LIMIT_SCRIPT_BYTES;
  message.check_set.environment = (struct bc_str){.at = script, .len = BC_LIMIT_OPTIONS_BYTES};
  assert_int_equal(bc_msg_encode(&message, &bytes), BC_ERR_OK);
  bc_buf_free(&bytes);
  free(script);
}

static void each_message_goes_one_way(void **state) {
  (void)state;
  for (size_t i = 0; i < TYPES; i++) {
    assert_int_not_equal(bc_msg_goes(all_types[i], BC_MSG_TO_CORE), bc_msg_goes(all_types[i], BC_MSG_TO_WORKER));
  }
  assert_true(bc_msg_goes(BC_MSG_RESULT, BC_MSG_TO_CORE));
  assert_true(bc_msg_goes(BC_MSG_CHECK_SET, BC_MSG_TO_WORKER));
}

static void a_printed_line_is_plain_text_and_hides_bytes(void **state) {
  (void)state;
  struct bc_buf line;
  bc_buf_init(&line, 10000);
  bc_msg_print(&samples[6], &line);
  assert_string_equal(line.data, "RESULT id=7 generation=8 status=5 code=255 duration_us=123456789012 late_us=17 "
                                 "output=\"a\\x00b\\x0a\\x22\"");
  bc_buf_clear(&line);
  bc_msg_print(&samples[3], &line);
  assert_non_null(strstr(line.data, "script=<17 bytes> environment=<8 bytes> interval_ms=1000"));
  assert_null(strstr(line.data, "exit"));
  bc_buf_clear(&line);
  bc_msg_print(&samples[7], &line);
  assert_string_equal(line.data, "STOP");
  bc_buf_free(&line);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(there_is_a_sample_of_every_message),
      cmocka_unit_test(numbers_are_given_once),
      cmocka_unit_test(what_was_encoded_decodes_and_encodes_to_the_same),
      cmocka_unit_test(fields_arrive_with_their_values),
      cmocka_unit_test(numbers_are_big_endian_and_texts_behind_their_length),
      cmocka_unit_test(every_other_length_is_refused),
      cmocka_unit_test(unknown_types_are_refused_both_ways),
      cmocka_unit_test(a_message_above_a_frame_is_refused_and_leaves_nothing),
      cmocka_unit_test(each_message_goes_one_way),
      cmocka_unit_test(a_printed_line_is_plain_text_and_hides_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
