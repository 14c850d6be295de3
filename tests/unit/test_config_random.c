/* Any history of the keys of routes, checks, policies, modules and data: what comes out is what a fresh config makes of
 * the keys that are there at the end, put in any order. Only what keeps a removed check in force remembers. */
#include "config_helper.h"

enum { STEPS = 6000, COMPARE_EVERY = 3 };

struct key {
  const char *name;
  const char *values[8];
};

/* Each value is good by itself. */
static const struct key keys[] = {
#define ROUTE(n, prefix)                                                                                               \
  {"routes/" n "/config", {"route " prefix " next-hop self", "route " prefix " next-hop self med 5"}},                 \
      {"routes/" n "/healthcheck", {"exit 1", "#!lua\nreturn require 'a'", "#!lua\nreturn require 'd'"}}, {            \
    "routes/" n "/options", {                                                                                          \
      "{}", "{\"check\": \"none\"}", "{\"checks\": [\"x\", \"y\"], \"combine\": \"any\"}",                             \
          "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\", \"port\": 1}}",                                           \
          "{\"checks\": [\"y\"], \"combine\": {\"at_least\": 2}}", "{\"checks\": [\"z\"], \"check\": \"none\"}",       \
          "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\", \"port\": 2}, \"checks\": [\"x\"]}"                       \
    }                                                                                                                  \
  }
    ROUTE("r", "192.0.2.1/32"),
    ROUTE("s", "192.0.2.2/32"),
    {"checks/x/script", {"exit 2", "#!lua\nreturn require 'b', require 'c'"}},
    {"checks/x/options", {"{\"rise\": 2}", "{\"check\": {\"use\": \"tcp\", \"host\": \"::1\", \"port\": 1}}"}},
    {"checks/y/script", {"#!lua\nreturn require 'c'", "#!lua\nreturn require 'nowhere'"}},
    {"checks/y/options", {"{\"rise\": 3}"}},
    {"checks/z/script", {"exit 2"}},
    {"lua/a", {"return require 'b'", "return 1"}},
    {"lua/b", {"return require 'c'", "return require 'a'"}},
    {"lua/c", {"return 1", "return 2", "return require 'd'"}},
    {"lua/d", {"return require 'a'"}},
    {"routes/r/policy", {"return require 'a'", "{\"use\": \"builtin\"}", "exit 1", "#!lua\nreturn require 'd'"}},
    {"policy", {"return require 'a'", "return require 'c'", "{\"use\": \"builtin\"}"}},
    {"node/ME/policy", {"{\"use\": \"time_window\", \"from\": \"08:00\", \"to\": \"18:00\"}", "exit 2"}},
    {"node/ME/labels", {"{\"site\": \"ams\"}", "{ \"site\" : \"ams\" }", "{}"}},
    {"data/p", {"1", "text", "{\"a\": []}"}},
    {"data/q", {"2"}},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static const char *store[KEYS]; /* NULL: not there */

static uint64_t random_state = 88172645463325252U;

static unsigned pick(unsigned below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (unsigned)((random_state >> 20) % below);
}

static void print_script(const struct bc_config_script_view *script, struct bc_buf *to) {
  bc_buf_add_format(to, " script %zu %llx %s modules %s", script->len, (unsigned long long)script->hash,
                    script->ready_made == NULL ? "-" : script->ready_made, modules_of(*script));
  bc_buf_add(to, script->text == NULL ? "" : script->text, script->len);
}

static void print_options(const struct bc_options *options, struct bc_buf *to) {
  if (options != NULL) {
    bc_buf_add_format(to, " options %u %u %u %d %s", options->rise, options->at_least, options->combine,
                      options->check_is_none, options->parameters == NULL ? "-" : options->parameters);
    for (unsigned i = 0; i < options->check_count; i++) {
      bc_buf_add_format(to, " %s", options->checks[i]);
    }
  }
}

static void print_policy(const struct bc_config_policy *policy, struct bc_buf *to) {
  bc_buf_add_format(to, " policy %s %d %d fault %s", policy->key == NULL ? "-" : policy->key, policy->is_builtin,
                    policy->is_unknown, policy->fault == NULL ? "-" : policy->fault);
  print_script(&policy->script, to);
}

/* All that is to be seen of it; *remembers: something removed is still in force. */
static void print_route(const struct bc_config *config, const char *name, struct bc_buf *to, bool *remembers) {
  static const char *const memories[] = {"was removed", "left without", "at_least"};
  struct bc_config_route route;
  if (!bc_config_find(config, name, &route)) {
    bc_buf_add_text(to, "none");
    return;
  }
  bc_buf_add_format(to, "route %s %d %d %d fault %s", name, route.has_version, route.is_settled, route.has_config,
                    route.fault == NULL ? "-" : route.fault);
  print_script(&route.script, to);
  print_policy(&route.policy, to);
  print_options(route.options, to);
  for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++) {
    *remembers = *remembers || strstr(to->data, memories[i]) != NULL;
  }
}

