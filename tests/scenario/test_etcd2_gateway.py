"""The store over a scripted v2 API: what a real etcd cannot be made to do in a test."""
import http.server
import json
import queue
import threading
import urllib.parse

import pytest

import etcd2_lab
from etcd_lab import Lab
from wait import nothing_happens_for, wait_for

CLUSTER = "8cc9da78b36d1115"


class Fake:
    """Gets and writes are answered from `values` (key: (value, index)), waits are taken by the test."""

    def __init__(self, version="3.4.23"):
        self.version, self.cluster, self.index = version, CLUSTER, 10
        self.values = {"/bgp/routes/a/config": ("1", 5)}
        self.waits, self.requests = queue.Queue(), []
        self.script = {}  # path: function(handler, path, query, form), True when it has answered
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def take(self):
                fake.take(self)
            do_GET = do_PUT = do_DELETE = take

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                fake.answer(self, "404 page not found\n", 404)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        while not self.waits.empty():
            self.waits.get().over.set()

    def take(self, handler):
        form = dict(urllib.parse.parse_qsl(handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode(),
                                           keep_blank_values=True))
        path, _, query = handler.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        self.requests.append((handler.command, path, query, form))
        key = urllib.parse.unquote(path.removeprefix("/v2/keys"))
        if path == "/version":
            self.answer(handler, {"etcdserver": self.version, "etcdcluster": self.version})
        elif self.script.get(key, lambda *_: False)(handler, key, query, form):
            pass
        elif "wait" in query:
            wait = Wait(self, handler, key, int(query["waitIndex"]))
            self.waits.put(wait)
            wait.over.wait(60)
            handler.close_connection = True
        elif handler.command == "GET":
            self.get(handler, key)
        else:
            self.write(handler, key, form)

    def answer(self, handler, body, status=200, headers=True):
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        handler.send_response(status)
        if headers:
            handler.send_header("X-Etcd-Cluster-Id", self.cluster)
            handler.send_header("X-Etcd-Index", str(self.index))
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def get(self, handler, key):
        nodes = [{"key": name, "value": value, "modifiedIndex": index, "createdIndex": index}
                 for name, (value, index) in sorted(self.values.items()) if name.startswith(key + "/")]
        if not nodes:
            self.answer(handler, {"errorCode": 100, "message": "Key not found", "cause": key, "index": self.index}, 404)
        else:
            self.answer(handler, {"action": "get", "node": {"key": key, "dir": True, "nodes": nodes}})

    def write(self, handler, key, form):
        self.index += 1
        self.answer(handler, {"action": "set" if handler.command == "PUT" else "delete",
                              "node": {"key": key, "modifiedIndex": self.index, "createdIndex": self.index}})

    def wait(self, key="/bgp/routes"):
        """The next wait on this key; those on other keys are held."""
        while True:
            wait = self.waits.get(timeout=30)
            if wait.key == key:
                return wait

    def puts(self, key):
        return [form for method, path, _, form in self.requests if (method, path) == ("PUT", "/v2/keys" + key)]


class Wait:
    def __init__(self, fake, handler, key, index):
        self.fake, self.handler, self.key, self.index = fake, handler, key, index
        self.over = threading.Event()

    def head(self, index=None, cluster=None):
        self.handler.send_response(200)
        self.handler.send_header("X-Etcd-Cluster-Id", cluster or self.fake.cluster)
        self.handler.send_header("X-Etcd-Index", str(index or self.fake.index))
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()
        return self

    def event(self, key, value, index, action="set"):
        node = {"key": key, "modifiedIndex": index, "createdIndex": index, **({} if value is None else {"value": value})}
        text = json.dumps({"action": action, "node": node}).encode() + b"\n"
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.end()

    def end(self):
        """Properly."""
        self.handler.wfile.write(b"0\r\n\r\n")
        self.cut()

    def cut(self):
        self.over.set()


@pytest.fixture
def fake():
    made = Fake()
    yield made
    made.close()


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    passed = False
    try:
        yield made
        passed = True
    finally:
        made.close(check=passed)


def connect(lab, fake, **tuning):
    """A connected probe and its wait on the routes."""
    probe = etcd2_lab.probe(lab, fake.url(), tuning=tuning)
    probe.wait_list()
    waits = [fake.waits.get(timeout=30).head() for _ in range(7)]
    probe.wait_connected()
    return probe, next(wait for wait in waits if wait.key == "/bgp/routes")


