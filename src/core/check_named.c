/* Named checks: they run as long as a route rests on them, once for all of them. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

enum { NAMED_USERS_A_TURN = 256 };

static int named_compare(const struct core_named *a, const struct core_named *b) {
  return strcmp(a->check.name, b->check.name);
}

BC_TREE(core_named_tree, core_named, by_name, named_compare)

static struct core_named *named_find(struct bc_core *core, const char *name) {
  struct core_named wanted = {.check = {.name = name}};
  return RB_FIND(core_named_tree, &core->checks.named, &wanted);
}

const char *core_named_kept(struct bc_core *core, const char *name) {
  const struct core_named *named = named_find(core, name);
  return named == NULL ? NULL : named->check.kept;
}

struct core_named *core_named_after(struct bc_core *core, const char *name) {
  struct core_named wanted = {.check = {.name = name}};
  struct core_named *named = name == NULL ? RB_MIN(core_named_tree, &core->checks.named)
                                          : RB_NFIND(core_named_tree, &core->checks.named, &wanted);
  bool is_itself = named != NULL && name != NULL && strcmp(named->check.name, name) == 0;
  return is_itself ? RB_NEXT(core_named_tree, &core->checks.named, named) : named;
}

/* ---- what the configuration has ---- */

bool core_wish_of_route(const struct bc_config_route *view, struct core_wish *wish) {
  bool is_wished =
      view->is_subscribed && view->has_version && view->script.text != NULL && !view->options->check_is_none;
  if (is_wished) {
    *wish = (struct core_wish){.script = view->script, .options = view->options, .route = view->route};
  }
  return is_wished;
}

static bool named_find_wish(const struct bc_core *core, const char *name, struct core_wish *wish) {
  struct bc_config_check view;
  bool is_wished = bc_config_find_check(core->config, name, &view) && view.has_version && view.is_settled;
  if (is_wished) {
    *wish = (struct core_wish){.script = view.script, .options = view.options};
  }
  return is_wished;
}

bool core_check_find_wish(const struct bc_core *core, const struct core_check *check, struct core_wish *wish) {
  struct bc_config_route view;
  if (check->route == NULL) {
    return named_find_wish(core, check->name, wish);
  }
  return bc_config_find(core->config, check->name, &view) && core_wish_of_route(&view, wish);
}

/* ---- users that are to be decided again ---- */

static void named_on_due(void *arg) {
  struct bc_core *core = arg;
  struct core_checks *checks = &core->checks;
  struct core_named *named;
  for (unsigned turn = 0; turn < NAMED_USERS_A_TURN && (named = TAILQ_FIRST(&checks->due)) != NULL; turn++) {
    struct core_use *use = named->due_next == NULL ? TAILQ_FIRST(&named->users) : named->due_next;
    named->due_next = TAILQ_NEXT(use, link);
    if (--named->due_left == 0) {
      TAILQ_REMOVE(&checks->due, named, due);
    }
    core_dispatch_again(core, use->route);
  }
  if (!TAILQ_EMPTY(&checks->due)) {
    bc_timer_start(checks->due_timer, 0);
  }
  core_link_pump(core);
}

/* From where an earlier turn is: else a check that changes faster than its users are gone through would never reach the
 * last of them. */
void core_named_moved(struct bc_core *core, struct core_check *check) {
  struct core_named *named = (struct core_named *)((char *)check - offsetof(struct core_named, check));
  if (named->due_left == 0 && named->user_count > 0) {
    TAILQ_INSERT_TAIL(&core->checks.due, named, due);
  }
  named->due_left = named->user_count;
  if (!TAILQ_EMPTY(&core->checks.due) && !bc_timer_is_armed(core->checks.due_timer)) {
    bc_timer_start(core->checks.due_timer, 0);
  }
}

/* Those without a policy are in front: what their health decides is decided at once, however many others there are. */
void core_named_place(struct core_use *use, bool is_under_policy) {
  struct core_named *named = use->named;
  named->due_next = named->due_next == use ? TAILQ_NEXT(use, link) : named->due_next;
  named->news_next = named->news_next == use ? TAILQ_NEXT(use, link) : named->news_next;
  /* Whoever is not where it was may have been passed over, or would be counted twice. */
  named->due_left = named->due_left > 0 ? named->user_count : 0;
  named->news_left = named->news_left > 0 ? named->user_count : 0;
  TAILQ_REMOVE(&named->users, use, link);
  if (is_under_policy) {
    TAILQ_INSERT_TAIL(&named->users, use, link);
  } else {
    TAILQ_INSERT_HEAD(&named->users, use, link);
  }
}

/* ---- life ---- */

static bool named_has_standing_user(const struct core_named *named) {
  const struct core_use *use;
  TAILQ_FOREACH(use, &named->users, link) {
    if (use->route->is_wanted) {
      return true;
    }
  }
  return false;
}

/* What stands was announced without this check, or with it as it was: it has to pass once before it may withdraw. */
static void named_doubt(struct bc_core *core, struct core_named *named) {
  struct bc_health *health = &named->check.health;
  if (health->state == BC_HEALTH_DOWN) {
    bc_health_start(health, BC_HEALTH_UNKNOWN, bc_mono_now());
    core_named_moved(core, &named->check);
  }
  health->on_probation = true;
  core_lastgood_dirty(core);
}

