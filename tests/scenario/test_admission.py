"""What may come by HTTP on a node: the rules of its file, the guard, and at last the policy `admission`."""
import hashlib
import json
import re
import threading

import http_lab
import pytest
from fake_exabgp import Neighbor
from samples import ROOT, block
from wait import wait_for

DESK = "bgpc_AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg"  # that of the page
FAMILIES = ("ipv4 unicast", "ipv6 unicast", "ipv4 flow", "ipv6 flow")


class Scene(http_lab.Scene):
    def __init__(self, folder):
        super().__init__(folder)
        self.node_file = ["http_rate 2000000"]

    def up(self, *lines, policy=None):
        self.node_file += lines
        if policy:
            self.tree.put("admission", policy)
        self.start(synced=False, neighbors=[Neighbor(families=FAMILIES)])
        self.daemon.wait_synced()
        wait_for(lambda: self.ask("GET", "/v1/none", errors=True), "the HTTP API answers")
        if policy:
            wait_for(lambda: self.daemon.ask("admission", announce="announce route 192.0.2.1/32 next-hop self")["asked"]
                     or self.daemon.ask("admission", announce="announce route 192.0.2.1/32 next-hop self")["failure"],
                     "the policy is asked")

    def put(self, name, route, query="", **more):
        return self.send_json("PUT", f"/v1/routes/{name}{query}", {"route": route, **more})

    def refused(self, answer, status, code, text=""):
        assert answer.status == status and answer.code == code and text in answer.json["detail"], answer
        return answer

    def announced(self):
        return [line for line in self.exabgp.lines if line.startswith("announce")]


def test_the_node_file_of_the_page_does_what_the_page_says(scene):
    file = block("http-access-desk")
    hashes = dict(re.findall(r"^http_token (\w+) (\w+)", file, re.M))
    assert hashes["desk"] == hashlib.sha256(DESK.encode()).hexdigest()
    scene.up(*[line for line in file.splitlines() if not line.startswith("http ")])
    scene.token = DESK
    hole = scene.send_json("POST", "/v1/blackhole", {"prefix": "192.0.2.7"})
    assert hole.status == 201 and hole.json["command"] == \
        "announce route 192.0.2.7/32 next-hop 192.0.2.254 community 65000:666", hole
    assert hole.json["expires"] is not None, "an hour, without being asked for"
    assert scene.put("flood", "flow route { match { destination 198.51.100.9/32; protocol udp; } then { discard; } }").status == 201
    before = scene.announced()
    for route, code in (("route 192.0.2.53/32 next-hop self", "never"),
                        ("route 192.0.2.0/24 next-hop self", "prefix-not-allowed"),
                        ("route 203.0.113.1/32 next-hop self", "prefix-not-allowed"),
                        ("route 2001:db8::1/128 next-hop 2001:db8::2", "family-not-allowed"),
                        ("flow route { match { destination 198.51.100.0/24; source-port =53; } then { discard; } }", "never"),
                        ("flow route { match { destination 198.51.100.53/32; } then { discard; } }", "never"),
                        ("flow route { match { protocol udp; } then { discard; } }", "prefix-not-allowed"),
                        ("flow route { match { destination 198.51.100.9/32; } then { redirect 65000:1; } }",
                         "flow-action-not-allowed")):
        scene.refused(scene.put("x", route), 403, code)
        scene.refused(scene.put("x", route, "?dry_run=1"), 403, code)
        assert scene.command(f"announce {route}", path="/?dry_run=1").json["code"] == code
    scene.refused(scene.put("x", "route 192.0.2.8/32 next-hop self", ttl="25h"), 422, "ttl-too-long",
                  "admit_max_ttl: expected at most 86400 s, found 90000 s")
    assert scene.announced() == before


def test_the_page_has_each_word_for_programs():
    """With its status, as the lists in the headers have it."""
    headers = (ROOT / "src/model/admission.h").read_text() + (ROOT / "src/model/http_access.h").read_text()
    lists = re.findall(r"^  X\(BC_(?:ADMISSION|HTTP_ACCESS)_\w+, (\d+), \"([a-z-]+)\"\)", headers, re.M)
    rows = re.findall(r"^\| (\d+) \| `([a-z-]+)` \|", (ROOT / "docs/http-access.md").read_text(), re.M)
    assert sorted(rows) == sorted(lists) and len(lists) > 15


