/* Shared strings: equal texts are held once, counted, and compared by pointer.
 * 100,000 routes with a handful of attribute sets cost a handful of texts. */
#ifndef BC_BASE_INTERN_H
#define BC_BASE_INTERN_H

#include "base/str.h"

struct bc_intern;

struct bc_intern *bc_intern_new(void);
/* Frees the table and every text in it; NULL is allowed. */
void bc_intern_free(struct bc_intern *intern);

/* The shared, terminated text equal to `text` (under 4 GiB), with one more reference; there may be 2^32 - 1 of these to
 * one text. Two calls with equal texts
 * return the same pointer as long as one reference is held. */
const char *bc_intern_get(struct bc_intern *intern, struct bc_str text) __attribute__((returns_nonnull));

/* One more reference to a text that bc_intern_get returned. */
const char *bc_intern_ref(const char *text) __attribute__((returns_nonnull));

/* One reference less; NULL is allowed. The last one frees the text. */
void bc_intern_put(struct bc_intern *intern, const char *text);

size_t bc_intern_count(const struct bc_intern *intern);

#endif
