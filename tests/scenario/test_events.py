"""Events: what happens is told once, in order, with the decision that it goes back to; to who asks and to who follows."""
import json
import os
import signal
import subprocess

import pytest

import lua_scene
from fake_exabgp import Daemon, Neighbor
from lua_scene import FAST
from wait import wait_for


class Scene(lua_scene.Scene):
    def begin(self, *more, **options):
        self.daemon = Daemon(self.folder, f"file://{self.folder}/store", "/bgp", more=more, **options)
        return self.daemon

    def put_shell(self, name, number, flag, options=FAST):
        self.put_route(name, number, f"#!/bin/sh\ntest -f {flag} && exit 0\nexit 3\n", options)

    def put_plain(self, name, number, attributes="next-hop self"):
        self.tree.put(f"routes/{name}/config", f"route {self.net(number)} {attributes}")

    def events(self, **request):
        answer = self.daemon.ask("events", limit=1024, **request)
        return answer["events"] if answer else []

    def last(self):
        return wait_for(lambda: (a := self.daemon.ask("events", limit=1)) and a["last"], "the hub answers")

    def wait_event(self, **wanted):
        """The newest event with these members, those of its detail too."""
        def found():
            for event in reversed(self.events()):
                seen = {**event["detail"], **{name: event[name] for name in ("id", "type", "subject", "decision")}}
                if all(seen.get(name) == value for name, value in wanted.items()):
                    return event
            return None
        return wait_for(found, f"an event {wanted}")

    def command(self, *arguments):
        return [os.environ["BGPCOMMANDER"], "events", *arguments, "-n", "n1", f"--state-dir={self.folder}/state",
                f"--socket={self.folder}/sock", f"--scripts={self.folder}/scripts"]

    def run(self, *arguments, code=0):
        result = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=30)
        assert result.returncode == code, result
        return result


def fallen(scene):
    """A route that was announced and has been withdrawn by its check: the events since it fell."""
    flag = scene.folder / "flag"
    flag.touch()
    scene.put_shell("web", 1, flag)
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    scene.wait_event(type="route", subject="web", state="announced")
    before = scene.last()
    flag.unlink()
    scene.wait_event(type="route", subject="web", state="withdrawn")
    return scene.events(after=before)


def kinds(events, *types):
    return [event for event in events if event["type"] in types]


def test_a_withdraw_is_told_from_the_check_to_the_wire(scene):
    events = fallen(scene)
    check, = kinds(events, "check")
    assert check["subject"] == "web" and check["detail"] == {
        "kind": "route", "state": "down", "was": "up", "status": "failed", "reason": "exit code 3", "version": "running"}
    decision, = kinds(events, "decision")
    assert decision["subject"] == "web" and decision["detail"] == {
        "verdict": "withdraw", "layer": "health", "reason": "health check failed: exit code 3", "was": "announce"}
    commands = kinds(events, "command")
    assert [command["detail"]["what"] for command in commands] == ["sent", "ack", "wire"]
    assert commands[0]["detail"]["text"] == "withdraw route 10.8.0.1/32 next-hop self"
    assert commands[2]["detail"]["neighbor"] == "10.99.0.2" and all(one["detail"]["nlri"] == 1 for one in commands)
    route = kinds(events, "route")[-1]
    assert route["detail"]["state"] == "withdrawn" and route["detail"]["reason"] == "health check failed: exit code 3"
    assert {one["decision"] for one in [decision, *commands, route]} == {decision["decision"]}
    newest = scene.daemon.ask("decisions", route="web", limit=1)["decisions"][0]
    assert newest["id"] == decision["decision"] and newest["verdict"] == "withdraw"


def test_each_route_is_told_the_line_that_was_written_for_it(scene):
    meds = {f"r{number}": number % 3 for number in range(1, 25)}
    for name, med in meds.items():
        scene.put_plain(name, int(name[1:]), f"next-hop self med {med}")
    daemon = scene.begin()
    for name in meds:
        daemon.wait_state(name, "announced")
    sent = wait_for(lambda: (s := {one["subject"]: one["detail"] for one in kinds(scene.events(), "command")
                                   if one["detail"]["what"] == "sent"}).keys() >= meds.keys() and s, "all are told")
    lines = [line for line in daemon.exabgp.lines if "announce" in line]
    for name, med in meds.items():
        assert f"med {med}" in sent[name]["text"] and scene.net(int(name[1:])) in sent[name]["text"]
        assert sent[name]["text"] in lines and sent[name]["nlri"] == 1


