/* What is told of the state: one set of structures for the status key, the local socket and tables. */
#include "core/http.h"
#include "core/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_TROUBLED_CHECKS = 16 };

json_t *core_report_text(const char *text) {
  return text == NULL ? json_null() : json_stringn_nocheck(text, strlen(text));
}

json_t *core_report_bytes(const char *text, size_t max) {
  char safe[BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES + 1];
  size_t len = 0;
  for (; text != NULL && text[len] != '\0' && len < max && len + 1 < sizeof safe; len++) {
    bool is_fine = (text[len] >= ' ' && text[len] <= '~') || text[len] == '\n' || text[len] == '\t';
    safe[len] = is_fine ? text[len] : '?';
  }
  safe[len] = '\0';
  return text == NULL ? json_null() : json_stringn_nocheck(safe, len);
}

json_t *core_report_time(int64_t wall_ms) {
  char when[25];
  bc_wall_print(wall_ms, when);
  return json_string(when);
}

static int report_put(const char *bytes, size_t len, void *arg) {
  bc_buf_add(arg, bytes, len);
  return 0;
}

void core_report_print(const json_t *made, struct bc_buf *to) {
  (void)json_dump_callback(made, report_put, to, JSON_COMPACT);
}

/* ---- the whole ---- */

static void report_neighbor_counts(json_t *to, const size_t counts[static BC_FAMILY_COUNT]) {
  json_t *by_family = json_object();
  json_int_t total = 0;
  for (unsigned family = 0; family < BC_FAMILY_COUNT; family++) {
    total += (json_int_t)counts[family];
    if (counts[family] > 0) {
      json_object_set_new(by_family, bc_family_text((enum bc_family)family), json_integer((json_int_t)counts[family]));
    }
  }
  json_object_set_new(to, "routes", json_integer(total));
  json_object_set_new(to, "routesByFamily", by_family);
}

json_t *core_report_neighbors(struct bc_core *core) {
  json_t *list = json_array();
  size_t counts[BC_LIMIT_NEIGHBORS][BC_FAMILY_COUNT];
  bc_rib_count_on_wire(core->rib, counts);
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    const struct core_neighbor *neighbor = &core->neighbors[i];
    json_t *families = json_array();
    for (unsigned f = 0; f < neighbor->config.family_count; f++) {
      json_array_append_new(families, json_string(neighbor->config.families[f]));
    }
    json_t *one = json_object();
    json_object_set_new(one, "ipAddress", json_string(neighbor->config.peer));
    json_object_set_new(one, "localAddress", json_string(neighbor->config.local));
    json_object_set_new(one, "peerAs", json_integer(strtoll(neighbor->config.peer_as, NULL, 10)));
    json_object_set_new(one, "localAs", json_integer(strtoll(neighbor->config.local_as, NULL, 10)));
    json_object_set_new(one, "state", json_string(core_neighbor_state_text(neighbor)));
    json_object_set_new(one, "since", core_report_time(neighbor->since_ms));
    json_object_set_new(one, "reason", core_report_bytes(neighbor->reason, sizeof neighbor->reason));
    json_object_set_new(one, "families", families);
    json_object_set_new(one, "reportsUpdates", json_boolean(neighbor->config.reports_updates));
    report_neighbor_counts(one, counts[i]);
    json_array_append_new(list, one);
  }
  json_t *made = json_object();
  json_object_set_new(made, "neighbors", list);
  return made;
}

