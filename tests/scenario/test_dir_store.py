"""The directory store: what files mean, and what is told when they change."""
import itertools
import os
import pathlib
import resource
import socket
import subprocess

import pytest
from dir_lab import FIRST, NOBODY, OTHER, WEB, Hang, barrier, lab, started, tree  # noqa: F401
from wait import nothing_happens_for, wait_for


def why(reason, tree, key):
    return (f"{reason} ({tree.dir}/{key})",)


def watches_most(number):
    """What to put before a program so that the kernel gives it no more inotify watches."""
    limit = ["unshare", "--user", "--map-root-user", "sh", "-c",
             f'echo {number} >/proc/sys/user/max_inotify_watches && exec "$@"', "sh"]
    if subprocess.run([*limit, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no user namespace can be made here")
    return limit


# ---- what is read ----

def test_every_key_of_the_tree_is_told(lab, tree):
    tree.put("routes/web/healthcheck", "#!/bin/sh\nexit 0\n")
    tree.put("routes/web/options", "{}")
    tree.put("routes/web/policy", "return 1")
    tree.put("routes/A.b_c-9/prefix", "192.0.2.0/24")
    tree.put("routes/A.b_c-9/config", "next-hop self")
    tree.put("node/n1/adminState", "down")
    tree.put("node/n2/subscribedRoutes", "other")
    tree.put("node/n1/labels", "{}")
    tree.put("node/n1/policy", "return 2")
    tree.put("node/n2/policy", "other")
    tree.put("policy", "return 3")
    tree.put("admission", "return 4")
    tree.put("policies", "no key")
    tree.put("checks/dns/script", "x")
    tree.put("checks/dns/options", "{}")
    tree.put("checks/dns/notes", "no key")
    tree.put("checks/README", "a file beside the checks")
    tree.put("lua/util", "return {}")
    tree.put("lua/.util.swp", "an editor's")
    os.makedirs(tree.path("lua/more/deep"))
    tree.put("data/sites", "[1]")
    tree.put("data/two words", "no name")
    tree.put("routes/README", "a file beside the routes")
    started(lab, {**FIRST, "routes/web/healthcheck": "#!/bin/sh\nexit 0\n", "routes/web/options": "{}",
                  "routes/web/policy": "return 1", "routes/A.b_c-9/prefix": "192.0.2.0/24",
                  "routes/A.b_c-9/config": "next-hop self", "node/n1/adminState": "down", "checks/dns/script": "x", "checks/dns/options": "{}",
                  "lua/util": "return {}", "data/sites": "[1]", "node/n1/labels": "{}", "node/n1/policy": "return 2", "policy": "return 3",
                  "admission": "return 4", "lua/more": why("a directory: expected a file", tree, "lua/more")})


SHARED = {"checks/dns/script": "x", "lua/util": "return {}", "data/sites": "[1]", "policy": "return 1", "admission": "return 1",
          "node/n1/policy": "return 1", "node/n1/labels": "{}"}


@pytest.mark.parametrize("key", SHARED)
def test_what_routes_share_comes_changes_and_goes(lab, tree, key):
    probe = started(lab)
    tree.put(key, SHARED[key])
    assert probe.list() == {**FIRST, key: SHARED[key]}
    tree.put(key, "other")
    assert probe.list() == {**FIRST, key: "other"}
    tree.remove(key)
    assert probe.list() == FIRST


@pytest.mark.parametrize("key", SHARED)
def test_what_routes_share_and_cannot_be_read_is_told_so(lab, tree, key):
    os.makedirs(tree.path(key).parent, exist_ok=True)
    os.symlink("nowhere", tree.path(key))
    started(lab, {**FIRST, key: why("the link leads nowhere", tree, key)})


def test_an_empty_directory_is_an_empty_list(lab):
    started(lab, {})


def test_names_that_can_be_no_route_are_told_only_beside_routes(lab, tree):
    names = [b"two words", b"line\nbreak", b"\xff\xfe", b"_x", b"a" * 200]
    for name in names:
        os.mkdir(os.path.join(os.fsencode(tree.dir), b"routes", name))
    os.mkdir(tree.path("routes/.git"))
    tree.path("routes/also bad but a file").write_text("")
    probe = started(lab, {**FIRST, "routes/two words": "", "routes/line\nbreak": "", "(not UTF-8)": "",
                          "routes/_x": "", "routes/" + "a" * 200: ""})
    tree.remove("routes/web")
    assert probe.list() == {"node/n1/subscribedRoutes": "web\n"}


def test_what_editors_leave_behind_is_no_key(lab, tree):
    probe = started(lab)
    for name in ("config~", ".config.swp", "4913", "#config#", "config.tmp123", ".#config", "config.bak", "healthcheck.orig", "healthcheck_test.lua"):
        tree.path("routes/web/" + name).write_text("half")
    tree.path("node/n1/subscribedRoutes~").write_text("*")
    barrier(probe, tree, FIRST)


# ---- changes ----

def test_a_change_a_new_route_and_a_deletion_are_lists(lab, tree):
    probe = started(lab)
    tree.put("routes/web/config", OTHER)
    assert probe.list() == {**FIRST, "routes/web/config": OTHER}
    tree.put("routes/dns/config", WEB)
    assert probe.list() == {**FIRST, "routes/web/config": OTHER, "routes/dns/config": WEB}
    tree.remove("routes/web")
    assert probe.list() == {"node/n1/subscribedRoutes": "web\n", "routes/dns/config": WEB}
    tree.remove("node/n1/subscribedRoutes")
    assert probe.list() == {"routes/dns/config": WEB}


def test_a_value_written_in_place_is_told(lab, tree):
    probe = started(lab)
    tree.path("routes/web/config").write_text(OTHER)
    assert probe.list() == {**FIRST, "routes/web/config": OTHER}


def test_a_change_of_the_same_size_in_the_same_moment_is_seen(lab, tree):
    probe = started(lab)
    times = os.stat(tree.path("routes/web/config"))
    tree.path("routes/web/config").write_text(WEB.replace("2.1/", "2.9/") + "\n")
    os.utime(tree.path("routes/web/config"), ns=(times.st_atime_ns, times.st_mtime_ns))
    assert probe.list()["routes/web/config"] == WEB.replace("2.1/", "2.9/") + "\n"


def test_a_file_that_is_truncated_and_written_is_never_empty(lab, tree):
    probe = started(lab, quiet_ms=300, quiet_most_ms=5000)
    for number in range(5):
        with open(tree.path("routes/web/config"), "w") as file:
            file.flush()
            os.fsync(file.fileno())
            file.write(f"route 192.0.2.{number}/32 next-hop self")
    assert probe.list()["routes/web/config"] == "route 192.0.2.4/32 next-hop self"


def test_a_file_that_stays_empty_is_told_so(lab, tree):
    probe = started(lab)
    tree.path("routes/web/config").write_text("")
    assert probe.list() == {**FIRST, "routes/web/config": ""}


def test_an_empty_file_is_believed_when_it_is_so_twice_even_without_events(lab, tree):
    probe = started(lab, watches_most=1, poll_ms=200, quiet_ms=1000, quiet_most_ms=4000)
    path = tree.path("routes/web/config")
    path.write_text("")
    # Found empty at the next look, and looked at again a second later: by then it is written.
    nothing_happens_for(0.6, "a look at the directory", lambda: None)
    path.write_text(OTHER)
    assert probe.list() == {**FIRST, "routes/web/config": OTHER}


def test_deleted_and_made_again_at_once_is_no_change(lab, tree):
    probe = started(lab, quiet_ms=1000, quiet_most_ms=9000)
    tree.remove("routes/web")
    tree.remove("node/n1")
    nothing_happens_for(0.2, "somebody who copies by hand", lambda: None)
    tree.put("routes/web/config", WEB + "\n")
    tree.put("node/n1/subscribedRoutes", "web\n")
    barrier(probe, tree, FIRST)


def test_routes_that_vanish_while_others_still_move_are_waited_for(lab, tree):
    """A copy that takes longer than the usual patience."""
    probe = started(lab, quiet_ms=100, quiet_most_ms=200, removal_most_ms=20000)
    tree.remove("routes/web")
    rounds = []

    def keep_moving():
        tree.path(f"routes/file{len(rounds)}").write_text("")
        rounds.append(probe.lists())
    nothing_happens_for(0.8, "a slow copy", keep_moving)
    assert probe.lists() == 1 and probe.lines.empty()
    tree.put("routes/web/config", WEB + "\n")
    barrier(probe, tree, FIRST)


# ---- links ----

def generation(tree, name, web):
    tree.put(f"{name}/routes/web/config", web)
    tree.put(f"{name}/node/n1/subscribedRoutes", "web\n")


def swap(tree, to):
    tree.path("..data_tmp").symlink_to(to)
    tree.path("..data_tmp").rename(tree.path("..data"))


def test_the_swap_of_a_mounted_config_map_is_one_change(lab):
    """As Kubernetes does it: a link to a directory of a generation is turned, then the old one is removed."""
    tree = lab.tree
    generation(tree, "..1", WEB)
    swap(tree, "..1")
    tree.path("routes").symlink_to("..data/routes")
    tree.path("node").symlink_to("..data/node")
    probe = started(lab, {"routes/web/config": WEB, "node/n1/subscribedRoutes": "web\n"})
    generation(tree, "..2", OTHER)
    swap(tree, "..2")
    tree.remove("..1")
    assert probe.list() == {"routes/web/config": OTHER, "node/n1/subscribedRoutes": "web\n"}
    for number in range(3, 6):
        generation(tree, f"..{number}", f"route 192.0.2.{number}/32 next-hop self")
        swap(tree, f"..{number}")
        tree.remove(f"..{number - 1}")
    while True:
        keys = probe.list()
        assert len(keys) == 2, "never half of a generation"
        if keys["routes/web/config"] == "route 192.0.2.5/32 next-hop self":
            break
    generation(tree, "..5", WEB)
    assert probe.list() == {"routes/web/config": WEB, "node/n1/subscribedRoutes": "web\n"}


def test_a_tree_that_is_exchanged_while_it_is_read_is_read_again(lab, monkeypatch):
    """Also where no event tells of it."""
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    tree = lab.tree
    generation(tree, "..1", WEB)
    generation(tree, "..2", OTHER)
    swap(tree, "..1")
    tree.path("routes").symlink_to("..data/routes")
    tree.path("node").symlink_to("..data/node")
    try:
        hang = Hang(tree.path("..1/routes/web/config"))
    except OSError as error:
        pytest.skip(f"fanotify: {error}")
    try:
        probe = lab.probe(before=watches_most(0), poll_ms=60000)
        wait_for(hang.is_met, "the probe opens the file")
        swap(tree, "..2")
    finally:
        hang.release()
    assert probe.list() == {"routes/web/config": OTHER, "node/n1/subscribedRoutes": "web\n"}


def test_a_store_behind_a_link_follows_the_link(lab):
    one, two = lab.new_tree("one"), lab.new_tree("two")
    for tree, value in ((one, WEB), (two, OTHER)):
        tree.put("routes/web/config", value)
    current = lab.folder / "current"
    current.symlink_to("one")
    probe = started(lab, {"routes/web/config": WEB}, endpoints=f"file://{current}/")
    (lab.folder / "next").symlink_to("two")
    (lab.folder / "next").rename(current)
    assert probe.list() == {"routes/web/config": OTHER}


def test_a_linked_file_is_watched_where_it_is(lab, tree):
    shared = lab.folder / "shared"
    shared.write_text(OTHER)
    tree.remove("routes/web/config")
    tree.path("routes/web/config").symlink_to(shared)
    probe = started(lab, {**FIRST, "routes/web/config": OTHER})
    shared.write_text(WEB)
    assert probe.list() == {**FIRST, "routes/web/config": WEB}


def test_links_in_a_circle_and_links_to_nothing_cannot_be_read(lab, tree):
    tree.path("routes/web/healthcheck").symlink_to("healthcheck")
    tree.path("routes/web/options").symlink_to("gone")
    tree.path("routes/lost").symlink_to("gone")
    tree.path("routes/self").symlink_to("self")
    tree.path("routes/web/prefix").symlink_to(".")
    keys = {"config", "prefix", "healthcheck", "options", "policy"}
    told = {**FIRST, "routes/web/healthcheck": why("links in a circle", tree, "routes/web/healthcheck"),
            "routes/web/options": why("the link leads nowhere", tree, "routes/web/options"),
            "routes/web/prefix": why("a directory: expected a file", tree, "routes/web/prefix"),
            **{f"routes/lost/{key}": why("the link leads nowhere", tree, f"routes/lost/{key}") for key in keys},
            **{f"routes/self/{key}": why("links in a circle", tree, f"routes/self/{key}") for key in keys}}
    started(lab, told)


def test_a_node_behind_a_link_to_nothing_is_not_an_empty_one(lab, tree):
    probe = started(lab)
    tree.path("node").rename(tree.path("away"))
    tree.path("node").symlink_to("gone")
    assert probe.wait("state", "unreachable")[2] == f"the link leads nowhere ({tree.dir}/node)"
    assert probe.lists() == 1


# ---- what cannot be read ----

def test_what_is_no_file_is_unreadable_and_nobody_waits_for_it(lab, tree):
    os.mkfifo(tree.path("routes/web/healthcheck"))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tree.path("routes/web/options")))
    tree.path("routes/web/policy").mkdir()
    tree.path("routes/web/prefix").symlink_to("/dev/zero")
    told = {**FIRST, "routes/web/healthcheck": why("a FIFO: expected a file", tree, "routes/web/healthcheck"),
            "routes/web/options": why("a socket: expected a file", tree, "routes/web/options"),
            "routes/web/policy": why("a directory: expected a file", tree, "routes/web/policy"),
            "routes/web/prefix": why("a device: expected a file", tree, "routes/web/prefix")}
    probe = started(lab, told)
    tree.path("routes/web/healthcheck").unlink()
    tree.put("routes/web/healthcheck", "true")
    assert probe.list() == {**told, "routes/web/healthcheck": "true"}


