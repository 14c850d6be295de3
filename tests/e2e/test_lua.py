"""Routes in BIRD follow Lua checks, with real etcd and ExaBGP."""
import json
import os
import signal
import time

import pytest

UNTIL = "#!lua\nlocal now = time.now()\ntime.sleep(0.01)\nif now < tonumber(options.env.UNTIL) then return true, {now = now} end\nreturn false, 'its time is over'\n"


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.250/32"), 10, "the first route")
    return lab


def options(until):
    return json.dumps({"interval": "100ms", "env": {"UNTIL": str(until)}})


def add(lab, name, prefix, script, until=0):
    lab.put_all({f"routes/{name}/options": options(until), f"routes/{name}/healthcheck": script,
                 f"routes/{name}/config": f"route {prefix} next-hop self"})


def test_a_route_follows_what_a_script_says(lab):
    add(lab, "timed", "10.9.0.1/32", UNTIL, time.time() + 4)
    lab.wait_for(lambda: lab.bird.has("10.9.0.1/32"), 4, "the script passes")
    assert lab.route("timed")["data"]["now"] > 1.7e9
    lab.wait_for(lambda: not lab.bird.has("10.9.0.1/32"), 10, "the script fails")
    assert lab.route("timed")["reason"] == "health check failed: its time is over"
    lab.wait_for(lambda: lab.get("node/n1/routes/timed/state") == "withdraw", 10, "the store is told")
    lab.put("routes/timed/options", options(time.time() + 1000))
    lab.wait_for(lambda: lab.bird.has("10.9.0.1/32"), 10, "it passes again")


def test_a_bad_script_and_a_dead_worker_move_no_route(lab):
    for number in range(10):
        add(lab, f"g{number}", f"10.9.1.{number}/32", UNTIL, time.time() + 1000)
    lab.wait_for(lambda: all(lab.bird.has(f"10.9.1.{n}/32") for n in range(10)), 10, "all pass")
    before = lab.bird.counters()
    lab.put("routes/g0/healthcheck", "#!lua\nwhile true do end\n")
    lab.put("routes/g1/healthcheck", "#!lua\nreturn nothing.here\n")
    lab.put("routes/g2/healthcheck", "#!lua\nreturn false, 'worse than before'\n")
    lab.wait_for(lambda: "quarantined" in (lab.route("g0")["error"] or ""), 20, "the loop is not run any more")
    lab.wait_for(lambda: "g1:2:" in (lab.route("g1")["error"] or ""), 10, "the error is told")
    lab.wait_for(lambda: "g1:2:" in json.loads(lab.get("node/n1/status"))["routes"]["g1"]["error"], 10, "in the store too")
    for turn in range(3):
        old = [worker["pid"] for worker in lab.status()["workers"]["lua"]]
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        lab.wait_for(lambda: all(worker["pid"] not in (0, *old) for worker in lab.status()["workers"]["lua"]), 10, "others")
        now = time.time()
        lab.wait_for(lambda: all(lab.route(f"g{n}")["data"]["now"] > now for n in range(3, 10)), 10, "all run again")
    assert lab.bird.counters() == before


def test_routes_follow_a_check_that_they_share(lab):
    shared = "#!lua\nlocal until_when = require 'until'\nreturn until_when(options.env.UNTIL, data.slack), 'its time is over'\n"
    lab.put_all({"lua/until": "return function(at, slack) return time.now() < tonumber(at) + slack end\n", "data/slack": "1",
                 "checks/site/options": options(time.time() + 1000), "checks/site/script": shared})
    for number in range(5):
        lab.put_all({f"routes/s{number}/options": json.dumps({"checks": ["site"]}),
                     f"routes/s{number}/config": f"route 10.9.2.{number}/32 next-hop self"})
    lab.wait_for(lambda: all(lab.bird.has(f"10.9.2.{n}/32") for n in range(5)), 10, "the check passes")
    before = lab.bird.counters()
    lab.put("lua/until", "return nothing.here\n")
    told = "new version of checks/site/script has not passed yet: script error: "
    lab.wait_for(lambda: any(text.startswith(told) for text in lab.status()["warnings"]), 10, "the module's error is told")
    assert lab.bird.counters() == before
    lab.put("checks/site/options", options(time.time() - 1000))
    lab.wait_for(lambda: not any(lab.bird.has(f"10.9.2.{n}/32") for n in range(5)), 10, "all leave")
    assert lab.route("s3")["reason"] == "check site failed: its time is over"
