local decide = policy "store/routes/API/policy"
local now = 1700000000

-- Down so many seconds ago, each time for a second.
local function after(...)
  local changes = {}
  for _, age in ipairs({ ... }) do
    changes[#changes + 1] = { at = now - age + 1, state = "up" }
    changes[#changes + 1] = { at = now - age, state = "down" }
  end
  return { now = now, checks = { healthcheck = { state = "up", changes = changes } } }
end

test("one failure, or two, and it is back at once", function()
  expect(decide:run(ctx(after()))):announces()
  expect(decide:run(ctx(after(10)))):announces()
  expect(decide:run(ctx(after(10, 20)))):announces()
end)

test("three failures within a minute, and it stays away for some minutes", function()
  local said = decide:run(ctx(after(5, 25, 45)))
  expect(said):withdraws("the check healthcheck flaps")
  expect(decide:run(ctx(after(305, 325, 345)))):announces()
end)

test("what stands and is healthy is not taken away for its past", function()
  local context = after(5, 25, 45)
  context.standing = { announced = true, attributes = {} }
  expect(decide:run(ctx(context))):announces()
end)
