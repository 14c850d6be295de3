/* What lint says of scripts, and what it must not say. docs/linting.md has an example of each rule. */
#include "model/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void note(void *arg, const struct bc_lint_finding *finding) {
  char *found = arg;
  size_t used = strlen(found);
  (void)snprintf(found + used, 1024 - used, "%u:%s ", finding->place.line, bc_lint_rule_name(finding->rule));
}

static void expect_as(enum bc_lint_mode mode, unsigned users, const char *text, const char *findings) {
  const struct bc_lint_options options = {.mode = mode, .users = users};
  char found[1024] = "";
  bc_lint_script(bc_str_of(text), &options, note, found);
  if (strcmp(found, findings) != 0) {
    fail_msg("%s\nexpected \"%s\", found \"%s\"", text, findings, found);
  }
}

static void check(const char *text, const char *findings) {
  expect_as(BC_LINT_CHECK, 0, text, findings);
}

static void policy(const char *text, const char *findings) {
  expect_as(BC_LINT_POLICY, 0, text, findings);
}

/* Each of these is right as it is: a tool that nags is turned off. */
static void good_checks_are_left_alone(void **state) {
  (void)state;
  static const char *const good[] = {
      "local r = http.get('http://x/') return r.status == 200",
      "local r, err = http.get('http://x/') if not r then return false, err end return r.status == 200, { s = r.status "
      "}",
      "local r, err = http.get('http://x/') return r and r.status == 200, err",
      "return (tcp.connect('h', 80)) ~= nil",
      "local conn = assert(tcp.connect('h', 80)) return true",
      "local conn = tcp.connect('h', 80) conn:send('x') return true",
      "local ok, err = pcall(http.get, 'http://x/') return ok, err",
      "local f = dns.query local r = f('x') return #r.answer > 0",
      "local dns = dns local query = dns.query return query('x') ~= nil",
      "for _, host in ipairs({ 'a', 'b' }) do if tcp.connect(host, 80) then return true end end return false",
      "while true do local r = udp.exchange('h', 1, 'x') if r then return true end time.sleep(1) end",
      "repeat local r = dns.query('x') until r return 50",
      "local function f(n) return n < 2 and 1 or n * f(n - 1) end return f(3) == 6 and http.get('x') ~= nil",
      "state.n = (state.n or 0) + 1 return state.n < 3",
      "state = { n = 1 } return tcp.connect('h', 1) ~= nil",
      "return { ok = dns.query('x') ~= nil, data = {} }",
      "return { score = dns.query('x') and 100 or 0 }",
      "local t = setmetatable({}, { __index = function(t, k) return http.get(k) end }) return t.x ~= nil",
      "local t = {} t[#t + 1] = 'x' return table.concat(t) .. 1 == 'x1' and tcp.connect('h', 1) ~= nil",
      "local n = tonumber(data.n) return n and n > 3",
      "if route then return tcp.connect(route.prefix, 80) ~= nil end error('no route')",
      "local r = dns.query('x', { server = '192.0.2.53' }) local q = r or dns.query('x') return q ~= nil",
      "dns.query('x', 'A', { timeout = '1s' }); return dns.query('x', { timeout = 1 }) ~= nil -- lint: ignore "
      "unused-result",
      "local rr = dns.query('x').answer[1] return rr.preference == 10",
      "log.info('a', 1, {}) return options.env.X == 'x', options.whatever",
      "local _ = http.get('http://x/') return tcp.connect('h', 1) ~= nil",
      "local r = http.get('x') local status = r.status if status == 200 or status == 301 then return true end return "
      "false",
      "local name = ('x'):upper():lower() return name == 'x' and tcp.connect(name, 1) ~= nil",
      "goto check; ::check:: return tcp.connect('h', 1) ~= nil",
      "local a <const> = 5 return icmp.ping('h', { count = a }).received == a",
      "local results = parallel({ a = function() return http.get('x') end }) return results.a[1].status == 200",
      "local h = http.get('x').headers return h['content-type'] == 'text/plain' and h.server == nil",
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    check(good[i], "");
  }
}

