#include "model/event.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEGIN = 5000 };

static uint64_t tell(struct bc_events *events, enum bc_event_type type, const char *subject) {
  return bc_events_add(events, &(struct bc_event){.at_ms = 1795403442118,
                                                  .type = type,
                                                  .is_of_route = type == BC_EVENT_ROUTE,
                                                  .decision = 17,
                                                  .subject = subject,
                                                  .detail = "{\"state\":\"announced\"}"});
}

static void tell_many(struct bc_events *events, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    (void)tell(events, BC_EVENT_ROUTE, "web");
  }
}

static void a_reader_gets_each_event_once_in_its_order(void **state) {
  (void)state;
  struct bc_events *events = bc_events_new(BEGIN);
  struct bc_event_cursor cursor = {.after = bc_events_last(events)};
  struct bc_event event;
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_NONE);
  assert_int_equal(tell(events, BC_EVENT_ROUTE, "web"), BEGIN + 1);
  assert_int_equal(tell(events, BC_EVENT_STORE, ""), BEGIN + 2);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.id, BEGIN + 1);
  assert_string_equal(event.subject, "web");
  assert_string_equal(event.detail, "{\"state\":\"announced\"}");
  assert_int_equal(event.decision, 17);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.type, BC_EVENT_STORE);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_NONE);
  bc_events_free(events);
}

static void who_is_too_slow_learns_how_much_was_missed(void **state) {
  (void)state;
  struct bc_events *events = bc_events_new(BEGIN);
  struct bc_event_cursor cursor = {.after = BEGIN};
  struct bc_event event;
  tell_many(events, BC_LIMIT_EVENTS + 10);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.type, BC_EVENT_GAP);
  assert_string_equal(event.detail, "{\"missed\":10}");
  assert_int_equal(event.id, BEGIN + 10);
  for (unsigned i = 0; i < BC_LIMIT_EVENTS; i++) {
    assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
    assert_int_equal(event.type, BC_EVENT_ROUTE);
    assert_int_equal(event.id, BEGIN + 11 + i);
  }
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_NONE);
  bc_events_free(events);
}

static void one_that_missed_nothing_gets_no_gap(void **state) {
  (void)state;
  struct bc_events *events = bc_events_new(BEGIN);
  struct bc_event_cursor cursor = {.after = BEGIN};
  struct bc_event event;
  tell_many(events, BC_LIMIT_EVENTS);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.type, BC_EVENT_ROUTE);
  assert_int_equal(event.id, BEGIN + 1);
  bc_events_free(events);
}

static void a_place_of_another_process_is_a_gap_of_unknown_size(void **state) {
  (void)state;
  /* Before us; after us, as when the clock went back; and with nothing told yet. */
  const uint64_t places[] = {0, 1, BEGIN - 1, BEGIN + 100, UINT64_MAX};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    for (unsigned told = 0; told < 2; told++) {
      struct bc_events *events = bc_events_new(BEGIN);
      struct bc_event_cursor cursor = {.after = places[i]};
      struct bc_event event;
      tell_many(events, told);
      assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
      assert_int_equal(event.type, BC_EVENT_GAP);
      assert_int_equal(event.id, BEGIN);
      assert_string_equal(event.detail, "{\"missed\":null}");
      assert_int_equal(bc_events_next(events, &cursor, &event), told == 1 ? BC_EVENT_NEXT_GOT : BC_EVENT_NEXT_NONE);
      bc_events_free(events);
    }
  }
}

static void a_filter_passes_over_in_steps(void **state) {
  (void)state;
  struct bc_events *events = bc_events_new(BEGIN);
  struct bc_event_cursor cursor = {.after = BEGIN};
  struct bc_event event;
  assert_int_equal(bc_event_filter_read("store,neighbor", NULL, &cursor.filter, NULL), BC_ERR_OK);
  tell_many(events, 300);
  (void)tell(events, BC_EVENT_NEIGHBOR, "192.0.2.9");
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_MORE);
  assert_int_equal(cursor.after, BEGIN + 256);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.type, BC_EVENT_NEIGHBOR);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_NONE);
  bc_events_free(events);
}

static void a_route_is_only_that_of_events_of_routes(void **state) {
  (void)state;
  struct bc_events *events = bc_events_new(BEGIN);
  struct bc_event_cursor cursor = {.after = BEGIN};
  struct bc_event event;
  assert_int_equal(bc_event_filter_read("", "we?", &cursor.filter, NULL), BC_ERR_OK);
  (void)tell(events, BC_EVENT_CHECK, "web");
  (void)tell(events, BC_EVENT_ROUTE, "mail");
  (void)tell(events, BC_EVENT_ROUTE, "web");
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.id, BEGIN + 3);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_NONE);
  bc_events_free(events);
}

