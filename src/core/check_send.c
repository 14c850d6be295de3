/* What the workers are told of checks, and when: as much at once as their channels take. */
#include "base/mem.h"
#include "core/private.h"
#include "model/options_globals.h"

#include <stdlib.h>
#include <string.h>

enum { SEND_SPREAD_MS = 1000, SEND_SPREAD_FROM = 50, SEND_AGAIN_MS = 20 };

static uint64_t send_hash(uint64_t hash, const void *bytes, size_t len) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < len; i++) {
    hash = (hash ^ at[i]) * 0x100000001b3U;
  }
  return hash;
}

/* ---- numbers ---- */

void core_version_take_id(struct bc_core *core, struct core_version *version) {
  struct core_checks *checks = &core->checks;
  version->id = checks->free_count > 0 ? checks->free_ids[--checks->free_count] : checks->ids_used++;
  if (version->id >= checks->by_id_size) {
    uint32_t size = checks->by_id_size == 0 ? 64 : checks->by_id_size * 2;
    checks->by_id = bc_mem_resize(checks->by_id, size, sizeof checks->by_id[0]);
    checks->free_ids = bc_mem_resize(checks->free_ids, size, sizeof checks->free_ids[0]);
    memset(checks->by_id + checks->by_id_size, 0, (size - checks->by_id_size) * sizeof checks->by_id[0]);
    checks->by_id_size = size;
  }
  checks->by_id[version->id] = version;
}

void core_version_drop_id(struct bc_core *core, struct core_version *version) {
  core->checks.by_id[version->id] = NULL;
  core->checks.free_ids[core->checks.free_count++] = version->id;
}

struct core_version *core_check_version(const struct bc_core *core, uint32_t id, uint32_t generation) {
  struct core_version *version = id < core->checks.by_id_size ? core->checks.by_id[id] : NULL;
  return version != NULL && version->generation == generation ? version : NULL;
}

/* ---- what it finds ---- */

static void send_add_variable(struct bc_buf *to, const char *name, const char *value) {
  bc_buf_add_format(to, "%s=%s", name, value);
  bc_buf_add_char(to, '\0');
}

/* Of a shell check. */
static void send_environment(struct bc_core *core, const struct core_check *check, const struct core_wish *wish,
                             struct bc_buf *to) {
  if (check->route != NULL) {
    send_add_variable(to, "ROUTE", check->name);
    bc_buf_add_text(to, "PREFIX=");
    if (wish->route != NULL) {
      bc_nlri_print_prefix(&wish->route->nlri, to);
    }
    bc_buf_add_char(to, '\0');
  }
  send_add_variable(to, "NODE", core->settings->node);
  if (wish->options->environment != NULL) {
    bc_buf_add(to, wish->options->environment, wish->options->environment_len);
  }
}

static void send_add_global(struct bc_buf *to, const char *name, json_t *made) {
  bc_buf_add_format(to, "%s=", name);
  core_report_print(made, to);
  bc_buf_add_char(to, '\0');
  json_decref(made);
}

void core_check_print_globals(struct bc_core *core, const char *name, const struct core_wish *wish, struct bc_buf *to) {
  if (wish->route != NULL) {
    struct bc_buf prefix;
    bc_buf_init(&prefix, BC_LIMIT_COMMAND_BYTES);
    bc_nlri_print_prefix(&wish->route->nlri, &prefix);
    send_add_global(to, "route", json_pack("{s:s, s:s}", "name", name, "prefix", prefix.data));
    bc_buf_free(&prefix);
  }
  send_add_global(to, "check", json_pack("{s:s}", "name", name));
  send_add_global(to, "node", json_pack("{s:s}", "name", core->settings->node));
  send_add_global(to, "options", bc_options_make_globals(wish->options, wish->script.parameters));
}

/* ---- messages ---- */

unsigned core_version_worker(const struct bc_core *core, const struct core_version *version) {
  return version->script->is_lua ? core_pool_home(core, version->check->name) : CORE_WORKER_EXEC;
}

