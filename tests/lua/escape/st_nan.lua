#!lua
-- expect: must-be-true
state.a, state.b, state.c = 0 / 0, 1 / 0, -1 / 0
return true
