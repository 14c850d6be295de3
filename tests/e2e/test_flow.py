"""Flows, lists and VPLS on real sessions: each NLRI is announced, confirmed, changed, withdrawn and found again by itself,
and a neighbor without the family holds up nobody."""
import os
import pathlib
import signal
import sys

import pytest

FAMILIES = "ipv4 unicast; ipv6 unicast; ipv4 flow; ipv6 flow;"
HAS, HAS_NOT = "10.99.0.2", "10.99.1.2"
FLOW = "flow route { match { source 10.0.0.0/24; protocol tcp; destination-port [ =80 =443 ]; } then { %s } }"
AT_BIRD = "src 10.0.0.0/24; proto 6; dport 80,443;"
DISCARD, LIMIT = "(generic, 0x80060000, 0x0)", "(generic, 0x80060000, 0x46160000)"


def listed(numbers):
    return "attributes next-hop self med 5 nlri " + " ".join(f"10.5.0.{n}/32" for n in numbers)


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(peers=2, flow_peers=1, families=FAMILIES)
    lab.subscribe()
    lab.start_exabgp()
    return lab


def wait_state(lab, name, state):
    lab.wait_for(lambda: lab.route(name)["state"] == state, 20, f"{name} is {state}")
    return lab.route(name)


def settled(lab):
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 20, "settled")
    return [bird.counters() for bird in lab.birds]


def test_a_flow_is_announced_where_its_family_was_negotiated(lab):
    lab.put("routes/f4/config", FLOW % "discard;")
    lab.put("routes/f6/config", "flow route { match { destination 2001:db8::/32; next-header udp; } then { discard; } }")
    for name in ("f4", "f6"):
        route = wait_state(lab, name, "announced")
        assert route["onWire"] == [HAS] and route["missing"] == [] and route["error"] is None
    lab.wait_for(lambda: set(lab.bird.flows()) == {AT_BIRD, "dst 2001:db8::/32; next header 17;"}, 10, "both at BIRD")
    assert lab.bird.flows()[AT_BIRD]["ext_community"] == DISCARD
    lab.wait_for(lambda: lab.get("node/n1/routes/f4/state") == "announce", 10, "told to the store")
    neighbors = {one["ipAddress"]: one for one in lab.api("neighbors")["neighbors"]}
    assert neighbors[HAS]["routesByFamily"] == {"ipv4 flow": 1, "ipv6 flow": 1} and neighbors[HAS]["routes"] == 2
    assert neighbors[HAS_NOT]["routesByFamily"] == {} and neighbors[HAS_NOT]["routes"] == 0


def test_a_flow_that_no_neighbor_can_carry_is_standby_and_says_why(lab):
    lab.put("routes/alone/config", f"neighbor {HAS_NOT} " + FLOW.replace("10.0.0.0", "10.7.0.0") % "discard;")
    lab.put("routes/beside/config", "route 10.8.0.1/32 next-hop self")
    route = wait_state(lab, "alone", "standby")
    assert route["reason"] == f"ipv4 flow was not negotiated with {HAS_NOT}" and route["onWire"] == []
    assert wait_state(lab, "beside", "announced")["onWire"] == [HAS, HAS_NOT]
    lab.delete_all(["routes/alone/config", "routes/beside/config"])
    lab.wait_for(lambda: not lab.birds[1].has("10.8.0.1/32"), 10, "withdrawn")


def test_other_actions_replace_the_flow_without_a_withdraw(lab):
    wait_state(lab, "f4", "announced")
    before, nudges = settled(lab), lab.status()["exabgp"]["nudges"]
    lab.put("routes/f4/config", FLOW % "rate-limit 9600;")
    lab.wait_for(lambda: lab.bird.flows()[AT_BIRD]["ext_community"] == LIMIT, 10, "the new action")
    wait_state(lab, "f4", "announced")
    after = settled(lab)
    assert after[0] == {"updates": before[0]["updates"] + 1, "withdraws": before[0]["withdraws"]}
    assert lab.status()["exabgp"]["nudges"] == nudges


def test_what_was_taken_from_a_list_is_withdrawn_and_nothing_else_moves(lab):
    lab.put("routes/list/config", listed(range(50)))
    assert wait_state(lab, "list", "announced")["nlri"] == {"count": 50, "announced": 50}
    lab.wait_for(lambda: lab.get("node/n1/routes/list/state") == "announce", 10, "told to the store")
    lab.wait_for(lambda: all(bird.count() >= 50 for bird in lab.birds), 10, "all at both")
    before = settled(lab)
    lab.put("routes/list/config", listed(range(1, 51)))
    lab.wait_for(lambda: lab.bird.has("10.5.0.50/32") and not lab.bird.has("10.5.0.0/32"), 10, "the new list")
    lab.wait_for(lambda: lab.birds[1].has("10.5.0.50/32") and not lab.birds[1].has("10.5.0.0/32"), 10, "at the other")
    after = settled(lab)
    for index in range(2):
        assert after[index]["updates"] == before[index]["updates"] + 1
        assert after[index]["withdraws"] == before[index]["withdraws"] + 1
    assert {f"10.5.0.{n}/32" for n in range(1, 51)} <= lab.birds[1].prefixes()
    lab.put("routes/split/config", "route 10.6.0.0/28 next-hop self split /32")
    assert wait_state(lab, "split", "announced")["nlri"] == {"count": 16, "announced": 16}
    lab.wait_for(lambda: {f"10.6.0.{n}/32" for n in range(16)} <= lab.bird.prefixes(), 10, "all parts at BIRD")


