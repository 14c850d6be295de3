/* model/rib and its neighbors: who comes, goes, changes, and what that does to what was refused, foreign or awaited. */
#include "rib_bench.h"

static int open_unstarted(void **state) {
  static struct bench bench;
  bench_open(&bench);
  *state = &bench;
  return 0;
}

/* Neighbor `number` has this name from now on; the rest as it was told last. */
static void rename_neighbor(struct bench *bench, unsigned number, const char *ip, const char *peer_as) {
  struct bc_rib_neighbor neighbor = *bc_rib_neighbor_get(bench->rib, number);
  (void)snprintf(neighbor.name.ip, sizeof neighbor.name.ip, "%s", ip);
  (void)snprintf(neighbor.name.peer_as, sizeof neighbor.name.peer_as, "%s", peer_as);
  bc_rib_neighbor_set(bench->rib, number, &neighbor, bench->now);
}

/* Brings what is wanted there: refused, and its pause is far from over. */
static void refuse(struct bench *bench, const char *route, const char *line) {
  bench_want(bench, route);
  bench_expect(bench, line);
  bc_rib_on_error(bench->rib, bench->now);
  bench_expect_state(bench, route, BC_RIB_REFUSED);
  bench_pass_ms(bench, 5000);
  bench_expect_none(bench);
}

#define AT_TWO "neighbor 10.0.0.2 " ONE
#define ANNOUNCE_AT_TWO "neighbor 10.0.0.2 announce " ONE

static void what_was_refused_for_want_of_a_neighbor_is_tried_when_it_appears(void **state) {
  struct bench *bench = *state;
  refuse(bench, AT_TWO, ANNOUNCE_AT_TWO);
  bench_neighbor(bench, 1, false, true);
  bench_expect_none(bench); /* ExaBGP takes no command for what is not ours */
  struct bc_rib_neighbor neighbor = *bc_rib_neighbor_get(bench->rib, 1);
  neighbor.is_ours = false;
  bc_rib_neighbor_set(bench->rib, 1, &neighbor, bench->now);
  neighbor.is_ours = true;
  bc_rib_neighbor_set(bench->rib, 1, &neighbor, bench->now);
  bench_expect(bench, ANNOUNCE_AT_TWO);
}

static void what_was_refused_is_tried_when_a_neighbor_comes_up_or_has_another_family(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, false, true);
  refuse(bench, AT_TWO, ANNOUNCE_AT_TWO);
  bench_neighbor(bench, 0, false, true);
  bench_neighbor(bench, 0, true, true);
  bench_expect_none(bench); /* one that it does not select */
  bench_neighbor(bench, 1, true, true);
  bench_expect(bench, ANNOUNCE_AT_TWO);
  bc_rib_on_error(bench->rib, bench->now);
  bench_neighbor(bench, 1, true, true); /* nothing new */
  bench_expect_none(bench);
  struct bc_rib_neighbor neighbor = *bc_rib_neighbor_get(bench->rib, 1);
  neighbor.configured |= 1U << BC_FAMILY_IPV4_MULTICAST;
  bc_rib_neighbor_set(bench->rib, 1, &neighbor, bench->now);
  bench_expect(bench, ANNOUNCE_AT_TWO);
}

static size_t count_foreign(struct bench *bench) {
  size_t count = 0;
  size_t at = 0;
  unsigned neighbor;
  const char *text;
  while (bc_rib_foreign(bench->rib, &at, &neighbor, &text)) {
    assert_non_null(text);
    count++;
  }
  assert_int_equal(count, bc_rib_counts(bench->rib).foreign);
  return count;
}

static void open_with_foreign(struct bench *bench) {
  bc_journal_add_header(&bench->journal);
  bench_restart(bench);
  bench_neighbor(bench, 0, true, true);
  bench_neighbor(bench, 1, true, true);
  bench_standing(bench, 0, ONE);
  bench_standing(bench, 1, ONE);
  bench_standing(bench, 1, ONE);
  bench_standing(bench, 0, TWO);
  bc_rib_standing(bench->rib, 1, NULL, bc_str_of("flow of no sense"));
  bench_start(bench);
  assert_int_equal(count_foreign(bench), 4);
}

