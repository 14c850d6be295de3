#!lua
-- expect: must-be-killed
local t = setmetatable({}, {__index = function(t, k) while true do pcall(error) end end}) return t.x
