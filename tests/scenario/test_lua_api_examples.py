"""Each example of lua/api runs, and gives what its last lines say: `--> VERDICT`, the reason behind a colon, the data as
JSON; then a line for each that it logged."""
import json
import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tests/lint"))
import gen_lua_api  # noqa: E402

EXAMPLES = [
    "api-http-get", "api-http-head", "api-http-post", "api-http-request", "api-dns-query", "api-dns-resolve",
    "api-tcp-connect", "api-tls-connect", "api-Connection-send", "api-Connection-receive", "api-Connection-line",
    "api-Connection-expect", "api-Connection-starttls", "api-Connection-close", "api-udp-exchange", "api-icmp-ping",
    "api-exec-run", "api-parallel", "api-metric-gauge", "api-metric-counter", "api-state", "api-route", "api-check",
    "api-node", "api-options", "api-data", "api-require", "api-json-encode", "api-json-decode", "api-net-parse",
    "api-net-family", "api-net-length", "api-net-network", "api-net-broadcast", "api-net-contains", "api-net-compare",
    "api-net-enumerate", "api-log-debug", "api-log-info", "api-log-warn", "api-log-error", "api-time-now",
    "api-time-monotonic", "api-time-sleep", "api-time-date", "api-time-of"]


def examples():
    return {gen_lua_api.example_name(item): item.example() for item in gen_lua_api.items() if item.example()}


def test_every_function_has_an_example_and_each_is_run():
    functions = {gen_lua_api.example_name(item) for item in gen_lua_api.items() if item.kind == "function"}
    assert functions - set(EXAMPLES) == set() and sorted(examples()) == sorted(EXAMPLES)


def promised(text):
    """Verdict, reason, data and log of the last lines."""
    lines = re.search(r"((?:^--> .*\n)+)\Z", text, re.M).group(1).splitlines()
    verdict, reason, data = re.fullmatch(r"--> (\w+)(?:: (.*?))?(?: ([{\[].*))?", lines[0]).groups()
    return {"verdict": verdict, "reason": reason, "data": json.loads(data) if data else None,
            "log": [line[4:] for line in lines[1:]], "error": reason if verdict == "neutral" else None}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_says(world, name):
    text = examples()[name]
    answer = world.check(text)
    expected = promised(text)
    assert {member: answer[member] for member in expected} == expected, answer
