"""A changed script decides once it has passed here; until then the one before it goes on deciding."""
import json
import socket

import pytest

from lua_scene import FAST, LOOP, Scene
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
    assert error == ("the version of routes/web/healthcheck in the store is not run: quarantined: web: killed three times "
                     "within ten minutes: not run until the script is changed; the last one before it that passed runs instead")
    # It has to pass again before its failures count.
    wait_for(lambda: check(scene)["reason"] == "the old one says so", "the old one runs")
    assert check(scene)["probation"] and daemon.route("web")["state"] == "announced"
    scene.tree.put("routes/web/options", json.dumps({"interval": "100ms", "fall": 1, "env": {"LOOP": "1", "OK": "1"}}))
    wait_for(lambda: daemon.route("web")["data"] == {"is": "old"}, "it passes")
    assert daemon.status()["workers"]["quarantined"] == 1 and daemon.route("web")["state"] == "announced"
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
    assert daemon.route("web")["state"] == "announced" and scene.withdrawn() == []


def test_the_first_version_has_none_to_go_on_with(scene):
    """A check that has never passed is replaced at once."""
    scene.put_route("web", 1, "#!lua\nerror('oh')\n", FAST)
    daemon = scene.start()
    scene.wait_error("web", "oh")
    scene.tree.put("routes/web/healthcheck", "#!lua\nreturn false, 'no'\n")
    daemon.wait_state("web", "withdrawn")
    assert check(scene)["candidate"] is None
