#include "io/process.h"

#include "base/procs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

/* Two numbers of pages. */
static bool process_read_memory(pid_t pid, unsigned long *total, unsigned long *resident) {
  char text[256] = "";
  (void)snprintf(text, sizeof text, "/proc/%ld/statm", (long)pid);
  FILE *file = fopen(text, "re");
  bool is_read = file != NULL && fgets(text, sizeof text, file) != NULL;
  if (file != NULL) {
    (void)fclose(file);
  }
  char *rest = text;
  *total = is_read ? strtoul(text, &rest, 10) : 0;
  *resident = is_read ? strtoul(rest, NULL, 10) : 0;
  return is_read;
}

static uint64_t process_page_bytes(void) {
  long bytes = sysconf(_SC_PAGESIZE);
  return bytes > 0 ? (uint64_t)bytes : 0;
}

uint64_t bc_process_resident_bytes(pid_t pid) {
  unsigned long total = 0;
  unsigned long resident = 0;
  return pid > 0 && process_read_memory(pid, &total, &resident) ? resident * process_page_bytes() : 0;
}

static uint64_t process_count_fds(void) {
  DIR *folder = opendir("/proc/self/fd");
  uint64_t count = 0;
  while (folder != NULL && readdir(folder) != NULL) {
    count++;
  }
  if (folder != NULL) {
    (void)closedir(folder);
  }
  /* "." and "..", and the folder itself. */
  return count > 3 ? count - 3 : 0;
}

void bc_process_usage(struct bc_process_usage *to) {
  struct timespec cpu = {0};
  struct rlimit most = {0};
  unsigned long total = 0;
  unsigned long resident = 0;
  (void)process_read_memory(getpid(), &total, &resident);
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  (void)getrlimit(RLIMIT_NOFILE, &most);
  *to = (struct bc_process_usage){.resident_bytes = resident * process_page_bytes(),
                                  .virtual_bytes = total * process_page_bytes(),
                                  .cpu_us = (uint64_t)cpu.tv_sec * 1000000U + (uint64_t)cpu.tv_nsec / 1000U,
                                  .open_fds = process_count_fds(),
                                  .max_fds = most.rlim_cur};
}
