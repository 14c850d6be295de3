"""Policies decide what is announced, and never make an outage: what fails, hangs, dies or would withdraw too much leaves
what stands as it is."""
import json
import os
import signal
import time

import pytest

from lua_scene import FAST, UP, Scene
from wait import wait_for

ANNOUNCE = "return function(ctx) return announce{ med = 42 } end\n"
# Its check says what data/load says.
LOAD = "#!lua\nreturn data.load\n"


class World(Scene):
    def put(self, key, value):
        self.tree.put(key, value)

    def route(self, name, number, med=7):
        self.put(f"routes/{name}/config", f"route {self.net(number)} next-hop self med {med}")

    def stand(self, *names, **options):
        """Announced, with what a policy says of them if there is one."""
        for number, name in enumerate(names, 1):
            self.route(name, number)
        daemon = self.start(**options)
        for name in names:
            daemon.wait_state(name, "announced")
        daemon.wait_settled()
        return daemon

    def held(self, number):
        """The attributes that ExaBGP has of it."""
        return self.daemon.exabgp.rib["10.99.0.2"].get(self.net(number))

    def wait_held(self, number, text, seconds=15):
        return wait_for(lambda: text in (self.held(number) or ""), f"{self.net(number)} has {text}", seconds)

    def commands(self):
        return [line for line in self.daemon.exabgp.lines if "announce " in line or "withdraw " in line]

    def policy(self, name):
        route = self.daemon.route(name)
        return route and route["policy"]

    def wait_policy(self, name, **members):
        def is_so():
            policy = self.policy(name)
            return policy and all(policy[member] == value for member, value in members.items()) and policy
        return wait_for(is_so, f"the policy of {name}: {members}")

    def count(self, member):
        return self.daemon.status()["policies"][member]

    def wait_saved(self, text):
        path = self.folder / "state" / "lastgood"
        wait_for(lambda: path.exists() and text.encode() in path.read_bytes(), f"{text} is in the last known good")

    def wait_answers(self, more=1):
        """So many more answers than now: what was changed before was looked at."""
        now = self.count("answers")
        return wait_for(lambda: self.count("answers") >= now + more, f"{more} more answers")


@pytest.fixture
def scene(tmp_path):
    made = World(tmp_path)
    yield made
    if made.daemon is not None:
        made.daemon.close()
        log = made.daemon.log()
        assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


def test_a_long_queue_that_moves_withdraws_nothing(scene):
    """Two seconds' work of a policy that wants to announce what has failed."""
    routes = 600
    scene.put("policy", "return function(ctx) for _ = 1, 400000 do end\n"
                        "if ctx.healthy then return announce{} end return announce{ med = 500 } end\n")
    scene.put("checks/up/script", "#!lua\nreturn data.up\n")
    scene.put("checks/up/options", FAST)
    scene.put("data/up", "true")
    for number in range(1, routes + 1):
        scene.put(f"routes/r{number}/options", json.dumps({"checks": ["up"]}))
        scene.route(f"r{number}", number)
    scene.put("routes/plain/policy", json.dumps({"use": "builtin"}))
    scene.put("routes/plain/options", json.dumps({"checks": ["up"]}))
    scene.route("plain", routes + 1)
    daemon = scene.start()
    wait_for(lambda: len(daemon.exabgp.prefixes()) == routes + 1, "all stand", 60)
    wait_for(lambda: (p := daemon.status()["policies"]) and p["waiting"] == 0 and p["tried"] == 0 and p["failing"] == 0,
             "all were asked", 60)
    answers, begun = scene.count("answers"), time.monotonic()
    scene.put("data/up", "false")
    wait_for(lambda: scene.count("answers") >= answers + routes or scene.count("late") > 0, "all have answers", 60)
    took = time.monotonic() - begun
    if took < 9:
        assert scene.count("late") == 0
        assert scene.withdrawn() == [scene.net(routes + 1)]
    # What is under no policy does not wait.
    moved = next(line for line in scene.commands() if "med 500" in line or "withdraw" in line)
    assert "withdraw" in moved and scene.net(routes + 1).split("/")[0] in moved


