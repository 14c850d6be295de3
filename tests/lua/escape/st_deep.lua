#!lua
-- expect: must-be-true
local t = state
for i = 1, 8000 do t.t = {} t = t.t end
return true
