#include "model/lint.h"

#include "base/mem.h"
#include "model/config.h"
#include "model/lint_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(BC_LINT_RULES <= 32, "a set of rules is a number");

BC_ENUM_TEXT_FUNCTION(bc_lint_mode_text, enum bc_lint_mode, BC_LINT_MODE_LIST, "unknown")

static const struct lint_rule {
  const char *name;
  enum bc_lint_level level;
  const char *what;
} lint_rules[] = {
#define BC_LINT_RULE(member, name, level, what) {name, BC_LINT_##level, what},
#include "model/lint_rules.def"
#undef BC_LINT_RULE
};

const char *bc_lint_rule_name(enum bc_lint_rule rule) {
  return lint_rules[rule].name;
}

const char *bc_lint_rule_what(enum bc_lint_rule rule) {
  return lint_rules[rule].what;
}

enum bc_lint_level bc_lint_rule_level(enum bc_lint_rule rule) {
  return lint_rules[rule].level;
}

const char *bc_lint_level_text(enum bc_lint_level value) {
  return value == BC_LINT_ERROR ? "error" : "warning";
}

/* ---- findings ---- */

void bc_lint_add(struct bc_lint_work *work, enum bc_lint_rule rule, struct bc_lua_place place, const char *format,
                 ...) {
  struct bc_fault fault;
  char text[BC_FAULT_TEXT_BYTES];
  va_list arguments;
  if (work->count == BC_LINT_FINDINGS_MOST) {
    return;
  }
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  bc_fault_set(&fault, 0, "%s", text);
  if (work->count == work->room) {
    work->room = work->room * 2 + 16;
    work->findings = bc_mem_resize(work->findings, work->room, sizeof *work->findings);
  }
  struct bc_lint_finding *finding = &work->findings[work->count++];
  *finding = (struct bc_lint_finding){.rule = rule, .place = place};
  memcpy(finding->text, fault.text, sizeof finding->text);
}

static int lint_compare(const void *a, const void *b) {
  const struct bc_lint_finding *one = a;
  const struct bc_lint_finding *two = b;
  if (one->place.line != two->place.line) {
    return one->place.line < two->place.line ? -1 : 1;
  }
  if (one->place.column != two->place.column) {
    return one->place.column < two->place.column ? -1 : 1;
  }
  return one->rule != two->rule ? (one->rule < two->rule ? -1 : 1) : strcmp(one->text, two->text);
}

/* ---- comments ---- */

static bool lint_is_ignored(const struct bc_lint_work *work, const struct bc_lint_finding *finding) {
  for (size_t i = 0; i < work->ignored_count; i++) {
    const struct bc_lint_ignored *ignored = &work->ignored[i];
    if (ignored->line == finding->place.line && (ignored->rules & 1U << finding->rule) != 0) {
      return true;
    }
  }
  return false;
}

static unsigned lint_rule_bit(struct bc_lint_work *work, struct bc_lua_place place, struct bc_str name) {
  for (int i = 0; i < BC_LINT_RULES; i++) {
    if (bc_str_is(name, lint_rules[i].name)) {
      return 1U << i;
    }
  }
  int len = name.len < 40 ? (int)name.len : 40;
  bc_lint_add(work, BC_LINT_IGNORE, place, "there is no rule '%.*s': bgpcommander lint --list-rules tells which", len,
              name.at);
  return 0;
}

