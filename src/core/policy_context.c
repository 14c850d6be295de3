/* What a policy is told: JSON, made anew for each question. */
#include "base/mem.h"
#include "core/private.h"
#include "model/policy_verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

/* Plain texts, which nearly all are, need no library. */
static bool context_is_plain(const char *text) {
  for (; *text != '\0'; text++) {
    if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\') {
      return false;
    }
  }
  return true;
}

static void context_add_text(struct bc_buf *to, const char *text) {
  if (text == NULL) {
    bc_buf_add_text(to, "null");
  } else if (context_is_plain(text)) {
    bc_buf_add_char(to, '"');
    bc_buf_add_text(to, text);
    bc_buf_add_char(to, '"');
  } else {
    json_t *made = json_string(text);
    /* Cut inside of a character. */
    made = made == NULL ? core_report_bytes(text, BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES) : made;
    char *printed = json_dumps(made, JSON_ENCODE_ANY);
    bc_buf_add_text(to, printed == NULL ? "null" : printed);
    free(printed);
    json_decref(made);
  }
}

static void context_add_name(struct bc_buf *to, const char *name) {
  bc_buf_add(to, ",\"", 2);
  bc_buf_add_text(to, name);
  bc_buf_add(to, "\":", 2);
}

static void context_add_member(struct bc_buf *to, const char *name, const char *text) {
  context_add_name(to, name);
  context_add_text(to, text);
}

/* Seconds; null = not known. */
static void context_add_time(struct bc_buf *to, const char *name, int64_t wall_ms) {
  context_add_name(to, name);
  if (wall_ms == 0) {
    bc_buf_add_text(to, "null");
  } else {
    bc_buf_add_format(to, "%" PRId64 ".%03d", wall_ms / 1000, (int)(wall_ms % 1000));
  }
}

static void context_add_bool(struct bc_buf *to, const char *name, bool value) {
  context_add_name(to, name);
  bc_buf_add_text(to, value ? "true" : "false");
}

static void context_add_score(struct bc_buf *to, uint16_t score) {
  if (score == 0) {
    bc_buf_add_text(to, ",\"score\":null");
  } else {
    bc_buf_add_format(to, ",\"score\":%u.%02u", (score - 1U) / 100U, (score - 1U) % 100U);
  }
}

/* ---- the route ---- */

void core_policy_add_route(struct bc_core *core, const struct bc_route *route, const char *name, struct bc_buf *to) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_buf_add_text(to, "\"route\":{\"name\":");
  context_add_text(to, name);
  bc_nlri_print(bc_route_nlri(route, 0), &text);
  context_add_member(to, "prefix", text.data);
  bc_buf_add_text(to, ",\"prefixes\":[");
  for (size_t i = 0; i < bc_route_nlri_count(route); i++) {
    bc_buf_clear(&text);
    bc_nlri_print(bc_route_nlri(route, i), &text);
    bc_buf_add_text(to, i == 0 ? "" : ",");
    context_add_text(to, text.data);
  }
  bc_buf_add_char(to, ']');
  context_add_member(to, "family", bc_family_text((enum bc_family)route->nlri.family));
  bc_buf_clear(&text);
  bc_route_print(route, BC_VERB_NONE, &text);
  context_add_member(to, "text", text.data);
  bc_buf_add_text(to, ",\"attributes\":");
  core_policy_add_attributes(core, route, to);
  bc_buf_add_char(to, '}');
  bc_buf_free(&text);
}

/* ---- its checks ---- */

static void context_add_past(const struct core_check *check, struct bc_buf *to) {
  const struct core_past_run *run;
  const struct core_past_state *state;
  bc_buf_add_text(to, ",\"results\":[");
  for (unsigned i = 0; (run = core_history_run(check, i)) != NULL; i++) {
    bc_buf_add_text(to, i == 0 ? "{\"status\":" : ",{\"status\":");
    context_add_text(to, bc_check_status_text((enum bc_check_status)run->status));
    context_add_time(to, "at", run->at_ms);
    context_add_score(to, run->score);
    bc_buf_add_format(to, ",\"took\":%u.%06u}", run->took_us / 1000000U, run->took_us % 1000000U);
  }
  bc_buf_add_text(to, "],\"changes\":[");
  for (unsigned i = 0; (state = core_history_state(check, i)) != NULL; i++) {
    bc_buf_add_text(to, i == 0 ? "{\"state\":" : ",{\"state\":");
    context_add_text(to, bc_health_state_text((enum bc_health_state)state->state));
    context_add_time(to, "at", state->at_ms);
    bc_buf_add_char(to, '}');
  }
  bc_buf_add_char(to, ']');
}

