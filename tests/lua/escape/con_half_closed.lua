#!lua
-- expect: must-be-true
if not peer then
  return true
end
local conn = assert(tcp.connect("127.0.0.1", peer.half))
local got, text, code = conn:receive()
for i = 1, 8 do
  conn:send(("x"):rep(10000), { timeout = 0.01 })
end
return got == nil and code == "closed" and conn:receive() == nil
