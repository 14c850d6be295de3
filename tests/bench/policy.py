"""What a decision by a policy costs: the policy worker alone, asked as core asks it."""
import json
import os
import resource
import socket
import struct
import subprocess
import time

HELLO, PING, PONG, STOP, SET, WORLD, RUN, RESULTS = 1, 2, 3, 8, 38, 40, 41, 43
DONE = 0
ROUTES = 1000
PAGE_BYTES = 4096

PLAIN = """return function(ctx)
  if not ctx.healthy then return withdraw(ctx.reason) end
  return announce{ med = 100 + 10 * ctx.checks.load.score, community = {"65000:100"}, reason = "load", again_in = 30 }
end
"""
# What a policy of some size does: it goes through neighbors, checks and their changes.
LARGER = """local function unstable(check, now)
  local count = 0
  for _, change in ipairs(check.changes) do
    if now - change.at < 600 then count = count + 1 end
  end
  return count > 3
end
return function(ctx)
  if not ctx.healthy then return withdraw(ctx.reason) end
  local med, names = 100, {}
  for name, check in pairs(ctx.checks) do
    names[#names + 1] = name
    if unstable(check, ctx.now) then med = med + 50 end
    med = med + math.floor((100 - (check.score or 100)) / 10) * 10
  end
  local established = 0
  for _, neighbor in ipairs(ctx.neighbors) do
    if neighbor.state == "up" then established = established + 1 end
  end
  if established == 0 then return keep("no neighbor") end
  if net.contains("192.0.2.0/24", ctx.route.prefix) then med = med + 1 end
  table.sort(names)
  return announce{ med = med, community = { "65000:" .. established }, reason = table.concat(names, ",") }
end
"""
WORLD_JSON = {
    "node": {"name": "fra-edge-1", "labels": {"site": "fra", "role": "edge", "capacity": 40}, "admin_state": "up"},
    "neighbors": [{"address": f"192.0.2.{i}", "local_address": "192.0.2.254", "peer_as": 65000 + i, "local_as": 65000,
                   "state": "up", "since": 1700000000.5, "families": ["ipv4 unicast", "ipv6 unicast"]} for i in range(4)],
}


def context(number):
    """Some 1.4 KB."""
    now = 1700000000.123 + number

    def check(name, score):
        return {"state": "up", "status": "passed", "score": score, "data": None, "reason": "", "since": now - 3600.5,
                "own": name == "healthcheck",
                "results": [{"at": now - i, "status": "passed", "score": score, "took": 0.0123} for i in range(4)],
                "changes": [{"at": now - 3600.5 * (i + 1), "state": "up" if i % 2 == 0 else "down"} for i in range(2)]}

    prefix = f"10.{number >> 8 & 255}.{number & 255}.0/24"
    attributes = {"next_hop": "self", "med": 100, "community": ["65000:100", "65000:200"]}
    return json.dumps({
        "now": now, "kind": "route", "healthy": True, "health": "up", "reason": "", "since": now - 3600.5,
        "route": {"name": f"service-{number}", "prefix": prefix, "prefixes": [prefix], "family": "ipv4 unicast",
                  "text": f"route {prefix} next-hop self med 100 community [65000:100 65000:200]", "attributes": attributes},
        "checks": {"healthcheck": check("healthcheck", None), "load": check("load", number % 101)},
        "standing": {"announced": True, "attributes": attributes, "since": now - 60, "verdict": "announce", "reason": "load"},
    }, separators=(",", ":")).encode()


def text(value):
    return struct.pack(">I", len(value)) + value


class Worker:
    def __init__(self, program):
        ours, theirs = socket.socketpair()
        page = os.memfd_create("page")
        os.ftruncate(page, PAGE_BYTES)

        def give():
            # Out of the way first: the targets may be taken.
            channel, shared = os.dup(theirs.fileno()) + 0, os.dup(page)
            high = [os.dup2(channel, 100), os.dup2(shared, 101)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
            os.closerange(5, 110)

        self.process = subprocess.Popen([program, "@policy"], stdin=subprocess.DEVNULL, preexec_fn=give, close_fds=False)
        theirs.close()
        os.close(page)
        self.socket, self.bytes = ours, b""
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
        """(status, verdict, microseconds in the script) of so many."""
        found = []
        while len(found) < count:
            kind, payload = self.receive()
            assert kind == RESULTS, kind
            rest = payload[4:]
            while rest:
                size = struct.unpack(">I", rest[:4])[0]
                one, rest = rest[4:4 + size], rest[4 + size:]
                at, parts = 5, []
                for _ in range(3):
                    length = struct.unpack(">I", one[at:at + 4])[0]
                    parts.append(one[at + 4:at + 4 + length])
                    at += 4 + length
                found.append((one[4], parts[0], struct.unpack(">Q", one[at:at + 8])[0], parts[1]))
        return found

    def end(self):
        """Seconds of CPU time in all."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.send((STOP, b""))
        assert self.process.wait(30) == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cost(program, script, rounds):
    """Of `rounds` times all routes: CPU seconds of the process, those in the script, wall seconds of each round."""
    worker = Worker(program)
    worker.send((SET, struct.pack(">I", 1) + text(b"policy") + text(script.encode()) + text(b"") + text(b"")),
                (WORLD, text(json.dumps(WORLD_JSON).encode())))
    runs = [(RUN, struct.pack(">II", number, 1) + text(context(number))) for number in range(ROUTES)]
    inside, walls = 0, []
    for _ in range(rounds):
        begun = time.monotonic()
        worker.send(*runs)
        results = worker.results(ROUTES)
        walls.append(time.monotonic() - begun)
        assert all(status == DONE for status, *_ in results), results[0]
        inside += sum(us for _, _, us, _ in results)
    return worker.end(), inside / 1e6, walls


def main(program, rounds):
    print(f"{ROUTES} routes decided anew, a context of {len(context(1))} bytes; CPU of the policy worker, mean of {rounds} rounds")
    for name, script in (("the plain policy", PLAIN), ("a larger one", LARGER)):
        base, *_ = cost(program, script, 0)
        cpu, inside, walls = cost(program, script, rounds)
        print(f"{name}: {(cpu - base) * 1000 / rounds:.1f} ms, {inside * 1000 / rounds:.1f} ms of it in the script; "
              f"until the last verdict {sorted(walls)[rounds // 2] * 1000:.1f} ms (median)")
