/* Any bytes may stand in the file of the last known good configuration. */
#include "model/keylog.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_add(void *arg, struct bc_str key, struct bc_str value) {
  bc_keylog_add(arg, key, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_buf again;
  size_t good;
  bc_buf_init(&again, 1 << 20);
  bc_keylog_begin(&again);
  enum bc_err err = bc_keylog_read((struct bc_str){.at = (const char *)data, .len = size}, fuzz_add, &again, &good);
  if (err == BC_ERR_OK) {
    size_t again_good;
    struct bc_buf ignored;
    bc_buf_init(&ignored, 1 << 20);
    if (bc_keylog_read(bc_buf_str(&again), fuzz_add, &ignored, &again_good) != BC_ERR_OK || again_good != good) {
      abort();
    }
    bc_buf_free(&ignored);
  }
  bc_buf_free(&again);
  return 0;
}
