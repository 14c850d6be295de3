#!lua
-- expect: must-be-killed
log.info(setmetatable({}, { __tostring = function() while true do end end }))
return true
