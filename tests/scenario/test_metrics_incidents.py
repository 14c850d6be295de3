"""The alert rules of examples/ in incidents: a real Prometheus scrapes the daemon, something breaks, and what is to fire does;
when it is mended nothing is left. Minutes of the rules are seconds here."""
import http.client
import re
import urllib.parse

import pytest

from fake_exabgp import Daemon, Neighbor
from metrics_lab import PROMETHEUS, Prometheus, Scene
from ports import free_port
from wait import wait_for

DATA = "#!lua\nreturn data.ok == true\n"


class Incidents(Scene):
    def __init__(self, folder):
        super().__init__(folder)
        self.port, self.prometheus = free_port(), None
        self.neighbors = [Neighbor("10.99.0.2"), Neighbor("10.99.0.3")]
        self.tree.put("data/ok", "true")
        self.put_route("web", 1, DATA)

    def start(self):
        rules = self.folder / "rules.yml"
        rules.write_text(re.sub(r"(?<=[ \[])(\d+)m(?=[\]\n])", r"\1s", (PROMETHEUS / "bgpcommander.rules.yml").read_text()))
        assert "for: 2s" in rules.read_text() and "[2s]" in rules.read_text()
        self.daemon = Daemon(self.folder, f"file://{self.folder}/store", "/bgp", neighbors=self.neighbors,
                             more=[f"--http=127.0.0.1:{self.port}", "--workers=1"])
        self.daemon.wait_state("web", "announced")
        self.prometheus = Prometheus(self.folder, self.port, rules, pause="500ms")
        return self.daemon

    def command(self, text):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        link.request("POST", "/", urllib.parse.urlencode({"command": text}), {"Content-Type": "application/x-www-form-urlencoded"})
        status = link.getresponse().status
        link.close()
        return status

    def wait_firing(self, *names):
        wait_for(lambda: set(names) <= (self.prometheus.firing() or set()), f"{names} fire", 60, pause_s=0.2)

    def wait_calm(self):
        """Each rule was evaluated since, and none fires."""
        wait_for(lambda: self.prometheus.firing() == set(), "nothing fires any more", 60, pause_s=0.2)


@pytest.fixture
def scene(tmp_path):
    made = Incidents(tmp_path)
    yield made
    if made.prometheus is not None:
        made.prometheus.close()
    made.daemon.close()
    assert "AddressSanitizer" not in made.daemon.log()


def test_what_breaks_fires_and_what_is_mended_is_calm(scene):
    daemon = scene.start()
    scene.tree.put("data/ok", "false")
    scene.wait_firing("BgpcommanderRoutesDown", "BgpcommanderNothingAnnounced")
    assert "BgpcommanderDownEverywhere" not in scene.prometheus.firing(), "there is one node"
    scene.tree.put("data/ok", "true")
    scene.wait_calm()
    daemon.exabgp.end_session(scene.neighbors[0], "peer reset")
    scene.wait_firing("BgpcommanderNeighborDown")
    daemon.exabgp.begin_session(scene.neighbors[0])
    scene.wait_calm()
    store = scene.tree.dir
    store.rename(scene.folder / "away")
    scene.wait_firing("BgpcommanderStoreUnreachable")
    (scene.folder / "away").rename(store)
    scene.wait_calm()
    daemon.exabgp.unseen = lambda prefix: prefix == "10.9.0.1/32"
    scene.tree.put("routes/unseen/config", "route 10.9.0.1/32 next-hop self")
    scene.wait_firing("BgpcommanderRouteNotAnnounced")
    daemon.exabgp.unseen = lambda prefix: False
    scene.tree.remove("routes/unseen/config")
    scene.wait_calm()
    daemon.exabgp.answering.clear()
    scene.tree.put("routes/stuck/config", "route 10.9.0.2/32 next-hop self")
    scene.wait_firing("BgpcommanderPipeStuck", "BgpcommanderRouteNotAnnounced")
    daemon.exabgp.answering.set()
    scene.wait_calm()
    daemon.close()
    scene.wait_firing("BgpcommanderDown")


def test_an_audit_log_that_cannot_be_written_fires_before_anybody_asks(scene):
    """All that comes by HTTP is refused then: whoever needs it learns too late."""
    log = scene.folder / "state" / "audit.log"
    log.mkdir(parents=True)
    scene.start()
    scene.wait_firing("BgpcommanderStateProblem")
    refused = []

    def ask_until(name):
        refused.append(scene.command("announce route 10.9.0.1/32 next-hop self"))
        return name in (scene.prometheus.firing() or set())
    for name in ("BgpcommanderAuditLost", "BgpcommanderHttpErrors"):
        wait_for(lambda: ask_until(name), f"{name} fires", 60, pause_s=0.2)
    assert set(refused) == {503}
    log.rmdir()
    wait_for(lambda: scene.command("announce route 10.9.0.1/32 next-hop self") == 200, "it is written again")
    scene.wait_calm()
