#include "model/lua_parse_private.h"

/* ---- what an expression begins with ---- */

struct bc_lua_node *bc_lua_parse_variable(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_NAME, parser->lex.place);
  node->text = bc_lua_parse_name(parser);
  node->local = bc_lua_parse_find(parser, node->text);
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *expr_primary(struct bc_lua_parser *parser) {
  char near[48];
  struct bc_lua_place place = parser->lex.place;
  struct bc_lua_node *node;
  if (parser->lex.token == BC_LUA_NAME) {
    node = bc_lua_parse_variable(parser);
    if (node->local != NULL) {
      node->local->reads++;
    }
    return node;
  }
  node = bc_lua_parse_node(parser, BC_LUA_NODE_PAREN, place);
  if (bc_lua_parse_accept(parser, BC_LUA_OPEN)) {
    node->a = bc_lua_parse_expression(parser);
    bc_lua_parse_match(parser, BC_LUA_CLOSE, BC_LUA_OPEN, place);
  } else {
    bc_lua_lex_fail(&parser->lex, place, "unexpected symbol %s", bc_lua_lex_near(&parser->lex, near));
  }
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *expr_string(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_STRING, parser->lex.place);
  node->text = parser->lex.text;
  node->has_escape = parser->lex.has_escape;
  bc_lua_lex_next(&parser->lex);
  return bc_lua_parse_finish(parser, node);
}

/* The name behind a dot, as a text. */
static struct bc_lua_node *expr_key(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_STRING, parser->lex.place);
  node->text = bc_lua_parse_name(parser);
  return bc_lua_parse_finish(parser, node);
}

/* ---- tables ---- */

static struct bc_lua_node *expr_item(struct bc_lua_parser *parser) {
  struct bc_lua_node *item = bc_lua_parse_node(parser, BC_LUA_NODE_ITEM, parser->lex.place);
  if (parser->lex.token == BC_LUA_NAME && bc_lua_lex_peek(&parser->lex) == BC_LUA_ASSIGN) {
    item->a = expr_key(parser);
    item->is_dotted = true;
    bc_lua_parse_expect(parser, BC_LUA_ASSIGN);
  } else if (bc_lua_parse_accept(parser, BC_LUA_OPEN_BRACKET)) {
    item->a = bc_lua_parse_expression(parser);
    bc_lua_parse_expect(parser, BC_LUA_CLOSE_BRACKET);
    bc_lua_parse_expect(parser, BC_LUA_ASSIGN);
  }
  item->b = bc_lua_parse_expression(parser);
  return bc_lua_parse_finish(parser, item);
}

static struct bc_lua_node *expr_table(struct bc_lua_parser *parser) {
  struct bc_lua_place place = parser->lex.place;
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_TABLE, place);
  struct bc_lua_node **link = &node->a;
  bool is_more = true;
  bc_lua_parse_expect(parser, BC_LUA_OPEN_BRACE);
  while (is_more && parser->lex.token != BC_LUA_CLOSE_BRACE) {
    *link = expr_item(parser);
    link = &(*link)->next;
    is_more = bc_lua_parse_accept(parser, BC_LUA_COMMA) || bc_lua_parse_accept(parser, BC_LUA_SEMICOLON);
  }
  node->end = parser->lex.place;
  bc_lua_parse_match(parser, BC_LUA_CLOSE_BRACE, BC_LUA_OPEN_BRACE, place);
  return bc_lua_parse_finish(parser, node);
}

/* ---- what stands behind it ---- */

static void expr_arguments(struct bc_lua_parser *parser, struct bc_lua_node *call) {
  struct bc_lua_place place = parser->lex.place;
  char near[48];
  if (parser->lex.token == BC_LUA_STRING) {
    call->b = expr_string(parser);
  } else if (parser->lex.token == BC_LUA_OPEN_BRACE) {
    call->b = expr_table(parser);
  } else if (!bc_lua_parse_accept(parser, BC_LUA_OPEN)) {
    bc_lua_lex_fail(&parser->lex, place, "function arguments expected %s", bc_lua_lex_near(&parser->lex, near));
  } else {
    if (parser->lex.token != BC_LUA_CLOSE) {
      call->b = bc_lua_parse_expressions(parser);
    }
    call->end = parser->lex.place;
    bc_lua_parse_match(parser, BC_LUA_CLOSE, BC_LUA_OPEN, place);
  }
}

static struct bc_lua_node *expr_suffix(struct bc_lua_parser *parser, struct bc_lua_node *object) {
  enum bc_lua_token token = parser->lex.token;
  enum bc_lua_kind kind = token == BC_LUA_DOT || token == BC_LUA_OPEN_BRACKET ? BC_LUA_NODE_INDEX
                          : token == BC_LUA_COLON                             ? BC_LUA_NODE_METHOD
                                                                              : BC_LUA_NODE_CALL;
  struct bc_lua_node *node = bc_lua_parse_node(parser, kind, object->place);
  node->a = object;
  node->name_place = parser->lex.place;
  if (kind != BC_LUA_NODE_CALL) {
    bc_lua_lex_next(&parser->lex);
    node->name_place = parser->lex.place;
  }
  if (token == BC_LUA_DOT) {
    node->is_dotted = true;
    node->b = expr_key(parser);
  } else if (token == BC_LUA_OPEN_BRACKET) {
    node->b = bc_lua_parse_expression(parser);
    bc_lua_parse_expect(parser, BC_LUA_CLOSE_BRACKET);
  } else {
    if (kind == BC_LUA_NODE_METHOD) {
      node->text = bc_lua_parse_name(parser);
    }
    expr_arguments(parser, node);
  }
  return bc_lua_parse_finish(parser, node);
}

