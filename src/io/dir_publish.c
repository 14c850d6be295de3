#include "io/dir_publish.h"

#include "base/intern.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/tree.h"
#include "io/dir_own.h"
#include "proto/dir_key.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Between two of them the directory is looked at. */
enum { ROUND_KEYS = 1000 };

enum publish_place { PLACE_CLEAN, PLACE_DIRTY, PLACE_IN_ROUND, PLACE_FAILED, PLACES };

struct publish_key {
  RB_ENTRY(publish_key) link;
  TAILQ_ENTRY(publish_key) queue; /* of its place */
  const char *want;               /* interned; NULL = must not exist */
  enum publish_place place;
  bool is_changed; /* wanted otherwise while in a round */
  bool is_found;
  char below[];
};
RB_HEAD(publish_tree, publish_key);
TAILQ_HEAD(publish_queue, publish_key);

struct bc_dir_publish {
  const struct bc_dir_tuning *tuning;
  char *own; /* "node/NODE/" */
  const struct bc_dir_publish_handler *handler;
  struct publish_tree keys;
  struct bc_intern *values;
  struct publish_queue places[PLACES];
  bool is_enabled;
  bool is_in_round;
  bool has_looked;         /* once at least at what is there */
  struct bc_mono round_at; /* no round before */
  struct bc_mono find_at;  /* look then what is there */
  struct bc_mono retry_at; /* of what failed */
  bool has_told;           /* of what failed since the last retry */
  char *problem;
};

struct round_item {
  char *below;
  char *value;
  bool is_done;
};

struct round_found {
  char *below;
  off_t size;
};

struct bc_dir_round {
  char *directory;
  char *node;
  bool is_find;
  struct round_item items[ROUND_KEYS];
  size_t count;
  struct bc_fault fault; /* of the first that failed */
  struct round_found *found;
  size_t found_count;
  size_t found_room;
};

/* ---- rounds ---- */

struct bc_dir_round *bc_dir_round_new(const char *directory, const char *node) {
  struct bc_dir_round *round = bc_mem_new(1, sizeof *round);
  round->directory = bc_mem_copy_string(directory);
  round->node = bc_mem_copy_string(node);
  return round;
}

static void round_clear(struct bc_dir_round *round) {
  for (size_t i = 0; i < round->count; i++) {
    free(round->items[i].below);
    free(round->items[i].value);
  }
  for (size_t i = 0; i < round->found_count; i++) {
    free(round->found[i].below);
  }
  free(round->found);
  round->found = NULL;
  round->count = 0;
  round->found_count = 0;
  round->found_room = 0;
  round->is_find = false;
  round->fault.text[0] = '\0';
}

void bc_dir_round_free(struct bc_dir_round *round) {
  if (round != NULL) {
    round_clear(round);
    free(round->directory);
    free(round->node);
    free(round);
  }
}

static void round_note_found(void *arg, const char *below, off_t size) {
  struct bc_dir_round *round = arg;
  if (round->found_count == round->found_room) {
    round->found_room = round->found_room == 0 ? 64 : 2 * round->found_room;
    round->found = bc_mem_resize(round->found, round->found_room, sizeof *round->found);
  }
  round->found[round->found_count++] = (struct round_found){.below = bc_mem_copy_string(below), .size = size};
}

void bc_dir_round_run(struct bc_dir_round *round) {
  struct bc_fault fault;
  if (round->is_find) {
    bc_dir_own_find(round->directory, round->node, round_note_found, round);
  }
  for (size_t i = 0; i < round->count; i++) {
    struct round_item *item = &round->items[i];
    item->is_done = bc_dir_own_write(round->directory, round->node, item->below, item->value, &fault);
    if (!item->is_done && round->fault.text[0] == '\0') {
      round->fault = fault;
    }
  }
}

void bc_dir_round_leave(struct bc_dir_round *round) {
  struct bc_fault fault;
  round_clear(round);
  bc_dir_own_find(round->directory, round->node, round_note_found, round);
  for (size_t i = 0; i < round->found_count; i++) {
    (void)bc_dir_own_write(round->directory, round->node, round->found[i].below, NULL, &fault);
  }
}

/* ---- keys ---- */

static int publish_compare(const struct publish_key *a, const struct publish_key *b) {
  return strcmp(a->below, b->below);
}

BC_TREE(publish_tree, publish_key, link, publish_compare)

static struct publish_key *publish_key_new(const char *below) {
  size_t len = strlen(below);
  struct publish_key *key = bc_mem_new(1, sizeof *key + len + 1);
  memcpy(key->below, below, len);
  return key;
}

