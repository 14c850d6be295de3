"""`bgpcommander replay`, and `eval` with what a daemon knows: a changed policy over what really happened."""
import json
import math
import os
import subprocess

import pytest

import samples
from test_policy import World
from wait import wait_for

GOOD, DIFFERS, USAGE, NOTHING, FAILED = 0, 1, 2, 3, 4
HOUR = 1795400000
POLICY = """return function(ctx)
  if data.load < LEAST then return withdraw("load " .. data.load) end
  return announce{ med = 100 + data.load, reason = "load " .. data.load }
end
"""


class Scene(World):
    def command(self, *words):
        settings = ["-n", "n1", f"--state-dir={self.folder}/state", f"--socket={self.folder}/sock"]
        return subprocess.run([os.environ["BGPCOMMANDER"], *words, *settings], capture_output=True, text=True, timeout=60,
                              cwd=self.folder, env={**os.environ, "TZ": "UTC"})

    def json(self, *words):
        done = self.command(*words, "--json")
        assert done.stdout.count("\n") == 1, done
        return done.returncode, json.loads(done.stdout)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def decisions(self, **more):
        return self.daemon.ask("decisions", route="web", inputs=True, **more)["decisions"]


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    if made.daemon is not None:
        made.daemon.close()


@pytest.fixture
def past(scene):
    """web was announced, away while the load was 30, and is announced again."""
    scene.put("policy", POLICY.replace("LEAST", "50"))
    scene.put("data/load", "80")
    scene.stand("web")
    scene.wait_held(1, "med 180")
    scene.put("data/load", "30")
    scene.daemon.wait_state("web", "withdrawn")
    scene.put("data/load", "70")
    scene.wait_held(1, "med 170")
    wait_for(lambda: scene.decisions()[0]["verdict"] == "announce", "the last decision is on record")
    scene.write("same.lua", POLICY.replace("LEAST", "50"))
    scene.write("new.lua", POLICY.replace("LEAST", "20"))
    return scene


def test_a_changed_policy_is_asked_what_it_would_have_decided(past):
    code, same = past.json("replay", "same.lua")
    assert (code, same["differ"], same["failed"]) == (GOOD, 0, 0), same
    assert same["records"] >= 3 and same["awayThenMs"] == same["awayNowMs"] > 0
    code, new = past.json("replay", "new.lua")
    assert code == DIFFERS and new["differ"] >= 1, new
    first = new["differences"][0]
    assert (first["then"]["verdict"], first["then"]["reason"]) == ("withdraw", "load 30")
    assert (first["now"]["verdict"], first["now"]["attributes"]) == ("announce", {"med": 130})
    # Away until the first decision, with either.
    assert new["awayThenMs"] == same["awayThenMs"] > new["awayNowMs"]
    done = past.command("replay", "new.lua", "--route", "web")
    assert done.returncode == DIFFERS and done.stderr.startswith("the records begin at ")


def test_the_page_shows_a_replay(scene):
    """Of records with nothing but the members that count."""
    state = scene.folder / "state"
    state.mkdir(mode=0o700)
    lines = []
    for number, (second, load) in enumerate([(0, 80), (40, 30), (80, 70)], 1):
        verdict = "withdraw" if load < 50 else "announce"
        word = {"verdict": verdict, "reason": f"load {load}"}
        if verdict == "announce":
            word["attributes"] = {"med": 100 + load}
        lines.append(json.dumps({
            "id": number, "type": "decision", "at": (HOUR + second) * 1000, "route": "web", "verdict": verdict,
            "layer": "policy", "reason": word["reason"], "was": "withdraw" if number != 2 else "announce", "health": "up",
            "policy": {"key": "policy", "hash": "0" * 16, "verdict": word},
            "context": {"kind": "route", "health": "up", "data": {"load": load}, "standing": {"announced": number == 2},
                        "route": {"name": "web", "text": "route 192.0.2.1/32 next-hop self"}}}, separators=(",", ":")))
    (state / "decisions.1").write_text("\n".join(lines) + "\n")
    scene.write("new.lua", POLICY.replace("LEAST", "20"))
    done = scene.command("replay", "new.lua", "--since", "2026-11-23T02:13:20Z", "--until", "2026-11-23T02:15:00Z")
    assert done.returncode == DIFFERS and done.stderr == "", done
    samples.compare("replay-people", "$ bgpcommander replay new.lua --since 02:13:20 --until 02:15\n" + done.stdout)


def test_one_decision_of_the_past_is_asked_again(past):
    gone = next(one for one in past.decisions() if one["verdict"] == "withdraw")
    code, said = past.json("eval", "--record", str(gone["id"]))
    assert (code, said["verdict"], said["reason"], said["differs"]) == (GOOD, "withdraw", "load 30", False), said
    code, said = past.json("eval", "new.lua", "--record", str(gone["id"]))
    assert (code, said["verdict"], said["differs"]) == (DIFFERS, "announce", True)
    assert said["recorded"] == {"verdict": "withdraw", "reason": "load 30"}
    assert said["command"].endswith("med 130")
    done = past.command("eval", "new.lua", "--record", "999999999")
    assert done.returncode == NOTHING and "there is none with this number" in done.stderr
    # What `why` tells is a context, too.
    past.write("why.json", past.command("why", "--id", str(gone["id"]), "--json").stdout)
    code, said = past.json("eval", "new.lua", "--ctx", "why.json")
    assert (code, said["attributes"]) == (GOOD, {"med": 130})


