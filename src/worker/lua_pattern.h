/* What a pattern of Lua could cost on a subject, before it is tried.
 *
 * The system's matcher backtracks and cannot be interrupted: ("a"):rep(60) with forty times "a*" does not end in a
 * lifetime. So each use is estimated first: for each repeated item the longest run of bytes in the subject that it can
 * take, whether what follows leaves only one way to go on, and at how many places a match could begin. The estimate is
 * an upper bound of the single-byte tests, up to a small factor; what usual patterns really cost is far less. */
#ifndef BC_WORKER_LUA_PATTERN_H
#define BC_WORKER_LUA_PATTERN_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* UINT64_MAX for more than fits, for a pattern of more than 128 items, and where the estimate itself would be too much
 * work. 0 for a pattern that is malformed: the matcher will say so. `is_anchor`: a `^` in front is an anchor
 * (everywhere but in gmatch). */
uint64_t bc_lua_pattern_steps(struct bc_str subject, struct bc_str pattern, bool is_anchor);

/* The pattern has no magic bytes: it stands for itself. */
bool bc_lua_pattern_is_plain(struct bc_str pattern);

#endif
