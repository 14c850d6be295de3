/* The allocator of a Lua state: counts, and refuses beyond the cap. */
#include "worker/sandbox_private.h"

#include <stdlib.h>

static bool memory_allows(struct sandbox_memory *memory, size_t old_size, size_t size) {
  if (memory->is_hard) {
    /* Lua answers a refusal with a full collection and a second attempt. */
    memory->refused = !memory->refused;
    if (memory->refused) {
      return false;
    }
  }
  return memory->used - old_size + size <= memory->cap + memory->lift;
}

void *sandbox_memory_alloc(void *memory, void *old, size_t old_size, size_t size) {
  struct sandbox_memory *meter = memory;
  if (old == NULL) {
    old_size = 0; /* Lua passes the type of the object here */
  }
  if (size == 0) {
    free(old);
    meter->used -= old_size;
    return NULL;
  }
  if (size > old_size && !memory_allows(meter, old_size, size)) {
    return NULL;
  }
  void *new = realloc(old, size);
  if (new == NULL) {
    /* Lua relies on it that nothing fails to shrink. */
    return size <= old_size ? old : NULL;
  }
  meter->used = meter->used - old_size + size;
  meter->peak = meter->used > meter->peak ? meter->used : meter->peak;
  return new;
}
