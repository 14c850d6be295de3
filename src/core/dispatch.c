/* One route: its running version and its health make a decision, the decision makes a want. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

static struct core_route *dispatch_route_for(struct bc_core *core, const char *name) {
  struct core_route *route = core_route_find(core, name);
  return route != NULL ? route : core_route_make(core, name);
}

/* ---- what people are told ---- */

static uint32_t dispatch_hash(uint32_t hash, const char *text) {
  for (; text != NULL && *text != '\0'; text++) {
    hash = (hash ^ (unsigned char)*text) * 16777619U;
  }
  return (hash ^ 0xffU) * 16777619U;
}

static void dispatch_set_notable(struct bc_core *core, struct core_route *route, bool notable) {
  if (route->is_notable == notable) {
    return;
  }
  route->is_notable = notable;
  if (notable) {
    TAILQ_INSERT_TAIL(&core->notable, route, notable);
    core->notable_count++;
  } else {
    TAILQ_REMOVE(&core->notable, route, notable);
    core->notable_count--;
  }
}

static void dispatch_tell_fault(struct core_route *route, const char *fault) {
  uint32_t hash = fault == NULL ? 0 : dispatch_hash(2166136261U, fault);
  if (hash == route->fault_hash) {
    return;
  }
  route->fault_hash = hash;
  if (fault == NULL) {
    bc_log(BC_LOG_NOTICE, "route %s: its fault is mended", route->name);
  } else {
    bc_log(BC_LOG_WARNING, "%s", fault);
  }
}

/* After anything that people can see of a route may have changed. */
static void dispatch_show(struct bc_core *core, struct core_route *route, const struct bc_config_route *config,
                          const struct core_view *view) {
  bool stands = view->count > 0 && view->told == view->count;
  enum bc_rib_state state = view->state;
  core->by_state[route->state]--;
  route->state = (uint8_t)state;
  core->by_state[route->state]++;
  enum bc_health_state health = core_route_health(route).state;
  const char *fault = config == NULL                    ? NULL
                      : config->fault != NULL           ? config->fault
                      : core_guard_fault(route) != NULL ? core_guard_fault(route)
                                                        : core_address_fault(route);
  dispatch_tell_fault(route, fault);
  uint32_t seen = dispatch_hash(2166136261U, core_route_reason(route));
  seen = dispatch_hash(seen, bc_rib_state_text(state));
  seen = dispatch_hash(seen, bc_health_state_text(health));
  seen = dispatch_hash(seen, fault);
  if (seen != route->seen) {
    route->seen = seen;
    route->since_ms = bc_wall_now_ms();
    core_event_moved(core, route);
  }
  bool subscribed = config != NULL && config->is_subscribed;
  bool is_troubled = (route->check != NULL && core_check_is_troubled(route->check)) || core_policy_is_troubled(route);
  bool calm = state == BC_RIB_ANNOUNCED && fault == NULL && !is_troubled &&
              (health == BC_HEALTH_UP || health == BC_HEALTH_NONE);
  dispatch_set_notable(core, route, subscribed && !calm);
  if (!route->state_published || stands != route->published_announce) {
    route->published_announce = stands;
    core_publish_route(core, route, false);
  }
  core_publish_dirty(core);
}

static void dispatch_refresh(struct bc_core *core, struct core_route *route, const struct bc_config_route *config) {
  struct core_view view;
  (void)core_route_view(core, route, &view);
  dispatch_show(core, route, config, &view);
}

/* ---- one decision ---- */

/* Its new prefix belongs to another route: what it announced before stays in force. */
static bool dispatch_is_pushed_back(const struct core_route *route, const struct bc_config_route *config) {
  return config != NULL && config->lost_identity && config->route != NULL && route->has_claim &&
         !core_want_is_same(&route->claimed, config->route);
}

