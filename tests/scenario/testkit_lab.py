"""Files of tests for `bgpcommander test`, and what it says of them."""
import json
import os
import re
import subprocess

PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
PASSED, FAILED, USAGE = 0, 1, 2


def bgp_test(*words):
    return subprocess.run([PROGRAM, "test", *words], capture_output=True, text=True, timeout=400)


def put(name, text):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w") as file:
        file.write(text)


def run_json(*words, **files):
    """Of a script check.lua and its tests."""
    for name, text in files.items():
        put(name.replace("__", "/") + ".lua", text)
    done = bgp_test("--json", *(words or ["."]))
    assert done.stdout.count("\n") == 1, done
    return json.loads(done.stdout)


def failures(found):
    return {test["name"]: test["message"] for test in found["tests"] if not test["ok"]}


def shown(done):
    return re.sub(r"\(\d+\.\d\d s\)", "(0.02 s)", done.stdout) + done.stderr
