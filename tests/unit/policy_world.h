/* Routes and JSON for the tests of what policies say of them. */
#ifndef BC_TESTS_POLICY_WORLD_H
#define BC_TESTS_POLICY_WORLD_H

#include "model/policy_verdict.h"

#include "base/limits.h"
#include "route_world.h"

static json_t *json_of(const char *text) {
  json_error_t error;
  json_t *value = json_loads(text, 0, &error);
  if (value == NULL) {
    fail_msg("%s: %s", text, error.text);
  }
  return value;
}

#endif