static void context_print_check(const struct core_check *check, struct bc_buf *to) {
  const struct core_version *version = &check->running;
  const struct core_past_state *state = core_history_state(check, 0);
  bc_buf_add_text(to, "{\"state\":");
  context_add_text(to, bc_health_state_text(check->health.state));
  context_add_member(to, "status", version->has_result ? bc_check_status_text(version->last_status) : NULL);
  context_add_score(to, version->score);
  json_t *reason = core_report_reason(version);
  context_add_member(to, "reason", json_string_value(reason));
  json_decref(reason);
  context_add_time(to, "since", state == NULL ? 0 : state->at_ms);
  context_add_bool(to, "own", check->route != NULL);
  bc_buf_add_text(to, ",\"data\":");
  json_t *data = core_report_data(check);
  char *printed = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
  bc_buf_add_text(to, printed == NULL ? "null" : printed);
  free(printed);
  json_decref(data);
  context_add_past(check, to);
  bc_buf_add_char(to, '}');
}

/* All that a policy sees of a check changes with one of these: a text of the script's comes with a run, or with another
 * status. */
static struct core_shown_check context_look_at(const struct core_check *check) {
  const struct core_version *version = &check->running;
  return (struct core_shown_check){.run_count = check->history->run_count,
                                   .state_count = check->history->state_count,
                                   .id = version->id,
                                   .generation = version->generation,
                                   .state = check->health.state,
                                   .status = version->last_status,
                                   .score = version->score,
                                   .code = version->last_code,
                                   .has_result = version->has_result,
                                   .is_set = true};
}

static bool context_is_as_shown(const struct core_shown_check *a, const struct core_shown_check *b) {
  return a->is_set == b->is_set && a->run_count == b->run_count && a->state_count == b->state_count && a->id == b->id &&
         a->generation == b->generation && a->state == b->state && a->status == b->status && a->score == b->score &&
         a->code == b->code && a->has_result == b->has_result;
}

/* What very many routes rest on is printed once. */
static void context_add_check(const struct core_check *check, struct bc_buf *to) {
  struct core_check_history *history = check->history;
  if (check->route != NULL || history == NULL) {
    context_print_check(check, to);
    return;
  }
  struct core_shown_check now = context_look_at(check);
  if (!context_is_as_shown(&history->shown_of, &now)) {
    history->shown_of = now;
    bc_buf_clear(&history->shown);
    context_print_check(check, &history->shown);
  }
  bc_buf_add_str(to, bc_buf_str(&history->shown));
}

static void context_add_checks(const struct core_route *route, struct bc_buf *to) {
  const struct core_check *check;
  bool is_first = true;
  bc_buf_add_text(to, ",\"checks\":{");
  for (size_t i = 0; (check = core_route_member(route, i)) != NULL; i++) {
    const char *name = check->route != NULL ? "healthcheck" : check->name;
    if (check->route == NULL && route->check != NULL && strcmp(name, "healthcheck") == 0) {
      continue; /* the route's own has this name */
    }
    bc_buf_add_text(to, is_first ? "" : ",");
    context_add_text(to, name);
    bc_buf_add_char(to, ':');
    context_add_check(check, to);
    is_first = false;
  }
  bc_buf_add_char(to, '}');
}

/* ---- how it stands ---- */

static const char *context_verdict(const struct core_route *route) {
  return route->decision.reason == NULL ? NULL : bc_verdict_text(route->decision.verdict);
}

static void context_add_standing(struct bc_core *core, const struct core_route *route, struct bc_buf *to) {
  const struct core_route_policy *part = route->policy;
  bc_buf_add_text(to, ",\"standing\":{\"announced\":");
  bc_buf_add_text(to, route->is_wanted ? "true" : "false");
  bc_buf_add_text(to, ",\"attributes\":");
  if (route->is_wanted) {
    core_policy_add_attributes(core, &route->claimed, to);
  } else {
    bc_buf_add_text(to, "null");
  }
  context_add_time(to, "since", part == NULL ? 0 : part->standing_since_ms);
  context_add_member(to, "verdict", context_verdict(route));
  context_add_member(to, "reason", part == NULL ? NULL : part->standing_reason);
  bc_buf_add_char(to, '}');
}

/* The checks of a route that nothing can be told of are as they stand. */
bool core_policy_is_healthy(const struct core_route *route) {
  enum bc_health_state health = core_route_health(route).state;
  return health == BC_HEALTH_UP || health == BC_HEALTH_NONE || (health == BC_HEALTH_UNCHECKED && route->is_wanted);
}

void core_policy_print_context(struct bc_core *core, const struct core_route *route, struct bc_buf *to) {
  struct bc_config_route view;
  char reason[CORE_REASON_BYTES];
  bool found = bc_config_find(core->config, route->name, &view) && view.route != NULL;
  const struct core_route_policy *part = route->policy;
  const struct core_check *decider = core_route_member(route, core_route_health(route).decider);
  const struct bc_route *shown = found ? view.route : &route->claimed;
  bc_buf_add_text(to, "{\"kind\":\"route\"");
  context_add_time(to, "now", bc_wall_now_ms());
  bc_buf_add_char(to, ',');
  if (found || route->has_claim) {
    core_policy_add_route(core, shown, route->name, to);
  } else {
    bc_buf_add_text(to, "\"route\":{}");
  }
  context_add_bool(to, "healthy", core_policy_is_healthy(route));
  context_add_member(to, "health", bc_health_state_text(core_route_health(route).state));
  core_route_explain_health(route, reason, sizeof reason);
  context_add_member(to, "reason", decider == NULL ? "no health check: counts as healthy" : reason);
  context_add_time(to, "since", part == NULL ? 0 : part->healthy_since_ms);
  context_add_checks(route, to);
  context_add_standing(core, route, to);
  bc_buf_add_char(to, '}');
}

