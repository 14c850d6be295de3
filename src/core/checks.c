/* Checks: which version of each decides, and what the results mean. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

enum { SCORE_MOST = 10001 }; /* 1 + hundredths */

/* ---- versions ---- */

static void check_forget_result(struct core_version *version) {
  free(version->output);
  free(version->reason);
  free(version->data);
  version->output = version->reason = version->data = NULL;
  version->has_result = false;
}

static void check_end_version(struct bc_core *core, struct core_version *version) {
  if (version->script != NULL) {
    core_version_stop(core, version);
    core_version_drop_id(core, version);
    core_script_put(core, version->script);
    version->script = NULL;
  }
  check_forget_result(version);
}

static void check_begin_version(struct bc_core *core, struct core_check *check, struct core_version *version,
                                struct core_script *script) {
  *version = (struct core_version){.check = check, .script = script};
  core_version_take_id(core, version);
}

static void check_drop_candidate(struct bc_core *core, struct core_check *check) {
  if (check->candidate != NULL) {
    check_end_version(core, check->candidate);
    free(check->candidate);
    check->candidate = NULL;
  }
}

/* What a changed script of a named check may not do before it has passed here: withdraw. It may be unknown while routes
 * that stand rest on it. */
static void check_put_on_probation(struct core_check *check) {
  bc_health_script_changed(&check->health, bc_mono_now());
  check->health.on_probation =
      check->health.on_probation || (check->route == NULL && check->health.state != BC_HEALTH_DOWN);
}

static void check_set_quarantined(struct core_version *version) {
  struct bc_buf reason;
  bc_buf_init(&reason, BC_LIMIT_LUA_REASON_BYTES);
  bc_buf_add_format(&reason, "%s: killed three times within ten minutes: not run until the script is changed",
                    version->check->name);
  free(version->reason);
  version->reason = bc_buf_take(&reason);
  version->has_result = true;
  version->last_status = BC_CHECK_QUARANTINED;
  version->last_code = 0;
}

/* Else nobody would learn why it does not take over. */
static void check_set_off(struct core_version *version) {
  free(version->reason);
  version->reason = bc_mem_copy_string("shell is off in the node file");
  version->has_result = true;
  version->last_status = BC_CHECK_NOT_STARTED;
  version->last_code = 0;
}

/* The newest version has passed, or there is no other that ever has. */
static void check_replace_running(struct bc_core *core, struct core_check *check, struct core_script *script) {
  struct core_version *running = &check->running;
  struct core_script *left = running->script;
  if (running->is_set && left->is_lua != script->is_lua) {
    core_version_stop(core, running);
  }
  running->script = script;
  running->has_passed = false;
  core_script_put(core, left);
  check_put_on_probation(check);
}

static void check_choose(struct bc_core *core, struct core_check *check, const struct core_wish *wish) {
  struct core_version *running = &check->running;
  if (running->script == NULL) {
    check_begin_version(core, check, running, core_script_get(core, &wish->script));
  } else if (running->script->hash == wish->script.hash) {
    check_drop_candidate(core, check);
  } else if (running->has_passed && core_script_has_room(core)) {
    if (check->candidate == NULL || check->candidate->script->hash != wish->script.hash) {
      check_drop_candidate(core, check);
      check->candidate = bc_mem_new(1, sizeof *check->candidate);
      check_begin_version(core, check, check->candidate, core_script_get(core, &wish->script));
      core_lastgood_dirty(core);
    }
  } else {
    check_drop_candidate(core, check);
    check_replace_running(core, check, core_script_get(core, &wish->script));
  }
}

static void check_tell(struct bc_core *core, struct core_version *version, const struct core_wish *wish) {
  if (core_version_may_run(core, version)) {
    core_version_tell(core, version, wish, 0);
    return;
  }
  core_version_stop(core, version);
  if (version->script->is_lua && core_lua_is_quarantined(core, version->script->hash)) {
    check_set_quarantined(version);
  } else if (version == version->check->candidate) {
    check_set_off(version);
  }
}

/* When the first of them could become unchecked. */
static void check_arm(struct bc_core *core, const struct core_check *check) {
  struct core_checks *checks = &core->checks;
  struct bc_mono at = bc_health_deadline(&check->health, &check->options);
  bool is_armed = bc_timer_is_armed(checks->health_timer);
  if (bc_mono_is_set(at) && (!is_armed || at.us < checks->health_at.us)) {
    checks->health_at = at;
    bc_timer_start_at(checks->health_timer, at);
  }
}

