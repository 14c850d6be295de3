/* Policies over a restart: the text that decided decides again beside a newer one that is not in force, what was held
 * is held again, and a newer text is not tried before the one that decides has spoken of the routes. */
#include "base/mem.h"
#include "core/private.h"
#include "model/keylog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LAST_LOOK_MS = 100, LAST_WAIT_MS = 30000 };

static const char last_running[] = "@running/";
static const char last_parameters[] = "@running-parameters";
static const char last_module[] = "@running-module/";
static const char last_text[] = "@running-text";
static const char last_held[] = "@held/";

/* Of a key, until its policy is there. */
struct core_policy_last {
  RB_ENTRY(core_policy_last) by_key;
  const char *key;            /* interned */
  struct core_script *script; /* that decided; NULL: none did */
  uint64_t held_hash;         /* of the version that was held, … */
  char *why;                  /* … and the reason; NULL: none was */
};

static int last_compare(const struct core_policy_last *a, const struct core_policy_last *b) {
  return strcmp(a->key, b->key);
}

BC_TREE(core_policy_last_tree, core_policy_last, by_key, last_compare)

static struct core_policy_last *last_find(struct bc_core *core, const char *key) {
  struct core_policy_last wanted = {.key = key};
  return RB_FIND(core_policy_last_tree, &core->policies.last, &wanted);
}

static struct core_policy_last *last_provide(struct bc_core *core, struct bc_str key) {
  const char *name = bc_intern_get(core->intern, key);
  struct core_policy_last *last = last_find(core, name);
  if (last != NULL) {
    bc_intern_put(core->intern, name);
    return last;
  }
  last = bc_mem_new(1, sizeof *last);
  last->key = name;
  (void)RB_INSERT(core_policy_last_tree, &core->policies.last, last);
  return last;
}

static void last_free(struct bc_core *core, struct core_policy_last *last) {
  RB_REMOVE(core_policy_last_tree, &core->policies.last, last);
  core_script_put(core, last->script);
  bc_intern_put(core->intern, last->key);
  free(last->why);
  free(last);
}

void core_policy_last_forget(struct bc_core *core, const char *key) {
  struct core_policy_last *last = last_find(core, key);
  if (last != NULL) {
    last_free(core, last);
  }
}

void core_policy_last_forget_own(struct bc_core *core, const struct core_route *route,
                                 const struct bc_config_route *view) {
  char key[sizeof "routes//policy" + BC_LIMIT_NAME_BYTES];
  if (RB_EMPTY(&core->policies.last)) {
    return;
  }
  (void)snprintf(key, sizeof key, "routes/%s/policy", route->name);
  if (view == NULL || view->policy.key == NULL || strcmp(view->policy.key, key) != 0) {
    core_policy_last_forget(core, key);
  }
}

/* ---- written ---- */

/* What decides for its routes: of a key that is new it is that of the key before, if they have one in common. */
static const struct core_script *last_script_of(const struct core_policy *policy) {
  const struct core_route_policy *part = TAILQ_FIRST(&policy->users);
  if (policy->running != NULL) {
    return policy->running->script;
  }
  const struct core_policy_version *force = part == NULL ? NULL : part->force;
  TAILQ_FOREACH(part, &policy->users, user) {
    force = part->force == force ? force : NULL;
  }
  return force == NULL ? NULL : force->script;
}

/* The text comes last: with it all is there. */
static void last_save_script(struct bc_keylog *to, const char *policy_key, const struct core_script *script) {
  char key[sizeof last_running + CORE_CHECK_KEY_BYTES];
  char hash[24];
  (void)snprintf(key, sizeof key, "%s%s", last_running, policy_key);
  (void)snprintf(hash, sizeof hash, "%" PRIu64, script->hash);
  bc_keylog_add(to, bc_str_of(key), bc_str_of(hash));
  if (script->parameters != NULL) {
    bc_keylog_add(to, bc_str_of(last_parameters), bc_str_of(script->parameters));
  }
  for (unsigned i = 0; i < script->module_count; i++) {
    char module[sizeof last_module + BC_LIMIT_NAME_BYTES + 24];
    (void)snprintf(module, sizeof module, "%s%" PRIu64 " %s", last_module, script->modules[i]->hash,
                   script->modules[i]->name);
    bc_keylog_add(to, bc_str_of(module), script->modules[i]->text);
  }
  bc_keylog_add(to, bc_str_of(last_text), (struct bc_str){.at = script->text, .len = script->len});
}

static void last_save_held(struct bc_keylog *to, const struct core_policy *policy) {
  char key[sizeof last_held + CORE_CHECK_KEY_BYTES];
  char why[CORE_POLICY_REASON_BYTES + 24];
  (void)snprintf(key, sizeof key, "%s%s", last_held, policy->key);
  (void)snprintf(why, sizeof why, "%" PRIu64 " %s", policy->candidate->script->hash, policy->why);
  bc_keylog_add(to, bc_str_of(key), bc_str_of(why));
}

