"""The store over a scripted gateway: what other versions send, and what goes wrong in the middle."""
import base64
import json
import threading
import time

import pytest

from etcd_gateway_fake import CLUSTER, FakeLab, connect, delete, grant, put
from wait import wait_for

@pytest.fixture
def lab(tmp_path):
    made = FakeLab(tmp_path)
    yield made
    made.close()


@pytest.fixture
def fake(lab):
    return lab.fake()


@pytest.mark.parametrize("version,api", [("3.2.32", "/v3alpha"), ("3.3.27", "/v3beta"), ("3.6.5", "/v3")])
def test_every_version_has_its_path(lab, version, api):
    fake = lab.fake(version, api)
    probe, routes, _ = connect(lab, fake)
    routes.events(put("routes/b/config", "2", 11))
    probe.wait_change("routes/b/config", "2")
    headers = [headers for path, _, headers in fake.requests if path == api + "/watch"]
    assert [one.get("Grpc-Metadata-hasleader") for one in headers] == ["true"] * 5
    assert not any("Expect" in headers for _, _, headers in fake.requests)
    assert not any(body and "serializable" in body for _, body, _ in fake.requests)


def test_objects_of_3_2_without_newlines_and_a_compaction_without_canceled(lab):
    fake = lab.fake("3.2.32", "/v3alpha")
    probe = lab.probe(fake.url())
    probe.wait_list()
    routes, node = fake.both()
    node.created()
    created = json.dumps({"result": {"header": fake.header(), "created": True}})
    event = json.dumps({"result": {"header": fake.header(), "events": [put("routes/b/config", "}{\"", 11)]}})
    glued = created + event + event.replace('"11"', '"12"')
    for at in range(0, len(glued), 7):
        routes.raw(glued[at:at + 7])
    assert [probe.wait_change("routes/b/config", "}{\"") for _ in range(2)] == [11, 12]
    fake.revision = 20
    routes.raw(json.dumps({"result": {"header": {"cluster_id": CLUSTER}, "compact_revision": "15"}}))
    assert probe.wait_list()[2] == 20
    assert [watch.start for watch in fake.both()] == [21, 21]


def test_a_compaction_between_two_pages_starts_the_list_anew(lab, fake):
    for number in range(5):
        fake.keys[f"/bgp/routes/r{number}/config"] = ("x", 6)
    pages = []

    def compacted_once(handler, body):
        pages.append(body)
        if len(pages) == 6:  # the keys of the node, of checks, data and modules, the first and the second page of the routes
            fake.revision = 30
            fake.answer(handler, {"code": 11, "message": "etcdserver: mvcc: required revision has been compacted"}, 400)
        else:
            fake.range(handler, body)

    fake.script["/kv/range"] = compacted_once
    probe = lab.probe(fake.url(), tuning={"page_keys": 2})
    probe.wait("list_abort")
    entries, _, revision = probe.wait_list()
    assert len(entries) == 6 and revision == 30
    assert "revision" not in pages[6] and pages[7]["revision"] == "30"
    assert base64.b64decode(pages[5]["key"]).endswith(b"\0")


def test_a_revision_in_fragments_is_applied_when_it_is_complete(lab, fake):
    probe, routes, _ = connect(lab, fake)
    routes.events(put("routes/a/config", "11", 11), put("routes/b/config", "12", 12), fragment=True)
    assert probe.wait("change")[1:] == ["routes/a/config", "11", 11]
    assert probe.next() == ["changes_end", f"{int(CLUSTER):x}", 11]
    routes.events(put("routes/c/config", "12", 12), fragment=True)
    probe.say("age")
    assert probe.next()[0] == "age", "half a revision was told"
    routes.events(delete("routes/a/config", 12))
    told = [probe.next() for _ in range(4)]
    assert [line[1:3] for line in told[:3]] == [["routes/b/config", "12"], ["routes/c/config", "12"],
                                               ["routes/a/config", None]]
    assert told[3][0] == "changes_end" and told[3][2] == 12