/* In the words that its policy wants. `stays`: in those of before. NULL = it is not to be there. */
static const struct bc_route *dispatch_word(struct bc_core *core, const struct core_route *route,
                                            const struct bc_route *configured, bool stays, struct bc_route *made) {
  switch (stays ? CORE_POLICY_STAYS : core_policy_make(core, route, configured, made)) {
  case CORE_POLICY_PLAIN:
    return configured;
  case CORE_POLICY_MADE:
    return made;
  case CORE_POLICY_STAYS:
    break;
  }
  bool has_words = route->has_claim && (route->is_wanted || core_want_is_same(&route->claimed, configured));
  return has_words ? &route->claimed : NULL;
}

/* What would be announced of it; NULL = nothing. `made` is released by the caller. */
static const struct bc_route *dispatch_wanted(struct bc_core *core, const struct core_route *route,
                                              const struct bc_config_route *config, bool stays, struct bc_route *made) {
  bool has_version = config != NULL && config->is_subscribed && config->route != NULL && !config->lost_identity;
  return has_version ? dispatch_word(core, route, config->route, stays || config->policy.is_unknown, made) : NULL;
}

/* What the decision announces; NULL = nothing. */
static const struct bc_route *dispatch_announced(const struct core_route *route, const struct bc_route *wanted) {
  switch (route->decision.verdict) {
  case BC_VERDICT_ANNOUNCE:
    return wanted;
  case BC_VERDICT_KEEP:
    if (!route->is_wanted) {
      return NULL;
    }
    /* What is announced stays so, in the new wording if there is one that the guard allows. */
    return wanted != NULL && core_guard_reason(route) == NULL ? wanted : &route->claimed;
  case BC_VERDICT_WITHDRAW:
    break;
  }
  return NULL;
}

/* Not that a route never was this node's business. */
static void dispatch_record(struct bc_core *core, struct core_route *route, const struct bc_decision *old,
                            const struct bc_route *announced) {
  struct bc_record_policy policy;
  bool is_other =
      announced != NULL && !(route->has_claim && route->is_wanted && bc_route_equal(&route->claimed, announced));
  bool is_ours = route->is_wanted || old->reason != NULL || route->decision.layer != BC_LAYER_SUBSCRIPTION;
  bool is_news = is_ours && (is_other || core_record_is_news(old, &route->decision));
  bool is_input = !is_news && core_policy_is_answering(core, route) && core_record_takes_input(core, route);
  bool has_policy = (is_news || is_input) && core_policy_tell(core, route, &policy);
  if (is_news) {
    struct core_decision_told told = {.was_announced = route->is_wanted, .wanted = announced};
    told.policy = has_policy ? &policy : NULL;
    /* What a start finds as it left it is no news: there may be very many. */
    if (core_record_decision(core, route, &told) != 0 && !(route->is_new && route->is_standing)) {
      core_event_decision(core, route, told.was_announced);
    }
  } else if (has_policy) {
    core_record_input(core, route, &policy);
  }
}

/* While its policy is asked nothing moves, and what people read is why it stands as it does. */
static bool dispatch_is_awaiting(const struct bc_decision *before, const struct bc_decision *now, bool is_awaited) {
  bool was_below = before->layer == BC_LAYER_POLICY || before->layer == BC_LAYER_HEALTH;
  return is_awaited && now->layer == BC_LAYER_POLICY && was_below && before->reason != NULL;
}

