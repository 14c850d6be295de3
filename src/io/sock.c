#include "io/sock.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/unix_listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  SOCK_NOT_YET_MS = 10, /* a piece is not there yet */
  SOCK_PATIENCE_MS = 5000,
  SOCK_RETRY_MS = 1000,
  SOCK_LOOK_MS = 2, /* for pieces that cannot be made yet */
  SOCK_READ_BYTES = 16384,
  SOCK_TURN_BYTES = 1048576 /* written per turn of the loop */
};

struct sock_client {
  TAILQ_ENTRY(sock_client) link;
  struct bc_sock *sock;
  struct bc_sock_peer peer;
  int fd;
  struct bc_watch *watch;
  struct bc_timer *timer; /* for the whole request, then for each piece of the answer */
  struct bc_buf request;
  struct bc_sock_answer answer;
  size_t sent; /* of the answer's text */
  bool is_answering;
  bool is_waiting; /* in sock->waiting */
  TAILQ_ENTRY(sock_client) waiting;
};

struct bc_sock {
  struct bc_loop *loop;
  char *path;
  int fd;
  struct bc_watch *watch;
  struct bc_timer *retry; /* after accept failed for want of descriptors */
  bc_sock_fn *fn;
  void *arg;
  struct stat file; /* the socket's, so that only our own is removed */
  TAILQ_HEAD(, sock_client) clients;
  TAILQ_HEAD(, sock_client) waiting; /* for the next piece of their answer */
  struct bc_timer *turn;             /* makes one of them */
  unsigned client_count;
  unsigned idle_turns; /* in a row in which the client had no piece yet */
  struct bc_sock_counts counts;
  struct sock_client *handled; /* its request is with the handler: closing waits for it */
  bool is_closed;
};

static void sock_release(struct bc_sock *sock) {
  free(sock->path);
  free(sock);
}

static void sock_end_answer(struct bc_sock_answer *answer) {
  if (answer->end != NULL) {
    answer->end(answer->arg);
  }
  *answer = (struct bc_sock_answer){.text = answer->text};
}

static void sock_drop_client(struct sock_client *client) {
  TAILQ_REMOVE(&client->sock->clients, client, link);
  if (client->is_waiting) {
    TAILQ_REMOVE(&client->sock->waiting, client, waiting);
  }
  client->sock->client_count--;
  bc_watch_free(client->watch);
  bc_timer_free(client->timer);
  (void)close(client->fd);
  bc_buf_free(&client->request);
  sock_end_answer(&client->answer);
  bc_buf_free(&client->answer.text);
  free(client);
}

static void sock_want_piece(struct sock_client *client) {
  struct bc_sock *sock = client->sock;
  bc_watch_set(client->watch, 0);
  client->is_waiting = true;
  TAILQ_INSERT_TAIL(&sock->waiting, client, waiting);
  bc_timer_start(sock->turn, 0);
}

/* It has nothing to tell yet. */
static void sock_wait_for_piece(struct sock_client *client) {
  struct bc_sock *sock = client->sock;
  client->is_waiting = true;
  TAILQ_INSERT_TAIL(&sock->waiting, client, waiting);
  /* Others that have are not kept waiting for it. */
  bc_timer_start(sock->turn, ++sock->idle_turns >= sock->client_count ? SOCK_NOT_YET_MS : 0);
}

static void sock_write(struct sock_client *client) {
  struct bc_sock *sock = client->sock;
  size_t turn_end = client->sent + SOCK_TURN_BYTES;
  const struct bc_buf *text = &client->answer.text;
  while (client->sent < text->len) {
    if (client->sent >= turn_end) {
      bc_watch_set(client->watch, BC_WATCH_WRITE);
      return;
    }
    ssize_t put = send(client->fd, text->data + client->sent, text->len - client->sent, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0 && errno == EAGAIN) {
      bc_watch_set(client->watch, BC_WATCH_WRITE);
      return;
    }
    if (put < 0) {
      sock->counts.lost++;
      sock_drop_client(client);
      return;
    }
    client->sent += (size_t)put;
    bc_timer_start(client->timer, SOCK_PATIENCE_MS);
  }
  if (client->answer.more != NULL) {
    sock_want_piece(client);
    return;
  }
  sock->counts.answered++;
  sock_drop_client(client);
}

static void sock_end_line(struct sock_client *client) {
  client->answer.text.max++; /* the line break comes on top of the handler's limit */
  bc_buf_add_char(&client->answer.text, '\n');
}

