"""Nothing leaks: the daemon lives through all that happens to it, under valgrind, and leaves no block and no descriptor.
(tests/valgrind runs the whole of test_main_job.py in the same way.)"""
import contextlib
import json
import os
import shutil
import subprocess

import pytest

import http_user
from valgrind import OPTIONS, Report, ValgrindLab, find_tool
from wait import HANG

QUICK = json.dumps({"interval": "200ms", "fall": 1})
SECONDS = 20


def check_of(path):
    return f"#!/bin/sh\n[ -e {path} ]\n"


@pytest.fixture(scope="module")
def lab():
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed (tests/deps installs it)")
    lab = ValgrindLab(members=1, arguments=http_user.ARGUMENTS)
    lab.node_file.write_text("http_rate 1000\n")
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def reports(lab):
    """The reports of a life in which everything happens once."""
    flag, new = lab.flag("check"), lab.flags / "new"
    lab.put_all({"routes/a/config": "route 192.0.2.1/32 next-hop self med 10", "routes/a/options": QUICK,
                 "routes/a/healthcheck": check_of(flag)})
    lab.wait_for(lambda: lab.bird.med("192.0.2.1/32") == 10, SECONDS, "announced")
    flag.unlink()
    lab.wait_for(lambda: not lab.bird.has("192.0.2.1/32"), SECONDS, "a failing check withdraws")
    lab.flag("check")
    lab.wait_for(lambda: lab.bird.has("192.0.2.1/32"), SECONDS, "announced again")
    replace(lab, new)
    spoil(lab)
    with contextlib.closing(http_user.Follower(lab)) as follower:
        speak_http(lab)
        lab.wait_for(lambda: follower.events > 0 or follower.problem, SECONDS, "events are followed")
        assert follower.problem is None
    flap(lab)
    restart_store(lab)
    kill_worker(lab)
    return lab.end_all()


def replace(lab, new):
    lab.put("routes/a/healthcheck", f"#!/bin/sh\ntouch {new}\n")
    lab.wait_for(new.exists, SECONDS, "the new script runs")
    lab.put("routes/a/config", "route 192.0.2.1/32 next-hop self med 20 community [ 65000:1 65000:2 ]")
    lab.wait_for(lambda: lab.bird.med("192.0.2.1/32") == 20, SECONDS, "replaced")


def spoil(lab):
    """Values that are refused, of every kind, and a check that writes and never ends."""
    lab.put_all({"routes/a/config": "route 192.0.2.1/32 next-hop nowhere", "routes/a/options": "{\"interval\": -1}",
                 "routes/b/config": "route 192.0.2.2/32 next-hop self", "routes/b/healthcheck": f"echo x; {HANG}",
                 "routes/b/options": json.dumps({"interval": "200ms", "timeout": "300ms"}),
                 "routes/c/config": "flow route { match { destination 192.0.2.3/32; } then { discard; } }",
                 "routes/d/prefix": "192.0.2.4/32", "routes/d/config": "next-hop self",
                 "routes/e/config": "route 192.0.2.4/32 next-hop self", "routes/a/unknown": "1", "node/n1/adminState": "sideways"})
    lab.wait_for(lambda: lab.route("a")["error"], SECONDS, "a faulty value is told")
    lab.wait_for(lambda: lab.route("b")["health"] == "down", SECONDS, "a check that does not end is down")
    lab.put_all({"routes/a/config": "route 192.0.2.1/32 next-hop self med 30", "routes/a/options": QUICK, "node/n1/adminState": "up"})
    lab.wait_for(lambda: lab.bird.med("192.0.2.1/32") == 30, SECONDS, "mended")
    for name in "bcde":
        lab.delete_all(lab.get_prefix(f"routes/{name}/"))
    lab.wait_for(lambda: set(lab.routes()) == {"keeper", "a"}, SECONDS, "deleted")
    for command in ("status", "routes", "neighbors", "approve", "nonsense"):
        lab.api(command)


def http(lab, expected, method, path, body=None, **headers):
    status, text = http_user.ask(lab, method, path, body, timeout=120, **headers)
    assert status == expected, (method, path, status, text)


