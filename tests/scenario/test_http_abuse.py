"""Hostile clients of the HTTP API, while checks run: none of these is late, nothing moves, others are answered, a hidden
request never becomes a command, and no connection stays behind."""
import contextlib
import json
import os
import random
import resource
import select
import socket
import struct
import threading

import pytest
from http_lab import Scene
from wait import wait_for

CHECKS = 10
# Lateness becomes a withdraw: 15 times the interval between the starts of two runs.
CHECK = """#!lua
local now = time.monotonic()
local last = state.last
state.last, state.runs = now, (state.runs or 0) + 1
if last and now - last > 3 then return false, 'late by ' .. (now - last) end
return true, {runs = state.runs}
"""
OPTIONS = json.dumps({"interval": "200ms", "fall": 1})
HIDDEN = "203.0.113.66/32"
HOST = b"Host: localhost\r\n"
FORM = f"command=announce route {HIDDEN} next-hop self".encode()
HIDDEN_REQUEST = (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
                  % len(FORM) + FORM)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """One daemon for all: what one kind of client leaves behind would harm the next."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    made = Scene(tmp_path_factory.mktemp("abuse"))
    made.node_file = ["http_rate 10000"]  # it would refuse them before they do harm
    for number in range(CHECKS):
        made.tree.put(f"routes/r{number}/options", OPTIONS)
        made.tree.put(f"routes/r{number}/healthcheck", CHECK)
        made.tree.put(f"routes/r{number}/config", f"route 10.8.0.{number}/32 next-hop self")
    made.start()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))  # ours, not the daemon's
    for number in range(CHECKS):
        made.daemon.wait_state(f"r{number}", "announced")
    yield made
    made.daemon.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    log = made.daemon.log()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


def connect(scene, reset=False):
    link = socket.create_connection(("127.0.0.1", scene.port), 20)
    if reset:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return link


def send(link, data):
    """As far as the server takes it."""
    with contextlib.suppress(OSError):
        link.sendall(data)


def runs(scene):
    """Of the check that has run least often."""
    return min(check["data"]["runs"] for check in scene.daemon.ask("checks")["checks"])


def core_files(scene):
    return len(os.listdir(f"/proc/{scene.daemon.core()}/fd"))


def commands(scene, prefix):
    return [line for line in scene.exabgp.lines if prefix in line]


@contextlib.contextmanager
def unharmed(scene, number=[0]):
    """While the body's clients are there, checks run on, and the API announces and withdraws; afterwards all is as before."""
    core, files, wire = scene.daemon.core(), core_files(scene), len(scene.exabgp.wire)
    number[0] += 1
    prefix = f"198.51.100.{number[0]}/32"
    with contextlib.ExitStack() as clients:
        yield clients
        begun = runs(scene)
        assert scene.ask("GET", "/v1/status").status == 200
        assert scene.command(f"announce route {prefix} next-hop self").status == 200
        wait_for(lambda: runs(scene) >= begun + 10, "each check has run ten times more", 60)
        assert scene.command(f"withdraw route {prefix} next-hop self").status == 200
        assert scene.ask("GET", "/v1/routes?name=r1").status == 200
    moved = [change for change in scene.exabgp.wire[wire:] if change[2] != prefix]
    assert not moved, moved
    assert scene.daemon.core() == core
    assert not commands(scene, HIDDEN.split("/")[0])
    wait_for(lambda: core_files(scene) <= files, "each connection is closed", 60)


def test_a_thousand_idle_connections(scene):
    with unharmed(scene) as clients:
        links = [clients.enter_context(connect(scene)) for _ in range(1000)]
        assert scene.ask("GET", "/v1/status").status == 200
        # None was closed for them: there is room.
        assert not select.select(links[:500], [], [], 0)[0]


def test_more_idle_connections_than_there_may_be(scene):
    with unharmed(scene) as clients:
        for _ in range(1500):
            clients.enter_context(connect(scene))


class Tricklers(threading.Thread):
    """Send a byte of their bytes each, round after round, until they are told no more or the server ends them."""

    def __init__(self, links, data):
        super().__init__(daemon=True)
        self.links, self.data, self.stopped = links, data, threading.Event()

    def run(self):
        at = 0
        while not self.stopped.wait(0.05):
            for link in self.links:
                send(link, self.data[at:at + 1] or b"a")
            at += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()


