"""`bgpcommander lint`: the examples of its page, files, folders and stores, and that our own scripts are clean."""
import json
import os
import pathlib
import re
import subprocess

import pytest
import samples

ROOT = samples.ROOT
PROGRAM = os.environ["BGPCOMMANDER"]
PAGE = ROOT / "docs/linting.md"


def lint(*words, code=None, cwd=None, text=None):
    done = subprocess.run([PROGRAM, "lint", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
                          input=text, timeout=120)
    assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def findings(*words, **more):
    return json.loads(lint("--json", *words, **more).stdout)["findings"]


def brief(found):
    return ["{line}:{column}: {level} [{rule}] {text}".format(**one) for one in found]


def rules_of(text, *words):
    return [one["rule"] for one in findings("-", *words, text=text)]


# ---- the page ----

EXAMPLES = ["lint-ignore", "lint-unknown-global", "lint-unknown-member", "lint-set-global", "lint-shadow",
            "lint-read-only", "lint-unknown-module", "lint-arguments", "lint-argument-type", "lint-unknown-option",
            "lint-cannot-wait", "lint-unused-result", "lint-type-mismatch", "lint-constant-condition",
            "lint-duplicate-key", "lint-bad-result", "lint-no-return", "lint-missing-return", "lint-constant-result",
            "lint-unreachable", "lint-policy", "lint-syntax", "lint-ignore-rule"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_page_are_told_so(name, tmp_path):
    script = "".join(line for line in samples.block(name).splitlines(True) if not line.startswith("--> "))
    path = tmp_path / "script.lua"
    path.write_text(script)
    told = "".join(f"--> {line}\n" for line in brief(findings(path)))
    samples.compare(name, script + told)


def test_every_rule_has_an_example_that_it_finds():
    shown = set(re.findall(r"^--> .*?\[([\w-]+)\]", PAGE.read_text(), re.M))
    rules = {line.split()[0] for line in lint("--list-rules", code=0).stdout.splitlines()}
    assert len(rules) > 20 and rules - shown == {"config", "too-deep"}


def test_the_page_lists_the_rules():
    samples.compare("lint-rules", "$ bgpcommander lint --list-rules\n" + lint("--list-rules", code=0).stdout)


def test_the_first_example_is_what_is_printed(tmp_path):
    (tmp_path / "check.lua").write_text('#!lua\nlocal r, why = dns.qery("www.example.net")\nreturn "ok"\n')
    told = lint("check.lua", cwd=tmp_path, code=1).stdout
    samples.compare("lint-shows", "$ bgpcommander lint check.lua\n" + told)


# ---- what is looked at ----

GOOD = "#!lua\nreturn tcp.connect('192.0.2.10', 80) ~= nil\n"
POLICY = "return function(ctx)\n  return ctx.healthy and announce({ med = 5 }) or withdraw(ctx.reason)\nend\n"


def put(folder, keys):
    for key, value in keys.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)
    return folder


def test_exit_codes(tmp_path):
    put(tmp_path, {"good.lua": GOOD, "warned.lua": GOOD + "-- nothing\n", "bad.lua": "return foo\n", "sh": "#!/bin/sh\nexit 0\n"})
    (tmp_path / "warned.lua").write_text("conn = tcp.connect('192.0.2.10', 80)\nreturn conn ~= nil\n")
    lint(tmp_path / "good.lua", code=0)
    lint(tmp_path / "warned.lua", code=0)
    lint("--strict", tmp_path / "warned.lua", code=1)
    lint(tmp_path / "bad.lua", code=1)
    lint(tmp_path / "absent.lua", code=2)
    lint(tmp_path / "sh", code=2)
    lint(tmp_path / "bad.lua", tmp_path / "absent.lua", code=2)
    lint(code=2)
    lint("--as", "nothing", tmp_path / "good.lua", code=2)
    lint("-c", f"file://{tmp_path}/absent", "--timeout", "1s", "--store", code=2)


def test_a_script_comes_from_standard_input_and_its_kind_is_told_or_guessed(tmp_path):
    assert rules_of(GOOD) == []
    assert rules_of(POLICY) == []
    assert sorted(rules_of(POLICY, "--as", "check")) == ["bad-result", "unknown-global", "unknown-global"]
    assert sorted(rules_of(GOOD, "--as", "policy")) == ["bad-result", "unknown-global"]
    put(tmp_path, {"healthcheck": POLICY, "policy": POLICY, "a_test.lua": "local x = 1\n"})
    assert {one["rule"] for one in findings(tmp_path / "healthcheck")} >= {"bad-result"}
    assert findings(tmp_path / "policy") == []
    assert findings(tmp_path / "a_test.lua") == []


def test_modules_are_looked_for_where_it_is_said(tmp_path):
    put(tmp_path, {"check.lua": "local web = require('web')\nreturn web.ok() and require('other').ok()\n", "mods/web.lua": "return {}\n"})
    assert findings(tmp_path / "check.lua") == []
    found = findings("--modules", tmp_path / "mods", tmp_path / "check.lua")
    assert brief(found) == ["2:29: error [unknown-module] there is no module lua/other: this raises"]


def test_a_folder_is_gone_through(tmp_path):
    put(tmp_path, {"a/one.lua": "return foo\n", "a/b/two": "#!lua\nreturn bar\n", "a/notes.txt": "return baz\n", ".git/x.lua": "return nix\n",
                   "a/api.lua": "---@meta x\nreturn nix\n", "a/sh": "#!/bin/sh\n"})
    assert sorted((pathlib.Path(one["file"]).name, one["rule"]) for one in findings(tmp_path)) == [
        ("one.lua", "unknown-global"), ("two", "unknown-global")]
    (tmp_path / "a/loop").symlink_to(tmp_path)
    assert len(findings(tmp_path)) == 2


STORE = {
    "routes/WEB/config": "route 192.0.2.1/32 next-hop self med many",
    "routes/WEB/healthcheck": GOOD,
    "routes/WEB/options": '{"intervall": 1}',
    "routes/DNS/config": "route 192.0.2.2/32 next-hop self",
    "routes/DNS/healthcheck": "#!/bin/sh\nexit 0\n",
    "routes/DNS/policy": "return function(ctx) return http end\n",
    "routes/TWO/config": "route 192.0.2.3/32 next-hop self",
    "routes/TWO/healthcheck": "#!lua\nreturn require('web').ok(foo)\n",
    "checks/up/script": "#!lua\nreturn require('absent').ok()\n",
    "checks/up/options": '{"interval": "soon"}',
    "lua/web": "local M = {}\nfunction M.ok() return announce end\nreturn M\n",
    "data/limits": '{"load": 4}',
    "node/one/subscribedRoutes": "WEB DNS TWO",
    "node/one/adminState": "sideways",
    "node/two/subscribedRoutes": "WEB NONE",
}


def test_a_store_is_judged_by_the_daemons_own_parser_for_each_node(tmp_path):
    found = {(str(pathlib.Path(one["file"]).relative_to(tmp_path)), one["rule"]) for one in findings(put(tmp_path, STORE), code=1)}
    assert found >= {
        ("routes/WEB/config", "config"), ("routes/WEB/options", "config"), ("routes/DNS/policy", "unknown-global"),
        ("routes/TWO/healthcheck", "unknown-global"), ("checks/up/script", "unknown-module"), ("checks/up/options", "config"),
        ("lua/web", "unknown-global"), ("node/one/adminState", "config"), ("node/two/subscribedRoutes", "config")}
    assert not {one for one in found if one[0] in ("routes/DNS/config", "routes/DNS/healthcheck", "data/limits", "routes/WEB/healthcheck")}


def test_what_is_told_of_a_key_is_what_the_daemon_says_with_its_place(tmp_path):
    found = findings(put(tmp_path, {key: STORE[key] for key in ("routes/WEB/config", "node/one/subscribedRoutes", "routes/DNS/config",
                                                               "routes/TWO/config")}))
    assert [(one["line"], one["column"], one["text"]) for one in found] == [
        (1, 38, "med: found 'many', expected a number from 0 to 4294967295")]


def test_the_store_of_the_settings_is_read_with_the_keys_of_this_node(tmp_path):
    put(tmp_path, STORE)
    found = findings("--store", "-c", f"file://{tmp_path}", "-n", "one", code=1)
    files = {str(pathlib.Path(one["file"]).relative_to(tmp_path)) for one in found}
    assert "node/one/adminState" in files and "node/two/subscribedRoutes" not in files
    before = sorted(path for path in tmp_path.rglob("*"))
    lint("--store", "-c", f"file://{tmp_path}", "-n", "one", code=1)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_large_store_takes_no_longer_than_it_has_keys(tmp_path):
    """Ten thousand routes with one script, a module and a fault each: hours, if each were compared with each."""
    for number in range(10000):
        folder = tmp_path / f"routes/R{number}"
        folder.mkdir(parents=True)
        (folder / "config").write_text("route 192.0.2.1/33 next-hop self")
        (folder / "healthcheck").write_text("#!lua\nreturn require('web').ok()\n")
    put(tmp_path, {"lua/web": "return { ok = function() return tcp.connect(foo, 80) ~= nil end }\n"})
    done = lint(tmp_path, code=1)
    assert done.stdout.splitlines()[-1] == "10001 errors, 0 warnings in 2 scripts and 20001 keys"


def test_a_module_of_policies_may_not_do_what_only_checks_may(tmp_path):
    module = "local M = {}\nfunction M.ask() return http.get('http://192.0.2.1/') end\nreturn M\n"
    put(tmp_path, {"routes/A/config": "route 192.0.2.2/32 next-hop self", "lua/ask": module, "lua/over": "return require('ask')\n",
                   "routes/A/healthcheck": "#!lua\nreturn require('ask').ask() ~= nil\n"})
    assert findings(tmp_path) == []
    put(tmp_path, {"routes/A/policy": "local over = require('over')\nreturn function(ctx) return keep(over.ask()) end\n"})
    assert [(pathlib.Path(one["file"]).name, one["rule"]) for one in findings(tmp_path)] == [("ask", "unknown-global")]


# ---- the compiler of the sandbox ----

def test_what_only_the_compiler_refuses_is_told(tmp_path):
    many = "local t = {}\n" + "\n".join(f"local function f{n}() return " + ", ".join(f"t{n}_{m}" for m in range(3)) + " end" for n in range(3))
    deep = "return " + "(" * 150 + "1" + ")" * 150 + "\n"
    registers = "return function() return f(" + ", ".join("x" for _ in range(300)) + ") end\n"
    assert rules_of(deep) == []
    assert rules_of(many + "\nreturn 50\n")
    found = [one for one in findings("-", "--as", "module", text="local x, f\n" + registers) if one["rule"] == "syntax"]
    assert len(found) == 1 and "registers" in found[0]["text"] and found[0]["line"] == 2
    huge = "return {" + "{}," * 80000 + "}\n"
    assert "syntax" in rules_of(huge)


# ---- our own scripts ----

def test_our_own_scripts_are_clean():
    lint("--strict", ROOT / "lua/checks", ROOT / "lua/policies", ROOT / "examples", code=0)


# Snippets that show how not to do it, and those that show one function without a service to ask.
WRONG = {"wc-mistake": ["unknown-member"]}


@pytest.mark.parametrize("page", ["README.md", "docs/writing-checks.md", "docs/lua-sandbox.md", "docs/lua-api.md",
                                  "docs/policy-api.md"])
def test_the_snippets_of_our_pages_are_clean(page):
    seen = 0
    for block in samples.blocks(ROOT / page):
        if block.name is None or not re.search(r"^(return|local|#!lua)", block.text) or "bgpcommander" in block.text:
            continue
        script = "".join(line for line in block.text.splitlines(True) if not line.startswith("--> "))
        rules = [rule for rule in rules_of(script) if rule != "constant-result"]
        assert rules == WRONG.get(block.name, []), (block.name, rules)
        seen += 1
    assert seen > 0
