"""Lua checks: what a run costs beside HAProxy's and a shell's, and how late good checks are beside bad ones."""
import os
import pathlib
import signal
import statistics
import subprocess
import time

import crowd
import services
from lab import Lab, NODE

HAPROXY = """
global
  maxconn 2000
defaults
  mode http
  timeout connect 2s
  timeout client 2s
  timeout server 2s
backend checked
  option httpchk
  http-check send meth GET uri /health ver HTTP/1.1 hdr Host 127.0.0.1
  http-check expect status 200
{servers}
frontend stats
  bind 127.0.0.1:9000
  stats enable
  stats uri /
"""
SHELL = "#!/bin/sh\nexec curl -fs -m 1 -o /dev/null http://127.0.0.1:8080/health\n"
MEASURED_RUNS = 20  # of each check, once a second
FIRST = 16


def cpu_seconds(pid):
    """Of the process and its ended children."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(fields[at]) for at in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def lua_workers(lab):
    """Those that run."""
    return [worker for worker in lab.status()["workers"]["lua"] if worker["pid"]]


def cpu_of(pids):
    return sum(cpu_seconds(pid) for pid in pids)


def requests(lab):
    """That nginx has answered."""
    return (lab.dir / "nginx" / "access").read_bytes().count(b"\n")


def cost_of_request(lab, pids, count):
    """CPU milliseconds that these use for one of the requests that they make, over MEASURED_RUNS of each of `count`."""
    begun = requests(lab)
    lab.wait_for(lambda: requests(lab) >= begun + 3 * count, 60, "each has asked three times", interval=0.5)
    asked, cpu = requests(lab), cpu_of(pids)
    lab.wait_for(lambda: requests(lab) >= asked + MEASURED_RUNS * count, 120, "all have asked often enough", interval=0.5)
    return (cpu_of(pids) - cpu) * 1000 / (requests(lab) - asked)


def wait_runs(lab, more):
    """Until each good check has run so many times more."""
    begun = min(runs for runs, _ in crowd.good_data(lab))
    lab.wait_for(lambda: min(runs for runs, _ in crowd.good_data(lab)) >= begun + more, 120, f"{more} more runs", interval=0.5)


def with_lab(work):
    lab = Lab()
    try:
        services.Nginx(lab, access_log=True).start()
        services.Dnsmasq(lab).start()
        lab.put(f"node/{NODE}/subscribedRoutes", "*")
        return work(lab)
    finally:
        lab.close()


def lua_cost(look, count):
    """(CPU milliseconds of a run in its worker, in core; KiB of the workers and a check)"""
    def work(lab):
        # As many as it takes for each worker to be home to one.
        crowd.put_good(lab, FIRST, look)
        lab.start_exabgp()
        lab.wait_for(lambda: lab.bird.count() >= FIRST, 60, "the first pass")
        empty = sum(lab.rss_kib(worker["pid"]) for worker in lua_workers(lab))
        crowd.put_good(lab, count, look)
        lab.wait_for(lambda: lab.bird.count() >= count, 120, "all pass")
        lab.wait_for(lambda: min(runs for runs, _ in crowd.good_data(lab)) >= 5, 60, "all have run five times")
        workers, core = [worker["pid"] for worker in lua_workers(lab)], lab.pid_of("core")
        before = sum(runs for runs, _ in crowd.good_data(lab))
        cpu, cpu_core = cpu_of(workers), cpu_of([core])
        begun = time.monotonic()
        wait_runs(lab, MEASURED_RUNS)
        seconds = time.monotonic() - begun
        runs = sum(runs for runs, _ in crowd.good_data(lab)) - before
        full = sum(lab.rss_kib(worker["pid"]) for worker in lua_workers(lab))
        return ((cpu_of(workers) - cpu) * 1000 / runs, (cpu_of([core]) - cpu_core) * 1000 / runs, runs / seconds,
                full, (full - empty) / (count - FIRST))
    return with_lab(work)


def shell_cost(count):
    """CPU milliseconds of a run: the worker and all that it starts."""
    def work(lab):
        options = '{"interval": "1s"}'
        for number in range(count):
            lab.put_all({f"routes/s{number}/options": options, f"routes/s{number}/healthcheck": SHELL,
                         f"routes/s{number}/config": f"route {crowd.prefix_of(number)} next-hop self"})
        lab.start_exabgp()
        lab.wait_for(lambda: lab.bird.count() >= count, 120, "all pass")
        return cost_of_request(lab, [lab.pid_of("exec")], count)
    return with_lab(work)


def haproxy_cost(count):
    """CPU milliseconds of one of its HTTP checks."""
    def work(lab):
        conf = lab.dir / "haproxy.cfg"
        servers = "\n".join(f"  server s{number} 127.0.0.1:8080 check inter 1s" for number in range(count))
        conf.write_text(HAPROXY.format(servers=servers))
        haproxy = lab.spawn([services.program("haproxy"), "-db", "-f", conf], lab.exa, "haproxy.log")
        seen = 'curl -s "http://127.0.0.1:9000/;csv" | grep -c "checked,s[0-9].*,UP,"'
        lab.wait_for(lambda: int(lab.inside(lab.exa, "sh", "-c", seen, check=False) or 0) >= count, 60, "all are up")
        return cost_of_request(lab, [haproxy.pid], count)
    return with_lab(work)


def cost(count):
    haproxy = haproxy_cost(count)
    print(f"HAProxy, {count} HTTP checks at 1 Hz: {haproxy:.3f} ms of CPU a check", flush=True)
    shell = shell_cost(min(count, 40))
    print(f"shell with curl: {shell:.2f} ms of CPU a check", flush=True)
    for look in crowd.LOOKS:
        worker, core, rate, full, each = lua_cost(look, count)
        beside = f"; {worker / haproxy:.2f} of HAProxy's, {worker / shell:.3f} of the shell's" if look == "http" else ""
        print(f"Lua, {look}: {worker:.3f} ms of CPU a run in the worker, {core:.3f} ms in core, {rate:.0f} runs a second; "
              f"workers {full} KiB, {each:.1f} KiB a check{beside}", flush=True)


def burn():
    return subprocess.Popen(["sh", "-c", "while :; do :; done"], start_new_session=True)


def crowd_of(count, is_busy, kills, copies, kinds):
    """The longest time between two runs of a good check that should run once a second, before and beside bad ones."""
    def work(lab):
        crowd.put_good(lab, count, "http")
        lab.start_exabgp()
        lab.wait_for(lambda: lab.bird.count() >= count, 120, "all pass")
        burners = [burn() for _ in range(os.cpu_count())] if is_busy else []
        try:
            before = lab.bird.counters()
            crowd.begin_phase(lab, "alone")
            wait_runs(lab, 15)
            print(f"alone: the longest time between two runs {max(gap for _, gap in crowd.good_data(lab)):.2f} s", flush=True)
            crowd.begin_phase(lab, "crowd")
            bad = crowd.put_bad(lab, copies=copies, kinds=kinds)
            wait_runs(lab, 30)
            gaps = [worst for _, worst in crowd.good_data(lab)]
            print(f"{count} good checks, {len(bad)} bad ones{', both processors busy' if is_busy else ''}: the longest time "
                  f"between two runs {max(gaps):.2f} s, median {statistics.median(gaps):.2f} s", flush=True)
            backs = [kill(lab) for _ in range(kills)]
            if kills:
                gaps = [worst for _, worst in crowd.good_data(lab)]
                print(f"{kills} times kill -9 of a worker: back after {max(backs):.2f} s at most, median "
                      f"{statistics.median(backs):.2f} s; the longest time between two runs {max(gaps):.2f} s", flush=True)
            moved = lab.bird.counters() != before
            print(f"routes moved: {'YES' if moved else 'none'}", flush=True)
        finally:
            for burner in burners:
                os.killpg(burner.pid, signal.SIGKILL)
                burner.wait()
    with_lab(work)


def kill(lab):
    """Seconds until a killed worker's successor says that it runs."""
    workers = lab.status()["workers"]["lua"]
    at = kill.turn = (kill.turn + 1) % len(workers)
    old, begun = workers[at]["pid"], time.monotonic()
    os.kill(old, signal.SIGKILL)

    def is_back():
        worker = lab.status()["workers"]["lua"][at]
        return worker["pid"] not in (0, old) and worker["state"] == "running"
    lab.wait_for(is_back, 30, "its successor runs", interval=0.005)
    return time.monotonic() - begun


kill.turn = -1
