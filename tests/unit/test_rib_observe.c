/* model/rib tells what becomes of commands: each thing once, with the mark of the want that led to it. */
#include "rib_bench.h"

enum { SEEN_BYTES = 4096 };

struct seen {
  char text[SEEN_BYTES]; /* "sent 1; ack 1; wire 1 @0;" */
  uint64_t line;         /* of the last one that was sent */
};
static struct seen seen;

static void see(void *arg, const struct bc_rib_event *event) {
  static const char *const kinds[] = {"sent", "ack", "wire", "unconfirmed", "refused", "alarm"};
  char *to = seen.text + strlen(seen.text);
  size_t room = SEEN_BYTES - strlen(seen.text);
  bool has_neighbor = event->kind == BC_RIB_EVENT_WIRE || event->kind == BC_RIB_EVENT_UNCONFIRMED ||
                      event->kind == BC_RIB_EVENT_ALARMED;
  assert_ptr_equal(arg, &seen);
  assert_true(event->mark != 0);
  assert_non_null(event->owner);
  (void)snprintf(to, room, "%s %u", kinds[event->kind], (unsigned)event->mark);
  if (has_neighbor) {
    (void)snprintf(to + strlen(to), room - strlen(to), " @%u", event->neighbor);
  }
  (void)snprintf(to + strlen(to), room - strlen(to), "%s%s%s; ", event->is_repair ? " repair" : "",
                 event->is_by_time ? " time" : "", event->verb == BC_VERB_WITHDRAW ? " withdraw" : "");
  if (event->kind == BC_RIB_EVENT_SENT) {
    assert_true(event->text.len > 0);
    seen.line = event->line;
  }
}

static void expect_seen(const char *text) {
  assert_string_equal(seen.text, text);
  seen.text[0] = '\0';
}

static int setup(void **state) {
  (void)bench_setup(state);
  struct bench *bench = *state;
  memset(&seen, 0, sizeof seen);
  bc_rib_observe(bench->rib, see, &seen);
  return 0;
}

static void want_marked(struct bench *bench, const char *text, uint64_t mark) {
  bc_rib_set_mark(bench->rib, mark);
  bench_want(bench, text);
}

static void a_command_is_told_from_its_line_to_the_wire(void **state) {
  struct bench *bench = *state;
  want_marked(bench, ONE, 7);
  expect_seen("");
  bench_expect(bench, "announce " ONE);
  expect_seen("sent 7; ");
  bench_done(bench);
  expect_seen("ack 7; ");
  bench_wire(bench, 0, "announce " ONE);
  expect_seen("wire 7 @0; ");
  bench_wire(bench, 0, "announce " ONE); /* again: known */
  expect_seen("");
  bc_rib_set_mark(bench->rib, 8);
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
  bench_wire(bench, 0, "withdraw " ONE); /* before its ack */
  bench_done(bench);
  expect_seen("sent 8 withdraw; wire 8 @0 withdraw; ack 8 withdraw; ");
}

static void each_nlri_of_a_line_is_told_with_that_line(void **state) {
  struct bench *bench = *state;
  want_marked(bench, ONE, 1);
  want_marked(bench, TWO, 2);
  bench_expect(bench, "announce attributes next-hop 10.9.0.1 med 100 nlri 192.0.2.1/32 192.0.2.2/32");
  expect_seen("sent 1; sent 2; ");
  uint64_t line = seen.line;
  want_marked(bench, "route 192.0.2.3/32 next-hop 10.9.0.1 med 300", 3);
  bench_expect(bench, "announce route 192.0.2.3/32 next-hop 10.9.0.1 med 300");
  expect_seen("sent 3; ");
  assert_int_equal(seen.line, line + 1);
}

static void what_has_no_mark_is_not_told(void **state) {
  struct bench *bench = *state;
  bench_announce(bench, ONE);
  expect_seen("");
}

/* The answer to a command belongs to the want that it was written for, not to the one that came meanwhile. */
static void a_command_keeps_the_mark_that_it_was_written_with(void **state) {
  struct bench *bench = *state;
  want_marked(bench, ONE, 1);
  bench_expect(bench, "announce " ONE);
  want_marked(bench, ONE_OTHER, 2);
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE);
  expect_seen("sent 1; ack 1; wire 1 @0; ");
  bench_expect(bench, "announce " ONE_OTHER);
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE_OTHER);
  expect_seen("sent 2; ack 2; wire 2 @0; ");
}

static void a_neighbor_that_reports_nothing_is_told_by_time(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 1, true, false);
  bench_pass_ms(bench, 10000);
  want_marked(bench, ONE, 1);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE);
  expect_seen("sent 1; ack 1; wire 1 @0; ");
  bench_pass_ms(bench, 10000);
  expect_seen("wire 1 @1 time; ");
}

/* Who came up later is told when nobody had it before: that is when the decision reached the world. */
static void the_first_wire_after_a_standby_is_told_and_no_other(void **state) {
  struct bench *bench = *state;
  bench_neighbor(bench, 0, false, true);
  want_marked(bench, ONE, 1);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_expect_state(bench, ONE, BC_RIB_STANDBY);
  expect_seen("sent 1; ack 1; ");
  for (int i = 0; i < 3; i++) {
    bench_neighbor(bench, 0, true, true);
    bench_wire(bench, 0, "announce " ONE);
    expect_seen(i == 0 ? "wire 1 @0; " : "");
    bench_neighbor(bench, 0, false, true);
  }
}

