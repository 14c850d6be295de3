"""Each metric of the list is told by a live daemon in a form that Prometheus takes, and moves when it should; there are no
more series than was said, and those of what is gone are gone."""
import fcntl
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import urllib.parse

import pytest

import samples
from etcd_lab import Member
from fake_exabgp import Daemon, Neighbor
from metrics_lab import LISTED, MOVED, Scene, Scrape, moves, promtool
from lua_scene import FAST, LOOP, UP
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from ports import free_port
from wait import wait_for

GAUGES = """#!lua
metric.gauge('load', 0.5, { check = 'x', site = 'a"b\\\\c', le = '1' })
metric.gauge('seen_total', 1)
metric.counter('asked', 2)
metric.counter('asked_total', 5)
return 80
"""


@pytest.fixture
def scene(request, tmp_path):
    made = Scene(tmp_path)
    yield made
    if made.daemon is not None:
        made.daemon.close()
        log = made.daemon.log()
        assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]
    made.judge_moves(getattr(request.function, "moves", ()))


def start(scene, *more, **fake):
    scene.daemon = Daemon(scene.folder, fake.pop("url", f"file://{scene.folder}/store"), "/bgp", more=["--workers=1", *more], **fake)
    return scene.daemon


def routes_of(scrape, name="bgpcommander_route_state"):
    return scrape.labels(name, "route")


@moves("bgpcommander_routes", "bgpcommander_routes_by_health", "bgpcommander_routes_wanted", "bgpcommander_route_info",
       "bgpcommander_route_state", "bgpcommander_route_wanted", "bgpcommander_route_acked", "bgpcommander_route_on_wire_neighbors",
       "bgpcommander_route_changed_timestamp_seconds", "bgpcommander_neighbor_nlri", "bgpcommander_pipe_lines_written_total",
       "bgpcommander_pipe_acks_total", "bgpcommander_ack_seconds", "bgpcommander_wire_seconds", "bgpcommander_guard_announced_nlri",
       "bgpcommander_config_routes", "bgpcommander_config_subscribed", "bgpcommander_config_faulty", "bgpcommander_config_scripts",
       "bgpcommander_config_checks", "bgpcommander_config_modules", "bgpcommander_config_data_bytes", "bgpcommander_checks",
       "bgpcommander_check_results_total", "bgpcommander_check_duration_seconds", "bgpcommander_check_lateness_seconds",
       "bgpcommander_check_state", "bgpcommander_check_runs_total", "bgpcommander_check_run_seconds_total",
       "bgpcommander_check_last_duration_seconds", "bgpcommander_check_last_lateness_seconds",
       "bgpcommander_worker_checks", "bgpcommander_worker_cpu_seconds_total", "bgpcommander_worker_resident_memory_bytes",
       "bgpcommander_worker_up", "process_cpu_seconds_total", "process_resident_memory_bytes", "bgpcommander_scrapes_total",
       "bgpcommander_log_lines_total", "bgpcommander_socket_requests_total", "bgpcommander_events_total", "bgpcommander_store_age_seconds",
       "bgpcommander_admin_state", "bgpcommander_worker_restarts_total", "bgpcommander_worker_kills_total")
