"""The alert rules and the dashboard of examples/ speak of metrics that there are: promtool says that they are good, each rule
has a test that fires and one that does not, and a real Prometheus that scrapes a daemon evaluates all of their expressions."""
import json
import re
import subprocess

import pytest

import samples
from fake_exabgp import Daemon
from lua_scene import UP
from metrics_lab import LISTED, PROMETHEUS, ROOT, Prometheus, Scene
from ports import free_port
from wait import wait_for

RULES = (PROMETHEUS / "bgpcommander.rules.yml").read_text()
TESTS = (PROMETHEUS / "bgpcommander.test.yml").read_text()
DASHBOARD = json.loads((ROOT / "examples/grafana/bgpcommander.json").read_text())
HISTOGRAMS = {f"{name}{ending}" for name, (kind, _) in LISTED.items() if kind == "histogram" for ending in ("_bucket", "_sum", "_count")}


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.daemon.close()


def alerts():
    """{name: (expression, the rest of the rule)}"""
    found = {}
    for rule in RULES.split("      - alert: ")[1:]:
        name, rest = rule.split("\n", 1)
        expression = re.search(r"^        expr: (.*)$", rest, re.M).group(1)
        found[name] = (json.loads(expression) if expression.startswith('"') else expression, rest)
    return found


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions():
    """Those of the dashboard, with what Grafana fills in."""
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m")
            yield panel["title"], re.sub(r"\$(job|instance|route)\b", ".*", expression)


def variables():
    return [one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]


def names_in(expression):
    return set(re.findall(r"\b(?:bgpcommander|process)_[a-z0-9_]+", expression))


def run(*command, folder=PROMETHEUS):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_rules_and_their_tests():
    for line in samples.block("prometheus-check").splitlines():
        if "check config" not in line:
            run(*line.split())


def test_the_scrape_configurations_are_good(tmp_path):
    token = tmp_path / "token"
    token.write_text("bgpc_x\n")
    for number, text in enumerate((samples.block("metrics-scrape"), (PROMETHEUS / "prometheus.yml").read_text())):
        path = tmp_path / f"prometheus{number}.yml"
        path.write_text(text.replace("/etc/prometheus/bgpcommander.token", str(token)).replace("  - bgpcommander.rules", f"  - {PROMETHEUS}/bgpcommander.rules"))
        assert "SUCCESS" in run("promtool", "check", "config", str(path), folder=tmp_path)
        assert "job_name: bgpcommander\n" in text


def test_every_rule_tells_what_it_means_and_what_to_do():
    assert len(alerts()) > 30
    for name, (_, rest) in alerts().items():
        for annotation in ("summary", "meaning", "action"):
            text = re.search(rf'^          {annotation}: "(.*)"$', rest, re.M)
            assert text and len(text.group(1)) > 15 and text.group(1)[-1] in ".!?" or annotation == "summary", (name, annotation)
        assert re.search(r"severity: (critical|warning)$", rest, re.M), name


def test_every_rule_has_a_test_that_fires_and_one_that_does_not():
    tests = TESTS.split("  - interval: ")[1:]
    tested = {}
    for test in tests:
        name = re.search(r"alertname: (\w+)", test).group(1)
        series = "\n".join(re.findall(r"- series: '(.*)'", test))
        assert names_in(alerts()[name][0]) <= names_in(series), name
        tested[name] = (test.count("exp_labels:"), 'instance="bad"' in series and 'instance="good"' in series or "DownEverywhere" in name)
    assert tested == dict.fromkeys(alerts(), (1, True))


def test_rules_and_dashboard_speak_of_metrics_of_the_list():
    known = set(LISTED) - {name for name, (kind, _) in LISTED.items() if kind == "histogram"} | HISTOGRAMS
    for name, (expression, _) in alerts().items():
        assert names_in(expression) <= known, name
    for title, expression in expressions():
        assert names_in(expression) <= known, title
    for query in variables():
        assert names_in(query) <= known, query
    assert not any(re.search(r'\{[^}]*\b(?:check|route)=', expression) for _, expression in expressions() if "route=~" not in expression)


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) > 40
    cells = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not mine & cells and at["x"] + at["w"] <= 24, panel["title"]
        cells |= mine
    for panel in panels():
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"]), panel["title"]


def test_a_real_prometheus_evaluates_every_expression(scene, tmp_path):
    scene.put_route("web", 1, UP)
    scene.put_route("score", 2, "#!lua\nreturn 80\n")
    port = free_port()
    daemon = scene.daemon = Daemon(scene.folder, f"file://{scene.folder}/store", "/bgp", more=[f"--http=127.0.0.1:{port}"])
    daemon.wait_state("web", "announced")
    prometheus = Prometheus(tmp_path, port, PROMETHEUS / "bgpcommander.rules.yml")
    try:
        def has_scraped():
            found = prometheus.ask("query", query="count_over_time(bgpcommander_scrapes_total[1m])")
            return isinstance(found, dict) and found["result"] and int(found["result"][0]["value"][1]) >= 4
        wait_for(has_scraped, "Prometheus has scraped four times", 60, pause_s=0.2)
        empty = set()
        for title, expression in expressions():
            answer = prometheus.ask("query", query=expression)
            assert isinstance(answer, dict), (title, expression, answer)
            if not answer["result"]:
                empty.add(title)
        # What there is only when something is wrong, or when there is a policy.
        assert empty <= {"Routes in trouble", "Not as it should be", "Not ours", "The limit of the node file", "Runs of policies",
                         "Routes under a policy", "Routes of the API", "Troubled", "Failing", "Routes that change most", "Processor time of a run"}
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        assert len(rules) == len(alerts()) and {rule["health"] for rule in rules} <= {"ok", "unknown"}
        firing = {rule["name"] for rule in rules if rule["state"] != "inactive"}
        assert firing == set(), firing
        metadata = prometheus.ask("metadata")
        # It asks for OpenMetrics, which has the endings at the samples.
        ending = {"counter": "_total", "info": "_info"}
        assert {name.removesuffix(ending.get(kind, "")) for name, (kind, _) in LISTED.items()} <= set(metadata)
    finally:
        prometheus.close()
