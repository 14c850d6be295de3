"""Losing etcd in any way withdraws nothing; coming back it is right again, or waits for `approve` and says so."""
import os
import signal

import pytest

ROUTES = 20


def keys_of(count=ROUTES):
    keys = {f"routes/r{n}/config": f"route 10.5.0.{n}/32 next-hop self" for n in range(count)}
    return {**keys, "node/n1/subscribedRoutes": "*"}


@pytest.fixture
def lab(make_lab):
    """A fresh one each: what is done to its store cannot be undone."""
    lab = make_lab()
    lab.put_all(keys_of())
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.count() == ROUTES, 30, "all routes")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 30, "settled")
    yield lab
    lab.close()


def store_is(lab, state):
    return lambda: lab.status()["store"]["state"] == state


def works_again(lab, octet, limit=40):
    # A cluster without a leader refuses for a moment.
    lab.wait_for(lambda: lab.etcd.put(f"/bgp/routes/after{octet}/config", f"route 10.6.0.{octet}/32 next-hop self"), 40,
                 "etcd takes a key")
    lab.wait_for(lambda: lab.bird.has(f"10.6.0.{octet}/32"), limit, "a new key works")


def waits_for_approval(lab, kind):
    """The loss, once the daemon holds it: nothing was withdrawn, and the text says what to do."""
    loss = lab.wait_for(lambda: lab.status()["store"]["loss"], 60, f"the loss is seen: {kind}")
    assert loss["kind"] == kind and "approve" in loss["text"], loss
    assert any("approve" in line for line in lab.status()["warnings"])
    assert lab.bird.count() == ROUTES and lab.bird.counters()["withdraws"] == 0
    return loss


def approve(lab, loss):
    code, answer = lab.ctl("approve")
    assert code == 0 and answer == {"approved": loss["id"]}
    lab.wait_for(lambda: lab.status()["store"]["loss"] is None, 20, "approved")


def test_bgp_flap_sends_no_withdraw_and_ends_with_all(lab):
    before = lab.bird.counters()
    lab.bird.session_down()
    lab.wait_for(lambda: not lab.bird.is_up(), 10, "down")
    lab.put("routes/r0/config", "route 10.5.0.0/32 next-hop self med 77")
    lab.delete("routes/r1/config")
    lab.wait_for(lambda: all(n["state"] != "up" for n in lab.api("neighbors")["neighbors"]), 10, "seen")
    lab.bird.session_up()
    lab.wait_for(lambda: lab.bird.count() == ROUTES - 1, 60, "all but the deleted one")
    assert lab.bird.med("10.5.0.0/32") == 77 and not lab.bird.has("10.5.0.1/32")
    assert lab.bird.counters()["withdraws"] <= before["withdraws"] + 1


def test_a_hung_server_withdraws_nothing(lab):
    before = lab.bird.counters()
    lab.etcd.pause()
    lab.wait_for(store_is(lab, "unreachable"), 90, "noticed")
    assert lab.status()["store"]["loss"] is None
    lab.etcd.resume()
    lab.wait_for(store_is(lab, "connected"), 60, "connected again")
    assert lab.bird.counters() == before
    works_again(lab, 1)


def test_a_killed_server_withdraws_nothing_and_its_return_is_followed(lab):
    before = lab.bird.counters()
    lab.etcd.kill()
    lab.wait_for(store_is(lab, "unreachable"), 30, "noticed")
    lab.etcd.start()
    lab.etcd.wait_ready()
    lab.wait_for(store_is(lab, "connected"), 60, "connected again")
    assert lab.bird.counters() == before
    works_again(lab, 2)
    lab.wait_for(lambda: lab.get("node/n1/status"), 60, "the own keys are back")


def test_compaction_while_away_loses_no_change(lab):
    core = lab.status()["pid"]
    os.kill(core, signal.SIGSTOP)
    lab.delete("routes/r1/config")
    lab.put("routes/r2/config", "route 10.5.0.2/32 next-hop self med 22")
    lab.etcd.compact()
    # Its connection dies while it sleeps, so that it must begin again behind the compaction.
    lab.etcd.kill()
    lab.etcd.start()
    lab.etcd.wait_ready()
    lab.put("routes/r3/config", "route 10.5.0.3/32 next-hop self med 33")
    lab.etcd.compact()
    os.kill(core, signal.SIGCONT)
    lab.wait_for(lambda: lab.bird.med("10.5.0.2/32") == 22 and lab.bird.med("10.5.0.3/32") == 33, 60, "changes")
    lab.wait_for(lambda: not lab.bird.has("10.5.0.1/32"), 30, "the delete")
    assert lab.bird.counters()["withdraws"] == 1


