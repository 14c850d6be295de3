"""A scripted JSON gateway of etcd: what real members cannot be made to send, and when."""
import base64
import http.server
import json
import queue
import threading

from etcd_lab import Lab, b64

CLUSTER = "15118495548433857066"


class Fake:
    """A gateway whose answers are functions: path -> function(handler, body). Watches are taken by the test."""

    def __init__(self, version="3.4.23", api="/v3"):
        self.version = version
        self.api = api
        self.revision = 10
        self.keys = {"/bgp/routes/a/config": ("1", 5)}
        self.requests = []
        self.watches = queue.Queue()
        self.others = []
        self.script = {"/kv/range": self.range, "/watch": self.watch}
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                fake.requests.append((self.path, None, dict(self.headers)))
                if self.path == "/version":
                    fake.answer(self, {"etcdserver": fake.version, "etcdcluster": fake.version})
                else:
                    fake.answer(self, "404 page not found\n", 404)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.requests.append((self.path, body, dict(self.headers)))
                function = fake.script.get(self.path[len(fake.api):]) if self.path.startswith(fake.api + "/") else None
                if function is None:
                    fake.answer(self, "404 page not found\n", 404)
                else:
                    function(self, body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        while not self.watches.empty():
            self.watches.get().over.set()

    def header(self, revision=None):
        return {"cluster_id": CLUSTER, "member_id": "1", "revision": str(revision or self.revision), "raft_term": "2"}

    def answer(self, handler, body, status=200):
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def range(self, handler, body):
        start = base64.b64decode(body["key"]).decode()
        end = base64.b64decode(body.get("range_end", "")).decode()
        kvs = [{"key": b64(key), "value": b64(value), "mod_revision": str(revision)}
               for key, (value, revision) in sorted(self.keys.items()) if start <= key < (end or start)]
        answer = {"header": self.header()}
        if kvs and not body.get("count_only"):
            limit = int(body.get("limit", len(kvs)))
            answer.update({"kvs": kvs[:limit], "count": str(len(kvs))})
            if len(kvs) > limit:
                answer["more"] = True
        self.answer(handler, answer)

    def watch(self, handler, body):
        """Waits until the test is done with it."""
        create = body["create_request"]
        watch = Watch(self, handler, base64.b64decode(create["key"]).decode(), int(create["start_revision"]))
        self.watches.put(watch)
        watch.over.wait(60)
        handler.close_connection = True

    def both(self):
        """Of the watches of a client that has just connected, unconfirmed: routes, node. The others stand by."""
        all_of_them = sorted((self.watches.get(timeout=30) for _ in range(5)), key=lambda watch: watch.prefix, reverse=True)
        routes, node, *others = all_of_them
        assert [watch.prefix for watch in all_of_them] == [f"/bgp/{part}" for part in ("policy", "node/n1/", "lua/", "data/", "admission")]
        self.others = others
        for watch in others:
            watch.created()
        return [routes, node]

    def paths(self, path):
        return [body for one, body, _ in self.requests if one == self.api + path]


class Watch:
    def __init__(self, fake, handler, prefix, start):
        self.fake = fake
        self.handler = handler
        self.prefix = prefix
        self.start = start
        self.over = threading.Event()
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

    def raw(self, text):
        data = text.encode() if isinstance(text, str) else text
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()

    def send(self, message, end="\n"):
        self.raw(json.dumps({"result": message}) + end)

    def created(self, revision=None):
        self.send({"header": self.fake.header(revision), "created": True})

    def events(self, *events, **fields):
        self.send({"header": self.fake.header(), "events": list(events), **fields})

    def end(self, proper=True):
        try:
            if proper:
                self.handler.wfile.write(b"0\r\n\r\n")
        finally:
            self.over.set()


def put(key, value, revision):
    return {"kv": {"key": b64("/bgp/" + key), "value": b64(value), "mod_revision": str(revision)}}


def delete(key, revision):
    return {"type": "DELETE", "kv": {"key": b64("/bgp/" + key), "mod_revision": str(revision)}}


class FakeLab(Lab):
    """Owns the gateways too."""

    def __init__(self, folder):
        super().__init__(folder)
        self.fakes = []

    def fake(self, *version):
        fake = Fake(*version)
        self.fakes.append(fake)
        return fake

    def close(self, check=True):
        try:
            super().close(check)
        finally:
            for fake in self.fakes:
                fake.close()


def connect(lab, fake, **options):
    """A connected probe and its two watches."""
    probe = lab.probe(fake.url(), **options)
    probe.wait_list()
    watches = fake.both()
    assert [watch.start for watch in watches] == [fake.revision + 1] * 2
    for watch in watches:
        watch.created()
    probe.wait_connected()
    return probe, *watches


def grant(fake, lease):
    def function(handler, body):
        fake.answer(handler, {"header": fake.header(), "ID": str(lease), "TTL": body["TTL"]})
    return function
