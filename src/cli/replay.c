#include "cli/replay.h"

#include "base/mem.h"
#include "cli/client.h"
#include "cli/policy_judge.h"

#include <stdlib.h>
#include <string.h>

enum { REPLAY_QUESTIONS = 1000 /* between two records */ };

/* One line of time: what stands by it. */
struct replay_line {
  struct bc_replay_word word; /* the last one */
  bool is_announced;
  int64_t since_ms;   /* it stands as it does */
  int64_t counted_ms; /* `away` is told up to here */
  int64_t away_ms;
};

struct replay_state {
  const struct bc_replay *replay;
  const char *route;
  struct replay_line then, now;
  struct bc_replay_sum *sum;
  bool differs;    /* as it was last told */
  bool has_parted; /* … ever: what stands is not what is on record */
};

void bc_replay_word_fini(struct bc_replay_word *word) {
  json_decref(word->attributes);
  free(word->reason);
  *word = (struct bc_replay_word){.verdict = NULL};
}

static const char *replay_verdict(const char *text) {
  static const char *const verdicts[] = {"announce", "withdraw"};
  for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
    if (strcmp(text, verdicts[i]) == 0) {
      return verdicts[i];
    }
  }
  return "keep";
}

/* ---- records ---- */

/* It was the policy, or the health in its place, that decided: another policy might have decided otherwise. */
static bool replay_is_open(const json_t *record) {
  const char *layer = bc_client_text(record, "layer");
  return strcmp(layer, "policy") == 0 || strcmp(layer, "health") == 0;
}

static void replay_take_recorded(const json_t *record, struct bc_replay_word *word) {
  const json_t *verdict = json_object_get(json_object_get(record, "policy"), "verdict");
  json_t *attributes = json_object_get(verdict, "attributes");
  const char *reason = bc_client_text(record, "reason");
  *word = (struct bc_replay_word){.verdict = replay_verdict(bc_client_text(record, "verdict")),
                                  .attributes = replay_is_open(record) ? json_incref(attributes) : NULL,
                                  .reason = bc_mem_copy_text(reason, strlen(reason))};
}

/* A policy that fails: with a failed check the built-in decision, else the last verdict. */
static void replay_fall_back(const json_t *context, const struct replay_line *line, struct bc_replay_word *word) {
  bool is_down = strcmp(bc_client_text(context, "health"), "down") == 0;
  word->verdict = is_down ? "withdraw" : line->word.verdict == NULL ? "keep" : line->word.verdict;
  word->attributes = is_down ? NULL : json_incref(line->word.attributes);
  word->again_ms = 0;
}

/* ---- lines ---- */

static void line_count(struct replay_line *line, int64_t until_ms) {
  if (line->counted_ms != 0 && !line->is_announced && until_ms > line->counted_ms) {
    line->away_ms += until_ms - line->counted_ms;
  }
  line->counted_ms = until_ms;
}

static bool line_says_same(const struct bc_replay_word *a, const struct bc_replay_word *b) {
  bool has_equal = a->attributes == b->attributes ||
                   (a->attributes != NULL && b->attributes != NULL && json_equal(a->attributes, b->attributes));
  return strcmp(a->verdict, b->verdict) == 0 && (has_equal || strcmp(a->verdict, "announce") != 0);
}

/* The word becomes the line's. */
static void line_take(struct replay_line *line, struct bc_replay_word *word, int64_t at_ms) {
  bool is_announced = strcmp(word->verdict, "keep") == 0 ? line->is_announced : strcmp(word->verdict, "announce") == 0;
  bool is_same = line->word.verdict != NULL && is_announced == line->is_announced &&
                 (!is_announced || strcmp(word->verdict, "keep") == 0 || line_says_same(word, &line->word));
  line_count(line, at_ms);
  if (strcmp(word->verdict, "keep") == 0 && line->word.attributes != NULL && word->attributes == NULL) {
    word->attributes = json_incref(line->word.attributes);
  }
  line->since_ms = is_same ? line->since_ms : at_ms;
  line->is_announced = is_announced;
  bc_replay_word_fini(&line->word);
  line->word = *word;
  *word = (struct bc_replay_word){.verdict = NULL};
}

