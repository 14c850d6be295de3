/* Checks: what the worker is told, what its results mean. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

enum {
  CHECK_FIRST_DELAY_MS = 0,
  CHECK_SPREAD_MS = 1000,
  CHECK_SPREAD_FROM = 50,
  CHECK_SEND_AGAIN_MS = 20,
  CHECK_THRESHOLD = 50
};

static uint64_t check_hash(uint64_t hash, const void *bytes, size_t len) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < len; i++) {
    hash = (hash ^ at[i]) * 0x100000001b3U;
  }
  return hash;
}

/* ---- numbers ---- */

static uint32_t check_take_id(struct bc_core *core, struct core_route *route) {
  uint32_t id;
  if (core->free_check_ids > 0) {
    id = core->free_ids[--core->free_check_ids];
  } else {
    id = core->checks_used++;
  }
  if (id >= core->by_check_size) {
    uint32_t size = core->by_check_size == 0 ? 64 : core->by_check_size * 2;
    core->by_check = bc_mem_resize(core->by_check, size, sizeof(struct core_route *));
    core->free_ids = bc_mem_resize(core->free_ids, size, sizeof(uint32_t));
    memset(core->by_check + core->by_check_size, 0, (size - core->by_check_size) * sizeof(struct core_route *));
    core->by_check_size = size;
  }
  core->by_check[id] = route;
  return id;
}

/* ---- to the worker ---- */

static void check_environment(struct bc_core *core, const struct bc_config_route *view, struct bc_buf *to) {
  bc_buf_add_format(to, "ROUTE=%s", view->name);
  bc_buf_add_char(to, '\0');
  bc_buf_add_text(to, "PREFIX=");
  if (view->route != NULL) {
    bc_nlri_print_prefix(&view->route->nlri, to);
  }
  bc_buf_add_char(to, '\0');
  bc_buf_add_format(to, "NODE=%s", core->settings->node);
  bc_buf_add_char(to, '\0');
  if (view->options != NULL && view->options->environment != NULL) {
    bc_buf_add(to, view->options->environment, view->options->environment_len);
  }
}

static void check_add_global(struct bc_buf *to, const char *name, json_t *made) {
  bc_buf_add_format(to, "%s=", name);
  core_report_print(made, to);
  bc_buf_add_char(to, '\0');
  json_decref(made);
}

/* What a Lua check finds as globals. */
static void check_globals(struct bc_core *core, const struct bc_config_route *view, struct bc_buf *to) {
  struct bc_buf prefix;
  bc_buf_init(&prefix, BC_LIMIT_COMMAND_BYTES);
  if (view->route != NULL) {
    bc_nlri_print_prefix(&view->route->nlri, &prefix);
  }
  check_add_global(to, "route", json_pack("{s:s, s:s}", "name", view->name, "prefix", prefix.data));
  check_add_global(to, "node", json_pack("{s:s}", "name", core->settings->node));
  bc_buf_free(&prefix);
  json_t *variables = json_object();
  struct bc_str rest = {view->options->environment, view->options->environment_len};
  struct bc_str value;
  struct bc_str name;
  while (rest.len > 0 && bc_str_next_field(&rest, '\0', &value) && bc_str_next_field(&value, '=', &name)) {
    char *text = bc_mem_copy_text(name.at, name.len);
    /* What is not UTF-8 cannot be here: the options are JSON. */
    (void)json_object_set_new(variables, text, json_stringn(value.at == NULL ? "" : value.at, value.len));
    free(text);
  }
  check_add_global(to, "options", json_pack("{s:o}", "env", variables));
}

static enum core_worker check_worker(const struct core_check *check) {
  return check->is_lua ? CORE_WORKER_LUA : CORE_WORKER_EXEC;
}

static uint64_t check_settings_hash(const struct bc_config_route *view, struct bc_str environment) {
  const struct bc_options *options = view->options;
  const unsigned numbers[] = {options->interval_ms, options->fast_interval_ms, options->timeout_ms,
                              options->jitter_percent, options->has_timeout};
  uint64_t hash = check_hash(0xcbf29ce484222325U, numbers, sizeof numbers);
  hash = check_hash(hash, &view->script.hash, sizeof view->script.hash);
  return check_hash(hash, environment.at, environment.len);
}

static unsigned check_least(unsigned value_ms) {
  return value_ms < BC_OPTIONS_SHELL_INTERVAL_MS ? BC_OPTIONS_SHELL_INTERVAL_MS : value_ms;
}

