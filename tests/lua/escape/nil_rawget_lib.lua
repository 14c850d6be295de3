#!lua
-- expect: must-be-nil
return rawget(string, 'rep')
