/* The exec worker: runs shell checks on their schedule, and commands of Lua checks when they ask (exec.run).
 *
 * Role `exec`: fd 3 is the channel to core. Child subreaper, not dumpable; as root it drops from the
 * bounding set what would let a check look into our processes (HELLO tells: `bounding set` or `none`).
 *
 * It keeps CAP_NET_ADMIN, if it was given, for ADDRESS_SET and ADDRESS_REMOVE; no check gets it, root's neither. It
 * remembers no address: what is set is what the kernel says.
 *
 * A run gets: its script as a file, mode 0700, in a private 0700 directory, run directly when it
 * starts with `#!`, else by /bin/sh; that directory as working directory; its own session and group;
 * fd 0 /dev/null, fds 1 and 2 one pipe of which the last BC_LIMIT_CHECK_OUTPUT_BYTES are kept; default
 * signals; and the environment PATH (/usr/local/sbin … /bin), HOME (the user's by /etc/passwd, else /),
 * LANG=C.UTF-8, then the variables of CHECK_SET (which may replace those), then CHECK, STATE, ATTEMPT and
 * BGPCOMMANDER_JOB (which nothing replaces).
 *
 * Runs of a check never overlap; intervals count from start to start; a run that outlasts its interval
 * is followed at once. At most BC_LIMIT_CHECKS_AT_ONCE run, the others queue. At its deadline: TERM to
 * the group, after 1 s KILL; while the kernel does not let it go, TIMED_OUT is reported again after each
 * interval. A deadline that the worker notices more than 1 s late (it or the machine was paused) is moved
 * once by as much, at most by the timeout, at least by 1 s. When the main process ends, its result goes
 * out and whatever it left behind, own session or not, is killed and reaped. Code of a result that could
 * not be started: 127 or 126 for an interpreter that is missing or unfit (NOT_FOUND), else 0 (NOT_STARTED:
 * also when our own file of the script is to blame); the output says why. Equal scripts are held once in
 * memory, but each check has its file.
 *
 * A command gets: its words, taken literally; `/` as working directory; its own session and group; fd 0 its input
 * (/dev/null when there is none), fds 1 and 2 a pipe each of which the first bytes are kept and the rest is dropped;
 * default signals; the environment PATH, LANG=C.UTF-8 and BGPCOMMANDER_JOB. At its timeout, and when nobody waits for
 * it any more, its group is killed at once; what it left behind as above. Core has judged whether it may be run.
 *
 * When core's end of the channel closes, on STOP and on TERM, everything is killed without results, the
 * directory is removed, and the worker exits. */
#ifndef BC_WORKER_EXEC_H
#define BC_WORKER_EXEC_H

/* `script_dir`: where the private directory is made (the -p DIR); directories of dead workers of our
 * user are removed from it. Returns the exit code. */
int bc_exec_worker_run(const char *script_dir);

#endif
