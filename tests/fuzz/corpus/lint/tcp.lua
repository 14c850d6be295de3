#!lua
-- A connection by TCP: up while it can be made, and while the other side says what it should say.
--
-- {"use": "tcp", "port": 6379, "send": "PING\r\n", "expect": "PONG"}
--
-- @param host string  where to; without it the route's own address
-- @param port number required  which port
-- @param tls boolean = false  whether to speak TLS from the first byte, with a valid certificate
-- @param send string  what is sent after the connect
-- @param expect string  a Lua pattern that must be found in what comes then
-- @param timeout duration  of each step; without it the check's own ends it
local want = options.check
local own = route and (route.prefix:match("^([%d.]+)/32$") or route.prefix:match("^(.+)/128$"))
local host = assert(want.host or own, "the check has no route with one address: say host")

local connect = want.tls and tls.connect or tcp.connect
local conn, err = connect(host, want.port, { timeout = want.timeout })
if not conn then
  return false, err
end
local seen = { address = conn.address, seconds = conn.rtt }
if want.send then
  local sent, problem = conn:send(want.send, { timeout = want.timeout })
  if not sent then
    return false, problem, seen
  end
end
if want.expect then
  local found, problem = conn:expect(want.expect, { timeout = want.timeout })
  if not found then
    return false, problem, seen
  end
  seen.found = found
end
return true, seen
