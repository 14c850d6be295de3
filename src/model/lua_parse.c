#include "model/lua_parse_private.h"

/* ---- words ---- */

bool bc_lua_parse_enter(struct bc_lua_parser *parser) {
  if (++parser->levels > BC_LUA_LEVELS) {
    bc_lua_lex_fail(&parser->lex, parser->lex.place, "too many levels of blocks or expressions in one another");
    return false;
  }
  return true;
}

void bc_lua_parse_leave(struct bc_lua_parser *parser) {
  parser->levels--;
}

bool bc_lua_parse_accept(struct bc_lua_parser *parser, enum bc_lua_token token) {
  bool is_there = parser->lex.token == token;
  if (is_there) {
    bc_lua_lex_next(&parser->lex);
  }
  return is_there;
}

void bc_lua_parse_expect(struct bc_lua_parser *parser, enum bc_lua_token token) {
  char near[48];
  if (!bc_lua_parse_accept(parser, token)) {
    bc_lua_lex_fail(&parser->lex, parser->lex.place, "'%s' expected %s", bc_lua_token_text(token),
                    bc_lua_lex_near(&parser->lex, near));
  }
}

void bc_lua_parse_match(struct bc_lua_parser *parser, enum bc_lua_token token, enum bc_lua_token opened,
                        struct bc_lua_place place) {
  char near[48];
  if (!bc_lua_parse_accept(parser, token)) {
    bc_lua_lex_fail(&parser->lex, parser->lex.place, "'%s' expected (to close '%s' at line %u) %s",
                    bc_lua_token_text(token), bc_lua_token_text(opened), place.line,
                    bc_lua_lex_near(&parser->lex, near));
  }
}

struct bc_str bc_lua_parse_name(struct bc_lua_parser *parser) {
  char near[48];
  struct bc_str name = parser->lex.text;
  if (!bc_lua_parse_accept(parser, BC_LUA_NAME)) {
    bc_lua_lex_fail(&parser->lex, parser->lex.place, "a name expected %s", bc_lua_lex_near(&parser->lex, near));
  }
  return name;
}

/* ---- blocks ---- */

static struct bc_lua_node *parse_statement(struct bc_lua_parser *parser);

static bool parse_is_block_end(const struct bc_lua_parser *parser, bool with_until) {
  switch ((int)parser->lex.token) {
  case BC_LUA_ELSE:
  case BC_LUA_ELSEIF:
  case BC_LUA_END_WORD:
  case BC_LUA_END:
    return true;
  case BC_LUA_UNTIL:
    return with_until;
  default:
    return false;
  }
}

/* Statements without a scope of their own. */
static struct bc_lua_node *parse_statements(struct bc_lua_parser *parser) {
  struct bc_lua_node *block = bc_lua_parse_node(parser, BC_LUA_NODE_BLOCK, parser->lex.place);
  struct bc_lua_node **link = &block->a;
  bool is_over = false;
  while (!is_over && !parse_is_block_end(parser, true)) {
    is_over = parser->lex.token == BC_LUA_RETURN;
    *link = parse_statement(parser);
    while (*link != NULL) {
      link = &(*link)->next;
    }
  }
  block->end = parser->lex.place;
  return bc_lua_parse_finish(parser, block);
}

static struct bc_lua_node *parse_block(struct bc_lua_parser *parser) {
  struct bc_lua_scope scope;
  bc_lua_parse_open(parser, &scope, false);
  struct bc_lua_node *block = parse_statements(parser);
  bc_lua_parse_close(parser);
  return block;
}

/* ---- functions ---- */

static void parse_parameters(struct bc_lua_parser *parser, struct bc_lua_node **link) {
  bool is_more = parser->lex.token != BC_LUA_CLOSE;
  while (is_more) {
    if (bc_lua_parse_accept(parser, BC_LUA_DOTS)) {
      parser->function->has_vararg = true;
      return;
    }
    struct bc_lua_place place = parser->lex.place;
    *link = bc_lua_parse_declare(parser, bc_lua_parse_name(parser), place);
    (*link)->local->is_parameter = true;
    link = &(*link)->next;
    is_more = bc_lua_parse_accept(parser, BC_LUA_COMMA);
  }
}

