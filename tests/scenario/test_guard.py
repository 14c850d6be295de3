"""The node's own limits: what the node file does not allow is not announced, whatever the store says; what stands leaves
only when announce_deny names it."""
import os
import signal

import pytest

from dir_lab import Tree
from fake_exabgp import Daemon
from samples import block
from wait import wait_for


class Scene:
    def __init__(self, folder):
        self.folder, self.tree = folder, Tree(folder / "store")
        self.tree.put("node/n1/subscribedRoutes", "*")
        self.daemon = None

    def put(self, name, text):
        self.tree.put(f"routes/{name}/config", text)

    def start(self, conf):
        (self.folder / "none.conf").write_text(conf)
        self.daemon = Daemon(self.folder, f"file://{self.tree.dir}", "/bgp")
        return self.daemon

    def upgrade(self, conf):
        """Other limits, as an operator brings them into force."""
        (self.folder / "none.conf").write_text(conf)
        old = wait_for(self.daemon.core, "a core answers")
        assert self.daemon.ask("upgrade") == {"upgrading": True}
        wait_for(lambda: (new := self.daemon.core()) and new != old, "the new core answers")

    def wait_prefixes(self, *prefixes):
        wait_for(lambda: self.daemon.exabgp.prefixes() == set(prefixes), f"ExaBGP holds {prefixes}")
        return self.daemon.wait_settled()

    def wait_layer(self, name, layer):
        return wait_for(lambda: (r := self.daemon.route(name)) and r["layer"] == layer and r, f"{name}: {layer} decides")

    def attributes(self, prefix):
        return self.daemon.exabgp.rib[self.daemon.exabgp.neighbors[0].ip].get(prefix)

    def close(self):
        if self.daemon:
            self.daemon.close()
            log = self.daemon.log()
            assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.close()


def test_what_is_not_allowed_is_not_announced_and_told(scene):
    scene.put("good", "route 192.0.2.1/32 next-hop self med 1")
    scene.put("bad", "route 10.0.0.1/32 next-hop self")
    scene.put("never", "route 192.0.2.200/32 next-hop self")
    daemon = scene.start("announce_allow 192.0.2.0/24 le 32\nannounce_deny 192.0.2.128/25\n")
    scene.wait_prefixes("192.0.2.1/32")
    bad = scene.wait_layer("bad", "guard")
    why = "announce_allow: 10.0.0.1/32 is not among the prefixes that may be announced on this node"
    assert (bad["verdict"], bad["reason"], bad["error"]) == ("keep", why, f"routes/bad: {why}")
    never = scene.wait_layer("never", "guard")
    assert never["error"] == \
        "routes/never: announce_deny 192.0.2.128/25: 192.0.2.200/32 may not be announced on this node"
    assert daemon.status()["warnings"] == []
    assert f"routes/bad: {why}" in daemon.log()
    scene.put("bad", "route 192.0.2.2/32 next-hop self")
    scene.wait_prefixes("192.0.2.1/32", "192.0.2.2/32")
    assert daemon.route("bad")["error"] is None and daemon.exabgp.withdrawn() == []


@pytest.mark.parametrize("conf,text", [
    ("announce_community 65000:*\n", "route 192.0.2.1/32 next-hop self med 2 community 65001:1"),
    ("announce_allow 192.0.2.0/24 le 32\n", "route 198.51.100.1/32 next-hop self"),
    ("announce_deny 198.51.100.0/24\n", "route 198.51.100.1/32 next-hop self"),
    ("announce_family ipv4 unicast\n", "route 2001:db8::1/128 next-hop 2001:db8::9"),
], ids=["community", "allow", "deny", "family"])
def test_a_change_that_is_refused_leaves_what_stands(scene, conf, text):
    good = "route 192.0.2.1/32 next-hop self med 1 community 65000:1"
    scene.put("web", good)
    daemon = scene.start(conf)
    scene.wait_prefixes("192.0.2.1/32")
    scene.put("web", text)
    scene.put("other", "route 192.0.2.9/32 next-hop self")
    scene.wait_prefixes("192.0.2.1/32", "192.0.2.9/32")
    web = scene.wait_layer("web", "guard")
    assert daemon.settled_state("web") == "announced" and web["reason"].endswith("; what stands of it stays")
    assert scene.attributes("192.0.2.1/32") == "next-hop self med 1 community 65000:1"
    scene.put("web", good.replace("med 1", "med 3"))
    wait_for(lambda: scene.attributes("192.0.2.1/32") == "next-hop self med 3 community 65000:1", "the next one is taken")
    assert daemon.exabgp.withdrawn() == [] and daemon.route("web")["error"] is None


