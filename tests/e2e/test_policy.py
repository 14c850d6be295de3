"""Policies with real servers: BIRD has what the policy says, at both neighbors; a policy that fails, loops or would withdraw
all of it moves nothing; a killed core, too."""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest


EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "policies"
FAST = {"interval": "200ms", "fall": 1}

# What it says of a score goes into every attribute, each in a form of its own.
SCORED = """#!lua
return function(ctx)
  if not ctx.healthy then return withdraw(ctx.reason) end
  local score = ctx.checks.load.score
  local level = score >= 80 and 1 or 2
  return announce{ med = 100 * level, community = {"65000:" .. level, "no-export"}, large_community = {"65000:1:" .. level},
                   %s, reason = "level " .. level, again_in = score }
end
"""
PREFERRED = SCORED % "local_preference = 400 - 100 * level"
PREPENDED = SCORED % "prepend = level"
BOTH = {"four": "172.20.0.1/32", "six": "2001:db8:20::1/128"}
EXTERNAL = {"four-longer": "172.20.0.2/32", "six-longer": "2001:db8:20::2/128"}
READY = "172.20.0.3/32"
LIST = ["172.20.0.10/32", "172.20.0.11/32"]
FLOW, FLOW_AT_BIRD = "flow route { match { destination 172.20.0.4/32; } then { discard; } }", "dst 172.20.0.4/32;"
# The rate is a float (RFC 8955).
RATES = {1: "0x46160000", 2: "0x45960000"}
LIMITED = """#!lua
return function(ctx)
  if not ctx.healthy then return withdraw(ctx.reason) end
  return announce{ rate_limit = ctx.checks.load.score >= 80 and 9600 or 4800 }
end
"""

# These are under the default policy until they get one of their own, as is the pool.
NEAREST = {"own": "172.20.1.1/32", "nodes": "172.20.1.2/32", "builtin": "172.20.1.3/32"}

POOL = {**{f"pool{n}": f"172.20.2.{n}/32" for n in range(1, 8)}, "pool8": "2001:db8:20:2::8/128"}
GOOD = """#!lua
return function(ctx)
  if ctx.data.mistake then error("on purpose") end
  if not ctx.healthy then return withdraw(ctx.reason) end
  return announce{ med = 50, add_community = {"65000:50"} }
end
"""
# name: the policy, a part of what the status says of it
PUSHED = {
    "error": ("return function(ctx) error('on purpose') end", "it fails for 8 routes (0 before): policy:1: on purpose"),
    "syntax": ("return function(ctx) retrun end", "policy:1: "),
    "loop": ("return function(ctx) while true do end end", "killed three times within ten minutes"),
    "nothing": ("return function(ctx) end", "a policy must return announce{}, withdraw() or keep()"),
    "nonsense": ("return function(ctx) return {verdict = 'withdraw'} end",
                 "a policy must return announce{}, withdraw() or keep()"),
    "no-function": ("return 5", "policy"),
    "too-much": ("return function(ctx) return announce{ community = {string.rep('65000:1 ', 5000)} } end", "policy"),
    "withdraw": ("return function(ctx) return withdraw('all of them') end", "it would withdraw 8 healthy routes of the "),
    "a-few": ("return function(ctx) if ctx.route.name > 'pool2' then return withdraw('these') end return announce() end",
              "it would withdraw 6 healthy routes of the "),
    "med": ("return function(ctx) return announce{ med = 2^40 } end", "med: expected"),
    "community": ("return function(ctx) return announce{ community = {'65000:70000'} } end", "community: "),
    "as-path": ("return function(ctx) return announce{ as_path = {'65000 ]\\nshutdown'} } end", "as_path: "),
    "next-hop": ("return function(ctx) return announce{ next_hop = '2001:db8::1' } end", "next_hop: "),
    "prefix": ("return function(ctx) return announce{ prefix = '0.0.0.0/0' } end", "prefix: "),
    "loop-of-as": ("return function(ctx) return announce{ prepend = 2 } end", "prepend: "),
}

