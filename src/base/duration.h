/* Durations as people write them. */
#ifndef BC_BASE_DURATION_H
#define BC_BASE_DURATION_H

#include "base/err.h"
#include "base/str.h"

/* A number with a unit, ms, s, m or h: "500ms", "1.5h"; at most nine digits on each side of the point. In milliseconds,
 * cut. BC_ERR_SYNTAX, BC_ERR_RANGE. */
BC_MUST_CHECK enum bc_err bc_duration_parse(struct bc_str text, unsigned *out_ms);

#endif
