#!lua
-- expect: must-be-killed
local t = {}
for i = 1, 60 do t[i] = function() time.sleep(3600) end end
return parallel(t)
