#!lua
-- expect: must-be-true
local t = {}
t.t = t
local u = { t }
t.u = u
return not pcall(json.encode, t) and not pcall(json.encode, u)
