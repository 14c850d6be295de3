"""`bgpcommander run --route` and `--check`: a script is run as the daemon runs it."""
import json
import os
import subprocess

import pytest

import dir_lab
from fake_exabgp import Daemon
from wait import wait_for

PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
UP, DOWN, ERROR, NO_DAEMON, USAGE = 0, 1, 3, 5, 64
SCRIPT = """#!lua
local limit = require("limits").queue
state.runs = (state.runs or 0) + 1
if route.name ~= "web" or route.prefix ~= "10.8.0.1/32" or node.name ~= "n1" or check.name ~= "web" then
  return false, "other globals"
end
if data.site ~= "east" or data["list"][2] ~= 2 then
  return false, "other data"
end
return options.env.LEVEL + limit, { runs = state.runs }
"""


@pytest.fixture
def daemon(tmp_path):
    tree = dir_lab.Tree(tmp_path / "store")
    tree.put("node/n1/subscribedRoutes", "web shell")
    tree.put("lua/limits", "return require('more')\n")
    tree.put("lua/more", "return { queue = 30 }\n")
    tree.put("lua/unused", "no Lua\n")
    tree.put("data/site", "east")
    tree.put("data/list", "[1, 2]")
    tree.put("checks/load/script", "#!lua\nreturn route == nil and check.name == 'load' and options.env.A == '1'\n")
    tree.put("checks/load/options", json.dumps({"env": {"A": "1"}, "timeout": "7s"}))
    tree.put("routes/shell/healthcheck", "#!/bin/sh\ntrue\n")
    tree.put("routes/shell/config", "route 10.8.0.2/32 next-hop self")
    tree.put("routes/broken/config", "route nowhere")
    tree.put("routes/web/options", json.dumps({"interval": "100ms", "threshold": 80, "env": {"LEVEL": "50"}}))
    tree.put("routes/web/healthcheck", SCRIPT)
    tree.put("routes/web/config", "route 10.8.0.1/32 next-hop self")
    (tmp_path / "none.conf").write_text("egress_deny 127.0.0.1:9\n")
    made = Daemon(tmp_path, f"file://{tmp_path}/store", "/bgp")
    made.tree = tree
    made.wait_state("web", "announced")
    yield made
    made.close()
    log = made.log()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


def run(daemon, *words, code=UP):
    done = subprocess.run([PROGRAM, "run", "--json", "--socket", daemon.socket, "-n", "n1", *words], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == code, done
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_a_route_is_run_as_the_daemon_does(daemon):
    answer = run(daemon, "--route", "web")
    assert answer["returned"] == 80 and answer["status"] == "passed", answer
    # The state that the daemon's own runs have kept.
    assert answer["data"]["runs"] > 1 and answer["state"]["runs"] == answer["data"]["runs"]
    daemon.tree.put("routes/web/options", json.dumps({"interval": "100ms", "threshold": 81, "env": {"LEVEL": "50"}}))
    answer = wait_for(lambda: (a := subprocess.run(
        [PROGRAM, "run", "--json", "--socket", daemon.socket, "-n", "n1", "--route", "web"], capture_output=True,
        text=True, timeout=60)).returncode == DOWN and a, "the threshold counts")
    assert json.loads(answer.stdout)["returned"] == 80


def test_another_script_in_its_place_gets_its_modules(daemon, tmp_path):
    script = tmp_path / "new.lua"
    script.write_text("#!lua\nreturn require('more').queue == 30 and not pcall(require, 'unused') and data.site == 'east' and "
                      "options.threshold == 80, state.runs\n")
    answer = run(daemon, str(script), "--route", "web")
    assert answer["data"] >= 1, answer
    (tmp_path / "data.json").write_text('{"site": "west"}')
    script.write_text("#!lua\nreturn data.site == 'west' and data.list == nil\n")
    run(daemon, str(script), "--route", "web", "--data", str(tmp_path / "data.json"))


def test_a_named_check_has_no_route(daemon):
    assert run(daemon, "--check", "load")["status"] == "passed"


def test_what_the_daemon_denies_is_denied(daemon, tmp_path):
    script = tmp_path / "connect.lua"
    script.write_text("#!lua\nlocal conn, text, code = tcp.connect('127.0.0.1', 9)\nreturn conn == nil and code == 'egress', text\n")
    assert "is denied by egress_deny" in run(daemon, str(script), "--route", "web")["data"]
    # Without a daemon: the node file and the endpoints that are given here.
    words = [PROGRAM, "run", "--json", str(script)]
    conf = tmp_path / "none.conf"
    for more, code in [(["--config", str(conf)], UP), (["-c", "http://localhost:9"], UP), ([], DOWN)]:
        done = subprocess.run([*words, *more], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done


def test_what_there_is_not_is_said(daemon):
    for words, code, text in [(["--route", "none"], NO_DAEMON, "there is no such route"),
                              (["--check", "web"], NO_DAEMON, "there is no such check"),
                              (["--route", "broken"], NO_DAEMON, "routes/broken/config")]:
        assert text in json.dumps(run(daemon, *words, code=code)), words
    assert "shell has no Lua check here; name a script" in run(daemon, "--route", "shell", code=USAGE)
