"""The daemon's own keys in a directory store: written beside what people write, and nowhere else."""
import os

import pytest
from dir_lab import FIRST, NOBODY, OTHER, barrier, lab, started, tree  # noqa: F401
from wait import nothing_happens_for, wait_for


def own(tree):
    """{key: content} of node/n1."""
    root = tree.path("node/n1")
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def publish(probe, **more):
    probe.say("enable")
    keys = {"status": "{}", "routes/web/state": "announce", "neighbors/10.0.0.1/state": "up",
            "neighbors/2001:db8::1/reason": ""}
    for key, value in keys.items():
        probe.say(f"publish node/n1/{key} {value}")
    return {"subscribedRoutes": "web\n", **{key: value + "\n" for key, value in {**keys, **more}.items()}}


def test_own_keys_are_written_and_removed_when_it_leaves(lab, tree):
    probe = started(lab)
    written = publish(probe)
    wait_for(lambda: own(tree) == written, "all are written")
    assert tree.path("node/n1/status").stat().st_mode & 0o7777 == 0o644
    probe.say("unpublish node/n1/neighbors/2001:db8::1/reason")
    probe.say("publish node/n1/status {1}")
    probe.say("publish node/n1/routes/../../../escape/state x")
    probe.say("publish routes/web/config x")
    del written["neighbors/2001:db8::1/reason"]
    wait_for(lambda: own(tree) == {**written, "status": "{1}\n"}, "one is removed, one changed")
    assert not tree.path("node/n1/neighbors/2001:db8::1").exists()
    assert probe.lists() == 1, "own keys are no change of the store"
    tree.put("node/n1/routes/web/note", "of somebody else")
    probe.say("leave")
    probe.wait("left")
    assert own(tree) == {"subscribedRoutes": "web\n", "routes/web/note": "of somebody else"}
    assert not tree.path("node/n1/neighbors").exists()
    assert probe.told("publish_state") == []


def test_own_keys_that_nobody_wants_are_removed_and_missing_ones_put_back(lab, tree):
    tree.put("node/n1/routes/old/state", "announce\n")
    tree.put("node/n1/neighbors/10.9.9.9/state", "up\n")
    tree.put("node/n1/neighbors/10.9.9.9/note", "of somebody else")
    tree.put("node/n2/routes/old/state", "announce\n")
    probe = started(lab, rescan_ms=300)
    written = {**publish(probe), "neighbors/10.9.9.9/note": "of somebody else"}
    wait_for(lambda: own(tree) == written, "stale ones are removed")
    assert tree.get("node/n2/routes/old/state") == "announce\n"
    tree.remove("node/n1/routes/web/state")
    tree.remove("node/n1/status")
    wait_for(lambda: own(tree) == written, "they are put back")


def test_no_link_leads_own_keys_away(lab, tree):
    outside = lab.folder / "outside"
    outside.mkdir()
    (outside / "victim").write_text("untouched")
    tree.path("node/n1/status").symlink_to(outside / "victim")
    tree.path("node/n1/routes").symlink_to(outside)
    tree.path("node/n1/.bgpcommander-new").symlink_to(outside / "victim")
    probe = started(lab)
    publish(probe)
    problem = probe.wait("publish_state")[1]
    assert problem == f"cannot make the directory {tree.dir}/node/n1/routes: not a directory (a link is not followed)"
    wait_for(lambda: tree.get("node/n1/status") == "{}\n", "the link is replaced, not followed")
    assert not tree.path("node/n1/status").is_symlink()
    assert sorted(path.name for path in outside.iterdir()) == ["victim"]
    assert (outside / "victim").read_text() == "untouched"
    tree.path("node/n1/routes").unlink()
    assert probe.wait("publish_state") == ["publish_state", None]
    assert tree.get("node/n1/routes/web/state") == "announce\n"


def test_a_directory_in_the_place_of_an_own_key_is_told_and_the_others_are_written(lab, tree):
    tree.path("node/n1/status").mkdir()
    probe = started(lab)
    publish(probe)
    assert probe.wait("publish_state")[1].startswith(f"cannot write {tree.dir}/node/n1/status: ")
    wait_for(lambda: tree.get("node/n1/routes/web/state") == "announce\n", "the others")
    tree.path("node/n1/status").rmdir()
    assert probe.wait("publish_state") == ["publish_state", None]
    assert tree.get("node/n1/status") == "{}\n"


def test_a_directory_that_may_not_be_written_is_said_once(lab, tree):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    probe = started(lab, user=NOBODY, pause_ms=100)
    publish(probe)
    assert probe.wait("publish_state")[1] == f"cannot write {tree.dir}/node/n1/status: permission denied"
    tree.put("routes/web/config", OTHER)
    assert probe.list()["routes/web/config"] == OTHER
    probe.say("publish node/n1/neighbors/10.0.0.2/state up")
    nothing_happens_for(0.5, "several tries to write", lambda: None)
    probe.say("age")
    probe.wait("age")
    assert len(probe.told("publish_state")) == 1
    os.chown(tree.path("node/n1"), NOBODY, NOBODY)
    assert probe.wait("publish_state") == ["publish_state", None]
    assert tree.get("node/n1/status") == "{}\n"


def test_own_keys_make_no_work(lab, tree):
    probe = started(lab, rescan_ms=60000)
    written = publish(probe)
    wait_for(lambda: own(tree) == written, "all are written")
    barrier(probe, tree, FIRST)

    def write():
        write.number += 1
        probe.say(f"publish node/n1/status {write.number}")
        probe.say(f"publish node/n1/routes/r{write.number % 9}/state announce")
    write.number = 0
    nothing_happens_for(0.7, "many rounds of writing", write)
    wait_for(lambda: tree.get("node/n1/status") == f"{write.number}\n", "the last is written")
    probe.say("age")
    # The time since the tree was last looked at.
    assert probe.wait("age")[1] > 600


def test_nothing_is_written_or_removed_before_core_says_so(lab, tree):
    tree.put("node/n1/status", "of another")
    probe = started(lab, stale_ms=0)
    probe.say("publish node/n1/status {}")
    barrier(probe, tree, FIRST)
    probe.say("leave")
    probe.wait("left")
    assert tree.get("node/n1/status") == "of another"
