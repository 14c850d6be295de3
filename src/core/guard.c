#include "base/mem.h"
#include "core/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD_TEXT_BYTES = BC_FAULT_TEXT_BYTES + 64 };

/* ---- room under max_routes ---- */

static void guard_wait(struct bc_core *core, struct core_guarded *guarded, bool waits) {
  if (guarded->is_waiting == waits) {
    return;
  }
  guarded->is_waiting = waits;
  if (waits) {
    TAILQ_INSERT_TAIL(&core->guard.waiting, guarded, waiting);
  } else {
    TAILQ_REMOVE(&core->guard.waiting, guarded, waiting);
  }
}

static void guard_tolerate(struct bc_core *core, struct core_guarded *guarded, bool is_tolerated) {
  core->guard.tolerated += is_tolerated ? 1U : 0U;
  core->guard.tolerated -= guarded->is_tolerated ? 1U : 0U;
  guarded->is_tolerated = is_tolerated;
}

static bool guard_has_room(const struct bc_core *core) {
  return !core->guard.is_starting &&
         bc_guard_judge_count(core->guard.guard, core->guard.announced, 1, NULL) == BC_GUARD_ALLOWS;
}

/* Who waits longest comes first; one that is too large for what room there is waits on. */
static void guard_on_room(void *arg) {
  struct bc_core *core = arg;
  struct core_guarded *last = TAILQ_LAST(&core->guard.waiting, core_guarded_list);
  struct core_guarded *guarded = TAILQ_FIRST(&core->guard.waiting);
  bool was_last = false;
  bool is_first = core->guard.is_started;
  core->guard.is_started = false;
  while (guarded != NULL && !was_last && (is_first || guard_has_room(core))) {
    was_last = guarded == last;
    guard_wait(core, guarded, false);
    core_dispatch_again(core, guarded->route);
    guarded = TAILQ_FIRST(&core->guard.waiting);
  }
}

void core_guard_count(struct bc_core *core, struct core_route *route, size_t before, size_t after) {
  if (after == 0 && route->guarded != NULL) {
    guard_tolerate(core, route->guarded, false);
  }
  core->guard.announced = core->guard.announced - before + after;
  if (after < before && !TAILQ_EMPTY(&core->guard.waiting) && guard_has_room(core)) {
    bc_timer_start(core->guard.room_timer, 0);
  }
}

void core_guard_start(struct bc_core *core) {
  core->guard.is_starting = true;
}

void core_guard_start_end(struct bc_core *core) {
  core->guard.is_starting = false;
  core->guard.is_started = true;
  if (!TAILQ_EMPTY(&core->guard.waiting)) {
    bc_timer_start(core->guard.room_timer, 0);
  }
}

/* ---- judging ---- */

static void guard_set(struct bc_core *core, struct core_route *route, const char *reason, bool forbids) {
  struct core_guarded *guarded = route->guarded;
  const char *made = bc_intern_get(core->intern, bc_str_of(reason));
  if (guarded == NULL) {
    guarded = route->guarded = bc_mem_new(1, sizeof *guarded);
    guarded->route = route;
  }
  bc_intern_put(core->intern, guarded->before);
  guarded->before = guarded->reason;
  guarded->reason = made;
  guarded->forbids = forbids;
  if (guarded->fault == NULL || guarded->before != made) {
    struct bc_buf fault;
    bc_buf_init(&fault, GUARD_TEXT_BYTES + BC_LIMIT_KEY_BYTES);
    bc_buf_add_format(&fault, "routes/%s: %s", route->name, reason);
    free(guarded->fault);
    guarded->fault = bc_buf_take(&fault);
  }
}

static void guard_clear(struct bc_core *core, struct core_guarded *guarded) {
  if (guarded->reason != NULL) {
    bc_intern_put(core->intern, guarded->before);
    guarded->before = guarded->reason;
    guarded->reason = NULL;
    free(guarded->fault);
    guarded->fault = NULL;
  }
  guarded->forbids = false;
}