@pytest.mark.parametrize("data", [b"GET /v1/status HTTP/1.1\r\n" + HOST + b"X: ",
                                  b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n"],
                         ids=["head", "body"])
def test_slow_requests_end_with_408(scene, data):
    with unharmed(scene) as clients:
        links = [clients.enter_context(connect(scene)) for _ in range(100)]
        with Tricklers(links, data):
            for link in links:
                assert link.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_half_requests_that_stay(scene):
    whole = HIDDEN_REQUEST
    with unharmed(scene) as clients:
        for number in range(300):
            link = clients.enter_context(connect(scene))
            send(link, whole[:1 + number * (len(whole) - 1) // 300])


def test_clients_that_leave_at_any_point(scene):
    whole = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 8\r\n\r\ncommand=" + b"GET /v1/routes HTTP/1.1\r\n" + HOST + b"\r\n"
    with unharmed(scene):
        for number in range(600):
            with connect(scene, reset=number % 2 == 0) as link:
                send(link, whole[:number % len(whole)])


HUGE = {"length": b"Content-Length: 99999999999\r\n\r\n", "chunked": b"Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
        "endless-line": b"Transfer-Encoding: chunked\r\n\r\n5;"}


@pytest.mark.parametrize("head", HUGE.values(), ids=HUGE)
def test_huge_bodies_are_not_read_to_their_end(scene, head):
    with unharmed(scene) as clients:
        links = [clients.enter_context(connect(scene)) for _ in range(10)]
        for link in links:
            send(link, b"POST / HTTP/1.1\r\n" + HOST + head)
            link.setblocking(False)
        got = [b""] * len(links)
        for _ in range(200):
            for at, link in enumerate(links):
                send(link, b"x" * (1 << 18))
                with contextlib.suppress(OSError):
                    got[at] += link.recv(65536)
        # Who sends on while he is refused may lose the answer with the connection.
        assert all(text == b"" or text.startswith(b"HTTP/1.1 413 ") for text in got), got


SMUGGLED = {
    "two-lengths": b"Content-Length: 4\r\nContent-Length: 0\r\n\r\n",
    "length-and-chunked": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-and-length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "chunked-twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunked-in-a-list": b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "blank-before-colon": b"Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n",
    "continued": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n",
    "bare-line-feed": b"X: 1\nContent-Length: 0\r\n\r\n",
    "bare-carriage-return": b"X: 1\rContent-Length: 0\r\n\r\n",
    "zero": b"X: 1\0\r\nContent-Length: 0\r\n\r\n",
    "plus": b"Content-Length: +0\r\n\r\n",
    "list-of-lengths": b"Content-Length: 0, 0\r\n\r\n",
    "chunk-with-prefix": b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "chunk-line-feeds": b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
    "after-chunks": b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "expect": b"Expect: 100-continue\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("head", SMUGGLED.values(), ids=SMUGGLED)
def test_a_hidden_request_is_no_command(scene, head):
    got = scene.raw(b"POST /v1/none HTTP/1.1\r\n" + HOST + head + HIDDEN_REQUEST, timeout=30)
    assert got.count(b"HTTP/1.1 ") == 1 and got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ", b"HTTP/1.1 501 ")), got
    assert scene.command("announce route 198.51.100.200/32 next-hop self").status == 200
    assert not commands(scene, HIDDEN.split("/")[0])


def test_many_requests_whose_answers_nobody_reads(scene):
    with unharmed(scene) as clients:
        for _ in range(100):
            link = clients.enter_context(connect(scene))
            link.setblocking(False)
            send(link, (b"GET /v1/routes HTTP/1.1\r\n" + HOST + b"\r\n") * 200)


def test_bytes_that_are_no_http(scene):
    chance = random.Random(1)
    with unharmed(scene):
        for _ in range(300):
            with connect(scene) as link:
                send(link, chance.randbytes(chance.randrange(1, 3000)) + chance.choice([b"", b"\n", b"\r\n\r\n"]))


def test_a_core_that_ends_leaves_its_clients(scene):
    """Nothing of the above keeps it from ending, and the next one serves."""
    core = scene.daemon.core()
    with contextlib.ExitStack() as clients:
        links = [clients.enter_context(connect(scene)) for _ in range(200)]
        for number, link in enumerate(links):
            send(link, [b"", b"GET", HIDDEN_REQUEST[:-3], b"GET /v1/routes HTTP/1.1\r\n" + HOST + b"\r\n"][number % 4])
        os.kill(core, 15)
        wait_for(lambda: scene.daemon.core() not in (None, core), "another core runs", 60)
        wait_for(lambda: scene.ask("GET", "/v1/status", errors=True), "the next one serves", 60)
    assert not commands(scene, HIDDEN.split("/")[0])
