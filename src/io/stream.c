#include "io/stream.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/endpoint.h"
#include "io/tls_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAM_READ_BYTES = 16384 };

enum stream_state { STREAM_CONNECTING, STREAM_HANDSHAKING, STREAM_OPEN };

/* One direction. What it waits for may be the other's readiness: TLS answers some messages of its own. */
struct stream_half {
  int waits_for;
  struct bc_stream_end end;
};

struct bc_stream {
  struct bc_loop *loop;
  bc_stream_fn *fn;
  void *arg;
  int fd; /* -1: none */
  struct bc_watch *watch;
  struct bc_timer *turn; /* for what no readiness will tell of; NULL: it is pretended */
  bool has_news;         /* that turn calls back */
  enum stream_state state;
  int busy_waits_for; /* while connecting or in the handshake */
  struct bc_mono started;
  int64_t connect_us;
  struct stream_half in;
  struct stream_half out;
  size_t wanted;       /* bytes of input; 0: nobody waits for any */
  struct bc_buf input; /* what came */
  size_t taken;        /* of the input */
  struct bc_buf queue; /* what is to be sent */
  size_t sent;         /* of the queue */
  struct bc_tls_session *session;
  struct bc_resolver_address address;
  uint16_t port;
  char place[BC_ENDPOINT_TEXT_BYTES];
};

BC_ENUM_TEXT_FUNCTION(bc_stream_error_text, enum bc_stream_error, BC_STREAM_ERROR_LIST, "unknown")

/* ---- errors ---- */

enum bc_stream_error stream_error_of(int number, const char **text) {
  static const struct {
    int number;
    enum bc_stream_error error;
    const char *text; /* NULL: the system's */
  } known[] = {
      {ECONNREFUSED, BC_STREAM_REFUSED, "connection refused"},
      {EHOSTUNREACH, BC_STREAM_UNREACHABLE, "no route to this host"},
      {ENETUNREACH, BC_STREAM_UNREACHABLE, "no route to its network"},
      {EHOSTDOWN, BC_STREAM_UNREACHABLE, "the host is down"},
      {ENETDOWN, BC_STREAM_UNREACHABLE, "the network is down"},
      {EADDRNOTAVAIL, BC_STREAM_UNREACHABLE, "no address of this host to connect from"},
      {EAGAIN, BC_STREAM_LIMIT, "no port of this host is free to connect from"},
      {EAFNOSUPPORT, BC_STREAM_UNREACHABLE, "this host does not speak this kind of address"},
      {ETIMEDOUT, BC_STREAM_TIMEOUT, "no answer in the system's time"},
      {ECONNRESET, BC_STREAM_RESET, "connection reset"},
      {EPIPE, BC_STREAM_RESET, "connection reset"},
      {ECONNABORTED, BC_STREAM_RESET, "connection reset"},
      {EACCES, BC_STREAM_PERMISSION, "this host does not permit it"},
      {EPERM, BC_STREAM_PERMISSION, "this host does not permit it"},
      {EMFILE, BC_STREAM_LIMIT, "too many descriptors are open"},
      {ENFILE, BC_STREAM_LIMIT, "too many descriptors are open"},
      {ENOBUFS, BC_STREAM_LIMIT, "the system has no memory for it"},
      {ENOMEM, BC_STREAM_LIMIT, "the system has no memory for it"},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (known[i].number == number) {
      *text = known[i].text;
      return known[i].error;
    }
  }
  *text = strerror(number);
  return BC_STREAM_IO;
}

static void stream_end(const struct bc_stream *stream, struct stream_half *half, enum bc_stream_error error,
                       const char *text) {
  if (half->end.error == BC_STREAM_FINE) {
    half->end.error = error;
    bc_fault_set(&half->end.fault, 0, "%s: %s", stream->place, text);
  }
}

static void stream_end_errno(const struct bc_stream *stream, struct stream_half *half, int number) {
  const char *text;
  enum bc_stream_error error = stream_error_of(number, &text);
  stream_end(stream, half, error, text);
}

/* Neither connect nor handshake brought a connection. */
static void stream_fail(struct bc_stream *stream, enum bc_stream_error error, const char *text) {
  stream_end(stream, &stream->in, error, text);
  stream_end(stream, &stream->out, error, text);
  stream->state = STREAM_OPEN;
}

static void stream_fail_errno(struct bc_stream *stream, int number) {
  const char *text;
  enum bc_stream_error error = stream_error_of(number, &text);
  stream_fail(stream, error, text);
}

/* ---- what to wait for ---- */

