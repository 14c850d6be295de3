"""The commands that edit the store: what they write, what they refuse, what they ask; in each kind of store."""
import json

import pytest
from edit_lab import DNS, WEB, Edit, Dir, edit, etcd_edit, etcd_lab  # noqa: F401 (fixtures)

CHECK = "#!lua\nlocal http = require 'http'\nreturn http.get('http://127.0.0.1/').status == 200\n"


def test_a_route_with_all_its_keys_is_made_changed_and_removed(edit):
    (edit.folder / "check").write_text("#!/bin/sh\nexit 0\n")
    (edit.folder / "options").write_text('{"interval": 2}\n')
    (edit.folder / "policy").write_text('{"use": "builtin"}\n')
    edit.run("route", "set", "WEB", *WEB.split(), "--healthcheck", edit.folder / "check", "--options", edit.folder / "options",
             "--policy", edit.folder / "policy")
    assert {key: value.strip() for key, value in edit.store.all().items()} == {
        "routes/WEB/config": WEB, "routes/WEB/healthcheck": "#!/bin/sh\nexit 0", "routes/WEB/options": '{"interval": 2}',
        "routes/WEB/policy": '{"use": "builtin"}'}
    edit.run("route", "set", "WEB", "--options", '{"interval": 3, "check": "none"}', "--remove", "healthcheck,policy")
    assert {key: value.strip() for key, value in edit.store.all().items()} == {
        "routes/WEB/config": WEB, "routes/WEB/options": '{"interval": 3, "check": "none"}'}
    assert edit.run("route", "get", "WEB", "config")[0] == WEB + "\n"
    assert edit.json("route", "get", "WEB")["route"]["keys"]["config"] == WEB
    assert "the store then has no route any more" in edit.run("route", "delete", "WEB", code=1)[1]
    edit.run("route", "delete", "WEB", "--yes")
    assert edit.store.all() == {}


def test_a_route_comes_from_standard_input_or_stands_in_two_keys(edit):
    edit.run("route", "set", "WEB", "-", text=WEB + "\n")
    edit.run("route", "set", "DNS", "next-hop", "self", "--route-prefix", "192.0.2.9/32")
    held = {key: value.strip() for key, value in edit.store.all().items()}
    assert held == {"routes/WEB/config": WEB, "routes/DNS/config": "next-hop self", "routes/DNS/prefix": "192.0.2.9/32"}
    assert [route["name"] for route in edit.json("route", "list")["routes"]] == ["DNS", "WEB"]
    assert [route["name"] for route in edit.json("route", "list", "W*")["routes"]] == ["WEB"]


def test_checks_modules_and_data_are_edited_too(edit):
    (edit.folder / "util.lua").write_text("local M = {}\nfunction M.fine() return true end\nreturn M\n")
    (edit.folder / "dns.lua").write_text("#!lua\nlocal util = require 'util'\nreturn util.fine()\n")
    assert "there is no module lua/util" in edit.run("check", "set", "dns", "--script", edit.folder / "dns.lua", code=1)[1]
    edit.run("module", "set", "util", edit.folder / "util.lua")
    edit.run("check", "set", "dns", "--script", edit.folder / "dns.lua", "--options", '{"interval": 5}')
    edit.run("data", "set", "sites", '{"ams": 1}')
    edit.run("route", "set", "WEB", WEB, "--options", '{"checks": ["dns"]}')
    assert set(edit.store.all()) == {"lua/util", "checks/dns/script", "checks/dns/options", "data/sites", "routes/WEB/config",
                                     "routes/WEB/options"}
    assert edit.run("data", "get", "sites")[0] == '{"ams": 1}\n'
    assert [one["name"] for one in edit.json("module", "list")["values"]] == ["util"]
    assert [one["name"] for one in edit.json("check", "list")["checks"]] == ["dns"]
    before = edit.store.all()
    assert "lua/util: checks/dns/script requires it" in edit.run("module", "delete", "util", code=1)[1]
    assert "routes/WEB/options: checks: there is no check dns" in edit.run("check", "delete", "dns", code=1)[1]
    assert edit.store.all() == before
    edit.run("route", "delete", "WEB", "--yes")
    edit.run("check", "delete", "dns")
    edit.run("module", "delete", "util")
    edit.run("data", "delete", "sites")
    assert edit.store.all() == {}


