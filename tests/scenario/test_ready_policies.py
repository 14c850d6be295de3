"""The ready-made policies (lua/policies): what each says of a route in all its situations, asked as the daemon asks them."""
import datetime
import json
import os
import pathlib
import random
import re
import sys

import pytest
from fake_exabgp import Daemon
from policy_lab import NOW, PolicyWorker, context, standing
from wait import wait_for

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tests/lint"))
import gen_lua_api  # noqa: E402

HEADS = gen_lua_api.policy_heads()
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def options(name, given):
    """What the daemon gives it as options: with the defaults, durations as seconds."""
    known = {param: (kind, default) for param, kind, _, default, _ in HEADS[name][2]}
    assert given.keys() <= known.keys()
    filled = {param: json.loads(default) for param, (_, default) in known.items() if default is not None}
    filled.update(given)
    for param, value in filled.items():
        if known[param][0] == "duration" and isinstance(value, str):
            number, unit = re.fullmatch(r"([\d.]+)(ms|s|m|h)", value).groups()
            filled[param] = float(number) * UNITS[unit]
    return filled


@pytest.fixture(scope="module")
def worker():
    made = PolicyWorker()
    yield made
    made.close()


@pytest.fixture(scope="module")
def ask(worker):
    def ask(name, contexts, **given):
        text = (ROOT / f"lua/policies/{name}.lua").read_text()
        found = worker.ask(text, contexts if isinstance(contexts, list) else [contexts], options(name, given))
        return found if isinstance(contexts, list) else found[0]
    return ask


def check(**members):
    return {"healthcheck": members}


def labels(**members):
    return {"labels": members}


def says(verdict, reason=None, again_in=None, **attributes):
    made = {"verdict": verdict, "reason": reason, "again_in": again_in, "attributes": attributes or None}
    return {name: value for name, value in made.items() if value is not None}


def flaps(*ages, state="down"):
    """A check that went down so many seconds ago, each time for a second."""
    return [{"at": NOW - age + more, "state": turn} for age in sorted(ages) for more, turn in ((1, "up"), (0, state))]


NO_SCORE = "no score of the check healthcheck"
LABEL, LEAVING = "the node has no label role", "no more the primary: role is primary"
GSHUT = {"add_community": ["65535:0"]}
BAD_LIST = "data/drain: expected an object of lists: nodes, sites, routes"
DEGRADED = "degraded: the score of healthcheck is below 75"
BANDWIDTH = ["bandwidth:65000:625000000"]
RUNS = {"state": "up", "score": None, "results": [{"at": NOW - 1, "status": "timeout"}, {"at": NOW - 2, "status": "passed", "score": 41}]}