def test_what_comes_twice_or_from_the_past_is_dropped(lab, fake):
    probe, routes, _ = connect(lab, fake)
    routes.events(put("routes/a/config", "new", 12), put("routes/b/config", "b", 13))
    probe.wait_change("routes/b/config", "b")
    routes.events(put("routes/a/config", "old", 11), put("routes/a/config", "new", 12), delete("routes/b/config", 13))
    routes.events(put("routes/c/config", "c", 14), put("routes/a/config", "newer", 15))
    probe.wait_change("routes/a/config", "newer")
    assert [line[1:3] for line in probe.told("change")] == [
        ["routes/a/config", "new"], ["routes/b/config", "b"], ["routes/c/config", "c"], ["routes/a/config", "newer"]]


@pytest.mark.parametrize("ending", ["cut", "proper", "in-band error", "garbage", "half an object"])
def test_a_stream_that_ends_resumes_after_the_last_revision(lab, fake, ending):
    probe, routes, _ = connect(lab, fake)
    routes.events(put("routes/a/config", "2", 15))
    probe.wait_change("routes/a/config", "2")
    fake.revision = 17
    routes.send({"header": fake.header(17)})
    probe.wait("changes_end")
    if ending == "in-band error":
        routes.raw(json.dumps({"error": {"grpc_code": 14, "http_code": 503, "message": "transport is closing"}}))
    elif ending == "garbage":
        routes.raw("404 page not found")
    elif ending == "half an object":
        routes.raw('{"result":{"header":{},"events":[{"kv":{"key":"')
    if ending != "garbage":
        routes.end(proper=ending != "cut")
    again, node = fake.both()
    assert (again.start, node.start) == (18, 11)
    again.created()
    node.created()
    again.events(put("routes/a/config", "3", 18))
    probe.wait_change("routes/a/config", "3")
    assert len(probe.told("list_begin")) == 1


def test_a_watch_that_is_never_confirmed_is_given_up(lab, fake):
    probe = lab.probe(fake.url(), tuning={"created_ms": 200})
    probe.wait_list()
    assert "confirm" in probe.wait("state", "unreachable")[2]
    fake.both()
    routes, node = fake.both()
    routes.created()
    node.created()
    while probe.wait("state")[1] != "connected":
        pass


def test_the_life_of_a_watch_is_bounded_and_reopens_where_it_stands(lab, fake):
    probe, routes, _ = connect(lab, fake, tuning={"life_least_ms": 300, "life_most_ms": 600})
    routes.events(put("routes/a/config", "2", 14))
    probe.wait_change("routes/a/config", "2")
    reopened = {}
    while len(reopened) < 2 or "/bgp/policy" not in reopened:
        watch = fake.watches.get(timeout=30)
        watch.created(14)
        reopened[watch.prefix] = watch
    assert reopened["/bgp/policy"].start == 15
    assert [line[1] for line in probe.told("state")] == ["connected"]


