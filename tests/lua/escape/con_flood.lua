#!lua
-- expect: must-be-true
if not peer then
  return true
end
local conn = assert(tcp.connect("127.0.0.1", peer.flood))
local line, text, code = conn:line({ timeout = 0.3 })
local other = assert(tcp.connect("127.0.0.1", peer.flood))
local found = other:expect("never", { plain = true, max = 1000, timeout = 0.3 })
return line == nil and (code == "limit" or code == "protocol") and found == nil
