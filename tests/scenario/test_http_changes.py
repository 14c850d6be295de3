"""What becomes of a change that is asked for by HTTP: acknowledged, refused, late, held, expired, withdrawn; with clients
that leave and a core that is killed in the middle."""
import hashlib
import json
import os
import signal
import socket
import threading
import urllib.parse

import pytest
from dir_lab import Hang
from http_lab import Neighbor, Scene
from wait import nothing_happens_for, wait_for

ROUTE = "route 198.51.100.1/32 next-hop self"
NET = "198.51.100.1/32"
COMMAND = f"announce {ROUTE}"


def request_bytes(command, path="/", **headers):
    body = urllib.parse.urlencode({"command": command}).encode()
    head = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n")
    head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + body


def in_background(ask):
    """Its answer comes into the list."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    return thread, answers


def audit(scene):
    path = scene.folder / "state" / "audit.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# ---- what ExaBGP says ----

def test_the_answer_comes_with_the_acknowledgement_and_not_before(scene):
    scene.start()
    scene.exabgp.answering.clear()
    thread, answers = in_background(lambda: scene.command(COMMAND))
    wait_for(lambda: scene.daemon.route("api:ab7d2ff3ff94") or scene.daemon.ask("routes")["routes"], "it is wanted")
    nothing_happens_for(0.3, "ExaBGP has not answered", lambda: (_ for _ in ()).throw(AssertionError(answers)) if answers else None)
    scene.exabgp.answering.set()
    thread.join(15)
    assert answers[0].status == 200 and answers[0].json["ack"] is True, answers


def test_wait_wire_waits_for_the_wire(scene):
    scene.start()
    scene.exabgp.unseen = lambda prefix: prefix == NET
    late = scene.command(COMMAND, path="/?wait=wire&timeout=500ms")
    assert late.status == 504 and late.code == "outcome-unknown", late
    other = scene.command("announce route 198.51.100.2/32 next-hop self", path="/?wait=wire")
    assert other.status == 200 and other.json["state"] == "announced" and other.json["onWire"] == ["10.99.0.2"], other
    assert other.json["neighbors"] == [{"neighbor": "10.99.0.2", "onWire": True}]


@pytest.mark.parametrize("wait", ["ack", "wire"])
def test_where_exabgp_reports_no_updates_the_answer_comes_all_the_same(scene, wait):
    """As with the article's process block."""
    scene.start(neighbors=[Neighbor(wire=False, changes=False)], encoder="text")
    answer = scene.command(COMMAND, path=f"/?wait={wait}&timeout=20")
    assert answer.status == 200 and answer.json["ack"] is True and NET in scene.exabgp.prefixes(), answer
    gone = scene.command(f"withdraw {ROUTE}", path=f"/?wait={wait}&timeout=20")
    assert gone.status == 200 and NET not in scene.exabgp.prefixes(), gone


def test_where_exabgp_does_not_acknowledge_the_wire_answers(scene):
    """exabgp.api.ack false: what is on the wire was taken."""
    scene.start()
    scene.exabgp.acks = False
    scene.daemon.kill_core()
    scene.daemon.wait_synced()
    wait_for(lambda: scene.ask("GET", "/v1/status", errors=True), "the next core listens")
    for wait in ("wire", "ack"):
        answer = scene.command(f"{COMMAND} med {len(wait)}", path=f"/?wait={wait}&timeout=20")
        assert answer.status == 200, answer
    assert scene.exabgp.rib["10.99.0.2"][NET] == "next-hop self med 3"


def test_what_exabgp_refuses_is_422_that_names_it_and_nothing_is_left(scene):
    scene.start()
    scene.exabgp.refuse = lambda line: NET in line and "announce" in line
    answer = scene.command(COMMAND, path="/?timeout=5")
    assert answer.status == 422 and answer.code == "exabgp-refused", answer
    assert answer.json["detail"] == f"ExaBGP refused: {COMMAND}", answer
    wait_for(lambda: scene.daemon.ask("routes")["routes"] == [], "it is not kept")
    scene.daemon.kill_core()
    scene.daemon.wait_synced()
    assert scene.daemon.ask("routes")["routes"] == []
    assert [(line["action"], line["outcome"], line.get("code")) for line in audit(scene)] == [
        ("announce", "accepted", None), ("announce", "failed", "exabgp-refused"), ("withdraw", "accepted", "exabgp-refused")]


