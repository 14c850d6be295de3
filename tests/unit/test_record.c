/* model/record: what is printed is read back; what is damaged is passed over. */
#include "model/record.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bc_buf lines;

static int setup(void **state) {
  (void)state;
  bc_buf_init(&lines, 1U << 26);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_buf_free(&lines);
  return 0;
}

/* ---- printing ---- */

static void decide(uint64_t id, int64_t at_ms, const char *route) {
  bc_record_print_decision(&(struct bc_record_decision){.id = id,
                                                        .at_ms = at_ms,
                                                        .route = route,
                                                        .verdict = "announce",
                                                        .layer = "health",
                                                        .reason = "health check passed",
                                                        .was = "withdraw"},
                           &lines);
}

static void note(uint64_t id, enum bc_record_type type, const uint64_t *of, size_t count, const char *text) {
  bc_record_print_note(
      &(struct bc_record_note){
          .id = id, .type = type, .at_ms = 5000, .of = of, .of_count = count, .text = bc_str_of(text)},
      &lines);
}

static void a_short_decision_is_one_short_line(void **state) {
  (void)state;
  decide(7, 1700000000123, "web");
  assert_string_equal(lines.data, "{\"id\":7,\"type\":\"decision\",\"at\":1700000000123,\"route\":\"web\","
                                  "\"verdict\":\"announce\",\"layer\":\"health\",\"reason\":\"health check passed\","
                                  "\"was\":\"withdraw\"}\n");
}

static void print_whole(const char *context) {
  const struct bc_record_check checks[] = {{.name = "web",
                                            .is_own = true,
                                            .state = "down",
                                            .status = "failed",
                                            .code = 3,
                                            .output = "one\ntwo \"2\" \\ \x1b[31m\xc3\xa4\t3\r\n",
                                            .score = -1,
                                            .streak = 1,
                                            .rise = 2,
                                            .fall = 3,
                                            .key = "routes/web/healthcheck",
                                            .hash = 0xabc},
                                           {.name = "load",
                                            .state = "up",
                                            .status = "passed",
                                            .code = -1,
                                            .reason = "fine",
                                            .score = 12.5,
                                            .data = "{\"a\" : [1,\n2, \"\xc3\xa4\"]}",
                                            .key = "checks/load/script",
                                            .hash = 1}};
  const struct bc_record_policy policy = {.key = "policy",
                                          .hash = 2,
                                          .verdict = "{\"verdict\":\"announce\"}",
                                          .context = context,
                                          .error = "policy:1: no",
                                          .cpu_us = 120};
  bc_record_print_decision(&(struct bc_record_decision){.id = 1,
                                                        .at_ms = 2,
                                                        .route = "web",
                                                        .verdict = "keep",
                                                        .layer = "policy",
                                                        .reason = "x",
                                                        .was = "announce",
                                                        .health = "down",
                                                        .prefix = "192.0.2.1/32",
                                                        .text = "route 192.0.2.1/32 next-hop self",
                                                        .is_standing = true,
                                                        .revision = 12,
                                                        .checks = checks,
                                                        .check_count = 2,
                                                        .policy = &policy},
                           &lines);
}

static json_t *load_line(void) {
  assert_int_equal(lines.data[lines.len - 1], '\n');
  assert_null(memchr(lines.data, '\n', lines.len - 1));
  json_error_t error;
  json_t *made = json_loadb(lines.data, lines.len, JSON_REJECT_DUPLICATES, &error);
  if (made == NULL) {
    fail_msg("%s: %s", error.text, lines.data);
  }
  return made;
}