json_t *core_report_store(struct bc_core *core) {
  const struct core_apply *apply = &core->apply;
  char cluster[24];
  (void)snprintf(cluster, sizeof cluster, "%" PRIu64, apply->known.cluster_id);
  json_t *made = json_object();
  json_object_set_new(made, "kind", core_report_text(apply->store == NULL ? "none" : bc_store_kind(apply->store)));
  json_object_set_new(made, "endpoint", core_report_text(apply->store == NULL ? "" : bc_store_endpoint(apply->store)));
  json_object_set_new(made, "state", json_string(bc_store_state_text(apply->state)));
  json_object_set_new(made, "text", core_report_text(apply->state_text == NULL ? "" : apply->state_text));
  json_object_set_new(made, "revision", json_integer((json_int_t)apply->known.revision));
  json_object_set_new(made, "clusterId", json_string(cluster));
  json_object_set_new(made, "ageMs", json_integer(apply->store == NULL ? -1 : bc_store_age_ms(apply->store)));
  json_object_set_new(made, "loss", json_null());
  if (apply->loss != LOSS_NONE) {
    char text[192];
    (void)snprintf(text, sizeof text, "%zu routes are kept as they are; check the store, then: bgpcommander approve %s",
                   bc_config_counts(core->config).routes, apply->loss_id);
    json_t *loss = json_object();
    json_object_set_new(loss, "id", json_string(apply->loss_id));
    json_object_set_new(loss, "kind", json_string(core_loss_text(apply->loss)));
    json_object_set_new(loss, "text", json_string(text));
    json_object_set_new(made, "loss", loss);
  }
  json_object_set_new(made, "publishing", json_boolean(apply->is_publishing));
  json_object_set_new(made, "publishProblem", core_report_text(apply->publish_problem));
  return made;
}

json_t *core_report_summary(struct bc_core *core) {
  struct bc_config_counts config = bc_config_counts(core->config);
  struct bc_rib_counts rib = bc_rib_counts(core->rib);
  const size_t *by_state = core->by_state;
  size_t announced = by_state[BC_RIB_ANNOUNCED] + rib.unnamed;
  size_t pending =
      by_state[BC_RIB_PENDING] + by_state[BC_RIB_SENT] + by_state[BC_RIB_ACKED] + by_state[BC_RIB_WITHDRAWING];
  size_t not_on_wire = pending - by_state[BC_RIB_WITHDRAWING] + by_state[BC_RIB_STANDBY] +
                       by_state[BC_RIB_UNCONFIRMED] + by_state[BC_RIB_REFUSED] + by_state[BC_RIB_FOREIGN];
  /* Without those that nothing names: they are none of the routes. */
  size_t standing = by_state[BC_RIB_ANNOUNCED] + pending + by_state[BC_RIB_STANDBY] + by_state[BC_RIB_UNCONFIRMED] +
                    by_state[BC_RIB_REFUSED] + by_state[BC_RIB_FOREIGN];
  size_t of_api = core_lease_count(core, NULL).all;
  size_t all = config.subscribed + of_api;
  json_t *made = json_object();
  json_object_set_new(made, "routes", json_integer((json_int_t)config.routes));
  json_object_set_new(made, "subscribed", json_integer((json_int_t)config.subscribed));
  json_object_set_new(made, "api", json_integer((json_int_t)of_api));
  json_object_set_new(made, "announced", json_integer((json_int_t)announced));
  json_object_set_new(made, "withdrawn", json_integer(all > standing ? (json_int_t)(all - standing) : (json_int_t)0));
  json_object_set_new(made, "pending", json_integer((json_int_t)pending));
  json_object_set_new(made, "standby", json_integer((json_int_t)by_state[BC_RIB_STANDBY]));
  json_object_set_new(made, "unconfirmed", json_integer((json_int_t)by_state[BC_RIB_UNCONFIRMED]));
  json_object_set_new(made, "refused", json_integer((json_int_t)by_state[BC_RIB_REFUSED]));
  json_object_set_new(made, "notOnWire", json_integer((json_int_t)not_on_wire));
  json_object_set_new(made, "faulty", json_integer((json_int_t)config.faulty));
  json_object_set_new(made, "foreign", json_integer((json_int_t)rib.foreign));
  return made;
}

static void report_warn(json_t *list, const char *text) {
  if (text != NULL) {
    json_array_append_new(list, json_string(text));
  }
}

