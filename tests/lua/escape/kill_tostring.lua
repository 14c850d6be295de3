#!lua
-- expect: must-be-killed
local t = setmetatable({}, {__tostring = function() while true do pcall(error) end end}) while true do pcall(log.info, t) end