def speak_http(lab):
    """Changes of every kind, of which one stands to the end; refused, broken and half requests; all that can be read."""
    for med in (1, 2):
        http(lab, 202, "PUT", "/v1/routes/stands?wait=none",
             {"route": f"route 192.0.2.10/32 next-hop self med {med}", "ttl": "1h", "reason": "x"})
        lab.wait_for(lambda: lab.bird.med("192.0.2.10/32") == med, SECONDS, "announced by HTTP")
    form = {"Content_Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    for _ in range(2):
        http(lab, 202, "POST", "/?wait=none", "command=announce+route+192.0.2.11/32+next-hop+self&ttl=2", Idempotency_Key="x", **form)
    http(lab, 200, "POST", "/?timeout=60", b"announce route 192.0.2.12/32 next-hop self", Content_Type="text/plain")
    http(lab, 200, "POST", "/?timeout=60", b"withdraw route 192.0.2.12/32", Content_Type="text/plain")
    http(lab, 201, "PUT", "/v1/routes/leaves?timeout=60&wait=wire", {"route": "route 192.0.2.13/32 next-hop self"})
    http(lab, 200, "DELETE", "/v1/routes/leaves?timeout=60&wait=wire")
    lab.wait_for(lambda: set(lab.routes()) == {"keeper", "a", "api:stands"} and not lab.bird.has("192.0.2.11/32"), SECONDS, "its end")
    http(lab, 202, "POST", "/v1/blackhole?wait=none", {"prefix": "192.0.2.14/32", "ttl": "1s"})
    http(lab, 200, "POST", "/v1/flow?dry_run=1", {"match": {"destination": "192.0.2.15/32"}, "then": {"discard": True}})
    http(lab, 400, "POST", "/", b"announce route 192.0.2.16/33 next-hop self", Content_Type="text/plain")
    http(lab, 409, "PUT", "/v1/routes/taken", {"route": "route 192.0.2.250/32 next-hop self"})
    http(lab, 400, "PUT", "/v1/routes/faulty", b"{", Content_Type="application/json")
    http(lab, 422, "POST", "/?timeout=60", b"neighbor 10.99.77.2 announce route 192.0.2.17/32 next-hop self", Content_Type="text/plain")
    http(lab, 403, "PUT", "/v1/routes/foreign", {"route": "route 192.0.2.18/32 next-hop self"}, Origin="http://example.com")
    http(lab, 421, "GET", "/v1/status", Host="example.com")
    http(lab, 404, "DELETE", "/v1/routes/none")
    http(lab, 405, "PUT", "/v1/status", {})
    http(lab, 409, "POST", "/v1/approve", {"id": "1"})
    for path in ("/", "/healthz", "/readyz", "/openapi.json", "/metrics", *(f"/v1/{name}" for name in (
            "status", "routes", "routes/stands", "routes/a", "checks", "neighbors", "workers", "decisions", "events", "config", "nodes"))):
        http(lab, 200, "GET", path)
    head = f"POST / HTTP/1.1\r\nHost: {http_user.HOST}\r\nContent-Type: text/plain\r\n"
    for data in (b"", b"GE", b"\0\r\n\r\n", f"{head}Content-Length: 90\r\n\r\nannounce".encode(),
                 f"{head}Transfer-Encoding: chunked\r\n\r\nx\r\n".encode(),
                 f"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: {http_user.HOST}\r\n\r\n".encode(),
                 f"{head}Content-Length: 42\r\n\r\nannounce route 192.0.2.12/32 next-hop self".encode()):
        http_user.leave(lab, data)


def flap(lab):
    lab.bird.session_down()
    lab.wait_for(lambda: lab.api("neighbors")["neighbors"][0]["state"] != "up", SECONDS, "the session is down")
    lab.bird.session_up()
    lab.wait_for(lambda: lab.bird.med("192.0.2.1/32") == 30, 40, "the session is up again, with its routes")


def restart_store(lab):
    lab.etcd.kill()
    lab.wait_for(lambda: lab.status()["store"]["state"] != "connected", SECONDS, "the store's end is seen")
    lab.etcd.start()
    lab.etcd.wait_ready()
    lab.wait_for(lambda: lab.status()["store"]["state"] == "connected", 40, "connected again")
    lab.put("routes/a/config", "route 192.0.2.1/32 next-hop self med 40")
    lab.wait_for(lambda: lab.bird.med("192.0.2.1/32") == 40, SECONDS, "changes arrive again")


def kill_worker(lab):
    lab.end_role("exec")
    lab.wait_for(lambda: lab.status()["workers"]["exec"]["restarts"] >= 1, SECONDS, "another worker is started")
    lab.wait_for(lambda: lab.status()["workers"]["exec"]["state"] == "running", SECONDS, "it runs")


@pytest.mark.parametrize("role", ["holder", "core", "exec"])
def test_no_error_and_no_leak(reports, role):
    mine = [report for report in reports if report.role == role]
    assert any(report.is_by_itself for report in mine), f"no report of a {role} that ended by itself: {reports}"
    problems = [problem for report in mine for problem in report.problems()]
    assert not problems, "\n".join(problems)


LEAKY = """
#include <stdlib.h>
#include <unistd.h>
void *kept;
__attribute__((noinline)) void *bc_mem_new(size_t count, size_t size) { return calloc(count, size); }
__attribute__((noinline)) void lose(void) { *(volatile char *)bc_mem_new(1, 100) = 1; }
int main(void) { lose(); kept = bc_mem_new(1, 200); return dup(1) < 0; }
"""


def test_leaks_of_all_kinds_are_seen(tmp_path):
    (tmp_path / "leaky.c").write_text(LEAKY)
    subprocess.run(["cc", "-g", "-O0", "-o", tmp_path / "leaky", tmp_path / "leaky.c"], check=True)
    done = subprocess.run([find_tool(), *OPTIONS, f"--log-file={tmp_path}/memcheck.%p", tmp_path / "leaky", "@core"],
                          env={**os.environ, "VALGRIND_LIB": str(find_tool().parent), "VALGRIND_LAUNCHER": "valgrind"})
    report = Report(next(tmp_path.glob("memcheck.*")))
    assert done.returncode == 99 and report.is_by_itself and report.lost["definitely"] == 100
    found = " ".join(report.problems())
    assert "100 bytes in 1 blocks are definitely lost" in found and "not freed" in found and "not closed" in found, found