/* Those of a route are told with the route. */
static void report_warn_of_checks(struct bc_core *core, json_t *list) {
  unsigned told = 0;
  for (struct core_named *named = core_named_after(core, NULL); named != NULL && told < REPORT_TROUBLED_CHECKS;
       named = core_named_after(core, named->check.name)) {
    if (core_check_is_troubled(&named->check)) {
      struct bc_buf trouble;
      bc_buf_init(&trouble, CORE_REASON_BYTES * 2);
      core_check_describe_trouble(&named->check, &trouble);
      report_warn(list, trouble.data);
      bc_buf_free(&trouble);
      told++;
    }
  }
}

json_t *core_report_warnings(struct bc_core *core) {
  json_t *list = json_array();
  const struct core_apply *apply = &core->apply;
  char line[320];
  if (core->options->is_safe_mode) {
    report_warn(list, "safe mode after repeated crashes: last known good routes only, no store, no checks; "
                      "run `bgpcommander upgrade` to leave it");
  }
  if (apply->loss != LOSS_NONE) {
    (void)snprintf(line, sizeof line, "store loss (%s): what is announced is kept; run `bgpcommander approve %s`",
                   core_loss_text(apply->loss), apply->loss_id);
    report_warn(list, line);
  }
  size_t unnamed = bc_rib_counts(core->rib).unnamed;
  if (unnamed > 0) {
    (void)snprintf(line, sizeof line, "%zu routes of ours stand that no key names, and are kept until %s", unnamed,
                   apply->has_list ? "each subscribed route can be read and none loses its prefix to another"
                                   : "the store has told its keys");
    report_warn(list, line);
  }
  core_guard_warn(core, line, sizeof line);
  report_warn(list, line[0] == '\0' ? NULL : line);
  if (core->neighbors_cut) {
    (void)snprintf(line, sizeof line, "more than %d neighbors: not all of them are followed", BC_LIMIT_NEIGHBORS);
    report_warn(list, line);
  }
  core_address_warn(core, line, sizeof line);
  report_warn(list, line[0] == '\0' ? NULL : line);
  if (core->journal.problem != NULL) {
    (void)snprintf(line, sizeof line, "the journal cannot be written, announcements wait: %s", core->journal.problem);
    report_warn(list, line);
  }
  if (core->lock_problem != NULL) {
    (void)snprintf(line, sizeof line, "%s: a second daemon of this node would not be noticed", core->lock_problem);
    report_warn(list, line);
  }
  if (apply->last_good_problem != NULL) {
    (void)snprintf(line, sizeof line, "last known good configuration: %s", apply->last_good_problem);
    report_warn(list, line);
  }
  if (core->checks.states.problem != NULL) {
    (void)snprintf(line, sizeof line, "states of checks cannot be saved: %s", core->checks.states.problem);
    report_warn(list, line);
  }
  core_lease_warn(core, list);
  core_http_warn(core, list);
  core_record_warn(core, list);
  core_audit_warn(core, list);
  core_advice_list(core, list);
  core_policy_warn(core, list);
  report_warn_of_checks(core, list);
  const char *text;
  for (size_t i = 0; i < 16 && bc_config_node_fault(core->config, i, &text); i++) {
    report_warn(list, text);
  }
  return list;
}

/* Whether some neighbor reports the updates that go out. */
static bool report_sees_wire(const struct bc_core *core) {
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    if (core->neighbors[i].config.reports_updates) {
      return true;
    }
  }
  return false;
}

static const char *report_worker_state(const struct bc_core *core, const struct core_pool *pool) {
  bool is_always = pool->kind == CORE_WORKER_EXEC && (core->settings->shell || core->settings->exec_allow != NULL);
  if (core->options->is_safe_mode || (!is_always && !bc_timer_is_armed(pool->restart_timer) && pool->child == NULL)) {
    return "off";
  }
  return pool->is_running ? "running" : "restarting";
}

