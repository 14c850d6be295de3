#!lua
-- MySQL or MariaDB greets: it has a connection to spare.
local host = options.env.MYSQL_HOST or "127.0.0.1"
local port = tonumber(options.env.MYSQL_PORT or "3306")

local conn, err = tcp.connect(host, port, { timeout = 1 })
if not conn then
  return false, err
end

local head, problem = conn:receive(4, { timeout = 1 })
if not head then
  return false, problem
end
local length = string.unpack("<I3", head)
local packet = assert(conn:receive(length))
if packet:byte() == 0xff then
  local code, at = string.unpack("<I2", packet, 2)
  return false, string.format("error %d: %s", code, packet:sub(at))
elseif packet:byte() ~= 10 then
  return false, string.format("protocol %d, expected 10", packet:byte())
end
return true, { version = string.unpack("z", packet, 2), seconds = conn.rtt }
