"""lua/api is what the sandbox really has, docs/lua-api.md and .luacheckrc are made of it, and no script here uses more."""
import json
import os
import re
import shutil
import subprocess
import sys

import gen_lua_api
import pytest
import source

sys.path.insert(0, str(source.ROOT / "tests"))
import policy_frames  # noqa: E402

PROGRAM = os.environ.get("BGPCOMMANDER")
needs_program = pytest.mark.skipif(not PROGRAM, reason="BGPCOMMANDER does not name the built program")
# All that Lua 5.4 has under a name of its own.
LUA = """assert collectgarbage coroutine debug dofile error getmetatable io ipairs load loadfile math next os package pairs pcall
    print rawequal rawget rawlen rawset require select setmetatable string table tonumber tostring type utf8 warn xpcall _G
    _VERSION bit32 unpack loadstring setfenv getfenv module newproxy arg""".split()
UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024, "ms": 1, "s": 1000}


@pytest.mark.parametrize("made", gen_lua_api.MADE)
def test_what_is_made_of_the_description_is_up_to_date(made):
    assert (source.ROOT / made).read_text() == gen_lua_api.MADE[made](), "run tests/lint/gen_lua_api.py"


def ask(script, tmp_path):
    path = tmp_path / "ask.lua"
    path.write_text("#!lua\n" + script)
    (tmp_path / "data.json").write_text("{}")
    done = subprocess.run([PROGRAM, "run", "--json", "--data", tmp_path / "data.json", path], stdout=subprocess.PIPE, text=True,
                          timeout=60)
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "up", answer
    return answer["log"]


def words_to_try():
    """A name that C sets stands in C as a text: each of these is tried, and the names of Lua."""
    texts = set(LUA) | set(gen_lua_api.names()) | set(gen_lua_api.names(gen_lua_api.POLICY_SOURCES))
    for path in [*(source.ROOT / "src/worker").glob("*.[ch]"), source.ROOT / "src/worker/lua_modules.def"]:
        texts |= set(re.findall(r'"(\w+)"', path.read_text())) | set(re.findall(r"^BC_LUA_MODULE\((\w+),", path.read_text(), re.M))
    assert len(texts) > 200
    return texts


@needs_program
def test_every_name_of_the_sandbox_is_described_and_nothing_else(tmp_path):
    described, texts = gen_lua_api.names(), words_to_try()
    lines = []
    for start in range(0, len(texts), 300):
        words = " ".join(sorted(texts)[start:start + 300])
        lines += ask(f"""for word in ("{words}"):gmatch("%S+") do
            local value = _ENV[word]
            if value ~= nil then
              local members = {{}}
              if type(value) == "table" then
                for name in pairs(value) do members[#members + 1] = tostring(name) end
                table.sort(members)
              end
              log.info(word, table.unpack(members))
            end
          end
          return true""", tmp_path)
    found = {words[1]: set(words[2:]) for words in (line.split() for line in lines)}
    free = {"state", "data", "options", "route", "node", "check"}  # their members are as the run has them
    assert set(found) - set(described) == set(), "not described"
    assert set(described) - set(found) == {"route"}, "described, but not there"
    for name, members in found.items():
        if name not in free:
            assert members == (described[name] or set()), name


@needs_program
def test_every_name_that_policies_find_is_described_and_nothing_else():
    described = gen_lua_api.names(gen_lua_api.POLICY_SOURCES)
    texts, found = sorted(words_to_try()), {}
    worker = policy_frames.Worker(PROGRAM)
    for start in range(0, len(texts), 100):
        words = " ".join(texts[start:start + 100])
        answer = worker.ask(f"""return function(ctx)
            local found = {{}}
            for word in ("{words}"):gmatch("%S+") do
              local value = _ENV[word]
              if value ~= nil then
                found[word] = {{ "" }}
                for name in pairs(type(value) == "table" and value or {{}}) do table.insert(found[word], tostring(name)) end
              end
            end
            return announce{{ found = found }}
          end""", "{}")
        assert answer.status == policy_frames.DONE, answer
        found |= json.loads(answer.verdict)["attributes"]["found"] or {}
    assert worker.end() > 0
    assert set(found) == set(described)
    for name, members in found.items():
        assert name in ("data", "options") or set(members[1:]) == (described[name] or set()), name


def test_what_policies_share_with_checks_is_described_there():
    shared = gen_lua_api.names(gen_lua_api.POLICY_SOURCES)
    words = {item.name for item in gen_lua_api.items(gen_lua_api.POLICY_SOURCES) if item.kind == "function"}
    checks = gen_lua_api.names()
    assert len(words) == 5 and set(shared) - words - set(checks) == set()
    assert {name: members - checks[name] for name, members in shared.items() if members} == {
        name: set() for name, members in shared.items() if members}


def test_the_codes_of_errors_are_those_of_the_source():
    codes = re.findall(r'^  X\(BC_LUA_\w+, "(\w+)"\)', (source.ROOT / "src/worker/lua_call.h").read_text(), re.M)
    alias = next(item for item in gen_lua_api.items() if item.name == "ErrorCode")
    told = [re.match(r'"(\w+)"', text).group(1) for text in alias.of("|")]
    assert len(codes) > 10 and told == [code for code in codes if code != "ok"]


def limits():
    text = (source.ROOT / "src/base/limits.h").read_text()
    return {name: int(value) for name, value in re.findall(r"X\((\w+), (\d+),", text)}


@pytest.mark.parametrize("page", ["lua-api.md", "policy-api.md", "writing-checks.md", "lua-sandbox.md"])
def test_limits_that_are_named_are_those_of_the_source(page):
    text = (source.ROOT / "docs" / page).read_text()
    told = re.findall(r"([\d,]+)(?: (KiB|MiB|ms|s))?[^\d`]{0,40}\(`BC_LIMIT_(\w+)`\)", text)
    assert len(told) == text.count("`BC_LIMIT_")
    assert len(told) > 5 or page != "lua-api.md"
    assert [(number, unit, name) for number, unit, name in told
            if limits().get(name) != int(number.replace(",", "")) * UNITS[unit]] == []


def scripts():
    """Files that are Lua, and scripts of stores under examples."""
    found = source.files(".lua")
    for path in source.files():
        if "examples" in path.parts and path.read_bytes().startswith(b"#!lua"):
            found.append(path)
    return sorted({path for path in found if "tests" not in path.relative_to(source.ROOT).parts})


@pytest.mark.skipif(shutil.which("luacheck") is None, reason="no luacheck")
def test_luacheck_finds_nothing():
    names = [str(path) for path in scripts()]
    assert len(names) > 6
    done = subprocess.run(["luacheck", "--no-color", "--no-cache", "-q", *names], cwd=source.ROOT, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
