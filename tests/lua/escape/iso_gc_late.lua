#!lua
-- expect: must-not-affect-others
local mt = {} for i = 1, 1000 do setmetatable({}, mt) end mt.__gc = function() while true do end end mt.__mode = 'k' mt.__close = mt.__gc for i = 1, 1e5 do local x = {} end
