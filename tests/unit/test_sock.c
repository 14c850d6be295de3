#include "io/process.h"
#include "sock_world.h"

#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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

static void a_silent_client_is_told_and_closed(void **state) {
  struct fixture *f = *state;
  ask(f, "", "{\"error\":\"no complete request within 5 s\"}\n");
  assert_int_equal(bc_sock_counts(f->sock).timed_out, 1);
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
