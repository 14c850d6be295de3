#!lua
-- expect: must-be-true
state[("k"):rep(300000)] = 1
state["\0\xff"] = 1
return true
