#include "base/slab.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Above what malloc takes from its heap: such a block goes back when it is freed. */
enum { SLAB_CHUNK_BYTES = 256 * 1024 };

struct slab_object {
  alignas(max_align_t) struct slab_chunk *chunk;
  alignas(max_align_t) struct slab_object *next; /* while free; else the user's bytes */
};

struct slab_chunk {
  TAILQ_ENTRY(slab_chunk) list;
  struct slab_object *free; /* were used before */
  size_t used;              /* objects in use */
  size_t touched;           /* objects that were ever used: those behind are still zero */
  alignas(max_align_t) unsigned char objects[];
};

TAILQ_HEAD(slab_chunks, slab_chunk);

struct bc_slab {
  size_t user_bytes, object_bytes, per_chunk;
  struct slab_chunks open; /* with room */
};

struct bc_slab *bc_slab_new(size_t bytes) {
  size_t align = alignof(max_align_t);
  struct bc_slab *slab = bc_mem_new(1, sizeof *slab);
  slab->user_bytes = bytes < sizeof(void *) ? sizeof(void *) : bytes;
  slab->object_bytes = offsetof(struct slab_object, next) + (slab->user_bytes + align - 1) / align * align;
  slab->per_chunk = (SLAB_CHUNK_BYTES - sizeof(struct slab_chunk)) / slab->object_bytes;
  TAILQ_INIT(&slab->open);
  return slab;
}

void bc_slab_free(struct bc_slab *slab) {
  free(slab);
}

#if defined(__SANITIZE_ADDRESS__)

/* So that the sanitizer sees each object. */
void *bc_slab_get(struct bc_slab *slab) {
  return bc_mem_new(1, slab->user_bytes);
}

void bc_slab_put(struct bc_slab *slab, void *object) {
  (void)slab;
  free(object);
}

#else

static struct slab_object *slab_take(const struct bc_slab *slab, struct slab_chunk *chunk) {
  struct slab_object *object = chunk->free;
  if (object != NULL) {
    chunk->free = object->next;
    memset(&object->next, 0, slab->user_bytes);
  } else {
    object = (void *)(chunk->objects + chunk->touched * slab->object_bytes);
    chunk->touched++;
  }
  object->chunk = chunk;
  chunk->used++;
  return object;
}

void *bc_slab_get(struct bc_slab *slab) {
  struct slab_chunk *chunk = TAILQ_FIRST(&slab->open);
  if (chunk == NULL) {
    chunk = bc_mem_new(1, SLAB_CHUNK_BYTES);
    TAILQ_INSERT_HEAD(&slab->open, chunk, list);
  }
  struct slab_object *object = slab_take(slab, chunk);
  if (chunk->used == slab->per_chunk) {
    TAILQ_REMOVE(&slab->open, chunk, list);
  }
  return &object->next;
}

void bc_slab_put(struct bc_slab *slab, void *object) {
  if (object == NULL) {
    return;
  }
  struct slab_object *held = (void *)((unsigned char *)object - offsetof(struct slab_object, next));
  struct slab_chunk *chunk = held->chunk;
  if (chunk->used == slab->per_chunk) {
    /* Behind the others: those that are nearly empty are to become so. */
    TAILQ_INSERT_TAIL(&slab->open, chunk, list);
  }
  held->next = chunk->free;
  chunk->free = held;
  chunk->used--;
  if (chunk->used == 0) {
    TAILQ_REMOVE(&slab->open, chunk, list);
    free(chunk);
  }
}

#endif
