/* One core with its model/rib, a disk for its journal and a simulated ExaBGP (rib_sim.h). Every command
 * that it writes is checked: nothing foreign, no withdraw of what is wanted, no second command for an
 * NLRI in flight, no announce that the journal does not know, no more than the window. */
#ifndef BC_TESTS_RIB_WORLD_H
#define BC_TESTS_RIB_WORLD_H

#include "base/limits.h"
#include "model/journal.h"
#include "rib_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TEXTS = 7, JOURNAL_MAX = 1 << 24 };

static const char *const world_texts[TEXTS] = {"med 100",
                                               "med 101",
                                               "",
                                               "med 100 community [ 65000:1 ]",
                                               "med 4294967295",
                                               "med 7 community [ 666:1 ]",  /* refused */
                                               "med 8 community [ 667:1 ]"}; /* never answered */
enum { TEXTS_GOOD = 5 };

static const char *const world_actions[TEXTS] = {"discard;",
                                                 "rate-limit 9600;",
                                                 "community [ 65000:1 ]; discard;",
                                                 "community [ 65535:65535 ]; discard;", /* what a nudge would add */
                                                 "mark 10;",
                                                 "community [ 666:1 ]; discard;",
                                                 "community [ 667:1 ]; discard;"};

struct world {
  struct sim sim;
  struct bc_intern *intern;
  struct bc_rib *rib;
  struct bc_mono now;
  int texts;
  bool has_selectors;
  bool has_cuts;
  struct bc_route wanted[SIM_PREFIXES];
  bool is_wanted[SIM_PREFIXES];
  bool is_untouchable[SIM_PREFIXES];
  struct bc_buf disk;
  bool is_disk_read; /* `disk_has` is what it says now */
  unsigned disk_has[SIM_PREFIXES];
  struct bc_buf batch;
  bool is_batch_out, is_batch_whole;
  int unacked[SIM_PREFIXES];
  int lines[8192][SIM_PREFIXES + 1]; /* written, not answered: count and prefixes; count -1 = barrier */
  size_t lines_at, lines_count;
  size_t lines_written;
};

static inline void world_fail(const struct world *world, const char *what, const char *detail) {
  fprintf(stderr, "%s: %s (at %lld us)\n", what, detail, (long long)world->now.us);
  abort();
}

/* ---- journal ---- */

static const char *const world_selectors[] = {"", "neighbor 10.0.0.1 ", "neighbor 10.0.0.1, neighbor 10.0.0.3 "};

static inline void world_disk_read(struct world *world) {
  struct bc_journal_reader reader;
  enum bc_journal_kind kind;
  struct bc_str text;
  memset(world->disk_has, 0, sizeof world->disk_has);
  bc_journal_read_start(&reader, bc_buf_str(&world->disk));
  while (bc_journal_read_next(&reader, &kind, &text)) {
    struct bc_route route;
    enum bc_verb verb;
    enum bc_err err = bc_route_parse_command(world->intern, text, &verb, &route, NULL);
    assert_int_equal(err, BC_ERR_OK);
    unsigned bit = route.selector == NULL ? 1 : strchr(route.selector, ',') == NULL ? 2 : 4;
    for (int i = 0; i < SIM_PREFIXES; i++) {
      unsigned has = world->disk_has[i];
      bool is_of = bc_nlri_compare(&route.nlri, &world->sim.nlri[i]) == 0;
      world->disk_has[i] = !is_of ? has : kind == BC_JOURNAL_ANNOUNCED ? has | bit : has & ~bit;
    }
    bc_route_release(world->intern, &route);
  }
  world->is_disk_read = true;
}

/* The set of selectors under which a prefix has a live record. */
static inline unsigned world_disk_has(struct world *world, int prefix) {
  if (!world->is_disk_read) {
    world_disk_read(world);
  }
  return world->disk_has[prefix];
}

static inline void world_journal_take(struct world *world) {
  if (world->is_batch_out) {
    return;
  }
  bc_buf_clear(&world->batch);
  if (sim_random(&world->sim, 8) == 0 && bc_rib_is_started(world->rib)) {
    world->is_batch_whole = true;
    world->is_batch_out = bc_rib_journal_snapshot(world->rib, &world->batch);
    assert_true(world->is_batch_out);
    return;
  }
  world->is_batch_whole = false;
  world->is_batch_out = bc_rib_journal_take(world->rib, &world->batch);
}

