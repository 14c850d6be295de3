#!lua
-- expect: must-error
return require("cycle_a")
