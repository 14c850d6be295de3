#!lua
-- expect: must-be-killed
while true do pcall(string.gsub, ('x'):rep(9), 'x', function() while true do pcall(error) end end) end
