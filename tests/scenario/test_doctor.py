"""bgpcommander doctor: each broken set-up is found, with why it matters and what to do; and what is fine is left alone."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
import samples
from dir_lab import Tree
from edit_lab import V3, etcd_lab  # noqa: F401 (a fixture)
from fake_exabgp import Daemon, Neighbor
from test_etcd_store import enable_auth
from wait import wait_for

PROGRAM = os.environ["BGPCOMMANDER"]
BLOCK = [line.strip() for line in samples.block("doctor-block").splitlines()]


class Scene:
    def __init__(self, folder):
        self.folder, self.daemon = folder, None
        self.tree = Tree(folder / "store")
        self.tree.put("node/n1/subscribedRoutes", "*")
        (folder / "none.conf").touch()

    def start(self, **fake):
        self.daemon = Daemon(self.folder, f"file://{self.tree.dir}", "/bgp", **fake)
        self.daemon.wait_synced()
        return self.daemon

    def run(self, *more, endpoint=None, before=()):
        return subprocess.run([*before, PROGRAM, "doctor", f"-c={endpoint or f'file://{self.tree.dir}'}", "-n=n1",
                               f"--socket={self.folder}/sock", f"--config={self.folder}/none.conf", *more],
                              capture_output=True, text=True, check=False, timeout=120)

    def findings(self, **how):
        done = self.run("--json", **how)
        assert done.stderr == ""
        answer = json.loads(done.stdout)
        assert answer["well"] == (done.returncode == 0)
        assert all(one["why"] and one["mend"] for one in answer["findings"]
                   if one["level"] in ("bad", "warning") and one["code"] not in ("warning", "key-faults-more"))
        return {one["code"]: one for one in answer["findings"]}


@pytest.fixture(name="scene")
def fixture_scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    if scene.daemon:
        scene.daemon.close()


def test_a_node_that_is_well_gives_nothing_to_do(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop 10.99.0.1")
    scene.start()
    scene.daemon.wait_state("web", "announced")
    found = scene.findings()
    assert {one["level"] for one in found.values()} <= {"good", "note"}, found
    assert {"daemon", "exabgp", "store", "lua"} <= set(found)
    assert scene.run().returncode == 0


def test_no_daemon_and_the_block_that_starts_one(scene):
    found = scene.findings()
    assert found["no-daemon"]["level"] == "bad"
    lines = [line.strip() for line in found["no-daemon"]["mend"].splitlines()]
    assert [line for line in lines if line in BLOCK] == BLOCK
    text = scene.run()
    assert text.returncode == 1
    assert "bad      daemon: no daemon of node n1 answers on its socket\n" in text.stdout
    assert "\n                 encoder json;\n" in text.stdout


def test_a_daemon_that_hangs_is_no_reason_to_start_another(scene):
    scene.start()
    core = scene.daemon.status()["pid"]
    os.kill(core, signal.SIGSTOP)
    try:
        found = scene.findings()
    finally:
        os.kill(core, signal.SIGCONT)
    assert "no-daemon" not in found and found["daemon-silent"]["level"] == "bad"
    assert found["daemon-silent"]["finding"] == f"the daemon of node n1, process {core}, takes the question and does not answer"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_socket_of_another_user_is_no_reason_to_start_another(scene, tmp_path_factory):
    scene.start()
    program = tmp_path_factory.mktemp("bin") / "bgpcommander"
    shutil.copy(PROGRAM, program)
    for folder in (program.parent, *program.parents[:3], *scene.folder.parents[:3], scene.folder):
        folder.chmod(folder.stat().st_mode | 0o111)
    program.chmod(0o755)
    done = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", program, "doctor", "--json",
                           f"-c=file://{scene.tree.dir}", "-n=n1", f"--socket={scene.folder}/sock",
                           f"--config={scene.folder}/none.conf"], capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    found = {one["code"]: one for one in json.loads(done.stdout)["findings"]}
    assert "no-daemon" not in found and found["socket-denied"]["mend"].endswith("sudo -u exabgp bgpcommander doctor")


def test_a_route_that_is_wanted_and_stands_as_somebody_elses(scene):
    daemon = scene.start()
    # Somebody else's, as no core has announced it.
    daemon.exabgp.rib["10.99.0.2"]["192.0.2.1/32"] = "next-hop 10.99.0.1"
    daemon.kill_core()
    daemon.wait_synced()
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop 10.99.0.1")
    scene.daemon.wait_state("web", "foreign")
    found = scene.findings()
    assert found["kept-off"]["finding"] == "web is wanted, and stands in ExaBGP already without being ours"


def test_an_exabgp_that_neither_acknowledges_nor_reports(scene):
    scene.start(acks=False, neighbors=[Neighbor(wire=False, changes=False)])
    found = scene.findings()
    assert found["no-acks"]["mend"].endswith("exabgp.api.ack=true")
    assert "send { parsed; update; }" in found["no-wire"]["mend"]


def test_a_key_with_a_fault_is_told_with_its_place(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop sel")
    scene.start()
    found = scene.findings()
    assert found["key-fault"]["finding"].startswith("routes/web/config: column 29: next-hop: found 'sel'")
    assert found["faulty"]["finding"] == "1 route is faulty"


def test_a_subscription_to_what_is_not_there_is_told_once_with_its_mend(scene):
    scene.tree.put("node/n1/subscribedRoutes", "web, typo")
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop 10.99.0.1")
    daemon = scene.start()
    wait_for(lambda: any("typo" in line for line in daemon.status()["warnings"]), "the daemon warns of it, too")
    told = [one for one in json.loads(scene.run("--json").stdout)["findings"] if "typo" in one["finding"]]
    assert [(one["code"], one["finding"]) for one in told] == [
        ("no-route-matches", 'node/n1/subscribedRoutes: no route matches "typo"')]
    assert "node unsubscribe" in told[0]["mend"] and "value of that key" not in told[0]["why"]
    # Without the store there is the daemon's word alone.
    told = [one for one in scene.findings(endpoint="http://127.0.0.1:9").values() if "typo" in one["finding"]]
    assert [one["code"] for one in told] == ["warning"]


@pytest.fixture(name="more_daemons")
def fixture_more_daemons(tmp_path):
    """Starts daemons in a network namespace: a new one, or that of another daemon."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    daemons = []

    def start(name, node, endpoint, beside=None):
        folder = tmp_path / name
        folder.mkdir()
        into = (["unshare", "--net", *mapped] if beside is None else
                ["nsenter", f"--net=/proc/{beside.exabgp.process.pid}/ns/net",
                 *([f"--user=/proc/{beside.exabgp.process.pid}/ns/user", "--preserve-credentials"] if mapped else [])])
        program = folder / "program"
        program.write_text(f'#!/bin/sh\nexec {" ".join(into)} {PROGRAM} "$@"\n')
        program.chmod(0o755)
        daemons.append(Daemon(folder, endpoint, "/bgp", node=node, program=str(program)))
        wait_for(daemons[-1].core, "it answers")
        return daemons[-1]
    yield start
    for daemon in daemons:
        daemon.close()


