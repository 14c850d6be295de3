#include "io/httpd_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  HTTPD_FILES = 4096,     /* descriptors that this process may have, where it can raise its limit */
  HTTPD_DRAIN_READS = 16, /* of so many bytes */
  HTTPD_DRAIN_BYTES = 16384,
  HTTPD_IDLE_RUNS = 32,
  HTTPD_SLOW_MS = 10
};

/* ---- closing ---- */

static void httpd_conn_free(struct httpd_conn *conn) {
  struct bc_httpd *httpd = conn->httpd;
  if (conn->mhd == NULL) {
    TAILQ_REMOVE(&httpd->fresh, conn, link);
  } else {
    TAILQ_REMOVE(&httpd->conns, conn, link);
  }
  httpd->conn_count--;
  bc_watch_free(conn->watch);
  bc_timer_free(conn->timer);
  free(conn);
}

static void httpd_drop_fresh(struct httpd_conn *conn) {
  int fd = conn->fd;
  httpd_conn_free(conn);
  (void)close(fd);
}

static void httpd_destroy(struct bc_httpd *httpd) {
  while (!TAILQ_EMPTY(&httpd->fresh)) {
    httpd_drop_fresh(TAILQ_FIRST(&httpd->fresh));
  }
  struct httpd_conn *conn;
  TAILQ_FOREACH(conn, &httpd->conns, link) {
    if (conn->request != NULL) {
      bc_httpd_request_gone(conn->request);
    }
    bc_httpd_resume(conn); /* libmicrohttpd aborts the process when it is stopped with one suspended */
  }
  bc_watch_free(httpd->watch); /* before its descriptor is closed */
  if (httpd->daemon != NULL) {
    MHD_stop_daemon(httpd->daemon);
  }
  bc_timer_free(httpd->timer);
  bc_timer_free(httpd->turn);
  free(httpd);
}

void bc_httpd_enter(struct bc_httpd *httpd) {
  httpd->depth++;
}

void bc_httpd_leave(struct bc_httpd *httpd) {
  if (--httpd->depth == 0 && httpd->is_closed) {
    httpd->depth = 1; /* closing again from what is told now does nothing */
    httpd_destroy(httpd);
  }
}

void bc_httpd_close(struct bc_httpd *httpd) {
  if (httpd == NULL || httpd->is_closed) {
    return;
  }
  httpd->is_closed = true;
  bc_httpd_listen_end(httpd);
  bc_httpd_enter(httpd);
  bc_httpd_leave(httpd);
}

/* ---- running libmicrohttpd ---- */

static void httpd_arm(struct bc_httpd *httpd) {
  MHD_UNSIGNED_LONG_LONG delay_ms;
  if (httpd->has_resumed) {
    bc_timer_start(httpd->timer, 0);
    return;
  }
  if (MHD_get_timeout(httpd->daemon, &delay_ms) != MHD_YES) {
    bc_timer_stop(httpd->timer);
    return;
  }
  /* It runs round and round for a chunk's line that does not fit into its buffer, until the request is too late. */
  if (delay_ms == 0 && httpd->idle_runs > HTTPD_IDLE_RUNS) {
    delay_ms = HTTPD_SLOW_MS;
  }
  bc_timer_start(httpd->timer, (int64_t)(delay_ms < 3600000 ? delay_ms : 3600000));
}

static void httpd_run(struct bc_httpd *httpd) {
  uint64_t before = httpd->progress;
  httpd->has_resumed = false;
  bc_httpd_enter(httpd);
  (void)MHD_run(httpd->daemon);
  if (!httpd->is_closed) {
    httpd->idle_runs = httpd->progress == before ? httpd->idle_runs + 1 : 0;
    httpd_arm(httpd);
  }
  bc_httpd_leave(httpd);
}

static void httpd_on_epoll(void *arg, int fd, int events) {
  (void)fd;
  (void)events;
  httpd_run(arg);
}

static void httpd_on_timer(void *arg) {
  httpd_run(arg);
}

void bc_httpd_suspend(struct httpd_conn *conn) {
  conn->is_suspended = true;
  MHD_suspend_connection(conn->mhd);
  bc_watch_set(conn->watch, BC_WATCH_GONE);
}

void bc_httpd_resume(struct httpd_conn *conn) {
  if (conn->is_suspended) {
    conn->is_suspended = false;
    bc_watch_set(conn->watch, 0);
    MHD_resume_connection(conn->mhd);
    conn->httpd->has_resumed = true; /* it does not tell so by its descriptor */
    bc_timer_start(conn->httpd->timer, 0);
  }
}

