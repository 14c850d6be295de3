#!/usr/bin/python3
"""Speed and memory, as ratios to a peer or a floor of the same run. Figures go to docs/performance.md by hand.

  tests/bench/run single [--count 100]      key written -> UPDATE at BIRD, beside a bare process that prints the line
  tests/bench/run start [--routes 10000] [--repeat 3]
                                            start with many routes, beside etcdctl and a bare feeder under ExaBGP
  tests/bench/run checks [--count 1000]     what a run of a Lua check costs, beside HAProxy's checks and a shell's
  tests/bench/run crowd [--count 1000] [--busy] [--kills 50]
                                            how late good checks are beside bad ones, and while workers are killed
  tests/bench/run policy [--count 20]       what deciding 1,000 routes anew costs the policy worker
  tests/bench/run testkit [--count 1000]    how long so many cases of `bgpcommander test` take
  tests/bench/run policies [--routes 10000] [--repeat 3]
                                            a check of many routes goes down, under one policy and by health alone
  tests/bench/run metrics [--routes 10000]  what a scrape costs, and how long others wait meanwhile
  tests/bench/run http [--count 10] [--repeat 3]
                                            wrk for so many seconds on the HTTP API, beside Flask under gunicorn
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

tests = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(tests / "e2e"), str(tests)]
import checks  # noqa: E402
import http_bench  # noqa: E402
import metrics  # noqa: E402
import policies  # noqa: E402
import policy  # noqa: E402
import testkit  # noqa: E402
from lab import Lab, NODE  # noqa: E402

# A process that prints each line that arrives in a fifo, and drains its stdin: the floor for one command.
BARE = """#!/usr/bin/python3
import os, sys, threading
def drain():
    while os.read(0, 65536):
        pass
threading.Thread(target=drain, daemon=True).start()
with open("{fifo}") as fifo:
    for line in fifo:
        os.write(1, line.encode())
keep = open("{fifo}")
keep.read()
threading.Event().wait()
"""

# Writes the same grouped lines as bgpcommander would, 600 NLRI unacknowledged at the most.
FEEDER = """#!/usr/bin/python3
import os, sys
lines = open("{lines}").read().splitlines(keepends=True)
done, sent, buffered = 0, 0, b""
while done < len(lines):
    while sent < len(lines) and sent - done < 6:
        os.write(1, lines[sent].encode())
        sent += 1
    buffered += os.read(0, 65536)
    *whole, buffered = buffered.split(b"\\n")
    done += sum(1 for line in whole if line == b"done")
while os.read(0, 65536):
    pass
