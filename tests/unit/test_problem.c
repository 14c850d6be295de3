#include "proto/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

static json_t *print(unsigned status, const char *code, const char *detail, size_t column, const char *expected) {
  struct bc_buf buf;
  bc_buf_init(&buf, 65536);
  bc_problem_print(&buf, status, code, detail, column, expected);
  assert_int_equal(bc_buf_status(&buf), BC_ERR_OK);
  json_t *json = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(json);
  bc_buf_free(&buf);
  return json;
}

static const char *text_of(const json_t *json, const char *name) {
  return json_string_value(json_object_get(json, name));
}

static void the_members_of_rfc_9457_are_there(void **state) {
  (void)state;
  json_t *json = print(404, "no-route", "there is no route \"web\"", 0, NULL);
  assert_string_equal(text_of(json, "title"), "Not Found");
  assert_int_equal(json_integer_value(json_object_get(json, "status")), 404);
  assert_string_equal(text_of(json, "detail"), "there is no route \"web\"");
  assert_string_equal(text_of(json, "code"), "no-route");
  assert_int_equal(json_object_size(json), 4);
  json_decref(json);
}

static void column_and_expected_are_told_when_they_are_known(void **state) {
  (void)state;
  json_t *json = print(400, "syntax", "no prefix", 16, "a prefix as 192.0.2.0/24");
  assert_int_equal(json_integer_value(json_object_get(json, "column")), 16);
  assert_string_equal(text_of(json, "expected"), "a prefix as 192.0.2.0/24");
  json_decref(json);
}

static void any_text_makes_json(void **state) {
  (void)state;
  char text[256];
  for (int i = 1; i < 256; i++) {
    text[i - 1] = (char)i;
  }
  text[255] = '\0';
  json_decref(print(599, text, text, 1, text));
  json_t *json = print(400, "c", "\\ \" \n \x7f \xc3\xa4 \xc3 \xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80", 0, NULL);
  assert_string_equal(text_of(json, "detail"), "\\ \" \n \x7f \xc3\xa4 ? ??? ?? ????");
  json_decref(json);
}

static void a_status_without_a_name_is_an_error(void **state) {
  (void)state;
  assert_string_equal(bc_problem_title(599), "Error");
  assert_string_equal(bc_problem_title(413), "Content Too Large");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_members_of_rfc_9457_are_there),
      cmocka_unit_test(column_and_expected_are_told_when_they_are_known),
      cmocka_unit_test(any_text_makes_json),
      cmocka_unit_test(a_status_without_a_name_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
