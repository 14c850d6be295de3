"""Core under a scripted ExaBGP that answers late, wrongly, never, or to somebody else: nothing gets stuck, nothing is
lost, nothing is withdrawn that was fine, and what core says of itself is true."""
import itertools
import os
import shutil
import signal
import socket
import threading
import time

import pytest

from etcd_lab import Member
from fake_dialect import DIALECTS
from fake_exabgp import Daemon, Neighbor
from wait import wait_for

_numbers = itertools.count()
in_each_dialect = pytest.mark.parametrize("scene", DIALECTS, indirect=True)


@pytest.fixture(scope="module")
def etcd(tmp_path_factory):
    member = Member(tmp_path_factory.mktemp("etcd")).start()
    yield member
    member.kill()


class Scene:
    """Keys of one prefix in the etcd of all tests, and the daemons that a test starts."""

    def __init__(self, etcd, folder, dialect=DIALECTS[0]):
        self.dialect = dialect
        self.gateway, self.url = etcd.gateway(), etcd.url()
        self.folder, self.prefix = folder, f"/t{next(_numbers)}"
        self.daemons = []

    def put(self, key, value):
        self.gateway.put(f"{self.prefix}/{key}", value)

    def delete(self, key):
        self.gateway.delete(f"{self.prefix}/{key}")

    def put_routes(self, *names):
        for name in names:
            self.put(f"routes/{name}/config", self.config(name))

    @staticmethod
    def config(name):
        return f"route {Scene.net(name)} next-hop self med {name[1:]}"

    @staticmethod
    def net(name):
        return f"10.9.{int(name[1:]) // 250}.{int(name[1:]) % 250}/32"

    def daemon(self, subscribed="*", url=None, **options):
        self.put("node/n1/subscribedRoutes", subscribed)
        self.daemons.append(Daemon(self.folder, url or self.url, self.prefix, **{"dialect": self.dialect, **options}))
        return self.daemons[-1]

    def close(self):
        for daemon in self.daemons:
            daemon.close()
        for daemon in self.daemons:
            log = daemon.log()
            assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


@pytest.fixture
def scene(request, etcd, tmp_path):
    made = Scene(etcd, tmp_path, getattr(request, "param", DIALECTS[0]))
    yield made
    made.close()


def wait_rib(daemon, names, seconds=15):
    wanted = {Scene.net(name) for name in names}
    wait_for(lambda: daemon.exabgp.prefixes() == wanted, f"ExaBGP holds {names}", seconds)


