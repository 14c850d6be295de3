"""Reading by HTTP: what the local socket tells, at paths; and /openapi.json, which says what each of them gives."""
import json
import os
import pathlib
import re
import socket
import time

import jsonschema
import pytest

import http_lab
import samples
from http_lab import Neighbor
from wait import wait_for

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
FAST = json.dumps({"interval": "100ms", "fall": 1})
DOCUMENT = json.loads((ROOT / "src/core/openapi.json").read_text())
# Of OpenAPI 3.1.0 what we use, as the specification has it: more is a mistake.
OPERATION = {"operationId", "summary", "description", "parameters", "requestBody", "responses", "security", "tags"}


class Scene(http_lab.Scene):
    def put_checked(self, name="web", number=1, interval=FAST):
        """A route with a check that passes as long as the file is there that is returned."""
        flag = self.folder / f"{name}.flag"
        flag.touch()
        self.tree.put(f"routes/{name}/options", interval)
        self.tree.put(f"routes/{name}/healthcheck", f"#!/bin/sh\ntest -f {flag} && exit 0\necho 'it is gone'\nexit 3\n")
        self.tree.put(f"routes/{name}/config", f"route 10.8.0.{number}/32 next-hop self")
        return flag

    def put_plain(self, name, number):
        self.tree.put(f"routes/{name}/config", f"route 10.8.{number // 250}.{number % 250}/32 next-hop self")

    def get(self, path, status=200, **headers):
        answer = self.ask("GET", path, headers=headers)
        assert answer.status == status, answer
        return answer.json

    def names(self, path):
        answer = self.get(path)
        return [route["name"] for route in answer["routes"]]


# ---- the document ----

def path_lines():
    text = (ROOT / "src/core/http_path.def").read_text()
    return re.findall(r'^CORE_HTTP_PATH\("(\w+)", "([^"]+)", \w+, (\w+),\s*"([^"]+)"\)', text, re.M)


def operations():
    return {(method.upper(), path): operation for path, item in DOCUMENT["paths"].items() for method, operation in item.items()}