static bool stream_wants_input(const struct bc_stream *stream) {
  return stream->state == STREAM_OPEN && stream->in.end.error == BC_STREAM_FINE &&
         bc_stream_input(stream).len < stream->wanted;
}

static bool stream_wants_output(const struct bc_stream *stream) {
  return stream->state == STREAM_OPEN && stream->out.end.error == BC_STREAM_FINE && bc_stream_queued(stream) > 0;
}

static void stream_arm(struct bc_stream *stream) {
  int events = stream->state == STREAM_OPEN ? 0 : stream->busy_waits_for;
  events |= stream_wants_input(stream) ? stream->in.waits_for : 0;
  events |= stream_wants_output(stream) ? stream->out.waits_for : 0;
  if (stream->watch != NULL) {
    bc_watch_set(stream->watch, events);
  }
}

/* ---- connect and handshake ---- */

static void stream_finish_connect(struct bc_stream *stream) {
  int error = 0;
  socklen_t len = sizeof error;
  if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
    stream_fail_errno(stream, error != 0 ? error : errno);
    return;
  }
  stream->state = STREAM_OPEN;
  stream->connect_us = bc_mono_now().us - stream->started.us;
}

static void stream_shake(struct bc_stream *stream) {
  struct tls_failure failure = {BC_STREAM_FINE, {0, ""}};
  switch (tls_session_handshake(stream->session, &failure)) {
  case TLS_DONE:
    stream->state = STREAM_OPEN;
    break;
  case TLS_WANTS_READ:
    stream->busy_waits_for = BC_WATCH_READ;
    break;
  case TLS_WANTS_WRITE:
    stream->busy_waits_for = BC_WATCH_WRITE;
    break;
  case TLS_ENDED:
    stream_fail(stream, BC_STREAM_CLOSED, "closed in the TLS handshake");
    break;
  case TLS_FAILED:
    stream_fail(stream, failure.error, failure.fault.text);
    break;
  }
}

/* ---- bytes ---- */

/* What a step of TLS leaves of this direction. */
static void stream_settle(struct bc_stream *stream, struct stream_half *half, enum tls_step step,
                          const struct tls_failure *failure) {
  if (step == TLS_WANTS_READ || step == TLS_WANTS_WRITE) {
    half->waits_for = step == TLS_WANTS_READ ? BC_WATCH_READ : BC_WATCH_WRITE;
  } else if (step == TLS_ENDED) {
    stream_end(stream, half, BC_STREAM_CLOSED, "closed");
  } else if (step == TLS_FAILED) {
    stream_end(stream, half, failure->error, failure->fault.text);
  }
}

/* One piece a call: who floods waits for its turn as all do. */
static void stream_read(struct bc_stream *stream) {
  bc_buf_consume(&stream->input, stream->taken);
  stream->taken = 0;
  size_t left = stream->input.max - stream->input.len;
  size_t room = left < STREAM_READ_BYTES ? left : STREAM_READ_BYTES;
  char *to = bc_buf_reserve(&stream->input, room);
  size_t got = 0;
  if (to == NULL) {
    return;
  }
  if (stream->session != NULL) {
    struct tls_failure failure = {BC_STREAM_FINE, {0, ""}};
    stream->in.waits_for = BC_WATCH_READ;
    enum tls_step step = tls_session_read(stream->session, to, room, &got, &failure);
    stream_settle(stream, &stream->in, step, &failure);
  } else {
    ssize_t count = recv(stream->fd, to, room, 0);
    got = count > 0 ? (size_t)count : 0;
    if (count == 0) {
      stream_end(stream, &stream->in, BC_STREAM_CLOSED, "closed");
    } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
      stream_end_errno(stream, &stream->in, errno);
    }
  }
  bc_buf_commit(&stream->input, got);
}

static void stream_write(struct bc_stream *stream) {
  struct bc_str rest = {.at = stream->queue.data + stream->sent, .len = bc_stream_queued(stream)};
  size_t put = 0;
  if (stream->session != NULL) {
    struct tls_failure failure = {BC_STREAM_FINE, {0, ""}};
    stream->out.waits_for = BC_WATCH_WRITE;
    enum tls_step step = tls_session_write(stream->session, rest, &put, &failure);
    stream_settle(stream, &stream->out, step, &failure);
  } else {
    ssize_t count = send(stream->fd, rest.at, rest.len, MSG_NOSIGNAL);
    put = count > 0 ? (size_t)count : 0;
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      stream_end_errno(stream, &stream->out, errno);
    }
  }
  stream->sent += put;
  if (stream->sent == stream->queue.len || stream->out.end.error != BC_STREAM_FINE) {
    bc_buf_clear(&stream->queue);
    stream->sent = 0;
  }
}

