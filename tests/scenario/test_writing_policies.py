"""docs/writing-policies.md: each of its policies says what its last lines say it does."""
import json
import os
import re
import subprocess

import pytest
import samples
from policy_lab import NOW, PolicyWorker, context, standing

SUNDAY = 1699752600.0  # 2023-11-12 02:30 at +01:00
CHECKS = {"checks": {"healthcheck": {"score": None}}}
DOWN = {"healthy": False, "health": "down", "reason": "health check failed: status 503"}
COSTS = {"site-costs": {"ams": 100, "fra": 150}}
# Of each policy: in which situation, what the context then has otherwise.
SITUATIONS = {
    "wp-first": {"up": {}, "down": DOWN},
    "wp-attributes": {"up": {}, "at a backup": {"node": {"labels": {"role": "backup"}}}},
    "wp-score": {"score 90": {"checks": {"healthcheck": {"score": 90}}}, "score 61": {"checks": {"healthcheck": {"score": 61}}},
                 "no score": CHECKS, "no score, standing with 200": {**CHECKS, "standing": standing(med=200)}},
    "wp-hysteresis": {"score 85": {"checks": {"healthcheck": {"score": 85}}},
                      "score 85, standing with 200": {"checks": {"healthcheck": {"score": 85}}, "standing": standing(med=200)}},
    "wp-time": {"on Sunday, 02:30": {"now": SUNDAY}, "on Monday, 02:30": {"now": SUNDAY + 86400}},
    "wp-data": {"in ams": {"data": COSTS, "node": {"labels": {"site": "ams"}}},
                "in oslo": {"data": COSTS, "node": {"labels": {"site": "oslo"}}},
                "in oslo, standing": {"data": COSTS, "node": {"labels": {"site": "oslo"}}, "standing": standing(med=100)}},
    "wp-mistake": {"without a check uplink": {}},
}


def shown(verdict):
    """As the page shows it."""
    if isinstance(verdict, str):
        return "error: " + re.sub(r"^policy:\d+: ", "", verdict)
    text = verdict["verdict"]
    if "attributes" in verdict:
        text += " " + json.dumps(verdict["attributes"], sort_keys=True)
    text += ": " + verdict["reason"] if "reason" in verdict else ""
    return text + (f" (again in {verdict['again_in']:g} s)" if "again_in" in verdict else "")


@pytest.fixture(scope="module")
def worker():
    made = PolicyWorker()
    yield made
    made.close()


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_policy_says_what_the_page_says(worker, name):
    text = samples.block(name)
    promised = re.findall(r"^--> (.*?): (.*)$", text, re.M)
    assert [situation for situation, _ in promised] == list(SITUATIONS[name])
    found = worker.ask(text, [context(**changes) for changes in SITUATIONS[name].values()])
    assert [shown(verdict) for verdict in found] == [said for _, said in promised]


def test_the_readme_shows_a_policy_that_works(worker):
    scores = [{"checks": {"healthcheck": {"score": score}}} for score in (100, 75, 74, None)]
    found = worker.ask(samples.block("readme-policy"), [context(**changes) for changes in [*scores, DOWN]])
    assert [verdict.get("attributes", {}).get("med") for verdict in found] == [100, 100, 300, 100, None]
    assert found[-1] == {"verdict": "withdraw", "reason": DOWN["reason"]}


def test_the_command_that_stores_a_policy_writes_the_key(tmp_path):
    """With a stand-in for etcdctl."""
    (tmp_path / "policy.lua").write_text("return function() return announce() end\n")
    (tmp_path / "etcdctl").write_text("#!/bin/sh\necho \"$*\"; cat\n")
    (tmp_path / "etcdctl").chmod(0o755)
    done = subprocess.run(["sh", "-euc", samples.block("wp-store")], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout=30)
    assert done.stdout == "put /bgp/routes/WEB/policy\nreturn function() return announce() end\n"


def test_the_tests_of_the_page_pass_and_would_fail(tmp_path):
    program = tmp_path / "bin/bgpcommander"
    program.parent.mkdir()
    program.symlink_to(os.path.abspath(os.environ["BGPCOMMANDER"]))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "policy_test.lua").write_text(samples.block("wp-test"))
    for text, code in ((samples.block("wp-first"), 0), ("return function() return announce({ med = 200 }) end\n", 1)):
        (folder / "policy.lua").write_text(text)
        done = subprocess.run(["sh", "-euc", samples.block("wp-try")], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env={**os.environ, "PATH": f"{program.parent}:/usr/bin:/bin"}, timeout=60)
        assert done.returncode == code, done.stdout


@pytest.mark.parametrize("name", SITUATIONS)
def test_lint_finds_nothing_in_a_policy_of_the_page(name, tmp_path):
    (tmp_path / "policy.lua").write_text(samples.block(name))
    done = subprocess.run([os.environ["BGPCOMMANDER"], "lint", tmp_path / "policy.lua"], stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_ready_made_one_of_the_page_is_there_with_these_parameters():
    given = json.loads(samples.block("wp-use"))
    page = (samples.ROOT / "docs/ready-made-policies.md").read_text()
    section = page.partition(f"## {given.pop('use')}\n")[2].partition("\n## ")[0]
    assert given and all(f"| `{param}` |" in section for param in given)
