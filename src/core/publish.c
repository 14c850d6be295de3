/* This node's own keys in the store: status, route states, neighbors. */
#include "core/private.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PUBLISH_PAUSE_MS = 500, PUBLISH_ROUTES_BYTES = BC_LIMIT_STATUS_BYTES - 4096, PUBLISH_TRIM_LINES = 50 };

void core_publish_dirty(struct bc_core *core) {
  core_event_look(core);
  if (core->apply.store != NULL && core->publish.timer != NULL && !bc_timer_is_armed(core->publish.timer)) {
    bc_timer_start(core->publish.timer, PUBLISH_PAUSE_MS);
  }
}

static void publish_key(struct bc_core *core, const char *value, const char *format, ...) BC_PRINTF(3, 4);

static void publish_key(struct bc_core *core, const char *value, const char *format, ...) {
  char key[BC_LIMIT_KEY_BYTES];
  if (core->apply.store == NULL) {
    return;
  }
  int used = snprintf(key, sizeof key, "node/%s/", core->settings->node);
  if (used < 0 || (size_t)used >= sizeof key) {
    return;
  }
  va_list args;
  va_start(args, format);
  (void)vsnprintf(key + used, sizeof key - (size_t)used, format, args);
  va_end(args);
  bc_store_publish(core->apply.store, key, value);
}

void core_publish_route(struct bc_core *core, struct core_route *route, bool is_gone) {
  route->state_published = !is_gone;
  const char *value = route->published_announce ? "announce" : "withdraw";
  publish_key(core, is_gone ? NULL : value, "routes/%s/state", route->name);
}

enum {
  PUBLISH_NEIGHBOR_BYTES =
      sizeof(((struct bc_exabgp_neighbor_config *)0)->peer) + sizeof(((struct bc_exabgp_neighbor_config *)0)->local) + 1
};

/* Of several sessions with one address all but the first have their local address in the key too. */
static void publish_name_neighbor(const struct bc_core *core, const struct core_neighbor *neighbor,
                                  char name[static PUBLISH_NEIGHBOR_BYTES]) {
  const struct core_neighbor *first = core->neighbors;
  while (first < neighbor && strcmp(first->config.peer, neighbor->config.peer) != 0) {
    first++;
  }
  bool is_first = first == neighbor;
  (void)snprintf(name, PUBLISH_NEIGHBOR_BYTES, "%s%s%s", neighbor->config.peer, is_first ? "" : "@",
                 is_first ? "" : neighbor->config.local);
}

static const char *const publish_neighbor_keys[] = {"state",   "ipAddress", "localAddress", "peerAs",
                                                    "localAs", "since",     "reason"};
enum { PUBLISH_NEIGHBOR_KEYS = sizeof publish_neighbor_keys / sizeof publish_neighbor_keys[0] };

void core_publish_forget_neighbor(struct bc_core *core, const struct core_neighbor *neighbor) {
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    const struct core_neighbor *other = &core->neighbors[i];
    char name[PUBLISH_NEIGHBOR_BYTES];
    publish_name_neighbor(core, other, name);
    bool is_same = strcmp(other->config.peer, neighbor->config.peer) == 0;
    for (size_t key = 0; is_same && key < PUBLISH_NEIGHBOR_KEYS; key++) {
      publish_key(core, NULL, "neighbors/%s/%s", name, publish_neighbor_keys[key]);
    }
  }
}

void core_publish_neighbor(struct bc_core *core, const struct core_neighbor *neighbor) {
  const struct bc_exabgp_neighbor_config *config = &neighbor->config;
  char name[PUBLISH_NEIGHBOR_BYTES];
  char since[25];
  publish_name_neighbor(core, neighbor, name);
  bc_wall_print(neighbor->since_ms, since);
  const char *const values[PUBLISH_NEIGHBOR_KEYS] = {core_neighbor_state_text(neighbor),
                                                     config->peer,
                                                     config->local,
                                                     config->peer_as,
                                                     config->local_as,
                                                     since,
                                                     neighbor->reason};
  for (size_t i = 0; i < PUBLISH_NEIGHBOR_KEYS; i++) {
    publish_key(core, values[i], "neighbors/%s/%s", name, publish_neighbor_keys[i]);
  }
}

void core_publish_all(struct bc_core *core) {
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    core_publish_neighbor(core, &core->neighbors[i]);
  }
  for (struct core_route *route = core_route_next(core, NULL); route != NULL; route = core_route_next(core, route)) {
    if (route->state_published) {
      core_publish_route(core, route, false);
    }
  }
  core_publish_dirty(core);
}

