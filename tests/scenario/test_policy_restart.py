"""A host reboots: ExaBGP has nothing, and core comes with what the last one saved. What decided before decides again, also beside
a newer text that may not."""
import json
import os
import signal

import pytest

from test_policy import ANNOUNCE, BAD, World
from wait import wait_for

GOOD = ("local cost = require('cost')\nreturn function(ctx)\n  if not ctx.healthy then return withdraw(ctx.reason) end\n"
        "  return announce{ med = cost.med }\nend\n")
WITHDRAW = BAD["withdraw"][0]


class Scene(World):
    def reboot(self, **changes):
        """With an empty ExaBGP; the store changes meanwhile: {key: value, or None = removed}."""
        self.daemon.close()
        self.change(changes)
        return self.start()

    def change(self, keys):
        for key, value in keys.items():
            if value is None:
                self.tree.remove(key)
            else:
                self.put(key, value)

    def stand_by(self, policy, *names):
        self.put("lua/cost", "return { med = 42 }\n")
        self.put("policy", policy)
        return self.stand(*names)

    def wait_all(self, numbers, text):
        for number in numbers:
            self.wait_held(number, text)

    def wait_warning(self, text):
        return wait_for(lambda: next((line for line in self.daemon.status()["warnings"] if text in line), None), text)

    def assert_never_other(self, text):
        """What it announced since the reboot was this from the beginning."""
        assert self.withdrawn() == []
        assert all(text in line for line in self.commands() if "announce" in line), self.commands()


@pytest.mark.parametrize("kind", ["error", "withdraw"])
@pytest.mark.parametrize("before", ["module", "ready-made"])
def test_what_is_held_is_held_again_and_what_decided_decides(scene, kind, before):
    good = {"module": GOOD, "ready-made": json.dumps({"use": "time_window", "from": "00:00", "to": "24:00",
                                                      "announce": "outside", "med": 42})}[before]
    scene.stand_by(good, "a", "b", "c")
    scene.wait_all((1, 2, 3), "med 42")
    # The module goes with the text that is held: what decided has its own.
    scene.put("policy", BAD[kind][0])
    shown = scene.wait_policy("a", trial="held")
    scene.put("lua/cost", "return { med = 77 }\n")
    scene.wait_saved("@held/policy")
    for _ in range(2):
        scene.reboot()
        scene.wait_all((1, 2, 3), "med 42")
        again = scene.wait_policy("a", trial="held", id=shown["id"])
        assert again["decides"] == "policy" and BAD[kind][1] in scene.wait_warning(" is held ")
        scene.assert_never_other("med 42")
        scene.wait_saved("@held/policy")
    # The text of before in the store is in force already.
    scene.put("lua/cost", "return { med = 42 }\n")
    scene.put("policy", good)
    scene.wait_policy("a", trial="none", state="answered")
    scene.assert_never_other("med 42")


def test_what_was_held_may_be_approved_after_a_reboot(scene):
    scene.stand_by(GOOD, "a", "b")
    scene.wait_all((1, 2), "med 42")
    scene.put("policy", WITHDRAW)
    held = scene.wait_policy("a", trial="held")
    scene.wait_saved("@held/policy")
    daemon = scene.reboot()
    scene.wait_all((1, 2), "med 42")
    assert daemon.ask("approve", id=held["id"]) == {"approved": held["id"]}
    daemon.wait_state("a", "withdrawn")
    daemon.wait_state("b", "withdrawn")


@pytest.mark.parametrize("kind", ["error", "withdraw"])
def test_a_text_that_changed_while_the_host_was_away_is_tried_against_the_one_before(scene, kind):
    scene.put_route("d", 4, "#!lua\nreturn true\n")
    scene.stand_by(GOOD, "a", "b", "c")
    scene.wait_all((1, 2, 3, 4), "med 42")
    scene.wait_saved("@policy/policy")
    scene.reboot(**{"policy": BAD[kind][0], "lua/cost": "return { med = 77 }\n"})
    scene.wait_all((1, 2, 3, 4), "med 42")
    scene.wait_policy("a", trial="held", decides="policy")
    scene.assert_never_other("med 42")
    scene.put("policy", GOOD)
    scene.wait_all((1, 2, 3, 4), "med 77")


def test_a_trial_waits_for_checks_that_have_told_nothing(scene):
    """Nobody could be asked with the new text: it is not in force for that."""
    for number, name in enumerate("ab", 1):
        scene.put_route(name, number, "#!lua\nreturn true\n")
    scene.put("lua/cost", "return { med = 42 }\n")
    scene.put("policy", GOOD)
    scene.start()
    scene.wait_all((1, 2), "med 42")
    scene.wait_saved("@policy/policy")
    slow = "#!lua\nwhile not data.go do sleep(0.05) end\nreturn true\n"
    options = json.dumps({"interval": "100ms", "fall": 1, "timeout": "60s"})
    scene.reboot(**{"policy": WITHDRAW, **{f"routes/{name}/healthcheck": slow for name in "ab"},
                    **{f"routes/{name}/options": options for name in "ab"}})
    shown = scene.wait_policy("a", trial="trial")
    assert shown["decides"] == "policy" and scene.commands() == []
    scene.put("data/go", "1")
    scene.wait_all((1, 2), "med 42")
    scene.wait_policy("a", trial="held")
    scene.assert_never_other("med 42")


