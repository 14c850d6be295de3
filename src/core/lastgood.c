/* The last known good configuration on disk: what was in force is in force again after a restart,
 * store or no store. */
#include "base/mem.h"
#include "core/private.h"
#include "model/keylog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  LASTGOOD_BYTES_MAX = 1024 * 1024 * 1024,
  LASTGOOD_PAUSE_MS = 2000,
  LASTGOOD_COST_FACTOR = 100 /* a save takes at most one percent of the loop's time */
};

static const char lastgood_name[] = "lastgood";
static const char lastgood_point_key[] = "@point";
static const char lastgood_loss_key[] = "@loss";
static const char lastgood_probation[] = "@probation/";
static const char lastgood_policy[] = "@policy/";

static bool lastgood_read_type(struct bc_str text, enum bc_store_type *type) {
  for (enum bc_store_type each = BC_STORE_TYPE_NONE; each <= BC_STORE_TYPE_DIRECTORY; each++) {
    if (bc_str_is(text, bc_store_type_text(each))) {
      *type = each;
      return true;
    }
  }
  return false;
}

static void lastgood_read_point(struct bc_core *core, struct bc_str value) {
  struct bc_str cluster = bc_str_next_word(&value);
  struct bc_str revision = bc_str_next_word(&value);
  struct bc_store_point point = {.type = BC_STORE_TYPE_ETCD_V3};
  if (value.len > 0 && !lastgood_read_type(bc_str_trim(value), &point.type)) {
    return;
  }
  if (bc_str_to_u64(cluster, UINT64_MAX, &point.cluster_id) == BC_ERR_OK &&
      bc_str_to_u64(revision, UINT64_MAX, &point.revision) == BC_ERR_OK) {
    core->apply.known = point;
  }
}

/* ---- checks that had not earned the right to withdraw ---- */

/* Of a route's own check the name, as it always was; of a named one the key, which is no name. */
static const char *lastgood_probation_name(const struct core_check *check, char text[static CORE_CHECK_KEY_BYTES]) {
  return check->route != NULL ? check->name : core_check_key(check, text);
}

static uint64_t lastgood_hash(struct bc_str name) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (size_t i = 0; i < name.len; i++) {
    hash = (hash ^ (unsigned char)name.at[i]) * 0x100000001b3U;
  }
  return hash;
}

static int lastgood_compare(const void *a, const void *b) {
  const uint64_t *left = a;
  const uint64_t *right = b;
  return (*left > *right) - (*left < *right);
}

static void lastgood_remember(uint64_t **hashes, size_t *count, uint64_t hash) {
  if ((*count & (*count - 1)) == 0) {
    *hashes = bc_mem_resize(*hashes, *count == 0 ? 1 : *count * 2, sizeof(*hashes)[0]);
  }
  (*hashes)[(*count)++] = hash;
}

static void lastgood_sort(uint64_t *hashes, size_t count) {
  if (count > 0) {
    qsort(hashes, count, sizeof hashes[0], lastgood_compare);
  }
}

static bool lastgood_has(const uint64_t *hashes, size_t count, uint64_t hash) {
  return count > 0 && bsearch(&hash, hashes, count, sizeof hashes[0], lastgood_compare) != NULL;
}

/* With all that the script requires. */
static uint64_t lastgood_hash_version(const struct core_check *check, uint64_t script_hash) {
  char name[CORE_CHECK_KEY_BYTES];
  return lastgood_hash(bc_str_of(lastgood_probation_name(check, name))) * 31 + script_hash;
}

static void lastgood_trust(struct core_apply *apply, const struct core_check *check, uint64_t script_hash) {
  lastgood_remember(&apply->trusted, &apply->trusted_count, lastgood_hash_version(check, script_hash));
}

/* What the core before this one let decide. */
static void lastgood_remember_checks(struct bc_core *core) {
  struct core_apply *apply = &core->apply;
  struct bc_config_route route = {0};
  struct bc_config_check named = {0};
  struct core_route any = {0};
  struct core_wish wish;
  while (bc_config_each(core->config, route.name, &route)) {
    if (core_wish_of_route(&route, &wish)) {
      lastgood_trust(apply, &(struct core_check){.name = route.name, .route = &any}, wish.script.hash);
    }
  }
  while (bc_config_each_check(core->config, named.name, &named)) {
    if (named.is_settled && named.users > 0) {
      lastgood_trust(apply, &(struct core_check){.name = named.name}, named.script.hash);
    }
  }
  lastgood_sort(apply->trusted, apply->trusted_count);
}

bool core_lastgood_was_on_probation(const struct bc_core *core, const struct core_check *check) {
  const struct core_apply *apply = &core->apply;
  const struct core_script *script = check->running.script;
  char name[CORE_CHECK_KEY_BYTES];
  uint64_t hash = lastgood_hash(bc_str_of(lastgood_probation_name(check, name)));
  /* What the store changed while no core looked, or one that ended before it could save it, is as good as changed now.
   */
  bool is_another = apply->has_last_good && script != NULL &&
                    !lastgood_has(apply->trusted, apply->trusted_count, lastgood_hash_version(check, script->hash));
  return is_another || lastgood_has(apply->probation, apply->probation_count, hash);
}