static void names_that_are_not_there_are_told(void **state) {
  (void)state;
  check("return foo ~= nil", "1:unknown-global ");
  check("foo = 1\nreturn foo == tcp.connect('h', foo)", "1:set-global ");
  check("return tcp.connect(ctx, 1) ~= nil", "1:unknown-global ");
  check("return os.time() > 0", "1:unknown-global ");
  check("return math.pow(1, 2) == 1", "1:unknown-member ");
  check("local r = http.get('x')\nreturn r.statsu == 200", "2:unknown-member ");
  check("for _, rr in ipairs(dns.query('x').answer) do if rr.nmae then return true end end return false", "");
  check("local t = http.get('x').timings return t.totl < 1", "1:unknown-member ");
  check("local r = http.get('x')\nr = {}\nreturn r.statsu == 200", "");
  check("local c = assert(tcp.connect('h', 1)) return c:lien() == 'x'", "1:unknown-member ");
  check("string.trim = 1 return tcp.connect('h', 1) ~= nil", "1:read-only 1:unknown-member ");
  check("dns = 1 return tcp.connect('h', 1) ~= nil", "1:shadow ");
  check("local function f(error) return error end return f(tcp.connect('h', 1)) ~= nil", "1:shadow ");
  check("local check, node, data = 1, 2, 3 return tcp.connect('h', check) ~= nil", "");
}

static void what_is_there_depends_on_what_it_is_for(void **state) {
  (void)state;
  static const char waits[] = "local M = {} function M.f() return http.get('x') end return M";
  static const char random[] = "local M = {} function M.f() return math.random() end return M";
  policy("return function(ctx) return withdraw(http) end", "1:unknown-global ");
  policy("return function(ctx) return announce{ med = math.random() } end", "1:unknown-member ");
  policy("return function(ctx) return announce{ med = time.now() } end", "1:unknown-member ");
  policy("return function(ctx) return announce{ med = time.date(ctx.now).hour } end", "");
  policy("return function(ctx) return refuse('x') end", "1:unknown-global ");
  expect_as(BC_LINT_ADMISSION, 0,
            "return function(ctx) if ctx.request.ttl then return admit{} end return refuse('x') end", "");
  expect_as(BC_LINT_ADMISSION, 0, "return function(ctx) return keep() end", "1:unknown-global ");
  expect_as(BC_LINT_TEST, 0,
            "local c = check 'a.lua' test('x', function() fake.http{ status = 1 } expect(c:run()):is_up() end)", "");
  expect_as(BC_LINT_TEST, 0, "test('x', function() fake.htp{} return http.get('x') end)",
            "1:unknown-member 1:unknown-global ");
  expect_as(BC_LINT_MODULE, 0, waits, "");
  expect_as(BC_LINT_MODULE, 1U << BC_LINT_CHECK, waits, "");
  expect_as(BC_LINT_MODULE, 1U << BC_LINT_POLICY, waits, "1:unknown-global ");
  expect_as(BC_LINT_MODULE, 1U << BC_LINT_POLICY | 1U << BC_LINT_CHECK, waits, "1:unknown-global ");
  expect_as(BC_LINT_MODULE, 1U << BC_LINT_CHECK, random, "");
  expect_as(BC_LINT_MODULE, 1U << BC_LINT_POLICY | 1U << BC_LINT_CHECK, random, "1:unknown-member ");
  expect_as(BC_LINT_MODULE, 0, "local r = http.get('x') return { r = r }", "1:cannot-wait ");
  expect_as(BC_LINT_MODULE, 0, "local M = {}", "1:no-return ");
}