struct bc_lua_node *bc_lua_parse_body(struct bc_lua_parser *parser, bool has_self, struct bc_lua_place place) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_FUNCTION, place);
  struct bc_lua_function *function = bc_lua_parse_memory(parser, sizeof *function);
  struct bc_lua_scope scope;
  *function = (struct bc_lua_function){.outer = parser->function, .node = node, .has_self = has_self};
  node->function = function;
  parser->function = function;
  bc_lua_parse_open(parser, &scope, false);
  struct bc_lua_node **link = &node->a;
  if (has_self) {
    *link = bc_lua_parse_declare(parser, bc_str_of("self"), place);
    (*link)->local->is_parameter = true;
    link = &(*link)->next;
  }
  bc_lua_parse_expect(parser, BC_LUA_OPEN);
  parse_parameters(parser, link);
  bc_lua_parse_show(parser, node->a);
  bc_lua_parse_expect(parser, BC_LUA_CLOSE);
  node->b = parse_statements(parser);
  function->block = node->b;
  node->end = parser->lex.place;
  bc_lua_parse_match(parser, BC_LUA_END_WORD, BC_LUA_FUNCTION, place);
  bc_lua_parse_close(parser);
  parser->function = function->outer;
  return bc_lua_parse_finish(parser, node);
}

static void parse_refuse_const(struct bc_lua_parser *parser, const struct bc_lua_node *target) {
  if (target->kind == BC_LUA_NODE_NAME && target->local != NULL && target->local->is_const) {
    bc_lua_lex_fail(&parser->lex, target->place, "attempt to assign to const variable '" BC_STR_FMT "'",
                    BC_STR_ARG(target->text));
  }
}

static void parse_note_write(struct bc_lua_parser *parser, struct bc_lua_node *target) {
  parse_refuse_const(parser, target);
  if (target->kind == BC_LUA_NODE_NAME && target->local != NULL) {
    target->local->writes++;
  }
}

/* function a.b:c() … end */
static struct bc_lua_node *parse_define(struct bc_lua_parser *parser) {
  struct bc_lua_place place = parser->lex.place;
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_DEFINE, place);
  bool has_self = false;
  bc_lua_lex_next(&parser->lex);
  node->a = bc_lua_parse_variable(parser);
  while (!has_self && (parser->lex.token == BC_LUA_DOT || parser->lex.token == BC_LUA_COLON)) {
    struct bc_lua_node *field = bc_lua_parse_node(parser, BC_LUA_NODE_INDEX, node->a->place);
    has_self = parser->lex.token == BC_LUA_COLON;
    bc_lua_lex_next(&parser->lex);
    if (node->a->kind == BC_LUA_NODE_NAME && node->a->local != NULL) {
      node->a->local->reads++;
    }
    field->a = node->a;
    field->is_dotted = true;
    field->name_place = parser->lex.place;
    field->b = bc_lua_parse_node(parser, BC_LUA_NODE_STRING, parser->lex.place);
    field->b->text = bc_lua_parse_name(parser);
    (void)bc_lua_parse_finish(parser, field->b);
    node->a = bc_lua_parse_finish(parser, field);
  }
  parse_note_write(parser, node->a);
  node->b = bc_lua_parse_body(parser, has_self, place);
  return bc_lua_parse_finish(parser, node);
}

/* ---- local ---- */

static void parse_attribute(struct bc_lua_parser *parser, struct bc_lua_local *local) {
  if (!bc_lua_parse_accept(parser, BC_LUA_LESS)) {
    return;
  }
  struct bc_lua_place place = parser->lex.place;
  struct bc_str name = bc_lua_parse_name(parser);
  bc_lua_parse_expect(parser, BC_LUA_GREATER);
  local->is_closed = bc_str_is(name, "close");
  local->is_const = local->is_closed || bc_str_is(name, "const");
  if (!local->is_const) {
    bc_lua_lex_fail(&parser->lex, place, "unknown attribute '" BC_STR_FMT "'", BC_STR_ARG(name));
  }
}

/* Tells each local what it is given. */
static void parse_note_values(struct bc_lua_node *declarations, struct bc_lua_node *values) {
  unsigned index = 0;
  for (; declarations != NULL; declarations = declarations->next) {
    struct bc_lua_local *local = declarations->local;
    local->value = values;
    local->value_index = index;
    bool is_many =
        values != NULL && values->next == NULL &&
        (values->kind == BC_LUA_NODE_CALL || values->kind == BC_LUA_NODE_METHOD || values->kind == BC_LUA_NODE_VARARG);
    if (is_many) {
      index++;
    } else if (values != NULL) {
      values = values->next;
    }
  }
}

