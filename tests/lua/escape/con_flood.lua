#!lua
-- expect: must-be-true
if not peer then
  return true
end
local conn = assert(tcp.connect("127.0.0.1", peer.flood))
local line, text, code = conn:line({ timeout = 10 })
local other = assert(tcp.connect("127.0.0.1", peer.flood))
local found = other:expect("never", { plain = true, max = 1000, timeout = 10 })
return line == nil and code == "toolong" and found == nil