@pytest.mark.parametrize("key, most", [("config", 65536), ("options", 16384), ("healthcheck", 262144)])
def test_a_file_may_be_as_long_as_its_key(lab, tree, key, most):
    path = f"routes/web/{key}"
    tree.put(path, "x" * most)
    probe = started(lab, {**FIRST, path: "x" * most})
    tree.put(path, "x" * (most + 1))
    assert probe.list() == {**FIRST, path: why(f"longer than {most} bytes", tree, path)}


def test_a_huge_file_is_not_read(lab, tree):
    with open(tree.path("routes/web/healthcheck"), "w") as file:
        file.truncate(1 << 40)
    started(lab, {**FIRST, "routes/web/healthcheck": why("longer than 262144 bytes", tree, "routes/web/healthcheck")})


def test_rights_are_missing_and_given(lab, tree):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    tree.put("routes/web/healthcheck", "true")
    tree.put("routes/shut/config", OTHER)
    tree.path("routes/web/healthcheck").chmod(0)
    tree.path("routes/shut").chmod(0o600)
    keys = ("config", "prefix", "healthcheck", "options", "policy")
    told = {**FIRST, "routes/web/healthcheck": why("permission denied", tree, "routes/web/healthcheck"),
            **{f"routes/shut/{key}": why("permission denied", tree, f"routes/shut/{key}") for key in keys}}
    probe = started(lab, told, user=NOBODY)
    tree.path("routes/web/healthcheck").chmod(0o644)
    del told["routes/web/healthcheck"]
    assert probe.list() == {**told, "routes/web/healthcheck": "true"}
    tree.path("routes/shut").chmod(0o755)
    assert probe.list() == {**FIRST, "routes/web/healthcheck": "true", "routes/shut/config": OTHER}
    tree.path("routes").chmod(0o300)
    assert probe.wait("state", "unreachable")[2] == f"permission denied ({tree.dir}/routes)"
    tree.path("routes").chmod(0o755)
    probe.wait_connected()
    assert probe.lists() == 3


