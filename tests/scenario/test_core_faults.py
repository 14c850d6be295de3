"""Core with damaged or missing files, flapping sessions, changing neighbors and long answers: what stands stays, what must
go goes, and status says what is wrong."""
import contextlib
import json

from etcd_lab import Member
from fake_exabgp import Daemon, Neighbor
from test_core_fake import etcd, saved, scene, wait_rib  # noqa: F401: fixtures
from ports import free_port
from wait import wait_for


def warned(daemon, text):
    status = daemon.status()
    return status is not None and any(text in line for line in status["warnings"])


def restarted(scene, daemon, url=None):
    """A daemon that starts anew under an ExaBGP that has kept its table."""
    rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
    neighbors = daemon.exabgp.neighbors
    daemon.close()
    made = Daemon(scene.folder, url or scene.url, scene.prefix, neighbors=neighbors)
    made.exabgp.rib.update(rib)
    scene.daemons.append(made)
    return made


# ---- the last known good ----

def damage_last_good(scene):
    path = scene.folder / "state" / "lastgood"
    data = path.read_bytes()
    path.write_bytes(data[:data.index(b"subscribedRoutes") + 3])


def test_a_damaged_last_known_good_withdraws_nothing_without_a_store(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon()
    daemon.wait_settled()
    saved(scene, b"subscribedRoutes")
    damage_last_good(scene)
    daemon = restarted(scene, daemon, url=f"http://127.0.0.1:{free_port()}")
    daemon.wait_synced()
    wait_for(lambda: "there is no last known good configuration" in daemon.log(), "it knows of none")
    assert warned(daemon, "the file was damaged")
    assert daemon.exabgp.withdrawn() == []


def test_a_damaged_last_known_good_withdraws_nothing_under_a_store_loss(scene, tmp_path_factory):
    other = Member(tmp_path_factory.mktemp("other"), token="another").start()
    try:
        other.gateway().put(f"{scene.prefix}/routes/r9/config", "route 10.200.0.0/24 next-hop self")
        scene.put_routes("r1", "r2")
        daemon = scene.daemon()
        daemon.wait_settled()
        saved(scene, b"subscribedRoutes")
        damage_last_good(scene)
        daemon = restarted(scene, daemon, url=other.url())
        daemon.wait_synced()
        loss = wait_for(lambda: (s := daemon.status()) and s["store"]["loss"], "the loss is seen")
        assert loss["kind"] == "other cluster"
        daemon.wait_settled()
        assert daemon.exabgp.prefixes() == {scene.net("r1"), scene.net("r2")} and daemon.exabgp.withdrawn() == []
        assert warned(daemon, "no key names")
    finally:
        other.kill()


def test_a_script_that_many_routes_share_is_saved_once(scene):
    script = "#!/bin/sh\nexit 0\n" + "# filler\n" * 20000
    names = [f"r{number}" for number in range(40)]
    for name in names:
        scene.put(f"routes/{name}/healthcheck", script)
    scene.put_routes(*names)
    daemon = scene.daemon()
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == len(names), "all checks passed", 60)
    # Together with the last of them.
    path = scene.folder / "state" / "lastgood"
    wait_for(lambda: path.exists() and path.read_bytes().count(b"/config") == len(names), "all are saved", 30)
    assert path.stat().st_size < 2 * len(script)
    daemon = restarted(scene, daemon, url=f"http://127.0.0.1:{free_port()}")
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == len(names), "all are known again", 60)
    wait_for(lambda: daemon.status()["workers"]["exec"]["checks"] == len(names), "so are their checks")


def test_a_last_known_good_that_cannot_be_saved_is_told_until_it_can(scene):
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_settled()
    saved(scene, b"routes/r1/config")
    (scene.folder / "state" / "lastgood.new").mkdir()
    scene.put_routes("r2")
    wait_for(lambda: warned(daemon, "last known good configuration: cannot write"), "it says so")
    (scene.folder / "state" / "lastgood.new").rmdir()
    wait_for(lambda: daemon.status()["warnings"] == [], "it is saved", 30)
    saved(scene, b"routes/r2/config")