def test_each_event_comes_once_in_the_order_of_ids_and_times(scene):
    fallen(scene)
    events = scene.events(after=0)
    ids = [event["id"] for event in events]
    assert len(ids) > 8 and ids == sorted(set(ids)) and events[0]["type"] == "node"
    first = events[0]["detail"]
    assert first["what"] == "start" and first["version"] == scene.daemon.status()["version"]
    told, after = [], 0
    while batch := scene.daemon.ask("events", after=after, limit=3)["events"]:
        told, after = told + batch, batch[-1]["id"]
    assert told[:len(events)] == events


def test_what_changes_several_times_at_once_is_told_as_it_then_is(scene):
    for number in range(1, 41):
        scene.put_plain(f"r{number}", number)
    scene.begin().wait_settled()
    for number in range(1, 41):
        scene.wait_event(type="route", subject=f"r{number}", state="announced")
    told = [event for event in scene.events(after=0, type="route") if event["subject"] == "r40"]
    assert len(told) <= 3
    states = [event["detail"]["state"] for event in told]
    assert [event["detail"]["was"] for event in told] == [None, *states[:-1]]


def test_a_reader_may_wait_for_what_comes(scene):
    scene.put_plain("web", 1)
    scene.put_plain("mail", 2)
    scene.begin().wait_state("web", "announced")
    for name in ("web", "mail"):
        scene.wait_event(type="route", subject=name, state="announced")
    last = scene.last()
    waiting = subprocess.Popen(["/usr/bin/python3", "-c", f"""
import json, socket
link = socket.socket(socket.AF_UNIX); link.connect({scene.daemon.socket!r})
link.sendall(json.dumps({{"command": "events", "after": {last}, "wait": 4000, "type": "route"}}).encode() + b"\\n")
print("asked", flush=True)
print(b"".join(iter(lambda: link.recv(65536), b"")).decode())"""], stdout=subprocess.PIPE, text=True)
    assert waiting.stdout.readline() == "asked\n"
    scene.tree.remove("routes/web/config")
    answer = json.loads(waiting.communicate(timeout=20)[0])
    assert answer["events"][0]["subject"] == "web" and answer["last"] >= answer["events"][-1]["id"] > last


def test_a_route_that_goes_is_told_with_its_last_state(scene):
    scene.put_plain("web", 1)
    scene.put_plain("mail", 2)
    scene.begin().wait_state("web", "announced")
    scene.wait_event(type="route", subject="web", state="announced")
    scene.tree.remove("routes/web/config")
    gone = scene.wait_event(type="route", subject="web", state="gone")
    assert gone["detail"]["was"] == "announced"


def test_only_what_is_asked_for(scene):
    fallen(scene)
    assert {event["type"] for event in scene.events(after=0, type="neighbor,node")} == {"neighbor", "node"}
    assert {event["subject"] for event in scene.events(after=0, route="w*")} == {"web"}
    assert "check" in {event["type"] for event in scene.events(after=0, route="web")}
    assert scene.events(after=0, route="other") == []
    newest = scene.daemon.ask("events", limit=2, type="command")["events"]
    assert newest == scene.events(after=0, type="command")[-2:]


@pytest.mark.parametrize("request_, error", [
    ({"after": -1}, "`after` must be the id of an event, or 0"), ({"after": "x"}, "`after` must be the id of an event, or 0"),
    ({"wait": 4001}, "`wait` must be milliseconds, from 0 to 4000"), ({"limit": 0}, "`limit` must be a number from 1 to 1024"),
    ({"limit": 1025}, "`limit` must be a number from 1 to 1024"), ({"type": 1}, "`type` and `route` must be texts"),
    ({"type": "gap"}, "`type`: expected one or more, with commas, of route, decision, command, neighbor, check, worker, store, "
                      "policy, lease, warning, http, node"),
    ({"route": "x" * 200}, "`route`: expected the name of a route, or a glob, of at most 159 bytes")], ids=str)