def test_routes_and_checks_are_told_as_they_are(scene):
    daemon = start(scene)
    daemon.wait_settled()
    scene.scrape()
    scene.put_route("lua", 1, UP)
    scene.put_route("shell", 2, "#!/bin/sh\nexit 3\n", '{"interval": "200ms", "fall": 1}')
    scene.tree.put("routes/plain/config", "attributes next-hop self nlri 10.8.0.3/32 10.8.0.4/32")
    scene.tree.put("routes/bad/config", "route 10.8.0.999/32 next-hop self")
    scene.tree.put("checks/named/script", "#!lua\nrequire('m')\nreturn true\n")
    scene.tree.put("lua/m", "return {}\n")
    scene.tree.put("data/d", "1")
    scene.tree.put("routes/uses/options", '{"checks": ["named"]}')
    scene.tree.put("routes/uses/config", "route 10.8.0.5/32 next-hop self")
    scene.wait_value("bgpcommander_check_runs_total", lambda count: count >= 2, check="shell", kind="route", status="failed")
    scene.wait_value("bgpcommander_check_runs_total", lambda count: count >= 1, check="named", kind="named", status="passed")
    daemon.wait_state("lua", "announced")
    daemon.wait_settled()
    now = scene.scrape()
    by_state = {state: now.value("bgpcommander_routes", state=state) for state in now.labels("bgpcommander_routes", "state")}
    assert {state: count for state, count in by_state.items() if count} == {"announced": 3, "withdrawn": 1, "faulty": 1}
    assert now.value("bgpcommander_routes_wanted") == 3 and now.value("bgpcommander_routes_not_announced") == 0
    assert now.value("bgpcommander_neighbor_nlri", family="ipv4 unicast") == 4
    assert now.value("bgpcommander_guard_announced_nlri") == 4
    assert now.value("bgpcommander_route_on_wire_neighbors", route="plain") == 1
    assert now.value("bgpcommander_route_info", route="lua", prefix="10.8.0.1/32", family="ipv4 unicast") == 1
    assert now.value("bgpcommander_check_state", check="shell", kind="route", state="down") == 1
    assert now.value("bgpcommander_check_results_total", language="shell", status="failed") >= 2
    assert now.value("bgpcommander_wire_seconds_count") == now.value("bgpcommander_neighbor_nlri", family="ipv4 unicast")
    assert 0 < now.value("bgpcommander_wire_seconds_sum") < 10
    listed = {route["name"]: route for route in daemon.ask("routes")["routes"]}
    assert routes_of(now) == set(listed)
    assert {name: now.value("bgpcommander_route_state", route=name, state=route["state"]) for name, route in listed.items()} == dict.fromkeys(listed, 1)
    os.kill(scene.worker()["pid"], signal.SIGSTOP)
    scene.wait_value("bgpcommander_worker_kills_total", 1, worker="lua-1", seconds=40)
    before = scene.wait_value("bgpcommander_worker_restarts_total", 1, worker="lua-1", seconds=40)
    assert before.value("bgpcommander_worker_cpu_seconds_total", worker="lua-1") > 0
    scene.tree.put("node/n1/adminState", "down")
    scene.wait_value("bgpcommander_admin_state", 1, state="down")
    scene.wait_value("bgpcommander_routes_wanted", 0)


@moves("bgpcommander_routes_left_out", "bgpcommander_checks_left_out", "bgpcommander_user_left_out", "bgpcommander_user_series", "process_open_fds")
def test_series_are_bounded_and_those_of_what_is_gone_are_gone(scene):
    for number in range(5):
        scene.put_route(f"r{number}", number, GAUGES)
    daemon = start(scene, "--metrics-routes=3")
    for number in range(5):
        daemon.wait_state(f"r{number}", "announced")
    now = scene.wait_value("bgpcommander_user_series", 9)
    for name, (_, labels) in LISTED.items():
        for label in {"route", "check"} & set(labels):
            assert now.labels(name, label) <= {"r0", "r1", "r2"}, name
    assert routes_of(now) == {"r0", "r1", "r2"} == now.labels("bgpcommander_check_state", "check")
    assert now.value("bgpcommander_routes_left_out") == 2 == now.value("bgpcommander_checks_left_out")
    assert now.value("bgpcommander_routes", state="announced") == 5 and now.value("bgpcommander_checks", state="up") == 5
    assert now.value("bgpcommander_user_left_out") == 3 + 2 * 4
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(daemon.socket)
        scene.scrape()
    shutil.rmtree(scene.tree.path("routes/r1"))
    now = scene.wait_value("bgpcommander_routes_left_out", 1)
    assert routes_of(now) == {"r0", "r2", "r3"} and "r1" not in now.text
    for number in (0, 2, 3, 4):
        shutil.rmtree(scene.tree.path(f"routes/r{number}"))
    scene.tree.put("routes/other/config", "route 10.8.0.9/32 next-hop self")
    now = scene.wait_value("bgpcommander_config_routes", 1)
    now = scene.wait_value("bgpcommander_checks", 0, state="up")
    assert routes_of(now) == {"other"} and "bgpcommander_user_load" not in now.text


