/* A small ExaBGP 4.2 for tests of model/rib: commands are parsed in order from a queue, each neighbor
 * has a cache and pending changes filed by attribute text in the order of first use, an older change of
 * the same prefix under another text is not removed (the reordering bug), identical announces are
 * suppressed, withdraws of the first batch after `up` are dropped, the cache is sent again after `up`,
 * then End-of-RIB. Behaviour from ExaBGP 4.2 rib/outgoing.py, rib/cache.py and reactor/peer.py. */
#ifndef BC_TESTS_RIB_SIM_H
#define BC_TESTS_RIB_SIM_H

#include "base/mem.h"
#include "model/rib.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SIM_PEERS = 3,
  SIM_PREFIXES = 14,
  SIM_PREFIX_FLOW = 7,     /* a flow, where there is IPv6 */
  SIM_PREFIX_IPV6 = 8,     /* from here on ipv6 … */
  SIM_PREFIX_FOREIGN = 12, /* … and from here on ipv4, announced by another process */
  SIM_SETS = 64,
  SIM_CHANGES = 4096
};

#define SIM_FLOW "source-ipv4 192.0.2.0/24 protocol =tcp"

struct sim_change {
  int prefix;
  enum bc_verb verb;
  const char *text;
};

struct sim_set {
  const char *text;
  int count;
  struct sim_change changes[SIM_PREFIXES];
};

struct sim_peer {
  bool is_up;
  bool has_ipv6;
  bool reports;
  const char *cache[SIM_PREFIXES];
  const char *table[SIM_PREFIXES]; /* what the router has */
  struct sim_set pending[SIM_SETS];
  int pending_count;
  const char *newest[SIM_PREFIXES]; /* text under which the pending change was filed last */
  struct sim_change sending[SIM_CHANGES];
  int sending_at, sending_count;
  bool has_sent_batch; /* withdraws are sent from the second batch on */
  bool is_eor_due;
};

enum sim_kind { SIM_DONE, SIM_ERROR, SIM_HEADER, SIM_WIRE, SIM_EOR, SIM_UP, SIM_DOWN };

struct sim_event {
  enum sim_kind kind;
  unsigned peer;
  struct sim_change change;
  enum bc_family family;
};

struct sim {
  struct bc_intern *intern;
  struct bc_nlri nlri[SIM_PREFIXES];
  struct sim_peer peers[SIM_PEERS];
  char **lines;
  size_t lines_at, lines_count, lines_cap;
  struct sim_event *events;
  size_t events_at, events_count, events_cap;
  bool has_acks;
  unsigned lost_percent; /* acks that get lost although the command was taken */
  bool is_hazard_checked;
  uint64_t random;
  size_t suppressed, reordered;
};

static inline uint64_t sim_random(struct sim *sim, uint64_t below) {
  sim->random ^= sim->random << 13;
  sim->random ^= sim->random >> 7;
  sim->random ^= sim->random << 17;
  return (sim->random >> 11) % below;
}

static inline const char *sim_prefix_text(int prefix, char text[static 32]) {
  bool is_ipv6 = prefix >= SIM_PREFIX_IPV6 && prefix < SIM_PREFIX_FOREIGN;
  (void)snprintf(text, 32, is_ipv6 ? "2001:db8:%d::/48" : "192.0.2.%d/32", prefix);
  return text;
}

static inline bool sim_has_family(const struct sim_peer *peer, int prefix) {
  return peer->has_ipv6 || prefix < SIM_PREFIX_FLOW || prefix >= SIM_PREFIX_FOREIGN;
}

static inline bool sim_med(const char *text, uint32_t *med) {
  const char *at = strstr(text, "med ");
  *med = at == NULL ? 0 : (uint32_t)strtoul(at + 4, NULL, 10);
  return at != NULL;
}

