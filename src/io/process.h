/* What the kernel tells of other processes. */
#ifndef BC_IO_PROCESS_H
#define BC_IO_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether `pid` is `ancestor` or a descendant of it (/proc/PID/stat, at most 64 steps). True also when it
 * cannot be told (process gone, hidden, chain too long): the caller is about to allow something. */
bool bc_process_is_below(pid_t pid, pid_t ancestor);

#endif
