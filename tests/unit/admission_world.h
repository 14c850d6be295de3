/* The rules of one test, and what they answer to a route. */
#ifndef BC_TESTS_ADMISSION_WORLD_H
#define BC_TESTS_ADMISSION_WORLD_H

#include "model/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bc_intern *intern;
static struct bc_admission *rules;

static inline int setup(void **state) {
  (void)state;
  intern = bc_intern_new();
  rules = bc_admission_new();
  return 0;
}

static inline int teardown(void **state) {
  (void)state;
  size_t left = bc_intern_count(intern);
  bc_intern_free(intern);
  bc_admission_free(rules);
  return left == 0 ? 0 : -1;
}

static inline void add(enum bc_admission_setting setting, const char *list) {
  struct bc_fault fault = {0};
  if (bc_admission_add_list(rules, setting, bc_str_of(list), &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", list, fault.text);
  }
}

static inline struct bc_route parse(const char *text) {
  struct bc_route route;
  struct bc_fault fault = {0};
  if (bc_route_parse(intern, bc_str_of(text), &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", text, fault.text);
  }
  return route;
}

static inline void assert_asked(const char *text, struct bc_admission_ask ask, enum bc_admission_answer answer,
                                const char *line) {
  struct bc_route route = parse(text);
  struct bc_fault fault = {0};
  uint64_t ttl_ms;
  ask.route = &route;
  enum bc_admission_answer found = bc_admission_judge(rules, &ask, &ttl_ms, &fault);
  if (found != answer || strcmp(fault.text, line) != 0) {
    fail_msg("%s: %s: %s", text, bc_admission_code(found), fault.text);
  }
  assert_int_equal(bc_admission_judge(rules, &ask, &ttl_ms, NULL), answer);
  bc_route_release(intern, &route);
}

static inline void assert_judged(const char *text, enum bc_admission_answer answer, const char *line) {
  assert_asked(text, (struct bc_admission_ask){0}, answer, line);
}

#endif