def test_a_route_that_is_held_takes_no_new_attributes_that_are_refused(scene):
    scene.put("web", "route 192.0.2.1/32 next-hop self med 1")
    scene.tree.put("routes/web/healthcheck", "#!/bin/sh\nexit 0\n")
    daemon = scene.start("announce_community 65000:*\n")
    scene.wait_prefixes("192.0.2.1/32")
    # The removal of the check holds it as it stands, but for new attributes.
    scene.tree.remove("routes/web/healthcheck")
    scene.wait_layer("web", "config")
    scene.put("web", "route 192.0.2.1/32 next-hop self med 2")
    wait_for(lambda: scene.attributes("192.0.2.1/32") == "next-hop self med 2", "new attributes")
    scene.put("web", "route 192.0.2.1/32 next-hop self med 3 community 65001:1")
    wait_for(lambda: "65001:1" in daemon.route("web")["text"], "core has seen it")
    scene.put("other", "route 192.0.2.9/32 next-hop self")
    scene.wait_prefixes("192.0.2.1/32", "192.0.2.9/32")
    assert scene.attributes("192.0.2.1/32") == "next-hop self med 2" and daemon.exabgp.withdrawn() == []


def test_a_policy_cannot_loosen_the_limits(scene):
    def policy(community):
        scene.tree.put("routes/web/policy", "#!lua\nreturn function(ctx) return announce{ med = 7, community = { '%s' } } "
                                            "end\n" % community)

    scene.put("web", "route 192.0.2.1/32 next-hop self")
    daemon = scene.start("announce_community 65000:*\n")
    scene.wait_prefixes("192.0.2.1/32")
    policy("65001:1")
    web = scene.wait_layer("web", "guard")
    assert web["error"] == "routes/web: announce_community: 65001:1 is not among the communities that may be sent from " \
        "this node; what stands of it stays"
    assert scene.attributes("192.0.2.1/32") == "next-hop self"
    policy("65000:1")
    wait_for(lambda: scene.attributes("192.0.2.1/32") == "next-hop self med 7 community 65000:1", "what is allowed")
    assert scene.wait_layer("web", "policy")["error"] is None and daemon.exabgp.withdrawn() == []


def test_what_stands_and_is_refused_can_still_be_withdrawn(scene):
    scene.put("web", "route 192.0.2.1/32 next-hop self community 65000:1")
    daemon = scene.start("announce_community 65000:*\n")
    scene.wait_prefixes("192.0.2.1/32")
    scene.put("web", "route 192.0.2.1/32 next-hop self community 65001:1")
    scene.wait_layer("web", "guard")
    scene.tree.put("node/n1/adminState", "down")
    scene.wait_prefixes()
    web = scene.wait_layer("web", "adminState")
    assert web["error"] == \
        "routes/web: announce_community: 65001:1 is not among the communities that may be sent from this node"
    scene.tree.put("node/n1/adminState", "up")
    assert scene.wait_layer("web", "guard")["verdict"] == "keep"
    assert daemon.exabgp.prefixes() == set()


