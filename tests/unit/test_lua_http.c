/* `http`: what goes out and what comes back. Redirects and refusals are in test_lua_http_way.c. */
#include "lua_http_world.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct web_reply ok_replies[] = {{NULL, OK_ANSWER, WEB_KEEP}};

static void a_result_says_what_came(void **state) {
  (void)state;
  static const struct web_reply replies[] = {
      {NULL, "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello", WEB_CLOSE}};
  http_serve(replies);
  http_expect("local r = assert(http.get(url('/a?b=c#d')))\n"
              "assert(r.status == 404 and r.headers['x-a'] == '1, 2' and r.headers['content-length'] == '5')\n"
              "assert(r.headers['X-A'] == nil and r.redirects == 0 and r.url == url('/a?b=c'), r.url)\n"
              "assert(r.address == '127.0.0.1' and r.port == port and r.version == '1.1')\n"
              "assert(r.body_truncated == false and r.cert == nil)\n"
              "local t = r.timings\n"
              "assert(t.resolve >= 0 and t.connect > 0 and t.tls == 0)\n"
              "assert(t.first_byte >= t.connect and t.total >= t.first_byte and t.total < 20)\n"
              "return true");
  assert_false(bc_sandbox_run_outcome(http.lua.run)->had_io_failure);
  assert_true(web_server_saw(http.server, "GET /a?b=c HTTP/1.1\r\nHost: www.test:"));
}

static void functions_are_methods(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"*", NULL, WEB_CLOSE}, {NULL, OK_ANSWER, WEB_KEEP}};
  http_serve(replies);
  http_expect("local r = assert(http.head(url('/')))\n return r.status == 200 and r.body == ''");
  assert_true(web_server_saw(http.server, "HEAD / HTTP/1.1\r\n"));
  http_expect("return http.post(url('/'), {body = 'a=b', headers = {['Content-Type'] = 'text/plain', ['X-E'] = ''}})"
              ".body == 'ok'");
  assert_true(web_server_saw(http.server, "POST / HTTP/1.1\r\n"));
  assert_true(web_server_saw(http.server, "Content-Type: text/plain\r\n"));
  assert_true(web_server_saw(http.server, "X-E:\r\n"));
  assert_true(web_server_saw(http.server, "Content-Length: 3\r\n\r\na=b"));
  http_expect("return http.post(url('/')).status == 200");
  assert_true(web_server_saw(http.server, "Content-Length: 0\r\n"));
  http_expect("return http.request(url('/'), {body = 'x'}).status == 200");
  assert_true(web_server_saw(http.server, "POST / HTTP/1.1\r\n"));
  http_expect("return http.request(url('/'), {method = 'PROPFIND', body = 'x'}).status == 200");
  assert_true(web_server_saw(http.server, "PROPFIND / HTTP/1.1\r\n"));
  http_expect("return http.request(url('/')).status == 200");
  assert_true(web_server_saw(http.server, "GET / HTTP/1.1\r\n"));
  assert_false(web_server_saw(http.server, "Content-"));
  http_expect("local r = assert(http.post(url('/'), {version = '2'}))\n return r.version == '2' and r.body == 'two'");
  http_expect("return http.request(url('/'), {method = 'PUT'}).status == 200");
  assert_true(web_server_saw(http.server, "Content-Length: 0\r\n"));
}

