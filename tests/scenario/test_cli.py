"""The commands against a scripted daemon: what they print, what they say when nobody answers, exit codes."""
import json
import os
import pty
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from wait import wait_for

PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
NOW = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 7300))

STATUS = {
    "version": "0.1.0", "node": "n1", "mode": "normal", "pid": 77, "starts": 2, "started": NOW,
    "store": {"kind": "etcd v3", "endpoint": "http://127.0.0.1:2379", "state": "connected", "text": "", "revision": 12,
              "clusterId": "15118", "ageMs": 40, "loss": None, "publishing": True, "publishProblem": None},
    "exabgp": {"version": "4.2.21", "state": "synced", "acks": True, "wire": True, "queued": 0, "outstanding": 0,
               "settled": True},
    "workers": {"exec": {"pid": 78, "state": "running", "restarts": 0, "running": 3, "checks": 9,
                         "confinement": "none", "addresses": "managed"},
                "lua": [{"pid": 0, "state": "off", "restarts": 0, "running": 0, "checks": 0, "confinement": "", "cpu": 0.0},
                        {"pid": 79, "state": "running", "restarts": 1, "running": 1, "checks": 5,
                         "confinement": "no_new_privs, rlimits, seccomp", "cpu": 2.5}],
                "quarantined": 0},
    "stateDirectory": "/var/lib/bgpcommander/n1",
    "summary": {"routes": 4, "subscribed": 3, "announced": 2, "withdrawn": 1, "pending": 0, "unconfirmed": 0, "refused": 0,
                "faulty": 0, "foreign": 1},
    "warnings": []}


def route(name, **more):
    return {"name": name, "prefix": "192.0.2.1/32", "family": "ipv4 unicast", "text": "route 192.0.2.1/32",
            "subscribed": True, "verdict": "announce", "layer": "health", "reason": "check passes",
            "state": "announced", "health": "up", "since": NOW, "acked": True, "nlri": {"count": 1, "announced": 1},
            "onWire": ["10.0.0.2"], "missing": [], "error": None, "output": None, **more}


ROUTES = {"routes": [
    route("dns"),
    route("web-frontend", prefix="2001:db8::1/128", state="withdrawn", health="down", reason="3 fails in a row",
          onWire=[], output="one\ntwo\nthree\n;; connection \x1b[31mtimed out\n"),
    route("bad", prefix="", state="none", health="none", error="config: unknown word \"mde\" at column 30",
          subscribed=False, onWire=["10.0.0.2"], missing=["10.0.0.3"])],
    "foreign": [{"neighbor": "10.0.0.2", "text": "ipv4 unicast 198.51.100.0/24 next-hop self"}], "foreignTotal": 12}

CHECKS = {"checks": [
    {"name": "dns", "kind": "named", "state": "down", "status": "failed", "reason": "it is \x1b[1moff", "users": 40,
     "interval": 1.0, "took": 0.00123, "late": 0.0, "probation": False, "trouble": None, "candidate": None,
     "running": {"hash": "00", "language": "lua", "status": "failed", "output": None}},
    {"name": "web", "kind": "route", "state": "up", "status": "passed", "reason": None, "users": 1, "interval": 0.2,
     "took": 0.012, "late": 0.25, "probation": False, "running": {"language": "shell", "output": None},
     "candidate": {"language": "shell", "output": "one\ntwo\nthree\nfour\n"},
     "trouble": "new version of routes/web/healthcheck has not passed yet: failed: exit code 3; the old one decides"},
    {"name": "x", "kind": "route", "state": "unknown", "status": None, "reason": None, "users": 1, "interval": 1.0,
     "took": 0, "late": 0, "probation": True, "running": None, "candidate": None, "trouble": None}]}

NEIGHBORS = {"neighbors": [
    {"ipAddress": "10.0.0.2", "localAddress": "10.0.0.1", "peerAs": 65001, "localAs": 65000, "state": "up",
     "since": NOW, "reason": "", "families": ["ipv4 unicast", "ipv6 unicast"], "reportsUpdates": True, "routes": 3,
     "routesByFamily": {"ipv4 unicast": 2, "l2vpn vpls": 1}},
    {"ipAddress": "2001:db8::2", "localAddress": "2001:db8::1", "peerAs": 4200000000, "localAs": 65000,
     "state": "down", "since": NOW, "reason": "peer reset", "families": [], "reportsUpdates": False, "routes": 0}]}


