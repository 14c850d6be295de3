/* The state machine of one check: results in, a state out. Pure.
 *
 * Kept apart: status (what happened: base/check_status.h), meaning (pass, fail, neutral), the counter
 * (rise, fall), the state. Neutral never moves the counter. Unknown never withdraws, never announces. */
#ifndef BC_MODEL_HEALTH_H
#define BC_MODEL_HEALTH_H

#include "base/check_status.h"
#include "base/enum_text.h"
#include "base/mono.h"

#include <stdbool.h>

#define BC_HEALTH_LIST(X)                                                                                              \
  X(BC_HEALTH_UNKNOWN, "unknown") /* no result that counts yet */                                                      \
  X(BC_HEALTH_UP, "up")                                                                                                \
  X(BC_HEALTH_DOWN, "down")                                                                                            \
  X(BC_HEALTH_UNCHECKED, "unchecked") /* neutral for longer than max(30 s, 10 intervals) */                            \
  X(BC_HEALTH_NONE, "none")           /* no check: always healthy */

enum bc_health_state { BC_HEALTH_LIST(BC_ENUM_MEMBER) };
const char *bc_health_state_text(enum bc_health_state value);
const char *bc_check_status_text(enum bc_check_status value);
enum bc_check_meaning bc_check_status_meaning(enum bc_check_status status);

struct bc_health_options {
  unsigned rise; /* passes in a row for down → up */
  unsigned fall; /* fails in a row for up → down */
  unsigned interval_ms;
  bool unchecked_is_fail; /* on_unchecked: fail */
};

struct bc_health {
  enum bc_health_state state;
  /* Passes (while not up) or fails (while not down) in a row. */
  unsigned streak;
  /* The last state that results proved, UP or DOWN; UNKNOWN before. UNCHECKED keeps it here. */
  enum bc_health_state proven;
  /* A changed script may not withdraw before it has passed once here: fails count as neutral. */
  bool on_probation;
  struct bc_mono last_counted; /* last pass or fail, or the start */
};

/* `presumed`: UNKNOWN, or UP for a route that stands in ExaBGP already (it is held until `fall` fails say otherwise).
 * From UNKNOWN one pass makes it up and `fall` fails make it down. */
void bc_health_start(struct bc_health *health, enum bc_health_state presumed, struct bc_mono now);

/* A run ended. True when `state` changed. */
bool bc_health_result(struct bc_health *health, const struct bc_health_options *options, enum bc_check_status status,
                      struct bc_mono now);

/* Time passed: may become unchecked (with unchecked_is_fail: then down). True when `state` changed. */
bool bc_health_tick(struct bc_health *health, const struct bc_health_options *options, struct bc_mono now);
/* When bc_health_tick could next change something; not set = never. */
struct bc_mono bc_health_deadline(const struct bc_health *health, const struct bc_health_options *options);

/* The script changed: keeps the state; if it is up (or presumed so), the new script is on probation. */
void bc_health_script_changed(struct bc_health *health, struct bc_mono now);

/* Whether the next run should come at the fast interval: a streak against the state has begun, or the state is not
 * known yet. */
bool bc_health_is_unsettled(const struct bc_health *health);

#endif
