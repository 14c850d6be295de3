/* Values: comparisons that are always the same, operations that raise, conditions without a choice, keys given twice.
 */
#include "model/lint_private.h"

enum { VALUE_ITEMS_MOST = 500, VALUE_SHOWN = 40 };

static const unsigned value_plain = BC_LINT_IS_NUMBER | BC_LINT_IS_STRING;

/* ---- operations ---- */

/* It cannot be one of `kinds`, and no metatable can help: tables of a script may have one. */
static bool value_never_is(struct bc_lint_type type, unsigned kinds) {
  unsigned is = type.kinds & ~(unsigned)BC_LINT_IS_NIL;
  bool may_have_metatable = (is & (BC_LINT_IS_TABLE | BC_LINT_IS_OTHER)) != 0 && type.shape.len == 0;
  return is != 0 && (is & kinds) == 0 && !may_have_metatable;
}

static void value_check_equal(struct bc_lint_work *work, struct bc_lua_node *node) {
  struct bc_lint_type a = bc_lint_type_of(work, node->a);
  struct bc_lint_type b = bc_lint_type_of(work, node->b);
  char left[96];
  char right[96];
  bool asks_for_nil = node->a->kind == BC_LUA_NODE_NIL || node->b->kind == BC_LUA_NODE_NIL;
  if (!asks_for_nil && (a.kinds & b.kinds) == 0) {
    bc_lint_add(work, BC_LINT_TYPE_MISMATCH, node->name_place, "this is always %s: %s is never %s",
                node->sign == BC_LUA_EQUAL ? "false" : "true", bc_lint_type_text(a, left), bc_lint_type_text(b, right));
  }
}

static void value_check_order(struct bc_lint_work *work, struct bc_lua_node *node) {
  struct bc_lint_type a = bc_lint_type_of(work, node->a);
  struct bc_lint_type b = bc_lint_type_of(work, node->b);
  char left[96];
  char right[96];
  bool is_bad = value_never_is(a, value_plain) || value_never_is(b, value_plain);
  unsigned both = (a.kinds | b.kinds) & ~(unsigned)BC_LINT_IS_NIL;
  bool is_mixed = (both & ~value_plain) == 0 && (a.kinds & b.kinds & value_plain) == 0 && a.kinds != BC_LINT_IS_NIL &&
                  b.kinds != BC_LINT_IS_NIL;
  if (is_bad || is_mixed) {
    bc_lint_add(work, BC_LINT_TYPE_MISMATCH, node->name_place,
                "this raises: %s cannot be compared with %s in this way%s", bc_lint_type_text(a, left),
                bc_lint_type_text(b, right),
                bc_lint_type_of(work, node->a).kinds == BC_LINT_IS_TABLE ? "; its length is #" : "");
  }
}

static void value_check_operand(struct bc_lint_work *work, struct bc_lua_node *operand, struct bc_lua_place place,
                                const char *sign) {
  struct bc_lint_type type = bc_lint_type_of(work, operand);
  char found[96];
  if (value_never_is(type, value_plain) || operand->kind == BC_LUA_NODE_NIL) {
    bc_lint_add(work, BC_LINT_TYPE_MISMATCH, place, "this raises: '%s' does not take %s", sign,
                bc_lint_type_text(type, found));
  }
}

static void value_check_binary(struct bc_lint_work *work, struct bc_lua_node *node) {
  switch ((int)node->sign) {
  case BC_LUA_EQUAL:
  case BC_LUA_UNEQUAL:
    value_check_equal(work, node);
    break;
  case BC_LUA_LESS:
  case BC_LUA_LESS_EQUAL:
  case BC_LUA_GREATER:
  case BC_LUA_GREATER_EQUAL:
    value_check_order(work, node);
    break;
  case BC_LUA_AND:
  case BC_LUA_OR:
    break;
  default:
    value_check_operand(work, node->a, node->name_place, bc_lua_token_text(node->sign));
    value_check_operand(work, node->b, node->name_place, bc_lua_token_text(node->sign));
  }
}

static void value_check_unary(struct bc_lint_work *work, struct bc_lua_node *node) {
  struct bc_lint_type type = bc_lint_type_of(work, node->a);
  char found[96];
  if (node->sign == BC_LUA_MINUS || node->sign == BC_LUA_TILDE) {
    value_check_operand(work, node->a, node->place, bc_lua_token_text(node->sign));
  } else if (node->sign == BC_LUA_LENGTH && value_never_is(type, BC_LINT_IS_STRING | BC_LINT_IS_TABLE)) {
    bc_lint_add(work, BC_LINT_TYPE_MISMATCH, node->place, "this raises: %s has no length",
                bc_lint_type_text(type, found));
  }
}

/* r.status(), r.status.code */
static void value_check_use(struct bc_lint_work *work, struct bc_lua_node *object, struct bc_lua_place place,
                            unsigned kinds, const char *what) {
  struct bc_lint_type type = bc_lint_type_of(work, object);
  char found[96];
  if (value_never_is(type, kinds)) {
    bc_lint_add(work, BC_LINT_TYPE_MISMATCH, place, "this raises: %s %s", bc_lint_type_text(type, found), what);
  }
}

/* ---- conditions ---- */

static bool value_is_constant(const struct bc_lua_node *node) {
  switch ((int)node->kind) {
  case BC_LUA_NODE_NIL:
  case BC_LUA_NODE_TRUE:
  case BC_LUA_NODE_FALSE:
  case BC_LUA_NODE_NUMBER:
  case BC_LUA_NODE_STRING:
  case BC_LUA_NODE_TABLE:
  case BC_LUA_NODE_FUNCTION:
    return true;
  default:
    return false;
  }
}

