/* Which lines of a Lua text can be executed. */
#include "worker/cover.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "1 2 5" */
static void expect_lines(const char *text, const char *expected) {
  size_t count = 0;
  bool *lines = bc_cover_read(bc_str_of(text), &count);
  struct bc_buf found;
  bc_buf_init(&found, 4096);
  assert_non_null(lines);
  for (size_t i = 0; i < count; i++) {
    if (lines[i]) {
      bc_buf_add_format(&found, "%s%zu", found.len == 0 ? "" : " ", i);
    }
  }
  assert_string_equal(found.data, expected);
  bc_buf_free(&found);
  free(lines);
}

static void test_what_the_sandbox_puts_in_front_is_no_line(void **state) {
  (void)state;
  expect_lines("", "");
  expect_lines("#!lua\nreturn true\n", "2");
  expect_lines("return true", "1");
  expect_lines("-- nothing\n\nlocal x\n", "3");
}

/* What makes a function stands at its end. */
static void test_ends_of_functions_count_where_they_are_made(void **state) {
  (void)state;
  expect_lines("return { f = function()\n  if a then\n    return 1\n  end\nend, }\n", "1 2 3 5");
  expect_lines("#!lua\nlocal function f()\n  return 1\nend\nreturn f()\n", "3 4 5");
  expect_lines("function f(...)\n  g(...)\nend\n", "1 2 3");
}

static void test_functions_that_are_never_made_count(void **state) {
  (void)state;
  expect_lines("return function()\n  return function()\n    a()\n    return 1\n  end\nend\n", "3 4 5 6");
}

static void test_branches_and_loops(void **state) {
  (void)state;
  expect_lines("if a then\n  b()\nelse\n  c()\nend\nfor i = 1, 2 do\n  d(i)\nend\nreturn e\n", "1 2 4 6 7 9");
}

/* A line that is further away than a byte says stands in another list of the code, as every 128th does. */
static void test_lines_that_are_far_apart(void **state) {
  (void)state;
  struct bc_buf text;
  bc_buf_init(&text, 65536);
  bc_buf_add_text(&text, "a()\n");
  for (int i = 0; i < 400; i++) {
    bc_buf_add_char(&text, '\n');
  }
  bc_buf_add_text(&text, "b()\n");
  expect_lines(text.data, "1 402");
  bc_buf_clear(&text);
  for (int i = 0; i < 1000; i++) {
    bc_buf_add_text(&text, "a(1, 'x', 2.5, nil, true)\n");
  }
  size_t count = 0;
  size_t executable = 0;
  bool *lines = bc_cover_read(bc_buf_str(&text), &count);
  assert_int_equal(count, 1001);
  for (size_t i = 0; i < count; i++) {
    executable += lines[i] ? 1 : 0;
  }
  assert_int_equal(executable, 1000);
  free(lines);
  bc_buf_free(&text);
}

static void test_what_does_not_compile_has_no_lines(void **state) {
  size_t count;
  (void)state;
  assert_null(bc_cover_read(bc_str_of("return return"), &count));
  assert_null(bc_cover_read_dump(bc_str_of("\x1bLua"), 0, &count));
  assert_null(bc_cover_read_dump(bc_str_of("nothing of the kind, but long enough for a head"), 0, &count));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_the_sandbox_puts_in_front_is_no_line),
      cmocka_unit_test(test_ends_of_functions_count_where_they_are_made),
      cmocka_unit_test(test_functions_that_are_never_made_count),
      cmocka_unit_test(test_branches_and_loops),
      cmocka_unit_test(test_lines_that_are_far_apart),
      cmocka_unit_test(test_what_does_not_compile_has_no_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