/* ---- connections ---- */

/* What is unread when a descriptor is closed makes the kernel reset the connection, and what was sent last may be lost.
 */
static void httpd_drain(int fd) {
  char bytes[HTTPD_DRAIN_BYTES];
  for (int i = 0; i < HTTPD_DRAIN_READS; i++) {
    if (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) {
      return;
    }
  }
}

static void httpd_send_error(int fd, unsigned status, const char *code, const char *detail, bool is_head) {
  struct bc_buf body, text;
  bc_buf_init(&body, 4096);
  bc_buf_init(&text, 8192);
  bc_problem_print(&body, status, code, detail, 0, NULL);
  bc_buf_add_format(&text,
                    "HTTP/1.1 %u %s\r\nContent-Type: " BC_PROBLEM_TYPE "\r\nContent-Length: %zu\r\n"
                    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n%s\r\n",
                    status, bc_problem_title(status), body.len, status == 503 ? "Retry-After: 5\r\n" : "");
  bc_buf_add(&text, body.data, is_head ? 0 : body.len);
  httpd_drain(fd);
  /* One attempt: a client that did not behave gets no more time. */
  (void)!send(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
  bc_buf_free(&body);
  bc_buf_free(&text);
}

void bc_httpd_tell(struct httpd_conn *conn, struct bc_httpd_request *request, unsigned status, const char *code,
                   const char *detail) {
  struct bc_httpd_counts *counts = &conn->httpd->counts;
  bool is_too_large = status == 413 || status == 414 || status == 431;
  uint64_t *count = is_too_large ? &counts->too_large : status == 408 ? &counts->too_slow : &counts->malformed;
  (*count)++;
  httpd_send_error(conn->fd, status, code, detail, request != NULL && request->is_head);
  if (request != NULL) {
    request->is_told = true;
  }
}

static void httpd_hand_over(struct httpd_conn *conn) {
  struct bc_httpd *httpd = conn->httpd;
  bc_watch_set(conn->watch, 0);
  bc_timer_start(conn->timer, httpd->request_ms);
  httpd->adding = conn;
  /* It closes the descriptor in any case, and tells of the end when it told of the begin. */
  enum MHD_Result result =
      MHD_add_connection(httpd->daemon, conn->fd, (const struct sockaddr *)&conn->address, conn->address_len);
  if (result != MHD_YES && httpd->adding != NULL) {
    httpd_conn_free(conn);
  }
  httpd->adding = NULL;
  bc_timer_start(httpd->timer, 0);
}

static void httpd_on_fresh(struct httpd_conn *conn) {
  char byte;
  ssize_t got = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) {
    httpd_hand_over(conn);
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    httpd_drop_fresh(conn);
  }
}

static void httpd_on_conn(void *arg, int fd, int events) {
  struct httpd_conn *conn = arg;
  struct bc_httpd *httpd = conn->httpd;
  (void)fd;
  (void)events;
  if (conn->mhd == NULL) {
    httpd_on_fresh(conn);
  } else if (conn->request == NULL) { /* the first byte of another request */
    bc_watch_set(conn->watch, 0);
    bc_timer_start(conn->timer, httpd->request_ms);
  } else if (conn->is_suspended) {
    bc_httpd_enter(httpd);
    bc_httpd_request_gone(conn->request);
    bc_httpd_resume(conn);
    bc_httpd_leave(httpd);
  }
}

static void httpd_on_late(void *arg) {
  struct httpd_conn *conn = arg;
  if (conn->mhd == NULL) {
    httpd_drop_fresh(conn);
    return;
  }
  bc_httpd_tell(conn, conn->request, 408, "timeout", "the request was not complete 10 s after its first byte");
  (void)shutdown(conn->fd, SHUT_RDWR); /* which libmicrohttpd sees, and ends the connection */
  /* But it does not look when its buffer is full. */
  (void)MHD_set_connection_option(conn->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 1U);
  bc_timer_start(conn->httpd->timer, 0);
}

static unsigned httpd_count_address(const struct bc_httpd *httpd, const struct bc_httpd_peer *peer) {
  unsigned count = 0;
  const struct httpd_conn *conn;
  TAILQ_FOREACH(conn, &httpd->conns, link) {
    count += strcmp(conn->peer.address, peer->address) == 0;
  }
  TAILQ_FOREACH(conn, &httpd->fresh, link) {
    count += strcmp(conn->peer.address, peer->address) == 0;
  }
  return count;
}

