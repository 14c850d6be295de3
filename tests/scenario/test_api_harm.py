"""What routes of the API must never do: cost a route of the store its place, outlive their end, come after their removal,
or be told of as announced when something else is."""
import json
import shutil
import threading
import time

import pytest

from dir_lab import Hang
from lease_lab import PEER, World
from wait import wait_for

A, B, C = "10.71.0.1/32", "10.71.0.2/32", "10.71.0.3/32"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def in_background(ask):
    """Its answer comes into the list."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    return thread, answers


@pytest.fixture
def hang(world):
    """The file of the leases hangs from when this is called until `release`."""
    made = []

    def begin():
        try:
            made.append(Hang(world.folder / "state", children=True))
        except OSError as error:
            pytest.skip(f"fanotify cannot be had here: {error}")
        world.file.unlink()
        return made[0]
    yield begin
    for one in made:
        one.release()


def log_of(world):
    return world.daemon.log()[world.logged:]


# ---- the store ----

def test_a_store_that_comes_back_empty_takes_nothing_though_routes_of_the_api_went_on_without_it(world):
    world.tree.put("routes/s/config", f"route {A} next-hop self med 7")
    world.start()
    world.daemon.wait_state("s", "announced")
    world.put("web", B)
    rib = world.stop()
    (world.folder / "state" / "lastgood").unlink()
    store = world.folder / "store"
    store.rename(world.folder / "away")
    world.start(rib=rib)
    wait_for(lambda: "nothing but routes of the API" in log_of(world), "the wait for the store is over", 30)
    world.put("other", C)
    world.tree.put("node/n1/subscribedRoutes", "*")
    wait_for(lambda: world.daemon.status()["store"]["loss"] or A in world.withdrawn(), "the store is read", 30)
    assert world.daemon.status()["store"]["loss"] and world.withdrawn() == []
    # And the routes come back with the store.
    store.rename(world.folder / "empty")
    (world.folder / "away").rename(store)
    world.daemon.wait_state("s", "announced", 30)
    assert world.withdrawn() == [] and world.prefixes() == {A, B, C}


# ---- the disk ----

def test_what_is_removed_before_it_is_on_disk_is_not_announced(world, hang):
    world.start()
    world.put("old", B)
    disk = hang()
    late = world.api.put("web", f"route {A} next-hop self", wait="ack", timeout=0.5)
    assert late["status"] == 504 and disk.is_met(), late
    gone = world.api.remove("web", wait="ack", timeout=0.5)
    assert gone["status"] == 504, gone
    disk.release()
    world.put("new", C)
    assert not [line for line in world.announced() if A in line], world.announced()
    world.again()
    world.daemon.wait_state("api:new", "announced")
    assert world.prefixes() == {B, C} and not [line for line in world.announced() if A in line]


def test_what_ends_before_it_is_on_disk_is_not_announced(world, hang):
    world.start()
    world.put("old", B)
    disk = hang()
    late = world.api.put("web", f"route {A} next-hop self", ttl=1, wait="ack", timeout=2)
    assert late["status"] == 504 and disk.is_met(), late
    disk.release()
    world.put("new", C)
    assert not [line for line in world.announced() if A in line], world.announced()
    wait_for(lambda: {r["name"] for r in world.kept()} == {"api:old", "api:new"}, "it is not kept")


# ---- what is told ----

def test_a_put_that_another_put_replaced_before_its_answer_is_not_told_as_done(world):
    world.start()
    exabgp = world.daemon.exabgp
    exabgp.answering.clear()
    thread, answers = in_background(
        lambda: world.api.put("web", f"route {A} next-hop self med 1", wait="ack", timeout=30))
    wait_for(lambda: world.daemon.route("api:web"), "it is wanted")
    second = world.api.put("web", f"route {A} next-hop self med 2")
    assert second["status"] == 202, second
    exabgp.answering.set()
    world.daemon.wait_state("api:web", "announced")
    thread.join(30)
    assert "med 2" in world.held(A)
    assert answers[0]["status"] == 409 and answers[0]["error"] == "superseded", answers


def test_what_stands_again_after_a_refusal_has_no_more_time_than_it_had(world):
    world.start()
    exabgp = world.daemon.exabgp
    world.put("web", A, ttl=4)
    exabgp.refuse = lambda line: "med 5" in line
    exabgp.answering.clear()
    thread, answers = in_background(
        lambda: world.api.put("web", f"route {A} next-hop self med 5", wait="ack", timeout=30))
    wait_for(lambda: len([r for r in world.kept() if r["name"] == "api:web"]) == 2, "the second one is kept")
    begun = next(r for r in world.records() if r.get("ttl"))
    wait_for(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) * 1000 > begun["uptime"] + 4100, "its time is over", 30)
    exabgp.answering.set()
    thread.join(30)
    assert answers[0]["status"] == 422, answers
    wait_for(lambda: A not in world.prefixes(), "nothing of it stands")
    assert len([r for r in world.records() if r.get("name") == "api:web"]) == 2, world.records()


def test_leases_of_one_prefix_that_leave_together_do_not_hide_the_routes_of_an_emptied_store(world):
    """Each of them is in the file until the withdraw is confirmed; the journal has the prefix once."""
    world.tree.put("routes/s/config", f"route {A} next-hop self med 7")
    world.start()
    world.daemon.wait_state("s", "announced")
    world.put("first", B)
    world.daemon.exabgp.answering.clear()
    for name in ("first", "second", "third"):
        if name != "first":
            world.put(name, B, state=None)
        assert world.api.remove(name)["status"] == 202
    rib = world.stop()
    assert len([r for r in world.records() if "leave" in r]) == 3 and not [r for r in world.records() if "forget" in r]
    (world.folder / "state" / "lastgood").unlink()
    shutil.rmtree(world.folder / "store")
    world.tree.put("node/n1/subscribedRoutes", "*")
    world.start(rib={**rib, PEER: {A: "next-hop self med 7", **rib[PEER]}})
    wait_for(lambda: world.daemon.status()["store"]["loss"] or A in world.withdrawn(), "the store is read", 30)
    assert world.daemon.status()["store"]["loss"] and A not in world.withdrawn()


def test_a_withdraw_that_exabgp_refuses_undoes_nothing(world):
    world.start()
    world.put("web", A)
    world.daemon.exabgp.refuse = lambda line: "withdraw" in line
    gone = world.api.remove("web", wait="ack", timeout=20)
    assert gone["status"] == 422, gone
    lines = [json.loads(line) for line in (world.folder / "state" / "audit.log").read_text().splitlines()]
    assert [(line["action"], line["outcome"], line["who"]) for line in lines] == [
        ("announce", "accepted", "token one"), ("withdraw", "accepted", "token one"), ("withdraw", "failed", "token one")]
