"""Lua checks in the daemon: they decide like shell checks, and a bad one costs itself and nobody else."""
import contextlib
import ctypes
import json
import mmap
import os
import pathlib
import re
import signal
import struct
import subprocess
import time

import pytest

from lua_scene import FAST, LOOP, UP, Scene
from wait import wait_for


def test_a_lua_check_announces_and_withdraws(scene):
    scene.put_route("web", 1, "#!lua\nlog.info('hello')\nreturn true, {load = 0.5, name = route.name, node = node.name}\n")
    daemon = scene.start()
    route = daemon.wait_state("web", "announced")
    assert route["health"] == "up" and route["data"] == {"load": 0.5, "name": "web", "node": "n1"}
    assert route["error"] is None and route["output"] is None
    lua = scene.worker()
    assert lua["state"] == "running" and "seccomp" in lua["confinement"] and "landlock" in lua["confinement"] and lua["restarts"] == 0
    scene.tree.put("routes/web/healthcheck", "#!lua\nlocal ok = options.env.OK == '1'\nlog.warn('look')\nif ok then return true end\nreturn false, 'it is off'\n")
    scene.tree.put("routes/web/options", json.dumps({"interval": 0.1, "fall": 1, "env": {"OK": "1"}}))
    wait_for(lambda: daemon.route("web")["data"] is None, "the new script has passed")
    scene.tree.put("routes/web/options", json.dumps({"interval": 0.1, "fall": 1, "env": {"OK": "0"}}))
    route = daemon.wait_state("web", "withdrawn")
    assert route["reason"] == "health check failed: it is off" and "warn: look" in route["output"]
    assert daemon.exabgp.prefixes() == set()


def test_an_error_is_neutral_and_told_with_its_line(scene):
    scene.put_route("up", 1, UP)
    scene.put_route("bad", 2, "#!lua\nlocal x = nil\nreturn x.y\n")
    scene.put_route("broken", 3, "#!lua\nreturn tru e\n")
    scene.put_route("pattern", 4, "#!lua\nreturn string.find(string.rep('a', 100000), '.-.-.-.-b') == nil\n")
    daemon = scene.start()
    daemon.wait_state("up", "announced")
    assert "script error: bad:3: attempt to index a nil value" in scene.wait_error("bad", "script error")["error"]
    assert "script error: broken:2:" in scene.wait_error("broken", "script error")["error"]
    assert "pattern too costly" in scene.wait_error("pattern", "pattern:2:")["error"]
    assert daemon.route("bad")["state"] == "waiting" and daemon.route("bad")["health"] == "unknown"
    scene.tree.put("routes/up/healthcheck", "#!lua\nerror('oh')\n")
    route = scene.wait_error("up", "up:2: oh")
    assert route["state"] == "announced"
    status = wait_for(lambda: (scene.tree.get("node/n1/status") or "").find("up:2: oh") >= 0, "the status names it")
    assert status and scene.withdrawn() == []


def test_a_timeout_withdraws(scene):
    scene.put_route("web", 1, UP, json.dumps({"interval": 0.1, "fall": 1, "timeout": 0.2}))
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    scene.tree.put("routes/web/healthcheck", "#!lua\nif options.env.SLEEP then time.sleep(60) end\nreturn true, {new = 1}\n")
    wait_for(lambda: daemon.route("web")["data"], "the new script has passed")
    scene.tree.put("routes/web/options", json.dumps({"interval": 0.1, "fall": 1, "timeout": 0.2, "env": {"SLEEP": "1"}}))
    route = daemon.wait_state("web", "withdrawn")
    assert route["reason"] == "health check failed: timed out: still waiting after 200 ms"


def test_a_changed_script_is_on_probation(scene):
    scene.put_route("web", 1, UP)
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    wait_for(lambda: daemon.route("web")["health"] == "up", "it passed")
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn false, 'never passed ' .. time.monotonic()\n")
    runs = set()

    def ran_five_times():
        runs.add(daemon.route("web")["error"])
        return len(runs - {None}) >= 5
    wait_for(ran_five_times, "five runs of the new one")
    assert daemon.settled_state("web") == "announced" and scene.withdrawn() == []


