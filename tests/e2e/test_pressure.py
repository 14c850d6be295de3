"""An ExaBGP that is slow, stopped, silent or gone deaf never stops the daemon, and nothing is lost.
BC_E2E_LONG=1 plays it with 20,000 routes and a stop of 30 s; give it a release build, a sanitizer's memory is its own:
BC_E2E_LONG=1 BGPCOMMANDER=build/bgpcommander python3 -m pytest tests/e2e/test_pressure.py"""
import os
import signal
import subprocess
import threading
import time

import pytest

from wait import nothing_happens_for

LONG = bool(os.environ.get("BC_E2E_LONG"))
ROUTES = 20000 if LONG else 3000
STOPPED_S = 30 if LONG else 0
# Sanitizers multiply what a program takes; growth beyond this is a leak or an unbounded queue.
MOST_GROWTH_KIB = 400 * 1024
QUICK = '{"interval": "200ms"}'


def route_of(number):
    return f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}/32"


def keys_of(count, med):
    return {f"routes/r{n}/config": f"route {route_of(n)} next-hop self med {med + n}" for n in range(count)}


def meds(lab):
    return {prefix: int(route["med"]) for prefix, route in lab.bird.routes().items() if "med" in route}


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.250/32"), 10, "the first route")
    return lab


def assert_answers(lab):
    begin = time.monotonic()
    status = lab.api("status", timeout=10)
    assert time.monotonic() - begin < 5
    return status


def test_a_stopped_exabgp_blocks_nothing_and_gets_all_in_the_end(lab):
    core = lab.pid_of("core")
    before = lab.rss_kib(core)
    flag = lab.flag("checked")
    lab.put_all({"routes/checked/config": "route 192.0.2.251/32 next-hop self", "routes/checked/options": QUICK,
                 "routes/checked/healthcheck": f"#!/bin/sh\n[ -e {flag} ]\n"})
    lab.wait_for(lambda: lab.bird.has("192.0.2.251/32"), 10, "announced")
    lab.exabgp.send_signal(signal.SIGSTOP)
    try:
        lab.put_all(keys_of(ROUTES, 1))
        lab.wait_for(lambda: assert_answers(lab)["summary"]["pending"] >= ROUTES, 60, "all are pending")
        flag.unlink()
        lab.wait_for(lambda: lab.route("checked")["health"] == "down", 20, "checks run on")
        # All change once more while they wait: only the last may arrive.
        lab.put_all(keys_of(ROUTES, 100000))
        lab.wait_for(lambda: f"med {100000 + ROUTES - 1}" in lab.route(f"r{ROUTES - 1}")["text"], 60, "changed")
        def is_well():
            assert assert_answers(lab)["summary"]["pending"] >= ROUTES
            assert lab.rss_kib(core) - before < MOST_GROWTH_KIB
        nothing_happens_for(STOPPED_S, "a stop longer than all that the daemon waits for", is_well)
    finally:
        lab.exabgp.send_signal(signal.SIGCONT)
    lab.wait_for(lambda: lab.bird.count() == ROUTES + 1, 120, "all have arrived, the failed one has left")
    expected = {route_of(n): 100000 + n for n in range(ROUTES)}
    lab.wait_for(lambda: meds(lab) == expected, 60, "each with its last MED", interval=0.5)
    assert not lab.bird.has("192.0.2.251/32")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 60, "settled")
    assert lab.status()["summary"]["unconfirmed"] == 0


def test_many_deletes_arrive_all(lab):
    gone = range(0, ROUTES, 2)
    lab.delete_all(f"routes/r{n}/config" for n in gone)
    lab.wait_for(lambda: lab.bird.count() == 1 + ROUTES - len(gone), 120, "half of them left")
    assert set(meds(lab)) == {route_of(n) for n in range(1, ROUTES, 2)}


def test_without_acks_nothing_is_lost(make_lab):
    lab = make_lab(environment={"exabgp_api_ack": "false"})
    lab.put_all({**keys_of(500, 1), "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.count() == 500, 60, "all routes")
    lab.put_all(keys_of(500, 5000))
    lab.delete("routes/r0/config")
    expected = {route_of(n): 5000 + n for n in range(1, 500)}
    lab.wait_for(lambda: meds(lab) == expected, 60, "changes and the delete")
    assert not lab.status()["exabgp"]["acks"]


def full_pipe():
    """(read end, write end) of a pipe into which nothing more goes."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"\n" * 4096)
    except BlockingIOError:
        pass
    # The daemon shares the flags of the description with us; ExaBGP gives it a blocking one.
    os.set_blocking(writer, True)
    return reader, writer


def test_an_exabgp_that_never_reads_is_still_drained(make_lab):
    """Not draining what ExaBGP writes wedges it: also then when nothing can be written to it."""
    lab = make_lab()
    lab.put_all({**keys_of(50, 1), "node/n1/subscribedRoutes": "*"})
    reader, writer = full_pipe()
    process = lab.start_alone(stdout=writer)
    os.close(writer)
    lab.wait_for(lambda: lab.status()["store"]["state"] == "connected", 30, "the daemon answers")
    core = lab.pid_of("core")
    before = lab.rss_kib(core)
    lines = b"done\n" * 10000 + b"x" * 60000 + b"\n"
    written = []

    def write():
        for _ in range(100):
            process.stdin.write(lines)
            process.stdin.flush()
            written.append(len(lines))

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    lab.wait_for(lambda: not writing.is_alive(), 60, "ten megabytes are taken from ExaBGP")
    assert_answers(lab)
    assert lab.rss_kib(core) - before < MOST_GROWTH_KIB // 4
    process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pytest.fail("TERM does not end it")
    assert time.monotonic() - begin < 4
    lab.wait_for(lambda: not any(lab.daemons().values()), 5, "all of it is gone")
    os.close(reader)


def test_a_core_killed_behind_a_full_pipe_leaves_no_half_line(lab):
    """Lines of a dead core that were only half written must not join the next core's first line."""
    lab.exabgp.send_signal(signal.SIGSTOP)
    try:
        lab.put_all(keys_of(ROUTES, 300000))
        core = lab.pid_of("core")
        lab.wait_for(lambda: assert_answers(lab)["exabgp"]["outstanding"] > 0, 30, "commands are on the way")
        os.kill(core, signal.SIGKILL)
        lab.wait_for(lambda: lab.status()["pid"] != core, 30, "the next core")
    finally:
        lab.exabgp.send_signal(signal.SIGCONT)
    expected = {route_of(n): 300000 + n for n in range(ROUTES)}
    lab.wait_for(lambda: meds(lab) == expected, 120, "all as etcd says", interval=0.5)
    assert lab.is_exabgp_alive()
