local decide = policy "store/routes/POOL/policy"
local long = { announced = true, attributes = { as_path = { 65000, 65000, 65000 } } }

local neighbors = { { local_as = 65000, peer_as = 65001 } }

local function with(score, standing)
  local checks = { healthcheck = { state = "up", score = score } }
  return decide:run(ctx({ neighbors = neighbors, checks = checks, standing = standing }))
end

test("three servers of four are enough, two are not", function()
  expect(with(100)):announces()
  expect(with(75)):announces()
  expect(with(50)):announces({ prepend = 2 })
end)

test("once degraded, all four must be back", function()
  expect(with(75, long)):announces({ prepend = 2 })
  expect(with(100, long)):announces()
end)

test("without a score all stays as it is", function()
  expect(with(nil, long)):keeps("no score")
end)

test("none is down", function()
  expect(decide:run(ctx({ healthy = false, reason = "score 0" }))):withdraws("score 0")
end)
