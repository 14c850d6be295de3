/* model/rib with NLRI that are no prefixes: flows, which have no MED on the wire, and VPLS. */
#include "rib_bench.h"

#define MATCH "match { source-ipv4 192.0.2.0/24; protocol =tcp; }"
#define FLOW "flow route { " MATCH " then { discard; } }"
#define FLOW_LIMIT "flow route { " MATCH " then { rate-limit 9600; } }"
#define FLOW_NUDGE "flow route { " MATCH " then { discard; community 65535:65535; } }"
#define LISTED "flow source-ipv4 192.0.2.0/24 protocol =tcp extended-community rate-limit:0"
#define VPLS "vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.9.0.1 med 7"

enum { RULE_FAMILIES = BENCH_UNICAST | 1U << BC_FAMILY_IPV4_FLOW | 1U << BC_FAMILY_L2VPN_VPLS };

/* Neighbor 10.0.0.(number + 1), with these families of its side. */
static void rule_neighbor(struct bench *bench, unsigned number, bool is_up, uint32_t negotiated) {
  struct bc_rib_neighbor neighbor = {.configured = RULE_FAMILIES,
                                     .negotiated = negotiated,
                                     .is_ours = true,
                                     .is_established = is_up,
                                     .reports_updates = true};
  (void)snprintf(neighbor.name.ip, sizeof neighbor.name.ip, "10.0.0.%u", number + 1);
  if (number == bc_rib_neighbor_count(bench->rib)) {
    assert_int_equal(bc_rib_neighbor_add(bench->rib, &neighbor), number);
  } else {
    bc_rib_neighbor_set(bench->rib, number, &neighbor, bench->now);
  }
  for (unsigned family = 0; is_up && family < BC_FAMILY_COUNT; family++) {
    bc_rib_on_eor(bench->rib, number, (enum bc_family)family, bench->now);
  }
}

static int rule_setup(void **state) {
  static struct bench bench;
  bench_open(&bench);
  rule_neighbor(&bench, 0, true, RULE_FAMILIES);
  bench_start(&bench);
  bench_pass_ms(&bench, 1000);
  *state = &bench;
  return 0;
}

/* The wire tells the NLRI and nothing else. */
static void rule_shown(struct bench *bench, unsigned neighbor, enum bc_verb verb) {
  struct bc_nlri nlri;
  enum bc_err err =
      bc_nlri_from_rule(bench->intern, BC_FAMILY_IPV4_FLOW,
                        bc_str_of("flow source-ipv4 192.0.2.0/24 protocol =tcp next-hop 10.9.0.9"), &nlri);
  assert_int_equal(err, BC_ERR_OK);
  bc_rib_on_wire(bench->rib, neighbor, verb, &nlri, false, 0, bench->now);
  bc_nlri_put(bench->intern, &nlri);
}

static void rule_announce(struct bench *bench, const char *text) {
  char line[512];
  (void)snprintf(line, sizeof line, "announce %s", text);
  bench_want(bench, text);
  bench_expect(bench, line);
  bench_done(bench);
  bench_expect_state(bench, text, BC_RIB_ACKED);
}

static void a_flow_is_confirmed_by_its_match_set_and_withdrawn_with_its_actions(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  bench_wire(bench, 0, "announce flow route { match { source-ipv4 192.0.2.0/24; } then { discard; } }");
  bench_expect_state(bench, FLOW, BC_RIB_ACKED);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_expect_state(bench, FLOW, BC_RIB_ANNOUNCED);
  bench_unwant(bench, FLOW);
  bench_expect(bench, "withdraw " FLOW);
  bench_done(bench);
  rule_shown(bench, 0, BC_VERB_WITHDRAW);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_counts(bench->rib).entries, 0);
}

static void other_actions_are_confirmed_by_the_next_update_without_a_nudge(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  rule_announce(bench, FLOW_LIMIT);
  bench_pass_ms(bench, 500);
  bench_expect_state(bench, FLOW, BC_RIB_ACKED);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_expect_state(bench, FLOW, BC_RIB_ANNOUNCED);
  bench_pass_ms(bench, 100000);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_counts(bench->rib).nudges, 0);
}

