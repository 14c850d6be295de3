/* Returns: what is returned, whether something always is, and what is never reached. */
#include "model/lint_private.h"

#include <stdio.h>
#include <stdlib.h>

struct flow {
  struct bc_lint_work *work;
  bool breaks; /* out of the loop under consideration */
};

/* ---- what is reached ---- */

static bool flow_falls(struct flow *flow, struct bc_lua_node *node);

/* Whether its end can be reached. */
static bool flow_block(struct flow *flow, const struct bc_lua_node *block) {
  bool is_reached = true;
  bool is_told = false;
  for (struct bc_lua_node *node = block->a; node != NULL; node = node->next) {
    /* Who jumps there is not looked for. */
    is_reached = is_reached || node->kind == BC_LUA_NODE_LABEL;
    if (!is_reached && !is_told) {
      bc_lint_add(flow->work, BC_LINT_UNREACHABLE, node->place,
                  "this never runs: what stands before it does not go on");
      is_told = true;
    }
    bool falls = flow_falls(flow, node);
    is_reached = is_reached && falls;
  }
  return is_reached;
}

/* A loop: whether what comes behind it can be reached. */
static bool flow_loop(struct flow *flow, const struct bc_lua_node *block, bool is_endless) {
  bool breaks = flow->breaks;
  flow->breaks = false;
  (void)flow_block(flow, block);
  bool falls = !is_endless || flow->breaks;
  flow->breaks = breaks;
  return falls;
}

static bool flow_repeat(struct flow *flow, const struct bc_lua_node *node) {
  bool breaks = flow->breaks;
  flow->breaks = false;
  bool is_reached = flow_block(flow, node->a) && node->b->kind != BC_LUA_NODE_FALSE && node->b->kind != BC_LUA_NODE_NIL;
  bool falls = is_reached || flow->breaks;
  flow->breaks = breaks;
  return falls;
}

static bool flow_if(struct flow *flow, const struct bc_lua_node *node) {
  bool falls = false;
  bool has_else = false;
  for (const struct bc_lua_node *clause = node->a; clause != NULL; clause = clause->next) {
    bool clause_falls = flow_block(flow, clause->b);
    falls = falls || clause_falls;
    has_else = has_else || clause->a == NULL;
  }
  return falls || !has_else;
}

/* error(…), assert(false, …) */
static bool flow_raises(struct bc_lint_work *work, struct bc_lua_node *call) {
  struct bc_str name = bc_lint_type_callee(work, call);
  return bc_str_is(name, "error") || (bc_str_is(name, "assert") && call->b != NULL &&
                                      (call->b->kind == BC_LUA_NODE_FALSE || call->b->kind == BC_LUA_NODE_NIL));
}

static bool flow_falls(struct flow *flow, struct bc_lua_node *node) {
  switch ((int)node->kind) {
  case BC_LUA_NODE_RETURN:
  case BC_LUA_NODE_GOTO:
    return false;
  case BC_LUA_NODE_BREAK:
    flow->breaks = true;
    return false;
  case BC_LUA_NODE_STATEMENT:
    return !flow_raises(flow->work, node->a);
  case BC_LUA_NODE_DO:
    return flow_block(flow, node->a);
  case BC_LUA_NODE_WHILE:
    return flow_loop(flow, node->b, node->a->kind == BC_LUA_NODE_TRUE);
  case BC_LUA_NODE_REPEAT:
    return flow_repeat(flow, node);
  case BC_LUA_NODE_FOR:
  case BC_LUA_NODE_FOR_EACH:
    return flow_loop(flow, node->c, false);
  case BC_LUA_NODE_IF:
    return flow_if(flow, node);
  default:
    return true;
  }
}

/* ---- what is returned ---- */

static const char *const flow_policy_expected[BC_LINT_MODES] = {
    [BC_LINT_POLICY] = "a policy must return announce{}, withdraw() or keep()",
    [BC_LINT_ADMISSION] = "the policy 'admission' must return admit{} or refuse()"};

struct flow_returns {
  struct bc_lint_work *work;
  unsigned count, ups, downs;
  struct bc_lua_place first;
};

