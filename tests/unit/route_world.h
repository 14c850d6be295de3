/* Routes for tests. */
#ifndef BC_TESTS_ROUTE_WORLD_H
#define BC_TESTS_ROUTE_WORLD_H

#include "model/route.h"

#include "intern_world.h"

static struct bc_route route_of(const char *text) {
  struct bc_route route;
  struct bc_fault fault;
  if (bc_route_parse(intern, bc_str_of(text), &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: column %zu: %s", text, fault.column, fault.text);
  }
  return route;
}

#endif
