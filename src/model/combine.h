/* What several checks say together of one route. Pure.
 *
 * A check that says nothing that counts (unknown, unchecked) could say either; only what holds whichever it said is
 * concluded. So it never makes a route up or down. */
#ifndef BC_MODEL_COMBINE_H
#define BC_MODEL_COMBINE_H

#include "model/health.h"

#include <stddef.h>

enum bc_combine {
  BC_COMBINE_ALL,     /* all of them must be up */
  BC_COMBINE_ANY,     /* one of them must be up */
  BC_COMBINE_AT_LEAST /* so many of them must be up */
};

struct bc_combined {
  enum bc_health_state state; /* NONE: there is no check */
  size_t decider;             /* the first member to which the state is owed … */
  size_t deciders;            /* … and how many these are; 0 for NONE */
};

/* Members that are NONE are no members. `at_least` counts for BC_COMBINE_AT_LEAST only, as 1 to the number of members.
 * Neutral members that leave it open make it UNCHECKED when one of them is, else UNKNOWN. */
struct bc_combined bc_combine_judge(enum bc_combine how, unsigned at_least, const enum bc_health_state *members,
                                    size_t count);

#endif