/* ---- policies that were in force ---- */

static uint64_t lastgood_hash_policy(struct bc_str key, uint64_t script_hash) {
  return lastgood_hash(key) * 31 + script_hash;
}

static void lastgood_remember_policy(struct core_apply *apply, struct bc_str key, struct bc_str value) {
  uint64_t hash;
  if (bc_str_to_u64(value, UINT64_MAX, &hash) == BC_ERR_OK) {
    lastgood_remember(&apply->policies, &apply->policy_count, lastgood_hash_policy(key, hash));
  }
}

bool core_lastgood_trusts_policy(const struct bc_core *core, const char *key, uint64_t script_hash) {
  const struct core_apply *apply = &core->apply;
  return apply->has_last_good &&
         lastgood_has(apply->policies, apply->policy_count, lastgood_hash_policy(bc_str_of(key), script_hash));
}

static void lastgood_save_policies(struct bc_core *core, struct bc_keylog *to) {
  for (struct core_policy *policy = core_policy_next(core, NULL); policy != NULL;
       policy = core_policy_next(core, policy)) {
    char key[sizeof lastgood_policy + CORE_CHECK_KEY_BYTES];
    char hash[24];
    /* 0: the built-in decision goes on until it may decide. */
    bool is_new = policy->running == NULL && policy->is_over_builtin;
    bool is_used = policy->user_count > 0 || strcmp(policy->key, "admission") == 0;
    if (is_used && (policy->running != NULL || is_new)) {
      (void)snprintf(key, sizeof key, "%s%s", lastgood_policy, policy->key);
      (void)snprintf(hash, sizeof hash, "%" PRIu64, is_new ? 0 : policy->running->script->hash);
      bc_keylog_add(to, bc_str_of(key), bc_str_of(hash));
    }
  }
}

/* What is ours in the file, not the store's. */
static void lastgood_on_own(void *arg, struct bc_str key, struct bc_str value) {
  struct bc_core *core = arg;
  if (bc_str_is(key, lastgood_point_key)) {
    lastgood_read_point(core, value);
  } else if (bc_str_is(key, lastgood_loss_key)) {
    core_apply_remember_loss(core, value);
  } else if (bc_str_starts(key, lastgood_probation)) {
    size_t before = strlen(lastgood_probation);
    struct bc_str name = {.at = key.at + before, .len = key.len - before};
    lastgood_remember(&core->apply.probation, &core->apply.probation_count, lastgood_hash(name));
  } else if (bc_str_starts(key, lastgood_policy)) {
    size_t before = strlen(lastgood_policy);
    lastgood_remember_policy(&core->apply, (struct bc_str){.at = key.at + before, .len = key.len - before}, value);
  } else {
    core_policy_last_read(core, key, value);
  }
}

static void lastgood_put_key(void *arg, struct bc_str key, struct bc_str value) {
  struct bc_core *core = arg;
  if (!bc_str_starts(key, "@")) {
    bc_config_put(core->config, key, value, bc_mono_now());
  }
}

/* Told in the log when it is new, and in the status until a save succeeds. */
static void lastgood_set_problem(struct bc_core *core, const char *problem) {
  char *old = core->apply.last_good_problem;
  if (problem != NULL && (old == NULL || strcmp(old, problem) != 0)) {
    bc_log(BC_LOG_WARNING, "last known good configuration: %s", problem);
  } else if (problem == NULL && old != NULL) {
    bc_log(BC_LOG_NOTICE, "last known good configuration: saved again");
  }
  core->apply.last_good_problem = bc_mem_copy_string(problem);
  free(old);
  core_publish_dirty(core);
}

/* All of it or nothing: of a damaged file some routes would be known and the subscription behind them not, and a known
 * route that is not subscribed is withdrawn. */
static void lastgood_read(struct bc_core *core, struct bc_str content) {
  size_t good = 0;
  if (bc_keylog_read(content, lastgood_on_own, core, &good) != BC_ERR_OK) {
    char text[128];
    (void)snprintf(text, sizeof text, "the file was damaged behind %zu keys and is not used: what stands is kept",
                   good);
    lastgood_set_problem(core, text);
    return;
  }
  bc_config_set_settle_ms(core->config, 0);
  core->apply.has_last_good = bc_keylog_read(content, lastgood_put_key, core, &good) == BC_ERR_OK && good > 0;
  /* The list that follows brings a new route's keys one by one: it is judged when all are there. */
  bc_config_set_settle_ms(core->config, CORE_SETTLE_MS);
}

