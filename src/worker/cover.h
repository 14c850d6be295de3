/* Which lines of a Lua text can be executed: those of its compiled code, as the sandbox compiles it.
 *
 * Lua tells the lines of a function that exists only; those of functions that were never made stand in what string.dump
 * would give (Lua 5.4: ldump.c, lundump.c). That a function returns at its `end` if nothing returned before does not
 * make that a line; that it is made there does. */
#ifndef BC_WORKER_COVER_H
#define BC_WORKER_COVER_H

#include "base/buf.h"

#include <stdint.h>

enum { BC_COVER_LINES_MOST = 262145 /* as many as a script has bytes, and one */ };

/* An array of *count lines from 0 on, true for those that can be executed: the caller's. NULL: it does not compile, or
 * this Lua's code cannot be read. */
bool *bc_cover_read(struct bc_str text, size_t *count);
/* The same of the dump of a function; `skip`: instructions at its beginning that no line of the text stands for. */
bool *bc_cover_read_dump(struct bc_str dump, unsigned skip, size_t *count);

#endif
