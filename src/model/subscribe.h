/* Words put into and taken out of a node's subscribedRoutes; all else in the value stays as it is, byte by byte.
 *
 * A value is never left empty, which would be a fault of its own: "-" is none. */
#ifndef BC_MODEL_SUBSCRIBE_H
#define BC_MODEL_SUBSCRIBE_H

#include "base/buf.h"

#include <stdbool.h>

/* The next word of *rest (between blanks or line breaks); an empty slice at the end. */
struct bc_str bc_subscribe_next(struct bc_str *rest);
/* The word itself stands there. */
bool bc_subscribe_has(struct bc_str value, struct bc_str word);
/* A word that matches the name of a route: it itself or a glob; `at` NULL: none does. "-" alone matches nothing. */
struct bc_str bc_subscribe_match(struct bc_str value, struct bc_str name);

/* `value` with `word` behind it, parted as its other words are (by line breaks, when it has any), into an empty `to`.
 * An empty value and "-" are replaced. */
void bc_subscribe_add(struct bc_buf *to, struct bc_str value, struct bc_str word);
/* `value` without the word, wherever it stands, and without the blanks before it; "-" when none is left. */
void bc_subscribe_remove(struct bc_buf *to, struct bc_str value, struct bc_str word);

#endif
