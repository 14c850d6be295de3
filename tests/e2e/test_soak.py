"""Nothing grows: after as much again of everything that happens, the daemon holds what it held before: keys, checks, routes that
come and go by HTTP, while one client follows the events and another one scrapes each second.
BC_E2E_LONG=1 makes 20,000 key changes and 20 kills of the worker (tests/soak does so with the release build)."""
import collections
import contextlib
import json
import os
import pathlib
import signal
import socket

import pytest

import http_user
from lab import Lab
from valgrind import plain_build

LONG = bool(os.environ.get("BC_E2E_LONG"))
CHANGES = 20000 if LONG else 3000  # the long form makes the journal be written anew
KILLS = 20 if LONG else 6
STATUSES = 500
# Pages of files that are touched late count into RSS, not into what was allocated.
MOST_GROWTH_KIB = {"rss_kib": 1024, "anonymous_kib": 256 if LONG else 192}
PLAIN, CHECKED, PASSING = 60, 5, 10  # routes: with changing MEDs, with checks, that come and go
STANDING, ENDING = 6, 3  # routes of the API: with changing MEDs, with an end
LEASES_MOST_BYTES = 512 * 1024
AUDIT_MIB, AUDIT_FILES, RECORDS_MIB = 1, 2, 8
JOURNAL_MOST_BYTES = 1536 * 1024
SECONDS = 30

Held = collections.namedtuple("Held", "rss_kib anonymous_kib fds threads")


@pytest.fixture(scope="module")
def lab():
    # Sanitizers hold freed memory back: the size of a process would say nothing.
    lab = Lab(program=plain_build(), arguments=http_user.ARGUMENTS)
    lab.node_file.write_text(f"http_rate 1000\naudit_size {AUDIT_MIB}\naudit_files {AUDIT_FILES}\nrecords {RECORDS_MIB}\n")
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    yield lab
    lab.close()


