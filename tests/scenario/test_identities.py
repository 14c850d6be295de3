"""Routes with several NLRI, and flows, under a scripted ExaBGP: each NLRI moves by itself, and the route is one."""
import json

import pytest

from fake_exabgp import Neighbor
from test_core_fake import etcd, scene  # noqa: F401: fixtures
from wait import nothing_happens_for, wait_for

FAMILIES = ("ipv4 unicast", "ipv6 unicast", "ipv4 flow", "ipv6 flow")
FLOW = "flow source-ipv4 10.0.0.0/24 protocol =tcp"
FLOW_TEXT = "flow route {{ match {{ source 10.0.0.0/24; protocol tcp; }} then {{ {} }} }}"
DISCARD, LIMIT = "extended-community rate-limit:0", "extended-community rate-limit:9600"


def net(number):
    return f"10.9.9.{number}/32"


def listed(*numbers):
    return "attributes next-hop self med 5 nlri " + " ".join(net(number) for number in numbers)


def published(scene, name):
    return (scene.gateway.get(f"{scene.prefix}/node/n1/routes/{name}/state") or ("",))[0]


def assert_quiet(daemon, seconds=1.2):
    """The calm second of a new core is over, and it has said nothing."""
    def check():
        assert daemon.exabgp.wire == []
    nothing_happens_for(seconds, "core's first commands", check)


def test_only_what_a_list_lost_is_withdrawn_and_only_what_it_got_announced(scene):
    scene.put("routes/l/config", listed(1, 2, 3, 4))
    daemon = scene.daemon()
    route = daemon.wait_state("l", "announced")
    assert route["nlri"] == {"count": 4, "announced": 4} and route["prefix"] == net(1)
    assert route["text"] == listed(1, 2, 3, 4) and daemon.status()["summary"]["announced"] == 1
    del daemon.exabgp.wire[:]
    scene.put("routes/l/config", listed(2, 3, 5))
    wait_for(lambda: daemon.exabgp.prefixes() == {net(2), net(3), net(5)}, "the new list")
    daemon.wait_settled()
    assert sorted((verb, prefix) for verb, _, prefix, _ in daemon.exabgp.wire) == [
        ("announce", net(5)), ("withdraw", net(1)), ("withdraw", net(4))]
    assert daemon.wait_state("l", "announced")["nlri"] == {"count": 3, "announced": 3}
    scene.put("routes/l/config", listed(2, 3, 5).replace("med 5", "med 6"))
    wait_for(lambda: set(daemon.exabgp.rib["10.99.0.2"].values()) == {"next-hop self med 6"}, "the new attributes")
    daemon.wait_settled()
    assert daemon.exabgp.withdrawn() == [net(1), net(4)]
    scene.put("routes/other/config", f"route {net(100)} next-hop self")
    daemon.wait_state("other", "announced")
    scene.delete("routes/l/config")
    wait_for(lambda: daemon.exabgp.prefixes() == {net(100)}, "all withdrawn")


def test_a_list_is_as_far_as_the_worst_of_its_nlri(scene):
    daemon = scene.daemon()
    daemon.wait_synced()
    daemon.exabgp.unseen = lambda prefix: prefix == net(2)
    scene.put("routes/l/config", listed(1, 2, 3))
    route = daemon.wait_state("l", "unconfirmed")
    assert route["nlri"] == {"count": 3, "announced": 2} and route["onWire"] == []
    wait_for(lambda: published(scene, "l") == "announce", "all three were told")
    assert daemon.status()["summary"]["unconfirmed"] == 1
    daemon.exabgp.unseen = lambda prefix: False
    assert daemon.wait_state("l", "announced")["nlri"] == {"count": 3, "announced": 3}


def test_a_list_with_a_refused_nlri_is_not_published_as_announced(scene):
    daemon = scene.daemon()
    daemon.wait_synced()
    daemon.exabgp.refuse = lambda line: net(2) in line
    scene.put("routes/l/config", listed(1, 2, 3))
    route = daemon.wait_state("l", "refused")
    wait_for(lambda: daemon.exabgp.prefixes() == {net(1), net(3)}, "the others are announced")
    route = wait_for(lambda: (r := daemon.route("l"))["nlri"]["announced"] == 2 and r, "two of three")
    assert route["error"].startswith(f"{net(2)}: ExaBGP refused: announce route {net(2)}")
    assert published(scene, "l") == "withdraw"