static void named_take(struct bc_core *core, struct core_named *named) {
  struct core_check *check = &named->check;
  struct core_wish wish;
  enum bc_health_state before = check->health.state;
  if (named_find_wish(core, check->name, &wish)) {
    bool is_first = check->running.script == NULL;
    core_check_take(core, check, &wish);
    if (is_first && bc_rib_is_started(core->rib) && named_has_standing_user(named)) {
      named_doubt(core, named);
    }
  } else {
    core_check_idle(core, check);
  }
  if (check->health.state != before) {
    core_named_moved(core, check);
  }
}

static struct core_named *named_provide(struct bc_core *core, const char *name) {
  struct core_named *named = named_find(core, name);
  if (named == NULL) {
    named = bc_mem_new(1, sizeof *named);
    TAILQ_INIT(&named->users);
    core_check_init(core, &named->check, name, BC_HEALTH_UNKNOWN);
    (void)RB_INSERT(core_named_tree, &core->checks.named, named);
  }
  return named;
}

static void named_release(struct bc_core *core, struct core_named *named) {
  if (named->user_count > 0) {
    return;
  }
  RB_REMOVE(core_named_tree, &core->checks.named, named);
  core_check_fini(core, &named->check);
  free(named);
}

/* ---- uses ---- */

static bool named_is_used(const struct core_uses *uses, const char *name) {
  for (unsigned i = 0; uses != NULL && i < uses->count; i++) {
    if (strcmp(uses->each[i].named->check.name, name) == 0) {
      return true;
    }
  }
  return false;
}

static void named_attach(struct bc_core *core, struct core_use *use, struct core_route *route, const char *name) {
  struct core_named *named = named_provide(core, name);
  *use = (struct core_use){.named = named, .route = route};
  TAILQ_INSERT_HEAD(&named->users, use, link);
  named->user_count++;
  if (named->check.running.script == NULL) {
    named_take(core, named);
  } else if (route->is_wanted && bc_rib_is_started(core->rib) && !named->check.running.has_passed &&
             !named_is_used(route->uses, name)) {
    named_doubt(core, named);
  }
}

static void named_detach(struct bc_core *core, struct core_use *use) {
  struct core_named *named = use->named;
  if (named->due_next == use) {
    named->due_next = TAILQ_NEXT(use, link);
  }
  core_history_on_detach(core, use);
  TAILQ_REMOVE(&named->users, use, link);
  named->user_count--;
  if (named->due_left > named->user_count) {
    named->due_left = named->user_count;
    if (named->due_left == 0) {
      TAILQ_REMOVE(&core->checks.due, named, due);
    }
  }
  named_release(core, named);
}

static bool named_is_same(const struct core_uses *uses, const struct bc_options *options) {
  unsigned count = uses == NULL ? 0 : uses->count;
  bool is_same = count == (options == NULL ? 0 : options->check_count);
  for (unsigned i = 0; is_same && i < count; i++) {
    is_same = strcmp(uses->each[i].named->check.name, options->checks[i]) == 0;
  }
  return is_same;
}

static struct core_uses *named_make_uses(struct bc_core *core, struct core_route *route,
                                         const struct bc_options *options) {
  unsigned count = options == NULL ? 0 : options->check_count;
  if (count == 0) {
    return NULL;
  }
  struct core_uses *made = bc_mem_new(1, sizeof *made + count * sizeof made->each[0]);
  made->count = count;
  for (unsigned i = 0; i < count; i++) {
    named_attach(core, &made->each[i], route, options->checks[i]);
  }
  return made;
}

void core_named_use(struct bc_core *core, struct core_route *route, const struct bc_config_route *view) {
  const struct bc_options *options = view != NULL && view->is_subscribed && view->has_version ? view->options : NULL;
  if (!named_is_same(route->uses, options)) {
    struct core_uses *left = route->uses;
    route->uses = named_make_uses(core, route, options);
    for (unsigned i = 0; left != NULL && i < left->count; i++) {
      named_detach(core, &left->each[i]);
    }
    free(left);
  }
  if (route->uses != NULL && options != NULL) {
    route->uses->combine = options->combine;
    route->uses->at_least = options->at_least;
  }
}

void core_named_recall_probation(const struct bc_core *core, const struct core_route *route) {
  for (unsigned i = 0; route->uses != NULL && i < route->uses->count; i++) {
    struct core_check *check = &route->uses->each[i].named->check;
    if (!check->running.has_passed) {
      check->health.on_probation = core_lastgood_was_on_probation(core, check);
    }
  }
}

/* ---- changes ---- */

void core_named_apply_changes(struct bc_core *core) {
  struct bc_config_check view;
  bool found;
  while (bc_config_next_changed_check(core->config, &view, &found)) {
    struct core_named *named = named_find(core, view.name);
    if (named != NULL) {
      named_take(core, named);
    }
    core_lastgood_dirty(core);
  }
}

void core_named_open(struct bc_core *core) {
  TAILQ_INIT(&core->checks.due);
  core->checks.due_timer = bc_timer_new(core->loop, named_on_due, core);
}

void core_named_close(struct bc_core *core) {
  bc_timer_free(core->checks.due_timer);
}
