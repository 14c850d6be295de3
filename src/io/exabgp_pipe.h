/* The pipe to ExaBGP: lines in from fd 0, lines out to fd 1.
 *
 * What comes in is always read (ExaBGP 4.2 and 5.0 write to us with a blocking write: unread acks
 * freeze it until its sessions die), a bounded part per turn of the loop so that timers and the store
 * keep their turn. What goes out never blocks. Both ends are made non-blocking; their open file
 * descriptions are shared with the holder and earlier cores, not with ExaBGP.
 *
 * A core may be killed in the middle of a write. A line of at most BC_EXABGP_PIPE_ATOMIC_BYTES goes
 * out whole or not at all; a longer one may be torn, and a torn line may be a valid command that nobody
 * wanted (`… nlri 10.0.0.0/2`; a flow without its last matches). So the first line written is
 * BC_EXABGP_PIPE_SEAL: ExaBGP refuses it, and refuses whatever part of a route, attributes, flow or vpls line it
 * completes. One ack, `error` or none, comes of it: count acks only behind a synchronising command. */
#ifndef BC_IO_EXABGP_PIPE_H
#define BC_IO_EXABGP_PIPE_H

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#include <stddef.h>
#include <stdint.h>

/* The longest line, its line break not counted, that a kill can never tear: PIPE_BUF - 1. */
enum { BC_EXABGP_PIPE_ATOMIC_BYTES = 4095 };

/* Every beginning of our commands followed by this was refused by ExaBGP 4.2.21 and 5.0.13. A comment or a line
 * break alone is not enough: flows whose braces are open are accepted. */
#define BC_EXABGP_PIPE_SEAL " ~ ; ~ ; ~ ;"

struct bc_exabgp_pipe;

/* Any of these may free the pipe. */
struct bc_exabgp_pipe_handler {
  void *arg;
  /* One line without its line break; any bytes, at most BC_LIMIT_EXABGP_LINE_BYTES; valid until it returns. After a
   * restart of core the first one may be the rest of a line. */
  void (*line)(void *arg, struct bc_str line);
  /* Once: the end of fd 0, or fd 1 has no reader any more. No call follows it. */
  void (*closed)(void *arg);
  /* After a write that returned BC_ERR_AGAIN: there is room again. */
  void (*writable)(void *arg);
};

/* Takes over fds 0 and 1 (open_on: these two, which stay the caller's to close) and ignores SIGPIPE for
 * the whole process. `handler` is copied, each function must be set. Lines come from the next turn of
 * the loop on. BC_ERR_UNSUPPORTED: not pipes or sockets. */
BC_MUST_CHECK enum bc_err bc_exabgp_pipe_open(struct bc_loop *loop, const struct bc_exabgp_pipe_handler *handler,
                                              struct bc_exabgp_pipe **out);
BC_MUST_CHECK enum bc_err bc_exabgp_pipe_open_on(struct bc_loop *loop, int in_fd, int out_fd,
                                                 const struct bc_exabgp_pipe_handler *handler,
                                                 struct bc_exabgp_pipe **out);
/* NULL is allowed. */
void bc_exabgp_pipe_free(struct bc_exabgp_pipe *pipe);

/* Writes `line` and a line break.
 * BC_ERR_OK      taken as a whole (a long one may still wait in part, see bc_exabgp_pipe_pending_bytes)
 * BC_ERR_AGAIN   full: nothing was taken; `writable` will be called
 * BC_ERR_REFUSED not printable ASCII: one such byte makes ExaBGP kill and restart us
 * BC_ERR_LIMIT   longer than BC_LIMIT_COMMAND_BYTES
 * BC_ERR_CLOSED  nobody reads any more; `closed` comes in the next turn, or came */
BC_MUST_CHECK enum bc_err bc_exabgp_pipe_write(struct bc_exabgp_pipe *pipe, struct bc_str line);

/* Bytes of a line that was begun and not ended: the process better ends when this is 0. One that cannot wait leaves a
 * torn line, which the seal of the next pipe makes ExaBGP refuse. */
size_t bc_exabgp_pipe_pending_bytes(const struct bc_exabgp_pipe *pipe);

/* Lines that were longer than BC_LIMIT_EXABGP_LINE_BYTES and so not handed out; the first one is told in the log. NULL:
 * 0. */
uint64_t bc_exabgp_pipe_skipped(const struct bc_exabgp_pipe *pipe);

#endif