bool core_version_may_run(const struct bc_core *core, const struct core_version *version) {
  const struct core_script *script = version->script;
  bool may_run = script->is_lua ? !core_lua_is_quarantined(core, script->hash) : core->settings->shell;
  return may_run && !core->options->is_safe_mode;
}

static unsigned send_least(unsigned value_ms) {
  return value_ms < BC_OPTIONS_SHELL_INTERVAL_MS ? BC_OPTIONS_SHELL_INTERVAL_MS : value_ms;
}

static void send_lua(struct bc_core *core, struct core_version *version, const struct bc_options *options,
                     struct bc_str globals, uint32_t first_delay_ms) {
  struct bc_buf modules;
  bc_buf_init(&modules, (size_t)BC_LIMIT_LUA_MODULES * (BC_LIMIT_NAME_BYTES + 16));
  unsigned worker = core_version_worker(core, version);
  core_supply_modules(core, worker, version->script, &modules);
  struct bc_msg message = {.type = BC_MSG_LUA_SET,
                           .lua_set = {.id = version->id,
                                       .generation = version->generation,
                                       .name = bc_str_of(version->check->name),
                                       .script = {.at = version->script->text, .len = version->script->len},
                                       .globals = globals,
                                       .interval_ms = options->interval_ms,
                                       .fast_interval_ms = options->fast_interval_ms,
                                       .timeout_ms = bc_options_lua_timeout_ms(options),
                                       .first_delay_ms = first_delay_ms,
                                       .jitter_percent = options->jitter_percent,
                                       .threshold = options->threshold,
                                       .state = bc_str_of(version->check->kept == NULL ? "" : version->check->kept),
                                       .modules = bc_buf_str(&modules)}};
  version->is_set = core_pool_send(core, worker, &message);
  bc_buf_free(&modules);
}

static void send_shell(struct bc_core *core, struct core_version *version, const struct bc_options *options,
                       struct bc_str environment, uint32_t first_delay_ms) {
  struct bc_msg message = {.type = BC_MSG_CHECK_SET,
                           .check_set = {.id = version->id,
                                         .generation = version->generation,
                                         .name = bc_str_of(version->check->name),
                                         .script = {.at = version->script->text, .len = version->script->len},
                                         .environment = environment,
                                         .interval_ms = send_least(options->interval_ms),
                                         .fast_interval_ms = send_least(options->fast_interval_ms),
                                         .timeout_ms = options->timeout_ms,
                                         .first_delay_ms = first_delay_ms,
                                         .jitter_percent = options->jitter_percent}};
  version->is_set = core_pool_send(core, CORE_WORKER_EXEC, &message);
}

static void send_state(struct bc_core *core, const struct core_version *version) {
  const struct bc_health *health = &version->check->health;
  bool is_fast = version == version->check->candidate || bc_health_is_unsettled(health);
  struct bc_msg message = {.type = BC_MSG_CHECK_STATE,
                           .check_state = {.id = version->id,
                                           .state = bc_str_of(bc_health_state_text(health->state)),
                                           .attempt = health->streak,
                                           .is_fast = is_fast ? 1 : 0}};
  if (version->is_set) {
    (void)core_pool_send(core, core_version_worker(core, version), &message);
  }
}

void core_check_send_state(struct bc_core *core, const struct core_check *check) {
  send_state(core, &check->running);
  if (check->candidate != NULL) {
    send_state(core, check->candidate);
  }
}

void core_check_send_soon(struct bc_core *core) {
  if (!bc_timer_is_armed(core->checks.send_timer)) {
    bc_timer_start(core->checks.send_timer, SEND_AGAIN_MS);
  }
}

static void send_later(struct bc_core *core, uint32_t id) {
  struct core_checks *checks = &core->checks;
  core_check_send_soon(core);
  checks->send_next = id < checks->send_next ? id : checks->send_next;
}