class Daemon:
    """Answers each request with what `answers` holds for its command; bytes are sent as they are, None = silence."""

    def __init__(self, path):
        self.path = path
        self.requests = []
        self.answers = {"status": STATUS, "routes": ROUTES, "neighbors": NEIGHBORS, "checks": CHECKS,
                        "approve": {"approved": "1a2b3c4d"}, "upgrade": {"upgrading": True}}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.kept = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            line = client.makefile("rb").readline()
            self.requests.append(json.loads(line))
            answer = self.answers.get(self.requests[-1].get("command"), {"error": "unknown command"})
            if answer is None:
                self.kept.append(client)
                continue
            try:
                client.sendall(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n")
            except OSError:
                pass
            client.close()


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is too long for a socket
        yield folder


@pytest.fixture
def daemon(home):
    made = Daemon(home + "/d.sock")
    yield made
    made.listener.close()


def run(*arguments):
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          env=environment)


def ask(daemon, *arguments):
    return run(*arguments, "--socket", daemon.path, "-n", "n1")


def test_status_says_how_all_is(daemon):
    result = ask(daemon, "status")
    assert result.stderr == ""
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "node      n1, bgpcommander 0.1.0, normal mode, up 2h (pid 77, start 2)",
        "store     connected: etcd v3 at http://127.0.0.1:2379, revision 12, heard 40 ms ago",
        "exabgp    synced: version 4.2.21, acks on, wire confirmation on, 0 queued, 0 outstanding",
        "worker    exec: running, pid 78, 9 checks, 3 at work, 0 restarts, confinement none",
        "          service addresses: managed",
        "worker    lua 2: running, pid 79, 5 checks, 1 at work, 1 restarts, confinement no_new_privs, rlimits, seccomp, "
        "2.5 % of a processor",
        "routes    4, 3 subscribed: 2 announced, 1 withdrawn, 0 pending, 0 unconfirmed, 0 faulty, 1 foreign",
        "state     /var/lib/bgpcommander/n1"]
    assert daemon.requests == [{"command": "status"}]


def test_status_counts_the_routes_of_the_api_when_there_are_any(daemon):
    summary = {**daemon.answers["status"]["summary"], "api": 5, "announced": 7}
    daemon.answers["status"] = {**daemon.answers["status"], "summary": summary}
    result = ask(daemon, "status")
    assert "routes    4, 3 subscribed, and 5 of the API: 7 announced, 1 withdrawn, " in result.stdout


def test_status_says_what_is_wrong_and_what_to_do(daemon):
    store = {**STATUS["store"], "state": "unreachable", "text": "connection refused", "publishing": False,
             "publishProblem": "no lease",
             "loss": {"id": "1a2b3c4d", "kind": "emptied", "text": "3 routes are kept; bgpcommander approve 1a2b3c4d"}}
    daemon.answers["status"] = {**STATUS, "mode": "safe", "store": store, "warnings": ["fix \x1b[2Jthis", "and that"]}
    text = ask(daemon, "status").stdout
    assert "SAFE MODE" in text
    assert "unreachable: etcd v3 at http://127.0.0.1:2379, revision 12, heard 40 ms ago; connection refused" in text
    assert "emptied: 3 routes are kept; bgpcommander approve 1a2b3c4d\n" in text
    assert "this node's keys are not written: no lease" in text
    daemon.answers["status"] = {**STATUS, "store": {**store, "revision": 0, "endpoint": "", "text": ""},
                                "summary": {**STATUS["summary"], "refused": 2}}
    later = ask(daemon, "status").stdout
    assert "unreachable: etcd v3, nothing read yet\n" in later
    assert "0 unconfirmed, 2 refused, 0 faulty" in later
    assert "warning   fix ?[2Jthis\nwarning   and that\n" in text


@pytest.mark.parametrize("more, code", [
    ({}, 0), ({"summary": {**STATUS["summary"], "notOnWire": 1}}, 1),
    ({"exabgp": {**STATUS["exabgp"], "state": "starting"}}, 1)])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_code_of_status_tells_whether_all_that_is_wanted_is_on_the_wire(daemon, more, code, options):
    daemon.answers["status"] = {**STATUS, **more}
    result = ask(daemon, "status", *options)
    assert (result.returncode, result.stderr) == (code, "")
    assert result.stdout


