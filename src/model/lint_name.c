/* Names: globals that are not there, what hides others, members that are not there, what is read-only. */
#include "model/lint_private.h"

#include <stdio.h>

enum { NAME_SHOWN = 40 };

#define NAME_FMT "%.*s"
#define NAME_ARG(s) ((s).len < NAME_SHOWN ? (int)(s).len : NAME_SHOWN), (s).at

/* "; did you mean X?" */
static const char *name_hint(struct bc_str nearest, char to[static 80]) {
  to[0] = '\0';
  if (nearest.len > 0) {
    (void)snprintf(to, 80, "; did you mean " NAME_FMT "?", NAME_ARG(nearest));
  }
  return to;
}

/* ---- globals ---- */

static bool name_is_set(const struct bc_lint_work *work, struct bc_str name) {
  for (size_t i = 0; i < work->set_count; i++) {
    if (bc_str_equal(work->set[i], name)) {
      return true;
    }
  }
  /* More than can be remembered. */
  return work->set_count == BC_LINT_NAMES_MOST;
}

static bool name_is_library(const struct bc_lint_work *work, struct bc_str name) {
  static const char *const plain[] = {"route", "check", "node", "data", "state", "options", "_VERSION"};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    if (bc_str_is(name, plain[i])) {
      return false;
    }
  }
  /* Words of tests are short, and tests are read by nobody else. */
  return bc_lint_api_global(work, name) != NULL && bc_lint_api_where(name) != BC_LINT_IN_TEST;
}

static void name_set_global(struct bc_lint_work *work, const struct bc_lua_node *target) {
  if (bc_str_is(target->text, "state")) {
    return;
  }
  if (bc_lint_api_global(work, target->text) != NULL) {
    bc_lint_add(work, BC_LINT_SHADOW, target->place,
                "this hides '" NAME_FMT "' of the sandbox for the rest of the run: take another name",
                NAME_ARG(target->text));
  } else if (!name_is_set(work, target->text)) {
    const char *why = work->options->mode == BC_LINT_MODULE ? "globals of a module are its own: nobody else sees them"
                                                            : "globals are gone when the run ends";
    bc_lint_add(work, BC_LINT_SET_GLOBAL, target->place, "'" NAME_FMT "' becomes a global: write local (%s)",
                NAME_ARG(target->text), why);
  }
  if (work->set_count < BC_LINT_NAMES_MOST && !name_is_set(work, target->text)) {
    work->set[work->set_count++] = target->text;
  }
}

static bool name_note_targets(void *arg, struct bc_lua_node *node) {
  if (node->kind == BC_LUA_NODE_ASSIGN || node->kind == BC_LUA_NODE_DEFINE) {
    for (struct bc_lua_node *target = node->a; target != NULL; target = target->next) {
      if (target->kind == BC_LUA_NODE_NAME && target->local == NULL) {
        name_set_global(arg, target);
      }
    }
  }
  return true;
}

static const char *name_where_text(unsigned where) {
  return (where & BC_LINT_IN_CHECK) != 0       ? "checks"
         : (where & BC_LINT_IN_POLICY) != 0    ? "policies"
         : (where & BC_LINT_IN_ADMISSION) != 0 ? "the policy 'admission'"
                                               : "tests";
}

static void name_check_global(struct bc_lint_work *work, const struct bc_lua_node *node) {
  char hint[80];
  if (bc_lint_api_global(work, node->text) != NULL || name_is_set(work, node->text) || bc_str_is(node->text, "_ENV")) {
    return;
  }
  unsigned elsewhere = bc_lint_api_where(node->text);
  const char *instead = bc_lint_api_instead(node->text);
  bool is_verdict =
      (elsewhere & BC_LINT_IN_CHECK) == 0 && (elsewhere & (BC_LINT_IN_POLICY | BC_LINT_IN_ADMISSION)) != 0;
  if (is_verdict && (work->options->mode == BC_LINT_POLICY || work->options->mode == BC_LINT_ADMISSION)) {
    bc_lint_add(work, BC_LINT_UNKNOWN_GLOBAL, node->place, "'" NAME_FMT "' is for %s: this one says %s",
                NAME_ARG(node->text), name_where_text(elsewhere),
                work->options->mode == BC_LINT_POLICY ? "announce, withdraw or keep" : "admit or refuse");
  } else if (elsewhere != 0) {
    bc_lint_add(work, BC_LINT_UNKNOWN_GLOBAL, node->place, "there is no '" NAME_FMT "' here: only %s find it%s",
                NAME_ARG(node->text), name_where_text(elsewhere),
                elsewhere == BC_LINT_IN_CHECK && work->options->mode == BC_LINT_POLICY
                    ? ", a policy has its context and no I/O"
                    : "");
  } else if (instead != NULL) {
    bc_lint_add(work, BC_LINT_UNKNOWN_GLOBAL, node->place, "there is no '" NAME_FMT "' in the sandbox: use %s",
                NAME_ARG(node->text), instead);
  } else {
    bc_lint_add(work, BC_LINT_UNKNOWN_GLOBAL, node->place, "there is no '" NAME_FMT "': it is nil when this runs%s",
                NAME_ARG(node->text), name_hint(bc_lint_api_nearest_global(work, node->text), hint));
  }
}

/* ---- locals ---- */

