/* Slices of text: a pointer and a length, nothing owned, not terminated, any bytes. */
#ifndef BC_BASE_STR_H
#define BC_BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_str {
  const char *at;
  size_t len;
};

#define BC_STR_FMT "%.*s"
#define BC_STR_ARG(s) (int)(s).len, (s).at

/* A slice of a terminated string; NULL gives an empty slice. */
struct bc_str bc_str_of(const char *text);

bool bc_str_equal(struct bc_str a, struct bc_str b);
bool bc_str_is(struct bc_str a, const char *text);
bool bc_str_starts(struct bc_str a, const char *prefix);
/* Bytewise order, a shorter prefix first: <0, 0, >0. */
int bc_str_compare(struct bc_str a, struct bc_str b);

/* Without leading and trailing blanks, tabs, CR and LF. */
struct bc_str bc_str_trim(struct bc_str a);

/* Takes the next run of non-blank bytes from *rest (blank: space and tab); an empty slice at the end. */
struct bc_str bc_str_next_word(struct bc_str *rest);

/* Takes the text up to `separator` (dropped) or the end from *rest. False when *rest was exhausted:
 * its `at` is then NULL. "a,b" gives "a", "b"; "a," gives "a", "". */
bool bc_str_next_field(struct bc_str *rest, char separator, struct bc_str *field);

/* Decimal digits only, no sign, no blanks. BC_ERR_SYNTAX, or BC_ERR_RANGE above `max`. */
BC_MUST_CHECK enum bc_err bc_str_to_u64(struct bc_str text, uint64_t max, uint64_t *out);

/* Every byte is printable ASCII (0x20..0x7e). */
bool bc_str_is_printable(struct bc_str text);

/* Bytes of the UTF-8 character that `text` begins with (RFC 3629: no surrogates, no overlong forms); 0: none. */
size_t bc_str_character(struct bc_str text);

/* Shell-style match of `text` with `pattern`, which may hold '*' and '?'; linear in time times the number of stars, no
 * recursion. */
bool bc_str_glob(struct bc_str pattern, struct bc_str text);

#endif
