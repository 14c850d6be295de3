#include "model/exec_rule.h"

#include "base/limits.h"

#include <string.h>

#define EXEC_RULE_REST "..."

static bool rule_has_glob(struct bc_str word) {
  return memchr(word.at, '*', word.len) != NULL || memchr(word.at, '?', word.len) != NULL;
}

enum bc_err bc_exec_rule_check(struct bc_str rule, struct bc_fault *fault) {
  struct bc_str rest = rule;
  struct bc_str word = bc_str_next_word(&rest);
  if (!bc_str_is_printable(rule) || word.len < 2 || word.at[0] != '/' || rule_has_glob(word)) {
    bc_fault_set(fault, 0, "expected a program's absolute path without * and ?, then patterns of its words");
    return BC_ERR_SYNTAX;
  }
  bool is_rest = false;
  for (size_t count = 1; (word = bc_str_next_word(&rest)).len > 0; count++) {
    if (is_rest) {
      bc_fault_set(fault, 0, "expected " EXEC_RULE_REST " as the last word only");
      return BC_ERR_SYNTAX;
    }
    if (count >= BC_LIMIT_EXEC_WORDS) {
      bc_fault_set(fault, 0, "expected at most %d words", (int)BC_LIMIT_EXEC_WORDS);
      return BC_ERR_LIMIT;
    }
    is_rest = bc_str_is(word, EXEC_RULE_REST);
  }
  return BC_ERR_OK;
}

/* An empty word counts, so it is not told by its length. */
static bool rule_next_argument(struct bc_str *rest, struct bc_str *word) {
  const char *end = rest->len == 0 ? NULL : memchr(rest->at, '\0', rest->len);
  if (end == NULL) {
    return false;
  }
  *word = (struct bc_str){.at = rest->at, .len = (size_t)(end - rest->at)};
  rest->at = end + 1;
  rest->len -= word->len + 1;
  return true;
}

bool bc_exec_rule_is_command(struct bc_str argv) {
  struct bc_str rest = argv;
  struct bc_str word;
  size_t count = 0;
  if (argv.len < 3 || argv.len > BC_LIMIT_EXEC_ARGV_BYTES || argv.at[0] != '/') {
    return false;
  }
  while (rule_next_argument(&rest, &word)) {
    count++;
  }
  return rest.len == 0 && count > 0 && count <= BC_LIMIT_EXEC_WORDS;
}

static bool rule_allows(struct bc_str rule, struct bc_str argv) {
  struct bc_str word;
  struct bc_str pattern = bc_str_next_word(&rule);
  if (!rule_next_argument(&argv, &word) || pattern.len == 0 || !bc_str_equal(pattern, word)) {
    return false;
  }
  while ((pattern = bc_str_next_word(&rule)).len > 0) {
    if (bc_str_is(pattern, EXEC_RULE_REST)) {
      return true;
    }
    if (!rule_next_argument(&argv, &word) || !bc_str_glob(pattern, word)) {
      return false;
    }
  }
  return argv.len == 0;
}

bool bc_exec_rule_allows(struct bc_str rules, struct bc_str argv) {
  struct bc_str rule;
  if (!bc_exec_rule_is_command(argv)) {
    return false;
  }
  while (bc_str_next_field(&rules, '\n', &rule)) {
    if (bc_exec_rule_check(rule, NULL) == BC_ERR_OK && rule_allows(rule, argv)) {
      return true;
    }
  }
  return false;
}
