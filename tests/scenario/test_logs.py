"""The log: one line per change, with the decision that it goes back to; of very many at once a part, and how many more."""
import json
import re

import pytest

import lua_scene
from fake_exabgp import Daemon
from lua_scene import FAST
from wait import wait_for


class Scene(lua_scene.Scene):
    def begin(self, *more):
        self.daemon = Daemon(self.folder, f"file://{self.folder}/store", "/bgp", more=more)
        return self.daemon

    def fall(self, *more):
        """A route that was announced, and is withdrawn by its check: the decision of the latter."""
        flag = self.folder / "flag"
        flag.touch()
        self.put_route("web", 1, f"#!/bin/sh\ntest -f {flag} && exit 0\nexit 3\n", FAST)
        self.begin(*more).wait_state("web", "announced")
        flag.unlink()
        self.daemon.wait_state("web", "withdrawn")
        return self.daemon.ask("decisions", route="web", limit=1)["decisions"][0]

    def lines(self, pattern):
        return re.findall(pattern, self.daemon.log(), re.M)


def test_a_line_about_a_route_ends_with_its_decision(scene):
    decision = scene.fall()
    line, = scene.lines(r"^.*route web: withdraw: .*$")
    assert line == (f"bgpcommander core: notice: route web: withdraw: health: health check failed: exit code 3 "
                    f"[decision {decision['id']}]")


def test_as_json_it_is_a_member(scene):
    decision = scene.fall("--log-format=json")
    told = [json.loads(line) for line in scene.daemon.log().splitlines() if line.startswith("{")]
    line, = [one for one in told if one["message"].startswith("route web: withdraw: ")]
    assert line["decision"] == decision["id"] and line["level"] == "notice" and "[" not in line["message"]
    assert all("decision" not in one for one in told if not one["message"].startswith("route "))


@pytest.mark.parametrize("count", [1400])
def test_of_very_many_changes_the_log_tells_a_part_and_how_many_more(scene, count):
    for number in range(1, count + 1):
        scene.tree.put(f"routes/r{number}/config", f"route {scene.net(number)} next-hop self")
    daemon = scene.begin("--log-level=notice")
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == count, "all are announced", 90)
    assert scene.lines(r"route r\d+: announce") == []  # a start is one event
    scene.tree.put("node/n1/adminState", "down")
    wait_for(lambda: daemon.status()["summary"]["announced"] == 0, "all are withdrawn", 90)

    def accounted():
        left_out = sum(map(int, scene.lines(r"notice: (\d+) more changes are not told here: too many at once$")))
        written = len(scene.lines(r"route r\d+: withdraw: adminState: .* \[decision \d+\]$"))
        return left_out + written == count and (left_out, written)
    left_out, written = wait_for(accounted, "every change is told or counted", 30)
    assert written >= 1000 and left_out > 0
