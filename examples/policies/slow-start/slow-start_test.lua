local decide = policy "store/routes/CACHE/policy"
local now = 1700000000

local function after(seconds, standing)
  return decide:run(ctx({ now = now, since = seconds and now - seconds or json.null, standing = standing }))
end

test("it begins with a bad MED, which gets better in steps", function()
  expect(after(0)):announces({ med = 200 })
  expect(after(0)):has({ again_in = 120 })
  expect(after(120, { announced = true, attributes = { med = 200 } })):announces({ med = 180 })
  expect(after(600, { announced = true, attributes = { med = 120 } })):announces({ med = 100 })
end)

test("a daemon that is started again begins nothing anew", function()
  expect(after(nil)):announces({ med = 100 })
  expect(after(1, { announced = true, attributes = { med = 140 } })):announces({ med = 140 })
end)

test("down is down at once", function()
  expect(decide:run(ctx({ healthy = false, reason = "status 503" }))):withdraws("status 503")
end)
