#!lua
-- expect: must-be-true
if not peer then
  return true
end
local conn = assert(tcp.connect("127.0.0.1", peer.silent))
for _, n in ipairs({ 0, -1, 1e18, 0 / 0, math.maxinteger, 1.5 }) do
  if pcall(conn.receive, conn, n) then
    return false, tostring(n)
  end
end
return true
