/* Calls of the API: how many arguments, of which types, options that are not there, results that are dropped. */
#include "base/near.h"
#include "model/lint_private.h"
#include "model/name.h"
#include "model/policy_items.h"

#include <stdio.h>

enum { CALL_SHOWN = 40 };

#define CALL_FMT "%.*s"
#define CALL_ARG(s) ((s).len < CALL_SHOWN ? (int)(s).len : CALL_SHOWN), (s).at

/* ---- how many ---- */

/* What it gives may be several values. */
static bool call_is_open(const struct bc_lua_node *node) {
  return node->kind == BC_LUA_NODE_CALL || node->kind == BC_LUA_NODE_METHOD || node->kind == BC_LUA_NODE_VARARG;
}

static void call_check_count(struct bc_lint_work *work, struct bc_lua_node *call,
                             const struct bc_lint_function *function) {
  struct bc_str rest = bc_str_of(function->parameters);
  struct bc_str name;
  struct bc_str type;
  bool is_optional;
  bool is_any = false;
  unsigned least = 0;
  unsigned most = 0;
  unsigned given = 0;
  bool is_open = false;
  while (bc_lint_api_next_parameter(&rest, &name, &type, &is_optional)) {
    is_any = is_any || bc_str_is(name, "...");
    most++;
    least = is_optional || is_any ? least : most;
  }
  for (const struct bc_lua_node *argument = call->b; argument != NULL; argument = argument->next) {
    given++;
    is_open = argument->next == NULL && call_is_open(argument);
  }
  if ((given < least && !is_open) || (given > most && !is_any)) {
    char wants[40];
    (void)snprintf(wants, sizeof wants, least == most ? "%u" : "%u to %u", least, most);
    bc_lint_add(work, BC_LINT_ARGUMENTS, call->place, "%s takes %s argument%s, found %u (%s)", function->name, wants,
                most == 1 ? "" : "s", given, most == 0 ? "none" : function->parameters);
  }
}

/* ---- which types ---- */

static void call_check_options(struct bc_lint_work *work, struct bc_lua_node *table, struct bc_str class,
                               const char *function);

static void call_check_option(struct bc_lint_work *work, struct bc_lua_node *item, struct bc_str class,
                              const char *function) {
  char found[96];
  char wanted[96];
  if (item->a == NULL) {
    bc_lint_add(work, BC_LINT_UNKNOWN_OPTION, item->place, "options have names, as in {timeout = 1}: %s raises",
                function);
    return;
  }
  if (item->a->kind != BC_LUA_NODE_STRING || item->a->has_escape) {
    return;
  }
  const char *type = bc_lint_api_member(work, class, item->a->text);
  if (type == NULL) {
    struct bc_str nearest = bc_lint_api_nearest_member(work, class, item->a->text);
    bc_lint_add(work, BC_LINT_UNKNOWN_OPTION, item->place,
                "%s has no option '" CALL_FMT "', and raises%s" CALL_FMT "%s", function, CALL_ARG(item->a->text),
                nearest.len > 0 ? "; did you mean " : "", CALL_ARG(nearest), nearest.len > 0 ? "?" : "");
    return;
  }
  struct bc_lint_type want = bc_lint_type_parse(bc_str_of(type));
  struct bc_lint_type have = bc_lint_type_of(work, item->b);
  if (((want.kinds | BC_LINT_IS_NIL) & have.kinds) == 0) {
    bc_lint_add(work, BC_LINT_ARGUMENT_TYPE, item->place, "option '" CALL_FMT "' of %s is %s, found %s",
                CALL_ARG(item->a->text), function,
                bc_lint_type_text((struct bc_lint_type){want.kinds & ~1U, {0}}, wanted),
                bc_lint_type_text(have, found));
  } else if (item->b->kind == BC_LUA_NODE_TABLE && bc_lint_api_is_class(want.shape)) {
    call_check_options(work, item->b, want.shape, function);
  }
}

static void call_check_options(struct bc_lint_work *work, struct bc_lua_node *table, struct bc_str class,
                               const char *function) {
  for (struct bc_lua_node *item = table->a; item != NULL; item = item->next) {
    call_check_option(work, item, class, function);
  }
}

/* What stands in announce{…} and admit{…} beside attributes. */
static const char *const call_beside[] = {
    "reason", "again_in", "prepend", "add_community", "add_large_community", "add_extended_community"};

enum { CALL_BESIDE = sizeof call_beside / sizeof call_beside[0] };

