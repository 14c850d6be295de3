/* model/rib against a simulated ExaBGP under seeded random schedules: whatever happens, in the end each
 * router has what is wanted, what is foreign is untouched, and nothing wanted was ever withdrawn.
 * BC_SEED=N runs one schedule only. */
#include "rib_world.h"

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
    } else if (world->is_wanted[i] && !world->has_cuts) {
      assert_true(is_found);
      world_check_wanted(world, i, &view);
    }
    for (unsigned p = 0; p < SIM_PEERS; p++) {
      const struct sim_peer *peer = &world->sim.peers[p];
      bool is_foreign = i >= SIM_PREFIX_FOREIGN;
      if (is_foreign && peer->is_up) {
        assert_ptr_equal(peer->table[i], peer->cache[i]);
        assert_non_null(peer->table[i]);
      } else if (!is_foreign && !world->is_wanted[i] && !world->is_untouchable[i] && peer->table[i] != NULL &&
                 !world->has_cuts) {
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
  /* With a cut journal nobody knows of commands of the core before that are still under way. */
  world->sim.is_hazard_checked = mode->texts == TEXTS_GOOD && mode->lost_percent == 0 && !mode->has_cuts;
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
