"""Service addresses: `address` in a route's options, in a network namespace of the test's own."""
import json
import os
import signal
import subprocess
import time

import pytest
from address_lab import (LABEL, VIP, VIP6, exec_pid, holds, managed, needs_namespace, run,  # noqa: F401
                         scene)
from dir_lab import Hang
from wait import nothing_happens_for, wait_for

pytestmark = needs_namespace


# ---- require ----


def test_a_required_address_brings_the_route_and_takes_it(scene):
    scene.put("web", address="require")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    route = daemon.wait_state("web", "withdrawn")
    assert route["layer"] == "address" and route["reason"] == f"the service address {VIP} is not on this host"
    assert route["error"] == (f"routes/web/options: address: the service address {VIP} is not on this host: add it, e.g. "
                              f'ip addr add {VIP}/32 dev lo, or use "address": "manage"')
    wait_for(lambda: "web" in json.loads(scene.tree.get("node/n1/status") or "{}").get("routes", {}), "the status key")
    entry = json.loads(scene.tree.get("node/n1/status"))["routes"]["web"]
    assert entry["reason"] == route["reason"] and entry["error"] == route["error"]
    daemon.wait_state("keeper", "announced")
    assert not holds(daemon)
    begun = time.monotonic()
    scene.host.add(f"{VIP}/32")
    wait_for(lambda: holds(daemon), "it is announced", 5)
    assert time.monotonic() - begun < 2
    route = daemon.wait_state("web", "announced")
    assert route["error"] is None and route["layer"] == "health"
    begun = time.monotonic()
    scene.host.remove(f"{VIP}/32")
    wait_for(lambda: not holds(daemon), "it is withdrawn", 5)
    assert time.monotonic() - begun < 2


def test_an_address_that_is_gone_for_a_moment_is_no_flap(scene):
    scene.put("web", address="require")
    scene.subscribe("keeper web")
    scene.host.add(f"{VIP}/32")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    batch = "".join(f"addr {verb} {VIP}/32 dev lo\n" for _ in range(20) for verb in ("del", "add"))
    # On a busy machine `ip` may be held up between two of them; core then sees them at once all the same.
    core = daemon.core()
    os.kill(core, signal.SIGSTOP)
    subprocess.run([*scene.host.enter, "ip", "-batch", "-"], input=batch, text=True, check=True, timeout=30)
    os.kill(core, signal.SIGCONT)
    nothing_happens_for(1, "the kernel's events are taken together", lambda: None)
    assert daemon.exabgp.withdrawn() == [] and holds(daemon)


def test_any_address_inside_a_shorter_prefix_will_do(scene):
    scene.put("net", "172.16.0.0/20", address="require")
    scene.subscribe("keeper net")
    scene.host.add("172.16.16.1/32")
    daemon = scene.daemon()
    route = daemon.wait_state("net", "withdrawn")
    assert route["reason"] == "no address of this host is in 172.16.0.0/20"
    scene.host.add("172.16.15.255/32")
    daemon.wait_state("net", "announced")


def test_an_address_under_duplicate_detection_does_not_count(scene):
    scene.put("six", f"{VIP6}/128", address="require")
    scene.subscribe("keeper six")
    daemon = scene.daemon(wire=False)
    daemon.wait_state("six", "withdrawn")
    scene.host.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    for name in ("v0", "v1"):
        run(*scene.host.enter, "sh", "-c", f"echo 3 >/proc/sys/net/ipv6/conf/{name}/dad_transmits")
        scene.host.ip("link", "set", name, "up")
    scene.host.ip("addr", "add", f"{VIP6}/128", "dev", "v0")

    def is_tentative():
        return "tentative" in scene.host.addresses()[VIP6][2]
    wait_for(lambda: "duplicate detection" in daemon.route("six")["reason"], "it is seen, and does not count", 3)
    assert is_tentative() and not holds(daemon, f"{VIP6}/128")
    wait_for(lambda: not is_tentative(), "duplicate detection is over")
    wait_for(lambda: holds(daemon, f"{VIP6}/128"), "it is announced", 3)


def test_ignore_looks_at_nothing(scene):
    scene.put("web", address="ignore")
    scene.subscribe("keeper web")
    assert scene.daemon().wait_state("web", "announced")["error"] is None


def test_manage_of_a_network_is_refused_and_the_last_good_options_stay(scene):
    scene.put("net", "172.16.0.0/20", address="ignore")
    scene.subscribe("keeper net")
    daemon = scene.daemon()
    daemon.wait_state("net", "announced")
    scene.tree.put("routes/net/options", '{"address": "manage"}')
    error = wait_for(lambda: daemon.route("net")["error"], "the fault is told")
    assert error == ('routes/net/options: address: "manage" needs a host route (/32, or /128 of IPv6), found '
                     "172.16.0.0/20")
    assert holds(daemon, "172.16.0.0/20") and daemon.exabgp.withdrawn() == []


