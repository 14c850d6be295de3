/* Random operations on the keys of named checks, modules, data, policies, labels and the routes that use them. Whatever
 * happens: what was told as changed is what is found; users and counts are right; what is saved runs again; and without
 * faults the way does not matter: a fresh config with only the last list looks the same.
 *
 * An input is a list of operations: a byte that chooses what, a byte that chooses the key, and for a put a byte that
 * chooses a value of the table (a deletion with its high bit set makes the key unreadable), or (from 200 on) how many
 * of the next bytes are one. */
#include "base/mem.h"
#include "model/config.h"
#include "model/ready_made.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {"routes/r0/config",
                                   "routes/r0/healthcheck",
                                   "routes/r0/options",
                                   "routes/r1/config",
                                   "routes/r1/healthcheck",
                                   "routes/r1/options",
                                   "checks/c0/script",
                                   "checks/c0/options",
                                   "checks/c1/script",
                                   "checks/c1/options",
                                   "lua/m0",
                                   "lua/m1",
                                   "lua/m2",
                                   "data/d0",
                                   "data/d1",
                                   "checks/c0/other",
                                   "lua/m0/x",
                                   "routes/r0/policy",
                                   "routes/r1/policy",
                                   "policy",
                                   "node/ME/policy",
                                   "admission",
                                   "node/ME/labels"};
enum {
  KEYS = sizeof keys / sizeof keys[0],
  RAW_FROM = 200,
  OPERATIONS_MAX = 200,
  ROUTES = 2,
  CHECKS = 2,
  MODULES = 3,
  DATA = 2,
  POLICIES = 3
};

static const char *const policy_keys[POLICIES] = {"policy", "node/ME/policy", "admission"};

static const char *const values[] = {
    "route 192.0.2.0/24 next-hop self",
    "route 192.0.3.0/24 next-hop self",
    "#!lua\nreturn require 'm0'",
    "#!lua\nreturn require('m1'), require [[m2]], pcall(require, 'm0')",
    "return require 'm1'",
    "return require 'm2', require 'm0', require 'm2'",
    "return 1",
    "exit 1",
    "#!luajit",
    "",
    "{}",
    "{\"rise\": 3, \"threshold\": 0}",
    "{\"check\": \"none\"}",
    "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\", \"port\": 53}}",
    "{\"check\": {\"use\": \"http\", \"url\": \"http://x/\"}, \"checks\": [\"c1\"]}",
    "{\"check\": {\"use\": \"tcp\"}}",
    "{\"checks\": [\"c0\"]}",
    "{\"checks\": [\"c0\", \"c1\"], \"combine\": \"any\"}",
    "{\"checks\": [\"c1\"], \"combine\": {\"at_least\": 2}}",
    "{\"checks\": [\"c0\"], \"check\": \"none\"}",
    "{\"checks\": [\"c0\"], \"address\": \"manage\"}",
    "plain text",
    "{\"use\": \"time_window\", \"from\": \"08:00\", \"to\": \"18:00\"}",
    "{\"use\": \"time_window\", \"form\": \"08:00\"}",
    "{\"use\": \"builtin\"}",
    "{\"site\": \"ams\", \"a\": [1]}",
    "[1, {\"a\": \"]\"}]",
};
enum { VALUES = sizeof values / sizeof values[0] };

struct world {
  struct bc_intern *intern;
  struct bc_config *config;
  struct bc_mono now;
  struct {
    bool is_there, is_hidden;
    char *text;
    size_t len;
  } store[KEYS];
  uint64_t routes[ROUTES], checks[CHECKS], modules[MODULES], data[DATA], policies[POLICIES],
      labels; /* as they were told; 0 = absent */
};

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static void store_put_all(struct world *world, struct bc_config *config) {
  bc_config_list_begin(config);
  for (int key = 0; key < KEYS; key++) {
    struct bc_str name = bc_str_of(keys[key]);
    if (world->store[key].is_there && world->store[key].is_hidden) {
      bc_config_put_unreadable(config, name, "hidden", world->now);
    } else if (world->store[key].is_there) {
      bc_config_put(config, name, (struct bc_str){world->store[key].text, world->store[key].len}, world->now);
    }
  }
  bc_config_list_end(config, world->now);
}

