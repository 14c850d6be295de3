#!lua
-- expect: must-error
local s, t = ("x"):rep(1000), {}
for i = 1, 90000 do t[i] = s end
return #json.encode(t)
