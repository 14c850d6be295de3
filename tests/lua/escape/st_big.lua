#!lua
-- expect: must-be-true
state.x = ("x"):rep(500000)
return true