static void an_update_that_may_be_of_the_text_before_counts_a_second_later(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  bench_pass_ms(bench, 2000);
  bench_expect_state(bench, FLOW, BC_RIB_UNCONFIRMED);
  bench_expect(bench, "announce " FLOW_NUDGE);
  bench_done(bench);
  /* The first one's, or the nudge's: nobody knows. */
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_expect_none(bench);
  assert_int_equal(bench_view(bench, FLOW).on_wire, 0);
  bench_pass_ms(bench, 999);
  bench_expect_none(bench);
  bench_pass_ms(bench, 1);
  bench_expect(bench, "announce " FLOW);
  bench_done(bench);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_expect_state(bench, FLOW, BC_RIB_ANNOUNCED);
  bench_pass_ms(bench, 100000);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_counts(bench->rib).nudges, 1);
}

static void a_want_that_follows_an_unseen_one_is_not_confirmed_by_it(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  bench_pass_ms(bench, 2000);
  bench_want(bench, FLOW_LIMIT);
  bench_expect(bench, "announce " FLOW_LIMIT);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_done(bench);
  bench_expect_state(bench, FLOW, BC_RIB_ACKED);
  assert_int_equal(bench_view(bench, FLOW).on_wire, 0);
  bench_pass_ms(bench, 1000);
  bench_expect_state(bench, FLOW, BC_RIB_ANNOUNCED);
  assert_int_equal(bench_view(bench, FLOW).on_wire, 1);
}

static void an_update_proves_no_text_that_looks_like_the_one_before(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_want(bench, FLOW_LIMIT);
  bench_expect(bench, "announce " FLOW_LIMIT);
  rule_neighbor(bench, 0, false, RULE_FAMILIES);
  rule_neighbor(bench, 0, true, RULE_FAMILIES);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE); /* ExaBGP sends what it had again */
  bench_want(bench, TWO);
  bench_expect(bench, "announce " TWO);
  bc_rib_on_error(bench->rib, bench->now); /* of one of the two lines */
  bench_expect_state(bench, FLOW, BC_RIB_PENDING);
}

static void a_refused_withdraw_is_tried_with_the_match_set_alone(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_unwant(bench, FLOW);
  bench_expect(bench, "withdraw " FLOW);
  bc_rib_on_error(bench->rib, bench->now);
  bench_expect(bench, "withdraw flow route { " MATCH " }");
}

static void a_neighbor_without_the_family_is_not_waited_for(void **state) {
  struct bench *bench = *state;
  rule_neighbor(bench, 1, true, BENCH_UNICAST);
  rule_announce(bench, FLOW);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  bench_expect_state(bench, FLOW, BC_RIB_ANNOUNCED);
  assert_int_equal(bench_view(bench, FLOW).on_wire, 1);
  rule_neighbor(bench, 0, false, 0);
  bench_expect_state(bench, FLOW, BC_RIB_STANDBY);
  rule_neighbor(bench, 1, true, RULE_FAMILIES);
  bench_expect_state(bench, FLOW, BC_RIB_UNCONFIRMED);
}

static void a_vpls_is_confirmed_with_its_med_and_nudged_by_it(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, VPLS);
  bench_wire(bench, 0, "announce vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.9.0.1 med 6");
  bench_expect_state(bench, VPLS, BC_RIB_ACKED);
  bench_pass_ms(bench, 2000);
  bench_expect(bench, "announce vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.9.0.1 med 8");
  bench_done(bench);
  bench_wire(bench, 0, "announce vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.9.0.1 med 8");
  bench_expect(bench, "announce " VPLS);
  bench_done(bench);
  bench_wire(bench, 0, "announce " VPLS);
  bench_expect_state(bench, VPLS, BC_RIB_ANNOUNCED);
  bench_unwant(bench, VPLS);
  bench_expect(bench, "withdraw " VPLS);
  bc_rib_on_error(bench->rib, bench->now);
  bench_expect(bench, "withdraw vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8");
}

static void rules_are_never_grouped(void **state) {
  struct bench *bench = *state;
  bench_want(bench, FLOW);
  bench_want(bench, "flow route { match { source-ipv4 192.0.2.0/25; } then { discard; } }");
  bench_expect(bench, "announce " FLOW);
  bench_expect(bench, "announce flow route { match { source-ipv4 192.0.2.0/25; } then { discard; } }");
  bench_expect_none(bench);
}

