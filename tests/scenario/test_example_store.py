"""examples/store is a store: the daemon takes every key of it, and its README tells every file."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest
from fake_exabgp import Daemon
from wait import wait_for

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
STORE = ROOT / "examples/store"
SCHEMA = json.loads((ROOT / "docs/options.schema.json").read_text())
FILES = sorted(str(path.relative_to(STORE)) for part in ("routes", "node") for path in (STORE / part).rglob("*")
               if path.is_file())


def test_the_readme_tells_every_file_and_no_other():
    text = (STORE / "README.md").read_text()
    told = set(re.findall(r"`((?:routes|node)/[^`]*[^`/])`", text)) - {"node/edge1/status"}
    assert told == set(FILES) and len(FILES) >= 10


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("/config")
                                  and not (STORE / name).with_name("prefix").exists()])
def test_every_route_is_one(name):
    done = subprocess.run([os.environ["BGPCOMMANDER"], "parse"], input=(STORE / name).read_text(), text=True,
                          stdout=subprocess.PIPE, timeout=30)
    assert done.returncode == 0 and done.stdout.startswith("ok\t"), done.stdout


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("/options")])
def test_every_options_file_is_good(name):
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads((STORE / name).read_text()))


def test_the_daemon_takes_all_of_it(tmp_path):
    copy = tmp_path / "store"
    shutil.copytree(STORE, copy)
    daemon = Daemon(tmp_path, f"file://{copy}", "/bgp", node="edge1")
    try:
        wait_for(lambda: (daemon.status() or {}).get("store", {}).get("state") == "connected", "connected")
        wait_for(lambda: "192.0.2.10/32" in daemon.exabgp.prefixes(), "the plain route is announced")
        routes = {route["name"]: route for route in daemon.ask("routes")["routes"]}
        assert sorted(routes) == ["apart", "checked", "plain", "six", "tuned"]
        assert [route["error"] for route in routes.values()] == [None] * 5
        assert all(route["subscribed"] for route in routes.values())
        assert [line for line in daemon.status()["warnings"] if "node/" in line or "routes" in line] == []
        wait_for(lambda: {"198.51.100.0/24", "2001:db8:10::/48"} <= daemon.exabgp.prefixes(), "those without a check")
        wait_for(lambda: (copy / "node/edge1/routes/plain/state").exists(), "its state is written")
    finally:
        daemon.exabgp.close()
