#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(udp.exchange("255.255.255.255", 53, "x")) and denied(udp.exchange("224.0.0.251", 5353, "x"))
