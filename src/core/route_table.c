/* The routes of the core, by name. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

static int route_table_compare(const struct core_route *a, const struct core_route *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(core_route_tree, core_route, by_name, route_table_compare)

struct core_route *core_route_find(struct bc_core *core, const char *name) {
  struct core_route wanted = {.name = name};
  struct core_route *found = core->found;
  /* What happens to a route looks it up more than once. */
  if (found == NULL || strcmp(found->name, name) != 0) {
    found = core->found = RB_FIND(core_route_tree, &core->routes, &wanted);
  }
  return found;
}

struct core_route *core_route_make(struct bc_core *core, const char *name) {
  struct core_route *route = bc_mem_new(1, sizeof *route);
  route->name = bc_intern_get(core->intern, bc_str_of(name));
  route->since_ms = bc_wall_now_ms();
  RB_INSERT(core_route_tree, &core->routes, route);
  core->by_state[route->state]++;
  core->found = route;
  return route;
}

struct core_route *core_route_next(struct bc_core *core, struct core_route *route) {
  return route == NULL ? RB_MIN(core_route_tree, &core->routes) : RB_NEXT(core_route_tree, &core->routes, route);
}

struct core_route *core_route_after(struct bc_core *core, const char *name) {
  struct core_route wanted = {.name = name};
  struct core_route *route =
      name == NULL ? RB_MIN(core_route_tree, &core->routes) : RB_NFIND(core_route_tree, &core->routes, &wanted);
  bool is_itself = route != NULL && name != NULL && strcmp(route->name, name) == 0;
  return is_itself ? RB_NEXT(core_route_tree, &core->routes, route) : route;
}

void core_route_free(struct bc_core *core, struct core_route *route) {
  RB_REMOVE(core_route_tree, &core->routes, route);
  core->found = core->found == route ? NULL : core->found;
  bc_intern_put(core->intern, route->name);
  free(route);
}