void core_policy_last_save(struct bc_core *core, struct bc_keylog *to) {
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    /* Without a candidate it is the text of the key. */
    const struct core_script *script = policy->candidate == NULL ? NULL : last_script_of(policy);
    if (script != NULL) {
      last_save_script(to, policy->key, script);
    }
    if (policy->trial == TRIAL_HELD) {
      last_save_held(to, policy);
    }
  }
}

/* ---- read back ---- */

static struct bc_str last_behind(struct bc_str key, const char *prefix) {
  size_t len = strlen(prefix);
  return (struct bc_str){.at = key.at + len, .len = key.len - len};
}

static void last_read_held(struct bc_core *core, struct bc_str key, struct bc_str value) {
  struct bc_str hash = bc_str_next_word(&value);
  struct core_policy_last *last = last_provide(core, key);
  free(last->why);
  value = bc_str_trim(value);
  last->why = bc_mem_copy_text(value.at, value.len);
  if (bc_str_to_u64(hash, UINT64_MAX, &last->held_hash) != BC_ERR_OK) {
    last->held_hash = 0;
  }
}

static void last_end_reading(struct bc_core *core) {
  struct core_policy_reading *reading = &core->policies.reading;
  for (unsigned i = 0; i < reading->module_count; i++) {
    core_module_put(core, reading->modules[i]);
  }
  free(reading->modules);
  free(reading->parameters);
  *reading = (struct core_policy_reading){0};
}

static void last_read_running(struct bc_core *core, struct bc_str key, struct bc_str value) {
  uint64_t hash;
  last_end_reading(core);
  if (bc_str_to_u64(value, UINT64_MAX, &hash) == BC_ERR_OK) {
    core->policies.reading.into = last_provide(core, key);
    core->policies.reading.hash = hash;
  }
}

static void last_read_module(struct bc_core *core, struct bc_str key, struct bc_str value) {
  struct core_policy_reading *reading = &core->policies.reading;
  char name[BC_LIMIT_NAME_BYTES + 1];
  struct bc_config_module module = {.name = name, .found = true, .text = value};
  struct bc_str hash = bc_str_next_word(&key);
  key = bc_str_trim(key);
  bool is_good = bc_str_to_u64(hash, UINT64_MAX, &module.hash) == BC_ERR_OK && key.len < sizeof name;
  if (is_good && reading->module_count < BC_LIMIT_LUA_MODULES) {
    memcpy(name, key.at, key.len);
    name[key.len] = '\0';
    reading->modules = bc_mem_resize(reading->modules, reading->module_count + 1, sizeof(reading->modules)[0]);
    reading->modules[reading->module_count++] = core_module_get(core, &module);
  }
}

static void last_read_text(struct bc_core *core, struct bc_str value) {
  struct core_policy_reading *reading = &core->policies.reading;
  struct bc_config_script_view view = {
      .text = value.at, .len = value.len, .hash = reading->hash, .is_lua = true, .parameters = reading->parameters};
  if (reading->into != NULL && reading->into->script == NULL) {
    reading->into->script = core_script_restore(core, &view, reading->modules, reading->module_count);
  }
  last_end_reading(core);
}

void core_policy_last_read(struct bc_core *core, struct bc_str key, struct bc_str value) {
  struct core_policy_reading *reading = &core->policies.reading;
  if (bc_str_starts(key, last_running)) {
    last_read_running(core, last_behind(key, last_running), value);
  } else if (bc_str_is(key, last_parameters) && reading->parameters == NULL) {
    reading->parameters = bc_mem_copy_text(value.at, value.len);
  } else if (bc_str_starts(key, last_module)) {
    last_read_module(core, last_behind(key, last_module), value);
  } else if (bc_str_is(key, last_text)) {
    last_read_text(core, value);
  } else if (bc_str_starts(key, last_held)) {
    last_read_held(core, last_behind(key, last_held), value);
  }
}

/* A key without a record of its own decided by the text that the file has of it. */
static void last_remember(struct bc_core *core, const struct bc_config_policy *view) {
  bool is_trusted =
      view->key != NULL && view->script.text != NULL && core_lastgood_trusts_policy(core, view->key, view->script.hash);
  struct core_policy_last *last = is_trusted ? last_provide(core, bc_str_of(view->key)) : NULL;
  if (last != NULL && last->script == NULL) {
    last->script = core_script_get(core, &view->script);
  }
}

void core_policy_last_remember(struct bc_core *core) {
  struct bc_config_route route = {0};
  struct bc_config_policy view;
  char own[sizeof "node//policy" + BC_LIMIT_NAME_BYTES];
  (void)snprintf(own, sizeof own, "node/%s/policy", core->settings->node);
  if (bc_config_find_policy(core->config, own, &view)) {
    last_remember(core, &view);
  }
  if (bc_config_find_policy(core->config, "policy", &view)) {
    last_remember(core, &view);
  }
  while (bc_config_each(core->config, route.name, &route)) {
    last_remember(core, &route.policy);
  }
}

