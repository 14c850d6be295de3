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

/* The same for named checks, modules and data. */
__attribute__((unused)) static const char *check_changes(void) {
  static char text[4096];
  text[0] = '\0';
  struct bc_config_check check;
  bool found = false;
  while (bc_config_next_changed_check(helper->config, &check, &found)) {
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%c%s ", found ? '+' : '-', check.name);
  }
  return text;
}

__attribute__((unused)) static const char *module_changes(void) {
  static char text[4096];
  text[0] = '\0';
  struct bc_config_module module;
  while (bc_config_next_changed_module(helper->config, &module)) {
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%c%s ", module.found ? '+' : '-', module.name);
  }
  return text;
}

__attribute__((unused)) static const char *data_changes(void) {
  static char text[4096];
  text[0] = '\0';
  struct bc_config_data data;
  while (bc_config_next_changed_data(helper->config, &data)) {
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%c%s ", data.found ? '+' : '-', data.name);
  }
  return text;
}

/* "+policy " for each that is there now. */
__attribute__((unused)) static const char *policy_changes(void) {
  static char text[4096];
  text[0] = '\0';
  struct bc_config_policy policy;
  struct bc_config_policy found;
  while (bc_config_next_changed_policy(helper->config, &policy)) {
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%c%s ",
                   bc_config_find_policy(helper->config, policy.key, &found) ? '+' : '-', policy.key);
  }
  return text;
}

__attribute__((unused)) static struct bc_config_check check_view(const char *name) {
  struct bc_config_check check = {0};
  if (!bc_config_find_check(helper->config, name, &check)) {
    fail_msg("no check %s", name);
  }
  return check;
}

__attribute__((unused)) static bool check_exists(const char *name) {
  struct bc_config_check check;
  return bc_config_find_check(helper->config, name, &check);
}

/* "a b " for what `script` requires, "-x " for what is not there. */
__attribute__((unused)) static const char *modules_of(struct bc_config_script_view script) {
  static char text[8192];
  text[0] = '\0';
  struct bc_config_module module;
  for (size_t i = 0; bc_config_script_module(&script, i, &module); i++) {
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%s%s ", module.found ? "" : "-", module.name);
  }
  return text;
}

__attribute__((unused)) static bool has_node_fault(const char *begins) {
  const char *text = NULL;
  for (size_t i = 0; bc_config_node_fault(helper->config, i, &text); i++) {
    if (strncmp(text, begins, strlen(begins)) == 0) {
      return true;
    }
  }
  return false;
}

__attribute__((unused)) static void helper_save_key(void *arg, struct bc_str key, struct bc_str value) {
  bc_config_put(arg, key, value, (struct bc_mono){.us = 1});
}

/* What is saved now, read back into another config; it takes the place of this one. */
__attribute__((unused)) static void restart(void) {
  struct bc_config *again = bc_config_new(helper->intern, "ME");
  bc_config_set_settle_ms(again, 0);
  bc_config_save(helper->config, helper_save_key, again);
  bc_config_set_settle_ms(again, 1000);
  bc_config_free(helper->config);
  helper->config = again;
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
