"""Hostile scripts as policies: each of tests/lua/escape, which know ways out for checks, and those below. Whatever becomes of
one, it gives no verdict that it must not give, the worker lives, and the next policy is unharmed."""
import json
import os
import pathlib
import sys

import policy_frames
import pytest

SOURCE = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(SOURCE / "tests/bench"))
import policy  # noqa: E402

SCRIPTS = sorted((SOURCE / "tests/lua/escape").glob("*.lua"))
VICTIM = """return function(ctx)
  local list = {}
  for name in pairs(string) do list[#list + 1] = name:upper() end
  table.sort(list)
  local sum = 0
  for i = 1, 1000 do sum = sum + i end
  return announce{ med = sum, reason = table.concat(list, " ", 1, 3), community = { ("%d:%d"):format(1, #list) } }
end"""
VERDICT = '{"attributes":{"community":["1:16"],"med":500500},"reason":"BYTE CHAR FIND","verdict":"announce"}'


@pytest.fixture(scope="module")
def worker():
    worker = policy_frames.Worker(os.environ["BGPCOMMANDER"])
    worker.send(policy_frames.world_frame(json.dumps(policy.WORLD_JSON)), policy_frames.set_frame(9, VICTIM))
    yield worker
    worker.end()


def victim(worker):
    """A budget is CPU time of this machine: one that is busy may use it up."""
    for _ in range(3):
        worker.send(policy_frames.run_frame(9, 9, policy.context(1)))
        answer = worker.results(1)[0]
        if answer.status != policy_frames.KILLED:
            break
    return answer


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_that_harms_checks_harms_no_policy(worker, path):
    script = path.read_text(errors="surrogateescape").encode(errors="surrogateescape")
    for text in (script, b"return function(ctx) " + script.replace(b"#!lua", b"--", 1) + b"\nend"):
        answer = worker.ask(text, policy.context(1))
        assert answer.status in (policy_frames.ERROR, policy_frames.MEMORY, policy_frames.KILLED), answer
        assert answer.verdict == "" and answer.error.startswith("policy"), answer
        assert victim(worker).verdict == VERDICT


HOSTILE = {
    "change a verdict": "local v = keep() v.verdict = 'announce' return v",
    "a metatable on a verdict": "return setmetatable(keep(), { __index = {} })",
    "change the world": "ctx.node.labels.site = 'ams' return keep()",
    "change the world by its metatable": "getmetatable(ctx.node).__index = {} return keep()",
    "change a library": "string.upper = nil return keep()",
    "change the words": "announce.x = 1 return keep()",
    "an own word": "return { verdict = 'announce', attributes = {} }",
    "a word of admission": "return admit{}",
    "an attribute that is a function": "return announce{ med = function() end }",
    "an attribute that holds itself": "local t = {} t.t = t return announce{ community = t }",
    "a verdict too long": "return announce{ community = { ('1'):rep(17000) } }",
    "very many attributes": "local t = {} for i = 1, 3000 do t['a' .. i] = i end return announce(t)",
    "an attribute in a loop of tables": "local t = {} local u = t for i = 1, 100 do u.u = {} u = u.u end return announce{ x = t }",
    "infinity": "return announce{ med = 1 / 0 }",
    "again without an end": "return keep('', { again_in = 1 / 0 })",
    "again in no time": "return keep('', { again_in = 1e-9 })",
    "a reason that is code": "return keep(setmetatable({}, { __tostring = function() while true do end end }))",
    "an error that is code": "error(setmetatable({}, { __tostring = function() while true do end end }))",
    "a loop that sorts": "table.sort({ 3, 2, 1 }, function() while true do end end) return keep()",
    "a loop in next": "local t = {} for i = 1, 3000 do t[i] = i end while true do for k in next, t do end end",
    "pairs of pairs without an end": "local t = setmetatable({}, { __pairs = function(t) return pairs(t) end }) pairs(t) return keep()",
    "a verdict in a loop": "while true do announce{ med = 1 } end",
    "logs without an end": "while true do log.info(('x'):rep(1000)) end",
    "data without an end": "for i = 1, 1e9 do local x = data['x' .. i] end",
    "require in a loop": "while true do pcall(require, 'x') end",
    "time without an end": "while true do time.of(time.date(ctx.now)) end",
    "json without an end": "while true do json.encode(ctx) end",
    "memory of keys": "local t = {} for i = 1, 1e9 do t[i .. ''] = i for k in pairs(t) do break end end",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_policy_says_nothing_and_harms_nobody(worker, name):
    answer = worker.ask("return function(ctx) " + HOSTILE[name] + " end", policy.context(1))
    assert answer.status in (policy_frames.ERROR, policy_frames.MEMORY, policy_frames.KILLED), answer
    assert answer.verdict == "" and answer.error.startswith("policy:1: "), answer
    assert victim(worker).verdict == VERDICT
