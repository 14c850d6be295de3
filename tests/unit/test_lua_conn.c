/* Connections of scripts: how they begin and end, in the clear and with TLS. */
#include "lua_conn_world.h"

#include <dirent.h>

/* ---- servers ---- */

static void before_starttls(int fd) {
  char bytes[64];
  put(fd, "220 here\r\n");
  (void)recv(fd, bytes, sizeof bytes, 0);
  put(fd, "220 go\r\n");
}

static void serve_tls(const struct tls_cert *cert, void (*before)(int fd)) {
  tls_peer_stop(&peer);
  peer =
      tls_peer_start(&(struct tls_peer_wish){.cert = cert, .before = before, .alpn = "imap", .serve = tls_serve_echo});
}

/* ---- connecting ---- */

static void a_connection_tells_where_it_leads(void **state) {
  (void)state;
  serve(before_echo);
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "return c.address == '127.0.0.1' and c.port == port and c.rtt > 0 and c.rtt < 20 and c.cert == nil and\n"
     "  c.nonsense == nil and tostring(c) == 'connection to 127.0.0.1 port ' .. port, tostring(c)");
  up("local c = assert(tcp.connect('127.0.0.1', port)) c:close() c:close()\n"
     "return c.address == '127.0.0.1' and c.rtt > 0");
}

static void each_address_of_a_name_is_tried_until_one_connects(void **state) {
  (void)state;
  serve(before_echo);
  up("local c = assert(tcp.connect('two.test', port, {timeout = '10s'})) return c.address == '127.0.0.1', c.address");
  up("local c = assert(tcp.connect('linked.test', port)) return c.address == '127.0.0.1', c.address");
  up("local r, text, code = tcp.connect('dead.test', port)\n"
     "return r == nil and text == '127.0.0.2 port ' .. port .. ': connection refused' and code == 'refused', text");
}

static void what_this_node_denies_is_not_connected_to(void **state) {
  (void)state;
  up("local r, text, code = tcp.connect('onlylinked.test', 80)\n"
     "return r == nil and text == 'egress denied: 169.254.1.1 port 80 is link-local' and code == 'egress', text");
  up("local r, text, code = tls.connect('[fe80::1]', 443)\n"
     "return r == nil and text == 'egress denied: fe80::1 port 443 is link-local' and code == 'egress', text");
}

static void a_connect_that_fails_says_why(void **state) {
  (void)state;
  serve(before_echo);
  tls_peer_stop(&peer);
  fails("tcp.connect('127.0.0.1', port)", "connection refused", "refused");
  up("local r, text, code = tcp.connect('no such name', 80)\n"
     "return r == nil and code == 'resolve' and text:find('no such name: ', 1, true) == 1, text");
}

