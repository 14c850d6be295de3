"""No policy makes an outage, and none makes a router's table restless: neither by a restart, nor by its own haste, nor by
a change of another key."""
import json
import os
import signal
import time

import pytest

from lua_scene import FAST
from test_policy import ANNOUNCE, World, policy_worker, scene  # noqa: F401
from wait import wait_for

BY_LOAD = {
    "attributes": "return function(ctx) return announce{ med = 100 + (ctx.checks.load.score or 0) } end\n",
    "withdraw": "return function(ctx)\n  if (ctx.checks.load.score or 0) < 50 then return withdraw('load') end\n"
                "  return announce{ med = 180 }\nend\n",
    "status": "return function(ctx) return announce{ med = ctx.checks.load.status == 'passed' and 180 or 1 } end\n",
    "neighbors": "return function(ctx)\n  local up = 0\n"
                 "  for _, n in ipairs(ctx.neighbors) do if n.state == 'up' then up = up + 1 end end\n"
                 "  if up == 0 then return withdraw('nobody') end\n  return announce{ med = 179 + up }\nend\n",
    "prepend": "return function(ctx) return announce{ med = 180, prepend = 2 } end\n",
    "own": "return function(ctx) return announce{ med = 100 + (ctx.checks.healthcheck.score or 0) } end\n",
    "data": "return function(ctx) return announce{ med = ctx.checks.healthcheck.data and 180 or 5 } end\n",
    "labels": "return function(ctx)\n  if ctx.node.labels.role ~= 'edge' then return withdraw('role') end\n"
              "  return announce{ med = data.load + 100 }\nend\n",
}


@pytest.mark.parametrize("kind", BY_LOAD)
@pytest.mark.parametrize("how", ["kill", "upgrade"])
def test_a_restart_asks_nothing_before_there_is_something_to_tell(scene, kind, how):
    scene.put("data/load", "80")
    scene.put("data/pause", "0")
    scene.put("node/n1/labels", '{"role": "edge"}')
    scene.put("checks/load/options", json.dumps({"interval": "200ms", "fall": 1}))
    scene.put("checks/load/script", "#!lua\ntime.sleep(data.pause)\nreturn data.load\n")
    for name in ("a", "b"):
        scene.put(f"routes/{name}/options", json.dumps({"checks": ["load"]}))
    own = kind in ("own", "data")
    for name in ("a", "b") if own else ():
        scene.put(f"routes/{name}/options", json.dumps({"interval": "200ms", "fall": 1}))
        scene.put(f"routes/{name}/healthcheck", "#!lua\ntime.sleep(data.pause)\nreturn 80, {rtt = data.load}\n")
    check = "healthcheck" if own else "load"
    scene.put("policy", BY_LOAD[kind])
    daemon = scene.stand("a", "b")
    scene.wait_held(1, "med 180")
    scene.wait_held(2, "med 180")
    scene.wait_saved("@policy/policy")
    scene.wait_saved("data/load")
    lines = scene.commands()
    scene.put("data/pause", "1.5")
    scene.wait_saved("1.5")
    for _ in range(2):
        old = daemon.core()
        if how == "kill":
            daemon.kill_core()
        else:
            daemon.ask("upgrade")
            wait_for(lambda: daemon.core() not in (None, old), "another core")
        daemon.wait_synced()
        scene.wait_policy("a", state="answered")
        scene.wait_policy("b", state="answered")
        daemon.wait_settled()
        wait_for(lambda: daemon.ask("context", route="a")["context"]["checks"][check]["status"] == "passed", "it ran")
        scene.put("data/other", str(_))
        wait_for(lambda: daemon.status(), "it answers")
        daemon.wait_settled()
        assert scene.commands() == lines


def test_a_delayed_word_that_comes_while_an_answer_is_awaited_is_told(scene):
    scene.put_route("web", 1, "#!lua\nreturn data.up ~= 0\n")
    scene.put("policy", "return function(ctx)\n"
                        "  return announce{ med = data.n or 1, reason = 'word ' .. ctx.now .. (data.m or '') }\nend\n")
    daemon = scene.start()
    scene.wait_held(1, "med 1")
    scene.put("data/n", "2")
    scene.wait_held(1, "med 2")
    scene.put("data/m", "1")
    scene.wait_answers()
    scene.put("data/n", "3")
    wait_for(lambda: (p := scene.policy("web")) and p["delayed"] is not None, "it waits")
    os.kill(policy_worker(scene), signal.SIGSTOP)
    wait_for(lambda: (scene.policy("web")["delayed"] or 0) < 1, "its time comes", 10)
    scene.put("data/up", "0")
    wait_for(lambda: daemon.route("web")["policy"]["delayed"] is None, "it came", 10)
    for _ in range(20):
        assert daemon.route("web")["reason"]