def test_an_admin_state_that_was_never_read_makes_the_store_wait(lab, tree):
    """It may say that nothing is to be announced."""
    tree.path("node/n1/adminState").mkdir()
    probe = lab.probe()
    assert probe.wait("state", "unreachable")[2] == why("a directory: expected a file", tree, "node/n1/adminState")[0]
    assert probe.lists() == 0
    tree.remove("node/n1/adminState")
    probe.wait_connected()
    assert probe.list() == FIRST
    tree.path("node/n1/adminState").mkdir()
    assert probe.list()["node/n1/adminState"] == why("a directory: expected a file", tree, "node/n1/adminState")


# ---- the directory itself ----

def test_a_directory_that_comes_goes_and_comes_back(lab):
    tree = lab.new_tree("deep")
    tree.dir.rmdir()
    tree.dir = tree.dir / "er"
    probe = lab.probe(tree=tree, poll_ms=60000)
    assert probe.wait("state", "unreachable")[2] == f"no such file or directory ({tree.dir})"
    tree.put("routes/web/config", WEB)
    probe.wait_connected()
    assert probe.list()["routes/web/config"] == WEB
    tree.dir.rename(lab.folder / "away")
    probe.wait("state", "unreachable")
    (lab.folder / "away" / "routes/web/config").write_text(OTHER)
    (lab.folder / "away").rename(tree.dir)
    probe.wait_connected()
    assert probe.list() == {"routes/web/config": OTHER}