static const struct bc_lua_node *flow_item(const struct bc_lua_node *table, const char *name) {
  const struct bc_lua_node *item = table->a;
  while (item != NULL && !(item->a != NULL && item->a->kind == BC_LUA_NODE_STRING && bc_str_is(item->a->text, name))) {
    item = item->next;
  }
  return item;
}

/* A key that is computed may be any. */
static bool flow_has_result(const struct bc_lua_node *table) {
  for (const struct bc_lua_node *item = table->a; item != NULL; item = item->next) {
    if (item->a != NULL && (item->a->kind != BC_LUA_NODE_STRING || item->a->has_escape)) {
      return true;
    }
  }
  return flow_item(table, "ok") != NULL || flow_item(table, "score") != NULL;
}

static bool flow_is_score(const struct bc_lua_node *node) {
  char text[32];
  if (node->kind != BC_LUA_NODE_NUMBER || node->text.len >= sizeof text) {
    return true;
  }
  (void)snprintf(text, sizeof text, BC_STR_FMT, BC_STR_ARG(node->text));
  return strtod(text, NULL) <= 100;
}

/* What `a and b` gives where a is true. */
static struct bc_lua_node *flow_last_of_and(struct bc_lua_node *node) {
  while (node->kind == BC_LUA_NODE_PAREN || (node->kind == BC_LUA_NODE_BINARY && node->sign == BC_LUA_AND)) {
    node = node->kind == BC_LUA_NODE_PAREN ? node->a : node->b;
  }
  return node;
}

/* Why a check cannot return this; NULL: it can. */
static const char *flow_judge_check(struct bc_lint_work *work, struct bc_lua_node *value) {
  if (value == NULL) {
    return "nothing is no result: return true, or false and a reason";
  }
  struct bc_lint_type type = bc_lint_type_of(work, value);
  struct bc_lua_node *last = flow_last_of_and(value);
  unsigned kinds = type.kinds & ~(unsigned)BC_LINT_IS_NIL;
  if (value->kind == BC_LUA_NODE_NIL && value->next == NULL) {
    return "nil alone is no result: return false or nil with a reason";
  }
  if (kinds == BC_LINT_IS_STRING) {
    return "a text is no result: return true, or false and the text";
  }
  if (kinds == BC_LINT_IS_FUNCTION) {
    return "a function is no result: call it";
  }
  if (value->kind == BC_LUA_NODE_TABLE && !flow_has_result(value)) {
    return "a table is a result only with ok or score: return true, and the table as the second value";
  }
  if (!flow_is_score(value)) {
    return "a number is a score from 0 to 100";
  }
  if (bc_str_is(bc_lint_type_callee(work, last), "string.find")) {
    return "find gives a position, which would be taken for a score: write find(...) ~= nil";
  }
  bool is_table = kinds != 0 && (kinds & ~(unsigned)(BC_LINT_IS_TABLE | BC_LINT_IS_OTHER)) == 0;
  bool is_list = type.shape.len > 2 && type.shape.at[type.shape.len - 1] == ']';
  if (is_table && (is_list || (bc_lint_api_is_class(type.shape) &&
                               bc_lint_api_member(work, type.shape, bc_str_of("ok")) == NULL))) {
    return "what the call gave is no result, even if all is well: compare a member of it";
  }
  return NULL;
}

static const char *flow_judge_policy(struct bc_lint_work *work, struct bc_lua_node *value) {
  unsigned kinds = value == NULL ? BC_LINT_IS_NIL : bc_lint_type_of(work, value).kinds;
  bool is_plain = value != NULL && value->kind == BC_LUA_NODE_TABLE;
  bool can_be = (kinds & (BC_LINT_IS_TABLE | BC_LINT_IS_OTHER)) != 0 && !is_plain;
  return can_be ? NULL : flow_policy_expected[work->options->mode];
}

/* 1: up, -1: down, 0: it depends. */
static int flow_constant(const struct bc_lua_node *value) {
  if (value->kind == BC_LUA_NODE_TABLE) {
    const struct bc_lua_node *ok = flow_item(value, "ok");
    value = ok == NULL ? value : ok->b;
  }
  return value->kind == BC_LUA_NODE_TRUE                                      ? 1
         : value->kind == BC_LUA_NODE_FALSE || value->kind == BC_LUA_NODE_NIL ? -1
                                                                              : 0;
}

