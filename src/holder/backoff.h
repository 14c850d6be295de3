/* When the next core starts, and whether in safe mode. Pure: times are arguments, in milliseconds of any
 * one clock. */
#ifndef BC_HOLDER_BACKOFF_H
#define BC_HOLDER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

enum bc_backoff_end {
  BC_BACKOFF_CRASHED, /* any end that was not asked for */
  BC_BACKOFF_UPGRADE, /* an operator's wish */
  BC_BACKOFF_REFUSED  /* the node file cannot be used: core looked at nothing else */
};

enum {
  BC_BACKOFF_MAX_MS = 30000,
  BC_BACKOFF_HEALTHY_MS = 60000, /* a core that lived so long starts the delays anew */
  BC_BACKOFF_WINDOW_MS = 60000,  /* BC_BACKOFF_CRASHES crashes within it: safe mode … */
  BC_BACKOFF_CRASHES = 3,
  BC_BACKOFF_SAFE_LIVED_MS = 300000, /* … until a core lived so long */
  BC_BACKOFF_REFUSED_MS = 5000
};

/* Start from all zero. */
struct bc_backoff {
  unsigned in_row;
  int64_t crashed_ms[BC_BACKOFF_CRASHES]; /* the last ones, newest first */
  unsigned crashes;                       /* how many of them count */
  bool is_safe;                           /* for the next start */
  bool was_upgrade;
};

/* A core that had lived `lived_ms` ended at `now_ms`: the milliseconds until the next start, 0, then 1, 2,
 * 4, 8, 16, 30 s after crashes in a row. */
int64_t bc_backoff_next(struct bc_backoff *backoff, enum bc_backoff_end end, int64_t lived_ms, int64_t now_ms);

#endif