void core_lastgood_load(struct bc_core *core) {
  struct bc_buf content;
  struct bc_fault fault;
  bc_buf_init(&content, LASTGOOD_BYTES_MAX);
  enum bc_err err = bc_disk_load(core->disk, lastgood_name, &content, &fault);
  if (err == BC_ERR_OK) {
    lastgood_read(core, bc_buf_str(&content));
  } else if (err != BC_ERR_NOT_FOUND) {
    lastgood_set_problem(core, fault.text);
  }
  bc_buf_free(&content);
  lastgood_sort(core->apply.probation, core->apply.probation_count);
  lastgood_sort(core->apply.policies, core->apply.policy_count);
  if (core->apply.has_last_good) {
    lastgood_remember_checks(core);
    core_policy_last_remember(core);
  } else {
    core_policy_last_drop(core);
  }
}

static void lastgood_save_probation_of(const struct core_check *check, struct bc_keylog *to) {
  /* The next core will know of a candidate only, as it is the newest. */
  if (check->health.on_probation || check->candidate != NULL) {
    char name[CORE_CHECK_KEY_BYTES];
    char key[sizeof lastgood_probation + CORE_CHECK_KEY_BYTES];
    (void)snprintf(key, sizeof key, "%s%s", lastgood_probation, lastgood_probation_name(check, name));
    bc_keylog_add(to, bc_str_of(key), bc_str_of("1"));
  }
}

static void lastgood_save_probation(struct bc_core *core, struct bc_keylog *to) {
  for (struct core_route *route = core_route_next(core, NULL); route != NULL; route = core_route_next(core, route)) {
    if (route->check != NULL) {
      lastgood_save_probation_of(route->check, to);
    }
  }
  for (struct core_named *named = core_named_after(core, NULL); named != NULL;
       named = core_named_after(core, named->check.name)) {
    lastgood_save_probation_of(&named->check, to);
  }
}

static void lastgood_add(void *arg, struct bc_str key, struct bc_str value) {
  bc_keylog_add(arg, key, value);
}

static void lastgood_on_saved(void *arg, enum bc_err err, const char *text) {
  struct bc_core *core = arg;
  core->apply.save_busy = false;
  lastgood_set_problem(core, err == BC_ERR_OK ? NULL : text);
  core->apply.save_dirty = core->apply.save_dirty || err != BC_ERR_OK;
  if (core->apply.save_dirty) {
    bc_timer_start(core->apply.save_timer, core->apply.save_pause_ms);
  }
}

void core_lastgood_save(struct bc_core *core) {
  struct core_apply *apply = &core->apply;
  /* Before the routes start, what the file says of their checks is not taken over yet. */
  if (!apply->is_authoritative || !core->routes_started || apply->save_busy || core->disk == NULL) {
    return;
  }
  /* In the middle of a list: what the checks are to run by it they do not run yet. */
  if (apply->in_list && !apply->skip_list) {
    core_lastgood_dirty(core);
    return;
  }
  struct bc_mono begun = bc_mono_now();
  struct bc_keylog content;
  char point[80];
  bc_keylog_init(&content, LASTGOOD_BYTES_MAX);
  (void)snprintf(point, sizeof point, "%" PRIu64 " %" PRIu64 " %s", apply->known.cluster_id, apply->known.revision,
                 bc_store_type_text(apply->known.type));
  bc_keylog_add(&content, bc_str_of(lastgood_point_key), bc_str_of(point));
  if (apply->loss != LOSS_NONE) {
    bc_keylog_add(&content, bc_str_of(lastgood_loss_key), bc_str_of(core_loss_text(apply->loss)));
  }
  lastgood_save_probation(core, &content);
  lastgood_save_policies(core, &content);
  core_policy_last_save(core, &content);
  bc_config_save(core->config, lastgood_add, &content);
  bc_keylog_end(&content);
  enum bc_err err = bc_buf_status(&content.text);
  bool is_too_long = err != BC_ERR_OK;
  if (err == BC_ERR_OK) {
    err = bc_disk_save(core->disk, lastgood_name, bc_buf_str(&content.text), lastgood_on_saved, core);
  }
  bc_keylog_free(&content);
  apply->save_busy = err == BC_ERR_OK;
  apply->save_dirty = err != BC_ERR_OK;
  int64_t cost_ms = bc_mono_ms_between(begun, bc_mono_now());
  apply->save_pause_ms = LASTGOOD_PAUSE_MS + cost_ms * LASTGOOD_COST_FACTOR;
  if (err != BC_ERR_OK) {
    lastgood_set_problem(core, is_too_long ? "too long to be saved" : "not saved: the disk is too slow");
    bc_timer_start(apply->save_timer, apply->save_pause_ms);
  }
}

void core_lastgood_dirty(struct bc_core *core) {
  core->apply.save_dirty = true;
  if (!core->apply.save_busy && !bc_timer_is_armed(core->apply.save_timer)) {
    bc_timer_start(core->apply.save_timer, core->apply.save_pause_ms);
  }
}
