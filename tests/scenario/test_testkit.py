"""`bgpcommander test`: fakes, made-up time, expectations, what it tells, exit codes, and that a bad test ends alone."""
import json
import os
import signal
import subprocess

import pytest

import samples
from testkit_lab import FAILED, PASSED, PROGRAM, USAGE, bgp_test, failures, put, run_json, shown
from wait import wait_for


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- the page ----

def put_scripts():
    for block in ("tk-web", "tk-probe", "tk-resolver", "tk-mail", "tk-flapping", "tk-load"):
        put(block[3:] + ".lua", samples.block(block))


def test_the_first_sample(folder):
    put_scripts()
    put("web_test.lua", samples.block("tk-first"))
    done = bgp_test(".")
    assert done.returncode == PASSED, done
    samples.compare("tk-first-shows", "$ bgpcommander test .\n" + shown(done))
    put("web.lua", samples.block("tk-web").replace("r.status ~= 200", "r.status >= 500"))
    done = bgp_test(".")
    assert done.returncode == FAILED, done
    samples.compare("tk-fails-shows", "$ bgpcommander test .\n" + shown(done))


@pytest.mark.parametrize("name, count", [
    ("tk-run", 3), ("tk-fakes", 8), ("tk-turns", 2), ("tk-talk", 3), ("tk-time", 1), ("tk-ready", 2), ("tk-policy", 5)])
def test_each_sample_passes(folder, name, count):
    put_scripts()
    put("sample_test.lua", samples.block(name))
    found = run_json()
    assert failures(found) == {} and found["broken"] == []
    assert found["passed"] == count


# ---- what the script gets ----

CALLS = {
    "dns.query": ('dns.query("a.example", "A", { timeout = 1 })', "fake.dns", "192.0.2.1 port 53"),
    "dns.resolve": ('dns.resolve("a.example", { timeout = 1 })', "fake.resolve", "a.example"),
    "http.get": ('http.get("http://192.0.2.7:81/", { timeout = 1 })', "fake.http", "192.0.2.7 port 81"),
    "tcp.connect": ('tcp.connect("192.0.2.7", 81, { timeout = 1 })', "fake.tcp", "192.0.2.7 port 81"),
    "tls.connect": ('tls.connect("192.0.2.7", 81, { timeout = 1 })', "fake.tls", "192.0.2.7 port 81"),
    "udp.exchange": ('udp.exchange("192.0.2.7", 81, "x", { timeout = 1 })', "fake.udp", "192.0.2.7 port 81"),
    "exec.run": ('exec.run({ "/bin/x" }, { timeout = 1 })', "fake.exec", "/bin/x"),
}


@pytest.mark.parametrize("call", CALLS)
def test_each_call_fails_as_its_fake_says(folder, call):
    text, fake, place = CALLS[call]
    found = run_json(check=f"local r, err, code = {text}\nassert(r == nil)\nreturn false, err, {{ code = code }}\n",
                     check_test=f"""
local c = check "check.lua"
cases("codes", {{ {{ code = "refused", text = "connection refused" }}, {{ code = "unreachable", text = "" }},
                 {{ code = "reset", text = "connection reset" }}, {{ code = "closed", text = "closed" }} }}, function(case)
  {fake}{{ [case.code] = true }}
  expect(c:run()):is_down("{place}: " .. case.text):has{{ data = {{ code = case.code }}, took = 0.001 }}
end)
test("timeout", function()
  {fake}{{ timeout = true }}
  expect(c:run()):is_down("{place}: timeout after 1000 ms"):has{{ data = {{ code = "timeout" }}, took = 1 }}
end)
test("too late", function()
  {fake}{{ slow = 1 }}
  expect(c:run()):is_down("{place}: timeout after 1000 ms"):has{{ took = 1 }}
end)
test("any code", function()
  {fake}{{ fails = "permission" }}
  expect(c:run()):is_neutral():has{{ status = "refused" }}
end)
test("no fake", function()
  c:run()
end)
""")
    told = failures(found)
    assert list(told) == ["no fake"], told
    assert f"check.lua:1 calls {call}(" in told["no fake"] and f"for example: {fake}{{" in told["no fake"]


@pytest.mark.parametrize("call", CALLS)
def test_wrong_arguments_raise_as_in_the_daemon(folder, call):
    text = CALLS[call][0].replace("timeout", "tiemout")
    found = run_json(check=f"return {text} ~= nil\n", check_test="""
local c = check "check.lua"
test("wrong", function()
  expect(c:run()):is_neutral("unknown option 'tiemout'"):has{ status = "error", line = 1 }
end)
""")
    assert failures(found) == {} and found["passed"] == 1