/* Only what a person needs of a route that is not simply announced. */
static json_t *publish_route_entry(struct bc_core *core, const struct core_route *route) {
  static const char *const members[] = {"state", "health", "reason", "since", "error", "output"};
  json_t *whole = core_report_route(core, route);
  json_t *made = json_object();
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    json_t *value = json_object_get(whole, members[i]);
    if (value != NULL && !json_is_null(value)) {
      json_object_set(made, members[i], value);
    }
  }
  json_decref(whole);
  return made;
}

static json_t *publish_routes(struct bc_core *core, size_t *omitted) {
  json_t *routes = json_object();
  size_t bytes = 0;
  const struct core_route *route;
  TAILQ_FOREACH(route, &core->notable, notable) {
    if (bytes > PUBLISH_ROUTES_BYTES) {
      break;
    }
    json_t *entry = publish_route_entry(core, route);
    size_t size = json_dumpb(entry, NULL, 0, JSON_COMPACT) + strlen(route->name) + 4;
    if (bytes + size > PUBLISH_ROUTES_BYTES) {
      json_decref(entry);
    } else {
      json_object_set_new(routes, route->name, entry);
    }
    bytes += size;
  }
  *omitted = core->notable_count - json_object_size(routes);
  return routes;
}

json_t *core_publish_report(struct bc_core *core) {
  json_t *store = core_report_store(core);
  /* The age changes by itself: it is added to what is written, and is no reason to write. The revision
   * is that of the last change that concerned us: our own writes move the store's. */
  json_object_del(store, "ageMs");
  json_object_set_new(store, "revision", json_integer((json_int_t)core->apply.applied_revision));
  size_t omitted;
  json_t *routes = publish_routes(core, &omitted);
  json_t *made = json_object();
  json_object_set_new(made, "version", json_string(BC_VERSION));
  json_object_set_new(made, "store", store);
  json_object_set_new(made, "summary", core_report_summary(core));
  json_object_set_new(made, "routes", routes);
  json_object_set_new(made, "omitted", json_integer((json_int_t)omitted));
  json_object_set_new(made, "warnings", core_report_warnings(core));
  return made;
}

/* The last of them give way to their number. */
static void publish_cut_warnings(json_t *status) {
  enum { PUBLISH_REST_BYTES = 64 + 128 }; /* the store's age; the line that tells what is left out */
  json_t *list = json_object_get(status, "warnings");
  size_t bytes = json_dumpb(status, NULL, 0, JSON_COMPACT);
  size_t left_out = 0;
  while (bytes > BC_LIMIT_STATUS_BYTES - PUBLISH_REST_BYTES && json_array_size(list) > 0) {
    size_t last = json_array_size(list) - 1;
    bytes -= json_dumpb(json_array_get(list, last), NULL, 0, JSON_ENCODE_ANY) + 1;
    (void)json_array_remove(list, last);
    left_out++;
  }
  if (left_out > 0) {
    char line[96];
    (void)snprintf(line, sizeof line, "%zu more warnings find no room here: see `bgpcommander status`", left_out);
    json_array_append_new(list, json_string(line));
  }
}

static uint64_t publish_hash(const char *text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (; *text != '\0'; text++) {
    hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
  }
  return hash;
}

/* A start with many routes passes through many times the memory that it keeps (JSON, commands on their
 * way): once all is settled that goes back to the system. */
static void publish_trim(struct bc_core *core) {
  uint64_t lines = bc_rib_counts(core->rib).lines_written;
  if (lines - core->publish.trimmed_at >= PUBLISH_TRIM_LINES && bc_rib_is_settled(core->rib)) {
    core->publish.trimmed_at = lines;
    (void)malloc_trim(0);
  }
}

static void publish_on_timer(void *arg) {
  struct bc_core *core = arg;
  publish_trim(core);
  json_t *status = core_publish_report(core);
  publish_cut_warnings(status);
  char *text = json_dumps(status, JSON_COMPACT);
  uint64_t hash = text == NULL ? 0 : publish_hash(text);
  free(text);
  if (hash != core->publish.told) {
    core->publish.told = hash;
    json_t *store = json_object_get(status, "store");
    /* For people: seconds since the store was last heard. */
    json_object_set_new(store, "age", json_real((double)bc_store_age_ms(core->apply.store) / 1000.0));
    text = json_dumps(status, JSON_COMPACT);
    publish_key(core, text, "status");
    free(text);
  }
  json_decref(status);
}

void core_publish_open(struct bc_core *core) {
  core->publish.timer = bc_timer_new(core->loop, publish_on_timer, core);
}

void core_publish_close(struct bc_core *core) {
  bc_timer_free(core->publish.timer);
  core->publish.timer = NULL;
}
