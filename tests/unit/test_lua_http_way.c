/* `http`: redirects, what this node does not allow, TLS. */
#include "lua_http_world.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define REDIRECT(status, place) "HTTP/1.1 " status " X\r\nLocation: " place "\r\nContent-Length: 0\r\n\r\n"

static const struct web_reply ok_replies[] = {{NULL, OK_ANSWER, WEB_KEEP}};

/* ---- redirects ---- */

static void a_redirect_is_a_result_unless_it_is_to_be_followed(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/a", REDIRECT("302", "/b?x=1"), WEB_KEEP},
                                             {"/b?x=1", REDIRECT("301", "c"), WEB_KEEP},
                                             {"/nowhere", "HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n", WEB_KEEP},
                                             {"/304", REDIRECT("304", "/c"), WEB_KEEP},
                                             {NULL, OK_ANSWER, WEB_KEEP}};
  http_serve(replies);
  http_expect("local r = assert(http.get(url('/a')))\n"
              "assert(r.status == 302 and r.headers.location == '/b?x=1' and r.redirects == 0 and r.url == url('/a'))\n"
              "r = assert(http.get(url('/a'), {redirects = 2}))\n"
              "assert(r.status == 200 and r.body == 'ok' and r.redirects == 2 and r.url == url('/c'), r.url)\n"
              "fails(place() .. ': more than 1 redirects', 'protocol', http.get(url('/a'), {redirects = 1}))\n"
              "assert(http.get(url('/nowhere'), {redirects = 1}).status == 302)\n"
              "return http.get(url('/304'), {redirects = 1}).status == 304");
  http_expect_counts(8, 8);
}

static void a_loop_of_redirects_ends(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{NULL, REDIRECT("307", "/"), WEB_KEEP}};
  http_serve(replies);
  http_expect("return fails(place() .. ': more than 10 redirects', 'protocol',\n"
              "  http.get(url('/'), {redirects = 10, keep = true}))");
  http_expect_counts(1, 11);
}

static void the_timeout_is_for_the_whole_way(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/a", REDIRECT("307", "/b"), WEB_KEEP},
                                             {NULL, "HTTP/1.1 200 OK\r\n", WEB_STALL}};
  http_serve(replies);
  http_expect("return fails(place() .. ': timeout after 80 ms', 'timeout',\n"
              "  http.get(url('/a'), {redirects = 1, timeout = '80ms'}))");
  http_expect_counts(2, 2);
}

static void methods_change_as_browsers_change_them(void **state) {
  (void)state;
  static const struct web_reply replies[] = {
      {"/301", REDIRECT("301", "/end"), WEB_KEEP}, {"/302", REDIRECT("302", "/end"), WEB_KEEP},
      {"/303", REDIRECT("303", "/end"), WEB_KEEP}, {"/307", REDIRECT("307", "/end"), WEB_KEEP},
      {"/308", REDIRECT("308", "/end"), WEB_KEEP}, {NULL, OK_ANSWER, WEB_KEEP}};
  static const struct {
    const char *status;
    const char *method;
    const char *becomes;
  } samples[] = {{"301", "POST", "GET"},  {"302", "POST", "GET"},  {"303", "POST", "GET"},  {"307", "POST", "POST"},
                 {"308", "POST", "POST"}, {"301", "PUT", "PUT"},   {"302", "PUT", "PUT"},   {"303", "PUT", "GET"},
                 {"307", "PUT", "PUT"},   {"303", "HEAD", "HEAD"}, {"302", "HEAD", "HEAD"}, {"303", "GET", "GET"}};
  http_serve(replies);
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    char script[500];
    char expected[64];
    bool had_body = samples[i].method[0] == 'P';
    (void)snprintf(script, sizeof script,
                   "local r = assert(http.request(url('/%s'), {method = '%s', body = %s, redirects = 1,\n"
                   "  headers = {['content-type'] = 'text/x', ['X-Stays'] = '1'}}))\n return r.status == 200",
                   samples[i].status, samples[i].method, had_body ? "'the body'" : "nil");
    http_expect(script);
    (void)snprintf(expected, sizeof expected, "%s /end HTTP/1.1\r\n", samples[i].becomes);
    if (!web_server_saw(http.server, expected)) {
      fail_msg("%s %s did not become %s", samples[i].status, samples[i].method, samples[i].becomes);
    }
    bool has_body = samples[i].becomes[0] == 'P';
    assert_int_equal(web_server_saw(http.server, "\r\n\r\nthe body"), has_body);
    assert_true(web_server_saw(http.server, "X-Stays: 1\r\n"));
    assert_int_equal(web_server_saw(http.server, "content-type: text/x\r\n"), has_body || !had_body);
  }
}

