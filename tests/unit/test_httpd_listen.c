/* The HTTP server: whom it takes, and where it listens. */
#include "free_port.h"
#include "httpd_world.h"
#include "io/httpd_private.h"

#include <sys/resource.h>

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

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
  unsigned v4 = free_port(), v6 = free_port();
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

static void all_addresses_of_ipv6_leave_those_of_ipv4(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  bc_httpd_close(f->httpd);
  char listen[64];
  unsigned port = free_port();
  (void)snprintf(listen, sizeof listen, "[::]:%u,127.0.0.1:%u", port, port);
  assert_int_equal(bc_httpd_open(f->loop, listen, on_request, f, &f->httpd, &fault), BC_ERR_OK);
  ask_port(f, AF_INET, port);
  assert_string_equal(f->peer.address, "127.0.0.1");
  ask_port(f, AF_INET6, port);
}

static void a_reset_of_tcp_is_seen(void **state) {
  struct fixture *f = *state;
  struct bc_fault fault;
  bc_httpd_close(f->httpd);
  char listen[64];
  unsigned port = free_port();
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

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      TEST(silent_connections_make_room_for_others),
      TEST(connections_above_the_limit_get_503),
      TEST(one_address_cannot_take_all_connections),
      TEST(bodies_together_have_a_limit),
      TEST(it_listens_at_several_addresses),
      TEST(all_addresses_of_ipv6_leave_those_of_ipv4),
      TEST(a_reset_of_tcp_is_seen),
      TEST(a_stale_socket_is_replaced_and_nothing_else),
      TEST(lists_that_are_none_are_refused),
      TEST(it_is_known_who_reaches_an_address),
#undef TEST
  };
  cmocka_set_test_filter(getenv("BC_TEST_FILTER")); /* NULL: all */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
