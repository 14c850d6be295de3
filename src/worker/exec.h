/* The exec worker: runs shell checks on their schedule.
 *
 * Role `exec`: fd 3 is the channel to core. Child subreaper, not dumpable, no privileges to pass on.
 * A run gets a file in a private 0700 directory, its own process group, fd 0 /dev/null, fds 1 and 2
 * a pipe of which the end is kept, a clean environment. At its deadline: TERM to the group, after 1 s
 * KILL; when it ends, whatever it left behind (own session or not) is killed and reaped. When core's
 * end of the channel closes, everything is killed and the worker exits. */
#ifndef BC_WORKER_EXEC_H
#define BC_WORKER_EXEC_H

/* `script_dir`: where the private directory is made (the -p DIR). Returns the exit code. */
int bc_exec_worker_run(const char *script_dir);

#endif
