"""Edits of a directory store: whose the files are, links, locks, what is left when it fails."""
import fcntl
import os
import stat

import pytest
from dir_lab import Hang
from edit_lab import DNS, WEB, Dir, Edit

OWNER = 65533


@pytest.fixture
def edit(tmp_path):
    return Edit(tmp_path, Dir(None, tmp_path))


def test_a_changed_file_keeps_owner_and_mode_and_a_new_one_is_its_folders(edit):
    routes = edit.store.tree.dir / "routes"
    os.chown(routes, OWNER, OWNER)
    edit.store.put("routes/WEB/config", WEB)
    config = routes / "WEB/config"
    os.chown(config, OWNER, 0)
    config.chmod(0o640)
    edit.run("route", "set", "WEB", WEB.replace("100", "5"))
    after = config.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (OWNER, 0, 0o640)
    edit.run("route", "set", "DNS", DNS)
    for path, mode in ((routes / "DNS", 0o755), (routes / "DNS/config", 0o644)):
        info = path.stat()
        assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (OWNER, OWNER, mode)


def test_a_link_is_not_replaced(edit, tmp_path):
    (tmp_path / "elsewhere").write_text(WEB + "\n")
    (edit.store.tree.dir / "routes/WEB").mkdir()
    config = edit.store.tree.dir / "routes/WEB/config"
    config.symlink_to(tmp_path / "elsewhere")
    errors = edit.run("route", "set", "WEB", DNS, "--options", "{}", code=3)[1]
    assert "a link: edit the file that it leads to" in errors and str(config) in errors
    assert config.is_symlink() and edit.store.all() == {"routes/WEB/config": WEB}


def test_no_link_below_the_directory_is_followed_to_write(edit, tmp_path):
    """Who may write into the store could else let an administrator write elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (edit.store.tree.dir / "routes/WEB").symlink_to(elsewhere)
    assert "a link on the way: edit what it leads to" in edit.run("route", "set", "WEB", WEB, code=3)[1]
    (elsewhere / "config").write_text(WEB + "\n")
    assert edit.run("route", "get", "WEB", "config")[0] == WEB + "\n"
    assert "a link on the way" in edit.run("route", "delete", "WEB", "--yes", code=3)[1]
    assert [path.name for path in elsewhere.iterdir()] == ["config"]


def test_a_key_that_cannot_be_had_is_said_so(edit):
    (edit.store.tree.dir / "node/edge1/subscribedRoutes").mkdir(parents=True)
    edit.store.put("routes/WEB/config", WEB)
    errors = edit.run("node", "subscribe", "edge1", "WEB", code=3)[1]
    assert "node/edge1/subscribedRoutes cannot be read: a directory: expected a file" in errors


def test_a_store_that_is_not_there_is_said_so(edit):
    edit.endpoints = "file:///nowhere/at/all"
    errors = edit.run("route", "set", "WEB", WEB, code=3)[1]
    assert "the store cannot be read" in errors and "/nowhere/at/all" in errors


def test_edits_wait_for_each_other(edit):
    fd = os.open(edit.store.tree.dir, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert "another edit holds the lock" in edit.run("route", "set", "WEB", WEB, "--timeout", "1s", code=3)[1]
    assert edit.store.all() == {}
    waiting = edit.start("route", "set", "WEB", WEB, "--timeout", "60s")
    fcntl.flock(fd, fcntl.LOCK_UN)
    assert waiting.wait(60) == 0
    os.close(fd)
    assert edit.store.all() == {"routes/WEB/config": WEB}


def test_what_fails_leaves_nothing_half_written(edit):
    """A folder stands where the second file's new text is to be prepared."""
    edit.store.put("routes/WEB/config", WEB)
    blocked = edit.store.tree.dir / "routes/WEB/.bgpcommander-edit.config"
    (blocked / "in the way").mkdir(parents=True)
    edit.run("route", "set", "WEB", DNS, "--options", '{"interval": 3}', code=3)
    assert edit.store.all() == {"routes/WEB/config": WEB}


def test_a_deleted_route_takes_its_empty_folder_along_and_no_more(edit):
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/DNS/config", DNS)
    edit.store.put("routes/DNS/README", "mine")
    edit.run("route", "delete", "WEB", "DNS", "--yes")
    assert edit.store.all() == {"routes/DNS/README": "mine"}
    assert not (edit.store.tree.dir / "routes/WEB").exists()


def test_a_file_system_that_hangs_holds_up_nobody(edit):
    edit.store.put("routes/WEB/config", WEB)
    try:
        hang = Hang(edit.store.tree.dir / "routes/WEB/config")
    except OSError as error:
        pytest.skip(f"fanotify: {error}")
    # Looking for leaks stops all threads first: that one does not stop.
    edit.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    try:
        assert "the store cannot be read: not within 1000 ms" in edit.run("route", "list", "--timeout", "1s", code=3)[1]
    finally:
        hang.release()