WHY = {"why-four": "172.20.3.1/32", "why-six": "2001:db8:20:3::1/128"}
VICTIM, WORK, LABELLED, HELD = "172.20.4.1/32", "172.20.4.2/32", "172.20.4.3/32", "172.20.4.4/32"
GUARDED, FORBIDDEN = "172.20.5.1/32", "172.20.6.1/32"
NODE_FILE = """announce_deny 172.20.6.0/24
announce_community 65000:*
announce_community 65000:*:*
announce_community 65535:0
announce_community no-export
announce_community blackhole
"""
CARRIES = """#!lua
return function(ctx) return announce{ community = ctx.data.carries, med = ctx.data.carries and 2 or 1 } end
"""


def example(path):
    return (EXAMPLES / path).read_text()


def config_of(prefix):
    return f"route {prefix} next-hop {'2001:db8:99:0::1' if ':' in prefix else 'self'} med 7"


def keys_of(routes, policy=None, options=None, before=""):
    keys = {}
    for name, prefix in routes.items():
        keys[f"routes/{name}/config"] = before + config_of(prefix)
        if policy:
            keys[f"routes/{name}/policy"] = policy
        if options:
            keys[f"routes/{name}/options"] = json.dumps(options)
    return keys


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(peers=2, internal=True, flow_peers=1, families="ipv4 unicast; ipv6 unicast; ipv4 flow;",
                   second_families="ipv4 unicast; ipv6 unicast;")
    lab.node_file.write_text(NODE_FILE)
    loaded = {"checks": ["load"]}
    service = f"#!/bin/sh\n[ -e {lab.flag('service')} ]\n"
    lab.put_all({
        "node/n1/subscribedRoutes": "*",
        "node/n1/labels": json.dumps({"cost": 10}),
        "data/load": "90",
        "data/why": "1",
        "data/flapping": "1",
        "checks/load/script": "#!lua\nreturn data.load\n",
        "checks/load/options": json.dumps(FAST),
        "policy": GOOD,
        **keys_of(BOTH, PREFERRED, loaded),
        **keys_of(EXTERNAL, PREPENDED, loaded, "neighbor 10.99.0.2 "),
        **keys_of({"ready": READY}, json.dumps({"use": "score_med", "check": "load", "best": 100, "worst": 200}), loaded),
        "routes/list/config": f"attributes next-hop self med 7 nlri {' '.join(LIST)}",
        "routes/flow/config": FLOW,
        **{f"routes/{name}/options": json.dumps(loaded) for name in ("list", "flow")},
        "routes/list/policy": PREFERRED,
        "routes/flow/policy": LIMITED,
        **keys_of(POOL),
        **{f"routes/{name}/options": json.dumps(FAST) for name in POOL},
        **{f"routes/{name}/healthcheck": service if name == "pool1" else "#!/bin/sh\ntrue\n" for name in POOL},
        **keys_of(WHY, "#!lua\nreturn function(ctx)\n  if ctx.data.why == 0 then return withdraw('enough') end\n"
                       "  return announce{ med = 30 + ctx.data.why, add_community = {'65000:30'}, reason = 'as data.why says' }\nend\n",
                  FAST),
        **{f"routes/{name}/healthcheck": "#!/bin/sh\ntrue\n" for name in WHY},
        **keys_of({"labelled": LABELLED}, "return function(ctx) return announce{ med = ctx.node.labels.cost } end"),
        **keys_of({"GUARDED": GUARDED, "FORBIDDEN": FORBIDDEN}, CARRIES),
    })
    lab.start_exabgp()
    lab.wait_for(lambda: lab.status()["summary"]["announced"] == len(lab.routes()) - 1, 30, "all stand but one that may not")
    wait_settled(lab)
    return lab


def of(lab, prefix):
    """[what each BIRD has of it, or None]"""
    return [bird.routes().get(prefix) for bird in lab.birds]


def wait_med(lab, prefix, med, seconds=20):
    lab.wait_for(lambda: all(bird.med(prefix) == med for bird in lab.birds), seconds, f"{prefix} has MED {med} at both")


def wait_gone(lab, prefix, seconds=20):
    lab.wait_for(lambda: not any(bird.has(prefix) for bird in lab.birds), seconds, f"{prefix} is gone")


