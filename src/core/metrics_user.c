/* The series that scripts tell with metric.gauge and metric.counter, as metrics of ours.
 *
 * A counter's name ends in _total, a gauge's in none of the endings that mean something in the format, so that no name
 * is ever of two types, whatever scripts there are. Labels whose names would clash with ours get `user_` in front. */
#include "base/mem.h"
#include "core/metrics_private.h"
#include "model/metric.h"

#include <stdlib.h>
#include <string.h>

enum { USER_PIECE_SERIES = 200, USER_LABELS = 8, USER_NAME_BYTES = 128 };

static const char user_prefix[] = "bgpcommander_user_";

struct metrics_series {
  const char *check; /* interned, a reference */
  const char *kind;  /* static */
  char *labels;      /* a JSON object */
  double value;
};

/* All of one name. */
struct metrics_family {
  RB_ENTRY(metrics_family) link;
  char name[USER_NAME_BYTES];
  bool is_counter;
  size_t count;
  size_t room;
  struct metrics_series *series;
};

static int user_compare(const struct metrics_family *a, const struct metrics_family *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(metrics_family_tree, metrics_family, link, user_compare)

/* ---- taking ---- */

static bool user_ends_in(const char *name, const char *ending) {
  size_t len = strlen(name);
  size_t more = strlen(ending);
  return len > more && strcmp(name + len - more, ending) == 0;
}

static void user_print_name(const struct bc_metric *metric, char *name, size_t room) {
  static const char *const endings[] = {"_total", "_bucket", "_sum", "_count", "_info", "_created"};
  const char *more = metric->is_counter && !user_ends_in(metric->name, "_total") ? "_total" : "";
  for (size_t i = 0; !metric->is_counter && i < sizeof endings / sizeof endings[0]; i++) {
    more = user_ends_in(metric->name, endings[i]) ? "_value" : more;
  }
  (void)snprintf(name, room, "%s%s%s", user_prefix, metric->name, more);
}

static struct metrics_family *user_provide(struct metrics *m, const struct bc_metric *metric) {
  struct metrics_family wanted = {.is_counter = metric->is_counter};
  user_print_name(metric, wanted.name, sizeof wanted.name);
  struct metrics_family *family = RB_FIND(metrics_family_tree, &m->families, &wanted);
  if (family == NULL) {
    family = bc_mem_new(1, sizeof *family);
    *family = wanted;
    RB_INSERT(metrics_family_tree, &m->families, family);
  }
  return family;
}

/* `foo` and `foo_total` of one check are one metric. */
static bool user_has(const struct metrics_family *family, const char *check, const char *kind, const char *labels) {
  for (size_t i = family->count; i-- > 0 && family->series[i].check == check && family->series[i].kind == kind;) {
    if (strcmp(family->series[i].labels, labels) == 0) {
      return true;
    }
  }
  return false;
}

void metrics_user_take(struct metrics *m, const struct core_check *check, const char *kind) {
  m->sums.user_left_out += bc_metrics_left_out(check->metrics);
  for (size_t i = 0; i < bc_metrics_count(check->metrics); i++) {
    struct bc_metric metric = bc_metrics_get(check->metrics, i);
    struct metrics_family *family = user_provide(m, &metric);
    if (user_has(family, check->name, kind, metric.labels)) {
      m->sums.user_left_out++;
      continue;
    }
    if (family->count == family->room) {
      family->room = family->room == 0 ? 4 : family->room * 2;
      family->series = bc_mem_resize(family->series, family->room, sizeof *family->series);
    }
    family->series[family->count++] = (struct metrics_series){.check = bc_intern_ref(check->name),
                                                              .kind = kind,
                                                              .labels = bc_mem_copy_string(metric.labels),
                                                              .value = metric.value};
    m->sums.user_series++;
  }
}

/* ---- printing ---- */

void metrics_user_series(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)m->sums.user_series);
}

void metrics_user_left_out(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)m->sums.user_left_out);
}

/* What begins with `user_` gets another one: so no two become the same. */
static bool user_is_ours(const char *label) {
  return strcmp(label, "check") == 0 || strcmp(label, "kind") == 0 || strcmp(label, "le") == 0 ||
         strcmp(label, "quantile") == 0 || strncmp(label, "__", 2) == 0 || strncmp(label, "user_", 5) == 0;
}

static void user_print_series(struct metrics *m, const struct metrics_series *series) {
  struct bc_prometheus_label labels[USER_LABELS + 2] = {{"check", series->check}, {"kind", series->kind}};
  char names[USER_LABELS][USER_NAME_BYTES];
  size_t count = 0;
  json_t *told = json_loads(series->labels, 0, NULL);
  const char *name;
  json_t *value;
  json_object_foreach(told, name, value) {
    if (count < USER_LABELS) {
      (void)snprintf(names[count], sizeof names[count], "%s%s", user_is_ours(name) ? "user_" : "", name);
      labels[2 + count] = (struct bc_prometheus_label){names[count], json_string_value(value)};
      count++;
    }
  }
  metrics_add(m, labels, 2 + count, series->value);
  json_decref(told);
}

void metrics_user_begin(struct metrics *m) {
  m->family = RB_MIN(metrics_family_tree, &m->families);
  m->series = 0;
}

bool metrics_user_print(struct metrics *m) {
  for (unsigned printed = 0; m->family != NULL && printed < USER_PIECE_SERIES; printed++) {
    const struct metrics_family *family = m->family;
    if (m->series == 0) {
      bc_prometheus_family(&m->out, family->name, family->is_counter ? BC_PROMETHEUS_COUNTER : BC_PROMETHEUS_GAUGE,
                           "Told by scripts.");
    }
    user_print_series(m, &family->series[m->series++]);
    if (m->series == family->count) {
      m->family = RB_NEXT(metrics_family_tree, &m->families, m->family);
      m->series = 0;
    }
  }
  return m->family != NULL;
}

void metrics_user_free(struct metrics *m) {
  struct metrics_family *family;
  while ((family = RB_MIN(metrics_family_tree, &m->families)) != NULL) {
    RB_REMOVE(metrics_family_tree, &m->families, family);
    for (size_t i = 0; i < family->count; i++) {
      bc_intern_put(m->core->intern, family->series[i].check);
      free(family->series[i].labels);
    }
    free(family->series);
    free(family);
  }
}
