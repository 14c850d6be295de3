#include "web_world.h"

#include <sys/resource.h>

/* ---- answers ---- */

static void an_answer_has_status_headers_and_body(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL,
                                              "HTTP/1.1 207 Multi\r\nX-One: a\r\nSet-Cookie: b=1\r\nx-one:  c\r\n"
                                              "X-Empty:\r\nX-ONE: d\r\nContent-Length: 5\r\n\r\nhello",
                                              WEB_CLOSE}};
  serve(replies);
  const struct bc_web_answer *answer = get("http://www.test/a/b?c=d#e");
  assert_string_equal(answer->fault.text, "");
  assert_int_equal(answer->error, BC_STREAM_FINE);
  assert_int_equal(answer->status, 207);
  assert_string_equal(answer->version, "1.1");
  assert_string_equal(answer->body.data, "hello");
  assert_false(answer->is_cut);
  assert_string_equal(header(answer, "x-one"), "a, c, d");
  assert_string_equal(header(answer, "set-cookie"), "b=1");
  assert_string_equal(header(answer, "x-empty"), "");
  assert_null(header(answer, "X-ONE"));
  assert_null(answer->location);
  assert_null(answer->cert);
  assert_true(answer->connect_us > 0 && answer->first_byte_us >= answer->connect_us && answer->tls_us == 0);
  assert_true(web_server_saw(world.server, "GET /a/b?c=d HTTP/1.1\r\nHost: www.test\r\n"));
  assert_true(web_server_saw(world.server, "User-Agent: bgpcommander/"));
  assert_false(web_server_saw(world.server, "Expect"));
}

static void nothing_is_resolved_and_no_proxy_is_asked(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 204 No Content\r\n\r\n", WEB_CLOSE}};
  serve(replies);
  assert_int_equal(get("http://nowhere.invalid/")->status, 204);
  assert_int_equal(get("http://192.0.2.1:99/")->status, 204);
  assert_int_equal(get("http://[2001:db8::1]/")->status, 204);
  assert_int_equal(atomic_load(&world.server->connections), 3);
  assert_int_equal(resolved, 0);
}

static void chunks_and_interim_answers_are_put_together(void **state) {
  (void)state;
  static const struct web_reply replies[] = {
      {"/chunks",
       "HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
       "Trailer: X-Sum\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nX-Sum: 5\r\n\r\n",
       WEB_KEEP},
      {"/old", "HTTP/1.0 200 OK\r\n\r\nuntil the end", WEB_CLOSE},
      {NULL, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", WEB_KEEP}};
  serve(replies);
  const struct bc_web_answer *answer = get("http://www.test/chunks");
  assert_string_equal(answer->body.data, "abcde");
  assert_null(header(answer, "x-hint"));
  assert_null(header(answer, "x-sum"));
  answer = get("http://www.test/old");
  assert_string_equal(answer->body.data, "until the end");
  assert_string_equal(answer->version, "1.0");
  assert_int_equal(get("http://www.test/")->status, 304);
}

static void methods_bodies_and_headers_go_out_as_given(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", WEB_KEEP}};
  static const char *const headers[] = {"X-Test: yes", "X-Nothing;", "User-Agent: me", "Host: other.test", NULL};
  struct bc_web_url url;
  serve(replies);
  parse("http://www.test:81/", &url);
  struct bc_web_request request = request_of(&url);
  request.method = "HEAD";
  request.headers = headers;
  const struct bc_web_answer *answer = await(&request);
  assert_int_equal(answer->error, BC_STREAM_FINE);
  assert_string_equal(header(answer, "content-length"), "9");
  assert_int_equal(answer->body.len, 0);
  assert_true(web_server_saw(world.server, "HEAD / HTTP/1.1\r\nHost: other.test\r\nAccept: */*\r\n"));
  assert_true(web_server_saw(world.server, "\r\nX-Test: yes\r\nX-Nothing:\r\nUser-Agent: me\r\n"));
  assert_false(web_server_saw(world.server, "bgpcommander"));
  bc_web_url_free(&url);
}

static void a_body_goes_out_whole(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_KEEP}};
  struct bc_web_url url;
  struct bc_buf body;
  serve(replies);
  parse("http://www.test/", &url);
  bc_buf_init(&body, BC_LIMIT_WEB_BODY_BYTES);
  memset(bc_buf_reserve(&body, BC_LIMIT_WEB_BODY_BYTES), 'y', BC_LIMIT_WEB_BODY_BYTES);
  bc_buf_commit(&body, BC_LIMIT_WEB_BODY_BYTES);
  struct bc_web_request request = request_of(&url);
  request.method = "PUT";
  request.body = bc_buf_str(&body);
  assert_int_equal(await(&request)->status, 200);
  assert_true(web_server_saw(world.server, "PUT / HTTP/1.1\r\n"));
  assert_true(web_server_saw(world.server, "Content-Length: 262144\r\n"));
  assert_false(web_server_saw(world.server, "Content-Type"));
  assert_true(strlen(world.server->seen) > BC_LIMIT_WEB_BODY_BYTES);
  request.method = "POST";
  request.body = (struct bc_str){"", 0};
  assert_int_equal(await(&request)->status, 200);
  assert_true(web_server_saw(world.server, "POST / HTTP/1.1\r\n"));
  assert_true(web_server_saw(world.server, "Content-Length: 0\r\n"));
  bc_buf_free(&body);
  bc_web_url_free(&url);
}

