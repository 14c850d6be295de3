#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(tcp.connect("localhost", 2379, { timeout = 0.4 }))