static char location[200]; /* an answer */

static void nothing_secret_goes_to_another_origin(void **state) {
  (void)state;
  static struct web_reply replies[] = {
      {"/same", REDIRECT("307", "/end"), WEB_KEEP}, {"/end", OK_ANSWER, WEB_KEEP}, {NULL, location, WEB_KEEP}};
  static const char script[] =
      "local r = assert(http.get(url('%s'), {redirects = 1, headers = {Authorization = 'secret', cookie = 'secret',\n"
      "  ['X-Api-Key'] = 'secret', Host = 'secret', ['User-Agent'] = 'me', ['Accept'] = 'text/x'}}))\n"
      "return r.status == 200";
  char text[600];
  http_serve(replies);
  http.other = web_server_new("127.0.0.2", 0, ok_replies, NULL);
  (void)snprintf(text, sizeof text, script, "/same");
  http_expect(text);
  assert_true(web_server_saw(http.server, "Authorization: secret\r\n"));
  assert_true(web_server_saw(http.server, "X-Api-Key: secret\r\n"));
  assert_true(web_server_saw(http.server, "Host: secret\r\n"));
  /* Another host; another port of the same host is another server, too. */
  static const char *const hosts[] = {"other.test", "www.test"};
  for (size_t i = 0; i < 2; i++) {
    (void)snprintf(location, sizeof location, REDIRECT("307", "http://%s:%u/end"), hosts[i], http.other->port);
    http_write_hosts("127.0.0.1 www.test\n127.0.0.2 other.test\n");
    (void)snprintf(text, sizeof text, script, "/away");
    if (i == 1) {
      web_server_free(http.other);
      http.other = web_server_new("127.0.0.1", 0, ok_replies, NULL);
      (void)snprintf(location, sizeof location, REDIRECT("307", "http://%s:%u/end"), hosts[i], http.other->port);
    }
    http_expect(text);
    assert_int_equal(atomic_load(&http.other->requests), 1);
    assert_false(web_server_saw(http.other, "secret"));
    assert_true(web_server_saw(http.other, "User-Agent: me\r\n"));
    assert_true(web_server_saw(http.other, "Accept: text/x\r\n"));
  }
}

static void connect_to_stays_with_its_host(void **state) {
  (void)state;
  static struct web_reply replies[] = {
      {"/same", REDIRECT("307", "/end"), WEB_KEEP}, {"/end", OK_ANSWER, WEB_KEEP}, {NULL, location, WEB_KEEP}};
  http_serve(replies);
  http.other = web_server_new("127.0.0.2", 0, ok_replies, NULL);
  /* The same origin, by address and port. */
  http_expect(
      "return http.get('http://nosuch.test/same', {connect_to = '127.0.0.1:' .. port, redirects = 1}).status == 200");
  /* Another port of the same host, by the address alone. */
  struct web_server *second = web_server_new("127.0.0.1", 0, ok_replies, NULL);
  (void)snprintf(location, sizeof location, REDIRECT("307", "http://nosuch.test:%u/end"), second->port);
  http_expect("return http.get('http://nosuch.test:' .. port .. '/away',\n"
              "  {connect_to = '127.0.0.1', redirects = 1}).status == 200");
  assert_int_equal(atomic_load(&second->requests), 1);
  /* By address and port it is for this port only. */
  http_expect(
      "local r, _, code = http.get('http://nosuch.test/away', {connect_to = '127.0.0.1:' .. port, redirects = 1})\n"
      "return code == 'resolve'");
  web_server_free(second);
  /* Another host is looked up. */
  (void)snprintf(location, sizeof location, REDIRECT("307", "http://other.test:%u/end"), http.other->port);
  http_expect(
      "local r = assert(http.get('http://nosuch.test/away', {connect_to = '127.0.0.1:' .. port, redirects = 1}))\n"
      "return r.address == '127.0.0.2'");
  http_expect("local r = assert(http.get('http://nosuch.test:' .. port .. '/away',\n"
              "  {connect_to = '127.0.0.1', redirects = 1}))\n"
              "return r.address == '127.0.0.2'");
}