/* ---- prints; never 0 ---- */

static uint64_t mix(uint64_t sum, const void *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    sum = (sum ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3U;
  }
  return (sum * 31 + len) | 1U;
}

static uint64_t mix_text(uint64_t sum, const char *text) {
  return text == NULL ? mix(sum, "", 0) : mix(sum, text, strlen(text) + 1);
}

static uint64_t print_script(uint64_t sum, const struct bc_config_script_view *script) {
  struct bc_config_module module;
  sum = mix(sum, script->text, script->len);
  sum = mix(sum, &script->hash, sizeof script->hash);
  sum = mix_text(sum, script->ready_made);
  for (size_t i = 0; bc_config_script_module(script, i, &module); i++) {
    sum = mix_text(sum, module.name);
    sum = mix(sum, module.text.at, module.text.len);
  }
  return sum;
}

static uint64_t print_options(uint64_t sum, const struct bc_options *options) {
  if (options == NULL) {
    return sum;
  }
  const unsigned numbers[] = {options->rise, options->threshold, options->combine, options->at_least,
                              options->check_is_none};
  sum = mix_text(mix(sum, numbers, sizeof numbers), options->parameters);
  for (unsigned i = 0; i < options->check_count; i++) {
    sum = mix_text(sum, options->checks[i]);
  }
  return sum;
}

static uint64_t print_policy(uint64_t sum, const struct bc_config_policy *policy) {
  const bool flags[] = {policy->is_builtin, policy->is_unknown};
  sum = mix_text(mix(mix_text(sum, policy->key), flags, sizeof flags), policy->script.parameters);
  return print_script(sum, &policy->script);
}

static uint64_t print_route_itself(const struct bc_config_route *view) {
  return print_options(print_script(mix(1, &view->has_version, 1), &view->script), view->options);
}

/* What is in force, without what depends on history. */
static uint64_t print_route_version(const struct bc_config_route *view) {
  return print_policy(print_route_itself(view), &view->policy);
}

static uint64_t print_check_version(const struct bc_config_check *view) {
  return print_options(print_script(mix(1, &view->has_version, 1), &view->script), view->options);
}

static uint64_t print_route(const struct bc_config_route *view) {
  const bool flags[] = {view->is_settled, view->has_lost_check, view->has_config};
  /* A policy that is not its own changes without the route. */
  const char *key = view->policy.key;
  bool has_own = key != NULL && bc_str_starts(bc_str_of(key), "routes/");
  uint64_t sum = has_own ? print_route_version(view) : print_route_itself(view);
  return mix_text(mix(sum, flags, sizeof flags), view->fault);
}

static uint64_t print_check(const struct bc_config_check *view) {
  return mix_text(mix(print_check_version(view), &view->is_settled, 1), view->fault);
}

static uint64_t print_module(const struct bc_config_module *module) {
  return module->found ? mix(module->hash, module->text.at, module->text.len) : 0;
}

static uint64_t print_data(const struct bc_config_data *data) {
  return data->found ? mix(1, data->json.at, data->json.len) : 0;
}

static uint64_t print_found_policy(const struct bc_config *config, const char *key) {
  struct bc_config_policy policy;
  return bc_config_find_policy(config, key, &policy) ? mix_text(print_policy(1, &policy), policy.fault) : 0;
}

static const char *named(char letter, int index) {
  static char name[8];
  (void)snprintf(name, sizeof name, "%c%d", letter, index);
  return name;
}

static int index_of(const char *name, int count) {
  int index = name[1] - '0';
  require(strlen(name) == 2 && index >= 0 && index < count);
  return index;
}

/* ---- what was told ---- */

