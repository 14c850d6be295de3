#!lua
-- Announced at certain hours of certain days only, or only outside of them; at other times withdrawn, or announced with
-- worse attributes.
--
-- {"use": "time_window", "days": ["sun"], "from": "22:00", "to": "06:00", "offset": "+01:00", "announce": "outside"}
--
-- @param days string[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]  days on which the window opens
-- @param from string = "00:00"  when it opens
-- @param to string = "24:00"  when it closes; not later than `from`: on the next day
-- @param offset string = "+00:00"  the local time less UTC, the same in summer and winter
-- @param announce "inside"|"outside" = "inside"  when the route is announced
-- @param med number  at other times: announced with this MED, not withdrawn
-- @param times number  at other times: announced with the local AS number so often in front, not withdrawn
-- @param community string[]  at other times: announced with these communities added, not withdrawn
local want = options
local DAY = 86400
local NAMES = { mon = 1, tue = 2, wed = 3, thu = 4, fri = 5, sat = 6, sun = 7 }

local function seconds(name, text)
  local hours, minutes = text:match("^(%d%d):(%d%d)$")
  hours, minutes = tonumber(hours), tonumber(minutes)
  assert(hours and minutes < 60 and hours * 60 + minutes <= 24 * 60, name .. ': expected a time as "06:30"')
  return hours * 3600 + minutes * 60
end

local function offset(text)
  local sign, rest = text:match("^([+-])(%d%d:%d%d)$")
  assert(sign, 'offset: expected one as "+01:00"')
  return (sign == "-" and -1 or 1) * seconds("offset", rest)
end

assert(#want.days > 0, "days: expected at least one")
local days, east = {}, offset(want.offset)
local from, to = seconds("from", want.from), seconds("to", want.to)
to = to <= from and to + DAY or to
for _, name in ipairs(want.days) do
  days[assert(NAMES[name], "days: expected mon, tue, wed, thu, fri, sat or sun")] = true
end

-- Whether a window is open at this second of the local time, and in how many seconds one opens or closes.
local function look(at)
  local is_open, edge = false, 8 * DAY
  local today = math.floor(at / DAY)
  for day = today - 1, today + 7 do
    -- 1970-01-01 was a Thursday.
    if days[(day + 3) % 7 + 1] then
      local opens, closes = day * DAY + from - at, day * DAY + to - at
      is_open = is_open or opens <= 0 and closes > 0
      edge = math.min(edge, opens > 0 and opens or closes > 0 and closes or edge)
    end
  end
  return is_open, edge
end

return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  local is_open, edge = look(ctx.now + east)
  local again_in = math.max(0.1, math.min(edge, DAY))
  local reason = is_open and "inside the window" or "outside the window"
  if is_open == (want.announce == "inside") then
    return announce({ reason = reason, again_in = again_in })
  elseif not (want.med or want.times or want.community) then
    return withdraw(reason, { again_in = again_in })
  end
  return announce({
    med = want.med,
    prepend = want.times,
    add_community = want.community,
    reason = reason,
    again_in = again_in,
  })
end
