#!lua
-- expect: must-be-true
local ok = pcall(string.gsub, "x", "x", function() parallel({ function() end }) end)
return not ok
