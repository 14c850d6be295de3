"""Named checks: they run once for all routes that rest on them, and several checks make one result."""
import json
import os
import signal
import time

import pytest

import lua_scene
from lua_scene import FAST
from wait import wait_for

TOLD = "#!lua\nif options.env.OK == '0' then return false, 'it is off' end\nif options.env.OK == '?' then error('oh') end\n" \
       "return true, {route = route == nil and 'none' or route.name, check = check.name}\n"


class Scene(lua_scene.Scene):
    def put_check(self, name, ok="1", script=TOLD, **more):
        self.tree.put(f"checks/{name}/options", self.options(ok, **more))
        self.tree.put(f"checks/{name}/script", script)

    def tell(self, name, ok):
        self.tree.put(f"checks/{name}/options", self.options(ok))

    @staticmethod
    def options(ok, **more):
        return json.dumps({"interval": "100ms", "fall": 1, "env": {"OK": ok}, **more})

    def put_user(self, name, number, checks, **more):
        self.tree.put(f"routes/{name}/options", json.dumps({"interval": "100ms", "fall": 1, "checks": checks, **more}))
        self.tree.put(f"routes/{name}/config", f"route {self.net(number)} next-hop self")

    def check(self, name):
        answer = self.daemon.ask("checks", name=name)
        return answer["checks"][0] if answer and answer["checks"] else None

    def wait_check(self, name, state):
        return wait_for(lambda: (c := self.check(name)) and c["state"] == state and c, f"check {name} is {state}")

    def wait_reason(self, name, reason):
        return wait_for(lambda: (r := self.daemon.route(name)) and r["reason"] == reason and r, f"{name}: {reason}")


def test_one_check_takes_all_its_routes(scene):
    scene.put_check("dns")
    for number in range(3):
        scene.put_user(f"r{number}", number, ["dns"])
    scene.put_route("other", 9, "#!lua\nreturn true\n")
    daemon = scene.start()
    for name in ("r0", "r1", "r2", "other"):
        daemon.wait_state(name, "announced")
    assert scene.wait_reason("r0", "check dns passed")["health"] == "up"
    shown = scene.check("dns")
    assert (shown["kind"], shown["users"], shown["state"], shown["running"]["language"]) == ("named", 3, "up", "lua")
    assert shown["data"] == {"route": "none", "check": "dns"}
    wait_for(lambda: scene.worker()["checks"] == 2, "it runs once")
    scene.tell("dns", "0")
    for name in ("r0", "r1", "r2"):
        assert daemon.wait_state(name, "withdrawn")["reason"] == "check dns failed: it is off"
    assert daemon.settled_state("other") == "announced"
    one = daemon.route("r1")["checks"]
    assert [(c["name"], c["kind"], c["state"], c["status"], c["reason"]) for c in one] == \
        [("dns", "named", "down", "failed", "it is off")]
    scene.tell("dns", "1")
    for name in ("r0", "r1", "r2"):
        daemon.wait_state(name, "announced")


def test_each_of_many_routes_is_decided_again(scene):
    """More than one turn of the loop decides."""
    scene.put_check("dns")
    for number in range(600):
        scene.put_user(f"r{number}", number, ["dns"])
    daemon = scene.start()

    def count(state):
        status = daemon.status()
        return status and status["summary"][state]
    wait_for(lambda: count("announced") == 600, "all stand", 60)
    scene.tell("dns", "0")
    wait_for(lambda: count("withdrawn") == 600, "all are gone", 60)
    scene.tell("dns", "1")
    wait_for(lambda: count("announced") == 600, "all are back", 60)


def test_a_shell_check_may_be_shared_too(scene):
    told = scene.folder / "told"
    scene.put_check("dns", script=f"echo \"$CHECK/$ROUTE/$NODE\" >> {told}\n[ \"$OK\" = 1 ]\n")
    for number in range(3):
        scene.put_user(f"r{number}", number, ["dns"])
    daemon = scene.start()
    for number in range(3):
        daemon.wait_state(f"r{number}", "announced")
    assert told.read_text().splitlines()[0] == "dns//n1"
    assert daemon.status()["workers"]["exec"]["checks"] in (0, 1)
    scene.tell("dns", "0")
    for number in range(3):
        assert daemon.wait_state(f"r{number}", "withdrawn")["reason"] == "check dns failed: exit code 1"