/* NLRI that would come to those that are announced already. */
static size_t guard_growth(const struct core_route *route, const struct bc_route *wanted) {
  size_t now = route->is_wanted ? bc_route_nlri_count(&route->claimed) : 0;
  size_t then = bc_route_nlri_count(wanted);
  return then > now ? then - now : 0;
}

void core_guard_judge(struct bc_core *core, struct core_route *route, const struct bc_route *wanted) {
  struct core_guard *state = &core->guard;
  struct bc_fault stands = {0};
  struct bc_fault comes = {0};
  struct bc_fault room = {0};
  enum bc_guard_answer standing =
      route->is_wanted ? bc_guard_judge(state->guard, &route->claimed, &stands) : BC_GUARD_ALLOWS;
  enum bc_guard_answer coming = wanted == NULL ? BC_GUARD_ALLOWS : bc_guard_judge(state->guard, wanted, &comes);
  enum bc_guard_answer counted = BC_GUARD_ALLOWS;
  if (wanted != NULL && coming == BC_GUARD_ALLOWS) {
    size_t growth = guard_growth(route, wanted);
    counted = bc_guard_judge_count(state->guard, state->is_starting ? SIZE_MAX : state->announced, growth, &room);
    if (counted != BC_GUARD_ALLOWS && state->is_starting) {
      bc_fault_set(&room, 0, "max_routes: what stands is counted first");
    }
  }
  if (standing == BC_GUARD_FORBIDS) {
    guard_set(core, route, stands.text, true);
  } else if (coming != BC_GUARD_ALLOWS || counted != BC_GUARD_ALLOWS) {
    char text[GUARD_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%s%s", coming != BC_GUARD_ALLOWS ? comes.text : room.text,
                   route->is_wanted ? "; what stands of it stays" : "");
    guard_set(core, route, text, false);
  } else if (route->guarded != NULL) {
    guard_clear(core, route->guarded);
  }
  if (route->guarded != NULL) {
    guard_wait(core, route->guarded, counted != BC_GUARD_ALLOWS && standing != BC_GUARD_FORBIDS);
    guard_tolerate(core, route->guarded, standing == BC_GUARD_REFUSES);
  }
}

const char *core_guard_reason(const struct core_route *route) {
  return route->guarded == NULL ? NULL : route->guarded->reason;
}

bool core_guard_forbids(const struct core_route *route) {
  return route->guarded != NULL && route->guarded->forbids;
}

const char *core_guard_fault(const struct core_route *route) {
  return route->guarded == NULL ? NULL : route->guarded->fault;
}

void core_guard_warn(const struct bc_core *core, char *line, size_t room) {
  (void)snprintf(line, room, "%s", "");
  if (core->guard.tolerated > 0) {
    (void)snprintf(
        line, room,
        "%zu routes stand that the node file does not allow (any more): they stay until they are withdrawn for "
        "another reason; announce_deny withdraws them",
        core->guard.tolerated);
  }
}

/* ---- life ---- */

void core_guard_forget(struct bc_core *core, struct core_route *route) {
  struct core_guarded *guarded = route->guarded;
  if (guarded == NULL) {
    return;
  }
  guard_wait(core, guarded, false);
  guard_tolerate(core, guarded, false);
  bc_intern_put(core->intern, guarded->reason);
  bc_intern_put(core->intern, guarded->before);
  free(guarded->fault);
  free(guarded);
  route->guarded = NULL;
}

void core_guard_open(struct bc_core *core) {
  core->guard.guard = bc_guard_of(core->settings);
  core->guard.room_timer = bc_timer_new(core->loop, guard_on_room, core);
  TAILQ_INIT(&core->guard.waiting);
}

void core_guard_close(struct bc_core *core) {
  bc_timer_free(core->guard.room_timer);
  core->guard.room_timer = NULL;
  bc_guard_free(core->guard.guard);
  core->guard.guard = NULL;
}
