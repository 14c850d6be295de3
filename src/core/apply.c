/* The store's keys → the configuration, and the judgement of the store's history.
 *
 * Store loss: another cluster, a revision that went back, no route at all while we hold some. What is
 * in force stays in force, checks go on, and the store's content waits for `approve`. */
#include "base/mem.h"
#include "core/private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  /* How long the start waits for the store before it goes on with the last known good. */
  APPLY_WAIT_MS = 5000,
  APPLY_UNSUBSCRIBE_MS = 1000,
  APPLY_OPEN_AGAIN_MS = 5000
};

BC_ENUM_TEXT_FUNCTION(core_loss_text, enum core_loss, CORE_LOSS_LIST, "none")

/* Which store it is that offers itself, or before that the one that we know. */
static uint64_t apply_offered_store(const struct core_apply *apply) {
  const struct bc_store_point *point = apply->offered.type == BC_STORE_TYPE_NONE ? &apply->known : &apply->offered;
  return point->cluster_id * 31 + (uint64_t)point->type;
}

static void apply_make_id(struct core_apply *apply) {
  uint64_t hash = 0xcbf29ce484222325U;
  apply->loss_store = apply_offered_store(apply);
  const uint64_t parts[] = {(uint64_t)apply->loss, apply->loss_store, apply->known.revision};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    for (unsigned byte = 0; byte < 8; byte++) {
      hash = (hash ^ ((parts[i] >> (8 * byte)) & 0xff)) * 0x100000001b3U;
    }
  }
  (void)snprintf(apply->loss_id, sizeof apply->loss_id, "%08" PRIx32, (uint32_t)(hash ^ (hash >> 32)));
}

static void apply_tell(struct bc_core *core, const char *what, const char *state, const char *text) {
  json_t *detail = core_event_detail(what, text);
  json_object_set_new(detail, "state", json_string(state));
  (void)core_event_tell(core, BC_EVENT_STORE, NULL, 0, detail);
}

static void apply_set_loss(struct bc_core *core, enum core_loss loss) {
  struct core_apply *apply = &core->apply;
  /* A third store is another loss than the second. */
  bool is_same = loss == LOSS_NONE || apply_offered_store(apply) == apply->loss_store;
  if (apply->loss == loss && is_same) {
    return;
  }
  apply->loss = loss;
  if (loss == LOSS_NONE) {
    if (!apply->is_approved) {
      bc_log(BC_LOG_NOTICE, "store loss %s is over: the store continues what we hold", apply->loss_id);
    }
    apply->loss_id[0] = '\0';
  } else {
    apply_make_id(apply);
    bc_log(BC_LOG_ERROR,
           "store loss (%s): %zu routes are kept as they are; check the store, then run `bgpcommander approve %s`",
           core_loss_text(loss), bc_config_counts(core->config).routes, apply->loss_id);
  }
  apply_tell(core, "loss", loss == LOSS_NONE ? "over" : core_loss_text(loss), NULL);
  core_lastgood_dirty(core);
  core_publish_dirty(core);
}

void core_apply_remember_loss(struct bc_core *core, struct bc_str text) {
  for (enum core_loss loss = LOSS_NONE + 1; loss <= LOSS_EMPTIED; loss++) {
    if (bc_str_is(text, core_loss_text(loss))) {
      core->apply.loss = loss;
      apply_make_id(&core->apply);
      bc_log(BC_LOG_WARNING, "store loss (%s) was found before this start and is not approved", core_loss_text(loss));
    }
  }
}

/* What a point of the store's history means for what we hold. */
static enum core_loss apply_judge(const struct bc_core *core, struct bc_store_point point) {
  const struct bc_store_point *known = &core->apply.known;
  if (known->type == BC_STORE_TYPE_NONE) {
    return LOSS_NONE;
  }
  if (known->type != point.type) {
    return LOSS_TYPE;
  }
  if (known->cluster_id != point.cluster_id) {
    return LOSS_CLUSTER;
  }
  /* A restored backup is no less old for what is written to it later. */
  bool went_back = point.revision < known->revision || core->apply.loss == LOSS_BACK;
  return went_back ? LOSS_BACK : LOSS_NONE;
}

