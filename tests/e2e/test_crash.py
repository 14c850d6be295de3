"""A crash of any of our processes moves no route; what was ours before is found again, what was not is left alone."""
import os
import pathlib
import random
import signal

import pytest

ROUTES = 200
STATIC = "route 192.0.2.77/32 next-hop self;"
FOREIGN = {"192.0.2.77/32", "192.0.2.88/32"}


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(static=STATIC, other=True)
    keys = {f"routes/r{n}/config": f"route 10.1.{n // 100}.{n % 100}/32 next-hop self med {n}" for n in range(ROUTES)}
    lab.put_all({**keys, "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.say_as_other("announce route 192.0.2.88/32 next-hop self")
    lab.wait_for(lambda: lab.bird.count() == ROUTES + 2, 30, "all routes")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 30, "all confirmed")
    return lab


def core_ready(lab, but=None):
    """The core's pid, once another one than `but` is synced."""
    def ready():
        status = lab.status()
        return status["pid"] != but and status["exabgp"]["state"] == "synced" and status["pid"]
    return lab.wait_for(ready, 60, "a core that is synced with ExaBGP")


def assert_quiet(lab, before):
    core_ready(lab)
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 30, "settled")
    assert lab.bird.counters() == before
    assert FOREIGN <= lab.bird.prefixes()


def test_a_route_deleted_while_core_was_away_is_withdrawn(lab):
    core = core_ready(lab)
    before = lab.bird.counters()
    os.kill(core, signal.SIGSTOP)
    lab.delete("routes/r7/config")
    os.kill(core, signal.SIGKILL)
    core_ready(lab, core)
    lab.wait_for(lambda: not lab.bird.has("10.1.0.7/32"), 20, "withdrawn")
    assert lab.bird.counters() == {"updates": before["updates"], "withdraws": before["withdraws"] + 1}
    assert FOREIGN <= lab.bird.prefixes()
    foreign = lab.api("routes")["foreign"]
    assert {"192.0.2.77/32", "192.0.2.88/32"} == {entry["text"].split()[1] for entry in foreign}


def test_a_route_that_never_was_good_is_not_announced_by_the_next_core(lab):
    lab.put_all({"routes/faulty/config": "route 10.9.0.1/32 next-hop self", "routes/faulty/healthcheck": "#!/usr/bin/lua\nreturn true\n"})
    lab.wait_for(lambda: lab.route("faulty")["error"], 10, "its fault is told")
    before = lab.bird.counters()
    core = core_ready(lab)
    os.kill(core, signal.SIGKILL)
    core_ready(lab, core)
    assert_quiet(lab, before)
    assert lab.route("faulty")["error"] and not lab.bird.has("10.9.0.1/32")
    lab.delete_all(["routes/faulty/config", "routes/faulty/healthcheck"])
    lab.wait_for(lambda: "faulty" not in lab.routes(), 10, "gone")


def bytes_read(pid):
    """By all read calls of its life: how far it has come in its start."""
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])


def core_below(lab, holder):
    """Quicker than lab.pid_of(), which looks at all processes."""
    children = pathlib.Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
    return next((int(pid) for pid in children if "@core" in lab._arguments(pid)), None)


def test_killing_core_again_and_again_moves_nothing(lab):
    before, exabgp, holder = lab.bird.counters(), lab.exabgp.pid, lab.pid_of("holder")
    core = core_ready(lab)
    os.kill(core, signal.SIGKILL)
    core = core_ready(lab, core)
    whole = bytes_read(core)
    # Each at another moment of its start.
    for part in (1, 0.75, 0.25):
        lab.wait_for(lambda: bytes_read(core) >= part * whole, 30, f"it has read {part} of {whole} bytes", interval=0.001)
        os.kill(core, signal.SIGKILL)
        core = lab.wait_for(lambda: (pid := core_below(lab, holder)) != core and pid, 40, "another core", interval=0.001)
    assert lab.is_exabgp_alive() and lab.exabgp.pid == exabgp
    assert_quiet(lab, before)
    assert lab.status()["mode"] == "safe"
    assert len(lab.daemons()["holder"]) == 1


def test_killing_the_holder_moves_nothing_and_exabgp_starts_it_again(lab):
    before, holder = lab.bird.counters(), lab.pid_of("holder")
    core = lab.pid_of("core")
    os.kill(holder, signal.SIGKILL)
    lab.wait_for(lambda: lab.daemons()["holder"] and holder not in lab.daemons()["holder"], 20, "a new holder")
    core_ready(lab, core)
    assert lab.is_exabgp_alive()
    assert_quiet(lab, before)
    lab.wait_for(lambda: [len(lab.daemons()[role]) for role in ("holder", "core", "exec")] == [1, 1, 1], 10,
                 "one process of each role")
    assert lab.status()["mode"] == "normal"


def test_killing_the_exec_worker_moves_nothing(lab):
    before, worker = lab.bird.counters(), lab.pid_of("exec")
    os.kill(worker, signal.SIGKILL)
    lab.wait_for(lambda: lab.pid_of("exec") not in (None, worker), 20, "a new worker")
    lab.wait_for(lambda: lab.status()["workers"]["exec"]["state"] == "running", 20, "it runs")
    assert lab.bird.counters() == before


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_journal_cut_anywhere_moves_nothing(lab, seed):
    core = core_ready(lab)
    before = lab.bird.counters()
    journal = next(path for path in lab.state.rglob("*") if path.name == "journal")
    os.kill(core, signal.SIGSTOP)
    content = journal.read_bytes()
    # Within a record: a cut between two records cannot be told from a journal that never had more.
    cut = random.Random(seed).choice([at for at in range(1, len(content)) if content[at - 1:at] != b"\n"])
    os.truncate(journal, cut)
    holder = lab.pid_of("holder")
    os.kill(holder, signal.SIGKILL)
    os.kill(core, signal.SIGKILL)
    core_ready(lab, core)
    assert_quiet(lab, before)
    # What is wanted and stands is ours again, so that it follows its check: a damaged journal counts as lost.
    lab.wait_for(lambda: lab.status()["summary"]["announced"] == len(lab.get_prefix("routes/")), 5, "all adopted")
    lab.delete(f"routes/r{50 + seed}/config")
    lab.wait_for(lambda: not lab.bird.has(f"10.1.0.{50 + seed}/32"), 10, "a deleted one leaves")
    assert FOREIGN <= lab.bird.prefixes()


def test_nothing_is_left_running_after_exabgp(lab):
    holder = lab.pid_of("holder")
    lab.stop_exabgp()
    lab.wait_for(lambda: not any(lab.daemons().values()), 5, f"the daemon (holder {holder}) is gone")
    lab.wait_for(lambda: not lab.others_running(), 5, "nothing else is left")
