/* The module dns of scripts, at a real dnsmasq and at a server that lies. */
#include "dns_script_server.h"
#include "lua_world.h"
#include "own_network.h"
#include "resolver_world.h"

static bool has_network;
static struct lua_world lua;
static char dnsmasq_text[16], script_text[16], closed_text[16];

static int lua_start(void **state) {
  (void)state;
  struct bc_resolver_options options = {.resolv_conf = resolv_conf, .port = dnsmasq_port, .has_own_hosts = true};
  struct bc_fault fault;
  uint16_t closed;
  lua_world_open(&lua);
  bc_resolver_free(lua.io->resolver);
  world_write(resolv_conf, "nameserver 127.0.0.1\n");
  lua.io->resolver = bc_resolver_new(lua.loop, &options, &fault);
  assert_non_null(lua.io->resolver);
  script_start(lua.loop);
  (void)close(world_bind(SOCK_STREAM, &closed));
  (void)snprintf(dnsmasq_text, sizeof dnsmasq_text, "%u", dnsmasq_port);
  (void)snprintf(script_text, sizeof script_text, "%u", scripted.port);
  (void)snprintf(closed_text, sizeof closed_text, "%u", closed);
  return 0;
}

static int lua_stop(void **state) {
  (void)state;
  lua_world_drop_script(&lua);
  script_stop();
  lua_world_close(&lua);
  return 0;
}

/* ask(NAME, TYPE, OPTIONS): dns.query at the server that lies. `place` is how that stands in errors. */
#define ASK                                                                                                            \
  "local function ask(name, type, more) local o = {server = '127.0.0.1', port = script} "                              \
  "for k, v in pairs(more or {}) do o[k] = v end return dns.query(name, type, o) end "                                 \
  "local place = '127.0.0.1 port ' .. script .. ': ' "                                                                 \
  "local function fails(wanted_code, wanted_text, r, text, code) "                                                     \
  "assert(r == nil and code == wanted_code and text == wanted_text, tostring(code) .. ': ' .. tostring(text)) end "

static const char *const *globals(void) {
  static const char *list[7];
  list[0] = "dnsmasq";
  list[1] = dnsmasq_text;
  list[2] = "script";
  list[3] = script_text;
  list[4] = "closed";
  list[5] = closed_text;
  return list;
}

static void expect_up(const char *text) {
  lua_world_expect_up(&lua, text, globals());
}

static void expect_raised(const char *text, const char *error) {
  lua_world_expect_raised(&lua, text, globals(), error);
}

static void give_up(const char *text) {
  lua_world_give_up(&lua, text, globals());
}

static const char records_script[] =
    ASK "local r = assert(ask('records.test', 'any'))"
        "assert(r.rcode == 'NOERROR' and r.server == '127.0.0.1' and r.tcp == false and r.edns == 1400)"
        "assert(r.authoritative and r.recursion_available and r.authentic and r.truncated == false)"
        "assert(r.rtt > 0 and r.rtt < 20 and r.size > 200 and math.type(r.id) == 'integer')"
        "assert(#r.answer == 7 and #r.authority == 2 and #r.additional == 1)"
        "local a, aaaa, txt, mx, srv, caa, https = table.unpack(r.answer)"
        "assert(a.name == 'records.test' and a.type == 'A' and a.class == 'IN' and a.ttl == 300)"
        "assert(a.data == '192.0.2.1' and a.address == '192.0.2.1')"
        "assert(aaaa.type == 'AAAA' and aaaa.address == '2001:db8::1' and aaaa.data == aaaa.address)"
        "assert(txt.type == 'TXT' and #txt.text == 3 and txt.text[1] == 'one' and txt.text[2] == 't\"wo')"
        "assert(txt.text[3] == '' and txt.data == [[\"one\" \"t\\\"wo\" \"\"]], txt.data)"
        "assert(mx.preference == 10 and mx.exchange == 'mx.records.test' and mx.data == '10 mx.records.test.')"
        "assert(srv.priority == 1 and srv.weight == 2 and srv.port == 8080 and srv.target == 's.records.test')"
        "assert(caa.flags == 128 and caa.tag == 'issue' and caa.value == 'ca.test')"
        "assert(https.type == 'HTTPS' and https.data == [[\\# 3 010203]], https.data)"
        "local soa, ns = table.unpack(r.authority)"
        "assert(soa.type == 'SOA' and soa.serial == 4294967295 and soa.minimum == 5 and soa.mname == 'ns.records.test')"
        "assert(soa.rname == 'host.records.test' and soa.refresh == 2 and soa.retry == 3 and soa.expire == 4)"
        "assert(ns.host == 'ns.records.test' and r.additional[1].address == '192.0.2.2')"
        "return true";