def test_what_stood_before_stands_again_when_exabgp_refuses_what_replaced_it(scene):
    scene.start()
    put = scene.send_json("PUT", "/v1/routes/web?wait=wire", {"route": ROUTE, "ttl": "1h", "reason": "first"})
    assert put.status == 201, put
    scene.exabgp.refuse = lambda line: "med 5" in line
    answer = scene.send_json("PUT", "/v1/routes/web", {"route": ROUTE + " med 5", "reason": "second"})
    assert answer.status == 422, answer
    route = wait_for(lambda: (r := scene.daemon.route("api:web")) and r["state"] == "announced" and r, "it stands")
    assert route["text"] == ROUTE and route["note"] == "first" and route["expires"] is not None
    assert scene.exabgp.withdrawn() == []


def test_no_answer_in_time_is_504_and_the_route_is_tried_on(scene):
    scene.start()
    scene.exabgp.answering.clear()
    answer = scene.command(COMMAND, path="/?timeout=300ms")
    assert answer.status == 504 and answer.code == "outcome-unknown" and "not known" in answer.json["detail"], answer
    scene.exabgp.answering.set()
    wait_for(lambda: NET in scene.exabgp.prefixes(), "it is announced")


def test_who_announces_without_end_takes_no_room_from_withdraws(scene):
    scene.node_file.append("http_rate 100000")
    scene.start()
    assert scene.command("announce route 10.66.0.1/32 next-hop self").status == 200
    scene.exabgp.answering.clear()
    links = []
    try:
        for number in range(768):
            body = f"announce route 10.67.{number // 250}.{number % 250}/32 next-hop self"
            links.append(socket.create_connection(("127.0.0.1", scene.port), 20))
            links[-1].sendall(f"POST /?timeout=60 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                              f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        late = wait_for(lambda: (a := scene.command(COMMAND, path="/?dry_run=1")).status == 503 and a, "no room is left", 40)
        assert late.code == "busy" and "768 changes are under way" in late.json["detail"] and late.headers["Retry-After"], late
        assert scene.command("withdraw route 10.66.0.1/32", path="/?wait=none").status == 202
    finally:
        for link in links:
            link.close()
    scene.exabgp.answering.set()
    wait_for(lambda: len(scene.exabgp.prefixes()) == 768, "the rest is announced", 40)


def test_without_waiting_the_answer_is_202(scene):
    scene.start()
    scene.exabgp.answering.clear()
    answer = scene.command(COMMAND, path="/?wait=none")
    assert answer.status == 202 and answer.json["ack"] is False, answer
    scene.exabgp.answering.set()
    wait_for(lambda: NET in scene.exabgp.prefixes(), "it is announced")


def test_what_cannot_be_announced_now_is_held_and_says_so_at_once(scene):
    scene.tree.put("node/n1/adminState", "down")
    scene.start()
    answer = scene.command(COMMAND, path="/?timeout=60")
    assert answer.status == 202 and "admin" in answer.json["held"].lower(), answer
    text = scene.command(COMMAND, path="/?timeout=60", accept="*/*")
    assert text.status == 202 and text.text.startswith(COMMAND + "\nnot announced now: "), text
    assert NET not in scene.exabgp.prefixes()
    scene.tree.put("node/n1/adminState", "up")
    wait_for(lambda: NET in scene.exabgp.prefixes(), "it is announced when that ends")


def test_a_neighbor_selector_reaches_that_neighbor_alone(scene):
    scene.start(neighbors=[Neighbor("10.99.0.2"), Neighbor("10.99.0.3", peer_as=65002)])
    answer = scene.command(f"neighbor 10.99.0.3 {COMMAND}", path="/?wait=wire")
    assert answer.status == 200 and answer.json["onWire"] == ["10.99.0.3"], answer
    assert NET in scene.exabgp.rib["10.99.0.3"] and NET not in scene.exabgp.rib["10.99.0.2"]
    other = scene.command(f"withdraw {ROUTE}")
    assert other.status == 409 and answer.json["id"] in other.json["detail"], other
    assert scene.command(f"neighbor 10.99.0.3 withdraw {ROUTE}", path="/?wait=wire").status == 200
    assert NET not in scene.exabgp.rib["10.99.0.3"]


def test_a_change_that_another_one_replaces_is_told_so(scene):
    scene.start()
    scene.exabgp.answering.clear()
    thread, answers = in_background(lambda: scene.send_json("PUT", "/v1/routes/web?timeout=20", {"route": ROUTE}))
    wait_for(lambda: scene.daemon.route("api:web"), "it is wanted")
    gone = scene.ask("DELETE", "/v1/routes/web?wait=none")
    assert gone.status == 202, gone
    thread.join(15)
    assert answers[0].status == 409 and answers[0].code == "superseded", answers
    scene.exabgp.answering.set()
    wait_for(lambda: scene.daemon.ask("routes")["routes"] == [] and NET not in scene.exabgp.prefixes(), "it is gone")


# ---- what stands ----

def test_a_dry_run_changes_nothing(scene):
    scene.start()
    answer = scene.command(COMMAND, path="/?dry_run=1", ttl="1h")
    assert answer.status == 200 and answer.json["dryRun"] is True and answer.json["new"] is True, answer
    assert answer.json["expires"] is not None and "ack" not in answer.json
    assert scene.daemon.ask("routes")["routes"] == [] and audit(scene) == []
    assert not any(NET in line for line in scene.exabgp.lines)
    assert scene.command(COMMAND).json["new"] is True
    assert scene.ask("DELETE", f"/v1/routes/{answer.json['id']}?dry_run=1").json["dryRun"] is True
    assert NET in scene.exabgp.prefixes()


def test_a_route_is_listed_with_owner_reason_and_end_and_leaves_at_its_end(scene):
    scene.start()
    answer = scene.send_json("PUT", "/v1/routes/short?wait=wire", {"route": ROUTE, "ttl": "1s", "reason": "a test"})
    assert answer.status == 201 and answer.headers["Location"] == "/v1/routes/api:short", answer
    route = scene.daemon.route("api:short")
    assert route is None or (route["origin"], route["owner"], route["note"]) == ("api", "127.0.0.1", "a test")
    wait_for(lambda: NET not in scene.exabgp.prefixes(), "its time is over")
    wait_for(lambda: scene.daemon.route("api:short") is None, "it is gone")


def test_a_name_is_given_to_another_route(scene):
    scene.start()
    assert scene.send_json("PUT", "/v1/routes/web?wait=wire", {"route": ROUTE}).status == 201
    other = "route 198.51.100.2/32 next-hop self"
    answer = scene.send_json("PUT", "/v1/routes/web?wait=wire", {"route": other})
    assert answer.status == 200 and answer.json["new"] is False, answer
    wait_for(lambda: scene.exabgp.prefixes() == {"198.51.100.2/32"}, "the one before is withdrawn")


def test_routes_stay_over_a_killed_core(scene):
    scene.start()
    assert scene.send_json("PUT", "/v1/routes/web?wait=wire", {"route": ROUTE, "ttl": "1h"}).status == 201
    scene.daemon.kill_core()
    scene.daemon.wait_synced()
    route = scene.daemon.wait_state("api:web", "announced")
    assert route["expires"] is not None and scene.exabgp.withdrawn() == []
    wait_for(lambda: scene.ask("GET", "/v1/status", errors=True), "the next core listens")
    assert scene.ask("DELETE", "/v1/routes/web?wait=wire").status == 200
    assert NET not in scene.exabgp.prefixes()


@pytest.mark.parametrize("step", ["asked", "waiting"])
def test_a_core_that_is_killed_in_the_middle_leaves_a_whole_route_or_none(scene, step):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.start()
    scene.daemon.wait_state("web", "announced")
    scene.exabgp.answering.clear()
    link = socket.create_connection(("127.0.0.1", scene.port), 20)
    body = json.dumps({"route": ROUTE, "ttl": "1h", "reason": "whole"}).encode()
    link.sendall(b"PUT /v1/routes/web?timeout=60 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(body) + body)
    if step == "waiting":
        wait_for(lambda: scene.daemon.route("api:web"), "it is wanted")
    os.kill(scene.daemon.core(), signal.SIGKILL)
    try:
        assert link.recv(65536) == b"", "the client sees a closed connection, no answer"
    except ConnectionResetError:
        pass
    link.close()
    scene.exabgp.answering.set()
    wait_for(lambda: scene.daemon.status(), "the next core answers")
    scene.daemon.wait_synced()
    status = scene.daemon.wait_settled()
    route = scene.daemon.route("api:web")
    if step == "waiting":
        assert route is not None
    if route is None:
        assert NET not in scene.exabgp.prefixes()
    else:
        route = scene.daemon.wait_state("api:web", "announced")
        assert route["text"] == ROUTE and route["note"] == "whole" and route["expires"] is not None
        assert NET in scene.exabgp.prefixes()
    assert status["warnings"] == []


# ---- the policy `admission` ----

def test_the_policy_admission_refuses_and_changes(scene):
    scene.tree.put("admission", """
return function(ctx)
  if not ctx.request.reason or ctx.request.reason == "" then return refuse("give a reason") end
  return admit{ community = { "65000:77" }, reason = "as a customer" }
end
""")
    scene.start()
    wait_for(lambda: scene.daemon.ask("admission", announce=COMMAND).get("asked"), "the policy is asked")
    answer = scene.command(COMMAND)
    assert answer.status == 403 and answer.code == "policy-refused" and "give a reason" in answer.json["detail"], answer
    answer = scene.command(COMMAND, path="/?dry_run=1", reason="why not")
    assert answer.json["command"] == COMMAND + " community 65000:77" and answer.json["changed"] is True, answer
    text = scene.command(COMMAND, path="/?wait=wire", accept="*/*", reason="why not")
    assert text.status == 200 and text.text == COMMAND + " community 65000:77\n", text
    assert scene.exabgp.rib["10.99.0.2"][NET] == "next-hop self community 65000:77"
    assert [(line["outcome"], line.get("code")) for line in audit(scene)] == [("refused", "policy-refused"), ("accepted", None)]


# ---- clients ----

def test_a_client_that_leaves_changes_nothing(scene):
    scene.start()
    scene.exabgp.answering.clear()
    with socket.create_connection(("127.0.0.1", scene.port), 10) as link:
        link.sendall(request_bytes(COMMAND, "/?timeout=60"))
        wait_for(lambda: scene.daemon.ask("routes")["routes"], "it is wanted")
    scene.exabgp.answering.set()
    wait_for(lambda: NET in scene.exabgp.prefixes(), "it is announced")
    with socket.create_connection(("127.0.0.1", scene.port), 10) as link:
        link.sendall(request_bytes(f"withdraw {ROUTE}"))
    wait_for(lambda: NET not in scene.exabgp.prefixes(), "it is withdrawn")
    assert scene.ask("GET", "/v1/status").status == 200


def test_a_hundred_at_once_are_all_answered(scene):
    scene.node_file.append("http_rate 5000")
    scene.start()
    answers = []

    def ask(at):
        answers.append(scene.command(f"announce route 198.18.{at}.0/24 next-hop self", path="/?wait=wire&timeout=30"))
    threads = [threading.Thread(target=ask, args=(at,), daemon=True) for at in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.status for answer in answers] == [200] * 100
    assert len(scene.exabgp.prefixes()) == 100 and len(audit(scene)) == 100
    assert len({line["request"] for line in audit(scene)}) == 100


# ---- Idempotency-Key ----

def keyed(scene, key, command=COMMAND, path="/", **headers):
    body = urllib.parse.urlencode({"command": command})
    return scene.ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json",
                                          "Idempotency-Key": key, **headers})