static void httpd_refuse(struct bc_httpd *httpd, int fd, const char *detail) {
  httpd->counts.refused++;
  httpd_send_error(fd, 503, "connections", detail, false);
  (void)shutdown(fd, SHUT_WR);
  httpd_drain(fd);
  (void)close(fd);
}

void bc_httpd_add(struct bc_httpd *httpd, int fd, const struct bc_httpd_peer *peer, const struct sockaddr *address,
                  socklen_t address_len) {
  bool is_local = peer->is_unix || peer->is_loopback;
  if (!is_local && httpd_count_address(httpd, peer) >= BC_LIMIT_HTTP_ADDRESS_CONNECTIONS) {
    httpd_refuse(httpd, fd, "too many connections from this address");
    return;
  }
  if (httpd->conn_count >= httpd->conn_max) {
    if (TAILQ_EMPTY(&httpd->fresh)) {
      httpd_refuse(httpd, fd, "too many connections");
      return;
    }
    httpd_drop_fresh(TAILQ_FIRST(&httpd->fresh)); /* the one that is silent for longest */
  }
  struct httpd_conn *conn = bc_mem_new(1, sizeof *conn);
  *conn = (struct httpd_conn){.httpd = httpd, .fd = fd, .peer = *peer, .address_len = address_len};
  memcpy(&conn->address, address, address_len);
  conn->watch = bc_watch_new(httpd->loop, fd, httpd_on_conn, conn);
  if (conn->watch == NULL) { /* the user's limit of watched descriptors */
    free(conn);
    httpd_refuse(httpd, fd, "too many connections");
    return;
  }
  conn->timer = bc_timer_new(httpd->loop, httpd_on_late, conn);
  TAILQ_INSERT_TAIL(&httpd->fresh, conn, link);
  httpd->conn_count++;
  httpd->counts.connections++;
  bc_timer_start(conn->timer, (int64_t)httpd->idle_s * 1000);
  bc_watch_set(conn->watch, BC_WATCH_READ);
}

/* ---- libmicrohttpd's callbacks ---- */

/* libmicrohttpd tells of errors that it answers, but not on which connection. */
static bool httpd_was_told(struct bc_httpd *httpd) {
  bool was_told = httpd->told > 0;
  httpd->told -= was_told;
  return was_told;
}

/* It has the begin of a first line, and its client is still there. */
static bool httpd_is_cut_off(const struct httpd_conn *conn) {
  char byte;
  return conn->request == NULL && bc_timer_is_armed(conn->timer) &&
         (recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 || errno == EAGAIN);
}

/* Before libmicrohttpd closes the descriptor. It ends what is no HTTP at all without a word (a line without a blank).
 */
static void httpd_end(struct httpd_conn *conn) {
  struct bc_httpd *httpd = conn->httpd;
  if (!httpd->is_closed && httpd_is_cut_off(conn)) {
    if (!httpd_was_told(httpd)) {
      bc_httpd_tell(conn, NULL, 400, "malformed", "the first line of the request is malformed");
    }
  }
  int fd = conn->fd;
  httpd_conn_free(conn);
  (void)shutdown(fd, SHUT_WR);
  httpd_drain(fd);
}

static void httpd_on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                                enum MHD_ConnectionNotificationCode code) {
  struct bc_httpd *httpd = arg;
  struct httpd_conn *conn = *context;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    conn = httpd->adding;
    httpd->adding = NULL;
    *context = conn;
    TAILQ_REMOVE(&httpd->fresh, conn, link);
    TAILQ_INSERT_TAIL(&httpd->conns, conn, link);
    conn->mhd = mhd;
    if (httpd->idle_s != HTTPD_IDLE_S) {
      (void)MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, httpd->idle_s);
    }
  } else if (conn != NULL) {
    httpd_end(conn);
  }
}