static json_t *report_worker(const struct bc_core *core, unsigned worker) {
  const struct core_pool *pool = &core->pools[worker];
  json_t *made = json_object();
  json_object_set_new(made, "pid", json_integer((json_int_t)core_pool_pid(core, worker)));
  json_object_set_new(made, "state", json_string(report_worker_state(core, pool)));
  json_object_set_new(made, "restarts", json_integer(pool->restarts));
  json_object_set_new(made, "running", json_integer(pool->running));
  json_object_set_new(made, "checks", json_integer(pool->known));
  json_object_set_new(made, "confinement", json_string(pool->confinement));
  json_object_set_new(made, "cpu", json_real((double)pool->cpu_permille / 10));
  return made;
}

json_t *core_report_workers(struct bc_core *core) {
  json_t *exec = report_worker(core, CORE_WORKER_EXEC);
  json_object_set_new(exec, "addresses", core_address_report(core));
  json_t *workers = json_object();
  json_object_set_new(workers, "exec", exec);
  json_t *lua = json_array();
  for (unsigned i = CORE_WORKER_LUA; i < core->pool_count; i++) {
    json_array_append_new(lua, report_worker(core, i));
  }
  json_object_set_new(workers, "policy", report_worker(core, CORE_WORKER_POLICY));
  json_object_set_new(workers, "lua", lua);
  json_object_set_new(workers, "quarantined", json_integer((json_int_t)core_lua_count_quarantined(core)));
  return workers;
}

json_t *core_report_status(struct bc_core *core) {
  struct bc_rib_counts rib = bc_rib_counts(core->rib);
  size_t queued = rib.queued + rib.journal_waiting;
  json_t *exabgp = json_object();
  json_object_set_new(exabgp, "version", core->link.version[0] == '\0' ? json_null() : json_string(core->link.version));
  json_object_set_new(exabgp, "state", json_string(core->link.phase == LINK_READY ? "synced" : "starting"));
  json_object_set_new(exabgp, "acks", json_boolean(!core->link.acks_off));
  json_object_set_new(exabgp, "wire", json_boolean(report_sees_wire(core)));
  json_object_set_new(exabgp, "queued", json_integer((json_int_t)queued));
  json_object_set_new(exabgp, "outstanding", json_integer((json_int_t)rib.outstanding_nlri));
  json_object_set_new(exabgp, "settled", json_boolean(core->routes_started && bc_rib_is_settled(core->rib)));
  json_object_set_new(exabgp, "linesWritten", json_integer((json_int_t)rib.lines_written));
  json_object_set_new(exabgp, "acksMissing", json_integer((json_int_t)rib.acks_missing));
  json_object_set_new(exabgp, "linesSkipped", json_integer((json_int_t)bc_exabgp_pipe_skipped(core->link.pipe)));
  json_object_set_new(exabgp, "nudges", json_integer((json_int_t)rib.nudges));
  json_t *made = json_object();
  json_object_set_new(made, "version", json_string(BC_VERSION));
  json_object_set_new(made, "node", json_string(core->settings->node));
  json_object_set_new(made, "mode", json_string(core->options->is_safe_mode ? "safe" : "normal"));
  json_object_set_new(made, "pid", json_integer(getpid()));
  json_object_set_new(made, "starts", json_integer(core->options->start_number));
  json_object_set_new(made, "started", core_report_time(core->started_wall_ms));
  json_object_set_new(made, "stateDirectory", json_string(core->paths.state_dir));
  json_object_set_new(made, "logLinesDropped", json_integer((json_int_t)bc_log_dropped()));
  json_object_set_new(made, "recordsLost", json_integer((json_int_t)core->record.lost));
  json_object_set_new(made, "store", core_report_store(core));
  json_object_set_new(made, "exabgp", exabgp);
  json_object_set_new(made, "workers", core_report_workers(core));
  json_object_set_new(made, "policies", core_report_policies(core));
  json_object_set_new(made, "summary", core_report_summary(core));
  json_object_set_new(made, "warnings", core_report_warnings(core));
  return made;
}