/* ---- what all contexts have in common ---- */

static void context_add_neighbor(const struct core_neighbor *neighbor, struct bc_buf *to) {
  const struct bc_exabgp_neighbor_config *config = &neighbor->config;
  bc_buf_add_text(to, "{\"address\":");
  context_add_text(to, config->peer);
  context_add_member(to, "local_address", config->local);
  bc_buf_add_format(to, ",\"peer_as\":%lld,\"local_as\":%lld", strtoll(config->peer_as, NULL, 10),
                    strtoll(config->local_as, NULL, 10));
  context_add_member(to, "state", core_neighbor_state_text(neighbor));
  context_add_time(to, "since", neighbor->since_ms);
  bc_buf_add_text(to, ",\"families\":[");
  for (unsigned i = 0; i < config->family_count; i++) {
    bc_buf_add_text(to, i == 0 ? "" : ",");
    context_add_text(to, config->families[i]);
  }
  bc_buf_add_text(to, "]}");
}

void core_policy_print_world(struct bc_core *core, struct bc_buf *to) {
  bool is_first = true;
  bc_buf_add_text(to, "{\"node\":{\"name\":");
  context_add_text(to, core->settings->node);
  bc_buf_add_format(to, ",\"labels\":%s", bc_config_labels(core->config));
  context_add_member(to, "admin_state", bc_admin_state_text(bc_config_admin_state(core->config)));
  bc_buf_add_text(to, "},\"neighbors\":[");
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    if (!core->neighbors[i].is_gone) {
      bc_buf_add_text(to, is_first ? "" : ",");
      context_add_neighbor(&core->neighbors[i], to);
      is_first = false;
    }
  }
  bc_buf_add_text(to, "]}");
}

static uint64_t context_hash(uint64_t hash, const char *text) {
  for (; *text != '\0'; text++) {
    hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
  }
  return (hash ^ 0xff) * 0x100000001b3U;
}

/* A session that fails each second says `connected` and `down` in turn: that is no news. */
static uint64_t context_hash_world(const struct bc_core *core) {
  uint64_t hash = context_hash(0xcbf29ce484222325U, bc_config_labels(core->config));
  hash = context_hash(hash, bc_admin_state_text(bc_config_admin_state(core->config)));
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    const struct core_neighbor *neighbor = &core->neighbors[i];
    const struct bc_exabgp_neighbor_config *config = &neighbor->config;
    if (neighbor->is_gone) {
      continue;
    }
    const char *const texts[] = {config->peer, config->local, config->peer_as, config->local_as};
    for (size_t text = 0; text < sizeof texts / sizeof texts[0]; text++) {
      hash = context_hash(hash, texts[text]);
    }
    for (unsigned family = 0; family < config->family_count; family++) {
      hash = context_hash(hash, config->families[family]);
    }
    hash = context_hash(hash, neighbor->has_state && neighbor->state == BC_EXABGP_UP ? "up" : "");
  }
  return hash;
}

void core_policy_on_world(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  policies->is_world_told = false;
  core_policy_forget_made(core);
  uint64_t hash = context_hash_world(core);
  if (hash != policies->world_hash) {
    policies->world_hash = hash;
    core_policy_pass_all(core);
  }
}

/* ---- whole ones, for files and records ---- */

static bool context_add_data(const struct bc_config_data *data, bool is_first, struct bc_buf *to) {
  bc_buf_add_text(to, is_first ? "" : ",");
  context_add_text(to, data->name);
  bc_buf_add_char(to, ':');
  bc_buf_add_str(to, data->json);
  return false;
}

void core_policy_complete_context(struct bc_core *core, struct bc_str context,
                                  const struct core_policy_version *version, struct bc_buf *to) {
  struct bc_buf *world = &core->policies.world;
  if (!core->policies.is_world_told || world->len == 0) {
    bc_buf_clear(world);
    core_policy_print_world(core, world);
  }
  bc_buf_add(to, context.at, context.len - 1);
  bc_buf_add_char(to, ',');
  bc_buf_add(to, world->data + 1, world->len - 2);
  struct bc_config_data data = {0};
  bool is_first = true;
  bc_buf_add_text(to, ",\"data\":{");
  while (version != NULL && version->reads_all && bc_config_each_data(core->config, data.name, &data)) {
    is_first = context_add_data(&data, is_first, to);
  }
  for (unsigned i = 0; version != NULL && !version->reads_all && i < version->read_count; i++) {
    if (bc_config_find_data(core->config, version->reads[i], &data) && data.found) {
      is_first = context_add_data(&data, is_first, to);
    }
  }
  bc_buf_add_text(to, "}}");
}