def test_routes_can_be_told_in_sums_alone(scene):
    scene.put_route("web", 1, GAUGES)
    daemon = start(scene, "--metrics-routes=off")
    daemon.wait_state("web", "announced")
    now = scene.wait_value("bgpcommander_user_left_out", 4)
    assert "web" not in now.text and "bgpcommander_user_load" not in now.text
    assert now.value("bgpcommander_routes", state="announced") == 1 and now.value("bgpcommander_routes_left_out") == 1


@moves("bgpcommander_check_score")
def test_what_scripts_tell_has_one_type_and_no_label_of_ours(scene):
    scene.put_route("web", 1, GAUGES)
    daemon = start(scene)
    daemon.wait_state("web", "announced")
    now = scene.wait_value("bgpcommander_user_asked_total", lambda count: count >= 4)
    load = now.samples["bgpcommander_user_load"]
    assert load == {(("check", "web"), ("kind", "route"), ("site", 'a"b\\c'), ("user_check", "x"), ("user_le", "1")): 0.5}
    assert now.types["bgpcommander_user_load"] == "gauge" and now.types["bgpcommander_user_asked_total"] == "counter"
    assert now.value("bgpcommander_user_seen_total_value", check="web") == 1 and "bgpcommander_user_seen_total" not in now.samples
    assert now.value("bgpcommander_user_left_out") == 1
    assert promtool(now.text) == (0, "")
    scene.tree.put("routes/web/healthcheck", "#!lua\nmetric.gauge('answer_seconds', 0.2, { site = 'fra1' })\nreturn 91.5\n")
    now = scene.wait_value("bgpcommander_check_score", 91.5)
    told = [line for line in now.text.splitlines() if line.startswith("bgpcommander_user_answer_seconds{")]
    assert told == samples.block("metrics-user").splitlines()


@moves("bgpcommander_neighbor_established", "bgpcommander_neighbor_changed_timestamp_seconds", "bgpcommander_neighbor_sessions_total")
def test_a_session_that_flaps_is_seen(scene):
    neighbors = [Neighbor("10.99.0.2"), Neighbor("10.99.0.3", wire=False)]
    scene.tree.put("routes/web/config", "route 10.8.0.1/32 next-hop self")
    daemon = start(scene, neighbors=neighbors)
    daemon.wait_state("web", "announced")
    now = scene.wait_value("bgpcommander_route_on_wire_neighbors", 2, route="web")
    assert now.value("bgpcommander_neighbor_reports_updates", neighbor="10.99.0.2") == 1
    assert now.value("bgpcommander_neighbor_reports_updates", neighbor="10.99.0.3") == 0
    assert now.value("bgpcommander_neighbor_info", neighbor="10.99.0.3", peer_as="65001", local="10.99.0.1") == 1
    assert now.value("bgpcommander_neighbor_sessions_total", neighbor="10.99.0.2") == 1
    daemon.exabgp.end_session(neighbors[0], "peer reset")
    scene.wait_value("bgpcommander_neighbor_established", 0, neighbor="10.99.0.2")
    daemon.exabgp.begin_session(neighbors[0])
    scene.wait_value("bgpcommander_neighbor_sessions_total", 2, neighbor="10.99.0.2")
    scene.wait_value("bgpcommander_route_on_wire_neighbors", 2, route="web")


@moves("bgpcommander_routes_not_announced", "bgpcommander_routes_alarmed", "bgpcommander_route_missing_neighbors",
       "bgpcommander_route_unconfirmed", "bgpcommander_repairs_total")
def test_what_the_wire_does_not_show_is_seen(scene):
    daemon = start(scene)
    daemon.wait_settled()
    scene.scrape()
    daemon.exabgp.unseen = lambda prefix: prefix == "10.8.0.1/32"
    scene.tree.put("routes/web/config", "attributes next-hop self nlri 10.8.0.1/32 10.8.0.2/32")
    now = scene.wait_value("bgpcommander_route_unconfirmed", 1, route="web")
    assert now.value("bgpcommander_routes_not_announced") == 1
    assert now.value("bgpcommander_neighbor_nlri", family="ipv4 unicast") == 1
    now = scene.wait_value("bgpcommander_routes_alarmed", 1, seconds=60)
    assert now.value("bgpcommander_repairs_total") >= 3
    scene.wait_value("bgpcommander_route_missing_neighbors", 1, route="web")
    assert now.value("bgpcommander_wire_seconds_count") == 1