def test_a_repeated_request_gets_the_first_answer_and_changes_nothing(scene):
    scene.start()
    first = keyed(scene, "k1", path="/?wait=wire")
    assert first.status == 200 and first.json["new"] is True
    assert scene.command(f"withdraw {ROUTE}", path="/?wait=wire").status == 200
    second = keyed(scene, "k1", path="/?wait=wire")
    assert second.status == 200 and second.body == first.body and second.headers["Idempotency-Replayed"] == "true"
    assert first.headers["Idempotency-Replayed"] is None and NET not in scene.exabgp.prefixes()
    assert len(audit(scene)) == 2
    third = keyed(scene, "k2", path="/?wait=wire")
    assert third.json["new"] is True and NET in scene.exabgp.prefixes()


def test_a_key_for_another_request_is_422(scene):
    scene.start()
    assert keyed(scene, "k1").status == 200
    for other in ({"command": "announce route 198.51.100.2/32 next-hop self"}, {"path": "/?wait=wire"}, {"Accept": "*/*"}):
        answer = keyed(scene, "k1", **other)
        assert answer.status == 422 and ("key-reused" in answer.text or "another request" in answer.text), answer
    put = scene.send_json("PUT", "/v1/routes/web", {"route": ROUTE}, Idempotency_Key="k1")
    assert put.status == 422 and put.code == "key-reused", put
    assert scene.exabgp.prefixes() == {NET}


