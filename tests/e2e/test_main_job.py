"""The main job: keys and checks in, the right routes at the router, states back into the store. For each kind of store, with
the ExaBGP of exabgp_choice.py and with the scripted 5.0, which needs none installed."""
import json
import os

import pytest

# tests/CMakeLists.txt reads this line: each is a CTest test of its own.
MATRIX = "real-v3 real-v2 real-dir scripted-v3 scripted-v2 scripted-dir"
QUICK = json.dumps({"interval": "200ms"})


def check_of(path):
    return f"#!/bin/sh\n[ -e {path} ]\n"


@pytest.fixture(scope="module", autouse=True, params=MATRIX.split())
def make(request, make_lab):
    """Lab(…) of this cell of the matrix; its labs end with the cell."""
    exabgp, store = request.param.split("-")
    if exabgp == "scripted" and os.environ.get("BC_VALGRIND"):
        pytest.skip("valgrind sees the same code with the real ExaBGP")
    labs = []

    def make(**options):
        labs.append(make_lab(store=store, scripted=exabgp == "scripted", **options))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture(scope="module")
def lab(make):
    lab = make(peers=2, second_families="ipv4 unicast;")
    # One route stays for the whole module: a store whose last route is deleted counts as lost.
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.250/32"), 10, "the first route")
    return lab


def add(lab, name, config, flag=None, options=QUICK):
    keys = {f"routes/{name}/config": config, f"routes/{name}/options": options}
    if flag:
        keys[f"routes/{name}/healthcheck"] = check_of(lab.flag(flag))
    lab.put_all(keys)


def test_seed_flow(lab):
    """The classic curl lines, in the order of the classic documentation, with a check that can be broken."""
    flag = lab.flag("seed")
    lab.put("routes/CUSTOM_ROUTE/config", "route 172.16.1.5/32 next-hop self med 100")
    lab.put("routes/CUSTOM_ROUTE/healthcheck", check_of(flag))
    lab.put("node/n1/subscribedRoutes", "keeper CUSTOM_ROUTE")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 100, 10, "a passing check announces")
    flag.unlink()
    lab.wait_for(lambda: not lab.bird.has("172.16.1.5/32"), 10, "a failing check withdraws")
    lab.flag("seed")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 100, 10, "a mended check announces again")
    lab.subscribe("*")


def test_a_route_never_passed_is_never_announced(lab):
    before = lab.bird.counters()
    add(lab, "never", "route 172.16.2.1/32 next-hop self", "never")
    lab.flag("never", False)
    lab.wait_for(lambda: lab.route("never")["health"] == "down", 10, "the check failed")
    assert lab.bird.counters() == before
    lab.delete_all(lab.get_prefix("routes/never/"))


def test_changed_attributes_replace_without_a_withdraw(lab):
    add(lab, "attributes", "route 172.16.3.1/32 next-hop self med 10")
    lab.wait_for(lambda: lab.bird.med("172.16.3.1/32") == 10, 10, "med 10")
    withdraws = lab.bird.counters()["withdraws"]
    lab.put("routes/attributes/config",
            "route 172.16.3.1/32 next-hop 10.99.0.1 med 20 community [ 65000:1 65000:2 ] as-path [ 65000 65000 ]")
    lab.wait_for(lambda: lab.bird.med("172.16.3.1/32") == 20, 10, "med 20")
    route = lab.bird.routes()["172.16.3.1/32"]
    assert route["community"] == "(65000,1) (65000,2)"
    assert route["as_path"] == "65000 65000"
    assert route["next_hop"] == "10.99.0.1"
    assert lab.bird.counters()["withdraws"] == withdraws
    lab.wait_for(lambda: lab.route("attributes")["state"] == "announced", 10, "confirmed by the wire")
    assert lab.route("attributes")["onWire"] == ["10.99.0.2", "10.99.1.2"]


def test_admin_state_down_withdraws_all_and_up_brings_all_back(lab):
    add(lab, "admin", "route 172.16.4.1/32 next-hop self")
    lab.wait_for(lambda: lab.bird.has("172.16.4.1/32"), 10, "announced")
    before = lab.bird.prefixes()
    lab.put("node/n1/adminState", "down")
    lab.wait_for(lambda: not lab.bird.prefixes(), 10, "all gone")
    assert all(route["layer"] == "adminState" for route in lab.routes().values() if route["verdict"] == "withdraw")
    lab.put("node/n1/adminState", "up")
    lab.wait_for(lambda: lab.bird.prefixes() == before, 10, "all back")


