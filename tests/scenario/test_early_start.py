"""A start into an empty ExaBGP announces what the list has told while the list goes on; with something of ours standing,
it writes nothing before the list is complete."""
import base64
import threading

import pytest

from etcd_gateway_fake import Fake
from fake_exabgp import Daemon
from test_core_fake import Scene
from wait import wait_for


class SlowList(Fake):
    """Lists two routes; the pages behind them come when the test says so, or not at all."""

    def __init__(self, names, subscribed="*", **more):
        super().__init__()
        self.keys = {"/bgp/node/n1/subscribedRoutes": (subscribed, 5)}
        self.keys.update({f"/bgp/routes/{name}/config": (Scene.config(name), 5) for name in names})
        self.keys.update({f"/bgp/routes/{key}": (value, 5) for key, value in more.get("keys", {}).items()})
        self.begin, self.go, self.is_asked = threading.Event(), threading.Event(), threading.Event()
        self.begin.set()
        self.drops = False
        self.first = more.get("first", 3)
        self.script["/kv/range"] = self.page

    def page(self, handler, body):
        key = base64.b64decode(body["key"]).decode()
        if key == "/bgp/policy":  # with which the routes are listed
            self.begin.wait(60)
            body["limit"] = self.first
        elif key.startswith("/bgp/routes/") and not body.get("count_only"):
            self.is_asked.set()
            self.go.wait(60)
            if self.drops:
                handler.close_connection = True
                return
        self.range(handler, body)

    def connect(self):
        for watch in self.both():
            watch.created()


@pytest.fixture
def start(tmp_path):
    made = []

    def one(fake, rib=None):
        daemon = Daemon(tmp_path, fake.url(), "/bgp")
        daemon.exabgp.rib.update(rib or {})
        made.append((fake, daemon))
        return daemon
    yield one
    for fake, daemon in made:
        fake.begin.set()
        fake.go.set()
        daemon.close()
        fake.close()
        log = daemon.log()
        assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


def holds(daemon, *names):
    return lambda: daemon.exabgp.prefixes() == {Scene.net(name) for name in names}


def test_routes_are_announced_while_the_list_goes_on(start):
    fake = SlowList(["r1", "r2", "r3", "r4"])
    daemon = start(fake)
    assert fake.is_asked.wait(30)
    # The third may have more keys on the next page.
    wait_for(holds(daemon, "r1", "r2"), "what the first page has told completely is announced")
    assert daemon.route("r3") is None
    assert daemon.status()["store"]["state"] == "starting"
    fake.go.set()
    fake.connect()
    wait_for(holds(daemon, "r1", "r2", "r3", "r4"), "all are announced")
    assert daemon.exabgp.withdrawn() == []
    assert "4 routes configured" in daemon.log()


def test_a_route_with_a_check_is_not_announced_early_without_a_pass(start):
    fake = SlowList(["r2"], keys={"r1/config": Scene.config("r1"), "r1/healthcheck": "#!/bin/sh\nexit 1\n"}, first=2)
    daemon = start(fake)
    assert fake.is_asked.wait(30)
    fake.go.set()
    fake.connect()
    wait_for(holds(daemon, "r2"), "the route without a check is announced")
    assert daemon.exabgp.count(f"announce route {Scene.net('r1')}") == 0


def test_what_is_not_subscribed_is_not_announced_early(start):
    fake = SlowList(["r1", "r2", "r3", "r4"], subscribed="r2")
    daemon = start(fake)
    wait_for(holds(daemon, "r2"), "the subscribed one is announced")
    fake.go.set()
    fake.connect()
    daemon.wait_settled()
    assert holds(daemon, "r2")()


def test_a_list_that_breaks_off_withdraws_nothing_and_the_next_one_counts(start):
    fake = SlowList(["r1", "r2", "r3", "r4"])
    daemon = start(fake)
    wait_for(holds(daemon, "r1", "r2"), "the first page is announced")
    # Deleted between the two lists.
    fake.drops = True
    del fake.keys["/bgp/routes/r2/config"]
    fake.revision += 1
    fake.is_asked.clear()
    fake.go.set()
    wait_for(lambda: "store is unreachable" in daemon.log(), "the list broke off")
    assert daemon.exabgp.withdrawn() == []
    fake.drops = False
    fake.connect()
    wait_for(holds(daemon, "r1", "r3", "r4"), "the next list counts")
    assert daemon.exabgp.withdrawn() == [Scene.net("r2")]


def test_with_routes_of_ours_standing_nothing_is_written_before_the_list_is_complete(start, tmp_path):
    fake = SlowList(["r1", "r2", "r3", "r4"])
    fake.go.set()
    daemon = start(fake)
    fake.connect()
    daemon.wait_settled()
    rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
    daemon.close()
    again = SlowList(["r0", "r1", "r3", "r4", "r5"])
    again.begin.clear()
    daemon = start(again, rib)
    daemon.wait_synced()
    again.begin.set()
    assert again.is_asked.wait(30)
    daemon.wait_synced()
    assert daemon.exabgp.withdrawn() == [] and holds(daemon, "r1", "r2", "r3", "r4")()
    again.go.set()
    again.connect()
    wait_for(holds(daemon, "r0", "r1", "r3", "r4", "r5"), "the whole list counts")
    assert daemon.exabgp.withdrawn() == [Scene.net("r2")]