def test_an_endless_loop_is_killed_named_and_quarantined(scene):
    for number in range(5):
        scene.put_route(f"good{number}", number, f"#!lua\nreturn true, {{n = {number}, t = time.monotonic()}}\n")
    scene.put_route("loop", 10, LOOP)
    daemon = scene.start()
    for number in range(5):
        daemon.wait_state(f"good{number}", "announced")
    scene.wait_error("loop", "loop:2: used more than 250 ms of CPU time")
    route = scene.wait_error("loop", "quarantined")
    assert "killed three times within ten minutes" in route["error"] and route["state"] == "waiting"
    assert scene.quarantined() == 1
    seen = daemon.route("good0")["data"]["t"]
    wait_for(lambda: daemon.route("good0")["data"]["t"] > seen, "the others run on")
    # Another route with the same script is not run either; a changed script is.
    scene.put_route("second", 11, LOOP)
    scene.wait_error("second", "quarantined")
    scene.tree.put("routes/loop/healthcheck", UP)
    daemon.wait_state("loop", "announced")
    assert scene.quarantined() == 1, "the second one has it still"
    scene.tree.put("routes/second/healthcheck", UP)
    daemon.wait_state("second", "announced")
    wait_for(lambda: scene.quarantined() == 0, "nothing is in quarantine that any key holds")
    # It stays what it was: put back, it is not run again.
    scene.tree.put("routes/second/healthcheck", LOOP)
    wait_for(lambda: scene.quarantined() == 1, "it is known")
    assert scene.withdrawn() == [] and scene.worker()["restarts"] == 0


def test_the_limits_on_memory_are_neutral(scene):
    scene.put_route("hoard", 1, "#!lua\nlocal t = {}\nfor i = 1, 1e9 do t[i] = {i} end\nreturn true\n")
    scene.put_route("good", 2, UP)
    daemon = scene.start()
    daemon.wait_state("good", "announced")
    scene.wait_error("hoard", "out of memory")
    assert daemon.settled_state("good") == "announced"


def test_kill_9_of_the_worker_moves_no_route(scene):
    for number in range(20):
        scene.put_route(f"r{number}", number, "#!lua\ntime.sleep(0.02)\nreturn true, {t = time.monotonic()}\n")
    daemon = scene.start()
    for number in range(20):
        daemon.wait_state(f"r{number}", "announced")
    for turn in range(5):
        old = scene.wait_worker()
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: (w := scene.worker()) and w["pid"] not in (0, old) and w["state"] == "running", "another one")
        now = time.monotonic()
        wait_for(lambda: all(daemon.route(f"r{n}")["data"]["t"] > now for n in range(20)), "all run again")
    assert scene.withdrawn() == [] and scene.worker()["restarts"] == 5
    assert all(daemon.route(f"r{n}")["health"] == "up" for n in range(20))


def test_a_worker_that_does_not_answer_is_replaced(scene):
    scene.put_route("web", 1, UP)
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    old = scene.wait_worker()
    os.kill(old, signal.SIGSTOP)
    wait_for(lambda: (w := scene.worker()) and w["pid"] not in (0, old) and w["state"] == "running", "another one", 20)
    assert "Lua worker 1 has not answered" in daemon.log() and daemon.settled_state("web") == "announced"


@contextlib.contextmanager
def page_of(core, index=0):
    """A page that core shares with a Lua worker: CPU time at entry, generation, job."""
    links = sorted(pathlib.Path(f"/proc/{core}/fd").iterdir(), key=lambda link: int(link.name))
    pages = [link for link in links if "bgpcommander-lua" in os.readlink(link)]
    assert len(pages) > index, "core holds no such page"
    with open(pages[index], "r+b") as file, mmap.mmap(file.fileno(), 4096) as page:
        yield page


