/* model/rib against a simulated ExaBGP under seeded random schedules: whatever happens, in the end each
 * router has what is wanted, what is foreign is untouched, and nothing wanted was ever withdrawn. */
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
  struct bc_buf batch;
  bool is_batch_out, is_batch_whole;
  int unacked[SIM_PREFIXES];
  int lines[8192][SIM_PREFIXES + 1]; /* written, not answered: count and prefixes; count -1 = barrier */
  size_t lines_at, lines_count;
  size_t lines_written;
};

static void world_fail(const struct world *world, const char *what, const char *detail) {
  fprintf(stderr, "%s: %s (at %lld us)\n", what, detail, (long long)world->now.us);
  abort();
}

/* ---- journal ---- */

static const char *const world_selectors[] = {"", "neighbor 10.0.0.1 ", "neighbor 10.0.0.1, neighbor 10.0.0.3 "};

/* The set of selectors under which a prefix has a live record. */
static unsigned world_disk_has(const struct world *world, int prefix) {
  struct bc_journal_reader reader;
  enum bc_journal_kind kind;
  struct bc_str text;
  unsigned has = 0;
  bc_journal_read_start(&reader, bc_buf_str(&world->disk));
  while (bc_journal_read_next(&reader, &kind, &text)) {
    struct bc_route route;
    enum bc_verb verb;
    enum bc_err err = bc_route_parse_command(world->intern, text, &verb, &route, NULL);
    assert_int_equal(err, BC_ERR_OK);
    if (bc_nlri_compare(&route.nlri, &world->sim.nlri[prefix]) == 0) {
      unsigned bit = route.selector == NULL ? 1 : strchr(route.selector, ',') == NULL ? 2 : 4;
      has = kind == BC_JOURNAL_ANNOUNCED ? has | bit : has & ~bit;
    }
    bc_route_release(world->intern, &route);
  }
  return has;
}

