"""--etcd-api auto over real etcd members: which of the two APIs is chosen, when none is, and that a choice stays."""
import re

import pytest

import etcd2_lab
from etcd2_lab import keys
from etcd_lab import Lab
from ports import free_port
from wait import nothing_happens_for, wait_for

ROUTE = "/bgp/routes/a/config"


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    passed = False
    try:
        yield made
        passed = True
    finally:
        made.close(check=passed)


def probe_of(lab, *endpoints, **options):
    return lab.probe(list(endpoints), api="auto", **{"tuning": {"look_ms": 100, **options.pop("tuning", {})}, **options})


def kind_of(probe):
    probe.say("age")
    return probe.wait("age")[2]


def log_of(probe):
    """What it wrote to its log, once it is closed."""
    probe.close()
    return probe.errors


def test_only_v3_is_served(lab):
    etcd = lab.member()
    probe = probe_of(lab, etcd.url())
    assert probe.wait_list()[0] == {}
    probe.wait_connected()
    assert kind_of(probe) == "etcd v3"
    probe.say("transactions")
    assert probe.wait("transactions")[1] is True
    assert len(re.findall("store: etcd v3 is used from now on, as etcd serves no v2 API", log_of(probe))) == 1


def test_only_v2_is_served(lab):
    etcd = etcd2_lab.member(lab, start=False, flags=["--enable-grpc-gateway=false"])
    etcd.start(wait=False)
    probe = probe_of(lab, etcd.url())
    probe.wait_list(60)
    probe.wait_connected()
    assert kind_of(probe) == "etcd v2"
    assert "as etcd serves no v3 API" in log_of(probe)


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_the_one_with_routes_is_used_and_not_the_one_with_the_daemons_keys(lab, api):
    etcd = etcd2_lab.member(lab)
    with_routes, other = (keys(etcd), etcd.gateway()) if api == "v2" else (etcd.gateway(), keys(etcd))
    with_routes.put(ROUTE, "1")
    other.put("/bgp/node/n1/routes/a/state", "announce")
    other.put("/bgp/node/n1/status", "{}")
    other.put("/bgp/routes2/a/config", "of another prefix")
    probe = probe_of(lab, etcd.url())
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    assert kind_of(probe) == "etcd " + api
    assert f"as only {api} has routes" in log_of(probe)


def test_an_empty_directory_is_no_route(lab):
    etcd = etcd2_lab.member(lab)
    keys(etcd).make_dir("/bgp/routes")
    etcd.gateway().put(ROUTE, "1")
    probe = probe_of(lab, etcd.url())
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    assert kind_of(probe) == "etcd v3"
    assert "as only v3 has routes" in log_of(probe)


def test_both_have_routes_is_v3_with_a_warning(lab):
    etcd = etcd2_lab.member(lab)
    keys(etcd).put(ROUTE, "2")
    etcd.gateway().put(ROUTE, "3")
    probe = probe_of(lab, etcd.url())
    assert probe.wait_list()[0] == {"routes/a/config": "3"}
    log = log_of(probe)
    assert "warning: store: etcd v3 is used" in log and "both APIs have routes" in log


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_neither_has_routes_waits_says_so_and_writes_nothing(lab, api):
    etcd = etcd2_lab.member(lab)
    v2, v3 = keys(etcd), etcd.gateway()
    probe = probe_of(lab, etcd.url())
    text = probe.wait("state", "starting")[2]
    assert "/bgp/routes/" in text and "neither" in text and "--etcd-api" in text
    probe.say("enable")
    probe.say("publish node/n1/status one")
    probe.say("publish node/n1/status two")
    probe.say("publish node/n1/routes/a/state announce")
    probe.say("publish node/n1/routes/b/state announce")
    probe.say("unpublish node/n1/routes/b/state")
    assert kind_of(probe) == "etcd"
    before = asked(etcd)
    wait_for(lambda: asked(etcd) >= before + 6, "it goes on looking")
    assert v2.node("/bgp") is None and v3.get("/bgp/node/n1/status") is None
    assert not probe.told("list_begin") and len(probe.told("state")) == 1
    chosen, other = (v2, v3) if api == "v2" else (v3, v2)
    chosen.put(ROUTE, "1")
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    probe.wait_connected()
    assert kind_of(probe) == "etcd " + api
    chosen.wait_value("/bgp/node/n1/status", "two")
    chosen.wait_value("/bgp/node/n1/routes/a/state", "announce")
    assert other.get("/bgp/node/n1/status") is None
    probe.say("leave")
    probe.wait("left")
    assert chosen.get("/bgp/node/n1/status") is None


