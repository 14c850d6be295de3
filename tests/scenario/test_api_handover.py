"""A route of the API and one of the store with the same prefix: whoever ends, and whatever happens meanwhile, the prefix
that the other one wants is never withdrawn."""
import contextlib
import http.client
import os
import shutil
import signal

import pytest

from fake_exabgp import Neighbor
from lease_lab import A, B, C, D, PEER, World, store_route
from wait import wait_for

OTHER_PEER = "10.99.0.3"
PASSES = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def wait_fault(world, name):
    return wait_for(lambda: (r := world.daemon.route(name)) and r["error"] and r, f"{name} has a fault")


def wait_words(world, net, words):
    wait_for(lambda: words in (world.held(net) or ""), f"{net} with {words}: {world.held(net)}")


@pytest.mark.parametrize("words", ["next-hop self med 1", "next-hop self med 7"], ids=["other words", "same words"])
@pytest.mark.parametrize("end", ["removed", "moved", "over"])
def test_what_the_store_took_over_stays_when_the_next_start_knows_no_store(world, end, words):
    """Killed at once, so that nothing but what is on the disk then tells that the prefix is another's."""
    world.start()
    world.put("web", A, words=words, ttl=4 if end == "over" else 0)
    store_route(world, "s", A)
    wait_fault(world, "s")
    exabgp = world.daemon.exabgp
    core, holder = world.daemon.core(), exabgp.process.pid

    def kill_all():
        os.kill(holder, signal.SIGKILL)
        os.kill(core, signal.SIGKILL)
    # Of the same words nothing is sent.
    is_sent = "med 7" not in words
    exabgp.taken = lambda line: is_sent and f"announce route {A} " in line and kill_all()
    with contextlib.suppress(OSError, http.client.HTTPException):
        if end == "removed":
            world.api.remove("web", wait="none")
        elif end == "moved":
            world.api.put("web", f"route {B} next-hop self", wait="none")
        if not is_sent:
            wait_for(lambda: (r := world.daemon.route("s")) and not r["error"], "the store has it")
            world.api.put("mark", f"route {D} next-hop self", wait="none")  # answered when what was before is on the disk
            kill_all()
    exabgp.process.wait(30)
    wait_for(lambda: not os.path.exists(f"/proc/{core}"), "core is gone")
    rib = world.stop()
    (world.folder / "state" / "lastgood").unlink(missing_ok=True)
    world.start(store=False, rib={**rib, PEER: {**rib[PEER], A: "next-hop self med 7"}})
    world.put("other", C)
    world.wait_record(forget=1)  # whatever is to go has gone
    assert A not in world.withdrawn() and A in world.prefixes()


@pytest.mark.parametrize("check", [False, True], ids=["no check", "a check"])
@pytest.mark.parametrize("during", ["nothing", "kill", "upgrade", "ExaBGP restart"])
def test_who_waits_for_the_prefix_gets_it_without_a_gap(world, check, during):
    world.start()
    world.put("web", A, words="next-hop self med 1")
    store_route(world, "s", A)
    if check:
        world.tree.put("routes/s/healthcheck", PASSES)
    wait_fault(world, "s")
    if during == "kill":
        world.daemon.kill_core()
    elif during == "upgrade":
        old = world.daemon.core()
        world.daemon.ask("upgrade")
        wait_for(lambda: (new := world.daemon.core()) and new != old, "another core answers")
    elif during == "ExaBGP restart":
        world.daemon.exabgp.restart()
    wait_for(world.hears, "it answers", 30)
    world.daemon.wait_state("api:web", "announced", 30)
    wait_fault(world, "s")
    assert "med 1" in world.held(A)
    world.api.remove("web", wait="none")
    world.daemon.wait_state("s", "announced", 30)
    wait_words(world, A, "med 7")
    assert world.withdrawn() == []


def test_who_gets_the_prefix_and_fails_its_check_loses_it(world):
    world.start()
    world.put("web", A, words="next-hop self med 1")
    world.put("mark", B)
    store_route(world, "s", A)
    world.tree.put("routes/s/healthcheck", "#!/bin/sh\nexit 1\n")
    world.tree.put("routes/s/options", '{"interval": 1, "fall": 1}')
    wait_fault(world, "s")
    world.api.remove("web", wait="none")
    world.wait_prefixes(B, seconds=40)
    assert world.daemon.route("s")["layer"] == "health"


def test_of_two_neighbors_only_the_one_that_had_it_by_the_api_loses_it(world):
    world.start(neighbors=[Neighbor(), Neighbor(OTHER_PEER)])
    world.tree.put("routes/s/config", f"neighbor {OTHER_PEER} route {A} next-hop self med 7")
    world.daemon.wait_state("s", "announced")
    answer = world.api.put("web", f"neighbor {PEER} route {A} next-hop self med 1", wait="wire")
    assert answer["outcome"] == "done", answer
    assert world.api.put("all", f"route {A} next-hop self med 2")["error"] == "identity"
    world.daemon.kill_core()
    wait_for(world.hears, "it answers", 30)
    world.daemon.wait_state("api:web", "announced")
    world.api.remove("web", wait="wire")
    assert A not in world.prefixes() and A in world.prefixes(OTHER_PEER)
    rib = world.stop()
    (world.folder / "state" / "lastgood").unlink()
    world.start(store=False, rib=rib, neighbors=[Neighbor(), Neighbor(OTHER_PEER)])
    world.put("other", C)
    assert A in world.prefixes(OTHER_PEER) and world.withdrawn() == []


def test_a_store_that_is_emptied_takes_nothing_of_either(world):
    store_route(world, "s", D)
    world.start()
    world.daemon.wait_state("s", "announced")
    world.put("web", A, words="next-hop self med 1")
    store_route(world, "later", A)
    wait_fault(world, "later")
    world.daemon.wait_settled()
    shutil.rmtree(world.tree.dir / "routes")
    wait_for(lambda: world.daemon.status()["store"]["loss"], "the store is held")
    world.daemon.kill_core()
    wait_for(world.hears, "it answers", 30)
    world.daemon.wait_state("api:web", "announced")
    world.put("more", B)
    assert world.prefixes() == {A, B, D} and world.withdrawn() == []
    world.again()
    wait_for(lambda: world.daemon.status()["store"]["loss"], "the store is held still")
    world.daemon.wait_state("api:more", "announced")
    assert world.prefixes() == {A, B, D} and world.withdrawn() == []


def test_safe_mode_hands_over_too(world):
    world.start()
    world.put("web", A, words="next-hop self med 1")
    store_route(world, "s", A)
    wait_fault(world, "s")
    lastgood = world.folder / "state" / "lastgood"
    wait_for(lambda: lastgood.exists() and b"med 7" in lastgood.read_bytes(), "the store's route is kept")
    for _ in range(10):
        if (world.daemon.status() or {}).get("mode") == "safe":
            break
        world.daemon.kill_core()
    wait_for(lambda: (s := world.daemon.status()) and s["mode"] == "safe", "safe mode")
    wait_for(world.hears, "it answers", 30)
    world.daemon.wait_state("api:web", "announced")
    assert world.withdrawn() == []
    world.api.remove("web", wait="none")
    wait_words(world, A, "med 7")
    assert world.withdrawn() == [] and world.prefixes() == {A}