# (policy, parameters, context, what it says)
CASES = [
    # ---- score_med ----
    ("score_med", {}, {"checks": check(score=100)}, says("announce", "score up to 100", med=100)),
    ("score_med", {}, {"checks": check(score=81)}, says("announce", "score up to 100", med=100)),
    ("score_med", {}, {"checks": check(score=80)}, says("announce", "score up to 80", med=120)),
    ("score_med", {}, {"checks": check(score=0)}, says("announce", "score up to 0", med=200)),
    ("score_med", {}, {"checks": check(score=76), "standing": standing(med=100)}, says("announce", "score up to 100", med=100)),
    ("score_med", {}, {"checks": check(score=75), "standing": standing(med=100)}, says("announce", "score up to 80", med=120)),
    ("score_med", {}, {"checks": check(score=85), "standing": standing(med=120)}, says("announce", "score up to 80", med=120)),
    ("score_med", {}, {"checks": check(score=86), "standing": standing(med=120)}, says("announce", "score up to 100", med=100)),
    ("score_med", {"slack": 0}, {"checks": check(score=80), "standing": standing(med=100)}, says("announce", "score up to 80", med=120)),
    ("score_med", {"best": 50, "worst": 10, "step": 50}, {"checks": check(score=40)}, says("announce", "score up to 50", med=30)),
    ("score_med", {"check": "load"}, {"checks": {"load": {"state": "up", "score": 59.5}}}, says("announce", "score up to 60", med=140)),
    ("score_med", {}, {"checks": check(**RUNS)}, says("announce", "score up to 60", med=140)),
    ("score_med", {}, {"checks": check(state="down", score=None)}, says("announce", "score up to 0", med=200)),
    ("score_med", {}, {"checks": check(state="down", score=30)}, says("announce", "score up to 40", med=160)),
    ("score_med", {}, {"standing": standing(med=7)}, says("keep", NO_SCORE)),
    ("score_med", {}, {}, says("announce", NO_SCORE)),
    ("score_med", {}, {"checks": check(state="unchecked", score=10), "health": "unchecked", "standing": standing()}, says("keep", NO_SCORE)),
    ("score_med", {"check": "lod"}, {"checks": check(score=10)}, says("announce", "no score of the check lod")),
    # ---- prepend_degraded ----
    ("prepend_degraded", {}, {"checks": check(score=75)}, says("announce")),
    ("prepend_degraded", {}, {"checks": check(score=74)}, says("announce", DEGRADED, prepend=2)),
    ("prepend_degraded", {"times": 4, "below": 90}, {"checks": check(score=89)},
     says("announce", "degraded: the score of healthcheck is below 90", prepend=4)),
    ("prepend_degraded", {"as": 64512, "community": ["65000:7"]}, {"checks": check(score=1)},
     says("announce", DEGRADED, prepend={"as": 64512, "times": 2}, add_community=["65000:7"])),
    ("prepend_degraded", {}, {"checks": check(score=79), "standing": standing(as_path=[65000] * 3)}, says("announce", DEGRADED, prepend=2)),
    ("prepend_degraded", {}, {"checks": check(score=80), "standing": standing(as_path=[65000] * 3)}, says("announce")),
    ("prepend_degraded", {"slack": 1}, {"checks": check(score=76), "standing": standing(as_path=[65000] * 3)}, says("announce")),
    ("prepend_degraded", {}, {"checks": check(score=79), "route": {"attributes": {"as_path": [1, 2]}}, "standing": standing(as_path=[1, 2])},
     says("announce")),
    ("prepend_degraded", {}, {"checks": check(**RUNS)}, says("announce", DEGRADED, prepend=2)),
    ("prepend_degraded", {}, {"standing": standing(as_path=[65000] * 3)}, says("keep", NO_SCORE)),
    ("prepend_degraded", {}, {}, says("announce", NO_SCORE)),
    ("prepend_degraded", {"check": "load"}, {"checks": {"load": {"state": "up", "score": 7}}},
     says("announce", "degraded: the score of load is below 75", prepend=2)),
    ("prepend_degraded", {"checks": ["uplink"]}, {"checks": {"uplink": {"state": "down"}}},
     says("announce", "degraded: the check uplink is down", prepend=2)),
    ("prepend_degraded", {"checks": ["uplink"]}, {"checks": {"uplink": {"state": "up"}}, "standing": standing(as_path=[65000] * 3)},
     says("announce")),
    ("prepend_degraded", {"checks": ["uplink"]}, {"checks": {"uplink": {"state": "unchecked"}}, "standing": standing()},
     says("keep", NO_SCORE)),
    ("prepend_degraded", {"checks": ["uplnk"]}, {"checks": check(score=90)}, says("announce", NO_SCORE)),
    # ---- primary_backup ----
    ("primary_backup", {}, {"node": labels(role="primary")}, says("announce", "primary: role is primary")),
    ("primary_backup", {}, {"node": labels(role="backup")}, says("announce", "backup: role is primary", med=200)),
    ("primary_backup", {}, {}, says("announce", "backup: " + LABEL, med=200)),
    ("primary_backup", {"med": 5, "local_preference": 50, "times": 3, "community": ["65000:1"]}, {"node": labels(role="backup")},
     says("announce", "backup: role is primary", med=5, local_preference=50, prepend=3, add_community=["65000:1"])),
    ("primary_backup", {"community": ["65000:1"]}, {"node": labels(role="backup")},
     says("announce", "backup: role is primary", add_community=["65000:1"])),
    ("primary_backup", {"times": 3}, {"node": labels(role="backup")}, says("announce", "backup: role is primary", prepend=3)),
    ("primary_backup", {"label": "site", "primary": "ams", "data": "who"}, {"node": labels(site="fra"), "data": {"who": "fra"}},
     says("announce", "primary: site is fra")),
    ("primary_backup", {"label": "site", "primary": "ams", "data": "who"}, {"node": labels(site="ams"), "data": {"who": {"WEB": "fra"}}},
     says("announce", "backup: site is fra", med=200)),
    ("primary_backup", {"label": "site", "primary": "ams", "data": "who"}, {"node": labels(site="ams"), "data": {"who": {"DNS": "fra"}}},
     says("announce", "primary: site is ams")),
    ("primary_backup", {"label": "site", "primary": "ams", "data": "who"}, {"node": labels(site="ams"), "data": {"who": [4]}},
     says("announce", "primary: site is ams")),
    ("primary_backup", {"label": "rank", "primary": "1"}, {"node": labels(rank=1)}, says("announce", "primary: rank is 1")),
    ("primary_backup", {"standby": "silent"}, {"node": labels(role="primary")}, says("announce", "primary: role is primary")),
    ("primary_backup", {"standby": "silent"}, {"node": labels(role="backup")}, says("withdraw", "backup: role is primary")),
    ("primary_backup", {"standby": "silent"}, {"standing": standing()}, says("keep", LABEL)),
    ("primary_backup", {"standby": "silent"}, {"node": labels(role="backup"), "standing": standing("primary: role is backup")},
     says("announce", LEAVING, 30, med=200)),
    ("primary_backup", {"standby": "silent", "linger": "2m"},
     {"node": labels(role="backup"), "standing": standing(LEAVING, since=NOW - 100, med=200)}, says("announce", LEAVING, 20, med=200)),
    ("primary_backup", {"standby": "silent"}, {"node": labels(role="backup"), "standing": standing(LEAVING, since=NOW - 30, med=200)},
     says("withdraw", "backup: role is primary")),
    ("primary_backup", {"standby": "silent"}, {"node": labels(role="backup"), "standing": standing(LEAVING, since=None, med=200)},
     says("announce", LEAVING, 30, med=200)),
    ("primary_backup", {"standby": "silent", "data": "who"}, {"node": labels(role="b"), "standing": standing()},
     says("keep", "data/who does not say who is the primary")),
    # ---- graceful_shutdown ----
    ("graceful_shutdown", {}, {}, says("announce")),
    ("graceful_shutdown", {}, {"data": {"drain": {"nodes": ["edge2"], "sites": ["fra"], "routes": ["DNS", "edge2/WEB"]}},
                               "node": labels(site="ams"), "standing": standing()}, says("announce")),
    ("graceful_shutdown", {}, {"node": labels(drain=True), "standing": standing()},
     says("announce", "draining: label drain", 300, **GSHUT)),
    ("graceful_shutdown", {"label": "gone", "local_preference": 0}, {"node": labels(gone="true"), "standing": standing()},
     says("announce", "draining: label gone", 300, local_preference=0, **GSHUT)),
    ("graceful_shutdown", {}, {"node": labels(drain=False), "standing": standing()}, says("announce")),
    ("graceful_shutdown", {"data": "away", "hold": "1m"}, {"data": {"away": {"nodes": ["edge1"]}}, "standing": standing()},
     says("announce", "draining: node edge1", 60, **GSHUT)),
    ("graceful_shutdown", {"site_label": "dc"}, {"data": {"drain": {"sites": ["ams"]}}, "node": labels(dc="ams"), "standing": standing()},
     says("announce", "draining: site ams", 300, **GSHUT)),
    ("graceful_shutdown", {}, {"data": {"drain": {"routes": ["WEB"]}}, "standing": standing()},
     says("announce", "draining: route WEB", 300, **GSHUT)),
    ("graceful_shutdown", {}, {"data": {"drain": {"routes": ["edge1/WEB"]}}, "standing": standing()},
     says("announce", "draining: route WEB", 300, **GSHUT)),
    ("graceful_shutdown", {}, {"node": labels(drain=True), "standing": standing(since=NOW - 100, community=["65000:1", "65535:0"])},
     says("announce", "draining: label drain", 200, **GSHUT)),
    ("graceful_shutdown", {}, {"node": labels(drain=True), "standing": standing(since=NOW - 300, community=["65535:0"])},
     says("withdraw", "drained: label drain")),
    ("graceful_shutdown", {}, {"node": labels(drain=True), "standing": standing(since=None, community=["65535:0"])},
     says("announce", "draining: label drain", 300, **GSHUT)),
    ("graceful_shutdown", {"withdraw": False}, {"node": labels(drain=True), "standing": standing(since=NOW - 9999, community=["65535:0"])},
     says("announce", "draining: label drain", **GSHUT)),
    ("graceful_shutdown", {}, {"node": labels(drain=True)}, says("withdraw", "drained: label drain")),
    ("graceful_shutdown", {}, {"node": labels(drain=True), "healthy": False, "standing": standing(community=["65535:0"])},
     says("withdraw", "drained: label drain")),
    ("graceful_shutdown", {}, {"data": {"drain": "edge1"}, "standing": standing()}, says("announce", BAD_LIST)),
    ("graceful_shutdown", {}, {"data": {"drain": {"sites": "ams"}}}, says("announce", BAD_LIST)),
    ("graceful_shutdown", {}, {"data": {"drain": "x"}, "standing": standing("draining: node edge1", community=["65535:0"])},
     says("keep", "draining: " + BAD_LIST)),
    ("graceful_shutdown", {}, {"data": {"drain": "x"}, "standing": {"announced": False, "reason": "drained: node edge1"}},
     says("withdraw", "drained: " + BAD_LIST)),
    ("graceful_shutdown", {}, {"data": {"drain": "x"}, "healthy": False, "standing": standing("draining: node edge1")},
     says("withdraw", "health check passed")),
    # ---- time_window: NOW is a Tuesday, 22:13:20 ----
    ("time_window", {}, {}, says("announce", "inside the window", 6400)),
    ("time_window", {"from": "22:00", "to": "23:00"}, {}, says("announce", "inside the window", 2800)),
    ("time_window", {"from": "23:00", "to": "23:30"}, {}, says("withdraw", "outside the window", 2800)),
    ("time_window", {"from": "22:00", "to": "06:00", "announce": "outside"}, {}, says("withdraw", "inside the window", 28000)),
    ("time_window", {"from": "22:00", "to": "06:00", "announce": "outside", "med": 500}, {},
     says("announce", "inside the window", 28000, med=500)),
    ("time_window", {"from": "23:00", "to": "23:30", "times": 2, "community": ["65000:9"]}, {},
     says("announce", "outside the window", 2800, prepend=2, add_community=["65000:9"])),
    ("time_window", {"days": ["wed"], "to": "02:00", "offset": "+02:00"}, {}, says("announce", "inside the window", 6400)),
    ("time_window", {"days": ["sun"]}, {}, says("withdraw", "outside the window", 86400)),
    # ---- hold_down ----
    ("hold_down", {}, {}, says("announce")),
    ("hold_down", {}, {"checks": check(changes=flaps(5, 10))}, says("announce")),
    ("hold_down", {}, {"checks": check(changes=flaps(5, 10, 15)), "standing": standing()}, says("announce")),
    ("hold_down", {}, {"checks": check(changes=flaps(5, 10, 15, state="unchecked"))}, says("announce")),
    ("hold_down", {}, {"checks": check(changes=flaps(305, 310, 315, 320))}, says("announce")),
    ("hold_down", {"checks": ["uplink"]}, {"checks": check(changes=flaps(5, 10, 15))}, says("announce")),
    ("hold_down", {"suppress": 3500}, {"checks": check(changes=flaps(5, 10, 15))}, says("announce")),
    # Ten minutes ago: half and half again, which is more than `reuse`, but it was quiet for longer than `max`.
    ("hold_down", {"half_life": 300, "max": 600}, {"checks": check(changes=flaps(601, 601.5, 602, 602.5))}, says("announce")),
    # ---- slow_start ----
    ("slow_start", {}, {"since": NOW}, says("announce", "slow start, step 1 of 6", 60, med=200)),
    ("slow_start", {}, {"since": NOW - 61, "standing": standing(med=200)}, says("announce", "slow start, step 2 of 6", 59, med=180)),
    ("slow_start", {}, {"since": NOW - 300, "standing": standing(med=120)}, says("announce", med=100)),
    ("slow_start", {}, {"since": None}, says("announce", med=100)),
    ("slow_start", {}, {"since": NOW, "standing": standing(med=100)}, says("announce", med=100)),
    ("slow_start", {}, {"since": NOW, "standing": standing()}, says("announce", med=100)),
    ("slow_start", {}, {"since": NOW, "standing": standing(med=140)}, says("announce", "slow start, step 4 of 6", 240, med=140)),
    ("slow_start", {"attribute": "local_preference", "from": 50, "to": 100, "over": "10m", "steps": 2}, {"since": NOW - 300},
     says("announce", "slow start, step 2 of 3", 300, local_preference=75)),
    # ---- link_bandwidth ----
    ("link_bandwidth", {}, {"node": labels(capacity=5000)},
     says("announce", "100 % of 5000 Mbit/s", add_extended_community=BANDWIDTH)),
    ("link_bandwidth", {"capacity": 5000}, {}, says("announce", "100 % of 5000 Mbit/s", add_extended_community=BANDWIDTH)),
    ("link_bandwidth", {"label": "speed", "as": 7}, {"node": labels(speed="5000")},
     says("announce", "100 % of 5000 Mbit/s", add_extended_community=["bandwidth:7:625000000"])),
    ("link_bandwidth", {}, {"node": labels(capacity=5000), "neighbors": []},
     says("announce", "100 % of 5000 Mbit/s", add_extended_community=["bandwidth:23456:625000000"])),
    ("link_bandwidth", {"as": 4200000000}, {"node": labels(capacity=5000)},
     says("announce", "100 % of 5000 Mbit/s", add_extended_community=["bandwidth:23456:625000000"])),
    ("link_bandwidth", {"check": "healthcheck", "capacity": 10000}, {"checks": check(score=42)},
     says("announce", "50 % of 10000 Mbit/s", add_extended_community=BANDWIDTH)),
    ("link_bandwidth", {"check": "healthcheck", "capacity": 10000}, {"checks": check(score=38), "standing": standing(extended_community=BANDWIDTH)},
     says("announce", "50 % of 10000 Mbit/s", add_extended_community=BANDWIDTH)),
    ("link_bandwidth", {"check": "healthcheck", "capacity": 10000, "slack": 0},
     {"checks": check(score=38), "standing": standing(extended_community=BANDWIDTH)},
     says("announce", "40 % of 10000 Mbit/s", add_extended_community=["bandwidth:65000:500000000"])),
    ("link_bandwidth", {"check": "healthcheck", "capacity": 10000, "least": 50, "step": 25}, {"checks": check(score=3)},
     says("announce", "50 % of 10000 Mbit/s", add_extended_community=BANDWIDTH)),
    ("link_bandwidth", {"check": "healthcheck", "capacity": 10000}, {"checks": check(**RUNS)},
     says("announce", "50 % of 10000 Mbit/s", add_extended_community=BANDWIDTH)),
    # As ExaBGP 5.0 is told such a large one: 100 Gbit/s, 90 percent of it stands.
    ("link_bandwidth", {"check": "healthcheck", "capacity": 100000}, {"checks": check(score=92), "standing": standing(
        extended_community=["0x4004FDE85027A358"])}, says("announce", "90 % of 100000 Mbit/s", add_extended_community=[
            "bandwidth:65000:11249999872"])),
    ("link_bandwidth", {"check": "load", "capacity": 50000}, {"checks": {"load": {"state": "down"}}},
     says("announce", "10 % of 50000 Mbit/s", add_extended_community=BANDWIDTH)),
    ("link_bandwidth", {}, {}, says("announce", "the node has no capacity: label capacity")),
    ("link_bandwidth", {}, {"node": labels(capacity="big"), "standing": standing()}, says("keep", "the node has no capacity: label capacity")),
    ("link_bandwidth", {"capacity": 1, "check": "load"}, {"standing": standing()}, says("keep", "no score of the check load")),
]

