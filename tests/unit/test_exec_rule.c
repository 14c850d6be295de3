/* Which programs Lua checks may run. */
#include "base/limits.h"
#include "model/exec_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The NUL of the literal ends the last word. */
#define ARGV(text) ((struct bc_str){.at = (text), .len = sizeof(text)})

static bool allows(const char *rules, struct bc_str argv) {
  return bc_exec_rule_allows(bc_str_of(rules), argv);
}

static void a_rule_allows_exactly_its_words(void **state) {
  (void)state;
  const char *rule = "/usr/sbin/birdc show status";
  assert_true(allows(rule, ARGV("/usr/sbin/birdc\0show\0status")));
  assert_false(allows(rule, ARGV("/usr/sbin/birdc\0show")));
  assert_false(allows(rule, ARGV("/usr/sbin/birdc\0show\0status\0all")));
  assert_false(allows(rule, ARGV("/usr/sbin/birdc\0show\0statu")));
  assert_false(allows(rule, ARGV("/usr/sbin/birdc\0show status")));
  assert_false(allows(rule, ARGV("/usr/sbin/bird\0show\0status")));
  assert_false(allows(rule, ARGV("/usr/sbin/birdc\0show\0status\0")));
  assert_false(allows(rule, ARGV("/usr/sbin/birdc\0\0show\0status")));
  assert_true(allows("/bin/true", ARGV("/bin/true")));
  assert_false(allows("/bin/true", ARGV("/bin/true\0")));
  assert_false(allows("", ARGV("/bin/true")));
}

static void globs_stand_for_parts_of_one_word(void **state) {
  (void)state;
  const char *rule = "/bin/ping -c ? 10.0.*";
  assert_true(allows(rule, ARGV("/bin/ping\0-c\0"
                                "3\0"
                                "10.0.0.1")));
  assert_true(allows(rule, ARGV("/bin/ping\0-c\0"
                                "3\0"
                                "10.0.")));
  assert_false(allows(rule, ARGV("/bin/ping\0-c\0"
                                 "33\0"
                                 "10.0.0.1")));
  assert_false(allows(rule, ARGV("/bin/ping\0-c\0"
                                 "3\0"
                                 "10.1.0.1")));
  assert_false(allows(rule, ARGV("/bin/ping\0-c\0"
                                 "3\0"
                                 "10.0.0.1\0-f")));
  assert_true(allows("/bin/x show?protocols", ARGV("/bin/x\0show protocols")));
  assert_true(allows("/bin/x *", ARGV("/bin/x\0")));
  assert_true(allows("/bin/x *", ARGV("/bin/x\0a b/c")));
}

static void dots_at_the_end_stand_for_any_further_words(void **state) {
  (void)state;
  const char *rule = "/bin/x show ...";
  assert_true(allows(rule, ARGV("/bin/x\0show")));
  assert_true(allows(rule, ARGV("/bin/x\0show\0a\0\0b c")));
  assert_false(allows(rule, ARGV("/bin/x\0set\0a")));
  assert_false(allows(rule, ARGV("/bin/x")));
}

static void any_of_the_rules_is_enough(void **state) {
  (void)state;
  const char *rules = "/bin/a x\n/bin/b ...\n/bin/c";
  assert_true(allows(rules, ARGV("/bin/a\0x")));
  assert_true(allows(rules, ARGV("/bin/b\0y\0z")));
  assert_true(allows(rules, ARGV("/bin/c")));
  assert_false(allows(rules, ARGV("/bin/a\0y")));
  assert_false(allows(rules, ARGV("/bin/d")));
}

static void what_is_no_command_is_not_allowed(void **state) {
  (void)state;
  static char many[2 * BC_LIMIT_EXEC_WORDS + 8] = "/x";
  static char long_one[BC_LIMIT_EXEC_ARGV_BYTES + 8] = "/x";
  struct bc_str most = {many, 3 + 2 * (BC_LIMIT_EXEC_WORDS - 1)};
  for (size_t i = 3; i < sizeof many; i++) {
    many[i] = i % 2 == 0 ? '\0' : 'a';
  }
  assert_true(allows("/x ...", most));
  most.len += 2;
  assert_false(allows("/x ...", most));
  memset(long_one + 3, 'a', sizeof long_one - 3);
  long_one[BC_LIMIT_EXEC_ARGV_BYTES - 1] = '\0';
  assert_true(allows("/x ...", (struct bc_str){long_one, BC_LIMIT_EXEC_ARGV_BYTES}));
  long_one[BC_LIMIT_EXEC_ARGV_BYTES - 1] = 'a';
  long_one[BC_LIMIT_EXEC_ARGV_BYTES] = '\0';
  assert_false(allows("/x ...", (struct bc_str){long_one, BC_LIMIT_EXEC_ARGV_BYTES + 1}));
  assert_false(allows("/x ...", (struct bc_str){"/x\0a", 4}));
  assert_false(allows("/x ...", (struct bc_str){"", 0}));
  assert_false(allows("x ...", ARGV("x\0a")));
  assert_false(allows("/ ...", ARGV("/")));
}

static void a_rule_that_means_nothing_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *rule, *fault;
  } cases[] = {
      {"", "absolute path"},
      {"birdc show", "absolute path"},
      {"/usr/bin/* x", "absolute path"},
      {"/usr/bin/bird? x", "absolute path"},
      {"/", "absolute path"},
      {"... x", "absolute path"},
      {"/bin/x ... y", "last word"},
      {"/bin/x ... ...", "last word"},
      {"/bin/x\n/bin/y", "absolute path"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_fault fault = {0};
    assert_int_equal(bc_exec_rule_check(bc_str_of(cases[i].rule), &fault), BC_ERR_SYNTAX);
    assert_non_null(strstr(fault.text, cases[i].fault));
  }
  static const char *const fine[] = {"/bin/x", "/bin/x ...", "/bin/x a....b", "/bin/x * ? [a]", "/usr/bin/../x"};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
    assert_int_equal(bc_exec_rule_check(bc_str_of(fine[i]), NULL), BC_ERR_OK);
  }
  char many[2 * BC_LIMIT_EXEC_WORDS + 4] = "/x";
  for (size_t i = 1; i < BC_LIMIT_EXEC_WORDS; i++) {
    (void)memcpy(many + 2 * i, " a", 3);
  }
  assert_int_equal(bc_exec_rule_check(bc_str_of(many), NULL), BC_ERR_OK);
  (void)memcpy(many + 2 * BC_LIMIT_EXEC_WORDS, " a", 3);
  assert_int_equal(bc_exec_rule_check(bc_str_of(many), NULL), BC_ERR_LIMIT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rule_allows_exactly_its_words),
      cmocka_unit_test(globs_stand_for_parts_of_one_word),
      cmocka_unit_test(dots_at_the_end_stand_for_any_further_words),
      cmocka_unit_test(any_of_the_rules_is_enough),
      cmocka_unit_test(what_is_no_command_is_not_allowed),
      cmocka_unit_test(a_rule_that_means_nothing_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