static void dispatch_decide(struct bc_core *core, struct core_route *route, const struct bc_config_route *config) {
  struct bc_config_route before;
  bool stays = dispatch_is_pushed_back(route, config);
  if (stays) {
    before = *config;
    before.lost_identity = false;
    before.route = &route->claimed;
    config = &before;
  }
  struct bc_decision old = route->decision;
  bool was_wanted = route->is_wanted;
  struct bc_policy_word word = core_policy_word(route);
  struct bc_route made = {0};
  const struct bc_route *wanted = dispatch_wanted(core, route, config, stays, &made);
  core_guard_judge(core, route, wanted);
  route->decision = bc_decide(&(struct bc_decide_input){.route = config,
                                                        .admin = bc_config_admin_state(core->config),
                                                        .health = core_route_health(route).state,
                                                        .address = core_address_judge(core, route, config),
                                                        .policy = word,
                                                        .guard_reason = core_guard_reason(route),
                                                        .guard_forbids = core_guard_forbids(route),
                                                        .stands = route->is_wanted});
  const struct bc_route *announced = dispatch_announced(route, wanted);
  if (dispatch_is_awaiting(&old, &route->decision, word.state == BC_POLICY_AWAITED)) {
    route->decision = old;
  }
  dispatch_record(core, route, &old, announced);
  if (announced != NULL) {
    core_want_route(core, route, announced);
  } else if (route->is_wanted) {
    core_want_nothing(core, route);
  }
  core_policy_on_decided(core, route);
  core_wait_look(core, route->name);
  if (was_wanted != route->is_wanted && route->decision.layer != BC_LAYER_GUARD) {
    core_guard_judge(core, route, wanted); /* What is told of what stands is another thing now. */
  }
  bc_route_release(core->intern, &made);
  if (was_wanted != route->is_wanted || (old.reason != route->decision.reason && old.reason != NULL)) {
    /* A start with many routes is one event, not many. */
    bool is_event = was_wanted != route->is_wanted && !(route->is_new && route->is_wanted);
    enum bc_log_level level = is_event ? BC_LOG_NOTICE : BC_LOG_INFO;
    char reason[CORE_REASON_BYTES];
    if (bc_log_is_written(level)) {
      core_route_explain(route, reason, sizeof reason);
      bc_log_change(level, route->record, "route %s: %s: %s: %s", route->name, bc_verdict_text(route->decision.verdict),
                    bc_layer_text(route->decision.layer), reason);
    }
  }
  route->is_new = route->is_new && route->decision.verdict == BC_VERDICT_KEEP;
}

/* A route whose text we cannot read may stand, and we could not tell. */
static void dispatch_set_unreadable(struct bc_core *core, struct core_route *route,
                                    const struct bc_config_route *view) {
  bool may_stand = view != NULL && view->is_subscribed && view->has_config;
  /* After a restart no key tells what a route had whose change was pushed back. */
  bool is_unreadable = may_stand && (!view->has_version || (view->lost_identity && !route->has_claim));
  core->unreadable += is_unreadable;
  core->unreadable -= route->is_unreadable;
  route->is_unreadable = is_unreadable;
}

static void dispatch_forget(struct bc_core *core, struct core_route *route) {
  core_address_forget(core, route);
  core_policy_use(core, route, NULL);
  core_check_remove(core, route);
  core_want_drop_claim(core, route);
  core_guard_forget(core, route);
  dispatch_set_unreadable(core, route, NULL);
  dispatch_set_notable(core, route, false);
  core->by_state[route->state]--;
  core_publish_route(core, route, true);
  core_event_forget(core, route);
  core_route_free(core, route);
}

/* An earlier core announced it with this check: it may withdraw if it might before. */
static void dispatch_recall_probation(const struct bc_core *core, struct core_route *route) {
  if (route->check != NULL) {
    route->check->health.on_probation = core_lastgood_was_on_probation(core, route->check);
  }
  core_named_recall_probation(core, route);
}

static bool dispatch_is_any_unnamed(const struct bc_core *core, const struct bc_route *route) {
  bool is_unnamed = false;
  for (size_t i = 0; !is_unnamed && i < bc_route_nlri_count(route); i++) {
    struct bc_rib_view view;
    is_unnamed = bc_rib_find(core->rib, route->selector, bc_route_nlri(route, i), &view) && view.is_unnamed;
  }
  return is_unnamed;
}

/* What stands of it is nothing that its new version could refer to, when that was pushed back. */
static bool dispatch_tell_standing(struct bc_core *core, const struct core_route *route,
                                   const struct bc_config_route *config) {
  bool is_news = config->stands != route->is_standing && !dispatch_is_pushed_back(route, config);
  if (is_news) {
    bc_config_set_standing(core->config, route->name, route->is_standing);
  }
  return is_news;
}

