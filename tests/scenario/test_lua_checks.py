"""The ready-made checks (lua/checks) against servers that are well, and against such as are not."""
import json
import os
import pathlib
import re
import sys

import pytest
from fake_exabgp import Daemon
from wait import wait_for

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tests/lint"))
import gen_lua_api  # noqa: E402

HEADS = gen_lua_api.check_heads()


def seconds(value):
    if not isinstance(value, str):
        return value
    number, unit = re.fullmatch(r"([\d.]+)(ms|s|m)", value).groups()
    return float(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def options(name, given):
    """What the daemon gives it as options.check: with the defaults, durations as seconds."""
    known = {param: (kind, default) for param, kind, _, default, _ in HEADS[name][2]}
    assert given.keys() <= known.keys()
    filled = {param: json.loads(default) for param, (_, default) in known.items() if default is not None}
    filled.update(given)
    return {param: seconds(value) if known[param][0] == "duration" else value for param, value in filled.items()}


def run(world, name, given, prefix="192.0.2.10/32"):
    def literal(value):
        return "json.decode(%s)" % ("[==[%s]==]" % json.dumps(value))
    text = (ROOT / f"lua/checks/{name}.lua").read_text()
    if "ca" in given:
        given = {**given, "ca": (world.dir / given["ca"]).read_text()}
    route = literal({"name": "WEB", "prefix": prefix}) if prefix else "nil"
    head = f"local route, options = {route}, {literal({'check': options(name, given)})} "
    return world.check("#!lua\n" + head + text.partition("\n")[2])


GOOD = [
    ("http", {"url": "/health"}, {"status": 200}),
    ("http", {"url": "http://www.example.net/health", "contains": "ok"}, {"status": 200}),
    ("http", {"url": "https://www.example.net/", "days_left": 14, "connect_to": "route"}, {"status": 200}),
    ("http", {"url": "/absent", "status": [200, 404]}, {"status": 404}),
    ("http", {"url": "/moved", "redirects": 1, "method": "HEAD"}, {"status": 200}),
    ("http", {"url": "/probe", "headers": {"X-Probe": "1"}}, {"status": 200}),
    ("http", {"url": "/echo", "method": "POST", "body": "abc", "contains": "abc", "timeout": "1s"}, {}),
    ("http", {"url": "https://www.example.net:8444/", "verify": False}, {}),
    ("tcp", {"port": 80}, {"address": "192.0.2.10"}),
    ("tcp", {"port": 6379, "send": "PING\r\n", "expect": "%+(%a+)"}, {"found": "PONG"}),
    ("tcp", {"host": "mail.example.net", "port": 25, "expect": "^220 ", "timeout": 1}, {"address": "192.0.2.25"}),
    ("tcp", {"host": "www.example.net", "port": 443, "tls": True, "send": "HEAD / HTTP/1.0\r\n\r\n", "expect": "^HTTP/1.[01] 200 "}, {}),
    ("tls", {"name": "www.example.net"}, {"protocol": "TLSv1.3"}),
    ("tls", {"host": "www.example.net", "port": 8443, "days_left": 2}, {}),
    ("tls", {"host": "www.example.net", "port": 8444, "ca": "alone.crt"}, {}),
    ("tls", {"port": 8444, "verify": False, "timeout": "500ms"}, {}),
    ("dns", {"name": "www.example.net", "server": "192.0.2.53"}, {"rcode": "NOERROR", "answers": 1}),
    ("dns", {"name": "www.example.net", "type": "AAAA", "server": "192.0.2.53", "data": ["2001:db8::10"]}, {}),
    ("dns", {"name": "absent.example.net", "server": "192.0.2.53", "rcode": "NXDOMAIN", "tcp": True}, {"answers": 0}),
    ("dns", {"name": "www.example.net", "server": "192.0.2.53", "recursion": False}, {"answers": 1}),
    ("icmp", {"count": 2, "interval": "20ms"}, {"loss": 0}),
    ("icmp", {"host": "192.0.2.99", "count": 1, "timeout": "50ms", "loss": 100, "rtt": 1}, {"loss": 100}),
    ("ntp", {"host": "ntp.example.net"}, {"stratum": 2}),
    ("ntp", {"host": "192.0.2.123", "port": 124, "offset": 3}, {"stratum": 2}),
    ("ntp", {"host": "192.0.2.123", "tries": 1}, {"stratum": 2}),
]

BAD = [
    ("http", {"url": "/down"}, "status 503, expected 200 to 299"),
    ("http", {"url": "/health", "status": [201, 204]}, "status 200, expected 201 or 204"),
    ("http", {"url": "/health", "contains": "fine"}, 'the body of 3 bytes does not contain "fine"'),
    ("http", {"url": "/slow", "timeout": "100ms"}, r"192\.0\.2\.10 port 80: timeout after 100 ms"),
    ("http", {"url": "https://www.example.net:8443/", "days_left": 14}, r"certificate expires in [23]\.\d days, expected at least 14"),
    ("http", {"url": "http://192.0.2.10:81/"}, r"192\.0\.2\.10 port 81: connection refused"),
    ("http", {"url": "https://www.example.net:8444/"}, r"192\.0\.2\.10 port 8444: .*certificate.*"),
    ("tcp", {"port": 81}, r"192\.0\.2\.10 port 81: connection refused"),
    ("tcp", {"host": "192.0.2.99", "port": 80, "timeout": "100ms"}, r"192\.0\.2\.99 port 80: timeout after 100 ms"),
    ("tcp", {"port": 6379, "send": "HELLO\r\n", "expect": "PONG", "timeout": "100ms"}, r'192\.0\.2\.10 port 6379: came "-ERR\\r\\n": timeout after 100 ms'),
    ("tls", {"host": "www.example.net", "port": 8443}, r"certificate expires in [23]\.\d days, expected at least 14"),
    ("tls", {"host": "www.example.net", "port": 8444}, r".*port 8444: .*certificate.*"),
    ("tls", {"name": "other.example.net"}, r".*port 443: .*name.*|.*port 443: .*other\.example\.net.*"),
    ("dns", {"name": "absent.example.net", "server": "192.0.2.53"}, "absent.example.net A: NXDOMAIN, expected NOERROR"),
    ("dns", {"name": "mail.example.net", "type": "AAAA", "server": "192.0.2.53"},
     "mail.example.net AAAA: 0 records, expected at least 1"),
    ("dns", {"name": "www.example.net", "server": "192.0.2.53", "data": ["192.0.2.11"]},
     r"www.example.net A: 192\.0\.2\.11 is not among the 1 records"),
    ("dns", {"name": "www.example.net", "server": "192.0.2.53", "answers": 2},
     "www.example.net A: 1 records, expected at least 2"),
    ("dns", {"name": "www.example.net", "server": "192.0.2.53", "port": 54}, r"192\.0\.2\.53 port 54: .*refused.*"),
    ("dns", {"name": "www.example.net", "server": "192.0.2.99", "timeout": "100ms"}, r"192\.0\.2\.99 port 53: timeout after 100 ms"),
    ("dns", {"name": "www.example.net"}, r"192\.0\.2\.10 port 53: .*refused.*"),
    ("icmp", {"host": "192.0.2.99", "count": 2, "interval": "10ms", "timeout": "50ms"},
     r"192\.0\.2\.99: 0 of 2 replies, 100 % lost, expected at most 50 %"),
    ("icmp", {"count": 1, "rtt": 0.0000001}, r"192\.0\.2\.10: round trip \d+\.\d ms on average, expected at most 0\.0001 ms"),
    ("ntp", {"host": "192.0.2.123", "port": 124}, r"clock differs by -[12]\.\d+ s, expected at most 1"),
    ("ntp", {"host": "192.0.2.123", "port": 126}, r"not synchronised \(stratum 2\)"),
    ("ntp", {"host": "192.0.2.123", "port": 125}, r"not synchronised \(stratum 16\)"),
    ("ntp", {"host": "192.0.2.123", "stratum": 1}, "stratum 2, expected at most 1"),
    ("ntp", {"host": "192.0.2.10", "port": 7}, "the reply is not to our question"),
    ("ntp", {"host": "192.0.2.99", "timeout": "100ms"}, r"192\.0\.2\.99 port 123: timeout after 100 ms"),
]


@pytest.mark.parametrize("name, given, seen", GOOD, ids=str)
def test_a_service_that_is_well_is_up(world, name, given, seen):
    answer = run(world, name, given)
    assert (answer["verdict"], answer["error"]) == ("up", None), answer
    assert answer["data"].items() >= seen.items()


@pytest.mark.parametrize("name, given, reason", BAD, ids=str)
def test_a_service_that_is_not_is_down_with_a_reason(world, name, given, reason):
    answer = run(world, name, given)
    assert (answer["verdict"], answer["error"]) == ("down", None), answer
    assert re.fullmatch(reason, answer["reason"]), answer["reason"]


@pytest.mark.parametrize("name", HEADS)
def test_every_parameter_has_an_effect_and_is_tried(name):
    text = (ROOT / f"lua/checks/{name}.lua").read_text()
    tried = {param for of, given, _ in GOOD + BAD if of == name for param in given}
    for param, *_ in HEADS[name][2]:
        assert f"want.{param}" in text, f"{param} has no effect"
        assert param in tried, f"{param} is not tried"


@pytest.mark.parametrize("name", HEADS)
def test_the_example_of_the_head_has_what_is_required_and_nothing_unknown(name):
    _, example, params = HEADS[name]
    given = json.loads(example)
    assert given.pop("use") == name
    assert {param for param, _, required, *_ in params if required} <= given.keys() <= {param for param, *_ in params}


@pytest.mark.parametrize("name, given", [("http", {"url": "/"}), ("tcp", {"port": 80}), ("tls", {}), ("icmp", {}),
                                         ("dns", {"name": "www.example.net"}), ("ntp", {})], ids=str)
@pytest.mark.parametrize("prefix", [None, "192.0.2.0/24", "2001:db8::/32"])
def test_without_an_address_of_its_own_a_check_says_what_to_set(world, name, given, prefix):
    """It is a mistake of the options, and says nothing of the service."""
    answer = run(world, name, given, prefix)
    assert (answer["verdict"], answer["status"]) == ("neutral", "error") and "route with one address: say" in answer["error"]


def test_the_own_address_may_be_of_ipv6(world):
    for name, given in (("http", {"url": "/health"}), ("tcp", {"port": 80})):
        assert run(world, name, given, "2001:db8::10/128")["verdict"] == "up"


def test_the_daemon_runs_them_with_the_parameters_of_the_options(world, tmp_path):
    """All of the above at once, each as a route of its own: what the options leave out is filled in by the daemon."""
    program = tmp_path / "inside"
    program.write_text('#!/bin/sh\nexec %s "$@"\n' % " ".join(world.inside([os.path.abspath(os.environ["BGPCOMMANDER"])])))
    program.chmod(0o755)
    for number, (name, given, _) in enumerate(GOOD + BAD):
        if "ca" in given:
            given = {**given, "ca": (world.dir / given["ca"]).read_text()}
        route = tmp_path / f"store/routes/R{number}"
        route.mkdir(parents=True)
        # The same address for all: they differ by their paths.
        (route / "config").write_text(f"route 192.0.2.10/32 path-information {number + 1} next-hop self\n")
        (route / "options").write_text(json.dumps({"check": {"use": name, **given}, "interval": 60, "fall": 1}))
    (tmp_path / "store/node/edge1").mkdir(parents=True)
    (tmp_path / "store/node/edge1/subscribedRoutes").write_text("*\n")
    daemon = Daemon(tmp_path, f"file://{tmp_path}/store", "/bgp", node="edge1", program=program)
    try:
        def told():
            routes = {route["name"]: route for route in (daemon.ask("routes") or {"routes": []})["routes"]}
            return len(routes) == len(GOOD + BAD) and all(route["health"] in ("up", "down") for route in routes.values()) and routes
        routes = wait_for(told, "each has said something", 60)
        for number, (name, given, reason) in enumerate(GOOD + BAD):
            route = routes[f"R{number}"]
            assert route["health"] == ("up" if number < len(GOOD) else "down"), (name, given, route)
            assert number < len(GOOD) or re.fullmatch(f"health check failed: (?:{reason})", route["reason"]), route["reason"]
    finally:
        daemon.exabgp.close()