def test_every_read_is_of_the_cluster_and_no_wait_is_a_stream(lab, fake):
    probe, wait = connect(lab, fake)
    wait.event("/bgp/routes/a/config", "2", 11)
    probe.wait_change("routes/a/config", "2")
    assert fake.wait().index == 12
    reads = [query for method, path, query, _ in fake.requests if method == "GET" and path.startswith("/v2/keys/bgp/routes")]
    assert reads == [{"quorum": "true", "recursive": "true"}, {"wait": "true", "recursive": "true", "waitIndex": "11"},
                     {"wait": "true", "recursive": "true", "waitIndex": "12"}]


def test_a_wait_that_ends_without_an_event_goes_on_behind_where_it_began(lab, fake):
    probe, wait = connect(lab, fake, backoff_ms=0, backoff_most_ms=0)
    assert wait.index == 11
    wait.event("/bgp/routes/a/config", "2", 11)
    fake.index = 500
    again = fake.wait().head()
    assert again.index == 12
    nothing_happens_for(1.2, "an event of the past would have come at once", lambda: None)
    again.end()
    assert fake.wait().index == 501
    assert not [line for line in probe.told("state") if line[1] != "connected"]


def test_a_wait_that_is_cut_off_begins_again_where_it_began(lab, fake):
    """The event may have been on its way."""
    probe, wait = connect(lab, fake, backoff_ms=0, backoff_most_ms=0)
    fake.index = 500
    wait.event("/bgp/routes/a/config", "2", 11)
    again = fake.wait().head()
    nothing_happens_for(1.2, "as long as a wait must last that ends well", lambda: None)
    again.cut()
    assert fake.wait().index == 12


def test_waits_that_end_at_once_are_no_busy_loop(lab, fake):
    def end_at_once(handler, key, query, form):
        if "wait" in query:
            fake.answer(handler, "")
        return "wait" in query
    probe, wait = connect(lab, fake, backoff_ms=400, backoff_most_ms=400, healthy_ms=100000)
    fake.script["/bgp/routes"] = end_at_once
    wait.end()
    before = len(fake.requests)
    nothing_happens_for(2, "several waits that end at once", lambda: None)
    assert 2 <= len(fake.requests) - before < 60


def test_an_index_that_went_back_leads_to_a_list(lab, fake):
    probe, wait = connect(lab, fake, quiet_ms=300000)
    fake.index, fake.values = 6, {"/bgp/routes/a/config": ("old", 5)}
    wait.event("/bgp/routes/a/config", "2", 11)
    fake.wait().head(index=6)
    entries, _, index = probe.wait_list()
    assert (entries, index) == ({"routes/a/config": "old"}, 6)


def test_another_cluster_leads_to_a_list(lab, fake):
    probe, wait = connect(lab, fake, quiet_ms=300000)
    fake.cluster, fake.index = "1", 11
    wait.event("/bgp/routes/a/config", "2", 11)
    fake.wait().head()
    assert probe.wait_list()[1] == "1"


def test_a_member_that_lags_behind_is_left_without_a_list(lab, fake):
    probe, wait = connect(lab, fake, backoff_ms=0, backoff_most_ms=0)
    wait.event("/bgp/routes/a/config", "2", 50)
    fake.index = 50
    checks = [request for request in fake.requests if request[:3] == CHECK]
    fake.wait().head(index=20)
    assert fake.wait().head().index == 51
    assert len([request for request in fake.requests if request[:3] == CHECK]) == len(checks) + 1
    assert len(probe.told("list_begin")) == 1


CHECK = ("GET", "/v2/keys/bgp/node/n1", {"quorum": "true"})


def test_an_event_of_the_past_is_not_told_again(lab, fake):
    probe, wait = connect(lab, fake)
    wait.event("/bgp/routes/a/config", "2", 11)
    fake.index = 11
    fake.wait().head().event("/bgp/routes/a/config", "1", 5)
    again = fake.wait()
    assert again.index == 12
    again.head().event("/bgp/routes/a/config", "3", 12)
    probe.wait_change("routes/a/config", "3")
    assert [line[2] for line in probe.told("change")] == ["2", "3"]


@pytest.mark.parametrize("body", ['{"action":"get","node":{"dir":true,"nodes":[{"key":"/bgp/routes/x","value":"1",'
                                  '"modifiedIndex":3},{"key":7}]}}', "<html>", ""])
def test_a_list_that_cannot_be_read_counts_for_nothing(lab, fake, body):
    def broken(handler, key, query, form):
        del fake.script["/bgp/routes"]
        fake.answer(handler, body)
        return True
    fake.script["/bgp/routes"] = broken
    probe = etcd2_lab.probe(lab, fake.url())
    probe.wait("list_abort")
    assert probe.wait_list()[0] == {"routes/a/config": "1"}