# ---- the journal and the lock ----

def test_a_removed_journal_is_made_again(scene):
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_settled()
    journal = scene.folder / "state" / "journal"
    journal.unlink()
    scene.put_routes("r2")
    daemon.wait_state("r2", "announced")
    text = journal.read_bytes()
    assert scene.net("r1").encode() in text and scene.net("r2").encode() in text
    assert daemon.status()["warnings"] == []
    daemon = restarted(scene, daemon)
    daemon.wait_state("r1", "announced")
    assert daemon.ask("routes")["foreign"] == [] and daemon.exabgp.withdrawn() == []


def make_folder_of(path):
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    path.mkdir()


def test_without_a_journal_withdraws_go_on_and_announcements_wait(scene):
    journal = scene.folder / "state" / "journal"
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_settled()
    rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
    daemon.close()
    make_folder_of(journal)
    daemon = Daemon(scene.folder, scene.url, scene.prefix)
    scene.daemons.append(daemon)
    daemon.exabgp.rib.update(rib)
    daemon.wait_state("r1", "announced")
    assert warned(daemon, "the journal cannot be written")
    scene.put_routes("r2")
    daemon.wait_state("r2", "pending")
    scene.delete("routes/r1/config")
    wait_for(lambda: daemon.exabgp.withdrawn() == [scene.net("r1")], "r1 is withdrawn")
    assert daemon.exabgp.prefixes() == set()
    journal.rmdir()
    daemon.wait_state("r2", "announced")
    assert daemon.status()["warnings"] == [] and scene.net("r2").encode() in journal.read_bytes()
    assert daemon.status()["starts"] == 1


def test_a_lock_that_cannot_be_made_is_no_second_daemon(scene):
    lock = scene.folder / "state" / "lock"
    lock.parent.mkdir(exist_ok=True)
    lock.mkdir()
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_state("r1", "announced")
    assert warned(daemon, "a second daemon of this node would not be noticed")
    lock.rmdir()
    wait_for(lambda: daemon.status()["warnings"] == [], "it is locked later")
    assert lock.read_text().split() == [str(daemon.core())]


# ---- the talk with ExaBGP ----

def test_sessions_that_come_up_all_the_time_hold_up_no_withdraw(scene):
    flapping = Neighbor(ip="10.99.0.3", peer_as=65002)
    scene.put_routes("r1", "r2", "r3")
    daemon = scene.daemon(neighbors=[Neighbor(), flapping])
    daemon.wait_state("r1", "announced")
    daemon.wait_settled()
    fake = daemon.exabgp

    def flap(line):
        if line == "show neighbor extensive":
            fake.say_state(flapping, "up")
    fake.taken = flap
    for name in ("r1", "r2"):
        asked = fake.count("show neighbor extensive")
        fake.say_state(flapping, "up")
        wait_for(lambda: fake.count("show neighbor extensive") >= asked + 2, "it is asked again and again")
        scene.delete(f"routes/{name}/config")
        wait_for(lambda: scene.net(name) not in fake.prefixes(), f"{name} is withdrawn all the same", 10)


def test_what_stands_is_counted_once_however_often_it_is_asked_for_before_the_start(scene):
    neighbor = Neighbor()
    daemon = scene.daemon(url=f"http://127.0.0.1:{free_port()}", neighbors=[neighbor])
    fake = daemon.exabgp
    fake.rib[neighbor.ip]["10.77.0.0/24"] = "next-hop 10.99.0.1 of-no-sense 1"
    for _ in range(3):
        daemon.wait_synced()
        asked = fake.count("show adj-rib out extensive")
        fake.say_state(neighbor, "down", "test")
        fake.say_state(neighbor, "up")
        wait_for(lambda: fake.count("show adj-rib out extensive") > asked, "it is asked for again")
    daemon.wait_synced()
    assert daemon.status()["summary"]["foreign"] == 1


