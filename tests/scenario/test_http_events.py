"""/v1/events/stream: what happens, to any number of readers at their own pace, over lost connections and new cores."""
import json
import os
import re
import socket
import subprocess
import threading

import pytest

import http_lab
import samples
from wait import nothing_happens_for, wait_for

FAST = json.dumps({"interval": "100ms", "fall": 1})


class Scene(http_lab.Scene):
    def put_plain(self, name, number, med=0):
        text = f"route 10.8.{number // 250}.{number % 250}/32 next-hop self" + (f" med {med}" if med else "")
        self.tree.put(f"routes/{name}/config", text)

    def put_checked(self, name="web", number=1):
        flag = self.folder / f"{name}.flag"
        flag.touch()
        self.tree.put(f"routes/{name}/options", FAST)
        self.tree.put(f"routes/{name}/healthcheck", f"#!/bin/sh\ntest -f {flag} && exit 0\nexit 3\n")
        self.tree.put(f"routes/{name}/config", f"route 10.8.0.{number}/32 next-hop self")
        return flag

    def events(self, query="after=0&limit=1024"):
        answer = self.ask("GET", f"/v1/events?{query}", errors=True)
        return answer.json["events"] if answer else []

    def wait_route(self, name, state):
        def told():
            found = [event for event in self.events() if event["type"] == "route" and event["subject"] == name]
            return found and found[-1]["detail"]["state"] == state and found[-1]
        return wait_for(told, f"{name} is told to be {state}")

    def stream(self, query="", last_id=None, **options):
        return Stream(self, query, last_id, **options)

    def memory_kib(self):
        with open(f"/proc/{self.daemon.core()}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


class Stream:
    """A reader on a connection of its own; `reads` False: it takes nothing."""

    def __init__(self, scene, query="", last_id=None, reads=True, small=False):
        self.events, self.comments, self.ended, self.head = [], 0, False, None
        self.link = socket.socket()
        if small:
            self.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.link.connect(("127.0.0.1", scene.port))
        line = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.link.sendall(f"GET /v1/events/stream{query} HTTP/1.1\r\nHost: 127.0.0.1:{scene.port}\r\n{line}\r\n".encode())
        self.thread = threading.Thread(target=self._read, daemon=True)
        if reads:
            self.begin()

    def begin(self):
        self.thread.start()
        wait_for(lambda: self.head is not None, "the stream begins")

    def _read(self):
        """The chunks of RFC 9112, and the fields of the events in them."""
        file = self.link.makefile("rb")
        try:
            head = b"".join(iter(file.readline, b"\r\n")).decode()
            self.status = int(head.split()[1])
            self.head = head
            text = b""
            while size := int(file.readline().split(b";")[0] or b"0", 16):
                text += file.read(size)
                file.readline()
                *whole, text = text.split(b"\n\n")
                for block in whole:
                    self._take(block.decode())
        except (OSError, ValueError):
            pass
        self.ended = True

    def _take(self, block):
        if block.startswith(":"):
            self.comments += 1
            return
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            event = json.loads(fields["data"])
            assert str(event["id"]) == fields["id"] and event["type"] == fields["event"]
            self.events.append(event)
        else:
            assert fields == {"retry": "1000"}

    def wait(self, **wanted):
        def found():
            for event in list(self.events):
                seen = {**event["detail"], **{name: event[name] for name in ("id", "type", "subject")}}
                if all(seen.get(name) == value for name, value in wanted.items()):
                    return event
            return None
        # Less than the time after which a quiet stream looks for itself.
        return wait_for(found, f"an event {wanted}", 10)

    def close(self):
        try:
            self.link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self.thread.is_alive():
            self.thread.join()
        self.link.close()


@pytest.fixture
def readers():
    made = []
    yield made
    for one in made:
        one.close()


def test_what_happens_is_told_as_it_does(scene, readers):
    flag = scene.put_checked()
    scene.start().wait_state("web", "announced")
    scene.wait_route("web", "announced")
    stream = scene.stream()
    readers.append(stream)
    head = stream.head.lower()
    assert stream.status == 200 and "content-type: text/event-stream" in head and "x-accel-buffering: no" in head
    assert "cache-control: no-store" in head
    flag.unlink()
    told = stream.wait(type="route", subject="web", state="withdrawn")
    assert told["detail"]["reason"] == "health check failed: exit code 3"
    kinds = [event["type"] for event in stream.events]
    assert kinds.index("check") < kinds.index("decision") < kinds.index("command") < len(kinds) - 1 - kinds[::-1].index("route")
    assert stream.events == [event for event in scene.events() if event["id"] >= stream.events[0]["id"]][:len(stream.events)]
    shown = json.loads(samples.block("event"))
    assert set(shown) == set(told) and set(shown["detail"]) == set(told["detail"])


def test_it_goes_on_where_a_lost_connection_ended(scene, readers):
    scene.put_plain("web", 1)
    scene.put_plain("mail", 2)
    scene.start().wait_state("mail", "announced")
    scene.wait_route("mail", "announced")
    first = scene.stream("?after=0")
    readers.append(first)
    first.wait(type="route", subject="mail", state="announced")
    first.close()
    last = first.events[-1]["id"]
    scene.put_plain("news", 3)
    scene.wait_route("news", "announced")
    second = scene.stream(last_id=last)
    readers.append(second)
    second.wait(type="route", subject="news", state="announced")
    assert [event["id"] for event in second.events][0] == last + 1
    assert not any(event["type"] == "gap" for event in first.events + second.events)
    ids = [event["id"] for event in first.events] + [event["id"] for event in second.events]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_the_header_of_a_browser_goes_before_the_query(scene, readers):
    scene.put_plain("web", 1)
    scene.start().wait_state("web", "announced")
    scene.wait_route("web", "announced")
    newest = scene.events()[-1]["id"]
    stream = scene.stream("?after=0", last_id=newest - 1)
    readers.append(stream)
    wait_for(lambda: stream.events, "the newest")
    assert stream.events[0]["id"] == newest


def test_after_a_new_core_there_is_a_gap_then_what_it_tells(scene, readers):
    scene.put_plain("web", 1)
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    scene.wait_route("web", "announced")
    stream = scene.stream("?after=0")
    readers.append(stream)
    stream.wait(type="route", subject="web", state="announced")
    last = stream.events[-1]["id"]
    daemon.kill_core()
    wait_for(lambda: stream.ended, "the connection ends")
    wait_for(lambda: scene.ask("GET", "/healthz", errors=True), "HTTP is back")
    again = scene.stream(last_id=last)
    readers.append(again)
    gap = wait_for(lambda: again.events and again.events[0], "the first event")
    assert gap["type"] == "gap" and gap["detail"] == {"missed": None} and gap["id"] > last
    again.wait(type="node", what="start")
    assert sum(event["type"] == "gap" for event in again.events) == 1


@pytest.mark.parametrize("last", ["0", "5", "18446744073709551615", "nonsense", "-1", "99999999999999999999999"])
def test_a_place_that_nobody_gave_is_a_gap(scene, readers, last):
    scene.start()
    stream = scene.stream(last_id=last)
    readers.append(stream)
    gap = wait_for(lambda: stream.events and stream.events[0], "the first event")
    assert gap["type"] == "gap" and gap["detail"] == {"missed": None}
    stream.wait(type="node", what="start")


def test_only_what_is_asked_for(scene, readers):
    scene.put_plain("web", 1)
    scene.put_plain("mail", 2)
    scene.start().wait_state("mail", "announced")
    scene.wait_route("mail", "announced")
    for query, types, subjects in (("type=route", {"route"}, {"web", "mail"}), ("route=we*&type=command,decision", {"command", "decision"}, {"web"})):
        stream = scene.stream(f"?after=0&{query}")
        readers.append(stream)
        wait_for(lambda: {event["subject"] for event in stream.events} == subjects, query)
        assert {event["type"] for event in stream.events} <= types
    quiet = scene.stream("?type=store")
    readers.append(quiet)
    scene.put_plain("news", 3)
    scene.wait_route("news", "announced")
    nothing_happens_for(0.5, "an event that is not wanted", lambda: assert_none(quiet))


def assert_none(stream):
    assert stream.events == []


@pytest.mark.parametrize("query", ["type=nonsense", "type=gap", "after=x", "after=-1", "limit=1", "route=" + "x" * 200])
def test_a_query_that_is_no_such_is_refused(scene, query):
    scene.start()
    answer = scene.ask("GET", f"/v1/events/stream?{query}")
    assert answer.status == 400 and answer.code == "bad-query", answer


def test_events_at_once(scene):
    scene.put_plain("web", 1)
    scene.start().wait_state("web", "announced")
    scene.wait_route("web", "announced")
    everything = scene.ask("GET", "/v1/events?after=0&limit=1024").json
    assert everything["events"][-1]["id"] == everything["last"]
    assert scene.ask("GET", "/v1/events?limit=2").json["events"] == scene.events()[-2:]
    assert scene.ask("GET", f"/v1/events?after={everything['events'][0]['id']}&limit=2").json["events"] == scene.events()[1:3]
    assert scene.ask("GET", f"/v1/events?after={scene.events()[-1]['id']}").json["events"] == []
    assert scene.ask("GET", "/v1/events?limit=1025").status == 400


def test_a_reader_that_takes_nothing_gets_a_gap_and_costs_nothing(scene, readers):
    for number in range(1, 401):
        scene.put_plain(f"r{number}", number)
    daemon = scene.start()
    wait_for(lambda: daemon.status()["summary"]["announced"] == 400, "all are announced", 60)
    slow = [scene.stream("?after=0", reads=False, small=True) for _ in range(20)]
    readers.extend(slow)
    quick = scene.stream()
    readers.append(quick)
    before = scene.memory_kib()
    for turn in range(1, 6):
        for number in range(1, 401):
            scene.put_plain(f"r{number}", number, med=turn)
        wait_for(lambda: (r := daemon.route("r400")) and r["text"].endswith(f"med {turn}") and r["state"] == "announced", f"turn {turn}", 60)
    last = scene.events()[-1]["id"]
    with open(os.environ["BGPCOMMANDER"], "rb") as program:
        keeps_what_is_freed = b"__asan_init" in program.read()
    assert keeps_what_is_freed or scene.memory_kib() - before < 6000
    for one in slow:
        one.begin()
    for one in slow:
        gap = one.wait(type="gap")
        assert gap["detail"]["missed"] > 0
        wait_for(lambda: one.events[-1]["id"] >= last, "it is up to date again")
        ids = [event["id"] for event in one.events]
        assert ids == sorted(set(ids))
    told = [event["id"] for event in quick.events]
    assert told == sorted(set(told)) and len(told) > 1000


def test_there_is_an_end_to_the_number_of_streams(scene, readers):
    scene.start()
    for _ in range(64):
        readers.append(scene.stream())
    answer = scene.ask("GET", "/v1/events/stream")
    assert answer.status == 503 and answer.code == "too-many-streams" and answer.headers["Retry-After"]
    assert scene.ask("GET", "/v1/events").status == 200
    readers[0].close()
    wait_for(lambda: Again(scene).status == 200, "there is room again")


class Again:
    def __init__(self, scene):
        with socket.create_connection(("127.0.0.1", scene.port)) as link:
            link.sendall(f"GET /v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1:{scene.port}\r\n\r\n".encode())
            self.status = int(link.recv(65536).split()[1])


def test_head_of_a_stream_ends(scene):
    scene.start()
    answer = scene.ask("HEAD", "/v1/events/stream")
    assert answer.status == 200 and answer.body == b"" and answer.headers.get_content_type() == "text/event-stream"


def test_a_quiet_stream_is_kept_alive(scene, readers):
    scene.start()
    stream = scene.stream("?type=lease")
    readers.append(stream)
    wait_for(lambda: stream.comments >= 2, "two comments", 60)
    assert stream.events == [] and not stream.ended


def test_the_end_of_the_daemon_ends_the_streams(scene, readers):
    scene.start()
    stream = scene.stream()
    readers.append(stream)
    assert subprocess.run([os.environ["BGPCOMMANDER"], "upgrade", "-n", "n1", f"--socket={scene.daemon.socket}"],
                          capture_output=True, timeout=30).returncode == 0
    wait_for(lambda: stream.ended, "the stream ends")


def test_the_samples_of_the_page(scene, readers):
    """What `bgpcommander events` prints, and how a stream begins."""
    flag = scene.put_checked()
    scene.start().wait_state("web", "announced")
    scene.wait_route("web", "announced")
    flag.unlink()
    scene.wait_route("web", "withdrawn")
    command = [os.environ["BGPCOMMANDER"], "events", "--route", "web", "-n", "n1", f"--socket={scene.daemon.socket}"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout

    def plain(line):
        return re.sub(r"^\S+  |\[decision \d+\]|10\.8\.0\.1/32|192\.0\.2\.1/32|announced, was \w+", "", line)
    shown = samples.block("events").splitlines()
    assert shown[0] == "$ bgpcommander events --route web"
    real = {plain(line) for line in printed.splitlines()}
    assert [line for line in shown[1:] if plain(line) not in real] == [], printed
    begin = samples.block("stream").splitlines()
    raw = socket.create_connection(("127.0.0.1", scene.port))
    readers.append(raw)
    raw.sendall(f"GET /v1/events/stream?after=0&type=route HTTP/1.1\r\nHost: 127.0.0.1:{scene.port}\r\n\r\n".encode())
    text = b""
    while text.count(b"\n\n") < 3:
        text += raw.recv(65536)
    body = text.split(b"\r\n\r\n", 1)[1].split(b"\r\n", 1)[1].decode()
    assert begin[1] == body.splitlines()[0] == "retry: 1000"
    wanted = [re.sub(r"\d+", "N", line.split("{")[0]) for line in begin[3:6]]
    assert [re.sub(r"\d+", "N", line.split("{")[0]) for line in body.splitlines()[2:5]] == wanted
