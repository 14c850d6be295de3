#!lua
-- expect: must-be-true
local headers = {}
for i = 1, 5000 do
  headers["X-" .. i] = ("y"):rep(100)
end
local ok, r, text, code = pcall(http.get, "http://127.0.0.1:1/", { headers = headers, timeout = 0.2 })
return not ok or r == nil