static void all_that_an_answer_says_is_told_by_name(void **state) {
  (void)state;
  expect_up(records_script);
  assert_false(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static void a_real_server_is_asked(void **state) {
  (void)state;
  expect_up("local o = {server = '127.0.0.1', port = dnsmasq}"
            "local r = assert(dns.query('loop.test', 'A', o))"
            "assert(#r.answer == 1 and r.answer[1].address == '127.0.0.1' and r.tcp == false)"
            "assert(dns.query('loop.test', o).answer[1].type == 'A')"
            "assert(dns.query('loop.test', 28, o).answer[1].address == '::1')"
            "assert(dns.query('mail.test', 'mx', o).answer[1].exchange == 'mx.mail.test')"
            "assert(dns.query('alias.test', 'TYPE5', o).answer[1].target == 'loop.test')"
            "r = assert(dns.query('nosuch.test', 'A', o))"
            "assert(r.rcode == 'NXDOMAIN' and #r.answer == 0)"
            "o.tcp = true r = assert(dns.query('loop.test', 'AAAA', o))"
            "assert(r.tcp and r.answer[1].address == '::1')"
            "return true");
  assert_false(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static void without_a_server_that_of_resolv_conf_is_asked(void **state) {
  (void)state;
  expect_up("local r = assert(dns.query('loop.test')) return r.answer[1].address == '127.0.0.1' and r.server == "
            "'127.0.0.1'");
  expect_up("local r = assert(dns.query('loop.test', 'AAAA')) return r.answer[1].data == '::1'");
  expect_up("local r, text, code = dns.query('loop.test', 'A', {port = closed})"
            "return code == 'refused' and text == '127.0.0.1 port ' .. closed .. ': connection refused', text");
}

static void a_server_may_be_named(void **state) {
  (void)state;
  expect_up("local r = assert(dns.query('mail.test', 'MX', {server = 'hosted4.example', port = dnsmasq}))"
            "return r.server == '127.0.0.1' and #r.answer == 1");
  expect_up("local r = assert(dns.query('mail.test', 'MX', {server = 'loop.test', port = dnsmasq}))"
            "assert(r.server == '127.0.0.1') r = assert(dns.query('loop.test', {server = 'loop.test', port = dnsmasq, "
            "tcp = true})) return r.server == '127.0.0.1' and r.tcp");
  expect_up("local r, text, code = dns.query('a.test', {server = 'loop.test', port = closed})"
            "return code == 'refused' and text:find(' port ' .. closed .. ': connection refused', 1, true) ~= nil");
  expect_up("local r, text, code = dns.query('a.test', 'A', {server = 'nosuch.test'})"
            "return code == 'resolve' and text == 'nosuch.test: there is no such name', text");
  expect_up("local r, text, code = dns.query('a.test', 'A', {server = '[::1]', port = closed})"
            "return code == 'refused' and text == '::1 port ' .. closed .. ': connection refused', text");
}

static void ptr_of_an_address_asks_for_its_reverse_name(void **state) {
  (void)state;
  expect_up("local r = assert(dns.query('127.0.0.1', 'PTR'))"
            "assert(r.answer[1].name == '1.0.0.127.in-addr.arpa' and r.answer[1].target == 'loop.test')"
            "r = assert(dns.query('::1', 'ptr'))"
            "assert(#r.answer[1].name == 72 and r.answer[1].target == 'loop.test')"
            "return true");
}

static void a_truncated_answer_is_asked_again_by_tcp(void **state) {
  (void)state;
  expect_up("local o = {server = '127.0.0.1', port = dnsmasq, edns = false}"
            "local r = assert(dns.query('big.test', 'TXT', o))"
            "assert(r.tcp and not r.truncated and r.size > 600 and not r.edns)"
            "o.retry_tcp = false r = assert(dns.query('big.test', 'TXT', o))"
            "assert(not r.tcp and r.truncated and r.size <= 512)"
            "o.edns = 4096 r = assert(dns.query('big.test', 'TXT', o))"
            "assert(not r.tcp and not r.truncated and r.size > 600 and r.edns)"
            "return #r.answer[1].text[1] == 200");
  expect_up(ASK "local r = assert(ask('cut.test')) return r.tcp and not r.truncated and #r.answer == 1");
  assert_int_equal(scripted.by_udp, 1);
  assert_int_equal(scripted.by_tcp, 1);
  expect_up(ASK "local r = assert(ask('cut.test', 'A', {retry_tcp = false}))"
                "return r.tcp == false and r.truncated and #r.answer == 1");
  expect_up(ASK "fails('closed', place .. 'closed before the answer was whole', ask('closed.test')) return true");
  expect_up(ASK "fails('closed', place .. 'closed before the answer was whole', ask('half.test')) return true");
  expect_up(ASK "fails('protocol', place .. 'the answer is not one to this query', ask('othertcp.test')) return true");
  expect_up(ASK "fails('timeout', place .. 'timeout after 50 ms', ask('tcpsilent.test', 'A', {timeout = 0.05})) "
                "return true");
}

static void what_is_wished_stands_in_the_query(void **state) {
  (void)state;
  static struct bc_dns_message message;
  struct bc_fault fault = {0};
  struct bc_str query;
  expect_up(ASK "return ask('Id.Server', 'TXT', {class = 'ch', recursion = false, edns = 4000}) ~= nil");
  query = (struct bc_str){.at = (char *)scripted.query, .len = scripted.query_len};
  assert_int_equal(bc_dns_open(&message, query, &fault), BC_ERR_OK);
  assert_string_equal(message.name, "Id.Server");
  assert_true(message.type == 16 && message.dns_class == 3 && !message.is_recursion_desired);
  assert_true(message.has_edns && message.edns_bytes == 4000);
  expect_up(ASK "return ask('a.b', 65280, {class = 255, edns = true}) ~= nil");
  query.len = scripted.query_len;
  assert_int_equal(bc_dns_open(&message, query, &fault), BC_ERR_OK);
  assert_true(message.type == 65280 && message.dns_class == 255 && message.is_recursion_desired);
  assert_true(message.has_edns && message.edns_bytes == 1232);
  expect_up(ASK "return ask('10.0.0.1', nil, {edns = false}) ~= nil");
  query.len = scripted.query_len;
  assert_int_equal(bc_dns_open(&message, query, &fault), BC_ERR_OK);
  assert_string_equal(message.name, "10.0.0.1");
  assert_true(message.type == 1 && message.dns_class == 1 && !message.has_edns);
}

static void an_answer_that_says_no_is_a_result(void **state) {
  (void)state;
  expect_up(ASK "local r = assert(ask('servfail.test')) return r.rcode == 'SERVFAIL' and #r.answer == 0");
  assert_false(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static void only_the_answer_to_this_query_is_taken(void **state) {
  (void)state;
  expect_up(ASK "local r = assert(ask('false.test')) return r.answer[1].address == '192.0.2.1'");
  expect_up(ASK "local r = assert(ask('flood.test')) return r.answer[1].address == '192.0.2.1'");
  expect_up(ASK "fails('timeout', place .. 'timeout after 50 ms', ask('falseonly.test', 'A', {timeout = '50ms'})) "
                "return true");
}

static void what_cannot_be_read_is_told(void **state) {
  (void)state;
  expect_up(ASK "local r, text, code = ask('garbage.test')"
                "assert(r == nil and code == 'protocol')"
                "return text:find(place .. 'the answer cannot be read: ', 1, true) == 1 and #text > #place + 30, text");
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
  expect_up(ASK "local r, text, code = ask('loop.test', 'CNAME')"
                "assert(r == nil and code == 'protocol')"
                "return text:find(place .. 'the answer cannot be read: ', 1, true) == 1 and #text > #place + 30, text");
}

static void silence_and_closed_ports_are_told_by_their_codes(void **state) {
  (void)state;
  expect_up(ASK "fails('timeout', place .. 'timeout after 50 ms', ask('silent.test', 'A', {timeout = '50ms'})) "
                "return true");
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
  expect_up("for i = 1, 2 do local r, text, code = dns.query('a.test', 'A',"
            "{server = '127.0.0.1', port = closed, tcp = i == 2})"
            "assert(code == 'refused' and text == '127.0.0.1 port ' .. closed .. ': connection refused', text) end "
            "return true");
  if (has_network) {
    expect_up("for i = 1, 2 do local r, text, code = dns.query('a.test', 'A', {server = '192.0.2.1', tcp = i == 2})"
              "assert(code == 'unreachable' and text == '192.0.2.1 port 53: network is unreachable', text) end "
              "return true");
  }
}

static void add_rule(enum bc_egress_kind kind, const char *rule) {
  struct bc_fault fault;
  assert_int_equal(bc_egress_add(lua.io->egress, kind, bc_str_of(rule), &fault), BC_ERR_OK);
}

static void deny_loopback(void *arg) {
  (void)arg;
  add_rule(BC_EGRESS_DENY, "127.0.0.0/8");
}

static void where_this_node_does_not_allow_it_nothing_is_sent(void **state) {
  (void)state;
  static const char denied[] =
      ASK "for _, server in ipairs{'169.254.9.9', '::ffff:169.254.9.9', 'hosted4.example', '127.0.0.1'} do "
          "for i = 1, 2 do local r, text, code = ask('a.test', 'A', {server = server, tcp = i == 2}) "
          "assert(r == nil and code == 'egress' and text:find('egress denied: ', 1, true) == 1, text) end end "
          "return true";
  char rule[32];
  (void)snprintf(rule, sizeof rule, "127.0.0.1:%u", scripted.port);
  add_rule(BC_EGRESS_DENY, rule);
  expect_up(denied);
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
  assert_int_equal(scripted.by_udp + scripted.by_tcp, 0);
  (void)snprintf(rule, sizeof rule, "127.0.0.1:%u", dnsmasq_port);
  add_rule(BC_EGRESS_DENY, rule);
  expect_up("local r, text, code = dns.query('a.test') return code == 'egress', text");
  bc_lua_io_set_egress(lua.io, NULL);
  expect_up(denied);
}

static void each_connect_is_judged_anew(void **state) {
  (void)state;
  scripted.on_query = deny_loopback;
  expect_up(ASK "local r, text, code = ask('cut.test') return code == 'egress', text");
  assert_int_equal(scripted.by_udp, 1);
  assert_int_equal(scripted.by_tcp, 0);
}

static void names_are_resolved(void **state) {
  (void)state;
  expect_up("local list = assert(dns.resolve('both.test'))"
            "assert(#list == 2) table.sort(list)"
            "assert(list[1] == '192.0.2.2' and list[2] == '2001:db8::2')"
            "list = assert(dns.resolve('both.test', {family = 6})) assert(#list == 1 and list[1] == '2001:db8::2')"
            "list = assert(dns.resolve('both.test', {family = 4})) assert(#list == 1 and list[1] == '192.0.2.2')"
            "assert(dns.resolve('hosted4.example')[1] == '127.0.0.1')"
            "list = assert(dns.resolve('192.0.2.7')) assert(#list == 1 and list[1] == '192.0.2.7')"
            "assert(dns.resolve('[2001:db8::7]')[1] == '2001:db8::7')"
            "local r, text, code = dns.resolve('nosuch.test')"
            "assert(r == nil and code == 'resolve' and text == 'nosuch.test: there is no such name', text)"
            "r, text, code = dns.resolve('hosted4.example', {family = 6})"
            "assert(code == 'resolve', text)"
            "r, text, code = dns.resolve('::1', {family = 4}) assert(code == 'resolve', text)"
            "return true");
  assert_true(bc_sandbox_run_outcome(lua.run)->had_io_failure);
}

static enum bc_check_status judge(const char *text) {
  lua_world_load(&lua, (struct bc_sandbox_options){0}, text, globals());
  return bc_sandbox_outcome_judge(lua_world_run(&lua), 50);
}

/* Waits still when its time is over. */
static enum bc_check_status judge_late(const char *text) {
  lua_world_load(&lua, (struct bc_sandbox_options){0}, text, globals());
  lua.run = bc_sandbox_run_new(lua.check);
  assert_int_equal(bc_sandbox_run_resume(lua.run), BC_SANDBOX_YIELDED);
  bc_lua_call_note_waits(lua.run);
  return bc_sandbox_outcome_judge(bc_sandbox_run_outcome(lua.run), 50);
}

static void dns_that_tells_nothing_is_not_the_fault_of_who_is_called(void **state) {
  (void)state;
  static const char *const calls[] = {
      "udp.exchange('both.test', 9, 'x', {timeout = 0.1})", "tcp.connect('both.test', 9, {timeout = 0.1})",
      "tls.connect('both.test', 9, {timeout = 0.1})", "http.get('http://both.test/', {timeout = 0.1})",
      "dns.query('a.test', {server = 'both.test', timeout = 0.1})"};
  char text[256];
  struct bc_fault fault;
  assert_int_equal(judge("return tcp.connect('nosuch.test', 9) ~= nil"), BC_CHECK_FAILED);
  world_write(resolv_conf, "nameserver 127.0.0.99\n");
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK + 98)}, .sin_port = htons(dnsmasq_port)};
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(bc_resolver_reload(lua.io->resolver, &fault), BC_ERR_OK);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    (void)snprintf(text, sizeof text, "return %s ~= nil", calls[i]);
    assert_int_equal(judge(text), BC_CHECK_REFUSED);
    assert_int_equal(judge_late(text), BC_CHECK_REFUSED);
  }
  assert_string_equal(bc_sandbox_run_outcome(lua.run)->refusal, "both.test: no DNS server has answered yet");
  assert_int_equal(judge_late("return icmp.ping('both.test') ~= nil"), BC_CHECK_REFUSED);
  /* Who asks about the name itself is told. */
  assert_int_equal(judge("return dns.resolve('both.test', {timeout = 0.1}) ~= nil"), BC_CHECK_FAILED);
  assert_int_equal(judge_late("return dns.resolve('both.test') ~= nil"), BC_CHECK_TIMED_OUT);
  (void)close(fd);
  /* Nobody is there at all. */
  assert_int_equal(judge("return tcp.connect('both.test', 9) ~= nil"), BC_CHECK_REFUSED);
  assert_non_null(strstr(bc_sandbox_run_outcome(lua.run)->refusal, "no DNS server"));
  lua_world_drop_script(&lua);
}

static void a_name_that_nobody_answers_for_times_out(void **state) {
  (void)state;
  struct bc_fault fault;
  world_write(resolv_conf, "nameserver 127.0.0.99\n");
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK + 98)}, .sin_port = htons(dnsmasq_port)};
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(bc_resolver_reload(lua.io->resolver, &fault), BC_ERR_OK);
  expect_up("local r, text, code = dns.resolve('both.test', {timeout = 0.1})"
            "return code == 'timeout' and text == 'both.test: timeout after 100 ms', text");
  expect_up("local r, text, code = dns.query('a.test', {server = 'both.test', timeout = 0.1})"
            "return code == 'timeout' and text == 'both.test: timeout after 100 ms', text");
  give_up("dns.resolve('both.test')");
  give_up("dns.query('a.test', {server = 'both.test'})");
  (void)close(fd);
}