void core_check_take(struct bc_core *core, struct core_check *check, const struct core_wish *wish) {
  check_choose(core, check, wish);
  const struct bc_options *options = wish->options;
  check->options = (struct bc_health_options){.rise = options->rise,
                                              .fall = options->fall,
                                              .interval_ms = options->interval_ms,
                                              /* Where we run none by our own will, none says anything. */
                                              .unchecked_is_fail = options->unchecked_is_fail &&
                                                                   core_version_may_run(core, &check->running)};
  check_tell(core, &check->running, wish);
  if (check->candidate != NULL) {
    check_tell(core, check->candidate, wish);
  }
  check_arm(core, check);
}

void core_check_init(struct bc_core *core, struct core_check *check, const char *name, enum bc_health_state presumed) {
  check->name = bc_intern_get(core->intern, bc_str_of(name));
  bc_health_start(&check->health, presumed, bc_mono_now());
  core_state_claim(core, check);
}

void core_check_idle(struct bc_core *core, struct core_check *check) {
  check_drop_candidate(core, check);
  check_end_version(core, &check->running);
  core_script_put(core, check->previous);
  check->previous = NULL;
  bc_health_start(&check->health, BC_HEALTH_UNKNOWN, bc_mono_now());
}

void core_check_fini(struct bc_core *core, struct core_check *check) {
  core_check_idle(core, check);
  core_state_drop(core, check);
  free(check->history);
  free(check->results);
  free(check->tally);
  core->checks.series -= bc_metrics_count(check->metrics);
  bc_metrics_free(check->metrics);
  bc_intern_put(core->intern, check->name);
}

/* ---- a route's own ---- */

static void check_remove_own(struct bc_core *core, struct core_route *route) {
  if (route->check != NULL) {
    core_check_fini(core, route->check);
    free(route->check);
    route->check = NULL;
  }
}

void core_check_remove(struct bc_core *core, struct core_route *route) {
  check_remove_own(core, route);
  core_named_use(core, route, NULL);
}

static void check_provide_own(struct bc_core *core, struct core_route *route, enum bc_health_state presumed) {
  if (route->check != NULL) {
    return;
  }
  route->check = bc_mem_new(1, sizeof *route->check);
  route->check->route = route;
  core_check_init(core, route->check, route->name, presumed);
  if (presumed == BC_HEALTH_UP && bc_rib_is_started(core->rib)) {
    /* It was announced without this check: the check has to pass once before it may withdraw. */
    bc_health_script_changed(&route->check->health, bc_mono_now());
  }
}

void core_check_apply(struct bc_core *core, struct core_route *route, const struct bc_config_route *view,
                      enum bc_health_state presumed) {
  struct core_wish wish;
  if (core_wish_of_route(view, &wish)) {
    check_provide_own(core, route, presumed);
    core_check_take(core, route->check, &wish);
  } else {
    check_remove_own(core, route);
  }
  core_named_use(core, route, view);
}

/* ---- results ---- */

static char *check_keep_text(char *old, struct bc_str text, size_t most) {
  free(old);
  return text.len == 0 ? NULL : bc_mem_copy_text(text.at, text.len < most ? text.len : most);
}

/* For JSON: a name in front may have cut it inside a character, and what a broken worker sends may be anything. */
void core_text_mend(char *text) {
  json_t *judged = text == NULL ? NULL : json_string(text);
  for (size_t len = text == NULL ? 0 : strlen(text), cut = 0; judged == NULL && len > 0 && cut < 3; cut++) {
    text[--len] = '\0';
    judged = json_string(text);
  }
  for (char *at = text; at != NULL && *at != '\0'; at++) {
    bool is_fine = (unsigned char)*at >= ' ' && *at != 0x7f && (judged != NULL || (unsigned char)*at < 0x80);
    *at = is_fine ? *at : '?';
  }
  json_decref(judged);
}

static void check_keep_output(struct core_version *version, const struct core_result *result) {
  version->reason = check_keep_text(version->reason, result->reason, BC_LIMIT_LUA_REASON_BYTES);
  core_text_mend(version->reason);
  /* A piece of JSON is none. */
  struct bc_str none = {0};
  version->data = check_keep_text(version->data, result->data.len > BC_LIMIT_LUA_DATA_BYTES ? none : result->data,
                                  BC_LIMIT_LUA_DATA_BYTES);
  free(version->output);
  version->output = NULL;
  if (result->status != BC_CHECK_PASSED && result->output.len > 0) {
    size_t len = result->output.len;
    size_t shown = len < BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES ? len : BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES;
    version->output = bc_mem_copy_text(result->output.at + (len - shown), shown);
  }
}