/* Each that may stand there; NULL behind the last. */
static const char *call_verdict_word(size_t index) {
  return index < CALL_BESIDE                               ? call_beside[index]
         : index < CALL_BESIDE + BC_POLICY_ATTRIBUTE_COUNT ? bc_policy_attributes[index - CALL_BESIDE].member
                                                           : NULL;
}

static void call_check_verdict(struct bc_lint_work *work, const struct bc_lua_node *table, const char *function) {
  for (const struct bc_lua_node *item = table->a; item != NULL; item = item->next) {
    bool is_known = item->a != NULL && (item->a->kind != BC_LUA_NODE_STRING || item->a->has_escape);
    struct bc_str name = item->a == NULL ? bc_str_of("") : item->a->text;
    const char *nearest = NULL;
    size_t least = 3;
    for (size_t i = 0; !is_known && call_verdict_word(i) != NULL; i++) {
      size_t distance = bc_near_distance(name, bc_str_of(call_verdict_word(i)));
      is_known = distance == 0;
      nearest = distance < least && name.len > 2 ? call_verdict_word(i) : nearest;
      least = distance < least ? distance : least;
    }
    if (!is_known) {
      bc_lint_add(work, BC_LINT_UNKNOWN_OPTION, item->place, "%s knows no attribute '" CALL_FMT "', and fails%s%s%s",
                  function, CALL_ARG(name), nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest,
                  nearest == NULL ? "" : "?");
    }
  }
}

/* A number is taken for a text and the other way round, as everywhere in Lua. */
static bool call_can_be(struct bc_lint_type want, bool is_optional, unsigned kinds) {
  unsigned takes = want.kinds | (is_optional ? BC_LINT_IS_NIL : 0);
  if ((takes & (BC_LINT_IS_STRING | BC_LINT_IS_NUMBER)) != 0) {
    takes |= BC_LINT_IS_STRING | BC_LINT_IS_NUMBER;
  }
  return (takes & kinds) != 0;
}

static void call_check_types(struct bc_lint_work *work, struct bc_lua_node *call,
                             const struct bc_lint_function *function) {
  struct bc_str rest = bc_str_of(function->parameters);
  struct bc_str name;
  struct bc_str text;
  char found[96];
  char wanted[96];
  bool is_optional;
  struct bc_lua_node *argument = call->b;
  while (argument != NULL && bc_lint_api_next_parameter(&rest, &name, &text, &is_optional)) {
    struct bc_lint_type want = bc_lint_type_parse(text);
    struct bc_lint_type have = bc_lint_type_of(work, argument);
    bool is_class = want.shape.len > 0 && bc_lint_api_is_class(want.shape);
    /* Options may stand where one that may be left out would. */
    if (is_optional && !is_class && have.kinds == BC_LINT_IS_TABLE && rest.len > 0) {
      continue;
    }
    if (!call_can_be(want, is_optional, have.kinds)) {
      bc_lint_add(work, BC_LINT_ARGUMENT_TYPE, argument->place, "'" CALL_FMT "' of %s is %s, found %s", CALL_ARG(name),
                  function->name, bc_lint_type_text((struct bc_lint_type){want.kinds & ~1U, {0}}, wanted),
                  bc_lint_type_text(have, found));
    } else if (is_class && argument->kind == BC_LUA_NODE_TABLE) {
      call_check_options(work, argument, want.shape, function->name);
    } else if (argument->kind == BC_LUA_NODE_TABLE && bc_str_is(bc_str_of(function->results), "Verdict")) {
      call_check_verdict(work, argument, function->name);
    }
    argument = argument->next;
  }
}

/* ---- '.' and ':' ---- */

