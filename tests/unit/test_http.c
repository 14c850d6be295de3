#include "io/http.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A server for one connection on the same loop: reads until the request holds `until`, then sends
 * `answer`, then closes (or stays silent). */
struct server {
  struct bc_loop *loop;
  int listener;
  int connection;
  struct bc_watch *accept_watch;
  struct bc_watch *read_watch;
  struct bc_buf request;
  const char *until;
  const char *answer;
  const char *later; /* sent a while after the answer, if there is a timer */
  struct bc_timer *later_timer;
  bool stay;
};

struct client {
  struct bc_loop *loop;
  struct bc_http *http;
  struct bc_http_call *call;
  struct bc_buf body;
  struct bc_http_result result;
  bool done;
  bool cancel_in_body;
  bool free_in_body;
  bool free_in_done;
  struct bc_timer *guard;
};

static struct server server;
static struct client client;

static void server_hang_up(void) {
  bc_watch_free(server.read_watch);
  server.read_watch = NULL;
  if (server.connection >= 0) {
    (void)close(server.connection);
  }
  server.connection = -1;
}

static void server_on_later(void *arg) {
  (void)arg;
  assert_int_equal(write(server.connection, server.later, strlen(server.later)), strlen(server.later));
}

static void server_on_read(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  char bytes[4096];
  ssize_t got = read(fd, bytes, sizeof bytes);
  if (got <= 0) {
    server_hang_up();
    return;
  }
  bc_buf_add(&server.request, bytes, (size_t)got);
  if (strstr(server.request.data, server.until) != NULL) {
    assert_int_equal(write(fd, server.answer, strlen(server.answer)), strlen(server.answer));
    if (server.later_timer != NULL) {
      bc_timer_start(server.later_timer, 50);
    }
    if (!server.stay) {
      server_hang_up();
    }
  }
}

static void server_on_accept(void *arg, int fd, int events) {
  (void)arg;
  (void)events;
  server.connection = accept(fd, NULL, NULL);
  assert_true(server.connection >= 0);
  server.read_watch = bc_watch_new(server.loop, server.connection, server_on_read, NULL);
  bc_watch_set(server.read_watch, BC_WATCH_READ);
  bc_watch_set(server.accept_watch, 0); /* one connection only */
}

static void client_on_body(void *arg, int status, struct bc_str bytes) {
  (void)arg;
  assert_int_equal(status, 200);
  bc_buf_add_str(&client.body, bytes);
  if (client.cancel_in_body) {
    bc_http_cancel(client.call);
    bc_loop_stop(client.loop);
  }
  if (client.free_in_body) {
    bc_http_free(client.http);
    client.http = NULL;
    bc_loop_stop(client.loop);
  }
}

static void client_on_done(void *arg, const struct bc_http_result *result) {
  (void)arg;
  client.result = *result;
  client.done = true;
  if (client.free_in_done) {
    bc_http_free(client.http);
    client.http = NULL;
  }
  bc_loop_stop(client.loop);
}

static void client_on_guard(void *arg) {
  (void)arg;
  fail_msg("nothing happened for 10 s");
}

static int setup(void **state) {
  (void)state;
  memset(&client, 0, sizeof client);
  memset(&server, 0, sizeof server);
  (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
  (void)setenv("all_proxy", "http://127.0.0.1:1", 1);
  client.loop = server.loop = bc_loop_new();
  client.http = bc_http_new(client.loop, &(struct bc_http_tls){.cacert = NULL});
  client.guard = bc_timer_new(client.loop, client_on_guard, NULL);
  bc_timer_start(client.guard, 10000);
  bc_buf_init(&client.body, 65536);
  bc_buf_init(&server.request, 65536);
  server.connection = -1;
  server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(server.listener, 4), 0);
  server.accept_watch = bc_watch_new(server.loop, server.listener, server_on_accept, NULL);
  bc_watch_set(server.accept_watch, BC_WATCH_READ);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bc_http_free(client.http);
  server_hang_up();
  bc_watch_free(server.accept_watch);
  (void)close(server.listener);
  bc_timer_free(client.guard);
  bc_loop_free(client.loop);
  bc_buf_free(&client.body);
  bc_buf_free(&server.request);
  return 0;
}

static void start(const char *path, const char *body, int64_t timeout_ms) {
  struct sockaddr_in address;
  socklen_t len = sizeof address;
  char url[128];
  static const char *const headers[] = {"X-Test: yes", NULL};
  assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &len), 0);
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)ntohs(address.sin_port), path);
  client.call = bc_http_start(client.http, &(struct bc_http_request){.url = url,
                                                                     .headers = headers,
                                                                     .body = bc_str_of(body),
                                                                     .timeout_ms = timeout_ms,
                                                                     .on_body = client_on_body,
                                                                     .on_done = client_on_done});
}