@moves("bgpcommander_pipe_outstanding_nlri", "bgpcommander_pipe_outstanding_lines", "bgpcommander_pipe_queued_nlri",
       "bgpcommander_pipe_acks_missing_total", "bgpcommander_pipe_lines_skipped_total")
def test_a_pipe_that_stands_still_is_seen(scene):
    daemon = start(scene)
    daemon.wait_settled()
    scene.scrape()
    fake = daemon.exabgp
    fake.answering.clear()
    nets = " ".join(f"10.{8 + number // 250}.{number % 250}.0/24" for number in range(1000))
    for part in range(10):
        nlri = " ".join(nets.split()[part * 100:part * 100 + 100])
        scene.tree.put(f"routes/many{part}/config", f"attributes next-hop self med {part} nlri {nlri}")
    now = scene.wait_value("bgpcommander_pipe_outstanding_nlri", lambda count: count >= 500)
    assert now.value("bgpcommander_pipe_outstanding_nlri") <= now.value("bgpcommander_pipe_window_nlri") == 600
    scene.wait_value("bgpcommander_pipe_queued_nlri", lambda count: count >= 300)
    fake.answering.set()
    daemon.wait_settled(60)
    fake.mute = lambda line: "10.77.0.1" in line
    scene.tree.put("routes/mute/config", "route 10.77.0.1/32 next-hop self")
    scene.wait_value("bgpcommander_pipe_acks_missing_total", lambda count: count >= 1)
    fake.say("x" * 2000000)
    scene.wait_value("bgpcommander_pipe_lines_skipped_total", 1)


@moves("bgpcommander_exabgp_acks")
def test_an_exabgp_without_acks_is_seen(scene):
    daemon = start(scene, before=[])
    daemon.wait_settled()
    scene.wait_value("bgpcommander_exabgp_acks", 1)
    daemon.exabgp.acks = False
    daemon.kill_core()
    scene.wait_value("bgpcommander_exabgp_acks", 0, seconds=40)


@moves("bgpcommander_nlri_foreign", "bgpcommander_neighbor_foreign_nlri")
def test_what_is_not_ours_is_counted_for_each_neighbor(scene):
    neighbors = [Neighbor("10.99.0.2"), Neighbor("10.99.0.3")]
    daemon = start(scene, neighbors=neighbors)
    daemon.wait_settled()
    scene.scrape()
    daemon.exabgp.rib["10.99.0.2"].update({"10.66.0.0/24": "next-hop self", "10.66.1.0/24": "next-hop self"})
    daemon.exabgp.rib["10.99.0.3"].update({"10.66.0.0/24": "next-hop self"})
    daemon.kill_core()
    now = scene.wait_value("bgpcommander_nlri_foreign", 3)
    assert now.value("bgpcommander_neighbor_foreign_nlri", neighbor="10.99.0.2") == 2
    assert now.value("bgpcommander_neighbor_foreign_nlri", neighbor="10.99.0.3") == 1


@moves("bgpcommander_neighbors_left_out", "bgpcommander_neighbor_info", "bgpcommander_neighbor_reports_updates")
def test_neighbors_are_bounded(scene):
    daemon = start(scene, neighbors=[Neighbor()])
    daemon.wait_settled()
    scene.scrape()
    daemon.close()
    start(scene, neighbors=[Neighbor(f"10.99.1.{number}") for number in range(1, 71)])
    scene.daemon.wait_synced(60)
    now = scene.wait_value("bgpcommander_neighbors_left_out", 1)
    assert len(now.labels("bgpcommander_neighbor_info", "neighbor")) == 64


@moves("bgpcommander_store_loss", "bgpcommander_approvals_pending", "bgpcommander_store_connected")
def test_a_store_that_is_lost_is_seen(scene):
    scene.tree.put("routes/web/config", "route 10.8.0.1/32 next-hop self")
    daemon = start(scene)
    daemon.wait_state("web", "announced")
    scene.wait_value("bgpcommander_store_connected", 1)
    scene.scrape()
    shutil.rmtree(scene.tree.path("routes"))
    now = scene.wait_value("bgpcommander_store_loss", 1, kind="emptied")
    assert now.value("bgpcommander_approvals_pending", kind="store_loss") == 1
    assert now.value("bgpcommander_routes", state="announced") == 1
    scene.tree.dir.rename(scene.folder / "away")
    scene.wait_value("bgpcommander_store_connected", 0)