def test_watch_shows_it_again_until_nobody_reads(daemon):
    process = subprocess.Popen([PROGRAM, "status", "--watch", "--json", "--socket", daemon.path], text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = json.loads(process.stdout.readline())
    daemon.answers["status"] = {**STATUS, "node": "another"}
    second = json.loads(process.stdout.readline())
    assert (first["node"], second["node"]) == (STATUS["node"], "another")
    process.stdout.close()
    assert process.wait(60) == 0
    process.stderr.close()


def test_watch_goes_on_without_a_daemon(daemon):
    process = subprocess.Popen([PROGRAM, "status", "--watch", "--socket", daemon.path + ".none"], text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = [process.stderr.readline(), process.stderr.readline()]
    process.kill()
    process.communicate()
    assert lines[0] == lines[1] != ""


def test_only_what_changes_can_be_watched(daemon):
    result = ask(daemon, "upgrade", "--watch")
    assert (result.returncode, result.stderr) == (2, "--watch: upgrade shows nothing that changes\n")
    assert daemon.requests == []


@pytest.mark.parametrize("text, told", [
    ("http://127.0.0.1:2379", ""), ("http://127.0.0.1:2379: connection refused", "; connection refused"),
    ("http://127.0.0.1:23790: connection refused", "; http://127.0.0.1:23790: connection refused"),
    ("http://10.0.0.9:2379: timed out", "; http://10.0.0.9:2379: timed out")])
def test_status_names_an_endpoint_once(daemon, text, told):
    daemon.answers["status"] = {**STATUS, "store": {**STATUS["store"], "text": text}}
    assert ("store     connected: etcd v3 at http://127.0.0.1:2379, revision 12, heard 40 ms ago" + told
            in ask(daemon, "status").stdout.splitlines())


def test_routes_are_a_table_with_reasons_and_output(daemon):
    result = ask(daemon, "routes")
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "NAME          PREFIX           STATE      HEALTH    SINCE  WIRE  WHY",
        "dns           192.0.2.1/32     announced  up        2h     1/1   health: check passes",
        "web-frontend  2001:db8::1/128  withdrawn  down      2h     -     health: 3 fails in a row",
        "    | two",
        "    | three",
        "    | ;; connection ?[31mtimed out",
        "bad           -                none       no check  2h     1/2   config: unknown word \"mde\" at column 30",
        "",
        "12 in ExaBGP that are not ours and are never touched:",
        "  10.0.0.2  ipv4 unicast 198.51.100.0/24 next-hop self",
        "  and 11 more"]


def test_routes_can_be_picked_by_name(daemon):
    lines = ask(daemon, "routes", "web*", "ba?").stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["NAME", "web-frontend", "bad"]
    result = ask(daemon, "routes", "nothing")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "there is no such route\n")


def test_routes_picked_by_name_are_the_only_ones_in_json_too(daemon):
    result = ask(daemon, "routes", "web*", "bad", "--json")
    assert (result.returncode, result.stderr, result.stdout.count("\n")) == (0, "", 1)
    assert json.loads(result.stdout) == {"routes": ROUTES["routes"][1:]}
    result = ask(daemon, "routes", "nothing", "--json")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "there is no such route\n")
    daemon.answers["routes"] = b'{"error":"no"}\n'
    result = ask(daemon, "routes", "dns", "--json")
    assert (result.returncode, result.stdout, result.stderr) == (1, '{"error":"no"}\n', "")


def test_a_list_is_told_by_its_first_prefix_and_how_many_more_there_are(daemon):
    daemon.answers["routes"] = {"routes": [
        route("list", prefix="10.9.9.1/32", state="refused", nlri={"count": 4, "announced": 3}),
        route("one", prefix="10.9.9.9/32"), route("none", prefix="", nlri={"count": 0, "announced": 0}),
        route("old", prefix="10.9.9.8/32", nlri=None)]}
    lines = ask(daemon, "routes").stdout.splitlines()
    assert [line[6:20].rstrip() for line in lines] == ["PREFIX", "10.9.9.1/32 +3", "10.9.9.9/32", "-", "10.9.9.8/32"]
    lines = ask(daemon, "routes", "list", "one").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "list", "nlri", "one"]
    assert lines[2] == "    nlri 4, 3 announced"


