/* The policy worker: runs policies, pure functions of a context, and tells their verdicts.
 *
 * Role `policy` (`PROGRAM @policy`): fd 3 is the channel to core, fd 4 the page of proto/lua_page.h. No environment, no
 * privileges, not dumpable, no network. It dies with core.
 *
 * A policy is told once (POLICY_SET) and then asked by POLICY_RUN, any number of times. Runs end in the order in which
 * they came, each with one POLICY_RESULT; results are sent together, at once when no run waits, else after
 * POLICY_BATCH_MS at most. After POLICY_TURN_MS of work the loop has its turn, so that pings are answered: core may
 * send as many runs as it likes, but not more than BC_LIMIT_POLICY_RUNS may wait; what is over ends in ERROR at once.
 * While a run is executed the page's job is its id and one, its generation the policy's number.
 *
 * Equal scripts with equal modules share a Lua state (BC_LIMIT_LUA_CHECKS policies at most in one); a run sees nothing
 * of another. The script is executed for each run in a fresh environment and must return a function; that gets the
 * context and must return what announce, withdraw or keep (kind "admission": admit or refuse) gave it.
 *
 * What a policy can see is its context and the data it asks for, nothing else: no clock, no chance, no state. `pairs`
 * and `next` go in order, table.sort is stable, json.encode sorts. So the same script with the same modules, options,
 * context, world and data gives the same bytes in every process. Excepted: what ends at a limit, and `#` of a table
 * with holes.
 *
 * Status: DONE with the verdict; ERROR (it raised, does not compile, returned no verdict, or one over
 * BC_LIMIT_POLICY_VERDICT_BYTES), MEMORY, KILLED (more than BC_LIMIT_POLICY_CPU_MS of CPU time), each with one line
 * that begins with the policy's name and, where known, the line: "routes/web/policy:7: …"; UNKNOWN when there is no
 * policy of that number. What attributes mean is core's to judge, not the worker's. */
#ifndef BC_WORKER_POLICY_H
#define BC_WORKER_POLICY_H

/* Returns the exit code. */
int bc_policy_worker_run(void);

#endif