# What is refused: words, and what the text names: where, what, and what was expected.
REFUSED = [
    (["route", "set", "WEB", "route 192.0.2.1/32 next-hop self med 4294967296"], "routes/WEB/config: column 38: med: 4294967296 is out of range (0 to 4294967295)"),
    (["route", "set", "WEB", "route 192.0.2.1/33 next-hop self"], "routes/WEB/config: column "),
    (["route", "set", "WEB", "route 192.0.2.1/32"], "routes/WEB/config: "),
    (["route", "set", "WEB", ""], "routes/WEB/config: "),
    (["route", "set", "WEB", "route 192.0.2.1/32 next-hop self\nmed 3"], "routes/WEB/config: "),
    (["route", "set", "WEB", "next-hop self", "--route-prefix", "192.0.2.0.1"], "routes/WEB/"),
    (["route", "set", "-WEB", WEB], ""),
    (["route", "set", "W EB", WEB], "the name of the route: expected a letter or digit"),
    (["route", "set", "../x", WEB], "the name of the route: expected a letter or digit"),
    (["route", "set", "W" * 129, WEB], "at most 128 bytes"),
    (["route", "set", "NEW", "--options", "{}"], "routes/NEW/config: expected a route"),
    (["route", "set", "WEB", WEB, "--options", '{"interval": "soon"}'], "routes/WEB/options: interval: expected "),
    (["route", "set", "WEB", WEB, "--options", '{"interval": 1'], "routes/WEB/options: "),
    (["route", "set", "WEB", WEB, "--options", '{"rises": 1}'], "routes/WEB/options: rises: there is no option of this name"),
    (["route", "set", "WEB", WEB, "--options", '{"checks": ["absent"]}'], "routes/WEB/options: checks: there is no check absent"),
    (["route", "set", "WEB", WEB, "--healthcheck", "bad.lua"], "routes/WEB/healthcheck: line 3: "),
    (["route", "set", "WEB", WEB, "--healthcheck", "unknown.lua"], "routes/WEB/healthcheck: line 2: there is no 'dwn'"),
    (["route", "set", "WEB", WEB, "--healthcheck", "empty"], "routes/WEB/healthcheck: "),
    (["route", "set", "WEB", WEB, "--policy", '{"use": "nothing"}'], "routes/WEB/policy: "),
    (["route", "set", "WEB", WEB, "--policy", "unknown.lua"], "routes/WEB/policy: "),
    (["route", "set", "OTHER", "route 192.0.2.7/32 next-hop self", "--healthcheck", "absent"], ""),
    (["route", "set", "SAME", "route 192.0.2.2/32 next-hop self med 7"], "has the same prefix as routes/"),
    (["route", "delete", "NONE"], "there is no route NONE in the store"),
    (["route", "get", "NONE"], "there is no route NONE in the store"),
    (["node", "subscribe", "edge1", "a/b"], "subscribedRoutes: expected the name of a route, or a glob with * and ?, found \"a/b\""),
    (["node", "subscribe", "ed ge", "WEB"], "the name of the node: expected a letter or digit"),
    (["node", "subscribe", "edge1", "NONE"], 'no route of the store matches "NONE"; with --yes it is done'),
    (["node", "subscribe", "edge9", "DNS"], "the store has no keys of a node edge9; with --yes it is done"),
    (["node", "unsubscribe", "edge1", "DNS"], 'DNS stands there only by "D*": unsubscribe that one'),
    (["node", "down"], "node edge1 withdraws all its routes; with --yes it is done"),
    (["node", "drain", "edge1"], "node edge1 withdraws all its routes; with --yes it is done"),
    (["node", "show", "edge9"], "the store has no keys of a node edge9"),
    (["check", "set", "new"], "checks/new: expected --script FILE"),
    (["check", "set", "new", "--options", '{"med": 1}'], "checks/new/options: "),
    (["check", "delete", "new"], "there is no check new in the store"),
    (["module", "set", "m", "bad.lua"], "lua/m: line 3: "),
    (["module", "delete", "m"], "there is no key lua/m in the store"),
    (["data", "set", "big", "big"], "data/big: "),
]