def test_an_answer_without_an_index_is_not_etcds(lab, fake):
    def headless(handler, key, query, form):
        fake.answer(handler, {"action": "get", "node": {"key": key, "dir": True}}, headers=False)
        return True
    fake.script["/bgp/node/n1"] = headless
    probe = etcd2_lab.probe(lab, fake.url())
    assert "X-Etcd-Index" in probe.wait("state", "unreachable")[2]
    assert not probe.told("list_begin")


def test_a_wait_without_a_head_is_noticed(lab, fake):
    """Each one, not only the first: the connection may have died since."""
    probe, wait = connect(lab, fake, created_ms=300, backoff_ms=0, backoff_most_ms=0, quiet_ms=60000)
    wait.event("/bgp/routes/a/config", "2", 11)
    fake.wait()
    assert fake.wait().index == 12


def test_a_write_that_timed_out_is_done_again(lab, fake):
    hanging = []

    def hang_once(handler, key, query, form):
        if handler.command != "PUT" or hanging:
            return False
        hanging.append(key)
        wait_for(lambda: len(fake.puts(key)) > 1, "the client gives up", 30)
        handler.close_connection = True
        return True
    fake.script["/bgp/node/n1/status"] = hang_once
    probe, _ = connect(lab, fake, unary_ms=400, lease_ttl_s=600)
    probe.say("publish node/n1/status one")
    probe.say("enable")
    wait_for(lambda: len(fake.puts("/bgp/node/n1/status")) >= 2, "written again")
    assert fake.puts("/bgp/node/n1/status") == [{"ttl": "600", "value": "one"}] * 2


def test_a_directory_gets_its_time_before_its_first_key(lab, fake):
    def missing(handler, key, query, form):
        if form.get("refresh") != "true":
            return False
        fake.answer(handler, {"errorCode": 100, "message": "Key not found", "cause": key, "index": fake.index}, 404)
        return True
    fake.script["/bgp/node/n1/routes"] = missing
    probe, _ = connect(lab, fake)
    probe.say("publish node/n1/routes/a/state announce")
    probe.say("enable")
    wait_for(lambda: fake.puts("/bgp/node/n1/routes/a/state"), "the key is written")
    puts = [(path.removeprefix("/v2/keys/bgp/node/n1"), form) for method, path, _, form in fake.requests if method == "PUT"]
    assert puts == [("/routes", {"refresh": "true", "prevExist": "true", "dir": "true", "ttl": "60"}),
                    ("/routes", {"dir": "true", "ttl": "60"}), ("/routes/a/state", {"value": "announce"})]


def test_what_a_refresh_does_not_find_is_written_again(lab, fake):
    """Also when the event that told of its end was lost."""
    probe, _ = connect(lab, fake, lease_ttl_s=1, lease_spread_ms=0, txn_gap_ms=50)
    probe.say("publish node/n1/routes/a/state announce")
    probe.say("publish node/n1/status one")
    probe.say("enable")
    wait_for(lambda: fake.puts("/bgp/node/n1/routes/a/state") and fake.puts("/bgp/node/n1/status"), "all is written")

    def lost_once(handler, key, query, form):
        if form.get("refresh") != "true":
            return False
        del fake.script["/bgp/node/n1/routes"]
        fake.answer(handler, {"errorCode": 100, "message": "Key not found", "cause": key, "index": fake.index}, 404)
        return True
    fake.script["/bgp/node/n1/routes"] = lost_once
    wait_for(lambda: len(fake.puts("/bgp/node/n1/routes/a/state")) == 2, "the key is written again")
    wait_for(lambda: len([form for form in fake.puts("/bgp/node/n1/status") if "value" in form]) == 2, "the status too")


def test_a_newer_etcd_is_told_without_the_flag_that_it_lacks(lab, fake):
    fake.version = "3.6.5"

    def no_api(handler, key, query, form):
        fake.answer(handler, "404 page not found\n", 404, headers=False)
        return True
    fake.script["/bgp/node/n1"] = no_api
    text = etcd2_lab.probe(lab, fake.url()).wait("state", "refused")[2]
    assert text.endswith("etcd 3.6.5 serves no v2 API: use --etcd-api v3")


def test_auto_takes_v2_of_an_old_etcd(lab, fake):
    fake.version = "2.3.8"
    probe = lab.probe(fake.url(), api="auto")
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    probe.say("age")
    assert probe.wait("age")[2] == "etcd v2"
