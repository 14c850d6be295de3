#!lua
-- expect: must-be-stopped
return ('('):rep(200000):find('%b()')
