/* A scrape, in pieces: first the walk over routes and checks, with what does not wait for it in between, then the rest
 * out of what was noted. */
#include "core/metrics.h"

#include "base/mem.h"
#include "core/metrics_private.h"

#include <stdlib.h>

enum { METRICS_PIECE_BYTES = 65536, METRICS_PIECE_ROWS = 500, METRICS_EARLY = 4 };

void core_metrics_count_run(struct bc_core *core, bool is_lua, enum bc_check_status status, uint64_t took_us,
                            uint64_t late_us) {
  struct core_counts *counts = &core->counts;
  counts->check_results[is_lua][status]++;
  bc_histogram_add(&counts->check_times[is_lua], took_us);
  bc_histogram_add(&counts->check_delays[is_lua], late_us);
}

void metrics_add(struct metrics *m, const struct bc_prometheus_label *labels, size_t count, double value) {
  bc_prometheus_add(&m->out, labels, count, value);
}

void metrics_add_one(struct metrics *m, const char *label, const char *text, double value) {
  bc_prometheus_add(&m->out, &(struct bc_prometheus_label){label, text}, 1, value);
}

/* ---- the list ---- */

#define BC_METRIC_SECTION(title)
#define BC_METRIC_LIST(name, type, labels, help, function)
#define BC_METRIC_SUM(name, type, labels, help, function)
#define BC_METRIC_ROUTE(name, type, labels, help, function)
#define BC_METRIC_CHECK(name, type, labels, help, function)
#define BC_METRIC_VALUE(name, type, help, value)                                                                       \
  static double metrics_get_##name(const struct metrics *m) {                                                          \
    (void)m;                                                                                                           \
    return (double)(value);                                                                                            \
  }
#include "core/metrics.def"
#undef BC_METRIC_VALUE
#undef BC_METRIC_LIST
#undef BC_METRIC_SUM
#undef BC_METRIC_ROUTE
#undef BC_METRIC_CHECK