def test_a_wiped_store_waits_for_approval(lab):
    lab.etcd.wipe()
    lab.etcd.start()
    lab.etcd.wait_ready()
    loss = lab.wait_for(lambda: lab.status()["store"]["loss"], 60, "the loss is seen")
    assert loss["kind"] in ("emptied", "revision went back") and "approve" in loss["text"]
    assert lab.bird.count() == ROUTES and lab.bird.counters()["withdraws"] == 0
    # People fill it again, with one route less, and say that it counts.
    lab.put_all(keys_of(ROUTES - 1))
    assert lab.bird.count() == ROUTES
    lab.wait_for(lambda: lab.status()["store"]["loss"], 10, "still waiting")
    code, answer = lab.ctl("approve")
    assert code == 0 and len(answer["approved"]) == 8
    lab.wait_for(lambda: lab.bird.count() == ROUTES - 1, 30, "the new content counts")
    assert lab.bird.counters()["withdraws"] == 1
    works_again(lab, 3)


def test_all_routes_deleted_waits_for_approval(lab):
    lab.delete_all(f"routes/r{n}/config" for n in range(ROUTES))
    lab.delete("node/n1/subscribedRoutes")
    loss = lab.wait_for(lambda: lab.status()["store"]["loss"], 30, "the loss is seen")
    assert loss["kind"] == "emptied"
    assert lab.bird.count() == ROUTES and lab.bird.counters()["withdraws"] == 0
    approve(lab, loss)
    lab.wait_for(lambda: lab.bird.count() == 0, 20, "approved: they go")


def test_an_old_backup_waits_for_approval(lab):
    backup = lab.dir / "backup"
    lab.etcd.snapshot(backup)
    lab.put_all({f"routes/r{n}/config": f"route 10.5.0.{n}/32 next-hop self med 5" for n in range(5)})
    for number in range(20):
        lab.put("routes/r5/config", f"route 10.5.0.5/32 next-hop self med {number}")
    lab.wait_for(lambda: lab.bird.med("10.5.0.5/32") == 19 and lab.bird.med("10.5.0.4/32") == 5, 20, "the newer state")
    lab.etcd.restore(backup)
    lab.etcd.start()
    lab.etcd.wait_ready()
    loss = waits_for_approval(lab, "revision went back")
    assert lab.bird.med("10.5.0.4/32") == 5
    approve(lab, loss)
    lab.wait_for(lambda: lab.bird.routes()["10.5.0.4/32"].get("med") is None, 20, "the backup's state")
    assert lab.bird.counters()["withdraws"] == 0
    works_again(lab, 4)


def test_another_cluster_on_the_same_address_waits_for_approval(lab):
    lab.etcd.wipe()
    lab.etcd.token = "another"
    lab.etcd.start()
    lab.etcd.wait_ready()
    lab.etcd.put_all({f"/bgp/{key}": value for key, value in keys_of(3).items()})
    for number in range(200):
        # Its revision passes the old one's: only the cluster's id tells.
        lab.etcd.put("/elsewhere", str(number))
    loss = waits_for_approval(lab, "other cluster")
    approve(lab, loss)
    lab.wait_for(lambda: lab.bird.count() == 3, 20, "the other cluster's routes")
    works_again(lab, 5)


def test_etcd_away_at_start_uses_the_last_known_good(lab):
    lab.wait_for(lambda: (lab.state / "lastgood").exists() or list(lab.state.rglob("lastgood")), 30, "saved")
    lab.stop_exabgp()
    lab.wait_for(lambda: not any(lab.daemons().values()), 10, "the daemon is gone")
    lab.etcd.kill()
    lab.start_exabgp(wait=False)
    lab.wait_for(lab.bird.is_up, 60, "session")
    lab.wait_for(lambda: lab.bird.count() == ROUTES, 60, "all routes, without etcd")
    assert lab.status()["store"]["state"] in ("starting", "unreachable")
    lab.etcd.start()
    lab.etcd.wait_ready()
    lab.wait_for(store_is(lab, "connected"), 60, "connected")
    assert lab.bird.counters()["withdraws"] == 0
    works_again(lab, 6)


def test_the_leader_of_three_killed_withdraws_nothing(make_lab):
    lab = make_lab(members=3)
    lab.put_all(keys_of())
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.count() == ROUTES, 30, "all routes")
    before = lab.bird.counters()
    leader = next(member for member in lab.members if member.is_leader())
    leader.kill()
    lab.members.remove(leader)
    works_again(lab, 7)
    assert lab.bird.counters()["withdraws"] == before["withdraws"] == 0
    leader.start()
    leader.wait_ready()
    # One member of three hangs: the watch of who hung on it moves on.
    lab.members.append(leader)
    lab.members[0].pause()
    paused = lab.members.pop(0)
    lab.wait_for(lambda: any(member.is_leader() for member in lab.members), 30, "a leader again")
    works_again(lab, 8, 100)
    paused.resume()
    assert lab.bird.counters()["withdraws"] == 0
    lab.close()
