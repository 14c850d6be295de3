"""Each example of lua/api/policy.lua runs, and gives the verdict that its last line says: `--> JSON`."""
import json
import os
import pathlib
import re
import sys

import policy_frames
import pytest

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
sys.path[:0] = [str(ROOT / "tests/lint"), str(ROOT / "tests/bench")]
import gen_lua_api  # noqa: E402
import policy  # noqa: E402

EXAMPLES = ["policy-api-announce", "policy-api-withdraw", "policy-api-keep", "policy-api-admit", "policy-api-refuse"]
ADMISSION = ["policy-api-admit", "policy-api-refuse"]


def items():
    return gen_lua_api.items(gen_lua_api.POLICY_SOURCES)


def examples():
    return {gen_lua_api.example_name(item, "policy-api-"): item.example() for item in items() if item.example()}


def context(name):
    made = json.loads(policy.context(7))
    if name in ADMISSION:
        made = {"now": made["now"], "kind": "admission", "route": made["route"],
                "request": {"command": "announce", "owner": "ddos-desk", "ttl": 3600, "reason": "attack", "source": "192.0.2.9"}}
    return json.dumps(made)


@pytest.fixture(scope="module")
def worker():
    worker = policy_frames.Worker(os.environ["BGPCOMMANDER"])
    worker.send(policy_frames.world_frame(json.dumps(policy.WORLD_JSON)))
    yield worker
    worker.end()


def test_every_word_has_an_example_and_each_is_run():
    assert sorted(examples()) == sorted(EXAMPLES)
    words = [item for item in items() if item.kind == "function"]
    assert len(words) == len(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_says(worker, name):
    answer = worker.ask(examples()[name], context(name))
    assert answer.status == policy_frames.DONE, answer
    assert answer.verdict == re.search(r"^--> (.*)\n\Z", examples()[name], re.M).group(1)


def fields(name):
    found = next(item for item in items() if item.name == name and item.kind == "class")
    return {gen_lua_api.named(text)[0] for text in found.of("field")}


def test_the_benchmark_and_the_examples_ask_with_what_is_described():
    made = json.loads(policy.context(7))
    assert set(made) | set(policy.WORLD_JSON) | {"data", "request"} == fields("Context")
    assert set(made["route"]) == fields("Context.Route") and set(made["standing"]) == fields("Context.Standing")
    assert set(policy.WORLD_JSON["node"]) == fields("Context.Node")
    assert set(policy.WORLD_JSON["neighbors"][0]) == fields("Context.Neighbor")
    for check in made["checks"].values():
        assert set(check) == fields("Context.Check")
        assert set(check["results"][0]) == fields("Context.Result") and set(check["changes"][0]) == fields("Context.Change")
    assert set(json.loads(context("policy-api-admit"))["request"]) == fields("Context.Request")
