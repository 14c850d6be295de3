#!lua
-- expect: must-error
local t = {}
for i = 1, 60 do
  t[i] = function() local s = ("x"):rep(100000) .. i time.sleep(0.01) return s end
end
return #parallel(t)
