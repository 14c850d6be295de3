/* Random key operations. Whatever happens: what next_changed told is what find shows; counters count;
 * two winners never overlap and each loser has a winner; what is saved runs again; and for routes
 * without faults the way does not matter: a fresh config with only the last list looks the same.
 *
 * An input is a list of operations: a byte that chooses what, a byte that chooses the key, and for a
 * put a byte that chooses a value of the table (a deletion with its high bit set makes the key unreadable), or (from
 * 200 on) how many of the next bytes are one. */
#include "base/mem.h"
#include "model/config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUTES = 4, KEYS = ROUTES * 5 + 3, RAW_FROM = 200, OPERATIONS_MAX = 200 };

static const char *const key_names[] = {"config", "prefix", "healthcheck", "options", "policy"};

static const char *const values[] = {
    "route 192.0.2.0/24 next-hop self",
    "route 192.0.2.0/24 next-hop self med 5",
    "neighbor 10.0.0.1 route 192.0.2.0/24 next-hop self",
    "neighbor 10.0.0.2 route 192.0.2.0/24 next-hop self",
    "route 2001:db8::/32 next-hop self",
    "next-hop self med 7",
    "192.0.2.0/24",
    "192.0.2.0/33",
    "route 192.0.2.0/24 next-hop self watchdog x",
    "#!lua",
    "#!/bin/sh\nexit 0\n",
    "exit 1",
    "{\"rise\": 3}",
    "{\"check\": \"none\"}",
    "{\"check\": 1}",
    "{\"use\": \"builtin\"}",
    "{\"use\": \"time_window\", \"from\": \"08:00\", \"to\": \"18:00\"}",
    "",
    "*",
    "r0 r1",
    "r? a/b",
    "-",
    "up",
    "down",
    "drain",
    "attributes next-hop self nlri 192.0.2.0/24 192.0.3.0/24",
    "attributes next-hop self nlri 192.0.3.0/24 192.0.4.0/24",
    "neighbor 10.0.0.1 attributes next-hop self nlri 192.0.4.0/24 192.0.2.0/24",
    "route 192.0.2.0/23 next-hop self split /24",
    "flow route { match { source 192.0.2.0/24; } then { discard; } }",
};
enum { VALUES = sizeof values / sizeof values[0] };

struct shown {
  bool exists;
  uint64_t print; /* of all that the view holds */
};

struct world {
  struct bc_intern *intern;
  struct bc_config *config;
  struct bc_mono now;
  struct {
    bool is_there;
    bool is_hidden; /* it cannot be read now */
    char *text;
    size_t len;
  } store[KEYS];
  struct shown shown[ROUTES];
  bool stands[ROUTES];
};

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static void key_text(int key, char text[64]) {
  if (key < ROUTES * 5) {
    (void)snprintf(text, 64, "routes/r%d/%s", key / 5, key_names[key % 5]);
  } else {
    static const char *const others[] = {"node/ME/subscribedRoutes", "node/ME/adminState", "routes/r0/other"};
    (void)snprintf(text, 64, "%s", others[key - ROUTES * 5]);
  }
}

static void store_put_all(struct world *world, struct bc_config *config) {
  bc_config_list_begin(config);
  for (int key = 0; key < KEYS; key++) {
    if (world->store[key].is_there) {
      char text[64];
      key_text(key, text);
      if (world->store[key].is_hidden) {
        bc_config_put_unreadable(config, bc_str_of(text), "hidden", world->now);
      } else {
        bc_config_put(config, bc_str_of(text), (struct bc_str){world->store[key].text, world->store[key].len},
                      world->now);
      }
    }
  }
  bc_config_list_end(config, world->now);
}

/* ---- views ---- */

static uint64_t mix(uint64_t sum, const void *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    sum = (sum ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3U;
  }
  return sum * 31 + len;
}

/* What is in force, without what depends on history. */
static uint64_t print_version(const struct bc_config_route *view) {
  uint64_t sum = mix(1, &view->has_version, 1);
  sum = mix(sum, &view->is_subscribed, 1);
  sum = mix(sum, &view->script.hash, sizeof view->script.hash);
  sum = mix(sum, &view->policy.script.hash, sizeof view->policy.script.hash);
  sum = mix(sum, &view->policy.is_builtin, 1);
  if (view->route != NULL) {
    struct bc_buf text;
    bc_buf_init(&text, 65536);
    bc_route_print(view->route, BC_VERB_NONE, &text);
    sum = mix(sum, text.data, text.len);
    bc_buf_free(&text);
    sum = mix(sum, &view->options->rise, sizeof view->options->rise);
    sum = mix(sum, &view->options->check_is_none, 1);
  }
  return sum;
}

