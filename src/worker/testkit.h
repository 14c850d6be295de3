/* The role `@test`: the tests of one file (`*_test.lua`), for `bgpcommander test`.
 *
 * The file is Lua in a sandbox of its own, on top of lua/testkit; each script that it tests is in another one, that of
 * the daemon, with its limits and its judgement. Calls of these scripts to the outside become questions to the file
 * (lua_fake.h). Both clocks are made up: they stand still but for waits, which take no time, and begin anew with each
 * test.
 *
 * On fd 0 and 1 it talks with its parent in pieces: a word, a blank, a number, a line break, and so many bytes.
 *
 * From the parent, at the beginning:
 *   name TEXT      of the file, as messages call it
 *   text BYTES     the file
 *   first NUMBER   the test to begin with, from 1: those before it have been run
 *   run GLOB       only tests whose name it matches; may be left out
 *   cover 1        the lines that are executed are noted; may be left out
 *   go
 * To the parent:
 *   script PATH    wants a script that stands beside the file; answer below
 *   ready NAME     wants a ready-made check; answer below
 *   policy PATH    wants a policy that stands beside the file: Lua, or {"use": NAME, ...}; answer below
 *   ready_policy JSON   wants {"use": NAME, ...}; answer below
 *   route TEXT     wants what a policy's context says of this route: `have` JSON or `fail` REASON
 *   judge JSON     wants what the daemon would make of a verdict, {"context", "verdict": TEXT}: `have`
 *                  {"command", "attributes"} or `fail` REASON
 *   module NAME    wants a module for the file itself; the answer is `have` or `none`
 *   options JSON   wants what a script finds as `options` for these options of a route; `have` JSON or `fail` REASON
 *   work           uses the CPU from now on; after that, one call of C may last longer than this process can see to
 *   begin JSON     {"number", "name"}: a test begins
 *   result JSON    {"number", "name", "ok", "message", "log", "cpu_ms", "skipped"}: it is over
 *   broken TEXT    the file cannot be read as tests: nothing more comes
 *   cover JSON     {"name", "lines": [[LINE, how often], …]} of a script ("web.lua") or module ("lua/util"): those that
 *                  can be executed
 *   end            all have been run
 * The answer to `script`, `ready`, `policy` and `ready_policy`: `name` TEXT (as messages call it), `text` BYTES, of a
 * ready-made policy `options` JSON, any number of `module` (NAME, NUL, BYTES), and `done`; or `fail` REASON. */
#ifndef BC_WORKER_TESTKIT_H
#define BC_WORKER_TESTKIT_H

/* Returns the exit code: 0 when it came to an end, 2 when the parent was not understood. */
int bc_testkit_worker_run(void);

#endif
