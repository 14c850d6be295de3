/* The tokens of the node file (`http_token`): who may ask for what by HTTP. Pure: the time is an argument.
 *
 * A token is `bgpc_` and 32 random bytes in base64url. The node file holds its SHA-256 only. A password would need a
 * slow hash; nobody guesses 256 random bits, so a fast one is enough. */
#ifndef BC_MODEL_TOKEN_H
#define BC_MODEL_TOKEN_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"
#include "model/route.h"

#include <stdbool.h>
#include <stdint.h>

/* Nothing follows from another: a token that may announce and read names both. */
#define BC_SCOPE_LIST(X)                                                                                               \
  X(BC_SCOPE_READ, "read")                                                                                             \
  X(BC_SCOPE_ANNOUNCE, "announce")                                                                                     \
  X(BC_SCOPE_OPERATE, "operate")
enum bc_scope { BC_SCOPE_LIST(BC_ENUM_MEMBER) BC_SCOPES };
const char *bc_scope_text(enum bc_scope value);

enum {
  BC_TOKEN_RANDOM_BYTES = 32,
  BC_TOKEN_TEXT_BYTES = 5 + 43 + 1, /* "bgpc_", base64url without padding, the end */
  BC_TOKEN_LINE_BYTES = 4096        /* of what stands behind `http_token` */
};

struct bc_token;
struct bc_tokens;

/* None: bc_tokens_count is 0. */
struct bc_tokens *bc_tokens_new(void);
/* NULL is allowed. */
void bc_tokens_free(struct bc_tokens *tokens);

/* What stands behind `http_token`: NAME SHA256 SCOPE[,SCOPE] [PREFIX [ge N] [le N]]… [until YYYY-MM-DD]
 *   NAME    as a node's name; each once
 *   SHA256  64 hex digits, each once
 *   PREFIX  it and all within it; `ge`, `le` as in announce_allow. None: all prefixes
 *   until   the last day on which it counts, in UTC
 * BC_ERR_SYNTAX, BC_ERR_RANGE, BC_ERR_CONFLICT (host bits), BC_ERR_EXISTS, BC_ERR_LIMIT above BC_LIMIT_TOKENS, with one
 * line that tells what was expected, and the column in `text`. The hash is never in the line. */
BC_MUST_CHECK enum bc_err bc_tokens_add(struct bc_tokens *tokens, struct bc_str text, struct bc_fault *fault);
/* The same for lines, as the settings hold them; an empty text holds none. */
BC_MUST_CHECK enum bc_err bc_tokens_add_lines(struct bc_tokens *tokens, struct bc_str lines, struct bc_fault *fault);

size_t bc_tokens_count(const struct bc_tokens *tokens);
const struct bc_token *bc_tokens_get(const struct bc_tokens *tokens, size_t i);

#define BC_TOKEN_ANSWER_LIST(X)                                                                                        \
  X(BC_TOKEN_VALID, "valid")                                                                                           \
  X(BC_TOKEN_MISSING, "no token was given")                                                                            \
  X(BC_TOKEN_UNKNOWN, "there is no such token")                                                                        \
  X(BC_TOKEN_EXPIRED, "the token has expired")
enum bc_token_answer { BC_TOKEN_ANSWER_LIST(BC_ENUM_MEMBER) };
/* For people. */
const char *bc_token_answer_text(enum bc_token_answer value);

/* `authorization`: the header's value, "Bearer bgpc_…" (the word in any case), NULL = none. `*token` is set for VALID
 * and EXPIRED (whose it was, for the log), else NULL. Takes as long for each text: the hash is compared with all. */
enum bc_token_answer bc_tokens_find(const struct bc_tokens *tokens, const char *authorization, int64_t wall_ms,
                                    const struct bc_token **token);

const char *bc_token_name(const struct bc_token *token);
bool bc_token_has(const struct bc_token *token, enum bc_scope scope);
/* The moment from which on it does not count; INT64_MAX = never. */
int64_t bc_token_until_ms(const struct bc_token *token);
/* "read,announce" */
void bc_token_print_scopes(const struct bc_token *token, struct bc_buf *to);
/* All that the route announces lies in the token's prefixes; a flow by its destination, without one it does not, nor
 * does a VPLS. A token without prefixes may announce all. False with a line. */
bool bc_token_covers(const struct bc_token *token, const struct bc_route *route, struct bc_fault *fault);

/* The text of a token made of random bytes, and its hash as the node file has it (65 bytes). */
void bc_token_print(const uint8_t random[static BC_TOKEN_RANDOM_BYTES], char text[static BC_TOKEN_TEXT_BYTES]);
void bc_token_print_hash(struct bc_str text, char hash[static 65]);

#endif