def strict(schema):
    """As what we make: no member that the document does not tell of, unless it says so."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items()}
    if "properties" in made and isinstance(made["properties"], dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def schema_of(operation, status, kind="application/json"):
    content = operation["responses"][str(status)]["content"][kind]["schema"]
    return {**strict(content), "components": strict(DOCUMENT["components"])}


def judge(answer, method, path):
    operation = operations()[method, path]
    kind = answer.headers.get_content_type()
    assert str(answer.status) in operation["responses"], (method, path, answer)
    schema = schema_of(operation, answer.status, kind)
    jsonschema.validate(answer.json if kind.endswith("json") else answer.text, schema,
                        cls=jsonschema.Draft202012Validator)


def test_every_path_is_in_the_document_and_no_other():
    lines = path_lines()
    assert len(lines) >= 14
    assert {(method, path) for method, path, _, _ in lines} == set(operations())
    for method, path, scope, _ in lines:
        operation = operations()[method, path]
        assert (operation["security"] == [{}]) == (scope == "PUBLIC"), path


def test_the_document_is_openapi():
    assert DOCUMENT["openapi"] == "3.1.0" and set(DOCUMENT["info"]) >= {"title", "version"}
    assert set(DOCUMENT) <= {"openapi", "info", "jsonSchemaDialect", "servers", "paths", "components"}
    named = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert named == set(DOCUMENT["components"]["schemas"])
    ids = [operation["operationId"] for operation in operations().values()]
    assert len(ids) == len(set(ids))
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for (method, path), operation in operations().items():
        assert set(operation) <= OPERATION and operation["responses"], path
        parameters = operation.get("parameters", [])
        for parameter in parameters:
            assert set(parameter) <= {"name", "in", "required", "schema", "description"} and parameter["in"] in ("path", "query", "header")
            jsonschema.Draft202012Validator.check_schema(parameter["schema"])
        assert {one["name"] for one in parameters if one["in"] == "path"} == set(re.findall(r"{(\w+)}", path)), path
        assert all(one.get("required") for one in parameters if one["in"] == "path")
        assert ("requestBody" in operation) <= (method in ("POST", "PUT")), path
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d", status) and response["description"]
            for content in response.get("content", {}).values():
                jsonschema.Draft202012Validator.check_schema(content["schema"])


def test_it_is_served_as_it_stands(scene):
    scene.start()
    assert scene.get("/openapi.json") == DOCUMENT
    judge(scene.ask("GET", "/openapi.json"), "GET", "/openapi.json")


@pytest.mark.parametrize("path", [path for method, path, _, _ in path_lines()
                                  if method == "GET" and path not in ("/", "/page/{name}", "/v1/events/stream")])
def test_each_path_answers_as_the_document_says(scene, path):
    flag = scene.put_checked()
    scene.put_plain("plain", 2)
    scene.tree.put("routes/bad/config", "route 10.8.0.3/32 next-hop self nonsense")
    scene.tree.put("routes/lua/options", FAST)
    scene.tree.put("routes/lua/healthcheck", '#!lua\nmetric.gauge("load", 1.5)\nreturn {status = "up", score = 50, data = {a = 1}}\n')
    scene.tree.put("routes/lua/config", "route 10.8.0.4/32 next-hop self")
    scene.tree.put("policy", 'return "announce", "fine"\n')
    scene.tree.put("data/pools", '{"secret": 1}')
    daemon = scene.start()
    for name in ("web", "plain", "lua"):
        daemon.wait_state(name, "announced")
    flag.unlink()
    daemon.wait_state("web", "withdrawn")
    at = path.replace("{name}", "web")
    answer = scene.ask("GET", at)
    assert answer.status == 200, answer
    judge(answer, "GET", path)
    if path == "/v1/routes":
        judge(scene.ask("GET", at + "?brief=1"), "GET", path)
    if path.startswith("/v1/"):
        wrong = scene.ask("GET", at + "?nonsense=1")
        assert wrong.status == 400, wrong
        judge(wrong, "GET", path)
        assert "`nonsense`" in wrong.json["detail"]


# ---- what is told at once ----

def test_status_neighbors_and_workers_are_those_of_the_socket(scene):
    scene.put_plain("web", 1)
    daemon = scene.start()
    daemon.wait_state("web", "announced")

    def same(path, command, member, strip=()):
        def plain(whole):
            return json.dumps({name: value for name, value in whole.items() if name not in strip}, sort_keys=True)
        wait_for(lambda: plain(scene.get(path)) == plain(daemon.ask(command) if member is None else daemon.ask(command)[member]), path)
    same("/v1/neighbors", "neighbors", None)
    same("/v1/workers", "status", "workers")
    told = scene.get("/v1/status")
    assert told["access"] == {"who": "127.0.0.1", "scopes": ["read", "announce", "operate"]}
    assert set(told) - set(daemon.status()) == {"access"}
    assert told["summary"] == daemon.status()["summary"]


def test_health_and_readiness(scene):
    scene.put_plain("web", 1)
    scene.start(synced=False)
    ready = wait_for(lambda: scene.ask("GET", "/readyz", errors=True), "it answers")
    judge(ready, "GET", "/readyz")
    wait_for(lambda: scene.ask("GET", "/readyz").status == 200, "it is ready")
    assert scene.get("/readyz") == {"ready": True, "reasons": []}
    answer = scene.ask("GET", "/healthz")
    assert (answer.status, answer.text, answer.headers.get_content_type()) == (200, "ok\n", "text/plain")


def test_it_is_not_ready_before_it_knows_what_to_announce(scene):
    scene.start(synced=False, neighbors=[Neighbor()], dialect="4.2.21")
    wait_for(lambda: scene.ask("GET", "/readyz", errors=True), "it answers")
    scene.daemon.close()
    scene.daemon = None
    (scene.folder / "store").rename(scene.folder / "away")
    import shutil
    shutil.rmtree(scene.folder / "state")
    scene.tree.dir = scene.folder / "store"
    more = [f"--http=127.0.0.1:{scene.port}"]
    scene.daemon = http_lab.Daemon(scene.folder, f"file://{scene.folder}/store", "/bgp", more=more)
    answer = wait_for(lambda: scene.ask("GET", "/readyz", errors=True), "it answers")
    assert answer.status == 503, answer
    judge(answer, "GET", "/readyz")
    shown = json.loads(samples.block("readyz"))
    assert shown["ready"] is False and shown["reasons"][0].split(": ")[2] in str(answer.json["reasons"])
    assert scene.ask("GET", "/healthz").status == 200
    (scene.folder / "away").rename(scene.folder / "store")
    wait_for(lambda: scene.ask("GET", "/readyz").status == 200, "it is ready", 30)
    (scene.folder / "store").rename(scene.folder / "away")
    wait_for(lambda: scene.get("/v1/status")["store"]["state"] == "unreachable", "the store is lost", 30)
    assert scene.ask("GET", "/readyz").status == 200


# ---- routes ----

def test_routes_by_name_state_and_text(scene):
    scene.put_plain("web", 1)
    scene.put_plain("webmail", 2)
    scene.put_plain("mail", 3)
    scene.tree.put("routes/bad/config", "route 10.8.0.9/32 next-hop self nonsense")
    daemon = scene.start()
    for name in ("web", "webmail", "mail"):
        daemon.wait_state(name, "announced")
    assert scene.names("/v1/routes") == ["bad", "mail", "web", "webmail"]
    assert scene.get("/v1/routes")["foreignTotal"] == 0
    assert scene.names("/v1/routes?name=web") == ["web"]
    assert scene.names("/v1/routes?name=web*,mail") == ["mail", "web", "webmail"]
    assert scene.names("/v1/routes?name=nothing") == []
    assert scene.names("/v1/routes?state=faulty") == ["bad"]
    assert scene.names("/v1/routes?state=faulty,announced&name=*mail") == ["mail", "webmail"]
    assert scene.names("/v1/routes?q=MAIL") == ["mail", "webmail"]
    assert scene.names("/v1/routes?q=10.8.0.1") == ["web"]
    assert scene.names("/v1/routes?q=no%20health%20check&brief=1") == ["mail", "web", "webmail"]
    assert set(scene.get("/v1/routes?q=web")) == {"routes"}
    whole, brief = scene.get("/v1/routes?name=web")["routes"][0], scene.get("/v1/routes?name=web&brief=1")["routes"][0]
    assert {name: whole[name] for name in brief if name != "history"} == {name: brief[name] for name in brief if name != "history"}
    assert whole == daemon.route("web")


@pytest.mark.parametrize("query", ["brief=2", "name=", "name=" + ",".join(["a"] * 65), "state=", "x=1", "names=web"])
def test_a_query_that_is_no_such_is_refused(scene, query):
    scene.start()
    answer = scene.ask("GET", f"/v1/routes?{query}")
    assert answer.status == 400 and answer.code == "bad-query", answer


def test_a_brief_route(scene):
    scene.put_checked()
    scene.start()
    scene.daemon.wait_state("web", "announced")
    wait_for(lambda: (h := scene.get("/v1/routes?brief=1")["routes"][0]["history"]) and len(h["marks"]) >= 3, "three results")
    told = scene.get("/v1/routes?brief=1")["routes"][0]
    shown = json.loads(samples.block("brief"))
    assert set(told) == set(shown), set(told) ^ set(shown)
    assert set(told["history"]["marks"]) <= set("pf-") and len(told["history"]["tookMs"]) == len(told["history"]["marks"])
    for name in ("verdict", "layer", "reason", "state", "health", "nlri", "onWire", "origin"):
        assert told[name] == shown[name], name


def test_a_route_with_all_that_is_known_of_it(scene):
    flag = scene.put_checked()
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    scene.tree.put("routes/web/config", "route 10.8.0.1/32 next-hop self med 5")
    wait_for(lambda: (r := daemon.route("web")) and r["text"].endswith("med 5") and r["state"] == "announced", "the new text stands")
    flag.unlink()
    daemon.wait_state("web", "withdrawn")

    def complete():
        told = scene.get("/v1/routes/web")
        return [step["step"] for step in told["chain"]] == ["key", "check", "decision", "command", "ack", "wire"] and told
    told = wait_for(complete, "the chain is whole")
    key, check, decision, command, ack, wire = told["chain"]
    assert key["text"] == "route 10.8.0.1/32 next-hop self med 5" and key["time"] == told["key"]
    assert check["name"] == "web" and check["text"] == "down: failed" and check["tookMs"] >= 0
    assert decision["text"] == "withdraw: health: health check failed: exit code 3"
    assert decision["id"] == told["decisions"][0]["id"]
    assert command["text"] == "withdraw route 10.8.0.1/32 next-hop self med 5" and wire["neighbor"] == "10.99.0.2"
    assert key["time"] < decision["time"] <= command["time"] <= ack["time"] <= wire["time"]
    script, = told["scripts"]
    assert script["key"] == "routes/web/healthcheck" and script["text"].endswith("exit 3\n") and script["decides"]
    assert told["output"] == "it is gone\n" and told["checks"][0]["status"] == "failed"
    assert {result["status"] for result in told["history"]} == {"passed", "failed"}
    assert [one["verdict"] for one in told["decisions"]][:1] == ["withdraw"] and len(told["decisions"]) >= 3
    shown = json.loads(samples.block("chain"))
    assert [set(step) for step in told["chain"]] == [set(step) for step in shown]
    assert [set(one) for one in told["history"][:1]] == [set(one) for one in json.loads(samples.block("history"))[:1]]


def test_a_route_that_is_not_there(scene):
    scene.start()
    answer = scene.ask("GET", "/v1/routes/nothing")
    assert answer.status == 404 and answer.code == "no-such-route"
    judge(answer, "GET", "/v1/routes/{name}")


def test_a_route_of_the_api_by_both_its_names(scene):
    scene.start()
    made = scene.send_json("PUT", "/v1/routes/ours", {"route": "route 10.9.0.1/32 next-hop self", "reason": "a test", "ttl": "1h"})
    assert made.status in (200, 201, 202), made
    judge(made, "PUT", "/v1/routes/{name}")
    told = scene.get("/v1/routes/ours")
    assert told["name"] == "api:ours" == scene.get("/v1/routes/api:ours")["name"]
    assert told["origin"] == "api" and told["note"] == "a test" and told["expires"]
    brief, = scene.get("/v1/routes?name=api:ours&brief=1")["routes"]
    assert brief["origin"] == "api" and brief["expires"][:16] == told["expires"][:16]


def test_records_that_cannot_be_read_leave_the_rest(scene):
    scene.put_plain("web", 1)
    scene.tree.put("node/n1/subscribedRoutes", "*")
    more = [f"--http=127.0.0.1:{scene.port}", "--records=off"]
    scene.daemon = http_lab.Daemon(scene.folder, f"file://{scene.folder}/store", "/bgp", more=more)
    scene.daemon.wait_state("web", "announced")
    told = scene.get("/v1/routes/web")
    assert told["decisions"] == [] and [step["step"] for step in told["chain"]] == ["key"] and told["state"] == "announced"


# ---- checks, decisions, config, nodes ----

def test_the_last_results_of_a_check(scene):
    flag = scene.put_checked()
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    flag.unlink()
    check = wait_for(lambda: (c := scene.get("/v1/checks?name=web")["checks"][0]) and len(c["history"]) == 32
                     and c["history"][-1]["status"] == "failed" and c, "32 results")
    statuses = [result["status"] for result in check["history"]]
    assert statuses == sorted(statuses, reverse=True) and all(0 < result["took"] < 60 for result in check["history"])
    assert abs(check["history"][-1]["took"] - check["took"]) <= check["took"] * 0.02 + 1e-6
    again = wait_for(lambda: (c := scene.get("/v1/checks?name=web")["checks"][0]) and c["ran"] > check["ran"] and c, "it ran again")
    assert len(again["history"]) == 32


def test_decisions_are_those_of_the_socket(scene):
    scene.put_checked()
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    asked = wait_for(lambda: (d := daemon.ask("decisions", route="web", limit=1)["decisions"]) and len(d[0]["notes"]) == 3 and d, "notes")
    assert scene.get("/v1/decisions?route=web&limit=1")["decisions"] == asked
    assert scene.get(f"/v1/decisions?id={asked[0]['id']}")["decisions"] == asked
    assert scene.get("/v1/decisions?route=nothing")["decisions"] == []
    assert scene.ask("GET", "/v1/decisions?limit=0").status == 400
    assert scene.ask("GET", "/v1/decisions?limit=x").status == 400


def test_the_keys_in_force_without_secrets(scene):
    scene.put_checked()
    for number in range(2, 60):
        scene.put_plain(f"r{number}", number)
    for number in range(150):
        scene.tree.put(f"data/d{number:03}", f'"a secret {number}"')
    scene.tree.put("checks/load/script", "#!/bin/sh\nexit 0\n")
    scene.tree.put("lua/helper", "return {}\n")
    scene.tree.put("policy", "return function(ctx) return announce{} end\n")
    scene.node_file = ["http_token desk " + "ab" * 32 + " read,announce,operate"]
    scene.tree.put("routes/web/config", "route 10.8.0.1/32 next-hop self")
    daemon = scene.start(synced=False)
    daemon.wait_state("web", "announced")
    assert scene.ask("GET", "/v1/config").status == 401
    scene.daemon.close()
    scene.node_file = []
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    answer = scene.ask("GET", "/v1/config")
    assert "a secret" not in answer.text
    told = answer.json
    keys = {one["key"]: one for one in told["keys"]}
    assert len(keys) == len(told["keys"])
    assert keys["routes/web/config"]["value"] == "route 10.8.0.1/32 next-hop self"
    assert keys["data/d149"] == {"key": "data/d149", "bytes": len('"a secret 149"'), "value": None}
    for key in ("policy", "lua/helper", "checks/load/script", "routes/web/options", "routes/web/healthcheck",
                "node/n1/subscribedRoutes", "routes/r59/config", "data/d000"):
        assert key in keys, key
    assert told["node"] == "n1" == told["settings"]["node"] and told["settings"]["http"].startswith("127.0.0.1:")
    shown = json.loads(samples.block("config"))
    assert set(told) == set(shown) and set(told["keys"][0]) == set(shown["keys"][0])


def test_tokens_are_not_among_the_settings(scene):
    import hashlib
    token = "bgpc_" + "a" * 43
    scene.node_file = [f"http_token desk {hashlib.sha256(token.encode()).hexdigest()} read"]
    scene.start(synced=False)
    scene.token = token
    told = wait_for(lambda: (a := scene.ask("GET", "/v1/config", errors=True)) and a.status == 200 and a, "it answers")
    assert "http_token" not in told.json["settings"] and hashlib.sha256(token.encode()).hexdigest() not in told.text
    access = scene.get("/v1/status")["access"]
    assert access == {"who": "token desk", "scopes": ["read"]}


def test_nodes_tell_of_themselves(scene):
    scene.put_plain("web", 1)
    scene.tree.put("node/n2/subscribedRoutes", "*")
    scene.tree.put("node/n2/status", json.dumps({"version": "0.0.9", "summary": {"routes": 7}}))
    scene.tree.put("node/n3/adminState", "drain")
    scene.tree.put("node/n4/status", "no JSON")
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    answer = scene.ask("GET", "/v1/nodes")
    judge(answer, "GET", "/v1/nodes")
    told = answer.json
    assert [node["name"] for node in told["nodes"]] == ["n1", "n2", "n3", "n4"]
    own, other, bare, broken = told["nodes"]
    assert own["self"] and own["status"]["summary"] == daemon.status()["summary"]
    assert not other["self"] and other["status"] == {"version": "0.0.9", "summary": {"routes": 7}}
    assert bare["status"] is None and broken["status"] is None
    assert told["more"] is False and told["problem"] is None and told["age"] < 5
    scene.tree.put("node/n5/status", "{}")
    later = wait_for(lambda: (n := scene.get("/v1/nodes")) and len(n["nodes"]) == 5 and n, "what was kept is read anew")
    assert later["nodes"][4] == {"name": "n5", "self": False, "status": {}}
    assert set(json.loads(samples.block("nodes"))) == set(told)


def test_many_nodes_come_in_pieces_each_of_one_reading(scene):
    """What they tell is megabytes: it is never made in one turn, nor anew for each who asks."""
    scene.put_plain("web", 1)
    status = {"version": "0.0.9", "routes": {f"route-{n}": {"state": "announced", "reason": "x" * 40} for n in range(300)}}
    names = sorted(f"edge{n}" for n in range(60))
    for name in names:
        scene.tree.put(f"node/{name}/status", json.dumps(status))
    scene.start()
    answer = scene.ask("GET", "/v1/nodes")
    assert answer.headers["Transfer-Encoding"] == "chunked"
    judge(answer, "GET", "/v1/nodes")
    assert [node["name"] for node in answer.json["nodes"]] == ["n1", *names]
    assert all(node["status"] == status for node in answer.json["nodes"][1:])
    slow = [scene.connect(timeout=60) for _ in range(4)]
    for link in slow:
        link.sock = socket.socket()
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        link.sock.settimeout(60)
        link.sock.connect(("127.0.0.1", scene.port))
        link.request("GET", "/v1/nodes")
    scene.tree.remove("node/edge7/status")
    wait_for(lambda: len(scene.get("/v1/nodes")["nodes"]) == len(names), "the store is read anew")
    slow.pop().close()
    for link in slow:
        nodes = json.loads(link.getresponse().read())["nodes"]
        assert [node["name"] for node in nodes] == ["n1", *names] and nodes[-1]["status"] == status
        link.close()


def test_nodes_of_a_store_that_cannot_be_read(scene):
    scene.put_plain("web", 1)
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    (scene.folder / "store").rename(scene.folder / "away")
    told = scene.get("/v1/nodes")
    assert [node["name"] for node in told["nodes"]] == ["n1"] and told["problem"]
    (scene.folder / "away").rename(scene.folder / "store")
    wait_for(lambda: scene.get("/v1/nodes")["problem"] is None, "it is read again")


def test_clients_that_leave_while_nodes_are_read_harm_nobody(scene):
    scene.put_plain("web", 1)
    scene.start()
    for _ in range(20):
        link = scene.connect()
        link.request("GET", "/v1/nodes")
        link.close()
    assert scene.get("/v1/nodes")["nodes"][0]["name"] == "n1"


# ---- many ----

def test_many_routes_come_in_pieces_while_checks_run(scene):
    scene.put_checked("web", 1)
    for number in range(2, 3002):
        scene.put_plain(f"r{number}", number)
    daemon = scene.start()
    wait_for(lambda: daemon.status()["summary"]["announced"] == 3001, "all are announced", 90)
    begun = time.monotonic()
    answer = scene.ask("GET", "/v1/routes?brief=1")
    took = time.monotonic() - begun
    assert answer.status == 200 and len(answer.json["routes"]) == 3001
    late = max(check["late"] for check in scene.get("/v1/checks")["checks"])
    assert late < 1.0, (late, took)
