"""Who may ask what by HTTP: tokens and their scopes, Host, Origin; whatever is refused has no consequence."""
import datetime
import hashlib
import os
import re
import socket
import time

import http_lab
import pytest
from samples import ROOT
from wait import wait_for

PATHS = re.findall(r'^CORE_HTTP_PATH\("(\w+)", "([^"]+)", \w+, (\w+),', (ROOT / "src/core/http_path.def").read_text(), re.M)
SCOPES = {"none": "", "reader": "read", "desk": "announce", "chief": "operate", "all": "read,announce,operate",
          "half": "read,operate"}
ROUTE = {"route": "route 192.0.2.1/32 next-hop self"}


def token_of(name):
    """43 letters that any name gives."""
    return "bgpc_" + hashlib.sha256(name.encode()).hexdigest()[:43]


def line_of(name, rest):
    return f"http_token {name} {hashlib.sha256(token_of(name).encode()).hexdigest()} {rest}"


class Scene(http_lab.Scene):
    def __init__(self, folder):
        super().__init__(folder)
        self.node_file = ["http_rate 2000000"]

    def allow(self, **tokens):
        self.node_file += [line_of(name, rest) for name, rest in tokens.items()]

    def up(self, **options):
        """Also where nobody may read."""
        self.start(synced=False, **options)
        self.daemon.wait_synced()
        wait_for(lambda: self.ask("GET", "/v1/none", errors=True), "the HTTP API answers")

    def as_token(self, name, method, path, body=None):
        headers = {"Authorization": f"Bearer {token_of(name)}", "Content-Type": "application/json",
                   "Accept": "application/json"}
        return self.ask(method, path, body, headers)

    def put_as(self, name, route, prefix, **more):
        self.token = token_of(name)
        return self.send_json("PUT", f"/v1/routes/{route}", {"route": f"route {prefix} next-hop self", **more})

    def head(self, lines, method="GET", path="/v1/status", body=b"", version="1.1"):
        """A request as it stands; the status, and the text of the answer."""
        text = f"{method} {path} HTTP/{version}\r\nConnection: close\r\n"
        text += "".join(f"{line}\r\n" for line in [*lines, f"Content-Length: {len(body)}"])
        answer = self.raw(text.encode() + b"\r\n" + body)
        return int(answer.split(b" ", 2)[1]), answer.decode()

    def announced(self):
        return [line for line in self.exabgp.lines if line.startswith("announce")]


def is_judged(status):
    """It got past the gate: the handler has answered."""
    return status not in (401, 403, 421, 429)


@pytest.mark.parametrize("method, path, scope", PATHS)
def test_tokens_of_each_scope_at_each_path(scene, method, path, scope):
    names = {name: scopes for name, scopes in SCOPES.items() if scopes}
    scene.allow(**names)
    scene.up()
    path = re.sub(r"{\w+}", "none", path)
    method = "HEAD" if "stream" in path else method  # it never ends
    assert is_judged(scene.ask(method, path).status) if scope == "PUBLIC" else scene.ask(method, path).status == 401
    for name, scopes in names.items():
        answer = scene.as_token(name, method, path)
        if scope == "PUBLIC" or scope.lower() in scopes.split(","):
            assert is_judged(answer.status), (name, answer)
        else:
            assert answer.status == 403 and (method == "HEAD" or answer.code == "scope"), (name, answer)
            assert method == "HEAD" or answer.json["detail"] == f"the token {name} lacks the scope {scope.lower()}"
    assert scene.announced() == []


def test_no_path_is_forgotten_above_and_what_tells_or_changes_is_not_public():
    listed = re.findall(r"^CORE_HTTP_PATH\(", (ROOT / "src/core/http_path.def").read_text(), re.M)
    assert len(PATHS) == len(listed) > 20
    for method, path, scope in PATHS:
        is_public = path in ("/", "/page/{name}", "/healthz", "/readyz", "/openapi.json") and method == "GET"
        assert (scope == "PUBLIC") == is_public, path
        assert (scope in ("ANNOUNCE", "OPERATE")) == (method != "GET"), path


