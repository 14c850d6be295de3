"""What it says is what the router has: in each state that a route can be in, all that tells of it agrees, with one another and
with what BIRD has."""
import json
import os
import signal

import pytest
import views

FAST = '{"interval": 1, "rise": 1, "fall": 1}'
SHELL, LUA, FLOW, STATIC, MANY, BROKEN = "web", "lua", "flow", "static", "many", "broken"
SUBSCRIBED = f"{SHELL} {LUA} {FLOW} {MANY} {BROKEN} p?"


@pytest.fixture(scope="module")
def lab(make_lab):
    """The second router takes no flows; one prefix that the store wants, too, stands in ExaBGP's own configuration."""
    lab = make_lab(peers=2, flow_peers=1, families="ipv4 unicast; ipv6 unicast; ipv4 flow;", arguments="--http 127.0.0.1:5000",
                   static="route 192.0.2.77/32 next-hop self;")
    lab.flag("up")
    lab.put_all({
        f"routes/{SHELL}/config": "route 172.16.1.1/32 next-hop self med 100", f"routes/{SHELL}/options": FAST,
        f"routes/{SHELL}/healthcheck": f"#!/bin/sh\n[ -e {lab.flags}/up ] || {{ echo nobody answers; exit 3; }}\n",
        f"routes/{LUA}/config": "route 2001:db8:1::1/128 next-hop 2001:db8:99::1", f"routes/{LUA}/options": FAST,
        f"routes/{LUA}/healthcheck": "#!lua\nreturn true\n",
        f"routes/{FLOW}/config": "flow route { match { source 10.1.0.0/24; } then { discard; } }",
        f"routes/{STATIC}/config": "route 192.0.2.77/32 next-hop self",
        f"routes/{MANY}/config": "attributes next-hop self med 5 nlri 172.16.2.1/32 172.16.2.2/32 172.16.2.3/32",
        f"routes/{BROKEN}/config": "route 172.16.1.9/32 next-hop sel", "routes/spare/config": "route 172.16.1.8/32 next-hop self",
        **{f"routes/p{number}/config": f"route 172.16.5.{number}/32 next-hop self" for number in range(1, 7)},
    })
    lab.subscribe(SUBSCRIBED)
    lab.start_exabgp()
    return lab


def agree(lab, states, more=lambda lab: True):
    """Waits until the routes are in these states, and then until nothing disagrees: what tells of them is written at other moments."""
    def found():
        routes = lab.routes()
        return {name: routes[name]["state"] for name in states if name in routes} == states and more(lab)
    lab.wait_for(found, 40, f"{states}")
    last = []

    def settled():
        last[:] = views.disagreements(lab)
        return not last
    try:
        lab.wait_for(settled, 60, "all agree", 0.3)
    except AssertionError as late:
        raise AssertionError("\n".join(last) or str(late)) from None


def put(lab, name, route, **more):
    return lab.inside(lab.exa, "curl", "-sS", "--max-time", "30", "-X", "PUT", "-H", "Content-Type: application/json", "-d",
                      json.dumps({"route": route, **more}), f"http://127.0.0.1:5000/v1/routes/{name}?wait=wire")


def everywhere(state, *names):
    return {name: state for name in names or (SHELL, LUA, FLOW, MANY)}


def test_announced(lab):
    agree(lab, {**everywhere("announced"), BROKEN: "faulty", "spare": "unsubscribed"})
    assert lab.birds[1].flows() == {} and lab.bird.flows()


def test_withdrawn_by_its_check(lab):
    lab.flag("up", False)
    agree(lab, {**everywhere("announced", LUA, FLOW, MANY), SHELL: "withdrawn"})
    lab.flag("up")
    agree(lab, everywhere("announced"))


def test_routes_of_the_api_and_the_end_of_one(lab):
    assert '"state":"announced"' in put(lab, "kept", "route 198.51.100.1/32 next-hop self")
    assert '"state":"announced"' in put(lab, "ends", "route 198.51.100.2/32 next-hop self", ttl="1h", reason="maintenance")
    lab.inside(lab.exa, "curl", "-sS", "-d", "command=neighbor 10.99.1.2 announce route 198.51.100.3/32 next-hop self",
               "http://127.0.0.1:5000/?wait=wire")
    agree(lab, {"api:kept": "announced", "api:ends": "announced"})
    put(lab, "ends", "route 198.51.100.2/32 next-hop self", ttl="1s")
    agree(lab, {"api:kept": "announced"}, lambda lab: "api:ends" not in lab.routes())


