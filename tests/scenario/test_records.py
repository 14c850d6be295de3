"""Decision records and `why`: what is told is what happened, whoever was killed meanwhile and whatever the disk did."""
import json
import os
import re
import subprocess

import pytest

import lua_scene
from fake_exabgp import Daemon, Neighbor
from lua_scene import FAST
from wait import wait_for

TIME = r"\d\d:\d\d:\d\d\.\d\d\d"
AFTER = r"\(\+\d+ ms\)"


class Scene(lua_scene.Scene):
    def begin(self, *more, **options):
        self.daemon = Daemon(self.folder, f"file://{self.folder}/store", "/bgp", more=more, **options)
        return self.daemon

    def put_shell(self, name, number, flag, options=FAST, text="it is gone"):
        self.put_route(name, number, f"#!/bin/sh\ntest -f {flag} && exit 0\nprintf '{text}'\nexit 3\n", options)

    def put_plain(self, name, number, attributes="next-hop self"):
        self.tree.put(f"routes/{name}/config", f"route {self.net(number)} {attributes}")

    def why(self, *arguments):
        command = [os.environ["BGPCOMMANDER"], "why", *arguments, "-n", "n1", f"--state-dir={self.folder}/state",
                   f"--socket={self.folder}/sock", f"--scripts={self.folder}/scripts"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, env={**os.environ, "TZ": "UTC"})

    def told(self, *arguments):
        """By subject."""
        result = self.why(*arguments)
        assert result.returncode == 0 and result.stderr == "", result.stderr
        lines = result.stdout.splitlines()
        subjects = [line[:9].strip() for line in lines]
        assert subjects[:8] == ["route", "check", "counter", "rule", "command", "ack", "wire", "from"]
        assert subjects[8:] in ([], ["now"])
        return {line[:9].strip(): line[9:] for line in lines}

    def decisions(self, **request):
        answer = self.daemon.ask("decisions", **request)
        return answer and answer.get("decisions")

    def wait_noted(self, route, *types):
        """The newest decision of the route, when these have followed from it."""
        def noted():
            found = self.decisions(route=route, limit=1)
            return found and {note["type"] for note in found[0]["notes"]} >= set(types) and found[0]
        return wait_for(noted, f"{route}: {types}")

    def files(self):
        return sorted((self.folder / "state").glob("decisions.*"))

    def warned(self, text):
        status = self.daemon.status()
        return status is not None and any(text in line for line in status["warnings"])


def fallen(scene, name="web", **options):
    """A route that was announced and has been withdrawn by its check."""
    flag = scene.folder / "flag"
    flag.touch()
    scene.put_shell(name, 1, flag, **options)
    daemon = scene.begin()
    daemon.wait_state(name, "announced")
    scene.wait_noted(name, "wire")
    flag.unlink()
    daemon.wait_state(name, "withdrawn")
    scene.wait_noted(name, "sent", "ack", "wire")
    return daemon


def test_why_tells_a_withdraw_in_eight_lines(scene):
    fallen(scene, options=json.dumps({"interval": "100ms", "fall": 2}))
    told = scene.told("web")
    assert re.fullmatch(rf"web 10\.8\.0\.1/32: withdraw, decided \d{{4}}-\d\d-\d\d {TIME} \+0000 \(\d+s ago\); announced before; "
                        r"decision \d+", told["route"])
    assert told["check"] == 'healthcheck down: failed, exit code 3: "it is gone"'
    assert told["counter"] == "healthcheck down by 2 of 2 failures"
    assert told["rule"] == "health: health check failed: exit code 3"
    assert re.fullmatch(rf"{TIME} {AFTER} withdraw route 10\.8\.0\.1/32 next-hop self", told["command"])
    assert re.fullmatch(rf"{TIME} {AFTER}", told["ack"])
    assert re.fullmatch(rf"10\.99\.0\.2 {TIME} {AFTER}", told["wire"])
    assert re.fullmatch(r"a store without revisions; routes/web/healthcheck [0-9a-f]{16}", told["from"])


