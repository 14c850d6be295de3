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
  const char *reason;    /* with is_idle: what is wrong, one line */
};

/* What core tells by its exit code (any other end that nobody asked for is a crash). */
enum {
  BC_HOLDER_CORE_REFUSED = 2, /* the settings cannot be used: try again soon, not a crash */
  BC_HOLDER_CORE_UPGRADE = 10 /* start the binary at `program` at once, normal mode, not a crash */
};

/* Closes all descriptors above 2 and returns when stdin ended or TERM or INT came: the exit code, 0, or 2
 * when idle. */
int bc_holder_run(const struct bc_holder_options *options);

#endif