static size_t apply_count_held(const struct bc_core *core) {
  size_t held = 0;
  struct bc_config_route view;
  const char *cursor = NULL;
  while (bc_config_each(core->config, cursor, &view)) {
    held += view.has_config && !view.is_local ? 1 : 0;
    cursor = view.name;
  }
  return held;
}

/* A key that a list brings, before it is put. */
static void apply_count_back(struct bc_core *core, struct bc_str key) {
  static const char config[] = "/config";
  size_t around = strlen("routes/") + sizeof config - 1;
  char name[BC_LIMIT_NAME_BYTES + 1];
  if (key.len <= around || key.len - around >= sizeof name ||
      memcmp(key.at + key.len - (sizeof config - 1), config, sizeof config - 1) != 0) {
    return;
  }
  (void)snprintf(name, sizeof name, "%.*s", (int)(key.len - around), key.at + strlen("routes/"));
  struct bc_config_route view;
  core->apply.back += bc_config_find(core->config, name, &view) && view.has_config ? 1 : 0;
}

/* ---- store handlers ---- */

static void apply_on_list_begin(void *arg, struct bc_store_point point) {
  struct bc_core *core = arg;
  struct core_apply *apply = &core->apply;
  apply->offered = point;
  if (apply->is_approved && apply->approved_store != apply_offered_store(apply)) {
    apply->is_approved = false;
    bc_log(BC_LOG_WARNING, "the approval was for another store than the one that answers now: it does not count");
  }
  enum core_loss loss = apply->is_approved ? LOSS_NONE : apply_judge(core, point);
  /* An emptied store stays lost until its routes are back: the end of the list tells. */
  if (loss != LOSS_NONE || apply->loss != LOSS_EMPTIED) {
    apply_set_loss(core, loss);
  }
  apply->skip_list = loss != LOSS_NONE;
  apply->in_list = true;
  apply->list_route_keys = 0;
  apply->back = 0;
  apply->held = apply->loss == LOSS_EMPTIED ? apply_count_held(core) : 0;
  if (!apply->skip_list) {
    bc_config_list_begin(core->config);
  }
}

static void apply_count_listed(struct bc_core *core, struct bc_str key) {
  if (bc_str_starts(key, "routes/")) {
    core->apply.list_route_keys++;
    if (core->apply.loss == LOSS_EMPTIED) {
      apply_count_back(core, key);
    }
  }
}

/* A start into an empty ExaBGP with many routes: the list takes etcd seconds, and so does announcing. Additions only:
 * nothing stands that the rest of the list could speak for. */
static void apply_act_early(struct bc_core *core) {
  struct core_apply *apply = &core->apply;
  if (apply->is_authoritative || apply->loss != LOSS_NONE || apply->offered.type != BC_STORE_TYPE_ETCD_V3 ||
      core->link.phase != LINK_READY) {
    return;
  }
  if (!apply->is_early_judged) {
    apply->is_early_judged = true;
    apply->is_early = core_dispatch_start_early(core);
  }
  if (apply->is_early) {
    core_dispatch_passed(core);
  }
}

static void apply_on_list_entry(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision) {
  struct bc_core *core = arg;
  (void)mod_revision;
  if (!core->apply.skip_list) {
    apply_count_listed(core, key);
    bc_config_put(core->config, key, value, bc_mono_now());
    if (bc_str_starts(key, "routes/")) {
      apply_act_early(core);
    }
  }
}

static void apply_on_list_unreadable(void *arg, struct bc_str key, const char *text) {
  struct bc_core *core = arg;
  if (!core->apply.skip_list) {
    apply_count_listed(core, key);
    bc_config_put_unreadable(core->config, key, text, bc_mono_now());
  }
}

