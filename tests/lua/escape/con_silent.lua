#!lua
-- expect: must-be-true
if not peer then
  return true
end
local conn = assert(tcp.connect("127.0.0.1", peer.silent))
local got, text, code = conn:receive({ timeout = 0.05 })
return got == nil and code == "timeout"
