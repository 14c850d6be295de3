/* What scripts move over connections: send, receive, line, expect. */
#include "lua_conn_world.h"

#include <netinet/tcp.h>

/* ---- servers ---- */

static void before_bye(int fd) {
  put(fd, "500 bye\r\nrest");
  (void)shutdown(fd, SHUT_WR);
  tls_before_silence(fd);
}

static void before_dribble(int fd) {
  static const char text[] = "one\r\ntwo three code=42;\nrest";
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (size_t i = 0; i < sizeof text - 1; i++) {
    (void)!send(fd, text + i, 1, MSG_NOSIGNAL);
  }
  tls_before_silence(fd);
}

static void before_flood(int fd) {
  static char bytes[65536];
  memset(bytes, 'a', sizeof bytes);
  for (int i = 0; i < 160; i++) {
    if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) < 0) {
      return;
    }
  }
}

/* Reads all until the end, then tells how much it was. */
static void before_count(int fd) {
  static char bytes[65536];
  char text[32];
  size_t count = 0;
  ssize_t got;
  while (count < 300000 && (got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
    count += (size_t)got;
  }
  (void)snprintf(text, sizeof text, "%zu\n", count);
  put(fd, text);
  tls_before_silence(fd);
}

/* ---- scripts ---- */

/* Again until `came` has come in time. */
#define EXPECT_UNTIL(arguments, came)                                                                                  \
  "(function() local r, text, code repeat r, text, code = c:expect(" arguments ") until text:find('" came              \
  "', 1, true) return r, text, code end)()"

/* ---- moving bytes ---- */

static void bytes_come_as_they_are_asked_for(void **state) {
  (void)state;
  serve(before_echo);
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "if c:line() ~= '220 mx.example ready' then return false, 'line' end\n"
     "assert(c:send('a\\0b' .. 'cdef\\n'))\n"
     "local a, b, d = c:receive(2), c:receive{max = 1}, c:receive{bytes = 3}\n"
     "return a == 'a\\0' and b == 'b' and d == 'cde' and c:line{max = 1} == 'f', a .. b .. d");
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "return c:send('') == true and c:receive(22) == '220 mx.example ready\\r\\n'");
  up("local c = assert(tcp.connect('127.0.0.1', port)) c:line()\n"
     "c:send('\\r\\n\\n\\rx\\r\\n')\n"
     "return c:line() == '' and c:line() == '' and c:line() == '\\rx'");
}

static void an_end_of_the_peer_is_told_with_what_came(void **state) {
  (void)state;
  serve(before_bye);
  fails("(function() c:receive(13) return c:receive() end)()", "closed", "closed");
  fails("c:receive(14)", "closed; came: \"500 bye\\r\\nrest\"", "closed");
  fails("(function() c:line() return c:line() end)()", "closed; came: \"rest\"", "closed");
  fails("c:expect('^220')", "closed; came: \"500 bye\\r\\nrest\"", "protocol");
  fails("(function() c:receive(13) return c:expect('^220') end)()", "closed; nothing came", "protocol");
  /* It may be sent to still. */
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "while c:receive() do end return c:send('x') == true and c:send('y') == true");
}

static void a_reset_is_told(void **state) {
  (void)state;
  serve(tls_before_reset);
  fails("(function() c:send('x') return c:receive() end)()", "connection reset", "reset");
  fails("(function() c:send('x') return c:expect('x') end)()", "connection reset; nothing came", "reset");
  up("local c = assert(tcp.connect('127.0.0.1', port)) c:send('x') c:receive()\n"
     "local r, text, code = c:send('y')\n"
     "return r == nil and code == 'reset' and text:find('connection reset') ~= nil, text");
}

static void a_silent_peer_is_given_up_in_time(void **state) {
  (void)state;
  serve(tls_before_silence);
  fails("c:receive{timeout = '20ms'}", "timeout after 20 ms", "timeout");
  fails("c:receive(5, {timeout = '20ms'})", "timeout after 20 ms", "timeout");
  fails("c:line{timeout = '20ms'}", "timeout after 20 ms", "timeout");
  fails("c:starttls{timeout = '20ms'}", "TLS handshake: timeout after 20 ms", "timeout");
  fails("tls.connect('127.0.0.1', port, {timeout = '20ms'})", "TLS handshake: timeout after 20 ms", "timeout");
  fails("(function() c:starttls{timeout = '20ms'} return c:send('x') end)()", "its TLS handshake was given up",
        "closed");
  fails("(function() c:starttls{timeout = '20ms'} return c:line() end)()", "its TLS handshake was given up", "closed");
  serve(before_echo);
  fails(EXPECT_UNTIL("'^250', {timeout = '50ms'}", "ready"), "came \"220 mx.example ready\\r\\n\": timeout after 50 ms",
        "timeout");
  /* What timed out leaves the connection as it is. */
  up("local c = assert(tcp.connect('127.0.0.1', port)) c:expect('250', {timeout = '20ms'})\n"
     "return c:line() == '220 mx.example ready'");
}

