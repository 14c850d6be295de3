#!lua
-- expect: must-not-affect-others
local env = ... pcall(setmetatable, env, {__index = function() return 'evil' end}) pcall(function() env.string = {} env.math = nil env.getmetatable = function() return {} end end) leaked = env
