#!lua
-- expect: must-be-true
for i = 1, 50000 do log.info("line", i, ("x"):rep(20)) end
return true
