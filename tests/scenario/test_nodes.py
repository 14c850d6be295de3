"""bgpcommander nodes tells of every node in the store, from the keys that the daemons write there."""
import json
import os
import subprocess

import pytest
from edit_lab import V3, etcd_lab  # noqa: F401 (a fixture)
from fake_exabgp import Daemon
from wait import wait_for

PROGRAM = os.environ["BGPCOMMANDER"]
WEB = "route 192.0.2.1/32 next-hop 10.99.0.1"


class Scene:
    def __init__(self, folder, store):
        self.folder, self.store, self.daemons = folder, store, {}

    def start(self, node):
        folder = self.folder / node
        folder.mkdir()
        self.daemons[node] = Daemon(folder, self.store.endpoints, "/bgp", node=node)
        return self.daemons[node]

    def run(self, *words):
        return subprocess.run([PROGRAM, "nodes", *words, f"-c={self.store.endpoints}", "--etcd-api=v3", "-n=here"],
                              capture_output=True, text=True, check=False, timeout=60)

    def nodes(self, *words):
        return {node["name"]: node for node in json.loads(self.run("--json", *words).stdout)["nodes"]}


@pytest.fixture(name="scene")
def fixture_scene(tmp_path, etcd_lab):  # noqa: F811
    scene = Scene(tmp_path, V3(etcd_lab, tmp_path))
    scene.store.put("routes/web/config", WEB)
    yield scene
    for daemon in scene.daemons.values():
        daemon.close()


def test_routes_of_the_api_are_among_the_nodes_routes(scene):
    summary = {"routes": 9, "subscribed": 2, "api": 4, "announced": 5, "withdrawn": 1, "notOnWire": 0}
    scene.store.put("node/ams1/status", json.dumps({"store": {"state": "connected"}, "summary": summary}))
    assert scene.run().stdout.splitlines()[1].split()[4:8] == ["6", "5", "1", "0"]


def announced(scene, node):
    status = scene.nodes().get(node, {}).get("status") or {}
    return status.get("summary", {}).get("announced")


def test_each_node_tells_of_itself(scene):
    for node in ("ams1", "fra1"):
        scene.store.put(f"node/{node}/subscribedRoutes", "web")
        scene.start(node)
    scene.store.put("node/fra1/adminState", "down")
    wait_for(lambda: announced(scene, "ams1") == 1 and announced(scene, "fra1") == 0, "both have told", 30)
    done = scene.run()
    assert (done.returncode, done.stderr) == (0, "")
    head, first, second = [line.split() for line in done.stdout.splitlines()]
    assert head[:5] == ["NODE", "DAEMON", "STORE", "ADMIN", "ROUTES"]
    assert first[:8] == ["ams1", "alive", "connected", "up", "1", "1", "0", "0"]
    assert second[:8] == ["fra1", "alive", "connected", "down", "1", "0", "1", "0"]


def test_a_silent_node_is_bad_news(scene):
    scene.store.put("node/lon1/subscribedRoutes", "web")
    done = scene.run()
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].split()[:4] == ["lon1", "silent", "-", "up"]
    assert scene.nodes()["lon1"]["alive"] is False


def test_one_node_is_told_with_what_it_warns_of(scene):
    scene.store.put("node/ams1/subscribedRoutes", "web TYPO bad")
    scene.store.put("node/zrh1/subscribedRoutes", "web")
    scene.store.put("routes/bad/config", "route 192.0.2.2/32 next-hop sel")
    scene.start("ams1")
    wait_for(lambda: announced(scene, "ams1") == 1, "it has told", 30)
    done = scene.run("ams*")
    assert "zrh1" not in done.stdout
    assert 'no route matches "TYPO"' in done.stdout
    assert any(line.startswith("bad ") and "column" in line for line in done.stdout.splitlines()), done.stdout


def test_a_node_that_is_not_there_is_no_node(scene):
    done = scene.run("nobody")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "there is no such node in the store\n")


def test_a_status_that_is_no_json_harms_nobody(scene):
    scene.store.put("node/odd1/status", "{]")
    scene.store.put("node/odd2/status", '{"summary": 7, "routes": [], "warnings": {"a": 1}}')
    done = scene.run()
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == ["silent", "alive"]
    assert scene.run("odd2").returncode in (0, 1)