"""


def quantiles(values):
    values = sorted(values)
    return f"median {statistics.median(values):.2f} ms, p99 {values[int(len(values) * 0.99) - 1]:.2f} ms, n {len(values)}"


def prefix_of(index):
    return f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}/32"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def cpu_of_all(lab):
    """{name: seconds of CPU until now} of those that share the processors while a start is measured."""
    pids = {"ExaBGP": lab.exabgp.pid if lab.exabgp else None, "BIRD": lab.bird.process.pid, "etcd": lab.etcd.process.pid}
    if lab.daemons().get("core"):
        pids["core"] = lab.pid_of("core")
    return {name: cpu_seconds(pid) if pid else 0 for name, pid in pids.items()}


def cpu_text(before, after):
    return ", ".join(f"{name} {after[name] - before.get(name, 0):.2f} s" for name in after)


def wait_bird(lab, check, what):
    return lab.wait_for(check, 30, what, interval=0.0005)


def time_to_med(lab, med, act):
    start = time.monotonic()
    act()
    wait_bird(lab, lambda: lab.bird.med("10.0.0.1/32") == med, f"med {med}")
    return (time.monotonic() - start) * 1000


def single(count):
    daemon, bare = [], []
    lab = Lab()
    try:
        lab.put_all({"routes/one/config": "route 10.0.0.1/32 next-hop self med 1", f"node/{NODE}/subscribedRoutes": "one"})
        lab.start_exabgp()
        wait_bird(lab, lambda: lab.bird.med("10.0.0.1/32") == 1, "the route")
        for med in range(2, count + 2):
            daemon.append(time_to_med(lab, med, lambda: lab.put("routes/one/config", f"route 10.0.0.1/32 next-hop self med {med}")))
            lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 5, "settled")
    finally:
        lab.close()
    lab = Lab(program="none")
    try:
        fifo = lab.dir / "bare.fifo"
        subprocess.run(["mkfifo", "-m", "666", fifo], check=True)
        lab.program.write_text(BARE.format(fifo=fifo))
        lab.program.chmod(0o755)
        lab.start_exabgp(wait=False)
        lab.wait_for(lab.bird.is_up, 30, "a session")
        out = open(fifo, "w", buffering=1)
        for med in range(1, count + 1):
            bare.append(time_to_med(lab, med, lambda: (lab.put("ignored", str(med)), out.write(f"announce route 10.0.0.1/32 next-hop self med {med}\n"))))
    finally:
        lab.close()
    print(f"key written -> BIRD, bgpcommander: {quantiles(daemon)}")
    print(f"same put, then a bare process prints: {quantiles(bare)}")
    print(f"added by bgpcommander (difference of medians): {statistics.median(daemon) - statistics.median(bare):.2f} ms")


def wait_all(lab, routes, begun):
    """Seconds from `begun` to the first route in BIRD, and to all of them."""
    lab.wait_for(lambda: lab.bird.count() > 0, 600, "the first route", interval=0.01)
    first = time.monotonic() - begun
    lab.wait_for(lambda: lab.bird.count() >= routes, 600, f"{routes} routes", interval=0.05)
    return first, time.monotonic() - begun


def start_feeder(routes):
    """Seconds to the first and the last route of a bare feeder, and its CPU."""
    lab = Lab(program="none")
    try:
        lines = [f"announce attributes next-hop self nlri {' '.join(prefix_of(i) for i in range(at, min(at + 100, routes)))}\n"
                 for at in range(0, routes, 100)]
        (lab.dir / "lines").write_text("".join(lines))
        lab.program.write_text(FEEDER.format(lines=lab.dir / "lines"))
        lab.program.chmod(0o755)
        before = cpu_of_all(lab)
        begun = time.monotonic()
        lab.start_exabgp(wait=False)
        times = wait_all(lab, routes, begun)
        return (*times, cpu_text(before, cpu_of_all(lab)))
    finally:
        lab.close()


def rss_at_rest_kib(lab, routes):
    """When all is confirmed and saved, and the memory that the start took is given back: the same in three looks."""
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 120, "settled", interval=0.2)
    last = f"routes/r{routes - 1:06d}/config".encode()
    lab.wait_for(lambda: last in (lab.state / "lastgood").read_bytes(), 60, "the last known good is saved")
    pid, looks = lab.pid_of("core"), []

    def is_at_rest():
        looks.append(lab.rss_kib(pid))
        return len(looks) > 2 and max(looks[-3:]) < 1.01 * min(looks[-3:])

    lab.wait_for(is_at_rest, 60, "the memory changes no more", interval=1)
    return looks[-1]


def start_daemon(routes):
    """The same of bgpcommander; then its CPU and memory at rest."""
    lab = Lab()
    try:
        lab.put_all({f"routes/r{i:06d}/config": f"route {prefix_of(i)} next-hop self" for i in range(routes)})
        lab.put(f"node/{NODE}/subscribedRoutes", "*")
        before = cpu_of_all(lab)
        begun = time.monotonic()
        lab.start_exabgp(wait=False)
        times = wait_all(lab, routes, begun)
        cpu = cpu_text(before, cpu_of_all(lab))
        return (*times, cpu, rss_at_rest_kib(lab, routes))
    finally:
        lab.close()


def idle_rss_kib():
    lab = Lab()
    try:
        lab.put_all({"routes/one/config": "route 10.0.0.1/32 next-hop self", f"node/{NODE}/subscribedRoutes": "*"})
        lab.start_exabgp()
        return lab.rss_kib(lab.pid_of("core"))
    finally:
        lab.close()


def etcdctl_s(routes):
    lab = Lab()
    try:
        lab.put_all({f"routes/r{i:06d}/config": f"route {prefix_of(i)} next-hop self" for i in range(routes)})
        begun = time.monotonic()
        subprocess.run(lab._in_namespace(lab.exa) + ["etcdctl", "--endpoints", lab.etcd.url, "get", "--prefix", "/bgp/routes/"],
                       stdout=subprocess.DEVNULL, env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}, check=True)
        return time.monotonic() - begun
    finally:
        lab.close()


def start_with(routes, repeat):
    """The two in turn, so that what else the machine does falls on both."""
    feeders, daemons = [], []
    for _ in range(repeat):
        feeders.append(start_feeder(routes))
        print("bare feeder:  first {:.2f} s, all {:.2f} s; CPU: {}".format(*feeders[-1]), flush=True)
        daemons.append(start_daemon(routes))
        print("bgpcommander: first {:.2f} s, all {:.2f} s; CPU: {}; RSS at rest {} KiB".format(*daemons[-1]), flush=True)
    feeder, daemon = (statistics.median(one[1] for one in runs) for runs in (feeders, daemons))
    rss, idle = statistics.median(one[3] for one in daemons), idle_rss_kib()
    print(f"{routes} routes, ExaBGP started -> all in BIRD, median of {repeat}: bgpcommander {daemon:.2f} s, bare feeder "
          f"{feeder:.2f} s, ratio {daemon / feeder:.2f}")
    print(f"core at rest {rss:.0f} KiB, idle {idle} KiB: {(rss - idle) * 1024 / routes:.0f} bytes a route; "
          f"etcdctl get of the same {etcdctl_s(routes):.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["single", "start", "checks", "crowd", "policy", "policies", "testkit", "metrics", "http"])
    parser.add_argument("--count", type=int)
    parser.add_argument("--routes", type=int, default=10000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--kinds", type=lambda text: text.split(","), help="crowd: which bad scripts, of tests/e2e/crowd.py")
    parser.add_argument("--copies", type=int, default=1, help="crowd: of each bad script")
    options = parser.parse_args()
    if options.what == "single":
        single(options.count or 100)
    elif options.what == "checks":
        checks.cost(options.count or 1000)
    elif options.what == "crowd":
        checks.crowd_of(options.count or 1000, options.busy, options.kills, options.copies, options.kinds)
    elif options.what == "policy":
        policy.main(os.environ["BGPCOMMANDER"], options.count or 20)
    elif options.what == "testkit":
        testkit.main(os.environ["BGPCOMMANDER"], options.count or 1000)
    elif options.what == "metrics":
        metrics.cost(options.routes)
    elif options.what == "policies":
        policies.main(options.routes, options.repeat)
    elif options.what == "http":
        http_bench.main(options.count or 10, options.repeat)
    else:
        start_with(options.routes, options.repeat)


if __name__ == "__main__":
    main()