static bool flow_take_return(void *arg, struct bc_lua_node *node) {
  struct flow_returns *returns = arg;
  struct bc_lint_work *work = returns->work;
  const char *problem = NULL;
  if (node->kind == BC_LUA_NODE_FUNCTION) {
    return false;
  }
  if (node->kind != BC_LUA_NODE_RETURN) {
    return true;
  }
  if (work->options->mode == BC_LINT_CHECK) {
    problem = flow_judge_check(work, node->a);
    int constant = problem != NULL ? 0 : flow_constant(node->a);
    returns->ups += constant > 0 ? 1 : 0;
    returns->downs += constant < 0 ? 1 : 0;
  } else if (flow_policy_expected[work->options->mode] != NULL) {
    problem = flow_judge_policy(work, node->a);
  }
  if (problem != NULL) {
    bc_lint_add(work, BC_LINT_BAD_RESULT, node->a == NULL ? node->place : node->a->place, "%s", problem);
  }
  returns->first = returns->count++ == 0 ? node->place : returns->first;
  return true;
}

/* Something in it may raise when a call has failed, or last until the timeout: both are down. */
static bool flow_find_failure(void *arg, struct bc_lua_node *node) {
  bool *may_fail = ((void **)arg)[0];
  struct bc_lint_work *work = ((void **)arg)[1];
  struct bc_str name = bc_lint_type_callee(work, node);
  if (bc_str_is(name, "assert") || bc_str_is(name, "error") || bc_str_is(name, "require") ||
      node->kind == BC_LUA_NODE_WHILE || node->kind == BC_LUA_NODE_REPEAT) {
    *may_fail = true;
  } else if (node->kind == BC_LUA_NODE_INDEX || node->kind == BC_LUA_NODE_METHOD) {
    /* An index of what may be nil. */
    struct bc_lint_type type = bc_lint_type_of(work, node->a);
    *may_fail = *may_fail || (type.kinds & BC_LINT_IS_NIL) != 0;
  } else if (node->kind == BC_LUA_NODE_CALL && name.len == 0) {
    *may_fail = true;
  }
  return true;
}

static void flow_check_constant(const struct flow_returns *returns) {
  struct bc_lint_work *work = returns->work;
  bool may_fail = false;
  void *both[] = {&may_fail, work};
  if (returns->count == 0 || (returns->ups != returns->count && returns->downs != returns->count)) {
    return;
  }
  bc_lua_tree_walk(work->root->block, false, flow_find_failure, both);
  if (returns->downs == returns->count) {
    bc_lint_add(work, BC_LINT_CONSTANT_RESULT, returns->first, "every result is down: this check can never pass");
  } else if (!may_fail) {
    bc_lint_add(work, BC_LINT_CONSTANT_RESULT, returns->first,
                "every result is up: a check that can never fail protects nobody");
  }
}

/* ---- all of it ---- */

static struct bc_lua_node *flow_last_return(const struct bc_lua_function *function) {
  struct bc_lua_node *last = NULL;
  for (struct bc_lua_node *node = function->block->a; node != NULL; node = node->next) {
    last = node->kind == BC_LUA_NODE_RETURN ? node : last;
  }
  return last;
}

static struct bc_lua_function *flow_returned_function(const struct bc_lua_function *root) {
  const struct bc_lua_node *last = flow_last_return(root);
  const struct bc_lua_node *value = last == NULL ? NULL : last->a;
  if (value != NULL && value->kind == BC_LUA_NODE_NAME && value->local != NULL && value->local->writes == 0) {
    value = value->local->value;
  }
  return value != NULL && value->kind == BC_LUA_NODE_FUNCTION ? value->function : NULL;
}

struct bc_lua_function *bc_lint_flow_main(struct bc_lint_work *work) {
  bool is_policy = work->options->mode == BC_LINT_POLICY || work->options->mode == BC_LINT_ADMISSION;
  struct bc_lua_function *returned = is_policy ? flow_returned_function(work->root) : work->root;
  /* Without a parameter its context cannot be told. */
  return returned != NULL && is_policy && returned->node->a == NULL ? NULL : returned;
}

