#!lua
-- expect: must-error
table.sort({2, 1}, function() time.sleep(60) end)
