#!lua
-- expect: must-be-true
for i = 1, 300 do
  pcall(parallel, { function() time.sleep(3600) end, function() error({}) end, function() time.sleep(3600) end })
end
return true