static struct bc_lua_node *parse_local(struct bc_lua_parser *parser, struct bc_lua_place place) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_LOCAL, place);
  struct bc_lua_node **link = &node->a;
  unsigned closed = 0;
  do {
    struct bc_lua_place name_place = parser->lex.place;
    *link = bc_lua_parse_declare(parser, bc_lua_parse_name(parser), name_place);
    parse_attribute(parser, (*link)->local);
    closed += (*link)->local->is_closed ? 1 : 0;
    link = &(*link)->next;
    if (closed > 1) {
      bc_lua_lex_fail(&parser->lex, name_place, "multiple to-be-closed variables in local list");
    }
  } while (bc_lua_parse_accept(parser, BC_LUA_COMMA));
  if (bc_lua_parse_accept(parser, BC_LUA_ASSIGN)) {
    node->b = bc_lua_parse_expressions(parser);
  }
  parse_note_values(node->a, node->b);
  bc_lua_parse_show(parser, node->a);
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *parse_local_function(struct bc_lua_parser *parser, struct bc_lua_place place) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_DEFINE_LOCAL, place);
  struct bc_lua_place name_place = parser->lex.place;
  node->a = bc_lua_parse_declare(parser, bc_lua_parse_name(parser), name_place);
  bc_lua_parse_show(parser, node->a);
  node->b = bc_lua_parse_body(parser, false, place);
  node->a->local->value = node->b;
  return bc_lua_parse_finish(parser, node);
}

/* ---- if and loops ---- */

static struct bc_lua_node *parse_if(struct bc_lua_parser *parser) {
  struct bc_lua_place place = parser->lex.place;
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_IF, place);
  struct bc_lua_node **link = &node->a;
  bool is_more = true;
  while (is_more) {
    struct bc_lua_node *clause = bc_lua_parse_node(parser, BC_LUA_NODE_CLAUSE, parser->lex.place);
    bool has_condition = parser->lex.token != BC_LUA_ELSE;
    bc_lua_lex_next(&parser->lex);
    if (has_condition) {
      clause->a = bc_lua_parse_expression(parser);
      bc_lua_parse_expect(parser, BC_LUA_THEN);
    }
    clause->b = parse_block(parser);
    *link = bc_lua_parse_finish(parser, clause);
    link = &clause->next;
    is_more = has_condition && (parser->lex.token == BC_LUA_ELSE || parser->lex.token == BC_LUA_ELSEIF);
  }
  bc_lua_parse_match(parser, BC_LUA_END_WORD, BC_LUA_IF, place);
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *parse_while(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_WHILE, parser->lex.place);
  struct bc_lua_scope scope;
  bc_lua_lex_next(&parser->lex);
  node->a = bc_lua_parse_expression(parser);
  bc_lua_parse_open(parser, &scope, true);
  bc_lua_parse_expect(parser, BC_LUA_DO);
  node->b = parse_block(parser);
  bc_lua_parse_match(parser, BC_LUA_END_WORD, BC_LUA_WHILE, node->place);
  bc_lua_parse_close(parser);
  return bc_lua_parse_finish(parser, node);
}

/* The condition sees the locals of the block. */
static struct bc_lua_node *parse_repeat(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_REPEAT, parser->lex.place);
  struct bc_lua_scope loop;
  struct bc_lua_scope scope;
  bc_lua_lex_next(&parser->lex);
  bc_lua_parse_open(parser, &loop, true);
  bc_lua_parse_open(parser, &scope, false);
  node->a = parse_statements(parser);
  bc_lua_parse_match(parser, BC_LUA_UNTIL, BC_LUA_REPEAT, node->place);
  node->b = bc_lua_parse_expression(parser);
  bc_lua_parse_close(parser);
  bc_lua_parse_close(parser);
  return bc_lua_parse_finish(parser, node);
}

