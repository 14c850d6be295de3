"""The audit log: each change that was asked for has one line, and the line is there before the change is."""
import array
import contextlib
import datetime
import fcntl
import hashlib
import http.client
import json
import os
import re
import resource
import shutil
import socket
import stat
import termios
import threading

import http_lab
import pytest
import samples
from wait import wait_for

TOKEN = "bgpc_AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg"
OTHER_EACH_TIME = ("time", "request", "seq")


class Scene(http_lab.Scene):
    def __init__(self, folder):
        super().__init__(folder)
        self.node_file = ["http_rate 2000000"]

    def path(self, number=0):
        return self.folder / "state" / ("audit.log" if number == 0 else f"audit.log.{number}")

    def lines(self, newest=64, oldest=0):
        """Whole lines, oldest first; what a process that was killed left torn is none."""
        texts = [self.path(number).read_text() for number in range(newest, oldest - 1, -1) if self.path(number).exists()]
        return [json.loads(line) for line in "".join(texts).split("\n") if line.startswith("{") and line.endswith("}")]

    def put(self, name, prefix, path="", **more):
        return self.send_json("PUT", f"/v1/routes/{name}{path}", {"route": f"route {prefix} next-hop self", **more})

    def delete(self, name):
        return self.ask("DELETE", f"/v1/routes/{name}")

    def full_disk(self, size):
        """No file of core's may grow beyond this."""
        core = self.daemon.core()
        resource.prlimit(core, resource.RLIMIT_FSIZE, (size, resource.prlimit(core, resource.RLIMIT_FSIZE)[1]))

    def restart(self, between=lambda: None):
        self.daemon.close()
        between()
        return self.start()


def without(line, *members):
    return {member: value for member, value in line.items() if member not in members}


def test_each_change_has_one_line_that_tells_all_of_it(scene):
    scene.start()
    assert scene.put("web", "192.0.2.1/32", reason="attack \u2026 on \"web\"", ttl=600).status == 201
    assert scene.put("web", "192.0.2.1/32").status == 200
    assert scene.put("wide", "0.0.0.0/0").status == 403
    assert scene.delete("web").status == 200
    assert scene.delete("web").status == 404
    lines = scene.lines()
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert len({line["request"] for line in lines}) == 5
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    route = "route 192.0.2.1/32 next-hop self"
    who = {"who": "127.0.0.1", "source": "127.0.0.1"}
    assert [without(line, *OTHER_EACH_TIME) for line in lines] == [
        {**who, "action": "announce", "name": "api:web", "command": f"announce {route}", "ttl": 600,
         "reason": "attack \u2026 on \"web\"", "outcome": "accepted"},
        {**who, "action": "announce", "name": "api:web", "command": f"announce {route}", "outcome": "accepted"},
        {**who, "action": "announce", "name": "api:wide", "command": "announce route 0.0.0.0/0 next-hop self",
         "outcome": "refused", "code": "length-not-allowed",
         "detail": "admit_length: 0.0.0.0/0: expected a length from 8 to 32"},
        {**who, "action": "withdraw", "name": "api:web", "command": f"withdraw {route}", "outcome": "accepted"},
        {**who, "action": "withdraw", "name": "web", "outcome": "refused", "code": "no-such-route",
         "detail": "there is no such route of the API"}]
    assert stat.S_IMODE(scene.path().stat().st_mode) == 0o600


def test_the_sample_of_the_page_is_such_a_line(scene):
    scene.node_file.append("http_token desk " + hashlib.sha256(TOKEN.encode()).hexdigest() + " announce")
    scene.token = TOKEN
    scene.start(synced=False)
    scene.daemon.wait_synced()
    assert scene.send_json("POST", "/v1/blackhole", {"prefix": "192.0.2.1", "ttl": "1h", "reason": "ticket 4711",
                                                     "name": "flood"}).status == 201
    line, = scene.path().read_text().splitlines()
    samples.compare("http-access-audit", re.sub(r'"request":"\d+"', '"request":"1"', line) + "\n")


