#!lua
-- A service that flaps stays away until it was quiet for a while (the penalties of RFC 2439): each time that a check
-- goes down costs 1000 points, which decay. It never takes away what stands and is healthy: it only delays the return,
-- by `max` at most.
--
-- {"use": "hold_down", "half_life": "2m", "max": "5m"}
--
-- @param suppress number = 2500  points above which it stays away
-- @param reuse number = 750  points below which it comes back
-- @param half_life duration = 120  in this time half of the points go
-- @param max duration = 300  it stays away for at most this long after the check last went down
-- @param checks string[]  only these checks of the route count; without it all
-- @param med number  not away, but announced with this MED
-- @param times number  not away, but announced with the local AS number so often in front
local want = options
local PENALTY = 1000
-- More than this would last longer than `max` (RFC 2439, 4.2).
local CEILING = want.reuse * 2 ^ (want.max / want.half_life)
assert(want.reuse > 0 and want.reuse < want.suppress, "reuse: expected more than 0 and less than suppress")
assert(want.suppress < CEILING, "max: too short for these points: it would never stay away")

-- Seconds for which one with these changes, newest first, still stays away; 0: not.
local function left(changes, now)
  local points, at, is_suppressed, was_down = 0, nil, false, false
  local function decay(to)
    points = at and points * 0.5 ^ (math.max(0, to - at) / want.half_life) or points
    is_suppressed = is_suppressed and points > want.reuse
    at = to
  end
  for i = #changes, 1, -1 do
    local is_down = changes[i].state == "down"
    if is_down and not was_down then
      decay(changes[i].at)
      points = math.min(points + PENALTY, CEILING)
      is_suppressed = is_suppressed or points > want.suppress
    end
    was_down = is_down
  end
  decay(now)
  return is_suppressed and want.half_life * math.log(points / want.reuse, 2) or 0
end

local function worst(ctx)
  local most, which = 0, nil
  local counts = {}
  for _, name in ipairs(want.checks or {}) do
    counts[name] = true
  end
  for name, check in pairs(ctx.checks) do
    local seconds = (not want.checks or counts[name]) and left(check.changes or {}, ctx.now) or 0
    if seconds > most then
      most, which = seconds, name
    end
  end
  return most, which
end

return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  local seconds, name = worst(ctx)
  local is_worse = want.med or want.times
  if seconds == 0 or ctx.standing.announced and not is_worse then
    return announce()
  end
  local reason, again_in = "the check " .. name .. " flaps", math.max(0.1, seconds)
  if not is_worse then
    return withdraw(reason, { again_in = again_in })
  end
  return announce({ med = want.med, prepend = want.times, reason = reason, again_in = again_in })
end