static void wrong_arguments_raise(void **state) {
  (void)state;
  expect_raised("dns.query()", "t.lua:1: bad argument #1 to 'query' (string expected, got nil)");
  expect_raised("dns.query(1)", "bad argument #1 to 'query'");
  expect_raised("dns.query('')", "bad argument #1 to 'query' (this name cannot be asked for)");
  expect_raised("dns.query('a\\0b')", "bad argument #1 to 'query' (this name cannot be asked for)");
  expect_raised("dns.query(('a'):rep(1025))", "bad argument #1 to 'query' (this name cannot be asked for)");
  expect_raised("dns.query(('a'):rep(64))", "bad argument #1 to 'query' (this name cannot be asked for)");
  expect_raised("dns.query('a..b')", "t.lua:1: bad argument #1 to 'query' (this name cannot be asked for)");
  expect_raised("dns.query('a', 'AX')", "bad argument #2 to 'query' (expected a type: A, AAAA, TYPE65 or a number)");
  expect_raised("dns.query('a', 65536)", "bad argument #2 to 'query' (expected a type");
  expect_raised("dns.query('a', -1)", "bad argument #2 to 'query' (expected a type");
  expect_raised("dns.query('a', 1.5)", "bad argument #2 to 'query' (expected a type");
  expect_raised("dns.query('a', true)", "bad argument #2 to 'query' (expected a type");
  expect_raised("dns.query('a', 'A', 'b')", "bad argument #3 to 'query' (table expected, got string)");
  expect_raised("dns.query('a', 'A', {tiemout = 1})", "unknown option 'tiemout': expected server, port, tcp");
  expect_raised("dns.query('a', 'A', {class = 'XX'})", "option 'class': expected IN, CH, HS, ANY, CLASS7 or a number");
  expect_raised("dns.query('a', 'A', {port = 0})", "option 'port': expected a whole number from 1 to 65535");
  expect_raised("dns.query('a', 'A', {edns = 511})", "option 'edns': expected a whole number from 512 to 65535");
  expect_raised("dns.query('a', 'A', {tcp = 1})", "option 'tcp': expected true or false");
  expect_raised("dns.query('a', 'A', {server = 1})", "option 'server': expected a text");
  expect_raised("dns.query('a', 'A', {timeout = 0})", "option 'timeout': expected");
  expect_raised("dns.resolve('a', {family = 5})", "option 'family': expected 4 or 6, found 5");
  expect_raised("dns.resolve('a', {family = 7})", "option 'family': expected");
  expect_raised("dns.resolve()", "bad argument #1 to 'resolve'");
  expect_raised("('a'):gsub('a', function() dns.query('silent.test', {server = '127.0.0.1', port = script}) end)",
                "t.lua:1: ");
}