/* What stands since before the start is adopted as it is told: the words that a policy gave it are in no key. */
static void dispatch_want_stood(struct bc_core *core, struct core_route *route, const struct bc_config_route *view) {
  struct bc_route told;
  bool has_policy = view->policy.script.text != NULL || view->policy.is_unknown;
  if (has_policy && core_policy_find_told(core, view->route, &told)) {
    core_want_route(core, route, &told);
    bc_route_release(core->intern, &told);
  } else {
    core_want_route(core, route, view->route);
  }
  core_policy_recall(core, route);
  route->is_standing = true;
}

/* It stands since before the start and only now a key names it; or it goes from hand to hand. */
static bool dispatch_adopt(struct bc_core *core, struct core_route *route, const struct bc_config_route *view) {
  if (route->is_wanted || view->route == NULL || view->lost_identity) {
    return false;
  }
  bool is_unnamed = bc_rib_counts(core->rib).unnamed > 0 && dispatch_is_any_unnamed(core, view->route);
  bool has_waited = route->decision.layer == BC_LAYER_IDENTITY;
  if (!is_unnamed && !(has_waited && core_lease_hands_over(core, view->route))) {
    return false;
  }
  dispatch_want_stood(core, route, view);
  return true;
}

void core_dispatch_config(struct bc_core *core, const struct bc_config_route *view, bool found) {
  if (core->is_exiting) {
    return; /* nothing of what on_exit withdraws comes back */
  }
  if (!found) {
    struct core_route *gone = core_route_find(core, view->name);
    if (gone != NULL) {
      struct bc_decision old = gone->decision;
      gone->decision = bc_decide(&(struct bc_decide_input){.route = NULL});
      if (view->is_local) {
        gone->decision.reason = core_lease_gone_reason(core);
        bc_log(BC_LOG_NOTICE, "route %s is withdrawn: %s", gone->name, gone->decision.reason);
      } else {
        bc_log(BC_LOG_NOTICE, "route %s is gone from the store", gone->name);
      }
      dispatch_record(core, gone, &old, NULL);
      bc_log_change(BC_LOG_NOTICE, gone->record, "route %s is gone from the store", gone->name);
      dispatch_forget(core, gone);
      core_wait_look(core, view->name);
    }
    return;
  }
  struct core_route *route = dispatch_route_for(core, view->name);
  route->key_ms = bc_wall_now_ms();
  dispatch_set_unreadable(core, route, view);
  route->exit_withdraw = view->options != NULL && view->options->on_exit == BC_ON_EXIT_WITHDRAW;
  bool is_adopted = dispatch_adopt(core, route, view);
  /* A route that is announced is presumed healthy under a check that comes anew. */
  core_check_apply(core, route, view, route->is_wanted ? BC_HEALTH_UP : BC_HEALTH_UNKNOWN);
  core_policy_use(core, route, view);
  if (is_adopted) {
    core_policy_recall(core, route);
    dispatch_recall_probation(core, route);
  }
  dispatch_decide(core, route, view);
  dispatch_refresh(core, route, view);
  (void)dispatch_tell_standing(core, route, view);
}

void core_dispatch_again(struct bc_core *core, struct core_route *route) {
  core_policy_touch(core, route, false);
  core_dispatch_decided(core, route);
}

void core_dispatch_decided(struct bc_core *core, struct core_route *route) {
  struct bc_config_route view;
  if (core->is_exiting) {
    return;
  }
  bool found = bc_config_find(core->config, route->name, &view);
  dispatch_decide(core, route, found ? &view : NULL);
  dispatch_refresh(core, route, found ? &view : NULL);
}

void core_dispatch_all(struct bc_core *core) {
  struct core_route *route = NULL;
  bc_log(BC_LOG_NOTICE, "adminState of this node changed: deciding all routes again");
  (void)core_event_tell(core, BC_EVENT_NODE, NULL, 0,
                        core_event_detail("adminState", bc_admin_state_text(bc_config_admin_state(core->config))));
  while ((route = core_route_next(core, route)) != NULL) {
    core_dispatch_again(core, route);
  }
}

