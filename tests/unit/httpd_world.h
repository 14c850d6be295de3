/* An HTTP server, and clients on the same loop that write bytes as they are. */
#ifndef BC_TESTS_HTTPD_WORLD_H
#define BC_TESTS_HTTPD_WORLD_H

#include "base/limits.h"
#include "base/mem.h"
#include "io/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct client {
  struct fixture *f;
  int fd;
  struct bc_watch *watch;
  struct bc_buf answer;
  bool has_ended;
};

struct fixture {
  struct bc_loop *loop;
  struct bc_httpd *httpd;
  struct bc_timer *deadline;
  char directory[64], path[96], listen[128];
  unsigned calls, gone, ended; /* handler, on_gone, on_end */
  unsigned last_status;        /* told to on_end */
  char method[16], target[256], said[1024];
  struct bc_buf body;
  struct bc_httpd_peer peer;
  struct bc_httpd_request *pending[64]; /* of /later, until they are answered or gone */
  unsigned pending_count;
  size_t piece_bytes, piece_count; /* of the next answer in pieces */
  unsigned looks;                  /* so often it is not ready */
  unsigned made, pieces_ended;
  bool closes_server;
  /* Of /stream. */
  struct bc_httpd_request *stream;
  struct bc_buf news;
  bool stream_ends, stream_wakes_itself;
  unsigned asked;
};

struct pieces {
  struct fixture *f;
  size_t left, bytes;
};

static inline bool pieces_on_more(void *arg, struct bc_buf *text) {
  struct pieces *pieces = arg;
  assert_int_equal(text->len, 0);
  pieces->f->made++;
  char *room = bc_buf_reserve(text, pieces->bytes);
  if (room != NULL) {
    memset(room, 'x', pieces->bytes);
    bc_buf_commit(text, pieces->bytes);
  }
  return --pieces->left > 0;
}

static inline bool pieces_on_ready(void *arg) {
  struct pieces *pieces = arg;
  pieces->f->looks -= pieces->f->looks > 0;
  return pieces->f->looks == 0;
}

static inline void pieces_on_end(void *arg) {
  struct pieces *pieces = arg;
  pieces->f->pieces_ended++;
  free(pieces);
}

static inline bool stream_on_more(void *arg, struct bc_buf *text) {
  struct fixture *f = arg;
  f->asked++;
  bc_buf_add_str(text, bc_buf_str(&f->news));
  bc_buf_clear(&f->news);
  if (f->stream_wakes_itself) {
    f->stream_wakes_itself = false;
    bc_buf_add_text(&f->news, "more;");
    bc_httpd_wake(f->stream);
  }
  return !f->stream_ends;
}

static inline void stream_on_end(void *arg) {
  struct fixture *f = arg;
  f->stream = NULL;
  f->pieces_ended++;
}

static inline void on_gone(void *arg) {
  struct fixture *f = arg;
  f->gone++;
  f->pending_count--;
}

static inline void on_each(void *arg, const char *name, const char *value) {
  struct fixture *f = arg;
  size_t at = strlen(f->said);
  (void)snprintf(f->said + at, sizeof f->said - at, "%s=%s;", name, value);
}

static inline void answer_text(struct bc_httpd_request *request, unsigned status, const char *text) {
  bc_httpd_answer(request, status, "text/plain", bc_str_of(text));
}

static inline void answer_pieces(struct fixture *f, struct bc_httpd_request *request) {
  struct pieces *pieces = calloc(1, sizeof *pieces);
  *pieces = (struct pieces){.f = f, .left = f->piece_count, .bytes = f->piece_bytes};
  struct bc_httpd_pieces answer = {
      .more = pieces_on_more, .end = pieces_on_end, .is_ready = f->looks > 0 ? pieces_on_ready : NULL, .arg = pieces};
  bc_httpd_answer_pieces(request, 200, "text/plain", &answer, false);
}

static inline void answer_form(struct bc_httpd_request *request) {
  struct bc_str value;
  if (bc_httpd_form(request, "command", &value)) {
    bc_httpd_answer(request, 200, "text/plain", value);
  } else {
    answer_text(request, 422, "no command");
  }
}

static inline void on_request(void *arg, struct bc_httpd_request *request) {
  struct fixture *f = arg;
  const char *path = bc_httpd_path(request);
  f->calls++;
  f->said[0] = '\0';
  (void)snprintf(f->method, sizeof f->method, "%s", bc_httpd_method(request));
  (void)snprintf(f->target, sizeof f->target, "%s", path);
  bc_httpd_query_each(request, on_each, f);
  bc_httpd_peer(request, &f->peer);
  bc_buf_clear(&f->body);
  bc_buf_add_str(&f->body, bc_httpd_body(request));
  if (f->closes_server) {
    bc_httpd_close(f->httpd);
    f->httpd = NULL;
  }
  if (strcmp(path, "/later") == 0) {
    f->pending[f->pending_count++] = request;
    bc_httpd_on_gone(request, on_gone, f);
  } else if (strcmp(path, "/release") == 0) { /* another one's answer from within the handler */
    answer_text(f->pending[--f->pending_count], 200, "released");
    answer_text(request, 200, "released it");
  } else if (strcmp(path, "/pieces") == 0) {
    answer_pieces(f, request);
  } else if (strcmp(path, "/stream") == 0) {
    struct bc_httpd_pieces answer = {.more = stream_on_more, .end = stream_on_end, .arg = f};
    f->stream = request;
    bc_httpd_answer_pieces(request, 200, "text/event-stream", &answer, true);
  } else if (strcmp(path, "/form") == 0) {
    answer_form(request);
  } else if (strcmp(path, "/echo") == 0) {
    bc_httpd_answer(request, 200, "text/plain", bc_httpd_body(request));
  } else {
    bc_httpd_add_header(request, "X-Test", "yes");
    answer_text(request, 200, "pong\n");
  }
}

