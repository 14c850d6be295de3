"""examples/seed/README.md, the page of the classic tool, run from its own text: real etcd with its v2 API on port 4001,
real ExaBGP and BIRD, dnsmasq as the service and dig as its check."""
import json
import os
import re
import shutil
import subprocess

import pytest
import samples

NODE = "killallhumans.local"
PREFIX = "172.16.1.5/32"
MISSING = [name for name in ("dig", "dnsmasq", "curl") if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING} (tests/deps installs them)")


def script(name):
    """The commands of a block, their prompts taken off."""
    return re.sub(r"^\$ ", "", samples.block(name), flags=re.M)


def told(node):
    """The names and values below a directory; without etcd's indexes and what they go with."""
    shown = {name: value for name, value in node.items() if name in ("key", "value", "dir")}
    if "nodes" in node:
        shown["nodes"] = sorted((told(child) for child in node["nodes"]), key=lambda child: child["key"])
    return shown


class Seed:
    """A lab with what the page takes for granted."""

    def __init__(self, lab):
        self.lab = lab
        self.work = lab.dir / "work"
        self.work.mkdir()
        self.dns = None
        lab.inside(lab.exa, "ip", "addr", "add", "172.16.1.5/32", "dev", "lo")
        self.serve()
        peer = "http://127.0.0.1:4002"
        self.etcd = lab.spawn(
            ["etcd", "--name", "seed", "--data-dir", lab.dir / "etcd", "--listen-client-urls", "http://127.0.0.1:4001",
             "--advertise-client-urls", "http://127.0.0.1:4001", "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"seed={peer}", "--enable-v2=true"],
            lab.exa, "etcd.log")
        lab.wait_for(lambda: self.key("/") is not None, 30, "etcd answers")

    def serve(self):
        self.dns = self.lab.spawn(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--pid-file",
                                   "--conf-file=/dev/null", "--listen-address=172.16.1.5", "--bind-interfaces",
                                   "--user=root", "--address=/google.com/192.0.2.1"], self.lab.exa, "dnsmasq.log")
        self.lab.wait_for(lambda: "192.0.2.1" in self.lab.inside(self.lab.exa, "dig", "@172.16.1.5", "google.com", check=False),
                          10, "dnsmasq answers")

    def run(self, name):
        return self.lab.inside(self.lab.exa, "sh", "-e", "-c", f"cd {self.work}\n{script(name)}")

    def key(self, path, *arguments):
        """The node that v2 answers with, or None."""
        answer = self.lab.inside(self.lab.exa, "curl", "-sg", *arguments, f"http://127.0.0.1:4001/v2/keys{path}", check=False)
        return json.loads(answer).get("node") if answer.startswith("{") else None

    def value(self, path):
        return (self.key(path) or {}).get("value")

    def start(self, block, more="", messages=""):
        """ExaBGP with this process block of the page."""
        lab = self.lab
        program = f"{lab.program} -c=http://127.0.0.1:4001 -n={NODE} -p={lab.scripts} {more}".strip()
        assert "/path/to/bgpcommander;" in block
        lab.options["messages"] = messages
        neighbor = lab.exabgp_conf().split("neighbor ", 1)[1]
        conf = block.replace("/path/to/bgpcommander", program) + "neighbor " + neighbor
        lab.exabgp_conf = lambda: conf
        try:
            lab.start_exabgp(wait=False)
        finally:
            del lab.exabgp_conf
        lab.wait_for(lab.bird.is_up, 30, "BIRD has a session")


@pytest.fixture
def seed(make_lab):
    made = make_lab(peers=1, members=0)
    # Only where things lie, so that the command line is the page's.
    made.environment = {"BGPCOMMANDER_STATE_DIR": str(made.state), "BGPCOMMANDER_SOCKET": str(made.socket),
                        "BGPCOMMANDER_CONFIG": str(made.node_file)}
    yield Seed(made)
    made.close()


def test_exabgp_refuses_only_the_encoder_that_the_classic_block_lacks(seed):
    bare, text = samples.block("seed-bare-block"), samples.block("seed-block")
    assert text.replace("  encoder text;\n", "") == bare
    conf = seed.lab.dir / "bare.conf"
    conf.write_text(bare.replace("/path/to/bgpcommander", "/bin/cat") +
                    "neighbor 10.99.0.2 { router-id 10.99.0.1; local-address 10.99.0.1; local-as 65000; peer-as 65001; }\n")
    done = subprocess.run(["/usr/sbin/exabgp", "--test", conf], capture_output=True, text=True, timeout=60)
    assert "unset process sections: encoder" in done.stdout + done.stderr