def test_what_changes_nothing_has_no_line(scene):
    scene.start()
    assert scene.put("web", "192.0.2.1/32", "?dry_run=1").status == 200
    assert scene.put("wide", "0.0.0.0/0", "?dry_run=1").status == 403
    assert scene.put("bad", "192.0.2.1").status in (201, 400)
    assert scene.command("announce rout 192.0.2.1/32").status == 400
    assert scene.ask("GET", "/v1/routes").status == 200
    assert scene.ask("GET", "/v1/none").status == 404
    assert [line["name"] for line in scene.lines()] in ([], ["api:bad"])


def test_a_route_whose_time_is_over_has_a_line(scene):
    scene.start()
    assert scene.put("short", "192.0.2.1/32", ttl=1).status == 201
    wait_for(lambda: "192.0.2.1/32" not in scene.exabgp.prefixes(), "its time is over")
    line = wait_for(lambda: (found := [line for line in scene.lines() if line["action"] == "expire"]) and found, "a line")
    assert [without(one, "time") for one in line] == [
        {"seq": 2, "who": "bgpcommander", "action": "expire", "name": "api:short",
         "command": "route 192.0.2.1/32 next-hop self", "ttl": 1, "outcome": "accepted"}]


def test_one_whose_time_was_over_while_nobody_ran_has_one_too(scene):
    scene.start()
    assert scene.put("short", "192.0.2.1/32", ttl=2).status == 201
    end = datetime.datetime.now() + datetime.timedelta(seconds=2.5)
    scene.restart(lambda: wait_for(lambda: datetime.datetime.now() > end, "its time is over"))
    wait_for(lambda: [line["action"] for line in scene.lines()] == ["announce", "expire"], "it has a line")
    assert scene.exabgp.prefixes() == set()


def test_numbers_go_on_over_restarts_and_torn_lines_stay_alone(scene):
    scene.start()
    assert scene.put("a", "192.0.2.1/32").status == 201
    scene.restart(lambda: scene.path().open("a").write('{"time":"2026-11-23T07:50:53.622Z","seq":2,"who":"tok'))
    assert scene.put("b", "192.0.2.2/32").status == 201
    assert [line["seq"] for line in scene.lines()] == [1, 2]
    text = scene.path().read_text().split("\n")
    assert len(text) == 4 and text[1].endswith('"who":"tok') and text[3] == ""

    def rename():
        scene.path().rename(scene.path(1))
    scene.restart(rename)
    assert scene.put("c", "192.0.2.3/32").status == 201
    assert [line["seq"] for line in scene.lines(oldest=0, newest=0)] == [3]


