#!lua
-- expect: must-not-affect-others
local f, s = pairs(string) pcall(function() s.upper = function() return 'evil' end end) for k, v in pairs(string) do pcall(function() s[k] = nil end) end for k in f, s do pcall(function() f(s, k).x = 1 end) end