@pytest.mark.parametrize("key", ["routes/a/policy", "policy"])
def test_what_was_held_over_the_built_in_decision_is_held_over_it_again(scene, key):
    daemon = scene.stand("a", "b")
    scene.put(key, WITHDRAW if key == "policy" else BAD["error"][0])
    scene.wait_policy("a", trial="held", state="tried")
    scene.wait_saved(f"@held/{key}")
    daemon = scene.reboot()
    scene.wait_all((1, 2), "med 7")
    scene.wait_policy("a", trial="held", state="tried")
    assert daemon.route("a")["layer"] == "health" and scene.withdrawn() == []


def test_a_nearer_policy_that_is_held_leaves_its_routes_to_the_one_further_out(scene):
    scene.stand_by(GOOD, "a", "b")
    scene.wait_all((1, 2), "med 42")
    scene.put("routes/a/policy", BAD["error"][0])
    scene.put("node/n1/policy", BAD["error"][0])
    scene.wait_policy("a", trial="held")
    scene.wait_policy("b", trial="held")
    scene.wait_saved("@held/routes/a/policy")
    scene.reboot()
    scene.wait_all((1, 2), "med 42")
    scene.wait_policy("a", trial="held", key="routes/a/policy")
    scene.wait_policy("b", trial="held", key="node/n1/policy")
    scene.assert_never_other("med 42")


def test_a_policy_that_is_gone_does_not_come_back(scene):
    scene.put("routes/a/policy", ANNOUNCE)
    scene.put("policy", ANNOUNCE)
    scene.stand("a", "b")
    scene.wait_all((1, 2), "med 42")
    scene.wait_saved("@policy/policy")
    daemon = scene.reboot(**{"policy": None, "routes/a/policy": None})
    scene.wait_all((1, 2), "med 7")
    for key, name in (("policy", "b"), ("routes/a/policy", "a")):
        scene.put(key, BAD["error"][0])
        scene.wait_policy(name, trial="held", key=key)
    assert daemon.route("b")["layer"] == "health" and scene.withdrawn() == []
    assert "med 7" in scene.held(1) and "med 7" in scene.held(2)


@pytest.mark.parametrize("kind", ["error", "loop"])
def test_a_text_that_never_decided_and_fails_leaves_a_fresh_node_to_health(scene, kind):
    scene.put_route("sick", 3, "#!lua\nreturn false\n")
    scene.put("policy", BAD[kind][0])
    daemon = scene.stand("a", "b")
    scene.wait_policy("a", state="tried", decides=None)
    assert BAD[kind][1] in scene.wait_warning(" is held ")
    assert daemon.route("a")["layer"] == "health" and scene.held(3) is None
    scene.put("policy", ANNOUNCE)
    scene.wait_all((1, 2), "med 42")


def test_a_text_that_never_decided_and_gives_verdicts_decides_alone_on_a_fresh_node(scene):
    scene.put("policy", "return function(ctx)\n  if ctx.route.name == 'b' then return withdraw('not b') end\n"
                        "  return announce{ med = 42 }\nend\n")
    daemon = scene.stand("a")
    scene.route("b", 2)
    assert wait_for(lambda: (r := daemon.route("b")) and r["reason"] == "not b" and r, "b is told")["layer"] == "policy"
    scene.assert_never_other("med 42")
    assert scene.held(2) is None


def test_a_damaged_file_brings_nothing_back(scene):
    scene.stand_by(GOOD, "a", "b")
    scene.wait_all((1, 2), "med 42")
    scene.put("policy", BAD["error"][0])
    scene.wait_policy("a", trial="held")
    scene.wait_saved("@held/policy")
    scene.daemon.close()
    path = scene.folder / "state" / "lastgood"
    path.write_bytes(path.read_bytes()[:-20])
    daemon = scene.start()
    scene.wait_policy("a", trial="held", state="tried", decides=None)
    scene.wait_all((1, 2), "med 7")
    assert daemon.route("a")["layer"] == "health"


def test_a_restart_of_core_alone_touches_nothing_of_what_is_held(scene):
    daemon = scene.stand_by(GOOD, "a", "b")
    scene.wait_all((1, 2), "med 42")
    scene.put("policy", WITHDRAW)
    held = scene.wait_policy("a", trial="held")
    scene.wait_saved("@held/policy")
    lines = scene.commands()
    old = daemon.core()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: daemon.core() not in (None, old), "another core")
    scene.wait_policy("a", trial="held", id=held["id"], decides="policy", state="answered")
    daemon.wait_settled()
    assert scene.commands() == lines
