/* The role `@run`: one run of a script in the very sandbox of the daemon, for `bgpcommander run`.
 *
 * Its words are the script's name, the timeout in milliseconds, and the length of the script in bytes; fd 0 gives the
 * script and behind it (or not) the JSON text that it finds as `data`. On fd 1 come a dot before each piece of work
 * that may use the CPU, so that the parent can tell a long one, and then the answer, one JSON object and a line break:
 * `status` (passed, failed, timeout, error, memory, killed), `verdict` (up, down, neutral), `returned`, `score` (null =
 * none), `reason`, `data`, `error`, `line` (0 = not known), `log`, `log_dropped`, `took_ms`, `cpu_ms`, `memory_bytes`.
 * Nothing comes when the parent had to kill it: one call of C may last longer than this process can see to. */
#ifndef BC_WORKER_RUN_H
#define BC_WORKER_RUN_H

/* `words` are NULL-terminated. Returns the exit code: 0 when the answer was written, 2 when the request was not
 * understood. */
int bc_run_worker_run(char *const *words);

#endif
