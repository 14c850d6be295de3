#!lua
-- expect: must-not-affect-others
pcall(function() math.randomseed(1) end) math.floor = nil
