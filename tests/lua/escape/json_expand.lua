#!lua
-- expect: must-error
local text = "[" .. ("[],"):rep(80000) .. "1]"
local all = {}
for i = 1, 100 do all[i] = json.decode(text) end
return #all