static uint64_t print_view(const struct bc_config_route *view) {
  uint64_t sum = print_version(view);
  const bool flags[] = {view->has_config, view->is_settled, view->has_lost_check, view->lost_identity};
  sum = mix(sum, flags, sizeof flags);
  return view->fault == NULL ? sum : mix(sum, view->fault, strlen(view->fault));
}

static bool find(const struct bc_config *config, int route, struct bc_config_route *view) {
  char name[16];
  (void)snprintf(name, sizeof name, "r%d", route);
  return bc_config_find(config, name, view);
}

static void take_changes(struct world *world) {
  struct bc_config_route view;
  bool found = false;
  while (bc_config_next_changed(world->config, &view, &found)) {
    int route = view.name[1] - '0';
    require(strlen(view.name) == 2 && route >= 0 && route < ROUTES);
    world->shown[route] = (struct shown){.exists = found, .print = found ? print_view(&view) : 0};
  }
  for (int i = 0; i < ROUTES; i++) {
    bool exists = find(world->config, i, &view);
    require(exists == world->shown[i].exists);
    require(!exists || print_view(&view) == world->shown[i].print);
  }
}

/* ---- invariants ---- */

static void require_consistent(const struct bc_config *config) {
  struct bc_config_counts counts = bc_config_counts(config);
  struct bc_config_counts counted = {0};
  struct bc_config_route view = {.name = NULL};
  while (bc_config_each(config, view.name, &view)) {
    counted.routes++;
    counted.subscribed += view.is_subscribed ? 1 : 0;
    counted.faulty += view.fault != NULL ? 1 : 0;
    require((view.route != NULL) == view.has_version && (view.options != NULL) == view.has_version);
    require(!view.has_version || view.has_config);
    require(!view.is_settled || view.has_version);
    require((view.script.text != NULL) == (view.script.hash != 0));
    require(view.script.text == NULL || view.has_version);
    require(!view.lost_identity || view.fault != NULL);
    require(!view.has_lost_check || (view.fault != NULL && view.script.text == NULL));
    require(view.fault == NULL || bc_str_is_printable(bc_str_of(view.fault)));
  }
  require(counts.routes == counted.routes && counts.subscribed == counted.subscribed);
  require(counts.faulty == counted.faulty && counts.scripts <= 2 * counted.routes); /* a check and a policy each */
  const char *text = NULL;
  for (size_t i = 0; bc_config_node_fault(config, i, &text); i++) {
    require(bc_str_is_printable(bc_str_of(text)));
  }
}

static bool conflicts(const struct bc_config_route *a, const struct bc_config_route *b) {
  bool is_common = false;
  for (size_t i = 0; i < bc_route_nlri_count(a->route); i++) {
    for (size_t j = 0; j < bc_route_nlri_count(b->route); j++) {
      is_common = is_common || bc_nlri_compare(bc_route_nlri(a->route, i), bc_route_nlri(b->route, j)) == 0;
    }
  }
  return is_common && bc_selectors_overlap(a->route->selector, b->route->selector);
}

static void require_one_winner(const struct bc_config *config) {
  struct bc_config_route views[ROUTES];
  bool claims[ROUTES];
  for (int i = 0; i < ROUTES; i++) {
    claims[i] = find(config, i, &views[i]) && views[i].has_version && views[i].is_subscribed;
  }
  for (int i = 0; i < ROUTES; i++) {
    bool is_beaten = false;
    for (int j = 0; claims[i] && j < ROUTES; j++) {
      is_beaten = is_beaten || (i != j && claims[j] && !views[j].lost_identity && conflicts(&views[i], &views[j]));
    }
    require(!claims[i] || is_beaten == views[i].lost_identity);
  }
}

static void save_key(void *arg, struct bc_str key, struct bc_str value) {
  bc_config_put(arg, key, value, (struct bc_mono){.us = 1});
}

static void require_saved_runs_again(struct world *world) {
  struct bc_config *again = bc_config_new(world->intern, "ME");
  bc_config_set_settle_ms(again, 0);
  bc_config_save(world->config, save_key, again);
  for (int i = 0; i < ROUTES; i++) {
    struct bc_config_route view;
    struct bc_config_route other;
    if (!find(world->config, i, &view) || !view.is_settled) {
      require(!find(again, i, &other));
      continue;
    }
    require(find(again, i, &other) && other.is_settled);
    if (!view.has_lost_check) {
      require(print_version(&view) == print_version(&other));
    }
  }
  require(bc_config_admin_state(again) == bc_config_admin_state(world->config));
  bc_config_free(again);
}

