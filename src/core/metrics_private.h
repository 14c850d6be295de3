/* The inside of a scrape; only metrics*.c include it. */
#ifndef BC_CORE_METRICS_PRIVATE_H
#define BC_CORE_METRICS_PRIVATE_H

#include "core/http.h"
#include "core/lease.h"
#include "core/metrics.h"
#include "core/private.h"
#include "io/process.h"

/* A route and a check as they were when they were walked over. */
struct metrics_route {
  const char *name;  /* interned, a reference */
  const char *state; /* static */
  int64_t since_ms;
  uint8_t on_wire, missing; /* neighbors */
  bool is_wanted, is_acked, is_unconfirmed, is_unchecked;
};

struct metrics_check {
  const char *name;  /* the same */
  const char *state; /* the same */
  bool is_route;     /* the route's own */
  bool is_on_probation;
  bool has_result;
  uint16_t score; /* 1 + hundredths; 0 = none */
  uint32_t took_us, late_us;
  struct core_tally tally;
};

struct metrics_family;
RB_HEAD(metrics_family_tree, metrics_family);

/* An owner of routes of the API. */
struct metrics_owner {
  char name[CORE_HTTP_WHO_BYTES];
  size_t leases;
};
enum { METRICS_OWNERS = 32 };

struct metrics_sums {
  size_t *by_state; /* METRICS_STATES */
  size_t by_health[BC_HEALTH_NONE + 1];
  size_t routes, wanted, not_announced, alarmed;
  size_t checks, troubled;
  size_t checks_by_state[BC_HEALTH_NONE + 1];
  size_t nlri[BC_LIMIT_NEIGHBORS][BC_FAMILY_COUNT];
  size_t user_series, user_left_out;
  struct metrics_owner owners[METRICS_OWNERS];
  size_t owner_count, other_leases;
};

/* One scrape. */
struct metrics {
  struct bc_core *core;
  struct bc_prometheus out;
  struct bc_rib_counts rib;
  struct bc_config_counts config;
  struct bc_process_usage process;
  struct {
    size_t places, failing, held, quarantined;
  } policies;
  enum { METRICS_WALK_ROUTES, METRICS_WALK_CHECKS, METRICS_PRINT, METRICS_PRINT_USER } stage;
  const char *after; /* interned: walked so far; NULL = nothing yet */
  size_t work;       /* done in this step: routes, checks, NLRI, series */
  size_t early;      /* metrics that do not wait for the walk: printed so far */
  size_t late;       /* the others: printed so far, … */
  size_t at;         /* … and so many routes or checks of the next one */
  struct metrics_sums sums;
  struct metrics_route *routes;
  size_t route_count;
  struct metrics_check *checks;
  size_t check_count;
  struct metrics_family_tree families; /* of scripts */
  struct metrics_family *family;       /* the next one to print; NULL = none is left, … */
  size_t series;                       /* … and so many of its series are printed */
};

/* ---- metrics.c ---- */
/* One sample with these labels. */
void metrics_add(struct metrics *m, const struct bc_prometheus_label *labels, size_t count, double value);
void metrics_add_one(struct metrics *m, const char *label, const char *text, double value);

/* ---- metrics_walk.c ---- */
/* Walks over some more; true when there is more. */
bool metrics_walk(struct metrics *m);
void metrics_walk_free(struct metrics *m);

/* ---- metrics_user.c ---- */
/* What the script of this check has told. `kind`: static. */
void metrics_user_take(struct metrics *m, const struct core_check *check, const char *kind);
/* Before the first call of the next. */
void metrics_user_begin(struct metrics *m);
/* Prints some; true when there is more. */
bool metrics_user_print(struct metrics *m);
void metrics_user_free(struct metrics *m);

bool metrics_has_state_problem(const struct bc_core *core);

#define BC_METRIC_SECTION(title)
#define BC_METRIC_VALUE(name, type, help, value)
#define BC_METRIC_LIST(name, type, labels, help, function) void function(struct metrics *m);
#define BC_METRIC_SUM(name, type, labels, help, function) void function(struct metrics *m);
#define BC_METRIC_ROUTE(name, type, labels, help, function)                                                            \
  void function(struct metrics *m, const struct metrics_route *route);
#define BC_METRIC_CHECK(name, type, labels, help, function)                                                            \
  void function(struct metrics *m, const struct metrics_check *check);
#include "core/metrics.def"
#undef BC_METRIC_SECTION
#undef BC_METRIC_VALUE
#undef BC_METRIC_LIST
#undef BC_METRIC_SUM
#undef BC_METRIC_ROUTE
#undef BC_METRIC_CHECK

#endif
