"""Asks the policy worker as core does: the program in the role @policy, and frames (docs/channel.md)."""
import collections
import os
import resource
import socket
import struct
import subprocess

HELLO, STOP, MODULE, DATA, SET, WORLD, RUN, RESULTS = 1, 8, 16, 18, 38, 40, 41, 43
DONE, ERROR, MEMORY, KILLED, UNKNOWN = range(5)
PAGE_BYTES = 4096
CHANNEL_FD, PAGE_FD, ASIDE = 3, 4, 100

Result = collections.namedtuple("Result", "id status verdict error log cpu_us reads")


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(value)) + value


def set_frame(number, script, name="policy", options=""):
    return SET, struct.pack(">I", number) + text(name) + text(script) + text("") + text(options)


def world_frame(json):
    return WORLD, text(json)


def run_frame(id_, number, context):
    return RUN, struct.pack(">II", id_, number) + text(context)


def _result(payload):
    id_, status = struct.unpack_from(">IB", payload)
    at, parts = 5, []
    for kind in "tttnt":
        if kind == "n":
            parts.append(struct.unpack_from(">Q", payload, at)[0])
            at += 8
        else:
            size, = struct.unpack_from(">I", payload, at)
            parts.append(payload[at + 4:at + 4 + size].decode())
            at += 4 + size
    assert at == len(payload)
    return Result(id_, status, *parts)


class Worker:
    def __init__(self, program):
        ours, theirs = socket.socketpair()
        page = os.memfd_create("page")
        os.ftruncate(page, PAGE_BYTES)

        def give():
            # Aside first, as either may have the number of the other.
            for at, fd in enumerate((theirs.fileno(), page)):
                os.dup2(fd, ASIDE + at)
            os.dup2(ASIDE, CHANNEL_FD)
            os.dup2(ASIDE + 1, PAGE_FD)
            os.closerange(PAGE_FD + 1, ASIDE + 2)

        self.process = subprocess.Popen([program, "@policy"], stdin=subprocess.DEVNULL, preexec_fn=give, close_fds=False)
        theirs.close()
        os.close(page)
        self.socket, self.bytes = ours, b""
        self.socket.settimeout(60)
        assert self.receive()[0] == HELLO

    def send(self, *frames):
        self.socket.sendall(b"".join(struct.pack(">IHBB", len(payload), kind, 1, 0) + payload for kind, payload in frames))

    def receive(self):
        while True:
            if len(self.bytes) >= 8:
                length, kind = struct.unpack(">IH", self.bytes[:6])
                if len(self.bytes) >= 8 + length:
                    payload, self.bytes = self.bytes[8:8 + length], self.bytes[8 + length:]
                    return kind, payload
            got = self.socket.recv(1 << 20)
            assert got, "the worker has ended"
            self.bytes += got

    def results(self, count):
        found = []
        while len(found) < count:
            kind, payload = self.receive()
            assert kind == RESULTS, kind
            at = 4
            while at < len(payload):
                size, = struct.unpack_from(">I", payload, at)
                found.append(_result(payload[at + 4:at + 4 + size]))
                at += 4 + size
        return found

    def ask(self, script, context):
        """Once."""
        self.send(set_frame(0, script), run_frame(0, 0, context))
        return self.results(1)[0]

    def end(self):
        """Seconds of CPU time in all."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.send((STOP, b""))
        assert self.process.wait(30) == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.socket.close()
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