def test_a_key_that_is_under_way_is_409_and_then_answered(scene):
    scene.start()
    scene.exabgp.answering.clear()
    thread, answers = in_background(lambda: keyed(scene, "k1", path="/?timeout=20"))
    wait_for(lambda: scene.daemon.ask("routes")["routes"], "it is under way")
    busy = keyed(scene, "k1", path="/?timeout=20")
    assert busy.status == 409 and busy.code == "key-busy" and busy.headers["Retry-After"] == "1", busy
    scene.exabgp.answering.set()
    thread.join(15)
    again = keyed(scene, "k1", path="/?timeout=20")
    assert again.body == answers[0].body and again.headers["Idempotency-Replayed"] == "true"


def test_the_answer_that_a_client_did_not_wait_for_is_there_when_it_asks_again(scene):
    scene.start()
    scene.exabgp.answering.clear()
    with socket.create_connection(("127.0.0.1", scene.port), 10) as link:
        link.sendall(request_bytes(COMMAND, "/?timeout=30", Idempotency_Key="k1"))
        wait_for(lambda: scene.daemon.ask("routes")["routes"], "it is under way")
    scene.exabgp.answering.set()
    answer = wait_for(lambda: (a := keyed(scene, "k1", path="/?timeout=30")).status != 409 and a, "it is answered")
    assert answer.status == 200 and answer.headers["Idempotency-Replayed"] == "true" and answer.json["new"] is True, answer


