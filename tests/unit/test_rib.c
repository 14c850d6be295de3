/* model/rib, rule by rule: announcing, confirming, repairing, withdrawing. The start is in
 * test_rib_start.c, answers of ExaBGP in test_rib_ack.c. */
#include "rib_bench.h"

static void an_announce_waits_for_its_journal_record_and_a_withdraw_for_nothing(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  assert_false(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  assert_int_equal(bc_rib_counts(bench->rib).journal_waiting, 1);
  assert_true(bc_rib_journal_take(bench->rib, &bench->journal));
  assert_non_null(strstr(bench->journal.data, " " ONE "\n"));
  assert_false(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  bc_rib_journal_written(bench->rib, bench->now);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE);
  bench_unwant(bench, ONE);
  assert_true(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  assert_string_equal(bench->line.data, "withdraw " ONE);
}

static void a_withdraw_overtakes_the_record_of_a_changed_announce(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_want(bench, ONE_OTHER);
  assert_true(bc_rib_journal_take(bench->rib, &bench->journal));
  /* The disk hangs from here. */
  bench_unwant(bench, ONE);
  assert_true(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  assert_string_equal(bench->line.data, "withdraw " ONE);
  bench_done(bench);
  bench_wire(bench, 0, "withdraw " ONE);
  bench_want(bench, ONE_OTHER);
  assert_false(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  bc_rib_journal_written(bench->rib, bench->now);
  bench_expect(bench, "announce " ONE_OTHER);
}

static void a_withdraw_waits_two_seconds_at_most_for_an_announce_that_is_not_shown(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  for (int i = 0; i < 4; i++) {
    bench_pass_ms(bench, 1000);
    bench_wire(bench, 0, "announce route 192.0.2.99/32 next-hop 10.9.0.1");
  }
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
}

static void the_record_goes_only_after_the_confirmed_withdraw(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
  bench_done(bench);
  assert_false(bc_rib_journal_take(bench->rib, &bench->journal));
  bench_wire(bench, 0, "withdraw " ONE);
  assert_int_equal(bc_rib_journal_live(bench->rib), 1);
  bench_write_journal(bench);
  assert_int_equal(bc_rib_journal_live(bench->rib), 0);
  assert_int_equal(bc_rib_counts(bench->rib).entries, 0);
}

static void a_want_taken_back_before_it_was_written_costs_no_command(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_unwant(bench, ONE);
  bench_expect_none(bench);
  assert_int_equal(bench->journal.len, 0);
  /* Also when the record is on its way to the disk: then it is taken back there. */
  bench_want(bench, ONE);
  assert_true(bc_rib_journal_take(bench->rib, &bench->journal));
  bench_unwant(bench, ONE);
  bc_rib_journal_written(bench->rib, bench->now);
  bench_expect_none(bench);
  assert_non_null(strstr(bench->journal.data, "W "));
  assert_true(bc_rib_is_settled(bench->rib));
}

static void one_command_is_in_flight_and_the_last_want_follows(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_want(bench, "route 192.0.2.1/32 next-hop 10.9.0.1 med 150");
  bench_unwant(bench, ONE);
  bench_want(bench, ONE_OTHER);
  bench_expect_none(bench);
  bench_done(bench);
  bench_expect_none(bench);
  bench_wire(bench, 0, "announce " ONE);
  bench_expect(bench, "announce " ONE_OTHER);
  bench_expect_none(bench);
}

static void a_wait_blocks_no_other_route(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_want(bench, TWO);
  bench_expect(bench, "announce " TWO);
}

static void announced_means_seen_on_the_wire_with_the_med_that_was_told(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect_state(bench, ONE, BC_RIB_PENDING);
  bench_expect(bench, "announce " ONE);
  bench_expect_state(bench, ONE, BC_RIB_SENT);
  bench_done(bench);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_wire(bench, 0, "announce " ONE_OTHER);
  bench_wire(bench, 0, "announce route 192.0.2.1/32 next-hop 10.9.0.1");
  bench_wire(bench, 0, "announce " TWO);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_wire(bench, 0, "announce " ONE);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  assert_int_equal(bench_view(bench, ONE).on_wire, 1);
  assert_true(bc_rib_is_settled(bench->rib));
}

static void a_neighbor_that_does_not_report_drains_for_a_second(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, true, false);
  bench_pass_ms(bench, 1000); /* its own first table is out */
  bench_announce(bench, ONE);
  bench_pass_ms(bench, 999);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_pass_ms(bench, 1);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  assert_int_equal(bench_view(bench, ONE).on_wire, 3);
}

static void without_an_established_neighbor_the_ack_is_enough(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 0, false, true);
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_expect_state(bench, ONE, BC_RIB_STANDBY);
  assert_true(bc_rib_is_settled(bench->rib));
}

static void a_neighbor_without_the_family_or_not_selected_is_not_waited_for(void **state) {
  struct bench *bench = *state;
  struct bc_rib_neighbor v6 = *bc_rib_neighbor_get(bench->rib, 0);
  v6.configured = v6.negotiated = 1U << BC_FAMILY_IPV6_UNICAST;
  (void)snprintf(v6.name.ip, sizeof v6.name.ip, "10.0.0.2");
  assert_int_equal(bc_rib_neighbor_add(bench->rib, &v6), 1);
  bench_announce(bench, ONE);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  bench_neighbor(bench, 2, true, true);
  bench_announce(bench, "neighbor 10.0.0.1 " TWO);
  bench_expect_state(bench, "neighbor 10.0.0.1 " TWO, BC_RIB_ANNOUNCED);
}

static void a_neighbor_that_goes_down_ends_the_wait(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_neighbor(bench, 0, false, true);
  bench_expect_state(bench, ONE, BC_RIB_STANDBY);
  bench_neighbor(bench, 0, true, true);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_expect_none(bench);
  bench_wire(bench, 0, "announce " ONE);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
}

static void what_the_initial_table_lacks_is_repaired_after_its_end(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_announce(bench, TWO);
  bench_neighbor(bench, 0, false, true);
  bench_neighbor(bench, 0, true, true);
  bench_wire(bench, 0, "announce " ONE);
  bc_rib_on_eor(bench->rib, 0, BC_FAMILY_IPV6_UNICAST, bench->now);
  bench_expect_none(bench);
  bc_rib_on_eor(bench->rib, 0, BC_FAMILY_IPV4_UNICAST, bench->now);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  bench_expect_state(bench, TWO, BC_RIB_UNCONFIRMED);
  assert_int_equal(bench_view(bench, TWO).missing, 1);
  bench_expect(bench, "announce route 192.0.2.2/32 next-hop 10.9.0.1 med 101");
  bench_expect_none(bench);
}

static void a_neighbor_that_becomes_ours_must_show_what_stands(void **state) {
  struct bench *bench = *state;
  struct bc_rib_neighbor neighbor = *bc_rib_neighbor_get(bench->rib, 0);
  neighbor.is_ours = false;
  bc_rib_neighbor_set(bench->rib, 0, &neighbor, bench->now);
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_expect_state(bench, ONE, BC_RIB_STANDBY);
  neighbor.is_ours = true;
  bc_rib_neighbor_set(bench->rib, 0, &neighbor, bench->now);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_pass_ms(bench, 59999);
  bench_expect_none(bench);
  bench_pass_ms(bench, 1);
  bench_expect_state(bench, ONE, BC_RIB_UNCONFIRMED);
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101");
}

static void the_wait_is_two_seconds_from_the_ack_or_the_last_update(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_pass_ms(bench, 1500);
  bench_wire(bench, 0, "announce " TWO);
  bench_pass_ms(bench, 1999);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  assert_int_equal(bc_mono_ms_between(bench->now, bc_rib_deadline(bench->rib)), 1);
  bench_pass_ms(bench, 1);
  bench_expect_state(bench, ONE, BC_RIB_UNCONFIRMED);
}

static void a_neighbor_that_always_sends_is_given_up_after_a_minute(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  for (int i = 0; i < 59; i++) {
    bench_pass_ms(bench, 1000);
    bench_wire(bench, 0, "announce " TWO);
  }
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_pass_ms(bench, 1000);
  bench_expect_state(bench, ONE, BC_RIB_UNCONFIRMED);
}

/* One whole nudge: another MED, then the right text; `is_shown` tells whether the wire shows them. */
static void nudge_once(struct bench *bench, const char *nudged, const char *right, bool is_shown) {
  const char *lines[] = {nudged, right};
  for (int i = 0; i < 2; i++) {
    bench_expect(bench, lines[i]);
    bench_expect_none(bench);
    bench_done(bench);
    if (is_shown) {
      bench_wire(bench, 0, lines[i]);
    } else {
      bench_pass_ms(bench, 2000);
    }
  }
}

static void what_is_not_confirmed_is_nudged_and_never_withdrawn(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_pass_ms(bench, 2000);
  nudge_once(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101", "announce " ONE, true);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_counts(bench->rib).nudges, 1);
  assert_int_equal(bench_view(bench, ONE).nudges, 0);
}

static void the_nudge_has_a_med_that_exists(void **state) {
  struct bench *bench = *state;
  bench_want(bench, "route 192.0.2.1/32 next-hop 10.9.0.1 med 4294967295");
  bench_want(bench, "route 192.0.2.2/32 next-hop 10.9.0.1");
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 4294967295");
  bench_expect(bench, "announce route 192.0.2.2/32 next-hop 10.9.0.1");
  bench_done(bench);
  bench_done(bench);
  bench_pass_ms(bench, 2000);
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 4294967294");
  bench_expect(bench, "announce route 192.0.2.2/32 next-hop 10.9.0.1 med 1");
}

static void three_nudges_in_vain_are_an_alarm_and_one_a_minute_follows(void **state) {
  struct bench *bench = *state;
  const char *nudged = "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101";
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_pass_ms(bench, 2000);
  for (int i = 0; i < 3; i++) {
    assert_false(bench_view(bench, ONE).is_alarmed);
    nudge_once(bench, nudged, "announce " ONE, false);
  }
  assert_true(bench_view(bench, ONE).is_alarmed);
  assert_int_equal(bench_view(bench, ONE).nudges, 3);
  bench_expect_none(bench);
  bench_pass_ms(bench, 59999);
  bench_expect_none(bench);
  bench_pass_ms(bench, 1);
  nudge_once(bench, nudged, "announce " ONE, true);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  assert_false(bench_view(bench, ONE).is_alarmed);
}

static void a_new_want_takes_the_place_of_a_nudges_second_half(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_pass_ms(bench, 2000);
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101");
  bench_want(bench, ONE_OTHER);
  bench_done(bench);
  bench_wire(bench, 0, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101");
  bench_expect(bench, "announce " ONE_OTHER);
  bench_expect_none(bench);
}

static void a_withdraw_that_is_not_confirmed_is_sent_again(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_unwant(bench, ONE);
  for (int i = 0; i < 4; i++) {
    bench_expect(bench, "withdraw " ONE);
    bench_done(bench);
    bench_pass_ms(bench, 2000);
    assert_int_equal(bench_view(bench, ONE).is_alarmed, i == 3);
  }
  bench_expect_none(bench);
  bench_pass_ms(bench, 60000);
  bench_expect(bench, "withdraw " ONE);
  bench_done(bench);
  bench_wire(bench, 0, "withdraw " ONE);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_NONE);
}

static void a_route_that_somebody_else_withdraws_is_repaired(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_wire(bench, 0, "withdraw " ONE);
  bench_expect_state(bench, ONE, BC_RIB_UNCONFIRMED);
  nudge_once(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101", "announce " ONE, true);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  /* Shown again before the repair was written: nothing to repair. */
  bench_wire(bench, 0, "withdraw " ONE);
  bench_wire(bench, 0, "announce " ONE);
  bench_expect_none(bench);
}

static void a_withdraw_carries_the_text_of_the_last_announce(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_want(bench, ONE_OTHER);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
}

static void withdraws_go_first(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_want(bench, TWO);
  bench_write_journal(bench);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
  bench_expect(bench, "announce " TWO);
}

static void want_many(struct bench *bench, int first, int count, const char *attributes) {
  for (int i = first; i < first + count; i++) {
    char text[256];
    (void)snprintf(text, sizeof text, "route 10.%d.%d.%d/32 %s", i / 65536 % 256, i / 256 % 256, i % 256, attributes);
    bench_want(bench, text);
  }
}

static size_t nlri_in(const char *line) {
  const char *at = strstr(line, " nlri ");
  size_t count = at == NULL ? 1 : 0;
  for (at = at == NULL ? "" : at + 5; *at != '\0'; at++) {
    count += *at == ' ';
  }
  return count;
}

static void equal_routes_of_one_family_share_a_line(void **state) {
  struct bench *bench = *state;
  bench_want(bench, "route 192.0.2.1/32 next-hop 10.9.0.1 med 1");
  bench_want(bench, "route 2001:db8::/32 next-hop 2001:db8::1");
  bench_want(bench, "route 192.0.2.2/32 next-hop 10.9.0.1 med 2");
  bench_want(bench, "route 192.0.2.3/32 next-hop 10.9.0.1 med 1");
  bench_want(bench, "route 192.0.2.4/32 next-hop 10.9.0.1 med 1 path-information 1.2.3.4");
  bench_want(bench, "neighbor 10.0.0.1 route 192.0.2.5/32 next-hop 10.9.0.1 med 1");
  bench_expect(bench, "announce attributes next-hop 10.9.0.1 med 1 nlri 192.0.2.1/32 192.0.2.3/32");
  bench_expect(bench, "announce route 2001:db8::/32 next-hop 2001:db8::1");
  bench_expect(bench, "announce route 192.0.2.2/32 next-hop 10.9.0.1 med 2");
  bench_expect(bench, "announce route 192.0.2.4/32 path-information 1.2.3.4 next-hop 10.9.0.1 med 1");
  bench_expect(bench, "neighbor 10.0.0.1 announce route 192.0.2.5/32 next-hop 10.9.0.1 med 1");
  bench_expect_none(bench);
}

static void the_window_bounds_what_is_not_acknowledged(void **state) {
  struct bench *bench = *state;
  want_many(bench, 0, 1000, "next-hop 10.9.0.1");
  bench_write_journal(bench);
  size_t lines = 0;
  while (bc_rib_next_command(bench->rib, bench->now, &bench->line)) {
    assert_true(nlri_in(bench->line.data) <= BC_LIMIT_GROUP_NLRI);
    lines++;
  }
  assert_int_equal(lines, 6);
  assert_int_equal(bc_rib_counts(bench->rib).outstanding_nlri, BC_LIMIT_WINDOW_NLRI);
  assert_int_equal(bc_rib_counts(bench->rib).queued, 400);
  bench_done(bench);
  assert_true(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  assert_int_equal(nlri_in(bench->line.data), BC_LIMIT_GROUP_NLRI);
}

static void the_window_bounds_lines_too(void **state) {
  struct bench *bench = *state;
  for (int i = 0; i < 100; i++) {
    char attributes[64];
    (void)snprintf(attributes, sizeof attributes, "next-hop 10.9.0.1 med %d", i);
    want_many(bench, i, 1, attributes);
  }
  bench_write_journal(bench);
  size_t lines = 0;
  while (bc_rib_next_command(bench->rib, bench->now, &bench->line)) {
    lines++;
  }
  assert_int_equal(lines, BC_LIMIT_WINDOW_LINES);
}

static void owners_whose_route_changed_are_told_once(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  assert_string_equal(bc_rib_next_changed(bench->rib), "owner");
  assert_null(bc_rib_next_changed(bench->rib));
  bench_wire(bench, 0, "announce " ONE);
  assert_null(bc_rib_next_changed(bench->rib));
  struct bc_route route = bench_route(bench, ONE);
  bc_rib_want(bench->rib, "heir", &route, bench->now);
  bc_route_release(bench->intern, &route);
  assert_string_equal(bc_rib_next_changed(bench->rib), "owner");
  assert_string_equal(bc_rib_next_changed(bench->rib), "heir");
  assert_null(bc_rib_next_changed(bench->rib));
  bench_expect_none(bench);
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
  const struct CMUnitTest tests[] = {
      RULE(an_announce_waits_for_its_journal_record_and_a_withdraw_for_nothing),
      RULE(a_withdraw_overtakes_the_record_of_a_changed_announce),
      RULE(a_withdraw_waits_two_seconds_at_most_for_an_announce_that_is_not_shown),
      RULE(the_record_goes_only_after_the_confirmed_withdraw),
      RULE(a_want_taken_back_before_it_was_written_costs_no_command),
      RULE(one_command_is_in_flight_and_the_last_want_follows),
      RULE(a_wait_blocks_no_other_route),
      RULE(announced_means_seen_on_the_wire_with_the_med_that_was_told),
      RULE(a_neighbor_that_does_not_report_drains_for_a_second),
      RULE(without_an_established_neighbor_the_ack_is_enough),
      RULE(a_neighbor_without_the_family_or_not_selected_is_not_waited_for),
      RULE(a_neighbor_that_goes_down_ends_the_wait),
      RULE(what_the_initial_table_lacks_is_repaired_after_its_end),
      RULE(a_neighbor_that_becomes_ours_must_show_what_stands),
      RULE(the_wait_is_two_seconds_from_the_ack_or_the_last_update),
      RULE(a_neighbor_that_always_sends_is_given_up_after_a_minute),
      RULE(what_is_not_confirmed_is_nudged_and_never_withdrawn),
      RULE(the_nudge_has_a_med_that_exists),
      RULE(three_nudges_in_vain_are_an_alarm_and_one_a_minute_follows),
      RULE(a_new_want_takes_the_place_of_a_nudges_second_half),
      RULE(a_withdraw_that_is_not_confirmed_is_sent_again),
      RULE(a_route_that_somebody_else_withdraws_is_repaired),
      RULE(a_withdraw_carries_the_text_of_the_last_announce),
      RULE(withdraws_go_first),
      RULE(equal_routes_of_one_family_share_a_line),
      RULE(the_window_bounds_what_is_not_acknowledged),
      RULE(the_window_bounds_lines_too),
      RULE(owners_whose_route_changed_are_told_once),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