BAD_PARAMETERS = [
    ("score_med", {"step": 0}, "step: expected 1 to 100"),
    ("score_med", {"slack": -1}, "slack: expected 0 or more"),
    ("time_window", {"offset": "1h"}, 'offset: expected one as "+01:00"'),
    ("time_window", {"from": "6:00"}, 'from: expected a time as "06:30"'),
    ("time_window", {"to": "24:01"}, 'to: expected a time as "06:30"'),
    ("time_window", {"days": ["friday"]}, "days: expected mon, tue, wed, thu, fri, sat or sun"),
    ("time_window", {"days": []}, "days: expected at least one"),
    ("hold_down", {"reuse": 3000}, "reuse: expected more than 0 and less than suppress"),
    ("hold_down", {"max": 60}, "max: too short for these points: it would never stay away"),
    ("slow_start", {"steps": 0}, "steps: expected 1 to 100"),
    ("link_bandwidth", {"step": 101}, "step: expected 1 to 100"),
    ("link_bandwidth", {"least": 0}, "least: expected 1 to 100"),
]


# Tried further down.
DAMPING = {"hold_down": {"half_life", "max", "med", "times"}}


def about(value):
    return {**value, "again_in": pytest.approx(value["again_in"], abs=0.01)} if "again_in" in value else value


