#!lua
-- expect: must-be-true
local function spin() while true do end end
state = setmetatable({}, { __pairs = spin, __index = spin, __len = spin, __tostring = spin, __eq = spin, __lt = spin })
return true
