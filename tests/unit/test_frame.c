#include "base/limits.h"
#include "proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADER = BC_FRAME_HEADER_BYTES, PAYLOAD_MOST = BC_LIMIT_FRAME_BYTES - BC_FRAME_HEADER_BYTES };

static void put_frame(struct bc_buf *out, unsigned type, const char *payload) {
  size_t start = bc_frame_start(out, type);
  bc_buf_add_text(out, payload);
  assert_int_equal(bc_frame_finish(out, start), BC_ERR_OK);
}

static void a_header_is_length_type_version_and_zero(void **state) {
  (void)state;
  struct bc_buf out;
  bc_buf_init(&out, 1000);
  put_frame(&out, 0x0102, "abc");
  const char expected[] = {0, 0, 0, 3, 1, 2, BC_FRAME_VERSION, 0, 'a', 'b', 'c'};
  assert_int_equal(out.len, sizeof expected);
  assert_memory_equal(out.data, expected, sizeof expected);
  bc_buf_free(&out);
}

static void frames_come_whole_whatever_the_pieces(void **state) {
  (void)state;
  struct bc_buf out;
  bc_buf_init(&out, 1000);
  put_frame(&out, 1, "");
  put_frame(&out, 2, "hello");
  put_frame(&out, 3, "x");
  static const char *const expected[] = {"", "hello", "x"};
  for (size_t piece = 1; piece <= out.len; piece++) {
    struct bc_frame_reader reader;
    bc_frame_reader_init(&reader);
    unsigned got = 0;
    for (size_t at = 0; at < out.len; at += piece) {
      size_t len = out.len - at < piece ? out.len - at : piece;
      assert_int_equal(bc_frame_reader_add(&reader, out.data + at, len), BC_ERR_OK);
      struct bc_frame frame;
      enum bc_err err;
      while ((err = bc_frame_reader_next(&reader, &frame)) == BC_ERR_OK) {
        assert_true(got < 3);
        assert_int_equal(frame.type, got + 1);
        assert_true(bc_str_is(frame.payload, expected[got]));
        got++;
      }
      assert_int_equal(err, BC_ERR_AGAIN);
    }
    assert_int_equal(got, 3);
    assert_true(bc_frame_reader_is_empty(&reader));
    bc_frame_reader_free(&reader);
  }
  bc_buf_free(&out);
}

static void half_a_frame_is_not_delivered_and_not_empty(void **state) {
  (void)state;
  const char bytes[] = {0, 0, 0, 2, 0, 1, BC_FRAME_VERSION, 0, 'a'};
  struct bc_frame_reader reader;
  struct bc_frame frame;
  bc_frame_reader_init(&reader);
  assert_int_equal(bc_frame_reader_add(&reader, bytes, sizeof bytes), BC_ERR_OK);
  assert_int_equal(bc_frame_reader_next(&reader, &frame), BC_ERR_AGAIN);
  assert_false(bc_frame_reader_is_empty(&reader));
  bc_frame_reader_free(&reader);
}

static void read_header(const char header[HEADER], enum bc_err expected) {
  struct bc_frame_reader reader;
  struct bc_frame frame;
  bc_frame_reader_init(&reader);
  assert_int_equal(bc_frame_reader_add(&reader, header, HEADER), BC_ERR_OK);
  assert_int_equal(bc_frame_reader_next(&reader, &frame), expected);
  if (expected != BC_ERR_AGAIN) {
    /* For good: what follows cannot be trusted. */
    assert_int_equal(bc_frame_reader_add(&reader, header, HEADER), expected);
    assert_int_equal(bc_frame_reader_next(&reader, &frame), expected);
  }
  bc_frame_reader_free(&reader);
}

static void another_version_or_a_used_reserve_breaks_the_stream(void **state) {
  (void)state;
  read_header((const char[HEADER]){0, 0, 0, 1, 0, 1, BC_FRAME_VERSION + 1, 0}, BC_ERR_PROTOCOL);
  read_header((const char[HEADER]){0, 0, 0, 1, 0, 1, BC_FRAME_VERSION, 1}, BC_ERR_PROTOCOL);
}

