#!lua
-- expect: must-be-true
local ok = pcall(require, "meddler")
return leaked == nil and string.upper("x") == "X" and not ok