static void a_foreign_route_that_was_withdrawn_is_listed_no_more(void **state) {
  struct bench *bench = *state;
  open_with_foreign(bench);
  bench_wire(bench, 0, "withdraw " ONE);
  assert_int_equal(count_foreign(bench), 3);
  bench_wire(bench, 0, "withdraw " ONE);
  bench_wire(bench, 1, "withdraw " TWO);
  assert_int_equal(count_foreign(bench), 3);
  bench_wire(bench, 1, "withdraw " ONE);
  bench_wire(bench, 0, "withdraw " TWO);
  assert_int_equal(count_foreign(bench), 1);
}

static void an_answer_told_again_before_the_start_counts_once(void **state) {
  struct bench *bench = *state;
  bc_journal_add_header(&bench->journal);
  bc_journal_add_record(&bench->journal, BC_JOURNAL_ANNOUNCED, bc_str_of(ONE));
  bench_restart(bench);
  bench_neighbor(bench, 0, true, true);
  bench_want(bench, ONE);
  bc_rib_standing_begin(bench->rib);
  bench_standing(bench, 0, ONE);
  bench_standing(bench, 0, TWO);
  bc_rib_standing(bench->rib, 0, NULL, bc_str_of("flow of no sense"));
  bc_rib_standing_begin(bench->rib);
  bench_standing(bench, 0, TWO);
  bc_rib_standing(bench->rib, 0, NULL, bc_str_of("flow of no sense"));
  bench_start(bench);
  bc_rib_standing_begin(bench->rib); /* too late: nothing is forgotten */
  assert_int_equal(count_foreign(bench), 2);
  bench_pass_ms(bench, 1000);
  bench_expect(bench, "announce " ONE); /* it does not stand any more */
}

static void routes_on_the_wire_are_counted_for_all_neighbors_at_once(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, true, true);
  bench_announce(bench, ONE);
  bench_wire(bench, 1, "announce " ONE);
  bench_announce(bench, TWO);
  bench_announce(bench, "route 2001:db8::/32 next-hop 2001:db8::1");
  size_t counts[BC_LIMIT_NEIGHBORS][BC_FAMILY_COUNT];
  memset(counts, 0xff, sizeof counts);
  bc_rib_count_on_wire(bench->rib, counts);
  assert_int_equal(counts[0][BC_FAMILY_IPV4_UNICAST], 2);
  assert_int_equal(counts[0][BC_FAMILY_IPV6_UNICAST], 1);
  assert_int_equal(counts[0][BC_FAMILY_IPV4_FLOW], 0);
  assert_int_equal(counts[1][BC_FAMILY_IPV4_UNICAST], 1);
  assert_int_equal(counts[BC_LIMIT_NEIGHBORS - 1][BC_FAMILY_IPV4_UNICAST], 0);
}

static void a_neighbor_under_another_name_has_nothing_of_the_one_before(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, true, true);
  bench_announce(bench, ONE);
  bench_wire(bench, 1, "announce " ONE);
  assert_int_equal(bench_view(bench, ONE).on_wire, 3);
  rename_neighbor(bench, 1, "10.0.0.9", "65009");
  assert_int_equal(bench_view(bench, ONE).on_wire, 1);
  bench_wire(bench, 1, "announce " ONE);
  assert_int_equal(bench_view(bench, ONE).on_wire, 3);
}

static void selectors_follow_the_name(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, true, true);
  rename_neighbor(bench, 1, "10.0.0.2", "65001");
  const char *named = "neighbor 10.0.0.2 peer-as 65002 " ONE;
  bench_want(bench, named);
  bench_expect(bench, "neighbor 10.0.0.2 peer-as 65002 announce " ONE);
  bench_done(bench);
  bench_expect_state(bench, named, BC_RIB_STANDBY);
  rename_neighbor(bench, 1, "10.0.0.2", "65002");
  bench_wire(bench, 1, "announce " ONE);
  bench_expect_state(bench, named, BC_RIB_ANNOUNCED);
  rename_neighbor(bench, 1, "10.0.0.2", "65003");
  bench_expect_state(bench, named, BC_RIB_STANDBY);
  assert_int_equal(bench_view(bench, named).on_wire, 0);
}

static void a_wait_for_the_one_before_ends(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, true, true);
  bench_want(bench, AT_TWO);
  bench_expect(bench, ANNOUNCE_AT_TWO);
  bench_done(bench);
  bench_expect_state(bench, AT_TWO, BC_RIB_ACKED);
  rename_neighbor(bench, 1, "10.0.0.9", "65002");
  bench_expect_state(bench, AT_TWO, BC_RIB_STANDBY);
  assert_true(bc_rib_is_settled(bench->rib));
}

