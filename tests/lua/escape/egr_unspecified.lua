#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(tcp.connect("0.0.0.0", 2379)) and denied(tcp.connect("::", 2379))