/* Its queue of connections is full, so the kernel answers no more. */
static void a_connect_without_an_answer_is_given_up_in_time(void **state) {
  (void)state;
  enum { FILLERS = 8 };
  int fillers[FILLERS];
  int listener = listen_at_port(0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(peer.port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  for (int i = 0; i < FILLERS; i++) {
    fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
  }
  fails("tcp.connect('127.0.0.1', port, {timeout = '50ms'})", "timeout after 50 ms", "timeout");
  load("return tcp.connect('127.0.0.1', port)", false);
  world->run = bc_sandbox_run_new(world->check);
  assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
  assert_int_equal(world->io->calls, 2);
  lua_world_drop_script(world);
  for (int i = 0; i < FILLERS; i++) {
    (void)close(fillers[i]);
  }
  (void)close(listener);
}

static unsigned open_descriptors(void) {
  unsigned count = 0;
  DIR *folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  while (readdir(folder) != NULL) {
    count++;
  }
  (void)closedir(folder);
  return count;
}

static void a_run_has_so_many_connections_and_leaves_none(void **state) {
  (void)state;
  serve(before_echo);
  load("return true", false);
  unsigned before = open_descriptors();
  up("local open = {}\n"
     "for i = 1, 63 do open[i] = assert(tcp.connect('127.0.0.1', port)) end\n"
     "local r, text, code = tcp.connect('127.0.0.1', port)\n"
     "if r ~= nil or code ~= 'limit' then return false, text end\n"
     "open[1]:close()\n"
     "return tcp.connect('127.0.0.1', port) ~= nil");
  assert_true(open_descriptors() >= before + 63);
  lua_world_drop_script(world);
  assert_int_equal(open_descriptors(), before);
}

static void on_pause(void *arg) {
  (void)arg;
  bc_loop_stop(world->loop);
}

static void a_connect_that_failed_holds_nothing(void **state) {
  (void)state;
  serve(before_echo);
  tls_peer_stop(&peer);
  up("for i = 1, 100 do\n"
     "  local r, text, code = tcp.connect('127.0.0.1', port)\n"
     "  if code ~= 'refused' then return false, text end\n"
     "end\n"
     "return true");
}

static void an_address_in_brackets_is_the_one_that_is_verified(void **state) {
  (void)state;
  tls_peer_stop(&peer);
  peer = tls_peer_start(&(struct tls_peer_wish){.cert = &good, .is_ipv6 = true, .serve = tls_serve_echo});
  if (peer.port == 0) {
    skip(); /* no IPv6 here */
  }
  up("local r, text, code = tls.connect('[::1]', port, {ca = pem})\n"
     "return r == nil and text == '::1 port ' .. port .. ': certificate is for 127.0.0.1, name.test, not ::1', text");
}

static void a_run_that_is_dropped_while_it_waits_leaves_nothing(void **state) {
  (void)state;
  static const char *const scripts[] = {
      "return tls.connect('two.test', port)",
      "local c = tcp.connect('127.0.0.1', port) return c:receive()",
      "local c = tcp.connect('127.0.0.1', port) return c:expect('x')",
      "local c = tcp.connect('127.0.0.1', port) return c:starttls()",
      "local c = tcp.connect('127.0.0.1', port) while true do c:send(('x'):rep(200000)) end",
  };
  serve(tls_before_silence);
  load("return true", false);
  unsigned before = open_descriptors();
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    load(scripts[i], false);
    struct bc_timer *stop = bc_timer_new(world->loop, on_pause, NULL);
    world->run = bc_sandbox_run_new(world->check);
    bc_sandbox_run_on_ready(world->run, lua_world_on_ready, world);
    /* Until nothing has made it go on for a while: whatever step that is, it waits in it. */
    do {
      world->is_ready = false;
      assert_int_equal(bc_sandbox_run_resume(world->run), BC_SANDBOX_YIELDED);
      bc_timer_start(stop, 20);
      bc_loop_run(world->loop);
    } while (world->is_ready);
    bc_timer_free(stop);
    lua_world_drop_script(world);
    assert_int_equal(open_descriptors(), before);
  }
}

static void wrong_arguments_raise(void **state) {
  (void)state;
  serve(before_echo);
  raises("tcp.connect('')", "expected a host name or an address");
  raises("tcp.connect('127.0.0.1', 0)", "expected a port from 1 to 65535");
  raises("tcp.connect('127.0.0.1', 65536)", "expected a port from 1 to 65535");
  raises("tcp.connect('127.0.0.1', 80, {tiemout = 1})", "unknown option 'tiemout': expected timeout");
  raises("tcp.connect('127.0.0.1', 80, {verify = false})", "unknown option 'verify'");
  raises("tls.connect('127.0.0.1', 80, {ca = 'x'})", "ca: no certificate in it");
  raises("tls.connect('127.0.0.1', 80, {cert = pem})", "cert and key: expected both or none");
  raises("tls.connect('127.0.0.1', 80, {min = '1.1'})", "option 'min': expected 1.2, 1.3, found 1.1");
  raises("tls.connect('127.0.0.1', 80, {alpn = 'h2'})", "option 'alpn': expected a table of texts");
  raises("tls.connect('127.0.0.1', 80, {alpn = {1}})", "option 'alpn': expected texts in it");
  raises("tls.connect('127.0.0.1', 80, {alpn = {'1','2','3','4','5','6','7','8','9'}})", "expected at most 8 texts");
  raises("local c = tcp.connect('127.0.0.1', port) c:receive(0)", "expected 1 to 65536 bytes");
  raises("local c = tcp.connect('127.0.0.1', port) c:receive(1.5)", "number has no integer representation");
  raises("local c = tcp.connect('127.0.0.1', port) c:receive{max = 65537}", "option 'max'");
  raises("local c = tcp.connect('127.0.0.1', port) c:receive(1, {max = 1})", "unknown option 'max'");
  raises("local c = tcp.connect('127.0.0.1', port) c:line{max = 0}", "option 'max'");
  raises("local c = tcp.connect('127.0.0.1', port) c:expect()", "string expected");
  raises("local c = tcp.connect('127.0.0.1', port) c:expect('[')", "malformed pattern");
  raises("local c = tcp.connect('127.0.0.1', port) c:send()", "string expected");
  raises("local c = tcp.connect('127.0.0.1', port) c:send(('x'):rep(262145))", "expected at most 262144 bytes");
  raises("local c = tcp.connect('127.0.0.1', port) c.send('x')", "connection expected, got string");
  raises("local c = tcp.connect('127.0.0.1', port) c.port = 1", "a connection is read-only");
  raises("string.gsub('a', 'a', function() tcp.connect('127.0.0.1', port) end)", "cannot be called inside");
}

static void a_connection_has_nothing_to_take_hold_of(void **state) {
  (void)state;
  serve(before_echo);
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "return getmetatable(c) == false and not pcall(setmetatable, c, {}) and not pcall(next, c) and\n"
     "  not pcall(rawset or error, c, 'x', 1)");
}

