/* Any bytes may stand in the file of the last known good configuration. */
#include "model/keylog.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_add(void *arg, struct bc_str key, struct bc_str value) {
  bc_keylog_add(arg, key, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_keylog again;
  size_t good;
  bc_keylog_init(&again, 1 << 20);
  enum bc_err err = bc_keylog_read((struct bc_str){.at = (const char *)data, .len = size}, fuzz_add, &again, &good);
  if (err == BC_ERR_OK) {
    size_t again_good;
    struct bc_keylog ignored;
    bc_keylog_end(&again);
    bc_keylog_init(&ignored, 1 << 20);
    if (bc_keylog_read(bc_buf_str(&again.text), fuzz_add, &ignored, &again_good) != BC_ERR_OK || again_good != good) {
      abort();
    }
    bc_keylog_free(&ignored);
  }
  bc_keylog_free(&again);
  return 0;
}