def test_a_flow_is_told_as_far_as_there_is_room(daemon):
    whole = "flow source-ipv4 10.0.0.0/24 protocol =tcp destination-port [ =80 =443 ]"
    daemon.answers["routes"] = {"routes": [
        route("f", prefix=whole, family="ipv4 flow"), route("g", prefix=whole[:48]), route("h", prefix=whole[:49])]}
    lines = ask(daemon, "routes").stdout.splitlines()
    shown = [line[6:56].rstrip() for line in lines[1:]]
    assert shown == [whole[:45] + "...", whole[:48].rstrip(), whole[:45] + "..."]
    assert json.loads(ask(daemon, "routes", "f", "--json").stdout)["routes"][0]["prefix"] == whole


def test_a_route_that_is_not_subscribed_is_called_so_once(daemon):
    daemon.answers["routes"] = {"routes": [
        route("one", subscribed=False, layer="subscription", reason="not subscribed"),
        route("two", subscribed=False, layer="config", reason="not in the store any more")]}
    lines = ask(daemon, "routes").stdout.splitlines()
    assert lines[1].endswith("  subscription: not subscribed")
    assert lines[2].endswith("  config: not in the store any more (not subscribed)")


def test_neighbors_are_a_table(daemon):
    assert ask(daemon, "neighbors").stdout.splitlines() == [
        "NEIGHBOR     AS          LOCAL        STATE  SINCE  ROUTES  WIRE  FAMILIES                                    REASON",
        "10.0.0.2     65001       10.0.0.1     up     2h     3       yes   ipv4 unicast 2, ipv6 unicast, l2vpn vpls 1  ",
        "2001:db8::2  4200000000  2001:db8::1  down   2h     0       no                                                peer reset"]


def test_checks_are_a_table_with_what_is_wrong_first(daemon):
    assert ask(daemon, "checks").stdout.splitlines() == [
        "NAME  KIND   LANGUAGE  USERS  STATE    EVERY  TOOK    LATE   WHY",
        "dns   named  lua       40     down     1s     1.23ms  0ms    failed: it is ?[1moff",
        "web   route  shell     1      up       0.2s   12ms    250ms  new version of routes/web/healthcheck has not passed "
        "yet: failed: exit code 3; the old one decides",
        "    | two", "    | three", "    | four",
        "x     route  -         1      unknown  1s     0ms     0ms    has not run yet (on probation: its failures do not "
        "count yet)"]


def test_checks_by_name(daemon):
    result = ask(daemon, "checks", "d*", "x")
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == ["dns", "x"]
    assert daemon.requests[-1] == {"command": "checks", "name": ["d*", "x"]}
    result = ask(daemon, "checks", "web", "--json")
    assert [check["name"] for check in json.loads(result.stdout)["checks"]] == ["web"]
    result = ask(daemon, "checks", "nobody")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "there is no such check\n")


@pytest.mark.parametrize("command", ["status", "routes", "checks", "neighbors", "approve", "upgrade"])
def test_json_prints_the_answer_as_it_came(daemon, command):
    text = '{"exabgp":  {"state":\t"synced"}, "new field": [1, 2]}\n'
    daemon.answers[command] = text.encode()
    result = ask(daemon, command, "--json")
    assert (result.returncode, result.stdout) == (0, text)
    daemon.answers[command] = b'{"error":"no"}\n'
    result = ask(daemon, command, "--json")
    assert (result.returncode, result.stdout, result.stderr) == (1, '{"error":"no"}\n', "")


@pytest.mark.parametrize("command", ["status", "routes", "checks", "neighbors"])
@pytest.mark.parametrize("answer", [{}, {"routes": 1, "checks": {}, "neighbors": "x", "store": [], "workers": 3, "warnings": {}},
                                    {"routes": [None, {}], "checks": [None, {}, 7], "neighbors": [None, 5], "warnings": [None, {}]}])
def test_an_answer_of_another_shape_harms_nobody(daemon, command, answer):
    daemon.answers[command] = answer
    result = ask(daemon, command)
    assert result.returncode == (1 if command == "status" else 0)  # it does not say that all is on the wire
    assert result.stderr == ""


