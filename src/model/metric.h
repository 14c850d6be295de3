/* The series that the runs of one check have told: for each the last value of a gauge, the sum of a counter. Pure. */
#ifndef BC_MODEL_METRIC_H
#define BC_MODEL_METRIC_H

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct bc_metrics;

struct bc_metric {
  const char *name;
  const char *labels; /* a JSON object, its members in order */
  bool is_counter;
  double value;
};

/* Takes what one run told, an array of objects with name, type ("gauge", "counter"), value, and labels if there are
 * any; makes *metrics when it is NULL and there is something to hold. What is malformed is left out; of new series so
 * is what goes beyond BC_LIMIT_CHECK_SERIES, and beyond `room` in this call; of counters also what is not finite or
 * below 0. All that is counted. */
void bc_metrics_take(struct bc_metrics **metrics, struct bc_str json, size_t room);
/* NULL is allowed, here and below. */
void bc_metrics_free(struct bc_metrics *metrics);

size_t bc_metrics_count(const struct bc_metrics *metrics);
/* In the order in which they came first; index < count. */
struct bc_metric bc_metrics_get(const struct bc_metrics *metrics, size_t index);
size_t bc_metrics_left_out(const struct bc_metrics *metrics);

#endif