def counters(lab):
    return [bird.counters() for bird in lab.birds]


def withdraws(lab):
    return [bird.counters()["withdraws"] for bird in lab.birds]


def policy_of(lab, name):
    return lab.route(name)["policy"]


def wait_settled(lab):
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 20, "all is confirmed by the wire")


def assert_level(lab, level):
    """All of it at both neighbors."""
    wanted = {"med": str(100 * level), "community": f"(65000,{level}) (65535,65281)", "large_community": f"(65000, 1, {level})"}
    external, internal = (bird.routes() for bird in lab.birds)
    for prefix in (*BOTH.values(), *LIST):
        assert wanted.items() <= external[prefix].items() and wanted.items() <= internal[prefix].items()
        assert external[prefix]["as_path"] == "65000" and internal[prefix].get("as_path", "") == ""
        assert internal[prefix]["local_pref"] == str(400 - 100 * level)
    for prefix in EXTERNAL.values():
        assert wanted.items() <= external[prefix].items() and prefix not in internal
        assert external[prefix]["as_path"] == " ".join(["65000"] * (level + 1))
    assert RATES[level] in lab.bird.flows()[FLOW_AT_BIRD]["ext_community"]
    ready = str(100 if level == 1 else 140)
    assert external[READY]["med"] == internal[READY]["med"] == ready


def wait_level(lab, level):
    def is_so():
        try:
            assert_level(lab, level)
        except AssertionError as error:
            raise ValueError(str(error)) from None
        return True
    lab.wait_for(is_so, 25, f"every route is at level {level}")


def test_attributes_at_both_neighbors_follow_the_score(lab):
    wait_level(lab, 1)
    before = withdraws(lab)
    lab.put("data/load", "55")
    wait_level(lab, 2)
    assert withdraws(lab) == before
    wait_settled(lab)
    assert lab.route("four")["layer"] == "policy" and lab.route("four")["reason"] == "level 2"
    # Another score of the same level is no UPDATE.
    quiet = counters(lab)
    lab.put("data/load", "59")
    for name in (*BOTH, *EXTERNAL):
        lab.wait_for(lambda: policy_of(lab, name)["againIn"] > 55, 10, f"{name} was asked with it")
    assert counters(lab) == quiet
    # Below the threshold of the check it is down.
    lab.put("data/load", "30")
    for prefix in (*BOTH.values(), *EXTERNAL.values(), READY, *LIST):
        wait_gone(lab, prefix)
    lab.wait_for(lambda: not lab.bird.flows(), 10, "the flow is gone")
    lab.put("data/load", "95")
    wait_level(lab, 1)


def test_the_nearest_policy_decides(lab):
    lab.put_all(keys_of(NEAREST))
    for prefix in NEAREST.values():
        wait_med(lab, prefix, 50)
    before = withdraws(lab)
    lab.put_all({"routes/own/policy": "return function(ctx) return announce{ med = 21 } end",
                 "routes/builtin/policy": '{"use": "builtin"}'})
    wait_med(lab, NEAREST["own"], 21)
    wait_med(lab, NEAREST["builtin"], 7)
    lab.put("node/n1/policy", "return function(ctx) return announce{ med = 22 } end")
    wait_med(lab, NEAREST["nodes"], 22)
    wait_med(lab, POOL["pool8"], 22)
    assert [lab.bird.med(NEAREST[name]) for name in ("own", "builtin")] == [21, 7]
    assert [(lab.route(name)["layer"], (policy_of(lab, name) or {}).get("key")) for name in ("own", "nodes", "builtin")] == [
        ("policy", "routes/own/policy"), ("policy", "node/n1/policy"), ("health", None)]
    lab.delete("node/n1/policy")
    wait_med(lab, NEAREST["nodes"], 50)
    wait_med(lab, POOL["pool8"], 50)
    assert withdraws(lab) == before
    lab.delete_all([key for name in NEAREST for key in (f"routes/{name}/config", f"routes/{name}/policy")])
    for prefix in NEAREST.values():
        wait_gone(lab, prefix)


