#!lua
-- expect: must-error
return require("selfish")
