"""Bad scripts beside many good ones: none of the good checks' routes moves, each of the bad ones is named; the same while
workers are killed."""
import os
import signal

import pytest

import crowd
import services

CHECKS = 120


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    services.Nginx(lab).start()
    lab.put(f"node/n1/subscribedRoutes", "*")
    crowd.put_good(lab, CHECKS, "http", interval="300ms")
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.count() >= CHECKS, 60, "all pass")
    return lab


def runs(lab):
    return [count for count, _ in crowd.good_data(lab)]


def wait_for_more_runs(lab, more):
    before = min(runs(lab))
    lab.wait_for(lambda: len(runs(lab)) == CHECKS and min(runs(lab)) >= before + more, 120, f"all run {more} times more")


def test_bad_scripts_move_no_route_of_others_and_are_named(lab):
    before = lab.bird.counters()
    bad = crowd.put_bad(lab)
    wait_for_more_runs(lab, 10)

    def are_named():
        told = lab.routes()
        for name in bad:
            word = crowd.BAD[name.split("-")[1]][1]
            text = f"{told[name]['error']} {told[name]['reason']}"
            if word not in text and "quarantined" not in text:
                return False
        return True
    lab.wait_for(are_named, 60, "each bad one is named with its trouble")
    assert lab.bird.count() == CHECKS
    assert lab.bird.counters() == before


def test_killed_workers_move_no_route(lab):
    before = lab.bird.counters()
    for _ in range(5):
        old = [worker["pid"] for worker in lab.status()["workers"]["lua"]]
        for pid in old:
            os.kill(pid, signal.SIGKILL)

        def are_new():
            return all(worker["pid"] not in (0, *old) for worker in lab.status()["workers"]["lua"])
        lab.wait_for(are_new, 30, "other workers")
        wait_for_more_runs(lab, 2)
    assert lab.bird.count() == CHECKS
    assert lab.bird.counters() == before