def test_a_list_that_would_take_anothers_nlri_keeps_what_it_has(scene):
    scene.put("routes/l/config", listed(1, 2))
    scene.put("routes/m/config", f"route {net(9)} next-hop self med 9")
    daemon = scene.daemon()
    for name in ("l", "m"):
        daemon.wait_state(name, "announced")
    daemon.wait_settled()
    del daemon.exabgp.wire[:]
    scene.put("routes/l/config", listed(1, 2, 3, 9))
    route = wait_for(lambda: (r := daemon.route("l"))["error"] and r, "its fault is told")
    assert route["error"] == f"routes/l: {net(9)} is also in routes/m, which is announced"
    assert_quiet(daemon)
    assert daemon.settled_state("l") == "announced"
    scene.delete("routes/m/config")
    wait_for(lambda: daemon.exabgp.prefixes() == {net(n) for n in (1, 2, 3, 9)}, "it got it")
    daemon.wait_state("l", "announced")
    assert [entry[2] for entry in daemon.exabgp.wire if entry[0] == "withdraw"] in ([], [net(9)])


def test_lists_and_flows_are_found_again_after_a_crash(scene):
    scene.put("routes/l/config", listed(1, 2, 3))
    scene.put("routes/f/config", FLOW_TEXT.format("discard;"))
    neighbor = Neighbor(families=FAMILIES)
    daemon = scene.daemon(neighbors=[neighbor])
    for name in ("l", "f"):
        daemon.wait_state(name, "announced")
    assert daemon.exabgp.rib[neighbor.ip][FLOW] == DISCARD
    foreign = "flow source-ipv4 10.1.0.0/24"
    daemon.exabgp.rib[neighbor.ip][foreign] = DISCARD
    daemon.wait_settled()
    del daemon.exabgp.wire[:]
    daemon.kill_core()
    daemon.wait_synced()
    for name in ("l", "f"):
        daemon.wait_state(name, "announced")
    assert_quiet(daemon, 1.5)
    answer = daemon.ask("routes")
    assert [one["text"] for one in answer["foreign"]] == [
        "flow route { match { source-ipv4 10.1.0.0/24; } then { discard; } }"]
    scene.put("routes/f/config", FLOW_TEXT.format("rate-limit 9600;"))
    wait_for(lambda: daemon.exabgp.rib[neighbor.ip][FLOW] == LIMIT, "the new action")
    daemon.wait_state("f", "announced")
    assert daemon.status()["exabgp"]["nudges"] == 0
    scene.delete("routes/f/config")
    wait_for(lambda: daemon.exabgp.prefixes() == {foreign, net(1), net(2), net(3)}, "withdrawn, the foreign one stands")
    daemon.wait_settled()


def test_part_of_a_list_stands_and_the_rest_is_announced(scene):
    scene.put("routes/l/config", listed(1, 2, 3))
    scene.put("routes/l/healthcheck", "exec tail -f /dev/null\n")
    daemon = scene.daemon()
    scene.put("routes/l/options", json.dumps({"timeout": "590s"}))
    daemon.wait_synced()
    assert daemon.exabgp.prefixes() == set()
    scene.delete("routes/l/healthcheck")
    scene.put("routes/l/options", json.dumps({"check": "none"}))
    daemon.wait_state("l", "announced")
    scene.put("routes/l/options", json.dumps({"timeout": "590s"}))
    scene.put("routes/l/healthcheck", "exec tail -f /dev/null\n")
    daemon.wait_settled()
    del daemon.exabgp.rib["10.99.0.2"][net(2)]
    del daemon.exabgp.wire[:]
    daemon.kill_core()
    daemon.wait_synced()
    # One that stands is enough to hold it for healthy: its check has said nothing yet.
    wait_for(lambda: daemon.exabgp.prefixes() == {net(1), net(2), net(3)}, "whole again")
    assert [(verb, prefix) for verb, _, prefix, _ in daemon.exabgp.wire] == [("announce", net(2))]