def test_wanted_and_kept_off_by_what_stands(lab):
    lab.subscribe(f"{SUBSCRIBED} {STATIC}")
    agree(lab, {STATIC: "foreign"})
    line = next(line for line in views.words_of(lab, "status").splitlines() if line.startswith("routes "))
    assert line.endswith(", 2 foreign, 1 not on the wire"), line
    assert "\nnow      foreign: stands in ExaBGP, but was not announced by this program" in views.words_of(lab, "why", STATIC)
    lab.subscribe(SUBSCRIBED)
    agree(lab, {**everywhere("announced"), STATIC: "unsubscribed"})


def test_a_script_in_quarantine(lab):
    lab.put(f"routes/{LUA}/healthcheck", "#!lua\nwhile true do end\n")
    agree(lab, everywhere("announced"), lambda lab: lab.status()["workers"]["quarantined"] == 1)
    lab.put(f"routes/{LUA}/healthcheck", "#!lua\nreturn true, 'mended'\n")
    agree(lab, everywhere("announced"), lambda lab: lab.status()["workers"]["quarantined"] == 0)


def test_a_policy_that_is_held_and_then_approved(lab):
    lab.put("node/n1/policy", "return function(ctx) return withdraw('nobody at home') end")
    agree(lab, everywhere("announced"), lambda lab: lab.status()["policies"]["held"] == 1)
    lab.ctl("approve")
    agree(lab, everywhere("withdrawn"))
    lab.put("node/n1/policy", "return function(ctx) error('no') end")
    agree(lab, everywhere("withdrawn"), lambda lab: lab.status()["policies"]["held"] == 1)
    row = next(line for line in views.words_of(lab, "routes").splitlines() if line.startswith(SHELL))
    assert "policy: nobody at home; the new version of node/n1/policy is held" in row
    lab.delete("node/n1/policy")
    agree(lab, everywhere("announced"))


def test_drained(lab):
    lab.put("node/n1/adminState", "drain")
    agree(lab, {**everywhere("withdrawn"), "api:kept": "withdrawn"})
    lab.put("node/n1/adminState", "up")
    agree(lab, {**everywhere("announced"), "api:kept": "announced"})


@pytest.mark.parametrize("how", ["upgrade", "crash"])
def test_the_next_core_tells_the_same(lab, how):
    old = lab.pid_of("core")
    if how == "upgrade":
        lab.ctl("upgrade")
    else:
        os.kill(old, signal.SIGKILL)
    lab.wait_for(lambda: lab.status()["pid"] != old and lab.is_synced(), 30, "another core")
    agree(lab, {**everywhere("announced"), "api:kept": "announced", BROKEN: "faulty"})
    assert lab.route(FLOW)["onWire"] == ["10.99.0.2"]


def test_one_session_down_and_then_all(lab):
    lab.birds[1].session_down()
    agree(lab, everywhere("announced"), lambda lab: lab.route(SHELL)["onWire"] == ["10.99.0.2"])
    lab.bird.session_down()
    agree(lab, {**everywhere("standby"), "api:kept": "standby"})
    row = next(line for line in views.words_of(lab, "routes").splitlines() if line.startswith(SHELL))
    assert "no session is up that carries it; health: health check passed" in row
    assert views.words_of(lab, "why", SHELL).endswith("\nnow      standby: no session is up that carries it\n")
    for bird in lab.birds:
        bird.session_up()
    agree(lab, {**everywhere("announced"), "api:kept": "announced"}, lambda lab: len(lab.route(SHELL)["onWire"]) == 2)


def test_while_exabgp_hangs(lab):
    """What is withdrawn is still there, and what is new is not yet."""
    exabgp = lab.exabgp.pid
    os.kill(exabgp, signal.SIGSTOP)
    try:
        lab.flag("up", False)
        lab.put("routes/p9/config", "route 172.16.5.9/32 next-hop self")
        # A question of core's own may be on its way, and commands wait for its answer.
        agree(lab, {**everywhere("announced", LUA, FLOW, MANY), SHELL: "withdrawing"},
              lambda lab: lab.route("p9")["state"] in ("pending", "sent"))
        assert lab.bird.has("172.16.1.1/32") and lab.route(SHELL)["onWire"] == ["10.99.0.2", "10.99.1.2"]
    finally:
        os.kill(exabgp, signal.SIGCONT)
    agree(lab, {SHELL: "withdrawn", "p9": "announced"})
    lab.flag("up")
    agree(lab, everywhere("announced"))