static bool flow_look_into(void *arg, struct bc_lua_node *node) {
  struct flow flow = {.work = arg};
  if (node->kind == BC_LUA_NODE_FUNCTION) {
    (void)flow_block(&flow, node->b);
  }
  return true;
}

static const char *flow_no_return_text(enum bc_lint_mode mode) {
  return mode == BC_LINT_MODULE ? "a module without return gives nothing: its globals are its own"
                                : "a policy returns a function: return function(ctx) ... end";
}

/* The function that decides. */
static void flow_check_main(struct bc_lint_work *work, struct bc_lua_function *function, bool falls) {
  struct flow_returns returns = {.work = work};
  enum bc_lint_mode mode = work->options->mode;
  bc_lua_tree_walk(function->block, false, flow_take_return, &returns);
  struct bc_lua_place end = function->node == NULL ? function->block->end : function->node->end;
  if (returns.count == 0 && falls) {
    bc_lint_add(work, BC_LINT_NO_RETURN, end, "nothing is ever returned: %s",
                mode == BC_LINT_CHECK ? "a script error, which says nothing of the service"
                                      : flow_policy_expected[mode]);
  } else if (returns.count > 0 && falls) {
    bc_lint_add(work, BC_LINT_MISSING_RETURN, end, "the end can be reached without a return: %s",
                mode == BC_LINT_CHECK ? "a script error, which says nothing of the service"
                                      : flow_policy_expected[mode]);
  }
  if (mode == BC_LINT_CHECK && !falls) {
    flow_check_constant(&returns);
  }
}

void bc_lint_flow(struct bc_lint_work *work) {
  struct flow flow = {.work = work};
  enum bc_lint_mode mode = work->options->mode;
  bool is_policy = flow_policy_expected[mode] != NULL;
  bool falls = flow_block(&flow, work->root->block);
  bc_lua_tree_walk(work->root->block, false, flow_look_into, work);
  const struct bc_lua_node *last = flow_last_return(work->root);
  struct bc_lua_function *function = is_policy ? flow_returned_function(work->root) : work->root;
  if (mode == BC_LINT_TEST) {
    return;
  }
  if (falls && last == NULL && mode != BC_LINT_CHECK) {
    bc_lint_add(work, BC_LINT_NO_RETURN, work->root->block->end, "%s", flow_no_return_text(mode));
  } else if (is_policy && last != NULL && function == NULL && last->a != NULL &&
             (bc_lint_type_of(work, last->a).kinds & BC_LINT_IS_FUNCTION) == 0) {
    bc_lint_add(work, BC_LINT_BAD_RESULT, last->a->place, "%s", flow_no_return_text(mode));
  }
  if (function != NULL && mode != BC_LINT_MODULE) {
    /* What it tells again is told once: equal findings are. */
    struct flow own = {.work = work};
    flow_check_main(work, function, flow_block(&own, function->block));
  }
}

static bool flow_find_admission(void *arg, struct bc_lua_node *node) {
  bool *is_admission = arg;
  *is_admission = *is_admission || (node->kind == BC_LUA_NODE_NAME && node->local == NULL &&
                                    (bc_str_is(node->text, "admit") || bc_str_is(node->text, "refuse")));
  return true;
}

enum bc_lint_mode bc_lint_flow_guess(struct bc_lua_function *root, bool is_sandboxed) {
  const struct bc_lua_node *last = flow_last_return(root);
  const struct bc_lua_node *value = last == NULL ? NULL : last->a;
  bool is_admission = false;
  if (flow_returned_function(root) != NULL) {
    bc_lua_tree_walk(root->block, false, flow_find_admission, &is_admission);
    return is_admission ? BC_LINT_ADMISSION : BC_LINT_POLICY;
  }
  if (value != NULL && value->kind == BC_LUA_NODE_NAME && value->local != NULL) {
    value = value->local->value;
  }
  return value != NULL && value->kind == BC_LUA_NODE_TABLE && value->next == NULL && !is_sandboxed ? BC_LINT_MODULE
                                                                                                   : BC_LINT_CHECK;
}