def test_a_file_in_place_of_a_directory(lab, tree):
    probe = started(lab)
    tree.path("routes").rename(tree.path("away"))
    tree.path("routes").write_text("")
    assert probe.wait("state", "unreachable")[2] == f"not a directory ({tree.dir}/routes)"
    assert probe.lists() == 1


def test_without_descriptors_nothing_is_taken_for_gone(lab, tree):
    tree.put("routes/dns/config", OTHER)
    first = {**FIRST, "routes/dns/config": OTHER}
    probe = started(lab, first)
    pid = probe.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # All that are open, and two more: the tree can be entered, its files cannot be opened.
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 2, before[1]))
    tree.remove("routes/dns")
    tree.put("routes/web/config", OTHER)
    assert "oo many open files" in probe.wait("state", "unreachable")[2]
    assert probe.lists() == 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    probe.wait_connected()
    assert probe.list() == {**FIRST, "routes/web/config": OTHER}


def test_a_directory_that_hangs_is_told_and_holds_up_nobody(lab, tree, monkeypatch):
    # The leak checker stops each thread at the end, and waits for the one that cannot be stopped.
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    try:
        hang = Hang(tree.path("routes/web/config"))
    except OSError as error:
        pytest.skip(f"fanotify: {error}")
    try:
        probe = lab.probe(hang_ms=300)
        wait_for(hang.is_met, "the probe opens the file")
        assert probe.wait("state", "unreachable")[2] == f"does not answer ({tree.dir})"
        probe.say("age")
        assert probe.wait("age") == ["age", -1, "directory", ""]
        other = lab.probe(hang_ms=300)
        other.wait("state", "unreachable")
        # It ends although its thread hangs.
        other.close()
        lab.probes.remove(other)
        hang.release()
        probe.wait_connected()
        assert probe.list() == FIRST
    finally:
        hang.release()


