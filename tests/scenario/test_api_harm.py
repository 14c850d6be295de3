"""What routes of the API must never do: cost a route of the store its place, outlive their end, come after their removal,
or be told of as announced when something else is."""
import shutil
import threading

import pytest

from lease_lab import World
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
    shutil.rmtree(store)
    (world.folder / "away").rename(store)
    world.daemon.wait_state("s", "announced", 30)
    assert world.withdrawn() == [] and world.prefixes() == {A, B, C}


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