static void apply_on_list_abort(void *arg) {
  struct bc_core *core = arg;
  if (core->apply.in_list && !core->apply.skip_list) {
    bc_config_list_abort(core->config);
  }
  core->apply.in_list = false;
  core_apply_changes(core);
}

static void apply_publish(struct bc_core *core) {
  core->apply.is_publishing = true;
  bc_store_publish_enable(core->apply.store, true);
}

static void apply_accept(struct bc_core *core, struct bc_store_point point) {
  core->apply.known = point;
  core->apply.has_list = true;
  /* The list says how it stands with the subscription. */
  bc_timer_stop(core->apply.unsubscribe_timer);
  core->apply.applied_revision = point.revision;
  core->apply.is_authoritative = true;
  bc_timer_stop(core->apply.wait_timer);
  apply_publish(core);
  core_lastgood_dirty(core);
  core_apply_changes(core);
  if (core->apply.is_early) {
    core->apply.is_early = false;
    core_dispatch_start_end(core);
  }
  core_publish_dirty(core);
}

/* Routes without a last known good: the journal tells that there were some. Those of the API are not the store's; what
 * is the same as one of them counts as that. */
static bool apply_has_records(struct bc_core *core) {
  size_t records = bc_rib_journal_live(core->rib);
  return records > 0 && records > core_lease_count_recorded(core);
}

/* They stand, and no list has named them yet: also when routes of the API were begun with alone meanwhile. */
static bool apply_has_unlisted(struct bc_core *core) {
  return core->routes_started ? core->apply.had_records && !core->apply.has_list : apply_has_records(core);
}

static void apply_on_list_end(void *arg, struct bc_store_point point) {
  struct bc_core *core = arg;
  struct core_apply *apply = &core->apply;
  apply->in_list = false;
  apply->offered = point;
  if (apply->skip_list) {
    /* We know the store and wait; what we hold is as true as it was. */
    apply->is_authoritative = true;
    apply_publish(core);
    core_apply_changes(core);
    return;
  }
  bool holds_routes = bc_config_counts(core->config).routes > 0 || apply_has_unlisted(core);
  /* People fill it again key by key: the first of them is no order to withdraw the others. */
  bool is_empty = apply->list_route_keys == 0 || apply->back < apply->held;
  if (is_empty && holds_routes && !apply->is_approved) {
    bc_config_list_abort(core->config);
    apply_set_loss(core, LOSS_EMPTIED);
    apply->is_authoritative = true;
    apply_publish(core);
    core_apply_changes(core);
    return;
  }
  apply_set_loss(core, LOSS_NONE);
  apply->is_approved = false;
  bc_config_list_end(core->config, bc_mono_now());
  apply_accept(core, point);
}

/* Changes are gathered until their message is complete: whether a delete is one of many that empty the
 * store is seen only then. */
static void apply_on_change(void *arg, struct bc_str key, struct bc_str value, uint64_t mod_revision) {
  struct bc_core *core = arg;
  (void)mod_revision;
  struct core_change *change = bc_mem_new(1, sizeof *change);
  change->key = (struct bc_str){.at = bc_mem_copy_text(key.at, key.len), .len = key.len};
  if (value.at != NULL) {
    change->value = (struct bc_str){.at = bc_mem_copy_text(value.at, value.len), .len = value.len};
  }
  STAILQ_INSERT_TAIL(&core->apply.changes, change, link);
}

static void apply_free_changes(struct core_apply *apply) {
  struct core_change *change;
  while ((change = STAILQ_FIRST(&apply->changes)) != NULL) {
    STAILQ_REMOVE_HEAD(&apply->changes, link);
    free((char *)(uintptr_t)change->key.at);
    free((char *)(uintptr_t)change->value.at);
    free(change);
  }
}

