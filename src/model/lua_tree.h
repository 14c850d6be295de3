/* A Lua text as a tree: what model/lua_parse.h makes of it. One kind of node for all, as those that look at it walk
 * over all of it: what each part holds stands beside its kind. */
#ifndef BC_MODEL_LUA_TREE_H
#define BC_MODEL_LUA_TREE_H

#include "model/lua_lex.h"

/* "list": the first of several, linked by `next`. NULL where there is none. */
#define BC_LUA_KIND_LIST(X)                                                                                            \
  /* expressions */                                                                                                    \
  X(BC_LUA_NODE_NIL, "nil")                                                                                            \
  X(BC_LUA_NODE_TRUE, "true")                                                                                          \
  X(BC_LUA_NODE_FALSE, "false")                                                                                        \
  X(BC_LUA_NODE_NUMBER, "number")      /* text */                                                                      \
  X(BC_LUA_NODE_STRING, "string")      /* text, has_escape */                                                          \
  X(BC_LUA_NODE_VARARG, "vararg")      /* ... */                                                                       \
  X(BC_LUA_NODE_FUNCTION, "function")  /* a: list of DECLARATION, b: BLOCK; function */                                \
  X(BC_LUA_NODE_NAME, "name")          /* text; local, NULL: a global */                                               \
  X(BC_LUA_NODE_INDEX, "index")        /* a: object, b: key (of a.b a STRING); is_dotted */                            \
  X(BC_LUA_NODE_CALL, "call")          /* a: function, b: list of arguments */                                         \
  X(BC_LUA_NODE_METHOD, "method call") /* a: object, b: list of arguments, text: its name, name_place */               \
  X(BC_LUA_NODE_TABLE, "table")        /* a: list of ITEM */                                                           \
  X(BC_LUA_NODE_ITEM, "item")          /* a: key or NULL, b: value; is_dotted: the key is a name */                    \
  X(BC_LUA_NODE_BINARY, "operation")   /* a, b; sign */                                                                \
  X(BC_LUA_NODE_UNARY, "unary")        /* a; sign */                                                                   \
  X(BC_LUA_NODE_PAREN, "parentheses")  /* a */                                                                         \
  /* statements */                                                                                                     \
  X(BC_LUA_NODE_DECLARATION, "declaration")     /* of a local; local */                                                \
  X(BC_LUA_NODE_BLOCK, "block")                 /* a: list of statements; end */                                       \
  X(BC_LUA_NODE_LOCAL, "local")                 /* a: list of DECLARATION, b: list of values */                        \
  X(BC_LUA_NODE_ASSIGN, "assignment")           /* a: list of targets, b: list of values */                            \
  X(BC_LUA_NODE_STATEMENT, "call")              /* a: CALL or METHOD */                                                \
  X(BC_LUA_NODE_DO, "do")                       /* a: BLOCK */                                                         \
  X(BC_LUA_NODE_WHILE, "while")                 /* a: condition, b: BLOCK */                                           \
  X(BC_LUA_NODE_REPEAT, "repeat")               /* a: BLOCK, b: condition */                                           \
  X(BC_LUA_NODE_IF, "if")                       /* a: list of CLAUSE */                                                \
  X(BC_LUA_NODE_CLAUSE, "clause")               /* a: condition, NULL: else; b: BLOCK */                               \
  X(BC_LUA_NODE_FOR, "for")                     /* a: DECLARATION, b: list of 2 or 3 values, c: BLOCK */               \
  X(BC_LUA_NODE_FOR_EACH, "for in")             /* a: list of DECLARATION, b: list of values, c: BLOCK */              \
  X(BC_LUA_NODE_DEFINE, "function")             /* function a.b(): a: NAME or INDEX, b: FUNCTION */                    \
  X(BC_LUA_NODE_DEFINE_LOCAL, "local function") /* a: DECLARATION, b: FUNCTION */                                      \
  X(BC_LUA_NODE_RETURN, "return")               /* a: list of values */                                                \
  X(BC_LUA_NODE_BREAK, "break")                                                                                        \
  X(BC_LUA_NODE_GOTO, "goto")   /* text */                                                                             \
  X(BC_LUA_NODE_LABEL, "label") /* text */

enum bc_lua_kind { BC_LUA_KIND_LIST(BC_ENUM_MEMBER) };
const char *bc_lua_kind_text(enum bc_lua_kind value);

struct bc_lua_function;

/* A local variable, a parameter, or the variable of a loop. */
struct bc_lua_local {
  struct bc_lua_local *before; /* declared before it, still to be seen: for the parser */
  struct bc_lua_local *hides;  /* the one of the same name that it hides; NULL: none */
  struct bc_str name;
  struct bc_lua_place place;
  struct bc_lua_function *function; /* in which it is declared */
  struct bc_lua_node *value; /* what it is given where it is declared; of several results of one call all have it */
  unsigned value_index;      /* which result of that, from 0 */
  unsigned reads, writes;    /* without the declaration */
  bool is_const, is_closed, is_parameter, is_loop;
};

struct bc_lua_function {
  struct bc_lua_function *outer; /* NULL: the text itself */
  struct bc_lua_node *node;      /* NULL: the text itself */
  struct bc_lua_node *block;
  bool has_vararg, has_self;
  unsigned locals; /* that can be seen now: for the parser */
  unsigned mark;   /* free for those who look at it */
};

/* What those who look at the tree note of an expression. */
struct bc_lua_about {
  bool is_set;
  unsigned kinds;
  struct bc_str shape;
};

struct bc_lua_node {
  enum bc_lua_kind kind;
  enum bc_lua_token sign; /* BINARY, UNARY */
  bool has_escape, is_dotted;
  unsigned depth; /* of what is below it; at most BC_LUA_DEPTH */
  struct bc_lua_place place, name_place, end;
  struct bc_str text;
  struct bc_lua_node *next;
  struct bc_lua_node *a, *b, *c;
  struct bc_lua_local *local;
  struct bc_lua_function *function;
  struct bc_lua_about about;
};

#endif