def test_unsubscribed_and_deleted_routes_leave(lab):
    add(lab, "one", "route 172.16.5.1/32 next-hop self")
    add(lab, "two", "route 172.16.5.2/32 next-hop self")
    add(lab, "three", "route 172.16.5.3/32 next-hop self")
    wanted = {f"172.16.5.{n}/32" for n in (1, 2, 3)}
    lab.wait_for(lambda: wanted <= lab.bird.prefixes(), 10, "three routes")
    lab.subscribe("keeper one two admin attributes CUSTOM_ROUTE")
    lab.wait_for(lambda: wanted & lab.bird.prefixes() == wanted - {"172.16.5.3/32"}, 10, "unsubscribed leaves alone")
    lab.delete("routes/one/config")
    lab.delete("routes/one/options")
    lab.wait_for(lambda: wanted & lab.bird.prefixes() == {"172.16.5.2/32"}, 10, "deleted leaves alone")
    lab.subscribe("*")
    lab.wait_for(lambda: lab.bird.has("172.16.5.3/32"), 10, "subscribed by a pattern")
    assert lab.bird.has("192.0.2.250/32")


def test_a_replaced_script_runs(lab):
    old, new = lab.flag("script-old"), lab.flags / "script-new"
    add(lab, "script", "route 172.16.6.1/32 next-hop self", "script-old")
    lab.wait_for(lambda: lab.bird.has("172.16.6.1/32"), 10, "announced")
    withdraws = lab.bird.counters()["withdraws"]
    lab.put("routes/script/healthcheck", f"#!/bin/sh\ntouch {new}\n")
    lab.wait_for(new.exists, 10, "the new script has run")
    old.unlink()
    # The new one passes without the old one's file: two more of its runs.
    for _ in range(2):
        new.unlink()
        lab.wait_for(new.exists, 10, "the new script runs again")
    assert lab.bird.counters()["withdraws"] == withdraws


def test_a_changed_script_may_not_withdraw_before_it_has_passed(lab):
    flag, ran = lab.flag("probation"), lab.flags / "probation-ran"
    add(lab, "probation", "route 172.16.6.2/32 next-hop self", "probation")
    lab.wait_for(lambda: lab.bird.has("172.16.6.2/32"), 10, "announced")
    withdraws = lab.bird.counters()["withdraws"]
    lab.put("routes/probation/healthcheck", f"#!/bin/sh\necho x >>{ran}\n[ -e {flag}-new ]\n")
    lab.wait_for(lambda: len(ran.read_text()) >= 8, 10, "four runs of a script that never passed")
    assert lab.bird.counters()["withdraws"] == withdraws
    lab.flag("probation-new")
    lab.wait_for(lambda: lab.route("probation")["health"] == "up", 10, "passed")
    at = len(ran.read_text())
    lab.wait_for(lambda: len(ran.read_text()) >= at + 4, 10, "two passes counted")
    lab.flag("probation-new", False)
    lab.wait_for(lambda: not lab.bird.has("172.16.6.2/32"), 10, "now it may")


def test_the_second_neighbor_has_the_routes_of_its_families(lab):
    second = lab.birds[1]
    add(lab, "both", "route 172.16.7.1/32 next-hop self")
    add(lab, "only6", "route 2001:db8:7::/48 next-hop 2001:db8:99:0::1")
    for bird in lab.birds:
        lab.wait_for(lambda: bird.has("172.16.7.1/32"), 10, f"{bird.name} has the IPv4 route")
    lab.wait_for(lambda: lab.bird.has("2001:db8:7::/48"), 10, "the first neighbor has the IPv6 route")
    lab.wait_for(lambda: lab.route("only6")["state"] == "announced", 10, "no wait for a neighbor without the family")
    assert lab.route("only6")["onWire"] == ["10.99.0.2"]
    assert not second.has("2001:db8:7::/48")


def test_ipv6_follows_its_check(lab):
    add(lab, "six", "route 2001:db8:8::1/128 next-hop 2001:db8:99:0::1 med 6", "six")
    lab.wait_for(lambda: lab.bird.med("2001:db8:8::1/128") == 6, 10, "announced")
    lab.flag("six", False)
    lab.wait_for(lambda: not lab.bird.has("2001:db8:8::1/128"), 10, "withdrawn")
    lab.flag("six")
    lab.wait_for(lambda: lab.bird.has("2001:db8:8::1/128"), 10, "announced again")


