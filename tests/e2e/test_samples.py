"""What README and the pages show of a running daemon is what it says: one scene, in which the samples are taken one after
the other. tests/samples.py tells how they are compared."""
import json
import os
import re
import shutil
import socket
import subprocess

import exabgp_choice
import pytest
import samples

MISSING = [name for name in ("dig",) if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING} (tests/deps installs them)")
OWN = "node/edge1"


def as_shown(lab, text):
    """Where things lie on a node, and the ExaBGP that the pages tell of."""
    for real, shown in ((lab.state, "/var/lib/bgpcommander/edge1"), (exabgp_choice.chosen().version, "4.2.21")):
        text = text.replace(str(real), shown)
    # Others than 4.2.21 say so.
    text = re.sub(r"(192\.0\.2\.77/32 next-hop) 10\.99\.[01]\.1", r"\1 self", text)
    return re.sub(r"  (closing connection)$", r"  peer reset, message (\1) error(Broken TCP connection)", text, flags=re.M)


def run(lab, command):
    """`bgpcommander …` as in the page."""
    words = command.split()
    done = subprocess.run([lab.program, *words[1:], "--socket", lab.socket], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30)
    assert words[0] == "bgpcommander" and done.returncode == 0, done.stdout
    return f"$ {command}\n{as_shown(lab, done.stdout)}"


def answer(lab, command):
    return json.loads(as_shown(lab, json.dumps(lab.api(command))))


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(peers=2, flow_peers=1, families="ipv4 unicast; ipv6 unicast; ipv4 flow;", arguments="-n edge1",
                   static="route 192.0.2.77/32 next-hop self;")
    if lab.user == "root":
        pytest.skip("the pages show a daemon that is not root's")
    lab.inside(lab.exa, "ip", "addr", "add", "172.16.1.5/32", "dev", "lo")
    lab.start_exabgp()
    tools = lab.dir / "tools"
    tools.mkdir()
    (tools / "hostname").write_text("#!/bin/sh\necho edge1\n")
    (tools / "hostname").chmod(0o755)
    lab.inside(lab.exa, "sh", "-euc", samples.block("three-keys"),
               env={"ETCDCTL_API": "3", "PATH": f"{tools}:{os.environ['PATH']}"})
    lab.put_all({"routes/POOL/config": "attributes next-hop self med 5 nlri 172.16.2.1/32 172.16.2.2/32 172.16.2.3/32",
                 "routes/SCRUB/config": "flow route { match { source 192.0.2.0/24; } then { discard; } }",
                 "routes/SPARE/config": "route 172.16.1.7/32 next-hop self",
                 "routes/WEB/config": "route 172.16.1.6/32 next-hop self community 65000:1"})
    lab.wait_for(lambda: lab.route("CUSTOM_ROUTE")["health"] == "down", 15, "the README's three keys have their effect")
    lab.put(f"{OWN}/subscribedRoutes", "CUSTOM_ROUTE WEB POOL SCRUB TYPO")
    for name in ("WEB", "POOL", "SCRUB"):
        lab.wait_for(lambda: lab.route(name)["state"] == "announced", 15, f"{name} is announced")
    lab.put("routes/WEB/config", "route 172.16.1.6/32 next-hop self med 4294967296 community 65000:1")
    lab.wait_for(lambda: lab.status()["summary"]["faulty"] == 1 and lab.status()["exabgp"]["settled"], 15, "one fault")
    return lab


def test_routes(lab):
    samples.compare("routes", run(lab, "bgpcommander routes"))
    samples.compare("routes-name", run(lab, "bgpcommander routes POOL"))


def test_status(lab):
    samples.compare("status", run(lab, "bgpcommander status"))


def test_the_three_commands_answer(lab):
    for line in samples.block("three-commands").splitlines():
        run(lab, line.partition("#")[0].strip())


def test_the_answer_to_status(lab):
    samples.compare_json("api-status", answer(lab, "status"))


