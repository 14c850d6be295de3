#include "proto/prometheus.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMETHEUS_UTF8_MOST = 4 };

BC_ENUM_TEXT_FUNCTION(bc_prometheus_type_text, enum bc_prometheus_type, BC_PROMETHEUS_TYPE_LIST, "untyped")

/* ---- what a scraper wants ---- */

/* The value of `q` among the parameters of one range, in thousandths; 1000 without one. */
static unsigned prometheus_quality(struct bc_str parameters) {
  struct bc_str one;
  unsigned quality = 1000;
  while (bc_str_next_field(&parameters, ';', &one)) {
    one = bc_str_trim(one);
    if (!bc_str_starts(one, "q=") && !bc_str_starts(one, "Q=")) {
      continue;
    }
    char text[8] = "";
    size_t len = one.len - 2 < sizeof text - 1 ? one.len - 2 : sizeof text - 1;
    memcpy(text, one.at + 2, len);
    double value = strtod(text, NULL);
    quality = value >= 0 && value <= 1 ? (unsigned)(value * 1000 + 0.5) : 0;
  }
  return quality;
}

/* One that is newer than this would be answered with what it did not ask for. */
static bool prometheus_knows_version(struct bc_str parameters) {
  struct bc_str one;
  while (bc_str_next_field(&parameters, ';', &one)) {
    one = bc_str_trim(one);
    if (bc_str_starts(one, "version=")) {
      return bc_str_is(one, "version=1.0.0") || bc_str_is(one, "version=0.0.1");
    }
  }
  return true;
}

enum bc_prometheus_format bc_prometheus_choose(const char *accept) {
  struct bc_str rest = bc_str_of(accept);
  struct bc_str range;
  unsigned openmetrics = 0;
  unsigned text = 0;
  while (rest.len > 0 && bc_str_next_field(&rest, ',', &range)) {
    struct bc_str type;
    if (!bc_str_next_field(&range, ';', &type)) {
      continue;
    }
    unsigned quality = prometheus_quality(range);
    type = bc_str_trim(type);
    if (bc_str_is(type, "application/openmetrics-text") && prometheus_knows_version(range)) {
      openmetrics = quality > openmetrics ? quality : openmetrics;
    } else if (bc_str_is(type, "text/plain")) {
      text = quality > text ? quality : text;
    }
  }
  return openmetrics > 0 && openmetrics >= text ? BC_PROMETHEUS_OPENMETRICS : BC_PROMETHEUS_TEXT;
}