static void a_length_above_the_limit_is_refused_by_its_header(void **state) {
  (void)state;
  size_t most = PAYLOAD_MOST;
  char header[HEADER] = {
      (char)(most >> 24), (char)(most >> 16), (char)(most >> 8), (char)most, 0, 1, BC_FRAME_VERSION, 0};
  read_header(header, BC_ERR_AGAIN);
  most++;
  memcpy(header, (const char[4]){(char)(most >> 24), (char)(most >> 16), (char)(most >> 8), (char)most}, 4);
  read_header(header, BC_ERR_LIMIT);
  memset(header, 0xff, 4);
  read_header(header, BC_ERR_LIMIT);
}

static void the_largest_frame_passes_and_one_byte_more_is_undone(void **state) {
  (void)state;
  struct bc_buf out;
  bc_buf_init(&out, (size_t)BC_LIMIT_FRAME_BYTES * 3);
  char *payload = calloc(1, PAYLOAD_MOST + 1);
  assert_non_null(payload);
  size_t start = bc_frame_start(&out, 9);
  bc_buf_add(&out, payload, PAYLOAD_MOST + 1);
  assert_int_equal(bc_frame_finish(&out, start), BC_ERR_LIMIT);
  assert_int_equal(out.len, 0);
  start = bc_frame_start(&out, 9);
  bc_buf_add(&out, payload, PAYLOAD_MOST);
  assert_int_equal(bc_frame_finish(&out, start), BC_ERR_OK);
  struct bc_frame_reader reader;
  struct bc_frame frame;
  bc_frame_reader_init(&reader);
  for (size_t at = 0; at < out.len; at += BC_FRAME_READ_BYTES) {
    size_t len = out.len - at < BC_FRAME_READ_BYTES ? out.len - at : BC_FRAME_READ_BYTES;
    assert_int_equal(bc_frame_reader_next(&reader, &frame), BC_ERR_AGAIN);
    assert_int_equal(bc_frame_reader_add(&reader, out.data + at, len), BC_ERR_OK);
  }
  assert_int_equal(bc_frame_reader_next(&reader, &frame), BC_ERR_OK);
  assert_int_equal(frame.payload.len, PAYLOAD_MOST);
  bc_frame_reader_free(&reader);
  free(payload);
  bc_buf_free(&out);
}

static void a_frame_that_finds_no_room_leaves_the_former_ones(void **state) {
  (void)state;
  struct bc_buf out;
  bc_buf_init(&out, 20);
  put_frame(&out, 1, "abc");
  size_t start = bc_frame_start(&out, 2);
  bc_buf_add_text(&out, "too long");
  assert_int_equal(bc_frame_finish(&out, start), BC_ERR_LIMIT);
  assert_int_equal(out.len, HEADER + 3);
  assert_int_equal(bc_buf_status(&out), BC_ERR_OK);
  bc_buf_free(&out);
}

static void a_reader_that_is_only_fed_is_bounded(void **state) {
  (void)state;
  struct bc_frame_reader reader;
  bc_frame_reader_init(&reader);
  char *bytes = calloc(1, BC_FRAME_READ_BYTES + 1);
  assert_non_null(bytes);
  assert_int_equal(bc_frame_reader_add(&reader, bytes, BC_FRAME_READ_BYTES + 1), BC_ERR_LIMIT);
  int fed = 0;
  while (fed < 100 && bc_frame_reader_add(&reader, bytes, BC_FRAME_READ_BYTES) == BC_ERR_OK) {
    fed++;
  }
  assert_true(fed <= BC_LIMIT_FRAME_BYTES / BC_FRAME_READ_BYTES + 1);
  free(bytes);
  bc_frame_reader_free(&reader);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_header_is_length_type_version_and_zero),
      cmocka_unit_test(frames_come_whole_whatever_the_pieces),
      cmocka_unit_test(half_a_frame_is_not_delivered_and_not_empty),
      cmocka_unit_test(another_version_or_a_used_reserve_breaks_the_stream),
      cmocka_unit_test(a_length_above_the_limit_is_refused_by_its_header),
      cmocka_unit_test(the_largest_frame_passes_and_one_byte_more_is_undone),
      cmocka_unit_test(a_frame_that_finds_no_room_leaves_the_former_ones),
      cmocka_unit_test(a_reader_that_is_only_fed_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
