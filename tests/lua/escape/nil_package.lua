#!lua
-- expect: must-be-nil
return package or require or debug or os