def test_what_the_daemon_would_ask_now_is_asked(past):
    code, said = past.json("eval", "--route", "web")
    assert (code, said["verdict"], said["attributes"], said["reads"]) == (GOOD, "announce", {"med": 170}, ["load"]), said
    assert said["command"] == "announce route 10.8.0.1/32 next-hop self med 170"
    code, said = past.json("eval", "new.lua", "--route", "web")
    assert (code, said["attributes"]) == (GOOD, {"med": 170})
    done = past.command("eval", "--route", "no-such")
    assert done.returncode == NOTHING and done.stderr != ""


def test_a_policy_that_fails_is_told_and_changes_nothing(past):
    past.write("broken.lua", "return function(ctx) return ctx.no.such end")
    code, said = past.json("replay", "broken.lua")
    assert code == FAILED and said["failed"] >= 3
    assert "broken.lua:1:" in json.dumps(said["differences"])
    assert past.daemon.settled_state("web") == "announced"


def test_records_are_read_without_a_daemon(past):
    gone = next(one for one in past.decisions() if one["verdict"] == "withdraw")
    past.daemon.close()
    past.daemon = None
    code, new = past.json("replay", "new.lua")
    assert code == DIFFERS and new["differences"][0]["then"]["reason"] == "load 30"
    code, said = past.json("eval", "new.lua", "--record", str(gone["id"]))
    assert (code, said["verdict"]) == (DIFFERS, "announce")


OLD, NEW = 100, 60  # milliseconds of latency above which a route is away


def latency(route, second):
    """A made-up hour: a slow morning, two short peaks, noise."""
    wave = 40 + 25 * math.sin(second / 300 + route) + (70 if second % 1200 < 45 + 10 * route else 0)
    return round(wave + 5 * math.sin(second * 7.1 + route), 1)


def rule(limit, route, second):
    return "withdraw" if latency(route, second) > limit else "announce"


def hour_of_records(folder, routes):
    """Two questions a minute for each route and one whenever its verdict changes, as the daemon's worker answered them."""
    lines, number, verdicts = [], 0, {}
    for second in range(0, 3600, 5):
        for route in range(routes):
            verdict, load = rule(OLD, route, second), latency(route, second)
            before = verdicts.get(route, "withdraw")
            if verdict == verdicts.get(route) and second % 30 != 0:
                continue
            number += 1
            verdicts[route] = verdict
            reason = f"{load:g} ms"
            text = f"route 192.0.2.{route}/32 next-hop self"
            lines.append(json.dumps({
                "id": number, "type": "decision" if before != verdict else "input", "at": (HOUR + second) * 1000,
                "route": f"web{route}", "verdict": verdict, "layer": "policy", "reason": reason, "was": before,
                "health": "up", "policy": {"key": "policy", "hash": "0" * 16, "cpu_us": 20,
                                           "verdict": {"verdict": verdict, "reason": reason}},
                "context": {"now": HOUR + second, "kind": "route", "health": "up", "healthy": True,
                            "route": {"name": f"web{route}", "text": text, "attributes": {"next_hop": "self"}},
                            "checks": {"latency": {"state": "up", "data": {"ms": load}}}, "neighbors": [],
                            "standing": {"announced": before == "announce", "attributes": None}}},
                separators=(",", ":")))
    (folder / "decisions.1").write_text("\n".join(lines) + "\n")
    return number


def test_an_hour_on_record_is_replayed(scene):
    """What replay tells is what a look at each moment of that hour tells."""
    state = scene.folder / "state"
    state.mkdir(mode=0o700)
    routes = 20
    count = hour_of_records(state, routes)
    policy = ("return function(ctx) local ms = ctx.checks.latency.data.ms "
              "if ms > LIMIT then return withdraw(ms .. ' ms') end return announce{ reason = ms .. ' ms' } end")
    scene.write("old.lua", policy.replace("LIMIT", str(OLD)))
    scene.write("new.lua", policy.replace("LIMIT", str(NEW)))
    span = ("--since", "2026-11-23T02:13:20Z", "--until", "2026-11-23T03:13:20.000Z")
    code, old = scene.json("replay", "old.lua", *span)
    assert (code, old["records"], old["differ"], old["failed"]) == (GOOD, count, 0, 0), old
    code, new = scene.json("replay", "new.lua", *span)
    assert code == DIFFERS and new["records"] == count
    for route in range(routes):
        told = next(one for one in new["routes"] if one["route"] == f"web{route}")
        verdicts, asked, away = {}, [], {OLD: 0, NEW: 0}
        for second in range(0, 3600, 5):
            if rule(OLD, route, second) != verdicts.get("old") or second % 30 == 0:
                verdicts = {"old": rule(OLD, route, second), "new": rule(NEW, route, second)}
                asked.append(verdicts["old"] != verdicts["new"])
            away[OLD] += 5 * (verdicts["old"] == "withdraw")
            away[NEW] += 5 * (verdicts["new"] == "withdraw")
        assert (told["records"], told["differ"]) == (len(asked), sum(asked)), route
        assert (told["awayThenMs"], told["awayNowMs"]) == (away[OLD] * 1000, away[NEW] * 1000), route
    done = scene.command("replay", "new.lua", "--route", "web3", *span)
    assert done.returncode == DIFFERS and done.stdout.count("web3") > 1 and "web4" not in done.stdout


def test_a_time_without_records_and_wrong_times_are_told(past):
    done = past.command("replay", "new.lua", "--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z")
    assert done.returncode == NOTHING and "no decision is on record" in done.stderr
    done = past.command("replay", "new.lua", "--since", "1h", "--until", "2h")
    assert done.returncode == USAGE and "--since is later than --until" in done.stderr
    done = past.command("replay", "new.lua", "--since", "yesterday")
    assert done.returncode == USAGE and done.stderr.startswith("--since: ")
