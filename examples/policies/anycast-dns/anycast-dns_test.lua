local decide = policy "store/policy"

local function at_ams(more)
  more.node = { labels = { site = "ams", site_id = 1001 } }
  return ctx(more)
end

test("all names are found", function()
  local said = decide:run(at_ams({ checks = { resolver = { state = "up", score = 100 } } }))
  expect(said):announces({ med = 100, add_community = { "65000:1001" } })
end)

test("without the way out it is the last resort", function()
  local said = decide:run(at_ams({ checks = { resolver = { state = "up", score = 60 } } }))
  expect(said):announces({ med = 500, add_community = { "65000:1001" } })
end)

test("a resolver that does not answer is withdrawn", function()
  local said = decide:run(at_ams({ healthy = false, reason = "timed out" }))
  expect(said):withdraws("timed out")
end)

test("a run that gave no score changes nothing", function()
  local standing = { announced = true, attributes = { med = 500 } }
  local said = decide:run(at_ams({ checks = { resolver = { state = "up" } }, standing = standing }))
  expect(said):keeps("no score")
end)

test("the next hop for IPv6 is the address of the node", function()
  local labels = { site_id = 1001, address6 = "2001:db8:1001::1" }
  local checks = { resolver = { state = "up", score = 100 } }
  local route = "route 2001:db8:53::53/128 next-hop 2001:db8:ffff::1"
  local said = decide:run(ctx({ node = { labels = labels }, checks = checks, route = route }))
  expect(said):announces({ med = 100, add_community = { "65000:1001" }, next_hop = "2001:db8:1001::1" })
  expect(decide:run(ctx({ checks = checks, route = route }))):keeps("no label address6")
end)

test("a node without a label has no community", function()
  local said = decide:run(ctx({ checks = { resolver = { state = "up", score = 100 } } }))
  expect(said):announces({ med = 100 })
end)
