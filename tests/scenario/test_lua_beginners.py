"""What people write first, on a service that dies: each of these withdraws. And what they push over it by mistake does
not."""
import http.server
import json
import socket
import socketserver
import threading

import pytest

from lua_scene import Scene
from ports import free_port
from wait import wait_for

OPTIONS = {"interval": "100ms", "fall": 2, "timeout": "500ms"}

# Each sees a service at options.env.PORT (HTTP, one line of text, or DNS), and forgets what may go wrong.
HTTP = [
    "return http.get(url).status == 200",
    "local r = http.get(url) return r.status == 200",
    "local r, err = http.get(url) if not r then return false, err end return r.status == 200",
    "local r = assert(http.get(url)) return r.status == 200",
    "local r, err = http.get(url) return r and r.status == 200, err",
    "local r, err = http.get(url) if err then return nil, err end return true",
    "return http.get(url) and true or false",
    "local ok, r = pcall(function() return http.get(url).status end) return ok and r == 200",
    "if http.get(url).status ~= 200 then error('not 200') end return true",
    "local r = http.get(url) return {ok = r ~= nil and r.status == 200, reason = 'no answer'}",
    "local r = http.get(url) return r and 100 or 0",
    "local r = parallel{function() return http.get(url) end} return r[1][1].status == 200",
]
LINE = [
    "local c = tcp.connect('127.0.0.1', port) c:send('PING\\n') return c:line() == 'PONG'",
    "local c = assert(tcp.connect('127.0.0.1', port)) assert(c:send('PING\\n')) return c:line() == 'PONG'",
    "local c, err = tcp.connect('127.0.0.1', port) if not c then return false, err end c:close() return true",
    "local c = tcp.connect('127.0.0.1', port) c:send('PING\\n') return c:expect('PONG') == 'PONG'",
]
DNS = [
    "return dns.query('www.example.net', 'A', {server = '127.0.0.1', port = port}).rcode == 'NOERROR'",
    "local r = dns.query('www.example.net', 'A', {server = '127.0.0.1', port = port}) return #r.answer > 0",
    "local r, err = dns.query('www.example.net', 'A', {server = '127.0.0.1', port = port, timeout = 0.1}) return r ~= nil, err",
    "local r = udp.exchange('127.0.0.1', port, dns_query) return #r > 12",
]
HEAD = "#!lua\nlocal port = tonumber(options.env.PORT)\nlocal url = 'http://127.0.0.1:' .. options.env.PORT .. '/'\n"
QUERY = "local dns_query = '\\1\\2\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\0\\1\\0\\1'\n"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass


class Line(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line.strip() == b"PING":
                self.wfile.write(b"PONG\n")


class Name(socketserver.DatagramRequestHandler):
    """One A record for any question."""

    def handle(self):
        query = self.rfile.read()
        end = 12
        while query[end] != 0:
            end += query[end] + 1
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x50"
        self.wfile.write(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end + 5] + record)


class Server:
    """Can be killed and come back at its port."""

    def __init__(self, kind, handler):
        self.kind, self.handler, self.port = kind, handler, free_port()
        self.start()

    def start(self):
        class Kind(self.kind):
            allow_reuse_address = True
            daemon_threads = True
        self.server = Kind(("127.0.0.1", self.port), self.handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


GROUPS = {
    "http": (HTTP, http.server.ThreadingHTTPServer, Answer),
    "line": (LINE, socketserver.ThreadingTCPServer, Line),
    "dns": (DNS, socketserver.ThreadingUDPServer, Name),
}


@pytest.mark.parametrize("group", GROUPS)
def test_the_scripts_of_beginners_withdraw_on_a_dead_service(scene, group):
    bodies, kind, handler = GROUPS[group]
    server = Server(kind, handler)
    options = json.dumps({**OPTIONS, "env": {"PORT": str(server.port)}})
    names = [f"{group}{number}" for number in range(len(bodies))]
    for number, body in enumerate(bodies):
        scene.put_route(names[number], number, HEAD + QUERY + body, options)
    daemon = scene.start()
    for name in names:
        daemon.wait_state(name, "announced")
    server.stop()
    for name in names:
        route = daemon.wait_state(name, "withdrawn")
        assert route["health"] == "down", route
    server.start()
    for name in names:
        daemon.wait_state(name, "announced")
    server.stop()


BAD = {
    "does not compile": "return tru e",
    "raises": "error('oh')",
    "a typing error": "return htp.get(url).status == 200",
    "false": "return false, 'always'",
    "returns nothing": "local x = 1",
    "loops": "while true do end",
    "hoards": "local t = {} while true do t[#t + 1] = ('x'):rep(1000) end",
    "sleeps": "time.sleep(60)",
    "another service": "return http.get('http://127.0.0.1:1/').status == 200",
    "a bad pattern": "return ('a'):rep(100000):find('.-.-.-b') == nil",
}


def test_a_bad_script_over_a_good_one_withdraws_nothing(scene):
    server = Server(http.server.ThreadingHTTPServer, Answer)
    options = json.dumps({**OPTIONS, "env": {"PORT": str(server.port)}})
    names = {what: f"r{number}" for number, what in enumerate(BAD)}
    for number, what in enumerate(BAD):
        scene.put_route(names[what], number, HEAD + f"-- {what}\n" + HTTP[2], options)
    daemon = scene.start()
    for name in names.values():
        daemon.wait_state(name, "announced")
    for what, body in BAD.items():
        scene.tree.put(f"routes/{names[what]}/healthcheck", HEAD + body)
    for what, name in names.items():
        wait_for(lambda: daemon.route(name)["error"], f"{what}: the new version's trouble is told")
    assert scene.withdrawn() == []
    # The old version still decides …
    server.stop()
    for name in names.values():
        daemon.wait_state(name, "withdrawn")
    server.start()
    for name in names.values():
        daemon.wait_state(name, "announced")
    # … until a new one has passed.
    for what, name in names.items():
        scene.tree.put(f"routes/{name}/healthcheck", HEAD + "return true, 'mended'")
    for name in names.values():
        wait_for(lambda: daemon.route(name)["data"] == "mended" and daemon.route(name)["error"] is None, "the mended one decides")
    server.stop()


def test_a_port_that_accepts_and_says_nothing_is_a_timeout(scene):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        scene.put_route("good", 0, "#!lua\nreturn true\n")
        scene.put_route("silent", 1, "#!lua\nreturn true\n", json.dumps({**OPTIONS}))
        daemon = scene.start()
        daemon.wait_state("silent", "announced")
        scene.put_route("fresh", 2, HEAD + HTTP[0], json.dumps({**OPTIONS, "env": {"PORT": str(silent.getsockname()[1])}}))
        route = daemon.wait_state("fresh", "withdrawn")
        assert "timed out" in route["reason"]