@in_each_dialect
def test_what_is_wanted_is_announced_and_confirmed(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    daemon.wait_state("r1", "announced")
    status = daemon.wait_settled()
    assert status["summary"]["announced"] == 2 and status["warnings"] == []
    assert daemon.exabgp.prefixes() == {scene.net("r1"), scene.net("r2")}
    scene.delete("routes/r1/config")
    wait_rib(daemon, ["r2"])


@in_each_dialect
def test_a_missing_ack_while_a_session_comes_up_stops_nothing(scene):
    scene.put_routes("r1")
    neighbor = Neighbor()
    daemon = scene.daemon(neighbors=[neighbor])
    daemon.wait_state("r1", "announced")
    fake = daemon.exabgp
    fake.mute = lambda line: scene.net("r2") in line
    fake.unseen = lambda prefix: prefix == scene.net("r2")
    scene.put_routes("r2")
    wait_for(lambda: scene.net("r2") in fake.prefixes(), "r2 is written")
    fake.say_state(neighbor, "down", "test")
    fake.say_state(neighbor, "up")
    fake.mute = lambda line: False
    fake.unseen = lambda prefix: False
    scene.put_routes("r3")
    wait_rib(daemon, ["r1", "r2", "r3"])
    scene.delete("routes/r1/config")
    wait_rib(daemon, ["r2", "r3"])
    assert fake.withdrawn() == [scene.net("r1")]


@in_each_dialect
def test_without_acks_all_is_announced_and_withdrawn(scene):
    scene.put_routes("r1", "r2", "r3")
    daemon = scene.daemon(before=[])
    daemon.exabgp.acks = False
    daemon.kill_core()
    daemon.wait_synced()
    status = daemon.wait_settled()
    assert status["exabgp"]["acks"] is False and any("acknowledge" in line for line in status["warnings"])
    wait_rib(daemon, ["r1", "r2", "r3"])
    scene.delete("routes/r2/config")
    wait_rib(daemon, ["r1", "r3"])
    assert daemon.exabgp.withdrawn() == [scene.net("r2")]


@in_each_dialect
def test_without_acks_a_dead_cores_answers_are_waited_out(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    fake = daemon.exabgp
    daemon.wait_state("r1", "announced")
    fake.acks = False
    fake.answering.clear()
    for _ in range(2):
        old = daemon.core()
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: daemon.core() not in (None, old), "another core")
        wait_for(lambda: fake.unread_bytes() == 0, "its questions are out")
    fake.answering.set()
    status = daemon.wait_synced()
    assert status["exabgp"]["acks"] is False
    neighbors = daemon.ask("neighbors")["neighbors"]
    assert [one["ipAddress"] for one in neighbors] == ["10.99.0.2"] and neighbors[0]["families"]
    daemon.wait_settled()
    assert fake.withdrawn() == [] and daemon.ask("routes")["foreign"] == []


@in_each_dialect
def test_a_refused_line_is_told_and_holds_up_nobody(scene):
    bad = scene.net("r2")
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.exabgp.refuse = lambda line: bad in line
    scene.put_routes("r2", "r3")
    route = daemon.wait_state("r2", "refused")
    assert bad in route["error"]
    daemon.wait_state("r3", "announced")
    wait_rib(daemon, ["r1", "r3"])
    time_of_log = daemon.log().count("route r2: ExaBGP refused")
    assert time_of_log == 1


def test_exabgp_that_never_answers_is_waited_for(scene):
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.exabgp.answering.clear()
    old = wait_for(daemon.core, "core answers")
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: daemon.core() not in (None, old), "another core")
    wait_for(lambda: "has not answered for 5 s" in daemon.log(), "it says so", 12)
    assert daemon.status()["exabgp"]["state"] == "starting"
    daemon.exabgp.answering.set()
    daemon.wait_state("r1", "announced")


def test_exabgp_that_does_not_read_costs_nothing_but_time(scene):
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_state("r1", "announced")
    daemon.exabgp.reading.clear()
    names = [f"r{number}" for number in range(2, 202)]
    scene.put_routes(*names)
    wait_for(lambda: (s := daemon.status()) and s["summary"]["routes"] == 201, "all keys are known")
    scene.delete("routes/r1/config")
    wait_for(lambda: daemon.route("r1") is None, "the store is followed")
    daemon.exabgp.reading.set()
    wait_rib(daemon, names)
    wait_for(lambda: daemon.status()["summary"]["announced"] == 200, "all are confirmed")
    assert daemon.exabgp.withdrawn() == [scene.net("r1")]


@pytest.mark.parametrize("question", ["show neighbor summary", "show neighbor configuration", "show neighbor extensive",
                                      "show adj-rib out extensive"])
def test_questions_are_repeated_until_exabgp_answers_them(scene, question):
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_state("r1", "announced")
    asked = daemon.exabgp.count(question)
    left = [1]

    def ignore(line):
        left[0] -= line == question
        return line == question and left[0] >= 0
    daemon.exabgp.ignore = ignore
    daemon.kill_core()
    daemon.wait_synced()
    daemon.wait_state("r1", "announced")
    assert daemon.exabgp.count(question) > asked + 1
    assert daemon.exabgp.withdrawn() == [] and daemon.ask("routes")["foreign"] == []


@pytest.mark.parametrize("line", ["version", "show neighbor 256 configuration", "show neighbor configuration",
                                  "show neighbor extensive", "show adj-rib out extensive"])
