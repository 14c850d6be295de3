#!lua
-- expect: must-be-true
local function spin() while true do end end
local trap = setmetatable({}, { __index = spin, __pairs = spin, __len = spin, __call = spin })
tcp.connect("127.0.0.1", 1, trap)
http.get("http://127.0.0.1:1/", setmetatable({ headers = trap, timeout = 0.05 }, { __index = spin, __pairs = spin }))
return true
