/* model/rib at the start: what stands, what the journal says is ours, what is wanted. */
#include "rib_bench.h"

#define SELF "route 192.0.2.3/32 next-hop self med 5"
#define SELF_TWO "route 192.0.2.4/32 next-hop self med 5"

static int open_unstarted(void **state) {
  static struct bench bench;
  bench_open(&bench);
  *state = &bench;
  return 0;
}

/* A journal with these routes, and a new core that has read it. */
static void bench_journal(struct bench *bench, const char *const *routes, size_t count) {
  bc_journal_add_header(&bench->journal);
  for (size_t i = 0; i < count; i++) {
    bc_journal_add_record(&bench->journal, BC_JOURNAL_ANNOUNCED, bc_str_of(routes[i]));
  }
  bench_restart(bench);
  bench_neighbor(bench, 0, true, true);
  bench_neighbor(bench, 1, true, true);
}

static void before_the_start_there_are_no_commands(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 0, true, true);
  bench_want(bench, ONE);
  bench_want(bench, TWO);
  bench_unwant(bench, TWO);
  bench_expect_none(bench);
  assert_int_equal(bench->journal.len, 0);
  bench_expect_state(bench, ONE, BC_RIB_PENDING);
  bench_start(bench);
  bench_expect(bench, "announce " ONE);
  bench_expect_none(bench);
}

static void what_stands_as_wanted_is_adopted_without_a_command(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){ONE, SELF}, 2);
  bench_want(bench, ONE);
  bench_want(bench, SELF);
  for (unsigned i = 0; i < 2; i++) {
    bench_standing(bench, i, ONE);
    /* ExaBGP 5.0 lists the address that `self` stands for. */
    bench_standing(bench, i, "route 192.0.2.3/32 next-hop 10.0.0.254 med 5");
  }
  bench_start(bench);
  size_t length = bench->journal.len;
  bench_pass_ms(bench, 100000);
  bench_expect_none(bench);
  assert_int_equal(bench->journal.len, length);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  bench_expect_state(bench, SELF, BC_RIB_ANNOUNCED);
  assert_int_equal(bench_view(bench, ONE).on_wire, 3);
  assert_true(bc_rib_is_settled(bench->rib));
}

static void what_is_kept_for_a_session_without_its_family_is_not_on_its_wire(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){ONE}, 1);
  struct bc_rib_neighbor second = *bc_rib_neighbor_get(bench->rib, 1);
  second.negotiated = 1U << BC_FAMILY_IPV6_UNICAST;
  bc_rib_neighbor_set(bench->rib, 1, &second, bench->now);
  bench_want(bench, ONE);
  bench_standing(bench, 0, ONE);
  bench_standing(bench, 1, ONE);
  bench_start(bench);
  bench_pass_ms(bench, 100000);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  assert_int_equal(bench_view(bench, ONE).on_wire, 1);
}

/* A core that died between the record of `self` and the command leaves the next hop of before. */
static void another_address_than_ours_is_not_self(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){SELF, SELF_TWO}, 2);
  struct bc_rib_neighbor neighbor = {.configured = BENCH_UNICAST,
                                     .negotiated = BENCH_UNICAST,
                                     .is_ours = true,
                                     .is_established = true,
                                     .reports_updates = true,
                                     .name = {.ip = "10.0.0.3", .local_ip = "10.0.0.254"}};
  assert_int_equal(bc_rib_neighbor_add(bench->rib, &neighbor), 2);
  bench_want(bench, SELF);
  bench_want(bench, SELF_TWO);
  for (unsigned i = 0; i < 3; i++) {
    bench_standing(bench, i, "route 192.0.2.3/32 next-hop 10.0.0.254 med 5");
    bench_standing(bench, i, "route 192.0.2.4/32 next-hop 10.0.0.253 med 5");
  }
  bench_start(bench);
  bench_pass_ms(bench, 1000);
  bench_expect(bench, "announce " SELF_TWO);
  bench_expect_none(bench);
}

static void what_stands_otherwise_is_replaced_and_never_withdrawn(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){ONE}, 1);
  bench_want(bench, ONE_OTHER);
  bench_standing(bench, 0, ONE);
  bench_standing(bench, 1, ONE);
  bench_start(bench);
  bench_expect_none(bench); /* commands of the core before may still be under way */
  bench_pass_ms(bench, 1000);
  bench_expect(bench, "announce " ONE_OTHER);
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE_OTHER);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_wire(bench, 1, "announce " ONE_OTHER);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  bench_expect_none(bench);
}

