#!lua
-- expect: must-be-true
for i = 1, 800 do state[i * 7] = true end
return true
