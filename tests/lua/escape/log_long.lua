#!lua
-- expect: must-be-true
log.info(("x\n\27[31m\0"):rep(30000))
log.warn(("\xff"):rep(100000))
return true
