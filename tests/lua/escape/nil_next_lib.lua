#!lua
-- expect: must-be-nil
return next(string)
