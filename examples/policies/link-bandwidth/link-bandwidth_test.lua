local decide = policy "store/policy"
local neighbors = { { local_as = 65000, peer_as = 65001 } }

local function with(capacity, standing)
  return decide:run(ctx({ node = { labels = { capacity = capacity } }, neighbors = neighbors, standing = standing }))
end

test("a node tells its capacity in bytes a second", function()
  expect(with(10000)):announces({ add_extended_community = { "bandwidth:65000:1250000000" } })
  expect(with(40000)):announces({ add_extended_community = { "bandwidth:65000:5000000000" } })
end)

test("without a label it is announced without the community", function()
  expect(with(nil)):announces()
end)

test("a label that is lost changes nothing", function()
  local standing = { announced = true, attributes = { extended_community = { "bandwidth:65000:1250000000" } } }
  expect(with("much", standing)):keeps("no capacity")
end)
