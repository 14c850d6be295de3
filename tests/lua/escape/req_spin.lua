#!lua
-- expect: must-be-killed
while true do
  pcall(require, "spin")
end
