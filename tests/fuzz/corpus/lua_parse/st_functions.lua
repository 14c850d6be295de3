#!lua
-- expect: must-be-true
state.f = tcp.connect
state.g = function() while true do end end
return true
