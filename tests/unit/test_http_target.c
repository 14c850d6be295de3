#include "proto/http_target.h"

#include "proto/http_form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_target_is_taken_apart(void **state) {
  (void)state;
  struct bc_http_target target;
  assert_int_equal(bc_http_target_parse("/v1/routes/a%2Fb%20c?name=x%26y&brief&q=a+b%2b&&", NULL, &target, NULL),
                   BC_ERR_OK);
  assert_string_equal(target.path, "/v1/routes/a%2Fb c");
  assert_string_equal(bc_http_target_query(&target, "name"), "x&y");
  assert_string_equal(bc_http_target_query(&target, "brief"), "");
  assert_string_equal(bc_http_target_query(&target, "q"), "a b+");
  assert_null(bc_http_target_query(&target, "other"));
  assert_int_equal(target.query_count, 3);
  bc_http_target_free(&target);
}

static void a_plus_in_a_path_is_a_plus(void **state) {
  (void)state;
  struct bc_http_target target;
  assert_int_equal(bc_http_target_parse("/a+b?", NULL, &target, NULL), BC_ERR_OK);
  assert_string_equal(target.path, "/a+b");
  assert_int_equal(target.query_count, 0);
  bc_http_target_free(&target);
}

static void an_absolute_target_names_the_host_of_the_header(void **state) {
  static const struct {
    const char *raw, *host, *path;
  } cases[] = {
      {"http://h:1/a?b", "h:1", "/a"},
      {"HTTP://H/", "h", "/"},
      {"http://h", "h", "/"},
      {"http://h/a", "h:80", NULL},
      {"http://h/a", NULL, NULL},
      {"http://h.x/a", "h", NULL},
      {"http:///a", "", "/a"},
      {"https://h/a", "h", NULL},
      {"a", "h", NULL},
      {"*", "h", NULL},
      {"", "h", NULL},
      {"http://u@h/a", "h", NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_http_target target;
    struct bc_fault fault = {0};
    enum bc_err err = bc_http_target_parse(cases[i].raw, cases[i].host, &target, &fault);
    assert_int_equal(err, cases[i].path == NULL ? BC_ERR_SYNTAX : BC_ERR_OK);
    if (cases[i].path != NULL) {
      assert_string_equal(target.path, cases[i].path);
    } else {
      assert_true(fault.column > 0 && fault.text[0] != '\0');
    }
    bc_http_target_free(&target);
  }
}

static void what_is_wrong_is_told_with_its_column(void **state) {
  static const struct {
    const char *raw;
    enum bc_err err;
    size_t column;
  } cases[] = {
      {"/a%", BC_ERR_SYNTAX, 3},        {"/a%4", BC_ERR_SYNTAX, 3},        {"/a%4g", BC_ERR_SYNTAX, 3},
      {"/a%00", BC_ERR_SYNTAX, 3},      {"/a b", BC_ERR_SYNTAX, 3},        {"/a#b", BC_ERR_SYNTAX, 3},
      {"/a?x=%ff", BC_ERR_SYNTAX, 6},   {"/a?x=%C2%80", BC_ERR_SYNTAX, 6}, {"/a?%0a=1", BC_ERR_SYNTAX, 4},
      {"/a?b&=1", BC_ERR_SYNTAX, 6},    {"/a?b=1&c&b", BC_ERR_EXISTS, 10}, {"/%7f", BC_ERR_SYNTAX, 1},
      {"/a?b=1&%62", BC_ERR_EXISTS, 8}, {"/\xc3\xa4", BC_ERR_SYNTAX, 2},   {"/%ED%A0%80", BC_ERR_SYNTAX, 1},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_http_target target;
    struct bc_fault fault = {0};
    enum bc_err err = bc_http_target_parse(cases[i].raw, NULL, &target, &fault);
    if (err != cases[i].err || fault.column != cases[i].column) {
      fail_msg("%s, column %zu (%s) for %s", bc_err_name(err), fault.column, fault.text, cases[i].raw);
    }
    bc_http_target_free(&target);
  }
}

static void a_query_has_a_limit(void **state) {
  (void)state;
  char raw[1024] = "/?";
  for (int i = 0; i < BC_LIMIT_HTTP_QUERY_NAMES; i++) {
    (void)snprintf(raw + strlen(raw), sizeof raw - strlen(raw), "n%d&", i);
  }
  struct bc_http_target target;
  assert_int_equal(bc_http_target_parse(raw, NULL, &target, NULL), BC_ERR_OK);
  bc_http_target_free(&target);
  (void)snprintf(raw + strlen(raw), sizeof raw - strlen(raw), "more");
  assert_int_equal(bc_http_target_parse(raw, NULL, &target, NULL), BC_ERR_LIMIT);
  bc_http_target_free(&target);
}

static void the_characters_of_a_head_are_known(void **state) {
  (void)state;
  assert_true(bc_http_is_token(bc_str_of("X-Test_1!#$%&'*+.^`|~")));
  assert_false(bc_http_is_token(bc_str_of("")));
  for (const char *bad = " \t()<>@,;:\\\"/[]?={}\x7f\x80"; *bad != '\0'; bad++) {
    assert_false(bc_http_is_token((struct bc_str){.at = bad, .len = 1}));
  }
  assert_false(bc_http_is_token((struct bc_str){.at = "a\0b", .len = 3}));
  assert_true(bc_http_is_value(bc_str_of("a\tb \xff")));
  assert_true(bc_http_is_value(bc_str_of("")));
  assert_false(bc_http_is_value(bc_str_of("a\rb")));
  assert_false(bc_http_is_value((struct bc_str){.at = "a\0b", .len = 3}));
}

static void utf8_is_read_strictly(void **state) {
  static const struct {
    const char *text;
    size_t len;
  } cases[] = {
      {"a", 1},
      {"\xc3\xa4", 2},
      {"\xe2\x82\xac", 3},
      {"\xf0\x9f\x92\xa9", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"", 0},
      {"\x80", 0},
      {"\xc0\x80", 0},
      {"\xc1\xbf", 0},
      {"\xe0\x9f\xbf", 0},
      {"\xed\xa0\x80", 0},
      {"\xf0\x8f\xbf\xbf", 0},
      {"\xf4\x90\x80\x80", 0},
      {"\xf5\x80\x80\x80", 0},
      {"\xe2\x82", 0},
      {"\xc3", 0},
      {"\xc3(", 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(bc_str_character(bc_str_of(cases[i].text)), cases[i].len);
  }
}

static bool on_field(void *arg, struct bc_str name, struct bc_str value) {
  char *said = arg;
  (void)snprintf(said + strlen(said), 256 - strlen(said), BC_STR_FMT "=" BC_STR_FMT ";", BC_STR_ARG(name),
                 BC_STR_ARG(value));
  return !bc_str_is(name, "stop");
}

static void a_form_is_read(void **state) {
  static const struct {
    const char *body, *said;
    enum bc_err err;
  } cases[] = {
      {"", "", BC_ERR_OK},
      {"&&", "", BC_ERR_OK},
      {"a", "a=;", BC_ERR_OK},
      {"a=1&b=2+3%2b&a=4", "a=1;b=2 3+;a=4;", BC_ERR_OK},
      {"a=b=c", "a=b=c;", BC_ERR_OK},
      {"=x", "=x;", BC_ERR_OK},
      {"%61%3D=%26", "a==&;", BC_ERR_OK},
      {"a=%", "", BC_ERR_SYNTAX},
      {"a=%4", "", BC_ERR_SYNTAX},
      {"%zz=1", "", BC_ERR_SYNTAX},
      {"a=1&b=%q1", "a=1;", BC_ERR_SYNTAX},
      {"stop=1&b=2", "stop=1;", BC_ERR_REFUSED},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char said[256] = "";
    struct bc_fault fault;
    /* Without the zero at its end, so that reading past it is seen. */
    char *body = malloc(strlen(cases[i].body) + 1);
    memcpy(body, cases[i].body, strlen(cases[i].body) + 1);
    body = realloc(body, strlen(cases[i].body) == 0 ? 1 : strlen(cases[i].body));
    struct bc_str text = {.at = body, .len = strlen(cases[i].body)};
    assert_int_equal(bc_http_form_each(text, on_field, said, &fault), cases[i].err);
    assert_string_equal(said, cases[i].said);
    free(body);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_target_is_taken_apart),
      cmocka_unit_test(a_plus_in_a_path_is_a_plus),
      cmocka_unit_test(an_absolute_target_names_the_host_of_the_header),
      cmocka_unit_test(what_is_wrong_is_told_with_its_column),
      cmocka_unit_test(a_query_has_a_limit),
      cmocka_unit_test(the_characters_of_a_head_are_known),
      cmocka_unit_test(utf8_is_read_strictly),
      cmocka_unit_test(a_form_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
