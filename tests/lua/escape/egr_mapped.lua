#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(tcp.connect("::ffff:127.0.0.1", 2379)) and denied(tcp.connect("[::ffff:7f00:1]", 2379))