def test_a_record_tells_the_command_as_it_was_written(scene):
    daemon = fallen(scene)
    announced, = [one for one in scene.decisions(route="web") if one["verdict"] == "announce"]
    sent = {note["text"] for note in announced["notes"] if note["type"] == "sent"}
    assert sent <= set(daemon.exabgp.lines) and len(sent) == 1
    assert announced["was"] == "withdraw" and announced["health"] == "up" and announced["text"] in sent.pop()
    assert [note["type"] for note in announced["notes"]] == ["sent", "ack", "wire"]
    times = [announced["at"], *(note["at"] for note in announced["notes"])]
    assert times == sorted(times)


def test_the_decision_at_a_time_and_by_its_number(scene):
    fallen(scene)
    down, up = [one for one in scene.decisions(route="web") if one["verdict"] != "keep"][:2]
    moment = f"{(down['at'] - 1) // 1000}"
    stamp = subprocess.run(["date", "-u", "-d", f"@{moment}", "+%Y-%m-%dT%H:%M:%S"], capture_output=True, text=True).stdout.strip()
    at = f"{stamp}.{(down['at'] - 1) % 1000:03}Z"
    assert f"decision {up['id']}" in scene.told("web", "--at", at)["route"]
    assert f"decision {up['id']}" in scene.told("--id", str(up["id"]))["route"]
    assert f"decision {down['id']}" in scene.told("web", "--at", "0ms")["route"]
    assert f"decision {down['id']}" in scene.told("web")["route"]


def test_what_there_is_nothing_about_is_told_in_one_line_and_a_code(scene):
    scene.put_plain("web", 1)
    scene.put_plain("other", 2)
    scene.tree.put("node/n1/subscribedRoutes", "web")
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    wait_for(lambda: daemon.route("other"), "it is known")
    number = scene.wait_noted("web", "wire")["id"]
    for arguments, code, text in (
            (["nosuch"], 1, "there is no such route"),
            (["other"], 4, "no decision about this route is recorded: it is unsubscribed (subscription: not subscribed); the records "),
            (["other", "--at", "0ms"], 4, "no decision about this route is recorded before that; the records begin at "),
            (["--id", "99999"], 4, "there is no decision 99999 in the records, which begin at "),
            (["web", "--at", "5h"], 5, "the records begin at "),
            (["web", "--at", "soon"], 2, "--at: expected a time such as "),
            (["--id", "0"], 2, "--id: expected the number of a decision"),
            (["web", "--id", str(number)], 2, "usage: bgpcommander why ROUTE"),
            ([], 2, "usage: bgpcommander why ROUTE"),
            (["--id", str(number), "--at", "5m"], 2, "usage: bgpcommander why ROUTE")):
        result = scene.why(*arguments)
        assert (result.returncode, result.stdout) == (code, ""), arguments
        assert result.stderr.startswith(text) and result.stderr.count("\n") == 1, arguments


def test_why_as_json_is_the_daemons_answer(scene):
    fallen(scene)
    answer = json.loads(scene.why("web", "--json").stdout)
    assert [one["verdict"] for one in answer["decisions"]] == ["withdraw", "announce"]
    assert answer["lost"] == 0 and answer["begins"] > 0 and answer["more"] is False


# ---- restarts ----

def test_after_a_kill_the_decision_from_before_is_told_and_numbers_go_on(scene):
    daemon = fallen(scene)
    before = scene.told("web")
    last = scene.decisions(limit=1)[0]
    daemon.kill_core()
    daemon.wait_synced()
    found = wait_for(lambda: [one for one in scene.decisions(route="web") or [] if one["id"] > last["id"]], "it decided anew")
    assert all(one["verdict"] != "announce" for one in found)
    told = wait_for(lambda: (now := scene.told("web")) and "withdraw" in now["route"] and now, "it is told")
    number = re.search(r"decision (\d+)", before["route"])[1]
    assert f"decision {number}; left so by decision " in told["route"]
    for subject in ("check", "counter", "rule", "command", "ack", "wire", "from"):
        assert told[subject] == before[subject]
    ids = [json.loads(line)["id"] for path in scene.files() for line in path.read_text().splitlines()]
    assert ids == sorted(set(ids))