/* ---- start: what stands is presumed healthy, then the rib adopts ---- */

static void dispatch_start_rib(struct bc_core *core) {
  struct bc_mono now = bc_mono_now();
  bc_rib_keep_unnamed(core->rib, core_apply_lacks_names(core), now);
  bc_rib_start(core->rib, core->journal.was_lost, now);
  core_lease_withdraw_leaving(core);
}

/* One of its NLRI is enough: it was healthy for the core before this one. */
static bool dispatch_stood(struct bc_core *core, const struct bc_route *route) {
  bool stood = false;
  for (size_t i = 0; route != NULL && !stood && i < bc_route_nlri_count(route); i++) {
    stood = bc_rib_stood(core->rib, route->selector, bc_route_nlri(route, i), core->journal.was_lost);
  }
  return stood;
}

/* Of two with one identity the one that stood goes on, not the smaller name: the journal has its very words. */
static void dispatch_recall_standing(struct bc_core *core) {
  struct bc_config_route view = {0};
  bool is_disputed = bc_config_counts(core->config).faulty > 0;
  while (is_disputed && bc_config_each(core->config, view.name, &view)) {
    if (view.route != NULL && bc_rib_said(core->rib, view.route)) {
      bc_config_set_standing(core->config, view.name, true);
    }
  }
}

static void dispatch_log_start(struct bc_core *core) {
  (void)core_event_tell(core, BC_EVENT_NODE, NULL, 0, core_event_detail("ready", NULL));
  struct bc_rib_counts counts = bc_rib_counts(core->rib);
  bc_log(BC_LOG_NOTICE, "%zu routes configured, %zu foreign ones stand, %zu changes to write",
         bc_config_counts(core->config).routes, counts.foreign, counts.queued + counts.journal_waiting);
}

static bool dispatch_next_at_start(struct bc_core *core, bool alone, struct bc_config_route *view, bool *found) {
  return alone ? bc_config_next_changed_local(core->config, view, found)
               : bc_config_next_changed(core->config, view, found);
}

void core_dispatch_start(struct bc_core *core, bool alone) {
  core->routes_started = true;
  struct bc_config_route view;
  bool found;
  dispatch_recall_standing(core);
  core_guard_start(core);
  core_lease_name_leaving(core);
  while (dispatch_next_at_start(core, alone, &view, &found)) {
    if (!found) {
      continue;
    }
    struct core_route *route = dispatch_route_for(core, view.name);
    route->is_new = true;
    dispatch_set_unreadable(core, route, &view);
    route->exit_withdraw = view.options != NULL && view.options->on_exit == BC_ON_EXIT_WITHDRAW;
    bool stands = dispatch_stood(core, view.route);
    core_check_apply(core, route, &view, stands ? BC_HEALTH_UP : BC_HEALTH_UNKNOWN);
    core_policy_use(core, route, &view);
    if (stands) {
      dispatch_recall_probation(core, route);
    }
    /* Also what is then decided to go: so that it is known by name. */
    if (stands && !view.lost_identity) {
      dispatch_want_stood(core, route, &view);
    }
    dispatch_decide(core, route, &view);
    if (view.lost_identity) {
      bc_config_set_standing(core->config, route->name, false);
    }
  }
  (void)bc_config_take_admin_changed(core->config);
  dispatch_start_rib(core);
  struct core_route *route = NULL;
  while ((route = core_route_next(core, route)) != NULL) {
    bool known = bc_config_find(core->config, route->name, &view);
    dispatch_refresh(core, route, known ? &view : NULL);
  }
  core_guard_start_end(core);
  core_lastgood_dirty(core);
  dispatch_log_start(core);
}

