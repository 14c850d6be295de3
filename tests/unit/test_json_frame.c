#include "proto/json_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Feeds `text` in pieces of `step` bytes; the objects, each followed by '|', end up in `out`. */
static enum bc_err split(const char *text, size_t step, size_t max, struct bc_buf *out) {
  struct bc_json_frame frame;
  bc_json_frame_init(&frame, max);
  bc_buf_clear(out);
  enum bc_err err = BC_ERR_AGAIN;
  size_t len = strlen(text);
  for (size_t at = 0; at < len && err == BC_ERR_AGAIN; at += step) {
    struct bc_str input = {.at = text + at, .len = len - at < step ? len - at : step};
    struct bc_str object;
    while ((err = bc_json_frame_next(&frame, &input, &object)) == BC_ERR_OK) {
      bc_buf_add_str(out, object);
      bc_buf_add_char(out, '|');
    }
  }
  bc_json_frame_free(&frame);
  return err;
}

static void expect_split(const char *text, const char *objects) {
  struct bc_buf out;
  bc_buf_init(&out, 65536);
  for (size_t step = 1; step <= strlen(text); step++) {
    assert_int_equal(split(text, step, 65536, &out), BC_ERR_AGAIN);
    assert_string_equal(out.data, objects);
  }
  bc_buf_free(&out);
}

static void objects_need_no_separator_and_no_chunk_border(void **state) {
  (void)state;
  expect_split("{\"result\":{\"created\":true}}{\"result\":{\"compact_revision\":\"3\"}}",
               "{\"result\":{\"created\":true}}|{\"result\":{\"compact_revision\":\"3\"}}|");
  expect_split("{}\n{\"a\":1}\r\n\t {}", "{}|{\"a\":1}|{}|");
}

static void braces_and_quotes_in_strings_do_not_count(void **state) {
  (void)state;
  expect_split("{\"a\":\"}{\"}{\"b\":\"\\\"}\"}{\"c\":\"\\\\\"}", "{\"a\":\"}{\"}|{\"b\":\"\\\"}\"}|{\"c\":\"\\\\\"}|");
}

static void a_part_of_an_object_waits_for_the_rest(void **state) {
  (void)state;
  expect_split("{\"a\":{\"b\":1}", "");
}

static void garbage_between_objects_is_an_error(void **state) {
  (void)state;
  struct bc_buf out;
  bc_buf_init(&out, 1000);
  assert_int_equal(split("{}x{}", 1, 100, &out), BC_ERR_SYNTAX);
  assert_string_equal(out.data, "{}|");
  assert_int_equal(split("}", 1, 100, &out), BC_ERR_SYNTAX);
  assert_int_equal(split("404 page not found", 18, 100, &out), BC_ERR_SYNTAX);
  bc_buf_free(&out);
}

static void an_object_longer_than_the_limit_is_refused(void **state) {
  (void)state;
  struct bc_buf out;
  bc_buf_init(&out, 1000);
  assert_int_equal(split("{\"a\":\"12\"}", 1, 10, &out), BC_ERR_AGAIN);
  assert_int_equal(split("{\"a\":\"123\"}", 1, 10, &out), BC_ERR_LIMIT);
  assert_int_equal(split("{\"a\":\"123\"}", 11, 10, &out), BC_ERR_LIMIT);
  bc_buf_free(&out);
}

static void a_cleared_frame_starts_anew(void **state) {
  (void)state;
  struct bc_json_frame frame;
  bc_json_frame_init(&frame, 100);
  struct bc_str object;
  struct bc_str input = bc_str_of("{\"a\":\"\\");
  assert_int_equal(bc_json_frame_next(&frame, &input, &object), BC_ERR_AGAIN);
  bc_json_frame_clear(&frame);
  input = bc_str_of("{\"b\":2}");
  assert_int_equal(bc_json_frame_next(&frame, &input, &object), BC_ERR_OK);
  assert_true(bc_str_is(object, "{\"b\":2}"));
  bc_json_frame_free(&frame);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(objects_need_no_separator_and_no_chunk_border),
      cmocka_unit_test(braces_and_quotes_in_strings_do_not_count),
      cmocka_unit_test(a_part_of_an_object_waits_for_the_rest),
      cmocka_unit_test(garbage_between_objects_is_an_error),
      cmocka_unit_test(an_object_longer_than_the_limit_is_refused),
      cmocka_unit_test(a_cleared_frame_starts_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
