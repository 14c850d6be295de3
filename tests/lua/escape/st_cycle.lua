#!lua
-- expect: must-be-true
state.self = state
state.list = { state, { state } }
return true
