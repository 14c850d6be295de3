#!lua
-- expect: must-be-true
local trap = setmetatable({}, { __pairs = function() while true do end end, __index = function() while true do end end,
  __len = function() while true do end end })
metric.gauge("a", 1, trap)
return not pcall(metric.gauge, "a", 1, { x = trap }) and not pcall(metric.gauge, "a", 1, { [trap] = "x" }) and
  not pcall(metric.gauge, "a", trap)
