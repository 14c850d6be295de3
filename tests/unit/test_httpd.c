/* The HTTP server: requests, and what it refuses by itself. */
#include "httpd_world.h"

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

static void a_request_is_answered(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "GET /a/b?x=1&y HTTP/1.1\r\n" HOST CLOSE "\r\n");
  client_wait_end(&client);
  assert_int_equal(status_of(&client), 200);
  assert_non_null(strstr(client.answer.data, "\r\nContent-Type: text/plain\r\n"));
  assert_non_null(strstr(client.answer.data, "\r\nX-Test: yes\r\n"));
  assert_non_null(strstr(client.answer.data, "\r\nContent-Length: 5\r\n"));
  assert_non_null(strstr(client.answer.data, "\r\n\r\npong\n"));
  client_end(&client);
  assert_string_equal(f->method, "GET");
  assert_string_equal(f->target, "/a/b");
  assert_string_equal(f->said, "x=1;y=;");
  assert_int_equal(f->ended, 1);
  assert_int_equal(f->last_status, 200);
  assert_int_equal(bc_httpd_counts(f->httpd).answered, 1);
  assert_int_equal(bc_httpd_pending(f->httpd), 0);
}

static void the_peer_of_a_unix_socket_is_known(void **state) {
  struct fixture *f = *state;
  struct stat status;
  assert_int_equal(stat(f->path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0660);
  assert_int_equal(ask_status(f, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n"), 200);
  assert_true(f->peer.is_unix);
  assert_false(f->peer.is_loopback);
  assert_string_equal(f->peer.address, "unix");
  assert_int_equal(f->peer.pid, getpid());
  assert_int_equal(f->peer.uid, getuid());
}

static void a_head_request_gets_no_body(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "HEAD /a HTTP/1.1\r\n" HOST CLOSE "\r\n");
  client_wait_end(&client);
  assert_int_equal(status_of(&client), 200);
  assert_non_null(strstr(client.answer.data, "Content-Length: 5\r\n"));
  assert_null(strstr(client.answer.data, "pong"));
  client_end(&client);
  assert_string_equal(f->method, "GET");
}

static void an_error_of_a_head_request_has_no_body_either(void **state) {
  struct fixture *f = *state;
  ask(f, "HEAD /%zz HTTP/1.1\r\n" HOST "\r\n", "");
  ask(f, "GET /%zz HTTP/1.1\r\n" HOST "\r\n",
      "{\"title\":\"Bad Request\",\"status\":400,\"detail\":\"% is not followed by two hexadecimal digits\","
      "\"code\":\"target\"}\n");
}

struct status_case {
  const char *request;
  unsigned status;
};

/* What is malformed, or could be read in another way by a server on the way, never reaches the handler. */
static const struct status_case refused[] = {
    {"\r\n\r\nGET\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET / HTTP/0.9\r\n" HOST "\r\n", 505},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"GET / HTTP/1.1x\r\n" HOST "\r\n", 400},
    {"GET / http/1.1\r\n" HOST "\r\n", 400},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST ": no name\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X Y: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X : 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\r\n folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\r\n folded\r\nY: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n X: first line folded\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\nY: 2\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\rY: 2\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\r\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: \x7f\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Origin: a\r\norigin: b\r\n\r\n", 400},
    /* Two lengths. */
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3 \r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\nabc", 413},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n0\r\n\r\n",
     400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    /* Chunks. */
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc", 413},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n", 400},
    /* What is not done here. */
    {"GET / HTTP/1.1\r\n" HOST "Expect: the unexpected\r\n\r\n", 417},
    {"CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", 501},
    /* The target. */
    {"GET a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://other/a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET https://localhost/a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /%0a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /%ff HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /%4 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /#a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /?a=1&a=2 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /?a=1&%61=2 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /?=1 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /?a=%00 HTTP/1.1\r\n" HOST "\r\n", 400},
};

static void what_is_malformed_or_ambiguous_is_refused(void **state) {
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    /* The bytes behind it would be a second request for who reads it in another way. */
    char request[1024];
    (void)snprintf(request, sizeof request, "%s%s", refused[i].request, "GET /smuggled HTTP/1.1\r\n" HOST "\r\n");
    unsigned status = ask_status(f, request);
    if (status != refused[i].status || f->calls != 0) {
      fail_msg("%u instead of %u, %u calls (%s) for: %s", status, refused[i].status, f->calls, f->target,
               refused[i].request);
    }
  }
  struct bc_httpd_counts counts = bc_httpd_counts(f->httpd);
  assert_int_equal(counts.malformed + counts.too_large, sizeof refused / sizeof refused[0]);
  assert_int_equal(counts.requests, 0);
}