static void a_decision_tells_all_that_it_rested_on(void **state) {
  (void)state;
  print_whole("{\"now\":1.5,\n\"route\":{}}");
  json_t *made = load_line();
  json_t *expected = json_loads(
      "{\"id\":1,\"type\":\"decision\",\"at\":2,\"route\":\"web\",\"verdict\":\"keep\",\"layer\":\"policy\","
      "\"reason\":\"x\",\"was\":\"announce\",\"health\":\"down\",\"prefix\":\"192.0.2.1/32\",\"text\":\"route "
      "192.0.2.1/32 next-hop self\","
      "\"standing\":true,\"revision\":12,\"checks\":[{\"name\":\"web\",\"own\":true,\"state\":\"down\","
      "\"status\":\"failed\",\"code\":3,\"output\":\"one\\ntwo \\\"2\\\" \\\\ ?[31m??\\t3\",\"streak\":1,\"rise\":2,"
      "\"fall\":3},{\"name\":\"load\",\"own\":false,\"state\":\"up\",\"status\":\"passed\",\"reason\":\"fine\","
      "\"score\":12.5,\"data\":{\"a\":[1,2,\"\\u00e4\"]},\"streak\":0,\"rise\":0,\"fall\":0}],"
      "\"scripts\":{\"routes/web/healthcheck\":\"0000000000000abc\",\"checks/load/script\":\"0000000000000001\","
      "\"policy\":\"0000000000000002\"},\"policy\":{\"key\":\"policy\",\"hash\":\"0000000000000002\","
      "\"verdict\":{\"verdict\":\"announce\"},\"error\":\"policy:1: no\",\"cpu_us\":120},"
      "\"context\":{\"now\":1.5,\"route\":{}}}",
      0, NULL);
  assert_non_null(expected);
  if (!json_equal(made, expected)) {
    fail_msg("%s", lines.data);
  }
  json_decref(made);
  json_decref(expected);
}

static void a_context_that_is_too_long_is_left_out_and_that_is_told(void **state) {
  (void)state;
  char *context = malloc(BC_LIMIT_RECORD_BYTES + 1);
  memset(context, ' ', BC_LIMIT_RECORD_BYTES);
  memcpy(context, "{}", 2);
  context[BC_LIMIT_RECORD_BYTES] = '\0';
  print_whole(context);
  json_t *made = load_line();
  assert_null(json_object_get(made, "context"));
  assert_true(json_is_true(json_object_get(made, "cut")));
  json_decref(made);
  bc_buf_clear(&lines);
  context[BC_LIMIT_RECORD_BYTES / 2] = '\0';
  print_whole(context);
  made = load_line();
  assert_non_null(json_object_get(made, "context"));
  json_decref(made);
  free(context);
}

static void data_that_is_no_json_is_left_out(void **state) {
  (void)state;
  const struct bc_record_check check = {.name = "a", .state = "up", .code = -1, .score = -1, .data = "{\"a\":"};
  bc_record_print_decision(&(struct bc_record_decision){.id = 1, .route = "r", .checks = &check, .check_count = 1},
                           &lines);
  json_t *made = load_line();
  assert_null(json_object_get(json_array_get(json_object_get(made, "checks"), 0), "data"));
  json_decref(made);
}

/* A text that is too long is cut, whatever it is made of. */
static void no_text_makes_a_line_that_is_too_long(void **state) {
  (void)state;
  char *text = malloc(1U << 20);
  memset(text, '"', 1U << 20);
  text[(1U << 20) - 1] = '\0';
  struct bc_record_check checks[BC_LIMIT_ROUTE_CHECKS + 1];
  for (size_t i = 0; i < BC_LIMIT_ROUTE_CHECKS + 1; i++) {
    checks[i] = (struct bc_record_check){.name = "a", .reason = text, .output = text, .code = -1, .score = -1};
  }
  bc_record_print_decision(&(struct bc_record_decision){.id = 1,
                                                        .route = "r",
                                                        .reason = text,
                                                        .text = text,
                                                        .checks = checks,
                                                        .check_count = BC_LIMIT_ROUTE_CHECKS + 1},
                           &lines);
  assert_true(lines.len < BC_LIMIT_RECORD_BYTES);
  json_decref(load_line());
  free(text);
}

/* ---- reading ---- */

static json_t *search(const struct bc_record_query *query) {
  struct bc_record_search *made = bc_record_search_new(query);
  struct bc_str rest = bc_buf_str(&lines);
  struct bc_str line;
  while (bc_str_next_field(&rest, '\n', &line)) {
    bc_record_search_line(made, line);
  }
  json_t *answer = bc_record_search_answer(made);
  bc_record_search_free(made);
  return answer;
}

