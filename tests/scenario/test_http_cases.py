"""Requests of the HTTP API, good, bad and hostile: status, code and column of each. One daemon answers them all, which then
still does what it should, and has told ExaBGP nothing that it would refuse."""
import json
import re
import urllib.parse

import jsonschema
import pytest
from http_lab import Neighbor, Scene
from samples import ROOT

FAMILIES = ("ipv4 unicast", "ipv6 unicast", "ipv4 flow", "ipv6 flow", "ipv4 mpls-vpn", "ipv4 nlri-mpls", "l2vpn vpls")
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
TEXT = {"Content-Type": "text/plain", "Accept": "application/json"}
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
DOCUMENT = json.loads((ROOT / "src/core/openapi.json").read_text())
LONG = "x" * 600
GOOD = "route 198.51.100.1/32 next-hop self"


def form(**fields):
    return urllib.parse.urlencode(fields)


def flow(match, then="{\"discard\": true}"):
    return f'{{"match": {match}, "then": {then}}}'


# ---- commands that are taken: canonical text ----
TAKEN = [
    ("announce route 100.10.0.0/24 next-hop self", None),
    ("announce route 100.10.1.0/24 next-hop 192.0.2.254", None),
    ("announce route 100.10.2.0/24 med 5 next-hop self", "announce route 100.10.2.0/24 next-hop self med 5"),
    ("  announce   route 100.10.3.0/24   next-hop self  ", "announce route 100.10.3.0/24 next-hop self"),
    ("announce route 100.10.4.1 next-hop self", "announce route 100.10.4.1/32 next-hop self"),
    ("announce ipv4 unicast 100.10.5.0/24 next-hop self", "announce route 100.10.5.0/24 next-hop self"),
    ("announce route 100.10.6.0/24 next-hop self community 65000:1", None),
    ("announce route 100.10.7.0/24 next-hop self community [ 65000:1 65000:2 ]", None),
    ("announce route 100.10.8.0/24 next-hop self as-path [ 65010 65011 ]", None),
    ("announce route 100.10.9.0/24 next-hop self local-preference 200", None),
    ("announce route 100.10.10.0/24 next-hop self origin incomplete", None),
    ("announce route 100.10.11.0/24 next-hop self large-community 65000:1:2", None),
    ("announce route 100.10.12.0/24 next-hop self extended-community target:65000:1", None),
    ("announce route 2001:db8:10::/48 next-hop 2001:db8::1", None),
    ("announce ipv6 unicast 2001:db8:11::/48 next-hop 2001:db8::1",
     "announce route 2001:db8:11::/48 next-hop 2001:db8::1"),
    ("announce attributes next-hop self med 7 nlri 100.11.0.0/24 100.11.1.0/24", None),
    ("announce flow route { match { destination 203.0.113.1/32; } then { discard; } }",
     "announce flow route { match { destination-ipv4 203.0.113.1/32; } then { discard; } }"),
    ("announce flow route { match { destination 203.0.113.2/32; protocol udp; } then { rate-limit 9600; } }",
     "announce flow route { match { destination-ipv4 203.0.113.2/32; protocol =udp; } then { rate-limit 9600; } }"),
    ("neighbor 10.99.0.2 announce route 100.12.0.0/24 next-hop self", None),
    ("neighbor 10.99.0.2 local-as 65000 announce route 100.12.1.0/24 next-hop self", None),
    ("announce route 100.12.2.0/25 next-hop self name backup", None),
    ("announce route 100.13.0.0/22 next-hop self split /24", None),
]

