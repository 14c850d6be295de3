/* How often something took how long: counts by fixed upper bounds, the same for everything that is measured, from a
 * tenth of a millisecond to half a minute. Adding costs a few comparisons, holding less than 200 bytes. */
#ifndef BC_BASE_HISTOGRAM_H
#define BC_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* microseconds, the same in seconds as a text */
#define BC_HISTOGRAM_BOUND_LIST(X)                                                                                     \
  X(100, "0.0001")                                                                                                     \
  X(250, "0.00025")                                                                                                    \
  X(500, "0.0005")                                                                                                     \
  X(1000, "0.001")                                                                                                     \
  X(2500, "0.0025")                                                                                                    \
  X(5000, "0.005")                                                                                                     \
  X(10000, "0.01")                                                                                                     \
  X(25000, "0.025")                                                                                                    \
  X(50000, "0.05")                                                                                                     \
  X(100000, "0.1")                                                                                                     \
  X(250000, "0.25")                                                                                                    \
  X(500000, "0.5")                                                                                                     \
  X(1000000, "1.0")                                                                                                    \
  X(2500000, "2.5")                                                                                                    \
  X(5000000, "5.0")                                                                                                    \
  X(10000000, "10.0")                                                                                                  \
  X(30000000, "30.0")

#define BC_HISTOGRAM_ONE(us, text) +1
enum { BC_HISTOGRAM_BOUNDS = 0 BC_HISTOGRAM_BOUND_LIST(BC_HISTOGRAM_ONE) };

/* All zero: nothing happened yet. */
struct bc_histogram {
  uint64_t buckets[BC_HISTOGRAM_BOUNDS + 1]; /* each of its own; the last: longer than the last bound */
  uint64_t sum_us;
};

/* One more that took so long; a time that is exactly a bound belongs below it. */
void bc_histogram_add(struct bc_histogram *histogram, uint64_t us);
/* How many there were. */
uint64_t bc_histogram_count(const struct bc_histogram *histogram);
/* The upper bound of a bucket in seconds; "+Inf" for the last. */
const char *bc_histogram_bound_text(size_t bucket);

#endif