def test_approve_sends_the_id_and_tells_what_came(daemon):
    assert ask(daemon, "approve", "1a2b3c4d").stdout == "approved 1a2b3c4d\n"
    assert ask(daemon, "approve").returncode == 0
    assert daemon.requests == [{"command": "approve", "id": "1a2b3c4d"}, {"command": "approve"}]


def test_an_error_answer_is_one_line_and_exit_code_1(daemon):
    daemon.answers["approve"] = {"error": "nothing waits for approval"}
    result = ask(daemon, "approve")
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "nothing waits for approval\n")


def test_upgrade_asks_for_it(daemon):
    result = ask(daemon, "upgrade")
    assert result.returncode == 0
    assert "no route moves" in result.stdout
    assert daemon.requests == [{"command": "upgrade"}]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_than_root_gets_the_answer_too(daemon, home):
    os.chmod(home, 0o755)
    os.chmod(daemon.path, 0o666)
    program = shutil.copy(PROGRAM, home + "/bgpcommander")
    result = subprocess.run([program, "neighbors", "--socket", daemon.path, "-n", "n1"], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=30, user=65534, group=65534, extra_groups=[])
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 3


def test_a_large_answer_is_read_whole(daemon):
    daemon.answers["routes"] = {"routes": [route(f"r{i:05}") for i in range(20000)], "foreign": [], "foreignTotal": 0}
    assert len(ask(daemon, "routes").stdout.splitlines()) == 20001


@pytest.mark.parametrize("answer", [b"hello\n", b"", b'{"routes": [', b"[]\n"])
def test_an_answer_that_is_no_json_object_is_told(daemon, answer):
    daemon.answers["status"] = answer
    result = ask(daemon, "status")
    assert result.returncode in (1, 3)
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_a_daemon_that_is_silent_is_told_after_5_seconds(daemon):
    daemon.answers["status"] = None
    begun = time.monotonic()
    result = ask(daemon, "status")
    assert result.returncode == 3
    assert result.stderr == (f"the daemon at {daemon.path} (process {os.getpid()}) did not answer within 5 s: "
                             "see `bgpcommander doctor`\n")
    assert 4.5 < time.monotonic() - begun < 10


def test_no_daemon_is_told_with_the_path(home):
    path = home + "/none.sock"
    result = run("status", "--socket", path)
    assert result.returncode == 3
    assert result.stderr == (f"no daemon answers at {path} (No such file or directory): is it running, and may you "
                             "read the socket?\n")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    assert "(Connection refused)" in run("status", "--socket", path).stderr
    result = run("status", "-n", "no-such-node", "-p", home)
    assert result.returncode == 3
    assert "as node no-such-node (-n)" in result.stderr


def test_the_socket_is_found_where_the_daemon_put_it(home):
    os.makedirs(f"{home}/bgpcommander-4711/n1", 0o700)
    os.chown(f"{home}/bgpcommander-4711/n1", 4711, 4711)
    found = Daemon(f"{home}/bgpcommander-4711/n1/n1.sock")
    assert run("status", "-n", "n1", "-p", home).returncode == 0
    assert run("status", "-n", "n2", "-p", home).returncode == 3
    other = Daemon(f"{home}/n1.sock")
    assert run("status", "-n", "n1", "--state-dir", home).returncode == 0
    assert (len(found.requests), len(other.requests)) == (1, 1)


def test_a_socket_in_a_directory_that_is_another_users_is_not_asked(home):
    os.makedirs(f"{home}/bgpcommander-4711/n1", 0o700)
    os.chown(f"{home}/bgpcommander-4711/n1", 4712, 4712)
    false = Daemon(f"{home}/bgpcommander-4711/n1/n1.sock")
    assert run("status", "-n", "n1", "-p", home).returncode == 3
    assert false.requests == []


def on_terminal(daemon, columns, **environment):
    primary, secondary = pty.openpty()
    subprocess.run(["stty", "cols", str(columns)], stdin=secondary, check=True)
    process = subprocess.Popen([PROGRAM, "routes", "--socket", daemon.path, "-n", "n1"], stdout=secondary,
                               env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment})
    os.close(secondary)
    text = b""
    while True:
        try:
            chunk = os.read(primary, 65536)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.close(primary)
    assert process.wait() == 0
    return text.decode()