static struct publish_key *publish_find(struct bc_dir_publish *publish, const char *below) {
  struct publish_key *wanted = publish_key_new(below);
  struct publish_key *held = RB_FIND(publish_tree, &publish->keys, wanted);
  free(wanted);
  return held;
}

static struct publish_key *publish_get(struct bc_dir_publish *publish, const char *below) {
  struct publish_key *made = publish_key_new(below);
  struct publish_key *held = RB_INSERT(publish_tree, &publish->keys, made);
  if (held != NULL) {
    free(made);
    return held;
  }
  TAILQ_INSERT_TAIL(&publish->places[PLACE_CLEAN], made, queue);
  return made;
}

static void publish_move(struct bc_dir_publish *publish, struct publish_key *key, enum publish_place place) {
  TAILQ_REMOVE(&publish->places[key->place], key, queue);
  key->place = place;
  TAILQ_INSERT_TAIL(&publish->places[place], key, queue);
}

static void publish_drop(struct bc_dir_publish *publish, struct publish_key *key) {
  TAILQ_REMOVE(&publish->places[key->place], key, queue);
  RB_REMOVE(publish_tree, &publish->keys, key);
  bc_intern_put(publish->values, key->want);
  free(key);
}

static void publish_mark(struct bc_dir_publish *publish, struct publish_key *key) {
  if (key->place == PLACE_IN_ROUND) {
    key->is_changed = true;
  } else if (key->place == PLACE_CLEAN) {
    publish_move(publish, key, PLACE_DIRTY);
  }
}

static void publish_tell(struct bc_dir_publish *publish, const char *problem) {
  bool is_same =
      problem == NULL ? publish->problem == NULL : publish->problem != NULL && strcmp(problem, publish->problem) == 0;
  if (!is_same) {
    free(publish->problem);
    publish->problem = bc_mem_copy_string(problem);
    publish->handler->problem(publish->handler->arg, publish->problem);
  }
}

struct bc_dir_publish *bc_dir_publish_new(const struct bc_dir_tuning *tuning, const char *node,
                                          const struct bc_dir_publish_handler *handler) {
  struct bc_dir_publish *publish = bc_mem_new(1, sizeof *publish);
  struct bc_buf own;
  bc_buf_init(&own, BC_LIMIT_KEY_BYTES);
  bc_buf_add_format(&own, "node/%s/", node);
  publish->own = bc_buf_take(&own);
  publish->tuning = tuning;
  publish->handler = handler;
  publish->values = bc_intern_new();
  for (size_t i = 0; i < PLACES; i++) {
    TAILQ_INIT(&publish->places[i]);
  }
  return publish;
}

void bc_dir_publish_free(struct bc_dir_publish *publish) {
  if (publish == NULL) {
    return;
  }
  while (!RB_EMPTY(&publish->keys)) {
    publish_drop(publish, RB_ROOT(&publish->keys));
  }
  bc_intern_free(publish->values);
  free(publish->own);
  free(publish->problem);
  free(publish);
}

void bc_dir_publish_set(struct bc_dir_publish *publish, const char *key, const char *value) {
  size_t own = strlen(publish->own);
  if (strncmp(key, publish->own, own) != 0 || !bc_dir_own_is_valid(bc_str_of(key + own))) {
    return;
  }
  struct publish_key *held = publish_find(publish, key + own);
  bool is_same =
      held != NULL && (value == NULL ? held->want == NULL : held->want != NULL && strcmp(value, held->want) == 0);
  if (is_same) {
    return;
  }
  /* A key that is not known is not there, or found later. */
  if (held == NULL && value == NULL) {
    return;
  }
  held = held == NULL ? publish_get(publish, key + own) : held;
  const char *want = value == NULL ? NULL : bc_intern_get(publish->values, bc_str_of(value));
  bc_intern_put(publish->values, held->want);
  held->want = want;
  publish_mark(publish, held);
}

void bc_dir_publish_enable(struct bc_dir_publish *publish, bool on, struct bc_mono now) {
  if (on && !publish->is_enabled) {
    publish->find_at = bc_mono_add_ms(now, publish->tuning->stale_ms);
  }
  publish->is_enabled = on;
}

bool bc_dir_publish_is_enabled(const struct bc_dir_publish *publish) {
  return publish->is_enabled;
}