static void a_peer_that_does_not_read_is_sent_to_within_bounds(void **state) {
  (void)state;
  serve(before_count);
  up_once("local c = assert(tcp.connect('127.0.0.1', port))\n"
          "local text = ('x'):rep(100000)\n"
          "for i = 1, 3 do assert(c:send(text, {timeout = '15s'})) end\n"
          "return c:line() == '300000'",
          false);
  /* Until the kernel has its fill, and then the queue. */
  int listener = listen_at_port(8);
  up_once("local c = assert(tcp.connect('127.0.0.1', port))\n"
          "local text, codes = ('x'):rep(200000), {}\n"
          "repeat\n"
          "  local r, text, code = c:send(text, {timeout = '20ms'})\n"
          "  if not r then codes[#codes + 1] = code end\n"
          "until #codes == 2\n"
          "return codes[1] == 'timeout' and codes[2] == 'timeout', codes[1] .. codes[2]",
          false);
  (void)close(listener);
}

static void a_flood_of_ten_megabytes_passes_through_a_small_memory(void **state) {
  (void)state;
  serve(before_flood);
  up_once("local c, n = assert(tcp.connect('127.0.0.1', port)), 0\n"
          "repeat local s = c:receive() n = n + #(s or '') until not s\n"
          "return n == 160 * 65536, n .. ''",
          false);
  up("local c = assert(tcp.connect('127.0.0.1', port)) return #c:receive(65536) == 65536");
}

/* ---- threads ---- */

static void threads_share_a_connection_each_in_its_direction(void **state) {
  (void)state;
  serve(before_echo);
  up_once("local c, size = assert(tcp.connect('127.0.0.1', port)), 0 c:line()\n"
          "local text = ('x'):rep(50000)\n"
          "local r = parallel({function() for i = 1, 20 do assert(c:send(text)) end return 'sent' end,\n"
          "  function() while size < 1000000 do size = size + #assert(c:receive()) end return 'got' end})\n"
          "return r[1][1] == 'sent' and r[2][1] == 'got' and size == 1000000, size .. ''",
          false);
  up("local c = assert(tcp.connect('127.0.0.1', port)) c:line()\n"
     "local ok, text = pcall(parallel, {function() c:line() end, function() c:expect('x') end})\n"
     "if ok or not text:find('another call reads from this connection') then return false, text end\n"
     "c:send('still here\\n')\n"
     "return c:line() == 'still here'");
}

static void a_connection_that_is_closed_ends_the_calls_on_it(void **state) {
  (void)state;
  static const char *const waits[] = {"c:line()", "c:receive(7)", "c:expect('x')", "c:starttls()"};
  serve(tls_before_silence);
  for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
    char script[512];
    (void)snprintf(script, sizeof script,
                   "local c = assert(tcp.connect('127.0.0.1', port))\n"
                   "local r = parallel({function() return %s end, function() c:close() c:close() end})[1]\n"
                   "return r[1] == nil and r[2] == 'closed by this script' and r[3] == 'closed', r[2]",
                   waits[i]);
    up(script);
  }
  int listener = listen_at_port(8);
  up_once("local c, text = assert(tcp.connect('127.0.0.1', port)), ('x'):rep(200000)\n"
          "local r = parallel({function() while true do local r, t, code = c:send(text) if not r then return code end "
          "end end,\n"
          "  function() time.sleep(0.05) c:close() end})[1]\n"
          "return r[1] == 'closed', r[1]",
          false);
  (void)close(listener);
}

static void a_call_that_is_given_up_leaves_the_connection(void **state) {
  (void)state;
  serve(before_echo);
  up("local c = assert(tcp.connect('127.0.0.1', port)) c:line()\n"
     "local ok = pcall(parallel, {function() c:line() end, function() error('x') end})\n"
     "c:send('still here\\n')\n"
     "return not ok and c:line() == 'still here'");
}

/* ---- expect ---- */