def test_results_of_calls_have_what_the_reference_says(folder):
    found = run_json(check="""
local h = http.get("https://www.example.net/x", { max_body = 3 })
local d = dns.query("www.example.net", "MX")
local p = icmp.ping("192.0.2.7", { count = 2 })
local reply, rtt = udp.exchange("192.0.2.7", 53, "q")
local e = exec.run({ "/bin/x", "y" })
local t = tls.connect("www.example.net", 443, { alpn = { "h2" } })
return true, { h = { h.status, h.headers["content-type"], h.body, h.body_truncated, h.url, h.version, h.port },
  cert = h.cert.names, d = { d.rcode, d.answer[1].exchange, d.answer[1].preference, d.answer[1].ttl },
  p = { p.sent, p.received, p.loss, p.avg }, u = { reply, rtt }, e = { e.code, e.stdout, e.truncated },
  t = { t.address, t.port, t.protocol, t.alpn, t.cert.days_left } }
""", check_test="""
local c = check "check.lua"
test("all", function()
  fake.http{ headers = { ["Content-Type"] = "text/plain" }, body = "abcdef" }
  fake.dns{ type = "MX", answer = { "10 mx1.example.net" } }
  fake.icmp{ rtt = 0.25 }
  fake.udp{ reply = "r", slow = 0.5 }
  fake.exec{ command = "/bin/x y", stdout = "out" }
  fake.tls{ address = "192.0.2.9" }
  local r = c:run()
  expect(r):is_up()
  expect(r.data):equals{ h = { 200, "text/plain", "abc", true, "https://www.example.net/x", "1.1", 443 },
    cert = { "www.example.net" }, d = { "NOERROR", "mx1.example.net", 10, 60 }, p = { 2, 2, 0, 0.25 }, u = { "r", 0.5 },
    e = { 0, "out", false }, t = { "192.0.2.9", 443, "TLSv1.3", "h2", 60 } }
end)
""")
    assert failures(found) == {} and found["passed"] == 1


def test_functions_see_what_was_asked(folder):
    found = run_json(check="""
http.get("http://192.0.2.10/a")
http.post("https://user:secret@www.example.net:8443/b?c", { body = "text" })
http.request("http://[2001:db8::1]/", { method = "PUT", connect_to = "[2001:db8::2]:81" })
return true
""", check_test="""
local c = check "check.lua"
test("http", function()
  local seen = {}
  fake.http(function(r)
    seen[#seen + 1] = { r.method, r.scheme, r.host, r.port, r.path, r.sent }
    return {}
  end)
  expect(c:run()):is_up()
  expect(seen):equals{ { "GET", "http", "192.0.2.10", 80, "/a" }, { "POST", "https", "www.example.net", 8443, "/b?c", "text" },
    { "PUT", "http", "[2001:db8::1]", 81, "/" } }
end)
""")
    assert failures(found) == {} and found["passed"] == 1


def test_connections_talk(folder):
    found = run_json(check="""
local conn = assert(tcp.connect("192.0.2.7", 6379, { timeout = 1 }))
local got = { conn:line({ timeout = 1 }) or "none" }
for _, text in ipairs({ "one\\n", "two\\n" }) do
  assert(conn:send(text))
  got[#got + 1] = conn:line({ timeout = 1 }) or "none"
end
local rest, _, code = conn:receive({ timeout = 2 })
got[#got + 1] = rest or code
conn:close()
return true, got
""", check_test="""
local c = check "check.lua"
test("in turn", function()
  fake.tcp{ greeting = "hello\\r\\n", reply = { "1\\n", { "2\\n", slow = 0.5 } }, closes = true }
  expect(c:run{ options = { timeout = 9 } }):is_up():has{ data = { "hello", "1", "2", "closed" }, took = 0.504 }
end)
test("by what was sent, in pieces", function()
  fake.tcp{ greeting = { "hel", { "lo\\n", slow = 0.25 } }, reply = { ["two\\n"] = "zwei\\n" } }
  expect(c:run{ options = { timeout = 9 } }):has{ data = { "hello", "none", "zwei", "timeout" } }
end)
test("a function", function()
  fake.tcp{ greeting = "x\\n", reply = function(text, number) return number .. text end }
  expect(c:run{ options = { timeout = 9 } }):has{ data = { "x", "1one", "2two", "timeout" } }
end)
test("reset", function()
  fake.tcp{ greeting = "x\\n", reply = { { "", resets = true } } }
  expect(c:run{ options = { timeout = 9 } }):is_down("connection reset"):has{ status = "error" }
end)
""")
    assert failures(found) == {} and found["passed"] == 4


