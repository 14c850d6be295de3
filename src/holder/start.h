/* Starting a core, and ending what it leaves behind. */
#ifndef BC_HOLDER_START_H
#define BC_HOLDER_START_H

#include "holder/holder.h"

#include <stdbool.h>
#include <sys/types.h>

/* Makes this process what a holder has to be: umask, not dumpable, child subreaper, no capabilities to
 * pass on, nothing open but 0, 1 and 2. Returns a descriptor of the running binary, or -1. */
int bc_start_prepare(void);

/* Starts core with fds 0, 1, 2 and a clean environment; the binary at options->program, or, when that
 * cannot be run, the one of `exe_fd`. -1 with errno when there is no process to be had. */
pid_t bc_start_core(const struct bc_holder_options *options, int exe_fd, unsigned number, bool is_safe);

/* SIGKILL to all our children except `spared` (0 = none). Returns how many there were. */
unsigned bc_start_kill_strays(pid_t spared);

#endif