def test_what_did_not_happen_is_tried_anew_under_the_same_key(scene):
    scene.start()
    scene.exabgp.answering.clear()
    assert keyed(scene, "k1", path="/?timeout=300ms").status == 504
    scene.exabgp.answering.set()
    answer = wait_for(lambda: (a := keyed(scene, "k1", path="/?timeout=300ms")).status != 504 and a, "it is tried again")
    assert answer.status == 200 and answer.headers["Idempotency-Replayed"] is None, answer


def test_no_more_keys_are_kept_than_the_limit(scene):
    scene.node_file.append("http_rate 100000")
    scene.start()
    assert keyed(scene, "first", path="/?dry_run=1").status == 200
    link = scene.connect()
    for at in range(1024):
        body = urllib.parse.urlencode({"command": COMMAND})
        link.request("POST", "/?dry_run=1", body, {"Content-Type": "application/x-www-form-urlencoded",
                                                   "Idempotency-Key": f"n{at}"})
        answer = link.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    link.close()
    assert keyed(scene, "n1023x", path="/?dry_run=1").headers["Idempotency-Replayed"] is None
    assert keyed(scene, "first", path="/?dry_run=1").headers["Idempotency-Replayed"] is None


# ---- tokens ----

def token(number):
    """A token, and what the node file holds of it."""
    import base64
    text = "bgpc_" + base64.urlsafe_b64encode(bytes([number]) * 32).decode().rstrip("=")
    return text, hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def guarded(scene):
    scene.tokens = {}
    for number, (name, scopes) in enumerate((("reader", "read"), ("desk", "read,announce"), ("other", "announce"),
                                             ("boss", "announce,operate"))):
        scene.tokens[name], digest = token(number + 1)
        scene.node_file.append(f"http_token {name} {digest} {scopes}")
    scene.token = scene.tokens["reader"]
    scene.start()
    return scene