def test_what_is_refused_says_where_and_what_and_writes_nothing(edit, monkeypatch):
    monkeypatch.chdir(edit.folder)
    (edit.folder / "bad.lua").write_text("#!lua\nlocal x = \nreturn true\n")
    (edit.folder / "unknown.lua").write_text("#!lua\nreturn dwn()\n")
    (edit.folder / "empty").write_text("\n")
    (edit.folder / "big").write_text("x" * 70000)
    edit.store.put("routes/DNS/config", DNS)
    edit.store.put("node/edge1/subscribedRoutes", "D* S* WEB")
    before = edit.store.all()
    for words, text in REFUSED:
        code = 2 if words[2:3] == ["-WEB"] or "absent" in words else 1
        out, errors = edit.run(*words, code=code)
        assert text in errors and len(errors) > 20, (words, errors)
        assert edit.store.all() == before, words


def test_faults_of_before_and_of_others_are_no_reason_to_refuse(edit):
    edit.store.put("routes/OLD/config", "route 192.0.2.3/32 next-hop self med x")
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/WEB/options", '{"rises": 3}')
    edit.store.put("node/edge1/subscribedRoutes", "*")
    edit.store.put("node/edge1/adminState", "sideways")
    edit.run("route", "set", "WEB", WEB.replace("100", "200"))
    # But a value that is written is looked at, also when it is as bad as the one before it.
    assert "there is no option" in edit.run("route", "set", "WEB", "--options", '{ "rises": 3}', code=1)[1]


def test_the_same_prefix_on_other_nodes_is_nobodys_matter(edit):
    edit.store.put("routes/AMS/config", WEB)
    edit.store.put("node/ams1/subscribedRoutes", "AMS")
    edit.store.put("node/fra1/subscribedRoutes", "FRA")
    edit.run("route", "set", "FRA", *WEB.split())
    edit.store.put("node/lon1/subscribedRoutes", "FRA LON")
    errors = edit.run("route", "set", "LON", *WEB.split(), code=1)[1]
    assert "routes/LON: has the same prefix as routes/FRA" in errors


def test_other_words_of_a_subscription_stay_as_they_are(edit):
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/DNS/config", DNS)
    edit.store.put("node/edge1/subscribedRoutes", "X*\n\t OLD \nMAIL")
    edit.run("node", "subscribe", "edge1", "WEB", "DNS", "MAIL")
    assert edit.store.all()["node/edge1/subscribedRoutes"] == "X*\n\t OLD \nMAIL\nWEB\nDNS"
    edit.run("node", "unsubscribe", "edge1", "OLD", "WEB", "ABSENT")
    assert edit.store.all()["node/edge1/subscribedRoutes"] == "X* \nMAIL\nDNS"
    assert "nothing to change" in edit.run("node", "subscribe", "edge1", "DNS")[0]
    edit.run("node", "unsubscribe", "edge1", "X*", "MAIL", "DNS", "--yes")
    assert edit.store.all()["node/edge1/subscribedRoutes"] == "-"
    edit.run("node", "subscribe", "edge1", "D*")
    assert edit.store.all()["node/edge1/subscribedRoutes"] == "D*"
    assert 'DNS is in "D*" already: it is not added' in edit.run("node", "subscribe", "edge1", "DNS")[1]
    assert edit.store.all()["node/edge1/subscribedRoutes"] == "D*"
    edit.run("node", "subscribe", "edge1", "DN*")
    assert edit.store.all()["node/edge1/subscribedRoutes"] == "D* DN*"
    edit.run("node", "subscribe", "edge2", "*", "--yes")
    assert edit.store.all()["node/edge2/subscribedRoutes"] == "*"


