/* The metrics: every number that graphs and alerts are made of, once, in metrics.def. */
#ifndef BC_CORE_METRICS_H
#define BC_CORE_METRICS_H

#include "base/check_status.h"
#include "base/err.h"
#include "base/histogram.h"
#include "proto/prometheus.h"

#include <stdbool.h>

/* What only metrics want to know, since the start of core. */
struct core_counts {
  /* The end of runs of checks: of shell ones, of Lua ones. */
  uint64_t check_results[2][BC_CHECK_STATUS_COUNT];
  struct bc_histogram check_times[2], check_delays[2];
  struct bc_histogram policy_runs; /* CPU time */
  uint64_t store_connections;
  uint64_t scrapes, scrapes_refused;
  unsigned scrapes_open;
};

struct bc_core;
struct bc_sock_answer;

/* Begins the answer to a scrape, in pieces: each costs the loop little, however many routes there are. The numbers of
 * routes and checks are those of the moments in which they are walked over, first of all; then all is written from what
 * was noted. False: BC_LIMIT_SCRAPES are under way already; nothing was done. */
BC_MUST_CHECK bool core_metrics_begin(struct bc_core *core, enum bc_prometheus_format format,
                                      struct bc_sock_answer *answer);

/* A run of a check has ended. */
void core_metrics_count_run(struct bc_core *core, bool is_lua, enum bc_check_status status, uint64_t took_us,
                            uint64_t late_us);

#endif
