#!lua
-- A question to an NTP server (RFC 5905): up while it is synchronised and its time is about ours.
--
-- {"use": "ntp", "offset": 0.5, "stratum": 3}
--
-- @param host string  the server; without it the route's own address
-- @param port number = 123  its port
-- @param offset number = 1  seconds that its clock may differ from ours
-- @param stratum number = 15  the highest stratum that is good
-- @param tries number = 2  how often the question is sent, each time after timeout / tries
-- @param timeout duration = 1  of the question
local want = options.check
local own = route and (route.prefix:match("^([%d.]+)/32$") or route.prefix:match("^(.+)/128$"))
local host = assert(want.host or own, "the check has no route with one address: say host")

local SINCE_1900 = 2208988800 -- seconds up to 1970
local FORMAT = ">BBBb I4 I4 I4 I8 I8 I8 I8" -- flags, stratum, poll, precision, delay, dispersion, id, four times

local function to_ntp(seconds)
  local whole = seconds // 1
  return math.tointeger(whole) + SINCE_1900 << 32 | math.tointeger((seconds - whole) * 2 ^ 32 // 1)
end

local function to_unix(stamp)
  return (stamp >> 32) - SINCE_1900 + (stamp & 0xffffffff) / 2 ^ 32
end

local sent_at = time.now()
local mark = to_ntp(sent_at)
local request = string.pack(FORMAT, 4 << 3 | 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, mark) -- version 4, from a client
local reply, rtt = udp.exchange(host, want.port, request, { timeout = want.timeout, tries = want.tries })
if not reply then
  return false, rtt
end
if #reply < #request then
  return false, string.format("reply of %d bytes, expected at least %d", #reply, #request)
end
local flags, stratum, _, _, _, _, _, _, origin, received, transmitted = string.unpack(FORMAT, reply)
if origin ~= mark then
  return false, "the reply is not to our question"
end
local came_at = sent_at + rtt
local offset = (to_unix(received) - sent_at + to_unix(transmitted) - came_at) / 2
local seen = { stratum = stratum, offset = offset, seconds = rtt }
if flags >> 6 == 3 or stratum == 0 or stratum == 16 then
  return false, string.format("not synchronised (stratum %d)", stratum), seen
end
if stratum > want.stratum then
  return false, string.format("stratum %d, expected at most %d", stratum, want.stratum), seen
end
if math.abs(offset) > want.offset then
  return false, string.format("clock differs by %.3f s, expected at most %g", offset, want.offset), seen
end
return true, seen