@moves("bgpcommander_store_revision", "bgpcommander_store_applied_revision", "bgpcommander_store_connections_total",
       "bgpcommander_store_info", "bgpcommander_store_read")
def test_an_etcd_that_comes_back_is_seen(scene):
    etcd = Member(scene.folder / "etcd")
    (scene.folder / "etcd").mkdir(exist_ok=True)
    etcd.start()
    try:
        url = etcd.url()
        etcd.gateway().put("/bgp/node/n1/subscribedRoutes", "*")
        etcd.gateway().put("/bgp/routes/web/config", "route 10.8.0.1/32 next-hop self")
        daemon = start(scene, url=url)
        daemon.wait_state("web", "announced")
        first = scene.wait_value("bgpcommander_store_connections_total", 1)
        assert first.value("bgpcommander_store_info", kind="etcd v3", endpoint=url) == 1
        etcd.gateway().put("/bgp/routes/web/config", "route 10.8.0.1/32 next-hop self med 5")
        now = scene.wait_value("bgpcommander_store_applied_revision", lambda value: value > first.value("bgpcommander_store_applied_revision"))
        assert now.value("bgpcommander_store_revision") >= now.value("bgpcommander_store_applied_revision") > 1
        etcd.kill()
        scene.wait_value("bgpcommander_store_connected", 0)
        daemon.kill_core()
        scene.wait_value("bgpcommander_store_read", 0)
        etcd.start()
        scene.wait_value("bgpcommander_store_read", 1, seconds=60)
    finally:
        etcd.kill()


@moves("bgpcommander_policies", "bgpcommander_policy_routes", "bgpcommander_policy_runs_total", "bgpcommander_policy_cpu_seconds",
       "bgpcommander_policy_failing_routes", "bgpcommander_policies_held")
def test_policies_are_counted(scene):
    scene.put_route("web", 1, UP)
    daemon = start(scene)
    daemon.wait_state("web", "announced")
    scene.scrape()
    scene.tree.put("policy", "return function(ctx) if data.boom then error('oh') end return announce{ med = 42 } end\n")
    now = scene.wait_value("bgpcommander_policy_runs_total", lambda count: count >= 1, outcome="answered")
    assert now.value("bgpcommander_policies") == 1 == now.value("bgpcommander_policy_routes")
    assert now.value("bgpcommander_policy_cpu_seconds_count") >= 1
    scene.tree.put("data/boom", "true")
    scene.wait_value("bgpcommander_policy_failing_routes", 1)
    scene.tree.put("data/boom", "false")
    scene.wait_value("bgpcommander_policy_failing_routes", 0)
    scene.tree.put("policy", "return function(ctx) error('never') end\n")
    now = scene.wait_value("bgpcommander_policies_held", 1)
    assert now.value("bgpcommander_approvals_pending", kind="policy") == 1
    assert daemon.settled_state("web") == "announced"


@moves("bgpcommander_checks_troubled", "bgpcommander_check_probation")
def test_a_script_that_cannot_tell_is_seen(scene):
    scene.tree.put("routes/web/config", "route 10.8.0.1/32 next-hop self")
    daemon = start(scene)
    daemon.wait_state("web", "announced")
    scene.scrape()
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn data.ok == true\n")
    scene.wait_value("bgpcommander_check_probation", 1, check="web")
    scene.wait_value("bgpcommander_checks_troubled", 1)
    scene.tree.put("data/ok", "true")
    scene.wait_value("bgpcommander_check_probation", 0, check="web")
    scene.wait_value("bgpcommander_checks_troubled", 0)