def test_attributes_follow_what_a_check_says(scene):
    scene.put("data/load", "80")
    scene.put("checks/load/options", FAST)
    scene.put("checks/load/script", LOAD)
    scene.put("routes/web/options", json.dumps({"checks": ["load"]}))
    scene.put("policy", "return function(ctx)\n"
                        "  if not ctx.healthy then return withdraw(ctx.reason) end\n"
                        "  return announce{ med = 100 + ctx.checks.load.score, community = {'65000:100'} }\nend\n")
    daemon = scene.stand("web")
    scene.wait_held(1, "med 180")
    assert "community 65000:100" in scene.held(1)
    assert daemon.exabgp.count("announce") == 1, scene.commands()
    scene.put("data/load", "60")
    scene.wait_held(1, "med 160")
    route = daemon.route("web")
    assert route["layer"] == "policy" and route["policy"]["key"] == "policy" and route["policy"]["state"] == "answered"
    # Health decides nothing here, the policy does.
    scene.put("data/load", "10")
    route = daemon.wait_state("web", "withdrawn")
    assert route["layer"] == "policy" and "check load failed" in route["reason"]
    scene.put("data/load", "70")
    scene.wait_held(1, "med 170")


def test_a_policy_may_announce_what_is_not_healthy(scene):
    scene.put_route("web", 1, "#!lua\nreturn data.load == 1\n")
    scene.put("data/load", "1")
    scene.put("policy", "return function(ctx) return announce{ med = ctx.healthy and 10 or 1000 } end\n")
    daemon = scene.start()
    scene.wait_held(1, "med 10")
    scene.put("data/load", "0")
    scene.wait_held(1, "med 1000")
    assert daemon.route("web")["health"] == "down" and scene.withdrawn() == []


