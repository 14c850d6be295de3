/* Shortcuts for the tests of model/config: one config of the node ME, texts in, views out. */
#ifndef TESTS_UNIT_CONFIG_HELPER_H
#define TESTS_UNIT_CONFIG_HELPER_H

#include "model/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
  struct bc_intern *intern;
  struct bc_config *config;
  struct bc_mono now;
};

static struct fixture *helper;

__attribute__((unused)) static int helper_setup(void **state) {
  helper = calloc(1, sizeof *helper);
  helper->intern = bc_intern_new();
  helper->config = bc_config_new(helper->intern, "ME");
  helper->now.us = 1000000;
  *state = helper;
  return 0;
}

/* Every reference that a config took it must have given back. */
__attribute__((unused)) static int helper_teardown(void **state) {
  (void)state;
  bc_config_free(helper->config);
  size_t left = bc_intern_count(helper->intern);
  bc_intern_free(helper->intern);
  free(helper);
  return left == 0 ? 0 : -1;
}

__attribute__((unused)) static void put(const char *key, const char *value) {
  bc_config_put(helper->config, bc_str_of(key), bc_str_of(value), helper->now);
}

__attribute__((unused)) static void delete_key(const char *key) {
  bc_config_delete(helper->config, bc_str_of(key), helper->now);
}

__attribute__((unused)) static void wait_ms(int64_t ms) {
  helper->now = bc_mono_add_ms(helper->now, ms);
  bc_config_tick(helper->config, helper->now);
}

__attribute__((unused)) static struct bc_config_route view(const char *name) {
  struct bc_config_route route = {0};
  if (!bc_config_find(helper->config, name, &route)) {
    fail_msg("no route %s", name);
  }
  return route;
}

__attribute__((unused)) static bool exists(const char *name) {
  struct bc_config_route route;
  return bc_config_find(helper->config, name, &route);
}

/* "route 192.0.2.0/24 …" of the version in force, "" without one. */
__attribute__((unused)) static const char *version(const char *name) {
  static struct bc_buf text;
  bc_buf_free(&text);
  bc_buf_init(&text, 4096);
  struct bc_config_route route = view(name);
  if (route.route != NULL) {
    bc_route_print(route.route, BC_VERB_NONE, &text);
  }
  static char copy[4096];
  (void)snprintf(copy, sizeof copy, "%s", text.data == NULL ? "" : text.data);
  bc_buf_free(&text);
  return copy;
}

__attribute__((unused)) static void expect_fault(const char *name, const char *begins) {
  const char *fault = view(name).fault;
  if (fault == NULL || strncmp(fault, begins, strlen(begins)) != 0) {
    fail_msg("%s: expected a fault \"%s\", found \"%s\"", name, begins, fault == NULL ? "none" : fault);
  }
}

__attribute__((unused)) static void expect_no_fault(const char *name) {
  const char *fault = view(name).fault;
  if (fault != NULL) {
    fail_msg("%s: found the fault \"%s\"", name, fault);
  }
}

/* Takes all changes: "+a -b " in the order told. */
__attribute__((unused)) static const char *changes(void) {
  static char text[4096];
  text[0] = '\0';
  struct bc_config_route route;
  bool found = false;
  while (bc_config_next_changed(helper->config, &route, &found)) {
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%c%s ", found ? '+' : '-', route.name);
  }
  return text;
}

__attribute__((unused)) static const char *node_fault(size_t index) {
  const char *text = NULL;
  return bc_config_node_fault(helper->config, index, &text) ? text : NULL;
}

/* A good route that is acted on. */
__attribute__((unused)) static void put_route(const char *name, const char *config) {
  char key[256];
  (void)snprintf(key, sizeof key, "routes/%s/config", name);
  put(key, config);
  wait_ms(1000);
  assert_true(view(name).is_settled);
}

#endif
