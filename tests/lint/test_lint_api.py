"""What `bgpcommander lint` knows of scripts is what lua/api describes, and that is so in the sandbox."""
import json
import os
import re
import subprocess

import gen_lint_api
import pytest
import source

PROGRAM = os.environ.get("BGPCOMMANDER")
needs_program = pytest.mark.skipif(not PROGRAM, reason="BGPCOMMANDER does not name the built program")
LITERALS = {"string": '"127.0.0.1"', "integer": "9", "number": "0", "string[]": '{ "/bin/true" }', "any": "1", "table": "{}",
            "table<K,function>": "{ function() end }", "table<string,string>": "{}", "time.Date": "{ year = 2026, month = 1, day = 1 }"}

WORDS = {"url": '"http://127.0.0.1:9/"', "name": '"www.invalid"'}


@pytest.mark.parametrize("made", gen_lint_api.MADE)
def test_what_is_made_of_the_description_is_up_to_date(made):
    assert (source.ROOT / made).read_text() == gen_lint_api.MADE[made](), "run tests/lint/gen_lint_api.py"


# ---- checks ----

def calls_of_checks():
    """(name, parameters, whether it is said to wait) of each function that a check finds by its name."""
    found = gen_lint_api.api()
    for name, (modes, (flags, parameters, _)) in sorted(found.functions.items()):
        if "check" in modes and not name.startswith("Connection.") and name not in ("require", "exec.run"):
            yield name, [word.split(" ", 1) for word in parameters.split(";") if word], "BC_LINT_WAITS" in flags


def needed(parameters):
    return [WORDS.get(word, LITERALS[kind]) for word, kind in parameters if not word.endswith("?") and word != "..."]


def logged(script, tmp_path):
    path = tmp_path / "ask.lua"
    path.write_text("#!lua\n" + script + "\nreturn true\n")
    done = subprocess.run([PROGRAM, "run", "--json", path], stdout=subprocess.PIPE, text=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "up" and answer["log_dropped"] == 0, answer
    return [line.removeprefix("info: ") for line in answer["log"]]


@needs_program
def test_what_is_said_to_wait_waits_and_nothing_else_does(tmp_path):
    calls = list(calls_of_checks())
    assert sum(waits for *_, waits in calls) >= 10 <= sum(not waits for *_, waits in calls)
    lines = ["local ok, err"]
    for name, parameters, _ in calls:
        lines.append(f"ok, err = pcall(table.sort, {{ 1, 2 }}, function() {name}({', '.join(needed(parameters))}) return false end)")
        lines.append(f'log.info("call {name}", not ok and err:find("cannot be called inside", 1, true) ~= nil)')
    found = {line.split()[1]: line.split()[2] == "true" for line in logged("\n".join(lines), tmp_path) if line.startswith("call ")}
    assert found == {name: waits for name, _, waits in calls}


@needs_program
def test_the_options_of_a_function_are_those_that_it_takes(tmp_path):
    """A function refuses an option that it does not know, and says which it knows."""
    functions, classes = [], {}
    api = gen_lint_api.api()
    for (kind, member), _ in api.members.items():
        classes.setdefault(kind, set()).add(member)
    for name, parameters, _ in calls_of_checks():
        if parameters and parameters[-1][0] == "options?":
            functions.append((name, parameters[-1][1], needed(parameters)))
    assert len(functions) >= 10
    script = "\n".join(
        f'local ok, err = pcall({name}, {", ".join([*given, "{ zzz = 1 }"])}) log.info("{name}", err)' for name, _, given in functions)
    told = {}
    for line in logged(script, tmp_path):
        name, names = re.match(r"(\S+) .*unknown option 'zzz': expected (.*)", line).groups()
        kind = next(kind for function, kind, _ in functions if function == name)
        told.setdefault(kind, set()).update(names.split(", "))
    assert told == {kind: classes[kind] for kind in told}


# ---- policies ----

def asked(lines, tmp_path):
    (tmp_path / "ask.lua").write_text("return function(ctx)\n" + lines + "\nreturn keep()\nend\n")
    (tmp_path / "ctx.json").write_text("{}")
    done = subprocess.run([PROGRAM, "eval", "--json", "--ctx", tmp_path / "ctx.json", tmp_path / "ask.lua"], stdout=subprocess.PIPE, text=True,
                          timeout=60)
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "keep", answer
    return [line.removeprefix("info: ") for line in answer["log"].splitlines()]


@needs_program
def test_every_name_that_a_policy_finds_is_described_and_nothing_else(tmp_path):
    api = gen_lint_api.api()
    described = {name: set() for (name, _), (modes, _) in api.globals.items() if modes & {"policy", "admission"}}
    for (kind, member), (modes, _) in api.members.items():
        if kind in described and modes & {"policy", "admission"} and member != "*":
            described[kind].add(member)
    words = sorted(set(described) | {name for name, _ in api.globals} | set(re.findall(
        r'"(\w+)"', (source.ROOT / "src/worker/lua_base.c").read_text())))
    lines = []
    for start in range(0, len(words), 30):
        lines += asked(f"""for word in ("{' '.join(words[start:start + 30])}"):gmatch("%S+") do
            local value = _ENV[word]
            if value ~= nil then
              local members = {{}}
              if type(value) == "table" then
                for name in pairs(value) do members[#members + 1] = tostring(name) end
              end
              log.info(word, table.unpack(members))
            end
          end""", tmp_path)
    found = {line.split()[0]: set(line.split()[1:]) for line in lines}
    free = {"data", "options"}
    assert set(found) == set(described) - (free - set(found))
    assert {name: members for name, members in found.items() if name not in free} == {
        name: members for name, members in described.items() if name in found and name not in free}
