#!lua
-- The capacity of this node as link bandwidth, so that routers with weighted ECMP send each node its share; less of it
-- while the score of a check is low.
--
-- {"use": "link_bandwidth", "label": "capacity", "check": "load"}
--
-- @param capacity number  Mbit/s; without it the label of the node says it
-- @param label string = "capacity"  the label of the node (`node/NODE/labels`) that says it: a number, Mbit/s
-- @param check string  a check of the route ("healthcheck": its own): its score is the percentage that is told
-- @param least number = 10  the least percentage
-- @param step number = 10  the percentage moves in steps of so many
-- @param slack number = 3  how many points beyond the edge of its step the score must be before it moves
-- @param as number  the AS number in the community; without it the local one (23456 in place of one above 65535)
local want = options
local AS_TRANS = 23456
assert(want.step > 0 and want.step <= 100, "step: expected 1 to 100")
assert(want.least > 0 and want.least <= 100, "least: expected 1 to 100")

-- The last score that it gave; nil: not known now.
local function score_of(check)
  if not check or check.state == "unknown" or check.state == "unchecked" then
    return nil
  elseif check.state == "down" then
    return check.score or 0
  end
  local score = check.score
  for _, result in ipairs(check.results or {}) do
    score = score or result.score
  end
  return score
end

local function as_of(ctx)
  local first = ctx.neighbors[1]
  local as = want.as or first and first.local_as or AS_TRANS
  return as <= 65535 and as or AS_TRANS
end

-- Bytes a second go as a float of four bytes, which rounds them.
local function community(as, capacity, percent)
  local bytes = string.pack(">f", capacity * 1000000 / 8 * percent / 100)
  local text = string.format("bandwidth:%d:%.0f", as, (string.unpack(">f", bytes)))
  -- So it is written where it is too large for ExaBGP 5.0.
  return text, string.format("0x4004%04x%08x", as, (string.unpack(">I4", bytes)))
end

local function stands(standing, text, digits)
  for _, entry in ipairs((standing.attributes or {}).extended_community or {}) do
    if entry == text or entry:lower() == digits then
      return true
    end
  end
  return false
end

-- The score rounded up to whole steps: that which stands as long as the score is within its slack.
local function percent_of(score, is_standing)
  local function clamp(percent)
    return math.max(want.least, math.min(100, percent))
  end
  score = math.max(0, math.min(100, score))
  for percent = want.step, 100 + want.step - 1, want.step do
    if score <= percent + want.slack and score > percent - want.step - want.slack and is_standing(clamp(percent)) then
      return clamp(percent)
    end
  end
  return clamp(math.ceil(score / want.step) * want.step)
end

local function unsure(ctx, reason)
  return ctx.standing.announced and keep(reason) or announce({ reason = reason })
end

return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  local capacity = want.capacity or tonumber(ctx.node.labels[want.label])
  if not capacity or capacity <= 0 then
    return unsure(ctx, "the node has no capacity: label " .. want.label)
  end
  local score = not want.check and 100 or score_of(ctx.checks[want.check])
  if not score then
    return unsure(ctx, "no score of the check " .. want.check)
  end
  local as = as_of(ctx)
  local percent = percent_of(score, function(some)
    return stands(ctx.standing, community(as, capacity, some))
  end)
  return announce({
    add_extended_community = { (community(as, capacity, percent)) },
    reason = string.format("%g %% of %g Mbit/s", percent, capacity),
  })
end
