#include "model/health.h"

enum { HEALTH_UNCHECKED_LEAST_MS = 30000, HEALTH_UNCHECKED_INTERVALS = 10 };

BC_ENUM_TEXT_FUNCTION(bc_health_state_text, enum bc_health_state, BC_HEALTH_LIST, "unknown")

BC_ENUM_TEXT_FUNCTION(bc_check_status_text, enum bc_check_status, BC_CHECK_STATUS_LIST, "no status")

enum bc_check_meaning bc_check_status_meaning(enum bc_check_status status) {
#define STATUS_MEANING(name, text, meaning) meaning,
  static const enum bc_check_meaning meanings[] = {BC_CHECK_STATUS_LIST(STATUS_MEANING)};
#undef STATUS_MEANING
  /* A status of another version of the worker proves nothing. */
  return (size_t)status < BC_CHECK_STATUS_COUNT ? meanings[status] : BC_CHECK_NEUTRAL;
}

void bc_health_start(struct bc_health *health, enum bc_health_state presumed, struct bc_mono now) {
  *health = (struct bc_health){.state = presumed, .proven = BC_HEALTH_UNKNOWN, .last_counted = now};
}

static bool health_move(struct bc_health *health, enum bc_health_state to) {
  bool moved = health->state != to;
  health->state = to;
  if (moved) {
    health->streak = 0;
  }
  return moved;
}

/* The state from which a result that counts is judged: being unchecked proves nothing, so the last
 * proof goes on from where it was. */
static enum bc_health_state health_base(const struct bc_health *health) {
  return health->state == BC_HEALTH_UNCHECKED ? health->proven : health->state;
}

static bool health_pass(struct bc_health *health, const struct bc_health_options *options) {
  enum bc_health_state base = health_base(health);
  health->on_probation = false;
  if (base != BC_HEALTH_DOWN) {
    health->streak = 0;
    health->proven = BC_HEALTH_UP;
    return health_move(health, BC_HEALTH_UP);
  }
  unsigned passes = health->streak + 1;
  bool is_up = passes >= options->rise;
  bool moved = health_move(health, is_up ? BC_HEALTH_UP : BC_HEALTH_DOWN);
  health->streak = is_up ? 0 : passes;
  health->proven = health->state;
  return moved;
}

static bool health_fail(struct bc_health *health, const struct bc_health_options *options) {
  enum bc_health_state base = health_base(health);
  if (base == BC_HEALTH_DOWN) {
    health->streak = 0;
    health->proven = BC_HEALTH_DOWN;
    return health_move(health, BC_HEALTH_DOWN);
  }
  unsigned fails = health->streak + 1;
  bool is_down = fails >= options->fall;
  /* A first failure of an unchecked one proves nothing: it would announce what is withdrawn. */
  bool moved = is_down && health_move(health, BC_HEALTH_DOWN);
  health->streak = is_down ? 0 : fails;
  if (is_down) {
    health->proven = BC_HEALTH_DOWN;
  }
  return moved;
}

bool bc_health_result(struct bc_health *health, const struct bc_health_options *options, enum bc_check_status status,
                      struct bc_mono now) {
  if (health->state == BC_HEALTH_NONE) {
    return false;
  }
  switch (bc_check_status_meaning(status)) {
  case BC_CHECK_PASS:
    health->last_counted = now;
    return health_pass(health, options);
  case BC_CHECK_FAIL:
    if (health->on_probation) {
      break;
    }
    health->last_counted = now;
    return health_fail(health, options);
  case BC_CHECK_NEUTRAL:
    break;
  }
  return bc_health_tick(health, options, now);
}

static enum bc_health_state health_unchecked_state(const struct bc_health_options *options) {
  return options->unchecked_is_fail ? BC_HEALTH_DOWN : BC_HEALTH_UNCHECKED;
}

struct bc_mono bc_health_deadline(const struct bc_health *health, const struct bc_health_options *options) {
  if (health->state == BC_HEALTH_NONE || health->state == health_unchecked_state(options)) {
    return (struct bc_mono){0};
  }
  int64_t patience_ms = (int64_t)options->interval_ms * HEALTH_UNCHECKED_INTERVALS;
  if (patience_ms < HEALTH_UNCHECKED_LEAST_MS) {
    patience_ms = HEALTH_UNCHECKED_LEAST_MS;
  }
  return bc_mono_add_ms(health->last_counted, patience_ms);
}

bool bc_health_tick(struct bc_health *health, const struct bc_health_options *options, struct bc_mono now) {
  struct bc_mono deadline = bc_health_deadline(health, options);
  if (!bc_mono_is_set(deadline) || !bc_mono_reached(deadline, now)) {
    return false;
  }
  return health_move(health, health_unchecked_state(options));
}

void bc_health_script_changed(struct bc_health *health, struct bc_mono now) {
  if (health->state == BC_HEALTH_NONE) {
    /* Without a check it counted as healthy: its first script has to earn the right to withdraw it. */
    health->state = BC_HEALTH_UP;
  }
  bool is_held = health->state == BC_HEALTH_UNCHECKED && health->proven != BC_HEALTH_DOWN;
  health->on_probation = health->state == BC_HEALTH_UP || is_held;
  health->streak = 0;
  health->last_counted = now;
}

bool bc_health_is_unsettled(const struct bc_health *health) {
  return health->streak > 0 || health->state == BC_HEALTH_UNKNOWN;
}