static inline void sim_init(struct sim *sim, struct bc_intern *intern, uint64_t seed) {
  memset(sim, 0, sizeof *sim);
  sim->intern = intern;
  sim->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  sim->has_acks = true;
  for (int i = 0; i < SIM_PREFIXES; i++) {
    char text[32];
    bool is_ipv6 = i >= SIM_PREFIX_IPV6 && i < SIM_PREFIX_FOREIGN;
    enum bc_family family = is_ipv6 ? BC_FAMILY_IPV6_UNICAST : BC_FAMILY_IPV4_UNICAST;
    struct bc_str whole = bc_str_of(sim_prefix_text(i, text));
    enum bc_err err = i == SIM_PREFIX_FLOW
                          ? bc_nlri_from_rule(intern, BC_FAMILY_IPV4_FLOW, bc_str_of("flow " SIM_FLOW), &sim->nlri[i])
                          : bc_nlri_from_text(family, whole, bc_str_of(""), bc_str_of(""), &sim->nlri[i]);
    assert(err == BC_ERR_OK);
    (void)err;
  }
  for (int i = 0; i < SIM_PEERS; i++) {
    sim->peers[i].is_up = true;
    sim->peers[i].has_sent_batch = true;
    sim->peers[i].has_ipv6 = i != 1;
    sim->peers[i].reports = i != 2;
    for (int prefix = SIM_PREFIX_FOREIGN; prefix < SIM_PREFIXES; prefix++) {
      sim->peers[i].cache[prefix] = bc_intern_get(intern, bc_str_of("next-hop 10.9.9.9 med 9"));
      sim->peers[i].table[prefix] = sim->peers[i].cache[prefix];
    }
  }
}

static inline void sim_free(struct sim *sim) {
  for (size_t i = sim->lines_at; i < sim->lines_count; i++) {
    free(sim->lines[i]);
  }
  free(sim->lines);
  free(sim->events);
  bc_nlri_put(sim->intern, &sim->nlri[SIM_PREFIX_FLOW]);
}

static inline void sim_event_add(struct sim *sim, struct sim_event event) {
  if (sim->events_count == sim->events_cap) {
    sim->events_cap = sim->events_cap == 0 ? 256 : sim->events_cap * 2;
    sim->events = bc_mem_resize(sim->events, sim->events_cap, sizeof sim->events[0]);
  }
  sim->events[sim->events_count++] = event;
}

static inline bool sim_event_take(struct sim *sim, struct sim_event *event) {
  if (sim->events_at == sim->events_count) {
    sim->events_at = 0;
    sim->events_count = 0;
    return false;
  }
  *event = sim->events[sim->events_at++];
  return true;
}

static inline void sim_line_add(struct sim *sim, const char *line) {
  if (sim->lines_count == sim->lines_cap) {
    sim->lines_cap = sim->lines_cap == 0 ? 256 : sim->lines_cap * 2;
    sim->lines = bc_mem_resize(sim->lines, sim->lines_cap, sizeof sim->lines[0]);
  }
  sim->lines[sim->lines_count++] = bc_mem_copy_string(line);
}

/* ---- the outgoing table ---- */

static inline struct sim_set *sim_set_get(struct sim_peer *peer, const char *text) {
  for (int i = 0; i < peer->pending_count; i++) {
    if (peer->pending[i].text == text) {
      return &peer->pending[i];
    }
  }
  assert(peer->pending_count < SIM_SETS);
  struct sim_set *set = &peer->pending[peer->pending_count++];
  *set = (struct sim_set){.text = text};
  return set;
}

static inline void sim_set_drop(struct sim_set *set, int prefix) {
  for (int i = 0; i < set->count; i++) {
    if (set->changes[i].prefix == prefix) {
      memmove(&set->changes[i], &set->changes[i + 1], (size_t)(set->count - i - 1) * sizeof set->changes[0]);
      set->count--;
      return;
    }
  }
}

static inline void sim_set_put(struct sim_set *set, struct sim_change change) {
  for (int i = 0; i < set->count; i++) {
    if (set->changes[i].prefix == change.prefix) {
      set->changes[i] = change;
      return;
    }
  }
  set->changes[set->count++] = change;
}

static inline void sim_file(struct sim *sim, struct sim_peer *peer, struct sim_change change, bool is_forced) {
  bool is_announce = change.verb == BC_VERB_ANNOUNCE;
  const char *older = peer->newest[change.prefix];
  if (is_announce && !is_forced && peer->cache[change.prefix] == change.text) {
    sim->suppressed++;
    return;
  }
  if (older != NULL && older != change.text && peer->is_up) {
    sim->reordered++;
    if (sim->is_hazard_checked) {
      fprintf(stderr, "two changes of prefix %d meet: %s, %s\n", change.prefix, older, change.text);
      abort();
    }
  }
  if (!is_announce && older != NULL) {
    sim_set_drop(sim_set_get(peer, older), change.prefix);
  }
  sim_set_put(sim_set_get(peer, change.text), change);
  peer->newest[change.prefix] = change.text;
  peer->cache[change.prefix] = is_announce ? change.text : NULL;
}