# ---- commands that are refused: code, column (None = whatever) ----
REFUSED = [
    ("", "syntax", None), ("announce", "syntax", None), ("withdraw", "syntax", None), ("announce route", "syntax", None),
    ("announce route next-hop self", "syntax", 16), ("route 100.10.0.0/24 next-hop self", "syntax", 1),
    ("announce route 100.10.0.0/33 next-hop self", "range", 16), ("  announce route 1.0.0.0/33 next-hop self", "range", 18),
    ("announce route 100.10.0.1/24 next-hop self", None, 16),
    ("announce route 100.10.0.256/32 next-hop self", None, 16), ("announce route 100.10.0.0/24", None, None),
    ("announce route 100.10.0.0/24 next-hop", None, None), ("announce route 100.10.0.0/24 next-hop nobody", None, 39),
    ("announce route 100.10.0.0/24 next-hop self med", None, None),
    ("announce route 100.10.0.0/24 next-hop self med -1", None, 48),
    ("announce route 100.10.0.0/24 next-hop self med 4294967296", "range", 48),
    ("announce route 100.10.0.0/24 next-hop self medd 1", None, 44),
    ("announce route 100.10.0.0/24 next-hop self community 65536:1", None, None),
    ("announce route 100.10.0.0/24 next-hop self community [ 65000:1", None, None),
    ("announce route 2001:db8::/129 next-hop self", "range", 16),
    ("announce attributes next-hop self nlri", None, None), ("announce flow route", None, None),
    ("announce flow route { match { } then { discard; } }", None, None),
    ("announce flow route { match { destination 203.0.113.1/32; } then { } }", None, None),
    ("announce flow route { match { destination 203.0.113.1/32; }", None, None),
    ("announce vpls", None, None), ("announce eor ipv4 unicast", "unsupported", 10),
    ("announce operational asm", "unsupported", 10), ("announce watchdog dog", "unsupported", 10),
    ("withdraw watchdog dog", "unsupported", 10), ("announce route-refresh ipv4 unicast", "unsupported", 10),
    ("announce route 100.10.0.0/24 next-hop self watchdog dog", "unsupported", None),
    ("announce route 100.10.0.0/24 next-hop self withdraw", "unsupported", None),
    ("show neighbor", "unsupported", 1), ("show adj-rib out", "unsupported", 1), ("shutdown", "unsupported", 1),
    ("restart", "unsupported", 1), ("reload", "unsupported", 1), ("version", "unsupported", 1),
    ("teardown 4", "unsupported", 1), ("flush adj-rib out", "unsupported", 1), ("clear adj-rib out", "unsupported", 1),
    ("neighbor 10.99.0.2 teardown 4", None, None), ("neighbor 10.99.0 announce route 1.2.3.4/32 next-hop self", None, None),
    ("enable-ack", None, 1), ("# comment", None, 1), ("system version", None, 1),
    (GOOD + "\nshutdown", None, None), ("announce " + GOOD + "\nshutdown", "syntax", None),
    ("announce " + GOOD + "\r\nshutdown", "syntax", None), ("announce " + GOOD + "\x00shutdown", None, None),
    ("announce " + GOOD + "\x1b[2J", "syntax", None), ("announce " + GOOD + "; shutdown", "syntax", None),
    ("announce route 100.10.0.0/24 next-hop sélf", None, None), ("annonce " + GOOD, None, 1),
    ("ANNOUNCE " + GOOD, None, 1), ("announce announce " + GOOD, None, 10),
    ("announce route 100.10.0.0/24 next-hop self " + "community 65000:1 " * 3000, None, None),
    ("announce " + "x" * 70000, None, None),
]

