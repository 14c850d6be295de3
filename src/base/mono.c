#include "base/mono.h"

#include <stdio.h>
#include <time.h>

static struct bc_mono mono_pretended; /* not set: the clocks are asked */
static int64_t mono_pretended_wall_ms;

void bc_mono_pretend(struct bc_mono now, int64_t wall_ms) {
  mono_pretended = now;
  mono_pretended_wall_ms = wall_ms;
}

struct bc_mono bc_mono_now(void) {
  if (bc_mono_is_set(mono_pretended)) {
    return mono_pretended;
  }
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (struct bc_mono){.us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000};
}

int64_t bc_boot_now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_BOOTTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t bc_wall_now_ms(void) {
  if (bc_mono_is_set(mono_pretended)) {
    return mono_pretended_wall_ms;
  }
  struct timespec t;
  (void)clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void bc_wall_print(int64_t wall_ms, char text[static 25]) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm parts;
  if (wall_ms < 0 || wall_ms / 1000 > 253402300799 || gmtime_r(&seconds, &parts) == NULL) {
    seconds = 0;
    (void)gmtime_r(&seconds, &parts);
  }
  char day[20];
  (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  (void)snprintf(text, 25, "%s.%03dZ", day, (int)(wall_ms < 0 ? 0 : wall_ms % 1000));
}
