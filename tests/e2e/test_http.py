"""The HTTP API with real ExaBGP and BIRD: the article's curl line with its bare process block, and what becomes of routes that
come by HTTP on the wire."""
import json
import re

import pytest
import samples

PORT = 5000
HEADERS = ["-H", "Accept: application/json"]


def curl(lab, *arguments):
    return lab.inside(lab.exa, "curl", "-sS", "--max-time", "30", *arguments)


def ask(lab, method, path, body=None, *arguments):
    """(status, JSON)"""
    words = ["-X", method, "-w", "\n%{http_code}", *HEADERS, *arguments, f"http://localhost:{PORT}{path}"]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    text, _, status = curl(lab, *words).rpartition("\n")
    return int(status), json.loads(text) if text else None


def command(lab, text, query=""):
    told, _, status = curl(lab, "-w", "\n%{http_code}", *HEADERS, "--form", f"command={text}",
                           f"http://localhost:{PORT}/{query}").rpartition("\n")
    return int(status), json.loads(told)


def wait_listening(lab):
    lab.wait_for(lambda: ask(lab, "GET", "/v1/status")[0] == 200, 15, "the HTTP API answers")


@pytest.fixture(scope="module")
def bare(make_lab):
    """The process block of the article: ExaBGP tells nothing."""
    lab = make_lab(bare=True, arguments=f"--http 127.0.0.1:{PORT}")
    lab.start_exabgp()
    return lab


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(peers=2, flow_peers=1, families="ipv4 unicast; ipv6 unicast; ipv4 flow;",
                   arguments=f"--http 127.0.0.1:{PORT},[::1]:{PORT}")
    lab.start_exabgp()
    wait_listening(lab)
    return lab


def test_the_articles_curl_line_prints_the_command_back_and_the_router_has_the_route(bare):
    line, printed = samples.block("http-form").splitlines()
    assert line == '$ curl --form "command=announce route 100.10.0.0/24 next-hop self" http://localhost:5000/'
    assert bare.inside(bare.exa, "sh", "-c", line[2:].replace("curl ", "curl -sS --max-time 30 ")) == printed + "\n"
    bare.wait_for(lambda: bare.bird.has("100.10.0.0/24"), 15, "the router has it")
    gone = curl(bare, "--form", "command=withdraw route 100.10.0.0/24 next-hop self", f"http://localhost:{PORT}/")
    assert gone == "withdraw route 100.10.0.0/24 next-hop self\n"
    bare.wait_for(lambda: not bare.bird.has("100.10.0.0/24"), 15, "the router has lost it")


def test_what_is_wrong_reaches_nobody(bare):
    text = curl(bare, "-w", "%{http_code}", "--form", "command=announce route 100.10.0.0/33 next-hop self",
                f"http://localhost:{PORT}/")
    assert re.fullmatch(r"column 16: prefix: .*\n400", text), text
    assert bare.is_exabgp_alive() and bare.bird.is_up()


def test_wait_wire_answers_when_the_routers_have_it(lab):
    status, told = command(lab, "announce route 100.10.0.0/24 next-hop self med 7", "?wait=wire")
    assert status == 200 and sorted(told["onWire"]) == ["10.99.0.2", "10.99.1.2"] and told["missing"] == [], told
    for bird in lab.birds:
        lab.wait_for(lambda: bird.med("100.10.0.0/24") == 7, 5, f"{bird.name} has it")
    status, told = command(lab, "announce route 100.10.0.0/24 next-hop self med 8", "?wait=wire")
    assert status == 200 and told["new"] is False, told
    lab.wait_for(lambda: lab.bird.med("100.10.0.0/24") == 8, 5, "the first one has the other MED")
    status, told = command(lab, "withdraw route 100.10.0.0/24", "?wait=wire")
    assert status == 200 and told["onWire"] == [], told
    for bird in lab.birds:
        lab.wait_for(lambda: not bird.has("100.10.0.0/24"), 5, f"{bird.name} has lost it")


def test_a_route_by_name_with_an_end(lab):
    status, told = ask(lab, "PUT", "/v1/routes/web?wait=wire", {"route": "route 192.0.2.10/32 next-hop self", "ttl": "2s"})
    assert status == 201 and told["expires"], told
    lab.wait_for(lambda: lab.bird.has("192.0.2.10/32"), 5, "the router has it")
    lab.wait_for(lambda: not lab.bird.has("192.0.2.10/32"), 15, "the router has lost it at its end")
    assert ask(lab, "DELETE", "/v1/routes/web")[0] == 404


def test_a_neighbor_selector(lab):
    status, told = command(lab, "neighbor 10.99.1.2 announce route 100.20.0.0/24 next-hop self", "?wait=wire")
    assert status == 200 and told["onWire"] == ["10.99.1.2"], told
    lab.wait_for(lambda: lab.birds[1].has("100.20.0.0/24"), 5, "the second one has it")
    assert not lab.bird.has("100.20.0.0/24")
    assert ask(lab, "DELETE", f"/v1/routes/{told['id']}?wait=wire")[0] == 200
    lab.wait_for(lambda: not lab.birds[1].has("100.20.0.0/24"), 5, "it has lost it")