/* The gathered changes would leave nothing under routes/ while routes are held. */
static bool apply_changes_empty_store(struct bc_core *core) {
  size_t deleted = 0;
  const struct core_change *change;
  STAILQ_FOREACH(change, &core->apply.changes, link) {
    if (bc_str_starts(change->key, "routes/")) {
      if (change->value.at != NULL) {
        return false;
      }
      deleted++;
    }
  }
  return deleted > 0 && deleted >= bc_config_route_keys(core->config) && bc_config_counts(core->config).subscribed > 0;
}

static bool apply_is_subscription(const struct bc_core *core, struct bc_str key) {
  char own[BC_LIMIT_NAME_BYTES + 32];
  (void)snprintf(own, sizeof own, "node/%s/subscribedRoutes", core->settings->node);
  return bc_str_is(key, own);
}

static void apply_one_change(struct bc_core *core, const struct core_change *change) {
  struct core_apply *apply = &core->apply;
  struct bc_mono now = bc_mono_now();
  bool is_subscription = apply_is_subscription(core, change->key);
  if (is_subscription) {
    bc_timer_stop(apply->unsubscribe_timer);
  }
  if (change->value.at != NULL) {
    bc_config_put(core->config, change->key, change->value, now);
  } else if (is_subscription) {
    /* In a store that is being emptied this key may go first: see whether it is alone. */
    bc_timer_start(apply->unsubscribe_timer, APPLY_UNSUBSCRIBE_MS);
  } else {
    bc_config_delete(core->config, change->key, now);
  }
}

static void apply_on_unsubscribe(void *arg) {
  struct bc_core *core = arg;
  char own[BC_LIMIT_NAME_BYTES + 32];
  if (core->apply.loss != LOSS_NONE) {
    return;
  }
  (void)snprintf(own, sizeof own, "node/%s/subscribedRoutes", core->settings->node);
  bc_config_delete(core->config, bc_str_of(own), bc_mono_now());
  core_apply_changes(core);
}

static void apply_on_changes_end(void *arg, struct bc_store_point point) {
  struct bc_core *core = arg;
  struct core_apply *apply = &core->apply;
  if (apply->loss == LOSS_NONE && !apply->is_approved && apply_changes_empty_store(core)) {
    apply->offered = point;
    apply_set_loss(core, LOSS_EMPTIED);
  } else if (apply->loss == LOSS_EMPTIED) {
    /* Routes may be back: only a whole list tells what is there now. */
    bc_store_relist(apply->store);
  } else if (apply->loss == LOSS_NONE) {
    const struct core_change *change;
    STAILQ_FOREACH(change, &apply->changes, link) {
      apply_one_change(core, change);
    }
    if (!STAILQ_EMPTY(&apply->changes)) {
      apply->applied_revision = point.revision;
      core_lastgood_dirty(core);
    }
    /* A revision alone (our own writes move it) is saved with the next change. */
    if (point.revision > apply->known.revision) {
      apply->known = point;
    }
  }
  apply_free_changes(apply);
  core_apply_changes(core);
}

static void apply_on_state(void *arg, enum bc_store_state state, const char *text) {
  struct bc_core *core = arg;
  struct core_apply *apply = &core->apply;
  if (state != apply->state) {
    bc_log(state == BC_STORE_STATE_CONNECTED ? BC_LOG_NOTICE : BC_LOG_WARNING, "store is %s: %s%s",
           bc_store_state_text(state), text,
           state == BC_STORE_STATE_CONNECTED ? "" : "; routes are kept, checks go on");
    core->counts.store_connections += state == BC_STORE_STATE_CONNECTED;
    apply_tell(core, "state", bc_store_state_text(state), text);
  }
  apply->state = state;
  free(apply->state_text);
  apply->state_text = bc_mem_copy_string(text);
  core_publish_dirty(core);
}

static void apply_on_publish_state(void *arg, const char *problem) {
  struct bc_core *core = arg;
  bc_log(problem == NULL ? BC_LOG_NOTICE : BC_LOG_WARNING, "own keys: %s", problem == NULL ? "written again" : problem);
  apply_tell(core, "keys", problem == NULL ? "written" : "not written", problem);
  free(core->apply.publish_problem);
  core->apply.publish_problem = bc_mem_copy_string(problem);
  core_publish_dirty(core);
}

