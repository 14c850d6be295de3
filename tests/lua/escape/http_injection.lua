#!lua
-- expect: must-be-true
local url = "http://127.0.0.1:1/"
return not pcall(http.get, url, { headers = { X = "a\r\nHost: evil" } }) and
  not pcall(http.get, url, { headers = { ["X\r\nY"] = "a" } }) and not pcall(http.get, url, { headers = { X = "a\0b" } }) and
  not pcall(http.request, url, { method = "GET / HTTP/1.1\r\nX: y" }) and not pcall(http.get, url .. "\r\nX: y") and
  not pcall(http.get, url .. "a b") and not pcall(http.get, url, { headers = { X = {} } })