# ---- neighbors ----

def neighbor_of(daemon, ip):
    answer = daemon.ask("neighbors")
    return next((one for one in answer["neighbors"] if one["ipAddress"] == ip), None) if answer else None


def test_places_of_neighbors_that_are_gone_are_given_to_others(scene):
    neighbors = [Neighbor(ip=f"10.99.1.{number}") for number in range(1, 65)]
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=list(neighbors))
    daemon.wait_state("r1", "announced")
    fake = daemon.exabgp
    late = [Neighbor(ip=f"10.99.2.{number}", peer_as=65100 + number) for number in (1, 2)]
    for neighbor in late:
        fake.rib[neighbor.ip] = {scene.net("r1"): "next-hop self med 1"}
    fake.neighbors[:2] = late
    fake.say_state(late[0], "up")
    for neighbor in late:
        wait_for(lambda: (one := neighbor_of(daemon, neighbor.ip)) and one["state"] == "up", f"{neighbor.ip} is followed")
        fake.say_update(neighbor, "announce", [scene.net("r1")], "next-hop self med 1")
        wait_for(lambda: neighbor.ip in daemon.route("r1")["onWire"], "so is what it has")
    answer = daemon.ask("neighbors")["neighbors"]
    assert len(answer) == 64 and not {"10.99.1.1", "10.99.1.2"} & {one["ipAddress"] for one in answer}
    wait_for(lambda: daemon.status()["warnings"] == [], "nobody is left out")
    base = f"{scene.prefix}/node/n1/neighbors"
    scene.gateway.wait_value(f"{base}/10.99.2.1/peerAs", "65101")
    scene.gateway.wait_value(f"{base}/10.99.1.1/state", None)


def test_a_changed_as_reaches_selectors(scene):
    neighbor = Neighbor(peer_as=65001)
    scene.put("routes/r1/config", f"neighbor {neighbor.ip} peer-as 65009 route {scene.net('r1')} next-hop self med 1")
    daemon = scene.daemon(neighbors=[neighbor])
    fake = daemon.exabgp
    daemon.wait_state("r1", "standby")
    neighbor.peer_as = 65009
    fake.say_state(neighbor, "down", "test")
    fake.say_state(neighbor, "up")
    wait_for(lambda: neighbor_of(daemon, neighbor.ip)["peerAs"] == 65009, "the new AS is known")
    fake.say_update(neighbor, "announce", [scene.net("r1")], "next-hop self med 1")
    assert daemon.wait_state("r1", "announced")["onWire"] == [neighbor.ip]


def test_a_neighbor_that_tells_no_changes_is_up_when_it_is_configured_again(scene):
    first, second = Neighbor(), Neighbor(ip="10.99.0.3", peer_as=65002, changes=False)
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[first, second])
    fake = daemon.exabgp
    daemon.wait_state("r1", "announced")
    fake.neighbors.remove(second)
    fake.say_state(first, "up")
    wait_for(lambda: neighbor_of(daemon, second.ip)["reason"] == "not configured any more", "it is gone")
    fake.neighbors.append(second)
    fake.say_state(first, "up")
    wait_for(lambda: neighbor_of(daemon, second.ip)["state"] == "up", "it is back")
    assert neighbor_of(daemon, second.ip)["reason"] == ""


def test_two_sessions_with_one_address_have_keys_of_their_own(scene):
    neighbors = [Neighbor(local="10.99.0.1"), Neighbor(local="10.99.0.9", peer_as=65009)]
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=neighbors)
    daemon.wait_synced()
    base = f"{scene.prefix}/node/n1/neighbors"
    scene.gateway.wait_value(f"{base}/10.99.0.2/localAddress", "10.99.0.1")
    scene.gateway.wait_value(f"{base}/10.99.0.2@10.99.0.9/localAddress", "10.99.0.9")
    scene.gateway.wait_value(f"{base}/10.99.0.2@10.99.0.9/peerAs", "65009")


