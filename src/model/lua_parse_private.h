/* What the files of model/lua_parse share; nobody else includes it.
 *
 * lua_parse.c: statements; lua_parse_expr.c: expressions; lua_parse_scope.c: names, labels, memory. */
#ifndef BC_MODEL_LUA_PARSE_PRIVATE_H
#define BC_MODEL_LUA_PARSE_PRIVATE_H

#include "base/tree.h"
#include "model/lua_parse.h"

/* One name and the local that it means now. */
struct bc_lua_known {
  RB_ENTRY(bc_lua_known) link;
  struct bc_str name;
  struct bc_lua_local *local;
};
RB_HEAD(bc_lua_known_tree, bc_lua_known);

struct bc_lua_label {
  struct bc_lua_label *before;
  struct bc_str name;
  struct bc_lua_place place;
  unsigned locals; /* of its function that can be seen there */
};

/* A goto or a break whose label has not come yet. */
struct bc_lua_jump {
  struct bc_lua_jump *before;
  struct bc_str name; /* `at` NULL: break */
  struct bc_lua_place place;
  unsigned locals;
  struct bc_lua_local *last; /* the last local seen there */
};

struct bc_lua_scope {
  struct bc_lua_scope *outer;
  const struct bc_lua_function *function;
  struct bc_lua_local *locals; /* as they were when it began; so are these */
  struct bc_lua_label *labels;
  struct bc_lua_jump *jumps;
  unsigned local_count;
  bool is_loop, is_function;
};

struct bc_lua_parser {
  struct bc_lua_lex lex;
  struct bc_lua_tree *tree;
  struct bc_lua_function *function;
  struct bc_lua_scope *scope;
  struct bc_lua_local *locals; /* the last one that can be seen */
  struct bc_lua_label *labels;
  struct bc_lua_jump *jumps;
  struct bc_lua_known_tree known;
  unsigned levels;
  bool is_too_deep;
};

/* ---- lua_parse_scope.c ---- */
/* Zero-filled, as long as the tree. */
void *bc_lua_parse_memory(struct bc_lua_parser *parser, size_t bytes);
struct bc_lua_node *bc_lua_parse_node(struct bc_lua_parser *parser, enum bc_lua_kind kind, struct bc_lua_place place);
/* All below the node is there: counts how deep it is. Returns it. */
struct bc_lua_node *bc_lua_parse_finish(struct bc_lua_parser *parser, struct bc_lua_node *node);

void bc_lua_parse_open(struct bc_lua_parser *parser, struct bc_lua_scope *scope, bool is_loop);
void bc_lua_parse_close(struct bc_lua_parser *parser);
/* Counts against the function's locals; it cannot be seen yet. */
struct bc_lua_node *bc_lua_parse_declare(struct bc_lua_parser *parser, struct bc_str name, struct bc_lua_place place);
/* From here on those of the list can be seen. */
void bc_lua_parse_show(struct bc_lua_parser *parser, struct bc_lua_node *declarations);
/* NULL: a global. */
struct bc_lua_local *bc_lua_parse_find(const struct bc_lua_parser *parser, struct bc_str name);
void bc_lua_parse_label(struct bc_lua_parser *parser, struct bc_str name, struct bc_lua_place place, bool is_last);
void bc_lua_parse_jump(struct bc_lua_parser *parser, struct bc_str name, struct bc_lua_place place);

/* ---- lua_parse.c ---- */
/* All of it, in the function that is under consideration. */
struct bc_lua_node *bc_lua_parse_text(struct bc_lua_parser *parser);
/* False: a fault. */
bool bc_lua_parse_enter(struct bc_lua_parser *parser);
void bc_lua_parse_leave(struct bc_lua_parser *parser);
/* Takes the word if it is there. */
bool bc_lua_parse_accept(struct bc_lua_parser *parser, enum bc_lua_token token);
/* Else it is a fault. */
void bc_lua_parse_expect(struct bc_lua_parser *parser, enum bc_lua_token token);
/* The same for what closes something that was opened at `place`. */
void bc_lua_parse_match(struct bc_lua_parser *parser, enum bc_lua_token token, enum bc_lua_token opened,
                        struct bc_lua_place place);
/* Takes a name. */
struct bc_str bc_lua_parse_name(struct bc_lua_parser *parser);
/* From behind "function": parameters, block, "end". `place` is that of "function". */
struct bc_lua_node *bc_lua_parse_body(struct bc_lua_parser *parser, bool has_self, struct bc_lua_place place);

/* ---- lua_parse_expr.c ---- */
struct bc_lua_node *bc_lua_parse_expression(struct bc_lua_parser *parser);
struct bc_lua_node *bc_lua_parse_expressions(struct bc_lua_parser *parser);
struct bc_lua_node *bc_lua_parse_suffixed(struct bc_lua_parser *parser);
/* The name under consideration, as a NAME; does not count it as read. */
struct bc_lua_node *bc_lua_parse_variable(struct bc_lua_parser *parser);

#endif
