/* The parts of the live page in the binary, and how a browser asks for them again. */
#include "core/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_each_part_is_there_with_its_type(void **state) {
  (void)state;
  static const struct {
    const char *name, *type, *begins;
  } parts[] = {
      {"index.html", "text/html; charset=utf-8", "<!doctype html>"},
      {"style.css", "text/css; charset=utf-8", "/* Colors"},
      {"app.js", "text/javascript; charset=utf-8", "\nconst module_dom"},
      {"icon.svg", "image/svg+xml", "<svg "},
  };
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    const struct core_page_part *part = core_page_find(parts[i].name);
    assert_non_null(part);
    assert_string_equal(part->type, parts[i].type);
    assert_int_equal(strlen(part->hash), 16);
    assert_true(part->length > strlen(parts[i].begins));
    assert_memory_equal(part->text, parts[i].begins, strlen(parts[i].begins));
    assert_int_equal(strlen(part->text), part->length);
  }
}

static void test_packed_parts_are_gzip_without_a_time(void **state) {
  (void)state;
  static const uint8_t head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0};
  for (const struct core_page_part *part = core_page_parts; part->name != NULL; part++) {
    assert_true(part->packed_length > sizeof head && part->packed_length < part->length);
    assert_memory_equal(part->packed, head, sizeof head);
    /* The last four bytes are the length of what was packed. */
    const uint8_t *end = (const uint8_t *)part->packed + part->packed_length - 4;
    assert_int_equal(end[0] | end[1] << 8 | end[2] << 16, part->length);
  }
}

static void test_nothing_else_is_a_part(void **state) {
  (void)state;
  static const char *const names[] = {"", "index", "index.html/", "../core/page.c", "app.js.gz", "INDEX.HTML"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    assert_null(core_page_find(names[i]));
  }
}

static void test_gzip_is_sent_to_whom_takes_it(void **state) {
  (void)state;
  static const struct {
    const char *accept;
    bool takes;
  } cases[] = {
      {NULL, false},
      {"", false},
      {"gzip", true},
      {"gzip, deflate, br, zstd", true},
      {"br;q=1.0, GZIP;q=0.5", true},
      {"deflate , gzip ", true},
      {"gzip;q=0", false},
      {"gzip; q=0.000", false},
      {"gzip;q=0.001", true},
      {"x-gzip", false},
      {"gzipped", false},
      {"*", false},
      {"identity", false},
      {",,;,", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(core_page_takes_gzip(cases[i].accept), cases[i].takes);
  }
}

static void test_a_tag_that_is_known_is_found(void **state) {
  (void)state;
  static const struct {
    const char *header;
    bool has;
  } cases[] = {
      {NULL, false},    {"", false},
      {"\"a1\"", true}, {"W/\"a1\"", true},
      {"*", true},      {"\"b2\", \"a1\"", true},
      {"a1", false},    {"\"a1-gzip\"", false},
      {"\"a\"", false}, {"w/\"a1\"", false},
      {"\"a1", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(core_page_has_tag(cases[i].header, "\"a1\""), cases[i].has);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_part_is_there_with_its_type),
      cmocka_unit_test(test_packed_parts_are_gzip_without_a_time),
      cmocka_unit_test(test_nothing_else_is_a_part),
      cmocka_unit_test(test_gzip_is_sent_to_whom_takes_it),
      cmocka_unit_test(test_a_tag_that_is_known_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