def as_token(scene, name, *arguments, **more):
    scene.token = scene.tokens[name]
    return scene.send_json(*arguments, **more)


def test_without_a_token_or_with_a_wrong_one_nothing_is_told(guarded):
    guarded.token = None
    answer = guarded.ask("GET", "/v1/status")
    assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer") and answer.code == "token", answer
    for shown in ("Bearer bgpc_wrong", "Basic dXNlcjpwYXNz", "Bearer", "Bearer " + guarded.tokens["desk"][:-1],
                  guarded.tokens["desk"]):
        answer = guarded.ask("GET", "/v1/status", headers={"Authorization": shown})
        assert answer.status == 401, (shown, answer)
    answer = guarded.command(COMMAND)
    assert answer.status == 401 and guarded.exabgp.prefixes() == set()
    assert "bgpc_" not in guarded.daemon.log()


def test_wrong_tokens_are_slowed_and_hold_up_nobody_else(guarded):
    """However many guess at once, so many answers are held back, and the others are told to wait."""
    links = [socket.create_connection(("127.0.0.1", guarded.port), 20) for _ in range(300)]
    for link in links:
        link.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bgpc_guess\r\nConnection: close\r\n\r\n")
    assert guarded.ask("GET", "/v1/status").status == 200
    answers = [b"".join(iter(lambda: link.recv(65536), b"")).split(b" ", 2)[1] for link in links]
    for link in links:
        link.close()
    assert set(answers) == {b"401", b"429"} and answers.count(b"401") >= 64, answers
    assert guarded.daemon.log().count("there is no such token") < 20


def test_a_scope_opens_its_paths_and_no_others(guarded):
    assert as_token(guarded, "reader", "PUT", "/v1/routes/web", {"route": ROUTE}).code == "scope"
    answer = as_token(guarded, "other", "PUT", "/v1/routes/web", {"route": ROUTE})
    assert answer.status == 201, answer
    answer = guarded.ask("GET", "/v1/status")
    assert answer.status == 403 and answer.code == "scope" and "read" in answer.json["detail"], answer


def test_a_route_of_another_token_is_left_alone_but_by_who_operates(guarded):
    assert as_token(guarded, "desk", "PUT", "/v1/routes/web", {"route": ROUTE}).status == 201
    answer = as_token(guarded, "other", "PUT", "/v1/routes/web", {"route": ROUTE + " med 1"})
    told = "api:web belongs to token desk: only that token, or one with the scope operate, may change it"
    assert answer.status == 409 and answer.code == "other-owner" and answer.json["detail"] == told, answer
    answer = guarded.ask("DELETE", "/v1/routes/web")
    assert answer.status == 409 and answer.code == "other-owner" and answer.json["detail"] == told, answer
    answer = guarded.command(f"withdraw {ROUTE}")
    assert answer.status == 409 and answer.json["detail"] == told and NET in guarded.exabgp.prefixes(), answer
    guarded.token = guarded.tokens["boss"]
    assert guarded.ask("DELETE", "/v1/routes/web?wait=wire").status == 200
    assert NET not in guarded.exabgp.prefixes()
    assert [(line["who"], line["outcome"]) for line in audit(guarded)] == [
        ("token desk", "accepted"), ("token other", "refused"), ("token other", "refused"), ("token other", "refused"),
        ("token boss", "accepted")]


