/* The processes that are our children now, as /proc tells: also those that came to us because their
 * own parent died (a child subreaper). */
#ifndef BC_BASE_PROCS_H
#define BC_BASE_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct bc_procs_child {
  pid_t pid;
  pid_t group;
  pid_t session;
  bool is_zombie;
};

/* Fills in at most `max` children of this process and returns how many. Reads
 * /proc/self/task/TID/children where the kernel has it, else looks through all of /proc (about 10
 * microseconds for each process of the machine). A child that starts or ends meanwhile may be missed:
 * ask again. */
size_t bc_procs_children(struct bc_procs_child *children, size_t max);

/* Reads /proc/PID/stat; false when there is no such process (or it is hidden). */
bool bc_procs_stat(pid_t pid, struct bc_procs_child *process, pid_t *parent);

/* Copies the value of variable `name` of the environment with which `pid` was started into `value`
 * (`room` bytes, terminated). False when it has none, it does not fit, or we may not look. */
bool bc_procs_environment(pid_t pid, const char *name, char *value, size_t room);

/* Whether a process of ours gets `entry` ("NAME=value") of the environment that it is started from: PATH, HOME, LANG,
 * TZ and BGPCOMMANDER_*. */
bool bc_procs_keeps_variable(const char *entry);

#endif
