"""Configurations and command lines of the pages, each used as it stands but for paths and addresses, and what the pages show
of a start. tests/samples.py tells how they are compared."""
import configparser
import os
import pathlib
import re
import shutil
import subprocess

import exabgp_choice
import pytest
import samples
from test_quickstart import nothing_left, said, start
from test_quickstart import lab as quickstart_lab  # noqa: F401: a fixture

STORE = samples.ROOT / "examples/store"


def installed(conf, lab):
    """The configuration with this lab's program and addresses."""
    for shown, real in (("/usr/local/bin/bgpcommander", lab.program), ("neighbor 192.0.2.1", "neighbor 10.99.0.2"),
                        ("192.0.2.2", "10.99.0.1")):
        assert shown in conf
        conf = conf.replace(shown, str(real))
    return conf


@pytest.mark.parametrize("name", ["readme-conf", "exabgp-conf"])
def test_the_configuration_starts_and_nothing_is_missing_in_it(make_lab, name):
    lab = make_lab(environment={"BGPCOMMANDER_NODE": "n1"})
    lab.environment.update({"BGPCOMMANDER_STATE_DIR": str(lab.state), "BGPCOMMANDER_SOCKET": str(lab.socket),
                            "BGPCOMMANDER_CONFIG": str(lab.node_file), "BGPCOMMANDER_SCRIPTS": str(lab.scripts)})
    conf = installed(samples.block(name), lab)
    lab.exabgp_conf = lambda: conf
    lab.put_all({"routes/a/config": "route 172.16.1.5/32 next-hop self med 100", "node/n1/subscribedRoutes": "a"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 100, 15, "announced")
    lab.wait_for(lambda: lab.route("a")["state"] == "announced", 15, "confirmed by the wire")
    assert lab.status()["warnings"] == [] and lab.status()["exabgp"]["wire"]
    assert lab.api("neighbors")["neighbors"][0]["reportsUpdates"]
    lab.close()


@pytest.mark.skipif(exabgp_choice.chosen().is_5, reason="the page shows the log of 4.2")
def test_the_start_in_the_log_of_exabgp(make_lab):
    lab = make_lab(environment={"exabgp_log_level": "DEBUG"})
    lab.put_all({"routes/a/config": "route 172.16.1.5/32 next-hop self med 100", "routes/a/healthcheck": "exit 0",
                 "routes/b/config": "route 172.16.1.6/32 next-hop self med 100",
                 "routes/c/config": "route 172.16.1.7/32 next-hop self med 100",
                 "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.count() == 3, 15, "announced")
    told = [line.split(" | ", 3)[3].rstrip() for line in lab.log("exabgp.log").splitlines()
            if "command from process bgpcommander" in line]
    lines = []
    for line in told:
        if lines and lines[-1][0] == line:
            lines[-1][1] += 1
        else:
            lines.append([line, 1])
    real = "\n".join(line if count == 1 else f"{line}      ({count} times)" for line, count in lines)
    assert all(2 <= int(digit) <= 9 for digit in re.findall(r"\((\d+) times\)", real))
    samples.compare("start-log", real)
    lab.close()


def test_the_quickstart_shows_what_the_pages_show(quickstart_lab):  # noqa: F811
    lab = quickstart_lab
    process = start(lab)
    assert process.wait(180) == 0, said(lab)
    text = said(lab).replace(str(lab.work), "/tmp")
    samples.compare_shortened("quickstart-shows", text)
    keys = re.search(r"^   (\$ etcdctl get --prefix .*\n(?:     .*\n)*)", text, re.M).group(1)
    samples.compare("neighbor-keys", re.sub(r"^     ", "", keys, flags=re.M))
    names = re.findall(r"quickstart-PID-\w+", samples.block("quickstart-network"))
    assert len(names) == 2
    for name in names:
        assert name.replace("PID", str(process.pid)) in text
    for server in ("10.99.0.1", "10.99.0.2"):
        assert f"({server})" in samples.block("quickstart-network") and server in text
    nothing_left(lab)


def with_store(make_lab, arguments):
    """A lab whose daemon reads a directory; `arguments` is told where the lab lies."""
    lab = make_lab(members=0)
    lab.options["arguments"] = f"-n edge1 {arguments(lab)}"
    return lab


needs_root = pytest.mark.skipif(os.geteuid() != 0 or "BC_E2E_USERNS" in os.environ, reason="needs root: files of two users")


@needs_root
def test_a_directory_of_which_only_its_own_files_are_the_daemons(make_lab):
    lab = with_store(make_lab, lambda lab: f"-c file://{lab.dir}/bgp")
    shutil.copytree(STORE, lab.dir / "bgp")
    line = samples.block("sticky-directory")
    assert line.count("/etc/bgp") == 1
    lab.inside(lab.exa, "sh", "-euc", line.replace("/etc/bgp", f"{lab.dir}/bgp"))
    own = lab.dir / "bgp/node/edge1"
    assert own.stat().st_mode & 0o7777 == 0o1775
    lab.start_exabgp()
    lab.wait_for(lambda: (own / "status").exists(), 15, "its own file is there")
    assert (own / "status").owner() == "exabgp" and (own / "subscribedRoutes").owner() == "root"
    taken = subprocess.run(["setpriv", "--reuid=exabgp", "--regid=exabgp", "--clear-groups", "--", "mv", own / "status",
                            own / "subscribedRoutes"], stderr=subprocess.DEVNULL)
    assert taken.returncode != 0
    assert (own / "subscribedRoutes").read_text() == (STORE / "node/edge1/subscribedRoutes").read_text()
    lab.close()


def test_a_tree_from_git_is_turned_as_a_whole(make_lab):
    lab = with_store(make_lab, lambda lab: f"-c file://{lab.dir}/srv/bgp")
    origin, srv = lab.dir / "origin", lab.dir / "srv"
    srv.mkdir()
    shutil.copytree(STORE, origin)

    def commit(number):
        git = ["git", "-C", str(origin), "-c", "user.name=a", "-c", "user.email=a@example.org"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", str(number)]):
            subprocess.run([*git, *words], check=True)
        assert "file:///srv/bgp" in samples.block("turn-a-link")
        script = samples.block("turn-a-link").replace("/srv/bgp", f"{srv}/bgp")
        lab.inside(lab.exa, "sh", "-euc", script, env={"repository": f"file://{origin}", "commit": str(number)})
    commit(1)
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.10/32"), 15, "announced")
    path = origin / "routes/plain/config"
    path.write_text(path.read_text().strip() + " med 77\n")
    commit(2)
    lab.wait_for(lambda: lab.bird.med("192.0.2.10/32") == 77, 15, "the other tree is in force")
    assert (srv / "bgp").resolve() == srv / "bgp.2"
    lab.close()


@needs_root
def test_the_unit_gives_the_right_to_set_addresses(make_lab):
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(samples.block("unit"))
    service = dict(unit["Service"])
    lab = make_lab()
    spawn = lab.spawn

    def names(setting):
        return ",".join("+" + name.removeprefix("CAP_").lower() for name in service.pop(setting).split())
    ambient, bounding, user = names("AmbientCapabilities"), names("CapabilityBoundingSet"), service.pop("User")
    assert service == {}

    def as_unit(argv, namespace, log, env=None, **more):
        if log == "exabgp.log":
            argv = ["setpriv", f"--bounding-set=-all,{bounding},+setpcap,+setuid,+setgid", f"--reuid={user}", f"--regid={user}",
                    "--clear-groups", f"--inh-caps={ambient}", f"--ambient-caps={ambient}", "--", "setpriv", "--", *argv]
        return spawn(argv, namespace, log, env=env, **more)
    lab.spawn = as_unit
    lab.put_all({"routes/web/config": "route 172.16.1.5/32 next-hop self", "routes/web/options": '{"address": "manage"}',
                 "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("172.16.1.5/32"), 15, "announced")
    assert lab.status()["workers"]["exec"]["addresses"] == "managed"
    command, _ = samples.block("lo-label").split("\n", 1)
    real = lab.inside(lab.exa, *command.removeprefix("$ ").split())
    samples.compare_shortened("lo-label", f"{command}\n{real}")
    lab.close()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_unit_is_one(tmp_path):
    path = pathlib.Path(tmp_path) / "sample.service"
    path.write_text(samples.block("unit") + "ExecStart=/bin/true\n")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60)
    assert "sample.service" not in done.stdout, done.stdout
