#!lua
-- Redis answers PING, and is the master if REDIS_ROLE says so.
local host = options.env.REDIS_HOST or "127.0.0.1"
local port = tonumber(options.env.REDIS_PORT or "6379")

local conn, err = tcp.connect(host, port, { timeout = 1 })
if not conn then
  return false, err
end

local function ask(command)
  assert(conn:send(command .. "\r\n"))
  return assert(conn:line({ timeout = 1 }))
end

local answer = ask("PING")
-- While it loads its data: "-LOADING Redis is loading the dataset in memory".
if answer ~= "+PONG" then
  return false, "PING: " .. answer
end
if options.env.REDIS_ROLE then
  local length = ask("INFO replication"):match("^%$(%d+)$")
  local info = assert(conn:receive(tonumber(length)))
  local role = info:match("role:(%a+)")
  if role ~= options.env.REDIS_ROLE then
    return false, string.format("role %s, expected %s", role, options.env.REDIS_ROLE)
  end
end
return true, { seconds = conn.rtt }
