"""`bgpcommander test` with policies: contexts, verdicts as the daemon reads them, expectations."""
import json

import pytest

from testkit_lab import bgp_test, failures, put, run_json


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_context_is_what_the_daemon_gives():
    put("one.lua", """return function(ctx)
  local c = ctx.checks.load
  return keep(table.concat({ ctx.kind, ctx.route.name, ctx.route.prefix, ctx.route.prefixes[2] or "", ctx.route.family,
    tostring(ctx.route.attributes.med), ctx.health, c and c.state or "", c and c.status or "", ctx.node.labels.site or "",
    ctx.neighbors[1] and ctx.neighbors[1].address or "", tostring(ctx.standing.announced), ctx.data.x or "",
    tostring(ctx.request ~= nil) }, " "))
end
""")
    found = run_json(one_test="""
local p = policy "one.lua"
local function says(given, text) expect(p:run(ctx(given))):has{ reason = text } end
test("defaults", function()
  says(nil, "route web 192.0.2.1/32  ipv4 unicast nil up     false  false")
end)
test("given", function()
  says({ health = "down", checks = { load = { state = "down" } }, node = { labels = { site = "fra" } }, neighbors = { {} },
    standing = { announced = true }, data = { x = "y" } },
    "route web 192.0.2.1/32  ipv4 unicast nil down down failed fra 192.0.2.254 true y false")
end)
test("a route from its configuration", function()
  says({ route = "attributes next-hop 2001:db8::1 med 7 nlri 2001:db8:1::/48 2001:db8:2::/48" },
    "route web 2001:db8:1::/48 2001:db8:2::/48 ipv6 unicast 7 up     false  false")
end)
test("admission", function()
  local said = p:run(ctx{ kind = "admission", request = { owner = "ddos" } })
  expect(said):fails("attempt to index")
end)
""")
    assert failures(found) == {} and found["passed"] == 4


@pytest.mark.parametrize("given, why", [
    ("{ helthy = true }", "ctx: unknown member 'helthy'"),
    ("{ checks = { a = { stat = 'up' } } }", "checks.a: unknown member 'stat'"),
    ("{ checks = { a = { results = { { score = 1, x = 1 } } } } }", "checks.a.results: unknown member 'x'"),
    ("{ node = { label = {} } }", "node: unknown member 'label'"),
    ("{ neighbors = { { as = 1 } } }", "neighbors: unknown member 'as'"),
    ("{ standing = { announce = true } }", "standing: unknown member 'announce'"),
    ("{ route = { prefiks = '' } }", "route: unknown member 'prefiks'"),
    ("{ route = 'route 10.0.0.0/24 next-hop self med x' }", "route: column"),
    ("{ kind = 'admission', request = { who = 'x' } }", "request: unknown member 'who'"),
])
def test_a_context_refuses_what_the_daemon_never_gives(given, why):
    put("p.lua", "return function(ctx) return keep() end")
    found = run_json(p_test=f"local p = policy 'p.lua'\ntest('x', function()\n  p:run(ctx{given})\nend)\n")
    assert failures(found)["x"].startswith("p_test.lua:3: ") and why in failures(found)["x"]


def test_verdicts_are_read_as_the_daemon_reads_them():
    put("p.lua", "return function(ctx) return announce(ctx.data.give) end")
    put("bad.lua", "return function(ctx) return 1 end")
    put("loop.lua", "#!lua\nreturn function(ctx)\n  while true do end\nend")
    put("admit.lua", "return function(ctx) if ctx.request.owner == 'ddos' then return admit{ med = 9 } end "
                     "return refuse('who?') end")
    found = run_json(p_test="""
local p, bad, loop, door = policy "p.lua", policy "bad.lua", policy "loop.lua", policy "admit.lua"
local function run(give, more)
  local given = more or {}
  given.data = { give = give }
  return p:run(ctx(given))
end
test("applied", function()
  local said = run({ med = 5, add_community = "65000:1" }, { route = "route 10.0.0.0/24 next-hop self community [65000:9]" })
  expect(said):announces{ med = 5, add_community = "65000:1" }
  expect(said.applied):equals{ next_hop = "self", med = 5, community = { "65000:1", "65000:9" } }
  expect(said.command):equals("announce route 10.0.0.0/24 next-hop self med 5 community [ 65000:1 65000:9 ]")
end)
test("as the config has it", function() expect(run(nil)):announces():has{ verdict = "announce" } end)
test("nonsense", function() expect(run{ med = "much" }):fails("med") end)
test("unknown", function() expect(run{ colour = 1 }):fails("colour") end)
test("prepend needs neighbors", function()
  local said = run({ prepend = 2 }, { neighbors = { { local_as = 64500, peer_as = 64501 } } })
  expect(said.command):equals("announce route 192.0.2.1/32 next-hop self as-path [ 64500 64500 64500 ]")
end)
test("no verdict", function() expect(bad:run()):fails("a policy must return announce"):has{ status = "error" } end)
test("limit", function() expect(loop:run()):fails("CPU time"):has{ status = "killed", line = 3 } end)
test("admitted", function()
  expect(door:run(ctx{ kind = "admission", request = { owner = "ddos" } })):admits{ med = 9 }
  expect(door:run(ctx{ kind = "admission", request = { owner = "me" } })):refuses("who?")
end)
""")
    assert failures(found) == {} and found["passed"] == 8


def test_expectations_of_policies_fail():
    put("p.lua", "return function(ctx) return announce{ med = 5, reason = 'load' } end")
    found = run_json(p_test="""
local p = policy "p.lua"
local function refused(fn, text) expect(fn):raises(text) end
test("all", function()
  local said = p:run()
  refused(function() expect(said):announces{ med = 6 } end, "attributes.med: expected 6, got 5")
  refused(function() expect(said):announces() end, "attributes: did not expect [med] = 5")
  refused(function() expect(said):announces{ med = 5, origin = "igp" } end, "attributes.origin")
  refused(function() expect(said):withdraws() end, "expected withdraw, got announce")
  refused(function() expect(said):keeps() end, "expected keep, got announce")
  refused(function() expect(said):fails() end, 'expected an error, got "announce"')
  refused(function() expect(said):is_up() end, "expected the result of a run")
  refused(function() expect(1):announces() end, "expected what a policy said, got 1")
end)
""")
    assert failures(found) == {} and found["passed"] == 1


def test_ready_made_policies_can_be_tested():
    put("tree/policy", '{"use": "score_med", "check": "load"}')
    put("tree/policy_test.lua", """
local p = policy "policy"
test("score", function()
  expect(p:run(ctx{ checks = { load = { score = 100 } } })):has{ verdict = "announce" }
end)
test("parameters", function()
  expect(function() policy{ use = "score_med", nonsense = 1 } end):raises("nonsense")
  expect(function() policy{ use = "nothing" } end):raises("nothing")
end)
""")
    found = json.loads(bgp_test("--json", "tree").stdout)
    assert failures(found) == {} and found["broken"] == [] and found["passed"] == 2