def test_a_full_file_is_renamed_and_no_line_is_lost(scene):
    scene.node_file += ["audit_size 1", "audit_files 2"]
    scene.start()
    communities = " ".join(f"65000:{at}" for at in range(500))
    body = json.dumps({"route": f"route 127.0.0.1/32 next-hop self community [ {communities} ]", "reason": "r" * 500})
    asked = 0
    link = scene.connect()
    while not (scene.path(2).exists() and scene.path().stat().st_size > 500000):
        link.request("PUT", f"/v1/routes/r{asked}", body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        assert answer.status == 403, answer.read()
        answer.read()
        asked += 1
    link.close()
    seqs = [line["seq"] for line in scene.lines()]
    assert seqs == list(range(seqs[0], asked + 1)) and seqs[0] == 1
    assert all(scene.path(number).stat().st_size <= 1 << 20 for number in range(3))
    assert all(len(line["command"]) == 4096 for line in scene.lines(newest=0))


def test_only_so_many_renamed_files_are_kept(scene):
    scene.node_file += ["audit_size 1", "audit_files 1"]
    scene.start()
    communities = " ".join(f"65000:{at}" for at in range(500))
    body = json.dumps({"route": f"route 127.0.0.1/32 next-hop self community [ {communities} ]", "reason": "r" * 500})
    link = scene.connect()
    first = 1
    while first == 1:
        link.request("PUT", "/v1/routes/r", body, {"Content-Type": "application/json"})
        link.getresponse().read()
        if scene.path(1).exists():
            with scene.path(1).open() as file:
                first = json.loads(file.readline())["seq"]
    link.close()
    assert not scene.path(2).exists()
    seqs = [line["seq"] for line in scene.lines()]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_a_full_disk_stops_announcements_and_no_withdraw(scene):
    scene.start()
    assert scene.put("web", "192.0.2.1/32").status == 201
    assert scene.put("other", "192.0.2.3/32").status == 201
    before = scene.path().read_text()
    scene.full_disk(len(before) + 10)
    answer = scene.put("more", "192.0.2.2/32")
    assert answer.status == 503 and answer.code == "audit" and "File too large" in answer.json["detail"], answer
    assert answer.headers["Retry-After"] == "5"
    assert "192.0.2.2/32" not in scene.exabgp.prefixes()
    assert scene.path().read_text() == before
    gone = scene.delete("web")
    assert gone.status == 503 and gone.code == "not-kept", gone  # nor does the file of the leases grow
    wait_for(lambda: "192.0.2.1/32" not in scene.exabgp.prefixes(), "a withdraw does not wait for the disk")
    assert scene.put("wide", "0.0.0.0/0").status == 403
    warning = wait_for(lambda: [line for line in scene.daemon.status()["warnings"] if line.startswith("audit log: ")],
                       "it is told")
    assert "nothing is announced by HTTP until that is mended; 4 lines wait for it, 1 are lost" in warning[0]

    scene.full_disk(resource.RLIM_INFINITY)
    wait_for(lambda: len(scene.lines()) == 6, "what has happened is written now")
    assert [(line["seq"], line["action"], line["outcome"], line.get("code")) for line in scene.lines()] == [
        (1, "announce", "accepted", None), (2, "announce", "accepted", None), (4, "announce", "failed", "audit"),
        (5, "withdraw", "accepted", None), (6, "withdraw", "failed", "not-kept"),
        (7, "announce", "refused", "length-not-allowed")]
    assert scene.put("more", "192.0.2.2/32").status == 201
    assert [line["seq"] for line in scene.lines()] == [1, 2, 4, 5, 6, 7, 8]
    assert not [line for line in scene.daemon.status()["warnings"] if line.startswith("audit log: ")]
    assert "192.0.2.1/32" not in scene.exabgp.prefixes() and "192.0.2.3/32" in scene.exabgp.prefixes()


def test_a_file_that_cannot_be_opened_is_tried_again(scene):
    (scene.folder / "state").mkdir(mode=0o700)
    scene.path().mkdir()
    scene.start()
    answer = scene.put("web", "192.0.2.1/32")
    assert answer.status == 503 and answer.code == "audit", answer
    assert "cannot open" in " ".join(scene.daemon.status()["warnings"])
    scene.path().rmdir()
    wait_for(lambda: scene.put("web", "192.0.2.1/32").status == 201, "it is there again")
    assert [line["action"] for line in scene.lines()].count("announce") >= 1


class HungDisk:
    """The disk thread stands still in the middle of a write: a pipe that is full stands where it makes its next file."""

    def __init__(self, scene):
        self.path = scene.folder / "state" / "lastgood.new"
        os.mkfifo(self.path)
        self.pipe = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, 4096)
        scene.tree.put("routes/more/config", "route 10.9.9.9/32 next-hop self")
        wait_for(self.is_full, "the disk hangs")

    def is_full(self):
        waiting = array.array("i", [0])
        fcntl.ioctl(self.pipe, termios.FIONREAD, waiting)
        return waiting[0] == 4096

    def go_on(self):
        """It cannot be finished as a file can, so that write fails, and the next one makes a file."""
        while self.path.exists():
            with contextlib.suppress(BlockingIOError):
                os.read(self.pipe, 65536)
        os.close(self.pipe)


def told(lines):
    return [(line["action"], line.get("name"), line["outcome"], line.get("code")) for line in lines]


def of_request(scene, answer):
    return [line for line in scene.lines() if line.get("request") == answer.headers["X-Request-Id"]]


