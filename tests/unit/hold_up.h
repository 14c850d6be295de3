/* A process that is held up, as by a busy machine: it does nothing at all until a point in time. That nothing happens
 * is what these tests need, so there is no event to wait for. */
#ifndef BC_TESTS_HOLD_UP_H
#define BC_TESTS_HOLD_UP_H

#include "base/mono.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/* The one place in the unit tests that waits for a clock. */
static inline void hold_up_past(struct bc_mono when) {
  for (struct bc_mono now = bc_mono_now(); !bc_mono_reached(when, now); now = bc_mono_now()) {
    (void)poll(NULL, 0, (int)bc_mono_ms_between(now, when) + 1);
  }
}

#endif