/* ---- timers ---- */

static void apply_on_wait_over(void *arg) {
  struct bc_core *core = arg;
  if (core->apply.is_authoritative) {
    return;
  }
  if (core->apply.in_list && core->apply.is_early) {
    bc_timer_start(core->apply.wait_timer, APPLY_WAIT_MS);
    return;
  }
  if (!core->apply.has_last_good) {
    bc_log(BC_LOG_WARNING, "the store has not answered yet and there is no last known good configuration: "
                           "nothing but routes of the API is announced or withdrawn until it does");
    core->apply.is_alone = true;
    core_apply_changes(core);
    return;
  }
  bc_log(BC_LOG_WARNING, "the store has not answered yet: going on with the last known good configuration");
  core->apply.is_authoritative = true;
  core_apply_changes(core);
}

static void apply_on_tick(void *arg) {
  struct bc_core *core = arg;
  bc_config_tick(core->config, bc_mono_now());
  core_apply_changes(core);
}

static void apply_on_save(void *arg) {
  core_lastgood_save(arg);
}

/* ---- out ---- */

bool core_apply_knows_standing(const struct bc_core *core) {
  return !core->journal.was_lost || (core->link.phase == LINK_READY && !bc_rib_stood_any(core->rib, true));
}

bool core_apply_lacks_names(const struct bc_core *core) {
  return !core->apply.has_list || core->unreadable > 0 || !core_lease_is_known(core);
}

/* What the store holds is not known: only routes that are not the store's. A list on its way tells soon. */
static void apply_changes_alone(struct bc_core *core) {
  struct core_apply *apply = &core->apply;
  struct bc_config_route view;
  bool found;
  bool may_start = apply->is_alone && !apply->in_list && core->link.phase == LINK_READY && core_lease_has_any(core) &&
                   core_apply_knows_standing(core);
  if (!core->routes_started && may_start) {
    apply->had_records = apply_has_records(core);
    core_dispatch_start(core, true);
  }
  while (core->routes_started && bc_config_next_changed_local(core->config, &view, &found)) {
    core_dispatch_config(core, &view, found);
  }
  core_publish_dirty(core);
  core_link_pump(core);
}

void core_apply_changes(struct bc_core *core) {
  if (!core->apply.is_authoritative) {
    apply_changes_alone(core);
    return;
  }
  if (!core->routes_started) {
    if (core->link.phase != LINK_READY) {
      return;
    }
    core_dispatch_start(core, false);
  }
  struct bc_config_route view;
  bool found;
  while (bc_config_next_changed(core->config, &view, &found)) {
    core_dispatch_config(core, &view, found);
    if (!view.is_local) {
      core_lastgood_dirty(core);
      core_lease_look(core);
    }
  }
  core_named_apply_changes(core);
  core_policy_apply_changes(core);
  core_supply_apply_changes(core);
  if (bc_config_take_admin_changed(core->config)) {
    core_policy_on_world(core);
    core_dispatch_all(core);
    core_lastgood_dirty(core);
  }
  /* Until all that we want is known to be named, what is ours and stands without a name stays. */
  bc_rib_keep_unnamed(core->rib, core_apply_lacks_names(core), bc_mono_now());
  bc_timer_start_at(core->apply.tick_timer, bc_config_deadline(core->config));
  core_publish_dirty(core);
  core_link_pump(core);
}

enum bc_err core_apply_approve(struct bc_core *core, const char *id) {
  struct core_apply *apply = &core->apply;
  if (apply->loss == LOSS_NONE) {
    return BC_ERR_NOT_FOUND;
  }
  if (id != NULL && strcmp(id, apply->loss_id) != 0) {
    return BC_ERR_CONFLICT;
  }
  bc_log(BC_LOG_NOTICE, "store loss %s approved: the store's content counts from now on", apply->loss_id);
  apply_tell(core, "approved", core_loss_text(apply->loss), apply->loss_id);
  apply->is_approved = true;
  apply->approved_store = apply->loss_store;
  if (apply->store != NULL) {
    bc_store_relist(apply->store);
  }
  return BC_ERR_OK;
}

