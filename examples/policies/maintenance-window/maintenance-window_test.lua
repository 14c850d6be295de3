local decide = policy "store/policy"
local begins = 1800046800 -- 2027-01-15 22:00 at +01:00
local ends = begins + 4 * 3600
local plan = { { node = "edge1", from = "2027-01-15 22:00", to = "2027-01-16 02:00" } }

local function at(now, list, node)
  return decide:run(ctx({ now = now, node = { name = node or "edge1" }, data = { maintenance = list or plan } }))
end

test("ten minutes before, traffic is asked to leave", function()
  local said = at(begins - 601)
  expect(said):announces()
  expect(said):has({ again_in = 1 })
  said = at(begins - 600)
  expect(said):announces({ add_community = { "65535:0" } })
  expect(said):has({ again_in = 600 })
end)

test("while work is under way the routes are away, and they come back", function()
  expect(at(begins)):withdraws("maintenance")
  expect(at(ends - 1)):withdraws("maintenance")
  expect(at(ends - 1)):has({ again_in = 1 })
  expect(at(ends)):announces()
end)

test("other nodes are not concerned", function()
  expect(at(begins, plan, "edge2")):announces()
end)

test("a slip of the pen withdraws nothing", function()
  for _, list in ipairs({ "tonight", { { node = "edge1", from = "22:00", to = "02:00" } }, { { node = "edge1" } } }) do
    expect(at(begins, list)):announces()
  end
end)

test("it comes back only if it is healthy", function()
  expect(decide:run(ctx({ healthy = false, reason = "status 503" }))):withdraws("status 503")
end)