static struct bc_route rule_listed(struct bench *bench, const char *text) {
  struct bc_route route;
  struct bc_fault fault;
  enum bc_err err = bc_route_parse_standing(bench->intern, BC_FAMILY_IPV4_FLOW, bc_str_of(text), &route, &fault);
  assert_int_equal(err, BC_ERR_OK);
  return route;
}

static void rule_restart(struct bench *bench, bool is_wanted) {
  bench_restart(bench);
  rule_neighbor(bench, 0, true, RULE_FAMILIES);
  if (is_wanted) {
    bench_want(bench, FLOW);
  }
  struct bc_route ours = rule_listed(bench, LISTED);
  struct bc_route foreign =
      rule_listed(bench, "flow source-ipv4 192.0.2.0/24 protocol =udp extended-community rate-limit:0");
  bc_rib_standing_begin(bench->rib);
  bc_rib_standing(bench->rib, 0, &ours, bc_str_of(LISTED));
  bc_rib_standing(bench->rib, 0, &foreign, bc_str_of("foreign"));
  assert_true(bc_rib_stood(bench->rib, NULL, &ours.nlri, false));
  assert_false(bc_rib_stood(bench->rib, NULL, &foreign.nlri, false));
  bc_route_release(bench->intern, &ours);
  bc_route_release(bench->intern, &foreign);
  bench_start(bench);
  bench_pass_ms(bench, 1000);
}

static void the_journal_and_the_listing_lead_back_to_a_flow(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  rule_restart(bench, true);
  bench_expect_state(bench, FLOW, BC_RIB_ANNOUNCED);
  bench_expect_none(bench);
  size_t index = 0;
  unsigned neighbor;
  const char *text;
  assert_true(bc_rib_foreign(bench->rib, &index, &neighbor, &text));
  assert_string_equal(text, "flow route { match { source-ipv4 192.0.2.0/24; protocol =udp; } then { discard; } }");
  assert_false(bc_rib_foreign(bench->rib, &index, &neighbor, &text));
  rule_restart(bench, false);
  bench_expect(bench, "withdraw " FLOW);
  bench_done(bench);
  rule_shown(bench, 0, BC_VERB_WITHDRAW);
  bench_expect_none(bench);
  assert_int_equal(bc_rib_journal_live(bench->rib), 0);
}

/* ExaBGP 5.0 has names for thousands of ports. */
static void a_flow_of_ours_in_a_line_that_cannot_be_read_is_withdrawn_when_nobody_wants_it(void **state) {
  struct bench *bench = *state;
  rule_announce(bench, FLOW);
  rule_shown(bench, 0, BC_VERB_ANNOUNCE);
  for (int round = 0; round < 2; round++) {
    bench_restart(bench);
    rule_neighbor(bench, 0, true, RULE_FAMILIES);
    bc_rib_standing_begin(bench->rib);
    if (round == 0) {
      bc_rib_standing(bench->rib, 0, NULL, bc_str_of("flow destination-port =unheard-of"));
    }
    bench_start(bench);
    bench_pass_ms(bench, 1000);
    if (round == 0) {
      bench_expect(bench, "withdraw " FLOW);
    }
  }
  /* Where all lines could be read it is known to be gone. */
  bench_expect_none(bench);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rule_setup, bench_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(a_flow_is_confirmed_by_its_match_set_and_withdrawn_with_its_actions),
      RULE(other_actions_are_confirmed_by_the_next_update_without_a_nudge),
      RULE(an_update_that_may_be_of_the_text_before_counts_a_second_later),
      RULE(a_want_that_follows_an_unseen_one_is_not_confirmed_by_it),
      RULE(an_update_proves_no_text_that_looks_like_the_one_before),
      RULE(a_refused_withdraw_is_tried_with_the_match_set_alone),
      RULE(a_neighbor_without_the_family_is_not_waited_for),
      RULE(a_vpls_is_confirmed_with_its_med_and_nudged_by_it),
      RULE(rules_are_never_grouped),
      RULE(the_journal_and_the_listing_lead_back_to_a_flow),
      RULE(a_flow_of_ours_in_a_line_that_cannot_be_read_is_withdrawn_when_nobody_wants_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
