/* What string.dump could give: bytes of a compiled function. */
#include "worker/cover.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t count = 0;
  bool *lines = bc_cover_read_dump((struct bc_str){(const char *)data, size}, 2, &count);
  for (size_t i = 0; lines != NULL && i < count; i++) {
    if (lines[i] != 0 && lines[i] != 1) {
      abort();
    }
  }
  free(lines);
  return 0;
}
