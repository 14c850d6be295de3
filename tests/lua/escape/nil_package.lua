#!lua
-- expect: must-be-nil
return package or debug or os or pcall(require, "os") or pcall(require, "package") or nil
