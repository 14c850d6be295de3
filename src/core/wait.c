/* Who waits for what becomes of a route's last command. Looked at whenever the route was decided or the RIB has
 * something new of it; told in a turn of the loop of its own. */
#include "base/mem.h"
#include "core/lease_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_TEXT_BYTES = 512 };

struct core_wait {
  RB_ENTRY(core_wait) by_name;
  TAILQ_ENTRY(core_wait) queue; /* while is_queued: to be looked at */
  struct core_waits *waits;
  const char *name; /* interned */
  uint64_t number;
  struct bc_route route; /* of a withdraw: what is to go; of a route of the API: as it was asked for */
  bool has_route;
  bool wants_announced;
  enum core_wait_for wait_for;
  struct bc_timer *timer;
  core_wait_fn *fn;
  void *arg;
  bool is_queued;
  bool is_over;
  enum core_wait_outcome outcome;
  char text[WAIT_TEXT_BYTES];
};

RB_HEAD(core_wait_tree, core_wait);
TAILQ_HEAD(core_wait_list, core_wait);

struct core_waits {
  struct bc_core *core;
  struct core_wait_tree by_name;
  struct core_wait_list queue;
  struct bc_timer *timer; /* looks at them */
  size_t count;
  uint64_t last;
};

static int wait_compare(const struct core_wait *a, const struct core_wait *b) {
  int order = strcmp(a->name, b->name);
  return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

BC_TREE(core_wait_tree, core_wait, by_name, wait_compare)

/* ---- judging ---- */

static void wait_end(struct core_wait *wait, enum core_wait_outcome outcome, const char *text) {
  wait->is_over = true;
  wait->outcome = outcome;
  (void)snprintf(wait->text, sizeof wait->text, "%.*s", (int)sizeof wait->text - 1, text == NULL ? "" : text);
}

/* All of it: the worst is what counts. */
struct wait_sight {
  bool is_refused;
  bool is_open;    /* not acked */
  bool is_unshown; /* not confirmed */
  bool is_standby;
  char error[WAIT_TEXT_BYTES];
};

static void wait_see(struct wait_sight *sight, const struct bc_rib_view *view, bool is_there) {
  if (view->state == BC_RIB_REFUSED || view->state == BC_RIB_FOREIGN) {
    sight->is_refused = true;
    (void)snprintf(sight->error, sizeof sight->error, "%s", view->error == NULL ? "ExaBGP refused it" : view->error);
  }
  sight->is_open = sight->is_open || !view->is_acked;
  sight->is_standby = sight->is_standby || view->state == BC_RIB_STANDBY;
  sight->is_unshown = sight->is_unshown || view->state != (is_there ? BC_RIB_ANNOUNCED : BC_RIB_NONE);
}

static void wait_judge_sight(struct core_wait *wait, const struct wait_sight *sight, const struct core_route *route) {
  if (sight->is_refused) {
    wait_end(wait, CORE_WAIT_REFUSED, sight->error);
  } else if (sight->is_open) {
    return;
  } else if (wait->wait_for == CORE_WAIT_ACK || !sight->is_unshown) {
    wait_end(wait, CORE_WAIT_DONE, NULL);
  } else if (sight->is_standby && route != NULL) {
    char why[256];
    core_route_standby_reason(wait->waits->core, route, why, sizeof why);
    wait_end(wait, CORE_WAIT_HELD, why[0] != '\0' ? why : "no session is up that it goes to");
  }
}

/* What ExaBGP says of another version says nothing of this one. */
static bool wait_is_superseded(const struct core_wait *wait) {
  struct bc_config_route view;
  return wait->has_route && bc_config_find(wait->waits->core->config, wait->name, &view) && view.route != NULL &&
         !bc_route_equal(view.route, &wait->route);
}

static void wait_judge_announced(struct core_wait *wait) {
  struct bc_core *core = wait->waits->core;
  const struct core_route *route = core_route_find(core, wait->name);
  struct bc_config_route view;
  if (wait_is_superseded(wait)) {
    wait_end(wait, CORE_WAIT_GONE, "something else was asked for meanwhile");
    return;
  }
  if (route == NULL) {
    if (core->routes_started && !bc_config_find(core->config, wait->name, &view)) {
      wait_end(wait, CORE_WAIT_GONE, "it was removed meanwhile");
    }
    return;
  }
  if (route->decision.verdict != BC_VERDICT_ANNOUNCE || !route->is_wanted) {
    char why[CORE_REASON_BYTES];
    core_route_explain(route, why, sizeof why);
    wait_end(wait, CORE_WAIT_HELD, why);
    return;
  }
  struct wait_sight sight = {0};
  for (size_t i = 0; i < bc_route_nlri_count(&route->claimed); i++) {
    struct bc_rib_view each;
    if (core_route_find_nlri(core, route, i, &each)) {
      wait_see(&sight, &each, true);
    } else {
      sight.is_open = true;
    }
  }
  wait_judge_sight(wait, &sight, route);
}

static void wait_judge_withdrawn(struct core_wait *wait) {
  struct bc_core *core = wait->waits->core;
  const struct core_route *route = core_route_find(core, wait->name);
  if (route != NULL && route->is_wanted) {
    wait_end(wait, CORE_WAIT_GONE, "it is wanted again");
    return;
  }
  struct wait_sight sight = {.is_open = !bc_rib_is_started(core->rib)};
  for (size_t i = 0; wait->has_route && i < bc_route_nlri_count(&wait->route); i++) {
    struct bc_rib_view each;
    bool is_there = bc_rib_find(core->rib, wait->route.selector, bc_route_nlri(&wait->route, i), &each);
    /* Another route that has it now has nothing to do with the end of this one. */
    if (is_there && each.wanted == NULL) {
      wait_see(&sight, &each, false);
    }
  }
  wait_judge_sight(wait, &sight, NULL);
}

static void wait_judge(struct core_wait *wait) {
  if (wait->waits->core->is_exiting) {
    wait_end(wait, CORE_WAIT_GONE, "bgpcommander is ending");
  } else if (wait->wants_announced) {
    wait_judge_announced(wait);
  } else {
    wait_judge_withdrawn(wait);
  }
}

/* ---- the queue ---- */

/* What is decided reaches the RIB a moment later: so it is looked at in the next turn of the loop. */
static void wait_queue(struct core_wait *wait) {
  if (!wait->is_queued) {
    wait->is_queued = true;
    TAILQ_INSERT_TAIL(&wait->waits->queue, wait, queue);
    bc_timer_start(wait->waits->timer, 0);
  }
}

static void wait_free(struct core_wait *wait) {
  struct core_waits *waits = wait->waits;
  if (wait->is_queued) {
    TAILQ_REMOVE(&waits->queue, wait, queue);
  }
  RB_REMOVE(core_wait_tree, &waits->by_name, wait);
  waits->count--;
  bc_timer_free(wait->timer);
  bc_route_release(waits->core->intern, &wait->route);
  bc_intern_put(waits->core->intern, wait->name);
  free(wait);
}

static void wait_tell(struct core_wait *wait) {
  core_wait_fn *fn = wait->fn;
  void *arg = wait->arg;
  enum core_wait_outcome outcome = wait->outcome;
  char text[WAIT_TEXT_BYTES];
  (void)snprintf(text, sizeof text, "%s", wait->text);
  wait_free(wait);
  fn(arg, outcome, text);
}

static void wait_on_queue(void *arg) {
  struct core_waits *waits = arg;
  struct core_wait *wait;
  while ((wait = TAILQ_FIRST(&waits->queue)) != NULL) {
    TAILQ_REMOVE(&waits->queue, wait, queue);
    wait->is_queued = false;
    if (!wait->is_over) {
      wait_judge(wait);
    }
    if (wait->is_over) {
      wait_tell(wait);
    }
  }
}

static void wait_on_late(void *arg) {
  struct core_wait *wait = arg;
  wait_judge(wait);
  if (!wait->is_over) {
    wait_end(wait, CORE_WAIT_LATE, "no answer in time: what became of it is not known");
  }
  wait_queue(wait);
}

void core_wait_look(struct bc_core *core, const char *name) {
  struct core_waits *waits = core->waits;
  struct core_wait from = {.name = name};
  if (waits == NULL || waits->count == 0) {
    return;
  }
  struct core_wait *wait = RB_NFIND(core_wait_tree, &waits->by_name, &from);
  for (; wait != NULL && strcmp(wait->name, name) == 0; wait = RB_NEXT(core_wait_tree, &waits->by_name, wait)) {
    wait_queue(wait);
  }
}

/* ---- beginning and end ---- */

/* What it was: of a lease that was removed the text is still there. */
static bool wait_take_route(struct core_wait *wait) {
  struct bc_core *core = wait->waits->core;
  if (wait->wants_announced) {
    const struct bc_lease *put = bc_leases_find(core->leases->table, wait->name);
    return put != NULL && core_lease_parse(core->leases, put, &wait->route);
  }
  const struct core_route *route = core_route_find(core, wait->name);
  if (route != NULL && route->has_claim) {
    wait->route = bc_route_copy(&route->claimed);
    return true;
  }
  const struct bc_lease *lease = bc_leases_find_leaving(core->leases->table, wait->name);
  return lease != NULL && core_lease_parse(core->leases, lease, &wait->route);
}

struct core_wait *core_wait_begin(struct bc_core *core, const char *name, bool wants_announced,
                                  enum core_wait_for wait_for, unsigned timeout_ms, core_wait_fn *fn, void *arg) {
  struct core_waits *waits = core->waits;
  if (waits->count >= BC_LIMIT_WAITS) {
    return NULL;
  }
  struct core_wait *wait = bc_mem_new(1, sizeof *wait);
  *wait = (struct core_wait){.waits = waits,
                             .name = bc_intern_get(core->intern, bc_str_of(name)),
                             .number = ++waits->last,
                             .wants_announced = wants_announced,
                             .wait_for = wait_for,
                             .fn = fn,
                             .arg = arg};
  wait->has_route = wait_take_route(wait);
  wait->timer = bc_timer_new(core->loop, wait_on_late, wait);
  (void)RB_INSERT(core_wait_tree, &waits->by_name, wait);
  waits->count++;
  bc_timer_start(wait->timer, timeout_ms);
  wait_queue(wait);
  return wait;
}

void core_wait_cancel(struct core_wait *wait) {
  wait_free(wait);
}

void core_wait_open(struct bc_core *core) {
  struct core_waits *waits = bc_mem_new(1, sizeof *waits);
  core->waits = waits;
  waits->core = core;
  RB_INIT(&waits->by_name);
  TAILQ_INIT(&waits->queue);
  waits->timer = bc_timer_new(core->loop, wait_on_queue, waits);
}

void core_wait_close(struct bc_core *core) {
  struct core_wait *wait;
  if (core->waits == NULL) {
    return;
  }
  while ((wait = RB_MIN(core_wait_tree, &core->waits->by_name)) != NULL) {
    wait_free(wait);
  }
  bc_timer_free(core->waits->timer);
  free(core->waits);
  core->waits = NULL;
}

void core_wait_end_all(struct bc_core *core) {
  struct core_wait *wait;
  if (core->waits != NULL) {
    RB_FOREACH(wait, core_wait_tree, &core->waits->by_name) {
      wait_queue(wait);
    }
  }
}
