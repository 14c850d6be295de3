#include "model/metric.h"

#include "base/limits.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METRIC_NAME_BYTES = 64, METRIC_LABELS = 4, METRIC_LABEL_BYTES = 64 };

struct metric_series {
  char *name;
  char *labels;
  bool is_counter;
  double value;
};

struct bc_metrics {
  size_t count;
  size_t left_out;
  struct metric_series *series;
};

static bool metric_is_name(const char *text) {
  size_t len = 0;
  for (; text != NULL && text[len] != '\0'; len++) {
    bool is_letter = (text[len] >= 'a' && text[len] <= 'z') || (text[len] >= 'A' && text[len] <= 'Z');
    bool is_digit = text[len] >= '0' && text[len] <= '9';
    if (!is_letter && text[len] != '_' && (!is_digit || len == 0)) {
      return false;
    }
  }
  return len > 0 && len <= METRIC_NAME_BYTES;
}

static bool metric_labels_are_fine(json_t *labels) {
  const char *name;
  json_t *value;
  if (labels != NULL && (!json_is_object(labels) || json_object_size(labels) > METRIC_LABELS)) {
    return false;
  }
  json_object_foreach(labels, name, value) {
    if (!metric_is_name(name) || !json_is_string(value) || json_string_length(value) > METRIC_LABEL_BYTES) {
      return false;
    }
  }
  return true;
}

/* False when it is none. */
static bool metric_read(json_t *told, struct bc_metric *metric) {
  const char *type = json_string_value(json_object_get(told, "type"));
  const json_t *value = json_object_get(told, "value");
  json_t *labels = json_object_get(told, "labels");
  *metric = (struct bc_metric){.name = json_string_value(json_object_get(told, "name")),
                               .is_counter = type != NULL && strcmp(type, "counter") == 0,
                               .value = json_number_value(value)};
  bool is_type = metric->is_counter || (type != NULL && strcmp(type, "gauge") == 0);
  if (!metric_is_name(metric->name) || !is_type || !json_is_number(value) || !isfinite(metric->value) ||
      (metric->is_counter && metric->value < 0) || !metric_labels_are_fine(labels)) {
    return false;
  }
  metric->labels = labels == NULL ? NULL : json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
  return true;
}

static struct metric_series *metric_find(const struct bc_metrics *metrics, const struct bc_metric *metric) {
  const char *labels = metric->labels == NULL ? "{}" : metric->labels;
  for (size_t i = 0; i < metrics->count; i++) {
    struct metric_series *series = &metrics->series[i];
    if (strcmp(series->name, metric->name) == 0 && strcmp(series->labels, labels) == 0) {
      return series;
    }
  }
  return NULL;
}

static struct metric_series *metric_provide(struct bc_metrics *metrics, const struct bc_metric *metric, size_t most) {
  struct metric_series *series = metric_find(metrics, metric);
  if (series != NULL || metrics->count >= most) {
    return series;
  }
  metrics->series = bc_mem_resize(metrics->series, metrics->count + 1, sizeof *metrics->series);
  series = &metrics->series[metrics->count++];
  *series = (struct metric_series){.name = bc_mem_copy_string(metric->name),
                                   .labels = bc_mem_copy_string(metric->labels == NULL ? "{}" : metric->labels),
                                   .is_counter = metric->is_counter};
  return series;
}

static bool metric_take_one(struct bc_metrics *metrics, json_t *told, size_t most) {
  struct bc_metric metric;
  if (!metric_read(told, &metric)) {
    return false;
  }
  struct metric_series *series = metric_provide(metrics, &metric, most);
  if (series != NULL) {
    /* A name that changes its type begins anew. */
    bool is_sum = metric.is_counter && series->is_counter;
    series->is_counter = metric.is_counter;
    series->value = is_sum ? series->value + metric.value : metric.value;
  }
  free((char *)(uintptr_t)metric.labels);
  return series != NULL;
}

void bc_metrics_take(struct bc_metrics **metrics, struct bc_str json, size_t room) {
  json_t *list = json.len == 0 ? NULL : json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, NULL);
  size_t i;
  json_t *told;
  if (json.len > 0 && *metrics == NULL) {
    *metrics = bc_mem_new(1, sizeof **metrics);
  }
  if (json.len > 0 && !json_is_array(list)) {
    (*metrics)->left_out++;
  }
  size_t held = bc_metrics_count(*metrics);
  size_t most = room < BC_LIMIT_CHECK_SERIES - held ? held + room : BC_LIMIT_CHECK_SERIES;
  json_array_foreach(list, i, told) {
    (*metrics)->left_out += metric_take_one(*metrics, told, most) ? 0 : 1;
  }
  json_decref(list);
}

void bc_metrics_free(struct bc_metrics *metrics) {
  for (size_t i = 0; metrics != NULL && i < metrics->count; i++) {
    free(metrics->series[i].name);
    free(metrics->series[i].labels);
  }
  if (metrics != NULL) {
    free(metrics->series);
  }
  free(metrics);
}

size_t bc_metrics_count(const struct bc_metrics *metrics) {
  return metrics == NULL ? 0 : metrics->count;
}

struct bc_metric bc_metrics_get(const struct bc_metrics *metrics, size_t index) {
  const struct metric_series *series = &metrics->series[index];
  return (struct bc_metric){
      .name = series->name, .labels = series->labels, .is_counter = series->is_counter, .value = series->value};
}

size_t bc_metrics_left_out(const struct bc_metrics *metrics) {
  return metrics == NULL ? 0 : metrics->left_out;
}