static void require_told(struct world *world) {
  struct bc_config_route route;
  struct bc_config_check check;
  struct bc_config_module module;
  struct bc_config_data data;
  for (int i = 0; i < ROUTES; i++) {
    require(world->routes[i] == (bc_config_find(world->config, named('r', i), &route) ? print_route(&route) : 0));
  }
  for (int i = 0; i < CHECKS; i++) {
    require(world->checks[i] == (bc_config_find_check(world->config, named('c', i), &check) ? print_check(&check) : 0));
  }
  for (int i = 0; i < MODULES; i++) {
    require(world->modules[i] ==
            (bc_config_find_module(world->config, named('m', i), &module) ? print_module(&module) : 0));
  }
  for (int i = 0; i < DATA; i++) {
    require(world->data[i] == (bc_config_find_data(world->config, named('d', i), &data) ? print_data(&data) : 0));
  }
  for (int i = 0; i < POLICIES; i++) {
    require(world->policies[i] == print_found_policy(world->config, policy_keys[i]));
  }
  require(world->labels == mix_text(1, bc_config_labels(world->config)));
}

static void take_policies(struct world *world) {
  struct bc_config_policy policy;
  while (bc_config_next_changed_policy(world->config, &policy)) {
    int at = 0;
    while (strcmp(policy_keys[at], policy.key) != 0) {
      at++;
      require(at < POLICIES);
    }
    world->policies[at] = print_found_policy(world->config, policy.key);
  }
  if (bc_config_take_labels_changed(world->config)) {
    world->labels = mix_text(1, bc_config_labels(world->config));
  }
}

static void take_changes(struct world *world) {
  struct bc_config_route route;
  struct bc_config_check check;
  struct bc_config_module module;
  struct bc_config_data data;
  bool found = false;
  while (bc_config_next_changed_module(world->config, &module)) {
    world->modules[index_of(module.name, MODULES)] = print_module(&module);
  }
  while (bc_config_next_changed_data(world->config, &data)) {
    world->data[index_of(data.name, DATA)] = print_data(&data);
  }
  while (bc_config_next_changed_check(world->config, &check, &found)) {
    world->checks[index_of(check.name, CHECKS)] = found ? print_check(&check) : 0;
  }
  while (bc_config_next_changed(world->config, &route, &found)) {
    world->routes[index_of(route.name, ROUTES)] = found ? print_route(&route) : 0;
  }
  take_policies(world);
  require_told(world);
}

/* ---- invariants ---- */

static bool names_check(const struct bc_config_route *view, const char *name) {
  bool is_named = false;
  for (unsigned i = 0; view->options != NULL && i < view->options->check_count; i++) {
    is_named = is_named || strcmp(view->options->checks[i], name) == 0;
  }
  return is_named;
}

static void require_route_consistent(const struct bc_config *config, const struct bc_config_route *view) {
  require(!view->is_settled || view->has_version);
  require((view->script.text != NULL) == (view->script.hash != 0) && (view->script.text == NULL || view->has_version));
  require((view->policy.script.text != NULL) == (view->policy.script.hash != 0));
  require(view->policy.script.text == NULL || (view->policy.script.is_lua && view->policy.key != NULL));
  require(!view->policy.is_unknown || (view->policy.script.text == NULL && view->policy.fault != NULL));
  if (view->options == NULL) {
    return;
  }
  struct bc_config_check check;
  bool are_good = true;
  for (unsigned i = 0; i < view->options->check_count; i++) {
    are_good = are_good && bc_config_find_check(config, view->options->checks[i], &check) && check.has_version;
  }
  require(are_good || view->fault != NULL);
  require(view->options->use == NULL || strcmp(view->options->use->name, view->script.ready_made) == 0);
  require(!view->options->check_is_none || view->script.text == NULL);
  unsigned most = bc_options_count_checks(view->options, view->script.text != NULL || view->has_lost_check);
  require(view->options->combine != BC_COMBINE_AT_LEAST || view->options->at_least <= most);
}

