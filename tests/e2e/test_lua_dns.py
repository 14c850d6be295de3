"""Routes in BIRD follow what Lua checks see on the wire: a real DNS server, and a host that answers pings or not. The
worker runs as the daemon starts it, confined."""
import json

import pytest

SERVER = "10.99.0.2"
SBIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

QUERY = """#!lua
local r, err = dns.query("anycast.test", "TXT", {server = "10.99.0.2", timeout = 1, edns = false})
if not r then return false, err end
if r.rcode ~= "NOERROR" then return false, r.rcode end
return r.tcp and #r.answer[1].text[1] == 200, {rtt = r.rtt, size = r.size}
"""

PING = """#!lua
local r, err = icmp.ping("10.99.0.2", {count = 2, interval = "20ms", timeout = "200ms"})
if not r then return false, err end
return r.loss < 100, r.loss .. " % lost"
"""

TO_SET = json.dumps('sysctl -w net.ipv4.ping_group_range="0 2147483647"')[1:-1]
LONG = ",".join(["0123456789" * 20] * 4)


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.250/32"), 10, "the first route")
    return lab


def start_dnsmasq(lab, *records):
    """In the peer's namespace; the route tells when it answers."""
    return lab.spawn(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file=",
                         "--user=root", "--group=root", "--bind-interfaces", f"--listen-address={SERVER}",
                         "--local=/test/", "--log-facility=-", *records], lab.namespace("peer1"), "dnsmasq.log",
                     env=SBIN)


def add(lab, name, prefix, script):
    lab.put_all({f"routes/{name}/options": json.dumps({"interval": "200ms", "fall": 2}),
                 f"routes/{name}/healthcheck": script, f"routes/{name}/config": f"route {prefix} next-hop self"})


def reason(lab, name):
    return (lab.route(name) or {}).get("reason") or ""


def test_a_route_follows_a_dns_server(lab):
    add(lab, "dns", "10.8.0.1/32", QUERY)
    lab.wait_for(lambda: f"{SERVER} port 53: connection refused" in reason(lab, "dns"), 20, "nobody listens there")
    assert not lab.bird.has("10.8.0.1/32")
    server = start_dnsmasq(lab, f"--txt-record=anycast.test,{LONG}")
    lab.wait_for(lambda: lab.bird.has("10.8.0.1/32"), 20, "it answers")
    data = lab.route("dns")["data"]
    assert 600 < data["size"] < 1500 and 0 < data["rtt"] < 5
    lab.end(server)
    lab.wait_for(lambda: not lab.bird.has("10.8.0.1/32"), 20, "it died")
    assert reason(lab, "dns") == f"health check failed: {SERVER} port 53: connection refused"
    server = start_dnsmasq(lab, "--txt-record=other.test,text")
    lab.wait_for(lambda: "NXDOMAIN" in reason(lab, "dns"), 20, "it answers that there is no such name")
    lab.end(server)
    start_dnsmasq(lab, f"--txt-record=anycast.test,{LONG}")
    lab.wait_for(lambda: lab.bird.has("10.8.0.1/32"), 20, "it answers again")


def ignore_pings(lab, number):
    lab.inside(lab.namespace("peer1"), "sysctl", "-qw", f"net.ipv4.icmp_echo_ignore_all={number}",
               env=SBIN)


def allow_pings(lab, groups):
    lab.inside(lab.exa, "sysctl", "-qw", f"net.ipv4.ping_group_range={groups}",
               env=SBIN)


def test_a_route_follows_pings(lab):
    allow_pings(lab, "1 0")
    add(lab, "ping", "10.8.0.2/32", PING)
    lab.wait_for(lambda: TO_SET in json.dumps(lab.route("ping")), 20, "what is to be set is told")
    assert not lab.bird.has("10.8.0.2/32")
    allow_pings(lab, "0 0" if lab.user == "root" else "0 2147483647")
    lab.wait_for(lambda: lab.bird.has("10.8.0.2/32"), 20, "it is answered")
    ignore_pings(lab, 1)
    lab.wait_for(lambda: not lab.bird.has("10.8.0.2/32"), 20, "all are lost")
    assert reason(lab, "ping").startswith("health check failed: 100") and "lost" in reason(lab, "ping")
    ignore_pings(lab, 0)
    lab.wait_for(lambda: lab.bird.has("10.8.0.2/32"), 20, "it is answered again")