bool core_dispatch_start_early(struct bc_core *core) {
  if (bc_rib_stood_any(core->rib, core->journal.was_lost)) {
    return false;
  }
  core->routes_started = true;
  (void)bc_config_take_admin_changed(core->config);
  dispatch_start_rib(core);
  bc_log(BC_LOG_NOTICE, "nothing of ours stands: routes are announced while the store lists them");
  return true;
}

void core_dispatch_passed(struct bc_core *core) {
  struct bc_config_route view;
  while (bc_config_next_passed(core->config, &view)) {
    if (core_route_find(core, view.name) == NULL) {
      core_route_make(core, view.name)->is_new = true;
    }
    core_dispatch_config(core, &view, true);
    core_link_pump(core);
  }
}

void core_dispatch_start_end(struct bc_core *core) {
  core_lastgood_dirty(core);
  dispatch_log_start(core);
}

/* ---- what the rib and the checks say ---- */

static void dispatch_tell_refusal(struct core_route *route, const struct core_view *view) {
  bool is_refused = view->state == BC_RIB_REFUSED && view->error != NULL;
  uint32_t hash = is_refused ? dispatch_hash(2166136261U, view->error) : route->error_hash;
  if (hash != route->error_hash) {
    bc_log(BC_LOG_ERROR, "route %s: %s", route->name, view->error);
  }
  route->error_hash = view->state == BC_RIB_ANNOUNCED ? 0 : hash;
}

/* What the RIB has of it changed; true when it came to stand, or stands no more. */
static bool dispatch_route_moved(struct bc_core *core, struct core_route *route) {
  struct core_view view;
  struct bc_config_route config;
  if (core_route_view(core, route, &view)) {
    dispatch_tell_refusal(route, &view);
  }
  bool was_standing = route->is_standing;
  /* Also while it goes over to other NLRI or neighbors: else another one could come in between. */
  bool is_moving = was_standing && route->is_wanted && (view.state == BC_RIB_PENDING || view.state == BC_RIB_SENT);
  route->is_standing = view.told > 0 || is_moving;
  bool found = bc_config_find(core->config, route->name, &config);
  if (found && dispatch_tell_standing(core, route, &config)) {
    found = bc_config_find(core->config, route->name, &config);
  }
  dispatch_show(core, route, found ? &config : NULL, &view);
  return route->is_standing != was_standing;
}

void core_dispatch_rib(struct bc_core *core) {
  const char *owner;
  struct core_route *last = NULL;
  bool is_moved = false;
  while (core->routes_started && (owner = bc_rib_next_changed(core->rib)) != NULL) {
    /* The NLRI of a list mostly change together. */
    core_wait_look(core, owner);
    if (last != NULL && strcmp(owner, last->name) != 0) {
      is_moved = dispatch_route_moved(core, last) || is_moved;
      last = NULL;
    }
    last = last == NULL ? core_route_find(core, owner) : last;
  }
  is_moved = (last != NULL && dispatch_route_moved(core, last)) || is_moved;
  if (is_moved && !core->is_exiting) {
    /* Another route with the same identity may have its turn now. */
    core_apply_changes(core);
  }
  core_address_on_rib(core);
}

void core_dispatch_result(struct bc_core *core, const struct core_result *result) {
  struct core_version *version = core_check_version(core, result->id, result->generation);
  if (version != NULL && result->status < BC_CHECK_STATUS_COUNT) {
    core_check_result(core, version, result);
  }
}

void core_dispatch_exit(struct bc_core *core) {
  struct core_route *route = NULL;
  while ((route = core_route_next(core, route)) != NULL) {
    if (route->exit_withdraw && route->is_wanted) {
      core_record_exit(core, route);
      core_want_nothing(core, route);
    }
  }
  core_address_exit(core);
}

void core_dispatch_free(struct bc_core *core) {
  struct core_route *route;
  while ((route = core_route_next(core, NULL)) != NULL) {
    core_address_forget(core, route);
    core_guard_forget(core, route);
    core_policy_use(core, route, NULL);
    core_check_remove(core, route);
    bc_route_release(core->intern, &route->claimed);
    core_route_free(core, route);
  }
}
