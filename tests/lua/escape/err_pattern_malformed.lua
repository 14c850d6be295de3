#!lua
-- expect: must-be-stopped
return ('a'):rep(400):find('a*a*a*a*b%')