def process(pid):
    """State and CPU seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_one_call_that_never_ends_is_ended_from_outside(scene):
    """No call that scripts have lasts so long: the page is made to say so, of the check that runs."""
    busy = [f"busy{number}" for number in range(8)]
    for number, name in enumerate(busy):
        scene.put_route(name, number, "#!lua\nlocal t = time.monotonic()\nwhile time.monotonic() - t < 0.1 do end\nreturn true\n")
    scene.put_route("good", 20, UP)
    daemon = scene.start()
    for name in [*busy, "good"]:
        daemon.wait_state(name, "announced")
    for turn in range(3):
        old = scene.wait_worker()
        wait_for(lambda: process(old)[1] > 0.7, "it has used the CPU for longer than one call may")
        with page_of(daemon.core()) as page:
            looks = [None]

            def long_job():
                looks.append(struct.unpack_from("=QII", page))
                return looks[-1][2] != 0 and looks[-2] == looks[-1] and looks[-1]
            job = wait_for(long_job, "it is inside the job that lasts: the same in two looks")
            os.kill(old, signal.SIGSTOP)
            wait_for(lambda: process(old)[0] == "T", "it stands")
            struct.pack_into("=QII", page, 0, 0, job[1], job[2])
            wait_for(lambda: (w := scene.worker()) and w["pid"] not in (0, old) and w["state"] == "running", "another one")
    told = r"routes/busy\d/healthcheck: more than 500 ms of CPU time in one call: Lua worker 1 is killed"
    assert len(re.findall(told, daemon.log())) == 3
    for name in busy:
        assert "killed three times" in scene.wait_error(name, "quarantined")["error"]
    assert scene.quarantined() == 1
    seen = scene.worker()["restarts"]
    wait_for(lambda: daemon.route("good")["health"] == "up", "the others go on")
    assert seen == 3 and scene.withdrawn() == [] and all(daemon.settled_state(name) == "announced" for name in busy)


def test_the_next_core_goes_on_with_lua_checks(scene):
    scene.put_route("web", 1, "#!lua\nreturn options.env.OK ~= '0', 'it is off', {t = time.monotonic()}\n")
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    old = scene.wait_worker()
    daemon.kill_core()
    daemon.wait_state("web", "announced")
    assert scene.wait_worker() != old
    wait_for(lambda: not pathlib.Path(f"/proc/{old}").exists(), "the old worker is gone with its core")
    wait_for(lambda: daemon.route("web")["data"], "its check runs")
    assert scene.withdrawn() == []
    scene.tree.put("routes/web/options", json.dumps({"interval": 0.1, "fall": 1, "env": {"OK": "0"}}))
    daemon.wait_state("web", "withdrawn")


def test_fifty_routes_share_one_script(scene):
    for number in range(50):
        scene.put_route(f"r{number}", number, "#!lua\nlocal big = string.rep('x', 100000)\nreturn #big > 0, {me = route.name}\n")
    daemon = scene.start()
    for number in range(50):
        daemon.wait_state(f"r{number}", "announced")
    assert [daemon.route(f"r{n}")["data"]["me"] for n in range(0, 50, 7)] == [f"r{n}" for n in range(0, 50, 7)]
    assert scene.worker()["checks"] in (0, 50)
    wait_for(lambda: scene.worker()["checks"] == 50, "the worker knows them all")
    scene.tree.put("routes/r3/healthcheck", "#!lua\nerror('mine')\n")
    assert "r3:2: mine" in scene.wait_error("r3", "mine")["error"]
    assert daemon.route("r4")["error"] is None


def test_the_worker_has_nothing(scene):
    scene.put_route("web", 1, UP)
    scene.start().wait_state("web", "announced")
    pid = scene.wait_worker()
    proc = pathlib.Path(f"/proc/{pid}")
    assert proc.joinpath("environ").read_bytes() == b""
    status = proc.joinpath("status").read_text()
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status and "CapPrm:\t0000000000000000" in status
    targets = {int(link.name): os.readlink(link) for link in proc.joinpath("fd").iterdir()}
    assert targets[0] == targets[1] == "/dev/null" and targets[3].startswith("socket:")
    own = {"anon_inode:[eventpoll]", "anon_inode:[eventfd]"}
    # libcurl wakes itself by a pair of sockets without a name.
    pair = {f"socket:[{fields[6]}]" for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]
            if len(fields := line.split()) == 7 and fields[4] == "0001" and fields[5] == "03"}
    others = {target for fd, target in targets.items()
              if fd > 3 and target not in own and not target.startswith(("pipe:", "/dev/null"))}
    assert others <= pair and len(others) in (0, 2), others


def test_a_check_goes_from_shell_to_lua_and_back(scene):
    scene.put_route("web", 1, "exit 0\n", json.dumps({"interval": 0.2, "fall": 1}))
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    wait_for(lambda: daemon.status()["workers"]["exec"]["checks"] == 1, "the shell check is counted")
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn true, {is = 'lua'}\n")
    wait_for(lambda: daemon.route("web")["data"] == {"is": "lua"}, "Lua runs")
    wait_for(lambda: daemon.status()["workers"]["exec"]["checks"] == 0, "the shell check is gone")
    wait_for(lambda: scene.worker()["checks"] == 1, "the Lua check is counted")
    scene.tree.put("routes/web/healthcheck", "echo shell; exit 3\n")
    wait_for(lambda: "exit code 3; the old one decides" in (daemon.route("web")["error"] or ""), "the shell check runs")
    wait_for(lambda: scene.worker()["checks"] == 1, "the Lua check decides")
    scene.tree.put("routes/web/healthcheck", "[ $ATTEMPT -lt 100 ]\n")
    wait_for(lambda: scene.worker()["checks"] == 0, "the Lua check is gone")
    assert daemon.settled_state("web") == "announced" and scene.withdrawn() == []


def spread(scene, count, workers):
    for number in range(count):
        scene.put_route(f"r{number}", number, "#!lua\nreturn true, {t = time.monotonic()}\n")
    daemon = scene.start(workers)
    for number in range(count):
        daemon.wait_state(f"r{number}", "announced")
    return wait_for(lambda: sum(w["checks"] for w in scene.workers()) == count and scene.workers(), "all are counted")


def test_each_check_has_a_home_that_stays(scene):
    before = spread(scene, 24, 3)
    assert len(before) == 3 and len({w["pid"] for w in before}) == 3
    assert all(w["state"] == "running" and w["checks"] > 0 and w["restarts"] == 0 for w in before)
    scene.daemon.kill_core()
    after = wait_for(lambda: (w := scene.workers()) and sum(x["checks"] for x in w) == 24 and w, "the next core has set them")
    assert [w["checks"] for w in after] == [w["checks"] for w in before]
    assert not {w["pid"] for w in after} & {w["pid"] for w in before} and scene.withdrawn() == []


def test_a_worker_is_started_when_it_is_needed(scene):
    workers = spread(scene, 1, 4)
    assert sorted(w["state"] for w in workers) == ["off", "off", "off", "running"]


def test_the_end_of_one_worker_leaves_the_others_alone(scene):
    before = spread(scene, 24, 3)
    daemon = scene.daemon
    for turn in range(3):
        os.kill(before[turn]["pid"], signal.SIGKILL)
        wait_for(lambda: scene.workers()[turn]["pid"] not in (0, before[turn]["pid"]), "another one")
        now = time.monotonic()
        wait_for(lambda: all(daemon.route(f"r{n}")["data"]["t"] > now for n in range(24)), "all run again")
        assert [w["restarts"] for w in scene.workers()] == [1] * (turn + 1) + [0] * (2 - turn)
    assert scene.withdrawn() == [] and all(daemon.route(f"r{n}")["health"] == "up" for n in range(24))


def test_a_worker_that_stands_holds_up_its_own_checks_only(scene):
    before = spread(scene, 24, 2)
    daemon = scene.daemon
    os.kill(before[0]["pid"], signal.SIGSTOP)
    wait_for(lambda: process(before[0]["pid"])[0] == "T", "it stands")
    now = time.monotonic()
    wait_for(lambda: sum(daemon.route(f"r{n}")["data"]["t"] > now for n in range(24)) == before[1]["checks"], "the other's run")
    os.kill(before[0]["pid"], signal.SIGCONT)
    wait_for(lambda: all(daemon.route(f"r{n}")["data"]["t"] > now for n in range(24)), "all run")


def steal_channel(pid):
    """The worker's own end of its channel."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    fd = libc.syscall(438, pidfd, 3, 0)  # pidfd_getfd
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return fd


