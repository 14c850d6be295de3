"""docs/writing-checks.md: each of its scripts gives what its last lines say, and is what the command above it does."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import samples

sys.path.insert(0, str(samples.ROOT / "tests/lint"))
from test_lua_api_examples import promised  # noqa: E402

SCRIPTS = [
    "wc-first", "wc-reason", "wc-data", "wc-score", "wc-careless", "wc-mistake", "wc-code", "wc-timeout", "wc-parallel",
    "wc-hysteresis", "wc-damping", "wc-metric", "wc-protocol", "wc-tls", "wc-curl", "wc-curl-resolve", "wc-curl-grep",
    "wc-dig", "wc-dig-short", "wc-nc", "wc-nc-talk", "wc-ping", "wc-openssl", "wc-route", "wc-data-key"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gives_what_it_says(world, name):
    text = samples.block(name)
    answer, expected = world.check(text), promised(text)
    if expected["verdict"] == "neutral" or name == "wc-careless":
        assert answer["error"] and answer["verdict"] == expected["verdict"], answer
    else:
        assert {member: answer[member] for member in expected} == expected, answer


def test_the_module_gives_what_its_user_says(world, tmp_path):
    (tmp_path / "web.lua").write_text(samples.block("wc-module"))
    text = samples.block("wc-require")
    answer, expected = world.check(text, "--modules", str(tmp_path)), promised(text)
    assert {member: answer[member] for member in expected} == expected, answer


def test_options_of_the_page_are_good_ones():
    names = ("wc-use", "wc-named", "readme-ready-made")
    probe = pathlib.Path(os.environ["BC_BUILD"]) / "tests/options_probe"
    text = "".join(samples.block(name).replace("\n", " ").strip() + "\n" for name in names)
    done = subprocess.run([probe], input=text, stdout=subprocess.PIPE, text=True, timeout=30)
    assert done.stdout == "ok\n" * len(names)


def test_the_readme_shows_a_check_that_works(world):
    text = samples.block("readme-lua")
    answer = world.check(text)
    assert answer["verdict"] == "up" and answer["data"]["rtt"] > 0
    answer = world.check(text.replace("192.0.2.53", "192.0.2.10"))
    assert answer["verdict"] == "down" and "refused" in answer["reason"]


def test_the_command_that_stores_a_script_writes_the_key(tmp_path):
    """With a stand-in for etcdctl."""
    (tmp_path / "check.lua").write_text("#!lua\nreturn true\n")
    (tmp_path / "etcdctl").write_text("#!/bin/sh\necho \"$*\"; cat\n")
    (tmp_path / "etcdctl").chmod(0o755)
    done = subprocess.run(["sh", "-euc", samples.block("wc-store")], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout=30)
    assert done.stdout == "put /bgp/routes/WEB/healthcheck\n#!lua\nreturn true\n"


@pytest.mark.parametrize("name", [name for name in SCRIPTS if "-- $ " in samples.block(name)])
def test_the_command_that_a_script_replaces_says_the_same(world, name):
    command = re.search(r"^-- \$ (.*)$", samples.block(name), re.M).group(1)
    program = "nc" if "nc -" in command else command.split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")
    done = world.run(["sh", "-c", command])
    assert done.returncode == 0, done
