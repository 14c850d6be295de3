/* What a route wants of the RIB, NLRI by NLRI. */
#include "core/private.h"

#include <string.h>

/* Not when it went over to another route. */
static void want_drop_nlri(struct bc_core *core, struct core_route *route, size_t i) {
  struct bc_rib_view view;
  if (core_route_find_nlri(core, route, i, &view)) {
    bc_rib_set_mark(core->rib, route->record);
    bc_rib_unwant(core->rib, route->claimed.selector, bc_route_nlri(&route->claimed, i), bc_mono_now());
  }
}

static size_t want_count(const struct core_route *route) {
  return route->is_wanted ? bc_route_nlri_count(&route->claimed) : 0;
}

void core_want_nothing(struct bc_core *core, struct core_route *route) {
  core_guard_count(core, route, want_count(route), 0);
  for (size_t i = 0; route->has_claim && i < bc_route_nlri_count(&route->claimed); i++) {
    want_drop_nlri(core, route, i);
  }
  route->is_wanted = false;
}

void core_want_drop_claim(struct bc_core *core, struct core_route *route) {
  if (!route->has_claim) {
    return;
  }
  core_want_nothing(core, route);
  bc_route_release(core->intern, &route->claimed);
  route->has_claim = false;
}

bool core_want_is_same(const struct bc_route *a, const struct bc_route *b) {
  size_t count = bc_route_nlri_count(a);
  bool is_same = a->selector == b->selector && count == bc_route_nlri_count(b);
  for (size_t i = 0; is_same && i < count; i++) {
    is_same = bc_nlri_compare(bc_route_nlri(a, i), bc_route_nlri(b, i)) == 0;
  }
  return is_same;
}

/* What it has now and will not have any more; both lists are in order. */
static void want_drop_rest(struct bc_core *core, struct core_route *route, const struct bc_route *wanted) {
  size_t count = bc_route_nlri_count(wanted);
  size_t at = 0;
  for (size_t i = 0; i < bc_route_nlri_count(&route->claimed); i++) {
    int order = 1;
    while (at < count && (order = bc_nlri_compare(bc_route_nlri(wanted, at), bc_route_nlri(&route->claimed, i))) < 0) {
      at++;
    }
    if (at == count || order != 0) {
      want_drop_nlri(core, route, i);
    }
  }
}

/* While its new version is pushed back others may have won what it had. */
static bool want_is_anothers(const struct bc_core *core, const struct core_route *route, size_t i) {
  struct bc_rib_view view;
  return bc_rib_find(core->rib, route->claimed.selector, bc_route_nlri(&route->claimed, i), &view) &&
         view.wanted != NULL && view.owner != NULL && strcmp(view.owner, route->name) != 0;
}

static void want_each(struct bc_core *core, const struct core_route *route, const struct bc_route *wanted) {
  for (size_t i = 0; i < bc_route_nlri_count(wanted); i++) {
    if (wanted == &route->claimed && want_is_anothers(core, route, i)) {
      continue;
    }
    struct bc_route single = bc_route_single(wanted, i);
    bc_rib_want(core->rib, route->name, &single, bc_mono_now());
    bc_route_release(core->intern, &single);
  }
}

void core_want_route(struct bc_core *core, struct core_route *route, const struct bc_route *wanted) {
  if (route->has_claim && route->claimed.selector != wanted->selector) {
    core_want_drop_claim(core, route);
  } else if (route->has_claim && !core_want_is_same(&route->claimed, wanted)) {
    want_drop_rest(core, route, wanted);
  } else if (route->has_claim && route->is_wanted && route->is_marked && bc_route_equal(&route->claimed, wanted)) {
    return;
  }
  bc_rib_set_mark(core->rib, route->record);
  route->is_marked = true;
  want_each(core, route, wanted);
  size_t before = want_count(route);
  if (!route->has_claim) {
    route->claimed = bc_route_copy(wanted);
  } else if (wanted != &route->claimed) {
    bc_route_release(core->intern, &route->claimed);
    route->claimed = bc_route_copy(wanted);
  }
  route->has_claim = true;
  route->is_wanted = true;
  core_guard_count(core, route, before, want_count(route));
}
