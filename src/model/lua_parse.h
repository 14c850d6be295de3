/* Lua 5.4's grammar (lparser.c of the reference implementation): from a text to a tree, with its names resolved. Pure.
 *
 * It says "fault" where the compiler does, but for the compiler's own limits (registers, constants, upvalues): the
 * sandbox's compiler has the last word on whether a script can be used. Memory and time are linear in the text. */
#ifndef BC_MODEL_LUA_PARSE_H
#define BC_MODEL_LUA_PARSE_H

#include "model/lua_tree.h"

enum {
  BC_LUA_LEVELS = 200, /* of blocks, functions and expressions in one another, as the compiler */
  BC_LUA_LOCALS = 200, /* of one function, as the compiler */
  BC_LUA_DEPTH = 1000, /* of the tree: a.b.c.d, 1 + 2 + 3 + 4 are deep in it without levels */
};

struct bc_lua_tree;

/* `text` must outlive the tree. Comments go to on_comment (NULL: nobody wants them), as model/lua_lex.h says. NULL with
 * the fault and its place. A text that is good, but deeper than BC_LUA_DEPTH, gives a tree without a root. Must be
 * released with bc_lua_tree_free. */
struct bc_lua_tree *bc_lua_parse(struct bc_str text, bc_lua_comment_fn *on_comment, void *arg,
                                 struct bc_lua_place *place, struct bc_fault *fault);
/* NULL is allowed. */
void bc_lua_tree_free(struct bc_lua_tree *tree);
/* Its block is the whole text; NULL: too deep to be looked at. */
struct bc_lua_function *bc_lua_tree_root(const struct bc_lua_tree *tree);

/* Calls fn for a node and all below it, also those behind it in its list if `with_next`, parents first. It says whether
 * to go on below that node. */
void bc_lua_tree_walk(struct bc_lua_node *node, bool with_next, bool (*fn)(void *arg, struct bc_lua_node *node),
                      void *arg);

#endif