def test_without_a_token_or_with_a_wrong_one_it_is_401(scene):
    scene.allow(all="read,announce,operate")
    scene.up()
    for header in (None, "", "Bearer", "Basic abc", "Bearer bgpc_", f"Bearer {token_of('other')}",
                   f"Bearer {token_of('all')}x", f"Bearer x{token_of('all')}", f"Bearer {token_of('all')[:-1]}",
                   token_of("all"), f"Token {token_of('all')}", f"Bearer {token_of('all')},{token_of('all')}",
                   "Bearer " + hashlib.sha256(token_of("all").encode()).hexdigest()):
        answer = scene.ask("PUT", "/v1/routes/web", '{"route":"route 192.0.2.1/32 next-hop self"}',
                           {"Content-Type": "application/json", **({} if header is None else {"Authorization": header})})
        assert answer.status == 401 and answer.code == "token", (header, answer)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for path in (f"/v1/status?token={token_of('all')}", f"/v1/status?access_token={token_of('all')}"):
        assert scene.ask("GET", path).status == 401
    assert scene.announced() == [] and scene.as_token("all", "GET", "/v1/status").status == 200


def test_a_wrong_token_waits_and_others_do_not(scene):
    scene.allow(all="read")
    scene.up()
    begun = time.monotonic()
    assert scene.as_token("wrong", "GET", "/v1/status").status == 401
    assert time.monotonic() - begun >= 0.25
    links = [scene.connect() for _ in range(80)]
    for link in links:
        link.request("GET", "/v1/status", headers={"Authorization": f"Bearer {token_of('wrong')}"})
    assert scene.as_token("all", "GET", "/v1/status").status == 200
    statuses = [link.getresponse().status for link in links]
    assert set(statuses) <= {401, 429} and 401 in statuses
    for link in links:
        link.close()


def test_a_token_counts_until_the_end_of_its_day(scene):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    scene.allow(old=f"read until {today - datetime.timedelta(2)}", new=f"read until {today + datetime.timedelta(1)}",
                first="read until 1970-01-01")
    scene.up()
    assert scene.as_token("new", "GET", "/v1/status").status == 200
    for name in ("old", "first"):
        answer = scene.as_token(name, "GET", "/v1/status")
        assert answer.status == 401 and answer.json["detail"] == "the token has expired", answer
    assert re.search(r"HTTP API: 127\.0\.0\.1: the token has expired: (old|first)", scene.daemon.log())


def test_a_token_whose_line_is_gone_is_worth_nothing(scene):
    scene.allow(desk="announce,read", chief="read")
    scene.up()
    assert scene.put_as("desk", "web", "192.0.2.1/32").status == 201
    path = scene.folder / "none.conf"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if " desk " not in line))
    assert scene.as_token("desk", "GET", "/v1/status").status == 200
    old = scene.daemon.core()
    assert scene.daemon.ask("upgrade") == {"upgrading": True}
    wait_for(lambda: (new := scene.daemon.core()) and new != old, "the next core answers")
    wait_for(lambda: scene.ask("GET", "/v1/none", errors=True), "the HTTP API answers")
    assert scene.as_token("desk", "GET", "/v1/status").status == 401
    assert scene.as_token("chief", "GET", "/v1/status").status == 200
    scene.daemon.wait_settled()
    assert scene.exabgp.prefixes() == {"192.0.2.1/32"}, "what it announced stays"


def test_a_token_announces_within_its_prefixes(scene):
    scene.allow(desk="announce 192.0.2.0/24 10.0.0.0/8 ge 24 le 24")
    scene.up()
    assert scene.put_as("desk", "a", "192.0.2.1/32").status == 201
    assert scene.put_as("desk", "b", "10.1.2.0/24").status == 201
    for prefix in ("192.0.3.1/32", "10.1.2.0/25", "192.0.0.0/16"):
        answer = scene.put_as("desk", "c", prefix)
        assert answer.status == 403 and answer.code == "token-prefix", answer
        assert answer.json["detail"] == f"{prefix} is not among the prefixes of the token desk"
    answer = scene.send_json("POST", "/v1/blackhole", {"prefix": "192.0.3.1"})
    assert answer.status == 403 and answer.code == "token-prefix", answer
    answer = scene.command("announce route 192.0.3.9/32 next-hop self")
    assert answer.status == 403 and answer.code == "token-prefix", answer
    assert scene.exabgp.prefixes() == {"192.0.2.1/32", "10.1.2.0/24"}