static struct sock_client *sock_first_ready(const struct bc_sock *sock) {
  struct sock_client *client;
  TAILQ_FOREACH(client, &sock->waiting, waiting) {
    if (client->answer.is_ready == NULL || client->answer.is_ready(client->answer.arg)) {
      break;
    }
  }
  return client;
}

static void sock_on_turn(void *arg) {
  struct bc_sock *sock = arg;
  struct sock_client *client = sock_first_ready(sock);
  if (client == NULL) {
    if (!TAILQ_EMPTY(&sock->waiting)) {
      bc_timer_start(sock->turn, SOCK_LOOK_MS);
    }
    return;
  }
  TAILQ_REMOVE(&sock->waiting, client, waiting);
  client->is_waiting = false;
  bc_buf_clear(&client->answer.text);
  client->sent = 0;
  bool has_more = client->answer.more(client->answer.arg, &client->answer.text);
  if (!TAILQ_EMPTY(&sock->waiting)) {
    bc_timer_start(sock->turn, 0);
  }
  if (bc_buf_status(&client->answer.text) != BC_ERR_OK) {
    sock->counts.lost++; /* what is sent already cannot become an error any more */
    sock_drop_client(client);
    return;
  }
  if (!has_more) {
    sock_end_answer(&client->answer);
    sock_end_line(client);
  } else if (client->answer.text.len == 0) {
    sock_wait_for_piece(client);
    return;
  }
  sock->idle_turns = 0;
  sock_write(client);
}

static void sock_begin_answer(struct sock_client *client) {
  struct bc_buf *text = &client->answer.text;
  if (bc_buf_status(text) != BC_ERR_OK) {
    sock_end_answer(&client->answer);
    bc_buf_clear(text);
    bc_buf_add_format(text, "{\"error\":\"the answer is longer than %d bytes\"}", BC_LIMIT_SOCKET_PIECE_BYTES);
  }
  if (client->answer.more == NULL) {
    sock_end_line(client);
  }
  client->is_answering = true;
  bc_timer_start(client->timer, SOCK_PATIENCE_MS);
  sock_write(client);
}

static void sock_fail(struct sock_client *client, uint64_t *count, const char *text) {
  struct bc_buf *answer = &client->answer.text;
  (*count)++;
  bc_buf_clear(answer);
  bc_buf_add_format(answer, "{\"error\":\"%s\"}\n", text);
  /* One attempt: a client that did not behave gets no more time. */
  (void)!send(client->fd, answer->data, answer->len, MSG_NOSIGNAL | MSG_DONTWAIT);
  sock_drop_client(client);
}

