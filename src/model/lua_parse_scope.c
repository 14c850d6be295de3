#include "base/limits.h"
#include "base/mem.h"
#include "model/lua_parse_private.h"

#include <stdlib.h>

enum { SCOPE_PIECE_BYTES = 65536, SCOPE_ALIGN = 16 };

/* ---- memory ---- */

struct scope_piece {
  struct scope_piece *before;
  size_t used;
  _Alignas(SCOPE_ALIGN) char bytes[SCOPE_PIECE_BYTES];
};

struct bc_lua_tree {
  struct scope_piece *pieces;
  struct bc_lua_function *root;
};

void *bc_lua_parse_memory(struct bc_lua_parser *parser, size_t bytes) {
  struct scope_piece *piece = parser->tree->pieces;
  bytes = (bytes + SCOPE_ALIGN - 1) / SCOPE_ALIGN * SCOPE_ALIGN;
  if (piece == NULL || piece->used + bytes > SCOPE_PIECE_BYTES) {
    piece = bc_mem_new(1, sizeof *piece);
    piece->before = parser->tree->pieces;
    parser->tree->pieces = piece;
  }
  piece->used += bytes;
  return piece->bytes + piece->used - bytes;
}

void bc_lua_tree_free(struct bc_lua_tree *tree) {
  if (tree == NULL) {
    return;
  }
  while (tree->pieces != NULL) {
    struct scope_piece *piece = tree->pieces;
    tree->pieces = piece->before;
    free(piece);
  }
  free(tree);
}

struct bc_lua_function *bc_lua_tree_root(const struct bc_lua_tree *tree) {
  return tree->root;
}

/* ---- nodes ---- */

BC_ENUM_TEXT_FUNCTION(bc_lua_kind_text, enum bc_lua_kind, BC_LUA_KIND_LIST, "nothing")

struct bc_lua_node *bc_lua_parse_node(struct bc_lua_parser *parser, enum bc_lua_kind kind, struct bc_lua_place place) {
  struct bc_lua_node *node = bc_lua_parse_memory(parser, sizeof *node);
  node->kind = kind;
  node->place = place;
  return node;
}

static unsigned scope_deepest(const struct bc_lua_node *list, unsigned most) {
  for (; list != NULL; list = list->next) {
    most = list->depth > most ? list->depth : most;
  }
  return most;
}

struct bc_lua_node *bc_lua_parse_finish(struct bc_lua_parser *parser, struct bc_lua_node *node) {
  node->depth = 1 + scope_deepest(node->a, scope_deepest(node->b, scope_deepest(node->c, 0)));
  parser->is_too_deep = parser->is_too_deep || node->depth > BC_LUA_DEPTH;
  return node;
}

void bc_lua_tree_walk(struct bc_lua_node *node, bool with_next, bool (*fn)(void *arg, struct bc_lua_node *node),
                      void *arg) {
  for (; node != NULL; node = with_next ? node->next : NULL) {
    if (fn(arg, node)) {
      bc_lua_tree_walk(node->a, true, fn, arg);
      bc_lua_tree_walk(node->b, true, fn, arg);
      bc_lua_tree_walk(node->c, true, fn, arg);
    }
  }
}

/* ---- names ---- */

static int scope_compare(const struct bc_lua_known *a, const struct bc_lua_known *b) {
  return bc_str_compare(a->name, b->name);
}

BC_TREE(bc_lua_known_tree, bc_lua_known, link, scope_compare)

static struct bc_lua_known *scope_known(const struct bc_lua_parser *parser, struct bc_str name) {
  struct bc_lua_known key = {.name = name};
  /* RB_FIND takes no const, though it changes nothing. */
  struct bc_lua_known_tree tree = parser->known;
  return RB_FIND(bc_lua_known_tree, &tree, &key);
}

struct bc_lua_local *bc_lua_parse_find(const struct bc_lua_parser *parser, struct bc_str name) {
  const struct bc_lua_known *known = scope_known(parser, name);
  return known == NULL ? NULL : known->local;
}

struct bc_lua_node *bc_lua_parse_declare(struct bc_lua_parser *parser, struct bc_str name, struct bc_lua_place place) {
  struct bc_lua_node *node = bc_lua_parse_node(parser, BC_LUA_NODE_DECLARATION, place);
  struct bc_lua_local *local = bc_lua_parse_memory(parser, sizeof *local);
  if (++parser->function->locals > BC_LUA_LOCALS) {
    bc_lua_lex_fail(&parser->lex, place, "too many local variables (limit is %d) in one function", BC_LUA_LOCALS);
  }
  local->name = name;
  local->place = place;
  local->function = parser->function;
  node->local = local;
  node->text = name;
  return bc_lua_parse_finish(parser, node);
}

void bc_lua_parse_show(struct bc_lua_parser *parser, struct bc_lua_node *declarations) {
  for (; declarations != NULL; declarations = declarations->next) {
    struct bc_lua_local *local = declarations->local;
    struct bc_lua_known *known = scope_known(parser, local->name);
    if (known == NULL) {
      known = bc_lua_parse_memory(parser, sizeof *known);
      known->name = local->name;
      RB_INSERT(bc_lua_known_tree, &parser->known, known);
    }
    local->before = parser->locals;
    local->hides = known->local;
    parser->locals = local;
    known->local = local;
  }
}

/* ---- scopes ---- */

void bc_lua_parse_open(struct bc_lua_parser *parser, struct bc_lua_scope *scope, bool is_loop) {
  *scope = (struct bc_lua_scope){.outer = parser->scope,
                                 .function = parser->function,
                                 .locals = parser->locals,
                                 .labels = parser->labels,
                                 .jumps = parser->jumps,
                                 .local_count = parser->function->locals,
                                 .is_loop = is_loop,
                                 .is_function = parser->scope == NULL || parser->scope->function != parser->function};
  parser->scope = scope;
}