# ---- whole requests: id, method, path, headers, body, status, code ----
REQUESTS = [
    # what carries a command
    ("form-without-command", "POST", "/", FORM, "other=1", 400, "command"),
    ("empty-form", "POST", "/", FORM, "", 400, "command"),
    ("command-and-id", "POST", "/", FORM, form(command="announce " + GOOD, id="api:x"), 400, "command"),
    ("command-twice", "POST", "/", FORM, "command=a&command=b", 400, None),
    ("text-body", "POST", "/", TEXT, "announce route 198.51.100.2/32 next-hop self", 200, None),
    ("text-body-line-break", "POST", "/", TEXT, "announce route 198.51.100.2/32 next-hop self\n", 200, None),
    ("text-two-lines", "POST", "/", TEXT, "announce route 198.51.100.2/32 next-hop self\nshutdown\n", 400, "syntax"),
    ("text-charset", "POST", "/", {**TEXT, "Content-Type": "text/plain; charset=utf-8"},
     "announce route 198.51.100.2/32 next-hop self", 200, None),
    ("empty-text", "POST", "/", TEXT, "", 400, "syntax"),
    ("json-body", "POST", "/", JSON, json.dumps({"command": "announce route 198.51.100.3/32 next-hop self", "ttl": 60}), 200, None),
    ("json-number", "POST", "/", JSON, '{"command": 1}', 400, "command"),
    ("json-neither", "POST", "/", JSON, '{"ttl": 1}', 400, "command"),
    ("json-unknown", "POST", "/", JSON, '{"command": "x", "wait": "ack"}', 400, "unknown-member"),
    ("xml", "POST", "/", {"Content-Type": "application/xml", "Accept": "application/json"}, "<command/>", 415, "content-type"),
    ("no-type", "POST", "/", {"Accept": "application/json"}, "announce " + GOOD, 415, "content-type"),
    ("odd-type", "POST", "/", {**FORM, "Content-Type": "application/x-www-form-urlencodedx"}, "command=x", 415, "content-type"),
    ("form-percent", "POST", "/", FORM, "command=announce%20route%20198.51.100.4/32%20next-hop%20self", 200, None),
    ("form-plus", "POST", "/", FORM, "command=announce+route+198.51.100.4/32+next-hop+self", 200, None),
    ("unknown-field", "POST", "/", FORM, form(command="announce " + GOOD, other="1"), 200, None),
    ("reason-no-utf8", "POST", "/", FORM, "command=announce+route+198.51.100.4/32+next-hop+self&reason=%ff", 400, "reason"),
    ("reason-c1-control", "POST", "/", FORM, "command=announce+route+198.51.100.4/32+next-hop+self&reason=%c2%9b2J", 400,
     "reason"),
    ("reason-letters", "POST", "/", FORM, "command=announce+route+198.51.100.4/32+next-hop+self&reason=%c3%a4", 200, None),
    ("id-nul", "POST", "/", FORM, "id=api:web%00x", 400, "id"),
    ("id-no-utf8", "POST", "/", FORM, "id=api:%ff", 400, "id"),
    ("put-root", "PUT", "/", JSON, "{}", 405, "method"),
    ("delete-root", "DELETE", "/", {}, None, 405, "method"),
    # ids
    ("no-such-id", "POST", "/", FORM, form(id="api:none"), 404, "no-such-route"),
    ("id-of-the-store", "POST", "/", FORM, form(id="web"), 409, "store-route"),
    ("odd-id", "POST", "/", FORM, form(id="../x"), 404, "no-such-route"),
    ("empty-id", "POST", "/", FORM, "id=", 404, "no-such-route"),
    ("long-id", "POST", "/", FORM, form(id="x" * 5000), 404, "no-such-route"),
    # times and reasons
    *[(f"ttl-{ttl}", "POST", "/", FORM, form(command="announce " + GOOD, ttl=ttl), 200, None)
      for ttl in ("1", "90", "90s", "10m", "2h", "1500ms", "1.5h", "")],
    *[(f"bad-ttl-{ttl[:20]}", "POST", "/", FORM, form(command="announce " + GOOD, ttl=ttl), 400, "ttl")
      for ttl in ("0", "-1", "x", "500ms", "1d", "1h30m", "99999999999", "9999999999h", " 5", "5 ", "1e3", "0x10", "٣", "1" * 400)],
    *[(f"json-ttl-{ttl}", "PUT", "/v1/routes/ttl", JSON, f'{{"route": "{GOOD.replace(".1/", ".5/")}", "ttl": {ttl}}}', None, code)
      for ttl, code in (("60", None), ('"10m"', None), ("null", None), ("0", "ttl"), ("-5", "ttl"), ("1.5", "ttl"), ("true", "ttl"),
                        ("[]", "ttl"), ("{}", "ttl"), ('""', "ttl"), ("9223372036854775807", "ttl"), ("1e400", "json"),
                        ("99999999999999999999", "json"))],
    ("reason", "POST", "/", FORM, form(command="announce " + GOOD, reason="maintenance of höst"), 200, None),
    ("reason-two-lines", "POST", "/", FORM, form(command="announce " + GOOD, reason="a\nb"), 400, "reason"),
    ("reason-escape", "POST", "/", FORM, form(command="announce " + GOOD, reason="a\x1b[31m"), 400, "reason"),
    ("reason-long", "POST", "/", FORM, form(command="announce " + GOOD, reason=LONG), 400, "reason"),
    ("reason-no-text", "PUT", "/v1/routes/x", JSON, f'{{"route": "{GOOD}", "reason": 5}}', 400, "reason"),
    ("reason-nul", "PUT", "/v1/routes/x", JSON, f'{{"route": "{GOOD}", "reason": "a\\u0000b"}}', 400, "json"),
    # the query
    *[(f"query-{query}", "POST", f"/?{query}", FORM, form(command="announce " + GOOD), 200, None)
      for query in ("dry_run=1", "dry_run=true", "dry_run=0", "dry_run", "wait=ack", "wait=wire", "timeout=5",
                    "timeout=500ms&wait=ack", "wait=wire&timeout=60")],
    ("query-none", "POST", "/?wait=none", FORM, form(command="announce " + GOOD), 202, None),
    *[(f"bad-query-{query}", "POST", f"/?{query}", FORM, form(command="announce " + GOOD), 400, code)
      for query, code in (("dry_run=2", "query"), ("dry_run=yes", "query"), ("wait=", "query"), ("wait=done", "query"),
                          ("timeout=0", "query"), ("timeout=61", "query"), ("timeout=-1", "query"), ("timeout=x", "query"),
                          ("wait=ack&wait=wire", None), ("foo=1", "query"), ("command=x", "query"), ("%00=1", None))],
    # routes by name
    ("put", "PUT", "/v1/routes/one", JSON, json.dumps({"route": "route 198.51.100.10/32 next-hop self"}), 201, None),
    ("put-again", "PUT", "/v1/routes/one", JSON, json.dumps({"route": "route 198.51.100.10/32 next-hop self med 1"}), 200, None),
    ("put-full-name", "PUT", "/v1/routes/api:one", JSON, json.dumps({"route": "route 198.51.100.10/32 next-hop self"}), 200, None),
    ("put-announce", "PUT", "/v1/routes/two", JSON, json.dumps({"route": "announce route 198.51.100.11/32 next-hop self"}), 201, None),
    ("put-withdraw", "PUT", "/v1/routes/two", JSON, json.dumps({"route": "withdraw route 198.51.100.11/32"}), 400, "syntax"),
    ("put-same-route", "PUT", "/v1/routes/three", JSON, json.dumps({"route": "route 198.51.100.10/32 next-hop self"}), 409, "identity"),
    ("put-store-route", "PUT", "/v1/routes/four", JSON, json.dumps({"route": "route 192.0.2.1/32 next-hop self"}), 409, "identity"),
    ("put-name-of-store", "PUT", "/v1/routes/web", JSON, json.dumps({"route": "route 198.51.100.12/32 next-hop self"}), 201, None),
    ("put-long-name", "PUT", "/v1/routes/" + "n" * 124, JSON, json.dumps({"route": "route 198.51.100.13/32 next-hop self"}), 201, None),
    ("put-longer-name", "PUT", "/v1/routes/" + "n" * 125, JSON, json.dumps({"route": GOOD}), 400, "name"),
    ("put-too-long-name", "PUT", "/v1/routes/" + "n" * 500, JSON, json.dumps({"route": GOOD}), 404, "no-such-path"),
    *[(f"put-name-{name}", "PUT", f"/v1/routes/{name}", JSON, json.dumps({"route": "route 198.51.100.14/32 next-hop self"}), 400, "name")
      for name in (".x", "-x", "a%20b", "a:b", "api:", "api:api:x", "%C3%A4", "a*b", "a%5Cb")],
    ("put-slash", "PUT", "/v1/routes/a%2Fb", JSON, json.dumps({"route": GOOD}), 400, "name"),
    ("put-dots", "PUT", "/v1/routes/..", JSON, json.dumps({"route": GOOD}), None, None),
    ("put-no-name", "PUT", "/v1/routes/", JSON, json.dumps({"route": GOOD}), 404, "no-such-path"),
    ("put-list", "PUT", "/v1/routes", JSON, "{}", 405, "method"),
    ("post-route", "POST", "/v1/routes/x", JSON, "{}", 405, "method"),
    ("put-no-body", "PUT", "/v1/routes/x", JSON, "", 400, "json"),
    ("put-no-type", "PUT", "/v1/routes/x", {}, json.dumps({"route": GOOD}), 415, "content-type"),
    ("put-text", "PUT", "/v1/routes/x", TEXT, GOOD, 415, "content-type"),
    *[(f"put-json-{at}", "PUT", "/v1/routes/x", JSON, text, 400, code) for at, (text, code) in enumerate((
        ("{", "json"), ("[]", "json"), ("null", "json"), ('"x"', "json"), ("{}", "route"), ('{"route": 1}', "route"),
        ('{"route": null}', "route"), ('{"route": ["x"]}', "route"), ('{"route": ""}', "syntax"),
        (f'{{"route": "{GOOD}", "route": "{GOOD}"}}', "json"), (f'{{"route": "{GOOD}", "Route": ""}}', "unknown-member"),
        (f'{{"route": "{GOOD}"}} x', "json"), (f'{{"route": "{GOOD}",}}', "json"), (f"{{'route': '{GOOD}'}}", "json"),
        (f'{{"route": "{GOOD}", "command": "x"}}', "unknown-member"), ("[" * 10000, "json"), ('{"route":' * 5000, "json"),
        ('{"route": "\\ud800"}', "json"), ('{"route": "route 1.2.3.4/32\\u0000 next-hop self"}', "json"),
        ('{"route": "route 1.2.3.4/32\\nshutdown"}', "syntax"), ('{"route": "show neighbor"}', "unsupported"),
        ('{"route": "route 1.2.3.4/40 next-hop self"}', "range"), ("\ufeff{}", "json"), ('{"": 1}', "unknown-member")))],
    ("put-not-utf8", "PUT", "/v1/routes/x", JSON, b'{"route": "\xff\xfe"}', 400, "json"),
    ("delete-none", "DELETE", "/v1/routes/none", {}, None, 404, "no-such-route"),
    ("delete-none-full", "DELETE", "/v1/routes/api:none", {}, None, 404, "no-such-route"),
    ("delete-dry", "DELETE", "/v1/routes/one?dry_run=1", {}, None, 200, None),
    ("delete", "DELETE", "/v1/routes/one", {}, None, 200, None),
    ("delete-again", "DELETE", "/v1/routes/one", {}, None, 404, "no-such-route"),
    ("delete-store", "DELETE", "/v1/routes/web", {}, None, 409, "store-route"),
    ("delete-beside-store", "DELETE", "/v1/routes/api:web", {}, None, 200, None),
    ("delete-query", "DELETE", "/v1/routes/two?force=1", {}, None, 400, "query"),
    ("delete-wire", "DELETE", "/v1/routes/two?wait=wire", {}, None, 200, None),
    # blackholes
    ("blackhole", "POST", "/v1/blackhole", JSON, '{"prefix": "203.0.113.9/32"}', 201, None),
    ("blackhole-again", "POST", "/v1/blackhole", JSON, '{"prefix": "203.0.113.9"}', 200, None),
    ("blackhole-communities", "POST", "/v1/blackhole", JSON, '{"prefix": "203.0.113.9/32", "communities": ["65000:666"]}', 200, None),
    ("blackhole-large", "POST", "/v1/blackhole", JSON, '{"prefix": "203.0.113.9/32", "communities": ["65000:1:666", "blackhole"]}', 200, None),
    ("blackhole-named", "POST", "/v1/blackhole", JSON, '{"prefix": "203.0.113.10/32", "name": "attack"}', 201, None),
    *[(f"blackhole-{at}", "POST", "/v1/blackhole", JSON, text, None, code) for at, (text, code) in enumerate((
        ("{}", "prefix"), ('{"prefix": 5}', "prefix"), ('{"prefix": ""}', "prefix"), ('{"prefix": "x"}', "prefix"),
        ('{"prefix": "203.0.113.9/33"}', "prefix"), ('{"prefix": "203.0.113.9/24"}', "host-bits"),
        ('{"prefix": "203.0.113.9/32; shutdown"}', "prefix"), ('{"prefix": "203.0.113.9/32 med 5"}', "prefix"),
        ('{"prefix": "203.0.113.9/32", "communities": []}', "communities"),
        ('{"prefix": "203.0.113.9/32", "communities": "65000:1"}', "communities"),
        ('{"prefix": "203.0.113.9/32", "communities": [5]}', "communities"),
        ('{"prefix": "203.0.113.9/32", "communities": ["65000:1 ] med 5 community ["]}', "communities"),
        ('{"prefix": "203.0.113.9/32", "communities": ["nonsense"]}', "communities"),
        ('{"prefix": "203.0.113.9/32", "communities": [""]}', "communities"),
        ('{"prefix": "203.0.113.9/32", "communities": ["' + "\u00e9" * 60 + '"]}', "communities"),
        ('{"prefix": "203.0.113.9/32", "next-hop": "self"}', "unknown-member"),
        ('{"prefix": "203.0.113.9/32", "name": 5}', "name"), ('{"prefix": "203.0.113.9/32", "name": "a b"}', "name"),
        ('{"prefix": "203.0.113.0/24"}', "length-not-allowed"), ('{"prefix": "0.0.0.0/0"}', "length-not-allowed")))],
    ("blackhole-six", "POST", "/v1/blackhole", JSON, '{"prefix": "2001:db8::9/128"}', 422, "no-next-hop"),
    ("blackhole-get", "GET", "/v1/blackhole", {}, None, 405, "method"),
    ("blackhole-form", "POST", "/v1/blackhole", FORM, "prefix=203.0.113.9", 415, "content-type"),
    # flows
    ("flow", "POST", "/v1/flow", JSON, flow('{"destination": "203.0.113.20/32"}'), 201, None),
    ("flow-again", "POST", "/v1/flow", JSON, flow('{"destination": "203.0.113.20/32"}'), 200, None),
    ("flow-ports", "POST", "/v1/flow", JSON, flow('{"destination": "203.0.113.21/32", "destination-port": [80, ">1024&<2048"]}'), 201, None),
    ("flow-without-destination", "POST", "/v1/flow", JSON, flow('{"source": "203.0.113.2/32"}'), 403, "flow-too-broad"),
    ("flow-route", "POST", "/v1/flow", JSON,
     '{"route": "flow route { match { destination 203.0.113.22/32; } then { discard; } }", "name": "f"}', 201, None),
    *[(f"flow-{at}", "POST", "/v1/flow", JSON, text, 400, code) for at, (text, code) in enumerate((
        ("{}", "flow"), ('{"match": {"destination": "203.0.113.20/32"}}', "flow"), ('{"then": {"discard": true}}', "flow"),
        (flow("{}"), "flow"), (flow("[]"), "flow"), (flow('{"destination": "203.0.113.20/32"}', "{}"), "flow"),
        (flow('{"destination": "203.0.113.20/33"}'), None), (flow('{"destination": "x; } then { accept"}'), "flow"),
        (flow('{"nonsense": 5}'), None), (flow('{"destination": null}'), "flow"), (flow('{"destination": {"a": 1}}'), "flow"),
        (flow('{"destination": "203.0.113.20/32"}', '{"nonsense": true}'), None),
        ('{"match": {"destination": "203.0.113.20/32"}, "then": {"discard": true}, "route": "x"}', "flow"),
        (f'{{"route": "{GOOD}"}}', "flow"), ('{"route": "withdraw flow route { match { destination 203.0.113.20/32; } }"}', "syntax"),
        (flow(json.dumps({f"w{n}": 1 for n in range(40)})), "flow"), (flow('{"destination-port": [' + "80," * 100 + "80]}"), "flow")))],
    # paths and methods
    ("trace", "TRACE", "/", {}, None, None, None), ("options", "OPTIONS", "/v1/flow", {}, None, 405, "method"),
    ("unknown", "POST", "/v1/none", JSON, "{}", 404, "no-such-path"), ("case", "POST", "/V1/flow", JSON, "{}", 404, "no-such-path"),
    # whose page asks
    ("foreign-origin", "POST", "/", {**FORM, "Origin": "http://evil.example"}, form(command="announce " + GOOD), 403, "foreign-origin"),
    ("null-origin", "POST", "/", {**FORM, "Origin": "null"}, form(command="announce " + GOOD), 403, "foreign-origin"),
    ("cross-site", "POST", "/", {**FORM, "Sec-Fetch-Site": "cross-site"}, form(command="announce " + GOOD), 403, "foreign-origin"),
    ("same-site", "POST", "/", {**FORM, "Sec-Fetch-Site": "same-site"}, form(command="announce " + GOOD), 403, "foreign-origin"),
    ("fetch-none", "POST", "/", {**FORM, "Sec-Fetch-Site": "none"}, form(command="announce " + GOOD), 200, None),
    ("rebinding", "POST", "/", {**FORM, "Host": "evil.example:5000"}, form(command="announce " + GOOD), 421, "unknown-host"),
    ("rebinding-get", "GET", "/v1/status", {"Host": "evil.example"}, None, 421, "unknown-host"),
    ("foreign-get", "GET", "/v1/status", {"Origin": "http://evil.example"}, None, 403, "foreign-origin"),
    ("localhost", "GET", "/v1/status", {"Host": "localhost:5000"}, None, 200, None),
    ("six", "GET", "/v1/status", {"Host": "[::1]:5000"}, None, 200, None),
    ("bad-host", "GET", "/v1/status", {"Host": "a b"}, None, 400, None),
    # keys
    ("key-empty", "POST", "/", {**FORM, "Idempotency-Key": ""}, form(command="announce " + GOOD), 400, "key"),
    ("key-long", "POST", "/", {**FORM, "Idempotency-Key": "k" * 129}, form(command="announce " + GOOD), 400, "key"),
    ("key-longest", "POST", "/", {**FORM, "Idempotency-Key": "k" * 128}, form(command="announce " + GOOD), 200, None),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("http"))
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.node_file.append("http_rate 2000")
    scene.start(neighbors=[Neighbor(families=FAMILIES)])
    yield scene
    scene.daemon.close()
    log = scene.daemon.log()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


