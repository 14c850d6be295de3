"""The router of the HTTP API: paths and methods, headers of every answer, where it listens."""
import re
import socket

import pytest
from http_lab import Scene  # noqa: F401
from ports import free_port
from samples import ROOT
from wait import wait_for

HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
           "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
PATHS = re.findall(r'^CORE_HTTP_PATH\("(\w+)", "([^"]+)", (\w+), (\w+), "([^"]*)"\)$',
                   (ROOT / "src/core/http_path.def").read_text(), re.M)


def test_every_path_stands_in_the_reference_once():
    text = (ROOT / "src/core/http_path.def").read_text()
    assert len(PATHS) == text.count("\nCORE_HTTP_PATH(") > 1
    assert len({(method, path) for method, path, *_ in PATHS}) == len(PATHS)
    page = (ROOT / "docs/http-api.md").read_text()
    rows = re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \| (\w+) \| (.*) \|$", page, re.M)
    assert sorted(rows) == sorted((method, path, scope.lower(), summary) for method, path, _, scope, summary in PATHS)


def test_each_code_of_a_problem_stands_in_the_pages_with_its_status():
    files = [*(ROOT / "src/core").glob("http*.c"), ROOT / "src/model/http_access.h", ROOT / "src/model/admission.h"]
    text = "\n".join(path.read_text() for path in files)
    said = set(re.findall(r'\b([45]\d\d), "([a-z-]+)"', text))
    said |= set(re.findall(r'\.status = (\d+),\s*\.code = "([a-z-]+)"', text))
    assert {("409", "other-owner"), ("503", "audit"), ("404", "no-such-path"), ("403", "flow-too-broad"), ("421", "unknown-host")} <= said
    pages = "".join((ROOT / "docs" / name).read_text() for name in ("http-api.md", "http-access.md"))
    told = {(status, code) for status, codes in re.findall(r"^\| (\d+) \| ([^|]*) \|", pages, re.M)
            for code in re.findall(r"`([a-z-]+)`", codes)}
    assert said - told == set()


def test_status_and_routes_are_those_of_the_local_socket(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.start()
    scene.daemon.wait_state("web", "announced")
    scene.daemon.wait_settled()
    answer = scene.ask("GET", "/v1/status")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    assert answer.json["node"] == "n1" and answer.json["warnings"] == [] and answer.body.endswith(b"}\n")
    assert answer.json["summary"] == scene.daemon.status()["summary"]
    answer = scene.ask("GET", "/v1/routes")
    assert [route["name"] for route in answer.json["routes"]] == ["web"] and answer.json["foreign"] == []
    assert scene.ask("GET", "/v1/routes?name=none").json["routes"] == []


def test_every_answer_has_the_headers_that_keep_it_out_of_caches_and_frames(scene):
    scene.start()
    seen = set()
    for method, path in (("GET", "/v1/status"), ("GET", "/v1/none"), ("DELETE", "/v1/status"), ("HEAD", "/v1/status")):
        answer = scene.ask(method, path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
        assert len(answer.headers.get_all("Cache-Control")) == 1
        seen.add(int(answer.headers["X-Request-Id"]))
    assert len(seen) == 4


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/none", "/v1/status/", "/v1//status", "/v1/routes/", "/v1/routes/a/b",
                                  "/V1/status", "/v1/status%2F", "/v1/status%20", "/v1/../v1/status", "/none"])
def test_a_path_that_is_not_there_is_404(scene, path):
    scene.start()
    answer = scene.ask("GET", path)
    assert answer.status == 404 and answer.code == "no-such-path", answer
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_method_that_a_path_does_not_take_is_405(scene):
    scene.start()
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"):
        answer = scene.ask(method, "/v1/status")
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD" and answer.code == "method", answer


def test_head_is_get_without_a_body(scene):
    scene.start()
    answer = scene.ask("HEAD", "/v1/status")
    assert answer.status == 200 and answer.body == b""


def test_a_busy_port_is_told_and_taken_when_it_is_free(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", scene.port))
        other.listen()
        scene.start(synced=False)
        scene.daemon.wait_state("web", "announced")
        warnings = scene.daemon.status()["warnings"]
        assert any(f"HTTP API: " in line and str(scene.port) in line for line in warnings), warnings
    wait_for(lambda: scene.ask("GET", "/v1/status", errors=True), "it listens")
    assert scene.daemon.status()["warnings"] == []


def test_an_address_that_others_reach_is_refused_and_routing_goes_on(scene):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.start(listen=f"0.0.0.0:{scene.port},127.0.0.1:{scene.port}", synced=False)
    scene.daemon.wait_state("web", "announced")
    assert any(f"0.0.0.0:{scene.port} can be reached from elsewhere" in line for line in scene.daemon.status()["warnings"])
    assert wait_for(lambda: scene.ask("GET", "/v1/status", errors=True), "the other one listens").status == 200


def test_several_listeners_and_a_unix_socket(scene):
    path = scene.folder / "http.sock"
    scene.start(listen=f"127.0.0.1:{scene.port},unix:{path}")
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(path))
        link.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: link.recv(65536), b""))
    assert text.startswith(b"HTTP/1.1 200 ")
    assert path.stat().st_mode & 0o777 == 0o660
    scene.daemon.close()
    assert not path.exists()


def test_the_core_after_this_one_listens_there_again(scene):
    scene.start()
    for _ in range(2):
        scene.daemon.kill_core()
        wait_for(lambda: scene.ask("GET", "/v1/status", errors=True), "the next core answers")


def test_without_the_setting_nobody_listens(scene):
    scene.start(listen=f"127.0.0.1:{scene.port}")
    scene.daemon.close()
    scene.daemon = None
    from fake_exabgp import Daemon
    scene.daemon = Daemon(scene.folder, f"file://{scene.tree.dir}", "/bgp")
    scene.daemon.wait_synced()
    assert scene.ask("GET", "/v1/status", errors=True) is None


def test_a_long_list_comes_in_pieces(scene):
    names = [f"r{at}" for at in range(3000)]
    for at, name in enumerate(names):
        scene.tree.put(f"routes/{name}/config", f"route 10.{at // 250}.{at % 250}.1/32 next-hop self")
    scene.start(subscribed="-")
    wait_for(lambda: scene.daemon.status()["summary"]["routes"] == 3000, "all are read", 30)
    answer = scene.ask("GET", "/v1/routes")
    assert sorted(names) == [route["name"] for route in answer.json["routes"]]
    assert answer.headers["Transfer-Encoding"] == "chunked"