/* Those whose label comes now. Others stay. */
static void scope_solve(struct bc_lua_parser *parser, const struct bc_lua_label *label) {
  struct bc_lua_jump **at = &parser->jumps;
  while (*at != parser->scope->jumps) {
    struct bc_lua_jump *jump = *at;
    bool is_meant =
        label->name.at == NULL ? jump->name.at == NULL : jump->name.at != NULL && bc_str_equal(jump->name, label->name);
    if (!is_meant) {
      at = &jump->before;
      continue;
    }
    if (jump->locals < label->locals) {
      /* The first one that it would jump over. */
      const struct bc_lua_local *local = parser->locals;
      while (local != NULL && local->before != NULL && local->before != jump->last) {
        local = local->before;
      }
      bc_lua_lex_fail(&parser->lex, jump->place, "<goto " BC_STR_FMT "> jumps into the scope of local '" BC_STR_FMT "'",
                      BC_STR_ARG(label->name), BC_STR_ARG(local->name));
    }
    *at = jump->before;
  }
}

/* What is left at the end of a function has no label. */
static void scope_refuse_jumps(struct bc_lua_parser *parser) {
  const struct bc_lua_jump *first = NULL;
  for (const struct bc_lua_jump *jump = parser->jumps; jump != parser->scope->jumps; jump = jump->before) {
    first = jump;
  }
  if (first != NULL && first->name.at == NULL) {
    bc_lua_lex_fail(&parser->lex, first->place, "break outside a loop");
  } else if (first != NULL) {
    bc_lua_lex_fail(&parser->lex, first->place, "no visible label '" BC_STR_FMT "' for goto", BC_STR_ARG(first->name));
  }
}

void bc_lua_parse_close(struct bc_lua_parser *parser) {
  struct bc_lua_scope *scope = parser->scope;
  for (struct bc_lua_local *local = parser->locals; local != scope->locals; local = local->before) {
    scope_known(parser, local->name)->local = local->hides;
  }
  parser->locals = scope->locals;
  parser->labels = scope->labels;
  parser->function->locals = scope->local_count;
  for (struct bc_lua_jump *jump = parser->jumps; jump != scope->jumps; jump = jump->before) {
    if (jump->locals > scope->local_count) {
      jump->locals = scope->local_count;
      jump->last = scope->locals;
    }
  }
  if (scope->is_loop) {
    const struct bc_lua_label end = {.locals = scope->local_count};
    scope_solve(parser, &end);
  }
  if (scope->is_function) {
    scope_refuse_jumps(parser);
  }
  parser->scope = scope->outer;
}

/* ---- labels ---- */

void bc_lua_parse_label(struct bc_lua_parser *parser, struct bc_str name, struct bc_lua_place place, bool is_last) {
  struct bc_lua_scope *function = parser->scope;
  while (!function->is_function) {
    function = function->outer;
  }
  for (const struct bc_lua_label *other = parser->labels; other != function->labels; other = other->before) {
    if (bc_str_equal(other->name, name)) {
      bc_lua_lex_fail(&parser->lex, place, "label '" BC_STR_FMT "' already defined on line %u", BC_STR_ARG(name),
                      other->place.line);
      return;
    }
  }
  struct bc_lua_label *label = bc_lua_parse_memory(parser, sizeof *label);
  /* At the end of a block its locals are gone already. */
  *label = (struct bc_lua_label){.before = parser->labels,
                                 .name = name,
                                 .place = place,
                                 .locals = is_last ? parser->scope->local_count : parser->function->locals};
  parser->labels = label;
  scope_solve(parser, label);
}

void bc_lua_parse_jump(struct bc_lua_parser *parser, struct bc_str name, struct bc_lua_place place) {
  struct bc_lua_scope *scope = parser->scope;
  const struct bc_lua_label *label = parser->labels;
  while (!scope->is_function) {
    scope = scope->outer;
  }
  /* Back to one that has been: always good. */
  for (; name.at != NULL && label != scope->labels; label = label->before) {
    if (bc_str_equal(label->name, name)) {
      return;
    }
  }
  struct bc_lua_jump *jump = bc_lua_parse_memory(parser, sizeof *jump);
  *jump = (struct bc_lua_jump){.before = parser->jumps,
                               .name = name,
                               .place = place,
                               .locals = parser->function->locals,
                               .last = parser->locals};
  parser->jumps = jump;
}

/* ---- all of it ---- */

static bool scope_take(struct bc_lua_parser *parser) {
  struct bc_lua_function *root = bc_lua_parse_memory(parser, sizeof *root);
  root->has_vararg = true;
  parser->function = root;
  root->block = bc_lua_parse_text(parser);
  if (parser->lex.fault.text[0] == '\0' && !parser->is_too_deep) {
    parser->tree->root = root;
  }
  return parser->lex.fault.text[0] == '\0';
}

struct bc_lua_tree *bc_lua_parse(struct bc_str text, bc_lua_comment_fn *on_comment, void *arg,
                                 struct bc_lua_place *place, struct bc_fault *fault) {
  struct bc_lua_parser parser = {.tree = bc_mem_new(1, sizeof *parser.tree)};
  RB_INIT(&parser.known);
  bc_lua_lex_init(&parser.lex, text);
  parser.lex.on_comment = on_comment;
  parser.lex.arg = arg;
  if (!scope_take(&parser)) {
    *place = parser.lex.fault_place;
    *fault = parser.lex.fault;
    bc_lua_tree_free(parser.tree);
    return NULL;
  }
  return parser.tree;
}