def test_a_core_killed_while_it_starts_leaves_nothing_wrong(scene, line):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    fake = daemon.exabgp
    daemon.wait_settled()
    held = threading.Event()

    def hold(got):
        if got == line and not held.is_set():
            held.set()
            fake.answering.clear()
    fake.taken = hold
    os.kill(daemon.core(), signal.SIGKILL)
    assert held.wait(10)
    second = wait_for(daemon.core, "the second core answers")
    os.kill(second, signal.SIGKILL)
    wait_for(lambda: daemon.core() not in (None, second), "the third core answers")
    fake.answering.set()
    daemon.wait_synced()
    daemon.wait_settled()
    assert [one["state"] for one in daemon.ask("neighbors")["neighbors"]] == ["up"]
    answer = daemon.ask("routes")
    assert [route["state"] for route in answer["routes"]] == ["announced", "announced"] and answer["foreign"] == []
    assert fake.withdrawn() == []
    scene.delete("routes/r1/config")
    wait_rib(daemon, ["r2"])


@in_each_dialect
def test_answers_to_a_dead_holder_are_not_taken_for_our_own(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    fake = daemon.exabgp
    daemon.wait_settled()
    for _ in range(3):
        fake.answering.clear()
        asked = fake.count("version")
        fake.restart()
        wait_for(lambda: fake.count("version") > asked, "its core asks")
    fake.answering.set()
    daemon.wait_synced()
    daemon.wait_settled()
    answer = daemon.ask("routes")
    assert [route["state"] for route in answer["routes"]] == ["announced", "announced"] and answer["foreign"] == []
    assert [one["ipAddress"] for one in daemon.ask("neighbors")["neighbors"]] == ["10.99.0.2"]
    assert fake.withdrawn() == []


@in_each_dialect
def test_commands_in_flight_survive_an_upgrade(scene):
    scene.put_routes("r1")
    daemon = scene.daemon()
    fake = daemon.exabgp
    daemon.wait_state("r1", "announced")
    fake.answering.clear()
    scene.put_routes("r2", "r3")
    wait_for(lambda: sum(scene.net(name) in line for name in ("r2", "r3") for line in list(fake.lines)) == 2, "written")
    old = daemon.core()
    assert daemon.ask("upgrade") == {"upgrading": True}
    wait_for(lambda: daemon.core() not in (None, old), "the new core answers")
    fake.answering.set()
    wait_rib(daemon, ["r1", "r2", "r3"])
    daemon.wait_settled()
    assert fake.withdrawn() == [] and daemon.status()["summary"]["foreign"] == 0


@in_each_dialect
def test_a_shutdown_message_alone_ends_nothing(scene):
    scene.put_routes("r1")
    daemon = scene.daemon(before=['{ "exabgp": "4.0.1", "time": 1.0, "host" : "vm", "pid" : 1, "ppid" : 1, '
                                  '"type": "notification", "notification": "shutdown" }', "done", "error", "garbage"])
    daemon.wait_state("r1", "announced")
    daemon.exabgp.say_shutdown()
    wait_for(lambda: daemon.log().count("ExaBGP shuts down") == 2, "both were read")
    scene.put_routes("r2")
    daemon.wait_state("r2", "announced")
    assert daemon.status()["starts"] == 1


@in_each_dialect
def test_the_end_of_the_pipe_ends_all_within_two_seconds(scene):
    daemon = scene.daemon()
    daemon.wait_synced()
    begun = time.monotonic()
    daemon.exabgp.process.stdin.close()
    assert daemon.exabgp.process.wait(5) == 0
    assert time.monotonic() - begun < 2


def test_term_ends_all_within_two_seconds_whatever_hangs(scene):
    scene.put_routes("r1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        daemon = scene.daemon(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        daemon.wait_synced()
        daemon.exabgp.reading.clear()
        daemon.exabgp.answering.clear()
        begun = time.monotonic()
        daemon.exabgp.process.terminate()
        assert daemon.exabgp.process.wait(5) == 0
        assert time.monotonic() - begun < 2.2


def test_what_on_exit_withdraws_goes_and_the_rest_stays(scene):
    scene.put("routes/r1/options", '{"on_exit": "withdraw"}')
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    daemon.wait_settled()
    wait_rib(daemon, ["r1", "r2"])
    daemon.exabgp.process.terminate()
    assert daemon.exabgp.process.wait(5) == 0
    assert daemon.exabgp.prefixes() == {scene.net("r2")}


def saved(scene, text):
    path = scene.folder / "state" / "lastgood"
    wait_for(lambda: path.exists() and text in path.read_bytes(), f"{text} is saved")
    copy = scene.folder / "lastgood.copy"
    shutil.copy(path, copy)
    return copy


def test_without_store_nothing_is_withdrawn_that_the_last_known_good_does_not_name(tmp_path):
    member = Member(tmp_path).start()
    scene = Scene(member, tmp_path)
    try:
        scene.put_routes("r1")
        daemon = scene.daemon()
        daemon.wait_settled()
        old = saved(scene, b"routes/r1/config")
        slow, begun, go, done = (scene.folder / name for name in ("slow", "begun", "go", "done"))
        os.mkfifo(go)
        scene.put("routes/r2/healthcheck", f"#!/bin/sh\n[ -e {slow} ] || exit 0\n: >{begun}\nread _ <{go}\n: >{done}\n")
        scene.put_routes("r2")
        daemon.wait_state("r2", "announced")
        member.kill()
        # As after a crash before the next save.
        rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
        daemon.close()
        shutil.copy(old, scene.folder / "state" / "lastgood")
        slow.touch()
        daemon = Daemon(scene.folder, scene.url, scene.prefix)
        scene.daemons.append(daemon)
        fake = daemon.exabgp
        fake.rib.update(rib)
        status = wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == 2 and s, "both are held", 15)
        assert any("no key names" in line for line in status["warnings"])
        member.start()
        # Core asks again after up to half a minute: the longer etcd took to start, the later.
        wait_for(lambda: daemon.status()["warnings"] == [], "the store names it", 60)
        wait_for(begun.exists, "its check runs")
        assert daemon.settled_state("r2") == "announced"
        slow.unlink()
        with open(go, "w") as file:
            file.write("\n")
        wait_for(done.exists, "its check passes")
        daemon.wait_state("r2", "announced")
        assert fake.prefixes() == {scene.net("r1"), scene.net("r2")} and fake.withdrawn() == []
    finally:
        scene.close()
        member.kill()


@in_each_dialect
def test_what_nobody_names_goes_when_the_store_has_spoken(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    daemon.wait_settled()
    rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
    daemon.close()
    scene.delete("routes/r2/config")
    daemon = scene.daemon()
    daemon.exabgp.rib.update(rib)
    wait_rib(daemon, ["r1"])
    assert daemon.exabgp.withdrawn() == [scene.net("r2")]


def test_a_standing_route_whose_text_became_unreadable_stays(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    daemon.wait_settled()
    rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
    daemon.close()
    (scene.folder / "state" / "lastgood").unlink()
    scene.put("routes/r1/config", "route of no sense")
    daemon = scene.daemon()
    daemon.exabgp.rib.update(rib)
    daemon.wait_settled()
    daemon.wait_state("r2", "announced")
    assert "routes/r1/config" in daemon.route("r1")["error"]
    assert daemon.exabgp.prefixes() == {scene.net("r1"), scene.net("r2")}
    scene.put_routes("r1")
    daemon.wait_state("r1", "announced")
    daemon.wait_settled()
    assert daemon.exabgp.withdrawn() == []


def test_an_emptied_store_counts_again_only_when_all_routes_are_back(scene):
    names = ["r1", "r2", "r3"]
    scene.put_routes(*names)
    daemon = scene.daemon()
    daemon.wait_settled()
    scene.gateway.post("/kv/txn", {"success": [{"requestDeleteRange": {"key": key, "range_end": end}} for key, end in
                                               [ends(f"{scene.prefix}/")]]})
    wait_for(lambda: daemon.status()["store"]["loss"], "the loss is seen")
    scene.put("node/n1/subscribedRoutes", "*")
    for name in names:
        assert daemon.status()["store"]["loss"]["kind"] == "emptied"
        scene.put_routes(name)
        scene.put("routes/seen/config", f"route 10.10.{name[1:]}.0/24 next-hop self")
        wait_for(lambda: f"10.10.{name[1:]}.0/24" in daemon.exabgp.prefixes(), "it was listed")
    wait_for(lambda: not daemon.status()["store"]["loss"], "the store is itself again")
    assert {scene.net(name) for name in names} <= daemon.exabgp.prefixes()
    assert not {scene.net(name) for name in names} & set(daemon.exabgp.withdrawn())


def ends(prefix):
    from etcd_lab import b64
    return b64(prefix), b64(prefix[:-1] + chr(ord(prefix[-1]) + 1))


def test_a_loss_that_a_dead_core_saw_still_waits_for_approval(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    daemon.wait_settled()
    scene.gateway.post("/kv/txn", {"success": [{"requestDeleteRange": {"key": key, "range_end": end}} for key, end in
                                               [ends(f"{scene.prefix}/")]]})
    wait_for(lambda: daemon.status()["store"]["loss"], "the loss is seen")
    saved(scene, b"@loss")
    scene.put_routes("r1")
    daemon.kill_core()
    daemon.wait_synced()
    wait_for(lambda: daemon.status()["store"]["state"] == "connected", "the store is followed")
    daemon.wait_settled()
    assert daemon.status()["store"]["loss"]["kind"] == "emptied" and daemon.exabgp.withdrawn() == []
    scene.put("node/n1/subscribedRoutes", "*")
    assert "approved" in daemon.ask("approve")
    wait_rib(daemon, ["r1"])


def test_more_neighbors_than_are_followed_cause_no_storm_of_questions(scene):
    neighbors = [Neighbor(ip=f"10.99.1.{number}") for number in range(1, 71)]
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=neighbors)
    fake = daemon.exabgp
    daemon.wait_state("r1", "announced")
    asked = fake.count("show neighbor configuration")
    for number in range(200):
        fake.say_update(neighbors[69], "announce", [f"10.200.0.{number}/32"], "next-hop self")
    scene.put_routes("r2")
    daemon.wait_state("r2", "announced")
    assert fake.count("show neighbor configuration") <= asked + 1
    assert any("more than 64 neighbors" in line for line in daemon.status()["warnings"])


@in_each_dialect
def test_neighbors_of_a_reloaded_exabgp_are_followed(scene):
    first, second = Neighbor(), Neighbor(ip="10.99.0.3", peer_as=65002)
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[first])
    fake = daemon.exabgp
    assert daemon.wait_state("r1", "announced")["onWire"] == ["10.99.0.2"]
    fake.rib[second.ip] = {}
    fake.neighbors.append(second)
    fake.say_state(second, "connected")
    fake.say_state(second, "up")
    wait_for(lambda: [one["state"] for one in daemon.ask("neighbors")["neighbors"]] == ["up", "up"], "the new one is known")
    fake.rib[second.ip][scene.net("r1")] = "next-hop self med 1"
    fake.say_update(second, "announce", [scene.net("r1")], "next-hop self med 1")
    wait_for(lambda: daemon.route("r1")["onWire"] == ["10.99.0.2", "10.99.0.3"], "it has the route")
    fake.neighbors.remove(first)
    second.families = ("ipv4 unicast",)
    fake.say_state(second, "up")
    wait_for(lambda: [one["state"] for one in daemon.ask("neighbors")["neighbors"]] == ["down", "up"], "the old one left")
    scene.put_routes("r2")
    assert daemon.wait_state("r2", "announced")["onWire"] == ["10.99.0.3"]
    assert fake.withdrawn() == []


@in_each_dialect
def test_what_a_new_neighbor_got_before_it_was_known_counts(scene):
    """ExaBGP's messages about a session come with its reload, before we can ask who that is."""
    first, second = Neighbor(), Neighbor(ip="10.99.0.3", peer_as=65002, up=False)
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[first])
    fake = daemon.exabgp
    daemon.wait_state("r1", "announced")
    told = len(fake.lines)
    fake.neighbors.append(second)
    fake.rib[second.ip] = dict(fake.rib[first.ip])
    fake.begin_session(second)
    wait_for(lambda: daemon.route("r1")["onWire"] == ["10.99.0.2", "10.99.0.3"], "both have the route")
    assert daemon.settled_state("r1") == "announced"
    assert not [line for line in fake.lines[told:] if "route" in line]


def test_neighbors_of_other_processes_are_not_waited_for(scene):
    ours, others = Neighbor(processes="bgp"), Neighbor(ip="10.99.0.3", processes="other", wire=True)
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[ours, others])
    daemon.wait_synced()
    daemon.exabgp.unseen = lambda prefix: False
    daemon.exabgp.say_state(ours, "up")
    route = daemon.wait_state("r1", "announced")
    assert "10.99.0.2" in route["onWire"]