def test_colour_and_cuts_are_for_terminals_only(daemon):
    daemon.answers["routes"] = {"routes": [route("long", error="word " * 40)], "foreign": [], "foreignTotal": 0}
    assert "\x1b[" in on_terminal(daemon, 80)
    plain = on_terminal(daemon, 80, NO_COLOR="1")
    assert "\x1b[" not in plain
    assert max(len(line) for line in plain.splitlines()) == 80
    assert "\x1b[" not in on_terminal(daemon, 80, TERM="dumb")
    assert "word " * 40 in ask(daemon, "routes").stdout


def test_on_a_narrow_terminal_a_row_takes_more_lines(daemon):
    daemon.answers["routes"] = {"routes": [route("anycast-dns", reason="health check passed, and more that is cut wherever"),
                                           route("x")], "foreign": [], "foreignTotal": 0}
    assert on_terminal(daemon, 60, NO_COLOR="1").replace("\r", "").splitlines() == [
        "NAME         PREFIX        STATE      HEALTH  SINCE  WIRE",
        "    WHY",
        "anycast-dns  192.0.2.1/32  announced  up      2h     1/1",
        "    health: health check passed, and more that is cut wherev",
        "x            192.0.2.1/32  announced  up      2h     1/1",
        "    health: check passes"]
    assert max(len(line) for line in on_terminal(daemon, 30, NO_COLOR="1").replace("\r", "").splitlines()) <= 30


def test_what_is_withdrawn_tells_why_beside_what_is_wrong(daemon):
    held = "the new version of policy is held"
    daemon.answers["routes"] = {"routes": [
        route("a", state="withdrawn", onWire=[], layer="policy", reason="nobody at home", error=held), route("b", error=held),
        route("c", state="standby", onWire=[]), route("d", state="unconfirmed", onWire=[])], "foreign": [], "foreignTotal": 0}
    rows = ask(daemon, "routes").stdout.splitlines()[1:]
    assert rows[3].endswith("  -     not every neighbor was seen to be sent it; health: check passes")
    assert rows[0].endswith("  -     policy: nobody at home; " + held) and rows[1].endswith("  1/1   " + held)
    assert rows[2].endswith("  -     no session is up that carries it; health: check passes")


def test_status_says_why_its_exit_code_is_1(daemon):
    daemon.answers["status"] = {**STATUS, "summary": {**STATUS["summary"], "notOnWire": 2}}
    result = ask(daemon, "status")
    assert result.returncode == 1 and "0 faulty, 1 foreign, 2 not on the wire\n" in result.stdout


def test_usage_is_told_and_is_exit_code_2():
    result = run("statsu")
    assert result.returncode == 2
    assert result.stderr.startswith("statsu: there is no such command, did you mean status?\nUsage of ")
    assert result.stdout == ""
    result = run("xyzzyxyzzy")
    assert result.stderr.startswith("xyzzyxyzzy: there is no such command\nUsage of ")
    assert run("status", "--workers=0").stderr.startswith("--workers: expected a number from 1 to 64")
    result = run("status", "more")
    assert (result.returncode, result.stderr) == (2, "usage: bgpcommander status\n")
    assert run("approve", "a", "b").returncode == 2


@pytest.mark.parametrize("line", [
    "status --nonsense", "-n status status --nonsense", "--node=n1 -c http://h:1 , http://i:1 status --nonsense",
    "--json status --nonsense", "--nonsense=1 status"])
