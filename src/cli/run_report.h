/* What `bgpcommander run` tells of a run. */
#ifndef BC_CLI_RUN_REPORT_H
#define BC_CLI_RUN_REPORT_H

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

/* Exit codes of their own. */
enum {
  BC_CLI_RUN_UP = 0,
  BC_CLI_RUN_DOWN = 1,
  BC_CLI_RUN_ERROR = 3,
  BC_CLI_RUN_STOPPED = 4,
  BC_CLI_RUN_NO_DAEMON = 5,
  BC_CLI_RUN_USAGE = 64
};

struct bc_run_report {
  const char *name; /* of the script, as its messages call it */
  struct bc_str script;
  const json_t *modules; /* NAME: text */
  const char *killed;    /* why we killed the sandbox; NULL: we did not */
  int wait_status;       /* of the sandbox */
  bool is_json;
};

/* Prints what the sandbox answered (empty: it did not) and returns the exit code. */
int bc_run_report_print(const struct bc_run_report *report, struct bc_str answer);

#endif
