"""Hostile scripts (tests/lua/escape) get their verdict, and what shares the process with them is unharmed. The second line
of each says what must become of it:

    must-be-true            it runs to its end and found all as it must be (it looks itself)
    must-be-nil             it runs to its end and returns nil: what it reaches for is not there
    must-error              a Lua error, or out of memory
    must-be-killed          it never ends by itself; ended by its CPU time, or (one that only waits) at its timeout
    must-be-stopped         an error, a kill, or a harmless end
    must-not-affect-others  whatever becomes of it, it is over soon and others are unharmed

The victim (sandbox_probe.c) sums a table, formats, matches and sorts: once as another check of the very same script, once
in a sandbox that lives beside all of them. Each script also goes through `bgpcommander run`."""
import json
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
PROBE = os.path.join(os.environ.get("BC_BUILD", "build"), "tests", "sandbox_probe")
PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
SCRIPTS = sorted((SOURCE / "tests/lua/escape").glob("*.lua"))
MODULES = SOURCE / "tests/lua/escape/modules"
BURST_MS = 250
# They may try to reach anything: nothing but loopback is there.
ALONE = ["unshare", "-n" if os.geteuid() == 0 else "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
# A JSON text under work may lift the cap for a moment, by so much for each of its bytes (lua_json.c).
LIFTED = {"json_expand": 48 * 262144 + 65536}
# To the end of the run from the end of its CPU time: one call of C (lua_pattern.h), a tick of the timer, a busy machine.
GRACE_MS = 400
# Scripts that need a function which is not there yet, and why. Their verdict is not judged.
MISSING = {}
# Bounds of the library turn these into what they are not by name: a linear search and an empty text end at once.
HARMLESS = {"iso_plain_find", "iso_rep_empty"}


def expectation(path):
    second = path.read_text(errors="replace").splitlines()[1]
    return re.fullmatch(r"-- expect: ([a-z-]+)", second).group(1)


@pytest.fixture(scope="module")
def results():
    """NAME -> fields, all in one process."""
    done = subprocess.run([*ALONE, PROBE, *SCRIPTS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        path, end, returned, cpu_ms, own, other, peak, error = line.split("\t")
        found[pathlib.Path(path).stem] = dict(end=end, returned=returned, cpu_ms=int(cpu_ms), own=own, other=other,
                                              peak=int(peak), error=error)
    return found


def judge(name, expected, end, returned):
    ended = {"done": "fine", "error": "error", "memory": "error", "killed": "killed", "timeout": "killed"}[end]
    if expected == "must-be-true":
        return end == "done" and returned == "true"
    if expected == "must-be-nil":
        return end in ("done", "error") and returned == "null"
    if expected == "must-error":
        return ended == "error" and returned == "none"
    if expected == "must-be-killed":
        return ended == "killed"
    if expected == "must-be-stopped":
        return ended in ("error", "killed") or name in HARMLESS
    assert expected == "must-not-affect-others"
    return True


def test_all_of_them_are_here():
    assert len(SCRIPTS) >= 140 and set(MISSING) <= {path.stem for path in SCRIPTS}
    assert {expectation(path) for path in SCRIPTS} == {
        "must-be-true", "must-be-nil", "must-error", "must-be-killed", "must-be-stopped", "must-not-affect-others"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_gets_its_verdict_and_its_victim_is_unharmed(path, results):
    if path.stem in MISSING:
        pytest.skip(MISSING[path.stem])
    result = results[path.stem]
    assert result["own"] == "well" and result["other"] == "well", result
    assert result["cpu_ms"] <= BURST_MS + GRACE_MS, result
    assert result["peak"] <= 1048576 + 2 * 32768 + LIFTED.get(path.stem, 0), result
    assert judge(path.stem, expectation(path), result["end"], result["returned"]), result


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_command_tells_the_same(path):
    if path.stem in MISSING:
        pytest.skip(MISSING[path.stem])
    done = subprocess.run([*ALONE, PROGRAM, "run", "--json", "-c", "http://127.0.0.1:2379", "--modules", MODULES, path], capture_output=True, text=True, timeout=60)
    answer = json.loads(done.stdout)
    end = {"passed": "done", "failed": "done"}.get(answer["status"], answer["status"])
    returned = "null" if answer["returned"] is None else "true" if answer["returned"] is True else "other"
    if expectation(path) == "must-error":
        returned = "none"
    assert judge(path.stem, expectation(path), end, returned), answer
    expected = {"timeout": 1, "error": 3, "memory": 4, "killed": 4, "done": 0 if answer["verdict"] == "up" else 1}
    assert done.returncode == expected[end], answer


def test_a_judge_that_could_not_fail_would_be_none():
    """What a sandbox with holes gives is not taken."""
    assert not judge("egr_literal", "must-be-true", "done", "false") and not judge("egr_name", "must-be-true", "error", "none")
    assert not judge("nil_io", "must-be-nil", "done", '"table"')
    assert not judge("err_gc", "must-error", "done", "none")
    assert not judge("kill_loop", "must-be-killed", "error", "none")
    assert not judge("err_find_star", "must-be-stopped", "done", "0")