static void a_redirect_to_nowhere_is_an_error(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/ftp", REDIRECT("302", "ftp://www.test/"), WEB_KEEP},
                                             {"/script", REDIRECT("302", "javascript:alert(1)"), WEB_KEEP},
                                             {"/file", REDIRECT("302", "file:///etc/passwd"), WEB_KEEP},
                                             {NULL, REDIRECT("302", "http://[::1"), WEB_KEEP}};
  http_serve(replies);
  http_expect(
      "local redirect = place() .. ': redirect: expected a URL with http:// or https://, found another scheme'\n"
      "fails(redirect, 'protocol', http.get(url('/ftp'), {redirects = 1}))\n"
      "fails(redirect, 'protocol', http.get(url('/file'), {redirects = 1}))\n"
      "assert(not http.get(url('/script'), {redirects = 1}))\n"
      "local r, text, code = http.get(url('/'), {redirects = 1})\n"
      "return r == nil and code == 'protocol', text");
  http_expect_counts(4, 4);
}

/* ---- what this node does not allow ---- */

static void what_is_denied_is_never_connected_to(void **state) {
  (void)state;
  static struct web_reply replies[] = {{NULL, location, WEB_KEEP}};
  static const char *const hosts[] = {"127.0.0.66", "denied.test",        "[::ffff:127.0.0.66]",
                                      "2130706498", "[::ffff:7f00:0042]", "0x7f.66",
                                      "127.66",     "DENIED.test",        "user@127.0.0.66"};
  http_serve(replies);
  http.denied = web_server_new("127.0.0.66", http.server->port, ok_replies, NULL);
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    char script[400];
    (void)snprintf(script, sizeof script,
                   "local r, text, code = http.get(url('/', '%s'))\n"
                   "if code ~= 'egress' then error(tostring(text)) end\n"
                   "return text:find('^egress denied: .*127.0.0.66') ~= nil, text",
                   hosts[i]);
    http_expect(script);
    (void)snprintf(location, sizeof location, REDIRECT("302", "http://%s:%u/"), hosts[i], http.server->port);
    (void)snprintf(script, sizeof script,
                   "local r, text, code = http.get(url('/'), {redirects = 5, keep = true})\n"
                   "if code ~= 'egress' then error(tostring(text)) end\n"
                   "return text:find('^egress denied: .*127.0.0.66') ~= nil, text");
    http_expect(script);
  }
  assert_int_equal(atomic_load(&http.denied->connections), 0);
  http_expect_counts(sizeof hosts / sizeof hosts[0], sizeof hosts / sizeof hosts[0]);
  assert_true(bc_sandbox_run_outcome(http.lua.run)->had_io_failure);
}

static void without_rules_nothing_is_connected_to(void **state) {
  (void)state;
  http_serve(ok_replies);
  bc_lua_io_set_egress(http.lua.io, NULL);
  http_expect("local r, text, code = http.get(url('/'))\n return code == 'egress', text");
  http_expect_counts(0, 0);
}

static void rebind(void) {
  http_write_hosts("127.0.0.66 www.test\n");
}

