"""`bgpcommander lint --store` reads what a real etcd holds, by both of its APIs, and writes nothing."""
import json
import os
import subprocess

import pytest

import etcd2_lab
from etcd_lab import Lab

PROGRAM = os.environ["BGPCOMMANDER"]
KEYS = {
    "routes/WEB/config": "route 192.0.2.1/32 next-hop self med many",
    "routes/WEB/healthcheck": "#!lua\nreturn require('web').ok(foo)\n",
    "routes/WEB/policy": "return function(ctx) return http end\n",
    "routes/DNS/config": "route 192.0.2.2/32 next-hop self",
    "checks/up/script": "#!lua\nreturn require('absent').ok()\n",
    "lua/web": "local M = {}\nfunction M.ok() return announce end\nreturn M\n",
    "data/limits": '{"load": 4}',
    "policy": "return function(ctx) return announce({ medd = 1 }) end\n",
    "admission": "return function(ctx) return keep() end\n",
    "node/one/policy": "return true\n",
    "node/one/labels": "[1]",
    "node/one/adminState": "sideways",
    "node/two/adminState": "sideways",
}
FOUND = {
    ("routes/WEB/config", "config"), ("routes/WEB/healthcheck", "unknown-global"), ("routes/WEB/policy", "unknown-global"),
    ("checks/up/script", "unknown-module"), ("lua/web", "unknown-global"),
    ("policy", "unknown-option"), ("admission", "unknown-global"), ("node/one/policy", "bad-result"), ("node/one/labels", "config"),
    ("node/one/adminState", "config"),
}


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    passed = False
    try:
        yield made
        passed = True
    finally:
        made.close(check=passed)


def lint(port, api, tmp_path, *words):
    return subprocess.run([PROGRAM, "lint", "--store", "--json", "-c", f"http://127.0.0.1:{port}", "-n", "one", "--prefix", "/net",
                           "--etcd-api", api, "-p", tmp_path, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)


def found(done):
    assert done.returncode == 1, done
    told = {(one["file"], one["rule"]) for one in json.loads(done.stdout)["findings"]}
    assert all(file.startswith("/net/") for file, _ in told)
    return {(file.removeprefix("/net/"), rule) for file, rule in told}


@pytest.mark.parametrize("api", ["v3", "auto"])
def test_the_keys_of_etcd_v3_are_looked_at(lab, tmp_path, api):
    etcd = lab.member()
    gateway = etcd.gateway()
    for key, value in KEYS.items():
        revision = gateway.put("/net/" + key, value)
    assert found(lint(etcd.port, api, tmp_path)) == FOUND
    assert gateway.put("/elsewhere", "x") == revision + 1, "it has written"


def test_the_keys_of_etcd_v2_are_looked_at(lab, tmp_path):
    etcd = etcd2_lab.member(lab)
    keys = etcd2_lab.keys(etcd)
    for key, value in KEYS.items():
        index = keys.put("/net/" + key, value)
    assert found(lint(etcd.port, "v2", tmp_path)) == FOUND
    assert keys.put("/elsewhere", "x") == index + 1, "it has written"


def test_a_store_that_does_not_answer_is_said_so(lab, tmp_path):
    etcd = lab.member()
    etcd.kill()
    done = lint(etcd.port, "v3", tmp_path, "--timeout", "2s")
    assert done.returncode == 2 and "cannot be read" in done.stderr and "connect" in done.stderr, done