def test_routes_of_others_are_for_operate(scene):
    scene.allow(desk="announce", other="announce", chief="announce,operate")
    scene.up()
    assert scene.put_as("desk", "web", "192.0.2.1/32").status == 201
    for answer in (scene.put_as("other", "web", "192.0.2.2/32"), scene.put_as("other", "mine", "192.0.2.1/32"),
                   scene.as_token("other", "DELETE", "/v1/routes/web"),
                   scene.command("withdraw route 192.0.2.1/32 next-hop self")):
        assert answer.status == 409, answer
    assert scene.exabgp.prefixes() == {"192.0.2.1/32"}
    assert scene.put_as("chief", "web", "192.0.2.1/32").status == 200
    assert scene.as_token("desk", "DELETE", "/v1/routes/web").status == 409, "it has another owner now"
    assert scene.as_token("chief", "DELETE", "/v1/routes/web").status == 200
    assert scene.exabgp.prefixes() == set()


def test_no_token_is_ever_written_anywhere(scene):
    scene.allow(desk="read,announce")
    scene.up()
    assert scene.put_as("desk", "web", "192.0.2.1/32", reason="x").status == 201
    assert scene.put_as("desk", "wide", "0.0.0.0/0").status == 403
    assert scene.as_token("wrong", "GET", "/v1/status").status == 401
    said = [scene.as_token("desk", "GET", re.sub(r"{\w+}", "api:web", path)).text for method, path, _ in PATHS
            if method == "GET" and "stream" not in path]
    assert len(said) > 5
    scene.daemon.wait_settled()
    texts = said + [scene.daemon.log()]
    for folder, _, names in os.walk(scene.folder / "state"):
        texts += [open(os.path.join(folder, name), errors="replace").read() for name in names]
    for name in ("desk", "wrong"):
        digest = hashlib.sha256(token_of(name).encode()).hexdigest()
        assert not any(token_of(name) in text or digest in text for text in texts)


def test_a_unix_socket_asks_for_tokens_too(scene):
    scene.allow(desk="read")
    path = scene.folder / "http.sock"
    scene.up(listen=f"127.0.0.1:{scene.port},unix:{path}")
    for header, status in (("", b"401"), (f"Authorization: Bearer {token_of('desk')}\r\n", b"200")):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(path))
            link.sendall(f"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n".encode())
            text = b"".join(iter(lambda: link.recv(65536), b""))
        assert text.split(b" ", 2)[1] == status


def test_with_tokens_others_may_be_listened_to(scene):
    scene.allow(desk="read")
    scene.up(listen=f"0.0.0.0:{scene.port}")
    assert scene.as_token("desk", "GET", "/v1/status").status == 200 and scene.ask("GET", "/v1/status").status == 401
    assert not [line for line in scene.daemon.status()["warnings"] if "HTTP" in line]


def test_each_token_has_its_own_rate(scene):
    scene.node_file = ["http_rate 5"]
    scene.allow(fast="read", slow="read")
    scene.start(synced=False)
    scene.daemon.wait_synced()
    wait_for(lambda: scene.ask("GET", "/healthz", errors=True), "the HTTP API answers")
    link = scene.connect()
    answers = []
    for _ in range(60):
        link.request("GET", "/v1/routes", headers={"Authorization": f"Bearer {token_of('fast')}"})
        answer = link.getresponse()
        answer.read()
        answers.append((answer.status, answer.headers["Retry-After"]))
    assert (429, "1") in answers and (200, None) in answers
    assert scene.as_token("slow", "GET", "/v1/status").status == 200


# ---- Host and Origin ----

HOSTS = [("127.0.0.1", 200), ("127.0.0.1:5000", 200), ("localhost", 200), ("LOCALHOST.:99", 200), ("[::1]:5000", 200),
         ("192.0.2.7", 200), ("bgp.example.net", 200), ("BGP.Example.Net:443", 200),
         ("evil.example", 421), ("evil.example:5000", 421), ("localhost.evil.example", 421), ("127.0.0.1.nip.io", 421),
         ("bgp.example.net.evil.example", 421), ("example.net", 421),
         ("", 400), ("localhost@evil.example", 400), ("evil.example@127.0.0.1", 400), ("127.0.0.1,evil.example", 400),
         ("localhost:0", 400), ("localhost:99999", 400), ("::1", 400), ("[::1", 400), ("[fe80::1%25lo]", 400),
         ("127.1", 400), ("2130706433", 400), ("http://localhost", 400), ("localhost/x", 400), ("local host", 400)]


