"""`bgpcommander run`: what it tells for people and for programs, exit codes, data, and its watchdog."""
import ctypes
import json
import os
import platform
import re
import signal
import struct
import subprocess

import pytest

import samples
from wait import wait_for

PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
UP, DOWN, ERROR, STOPPED, USAGE = 0, 1, 3, 4, 64


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words, script=None, **more):
    if script is not None:
        with open("check.lua", "w") as file:
            file.write(script)
        words = ("check.lua", *words)
    return subprocess.run([PROGRAM, "run", *words], capture_output=True, text=True, timeout=60, **more)


def run_json(script, *words):
    done = run("--json", *words, script=script)
    assert done.stdout.count("\n") == 1, done
    return done.returncode, json.loads(done.stdout)


def shown(done):
    """As a terminal has it: errors first, without the line of times."""
    assert re.search(r"^  took   \d+\.\d ms, CPU \d+\.\d ms, memory \d+ KiB\n\Z", done.stdout, re.M)
    return done.stderr + re.sub(r"^  took .*\n", "", done.stdout, flags=re.M)


def test_samples_of_the_page(folder):
    script = samples.block("lua-first")
    data = folder / "data.json"
    data.write_text('{"load": 0.25}\n')
    prompt = "$ echo '{\"load\": 0.25}' > data.json\n$ bgpcommander run check.lua --data data.json\n"
    samples.compare("lua-first-shows", prompt + shown(run("--data", "data.json", script=script)))
    samples.compare("lua-error-shows", "$ bgpcommander run check.lua\n" + shown(run(script=script)))


@pytest.mark.parametrize("body, code, verdict, status, returned", [
    ("return true", UP, "up", "passed", True),
    ("return 50", UP, "up", "passed", 50),
    ("return 49.5", DOWN, "down", "failed", 49.5),
    ("return {score = 10, ok = true}", UP, "up", "passed", {"score": 10, "ok": True}),
    ("return false, 'why'", DOWN, "down", "failed", False),
    ("return nil, 'why'", DOWN, "down", "failed", None),
    ("return nil", ERROR, "neutral", "error", None),
    ("return 'up'", ERROR, "neutral", "error", "up"),
    ("local a = 1", ERROR, "neutral", "error", None),
    ("error('x')", ERROR, "neutral", "error", None),
    ("return )", ERROR, "neutral", "error", None),
    ("while true do end", STOPPED, "neutral", "killed", None),
    ("local t = {} for i = 1, 1e9 do t[i] = i end", STOPPED, "neutral", "memory", None),
    ("time.sleep(0.05) return true", UP, "up", "passed", True),
    ("time.sleep(60) return true", DOWN, "down", "timeout", None),
])
def test_verdict_status_and_exit_code(folder, body, code, verdict, status, returned):
    done, answer = run_json(f"#!lua\n{body}\n")
    assert (done, answer["verdict"], answer["status"], answer["returned"]) == (code, verdict, status, returned), answer
    assert answer["took_ms"] >= (50 if "0.05" in body else 0)
    if code == ERROR or code == STOPPED:
        assert answer["error"] and (answer["line"] == 2 or "returned" in answer["error"]), answer
    assert run(script=f"#!lua\n{body}\n").returncode == code


@pytest.mark.parametrize("body", ["local r, err = tcp.connect('169.254.1.1', 80) return r ~= nil, err",
                                  "assert(tcp.connect('169.254.1.1', 80))"])
def test_what_this_node_itself_refuses_says_nothing_of_the_service(folder, body):
    code, answer = run_json("#!lua\n" + body)
    assert (code, answer["verdict"], answer["status"]) == (STOPPED, "neutral", "refused"), answer
    assert answer["error"] == "egress denied: 169.254.1.1 port 80 is link-local"


def test_the_object_holds_what_the_script_said(folder):
    code, answer = run_json("#!lua\nlog.warn('a', 1) log.info('b') state.n = 1 metric.gauge('g', 2)\nreturn {ok = false, score = 12.5, reason = 'slow', "
                            "data = {rtt = 0.1, list = {1, 2}}}\n", "--trace")
    assert code == DOWN
    assert answer["state"] == {"n": 1} and answer["metrics"] == [{"name": "g", "type": "gauge", "value": 2}]
    (call,) = answer["trace"]
    assert call["call"] == "metric.gauge" and call["arguments"] == '"g", 2' and call["end"] == "returned", call
    assert call["result"] == "" and call["took_ms"] >= call["waited_ms"] == 0 and answer["trace_dropped"] == 0
    assert {name: answer[name] for name in ("reason", "score", "data", "data_dropped", "error", "line", "log",
                                            "log_dropped")} == {
        "reason": "slow", "score": 12.5, "data": {"rtt": 0.1, "list": [1, 2]}, "data_dropped": False, "error": None,
        "line": 0, "log": ["warn: a 1", "info: b"], "log_dropped": 0}
    page = open(os.path.join(samples.ROOT, "docs/lua-sandbox.md")).read()
    assert [name for name in [*answer, *call] if f"`{name}`" not in page] == []


