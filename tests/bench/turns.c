/* Linked into the program that `tests/bench/run metrics` measures: the longest turn of core's loop, in processor time
 * of its thread, which does not depend on what else the machine does. BGPCOMMANDER_TURNS gets a line for each turn that
 * was longer than all before, in microseconds; whoever wants to begin anew empties it and sends SIGUSR2. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static int turns_fd = -1;
static volatile long long turns_longest_us;
static __thread long long turns_begun_us;
static __thread bool turns_is_loop;

static long long turns_now_us(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void turns_on_signal(int number) {
  (void)number;
  turns_longest_us = 0;
}

__attribute__((constructor)) static void turns_open(void) {
  char line[4096];
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
  if (fd >= 0) {
    (void)close(fd);
  }
  line[len > 0 ? len : 0] = '\0';
  size_t first = strlen(line);
  const char *path = getenv("BGPCOMMANDER_TURNS");
  if (path != NULL && (ssize_t)first + 1 < len && strcmp(line + first + 1, "@core") == 0) {
    turns_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)signal(SIGUSR2, turns_on_signal);
  }
}

/* The loop's own wait is the first of its thread; libmicrohttpd looks at an epoll of its own in the middle of a turn.
 */
static void turns_end(int fd) {
  static __thread int loop_fd = -1;
  long long now_us = turns_now_us();
  loop_fd = loop_fd < 0 ? fd : loop_fd;
  if (fd == loop_fd && turns_fd >= 0 && turns_begun_us != 0 && now_us - turns_begun_us > turns_longest_us) {
    char line[64];
    turns_longest_us = now_us - turns_begun_us;
    int len = snprintf(line, sizeof line, "%lld\n", turns_longest_us);
    (void)!write(turns_fd, line, (size_t)len);
  }
  turns_is_loop = fd == loop_fd;
}

static void turns_begin(void) {
  turns_begun_us = turns_is_loop ? turns_now_us() : turns_begun_us;
}

int epoll_wait(int fd, struct epoll_event *events, int room, int timeout) {
  static int (*next)(int, struct epoll_event *, int, int);
  if (next == NULL) {
    *(void **)&next = dlsym(RTLD_NEXT, "epoll_wait");
  }
  turns_end(fd);
  int count = next(fd, events, room, timeout);
  turns_begin();
  return count;
}

int epoll_pwait(int fd, struct epoll_event *events, int room, int timeout, const sigset_t *mask) {
  static int (*next)(int, struct epoll_event *, int, int, const sigset_t *);
  if (next == NULL) {
    *(void **)&next = dlsym(RTLD_NEXT, "epoll_pwait");
  }
  turns_end(fd);
  int count = next(fd, events, room, timeout, mask);
  turns_begin();
  return count;
}
