#include "holder/backoff.h"

#include <string.h>

static void backoff_count_crash(struct bc_backoff *backoff, int64_t now_ms) {
  memmove(&backoff->crashed_ms[1], &backoff->crashed_ms[0], (BC_BACKOFF_CRASHES - 1) * sizeof backoff->crashed_ms[0]);
  backoff->crashed_ms[0] = now_ms;
  if (backoff->crashes < BC_BACKOFF_CRASHES) {
    backoff->crashes++;
  }
  int64_t oldest = backoff->crashed_ms[BC_BACKOFF_CRASHES - 1];
  if (backoff->crashes == BC_BACKOFF_CRASHES && now_ms - oldest <= BC_BACKOFF_WINDOW_MS) {
    backoff->is_safe = true;
  }
}

static int64_t backoff_delay_ms(unsigned in_row) {
  if (in_row == 0) {
    return 0;
  }
  int64_t delay = in_row > 5 ? BC_BACKOFF_MAX_MS : 1000 * (INT64_C(1) << (in_row - 1));
  return delay < BC_BACKOFF_MAX_MS ? delay : BC_BACKOFF_MAX_MS;
}

int64_t bc_backoff_next(struct bc_backoff *backoff, enum bc_backoff_end end, int64_t lived_ms, int64_t now_ms) {
  if (end == BC_BACKOFF_REFUSED) {
    return BC_BACKOFF_REFUSED_MS;
  }
  bool was_upgrade = backoff->was_upgrade;
  if (end == BC_BACKOFF_UPGRADE) {
    /* A core that does nothing but ask for the next one must not spin. */
    *backoff = (struct bc_backoff){.was_upgrade = true};
    return was_upgrade && lived_ms < 1000 ? 1000 : 0;
  }
  backoff->was_upgrade = false;
  if (lived_ms >= BC_BACKOFF_HEALTHY_MS) {
    backoff->in_row = 0;
  }
  if (lived_ms >= BC_BACKOFF_SAFE_LIVED_MS) {
    backoff->is_safe = false;
    backoff->crashes = 0;
  }
  backoff_count_crash(backoff, now_ms);
  return backoff_delay_ms(backoff->in_row++);
}
