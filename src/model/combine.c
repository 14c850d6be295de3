#include "model/combine.h"

struct combine_tally {
  size_t up, down, unchecked, unknown;
};

static struct combine_tally combine_count(const enum bc_health_state *members, size_t count) {
  struct combine_tally tally = {0};
  for (size_t i = 0; i < count; i++) {
    tally.up += members[i] == BC_HEALTH_UP;
    tally.down += members[i] == BC_HEALTH_DOWN;
    tally.unchecked += members[i] == BC_HEALTH_UNCHECKED;
    tally.unknown += members[i] == BC_HEALTH_UNKNOWN;
  }
  return tally;
}

/* How many of them must be up. */
static size_t combine_needed(enum bc_combine how, unsigned at_least, size_t members) {
  switch (how) {
  case BC_COMBINE_ANY:
    return 1;
  case BC_COMBINE_AT_LEAST:
    return at_least < 1 ? 1 : at_least < members ? at_least : members;
  case BC_COMBINE_ALL:
    break;
  }
  return members;
}

static enum bc_health_state combine_state(struct combine_tally tally, size_t needed) {
  size_t neutral = tally.unchecked + tally.unknown;
  if (tally.up + tally.down + neutral == 0) {
    return BC_HEALTH_NONE;
  }
  if (tally.up >= needed) {
    return BC_HEALTH_UP;
  }
  if (tally.up + neutral < needed) {
    return BC_HEALTH_DOWN;
  }
  return tally.unchecked > 0 ? BC_HEALTH_UNCHECKED : BC_HEALTH_UNKNOWN;
}

struct bc_combined bc_combine_judge(enum bc_combine how, unsigned at_least, const enum bc_health_state *members,
                                    size_t count) {
  struct combine_tally tally = combine_count(members, count);
  size_t voters = tally.up + tally.down + tally.unchecked + tally.unknown;
  struct bc_combined made = {.state = combine_state(tally, combine_needed(how, at_least, voters))};
  for (size_t i = 0; made.state != BC_HEALTH_NONE && i < count; i++) {
    if (members[i] == made.state) {
      made.decider = made.deciders == 0 ? i : made.decider;
      made.deciders++;
    }
  }
  return made;
}