/* "7,3": the ids of what was found. */
static void expect_ids(const struct bc_record_query *query, const char *expected) {
  char text[256] = "";
  size_t i;
  json_t *one;
  json_t *answer = search(query);
  json_array_foreach(json_object_get(answer, "decisions"), i, one) {
    size_t len = strlen(text);
    (void)snprintf(text + len, sizeof text - len, "%s%d", i == 0 ? "" : ",",
                   (int)json_integer_value(json_object_get(one, "id")));
  }
  assert_string_equal(text, expected);
  json_decref(answer);
}

static void decisions_are_found_by_what_is_asked_newest_first(void **state) {
  (void)state;
  decide(1, 1000, "web");
  decide(2, 2000, "web2");
  decide(3, 3000, "web");
  bc_record_print_decision(
      &(struct bc_record_decision){.id = 4, .at_ms = 3500, .is_input = true, .route = "web", .verdict = "keep"},
      &lines);
  decide(5, 4000, "we");
  expect_ids(&(struct bc_record_query){.limit = 100}, "5,3,2,1");
  expect_ids(&(struct bc_record_query){.limit = 100, .route = "web"}, "3,1");
  expect_ids(&(struct bc_record_query){.limit = 100, .route = "web", .wants_inputs = true}, "4,3,1");
  expect_ids(&(struct bc_record_query){.limit = 1, .route = "web"}, "3");
  expect_ids(&(struct bc_record_query){.limit = 100, .id = 2}, "2");
  expect_ids(&(struct bc_record_query){.limit = 100, .since_ms = 2000, .until_ms = 3000}, "3,2");
  expect_ids(&(struct bc_record_query){.limit = 100, .until_ms = 1999}, "1");
  expect_ids(&(struct bc_record_query){.limit = 2, .before = 3}, "2,1");
  expect_ids(&(struct bc_record_query){.limit = 100, .route = "webx"}, "");
  expect_ids(&(struct bc_record_query){.limit = 100, .route = "w"}, "");
}

static void an_answer_tells_where_the_records_begin_and_whether_there_are_more(void **state) {
  (void)state;
  json_t *answer = search(&(struct bc_record_query){.limit = 1});
  assert_int_equal(json_integer_value(json_object_get(answer, "begins")), 0);
  json_decref(answer);
  note(1, BC_RECORD_START, NULL, 0, "version 1");
  decide(2, 6000, "web");
  decide(3, 6001, "web");
  note(4, BC_RECORD_LOST, NULL, 0, "12");
  note(5, BC_RECORD_LOST, NULL, 0, "3");
  answer = search(&(struct bc_record_query){.limit = 1});
  assert_int_equal(json_integer_value(json_object_get(answer, "begins")), 5000);
  assert_int_equal(json_integer_value(json_object_get(answer, "lost")), 15);
  assert_true(json_is_true(json_object_get(answer, "more")));
  json_decref(answer);
  answer = search(&(struct bc_record_query){.limit = 2});
  assert_true(json_is_false(json_object_get(answer, "more")));
  json_decref(answer);
}