static void check_send_lua(struct bc_core *core, struct core_route *route, const struct bc_config_route *view,
                           struct bc_str globals, uint32_t first_delay_ms) {
  struct core_check *check = route->check;
  const struct bc_options *options = view->options;
  struct bc_msg message = {
      .type = BC_MSG_LUA_SET,
      .lua_set = {.id = check->id,
                  .generation = check->generation,
                  .name = bc_str_of(route->name),
                  .script = {.at = view->script.text, .len = view->script.len},
                  .globals = globals,
                  .interval_ms = options->interval_ms,
                  .fast_interval_ms = options->fast_interval_ms,
                  .timeout_ms = options->has_timeout ? options->timeout_ms : BC_OPTIONS_LUA_TIMEOUT_MS,
                  .first_delay_ms = first_delay_ms,
                  .jitter_percent = options->jitter_percent,
                  .threshold = CHECK_THRESHOLD}};
  check->is_set = core_pool_send(core, CORE_WORKER_LUA, &message);
}

static void check_send(struct bc_core *core, struct core_route *route, const struct bc_config_route *view,
                       struct bc_str environment, uint32_t first_delay_ms) {
  struct core_check *check = route->check;
  const struct bc_options *options = view->options;
  struct bc_msg message = {.type = BC_MSG_CHECK_SET,
                           .check_set = {.id = check->id,
                                         .generation = check->generation,
                                         .name = bc_str_of(route->name),
                                         .script = {.at = view->script.text, .len = view->script.len},
                                         .environment = environment,
                                         .interval_ms = check_least(options->interval_ms),
                                         .fast_interval_ms = check_least(options->fast_interval_ms),
                                         .timeout_ms = options->timeout_ms,
                                         .first_delay_ms = first_delay_ms,
                                         .jitter_percent = options->jitter_percent}};
  check->is_set = core_pool_send(core, CORE_WORKER_EXEC, &message);
}

static void check_send_state(struct bc_core *core, const struct core_check *check) {
  struct bc_msg message = {.type = BC_MSG_CHECK_STATE,
                           .check_state = {.id = check->id,
                                           .state = bc_str_of(bc_health_state_text(check->health.state)),
                                           .attempt = check->health.streak,
                                           .is_fast = bc_health_is_unsettled(&check->health) ? 1 : 0}};
  (void)core_pool_send(core, check_worker(check), &message);
}

static void check_send_later(struct bc_core *core, uint32_t id) {
  if (!bc_timer_is_armed(core->send_timer)) {
    bc_timer_start(core->send_timer, CHECK_SEND_AGAIN_MS);
  }
  core->send_next = id < core->send_next ? id : core->send_next;
}

static void check_set(struct bc_core *core, struct core_route *route, const struct bc_config_route *view,
                      uint32_t first_delay_ms) {
  struct core_check *check = route->check;
  enum core_worker worker = check_worker(check);
  struct bc_buf environment;
  /* In JSON a byte may become six. */
  bc_buf_init(&environment, BC_LIMIT_OPTIONS_BYTES * 7);
  if (check->is_lua) {
    check_globals(core, view, &environment);
  } else {
    check_environment(core, view, &environment);
  }
  uint64_t hash = check_settings_hash(view, bc_buf_str(&environment));
  if (!check->is_set || check->settings_hash != hash) {
    check->settings_hash = hash;
    check->generation = ++core->check_generation;
    check->is_set = false;
    if (check->is_lua) {
      core_pool_need(core, worker);
    }
    if (core_pool_has_room(core, worker) && check->is_lua) {
      check_send_lua(core, route, view, bc_buf_str(&environment), first_delay_ms);
      check_send_state(core, check);
    } else if (core_pool_has_room(core, worker)) {
      check_send(core, route, view, bc_buf_str(&environment), first_delay_ms);
      check_send_state(core, check);
    } else if (core->pools[worker].is_running) {
      /* A worker that does not run is told all when it does. */
      check_send_later(core, check->id);
    }
  }
  bc_buf_free(&environment);
}

static void check_stop(struct bc_core *core, struct core_check *check) {
  struct bc_msg message = {.type = BC_MSG_CHECK_REMOVE, .check_remove = {.id = check->id}};
  (void)core_pool_send(core, check_worker(check), &message);
  check->is_set = false;
}

void core_check_remove(struct bc_core *core, struct core_route *route) {
  struct core_check *check = route->check;
  if (check == NULL) {
    return;
  }
  check_stop(core, check);
  core->by_check[check->id] = NULL;
  core->free_ids[core->free_check_ids++] = check->id;
  free(check->output);
  free(check->reason);
  free(check->data);
  free(check);
  route->check = NULL;
}