static void an_error_is_told_once(void **state) {
  static const char *const requests[] = {
      "GARBAGE\r\n",
      "GET / HTTP/3\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n",
      "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n",
      "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n",
      "GET /%zz HTTP/1.1\r\n" HOST "\r\n",
  };
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    struct client client;
    client_open(&client, f);
    client_send(&client, requests[i]);
    client_wait_end(&client);
    if (count_of(&client, "HTTP/1.1 ") != 1) {
      fail_msg("%s for %s", client.answer.data, requests[i]);
    }
    client_end(&client);
  }
  assert_int_equal(bc_httpd_counts(f->httpd).malformed + bc_httpd_counts(f->httpd).too_large,
                   sizeof requests / sizeof requests[0]);
}

static void a_zero_in_a_head_is_refused(void **state) {
  static const struct {
    const char *bytes;
    size_t len;
  } heads[] = {
#define BYTES(text) {text, sizeof text - 1}
      BYTES("GET /\0a HTTP/1.1\r\n" HOST "\r\n"),
      BYTES("GET\0 / HTTP/1.1\r\n" HOST "\r\n"),
      BYTES("GET / HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n"),
      BYTES("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
      BYTES("GET / HTTP/1.1\r\n" HOST "X: a\0\r\nY: 2\r\n\r\n"),
      BYTES("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\0"
            "4\r\n\r\nabc"),
      BYTES("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\0x\r\n\r\n0\r\n\r\n"),
#undef BYTES
  };
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    unsigned status = ask_bytes(f, heads[i].bytes, heads[i].len);
    if (status != 400 || f->calls != 0) {
      fail_msg("%u for number %zu", status, i);
    }
  }
}

static const struct status_case taken[] = {
    {"GET / HTTP/1.1\r\n" HOST CLOSE "\r\n", 200},
    {"GET / HTTP/1.0\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost:localhost\r\nX:\t tabs and blanks \t\r\n" CLOSE "\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nX:\r\nY: \xc3\xa4\r\n" CLOSE "\r\n", 200},
    {"\r\n\r\nGET / HTTP/1.1\r\n" HOST CLOSE "\r\n", 200},
    {"GET http://localhost/a?b HTTP/1.1\r\n" HOST CLOSE "\r\n", 200},
    {"GET http://localhost HTTP/1.1\r\n" HOST CLOSE "\r\n", 200},
    {"PROPFIND / HTTP/1.1\r\n" HOST CLOSE "\r\n", 200},
    {"GET /%41%2f%C3%A4?x=%26+%2B& HTTP/1.1\r\n" HOST CLOSE "\r\n", 200},
    {"POST /echo HTTP/1.1\r\n" HOST CLOSE "Content-Length: 3\r\n\r\nabc", 200},
    {"POST /echo HTTP/1.1\r\n" HOST CLOSE "Content-Length: 003\r\n\r\nabc", 200},
    {"POST /echo HTTP/1.1\r\n" HOST CLOSE "Content-Length: 0\r\n\r\n", 200},
    {"POST /echo HTTP/1.1\r\n" HOST CLOSE "\r\n", 200},
};

static void what_is_good_is_taken(void **state) {
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
    unsigned status = ask_status(f, taken[i].request);
    if (status != 200 || f->calls != i + 1) {
      fail_msg("%u for %s", status, taken[i].request);
    }
  }
  (void)ask_status(f, taken[8].request);
  assert_string_equal(f->target, "/A%2F\xc3\xa4");
  assert_string_equal(f->said, "x=& +;");
}

static void a_request_may_come_in_any_parts(void **state) {
  static const char request[] = "POST /echo?a=b HTTP/1.1\r\n" HOST CLOSE "Transfer-Encoding: chunked\r\n\r\n"
                                "3;ext=1\r\nabc\r\n00002\r\nde\r\n0\r\nTrailer: x\r\n\r\n";
  struct fixture *f = *state;
  for (size_t cut = 1; cut < sizeof request - 1; cut++) {
    struct client client;
    client_open(&client, f);
    client_send_bytes(&client, request, cut);
    one_round(f);
    client_send(&client, request + cut);
    client_wait_end(&client);
    assert_int_equal(status_of(&client), 200);
    assert_non_null(strstr(client.answer.data, "\r\n\r\nabcde"));
    client_end(&client);
  }
}

/* libmicrohttpd takes bare line feeds between chunks: what another server on the way took for the rest of a body must
 * not become a request. */
static void nothing_is_read_behind_a_chunked_body(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                       "GET /second HTTP/1.1\r\n" HOST "\r\n");
  client_wait_end(&client);
  assert_int_equal(count_of(&client, "HTTP/1.1 200"), 1);
  assert_non_null(strstr(client.answer.data, "Connection: close"));
  client_end(&client);
  assert_int_equal(f->calls, 1);
}