static void what_is_closed_cannot_be_used(void **state) {
  (void)state;
  static const char *const uses[] = {"c:send('x')", "c:receive()", "c:line()", "c:expect('x')", "c:starttls()"};
  serve(before_echo);
  for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
    char script[256];
    (void)snprintf(script, sizeof script, "local c = assert(tcp.connect('127.0.0.1', port)) c:close() %s", uses[i]);
    raises(script, "this connection is closed");
  }
}

static void each_connection_is_one_of_its_own(void **state) {
  (void)state;
  serve(before_echo);
  up("local a, b = assert(tcp.connect('127.0.0.1', port)), assert(tcp.connect('127.0.0.1', port))\n"
     "a:close()\n"
     "return not pcall(a.send, a, 'x') and b:line() == '220 mx.example ready'");
}

static void without_io_there_are_no_connections(void **state) {
  (void)state;
  load("local r, text, code = tls.connect('127.0.0.1', 443) return r == nil and code == 'unsupported', text", false);
  world->sandbox->options.io = NULL;
  assert_int_equal(lua_world_run(world)->word, BC_SANDBOX_UP);
}

/* ---- TLS ---- */

static void a_tls_connection_tells_what_was_agreed_on(void **state) {
  (void)state;
  serve_tls(&good, NULL);
  up("local c = assert(tls.connect('127.0.0.1', port, {ca = pem, alpn = {'x', 'imap'}, timeout = '15s'}))\n"
     "assert(c:send('hello\\n'))\n"
     "local cert = c.cert\n"
     "return c:line() == 'hello' and c.protocol == 'TLSv1.3' and c.alpn == 'imap' and c.handshake > 0 and c.rtt > 0 "
     "and\n"
     "  cert.subject == 'CN=good,O=Test' and cert.issuer == cert.subject and cert.names[1] == '127.0.0.1' and\n"
     "  cert.names[2] == 'name.test' and #cert.names == 2 and cert.not_after - cert.not_before == 10 * 86400 and\n"
     "  cert.days_left > 9.9 and cert.days_left < 10 and #cert.sha256 == 64 and #cert.serial > 0,\n"
     "  json.encode(cert)");
  up("local c = assert(tls.connect('name.test', port, {ca = pem, alpn = {'imap'}})) c:close() return c.cert ~= nil");
  up("local c = assert(tls.connect('two.test', port, {ca = pem, name = 'name.test', alpn = {'imap'}, cert = pem,\n"
     "  key = key, min = '1.3'})) return c.cert ~= nil");
}