static void wrong_arguments_raise(void **state) {
  (void)state;
  static const char *const calls[][2] = {
      {"http.get()", "string expected"},
      {"http.get('www.test')", "bad argument #1 to 'get' (expected a URL such as http://www.example.com/"},
      {"http.get('ftp://www.test/')", "expected a URL with http:// or https://"},
      {"http.get('http://www.test/\\r\\nX: y')", "printable ASCII"},
      {"http.get(url('/'), {tiemout = 1})", "unknown option 'tiemout': expected headers, timeout, connect_timeout"},
      {"http.get(url('/'), {body = 'x'})", "unknown option 'body'"},
      {"http.head(url('/'), {method = 'GET'})", "unknown option 'method'"},
      {"http.post(url('/'), {method = 'GET'})", "unknown option 'method'"},
      {"http.request(url('/'), {method = 'get'})", "in capital letters"},
      {"http.request(url('/'), {method = 'GET / HTTP/1.1\\r\\nX: y\\r\\n'})", "option 'method'"},
      {"http.request(url('/'), {method = ''})", "option 'method'"},
      {"http.request(url('/'), {method = 'CONNECT'})", "option 'method'"},
      {"http.request(url('/'), {method = 'HEAD', body = 'x'})", "option 'body'"},
      {"http.post(url('/'), {body = ('x'):rep(262145)})", "option 'body': expected at most 262144 bytes"},
      {"http.get(url('/'), {headers = 'X: y'})", "option 'headers': expected a table, found a string"},
      {"http.get(url('/'), {headers = {'X: y'}})", "option 'headers'"},
      {"http.get(url('/'), {headers = {X = 1}})", "option 'headers'"},
      {"http.get(url('/'), {headers = {['X Y'] = 'z'}})", "the name of a header"},
      {"http.get(url('/'), {headers = {[''] = 'z'}})", "the name of a header"},
      {"http.get(url('/'), {headers = {['X:'] = 'z'}})", "the name of a header"},
      {"http.get(url('/'), {headers = {['X\\r\\nY'] = 'z'}})", "the name of a header"},
      {"http.get(url('/'), {headers = {X = 'y\\r\\nZ: 1'}})", "the value of 'X' holds"},
      {"http.get(url('/'), {headers = {X = 'y\\nZ: 1'}})", "the value of 'X' holds"},
      {"http.get(url('/'), {headers = {X = 'y\\0'}})", "the value of 'X' holds"},
      {"http.get(url('/'), {headers = {['content-length'] = '5'}})", "'content-length' is set by the request"},
      {"http.get(url('/'), {headers = {['Transfer-Encoding'] = 'chunked'}})", "is set by the request"},
      {"http.get(url('/'), {headers = {['Proxy-Authorization'] = 'x'}})", "is set by the request"},
      {"http.get(url('/'), {headers = {Host = 'a', host = 'b'}})", "is given twice"},
      {"local h = {} for i = 1, 65 do h['X-' .. i] = 'y' end http.get(url('/'), {headers = h})", "at most 64 headers"},
      {"http.get(url('/'), {headers = {X = ('y'):rep(16380)}})", "with 16384 bytes"},
      {"http.get(url('/'), {max_body = 262145})", "option 'max_body'"},
      {"http.get(url('/'), {redirects = 11})", "option 'redirects'"},
      {"http.get(url('/'), {version = '3'})", "option 'version'"},
      {"http.post(url('/'), {version = '2', body = 'x'})", "option 'body': is sent by version \"1.1\" only"},
      {"http.get(url('/'), {connect_to = ''})", "option 'connect_to'"},
      {"http.get(url('/'), {connect_to = 'a:b'})", "option 'connect_to'"},
      {"http.get(url('/'), {connect_to = 'a:0'})", "option 'connect_to'"},
      {"http.get(url('/'), {connect_to = '10.0.0.1:65536'})", "option 'connect_to'"},
      {"http.get(url('/'), {connect_to = '[::1'})", "option 'connect_to'"},
      {"http.get(url('/'), {connect_to = ':80'})", "option 'connect_to'"},
      {"http.get(url('/'), {tls = true})", "option 'tls': expected a table"},
      {"http.get(url('/'), {tls = {sni = 'x'}})", "unknown option 'sni': expected verify, ca, cert, key, name, min"},
      {"http.get(url('/'), {tls = {verify = 0}})", "option 'verify'"},
  };
  http_serve(ok_replies);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    char script[1000];
    (void)snprintf(script, sizeof script,
                   "local ok, text = pcall(function() %s end)\n"
                   "if ok then error('it did not raise') end\n"
                   "if not text:find([==[%s]==], 1, true) then error(text) end\n return true",
                   calls[i][0], calls[i][1]);
    http_expect(script);
    assert_int_equal(http.lua.io->calls, 0);
  }
  http_expect_counts(0, 0);
}

