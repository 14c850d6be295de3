#!lua
-- Ping: up while enough replies come back, and soon enough.
--
-- {"use": "icmp", "host": "192.0.2.1", "loss": 34}
--
-- @param host string  whom to ping; without it the route's own address
-- @param count number = 3  how many echo requests
-- @param interval duration = 0.2  between them
-- @param timeout duration = 1  for each reply
-- @param loss number = 50  percent of lost replies up to which it is up
-- @param rtt number  seconds up to which the average round trip is good
local want = options.check
local own = route and (route.prefix:match("^([%d.]+)/32$") or route.prefix:match("^(.+)/128$"))
local host = assert(want.host or own, "the check has no route with one address: say host")

local ping, err = icmp.ping(host, { count = want.count, interval = want.interval, timeout = want.timeout })
if not ping then
  return false, err
end
local seen = { loss = ping.loss, seconds = ping.avg }
if ping.loss > want.loss then
  return false, string.format("%s: %d of %d replies, %.0f %% lost, expected at most %g %%",
    ping.address, ping.received, ping.sent, ping.loss, want.loss), seen
end
if want.rtt and ping.avg and ping.avg > want.rtt then
  return false, string.format("%s: round trip %.1f ms on average, expected at most %g ms",
    ping.address, ping.avg * 1000, want.rtt * 1000), seen
end
return true, seen
