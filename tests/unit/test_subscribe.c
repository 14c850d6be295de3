/* Words in a node's subscription, put in and taken out. */
#include "model/subscribe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct bc_buf to;

static int setup(void **state) {
  (void)state;
  bc_buf_init(&to, 1024);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_buf_free(&to);
  return 0;
}

struct subscribe_case {
  const char *value, *word, *result;
};

static void a_word_is_put_behind_the_others_as_they_are(void **state) {
  static const struct subscribe_case cases[] = {
      {"WEB", "DNS", "WEB DNS"},
      {"WEB\n", "DNS", "WEB DNS\n"},
      {"WEB\nMAIL", "DNS", "WEB\nMAIL\nDNS"},
      {"  WEB \t D*  \n", "DNS", "  WEB \t D* DNS  \n"},
      {"WEB\nMAIL\n\n", "DNS", "WEB\nMAIL\nDNS\n\n"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bc_buf_clear(&to);
    bc_subscribe_add(&to, bc_str_of(cases[i].value), bc_str_of(cases[i].word));
    assert_string_equal(to.data, cases[i].result);
  }
}

static void none_is_replaced_by_the_first_word(void **state) {
  static const char *const values[] = {"", "-", " - \n", "\n"};
  (void)state;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    bc_buf_clear(&to);
    bc_subscribe_add(&to, bc_str_of(values[i]), bc_str_of("WEB"));
    assert_string_equal(to.data, "WEB");
  }
  bc_buf_clear(&to);
  bc_subscribe_add(&to, (struct bc_str){0}, bc_str_of("WEB"));
  assert_string_equal(to.data, "WEB");
}

static void a_word_goes_and_all_else_stays(void **state) {
  static const struct subscribe_case cases[] = {
      {"WEB DNS MAIL", "DNS", "WEB MAIL"}, {"WEB DNS MAIL\n", "MAIL", "WEB DNS\n"},
      {"WEB DNS MAIL", "WEB", "DNS MAIL"}, {"WEB\n\tDNS\n\tD*\n", "DNS", "WEB\n\tD*\n"},
      {"WEB DNS WEB", "WEB", "DNS"},       {"  WEB\n  DNS", "DNS", "  WEB"},
      {"  WEB  DNS ", "WEB", "DNS "},      {"WEB WEB2 WE", "WEB", "WEB2 WE"},
      {"WEB D*", "DNS", "WEB D*"},         {"W?B WEB", "W?B", "WEB"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bc_buf_clear(&to);
    bc_subscribe_remove(&to, bc_str_of(cases[i].value), bc_str_of(cases[i].word));
    assert_string_equal(to.data, cases[i].result);
  }
}

static void a_value_is_never_left_empty(void **state) {
  static const char *const values[] = {"WEB", " WEB\n", "WEB WEB", "", "\n"};
  (void)state;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    bc_buf_clear(&to);
    bc_subscribe_remove(&to, bc_str_of(values[i]), bc_str_of("WEB"));
    assert_string_equal(to.data, "-");
  }
}

static void globs_match_and_none_matches_nothing(void **state) {
  (void)state;
  struct bc_str value = bc_str_of("WEB D?S\nX*");
  assert_true(bc_str_is(bc_subscribe_match(value, bc_str_of("DNS")), "D?S"));
  assert_true(bc_str_is(bc_subscribe_match(value, bc_str_of("WEB")), "WEB"));
  assert_null(bc_subscribe_match(value, bc_str_of("WEB2")).at);
  assert_null(bc_subscribe_match(bc_str_of("-"), bc_str_of("-")).at);
  assert_true(bc_subscribe_has(value, bc_str_of("D?S")));
  assert_false(bc_subscribe_has(value, bc_str_of("DNS")));
  assert_false(bc_subscribe_has(bc_str_of(" - "), bc_str_of("-")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_word_is_put_behind_the_others_as_they_are, setup, teardown),
      cmocka_unit_test_setup_teardown(none_is_replaced_by_the_first_word, setup, teardown),
      cmocka_unit_test_setup_teardown(a_word_goes_and_all_else_stays, setup, teardown),
      cmocka_unit_test_setup_teardown(a_value_is_never_left_empty, setup, teardown),
      cmocka_unit_test_setup_teardown(globs_match_and_none_matches_nothing, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
