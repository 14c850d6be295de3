#!lua
-- expect: must-be-true
local t, n = {}, 0
for i = 1, 2000 do t[i] = function() n = n + 1 end end
parallel(t)
return n == 2000
