"""An HTTP server that gives the live page as it was built, and a made-up World behind the paths of the API. What a real
daemon does is in test_page_daemon.py; this one does what a real one cannot be made to do at will."""
import http.server
import json
import pathlib
import re
import threading
import urllib.parse

from ports import free_port

TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
POLICY = re.compile(r'CORE_PAGE_POLICY\s+((?:\\?\s*"[^"]*"\s*)+)')


def policy_of(source):
    """The Content-Security-Policy that the daemon sends, from its header."""
    text = (pathlib.Path(source) / "src/core/page.h").read_text()
    return "".join(re.findall(r'"([^"]*)"', POLICY.search(text).group(1)))


class Stand:
    """serve(): begins; stop(): as a daemon that is gone: nothing listens; start(): on the same port again."""

    def __init__(self, world, parts, source):
        self.world, self.parts, self.policy = world, pathlib.Path(parts), policy_of(source)
        self.port = free_port()
        self.requests = []
        self.changed = threading.Condition()
        self.streams = set()
        self.followers = 0  # of the events
        self.refuse = {}  # by path (status, text)
        self.hold = None  # answers of paths that begin so wait for let_go(), …
        self.held = 0  # … so many of them
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def start(self):
        stand = self

        class Handler(_Handler):
            pass
        Handler.stand = stand
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.is_on = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        with self.changed:
            self.is_on = False
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.streams):
            try:
                connection.shutdown(2)
            except OSError:
                pass

    def let_go(self):
        with self.changed:
            self.hold = None
            self.changed.notify_all()

    def move(self, name, state, **more):
        with self.changed:
            self.world.move(name, state, **more)
            self.changed.notify_all()

    def event(self, type_, subject, **detail):
        with self.changed:
            self.world.event(type_, subject, **detail)
            self.changed.notify_all()

    def asked(self, pattern):
        return [request for request in self.requests if re.fullmatch(pattern, f"{request['method']} {request['path']}")]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand = None

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.stand.streams.add(self.connection)

    def finish(self):
        self.stand.streams.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def answer(self, status, body, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else (json.dumps(body, separators=(",", ":")) if not isinstance(body, str) else body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status, detail, code="refused", **headers):
        self.answer(status, {"title": "refused", "status": status, "detail": detail, "code": code}, "application/problem+json", **headers)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def begin(self):
        """The path and the query; None: it is answered already."""
        parts = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length).decode() if length else ""
        self.stand.requests.append({"method": self.command, "path": parts.path, "query": parts.query, "headers": dict(self.headers), "body": self.body})
        if parts.path.startswith("/v1/"):
            if not self.may_read():
                return None
            if parts.path in self.stand.refuse:
                self.problem(*self.stand.refuse[parts.path])
                return None
        return parts.path, dict(urllib.parse.parse_qsl(parts.query))

    def may_read(self):
        """As the daemon has it: who may not has been answered."""
        tokens, shown = self.stand.world.tokens, self.headers.get("Authorization")
        if tokens is None:
            return True
        if shown is None or shown.removeprefix("Bearer ") not in tokens:
            self.problem(401, "no token was given" if shown is None else "there is no such token", "token", WWW_Authenticate="Bearer")
            return False
        name, scopes = tokens[shown.removeprefix("Bearer ")]
        if self.command == "GET" and "read" not in scopes:
            self.problem(403, f"the token {name} lacks the scope read", "scope")
            return False
        return True

    def do_GET(self):
        begun = self.begin()
        if begun is None:
            return
        path, query = begun
        world = self.stand.world
        names = query["name"].split(",") if "name" in query else None
        answers = {"/v1/status": world.status, "/v1/routes": lambda: world.routes_answer(names), "/v1/neighbors": world.neighbors_answer,
                   "/v1/checks": lambda: world.checks_answer(names), "/v1/nodes": world.nodes_answer,
                   "/v1/events": lambda: {"events": world.events[-int(query.get("limit", 100)):], "last": world.event_id}}
        if path == "/v1/events/stream":
            self.stream()
        elif path in answers:
            with self.stand.changed:
                made = json.dumps(answers[path](), separators=(",", ":"))
            self.wait(path)
            self.answer(200, made, Cache_Control="no-store")
        elif path.startswith("/v1/routes/"):
            name = urllib.parse.unquote(path[len("/v1/routes/"):])
            name = name if name in world.routes else f"api:{name}"  # which may be left out
            made = world.route_answer(name) if name in world.routes else None
            self.wait(path)
            if made is not None:
                self.answer(200, made)
            else:
                self.problem(404, "there is no such route")
        else:
            self.part("index.html" if path == "/" else path[len("/page/"):] if path.startswith("/page/") else "")

    def wait(self, path):
        stand = self.stand
        with stand.changed:
            stand.held += 1
            stand.changed.wait_for(lambda: stand.hold is None or not path.startswith(stand.hold) or not stand.is_on)
            stand.held -= 1

    def part(self, name):
        file = self.stand.parts / name
        if not re.fullmatch(r"[a-z]+\.(html|css|js|svg)", name) or not file.is_file():
            self.problem(404, "there is no such path")
            return
        self.answer(200, file.read_bytes(), TYPES[name.split(".")[1]], Content_Security_Policy=self.stand.policy, Cache_Control="no-cache")

    def do_DELETE(self):
        begun = self.begin()
        if begun is None:
            return
        name = urllib.parse.unquote(begun[0][len("/v1/routes/"):])
        with self.stand.changed:
            self.stand.world.deleted.append(name)
            self.stand.world.routes.pop(name, None)
            self.stand.world.event("lease", name, what="removed")
            self.stand.changed.notify_all()
        self.answer(200, {"withdrawn": name})

    def do_POST(self):
        begun = self.begin()
        if begun is not None:
            self.stand.world.approved.append(json.loads(self.body)["id"])
            self.answer(200, {"approved": self.stand.world.approved[-1]})

    def stream(self):
        stand = self.stand
        self.wait("/v1/events/stream")
        after = int(self.headers.get("Last-Event-ID") or stand.world.event_id)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        stand.followers += 1
        try:
            self.follow(after)
        finally:
            stand.followers -= 1

    def follow(self, after):
        stand = self.stand
        self.wfile.write(b"retry: 1000\n\n")
        if after > stand.world.event_id:  # of another daemon, whose events are not ours
            after = stand.world.events[0]["id"] - 1 if stand.world.events else stand.world.event_id
            gap = {"id": after, "time": stand.world.status()["started"], "type": "gap", "subject": None, "decision": None, "detail": {"missed": None}}
            self.wfile.write(f"id: {after}\nevent: gap\ndata: {json.dumps(gap)}\n\n".encode())
        while stand.is_on:
            with stand.changed:
                fresh = [event for event in stand.world.events if event["id"] > after]
                if not fresh:
                    stand.changed.wait(1)
                    fresh = [event for event in stand.world.events if event["id"] > after]
            for event in fresh:
                after = event["id"]
                self.wfile.write(f"id: {event['id']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            if not fresh:
                self.wfile.write(b": alive\n\n")
            self.wfile.flush()
