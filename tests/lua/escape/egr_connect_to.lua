#!lua
-- expect: must-be-true
local function denied(r, text, code)
  return r == nil and code == "egress"
end
return denied(http.get("http://example.org/", { connect_to = "127.0.0.1:2379" })) and
  denied(http.get("http://example.org/", { connect_to = "[::1]:2379" }))