/* ---- the loop ---- */

static void stream_tell_later(struct bc_stream *stream) {
  stream->has_news = true;
  if (stream->turn != NULL) {
    bc_timer_start(stream->turn, 0);
  }
}

/* TLS may hold bytes that the descriptor does not show any more. */
static void stream_arm_pending(struct bc_stream *stream) {
  if (stream_wants_input(stream) && stream->session != NULL && tls_session_has_pending(stream->session)) {
    bc_timer_start(stream->turn, 0);
  }
}

static void stream_on_ready(void *arg, int fd, int events) {
  struct bc_stream *stream = arg;
  bool is_news = false;
  (void)fd;
  if (stream->state != STREAM_OPEN) {
    if (stream->state == STREAM_CONNECTING) {
      stream_finish_connect(stream);
    } else {
      stream_shake(stream);
    }
    is_news = stream->state == STREAM_OPEN;
  } else {
    if (stream_wants_input(stream) && (events & stream->in.waits_for) != 0) {
      stream_read(stream);
      is_news = !stream_wants_input(stream);
    }
    if (stream_wants_output(stream) && (events & stream->out.waits_for) != 0) {
      stream_write(stream);
      is_news = is_news || !stream_wants_output(stream);
    }
  }
  stream_arm(stream);
  stream_arm_pending(stream);
  if (is_news) {
    stream->fn(stream->arg);
  }
}

static void stream_on_turn(void *arg) {
  struct bc_stream *stream = arg;
  bool is_news = stream->has_news;
  stream->has_news = false;
  if (stream->state == STREAM_HANDSHAKING) {
    stream_shake(stream);
    is_news = stream->state == STREAM_OPEN;
  } else if (stream_wants_input(stream) && stream->session != NULL) {
    stream_read(stream);
    is_news = is_news || !stream_wants_input(stream);
  }
  stream_arm(stream);
  stream_arm_pending(stream);
  if (is_news) {
    stream->fn(stream->arg);
  }
}

/* ---- connecting ---- */

struct bc_stream *bc_stream_connect(struct bc_loop *loop, const struct bc_resolver_address *address, uint16_t port,
                                    bc_stream_fn *fn, void *arg) {
  struct bc_stream *stream = bc_mem_new(1, sizeof *stream);
  struct sockaddr_storage to = {0};
  socklen_t len = bc_endpoint_fill(address, port, &to);
  int on = 1;
  *stream = (struct bc_stream){.loop = loop, .fn = fn, .arg = arg, .busy_waits_for = BC_WATCH_WRITE};
  stream->in.waits_for = BC_WATCH_READ;
  stream->out.waits_for = BC_WATCH_WRITE;
  stream->turn = bc_timer_new(loop, stream_on_turn, stream);
  bc_buf_init(&stream->input, BC_LIMIT_STREAM_INPUT_BYTES);
  bc_buf_init(&stream->queue, BC_LIMIT_STREAM_QUEUE_BYTES);
  stream->address = *address;
  stream->port = port;
  bc_endpoint_print(address, port, stream->place);
  stream->started = bc_mono_now();
  stream->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* Requests are small and each waits for its answer: none may wait for an acknowledgement. */
  bool is_fine = stream->fd >= 0 && setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                 (connect(stream->fd, (const struct sockaddr *)&to, len) == 0 || errno == EINPROGRESS);
  if (!is_fine) {
    stream_fail_errno(stream, bc_endpoint_connect_error(errno, (const struct sockaddr *)&to, len));
    stream_tell_later(stream);
    return stream;
  }
  stream->watch = bc_watch_new(loop, stream->fd, stream_on_ready, stream);
  if (stream->watch == NULL) {
    stream_fail(stream, BC_STREAM_LIMIT, "cannot be waited for");
    stream_tell_later(stream);
    return stream;
  }
  stream_arm(stream);
  return stream;
}

struct bc_stream *bc_stream_pretend(const struct bc_resolver_address *address, uint16_t port, int64_t connect_us) {
  struct bc_stream *stream = bc_mem_new(1, sizeof *stream);
  *stream = (struct bc_stream){.fd = -1, .state = STREAM_OPEN, .connect_us = connect_us, .port = port};
  bc_buf_init(&stream->input, BC_LIMIT_STREAM_INPUT_BYTES);
  bc_buf_init(&stream->queue, BC_LIMIT_STREAM_QUEUE_BYTES);
  stream->address = *address;
  bc_endpoint_print(address, port, stream->place);
  return stream;
}

