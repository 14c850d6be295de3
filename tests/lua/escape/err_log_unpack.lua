#!lua
-- expect: must-be-stopped
local t = {} for i = 1, 30000 do t[i] = i end while true do log.info(table.unpack(t)) end