static void what_followed_stands_with_each_of_its_decisions(void **state) {
  (void)state;
  const uint64_t first[] = {1, 2};
  const uint64_t second[] = {2};
  decide(1, 1000, "web");
  decide(2, 1000, "dns");
  note(3, BC_RECORD_SENT, first, 2, "announce \"x\"");
  bc_record_print_note(&(struct bc_record_note){.id = 4,
                                                .type = BC_RECORD_WIRE,
                                                .at_ms = 5001,
                                                .of = second,
                                                .of_count = 1,
                                                .neighbor = "10.0.0.2",
                                                .how = "time"},
                       &lines);
  note(5, BC_RECORD_ACK, first, 2, "");
  json_t *answer = search(&(struct bc_record_query){.limit = 10, .route = "dns"});
  json_t *notes = json_object_get(json_array_get(json_object_get(answer, "decisions"), 0), "notes");
  json_t *expected = json_loads("[{\"type\":\"sent\",\"at\":5000,\"with\":2,\"text\":\"announce \\\"x\\\"\"},"
                                "{\"type\":\"wire\",\"at\":5001,\"with\":1,\"neighbor\":\"10.0.0.2\",\"how\":\"time\"},"
                                "{\"type\":\"ack\",\"at\":5000,\"with\":2}]",
                                0, NULL);
  assert_true(json_equal(notes, expected));
  json_decref(expected);
  json_decref(answer);
  answer = search(&(struct bc_record_query){.limit = 10, .route = "web"});
  notes = json_object_get(json_array_get(json_object_get(answer, "decisions"), 0), "notes");
  assert_int_equal(json_array_size(notes), 2);
  json_decref(answer);
}

/* The newest that were kept are those that notes may still come for. */
static void notes_find_their_decision_also_when_older_ones_were_left_out(void **state) {
  (void)state;
  uint64_t id = 0;
  uint64_t of[3];
  for (int i = 0; i < 10; i++) {
    decide(++id, 1000, "web");
    of[i % 3] = id;
  }
  note(++id, BC_RECORD_ACK, of, 3, "");
  json_t *answer = search(&(struct bc_record_query){.limit = 3});
  for (size_t i = 0; i < 3; i++) {
    json_t *one = json_array_get(json_object_get(answer, "decisions"), i);
    assert_int_equal(json_integer_value(json_object_get(one, "id")), 10 - i);
    assert_int_equal(json_array_size(json_object_get(one, "notes")), 1);
  }
  json_decref(answer);
}

static void what_followed_from_one_decision_is_bounded(void **state) {
  (void)state;
  const uint64_t of = 1;
  decide(1, 1, "web");
  for (uint64_t id = 2; id < 1000; id++) {
    note(id, BC_RECORD_WIRE, &of, 1, "");
  }
  json_t *answer = search(&(struct bc_record_query){.limit = 1});
  json_t *one = json_array_get(json_object_get(answer, "decisions"), 0);
  assert_int_equal(json_array_size(json_object_get(one, "notes")), BC_LIMIT_RECORD_NOTES);
  json_decref(answer);
}

static void what_is_found_is_bounded_and_the_newest_stay(void **state) {
  (void)state;
  struct bc_record_search *made = bc_record_search_new(&(struct bc_record_query){.limit = BC_LIMIT_RECORDS_ASKED});
  char *context = malloc(200000);
  memset(context, ' ', 199999);
  memcpy(context, "{}", 2);
  context[199999] = '\0';
  struct bc_record_policy policy = {.key = "policy", .context = context};
  for (uint64_t id = 1; id <= 100; id++) {
    bc_buf_clear(&lines);
    bc_record_print_decision(&(struct bc_record_decision){.id = id, .route = "web", .policy = &policy}, &lines);
    bc_record_search_line(made, (struct bc_str){.at = lines.data, .len = lines.len - 1});
  }
  assert_true(bc_record_search_count(made) <= BC_LIMIT_RECORDS_ANSWER_BYTES / 200000);
  assert_true(bc_record_search_has_more(made));
  json_t *newest = bc_record_search_get(made, 0);
  assert_int_equal(json_integer_value(json_object_get(newest, "id")), 100);
  json_decref(newest);
  bc_record_search_free(made);
  free(context);
}

static void damaged_lines_are_passed_over(void **state) {
  (void)state;
  static const char *const damaged[] = {
      "",
      "x",
      "{}",
      "{\"id\":2,\"type\":\"decision\",\"at\":3,\"route\":\"web\",\"verdict\":\"an", /* torn */
      "{\"id\":2,\"type\":\"decision\",\"at\":3,\"route\":\"web\",}",
      "{\"id\":2,\"type\":\"nonsense\",\"at\":3,\"route\":\"web\"}",
      "{\"id\":-2,\"type\":\"decision\",\"at\":3,\"route\":\"web\"}",
      "{\"id\":99999999999999999999,\"type\":\"decision\",\"at\":3,\"route\":\"web\"}",
      "{\"id\":1,\"type\":\"decision\",\"at\":3,\"route\":\"web\"}", /* an id that was there */
  };
  decide(1, 1000, "web");
  for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
    bc_buf_add_text(&lines, damaged[i]);
    bc_buf_add_char(&lines, '\n');
  }
  bc_buf_add(&lines, "\0\0\0{\n", 5);
  decide(3, 1000, "web");
  expect_ids(&(struct bc_record_query){.limit = 10}, "3,1");
}