# ---- manage ----


def test_manage_sets_the_address_before_the_announce_and_removes_it_after_the_withdraw(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper")
    daemon = scene.daemon()
    daemon.wait_state("keeper", "announced")
    wait_for(lambda: daemon.status()["workers"]["exec"]["addresses"] == "managed", "the worker says that it can")
    assert not scene.host.has(VIP)
    seen = []

    def look(line):
        if VIP in line:
            seen.append((line.split()[0], scene.host.has(VIP)))
    daemon.exabgp.taken = look
    scene.subscribe("keeper web")
    daemon.wait_state("web", "announced")
    managed(scene, daemon)
    # The withdraw is taken, but its UPDATE does not show for a while.
    daemon.exabgp.unseen = lambda prefix: VIP in prefix
    scene.subscribe("keeper")
    wait_for(lambda: not holds(daemon), "it is withdrawn")
    nothing_happens_for(1, "the wire has not shown it", lambda: managed(scene, daemon))
    daemon.exabgp.unseen = lambda prefix: False
    daemon.exabgp.say_update(daemon.exabgp.neighbors[0], "withdraw", [f"{VIP}/32"], "med 100")
    wait_for(lambda: not scene.host.has(VIP), "the address is removed")
    assert [verb for verb, _ in seen][:2] == ["announce", "withdraw"] and all(there for _, there in seen)


def test_manage_sets_and_removes_ipv6_addresses(scene):
    scene.put("six", f"{VIP6}/128", address="manage")
    scene.subscribe("keeper six")
    daemon = scene.daemon(wire=False)
    wait_for(lambda: holds(daemon, f"{VIP6}/128"), "it is announced")
    managed(scene, daemon, VIP6)
    daemon.kill_core()
    daemon.wait_synced()
    scene.subscribe("keeper")
    wait_for(lambda: not scene.host.has(VIP6), "the address is removed")
    assert not holds(daemon, f"{VIP6}/128")


def test_the_address_is_there_whatever_the_check_says(scene):
    scene.put("web", address="manage", interval="200ms", fall=1)
    scene.tree.put("routes/web/healthcheck", "#!/bin/sh\nexit 1\n")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    route = wait_for(lambda: (r := daemon.route("web")) and r["health"] == "down" and r, "its check fails")
    assert route["layer"] == "health"
    managed(scene, daemon)
    scene.tree.put("routes/web/healthcheck", "#!/bin/sh\nexit 0\n")
    daemon.wait_state("web", "announced")


def test_admin_down_takes_the_address_and_up_brings_it_back(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    managed(scene, daemon)
    scene.tree.put("node/n1/adminState", "down")
    wait_for(lambda: not scene.host.has(VIP), "the address is removed")
    assert not holds(daemon)
    scene.tree.put("node/n1/adminState", "up")
    daemon.wait_state("web", "announced")
    managed(scene, daemon)


def test_an_option_that_changes_keeps_the_address_while_the_route_stands(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    scene.tree.put("routes/web/options", "{}")
    nothing_happens_for(1, "the route stands", lambda: managed(scene, daemon))
    assert daemon.exabgp.withdrawn() == []
    scene.subscribe("keeper")
    wait_for(lambda: not scene.host.has(VIP), "the address is removed")


def test_two_routes_share_an_address(scene):
    scene.put("a", address="manage")
    scene.tree.put("routes/b/options", '{"address": "manage", "interval": "200ms", "fall": 1}')
    scene.tree.put("routes/b/config", f"route {VIP}/32 next-hop self med 100 path-information 1.2.3.4")
    scene.tree.put("routes/b/healthcheck", "#!/bin/sh\nexit 1\n")
    scene.subscribe("keeper a b")
    daemon = scene.daemon()
    daemon.wait_state("a", "announced")
    wait_for(lambda: daemon.route("b")["health"] == "down", "b is not announced, for its health")
    scene.subscribe("keeper b")
    wait_for(lambda: daemon.route("a")["state"] == "unsubscribed" and not holds(daemon), "a is withdrawn")
    daemon.wait_settled()
    nothing_happens_for(1, "b wants it", lambda: managed(scene, daemon))
    scene.subscribe("keeper")
    wait_for(lambda: not scene.host.has(VIP), "the address is removed")


def test_the_address_outlives_kills_of_core_and_of_the_worker(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    monitor = subprocess.Popen([*scene.host.enter, "ip", "-o", "monitor", "address"], stdout=subprocess.PIPE, text=True)
    daemon.kill_core()
    daemon.wait_synced()
    daemon.wait_settled()
    old = exec_pid(daemon)
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: exec_pid(daemon) not in (0, old), "another worker")
    wait_for(lambda: daemon.status()["workers"]["exec"]["state"] == "running", "it runs")
    managed(scene, daemon)
    daemon.wait_state("web", "announced")
    scene.host.add("172.16.99.99/32")  # the last thing that the monitor is to see
    for line in monitor.stdout:
        assert VIP not in line, line
        if "172.16.99.99" in line:
            break
    monitor.kill()
    monitor.wait()
    monitor.stdout.close()
    assert daemon.exabgp.withdrawn() == []
    scene.subscribe("keeper")
    wait_for(lambda: not scene.host.has(VIP), "the address is removed by those who did not set it")


def test_a_worker_that_hangs_with_a_request_only_delays_it(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper")
    daemon = scene.daemon()
    wait_for(lambda: daemon.status()["workers"]["exec"]["addresses"] == "managed", "the worker says that it can")
    hung = exec_pid(daemon)
    os.kill(hung, signal.SIGSTOP)
    scene.subscribe("keeper web")
    route = wait_for(lambda: (r := daemon.route("web")) and r["layer"] == "address" and r, "the address is asked for")
    assert not holds(daemon) and "is being set" in route["reason"]
    wait_for(lambda: exec_pid(daemon) not in (0, hung), "core has killed it and started another")
    daemon.wait_state("web", "announced")
    managed(scene, daemon)


def test_what_was_unsubscribed_while_core_was_dead_is_withdrawn_and_removed(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    daemon.wait_settled()
    os.kill(daemon.core(), signal.SIGSTOP)
    scene.subscribe("keeper")
    os.kill(daemon.core_pid_of_holder(), signal.SIGKILL)
    wait_for(lambda: not scene.host.has(VIP), "the address is removed")
    assert not holds(daemon)


def test_an_address_that_is_taken_away_is_set_again_and_the_route_stays(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    scene.host.remove(f"{VIP}/32")
    wait_for(lambda: scene.host.has(VIP), "it is set again", 3)
    assert daemon.exabgp.withdrawn() == []


@pytest.mark.parametrize("prefix,words", [(f"{VIP}/32", ()), (f"{VIP}/32", ("label", "lo:mine")), (f"{VIP6}/128", ())])
def test_an_address_of_somebody_else_is_never_touched(scene, prefix, words):
    address = prefix.split("/")[0]
    scene.put("web", prefix, address="manage")
    scene.subscribe("keeper web")
    scene.host.add(prefix, *words)
    wait_for(lambda: "tentative" not in scene.host.addresses()[address][2], "duplicate detection is over")
    before = scene.host.addresses()[address]
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    assert scene.host.addresses()[address] == before
    scene.subscribe("keeper")
    wait_for(lambda: not holds(daemon, prefix), "it is withdrawn")
    daemon.wait_settled()
    daemon.kill_core()
    daemon.wait_synced()
    nothing_happens_for(1, "nothing is ours", lambda: None)
    assert scene.host.addresses()[address] == before


def test_a_marked_address_that_our_state_does_not_know_is_left_and_told(scene):
    scene.subscribe("keeper")
    scene.host.add("172.16.9.9/32", "label", LABEL)
    daemon = scene.daemon()
    wait_for(lambda: any("have our mark" in line for line in daemon.status()["warnings"]), "the warning")
    assert scene.host.has("172.16.9.9")


def test_the_address_of_a_neighbor_is_never_set(scene):
    scene.put("web", "10.99.0.2/32", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    route = daemon.wait_state("web", "withdrawn")
    assert "it is the address of the neighbor 10.99.0.2" in route["error"] and not scene.host.has("10.99.0.2")


@pytest.mark.parametrize("on_exit", ["keep", "withdraw"])
def test_the_end_of_the_daemon_does_as_on_exit_says(scene, on_exit):
    scene.put("web", address="manage", on_exit=on_exit)
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    daemon.wait_settled()
    daemon.exabgp.process.terminate()
    daemon.exabgp.process.wait(10)
    assert holds(daemon) == scene.host.has(VIP) == (on_exit == "keep")


def test_with_shell_off_addresses_are_managed_all_the_same(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon(conf="shell off\n")
    daemon.wait_state("web", "announced")
    managed(scene, daemon)


def test_what_is_ours_is_on_the_disk_before_the_address_is_set(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper")
    daemon = scene.daemon()
    daemon.wait_state("keeper", "announced")
    daemon.wait_settled()
    temporary = scene.folder / "state" / "addresses.new"
    temporary.write_text("")
    try:
        hang = Hang(temporary)
    except OSError as error:
        pytest.skip(f"no disk can be made to hang here: {error}")
    try:
        scene.subscribe("keeper web")
        wait_for(hang.is_met, "the disk hangs")
        nothing_happens_for(1, "the disk hangs", lambda: not scene.host.has(VIP) or pytest.fail("it was set"))
    finally:
        hang.release()
    daemon.wait_state("web", "announced")
    assert (scene.folder / "state" / "addresses").read_text() == f"{VIP}\n"
    scene.subscribe("keeper")
    wait_for(lambda: (scene.folder / "state" / "addresses").read_text() == "", "it is forgotten with the address")
    assert not scene.host.has(VIP)