/* What stands by this line, as contexts tell it. */
static json_t *line_standing(const struct replay_line *line, const json_t *context) {
  json_t *attributes = line->is_announced ? bc_policy_attributes_of(context, line->word.attributes) : NULL;
  json_t *made = json_object();
  (void)json_object_set_new(made, "announced", json_boolean(line->is_announced));
  (void)json_object_set_new(made, "since", json_real((double)line->since_ms / 1000));
  (void)json_object_set_new(made, "verdict", json_string(line->word.verdict));
  (void)json_object_set_new(made, "reason", line->word.reason == NULL ? json_null() : json_string(line->word.reason));
  (void)json_object_set_new(made, "attributes", attributes == NULL ? json_null() : attributes);
  return made;
}

/* ---- the times of a route ---- */

static void replay_compare(struct replay_state *state, int64_t at_ms) {
  const struct bc_replay_word *then = &state->then.word;
  const struct bc_replay_word *now = &state->now.word;
  bool differs = state->then.is_announced != state->now.is_announced || !line_says_same(then, now);
  state->sum->differ += differs;
  if (differs || state->differs) {
    struct bc_replay_difference difference = {.at_ms = at_ms, .route = state->route, .then = then, .now = now};
    state->replay->tell(state->replay->arg, &difference);
  }
  state->differs = differs;
  state->has_parted = state->has_parted || differs;
}

/* Asks with the context of the record as it would have been at `at_ms`. */
static bool replay_ask(struct replay_state *state, const json_t *record, int64_t at_ms, bool is_first) {
  struct bc_replay_word word = {.verdict = NULL};
  json_t *context = json_copy(json_object_get(record, "context"));
  (void)json_object_set_new(context, "now", json_real((double)at_ms / 1000));
  if (state->now.word.verdict != NULL && (state->has_parted || !is_first)) {
    (void)json_object_set_new(context, "standing", line_standing(&state->now, context));
  }
  bool is_asked = state->replay->ask(state->replay->arg, context, &word);
  if (is_asked) {
    state->sum->failed += word.has_failed;
    if (word.has_failed) {
      replay_fall_back(context, &state->now, &word);
    }
    line_take(&state->now, &word, at_ms);
  }
  json_decref(context);
  return is_asked;
}

/* From one record until the next: also what is asked because it wanted to be. */
static bool replay_span(struct replay_state *state, const json_t *record, int64_t at_ms, int64_t end_ms) {
  unsigned left = REPLAY_QUESTIONS;
  do {
    if (!replay_ask(state, record, at_ms, left == REPLAY_QUESTIONS)) {
      return false;
    }
    replay_compare(state, at_ms);
    at_ms += state->now.word.again_ms;
  } while (state->now.word.again_ms > 0 && at_ms < end_ms && --left > 0);
  state->sum->cut += left == 0;
  return true;
}

static int64_t replay_begin(const json_t *record, struct replay_state *state) {
  int64_t at_ms = bc_client_number(record, "at");
  struct bc_replay_word then;
  replay_take_recorded(record, &then);
  if (state->then.word.verdict == NULL) {
    bool was_announced = strcmp(bc_client_text(record, "was"), "announce") == 0;
    state->then.is_announced = was_announced;
    state->now.is_announced = was_announced;
  }
  line_take(&state->then, &then, at_ms);
  return at_ms;
}

/* No policy had a say. */
static void replay_follow(struct replay_state *state, const json_t *record, int64_t at_ms) {
  struct bc_replay_word same;
  replay_take_recorded(record, &same);
  line_take(&state->now, &same, at_ms);
}

bool bc_replay_route(const struct bc_replay *replay, const char *route, json_t *const *records, size_t count,
                     struct bc_replay_sum *sum) {
  struct replay_state state = {.replay = replay, .route = route, .sum = sum};
  bool is_asked = true;
  for (size_t i = 0; is_asked && i < count; i++) {
    bool has_context = json_is_object(json_object_get(records[i], "context"));
    bool is_open = has_context && replay_is_open(records[i]);
    int64_t at_ms = replay_begin(records[i], &state);
    int64_t end_ms = i + 1 < count ? bc_client_number(records[i + 1], "at") : replay->until_ms;
    sum->records += has_context;
    sum->bare += !has_context;
    if (is_open) {
      is_asked = replay_span(&state, records[i], at_ms, end_ms);
    } else {
      replay_follow(&state, records[i], at_ms);
      state.differs = false;
    }
  }
  if (state.then.word.verdict != NULL) {
    line_count(&state.then, replay->until_ms);
    line_count(&state.now, replay->until_ms);
  }
  sum->away_then_ms += state.then.away_ms;
  sum->away_now_ms += state.now.away_ms;
  bc_replay_word_fini(&state.then.word);
  bc_replay_word_fini(&state.now.word);
  return is_asked;
}