@in_each_dialect
def test_messages_of_the_text_encoder_are_enough(scene):
    neighbor = Neighbor(up=False)
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[neighbor])
    fake = daemon.exabgp
    fake.encoder = "text"
    daemon.wait_state("r1", "standby")
    fake.say_state(neighbor, "up")
    fake.say_update(neighbor, "announce", [scene.net("r1")], "next-hop self med 1")
    daemon.wait_state("r1", "announced")
    scene.put_routes("r2")
    daemon.wait_state("r2", "announced")
    fake.say_state(neighbor, "down", "peer reset")
    daemon.wait_state("r1", "standby")
    assert daemon.ask("neighbors")["neighbors"][0]["reason"] == "peer reset"


def test_a_new_script_that_never_passed_does_not_withdraw_after_a_restart_either(scene):
    scene.put("routes/r1/options", '{"interval": 0.2, "fall": 1}')
    scene.put("routes/r1/healthcheck", "#!/bin/sh\nexit 0\n")
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_state("r1", "announced")
    runs = scene.folder / "runs"
    scene.put("routes/r1/healthcheck", f"#!/bin/sh\necho run >>{runs}\ntest -e {scene.folder}/good\n")
    wait_for(lambda: runs.exists(), "the new one runs")
    saved(scene, b"@probation/r1")
    daemon.kill_core()
    runs.unlink()
    wait_for(lambda: runs.exists() and len(runs.read_text().split()) > 3, "it fails on")
    assert daemon.settled_state("r1") == "announced" and daemon.exabgp.withdrawn() == []
    (scene.folder / "good").write_text("")
    wait_for(lambda: b"@probation" not in (scene.folder / "state" / "lastgood").read_bytes(), "it has passed")
    (scene.folder / "good").unlink()
    wait_for(lambda: daemon.exabgp.prefixes() == set(), "now it may withdraw")