static inline void world_journal_write(struct world *world) {
  if (world->is_batch_whole) {
    bc_buf_clear(&world->disk);
  }
  bc_buf_add_str(&world->disk, bc_buf_str(&world->batch));
  world->is_disk_read = false;
  assert_int_equal(bc_buf_status(&world->disk), BC_ERR_OK);
  world->is_batch_out = false;
}

static inline void world_journal_written(struct world *world) {
  if (world->is_batch_out) {
    world_journal_write(world);
    bc_rib_journal_written(world->rib, world->now);
  }
}

/* ---- commands ---- */

static inline void world_check_prefix(struct world *world, const struct sim_command *command, int prefix,
                                      const char *line) {
  if (world->is_untouchable[prefix] || prefix >= SIM_PREFIX_FOREIGN) {
    world_fail(world, "a command for what is not ours", line);
  }
  unsigned wanted_mask = (1U << SIM_PEERS) - 1;
  if (world->is_wanted[prefix] && world->wanted[prefix].selector != NULL) {
    wanted_mask = sim_mask(world->wanted[prefix].selector, world->wanted[prefix].selector + 4096);
  }
  if (command->verb == BC_VERB_WITHDRAW && world->is_wanted[prefix] && (wanted_mask & command->mask) != 0) {
    world_fail(world, "a withdraw of what is wanted", line);
  }
  if (command->verb == BC_VERB_ANNOUNCE && world_disk_has(world, prefix) == 0) {
    world_fail(world, "an announce that is not in the journal", line);
  }
  if (!world->has_selectors && world->unacked[prefix] > 0) {
    world_fail(world, "a second command for one NLRI", line);
  }
}

static inline void world_write(struct world *world, const char *line) {
  struct sim_command command = sim_command_read(&world->sim, line);
  assert_true(world->lines_count < 8192);
  int *record = world->lines[world->lines_count++];
  record[0] = command.verb == BC_VERB_NONE ? -1 : command.count;
  for (int i = 0; i < command.count; i++) {
    world_check_prefix(world, &command, command.prefixes[i], line);
    world->unacked[command.prefixes[i]]++;
    record[i + 1] = command.prefixes[i];
  }
  bc_intern_put(world->intern, command.text);
  world->lines_written++;
  sim_line_add(&world->sim, line);
  struct bc_rib_counts counts = bc_rib_counts(world->rib);
  assert_true(counts.outstanding_lines <= BC_LIMIT_WINDOW_LINES);
  assert_true(counts.outstanding_nlri <= BC_LIMIT_WINDOW_NLRI);
}

static inline void world_pump(struct world *world, int max) {
  struct bc_buf line;
  bc_buf_init(&line, BC_LIMIT_COMMAND_BYTES);
  while (max-- > 0 && bc_rib_next_command(world->rib, world->now, &line)) {
    world_write(world, line.data);
  }
  bc_buf_free(&line);
}

static inline bool world_line_answered(struct world *world) {
  if (world->lines_at == world->lines_count) {
    world->lines_at = 0;
    world->lines_count = 0;
    return false;
  }
  const int *record = world->lines[world->lines_at++];
  for (int i = 0; i < record[0]; i++) {
    world->unacked[record[i + 1]]--;
  }
  return true;
}

/* ---- events ---- */

static inline struct bc_rib_neighbor world_neighbor(const struct world *world, unsigned number) {
  const struct sim_peer *peer = &world->sim.peers[number];
  uint32_t more = 1U << BC_FAMILY_IPV6_UNICAST | 1U << BC_FAMILY_IPV4_FLOW;
  uint32_t families = 1U << BC_FAMILY_IPV4_UNICAST | (peer->has_ipv6 ? more : 0U);
  struct bc_rib_neighbor neighbor = {.configured = families,
                                     .negotiated = families,
                                     .is_ours = true,
                                     .is_established = peer->is_up,
                                     .reports_updates = peer->reports};
  (void)snprintf(neighbor.name.ip, sizeof neighbor.name.ip, "10.0.0.%u", number + 1);
  (void)snprintf(neighbor.name.local_ip, sizeof neighbor.name.local_ip, "10.0.0.254");
  return neighbor;
}

