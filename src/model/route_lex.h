/* Tokens of a route text, cut exactly as ExaBGP cuts them, and the faults that point at them. Private to
 * src/model/route*.c.
 *
 * ExaBGP 4.2 configuration/core/format.py: blanks separate; `, [ ] ; { }` stand alone; `(` ends a token
 * and `)` starts one, so that "1(2" is the two tokens "1(" and "2". Quotes, backslashes and comments
 * mean something there that nobody needs here: they are refused. */
#ifndef BC_MODEL_ROUTE_LEX_H
#define BC_MODEL_ROUTE_LEX_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct bc_route_lex {
  struct bc_str token; /* the one that is looked at; empty at the end of the text */
  size_t column;       /* 1-based, of `token` */
  const char *start;
  const char *next; /* where the text behind `token` starts */
  const char *end;
  struct bc_fault *fault; /* may be NULL */
};

/* Looks at the first token of `text`, which must outlive `lex`. Refuses what is too long
 * (BC_ERR_LIMIT) and what holds a byte that may not stand in a route (BC_ERR_SYNTAX). */
BC_MUST_CHECK enum bc_err bc_route_lex_init(struct bc_route_lex *lex, struct bc_str text, struct bc_fault *fault);

/* Goes on to the next token. */
void bc_route_lex_advance(struct bc_route_lex *lex);

bool bc_route_lex_is(const struct bc_route_lex *lex, const char *text);
/* When the token is `text`: goes on, true. */
bool bc_route_lex_take(struct bc_route_lex *lex, const char *text);
static inline bool bc_route_lex_at_end(const struct bc_route_lex *lex) {
  return lex->token.len == 0;
}
/* The token starts a word: it is none of `, [ ] ( ) ; { }` and not the end. */
bool bc_route_lex_at_word(const struct bc_route_lex *lex);

/* Steps over the name of a section in ExaBGP's configuration ("NAME {"), if there is one: in a command it says nothing.
 */
void bc_route_lex_skip_name(struct bc_route_lex *lex);

/* Sets the fault at the token and returns `err`. */
BC_MUST_CHECK enum bc_err bc_route_lex_fail(const struct bc_route_lex *lex, enum bc_err err, const char *format, ...)
    BC_PRINTF(3, 4);

/* "SUBJECT: found 'TOKEN', expected EXPECTED"; BC_ERR_SYNTAX. */
BC_MUST_CHECK enum bc_err bc_route_lex_expected(const struct bc_route_lex *lex, const char *subject,
                                                const char *expected);

/* The token must be `text`; goes on. */
BC_MUST_CHECK enum bc_err bc_route_lex_require(struct bc_route_lex *lex, const char *subject, const char *text);

/* `digits` is the token or a part of it: a decimal number up to `max`. */
BC_MUST_CHECK enum bc_err bc_route_lex_number(const struct bc_route_lex *lex, const char *subject, struct bc_str digits,
                                              uint64_t max, uint64_t *number);
/* The whole token as a number; goes on. */
BC_MUST_CHECK enum bc_err bc_route_lex_take_number(struct bc_route_lex *lex, const char *subject, uint64_t max,
                                                   uint64_t *number);
/* The whole token as an IPv4 address; goes on. */
BC_MUST_CHECK enum bc_err bc_route_lex_take_ipv4(struct bc_route_lex *lex, const char *subject,
                                                 uint8_t address[static 4]);

#endif