/* The values come before the variables can be seen. */
static void parse_for_values(struct bc_lua_parser *parser, struct bc_lua_node *node) {
  if (node->kind == BC_LUA_NODE_FOR_EACH) {
    node->b = bc_lua_parse_expressions(parser);
    return;
  }
  node->b = bc_lua_parse_expression(parser);
  bc_lua_parse_expect(parser, BC_LUA_COMMA);
  node->b->next = bc_lua_parse_expression(parser);
  if (bc_lua_parse_accept(parser, BC_LUA_COMMA)) {
    node->b->next->next = bc_lua_parse_expression(parser);
  }
}

static void parse_note_loop(struct bc_lua_node *node) {
  unsigned index = 0;
  for (struct bc_lua_node *declaration = node->a; declaration != NULL; declaration = declaration->next) {
    declaration->local->is_loop = true;
    declaration->local->value = node->b;
    declaration->local->value_index = index++;
  }
}

static struct bc_lua_node *parse_for(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_FOR, parser->lex.place);
  struct bc_lua_scope loop;
  struct bc_lua_scope scope;
  char near[48];
  bc_lua_lex_next(&parser->lex);
  bc_lua_parse_open(parser, &loop, true);
  struct bc_lua_place name_place = parser->lex.place;
  struct bc_str name = bc_lua_parse_name(parser);
  if (parser->lex.token == BC_LUA_COMMA || parser->lex.token == BC_LUA_IN) {
    node->kind = BC_LUA_NODE_FOR_EACH;
  } else if (parser->lex.token != BC_LUA_ASSIGN) {
    bc_lua_lex_fail(&parser->lex, parser->lex.place, "'=' or 'in' expected %s", bc_lua_lex_near(&parser->lex, near));
  }
  /* Lua has locals of its own there. */
  parser->function->locals += node->kind == BC_LUA_NODE_FOR ? 3 : 4;
  node->a = bc_lua_parse_declare(parser, name, name_place);
  struct bc_lua_node **link = &node->a->next;
  while (node->kind == BC_LUA_NODE_FOR_EACH && bc_lua_parse_accept(parser, BC_LUA_COMMA)) {
    name_place = parser->lex.place;
    *link = bc_lua_parse_declare(parser, bc_lua_parse_name(parser), name_place);
    link = &(*link)->next;
  }
  bc_lua_parse_expect(parser, node->kind == BC_LUA_NODE_FOR ? BC_LUA_ASSIGN : BC_LUA_IN);
  parse_for_values(parser, node);
  parse_note_loop(node);
  bc_lua_parse_expect(parser, BC_LUA_DO);
  bc_lua_parse_open(parser, &scope, false);
  bc_lua_parse_show(parser, node->a);
  node->c = parse_statements(parser);
  bc_lua_parse_close(parser);
  bc_lua_parse_match(parser, BC_LUA_END_WORD, BC_LUA_FOR, node->place);
  bc_lua_parse_close(parser);
  return bc_lua_parse_finish(parser, node);
}

/* ---- the others ---- */

static struct bc_lua_node *parse_do(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_DO, parser->lex.place);
  bc_lua_lex_next(&parser->lex);
  node->a = parse_block(parser);
  bc_lua_parse_match(parser, BC_LUA_END_WORD, BC_LUA_DO, node->place);
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *parse_return(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_RETURN, parser->lex.place);
  bc_lua_lex_next(&parser->lex);
  if (!parse_is_block_end(parser, true) && parser->lex.token != BC_LUA_SEMICOLON) {
    node->a = bc_lua_parse_expressions(parser);
  }
  (void)bc_lua_parse_accept(parser, BC_LUA_SEMICOLON);
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *parse_goto(struct bc_lua_parser *parser, enum bc_lua_kind kind) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, kind, parser->lex.place);
  bc_lua_lex_next(&parser->lex);
  if (kind == BC_LUA_NODE_GOTO) {
    node->text = bc_lua_parse_name(parser);
  }
  bc_lua_parse_jump(parser, node->text, node->place);
  return bc_lua_parse_finish(parser, node);
}

