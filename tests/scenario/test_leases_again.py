"""Who asks again because no answer came finds one route, not two; also when the daemon was killed in between."""
import http.client
import json
import os
import signal
import threading

import pytest

from lease_lab import A, B, token, world  # noqa: F401: a fixture
from wait import wait_for


def ask(world, method, path, body, key="k1"):
    link = http.client.HTTPConnection("127.0.0.1", world.api.port, timeout=70)
    headers = {"Authorization": f"Bearer {token('one')}", "Accept": "application/json", "Content-Type": "application/json",
               "Idempotency-Key": key}
    try:
        link.request(method, path, None if body is None else json.dumps(body), headers)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read() or "{}")
    finally:
        link.close()


def killed(world):
    world.daemon.kill_core()
    wait_for(world.hears, "it answers", 30)


def api_routes(world):
    return [r["name"] for r in world.daemon.ask("routes")["routes"] if r["name"].startswith("api:")]


REQUESTS = {
    "POST": ("POST", "/", {"command": f"announce route {A} next-hop self", "ttl": "1h"}),
    "PUT": ("PUT", "/v1/routes/web", {"route": f"route {A} next-hop self", "ttl": "1h"}),
    "blackhole": ("POST", "/v1/blackhole", {"prefix": A, "ttl": "1h"}),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_that_is_repeated_after_a_restart_makes_no_second_route(world, kind):
    world.start()
    status, first = ask(world, *REQUESTS[kind])
    assert status in (200, 201) and first["new"], first
    world.daemon.wait_state(first["name"], "announced")
    lines = len(world.announced())
    killed(world)
    world.daemon.wait_state(first["name"], "announced")
    status, again = ask(world, *REQUESTS[kind])
    assert status == 200 and not again["new"] and again["name"] == first["name"], again
    world.daemon.wait_state(first["name"], "announced")
    assert api_routes(world) == [first["name"]] and len(world.prefixes()) == 1
    assert world.withdrawn() == [] and len(world.announced()) == lines, "the neighbors hear nothing of it"


def test_of_two_puts_with_one_key_the_second_is_refused_or_takes_the_place_of_the_first(world):
    """Whether the key is still known or not: never both."""
    world.start()
    assert ask(world, *REQUESTS["PUT"])[0] == 201
    other = ("PUT", "/v1/routes/web", {"route": f"route {B} next-hop self"})
    status, answer = ask(world, *other)
    assert (status, answer["code"]) == (422, "key-reused")
    killed(world)
    status, answer = ask(world, *other)
    assert status == 200 and not answer["new"], answer
    world.wait_prefixes(B)
    assert api_routes(world) == ["api:web"] and world.withdrawn() == [A]


def test_a_removal_that_is_repeated_after_a_restart_takes_nothing_else(world):
    world.start()
    world.put("a", A)
    world.put("b", B)
    assert ask(world, "DELETE", "/v1/routes/a", None)[0] == 200
    killed(world)
    world.daemon.wait_state("api:b", "announced")
    status, answer = ask(world, "DELETE", "/v1/routes/a", None)
    assert (status, answer["code"]) == (404, "no-such-route")
    assert world.prefixes() == {B} and world.withdrawn() == [A]


@pytest.mark.parametrize("verb", ["put", "change", "remove"])
@pytest.mark.parametrize("is_acked", [False, True], ids=["before the ack", "ack unread"])
def test_a_core_that_is_killed_when_exabgp_has_taken_the_command_keeps_what_it_took(world, verb, is_acked):
    """Nobody was answered: so it may have happened or not, but what ExaBGP holds is what the next core wants."""
    world.start()
    world.put("other", B)
    if verb != "put":
        world.put("web", A)
    world.daemon.wait_settled()
    exabgp, core = world.daemon.exabgp, world.daemon.core()
    word = "withdraw" if verb == "remove" else "med 5"
    taken = threading.Event()

    def on_taken(line):
        if A in line and word in line and not taken.is_set():
            os.kill(core, signal.SIGSTOP if is_acked else signal.SIGKILL)
            taken.set()
    answered = threading.Event()
    say = exabgp.say

    def on_said(line):
        say(line)
        if taken.is_set():
            answered.set()
    exabgp.taken, exabgp.say = on_taken, on_said
    answers = []

    def request():
        try:
            answers.append(world.api.remove("web", wait="ack", timeout=30) if verb == "remove" else
                           world.api.put("web", f"route {A} next-hop self med 5", ttl=3600, wait="ack", timeout=30))
        except (OSError, http.client.HTTPException):
            answers.append(None)
    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    assert taken.wait(30)
    if is_acked:
        assert answered.wait(30)
        os.kill(core, signal.SIGKILL)
    thread.join(30)
    assert answers == [None]
    wait_for(lambda: world.daemon.core() not in (None, core), "another core answers", 30)
    wait_for(world.hears, "it answers", 30)
    world.daemon.wait_state("api:other", "announced")
    exabgp.taken = lambda line: None
    if verb == "remove":
        gone = world.api.remove("web", wait="wire")
        assert gone.get("error") == "no-such-route" or gone["outcome"] == "done", gone
        world.wait_prefixes(B)
        assert world.withdrawn().count(A) >= 1 and B not in world.withdrawn()
    else:
        world.daemon.wait_state("api:web", "announced")
        assert "med 5" in world.held(A) and world.daemon.route("api:web")["expires"]
        again = world.put("web", A, ttl=3600, words="next-hop self med 5", wait="wire")
        assert again["new"] is False and world.withdrawn() == [] and world.prefixes() == {A, B}
    world.daemon.wait_settled()