def test_prefix_key_with_attributes_in_config(lab):
    lab.put_all({"routes/split/prefix": "172.16.9.0/24", "routes/split/config": "next-hop self med 9"})
    lab.wait_for(lambda: lab.bird.med("172.16.9.0/24") == 9, 10, "announced")


def test_states_are_written_to_the_store(lab):
    def in_status():
        return json.loads(lab.get("node/n1/status"))["routes"]["told"]
    add(lab, "told", "route 172.16.10.1/32 next-hop self", "told")
    lab.wait_for(lambda: lab.get("node/n1/routes/told/state") == "announce", 10, "announce")
    lab.flag("told", False)
    lab.wait_for(lambda: lab.get("node/n1/routes/told/state") == "withdraw", 10, "withdraw")
    # Without transactions the status may still be that of the moment at which the route was about to be announced.
    lab.wait_for(lambda: in_status()["health"] == "down" and in_status()["reason"], 10, "told in the status")
    lab.delete_all(lab.get_prefix("routes/told/"))
    lab.wait_for(lambda: lab.get("node/n1/routes/told/state") is None, 10, "a deleted route's state is deleted")


def test_neighbors_are_written_to_the_store(lab):
    lab.wait_for(lambda: lab.get("node/n1/neighbors/10.99.1.2/state") == "up", 10, "up")
    wanted = {"state": "up", "ipAddress": "10.99.0.2", "localAddress": "10.99.0.1", "peerAs": "65001", "localAs": "65000"}

    def session():
        return {key.rsplit("/", 1)[1]: value for key, value in lab.get_prefix("node/n1/neighbors/10.99.0.2/").items()}
    lab.wait_for(lambda: wanted.items() <= session().items() and "since" in session(), 10, "the first session's keys")
    lab.birds[1].session_down()
    lab.wait_for(lambda: lab.get("node/n1/neighbors/10.99.1.2/state") == "down", 15, "down")
    lab.birds[1].session_up()
    lab.wait_for(lambda: lab.get("node/n1/neighbors/10.99.1.2/state") == "up", 40, "up again")


def test_what_the_daemon_writes_lives_under_one_lease(lab):
    if lab.store.name != "etcd v3":
        pytest.skip("leases are of v3: for times to live see scenario/test_etcd2_store.py, for files test_dir_own_keys.py")
    lab.wait_for(lambda: lab.get("node/n1/status"), 10, "the status")
    assert len(lab.etcd.leases()) == 1


def test_commands_answer(lab):
    code, status = lab.ctl("status")
    assert code == 0 and status["node"] == "n1" and status["mode"] == "normal" and status["store"]["state"] == "connected"
    assert status["store"]["kind"] == lab.store.name
    assert status["exabgp"]["version"] == lab.exabgp_version and status["exabgp"]["acks"] and status["exabgp"]["wire"]
    code, routes = lab.ctl("routes")
    assert code == 0 and "keeper" in [route["name"] for route in routes["routes"]]
    code, neighbors = lab.ctl("neighbors")
    assert code == 0
    first = next(n for n in neighbors["neighbors"] if n["ipAddress"] == "10.99.0.2")
    assert first["state"] == "up" and first["reportsUpdates"] and "ipv4 unicast" in first["families"]
    code, answer = lab.ctl("approve")
    assert code == 1 and answer["error"] == "nothing waits for approval"


def test_the_plainest_process_block_announces_and_withdraws(make):
    """As the classic one: no messages asked for, and the encoder in its place: neither 4.2 nor 5.0 start without one."""
    lab = make(bare=True)
    flag = lab.flag("bare")
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "routes/bare/options": QUICK,
                 "routes/bare/config": "route 172.16.11.1/32 next-hop self med 1",
                 "routes/bare/healthcheck": check_of(flag), "node/n1/subscribedRoutes": "keeper bare"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.med("172.16.11.1/32") == 1, 15, "announced")
    flag.unlink()
    lab.wait_for(lambda: not lab.bird.has("172.16.11.1/32"), 15, "withdrawn")
    lab.flag("bare")
    lab.wait_for(lambda: lab.bird.has("172.16.11.1/32"), 15, "announced again")
    lab.put("routes/bare/config", "route 172.16.11.1/32 next-hop self med 2")
    lab.wait_for(lambda: lab.bird.med("172.16.11.1/32") == 2, 15, "changed")
    status = lab.status()
    assert not status["exabgp"]["wire"]
    assert any("send" in line or "update" in line for line in status["warnings"]), status["warnings"]