static void require_consistent(const struct bc_config *config) {
  size_t checks = 0;
  struct bc_config_route route = {.name = NULL};
  struct bc_config_check check = {.name = NULL};
  while (bc_config_each(config, route.name, &route)) {
    require_route_consistent(config, &route);
  }
  while (bc_config_each_check(config, check.name, &check)) {
    checks++;
    require((check.options != NULL) == check.has_version && (check.script.text != NULL) == check.has_version);
    const void *cursor = NULL;
    const char *name = NULL;
    size_t users = 0;
    while (bc_config_next_check_user(config, check.name, &cursor, &name)) {
      /* One whose version must wait names it too. */
      require(bc_config_find(config, name, &route) && (!route.has_version || names_check(&route, check.name)));
      users++;
    }
    require(users == check.users);
    route.name = NULL;
  }
  require(bc_config_counts(config).checks == checks);
  const char *text = NULL;
  for (size_t i = 0; bc_config_node_fault(config, i, &text); i++) {
    require(bc_str_is_printable(bc_str_of(text)));
  }
}

static void save_key(void *arg, struct bc_str key, struct bc_str value) {
  bc_config_put(arg, key, value, (struct bc_mono){.us = 1});
}

static bool has_faults(const struct bc_config *config) {
  const char *text = NULL;
  bool has = false;
  for (size_t i = 0; bc_config_node_fault(config, i, &text); i++) {
    /* Strays mean nothing to anybody. */
    has = has || strstr(text, "it is ignored") == NULL;
  }
  return has;
}

static void require_same_policies(const struct bc_config *config, const struct bc_config *other) {
  struct bc_config_policy policy[2];
  for (int i = 0; i < POLICIES; i++) {
    bool is_there = bc_config_find_policy(config, policy_keys[i], &policy[0]) &&
                    (policy[0].script.text != NULL || policy[0].is_builtin || policy[0].is_unknown);
    require(bc_config_find_policy(other, policy_keys[i], &policy[1]) || !is_there);
    require(!is_there || print_policy(1, &policy[0]) == print_policy(1, &policy[1]));
  }
  require(strcmp(bc_config_labels(config), bc_config_labels(other)) == 0);
}

/* With `with_faults` also what is in force in spite of a fault. */
static void require_same(const struct bc_config *config, const struct bc_config *other, bool with_faults) {
  struct bc_config_route route[2];
  struct bc_config_check check[2];
  struct bc_config_module module;
  struct bc_config_data data;
  require_same_policies(config, other);
  for (int i = 0; i < MODULES; i++) {
    bool found = bc_config_find_module(config, named('m', i), &module);
    uint64_t print = found ? print_module(&module) : 0;
    require(bc_config_find_module(other, named('m', i), &module) == found &&
            (!found || print_module(&module) == print));
  }
  for (int i = 0; i < DATA; i++) {
    bool found = bc_config_find_data(config, named('d', i), &data);
    uint64_t print = found ? print_data(&data) : 0;
    require(bc_config_find_data(other, named('d', i), &data) == found && (!found || print_data(&data) == print));
  }
  for (int i = 0; i < CHECKS; i++) {
    bool is_saved = bc_config_find_check(config, named('c', i), &check[0]) && check[0].has_version &&
                    (!with_faults || check[0].is_settled);
    if (is_saved) {
      require(bc_config_find_check(other, named('c', i), &check[1]));
      require(print_check_version(&check[0]) == print_check_version(&check[1]));
    }
  }
  for (int i = 0; i < ROUTES; i++) {
    bool is_there = bc_config_find(config, named('r', i), &route[0]);
    if (is_there && (with_faults ? route[0].is_settled && !route[0].has_lost_check : route[0].fault == NULL)) {
      require(bc_config_find(other, named('r', i), &route[1]));
      require(print_route_version(&route[0]) == print_route_version(&route[1]));
    }
  }
}