/* When the first of them could become unchecked. */
static void check_arm(struct bc_core *core, const struct core_check *check) {
  struct bc_mono at = bc_health_deadline(&check->health, &check->options);
  bool is_armed = bc_timer_is_armed(core->health_timer);
  if (bc_mono_is_set(at) && (!is_armed || at.us < core->health_at.us)) {
    core->health_at = at;
    bc_timer_start_at(core->health_timer, at);
  }
}

static bool check_view_is_lua(const struct bc_config_route *view) {
  return view->script.is_lua;
}

/* We run it not, by our own will. */
static bool check_is_frozen(const struct bc_core *core, const struct bc_config_route *view) {
  bool may_run = check_view_is_lua(view) ? !core_lua_is_quarantined(core, view->script.hash) : core->settings->shell;
  return core->options->is_safe_mode || !may_run;
}

static bool check_is_needed(const struct bc_core *core, const struct bc_config_route *view) {
  return view->is_subscribed && view->has_version && view->script.text != NULL && !view->options->check_is_none &&
         !check_is_frozen(core, view);
}

static void check_set_quarantined(struct core_check *check, const char *name) {
  struct bc_buf reason;
  bc_buf_init(&reason, BC_LIMIT_LUA_REASON_BYTES);
  bc_buf_add_format(&reason, "%s: killed three times within ten minutes: not run until the script is changed", name);
  free(check->reason);
  check->reason = bc_buf_take(&reason);
  check->has_result = true;
  check->last_status = BC_CHECK_QUARANTINED;
  check->last_code = 0;
}

void core_check_quarantine(struct bc_core *core, uint64_t script_hash) {
  for (uint32_t id = 0; id < core->checks_used; id++) {
    struct core_route *route = core->by_check[id];
    if (route == NULL || !route->check->is_lua || route->check->script_hash != script_hash) {
      continue;
    }
    check_stop(core, route->check);
    route->check->generation = ++core->check_generation;
    check_set_quarantined(route->check, route->name);
    core_dispatch_again(core, route);
  }
}

void core_check_apply(struct bc_core *core, struct core_route *route, const struct bc_config_route *view,
                      enum bc_health_state presumed) {
  if (!check_is_needed(core, view)) {
    bool is_frozen =
        view->script.text != NULL && view->is_subscribed && view->has_version && check_is_frozen(core, view);
    if (!is_frozen) {
      core_check_remove(core, route);
      return;
    }
  }
  struct bc_mono now = bc_loop_now(core->loop);
  if (route->check == NULL) {
    route->check = bc_mem_new(1, sizeof *route->check);
    route->check->id = check_take_id(core, route);
    route->check->script_hash = view->script.hash;
    bc_health_start(&route->check->health, presumed, now);
    if (presumed == BC_HEALTH_UP && bc_rib_is_started(core->rib)) {
      /* It was announced without this check: the check has to pass once before it may withdraw. */
      bc_health_script_changed(&route->check->health, now);
    }
  } else if (route->check->script_hash != view->script.hash) {
    route->check->script_hash = view->script.hash;
    bc_health_script_changed(&route->check->health, now);
  }
  bool is_lua = check_view_is_lua(view);
  if (route->check->is_lua != is_lua) {
    if (route->check->is_set) {
      check_stop(core, route->check);
    }
    route->check->is_lua = is_lua;
  }
  const struct bc_options *options = view->options;
  route->check->options =
      (struct bc_health_options){.rise = options->rise,
                                 .fall = options->fall,
                                 .interval_ms = options->interval_ms,
                                 /* Where we run none by our own will, none says anything. */
                                 .unchecked_is_fail = options->unchecked_is_fail && check_is_needed(core, view)};
  if (check_is_needed(core, view)) {
    check_set(core, route, view, CHECK_FIRST_DELAY_MS);
  } else if (is_lua && core_lua_is_quarantined(core, view->script.hash)) {
    if (route->check->is_set) {
      check_stop(core, route->check);
    }
    check_set_quarantined(route->check, route->name);
  }
  check_arm(core, route->check);
}

/* Spread, so that they do not start in one burst; as many at once as the channel takes. */
static void check_on_send_timer(void *arg) {
  struct bc_core *core = arg;
  uint32_t id = core->send_next;
  core->send_next = UINT32_MAX;
  for (; id < core->checks_used && core->send_next == UINT32_MAX; id++) {
    struct core_route *route = core->by_check[id];
    struct bc_config_route view;
    if (route == NULL || route->check->is_set || !bc_config_find(core->config, route->name, &view) ||
        !check_is_needed(core, &view)) {
      continue;
    }
    check_set(core, route, &view, id < CHECK_SPREAD_FROM ? CHECK_FIRST_DELAY_MS : id % CHECK_SPREAD_MS);
  }
}