static struct httpd_conn *httpd_conn_of(struct MHD_Connection *mhd) {
  return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The request's line came. What is returned is the request's context. */
static void *httpd_on_line(void *arg, const char *target, struct MHD_Connection *mhd) {
  struct bc_httpd *httpd = arg;
  struct httpd_conn *conn = httpd_conn_of(mhd);
  httpd->progress++;
  bc_watch_set(conn->watch, 0);
  if (!bc_timer_is_armed(conn->timer)) {
    bc_timer_start(conn->timer, httpd->request_ms);
  }
  conn->request = bc_httpd_request_new(conn, target);
  return conn->request;
}

static enum MHD_Result httpd_give(struct bc_httpd_request *request) {
  struct MHD_Response *response = request->response;
  request->response = NULL;
  enum MHD_Result result = MHD_queue_response(request->conn->mhd, request->status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result httpd_handle(struct bc_httpd_request *request) {
  struct httpd_conn *conn = request->conn;
  struct bc_httpd *httpd = conn->httpd;
  bc_timer_stop(conn->timer);
  if (httpd->is_closed || !bc_httpd_request_complete(request)) {
    return MHD_NO;
  }
  httpd->counts.requests++;
  httpd->pending++;
  request->stage = HTTPD_PENDING;
  request->is_in_handler = true;
  httpd->fn(httpd->arg, request);
  request->is_in_handler = false;
  if (request->stage == HTTPD_ANSWERED) {
    return httpd_give(request);
  }
  bc_httpd_suspend(conn);
  return MHD_YES;
}

static enum MHD_Result httpd_on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                                        const char *version, const char *bytes, size_t *len, void **context) {
  struct bc_httpd *httpd = arg;
  struct bc_httpd_request *request = *context;
  (void)mhd;
  httpd->progress++;
  switch (request->stage) {
  case HTTPD_HEAD:
    return bc_httpd_request_begin(request, url, method, version) ? MHD_YES : MHD_NO;
  case HTTPD_BODY:
  case HTTPD_TOO_LARGE:
    if (*len > 0) {
      bool is_good = bc_httpd_request_add(request, bytes, *len);
      *len = 0;
      return is_good ? MHD_YES : MHD_NO;
    }
    return httpd_handle(request);
  case HTTPD_PENDING:
    bc_httpd_suspend(request->conn);
    return MHD_YES;
  case HTTPD_ANSWERED:
    return httpd_give(request);
  case HTTPD_GONE:
    break;
  }
  return MHD_NO;
}

static void httpd_count_end(struct bc_httpd_counts *counts, const struct bc_httpd_request *request,
                            enum MHD_RequestTerminationCode code) {
  if (request->stage == HTTPD_ANSWERED) {
    bool is_whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && !request->is_broken;
    uint64_t *count = is_whole ? &counts->answered : &counts->gone;
    (*count)++;
    counts->unread += code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED;
  }
}

static void httpd_on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                               enum MHD_RequestTerminationCode code) {
  struct bc_httpd *httpd = arg;
  struct bc_httpd_request *request = *context;
  (void)mhd;
  httpd->progress++;
  if (request == NULL) {
    return;
  }
  struct httpd_conn *conn = request->conn;
  bc_httpd_request_gone(request);
  if (request->stage < HTTPD_PENDING && !request->is_told) {
    (void)httpd_was_told(httpd);
  }
  httpd_count_end(&httpd->counts, request, code);
  bc_httpd_pieces_end(request);
  bc_httpd_request_free(request);
  *context = NULL;
  conn->request = NULL;
  /* Another may follow; else the connection ends in this run, and its watch with it. */
  bc_timer_stop(conn->timer);
  bc_watch_set(conn->watch, BC_WATCH_READ);
}

/* Left as it came: what is checked is what was sent. */
static size_t httpd_on_unescape(void *arg, struct MHD_Connection *mhd, char *text) {
  (void)arg;
  (void)mhd;
  return strlen(text);
}

static struct httpd_conn *httpd_find_at_head(const struct bc_httpd *httpd) {
  struct httpd_conn *conn;
  TAILQ_FOREACH(conn, &httpd->conns, link) {
    if (conn->request != NULL && conn->request->stage == HTTPD_HEAD &&
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL) {
      break; /* its head is complete, and was not given to us: it is the one that libmicrohttpd works on */
    }
  }
  return conn;
}

/* What libmicrohttpd says of a bad Content-Length is mangled: it makes the head of its answer twice. */
static bool httpd_tell_of_length(struct bc_httpd *httpd, bool is_too_large) {
  struct httpd_conn *conn = httpd_find_at_head(httpd);
  if (conn == NULL) {
    return false;
  }
  bc_httpd_tell(conn, conn->request, is_too_large ? 413 : 400, is_too_large ? "body-too-large" : "malformed",
                is_too_large ? "the body is longer than 131072 bytes" : "Content-Length is no number");
  (void)shutdown(conn->fd, SHUT_RDWR); /* nothing else is sent */
  return true;
}

/* It tells of the errors that it answers by itself with a line, which has the status first. */
static void httpd_on_log(void *arg, const char *format, va_list arguments) {
  struct bc_httpd *httpd = arg;
  static const char begin[] = "Error processing request (HTTP response code is %u";
  static const char bad_length[] = "Failed to parse `Content-Length' header.";
  static const char large_length[] = "Too large value of 'Content-Length' header.";
  bool is_too_large = strncmp(format, large_length, sizeof large_length - 1) == 0;
  if (is_too_large || strncmp(format, bad_length, sizeof bad_length - 1) == 0) {
    httpd->is_told = httpd_tell_of_length(httpd, is_too_large);
  } else if (strncmp(format, begin, sizeof begin - 1) == 0 && !httpd->is_told) {
    unsigned status = va_arg(arguments, unsigned);
    bool is_large = status == 413 || status == 414 || status == 431;
    uint64_t *count = is_large ? &httpd->counts.too_large : &httpd->counts.malformed;
    (*count)++;
    httpd->told++;
  } else {
    httpd->is_told = false;
  }
}

/* ---- opening ---- */

/* The process has other needs: at most a half of its descriptors are for clients. */
static unsigned httpd_connections_max(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
    return BC_LIMIT_HTTP_CONNECTIONS;
  }
  if (files.rlim_cur < HTTPD_FILES) {
    files.rlim_cur = files.rlim_max < HTTPD_FILES ? files.rlim_max : HTTPD_FILES;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)getrlimit(RLIMIT_NOFILE, &files);
  }
  return files.rlim_cur / 2 < BC_LIMIT_HTTP_CONNECTIONS ? (unsigned)(files.rlim_cur / 2) : BC_LIMIT_HTTP_CONNECTIONS;
}

