"""Who reads the README and the pages on HTTP, on editing and on the doctor from top to bottom, and types what stands there, in
that order and on one node, gets what stands there: the lines of one page do not get in the way of those of the next."""
import json
import os
import re
import subprocess

import lab as lab_module
import netns
import pytest
import samples

CURL = "curl -sS --max-time 30 "


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(flow_peers=1, families="ipv4 unicast; ipv6 unicast; ipv4 flow;", arguments="--http 127.0.0.1:5000")
    # The words of the daemon's own `run` line that this host's other daemons make necessary; the store is not among them.
    lab.words = f"-n {lab_module.NODE} --socket {lab.socket} --config {lab.node_file} --state-dir {lab.state}"
    tools = lab.dir / "tools"
    tools.mkdir()
    for name, text in {"hostname": f"echo {lab_module.NODE}", "bgpcommander": f'exec {lab.program} "$@" {lab.words}'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    lab.environment["PATH"] = f"{tools}:{os.environ['PATH']}"
    lab.start_exabgp()
    return lab


def shell(lab, text, code=0):
    """What the words say, typed on the node."""
    with netns.inside(lab.exa):
        done = subprocess.run(["sh", "-c", text.replace("curl ", CURL, 1)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=90, check=False,
                              env={**os.environ, **lab.environment, "ETCDCTL_API": "3"})
    assert done.returncode == code, (text, done)
    return done.stdout


def follow(lab, name):
    """Types the lines of a block that have a prompt; each says what stands below it."""
    said = "".join(f"{line}\n{shell(lab, line[2:])}" for line in samples.block(name).splitlines() if line.startswith("$ "))
    samples.compare(name, re.sub(r'"decision":\d+', '"decision":17', said))


def test_the_three_keys_of_the_readme(lab):
    """Nobody answers at the address of the example: the route is known, and is not announced."""
    shell(lab, samples.block("three-keys"))
    lab.wait_for(lambda: lab.route("CUSTOM_ROUTE")["state"] == "withdrawn", 15, "the check has run")
    assert "  172.16.1.5/32  withdrawn  down  " in shell(lab, "bgpcommander routes") and not lab.bird.has("172.16.1.5/32")


@pytest.mark.parametrize("name", ["readme-http", "http-form", "http-wrong", "http-json", "http-put", "http-blackhole", "http-flow"])
def test_the_lines_of_the_http_api(lab, name):
    follow(lab, name)


def test_the_router_has_what_they_asked_for_and_the_status_counts_it(lab):
    for net in ("100.10.0.0/24", "100.20.0.0/24", "198.51.100.1/32", "203.0.113.7/32"):
        lab.wait_for(lambda net=net: lab.bird.has(net), 5, net)
    lab.wait_for(lab.bird.flows, 5, "the flow")
    assert "routes    1, 1 subscribed, and 5 of the API: 5 announced, 1 withdrawn, " in shell(lab, "bgpcommander status")


def test_the_doctor_finds_nothing_to_do(lab):
    """The store is the one that both have without being told; only one of its two ports is there. What came by HTTP has no
    options in which its address could be managed."""
    findings = json.loads(shell(lab, "bgpcommander doctor --json"))["findings"]
    assert {one["level"] for one in findings} <= {"good", "note"}, findings
    assert "address-missing" not in {one["code"] for one in findings}


def test_the_node_is_drained_and_comes_back(lab):
    assert "refused: node n1 withdraws all its routes" in shell(lab, "bgpcommander node drain", code=1)
    shell(lab, "bgpcommander node drain --yes --wait")
    lab.wait_for(lambda: not lab.bird.has("198.51.100.1/32"), 5, "withdrawn")
    assert ", and 5 of the API: 0 announced, 6 withdrawn, " in shell(lab, "bgpcommander status")
    shell(lab, "bgpcommander node up --wait")
    lab.wait_for(lambda: lab.bird.has("198.51.100.1/32"), 5, "announced")


def test_a_route_set_by_the_readmes_words(lab):
    shell(lab, "bgpcommander route set WEB route 192.0.2.1/32 next-hop self")
    shell(lab, f"bgpcommander node subscribe {lab_module.NODE} WEB --wait")
    lab.wait_for(lambda: lab.bird.has("192.0.2.1/32"), 5, "the router has it")
    # The status key follows half a second behind.
    lab.wait_for(lambda: re.search(r"^n1 +alive +connected +up +7 +6 +1 +0 ", shell(lab, "bgpcommander nodes"), re.M), 10,
                 "the other nodes see it, too")