def frame(kind, payload):
    return struct.pack(">IHBB", len(payload), kind, 1, 0) + payload


def lua_result(job, status):
    return frame(14, struct.pack(">IIBQQI", job[2] - 1, job[1], status, 1, 1, 0) + struct.pack(">I", 4) + b"fake"
                 + struct.pack(">I", 0) * 5)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another's descriptor")
def test_a_broken_worker_speaks_for_its_own_checks_only(scene):
    for number in range(8):
        scene.put_route(f"r{number}", number, "#!lua\nlocal t = time.monotonic()\nwhile time.monotonic() - t < 0.02 do end\nreturn true, {t = t}\n",
                        json.dumps({"interval": "1s", "fall": 1}))
    daemon = scene.start(2)
    for number in range(8):
        daemon.wait_state(f"r{number}", "announced")
    workers = scene.workers()
    fds = [steal_channel(w["pid"]) for w in workers]

    def job_of(index):
        with page_of(daemon.core(), index) as page:
            return wait_for(lambda: (job := struct.unpack_from("=QII", page))[2] and job, "it runs a check")
    pages = [job_of(0), job_of(1)]
    # Which page is whose: what a worker says of its own check counts.
    for speaker in range(2):
        os.write(fds[speaker], lua_result(pages[0], 1) * 3)
        os.write(fds[speaker], lua_result(pages[1], 1) * 3)
        wait_for(lambda: len(scene.withdrawn()) == speaker + 1, "its own is withdrawn")
        wait_for(lambda: len(daemon.exabgp.prefixes()) == 8, "and comes back")
        assert len(scene.withdrawn()) == speaker + 1
    # What is not a Lua worker's to say ends it.
    os.write(fds[0], frame(7, struct.pack(">IIBBQI", 0, 1, 1, 0, 1, 0) + struct.pack(">I", 0)))
    wait_for(lambda: scene.workers()[0]["pid"] not in (0, workers[0]["pid"]), "another one")
    assert "Lua worker 1 sends RESULT, which is not its to say: killed" in daemon.log()
    for fd in fds:
        os.close(fd)