class Life:
    """What happens, and what the router must have after it."""

    def __init__(self, lab):
        self.lab = lab
        self.round = self.changes = self.statuses = self.kills = self.asked = 0
        self.meds = {}
        lab.flag("up")

    def put(self, values):
        self.changes += len(values)
        self.lab.put_all(values)

    def delete(self, keys):
        self.changes += len(keys)
        self.lab.delete_all(keys)

    def settle(self, what):
        def is_there():
            return {prefix: int(route["med"]) for prefix, route in self.lab.bird.routes().items()
                    if "med" in route} == self.meds
        self.lab.wait_for(is_there, SECONDS, f"round {self.round}: {what}")

    def values(self):
        """The key values of this round; notes the MEDs that come of them."""
        values, number = {}, self.round
        for i in range(PLAIN):
            values[f"routes/m{i}/config"] = f"route 172.20.0.{i}/32 next-hop self med {1000 * number + i}"
            self.meds[f"172.20.0.{i}/32"] = 1000 * number + i
        for i in range(CHECKED):
            values[f"routes/c{i}/config"] = f"route 172.20.1.{i}/32 next-hop self med {i + 1} community [ 65000:{number % 9} ]"
            values[f"routes/c{i}/healthcheck"] = f"#!/bin/sh\n# {number}\necho {'x' * (number % 50)}\n[ -e {self.lab.flags}/up ]\n"
            values[f"routes/c{i}/options"] = json.dumps({"interval": "200ms", "fall": 1 + number % 2, "timeout": 9,
                                                         "env": {"NUMBER": str(number)}})
            self.meds[f"172.20.1.{i}/32"] = i + 1
        for i in range(PASSING):
            name = f"t{number}-{i}"
            values[f"routes/{name}/config"] = f"route 172.20.{2 + number % 2}.{i}/32 next-hop self med {number}"
            values[f"routes/{name}/options"] = "{}"
            self.meds[f"172.20.{2 + number % 2}.{i}/32"] = number
        return values

    def remove_passing(self):
        number = self.round - 1
        self.delete([f"routes/t{number}-{i}/{key}" for i in range(PASSING) for key in ("config", "options")])
        for i in range(PASSING):
            del self.meds[f"172.20.{2 + number % 2}.{i}/32"]

    def spoil_and_mend(self, values):
        spoiled = {"routes/m0/config": f"route 172.20.0.0/32 next-hop {self.round}", "routes/m1/options": "{",
                   "routes/c0/options": json.dumps({"interval": -self.round}), "routes/c1/healthcheck": "#!/usr/bin/lua\n",
                   "routes/c2/healthcheck": "", "node/n1/adminState": f"sideways{self.round}", f"routes/m2/x{self.round}": "y"}
        mended = {key: values[key] for key in spoiled if key in values}
        self.put(spoiled)
        self.lab.wait_for(lambda: self.lab.route("c0")["error"] and self.lab.route("m1")["error"], SECONDS, "faults are told")
        self.put({**mended, "node/n1/adminState": "up"})
        self.delete(["routes/m1/options", f"routes/m2/x{self.round}"])

    def subscribe_less_and_more(self):
        self.put({"node/n1/subscribedRoutes": f"keeper m1* c* t{self.round}-* n{self.round}"})
        self.lab.wait_for(lambda: not self.lab.bird.has("172.20.0.2/32"), SECONDS, "unsubscribed")
        self.put({"node/n1/subscribedRoutes": "*"})

    def ask(self):
        for command in ("routes", "neighbors", "nonsense"):
            self.lab.api(command)
        while self.statuses < STATUSES * self.changes // CHANGES:
            self.statuses += 1
            assert self.lab.status()["node"] == "n1"
        for text in (b"", b"{", b"\n", b"{\"command\":\"routes\"}\n"):  # and gone without waiting
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link, contextlib.suppress(OSError):
                link.connect(str(self.lab.socket))
                link.sendall(text)

    def http(self, expected, method, path, body=None, **headers):
        self.asked += 1
        status, text = http_user.ask(self.lab, method, path, body, **headers)
        assert status == expected, (method, path, body, status, text)
        return text

    def speak_http(self):
        """Routes that stand, routes with an end, routes that leave again, and requests that are refused or left."""
        number, net = self.round, f"172.21.{self.round % 2}"
        for i in range(STANDING):
            self.http(201 if number == 1 else 200, "PUT", f"/v1/routes/s{i}", {
                "route": f"route 172.21.9.{i}/32 next-hop self med {number}", "reason": "x" * (number % 50), "ttl": "1h"})
            self.meds[f"172.21.9.{i}/32"] = number
        for i in range(ENDING):
            self.http(200, "POST", "/", {"command": f"announce route {net}.{i}/32 next-hop self", "ttl": "1500ms"},
                      **({"Idempotency_Key": f"{number}"} if i == 0 else {}))
        self.http(201, "PUT", "/v1/routes/leaves?wait=wire", {"route": f"route {net}.99/32 next-hop self"})
        self.http(200, "DELETE", "/v1/routes/leaves")
        self.http(200, "POST", "/v1/blackhole?dry_run=1", {"prefix": f"{net}.98/32"})
        self.http(400, "POST", "/", {"command": f"announce route {net}.97/33 next-hop self"})
        self.http(409, "PUT", "/v1/routes/taken", {"route": "route 192.0.2.250/32 next-hop self"})
        self.http(422, "POST", "/", {"command": f"neighbor 10.99.77.2 announce route {net}.96/32 next-hop self"})
        self.http(404, "GET", f"/v1/routes/none{number}")
        for path in ("/v1/status", "/v1/routes?brief=1", "/v1/routes/s0", "/v1/checks", "/v1/decisions", "/v1/config", "/v1/nodes", "/"):
            self.http(200, "GET", path)
        head = f"POST / HTTP/1.1\r\nHost: {http_user.HOST}\r\nContent-Type: text/plain\r\n"
        for data in (b"", b"GE", b"\0\r\n\r\n", f"{head}Content-Length: 90\r\n\r\nannounce".encode(),
                     f"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: {http_user.HOST}\r\n\r\n".encode(),
                     f"{head}Content-Length: 44\r\n\r\nannounce route 192.0.2.250/32 next-hop self ".encode()):
            http_user.leave(self.lab, data)

    def wait_ended(self):
        ending = {f"172.21.{self.round % 2}.{i}/32" for i in range(ENDING)}
        self.lab.wait_for(lambda: not ending & self.lab.bird.prefixes(), SECONDS, "what has an end has left")

    def fail_checks(self):
        self.lab.flag("up", False)
        checked = {f"172.20.1.{i}/32" for i in range(CHECKED)}
        self.lab.wait_for(lambda: not checked & self.lab.bird.prefixes(), SECONDS, "failing checks withdraw")
        self.lab.flag("up")

    def live(self):
        """One round."""
        self.round += 1
        values = self.values()
        self.put(values)
        if self.round > 1:
            self.remove_passing()
        self.spoil_and_mend(values)
        self.subscribe_less_and_more()
        self.ask()
        self.speak_http()
        self.settle("every route has its MED")
        if self.round % 4 == 0:
            self.fail_checks()
            self.settle("mended checks announce again")
        self.wait_ended()
        self.lab.wait_for(lambda: self.lab.status()["exabgp"]["settled"], SECONDS, "settled")

    def flap(self):
        self.lab.bird.session_down()
        self.lab.wait_for(lambda: self.lab.api("neighbors")["neighbors"][0]["state"] != "up", SECONDS, "session down")
        self.lab.bird.session_up()
        self.lab.wait_for(self.lab.bird.is_up, 150, "session up")
        self.settle("the routes are back")

    def restart_store(self):
        self.lab.etcd.kill()
        self.lab.wait_for(lambda: self.lab.status()["store"]["state"] != "connected", SECONDS, "the store is gone")
        self.lab.etcd.start()
        self.lab.etcd.wait_ready()
        self.lab.wait_for(lambda: self.lab.status()["store"]["state"] == "connected", SECONDS, "the store is back")

    def kill_worker(self):
        worker = self.lab.status()["workers"]["exec"]
        os.kill(worker["pid"], signal.SIGKILL)
        self.kills += 1

        def runs_again():
            now = self.lab.status()["workers"]["exec"]
            return now["restarts"] == worker["restarts"] + 1 and now["state"] == "running"
        self.lab.wait_for(runs_again, 60, "another worker runs")

    def half(self):
        """Returns what the worker holds that lives from then on to the end."""
        for _ in range(KILLS // 2):
            self.kill_worker()
        self.restart_store()
        end = self.changes + CHANGES // 2
        for _ in range(2):
            self.live()
        worker = hold(self.lab)["exec"]
        while self.changes < end:
            self.live()
            if self.round % 8 == 0:
                self.flap()
        return worker


# ---- what a process holds ----

def memory_kib(pid):
    sizes = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size = line.split(":")
        sizes[name] = int(size.split()[0])
    return sizes["Rss"], sizes["Anonymous"]


def children(pid):
    """[(pid, state)]"""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid:
                found.append((int(path.parent.name), fields[0]))
    return found


def quiet(lab):
    """A moment without a running check."""
    worker = lab.pid_of("exec")
    lab.wait_for(lambda: not children(worker), SECONDS, "a moment without a running check", interval=0.002)


def hold(lab):
    """{role: Held} in a quiet moment."""
    def look(role):
        pid = lab.pid_of(role)
        if role == "exec":
            quiet(lab)
        return Held(*memory_kib(pid), len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")))
    return {role: look(role) for role in ("holder", "core", "exec")}


def state_files(lab):
    return {path.name: path.stat().st_size for path in lab.state.iterdir() if path.suffix != ".new"}


def bases(files):
    """Without the numbers of those that become more, up to a limit: decisions.7, audit.log.1."""
    return {name.rstrip("0123456789") for name in files}


Halves = collections.namedtuple("Halves", "before after files_before files_after")


@pytest.fixture(scope="module")
def halves(lab):
    """What is held after the first half, and after the second; by the worker, during it, as each half begins with others."""
    life = Life(lab)
    core = lab.pid_of("core")
    follower, scraper = http_user.Follower(lab), http_user.Scraper(lab)
    try:
        life.half()
        before, files = hold(lab), state_files(lab)
        before["exec"] = life.half()
        found = Halves(before, hold(lab), files, state_files(lab))
        assert follower.problem is None and scraper.problem is None, (follower.problem, scraper.problem)
    finally:
        follower.close()
        scraper.close()
    assert follower.events > life.changes / 10 and scraper.scrapes > 0
    print(f"{life.changes} changes, {life.round} rounds, {life.statuses} statuses, {life.kills} kills, "
          f"{life.asked} requests, {follower.events} events followed, {scraper.scrapes} scrapes")
    print(*(f"{role}: {found.before[role]}\n  -> {found.after[role]}" for role in found.before), sep="\n")
    print(f"{found.files_before}\n  -> {found.files_after}")
    assert lab.pid_of("core") == core, "core was started again"
    assert life.changes >= CHANGES and life.statuses >= STATUSES and life.kills == KILLS
    return found


# The HTTP client keeps up to four idle connections to the store (CURLMOPT_MAXCONNECTS), one or more from the beginning.
IDLE_CONNECTIONS = 3


@pytest.mark.parametrize("role", ["holder", "core", "exec"])
def test_memory_does_not_grow(halves, role):
    before, after = halves.before[role], halves.after[role]
    for kind, most in MOST_GROWTH_KIB.items():
        assert getattr(after, kind) <= getattr(before, kind) + most, f"{kind}: {before} -> {after}"


@pytest.mark.parametrize("role", ["holder", "core", "exec"])
def test_descriptors_and_threads_stay_as_many(lab, halves, role):
    before = halves.before[role]
    assert halves.after[role].threads == before.threads
    most = before.fds + (IDLE_CONNECTIONS if role == "core" else 0)
    # A connection to the store or to the local socket may be open at the moment.
    lab.wait_for(lambda: hold(lab)[role].fds <= most, SECONDS, f"{role}: no more than {most} descriptors")


def test_no_process_is_left(lab, halves):
    holder, core, worker = (lab.pid_of(role) for role in ("holder", "core", "exec"))
    lab.wait_for(lambda: children(worker) == [], SECONDS, "no check and no zombie below the worker", interval=0.002)
    assert [pid for pid, _ in children(core)] == [worker]
    assert [pid for pid, _ in children(holder)] == [core]


def test_files_stay_bounded(lab, halves):
    assert bases(halves.files_before) | {"audit.log."} == bases(halves.files_after) | {"audit.log."} >= {"leases", "audit.log"}
    assert sum(size for name, size in halves.files_after.items() if name.startswith("decisions.")) <= (RECORDS_MIB + 1) << 20
    assert halves.files_after["leases"] <= LEASES_MOST_BYTES
    audits = [size for name, size in halves.files_after.items() if name.startswith("audit.log")]
    assert len(audits) <= 1 + AUDIT_FILES and max(audits) <= (AUDIT_MIB << 20) + 65536
    assert halves.files_after["journal"] <= JOURNAL_MOST_BYTES
    assert halves.files_after["lastgood"] <= 2 * sum(len(key) + len(value) for key, value in lab.get_prefix("").items())
    directories = list(lab.scripts.iterdir())
    assert len(directories) == 1, "a killed worker's directory is removed by the next"
    assert len(list(directories[0].iterdir())) == CHECKED