static void a_body_is_cut_at_max_body(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/small", OK_ANSWER, WEB_KEEP},
                                             {NULL, "HTTP/1.1 200 OK\r\n\r\n0123456789", WEB_FLOOD}};
  http_serve(replies);
  http_expect("local r = assert(http.get(url('/'), {max_body = 8}))\n"
              "assert(r.status == 200 and r.body == '01234567' and r.body_truncated == true)\n"
              "r = assert(http.get(url('/')))\n"
              "assert(#r.body == 65536 and r.body_truncated == true)\n"
              "r = assert(http.get(url('/small'), {max_body = 2}))\n"
              "return r.body == 'ok' and r.body_truncated == false");
}

static void what_lasts_too_long_ends_at_its_timeout(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", WEB_STALL}};
  http_serve(replies);
  http_expect("return fails(place() .. ': timeout after 60 ms', 'timeout', http.get(url('/'), {timeout = 0.06}))");
  assert_true(bc_sandbox_run_outcome(http.lua.run)->had_io_failure);
  assert_int_equal(http.lua.io->calls, 0);
  static const struct web_reply silent[] = {{NULL, "", WEB_STALL}};
  http.other = web_server_new("127.0.0.2", 0, silent, NULL);
  http.other->is_first = true; /* never a handshake */
  http_expect("return fails(place('127.0.0.2', other) .. ': no connection after 70 ms', 'timeout',\n"
              "  http.get('https://other.test:' .. other, {connect_timeout = '70ms', timeout = 20}))");
}

