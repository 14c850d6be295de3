/* What the kernel tells of other processes. */
#ifndef BC_IO_PROCESS_H
#define BC_IO_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether `pid` is `ancestor` or a descendant of it (/proc/PID/stat, at most 64 steps). True also when it
 * cannot be told (process gone, hidden, chain too long): the caller is about to allow something. */
bool bc_process_is_below(pid_t pid, pid_t ancestor);

/* What a process uses now. */
struct bc_process_usage {
  uint64_t resident_bytes, virtual_bytes;
  uint64_t cpu_us;            /* 0 of others than ourselves, … */
  uint64_t open_fds, max_fds; /* … as are these */
};

/* Of ourselves. What cannot be told is 0. */
void bc_process_usage(struct bc_process_usage *to);
/* Memory of another one; 0 when there is no such process. */
uint64_t bc_process_resident_bytes(pid_t pid);

#endif
