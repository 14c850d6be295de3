#!lua
-- expect: must-not-affect-others
for i = 1, 20000 do log.error(('x'):rep(2000), '\27[2J') end