def test_wrong_usage_of_a_command_ends_also_between_pipes(line):
    process = subprocess.Popen([PROGRAM, *line.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    assert process.wait(10) == 2
    process.stdin.close()
    process.stdout.close()


# The name of a command that is a value, or that may be the value of an option that we do not know, is no command.
@pytest.mark.parametrize("line, fault", [
    ("--nonsense", "--nonsense: there is no such option"),
    ("-n status --nonsense", "--nonsense: there is no such option"),
    ("--node status --nonsense", "--nonsense: there is no such option"),
    ("-c http://h:1 , status --json", "found \"http://h:1,status\""),
    ("-json=false -p status", "expected an absolute path, found \"status\""),
    ("--nonsense status", "--nonsense: there is no such option"),
    ("nonsense status", "nonsense: there is no such command")])
def test_wrong_usage_of_the_daemon_holds_the_pipe(home, line, fault):
    with open(home + "/errors", "w+") as errors:
        process = subprocess.Popen([PROGRAM, *line.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=errors)
        wait_for(lambda: os.path.getsize(home + "/errors") > 0, "the error is told", 10)
        process.stdin.write(b"done\n" * 100000)
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(2) == 2
        errors.seek(0)
        assert fault in errors.read()
        process.stdout.close()


def test_help_and_version_always_print():
    for arguments in (["--help"], ["-h"], ["help"], ["--nonsense", "--help"]):
        result = run(*arguments)
        assert result.returncode == 0
        lines = result.stdout.splitlines()
        assert lines[0] == f"Usage of {PROGRAM}:"
        assert lines[1].startswith("  -c=http://127.0.0.1:2379,http://127.0.0.1:4001: Comma separated list of etcd")
        assert lines[3] == '  -p="/tmp": Path to store healthcheck scripts'
        assert any(line.startswith("  status ") for line in lines)
    process = subprocess.run([PROGRAM, "--version"], input="", capture_output=True, text=True, timeout=10)
    assert process.returncode == 0
    assert process.stdout.startswith("bgpcommander 0.")


def test_parse_reads_a_file_or_stdin(home):
    with open(home + "/routes", "w") as file:
        file.write("route 192.0.2.1/32 next-hop self\n")
    result = run("parse", home + "/routes")
    assert result.returncode == 0
    assert result.stdout.startswith("ok\t")
    with open(home + "/routes", "a") as file:
        file.write("route 192.0.2.1/99 next-hop self\n")
    assert run("parse", home + "/routes").returncode == 1
    process = subprocess.run([PROGRAM, "parse"], input="route 192.0.2.1/32 next-hop self\n", capture_output=True,
                             text=True, timeout=10)
    assert (process.returncode, process.stdout) == (0, result.stdout.splitlines()[0] + "\n")
    result = run("parse", home + "/missing")
    assert (result.returncode, result.stderr) == (2, f"{home}/missing: No such file or directory\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a file of root's and of another's")
def test_the_node_file_is_used_when_it_is_roots_alone(daemon, home):
    path = home + "/node.conf"
    with open(path, "w") as file:
        file.write(f"socket {daemon.path}\n")
    os.chmod(path, 0o644)
    assert run("status", "--config", path).returncode == 0
    os.chmod(path, 0o664)
    result = run("status", "--config", path)
    assert result.returncode == 3
    assert result.stderr.startswith("bgpcommander: warning: node file ")
    assert "is not used, defaults hold: its group or others may write it" in result.stderr
    os.chmod(path, 0o644)
    os.chown(path, 4711, 4711)
    assert "it does not belong to root" in run("status", "--config", path).stderr
    assert "No such file" in run("status", "--config", home + "/missing").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the node file must be root's")
def test_a_bad_node_file_does_not_keep_a_command_from_working(daemon, home):
    path = home + "/node.conf"
    with open(path, "w") as file:
        file.write("node n1\nworkers many\n")
    result = ask(daemon, "status", "--config", path)
    assert result.returncode == 0
    assert result.stderr == (f"{path}:2: workers: expected a number from 1 to 64, found \"many\" "
                             "(the node file is not used)\n")


@pytest.mark.skipif(not shutil.which("man"), reason="needs man")
def test_the_manual_page_names_every_command_and_option():
    page = os.path.join(os.environ.get("BC_SOURCE", "."), "docs", "man", "bgpcommander.8")
    result = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True,
                            env={"PATH": os.environ["PATH"], "MANWIDTH": "100", "LANG": "C.UTF-8"})
    assert result.returncode == 0
    assert result.stderr == ""
    shown = result.stdout.replace("\u2010", "-").replace("\u2212", "-")
    lines = run("--help").stdout.splitlines()
    assert len(lines) > 20
    for line in lines:
        if line.startswith("  ") and line[2] != " ":  # deeper ones go on with the line before
            word = line.split()[0].split("=")[0].rstrip(":")
            assert word in shown, word
