#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { BUF_TEXT_MAX = 300 };

static void every_way_to_add_takes_what_exactly_fills_the_maximum_and_no_more(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 63, 64, 255, 256, 257, BUF_TEXT_MAX};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    char text[BUF_TEXT_MAX + 1];
    memset(text, 'x', sizeof text);
    text[lengths[i]] = '\0';
    for (int way = 0; way < 2; way++) {
      for (size_t missing = 0; missing < 2; missing++) {
        struct bc_buf buf;
        bc_buf_init(&buf, lengths[i] + 1 - missing);
        bc_buf_add_char(&buf, 'a');
        if (way == 0) {
          bc_buf_add_text(&buf, text);
        } else {
          bc_buf_add_format(&buf, "%s", text);
        }
        assert_int_equal(bc_buf_status(&buf), missing == 0 ? BC_ERR_OK : BC_ERR_LIMIT);
        assert_int_equal(strlen(buf.data), buf.len);
        assert_int_equal(buf.len, missing == 0 ? lengths[i] + 1 : 1);
        assert_string_equal(buf.data + 1, missing == 0 ? text : "");
        bc_buf_free(&buf);
      }
    }
  }
}

static void a_failure_lasts_until_the_buffer_is_cleared(void **state) {
  (void)state;
  struct bc_buf buf;
  bc_buf_init(&buf, 3);
  bc_buf_add_text(&buf, "four");
  bc_buf_add_text(&buf, "abc");
  assert_string_equal(buf.data, "abc");
  assert_int_equal(bc_buf_status(&buf), BC_ERR_LIMIT);
  bc_buf_clear(&buf);
  bc_buf_add_format(&buf, "%d", 12);
  assert_string_equal(buf.data, "12");
  assert_int_equal(bc_buf_status(&buf), BC_ERR_OK);
  bc_buf_free(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_way_to_add_takes_what_exactly_fills_the_maximum_and_no_more),
      cmocka_unit_test(a_failure_lasts_until_the_buffer_is_cleared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
