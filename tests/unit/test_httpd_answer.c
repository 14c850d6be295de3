/* The HTTP server: its answers, clients that leave or do not read, its end. */
#include "httpd_world.h"
#include "io/httpd_private.h"

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

static void a_stream_may_wake_itself(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
  client_wait_text(&client, "\r\n\r\n", 1);
  while (f->asked == 0) {
    one_round(f);
  }
  f->stream_wakes_itself = true; /* with nothing to tell at that time */
  bc_httpd_wake(f->stream);
  client_wait_text(&client, "more;", 1);
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

static void a_handler_may_answer_another_request(void **state) {
  struct fixture *f = *state;
  struct client waiting;
  client_open(&waiting, f);
  client_send(&waiting, "GET /later HTTP/1.1\r\n" HOST CLOSE "\r\n");
  wait_until_calls(f, 1);
  ask(f, "GET /release HTTP/1.1\r\n" HOST CLOSE "\r\n", "released it");
  client_wait_text(&waiting, "released", 1);
  client_end(&waiting);
}

/* libmicrohttpd runs on for a line that does not fit into its buffer: our loop must not. */
static void an_endless_chunk_line_costs_no_time(void **state) {
  struct fixture *f = *state;
  struct client client;
  char bytes[65536];
  unsigned runs = 0;
  bc_httpd_set_times(f->httpd, 500, 600);
  memset(bytes, 'e', sizeof bytes);
  client_open(&client, f);
  client_send(&client, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5;");
  (void)send(client.fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (!client.has_ended) {
    one_round(f);
    runs = f->httpd->idle_runs > runs ? f->httpd->idle_runs : runs;
  }
  assert_in_range(runs, 33, 33 + 500 / 10);
  assert_int_equal(status_of(&client), 408);
  while (bc_httpd_connections(f->httpd) > 0) {
    one_round(f);
  }
  client_end(&client);
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
      TEST(a_stream_may_wake_itself),
      TEST(a_stream_ends_with_its_client),
      TEST(a_stream_that_is_not_read_waits_for_its_reader),
      TEST(who_leaves_before_the_answer_is_told),
      TEST(nobody_is_told_after_the_answer),
      TEST(many_are_answered_in_any_order),
      TEST(a_handler_may_answer_another_request),
      TEST(an_endless_chunk_line_costs_no_time),
      TEST(a_client_may_leave_at_any_point),
      TEST(the_end_of_each_request_is_told_once),
      TEST(a_header_with_a_line_break_is_not_sent),
      TEST(closing_ends_everything),
      TEST(a_handler_may_close_the_server),
      TEST(who_hears_of_a_client_leaving_may_close_the_server),
#undef TEST
  };
  cmocka_set_test_filter(getenv("BC_TEST_FILTER")); /* NULL: all */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
