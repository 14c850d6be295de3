/* The walk over routes and checks, and what is printed of each. */
#include "base/mem.h"
#include "core/metrics_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WALK_WORK = 2000, WALK_PREFIX_BYTES = 64 };

/* As core_route_state_text tells them. */
static const char *const walk_states[] = {"pending",      "sent",        "acked",    "announced", "standby",
                                          "withdrawing",  "unconfirmed", "refused",  "foreign",   "faulty",
                                          "unsubscribed", "waiting",     "withdrawn"};

enum { WALK_STATES = sizeof walk_states / sizeof walk_states[0] };

static const char *const walk_kinds[] = {"named", "route"};

/* ---- notes ---- */

static void *walk_provide(void *rows, size_t count, size_t size) {
  enum { FIRST = 16 };
  bool is_full = count == 0 || (count >= FIRST && (count & (count - 1)) == 0);
  return is_full ? bc_mem_resize(rows, count == 0 ? FIRST : count * 2, size) : rows;
}

static void walk_note_check(struct metrics *m, const struct core_check *check) {
  struct metrics_sums *sums = &m->sums;
  sums->checks++;
  m->work++;
  sums->checks_by_state[check->health.state]++;
  sums->troubled += core_check_is_troubled(check);
  if (m->check_count == m->core->settings->metrics_routes) {
    sums->user_left_out += bc_metrics_count(check->metrics);
    return;
  }
  const struct core_version *version = &check->running;
  m->checks = walk_provide(m->checks, m->check_count, sizeof *m->checks);
  struct metrics_check *to = &m->checks[m->check_count++];
  *to = (struct metrics_check){.name = bc_intern_ref(check->name),
                               .state = bc_health_state_text(check->health.state),
                               .is_route = check->route != NULL,
                               .is_on_probation = check->health.on_probation,
                               .has_result = version->has_result,
                               .score = version->score,
                               .took_us = version->took_us,
                               .late_us = version->late_us};
  if (check->tally != NULL) {
    to->tally = *check->tally;
  }
  m->work += bc_metrics_count(check->metrics);
  metrics_user_take(m, check, walk_kinds[to->is_route]);
}

static void walk_count_nlri(struct metrics *m, const struct core_route *route, const struct core_view *view) {
  enum bc_family family = (enum bc_family)route->claimed.nlri.family;
  for (size_t i = 0; i < view->count; i++) {
    struct bc_rib_view one = {.on_wire = view->on_wire};
    if (view->count > 1 && !core_route_find_nlri(m->core, route, i, &one)) {
      continue;
    }
    for (uint64_t left = one.on_wire; left != 0; left &= left - 1) {
      m->sums.nlri[__builtin_ctzll(left)][family]++;
    }
  }
}

static void walk_count_state(struct metrics *m, const char *state) {
  for (size_t i = 0; i < WALK_STATES; i++) {
    m->sums.by_state[i] += strcmp(state, walk_states[i]) == 0;
  }
}

static void walk_count_lease(struct metrics *m, const struct core_route *route) {
  bool is_of_api = bc_str_starts(bc_str_of(route->name), BC_LEASE_PREFIX);
  const struct bc_lease *lease = is_of_api ? core_lease_find(m->core, route->name) : NULL;
  struct metrics_sums *sums = &m->sums;
  size_t at = 0;
  if (lease == NULL) {
    return;
  }
  while (at < sums->owner_count && strcmp(sums->owners[at].name, lease->owner) != 0) {
    at++;
  }
  if (at == METRICS_OWNERS || strlen(lease->owner) >= sizeof sums->owners[at].name) {
    sums->other_leases++;
    return;
  }
  if (at == sums->owner_count) {
    (void)snprintf(sums->owners[at].name, sizeof sums->owners[at].name, "%s", lease->owner);
    sums->owner_count++;
  }
  sums->owners[at].leases++;
}

