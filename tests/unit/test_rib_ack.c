/* model/rib and ExaBGP's answers: refused, missing, none at all. */
#include "rib_bench.h"

#define THREE "route 192.0.2.3/32 next-hop 10.9.0.1 med 300"
#define BARRIER "show neighbor summary"

static void bench_error(struct bench *bench) {
  bc_rib_on_error(bench->rib, bench->now);
}

static void bench_barrier(struct bench *bench) {
  bc_rib_on_barrier(bench->rib, bench->now);
}

static void answers_to_nothing_are_counted_and_ignored(void **state) {
  struct bench *bench = *state;
  bench_done(bench);
  bench_error(bench);
  bench_barrier(bench);
  assert_int_equal(bc_rib_counts(bench->rib).acks, 1);
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_expect_state(bench, ONE, BC_RIB_SENT);
}

static void a_refused_line_is_refused_and_tried_again_later_and_later(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  int64_t delay_ms = 30000;
  for (int i = 0; i < 7; i++) {
    bench_expect(bench, "announce " ONE);
    bench_error(bench);
    bench_expect_state(bench, ONE, BC_RIB_REFUSED);
    assert_string_equal(bench_view(bench, ONE).error, "ExaBGP refused: announce " ONE);
    bench_pass_ms(bench, delay_ms - 1);
    bench_expect_none(bench);
    bench_pass_ms(bench, 1);
    delay_ms = delay_ms * 2 < 600000 ? delay_ms * 2 : 600000;
  }
  bench_expect(bench, "announce " ONE);
  bench_expect(bench, BARRIER);
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  assert_null(bench_view(bench, ONE).error);
}

static void another_text_is_tried_at_once_and_the_old_one_still_stands(void **state) {
  struct bench *bench = *state;
  const char *other = "route 192.0.2.1/32 next-hop 10.9.0.1 med 200";
  bench_announce(bench, ONE);
  bench_want(bench, other);
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 200");
  bench_error(bench);
  bench_expect_state(bench, other, BC_RIB_REFUSED);
  assert_int_equal(bench_view(bench, other).told->med, 100);
  assert_int_equal(bench_view(bench, other).on_wire, 1);
  bench_want(bench, "route 192.0.2.1/32 next-hop 10.9.0.1 med 300");
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 300");
  bench_error(bench);
  /* Back to what stands: nothing to say. */
  bench_want(bench, ONE);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
}

/* What stands was overwritten by somebody else while our own change was refused. */
static void what_the_wire_lost_during_a_refusal_is_repaired(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_want(bench, "route 192.0.2.1/32 next-hop 10.9.0.1 med 200");
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 200");
  bench_wire(bench, 0, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 300");
  bench_error(bench);
  bench_want(bench, ONE);
  bench_expect_state(bench, ONE, BC_RIB_UNCONFIRMED);
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101");
}

static void a_refused_group_is_sent_again_one_by_one(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_want(bench, TWO);
  bench_expect(bench, "announce attributes next-hop 10.9.0.1 med 100 nlri 192.0.2.1/32 192.0.2.2/32");
  bench_error(bench);
  bench_expect(bench, "announce " ONE);
  bench_expect(bench, BARRIER);
  bench_expect_none(bench);
  bench_error(bench);
  bench_expect_state(bench, ONE, BC_RIB_REFUSED);
  bench_barrier(bench);
  bench_done(bench);
  bench_expect(bench, "announce " TWO);
  bench_done(bench);
  bench_wire(bench, 0, "announce " TWO);
  bench_expect_state(bench, TWO, BC_RIB_ANNOUNCED);
}

static void after_two_seconds_without_an_answer_a_barrier_asks(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_pass_ms(bench, 1999);
  bench_expect_none(bench);
  assert_int_equal(bc_mono_ms_between(bench->now, bc_rib_deadline(bench->rib)), 1);
  bench_pass_ms(bench, 1);
  bench_expect(bench, BARRIER);
  bench_expect_none(bench);
  assert_false(bc_mono_is_set(bc_rib_deadline(bench->rib)));
}

static void the_line_that_stays_unanswered_is_refused_and_no_other(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_want(bench, THREE);
  bench_expect(bench, "announce " THREE);
  bench_done(bench); /* to THREE, but who knows */
  bench_pass_ms(bench, 2000);
  bench_expect(bench, BARRIER);
  bench_barrier(bench);
  bench_done(bench);
  assert_int_equal(bc_rib_counts(bench->rib).acks_missing, 1);
  /* Neither is confirmed: each is sent again between two barriers. */
  bench_expect(bench, "announce " THREE);
  bench_expect(bench, BARRIER);
  bench_expect_none(bench);
  bench_done(bench);
  bench_barrier(bench);
  bench_done(bench);
  bench_wire(bench, 0, "announce " THREE);
  bench_expect(bench, "announce " ONE);
  bench_expect(bench, BARRIER);
  bench_barrier(bench);
  bench_done(bench);
  bench_expect_state(bench, THREE, BC_RIB_ANNOUNCED);
  bench_expect_state(bench, ONE, BC_RIB_REFUSED);
  assert_string_equal(bench_view(bench, ONE).error, "ExaBGP never answered: announce " ONE);
}

static void the_wire_is_a_better_witness_than_a_missing_ack(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_wire(bench, 0, "announce " ONE);
  bench_pass_ms(bench, 2000);
  bench_expect(bench, BARRIER);
  bench_barrier(bench);
  bench_done(bench);
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
  bench_expect_none(bench);
}

/* Nothing was acknowledged, all neighbors down: an ack that may be another's must not count. */
static void an_ack_that_may_be_another_lines_confirms_nothing(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 0, false, true);
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_want(bench, THREE);
  bench_expect(bench, "announce " THREE);
  bench_done(bench);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_done(bench);
  bench_pass_ms(bench, 200);
  bench_expect_state(bench, ONE, BC_RIB_STANDBY);
  bench_expect_state(bench, THREE, BC_RIB_STANDBY);
}

