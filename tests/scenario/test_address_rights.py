"""Service addresses where the daemon may not see or set them, and who has the right to."""
import os
import pathlib
import pwd

import pytest
from address_lab import VIP, exec_pid, holds, managed, needs_namespace, scene  # noqa: F401
from wait import nothing_happens_for, wait_for

pytestmark = needs_namespace
NET_ADMIN = 1 << 12


# ---- unknown ----


# socket(AF_NETLINK, …) fails, as with RestrictAddressFamilies= in a unit.
NO_NETLINK = """
import ctypes, os, struct, sys
rules = [(0x20, 0, 0, 0), (0x15, 0, 3, 41), (0x20, 0, 0, 16), (0x15, 0, 1, 16),
         (0x06, 0, 0, 0x50000 | 97), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(rules), ctypes.addressof(code)))) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter knows the numbers of x86-64 only")
def test_while_the_addresses_are_not_known_nothing_is_withdrawn_or_announced(scene):
    script = scene.folder / "no_netlink.py"
    script.write_text(NO_NETLINK)
    scene.put("web", address="require")
    scene.put("late", "172.16.1.6/32", address="require")
    scene.put("mine", "172.16.1.7/32", address="manage")
    scene.subscribe("keeper web")
    scene.host.add(f"{VIP}/32")
    scene.host.add("172.16.1.6/32")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    daemon.wait_settled()
    start = scene.folder / "start"
    start.write_text(start.read_text().replace(str(scene.folder / "bgpcommander"),
                                               f"/usr/bin/python3 {script} {scene.folder}/bgpcommander"))
    old = daemon.core()
    daemon.exabgp.restart()
    wait_for(lambda: daemon.core() not in (None, old), "another core")
    daemon.wait_synced()
    scene.subscribe("keeper web late mine")
    for name in ("late", "mine"):
        route = wait_for(lambda: (r := daemon.route(name)) and r["layer"] == "address" and r, f"{name} is judged")
        assert route["state"] == "waiting"
        assert route["reason"].startswith("the addresses of this host are not known: no netlink")
    scene.host.remove(f"{VIP}/32")
    wait_for(lambda: daemon.route("web")["state"] == "announced", "it is adopted")
    assert any("addresses of this host are not known" in line for line in daemon.status()["warnings"])

    def all_is_as_it_was():
        assert daemon.exabgp.prefixes() == {"192.0.2.250/32", f"{VIP}/32"} and not scene.host.has("172.16.1.7")
    nothing_happens_for(1.5, "no event tells of addresses", all_is_as_it_was)
    assert daemon.exabgp.withdrawn() == []


# ---- capabilities ----


CAPABILITIES = '#!/bin/sh\ngrep -h ^Cap /proc/self/status >"$OUT.new" && mv "$OUT.new" "$OUT"\n'


def capabilities(path):
    lines = path.read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1], 16) for line in lines if line.startswith("Cap")}


def process_capabilities(pid):
    return capabilities(pathlib.Path(f"/proc/{pid}/status"))


def nobody():
    return pwd.getpwnam("nobody")


def become_nobody(*words):
    identity = nobody()
    return ["setpriv", f"--reuid={identity.pw_uid}", f"--regid={identity.pw_gid}", "--clear-groups", *words, "--"]


def test_without_the_capability_manage_is_refused_and_the_address_only_required(scene):
    scene.put("web", address="manage")
    scene.subscribe("keeper web")
    daemon = scene.daemon(before=become_nobody(), owner=nobody())
    route = daemon.wait_state("web", "withdrawn")
    assert "it cannot be set (no CAP_NET_ADMIN: run ExaBGP as root" in route["error"], route
    assert daemon.status()["workers"]["exec"]["addresses"].startswith("cannot (no CAP_NET_ADMIN")
    scene.host.add(f"{VIP}/32")
    route = daemon.wait_state("web", "announced")
    assert "the address is only required" in route["error"]


def test_an_ambient_capability_is_enough_and_no_check_gets_it(scene):
    out = scene.folder / "scripts" / "out"
    scene.put("web", address="manage", interval="200ms", env={"OUT": str(out)})
    scene.tree.put("routes/web/healthcheck", CAPABILITIES)
    scene.subscribe("keeper web")
    before = become_nobody("--inh-caps=+net_admin,+net_bind_service", "--ambient-caps=+net_admin,+net_bind_service")
    daemon = scene.daemon(before=before, owner=nobody())
    daemon.wait_state("web", "announced")
    managed(scene, daemon)
    assert {name: capabilities(out)[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapAmb"), 0)
    worker = process_capabilities(exec_pid(daemon))
    assert worker["CapPrm"] == worker["CapEff"] == NET_ADMIN and worker["CapAmb"] == worker["CapInh"] == 0
    core = process_capabilities(daemon.core())
    assert core["CapEff"] == 0 and core["CapPrm"] == NET_ADMIN
    daemon.kill_core()
    daemon.wait_synced()
    scene.subscribe("keeper")
    wait_for(lambda: not scene.host.has(VIP), "the address is removed")


def test_roots_checks_do_not_get_the_capability(scene):
    out = scene.folder / "scripts" / "out"
    scene.put("web", address="manage", interval="200ms", env={"OUT": str(out)})
    scene.tree.put("routes/web/healthcheck", CAPABILITIES)
    scene.subscribe("keeper web")
    daemon = scene.daemon()
    daemon.wait_state("web", "announced")
    found = capabilities(out)
    assert found["CapPrm"] != 0  # root's, so that the next line says something
    assert all(found[name] & NET_ADMIN == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