void core_policy_last_drop(struct bc_core *core) {
  struct core_policy_last *last;
  last_end_reading(core);
  while ((last = RB_MIN(core_policy_last_tree, &core->policies.last)) != NULL) {
    last_free(core, last);
  }
}

/* ---- in force again ---- */

void core_policy_last_bring_back(struct bc_core *core, struct core_policy *policy) {
  struct core_policy_last *last = last_find(core, policy->key);
  bool is_another = last != NULL && last->script != NULL && last->script->hash != policy->candidate->script->hash;
  if (!is_another || policy->running != NULL || core_lua_is_quarantined(core, last->script->hash)) {
    return;
  }
  policy->running = core_policy_version_of(core, policy->key, core_script_ref(last->script));
  policy->is_brought_back = true;
  bc_log(BC_LOG_NOTICE, "%s: the version that decided before the start goes on, beside a newer one", policy->key);
  core_policy_pass(core, policy);
}

/* The built-in decision goes on for who is under it and has no word of another. */
static void last_let_builtin(struct core_policy *policy) {
  struct core_route_policy *part;
  policy->is_over_builtin = true;
  TAILQ_FOREACH(part, &policy->users, user) {
    part->is_over_builtin = true;
  }
}

void core_policy_last_hold(struct bc_core *core, struct core_policy *policy) {
  struct core_policy_last *last = last_find(core, policy->key);
  if (last == NULL) {
    return;
  }
  bool is_held =
      last->why != NULL && policy->trial == TRIAL_RUNNING && policy->candidate->script->hash == last->held_hash;
  if (is_held) {
    if (policy->running == NULL) {
      last_let_builtin(policy);
    }
    core_policy_hold(core, policy, last->why);
  }
  last_free(core, last);
}

/* ---- a text that never decided, on a node where none did ---- */

static bool last_is_nothing(const struct core_policy *policy) {
  const struct core_route_policy *part;
  bool is_nothing = policy->running == NULL && !policy->is_over_builtin && policy->user_count > 0 &&
                    !bc_str_starts(bc_str_of(policy->key), "routes/");
  TAILQ_FOREACH(part, &policy->users, user) {
    is_nothing = is_nothing && part->force == NULL && !part->route->is_wanted;
  }
  return is_nothing;
}

bool core_policy_last_give_up(struct bc_core *core, struct core_policy *policy) {
  struct core_route_policy *part;
  if (!last_is_nothing(policy)) {
    return false;
  }
  last_let_builtin(policy);
  TAILQ_FOREACH(part, &policy->users, user) {
    core_dispatch_decided(core, part->route);
  }
  return true;
}

/* ---- when a trial may begin ---- */

/* The version in force has spoken of it, or failed. */
static bool last_is_told(const struct core_route_policy *part) {
  return part->force == NULL || part->has_answered || part->has_failed;
}

static bool last_is_to_wait(const struct core_policy *policy, bool is_over) {
  const struct core_route_policy *part;
  size_t known = 0;
  size_t left = 0;
  TAILQ_FOREACH(part, &policy->users, user) {
    bool is_known = core_policy_may_ask(part);
    known += is_known;
    left += is_known ? !last_is_told(part) : policy->is_brought_back;
  }
  bool is_empty = policy->user_count == 0;
  /* A trial of nobody tells nothing. */
  return (!is_over && (left > 0 || (is_empty && policy->is_brought_back))) || (!is_empty && known == 0);
}

void core_policy_last_wait(struct bc_core *core, struct core_policy *policy) {
  policy->waits_since = bc_mono_now();
  /* Its other routes come with the same change. */
  policy->is_waiting = policy->is_brought_back || last_is_to_wait(policy, false);
  if (policy->is_waiting && !bc_timer_is_armed(core->policies.wait_timer)) {
    bc_timer_start(core->policies.wait_timer, LAST_LOOK_MS);
  }
}

static void last_on_look(void *arg) {
  struct bc_core *core = arg;
  struct core_policies *policies = &core->policies;
  struct core_policy *policy;
  bool is_more = false;
  TAILQ_FOREACH(policy, &policies->trying, trying) {
    bool is_over = bc_mono_reached(bc_mono_add_ms(policy->waits_since, LAST_WAIT_MS), bc_mono_now());
    bool is_coming = policies->is_attaching || core->apply.in_list;
    policy->is_waiting = policy->is_waiting && (is_coming || last_is_to_wait(policy, is_over));
    is_more = is_more || policy->is_waiting;
  }
  if (is_more) {
    bc_timer_start(policies->wait_timer, LAST_LOOK_MS);
  }
  core_policy_work_soon(core);
}

void core_policy_last_open(struct bc_core *core) {
  RB_INIT(&core->policies.last);
  core->policies.wait_timer = bc_timer_new(core->loop, last_on_look, core);
}

void core_policy_last_close(struct bc_core *core) {
  core_policy_last_drop(core);
  bc_timer_free(core->policies.wait_timer);
}
