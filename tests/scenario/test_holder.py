"""The holder over a scripted core: it keeps the pipe, whatever core does, and ends when ExaBGP says so."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from wait import wait_for

PROBE = os.path.join(os.environ.get("BC_BUILD", "build"), "tests", "holder_probe")

# Each start takes the next word of the plan; the last word stays. What it sees goes to starts.
CORE = f"""#!{sys.executable} -SE
import json, os, signal, sys, time
home = os.environ["BGPCOMMANDER_TEST"]
with open(home + "/plan") as file:
    plan = file.read().split()
number = int(sys.argv[2].partition("=")[2])
word = plan[min(number, len(plan)) - 1]
def told(*_):
    with open(home + "/hups", "a") as file:
        file.write("hup\\n")
signal.signal(signal.SIGHUP, told)
if word == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
stray = 0
if word == "stray":
    stray = os.fork()
    if stray == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
record = dict(argv=sys.argv, env=dict(os.environ), pid=os.getpid(), stray=stray, at=time.monotonic(), word=word,
              umask=os.umask(0), mask=len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
              fds=sorted(int(n) for n in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + n)))
with open(home + "/starts", "a") as file:
    file.write(json.dumps(record) + "\\n")
if word == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
if word.startswith("exit"):
    os._exit(int(word[4:]))
if word == "stray":
    os._exit(1)
if word == "upgrade":
    open(home + "/go").read()
    os._exit(10)
if word == "deaf":
    while True:
        signal.pause()
if word == "line":
    with open(home + "/line", "w") as file:
        file.write(sys.stdin.readline())
while os.read(0, 65536):
    pass
os._exit(0)
"""


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Holder:
    def __init__(self, home, plan, program=None, before=(), arguments=("-c", "http://a:1"), **more):
        self.home = str(home)
        os.chmod(self.home, 0o777)
        probe = shutil.copy(PROBE, self.home + "/holder_probe")
        core = self.home + "/core"
        with open(core, "w") as file:
            file.write(CORE)
        os.chmod(core, 0o755)
        with open(self.home + "/plan", "w") as file:
            file.write(plan)
        os.mkfifo(self.home + "/go")
        self.errors = open(self.home + "/errors", "w+")
        environment = {"BGPCOMMANDER_TEST": self.home, "BGPCOMMANDER_STATE_DIR": self.home, "PATH": os.environ["PATH"],
                       "BGPCOMMANDER_PROBE_FILE": self.home + "/probe", "PYTHONPATH": "/nowhere",
                       "exabgp_api_ack": "true", "HOME": "/root", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen([*before, probe, program or core, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, env=environment,
                                        process_group=0 if sys.version_info >= (3, 11) else None, **more)

    def starts(self):
        try:
            with open(self.home + "/starts") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def wait_starts(self, count, seconds=15):
        return wait_for(lambda: len(self.starts()) >= count and self.starts(), f"{count} starts", seconds)

    def text(self):
        with open(self.home + "/errors") as file:
            return file.read()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for start in self.starts():
            if not is_gone(start["pid"]):
                os.kill(start["pid"], signal.SIGKILL)
            try:
                if start["stray"] > 0:
                    os.killpg(start["stray"], signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def holder(tmp_path):
    made = []

    def make(plan, home=tmp_path, **more):
        made.append(Holder(home, plan, **more))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def other_home():
    """Where another user may go, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as home:
        yield home


def test_core_gets_its_role_the_command_line_and_nothing_else(holder):
    spare, _ = os.pipe()
    os.set_inheritable(spare, True)
    it = holder("wait", close_fds=False, umask=0o137)
    os.close(spare)
    start = it.wait_starts(1)[0]
    assert start["argv"][1:] == ["@core", "starts=1", "safe=0", "-c", "http://a:1"]
    assert start["fds"] == [0, 1, 2]
    assert start["umask"] == 0o022
    assert start["mask"] == 0
    assert {"BGPCOMMANDER_TEST", "PATH", "HOME", "LANG"} <= set(start["env"])
    assert not {"PYTHONPATH", "exabgp_api_ack"} & set(start["env"])
    with open(it.home + "/holder.pid") as file:
        assert int(file.read()) == it.process.pid


def test_crashes_are_followed_by_restarts_with_delays_then_safe_mode(holder):
    it = holder("crash crash crash wait")
    starts = it.wait_starts(4)
    assert [s["argv"][2:4] for s in starts] == [["starts=1", "safe=0"], ["starts=2", "safe=0"],
                                                ["starts=3", "safe=0"], ["starts=4", "safe=1"]]
    assert starts[2]["at"] - starts[1]["at"] >= 1
    assert starts[3]["at"] - starts[2]["at"] >= 2
    assert "signal 11" in it.text() and "safe mode" in it.text()
    assert it.process.poll() is None


def test_input_is_drained_while_no_core_runs(holder):
    it = holder("crash crash crash wait")
    it.wait_starts(3)
    wait_for(lambda: "next starts in 2 s" in it.text(), "core away")
    for _ in range(64):
        it.process.stdin.write(b"done\n" * 13107)
    it.process.stdin.flush()  # 4 MiB through a pipe of 64 KiB
    assert len(it.starts()) == 3
    it.wait_starts(4)


