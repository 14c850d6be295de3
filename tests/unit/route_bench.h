/* What the tests of routes that are no single prefix share. */
#ifndef BC_TESTS_ROUTE_BENCH_H
#define BC_TESTS_ROUTE_BENCH_H

#include "base/buf.h"
#include "base/limits.h"
#include "intern_world.h"
#include "model/route.h"

static struct bc_route route_of(const char *text, enum bc_verb *verb) {
  struct bc_route route;
  struct bc_fault fault;
  if (bc_route_parse_command(intern, bc_str_of(text), verb, &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: column %zu: %s", text, fault.column, fault.text);
  }
  return route;
}

static void assert_prints(const struct bc_route *route, enum bc_verb verb, const char *expected) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_route_print(route, verb, &text);
  assert_string_equal(text.data, expected);
  bc_buf_free(&text);
}

struct kind_case {
  const char *text;
  const char *canonical; /* NULL: the text itself */
};

static void assert_canonical(const struct kind_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *canonical = cases[i].canonical == NULL ? cases[i].text : cases[i].canonical;
    enum bc_verb verb;
    struct bc_route route = route_of(cases[i].text, &verb);
    assert_prints(&route, verb, canonical);
    struct bc_route again = route_of(canonical, &verb);
    assert_true(bc_route_equal(&route, &again));
    assert_prints(&again, verb, canonical);
    bc_route_release(intern, &again);
    bc_route_release(intern, &route);
  }
}

#define ASSERT_CANONICAL(cases) assert_canonical(cases, sizeof(cases) / sizeof(cases)[0])

struct bad_case {
  const char *text;
  enum bc_err err;
  size_t column;
  const char *part; /* of the message */
};

static void assert_refused(const struct bad_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct bc_route route = {.med = 77};
    struct bc_fault fault = {0};
    enum bc_err err = bc_route_parse(intern, bc_str_of(cases[i].text), &route, &fault);
    if (err != cases[i].err || fault.column != cases[i].column || strstr(fault.text, cases[i].part) == NULL) {
      fail_msg("%s: %s, column %zu: %s", cases[i].text, bc_err_name(err), fault.column, fault.text);
    }
    assert_int_equal(route.med, 77);
  }
}

#define ASSERT_REFUSED(cases) assert_refused(cases, sizeof(cases) / sizeof(cases)[0])

#define ROUTE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
