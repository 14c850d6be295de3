local decide = policy "store/policy"
local vips = { ["VIP-1"] = "a", ["VIP-2"] = "b" }

cases("a VIP is best at home", {
  { name = "at home", vip = "VIP-1", group = "a", med = 100 },
  { name = "away", vip = "VIP-2", group = "a", med = 200 },
  { name = "at home nowhere", vip = "VIP-9", group = "a", med = 100 },
  { name = "at a node without a group", vip = "VIP-1", med = 200 },
}, function(case)
  local said = decide:run(ctx({
    route = { name = case.vip },
    node = { labels = { group = case.group } },
    data = { vips = vips },
  }))
  expect(said):announces({ med = case.med })
end)

test("a list that is no JSON moves no VIP away", function()
  expect(decide:run(ctx({ data = { vips = "VIP-1 a" } }))):announces({ med = 100 })
  expect(decide:run(ctx({}))):announces({ med = 100 })
end)

test("what is down is withdrawn", function()
  expect(decide:run(ctx({ healthy = false, reason = "connection refused" }))):withdraws("connection refused")
end)