/* A refused subscription leaves the old one in force, so history matters there. */
static bool subscription_is_plain(const struct world *world) {
  const int key = ROUTES * 5;
  if (!world->store[key].is_there || world->store[key].is_hidden) {
    return !world->store[key].is_hidden;
  }
  struct bc_str value = {world->store[key].text, world->store[key].len};
  return bc_str_is(value, "*") || bc_str_is(value, "r0 r1") || bc_str_is(value, "-");
}

static void require_only_the_list_matters(struct world *world) {
  store_put_all(world, world->config);
  struct bc_config *fresh = bc_config_new(world->intern, "ME");
  store_put_all(world, fresh);
  require(bc_config_route_keys(fresh) == bc_config_route_keys(world->config));
  bool is_same = subscription_is_plain(world);
  for (int i = 0; is_same && i < ROUTES; i++) {
    struct bc_config_route a;
    struct bc_config_route b;
    bool exists = find(world->config, i, &a);
    require(exists == find(fresh, i, &b));
    if (exists && ((a.fault == NULL || a.lost_identity) && (b.fault == NULL || b.lost_identity))) {
      require(a.lost_identity || b.lost_identity || print_version(&a) == print_version(&b));
    }
    is_same = !exists || print_version(&a) == print_version(&b);
    char name[16];
    (void)snprintf(name, sizeof name, "r%d", i);
    bc_config_set_standing(fresh, name, world->stands[i]);
    bc_config_set_standing(world->config, name, world->stands[i]);
  }
  for (int i = 0; is_same && i < ROUTES; i++) {
    struct bc_config_route a;
    struct bc_config_route b;
    require(!find(world->config, i, &a) || (find(fresh, i, &b) && a.lost_identity == b.lost_identity));
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
  char text[64];
  key_text(key, text);
  if (is_missed) {
    return;
  }
  if (bytes == NULL) {
    bc_config_delete(world->config, bc_str_of(text), world->now);
  } else {
    bc_config_put(world->config, bc_str_of(text), (struct bc_str){world->store[key].text, len}, world->now);
  }
}

/* What is in force before and after is the same. */
static void store_hide(struct world *world, int key, bool is_missed) {
  char text[64];
  key_text(key, text);
  world->store[key].is_there = true;
  world->store[key].is_hidden = true;
  if (is_missed) {
    return;
  }
  struct bc_config_route before = {.name = NULL};
  struct bc_config_route after = {.name = NULL};
  bool was_settled = key < ROUTES * 5 && find(world->config, key / 5, &before) && before.is_settled;
  uint64_t print = was_settled ? print_version(&before) : 0;
  bc_config_put_unreadable(world->config, bc_str_of(text), "hidden", world->now);
  if (was_settled) {
    require(find(world->config, key / 5, &after) && after.is_settled && after.fault != NULL);
    require(print_version(&after) == print);
  }
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
    return 2 + put_value(world, key, data + 2, size - 2, is_missed);
  case 3:
    if ((data[0] & 0x80) != 0) {
      store_hide(world, key, is_missed);
    } else {
      store_set(world, key, NULL, 0, is_missed);
    }
    break;
  case 4:
    world->now = bc_mono_add_ms(world->now, data[1] * 10);
    bc_config_tick(world->config, world->now);
    break;
  case 5: {
    char name[16];
    int route = data[1] % ROUTES;
    (void)snprintf(name, sizeof name, "r%d", route);
    world->stands[route] = !world->stands[route];
    bc_config_set_standing(world->config, name, world->stands[route]);
    break;
  }
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
  for (int operations = 0; size >= 2 && operations < OPERATIONS_MAX; operations++) {
    size_t used = operate(&world, data, size);
    data += used;
    size -= used;
  }
  take_changes(&world);
  require_consistent(world.config);
  require_one_winner(world.config);
  require_saved_runs_again(&world);
  require_only_the_list_matters(&world);
  require_consistent(world.config);
  require_one_winner(world.config);
  take_changes(&world);
  for (int key = 0; key < KEYS; key++) {
    store_set(&world, key, NULL, 0, false);
  }
  require(bc_config_route_keys(world.config) == 0 && bc_config_counts(world.config).routes == 0);
  take_changes(&world);
  bc_config_free(world.config);
  require(bc_intern_count(world.intern) == 0);
  bc_intern_free(world.intern);
  return 0;
}