def test_starttls(folder):
    found = run_json(check="""
local conn = assert(tcp.connect("mail.example.net", 25))
assert(conn:line() == "220")
local ok, err = conn:starttls({ timeout = 1 })
if not ok then return false, err end
assert(not pcall(conn.starttls, conn))
assert(conn:send("x"))
return conn:line() == "y", { days = conn.cert.days_left, protocol = conn.protocol }
""", check_test="""
local c = check "check.lua"
test("good", function()
  fake.tcp{ greeting = "220\\n", reply = "y\\n", starttls = { cert = { days_left = 5 } } }
  expect(c:run()):is_up():has{ data = { days = 5, protocol = "TLSv1.3" } }
end)
test("bad", function()
  fake.tcp{ greeting = "220\\n", starttls = { fails = "tls" } }
  expect(c:run()):is_down("TLS handshake")
end)
test("late", function()
  fake.tcp{ greeting = "220\\n", starttls = { timeout = true } }
  expect(c:run()):is_down("timeout after 1000 ms")
end)
""")
    assert failures(found) == {} and found["passed"] == 3


def test_time_is_made_up(folder):
    found = run_json(check="""
local before, mono = time.now(), time.monotonic()
local r = parallel({ function() time.sleep(3) return 3 end, function() return http.get("http://192.0.2.1/", { timeout = 4 }) end })
time.sleep(0.5)
return true, { at = before, wall = time.now() - before, mono = time.monotonic() - mono }
""", check_test="""
local c = check "check.lua"
test("parallel and sleeps", function()
  fake.http{ slow = 3.25 }
  local r = c:run{ options = { timeout = 10 } }
  expect(r):is_up():has{ took = 3.75, data = { at = 1767225600, wall = 3.75, mono = 3.75 } }
end)
test("the check's own timeout", function()
  fake.http{ slow = 3.25 }
  expect(c:run()):is_down("still waiting after 2000 ms"):has{ status = "timeout", took = 2 }
end)
test("the clock of the test", function()
  at(1000)
  fake.http{}
  expect(c:run{ options = { timeout = 10 } }):has{ data = { at = 1000 } }
  expect(time.now()):equals(1003.5)
end)
""")
    assert failures(found) == {} and found["passed"] == 3
    assert found["took_ms"] < 60000


def test_limits_and_judgement_are_those_of_the_daemon(folder):
    put("loop.lua", "#!lua\nwhile true do end\n")
    put("hoard.lua", "#!lua\nlocal t = {}\nwhile true do t[#t + 1] = ('x'):rep(1000) .. #t end\n")
    put("oops.lua", "#!lua\nlocal r = http.get('http://192.0.2.1/')\nreturn r.status == 200\n")
    put("escape.lua", "#!lua\nreturn io == nil and os == nil and host == nil and fake == nil and expect == nil\n")
    found = run_json(all_test="""
local loop, hoard, oops, escape = check "loop.lua", check "hoard.lua", check "oops.lua", check "escape.lua"
test("killed", function() expect(loop:run()):is_neutral("CPU time"):has{ status = "killed", line = 2 } end)
test("memory", function() expect(hoard:run()):is_neutral():has{ status = "memory" } end)
test("careless", function() fake.http{ refused = true } expect(oops:run()):is_down():has{ status = "error" } end)
test("globals", function() expect(escape:run()):is_up() end)
test("options", function() expect(function() loop:run{ options = { intervall = 1 } } end):raises("intervall") end)
test("members", function() expect(function() loop:run{ option = {} } end):raises("unknown member 'option'") end)
""")
    assert failures(found) == {} and found["passed"] == 6


# ---- bad tests ----

def test_a_bad_test_fails_alone(folder):
    found = run_json(check="return true\n", check_test="""
local c = check "check.lua"
test("good one", function() expect(c:run()):is_up() end)
test("loops", function() while true do end end)
test("loops by runs", function() while true do c:run() end end)
test("hoards", function() local t = {} while true do t[#t + 1] = ("x"):rep(1000000 + #t) end end)
test("raises a table", function() error({}) end)
test("sleeps for ever", function() while true do time.sleep(1) end end)
test("good two", function() expect(c:run()):is_up() end)
""")
    told = failures(found)
    assert list(told) == ["loops", "loops by runs", "hoards", "raises a table", "sleeps for ever"]
    assert told["loops"] == "check_test.lua:4: used more than 1000 ms of CPU time"
    assert "5 s of CPU time" in told["loops by runs"]
    assert "not enough memory" in told["hoards"] or "CPU time" in told["hoards"]
    assert found["passed"] == 2


