#!lua
-- expect: must-be-true
for i = 1, 20000 do metric.gauge("g" .. i, i) metric.counter("c" .. i) end
return true
