/* A route as one: what the RIB has of each of its NLRI, put together. */
#include "core/private.h"

#include <stdio.h>
#include <string.h>

/* The worst of them is the route's. */
static unsigned view_rank(enum bc_rib_state state) {
  switch (state) {
  case BC_RIB_REFUSED:
    return 9;
  case BC_RIB_FOREIGN:
    return 8;
  case BC_RIB_UNCONFIRMED:
    return 7;
  case BC_RIB_PENDING:
    return 6;
  case BC_RIB_SENT:
    return 5;
  case BC_RIB_ACKED:
    return 4;
  case BC_RIB_WITHDRAWING:
    return 3;
  case BC_RIB_NONE:
    return 2;
  case BC_RIB_STANDBY:
    return 1;
  case BC_RIB_ANNOUNCED:
    break;
  }
  return 0;
}

bool core_route_find_nlri(const struct bc_core *core, const struct core_route *route, size_t i,
                          struct bc_rib_view *view) {
  return bc_rib_find(core->rib, route->claimed.selector, bc_route_nlri(&route->claimed, i), view) &&
         (view->owner == NULL || strcmp(view->owner, route->name) == 0);
}

static void view_add(struct core_view *to, const struct bc_rib_view *view, size_t i) {
  bool is_worse = to->count == 0 || view_rank(view->state) > view_rank(to->state);
  to->state = is_worse ? view->state : to->state;
  if (view->error != NULL && (to->error == NULL || is_worse)) {
    to->error = view->error;
    to->error_at = i;
  }
  to->on_wire = to->count == 0 ? view->on_wire : to->on_wire & view->on_wire;
  to->missing |= view->missing;
  to->told += view->told != NULL;
  to->announced += view->state == BC_RIB_ANNOUNCED;
  to->is_alarmed = to->is_alarmed || view->is_alarmed;
  to->count++;
}

bool core_route_view(const struct bc_core *core, const struct core_route *route, struct core_view *to) {
  bool is_any = false;
  *to = (struct core_view){.state = BC_RIB_NONE};
  for (size_t i = 0; route->has_claim && i < bc_route_nlri_count(&route->claimed); i++) {
    struct bc_rib_view view;
    bool has_view = core_route_find_nlri(core, route, i, &view);
    is_any = is_any || has_view;
    view_add(to, has_view ? &view : &(struct bc_rib_view){.state = BC_RIB_NONE}, i);
  }
  return is_any;
}

/* ---- why nobody gets it ---- */

static const char *view_standby_of(const struct bc_rib_neighbor *neighbor, enum bc_family family) {
  uint32_t bit = UINT32_C(1) << family;
  if (!neighbor->is_established) {
    return NULL;
  }
  return (neighbor->configured & bit) == 0   ? "is not configured for"
         : (neighbor->negotiated & bit) == 0 ? "was not negotiated with"
                                             : NULL;
}

void core_route_standby_reason(const struct bc_core *core, const struct core_route *route, char *text, size_t room) {
  enum bc_family family = (enum bc_family)route->claimed.nlri.family;
  size_t used = 0;
  text[0] = '\0';
  for (unsigned i = 0; i < bc_rib_neighbor_count(core->rib); i++) {
    const struct bc_rib_neighbor *neighbor = bc_rib_neighbor_get(core->rib, i);
    bool is_meant = neighbor->is_ours && bc_selector_selects(route->claimed.selector, &neighbor->name);
    const char *what = is_meant ? view_standby_of(neighbor, family) : NULL;
    if (what != NULL && used < room) {
      int len = snprintf(text + used, room - used, "%s%s %s %s", used > 0 ? ", " : "", bc_family_text(family), what,
                         neighbor->name.ip);
      used += len > 0 ? (size_t)len : 0;
    }
  }
}
