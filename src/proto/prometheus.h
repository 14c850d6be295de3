/* Metrics as text: the Prometheus exposition format 0.0.4, and OpenMetrics 1.0. Pure.
 *
 * A family is begun once, then come its samples, then the next family. Whatever a name, a label or a help text holds,
 * the result is well-formed: other characters in names become '_', labels and help are escaped, what is no UTF-8
 * becomes '?'. */
#ifndef BC_PROTO_PROMETHEUS_H
#define BC_PROTO_PROMETHEUS_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/histogram.h"
#include "base/str.h"

#include <stddef.h>

/* name, the type as the format has it */
#define BC_PROMETHEUS_TYPE_LIST(X)                                                                                     \
  X(BC_PROMETHEUS_COUNTER, "counter") /* its name ends in _total */                                                    \
  X(BC_PROMETHEUS_GAUGE, "gauge")                                                                                      \
  X(BC_PROMETHEUS_HISTOGRAM, "histogram") /* in seconds: its name ends in _seconds */                                  \
  X(BC_PROMETHEUS_INFO, "info")           /* always 1, its labels tell; its name ends in _info */
enum bc_prometheus_type { BC_PROMETHEUS_TYPE_LIST(BC_ENUM_MEMBER) };
const char *bc_prometheus_type_text(enum bc_prometheus_type value);

enum bc_prometheus_format { BC_PROMETHEUS_TEXT, BC_PROMETHEUS_OPENMETRICS };

struct bc_prometheus_label {
  const char *name;
  const char *value; /* NULL as "" */
};

struct bc_prometheus {
  struct bc_buf *to;
  enum bc_prometheus_format format;
  const char *name; /* of the family that was begun last; the caller's */
  enum bc_prometheus_type type;
};

/* What a scraper wants by its header Accept (NULL = it has none): OpenMetrics where it likes it no less than text. */
enum bc_prometheus_format bc_prometheus_choose(const char *accept);
/* The header Content-Type that belongs to it. */
const char *bc_prometheus_content_type(enum bc_prometheus_format format);

/* `name` must stay valid until the next family. */
void bc_prometheus_family(struct bc_prometheus *prometheus, const char *name, enum bc_prometheus_type type,
                          const char *help);
/* One sample of a counter, gauge or info. NaN and infinities are allowed. */
void bc_prometheus_add(struct bc_prometheus *prometheus, const struct bc_prometheus_label *labels, size_t count,
                       double value);
/* One histogram: its buckets, sum and count. */
void bc_prometheus_add_histogram(struct bc_prometheus *prometheus, const struct bc_prometheus_label *labels,
                                 size_t count, const struct bc_histogram *histogram);
/* After the last family: "# EOF", which in the older format is a comment, and tells that nothing is missing. */
void bc_prometheus_end(struct bc_prometheus *prometheus);

/* A text as a name of a metric or label: [a-zA-Z_][a-zA-Z0-9_]*. */
void bc_prometheus_add_name(struct bc_buf *to, struct bc_str text);
/* The shortest decimal text that is read back as the same number; "NaN", "+Inf", "-Inf". */
void bc_prometheus_add_number(struct bc_buf *to, double value);

#endif
