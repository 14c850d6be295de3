#include "io/exabgp_pipe.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static_assert(BC_EXABGP_PIPE_ATOMIC_BYTES == PIPE_BUF - 1, "a line and its break fit one atomic write");

/* Read per turn of the loop: a pipe's usual capacity, some milliseconds of parsing. */
enum { PIPE_READ_BYTES = 65536 };

struct bc_exabgp_pipe {
  struct bc_exabgp_pipe_handler handler;
  int in_fd, out_fd;
  struct bc_watch *in_watch;
  struct bc_watch *out_watch;
  struct bc_timer *closed_timer; /* `closed` is never called from within a write */
  struct bc_buf in;              /* lines not handed out, the last one mostly incomplete */
  size_t scanned;                /* bytes of `in` that are known to hold no line break */
  bool is_skipping;              /* inside a line that was too long */
  uint64_t skipped;
  struct bc_buf out; /* the rest of a line that was begun */
  bool wants_room;   /* a write returned AGAIN */
  bool is_closed;
  unsigned calls; /* of the handler, under way */
  bool is_freed;
};

static void pipe_release(struct bc_exabgp_pipe *pipe) {
  bc_buf_free(&pipe->in);
  bc_buf_free(&pipe->out);
  free(pipe);
}

/* False: the handler freed the pipe (which stays in memory until the outermost call has returned). */
static bool pipe_enter(struct bc_exabgp_pipe *pipe) {
  pipe->calls++;
  return !pipe->is_freed;
}

static bool pipe_leave(struct bc_exabgp_pipe *pipe) {
  pipe->calls--;
  if (pipe->is_freed && pipe->calls == 0) {
    pipe_release(pipe);
    return false;
  }
  return true;
}

static void pipe_close(struct bc_exabgp_pipe *pipe) {
  if (pipe->is_closed) {
    return;
  }
  pipe->is_closed = true;
  bc_watch_set(pipe->in_watch, 0);
  bc_watch_set(pipe->out_watch, 0);
  bc_timer_start(pipe->closed_timer, 0);
}

static void pipe_on_closed(void *arg) {
  struct bc_exabgp_pipe *pipe = arg;
  (void)pipe_enter(pipe);
  pipe->handler.closed(pipe->handler.arg);
  (void)pipe_leave(pipe);
}

static void pipe_note_skipped(struct bc_exabgp_pipe *pipe) {
  if (pipe->skipped++ == 0) {
    bc_log(BC_LOG_WARNING,
           "a line from ExaBGP is longer than %d bytes and not read: what it told is not known (status counts them)",
           BC_LIMIT_EXABGP_LINE_BYTES);
  }
}

/* Hands out the complete lines; false when the handler freed the pipe. */
static bool pipe_hand_out(struct bc_exabgp_pipe *pipe) {
  size_t start = 0;
  char *end;
  while (pipe->scanned < pipe->in.len &&
         (end = memchr(pipe->in.data + pipe->scanned, '\n', pipe->in.len - pipe->scanned)) != NULL) {
    struct bc_str line = {.at = pipe->in.data + start, .len = (size_t)(end - (pipe->in.data + start))};
    start += line.len + 1;
    pipe->scanned = start;
    if (pipe->is_skipping) {
      pipe->is_skipping = false;
    } else if (line.len <= BC_LIMIT_EXABGP_LINE_BYTES) {
      pipe->handler.line(pipe->handler.arg, line);
      if (pipe->is_freed) {
        return false;
      }
    } else {
      pipe_note_skipped(pipe);
    }
  }
  bc_buf_consume(&pipe->in, start);
  pipe->scanned = pipe->in.len;
  if (pipe->is_skipping || pipe->in.len > BC_LIMIT_EXABGP_LINE_BYTES) {
    if (!pipe->is_skipping) {
      pipe_note_skipped(pipe);
    }
    pipe->is_skipping = true;
    bc_buf_clear(&pipe->in);
    pipe->scanned = 0;
  }
  return true;
}

static void pipe_on_readable(void *arg, int fd, int events) {
  struct bc_exabgp_pipe *pipe = arg;
  (void)events;
  char *room = bc_buf_reserve(&pipe->in, PIPE_READ_BYTES);
  if (room == NULL || pipe->is_closed) {
    return; /* cannot be: hand_out keeps `in` below its maximum */
  }
  ssize_t got = read(fd, room, PIPE_READ_BYTES);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (got <= 0) {
    pipe_close(pipe);
    return;
  }
  bc_buf_commit(&pipe->in, (size_t)got);
  if (pipe_enter(pipe)) {
    (void)pipe_hand_out(pipe);
  }
  (void)pipe_leave(pipe);
}