@pytest.mark.parametrize("name", HEADS)
def test_each_says_what_its_head_promises(ask, name):
    for of, given, changes, expected in CASES:
        if of == name:
            assert about(ask(name, context(**changes), **given)) == about(expected), (given, changes)


@pytest.mark.parametrize("name", HEADS)
def test_every_parameter_has_an_effect_and_is_tried(name):
    text = (ROOT / f"lua/policies/{name}.lua").read_text()
    tried = {param for of, given, *_ in CASES + BAD_PARAMETERS if of == name for param in given} | DAMPING.get(name, set())
    for param, *_ in HEADS[name][2]:
        assert re.search(rf"\bwant\.{param}\b", text), f"{param} has no effect"
        assert param in tried, f"{param} is not tried"


@pytest.mark.parametrize("name, given, text", BAD_PARAMETERS, ids=str)
def test_a_parameter_that_makes_no_sense_is_an_error_that_names_it(ask, name, given, text):
    found = ask(name, context(), **given)
    assert isinstance(found, str) and text in found, found


@pytest.mark.parametrize("name", HEADS)
def test_the_example_of_the_head_has_only_parameters_that_are_there(ask, name):
    given = json.loads(HEADS[name][1])
    assert given.pop("use") == name
    assert ask(name, context(healthy=False, reason="x"), **given)["verdict"] == "withdraw"