def others(daemon):
    """What is told of other daemons to who asks about this one."""
    done = subprocess.run([PROGRAM, "doctor", "--json", f"-c={daemon.endpoint}", f"-n={daemon.node}",
                           f"--socket={daemon.socket}", f"--config={daemon.folder}/none.conf"],
                          capture_output=True, text=True, check=False, timeout=120)
    return {one["code"]: (one["level"], one["finding"]) for one in json.loads(done.stdout)["findings"]
            if one["code"] in ("several-daemons", "same-node-twice")}


def test_daemons_in_other_network_namespaces_are_others_business(scene, more_daemons):
    store = f"file://{scene.tree.dir}"
    ours = more_daemons("ours", "n1", store)
    far = more_daemons("far", "n2", store)
    copy = more_daemons("copy", "n1", store)  # a container with files of its own has the same address
    assert others(ours) == others(far) == others(copy) == {}
    near = more_daemons("near", "n2", store, beside=ours)
    several = ("note", "1 more daemon runs in this network namespace, with another node or store")
    assert others(ours) == others(near) == {"several-daemons": several}
    assert others(far) == {}


def test_two_daemons_of_one_node_and_store_are_warned_of_wherever_they_are(scene, more_daemons):
    store = f"file://{scene.tree.dir}"
    ours = more_daemons("ours", "n1", store)
    twice = {"same-node-twice": ("warning", "1 more daemon has the same node of the same store")}
    more_daemons("twin", "n1", store, beside=ours)
    assert others(ours) == twice
    away = more_daemons("away", "n7", "http://192.0.2.1:2379")
    more_daemons("double", "n7", "http://192.0.2.1:2379")
    assert others(away) == twice
    other = more_daemons("other", "n7", "http://192.0.2.2:2379")
    assert others(other) == {}


def test_a_store_that_does_not_answer(scene):
    found = scene.findings(endpoint="http://127.0.0.1:9")
    assert found["store-unreachable"]["level"] == "bad"
    assert found["member-down"]["finding"].startswith("http://127.0.0.1:9: ")


