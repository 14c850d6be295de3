"""What the etcd tests share: real members, the JSON gateway, and the probe that prints what a store tells."""
import base64
import http.client
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time

from ports import free_port
from wait import wait_for

PROBE = os.path.join(os.environ.get("BC_BUILD", "build"), "tests", "store_probe")
FAST = {"backoff_ms": 200, "backoff_most_ms": 600}


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class Probe:
    """store_probe, its lines as lists."""

    def __init__(self, endpoints, *flags, tuning=None, **options):
        arguments = [PROBE, "endpoints=" + (endpoints if isinstance(endpoints, str) else ",".join(endpoints))]
        arguments += list(flags) + [f"{name}={value}" for name, value in options.items()]
        arguments += [f"tuning:{name}={value}" for name, value in {**FAST, **(tuning or {})}.items()]
        environment = {**os.environ, "http_proxy": "http://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1"}
        self.process = subprocess.Popen(self.command(arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=environment)
        self.lines = queue.Queue()
        self.seen = []
        self.errors = ""
        self.threads = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=self._read_errors, daemon=True)]
        for thread in self.threads:
            thread.start()

    def command(self, arguments):
        """What is run: others put a program before it."""
        return arguments

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def next(self, timeout=30):
        try:
            line = self.lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"nothing for {timeout} s; before: {self.seen[-20:]}") from None
        assert line is not None, f"the probe ended: {self.errors}; before: {self.seen[-20:]}"
        self.seen.append(line)
        return line

    def wait(self, *start, timeout=30):
        """Skips lines up to one that starts with these words; returns it."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            assert left > 0, f"no {start} within {timeout} s: {self.seen[-20:]}"
            line = self.next(left)
            if line[:len(start)] == list(start):
                return line

    def wait_change(self, key, value, timeout=30):
        return self.wait("change", key, value, timeout=timeout)[3]

    def wait_list(self, timeout=30):
        """The next complete list: ({key: value}, cluster, revision)."""
        end = time.monotonic() + timeout
        begin = self.wait("list_begin", timeout=timeout)
        entries = {}
        while True:
            left = end - time.monotonic()
            assert left > 0, f"no complete list within {timeout} s: {self.seen[-20:]}"
            line = self.next(left)
            if line[0] == "list_end":
                assert line[1:] == begin[1:]
                return entries, line[1], line[2]
            if line[0] == "list_abort":
                begin = self.wait("list_begin", timeout=left)
                entries = {}
                continue
            assert line[0] in ("entry", "entries"), line
            if line[0] == "entry":
                assert line[1] not in entries, f"{line[1]} came twice"
                entries[line[1]] = line[2]

    def wait_connected(self, timeout=30):
        return self.wait("state", "connected", timeout=timeout)

    def told(self, word):
        return [line for line in self.seen if line[0] == word]

    def close(self):
        """Ends it; a fault that a sanitizer found fails the test."""
        if self.process.poll() is None:
            try:
                self.say("close")
            except BrokenPipeError:
                pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for thread in self.threads:
            thread.join(5)
        assert self.process.returncode == 0, self.errors


class Gateway:
    """The JSON gateway of one endpoint."""

    def __init__(self, port, token=None):
        self.port = port
        self.token = token

    def post(self, path, body, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Authorization": self.token} if self.token else {}
            connection.request("POST", "/v3" + path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {text}")
            return json.loads(text)
        finally:
            connection.close()

    def put(self, key, value):
        return int(self.post("/kv/put", {"key": b64(key), "value": b64(value)})["header"]["revision"])

    def delete(self, key):
        return int(self.post("/kv/deleterange", {"key": b64(key)})["header"]["revision"])

    def get(self, key):
        """(value, lease) or None."""
        kvs = self.post("/kv/range", {"key": b64(key)}).get("kvs", [])
        return (base64.b64decode(kvs[0].get("value", "")).decode(), int(kvs[0].get("lease", 0))) if kvs else None

    def compact(self, revision):
        self.post("/kv/compaction", {"revision": revision, "physical": True})

    def wait_value(self, key, wanted, timeout=30):
        def reached():
            got = self.get(key)
            return (got[0] if got else None) == wanted and [got]
        return wait_for(reached, f"{key} is {wanted}", timeout)[0]


class Member:
    """One etcd process. Its client port can move, so that nobody else reaches it for a while."""

    def __init__(self, folder, name="m1", port=None, peer=None, cluster=None, token="lab", flags=(), scheme="http"):
        self.folder = str(folder)
        self.name = name
        self.port = port or free_port()
        self.peer = peer or free_port()
        self.cluster = cluster or f"{name}=http://127.0.0.1:{self.peer}"
        self.token = token
        self.flags = list(flags)
        self.scheme = scheme
        self.data = os.path.join(self.folder, name + ".data")
        self.process = None

    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self, port=None, wait=True):
        port = port or self.port
        peer = f"http://127.0.0.1:{self.peer}"
        client = f"{self.scheme}://127.0.0.1:{port}"
        with open(os.path.join(self.folder, self.name + ".log"), "ab") as log:
            self.process = subprocess.Popen(
                ["etcd", "--name", self.name, "--data-dir", self.data, "--listen-client-urls", client,
                 "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", self.cluster, "--initial-cluster-token", self.token, *self.flags],
                stdout=log, stderr=log)
        if wait:
            self.wait(port)
        return self

    def wait(self, port=None):
        def answers():
            assert self.process.poll() is None, f"etcd does not start: {self.folder}"
            socket.create_connection(("127.0.0.1", port or self.port), 1).close()
            if self.scheme == "https":
                return True
            try:
                Gateway(port or self.port).post("/kv/range", {"key": b64("x")}, timeout=5)
            except RuntimeError as error:
                return "user name is empty" in str(error)
            return True
        wait_for(answers, f"etcd answers: {self.folder}", 60, errors=(OSError, http.client.HTTPException))

    def log(self):
        with open(os.path.join(self.folder, self.name + ".log"), errors="replace") as file:
            return file.read()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """No thread of it runs any more on return."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        wait_for(lambda: all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks.iterdir()),
                 "each thread stands still")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def wipe(self):
        shutil.rmtree(self.data)

    def gateway(self, port=None):
        return Gateway(port or self.port)


class Lab:
    """Owns what a test starts."""

    def __init__(self, folder):
        self.folder = folder
        self.members = []
        self.probes = []

    def member(self, start=True, **options):
        member = Member(self.folder, **options)
        self.members.append(member)
        return member.start() if start else member

    def probe(self, endpoints, *flags, **options):
        probe = Probe(endpoints, *flags, **options)
        self.probes.append(probe)
        return probe

    def close(self, check=True):
        try:
            for probe in self.probes:
                if check:
                    probe.close()
                elif probe.process.poll() is None:
                    probe.process.kill()
                    probe.process.wait()
        finally:
            for member in self.members:
                if member.process is not None:
                    member.process.send_signal(signal.SIGCONT)
                member.kill()
