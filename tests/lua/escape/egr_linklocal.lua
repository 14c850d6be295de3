#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(http.get("http://169.254.169.254/latest/meta-data")) and denied(tcp.connect("169.254.169.254", 80)) and
  denied(tcp.connect("fe80::1", 80))
