"""What `why` makes of records, by a scripted daemon."""
import json
import os
import re
import subprocess

import pytest

import samples
from test_cli import PROGRAM, Daemon, home  # noqa: F401: a fixture

RECORD = json.loads(samples.block("why-record"))
CHECK = {"name": "web", "own": True, "state": "up", "status": "passed", "streak": 0, "rise": 3, "fall": 2}


@pytest.fixture
def daemon(home):  # noqa: F811
    made = Daemon(home + "/d.sock")
    yield made
    made.listener.close()


def why(daemon, *decisions, arguments=("web",), zone="UTC"):
    daemon.answers["decisions"] = {"more": False, "begins": 1, "lost": 0, "decisions": list(decisions)}
    done = subprocess.run([PROGRAM, "why", *arguments, "--socket", daemon.path, "-n", "n1"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, env={"PATH": os.environ["PATH"], "TZ": zone})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def line(daemon, subject, *decisions, **options):
    lines = why(daemon, *decisions, **options).splitlines()
    assert len(lines) == 8
    return next(one[9:] for one in lines if one.startswith(f"{subject:9}"))


@pytest.mark.parametrize("state,error,told", [
    ("standby", None, "standby: no session is up that carries it"), ("refused", "ExaBGP refused it", "refused: ExaBGP refused it"),
    ("foreign", "stands in ExaBGP", "foreign: stands in ExaBGP"), ("announced", None, None), ("withdrawn", "held", None)])
def test_what_is_not_as_decided_is_told_as_it_stands(daemon, state, error, told):
    daemon.answers["routes"] = {"routes": [{"name": "web", "state": state, "error": error}]}
    assert why(daemon, RECORD).splitlines()[8:] == ([f"now      {told}"] if told else [])
    # Of another time, and of one decision, it says nothing.
    assert len(why(daemon, RECORD, arguments=("web", "--at", "2026-11-23T04:00:00Z")).splitlines()) == 8


def record(**more):
    return {**RECORD, **more}


def note(kind, after, **more):
    return {"type": kind, "at": RECORD["at"] + after, "with": 1, **more}


def test_the_page_shows_what_is_told(daemon):
    told = re.sub(r"\(\d+[smhd] ago\)", "(5h ago)", why(daemon, RECORD))
    samples.compare("why", "$ bgpcommander why web\n" + told)
    shown = samples.block("why")
    for text in ("2026-11-23 03:10:42.118 +0000", "03:10:42.119 (+1 ms)", "03:10:43.121 (+1000 ms)"):
        assert text in told and text in shown  # times are equal to samples.compare


def test_times_are_those_of_the_machine_with_the_zone(daemon):
    told = why(daemon, RECORD, zone="EST5")
    assert "decided 2026-11-22 22:10:42.118 -0500" in told and "\ncommand  22:10:42.119 (+1 ms)" in told
    late = note("wire", 86400000, neighbor="10.99.0.2")
    assert line(daemon, "wire", record(notes=[late])) == "10.99.0.2 2026-11-24 03:10:42.118 +0000 (+86400.0 s)"


@pytest.mark.parametrize("change, check, counter", [
    ({}, "healthcheck up: passed", "healthcheck up, 0 of 2 failures"),
    ({"streak": 1}, "healthcheck up: passed", "healthcheck 1 of 2 failures"),
    ({"state": "down", "status": "timeout", "streak": 2}, "healthcheck down: timeout", "healthcheck 2 of 3 passes"),
    ({"state": "down", "status": "signalled", "code": 9}, "healthcheck down: signalled, signal 9", "healthcheck down by 2 of 2 failures"),
    ({"state": "unknown", "status": None}, "healthcheck unknown: no result yet", "healthcheck at 0"),
    ({"status": None}, "healthcheck up: no result yet", "healthcheck presumed up, as the route stood"),
    ({"own": False, "reason": "it is \x1b[1moff"}, "web up: passed: it is ?[1moff", "web up, 0 of 2 failures")])
def test_a_check_and_its_counter(daemon, change, check, counter):
    one = {name: value for name, value in {**CHECK, **change}.items() if value is not None}
    assert line(daemon, "check", record(checks=[one])) == check
    assert line(daemon, "counter", record(checks=[one])) == counter


def test_of_many_checks_those_that_are_not_well_come_first(daemon):
    checks = [{**CHECK, "own": False, "name": f"c{number}", "state": "down" if number == 7 else "up"} for number in range(9)]
    told = line(daemon, "check", record(checks=checks))
    assert told.startswith("c7 down: passed; c0 up: passed; ") and told.endswith("; and 5 more")
    assert line(daemon, "check", record(checks=[])) == "none: the route has no check"


@pytest.mark.parametrize("policy, told", [
    ({"verdict": {"verdict": "withdraw", "reason": "load"}}, "withdraw: load"),
    ({"verdict": {"verdict": "announce"}}, "announce"), ({"error": "policy:3: no"}, "failed: policy:3: no")])
def test_the_rule_names_the_policy_and_its_word(daemon, policy, told):
    one = record(layer="policy", reason="load", policy={"key": "routes/web/policy", "hash": "00", **policy})
    assert line(daemon, "rule", one) == f"policy: load; routes/web/policy: {told}"


@pytest.mark.parametrize("change, command", [
    ({"notes": []}, "none is recorded"), ({"notes": [], "verdict": "keep"}, "none: it stays as it is"),
    ({"notes": [], "was": "withdraw"}, "none: it stays as it is"),
    ({"notes": [], "verdict": "announce", "standing": True}, "none: ExaBGP had it already when this core began"),
    ({"notes": [note("sent", 0, text="withdraw attributes med 1 nlri 192.0.2.1/32 192.0.2.2/32", **{"with": 2})]},
     "03:10:42.118 (+0 ms) withdraw attributes med 1 nlri 192.0.2.1/32 (one line with 1 other routes)"),
    ({"notes": [note("sent", 1, text="x"), note("sent", 2, text="y", how="repair"), note("sent", 3, text="x", how="repair")]},
     "03:10:42.119 (+1 ms) x; and 2 lines more")])
def test_the_command(daemon, change, command):
    assert line(daemon, "command", record(**change)) == command


@pytest.mark.parametrize("notes, ack, wire", [
    ([], "-", "-"),
    ([note("refused", 5, text="ExaBGP refused: x")], "03:10:42.123 (+5 ms) ExaBGP refused: x", "-"),
    ([note("refused", 5, text="ExaBGP refused: x"), note("ack", 30005)],
     "03:10:42.123 (+5 ms) ExaBGP refused: x; then taken 03:11:12.123 (+30.0 s)", "-"),
    ([note("ack", 1), note("unconfirmed", 2001, neighbor="a")], "03:10:42.119 (+1 ms)", "a NOT SEEN in time"),
    ([note("ack", 1), note("unconfirmed", 2001, neighbor="a"), note("error", 9001, neighbor="a")], "03:10:42.119 (+1 ms)",
     "a NOT SEEN in time, nor after three repairs"),
    ([note("ack", 1), note("unconfirmed", 2001, neighbor="a"), note("wire", 3001, neighbor="a")], "03:10:42.119 (+1 ms)",
     "a 03:10:45.119 (+3000 ms) after repair"),
    ([note("ack", 1), note("wire", 2, neighbor="a"), note("wire", 9, neighbor="b"), note("wire", 12, neighbor="a")],
     "03:10:42.119 (+1 ms)", "a 03:10:42.120 (+1 ms) to 03:10:42.130 (+10 ms); b 03:10:42.127 (+8 ms)")])
def test_what_became_of_it(daemon, notes, ack, wire):
    assert line(daemon, "ack", record(notes=notes)) == ack
    assert line(daemon, "wire", record(notes=notes)) == wire


def test_it_tells_what_moved_the_route_and_what_left_it_so(daemon):
    later = record(id=4800, at=RECORD["at"] + 60000, was="withdraw", layer="adminState", reason="adminState is down", notes=[])
    kept = record(id=4799, verdict="keep", notes=[])
    told = why(daemon, later, kept, RECORD)
    assert "; decision 4711; left so by decision 4800 at 03:11:42.118 (adminState: adminState is down)\n" in told
    assert "\ncommand  03:10:42.119" in told
    assert "decision 4800\n" in why(daemon, later, kept)  # nothing moved it that is known
    other = record(id=4801, verdict="announce", was="announce", notes=[note("sent", 1, text="announce x")])
    assert "decision 4801\n" in why(daemon, other, RECORD)


def test_the_question_is_about_the_route_at_the_time(daemon):
    why(daemon, RECORD, arguments=("web", "--at", "2026-11-23T04:10:42+01:00"))
    assert daemon.requests[-1] == {"command": "decisions", "route": "web", "limit": 50, "until": RECORD["at"] - 118 + 999}
    why(daemon, RECORD, arguments=("web", "--at", "2026-11-23 03:10:42.5Z"))
    assert daemon.requests[-1]["until"] == RECORD["at"] - 118 + 500
    why(daemon, RECORD, arguments=("--id", "4711"))
    assert daemon.requests[-1] == {"command": "decisions", "id": 4711, "limit": 50}


@pytest.mark.parametrize("time", ["", "24:61", "07", "07:5x", "2026-11-23", "2026-11-23T07:50:53", "2026-11-23T07:50:53.Z",
                                  "2026-11-23T07:50:53+1", "2026-11-23T07:50:53+25:00", "2026-02-29T00:00:00Z", "-5m", "5 minutes"])
def test_a_time_that_is_none_is_refused(daemon, time):
    done = subprocess.run([PROGRAM, "why", "web", f"--at={time}", "--socket", daemon.path, "-n", "n1"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 2 and done.stderr.startswith("--at: expected a") and daemon.requests == []


def test_an_error_of_the_daemon_is_told(daemon):
    daemon.answers["decisions"] = {"error": "the disk does not answer in time"}
    done = subprocess.run([PROGRAM, "why", "web", "--socket", daemon.path, "-n", "n1"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (1, "the disk does not answer in time\n")


@pytest.mark.parametrize("name, code, told", [
    ("web", 4, "no decision about this route is recorded: it is announced (health: fine)"),
    ("w*", 1, "there is no such route"), ("other", 1, "there is no such route")])
def test_a_route_without_records_is_told_by_its_name_and_by_no_pattern(daemon, name, code, told):
    daemon.answers["decisions"] = {"decisions": [], "begins": 1}
    daemon.answers["routes"] = {"routes": [{"name": "web", "state": "announced", "layer": "health", "reason": "fine"}]}
    done = subprocess.run([PROGRAM, "why", name, "--socket", daemon.path, "-n", "n1"], capture_output=True, text=True, timeout=30)
    assert done.returncode == code and done.stderr.startswith(told)


@pytest.mark.parametrize("damaged", [{}, {"notes": 3}, {"at": "x", "notes": [1, {"type": 2}], "checks": {}, "scripts": []},
                                     {"id": None, "checks": [None], "policy": {"verdict": 5}, "notes": [{"type": "wire"}]}])
def test_an_answer_of_another_shape_ends_nothing(daemon, damaged):
    daemon.answers["decisions"] = {"decisions": [damaged]}
    done = subprocess.run([PROGRAM, "why", "web", "--socket", daemon.path, "-n", "n1"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 8