@pytest.mark.parametrize("encoder", ["text", "json"])
def test_the_page_does_what_it_says(seed, encoder):
    lab = seed.lab
    full = encoder == "json"
    block = samples.block("seed-block").replace("encoder text", f"encoder {encoder}")
    seed.start(block, messages="neighbor-changes; send { parsed; update; }" if full else "")
    lab.wait_for(lambda: lab.status()["exabgp"]["state"] == "synced", 30, "in step with ExaBGP")
    lab.wait_for(lambda: "neither" in lab.status()["store"]["text"], 10, "no API has routes yet, and it says so")
    assert lab.status()["store"]["kind"] == "etcd"
    seed.run("seed-new-route")
    lab.wait_for(lambda: lab.status()["store"]["kind"] == "etcd v2", 10, "the API that the page writes to is used")
    assert seed.value("/bgp/routes/CUSTOM_ROUTE/healthcheck") == "#!/bin/sh\ndig @172.16.1.5 google.com\n"
    assert not lab.bird.has(PREFIX), "announced without being assigned"
    seed.run("seed-assign")
    lab.wait_for(lambda: lab.bird.med(PREFIX) == 100, 15, "announced")
    state = f"/bgp/node/{NODE}/routes/CUSTOM_ROUTE/state"
    lab.wait_for(lambda: seed.value(state) == "announce", 10, "told by the key")
    lab.end(seed.dns)
    lab.wait_for(lambda: not lab.bird.has(PREFIX), 20, "withdrawn when the service is dead")
    lab.wait_for(lambda: seed.value(state) == "withdraw", 10, "told by the key")
    seed.serve()
    lab.wait_for(lambda: lab.bird.med(PREFIX) == 100, 15, "announced again")
    lab.wait_for(lambda: seed.value(f"/bgp/node/{NODE}/neighbors/10.99.0.2/ipAddress") == "10.99.0.2", 10, "the neighbor")
    if full:
        lab.wait_for(lambda: seed.value(f"/bgp/node/{NODE}/neighbors/10.99.0.2/state") == "up", 10, "is up")
        answer = json.loads(re.search(r"\{.*\}", seed.run("seed-ask-neighbors")).group())
        shown = json.loads(samples.block("seed-neighbors"))
        assert answer["action"] == shown["action"] and 0 < answer["node"]["ttl"] <= 60 and 0 < shown["node"]["ttl"] <= 60
        assert samples.plain_json(told(answer["node"])) == samples.plain_json(told(shown["node"]))
        assert lab.status()["warnings"] == []
    else:
        warnings = [line for line in lab.status()["warnings"] if "10.99.0.2" in line]
        assert len(warnings) == 1 and "neighbor-changes" in warnings[0] and "send { parsed; update; }" in warnings[0]
    seed.key(f"/bgp/node/{NODE}/subscribedRoutes", "-XPUT", "-d", "value=-")
    lab.wait_for(lambda: not lab.bird.has(PREFIX), 15, "no longer assigned")


def test_the_kind_of_store_stays_what_it_was(seed):
    """What auto chose is remembered; another kind is a store loss that waits for approval, and takes nothing away."""
    lab = seed.lab
    block = samples.block("seed-block")
    seed.start(block)
    seed.run("seed-new-route")
    seed.run("seed-assign")
    lab.wait_for(lambda: lab.bird.has(PREFIX), 20, "announced")
    lab.wait_for(lambda: (lab.state / "lastgood").exists(), 10, "remembered")
    lab.stop_exabgp()
    lab.inside(lab.exa, "etcdctl", "--endpoints", "http://127.0.0.1:4001", "put", "/bgp/routes/OTHER/config",
               "route 192.0.2.1/32 next-hop self", env={"ETCDCTL_API": "3"})
    seed.start(block)
    lab.wait_for(lambda: lab.status()["store"]["state"] == "connected", 20, "connected")
    assert lab.status()["store"]["kind"] == "etcd v2" and lab.status()["store"]["loss"] is None
    lab.wait_for(lambda: lab.bird.has(PREFIX), 20, "announced again")
    lab.stop_exabgp()
    seed.start(block, "--etcd-api v3")
    loss = lab.wait_for(lambda: lab.status()["store"]["loss"], 20, "another kind of store is a loss")
    assert loss["kind"] == "other kind of store"
    lab.wait_for(lambda: lab.bird.has(PREFIX), 20, "what was there is kept")
    assert not lab.bird.has("192.0.2.1/32")
    lab.stop_exabgp()
