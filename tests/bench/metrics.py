"""What a scrape costs: core's time, and how long everybody else waits meanwhile."""
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

tests = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(tests / "scenario")]
import dir_lab  # noqa: E402
from fake_exabgp import Daemon, Neighbor  # noqa: E402
from policies import cpu_seconds, rss_kib  # noqa: E402
from wait import wait_for  # noqa: E402

WAIT_S = 300
SCRAPES, IDLE_S = 10, 20


def ask(path, command):
    """(bytes of the answer, seconds)"""
    begun = time.monotonic()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(json.dumps({"command": command}).encode() + b"\n")
        size = 0
        while got := link.recv(1 << 20):
            size += len(got)
    return size, time.monotonic() - begun


def slowest_ping(path, while_true):
    """The longest of the answers that come while it lasts, and how many there were."""
    slowest = count = 0
    while while_true():
        slowest, count = max(slowest, ask(path, "ping")[1]), count + 1
        time.sleep(0.001)
    return slowest, count


def longest_turn(core, file, work):
    """The longest turn of core's loop during this, in ms of processor time (turns.c)."""
    file.write_text("")
    os.kill(core, signal.SIGUSR2)
    work()
    return max(map(int, file.read_text().split()), default=0) / 1000


# In a process of its own: a thread that reads so much would keep the one that pings waiting for this interpreter.
SCRAPER = """
import socket, sys
room = bytearray(1 << 20)
for _ in range(int(sys.argv[2])):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(sys.argv[1])
        link.sendall(b'{"command": "metrics"}\\n')
        while link.recv_into(room):
            pass
"""
SERIES, TELLING = 32, 3125  # as many as there may be
SCRIPT = "#!lua\nfor at = 1, %d do metric.gauge('depth_of_queue', at, { queue = 'q' .. at }) end\nreturn true\n" % SERIES


def user_series(path):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(b'{"command": "metrics"}\n')
        text = b""
        while got := link.recv(1 << 20):
            text += got
    return int(text.rpartition(b"\nbgpcommander_user_series ")[2].split(b"\n")[0])


def measure(routes, series, told=0):
    """`told`: so many of the routes have a script that tells series of its own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bcmet-", dir="/dev/shm"))
    tree = dir_lab.Tree(folder / "store")
    for number in range(routes):
        name = f"routes/service-{number:06d}"
        tree.put(f"{name}/config", f"route 10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32 next-hop self med 100")
        if number < told:
            tree.put(f"{name}/healthcheck", SCRIPT)
            tree.put(f"{name}/options", '{"interval": "10s"}')
    tree.put("node/n1/subscribedRoutes", "*")
    os.environ["BGPCOMMANDER_TURNS"] = str(folder / "turns")
    daemon = Daemon(folder, f"file://{folder}/store", "/bgp", neighbors=[Neighbor(wire=False)],
                    more=["--log-level=warning", f"--metrics-routes={series}"])
    try:
        wait_for(lambda: len(daemon.exabgp.prefixes()) == routes, "all routes stand", WAIT_S)
        daemon.wait_settled(WAIT_S)
        core, path = daemon.core(), daemon.socket
        wait_for(lambda: user_series(path) == told * SERIES, "all scripts have told", WAIT_S, 1)
        ask(path, "metrics")
        end = time.monotonic() + 2
        idle, _ = slowest_ping(path, lambda: time.monotonic() < end)
        before, times, size = cpu_seconds(core), [], 0
        for _ in range(SCRAPES):
            size, took = ask(path, "metrics")
            times.append(took)
        cpu = (cpu_seconds(core) - before) / SCRAPES
        rest = longest_turn(core, folder / "turns", lambda: time.sleep(IDLE_S))
        turns = [longest_turn(core, folder / "turns", lambda: ask(path, "metrics")) for _ in range(SCRAPES)]
        with subprocess.Popen([sys.executable, "-c", SCRAPER, path, str(SCRAPES)]) as scraper:
            busy, pings = slowest_ping(path, lambda: scraper.poll() is None)
        assert scraper.returncode == 0
        print(f"{routes} routes, {series} with series, {told * SERIES} of scripts: {size / 1e6:.2f} MB, {statistics.median(times) * 1000:.0f} ms, "
              f"{cpu * 1000:.1f} ms of core, {rss_kib(core)} KiB; longest turn {statistics.median(turns):.1f} ms, of all {max(turns):.1f} ms, "
              f"of {IDLE_S} s without a scrape {rest:.1f} ms; slowest ping {idle * 1000:.1f} ms idle, {busy * 1000:.1f} ms while scraped ({pings})")
    finally:
        daemon.close()
        shutil.rmtree(folder)


def cost(routes):
    for series in ("off", 1000, routes):
        measure(routes, series)
    measure(TELLING, TELLING, TELLING)
