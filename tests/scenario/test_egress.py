"""Where Lua checks of the daemon may connect to: never to its own etcd, by whatever name, unless the node file says so."""
import json
import os
import signal
import socket
import threading

import pytest

import etcd_lab
from fake_exabgp import Daemon
from wait import TooLate, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the node file must belong to root")

SCRIPT = """#!lua
local function try(host, port)
  local conn, text, code = tcp.connect(host, port, {timeout = 2})
  if conn then conn:close() return "connected" end
  return code
end
local function tell(host) return try(host, %d) end
return true, {
  literal = tell("127.0.0.1"), other = tell("127.0.0.2"), mapped = tell("::ffff:127.0.0.1"), six = tell("::1"),
  name = tell("localhost"), zero = tell("0.0.0.0"), open = try("127.0.0.1", %d), meta = try("169.254.169.254", 80),
}
"""
DENIED = {"literal": "egress", "other": "egress", "mapped": "egress", "six": "egress", "name": "egress", "zero": "egress",
          "open": "connected", "meta": "egress"}


class Listener:
    """Something else on this host that may be connected to."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        try:
            while True:
                self.socket.accept()[0].close()
        except OSError:
            pass


class Scene:
    def __init__(self, folder, member):
        self.folder, self.member, self.listener, self.daemon = folder, member, Listener(), None
        gateway = member.gateway()
        gateway.put("/bgp/node/n1/subscribedRoutes", "*")
        gateway.put("/bgp/routes/web/options", json.dumps({"interval": "200ms", "timeout": 20}))
        gateway.put("/bgp/routes/web/healthcheck", SCRIPT % (member.port, self.listener.port))
        gateway.put("/bgp/routes/web/config", "route 10.8.0.1/32 next-hop self")

    def start(self, host, *lines):
        (self.folder / "none.conf").write_text("".join(line + "\n" for line in lines))
        self.daemon = Daemon(self.folder, f"http://{host}:{self.member.port}", "/bgp", more=["--etcd-api=v3"])
        return self.daemon

    def allow(self, *lines):
        """A change of the node file, and what puts it in force."""
        (self.folder / "none.conf").write_text("".join(line + "\n" for line in lines))
        old = self.daemon.core()
        self.daemon.ask("upgrade")
        wait_for(lambda: self.daemon.core() not in (None, old), "the next core answers")

    def data(self):
        route = self.daemon.route("web")
        return route and route["data"]

    def wait_data(self, expected):
        seen = []

        def told():
            seen[:] = [self.data()]
            return seen == [expected]
        try:
            wait_for(told, f"it says {expected}", 20)
        except TooLate as late:
            raise AssertionError(f"{late}: {seen}") from None


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "lab").mkdir()
    lab = etcd_lab.Lab(tmp_path / "lab")
    made = Scene(tmp_path, lab.member())
    yield made
    if made.daemon is not None:
        made.daemon.close()
    made.listener.socket.close()
    lab.close()
    log = made.daemon.log()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


def test_etcd_is_denied_by_any_address_and_name(scene):
    daemon = scene.start("127.0.0.1")
    scene.wait_data(DENIED)
    assert daemon.settled_state("web") == "announced"


def test_an_endpoint_with_a_name_is_denied_by_what_it_resolves_to(scene):
    daemon = scene.start("localhost")
    scene.wait_data(DENIED)
    # Not even the first run may connect: nothing runs before the name was looked up.
    assert "not known" not in daemon.log()


def test_the_node_file_allows_what_it_names(scene):
    scene.start("127.0.0.1")
    scene.wait_data(DENIED)
    scene.allow("egress_allow 0.0.0.0/0")
    wait_for(lambda: scene.data() == DENIED, "what is wide opens nothing")
    scene.allow(f"egress_allow 127.0.0.0/8:{scene.member.port}")
    scene.wait_data({**DENIED, "literal": "connected", "other": "refused", "mapped": "connected",
                     "name": "connected"})


def test_the_node_file_denies_more(scene):
    scene.start("127.0.0.1", f"egress_deny 127.0.0.1:{scene.listener.port}")
    scene.wait_data({**DENIED, "open": "egress"})


def test_a_worker_that_starts_again_has_the_rules(scene):
    daemon = scene.start("127.0.0.1")
    scene.wait_data(DENIED)
    for _ in range(3):
        old = next(w["pid"] for w in daemon.status()["workers"]["lua"] if w["pid"])
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: any(w["pid"] not in (0, old) and w["state"] == "running" for w in daemon.status()["workers"]["lua"]),
                 "another one")
        wait_for(lambda: scene.data() is not None, "it says something")
        assert scene.data() == DENIED and daemon.route("web")["health"] == "up"


def test_a_name_that_is_not_known_holds_no_check_up(scene):
    daemon = scene.start("no-such-name.invalid")
    # There is no store either, so no check: but the look-up ends, and says so.
    wait_for(lambda: "the etcd endpoint no-such-name.invalid is not known to the egress rules" in daemon.log(), "it is told")
