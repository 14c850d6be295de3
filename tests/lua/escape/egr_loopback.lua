#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(tcp.connect("127.8.9.10", 2379)) and denied(tcp.connect("::1", 2379))
