/* What a worker tells as metrics: any bytes leave at most the series that are allowed, all with a name. */
#include "base/limits.h"
#include "model/metric.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_metrics *metrics = NULL;
  struct bc_str json = {.at = (const char *)data, .len = size};
  bc_metrics_take(&metrics, json, 5);
  if (bc_metrics_count(metrics) > 5) {
    abort();
  }
  bc_metrics_take(&metrics, json, SIZE_MAX);
  if (bc_metrics_count(metrics) > BC_LIMIT_CHECK_SERIES) {
    abort();
  }
  for (size_t i = 0; i < bc_metrics_count(metrics); i++) {
    struct bc_metric metric = bc_metrics_get(metrics, i);
    if (metric.name[0] == '\0' || metric.labels[0] != '{') {
      abort();
    }
  }
  bc_metrics_free(metrics);
  return 0;
}