def test_a_blackhole_and_a_flow_reach_who_takes_them(lab):
    status, told = ask(lab, "POST", "/v1/blackhole?wait=wire", {"prefix": "203.0.113.7/32", "ttl": "10m", "reason": "flood"})
    assert status == 201, told
    lab.wait_for(lambda: lab.bird.has("203.0.113.7/32"), 5, "the router has the blackhole")
    status, flow = ask(lab, "POST", "/v1/flow?wait=wire", {"match": {"destination": "203.0.113.7/32", "protocol": "udp",
                                                                     "source-port": [53, 123]}, "then": {"discard": True}})
    assert status == 201 and flow["onWire"] == ["10.99.0.2"], flow
    lab.wait_for(lambda: lab.bird.flows(), 5, "the router has the flow")
    for name in (told["id"], flow["id"]):
        assert ask(lab, "DELETE", f"/v1/routes/{name}?wait=wire")[0] == 200
    lab.wait_for(lambda: not lab.bird.flows() and not lab.bird.has("203.0.113.7/32"), 5, "both are gone")


def test_what_exabgp_refuses_is_told_and_what_stood_before_stands_again(lab):
    """A selector that selects nobody is right for the parser; only ExaBGP knows."""
    status, told = command(lab, "neighbor 10.99.77.2 announce route 100.30.0.0/24 next-hop self")
    assert (status, told["code"]) == (422, "exabgp-refused"), told
    assert told["detail"] == "ExaBGP refused: neighbor 10.99.77.2 announce route 100.30.0.0/24 next-hop self"
    lab.wait_for(lambda: lab.api("routes")["routes"] == [], 15, "nothing is left of it")
    stood = "route 100.31.0.0/24 next-hop self med 31"
    assert ask(lab, "PUT", "/v1/routes/kept?wait=wire", {"route": stood})[0] == 201
    status, told = ask(lab, "PUT", "/v1/routes/kept", {"route": "neighbor 10.99.77.2 route 100.31.0.0/24 next-hop self"})
    assert (status, told["code"]) == (422, "exabgp-refused"), told
    for bird in lab.birds:
        lab.wait_for(lambda: bird.med("100.31.0.0/24") == 31, 15, f"{bird.name} has what stood before")
    lab.wait_for(lambda: lab.route("api:kept")["state"] == "announced", 15, "it is announced")
    assert lab.route("api:kept")["text"] == stood
    assert ask(lab, "DELETE", "/v1/routes/kept?wait=wire")[0] == 200


def test_exabgp_5_refuses_an_as_path_with_a_set(lab):
    if not lab.exabgp_version.startswith("5."):
        pytest.skip("this ExaBGP takes it")
    status, told = command(lab, "announce route 100.32.0.0/24 next-hop self as-path [ 1 ( 2 3 ) ]")
    assert (status, told["code"]) == (422, "exabgp-refused"), told
    lab.wait_for(lambda: lab.api("routes")["routes"] == [], 15, "nothing is left of it")


def test_a_session_that_is_down_is_told_and_gets_it_when_it_is_back(lab):
    lab.birds[1].session_down()
    lab.wait_for(lambda: not lab.birds[1].is_up(), 15, "the second session is down")
    status, told = command(lab, "announce route 100.40.0.0/24 next-hop self", "?wait=wire&timeout=20")
    assert status == 200 and told["onWire"] == ["10.99.0.2"], told
    lab.birds[1].session_up()
    lab.wait_for(lambda: lab.birds[1].has("100.40.0.0/24"), 60, "the second one gets it too")
    assert command(lab, "withdraw route 100.40.0.0/24", "?wait=wire&timeout=20")[0] == 200


def test_routes_stand_over_an_upgrade_and_a_reboot_of_exabgp(lab):
    assert ask(lab, "PUT", "/v1/routes/kept?wait=wire", {"route": "route 192.0.2.11/32 next-hop self"})[0] == 201
    before = lab.pid_of("core")
    lab.api("upgrade")
    lab.wait_for(lambda: lab.status()["pid"] != before and lab.is_synced(), 20, "another core runs")
    assert lab.bird.has("192.0.2.11/32")
    lab.stop_exabgp()
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.11/32"), 30, "the router gets it again")
    wait_listening(lab)
    assert ask(lab, "DELETE", "/v1/routes/kept?wait=wire")[0] == 200
    lab.wait_for(lambda: not lab.bird.has("192.0.2.11/32"), 5, "it is gone")


def test_several_listeners_in_the_line_that_exabgp_runs(lab):
    """ExaBGP makes words of its own of commas and brackets."""
    for host in ("127.0.0.1", "[::1]"):
        assert json.loads(curl(lab, f"http://{host}:{PORT}/v1/status"))["warnings"] == []
