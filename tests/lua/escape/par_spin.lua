#!lua
-- expect: must-be-killed
return pcall(parallel, { function() time.sleep(3600) end, function() while true do pcall(error) end end })
