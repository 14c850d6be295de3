"""A changed script decides once it has passed here; until then the one before it goes on deciding."""
import json
import os
import signal
import socket

import pytest

from lua_scene import FAST, LOOP, UP, Scene
from test_checks import Scene as World
from wait import wait_for

GOOD = "#!lua\nif options.env.OK == '0' then return false, 'the old one says so' end\nreturn true, {is = 'old'}\n"


def options(ok):
    return json.dumps({"interval": "100ms", "timeout": "200ms", "fall": 1, "env": {"OK": ok}})


def check(scene, name="web"):
    answer = scene.daemon.ask("checks", name=name)
    return answer["checks"][0] if answer and answer["checks"] else None


def stand(scene, script=GOOD):
    scene.put_route("web", 1, script, options("1"))
    daemon = scene.start()
    daemon.wait_state("web", "announced")
    wait_for(lambda: daemon.route("web")["health"] == "up", "it passed")
    return daemon


BAD = {
    "error": ("#!lua\nerror('oh')\n", "script error: web:2: oh"),
    "false": ("#!lua\nreturn false, 'not today'\n", "failed: not today"),
    "timeout": ("#!lua\ntime.sleep(60)\nreturn true\n", "timed out"),
    "syntax": ("#!lua\nreturn tru e\n", "script error: web:2:"),
    "endless": (LOOP, "killed"),
    "shell": ("exit 3\n", "failed: exit code 3"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_version_over_a_good_one_withdraws_nothing(scene, kind):
    script, told = BAD[kind]
    daemon = stand(scene)
    scene.tree.put("routes/web/healthcheck", script)
    error = scene.wait_error("web", told)["error"]
    assert error.startswith("new version of routes/web/healthcheck has not passed yet: ")
    assert error.endswith("; the old one decides")
    route = daemon.route("web")
    assert route["state"] == "announced" and route["health"] == "up" and route["data"] == {"is": "old"}
    shown = check(scene)
    assert shown["candidate"]["status"] and shown["candidate"]["hash"] != shown["running"]["hash"]
    # It is the old one that decides: also to withdraw.
    scene.tree.put("routes/web/options", options("0"))
    assert daemon.wait_state("web", "withdrawn")["reason"] == "health check failed: the old one says so"
    scene.tree.put("routes/web/options", options("1"))
    daemon.wait_state("web", "announced")
    # A later one that passes takes over.
    scene.tree.put("routes/web/healthcheck", GOOD.replace("old", "new"))
    wait_for(lambda: daemon.route("web")["data"] == {"is": "new"}, "the new one decides")
    assert daemon.route("web")["error"] is None and check(scene)["candidate"] is None
    scene.tree.put("routes/web/options", options("0"))
    assert daemon.wait_state("web", "withdrawn")["reason"] == "health check failed: the new one says so"
    wait_for(lambda: scene.worker()["checks"] == 1, "the worker knows one version only")


def test_a_new_version_that_passes_announces_what_the_old_one_kept_away(scene):
    daemon = stand(scene)
    scene.tree.put("routes/web/options", options("0"))
    daemon.wait_state("web", "withdrawn")
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn true, {is = 'new'}\n")
    daemon.wait_state("web", "announced")
    assert daemon.route("web")["data"] == {"is": "new"}


def ready_made(port, **more):
    check = {"use": "tcp", "host": "127.0.0.1", "port": port, **more}
    return json.dumps({"interval": "100ms", "timeout": "500ms", "fall": 1, "check": check})


def test_other_parameters_of_a_ready_made_check_are_another_version(scene):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        port = server.getsockname()[1]
        scene.tree.put("routes/web/options", ready_made(port))
        scene.tree.put("routes/web/config", f"route {scene.net(1)} next-hop self")
        daemon = scene.start()
        daemon.wait_state("web", "announced")
        wait_for(lambda: daemon.route("web")["health"] == "up", "it passed")
        # Nobody listens at port 1: a mistake, which the old parameters outlive, also to withdraw.
        scene.tree.put("routes/web/options", ready_made(1))
        assert "127.0.0.1 port 1: connection refused" in scene.wait_error("web", "has not passed yet")["error"]
        assert scene.withdrawn() == []
        server.close()
        assert f"port {port}: connection refused" in daemon.wait_state("web", "withdrawn")["reason"]
        scene.tree.put("routes/web/options", ready_made(other.getsockname()[1]))
        assert daemon.wait_state("web", "announced")["error"] is None


def test_the_old_version_again_ends_the_probation(scene):
    daemon = stand(scene)
    scene.tree.put("routes/web/healthcheck", "#!lua\nerror('oh')\n")
    scene.wait_error("web", "oh")
    scene.tree.put("routes/web/healthcheck", "#!lua\nerror('ah')\n")
    scene.wait_error("web", "ah")
    wait_for(lambda: scene.worker()["checks"] == 2, "there is one candidate")
    scene.tree.put("routes/web/healthcheck", GOOD)
    wait_for(lambda: daemon.route("web")["error"] is None, "nothing is wrong")
    wait_for(lambda: scene.worker()["checks"] == 1, "the candidate is gone")
    assert daemon.route("web")["data"] == {"is": "old"} and check(scene)["candidate"] is None


def test_a_shell_check_keeps_its_old_version_too(scene):
    daemon = stand(scene, '[ "$OK" != 0 ]\n')
    scene.tree.put("routes/web/healthcheck", "echo new; exit 9\n")
    scene.wait_error("web", "has not passed yet: failed: exit code 9; the old one decides")
    assert "new" in check(scene)["candidate"]["output"]
    scene.tree.put("routes/web/options", options("0"))
    assert daemon.wait_state("web", "withdrawn")["reason"] == "health check failed: exit code 1"


def test_the_version_before_a_quarantined_one_runs_instead(scene):
    """It passed once and then loops."""
    daemon = stand(scene)
    scene.tree.put("routes/web/healthcheck", "#!lua\nwhile options.env.LOOP do end\nreturn true, {is = 'new'}\n")
    wait_for(lambda: daemon.route("web")["data"] == {"is": "new"}, "the new one decides")
    scene.tree.put("routes/web/options", json.dumps({"interval": "100ms", "fall": 1, "env": {"LOOP": "1", "OK": "0"}}))
    error = scene.wait_error("web", "quarantined")["error"]
    assert error.startswith(
        "the version of routes/web/healthcheck in the store is not run: quarantined: web: killed three times within ten "
        "minutes: not run until the script is changed; the last one before it that passed runs instead")
    # It has to pass again before its failures count.
    wait_for(lambda: check(scene)["reason"] == "the old one says so", "the old one runs")
    assert check(scene)["probation"] and daemon.settled_state("web") == "announced"
    scene.tree.put("routes/web/options", json.dumps({"interval": "100ms", "fall": 1, "env": {"LOOP": "1", "OK": "1"}}))
    wait_for(lambda: daemon.route("web")["data"] == {"is": "old"}, "it passes")
    assert daemon.status()["workers"]["quarantined"] == 1 and daemon.settled_state("web") == "announced"
    shown = check(scene)
    assert shown["candidate"]["status"] == "quarantined" and shown["state"] == "up"
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn true, {is = 'third'}\n")
    wait_for(lambda: daemon.route("web")["data"] == {"is": "third"}, "a changed one takes over")
    assert daemon.route("web")["error"] is None and scene.withdrawn() == []


def test_a_bad_version_is_still_on_probation_after_a_restart(scene):
    daemon = stand(scene)
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn false, 'never'\n")
    scene.wait_error("web", "never")
    lastgood = scene.folder / "state" / "lastgood"
    wait_for(lambda: b"@probation/web" in lastgood.read_bytes(), "it is saved", errors=(OSError,))
    daemon.kill_core()
    wait_for(lambda: check(scene) and check(scene)["reason"] == "never", "the next core runs it")
    shown = check(scene)
    assert shown["probation"] and shown["candidate"] is None
    assert daemon.settled_state("web") == "announced" and scene.withdrawn() == []


def test_the_first_version_has_none_to_go_on_with(scene):
    """A check that has never passed is replaced at once."""
    scene.put_route("web", 1, "#!lua\nerror('oh')\n", FAST)
    daemon = scene.start()
    scene.wait_error("web", "oh")
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn false, 'no'\n")
    daemon.wait_state("web", "withdrawn")
    assert check(scene)["candidate"] is None


NO = "#!lua\nreturn false, 'never'\n"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    if made.daemon is not None:
        made.daemon.close()
        log = made.daemon.log()
        assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


def change_own(world):
    world.tree.put("routes/web/healthcheck", NO)


def change_to_shell(world):
    world.tree.put("routes/web/healthcheck", "exit 9\n")


def change_named(world):
    world.tree.put("checks/dns/script", NO)


def change_module(world):
    world.tree.put("lua/says", "return false\n")


def add_own(world):
    world.tree.put("routes/plain/options", FAST)
    world.tree.put("routes/plain/healthcheck", NO)


def add_named(world):
    world.put_check("late", script=NO)
    world.tree.put("routes/plain/options", json.dumps({"checks": ["late"], "fall": 1}))


CHANGES = [(change_own, "web"), (change_to_shell, "web"), (change_named, "user"), (change_module, "modular"), (add_own, "plain"),
           (add_named, "plain")]


@pytest.mark.parametrize("change, name", CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_what_changes_while_no_core_looks_withdraws_nothing(world, change, name):
    """Or under one that is killed before it can save what it saw."""
    world.put_route("web", 1, UP)
    world.put_check("dns")
    world.put_user("user", 2, ["dns"])
    world.tree.put("lua/says", "return true\n")
    world.put_route("modular", 3, "#!lua\nreturn require('says')\n")
    world.tree.put("routes/plain/config", f"route {world.net(4)} next-hop self")
    daemon = world.start()
    names = ("web", "user", "modular", "plain")
    for each in names:
        daemon.wait_state(each, "announced")
    lastgood = world.folder / "state" / "lastgood"
    wait_for(lambda: b"routes/web/healthcheck" in lastgood.read_bytes(), "it is saved", errors=(OSError,))
    core = wait_for(daemon.core, "a core answers")
    os.kill(core, signal.SIGSTOP)
    change(world)
    os.kill(core, signal.SIGKILL)

    def status(route):
        return [c["status"] for c in ((daemon.route(route) or {}).get("checks") or [])]
    wait_for(lambda: status(name) == ["failed"], "the next core runs it")
    for each in set(names) - {name, "plain"}:
        wait_for(lambda: status(each) == ["passed"], f"{each} goes on")
    assert daemon.route(name)["verdict"] != "withdraw" and daemon.settled_state(name) == "announced"
    assert world.withdrawn() == []


def test_what_did_not_change_may_withdraw_after_a_restart(world):
    world.put_check("dns")
    world.put_user("user", 2, ["dns"])
    world.put_route("web", 1, GOOD, options("1"))
    daemon = world.start()
    daemon.wait_state("user", "announced")
    daemon.wait_state("web", "announced")
    lastgood = world.folder / "state" / "lastgood"
    wait_for(lambda: b"routes/web/healthcheck" in lastgood.read_bytes(), "it is saved", errors=(OSError,))
    core = wait_for(daemon.core, "a core answers")
    os.kill(core, signal.SIGSTOP)
    world.tell("dns", "0")
    world.tree.put("routes/web/options", options("0"))
    os.kill(core, signal.SIGKILL)
    daemon.wait_state("user", "withdrawn")
    daemon.wait_state("web", "withdrawn")


def test_the_old_version_keeps_its_parameters_when_another_ready_made_check_is_used(world):
    """The port of the new one is none where the old one finds anything."""
    with socket.create_server(("127.0.0.1", 0)) as service, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        def use(check, server):
            world.tree.put("checks/svc/options", json.dumps({"interval": "100ms", "fall": 1, "check": {
                "use": check, "host": "127.0.0.1", "port": server.getsockname()[1]}}))
        use("tcp", service)
        world.put_user("web", 1, ["svc"])
        daemon = world.start()
        daemon.wait_state("web", "announced")
        use("ntp", closed)
        wait_for(lambda: (world.check("svc")["candidate"] or {}).get("status") == "failed", "the new one fails")
        service.settimeout(10)
        # Those that wait were made before the change; of the ones after it, each would have failed.
        for _ in range(20):
            service.accept()[0].close()
        shown = world.check("svc")
        assert shown["state"] == "up" and shown["running"]["status"] == "passed" and world.withdrawn() == []
        daemon.kill_core()
        wait_for(lambda: (world.check("svc") or {}).get("probation"), "the next core has but the new one")
        assert daemon.settled_state("web") == "announced" and world.withdrawn() == []


def test_what_is_held_by_a_check_that_says_nothing_is_told_with_the_reason(world):
    """And never that it passed."""
    world.put_check("broken", script="#!lua\nerror('oh')\n")
    world.tree.put("routes/stands/config", f"route {world.net(1)} next-hop self")
    world.tree.put("routes/own/config", f"route {world.net(2)} next-hop self")
    world.tree.put("checks/bad/script", "")
    world.put_user("bad", 3, ["bad"])
    daemon = world.start()
    for name in ("stands", "own"):
        daemon.wait_state(name, "announced")
    world.wait_reason("bad", "no good version of check bad is in the store: stays withdrawn")
    world.put_user("stands", 1, ["broken"])
    world.wait_reason("stands", "check broken: script error: broken:2: oh: stays announced")
    world.tree.put("checks/broken/script", NO)
    told = "check broken has not passed yet, until then its failures do not count: failed: never"
    world.wait_reason("stands", told + ": stays announced")
    wait_for(lambda: told in daemon.status()["warnings"], "the status tells it")
    world.tree.put("routes/own/options", FAST)
    world.tree.put("routes/own/healthcheck", "exit 3\n")
    told = "health check has not passed yet, until then its failures do not count: failed: exit code 3"
    world.wait_reason("own", told + ": stays announced")
    assert daemon.route("own")["error"] == told and world.withdrawn() == []
    world.tree.put("routes/own/healthcheck", "exit 0\n")
    world.wait_reason("own", "health check passed")
    assert daemon.route("own")["error"] is None


def test_a_version_that_this_node_does_not_run_is_told(world):
    (world.folder / "none.conf").write_text("shell off\n")
    world.put_route("web", 1, UP)
    daemon = world.start()
    daemon.wait_state("web", "announced")
    world.tree.put("routes/web/healthcheck", "exit 1\n")
    world.wait_error("web", "new version of routes/web/healthcheck has not passed yet: could not be started: shell is off in the "
                            "node file; the old one decides")
    assert daemon.settled_state("web") == "announced"
