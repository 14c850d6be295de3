/* A server at a socket, and clients on the same loop. */
#ifndef BC_TESTS_SOCK_WORLD_H
#define BC_TESTS_SOCK_WORLD_H

#include "base/limits.h"
#include "io/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
  struct bc_sock *sock;
  struct bc_timer *deadline;
  char directory[64], path[96];
  struct bc_sock_peer peer;
  struct bc_buf request;
  size_t answer_bytes;  /* of the next answer; 0: "pong" */
  size_t pieces;        /* of the next answer, each of so many bytes; 0: as a whole */
  unsigned made, ended; /* pieces; answers in pieces */
  unsigned looks;       /* so often a piece is not ready yet */
  bool closes_server;
  unsigned calls;
};

/* One answer in pieces. */
struct pieces {
  struct fixture *f;
  size_t left;
  size_t bytes;
};

static inline void add_bytes(struct bc_buf *to, size_t count) {
  char piece[65536];
  memset(piece, 'x', sizeof piece);
  for (size_t left = count; left > 0;) {
    size_t len = left < sizeof piece ? left : sizeof piece;
    bc_buf_add(to, piece, len);
    left -= len;
  }
}

static inline bool on_more(void *arg, struct bc_buf *text) {
  struct pieces *pieces = arg;
  assert_int_equal(text->len, 0);
  pieces->f->made++;
  add_bytes(text, pieces->bytes);
  return --pieces->left > 0;
}

static inline bool on_is_ready(void *arg) {
  struct pieces *pieces = arg;
  pieces->f->looks -= pieces->f->looks > 0;
  return pieces->f->looks == 0;
}

static inline void on_end(void *arg) {
  struct pieces *pieces = arg;
  pieces->f->ended++;
  free(pieces);
}

static inline void on_request(void *arg, const struct bc_sock_peer *peer, struct bc_str request,
                              struct bc_sock_answer *answer) {
  struct fixture *f = arg;
  f->calls++;
  f->peer = *peer;
  bc_buf_clear(&f->request);
  bc_buf_add_str(&f->request, request);
  if (f->answer_bytes == 0) {
    bc_buf_add_text(&answer->text, "pong");
  }
  add_bytes(&answer->text, f->answer_bytes);
  if (f->pieces > 0) {
    struct pieces *pieces = calloc(1, sizeof *pieces);
    *pieces = (struct pieces){.f = f, .left = f->pieces, .bytes = f->answer_bytes};
    answer->more = on_more;
    answer->end = on_end;
    answer->is_ready = f->looks > 0 ? on_is_ready : NULL;
    answer->arg = pieces;
  }
  if (f->closes_server) {
    bc_sock_close(f->sock);
    f->sock = NULL;
  }
}

static inline void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 30 s");
}

static inline int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  (void)snprintf(f->directory, sizeof f->directory, "/tmp/bc-test-sock-XXXXXX");
  assert_non_null(mkdtemp(f->directory));
  (void)snprintf(f->path, sizeof f->path, "%s/n1.sock", f->directory);
  bc_buf_init(&f->request, 1 << 20);
  f->loop = bc_loop_new();
  f->deadline = bc_timer_new(f->loop, on_deadline, f);
  bc_timer_start(f->deadline, 30000);
  struct bc_fault fault;
  assert_int_equal(bc_sock_open(f->loop, f->path, on_request, f, &f->sock, &fault), BC_ERR_OK);
  *state = f;
  return 0;
}

static inline int teardown(void **state) {
  struct fixture *f = *state;
  bc_sock_close(f->sock);
  bc_timer_free(f->deadline);
  bc_loop_free(f->loop);
  bc_buf_free(&f->request);
  (void)unlink(f->path);
  assert_int_equal(rmdir(f->directory), 0);
  free(f);
  return 0;
}

static inline int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

/* Reads on until there is nothing: a reset connection is reported only once. */
static inline void on_answer(void *arg, int fd, int events) {
  struct client *client = arg;
  (void)events;
  for (;;) {
    char *room = bc_buf_reserve(&client->answer, 65536);
    ssize_t got = recv(fd, room, 65536, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      return;
    }
    if (got <= 0) {
      break;
    }
    bc_buf_commit(&client->answer, (size_t)got);
  }
  client->has_ended = true;
  bc_watch_set(client->watch, 0);
  bc_loop_stop(client->f->loop);
}

/* Connects and writes `request` as it is. */
static inline void client_start(struct client *client, struct fixture *f, const char *request) {
  *client = (struct client){.f = f, .fd = connect_to(f->path)};
  bc_buf_init(&client->answer, 512u << 20);
  if (request[0] != '\0') {
    assert_int_equal(send(client->fd, request, strlen(request), 0), strlen(request));
  }
  client->watch = bc_watch_new(f->loop, client->fd, on_answer, client);
  bc_watch_set(client->watch, BC_WATCH_READ);
}

static inline void client_end(struct client *client) {
  bc_watch_free(client->watch);
  (void)close(client->fd);
  bc_buf_free(&client->answer);
}

static inline void client_wait(struct client *client) {
  while (!client->has_ended) {
    bc_loop_run(client->f->loop);
  }
}

static inline void ask(struct fixture *f, const char *request, const char *expected) {
  struct client client;
  client_start(&client, f, request);
  client_wait(&client);
  assert_string_equal(client.answer.data, expected);
  client_end(&client);
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

#endif
