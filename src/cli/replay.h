/* What a changed policy would have decided of what the decision records tell: the times of one route after the other.
 * Asks through a function, so that it knows nothing of workers. */
#ifndef BC_CLI_REPLAY_H
#define BC_CLI_REPLAY_H

#include "base/enum_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a policy said, or what was decided without one. */
struct bc_replay_word {
  const char *verdict; /* announce, withdraw, keep; static */
  json_t *attributes;  /* NULL = as the config has them; a reference */
  char *reason;        /* owned; NULL = none */
  unsigned again_ms;   /* it wants to be asked again; 0 = not by time */
  bool has_failed;     /* it gave no verdict, or one that is refused: `reason` tells why */
};
void bc_replay_word_fini(struct bc_replay_word *word);

/* Asks the policy with this context. False: it cannot be asked at all, the replay ends. */
typedef bool bc_replay_ask_fn(void *arg, const json_t *context, struct bc_replay_word *word);

/* One difference; valid during the call. */
struct bc_replay_difference {
  int64_t at_ms;
  const char *route;
  const struct bc_replay_word *then, *now;
};
typedef void bc_replay_tell_fn(void *arg, const struct bc_replay_difference *difference);

struct bc_replay {
  bc_replay_ask_fn *ask;
  bc_replay_tell_fn *tell;
  void *arg;
  int64_t until_ms; /* the last record counts until then */
};

struct bc_replay_sum {
  size_t records; /* with a context */
  size_t bare;    /* without one: under no policy, or cut */
  size_t differ;  /* questions with another outcome than then */
  size_t failed;
  size_t cut; /* times between two records with more questions than are asked */
  int64_t away_then_ms, away_now_ms;
};

/* `records`: those of one route, the oldest first. False when it could not be asked. Adds to `sum`. */
bool bc_replay_route(const struct bc_replay *replay, const char *route, json_t *const *records, size_t count,
                     struct bc_replay_sum *sum);

#endif
