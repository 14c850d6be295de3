#!lua
-- expect: must-be-true
return not pcall(json.decode, ("["):rep(100000)) and not pcall(json.decode, ('{"a":'):rep(20000))
