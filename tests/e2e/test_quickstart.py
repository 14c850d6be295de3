"""examples/quickstart/run does what it says, and leaves nothing behind. In a namespace of its own: its ports are free there."""
import os
import pathlib
import re
import signal
import subprocess

import lab as lab_module
import netns
import pytest

SCRIPT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).parents[2]) / "examples/quickstart/run"


@pytest.fixture
def lab(make_lab):
    lab = make_lab(peers=0, members=0)
    lab.work = lab.dir / "work"
    lab.work.mkdir()
    lab.work.chmod(0o755)
    yield lab
    lab.close()


def start(lab, *words):
    environment = {**lab.daemon_environment(), "BGPCOMMANDER": str(lab_module.binary()), "TMPDIR": str(lab.work),
                   "EXABGP_USER": lab.user}
    return lab.spawn(["sh", SCRIPT, *words], lab.exa, "quickstart.out", env=environment)


def said(lab):
    return lab.log("quickstart.out")


def nothing_left(lab):
    lab.wait_for(lambda: not netns.pids(lab.exa), 20, "all that it started is gone")
    assert list(lab.work.iterdir()) == []


def test_it_shows_the_main_job_and_cleans_up(lab):
    code = start(lab).wait(180)
    text = said(lab)
    assert code == 0, text
    assert "BGP.med: 100" in text
    for step in ("has the route ", "has lost the route ", "has the route again "):
        assert re.search(step + r"\.* ok", text), text
    assert "/bgp/node/quickstart/neighbors/127.0.0.2/state\n     up" in text
    nothing_left(lab)


def test_an_interrupt_stops_all_of_it(lab):
    process = start(lab)
    lab.wait_for(lambda: "6/8" in said(lab), 120, "all servers run")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    nothing_left(lab)


def test_keep_leaves_it_running_until_its_stop(lab):
    code = start(lab, "--keep").wait(180)
    text = said(lab)
    assert code == 0, text
    assert len(netns.pids(lab.exa)) >= 5
    stop = re.search(r"stop all of it: (\S+)", text).group(1)
    subprocess.run([stop], check=True, timeout=30)
    nothing_left(lab)


def test_a_program_that_cannot_run_fails_with_the_logs(lab):
    process = lab.spawn(["sh", SCRIPT], lab.exa, "quickstart.out",
                        env={"BGPCOMMANDER": "/bin/true", "TMPDIR": str(lab.work), "EXABGP_USER": lab.user})
    assert process.wait(120) != 0
    assert "FAILED: " in said(lab)
    nothing_left(lab)
