"""The store when etcd is slow, silent, odd or too large: each rule that a second reading found broken."""
import base64
import os
import threading
import time

import pytest

from etcd_gateway_fake import FakeLab, connect, grant, put
from etcd_lab import b64
from wait import nothing_happens_for, wait_for

MIB = 1048576


@pytest.fixture
def lab(tmp_path):
    made = FakeLab(tmp_path)
    yield made
    made.close()


@pytest.fixture
def fake(lab):
    return lab.fake()


def key_of(body):
    return base64.b64decode(body["key"]).decode()


def settle(probe):
    """What lies in its sockets is read: the loop has been around."""
    for _ in range(2):
        probe.say("age")
        probe.wait("age")


def processor_seconds(probe):
    with open(f"/proc/{probe.process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_token_under_which_a_watch_is_never_confirmed_is_replaced(lab, fake, tmp_path):
    """A token of a history that a restored member does not have makes it wait for ever."""
    (tmp_path / "user").write_text("u:p\n")
    fake.script["/auth/authenticate"] = lambda handler, body: fake.answer(
        handler, {"header": fake.header(), "token": f"token.{len(fake.paths('/auth/authenticate'))}"})
    probe, routes, node = connect(lab, fake, user_file=str(tmp_path / "user"),
                                  tuning={"reauth_spread_ms": 50, "created_ms": 300})
    hold = threading.Event()

    def restored(handler, body):
        if handler.headers["Authorization"] == "token.1":
            hold.wait(60)
            handler.close_connection = True
        else:
            fake.watch(handler, body)

    fake.script["/watch"] = restored
    routes.end()
    node.end()
    try:
        routes, node = fake.both()
        routes.created()
        node.created()
        routes.events(put("routes/a/config", "2", 15))
        probe.wait_change("routes/a/config", "2")
        assert len(fake.paths("/auth/authenticate")) == 2
        assert len(probe.told("list_begin")) == 1
    finally:
        hold.set()


@pytest.fixture
def slow(fake):
    """A way that brings three keys in time, and of more only the beginning. The limits asked for: of the node, of the
    routes."""
    for number in range(8):
        fake.keys[f"/bgp/routes/r{number}/config"] = ("x", 6)
    fake.limits = {f"/bgp/{part}/": [] for part in ("node", "checks", "data", "lua", "routes")}
    fake.hold = threading.Event()
    fake.is_slow = True

    def answer(handler, body):
        # What is listed with the checks and with the routes begins before them.
        key, limit = {"/bgp/admission": "/bgp/checks/", "/bgp/policy": "/bgp/routes/"}.get(key_of(body), key_of(body)), int(body["limit"])
        fake.limits[next(start for start in fake.limits if key.startswith(start))].append(limit)
        if fake.is_slow and key.startswith("/bgp/routes/") and limit > 3:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"header":{')
            fake.hold.wait(60)
            handler.close_connection = True
        else:
            fake.range(handler, body)

    fake.script["/kv/range"] = answer
    yield fake
    fake.hold.set()


SLOW = {"unary_ms": 500, "page_keys": 32}


def test_a_page_that_comes_too_slowly_is_asked_for_in_smaller_ones_the_next_time(lab, slow):
    probe = lab.probe(slow.url(), tuning=SLOW)
    entries, *_ = probe.wait_list()
    assert len(entries) == 9
    assert slow.limits["/bgp/routes/"][:3] == [32, 8, 2] and set(slow.limits["/bgp/routes/"][2:]) == {2}


def test_pages_grow_again_with_each_list_after_a_slow_time(lab, slow):
    probe = lab.probe(slow.url(), tuning=SLOW)
    probe.wait_list()
    slow.is_slow = False
    slow.limits["/bgp/node/"].clear()
    for _ in range(3):
        probe.say("relist")
        probe.wait_list()
    assert slow.limits["/bgp/node/"] == [8, 32, 32]


def test_a_silent_server_makes_no_page_smaller(lab, slow):
    """Nothing was received, so it is not the way that is slow."""
    silent = threading.Event()
    answer = slow.script["/kv/range"]
    slow.is_slow = False

    def nothing_at_first(handler, body):
        if len(slow.paths("/kv/range")) <= 2:
            silent.wait(60)
            handler.close_connection = True
        else:
            answer(handler, body)

    slow.script["/kv/range"] = nothing_at_first
    try:
        lab.probe(slow.url(), tuning=SLOW).wait_list()
    finally:
        silent.set()
    assert slow.limits["/bgp/node/"] == [32] and slow.limits["/bgp/routes/"] == [32]


def test_a_key_with_a_negative_lease_is_a_key_like_others(lab):
    etcd = lab.member()
    gateway = etcd.gateway()
    gateway.post("/lease/grant", {"ID": "-7", "TTL": "600"})
    gateway.put("/bgp/routes/a/config", "1")
    gateway.post("/kv/put", {"key": b64("/bgp/routes/b/config"), "value": b64("2"), "lease": "-7"})
    gateway.post("/kv/put", {"key": b64("/bgp/node/n1/status"), "value": b64("of somebody"), "lease": "-7"})
    answer = gateway.post("/kv/range", {"key": b64("/bgp/routes/b/config")})
    assert answer["kvs"][0]["lease"] == "-7"
    probe = lab.probe(etcd.url(), tuning={"txn_gap_ms": 10})
    entries, *_ = probe.wait_list()
    assert entries == {"routes/a/config": "1", "routes/b/config": "2"}
    probe.wait_connected()
    gateway.post("/kv/put", {"key": b64("/bgp/routes/c/config"), "value": b64("3"), "lease": "-7"})
    probe.wait_change("routes/c/config", "3")
    # The same value under somebody else's lease is not ours.
    probe.say("publish node/n1/status of somebody")
    probe.say("enable")
    wait_for(lambda: gateway.get("/bgp/node/n1/status")[1] > 0, "it stands under our lease")


def test_a_verdict_that_is_never_given_costs_no_time(lab, fake):
    probe, routes, node = connect(lab, fake, tuning={"quiet_ms": 200})
    hold = threading.Event()
    checks = []

    def verdict(handler, body):
        if body.get("count_only"):
            checks.append(body)
            hold.wait(60)
        fake.range(handler, body)

    fake.script["/kv/range"] = verdict
    routes.send({"header": fake.header(3)})  # lower than what was told
    wait_for(lambda: checks, "the check that gives the verdict")
    settle(probe)
    before = processor_seconds(probe)

    def one_check():
        assert len(checks) == 1, "a second check beside the one that gives the verdict"

    try:
        nothing_happens_for(1.5, "seven quiet times", one_check)
        assert processor_seconds(probe) - before < 0.5
    finally:
        hold.set()
    # And then it counts: the member that answered the watch lags behind.
    routes, node = fake.both()
    routes.created()
    node.created()
    routes.events(put("routes/a/config", "2", 15))
    probe.wait_change("routes/a/config", "2")
    assert len(probe.told("list_begin")) == 1


LONG_KEYS = {f"routes/{'k' * length}": str(length) for length in (5, 70000, 900000)}


def check_long_keys(lab, url):
    entries, *_ = lab.probe(url, tuning={"page_keys": 1}).wait_list()
    # By their lengths: a failure stays readable.
    assert {len(key): value for key, value in entries.items()} == {len(key): value for key, value in LONG_KEYS.items()}


def test_a_page_of_etcd_may_end_with_a_key_of_any_length(lab):
    etcd = lab.member()
    gateway = etcd.gateway()
    for key, value in LONG_KEYS.items():
        gateway.put("/bgp/" + key, value)
    check_long_keys(lab, etcd.url())


def test_a_page_of_the_gateway_may_end_with_a_key_of_any_length(lab, fake):
    fake.keys = {"/bgp/" + key: (value, 5) for key, value in LONG_KEYS.items()}
    check_long_keys(lab, fake.url())


def test_a_quiet_watch_begins_anew_where_it_heard_progress(lab, fake):
    probe, routes, node = connect(lab, fake, tuning={"life_least_ms": 500, "life_most_ms": 700})
    fake.revision = 50
    for one in (routes, node, *fake.others):
        one.send({"header": fake.header()})
    for _ in range(5):
        again = fake.watches.get(timeout=30)
        assert again.start == 51, "it needs what may be compacted by now"
        again.created()
    assert len(probe.told("list_begin")) == 1


def test_a_pause_after_a_lost_lease_is_not_ended_by_a_shorter_one(lab, fake):
    fake.script["/lease/grant"] = grant(fake, 777)
    hold, told = threading.Event(), threading.Event()

    def lost(handler, body):
        fake.answer(handler, {"result": {"header": fake.header(), "ID": body["ID"]}})
        told.set()

    def txn(handler, body):
        hold.wait(60)
        fake.answer(handler, {"header": fake.header(), "succeeded": True})

    fake.script["/lease/keepalive"] = lost
    fake.script["/kv/txn"] = txn
    probe, *_ = connect(lab, fake, tuning={"lease_ttl_s": 1, "lease_spread_ms": 3600000, "txn_gap_ms": 10})
    probe.say("enable")
    probe.say("publish node/n1/status one")
    assert told.wait(30)
    settle(probe)
    hold.set()

    def no_other_lease():
        assert len(fake.paths("/lease/grant")) == 1 and len(fake.paths("/kv/txn")) == 1
    nothing_happens_for(1, "many times the gap between transactions", no_other_lease)


def too_large_in_fragments(routes):
    value = "v" * MIB
    for number in range(40):
        routes.events(put(f"routes/r{number}/config", value, 12), fragment=True)


def too_large_in_one(routes):
    """As etcd before 3.4 sends it, which knows no fragments."""
    routes.events(*[put(f"routes/r{number}/config", "v" * MIB, 12) for number in range(40)])


@pytest.mark.parametrize("send", [too_large_in_fragments, too_large_in_one])
def test_a_revision_too_large_for_a_watch_is_listed_and_not_asked_for_again(lab, fake, send):
    probe, routes, node = connect(lab, fake)
    fake.revision = 12
    fake.keys = {f"/bgp/routes/r{number}/config": ("listed", 12) for number in range(40)}
    try:
        send(routes)
    except OSError:
        pass
    finally:
        routes.over.set()
    entries, _, revision = probe.wait_list()
    assert (len(entries), revision) == (40, 12)
    routes, node = fake.both()
    assert (routes.start, node.start) == (13, 13)
    routes.created()
    node.created()
    routes.events(put("routes/a/config", "2", 13))
    probe.wait_change("routes/a/config", "2")
    assert probe.told("change") == [["change", "routes/a/config", "2", 13]], "half a revision was told"
    assert [line[1] for line in probe.told("state")] == ["connected"]