def test_many_large_scripts_reach_the_worker(scene):
    script = "#!/bin/sh\nexit 0\n" + "# filler\n" * 20000
    names = [f"r{number}" for number in range(110)]
    for name in names:
        scene.put(f"routes/{name}/healthcheck", script)
    scene.put_routes(*names)
    daemon = scene.daemon()
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == len(names), "all checks passed", 60)
    assert daemon.status()["workers"]["exec"]["restarts"] == 0


def test_the_other_route_of_a_prefix_takes_over_when_the_standing_one_leaves(scene):
    flag = scene.folder / "flag"
    flag.write_text("")
    scene.put("routes/b/options", '{"interval": 0.2, "fall": 1}')
    scene.put("routes/b/healthcheck", f"#!/bin/sh\ntest -e {flag}\n")
    scene.put("routes/b/config", "route 10.9.9.9/32 next-hop self med 2")
    daemon = scene.daemon()
    daemon.wait_state("b", "announced")
    scene.put("routes/a/config", "route 10.9.9.9/32 next-hop self med 1")
    wait_for(lambda: (r := daemon.route("a")) and r["layer"] == "identity", "a waits")
    flag.unlink()
    daemon.wait_state("a", "announced")
    assert daemon.exabgp.rib["10.99.0.2"]["10.9.9.9/32"].endswith("med 1")
