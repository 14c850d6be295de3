#include "cli/replay.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { QUESTIONS = 2048, DIFFERENCES = 64 };

/* What a scripted policy answers from a time on. */
struct answer {
  int64_t from_ms;
  const char *verdict;
  const char *attributes; /* JSON; NULL = none */
  unsigned again_ms;
  bool has_failed;
};

static struct {
  const struct answer *answers;
  size_t count;
  json_t *contexts[QUESTIONS];
  size_t questions;
  int64_t differences[DIFFERENCES];
  size_t told;
  struct bc_replay_sum sum;
} at;

static bool ask(void *arg, const json_t *context, struct bc_replay_word *word) {
  (void)arg;
  int64_t now_ms = (int64_t)(json_number_value(json_object_get(context, "now")) * 1000 + 0.5);
  const struct answer *found = &at.answers[0];
  for (size_t i = 0; i < at.count; i++) {
    if (at.answers[i].from_ms <= now_ms) {
      found = &at.answers[i];
    }
  }
  assert_true(at.questions < QUESTIONS);
  at.contexts[at.questions++] = json_deep_copy(context);
  *word =
      (struct bc_replay_word){.verdict = found->verdict,
                              .attributes = found->attributes == NULL ? NULL : json_loads(found->attributes, 0, NULL),
                              .reason = bc_mem_copy_text("why", 3),
                              .again_ms = found->again_ms,
                              .has_failed = found->has_failed};
  return true;
}

static void tell(void *arg, const struct bc_replay_difference *difference) {
  (void)arg;
  assert_true(at.told < DIFFERENCES);
  at.differences[at.told++] = difference->at_ms;
}

static int teardown(void **state) {
  (void)state;
  for (size_t i = 0; i < at.questions; i++) {
    json_decref(at.contexts[i]);
  }
  memset(&at, 0, sizeof at);
  return 0;
}

#define CONTEXT                                                                                                        \
  ",\"context\":{\"kind\":\"route\",\"health\":\"up\",\"standing\":{\"announced\":false},"                             \
  "\"route\":{\"text\":\"route 192.0.2.1/32 next-hop self\"}}}"
#define RECORD(time, verdict_, layer_)                                                                                 \
  "{\"at\":" #time ",\"was\":\"withdraw\",\"verdict\":\"" verdict_ "\",\"layer\":\"" layer_                            \
  "\",\"policy\":{\"verdict\":{\"verdict\":\"" verdict_ "\"}}"

static bool replay(const char *const *texts, size_t count, int64_t until_ms) {
  const struct bc_replay with = {.ask = ask, .tell = tell, .until_ms = until_ms};
  json_t *records[8] = {NULL};
  for (size_t i = 0; i < count; i++) {
    records[i] = json_loads(texts[i], 0, NULL);
    assert_non_null(records[i]);
  }
  bool is_asked = bc_replay_route(&with, "web", records, count, &at.sum);
  for (size_t i = 0; i < count; i++) {
    json_decref(records[i]);
  }
  return is_asked;
}

static const char *const up_down_up[] = {RECORD(10000, "announce", "policy") CONTEXT,
                                         RECORD(20000, "withdraw", "policy") CONTEXT,
                                         RECORD(30000, "announce", "policy") CONTEXT};

static void who_says_the_same_differs_in_nothing(void **state) {
  (void)state;
  static const struct answer same[] = {
      {0, "announce", NULL, 0, false}, {20000, "withdraw", NULL, 0, false}, {30000, "announce", NULL, 0, false}};
  at.answers = same;
  at.count = 3;
  assert_true(replay(up_down_up, 3, 60000));
  assert_int_equal(at.sum.records, 3);
  assert_int_equal(at.sum.differ, 0);
  assert_int_equal(at.told, 0);
  assert_int_equal(at.sum.away_then_ms, 10000);
  assert_int_equal(at.sum.away_now_ms, 10000);
}

static void differences_are_told_with_the_time_away(void **state) {
  (void)state;
  static const struct answer later[] = {{0, "announce", NULL, 0, false},
                                        {20000, "announce", "{\"med\":9}", 0, false},
                                        {30000, "withdraw", NULL, 0, false}};
  at.answers = later;
  at.count = 3;
  assert_true(replay(up_down_up, 3, 60000));
  assert_int_equal(at.sum.differ, 2);
  assert_int_equal(at.told, 2);
  assert_int_equal(at.differences[0], 20000);
  assert_int_equal(at.differences[1], 30000);
  assert_int_equal(at.sum.away_then_ms, 10000);
  assert_int_equal(at.sum.away_now_ms, 30000);
}

