/* Monotonic time as a type, so that clock values, seconds and milliseconds cannot be mixed.
 * Pure code takes `struct bc_mono now` as an argument and never asks a clock. */
#ifndef BC_BASE_MONO_H
#define BC_BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>

struct bc_mono {
  int64_t us; /* microseconds since some start; 0 means "not set" */
};

/* CLOCK_MONOTONIC. Only io, core, worker and cli may call it. */
struct bc_mono bc_mono_now(void);
/* For a process that makes its own time, to test scripts: from now on both clocks stand still, at these readings.
 * Timers of the loop and CPU times go on. */
void bc_mono_pretend(struct bc_mono now, int64_t wall_ms);

static inline bool bc_mono_is_set(struct bc_mono t) {
  return t.us != 0;
}
static inline struct bc_mono bc_mono_add_ms(struct bc_mono t, int64_t ms) {
  return (struct bc_mono){.us = t.us + ms * 1000};
}
/* Milliseconds from `earlier` to `later`; negative when they are the other way round. */
static inline int64_t bc_mono_ms_between(struct bc_mono earlier, struct bc_mono later) {
  return (later.us - earlier.us) / 1000;
}
static inline bool bc_mono_reached(struct bc_mono deadline, struct bc_mono now) {
  return now.us >= deadline.us;
}
/* The earlier of two deadlines, one that is not set counts as never. */
static inline struct bc_mono bc_mono_earlier(struct bc_mono a, struct bc_mono b) {
  if (!bc_mono_is_set(a)) {
    return b;
  }
  return !bc_mono_is_set(b) || a.us <= b.us ? a : b;
}

/* CLOCK_BOOTTIME, milliseconds: goes on while the machine sleeps, and nobody sets it. */
int64_t bc_boot_now_ms(void);
/* Wall clock, milliseconds since 1970 UTC: for people and records, never for timers. */
int64_t bc_wall_now_ms(void);
/* "2026-11-23T05:44:00.123Z" into `text` (at least 25 bytes). */
void bc_wall_print(int64_t wall_ms, char text[static 25]);

#endif