static uint64_t send_settings_hash(const struct core_version *version, const struct bc_options *options,
                                   struct bc_str found) {
  const unsigned numbers[] = {options->interval_ms,    options->fast_interval_ms, options->timeout_ms,
                              options->jitter_percent, options->has_timeout,      options->threshold};
  uint64_t hash = send_hash(0xcbf29ce484222325U, numbers, sizeof numbers);
  hash = send_hash(hash, &version->script->hash, sizeof version->script->hash);
  return send_hash(hash, found.at, found.len);
}

static bool send_has_room(struct bc_core *core, unsigned worker) {
  return core_pool_has_room(core, worker) && (worker < CORE_WORKER_LUA || core_supply_data(core, worker));
}

void core_version_tell(struct bc_core *core, struct core_version *version, const struct core_wish *wish,
                       uint32_t first_delay_ms) {
  unsigned worker = core_version_worker(core, version);
  bool is_lua = version->script->is_lua;
  struct bc_buf found;
  /* In JSON a byte may become six. */
  bc_buf_init(&found, BC_LIMIT_OPTIONS_BYTES * 14);
  if (is_lua) {
    struct core_wish own = *wish;
    own.script.parameters = version->script->parameters;
    core_check_print_globals(core, version->check->name, &own, &found);
  } else {
    send_environment(core, version->check, wish, &found);
  }
  uint64_t hash = send_settings_hash(version, wish->options, bc_buf_str(&found));
  if (!version->is_set || version->settings_hash != hash) {
    version->settings_hash = hash;
    version->generation = ++core->checks.generation;
    version->is_set = false;
    if (is_lua) {
      core_pool_need(core, worker);
    }
    if (send_has_room(core, worker)) {
      (is_lua ? send_lua : send_shell)(core, version, wish->options, bc_buf_str(&found), first_delay_ms);
      send_state(core, version);
    } else if (core->pools[worker].is_running) {
      /* A worker that does not run is told all when it does. */
      send_later(core, version->id);
    }
  }
  bc_buf_free(&found);
}

void core_version_stop(struct bc_core *core, struct core_version *version) {
  struct bc_msg message = {.type = BC_MSG_CHECK_REMOVE, .check_remove = {.id = version->id}};
  if (version->is_set) {
    (void)core_pool_send(core, core_version_worker(core, version), &message);
  }
  version->is_set = false;
  version->generation = ++core->checks.generation;
}

/* ---- later ---- */

/* Spread, so that they do not start in one burst; as many at once as the channel takes. */
void core_check_on_send_timer(void *arg) {
  struct bc_core *core = arg;
  struct core_checks *checks = &core->checks;
  for (unsigned worker = CORE_WORKER_POLICY; worker < core->pool_count; worker++) {
    if (!core_supply_data(core, worker)) {
      core_check_send_soon(core);
    }
  }
  uint32_t id = checks->send_next;
  checks->send_next = UINT32_MAX;
  for (; id < checks->ids_used && checks->send_next == UINT32_MAX; id++) {
    struct core_version *version = checks->by_id[id];
    struct core_wish wish;
    if (version == NULL || version->is_set || !core_version_may_run(core, version) ||
        !core_check_find_wish(core, version->check, &wish)) {
      continue;
    }
    core_version_tell(core, version, &wish, id < SEND_SPREAD_FROM ? 0 : id % SEND_SPREAD_MS);
  }
}

void core_check_send_all(struct bc_core *core, unsigned worker) {
  struct core_checks *checks = &core->checks;
  for (uint32_t id = 0; id < checks->ids_used; id++) {
    if (checks->by_id[id] != NULL && core_version_worker(core, checks->by_id[id]) == worker) {
      checks->by_id[id]->is_set = false;
    }
  }
  if (worker >= CORE_WORKER_LUA) {
    core_supply_restart(core, worker);
  }
  checks->send_next = 0;
  core_check_on_send_timer(core);
}