def test_counts_hold_also_for_many_at_once(scene):
    """Who asks in the same moment does not slip through."""
    policy = "return function(ctx) return admit() end\n"
    scene.up("admit_max_routes 5", policy=policy)
    answers = []

    def work(number):
        answers.append(scene.put(f"r{number}", f"route 192.0.2.{number}/32 next-hop self"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status for answer in answers) == [201] * 5 + [409] * 19, answers
    assert len(scene.exabgp.prefixes()) == 5
    name = next(answer.json["name"] for answer in answers if answer.status == 201)
    scene.refused(scene.put("more", "route 192.0.2.99/32 next-hop self"), 409, "too-many-routes",
                  "admit_max_routes 5: 5 stand by HTTP, and these are 1 more")
    number = name.removeprefix("api:r")
    assert scene.put(name, f"route 192.0.2.{number}/32 next-hop self med 5").status == 200, "it is none more"
    assert scene.ask("DELETE", f"/v1/routes/{name}").status == 200
    assert scene.put("more", "route 192.0.2.99/32 next-hop self").status == 201


def test_each_token_has_its_own_counts(scene):
    tokens = {name: "bgpc_" + name * 43 for name in "ab"}
    scene.up("admit_max_routes_per_token 2", "admit_max_per_hour 4",
             *[f"http_token {name} {hashlib.sha256(text.encode()).hexdigest()} announce" for name, text in tokens.items()])
    scene.token = tokens["a"]
    assert scene.put("a1", "route 192.0.2.1/32 next-hop self").status == 201
    assert scene.put("a2", "route 192.0.2.2/32 next-hop self").status == 201
    scene.refused(scene.put("a3", "route 192.0.2.3/32 next-hop self"), 409, "too-many-routes-of-token")
    assert scene.put("a2", "route 192.0.2.2/32 next-hop self med 1").status == 200
    assert scene.put("a2", "route 192.0.2.2/32 next-hop self med 2").status == 200
    late = scene.refused(scene.put("a2", "route 192.0.2.2/32 next-hop self med 3"), 429, "too-many-per-hour")
    assert int(late.headers["Retry-After"]) > 0
    assert scene.ask("DELETE", "/v1/routes/a1").status == 200, "a withdraw is never refused by these"
    scene.refused(scene.put("a1", "route 192.0.2.1/32 next-hop self"), 429, "too-many-per-hour")
    scene.token = tokens["b"]
    assert scene.put("b1", "route 192.0.2.11/32 next-hop self").status == 201


def test_a_route_of_many_prefixes_counts_as_many(scene):
    """Also after a start of core, in the place of another, and when it has gone."""
    scene.up("admit_max_routes 6", "admit_max_per_hour 14")
    four = "attributes next-hop self nlri 192.0.2.0/26 192.0.2.64/26 192.0.2.128/26 192.0.2.192/26"
    assert scene.put("four", four).status == 201
    scene.refused(scene.put("more", "route 198.51.100.0/24 next-hop self split /26"), 409, "too-many-routes", "4 more")
    scene.daemon.kill_core()
    scene.daemon.wait_synced()
    wait_for(lambda: scene.ask("GET", "/v1/none", errors=True), "the HTTP API answers")
    scene.refused(scene.put("more", "route 198.51.100.0/24 next-hop self split /26"), 409, "too-many-routes",
                  "4 stand by HTTP, and these are 4 more")
    assert scene.put("two", "route 198.51.100.0/24 next-hop self split /25").status == 201
    scene.refused(scene.put("two", "route 198.51.100.0/24 next-hop self split /26"), 409, "too-many-routes", "2 more")
    assert scene.put("four", four.replace("self nlri", "self med 5 nlri")).status == 200
    assert scene.ask("DELETE", "/v1/routes/two").status == 200
    scene.refused(scene.put("seven", "route 198.51.100.0/24 next-hop self split /27"), 409, "too-many-routes", "8 more")
    assert scene.ask("DELETE", "/v1/routes/four").status == 200
    assert scene.put("four", "route 203.0.113.0/24 next-hop self split /26").status == 201
    scene.refused(scene.put("one", "route 198.51.100.0/24 next-hop self"), 429, "too-many-per-hour",
                  "14 of yours came within the last hour, and these are 1")


def test_the_hours_count_of_what_stands_outlives_core(scene):
    scene.up("admit_max_per_hour 2")
    for number in (1, 2):
        assert scene.put(f"r{number}", f"route 192.0.2.{number}/32 next-hop self").status == 201
    scene.daemon.kill_core()
    scene.daemon.wait_synced()
    wait_for(lambda: scene.ask("GET", "/v1/none", errors=True), "the HTTP API answers")
    scene.refused(scene.put("r3", "route 192.0.2.3/32 next-hop self"), 429, "too-many-per-hour")


def test_times_are_those_of_the_file(scene):
    scene.up("admit_max_ttl 1h", "admit_default_ttl 2s")
    answer = scene.put("short", "route 192.0.2.1/32 next-hop self")
    assert answer.status == 201 and answer.json["expires"], answer
    wait_for(lambda: scene.exabgp.prefixes() == set(), "its time is over")
    assert scene.put("long", "route 192.0.2.2/32 next-hop self", ttl="1h").status == 201
    scene.refused(scene.put("longer", "route 192.0.2.3/32 next-hop self", ttl="61m"), 422, "ttl-too-long")


def test_the_guard_stands_before_all_that_comes(scene):
    scene.up("announce_deny 192.0.2.53/32", "announce_community 65000:*", "max_routes 2")
    scene.refused(scene.put("dns", "route 192.0.2.53/32 next-hop self"), 403, "guard",
                  "announce_deny 192.0.2.53/32: 192.0.2.53/32 may not be announced on this node")
    scene.refused(scene.put("leak", "route 192.0.2.1/32 next-hop self community [ 65001:1 ]"), 403, "guard", "announce_community")
    assert scene.put("a", "route 192.0.2.1/32 next-hop self community [ 65000:1 ]").status == 201
    assert scene.put("b", "route 192.0.2.2/32 next-hop self").status == 201
    scene.refused(scene.put("c", "route 192.0.2.3/32 next-hop self"), 409, "max-routes", "max_routes 2")
    assert scene.exabgp.prefixes() == {"192.0.2.1/32", "192.0.2.2/32"}


def test_what_would_end_a_session_is_refused(scene):
    scene.up("blackhole_length ipv4 8-32")
    peer = scene.exabgp.neighbors[0].ip
    wait_for(lambda: scene.daemon.ask("neighbors")["neighbors"], "the neighbor is known")
    scene.refused(scene.send_json("POST", "/v1/blackhole", {"prefix": peer}), 403, "own-address",
                  f"{peer}/32 is an address of a BGP session of this node")
    wide = re.sub(r"\d+$", "0/24", peer)
    scene.refused(scene.send_json("POST", "/v1/blackhole", {"prefix": wide}), 403, "own-address")
    scene.refused(scene.put("x", f"flow route {{ match {{ destination {peer}/32; }} then {{ discard; }} }}"), 403, "own-address")
    scene.refused(scene.put("x", f"route {peer}/32 next-hop self"), 403, "own-address")
    assert scene.announced() == []


def test_nothing_is_admitted_before_the_sessions_are_known(scene):
    """What ends one would stand from then on; a withdraw does not wait."""
    scene.up("blackhole_length ipv4 8-32")
    peer = scene.exabgp.neighbors[0].ip
    assert scene.put("web", "route 192.0.2.1/32 next-hop self").status == 201
    scene.exabgp.answering.clear()
    scene.daemon.kill_core()
    wait_for(lambda: scene.ask("GET", "/v1/none", errors=True), "the HTTP API answers")
    for query in ("?wait=none", "?dry_run=1"):
        early = scene.refused(scene.send_json("POST", f"/v1/blackhole{query}", {"prefix": peer}), 503, "starting")
        assert int(early.headers["Retry-After"]) > 0
    assert scene.ask("DELETE", "/v1/routes/web?wait=none").status == 202
    scene.exabgp.answering.set()
    scene.daemon.wait_synced()
    scene.refused(scene.send_json("POST", "/v1/blackhole", {"prefix": peer}), 403, "own-address")
    wait_for(lambda: not scene.exabgp.prefixes(), "it is withdrawn")


REFUSES = """return function(ctx)
  local r = ctx.request
  if ctx.route.name == "api:bad" then return refuse("by its name") end
  if r.reason == "no" then return refuse() end
  if r.owner ~= "127.0.0.1" or not r.source or not r.command:find("^announce ") then return refuse("odd request") end
  if r.ttl and r.ttl > 60 then return refuse("too long: " .. r.ttl) end
  return admit()
end
"""


def test_the_policy_is_told_all_and_decides(scene):
    scene.up(policy=REFUSES)
    scene.refused(scene.put("bad", "route 192.0.2.1/32 next-hop self"), 403, "policy-refused", "the policy admission: by its name")
    scene.refused(scene.put("web", "route 192.0.2.1/32 next-hop self", reason="no"), 403, "policy-refused",
                  "the policy admission: refused")
    scene.refused(scene.put("web", "route 192.0.2.1/32 next-hop self", ttl=61), 403, "policy-refused", "too long: 61")
    assert scene.announced() == []
    assert scene.put("web", "route 192.0.2.1/32 next-hop self", ttl=60, reason="yes").status == 201


CHANGES = """return function(ctx)
  local r = ctx.request.reason
  if r == "hole" then return admit{ community = { "blackhole" } } end
  if r == "odd" then return admit{ med = "x" } end
  return admit{ add_community = { "65000:7" }, reason = "marked" }
end
"""


def test_what_the_policy_changes_is_announced_and_passes_the_same_rules(scene):
    scene.up("announce_community 65000:*", "announce_community blackhole", policy=CHANGES)
    answer = scene.put("web", "route 192.0.2.1/32 next-hop self")
    assert answer.status == 201 and answer.json["changed"] and answer.json["reason"] == "marked", answer
    assert answer.json["command"] == "announce route 192.0.2.1/32 next-hop self community 65000:7"
    scene.daemon.wait_settled()
    assert "65000:7" in scene.exabgp.rib[scene.exabgp.neighbors[0].ip]["192.0.2.1/32"]
    scene.refused(scene.put("wide", "route 192.0.2.0/24 next-hop self", reason="hole"), 403, "length-not-allowed",
                  "blackhole_length: 192.0.2.0/24: expected a length from 32 to 32")
    scene.refused(scene.put("odd", "route 192.0.2.2/32 next-hop self", reason="odd"), 503, "policy-attributes", "med: ")
    assert scene.put("host", "route 192.0.2.3/32 next-hop self", reason="hole").status == 201


@pytest.mark.parametrize("policy", ["return function(ctx) error('broken') end\n", "return function(ctx) while true do end end\n",
                                    "return function(ctx) return announce() end\n", "return 5\n"], ids=["error", "endless", "word", "none"])
def test_a_policy_that_fails_admits_nothing_and_stops_no_withdraw(scene, policy):
    scene.up(policy="return function(ctx) return admit() end\n")
    assert scene.put("web", "route 192.0.2.1/32 next-hop self").status == 201
    scene.tree.put("admission", policy)
    answer = wait_for(lambda: (found := scene.put("more", "route 192.0.2.2/32 next-hop self", "?dry_run=1")).status != 200
                      and found, "the new policy is asked")
    scene.refused(answer, 503, "policy-failed", "the policy admission: ")
    assert scene.put("more", "route 192.0.2.2/32 next-hop self").status == 503
    assert scene.ask("DELETE", "/v1/routes/web").status == 200
    assert scene.exabgp.prefixes() == set()


def test_a_dry_run_counts_nowhere_and_has_no_effect(scene):
    scene.up("admit_max_per_hour 1")
    for _ in range(5):
        answer = scene.put("web", "route 192.0.2.1/32 next-hop self", "?dry_run=1", ttl=60)
        assert answer.status == 200 and answer.json["dryRun"] and answer.json["expires"], answer
    assert scene.announced() == [] and scene.daemon.status()["summary"]["announced"] == 0
    assert scene.put("web", "route 192.0.2.1/32 next-hop self").status == 201
    scene.refused(scene.put("web", "route 192.0.2.1/32 next-hop self", "?dry_run=1"), 429, "too-many-per-hour")


def test_other_rules_leave_what_stands(scene):
    scene.up()
    assert scene.put("web", "route 192.0.2.1/32 next-hop self").status == 201
    with (scene.folder / "none.conf").open("a") as file:
        file.write("admit_never 192.0.2.0/24\nadmit_max_routes 1\n")
    old = scene.daemon.core()
    assert scene.daemon.ask("upgrade") == {"upgrading": True}
    wait_for(lambda: (new := scene.daemon.core()) and new != old, "the next core answers")
    scene.daemon.wait_synced()
    wait_for(lambda: scene.ask("GET", "/v1/none", errors=True), "the HTTP API answers")
    scene.refused(scene.put("web", "route 192.0.2.1/32 next-hop self med 5"), 403, "never")
    scene.daemon.wait_settled()
    assert scene.exabgp.prefixes() == {"192.0.2.1/32"}
    assert json.loads((scene.folder / "state" / "audit.log").read_text().splitlines()[-1])["code"] == "never"
    assert scene.ask("DELETE", "/v1/routes/web").status == 200
    assert scene.exabgp.prefixes() == set()