static void walk_note_route(struct metrics *m, const struct core_route *route) {
  struct metrics_sums *sums = &m->sums;
  struct core_view view;
  (void)core_route_view(m->core, route, &view);
  const char *state = view.state == BC_RIB_NONE ? core_route_state_text(m->core, route) : bc_rib_state_text(view.state);
  enum bc_health_state health = core_route_health(route).state;
  bool is_fine = view.state == BC_RIB_ANNOUNCED || view.state == BC_RIB_STANDBY;
  sums->routes++;
  m->work += view.count > 0 ? view.count : 1;
  sums->wanted += route->is_wanted;
  sums->not_announced += route->is_wanted && !is_fine;
  sums->alarmed += view.is_alarmed;
  sums->by_health[health]++;
  walk_count_state(m, state);
  walk_count_nlri(m, route, &view);
  walk_count_lease(m, route);
  if (route->check != NULL) {
    walk_note_check(m, route->check);
  }
  if (m->route_count == m->core->settings->metrics_routes) {
    return;
  }
  m->routes = walk_provide(m->routes, m->route_count, sizeof *m->routes);
  m->routes[m->route_count++] =
      (struct metrics_route){.name = bc_intern_ref(route->name),
                             .state = state,
                             .since_ms = route->since_ms,
                             .on_wire = (uint8_t)__builtin_popcountll(view.on_wire),
                             .missing = (uint8_t)__builtin_popcountll(view.missing),
                             .is_wanted = route->is_wanted,
                             .is_acked = is_fine || view.state == BC_RIB_ACKED || view.state == BC_RIB_UNCONFIRMED,
                             .is_unconfirmed = view.state == BC_RIB_UNCONFIRMED,
                             .is_unchecked = health == BC_HEALTH_UNCHECKED};
}

/* ---- the walk ---- */

static void walk_set_after(struct metrics *m, const char *name) {
  const char *before = m->after;
  m->after = name == NULL ? NULL : bc_intern_ref(name);
  bc_intern_put(m->core->intern, before);
}

/* True when there are more. */
static bool walk_routes(struct metrics *m) {
  struct core_route *route = core_route_after(m->core, m->after);
  struct core_route *last = NULL;
  while (route != NULL && m->work < WALK_WORK) {
    walk_note_route(m, route);
    last = route;
    route = core_route_next(m->core, route);
  }
  walk_set_after(m, route == NULL || last == NULL ? NULL : last->name);
  return route != NULL;
}

static bool walk_checks(struct metrics *m) {
  while (m->work < WALK_WORK) {
    struct core_named *named = core_named_after(m->core, m->after);
    if (named == NULL) {
      walk_set_after(m, NULL);
      return false;
    }
    walk_note_check(m, &named->check);
    walk_set_after(m, named->check.name);
  }
  return true;
}

bool metrics_walk(struct metrics *m) {
  m->work = 0;
  if (m->sums.by_state == NULL) {
    m->sums.by_state = bc_mem_new(WALK_STATES, sizeof *m->sums.by_state);
  }
  if (m->stage == METRICS_WALK_CHECKS) {
    return walk_checks(m);
  }
  if (!walk_routes(m)) {
    m->stage = METRICS_WALK_CHECKS;
  }
  return true;
}

void metrics_walk_free(struct metrics *m) {
  walk_set_after(m, NULL);
  for (size_t i = 0; i < m->route_count; i++) {
    bc_intern_put(m->core->intern, m->routes[i].name);
  }
  for (size_t i = 0; i < m->check_count; i++) {
    bc_intern_put(m->core->intern, m->checks[i].name);
  }
  free(m->routes);
  free(m->checks);
  free(m->sums.by_state);
}

/* ---- routes in sums ---- */

void metrics_routes_by_state(struct metrics *m) {
  for (size_t i = 0; i < WALK_STATES; i++) {
    metrics_add_one(m, "state", walk_states[i], (double)m->sums.by_state[i]);
  }
}

void metrics_routes_by_health(struct metrics *m) {
  for (unsigned i = 0; i <= BC_HEALTH_NONE; i++) {
    metrics_add_one(m, "health", bc_health_state_text((enum bc_health_state)i), (double)m->sums.by_health[i]);
  }
}

void metrics_routes_wanted(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)m->sums.wanted);
}

void metrics_routes_not_announced(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)m->sums.not_announced);
}

void metrics_routes_alarmed(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)m->sums.alarmed);
}

void metrics_routes_left_out(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)(m->sums.routes - m->route_count));
}

void metrics_leases_by_owner(struct metrics *m) {
  for (size_t i = 0; i < m->sums.owner_count; i++) {
    metrics_add_one(m, "owner", m->sums.owners[i].name, (double)m->sums.owners[i].leases);
  }
  if (m->sums.other_leases > 0) {
    metrics_add_one(m, "owner", "other", (double)m->sums.other_leases);
  }
}

/* ---- routes one by one ---- */

static void walk_add_route(struct metrics *m, const struct metrics_route *route, double value) {
  metrics_add_one(m, "route", route->name, value);
}