static void print_rest(const struct bc_config *config, struct bc_buf *to) {
  struct bc_config_check check = {.name = NULL};
  while (bc_config_each_check(config, check.name, &check)) {
    bc_buf_add_format(to, "\ncheck %s %d %d fault %s", check.name, check.has_version, check.is_settled,
                      check.fault == NULL ? "-" : check.fault);
    print_script(&check.script, to);
    print_options(check.options, to);
  }
  struct bc_config_data data = {.name = NULL};
  while (bc_config_each_data(config, data.name, &data)) {
    bc_buf_add_format(to, "\ndata %s " BC_STR_FMT, data.name, BC_STR_ARG(data.json));
  }
  struct bc_config_module module;
  for (char name[] = "a"; name[0] <= 'd'; name[0]++) {
    if (bc_config_find_module(config, name, &module)) {
      bc_buf_add_format(to, "\nmodule %s " BC_STR_FMT, name, BC_STR_ARG(module.text));
    }
  }
  bc_buf_add_format(to, "\nlabels %s", bc_config_labels(config));
  struct bc_config_counts counts = bc_config_counts(config);
  bc_buf_add_format(to, "\ncounts %zu %zu %zu %zu", counts.checks, counts.modules, counts.data, counts.data_bytes);
  const char *text = NULL;
  for (size_t i = 0; bc_config_node_fault(config, i, &text); i++) {
    bc_buf_add_format(to, "\nfault %s", text);
  }
}

static struct bc_config *fresh_config(void) {
  struct bc_config *fresh = bc_config_new(helper->intern, "ME");
  unsigned order[KEYS];
  bc_config_set_settle_ms(fresh, 0);
  for (unsigned i = 0; i < KEYS; i++) {
    unsigned at = pick(i + 1);
    order[i] = order[at];
    order[at] = i;
  }
  for (unsigned i = 0; i < KEYS; i++) {
    if (store[order[i]] != NULL) {
      bc_config_put(fresh, bc_str_of(keys[order[i]].name), bc_str_of(store[order[i]]), helper->now);
    }
  }
  return fresh;
}

static void require_same(const struct bc_buf *aged, const struct bc_buf *fresh, int step) {
  if (strcmp(aged->data, fresh->data) != 0) {
    fail_msg("step %d: found\n%s\ninstead of\n%s", step, aged->data, fresh->data);
  }
}

static size_t compared;

static void compare(int step) {
  static const char *const routes[] = {"r", "s"};
  struct bc_config *fresh = fresh_config();
  struct bc_buf texts[2];
  for (size_t i = 0; i < 2; i++) {
    bool remembers = false;
    bc_buf_init(&texts[0], 1 << 20);
    bc_buf_init(&texts[1], 1 << 20);
    print_route(helper->config, routes[i], &texts[0], &remembers);
    print_route(fresh, routes[i], &texts[1], &remembers);
    if (!remembers) {
      require_same(&texts[0], &texts[1], step);
      compared++;
    }
    bc_buf_free(&texts[0]);
    bc_buf_free(&texts[1]);
  }
  bc_buf_init(&texts[0], 1 << 20);
  bc_buf_init(&texts[1], 1 << 20);
  print_rest(helper->config, &texts[0]);
  print_rest(fresh, &texts[1]);
  require_same(&texts[0], &texts[1], step);
  bc_buf_free(&texts[0]);
  bc_buf_free(&texts[1]);
  bc_config_free(fresh);
}

static void put_list(void) {
  bc_config_list_begin(helper->config);
  for (unsigned i = 0; i < KEYS; i++) {
    if (store[i] != NULL) {
      put(keys[i].name, store[i]);
    }
  }
  bc_config_list_end(helper->config, helper->now);
}

static void step(void) {
  unsigned which = pick(KEYS);
  unsigned count = 0;
  while (count < 8 && keys[which].values[count] != NULL) {
    count++;
  }
  /* Some changes are heard of only by a list. */
  bool is_missed = pick(8) == 0;
  store[which] = pick(3) == 0 ? NULL : keys[which].values[pick(count)];
  if (is_missed) {
    store[pick(KEYS)] = NULL;
    put_list();
  } else if (store[which] == NULL) {
    delete_key(keys[which].name);
  } else {
    put(keys[which].name, store[which]);
  }
}

static void only_the_keys_that_are_there_matter(void **state) {
  (void)state;
  bc_config_set_settle_ms(helper->config, 0);
  compared = 0;
  memset(store, 0, sizeof store);
  for (int i = 0; i < STEPS; i++) {
    step();
    if (i % COMPARE_EVERY == 0) {
      compare(i);
    }
    if (pick(4) == 0) {
      (void)changes();
      (void)check_changes();
      (void)module_changes();
      (void)data_changes();
      (void)policy_changes();
    }
    if (pick(50) == 0) {
      restart();
      bc_config_set_settle_ms(helper->config, 0);
      put_list();
    }
  }
  /* It compared more than it let pass. */
  assert_in_range(compared, STEPS / COMPARE_EVERY, 2 * STEPS / COMPARE_EVERY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(only_the_keys_that_are_there_matter, helper_setup, helper_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
