"""What a scrape costs: core's time, and how long everybody else waits meanwhile."""
import json
import pathlib
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time

tests = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(tests / "scenario")]
import dir_lab  # noqa: E402
from fake_exabgp import Daemon, Neighbor  # noqa: E402
from policies import cpu_seconds, rss_kib  # noqa: E402
from wait import wait_for  # noqa: E402

WAIT_S = 300
SCRAPES = 10


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


def measure(routes, series):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bcmet-", dir="/dev/shm"))
    tree = dir_lab.Tree(folder / "store")
    for number in range(routes):
        tree.put(f"routes/service-{number:06d}/config", f"route 10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32 next-hop self med 100")
    tree.put("node/n1/subscribedRoutes", "*")
    daemon = Daemon(folder, f"file://{folder}/store", "/bgp", neighbors=[Neighbor(wire=False)],
                    more=["--log-level=warning", f"--metrics-routes={series}"])
    try:
        wait_for(lambda: len(daemon.exabgp.prefixes()) == routes, "all routes stand", WAIT_S)
        daemon.wait_settled(WAIT_S)
        core, path = daemon.core(), daemon.socket
        ask(path, "metrics")
        end = time.monotonic() + 2
        idle, _ = slowest_ping(path, lambda: time.monotonic() < end)
        before, times, size = cpu_seconds(core), [], 0
        for _ in range(SCRAPES):
            size, took = ask(path, "metrics")
            times.append(took)
        cpu = (cpu_seconds(core) - before) / SCRAPES
        scraper = threading.Thread(target=lambda: [ask(path, "metrics") for _ in range(SCRAPES)])
        scraper.start()
        busy, pings = slowest_ping(path, scraper.is_alive)
        print(f"{routes} routes, {series} with series: {size / 1e6:.2f} MB, {statistics.median(times) * 1000:.0f} ms, "
              f"{cpu * 1000:.1f} ms of core, {rss_kib(core)} KiB; slowest ping {idle * 1000:.1f} ms idle, {busy * 1000:.1f} ms while scraped ({pings})")
    finally:
        daemon.close()
        shutil.rmtree(folder)


def cost(routes):
    for series in ("off", 1000, routes):
        measure(routes, series)
