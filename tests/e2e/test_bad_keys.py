"""A bad key harms its own route's new version only, and says so: once in the log, in the status key, in `routes`."""
import json

import pytest

SELF = "next-hop self"
BAD_CONFIGS = {
    "mask": f"route 10.8.0.0/33 {SELF}",
    "hostbits": f"route 10.8.0.1/24 {SELF}",
    "nohop": "route 10.8.1.0/24 med 5",
    "negative": f"route 10.8.2.0/24 {SELF} med -1",
    "toobig": f"route 10.8.3.0/24 {SELF} med 4294967296",
    "poison1": f"route 10.8.4.0/24 {SELF} as-path [ 4294967296 ]",
    "poison2": f"route 10.8.5.0/24 {SELF} as-path [ -1 ]",
    "unknown": f"route 10.8.6.0/24 {SELF} colour 5",
    "lines": f"route 10.8.7.0/24 {SELF}\nannounce route 0.0.0.0/0 {SELF}",
    "carriage": f"route 10.8.8.0/24 {SELF}\rannounce route 0.0.0.0/0 {SELF}",
    "ascii": f"route 10.8.9.0/24 {SELF} m\u00e9d 5",
    "community": f"route 10.8.10.0/24 {SELF} community [ 1:65536 ]",
    "verb": f"withdraw route 10.8.11.0/24 {SELF}",
    "two": f"route 10.8.12.0/24 {SELF}; route 0.0.0.0/0 {SELF}",
    "selector": f"neighbor 10.99.0.2 shutdown",
    "comment": f"route 10.8.13.0/24 {SELF} # remark",
    "unclosed": f"route 10.8.14.0/24 {SELF} as-path [ 1 2",
    "v6self": f"route 2001:db8:9::/48 {SELF}",
}
GOOD = "route 10.9.0.1/32 next-hop self med 1"


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.250/32"), 10, "the first route")
    return lab


def fault_of(lab, name):
    return lab.wait_for(lambda: lab.route(name)["error"], 10, f"{name} has its message")


def told_in_log(lab, name):
    return [line for line in lab.log().splitlines() if f"routes/{name}/" in line]


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_a_bad_config_is_refused_with_its_message(lab, name):
    before, lines = lab.bird.counters(), len(lab.log("exabgp.log").splitlines())
    lab.put(f"routes/{name}/config", BAD_CONFIGS[name])
    error = fault_of(lab, name)
    assert error.startswith(f"routes/{name}/config"), error
    assert "\n" not in error and "\r" not in error and error.isascii() and len(error) < 400
    lab.wait_for(lambda: json.loads(lab.get("node/n1/status"))["routes"][name]["error"] == error, 10, "in etcd")
    # A barrier: a good key put later is at work, so the bad one would be, too.
    number = 1 + sorted(BAD_CONFIGS).index(name)
    lab.put(f"routes/barrier{number}/config", f"route 10.9.1.{number}/32 next-hop self")
    lab.wait_for(lambda: lab.bird.has(f"10.9.1.{number}/32"), 10, "a good route works")
    assert lab.bird.counters() == {"updates": before["updates"] + 1, "withdraws": before["withdraws"]}
    assert len(told_in_log(lab, name)) == 1, told_in_log(lab, name)
    assert lab.is_exabgp_alive()
    new = lab.log("exabgp.log").splitlines()[lines:]
    assert not [line for line in new if "error" in line.lower() or "0.0.0.0/0" in line], new


def test_a_bad_version_leaves_the_running_one_alone(lab):
    lab.put("routes/standing/config", GOOD)
    lab.wait_for(lambda: lab.bird.med("10.9.0.1/32") == 1, 10, "announced")
    before = lab.bird.counters()
    lab.put("routes/standing/config", "route 10.9.0.1/32 next-hop self med lots")
    assert "med" in fault_of(lab, "standing")
    assert lab.bird.counters() == before and lab.route("standing")["state"] == "announced"
    lab.put("routes/standing/config", GOOD.replace("med 1", "med 2"))
    lab.wait_for(lambda: lab.bird.med("10.9.0.1/32") == 2, 10, "mended")
    assert lab.route("standing")["error"] is None


