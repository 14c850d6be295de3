"""examples/quickstart/run does what it says, in namespaces of its own and on loopback addresses, and leaves nothing behind.
It is started in a namespace of the lab: the ports of its loopback addresses are free there."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import lab as lab_module
import netns
import pytest

SCRIPT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).parents[2]) / "examples/quickstart/run"
MODES = {"namespaces": [], "loopback": ["--loopback"]}
both_modes = pytest.mark.parametrize("mode", MODES)


@pytest.fixture
def lab(make_lab):
    lab = make_lab(peers=0, members=0)
    lab.work = lab.dir / "work"
    lab.work.mkdir()
    lab.work.chmod(0o755)
    lab.runs = []
    yield lab
    for process in lab.runs:
        for name in spaces(process):
            netns.remove(name)
    lab.close()


def start(lab, *words, out="quickstart.out", before=(), **environment):
    """The run, in a process group of its own; `before` starts it."""
    environment = {**lab.daemon_environment(), "BGPCOMMANDER": str(lab_module.binary()), "TMPDIR": str(lab.work),
                   "EXABGP_USER": lab.user, **environment}
    lab.runs.append(lab.spawn([*before, "sh", SCRIPT, *words], lab.exa, out, env=environment))
    return lab.runs[-1]


def said(lab, out="quickstart.out"):
    return lab.log(out)


def spaces(process):
    return [name for name in netns.names() if name.startswith(f"quickstart-{process.pid}-")]


def servers(lab):
    """{pid: command line} of all that runs with a path of the run's directory, wherever."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().decode(errors="replace") if entry.name.isdigit() else ""
            if str(lab.work) in line:
                found[int(entry.name)] = line.replace("\0", " ")
    return found


def pid_of(lab, word):
    return next(pid for pid, line in servers(lab).items() if word in line)


def nothing_left(lab):
    """At once: who comes back when something still ends tells a lie."""
    assert servers(lab) == {}
    assert netns.pids(lab.exa) == []
    assert [name for process in lab.runs for name in spaces(process)] == []
    assert list(lab.work.iterdir()) == []


def kept(lab, *words, servers_least=5):
    """A run that goes on; its text."""
    code = start(lab, "--keep", *words).wait(180)
    assert code == 0, said(lab)
    assert len(servers(lab)) >= servers_least
    return said(lab)


def stop_script(text):
    return re.search(r"stop all of it: (\S+)", text).group(1)


@both_modes
def test_it_shows_the_main_job_and_cleans_up(lab, mode):
    code = start(lab, *MODES[mode]).wait(180)
    text = said(lab)
    assert code == 0, text
    assert "BGP.med: 100" in text
    for step in ("has the route ", "has lost the route ", "has the route again "):
        assert re.search(step + r"\.* ok", text), text
    router = "10.99.0.2" if mode == "namespaces" else "127.0.0.2"
    assert f"/bgp/node/quickstart/neighbors/{router}/state\n     up" in text
    nothing_left(lab)


@both_modes
def test_a_directory_can_be_the_store(lab, mode):
    code = start(lab, "--store", "dir", *MODES[mode]).wait(180)
    text = said(lab)
    assert code == 0, text
    for step in ("has the route ", "has lost the route ", "has the route again "):
        assert re.search(step + r"\.* ok", text), text
    router = "10.99.0.2" if mode == "namespaces" else "127.0.0.2"
    assert re.search(rf"/store/node/quickstart/neighbors/{router}/state:up\n", text), text
    assert "etcdctl" not in text and "etcd.log" not in text
    nothing_left(lab)


def test_what_is_no_store_is_refused(lab):
    assert start(lab, "--store", "v4").wait(30) == 2
    assert "--store dir" in said(lab)
    nothing_left(lab)


def test_in_namespaces_the_route_leads_somewhere(lab):
    process = start(lab)
    lab.wait_for(lambda: "7/8" in said(lab), 120, "the router has the route")
    assert len(spaces(process)) == 2
    assert pid_of(lab, "--data-dir") not in netns.pids(lab.exa)
    text = said(lab)
    assert f"two network namespaces, as they can be made here: quickstart-{process.pid}-node and" in text
    assert re.search(r"172\.16\.1\.5/32 +unicast .*\n\s+via 10\.99\.0\.1 on ", text), text
    assert "unreachable" not in text
    assert process.wait(60) == 0
    nothing_left(lab)


def test_loopback_can_be_asked_for(lab):
    process = start(lab, "--loopback")
    lab.wait_for(lambda: "4/8" in said(lab), 120, "etcd runs")
    assert "no network namespaces here: --loopback was given; loopback addresses it is\n" in said(lab)
    assert spaces(process) == []
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(30) == 143
    nothing_left(lab)


def test_without_the_right_to_make_namespaces_it_says_so_and_works(lab):
    process = start(lab, before=["setpriv", "--bounding-set=-sys_admin"])
    code = process.wait(180)
    assert code == 0, said(lab)
    assert re.search(r"no network namespaces here: .*Operation not permitted; loopback addresses it is\n", said(lab))
    nothing_left(lab)