/* After a worker's restart all checks are set anew. */
void core_check_send_all(struct bc_core *core, enum core_worker kind) {
  for (uint32_t id = 0; id < core->checks_used; id++) {
    if (core->by_check[id] != NULL && check_worker(core->by_check[id]->check) == kind) {
      core->by_check[id]->check->is_set = false;
    }
  }
  core->send_next = 0;
  check_on_send_timer(core);
}

/* ---- from the worker ---- */

static char *check_keep_text(char *old, struct bc_str text, size_t most) {
  free(old);
  return text.len == 0 ? NULL : bc_mem_copy_text(text.at, text.len < most ? text.len : most);
}

/* For JSON: a name in front may have cut it inside a character, and what a broken worker sends may be anything. */
static void check_mend_text(char *text) {
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

static void check_keep_output(struct core_check *check, const struct core_result *result) {
  check->reason = check_keep_text(check->reason, result->reason, BC_LIMIT_LUA_REASON_BYTES);
  check_mend_text(check->reason);
  /* A piece of JSON is none. */
  struct bc_str none = {0};
  check->data = check_keep_text(check->data, result->data.len > BC_LIMIT_LUA_DATA_BYTES ? none : result->data,
                                BC_LIMIT_LUA_DATA_BYTES);
  free(check->output);
  check->output = NULL;
  if (result->status != BC_CHECK_PASSED && result->output.len > 0) {
    size_t len = result->output.len;
    size_t shown = len < BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES ? len : BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES;
    check->output = bc_mem_copy_text(result->output.at + (len - shown), shown);
  }
}

bool core_check_is_troubled(const struct core_check *check) {
  return check->is_lua && check->has_result && bc_check_status_meaning(check->last_status) == BC_CHECK_NEUTRAL;
}

void core_check_describe_trouble(const struct core_check *check, struct bc_buf *to) {
  if (core_check_is_troubled(check)) {
    bc_buf_add_format(to, "health check: %s", bc_check_status_text(check->last_status));
    bc_buf_add_text(to, check->reason == NULL ? "" : ": ");
    bc_buf_add_text(to, check->reason == NULL ? "" : check->reason);
  }
}

bool core_check_result(struct bc_core *core, struct core_route *route, const struct core_result *result) {
  struct core_check *check = route->check;
  enum bc_check_status status = (enum bc_check_status)result->status;
  bool is_new = !check->has_result || check->last_status != status || check->last_code != result->code;
  struct bc_health before = check->health;
  check_keep_output(check, result);
  check->has_result = true;
  check->last_status = status;
  check->last_code = result->code;
  bool changed = bc_health_result(&check->health, &check->options, status, bc_loop_now(core->loop));
  if (is_new) {
    bc_log(BC_LOG_INFO, "route %s: check %s (%u)%s%s", route->name, bc_check_status_text(status), result->code,
           check->reason == NULL ? "" : ": ", check->reason == NULL ? "" : check->reason);
  }
  if (before.on_probation != check->health.on_probation) {
    core_lastgood_dirty(core);
  }
  if (changed || before.streak != check->health.streak) {
    check_send_state(core, check);
  }
  check_arm(core, check);
  return changed || is_new;
}

static void check_on_health_timer(void *arg) {
  struct bc_core *core = arg;
  struct bc_mono now = bc_loop_now(core->loop);
  struct bc_mono next = {0};
  for (uint32_t id = 0; id < core->by_check_size; id++) {
    struct core_route *route = core->by_check[id];
    if (route == NULL) {
      continue;
    }
    if (bc_health_tick(&route->check->health, &route->check->options, now)) {
      bc_log(BC_LOG_WARNING, "route %s: its check has said nothing that counts for too long: %s", route->name,
             bc_health_state_text(route->check->health.state));
      core_dispatch_again(core, route);
    }
    next = bc_mono_earlier(next, bc_health_deadline(&route->check->health, &route->check->options));
  }
  /* Deadlines move with every result: looking once a second is enough for limits of 30 s and more. */
  struct bc_mono soonest = bc_mono_add_ms(now, 1000);
  if (bc_mono_is_set(next)) {
    core->health_at = bc_mono_reached(next, soonest) ? soonest : next;
    bc_timer_start_at(core->health_timer, core->health_at);
  }
  core_link_pump(core);
}

void core_check_open(struct bc_core *core) {
  core->health_timer = bc_timer_new(core->loop, check_on_health_timer, core);
  core->send_timer = bc_timer_new(core->loop, check_on_send_timer, core);
  core->send_next = UINT32_MAX;
}
