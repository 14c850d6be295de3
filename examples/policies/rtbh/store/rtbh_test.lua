local decide = policy "routes/VICTIM-1/policy"
local now = 1700000000

local function with(list)
  return decide:run(ctx({ now = now, route = { name = "VICTIM-1" }, data = { blackholes = list } }))
end

test("a victim is announced until its time is over", function()
  local said = with({ ["VICTIM-1"] = { ["until"] = now + 600, why = "case 4711" } })
  expect(said):announces()
  expect(said):has({ again_in = 600, reason = "case 4711" })
  expect(with({ ["VICTIM-1"] = { ["until"] = now } })):withdraws("its time is over")
end)

test("it is asked again once a day at least", function()
  expect(with({ ["VICTIM-1"] = { ["until"] = now + 9e6 } })):has({ again_in = 86400 })
end)

test("what is not listed is no victim", function()
  expect(with({ ["VICTIM-2"] = { ["until"] = now + 600 } })):withdraws("not in data/blackholes")
  expect(with({ ["VICTIM-1"] = { ["until"] = "soon" } })):withdraws("not in data/blackholes")
end)

test("a list that is missing or no JSON changes nothing", function()
  expect(with(nil)):keeps()
  expect(with("VICTIM-1")):keeps()
end)