def test_workers_are_started_anew_when_hosts_is_replaced(scene, monkeypatch):
    """As editors do: the confined worker may not read the new file. No check fails for that."""
    etc = scene.folder / "etc"
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    subprocess.run(["cp", "-a", "--no-preserve=ownership", "/etc", etc], stderr=subprocess.DEVNULL)
    if subprocess.run([*alone, "mount", "--bind", etc, "/etc"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespaces here")
    wrapper = scene.folder / "wrapper"
    wrapper.write_text(f"""#!/bin/sh
exec {' '.join(alone)} sh -c 'mount --bind {etc} /etc && exec "$@"' sh {os.environ["BGPCOMMANDER"]} "$@"
""")
    wrapper.chmod(0o755)
    monkeypatch.setenv("BGPCOMMANDER", str(wrapper))

    def replace(name, text):
        (etc / "fresh").write_text(text)
        os.replace(etc / "fresh", etc / name)

    replace("hosts", "192.0.2.7 pet.example\n")
    scene.put_route("web", 1, "#!lua\nreturn true, {at = assert(dns.resolve('pet.example', {family = 4}))[1]}\n")
    daemon = scene.start(workers=2)
    assert daemon.wait_state("web", "announced")["data"] == {"at": "192.0.2.7"}
    before = [worker["pid"] for worker in scene.workers()]
    replace("hosts", "192.0.2.8 pet.example\n")
    wait_for(lambda: daemon.route("web")["data"] == {"at": "192.0.2.8"}, "the new file is read")
    workers = scene.workers()
    assert all(worker["restarts"] == 0 for worker in workers)
    assert all(worker["pid"] != old for worker, old in zip(workers, before) if old)
    route = daemon.route("web")
    assert route["state"] == "announced" and scene.withdrawn() == []
    assert " ended (" not in daemon.log() and "trusted certificates were replaced; another is started" in daemon.log()
