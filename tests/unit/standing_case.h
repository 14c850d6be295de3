/* Routes as ExaBGP lists them, beside the configuration that they came from. */
#ifndef BC_TESTS_STANDING_CASE_H
#define BC_TESTS_STANDING_CASE_H

#include "model/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct standing_case {
  enum bc_family family;
  const char *listed; /* ExaBGP 4.2.21 or 5.0, show adj-rib out extensive */
  const char *config;
};

static inline void standing_case_expect_equal(struct bc_intern *texts, const struct standing_case *wanted) {
  struct bc_route config;
  struct bc_route standing;
  struct bc_fault fault;
  if (bc_route_parse(texts, bc_str_of(wanted->config), &config, &fault) != BC_ERR_OK ||
      bc_route_parse_standing(texts, wanted->family, bc_str_of(wanted->listed), &standing, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s: column %zu: %s", wanted->config, wanted->listed, fault.column, fault.text);
  }
  if (!bc_route_equal(&config, &standing)) {
    fail_msg("%s: %s", wanted->listed, standing.attributes);
  }
  bc_route_release(texts, &standing);
  bc_route_release(texts, &config);
}

#endif
