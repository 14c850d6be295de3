#!lua
-- expect: must-error
return #json.decode(('['):rep(200000))