@pytest.mark.parametrize("options", ['{"interval": ', '{"interval": "soon"}', '{"interval": 0.001}', '{"intervall": 5}',
                                     '{"rise": -1}', "[]", '{"env": {"LD_PRELOAD": "/x"}}'])
def test_bad_options_are_refused(lab, options):
    lab.put("routes/opts/config", "route 10.9.0.2/32 next-hop self")
    lab.put("routes/opts/options", "{}")
    lab.wait_for(lambda: lab.route("opts")["error"] is None and lab.bird.has("10.9.0.2/32"), 10, "good before")
    before = lab.bird.counters()
    lab.put("routes/opts/options", options)
    assert fault_of(lab, "opts").startswith("routes/opts/options")
    assert lab.bird.counters() == before


@pytest.mark.parametrize("script", ["#!/usr/bin/lua\nreturn true\n", "#!/usr/bin/env lua5.4\nreturn true\n", "x" * 262145])
def test_bad_scripts_are_refused(lab, script):
    lab.put_all({"routes/script/config": "route 10.9.0.3/32 next-hop self", "routes/script/healthcheck": script})
    error = fault_of(lab, "script")
    assert error.startswith("routes/script/healthcheck"), error
    if "lua" in script:
        assert "#!lua" in error
    assert not lab.bird.has("10.9.0.3/32")
    lab.delete_all(lab.get_prefix("routes/script/"))
    lab.wait_for(lambda: "script" not in lab.routes(), 10, "deleted")


def test_a_script_whose_program_is_missing_says_which(lab):
    lab.put_all({"routes/noprogram/config": "route 10.9.0.4/32 next-hop self", "routes/noprogram/options": '{"interval": "200ms"}',
                 "routes/noprogram/healthcheck": "#!/bin/sh\nno-such-digger @192.0.2.1 example.org\n"})
    lab.wait_for(lambda: lab.route("noprogram")["health"] == "down", 10, "it fails")
    assert "no-such-digger" in json.dumps(lab.route("noprogram"))
    assert not lab.bird.has("10.9.0.4/32")


def test_of_two_routes_with_one_identity_the_standing_one_wins(lab):
    lab.put("routes/zfirst/config", "route 10.9.0.5/32 next-hop self med 11")
    lab.wait_for(lambda: lab.bird.med("10.9.0.5/32") == 11, 10, "announced")
    before = lab.bird.counters()
    lab.put("routes/asecond/config", "route 10.9.0.5/32 next-hop self med 22")
    assert "zfirst" in fault_of(lab, "asecond")
    assert lab.bird.counters() == before
    lab.delete("routes/zfirst/config")
    lab.wait_for(lambda: lab.bird.med("10.9.0.5/32") == 22, 10, "then the other")


@pytest.mark.parametrize("key, value, word", [
    ("node/n1/adminState", "sideways", "adminState"),
    ("node/n1/subscribedRoutes", "* bad/name", "subscribedRoutes"),
    ("routes/bad name/config", GOOD, "bad name"),
])
def test_bad_keys_of_the_node_are_told(lab, key, value, word):
    before = lab.bird.counters()
    standing = lab.get(key)
    lab.put(key, value)
    lab.wait_for(lambda: any(word in line for line in lab.status()["warnings"]), 10, "told in the status")
    assert lab.bird.counters() == before
    if standing is None:
        lab.delete(key)
    else:
        lab.put(key, standing)
    lab.wait_for(lambda: not any(word in line for line in lab.status()["warnings"]), 10, "mended")


def test_a_value_that_is_not_text_is_refused(lab):
    lab.etcd.put("/bgp/routes/binary/config", b"route 10.8.15.0/24 next-hop self\0 med 5")
    fault_of(lab, "binary")
    assert not lab.bird.has("10.8.15.0/24")