/* local dns = dns, local query = dns.query */
static bool name_is_alias(const struct bc_lua_local *local) {
  const struct bc_lua_node *value = local->value;
  if (local->is_loop || value == NULL || local->value_index > 0) {
    return false;
  }
  while (value->kind == BC_LUA_NODE_INDEX) {
    value = value->a;
  }
  return value->kind == BC_LUA_NODE_NAME && value->local == NULL;
}

static void name_check_local(struct bc_lint_work *work, const struct bc_lua_local *local) {
  if (name_is_library(work, local->name) && !name_is_alias(local)) {
    bc_lint_add(work, BC_LINT_SHADOW, local->place,
                "the local '" NAME_FMT "' hides '" NAME_FMT "' of the sandbox: take another name",
                NAME_ARG(local->name), NAME_ARG(local->name));
  }
}

/* ---- members ---- */

static bool name_is_list(struct bc_str shape) {
  return shape.len > 2 && shape.at[shape.len - 1] == ']';
}

static void name_refuse_member(struct bc_lint_work *work, struct bc_lua_place place, struct bc_str shape,
                               struct bc_str name) {
  char hint[80];
  char whole[80];
  (void)snprintf(whole, sizeof whole, NAME_FMT "." NAME_FMT, NAME_ARG(shape), NAME_ARG(name));
  const char *instead = bc_lint_api_instead(bc_str_of(whole));
  if (name_is_list(shape)) {
    bc_lint_add(work, BC_LINT_UNKNOWN_MEMBER, place,
                "this is a list and has no '" NAME_FMT "': take one of it first, [1] or in a loop", NAME_ARG(name));
  } else if (instead != NULL) {
    bc_lint_add(work, BC_LINT_UNKNOWN_MEMBER, place, "there is no '" NAME_FMT "' in '" NAME_FMT "': use %s",
                NAME_ARG(name), NAME_ARG(shape), instead);
  } else {
    bc_lint_add(work, BC_LINT_UNKNOWN_MEMBER, place, "'" NAME_FMT "' has no '" NAME_FMT "': it is nil%s",
                NAME_ARG(shape), NAME_ARG(name), name_hint(bc_lint_api_nearest_member(work, shape, name), hint));
  }
}

static void name_check_member(struct bc_lint_work *work, struct bc_lua_node *object, struct bc_lua_place place,
                              struct bc_str name) {
  struct bc_lint_type type = bc_lint_type_of(work, object);
  unsigned kinds = type.kinds & ~(unsigned)BC_LINT_IS_NIL;
  struct bc_str shape = kinds == BC_LINT_IS_STRING ? bc_str_of("string") : type.shape;
  if (shape.len == 0 || (kinds & BC_LINT_IS_FUNCTION) != 0 || bc_str_starts(shape, "table<")) {
    return;
  }
  if (name_is_list(shape) || (bc_lint_api_is_class(shape) && bc_lint_api_member(work, shape, name) == NULL)) {
    name_refuse_member(work, place, shape, name);
  }
}

/* Tables of the sandbox, and what is in them. */
static void name_check_target(struct bc_lint_work *work, const struct bc_lua_node *target) {
  const struct bc_lua_node *object = target;
  if (target->kind != BC_LUA_NODE_INDEX) {
    return;
  }
  while (object->kind == BC_LUA_NODE_INDEX) {
    object = object->a;
  }
  bool is_global = object->kind == BC_LUA_NODE_NAME && object->local == NULL && !name_is_set(work, object->text);
  if (is_global && bc_lint_api_global(work, object->text) != NULL && !bc_str_is(object->text, "state")) {
    bc_lint_add(work, BC_LINT_READ_ONLY, target->place, "'" NAME_FMT "' is read-only: this raises%s",
                NAME_ARG(object->text),
                bc_str_is(object->text, "data") ? "; what a check is to remember goes into state" : "");
  }
}

/* ---- all of it ---- */

static bool name_look(void *arg, struct bc_lua_node *node) {
  struct bc_lint_work *work = arg;
  if (node->kind == BC_LUA_NODE_LOCAL) {
    /* One after the other, so that none asks for a long row of those before it. */
    for (struct bc_lua_node *value = node->b; value != NULL; value = value->next) {
      (void)bc_lint_type_of(work, value);
    }
  } else if (node->kind == BC_LUA_NODE_DECLARATION) {
    name_check_local(work, node->local);
  } else if (node->kind == BC_LUA_NODE_NAME && node->local == NULL) {
    name_check_global(work, node);
  } else if (node->kind == BC_LUA_NODE_INDEX && node->b->kind == BC_LUA_NODE_STRING && !node->b->has_escape) {
    name_check_member(work, node->a, node->b->place, node->b->text);
  } else if (node->kind == BC_LUA_NODE_METHOD) {
    name_check_member(work, node->a, node->name_place, node->text);
  } else if (node->kind == BC_LUA_NODE_ASSIGN || node->kind == BC_LUA_NODE_DEFINE) {
    for (struct bc_lua_node *target = node->a; target != NULL; target = target->next) {
      name_check_target(work, target);
    }
  }
  return true;
}

void bc_lint_names(struct bc_lint_work *work) {
  bc_lua_tree_walk(work->root->block, false, name_note_targets, work);
  bc_lua_tree_walk(work->root->block, false, name_look, work);
}