def test_what_was_written_too_late_is_written_as_failed(scene):
    for at in range(100):
        scene.tree.put(f"routes/r{at}/config", f"route 10.9.{at}.0/24 next-hop self med 100")
    scene.start()
    wait_for(lambda: len(scene.exabgp.prefixes()) == 100, "the store's routes stand")
    assert scene.put("web", "192.0.2.1/32").status == 201
    disk = HungDisk(scene)
    late = scene.put("late", "192.0.2.2/32")
    assert late.status == 503 and late.code == "audit" and "in time" in late.json["detail"], late
    gone = scene.ask("DELETE", "/v1/routes/web?timeout=1s")
    assert gone.status == 504, gone
    wait_for(lambda: "192.0.2.1/32" not in scene.exabgp.prefixes(), "a withdraw does not wait for the disk")
    with socket.create_connection(("127.0.0.1", scene.port), 10) as link:
        body = json.dumps({"route": "route 192.0.2.3/32 next-hop self"}).encode()
        link.sendall(b"PUT /v1/routes/left HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_for(lambda: any(one["subject"] == "api:left" for one in scene.daemon.ask("events")["events"]), "it is under way")
    disk.go_on()
    wait_for(lambda: [line for line in scene.lines() if line.get("name") == "api:left"], "the disk writes again")
    assert told(of_request(scene, late)) == [("announce", "api:late", "accepted", None), ("announce", "api:late", "failed", "audit")]
    assert told(of_request(scene, gone)) == [("withdraw", "api:web", "accepted", None)]
    assert scene.put("again", "192.0.2.4/32").status == 201
    assert "192.0.2.2/32" not in scene.exabgp.prefixes()
    # Its client has left, and its lines say what became of it.
    outcome = [line["outcome"] for line in scene.lines() if line.get("name") == "api:left"][-1]
    assert ("192.0.2.3/32" in scene.exabgp.prefixes()) == (outcome == "accepted")
    assert [line["seq"] for line in scene.lines()] == list(range(1, len(scene.lines()) + 1))


def test_what_the_disk_did_not_keep_is_written_as_failed(scene):
    scene.start()
    leases = scene.folder / "state" / "leases"
    assert scene.put("web", "192.0.2.1/32").status == 201
    # It would be made again, if that could be done.
    leases.unlink()
    leases.with_name("leases.new").mkdir()
    lost = scene.put("lost", "192.0.2.2/32")
    assert lost.status == 503 and lost.code == "disk", lost
    gone = scene.ask("DELETE", "/v1/routes/web")
    assert gone.status == 503 and gone.code == "not-kept", gone
    wait_for(lambda: scene.exabgp.prefixes() == set(), "it is withdrawn, and the other one is not announced")
    assert told(of_request(scene, lost)) == [("announce", "api:lost", "accepted", None), ("announce", "api:lost", "failed", "disk")]
    wait_for(lambda: len(of_request(scene, gone)) == 2, "both lines")
    assert told(of_request(scene, gone)) == [("withdraw", "api:web", "accepted", None), ("withdraw", "api:web", "failed", "not-kept")]
    leases.with_name("leases.new").rmdir()


def test_what_exabgp_refused_is_written_as_failed(scene):
    scene.start()
    scene.exabgp.refuse = lambda line: "announce" in line and "192.0.2.1/32" in line
    answer = scene.put("web", "192.0.2.1/32")
    assert answer.status == 422, answer
    assert told(of_request(scene, answer)) == [
        ("announce", "api:web", "accepted", None), ("announce", "api:web", "failed", "exabgp-refused"),
        ("withdraw", "api:web", "accepted", "exabgp-refused")]


def warning(scene):
    told, = [line for line in scene.daemon.status()["warnings"] if line.startswith("audit log: ")]
    assert re.search(r" \(found at \d{4}-\d\d-\d\dT[\d:.]+Z\)$", told), told
    return told.partition(" (found")[0]


@pytest.mark.parametrize("makes", [True, False], ids=["create", "nocreate"])
def test_a_program_that_renames_the_log_leaves_the_next_lines_to_a_new_file(scene, makes):
    """logrotate, with `create` and without: the line behind it is in the new file, and it is told."""
    scene.start()
    assert scene.put("a", "192.0.2.1/32").status == 201
    assert not [line for line in scene.daemon.status()["warnings"] if line.startswith("audit log: ")]
    scene.path().rename(scene.path(7))
    if makes:
        scene.path().touch(0o600)
    assert scene.put("b", "192.0.2.2/32").status == 201
    assert warning(scene) == "audit log: somebody renamed or replaced it: lines go on in the file that has its name now"
    assert [line["name"] for line in scene.lines(7, 7)] == ["api:a"] and [line["name"] for line in scene.lines(0)] == ["api:b"]
    scene.path(7).unlink()  # it has been packed: that is no loss
    assert scene.put("c", "192.0.2.3/32").status == 201
    assert [line["seq"] for line in scene.lines()] == [2, 3]
    assert "somebody renamed or replaced it" in scene.daemon.log()


def test_a_program_that_copies_and_truncates_the_log_is_told_of_and_leaves_no_hole(scene):
    scene.start()
    assert scene.put("a", "192.0.2.1/32").status == 201
    shutil.copy(scene.path(), scene.path(7))
    os.truncate(scene.path(), 0)
    assert scene.put("b", "192.0.2.2/32").status == 201
    assert warning(scene) == "audit log: somebody shortened it: lines that came while it was copied may be lost"
    assert "\0" not in scene.path().read_text() and [line["seq"] for line in scene.lines()] == [1, 2]


def test_a_log_that_somebody_removes_is_made_again_with_what_it_held(scene):
    scene.start()
    assert scene.put("a", "192.0.2.1/32").status == 201
    scene.path().unlink()
    assert scene.put("b", "192.0.2.2/32").status == 201
    assert warning(scene) == "audit log: somebody removed it: it was made again, with what it held"
    assert [line["seq"] for line in scene.lines()] == [1, 2]
    assert stat.S_IMODE(scene.path().stat().st_mode) == 0o600


def test_a_change_never_lacks_its_line_when_core_is_killed(scene):
    """Four programs announce and withdraw while core is killed again and again."""
    scene.start()
    ends, answers, lock = threading.Event(), [], threading.Lock()

    def work(number):
        at = 0
        while not ends.is_set():
            name = f"w{number}-{at}"
            prefix = f"10.{number}.{at // 250}.{at % 250}/32"
            try:
                done = scene.put(name, prefix)
                gone = scene.delete(name) if done.status == 201 and at % 2 else None
            except (OSError, http.client.HTTPException):
                done = gone = None
            with lock:
                answers.append((name, prefix, done and done.status, gone and gone.status))
            at += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(5):
        done = len(answers)
        wait_for(lambda: len(answers) > done + 40, "they go on", 60)
        scene.daemon.kill_core()
    ends.set()
    for worker in workers:
        worker.join(60)
    scene.daemon.wait_synced()
    scene.daemon.wait_settled()

    lines = scene.lines()
    seqs = [line["seq"] for line in lines]
    assert seqs == sorted(set(seqs)), "each number once, in order"
    told = {}
    for line in lines:
        told.setdefault((line["action"], line["name"].removeprefix("api:"), line["outcome"]), []).append(line)
    assert all(len(found) == 1 for found in told.values()), [found for found in told.values() if len(found) > 1][:3]
    for name, prefix, put, gone in answers:
        if put == 201:
            assert ("announce", name, "accepted") in told, name
        if gone == 200:
            assert ("withdraw", name, "accepted") in told, name
    ever = {match.group(1) for line in scene.exabgp.lines for match in re.finditer(r"(10\.\d+\.\d+\.\d+/32)", line)
            if line.startswith("announce")}
    accepted = {re.search(r"(10\.\d+\.\d+\.\d+/32)", line["command"]).group(1) for line in lines
                if (line["action"], line["outcome"]) == ("announce", "accepted")}
    assert len(ever) > 100 and ever <= accepted, ever - accepted
    torn = [line for line in scene.path().read_text().split("\n") if line and not line.endswith("}")]
    assert len(torn) <= 5