static void calls_that_raise_are_told(void **state) {
  (void)state;
  check("return http.get() ~= nil", "1:arguments ");
  check("return http.get('x', {}, 1) ~= nil", "1:arguments ");
  check("local function f() return 'h', 1 end return tcp.connect(f()) ~= nil", "");
  check("return tcp.connect('h', {}) ~= nil", "1:argument-type ");
  check("return tcp.connect('h', '80') ~= nil", "");
  check("return tcp.connect('h', 80, 5) ~= nil", "1:argument-type ");
  check("return exec.run('/bin/true').code == 0", "1:argument-type ");
  check("return dns.query('x', { 'A' }) ~= nil", "1:unknown-option ");
  check("return dns.query('x', { edns = false, server = data.server }) ~= nil", "");
  check("return http.get('x', { tls = { verfy = false } }).status == 200", "1:unknown-option ");
  check("metric.gauge('a') return tcp.connect('h', 1) ~= nil", "1:arguments ");
  check("return require('a').f() == 1", "");
  check("return require('a b').f() == 1", "1:unknown-module ");
  check("return require('a' .. 'b').f() == 1", "1:unknown-module ");
}

static void what_cannot_wait_is_found_through_functions(void **state) {
  (void)state;
  check("local function a() time.sleep(1) end local function b() a() end\n"
        "('x'):gsub('.', b) return tcp.connect('h', 1) ~= nil",
        "1:cannot-wait ");
  check("table.sort({}, function(a, b) return a < b end) return tcp.connect('h', 1) ~= nil", "");
  check("local t = setmetatable({}, { __tostring = function() return http.get('x').body end })\n"
        "return tostring(t) == 'x'",
        "1:cannot-wait ");
  check("local mt = {} function mt.__tostring() time.sleep(1) return '' end return setmetatable({}, mt) == tcp",
        "1:cannot-wait ");
  check("string.gsub('x', '.', time.sleep) return tcp.connect('h', 1) ~= nil", "1:cannot-wait ");
  check("('x'):gsub('.', function() local f = function() time.sleep(1) end end) return tcp.connect('h', 1) ~= nil", "");
  check("('x'):gsub('.', function() pcall(time.sleep, 1) end) return tcp.connect('h', 1) ~= nil", "1:cannot-wait ");
}

static void values_of_the_wrong_type_are_told(void **state) {
  (void)state;
  check("return dns.query('x').rcode == 0", "1:type-mismatch ");
  check("return http.get('x') == true", "1:type-mismatch ");
  check("return http.get('x').status ~= '200'", "1:type-mismatch ");
  check("return dns.query('x').answer > 0", "1:type-mismatch ");
  check("return http.get('x').status < '300'", "1:type-mismatch ");
  check("return http.get('x').cert == nil", "");
  check("return 'a' .. http.get('x') == 'a'", "1:type-mismatch ");
  check("return #http.get('x').status == 3", "1:type-mismatch ");
  check("return http.get('x').status() == 3", "1:type-mismatch ");
  check("return http.get('x').status.code == 3", "1:type-mismatch ");
  check("local r = http.get('x') if r.status == 200 or 301 then return true end return false", "1:constant-condition ");
  check("if http.get then return true end return false", "1:constant-condition ");
  check("while true do if tcp.connect('h', 1) then return true end end", "");
}