def is_documented(method, path, answer):
    """What /openapi.json says of a path's answers holds for this one."""
    path = path.partition("?")[0]
    template = "/v1/routes/{name}" if path.startswith("/v1/routes/") else path
    operation = DOCUMENT["paths"].get(template, {}).get(method.lower())
    if operation is None or answer.status == 404 and answer.code == "no-such-path":
        return
    told = operation["responses"].get(str(answer.status))
    assert told, f"{method} {template} is not said to answer {answer}"
    kind = answer.headers["Content-Type"].partition(";")[0]
    schema = told["content"][kind].get("schema")
    if "json" in kind:
        jsonschema.validate(answer.json, {**schema, "components": DOCUMENT["components"]})


def check(answer, status, code, column=None):
    assert status is None or answer.status == status, answer
    if code is not None:
        assert answer.headers["Content-Type"] == "application/problem+json" and answer.code == code, answer
        assert 400 <= answer.status < 600 and answer.json["status"] == answer.status and answer.json["detail"], answer
    if column is not None:
        assert answer.json.get("column") == column, answer
    assert "\n" not in answer.text.rstrip("\n") and re.fullmatch(r"[\x20-\x7e\u0080-\uffff]*\n?", answer.text), answer


@pytest.mark.parametrize("command, canonical", TAKEN, ids=[re.sub(r"\W+", "-", command[:70]) for command, _ in TAKEN])
def test_a_command_is_taken_announced_and_withdrawn(shared, command, canonical):
    answer = shared.command(command, path="/?wait=wire")
    assert answer.status in (200, 202), answer
    told = answer.json
    canonical = canonical or command
    assert told["command"] == canonical and told["verb"] == "announce" and told["new"] is True, answer
    assert re.fullmatch(r"api:[0-9a-f]{12}", told["id"])
    if answer.status == 200:
        assert told["state"] == "announced" and told["onWire"] == ["10.99.0.2"] and told["missing"] == [], answer
    again = shared.command(command)
    assert again.status in (200, 202) and again.json["new"] is False and again.json["id"] == told["id"], again
    gone = shared.command(canonical.replace("announce", "withdraw", 1), path="/?wait=wire")
    assert gone.status == 200 and gone.json["id"] == told["id"], gone
    assert gone.json["verb"] == "withdraw" and gone.json["onWire"] == [], gone
    assert shared.ask("DELETE", f"/v1/routes/{told['id']}").status == 404