# ---- what is told ----

def test_a_status_that_is_too_long_tells_how_many_warnings_are_left_out(scene):
    neighbors = [Neighbor(ip=f"10.99.1.{number}", changes=False, wire=False) for number in range(1, 65)]
    for number in range(150):
        scene.put(f"routes/bad{number}/config", "route of no sense " + "x" * 200)
    daemon = scene.daemon(neighbors=neighbors)
    daemon.wait_synced()
    wait_for(lambda: (s := daemon.status()) and s["summary"]["faulty"] == 150, "all are read")
    total = len(daemon.status()["warnings"])
    assert total >= 64

    def published():
        got = scene.gateway.get(f"{scene.prefix}/node/n1/status")
        status = got and json.loads(got[0])
        return status and status["summary"]["faulty"] == 150 and status["warnings"] and (got[0], status)
    text, status = wait_for(published, "the status is written")
    assert len(text) <= 16384 and 1 < len(status["warnings"]) < total
    assert status["warnings"][-1].startswith(f"{total - len(status['warnings']) + 1} more warnings")


def test_routes_are_told_by_name_or_glob_and_all_of_them_in_order(scene):
    names = sorted(f"r{number}" for number in range(450))
    scene.put_routes(*names)
    daemon = scene.daemon()
    daemon.exabgp.rib["10.99.0.2"]["10.77.0.0/24"] = "next-hop 10.99.0.1"
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == len(names), "all are announced", 60)
    answer = daemon.ask("routes")
    assert [route["name"] for route in answer["routes"]] == names
    assert answer["foreignTotal"] == len(answer["foreign"])
    answer = daemon.ask("routes", name="r7")
    assert [route["name"] for route in answer["routes"]] == ["r7"] and "foreign" not in answer
    assert daemon.ask("routes", name="nobody") == {"routes": []}
    answer = daemon.ask("routes", name=["r44?", "r2", "nobody"])
    assert [route["name"] for route in answer["routes"]] == ["r2"] + [f"r44{digit}" for digit in range(10)]
    for wrong in (7, ["r1", 7], ["x"] * 65):
        assert "`name` must be" in daemon.ask("routes", name=wrong)["error"]


def test_an_approval_counts_for_the_store_that_it_was_given_for(scene, tmp_path):
    port = free_port()
    stores = []
    for number in range(3):
        folder = tmp_path / f"store{number}"
        folder.mkdir()
        stores.append(Member(folder, token=f"token{number}", port=port))
    try:
        stores[0].start()
        gateway = stores[0].gateway()
        gateway.put(f"{scene.prefix}/routes/r1/config", scene.config("r1"))
        gateway.put(f"{scene.prefix}/node/n1/subscribedRoutes", "*")
        scene.daemons.append(Daemon(scene.folder, stores[0].url(), scene.prefix))
        daemon = scene.daemons[0]
        daemon.wait_state("r1", "announced")
        ids = []
        for number in (1, 2):
            stores[number - 1].kill()
            stores[number].start()
            stores[number].gateway().put(f"{scene.prefix}/routes/r2/config", scene.config("r2"))
            stores[number].gateway().put(f"{scene.prefix}/node/n1/subscribedRoutes", "*")
            wait_for(lambda: (loss := daemon.status()["store"]["loss"]) and loss["id"] not in ids and
                     ids.append(loss["id"]) is None, "another loss", 60)
        assert len(set(ids)) == 2
        assert "error" in daemon.ask("approve", id=ids[0])
        assert daemon.exabgp.withdrawn() == []
        assert daemon.ask("approve", id=ids[1]) == {"approved": ids[1]}
        wait_rib(daemon, ["r2"])
    finally:
        for store in stores:
            store.kill()
