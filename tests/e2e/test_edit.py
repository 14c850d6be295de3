"""The commands that edit the store, and what BIRD then has; each kind of store."""
import json
import subprocess

import lab as lab_module
import netns
import pytest

KEEPER, WEB = "192.0.2.250/32", "172.16.1.5/32"


@pytest.fixture(params=["v3", "v2", "dir"])
def lab(request, make_lab):
    lab = make_lab(store=request.param)
    lab.put_all({"routes/keeper/config": f"route {KEEPER} next-hop self", "node/n1/subscribedRoutes": "keeper"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has(KEEPER), 10, "the first route")
    yield lab
    lab.close()


def edit(lab, *words, code=0):
    """The answer of the command, given with the daemon's own arguments."""
    with netns.inside(lab.exa):
        done = subprocess.run([lab.program, *words, "--json", "--socket", lab.socket, "-n", lab_module.NODE, "-p", lab.scripts,
                               "--timeout", "20s", *lab.store.arguments().split()], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=90)
    assert done.returncode == code, done
    return json.loads(done.stdout)


def test_a_route_that_is_set_is_at_the_router_and_one_that_is_deleted_is_not(lab):
    late = edit(lab, "route", "set", "nobodys", "route", "172.16.1.9/32", "next-hop", "self", "--wait", code=5)
    assert "nobodys is unsubscribed" in late["text"]
    errors = edit(lab, "route", "set", "web", "route", WEB, "next-hop", "self", "med", "7")["warnings"]
    assert "no node subscribes to web" in errors[0] and not lab.bird.has(WEB)
    answer = edit(lab, "node", "subscribe", "n1", "web", "--wait")
    assert answer["onWire"]
    # On the wire is what ExaBGP has sent; BIRD reads it a moment later.
    lab.wait_for(lambda: lab.bird.med(WEB) == 7, 10, "at the router")
    answer = edit(lab, "route", "set", "web", "route", WEB, "next-hop", "self", "med", "9", "--wait")
    assert answer["onWire"] is True and answer["changes"][0]["key"] == "routes/web/config"
    lab.wait_for(lambda: lab.bird.med(WEB) == 9, 10, "the new attributes")
    lab.wait_for(lambda: lab.get("node/n1/routes/web/state") == "announce", 10, "published")
    refused = edit(lab, "route", "delete", "web", code=1)
    assert "web is announced by 1 node (n1)" in refused["text"] and lab.bird.has(WEB)
    answer = edit(lab, "route", "delete", "web", "--yes", "--wait")
    assert answer["onWire"] is True
    lab.wait_for(lambda: not lab.bird.has(WEB), 10, "gone")
    assert lab.bird.has(KEEPER)


def test_a_node_that_is_down_has_nothing_and_one_that_is_up_again_has_all(lab):
    lab.wait_for(lambda: lab.get("node/n1/status"), 10, "published")
    assert "of which it announces 1 now" in edit(lab, "node", "down", code=1)["text"]
    edit(lab, "node", "down", "--yes", "--wait")
    lab.wait_for(lambda: not lab.bird.has(KEEPER), 10, "withdrawn")
    late = edit(lab, "route", "set", "keeper", "route", KEEPER, "next-hop", "self", "med", "5", "--wait", code=5)
    assert late["outcome"] == "not on the wire" and "adminState is down" in late["text"]
    edit(lab, "node", "up", "--wait")
    lab.wait_for(lambda: lab.bird.has(KEEPER), 10, "announced")


def test_a_check_that_fails_is_why_it_does_not_come_on_the_wire(lab):
    script = lab.dir / "fails"
    script.write_text("#!/bin/sh\necho broken\nexit 3\n")
    edit(lab, "node", "subscribe", "n1", "web", "--yes")
    late = edit(lab, "route", "set", "web", "route", WEB, "next-hop", "self", "--healthcheck", script, "--options",
                '{"interval": "200ms", "fall": 1}', "--wait", code=5)
    assert "written, but it does not come on the wire" in late["text"] and "exit code 3" in late["text"], late
    assert not lab.bird.has(WEB)


def test_without_a_daemon_it_is_written_and_said_that_nobody_answers(lab):
    lab.stop_exabgp()
    lab.wait_for(lambda: not any(lab.daemons().values()), 10, "the daemon is gone")
    late = edit(lab, "route", "set", "web", "route", WEB, "next-hop", "self", "--wait", code=5)
    assert "no daemon answers on this node" in late["text"]
    assert lab.get("routes/web/config") == f"route {WEB} next-hop self"
