/* The process in which a command has a script run (the role @run, worker/run.h) or compiled (@compile,
 * worker/compile.h). One call of C in it may last for ever, so it is watched by its CPU clock. */
#ifndef BC_CLI_RUN_CHILD_H
#define BC_CLI_RUN_CHILD_H

#include "base/buf.h"

#include <sys/types.h>

struct bc_run_child {
  const char *killed; /* why we killed it; NULL: we did not */
  int wait_status;
};

/* Gives it `input` and takes its answer, which stays empty when there is none. 0, or the errno of what kept it from
 * starting. */
int bc_run_child_ask(const char *role, struct bc_str input, unsigned timeout_ms, struct bc_buf *answer,
                     struct bc_run_child *end);

/* ---- the parts, for who talks with such a process ---- */

struct bc_run_process {
  pid_t pid;
  int to_fd; /* its fd 0 */
  int from_fd;
};

/* This program in the role "@run", "@test" …, with what it may have of our environment. 0, or an errno. Must be
 * released with bc_run_child_end. */
int bc_run_child_start(const char *role, struct bc_run_process *child);
/* CPU time that it has used. */
int64_t bc_run_child_cpu_ms(const struct bc_run_process *child);
/* Closes, and waits for its end: its wait status. */
int bc_run_child_end(const struct bc_run_process *child);

#endif
