/* Objects of one size that come and go by the ten thousand among others that stay: kept together in
 * chunks, so that their memory goes back to the system instead of leaving holes between the others. */
#ifndef BC_BASE_SLAB_H
#define BC_BASE_SLAB_H

#include <stddef.h>

struct bc_slab;

/* For objects of `bytes` bytes, at most a few hundred. */
struct bc_slab *bc_slab_new(size_t bytes);
/* All objects must have been put back. NULL is allowed. */
void bc_slab_free(struct bc_slab *slab);

/* Zero-filled, aligned for any type; to be put back. */
void *bc_slab_get(struct bc_slab *slab) __attribute__((returns_nonnull));
/* NULL is allowed. */
void bc_slab_put(struct bc_slab *slab, void *object);

#endif