static void results_that_are_none_are_told(void **state) {
  (void)state;
  check("return 'up'", "1:bad-result ");
  check("return nil", "1:bad-result ");
  check("return nil, 'why'", "1:constant-result ");
  check("return", "1:bad-result ");
  check("return 101", "1:bad-result ");
  check("return { up = true }", "1:bad-result ");
  check("return http.get('x')", "1:bad-result ");
  check("return dns.resolve('x')", "1:bad-result ");
  check("local r = http.get('x') return r and r.body:find('ok')", "1:bad-result ");
  check("return tostring", "1:bad-result ");
  check("", "1:no-return ");
  check("tcp.connect('h', 1):close()", "1:no-return ");
  check("if tcp.connect('h', 1) then return true end", "1:missing-return ");
  check("if tcp.connect('h', 1) then return true else error('x') end", "");
  check("return true", "1:constant-result ");
  check("return false, 'closed'", "1:constant-result ");
  check("local c, err = tcp.connect('h', 1) if not c then return true end return true", "1:constant-result ");
  check("assert(tcp.connect('h', 1)) return true", "");
  check("local r = http.get('x') or {} log.info(r.status) return true", "1:constant-result ");
  check("local r = http.get('x') log.info(r.status) return true", "");
  check("do return tcp.connect('h', 1) ~= nil end log.info('x')", "1:unreachable ");
  check("local function f() error('x') log.info('y') end f() return tcp.connect('h', 1) ~= nil", "1:unreachable ");
  policy("return function(ctx) if ctx.healthy then return announce() end end", "1:missing-return ");
  policy("return function(ctx) announce() end", "1:unused-result 1:no-return ");
  policy("return function(ctx) return true end", "1:bad-result ");
  policy("return function(ctx) return announce end", "1:bad-result ");
  policy("return function(ctx) return ctx.healthy and announce() or withdraw() end", "");
  policy("local function decide(ctx) return keep(ctx.resaon) end return decide", "1:unknown-member ");
  policy("return announce()", "1:bad-result ");
  policy("local x = 1", "1:no-return ");
  policy("return function(ctx) return announce{ med = 5, medd = 6 } end", "1:unknown-option ");
  policy("return function(ctx) return announce{ 5 } end", "1:unknown-option ");
  policy("return function(ctx) return announce{ local_preference = 1, add_community = {}, again_in = 1, rate_limit = 2 "
         "} end",
         "");
  policy("return function(ctx) return withdraw('x', { again = 5 }) end", "1:unknown-option ");
}

static void comments_take_findings_back(void **state) {
  (void)state;
  check("return foo == bar -- lint: ignore unknown-global", "");
  check("-- lint: ignore unknown-global\nreturn foo == bar", "");
  check("-- lint: ignore unknown-global\nlocal x = 1\nreturn foo == x", "3:unknown-global ");
  check("return foo == 'x' -- lint: ignore shadow", "1:unknown-global ");
  check("return foo == dns.x -- lint: ignore unknown-member, unknown-global", "");
  check("return tcp.connect('h', 1) ~= nil -- lint: ignore nonsense", "1:ignore ");
}

static void what_a_script_is_for_is_guessed(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum bc_lint_mode mode;
  } scripts[] = {{"return true", BC_LINT_CHECK},
                 {"return function(ctx) return keep() end", BC_LINT_POLICY},
                 {"local function f(ctx) return admit() end return f", BC_LINT_ADMISSION},
                 {"local M = {} return M", BC_LINT_MODULE},
                 {"#!lua\nlocal M = {} return M", BC_LINT_CHECK},
                 {"return {", BC_LINT_CHECK}};
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    assert_int_equal(bc_lint_guess(bc_str_of(scripts[i].text)), scripts[i].mode);
  }
}

/* Each local gets its type from the one before: without memory of what was found this would double at each. */
static void types_are_found_in_bounded_time(void **state) {
  (void)state;
  static char text[200000];
  size_t used = (size_t)snprintf(text, sizeof text, "local a0 = http.get('x')\n");
  for (int i = 1; i < 190; i++) {
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "local a%d = a%d and a%d or a%d\n", i, i - 1, i - 1, i - 1);
  }
  (void)snprintf(text + used, sizeof text - used, "return a189.statsu == 1");
  check(text, "191:unknown-member ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_checks_are_left_alone),
      cmocka_unit_test(names_that_are_not_there_are_told),
      cmocka_unit_test(what_is_there_depends_on_what_it_is_for),
      cmocka_unit_test(calls_that_raise_are_told),
      cmocka_unit_test(what_cannot_wait_is_found_through_functions),
      cmocka_unit_test(values_of_the_wrong_type_are_told),
      cmocka_unit_test(results_that_are_none_are_told),
      cmocka_unit_test(comments_take_findings_back),
      cmocka_unit_test(what_a_script_is_for_is_guessed),
      cmocka_unit_test(types_are_found_in_bounded_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