/* One of the functions is set. */
static const struct metrics_entry {
  const char *name;
  enum bc_prometheus_type type;
  const char *help;
  double (*value)(const struct metrics *m);
  void (*list)(struct metrics *m);
  void (*sum)(struct metrics *m);
  void (*route)(struct metrics *m, const struct metrics_route *route);
  void (*check)(struct metrics *m, const struct metrics_check *check);
} metrics_entries[] = {
#define BC_METRIC_VALUE(name_, type_, help_, value_)                                                                   \
  {.name = #name_, .type = BC_PROMETHEUS_##type_, .help = (help_), .value = metrics_get_##name_},
#define BC_METRIC_LIST(name_, type_, labels_, help_, function_)                                                        \
  {.name = #name_, .type = BC_PROMETHEUS_##type_, .help = (help_), .list = (function_)},
#define BC_METRIC_SUM(name_, type_, labels_, help_, function_)                                                         \
  {.name = #name_, .type = BC_PROMETHEUS_##type_, .help = (help_), .sum = (function_)},
#define BC_METRIC_ROUTE(name_, type_, labels_, help_, function_)                                                       \
  {.name = #name_, .type = BC_PROMETHEUS_##type_, .help = (help_), .route = (function_)},
#define BC_METRIC_CHECK(name_, type_, labels_, help_, function_)                                                       \
  {.name = #name_, .type = BC_PROMETHEUS_##type_, .help = (help_), .check = (function_)},
#include "core/metrics.def"
};

enum { METRICS_COUNT = sizeof metrics_entries / sizeof metrics_entries[0] };

static bool metrics_is_early(const struct metrics_entry *entry) {
  return entry->value != NULL || entry->list != NULL;
}

static void metrics_begin_family(struct metrics *m, const struct metrics_entry *entry) {
  bc_prometheus_family(&m->out, entry->name, entry->type, entry->help);
}

/* The next ones that do not wait for the walk; false when none is left. */
static bool metrics_print_early(struct metrics *m, size_t most) {
  for (; m->early < METRICS_COUNT && most > 0; m->early++) {
    const struct metrics_entry *entry = &metrics_entries[m->early];
    if (!metrics_is_early(entry)) {
      continue;
    }
    metrics_begin_family(m, entry);
    if (entry->value != NULL) {
      metrics_add(m, NULL, 0, entry->value(m));
    } else {
      entry->list(m);
    }
    most--;
  }
  return m->early < METRICS_COUNT;
}

/* Some of the routes or checks of this metric; true when it has more. */
static bool metrics_print_rows(struct metrics *m, const struct metrics_entry *entry) {
  size_t count = entry->route != NULL ? m->route_count : m->check_count;
  if (m->at == 0) {
    metrics_begin_family(m, entry);
  }
  size_t end = count - m->at > METRICS_PIECE_ROWS ? m->at + METRICS_PIECE_ROWS : count;
  /* A check has as many lines as there are ways to end, and a name may be long. */
  for (; m->at < end && m->out.to->len < METRICS_PIECE_BYTES; m->at++) {
    if (entry->route != NULL) {
      entry->route(m, &m->routes[m->at]);
    } else {
      entry->check(m, &m->checks[m->at]);
    }
  }
  return m->at < count;
}

/* The next of the others, or a part of it; false when none is left. */
static bool metrics_print_late(struct metrics *m) {
  while (m->late < METRICS_COUNT && metrics_is_early(&metrics_entries[m->late])) {
    m->late++;
  }
  if (m->late == METRICS_COUNT) {
    return false;
  }
  const struct metrics_entry *entry = &metrics_entries[m->late];
  if (entry->sum != NULL) {
    metrics_begin_family(m, entry);
    entry->sum(m);
    m->late++;
  } else if (!metrics_print_rows(m, entry)) {
    m->late++;
    m->at = 0;
  }
  return true;
}

/* ---- pieces ---- */

static bool metrics_more(void *arg, struct bc_buf *text) {
  struct metrics *m = arg;
  m->out.to = text;
  switch (m->stage) {
  case METRICS_WALK_ROUTES:
  case METRICS_WALK_CHECKS:
    /* A piece that is empty is a pause. */
    (void)metrics_print_early(m, METRICS_EARLY);
    if (!metrics_walk(m)) {
      m->stage = METRICS_PRINT;
    }
    return true;
  case METRICS_PRINT:
    while (text->len < METRICS_PIECE_BYTES / 2 && metrics_print_early(m, 1)) {
    }
    while (text->len < METRICS_PIECE_BYTES / 2) {
      if (!metrics_print_late(m)) {
        metrics_user_begin(m);
        m->stage = METRICS_PRINT_USER;
        return true;
      }
    }
    return true;
  case METRICS_PRINT_USER:
    if (metrics_user_print(m)) {
      return true;
    }
    break;
  }
  bc_prometheus_end(&m->out);
  return false;
}

static void metrics_end(void *arg) {
  struct metrics *m = arg;
  m->core->counts.scrapes_open--;
  metrics_user_free(m);
  metrics_walk_free(m);
  free(m);
}

static void metrics_look_at_policies(struct metrics *m) {
  for (struct core_policy *policy = core_policy_next(m->core, NULL); policy != NULL;
       policy = core_policy_next(m->core, policy)) {
    m->policies.places += policy->is_named;
    m->policies.failing += policy->failing;
    m->policies.held += policy->trial == TRIAL_HELD;
    m->policies.quarantined += policy->trial == TRIAL_QUARANTINED;
  }
}

bool core_metrics_begin(struct bc_core *core, enum bc_prometheus_format format, struct bc_sock_answer *answer) {
  core->counts.scrapes++;
  if (core->counts.scrapes_open >= BC_LIMIT_SCRAPES) {
    core->counts.scrapes_refused++;
    return false;
  }
  core->counts.scrapes_open++;
  struct metrics *m = bc_mem_new(1, sizeof *m);
  m->core = core;
  m->out.format = format;
  m->rib = bc_rib_counts(core->rib);
  m->config = bc_config_counts(core->config);
  RB_INIT(&m->families);
  bc_process_usage(&m->process);
  metrics_look_at_policies(m);
  answer->more = metrics_more;
  answer->end = metrics_end;
  answer->is_ready = NULL;
  answer->arg = m;
  return true;
}