def test_what_is_wrong_with_a_request_is_told(scene, request_, error):
    daemon = scene.begin()
    daemon.wait_synced()
    assert daemon.ask("events", **request_) == {"error": error}


def test_sessions_and_warnings_are_told(scene):
    neighbor = Neighbor()
    daemon = scene.begin(neighbors=[neighbor])
    daemon.wait_synced()
    scene.wait_event(type="neighbor", subject="10.99.0.2", state="up")
    daemon.exabgp.end_session(neighbor, "peer reset")
    down = scene.wait_event(type="neighbor", subject="10.99.0.2", state="down")
    assert down["detail"]["was"] == "up" and "peer reset" in down["detail"]["reason"]
    scene.tree.put("node/n1/subscribedRoutes", "typo")
    new = scene.wait_event(type="warning", what="new")
    assert 'no route matches "typo"' in new["detail"]["text"]
    scene.tree.put("node/n1/subscribedRoutes", "*")
    over = scene.wait_event(type="warning", what="over")
    assert over["detail"]["text"] == new["detail"]["text"]


def test_a_warning_that_only_counts_on_is_no_other(scene):
    daemon = scene.begin()
    daemon.wait_synced()
    for count in range(1, 4):
        for number in range(count):
            scene.tree.put(f"routes/bad{number}/config", f"route 10.8.0.{number + 1}/32 next-hop self nonsense {count}")
        wait_for(lambda: daemon.status()["summary"]["faulty"] == count, f"{count} faulty")
    for key in ("adminState", "labels"):
        scene.tree.put(f"node/n1/{key}", "sideways")
        wait_for(lambda: [event for event in scene.events(after=0, type="warning") if f"node/n1/{key}" in event["detail"]["text"]], key)
    texts = [event["detail"]["text"] for event in scene.events(after=0, type="warning")]
    assert len({text.translate(str.maketrans("", "", "0123456789")) for text in texts}) == len(texts)


def test_admin_state_policies_workers_and_the_store_are_told(scene):
    scene.put_route("web", 1, lua_scene.UP)
    scene.tree.put("policy", 'return "announce", "fine"\n')
    daemon = scene.begin("--workers=1")
    daemon.wait_state("web", "announced")
    scene.wait_event(type="worker", subject="Lua worker 1", what="running")
    scene.wait_event(type="store", what="state", state="connected")
    scene.wait_event(type="node", what="ready")
    scene.tree.put("policy", 'return "withdraw", "no"\n')
    scene.wait_event(type="policy", subject="policy", what="trial")
    scene.tree.put("node/n1/adminState", "down")
    scene.wait_event(type="node", what="adminState", text="down")


def test_a_new_core_goes_on_with_greater_ids_and_tells_of_the_gap(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    last = scene.last()
    daemon.kill_core()
    events = wait_for(lambda: scene.events(after=last), "the new core tells")
    assert events[0]["type"] == "gap" and events[0]["detail"] == {"missed": None}
    assert events[0]["id"] > last and events[1]["detail"]["what"] == "start"
    assert [event["type"] for event in scene.events(after=events[0]["id"])].count("gap") == 0


def test_what_a_start_finds_as_it_was_is_no_event_for_each_route(scene):
    for number in range(1, 31):
        scene.put_plain(f"r{number}", number)
    daemon = scene.begin()
    daemon.wait_settled()
    wait_for(lambda: daemon.status()["summary"]["announced"] == 30, "all are announced")
    daemon.kill_core()
    scene.wait_event(type="node", what="ready")
    daemon.wait_settled()
    assert scene.events(after=0, type="decision") == []


def test_more_routes_at_once_than_are_kept_are_a_gap(scene):
    for number in range(1, 1301):
        scene.put_plain(f"r{number}", number)
    daemon = scene.begin()
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == 1300, "all are announced", 60)
    before = scene.last()
    scene.tree.put("node/n1/adminState", "down")
    wait_for(lambda: daemon.status()["summary"]["announced"] == 0, "all are withdrawn", 60)
    gaps = wait_for(lambda: [event for event in scene.events(after=before) if event["type"] == "gap"], "a gap is told")
    assert all(event["detail"]["missed"] is None or event["detail"]["missed"] > 0 for event in gaps)
    newest = scene.last()
    assert len(scene.events(after=0)) <= 1024 and newest > before