static bool value_is_false(const struct bc_lua_node *node) {
  return node->kind == BC_LUA_NODE_NIL || node->kind == BC_LUA_NODE_FALSE;
}

/* x == 200 or 301 */
static void value_refuse_or(struct bc_lint_work *work, const struct bc_lua_node *node) {
  bc_lint_add(work, BC_LINT_CONSTANT_CONDITION, node->name_place,
              "'or' with a constant is always true: compare again behind it (x == 1 or x == 2)");
}

static bool value_is_wrong_or(const struct bc_lua_node *node) {
  if (node->kind != BC_LUA_NODE_BINARY || node->sign != BC_LUA_OR ||
      (node->b->kind != BC_LUA_NODE_NUMBER && node->b->kind != BC_LUA_NODE_STRING)) {
    return false;
  }
  const struct bc_lua_node *left = node->a;
  while (left->kind == BC_LUA_NODE_BINARY && left->sign == BC_LUA_OR) {
    left = left->a;
  }
  return left->kind == BC_LUA_NODE_BINARY && left->sign == BC_LUA_EQUAL;
}

static void value_check_condition(struct bc_lint_work *work, struct bc_lua_node *node) {
  if (node->kind == BC_LUA_NODE_PAREN || (node->kind == BC_LUA_NODE_UNARY && node->sign == BC_LUA_NOT)) {
    value_check_condition(work, node->a);
  } else if (value_is_wrong_or(node)) {
    value_check_condition(work, node->a);
    value_refuse_or(work, node);
  } else if (node->kind == BC_LUA_NODE_BINARY && (node->sign == BC_LUA_AND || node->sign == BC_LUA_OR)) {
    value_check_condition(work, node->a);
    value_check_condition(work, node->b);
  } else if (value_is_constant(node)) {
    bc_lint_add(work, BC_LINT_CONSTANT_CONDITION, node->place, "this is always %s",
                value_is_false(node) ? "false" : "true");
  } else if (bc_lint_type_of(work, node).kinds == BC_LINT_IS_FUNCTION) {
    bc_lint_add(work, BC_LINT_CONSTANT_CONDITION, node->place, "a function is always true: call it");
  }
}

/* `while true` and `repeat … until false` are meant. */
static bool value_is_loop_word(const struct bc_lua_node *node) {
  return node->kind == BC_LUA_NODE_TRUE || node->kind == BC_LUA_NODE_FALSE;
}

/* ---- tables ---- */

static bool value_is_same_key(const struct bc_lua_node *a, const struct bc_lua_node *b) {
  return a->a != NULL && b->a != NULL && a->a->kind == b->a->kind &&
         (a->a->kind == BC_LUA_NODE_STRING || a->a->kind == BC_LUA_NODE_NUMBER) && bc_str_equal(a->a->text, b->a->text);
}

static void value_check_table(struct bc_lint_work *work, const struct bc_lua_node *table) {
  size_t count = 0;
  for (const struct bc_lua_node *item = table->a; item != NULL && count < VALUE_ITEMS_MOST; item = item->next) {
    count++;
    for (const struct bc_lua_node *before = table->a; before != item; before = before->next) {
      if (value_is_same_key(before, item)) {
        int len = item->a->text.len < VALUE_SHOWN ? (int)item->a->text.len : VALUE_SHOWN;
        bc_lint_add(work, BC_LINT_DUPLICATE_KEY, item->place, "'%.*s' is given in line %u already: that value is lost",
                    len, item->a->text.at, before->place.line);
        break;
      }
    }
  }
}

/* ---- all of it ---- */

static void value_look_condition(struct bc_lint_work *work, struct bc_lua_node *node) {
  if (node->kind == BC_LUA_NODE_CLAUSE && node->a != NULL) {
    value_check_condition(work, node->a);
  } else if (node->kind == BC_LUA_NODE_WHILE && !value_is_loop_word(node->a)) {
    value_check_condition(work, node->a);
  } else if (node->kind == BC_LUA_NODE_REPEAT && !value_is_loop_word(node->b)) {
    value_check_condition(work, node->b);
  }
}

static bool value_look(void *arg, struct bc_lua_node *node) {
  struct bc_lint_work *work = arg;
  const unsigned indexed = BC_LINT_IS_TABLE | BC_LINT_IS_OTHER | BC_LINT_IS_STRING;
  value_look_condition(work, node);
  switch ((int)node->kind) {
  case BC_LUA_NODE_BINARY:
    if (value_is_wrong_or(node)) {
      value_refuse_or(work, node);
    }
    value_check_binary(work, node);
    break;
  case BC_LUA_NODE_UNARY:
    value_check_unary(work, node);
    break;
  case BC_LUA_NODE_CALL:
    value_check_use(work, node->a, node->place, BC_LINT_IS_FUNCTION | BC_LINT_IS_TABLE | BC_LINT_IS_OTHER,
                    "cannot be called");
    break;
  case BC_LUA_NODE_INDEX:
  case BC_LUA_NODE_METHOD:
    value_check_use(work, node->a, node->name_place, indexed, "has no members");
    break;
  case BC_LUA_NODE_TABLE:
    value_check_table(work, node);
    break;
  default:
    break;
  }
  return true;
}

void bc_lint_values(struct bc_lint_work *work) {
  bc_lua_tree_walk(work->root->block, false, value_look, work);
}