BAD = {
    "error": ("return function(ctx) error('oh') end\n", "policy:1: oh"),
    "syntax": ("return function(ctx) retur end\n", "policy:1:"),
    "nonsense": ("return function(ctx) return 5 end\n", "it returned"),
    "attribute": ("return function(ctx) return announce{ med = 'much' } end\n", "med"),
    "loop": ("return function(ctx) while true do end end\n", "CPU time"),
    "withdraw": ("return function(ctx) return withdraw('all of them') end\n", "it would withdraw 3 healthy routes of the 3"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("before", ["policy", "builtin"])
def test_what_would_do_harm_is_held(scene, kind, before):
    if before == "policy":
        scene.put("policy", ANNOUNCE)
    daemon = scene.stand("a", "b", "c")
    lines = scene.commands()
    script, told = BAD[kind]
    scene.put("policy", script)
    warning = wait_for(lambda: next((line for line in daemon.status()["warnings"] if " is held " in line or
                                     " is not run " in line), None), "it is held")
    assert told in warning or "killed three times" in warning
    assert scene.commands() == lines
    assert "med 42" in scene.held(1) if before == "policy" else "med 7" in scene.held(1)
    shown = scene.policy("a")
    assert shown["trial"] in ("held", "quarantined") and warning in daemon.route("a")["error"]
    # A changed text is judged anew.
    scene.put("policy", "return function(ctx) return announce{ med = 43 } end\n")
    for number in (1, 2, 3):
        scene.wait_held(number, "med 43")
    assert scene.withdrawn() == []
    wait_for(lambda: daemon.status()["warnings"] == [], "nothing is held")


def test_the_built_in_decision_goes_on_under_a_new_policy_that_is_held(scene):
    scene.put_route("web", 1, "#!lua\nreturn data.up == 1\n")
    scene.put("data/up", "1")
    daemon = scene.stand()
    daemon.wait_state("web", "announced")
    scene.put("policy", BAD["error"][0])
    scene.wait_policy("web", trial="held", state="tried")
    scene.put("data/up", "0")
    assert daemon.wait_state("web", "withdrawn")["layer"] == "health"
    scene.put("data/up", "1")
    assert daemon.wait_state("web", "announced")["layer"] == "health"
    # It is in force for what comes meanwhile, too.
    scene.route("new", 2)
    daemon.wait_state("new", "announced")


def test_a_new_route_waits_for_its_own_policy(scene):
    daemon = scene.stand("old")
    scene.put("routes/web/policy", BAD["error"][0])
    scene.route("web", 2)
    scene.wait_policy("web", state="failing")
    route = daemon.route("web")
    assert route["verdict"] == "keep" and scene.held(2) is None
    scene.put("routes/web/policy", ANNOUNCE)
    scene.wait_held(2, "med 42")
    assert all("med 42" in line for line in scene.commands() if scene.net(2) in line)


def test_what_is_held_counts_once_it_is_approved(scene):
    daemon = scene.stand("a", "b")
    scene.put("policy", BAD["withdraw"][0])
    shown = scene.wait_policy("a", trial="held")
    assert daemon.ask("approve", id="12345678") == {"error": "another change waits for approval: see `bgpcommander status`"}
    assert daemon.ask("approve", id=shown["id"]) == {"approved": shown["id"]}
    daemon.wait_state("a", "withdrawn")
    route = daemon.wait_state("b", "withdrawn")
    assert (route["layer"], route["reason"]) == ("policy", "all of them")
    assert daemon.ask("approve") == {"error": "nothing waits for approval"}


def test_a_few_routes_may_leave_by_a_new_policy(scene):
    daemon = scene.stand("a", "b", "c")
    scene.put("policy", "return function(ctx)\n  if ctx.route.name == 'b' then return withdraw('not b') end\n"
                        "  return announce()\nend\n")
    assert daemon.wait_state("b", "withdrawn")["reason"] == "not b"
    assert daemon.settled_state("a") == "announced" and scene.withdrawn() == [scene.net(2)]


def test_a_policy_that_fails_later_leaves_its_last_verdict(scene):
    scene.put("data/peers", "{\"n\": 5}")
    scene.put_route("web", 1, "#!lua\nreturn data.up == 1\n")
    scene.put("data/up", "1")
    scene.put("policy", "return function(ctx) return announce{ med = data.peers.n } end\n")
    daemon = scene.start()
    scene.wait_held(1, "med 5")
    lines = scene.commands()
    scene.tree.remove("data/peers")
    shown = scene.wait_policy("web", state="failing")
    assert shown["error"].startswith("policy:1: ") and shown["verdict"] == "announce"
    assert any("policy fails for 1 of its 1 routes" in line for line in daemon.status()["warnings"])
    assert scene.commands() == lines
    # A failed check withdraws all the same, and a good one brings back what stood.
    scene.put("data/up", "0")
    assert daemon.wait_state("web", "withdrawn")["layer"] == "health"
    scene.put("data/up", "1")
    scene.wait_held(1, "med 5")
    scene.put("data/peers", "{\"n\": 6}")
    scene.wait_held(1, "med 6")
    assert daemon.status()["warnings"] == [] and daemon.log().count("policy gives verdicts again") == 1


def test_what_stands_by_a_policy_is_not_touched_by_a_restart(scene):
    scene.put("policy", "return function(ctx) return announce{ med = 42, add_community = {'65000:9'} } end\n")
    scene.route("list", 9)
    scene.put("routes/list/config", "attributes next-hop self med 7 nlri 10.7.0.1/32 10.7.0.2/32")
    daemon = scene.stand("web")
    daemon.wait_state("list", "announced")
    scene.wait_saved("@policy/policy")
    lines = scene.commands()
    for _ in range(2):
        daemon.kill_core()
        daemon.wait_synced()
        scene.wait_policy("web", state="answered")
        scene.wait_policy("list", state="answered")
        daemon.wait_settled()
        assert scene.commands() == lines
    # Safe mode runs no policies.
    daemon.kill_core()
    assert daemon.wait_settled()["mode"] == "safe"
    scene.wait_policy("web", state="failing")
    assert scene.commands() == lines
    assert daemon.settled_state("web") == "announced" and "med 42" in scene.held(1)


def test_a_restart_without_a_policy_worker_touches_nothing(scene):
    scene.put("policy", "return function(ctx)\n  if data.fail then error('oh') end\n  return announce{ med = 42 }\nend\n")
    daemon = scene.stand("web", "dns")
    scene.wait_saved("@policy/policy")
    lines = scene.commands()
    scene.put("data/fail", "1")
    scene.wait_policy("web", state="failing")
    daemon.kill_core()
    daemon.wait_synced()
    shown = scene.wait_policy("web", state="failing")
    assert shown["verdict"] is None and "oh" in shown["error"]
    daemon.wait_settled()
    assert scene.commands() == lines and daemon.settled_state("web") == "announced"
    scene.tree.remove("data/fail")
    scene.wait_policy("web", state="answered")
    assert scene.commands() == lines


def test_a_text_that_changed_while_no_core_looked_is_tried(scene):
    scene.put("policy", ANNOUNCE)
    daemon = scene.stand("a", "b", "c")
    scene.wait_saved("@policy/policy")
    lines = scene.commands()
    scene.daemon.exabgp.answering.clear()  # the next core learns of what stands when it is told
    old = daemon.core()
    os.kill(old, signal.SIGKILL)
    scene.put("policy", BAD["withdraw"][0])
    scene.daemon.exabgp.answering.set()
    wait_for(lambda: daemon.core() not in (None, old), "another core")
    shown = scene.wait_policy("a", trial="held")
    assert shown["decides"] == "policy"
    daemon.wait_settled()
    assert scene.commands() == lines and "med 42" in scene.held(1)
    scene.put("policy", "return function(ctx) return announce{ med = 44 } end\n")
    scene.wait_held(3, "med 44")


def test_it_is_asked_again_when_it_wanted_to_be(scene):
    scene.put("policy", "return function(ctx) return announce{ again_in = 0.1 } end\n")
    scene.stand("web")
    scene.wait_answers(5)
    assert scene.policy("web")["againIn"] is not None
    assert len(scene.commands()) == 1


def test_attributes_alone_change_at_their_pace(scene):
    scene.put("policy", "return function(ctx) return announce{ med = math.floor(ctx.now * 1000) % 1000000, again_in = 0.1 } end\n")
    begun = time.monotonic()
    scene.stand("web")
    scene.wait_answers(20)
    most = 2 + (time.monotonic() - begun) / 5
    assert 1 <= len(scene.commands()) <= most
    assert scene.policy("web")["delayed"] is not None
    wait_for(lambda: len(scene.commands()) > 1, "its time comes")
    # What people change needs no patience.
    scene.put("policy", ANNOUNCE)
    scene.wait_held(1, "med 42")


def med(scene, value):
    return f"return function(ctx) return announce{{ med = {value} }} end\n"


def test_the_nearest_policy_decides(scene):
    scene.put("policy", med(scene, 1))
    daemon = scene.stand("a", "b")
    scene.wait_held(1, "med 1")
    scene.put("node/n1/policy", med(scene, 2))
    scene.wait_held(1, "med 2")
    scene.wait_held(2, "med 2")
    scene.put("routes/a/policy", med(scene, 3))
    scene.wait_held(1, "med 3")
    assert "med 2" in scene.held(2)
    scene.put("routes/a/policy", '{"use": "builtin"}')
    scene.wait_held(1, "med 7")
    assert daemon.route("a")["policy"] is None and daemon.route("a")["layer"] == "health"
    scene.tree.remove("routes/a/policy")
    scene.wait_held(1, "med 2")
    scene.tree.remove("node/n1/policy")
    scene.wait_held(1, "med 1")
    scene.wait_held(2, "med 1")
    scene.tree.remove("policy")
    scene.wait_held(2, "med 7")
    assert daemon.route("b")["policy"] is None and scene.withdrawn() == []


def test_labels_and_neighbors_are_seen(scene):
    scene.put("node/n1/labels", '{"site": 1}')
    scene.put("policy", "return function(ctx)\n  local up = 0\n"
                        "  for _, n in ipairs(ctx.neighbors) do if n.state == 'up' then up = up + 1 end end\n"
                        "  return announce{ med = up, community = {'65000:' .. ctx.node.labels.site} }\nend\n")
    daemon = scene.stand("web")
    scene.wait_held(1, "med 1 community 65000:1")
    scene.put("node/n1/labels", '{"site": 2}')
    scene.wait_held(1, "community 65000:2")
    neighbor = daemon.exabgp.neighbors[0]
    daemon.exabgp.end_session(neighbor, "test")
    scene.wait_held(1, "med 0")
    daemon.exabgp.begin_session(neighbor)
    scene.wait_held(1, "med 1")


def test_modules_and_data_of_a_policy_are_followed(scene):
    scene.put("lua/cost", "return { med = 11 }\n")
    scene.put("data/more", "1")
    scene.put("policy", "local cost = require('cost')\nreturn function(ctx) return announce{ med = cost.med + data.more } end\n")
    scene.stand("web")
    scene.wait_held(1, "med 12")
    scene.put("data/more", "2")
    scene.wait_held(1, "med 13")
    scene.put("lua/cost", "return { med = 20 }\n")
    scene.wait_held(1, "med 22")
    answers = scene.count("answers")
    scene.put("data/other", "1")
    scene.put("data/more", "3")
    scene.wait_held(1, "med 23")
    assert scene.count("answers") <= answers + 3


def policy_worker(scene):
    return wait_for(lambda: (w := scene.daemon.status()["workers"]["policy"])["state"] == "running" and w["pid"],
                    "the policy worker runs")


def test_a_dead_worker_is_replaced_and_withdraws_nothing(scene):
    scene.put("policy", "return function(ctx) return announce{ med = data.n or 42 } end\n")
    daemon = scene.stand("a", "b")
    lines = scene.commands()
    for n in range(3):
        old = policy_worker(scene)
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: policy_worker(scene) != old, "another one")
        assert scene.commands() == lines
    scene.put("data/n", "50")
    scene.wait_held(1, "med 50")
    # What it was asked is asked again.
    old = policy_worker(scene)
    os.kill(old, signal.SIGSTOP)
    scene.put("data/n", "60")
    wait_for(lambda: scene.count("waiting") == 2, "it is asked")
    os.kill(old, signal.SIGKILL)
    scene.wait_held(1, "med 60")
    scene.wait_held(2, "med 60")
    assert scene.withdrawn() == [] and daemon.status()["workers"]["policy"]["restarts"] == 4


def test_a_worker_that_hangs_keeps_no_dead_service_announced(scene):
    scene.put_route("web", 1, "#!lua\nreturn data.up == 1\n")
    scene.put_route("dns", 2, UP)
    scene.put("data/up", "1")
    scene.put("policy", "return function(ctx)\n  if not ctx.healthy then return withdraw('down') end\n"
                        "  return announce{ med = 42 }\nend\n")
    daemon = scene.start()
    scene.wait_held(1, "med 42")
    scene.wait_held(2, "med 42")
    def is_withdrawn_while_all_workers_hang():
        worker = daemon.status()["workers"]["policy"]["pid"]
        if worker:
            os.kill(worker, signal.SIGSTOP)
        return daemon.route("web")["state"] == "withdrawn"
    assert not is_withdrawn_while_all_workers_hang()
    scene.put("data/up", "0")
    wait_for(is_withdrawn_while_all_workers_hang, "it leaves")
    route = daemon.route("web")
    assert route["layer"] == "health" and "within 2 s" in route["policy"]["error"]
    # Each is killed for its silence, and the last one answers.
    wait_for(lambda: daemon.route("web")["reason"] == "down", "a policy worker answers", 30)
    assert scene.withdrawn() == [scene.net(1)] and daemon.settled_state("dns") == "announced"


def test_a_version_that_has_to_be_killed_gives_way_to_the_one_before(scene):
    scene.put("policy", med(scene, 5))
    daemon = scene.stand("web")
    scene.wait_held(1, "med 5")
    scene.put("policy", "return function(ctx)\n  while data.loop do end\n  return announce{ med = 6 }\nend\n")
    scene.wait_held(1, "med 6")
    for n in range(1, 4):
        scene.put("data/loop", str(n))
        wait_for(lambda: scene.count("kills") >= n, f"killed {n} times")
    shown = scene.wait_policy("web", trial="quarantined")
    scene.wait_held(1, "med 5")
    assert shown["key"] == "policy" and any("not run" in line for line in daemon.status()["warnings"])
    assert daemon.status()["workers"]["quarantined"] == 1 and scene.withdrawn() == []


def test_what_cannot_be_interrupted_ends_with_the_worker(scene):
    scene.put("routes/a/policy", ANNOUNCE)
    daemon = scene.stand("a", "b")
    old = policy_worker(scene)
    os.kill(old, signal.SIGSTOP)
    wait_for(lambda: policy_worker(scene) != old, "another one", 30)
    assert "policy worker has not answered" in daemon.log() and scene.withdrawn() == []


def test_a_prefix_changed_by_people_keeps_its_policy(scene):
    scene.put("policy", "return function(ctx) return announce{ med = 42 } end\n")
    daemon = scene.stand("web")
    scene.put("routes/web/config", f"route {scene.net(5)} next-hop self med 7")
    scene.wait_held(5, "med 42")
    wait_for(lambda: scene.held(1) is None, "the old one is gone")
    assert all("med 42" in line for line in scene.commands() if line.startswith("announce"))
    assert daemon.settled_state("web") == "announced"


def test_many_routes_are_asked_and_answered(scene):
    names = [f"r{number}" for number in range(1, 301)]
    scene.put("policy", "return function(ctx) return announce{ med = data.base or 1 } end\n")
    daemon = scene.stand(*names[:1])
    for number, name in enumerate(names, 1):
        scene.route(name, number)
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == 300, "all stand", 60)
    scene.put("data/base", "2")
    wait_for(lambda: all("med 2" in (scene.held(number) or "") for number in range(1, 301)), "all follow", 60)
    # More than a part of them is more than a policy may withdraw unasked.
    scene.put("policy", "return function(ctx)\n  if ctx.route.name:sub(2, 2) == '1' then return withdraw('1') end\n"
                        "  return announce()\nend\n")
    shown = scene.wait_policy("r2", trial="held")
    assert scene.withdrawn() == [] and shown["id"]


