/* Core: all state, the store, the pipe to ExaBGP, the workers, the local socket. It knows everything
 * and runs no user code. */
#ifndef BC_CORE_CORE_H
#define BC_CORE_CORE_H

#include "model/settings.h"

#include <stdbool.h>

struct bc_core_options {
  const struct bc_settings *settings;
  bool is_safe_mode;     /* last known good only: no store, no checks */
  unsigned start_number; /* how many cores this holder has started, this one counted */
};

/* Runs until TERM, INT or the end of stdin: the exit code. Status words for the holder: */
enum {
  BC_CORE_EXIT_OK = 0,      /* the end of the whole: ExaBGP closed the pipe or sent TERM, or there is no pipe */
  BC_CORE_EXIT_UPGRADE = 10 /* start the (new) binary at once; not a crash */
};
int bc_core_run(const struct bc_core_options *options);

#endif
