#!lua
-- expect: must-error
local function bomb()
  return parallel({ bomb, bomb })
end
return bomb()