static void a_gap_passes_every_filter(void **state) {
  (void)state;
  struct bc_events *events = bc_events_new(BEGIN);
  struct bc_event_cursor cursor = {.after = BEGIN};
  struct bc_event event;
  assert_int_equal(bc_event_filter_read("store", "no-such-route", &cursor.filter, NULL), BC_ERR_OK);
  tell_many(events, BC_LIMIT_EVENTS + 1);
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.type, BC_EVENT_GAP);
  /* Also one that all have missed, which is in the ring. */
  cursor.after = bc_events_last(events);
  uint64_t told = tell(events, BC_EVENT_GAP, "");
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(event.id, told);
  bc_events_free(events);
}

static void what_is_no_filter_is_told(void **state) {
  (void)state;
  struct bc_event_filter filter;
  struct bc_fault fault;
  char name[512];
  memset(name, 'a', sizeof name);
  name[sizeof name - 1] = '\0';
  assert_int_equal(bc_event_filter_read("route,nonsense", NULL, &filter, &fault), BC_ERR_SYNTAX);
  assert_non_null(strstr(fault.text, "route, decision"));
  assert_non_null(strstr(fault.text, "node"));
  assert_int_equal(bc_event_filter_read("gap", NULL, &filter, &fault), BC_ERR_SYNTAX);
  assert_int_equal(bc_event_filter_read("route,,store", NULL, &filter, &fault), BC_ERR_SYNTAX);
  assert_int_equal(bc_event_filter_read(NULL, name, &filter, &fault), BC_ERR_SYNTAX);
  assert_int_equal(bc_event_filter_read(NULL, NULL, &filter, &fault), BC_ERR_OK);
}

static void memory_is_bounded_whatever_is_told(void **state) {
  (void)state;
  struct bc_events *events = bc_events_new(BEGIN);
  struct bc_event_cursor cursor = {.after = BEGIN};
  struct bc_event event;
  char *large = bc_mem_new(1, BC_LIMIT_EVENT_BYTES + 2);
  memset(large, 'x', BC_LIMIT_EVENT_BYTES + 1);
  (void)bc_events_add(events, &(struct bc_event){.type = BC_EVENT_NODE, .subject = large, .detail = large});
  assert_int_equal(bc_events_next(events, &cursor, &event), BC_EVENT_NEXT_GOT);
  assert_int_equal(strlen(event.subject), BC_LIMIT_EVENT_BYTES - 1);
  assert_string_equal(event.detail, "{}");
  free(large);
  bc_events_free(events);
}

static void any_text_can_stand_in_a_detail(void **state) {
  (void)state;
  char bytes[256];
  struct bc_buf quoted;
  for (unsigned i = 0; i < sizeof bytes; i++) {
    bytes[i] = (char)(unsigned char)i;
  }
  bc_buf_init(&quoted, 1024);
  bc_event_add_quoted(&quoted, (struct bc_str){.at = bytes, .len = sizeof bytes});
  json_t *read = json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  assert_non_null(read);
  assert_int_equal(json_string_length(read), sizeof bytes);
  for (unsigned i = 0; i < sizeof bytes; i++) {
    bool is_kept = (i >= ' ' && i <= '~') || i == '\n' || i == '\t';
    assert_int_equal(json_string_value(read)[i], is_kept ? (int)i : '?');
  }
  json_decref(read);
  bc_buf_free(&quoted);
}

static void an_event_is_a_line_of_json(void **state) {
  (void)state;
  struct bc_buf text;
  bc_buf_init(&text, 4096);
  struct bc_event event = {.id = 1795403442118001,
                           .at_ms = 1795403442118,
                           .type = BC_EVENT_ROUTE,
                           .decision = 4711,
                           .subject = "w\"eb",
                           .detail = "{\"state\":\"announced\"}"};
  bc_event_print(&event, &text);
  assert_string_equal(text.data, "{\"id\":1795403442118001,\"time\":\"2026-11-23T03:10:42.118Z\",\"type\":\"route\","
                                 "\"subject\":\"w\\\"eb\",\"decision\":4711,\"detail\":{\"state\":\"announced\"}}");
  bc_buf_clear(&text);
  event.subject = "";
  event.decision = 0;
  bc_event_print(&event, &text);
  json_t *made = json_loads(text.data, JSON_REJECT_DUPLICATES, NULL);
  assert_true(json_is_null(json_object_get(made, "subject")));
  assert_true(json_is_null(json_object_get(made, "decision")));
  json_decref(made);
  bc_buf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reader_gets_each_event_once_in_its_order),
      cmocka_unit_test(who_is_too_slow_learns_how_much_was_missed),
      cmocka_unit_test(one_that_missed_nothing_gets_no_gap),
      cmocka_unit_test(a_place_of_another_process_is_a_gap_of_unknown_size),
      cmocka_unit_test(a_filter_passes_over_in_steps),
      cmocka_unit_test(a_route_is_only_that_of_events_of_routes),
      cmocka_unit_test(a_gap_passes_every_filter),
      cmocka_unit_test(what_is_no_filter_is_told),
      cmocka_unit_test(memory_is_bounded_whatever_is_told),
      cmocka_unit_test(any_text_can_stand_in_a_detail),
      cmocka_unit_test(an_event_is_a_line_of_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