static void what_was_foreign_at_the_one_before_is_gone_with_it(void **state) {
  struct bench *bench = *state;
  open_with_foreign(bench);
  bench_want(bench, AT_TWO);
  bench_expect_state(bench, AT_TWO, BC_RIB_FOREIGN);
  bench_pass_ms(bench, 1000);
  rename_neighbor(bench, 1, "10.0.0.2", "65002");
  assert_int_equal(count_foreign(bench), 2);
  bench_expect(bench, ANNOUNCE_AT_TWO);
}

#define PATH_7 "route 192.0.2.0/24 path-information 0.0.0.7 next-hop 10.9.0.1 med 7"
#define PATH_8 "route 192.0.2.0/24 path-information 0.0.0.8 next-hop 10.9.0.1 med 8"
#define PATH_7_AT_TWO "neighbor 10.0.0.2 " PATH_7

/* The NLRI that the wire of `neighbor` means by the bare prefix; empty: itself. */
static uint32_t meant_path(struct bench *bench, unsigned neighbor, const char *prefix) {
  struct bc_nlri nlri;
  assert_int_equal(bc_nlri_from_text(BC_FAMILY_IPV4_UNICAST, bc_str_of(prefix), bc_str_of(""), bc_str_of(""), &nlri),
                   BC_ERR_OK);
  const struct bc_nlri *meant = bc_rib_nlri_meant(bench->rib, neighbor, &nlri);
  assert_int_equal(meant == &nlri, !meant->has_path_id);
  return meant->path_id;
}

static void a_session_without_add_path_confirms_the_one_path_that_it_can_mean(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, true, true);
  assert_int_equal(meant_path(bench, 0, "192.0.2.0/24"), 0);
  bench_want(bench, PATH_7_AT_TWO);
  bench_expect(bench, "neighbor 10.0.0.2 announce " PATH_7);
  bench_done(bench);
  assert_int_equal(meant_path(bench, 1, "192.0.2.0/24"), 7);
  assert_int_equal(meant_path(bench, 1, "192.0.2.0/25"), 0);
  assert_int_equal(meant_path(bench, 0, "192.0.2.0/24"), 0); /* not for this neighbor */
  assert_int_equal(meant_path(bench, 99, "192.0.2.0/24"), 0);
  struct bc_nlri nlri;
  assert_int_equal(
      bc_nlri_from_text(BC_FAMILY_IPV4_UNICAST, bc_str_of("192.0.2.0/24"), bc_str_of(""), bc_str_of(""), &nlri),
      BC_ERR_OK);
  struct bc_nlri meant = *bc_rib_nlri_meant(bench->rib, 1, &nlri);
  bc_rib_on_wire(bench->rib, 1, BC_VERB_ANNOUNCE, &meant, true, 7, bench->now);
  bench_expect_state(bench, PATH_7_AT_TWO, BC_RIB_ANNOUNCED);
}

static void of_two_paths_a_session_without_add_path_tells_nothing(void **state) {
  struct bench *bench = *state;
  bench_want(bench, PATH_7);
  bench_want(bench, PATH_8);
  assert_int_equal(meant_path(bench, 0, "192.0.2.0/24"), 0);
  bench_unwant(bench, PATH_8);
  bench_want(bench, "route 192.0.2.0/24 next-hop 10.9.0.1");
  assert_int_equal(meant_path(bench, 0, "192.0.2.0/24"), 0);
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
#define RULE_UNSTARTED(name) cmocka_unit_test_setup_teardown(name, open_unstarted, bench_teardown)
  const struct CMUnitTest tests[] = {
      RULE(what_was_refused_for_want_of_a_neighbor_is_tried_when_it_appears),
      RULE(what_was_refused_is_tried_when_a_neighbor_comes_up_or_has_another_family),
      RULE_UNSTARTED(a_foreign_route_that_was_withdrawn_is_listed_no_more),
      RULE_UNSTARTED(an_answer_told_again_before_the_start_counts_once),
      RULE(routes_on_the_wire_are_counted_for_all_neighbors_at_once),
      RULE(a_neighbor_under_another_name_has_nothing_of_the_one_before),
      RULE(selectors_follow_the_name),
      RULE(a_wait_for_the_one_before_ends),
      RULE_UNSTARTED(what_was_foreign_at_the_one_before_is_gone_with_it),
      RULE(a_session_without_add_path_confirms_the_one_path_that_it_can_mean),
      RULE(of_two_paths_a_session_without_add_path_tells_nothing),
  };
#undef RULE_UNSTARTED
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
