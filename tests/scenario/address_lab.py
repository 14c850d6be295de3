"""What the tests of service addresses share: a network namespace of the test's own, a directory store, and the daemon
under a fake ExaBGP in it."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from dir_lab import Tree
from fake_exabgp import Daemon, Neighbor
from wait import wait_for

VIP = "172.16.1.5"
VIP6 = "2001:db8:16::5"
LABEL = "lo:bgpc"


def run(*argv, check=True):
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=30)
    assert not check or done.returncode == 0, f"{argv}: {done.stdout}"
    return done.stdout


class Host:
    """A network namespace that lives as long as a process that sleeps in it."""

    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "--net", "--", "sh", "-c", "echo made; exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.keeper.stdout.readline() == b"made\n"
        self.enter = ["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", "--"]
        self.ip("link", "set", "lo", "up")

    def ip(self, *words, check=True):
        return run(*self.enter, "ip", *words, check=check)

    def addresses(self):
        """{address: (device, label, flags)}"""
        found = {}
        # What changes while it is listed makes `ip` give up.
        links = wait_for(lambda: json.loads(self.ip("-j", "addr", "show", check=False)), "a list", errors=(ValueError,))
        for link in links:
            for one in link.get("addr_info", []):
                if "local" in one:
                    found[one["local"]] = (link["ifname"], one.get("label"), {key for key in one if one[key] is True})
        return found

    def has(self, address):
        return address in self.addresses()

    def add(self, address, *words):
        self.ip("addr", "add", address, "dev", "lo", *words)

    def remove(self, address):
        self.ip("addr", "del", address, "dev", "lo")

    def close(self):
        self.keeper.stdin.close()
        self.keeper.wait(10)
        self.keeper.stdout.close()


def why_not():
    if os.geteuid() != 0:
        return "not root"
    try:
        Host().close()
    except (OSError, AssertionError, subprocess.SubprocessError) as error:
        return str(error)
    return None


REASON = why_not()
needs_namespace = pytest.mark.skipif(REASON is not None, reason=f"no network namespace can be made here: {REASON}")


class Scene:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bcaddr-"))
        self.folder.chmod(0o755)
        self.tree = Tree(self.folder / "store")
        self.host = Host()
        self.daemons = []

    def put(self, name, prefix=f"{VIP}/32", **options):
        self.tree.put(f"routes/{name}/options", json.dumps(options))
        next_hop = "2001:db8:99::1" if ":" in prefix else "self"
        self.tree.put(f"routes/{name}/config", f"route {prefix} next-hop {next_hop} med 100")

    def subscribe(self, text):
        self.tree.put("node/n1/subscribedRoutes", text)

    def daemon(self, before=(), conf="", owner=None, wire=True):
        """`before`: what to put before the program, inside the namespace."""
        (self.folder / "none.conf").write_text(conf)
        program = self.folder / "start"
        binary = self.folder / "bgpcommander"
        if not binary.exists():
            shutil.copy(os.environ["BGPCOMMANDER"], binary)
            binary.chmod(0o755)
        words = " ".join([*self.host.enter, *before, str(binary)])
        program.write_text(f'#!/bin/sh\nexport ASAN_OPTIONS=detect_leaks=0\nexec {words} "$@"\n')
        program.chmod(0o755)
        if owner:
            for name in ("state", "scripts", "store"):
                os.makedirs(self.folder / name, exist_ok=True)
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, owner.pw_uid, owner.pw_gid)
            for name in ("none.conf",):
                os.chown(self.folder / name, 0, 0)
        made = Daemon(self.folder, f"file://{self.tree.dir}", "/bgp", program=str(program),
                      neighbors=[Neighbor(wire=wire)])
        self.daemons.append(made)
        made.wait_synced()
        return made

    def close(self):
        for daemon in self.daemons:
            daemon.close()
        self.host.close()
        logs = [daemon.log() for daemon in self.daemons]
        shutil.rmtree(self.folder)
        for log in logs:
            assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


@pytest.fixture
def scene():
    made = Scene()
    made.tree.put("routes/keeper/config", "route 192.0.2.250/32 next-hop self")
    yield made
    made.close()


def holds(daemon, prefix=f"{VIP}/32"):
    return prefix in daemon.exabgp.prefixes()


def exec_pid(daemon):
    return daemon.status()["workers"]["exec"]["pid"]


def managed(scene, daemon, address=VIP):
    device, label, _ = wait_for(lambda: scene.host.addresses().get(address), "the address is set")
    assert device == "lo" and label == (None if ":" in address else LABEL)
