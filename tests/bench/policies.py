"""A change that concerns all routes at once: a check that all rest on goes down, under one policy, and by health alone."""
import json
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

tests = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(tests / "scenario")]
import dir_lab  # noqa: E402
from fake_exabgp import Daemon, Neighbor  # noqa: E402
from wait import wait_for  # noqa: E402

POLICY = """return function(ctx)
  if ctx.checks.service.state == "down" then return announce{ med = 500, reason = "kept as the last way" } end
  return announce{ med = 100, community = { "65000:100" } }
end
"""
WAIT_S = 300


def cpu_seconds(pid):
    """Of its first thread, to the microsecond, from what the scheduler counts: the other ones of core read and write files."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


def rss_kib(pid):
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")).split()[1])


class World:
    """`routes` routes that rest on one check, announced by a fake ExaBGP that tells no UPDATEs."""

    def __init__(self, routes, policy):
        self.routes, self.policy = routes, policy
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bcpol-", dir="/dev/shm"))
        self.tree = dir_lab.Tree(self.folder / "store")
        put = self.tree.put
        for number in range(routes):
            name = f"routes/service-{number:06d}"
            put(f"{name}/config", f"route 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/32 next-hop self med 100")
            put(f"{name}/options", '{"checks": ["service"]}')
        self.flag = self.folder / "down"
        put("checks/service/script", f"#!/bin/sh\ntest ! -e {self.flag}\n")
        put("checks/service/options", json.dumps({"interval": "100ms", "rise": 1, "fall": 1}))
        if policy:
            put("policy", POLICY)
        put("node/n1/subscribedRoutes", "*")
        self.daemon = Daemon(self.folder, f"file://{self.folder}/store", "/bgp", neighbors=[Neighbor(wire=False)],
                             more=["--log-level=warning"])
        wait_for(lambda: len(self.held()) == routes, "all routes stand", WAIT_S)
        if policy:
            wait_for(lambda: self.quiet() and all("65000:100" in one for one in self.held().values()), "all are as the policy wants", WAIT_S)
        self.daemon.wait_settled(WAIT_S)

    def held(self):
        with self.daemon.exabgp._lock:
            return dict(self.daemon.exabgp.rib["10.99.0.2"])

    def counts(self):
        return self.daemon.status()["policies"]

    def quiet(self):
        before = self.counts()["answers"]
        time.sleep(1)
        return self.counts()["answers"] == before

    def pids(self):
        status = self.daemon.status()
        workers = status["workers"]
        return status["pid"], workers.get("policy", {}).get("pid") if self.policy else None

    def is_done(self):
        held = self.held()
        if not self.policy:
            return not held
        return len(held) == self.routes and all("med 500" in one for one in held.values())

    def fall(self):
        """The check goes down: what that costs core and the policy worker, until all stand as they should."""
        pids = [pid for pid in self.pids() if pid]
        before, counts, lines = [cpu_seconds(pid) for pid in pids], self.counts(), len(self.daemon.exabgp.wire)
        slowest, first = 0, None
        self.flag.touch()
        while not self.is_done():
            asked = time.monotonic()
            status = self.counts()
            slowest = max(slowest, time.monotonic() - asked)
            if first is None and len(self.daemon.exabgp.wire) > lines:
                first = asked
            assert first is None or asked - first < WAIT_S, status
            time.sleep(0.02)
        took = time.monotonic() - (first or asked)
        cpu = [cpu_seconds(pid) - old for pid, old in zip(pids, before)] + [0]
        withdrawn = sum(verb == "withdraw" for verb, *_ in self.daemon.exabgp.wire[lines:])
        return {"took": took, "core": cpu[0], "worker": cpu[1], "slowest": slowest, "withdrawn": withdrawn,
                "late": self.counts()["late"] - counts["late"]}

    def close(self):
        try:
            self.daemon.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def measure(routes, policy):
    world = World(routes, policy)
    try:
        return world.fall(), rss_kib(world.pids()[0])
    finally:
        world.close()


def main(routes, repeat):
    pairs = []
    for _ in range(repeat):
        (floor, floor_kib), (one, kib) = measure(routes, False), measure(routes, True)
        pairs.append((floor["core"], one["core"], one["worker"], one["took"]))
        for name, got in (("health alone", floor), ("one policy", one)):
            print(f"{name}: CPU of core {got['core'] * 1e6 / routes:.1f} us a route, of the policy worker "
                  f"{got['worker'] * 1e6 / routes:.1f}; {got['took']:.2f} s from the first command to the last; slowest "
                  f"status {got['slowest'] * 1000:.0f} ms; withdrawn {got['withdrawn']}, late {got['late']}", flush=True)
        print(f"core's memory: {floor_kib} KiB, {kib} KiB with the policy: {(kib - floor_kib) * 1024 / routes:.0f} bytes a route")
    floor, core, worker, took = (statistics.median(column) for column in zip(*pairs))
    print(f"{routes} routes, medians of {repeat}: CPU of core with a policy / by health alone {core / floor:.1f}; core "
          f"{core * 1e6 / routes:.1f} us, worker {worker * 1e6 / routes:.1f} us a route; all told in {took:.2f} s")