# ---- what they have in common ----

@pytest.mark.parametrize("name", HEADS)
def test_what_is_not_healthy_is_withdrawn_with_the_reason_of_the_checks(ask, name):
    for changes in ({}, {"standing": standing()}, {"checks": check(state="down", score=3), "health": "down"}, {"checks": {}}):
        found = ask(name, context(**{**changes, "healthy": False, "reason": "exit code 3"}))
        assert (found["verdict"], found["reason"]) == ("withdraw", "exit code 3")


MISSING = [{"checks": None}, {"since": None}, {"neighbors": None}, {"health": "unchecked", "checks": check(state="unchecked")},
           {"health": "none", "checks": None}, {"data": {"drain": "", "who": 7}}, {"checks": check(state="unknown", changes=[])},
           {"checks": check(results=None, changes=None)}]
SETTINGS = {"primary_backup": [{}, {"standby": "silent"}, {"data": "who", "standby": "silent"}], "link_bandwidth": [{}, {"check": "load"}],
            "prepend_degraded": [{}, {"checks": ["a", "b"]}], "hold_down": [{}, {"checks": ["a"]}]}


@pytest.mark.parametrize("name", HEADS)
def test_what_is_missing_takes_nothing_away(ask, name):
    for given in SETTINGS.get(name, [{}]):
        for missing in MISSING:
            made = context(standing=standing(med=5), **missing)
            for member in ("checks", "neighbors"):
                if made[member] is None:
                    made[member] = {} if member == "checks" else []
            assert ask(name, made, **given)["verdict"] in ("announce", "keep"), (given, missing)
            made["standing"] = {"announced": False}
            if given.get("standby") != "silent":
                assert ask(name, made, **given)["verdict"] == "announce", (given, missing)