static void a_query_that_is_given_up_leaves_nothing(void **state) {
  (void)state;
  give_up(ASK "ask('silent.test')");
  give_up(ASK "ask('silent.test', 'A', {tcp = true})");
  give_up("dns.query('loop.test')");
  give_up("dns.query('loop.test', {server = 'both.test'})");
  give_up("dns.resolve('loop.test')");
  expect_up("return dns.query('loop.test') ~= nil");
}

static void too_many_at_once_are_refused(void **state) {
  (void)state;
  lua_world_expect_up_crowded(&lua,
                              "for _, f in ipairs{dns.query, dns.resolve} do local r, text, code = f('loop.test')"
                              "assert(r == nil and code == 'limit', text) end return true",
                              globals());
  /* Two connections and 63 calls, as many as there may be threads of parallel: one too many. */
  expect_up(ASK
            "local one, two = assert(tcp.connect('127.0.0.1', script)), assert(tcp.connect('127.0.0.1', script)) "
            "local functions, limits = {}, 0 "
            "for i = 1, 63 do functions[i] = function() return ask('a' .. i .. '.test', 'A', {timeout = 19}) end end "
            "for i, r in ipairs(parallel(functions)) do "
            "if r[3] == 'limit' then limits = limits + 1 else assert(r[1], r[2]) end end "
            "one:close() two:close() return limits == 1, 'there are ' .. limits");
  /* The resolver's own limit. */
  struct bc_resolver_call *calls[BC_LIMIT_DNS_QUERIES];
  struct bc_resolver_query query = world_query("silent.test", scripted.port);
  for (size_t i = 0; i < BC_LIMIT_DNS_QUERIES; i++) {
    calls[i] = bc_resolver_ask(lua.io->resolver, &query);
  }
  expect_up(ASK "fails('limit', place .. 'too many DNS queries are under way', ask('a.test')) return true");
  for (size_t i = 0; i < BC_LIMIT_DNS_QUERIES; i++) {
    bc_resolver_cancel(calls[i]);
  }
}