/* `-- lint: ignore RULE[, RULE]`: of this line, or alone in a line, of the next one. */
static void lint_on_comment(void *arg, struct bc_lua_place place, struct bc_str text, bool is_alone) {
  struct bc_lint_work *work = arg;
  struct bc_str rest = bc_str_trim(text);
  struct bc_str name;
  unsigned rules = 0;
  if (!bc_str_starts(rest, "lint:") || !bc_str_next_field(&rest, ':', &name) ||
      !bc_str_is(bc_str_next_word(&rest), "ignore")) {
    return;
  }
  while (rest.len > 0 && bc_str_next_field(&rest, ',', &name)) {
    name = bc_str_trim(name);
    rules |= name.len == 0 ? 0 : lint_rule_bit(work, place, name);
  }
  if (rules == 0 || work->ignored_count == BC_LINT_FINDINGS_MOST) {
    return;
  }
  if (work->ignored_count == work->ignored_room) {
    work->ignored_room = work->ignored_room * 2 + 16;
    work->ignored = bc_mem_resize(work->ignored, work->ignored_room, sizeof *work->ignored);
  }
  work->ignored[work->ignored_count++] =
      (struct bc_lint_ignored){.line = place.line + (is_alone ? 1 : 0), .rules = rules};
}

/* ---- all of it ---- */

static unsigned lint_where(const struct bc_lint_options *options) {
  static const unsigned where[BC_LINT_MODES] = {[BC_LINT_CHECK] = BC_LINT_IN_CHECK,
                                                [BC_LINT_POLICY] = BC_LINT_IN_POLICY,
                                                [BC_LINT_ADMISSION] = BC_LINT_IN_ADMISSION,
                                                [BC_LINT_TEST] = BC_LINT_IN_TEST};
  unsigned all = where[options->mode];
  for (int i = 0; options->mode == BC_LINT_MODULE && i < BC_LINT_MODULE; i++) {
    all |= (options->users & 1U << i) != 0 ? where[i] : 0;
  }
  return all != 0 ? all : BC_LINT_IN_CHECK | BC_LINT_IN_POLICY | BC_LINT_IN_ADMISSION | BC_LINT_IN_TEST;
}

static void lint_look(struct bc_lint_work *work) {
  if (work->root == NULL) {
    bc_lint_add(work, BC_LINT_TOO_DEEP, (struct bc_lua_place){1, 1},
                "more than %d expressions in one another: nothing else can be told of it", (int)BC_LUA_DEPTH);
    return;
  }
  work->main = bc_lint_flow_main(work);
  bc_lint_names(work);
  bc_lint_calls(work);
  bc_lint_waits(work);
  bc_lint_values(work);
  bc_lint_flow(work);
}

void bc_lint_script(struct bc_str text, const struct bc_lint_options *options,
                    void (*fn)(void *arg, const struct bc_lint_finding *finding), void *arg) {
  struct bc_lint_work work = {.options = options, .where = lint_where(options)};
  struct bc_lua_place place = {0};
  struct bc_fault fault = {0};
  work.is_anywhere = options->mode == BC_LINT_MODULE && options->users == 0;
  struct bc_lua_tree *tree = bc_lua_parse(text, lint_on_comment, &work, &place, &fault);
  if (tree == NULL) {
    bc_lint_add(&work, BC_LINT_SYNTAX, place, "%s", fault.text);
  } else {
    work.root = bc_lua_tree_root(tree);
    lint_look(&work);
  }
  if (work.count > 0) {
    qsort(work.findings, work.count, sizeof *work.findings, lint_compare);
  }
  for (size_t i = 0; i < work.count; i++) {
    bool is_again = i > 0 && lint_compare(&work.findings[i - 1], &work.findings[i]) == 0;
    if (!is_again && !lint_is_ignored(&work, &work.findings[i])) {
      fn(arg, &work.findings[i]);
    }
  }
  bc_lua_tree_free(tree);
  free(work.findings);
  free(work.ignored);
}

enum bc_lint_mode bc_lint_guess(struct bc_str text) {
  struct bc_lua_place place;
  struct bc_fault fault;
  struct bc_lua_tree *tree = bc_lua_parse(text, NULL, NULL, &place, &fault);
  struct bc_lua_function *root = tree == NULL ? NULL : bc_lua_tree_root(tree);
  enum bc_lint_mode mode = root == NULL ? BC_LINT_CHECK : bc_lint_flow_guess(root, bc_config_script_is_sandboxed(text));
  bc_lua_tree_free(tree);
  return mode;
}
