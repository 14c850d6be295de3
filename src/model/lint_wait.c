/* Calls that wait where nothing can: inside a callback of string.gsub or table.sort, inside __tostring, and while a
 * module is loaded (docs/lua-sandbox.md). They may be hidden in functions of the script. */
#include "model/lint_private.h"

enum { WAIT_ROUNDS = 20, WAIT_SHOWN = 40, WAIT_WAITS = 1, WAIT_TOLD = 2 };

struct wait {
  struct bc_lint_work *work;
  struct bc_lua_function *function; /* in which it is */
  bool is_changed;
  /* Where nothing can wait; NULL: nowhere. */
  const char *forbidden;
};

/* The function of the script that an expression is: itself, or a local that is always that. */
static struct bc_lua_function *wait_function(const struct bc_lua_node *node) {
  if (node->kind == BC_LUA_NODE_NAME && node->local != NULL && node->local->writes == 0 && node->local->value != NULL &&
      node->local->value_index == 0 && !node->local->is_loop) {
    node = node->local->value;
  }
  return node->kind == BC_LUA_NODE_FUNCTION ? node->function : NULL;
}

/* What is really called: the first argument of pcall. */
static bool wait_is_waiting(struct bc_lint_work *work, struct bc_lua_node *call, struct bc_str *name) {
  const struct bc_lint_function *function = bc_lint_type_called(work, call);
  struct bc_lua_function *own = call->kind == BC_LUA_NODE_CALL ? wait_function(call->a) : NULL;
  if (function == NULL && bc_str_is(bc_lint_type_callee(work, call), "pcall") && call->b != NULL) {
    struct bc_lint_type type = bc_lint_type_of(work, call->b);
    function = type.kinds == BC_LINT_IS_FUNCTION && type.shape.len > 0 ? bc_lint_api_function(type.shape) : NULL;
    own = wait_function(call->b);
  }
  if (function != NULL && (function->flags & BC_LINT_WAITS) != 0) {
    *name = bc_str_of(function->name);
    return true;
  }
  *name = call->a->kind == BC_LUA_NODE_NAME ? call->a->text : bc_str_of("this function");
  return own != NULL && (own->mark & WAIT_WAITS) != 0;
}

static bool wait_mark(void *arg, struct bc_lua_node *node) {
  struct wait *wait = arg;
  struct bc_str name;
  if (node->kind == BC_LUA_NODE_FUNCTION) {
    struct wait inner = {.work = wait->work, .function = node->function};
    bc_lua_tree_walk(node->b, false, wait_mark, &inner);
    wait->is_changed = wait->is_changed || inner.is_changed;
    return false;
  }
  bool is_call = node->kind == BC_LUA_NODE_CALL || node->kind == BC_LUA_NODE_METHOD;
  if (is_call && (wait->function->mark & WAIT_WAITS) == 0 && wait_is_waiting(wait->work, node, &name)) {
    wait->function->mark |= WAIT_WAITS;
    wait->is_changed = true;
  }
  return true;
}

static bool wait_tell(void *arg, struct bc_lua_node *node) {
  struct wait *wait = arg;
  struct bc_str name;
  if (node->kind == BC_LUA_NODE_FUNCTION) {
    return false;
  }
  bool is_call = node->kind == BC_LUA_NODE_CALL || node->kind == BC_LUA_NODE_METHOD;
  if (is_call && wait_is_waiting(wait->work, node, &name)) {
    int len = name.len < WAIT_SHOWN ? (int)name.len : WAIT_SHOWN;
    bc_lint_add(wait->work, BC_LINT_CANNOT_WAIT, node->place, "%.*s waits, which it cannot %s: this raises", len,
                name.at, wait->forbidden);
  }
  return true;
}

/* Nothing can wait inside of it, if it is a function of the script. */
static void wait_forbid(struct bc_lint_work *work, struct bc_lua_node *callback, const char *forbidden) {
  struct bc_lua_function *function = callback == NULL ? NULL : wait_function(callback);
  struct bc_lint_type type = callback == NULL ? (struct bc_lint_type){0} : bc_lint_type_of(work, callback);
  const struct bc_lint_function *known =
      type.kinds == BC_LINT_IS_FUNCTION && type.shape.len > 0 ? bc_lint_api_function(type.shape) : NULL;
  if (known != NULL && (known->flags & BC_LINT_WAITS) != 0) {
    bc_lint_add(work, BC_LINT_CANNOT_WAIT, callback->place, "%s waits, which it cannot %s: this raises", known->name,
                forbidden);
  } else if (function != NULL && (function->mark & WAIT_TOLD) == 0) {
    struct wait wait = {.work = work, .function = function, .forbidden = forbidden};
    function->mark |= WAIT_TOLD;
    bc_lua_tree_walk(function->block, false, wait_tell, &wait);
  }
}

static struct bc_lua_node *wait_argument(const struct bc_lua_node *call, int index) {
  struct bc_lua_node *argument = call->b;
  index -= call->kind == BC_LUA_NODE_METHOD ? 1 : 0;
  for (; argument != NULL && index > 0; index--) {
    argument = argument->next;
  }
  return argument;
}

static bool wait_is_tostring(const struct bc_lua_node *key) {
  return key != NULL && key->kind == BC_LUA_NODE_STRING && bc_str_is(key->text, "__tostring");
}

static bool wait_look(void *arg, struct bc_lua_node *node) {
  struct bc_lint_work *work = arg;
  if (node->kind == BC_LUA_NODE_CALL || node->kind == BC_LUA_NODE_METHOD) {
    struct bc_str name = bc_lint_type_callee(work, node);
    if (bc_str_is(name, "string.gsub")) {
      wait_forbid(work, wait_argument(node, 2), "inside string.gsub");
    } else if (bc_str_is(name, "table.sort")) {
      wait_forbid(work, wait_argument(node, 1), "inside table.sort");
    }
  } else if (node->kind == BC_LUA_NODE_ITEM && wait_is_tostring(node->a)) {
    wait_forbid(work, node->b, "inside __tostring");
  } else if ((node->kind == BC_LUA_NODE_ASSIGN || node->kind == BC_LUA_NODE_DEFINE) && node->b != NULL &&
             node->a->kind == BC_LUA_NODE_INDEX && wait_is_tostring(node->a->b)) {
    wait_forbid(work, node->b, "inside __tostring");
  }
  return true;
}

void bc_lint_waits(struct bc_lint_work *work) {
  struct wait wait = {.work = work, .function = work->root, .is_changed = true};
  for (int i = 0; wait.is_changed && i < WAIT_ROUNDS; i++) {
    wait.is_changed = false;
    bc_lua_tree_walk(work->root->block, false, wait_mark, &wait);
  }
  bc_lua_tree_walk(work->root->block, false, wait_look, work);
  if (work->options->mode == BC_LINT_MODULE) {
    wait.forbidden = "while a module is loaded";
    bc_lua_tree_walk(work->root->block, false, wait_tell, &wait);
  }
}