static void where_it_lacks_it_is_announced_and_only_there_waited_for(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){ONE}, 1);
  bench_want(bench, ONE);
  bench_standing(bench, 0, ONE);
  bench_start(bench);
  bench_pass_ms(bench, 1000);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_wire(bench, 1, "announce " ONE);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
}

static void ours_and_not_wanted_is_withdrawn(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){ONE, TWO}, 2);
  bench_standing(bench, 0, ONE);
  bench_standing(bench, 1, ONE);
  bench_start(bench);
  bench_pass_ms(bench, 1000);
  bench_expect(bench, "withdraw " ONE);
  bench_expect_none(bench);
  bench_done(bench);
  bench_wire(bench, 0, "withdraw " ONE);
  bench_wire(bench, 1, "withdraw " ONE);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_journal_live(bench->rib), 0); /* TWO neither stood nor was wanted */
  bench_restart(bench);
  assert_int_equal(bc_rib_journal_live(bench->rib), 0);
}

static void foreign_routes_are_never_touched_not_even_when_wanted(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){TWO}, 1);
  bench_want(bench, ONE_OTHER);
  bench_want(bench, TWO);
  bench_standing(bench, 0, ONE);
  bench_standing(bench, 0, SELF);
  bench_standing(bench, 0, TWO);
  bench_standing(bench, 1, TWO);
  bc_rib_standing(bench->rib, 1, NULL, bc_str_of("flow destination 10.0.0.0/24"));
  bench_start(bench);
  bench_pass_ms(bench, 1000);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_FOREIGN);
  assert_non_null(bench_view(bench, ONE).error);
  bench_want(bench, ONE);
  bench_expect_none(bench);
  bench_unwant(bench, ONE);
  bench_expect_none(bench);
  bench_want(bench, SELF); /* one that was not wanted at the start */
  bench_expect_none(bench);
  bench_expect_state(bench, SELF, BC_RIB_FOREIGN);
  assert_int_equal(bc_rib_counts(bench->rib).foreign, 3);
  assert_int_equal(bc_rib_count_foreign(bench->rib, 0), 2);
  assert_int_equal(bc_rib_count_foreign(bench->rib, 1), 1);
  unsigned neighbor;
  const char *text;
  size_t at = 0;
  assert_true(bc_rib_foreign(bench->rib, &at, &neighbor, &text));
  assert_int_equal(neighbor, 1);
  assert_string_equal(text, "flow destination 10.0.0.0/24");
  assert_true(bc_rib_foreign(bench->rib, &at, &neighbor, &text));
  assert_string_equal(text, ONE);
  assert_true(bc_rib_foreign(bench->rib, &at, &neighbor, &text));
  assert_false(bc_rib_foreign(bench->rib, &at, &neighbor, &text));
}

static void a_foreign_route_that_was_withdrawn_gives_way(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, NULL, 0);
  bench_want(bench, ONE);
  bench_standing(bench, 0, ONE_OTHER);
  bench_start(bench);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_count_foreign(bench->rib, 0), 1);
  bench_wire(bench, 0, "withdraw " ONE_OTHER);
  assert_int_equal(bc_rib_count_foreign(bench->rib, 0), 0);
  bench_expect(bench, "announce " ONE);
}

static void with_the_journal_lost_wanted_routes_are_adopted_and_none_withdrawn(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 0, true, true);
  bench_want(bench, ONE);
  bench_standing(bench, 0, ONE);
  bench_standing(bench, 0, TWO);
  bc_rib_start(bench->rib, true, bench->now);
  bench_pass_ms(bench, 1000);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  assert_int_equal(bc_rib_counts(bench->rib).foreign, 1);
  /* From now on it is ours. */
  assert_int_equal(bc_rib_journal_live(bench->rib), 1);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
}

static void a_neighbor_that_is_not_ours_is_left_out(void **state) {
  struct bench *bench = *state;
  bench_journal(bench, (const char *[]){ONE}, 1);
  struct bc_rib_neighbor other = *bc_rib_neighbor_get(bench->rib, 1);
  other.is_ours = false;
  bc_rib_neighbor_set(bench->rib, 1, &other, bench->now);
  bench_want(bench, ONE);
  bench_standing(bench, 0, ONE);
  bench_start(bench);
  bench_pass_ms(bench, 1000);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
}

