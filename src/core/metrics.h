/* The metrics: every number that graphs and alerts are made of, once, in metrics.def. */
#ifndef BC_CORE_METRICS_H
#define BC_CORE_METRICS_H

#include "base/err.h"
#include "proto/prometheus.h"

#include <stdbool.h>

struct bc_core;
struct bc_sock_answer;

/* Begins the answer to a scrape, in pieces: each costs the loop little, however many routes there are. The numbers of
 * routes and checks are those of the moments in which they are walked over, first of all; then all is written from what
 * was noted. False: BC_LIMIT_SCRAPES are under way already; nothing was done. */
BC_MUST_CHECK bool core_metrics_begin(struct bc_core *core, enum bc_prometheus_format format,
                                      struct bc_sock_answer *answer);

#endif