/* The name is looked up for each request, and what came of it is judged: also where it was fine a moment ago. */
static void a_name_that_changes_gains_nothing(void **state) {
  (void)state;
  static const struct web_reply replies[] = {{"/a", REDIRECT("307", "/b"), WEB_KEEP}, {NULL, OK_ANSWER, WEB_KEEP}};
  http_serve(replies);
  http.server->on_request = rebind;
  http.denied = web_server_new("127.0.0.66", http.server->port, ok_replies, NULL);
  http_expect("local r, text, code = http.get(url('/a'), {redirects = 1, keep = true})\n"
              "return code == 'egress' and text:find('127.0.0.66', 1, true) ~= nil, text");
  /* A kept connection does not serve it either. */
  http_expect("local r, text, code = http.get(url('/b'), {keep = true})\n return code == 'egress', text");
  assert_int_equal(atomic_load(&http.denied->connections), 0);
  http_expect_counts(1, 1);
}

static void an_address_that_is_denied_is_passed_over(void **state) {
  (void)state;
  http_serve(ok_replies);
  http.denied = web_server_new("127.0.0.66", http.server->port, ok_replies, NULL);
  http_write_hosts("127.0.0.66 www.test\n127.0.0.1 www.test\n");
  http_expect("return http.get(url('/')).address == '127.0.0.1'");
  assert_int_equal(atomic_load(&http.denied->connections), 0);
}

/* ---- TLS ---- */

static struct tls_authority authority;

static int setup_tls(void **state) {
  tls_authority_make(&authority, "DNS:www.test,DNS:vip.test,IP:127.0.0.1");
  (void)http_setup(state);
  struct bc_buf json;
  bc_buf_init(&json, 10000);
  bc_buf_add_char(&json, '"');
  for (const char *c = authority.root.pem; *c != '\0'; c++) {
    bc_buf_add_format(&json, *c == '\n' ? "\\n" : "%c", *c);
  }
  bc_buf_add_char(&json, '"');
  http.ca = bc_buf_take(&json);
  return 0;
}

static int teardown_tls(void **state) {
  tls_authority_free(&authority);
  return http_teardown(state);
}

static void serve_tls(const struct web_reply *replies, const struct tls_cert *cert) {
  http.other = web_server_new("127.0.0.1", 0, replies, web_server_context(cert, &authority.root));
}

static void a_certificate_is_a_part_of_the_result(void **state) {
  (void)state;
  serve_tls(ok_replies, &authority.leaf);
  http_expect("local r = assert(http.get('https://www.test:' .. other .. '/', {tls = {ca = ca}}))\n"
              "local c = r.cert\n"
              "assert(r.timings.tls > 0 and c.subject == 'CN=www.test,O=Test' and c.issuer == 'CN=Test Root,O=Test')\n"
              "assert(#c.names == 3 and c.names[2] == 'vip.test' and #c.sha256 == 64)\n"
              "return c.days_left > 4.9 and c.days_left <= 5 and c.not_after - c.not_before == 5 * 86400, c.days_left");
}

static void certificates_are_verified(void **state) {
  (void)state;
  struct tls_cert expired;
  tls_cert_make(
      &expired,
      &(struct tls_cert_wish){
          .name = "www.test", .names = "DNS:www.test", .issuer = &authority.root, .from_days = -9, .to_days = -3});
  serve_tls(ok_replies, &authority.leaf);
  http_expect(
      "local at = place('127.0.0.1', other)\n"
      "local _, text, code = http.get('https://www.test:' .. other)\n"
      "assert(code == 'tls' and text == at .. ': certificate of CN=Test Root,O=Test: not a trusted one', text)\n"
      "_, text, code = http.get('https://bad.test:' .. other, {tls = {ca = ca}, connect_to = '127.0.0.1'})\n"
      "assert(code == 'tls' and text == at .. ': certificate is for www.test, vip.test, 127.0.0.1, not bad.test', "
      "text)\n"
      "_, text, code = http.get('https://www.test:' .. other, {tls = {ca = 'none'}})\n"
      "assert(code == 'tls' and text:find('ca: ', 1, true), text)\n"
      "return http.get('https://bad.test:' .. other, {tls = {verify = false}, connect_to = '127.0.0.1'}).cert ~= nil");
  web_server_free(http.other);
  serve_tls(ok_replies, &expired);
  http_expect(
      "local _, text, code = http.get('https://www.test:' .. other, {tls = {ca = ca}})\n"
      "return code == 'tls' and text == place('127.0.0.1', other) .. ': certificate: expired 3 days ago', text");
  tls_cert_free(&expired);
}

