/* The Lua worker: hosts the sandboxes of the daemon and runs Lua checks on their schedule.
 *
 * Role `lua`: fd 3 is the channel to core, fd 4 the page of proto/lua_page.h. No environment, no privileges, not
 * dumpable. It dies with core.
 *
 * Equal scripts share a sandbox, BC_LIMIT_LUA_CHECKS checks at most in one. Runs of a check never overlap; intervals
 * count from start to start; a run that outlasts its interval is followed at once. A run that waits past its timeout is
 * ended (TIMED_OUT); a wake-up that comes more than a second late, because this process or the machine was held up,
 * moves the deadline once by as much, at most by the timeout. A run during which this process stood still for more than
 * a second, or half its timeout, and that did not pass is HELD_UP: that says nothing of the service. A run that used
 * much CPU time is followed by the next after HOST_CPU_SHARE times as much at the earliest: a check has at most a tenth
 * of the worker, and all that need much have half of it together, in turn. After HOST_TURN_MS of work the
 * loop has its turn, so that pings are answered.
 *
 * What a run says: DONE is PASSED or FAILED (a score: by the threshold), an error ERROR, or BROKEN if a call of it had
 * failed before, the limits MEMORY and KILLED. The reason of an error begins with the check's name and the line. A
 * script that does not compile gives ERROR each time it should run. Results are sent together, at most
 * BC_BATCH_MS later. */
#ifndef BC_WORKER_HOST_H
#define BC_WORKER_HOST_H

/* Returns the exit code. */
int bc_host_worker_run(void);

#endif