static inline void world_deliver_wire(struct world *world, const struct sim_event *event) {
  uint32_t med;
  bool has_med = sim_med(event->change.text, &med);
  bc_rib_on_wire(world->rib, event->peer, event->change.verb, &world->sim.nlri[event->change.prefix],
                 event->change.verb == BC_VERB_ANNOUNCE && has_med, med, world->now);
}

static inline void world_deliver_header(struct world *world) {
  while (world->lines_at < world->lines_count && world->lines[world->lines_at][0] >= 0) {
    (void)world_line_answered(world);
  }
  if (!world->sim.has_acks) {
    (void)world_line_answered(world);
  }
  bc_rib_on_barrier(world->rib, world->now);
}

static inline bool world_deliver(struct world *world) {
  struct sim_event event;
  if (!sim_event_take(&world->sim, &event)) {
    return false;
  }
  struct bc_rib_neighbor neighbor = world_neighbor(world, event.peer);
  switch (event.kind) {
  case SIM_DONE:
    (void)world_line_answered(world);
    bc_rib_on_done(world->rib, world->now);
    break;
  case SIM_ERROR:
    (void)world_line_answered(world);
    bc_rib_on_error(world->rib, world->now);
    break;
  case SIM_HEADER:
    world_deliver_header(world);
    break;
  case SIM_WIRE:
    world_deliver_wire(world, &event);
    break;
  case SIM_EOR:
    bc_rib_on_eor(world->rib, event.peer, event.family, world->now);
    break;
  case SIM_UP:
  case SIM_DOWN:
    neighbor.is_established = event.kind == SIM_UP;
    bc_rib_neighbor_set(world->rib, event.peer, &neighbor, world->now);
    break;
  }
  return true;
}

static inline void world_time(struct world *world, int64_t ms) {
  world->now = bc_mono_add_ms(world->now, ms);
  struct bc_mono deadline = bc_rib_deadline(world->rib);
  if (bc_mono_is_set(deadline) && bc_mono_reached(deadline, world->now)) {
    bc_rib_tick(world->rib, world->now);
    deadline = bc_rib_deadline(world->rib);
    assert_true(!bc_mono_is_set(deadline) || !bc_mono_reached(deadline, world->now));
  }
}

/* ---- wants ---- */

static inline void world_unwant(struct world *world, int prefix) {
  if (world->is_wanted[prefix]) {
    world->is_wanted[prefix] = false;
    bc_rib_unwant(world->rib, world->wanted[prefix].selector, &world->sim.nlri[prefix], world->now);
    bc_route_release(world->intern, &world->wanted[prefix]);
  }
}

static inline void world_route(struct world *world, int prefix, struct bc_route *route) {
  char text[256];
  char prefix_text[32];
  bool is_ipv6 = prefix >= SIM_PREFIX_IPV6 && prefix < SIM_PREFIX_FOREIGN;
  const char *selector = world_selectors[world->has_selectors ? sim_random(&world->sim, 3) : 0];
  uint64_t which = sim_random(&world->sim, (uint64_t)world->texts);
  if (prefix == SIM_PREFIX_FLOW) {
    (void)snprintf(text, sizeof text, "%sflow route { match { source 192.0.2.0/24; protocol tcp; } then { %s } }",
                   selector, world_actions[which]);
  } else {
    (void)snprintf(text, sizeof text, "%sroute %s next-hop %s %s", selector, sim_prefix_text(prefix, prefix_text),
                   is_ipv6 ? "2001:db8::1" : "10.9.0.1", world_texts[which]);
  }
  struct bc_fault fault;
  if (bc_route_parse(world->intern, bc_str_of(text), route, &fault) != BC_ERR_OK) {
    world_fail(world, text, fault.text);
  }
}

static inline void world_tell(struct world *world, int prefix) {
  char owner[32];
  (void)snprintf(owner, sizeof owner, "r%d", prefix);
  bc_rib_want(world->rib, owner, &world->wanted[prefix], world->now);
}

static inline void world_want(struct world *world, int prefix) {
  struct bc_route route;
  world_route(world, prefix, &route);
  bool is_moved = world->is_wanted[prefix] && world->wanted[prefix].selector != route.selector;
  bool is_new_first = sim_random(&world->sim, 2) == 0;
  if (is_moved && !is_new_first) {
    world_unwant(world, prefix);
  }
  struct bc_route old = world->is_wanted[prefix] ? world->wanted[prefix] : (struct bc_route){0};
  world->wanted[prefix] = route;
  world->is_wanted[prefix] = true;
  world_tell(world, prefix);
  if (is_moved && is_new_first) {
    bc_rib_unwant(world->rib, old.selector, &world->sim.nlri[prefix], world->now);
  }
  bc_route_release(world->intern, &old);
}