static void require_saved_runs_again(struct world *world) {
  struct bc_config *again = bc_config_new(world->intern, "ME");
  bc_config_set_settle_ms(again, 0);
  bc_config_save(world->config, save_key, again);
  require_same(world->config, again, true);
  bc_config_free(again);
}

static void require_only_the_list_matters(struct world *world) {
  store_put_all(world, world->config);
  struct bc_config *fresh = bc_config_new(world->intern, "ME");
  store_put_all(world, fresh);
  if (!has_faults(world->config) && !has_faults(fresh)) {
    require_same(world->config, fresh, false);
  }
  bc_config_free(fresh);
}

/* ---- operations ---- */

/* NULL deletes. With `is_missed` the config hears of it only by the next list. */
static void store_set(struct world *world, int key, const char *bytes, size_t len, bool is_missed) {
  free(world->store[key].text);
  world->store[key].is_hidden = false;
  world->store[key].is_there = bytes != NULL;
  world->store[key].text = bytes == NULL ? NULL : bc_mem_copy_text(bytes, len);
  world->store[key].len = len;
  if (is_missed) {
    return;
  }
  if (bytes == NULL) {
    bc_config_delete(world->config, bc_str_of(keys[key]), world->now);
  } else {
    bc_config_put(world->config, bc_str_of(keys[key]), (struct bc_str){world->store[key].text, len}, world->now);
  }
}

static void store_hide(struct world *world, int key) {
  world->store[key].is_there = true;
  world->store[key].is_hidden = true;
  bc_config_put_unreadable(world->config, bc_str_of(keys[key]), "hidden", world->now);
}

static size_t put_value(struct world *world, int key, const uint8_t *data, size_t size, bool is_missed) {
  if (size == 0) {
    return 0;
  }
  if (data[0] < RAW_FROM) {
    const char *value = values[data[0] % VALUES];
    store_set(world, key, value, strlen(value), is_missed);
    return 1;
  }
  size_t len = (size_t)(data[0] - RAW_FROM);
  if (len > size - 1) {
    len = size - 1;
  }
  store_set(world, key, (const char *)data + 1, len, is_missed);
  return 1 + len;
}

static size_t operate(struct world *world, const uint8_t *data, size_t size) {
  int key = data[1] % KEYS;
  bool is_missed = (data[0] & 0x40) != 0;
  switch (data[0] % 8) {
  case 0:
  case 1:
  case 2:
  case 3:
    return 2 + put_value(world, key, data + 2, size - 2, is_missed);
  case 4:
    if ((data[0] & 0x80) != 0) {
      store_hide(world, key);
    } else {
      store_set(world, key, NULL, 0, is_missed);
    }
    break;
  case 5:
    world->now = bc_mono_add_ms(world->now, data[1] * 10);
    bc_config_tick(world->config, world->now);
    break;
  case 6:
    store_put_all(world, world->config);
    break;
  default:
    take_changes(world);
  }
  return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct world world = {.intern = bc_intern_new(), .now = {.us = 1}};
  world.config = bc_config_new(world.intern, "ME");
  world.labels = mix_text(1, "{}");
  for (int operations = 0; size >= 2 && operations < OPERATIONS_MAX; operations++) {
    size_t used = operate(&world, data, size);
    data += used;
    size -= used;
  }
  take_changes(&world);
  require_consistent(world.config);
  require_saved_runs_again(&world);
  require_only_the_list_matters(&world);
  require_consistent(world.config);
  take_changes(&world);
  for (int key = 0; key < KEYS; key++) {
    store_set(&world, key, NULL, 0, false);
  }
  take_changes(&world);
  struct bc_config_counts counts = bc_config_counts(world.config);
  require(counts.routes == 0 && counts.checks == 0 && counts.modules == 0 && counts.data == 0 && counts.scripts == 0);
  require(counts.data_bytes == 0);
  bc_config_free(world.config);
  require(bc_intern_count(world.intern) == 0);
  bc_intern_free(world.intern);
  return 0;
}