/* As long as nothing differs the record is right, from then on the replayed policy. */
static void what_stands_is_what_the_replayed_policy_said(void **state) {
  (void)state;
  static const struct answer other[] = {{0, "announce", NULL, 0, false}, {20000, "announce", "{\"med\":9}", 0, false}};
  at.answers = other;
  at.count = 2;
  assert_true(replay(up_down_up, 3, 60000));
  assert_int_equal(at.questions, 3);
  for (size_t i = 0; i < 3; i++) {
    const json_t *standing = json_object_get(at.contexts[i], "standing");
    assert_int_equal(json_is_true(json_object_get(standing, "announced")), i == 2);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(standing, "attributes"), "med")),
                     i == 2 ? 9 : 0);
  }
  const json_t *last = json_object_get(at.contexts[2], "standing");
  assert_true(json_number_value(json_object_get(last, "since")) == 20);
  assert_string_equal(json_string_value(json_object_get(last, "verdict")), "announce");
}

static void it_is_asked_again_when_it_wants_to_be(void **state) {
  (void)state;
  static const struct answer ramp[] = {{0, "announce", "{\"med\":300}", 3000, false},
                                       {16000, "announce", NULL, 0, false}};
  static const char *const one[] = {RECORD(10000, "announce", "policy") CONTEXT};
  at.answers = ramp;
  at.count = 2;
  assert_true(replay(one, 1, 60000));
  assert_int_equal(at.questions, 3); /* 10, 13, 16 s */
  assert_int_equal(at.sum.differ, 2);
  /* Also the return to what was said then is told. */
  assert_int_equal(at.told, 3);
  assert_int_equal(at.sum.cut, 0);
  const json_t *second = json_object_get(at.contexts[1], "standing");
  assert_true(json_is_true(json_object_get(second, "announced")));
}

static void one_that_asks_for_ever_is_bounded(void **state) {
  (void)state;
  static const struct answer busy[] = {{0, "announce", NULL, 100, false}};
  static const char *const one[] = {RECORD(10000, "announce", "policy") CONTEXT};
  at.answers = busy;
  at.count = 1;
  assert_true(replay(one, 1, 86400000));
  assert_int_equal(at.questions, 1000);
  assert_int_equal(at.sum.cut, 1);
}

static void a_policy_that_fails_withdraws_only_with_a_failed_check(void **state) {
  (void)state;
  static const struct answer broken[] = {{0, "announce", NULL, 0, false}, {20000, "keep", NULL, 0, true}};
  static const char *const records[] = {RECORD(10000, "announce", "policy") CONTEXT,
                                        RECORD(20000, "announce", "policy") CONTEXT,
                                        RECORD(30000, "announce", "policy") ",\"context\":{\"health\":\"down\"}}"};
  at.answers = broken;
  at.count = 2;
  assert_true(replay(records, 3, 40000));
  assert_int_equal(at.sum.failed, 2);
  assert_int_equal(at.sum.differ, 1);
  assert_int_equal(at.differences[0], 30000);
  assert_int_equal(at.sum.away_now_ms, 10000);
}

static void what_no_policy_decided_is_the_same_for_any(void **state) {
  (void)state;
  static const struct answer always[] = {{0, "announce", NULL, 0, false}};
  static const char *const records[] = {RECORD(10000, "announce", "policy") CONTEXT,
                                        RECORD(20000, "withdraw", "adminState") CONTEXT,
                                        RECORD(30000, "announce", "health") "}"};
  at.answers = always;
  at.count = 1;
  assert_true(replay(records, 3, 40000));
  assert_int_equal(at.questions, 1);
  assert_int_equal(at.sum.differ, 0);
  assert_int_equal(at.sum.bare, 1);
  assert_int_equal(at.sum.away_then_ms, 10000);
  assert_int_equal(at.sum.away_now_ms, 10000);
}

#define RULE(name) cmocka_unit_test_teardown(name, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(who_says_the_same_differs_in_nothing),
      RULE(differences_are_told_with_the_time_away),
      RULE(what_stands_is_what_the_replayed_policy_said),
      RULE(it_is_asked_again_when_it_wants_to_be),
      RULE(one_that_asks_for_ever_is_bounded),
      RULE(a_policy_that_fails_withdraws_only_with_a_failed_check),
      RULE(what_no_policy_decided_is_the_same_for_any),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
