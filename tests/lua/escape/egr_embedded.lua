#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(tcp.connect("64:ff9b::7f00:1", 2379)) and denied(tcp.connect("2002:7f00:1::", 2379)) and
  denied(tcp.connect("::127.0.0.1", 2379))
