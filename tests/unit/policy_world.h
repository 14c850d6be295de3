/* Routes and JSON for the tests of what policies say of them. */
#ifndef BC_TESTS_POLICY_WORLD_H
#define BC_TESTS_POLICY_WORLD_H

#include "model/policy_verdict.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bc_intern *intern;

static int setup(void **state) {
  (void)state;
  intern = bc_intern_new();
  return 0;
}

/* Every test gives back all texts that it took. */
static int teardown(void **state) {
  (void)state;
  size_t left = bc_intern_count(intern);
  bc_intern_free(intern);
  return left == 0 ? 0 : -1;
}

static struct bc_route route_of(const char *text) {
  struct bc_route route;
  struct bc_fault fault;
  if (bc_route_parse(intern, bc_str_of(text), &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: column %zu: %s", text, fault.column, fault.text);
  }
  return route;
}

static json_t *json_of(const char *text) {
  json_error_t error;
  json_t *value = json_loads(text, 0, &error);
  if (value == NULL) {
    fail_msg("%s: %s", text, error.text);
  }
  return value;
}

#endif