static bool httpd_start(struct bc_httpd *httpd) {
  httpd->daemon = MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
      NULL, httpd_on_request, httpd, MHD_OPTION_EXTERNAL_LOGGER, httpd_on_log, httpd, MHD_OPTION_NOTIFY_CONNECTION,
      httpd_on_connection, httpd, MHD_OPTION_NOTIFY_COMPLETED, httpd_on_completed, httpd, MHD_OPTION_URI_LOG_CALLBACK,
      httpd_on_line, httpd, MHD_OPTION_UNESCAPE_CALLBACK, httpd_on_unescape, httpd, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      (size_t)HTTPD_POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT, (unsigned)BC_LIMIT_HTTP_CONNECTIONS + 1U,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTPD_IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_END);
  if (httpd->daemon == NULL) {
    return false;
  }
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  httpd->watch = info == NULL ? NULL : bc_watch_new(httpd->loop, info->epoll_fd, httpd_on_epoll, httpd);
  return httpd->watch != NULL;
}

enum bc_err bc_httpd_open(struct bc_loop *loop, const char *listen, bc_httpd_fn *fn, void *arg, struct bc_httpd **out,
                          struct bc_fault *fault) {
  struct bc_httpd *httpd = bc_mem_new(1, sizeof *httpd);
  *httpd =
      (struct bc_httpd){.loop = loop, .fn = fn, .arg = arg, .request_ms = HTTPD_REQUEST_MS, .idle_s = HTTPD_IDLE_S};
  TAILQ_INIT(&httpd->fresh);
  TAILQ_INIT(&httpd->conns);
  TAILQ_INIT(&httpd->waiting);
  httpd->conn_max = httpd_connections_max();
  httpd->timer = bc_timer_new(loop, httpd_on_timer, httpd);
  httpd->turn = bc_timer_new(loop, bc_httpd_on_turn, httpd);
  enum bc_err err = BC_ERR_OK;
  if (!httpd_start(httpd)) {
    bc_fault_set(fault, 0, "cannot start the HTTP server: %s", strerror(errno));
    err = BC_ERR_IO;
  } else {
    err = bc_httpd_listen(httpd, listen, fault);
  }
  if (err != BC_ERR_OK) {
    bc_httpd_close(httpd);
    return err;
  }
  bc_watch_set(httpd->watch, BC_WATCH_READ);
  *out = httpd;
  return BC_ERR_OK;
}

void bc_httpd_set_times(struct bc_httpd *httpd, int64_t request_ms, unsigned idle_s) {
  httpd->request_ms = request_ms;
  httpd->idle_s = idle_s;
}

void bc_httpd_on_end(struct bc_httpd *httpd, bc_httpd_end_fn *fn, void *arg) {
  httpd->end = fn;
  httpd->end_arg = arg;
}

struct bc_httpd_counts bc_httpd_counts(const struct bc_httpd *httpd) {
  return httpd->counts;
}

unsigned bc_httpd_connections(const struct bc_httpd *httpd) {
  return httpd->conn_count;
}

unsigned bc_httpd_pending(const struct bc_httpd *httpd) {
  return httpd->pending;
}