def test_it_runs_while_a_subscribed_route_rests_on_it(scene):
    scene.put_check("dns")
    scene.put_user("a", 1, ["dns"])
    scene.put_user("b", 2, ["dns"])
    scene.tree.put("node/n1/subscribedRoutes", "a")
    daemon = scene.start()
    daemon.wait_state("a", "announced")
    assert scene.check("dns")["users"] == 1
    scene.tree.put("node/n1/subscribedRoutes", "a b")
    daemon.wait_state("b", "announced")
    assert scene.check("dns")["users"] == 2
    scene.tree.put("node/n1/subscribedRoutes", "-")
    wait_for(lambda: scene.check("dns") is None, "nobody needs it")
    wait_for(lambda: scene.worker()["checks"] == 0, "it does not run")
    scene.tree.put("node/n1/subscribedRoutes", "b")
    daemon.wait_state("b", "announced")
    scene.put_user("b", 2, [], check="none")
    wait_for(lambda: scene.check("dns") is None, "nobody needs it")
    assert daemon.settled_state("b") == "announced" and daemon.route("b")["health"] == "none"


COMBINE = [
    ("all", "11", "up"), ("all", "10", "down"), ("all", "1?", "unknown"), ("all", "0?", "down"),
    ("any", "10", "up"), ("any", "00", "down"), ("any", "0?", "unknown"), ("any", "1?", "up"),
    ({"at_least": 2}, "110", "up"), ({"at_least": 2}, "100", "down"), ({"at_least": 2}, "10?", "unknown"),
    ({"at_least": 2}, "00?", "down"),
]


@pytest.mark.parametrize("combine,says,health", COMBINE)
def test_checks_are_combined(scene, combine, says, health):
    """A check that has never passed and has an error is unknown."""
    names = [f"c{number}" for number in range(len(says))]
    for name, ok in zip(names, says):
        scene.put_check(name, ok)
    scene.put_user("web", 1, names, combine=combine)
    daemon = scene.start()
    state = {"up": "announced", "down": "withdrawn", "unknown": "waiting"}[health]
    daemon.wait_state("web", state)
    for name, ok in zip(names, says):
        scene.wait_check(name, {"1": "up", "0": "down", "?": "unknown"}[ok])
        wait_for(lambda: scene.check(name)["status"] is not None, "it has run")
    route = wait_for(lambda: (r := daemon.route("web"))["health"] == health and r, health)
    assert route["state"] == state


def test_what_cannot_be_told_neither_withdraws_nor_announces(scene):
    scene.put_check("a")
    scene.put_check("b")
    scene.put_user("web", 1, ["a", "b"])
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    scene.tell("b", "?")
    wait_for(lambda: any("script error" in text for text in daemon.status()["warnings"]), "its error is a warning")
    warning = next(text for text in daemon.status()["warnings"] if "script error" in text)
    assert warning == "check b: script error: b:3: oh"
    assert daemon.settled_state("web") == "announced" and scene.withdrawn() == []


def test_a_routes_own_check_is_one_of_them(scene):
    scene.put_check("dns")
    scene.put_user("web", 1, ["dns"], env={"OK": "1"})
    scene.tree.put("routes/web/healthcheck", TOLD)
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    wait_for(lambda: [c["state"] for c in daemon.route("web")["checks"]] == ["up", "up"], "both are up")
    assert [c["kind"] for c in daemon.route("web")["checks"]] == ["route", "named"]
    assert daemon.route("web")["reason"] == "health check passed (and 1 more)"
    scene.put_user("web", 1, ["dns"], env={"OK": "0"})
    assert daemon.wait_state("web", "withdrawn")["reason"] == "health check failed: it is off"
    scene.tell("dns", "0")
    scene.wait_reason("web", "health check failed: it is off (and 1 more)")
    scene.put_user("web", 1, ["dns"], env={"OK": "1"})
    scene.wait_reason("web", "check dns failed: it is off")
    scene.put_user("web", 1, ["dns"], env={"OK": "1"}, combine="any")
    daemon.wait_state("web", "announced")


def test_a_check_that_is_not_there_says_nothing(scene):
    scene.put_user("new", 1, ["nobody"])
    scene.put_user("old", 2, [])
    daemon = scene.start()
    daemon.wait_state("old", "announced")
    scene.wait_reason("new", "no good version of check nobody is in the store: stays withdrawn")
    scene.put_user("old", 2, ["nobody"])
    scene.wait_reason("old", "no good version of check nobody is in the store: stays announced")
    scene.put_check("nobody")
    daemon.wait_state("new", "announced")
    scene.wait_check("nobody", "up")
    scene.tree.remove("checks/nobody/script")
    scene.tree.remove("checks/nobody/options")
    wait_for(lambda: scene.worker()["checks"] == 0, "it does not run any more")
    assert daemon.settled_state("old") == "announced" and daemon.settled_state("new") == "announced"
    assert scene.withdrawn() == []