void metrics_route_info(struct metrics *m, const struct metrics_route *route) {
  struct bc_config_route config;
  struct bc_buf prefix;
  bc_buf_init(&prefix, BC_LIMIT_COMMAND_BYTES);
  bool has_route = bc_config_find(m->core->config, route->name, &config) && config.route != NULL;
  if (has_route) {
    bc_nlri_print(&config.route->nlri, &prefix);
  }
  if (prefix.len > WALK_PREFIX_BYTES) {
    prefix.data[WALK_PREFIX_BYTES] = '\0';
  }
  struct bc_prometheus_label labels[] = {
      {"route", route->name},
      {"prefix", prefix.data},
      {"family", has_route ? bc_family_text((enum bc_family)config.route->nlri.family) : ""}};
  metrics_add(m, labels, sizeof labels / sizeof labels[0], 1);
  bc_buf_free(&prefix);
}

void metrics_route_state(struct metrics *m, const struct metrics_route *route) {
  struct bc_prometheus_label labels[] = {{"route", route->name}, {"state", route->state}};
  metrics_add(m, labels, sizeof labels / sizeof labels[0], 1);
}

void metrics_route_wanted(struct metrics *m, const struct metrics_route *route) {
  walk_add_route(m, route, route->is_wanted);
}

void metrics_route_acked(struct metrics *m, const struct metrics_route *route) {
  walk_add_route(m, route, route->is_acked);
}

void metrics_route_on_wire(struct metrics *m, const struct metrics_route *route) {
  walk_add_route(m, route, route->on_wire);
}

void metrics_route_missing(struct metrics *m, const struct metrics_route *route) {
  walk_add_route(m, route, route->missing);
}

void metrics_route_unconfirmed(struct metrics *m, const struct metrics_route *route) {
  walk_add_route(m, route, route->is_unconfirmed);
}

void metrics_route_unchecked(struct metrics *m, const struct metrics_route *route) {
  walk_add_route(m, route, route->is_unchecked);
}

void metrics_route_changed(struct metrics *m, const struct metrics_route *route) {
  walk_add_route(m, route, (double)route->since_ms / 1e3);
}

/* ---- checks ---- */

void metrics_checks_by_state(struct metrics *m) {
  /* A check is never without one. */
  for (unsigned i = 0; i < BC_HEALTH_NONE; i++) {
    metrics_add_one(m, "state", bc_health_state_text((enum bc_health_state)i), (double)m->sums.checks_by_state[i]);
  }
}

void metrics_checks_troubled(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)m->sums.troubled);
}

void metrics_checks_left_out(struct metrics *m) {
  metrics_add(m, NULL, 0, (double)(m->sums.checks - m->check_count));
}

/* With one more label when `more` is set. */
static void walk_add_check(struct metrics *m, const struct metrics_check *check, const char *more, const char *text,
                           double value) {
  struct bc_prometheus_label labels[] = {{"check", check->name}, {"kind", walk_kinds[check->is_route]}, {more, text}};
  metrics_add(m, labels, more == NULL ? 2 : 3, value);
}

void metrics_check_state(struct metrics *m, const struct metrics_check *check) {
  walk_add_check(m, check, "state", check->state, 1);
}

void metrics_check_runs(struct metrics *m, const struct metrics_check *check) {
  for (unsigned i = 0; i < BC_CHECK_STATUS_COUNT; i++) {
    if (check->tally.runs[i] > 0) {
      walk_add_check(m, check, "status", bc_check_status_text((enum bc_check_status)i), check->tally.runs[i]);
    }
  }
}

void metrics_check_run_time(struct metrics *m, const struct metrics_check *check) {
  walk_add_check(m, check, NULL, NULL, (double)check->tally.took_us / 1e6);
}

void metrics_check_last_time(struct metrics *m, const struct metrics_check *check) {
  if (check->has_result) {
    walk_add_check(m, check, NULL, NULL, check->took_us / 1e6);
  }
}

void metrics_check_last_delay(struct metrics *m, const struct metrics_check *check) {
  if (check->has_result) {
    walk_add_check(m, check, NULL, NULL, check->late_us / 1e6);
  }
}

void metrics_check_score(struct metrics *m, const struct metrics_check *check) {
  if (check->score > 0) {
    walk_add_check(m, check, NULL, NULL, (check->score - 1) / 100.0);
  }
}

void metrics_check_probation(struct metrics *m, const struct metrics_check *check) {
  walk_add_check(m, check, NULL, NULL, check->is_on_probation);
}