# ---- what changes with time ----

def take_over(made, verdict):
    """How the route stands after this verdict, as the daemon tells it."""
    before = made["standing"]
    if verdict["verdict"] == "keep":
        return
    is_announced = verdict["verdict"] == "announce"
    attributes = None
    if is_announced:
        attributes = dict(made["route"]["attributes"])
        for name, value in verdict.get("attributes", {}).items():
            if name.startswith("add_"):
                attributes[name[4:]] = attributes.get(name[4:], []) + value
            elif name == "prepend":
                attributes["as_path"] = [65000] * (value + 1)
            else:
                attributes[name] = value
    is_other = (before["announced"], before.get("attributes")) != (is_announced, attributes)
    made["standing"] = {"announced": is_announced, "attributes": attributes, "verdict": verdict["verdict"],
                        "reason": verdict.get("reason"), "since": made["now"] if is_other else before["since"]}


def count_changes(ask, name, scores, **given):
    made, changes, last = context(), 0, None
    for score in scores:
        made["checks"]["healthcheck"]["score"] = score
        take_over(made, ask(name, made, **given))
        changes += made["standing"]["attributes"] != last
        last = made["standing"]["attributes"]
    return changes


@pytest.mark.parametrize("name, given", [("score_med", {}), ("prepend_degraded", {"below": 80}),
                                         ("link_bandwidth", {"capacity": 10000, "check": "healthcheck"}),
                                         ("link_bandwidth", {"capacity": 54321, "check": "healthcheck"})], ids=str)