void bc_dir_publish_again(struct bc_dir_publish *publish, struct bc_mono now) {
  publish->retry_at = now;
  /* At the start nothing is known to be stale yet. */
  if (bc_mono_is_set(publish->find_at) && publish->has_looked) {
    publish->find_at = now;
  }
}

struct bc_mono bc_dir_publish_due(const struct bc_dir_publish *publish) {
  struct bc_mono due = {0};
  if (!publish->is_enabled || publish->is_in_round) {
    return due;
  }
  due = publish->find_at;
  if (!TAILQ_EMPTY(&publish->places[PLACE_DIRTY])) {
    due = bc_mono_earlier(due, bc_mono_is_set(publish->round_at) ? publish->round_at : (struct bc_mono){.us = 1});
  }
  if (!TAILQ_EMPTY(&publish->places[PLACE_FAILED])) {
    due = bc_mono_earlier(due, publish->retry_at);
  }
  return due;
}

static void publish_retry(struct bc_dir_publish *publish) {
  /* First, and in their order: the same fault is then told in the same words. */
  struct publish_key *key;
  while ((key = TAILQ_LAST(&publish->places[PLACE_FAILED], publish_queue)) != NULL) {
    TAILQ_REMOVE(&publish->places[PLACE_FAILED], key, queue);
    key->place = PLACE_DIRTY;
    TAILQ_INSERT_HEAD(&publish->places[PLACE_DIRTY], key, queue);
  }
  publish->has_told = false;
}

void bc_dir_publish_begin(struct bc_dir_publish *publish, struct bc_dir_round *round, struct bc_mono now) {
  round_clear(round);
  publish->is_in_round = true;
  if (!TAILQ_EMPTY(&publish->places[PLACE_FAILED]) && bc_mono_reached(publish->retry_at, now)) {
    publish_retry(publish);
  }
  /* Looking first: what is found to be missing is dirty afterwards. */
  if (bc_mono_reached(publish->find_at, now)) {
    publish->find_at = bc_mono_add_ms(now, publish->tuning->rescan_ms);
    round->is_find = true;
    publish->has_looked = true;
    return;
  }
  publish->round_at = bc_mono_add_ms(now, publish->tuning->round_ms);
  struct publish_key *key;
  while (round->count < ROUND_KEYS && (key = TAILQ_FIRST(&publish->places[PLACE_DIRTY])) != NULL) {
    round->items[round->count++] =
        (struct round_item){.below = bc_mem_copy_string(key->below), .value = bc_mem_copy_string(key->want)};
    key->is_changed = false;
    publish_move(publish, key, PLACE_IN_ROUND);
  }
}

static void publish_take_item(struct bc_dir_publish *publish, const struct round_item *item) {
  struct publish_key *key = publish_find(publish, item->below);
  if (!item->is_done) {
    publish_move(publish, key, PLACE_FAILED);
  } else if (key->is_changed) {
    publish_move(publish, key, PLACE_DIRTY);
  } else if (key->want == NULL) {
    publish_drop(publish, key);
  } else {
    publish_move(publish, key, PLACE_CLEAN);
  }
}

static void publish_take_found(struct bc_dir_publish *publish, const struct bc_dir_round *round) {
  struct publish_key *key;
  RB_FOREACH(key, publish_tree, &publish->keys) {
    key->is_found = false;
  }
  for (size_t i = 0; i < round->found_count; i++) {
    const struct round_found *found = &round->found[i];
    key = publish_get(publish, found->below);
    key->is_found = true;
    if (key->want == NULL || (off_t)strlen(key->want) + 1 != found->size) {
      publish_mark(publish, key);
    }
  }
  RB_FOREACH(key, publish_tree, &publish->keys) {
    if (!key->is_found && key->want != NULL) {
      publish_mark(publish, key);
    }
  }
}

void bc_dir_publish_take(struct bc_dir_publish *publish, struct bc_dir_round *round, struct bc_mono now) {
  publish->is_in_round = false;
  if (round->is_find) {
    publish_take_found(publish, round);
    round_clear(round);
    return;
  }
  for (size_t i = 0; i < round->count; i++) {
    publish_take_item(publish, &round->items[i]);
  }
  struct bc_fault fault = round->fault;
  round_clear(round);
  if (fault.text[0] != '\0') {
    publish->retry_at = bc_mono_add_ms(now, publish->tuning->pause_ms);
    if (!publish->has_told) {
      publish->has_told = true;
      publish_tell(publish, fault.text);
    }
  } else if (TAILQ_EMPTY(&publish->places[PLACE_FAILED])) {
    publish->has_told = false;
    publish_tell(publish, NULL);
  }
}