static void world_journal_take(struct world *world) {
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

static void world_journal_write(struct world *world) {
  if (world->is_batch_whole) {
    bc_buf_clear(&world->disk);
  }
  bc_buf_add_str(&world->disk, bc_buf_str(&world->batch));
  assert_int_equal(bc_buf_status(&world->disk), BC_ERR_OK);
  world->is_batch_out = false;
}

static void world_journal_written(struct world *world) {
  if (world->is_batch_out) {
    world_journal_write(world);
    bc_rib_journal_written(world->rib, world->now);
  }
}

/* ---- commands ---- */

static void world_check_prefix(struct world *world, const struct sim_command *command, int prefix, const char *line) {
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

static void world_write(struct world *world, const char *line) {
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

static void world_pump(struct world *world, int max) {
  struct bc_buf line;
  bc_buf_init(&line, BC_LIMIT_COMMAND_BYTES);
  while (max-- > 0 && bc_rib_next_command(world->rib, world->now, &line)) {
    world_write(world, line.data);
  }
  bc_buf_free(&line);
}

static bool world_line_answered(struct world *world) {
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

static struct bc_rib_neighbor world_neighbor(const struct world *world, unsigned number) {
  const struct sim_peer *peer = &world->sim.peers[number];
  uint32_t families = 1U << BC_FAMILY_IPV4_UNICAST | (peer->has_ipv6 ? 1U << BC_FAMILY_IPV6_UNICAST : 0U);
  struct bc_rib_neighbor neighbor = {.configured = families,
                                     .negotiated = families,
                                     .is_ours = true,
                                     .is_established = peer->is_up,
                                     .reports_updates = peer->reports};
  (void)snprintf(neighbor.name.ip, sizeof neighbor.name.ip, "10.0.0.%u", number + 1);
  (void)snprintf(neighbor.name.local_ip, sizeof neighbor.name.local_ip, "10.0.0.254");
  return neighbor;
}

static void world_deliver_wire(struct world *world, const struct sim_event *event) {
  uint32_t med;
  bool has_med = sim_med(event->change.text, &med);
  bc_rib_on_wire(world->rib, event->peer, event->change.verb, &world->sim.nlri[event->change.prefix],
                 event->change.verb == BC_VERB_ANNOUNCE && has_med, med, world->now);
}

static void world_deliver_header(struct world *world) {
  while (world->lines_at < world->lines_count && world->lines[world->lines_at][0] >= 0) {
    (void)world_line_answered(world);
  }
  if (!world->sim.has_acks) {
    (void)world_line_answered(world);
  }
  bc_rib_on_barrier(world->rib, world->now);
}

static bool world_deliver(struct world *world) {
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

static void world_time(struct world *world, int64_t ms) {
  world->now = bc_mono_add_ms(world->now, ms);
  struct bc_mono deadline = bc_rib_deadline(world->rib);
  if (bc_mono_is_set(deadline) && bc_mono_reached(deadline, world->now)) {
    bc_rib_tick(world->rib, world->now);
    deadline = bc_rib_deadline(world->rib);
    assert_true(!bc_mono_is_set(deadline) || !bc_mono_reached(deadline, world->now));
  }
}

/* ---- wants ---- */

static void world_unwant(struct world *world, int prefix) {
  if (world->is_wanted[prefix]) {
    world->is_wanted[prefix] = false;
    bc_rib_unwant(world->rib, world->wanted[prefix].selector, &world->sim.nlri[prefix], world->now);
    bc_route_release(world->intern, &world->wanted[prefix]);
  }
}

static void world_route(struct world *world, int prefix, struct bc_route *route) {
  char text[256];
  char prefix_text[32];
  bool is_ipv6 = prefix >= SIM_PREFIX_IPV6 && prefix < SIM_PREFIX_FOREIGN;
  (void)snprintf(text, sizeof text, "%sroute %s next-hop %s %s",
                 world_selectors[world->has_selectors ? sim_random(&world->sim, 3) : 0],
                 sim_prefix_text(prefix, prefix_text), is_ipv6 ? "2001:db8::1" : "10.9.0.1",
                 world_texts[sim_random(&world->sim, (uint64_t)world->texts)]);
  struct bc_fault fault;
  if (bc_route_parse(world->intern, bc_str_of(text), route, &fault) != BC_ERR_OK) {
    world_fail(world, text, fault.text);
  }
}

static void world_tell(struct world *world, int prefix) {
  char owner[32];
  (void)snprintf(owner, sizeof owner, "r%d", prefix);
  bc_rib_want(world->rib, owner, &world->wanted[prefix], world->now);
}

static void world_want(struct world *world, int prefix) {
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

static void world_core_open(struct world *world) {
  world->rib = bc_rib_new(world->intern);
  bc_rib_set_acks(world->rib, world->sim.has_acks);
  for (unsigned i = 0; i < SIM_PEERS; i++) {
    struct bc_rib_neighbor neighbor = world_neighbor(world, i);
    assert_int_equal(bc_rib_neighbor_add(world->rib, &neighbor), i);
  }
}

static void world_standing(struct world *world) {
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
      enum bc_err err = bc_route_parse_standing(world->intern, family, bc_str_of(raw), &route, NULL);
      assert_int_equal(err, BC_ERR_OK);
      bc_rib_standing(world->rib, p, &route, bc_str_of(raw));
      bc_route_release(world->intern, &route);
    }
  }
}

static void world_untouchables(struct world *world, bool is_lost) {
  for (int i = 0; i < SIM_PREFIX_FOREIGN; i++) {
    bool is_known = world_disk_has(world, i) != 0 || (is_lost && world->is_wanted[i]);
    bool stands = false;
    for (int p = 0; p < SIM_PEERS; p++) {
      stands = stands || world->sim.peers[p].cache[i] != NULL;
    }
    world->is_untouchable[i] = stands && !is_known;
  }
}

static void world_core_start(struct world *world) {
  while (world->sim.lines_at < world->sim.lines_count) {
    sim_parse(&world->sim);
  }
  world->sim.events_at = world->sim.events_count = 0;
  size_t good = bc_rib_journal_load(world->rib, bc_buf_str(&world->disk));
  bool is_lost = good == 0 && world->disk.len > 0;
  assert_true(good == world->disk.len || world->has_cuts);
  world->disk.len = good;
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

static void world_restart(struct world *world) {
  if (world->is_batch_out && sim_random(&world->sim, 2) == 0) {
    world_journal_write(world);
  }
  world->is_batch_out = false;
  bc_rib_free(world->rib);
  memset(world->unacked, 0, sizeof world->unacked);
  world->lines_at = world->lines_count = 0;
  if (world->has_cuts && sim_random(&world->sim, 2) == 0) {
    world->disk.len = sim_random(&world->sim, world->disk.len + 1);
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

/* ---- schedules ---- */

static void world_step(struct world *world) {
  uint64_t dice = sim_random(&world->sim, 100);
  int prefix = (int)sim_random(&world->sim, SIM_PREFIX_FOREIGN);
  if (dice < 14) {
    world_want(world, prefix);
  } else if (dice < 21) {
    world_unwant(world, prefix);
  } else if (dice < 23) {
    unsigned peer = (unsigned)sim_random(&world->sim, SIM_PEERS);
    sim_peer_turn(&world->sim, peer, !world->sim.peers[peer].is_up);
  } else if (dice < 35) {
    world_journal_take(world);
  } else if (dice < 50) {
    world_journal_written(world);
  } else if (dice < 65) {
    world_pump(world, 1 + (int)sim_random(&world->sim, 4));
  } else if (dice < 80) {
    for (uint64_t i = sim_random(&world->sim, 6); i > 0 && world_deliver(world); i--) {
    }
  } else if (dice < 99 || sim_random(&world->sim, 4) != 0) {
    for (uint64_t i = sim_random(&world->sim, 5); i > 0; i--) {
      sim_parse(&world->sim);
    }
    for (unsigned p = 0; p < SIM_PEERS; p++) {
      sim_peer_flush(&world->sim, p, (int)sim_random(&world->sim, 4));
    }
    world_time(world, (int64_t)sim_random(&world->sim, 20));
  } else {
    world_restart(world);
  }
}

static bool world_is_quiet(const struct world *world) {
  struct bc_rib_counts counts = bc_rib_counts(world->rib);
  return bc_rib_is_settled(world->rib) && sim_is_idle(&world->sim) && !world->is_batch_out &&
         counts.by_state[BC_RIB_UNCONFIRMED] == 0 && counts.by_state[BC_RIB_PENDING] == 0 &&
         (world->texts != TEXTS_GOOD || counts.by_state[BC_RIB_REFUSED] == 0) &&
         counts.by_state[BC_RIB_WITHDRAWING] == 0 && counts.by_state[BC_RIB_ACKED] == 0;
}

static void world_quiesce(struct world *world) {
  unsigned lost_percent = world->sim.lost_percent;
  world->sim.lost_percent = 0;
  for (int i = 0; i < 60000 && !world_is_quiet(world); i++) {
    world_journal_take(world);
    world_journal_written(world);
    world_pump(world, 100);
    for (int j = 0; j < 20; j++) {
      sim_parse(&world->sim);
    }
    for (unsigned p = 0; p < SIM_PEERS; p++) {
      sim_peer_flush(&world->sim, p, 20);
    }
    while (world_deliver(world)) {
    }
    world_time(world, 10);
  }
  world->sim.lost_percent = lost_percent;
  if (!world_is_quiet(world)) {
    struct bc_rib_counts counts = bc_rib_counts(world->rib);
    for (int i = 0; i <= BC_RIB_FOREIGN; i++) {
      fprintf(stderr, "%s %zu\n", bc_rib_state_text((enum bc_rib_state)i), counts.by_state[i]);
    }
    world_fail(world, "never quiet", "");
  }
}

/* ---- what must hold when all is quiet ---- */

static void world_check_wanted(const struct world *world, int prefix, const struct bc_rib_view *view) {
  const struct bc_route *wanted = &world->wanted[prefix];
  bool is_bad = strstr(wanted->attributes, "66") != NULL;
  assert_true(bc_route_equal(view->wanted, wanted));
  if (is_bad) {
    assert_int_equal(view->state, BC_RIB_REFUSED);
    assert_non_null(view->error);
    return;
  }
  bool is_up_somewhere = false;
  for (unsigned p = 0; p < SIM_PEERS; p++) {
    const struct sim_peer *peer = &world->sim.peers[p];
    const char *selector = wanted->selector;
    bool is_selected = selector == NULL || (sim_mask(selector, selector + 4096) >> p & 1U) != 0;
    const char *expected = is_selected && sim_has_family(peer, prefix) && peer->is_up ? wanted->attributes : NULL;
    is_up_somewhere = is_up_somewhere || expected != NULL;
    if (peer->table[prefix] != expected) {
      char text[32];
      fprintf(stderr, "peer %u %s has '%s'\n", p, sim_prefix_text(prefix, text), peer->table[prefix]);
      world_fail(world, "a router lacks what is wanted", expected == NULL ? "nothing" : expected);
    }
  }
  assert_int_equal(view->state, is_up_somewhere ? BC_RIB_ANNOUNCED : BC_RIB_STANDBY);
  assert_true(view->told != NULL && bc_route_equal(view->told, wanted));
}

static void world_check(const struct world *world) {
  for (int i = 0; i < SIM_PREFIXES; i++) {
    struct bc_rib_view view;
    const char *selector = world->is_wanted[i] ? world->wanted[i].selector : NULL;
    bool is_found = bc_rib_find(world->rib, selector, &world->sim.nlri[i], &view);
    if (i < SIM_PREFIX_FOREIGN && world->is_untouchable[i]) {
      assert_true(!world->is_wanted[i] || view.state == BC_RIB_FOREIGN);
    } else if (world->is_wanted[i]) {
      assert_true(is_found);
      world_check_wanted(world, i, &view);
    }
    for (unsigned p = 0; p < SIM_PEERS; p++) {
      const struct sim_peer *peer = &world->sim.peers[p];
      bool is_foreign = i >= SIM_PREFIX_FOREIGN;
      if (is_foreign && peer->is_up) {
        assert_ptr_equal(peer->table[i], peer->cache[i]);
        assert_non_null(peer->table[i]);
      } else if (!is_foreign && !world->is_wanted[i] && !world->is_untouchable[i] && peer->table[i] != NULL) {
        world_fail(world, "a router has what nobody wants", peer->table[i]);
      }
    }
  }
  struct bc_rib_counts counts = bc_rib_counts(world->rib);
  assert_int_equal(counts.outstanding_lines, 0);
  assert_int_equal(counts.outstanding_nlri, 0);
  assert_int_equal(counts.queued, 0);
}

struct mode {
  int texts;
  unsigned lost_percent;
  bool has_selectors, has_cuts, is_ack_off;
};

static void world_open(struct world *world, const struct mode *mode, uint64_t seed) {
  world->intern = bc_intern_new();
  world->now = (struct bc_mono){.us = 1000000};
  world->texts = mode->texts;
  world->has_selectors = mode->has_selectors;
  world->has_cuts = mode->has_cuts;
  sim_init(&world->sim, world->intern, seed);
  world->sim.has_acks = !mode->is_ack_off;
  world->sim.lost_percent = mode->lost_percent;
  world->sim.is_hazard_checked = mode->texts == TEXTS_GOOD && mode->lost_percent == 0;
  bc_buf_init(&world->disk, JOURNAL_MAX);
  bc_buf_init(&world->batch, JOURNAL_MAX);
  world_core_open(world);
  world_core_start(world);
}

static void world_close(struct world *world) {
  bc_rib_free(world->rib);
  for (int i = 0; i < SIM_PREFIXES; i++) {
    bc_route_release(world->intern, &world->wanted[i]);
  }
  sim_free(&world->sim);
  bc_buf_free(&world->disk);
  bc_buf_free(&world->batch);
  bc_intern_free(world->intern);
}

static void world_check_restart(struct world *world) {
  world_restart(world);
  size_t before = world->lines_written;
  for (int i = 0; i < 500; i++) {
    world_journal_take(world);
    world_journal_written(world);
    world_pump(world, 10);
    world_time(world, 10);
  }
  if (world->lines_written != before) {
    world_fail(world, "a restart that changes nothing sends commands", "");
  }
  world_check(world);
}

static void world_run(const struct mode *mode, uint64_t seed) {
  static struct world world;
  memset(&world, 0, sizeof world);
  world_open(&world, mode, seed);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 250; i++) {
      world_step(&world);
    }
    for (unsigned p = 0; p < SIM_PEERS; p++) {
      sim_peer_turn(&world.sim, p, sim_random(&world.sim, 5) != 0);
    }
    world_quiesce(&world);
    world_check(&world);
    if (mode->texts == TEXTS_GOOD && !mode->has_cuts) {
      world_check_restart(&world);
    }
  }
  world_close(&world);
}

static void world_run_many(const struct mode *mode, uint64_t first, uint64_t count) {
  const char *only = getenv("BC_SEED");
  for (uint64_t seed = first; seed < first + count; seed++) {
    if (only == NULL || strtoull(only, NULL, 10) == seed) {
      if (only == NULL && getenv("BC_VERBOSE") != NULL) {
        fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
      }
      world_run(mode, seed);
    }
  }
}

static void routers_end_up_with_what_is_wanted(void **state) {
  (void)state;
  world_run_many(&(struct mode){.texts = TEXTS_GOOD}, 1, 1000);
}

static void refused_and_unanswered_lines_harm_no_other(void **state) {
  (void)state;
  world_run_many(&(struct mode){.texts = TEXTS}, 10001, 500);
}

static void lost_acks_are_repaired(void **state) {
  (void)state;
  world_run_many(&(struct mode){.texts = TEXTS_GOOD, .lost_percent = 5}, 20001, 500);
}

static void without_acks_barriers_do(void **state) {
  (void)state;
  world_run_many(&(struct mode){.texts = TEXTS_GOOD, .is_ack_off = true}, 30001, 300);
}

static void a_route_changes_its_neighbors_without_a_gap(void **state) {
  (void)state;
  world_run_many(&(struct mode){.texts = TEXTS_GOOD, .has_selectors = true}, 40001, 500);
}

static void a_cut_journal_touches_nothing_foreign(void **state) {
  (void)state;
  world_run_many(&(struct mode){.texts = TEXTS_GOOD, .has_cuts = true}, 50001, 500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(routers_end_up_with_what_is_wanted),
      cmocka_unit_test(refused_and_unanswered_lines_harm_no_other),
      cmocka_unit_test(lost_acks_are_repaired),
      cmocka_unit_test(without_acks_barriers_do),
      cmocka_unit_test(a_route_changes_its_neighbors_without_a_gap),
      cmocka_unit_test(a_cut_journal_touches_nothing_foreign),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