/* Statements that do nothing may stand between it and the end of the block: they come along. */
static struct bc_lua_node *parse_label(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_LABEL, parser->lex.place);
  bc_lua_lex_next(&parser->lex);
  node->text = bc_lua_parse_name(parser);
  bc_lua_parse_expect(parser, BC_LUA_LABEL_MARK);
  struct bc_lua_node **link = &node->next;
  while (parser->lex.token == BC_LUA_SEMICOLON || parser->lex.token == BC_LUA_LABEL_MARK) {
    *link = parse_statement(parser);
    while (*link != NULL) {
      link = &(*link)->next;
    }
  }
  bc_lua_parse_label(parser, node->text, node->place, parse_is_block_end(parser, false));
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *parse_assign(struct bc_lua_parser *parser, struct bc_lua_node *first) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_ASSIGN, first->place);
  struct bc_lua_node *target = first;
  unsigned levels = parser->levels;
  char near[48];
  node->a = first;
  for (;;) {
    if (target->kind != BC_LUA_NODE_NAME && target->kind != BC_LUA_NODE_INDEX) {
      bc_lua_lex_fail(&parser->lex, parser->lex.place, "syntax error %s", bc_lua_lex_near(&parser->lex, near));
    } else if (target->kind == BC_LUA_NODE_NAME && target->local != NULL) {
      target->local->reads--;
    }
    parse_note_write(parser, target);
    if (!bc_lua_parse_accept(parser, BC_LUA_COMMA) || !bc_lua_parse_enter(parser)) {
      break;
    }
    target->next = bc_lua_parse_suffixed(parser);
    target = target->next;
  }
  parser->levels = levels;
  bc_lua_parse_expect(parser, BC_LUA_ASSIGN);
  node->b = bc_lua_parse_expressions(parser);
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *parse_call_or_assign(struct bc_lua_parser *parser) {
  struct bc_lua_node *first = bc_lua_parse_suffixed(parser);
  char near[48];
  if (parser->lex.token == BC_LUA_ASSIGN || parser->lex.token == BC_LUA_COMMA) {
    return parse_assign(parser, first);
  }
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_STATEMENT, first->place);
  if (first->kind != BC_LUA_NODE_CALL && first->kind != BC_LUA_NODE_METHOD) {
    bc_lua_lex_fail(&parser->lex, parser->lex.place, "syntax error %s", bc_lua_lex_near(&parser->lex, near));
  }
  node->a = first;
  return bc_lua_parse_finish(parser, node);
}

static struct bc_lua_node *parse_local_or_function(struct bc_lua_parser *parser) {
  struct bc_lua_place place = parser->lex.place;
  bc_lua_lex_next(&parser->lex);
  return bc_lua_parse_accept(parser, BC_LUA_FUNCTION) ? parse_local_function(parser, place)
                                                      : parse_local(parser, place);
}

static struct bc_lua_node *parse_one(struct bc_lua_parser *parser) {
  switch ((int)parser->lex.token) {
  case BC_LUA_SEMICOLON:
    bc_lua_lex_next(&parser->lex);
    return NULL;
  case BC_LUA_IF:
    return parse_if(parser);
  case BC_LUA_WHILE:
    return parse_while(parser);
  case BC_LUA_DO:
    return parse_do(parser);
  case BC_LUA_FOR:
    return parse_for(parser);
  case BC_LUA_REPEAT:
    return parse_repeat(parser);
  case BC_LUA_FUNCTION:
    return parse_define(parser);
  case BC_LUA_LOCAL:
    return parse_local_or_function(parser);
  case BC_LUA_LABEL_MARK:
    return parse_label(parser);
  case BC_LUA_RETURN:
    return parse_return(parser);
  case BC_LUA_BREAK:
    return parse_goto(parser, BC_LUA_NODE_BREAK);
  case BC_LUA_GOTO:
    return parse_goto(parser, BC_LUA_NODE_GOTO);
  default:
    return parse_call_or_assign(parser);
  }
}

/* NULL: it was none (";"), or a fault. */
static struct bc_lua_node *parse_statement(struct bc_lua_parser *parser) {
  struct bc_lua_node *node = bc_lua_parse_enter(parser) ? parse_one(parser) : NULL;
  bc_lua_parse_leave(parser);
  return node;
}

struct bc_lua_node *bc_lua_parse_text(struct bc_lua_parser *parser) {
  struct bc_lua_scope scope;
  char near[48];
  bc_lua_parse_open(parser, &scope, false);
  bc_lua_lex_next(&parser->lex);
  struct bc_lua_node *block = parse_statements(parser);
  if (parser->lex.token != BC_LUA_END) {
    bc_lua_lex_fail(&parser->lex, parser->lex.place, "'%s' expected %s", "the end of the text",
                    bc_lua_lex_near(&parser->lex, near));
  }
  bc_lua_parse_close(parser);
  return block;
}
