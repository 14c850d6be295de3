#!lua
-- expect: must-be-nil
return coroutine
