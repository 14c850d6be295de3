"""Lua checks of every kind look at real servers, and the route in BIRD follows the server; so do shell checks of the same
servers."""
import json
import shlex

import pytest

import services

DNS = """#!lua
local r, err = dns.query("www.example.net", "A", {server = "127.0.0.1", timeout = 1})
if not r then return false, err end
return r.rcode == "NOERROR" and #r.answer == 1 and r.answer[1].address == "192.0.2.80", {rtt = r.rtt}
"""
HTTP = """#!lua
local r, err = http.get("http://127.0.0.1:8080/moved", {timeout = 1, redirects = 3})
if not r then return false, err end
return r.status == 200 and r.body == "fine\\n", {status = r.status}
"""
HTTPS = """#!lua
local r, err = http.get("https://www.example.net:8443/health", {
  connect_to = "127.0.0.1:8443", timeout = 1, tls = {ca = options.env.CA:gsub("|", "\\n")}})
if not r then return false, err end
return r.status == 200 and r.cert.days_left > 20, {days_left = r.cert.days_left}
"""
TLS = """#!lua
local c, err = tls.connect("127.0.0.1", 8443, {name = "www.example.net", timeout = 1, ca = options.env.CA:gsub("|", "\\n")})
if not c then return false, err end
return c.cert.names[1] == "www.example.net", c.protocol
"""
REDIS = """#!lua
local c, err = tcp.connect("127.0.0.1", 6379, {timeout = 1})
if not c then return false, err end
assert(c:send("PING\\r\\n"))
local line, problem = c:line({timeout = 1})
return line == "+PONG", line or problem
"""
POSTGRES = """#!lua
local c, err = tcp.connect("127.0.0.1", 5432, {timeout = 1})
if not c then return false, err end
assert(c:send(string.pack(">I4I4zzx", 23, 196608, "user", "postgres")))
local kind = assert(c:receive({bytes = 1, timeout = 1}))
return kind == "R", kind
"""
NTP = """#!lua
local reply, err = udp.exchange("127.0.0.1", 123, "\\x23" .. ("\\0"):rep(47), {timeout = 1})
if not reply then return false, err end
return #reply == 48 and reply:byte(2) == 7, {stratum = reply:byte(2)}
"""
PING = """#!lua
local r, err = icmp.ping("10.99.77.1", {count = 2, interval = 0.05, timeout = 0.5})
if not r then return false, err end
return r.loss == 0, {loss = r.loss}
"""
EXEC = """#!lua
local r, err = exec.run({"/usr/bin/test", "-e", options.env.FILE}, {timeout = 1})
if not r then return false, err end
return r.code == 0, "exit code " .. tostring(r.code)
"""
PARALLEL = """#!lua
local r = parallel{
  web = function() return http.get("http://127.0.0.1:8080/health", {timeout = 1}) end,
  port = function() return tcp.connect("127.0.0.1", 8443, {timeout = 1}) end,
}
if not r.web[1] then return false, r.web[2] end
return r.web[1].status == 200 and r.port[1] ~= nil, r.port[2]
"""

# name, the server, the Lua script, the same by shell (None: needs a client of its own)
CASES = [
    ("dns", services.Dnsmasq, DNS, "dig +time=1 +tries=1 +short @127.0.0.1 www.example.net | grep -q '^192.0.2.80$'"),
    ("http", services.Nginx, HTTP, "curl -fsSL -m 1 -o /dev/null http://127.0.0.1:8080/moved"),
    ("https", services.Nginx, HTTPS, None),
    ("tls", services.Nginx, TLS, None),
    ("redis", services.Redis, REDIS, "exec 3<>/dev/tcp/127.0.0.1/6379 && echo PING >&3 && read -r -t 1 line <&3 && [ \"${line%?}\" = +PONG ]"),
    ("postgres", services.Postgres, POSTGRES, None),
    ("ntp", services.Chrony, NTP, None),
    ("ping", services.Address, PING, None),
    ("exec", services.File, EXEC, "test -e {file}"),
    ("parallel", services.Nginx, PARALLEL, None),
]
SERVERS = list(dict.fromkeys(case[1] for case in CASES))


def prefix_of(number, by_shell=False):
    return f"10.20.{1 if by_shell else 0}.{number}/32"


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    lab.node_file.write_text("exec_allow /usr/bin/test -e *\n")
    lab.servers = {kind: kind(lab) for kind in SERVERS if not kind.why_not()}
    for server in lab.servers.values():
        server.start()
    certificate = lab.servers[services.Nginx].certificate.replace("\n", "|")
    file = str(lab.servers[services.File].path())
    keys = {"node/n1/subscribedRoutes": "*"}
    for number, (name, kind, script, shell) in enumerate(CASES):
        if kind not in lab.servers:
            continue
        keys[f"routes/{name}/options"] = json.dumps({"interval": "200ms", "env": {"CA": certificate, "FILE": file}})
        keys[f"routes/{name}/healthcheck"] = script
        keys[f"routes/{name}/config"] = f"route {prefix_of(number)} next-hop self"
        if shell:
            command = f"#!/bin/bash\n{shell.format(file=shlex.quote(file)) if '{file}' in shell else shell}\n"
            keys[f"routes/{name}-shell/options"] = json.dumps({"interval": "300ms"})
            keys[f"routes/{name}-shell/healthcheck"] = command
            keys[f"routes/{name}-shell/config"] = f"route {prefix_of(number, True)} next-hop self"
    lab.put_all(keys)
    lab.start_exabgp()
    return lab


def routes_of(server):
    """{route: prefix} of the checks that look at this server."""
    found = {}
    for number, (name, kind, _, shell) in enumerate(CASES):
        if kind is server:
            found[name] = prefix_of(number)
            if shell:
                found[f"{name}-shell"] = prefix_of(number, True)
    return found


@pytest.mark.parametrize("server", SERVERS, ids=lambda kind: kind.__name__)
def test_the_route_follows_the_server(lab, server):
    if server.why_not():
        pytest.skip(server.why_not())
    mine = routes_of(server)
    others = {prefix for kind in lab.servers if kind is not server for prefix in routes_of(kind).values()}
    everything = others | set(mine.values())
    lab.wait_for(lambda: all(lab.bird.has(prefix) for prefix in everything), 30, "all servers answer")
    lab.servers[server].stop()
    lab.wait_for(lambda: not any(lab.bird.has(prefix) for prefix in mine.values()), 30, "its routes leave")
    told = lab.routes()
    for name in mine:
        assert told[name]["reason"].startswith("health check failed"), told[name]
    assert all(lab.bird.has(prefix) for prefix in others)
    lab.servers[server].start()
    lab.wait_for(lambda: all(lab.bird.has(prefix) for prefix in everything), 30, "they come back")