void bc_stream_pretend_tls(struct bc_stream *stream, struct bc_tls_session *session) {
  stream->session = session;
  tls_session_pretend(session);
}

void bc_stream_feed(struct bc_stream *stream, struct bc_str bytes) {
  bc_buf_consume(&stream->input, stream->taken);
  stream->taken = 0;
  size_t room = stream->input.max - stream->input.len;
  bc_buf_add(&stream->input, bytes.at, bytes.len < room ? bytes.len : room);
}

void bc_stream_feed_end(struct bc_stream *stream, enum bc_stream_error error) {
  bool is_reset = error == BC_STREAM_RESET;
  stream_end(stream, &stream->in, error, is_reset ? "connection reset" : "closed");
  if (is_reset) {
    stream_end(stream, &stream->out, error, "connection reset");
  }
}

void bc_stream_close(struct bc_stream *stream) {
  if (stream == NULL) {
    return;
  }
  bc_watch_free(stream->watch);
  bc_timer_free(stream->turn);
  if (stream->session != NULL) {
    tls_session_say_goodbye(stream->session);
    bc_tls_session_free(stream->session);
  }
  if (stream->fd >= 0) {
    (void)close(stream->fd);
  }
  bc_buf_free(&stream->input);
  bc_buf_free(&stream->queue);
  free(stream);
}

void bc_stream_start_tls(struct bc_stream *stream, struct bc_tls_session *session) {
  stream->session = session;
  tls_session_attach(session, stream->fd);
  if (bc_stream_input(stream).len > 0) {
    stream_fail(stream, BC_STREAM_PROTOCOL, "bytes came before the TLS handshake");
  } else if (stream->in.end.error != BC_STREAM_FINE || stream->out.end.error != BC_STREAM_FINE) {
    stream_fail(stream, BC_STREAM_CLOSED, "closed before the TLS handshake");
  } else {
    stream->state = STREAM_HANDSHAKING;
    stream->busy_waits_for = 0;
  }
  stream_arm(stream);
  stream_tell_later(stream);
}

/* ---- for its owner ---- */

void bc_stream_want(struct bc_stream *stream, size_t bytes) {
  stream->wanted = bytes < BC_LIMIT_STREAM_INPUT_BYTES ? bytes : BC_LIMIT_STREAM_INPUT_BYTES;
  stream_arm(stream);
  stream_arm_pending(stream);
  if (bytes > 0 && !stream_wants_input(stream)) {
    stream_tell_later(stream);
  }
}

enum bc_err bc_stream_send(struct bc_stream *stream, struct bc_str bytes) {
  if (bytes.len > stream->queue.max - bc_stream_queued(stream)) {
    return BC_ERR_LIMIT;
  }
  if (stream->out.end.error != BC_STREAM_FINE || bytes.len == 0) {
    stream_tell_later(stream);
    return BC_ERR_OK;
  }
  bc_buf_consume(&stream->queue, stream->sent);
  stream->sent = 0;
  bc_buf_add_str(&stream->queue, bytes);
  stream_arm(stream);
  return BC_ERR_OK;
}

void bc_stream_consume(struct bc_stream *stream, size_t len) {
  size_t most = stream->input.len - stream->taken;
  stream->taken += len < most ? len : most;
}

struct bc_str bc_stream_input(const struct bc_stream *stream) {
  return (struct bc_str){.at = stream->input.data + stream->taken, .len = stream->input.len - stream->taken};
}

size_t bc_stream_queued(const struct bc_stream *stream) {
  return stream->queue.len - stream->sent;
}

bool bc_stream_is_busy(const struct bc_stream *stream) {
  return stream->state != STREAM_OPEN;
}

int64_t bc_stream_connect_us(const struct bc_stream *stream) {
  return stream->connect_us;
}

const char *bc_stream_place(const struct bc_stream *stream) {
  return stream->place;
}

const struct bc_resolver_address *bc_stream_address(const struct bc_stream *stream) {
  return &stream->address;
}

uint16_t bc_stream_port(const struct bc_stream *stream) {
  return stream->port;
}

const struct bc_stream_end *bc_stream_input_end(const struct bc_stream *stream) {
  return &stream->in.end;
}

const struct bc_stream_end *bc_stream_output_end(const struct bc_stream *stream) {
  return &stream->out.end;
}

const struct bc_tls_session *bc_stream_tls(const struct bc_stream *stream) {
  return stream->session;
}
