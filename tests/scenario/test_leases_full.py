"""Routes of the API on a disk that is full or fails: what is removed stays removed, what is refused never stands."""
import json
import shutil
import subprocess
import zlib

import pytest

from fake_exabgp import default_program
from lease_lab import A, B, C, World
from wait import wait_for


class FullWorld(World):
    """Its state directory is a disk of its own."""

    @property
    def state(self):
        return self.folder / "state"

    def mount(self):
        self.state.mkdir(mode=0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", self.state], capture_output=True)
        if done.returncode != 0:
            pytest.skip("needs the right to mount")

    def fill(self):
        """To the last byte that somebody else can have."""
        with (self.state / "ballast").open("ab", buffering=0) as file:
            for size in (65536, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def empty(self):
        (self.state / "ballast").unlink()


@pytest.fixture
def world(tmp_path):
    made = FullWorld(tmp_path)
    try:
        yield made
        made.close()
    finally:
        subprocess.run(["umount", "-l", made.state], capture_output=True, check=False)


def add_lines(world, *lines):
    with world.file.open("ab") as file:
        for line in lines:
            file.write(line)


def line_of(record):
    text = json.dumps(record, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x} {text}\n".encode()


def make_grown(world):
    """Most of it is of no use any more."""
    record = {**world.records()[-1]}
    for key in ("put", "leave", "forget", "name", "text", "owner", "reason", "source", "since", "ttl", "left", "same"):
        record.pop(key, None)
    add_lines(world, *[line_of({"clock": 1, **record})] * 900)


FILES = {
    "whole": lambda world: None,
    "grown": make_grown,
    "torn": lambda world: add_lines(world, b'12345678 {"leave":1,"wall":17'),
    "damaged": lambda world: add_lines(world, b"12345678 {}\n", line_of(world.records()[-1])),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_removed_on_a_full_disk_is_removed_for_ever(world, kind):
    world.mount()
    world.start()
    for name, net in (("a", A), ("b", B), ("old", C)):
        world.put(name, net)
    world.api.remove("old", wait="wire")
    rib = world.stop()
    FILES[kind](world)
    world.fill()
    world.start(rib=rib)
    gone = world.api.remove("a", wait="none")
    assert "error" not in gone, gone
    world.wait_prefixes(B)
    rib = world.stop()
    world.start(rib=rib)
    assert world.daemon.route("api:a") is None and world.daemon.route("api:b")
    assert kind == "damaged" or not any("damaged" in line for line in world.daemon.status()["warnings"])
    world.empty()
    wait_for(lambda: not any("routes of the API: cannot" in line for line in world.daemon.status()["warnings"]), "it is mended")
    world.put("c", C)
    assert world.prefixes() == {B, C} and not any(A in line for line in world.announced())
    world.again()
    world.daemon.wait_state("api:b", "announced")
    assert world.daemon.route("api:a") is None


def test_all_of_many_can_be_removed_on_a_full_disk(world):
    """The room that they need is more than what the file has by chance."""
    count = 600
    world.mount()
    world.start()
    for i in range(count):
        world.put(f"r{i}", f"10.71.{i // 250}.{i % 250}/32", state=None, wait="none")
    wait_for(lambda: len(world.prefixes()) == count, "all are announced", 60)
    world.fill()
    for i in range(count):
        gone = world.api.remove(f"r{i}", wait="none")
        assert "error" not in gone, (i, gone)
    world.wait_prefixes(seconds=60)
    world.again()
    assert [r for r in world.daemon.ask("routes")["routes"] if r["name"].startswith("api:")] == []


# ---- a disk that fails ----

BREAKER = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static int breaks(int fd) {
  const char *file = getenv("BREAK_FILE");
  char link[64], name[4096] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (file == NULL || access(file, F_OK) != 0 || readlink(link, name, sizeof name - 1) < 0 ||
      strstr(name, "/leases") == NULL) {
    return 0;
  }
  errno = EIO;
  return 1;
}
int fdatasync(int fd) { return breaks(fd) ? -1 : (int)syscall(SYS_fdatasync, fd); }
int fsync(int fd) { return breaks(fd) ? -1 : (int)syscall(SYS_fsync, fd); }
int ftruncate(int fd, off_t length) { return breaks(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, length); }
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }
"""


def break_disk(world, is_broken):
    path = world.folder / "break"
    if is_broken:
        path.write_text("")
    else:
        path.unlink()


def start_breakable(world, **options):
    """Core gets an environment without anything of ours: so a script is put in the place of its program, and the first core
    is killed."""
    if shutil.which("cc") is None:
        pytest.skip("needs a compiler")
    source = world.folder / "breaker.c"
    source.write_text(BREAKER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", world.folder / "breaker.so", source], check=True)
    world.start(**options)
    world.script("bgpcommander", [
        "#!/bin/sh",
        f"export LD_PRELOAD={world.folder}/breaker.so BREAK_FILE={world.folder}/break",
        "export ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS",
        "echo its disk can break >&2",
        f'exec {default_program()} "$@"'])
    world.daemon.kill_core()
    wait_for(lambda: "its disk can break" in world.daemon.log()[world.logged:], "a core whose disk can break", 30)
    world.daemon.wait_synced(30)
    wait_for(world.hears, "it answers", 30)


def test_a_put_that_could_be_neither_written_nor_taken_back_is_told_as_unknown(world):
    start_breakable(world)
    world.put("a", A)
    break_disk(world, True)
    answer = world.api.put("b", f"route {B} next-hop self")
    assert answer["status"] == 504 and world.daemon.route("api:b") is None, answer
    again = world.api.put("b", f"route {B} next-hop self")
    assert again["status"] == 503, again
    break_disk(world, False)
    wait_for(lambda: not any("routes of the API" in line for line in world.daemon.status()["warnings"]), "it is mended")
    assert {r["name"] for r in world.kept()} == {"api:a"}, "it was taken out of the file at once"
    world.put("c", C)
    world.again()
    world.daemon.wait_state("api:c", "announced")
    assert world.prefixes() == {A, C} and not any(B in line for line in world.announced())
