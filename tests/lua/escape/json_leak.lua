#!lua
-- expect: must-be-true
for i = 1, 200 do
  pcall(json.decode, ('["' .. ("x"):rep(1000) .. '",'):rep(100))
end
return true
