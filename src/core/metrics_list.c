/* The metrics with several samples that need no walk. */
#include "core/metrics_private.h"

#include <stdio.h>

/* ---- the node ---- */

void metrics_build(struct metrics *m) {
  metrics_add_one(m, "version", BC_VERSION, 1);
}

void metrics_node(struct metrics *m) {
  metrics_add_one(m, "node", m->core->settings->node, 1);
}

void metrics_admin_state(struct metrics *m) {
  static const char *const texts[] = {BC_ADMIN_STATE_LIST(BC_ENUM_TEXT)};
  enum bc_admin_state state = bc_config_admin_state(m->core->config);
  for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    metrics_add_one(m, "state", texts[i], i == state);
  }
}

void metrics_approvals(struct metrics *m) {
  metrics_add_one(m, "kind", "store_loss", m->core->apply.loss_id[0] != '\0');
  metrics_add_one(m, "kind", "policy", (double)m->policies.held);
}

bool metrics_has_state_problem(const struct bc_core *core) {
  return core->journal.problem != NULL || core->lock_problem != NULL || core->apply.last_good_problem != NULL ||
         core->checks.states.problem != NULL || core_lease_problem(core) != NULL || core->audit.problem != NULL;
}

void metrics_log_lines(struct metrics *m) {
  static const char *const texts[] = {BC_LOG_LEVEL_LIST(BC_ENUM_TEXT)};
  for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    metrics_add_one(m, "level", texts[i], (double)bc_log_count((enum bc_log_level)i));
  }
}

void metrics_events(struct metrics *m) {
  for (unsigned i = 0; i < BC_EVENT_TYPES; i++) {
    metrics_add_one(m, "type", bc_event_type_text((enum bc_event_type)i), (double)m->core->event.told[i]);
  }
}

void metrics_socket_requests(struct metrics *m) {
  struct bc_sock_counts counts = m->core->sock == NULL ? (struct bc_sock_counts){0} : bc_sock_counts(m->core->sock);
#define LIST_ADD(name, text) metrics_add_one(m, "outcome", text, (double)counts.name);
  BC_SOCK_COUNT_LIST(LIST_ADD)
#undef LIST_ADD
}

/* ---- the store ---- */

void metrics_store(struct metrics *m) {
  const struct bc_store *store = m->core->apply.store;
  struct bc_prometheus_label labels[] = {{"kind", store == NULL ? "none" : bc_store_kind(store)},
                                         {"endpoint", store == NULL ? "" : bc_store_endpoint(store)}};
  metrics_add(m, labels, sizeof labels / sizeof labels[0], 1);
}

void metrics_store_age(struct metrics *m) {
  const struct bc_store *store = m->core->apply.store;
  int64_t age_ms = store == NULL ? -1 : bc_store_age_ms(store);
  if (age_ms >= 0) {
    metrics_add(m, NULL, 0, (double)age_ms / 1e3);
  }
}

void metrics_store_loss(struct metrics *m) {
  for (enum core_loss loss = LOSS_NONE + 1; loss <= LOSS_EMPTIED; loss++) {
    metrics_add_one(m, "kind", core_loss_text(loss), m->core->apply.loss == loss);
  }
}

/* ---- neighbors ---- */

static void list_add_neighbor(struct metrics *m, const struct core_neighbor *neighbor, double value) {
  struct bc_prometheus_label labels[] = {{"neighbor", neighbor->config.peer}, {"local", neighbor->config.local}};
  metrics_add(m, labels, sizeof labels / sizeof labels[0], value);
}

/* The next one that ExaBGP has; NULL behind the last. */
static const struct core_neighbor *list_next_neighbor(const struct metrics *m, const struct core_neighbor *before) {
  const struct bc_core *core = m->core;
  for (unsigned i = before == NULL ? 0 : core_neighbor_number(core, before) + 1; i < core->neighbor_count; i++) {
    if (!core->neighbors[i].is_gone) {
      return &core->neighbors[i];
    }
  }
  return NULL;
}

#define LIST_EACH_NEIGHBOR(m, neighbor)                                                                                \
  for (const struct core_neighbor *neighbor = NULL; ((neighbor) = list_next_neighbor((m), (neighbor))) != NULL;)

void metrics_neighbor(struct metrics *m) {
  LIST_EACH_NEIGHBOR(m, neighbor) {
    const struct bc_exabgp_neighbor_config *config = &neighbor->config;
    struct bc_prometheus_label labels[] = {{"neighbor", config->peer},
                                           {"local", config->local},
                                           {"peer_as", config->peer_as},
                                           {"local_as", config->local_as}};
    metrics_add(m, labels, sizeof labels / sizeof labels[0], 1);
  }
}

void metrics_neighbor_established(struct metrics *m) {
  LIST_EACH_NEIGHBOR(m, neighbor) {
    list_add_neighbor(m, neighbor, neighbor->has_state && neighbor->state == BC_EXABGP_UP);
  }
}

void metrics_neighbor_changed(struct metrics *m) {
  LIST_EACH_NEIGHBOR(m, neighbor) {
    if (neighbor->has_state) {
      list_add_neighbor(m, neighbor, (double)neighbor->since_ms / 1e3);
    }
  }
}

void metrics_neighbor_sessions(struct metrics *m) {
  LIST_EACH_NEIGHBOR(m, neighbor) {
    list_add_neighbor(m, neighbor, (double)neighbor->sessions);
  }
}

void metrics_neighbor_reports(struct metrics *m) {
  LIST_EACH_NEIGHBOR(m, neighbor) {
    list_add_neighbor(m, neighbor, neighbor->config.reports_updates);
  }
}

