/* What the files of model/lint share; nobody else includes it.
 *
 * lint.c: findings, and what to ignore; lint_api.c: what scripts find; lint_type.c: types of expressions;
 * lint_name.c: names and members; lint_call.c: arguments and results of calls; lint_wait.c: what waits where;
 * lint_value.c: comparisons, conditions, tables; lint_flow.c: returns, and what is never reached. */
#ifndef BC_MODEL_LINT_PRIVATE_H
#define BC_MODEL_LINT_PRIVATE_H

#include "model/lint.h"
#include "model/lua_parse.h"

enum { BC_LINT_FINDINGS_MOST = 1000, BC_LINT_NAMES_MOST = 256 };

struct bc_lint_ignored {
  unsigned line;
  unsigned rules; /* 1 << enum bc_lint_rule */
};

struct bc_lint_work {
  const struct bc_lint_options *options;
  unsigned where;   /* BC_LINT_IN_… of all where it runs */
  bool is_anywhere; /* what is found in one of them will do */
  struct bc_lua_function *root;
  /* The function of a policy, the text itself of others; NULL: it cannot be told. */
  struct bc_lua_function *main;
  unsigned depth; /* of the question for a type */
  struct bc_lint_finding *findings;
  size_t count, room;
  struct bc_lint_ignored *ignored;
  size_t ignored_count, ignored_room;
  /* Globals that the script sets. */
  struct bc_str set[BC_LINT_NAMES_MOST];
  size_t set_count;
};

/* ---- lint.c ---- */
void bc_lint_add(struct bc_lint_work *work, enum bc_lint_rule rule, struct bc_lua_place place, const char *format, ...)
    BC_PRINTF(4, 5);

/* ---- lint_api.c ---- */
enum { BC_LINT_IN_CHECK = 1, BC_LINT_IN_POLICY = 2, BC_LINT_IN_ADMISSION = 4, BC_LINT_IN_TEST = 8 };
enum { BC_LINT_WAITS = 1, BC_LINT_FOR_RESULT = 2 };

struct bc_lint_function {
  const char *name;
  unsigned flags;
  const char *parameters, *results;
};

/* Where one finds it: a set of BC_LINT_IN_…; 0: nowhere. */
unsigned bc_lint_api_where(struct bc_str global);
/* The type of a global, as the script finds it; NULL: it does not. */
const char *bc_lint_api_global(const struct bc_lint_work *work, struct bc_str name);
/* The type of a member; NULL: there is none. */
const char *bc_lint_api_member(const struct bc_lint_work *work, struct bc_str of, struct bc_str name);
/* A class that lua/api describes. */
bool bc_lint_api_is_class(struct bc_str name);
const struct bc_lint_function *bc_lint_api_function(struct bc_str name);
/* Takes the next of "name type;name? type" from *rest. */
bool bc_lint_api_next_parameter(struct bc_str *rest, struct bc_str *name, struct bc_str *type, bool *is_optional);
/* The one that `name` may be a slip of; empty: there is none. */
struct bc_str bc_lint_api_nearest_member(const struct bc_lint_work *work, struct bc_str of, struct bc_str name);
struct bc_str bc_lint_api_nearest_global(const struct bc_lint_work *work, struct bc_str name);
/* What to use in place of a function of Lua that is not there: "log.info"; NULL. */
const char *bc_lint_api_instead(struct bc_str name);

/* ---- lint_type.c ---- */
enum {
  BC_LINT_IS_NIL = 1,
  BC_LINT_IS_BOOLEAN = 2,
  BC_LINT_IS_NUMBER = 4,
  BC_LINT_IS_STRING = 8,
  BC_LINT_IS_TABLE = 16,
  BC_LINT_IS_FUNCTION = 32,
  BC_LINT_IS_OTHER = 64,
  BC_LINT_IS_ANY = 127
};

/* `kinds`: what it may be. `shape`: of a table its class, "X[]" or "table<K,V>"; of a function its name; empty: not
 * known. */
struct bc_lint_type {
  unsigned kinds;
  struct bc_str shape;
};

struct bc_lint_type bc_lint_type_parse(struct bc_str text);
struct bc_lint_type bc_lint_type_of(struct bc_lint_work *work, struct bc_lua_node *node);
/* The function of the API that is called; NULL: not known. */
const struct bc_lint_function *bc_lint_type_called(struct bc_lint_work *work, struct bc_lua_node *call);
/* The name of the function that is called, of the API or Lua's own: "string.gsub"; empty: not known. */
struct bc_str bc_lint_type_callee(struct bc_lint_work *work, struct bc_lua_node *call);
/* "a number or nil" */
const char *bc_lint_type_text(struct bc_lint_type type, char to[static 96]);

/* ---- the rules ---- */
void bc_lint_names(struct bc_lint_work *work);
void bc_lint_calls(struct bc_lint_work *work);
void bc_lint_waits(struct bc_lint_work *work);
void bc_lint_values(struct bc_lint_work *work);
void bc_lint_flow(struct bc_lint_work *work);
/* Which function decides: a policy's is what its text returns. */
struct bc_lua_function *bc_lint_flow_main(struct bc_lint_work *work);
/* What a text seems to be for. */
enum bc_lint_mode bc_lint_flow_guess(struct bc_lua_function *root, bool is_sandboxed);

#endif