def test_more_routes_that_move_at_once_than_are_kept_are_passed_over(scene):
    """Nothing is announced, so that there are no commands that could be too many."""
    for number in range(1, 1301):
        scene.put_plain(f"r{number}", number)
    scene.tree.put("node/n1/subscribedRoutes", "none")
    scene.tree.put("node/n1/adminState", "down")
    daemon = scene.begin()
    wait_for(lambda: (s := daemon.status()) and s["summary"]["routes"] == 1300, "all are known", 60)
    scene.wait_event(type="node", what="ready")
    before = scene.last()
    scene.tree.put("node/n1/subscribedRoutes", "*")
    # The first gap is that of this reader, who missed some of the decisions.
    gaps = wait_for(lambda: [event for event in scene.events(after=before, type="store")[1:] if event["type"] == "gap"
                             and event["detail"]["missed"] > 1024], "they are passed over")
    assert daemon.status()["summary"]["subscribed"] == 1300 and len(gaps) >= 1


def test_events_are_a_line_each(scene):
    events = fallen(scene)
    lines = scene.run("--route", "web").stdout.splitlines()
    decision = next(event for event in events if event["type"] == "decision")
    shown = [line.split("  ", 1)[1] for line in lines]
    assert f"decision  web  withdraw: health: health check failed: exit code 3 [decision {decision['decision']}]" in shown
    assert f"command   web  sent: withdraw route 10.8.0.1/32 next-hop self [decision {decision['decision']}]" in shown
    assert f"command   web  wire: 10.99.0.2 [decision {decision['decision']}]" in shown
    assert any(line.startswith("route     web  withdrawn, was ") for line in shown)
    assert [json.loads(line) for line in scene.run("--route=web", "--json").stdout.splitlines()] == scene.events(route="web")
    assert {json.loads(line)["type"] for line in scene.run("--type=node,store", "--json").stdout.splitlines()} == {"node", "store"}
    assert "expected one or more" in scene.run("--type=nonsense", code=1).stderr


def test_without_a_daemon_there_are_none(scene):
    assert "no daemon answers" in scene.run(code=3).stderr


def test_follow_goes_on_over_a_restart_of_the_daemon(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    scene.wait_event(type="route", subject="web", state="announced")
    following = subprocess.Popen(scene.command("--follow", "--json"), stdout=subprocess.PIPE, text=True)
    try:
        ids = []

        def read_until(wanted):
            for line in following.stdout:
                event = json.loads(line)
                assert ids == [] or event["id"] > ids[-1]
                ids.append(event["id"])
                if wanted(event):
                    return event
            raise AssertionError("it ended")
        read_until(lambda event: event["type"] == "route" and event["detail"]["state"] == "announced")
        scene.put_plain("mail", 2)
        read_until(lambda event: event["type"] == "route" and event["subject"] == "mail")
        daemon.kill_core()
        gap = read_until(lambda event: event["type"] == "gap")
        start = read_until(lambda event: event["type"] == "node")
        assert start["detail"]["what"] == "start" and start["id"] > gap["id"]
        scene.put_plain("news", 3)
        read_until(lambda event: event["type"] == "route" and event["subject"] == "news")
    finally:
        following.terminate()
        following.wait(10)
        following.stdout.close()


def test_who_follows_may_go_while_nothing_happens(scene):
    scene.put_plain("web", 1)
    scene.begin().wait_state("web", "announced")
    scene.wait_event(type="route", subject="web", state="announced")
    following = subprocess.Popen(scene.command("--follow"), stdout=subprocess.PIPE)
    assert following.stdout.readline()
    following.stdout.close()
    assert following.wait(30) in (0, -signal.SIGPIPE)


def test_without_records_decisions_have_numbers_all_the_same(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin("--records=off")
    daemon.wait_state("web", "announced")
    decision = scene.wait_event(type="decision", subject="web")
    wire = scene.wait_event(type="command", subject="web", what="wire")
    assert wire["decision"] == decision["decision"] > 0
    assert daemon.ask("decisions", route="web")["decisions"] == []