def test_data_is_read_only_and_must_be_json(folder):
    (folder / "data.json").write_text('{"list": [1, {"a": 2}]}')
    code, answer = run_json("#!lua\nreturn data.list[2].a == 2 and not pcall(function() data.list[1] = 5 end), data.list",
                            "--data", "data.json")
    assert code == UP and answer["data"] == [1, {"a": 2}]
    (folder / "data.json").write_text("[1]")
    done = run("--data", "data.json", script="#!lua\nreturn true\n")
    assert done.returncode == USAGE and "expected an object" in done.stderr
    (folder / "data.json").write_text('{\n"list": [1,')
    done = run("--data", "data.json", script="#!lua\nreturn true\n")
    assert done.returncode == USAGE and done.stderr.startswith("data.json:2: ") and done.stdout == ""


@pytest.mark.parametrize("words, text", [
    ([], "usage: bgpcommander run SCRIPT|- (or --route NAME, or --check NAME)"),
    (["a", "b"], "usage: bgpcommander run [SCRIPT|-]"), (["good", "--timeout", "soon"], "--timeout: expected seconds"),
    (["--route", "a", "--check", "b"], "--route and --check exclude each other"),
    (["--no-such"], "--no-such: there is no such option"), (["absent.lua"], "absent.lua: No such file or directory"),
    (["shell"], 'begins with the line #!lua, found "#!/bin/sh"'), (["interpreter"], 'found "#!/usr/bin/lua5.4"'),
    (["long"], "longer than 262144 bytes"), (["good", "--data", "absent.json"], "absent.json: No such file"),
    (["."], ".: Is a directory")])
def test_wrong_usage(folder, words, text):
    (folder / "shell").write_text("#!/bin/sh\ntrue\n")
    (folder / "interpreter").write_text("#!/usr/bin/lua5.4\nreturn true\n")
    (folder / "long").write_text("#!lua\n" + " " * 262144)
    (folder / "good").write_text("#!lua\nreturn true\n")
    done = run(*words)
    assert done.returncode == USAGE and text in done.stderr and done.stdout == "", done


def test_a_script_from_standard_input_and_one_without_its_first_line(folder):
    done = run("-", input="#!lua\nlocal x = nil + 1\n")
    assert done.returncode == ERROR and done.stderr.startswith("stdin:2: attempt to perform arithmetic"), done
    done = run(script="return true\n")
    assert done.returncode == UP and "the first line must be #!lua" in done.stderr


def test_a_long_path_is_shortened_so_that_the_line_is_found(folder):
    deep = folder / ("d" * 60)
    deep.mkdir()
    (deep / "x.lua").write_text("#!lua\n\n\n  foo()\n")
    done = run(str(deep / "x.lua"))
    assert done.stderr == ("x.lua:4: attempt to call a nil value (global 'foo')\n"
                           "    4 |   foo()\n      |   ^^^\n"), done.stderr


def test_modules_come_from_a_folder_and_their_errors_show_their_line(folder):
    (folder / "lib").mkdir()
    (folder / "lib/a.lua").write_text("return {one = require('b').one}\n")
    (folder / "lib/b").write_text("return {one = 1}\n")
    (folder / "lib/unused.lua").write_text("this is no Lua\n")
    assert run("--modules", "lib", script="#!lua\nreturn require('a').one == 1\n").returncode == UP
    (folder / "lib/b").write_text("\nlocal x = missing.y\n")
    done = run("--modules", "lib", script="#!lua\nreturn require('a').one == 1\n")
    assert done.returncode == ERROR
    assert done.stderr == ("lua/b:2: attempt to index a nil value (global 'missing'); required at lua/a:1; required at "
                           "check.lua:2\n    2 | local x = missing.y\n      |           ^^^^^^^\n"), done.stderr
    done = run(script="#!lua\nreturn require('a')\n")
    assert done.returncode == ERROR and "check.lua:2: module 'a' is not known" in done.stderr
    (folder / "lib/b").unlink()
    (folder / "lib/b").mkdir()
    done = run("--modules", "lib", script="#!lua\nreturn require('a')\n")
    assert done.returncode == USAGE and done.stderr == "lib/b: Is a directory\n"