def test_a_core_that_ends_with_0_for_no_reason_is_replaced(holder):
    it = holder("exit0 wait")
    assert it.wait_starts(2)[1]["argv"][2] == "starts=2"
    assert it.process.poll() is None


def test_an_upgrade_starts_at_once_keeps_the_input_and_ends_safe_mode(holder):
    it = holder("crash crash crash upgrade line")
    starts = it.wait_starts(4)
    assert starts[3]["argv"][3] == "safe=1"
    it.process.stdin.write(b"kept for the next\n")
    it.process.stdin.flush()
    begun = time.monotonic()
    open(it.home + "/go", "w").close()
    starts = it.wait_starts(5)
    assert starts[4]["argv"][3] == "safe=0"
    assert starts[4]["at"] - begun < 1
    wait_for(lambda: os.path.exists(it.home + "/line") and os.path.getsize(it.home + "/line"), "the line")
    with open(it.home + "/line") as file:
        assert file.read() == "kept for the next\n"


def test_refused_settings_are_tried_again_without_counting(holder):
    it = holder("exit2 wait")
    starts = it.wait_starts(2)
    assert starts[1]["argv"][3] == "safe=0"
    assert starts[1]["at"] - starts[0]["at"] >= 5


def test_the_end_of_input_ends_all(holder):
    it = holder("wait")
    start = it.wait_starts(1)[0]
    it.process.stdin.close()
    assert it.process.wait(2) == 0
    assert is_gone(start["pid"])


def test_the_end_of_input_while_core_is_away_ends_the_holder(holder):
    it = holder("crash crash crash wait")
    it.wait_starts(3)
    wait_for(lambda: "next starts in 2 s" in it.text(), "core away")
    it.process.stdin.close()
    assert it.process.wait(1) == 0
    assert len(it.starts()) == 3


def test_a_core_that_does_not_see_the_end_of_input_is_killed(holder):
    it = holder("deaf")
    start = it.wait_starts(1)[0]
    it.process.stdin.close()
    assert it.process.wait(10) == 0
    assert is_gone(start["pid"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_end_all_within_two_seconds(holder, number):
    it = holder("wait")
    start = it.wait_starts(1)[0]
    it.process.send_signal(number)
    assert it.process.wait(2) == 0
    assert is_gone(start["pid"])


def test_term_ends_also_a_core_that_hangs(holder):
    it = holder("deaf")
    start = it.wait_starts(1)[0]
    begun = time.monotonic()
    it.process.send_signal(signal.SIGTERM)
    assert it.process.wait(4) == 0
    assert 1.7 < time.monotonic() - begun < 2.2
    assert is_gone(start["pid"])


def test_term_while_core_is_away_ends_the_holder_at_once(holder):
    it = holder("crash crash crash wait")
    it.wait_starts(3)
    wait_for(lambda: "next starts in 2 s" in it.text(), "core away")
    it.process.send_signal(signal.SIGTERM)
    assert it.process.wait(1) == 0


def test_hup_goes_to_core_and_other_signals_harm_nobody(holder):
    it = holder("wait")
    it.wait_starts(1)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGHUP):
        it.process.send_signal(number)
    wait_for(lambda: os.path.exists(it.home + "/hups"), "HUP in core")
    assert it.process.poll() is None


def test_what_a_dead_core_leaves_behind_is_killed(holder):
    it = holder("stray wait")
    starts = it.wait_starts(2)
    stray = starts[0]["stray"]
    wait_for(lambda: is_gone(stray), "the stray is gone", 4)
    children = f"/proc/{it.process.pid}/task/{it.process.pid}/children"
    wait_for(lambda: open(children).read().split() == [str(starts[1]["pid"])], "only core is left", 4)
    assert not is_gone(starts[1]["pid"])


def test_nothing_is_left_after_term(holder):
    it = holder("stray wait")
    starts = it.wait_starts(2)
    it.process.send_signal(signal.SIGTERM)
    assert it.process.wait(2) == 0
    assert is_gone(starts[0]["stray"]) and is_gone(starts[1]["pid"])


def test_a_binary_that_is_gone_is_replaced_by_the_running_one(holder, tmp_path):
    it = holder("wait", program=str(tmp_path / "missing"))
    wait_for(lambda: os.path.exists(it.home + "/probe"), "the probe ran as core")
    it.process.stdin.close()
    assert it.process.wait(2) == 0


def test_idle_runs_nothing_says_why_and_drains(holder):
    it = holder("wait", program="--idle")
    wait_for(lambda: "the reason" in it.text(), "the reason")
    it.process.stdin.write(b"x" * 1000000)
    it.process.stdin.close()
    assert it.process.wait(2) == 2
    assert it.starts() == []


NET_ADMIN = 1 << 12  # of Linux' capabilities


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_other_processes_of_the_user_cannot_look_in_and_one_capability_is_passed_on(holder, other_home):
    os.chown(other_home, 65534, 65534)
    it = holder("wait", home=other_home, before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                "--inh-caps=+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw"])
    start = it.wait_starts(1)[0]
    assert os.stat(f"/proc/{it.process.pid}/environ").st_uid == 0
    for pid in (it.process.pid, start["pid"]):
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == int(status["CapPrm"], 16) == NET_ADMIN
        # The holder only passes it on; who gets it decides for itself.
        assert int(status["CapEff"], 16) == (0 if pid == it.process.pid else NET_ADMIN)