void metrics_neighbor_nlri(struct metrics *m) {
  LIST_EACH_NEIGHBOR(m, neighbor) {
    const size_t *counts = m->sums.nlri[core_neighbor_number(m->core, neighbor)];
    for (unsigned i = 0; i < neighbor->config.family_count; i++) {
      enum bc_family family;
      struct bc_prometheus_label labels[] = {{"neighbor", neighbor->config.peer},
                                             {"local", neighbor->config.local},
                                             {"family", neighbor->config.families[i]}};
      bool is_known = bc_family_parse(bc_str_of(neighbor->config.families[i]), &family) == BC_ERR_OK;
      metrics_add(m, labels, sizeof labels / sizeof labels[0], is_known ? (double)counts[family] : 0);
    }
  }
}

void metrics_neighbor_foreign(struct metrics *m) {
  LIST_EACH_NEIGHBOR(m, neighbor) {
    unsigned number = core_neighbor_number(m->core, neighbor);
    list_add_neighbor(m, neighbor, (double)bc_rib_count_foreign(m->core->rib, number));
  }
}

/* ---- the pipe ---- */

void metrics_exabgp(struct metrics *m) {
  metrics_add_one(m, "version", m->core->link.version, 1);
}

void metrics_ack_times(struct metrics *m) {
  bc_prometheus_add_histogram(&m->out, NULL, 0, bc_rib_ack_times(m->core->rib));
}

void metrics_wire_times(struct metrics *m) {
  bc_prometheus_add_histogram(&m->out, NULL, 0, bc_rib_wire_times(m->core->rib));
}

/* ---- checks and policies ---- */

static const char *const list_languages[] = {"shell", "lua"};

void metrics_check_results(struct metrics *m) {
  for (unsigned language = 0; language < 2; language++) {
    for (unsigned i = 0; i < BC_CHECK_STATUS_COUNT; i++) {
      struct bc_prometheus_label labels[] = {{"language", list_languages[language]},
                                             {"status", bc_check_status_text((enum bc_check_status)i)}};
      metrics_add(m, labels, sizeof labels / sizeof labels[0], (double)m->core->counts.check_results[language][i]);
    }
  }
}

static void list_add_languages(struct metrics *m, const struct bc_histogram histograms[static 2]) {
  for (unsigned i = 0; i < 2; i++) {
    struct bc_prometheus_label label = {"language", list_languages[i]};
    bc_prometheus_add_histogram(&m->out, &label, 1, &histograms[i]);
  }
}

void metrics_check_times(struct metrics *m) {
  list_add_languages(m, m->core->counts.check_times);
}

void metrics_check_delays(struct metrics *m) {
  list_add_languages(m, m->core->counts.check_delays);
}

void metrics_policy_runs(struct metrics *m) {
  const struct core_policies *policies = &m->core->policies;
  metrics_add_one(m, "outcome", "answered", (double)policies->answered);
  metrics_add_one(m, "outcome", "failed", (double)policies->failed);
  metrics_add_one(m, "outcome", "killed", (double)policies->killed);
  metrics_add_one(m, "outcome", "late", (double)policies->late);
}

void metrics_policy_times(struct metrics *m) {
  bc_prometheus_add_histogram(&m->out, NULL, 0, &m->core->counts.policy_runs);
}

/* ---- workers ---- */

/* "exec", "policy", "lua-1": as `status` has them. */
static void list_add_worker(struct metrics *m, const struct core_pool *pool, double value) {
  char name[32];
  if (pool->kind == CORE_WORKER_LUA) {
    (void)snprintf(name, sizeof name, "lua-%u", pool->number - CORE_WORKER_LUA + 1);
  } else {
    (void)snprintf(name, sizeof name, "%s", pool->kind == CORE_WORKER_EXEC ? "exec" : "policy");
  }
  metrics_add_one(m, "worker", name, value);
}

/* The next one that anything was ever started for; NULL behind the last. */
static struct core_pool *list_next_worker(const struct metrics *m, struct core_pool *before) {
  struct bc_core *core = m->core;
  for (unsigned i = before == NULL ? 0 : before->number + 1; i < core->pool_count; i++) {
    struct core_pool *pool = &core->pools[i];
    if (pool->child != NULL || pool->restarts > 0 || bc_timer_is_armed(pool->restart_timer)) {
      return pool;
    }
  }
  return NULL;
}

#define LIST_EACH_WORKER(m, pool) for (struct core_pool *pool = NULL; ((pool) = list_next_worker((m), (pool))) != NULL;)

void metrics_worker_up(struct metrics *m) {
  LIST_EACH_WORKER(m, pool) {
    list_add_worker(m, pool, pool->is_running);
  }
}

void metrics_worker_restarts(struct metrics *m) {
  LIST_EACH_WORKER(m, pool) {
    list_add_worker(m, pool, pool->restarts);
  }
}

void metrics_worker_kills(struct metrics *m) {
  LIST_EACH_WORKER(m, pool) {
    list_add_worker(m, pool, (double)pool->kills);
  }
}

void metrics_worker_checks(struct metrics *m) {
  LIST_EACH_WORKER(m, pool) {
    list_add_worker(m, pool, pool->known);
  }
}

void metrics_worker_running(struct metrics *m) {
  LIST_EACH_WORKER(m, pool) {
    list_add_worker(m, pool, pool->running);
  }
}

void metrics_worker_cpu(struct metrics *m) {
  LIST_EACH_WORKER(m, pool) {
    list_add_worker(m, pool, (double)core_pool_cpu_total_us(m->core, pool->number) / 1e6);
  }
}

void metrics_worker_memory(struct metrics *m) {
  LIST_EACH_WORKER(m, pool) {
    list_add_worker(m, pool, (double)bc_process_resident_bytes(core_pool_pid(m->core, pool->number)));
  }
}