const char *bc_prometheus_content_type(enum bc_prometheus_format format) {
  return format == BC_PROMETHEUS_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                             : "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- texts ---- */

static bool prometheus_is_rest(unsigned char byte) {
  return (byte & 0xc0U) == 0x80U;
}

/* Bytes of the character that begins here, 0 = it is none (RFC 3629). `text` is terminated. */
static size_t prometheus_character(const unsigned char *text) {
  unsigned char first = text[0];
  size_t len = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 0;
  len = first >= 0xf0 && first < 0xf5 ? PROMETHEUS_UTF8_MOST : len;
  for (size_t i = 1; i < len; i++) {
    if (!prometheus_is_rest(text[i])) {
      return 0;
    }
  }
  bool is_overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
  bool is_beyond = (first == 0xed && text[1] >= 0xa0) || (first == 0xf4 && text[1] >= 0x90);
  return is_overlong || is_beyond ? 0 : len;
}

/* Nearly all texts are one run of these. */
static bool prometheus_is_plain(unsigned char byte) {
  return byte >= ' ' && byte < 0x7f && byte != '\\' && byte != '"';
}

static void prometheus_add_escaped(struct bc_buf *to, const char *text, bool quotes) {
  const unsigned char *at = (const unsigned char *)(text == NULL ? "" : text);
  while (*at != '\0') {
    size_t run = 0;
    while (prometheus_is_plain(at[run])) {
      run++;
    }
    bc_buf_add(to, at, run);
    at += run;
    if (*at == '\0') {
      return;
    }
    size_t len = prometheus_character(at);
    bool is_escaped = *at == '\\' || (quotes && *at == '"');
    if (len == 0) {
      bc_buf_add_char(to, '?');
    } else if (*at == '\n') {
      bc_buf_add_text(to, "\\n");
    } else {
      bc_buf_add(to, "\\", is_escaped ? 1 : 0);
      bc_buf_add(to, at, len);
    }
    at += len == 0 ? 1 : len;
  }
}

static bool prometheus_is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void bc_prometheus_add_name(struct bc_buf *to, struct bc_str text) {
  if (text.len == 0 || (text.at[0] >= '0' && text.at[0] <= '9')) {
    bc_buf_add_char(to, '_');
  }
  while (text.len > 0) {
    size_t run = 0;
    while (run < text.len && prometheus_is_name(text.at[run])) {
      run++;
    }
    bc_buf_add(to, text.at, run);
    if (run == text.len) {
      return;
    }
    bc_buf_add_char(to, '_');
    text = (struct bc_str){.at = text.at + run + 1, .len = text.len - run - 1};
  }
}

void bc_prometheus_add_number(struct bc_buf *to, double value) {
  enum { LEAST_DIGITS = 15, MOST_DIGITS = 17 };
  const double most_whole = 1e15;
  char text[40];
  if (isnan(value)) {
    bc_buf_add_text(to, "NaN");
    return;
  }
  if (isinf(value)) {
    bc_buf_add_text(to, value > 0 ? "+Inf" : "-Inf");
    return;
  }
  if (fabs(value) < most_whole && (double)(int64_t)value >= value && (double)(int64_t)value <= value) {
    bc_buf_add_format(to, "%" PRId64, (int64_t)value);
    return;
  }
  for (int digits = LEAST_DIGITS; digits <= MOST_DIGITS; digits++) {
    (void)snprintf(text, sizeof text, "%.*g", digits, value);
    double again = strtod(text, NULL);
    if (again >= value && again <= value) {
      break;
    }
  }
  bc_buf_add_text(to, text);
}

/* ---- families and samples ---- */

/* How the family is called: OpenMetrics has the endings at the samples alone. */
static struct bc_str prometheus_family_name(const struct bc_prometheus *prometheus) {
  struct bc_str name = bc_str_of(prometheus->name);
  const char *ending = prometheus->type == BC_PROMETHEUS_COUNTER ? "_total"
                       : prometheus->type == BC_PROMETHEUS_INFO  ? "_info"
                                                                 : "";
  size_t len = strlen(ending);
  bool has_ending = name.len > len && memcmp(name.at + name.len - len, ending, len) == 0;
  if (prometheus->format == BC_PROMETHEUS_OPENMETRICS && has_ending) {
    name.len -= len;
  }
  return name;
}

void bc_prometheus_family(struct bc_prometheus *prometheus, const char *name, enum bc_prometheus_type type,
                          const char *help) {
  bool is_open = prometheus->format == BC_PROMETHEUS_OPENMETRICS;
  prometheus->name = name;
  prometheus->type = type;
  struct bc_str family = prometheus_family_name(prometheus);
  bc_buf_add_text(prometheus->to, "# HELP ");
  bc_prometheus_add_name(prometheus->to, family);
  bc_buf_add_char(prometheus->to, ' ');
  prometheus_add_escaped(prometheus->to, help, is_open);
  bc_buf_add_text(prometheus->to, "\n# TYPE ");
  bc_prometheus_add_name(prometheus->to, family);
  bool is_plain_info = type == BC_PROMETHEUS_INFO && !is_open;
  bc_buf_add_format(prometheus->to, " %s\n", bc_prometheus_type_text(is_plain_info ? BC_PROMETHEUS_GAUGE : type));
}

static void prometheus_add_label(struct bc_buf *to, const struct bc_prometheus_label *label, bool is_first) {
  bc_buf_add_char(to, is_first ? '{' : ',');
  bc_prometheus_add_name(to, bc_str_of(label->name));
  bc_buf_add_text(to, "=\"");
  prometheus_add_escaped(to, label->value, true);
  bc_buf_add_char(to, '"');
}

/* `bound`: of a bucket of a histogram, or NULL. */
static void prometheus_add_sample(struct bc_prometheus *prometheus, const char *ending,
                                  const struct bc_prometheus_label *labels, size_t count, const char *bound,
                                  double value) {
  struct bc_buf *to = prometheus->to;
  bc_prometheus_add_name(to, bc_str_of(prometheus->name));
  bc_buf_add_text(to, ending);
  for (size_t i = 0; i < count; i++) {
    prometheus_add_label(to, &labels[i], i == 0);
  }
  if (bound != NULL) {
    prometheus_add_label(to, &(struct bc_prometheus_label){"le", bound}, count == 0);
  }
  bc_buf_add_text(to, count > 0 || bound != NULL ? "} " : " ");
  bc_prometheus_add_number(to, value);
  bc_buf_add_char(to, '\n');
}

void bc_prometheus_add(struct bc_prometheus *prometheus, const struct bc_prometheus_label *labels, size_t count,
                       double value) {
  prometheus_add_sample(prometheus, "", labels, count, NULL, value);
}

void bc_prometheus_add_histogram(struct bc_prometheus *prometheus, const struct bc_prometheus_label *labels,
                                 size_t count, const struct bc_histogram *histogram) {
  uint64_t sum = 0;
  for (size_t i = 0; i <= BC_HISTOGRAM_BOUNDS; i++) {
    sum += histogram->buckets[i];
    prometheus_add_sample(prometheus, "_bucket", labels, count, bc_histogram_bound_text(i), (double)sum);
  }
  prometheus_add_sample(prometheus, "_sum", labels, count, NULL, (double)histogram->sum_us / 1e6);
  prometheus_add_sample(prometheus, "_count", labels, count, NULL, (double)sum);
}

void bc_prometheus_end(struct bc_prometheus *prometheus) {
  bc_buf_add_text(prometheus->to, "# EOF\n");
}