/* ---- a new core ---- */

static inline void world_core_open(struct world *world) {
  world->rib = bc_rib_new(world->intern);
  bc_rib_set_acks(world->rib, world->sim.has_acks);
  for (unsigned i = 0; i < SIM_PEERS; i++) {
    struct bc_rib_neighbor neighbor = world_neighbor(world, i);
    assert_int_equal(bc_rib_neighbor_add(world->rib, &neighbor), i);
  }
}

static inline void world_standing(struct world *world) {
  for (unsigned p = 0; p < SIM_PEERS; p++) {
    for (int i = 0; i < SIM_PREFIXES; i++) {
      const char *text = world->sim.peers[p].cache[i];
      struct bc_route route;
      char prefix[32];
      if (text == NULL) {
        continue;
      }
      char raw[512];
      (void)snprintf(raw, sizeof raw, "%s %s", sim_prefix_text(i, prefix), text);
      enum bc_family family = (enum bc_family)world->sim.nlri[i].family;
      enum bc_err err;
      if (i == SIM_PREFIX_FLOW) {
        (void)snprintf(raw, sizeof raw, "flow route { match { source 192.0.2.0/24; protocol tcp; } %s }", text);
        err = bc_route_parse(world->intern, bc_str_of(raw), &route, NULL);
      } else {
        err = bc_route_parse_standing(world->intern, family, bc_str_of(raw), &route, NULL);
      }
      assert_int_equal(err, BC_ERR_OK);
      bc_rib_standing(world->rib, p, &route, bc_str_of(raw));
      bc_route_release(world->intern, &route);
    }
  }
}

static inline void world_untouchables(struct world *world, bool is_lost) {
  for (int i = 0; i < SIM_PREFIX_FOREIGN; i++) {
    bool is_known = world_disk_has(world, i) != 0 || (is_lost && world->is_wanted[i]);
    bool stands = false;
    for (int p = 0; p < SIM_PEERS; p++) {
      stands = stands || world->sim.peers[p].cache[i] != NULL;
    }
    world->is_untouchable[i] = stands && !is_known;
  }
}

static inline void world_core_start(struct world *world) {
  while (world->sim.lines_at < world->sim.lines_count) {
    sim_parse(&world->sim);
  }
  world->sim.events_at = world->sim.events_count = 0;
  size_t good = bc_rib_journal_load(world->rib, bc_buf_str(&world->disk));
  bool is_lost = good == 0 && world->disk.len > 0;
  assert_true(good == world->disk.len || world->has_cuts);
  world->disk.len = good;
  world->is_disk_read = false;
  for (unsigned i = 0; i < SIM_PEERS; i++) {
    struct bc_rib_neighbor neighbor = world_neighbor(world, i);
    bc_rib_neighbor_set(world->rib, i, &neighbor, world->now);
  }
  for (int i = 0; i < SIM_PREFIXES; i++) {
    if (world->is_wanted[i]) {
      world_tell(world, i);
    }
  }
  world_standing(world);
  world_untouchables(world, is_lost);
  bc_rib_start(world->rib, is_lost, world->now);
}

static inline void world_restart(struct world *world) {
  if (world->is_batch_out && sim_random(&world->sim, 2) == 0) {
    world_journal_write(world);
  }
  world->is_batch_out = false;
  bc_rib_free(world->rib);
  memset(world->unacked, 0, sizeof world->unacked);
  world->lines_at = world->lines_count = 0;
  if (world->has_cuts && sim_random(&world->sim, 2) == 0) {
    world->disk.len = sim_random(&world->sim, world->disk.len + 1);
    world->is_disk_read = false;
  }
  world_core_open(world);
  for (uint64_t i = sim_random(&world->sim, 4); i > 0; i--) {
    for (unsigned p = 0; p < SIM_PEERS; p++) {
      sim_peer_flush(&world->sim, p, 3);
    }
    world_time(world, 10);
  }
  world_core_start(world);
}

#endif