@moves("bgpcommander_scripts_quarantined", "bgpcommander_route_unchecked")
def test_a_script_that_is_killed_is_seen(scene):
    scene.put_route("web", 1, UP)
    daemon = start(scene)
    daemon.wait_state("web", "announced")
    scene.scrape()
    scene.put_route("loop", 2, LOOP)
    now = scene.wait_value("bgpcommander_scripts_quarantined", 1, seconds=60)
    assert now.value("bgpcommander_check_results_total", language="lua", status="killed") >= 3
    now = scene.wait_value("bgpcommander_route_unchecked", 1, route="loop", seconds=60)
    assert now.value("bgpcommander_routes_by_health", health="unchecked") == 1 == now.value("bgpcommander_checks", state="unchecked")
    assert now.value("bgpcommander_route_unchecked", route="web") == 0


@moves("bgpcommander_log_lines_dropped_total")
def test_a_log_that_nobody_reads_is_seen(scene):
    fifo = scene.folder / "log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # open until the daemon has ended, which writes to it
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    scene.put_route("web", 1, "#!lua\nreturn data.ok == true\n")
    daemon = start(scene)
    (scene.folder / "nothing").touch()
    daemon.log_path = scene.folder / "nothing"
    daemon.wait_settled()
    first = scene.scrape()
    for ok in ("true", "false") * 5:
        scene.tree.put("data/ok", ok)
        daemon.wait_state("web", "announced" if ok == "true" else "withdrawn")
    scene.wait_value("bgpcommander_log_lines_dropped_total", lambda count: count > first.value("bgpcommander_log_lines_dropped_total"))
    assert daemon.status()["logLinesDropped"] > 0


@moves("bgpcommander_state_problem")
def test_a_state_that_cannot_be_kept_is_seen(scene):
    daemon = start(scene)
    daemon.wait_settled()
    scene.wait_value("bgpcommander_state_problem", 0)
    path = scene.folder / "state" / "lastgood"
    wait_for(path.exists, "the last known good is saved")
    path.unlink()
    (path / "in-the-way").mkdir(parents=True)
    scene.tree.put("routes/web/config", "route 10.8.0.1/32 next-hop self")
    scene.wait_value("bgpcommander_state_problem", 1, seconds=40)


@moves("bgpcommander_safe_mode", "bgpcommander_core_starts_total", "process_start_time_seconds")
def test_crashes_are_seen(scene):
    scene.put_route("web", 1, UP)
    daemon = start(scene)
    daemon.wait_state("web", "announced")
    scene.scrape()
    for _ in range(3):
        daemon.kill_core()
        daemon.wait_synced(40)
    now = scene.wait_value("bgpcommander_safe_mode", 1)
    assert now.value("bgpcommander_core_starts_total") == 4


@moves("bgpcommander_guard_max_nlri", "bgpcommander_guard_tolerated_routes")
def test_the_limits_of_the_node_file_are_told(scene):
    for number in (1, 2, 3):
        scene.tree.put(f"routes/r{number}/config", f"route 10.8.0.{number}/32 next-hop self")
    daemon = start(scene)
    wait_for(lambda: len(daemon.exabgp.prefixes()) == 3, "all are announced")
    daemon.wait_settled()
    assert scene.scrape().value("bgpcommander_guard_max_nlri") == 0
    (scene.folder / "none.conf").write_text("max_routes 2\nannounce_allow 10.8.0.1/32\n")
    old = daemon.core()
    daemon.ask("upgrade")
    wait_for(lambda: (new := daemon.core()) and new != old, "the new core answers")
    daemon.wait_settled()
    scene.wait_value("bgpcommander_guard_max_nlri", 2)
    scene.wait_value("bgpcommander_guard_tolerated_routes", lambda count: count >= 1)


def fetch(port, accept=None, path="/metrics", method="GET"):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        link.request(method, path, headers={"Accept": accept} if accept else {})
        answer = link.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        link.close()


