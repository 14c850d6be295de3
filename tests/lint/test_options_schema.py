"""docs/options.schema.json and the daemon's own parser agree on every document of a table."""
import json
import os
import pathlib
import subprocess

import gen_options_schema
import jsonschema
import pytest

SOURCE = pathlib.Path(os.environ.get("BC_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = os.environ.get("BC_BUILD")
SCHEMA = json.loads((SOURCE / "docs/options.schema.json").read_text())

GOOD = [
    "{}", " { } ", '{"interval": 1}', '{"interval": 0.05}', '{"interval": 86400}', '{"interval": 2e0}',
    '{"interval": "50ms"}', '{"interval": "1.5s"}', '{"interval": "24h"}', '{"interval": "000000002s"}',
    '{"interval": "0.200000000s"}', '{"fast_interval": "1m"}', '{"fast_interval": 0.25}', '{"timeout": 0.05}',
    '{"timeout": 3600}', '{"timeout": "50ms"}', '{"timeout": "1h"}', '{"rise": 1}', '{"rise": 100}',
    '{"rise": 1.0}', '{"fall": 1}', '{"fall": 100}', '{"fall": 5e1}', '{"jitter": 0}', '{"jitter": 100}',
    '{"on_unchecked": "hold"}', '{"on_unchecked": "fail"}', '{"on_exit": "keep"}', '{"on_exit": "withdraw"}',
    '{"check": "none"}', '{"env": {}}', '{"env": {"A": ""}}', '{"env": {"_a9": "x y"}}',
    '{"env": {"LD": "1"}}', '{"env": {"PATHS": "1", "NODES": "2"}}', '{"env": {"A": "caf\\u00e9 \\t"}}',
    '{"env": {"' + "A" * 128 + '": "x"}}', json.dumps({"env": {f"N{i}": "v" for i in range(32)}}),
    '{"threshold": 50}', '{"threshold": 50.0}', '{"threshold": 0}', '{"threshold": 100}', '{"checks": []}',
    '{"checks": ["dns"]}', '{"checks": ["a.b-c_d", "0"]}', '{"checks": ["' + "a" * 128 + '"]}',
    json.dumps({"checks": [f"c{i}" for i in range(16)], "combine": {"at_least": 17}}), '{"combine": "all"}',
    '{"combine": "any"}', '{"combine": {"at_least": 1}}', '{"combine": {"at_least": 1.0}}',
    '{"checks": ["a"], "check": "none", "combine": {"at_least": 1}}', '{"down": "withdraw"}',
    '{"check": {"use": "http", "url": "http://192.0.2.1/"}}',
    '{"check": {"use": "http", "url": "x", "method": "HEAD", "status": [200, 204.0], "headers": {"A": "b"}, "verify": false}}',
    '{"check": {"use": "tcp", "host": "::1", "port": 53}}',
    '{"on_store_loss": "keep"}', '{"min_announcing": null}', '{"address": "ignore"}',
    '{"address": "require"}', '{"address": "manage"}',
    '{"interval": 2, "timeout": "1.5s", "fall": 3, "env": {"SERVICE_PORT": "53"}}',
]

BAD = [
    "[]", "[1]", '{"Interval": 1}', '{"": 1}', '{"interval ": 1}', '{"interval": 0.0499}', '{"interval": 0}',
    '{"interval": -1}', '{"interval": 86400.5}', '{"interval": 1e300}', '{"interval": true}',
    '{"interval": null}', '{"interval": []}', '{"interval": {}}', '{"interval": ""}', '{"interval": "2"}',
    '{"interval": "2 s"}', '{"interval": " 2s"}', '{"interval": "2s "}', '{"interval": "2s\\n"}', '{"interval": "2S"}',
    '{"interval": "2d"}', '{"interval": "-2s"}', '{"interval": "+2s"}', '{"interval": ".5s"}', '{"interval": "5.s"}',
    '{"interval": "1e3ms"}', '{"interval": "1234567890ms"}', '{"interval": "1,5s"}', '{"fast_interval": 0.04}',
    '{"fast_interval": "fast"}', '{"timeout": 0.049}', '{"timeout": 3600.1}', '{"timeout": false}', '{"rise": 0}',
    '{"rise": 101}', '{"rise": 1.5}', '{"rise": "1"}', '{"rise": -1}', '{"rise": true}', '{"rise": null}',
    '{"fall": 0}', '{"fall": 1e9}', '{"jitter": -1}', '{"jitter": 101}', '{"jitter": 2.5}', '{"jitter": "10"}',
    '{"on_unchecked": "keep"}', '{"on_unchecked": "HOLD"}', '{"on_unchecked": 1}', '{"on_exit": "hold"}',
    '{"on_exit": null}', '{"check": "other"}', '{"check": true}', '{"env": []}', '{"env": "A=b"}', '{"env": {"A": 1}}',
    '{"env": {"A": null}}', '{"env": {"1A": "x"}}', '{"env": {"A B": "x"}}', '{"env": {"A=": "x"}}',
    '{"env": {"": "x"}}', '{"env": {"A\\n": "x"}}', '{"env": {"\\u00c4": "x"}}', '{"env": {"A": "x\\ny"}}',
    '{"env": {"A": "x\\r"}}', '{"env": {"A": "x\\n"}}', '{"env": {"A": "\\u0000"}}', '{"env": {"LD_PRELOAD": "x"}}',
    '{"env": {"LD_": "x"}}', '{"env": {"BGPCOMMANDER_X": "x"}}', '{"env": {"' + "A" * 129 + '": "x"}}',
    json.dumps({"env": {f"N{i}": "v" for i in range(33)}}), '{"threshold": 101}', '{"threshold": "50"}',
    '{"threshold": null}', '{"threshold": -1}', '{"threshold": 0.5}', '{"checks": {}}', '{"checks": null}',
    '{"checks": "dns"}', '{"checks": [1]}', '{"checks": [""]}', '{"checks": ["a", "a"]}', '{"checks": ["-a"]}',
    '{"checks": ["a/b"]}', '{"checks": ["a\\n"]}', '{"checks": ["*"]}', '{"checks": ["' + "a" * 129 + '"]}',
    json.dumps({"checks": [f"c{i}" for i in range(17)]}), '{"combine": "some"}', '{"combine": null}', '{"combine": {}}',
    '{"combine": 1}', '{"combine": {"at_least": 0}}', '{"combine": {"at_least": 18}}', '{"combine": {"at_least": "2"}}',
    '{"combine": {"at_least": 1.5}}', '{"combine": {"at_least": 1, "of": 2}}', '{"check": {}}', '{"check": []}',
    '{"check": null}', '{"check": {"use": "no-such-check"}}', '{"check": {"use": 1}}', '{"check": {"url": "x"}}',
    '{"check": {"use": "tcp"}}', '{"check": {"use": "http", "url": 1}}', '{"check": {"use": "http", "url": "x", "pth": "y"}}',
    '{"check": {"use": "http", "url": "x", "method": "get"}}', '{"check": {"use": "http", "url": "x", "status": 200}}',
    '{"check": {"use": "http", "url": "x", "status": ["200"]}}', '{"check": {"use": "http", "url": "x", "headers": {"A": 1}}}',
    '{"check": {"use": "http", "url": "x", "headers": []}}', '{"check": {"use": "http", "url": "x", "verify": "yes"}}',
    '{"check": {"use": "tcp", "host": "::1", "port": "53"}}', '{"check": {"use": "tcp", "host": "::1"}}',
    '{"down": {"med": 200}}', '{"down": "keep"}', '{"on_store_loss": "withdraw"}', '{"min_announcing": 0}',
    '{"min_announcing": 2}', '{"address": "required"}', '{"address": null}', '{"check": "none", "unknown": 1}',
] + ['{"env": {"%s": "x"}}' % name for name in
     "ENV BASH_ENV PATH IFS ROUTE PREFIX NODE CHECK STATE ATTEMPT".split()]

# What a schema cannot say and the daemon refuses nevertheless.
STRICTER = [
    '{"interval": "49ms"}', '{"interval": "25h"}', '{"timeout": "49ms"}', '{"timeout": "61m"}',
    '{"fast_interval": "0.04s"}', '{"rise": 1, "rise": 1}', '{"env": {"A": "1", "A": "2"}}',
    '{"env": {"A": "' + "x" * 16384 + '"}}', '{"combine": {"at_least": 2}}',
    '{"checks": ["a"], "check": "none", "combine": {"at_least": 2}}',
    '{"checks": ["a"], "check": {"use": "tcp", "host": "x", "port": 1}, "combine": {"at_least": 3}}',
    '{"check": {"use": "http", "url": "\\u0000"}}',
]

# Of those that are good for a route, what a named check's options may not have.
NOT_OF_A_CHECK = ["checks", "combine", "on_exit", "address", "down", "on_store_loss", "min_announcing"]


def schema_accepts(text, of="route"):
    document = json.loads(text)
    accepts = jsonschema.Draft202012Validator(SCHEMA).is_valid(document)
    if of == "check":
        # Its "$ref" is the whole document, which has just been asked.
        rule = SCHEMA["$defs"]["named_check"]
        assert rule["$ref"] == "#"
        accepts = accepts and jsonschema.Draft202012Validator({"properties": rule["properties"]}).is_valid(document)
    return accepts


def daemon_accepts(texts, of="route"):
    probe = pathlib.Path(BUILD or "") / "tests/options_probe"
    if BUILD is None or not probe.exists():
        pytest.fail("BC_BUILD does not name a build directory with tests/options_probe in it")
    answers = subprocess.run([probe, of], input="".join(text + "\n" for text in texts), text=True, check=True,
                             capture_output=True, timeout=60).stdout.splitlines()
    assert len(answers) == len(texts)
    return dict(zip(texts, answers))


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_good_documents_pass_both():
    answers = daemon_accepts(GOOD)
    assert {text: answers[text] for text in GOOD if answers[text] != "ok"} == {}
    assert [text for text in GOOD if not schema_accepts(text)] == []


def test_bad_documents_pass_neither():
    answers = daemon_accepts(BAD)
    assert [text for text in BAD if not answers[text].startswith("error: ")] == []
    assert [text for text in BAD if schema_accepts(text)] == []


def test_the_daemon_is_stricter_only_where_the_docs_say_so():
    answers = daemon_accepts(STRICTER)
    assert [text for text in STRICTER if not answers[text].startswith("error: ")] == []
    assert [text for text in STRICTER if not schema_accepts(text)] == []


def test_a_named_checks_options_are_those_that_speak_of_a_check():
    answers = daemon_accepts(GOOD, "check")
    for text in GOOD:
        expected = not set(json.loads(text)) & set(NOT_OF_A_CHECK) and json.loads(text).get("check") != "none"
        assert (answers[text] == "ok") == expected, (text, answers[text])
        assert schema_accepts(text, "check") == expected, text
    refused = {name: rule for name, rule in SCHEMA["$defs"]["named_check"]["properties"].items() if rule is False}
    assert sorted(refused) == sorted(NOT_OF_A_CHECK)


def test_the_ready_made_checks_are_as_their_scripts_say():
    assert (SOURCE / "docs/options.schema.json").read_text() == gen_options_schema.text(), \
        "run tests/lint/gen_options_schema.py"


def test_documents_that_are_no_json_are_refused():
    texts = ["{", "}", "interval: 2", '{"rise": 1} x', '{"rise": 1,}', "{'rise': 1}", '{"rise": NaN}',
             '{"interval": Infinity}', '{"interval": 1e999}', "[" * 5000, "5", '"x"', "null", "true"]
    answers = daemon_accepts(texts)
    assert [text for text in texts if not answers[text].startswith("error: ")] == []


def test_the_table_is_long_enough_and_names_every_member():
    assert len(GOOD) + len(BAD) >= 100
    for member in SCHEMA["properties"]:
        for table in (GOOD, BAD):
            assert any('"%s"' % member in text for text in table), member


def test_the_page_tells_every_member_and_default():
    page = (SOURCE / "docs/options.md").read_text()
    for member, rule in SCHEMA["properties"].items():
        row = [line for line in page.splitlines() if line.startswith("| `%s` |" % member)]
        assert len(row) == 1, member
        default = rule.get("default")
        if default is not None:
            assert str(default).strip("'") in row[0], member