class Etcd(http.server.BaseHTTPRequestHandler):
    """Says what time it has, and nothing else."""
    ahead_s = 0

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response_only(200 if self.path == "/version" else 404)
        self.send_header("Date", self.date_time_string(time.time() + self.ahead_s))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("ahead_s, told", [(0, None), (3600, "behind"), (-86400, "before")])
def test_a_clock_that_is_apart(scene, ahead_s, told):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Ahead", (Etcd,), {"ahead_s": ahead_s})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = scene.findings(endpoint=f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
    assert ("clock-skew" in found) == (told is not None)
    if told:
        assert f" s {told} that of http://127.0.0.1:" in found["clock-skew"]["finding"]


def test_a_host_where_pings_are_not_allowed_and_an_address_is_missing(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.tree.put("routes/other/config", "route 192.0.2.7/32 next-hop self")
    scene.tree.put("routes/wide/config", "route 192.0.2.0/24 next-hop self")
    scene.tree.put("routes/lo/config", "route 127.0.0.1/32 next-hop self")
    scene.start()
    for name in ("web", "other", "wide", "lo"):
        scene.daemon.wait_state(name, "announced")
    done = scene.run("--json")
    missing = [one["finding"] for one in json.loads(done.stdout)["findings"] if one["code"] == "address-missing"]
    assert missing == ["route other announces 192.0.2.7/32, which is on no interface",
                       "route web announces 192.0.2.1/32, which is on no interface"]
    with open("/proc/sys/net/ipv4/ping_group_range") as file:
        least, most = (int(word) for word in file.read().split())
    assert ("ping-group-range" in scene.findings()) == (not least <= os.getegid() <= most)


def test_what_stands_and_is_not_ours_is_a_note(scene):
    neighbor = Neighbor()
    daemon = scene.start(neighbors=[neighbor])
    daemon.exabgp.rib[neighbor.ip]["198.51.100.0/24"] = "next-hop 10.99.0.1"
    daemon.kill_core()
    daemon.wait_synced()
    found = scene.findings()
    assert found["foreign"]["level"] == "note"
    assert "198.51.100.0/24" in found["foreign"]["finding"] and neighbor.ip in found["foreign"]["finding"]


def test_a_user_that_etcd_does_not_take(scene, etcd_lab):  # noqa: F811
    store = V3(etcd_lab, scene.folder)
    enable_auth(store.gateway)
    (scene.folder / "user").write_text("root:wrong\n")
    done = scene.run("--json", f"--etcd-user-file={scene.folder}/user", "--etcd-api=v3", endpoint=store.endpoints)
    codes = {one["code"]: one for one in json.loads(done.stdout)["findings"]}
    assert codes["store-refused"]["subject"] == "auth" and "etcd-user-file" in codes["store-refused"]["mend"]


def test_a_daemon_that_was_given_another_store_than_this_command(scene):
    scene.start()
    assert "other-store" not in scene.findings()
    (scene.folder / "other").mkdir()
    found = scene.findings(endpoint=f"file://{scene.folder}/other")["other-store"]
    assert found["level"] == "warning" and "`endpoints`" in found["mend"]
    assert str(scene.tree.dir) in found["finding"] and f"{scene.folder}/other" in found["finding"]


def test_a_full_disk_under_the_state(scene):
    daemon = scene.start()
    assert daemon.status()["stateDirectory"]
    assert "state-directory" not in scene.findings()
    os.rename(scene.folder / "state", scene.folder / "moved")
    found = scene.findings()
    os.rename(scene.folder / "moved", scene.folder / "state")
    assert found["state-directory"]["level"] == "bad" and "No such file" in found["state-directory"]["finding"]


def test_the_page_shows_what_is_said(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop sel")
    scene.start()
    shown = scene.run().stdout.replace(str(scene.tree.dir), "/srv/bgp").replace(f"pid {scene.daemon.core()}", "pid 4711")
    lines = samples.block("doctor-shown").splitlines()[1:]
    said = shown.splitlines()
    # Each finding of the page is said, with all of its lines; this host may give more.
    places = [at for at, line in enumerate(lines) if not line.startswith(" ")] + [len(lines)]
    for first, end in zip(places, places[1:]):
        at = said.index(lines[first])
        assert said[at:at + end - first] == lines[first:end]
    page = (samples.ROOT / "docs/doctor.md").read_text()
    source = "".join(path.read_text() for path in (samples.ROOT / "src/cli").glob("doctor_*.c"))
    told = {word for row in page.splitlines() if row.startswith("| ") for word in row.rsplit("|", 2)[1].split("`")[1::2]}
    assert told and all(f'"{word}"' in source for word in told)