static void repair(struct bench *bench) {
  bench_expect(bench, "announce route 192.0.2.1/32 next-hop 10.9.0.1 med 101");
  bench_done(bench);
  bench_pass_ms(bench, 2000);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_pass_ms(bench, 2000);
}

/* However long it lasts: the repairs that follow the alarm once a minute would fill any memory. */
static void what_the_wire_does_not_show_is_told_once_and_then_as_an_alarm(void **state) {
  struct bench *bench = *state;
  want_marked(bench, ONE, 5);
  bench_expect(bench, "announce " ONE);
  bench_done(bench);
  bench_pass_ms(bench, 2000);
  expect_seen("sent 5; ack 5; unconfirmed 5 @0; ");
  repair(bench);
  expect_seen("sent 5 repair; sent 5 repair; ack 5; ");
  repair(bench);
  expect_seen("sent 5 repair; sent 5 repair; ack 5; ");
  repair(bench);
  expect_seen("sent 5 repair; alarm 5 @0; ");
  for (int i = 0; i < 3; i++) {
    bench_pass_ms(bench, 60000);
    repair(bench);
    expect_seen("");
  }
  bench_wire(bench, 0, "announce " ONE);
  expect_seen("wire 5 @0; ");
  bench_expect_state(bench, ONE, BC_RIB_ANNOUNCED);
}

static void a_refusal_is_told_once_with_its_command_and_then_that_it_was_taken(void **state) {
  struct bench *bench = *state;
  want_marked(bench, ONE, 3);
  for (int i = 0; i < 3; i++) {
    bench_expect(bench, "announce " ONE);
    bc_rib_on_error(bench->rib, bench->now);
    expect_seen(i == 0 ? "sent 3; refused 3; " : "");
    bench_pass_ms(bench, 600000);
  }
  bench_expect(bench, "announce " ONE);
  bench_expect(bench, "show neighbor summary");
  bench_done(bench);
  bench_wire(bench, 0, "announce " ONE);
  expect_seen("ack 3; wire 3 @0; ");
}

static void expect_time(const struct bc_histogram *times, uint64_t count, uint64_t sum_us) {
  assert_int_equal(bc_histogram_count(times), count);
  assert_int_equal(times->sum_us, sum_us);
}

static void acks_and_updates_are_timed_from_the_line_on(void **state) {
  struct bench *bench = *state;
  const struct bc_histogram *acks = bc_rib_ack_times(bench->rib);
  const struct bc_histogram *wire = bc_rib_wire_times(bench->rib);
  bench_neighbor(bench, 1, true, true);
  bench_neighbor(bench, 2, true, false);
  bench_pass_ms(bench, 10000);
  want_marked(bench, ONE, 1);
  bench_pass_ms(bench, 500); /* it waits: that is not ExaBGP's time */
  bench_expect(bench, "announce " ONE);
  bench_pass_ms(bench, 20);
  bench_wire(bench, 0, "announce " ONE); /* before its ack */
  bench_pass_ms(bench, 30);
  bench_done(bench);
  expect_time(acks, 1, 50000);
  bench_pass_ms(bench, 50);
  bench_wire(bench, 1, "announce " ONE);
  expect_time(wire, 2, 20000 + 100000);
  bench_wire(bench, 1, "announce " ONE); /* again */
  bench_pass_ms(bench, 20000);           /* the one that reports nothing: nobody knows when */
  expect_time(wire, 2, 120000);
  expect_time(acks, 1, 50000);
  bc_rib_set_mark(bench->rib, 0); /* nobody is told of it, and it is timed all the same */
  bench_unwant(bench, ONE);
  bench_expect(bench, "withdraw " ONE);
  bench_pass_ms(bench, 7);
  bench_done(bench);
  bench_wire(bench, 0, "withdraw " ONE);
  expect_time(acks, 2, 57000);
  expect_time(wire, 3, 127000);
}

static void an_answer_that_never_comes_is_no_time(void **state) {
  struct bench *bench = *state;
  bench_pass_ms(bench, 10000);
  want_marked(bench, ONE, 1);
  bench_expect(bench, "announce " ONE);
  bench_pass_ms(bench, 2000);
  bench_expect(bench, "show neighbor summary");
  bc_rib_on_barrier(bench->rib, bench->now);
  bench_done(bench); /* of the summary */
  expect_time(bc_rib_ack_times(bench->rib), 0, 0);
}

static void nobody_needs_to_observe(void **state) {
  struct bench *bench = *state;
  bc_rib_observe(bench->rib, NULL, NULL);
  want_marked(bench, ONE, 1);
  bench_expect(bench, "announce " ONE);
  expect_seen("");
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
  const struct CMUnitTest tests[] = {
      RULE(a_command_is_told_from_its_line_to_the_wire),
      RULE(each_nlri_of_a_line_is_told_with_that_line),
      RULE(what_has_no_mark_is_not_told),
      RULE(a_command_keeps_the_mark_that_it_was_written_with),
      RULE(a_neighbor_that_reports_nothing_is_told_by_time),
      RULE(the_first_wire_after_a_standby_is_told_and_no_other),
      RULE(what_the_wire_does_not_show_is_told_once_and_then_as_an_alarm),
      RULE(a_refusal_is_told_once_with_its_command_and_then_that_it_was_taken),
      RULE(acks_and_updates_are_timed_from_the_line_on),
      RULE(an_answer_that_never_comes_is_no_time),
      RULE(nobody_needs_to_observe),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