static enum bc_store_api apply_api(enum bc_settings_api api) {
  switch (api) {
  case BC_SETTINGS_API_V3:
    return BC_STORE_API_V3;
  case BC_SETTINGS_API_V2:
    return BC_STORE_API_V2;
  case BC_SETTINGS_API_AUTO:
    break;
  }
  return BC_STORE_API_AUTO;
}

void core_apply_store_options(const struct bc_core *core, struct bc_store_options *options) {
  const struct bc_settings *settings = core->settings;
  *options = (struct bc_store_options){.endpoints = settings->endpoints,
                                       .api = apply_api(settings->etcd_api),
                                       .remembered = core->apply.known.type,
                                       .prefix = settings->prefix,
                                       .node = settings->node,
                                       .user_file = settings->etcd_user_file,
                                       .cacert = settings->cacert,
                                       .cert = settings->cert,
                                       .key = settings->key};
}

/* Its files (certificates, password) may not be there yet: what stands goes on without it. */
static void apply_open_store(void *arg) {
  struct bc_core *core = arg;
  struct core_apply *apply = &core->apply;
  struct bc_fault fault;
  struct bc_store_handler handler = {.arg = core,
                                     .list_begin = apply_on_list_begin,
                                     .list_entry = apply_on_list_entry,
                                     .list_unreadable = apply_on_list_unreadable,
                                     .list_end = apply_on_list_end,
                                     .list_abort = apply_on_list_abort,
                                     .change = apply_on_change,
                                     .changes_end = apply_on_changes_end,
                                     .state = apply_on_state,
                                     .publish_state = apply_on_publish_state};
  struct bc_store_options options;
  core_apply_store_options(core, &options);
  if (core->is_exiting) {
    return;
  }
  if (bc_store_open(core->loop, &options, &handler, &apply->store, &fault) == BC_ERR_OK) {
    core_publish_all(core);
    return;
  }
  apply->store = NULL;
  apply_on_state(core, BC_STORE_STATE_REFUSED, fault.text);
  bc_timer_start(apply->open_timer, APPLY_OPEN_AGAIN_MS);
}

void core_apply_open(struct bc_core *core) {
  struct core_apply *apply = &core->apply;
  apply->open_timer = bc_timer_new(core->loop, apply_open_store, core);
  apply->wait_timer = bc_timer_new(core->loop, apply_on_wait_over, core);
  apply->tick_timer = bc_timer_new(core->loop, apply_on_tick, core);
  apply->save_timer = bc_timer_new(core->loop, apply_on_save, core);
  apply->unsubscribe_timer = bc_timer_new(core->loop, apply_on_unsubscribe, core);
  STAILQ_INIT(&apply->changes);
  apply->save_pause_ms = 1000;
  core_lastgood_load(core);
  if (core->options->is_safe_mode) {
    apply->is_authoritative = apply->has_last_good;
    apply->is_alone = !apply->has_last_good;
    return;
  }
  bc_timer_start(apply->wait_timer, APPLY_WAIT_MS);
  apply_open_store(core);
}

void core_apply_close(struct bc_core *core) {
  struct core_apply *apply = &core->apply;
  bc_timer_free(apply->open_timer);
  bc_timer_free(apply->wait_timer);
  bc_timer_free(apply->tick_timer);
  bc_timer_free(apply->save_timer);
  bc_timer_free(apply->unsubscribe_timer);
  bc_store_close(apply->store);
  apply_free_changes(apply);
  free(apply->state_text);
  free(apply->publish_problem);
  free(apply->last_good_problem);
  free(apply->probation);
  free(apply->trusted);
  free(apply->policies);
}
