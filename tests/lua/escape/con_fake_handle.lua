#!lua
-- expect: must-be-true
if not peer then
  return true
end
local conn = assert(tcp.connect("127.0.0.1", peer.silent))
local send = conn.send
return not pcall(send, {}, "x") and not pcall(send, "x", "x") and not pcall(send) and not pcall(setmetatable, conn, {}) and
  getmetatable(conn) == false and not pcall(function() conn.address = "x" end)