def test_a_score_that_sways_around_an_edge_changes_nothing(ask, name, given):
    assert count_changes(ask, name, [81, 79, 80, 82, 78, 80, 81, 79, 77.5, 82], **given) <= 2
    assert count_changes(ask, name, [100, 60, 20, 90], **given) > 2 or name == "prepend_degraded"


def test_draining_ends_with_a_withdraw_and_comes_back(ask):
    made = context(data={"drain": {"routes": ["WEB"]}}, standing=standing())
    seen = []
    for seconds in (0, 0, 1, 299, 1, 1, 1000):
        made["now"] += seconds
        verdict = ask("graceful_shutdown", made, hold=300)
        take_over(made, verdict)
        seen.append((verdict["verdict"], verdict.get("again_in")))
    assert seen == [("announce", 300), ("announce", 300), ("announce", 299), ("withdraw", None), ("withdraw", None),
                    ("withdraw", None), ("withdraw", None)]
    made["data"] = {}
    assert ask("graceful_shutdown", made) == says("announce")


def test_one_that_is_no_more_the_primary_leaves_after_a_while(ask):
    given = {"standby": "silent", "data": "who", "linger": 30}
    made = context(node=labels(role="primary"), data={"who": "primary"})
    take_over(made, ask("primary_backup", made, **given))
    assert made["standing"]["attributes"] == {"next_hop": "self"}
    made["data"] = {"who": "other"}
    seen = []
    for seconds in (100, 0, 29, 1, 1):
        made["now"] += seconds
        take_over(made, ask("primary_backup", made, **given))
        seen.append(made["standing"]["announced"])
    assert seen == [True, True, True, False, False]


def test_a_slow_start_only_gets_better_and_ends_in_time(ask):
    made = context(since=NOW, standing={"announced": False})
    seen = []
    while not seen or seen[-1] != 100:
        verdict = ask("slow_start", made)
        take_over(made, verdict)
        seen.append(verdict["attributes"]["med"])
        made["now"] += verdict.get("again_in", 0)
        if len(seen) == 3:
            made["since"] = made["now"] - 1  # the daemon was started again
        assert len(seen) < 20
    assert seen == sorted(seen, reverse=True) and {200, 180, 160, 140, 120, 100} == set(seen)
    assert made["now"] - made["since"] <= 300


def is_open(at, days, opens, closes, east):
    """By the calendar, minute by minute."""
    local = datetime.datetime.fromtimestamp(at, datetime.timezone.utc) + datetime.timedelta(seconds=east)
    minute = local.hour * 60 + local.minute
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    today, yesterday = names[local.weekday()] in days, names[local.weekday() - 1] in days
    if closes > opens:
        return today and opens <= minute < closes
    return today and minute >= opens or yesterday and minute < closes


def test_the_window_is_that_of_the_calendar(ask):
    chance = random.Random(7)
    for _ in range(60):
        days = chance.sample(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], chance.randint(1, 7))
        opens, closes = chance.randrange(0, 1440), chance.randrange(1, 1441)
        east = chance.choice([-720, -330, 0, 60, 345, 840])
        given = {"days": days, "from": "%02d:%02d" % divmod(opens, 60), "to": "%02d:%02d" % divmod(closes, 60),
                 "offset": "%s%02d:%02d" % (("-" if east < 0 else "+",) + divmod(abs(east), 60))}
        times = [NOW + chance.randrange(0, 30 * 86400) for _ in range(12)]
        for at, verdict in zip(times, ask("time_window", [context(now=at) for at in times], **given)):
            now_open = is_open(at, days, opens, closes, east * 60)
            assert (verdict["verdict"] == "announce") == now_open, (given, at)
            again = verdict["again_in"]
            assert 0 < again <= 86400
            # Not a minute too early or too late.
            for later in range(0, int(again), 300):
                assert is_open(at + later, days, opens, closes, east * 60) == now_open, (given, at)
            assert is_open(at + again - 1, days, opens, closes, east * 60) == now_open, (given, at)


