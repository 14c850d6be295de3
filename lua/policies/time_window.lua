#!lua
-- Announces only in a window of the day, and only while the route is healthy.
--
-- {"use": "time_window", "from": "22:00", "to": "06:00", "days": [5, 6], "offset": "+01:00"}
--
-- @param from string required  when the window begins, as HH:MM
-- @param to string required  when it ends, as HH:MM; earlier than `from`: on the next day
-- @param days number[] = [1, 2, 3, 4, 5, 6, 7]  the days on which it begins, 1 = Monday
-- @param offset string = "+00:00"  how far the clock that this means is ahead of UTC; it knows no summer time

local DAY = 24 * 60

local function minutes(name, text)
  local hour, minute = text:match("^(%d%d):(%d%d)$")
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 then
    error(name .. ": expected HH:MM, found " .. text)
  end
  return tonumber(hour) * 60 + tonumber(minute)
end

local from, to = minutes("from", options.from), minutes("to", options.to)
local begins_on = {}
for _, day in ipairs(options.days) do
  begins_on[day] = true
end

local function is_open(at, weekday)
  if from < to then
    return begins_on[weekday] and at >= from and at < to
  end
  local yesterday = weekday == 1 and 7 or weekday - 1
  return begins_on[weekday] and at >= from or begins_on[yesterday] and at < to
end

return function(ctx)
  local now = time.date(ctx.now, options.offset)
  local at = now.hour * 60 + now.min
  local next_from, next_to = (from - at - 1) % DAY + 1, (to - at - 1) % DAY + 1
  local again_in = math.min(next_from, next_to) * 60 - now.sec
  if not ctx.healthy then
    return withdraw(ctx.reason, { again_in = again_in })
  end
  if is_open(at, now.weekday) then
    return announce { reason = "from " .. options.from .. " to " .. options.to, again_in = again_in }
  end
  return withdraw("not from " .. options.from .. " to " .. options.to, { again_in = again_in })
end