static void errors_name_the_place_and_the_cause(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/garbage", "220 mail.test ESMTP\r\n", WEB_CLOSE},
                                             {"/nothing", "", WEB_CLOSE},
                                             {"/reset", "HTTP/1.1 200 OK\r\n", WEB_RESET},
                                             {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", WEB_CLOSE}};
  http_serve(replies);
  http_expect("fails(place() .. ': the answer is not HTTP', 'protocol', http.get(url('/garbage')))\n"
              "fails(place() .. ': closed before an answer came', 'closed', http.get(url('/nothing')))\n"
              "fails(place() .. ': closed before the end of the answer', 'closed', http.get(url('/half')))\n"
              "local _, _, code = http.get(url('/reset'))\n"
              "assert(code == 'reset', code)\n"
              "fails(place('127.0.0.99') .. ': connection refused', 'refused', http.get(url('/', '127.0.0.99')))\n"
              "local r, text, code = http.get(url('/', 'nosuch.test'))\n"
              "return r == nil and code == 'resolve' and text:find('^nosuch.test: ') ~= nil, text");
}

static void addresses_are_tried_one_after_the_other(void **state) {
  (void)state;
  http_serve(ok_replies);
  http_expect("local r = assert(http.get(url('/', 'many.test')))\n return r.address == '127.0.0.1'");
  http_write_hosts("127.0.0.98 many.test\n127.0.0.99 many.test\n127.0.0.66 many.test\n");
  http_expect("local r, text, code = http.get(url('/', 'many.test'))\n"
              "return code == 'refused' and text:find('127.0.0.9. port') ~= nil, text");
  /* A connection counts, whatever comes of it: no other address is asked. */
  static const struct web_reply cut[] = {{NULL, "", WEB_CLOSE}};
  http.other = web_server_new("127.0.0.2", http.server->port, cut, NULL);
  http.denied = web_server_new("127.0.0.3", http.server->port, cut, NULL);
  http_write_hosts("127.0.0.2 many.test\n127.0.0.3 many.test\n");
  http_expect("local r, text, code = http.get(url('/', 'many.test'))\n"
              "return code == 'closed' and text:find('closed before an answer came', 1, true) ~= nil, text");
  assert_int_equal(atomic_load(&http.other->connections) + atomic_load(&http.denied->connections), 1);
}

static void connect_to_changes_the_place_and_nothing_else(void **state) {
  (void)state;
  http_serve(ok_replies);
  http_expect("local r = assert(http.get('http://nosuch.test:81/', {connect_to = '127.0.0.1:' .. port}))\n"
              "return r.address == '127.0.0.1' and r.port == port and r.url == 'http://nosuch.test:81/'");
  assert_true(web_server_saw(http.server, "Host: nosuch.test:81\r\n"));
  http_expect("local r = assert(http.get(url('/', 'nosuch.test'), {connect_to = '127.0.0.1'}))\n return true");
  http_expect("local r = assert(http.get('http://nosuch.test/', {connect_to = 'www.test:' .. port}))\n return true");
  assert_true(web_server_saw(http.server, "Host: nosuch.test\r\n"));
  http_expect("return fails('egress denied: 127.0.0.66 port 81 is denied by egress_deny 127.0.0.66', 'egress',\n"
              "  http.get(url('/'), {connect_to = '127.0.0.66:81'}))");
  http_expect_counts(3, 3);
}

/* ---- connections ---- */

static void kept_connections_are_the_scripts_own(void **state) {
  (void)state;
  http_serve(ok_replies);
  http_expect("for i = 1, 3 do assert(http.get(url('/'), {keep = true})) end return true");
  http_expect_counts(1, 3);
  /* The same script in another run, and in another check. */
  assert_int_equal(lua_world_run(&http.lua)->word, BC_SANDBOX_UP);
  http_expect_counts(1, 6);
  /* Another script. */
  http_expect("return http.get(url('/'), {keep = true}).status == 200");
  http_expect_counts(2, 7);
  http_expect("for i = 1, 3 do assert(http.get(url('/'))) end return true");
  http_expect_counts(5, 10);
}

enum { RUNS = 65 };

static struct bc_sandbox_run *runs[RUNS];
static unsigned runs_done;

static void resume_run(struct bc_sandbox_run **run) {
  if (bc_sandbox_run_resume(*run) != BC_SANDBOX_YIELDED) {
    assert_int_equal(bc_sandbox_run_outcome(*run)->word, BC_SANDBOX_UP);
    bc_sandbox_run_free(*run);
    *run = NULL;
    runs_done++;
  }
}

static bool runs_ready[RUNS];

static void on_run_ready(void *arg) {
  *(bool *)arg = true;
  bc_loop_stop(http.lua.loop);
}

static void many_runs_ask_at_once(void **state) {
  (void)state;
  http_serve(ok_replies);
  http_load((struct bc_sandbox_options){0}, HTTP_PRELUDE "return http.get(url('/'), {keep = true}).body == 'ok'");
  for (size_t i = 0; i < RUNS; i++) {
    runs[i] = bc_sandbox_run_new(http.lua.check);
    bc_sandbox_run_on_ready(runs[i], on_run_ready, &runs_ready[i]);
    resume_run(&runs[i]);
  }
  assert_int_equal(http.lua.io->calls, RUNS);
  bc_timer_start(http.lua.hang, LUA_WORLD_HANG_MS);
  while (runs_done < RUNS) {
    bc_loop_run(http.lua.loop);
    for (size_t i = 0; i < RUNS; i++) {
      if (runs_ready[i]) {
        runs_ready[i] = false;
        resume_run(&runs[i]);
      }
    }
  }
  bc_timer_stop(http.lua.hang);
  assert_int_equal(http.lua.io->calls, 0);
  http_expect_counts(RUNS, RUNS);
}

static void threads_of_a_run_ask_at_once(void **state) {
  (void)state;
  http_serve(ok_replies);
  http_expect("local ask = {}\n"
              "for i = 1, 64 do ask[i] = function() return http.get(url('/'), {redirects = 1}) end end\n"
              "for i, r in ipairs(parallel(ask)) do assert(r[1], r[2]) assert(r[1].body == 'ok') end\n"
              "return true");
  http_expect_counts(64, 64);
  assert_int_equal(http.lua.io->calls, 0);
}

static void on_look(void *arg) {
  bc_loop_stop(arg);
}

/* Freed while it looks up, connects, waits for the answer: nothing is left (the sanitizers see the rest). */
static void a_run_that_ends_while_it_waits_leaves_nothing(void **state) {
  (void)state;
  static const char *const scripts[] = {
      "http.get('http://slow.example/', {keep = true})", "http.get(url('/'), {keep = true})", "http.get(url('/'))",
      "http.get(url('/', '127.0.0.1'))", "http.post(url('/'), {body = ('x'):rep(100000), redirects = 3})"};
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\n", WEB_STALL}};
  http_serve(replies);
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    for (int is_later = 0; is_later < 2; is_later++) {
      struct bc_buf text;
      bc_buf_init(&text, 10000);
      bc_buf_add_format(&text, "%s%s", HTTP_PRELUDE, scripts[i]);
      http_load((struct bc_sandbox_options){0}, text.data);
      unsigned before = atomic_load(&http.server->requests);
      http.lua.run = bc_sandbox_run_new(http.lua.check);
      assert_int_equal(bc_sandbox_run_resume(http.lua.run), BC_SANDBOX_YIELDED);
      assert_int_equal(http.lua.io->calls, 1);
      if (is_later == 1 && i > 0) {
        struct bc_timer *look = bc_timer_new(http.lua.loop, on_look, http.lua.loop);
        while (atomic_load(&http.server->requests) == before) {
          bc_timer_start(look, 1);
          bc_loop_run(http.lua.loop);
        }
        bc_timer_free(look);
      }
      bc_sandbox_run_free(http.lua.run);
      http.lua.run = NULL;
      assert_int_equal(http.lua.io->calls, 0);
      bc_buf_free(&text);
    }
  }
  /* What was given up stays so when its servers end. */
  web_server_free(http.server);
  http_serve(ok_replies);
  http_expect("return http.get(url('/')).status == 200");
}