static void a_pattern_is_waited_for_and_gives_its_captures(void **state) {
  (void)state;
  serve(before_dribble);
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "if c:line() ~= 'one' then return false, 'line' end\n"
     "local word, at, code = c:expect('(%a+) ()code=(%d+);')\n"
     "if word ~= 'three' or at ~= 11 or code ~= '42' then return false, word .. at .. code end\n"
     "return c:expect('\\n') == '\\n' and c:expect('r.s') == 'res' and c:receive() == 't'");
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "return c:expect('^one\\r\\ntw.') == 'one\\r\\ntwo' and c:expect('e(.)(.)', {max = 10}) == 'e'");
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "return c:expect('code=', {plain = true}) == 'code=' and c:receive(2) == '42'");
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "local r, text, code = c:expect('code', {max = 12})\n"
     "return r == nil and code == 'protocol' and text:find(': not in the first 12 bytes; came: \"one', 1, true) ~= "
     "nil");
  fails(EXPECT_UNTIL("'x.x', {plain = true, timeout = '50ms'}", "rest"),
        "came \"one\\r\\ntwo three code=42;\\nrest\": timeout after 50 ms", "timeout");
}

static void a_plain_text_may_come_in_pieces(void **state) {
  (void)state;
  serve(before_dribble);
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "return c:expect('two three code=42;\\nrest', {plain = true}) == 'two three code=42;\\nrest'");
}

static void a_long_line_and_a_costly_pattern_are_limits(void **state) {
  (void)state;
  serve(before_flood);
  char came[512];
  memset(came, 'a', sizeof came);
  came[sizeof came - 1] = '\0';
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "local r, text, code = c:line{max = 100}\n"
     "return r == nil and code == 'toolong' and text:find(': a line longer than 100 bytes; came: \"aaa', 1, true) ~= "
     "nil,"
     " text");
  static const char *const bombs[] = {"'.-.-.-.-b'", "('a*'):rep(30) .. 'b'", "'(.*)(.*)(.*)x'"};
  for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
    char script[512];
    (void)snprintf(script, sizeof script,
                   "local c = assert(tcp.connect('127.0.0.1', port))\n"
                   "local r, text, code = c:expect(%s)\n"
                   "return r == nil and code == 'limit' and text:find(': the pattern is too costly for what came; "
                   "came: \"aaa', 1, true) ~= nil, text",
                   bombs[i]);
    up(script);
    assert_true(bc_sandbox_run_outcome(world->run)->cpu_us < 5000000);
  }
  up("local c = assert(tcp.connect('127.0.0.1', port))\n"
     "local r, text, code = c:expect('b') return r == nil and code == 'protocol', text");
}

/* A byte in each turn of the loop. */
static struct {
  int listener;
  int fd;
  struct bc_timer *timer;
} dripping;

static void on_drip(void *arg) {
  (void)arg;
  if (dripping.fd < 0) {
    dripping.fd = accept4(dripping.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }
  (void)!send(dripping.fd, "a", 1, MSG_NOSIGNAL);
  bc_timer_start(dripping.timer, 0);
}

static void a_pattern_is_not_tried_on_pieces_for_ever(void **state) {
  (void)state;
  dripping.fd = -1;
  dripping.listener = listen_at_port(8);
  dripping.timer = bc_timer_new(world->loop, on_drip, NULL);
  bc_timer_start(dripping.timer, 0);
  up_once("local c = assert(tcp.connect('127.0.0.1', port))\n"
          "local r, text, code = c:expect('(.-)(.-)x')\n"
          "return r == nil and code == 'limit' and text:find('for the pieces in which it came', 1, true) ~= nil, text",
          false);
  assert_true(bc_sandbox_run_outcome(world->run)->cpu_us < 10000000);
  bc_timer_free(dripping.timer);
  (void)close(dripping.fd);
  (void)close(dripping.listener);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(bytes_come_as_they_are_asked_for),
      RULE(an_end_of_the_peer_is_told_with_what_came),
      RULE(a_reset_is_told),
      RULE(a_silent_peer_is_given_up_in_time),
      RULE(a_peer_that_does_not_read_is_sent_to_within_bounds),
      RULE(a_flood_of_ten_megabytes_passes_through_a_small_memory),
      RULE(threads_share_a_connection_each_in_its_direction),
      RULE(a_connection_that_is_closed_ends_the_calls_on_it),
      RULE(a_call_that_is_given_up_leaves_the_connection),
      RULE(a_pattern_is_waited_for_and_gives_its_captures),
      RULE(a_plain_text_may_come_in_pieces),
      RULE(a_long_line_and_a_costly_pattern_are_limits),
      RULE(a_pattern_is_not_tried_on_pieces_for_ever),
  };
  return cmocka_run_group_tests(tests, make_certs, free_certs);
}