/* ---- commands ---- */

static inline int sim_prefix_find(const char *at, size_t len) {
  for (int i = 0; i < SIM_PREFIXES; i++) {
    char text[32];
    (void)sim_prefix_text(i, text);
    if (strlen(text) == len && memcmp(text, at, len) == 0) {
      return i;
    }
  }
  fprintf(stderr, "a prefix that nobody asked for: %.*s\n", (int)len, at);
  abort();
}

/* The attributes of a flow as we know them stand for what ExaBGP would make of them. */
static inline struct bc_str sim_flow_read(struct sim *sim, const char *line, struct bc_route *route) {
  enum bc_verb verb;
  enum bc_err err = bc_route_parse_command(sim->intern, bc_str_of(line), &verb, route, NULL);
  if (err != BC_ERR_OK || bc_nlri_compare(&route->nlri, &sim->nlri[SIM_PREFIX_FLOW]) != 0) {
    fprintf(stderr, "a flow that nobody asked for: %s\n", line);
    abort();
  }
  return bc_str_of(route->attributes);
}

/* What a line does: for peers in `mask`, each prefix of `prefixes`. */
struct sim_command {
  enum bc_verb verb; /* NONE: show neighbor summary */
  unsigned mask;
  const char *text; /* interned, a reference */
  int prefixes[SIM_PREFIXES];
  int count;
};

static inline unsigned sim_mask(const char *line, const char *end) {
  if (strncmp(line, "neighbor ", 9) != 0) {
    return (1U << SIM_PEERS) - 1;
  }
  unsigned mask = 0;
  for (unsigned i = 0; i < SIM_PEERS; i++) {
    char name[32];
    (void)snprintf(name, sizeof name, "neighbor 10.0.0.%u", i + 1);
    const char *at = strstr(line, name);
    mask |= at != NULL && at < end ? 1U << i : 0;
  }
  return mask;
}

static inline struct sim_command sim_command_read(struct sim *sim, const char *line) {
  struct sim_command command = {.verb = BC_VERB_NONE};
  if (strcmp(line, "show neighbor summary") == 0) {
    return command;
  }
  const char *at = strstr(line, "announce ");
  command.verb = at != NULL ? BC_VERB_ANNOUNCE : BC_VERB_WITHDRAW;
  at = at != NULL ? at : strstr(line, "withdraw ");
  assert(at != NULL);
  command.mask = sim_mask(line, at);
  at += strlen("announce ");
  struct bc_str text;
  struct bc_route flow = {0};
  const char *prefixes;
  if (strncmp(at, "flow ", 5) == 0) {
    text = sim_flow_read(sim, line, &flow);
    command.prefixes[command.count++] = SIM_PREFIX_FLOW;
  } else if (strncmp(at, "route ", 6) == 0) {
    prefixes = at + 6;
    const char *end = strchr(prefixes, ' ');
    end = end == NULL ? prefixes + strlen(prefixes) : end;
    text = bc_str_of(*end == '\0' ? end : end + 1);
    command.prefixes[command.count++] = sim_prefix_find(prefixes, (size_t)(end - prefixes));
  } else {
    assert(strncmp(at, "attributes ", 11) == 0);
    at += 11;
    const char *nlri = strstr(at, " nlri ");
    text = (struct bc_str){at, (size_t)(nlri - at)};
    struct bc_str rest = bc_str_of(nlri + 6);
    struct bc_str word;
    while ((word = bc_str_next_word(&rest)).len > 0) {
      command.prefixes[command.count++] = sim_prefix_find(word.at, word.len);
    }
  }
  command.text = bc_intern_get(sim->intern, text);
  bc_route_release(sim->intern, &flow);
  return command;
}

static inline void sim_answer(struct sim *sim, enum sim_kind kind) {
  if (sim->has_acks && (sim->lost_percent == 0 || sim_random(sim, 100) >= sim->lost_percent)) {
    sim_event_add(sim, (struct sim_event){.kind = kind});
  }
}