def asked(etcd):
    """How often anybody looked at P/routes/ by v2."""
    import urllib.request
    with urllib.request.urlopen(etcd.url() + "/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(int(float(n)) for n in re.findall(r'^etcd_debugging_store_reads_total\{[^}]*\} (\S+)', text, re.M))


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_what_is_remembered_is_used_whatever_is_there(lab, api):
    etcd = etcd2_lab.member(lab)
    v2, v3 = keys(etcd), etcd.gateway()
    (v3 if api == "v2" else v2).put(ROUTE, "of the other")
    probe = probe_of(lab, etcd.url(), remembered=api)
    assert probe.wait_list()[0] == {}
    assert kind_of(probe) == "etcd " + api
    assert "is used from now on" not in log_of(probe)


def test_what_is_remembered_is_used_even_when_it_is_not_served(lab):
    etcd = lab.member()
    etcd.gateway().put(ROUTE, "1")
    probe = probe_of(lab, etcd.url(), remembered="v2")
    assert "serves no v2 API" in probe.wait("state", "refused")[2]
    assert not probe.told("list_begin")


def test_a_choice_does_not_change_while_it_runs(lab):
    etcd = etcd2_lab.member(lab)
    v2, v3 = keys(etcd), etcd.gateway()
    v2.put(ROUTE, "1")
    probe = probe_of(lab, etcd.url())
    probe.wait_connected()
    v2.delete_dir("/bgp/routes")
    probe.wait_change("routes/a/config", None)
    v3.put(ROUTE, "of the other")
    probe.say("relist")
    assert probe.wait_list()[0] == {}
    assert kind_of(probe) == "etcd v2"


def test_dead_endpoints_are_passed_by_and_all_dead_is_unreachable(lab):
    etcd = etcd2_lab.member(lab)
    etcd.kill()
    probe = probe_of(lab, f"http://127.0.0.1:{free_port()}", etcd.url())
    probe.wait("state", "unreachable")
    etcd.start()
    keys(etcd).put(ROUTE, "1")
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    assert kind_of(probe) == "etcd v2"


def test_a_member_that_does_not_serve_v2_does_not_hide_the_routes_that_another_serves(lab):
    """Whether v2 is served is a flag of each member."""
    ports = [(free_port(), free_port()) for _ in range(2)]
    cluster = ",".join(f"m{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(ports))
    without, etcd = (lab.member(start=False, name=f"m{i}", port=port, peer=peer, cluster=cluster, flags=flags)
                     for i, ((port, peer), flags) in enumerate(zip(ports, ([], etcd2_lab.V2))))
    for member in (without, etcd):
        member.start(wait=False)
    for member in (without, etcd):
        member.wait()
    keys(etcd).put(ROUTE, "1")
    probe = probe_of(lab, without.url(), etcd.url())
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    assert kind_of(probe) == "etcd v2"


def test_a_server_that_refuses_us_is_no_reason_to_choose(lab):
    etcd = etcd2_lab.member(lab)
    gateway = etcd.gateway()
    keys(etcd).put(ROUTE, "1")
    gateway.post("/auth/user/add", {"name": "root", "password": "pw"})
    gateway.post("/auth/user/grant", {"user": "root", "role": "root"})
    gateway.post("/auth/enable", {})
    probe = probe_of(lab, etcd.url())
    assert "user" in probe.wait("state", "refused")[2]

    def is_undecided():
        assert kind_of(probe) == "etcd" and not probe.told("list_begin")
    nothing_happens_for(1, "several looks", is_undecided)


def test_it_may_be_closed_and_left_before_it_has_chosen(lab):
    etcd = etcd2_lab.member(lab)
    probe = probe_of(lab, etcd.url())
    probe.wait("state", "starting")
    probe.say("publish node/n1/status one")
    probe.say("leave")
    probe.wait("left")
    probe_of(lab, etcd.url()).close()
    hanging = probe_of(lab, f"http://127.0.0.1:{free_port()}")
    hanging.close()