def test_nothing_is_written_by_a_dry_run(edit):
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("node/edge1/subscribedRoutes", "WEB")
    before = edit.store.all()
    assert "+ route 192.0.2.1/32 next-hop self med 5" in edit.run("route", "set", "WEB", WEB.replace("100", "5"), "--dry-run")[0]
    answer = edit.json("node", "down", "--dry-run")
    assert answer["outcome"] == "dry run" and "withdraws all" in answer["question"]
    assert answer["changes"] == [{"key": "node/edge1/adminState", "before": None, "after": "down"}]
    assert "refused" in edit.run("route", "set", "WEB", "route x", "--dry-run", code=1)[1]
    assert edit.store.all() == before


def test_the_same_again_is_nothing_to_change(edit):
    edit.run("route", "set", "WEB", *WEB.split())
    before = edit.store.all()
    assert edit.json("route", "set", "WEB", *WEB.split())["outcome"] == "nothing to change"
    assert edit.store.all() == before


def test_a_terminal_is_asked_before_much_goes_away(edit):
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("node/edge1/subscribedRoutes", "WEB")
    edit.store.put("node/edge1/routes/WEB/state", "announce")
    edit.store.put("node/edge1/status", json.dumps({"summary": {"announced": 7}}))
    before = edit.store.all()
    code, said = edit.at_a_terminal("node", "down", answer="n")
    assert code == 1 and "withdraws all its routes, of which it announces 7 now. Go on?" in said
    code, said = edit.at_a_terminal("route", "delete", "WEB", answer="")
    assert code == 1 and "WEB is announced by 1 node (edge1)" in said
    code, said = edit.at_a_terminal("node", "unsubscribe", "edge1", "WEB", answer="no")
    assert code == 1 and "edge1 then announces nothing" in said
    assert edit.store.all() == before
    assert edit.at_a_terminal("node", "drain", answer="y")[0] == 0
    assert edit.store.all()["node/edge1/adminState"] == "drain"
    edit.run("node", "up")
    assert edit.store.all()["node/edge1/adminState"] == "up"


def test_a_route_that_nobody_announces_goes_without_a_question(edit):
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/DNS/config", DNS)
    edit.store.put("node/edge1/routes/WEB/state", "withdraw")
    edit.run("route", "delete", "WEB")
    assert "routes/WEB/config" not in edit.store.all()


def test_somebody_elses_change_meanwhile_is_a_conflict_and_nothing_is_written(edit):
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/WEB/options", "{}")
    edit.store.put("node/edge1/subscribedRoutes", "WEB")
    edit.store.put("node/edge1/routes/WEB/state", "announce")
    cases = [
        (["node", "down"], "node/edge1/adminState", "up", "made"),
        (["node", "down"], "node/edge1/adminState", "drain", "changed"),
        (["route", "delete", "WEB"], "routes/WEB/options", '{"interval": 3}', "changed"),
        (["route", "delete", "WEB"], "routes/WEB/options", None, "removed"),
        (["node", "unsubscribe", "edge1", "WEB"], "node/edge1/subscribedRoutes", "WEB DNS", "changed"),
    ]
    for words, key, value, what in cases:
        before = edit.store.all()

        def other(key=key, value=value):
            edit.store.delete(key) if value is None else edit.store.put(key, value)
        code, said = edit.at_a_terminal(*words, answer="y", meanwhile=other)
        assert code == 4 and f"conflict: {key} was {what} by somebody else meanwhile: nothing is written" in said, said
        expected = {**before, key: value}
        assert edit.store.all() == {name: text for name, text in expected.items() if text is not None}, words


def test_edits_at_the_same_time_lose_nothing(edit):
    edit.store.put("node/edge1/subscribedRoutes", "WEB")
    edit.store.put("routes/WEB/config", WEB)
    runs = {f"R{number}": edit.start("node", "subscribe", "edge1", f"R{number}", "--yes") for number in range(8)}
    codes = {}
    for name, run in runs.items():
        _, errors = run.communicate(timeout=120)
        codes[name] = run.returncode
        assert run.returncode == 0 or (run.returncode == 4 and "conflict: " in errors), errors
    done = {name for name, code in codes.items() if code == 0}
    assert done and set(edit.store.all()["node/edge1/subscribedRoutes"].split()) == {"WEB"} | done


