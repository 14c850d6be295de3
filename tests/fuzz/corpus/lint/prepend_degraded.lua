#!lua
-- A longer AS path while the service is degraded: still up, but its score is low, or one of some checks is down.
--
-- {"use": "prepend_degraded", "below": 80, "times": 3}
--
-- @param check string = "healthcheck"  the check whose score it is: the route's own, or the name of one in its `checks`
-- @param below number = 75  degraded while the score is below this
-- @param slack number = 5  how many points above it the score must be to count as good again
-- @param checks string[] = []  names of checks of the route: degraded, too, while one of them is down
-- @param times number = 2  how often the AS number stands in front then
-- @param as number  which AS number; without it the local one
-- @param community string[]  communities to add then
local want = options

-- True or false; nil: not known now.
local function is_down(check)
  if not check or check.state == "unknown" or check.state == "unchecked" then
    return nil
  end
  return check.state == "down"
end

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

local function length(attributes)
  local path = attributes and attributes.as_path
  return type(path) == "table" and #path or path and 1 or 0
end

-- Whether it is, and why; nil: not known now.
local function judge(ctx, was_degraded)
  local score, is_known = score_of(ctx.checks[want.check]), true
  if score and score < want.below + (was_degraded and want.slack or 0) then
    return true, string.format("the score of %s is below %g", want.check, want.below)
  end
  for _, name in ipairs(want.checks) do
    local down = is_down(ctx.checks[name])
    if down then
      return true, "the check " .. name .. " is down"
    end
    is_known = is_known and down ~= nil
  end
  -- Without a list of checks the score is all there is to go by.
  if not is_known or score == nil and #want.checks == 0 then
    return nil, "no score of the check " .. want.check
  end
  return false
end

return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  local was_degraded = ctx.standing.announced and length(ctx.standing.attributes) > length(ctx.route.attributes)
  local is_degraded, reason = judge(ctx, was_degraded)
  if is_degraded == nil and ctx.standing.announced then
    return keep(reason)
  end
  if not is_degraded then
    return announce({ reason = reason })
  end
  return announce({
    prepend = want.as and { as = want.as, times = want.times } or want.times,
    add_community = want.community,
    reason = "degraded: " .. reason,
  })
end