static void requests_in_a_row_are_answered_in_their_order(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nfirst"
                       "GET /later HTTP/1.1\r\n" HOST "\r\n"
                       "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nthird");
  wait_until_calls(f, 2);
  one_round(f);
  assert_int_equal(f->calls, 2); /* the third waits for the second */
  answer_text(f->pending[--f->pending_count], 201, "second");
  client_wait_text(&client, "third", 1);
  const char *first = strstr(client.answer.data, "first");
  const char *second = strstr(client.answer.data, "second");
  assert_true(first != NULL && second > first && strstr(client.answer.data, "third") > second);
  client_send(&client, "GET / HTTP/1.1\r\n" HOST "\r\n");
  client_wait_text(&client, "pong", 1);
  assert_int_equal(bc_httpd_connections(f->httpd), 1);
  client_end(&client);
}

/* ---- limits ---- */

static void head_of(struct bc_buf *to, size_t target_len, size_t header_len, unsigned headers) {
  bc_buf_init(to, 1 << 20);
  bc_buf_add_text(to, "GET /");
  for (size_t i = 0; i < target_len; i++) {
    bc_buf_add_char(to, 'a');
  }
  bc_buf_add_text(to, " HTTP/1.1\r\n" HOST CLOSE);
  for (unsigned i = 0; i < headers; i++) {
    bc_buf_add_format(to, "X%u: %.*s\r\n", i, (int)header_len, "");
    to->len -= 2;
    for (size_t k = 0; k < header_len; k++) {
      bc_buf_add_char(to, 'b');
    }
    bc_buf_add_text(to, "\r\n");
  }
  bc_buf_add_text(to, "\r\n");
}

static void heads_above_the_limits_are_refused(void **state) {
  static const struct {
    size_t target_len, header_len;
    unsigned headers, status;
  } cases[] = {
      {16000, 0, 0, 200},   {16500, 0, 0, 414},    {60000, 0, 0, 414},  {0, 16000, 1, 200}, {0, 16500, 1, 431},
      {0, 60000, 1, 431},   {0, 10, 98, 200},      {0, 10, 99, 431},    {0, 0, 3000, 431},  {0, 1, 20000, 431},
      {7000, 9000, 1, 200}, {7000, 10000, 1, 431}, {100000, 0, 0, 414},
  };
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bc_buf head;
    head_of(&head, cases[i].target_len, cases[i].header_len, cases[i].headers);
    unsigned status = ask_bytes(f, head.data, head.len);
    if (status != cases[i].status) {
      fail_msg("%u instead of %u for a target of %zu, %u headers of %zu", status, cases[i].status, cases[i].target_len,
               cases[i].headers, cases[i].header_len);
    }
    bc_buf_free(&head);
  }
}

