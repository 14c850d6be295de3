/* What a pattern could cost on a text: dear ones are refused, usual ones are not. */
#include "worker/lua_pattern.h"

#include "base/limits.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BODY_BYTES = 65536 };

/* `piece` again and again. */
static struct bc_str repeat(const char *piece, size_t bytes) {
  char *text = bc_mem_new(bytes + 1, 1);
  size_t len = strlen(piece);
  for (size_t i = 0; i < bytes; i++) {
    text[i] = piece[i % len];
  }
  return (struct bc_str){.at = text, .len = bytes};
}

static void check(const char *piece, size_t bytes, const char *pattern, bool is_anchor, bool is_allowed) {
  struct bc_str subject = repeat(piece, bytes);
  uint64_t steps = bc_lua_pattern_steps(subject, bc_str_of(pattern), is_anchor);
  if ((steps <= BC_LIMIT_LUA_PATTERN_STEPS) != is_allowed) {
    fail_msg("%s on %zu bytes of \"%s\": %llu steps", pattern, bytes, piece, (unsigned long long)steps);
  }
  free((char *)subject.at);
}

static void patterns_that_could_last_for_minutes_are_refused(void **state) {
  (void)state;
  check("a", 60, "a*a*a*a*a*a*a*a*b", true, false);
  check("a", 400, "a*a*a*b", true, false);
  check("a", 20000, ".-b", true, false);
  check("a", 20000, "a+b", true, false);
  check("a", 20000, "[%w_]*!", true, false);
  check("a", 2000, "^.-.-.-b", true, false);
  check("(", 20000, "%b()", true, false);
  check("a", 20000, "(a*)%1b", true, false);
  check("^", 20000, "^.-b", false, false);
  check("a", 200, "a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?b", true, false);
  check("a", 1000000, "%a+%d+%a+%d+%a+%d+%a+%d+%a+%d+%a+%d+%a+%d+%a+%d+%a+%d+%a+%d+%a+%d+", true, false);
}

static void usual_patterns_are_allowed_on_texts_of_usual_size(void **state) {
  (void)state;
  static const char json[] = "{\"name\": \"dns-17\", \"load\": 0.25, \"up\": true}\n";
  static const char page[] = "server accepts handled requests\n 16630948 16630948 31070465 \nReading: 6 Writing: 179\n";
  static const char *const patterns[] = {
      "\"load\"%s*:%s*([%d.]+)",
      "^%s*(.-)%s*$",
      "([^\n]*)\n",
      "(.-)\n",
      "[^\n]+",
      "(%d+)%.(%d+)%.(%d+)%.(%d+)",
      "(%w+)%s*=%s*(%w+)",
      "\"(.-)\"",
      "Reading: (%d+) Writing: (%d+)",
      "%s+(%d+)%s+(%d+)%s+(%d+)",
      "%f[%w]%w+",
      "^HTTP/%d%.%d (%d+)",
      "%-?%d+%.?%d*",
  };
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    check(json, BODY_BYTES, patterns[i], true, true);
    check(page, BODY_BYTES, patterns[i], true, true);
  }
  check("^", 20000, "^.-b", true, true);
  check(json, 4096, "%b{}", true, true);
  check("a", 1000000, "^a*b", true, true);
  check("a", 1000000, "a", true, true);
  check("a", 1000000, "a*", true, true);
  check("a", 1000000, ".", true, true);
}

static void what_is_malformed_counts_up_to_there(void **state) {
  (void)state;
  static const char *const patterns[] = {"%", "[", "[a", "[^", "[]", "%b", "%bx", "%f", "%fx", "[%", "()", "(", ""};
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    assert_true(bc_lua_pattern_steps(bc_str_of("text"), bc_str_of(patterns[i]), true) < 50);
  }
  /* The matcher tries all of it before it finds out. */
  check("a", 400, "a*a*a*b%", true, false);
  check("a", 400, "a*a*a*b[", true, false);
  check("a", 400, "(a*a*a*b", true, false);
  struct bc_str many = repeat("a", 129);
  assert_true(bc_lua_pattern_steps(bc_str_of("text"), many, true) == UINT64_MAX);
  free((char *)many.at);
}

static void sets_are_read_as_the_matcher_reads_them(void **state) {
  (void)state;
  check("]", 400, "[a-%]]*[a-%]]*[a-%]]*b", true, false);
  check("]", 400, "[]]*[]]*[]]*b", true, false);
  check("-", 400, "[a-]*[a-]*[a-]*b", true, false);
  check("]", 400, "[%]]*[%]]*[%]]*b", true, false);
  check("b", 400, "[a-c]*[^]a]*[%a]*d", true, false);
  check("^", 400, "[a^]*[a^]*[a^]*d", true, false);
  check("a", 400, "[^%d]*[^%d]*%D*d", true, false);
  check("*", 400, "(**)**)**d", true, false);
}

static void a_text_without_magic_is_plain(void **state) {
  (void)state;
  assert_true(bc_lua_pattern_is_plain(bc_str_of("a]b/c:{}")));
  assert_true(bc_lua_pattern_is_plain((struct bc_str){.at = "a\0b", .len = 3}));
  assert_false(bc_lua_pattern_is_plain((struct bc_str){.at = "a\0.", .len = 3}));
  for (const char *magic = "^$*+?.([%-"; *magic != '\0'; magic++) {
    assert_false(bc_lua_pattern_is_plain((struct bc_str){.at = magic, .len = 1}));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_that_could_last_for_minutes_are_refused),
      cmocka_unit_test(usual_patterns_are_allowed_on_texts_of_usual_size),
      cmocka_unit_test(what_is_malformed_counts_up_to_there),
      cmocka_unit_test(sets_are_read_as_the_matcher_reads_them),
      cmocka_unit_test(a_text_without_magic_is_plain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