def test_a_check_that_never_passed_withdraws_nothing_that_stood_before_it(scene):
    scene.put_user("web", 1, [])
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    scene.put_check("dns", "0")
    scene.put_user("web", 1, ["dns"])
    wait_for(lambda: (c := scene.check("dns")) and c["status"] == "failed" and c["probation"], "it fails, on probation")
    assert daemon.settled_state("web") == "announced"
    # One that was found down while nothing stood on it, too.
    scene.put_check("late", "0")
    scene.put_user("other", 2, ["late"])
    daemon.wait_state("other", "withdrawn")
    scene.put_user("web", 1, ["dns", "late"])
    wait_for(lambda: scene.check("late")["probation"], "it is on probation")
    assert daemon.settled_state("web") == "announced" and scene.withdrawn() == []
    scene.tell("dns", "1")
    scene.tell("late", "1")
    daemon.wait_state("other", "announced")
    scene.wait_check("dns", "up")
    scene.tell("late", "0")
    daemon.wait_state("web", "withdrawn")
    daemon.wait_state("other", "withdrawn")


def test_a_bad_version_of_a_named_check_withdraws_nothing(scene):
    scene.put_check("dns")
    for number in range(3):
        scene.put_user(f"r{number}", number, ["dns"])
    daemon = scene.start()
    for number in range(3):
        daemon.wait_state(f"r{number}", "announced")
    scene.wait_check("dns", "up")
    scene.tree.put("checks/dns/script", "#!lua\nreturn false, 'never'\n")
    told = "new version of checks/dns/script has not passed yet: failed: never; the old one decides"
    wait_for(lambda: told in daemon.status()["warnings"], "the status says so")
    assert all(daemon.settled_state(f"r{number}") == "announced" for number in range(3)) and scene.withdrawn() == []
    scene.tell("dns", "0")
    for number in range(3):
        assert daemon.wait_state(f"r{number}", "withdrawn")["reason"] == "check dns failed: it is off"


def test_a_score_is_judged_by_the_threshold_of_the_options(scene):
    script = "#!lua\nreturn 60, {o = options.threshold, i = options.interval, t = options.timeout, e = options.env.OK}\n"
    scene.put_check("load", script=script)
    scene.put_user("web", 1, ["load"])
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    shown = wait_for(lambda: (c := scene.check("load")) and c["data"] and c, "it has run")
    assert shown["score"] == 60 and shown["data"] == {"o": 50, "i": 0.1, "t": 2, "e": "1"}
    scene.tree.put("checks/load/options", scene.options("1", threshold=80, timeout="500ms"))
    daemon.wait_state("web", "withdrawn")
    shown = scene.check("load")
    assert shown["score"] == 60 and shown["data"] == {"o": 80, "i": 0.1, "t": 0.5, "e": "1"}


def test_a_ready_made_check_finds_its_parameters(scene):
    scene.tree.put("checks/port/options", json.dumps({"interval": "100ms", "fall": 1, "check": {
        "use": "tcp", "host": "127.0.0.1", "port": 1}}))
    scene.put_user("web", 1, ["port"])
    scene.start()
    shown = scene.wait_check("port", "down")
    # It knows where to connect to.
    assert shown["status"] == "failed" and "say host" not in shown["reason"] and shown["running"]["language"] == "lua"


def test_named_checks_go_on_after_a_restart(scene):
    scene.put_check("dns")
    scene.put_user("a", 1, ["dns"])
    daemon = scene.start()
    daemon.wait_state("a", "announced")
    wait_for(lambda: (scene.folder / "state" / "lastgood").exists(), "the configuration is saved")
    daemon.kill_core()
    scene.wait_check("dns", "up")
    daemon.wait_state("a", "announced")
    assert scene.withdrawn() == []
    scene.tell("dns", "0")
    daemon.wait_state("a", "withdrawn")


def test_a_probation_of_a_named_check_outlives_core(scene):
    scene.put_user("web", 1, [])
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    scene.put_check("dns", "0")
    scene.put_user("web", 1, ["dns"])
    wait_for(lambda: (c := scene.check("dns")) and c["status"] == "failed", "it fails")
    lastgood = scene.folder / "state" / "lastgood"
    wait_for(lambda: b"@probation/checks/dns" in lastgood.read_bytes(), "it is saved", errors=(OSError,))
    daemon.kill_core()
    wait_for(lambda: (c := scene.check("dns")) and c["status"] == "failed" and c["probation"], "it fails again")
    assert daemon.settled_state("web") == "announced" and scene.withdrawn() == []


def found(scene, what):
    """What the script of `web` found, in a run since the last of these calls, in whatever worker."""
    begun = time.monotonic()
    wait_for(lambda: (d := scene.daemon.route("web")["data"]) and d["t"] > begun and d["found"] == what, f"it finds {what}")


