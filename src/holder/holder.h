/* The process that ExaBGP started: it holds the pipe and keeps a core running, and never exits by
 * itself (ExaBGP 4.2 ends with every session at the sixth start of its process within 64 s).
 * Nothing but libc. */
#ifndef BC_HOLDER_HOLDER_H
#define BC_HOLDER_HOLDER_H

#include <stdbool.h>

struct bc_holder_options {
  const char *program;   /* path of the binary to run as core, found at start: an upgrade replaces the file there */
  char *const *argv;     /* the command line that we got; core gets it too, behind its role */
  const char *state_dir; /* for `holder.pid`; NULL = none */
  bool is_idle;          /* a usage error under ExaBGP: hold the pipe, run nothing, say so once a minute */
};

/* Returns when stdin ended or TERM or INT came: the exit code. */
int bc_holder_run(const struct bc_holder_options *options);

#endif
