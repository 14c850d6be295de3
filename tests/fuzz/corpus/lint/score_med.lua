#!lua
-- The score of a check as MED, in steps: the worse the score, the higher the MED.
--
-- {"use": "score_med", "best": 100, "worst": 200, "step": 25}
--
-- @param check string = "healthcheck"  the check whose score it is: the route's own, or the name of one in its `checks`
-- @param best number = 100  the MED at a score of 100
-- @param worst number = 200  the MED at a score of 0
-- @param step number = 20  how many points of the score make a step
-- @param slack number = 5  how many points beyond the edge of its step the score must be before the MED moves
local want = options
assert(want.step > 0 and want.step <= 100, "step: expected 1 to 100")
assert(want.slack >= 0, "slack: expected 0 or more")

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

local function med_of(level)
  return math.floor(want.best + (want.worst - want.best) * math.min(level * want.step, 100) / 100 + 0.5)
end

-- Level 0 begins at a score of 100, each further one `step` points lower. The one that stands has the slack for it.
local function level_of(score, standing)
  score = math.max(0, math.min(100, score))
  local levels = math.ceil(100 / want.step)
  for level = 0, levels do
    local high = 100 - level * want.step
    if standing and standing.med == med_of(level)
      and score <= high + want.slack and score > high - want.step - want.slack then
      return level
    end
  end
  return math.floor((100 - score) / want.step)
end

return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  local score = score_of(ctx.checks[want.check])
  if not score then
    local reason = "no score of the check " .. want.check
    return ctx.standing.announced and keep(reason) or announce({ reason = reason })
  end
  local level = level_of(score, ctx.standing.attributes)
  return announce({
    med = med_of(level),
    reason = string.format("score up to %g", math.max(0, 100 - level * want.step)),
  })
end