def test_namespaces_without_a_cable_are_removed_before_it_goes_on(lab):
    programs = lab.dir / "programs"
    programs.mkdir()
    (programs / "ip").write_text("#!/bin/sh\ncase \" $* \" in *' link add '*) echo 'Operation not supported' >&2; exit 2 ;;"
                                 f" esac\nexec {shutil.which('ip')} \"$@\"\n")
    (programs / "ip").chmod(0o755)
    process = start(lab, PATH=f"{programs}:{os.environ['PATH']}")
    lab.wait_for(lambda: "4/8" in said(lab), 120, "etcd runs")
    assert "no network namespaces here: Operation not supported; loopback addresses it is\n" in said(lab)
    assert spaces(process) == []
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(30) == 143
    nothing_left(lab)


@both_modes
def test_impatient_interrupts_stop_all_of_it(lab, mode):
    process = start(lab, *MODES[mode])
    lab.wait_for(lambda: "6/8" in said(lab), 120, "all servers run")

    def ends_when_pressed():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        return process.returncode is not None
    lab.wait_for(ends_when_pressed, 30, "it ends")
    assert process.returncode == 130
    nothing_left(lab)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_while_the_namespaces_are_made_leaves_none(lab, number):
    process = start(lab)
    lab.wait_for(lambda: spaces(process), 120, "the first namespace is there", interval=0)
    os.killpg(process.pid, number)
    assert process.wait(30) == 128 + number
    assert "6/8" not in said(lab)
    nothing_left(lab)


def test_its_end_alone_ends_its_servers(lab):
    process = start(lab)
    lab.wait_for(lambda: "6/8" in said(lab), 120, "all servers run")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30) == 143
    nothing_left(lab)


@both_modes
def test_keep_leaves_it_running_and_what_it_prints_works(lab, mode):
    text = kept(lab, *MODES[mode])
    commands = re.search(r"To play with.*:\n(.*?)\n   logs: (\S+) (\S+)", text, re.S)
    answer = lab.inside(lab.exa, "sh", "-euc", commands.group(1))
    assert answer.count("OK\n") == 2
    assert re.search(r"CUSTOM_ROUTE +172\.16\.1\.5/32", answer)
    assert os.path.exists(commands.group(2)) and os.path.exists(commands.group(3))
    router = re.search(r"birdc -s \S+ show route", commands.group(1)).group(0).split()
    lab.wait_for(lambda: "172.16.1.5/32" not in lab.inside(lab.exa, *router), 20, "adminState down has its effect")
    subprocess.run([stop_script(text)], check=True, timeout=30)
    nothing_left(lab)


def test_keep_and_its_commands_work_with_a_directory(lab):
    text = kept(lab, "--store", "dir", servers_least=4)
    commands = re.search(r"To play with.*:\n(.*?)\n   logs: ", text, re.S).group(1)
    assert re.search(r"CUSTOM_ROUTE +172\.16\.1\.5/32", lab.inside(lab.exa, "sh", "-euc", commands))
    router = re.search(r"birdc -s \S+ show route", commands).group(0).split()
    lab.wait_for(lambda: "172.16.1.5/32" not in lab.inside(lab.exa, *router), 20, "adminState down has its effect")
    subprocess.run([stop_script(text)], check=True, timeout=30)
    nothing_left(lab)


def test_stop_ends_what_hangs_and_spares_who_got_a_number(lab):
    stop = pathlib.Path(stop_script(kept(lab)))
    os.kill(pid_of(lab, "exabgp.conf"), signal.SIGSTOP)
    # As a bgpcommander that has not heard of the end.
    lab.spawn([sys.executable, "-c", "import signal; signal.pause()", stop.parent / "scripts"], lab.exa, "deaf.out")
    bird = pid_of(lab, "bird.conf")
    os.kill(bird, signal.SIGKILL)
    stranger = lab.spawn(["tail", "-f", "/dev/null"], lab.exa, "stranger.out")
    script = stop.read_text()
    assert f'ours "{bird}")' in script
    stop.write_text(script.replace(f'ours "{bird}")', f'ours "{stranger.pid}")'))
    subprocess.run([stop], check=True, timeout=60)
    assert stranger.poll() is None
    lab.end(stranger)
    nothing_left(lab)


def test_two_at_a_time_do_not_meet(lab):
    outs = ["quickstart.out", "second.out"]
    runs = [start(lab, "--keep", out=out) for out in outs]
    for process, out in zip(runs, outs):
        assert process.wait(180) == 0, said(lab, out)
        assert "no network namespaces" not in said(lab, out)
    first, second = (stop_script(said(lab, out)) for out in outs)
    subprocess.run([first], check=True, timeout=30)
    assert [len(spaces(process)) for process in runs] == [0, 2]
    control = pathlib.Path(second).parent / "bird.ctl"
    assert "via 10.99.0.1 on " in lab.inside(lab.exa, "birdc", "-s", control, "show", "route")
    subprocess.run([second], check=True, timeout=30)
    nothing_left(lab)


def test_a_program_that_cannot_run_fails_with_the_logs(lab):
    process = start(lab, BGPCOMMANDER="/bin/true")
    assert process.wait(120) != 0
    assert "FAILED: " in said(lab)
    nothing_left(lab)
