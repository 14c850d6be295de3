/* The last results of a check: how each run ended and how long it took. Two bytes each, as there may be 100,000 checks:
 * durations are kept to within one percent. Pure. */
#ifndef BC_MODEL_HISTORY_H
#define BC_MODEL_HISTORY_H

#include "base/check_status.h"
#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>

struct bc_history {
  uint8_t count;
  uint8_t next; /* where the next one goes: the oldest, once all places are taken */
  uint16_t results[BC_LIMIT_HISTORY_RESULTS];
};

struct bc_history_result {
  enum bc_check_status status;
  uint32_t took_us; /* at most one percent less than it was */
};

void bc_history_add(struct bc_history *history, enum bc_check_status status, uint32_t took_us);
/* The i-th, 0 = the oldest one; i < history->count. */
struct bc_history_result bc_history_get(const struct bc_history *history, size_t i);
/* One letter for what it says of what was checked: 'p' passed, 'f' failed, '-' nothing. */
char bc_history_mark(enum bc_check_status status);

#endif