def pool_in(bird):
    routes = bird.routes()
    return {prefix: routes.get(prefix) for prefix in POOL.values()}


@pytest.fixture
def pool(lab):
    """All of it stands by the good policy, which is there again after the test."""
    wait_pool(lab)
    yield
    lab.put("policy", GOOD)
    lab.delete("data/mistake")
    lab.flag("service")


def wait_pool(lab):
    for prefix in POOL.values():
        wait_med(lab, prefix, 50)
    wait_settled(lab)
    lab.wait_for(lambda: not warnings_of(lab, "policy:"), 10, "nothing is wrong with the policy")


def warnings_of(lab, key):
    return [line for line in lab.status()["warnings"] if line.startswith(key) or f" {key}" in line]


def held(lab):
    shown = policy_of(lab, "pool2")
    return shown["trial"] in ("held", "quarantined") and shown


@pytest.mark.parametrize("kind", PUSHED)
def test_a_pushed_policy_that_would_do_harm_moves_nothing(lab, pool, kind):
    before, table = counters(lab), [pool_in(bird) for bird in lab.birds]
    script, told = PUSHED[kind]
    lab.put("policy", script)
    shown = lab.wait_for(lambda: held(lab), 20, "it is held")
    text = lab.inside(lab.exa, lab.program, "status", "--socket", lab.socket, "-n", "n1")
    warning = next(line for line in text.splitlines() if line.startswith("warning") and " of policy " in line)
    assert told in warning, warning
    assert f"bgpcommander approve {shown['id']}" in warning if kind != "loop" else "change" in warning, warning
    wait_settled(lab)
    assert counters(lab) == before and [pool_in(bird) for bird in lab.birds] == table
    lab.put("policy", GOOD)
    wait_pool(lab)
    assert counters(lab) == before


def test_what_would_withdraw_all_does_so_once_it_is_approved(lab, pool):
    lab.put("policy", PUSHED["withdraw"][0])
    shown = lab.wait_for(lambda: held(lab), 20, "it is held")
    assert lab.ctl("approve", shown["id"]) == (0, {"approved": shown["id"]})
    for prefix in POOL.values():
        wait_gone(lab, prefix)
    assert lab.bird.has(BOTH["four"]) and lab.route("pool2")["reason"] == "all of them"
    lab.put("policy", GOOD)
    wait_pool(lab)


def test_a_dead_service_leaves_under_a_policy_that_fails(lab, pool):
    before = withdraws(lab)
    others = [prefix for name, prefix in POOL.items() if name != "pool1"]
    # One that failed from the start and was approved all the same, and one that begins to fail.
    for key, value, back in (("data/mistake", "true", None), ("policy", PUSHED["error"][0], GOOD)):
        lab.put(key, value)
        if back:
            shown = lab.wait_for(lambda: held(lab), 20, "it is held")
            assert lab.ctl("approve", shown["id"])[0] == 0
        lab.wait_for(lambda: all(policy_of(lab, name)["state"] == "failing" for name in POOL), 20, "it fails")
        assert warnings_of(lab, "policy:") and "on purpose" in policy_of(lab, "pool3")["error"]
        lab.flag("service", False)
        wait_gone(lab, POOL["pool1"])
        assert lab.route("pool1")["layer"] == "health"
        assert all(bird.med(prefix) == 50 for bird in lab.birds for prefix in others)
        lab.flag("service")
        wait_med(lab, POOL["pool1"], 50)
        lab.put(key, back) if back else lab.delete(key)
        wait_pool(lab)
    assert withdraws(lab) == [count + 2 for count in before]


def why(lab, *arguments):
    done = subprocess.run([lab.program, "why", *arguments, "--socket", lab.socket, "-n", "n1"], capture_output=True, text=True,
                          timeout=30, env={**os.environ, "TZ": "UTC"})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line[:9].strip() for line in lines] == ["route", "check", "counter", "rule", "command", "ack", "wire", "from"]
    return {line[:9].strip(): line[9:] for line in lines}