static void a_changed_selector_is_announced_before_the_rest_is_withdrawn(void **state) {
  struct bench *bench = *state;
  const char *narrow = "neighbor 10.0.0.1 route 192.0.2.1/32 next-hop 10.9.0.1 med 100";
  bench_neighbor(bench, 0, true, true);
  bench_neighbor(bench, 1, true, true);
  bench_start(bench);
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE);
  bench_wire(bench, 1, "announce " ONE);
  bench_unwant(bench, ONE);
  bench_want(bench, narrow);
  bench_expect(bench, "neighbor 10.0.0.1 announce " ONE);
  bench_expect_none(bench);
  bench_done(bench); /* it stands there already: nothing more to see */
  bench_expect_state(bench, narrow, BC_RIB_ANNOUNCED);
  bench_expect(bench, "neighbor 10.0.0.2 withdraw " ONE);
  bench_done(bench);
  bench_wire(bench, 1, "withdraw " ONE);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_counts(bench->rib).entries, 1);
}

static void a_snapshot_is_the_whole_journal(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 0, true, true);
  bench_start(bench);
  bench_announce(bench, ONE);
  bench_announce(bench, TWO);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
  bench_done(bench);
  bench_wire(bench, 0, "withdraw " ONE);
  bench_want(bench, SELF);
  bc_buf_clear(&bench->journal);
  assert_true(bc_rib_journal_snapshot(bench->rib, &bench->journal));
  assert_false(bc_rib_journal_snapshot(bench->rib, &bench->journal)); /* one batch at a time */
  assert_false(bc_rib_journal_take(bench->rib, &bench->journal));
  assert_false(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  bc_rib_journal_written(bench->rib, bench->now);
  bench_expect(bench, "announce " SELF);
  assert_int_equal(bc_rib_journal_live(bench->rib), 2);
  bench_restart(bench);
  assert_int_equal(bc_rib_journal_live(bench->rib), 2);
}

static void a_batch_is_at_most_a_mebibyte(void **state) {
  struct bench *bench = *state;
  bench_start(bench);
  for (int i = 0; i < 30000; i++) {
    char text[128];
    (void)snprintf(text, sizeof text, "route 10.%d.%d.%d/32 next-hop 10.9.0.1", i / 65536, i / 256 % 256, i % 256);
    bench_want(bench, text);
  }
  size_t batches = 0;
  size_t before = 0;
  while (bc_rib_journal_take(bench->rib, &bench->journal)) {
    assert_true(bench->journal.len - before <= 1U << 20);
    before = bench->journal.len;
    batches++;
    bc_rib_journal_written(bench->rib, bench->now);
  }
  assert_true(batches > 1);
  bench_restart(bench);
  assert_int_equal(bc_rib_journal_live(bench->rib), 30000);
}

static void more_neighbors_than_the_limit_are_not_followed(void **state) {
  struct bench *bench = *state;
  for (unsigned i = 0; i < BC_LIMIT_NEIGHBORS; i++) {
    bench_neighbor(bench, i, true, true);
  }
  struct bc_rib_neighbor more = *bc_rib_neighbor_get(bench->rib, 0);
  assert_int_equal(bc_rib_neighbor_add(bench->rib, &more), BC_LIMIT_NEIGHBORS);
  assert_null(bc_rib_neighbor_get(bench->rib, BC_LIMIT_NEIGHBORS));
  bench_standing(bench, BC_LIMIT_NEIGHBORS, ONE);
  bench_start(bench);
  bench_wire(bench, BC_LIMIT_NEIGHBORS, "announce " ONE);
  assert_int_equal(bc_rib_counts(bench->rib).foreign, 1);
  for (unsigned i = 0; i <= BC_LIMIT_NEIGHBORS; i++) {
    assert_int_equal(bc_rib_count_foreign(bench->rib, i), 0);
  }
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, open_unstarted, bench_teardown)
  const struct CMUnitTest tests[] = {
      RULE(before_the_start_there_are_no_commands),
      RULE(what_stands_as_wanted_is_adopted_without_a_command),
      RULE(what_is_kept_for_a_session_without_its_family_is_not_on_its_wire),
      RULE(another_address_than_ours_is_not_self),
      RULE(what_stands_otherwise_is_replaced_and_never_withdrawn),
      RULE(where_it_lacks_it_is_announced_and_only_there_waited_for),
      RULE(ours_and_not_wanted_is_withdrawn),
      RULE(foreign_routes_are_never_touched_not_even_when_wanted),
      RULE(a_foreign_route_that_was_withdrawn_gives_way),
      RULE(with_the_journal_lost_wanted_routes_are_adopted_and_none_withdrawn),
      RULE(a_neighbor_that_is_not_ours_is_left_out),
      RULE(a_changed_selector_is_announced_before_the_rest_is_withdrawn),
      RULE(a_snapshot_is_the_whole_journal),
      RULE(a_batch_is_at_most_a_mebibyte),
      RULE(more_neighbors_than_the_limit_are_not_followed),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