@pytest.mark.parametrize("command, code, column", REFUSED, ids=[f"{at}-" + re.sub(r"\W+", "-", command[:50])
                                                               for at, (command, *_) in enumerate(REFUSED)])
def test_a_command_is_refused_with_its_column(shared, command, code, column):
    written = len(shared.exabgp.lines)
    answer = shared.command(command)
    check(answer, 400, code, column)
    assert answer.code in ("syntax", "range", "too-long", "unsupported"), answer
    text = shared.command(command, accept="*/*")
    assert text.status == 400 and text.headers["Content-Type"].startswith("text/plain"), text
    assert answer.json["detail"] in text.text
    assert not any("shutdown" in line for line in shared.exabgp.lines[written:])


@pytest.mark.parametrize("method, path, headers, body, status, code", [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS])
def test_a_request_gets_its_answer(shared, method, path, headers, body, status, code):
    body = body.encode() if isinstance(body, str) else body
    answer = shared.ask(method, path, body, headers)
    check(answer, status, code)
    is_documented(method, path, answer)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/?command=announce+" + GOOD.replace(" ", "+"), "/v1/routes/x?wait=wire", "/v1/blackhole"])
def test_get_changes_nothing(shared, method, path):
    routes, written = shared.daemon.ask("routes"), len(shared.exabgp.lines)
    shared.ask(method, path, b"command=announce " + GOOD.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
    after = shared.daemon.ask("routes")
    assert [route["name"] for route in after["routes"]] == [route["name"] for route in routes["routes"]]
    assert not any("announce" in line for line in shared.exabgp.lines[written:])


def test_there_are_as_many_cases_as_were_promised_and_none_twice():
    names = [case[0] for case in REQUESTS]
    assert len(names) == len(set(names)) and len(TAKEN) + len(REFUSED) + len(REQUESTS) > 250


def test_after_all_of_them_the_daemon_is_as_well_as_before(shared):
    answer = shared.command("announce route 198.18.0.1/32 next-hop self", path="/?wait=wire")
    assert answer.status == 200, answer
    assert shared.daemon.status()["warnings"] == [] and shared.daemon.settled_state("web") == "announced"
    assert all(re.match(r"(neighbor \S.* )?(announce|withdraw) (route|attributes|flow|vpls)|show |version$|~ ;", line)
               for line in shared.exabgp.lines), shared.exabgp.lines