@moves("bgpcommander_http_requests_total", "bgpcommander_http_request_duration_seconds", "bgpcommander_http_server_events_total")
def test_http_tells_the_same_in_both_formats(scene):
    port = free_port()
    scene.put_route("web", 1, GAUGES)
    daemon = start(scene, f"--http=127.0.0.1:{port}")
    daemon.wait_state("web", "announced")
    scene.scrape()
    wait_for(lambda: fetch(port)[0] == 200, "HTTP answers", errors=(OSError,))
    status, kind, text = fetch(port, "text/plain")
    plain = Scrape(text)
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8") and promtool(text) == (0, "")
    assert plain.value("bgpcommander_http_requests_total", method="GET", path="/metrics", status="2xx") >= 1
    assert set(plain.types) - set(LISTED) == {"bgpcommander_user_load", "bgpcommander_user_asked_total", "bgpcommander_user_seen_total_value"}
    accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    status, kind, text = fetch(port, accept)
    assert (status, kind) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    families = {family.name: family for family in openmetrics_families(text)}
    ending = {"counter": "_total", "info": "_info"}
    assert {name.removesuffix(ending.get(kind, "")): kind for name, (kind, _) in LISTED.items()}.items() <= {
        name: family.type for name, family in families.items()}.items()
    assert fetch(port, path="/nothing")[0] == 404
    assert fetch(port, method="HEAD")[2] == ""
    now = scene.wait_value("bgpcommander_http_requests_total", 1, path="", status="4xx")
    assert now.value("bgpcommander_http_request_duration_seconds_count", path="/metrics") >= 3
    assert now.value("bgpcommander_http_server_events_total", event="requests") >= 4


@moves("bgpcommander_leases", "bgpcommander_leases_by_owner", "bgpcommander_audit_lines_total", "bgpcommander_event_streams")
def test_routes_of_the_api_are_counted_by_owner(scene):
    port = free_port()
    daemon = start(scene, f"--http=127.0.0.1:{port}")
    daemon.wait_settled()
    scene.scrape()
    for number in range(3):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        link.request("POST", "/", urllib.parse.urlencode({"command": f"announce route 10.55.0.{number}/32 next-hop self"}),
                     {"Content-Type": "application/x-www-form-urlencoded"})
        assert link.getresponse().status == 200
        link.close()
    now = scene.wait_value("bgpcommander_leases", 3)
    assert now.samples["bgpcommander_leases_by_owner"] == {(("owner", "127.0.0.1"),): 3}
    assert now.value("bgpcommander_audit_lines_total") >= 3
    assert now.value("bgpcommander_http_requests_total", method="POST", path="/", status="2xx") == 3
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    stream.request("GET", "/v1/events/stream")
    assert stream.getresponse().status == 200
    scene.wait_value("bgpcommander_event_streams", 1)
    stream.close()
    scene.wait_value("bgpcommander_event_streams", 0)


def test_counters_only_grow_while_core_lives(scene):
    scene.put_route("web", 1, "#!lua\nmetric.counter('asked')\nreturn time.now() % 2 < 1\n")
    scene.put_route("loop", 2, UP)
    daemon = start(scene)
    daemon.wait_state("loop", "announced")
    first = scene.scrape()
    os.kill(scene.worker()["pid"], signal.SIGKILL)
    runs = first.value("bgpcommander_check_results_total", language="lua", status="passed")
    scene.wait_value("bgpcommander_check_results_total", lambda count: count >= runs + 10, language="lua", status="passed")
    for name, (kind, _) in [*LISTED.items(), ("bgpcommander_user_asked_total", ("counter", []))]:
        for ending in {"counter": [""], "histogram": ["_bucket", "_sum", "_count"]}.get(kind, []):
            for before, after in zip(scene.scrapes, scene.scrapes[1:]):
                for key, value in before.samples.get(name + ending, {}).items():
                    assert after.samples[name + ending][key] >= value, (name, key)


@moves("bgpcommander_scrapes_refused_total")
def test_scrapes_are_few_at_once_and_never_half(scene):
    for number in range(400):
        scene.tree.put(f"routes/{'x' * 100}{number}/config", f"route 10.8.{number // 250}.{number % 250}/32 next-hop self")
    port = free_port()
    daemon = start(scene, f"--http=127.0.0.1:{port}")
    wait_for(lambda: len(daemon.exabgp.prefixes()) == 400, "all are announced", 40)
    scene.scrape()
    slow = []
    try:
        # More than a socket's buffer holds: they wait for a reader.
        for _ in range(4):
            link = socket.socket(socket.AF_UNIX)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.connect(daemon.socket)
            link.sendall(b'{"command":"metrics"}\n')
            slow.append(link)
        assert all(link.recv(1) == b"#" for link in slow)
        code, text, errors = scene.print()
        assert (code, text, errors) == (1, "", "too many ask for metrics at once\n")
        assert daemon.status()["pid"]
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        link.request("GET", "/metrics")
        answer = link.getresponse()
        assert answer.status == 503 and answer.headers["Retry-After"] == "1" and json.load(answer)["code"] == "busy"
        link.close()
    finally:
        for link in slow:
            link.close()
    scene.wait_value("bgpcommander_scrapes_refused_total", 2)


