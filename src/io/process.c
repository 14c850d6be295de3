#include "io/process.h"

#include "base/procs.h"

enum { PROCESS_STEPS = 64 };

bool bc_process_is_below(pid_t pid, pid_t ancestor) {
  for (int step = 0; step < PROCESS_STEPS; step++) {
    struct bc_procs_child process;
    pid_t parent;
    if (pid == ancestor || pid <= 0 || !bc_procs_stat(pid, &process, &parent)) {
      return true;
    }
    if (parent == 0) { /* init, or what entered our container from outside */
      return false;
    }
    pid = parent;
  }
  return true;
}
