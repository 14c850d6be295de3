#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(udp.exchange("127.0.0.1", 2379, "x")) and denied(dns.query("a.example", "A", { server = "127.0.0.1", port = 2379 }))