def test_why_tells_the_decision_of_before_a_crash_which_moves_nothing(lab):
    for prefix in WHY.values():
        wait_med(lab, prefix, 31)
    lab.put("data/why", "2")
    for prefix in WHY.values():
        wait_med(lab, prefix, 32)
    wait_pool(lab)
    before = {name: lab.wait_for(lambda: (told := why(lab, name))["wire"].count("10.99.") == 2 and told, 10, "told by both")
              for name in WHY}
    quiet, tables = counters(lab), [bird.routes() for bird in lab.birds]
    core = lab.status()["pid"]
    os.kill(core, signal.SIGKILL)
    lab.wait_for(lambda: lab.is_synced() and lab.status()["pid"] != core, 30, "another core is synced")
    lab.wait_for(lambda: all(policy_of(lab, name)["state"] == "answered" for name in (*WHY, *POOL, *BOTH)), 30, "all have answered")
    wait_settled(lab)
    assert counters(lab) == quiet and [bird.routes() for bird in lab.birds] == tables
    times = r"\d\d:\d\d:\d\d\.\d{3} \(\+\d+ ms\)"
    for name, prefix in WHY.items():
        told = why(lab, name)
        for subject in ("check", "counter", "rule", "command", "ack", "wire", "from"):
            assert told[subject] == before[name][subject]
        assert told["route"].startswith(f"{name} {prefix}: announce, decided ")
        assert told["rule"].startswith(f"policy: as data.why says; routes/{name}/policy: announce")
        assert re.search(rf"^{times} announce route {re.escape(prefix)} .*med 32 community 65000:30$", told["command"])
        assert re.search(rf"10\.99\.0\.2 {times}", told["wire"]) and re.search(rf"10\.99\.1\.2 {times}", told["wire"])
        assert told["check"] == "healthcheck up: passed"
        assert re.match(r"store revision \d+; ", told["from"]) and f"routes/{name}/policy " in told["from"]
    # And the new core's policies decide.
    lab.put("data/why", "0")
    for name, prefix in WHY.items():
        wait_gone(lab, prefix)
        lab.wait_for(lambda: why(lab, name)["rule"].endswith("withdraw: enough"), 10, "the newest decision is told")


def test_a_blackhole_ends_by_its_time(lab):
    lab.put_all({"lua/rtbh": example("rtbh/store/lua/rtbh"), "routes/VICTIM-1/policy": example("rtbh/store/routes/VICTIM-1/policy"),
                 "data/blackholes": "{}",
                 "routes/VICTIM-1/config": f"route {VICTIM} next-hop self community [ blackhole no-export ]"})
    lab.wait_for(lambda: lab.route("VICTIM-1")["reason"] == "not in data/blackholes", 15, "it is not listed")
    ends = time.time() + 6
    lab.put("data/blackholes", json.dumps({"VICTIM-1": {"until": ends, "why": "case 1"}}))
    lab.wait_for(lambda: all(bird.has(VICTIM) for bird in lab.birds), 6, "it is listed")
    assert "(65535,666)" in of(lab, VICTIM)[0]["community"] and lab.route("VICTIM-1")["reason"] == "case 1"
    wait_gone(lab, VICTIM)
    assert time.time() >= ends and lab.route("VICTIM-1")["reason"] == "its time is over"