static void sock_handle(struct sock_client *client, struct bc_str request) {
  struct bc_sock *sock = client->sock;
  bc_watch_set(client->watch, 0);
  sock->handled = client;
  sock->fn(sock->arg, &client->peer, request, &client->answer);
  sock->handled = NULL;
  if (sock->is_closed) {
    /* The handler closed the server: this client still gets what fits at once. */
    sock_end_line(client);
    (void)!send(client->fd, client->answer.text.data, client->answer.text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    sock_drop_client(client);
    sock_release(sock);
    return;
  }
  sock_begin_answer(client);
}

static void sock_read(struct sock_client *client) {
  char *room = bc_buf_reserve(&client->request, SOCK_READ_BYTES);
  ssize_t got = room == NULL ? 0 : recv(client->fd, room, SOCK_READ_BYTES, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (got < 0 || (got == 0 && client->request.len == 0)) {
    client->sock->counts.lost++;
    sock_drop_client(client);
    return;
  }
  if (got == 0) {
    sock_fail(client, &client->sock->counts.faulty, "a request ends with a line break");
    return;
  }
  const char *end = memchr(room, '\n', (size_t)got);
  bc_buf_commit(&client->request, (size_t)got);
  size_t len = end == NULL ? client->request.len : (size_t)(end - client->request.data);
  if (len > BC_LIMIT_SOCKET_REQUEST_BYTES) {
    sock_fail(client, &client->sock->counts.faulty, "the request is too long");
  } else if (end != NULL) {
    sock_handle(client, (struct bc_str){.at = client->request.data, .len = len});
  }
}

static void sock_on_client(void *arg, int fd, int events) {
  struct sock_client *client = arg;
  (void)fd;
  (void)events;
  if (client->is_answering) {
    sock_write(client);
  } else {
    sock_read(client);
  }
}

static void sock_on_timeout(void *arg) {
  struct sock_client *client = arg;
  if (client->is_answering) {
    client->sock->counts.timed_out++;
    sock_drop_client(client);
  } else {
    sock_fail(client, &client->sock->counts.timed_out, "no complete request within 5 s");
  }
}

static bool sock_read_peer(int fd, struct bc_sock_peer *peer) {
  struct ucred credentials;
  socklen_t len = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0) {
    return false;
  }
  *peer = (struct bc_sock_peer){.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
  return true;
}

static void sock_refuse(struct bc_sock *sock, int fd) {
  static const char text[] = "{\"error\":\"too many clients at once, try again\"}\n";
  sock->counts.refused++;
  (void)!send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)close(fd);
}

static void sock_add_client(struct bc_sock *sock, int fd) {
  struct bc_sock_peer peer;
  if (sock->client_count >= BC_LIMIT_SOCKET_CLIENTS || !sock_read_peer(fd, &peer)) {
    sock_refuse(sock, fd);
    return;
  }
  struct sock_client *client = bc_mem_new(1, sizeof *client);
  struct bc_watch *watch = bc_watch_new(sock->loop, fd, sock_on_client, client);
  if (watch == NULL) { /* the user's limit of watched descriptors */
    free(client);
    sock_refuse(sock, fd);
    return;
  }
  *client = (struct sock_client){.sock = sock, .peer = peer, .fd = fd, .watch = watch};
  bc_buf_init(&client->request, BC_LIMIT_SOCKET_REQUEST_BYTES + 2 * SOCK_READ_BYTES);
  bc_buf_init(&client->answer.text, BC_LIMIT_SOCKET_PIECE_BYTES);
  client->timer = bc_timer_new(sock->loop, sock_on_timeout, client);
  bc_watch_set(client->watch, BC_WATCH_READ);
  bc_timer_start(client->timer, SOCK_PATIENCE_MS);
  TAILQ_INSERT_TAIL(&sock->clients, client, link);
  sock->client_count++;
}

static void sock_on_connect(void *arg, int fd, int events) {
  struct bc_sock *sock = arg;
  (void)events;
  for (int i = 0; i < BC_LIMIT_SOCKET_CLIENTS; i++) { /* per turn of the loop */
    int client_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client_fd < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        bc_watch_set(sock->watch, 0); /* it would be called again and again */
        bc_timer_start(sock->retry, SOCK_RETRY_MS);
      }
      return;
    }
    sock_add_client(sock, client_fd);
  }
}

static void sock_on_retry(void *arg) {
  struct bc_sock *sock = arg;
  bc_watch_set(sock->watch, BC_WATCH_READ);
}

enum bc_err bc_sock_open(struct bc_loop *loop, const char *path, bc_sock_fn *fn, void *arg, struct bc_sock **out,
                         struct bc_fault *fault) {
  int fd = -1;
  struct stat status;
  enum bc_err err = bc_unix_listen_open(path, &fd, &status, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  struct bc_sock *sock = bc_mem_new(1, sizeof *sock);
  *sock =
      (struct bc_sock){.loop = loop, .path = bc_mem_copy_string(path), .fd = fd, .fn = fn, .arg = arg, .file = status};
  TAILQ_INIT(&sock->clients);
  TAILQ_INIT(&sock->waiting);
  sock->watch = bc_watch_new(loop, fd, sock_on_connect, sock);
  if (sock->watch == NULL) {
    bc_fault_set(fault, 0, "cannot watch %s: this user watches too many descriptors (fs.epoll.max_user_watches)", path);
    (void)unlink(path);
    (void)close(fd);
    sock_release(sock);
    return BC_ERR_IO;
  }
  sock->retry = bc_timer_new(loop, sock_on_retry, sock);
  sock->turn = bc_timer_new(loop, sock_on_turn, sock);
  bc_watch_set(sock->watch, BC_WATCH_READ);
  *out = sock;
  return BC_ERR_OK;
}

void bc_sock_close(struct bc_sock *sock) {
  if (sock == NULL) {
    return;
  }
  bc_watch_free(sock->watch);
  bc_timer_free(sock->retry);
  bc_timer_free(sock->turn);
  bc_unix_listen_remove(sock->path, &sock->file);
  (void)close(sock->fd);
  sock->is_closed = true;
  struct sock_client *client, *next;
  for (client = TAILQ_FIRST(&sock->clients); client != NULL; client = next) {
    next = TAILQ_NEXT(client, link);
    if (client != sock->handled) {
      sock_drop_client(client);
    }
  }
  if (sock->handled == NULL) {
    sock_release(sock);
  }
}

struct bc_sock_counts bc_sock_counts(const struct bc_sock *sock) {
  return sock->counts;
}
