#!lua
-- expect: must-be-killed
while true do pcall(table.sort, {3, 2, 1}, pcall) end