@pytest.mark.parametrize("encoder", ["json", "text"])
def test_a_flow_waits_only_for_those_that_negotiated_it(scene, encoder):
    neighbors = [Neighbor(families=FAMILIES), Neighbor("10.99.1.2", "10.99.1.1", families=FAMILIES, refused=("ipv4 flow",))]
    daemon = scene.daemon(neighbors=neighbors)
    daemon.exabgp.encoder = encoder
    scene.put("routes/f/config", FLOW_TEXT.format("discard;"))
    assert daemon.wait_state("f", "announced")["onWire"] == ["10.99.0.2"]
    scene.put("routes/g/config", "neighbor 10.99.1.2 " + FLOW_TEXT.format("discard;").replace("10.0.0.0", "10.2.0.0"))
    assert daemon.wait_state("g", "standby")["reason"] == "ipv4 flow was not negotiated with 10.99.1.2"
    counts = {one["ipAddress"]: one["routesByFamily"] for one in daemon.ask("neighbors")["neighbors"]}
    assert counts == {"10.99.0.2": {"ipv4 flow": 1}, "10.99.1.2": {}}
    assert daemon.status()["summary"]["standby"] == 1
    daemon.exabgp.say_state(neighbors[0], "down", "test")
    assert daemon.wait_state("f", "standby")["reason"] == "ipv4 flow was not negotiated with 10.99.1.2"
    scene.delete("routes/f/config")
    wait_for(lambda: FLOW not in daemon.exabgp.prefixes(), "withdrawn")


# ---- disputes ----

def disputed(scene, daemon, name):
    wait_for(lambda: (r := daemon.route(name)) and r["error"], f"{name}'s fault is told")
    daemon.wait_settled()
    del daemon.exabgp.wire[:]


def test_after_a_crash_the_list_that_stood_goes_on_and_not_the_smaller_name(scene):
    scene.put("routes/z/config", listed(1, 2))
    daemon = scene.daemon()
    daemon.wait_state("z", "announced")
    scene.put("routes/a/config", listed(2, 3))
    disputed(scene, daemon, "a")
    daemon.kill_core()
    daemon.wait_synced()
    daemon.wait_state("z", "announced")
    assert_quiet(daemon, 2.5)
    assert daemon.route("a")["error"] == f"routes/a: {net(2)} is also in routes/z, which is announced"


def test_a_list_that_takes_back_a_change_that_was_pushed_back_has_its_right_again(scene):
    scene.put("routes/l/config", listed(1, 2))
    scene.put("routes/m/config", f"route {net(9)} next-hop self med 9")
    daemon = scene.daemon()
    for name in ("l", "m"):
        daemon.wait_state(name, "announced")
    scene.put("routes/l/config", listed(2, 9))
    disputed(scene, daemon, "l")
    scene.put("routes/l/config", listed(1, 2))
    wait_for(lambda: not daemon.route("l")["error"], "its fault is gone")
    scene.put("routes/a/healthcheck", "exit 1\n")
    scene.put("routes/a/config", f"route {net(1)} next-hop self med 9")
    route = wait_for(lambda: (r := daemon.route("a")) and r["health"] == "down" and r, "a has been checked")
    assert route["error"] == f"routes/a: {net(1)} is also in routes/l, which is announced"
    assert_quiet(daemon)
    assert daemon.settled_state("l") == "announced"


