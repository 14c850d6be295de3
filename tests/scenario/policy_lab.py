"""Asks policies as core does: the program in the role of the policy worker, and frames (docs/channel.md)."""
import copy
import fcntl
import json
import mmap
import os
import socket
import struct

STOP, POLICY_SET, POLICY_RUN, POLICY_RESULT, POLICY_RESULTS = 8, 38, 41, 42, 43
NOW = 1700000000.0  # Tuesday, 22:13:20 UTC


def context(**changes):
    """A healthy route that stands not yet, with these members otherwise; objects are merged."""
    made = {
        "now": NOW, "kind": "route", "healthy": True, "health": "up", "reason": "health check passed", "since": NOW - 3600,
        "route": {"name": "WEB", "prefix": "192.0.2.10/32", "prefixes": ["192.0.2.10/32"], "family": "ipv4 unicast",
                  "text": "route 192.0.2.10/32 next-hop self", "attributes": {"next_hop": "self"}},
        "checks": {"healthcheck": {"state": "up", "status": "passed", "score": None, "data": None, "reason": "",
                                   "since": NOW - 3600, "own": True, "results": [], "changes": []}},
        "node": {"name": "edge1", "labels": {}, "admin_state": "up"},
        "neighbors": [{"address": "10.99.0.2", "local_address": "10.99.0.1", "peer_as": 65001, "local_as": 65000, "state": "up",
                       "since": NOW - 86400, "families": ["ipv4 unicast"]}],
        "standing": {"announced": False, "attributes": None, "since": None, "verdict": None, "reason": None}, "data": {},
    }

    def merge(into, what):
        for name, value in what.items():
            if isinstance(value, dict) and isinstance(into.get(name), dict):
                merge(into[name], value)
            else:
                into[name] = copy.deepcopy(value)
    merge(made, changes)
    return made


def standing(reason=None, since=NOW - 100, **attributes):
    return {"announced": True, "attributes": {"next_hop": "self", **attributes}, "since": since, "verdict": "announce",
            "reason": reason}


def _bytes(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data


class PolicyWorker:
    def __init__(self):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(60)
        page = os.memfd_create("page")
        os.ftruncate(page, mmap.PAGESIZE)
        # Out of the way of 3 and 4, which they become in the program.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (theirs.fileno(), page)]
        self.pid = os.posix_spawn(os.environ["BGPCOMMANDER"], ["bgpcommander", "@policy"], os.environ, file_actions=[
            (os.POSIX_SPAWN_DUP2, ends[0], 3), (os.POSIX_SPAWN_DUP2, ends[1], 4)])
        theirs.close()
        for end in (page, *ends):
            os.close(end)
        self.number, self.read = 0, b""

    def close(self):
        self._send(STOP, b"")
        _, status = os.waitpid(self.pid, 0)
        self.socket.close()
        assert status == 0

    def _send(self, kind, payload):
        self.socket.sendall(struct.pack(">IHBB", len(payload), kind, 1, 0) + payload)

    def _exactly(self, count):
        while len(self.read) < count:
            piece = self.socket.recv(65536)
            assert piece, "the worker has ended"
            self.read += piece
        taken, self.read = self.read[:count], self.read[count:]
        return taken

    def _results(self):
        length, kind, _, _ = struct.unpack(">IHBB", self._exactly(8))
        payload = self._exactly(length)
        if kind == POLICY_RESULT:
            return [payload]
        found, at = [], 4  # behind the length of all of them
        while kind == POLICY_RESULTS and at < len(payload):
            size, = struct.unpack_from(">I", payload, at)
            found.append(payload[at + 4:at + 4 + size])
            at += 4 + size
        return found

    @staticmethod
    def _take(payload):
        """(id, status, verdict, error)"""
        number, status = struct.unpack_from(">IB", payload)
        texts, at = [], 5
        for _ in range(2):
            size, = struct.unpack_from(">I", payload, at)
            texts.append(payload[at + 4:at + 4 + size].decode())
            at += 4 + size
        return number, status, *texts

    def ask(self, script, contexts, options=None, key="policy"):
        """For each context the verdict, or the text of the error."""
        self.number += 1
        self._send(POLICY_SET, struct.pack(">I", self.number) + _bytes(key) + _bytes(script) + _bytes("")
                   + _bytes(json.dumps(options or {})))
        for at, made in enumerate(contexts):
            self._send(POLICY_RUN, struct.pack(">II", at, self.number) + _bytes(json.dumps(made)))
        answers = {}
        while len(answers) < len(contexts):
            for payload in self._results():
                at, _, verdict, error = self._take(payload)
                answers[at] = json.loads(verdict) if verdict else error
        return [answers[at] for at in range(len(contexts))]
