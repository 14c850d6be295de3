"""The samples of docs/editing.md are what the commands say."""
import json
import os
import shlex
import subprocess

import samples

PROGRAM = os.environ["BGPCOMMANDER"]


def say(folder, block):
    """The block's commands in a shell, each with what it says on both outputs."""
    store = folder / "store"
    (store / "routes").mkdir(parents=True, exist_ok=True)
    (folder / "node.conf").touch()
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "BGPCOMMANDER_ENDPOINTS": f"file://{store}",
                   "BGPCOMMANDER_NODE": "edge1", "BGPCOMMANDER_CONFIG": str(folder / "node.conf"),
                   "BGPCOMMANDER_SCRIPTS": str(folder), "BGPCOMMANDER_STATE_DIR": str(folder / "state")}
    link = folder / "bgpcommander"
    if not link.exists():
        link.write_text(f"#!/bin/sh\nexec {shlex.quote(PROGRAM)} \"$@\"\n")
        link.chmod(0o755)
    said = []
    for line in block.splitlines():
        if line.startswith("$ "):
            done = subprocess.run(["sh", "-c", line[2:]], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            said += [line, done.stdout.rstrip("\n")]
    return "\n".join(said)


FIRST = """$ bgpcommander route set WEB route 172.16.1.5/32 next-hop self med 100
$ bgpcommander node subscribe edge1 WEB
$ bgpcommander route set WEB route 172.16.1.5/32 next-hop self med 50 --options '{"interval": 2}'
$ bgpcommander route list"""


def test_the_first_route(tmp_path):
    samples.compare("edit-first", say(tmp_path, FIRST))


def test_what_the_daemon_would_refuse(tmp_path):
    say(tmp_path, FIRST)
    (tmp_path / "check.lua").write_text("#!lua\nlocal answer = require 'http'\nreturn dwn(answer)\n")
    samples.compare("edit-refused", say(tmp_path, """\
$ bgpcommander route set WEB route 172.16.1.5/32 next-hop self med 4294967296 --healthcheck check.lua
$ bgpcommander route set MAIL 'attributes next-hop self nlri 172.16.1.5/32 172.16.1.6/32'
$ bgpcommander node subscribe edge1 MAIL"""))


def test_what_is_asked(tmp_path):
    say(tmp_path, FIRST)
    samples.compare("edit-asked", say(tmp_path, """\
$ bgpcommander node unsubscribe edge1 WEB
$ bgpcommander node down --dry-run"""))


def test_the_answer_for_programs(tmp_path):
    say(tmp_path, FIRST)
    real = say(tmp_path, "$ bgpcommander route set WEB --options '{\"interval\": 3}' --json").split("\n", 1)[1]
    assert json.loads(real)["outcome"] == "done"
    samples.compare("edit-json", real.replace('"refused":', '\n "refused":'))
