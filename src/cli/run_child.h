/* The process in which `bgpcommander run` runs a script: the role @run (worker/run.h). One call of C in it may last for
 * ever, so it is watched by its CPU clock. */
#ifndef BC_CLI_RUN_CHILD_H
#define BC_CLI_RUN_CHILD_H

#include "base/buf.h"

struct bc_run_child {
  const char *killed; /* why we killed it; NULL: we did not */
  int wait_status;
};

/* Gives it `input` and takes its answer, which stays empty when there is none. 0, or the errno of what kept it from
 * starting. */
int bc_run_child_ask(struct bc_str input, unsigned timeout_ms, struct bc_buf *answer, struct bc_run_child *end);

#endif
