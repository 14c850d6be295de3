"""The servers of lua_world.py, run inside of it: web, mail, ntp, and some that only begin to talk. Says when it is ready."""
import http.server
import pathlib
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

FOLDER = pathlib.Path(sys.argv[1])
WEB = "192.0.2.10"


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pages = {"/": (200, b"hello\n"), "/health": (200, b"ok\n"), "/down": (503, b"no database\n")}

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        if self.path == "/moved":
            self.answer(302, b"", Location="/health")
        elif self.path == "/slow":
            threading.Event().wait()
        elif self.path == "/probe":
            self.answer(200 if self.headers["X-Probe"] == "1" else 403, b"")
        else:
            self.answer(*self.pages.get(self.path, (404, b"not found\n")))

    do_HEAD = do_OPTIONS = do_GET

    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers["Content-Length"])))


class WebServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        pass


class WebServer6(WebServer):
    address_family = socket.AF_INET6


def tls(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / f"{name}.crt", FOLDER / "key.pem")
    return context


class Lines(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def lines(self):
        yield from (line.decode("latin-1").strip() for line in self.rfile)


class Redis(Lines):
    def handle(self):
        for line in self.lines():
            self.say("+PONG" if line == "PING" else "-ERR")


class Mail(Lines):
    def handle(self):
        self.say("220 mail.example.net ESMTP")
        self.talk(True)

    def talk(self, with_tls):
        for line in self.lines():
            word = line.upper().split(" ")[0]
            if word == "EHLO":
                self.say("250-mail.example.net")
                self.say("250 STARTTLS" if with_tls else "250 SIZE 1000000")
            elif word == "STARTTLS" and with_tls:
                self.say("220 go ahead")
                self.request = tls("www").wrap_socket(self.request, server_side=True)
                self.setup()
                return self.talk(False)
            elif word == "QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")


class Greeting(socketserver.BaseRequestHandler):
    """The first packet of a MySQL server: protocol 10, its version, and more that nobody reads here."""
    def handle(self):
        packet = b"\x0a" + b"8.0.36\0" + bytes(60)
        self.request.sendall(struct.pack("<I", len(packet)) + packet)
        self.request.recv(1)


class Starting(socketserver.BaseRequestHandler):
    """A PostgreSQL server that starts up."""
    def handle(self):
        fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
        self.request.recv(1000)
        self.request.sendall(b"E" + struct.pack(">I", len(fields) + 4) + fields)


class Full(Lines):
    """A mail server that has no time."""
    def handle(self):
        self.say("421 too busy")


class Plain(Mail):
    """A mail server without TLS."""
    def handle(self):
        self.say("220 mail.example.net ESMTP")
        self.talk(False)


class Busy(socketserver.BaseRequestHandler):
    """A MySQL server that has no connection to spare."""
    def handle(self):
        packet = b"\xff" + struct.pack("<H", 1040) + b"Too many connections"
        self.request.sendall(struct.pack("<I", len(packet)) + packet)


class Ntp(socketserver.BaseRequestHandler):
    """Stratum 2, and as late as its port says: 123 not at all, 124 by two seconds; 125 and 126 are not synchronised."""
    def handle(self):
        request, to = self.request
        port = self.server.server_address[1]
        now = time.time() + 2208988800 - (2 if port == 124 else 0)
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        leap, stratum = {125: (0, 16), 126: (3, 2)}.get(port, (0, 2))
        to.sendto(bytes([leap << 6 | 4 << 3 | 4, stratum]) + bytes(14) + stamp + request[40:48] + stamp + stamp,
                  self.client_address)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data, to = self.request
        to.sendto(data, self.client_address)


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        pass


def serve(server, context=None):
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve(WebServer((WEB, 80), Web))
serve(WebServer6(("2001:db8::10", 80), Web))
for number, name in ((443, "www"), (8443, "soon"), (8444, "alone")):
    serve(WebServer((WEB, number), Web), tls(name))
serve(Threads((WEB, 6379), Redis))
serve(Threads(("192.0.2.25", 25), Mail))
serve(Threads(("192.0.2.33", 3306), Greeting))
serve(Threads(("192.0.2.33", 3307), Busy))
serve(Threads(("192.0.2.33", 5433), Starting))
serve(Threads(("192.0.2.25", 26), Full))
serve(Threads(("192.0.2.25", 27), Plain))
for number in (123, 124, 125, 126):
    serve(socketserver.UDPServer(("192.0.2.123", number), Ntp))
serve(socketserver.UDPServer((WEB, 7), Echo))
print("ready", flush=True)
threading.Event().wait()
