#!lua
-- expect: must-error
return #json.encode({[1 << 28] = 1})