/* Policies see more than the status. */
static bool check_says_news(const struct core_version *version, const struct core_result *result) {
  struct bc_str reason = bc_str_of(version->reason);
  struct bc_str data = bc_str_of(version->data);
  uint16_t score = result->score > SCORE_MOST ? 0 : (uint16_t)result->score;
  return !version->has_result || version->last_status != (enum bc_check_status)result->status ||
         version->last_code != result->code || version->score != score || !bc_str_equal(reason, result->reason) ||
         !bc_str_equal(data, result->data);
}

/* True when the status is another one than that of the last run. */
static bool check_keep_result(struct core_version *version, const struct core_result *result) {
  version->took_us = result->duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)result->duration_us;
  version->late_us = result->late_us;
  version->ran_ms = bc_wall_now_ms();
  version->score = result->score > SCORE_MOST ? 0 : (uint16_t)result->score;
  enum bc_check_status status = (enum bc_check_status)result->status;
  bool is_new = !version->has_result || version->last_status != status || version->last_code != result->code;
  check_keep_output(version, result);
  version->has_result = true;
  version->last_status = status;
  version->last_code = result->code;
  if (is_new) {
    char key[CORE_CHECK_KEY_BYTES];
    bc_log(BC_LOG_INFO, "%s: %s%s (%u)%s%s", core_check_key(version->check, key),
           version == version->check->candidate ? "new version: " : "", bc_check_status_text(status), result->code,
           version->reason == NULL ? "" : ": ", version->reason == NULL ? "" : version->reason);
  }
  return is_new;
}

/* The newest version has passed: it decides from now on. */
static void check_promote(struct bc_core *core, struct core_check *check) {
  struct core_version *candidate = check->candidate;
  char key[CORE_CHECK_KEY_BYTES];
  core_script_put(core, check->previous);
  check->previous = core_script_has_room(core) ? core_script_ref(check->running.script) : NULL;
  check_end_version(core, &check->running);
  check->running = *candidate;
  core->checks.by_id[candidate->id] = &check->running;
  free(candidate);
  check->candidate = NULL;
  check->health.streak = 0;
  bc_log(BC_LOG_NOTICE, "%s: its new version has passed and decides from now on", core_check_key(check, key));
  core_lastgood_dirty(core);
}

static void check_decide_users(struct bc_core *core, struct core_check *check, bool is_moved) {
  if (check->route != NULL) {
    core_dispatch_again(core, check->route);
  } else if (is_moved) {
    core_named_moved(core, check);
  }
  core_publish_dirty(core);
}

/* It is of the version that decides. */
static bool check_judge(struct bc_core *core, struct core_check *check, enum bc_check_status status) {
  struct bc_health before = check->health;
  check->running.has_passed = check->running.has_passed || status == BC_CHECK_PASSED;
  bool is_moved = bc_health_result(&check->health, &check->options, status, bc_mono_now());
  if (before.on_probation != check->health.on_probation) {
    core_lastgood_dirty(core);
  }
  if (is_moved) {
    core_policy_on_state(check);
  }
  if (is_moved || before.streak != check->health.streak) {
    core_check_send_state(core, check);
  }
  check_arm(core, check);
  return is_moved;
}

static void check_take_metrics(struct bc_core *core, struct core_check *check, struct bc_str json) {
  size_t before = bc_metrics_count(check->metrics);
  bc_metrics_take(&check->metrics, json, BC_LIMIT_CHECKS_SERIES - core->checks.series);
  core->checks.series += bc_metrics_count(check->metrics) - before;
}

static void check_count(struct bc_core *core, const struct core_version *version, const struct core_result *result) {
  struct core_check *check = version->check;
  if (check->tally == NULL) {
    check->tally = bc_mem_new(1, sizeof *check->tally);
  }
  check->tally->runs[result->status]++;
  check->tally->took_us += result->duration_us;
  core_metrics_count_run(core, version->script->is_lua, (enum bc_check_status)result->status, result->duration_us,
                         result->late_us);
}

