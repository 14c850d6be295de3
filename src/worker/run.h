/* The role `@run`: one run of a script in the very sandbox of the daemon, for `bgpcommander run`.
 *
 * fd 0 gives frames (proto/frame.h) as core sends them to a worker: LUA_MODULE and LUA_DATA, one LUA_SET, whose `name`
 * is how messages call the script and whose times but the timeout do not matter, and at the end LUA_RUN. On fd 1 come a
 * dot before each piece of work that may use the CPU, so that the parent can tell a long one, and then the answer, one
 * JSON object and a line break: `status` (passed, failed, timeout, error, memory, killed), `verdict` (up, down,
 * neutral), `returned`, `score` (null = none), `reason`, `data`, `error`, `line` (0 = not known), `state` (null = not
 * changed), `metrics`, `log`, `log_dropped`, `trace`, `trace_dropped` and `instructions` if it is traced, `took_ms`,
 * `cpu_ms`, `memory_bytes`. Nothing comes when the parent had to kill it: one call of C may last longer than this
 * process can see to. */
#ifndef BC_WORKER_RUN_H
#define BC_WORKER_RUN_H

#include "base/check_status.h"

/* The words that people and programs get of a status. */
struct bc_run_words {
  const char *status;
  const char *verdict;
};
const struct bc_run_words *bc_run_words_of(enum bc_check_status status);

/* Returns the exit code: 0 when the answer was written, 2 when the request was not understood. */
int bc_run_worker_run(void);

#endif
