"""Approval by HTTP: what is held, or a store loss, counts from then on; who asked for it is written down."""
import hashlib
import json

import pytest
from http_lab import Scene  # noqa: F401
from wait import wait_for

TOKENS = {scope: f"bgpc_{letter * 43}" for letter, scope in (("R", "read"), ("A", "announce"), ("O", "operate"))}


def start(scene):
    """A store that was emptied: the id of the loss."""
    for scope, token in TOKENS.items():
        scene.node_file.append(f"http_token {scope} {hashlib.sha256(token.encode()).hexdigest()} read,{scope}" if scope != "read" else
                               f"http_token {scope} {hashlib.sha256(token.encode()).hexdigest()} read")
    scene.token = TOKENS["operate"]
    for name in ("web", "dns"):
        scene.tree.put(f"routes/{name}/config", f"route 192.0.2.{len(name) + ord(name[0]) % 7}/32 next-hop self")
    scene.start()
    for name in ("web", "dns"):
        scene.daemon.wait_state(name, "announced")
    for name in ("web", "dns"):
        scene.tree.remove(f"routes/{name}")
    return wait_for(lambda: (loss := scene.daemon.status()["store"]["loss"]) and loss["id"], "the loss")


def audit(scene):
    path = scene.folder / "state/audit.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def approvals(scene, count):
    return wait_for(lambda: len(lines := [line for line in audit(scene) if line["action"] == "approve"]) == count and lines, f"{count} lines")


def test_a_store_loss_is_approved_and_written_down(scene):
    loss = start(scene)
    answer = scene.send_json("POST", "/v1/approve", {"id": loss})
    assert answer.status == 200 and answer.json == {"approved": loss}, answer
    line, = approvals(scene, 1)
    assert (line["who"], line["name"], line["outcome"]) == ("token operate", loss, "accepted") and line["source"] == "127.0.0.1"
    wait_for(lambda: scene.daemon.status()["store"]["loss"] is None and not scene.exabgp.prefixes(), "the store counts again")
    again = scene.send_json("POST", "/v1/approve", {"id": loss})
    assert again.status == 409 and again.code == "nothing-waits"


@pytest.mark.parametrize("id_", ["00000000", "x" * 5000, "d9898b4", "ü", "%s%n"])
def test_another_id_approves_nothing(scene, id_):
    loss = start(scene)
    answer = scene.send_json("POST", "/v1/approve", {"id": id_})
    assert answer.status == 409 and answer.code == "nothing-waits"
    assert approvals(scene, 1)[0]["outcome"] == "refused"
    assert scene.daemon.status()["store"]["loss"]["id"] == loss and len(scene.exabgp.prefixes()) == 2


def test_only_a_token_that_may_operate_approves(scene):
    loss = start(scene)
    for scope in ("read", "announce"):
        scene.token = TOKENS[scope]
        answer = scene.send_json("POST", "/v1/approve", {"id": loss})
        assert answer.status == 403 and answer.code == "scope", answer
    scene.token = None
    assert scene.send_json("POST", "/v1/approve", {"id": loss}).status == 401
    assert scene.daemon.status()["store"]["loss"]["id"] == loss


@pytest.mark.parametrize("body,code", [("{}", "id"), ('{"id":""}', "id"), ('{"id":7}', "id"), ('{"id":null}', "id"), ("[]", "json"), ("", "json"), ('{"id":"a","id":"b"}', "json"),
                                       ('{"id":"a","all":true}', "unknown-member")])
def test_a_body_that_is_not_understood_approves_nothing(scene, body, code):
    loss = start(scene)
    answer = scene.send_json("POST", "/v1/approve", body)
    assert answer.status == 400 and answer.code == code, answer
    assert scene.daemon.status()["store"]["loss"]["id"] == loss


def test_a_client_that_leaves_at_once_has_approved_all_the_same(scene):
    loss = start(scene)
    body = json.dumps({"id": loss}).encode()
    link = scene.connect()
    link.request("POST", "/v1/approve", body, {"Content-Type": "application/json", "Authorization": f"Bearer {scene.token}"})
    link.close()
    wait_for(lambda: scene.daemon.status()["store"]["loss"] is None, "the store counts again")
    assert approvals(scene, 1)[0]["outcome"] == "accepted"