def test_a_node_is_shown_as_the_daemon_sees_it(edit):
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/DNS/config", DNS)
    edit.store.put("node/edge1/subscribedRoutes", "D* TYPO")
    edit.store.put("node/edge1/adminState", "sideways")
    edit.store.put("node/edge1/labels", '{"site": "ams"}')
    edit.store.put("node/edge1/status", json.dumps({"summary": {"announced": 1, "withdrawn": 2, "faulty": 3}}))
    node = edit.json("node", "show")["node"]
    assert node["routes"] == ["DNS"] and node["labels"] == '{"site": "ams"}' and node["status"]["summary"]["faulty"] == 3
    assert sorted(node["faults"]) == ['node/edge1/adminState: expected up, down or drain, found "sideways"',
                                      'node/edge1/subscribedRoutes: no route matches "TYPO"']
    out = edit.run("node", "show", "edge1")[0]
    assert "1 announced, 2 withdrawn, 3 faulty" in out and 'found "sideways"' in out


def test_wrong_words_are_told_the_usage(edit):
    for words in (["route"], ["route", "make", "X"], ["route", "get"], ["node", "subscribe", "edge1"], ["data", "set", "x"],
                  ["route", "set", "WEB", WEB, "--remove", "config"], ["route", "list", "--timeout", "soon"],
                  ["route", "set", "WEB", "--healthcheck", "-", "--options", "-"]):
        out, errors = edit.run(*words, code=2)
        assert "usage" in errors or "expected" in errors or "only one" in errors, (words, errors)
    assert edit.store.all() == {}


def test_labels_and_policies_are_edited_too(edit):
    (edit.folder / "policy.lua").write_text("return function(ctx) return announce() end\n")
    (edit.folder / "admission.lua").write_text("return function(ctx) return admit() end\n")
    (edit.folder / "bad.lua").write_text("return function(ctx) return anounce() end\n")
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("node/edge1/subscribedRoutes", "WEB")
    edit.run("node", "set", "edge1", "--labels", '{"site": "ams"}', "--policy", '{"use": "builtin"}')
    edit.run("policy", "set", "default", edit.folder / "policy.lua")
    edit.run("policy", "set", "admission", edit.folder / "admission.lua")
    held = {key: value.strip() for key, value in edit.store.all().items()}
    lua = "return function(ctx) return announce() end"
    assert held == {"routes/WEB/config": WEB, "node/edge1/subscribedRoutes": "WEB", "node/edge1/labels": '{"site": "ams"}',
                    "node/edge1/policy": '{"use": "builtin"}', "policy": lua, "admission": lua.replace("announce", "admit")}
    assert edit.run("policy", "get", "default")[0] == lua + "\n"
    for words, text in ((["node", "set", "edge1", "--labels", '{"a": 1'], "node/edge1/labels: "),
                        (["node", "set", "edge1", "--policy", edit.folder / "bad.lua"], "node/edge1/policy: line 1: "),
                        (["policy", "set", "default", edit.folder / "bad.lua"], "policy: line 1: "),
                        (["policy", "set", "default", '{"use": "none such"}'], "policy: ")):
        assert text in edit.run(*words, code=1)[1]
    assert "expected default or admission" in edit.run("policy", "get", "web", code=2)[1]
    edit.run("node", "set", "edge1", "--remove", "labels,policy")
    edit.run("policy", "delete", "default")
    edit.run("policy", "delete", "admission")
    assert set(edit.store.all()) == {"routes/WEB/config", "node/edge1/subscribedRoutes"}


def test_only_what_loses_its_meaning_by_the_edit_is_warned_of(edit):
    edit.store.put("routes/DNS/config", DNS)
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("node/edge1/subscribedRoutes", "DNS WEB NEW OLD")
    assert edit.json("route", "set", "NEW", "route 192.0.2.9/32 next-hop self")["warnings"] == []
    assert edit.json("route", "delete", "DNS")["warnings"] == [
        'node/edge1/subscribedRoutes: no route matches "DNS", "OLD"']