static void it_works_with_a_collection_at_every_allocation(void **state) {
  (void)state;
  http_serve(ok_replies);
  http_load((struct bc_sandbox_options){.is_gc_hard = true}, HTTP_PRELUDE
            "for i = 1, 3 do\n"
            "  local r = assert(http.post(url('/'), {body = 'b' .. i, headers = {['X-' .. i] = 'y' .. i},\n"
            "    keep = true, redirects = 1, connect_to = '127.0' .. '.0.1'}))\n"
            "  assert(r.body == 'ok' and r.headers['content-length'] == '2')\n"
            "end\n"
            "return true");
  assert_int_equal(lua_world_run(&http.lua)->word, BC_SANDBOX_UP);
  assert_true(web_server_saw(http.server, "X-3: y3\r\n"));
}

static void a_body_that_does_not_fit_is_a_memory_error_and_leaves_nothing(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, "HTTP/1.1 200 OK\r\n\r\n", WEB_FLOOD}};
  http_serve(replies);
  http_load((struct bc_sandbox_options){.state_bytes = 200000, .check_bytes = 1000},
            HTTP_PRELUDE "return http.get(url('/'), {max_body = 262144})");
  assert_int_equal(lua_world_run(&http.lua)->end, BC_SANDBOX_MEMORY);
  bc_sandbox_run_free(http.lua.run);
  http.lua.run = NULL;
  assert_int_equal(http.lua.io->calls, 0);
}

int main(void) {
#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)
  const struct CMUnitTest tests[] = {
      HTTP_TEST(a_result_says_what_came),
      HTTP_TEST(functions_are_methods),
      HTTP_TEST(wrong_arguments_raise),
      HTTP_TEST(a_body_is_cut_at_max_body),
      HTTP_TEST(what_lasts_too_long_ends_at_its_timeout),
      HTTP_TEST(errors_name_the_place_and_the_cause),
      HTTP_TEST(addresses_are_tried_one_after_the_other),
      HTTP_TEST(connect_to_changes_the_place_and_nothing_else),
      HTTP_TEST(kept_connections_are_the_scripts_own),
      HTTP_TEST(many_runs_ask_at_once),
      HTTP_TEST(threads_of_a_run_ask_at_once),
      HTTP_TEST(a_run_that_ends_while_it_waits_leaves_nothing),
      HTTP_TEST(it_works_with_a_collection_at_every_allocation),
      HTTP_TEST(a_body_that_does_not_fit_is_a_memory_error_and_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