static void a_post_goes_out_whole_and_past_any_proxy(void **state) {
  (void)state;
  server.until = "{\"a\":1}";
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  start("/v3/kv/range", "{\"a\":1}", 5000);
  bc_loop_run(client.loop);
  assert_true(client.done);
  assert_int_equal(client.result.err, BC_ERR_OK);
  assert_int_equal(client.result.status, 200);
  assert_string_equal(client.body.data, "hello");
  assert_non_null(strstr(server.request.data, "POST /v3/kv/range HTTP/1.1\r\n"));
  assert_non_null(strstr(server.request.data, "X-Test: yes\r\n"));
  assert_null(strstr(server.request.data, "Expect"));
}

/* What each callback saw, in order. */
static struct bc_buf order;

static void ordered_on_head(void *arg, int status, const struct bc_http_call *call) {
  (void)arg;
  const char *index = bc_http_header(call, "x-etcd-index");
  bc_buf_add_format(&order, "head %d %s %s;", status, index == NULL ? "none" : index,
                    bc_http_header(call, "X-Missing") == NULL ? "none" : "some");
  if (client.cancel_in_body) {
    bc_http_cancel(client.call);
    bc_loop_stop(client.loop);
  }
}

static void ordered_on_body(void *arg, int status, struct bc_str bytes) {
  (void)arg;
  (void)status;
  bc_buf_add_format(&order, "body " BC_STR_FMT ";", BC_STR_ARG(bytes));
}

static void start_method(const char *method, const char *body) {
  struct sockaddr_in address;
  socklen_t len = sizeof address;
  char url[128];
  assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &len), 0);
  (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v2/keys/a", (unsigned)ntohs(address.sin_port));
  bc_buf_init(&order, 4096);
  client.call = bc_http_start(client.http, &(struct bc_http_request){.url = url,
                                                                     .method = method,
                                                                     .body = bc_str_of(body),
                                                                     .timeout_ms = 5000,
                                                                     .on_head = ordered_on_head,
                                                                     .on_body = ordered_on_body,
                                                                     .on_done = client_on_done});
}

static void a_put_is_a_form_and_its_head_comes_once_before_the_body(void **state) {
  (void)state;
  server.until = "value=a%20b";
  server.answer = "HTTP/1.1 201 Created\r\nX-Etcd-Index: 17\r\nTransfer-Encoding: chunked\r\nTrailer: X-Etcd-Index\r\n"
                  "\r\n2\r\nhi\r\n";
  server.later = "0\r\nX-Etcd-Index: 18\r\n\r\n";
  server.later_timer = bc_timer_new(server.loop, server_on_later, NULL);
  server.stay = true;
  start_method("PUT", "value=a%20b");
  bc_loop_run(client.loop);
  assert_int_equal(client.result.err, BC_ERR_OK);
  assert_int_equal(client.result.status, 201);
  assert_string_equal(order.data, "head 201 17 none;body hi;");
  assert_non_null(strstr(server.request.data, "PUT /v2/keys/a HTTP/1.1\r\n"));
  assert_non_null(strstr(server.request.data, "Content-Type: application/x-www-form-urlencoded\r\n"));
  bc_timer_free(server.later_timer);
  bc_buf_free(&order);
}

static void an_interim_answer_is_not_the_head(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 103 Early Hints\r\nX-Etcd-Index: 1\r\n\r\n";
  server.later = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 17\r\nContent-Length: 0\r\n\r\n";
  server.later_timer = bc_timer_new(server.loop, server_on_later, NULL);
  server.stay = true;
  start_method(NULL, NULL);
  bc_loop_run(client.loop);
  assert_string_equal(order.data, "head 200 17 none;");
  bc_timer_free(server.later_timer);
  bc_buf_free(&order);
}

static void a_delete_has_no_body(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  start_method("DELETE", NULL);
  bc_loop_run(client.loop);
  assert_non_null(strstr(server.request.data, "DELETE /v2/keys/a HTTP/1.1\r\n"));
  assert_null(strstr(server.request.data, "Content-"));
  assert_string_equal(order.data, "head 200 none none;");
  bc_buf_free(&order);
}

static void a_head_comes_before_there_is_a_body_and_may_cancel_the_call(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 17\r\nTransfer-Encoding: chunked\r\n\r\n";
  server.stay = true;
  client.cancel_in_body = true;
  start_method(NULL, NULL);
  bc_loop_run(client.loop);
  assert_string_equal(order.data, "head 200 17 none;");
  assert_false(client.done);
  bc_buf_free(&order);
}

static void a_request_without_body_is_a_get(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  start("/version", NULL, 5000);
  bc_loop_run(client.loop);
  assert_int_equal(client.result.err, BC_ERR_OK);
  assert_int_equal(client.result.status, 404);
  assert_non_null(strstr(server.request.data, "GET /version HTTP/1.1\r\n"));
}

static void a_redirect_is_not_followed(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
  start("/", NULL, 5000);
  bc_loop_run(client.loop);
  assert_int_equal(client.result.status, 302);
}