def test_without_room_for_watches_it_is_polled_and_said(lab, tree):
    probe = lab.probe(watches_most=2, poll_ms=150)
    text = probe.wait("state", "connected")[2]
    assert text.startswith(f"file://{tree.dir}: looked") and "every 150 ms" in text and "fs.inotify.max_user_watches" in text
    assert probe.list() == FIRST
    tree.put("routes/web/config", OTHER)
    assert probe.list() == {**FIRST, "routes/web/config": OTHER}


def test_the_kernels_own_limit_of_watches(lab, tree):
    probe = lab.probe(before=watches_most(3), poll_ms=150)
    assert "fs.inotify.max_user_watches" in probe.wait("state", "connected")[2]
    assert probe.list() == FIRST
    tree.put("routes/web/config", OTHER)
    assert probe.list() == {**FIRST, "routes/web/config": OTHER}


def processor_seconds(probe):
    """Of all its threads, finer than the ticks of /proc/PID/stat."""
    tasks = pathlib.Path(f"/proc/{probe.process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def test_ten_thousand_routes(lab):
    tree = lab.tree
    for number in range(10000):
        folder = tree.path(f"routes/r{number}")
        folder.mkdir(parents=True)
        (folder / "config").write_text(f"route 10.{number // 250}.{number % 250}.1/32 next-hop self")
    limit = int(open("/proc/sys/fs/inotify/max_user_watches").read())
    if limit < 20000:
        pytest.skip(f"only {limit} watches")
    probe = lab.probe("quiet")
    assert probe.wait("entries", timeout=60) == ["entries", 10000]
    tree.put("routes/r5000/config", WEB)
    # A tenth of that without sanitizers.
    assert probe.wait("entries", timeout=5) == ["entries", 10000]
    tree.remove("routes/r77")
    assert probe.wait("entries", timeout=5) == ["entries", 9999]
    # Somebody who writes without an end does not keep us busy.
    path = tree.path("routes/r1/noise")
    before = processor_seconds(probe)
    turns = itertools.count()
    # Time enough in between for it to be quiet.
    nothing_happens_for(2, "much noise", lambda: next(turns) % 4 or path.write_text(""))
    used = processor_seconds(probe) - before
    assert 0.001 < used < 1, used


# ---- calls ----

def test_relist_tells_all_again(lab, tree):
    probe = started(lab)
    probe.say("relist")
    assert probe.list() == FIRST
    probe.say("age")
    age = probe.wait("age")
    assert 0 <= age[1] < 10000 and age[2:] == ["directory", f"file://{tree.dir}"]


@pytest.mark.parametrize("endpoints, fault", [
    ("file:///a,file:///b", "only endpoint"),
    ("http://127.0.0.1:1,file:///a", "only endpoint"),
    ("file://a/b", "absolute path"),
    ("file:/a", "absolute path"),
    ("file:///", "root directory"),
    ("file:///a%20b", "no %"),
    ("file:///" + "a" * 4000, "longer than"),
])
def test_endpoints_that_are_no_directory_are_refused(lab, endpoints, fault):
    probe = lab.probe(endpoints=endpoints)
    line = probe.wait("fault")
    assert fault in line[1]
    probe.process.wait(10)
    lab.probes.remove(probe)