void core_check_result(struct bc_core *core, struct core_version *version, const struct core_result *result) {
  struct core_check *check = version->check;
  check_count(core, version, result);
  bool is_news = check->history != NULL && check_says_news(version, result);
  enum bc_health_state before = check->health.state;
  bool is_new = check_keep_result(version, result);
  bool is_moved = false;
  if (version == check->candidate && result->status == BC_CHECK_PASSED) {
    check_promote(core, check);
    version = &check->running;
  }
  if (version == &check->running) {
    core_history_add(check, result);
    core_state_take(core, check, result->state);
    check_take_metrics(core, check, result->metrics);
    is_moved = check_judge(core, check, (enum bc_check_status)result->status);
    core_policy_on_run(core, check, is_news && !is_moved);
  }
  if (is_moved || is_new) {
    core_event_check(core, version, bc_health_state_text(before));
    check_decide_users(core, check, is_moved);
  }
}

/* ---- what must not be run any more ---- */

/* The last one that passed takes its place. It has to pass again before it may withdraw: what it judges may have been
 * changed together with it. */
static void check_fall_back(struct bc_core *core, struct core_check *check) {
  struct core_script *previous = check->previous;
  struct core_wish wish;
  if (previous == NULL || !core_check_find_wish(core, check, &wish)) {
    return;
  }
  check->previous = NULL;
  if (check->candidate == NULL) {
    check->candidate = bc_mem_new(1, sizeof *check->candidate);
    *check->candidate = check->running;
    core->checks.by_id[check->running.id] = check->candidate;
  } else {
    check_end_version(core, &check->running);
  }
  check_begin_version(core, check, &check->running, previous);
  check->running.has_passed = true;
  check_put_on_probation(check);
  check_tell(core, &check->running, &wish);
}

static void check_quarantine_one(struct bc_core *core, struct core_version *version) {
  struct core_check *check = version->check;
  core_version_stop(core, version);
  check_set_quarantined(version);
  if (version == &check->running) {
    check_fall_back(core, check);
  }
  check_decide_users(core, check, false);
}

void core_check_quarantine(struct bc_core *core, uint64_t script_hash) {
  for (uint32_t id = 0; id < core->checks.ids_used; id++) {
    struct core_version *version = core->checks.by_id[id];
    if (version != NULL && version->script->is_lua && version->script->hash == script_hash) {
      check_quarantine_one(core, version);
    }
  }
}

/* ---- time ---- */

static void check_tick(struct bc_core *core, struct core_check *check, struct bc_mono now) {
  if (bc_health_tick(&check->health, &check->options, now)) {
    core_policy_on_state(check);
    char key[CORE_CHECK_KEY_BYTES];
    bc_log(BC_LOG_WARNING, "%s: has said nothing that counts for too long: %s", core_check_key(check, key),
           bc_health_state_text(check->health.state));
    check_decide_users(core, check, true);
  }
}

static void check_on_health_timer(void *arg) {
  struct bc_core *core = arg;
  struct core_checks *checks = &core->checks;
  struct bc_mono now = bc_mono_now();
  struct bc_mono next = {0};
  for (uint32_t id = 0; id < checks->ids_used; id++) {
    struct core_version *version = checks->by_id[id];
    if (version != NULL && version == &version->check->running) {
      check_tick(core, version->check, now);
      next = bc_mono_earlier(next, bc_health_deadline(&version->check->health, &version->check->options));
    }
  }
  /* Deadlines move with every result: looking once a second is enough for limits of 30 s and more. */
  struct bc_mono soonest = bc_mono_add_ms(now, 1000);
  if (bc_mono_is_set(next)) {
    checks->health_at = bc_mono_reached(next, soonest) ? soonest : next;
    bc_timer_start_at(checks->health_timer, checks->health_at);
  }
  core_link_pump(core);
}

void core_check_open(struct bc_core *core) {
  core->checks.health_timer = bc_timer_new(core->loop, check_on_health_timer, core);
  core->checks.send_timer = bc_timer_new(core->loop, core_check_on_send_timer, core);
  core->checks.send_next = UINT32_MAX;
  core_named_open(core);
  core_state_open(core);
}

void core_check_close(struct bc_core *core) {
  core_named_close(core);
  core_state_close(core);
  core_supply_close(core);
  bc_timer_free(core->checks.health_timer);
  bc_timer_free(core->checks.send_timer);
  free(core->checks.by_id);
  free(core->checks.free_ids);
}