static unsigned ask_body(struct fixture *f, size_t len, const char *header, bool is_chunked) {
  struct bc_buf request;
  bc_buf_init(&request, 32 << 20);
  bc_buf_add_format(&request, "POST /echo HTTP/1.1\r\n" HOST CLOSE "%s", header);
  if (is_chunked) {
    bc_buf_add_format(&request, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
  } else {
    bc_buf_add_format(&request, "Content-Length: %zu\r\n\r\n", len);
  }
  for (size_t i = 0; i < len; i++) {
    bc_buf_add_char(&request, 'c');
  }
  bc_buf_add_text(&request, is_chunked ? "\r\n0\r\n\r\n" : "");
  unsigned status = ask_bytes(f, request.data, request.len);
  bc_buf_free(&request);
  return status;
}

static void bodies_above_the_limit_are_refused(void **state) {
  struct fixture *f = *state;
  assert_int_equal(ask_body(f, BC_LIMIT_HTTP_BODY_BYTES, "", false), 200);
  assert_int_equal(f->body.len, BC_LIMIT_HTTP_BODY_BYTES);
  assert_int_equal(ask_body(f, BC_LIMIT_HTTP_BODY_BYTES, "", true), 200);
  assert_int_equal(f->body.len, BC_LIMIT_HTTP_BODY_BYTES);
  assert_int_equal(ask_body(f, BC_LIMIT_HTTP_BODY_BYTES + 1, "", false), 413);
  assert_int_equal(ask_body(f, BC_LIMIT_HTTP_BODY_BYTES + 1, "", true), 413);
  assert_int_equal(ask_body(f, 1000000, "", false), 413);
  assert_int_equal(ask_body(f, 3000000, "", true), 413);
  assert_int_equal(f->calls, 2);
  assert_int_equal(bc_httpd_counts(f->httpd).too_large, 4);
}

static void a_body_without_end_is_not_read_to_its_end(void **state) {
  struct fixture *f = *state;
  struct client client;
  char chunk[65536 + 9];
  memcpy(chunk, "10000\r\n", 7);
  memset(chunk + 7, 'x', 65536);
  memcpy(chunk + 7 + 65536, "\r\n", 2);
  client_open(&client, f);
  client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
  unsigned chunks = 0;
  for (; chunks < 1000 && !client.has_ended; chunks++) {
    client_send_bytes(&client, chunk, sizeof chunk);
    one_round(f);
  }
  assert_in_range(chunks, 2, 60); /* of 1,000 */
  client_end(&client);
}

static void a_sender_that_asks_first_hears_at_once(void **state) {
  struct fixture *f = *state;
  struct client client;
  client_open(&client, f);
  client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 131073\r\n\r\n");
  client_wait_end(&client);
  assert_int_equal(status_of(&client), 413);
  client_end(&client);
  client_open(&client, f);
  client_send(&client, "POST /echo HTTP/1.1\r\n" HOST CLOSE "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  client_wait_text(&client, "100 Continue\r\n\r\n", 1);
  client_send(&client, "abc");
  client_wait_text(&client, "\r\n\r\nabc", 1);
  client_end(&client);
}

/* ---- slow clients ---- */

static void a_request_that_is_not_complete_in_time_is_refused(void **state) {
  static const char *const parts[] = {
      "G",
      "\r\n",
      "GET / HTTP/1.1\r\nHo",
      "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabc",
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nTrai",
  };
  struct fixture *f = *state;
  bc_httpd_set_times(f->httpd, 100, 30);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    unsigned status = ask_status(f, parts[i]);
    if (status != 408) {
      fail_msg("%u for %s", status, parts[i]);
    }
  }
  assert_int_equal(bc_httpd_counts(f->httpd).too_slow, sizeof parts / sizeof parts[0]);
  assert_int_equal(f->calls, 0);
  assert_int_equal(bc_httpd_connections(f->httpd), 0);
}

/* It never stops for long, and would go on for ever. */
static void a_slow_request_is_refused_though_it_goes_on(void **state) {
  struct fixture *f = *state;
  struct client client;
  bc_httpd_set_times(f->httpd, 300, 30);
  for (int round = 0; round < 2; round++) {
    client_open(&client, f);
    client_send(&client,
                round == 0 ? "GET / HTTP/1.1\r\nX: " : "POST / HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    while (!client.has_ended) {
      (void)send(client.fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      run_for(f, 5);
    }
    assert_int_equal(status_of(&client), 408);
    client_end(&client);
  }
}

static void a_slow_second_request_is_refused_too(void **state) {
  struct fixture *f = *state;
  struct client client;
  bc_httpd_set_times(f->httpd, 100, 30);
  client_open(&client, f);
  client_send(&client, "GET / HTTP/1.1\r\n" HOST "\r\n");
  client_wait_text(&client, "pong", 1);
  run_for(f, 200); /* between requests is as long as it likes */
  assert_false(client.has_ended);
  client_send(&client, "GET / HTT");
  client_wait_end(&client);
  assert_int_equal(count_of(&client, "HTTP/1.1 408 Request Timeout"), 1);
  client_end(&client);
}

static void a_silent_connection_ends_without_a_word(void **state) {
  struct fixture *f = *state;
  struct client silent, kept;
  bc_httpd_set_times(f->httpd, 10000, 1);
  client_open(&silent, f);
  client_open(&kept, f);
  client_send(&kept, "GET / HTTP/1.1\r\n" HOST "\r\n");
  client_wait_end(&silent);
  client_wait_end(&kept);
  assert_int_equal(silent.answer.len, 0);
  assert_int_equal(count_of(&kept, "HTTP/1.1"), 1);
  client_end(&silent);
  client_end(&kept);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      TEST(a_request_is_answered),
      TEST(the_peer_of_a_unix_socket_is_known),
      TEST(a_head_request_gets_no_body),
      TEST(an_error_of_a_head_request_has_no_body_either),
      TEST(what_is_malformed_or_ambiguous_is_refused),
      TEST(an_error_is_told_once),
      TEST(a_zero_in_a_head_is_refused),
      TEST(what_is_good_is_taken),
      TEST(a_request_may_come_in_any_parts),
      TEST(nothing_is_read_behind_a_chunked_body),
      TEST(requests_in_a_row_are_answered_in_their_order),
      TEST(heads_above_the_limits_are_refused),
      TEST(bodies_above_the_limit_are_refused),
      TEST(a_body_without_end_is_not_read_to_its_end),
      TEST(a_sender_that_asks_first_hears_at_once),
      TEST(a_request_that_is_not_complete_in_time_is_refused),
      TEST(a_slow_request_is_refused_though_it_goes_on),
      TEST(a_slow_second_request_is_refused_too),
      TEST(a_silent_connection_ends_without_a_word),
#undef TEST
  };
  cmocka_set_test_filter(getenv("BC_TEST_FILTER")); /* NULL: all */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
