#!lua
-- expect: must-error
local s, t = ('x'):rep(100000), {} for i = 1, 20000 do t[i] = s end return #json.encode(t)