static void an_answer_that_does_not_fit_ends_the_run_for_memory(void **state) {
  (void)state;
  expect_up(ASK "local r = assert(ask('many.test', 'A', {tcp = true}))"
                "return #r.answer == 500 and r.answer[500].address == '10.0.1.243', #r.answer");
  lua_world_load(&lua, (struct bc_sandbox_options){0}, ASK "return #ask('flooded.test', 'A', {tcp = true}).answer",
                 globals());
  assert_int_equal(lua_world_run(&lua)->end, BC_SANDBOX_MEMORY);
  lua_world_load(&lua, (struct bc_sandbox_options){0},
                 ASK "return not pcall(ask, 'flooded.test', 'A', {tcp = true}) and #ask('records.test').answer == 7",
                 globals());
  const struct bc_sandbox_outcome *outcome = lua_world_run(&lua);
  assert_string_equal(outcome->error, "");
  assert_int_equal(outcome->word, BC_SANDBOX_UP);
}

static void hard_collections_harm_nothing(void **state) {
  (void)state;
  static const char text[] =
      ASK "local r = assert(ask('records.test', 'any', {class = 'in', timeout = '20s'}))"
          "assert(#r.answer == 7 and r.answer[3].text[2] == 't\"wo' and r.authority[1].serial == 4294967295)"
          "assert(ask('cut.test').tcp) local n, t, code = ask('garbage.test') assert(code == 'protocol' and #t > 20)"
          "n, t, code = dns.query('a', 'A', {server = '127.0.0.1', port = closed}) assert(code == 'refused')"
          "return dns.resolve('both.test', {family = 6})[1] == '2001:db8::2' "
          "and dns.query('127.0.0.1', 'PTR').answer[1].target == 'loop.test'";
  lua_world_expect_up_hard(&lua, text, globals());
}