def window(begins_in, ends_in):
    """In the local time of the example, which has minutes."""
    zone = datetime.timezone(datetime.timedelta(hours=1))

    def at(minutes):
        return (datetime.datetime.now(zone) + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M")
    return json.dumps([{"node": "n1", "from": at(begins_in), "to": at(ends_in)}])


def test_a_maintenance_window_counts_at_once(lab):
    lab.put_all({"data/maintenance": window(60, 120), **keys_of({"WORK": WORK}, example("maintenance-window/store/policy"))})
    wait_med(lab, WORK, 7)
    lab.put("data/maintenance", window(5, 60))
    lab.wait_for(lambda: all(route.get("community") == "(65535,0)" for route in of(lab, WORK)), 15, "graceful shutdown")
    lab.put("data/maintenance", window(-5, 60))
    wait_gone(lab, WORK)
    lab.delete("data/maintenance")
    lab.wait_for(lambda: all(route is not None and "community" not in route for route in of(lab, WORK)), 15, "back")


def test_labels_count_at_once(lab):
    wait_med(lab, LABELLED, 10)
    lab.put("node/n1/labels", json.dumps({"cost": 20}))
    wait_med(lab, LABELLED, 20)


def test_a_hold_ends_by_again_in(lab):
    lab.put_all({"routes/held/healthcheck": "#!lua\nreturn data.flapping == 1\n",
                 **keys_of({"held": HELD}, json.dumps({"use": "hold_down", "suppress": 1100, "reuse": 1000, "half_life": "2s",
                                                       "max": "20s"}), FAST)})
    wait_med(lab, HELD, 7)

    def flap():
        lab.put("data/flapping", "0")
        wait_gone(lab, HELD)
        lab.put("data/flapping", "1")
        route = lab.wait_for(lambda: (r := lab.route("held"))["health"] == "up" and (
            r["state"] == "announced" or "flaps" in r["reason"]) and r, 15, "it is well again")
        return "flaps" in route["reason"]
    # The second time, unless the machine is so slow that the first is forgotten.
    assert any(flap() for _ in range(4))
    assert not lab.bird.has(HELD) and 0 < policy_of(lab, "held")["againIn"] <= 2
    wait_med(lab, HELD, 7)


def test_the_limits_of_the_node_are_above_policies(lab):
    wait_med(lab, GUARDED, 1)
    before = counters(lab)
    lab.put("data/carries", '["65000:5", "64512:666"]')
    route = lab.wait_for(lambda: (r := lab.route("GUARDED"))["layer"] == "guard" and r, 10, "it is refused")
    assert "announce_community" in route["error"] and route["state"] == "announced"
    forbidden = lab.route("FORBIDDEN")
    assert (forbidden["layer"], forbidden["state"]) == ("guard", "waiting") and "announce_deny" in forbidden["error"]
    wait_settled(lab)
    assert counters(lab) == before
    lab.put("routes/GUARDED/policy", CARRIES.replace("ctx.data.carries,", "{'65000:5'},"))
    wait_med(lab, GUARDED, 2)
    assert of(lab, GUARDED)[1]["community"] == "(65000,5)" and of(lab, FORBIDDEN) == [None, None]


def test_what_is_held_is_held_by_the_next_core_too(lab, pool):
    before = counters(lab)
    lab.put("policy", PUSHED["withdraw"][0])
    shown = lab.wait_for(lambda: held(lab), 20, "it is held")
    core = lab.status()["pid"]
    assert lab.ctl("upgrade")[0] == 0
    lab.wait_for(lambda: lab.is_synced() and lab.status()["pid"] != core, 30, "another core is synced")
    assert lab.wait_for(lambda: held(lab), 20, "it is held again")["id"] == shown["id"]
    wait_settled(lab)
    assert counters(lab) == before
    # A failed check withdraws all the same.
    lab.flag("service", False)
    wait_gone(lab, POOL["pool1"])
    lab.flag("service")
    wait_med(lab, POOL["pool1"], 50)
    lab.put("policy", GOOD)
    wait_pool(lab)


def test_a_restart_of_exabgp_announces_what_policies_say_and_nothing_before(lab, pool):
    tables = [{**bird.routes(), **bird.flows()} for bird in lab.birds]
    lab.stop_exabgp()
    lab.start_exabgp()
    lab.wait_for(lambda: [{**bird.routes(), **bird.flows()} for bird in lab.birds] == tables, 20, "all as before")
    wait_settled(lab)
    assert counters(lab) == [{"updates": len(table), "withdraws": 0} for table in tables]


@pytest.mark.parametrize("kind", ["error", "withdraw"])
def test_what_is_held_is_held_over_a_restart_of_exabgp(lab, pool, kind):
    lab.put("policy", PUSHED[kind][0])
    lab.wait_for(lambda: held(lab), 20, "it is held")
    tables = [bird.routes() for bird in lab.birds]
    lab.stop_exabgp()
    lab.start_exabgp()
    lab.wait_for(lambda: [bird.routes() for bird in lab.birds] == tables, 10, "all as before")
    lab.wait_for(lambda: held(lab), 20, "it is held again")
