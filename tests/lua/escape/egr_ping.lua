#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(icmp.ping("169.254.1.1")) and denied(icmp.ping("224.0.0.1"))
