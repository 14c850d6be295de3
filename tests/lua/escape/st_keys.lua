#!lua
-- expect: must-be-true
for i = 1, 12000 do state["k" .. i] = i end
return true
