local decide = policy "store/policy"
local now = 1700000000

local function run(drain, standing, labels)
  local node = { labels = labels or { site = "ams" } }
  return decide:run(ctx({ now = now, node = node, data = { drain = drain }, standing = standing }))
end

local function since(seconds)
  return { announced = true, attributes = { community = { "65535:0" } }, since = now - seconds }
end

test("what is not listed is announced as ever", function()
  expect(run({ sites = {}, nodes = {}, routes = {} })):announces()
  expect(run({ sites = { "fra" } })):announces()
  expect(run(nil)):announces()
end)

test("a site that is listed is announced with the community for five minutes, then withdrawn", function()
  local said = run({ sites = { "ams" } }, { announced = true, attributes = {}, since = now - 9000 })
  expect(said):announces({ add_community = { "65535:0" } })
  expect(said):has({ again_in = 300 })
  expect(run({ sites = { "ams" } }, since(299))):announces({ add_community = { "65535:0" } })
  expect(run({ sites = { "ams" } }, since(300))):withdraws("drained: site ams")
  expect(run({ sites = { "ams" } }, { announced = false })):withdraws("drained: site ams")
end)

test("a label of the node does the same", function()
  expect(run(nil, since(10), { drain = true })):announces({ add_community = { "65535:0" } })
end)

test("a list that is wrong drains nobody", function()
  expect(run("ams")):announces()
  expect(run({ sites = "ams" })):announces()
end)