def test_a_core_that_was_killed_moves_nothing_of_them(lab):
    for name in ("f4", "f6", "list", "split"):
        wait_state(lab, name, "announced")
    before = settled(lab)
    core = lab.status()["pid"]
    os.kill(core, signal.SIGKILL)
    lab.wait_for(lambda: lab.status()["pid"] != core and lab.is_synced(), 60, "another core")
    for name in ("f4", "f6", "list", "split"):
        wait_state(lab, name, "announced")
    assert settled(lab) == before
    assert lab.api("routes")["foreign"] == []
    assert lab.bird.flows()[AT_BIRD]["ext_community"] == LIMIT


def test_a_flow_that_went_while_core_was_away_is_withdrawn(lab):
    core = lab.status()["pid"]
    before = settled(lab)
    os.kill(core, signal.SIGSTOP)
    lab.delete("routes/f6/config")
    os.kill(core, signal.SIGKILL)
    lab.wait_for(lambda: len(lab.bird.flows()) == 1, 60, "withdrawn")
    assert settled(lab)[0]["withdraws"] == before[0]["withdraws"] + 1


def test_a_flow_is_withdrawn(lab):
    lab.delete("routes/f4/config")
    lab.wait_for(lambda: lab.bird.flows() == {}, 10, "withdrawn")
    lab.wait_for(lambda: "f4" not in lab.routes(), 10, "gone")
    assert lab.birds[1].is_up() and "10.5.0.7/32" in lab.birds[1].prefixes()


def test_a_path_is_confirmed_by_a_neighbor_without_add_path(lab):
    lab.put("routes/path/config", "route 10.7.0.0/24 path-information 0.0.0.7 next-hop self med 7")
    assert wait_state(lab, "path", "announced")["onWire"] == ["10.99.0.2", "10.99.1.2"]
    nudges = lab.status()["exabgp"]["nudges"]
    lab.delete("routes/path/config")
    lab.wait_for(lambda: not lab.bird.has("10.7.0.0/24") and "path" not in lab.routes(), 10, "withdrawn")
    assert lab.status()["exabgp"]["nudges"] == nudges


def test_a_vpls_is_announced_confirmed_and_withdrawn(make_lab):
    lab = make_lab(families="ipv4 unicast; l2vpn vpls;")
    lab.subscribe()
    lab.put("routes/other/config", "route 10.9.0.1/32 next-hop self")
    lab.put("routes/v/config", "vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.99.0.1 med 7")
    lab.bird.stop()
    sink = pathlib.Path(__file__).parent / "bgp_sink.py"
    lab.spawn([sys.executable, sink, HAS, 65001, "1/1", "25/65"], lab.bird.namespace, "sink.out")
    lab.start_exabgp(wait=False)
    assert wait_state(lab, "v", "announced")["onWire"] == [HAS]
    # Length 17, RD 0:65000:1, endpoint 5, offset 1, size 8, label base 10 (RFC 4761 3.2.2).
    nlri = "0011" + "0000fde800000001" + "0005" + "0001" + "0008" + "0000a1"
    # The sink may read later than ExaBGP tells that it has sent.
    lab.wait_for(lambda: nlri in (lab.dir / "sink.out").read_text(), 10, "at the sink")
    updates = (lab.dir / "sink.out").read_text().split()
    assert sum(nlri in update for update in updates) == 1
    core = lab.status()["pid"]
    os.kill(core, signal.SIGKILL)
    lab.wait_for(lambda: lab.status()["pid"] != core and lab.is_synced(), 60, "another core")
    wait_state(lab, "v", "announced")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 20, "settled")
    assert (lab.dir / "sink.out").read_text().split() == updates
    lab.delete("routes/v/config")
    # AFI 25, SAFI 65 in MP_UNREACH_NLRI.
    withdraw = "001941" + nlri
    lab.wait_for(lambda: withdraw in (lab.dir / "sink.out").read_text(), 10, "withdrawn")
    lab.wait_for(lambda: "v" not in lab.routes() and lab.status()["exabgp"]["settled"], 10, "gone")
