/* Starts one of our own roles as a child process: same binary, listed descriptors, nothing else.
 *
 * The child gets 0 and 1 = /dev/null, 2 = our fd 2, 3 = its end of a socketpair, a clean environment,
 * all other descriptors closed, its own process group and default signals. PATH, HOME, LANG, TZ and
 * BGPCOMMANDER_* is what is left of the environment. To die with us is the role's own first act
 * (bc_harden_tie_to_parent with bc_harden_peer(3)): posix_spawn cannot ask for it. */
#ifndef BC_IO_CHILD_H
#define BC_IO_CHILD_H

#include "base/err.h"
#include "io/loop.h"

#include <stdbool.h>
#include <sys/types.h>

/* A program to start with what is told here and nothing else: default signals, all other descriptors
 * closed. Borrowed for the call. */
struct bc_child_program {
  const char *path;
  char *const *argv;
  char *const *variables;
  const char *directory; /* to start in; NULL: ours */
  int input_fd;          /* becomes 0; 0: /dev/null */
  int output_fd;         /* becomes 1 and 2; -1: 1 is /dev/null, 2 our own */
  int error_fd;          /* becomes 2; 0: as above */
  int channel_fd;        /* becomes 3; -1: none */
  int page_fd;           /* becomes 4, must be greater; 0: none */
  bool is_session;       /* a session of its own, not only a process group */
};

/* 0 or an errno. Whom it starts is not watched: for others than our own roles, which take bc_child_start. */
BC_MUST_CHECK int bc_child_spawn(const struct bc_child_program *program, pid_t *pid);

struct bc_child;

/* `ended`: once, after it was reaped; `why` e.g. "exit code 3", "signal 9 (Killed)". */
typedef void bc_child_fn(void *arg, int wait_status, const char *why);

/* Runs `path` (NULL: the running binary) with `argv`. `*channel_fd` is our end, non-blocking,
 * close-on-exec, the caller's to close. BC_ERR_IO with a fault when it cannot be started. */
BC_MUST_CHECK enum bc_err bc_child_start(struct bc_loop *loop, const char *path, char *const argv[], bc_child_fn *ended,
                                         void *arg, struct bc_child **child, int *channel_fd, struct bc_fault *fault);
/* The same with no environment at all, and one more descriptor (greater than 4, stays the caller's) as 4. */
BC_MUST_CHECK enum bc_err bc_child_start_bare(struct bc_loop *loop, char *const argv[], int page_fd, bc_child_fn *ended,
                                              void *arg, struct bc_child **child, int *channel_fd,
                                              struct bc_fault *fault);
pid_t bc_child_pid(const struct bc_child *child);
/* SIGKILL; `ended` still comes. */
void bc_child_kill(struct bc_child *child);
/* Kills when it still runs, reaps, frees; `ended` is not called any more. NULL is allowed. */
void bc_child_free(struct bc_child *child);

/* Kills every process that has become our child without being one that we started (orphans of a dead
 * exec worker: core is a child subreaper), and reaps them. Waits for their end up to 250 ms. Returns how many. */
unsigned bc_child_kill_strays(void);

/* The same for those that outlive that, or become our children later: whenever a child of ours ends, which is also when
 * its own children come to us. Never waits. */
struct bc_child_strays;
struct bc_child_strays *bc_child_strays_new(struct bc_loop *loop);
/* NULL is allowed. */
void bc_child_strays_free(struct bc_child_strays *strays);

#endif