static int start_dnsmasq(void **state) {
  char path[64];
  if (world_start_dnsmasq(state) != 0) {
    return -1;
  }
  (void)snprintf(path, sizeof path, "%s/hosts", folder);
  world_write(path, "127.0.0.1 hosted4.example\n");
  return 0;
}

int main(void) {
  has_network = own_network_make();
#define DNS_TEST(name) cmocka_unit_test_setup_teardown(name, lua_start, lua_stop)
  const struct CMUnitTest tests[] = {
      DNS_TEST(all_that_an_answer_says_is_told_by_name),
      DNS_TEST(a_real_server_is_asked),
      DNS_TEST(without_a_server_that_of_resolv_conf_is_asked),
      DNS_TEST(a_server_may_be_named),
      DNS_TEST(ptr_of_an_address_asks_for_its_reverse_name),
      DNS_TEST(a_truncated_answer_is_asked_again_by_tcp),
      DNS_TEST(what_is_wished_stands_in_the_query),
      DNS_TEST(an_answer_that_says_no_is_a_result),
      DNS_TEST(only_the_answer_to_this_query_is_taken),
      DNS_TEST(what_cannot_be_read_is_told),
      DNS_TEST(silence_and_closed_ports_are_told_by_their_codes),
      DNS_TEST(where_this_node_does_not_allow_it_nothing_is_sent),
      DNS_TEST(each_connect_is_judged_anew),
      DNS_TEST(names_are_resolved),
      DNS_TEST(dns_that_tells_nothing_is_not_the_fault_of_who_is_called),
      DNS_TEST(a_name_that_nobody_answers_for_times_out),
      DNS_TEST(wrong_arguments_raise),
      DNS_TEST(a_query_that_is_given_up_leaves_nothing),
      DNS_TEST(too_many_at_once_are_refused),
      DNS_TEST(an_answer_that_does_not_fit_ends_the_run_for_memory),
      DNS_TEST(hard_collections_harm_nothing),
  };
  return cmocka_run_group_tests(tests, start_dnsmasq, world_stop_dnsmasq);
}