def test_only_names_of_this_node_are_answered(scene):
    scene.node_file.append("http_host bgp.example.net")
    scene.up()
    for host, status in HOSTS:
        found, text = scene.head([f"Host: {host}"])
        assert found == status, (host, text[:400])
    for lines, version in (([], "1.1"), (["Host: localhost", "Host: localhost"], "1.1"),
                           (["Host: localhost", "Host: evil.example"], "1.1"), ([], "1.0")):
        assert scene.head(lines, version=version)[0] == 400, lines
    assert scene.head(["Host: localhost"], path="http://evil.example/v1/status")[0] in (400, 404, 421)


FORM = b"command=announce+route+192.0.2.1%2F32+next-hop+self"
FORM_TYPE = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize("lines", [
    ["Origin: http://evil.example"],
    ["Origin: null"],
    ["Origin: http://127.0.0.1"],
    ["Origin: http://127.0.0.1:1"],
    ["Origin: http://127.0.0.1:{port}.evil.example"],
    ["Origin: "],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],
    ["Sec-Fetch-Site: cross-site", "Origin: http://localhost:{port}"],
    ["Sec-Fetch-Site: none", "Origin: http://evil.example"],
], ids=str)
def test_a_page_from_elsewhere_announces_nothing(scene, lines):
    """As a browser would send a form of a foreign page, or its script's simple request."""
    scene.up()
    lines = [line.format(port=scene.port) for line in lines]
    status, text = scene.head([f"Host: localhost:{scene.port}", FORM_TYPE, *lines], "POST", "/", FORM)
    assert status == 403 and "pages from elsewhere may not ask for this" in text, text
    assert scene.head([f"Host: localhost:{scene.port}", *lines])[0] == 403
    assert scene.announced() == [] and scene.daemon.status()["summary"]["announced"] == 0


def test_a_name_that_was_made_to_point_here_announces_nothing(scene):
    """DNS rebinding: to the browser the foreign page and this API are one origin."""
    scene.up()
    lines = [f"Host: evil.example:{scene.port}", f"Origin: http://evil.example:{scene.port}", "Sec-Fetch-Site: same-origin"]
    assert scene.head([*lines, FORM_TYPE], "POST", "/", FORM)[0] == 421
    assert scene.head(lines)[0] == 421
    assert scene.announced() == []


def test_the_own_page_and_programs_may(scene):
    scene.node_file.append("http_host bgp.example.net")
    scene.up()
    for at, lines in enumerate(([f"Host: localhost:{scene.port}"],
                                [f"Host: localhost:{scene.port}", f"Origin: http://localhost:{scene.port}",
                                 "Sec-Fetch-Site: same-origin"],
                                ["Host: bgp.example.net", "Origin: https://bgp.example.net", "Sec-Fetch-Site: same-origin"],
                                ["Host: localhost", "Sec-Fetch-Site: none"])):
        body = FORM.replace(b"192.0.2.1", b"192.0.2.%d" % (at + 1))
        status, text = scene.head([*lines, FORM_TYPE], "POST", "/", body)
        assert status in (200, 201), text
    assert len(scene.exabgp.prefixes()) == 4


def test_get_changes_nothing_and_nothing_is_shared_with_other_pages(scene):
    scene.up()
    for method in ("GET", "HEAD", "OPTIONS"):
        for path in ("/?command=announce%20route%20192.0.2.1/32%20next-hop%20self", "/v1/routes/web", "/v1/blackhole",
                     "/v1/flow", "/v1/status"):
            link = scene.connect()
            link.request(method, path, FORM, {"Content-Type": "application/x-www-form-urlencoded",
                                              "Origin": f"http://127.0.0.1:{scene.port}",
                                              "Access-Control-Request-Method": "PUT"})
            answer = link.getresponse()
            answer.read()
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
            link.close()
    assert scene.announced() == []


def test_who_is_refused_leaves_no_line_in_the_audit_log_and_no_more_than_one_in_the_log(scene):
    scene.allow(desk="read")
    scene.up()
    for _ in range(5):
        assert scene.as_token("wrong", "DELETE", "/v1/routes/web").status == 401
    assert scene.as_token("desk", "DELETE", "/v1/routes/web").status == 403
    assert (scene.folder / "state" / "audit.log").read_text() == ""
    told = scene.daemon.log().count("HTTP API: 127.0.0.1: there is no such token")
    assert 1 <= told <= 5