static void http2_is_spoken_where_it_is_wanted(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"*", NULL, WEB_KEEP},
                                             {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_KEEP}};
  struct bc_web_url url;
  serve(replies);
  parse("http://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.is_http2 = true;
  const struct bc_web_answer *answer = await(&request);
  assert_string_equal(answer->fault.text, "");
  assert_string_equal(answer->version, "2");
  assert_int_equal(answer->status, 200);
  assert_string_equal(answer->body.data, "two");
  bc_web_url_free(&url);
}

static void a_redirect_is_an_answer_with_a_place(void **state) {
  (void)state;
  static const struct web_reply replies[] = {
      {"/old", "HTTP/1.1 301 Moved\r\nLocation: /new\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", WEB_CLOSE},
      {"/nowhere", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", WEB_CLOSE},
      {NULL, "HTTP/1.1 201 Created\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n", WEB_CLOSE}};
  serve(replies);
  const struct bc_web_answer *answer = get("http://www.test/old");
  assert_int_equal(answer->status, 301);
  assert_string_equal(answer->location, "/new");
  assert_int_equal(atomic_load(&world.server->requests), 1);
  assert_null(get("http://www.test/nowhere")->location);
  assert_null(get("http://www.test/created")->location);
}

/* ---- bounds ---- */

static void a_large_body_is_cut_and_not_read_to_its_end(void **state) {
  (void)state;
  static const struct web_reply replies[] = {
      {"/exact", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", WEB_KEEP},
      {"/none", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_KEEP},
      {NULL, "HTTP/1.1 200 OK\r\n\r\n0123456789", WEB_FLOOD}};
  struct bc_web_url url;
  serve(replies);
  parse("http://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.max_body = 10;
  const struct bc_web_answer *answer = await(&request);
  assert_int_equal(answer->error, BC_STREAM_FINE);
  assert_int_equal(answer->status, 200);
  assert_string_equal(answer->body.data, "0123456789");
  assert_true(answer->is_cut);
  request.max_body = 0;
  answer = await(&request);
  assert_int_equal(answer->error, BC_STREAM_FINE);
  assert_int_equal(answer->body.len, 0);
  assert_true(answer->is_cut);
  bc_web_url_free(&url);
  parse("http://www.test/exact", &url);
  request.max_body = 10;
  assert_false(await(&request)->is_cut);
  bc_web_url_free(&url);
  parse("http://www.test/none", &url);
  request.max_body = 0;
  assert_false(await(&request)->is_cut);
  bc_web_url_free(&url);
}

static void a_large_head_ends_the_request(void **state) {
  (void)state;
  static struct web_reply replies[] = {{"/lines", NULL, WEB_STALL},
                                       {"/bytes", NULL, WEB_STALL},
                                       {"/one-line", NULL, WEB_STALL},
                                       {"/interim", NULL, WEB_STALL},
                                       {NULL, NULL, WEB_STALL}};
  struct bc_buf texts[5];
  for (size_t i = 0; i < 5; i++) {
    bc_buf_init(&texts[i], 1000000);
    bc_buf_add_text(&texts[i], i == 3 ? "HTTP/1.1 100 Continue\r\n" : "HTTP/1.1 200 OK\r\n");
  }
  for (unsigned i = 0; i < BC_LIMIT_WEB_HEADERS; i++) {
    bc_buf_add_format(&texts[0], "X-%u: 1\r\n", i);
    if (i < 200) {
      bc_buf_add_format(&texts[1], "X-%u: %0330d\r\n", i, 0);
    }
    bc_buf_add_text(&texts[3], "\r\nHTTP/1.1 100 Continue\r\n");
    /* Just what still passes, with the first line. */
    if (i < BC_LIMIT_WEB_HEADERS - 2) {
      bc_buf_add_format(&texts[4], "X-%u: %0200d\r\n", i, 0);
    }
  }
  bc_buf_add_format(&texts[2], "X: %0200000d\r\n", 0);
  bc_buf_add_text(&texts[4], "Content-Length: 0\r\n\r\n");
  for (size_t i = 0; i < 5; i++) {
    replies[i].answer = texts[i].data;
  }
  serve(replies);
  static const char many[] = "the head of the answer has more than 65536 bytes or 256 lines";
  assert_failed(get("http://www.test/lines"), BC_STREAM_PROTOCOL, many);
  assert_failed(get("http://www.test/bytes"), BC_STREAM_PROTOCOL, many);
  assert_failed(get("http://www.test/interim"), BC_STREAM_PROTOCOL, many);
  assert_failed(get("http://www.test/one-line"), BC_STREAM_PROTOCOL, "the head of the answer is too large");
  assert_int_equal(get("http://www.test/")->error, BC_STREAM_FINE);
  web_server_free(world.server);
  world.server = NULL;
  for (size_t i = 0; i < 5; i++) {
    bc_buf_free(&texts[i]);
  }
}

/* ---- what goes wrong ---- */

static void nobody_listens(void **state) {
  (void)state;
  static const struct web_reply none[] = {{NULL, "", WEB_CLOSE}};
  char expected[100];
  struct bc_web_url url;
  serve(none);
  parse("http://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.address = loopback(9);
  const struct bc_web_answer *answer = await(&request);
  (void)snprintf(expected, sizeof expected, "127.0.0.9 port %u: connection refused", world.server->port);
  assert_string_equal(answer->fault.text, expected);
  assert_int_equal(answer->error, BC_STREAM_REFUSED);
  assert_true(answer->is_unconnected);
  bc_web_url_free(&url);
}

static void what_is_no_http_is_said(void **state) {
  (void)state;
  static const struct web_reply replies[] = {
      {"/garbage", "SSH-2.0-OpenSSH_9.2\r\n", WEB_STALL},
      {"/status", "HTTP/1.1 abc\r\n\r\n", WEB_CLOSE},
      {"/length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", WEB_CLOSE},
      {"/chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", WEB_CLOSE},
      {NULL, "HTTP/3.7 200 OK\r\n\r\n", WEB_CLOSE}};
  serve(replies);
  assert_failed(get("http://www.test/garbage"), BC_STREAM_PROTOCOL, "the answer is not HTTP");
  assert_int_equal(get("http://www.test/status")->error, BC_STREAM_PROTOCOL);
  assert_int_equal(get("http://www.test/length")->error, BC_STREAM_PROTOCOL);
  assert_int_equal(get("http://www.test/chunk")->error, BC_STREAM_PROTOCOL);
  assert_int_equal(get("http://www.test/version")->error, BC_STREAM_PROTOCOL);
}

static void an_answer_that_ends_early_is_an_error(void **state) {
  (void)state;
  static const struct web_reply replies[] = {
      {"/nothing", "", WEB_CLOSE},
      {"/half", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", WEB_CLOSE},
      {"/chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", WEB_CLOSE},
      {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", WEB_RESET}};
  serve(replies);
  assert_failed(get("http://www.test/nothing"), BC_STREAM_CLOSED, "closed before an answer came");
  const struct bc_web_answer *answer = get("http://www.test/half");
  assert_failed(answer, BC_STREAM_CLOSED, "closed before the end of the answer");
  assert_false(answer->is_unconnected);
  assert_failed(get("http://www.test/chunk"), BC_STREAM_CLOSED, "closed before the end of the answer");
  assert_failed(get("http://www.test/reset"), BC_STREAM_RESET, "connection reset");
}

static void a_connect_that_lasts_too_long_ends(void **state) {
  (void)state;
  struct bc_web_url url;
  /* TLS is a part of the connect; this server never says a word. */
  static const struct web_reply replies[] = {{NULL, "", WEB_STALL}};
  serve(replies);
  parse("https://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.connect_ms = 50;
  const struct bc_web_answer *answer = await(&request);
  assert_failed(answer, BC_STREAM_TIMEOUT, "no connection after 50 ms");
  bc_web_url_free(&url);
}

static void without_descriptors_it_says_so(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\n\r\n", WEB_CLOSE}};
  struct rlimit before;
  serve(replies);
  int next = dup(0);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
  (void)close(next);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  const struct bc_web_answer *answer = get("http://www.test/");
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(answer->error, BC_STREAM_LIMIT);
  assert_int_equal(atomic_load(&world.server->connections), 0);
}

/* ---- calls ---- */

static void many_at_once_all_end(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", WEB_CLOSE}};
  struct bc_web_url url;
  serve(replies);
  parse("http://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  world.wanted = AT_ONCE;
  for (unsigned i = 0; i < AT_ONCE; i++) {
    (void)bc_web_start(world.web, &request);
  }
  bc_web_url_free(&url);
  bc_loop_run(world.loop);
  for (unsigned i = 0; i < AT_ONCE; i++) {
    assert_string_equal(world.answers[i]->body.data, "ok");
  }
  assert_int_equal(atomic_load(&world.server->connections), AT_ONCE);
}

static void a_cancelled_call_is_silent(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/stall", "HTTP/1.1 200 OK\r\n\r\nhello", WEB_STALL},
                                             {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_CLOSE}};
  struct bc_web_url url;
  serve(replies);
  parse("http://www.test/stall", &url);
  struct bc_web_request request = request_of(&url);
  bc_web_cancel(bc_web_start(world.web, &request));
  struct bc_web_call *waits = bc_web_start(world.web, &request);
  bc_web_url_free(&url);
  assert_int_equal(get("http://www.test/")->status, 200);
  bc_web_cancel(waits);
  bc_web_cancel(NULL);
  assert_int_equal(get("http://www.test/")->status, 200);
  assert_int_equal(world.done, 2);
}

static void the_client_may_be_freed_by_its_callback(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/stall", "", WEB_STALL},
                                             {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_CLOSE}};
  struct bc_web_url url;
  serve(replies);
  parse("http://www.test/stall", &url);
  struct bc_web_request request = request_of(&url);
  (void)bc_web_start(world.web, &request);
  bc_web_url_free(&url);
  world.free_in_done = true;
  assert_int_equal(get("http://www.test/")->status, 200);
  assert_null(world.web);
  assert_int_equal(world.done, 1);
}

static void connections_are_kept_only_where_wanted(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_KEEP}};
  struct bc_web_url url;
  serve(replies);
  parse("http://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(await(&request)->status, 200);
  }
  assert_int_equal(atomic_load(&world.server->connections), 3);
  request.keep = true;
  for (int i = 0; i < 3; i++) {
    const struct bc_web_answer *answer = await(&request);
    assert_int_equal(answer->status, 200);
    assert_true((answer->connect_us > 0) == (i == 0));
  }
  assert_int_equal(atomic_load(&world.server->connections), 4);
  /* What does not keep takes none that is kept. */
  request.keep = false;
  assert_int_equal(await(&request)->status, 200);
  assert_int_equal(atomic_load(&world.server->connections), 5);
  bc_web_url_free(&url);
}

static void a_kept_connection_serves_its_address_only(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_KEEP}};
  static const struct web_reply other[] = {{NULL, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", WEB_KEEP}};
  struct bc_web_url url;
  serve(replies);
  struct web_server *second = web_server_new("127.0.0.2", world.server->port, other, NULL);
  parse("http://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.keep = true;
  assert_int_equal(await(&request)->status, 200);
  request.address = loopback(2);
  assert_int_equal(await(&request)->status, 404);
  request.address = loopback(1);
  assert_int_equal(await(&request)->status, 200);
  assert_int_equal(atomic_load(&world.server->connections), 1);
  assert_int_equal(atomic_load(&second->connections), 1);
  bc_web_free(world.web);
  world.web = NULL;
  web_server_free(second);
  bc_web_url_free(&url);
}

static void an_address_may_be_of_ipv6(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WEB_CLOSE}};
  struct bc_web_url url;
  world.server = web_server_new("::1", 0, replies, NULL);
  parse("http://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.address = (struct bc_resolver_address){.bytes = {[15] = 1}, .is_ipv6 = true};
  assert_int_equal(await(&request)->status, 200);
  bc_web_url_free(&url);
}

int main(void) {
#define WEB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      WEB_TEST(an_answer_has_status_headers_and_body),
      WEB_TEST(nothing_is_resolved_and_no_proxy_is_asked),
      WEB_TEST(chunks_and_interim_answers_are_put_together),
      WEB_TEST(methods_bodies_and_headers_go_out_as_given),
      WEB_TEST(a_body_goes_out_whole),
      WEB_TEST(http2_is_spoken_where_it_is_wanted),
      WEB_TEST(a_redirect_is_an_answer_with_a_place),
      WEB_TEST(a_large_body_is_cut_and_not_read_to_its_end),
      WEB_TEST(a_large_head_ends_the_request),
      WEB_TEST(nobody_listens),
      WEB_TEST(what_is_no_http_is_said),
      WEB_TEST(an_answer_that_ends_early_is_an_error),
      WEB_TEST(a_connect_that_lasts_too_long_ends),
      WEB_TEST(without_descriptors_it_says_so),
      WEB_TEST(many_at_once_all_end),
      WEB_TEST(a_cancelled_call_is_silent),
      WEB_TEST(the_client_may_be_freed_by_its_callback),
      WEB_TEST(connections_are_kept_only_where_wanted),
      WEB_TEST(a_kept_connection_serves_its_address_only),
      WEB_TEST(an_address_may_be_of_ipv6),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