def test_what_stands_since_before_a_start_is_told_by_the_decision_that_announced_it(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    first = scene.wait_noted("web", "wire")
    daemon.kill_core()
    daemon.wait_synced()
    again = wait_for(lambda: (found := scene.decisions(route="web", limit=1)) and found[0]["id"] > first["id"] and found[0],
                     "it decided anew")
    assert again["standing"] is True and again["was"] == "announce" and again["notes"] == []
    assert not {"text", "prefix", "health"} & set(again)  # many such must not push out what happened before
    told = scene.told("web")
    assert f"decision {first['id']}; left so by decision {again['id']}" in told["route"]
    assert "announce route" in told["command"] and "10.99.0.2" in told["wire"]
    assert scene.told("--id", str(again["id"]))["command"] == "none: ExaBGP had it already when this core began"


def test_without_a_daemon_the_files_are_read(scene):
    daemon = fallen(scene)
    before = scene.told("web")
    daemon.close()
    now = scene.told("web")
    assert {**now, "route": ""} == {**before, "route": ""}
    assert scene.why("nosuch").returncode == 4
    for path in scene.files():
        path.unlink()
    result = scene.why("web")
    assert result.returncode == 3 and "no daemon of node n1 (-n) answers" in result.stderr


def test_torn_and_foreign_lines_are_passed_over(scene):
    daemon = fallen(scene)
    before = scene.told("web")
    daemon.close()
    with open(scene.files()[-1], "ab") as file:
        file.write(b'\xff\xfe\x00{"id":1}\n{"id":999999,"type":"decision","at":1,"route":"we')
    assert {**scene.told("web"), "route": ""} == {**before, "route": ""}
    daemon = scene.begin()
    daemon.wait_synced()
    scene.wait_noted("web")
    assert all(one["id"] < 999999 for one in scene.decisions())
    assert scene.told("web")["wire"] == before["wire"]


def test_what_a_start_changes_of_what_stands_is_told_whole(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
    daemon.close()
    scene.put_plain("web", 1, "next-hop self med 7")
    daemon = scene.begin()
    daemon.exabgp.rib.update(rib)
    daemon.wait_state("web", "announced")
    wait_for(lambda: "med 7" in (scene.wait_noted("web", "wire").get("text") or ""), "the change is recorded")
    told = scene.told("web")
    assert told["command"].endswith("announce route 10.8.0.1/32 next-hop self med 7")


def test_a_route_that_waits_for_its_check_is_no_record(scene):
    scene.put_route("web", 1, "#!/bin/sh\nexec tail -f /dev/null\n", json.dumps({"timeout": "60s"}))
    daemon = scene.begin()
    daemon.wait_state("web", "waiting")
    result = scene.why("web")
    assert result.returncode == 4
    assert "is recorded: it is waiting (health: no result of the health check yet); " in result.stderr
    assert scene.decisions() == []


# ---- what became of it ----

def test_another_text_is_a_decision_with_its_command(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    scene.wait_noted("web", "wire")
    scene.put_plain("web", 1, "next-hop self med 77")
    wait_for(lambda: "med 77" in (scene.wait_noted("web", "wire").get("text") or ""), "the new one is recorded")
    told = scene.told("web")
    assert "announce, decided" in told["route"] and "announced before" in told["route"]
    assert told["command"].endswith("announce route 10.8.0.1/32 next-hop self med 77")


def test_a_route_that_leaves_the_store_and_one_that_on_exit_withdraws_are_told(scene):
    scene.put_plain("web", 1)
    scene.put_plain("gone", 2)
    scene.tree.put("routes/web/options", json.dumps({"on_exit": "withdraw"}))
    daemon = scene.begin()
    daemon.wait_state("web", "announced")
    daemon.wait_state("gone", "announced")
    scene.tree.remove("routes/gone")
    wait_for(lambda: scene.wait_noted("gone", "sent")["verdict"] == "withdraw", "it is withdrawn")
    told = scene.told("gone")
    assert told["rule"] == "config: not in the store any more" and "withdraw route 10.8.0.2/32" in told["command"]
    daemon.close()
    told = scene.told("web")
    assert told["rule"] == "exit: bgpcommander ends, and on_exit says withdraw"
    assert "withdraw route 10.8.0.1/32" in told["command"]


def test_each_neighbor_is_told_by_its_wire_or_by_time(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin(neighbors=[Neighbor(), Neighbor(ip="10.99.1.2", local="10.99.1.1", wire=False)])
    daemon.wait_state("web", "announced")
    wait_for(lambda: len([note for note in scene.wait_noted("web", "wire")["notes"] if note["type"] == "wire"]) == 2, "both")
    assert re.fullmatch(rf"10\.99\.0\.2 {TIME} {AFTER}; 10\.99\.1\.2 {TIME} {AFTER} by time: it reports no updates",
                        scene.told("web")["wire"])


def test_what_the_wire_does_not_show_and_what_is_refused_is_told(scene):
    scene.put_plain("web", 1)
    scene.put_plain("bad", 2)
    daemon = scene.begin()
    daemon.exabgp.unseen = lambda prefix: prefix == "10.8.0.1/32"
    daemon.exabgp.refuse = lambda line: "announce" in line and "10.8.0.2/32" in line
    scene.wait_noted("bad", "refused")
    scene.wait_noted("web", "unconfirmed")
    told = scene.told("bad")
    assert "ExaBGP refused: announce route 10.8.0.2/32 next-hop self" in told["ack"] and told["wire"] == "-"
    assert scene.told("web")["wire"] == "10.99.0.2 NOT SEEN in time"
    daemon.exabgp.unseen = lambda prefix: False
    scene.wait_noted("web", "wire")
    assert scene.told("web")["wire"].endswith("ms) after repair") or " s) after repair" in scene.told("web")["wire"]


def test_of_a_line_for_many_routes_only_the_own_prefix_is_shown(scene):
    for number in range(20):
        scene.put_plain(f"r{number}", number)
    daemon = scene.begin()
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == 20, "all are announced")
    shared = wait_for(lambda: next((one for one in scene.decisions() if any(n["with"] > 1 and n["type"] == "sent"
                                                                          for n in one["notes"])), None), "a line is shared")
    told = scene.told(shared["route"])
    assert re.search(rf"nlri {re.escape(shared['prefix'])} \(one line with \d+ other routes\)$", told["command"])


def test_what_checks_print_cannot_command_a_terminal(scene):
    fallen(scene, text="\\033[31mred\\303\\244 \\001end")
    result = scene.why("web")
    assert all(" " <= byte <= "~" or byte == "\n" for byte in result.stdout)
    assert '"?[31mred?? ?end"' in result.stdout
    for path in scene.files():
        assert all(byte == 10 or 32 <= byte < 127 for byte in path.read_bytes())


# ---- the disk ----

def test_records_that_cannot_be_written_are_counted_and_routes_go_on(scene):
    scene.put_plain("r0", 0)
    daemon = scene.begin()
    daemon.wait_state("r0", "announced")
    scene.wait_noted("r0", "wire")
    path = scene.files()[-1]
    path.rename(scene.folder / "aside")
    path.mkdir()
    scene.put_plain("r1", 1)
    daemon.wait_state("r1", "announced")
    wait_for(lambda: scene.warned("decision records are not kept, "), "it says so")
    assert daemon.status()["recordsLost"] > 0
    path.rmdir()
    scene.put_plain("r2", 2)
    daemon.wait_state("r2", "announced")
    wait_for(lambda: daemon.status()["warnings"] == [], "it is over")
    scene.wait_noted("r2", "wire")
    answer = wait_for(lambda: (a := daemon.ask("decisions")) and a["lost"] and a, "what is missing is told")
    assert answer["lost"] == daemon.status()["recordsLost"]
    assert "decision records: kept again" in daemon.log()


def test_the_last_of_a_disk_is_left_to_the_journal(scene):
    """Announcements wait for the journal: records must not be what takes its room."""
    state = scene.folder / "state"
    state.mkdir(mode=0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", state], capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        scene.put_plain("r0", 0)
        daemon = scene.begin()
        daemon.wait_state("r0", "announced")
        scene.wait_noted("r0", "wire")
        kept = sum(path.stat().st_size for path in scene.files())
        (state / "filler").write_bytes(bytes(1900 * 1024))
        scene.put_plain("r1", 1)
        daemon.wait_state("r1", "announced")
        wait_for(lambda: scene.warned("No space left on device"), "it says so")
        assert sum(path.stat().st_size for path in scene.files()) == kept
        assert scene.net(1).encode() in (state / "journal").read_bytes()
        (state / "filler").unlink()
        scene.put_plain("r2", 2)
        scene.wait_noted("r2", "wire")
        wait_for(lambda: daemon.status()["warnings"] == [], "it is over")
        daemon.close()
    finally:
        subprocess.run(["umount", "-l", state], check=True)


def test_the_files_stay_within_their_size(scene):
    daemon = scene.begin("--records=1")
    for number in range(200):
        scene.put_plain(f"r{number}", number, "next-hop self as-path [ " + "65000 " * 200 + "]")
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == 200, "all are announced", 60)
    for med in range(3):
        for number in range(200):
            scene.put_plain(f"r{number}", number, f"next-hop self med {med} as-path [ " + "65000 " * 200 + "]")
        wait_for(lambda: len(daemon.exabgp.lines) and all(
            (r := daemon.route(f"r{n}")) and r["state"] == "announced" and f"med {med}" in r["text"] for n in (0, 199)), "it is", 60)
    wait_for(lambda: len(scene.files()) == 16 and scene.files()[0].name != "decisions.1", "old ones are gone")
    assert sum(path.stat().st_size for path in scene.files()) <= 1024 * 1024
    assert scene.wait_noted("r199", "wire")


def test_records_can_be_off(scene):
    scene.put_plain("web", 1)
    daemon = scene.begin("--records=off")
    daemon.wait_state("web", "announced")
    assert scene.files() == []
    result = scene.why("web")
    assert result.returncode == 4 and result.stderr.startswith("no decision is recorded yet")


def test_a_request_with_a_wrong_member_is_told_what_is_wrong(scene):
    daemon = scene.begin()
    daemon.wait_synced()
    assert daemon.ask("decisions", limit=5000) == {"error": "`limit` must be a number from 1 to 1000"}
    assert daemon.ask("decisions", route=["web"]) == {"error": "`route` must be a text"}


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_tell_each_decision_once(scene, limit):
    for number in range(20):
        scene.put_plain(f"r{number}", number)
    daemon = scene.begin()
    wait_for(lambda: (s := daemon.status()) and s["summary"]["announced"] == 20, "all are announced")
    whole = [one["id"] for one in scene.decisions(limit=1000)]
    seen, request = [], {}
    while True:
        answer = daemon.ask("decisions", limit=limit, **request)
        seen += [one["id"] for one in answer["decisions"]]
        if not answer["more"]:
            break
        request = {"before": seen[-1]}
    assert seen == whole == sorted(whole, reverse=True)