def test_an_answer_that_breaks_off_is_no_answer(scene, tmp_path):
    path = tmp_path / "half"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        client = subprocess.Popen([os.environ["BGPCOMMANDER"], "metrics", f"--socket={path}"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        link, _ = server.accept()
        with link:
            link.recv(100)
            link.sendall(b"# HELP a b\na 1\n")
        out, errors = client.communicate(timeout=30)
    assert (client.returncode, out, errors) == (1, "", "the daemon's answer broke off\n")


def test_the_command_for_a_collector_replaces_the_file(scene, tmp_path):
    daemon = start(scene)
    daemon.wait_settled()
    folder = tmp_path / "collector"
    folder.mkdir()
    script = samples.block("metrics-textfile").replace("/var/lib/node_exporter", str(folder))
    script = script.replace("bgpcommander metrics", f"'{os.environ['BGPCOMMANDER']}' metrics --socket={daemon.socket}")
    subprocess.run(["sh", "-ec", script], check=True, timeout=60)
    assert os.listdir(folder) == ["bgpcommander.prom"]
    assert not [name for name in Scrape((folder / "bgpcommander.prom").read_text()).types if name.startswith("process")]
    subprocess.run(["sh", "-c", script.replace(daemon.socket, "/nowhere")], timeout=60, stderr=subprocess.DEVNULL)
    Scrape((folder / "bgpcommander.prom").read_text())


def test_every_metric_of_the_list_is_told_in_good_form(scene):
    scene.put_route("lua", 1, GAUGES)
    scene.put_route("shell", 2, "#!/bin/sh\nexit 0\n", FAST.replace("100ms", "200ms"))
    daemon = start(scene)
    daemon.wait_state("lua", "announced")
    daemon.wait_state("shell", "announced")
    scene.tree.put("policy", "return function(ctx) return announce{} end\n")
    now = scene.wait_value("bgpcommander_policy_runs_total", lambda count: count >= 1, outcome="answered")
    assert promtool(now.text) == (0, "")
    told = {name for name in now.types if not name.startswith("bgpcommander_user_") or name in LISTED}
    assert told == set(LISTED)
    plain = {"info": "gauge"}
    for name, (kind, labels) in LISTED.items():
        assert now.types[name] == plain.get(kind, kind), name
        for key in now.of(name):
            names = {pair[0] for pair in key[1:]} - {"le"}
            assert names == set(labels), name
    # Without the HTTP API and its routes.
    empty = {name for name in LISTED if not now.of(name)}
    assert empty == {"bgpcommander_http_requests_total", "bgpcommander_http_request_duration_seconds", "bgpcommander_leases_by_owner"}


# Others than those that a scenario can move in reasonable time: what they are made of is tested where it belongs.
STILL = {
    "bgpcommander_build_info": "the version", "bgpcommander_node_info": "the name", "bgpcommander_exabgp_info": "the version",
    "bgpcommander_exabgp_synced": "a scrape before is a matter of luck", "bgpcommander_pipe_window_nlri": "a limit",
    "bgpcommander_pipe_journal_nlri": "a disk that hangs", "bgpcommander_nlri_unnamed": "test_core_fake",
    "bgpcommander_records_lost_total": "test_records",
    "bgpcommander_store_publish_problem": "test_etcd_faults", "bgpcommander_events_left_out_total": "test_events",
    "bgpcommander_audit_lines_lost_total": "a disk that is full",
    "bgpcommander_policies_quarantined": "test_policy_harm", "bgpcommander_policy_queue": "a matter of luck", "bgpcommander_worker_running": "a matter of luck",
    "process_virtual_memory_bytes": "the system's", "process_max_fds": "the system's",
}


def test_every_metric_is_moved_by_a_test():
    assert set(LISTED) - MOVED - set(STILL) == set()
    assert set(STILL) <= set(LISTED) and not set(STILL) & MOVED
