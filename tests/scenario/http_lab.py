"""The daemon with its HTTP API, under a fake ExaBGP, its store a directory."""
import http.client
import json
import socket

from dir_lab import Tree
from fake_exabgp import Daemon, Neighbor
from ports import free_port
from wait import wait_for


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Scene:
    """node_file: its lines. A test starts the daemon itself, when it has made what it wants in the store."""

    def __init__(self, folder):
        self.folder, self.daemon, self.port = folder, None, free_port()
        self.tree = Tree(folder / "store")
        self.node_file = []
        self.token = None

    def start(self, subscribed="*", listen=None, synced=True, **fake):
        self.tree.put("node/n1/subscribedRoutes", subscribed)
        (self.folder / "none.conf").write_text("".join(line + "\n" for line in self.node_file))
        more = [f"--http={listen or f'127.0.0.1:{self.port}'}"]
        self.daemon = Daemon(self.folder, f"file://{self.tree.dir}", "/bgp", more=more, **fake)
        if synced:
            self.daemon.wait_synced()
            wait_for(lambda: self.ask("GET", "/v1/status", errors=True), "the HTTP API answers")
        return self.daemon

    @property
    def exabgp(self):
        return self.daemon.exabgp

    def connect(self, timeout=20):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, errors=False):
        """errors: None in place of an exception when nobody answers."""
        link = self.connect()
        headers = dict(headers or {})
        if self.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            if not errors:
                raise
            return None
        finally:
            link.close()

    def send_json(self, method, path, body, **headers):
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self.ask(method, path, text, {"Content-Type": "application/json",
                                             **{name.replace("_", "-"): value for name, value in headers.items()}})

    def command(self, text, path="/", accept="application/json", **fields):
        """As a form."""
        import urllib.parse
        body = urllib.parse.urlencode({"command": text, **fields})
        return self.ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", "Accept": accept})

    def raw(self, data, timeout=10):
        """What comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as link:
            link.sendall(data)
            return b"".join(iter(lambda: link.recv(65536), b""))


__all__ = ["Answer", "Neighbor", "Scene", "free_port"]
