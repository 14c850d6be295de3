#include "base/histogram.h"

void bc_histogram_add(struct bc_histogram *histogram, uint64_t us) {
#define BC_HISTOGRAM_US(bound_us, text) bound_us,
  static const uint64_t bounds[] = {BC_HISTOGRAM_BOUND_LIST(BC_HISTOGRAM_US)};
#undef BC_HISTOGRAM_US
  size_t bucket = 0;
  while (bucket < BC_HISTOGRAM_BOUNDS && us > bounds[bucket]) {
    bucket++;
  }
  histogram->buckets[bucket]++;
  histogram->sum_us += us;
}

uint64_t bc_histogram_count(const struct bc_histogram *histogram) {
  uint64_t count = 0;
  for (size_t i = 0; i <= BC_HISTOGRAM_BOUNDS; i++) {
    count += histogram->buckets[i];
  }
  return count;
}

const char *bc_histogram_bound_text(size_t bucket) {
#define BC_HISTOGRAM_TEXT(bound_us, text) text,
  static const char *const texts[] = {BC_HISTOGRAM_BOUND_LIST(BC_HISTOGRAM_TEXT)};
#undef BC_HISTOGRAM_TEXT
  return bucket < BC_HISTOGRAM_BOUNDS ? texts[bucket] : "+Inf";
}