/* Writes what it can of `out`: OK (all gone), AGAIN (a rest, or all, stands), CLOSED. */
static enum bc_err pipe_flush(struct bc_exabgp_pipe *pipe) {
  while (pipe->out.len > 0) {
    ssize_t sent = write(pipe->out_fd, pipe->out.data, pipe->out.len);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0 && errno == EAGAIN) {
      bc_watch_set(pipe->out_watch, BC_WATCH_WRITE);
      return BC_ERR_AGAIN;
    }
    if (sent < 0) {
      pipe_close(pipe);
      return BC_ERR_CLOSED;
    }
    bc_buf_consume(&pipe->out, (size_t)sent);
  }
  return BC_ERR_OK;
}

static void pipe_on_writable(void *arg, int fd, int events) {
  struct bc_exabgp_pipe *pipe = arg;
  (void)fd;
  (void)events;
  if (pipe->is_closed || pipe_flush(pipe) != BC_ERR_OK) {
    return;
  }
  bc_watch_set(pipe->out_watch, 0);
  if (pipe->wants_room) {
    pipe->wants_room = false;
    (void)pipe_enter(pipe);
    pipe->handler.writable(pipe->handler.arg);
    (void)pipe_leave(pipe);
  }
}

static enum bc_err pipe_set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? BC_ERR_UNSUPPORTED : BC_ERR_OK;
}

enum bc_err bc_exabgp_pipe_open_on(struct bc_loop *loop, int in_fd, int out_fd,
                                   const struct bc_exabgp_pipe_handler *handler, struct bc_exabgp_pipe **out) {
  if (pipe_set_nonblocking(in_fd) != BC_ERR_OK || pipe_set_nonblocking(out_fd) != BC_ERR_OK) {
    return BC_ERR_UNSUPPORTED;
  }
  struct bc_exabgp_pipe *pipe = bc_mem_new(1, sizeof *pipe);
  pipe->handler = *handler;
  pipe->in_fd = in_fd;
  pipe->out_fd = out_fd;
  bc_buf_init(&pipe->in, BC_LIMIT_EXABGP_LINE_BYTES + PIPE_READ_BYTES);
  bc_buf_init(&pipe->out, BC_LIMIT_COMMAND_BYTES + 1);
  pipe->in_watch = bc_watch_new(loop, in_fd, pipe_on_readable, pipe);
  pipe->out_watch = bc_watch_new(loop, out_fd, pipe_on_writable, pipe);
  if (pipe->in_watch == NULL || pipe->out_watch == NULL) {
    bc_watch_free(pipe->in_watch);
    bc_watch_free(pipe->out_watch);
    pipe_release(pipe);
    return BC_ERR_UNSUPPORTED;
  }
  (void)signal(SIGPIPE, SIG_IGN);
  pipe->closed_timer = bc_timer_new(loop, pipe_on_closed, pipe);
  bc_watch_set(pipe->in_watch, BC_WATCH_READ);
  bc_buf_add_text(&pipe->out, BC_EXABGP_PIPE_SEAL "\n");
  (void)pipe_flush(pipe);
  *out = pipe;
  return BC_ERR_OK;
}

enum bc_err bc_exabgp_pipe_open(struct bc_loop *loop, const struct bc_exabgp_pipe_handler *handler,
                                struct bc_exabgp_pipe **out) {
  return bc_exabgp_pipe_open_on(loop, STDIN_FILENO, STDOUT_FILENO, handler, out);
}

void bc_exabgp_pipe_free(struct bc_exabgp_pipe *pipe) {
  if (pipe == NULL) {
    return;
  }
  bc_watch_free(pipe->in_watch);
  bc_watch_free(pipe->out_watch);
  bc_timer_free(pipe->closed_timer);
  pipe->is_freed = true;
  if (pipe->calls == 0) {
    pipe_release(pipe);
  }
}

enum bc_err bc_exabgp_pipe_write(struct bc_exabgp_pipe *pipe, struct bc_str line) {
  if (pipe->is_closed) {
    return BC_ERR_CLOSED;
  }
  if (line.len > BC_LIMIT_COMMAND_BYTES) {
    return BC_ERR_LIMIT;
  }
  if (!bc_str_is_printable(line)) {
    return BC_ERR_REFUSED;
  }
  if (pipe->out.len > 0) {
    pipe->wants_room = true;
    return BC_ERR_AGAIN;
  }
  bc_buf_add_str(&pipe->out, line);
  bc_buf_add_char(&pipe->out, '\n');
  enum bc_err err = pipe_flush(pipe);
  if (err == BC_ERR_AGAIN && pipe->out.len < line.len + 1) {
    return BC_ERR_OK; /* begun: the rest follows by itself */
  }
  if (err != BC_ERR_OK) {
    bc_buf_clear(&pipe->out);
    pipe->wants_room = err == BC_ERR_AGAIN;
  }
  return err;
}

size_t bc_exabgp_pipe_pending_bytes(const struct bc_exabgp_pipe *pipe) {
  return pipe->out.len;
}

uint64_t bc_exabgp_pipe_skipped(const struct bc_exabgp_pipe *pipe) {
  return pipe == NULL ? 0 : pipe->skipped;
}