static void connect_to_keeps_the_name_of_the_handshake(void **state) {
  (void)state;
  serve_tls(ok_replies, &authority.leaf);
  http_expect(
      "return http.get('https://vip.test/', {tls = {ca = ca}, connect_to = '127.0.0.1:' .. other}).status == 200");
  assert_string_equal(http.other->sni, "vip.test");
  assert_true(web_server_saw(http.other, "Host: vip.test\r\n"));
  http_expect("return http.get('https://nosuch.test/', {tls = {ca = ca, name = 'www.test'},\n"
              "  connect_to = '127.0.0.1:' .. other}).status == 200");
  assert_string_equal(http.other->sni, "www.test");
  assert_true(web_server_saw(http.other, "Host: nosuch.test\r\n"));
}

static void https_does_not_lead_to_http(void **state) {
  (void)state;
  static struct web_reply replies[] = {{NULL, location, WEB_KEEP}};
  http_serve(ok_replies);
  serve_tls(replies, &authority.leaf);
  (void)snprintf(location, sizeof location, REDIRECT("301", "http://www.test:%u/"), http.server->port);
  http_expect("return fails(place('127.0.0.1', other) .. ': redirect from https to http is not followed', 'tls',\n"
              "  http.get('https://www.test:' .. other, {tls = {ca = ca}, redirects = 3}))");
  http_expect_counts(0, 0);
}

static void http_leads_to_https_without_the_client_certificate(void **state) {
  (void)state;
  static struct web_reply replies[] = {{NULL, location, WEB_KEEP}};
  static const char request[] = "local r = assert(http.get(%s, {redirects = 1, tls = {ca = ca,\n"
                                "  cert = [==[%s]==], key = [==[%s]==]}}))\n"
                                "return r.status == 200 and r.cert ~= nil";
  char script[10000];
  http_serve(replies);
  serve_tls(ok_replies, &authority.leaf);
  (void)snprintf(location, sizeof location, REDIRECT("301", "https://www.test:%u/"), http.other->port);
  (void)snprintf(script, sizeof script, request, "'https://www.test:' .. other", authority.client.pem,
                 authority.client.key_pem);
  http_expect(script);
  assert_true(http.other->has_client_cert);
  (void)snprintf(script, sizeof script, request, "url('/')", authority.client.pem, authority.client.key_pem);
  http_expect(script);
  assert_false(http.other->has_client_cert);
}

int main(void) {
#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, http_setup, http_teardown)
#define HTTP_TLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup_tls, teardown_tls)
  const struct CMUnitTest tests[] = {
      HTTP_TEST(a_redirect_is_a_result_unless_it_is_to_be_followed),
      HTTP_TEST(a_loop_of_redirects_ends),
      HTTP_TEST(the_timeout_is_for_the_whole_way),
      HTTP_TEST(methods_change_as_browsers_change_them),
      HTTP_TEST(nothing_secret_goes_to_another_origin),
      HTTP_TEST(connect_to_stays_with_its_host),
      HTTP_TEST(a_redirect_to_nowhere_is_an_error),
      HTTP_TEST(what_is_denied_is_never_connected_to),
      HTTP_TEST(without_rules_nothing_is_connected_to),
      HTTP_TEST(a_name_that_changes_gains_nothing),
      HTTP_TEST(an_address_that_is_denied_is_passed_over),
      HTTP_TLS_TEST(a_certificate_is_a_part_of_the_result),
      HTTP_TLS_TEST(certificates_are_verified),
      HTTP_TLS_TEST(connect_to_keeps_the_name_of_the_handshake),
      HTTP_TLS_TEST(https_does_not_lead_to_http),
      HTTP_TLS_TEST(http_leads_to_https_without_the_client_certificate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