def test_no_failure_is_lost_whatever_is_raised(folder):
    raised = {"a zero byte": "'a\\0b'", "no UTF-8": "'\\xff\\xfe'", "a megabyte": "('x'):rep(1000000)", "nil": "nil",
              "what cannot be shown": "setmetatable({}, { __tostring = function() error('no') end })",
              "a zero byte in the name\\0": "'why'", "\\xff in the name": "'why'", "('n'):rep(100000)": "'why'"}
    text = "".join(f"test({name if name[0] == '(' else repr(name)}, function() error({value}) end)\n"
                   for name, value in raised.items()).replace("\\\\", "\\")
    found = run_json(check_test=text + "test('good', function() end)\n")
    assert [test["ok"] for test in found["tests"]] == [False] * len(raised) + [True]
    assert max(len(test["name"]) for test in found["tests"]) <= 200
    for words in ([], ["--tap"]):
        assert bgp_test(*words, ".").returncode == FAILED


def test_what_cannot_be_told_of_a_file_breaks_it(folder):
    put("a_test.lua", "error('\\xff', 0)")
    put("b_test.lua", "test('good', function() end)")
    with open(b"\xff_test.lua", "w", encoding="ascii") as file:
        file.write("test('bad', function() error('why') end)")
    done = bgp_test("--json", ".")
    found = json.loads(done.stdout)
    assert done.returncode == FAILED
    assert [one["file"] for one in found["broken"]] == ["./a_test.lua"]
    assert [test["file"] for test in found["tests"]] == ["./b_test.lua", "./?_test.lua"]


@pytest.mark.parametrize("words", [[], ["--tap"]])
def test_a_terminal_gets_no_control_characters(folder, words):
    put("a\033[31m_test.lua", "test('\\27[2J\\u{9b}31m\\r\\b', function() error('\\27]0;x\\7\\u{9b}1m, größer', 0) end)")
    put("b\033_test.lua", "error('\\27[2J', 0)")
    told = bgp_test(*words, ".").stdout
    assert "?[2J" in told and "größer" in told
    assert not [char for char in told if (char < " " and char != "\n") or "\x7f" <= char <= "\x9f"]


def test_a_link_out_of_the_directory_is_not_followed(folder):
    put("secret_test.lua", "test('secret', function() end)")
    put("in/good_test.lua", "test('good', function() end)")
    os.symlink("../secret_test.lua", "in/link_test.lua")
    os.symlink("loop_test.lua", "in/loop_test.lua")
    os.symlink("good_test.lua", "in/same_test.lua")
    os.symlink("..", "in/up")
    found = json.loads(bgp_test("--json", "in").stdout)
    assert [one["file"] for one in found["broken"]] == ["in/link_test.lua", "in/loop_test.lua"]
    assert [test["file"] for test in found["tests"]] == ["in/good_test.lua", "in/same_test.lua"]
    assert json.loads(bgp_test("--json", "in/link_test.lua").stdout)["passed"] == 1


@pytest.mark.parametrize("text, why", [
    ("test('x' function", "check_test.lua:1:"),
    ("error('early')", "check_test.lua:1: early"),
    ("while true do end", "check_test.lua:1: used more than 1000 ms of CPU time"),
    ("check 'nowhere.lua'", "check_test.lua:1: nowhere.lua: No such file"),
    ("check 'bad.lua'", "check_test.lua:1: bad.lua:2:"),
    ("check '../outside.lua'", "outside of the directory"),
    ("check '/etc/passwd'", "expected a path from the directory of the test"),
    ("check 'shell'", "begin with the line #!lua"),
    ("check{ use = 'nothing' }", "nothing"),
    ("check{ use = 'http', urls = 'x' }", "urls"),
    ("require 'nothing'", "module 'nothing'"),
    ("fake.http{ satus = 1 }", "unknown member 'satus'"),
])
def test_a_broken_file_says_why(folder, text, why):
    put("outside.lua", "return true")
    put("in/bad.lua", "#!lua\nreturn return\n")
    put("in/shell", "#!/bin/sh\nexit 0\n")
    put("in/check_test.lua", text)
    put("in/good_test.lua", "test('good', function() end)")
    done = bgp_test("--json", "in")
    found = json.loads(done.stdout)
    assert done.returncode == FAILED
    assert [one["file"] for one in found["broken"]] == ["in/check_test.lua"]
    assert why in found["broken"][0]["message"]
    assert found["passed"] == 1


