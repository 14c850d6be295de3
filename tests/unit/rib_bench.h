/* A bench on which a test drives one RIB by hand: wants as route lines, commands as expected texts. */
#ifndef BC_TESTS_RIB_BENCH_H
#define BC_TESTS_RIB_BENCH_H

#include "base/limits.h"
#include "model/journal.h"
#include "model/rib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BENCH_UNICAST = 1U << BC_FAMILY_IPV4_UNICAST | 1U << BC_FAMILY_IPV6_UNICAST };

#define ONE "route 192.0.2.1/32 next-hop 10.9.0.1 med 100"
#define ONE_OTHER "route 192.0.2.1/32 next-hop 10.9.0.1 med 200"
#define TWO "route 192.0.2.2/32 next-hop 10.9.0.1 med 100"

struct bench {
  struct bc_intern *intern;
  struct bc_rib *rib;
  struct bc_mono now;
  struct bc_buf line;
  struct bc_buf journal;
};

static inline void bench_open(struct bench *bench) {
  bench->intern = bc_intern_new();
  bench->rib = bc_rib_new(bench->intern);
  bench->now = (struct bc_mono){.us = 5000000};
  bc_buf_init(&bench->line, BC_LIMIT_COMMAND_BYTES);
  bc_buf_init(&bench->journal, 1U << 26);
}

static inline void bench_close(struct bench *bench) {
  bc_rib_free(bench->rib);
  bc_buf_free(&bench->line);
  bc_buf_free(&bench->journal);
  assert_int_equal(bc_intern_count(bench->intern), 0); /* each reference was given back */
  bc_intern_free(bench->intern);
}

static inline void bench_start(struct bench *bench) {
  bc_rib_start(bench->rib, false, bench->now);
}

/* Neighbor 10.0.0.(number + 1), ours, both unicast families. */
static inline void bench_neighbor(struct bench *bench, unsigned number, bool is_up, bool reports) {
  struct bc_rib_neighbor neighbor = {.configured = BENCH_UNICAST,
                                     .negotiated = BENCH_UNICAST,
                                     .is_ours = true,
                                     .is_established = is_up,
                                     .reports_updates = reports};
  (void)snprintf(neighbor.name.ip, sizeof neighbor.name.ip, "10.0.0.%u", number + 1);
  if (number == bc_rib_neighbor_count(bench->rib)) {
    assert_int_equal(bc_rib_neighbor_add(bench->rib, &neighbor), number);
  } else {
    bc_rib_neighbor_set(bench->rib, number, &neighbor, bench->now);
  }
}

static inline struct bc_route bench_route(struct bench *bench, const char *text) {
  struct bc_route route;
  struct bc_fault fault;
  enum bc_verb verb;
  if (bc_route_parse_command(bench->intern, bc_str_of(text), &verb, &route, &fault) != BC_ERR_OK) {
    fail_msg("%s: %s", text, fault.text);
  }
  return route;
}

static inline void bench_want(struct bench *bench, const char *text) {
  struct bc_route route = bench_route(bench, text);
  bc_rib_want(bench->rib, "owner", &route, bench->now);
  bc_route_release(bench->intern, &route);
}

static inline void bench_unwant(struct bench *bench, const char *text) {
  struct bc_route route = bench_route(bench, text);
  bc_rib_unwant(bench->rib, route.selector, &route.nlri, bench->now);
  bc_route_release(bench->intern, &route);
}

/* Appends what is due to the journal and tells that it is on disk. */
static inline void bench_write_journal(struct bench *bench) {
  while (bc_rib_journal_take(bench->rib, &bench->journal)) {
    bc_rib_journal_written(bench->rib, bench->now);
  }
}

static inline void bench_expect(struct bench *bench, const char *line) {
  bench_write_journal(bench);
  if (!bc_rib_next_command(bench->rib, bench->now, &bench->line)) {
    fail_msg("no command, expected: %s", line);
  }
  assert_string_equal(bench->line.data, line);
}

static inline void bench_expect_none(struct bench *bench) {
  bench_write_journal(bench);
  if (bc_rib_next_command(bench->rib, bench->now, &bench->line)) {
    fail_msg("unexpected: %s", bench->line.data);
  }
}

static inline void bench_done(struct bench *bench) {
  bc_rib_on_done(bench->rib, bench->now);
}

static inline void bench_pass_ms(struct bench *bench, int64_t ms) {
  bench->now = bc_mono_add_ms(bench->now, ms);
  bc_rib_tick(bench->rib, bench->now);
}

/* `text` as it went over the wire to a neighbor: "announce route …" or "withdraw route …". */
static inline void bench_wire(struct bench *bench, unsigned neighbor, const char *text) {
  struct bc_route route;
  enum bc_verb verb;
  enum bc_err err = bc_route_parse_command(bench->intern, bc_str_of(text), &verb, &route, NULL);
  assert_int_equal(err, BC_ERR_OK);
  bc_rib_on_wire(bench->rib, neighbor, verb, &route.nlri, verb == BC_VERB_ANNOUNCE && route.has_med, route.med,
                 bench->now);
  bc_route_release(bench->intern, &route);
}

static inline struct bc_rib_view bench_view(struct bench *bench, const char *text) {
  struct bc_route route = bench_route(bench, text);
  struct bc_rib_view view;
  if (!bc_rib_find(bench->rib, route.selector, &route.nlri, &view)) {
    view = (struct bc_rib_view){.state = BC_RIB_NONE};
  }
  bc_route_release(bench->intern, &route);
  return view;
}

static inline void bench_expect_state(struct bench *bench, const char *text, enum bc_rib_state state) {
  assert_string_equal(bc_rib_state_text(bench_view(bench, text).state), bc_rib_state_text(state));
}

static inline void bench_standing(struct bench *bench, unsigned neighbor, const char *text) {
  struct bc_route route = bench_route(bench, text);
  bc_rib_standing(bench->rib, neighbor, &route, bc_str_of(text));
  bc_route_release(bench->intern, &route);
}

/* Another core: a new RIB that read this one's journal. */
static inline void bench_restart(struct bench *bench) {
  bc_rib_free(bench->rib);
  bench->rib = bc_rib_new(bench->intern);
  size_t good = bc_rib_journal_load(bench->rib, bc_buf_str(&bench->journal));
  assert_int_equal(good, bench->journal.len);
}

/* Wants it and brings it to where it is confirmed by neighbor 0 (and drained by the others). */
static inline void bench_announce(struct bench *bench, const char *route) {
  char line[512];
  const char *at = strstr(route, "route ");
  (void)snprintf(line, sizeof line, "%.*sannounce %s", (int)(at - route), route, at);
  bench_want(bench, route);
  bench_expect(bench, line);
  bench_done(bench);
  bench_wire(bench, 0, line);
}

/* The state of a test: a bench on which neighbor 0 is up and reports its updates. */
static inline int bench_setup(void **state) {
  static struct bench bench;
  bench_open(&bench);
  bench_neighbor(&bench, 0, true, true);
  bench_start(&bench);
  *state = &bench;
  return 0;
}

static inline int bench_teardown(void **state) {
  bench_close(*state);
  return 0;
}

#endif
