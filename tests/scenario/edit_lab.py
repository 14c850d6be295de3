"""What the tests of the commands that edit the store share: one store of each kind, the program, a terminal, and a proxy that
lets somebody else come in between."""
import base64
import http.client
import http.server
import json
import os
import pathlib
import pty
import select
import subprocess
import threading
import time

import etcd2_lab
import pytest
from dir_lab import Tree
from etcd_lab import Lab, b64

PROGRAM = os.environ["BGPCOMMANDER"]
PREFIX = "/bgp/"
WEB = "route 192.0.2.1/32 next-hop self med 100"
DNS = "route 192.0.2.2/32 next-hop self"


class V3:
    api = "v3"

    def __init__(self, lab, _folder, **options):
        self.member = lab.member(**options)
        self.endpoints = self.member.url()
        self.gateway = self.member.gateway()

    def put(self, key, value):
        self.gateway.put(PREFIX + key, value)

    def delete(self, key):
        self.gateway.delete(PREFIX + key)

    def all(self):
        answer = self.gateway.post("/kv/range", {"key": b64(PREFIX), "range_end": b64("/bgp0")})
        return {base64.b64decode(kv["key"]).decode()[len(PREFIX):]: base64.b64decode(kv.get("value", "")).decode()
                for kv in answer.get("kvs", [])}

    def revisions(self):
        answer = self.gateway.post("/kv/range", {"key": b64(PREFIX), "range_end": b64("/bgp0")})
        return [int(kv["mod_revision"]) for kv in answer.get("kvs", [])]


class V2:
    api = "v2"

    def __init__(self, lab, _folder, **options):
        self.member = etcd2_lab.member(lab, **options)
        self.endpoints = self.member.url()
        self.keys = etcd2_lab.keys(self.member)

    def put(self, key, value):
        self.keys.put(PREFIX + key, value)

    def delete(self, key):
        self.keys.delete(PREFIX + key)

    def all(self):
        return {key[len(PREFIX):]: value for key, value in self.keys.below("/bgp").items()}


class Dir:
    api = "auto"

    def __init__(self, _lab, folder):
        self.tree = Tree(folder / "store")
        self.endpoints = f"file://{self.tree.dir}"
        (self.tree.dir / "routes").mkdir()

    def put(self, key, value):
        self.tree.put(key, value)

    def delete(self, key):
        self.tree.remove(key)

    def all(self):
        """Also what is hidden: an edit leaves nothing lying about."""
        return {str(path.relative_to(self.tree.dir)): path.read_text().removesuffix("\n")
                for path in sorted(self.tree.dir.rglob("*")) if path.is_file()}


KINDS = {"v3": V3, "v2": V2, "dir": Dir}


class Edit:
    """The program, in front of a store."""

    def __init__(self, folder, store, endpoints=None):
        self.folder, self.store = pathlib.Path(folder), store
        self.endpoints = endpoints or store.endpoints
        self.flags, self.environment = [], {}

    def command(self, *words):
        return [PROGRAM, *map(str, words), "-c", self.endpoints, "-n", "edge1", "-p", self.folder, "--etcd-api",
                self.store.api, "--state-dir", self.folder / "state", *self.flags]

    def start(self, *words):
        return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, *words, code=0, text=None):
        """(standard output, standard error) of a run that ends with this code."""
        given = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                              env={**os.environ, **self.environment}, **given)
        assert done.returncode == code, (words, done)
        return done.stdout, done.stderr

    def json(self, *words, code=0):
        answer = json.loads(self.run(*words, "--json", code=code)[0])
        assert answer["code"] == code
        return answer

    def at_a_terminal(self, *words, answer, meanwhile=lambda: None):
        """(exit code, what it said): `answer` is typed when it asks, after `meanwhile`."""
        pid, fd = pty.fork()
        if pid == 0:
            command = [str(word) for word in self.command(*words)]
            os.execv(command[0], command)
        said, is_asked, end = "", False, time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([fd], [], [], 1)
            try:
                got = os.read(fd, 4096) if ready else None
            except OSError:  # a terminal whose other side is closed
                break
            if got == b"":
                break
            said += (got or b"").decode()
            if not is_asked and "[y/N]" in said:
                is_asked = True
                meanwhile()
                os.write(fd, (answer + "\n").encode())
        os.close(fd)
        assert is_asked, said
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


class Proxy:
    """In front of a member: `before` is called with (method, path) of each request that writes; "drop" closes without
    handing it on, "cut" hands it on and closes without an answer."""

    def __init__(self, port, before):
        self.writes, self.reads, self.is_shut = 0, 0, False
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def hand_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                is_write = self.path.endswith("/kv/txn") or self.command in ("PUT", "DELETE")
                proxy.writes += is_write
                proxy.reads += not is_write
                word = before(self.command, self.path) if is_write else None
                if word == "drop" or proxy.is_shut:
                    self.close_connection = True
                    return
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                link.request(self.command, self.path, body, {name: value for name, value in self.headers.items()
                                                             if name.lower() not in ("host", "content-length")})
                answer = link.getresponse()
                text = answer.read()
                link.close()
                if word == "cut":
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = hand_on

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# ---- for tests ----

@pytest.fixture
def etcd_lab(tmp_path):
    made = Lab(tmp_path)
    try:
        yield made
    finally:
        made.close(check=False)


@pytest.fixture(params=KINDS)
def edit(request, etcd_lab, tmp_path):
    return Edit(tmp_path, KINDS[request.param](etcd_lab, tmp_path))


@pytest.fixture(params=["v3", "v2"])
def etcd_edit(request, etcd_lab, tmp_path):
    return Edit(tmp_path, KINDS[request.param](etcd_lab, tmp_path))
