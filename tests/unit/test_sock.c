#include "base/limits.h"
#include "io/process.h"
#include "io/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
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
  bool closes_server;
  unsigned calls;
};

/* One answer in pieces. */
struct pieces {
  struct fixture *f;
  size_t left;
  size_t bytes;
};

static void add_bytes(struct bc_buf *to, size_t count) {
  char piece[65536];
  memset(piece, 'x', sizeof piece);
  for (size_t left = count; left > 0;) {
    size_t len = left < sizeof piece ? left : sizeof piece;
    bc_buf_add(to, piece, len);
    left -= len;
  }
}

static bool on_more(void *arg, struct bc_buf *text) {
  struct pieces *pieces = arg;
  assert_int_equal(text->len, 0);
  pieces->f->made++;
  add_bytes(text, pieces->bytes);
  return --pieces->left > 0;
}

static void on_end(void *arg) {
  struct pieces *pieces = arg;
  pieces->f->ended++;
  free(pieces);
}

static void on_request(void *arg, const struct bc_sock_peer *peer, struct bc_str request,
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
    answer->arg = pieces;
  }
  if (f->closes_server) {
    bc_sock_close(f->sock);
    f->sock = NULL;
  }
}

static void on_deadline(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 30 s");
}

static int setup(void **state) {
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

static int teardown(void **state) {
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

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

/* Reads on until there is nothing: a reset connection is reported only once. */
static void on_answer(void *arg, int fd, int events) {
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
static void client_start(struct client *client, struct fixture *f, const char *request) {
  *client = (struct client){.f = f, .fd = connect_to(f->path)};
  bc_buf_init(&client->answer, 512u << 20);
  if (request[0] != '\0') {
    assert_int_equal(send(client->fd, request, strlen(request), 0), strlen(request));
  }
  client->watch = bc_watch_new(f->loop, client->fd, on_answer, client);
  bc_watch_set(client->watch, BC_WATCH_READ);
}

static void client_end(struct client *client) {
  bc_watch_free(client->watch);
  (void)close(client->fd);
  bc_buf_free(&client->answer);
}

static void client_wait(struct client *client) {
  while (!client->has_ended) {
    bc_loop_run(client->f->loop);
  }
}

static void ask(struct fixture *f, const char *request, const char *expected) {
  struct client client;
  client_start(&client, f, request);
  client_wait(&client);
  assert_string_equal(client.answer.data, expected);
  client_end(&client);
}

static void a_request_is_answered_with_one_line(void **state) {
  struct fixture *f = *state;
  ask(f, "{\"command\":\"ping\"}\n", "pong\n");
  assert_string_equal(f->request.data, "{\"command\":\"ping\"}");
  assert_int_equal(f->peer.pid, getpid());
  assert_int_equal(f->peer.uid, getuid());
  assert_int_equal(f->peer.gid, getgid());
  assert_int_equal(bc_sock_counts(f->sock).answered, 1);
}

static void the_socket_is_for_owner_and_group(void **state) {
  struct fixture *f = *state;
  struct stat status;
  assert_int_equal(stat(f->path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0660);
}

static void what_follows_the_request_line_is_ignored(void **state) {
  struct fixture *f = *state;
  ask(f, "a\nb\nc", "pong\n");
  assert_int_equal(f->calls, 1);
  assert_string_equal(f->request.data, "a");
}

static void a_request_without_line_break_is_named(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_start(&client, f, "ping");
  (void)shutdown(client.fd, SHUT_WR);
  client_wait(&client);
  assert_string_equal(client.answer.data, "{\"error\":\"a request ends with a line break\"}\n");
  client_end(&client);
  assert_int_equal(f->calls, 0);
  assert_int_equal(bc_sock_counts(f->sock).faulty, 1);
}

static void a_request_of_the_limit_passes_and_a_longer_one_is_refused(void **state) {
  struct fixture *f = *state;
  char *request = malloc(BC_LIMIT_SOCKET_REQUEST_BYTES + 3);
  memset(request, 'a', BC_LIMIT_SOCKET_REQUEST_BYTES + 1);
  memcpy(request + BC_LIMIT_SOCKET_REQUEST_BYTES, "\n", 2);
  ask(f, request, "pong\n");
  assert_int_equal(f->request.len, BC_LIMIT_SOCKET_REQUEST_BYTES);
  memcpy(request + BC_LIMIT_SOCKET_REQUEST_BYTES, "a\n", 3);
  ask(f, request, "{\"error\":\"the request is too long\"}\n");
  assert_int_equal(f->calls, 1);
  free(request);
}

/* The client reads in 64 KiB steps from a kernel buffer that is smaller than the answer. */
static void a_large_answer_arrives_whole(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = BC_LIMIT_SOCKET_PIECE_BYTES;
  client_start(&client, f, "x\n");
  client_wait(&client);
  assert_int_equal(client.answer.len, BC_LIMIT_SOCKET_PIECE_BYTES + 1);
  assert_int_equal(client.answer.data[client.answer.len - 1], '\n');
  client_end(&client);
}

static void an_answer_above_the_limit_becomes_an_error(void **state) {
  struct fixture *f = *state;
  f->answer_bytes = (size_t)BC_LIMIT_SOCKET_PIECE_BYTES + 1;
  ask(f, "x\n", "{\"error\":\"the answer is longer than 1048576 bytes\"}\n");
  f->pieces = 3;
  ask(f, "x\n", "{\"error\":\"the answer is longer than 1048576 bytes\"}\n");
  assert_int_equal(f->ended, 1);
  assert_int_equal(f->made, 0);
}

enum { PIECE = 256 << 10, PIECES = 80 };

static void an_answer_in_pieces_arrives_whole(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = PIECE;
  f->pieces = PIECES;
  client_start(&client, f, "x\n");
  client_wait(&client);
  assert_int_equal(client.answer.len, (PIECES + 1) * PIECE + 1);
  assert_int_equal(client.answer.data[client.answer.len - 1], '\n');
  assert_null(memchr(client.answer.data, '\n', client.answer.len - 1));
  assert_int_equal(f->ended, 1);
  client_end(&client);
}

static void one_round(struct fixture *f);

/* It gets as many as the kernel's buffer holds and one that waits, however long the answer. */
static void no_piece_is_made_before_the_one_before_is_read(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = PIECE;
  f->pieces = PIECES;
  client_start(&client, f, "x\n");
  bc_watch_set(client.watch, 0);
  while (f->calls == 0) {
    one_round(f);
  }
  for (int i = 0; i < 1000; i++) {
    one_round(f);
  }
  assert_true(f->made < PIECES / 4);
  f->pieces = 0;
  f->answer_bytes = 0;
  ask(f, "ping\n", "pong\n");
  client_end(&client);
  while (f->ended == 0) {
    one_round(f);
  }
  assert_int_equal(bc_sock_counts(f->sock).lost, 1);
}

/* Else the time of a turn of the loop would grow with the clients. */
static void in_a_turn_of_the_loop_one_piece_is_made_whoever_asks(void **state) {
  struct fixture *f = *state;
  static struct client clients[8];
  f->answer_bytes = 1;
  f->pieces = PIECES;
  for (int i = 0; i < 8; i++) {
    client_start(&clients[i], f, "x\n");
    bc_watch_set(clients[i].watch, 0);
  }
  while (f->ended < 8) {
    unsigned before = f->made;
    one_round(f);
    assert_true(f->made - before <= 2); /* a round is a turn, and the end of the one before */
  }
  for (int i = 0; i < 8; i++) {
    bc_watch_set(clients[i].watch, BC_WATCH_READ);
    client_wait(&clients[i]);
    assert_int_equal(clients[i].answer.len, PIECES + 2);
    client_end(&clients[i]);
  }
}

static void closing_the_server_ends_answers_in_pieces(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = PIECE;
  f->pieces = PIECES;
  client_start(&client, f, "x\n");
  bc_watch_set(client.watch, 0);
  while (f->calls == 0) {
    one_round(f);
  }
  bc_sock_close(f->sock);
  f->sock = NULL;
  assert_int_equal(f->ended, 1);
  client_end(&client);
}

static void a_silent_client_is_told_and_closed(void **state) {
  struct fixture *f = *state;
  ask(f, "", "{\"error\":\"no complete request within 5 s\"}\n");
  assert_int_equal(bc_sock_counts(f->sock).timed_out, 1);
}

static void on_poll(void *arg) {
  bc_loop_stop(arg);
}

static void run_for(struct fixture *f, int64_t ms) {
  struct bc_timer *timer = bc_timer_new(f->loop, on_poll, f->loop);
  bc_timer_start(timer, ms);
  bc_loop_run(f->loop);
  bc_timer_free(timer);
}

/* One turn of the loop, or a little more. */
static void one_round(struct fixture *f) {
  run_for(f, 0);
}

/* From this descriptor on the user's limit of watched ones is reached; libuv finds this function first. */
static int watchable_end = INT_MAX;

int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event) {
  if (fd >= watchable_end && op == EPOLL_CTL_ADD) {
    errno = ENOSPC;
    return -1;
  }
  return (int)syscall(SYS_epoll_ctl, epoll_fd, op, fd, event);
}

static void a_client_that_cannot_be_watched_is_told(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_start(&client, f, "ping\n");
  watchable_end = client.fd + 1;
  while (bc_sock_counts(f->sock).refused == 0) {
    one_round(f);
  }
  watchable_end = INT_MAX;
  client_wait(&client);
  assert_string_equal(client.answer.data, "{\"error\":\"too many clients at once, try again\"}\n");
  client_end(&client);
  ask(f, "ping\n", "pong\n");
}

static void a_socket_that_cannot_be_watched_is_an_error(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  bc_sock_close(f->sock);
  f->sock = NULL;
  watchable_end = 0;
  enum bc_err err = bc_sock_open(f->loop, f->path, on_request, f, &f->sock, &fault);
  watchable_end = INT_MAX;
  assert_int_equal(err, BC_ERR_IO);
  assert_non_null(strstr(fault.text, "max_user_watches"));
  assert_int_equal(access(f->path, F_OK), -1);
  f->sock = NULL;
}

static void a_client_that_does_not_read_is_dropped(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = BC_LIMIT_SOCKET_PIECE_BYTES;
  client_start(&client, f, "x\n");
  bc_watch_set(client.watch, 0);
  while (bc_sock_counts(f->sock).timed_out == 0) {
    run_for(f, 50);
  }
  client_end(&client);
  f->answer_bytes = 0;
  ask(f, "ping\n", "pong\n");
}

static void a_client_that_leaves_harms_nobody(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->answer_bytes = BC_LIMIT_SOCKET_PIECE_BYTES;
  client_start(&client, f, "x\n");
  client_end(&client);
  client_start(&client, f, "");
  client_end(&client);
  while (bc_sock_counts(f->sock).lost < 2) {
    run_for(f, 10);
  }
}

static void clients_above_the_limit_are_told(void **state) {
  struct fixture *f = *state;
  static struct client clients[BC_LIMIT_SOCKET_CLIENTS];
  for (int i = 0; i < BC_LIMIT_SOCKET_CLIENTS; i++) {
    client_start(&clients[i], f, "");
  }
  ask(f, "ping\n", "{\"error\":\"too many clients at once, try again\"}\n");
  assert_int_equal(bc_sock_counts(f->sock).refused, 1);
  client_end(&clients[0]);
  while (bc_sock_counts(f->sock).lost == 0) {
    run_for(f, 10);
  }
  ask(f, "ping\n", "pong\n");
  for (int i = 1; i < BC_LIMIT_SOCKET_CLIENTS; i++) {
    client_end(&clients[i]);
  }
}

static void a_live_socket_is_not_taken_over(void **state) {
  struct fixture *f = *state;
  struct bc_sock *second = NULL;
  struct bc_fault fault;
  assert_int_equal(bc_sock_open(f->loop, f->path, on_request, f, &second, &fault), BC_ERR_EXISTS);
  assert_non_null(strstr(fault.text, "another process listens at"));
  ask(f, "ping\n", "pong\n");
}

static void a_dead_socket_is_replaced(void **state) {
  struct fixture *f = *state;
  bc_sock_close(f->sock);
  f->sock = NULL;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  (void)close(fd);
  assert_int_equal(bc_sock_open(f->loop, f->path, on_request, f, &f->sock, NULL), BC_ERR_OK);
  ask(f, "ping\n", "pong\n");
}

static void what_is_not_a_socket_is_never_removed(void **state) {
  struct fixture *f = *state;
  bc_sock_close(f->sock);
  f->sock = NULL;
  struct bc_fault fault;
  (void)close(open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  assert_int_equal(bc_sock_open(f->loop, f->path, on_request, f, &f->sock, &fault), BC_ERR_REFUSED);
  assert_int_equal(access(f->path, F_OK), 0);
  char path[200] = "/tmp/";
  memset(path + 5, 'a', sizeof path - 6);
  assert_int_equal(bc_sock_open(f->loop, path, on_request, f, &f->sock, &fault), BC_ERR_RANGE);
  assert_int_equal(bc_sock_open(f->loop, "/nowhere/at/all", on_request, f, &f->sock, &fault), BC_ERR_IO);
  assert_non_null(strstr(fault.text, "/nowhere/at/all: No such file"));
}

static void only_our_own_file_is_removed_at_the_end(void **state) {
  struct fixture *f = *state;
  (void)unlink(f->path);
  struct bc_sock *other = NULL;
  assert_int_equal(bc_sock_open(f->loop, f->path, on_request, f, &other, NULL), BC_ERR_OK);
  bc_sock_close(f->sock);
  f->sock = other;
  ask(f, "ping\n", "pong\n");
  bc_sock_close(f->sock);
  f->sock = NULL;
  assert_int_equal(access(f->path, F_OK), -1);
}

static void the_handler_may_close_the_server(void **state) {
  struct fixture *f = *state;
  struct client waiting;
  client_start(&waiting, f, "");
  f->closes_server = true;
  ask(f, "ping\n", "pong\n");
  client_wait(&waiting);
  client_end(&waiting);
  assert_null(f->sock);
}

static pid_t start_child(int ready[2], int depth) {
  pid_t pid = fork();
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (depth > 0) {
      (void)start_child(ready, depth - 1);
    } else {
      pid_t self = getpid();
      (void)!write(ready[1], &self, sizeof self);
    }
    for (;;) {
      (void)pause();
    }
  }
  return pid;
}

static void descent_is_seen_through_generations(void **state) {
  (void)state;
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  pid_t child = start_child(ready, 2), grandchild = 0;
  assert_int_equal(read(ready[0], &grandchild, sizeof grandchild), sizeof grandchild);
  assert_true(bc_process_is_below(grandchild, child));
  assert_true(bc_process_is_below(child, child));
  assert_true(bc_process_is_below(grandchild, getpid()));
  assert_false(bc_process_is_below(getpid(), child));
  assert_false(bc_process_is_below(child, grandchild));
  assert_false(bc_process_is_below(1, child));
  (void)kill(child, SIGKILL);
  (void)waitpid(child, NULL, 0);
  /* Gone, or never seen: it cannot be told, so it counts as below. */
  assert_true(bc_process_is_below(child, getpid()));
  assert_true(bc_process_is_below(0, getpid()));
  (void)close(ready[0]);
  (void)close(ready[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(a_request_is_answered_with_one_line),
                                     TEST(the_socket_is_for_owner_and_group),
                                     TEST(what_follows_the_request_line_is_ignored),
                                     TEST(a_request_without_line_break_is_named),
                                     TEST(a_request_of_the_limit_passes_and_a_longer_one_is_refused),
                                     TEST(a_large_answer_arrives_whole),
                                     TEST(an_answer_above_the_limit_becomes_an_error),
                                     TEST(an_answer_in_pieces_arrives_whole),
                                     TEST(no_piece_is_made_before_the_one_before_is_read),
                                     TEST(in_a_turn_of_the_loop_one_piece_is_made_whoever_asks),
                                     TEST(closing_the_server_ends_answers_in_pieces),
                                     TEST(a_client_that_cannot_be_watched_is_told),
                                     TEST(a_socket_that_cannot_be_watched_is_an_error),
                                     TEST(a_silent_client_is_told_and_closed),
                                     TEST(a_client_that_does_not_read_is_dropped),
                                     TEST(a_client_that_leaves_harms_nobody),
                                     TEST(clients_above_the_limit_are_told),
                                     TEST(a_live_socket_is_not_taken_over),
                                     TEST(a_dead_socket_is_replaced),
                                     TEST(what_is_not_a_socket_is_never_removed),
                                     TEST(only_our_own_file_is_removed_at_the_end),
                                     TEST(the_handler_may_close_the_server),
                                     cmocka_unit_test(descent_is_seen_through_generations)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