def peak_memory(probe):
    with open(f"/proc/{probe.process.pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def test_an_object_without_end_is_cut_off_and_memory_stays_bounded(lab, fake):
    probe, routes, _ = connect(lab, fake)
    piece = "x" * 1048576
    sent = 0
    try:
        routes.raw('{"result":{"events":["')
        while sent < 200:
            routes.raw(piece)
            sent += 1
    except OSError:
        pass
    finally:
        routes.over.set()
    assert sent < 100, "the client read on for ever"
    again, node = fake.both()
    assert again.start == 11
    again.created()
    node.created()
    again.events(put("routes/a/config", "3", 18))
    probe.wait_change("routes/a/config", "3")
    assert peak_memory(probe) < 500e6


def test_a_page_that_is_too_long_is_asked_for_in_smaller_ones(lab, fake):
    value = "v" * 6000000
    for number in range(8):
        fake.keys[f"/bgp/routes/r{number}/config"] = (value, 6)
    limits = []

    def note(handler, body):
        limits.append(int(body["limit"]))
        try:
            fake.range(handler, body)
        except OSError:
            pass

    fake.script["/kv/range"] = note
    probe = lab.probe(fake.url(), "quiet", tuning={"page_keys": 16})
    assert probe.wait("entries")[1] == 9
    assert limits[:6] == [16] * 5 + [4] and set(limits[5:]) <= {4, 1}
    assert peak_memory(probe) < 900e6


def test_an_answer_without_end_fails_with_back_off(lab, fake):
    starts = []

    def endless(handler, body):
        starts.append(time.monotonic())
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(200):
                handler.wfile.write(b" " * 1048576)
            starts.append("all of it was read")
        except OSError:
            pass

    fake.script["/kv/range"] = endless
    probe = lab.probe(fake.url(), tuning={"page_keys": 1})
    assert "longer" in probe.wait("state", "unreachable")[2]
    fake.script["/kv/range"] = fake.range
    probe.wait_list()
    assert "all of it was read" not in starts
    assert peak_memory(probe) < 500e6


def test_a_lagging_member_is_left_without_a_list(lab, fake):
    probe, routes, node = connect(lab, fake)
    fake.revision = 20
    routes.events(put("routes/a/config", "2", 20))
    probe.wait_change("routes/a/config", "2")
    routes.end()
    routes, node = fake.both()
    routes.created(15)
    again, node = fake.both()
    assert again.start == 21
    again.created()
    node.created()
    again.events(put("routes/a/config", "3", 21))
    probe.wait_change("routes/a/config", "3")
    assert len(probe.told("list_begin")) == 1
    assert any(body.get("count_only") for body in fake.paths("/kv/range"))


def test_a_revision_that_went_back_leads_to_a_list_and_older_events_count(lab, fake):
    probe, routes, node = connect(lab, fake)
    fake.revision = 3
    fake.keys = {"/bgp/routes/a/config": ("restored", 3)}
    node.send({"header": fake.header()})
    entries, _, revision = probe.wait_list()
    assert (entries, revision) == ({"routes/a/config": "restored"}, 3)
    routes, node = fake.both()
    assert routes.start == 4
    routes.created()
    node.created()
    routes.events(put("routes/a/config", "4", 4))
    probe.wait_change("routes/a/config", "4")


def test_a_write_of_unknown_outcome_is_repeated_with_the_newest_value(lab, fake):
    hold = threading.Event()
    first = threading.Event()
    fake.script["/lease/grant"] = grant(fake, 777)

    def txn(handler, body):
        if not first.is_set():
            first.set()
            hold.wait(30)
            handler.close_connection = True
            return
        fake.revision += 1
        fake.answer(handler, {"header": fake.header(), "succeeded": True})

    fake.script["/kv/txn"] = txn
    probe, *_ = connect(lab, fake, tuning={"unary_ms": 500, "txn_gap_ms": 10})
    probe.say("enable")
    probe.say("publish node/n1/status one")
    assert first.wait(30)
    probe.say("publish node/n1/status two")
    wait_for(lambda: len(fake.paths("/kv/txn")) >= 2, "two transactions", 30)
    puts = [body["success"][0]["request_put"] for body in fake.paths("/kv/txn")[:2]]
    assert [base64.b64decode(one["value"]).decode() for one in puts] == ["one", "two"]
    assert {one["lease"] for one in puts} == {"777"}
    hold.set()


def test_a_keepalive_without_ttl_means_a_new_lease(lab, fake):
    fake.script["/lease/grant"] = lambda handler, body: grant(fake, 777 + len(fake.paths("/lease/grant")))(handler, body)
    fake.script["/lease/keepalive"] = lambda handler, body: fake.answer(
        handler, {"result": {"header": fake.header(), "ID": body["ID"]}})
    fake.script["/kv/txn"] = lambda handler, body: fake.answer(handler, {"header": fake.header()})
    probe, *_ = connect(lab, fake, tuning={"lease_ttl_s": 1, "lease_spread_ms": 50, "txn_gap_ms": 10})
    probe.say("enable")
    probe.say("publish node/n1/status one")
    wait_for(lambda: len(fake.paths("/kv/txn")) >= 2, "two transactions", 30)
    leases = [body["success"][0]["request_put"]["lease"] for body in fake.paths("/kv/txn")[:2]]
    assert leases == ["778", "779"] and fake.paths("/lease/keepalive")[0] == {"ID": "778"}


def test_a_token_that_a_watch_refuses_in_its_stream_is_replaced(lab, fake, tmp_path):
    (tmp_path / "user").write_text("u:p\n")
    fake.script["/auth/authenticate"] = lambda handler, body: fake.answer(
        handler, {"header": fake.header(), "token": f"token.{len(fake.paths('/auth/authenticate'))}"})
    probe, routes, node = connect(lab, fake, user_file=str(tmp_path / "user"), tuning={"reauth_spread_ms": 50})
    assert fake.paths("/auth/authenticate") == [{"name": "u", "password": "p"}]
    routes.send({"header": fake.header(), "watch_id": "-1", "created": True, "canceled": True, "cancel_reason":
                 "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token"})
    routes, node = fake.both()
    routes.created()
    node.created()
    routes.events(put("routes/a/config", "2", 15))
    probe.wait_change("routes/a/config", "2")
    tokens = [headers.get("Authorization") for path, _, headers in fake.requests if path.endswith("/watch")]
    assert tokens == ["token.1"] * 5 + ["token.2"] * 5
    assert [line[1] for line in probe.told("state")] == ["connected"]


def test_one_login_serves_all_that_wait_and_is_not_repeated_for_ever(lab, fake, tmp_path):
    (tmp_path / "user").write_text("u:p\n")
    fake.script["/auth/authenticate"] = lambda handler, body: fake.answer(handler, {"token": "never.good"})
    fake.script["/kv/range"] = lambda handler, body: fake.answer(
        handler, {"code": 16, "message": "etcdserver: invalid auth token"}, 401)
    probe = lab.probe(fake.url(), user_file=str(tmp_path / "user"), tuning={"reauth_spread_ms": 0,
                                                                           "backoff_ms": 600000,
                                                                           "backoff_most_ms": 600000})
    assert "invalid auth token" in probe.wait("state", "refused")[2]
    assert len(fake.paths("/auth/authenticate")) == 2 and len(fake.paths("/kv/range")) == 2


def test_a_server_with_small_transactions_gets_smaller_ones(lab, fake):
    fake.script["/lease/grant"] = grant(fake, 777)
    written = set()

    def txn(handler, body):
        if len(body["success"]) > 3:
            fake.answer(handler, {"code": 3, "message": "etcdserver: too many operations in txn request"}, 400)
            return
        written.update(base64.b64decode(op["request_put"]["key"]).decode() for op in body["success"])
        fake.answer(handler, {"header": fake.header(), "succeeded": True})

    fake.script["/kv/txn"] = txn
    probe, *_ = connect(lab, fake, tuning={"txn_gap_ms": 1})
    for number in range(20):
        probe.say(f"publish node/n1/routes/r{number}/state announce")
    probe.say("enable")
    wait_for(lambda: len(written) == 20, "all keys are written", 30)


def test_writes_that_are_not_allowed_are_told_once_and_watching_goes_on(lab, fake):
    fake.script["/lease/grant"] = grant(fake, 777)
    fake.script["/kv/txn"] = lambda handler, body: fake.answer(
        handler, {"error": "etcdserver: permission denied", "code": 7}, 403)
    probe, routes, _ = connect(lab, fake, tuning={"pause_ms": 50})
    probe.say("enable")
    probe.say("publish node/n1/status one")
    assert "permission denied" in probe.wait("publish_state")[1]
    wait_for(lambda: len(fake.paths("/kv/txn")) >= 4, "four transactions", 30)
    routes.events(put("routes/a/config", "2", 15))
    probe.wait_change("routes/a/config", "2")
    assert len(probe.told("publish_state")) == 1


def test_leaving_takes_bounded_time_when_nobody_answers(lab, fake):
    fake.script["/lease/grant"] = grant(fake, 777)
    fake.script["/kv/txn"] = lambda handler, body: fake.answer(handler, {"header": fake.header()})
    hold = threading.Event()
    fake.script["/lease/revoke"] = lambda handler, body: hold.wait(60)
    probe, *_ = connect(lab, fake)
    probe.say("enable")
    probe.say("publish node/n1/status one")
    wait_for(lambda: fake.paths("/kv/txn"), "a transaction", 30)
    start = time.monotonic()
    probe.say("leave")
    probe.wait("left")
    assert 1 < time.monotonic() - start < 10
    assert fake.paths("/lease/revoke") == [{"ID": "777"}]
    hold.set()


def test_something_that_is_not_etcd_is_named(lab, fake):
    fake.version = "not a version"
    probe = lab.probe(fake.url())
    assert "does not look like etcd" in probe.wait("state")[2]


def test_etcd_2_is_refused(lab, fake):
    fake.version = "2.3.8"
    assert "no v3 API" in lab.probe(fake.url()).wait("state", "refused")[2]