# ---- the command ----

def put_mixed():
    put("a_test.lua", "test('one # two', function() end)\nskip('later', function() error('x') end)\n")
    put("b/c_test.lua", "test('bad', function() error('why\\nnot') end)\ntest('good', function() end)\n")
    put("b/no.lua", "error('not a test')")


def test_tap(folder):
    put_mixed()
    done = bgp_test("--tap", ".")
    assert done.returncode == FAILED
    assert done.stdout == """TAP version 13
ok 1 - ./a_test.lua: one \\# two
ok 2 - ./a_test.lua: later # SKIP
not ok 3 - ./b/c_test.lua: bad
  ---
  message: |
    c_test.lua:1: why
    not
  ...
ok 4 - ./b/c_test.lua: good
1..4
"""


def test_results_that_cannot_be_written_are_no_success(folder):
    put("good_test.lua", "for i = 1, 3000 do test('a test with a long name ' .. i, function() end) end")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PROGRAM, "test", "--tap", "."], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (USAGE, "standard output takes no more: the answer is not whole\n")
    reader = subprocess.Popen(["head", "-n1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    done = subprocess.run([PROGRAM, "test", "--tap", "."], stdout=reader.stdin, stderr=subprocess.PIPE, text=True, timeout=120)
    reader.stdin.close()
    assert reader.wait(60) == 0 and (done.returncode, done.stderr) == (PASSED, "")


def test_prove_takes_it(folder):
    """Perl's own reader of the protocol: it refuses versions that it does not know."""
    put("good_test.lua", "test('one # two', function() end)\nskip('later', function() end)\n")
    put("bad_test.lua", "test('bad', function() error('why\\n...\\nnot ok 9') end)\n")
    for name, code in (("good_test.lua", 0), ("bad_test.lua", 1)):
        done = subprocess.run(["prove", "--exec", f"{PROGRAM} test --tap", name], capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done
        assert "Parse errors" not in done.stdout


def test_for_people(folder):
    put_mixed()
    done = bgp_test(".")
    assert shown(done) == """FAIL ./b/c_test.lua: bad
    c_test.lua:1: why
    not
4 tests in 2 files: 2 passed, 1 failed, 1 skipped (0.02 s)
"""


@pytest.mark.parametrize("pattern, names", [
    ("o", ["one # two", "good"]), ("go*", ["good"]), ("bad", ["bad"]), ("?ad", ["bad"])])
def test_run_chooses_tests(folder, pattern, names):
    put_mixed()
    found = json.loads(bgp_test("--json", "--run", pattern, ".").stdout)
    assert [test["name"] for test in found["tests"]] == names


@pytest.mark.parametrize("words", [[], ["nowhere"], ["empty"], ["a_test.lua", "--run", "nothing"]])
def test_wrong_usage(folder, words):
    put_mixed()
    os.makedirs("empty")
    done = bgp_test(*words)
    assert done.returncode == USAGE and done.stderr != ""


def test_modules_are_those_of_the_nearest_folder(folder):
    put("tree/lua/util", "return { word = 'outer', deep = require 'more' }")
    put("tree/lua/more.lua", "return 'more'")
    put("tree/routes/web/healthcheck", "#!lua\nlocal u = require 'util'\nreturn true, { u.word, u.deep }")
    put("tree/routes/web/healthcheck_test.lua", """
local c, util = check "healthcheck", require "util"
test("both", function()
  expect(c:run()):has{ data = { util.word, util.deep } }
end)
""")
    put("other/util.lua", "return { word = 'other' }")
    found = json.loads(bgp_test("--json", "tree").stdout)
    assert failures(found) == {} and found["passed"] == 1, found
    put("tree/routes/web/healthcheck_test.lua", """
local c = check "healthcheck"
test("other", function()
  expect(c:run()):has{ data = { "other" } }
end)
""")
    found = json.loads(bgp_test("--json", "--modules", "other", "tree").stdout)
    assert failures(found) == {} and found["passed"] == 1, found


# ---- coverage ----

COVERED = """#!lua
local util = require "util"
local function never()
  log.info("never")
  return 1
end
if options.env.DEEP then
  return util.deep()
end
for i = 1, 3 do
  util.note(i)
end
return true, { never = never ~= nil }
"""
UTIL = """local M = {}
function M.note(i)
  log.info(i)
end
function M.deep()
  return true
end
return M
"""
COVERING = """
local c = check "check.lua"
test("shallow", function() expect(c:run()):is_up() end)
"""


def put_covered():
    put("check.lua", COVERED)
    put("lua/util", UTIL)
    put("a_test.lua", COVERING)


def test_coverage_names_the_lines_that_were_not_executed(folder):
    put_covered()
    done = bgp_test("--coverage", ".")
    assert done.returncode == PASSED
    assert shown(done) == """ 66.6 % ./check.lua, not executed: 4-5, 8
 87.5 % ./lua/util, not executed: 6
 76.4 % of 17 lines
1 test in 1 file: 1 passed (0.02 s)
"""


def test_coverage_adds_up_over_files_and_ends_at_its_least(folder):
    put_covered()
    put("b_test.lua", COVERING.replace("c:run()", "c:run{ options = { env = { DEEP = '1' } } }"))
    found = json.loads(bgp_test("--json", "--coverage", ".").stdout)
    assert [(one["file"], one["not_executed"], one["lines"]) for one in found["coverage"]] == [
        ("./check.lua", [4, 5], 9), ("./lua/util", [], 8)]
    assert bgp_test("--coverage-min", "88.2", ".").returncode == PASSED
    done = bgp_test("--coverage-min", "88.3", ".")
    assert done.returncode == FAILED and "88.2 % of the lines were executed, expected 88.3 %" in done.stderr
    assert bgp_test("--coverage-min", "much", ".").returncode == USAGE


def test_coverage_of_a_file_adds_up_by_whatever_path_it_is_called(folder):
    put("policy.lua", "return function(ctx)\n  if ctx.healthy then\n    return announce()\n  end\n  return withdraw()\nend\n")
    put("a_test.lua", "local p = policy 'policy.lua' test('a', function() p:run(ctx{}) end)")
    put("sub/b_test.lua", "local p = policy '../policy.lua' test('b', function() p:run(ctx{ healthy = false }) end)")
    os.symlink("../policy.lua", "sub/link.lua")
    put("sub/c_test.lua", "local p = policy 'link.lua' test('c', function() p:run(ctx{}) end)")
    for root in (".", "./", str(folder), str(folder) + "/"):
        found = json.loads(bgp_test("--json", "--coverage", root).stdout)
        assert [(one["file"], one["not_executed"]) for one in found["coverage"]] == [
            (root.rstrip("/") + "/policy.lua", [])], root


def test_lcov(folder):
    put_covered()
    assert bgp_test("--lcov", "found.info", ".").returncode == PASSED
    text = (folder / "found.info").read_text()
    assert text.startswith("SF:./check.lua\nDA:2,1\n")
    assert "\nDA:4,0\nDA:5,0\n" in text and "\nDA:11,3\n" in text and "LF:9\nLH:6\nend_of_record\nSF:./lua/util\n" in text


def test_a_covered_loop_is_killed_too(folder):
    found = run_json("--coverage", ".", check="while true do\n  local x = 1\nend\n", check_test="""
local c = check "check.lua"
test("killed", function() expect(c:run()):is_neutral():has{ status = "killed" } end)
""")
    assert failures(found) == {} and found["passed"] == 1


# ---- the process ----

def cpu_of(pid):
    """Ticks, a hundredth of a second each."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_process_that_ends_under_a_test_is_that_tests_failure(folder):
    put("check_test.lua", """
test("before", function() end)
test("long", function() while true do time.sleep(1) end end)
test("after", function() end)
""")
    with subprocess.Popen([PROGRAM, "test", "--json", "."], stdout=subprocess.PIPE, text=True) as command:
        def child():
            with open(f"/proc/{command.pid}/task/{command.pid}/children") as file:
                return int((file.read().split() or [0])[0])
        pid = wait_for(child, "the process of the tests")
        wait_for(lambda: cpu_of(pid) > 150, "the long test is under way", 60)
        with open(f"/proc/{pid}/status") as file:
            status = file.read()
        os.kill(pid, signal.SIGKILL)
        found = json.loads(command.communicate()[0])
    assert failures(found) == {"long": "the sandbox was ended by signal 9 (Killed)"}
    assert [test["name"] for test in found["tests"]] == ["before", "long", "after"]
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