static void a_certificate_that_is_not_good_is_an_error_of_tls(void **state) {
  (void)state;
  serve_tls(&other, NULL);
  fails("tls.connect('127.0.0.1', port)", "certificate: self-signed certificate", "tls");
  up("local c = assert(tls.connect('127.0.0.1', port, {verify = false})) return c.cert.subject == 'CN=other,O=Test'");
  serve_tls(&good, NULL);
  fails("tls.connect('127.0.0.1', port, {ca = pem, name = 'a.example'})",
        "certificate is for 127.0.0.1, name.test, not a.example", "tls");
  serve(tls_before_garbage);
  fails("tls.connect('127.0.0.1', port)", "TLS: what came is not TLS", "tls");
  serve(tls_before_close);
  fails("tls.connect('127.0.0.1', port)", "closed in the TLS handshake", "closed");
}

static void tls_may_begin_in_the_middle(void **state) {
  (void)state;
  serve_tls(&good, before_starttls);
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "c:line() c:send('STARTTLS\\r\\n') c:line()\n"
     "local was = c.cert\n"
     "assert(c:starttls{ca = pem, timeout = '15s'})\n"
     "c:send('inside\\n')\n"
     "return was == nil and c:line() == 'inside' and c.cert.subject == 'CN=good,O=Test' and c.protocol == 'TLSv1.3'");
  /* The name that was connected to is the one that is verified. */
  up("local c = assert(tcp.connect('name.test', port))\n"
     "c:line() c:send('STARTTLS\\r\\n') c:line() return c:starttls{ca = pem}");
  up("local c = assert(tcp.connect('two.test', port))\n"
     "c:line() c:send('STARTTLS\\r\\n') c:line() local r, text, code = c:starttls{ca = pem}\n"
     "return r == nil and text:find('is for 127.0.0.1, name.test, not two.test', 1, true) ~= nil, text");
  fails("(function() c:line() c:send('STARTTLS\\r\\n') c:line() return c:starttls() end)()",
        "certificate: self-signed certificate", "tls");
  fails("(function() c:send('STARTTLS\\r\\n') c:expect('go') return c:starttls{ca = pem} end)()",
        "bytes came before the TLS handshake", "protocol");
  raises("local c = tcp.connect('127.0.0.1', port) c:line() c:send('x') c:line() assert(c:starttls{ca = pem}) "
         "c:starttls()",
         "TLS was begun on this connection already");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(a_connection_tells_where_it_leads),
      RULE(each_address_of_a_name_is_tried_until_one_connects),
      RULE(what_this_node_denies_is_not_connected_to),
      RULE(a_connect_that_fails_says_why),
      RULE(a_connect_without_an_answer_is_given_up_in_time),
      RULE(a_run_has_so_many_connections_and_leaves_none),
      RULE(a_connect_that_failed_holds_nothing),
      RULE(an_address_in_brackets_is_the_one_that_is_verified),
      RULE(a_run_that_is_dropped_while_it_waits_leaves_nothing),
      RULE(wrong_arguments_raise),
      RULE(a_connection_has_nothing_to_take_hold_of),
      RULE(what_is_closed_cannot_be_used),
      RULE(each_connection_is_one_of_its_own),
      RULE(without_io_there_are_no_connections),
      RULE(a_tls_connection_tells_what_was_agreed_on),
      RULE(a_certificate_that_is_not_good_is_an_error_of_tls),
      RULE(tls_may_begin_in_the_middle),
  };
  return cmocka_run_group_tests(tests, make_certs, free_certs);
}