static inline void sim_parse(struct sim *sim) {
  if (sim->lines_at == sim->lines_count) {
    sim->lines_at = 0;
    sim->lines_count = 0;
    return;
  }
  char *line = sim->lines[sim->lines_at++];
  struct sim_command command = sim_command_read(sim, line);
  free(line);
  if (command.verb == BC_VERB_NONE) {
    sim_event_add(sim, (struct sim_event){.kind = SIM_HEADER});
    if (sim->has_acks) {
      sim_event_add(sim, (struct sim_event){.kind = SIM_DONE});
    }
    return;
  }
  if (strstr(command.text, "667:1") != NULL) {
    return; /* an exception in ExaBGP: no answer */
  }
  if (strstr(command.text, "666:1") != NULL) {
    sim_answer(sim, SIM_ERROR);
    return;
  }
  for (int i = 0; i < command.count; i++) {
    for (unsigned p = 0; p < SIM_PEERS; p++) {
      if ((command.mask >> p & 1U) != 0 && sim_has_family(&sim->peers[p], command.prefixes[i])) {
        struct sim_change change = {.prefix = command.prefixes[i], .verb = command.verb, .text = command.text};
        sim_file(sim, &sim->peers[p], change, false);
      }
    }
  }
  sim_answer(sim, SIM_DONE);
}

/* ---- sessions ---- */

static inline void sim_peer_load(struct sim_peer *peer) {
  peer->sending_at = 0;
  peer->sending_count = 0;
  for (int i = 0; i < peer->pending_count; i++) {
    for (int j = 0; j < peer->pending[i].count; j++) {
      struct sim_change change = peer->pending[i].changes[j];
      if (change.verb == BC_VERB_ANNOUNCE || peer->has_sent_batch) {
        assert(peer->sending_count < SIM_CHANGES);
        peer->sending[peer->sending_count++] = change;
      }
    }
  }
  peer->has_sent_batch = true;
  peer->pending_count = 0;
  memset(peer->newest, 0, sizeof peer->newest);
}

static inline void sim_peer_flush(struct sim *sim, unsigned number, int updates) {
  struct sim_peer *peer = &sim->peers[number];
  if (!peer->is_up) {
    return;
  }
  if (peer->sending_at == peer->sending_count && peer->pending_count > 0) {
    sim_peer_load(peer);
  } else if (peer->sending_at == peer->sending_count && peer->is_eor_due) {
    peer->is_eor_due = false;
    static const enum bc_family families[] = {BC_FAMILY_IPV4_UNICAST, BC_FAMILY_IPV6_UNICAST, BC_FAMILY_IPV4_FLOW};
    for (int i = 0; peer->reports && i < (peer->has_ipv6 ? 3 : 1); i++) {
      sim_event_add(sim, (struct sim_event){.kind = SIM_EOR, .peer = number, .family = families[i]});
    }
  }
  for (int i = 0; i < updates && peer->sending_at < peer->sending_count; i++) {
    struct sim_change change = peer->sending[peer->sending_at++];
    peer->table[change.prefix] = change.verb == BC_VERB_ANNOUNCE ? change.text : NULL;
    if (peer->reports) {
      sim_event_add(sim, (struct sim_event){.kind = SIM_WIRE, .peer = number, .change = change});
    }
  }
}

static inline void sim_peer_turn(struct sim *sim, unsigned number, bool is_up) {
  struct sim_peer *peer = &sim->peers[number];
  if (peer->is_up == is_up) {
    return;
  }
  peer->sending_at = peer->sending_count = 0;
  memset(peer->table, 0, sizeof peer->table);
  sim_event_add(sim, (struct sim_event){.kind = is_up ? SIM_UP : SIM_DOWN, .peer = number});
  if (is_up) {
    peer->pending_count = 0;
    memset(peer->newest, 0, sizeof peer->newest);
    peer->has_sent_batch = false;
    peer->is_eor_due = true;
    for (int i = 0; i < SIM_PREFIXES; i++) {
      if (peer->cache[i] != NULL) {
        sim_file(sim, peer, (struct sim_change){i, BC_VERB_ANNOUNCE, peer->cache[i]}, true);
      }
    }
    if (peer->pending_count > 0) {
      sim_peer_load(peer);
    }
  }
  peer->is_up = is_up;
}

static inline bool sim_is_idle(const struct sim *sim) {
  bool is_idle = sim->lines_at == sim->lines_count && sim->events_at == sim->events_count;
  for (int i = 0; i < SIM_PEERS; i++) {
    const struct sim_peer *peer = &sim->peers[i];
    is_idle = is_idle && (!peer->is_up ||
                          (peer->pending_count == 0 && peer->sending_at == peer->sending_count && !peer->is_eor_due));
  }
  return is_idle;
}

#endif