def test_the_answer_to_routes_of_which_three_are_shown(lab):
    whole = answer(lab, "routes")
    shown = [route for route in whole["routes"] if route["name"] in ("CUSTOM_ROUTE", "POOL", "WEB")]
    samples.compare_json("api-routes", {**whole, "routes": shown, "foreign": whole["foreign"][:1]})
    assert len(shown) == 3


def test_the_answer_to_neighbors(lab):
    samples.compare_json("api-neighbors", answer(lab, "neighbors"))


def test_the_shortest_request(lab):
    request = samples.block("api-ping").splitlines()[0]
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(lab.socket))
        link.sendall(request.encode() + b"\n")
        text = b"".join(iter(lambda: link.recv(65536), b"")).decode()
    samples.compare("api-ping", f"{request}\n{text}")


def test_the_status_key(lab):
    lab.wait_for(lambda: json.loads(lab.get(f"{OWN}/status"))["summary"]["faulty"] == 1, 10, "the status is written")
    samples.compare_json("key-status", json.loads(as_shown(lab, lab.get(f"{OWN}/status"))))


def test_the_line_in_the_log(lab):
    samples.compare("fault-log", "\n".join(line for line in lab.log().splitlines() if "warning: routes/" in line))


def told_in(page, text):
    assert f"`{text}`" in (samples.ROOT / "docs" / page).read_text(), text


def test_a_list_that_meets_another_route(lab):
    good = lab.get("routes/POOL/config")
    lab.put("routes/POOL/config", f"{good} 172.16.1.6/32")
    lab.wait_for(lambda: lab.route("POOL")["error"], 15, "its fault is told")
    told_in("keys.md", lab.route("POOL")["error"])
    assert lab.route("POOL")["nlri"] == {"count": 3, "announced": 3}
    lab.put("routes/POOL/config", good)
    lab.wait_for(lambda: lab.route("POOL")["error"] is None, 15, "it is well again")


def test_a_flow_for_a_neighbor_that_takes_none(lab):
    good = lab.get("routes/SCRUB/config")
    lab.put("routes/SCRUB/config", f"neighbor 10.99.1.2 {good}")
    lab.wait_for(lambda: lab.route("SCRUB")["state"] == "standby", 15, "standby")
    told_in("keys.md", lab.route("SCRUB")["reason"])
    lab.put("routes/SCRUB/config", good)
    lab.wait_for(lambda: lab.route("SCRUB")["state"] == "announced", 15, "announced to the other again")


def test_a_service_address_that_is_missing(lab):
    lab.put("routes/CUSTOM_ROUTE/options", '{"address": "require"}')
    lab.inside(lab.exa, "ip", "addr", "del", "172.16.1.5/32", "dev", "lo")
    lab.wait_for(lambda: lab.route("CUSTOM_ROUTE")["layer"] == "address", 15, "it is judged by its address")
    samples.compare("address-fault", lab.route("CUSTOM_ROUTE")["error"])
    assert lab.route("CUSTOM_ROUTE")["reason"] == "the service address 172.16.1.5 is not on this host"
    lab.inside(lab.exa, "ip", "addr", "add", "172.16.1.5/32", "dev", "lo")
    lab.delete("routes/CUSTOM_ROUTE/options")
    lab.wait_for(lambda: lab.route("CUSTOM_ROUTE")["layer"] == "health", 15, "and again by its check")


def test_neighbors_of_which_one_is_gone(lab):
    lab.birds[1].stop()
    lab.wait_for(lambda: lab.api("neighbors")["neighbors"][1]["state"] == "down", 20, "the peer is gone")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 20, "settled")
    samples.compare("neighbors", run(lab, "bgpcommander neighbors"))


def test_an_emptied_store(lab):
    lab.delete_all(key for key in lab.get_prefix("") if not key.startswith(f"{OWN}/"))
    lab.wait_for(lambda: lab.status()["store"]["loss"], 20, "the loss is noticed")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 20, "settled")
    real = run(lab, "bgpcommander status")
    samples.compare("status-loss", real)
    ids = re.findall(r"bgpcommander approve ([0-9a-f]{8})", real)
    assert len(ids) == 2 and len(set(ids)) == 1