def test_a_key_belongs_to_its_token(guarded):
    first = as_token(guarded, "desk", "PUT", "/v1/routes/a", {"route": ROUTE}, Idempotency_Key="k")
    other = as_token(guarded, "boss", "PUT", "/v1/routes/a", {"route": ROUTE}, Idempotency_Key="k")
    assert first.status == 201 and other.status == 200 and other.headers["Idempotency-Replayed"] is None, other


# ---- rates, processes, egress ----

def test_who_asks_too_often_is_told_to_wait_and_others_are_not(scene):
    scene.node_file.append("http_rate 5")
    path = scene.folder / "http.sock"
    scene.start(listen=f"127.0.0.1:{scene.port},unix:{path}")
    answers = [scene.ask("GET", "/v1/status") for _ in range(30)]
    assert {answer.status for answer in answers} == {200, 429}
    late = next(answer for answer in answers if answer.status == 429)
    assert late.code == "too-many-requests" and late.headers["Retry-After"] == "1", late
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(path))
        link.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert link.recv(65536).startswith(b"HTTP/1.1 200 ")
    wait_for(lambda: scene.ask("GET", "/v1/status").status == 200, "it may ask again")


def test_a_health_check_may_only_read_by_the_unix_socket(scene):
    path = scene.folder / "http.sock"
    out = scene.folder / "out"
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.tree.put("routes/web/healthcheck", f"""#!/bin/sh
curl -s -m 10 --unix-socket {path} -o {out}.tmp -w '%{{http_code}}\\n' -d 'command={COMMAND}' http://localhost/ >{out}.code
curl -s -m 10 --unix-socket {path} -o /dev/null -w '%{{http_code}}\\n' http://localhost/v1/status >>{out}.code
mv {out}.code {out}
exit 0
""")
    scene.start(listen=f"127.0.0.1:{scene.port},unix:{path}")
    wait_for(out.exists, "the check has asked")
    assert out.read_text().split() == ["403", "200"]
    assert NET not in scene.exabgp.prefixes() and "a health check (pid" in scene.daemon.log()


def test_a_lua_check_may_not_connect_to_the_api(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.tree.put("routes/web/healthcheck", f"""#!lua
local r, err = http.get("http://127.0.0.1:{scene.port}/v1/status")
return false, err or "it answered"
""")
    scene.start()
    route = wait_for(lambda: (r := scene.daemon.route("web")) and r["error"] and r, "the check has asked")
    assert f"egress denied: 127.0.0.1 port {scene.port} is a listener of bgpcommander" in route["error"], route


# ---- a disk that hangs ----

def test_a_disk_that_hangs_holds_up_no_withdraw_and_no_client(scene):
    """What is announced waits for the audit log, and the client is told in time; what is withdrawn leaves."""
    scene.start()
    assert scene.send_json("PUT", "/v1/routes/one?wait=wire", {"route": ROUTE}).status == 201
    try:
        hang = Hang(scene.folder / "state", children=True)
    except OSError as error:
        pytest.skip(f"fanotify cannot be had here: {error}")
    try:
        (scene.folder / "state" / "audit.log").unlink()
        late = scene.command("announce route 198.51.100.2/32 next-hop self", path="/?timeout=500ms")
        assert late.status == 504 and late.code == "outcome-unknown", late
        assert hang.is_met() and "198.51.100.2/32" not in scene.exabgp.prefixes()
        gone = scene.ask("DELETE", "/v1/routes/one?timeout=500ms")
        assert gone.status == 504, gone
        wait_for(lambda: NET not in scene.exabgp.prefixes(), "it is withdrawn all the same")
        assert scene.ask("GET", "/v1/status").status == 200
    finally:
        hang.release()
    wait_for(lambda: scene.command("announce route 198.51.100.3/32 next-hop self", path="/?wait=wire").status == 200,
             "the disk answers again")