static void what_was_unanswered_and_is_not_wanted_any_more_is_withdrawn(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_expect(bench, "announce " ONE);
  bench_unwant(bench, ONE);
  bench_pass_ms(bench, 2000);
  bench_expect(bench, BARRIER);
  bench_barrier(bench);
  bench_done(bench);
  bench_expect(bench, "withdraw " ONE);
}

static void without_acks_a_barrier_follows_each_batch_and_acknowledges_it(void **state) {
  struct bench *bench = *state;
  bc_rib_set_acks(bench->rib, false);
  bench_want(bench, ONE);
  bench_want(bench, THREE);
  bench_expect(bench, "announce " ONE);
  bench_expect(bench, "announce " THREE);
  bench_expect(bench, BARRIER);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_SENT);
  bench_barrier(bench);
  bench_expect_state(bench, ONE, BC_RIB_ACKED);
  bench_wire(bench, 0, "announce " ONE);
  bench_wire(bench, 0, "announce " THREE);
  bench_expect_state(bench, THREE, BC_RIB_ANNOUNCED);
  assert_true(bc_rib_is_settled(bench->rib));
}

static void a_withdraw_that_is_refused_with_its_attributes_goes_without(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
  bench_error(bench);
  bench_expect(bench, "withdraw route 192.0.2.1/32");
  bench_done(bench);
  bench_wire(bench, 0, "withdraw " ONE);
  bench_expect_none(bench);
  bench_expect_state(bench, ONE, BC_RIB_NONE);
}

/* A command that is longer than a line may be is never written. */
static void a_command_that_does_not_fit_is_refused_here(void **state) {
  struct bench *bench = *state;
  bench_want(bench, ONE);
  bench_write_journal(bench);
  bc_buf_free(&bench->line);
  bc_buf_init(&bench->line, 20);
  assert_false(bc_rib_next_command(bench->rib, bench->now, &bench->line));
  bench_expect_state(bench, ONE, BC_RIB_REFUSED);
  assert_int_equal(bc_rib_counts(bench->rib).lines_written, 0);
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
  const struct CMUnitTest tests[] = {
      RULE(answers_to_nothing_are_counted_and_ignored),
      RULE(a_refused_line_is_refused_and_tried_again_later_and_later),
      RULE(another_text_is_tried_at_once_and_the_old_one_still_stands),
      RULE(what_the_wire_lost_during_a_refusal_is_repaired),
      RULE(a_refused_group_is_sent_again_one_by_one),
      RULE(after_two_seconds_without_an_answer_a_barrier_asks),
      RULE(the_line_that_stays_unanswered_is_refused_and_no_other),
      RULE(the_wire_is_a_better_witness_than_a_missing_ack),
      RULE(an_ack_that_may_be_another_lines_confirms_nothing),
      RULE(what_was_unanswered_and_is_not_wanted_any_more_is_withdrawn),
      RULE(without_acks_a_barrier_follows_each_batch_and_acknowledges_it),
      RULE(a_withdraw_that_is_refused_with_its_attributes_goes_without),
      RULE(a_command_that_does_not_fit_is_refused_here),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