/* A library is no handle: dns:query("x") passes dns as the name. */
static bool call_check_colon(struct bc_lint_work *work, struct bc_lua_node *call) {
  if (call->kind == BC_LUA_NODE_METHOD) {
    struct bc_lint_type type = bc_lint_type_of(work, call->a);
    bool is_library = call->a->kind == BC_LUA_NODE_NAME && call->a->local == NULL && type.shape.len > 0 &&
                      bc_lint_api_global(work, call->a->text) != NULL;
    if (is_library) {
      bc_lint_add(work, BC_LINT_ARGUMENTS, call->name_place,
                  "':' passes '" CALL_FMT "' itself as the first argument: write " CALL_FMT "." CALL_FMT,
                  CALL_ARG(call->a->text), CALL_ARG(call->a->text), CALL_ARG(call->text));
    }
    return !is_library;
  }
  const struct bc_lua_node *function = call->a;
  if (function->kind != BC_LUA_NODE_INDEX || !function->is_dotted) {
    return true;
  }
  struct bc_lint_type type = bc_lint_type_of(work, function->a);
  bool is_first_itself = call->b != NULL && call->b->kind == BC_LUA_NODE_NAME &&
                         function->a->kind == BC_LUA_NODE_NAME && call->b->local == function->a->local;
  if (bc_str_is(type.shape, "Connection") && !is_first_itself) {
    bc_lint_add(work, BC_LINT_ARGUMENTS, function->b->place,
                "a connection's functions are called with ':': write " CALL_FMT ":" CALL_FMT,
                CALL_ARG(function->a->text), CALL_ARG(function->b->text));
  }
  return !bc_str_is(type.shape, "Connection");
}

/* ---- require ---- */

static void call_check_require(struct bc_lint_work *work, const struct bc_lua_node *call) {
  const struct bc_lua_node *name = call->b;
  if (name == NULL) {
    return;
  }
  if (name->kind != BC_LUA_NODE_STRING || name->has_escape) {
    bc_lint_add(work, BC_LINT_UNKNOWN_MODULE, name->place,
                "the name of a module must stand here as a text: the modules are sent along with the script");
  } else if (!bc_name_is_valid(name->text, false)) {
    bc_lint_add(work, BC_LINT_UNKNOWN_MODULE, name->place, "'" CALL_FMT "' cannot be the name of a module: lua/NAME",
                CALL_ARG(name->text));
  } else if (work->options->has_module != NULL && !work->options->has_module(work->options->arg, name->text)) {
    bc_lint_add(work, BC_LINT_UNKNOWN_MODULE, name->place, "there is no module lua/" CALL_FMT ": this raises",
                CALL_ARG(name->text));
  }
}

/* ---- results ---- */

static const char *call_why(const struct bc_lint_function *function) {
  return (function->flags & BC_LINT_WAITS) != 0 ? "whether it failed decides nothing" : "calling it does nothing else";
}

static void call_check_statement(struct bc_lint_work *work, struct bc_lua_node *call) {
  const struct bc_lint_function *function = bc_lint_type_called(work, call);
  if (function == NULL || (function->flags & BC_LINT_FOR_RESULT) == 0) {
    return;
  }
  bool is_verdict = bc_str_is(bc_str_of(function->results), "Verdict");
  bc_lint_add(work, BC_LINT_UNUSED_RESULT, call->place, "the result of %s is dropped: %s", function->name,
              is_verdict ? "write return before it" : call_why(function));
}

static void call_check_local(struct bc_lint_work *work, const struct bc_lua_node *node) {
  unsigned uses = 0;
  for (const struct bc_lua_node *one = node->a; one != NULL; one = one->next) {
    uses += one->local->reads + one->local->writes + (one->text.at[0] == '_' ? 1 : 0);
  }
  bool is_call = node->b != NULL && node->b->next == NULL && call_is_open(node->b);
  const struct bc_lint_function *function = is_call && uses == 0 ? bc_lint_type_called(work, node->b) : NULL;
  if (function != NULL && (function->flags & BC_LINT_FOR_RESULT) != 0) {
    bc_lint_add(work, BC_LINT_UNUSED_RESULT, node->place, "'" CALL_FMT "', the result of %s, is never used: %s",
                CALL_ARG(node->a->text), function->name, call_why(function));
  }
}

/* ---- all of it ---- */

static bool call_look(void *arg, struct bc_lua_node *node) {
  struct bc_lint_work *work = arg;
  if (node->kind == BC_LUA_NODE_STATEMENT) {
    call_check_statement(work, node->a);
  } else if (node->kind == BC_LUA_NODE_LOCAL) {
    call_check_local(work, node);
  } else if (node->kind == BC_LUA_NODE_CALL || node->kind == BC_LUA_NODE_METHOD) {
    const struct bc_lint_function *function = call_check_colon(work, node) ? bc_lint_type_called(work, node) : NULL;
    if (function != NULL) {
      call_check_count(work, node, function);
    }
    if (bc_str_is(bc_lint_type_callee(work, node), "require")) {
      call_check_require(work, node);
    } else if (function != NULL) {
      call_check_types(work, node, function);
    }
  }
  return true;
}

void bc_lint_calls(struct bc_lint_work *work) {
  bc_lua_tree_walk(work->root->block, false, call_look, work);
}
