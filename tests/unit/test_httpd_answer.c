/* The HTTP server: its answers, clients that leave or do not read, where it listens, its end. */
#include "httpd_world.h"
#include "io/httpd_private.h"

#include <sys/resource.h>

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

/* ---- answers in pieces ---- */

static void pieces_arrive_whole_and_in_turns(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->piece_count = 5;
  f->piece_bytes = BC_LIMIT_HTTP_PIECE_BYTES;
  client_open(&client, f);
  client_send(&client, "GET /pieces HTTP/1.1\r\n" HOST "\r\n");
  client_wait_text(&client, "\r\n0\r\n\r\n", 1);
  size_t count = 0;
  size_t begin = (size_t)(strstr(client.answer.data, "\r\n\r\n") - client.answer.data);
  for (size_t i = begin; i < client.answer.len; i++) {
    count += client.answer.data[i] == 'x';
  }
  assert_int_equal(count, 5 * (size_t)BC_LIMIT_HTTP_PIECE_BYTES);
  assert_non_null(strstr(client.answer.data, "Transfer-Encoding: chunked\r\n"));
  assert_int_equal(f->pieces_ended, 1);
  client_send(&client, "GET / HTTP/1.1\r\n" HOST "\r\n"); /* the connection is good for more */
  client_wait_text(&client, "pong", 1);
  client_end(&client);
}

static void a_client_of_http_1_0_gets_pieces_until_the_end(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->piece_count = 3;
  f->piece_bytes = 100000;
  f->looks = 3;
  client_open(&client, f);
  client_send(&client, "GET /pieces HTTP/1.0\r\n\r\n");
  client_wait_end(&client);
  const char *body = strstr(client.answer.data, "\r\n\r\n");
  assert_int_equal(strlen(body + 4), 300000);
  assert_int_equal(f->pieces_ended, 1);
  client_end(&client);
}

static void a_head_request_makes_no_pieces(void **state) {
  struct fixture *f = *state;
  f->piece_count = 3;
  f->piece_bytes = 10;
  ask(f, "HEAD /pieces HTTP/1.1\r\n" HOST CLOSE "\r\n", "");
  assert_int_equal(f->made, 0);
  assert_int_equal(f->pieces_ended, 1);
}

static void a_piece_above_the_limit_ends_the_connection(void **state) {
  struct fixture *f = *state;
  struct client client;
  f->piece_count = 2;
  f->piece_bytes = (size_t)BC_LIMIT_HTTP_PIECE_BYTES + 1;
  client_open(&client, f);
  client_send(&client, "GET /pieces HTTP/1.1\r\n" HOST "\r\n");
  client_wait_end(&client);
  assert_null(strstr(client.answer.data, "\r\n0\r\n")); /* it is not to be taken for a whole answer */
  assert_int_equal(f->pieces_ended, 1);
  assert_int_equal(bc_httpd_counts(f->httpd).gone, 1);
  client_end(&client);
}