def kill_worker(scene):
    restarts = scene.worker()["restarts"]
    os.kill(scene.wait_worker(), signal.SIGKILL)
    wait_for(lambda: (w := scene.worker()) and w["restarts"] == restarts + 1 and w["state"] == "running", "another worker")


def test_a_changed_module_puts_its_users_on_probation(scene):
    scene.tree.put("lua/util", "return {ok = true, is = 'old'}\n")
    scene.put_route("web", 1, "#!lua\nlocal util = require 'util'\nif not util.ok then return false, 'the module says so' end\n"
                    "return true, {found = util.is, t = time.monotonic()}\n")
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    found(scene, "old")
    scene.tree.put("lua/util", "return {ok = false}\n")
    scene.wait_error("web", "new version of routes/web/healthcheck has not passed yet: failed: the module says so")
    kill_worker(scene)
    found(scene, "old")
    assert daemon.settled_state("web") == "announced"
    scene.tree.put("lua/util", "return {ok = true, is = 'new'}\n")
    found(scene, "new")
    assert scene.withdrawn() == [] and daemon.route("web")["error"] is None


def test_data_is_found_and_changes(scene):
    scene.tree.put("data/limit", '{"most": 7}')
    scene.put_route("web", 1, "#!lua\nreturn true, {found = data.limit and data.limit.most or 'none', t = time.monotonic()}\n")
    scene.start().wait_state("web", "announced")
    found(scene, 7)
    scene.tree.put("data/limit", '{"most": 8}')
    found(scene, 8)
    kill_worker(scene)
    found(scene, 8)
    scene.tree.remove("data/limit")
    found(scene, "none")


COUNT = "#!lua\nstate.runs = (state.runs or 0) + 1\nmetric.counter('runs_total', 1)\nmetric.gauge('runs', state.runs, {of = check.name})\n" \
        "return true, {runs = state.runs}\n"


def runs(scene):
    data = (scene.daemon.route("web") or {}).get("data")
    return data["runs"] if data else 0


def test_state_outlives_the_worker_and_core(scene):
    scene.put_route("web", 1, COUNT, FAST)
    daemon = scene.start()
    wait_for(lambda: runs(scene) >= 3, "it counts")
    before = runs(scene)
    os.kill(scene.wait_worker(), signal.SIGKILL)
    wait_for(lambda: scene.worker()["restarts"] == 1 and runs(scene) > before, "it goes on")
    file = scene.folder / "state" / "checkstate"
    wait_for(lambda: b'{"runs":' in file.read_bytes(), "it is saved", errors=(OSError,))
    daemon.kill_core()
    first = wait_for(lambda: runs(scene), "it runs")
    assert first > 1, "it began anew"
    metrics = {one["name"]: one for one in scene.check("web")["metrics"]}
    assert metrics["runs"]["type"] == "gauge" and metrics["runs"]["labels"] == {"of": "web"}
    assert metrics["runs_total"]["type"] == "counter" and metrics["runs_total"]["value"] >= 1
    wait_for(lambda: scene.check("web")["metrics"][0]["value"] > 3, "counters add up")


def test_state_is_saved_at_the_end(scene):
    """Sooner than it would be by itself."""
    scene.put_route("web", 1, COUNT, FAST)
    daemon = scene.start()
    seen = wait_for(lambda: runs(scene) >= 3 and runs(scene), "it counts")
    old = daemon.core()
    assert daemon.ask("upgrade") == {"upgrading": True}
    wait_for(lambda: (new := daemon.core()) and new != old, "the next core")
    assert wait_for(lambda: runs(scene), "it runs") > seen


def test_a_damaged_file_of_states_is_an_empty_one(scene):
    """Also what was good in it does not count."""
    scene.put_route("web", 1, "#!lua\nstate.first = state.first or time.monotonic()\nreturn true, {first = state.first}\n")
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    file = scene.folder / "state" / "checkstate"
    wait_for(lambda: b'{"first":' in file.read_bytes(), "it is saved", errors=(OSError,))
    daemon.close()
    whole, begun = file.read_bytes(), time.monotonic()
    file.write_bytes(whole[:-3])
    daemon = scene.start()
    assert wait_for(lambda: (r := daemon.route("web")) and r["data"], "it runs")["first"] > begun
    assert daemon.log().count("states of checks: the file is damaged: all of them begin anew") == 1
    daemon.close()
    file.write_bytes(whole)
    daemon = scene.start()
    assert wait_for(lambda: (r := daemon.route("web")) and r["data"], "it runs")["first"] < begun