static inline void on_end(void *arg, struct bc_httpd_request *request, unsigned status) {
  struct fixture *f = arg;
  assert_non_null(bc_httpd_path(request));
  f->ended++;
  f->last_status = status;
}

static inline void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 60 s");
}

static inline int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  (void)snprintf(f->directory, sizeof f->directory, "/tmp/bc-test-httpd-XXXXXX");
  assert_non_null(mkdtemp(f->directory));
  (void)snprintf(f->path, sizeof f->path, "%s/http.sock", f->directory);
  (void)snprintf(f->listen, sizeof f->listen, "unix:%s", f->path);
  bc_buf_init(&f->body, 1 << 20);
  bc_buf_init(&f->news, 4 << 20);
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  bc_timer_start(f->deadline, 60000);
  struct bc_fault fault;
  assert_int_equal(bc_httpd_open(f->loop, f->listen, on_request, f, &f->httpd, &fault), BC_ERR_OK);
  bc_httpd_on_end(f->httpd, on_end, f);
  *state = f;
  return 0;
}

static inline int teardown(void **state) {
  struct fixture *f = *state;
  bc_httpd_close(f->httpd);
  bc_timer_free(f->deadline);
  bc_loop_free(f->loop);
  bc_buf_free(&f->body);
  bc_buf_free(&f->news);
  (void)unlink(f->path);
  assert_int_equal(rmdir(f->directory), 0);
  free(f);
  return 0;
}

/* Reads on until there is nothing: a reset connection is reported only once. */
static inline void on_answer(void *arg, int fd, int events) {
  struct client *client = arg;
  (void)events;
  for (;;) {
    char *room = bc_buf_reserve(&client->answer, 65536);
    ssize_t got = recv(fd, room, 65536, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      break;
    }
    if (got <= 0) {
      client->has_ended = true;
      bc_watch_set(client->watch, 0);
      break;
    }
    bc_buf_commit(&client->answer, (size_t)got);
  }
  bc_loop_stop(client->f->loop);
}

static inline int connect_unix(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static inline void client_take(struct client *client, struct fixture *f, int fd) {
  *client = (struct client){.f = f, .fd = fd};
  bc_buf_init(&client->answer, 512u << 20);
  client->watch = bc_watch_new(f->loop, client->fd, on_answer, client);
  bc_watch_set(client->watch, BC_WATCH_READ);
}

static inline void client_open(struct client *client, struct fixture *f) {
  client_take(client, f, connect_unix(f->path));
}

static inline void on_poll(void *arg) {
  bc_loop_stop(arg);
}

static inline void run_for(struct fixture *f, int64_t ms) {
  struct bc_timer *timer = bc_timer_new(f->loop, on_poll, f->loop);
  bc_timer_start(timer, ms);
  bc_loop_run(f->loop);
  bc_timer_free(timer);
}

/* One turn of the loop, or a little more. */
static inline void one_round(struct fixture *f) {
  run_for(f, 0);
}

static inline void client_send_bytes(struct client *client, const char *bytes, size_t len) {
  while (len > 0 && !client->has_ended) {
    ssize_t put = send(client->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EAGAIN) {
      one_round(client->f);
      continue;
    }
    if (put < 0) {
      return; /* the server ended it: what it said is read */
    }
    bytes += put;
    len -= (size_t)put;
  }
}

static inline void client_send(struct client *client, const char *text) {
  client_send_bytes(client, text, strlen(text));
}

static inline void client_end(struct client *client) {
  bc_watch_free(client->watch);
  (void)close(client->fd);
  bc_buf_free(&client->answer);
}

static inline void client_wait_end(struct client *client) {
  while (!client->has_ended) {
    bc_loop_run(client->f->loop);
  }
}

static inline unsigned count_of(const struct client *client, const char *text) {
  unsigned count = 0;
  for (const char *at = client->answer.data; (at = strstr(at, text)) != NULL; at++) {
    count++;
  }
  return count;
}

/* Until `text` stands in the answer so often. */
static inline void client_wait_text(struct client *client, const char *text, unsigned times) {
  while (count_of(client, text) < times) {
    if (client->has_ended) {
      fail_msg("not in the answer: %s; there is: %s", text, client->answer.data);
    }
    bc_loop_run(client->f->loop);
  }
}

static inline void wait_until_calls(struct fixture *f, unsigned calls) {
  while (f->calls < calls) {
    one_round(f);
  }
}

/* Its status; 0 for nothing at all, 1 for something that is no answer. */
static inline unsigned status_of(const struct client *client) {
  unsigned status = 1;
  if (client->answer.len == 0) {
    return 0;
  }
  (void)sscanf(client->answer.data, "HTTP/1.1 %u ", &status);
  return status;
}

/* Writes the request, waits for the end of the connection. */
static inline unsigned ask_bytes(struct fixture *f, const char *bytes, size_t len) {
  struct client client;
  client_open(&client, f);
  client_send_bytes(&client, bytes, len);
  client_wait_end(&client);
  unsigned status = status_of(&client);
  client_end(&client);
  return status;
}

static inline unsigned ask_status(struct fixture *f, const char *request) {
  return ask_bytes(f, request, strlen(request));
}

/* The whole answer must be this, but for its Date header. */
static inline void ask(struct fixture *f, const char *request, const char *expected_body) {
  struct client client;
  client_open(&client, f);
  client_send(&client, request);
  client_wait_end(&client);
  const char *body = strstr(client.answer.data, "\r\n\r\n");
  assert_non_null(body);
  assert_string_equal(body + 4, expected_body);
  client_end(&client);
}

#endif