struct bc_lua_node *bc_lua_parse_suffixed(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = expr_primary(parser);
  for (;;) {
    switch ((int)parser->lex.token) {
    case BC_LUA_DOT:
    case BC_LUA_OPEN_BRACKET:
    case BC_LUA_COLON:
    case BC_LUA_OPEN:
    case BC_LUA_STRING:
    case BC_LUA_OPEN_BRACE:
      node = expr_suffix(parser, node);
      break;
    default:
      return node;
    }
  }
}

/* ---- operators ---- */

static struct bc_lua_node *expr_constant(struct bc_lua_parser *parser, enum bc_lua_kind kind) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, kind, parser->lex.place);
  node->text = parser->lex.text;
  if (kind == BC_LUA_NODE_VARARG && !parser->function->has_vararg) {
    bc_lua_lex_fail(&parser->lex, node->place, "cannot use '...' outside a vararg function");
  }
  bc_lua_lex_next(&parser->lex);
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *expr_simple(struct bc_lua_parser *parser) {
  struct bc_lua_place place = parser->lex.place;
  switch ((int)parser->lex.token) {
  case BC_LUA_NUMBER:
    return expr_constant(parser, BC_LUA_NODE_NUMBER);
  case BC_LUA_STRING:
    return expr_string(parser);
  case BC_LUA_NIL:
    return expr_constant(parser, BC_LUA_NODE_NIL);
  case BC_LUA_TRUE:
    return expr_constant(parser, BC_LUA_NODE_TRUE);
  case BC_LUA_FALSE:
    return expr_constant(parser, BC_LUA_NODE_FALSE);
  case BC_LUA_DOTS:
    return expr_constant(parser, BC_LUA_NODE_VARARG);
  case BC_LUA_OPEN_BRACE:
    return expr_table(parser);
  case BC_LUA_FUNCTION:
    bc_lua_lex_next(&parser->lex);
    return bc_lua_parse_body(parser, false, place);
  default:
    return bc_lua_parse_suffixed(parser);
  }
}

enum { EXPR_UNARY = 12 };

/* How strongly it binds to what stands left and right of it; 0 = it is no operator. */
static const struct expr_priority {
  unsigned char left, right;
} expr_priorities[] = {
    [BC_LUA_OR] = {1, 1},          [BC_LUA_AND] = {2, 2},        [BC_LUA_LESS] = {3, 3},
    [BC_LUA_GREATER] = {3, 3},     [BC_LUA_LESS_EQUAL] = {3, 3}, [BC_LUA_GREATER_EQUAL] = {3, 3},
    [BC_LUA_UNEQUAL] = {3, 3},     [BC_LUA_EQUAL] = {3, 3},      [BC_LUA_BAR] = {4, 4},
    [BC_LUA_TILDE] = {5, 5},       [BC_LUA_AMPERSAND] = {6, 6},  [BC_LUA_SHIFT_LEFT] = {7, 7},
    [BC_LUA_SHIFT_RIGHT] = {7, 7}, [BC_LUA_CONCAT] = {9, 8},     [BC_LUA_PLUS] = {10, 10},
    [BC_LUA_MINUS] = {10, 10},     [BC_LUA_TIMES] = {11, 11},    [BC_LUA_DIVIDE] = {11, 11},
    [BC_LUA_WHOLE] = {11, 11},     [BC_LUA_MODULO] = {11, 11},   [BC_LUA_POWER] = {14, 13},
    [BC_LUA_END] = {0, 0},
};

static struct bc_lua_node *expr_above(struct bc_lua_parser *parser, unsigned limit);

static struct bc_lua_node *expr_operand(struct bc_lua_parser *parser) {
  enum bc_lua_token token = parser->lex.token;
  if (token != BC_LUA_NOT && token != BC_LUA_MINUS && token != BC_LUA_TILDE && token != BC_LUA_LENGTH) {
    return expr_simple(parser);
  }
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_UNARY, parser->lex.place);
  node->sign = token;
  bc_lua_lex_next(&parser->lex);
  node->a = expr_above(parser, EXPR_UNARY);
  return bc_lua_parse_finish(parser, node);
}

/* All that binds more strongly than `limit`. */
static struct bc_lua_node *expr_above(struct bc_lua_parser *parser, unsigned limit) {
  if (!bc_lua_parse_enter(parser)) {
    bc_lua_parse_leave(parser);
    return bc_lua_parse_finish(parser, bc_lua_parse_node(parser, BC_LUA_NODE_NIL, parser->lex.place));
  }
  struct bc_lua_node *node = expr_operand(parser);
  while (expr_priorities[parser->lex.token].left > limit) {
    struct bc_lua_node *both = bc_lua_parse_node(parser, BC_LUA_NODE_BINARY, node->place);
    both->sign = parser->lex.token;
    both->name_place = parser->lex.place;
    bc_lua_lex_next(&parser->lex);
    both->a = node;
    both->b = expr_above(parser, expr_priorities[both->sign].right);
    node = bc_lua_parse_finish(parser, both);
  }
  bc_lua_parse_leave(parser);
  return node;
}

struct bc_lua_node *bc_lua_parse_expression(struct bc_lua_parser *parser) {
  return expr_above(parser, 0);
}

struct bc_lua_node *bc_lua_parse_expressions(struct bc_lua_parser *parser) {
  struct bc_lua_node *first = bc_lua_parse_expression(parser);
  struct bc_lua_node *last = first;
  while (bc_lua_parse_accept(parser, BC_LUA_COMMA)) {
    last->next = bc_lua_parse_expression(parser);
    last = last->next;
  }
  return first;
}
