/* What can be told of a Lua script before it runs. Pure: nothing is run; docs/linting.md has the rules. Time and memory
 * are about linear in the text, which may be any bytes.
 *
 * It speaks of what is sure, or nearly so: types are followed only from lua/api into locals that are never changed. */
#ifndef BC_MODEL_LINT_H
#define BC_MODEL_LINT_H

#include "base/err.h"
#include "model/lua_lex.h"

enum bc_lint_level { BC_LINT_WARNING, BC_LINT_ERROR };

enum bc_lint_rule {
#define BC_LINT_RULE(member, name, level, what) BC_LINT_##member,
#include "model/lint_rules.def"
#undef BC_LINT_RULE
  BC_LINT_RULES
};

const char *bc_lint_rule_name(enum bc_lint_rule rule);
const char *bc_lint_rule_what(enum bc_lint_rule rule);
enum bc_lint_level bc_lint_rule_level(enum bc_lint_rule rule);
/* "error", "warning" */
const char *bc_lint_level_text(enum bc_lint_level value);

/* What a script is for: it decides what it finds and what it has to return. */
#define BC_LINT_MODE_LIST(X)                                                                                           \
  X(BC_LINT_CHECK, "check")                                                                                            \
  X(BC_LINT_POLICY, "policy")                                                                                          \
  X(BC_LINT_ADMISSION, "admission")                                                                                    \
  X(BC_LINT_TEST, "test")                                                                                              \
  X(BC_LINT_MODULE, "module")

enum bc_lint_mode { BC_LINT_MODE_LIST(BC_ENUM_MEMBER) BC_LINT_MODES };
const char *bc_lint_mode_text(enum bc_lint_mode value);

struct bc_lint_finding {
  enum bc_lint_rule rule;
  struct bc_lua_place place;
  char text[BC_FAULT_TEXT_BYTES]; /* one line: what, and why it matters or what to do */
};

struct bc_lint_options {
  enum bc_lint_mode mode;
  /* Of a module: 1 << enum bc_lint_mode of all that require it; 0: not known, then it may use what any of them finds.
   */
  unsigned users;
  /* Whether there is such a module; NULL: not known. */
  bool (*has_module)(void *arg, struct bc_str name);
  void *arg;
};

/* Calls fn for each finding, in the order of their places. `finding` is valid during the call. */
void bc_lint_script(struct bc_str text, const struct bc_lint_options *options,
                    void (*fn)(void *arg, const struct bc_lint_finding *finding), void *arg);

/* What a script of which nothing else is known seems to be for: a policy returns a function, a module a table without
 * the first line of a check. */
enum bc_lint_mode bc_lint_guess(struct bc_str text);

#endif