def test_the_local_socket_tells_what_a_policy_is_told(scene):
    scene.put("policy", "local m = require('m')\nreturn function(ctx) return announce{ med = data.n } end\n")
    scene.put("lua/m", "return 1\n")
    scene.put("data/n", "3")
    scene.put("node/n1/labels", '{"site": "ams"}')
    scene.put_route("web", 1, "#!lua\nreturn true, {rtt = 5}\n")
    daemon = scene.start()
    scene.wait_held(1, "med 3")
    answer = daemon.ask("context", route="web")
    context = answer["context"]
    assert context["kind"] == "route" and context["healthy"] is True and context["health"] == "up"
    assert context["route"]["prefixes"] == [scene.net(1)] and context["route"]["attributes"]["next_hop"] == "self"
    check = context["checks"]["healthcheck"]
    assert check["own"] is True and check["status"] == "passed" and check["data"] == {"rtt": 5}
    assert 1 <= len(check["results"]) <= 8 and check["results"][0]["status"] == "passed"
    assert context["standing"]["announced"] is True and context["standing"]["attributes"]["med"] == 3
    assert context["node"] == {"name": "n1", "labels": {"site": "ams"}, "admin_state": "up"}
    assert context["neighbors"][0]["address"] == "10.99.0.2" and context["neighbors"][0]["state"] == "up"
    assert answer["policy"]["key"] == "policy" and answer["policy"]["inForce"] is True
    assert answer["policy"]["text"].startswith("local m = require") and answer["modules"] == {"m": "return 1\n"}
    assert answer["data"] == {"n": 3}
    assert daemon.ask("context", route="none") == {"error": "there is no such route"}
    assert daemon.ask("context") == {"error": "expected `route`, a text"}


