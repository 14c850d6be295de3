/* base/enum_text: a text for each member, and one for what is no member. */
#include "base/enum_text.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COLOUR_LIST(X)                                                                                                 \
  X(COLOUR_RED, "red") X(COLOUR_GREEN, "green", 7, "more that a list may hold") X(COLOUR_BLUE, "blue")
enum colour { COLOUR_LIST(BC_ENUM_MEMBER) COLOUR_COUNT };

static BC_ENUM_TEXT_FUNCTION(colour_text, enum colour, COLOUR_LIST, "no colour")

    static void each_member_has_its_own_text(void **state) {
  (void)state;
  assert_int_equal(COLOUR_COUNT, 3);
  assert_string_equal(colour_text(COLOUR_RED), "red");
  assert_string_equal(colour_text(COLOUR_GREEN), "green");
  assert_string_equal(colour_text(COLOUR_BLUE), "blue");
}

static void a_value_that_is_no_member_has_a_text_too(void **state) {
  (void)state;
  assert_string_equal(colour_text(COLOUR_COUNT), "no colour");
  assert_string_equal(colour_text((enum colour) - 1), "no colour");
  assert_string_equal(bc_err_name((enum bc_err)4711), "unknown error");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_member_has_its_own_text),
      cmocka_unit_test(a_value_that_is_no_member_has_a_text_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
