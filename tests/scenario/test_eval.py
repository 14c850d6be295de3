"""`bgpcommander eval`: a policy once, with a context from a file."""
import json
import os
import re
import subprocess

import pytest

import samples

PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
GOOD, USAGE, NO_DAEMON, FAILED = 0, 2, 3, 4
ROUTE = {"name": "web", "text": "route 192.0.2.1/32 next-hop self med 5"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(policy, context, *words):
    if policy is not None:
        with open("policy.lua", "w") as file:
            file.write(policy)
    if context is not None:
        with open("ctx.json", "w") as file:
            file.write(context if isinstance(context, str) else json.dumps(context))
    return subprocess.run([PROGRAM, "eval", "policy.lua", "--ctx", "ctx.json", *words], capture_output=True, text=True,
                          timeout=60)


def ask(policy, context=None, *words):
    done = evaluate(policy, {"route": ROUTE} if context is None else context, "--json", *words)
    assert done.stdout.count("\n") == 1, done
    return done.returncode, json.loads(done.stdout)


def test_the_samples_of_the_page():
    done = evaluate(samples.block("eval-policy"), samples.block("eval-context"))
    assert (done.returncode, done.stderr) == (GOOD, "")
    samples.compare("eval-people", "$ bgpcommander eval policy.lua --ctx ctx.json\n" + done.stdout)


def test_each_verdict_has_its_line_for_exabgp():
    code, said = ask('return function() return announce{ med = 9, reason = "why" } end')
    assert (code, said["verdict"], said["reason"], said["attributes"]) == (GOOD, "announce", "why", {"med": 9})
    assert said["command"] == "announce route 192.0.2.1/32 next-hop self med 9"
    assert said["status"] == "done" and said["cpuMs"] > 0 and said["error"] is None and said["againIn"] is None
    code, said = ask('return function() return withdraw("gone", { again_in = "2m" }) end')
    assert (code, said["verdict"], said["againIn"]) == (GOOD, "withdraw", 120)
    assert said["command"] == "withdraw route 192.0.2.1/32 next-hop self med 5"
    code, said = ask("return function() return keep() end")
    assert (code, said["verdict"], said["command"], said["reason"]) == (GOOD, "keep", None, None)


def test_prepend_is_done_with_the_neighbors_of_the_context():
    neighbors = [{"address": "10.0.0.2", "local_as": 65000, "peer_as": 65001, "state": "up"}]
    policy = "return function() return announce{ prepend = 1 } end"
    code, said = ask(policy, {"route": ROUTE, "neighbors": neighbors})
    assert code == GOOD and "as-path [ 65000 65000 ]" in said["command"], said
    code, said = ask(policy)
    assert code == FAILED and "prepend" in said["error"]


@pytest.mark.parametrize("policy, error", [
    ("return function( return keep() end", "policy.lua:1:"),
    ("return function(ctx) return ctx.no.such end", "policy.lua:1: attempt to index a nil value (field 'no')"),
    ("return function() return true end", "a policy must return"),
    ('return function() return announce{ med = "x" } end', 'med: expected'),
    ("return function() while true do end end", "policy.lua:1:"),
    ("return 7", "policy.lua"),
])
def test_a_policy_that_fails_says_where_and_why(policy, error):
    code, said = ask(policy)
    assert code == FAILED and error in said["error"], said
    assert said["command"] is None
    people = evaluate(policy, {"route": ROUTE})
    assert people.returncode == FAILED and error in people.stdout


def test_an_admission_policy_is_asked_for_its_own_verdicts():
    context = {"kind": "admission", "request": {"owner": "desk"}, "route": ROUTE}
    policy = 'return function(ctx) return ctx.request.owner == "desk" and admit() or refuse("no") end'
    code, said = ask(policy, context)
    assert (code, said["verdict"]) == (GOOD, "admit")
    code, said = ask(policy, {**context, "request": {"owner": "else"}})
    assert (code, said["verdict"], said["reason"]) == (GOOD, "refuse", "no")
    code, said = ask("return function() return keep() end", context)
    assert code == FAILED


def test_a_ready_made_policy_is_named_as_in_a_key():
    code, said = ask('{"use": "time_window", "days": ["Mon"]}', None)
    assert code in (GOOD, FAILED) and said["status"] in ("done", "error")
    done = evaluate('{"use": "no_such"}', {"route": ROUTE})
    assert done.returncode == USAGE and done.stderr.startswith("policy.lua: use: ")
    done = evaluate('{"use": "builtin"}', {"route": ROUTE})
    assert done.returncode == USAGE and "built-in" in done.stderr


def test_modules_and_data_are_read_from_files(folder):
    (folder / "lib").mkdir()
    (folder / "lib" / "twice.lua").write_text("return function(n) return 2 * n end")
    (folder / "data.json").write_text('{"base": 21}')
    policy = 'local twice = require("twice") return function() return announce{ med = twice(data.base) } end'
    code, said = ask(policy, None, "--modules", "lib", "--data", "data.json")
    assert (code, said["attributes"], said["reads"]) == (GOOD, {"med": 42}, ["base"])
    code, said = ask(policy, {"route": ROUTE, "data": {"base": 1}}, "--modules", "lib", "--data", "data.json")
    assert (code, said["attributes"]) == (GOOD, {"med": 2})


def test_the_context_of_a_record_is_taken():
    record = {"id": 7, "context": {"route": ROUTE, "healthy": False}, "policy": None}
    policy = "return function(ctx) return ctx.healthy and announce() or withdraw() end"
    for context in (record, {"decisions": [record]}):
        assert ask(policy, context)[1]["verdict"] == "withdraw"
    done = evaluate(policy, {"decisions": [{"id": 7}]})
    assert done.returncode == USAGE and "no context" in done.stderr


@pytest.mark.parametrize("context, error", [("{", "ctx.json:1: "), ("[]", "ctx.json: expected a JSON object")])
def test_a_context_that_is_none_is_refused(context, error):
    done = evaluate("return function() return keep() end", context)
    assert done.returncode == USAGE and done.stderr.startswith(error), done


def test_a_context_that_is_too_long_is_refused():
    done = evaluate("return function() return keep() end", {"reason": "x" * 10_000_000})
    assert done.returncode == USAGE and "a policy gets no more than 262144" in done.stderr


def test_numbers_are_told_as_they_were_written():
    evaluate('return function(ctx) return announce{ med = 100, reason = tostring(ctx.since), again_in = 0.3 } end', None)
    for _ in range(5):
        done = evaluate(None, {"route": ROUTE, "since": 0.1}, "--json")
        assert '"reason":"0.1","againIn":0.3,' in done.stdout
        assert len(re.search(r'"cpuMs":([0-9.]+)', done.stdout)[1]) < 8


def test_a_route_that_is_none_is_named():
    code, said = ask("return function() return announce() end", {"route": {"text": "route 300.0.0.0/8"}})
    assert code == FAILED and said["error"].startswith("route.text of the context: column ")


@pytest.mark.parametrize("words", [[], ["policy.lua"], ["--ctx", "ctx.json"], ["policy.lua", "--ctx", "a", "--route", "b"]])
def test_wrong_usage_is_told(words):
    done = subprocess.run([PROGRAM, "eval", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == USAGE and done.stderr.startswith("usage: bgpcommander eval")


def test_without_a_daemon_that_is_said(folder):
    done = subprocess.run([PROGRAM, "eval", "--route", "web", "-p", str(folder), "-n", "no-such"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == NO_DAEMON and "no daemon answers" in done.stderr
