/* Memory that is always there.
 *
 * Running out of memory ends the process with one line in the log: the holder starts core again, the
 * routes stay in ExaBGP, and the journal tells the new core what is ours (docs/decisions/0002). So
 * these never return NULL, and callers carry no untested failure path. Growth is bounded elsewhere:
 * every buffer, queue and list has its limit. Release with free(). */
#ifndef BC_BASE_MEM_H
#define BC_BASE_MEM_H

#include <stddef.h>

/* Zero-filled `count` objects of `size` bytes; the product is checked for overflow. */
void *bc_mem_new(size_t count, size_t size) __attribute__((returns_nonnull, malloc));

/* Resizes `old` (may be NULL) to `count` objects of `size` bytes; new bytes are not initialised. */
void *bc_mem_resize(void *old, size_t count, size_t size) __attribute__((returns_nonnull));

/* A terminated copy of `len` bytes at `from` (NULL only when `len` is 0). */
char *bc_mem_copy_text(const char *from, size_t len) __attribute__((returns_nonnull, malloc));

/* A copy of a terminated string; NULL for NULL. */
char *bc_mem_copy_string(const char *from);

#endif