def test_a_route_that_was_pushed_back_takes_nothing_from_who_has_its_prefix_now(scene, tmp_path):
    flag = tmp_path / "flag"
    flag.touch()
    scene.put("routes/l/healthcheck", f"test -e {flag}\n")
    scene.put("routes/l/options", json.dumps({"interval": "200ms", "fall": 1}))
    scene.put("routes/l/config", f"route {net(1)} next-hop self med 1")
    scene.put("routes/m/config", f"route {net(9)} next-hop self med 9")
    daemon = scene.daemon()
    for name in ("l", "m"):
        daemon.wait_state(name, "announced")
    scene.put("routes/l/config", f"route {net(9)} next-hop self med 1")
    disputed(scene, daemon, "l")
    scene.put("routes/n/config", f"route {net(1)} next-hop self med 3")
    daemon.wait_state("n", "announced")
    daemon.wait_settled()
    del daemon.exabgp.wire[:]
    for _ in range(2):
        flag.unlink()
        wait_for(lambda: daemon.route("l")["verdict"] == "withdraw", "l is down")
        flag.touch()
        wait_for(lambda: daemon.route("l")["verdict"] == "announce", "l is up")
    assert_quiet(daemon)
    assert daemon.settled_state("n") == "announced"


def test_a_route_that_stands_goes_over_to_other_neighbors_before_any_other_of_its_prefix(scene):
    neighbors = [Neighbor(), Neighbor("10.99.1.2", "10.99.1.1")]
    text = f"route {net(1)} next-hop self med 1"
    scene.put("routes/z/config", f"neighbor 10.99.0.2 {text}")
    daemon = scene.daemon(neighbors=neighbors)
    daemon.wait_state("z", "announced")
    scene.put("routes/a/config", f"route {net(1)} next-hop self med 9")
    disputed(scene, daemon, "a")
    scene.put("routes/z/config", f"neighbor 10.99.0.2, neighbor 10.99.1.2 {text}")
    wait_for(lambda: daemon.exabgp.rib["10.99.1.2"] == {net(1): "next-hop self med 1"}, "the other has it too")
    assert daemon.wait_state("z", "announced")["error"] is None
    assert daemon.wait_settled()["exabgp"]["nudges"] == 0
    assert {(verb, attributes) for verb, _, _, attributes in daemon.exabgp.wire} == {("announce", "next-hop self med 1")}


def test_two_that_both_announce_a_prefix_to_a_neighbor_do_not_repair_each_other(scene):
    neighbors = [Neighbor(), Neighbor("10.99.1.2", "10.99.1.1")]
    scene.put("routes/z/config", f"neighbor 10.99.0.2 route {net(1)} next-hop self med 1")
    scene.put("routes/m/config", f"route {net(9)} next-hop self med 7")
    daemon = scene.daemon(neighbors=neighbors)
    for name in ("z", "m"):
        daemon.wait_state(name, "announced")
    scene.put("routes/a/config", f"route {net(1)} next-hop self med 9")
    disputed(scene, daemon, "a")
    # Pushed back, it keeps what it has; its text is for one neighbor, and that of the other one for all.
    scene.put("routes/z/config", f"route {net(9)} next-hop self med 1")
    daemon.wait_state("a", "announced")

    def check():
        assert len(daemon.exabgp.wire) <= 8
    nothing_happens_for(2, "repairs", check)
    scene.delete("routes/a/config")
    wait_for(lambda: daemon.exabgp.rib["10.99.0.2"][net(1)] == "next-hop self med 1", "what was pushed back")
    assert ("withdraw", "10.99.0.2") not in {(verb, ip) for verb, ip, _, _ in daemon.exabgp.wire}


def test_a_list_that_was_pushed_back_keeps_what_it_has_over_a_crash(scene):
    scene.put("routes/l/config", listed(1, 2))
    scene.put("routes/m/config", f"route {net(9)} next-hop self med 9")
    daemon = scene.daemon()
    for name in ("l", "m"):
        daemon.wait_state(name, "announced")
    scene.put("routes/l/config", listed(2, 9))
    disputed(scene, daemon, "l")
    daemon.kill_core()
    daemon.wait_synced()
    daemon.wait_state("m", "announced")
    assert_quiet(daemon, 2.5)
    scene.delete("routes/m/config")
    wait_for(lambda: daemon.exabgp.prefixes() == {net(2), net(9)}, "it got what it wants")
    daemon.wait_state("l", "announced")
    assert net(2) not in daemon.exabgp.withdrawn()