def damped(ages, half_life, most, suppress=2500, reuse=750):
    """RFC 2439 in steps of a tenth of a second: whether it stays away, and for how long still."""
    points, is_away, ceiling = 0.0, False, reuse * 2 ** (most / half_life)
    downs = sorted(round(age * 10) for age in ages)
    for step in range(downs[-1] if downs else 0, -100000, -1):
        if step in downs:
            points = min(points + 1000, ceiling)
            is_away = is_away or points > suppress
        if step <= 0 and (not is_away or points <= reuse):
            return -step / 10
        points *= 0.5 ** (0.1 / half_life)
        is_away = is_away and points > reuse
    raise AssertionError("for ever")


def test_damping_is_that_of_the_rfc_and_ends_in_time(ask):
    chance, away = random.Random(3), 0
    for _ in range(40):
        ages = [round(chance.uniform(1, 500), 1) for _ in range(chance.randint(0, 8))]
        if len({round(age) for age in ages}) < len(ages):
            continue
        half_life, most = chance.choice([(60, 150), (120, 300), (300, 900)])
        verdict = ask("hold_down", context(checks=check(changes=flaps(*ages))), half_life=half_life, max=most)
        left = damped(ages, half_life, most)
        assert (verdict["verdict"] == "withdraw") == (left > 0), (ages, half_life, left, verdict)
        if left > 0.2:
            away += 1
            assert verdict["reason"] == "the check healthcheck flaps"
            assert verdict["again_in"] == pytest.approx(left, abs=0.3) and verdict["again_in"] <= most - min(ages) + 0.1
    assert away > 5


def test_with_worse_attributes_what_flaps_is_never_away(ask):
    for given in ({"med": 900}, {"times": 3}):
        for stands in (standing(), {"announced": False}):
            verdict = ask("hold_down", context(checks=check(changes=flaps(5, 10, 15)), standing=stands), **given)
            assert verdict["verdict"] == "announce" and verdict["again_in"] > 100
            assert verdict["attributes"] == ({"med": 900} if "med" in given else {"prepend": 3})


def test_one_check_that_flaps_is_enough_and_is_named(ask):
    checks = {"healthcheck": {"changes": []}, "uplink": {"state": "up", "changes": flaps(5, 10, 15)}}
    assert ask("hold_down", context(checks=checks))["reason"] == "the check uplink flaps"
    assert ask("hold_down", context(checks=checks), checks=["uplink"])["verdict"] == "withdraw"


# ---- in the daemon ----

def test_the_daemon_takes_the_example_of_each_head_and_fills_in_what_is_left_out(tmp_path):
    def put(key, value):
        (tmp_path / "store" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / key).write_text(value)
    put("node/edge1/subscribedRoutes", "*")
    put("node/edge1/labels", '{"site": "ams", "capacity": 10000}')
    for number, name in enumerate(HEADS):
        put(f"routes/{name}/config", f"route 192.0.2.{number + 1}/32 next-hop self")
        put(f"routes/{name}/policy", HEADS[name][1])
    put("routes/bad/config", "route 192.0.2.100/32 next-hop self")
    put("routes/bad/policy", '{"use": "slow_start", "stps": 3}')
    daemon = Daemon(tmp_path, f"file://{tmp_path}/store", "/bgp", node="edge1")
    try:
        told = wait_for(lambda: (routes := (daemon.ask("routes") or {"routes": []})["routes"]) and all(
            (route["policy"] or {}).get("verdict") for route in routes if route["name"] in HEADS) and routes, "each has decided")
        routes = {route["name"]: route for route in told}
        for name in HEADS:
            given = json.loads(HEADS[name][1])
            assert given.pop("use") == name
            assert routes[name]["error"] is None and routes[name]["policy"]["decides"] == f"routes/{name}/policy"
            assert daemon.ask("context", route=name)["policy"]["options"] == options(name, given)
        assert "slow_start: there is no parameter \"stps\"" in routes["bad"]["error"]
        assert routes["bad"]["state"] != "announced"
    finally:
        daemon.close()