static void who_does_not_read_makes_nothing_grow(void **state) {
  struct fixture *f = *state;
  f->piece_count = 1000;
  f->piece_bytes = BC_LIMIT_HTTP_PIECE_BYTES;
  int fd = connect_unix(f->path);
  static const char request[] = "GET /pieces HTTP/1.1\r\n" HOST "\r\n";
  assert_int_equal(send(fd, request, sizeof request - 1, 0), sizeof request - 1);
  wait_until_calls(f, 1);
  for (int i = 0; i < 200; i++) {
    one_round(f);
  }
  assert_in_range(f->made, 1, 2);
  ask(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n", "pong\n"); /* others are not kept waiting */
  (void)close(fd);
  while (f->pieces_ended == 0) {
    one_round(f);
  }
  assert_in_range(f->made, 1, 2);
}

static void who_does_not_read_for_too_long_is_left(void **state) {
  struct fixture *f = *state;
  bc_httpd_set_times(f->httpd, 10000, 1);
  f->piece_count = 1000;
  f->piece_bytes = BC_LIMIT_HTTP_PIECE_BYTES;
  int fd = connect_unix(f->path);
  static const char request[] = "GET /pieces HTTP/1.1\r\n" HOST "\r\n";
  assert_int_equal(send(fd, request, sizeof request - 1, 0), sizeof request - 1);
  while (f->pieces_ended == 0) {
    run_for(f, 10);
  }
  assert_int_equal(bc_httpd_counts(f->httpd).unread, 1);
  assert_int_equal(bc_httpd_connections(f->httpd), 0);
  (void)close(fd);
}

/* ---- streams ---- */

static void tell(struct fixture *f, const char *news) {
  bc_buf_add_text(&f->news, news);
  bc_httpd_wake(f->stream);
}

static void a_stream_tells_when_it_is_woken(void **state) {
  struct fixture *f = *state;
  struct client client;
  bc_httpd_set_times(f->httpd, 50, 1);
  client_open(&client, f);
  client_send(&client, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
  client_wait_text(&client, "\r\n\r\n", 1);
  tell(f, "first;");
  client_wait_text(&client, "first;", 1);
  unsigned asked = f->asked;
  run_for(f, 1500);                      /* longer than a request or an idle connection may last */
  assert_int_equal(f->asked, asked + 1); /* once after the first, then it was quiet */
  tell(f, "sec");
  tell(f, "ond;");
  client_wait_text(&client, "second;", 1);
  f->stream_ends = true;
  tell(f, "last;");
  client_wait_text(&client, "last;\r\n0\r\n\r\n", 1);
  assert_int_equal(f->pieces_ended, 1);
  client_end(&client);
}

static void a_stream_ends_with_its_client(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
  client_wait_text(&client, "\r\n\r\n", 1);
  while (f->asked == 0) {
    one_round(f);
  }
  client_end(&client);
  while (f->stream != NULL) {
    one_round(f);
  }
  assert_int_equal(f->pieces_ended, 1);
  while (bc_httpd_connections(f->httpd) > 0) {
    one_round(f);
  }
}

static void a_stream_that_is_not_read_waits_for_its_reader(void **state) {
  struct fixture *f = *state;
  int fd = connect_unix(f->path);
  static const char request[] = "GET /stream HTTP/1.1\r\n" HOST "\r\n";
  assert_int_equal(send(fd, request, sizeof request - 1, 0), sizeof request - 1);
  wait_until_calls(f, 1);
  char *news = malloc(1000001);
  memset(news, 'n', 1000000);
  news[1000000] = '\0';
  tell(f, news);
  for (int i = 0; i < 100; i++) {
    one_round(f);
    bc_httpd_wake(f->stream);
  }
  assert_in_range(f->asked, 1, 2);
  free(news);
  (void)close(fd);
  while (f->stream != NULL) {
    one_round(f);
  }
}

/* ---- clients that leave ---- */

static void who_leaves_before_the_answer_is_told(void **state) {
  struct fixture *f = *state;
  for (int way = 0; way < 3; way++) {
    struct client client;
    client_open(&client, f);
    client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    if (way == 1) {
      client_send(&client, "GET /next HTTP/1.1\r\n"); /* unread bytes do not hide it */
    }
    wait_until_calls(f, (unsigned)way + 1);
    assert_int_equal(bc_httpd_pending(f->httpd), 1);
    if (way == 2) {
      (void)shutdown(client.fd, SHUT_WR);
      while (f->gone <= (unsigned)way) {
        one_round(f);
      }
    }
    client_end(&client);
    while (f->gone <= (unsigned)way || bc_httpd_connections(f->httpd) > 0) {
      one_round(f);
    }
    assert_int_equal(f->last_status, 0);
    assert_int_equal(f->ended, way + 1);
  }
  assert_int_equal(f->gone, 3);
  assert_int_equal(bc_httpd_pending(f->httpd), 0);
  assert_int_equal(bc_httpd_counts(f->httpd).gone, 3);
}

static void nobody_is_told_after_the_answer(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
  wait_until_calls(f, 1);
  one_round(f);
  answer_text(f->pending[--f->pending_count], 202, "done");
  client_end(&client);
  while (bc_httpd_connections(f->httpd) > 0) {
    one_round(f);
  }
  assert_int_equal(f->gone, 0);
  assert_int_equal(f->ended, 1);
  assert_int_equal(f->last_status, 202);
}

static void many_are_answered_in_any_order(void **state) {
  enum { CLIENTS = 60 };
  struct fixture *f = *state;
  struct client clients[CLIENTS];
  for (unsigned i = 0; i < CLIENTS; i++) {
    client_open(&clients[i], f);
    client_send(&clients[i], "GET /later HTTP/1.1\r\n" HOST CLOSE "\r\n");
    wait_until_calls(f, i + 1);
  }
  for (unsigned i = 0; i < CLIENTS; i++) {
    char text[32];
    unsigned index = (i * 7) % CLIENTS; /* each once, as 7 has no divisor in common with 60 */
    (void)snprintf(text, sizeof text, "answer %u.", index);
    answer_text(f->pending[index], 200, text);
  }
  for (unsigned i = 0; i < CLIENTS; i++) {
    char text[32];
    (void)snprintf(text, sizeof text, "answer %u.", i);
    client_wait_end(&clients[i]);
    assert_int_equal(count_of(&clients[i], text), 1);
    client_end(&clients[i]);
  }
  f->pending_count = 0;
}

/* At each byte of a conversation, however the connection ends. */
static void a_client_may_leave_at_any_point(void **state) {
  static const char conversation[] =
      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
      "GET /later HTTP/1.1\r\n" HOST "\r\n"
      "GET /pieces HTTP/1.1\r\n" HOST "\r\n"
      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  struct fixture *f = *state;
  for (size_t cut = 0; cut < 2 * sizeof conversation; cut++) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    int pair[2];
    bool is_reset = cut % 2 == 1;
    f->piece_count = 3;
    f->piece_bytes = 300000;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct bc_httpd_peer peer = {.is_unix = true, .address = "unix"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bc_httpd_add(f->httpd, pair[0], &peer, (struct sockaddr *)&address, sizeof address);
    assert_int_equal(send(pair[1], conversation, cut / 2, MSG_NOSIGNAL), cut / 2);
    one_round(f);
    one_round(f);
    if (cut % 4 >= 2 && f->pending_count > 0) {
      answer_text(f->pending[--f->pending_count], 200, "now");
    }
    (void)setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, is_reset ? sizeof now : 0);
    (void)close(pair[1]);
    while (bc_httpd_connections(f->httpd) > 0) {
      one_round(f);
    }
    assert_int_equal(f->pending_count, 0);
    assert_int_equal(bc_httpd_pending(f->httpd), 0);
  }
  struct bc_httpd_counts counts = bc_httpd_counts(f->httpd);
  assert_int_equal(counts.requests, counts.answered + counts.gone);
  assert_int_equal(f->ended, counts.requests);
}

static void the_end_of_each_request_is_told_once(void **state) {
  struct fixture *f = *state;
  for (int i = 0; i < 500; i++) {
    assert_int_equal(ask_status(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n"), 200);
  }
  assert_int_equal(f->ended, 500);
  assert_int_equal(bc_httpd_counts(f->httpd).answered, 500);
}

/* ---- what an answer cannot do ---- */

static void a_header_with_a_line_break_is_not_sent(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "GET /later HTTP/1.1\r\n" HOST CLOSE "\r\n");
  wait_until_calls(f, 1);
  bc_httpd_add_header(f->pending[0], "X-Split", "a\r\nX-Made-Up: b");
  bc_httpd_add_header(f->pending[0], "X-Good", "a");
  answer_text(f->pending[0], 200, "done");
  client_wait_end(&client);
  assert_null(strstr(client.answer.data, "X-Made-Up"));
  assert_non_null(strstr(client.answer.data, "X-Good: a\r\n"));
  client_end(&client);
}

/* ---- too many ---- */

static void silent_connections_make_room_for_others(void **state) {
  struct fixture *f = *state;
  int silent[BC_LIMIT_HTTP_CONNECTIONS + 10];
  struct rlimit files = {.rlim_cur = 4096, .rlim_max = 4096};
  (void)setrlimit(RLIMIT_NOFILE, &files);
  unsigned max = f->httpd->conn_max;
  for (unsigned i = 0; i < max + 10; i++) {
    silent[i] = connect_unix(f->path);
    if (i % 50 == 49) {
      one_round(f);
    }
  }
  ask(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n", "pong\n");
  assert_in_range(bc_httpd_connections(f->httpd), max - 1, max);
  for (unsigned i = 0; i < max + 10; i++) {
    (void)close(silent[i]);
  }
  while (bc_httpd_connections(f->httpd) > 0) {
    one_round(f);
  }
}

static void connections_above_the_limit_get_503(void **state) {
  struct fixture *f = *state;
  int busy[BC_LIMIT_HTTP_CONNECTIONS];
  unsigned max = f->httpd->conn_max;
  for (unsigned i = 0; i < max; i++) {
    busy[i] = connect_unix(f->path);
    assert_int_equal(send(busy[i], "GET", 3, 0), 3);
    do {
      one_round(f);
    } while (bc_httpd_connections(f->httpd) <= i || !TAILQ_EMPTY(&f->httpd->fresh));
  }
  struct client client;
  client_open(&client, f);
  client_wait_end(&client);
  assert_int_equal(status_of(&client), 503);
  assert_non_null(strstr(client.answer.data, "\r\nRetry-After: "));
  client_end(&client);
  assert_int_equal(bc_httpd_counts(f->httpd).refused, 1);
  for (unsigned i = 0; i < max; i++) {
    (void)close(busy[i]);
  }
  while (bc_httpd_connections(f->httpd) > 0) {
    one_round(f);
  }
  ask(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n", "pong\n");
}

static unsigned add_pairs(struct fixture *f, const char *address, int *ends, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    int pair[2];
    struct bc_httpd_peer peer = {.is_loopback = false};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(peer.address, sizeof peer.address, "%s", address);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    bc_httpd_add(f->httpd, pair[0], &peer, (struct sockaddr *)&at, sizeof at);
    ends[i] = pair[1];
  }
  return count;
}

static void one_address_cannot_take_all_connections(void **state) {
  struct fixture *f = *state;
  int ends[BC_LIMIT_HTTP_ADDRESS_CONNECTIONS + 2];
  unsigned count = add_pairs(f, "192.0.2.1", ends, BC_LIMIT_HTTP_ADDRESS_CONNECTIONS);
  assert_int_equal(bc_httpd_counts(f->httpd).refused, 0);
  count += add_pairs(f, "192.0.2.1", ends + count, 1);
  assert_int_equal(bc_httpd_counts(f->httpd).refused, 1);
  char answer[512] = "";
  assert_true(recv(ends[count - 1], answer, sizeof answer - 1, MSG_DONTWAIT) > 0);
  assert_non_null(strstr(answer, "HTTP/1.1 503 Service Unavailable\r\n"));
  count += add_pairs(f, "192.0.2.2", ends + count, 1);
  assert_int_equal(bc_httpd_counts(f->httpd).refused, 1);
  for (unsigned i = 0; i < count; i++) {
    (void)close(ends[i]);
  }
}

static void bodies_together_have_a_limit(void **state) {
  enum { CLIENTS = BC_LIMIT_HTTP_BODIES_BYTES / BC_LIMIT_HTTP_BODY_BYTES + 1 };
  struct fixture *f = *state;
  struct client clients[CLIENTS];
  char *body = malloc(BC_LIMIT_HTTP_BODY_BYTES);
  memset(body, 'b', BC_LIMIT_HTTP_BODY_BYTES);
  for (unsigned i = 0; i < CLIENTS; i++) {
    char head[256];
    (void)snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\n" HOST CLOSE "Content-Length: %d\r\n\r\n",
                   BC_LIMIT_HTTP_BODY_BYTES);
    client_open(&clients[i], f);
    one_round(f);
    client_send(&clients[i], head);
    client_send_bytes(&clients[i], body, BC_LIMIT_HTTP_BODY_BYTES - 1);
  }
  while (f->httpd->body_bytes < BC_LIMIT_HTTP_BODIES_BYTES - 65536 && bc_httpd_counts(f->httpd).malformed == 0) {
    one_round(f);
  }
  unsigned refused = 0;
  for (unsigned i = 0; i < CLIENTS; i++) {
    client_send(&clients[i], "b");
    client_wait_end(&clients[i]);
    refused += status_of(&clients[i]) == 503;
    assert_true(status_of(&clients[i]) == 503 || status_of(&clients[i]) == 200);
    client_end(&clients[i]);
  }
  assert_in_range(refused, 1, CLIENTS / 2);
  free(body);
}

/* ---- where it listens ---- */

static unsigned free_port(int family) {
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_storage bound;
  socklen_t len = sizeof bound;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result =
      family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof v4) : bind(fd, (struct sockaddr *)&v6, sizeof v6);
  assert_int_equal(result, 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
  (void)close(fd);
  return ntohs(family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port
                                 : ((struct sockaddr_in6 *)&bound)->sin6_port);
}

static int connect_port(int family, unsigned port) {
  struct sockaddr_in6 v6 = {
      .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons((uint16_t)port)};
  struct sockaddr_in v4 = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                                 : connect(fd, (struct sockaddr *)&v6, sizeof v6);
  assert_int_equal(result, 0);
  return fd;
}

static void ask_port(struct fixture *f, int family, unsigned port) {
  struct client client;
  client_take(&client, f, connect_port(family, port));
  client_send(&client, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n");
  client_wait_end(&client);
  assert_int_equal(status_of(&client), 200);
  client_end(&client);
}

static void it_listens_at_several_addresses(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  bc_httpd_close(f->httpd);
  char listen[256];
  unsigned v4 = free_port(AF_INET), v6 = free_port(AF_INET6);
  (void)snprintf(listen, sizeof listen, "127.0.0.1:%u, [::1]:%u,%s", v4, v6, f->listen);
  assert_int_equal(bc_httpd_open(f->loop, listen, on_request, f, &f->httpd, &fault), BC_ERR_OK);
  ask_port(f, AF_INET, v4);
  assert_string_equal(f->peer.address, "127.0.0.1");
  assert_true(f->peer.is_loopback);
  assert_false(f->peer.is_unix);
  ask_port(f, AF_INET6, v6);
  assert_string_equal(f->peer.address, "::1");
  assert_true(f->peer.is_loopback);
  ask(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n", "pong\n");
  struct bc_httpd *second = NULL;
  (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", v4);
  assert_int_equal(bc_httpd_open(f->loop, listen, on_request, f, &second, &fault), BC_ERR_EXISTS);
  assert_non_null(strstr(fault.text, listen));
}

static void a_reset_of_tcp_is_seen(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  bc_httpd_close(f->httpd);
  char listen[64];
  unsigned port = free_port(AF_INET);
  (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
  assert_int_equal(bc_httpd_open(f->loop, listen, on_request, f, &f->httpd, &fault), BC_ERR_OK);
  for (unsigned round = 0; round < 2; round++) {
    struct linger now = {.l_onoff = round == 0, .l_linger = 0};
    int fd = connect_port(AF_INET, port);
    static const char request[] = "GET /later HTTP/1.1\r\n" HOST "\r\nGET /x";
    assert_int_equal(send(fd, request, sizeof request - 1, 0), sizeof request - 1);
    wait_until_calls(f, round + 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    (void)close(fd);
    while (f->gone <= round || bc_httpd_connections(f->httpd) > 0) {
      one_round(f);
    }
  }
}

static void a_stale_socket_is_replaced_and_nothing_else(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  struct bc_httpd *second = NULL;
  assert_int_equal(bc_httpd_open(f->loop, f->listen, on_request, f, &second, &fault), BC_ERR_EXISTS);
  bc_httpd_close(f->httpd);
  f->httpd = NULL;
  assert_int_equal(access(f->path, F_OK), -1);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
  int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
  (void)close(stale);
  assert_int_equal(bc_httpd_open(f->loop, f->listen, on_request, f, &f->httpd, &fault), BC_ERR_OK);
  ask(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n", "pong\n");
  bc_httpd_close(f->httpd);
  f->httpd = NULL;
  int file = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  (void)close(file);
  assert_int_equal(bc_httpd_open(f->loop, f->listen, on_request, f, &f->httpd, &fault), BC_ERR_REFUSED);
  assert_null(f->httpd);
}

static void lists_that_are_none_are_refused(void **state) {
  static const struct {
    const char *list;
    enum bc_err err;
  } lists[] = {
      {"", BC_ERR_SYNTAX},
      {"localhost:5000", BC_ERR_SYNTAX},
      {"127.0.0.1", BC_ERR_SYNTAX},
      {"127.0.0.1:", BC_ERR_SYNTAX},
      {"127.0.0.1:65536", BC_ERR_SYNTAX},
      {"127.0.0.1:80x", BC_ERR_SYNTAX},
      {"127.0.0.1.1:80", BC_ERR_SYNTAX},
      {"::1:80", BC_ERR_SYNTAX},
      {"[::1:80", BC_ERR_SYNTAX},
      {"[127.0.0.1]:80", BC_ERR_SYNTAX},
      {"unix:relative", BC_ERR_SYNTAX},
      {"unix:", BC_ERR_SYNTAX},
      {"127.0.0.1:80,", BC_ERR_SYNTAX},
      {"127.0.0.1:80,,[::1]:80", BC_ERR_SYNTAX},
      {"127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4,127.0.0.1:5,127.0.0.1:6,127.0.0.1:7,127.0.0.1:8,"
       "127.0.0.1:9,127.0.0.1:10,127.0.0.1:11,127.0.0.1:12,127.0.0.1:13,127.0.0.1:14,127.0.0.1:15,127.0.0.1:16,"
       "127.0.0.1:17",
       BC_ERR_RANGE},
  };
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    struct bc_httpd *httpd = NULL;
    struct bc_fault fault;
    enum bc_err err = bc_httpd_open(f->loop, lists[i].list, on_request, f, &httpd, &fault);
    if (err != lists[i].err || httpd != NULL) {
      fail_msg("%s for %s", bc_err_name(err), lists[i].list);
    }
  }
}

static void on_address(void *arg, const char *address, bool is_local) {
  struct fixture *f = arg;
  size_t at = strlen(f->said);
  (void)snprintf(f->said + at, sizeof f->said - at, "%s %s;", address, is_local ? "local" : "open");
}

static void it_is_known_who_reaches_an_address(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  assert_int_equal(
      bc_httpd_listen_each("127.0.0.1:1,127.9.9.9:2,[::1]:3,0.0.0.0:4,[::]:5,192.0.2.1:6,[::ffff:127.0.0.1]:7,"
                           "[2001:db8::1]:8,unix:/a",
                           on_address, f, &fault),
      BC_ERR_OK);
  assert_string_equal(f->said, "127.0.0.1:1 local;127.9.9.9:2 local;[::1]:3 local;0.0.0.0:4 open;[::]:5 open;"
                               "192.0.2.1:6 open;[::ffff:127.0.0.1]:7 local;[2001:db8::1]:8 open;unix:/a local;");
}

/* ---- its end ---- */

static void closing_ends_everything(void **state) {
  static const char *const begun[] = {
      "",
      "GET / HT",
      "GET /later HTTP/1.1\r\n" HOST "\r\n",
      "GET /later HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n",
      "GET /stream HTTP/1.1\r\n" HOST "\r\n",
      "GET /pieces HTTP/1.1\r\n" HOST "\r\n",
      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc",
      "GET / HTTP/1.1\r\n" HOST "\r\n",
  };
  enum { CLIENTS = sizeof begun / sizeof begun[0] };
  struct fixture *f = *state;
  struct client clients[CLIENTS];
  f->piece_count = 100;
  f->piece_bytes = BC_LIMIT_HTTP_PIECE_BYTES;
  for (unsigned i = 0; i < CLIENTS; i++) {
    client_open(&clients[i], f);
    client_send(&clients[i], begun[i]);
  }
  wait_until_calls(f, 5);
  while (bc_httpd_connections(f->httpd) < CLIENTS) {
    one_round(f);
  }
  bc_httpd_close(f->httpd);
  f->httpd = NULL;
  assert_int_equal(f->gone, 2);
  assert_int_equal(f->pieces_ended, 2);
  assert_int_equal(access(f->path, F_OK), -1);
  for (unsigned i = 0; i < CLIENTS; i++) {
    client_wait_end(&clients[i]);
    client_end(&clients[i]);
  }
}

static void a_handler_may_close_the_server(void **state) {
  struct fixture *f = *state;
  struct client waiting;
  client_open(&waiting, f);
  client_send(&waiting, "GET /later HTTP/1.1\r\n" HOST "\r\n");
  wait_until_calls(f, 1);
  f->closes_server = true;
  (void)ask_status(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n");
  client_wait_end(&waiting);
  client_end(&waiting);
  assert_null(f->httpd);
  assert_int_equal(f->gone, 1);
}

static void close_from_gone(void *arg) {
  struct fixture *f = arg;
  f->gone++;
  f->pending_count--;
  bc_httpd_close(f->httpd);
  f->httpd = NULL;
}

static void who_hears_of_a_client_leaving_may_close_the_server(void **state) {
  struct fixture *f = *state;
  struct client clients[2];
  for (unsigned i = 0; i < 2; i++) {
    client_open(&clients[i], f);
    client_send(&clients[i], "GET /later HTTP/1.1\r\n" HOST "\r\n");
    wait_until_calls(f, i + 1);
  }
  one_round(f);
  bc_httpd_on_gone(f->pending[0], close_from_gone, f);
  client_end(&clients[0]);
  while (f->httpd != NULL) {
    one_round(f);
  }
  client_wait_end(&clients[1]);
  client_end(&clients[1]);
  assert_int_equal(f->gone, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      TEST(pieces_arrive_whole_and_in_turns),
      TEST(a_client_of_http_1_0_gets_pieces_until_the_end),
      TEST(a_head_request_makes_no_pieces),
      TEST(a_piece_above_the_limit_ends_the_connection),
      TEST(who_does_not_read_makes_nothing_grow),
      TEST(who_does_not_read_for_too_long_is_left),
      TEST(a_stream_tells_when_it_is_woken),
      TEST(a_stream_ends_with_its_client),
      TEST(a_stream_that_is_not_read_waits_for_its_reader),
      TEST(who_leaves_before_the_answer_is_told),
      TEST(nobody_is_told_after_the_answer),
      TEST(many_are_answered_in_any_order),
      TEST(a_client_may_leave_at_any_point),
      TEST(the_end_of_each_request_is_told_once),
      TEST(a_header_with_a_line_break_is_not_sent),
      TEST(silent_connections_make_room_for_others),
      TEST(connections_above_the_limit_get_503),
      TEST(one_address_cannot_take_all_connections),
      TEST(bodies_together_have_a_limit),
      TEST(it_listens_at_several_addresses),
      TEST(a_reset_of_tcp_is_seen),
      TEST(a_stale_socket_is_replaced_and_nothing_else),
      TEST(lists_that_are_none_are_refused),
      TEST(it_is_known_who_reaches_an_address),
      TEST(closing_ends_everything),
      TEST(a_handler_may_close_the_server),
      TEST(who_hears_of_a_client_leaving_may_close_the_server),
#undef TEST
  };
  cmocka_set_test_filter(getenv("BC_TEST_FILTER")); /* NULL: all */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