def test_a_trace_counts_instructions(folder):
    counts = [run_json(f"#!lua\nfor i = 1, {turns} do end\nreturn true\n", "--trace")[1]["instructions"] for turns in (1000, 5000)]
    assert counts[1] - counts[0] == 4000 and counts[0] < 1100, counts
    assert re.search(r"^  trace  10\d0 instructions of Lua$", run("--trace", script="#!lua\nfor i = 1, 1000 do end\nreturn true\n").stdout, re.M)
    assert "instructions" not in run_json("#!lua\nreturn true\n")[1]


def test_a_trace_tells_what_was_called_and_how_it_ended(folder):
    done = run("--trace", "--timeout", "300ms", script="#!lua\npcall(time.sleep, -1) time.sleep(0.01)\n"
                                                      "parallel{function() time.sleep(60) end}\nreturn true\n")
    assert done.returncode == DOWN and "still waiting after 300 ms" in done.stderr, done
    calls = [re.sub(r"\d+\.\d ms", "N ms", line) for line in done.stdout.splitlines()
             if line.startswith("  trace") and "instructions" not in line]
    waited = "  trace  at N ms, N ms (waited N ms): "
    assert calls == ["  trace  at N ms, N ms: time.sleep(-1): raised", waited + "time.sleep(0.01)",
                     waited + "parallel({function}): given up", waited + "time.sleep(60): given up"], done.stdout


def test_without_a_daemon_the_options_are_the_defaults(folder):
    code, answer = run_json("#!lua\nreturn route == nil and check.name == 'check.lua' and node.name == 'n7' and "
                            "options.threshold == 50 and next(options.env) == nil", "-n", "n7")
    assert code == UP, answer


def test_nobody_answers_is_an_exit_code_of_its_own(folder):
    done = run("--route", "web", "--socket", str(folder / "none.sock"))
    assert done.returncode == 5 and "no daemon answers" in done.stderr, done


def test_nothing_of_a_script_reaches_the_terminal_raw(folder):
    done = run(script="#!lua\nlog.info('\\27[31m') error('\\27]0;x\\7\\xff')\n")
    assert not re.search(r"[^\n\x20-\x7e]", done.stdout + done.stderr)


def without_timers():
    """The sandbox believes that it has set its timer: a run is as hard to end then as a call of C."""
    number, arch = {"x86_64": (223, 0xC000003E), "aarch64": (110, 0xC00000B7)}[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    allow, pretend = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with 0
    code = b"".join(struct.pack("HBBI", *line) for line in [
        (load, 0, 0, 4), (equal, 0, 3, arch), (load, 0, 0, 0), (equal, 0, 1, number), (give, 0, 0, pretend),
        (give, 0, 0, allow)])
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) != 0:
        os._exit(99)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="system call numbers")
def test_what_cannot_be_interrupted_is_killed_from_outside(folder):
    done = run("--json", script="#!lua\nwhile true do end\n", preexec_fn=without_timers)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["verdict"], answer["status"]) == (STOPPED, "neutral", "killed"), done
    assert "could not be interrupted" in answer["error"]


def test_waiting_is_not_counted_by_the_watchdog(folder):
    """Ten pieces of work, together far over what one may use."""
    code, answer = run_json("#!lua\nlocal n = 0 for i = 1, 10 do local start = time.monotonic()\n"
                            "while time.monotonic() - start < 0.1 do n = n + 1 end time.sleep(0.01) end return true\n")
    assert code == UP, answer


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def test_a_sandbox_that_dies_is_told(folder):
    (folder / "sleep.lua").write_text("#!lua\ntime.sleep(60) return true\n")
    command = subprocess.Popen([PROGRAM, "run", "--json", "sleep.lua"], stdout=subprocess.PIPE, text=True)
    os.kill(wait_for(lambda: children(command.pid), "the sandbox is there")[0], signal.SIGSEGV)
    answer = json.loads(command.communicate(timeout=30)[0])
    assert (command.returncode, answer["verdict"], answer["status"]) == (STOPPED, "neutral", "lost")