static void silence_ends_at_the_deadline(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "";
  server.stay = true;
  struct bc_mono before = bc_mono_now();
  start("/", NULL, 100);
  bc_loop_run(client.loop);
  assert_int_equal(client.result.err, BC_ERR_TIMEOUT);
  assert_true(bc_mono_ms_between(before, bc_mono_now()) >= 99);
  assert_true(client.result.fault.text[0] != '\0');
}

static void a_cut_stream_is_told_after_what_came_of_it(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  start("/", NULL, 0);
  bc_loop_run(client.loop);
  assert_int_equal(client.result.err, BC_ERR_CLOSED);
  assert_string_equal(client.body.data, "hello");
}

static void a_refused_connection_is_an_error_and_never_told_at_once(void **state) {
  (void)state;
  client.call =
      bc_http_start(client.http, &(struct bc_http_request){.url = "http://127.0.0.1:1/", .on_done = client_on_done});
  assert_false(client.done);
  bc_loop_run(client.loop);
  assert_int_equal(client.result.err, BC_ERR_IO);
  assert_int_equal(client.result.status, 0);
}

static void other_schemes_end_in_an_error(void **state) {
  (void)state;
  client.call = bc_http_start(
      client.http,
      &(struct bc_http_request){.url = "file:///etc/hostname", .on_body = client_on_body, .on_done = client_on_done});
  assert_false(client.done);
  bc_loop_run(client.loop);
  assert_int_equal(client.result.err, BC_ERR_IO);
  assert_int_equal(client.body.len, 0);
}

static void a_cancelled_call_is_silent(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  client.cancel_in_body = true;
  start("/", NULL, 5000);
  bc_loop_run(client.loop);
  assert_string_equal(client.body.data, "hello");
  assert_false(client.done);
  start("/", NULL, 5000);
  bc_http_cancel(client.call);
}

static void the_client_may_be_freed_by_its_callbacks(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  client.free_in_body = true;
  start("/", NULL, 5000);
  start("/", NULL, 5000);
  bc_loop_run(client.loop);
  assert_null(client.http);
  assert_false(client.done);
}

static void the_client_may_be_freed_when_a_call_ends(void **state) {
  (void)state;
  server.until = "\r\n\r\n";
  server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  client.free_in_done = true;
  start("/", NULL, 5000);
  bc_loop_run(client.loop);
  assert_true(client.done);
}

static void endpoints_are_a_scheme_a_host_and_a_port(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *canonical; /* NULL: refused */
  } samples[] = {
      {"http://127.0.0.1:2379", "http://127.0.0.1:2379"},
      {" https://etcd.example/ ", "https://etcd.example:2379"},
      {"http://[::1]:23", "http://[::1]:23"},
      {"127.0.0.1:2379", NULL},
      {"ftp://a", NULL},
      {"http://a/b", NULL},
      {"http://a?b", NULL},
      {"http://u@a", NULL},
      {"http://u:p@a", NULL},
      {"http://", NULL},
      {"http://a:99999", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    struct bc_buf to;
    struct bc_fault fault = {.column = 0};
    bc_buf_init(&to, 1000);
    enum bc_err err = bc_http_check_endpoint(bc_str_of(samples[i].text), &to, &fault);
    if (samples[i].canonical == NULL) {
      assert_int_equal(err, BC_ERR_SYNTAX);
      assert_true(fault.text[0] != '\0');
    } else {
      assert_int_equal(err, BC_ERR_OK);
      assert_string_equal(to.data, samples[i].canonical);
    }
    bc_buf_free(&to);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_post_goes_out_whole_and_past_any_proxy, setup, teardown),
      cmocka_unit_test_setup_teardown(a_put_is_a_form_and_its_head_comes_once_before_the_body, setup, teardown),
      cmocka_unit_test_setup_teardown(an_interim_answer_is_not_the_head, setup, teardown),
      cmocka_unit_test_setup_teardown(a_delete_has_no_body, setup, teardown),
      cmocka_unit_test_setup_teardown(a_head_comes_before_there_is_a_body_and_may_cancel_the_call, setup, teardown),
      cmocka_unit_test_setup_teardown(a_request_without_body_is_a_get, setup, teardown),
      cmocka_unit_test_setup_teardown(a_redirect_is_not_followed, setup, teardown),
      cmocka_unit_test_setup_teardown(silence_ends_at_the_deadline, setup, teardown),
      cmocka_unit_test_setup_teardown(a_cut_stream_is_told_after_what_came_of_it, setup, teardown),
      cmocka_unit_test_setup_teardown(a_refused_connection_is_an_error_and_never_told_at_once, setup, teardown),
      cmocka_unit_test_setup_teardown(other_schemes_end_in_an_error, setup, teardown),
      cmocka_unit_test_setup_teardown(a_cancelled_call_is_silent, setup, teardown),
      cmocka_unit_test_setup_teardown(the_client_may_be_freed_by_its_callbacks, setup, teardown),
      cmocka_unit_test_setup_teardown(the_client_may_be_freed_when_a_call_ends, setup, teardown),
      cmocka_unit_test(endpoints_are_a_scheme_a_host_and_a_port),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
