/* Lua 5.4's words, as llex.c of the reference implementation takes them. Pure; linear in the text; allocates nothing.
 *
 * The first fault ends the text: from then on only BC_LUA_END comes, and `fault` says what was wrong. */
#ifndef BC_MODEL_LUA_LEX_H
#define BC_MODEL_LUA_LEX_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* name, text. Reserved words first. */
#define BC_LUA_WORD_LIST(X)                                                                                            \
  X(BC_LUA_AND, "and")                                                                                                 \
  X(BC_LUA_BREAK, "break")                                                                                             \
  X(BC_LUA_DO, "do")                                                                                                   \
  X(BC_LUA_ELSE, "else")                                                                                               \
  X(BC_LUA_ELSEIF, "elseif")                                                                                           \
  X(BC_LUA_END_WORD, "end")                                                                                            \
  X(BC_LUA_FALSE, "false")                                                                                             \
  X(BC_LUA_FOR, "for")                                                                                                 \
  X(BC_LUA_FUNCTION, "function")                                                                                       \
  X(BC_LUA_GOTO, "goto")                                                                                               \
  X(BC_LUA_IF, "if")                                                                                                   \
  X(BC_LUA_IN, "in")                                                                                                   \
  X(BC_LUA_LOCAL, "local")                                                                                             \
  X(BC_LUA_NIL, "nil")                                                                                                 \
  X(BC_LUA_NOT, "not")                                                                                                 \
  X(BC_LUA_OR, "or")                                                                                                   \
  X(BC_LUA_REPEAT, "repeat")                                                                                           \
  X(BC_LUA_RETURN, "return")                                                                                           \
  X(BC_LUA_THEN, "then")                                                                                               \
  X(BC_LUA_TRUE, "true")                                                                                               \
  X(BC_LUA_UNTIL, "until")                                                                                             \
  X(BC_LUA_WHILE, "while")

/* Longer ones before those that they begin with. */
#define BC_LUA_SIGN_LIST(X)                                                                                            \
  X(BC_LUA_DOTS, "...")                                                                                                \
  X(BC_LUA_CONCAT, "..")                                                                                               \
  X(BC_LUA_DOT, ".")                                                                                                   \
  X(BC_LUA_EQUAL, "==")                                                                                                \
  X(BC_LUA_ASSIGN, "=")                                                                                                \
  X(BC_LUA_UNEQUAL, "~=")                                                                                              \
  X(BC_LUA_TILDE, "~")                                                                                                 \
  X(BC_LUA_LESS_EQUAL, "<=")                                                                                           \
  X(BC_LUA_SHIFT_LEFT, "<<")                                                                                           \
  X(BC_LUA_LESS, "<")                                                                                                  \
  X(BC_LUA_GREATER_EQUAL, ">=")                                                                                        \
  X(BC_LUA_SHIFT_RIGHT, ">>")                                                                                          \
  X(BC_LUA_GREATER, ">")                                                                                               \
  X(BC_LUA_WHOLE, "//")                                                                                                \
  X(BC_LUA_DIVIDE, "/")                                                                                                \
  X(BC_LUA_LABEL_MARK, "::")                                                                                           \
  X(BC_LUA_COLON, ":")                                                                                                 \
  X(BC_LUA_PLUS, "+")                                                                                                  \
  X(BC_LUA_MINUS, "-")                                                                                                 \
  X(BC_LUA_TIMES, "*")                                                                                                 \
  X(BC_LUA_MODULO, "%")                                                                                                \
  X(BC_LUA_POWER, "^")                                                                                                 \
  X(BC_LUA_LENGTH, "#")                                                                                                \
  X(BC_LUA_AMPERSAND, "&")                                                                                             \
  X(BC_LUA_BAR, "|")                                                                                                   \
  X(BC_LUA_OPEN, "(")                                                                                                  \
  X(BC_LUA_CLOSE, ")")                                                                                                 \
  X(BC_LUA_OPEN_BRACE, "{")                                                                                            \
  X(BC_LUA_CLOSE_BRACE, "}")                                                                                           \
  X(BC_LUA_OPEN_BRACKET, "[")                                                                                          \
  X(BC_LUA_CLOSE_BRACKET, "]")                                                                                         \
  X(BC_LUA_SEMICOLON, ";")                                                                                             \
  X(BC_LUA_COMMA, ",")

#define BC_LUA_OTHER_LIST(X)                                                                                           \
  X(BC_LUA_NAME, "a name")                                                                                             \
  X(BC_LUA_STRING, "a string")                                                                                         \
  X(BC_LUA_NUMBER, "a number")                                                                                         \
  X(BC_LUA_END, "the end of the text")

enum bc_lua_token {
  BC_LUA_WORD_LIST(BC_ENUM_MEMBER) BC_LUA_SIGN_LIST(BC_ENUM_MEMBER) BC_LUA_OTHER_LIST(BC_ENUM_MEMBER)
};

/* As it stands in a text; of the last list what it is. */
const char *bc_lua_token_text(enum bc_lua_token value);

/* Both 1-based; the column counts bytes. */
struct bc_lua_place {
  unsigned line, column;
};

/* Is told each comment without its marks. `is_alone`: nothing but blanks stands before it in its line. */
typedef void bc_lua_comment_fn(void *arg, struct bc_lua_place place, struct bc_str text, bool is_alone);

struct bc_lua_lex {
  const char *at, *end, *line_start;
  unsigned line;

  /* The word under consideration. `text`: of a name or a number as it stands there, of a string what is between its
   * marks, escapes as they stand there (has_escape), of others nothing. */
  enum bc_lua_token token;
  struct bc_lua_place place;
  struct bc_str text;
  bool has_escape;
  unsigned line_before; /* in which the word before it ended; 0 = none */

  struct bc_lua_place fault_place;
  struct bc_fault fault; /* fault.text[0] != 0: there was one */

  bc_lua_comment_fn *on_comment; /* NULL: nobody is told */
  void *arg;
};

/* `text` must outlive it. Passes over a first line that begins with '#'. The first word is not taken yet. */
void bc_lua_lex_init(struct bc_lua_lex *lex, struct bc_str text);
/* Takes the next word. */
void bc_lua_lex_next(struct bc_lua_lex *lex);
/* The word behind the current one, which stays. */
enum bc_lua_token bc_lua_lex_peek(const struct bc_lua_lex *lex);
/* Notes a fault, if there is none yet, and ends the text. */
void bc_lua_lex_fail(struct bc_lua_lex *lex, struct bc_lua_place place, const char *format, ...) BC_PRINTF(3, 4);
/* "near 'x'": the current word, for faults. */
const char *bc_lua_lex_near(const struct bc_lua_lex *lex, char to[static 48]);

#endif
