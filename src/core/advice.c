/* What ExaBGP's configuration lacks or has too much: one line each, in the log once and in the status as long as it
 * holds. */
#include "core/private.h"

#include <stdio.h>

/* Bit of each line in the set of those that the log has told. */
enum { ADVICE_ACKS = 1, ADVICE_ENCODER = 2, ADVICE_API = 4, ADVICE_REFRESH = 8 };

typedef void advice_fn(void *arg, unsigned *told, unsigned bit, const char *text);

static void advice_of_process(struct bc_core *core, advice_fn *fn, void *arg) {
  struct core_link *link = &core->link;
  fn(arg, &link->advised, ADVICE_ACKS,
     link->acks_off
         ? "ExaBGP does not acknowledge commands, so that what it refuses is not seen: set exabgp.api.ack to true"
         : NULL);
  fn(arg, &link->advised, ADVICE_ENCODER,
     link->is_text_encoder
         ? "our process block in ExaBGP's configuration has `encoder text`, whose messages do not tell "
           "two sessions with one peer address apart: write `encoder json`"
         : NULL);
}

static const char *advice_of_api(const struct bc_exabgp_neighbor_config *config) {
  if (!config->neighbor_changes && !config->reports_updates) {
    return "no `neighbor-changes` and no `send { parsed; update; }` in its api block: up, down and what is on the wire "
           "are not seen";
  }
  if (!config->neighbor_changes) {
    return "no `neighbor-changes` in its api block: up and down are not seen";
  }
  return config->reports_updates ? NULL
                                 : "no `send { parsed; update; }` in its api block: what is on the wire is not seen";
}

static void advice_of_neighbor(struct bc_core *core, struct core_neighbor *neighbor, bool is_ours, advice_fn *fn,
                               void *arg) {
  const struct bc_exabgp_neighbor_config *config = &neighbor->config;
  const char *api = is_ours ? advice_of_api(config) : NULL;
  char line[320];
  if (api != NULL) {
    (void)snprintf(line, sizeof line, "neighbor %s: %s", config->peer, api);
  }
  fn(arg, &neighbor->advised, ADVICE_API, api == NULL ? NULL : line);
  bool is_risky = is_ours && config->route_refresh && bc_exabgp_refresh_resets(core->link.codec);
  if (is_risky) {
    (void)snprintf(line, sizeof line,
                   "neighbor %s has `route-refresh enable`: this ExaBGP resets the session when the peer asks for its "
                   "routes again; write `capability { route-refresh disable; }`",
                   config->peer);
  }
  fn(arg, &neighbor->advised, ADVICE_REFRESH, is_risky ? line : NULL);
}

/* Calls `fn` for each line that could be, with NULL for those that are not due. */
static void advice_each(struct bc_core *core, advice_fn *fn, void *arg) {
  advice_of_process(core, fn, arg);
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    struct core_neighbor *neighbor = &core->neighbors[i];
    bool is_ours = bc_rib_neighbor_get(core->rib, i)->is_ours;
    advice_of_neighbor(core, neighbor, is_ours, fn, arg);
  }
}

static void advice_log(void *arg, unsigned *told, unsigned bit, const char *text) {
  (void)arg;
  if (text == NULL) {
    *told &= ~bit;
  } else if ((*told & bit) == 0) {
    *told |= bit;
    bc_log(BC_LOG_WARNING, "%s", text);
  }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the other one of its kind writes it */
static void advice_add(void *arg, unsigned *told, unsigned bit, const char *text) {
  (void)told;
  (void)bit;
  if (text != NULL) {
    json_array_append_new(arg, json_string(text));
  }
}

void core_advice_tell(struct bc_core *core) {
  advice_each(core, advice_log, NULL);
}

void core_advice_list(struct bc_core *core, json_t *list) {
  advice_each(core, advice_add, list);
}