HASTY = {
    "keep": "local n = math.floor(ctx.now * 5)\n  if n % 2 == 0 then return keep('k', {again_in = 0.1}) end\n"
            "  return announce{ med = n % 1000000, again_in = 0.1 }",
    "withdraw": "local n = math.floor(ctx.now * 5)\n  if n % 2 == 0 then return withdraw('w', {again_in = 0.1}) end\n"
                "  return announce{ again_in = 0.1 }",
    "standing": "if ctx.standing.announced then return withdraw('w', {again_in = 0.1}) end\n"
                "  return announce{ again_in = 0.1 }",
}


@pytest.mark.parametrize("kind", HASTY)
def test_a_hasty_policy_changes_what_stands_now_and_then_only(scene, kind):
    scene.put("data/go", "0")
    scene.put("policy", f"return function(ctx)\n  if data.go == 0 then return announce() end\n  {HASTY[kind]}\nend\n")
    scene.stand("web")
    lines = len(scene.commands())
    begun = time.monotonic()
    scene.put("data/go", "1")
    scene.wait_answers(60)
    assert len(scene.commands()) - lines <= 2 * (2 + (time.monotonic() - begun) / 5)


ALL_OF_THEM = "return function(ctx) return withdraw('all of them') end\n"


def test_a_policy_that_comes_to_decide_is_tried_by_the_routes_that_it_gets(scene):
    scene.put("node/n1/policy", ANNOUNCE)
    scene.put("policy", ALL_OF_THEM)
    daemon = scene.stand("a", "b", "c")
    scene.wait_held(1, "med 42")
    lines = scene.commands()
    scene.tree.remove("node/n1/policy")
    scene.wait_policy("a", key="policy")
    wait_for(lambda: any("held" in line for line in daemon.status()["warnings"]) or scene.withdrawn(), "held")
    assert scene.commands() == lines


def test_what_is_held_over_the_builtin_decision_holds_back_no_route_after_a_restart(scene):
    scene.put("data/up", "0")
    scene.put_route("x", 9, "#!lua\nreturn data.up == 1\n")
    daemon = scene.stand("a", "b", "c")
    daemon.wait_state("x", "withdrawn")
    scene.put("policy", ALL_OF_THEM)
    scene.wait_policy("a", trial="held")
    scene.wait_saved("all of them")
    lines = scene.commands()
    daemon.kill_core()
    daemon.wait_synced()
    scene.wait_policy("a", trial="held")
    daemon.wait_settled()
    assert scene.commands() == lines
    scene.put("data/up", "1")
    daemon.wait_state("x", "announced")


def test_own_policies_of_many_routes_withdraw_no_more_than_one_of_all(scene):
    names = [f"r{n}" for n in range(1, 11)]
    daemon = scene.stand(*names)
    for name in names:
        scene.put(f"routes/{name}/policy", ALL_OF_THEM)
    for name in names:
        scene.wait_policy(name)
    wait_for(lambda: all(scene.policy(n)["trial"] != "trial" for n in names), "tried")
    daemon.wait_settled()
    assert len(scene.withdrawn()) <= 5


def test_the_builtin_decision_of_the_node_comes_and_goes(scene):
    scene.put("policy", ANNOUNCE)
    daemon = scene.stand("a", "b")
    scene.wait_held(1, "med 42")
    scene.put("node/n1/policy", '{"use": "builtin"}')
    scene.wait_held(1, "med 7")
    scene.tree.remove("node/n1/policy")
    scene.wait_held(1, "med 42")
    assert daemon.route("b")["policy"]["key"] == "policy" and scene.withdrawn() == []


def test_a_changed_text_is_tried_after_a_restart_with_what_the_checks_say(scene):
    scene.put("data/pause", "0")
    for name in ("a", "b", "c"):
        scene.put(f"routes/{name}/options", FAST)
        scene.put(f"routes/{name}/healthcheck", "#!lua\ntime.sleep(data.pause)\nreturn 80, {rtt = 1}\n")
    scene.put("policy", ANNOUNCE)
    daemon = scene.stand("a", "b", "c")
    scene.wait_saved("@policy/policy")
    scene.put("data/pause", "1.5")
    scene.wait_saved("1.5")
    lines = scene.commands()
    daemon.exabgp.answering.clear()
    old = daemon.core()
    os.kill(old, signal.SIGKILL)
    scene.put("policy", "return function(ctx)\n  if ctx.checks.healthcheck.score then return withdraw('all') end\n"
                        "  return announce{ med = 5 }\nend\n")
    daemon.exabgp.answering.set()
    wait_for(lambda: daemon.core() not in (None, old), "another core")
    scene.wait_policy("a", trial="held")
    daemon.wait_settled()
    assert scene.commands() == lines