def test_admission_is_asked(scene):
    daemon = scene.stand("web")
    line = "announce route 192.0.2.1/32 next-hop self med 5"
    assert daemon.ask("admission", announce=line) == {"asked": False, "admitted": True, "reason": None, "failure": None,
                                                      "attributes": None}
    scene.put("admission", "return function(ctx)\n  if ctx.request.owner ~= 'noc' then return refuse('who are you') end\n"
                           "  return admit{ community = {'65000:' .. ctx.route.attributes.med} }\nend\n")
    wait_for(lambda: daemon.ask("admission", announce=line)["asked"], "it is asked")
    assert daemon.ask("admission", announce=line, owner="me")["reason"] == "who are you"
    answer = daemon.ask("admission", announce=line, owner="noc")
    assert answer["admitted"] is True and answer["attributes"] == {"community": ["65000:5"]}
    assert "error" in daemon.ask("admission", announce="announce route 192.0.2.1/99 next-hop self")
    assert "error" in daemon.ask("admission")
    scene.put("admission", "return function(ctx) error('oh') end\n")
    answer = wait_for(lambda: (a := daemon.ask("admission", announce=line))["failure"] and a, "it fails")
    assert answer["admitted"] is False and answer["failure"].startswith("admission:1: oh")
    assert len(scene.commands()) == 1


def test_a_ready_made_policy_gets_its_parameters(scene):
    window = {"use": "time_window", "from": "00:00", "to": "24:00", "announce": "outside", "med": 999}
    scene.put("policy", json.dumps(window))
    scene.stand("web")
    scene.wait_held(1, "med 999")
    scene.put("policy", json.dumps({**window, "med": 998}))
    scene.wait_held(1, "med 998")
