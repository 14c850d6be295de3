#!lua
-- A service that came back gets its traffic by and by: the MED falls, or the local preference rises, in steps.
--
-- {"use": "slow_start", "from": 200, "to": 100, "over": "5m"}
--
-- @param attribute "med"|"local_preference" = "med"  what moves
-- @param from number = 200  its value when the service has come back
-- @param to number = 100  its value in the end
-- @param over duration = 300  how long it takes
-- @param steps number = 5  in how many steps
local want = options
assert(want.steps >= 1 and want.steps <= 100, "steps: expected 1 to 100")

local function value_of(step)
  return math.floor(want.from + (want.to - want.from) * step / want.steps + 0.5)
end

-- The step that stands; what stands with another value is well already.
local function standing_step(standing)
  if not standing.announced then
    return 0
  end
  local value = (standing.attributes or {})[want.attribute]
  for step = 0, want.steps - 1 do
    if value == value_of(step) then
      return step
    end
  end
  return want.steps
end

return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  local each = want.over / want.steps
  local age = ctx.since and math.max(0, ctx.now - ctx.since) or want.over
  -- A second start of the daemon, or a clock that goes back, makes nothing worse.
  local step = math.max(math.min(age // each, want.steps), standing_step(ctx.standing)) // 1
  if step >= want.steps then
    return announce({ [want.attribute] = value_of(want.steps) })
  end
  return announce({
    [want.attribute] = value_of(step),
    reason = string.format("slow start, step %d of %d", step + 1, want.steps + 1),
    again_in = math.max(0.1, math.min((step + 1) * each - age, 86400)),
  })
end