def test_a_prefix_that_is_denied_leaves_and_what_is_only_not_allowed_stays(scene):
    for number in (1, 2, 3):
        scene.put(f"r{number}", f"route 192.0.2.{number}/32 next-hop self")
    daemon = scene.start("")
    scene.wait_prefixes("192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32")
    scene.upgrade("announce_deny 192.0.2.1/32\nannounce_allow 192.0.2.0/30 ge 32\nannounce_allow 198.51.100.0/24\n"
                  "announce_family ipv6 unicast\n")
    scene.wait_prefixes("192.0.2.2/32", "192.0.2.3/32")
    denied = scene.wait_layer("r1", "guard")
    assert (denied["verdict"], denied["reason"]) == \
        ("withdraw", "announce_deny 192.0.2.1/32: 192.0.2.1/32 may not be announced on this node")
    kept = scene.wait_layer("r2", "guard")
    assert kept["verdict"] == "keep" and "announce_family" in kept["error"]
    assert daemon.settled_state("r2") == "announced"
    assert daemon.status()["warnings"] == [
        "2 routes stand that the node file does not allow (any more): they stay until they are withdrawn for another "
        "reason; announce_deny withdraws them"]
    # Gone from the store is gone, and does not come back.
    scene.tree.remove("routes/r2")
    scene.wait_prefixes("192.0.2.3/32")
    scene.put("r2", "route 192.0.2.2/32 next-hop self")
    scene.wait_layer("r2", "guard")
    assert daemon.exabgp.prefixes() == {"192.0.2.3/32"}
    assert sorted(daemon.exabgp.withdrawn()) == ["192.0.2.1/32", "192.0.2.2/32"]
    # And without limits all comes back.
    scene.upgrade("")
    scene.wait_prefixes("192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32")
    assert daemon.status()["warnings"] == []


def test_max_routes_refuses_what_comes_and_lets_it_in_when_there_is_room(scene):
    scene.put("a", "attributes next-hop self nlri 192.0.2.1 192.0.2.2")
    daemon = scene.start("max_routes 3\n")
    scene.wait_prefixes("192.0.2.1/32", "192.0.2.2/32")
    scene.put("b", "attributes next-hop self nlri 192.0.2.3 192.0.2.4")
    refused = scene.wait_layer("b", "guard")
    assert refused["reason"] == "max_routes 3: 2 are announced on this node, 2 more would be too many"
    # One that fits is let in, also after one that does not.
    scene.put("c", "route 192.0.2.5/32 next-hop self")
    scene.wait_prefixes("192.0.2.1/32", "192.0.2.2/32", "192.0.2.5/32")
    # A route that stands does not grow beyond it, but changes its attributes.
    scene.put("c", "attributes next-hop self med 7 nlri 192.0.2.5 192.0.2.6")
    scene.wait_layer("c", "guard")
    scene.put("a", "attributes next-hop self med 9 nlri 192.0.2.1 192.0.2.2")
    wait_for(lambda: scene.attributes("192.0.2.1/32") == "next-hop self med 9", "attributes change")
    assert daemon.exabgp.prefixes() == {"192.0.2.1/32", "192.0.2.2/32", "192.0.2.5/32"}
    scene.tree.remove("routes/a")
    scene.wait_prefixes("192.0.2.3/32", "192.0.2.4/32", "192.0.2.5/32")
    assert daemon.route("b")["error"] is None and daemon.route("c")["layer"] == "guard"


def test_max_routes_never_withdraws_what_stands(scene):
    for number in range(1, 5):
        scene.put(f"r{number}", f"route 192.0.2.{number}/32 next-hop self")
    daemon = scene.start("")
    standing = [f"192.0.2.{number}/32" for number in range(1, 5)]
    scene.wait_prefixes(*standing)
    # It sorts before all that stand, and the next core finds it at its start.
    os.kill(daemon.core(), signal.SIGSTOP)
    scene.put("a0", "route 192.0.2.100/32 next-hop self")
    (scene.folder / "none.conf").write_text("max_routes 4\n")
    os.kill(daemon.core_pid_of_holder(), signal.SIGKILL)
    full = "max_routes {}: 4 are announced on this node, 1 more would be too many"
    wait_for(lambda: (r := daemon.route("a0")) and r["reason"] == full.format(4), "there is no room for a0")
    daemon.wait_settled()
    scene.upgrade("max_routes 2\n")
    wait_for(lambda: (r := daemon.route("a0")) and r["reason"] == full.format(2), "there is no room for a0")
    daemon.wait_settled()
    assert daemon.exabgp.prefixes() == set(standing) and daemon.exabgp.withdrawn() == []


def test_the_sample_of_the_page_is_taken(scene):
    scene.put("web", "route 192.0.2.1/32 next-hop self community 65000:1")
    scene.start(block("guard-limits"))
    scene.wait_prefixes("192.0.2.1/32")
    scene.put("wide", "route 192.0.0.0/16 next-hop self")
    assert "announce_allow" in scene.wait_layer("wide", "guard")["error"]