static void the_last_id_is_found_in_any_end_of_the_lines(void **state) {
  (void)state;
  const uint64_t of = 8;
  assert_int_equal(bc_record_last_id(bc_str_of("")), 0);
  assert_int_equal(bc_record_last_id(bc_str_of("nothing\nhere")), 0);
  decide(8, 1000, "web");
  note(9, BC_RECORD_ACK, &of, 1, "");
  bc_buf_add_text(&lines, "{\"id\":10,\"type\":\"ack\",\"at\":12,\"of\":[8");
  assert_int_equal(bc_record_last_id(bc_buf_str(&lines)), 9);
  assert_int_equal(bc_record_last_id((struct bc_str){.at = lines.data + 1, .len = lines.len - 1}), 9);
}

/* ---- requests ---- */

static const char *read_query(const char *text, struct bc_record_query *query) {
  json_t *request = json_loads(text, 0, NULL);
  assert_non_null(request);
  const char *problem = bc_record_query_read(request, query);
  json_decref(request);
  return problem;
}

static void a_request_is_read_or_told_what_is_wrong(void **state) {
  (void)state;
  static const struct {
    const char *request, *problem;
  } cases[] = {
      {"{\"route\":5}", "`route` must be a text"},
      {"{\"id\":0}", "`id` must be the number of a decision"},
      {"{\"id\":\"1\"}", "`id` must be the number of a decision"},
      {"{\"since\":1.5}", "`since` must be a number of milliseconds since 1970"},
      {"{\"until\":-1}", "`until` must be a number of milliseconds since 1970"},
      {"{\"before\":[]}", "`before` must be the number of a decision"},
      {"{\"limit\":0}", "`limit` must be a number from 1 to 1000"},
      {"{\"limit\":1001}", "`limit` must be a number from 1 to 1000"},
      {"{\"inputs\":1}", "`inputs` must be true or false"},
  };
  struct bc_record_query query;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_string_equal(read_query(cases[i].request, &query), cases[i].problem);
  }
  assert_null(read_query("{\"command\":\"decisions\"}", &query));
  assert_null(query.route);
  assert_int_equal(query.limit, 100);
  assert_null(read_query("{\"id\":3,\"since\":4,\"until\":5,\"before\":6,\"limit\":7,\"inputs\":true}", &query));
  assert_true(query.id == 3 && query.since_ms == 4 && query.until_ms == 5 && query.before == 6 && query.limit == 7);
  assert_true(query.wants_inputs);
}

int main(void) {
#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      RULE(a_short_decision_is_one_short_line),
      RULE(a_decision_tells_all_that_it_rested_on),
      RULE(a_context_that_is_too_long_is_left_out_and_that_is_told),
      RULE(data_that_is_no_json_is_left_out),
      RULE(no_text_makes_a_line_that_is_too_long),
      RULE(decisions_are_found_by_what_is_asked_newest_first),
      RULE(an_answer_tells_where_the_records_begin_and_whether_there_are_more),
      RULE(what_followed_stands_with_each_of_its_decisions),
      RULE(notes_find_their_decision_also_when_older_ones_were_left_out),
      RULE(what_followed_from_one_decision_is_bounded),
      RULE(what_is_found_is_bounded_and_the_newest_stay),
      RULE(damaged_lines_are_passed_over),
      RULE(the_last_id_is_found_in_any_end_of_the_lines),
      RULE(a_request_is_read_or_told_what_is_wrong),
  };
#undef RULE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
